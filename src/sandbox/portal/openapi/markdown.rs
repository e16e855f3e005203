//! The little Markdown of our own documents as HTML: headings, paragraphs, numbered and plain lists, tables, `code`.
//! Everything is escaped; nothing else is understood, links and raw HTML least of all.

use std::fmt::Write as _;

/// Safe HTML. Headings begin at `h3`, because the page has the others.
pub(super) fn html(text: &str) -> String {
    let mut html = String::new();
    let mut lines = text.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            element(&mut html, "h3", title);
        } else if is_row(line) {
            let mut rows = vec![cells(line)];
            while let Some(row) = lines.next_if(|line| is_row(line)) {
                rows.push(cells(row));
            }
            table(&mut html, &rows);
        } else if let Some(list) = List::of(line) {
            let mut items = vec![list.1.to_owned()];
            while let Some(next) = lines.next_if(|next| List::of(next).is_some_and(|(kind, _)| kind == list.0)) {
                items.extend(List::of(next).map(|(_, item)| item.to_owned()));
            }
            html.push_str(list.0.opening());
            for item in &items {
                element(&mut html, "li", item);
            }
            html.push_str(list.0.closing());
        } else if !line.is_empty() {
            let mut paragraph = line.to_owned();
            while let Some(next) = lines.next_if(|next| is_prose(next)) {
                paragraph.push(' ');
                paragraph.push_str(next);
            }
            element(&mut html, "p", &paragraph);
        }
    }
    html
}

/// One line of text: `code` and the rest.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (place, part) in text.split('`').enumerate() {
        let part =
            askama::filters::escape(part, askama::filters::Html).map(|safe| safe.to_string()).unwrap_or_default();
        if place % 2 == 1 {
            html.push_str("<code>");
            html.push_str(&part);
            html.push_str("</code>");
        } else {
            html.push_str(&part);
        }
    }
    html
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Numbered,
    Plain,
}

impl List {
    fn of(line: &str) -> Option<(Self, &str)> {
        if let Some(item) = line.strip_prefix("- ") {
            return Some((Self::Plain, item));
        }
        let (number, item) = line.split_once(". ")?;
        (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some((Self::Numbered, item))
    }

    fn opening(self) -> &'static str {
        match self {
            Self::Numbered => "<ol>\n",
            Self::Plain => "<ul>\n",
        }
    }

    fn closing(self) -> &'static str {
        match self {
            Self::Numbered => "</ol>\n",
            Self::Plain => "</ul>\n",
        }
    }
}

fn is_row(line: &str) -> bool {
    line.starts_with('|')
}

fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with("## ") && !is_row(line) && List::of(line).is_none()
}

fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

fn table(html: &mut String, rows: &[Vec<&str>]) {
    html.push_str("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>\n");
    for (place, row) in rows.iter().enumerate() {
        // The second row only divides the head from the rest.
        if place == 1 {
            continue;
        }
        let cell = if place == 0 { "th" } else { "td" };
        html.push_str("<tr>");
        for text in row {
            element(html, cell, text);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
}

fn element(html: &mut String, name: &str, text: &str) {
    writeln!(html, "<{name}>{}</{name}>", inline(text)).expect("writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_markdown_of_our_documents_becomes_html() {
        let text = "One\ntwo `x < y`.\n\n## Title\n1. first\n2. second\n\n- a\n| a | b |\n|---|---|\n| `c` | d |\nend";
        assert_eq!(
            html(text),
            "<p>One two <code>x &#60; y</code>.</p>\n<h3>Title</h3>\n<ol>\n<li>first</li>\n<li>second</li>\n</ol>\n\
             <ul>\n<li>a</li>\n</ul>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>\n\
             <tr><th>a</th>\n<th>b</th>\n</tr>\n<tr><td><code>c</code></td>\n<td>d</td>\n</tr>\n</table></div>\n<p>end</p>\n"
        );
    }

    #[test]
    fn nothing_becomes_markup_that_is_not_ours() {
        for text in ["<script>", "`<script>`", "## <script>", "| <script> |", "1. <script>", "- <script>", "` <script>"]
        {
            assert!(!html(text).contains("<script>"), "{text}");
        }
    }
}
