//! Reads the forms of our own pages, as a person at a browser would fill them in. It knows as much HTML as those have.

use crate::sandbox::form;

/// A form of a page with what stands in its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Form {
    /// Where it is sent.
    pub(in crate::sandbox) action: String,
    fields: Fields,
    /// Boxes and buttons to choose among that nothing marks.
    offered: Fields,
}

type Fields = Vec<(String, String)>;

impl Form {
    /// The first form of `page` that is sent to a path which ends with `action`.
    pub(in crate::sandbox) fn find(page: &str, action: &str) -> Option<Self> {
        let mut rest = page;
        while let Some((_, form)) = rest.split_once("<form") {
            let (form, after) = form.split_once("</form>")?;
            let (head, content) = form.split_once('>')?;
            let target = attribute(head, "action")?;
            if target.split('?').next().is_some_and(|path| path.ends_with(action)) {
                let (fields, offered) = fields(content);
                return Some(Self { action: target, fields, offered });
            }
            rest = after;
        }
        None
    }

    /// Types `value` into the field `name`, or presses the button of that name.
    pub(in crate::sandbox) fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(held, _)| held != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Ticks every box of this name.
    pub(in crate::sandbox) fn with_all(mut self, name: &str) -> Self {
        let (ticked, left): (Fields, Fields) = self.offered.into_iter().partition(|(held, _)| held == name);
        self.offered = left;
        self.fields.extend(ticked);
        self
    }

    /// What is sent.
    pub(in crate::sandbox) fn body(&self) -> String {
        let pairs: Vec<_> = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        form::join(&pairs)
    }
}

/// The text of the element `id`, which holds no other element.
pub(in crate::sandbox) fn element(page: &str, id: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("id=\"{id}\""))?;
    let (_, content) = rest.split_once('>')?;
    content.split_once('<').map(|(text, _)| unescape(text.trim()))
}

/// What a browser would send without anybody touching the form. Buttons are left out: one of them is pressed.
fn fields(content: &str) -> (Fields, Fields) {
    let (mut fields, mut offered) = (Fields::new(), Fields::new());
    let mut select = None;
    for tag in content.split('<').skip(1) {
        let (head, text) = tag.split_once('>').unwrap_or((tag, ""));
        let name = || attribute(head, "name");
        let value = || attribute(head, "value").unwrap_or_default();
        match head.split([' ', '\n', '/']).next().unwrap_or_default() {
            "input" => {
                let kind = attribute(head, "type").unwrap_or_default();
                let counts = !matches!(kind.as_str(), "checkbox" | "radio") || has(head, "checked");
                if let Some(name) = name() {
                    if counts { &mut fields } else { &mut offered }.push((name, value()));
                }
            }
            "textarea" => fields.extend(name().map(|name| (name, unescape(text)))),
            "select" => select = name(),
            "option" => {
                // The first one stands there until another is marked.
                let is_first = select.as_ref().is_some_and(|name| !fields.iter().any(|(held, _)| held == name));
                if let Some(name) = select.clone().filter(|_| is_first || has(head, "selected")) {
                    fields.retain(|(held, _)| *held != name);
                    fields.push((name, value()));
                }
            }
            _ => {}
        }
    }
    (fields, offered)
}

fn attribute(head: &str, name: &str) -> Option<String> {
    let (_, rest) = head.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| unescape(value))
}

fn has(head: &str, name: &str) -> bool {
    head.split([' ', '\n']).any(|word| word == name)
}

/// What the templates escape.
fn unescape(text: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<form method="post" action="/other"><input name="x" value="1"></form>
        <form method="post" action="/consent?a=1" class="stack">
        <input type="hidden" name="ask" value="a&#38;b"><input name="user" value="">
        <input type="checkbox" name="account" value="1" checked><input type="checkbox" name="account" value="2">
        <input type="radio" name="debtor" value="3"><input type="radio" name="debtor" value="4" checked>
        <textarea name="note" rows="2">two
lines</textarea><select name="kind"><option value="a">A</option><option value="b" selected>B</option></select>
        <button name="decision" value="allow">Allow</button></form><dd><code class="c" id="client-id">app_1</code>"#;

    #[test]
    fn a_form_is_sent_as_it_stands_with_what_was_changed() {
        let form = Form::find(PAGE, "/consent").unwrap();
        assert_eq!((form.action.as_str(), form.fields[0].1.as_str()), ("/consent?a=1", "a&b"));
        let body = form.with("user", "deniz").with_all("account").with("decision", "allow").body();
        assert_eq!(body, "ask=a%26b&account=1&debtor=4&note=two%0Alines&kind=b&user=deniz&account=2&decision=allow");
        assert_eq!(Form::find(PAGE, "/absent"), None);
    }

    #[test]
    fn an_element_is_found_by_its_id() {
        assert_eq!(element(PAGE, "client-id").as_deref(), Some("app_1"));
        assert_eq!(element(PAGE, "client"), None);
    }
}
