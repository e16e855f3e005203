//! `scopegate routes FILE`: what a configuration lets through, one line per method and path; at the end the paths that
//! the gateway itself answers.

use crate::config::demands::{Demands, StepUp};
use crate::config::resources::Resource;
use crate::config::routes::{Access, Route};
use crate::config::{self, Settings};
use crate::oauth::scope::ScopeToken;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// For people or for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Columns with a heading.
    Table,
    /// A list of objects.
    Json,
}

impl Form {
    /// By `--json`.
    pub fn of(is_json: bool) -> Self {
        if is_json { Self::Json } else { Self::Table }
    }
}

/// Lists the routes in the order of the file.
pub fn run(config: &Path, form: Form, output: &mut impl Write) -> anyhow::Result<ExitCode> {
    let settings = config::load(config)?;
    let documents = settings.resources.iter().flat_map(documents);
    let rows: Vec<Row<'_>> = settings.routes.iter().flat_map(|route| rows(&settings, route)).chain(documents).collect();
    match form {
        Form::Table => table(&rows, output)?,
        Form::Json => {
            // serde_json would hide a closed pipe inside its own error.
            let text = serde_json::to_string_pretty(&rows)?;
            writeln!(output, "{text}")?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// One method of one route.
#[derive(Serialize)]
struct Row<'s> {
    method: &'s str,
    path: Cow<'s, str>,
    /// Empty: every host.
    hosts: &'s [Box<str>],
    /// `open` or `token`.
    access: &'static str,
    /// All of them.
    scopes: Vec<&'s str>,
    /// At least one; empty: no further demand.
    any_scope: Vec<&'s str>,
    /// Empty: every grant.
    grants: Vec<&'static str>,
    /// Empty: every issuer.
    issuers: Vec<&'s str>,
    /// Empty: every one of the issuer's.
    audience: Vec<&'s str>,
    /// Which further checks there are.
    further: Vec<&'static str>,
    /// `None`: the gateway answers itself.
    upstream: Option<&'s str>,
    /// What the upstream calls the path, if that is something else.
    rewritten: Option<String>,
    /// Protocols that its connections may switch to.
    upgrade: &'s [Box<str>],
    body_bytes_max: u64,
    /// How much may be asked for; those that hold everywhere are among them.
    quotas: Vec<&'s str>,
    /// What the API's own document calls it, if it stands in one.
    operation_id: Option<&'s str>,
}

fn rows<'s>(settings: &'s Settings, route: &'s Route) -> impl Iterator<Item = Row<'s>> {
    route.methods.iter().map(move |method| {
        let row = Row {
            hosts: &route.hosts,
            upstream: settings.upstreams.get(route.upstream).map(|upstream| &*upstream.name),
            rewritten: route.rewrite.as_ref().and_then(|rewrite| rewrite.of(&route.path)),
            upgrade: &route.upgrades,
            body_bytes_max: route.body_bytes_max,
            quotas: quotas(settings, route),
            operation_id: route.origin.as_ref().and_then(|origin| origin.operation.as_deref()),
            ..Row::open(method.as_str(), (&*route.path).into())
        };
        match &route.access {
            Access::Open => row,
            Access::Token(demands) => Row {
                access: "token",
                scopes: demands.all.iter().map(ScopeToken::as_str).collect(),
                any_scope: demands.any.iter().map(ScopeToken::as_str).collect(),
                grants: demands.grants.iter().map(|grant| grant.as_str()).collect(),
                issuers: demands
                    .issuers
                    .iter()
                    .filter_map(|index| settings.issuers.get(*index))
                    .map(|issuer| issuer.name.as_ref())
                    .collect(),
                audience: demands.audiences.iter().map(AsRef::as_ref).collect(),
                further: further(demands),
                ..row
            },
        }
    })
}

fn quotas<'s>(settings: &'s Settings, route: &Route) -> Vec<&'s str> {
    let holding = settings.quotas.iter().enumerate().filter(|(place, quota)| quota.holds_on(*place, route));
    holding.map(|(_, quota)| quota.name.as_ref()).collect()
}

/// What a route demands, in few words: `accounts (a|b) +consent, authorization_code`.
pub(super) fn summary(settings: &Settings, route: &Route) -> String {
    let row = rows(settings, route).next();
    let words = row.map(|row| [demand(&row), row.grants.join(",")]).unwrap_or_default();
    words.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The metadata of a resource, which needs no token.
fn documents(resource: &Resource) -> impl Iterator<Item = Row<'_>> {
    ["GET", "HEAD"].into_iter().map(|method| Row::open(method, resource.metadata_path().into()))
}

impl<'s> Row<'s> {
    fn open(method: &'s str, path: Cow<'s, str>) -> Self {
        Self {
            method,
            path,
            hosts: &[],
            access: "open",
            scopes: Vec::new(),
            any_scope: Vec::new(),
            grants: Vec::new(),
            issuers: Vec::new(),
            audience: Vec::new(),
            further: Vec::new(),
            upstream: None,
            rewritten: None,
            upgrade: &[],
            body_bytes_max: 0,
            quotas: Vec::new(),
            operation_id: None,
        }
    }
}

fn further(demands: &Demands) -> Vec<&'static str> {
    let checks = [
        ("authorization_details", demands.details.is_some()),
        ("consent", demands.consent.is_some()),
        ("customer_token", demands.customer_token.is_some()),
        ("required_headers", !demands.headers.is_empty()),
        ("psd2_role", !demands.roles.is_empty()),
        ("step_up", demands.step_up != StepUp::default()),
    ];
    checks.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

fn table(rows: &[Row<'_>], output: &mut impl Write) -> io::Result<()> {
    let from_documents = rows.iter().any(|row| row.operation_id.is_some());
    let last = if from_documents { "OPERATION" } else { "" };
    let heading = ["METHOD", "PATH", "HOST", "SCOPES", "GRANTS", "UPSTREAM", last].map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(heading).chain(rows.iter().map(cells)).collect();
    aligned(&lines, output)
}

/// Columns as wide as what stands in them.
pub(super) fn aligned<const COLUMNS: usize>(lines: &[[String; COLUMNS]], output: &mut impl Write) -> io::Result<()> {
    let mut widths = [0; COLUMNS];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    for line in lines {
        let padded: Vec<String> = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(output, "{}", padded.join("  ").trim_end())?;
    }
    Ok(())
}

fn cells(row: &Row<'_>) -> [String; 7] {
    [
        row.method.to_owned(),
        row.path.to_string(),
        listed(row.hosts, "any"),
        demand(row),
        if row.access == "open" { "-".to_owned() } else { listed(&row.grants, "any") },
        [row.upstream.unwrap_or("-")].into_iter().chain(row.rewritten.as_deref()).collect::<Vec<_>>().join(" "),
        row.operation_id.unwrap_or_default().to_owned(),
    ]
}

/// `open`, `a b`, `a|b`, `a b (c|d)`, each with the names of further checks: `a +consent`.
fn demand(row: &Row<'_>) -> String {
    let (all, any) = (row.scopes.join(" "), row.any_scope.join("|"));
    let scopes = match (all.is_empty(), any.is_empty()) {
        (true, true) if row.access == "open" => row.access.to_owned(),
        (true, true) => String::new(),
        (false, true) => all,
        (true, false) => any,
        (false, false) => format!("{all} ({any})"),
    };
    let further = row.further.iter().map(|check| format!("+{check}"));
    [scopes].into_iter().filter(|scopes| !scopes.is_empty()).chain(further).collect::<Vec<_>>().join(" ")
}

fn listed(items: &[impl Display], none: &str) -> String {
    if items.is_empty() {
        return none.to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(form: Form) -> String {
        let mut output = Vec::new();
        run(Path::new("config/scopegate.yaml"), form, &mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = "\
METHOD  PATH                                   HOST                                  SCOPES                                   GRANTS              UPSTREAM
GET     /accounts                              any                                   accounts                                 authorization_code  accounts
GET     /accounts/{account_id}/balances        api.bank.example,localhost,127.0.0.1  accounts                                 authorization_code  accounts
GET     /consents/{consent_id}/balances        any                                   accounts +consent +step_up               any                 accounts
POST    /standing-orders                       any                                   +authorization_details                   any                 payments
GET     /cards                                 any                                   cards +customer_token +required_headers  any                 accounts /v2/cards
GET     /accounts/live                         any                                   accounts                                 any                 accounts
POST    /payments                              any                                   payments|payments:write                  any                 payments
GET     /health                                any                                   open                                     -                   accounts
HEAD    /health                                any                                   open                                     -                   accounts
GET     /.well-known/oauth-protected-resource  any                                   open                                     -                   -
HEAD    /.well-known/oauth-protected-resource  any                                   open                                     -                   -
";
        assert_eq!(said(Form::Table), expected);
    }

    #[test]
    fn json_holds_every_term() {
        let rows: serde_json::Value = serde_json::from_str(&said(Form::Json)).unwrap();
        let expected = serde_json::json!({
            "method": "GET",
            "path": "/accounts/{account_id}/balances",
            "hosts": ["api.bank.example", "localhost", "127.0.0.1"],
            "access": "token",
            "scopes": ["accounts"],
            "any_scope": [],
            "grants": ["authorization_code"],
            "issuers": ["bank"],
            "audience": [],
            "further": [],
            "upstream": "accounts",
            "rewritten": null,
            "upgrade": [],
            "body_bytes_max": 1_048_576,
            "quotas": ["calls"],
            "operation_id": null,
        });
        assert_eq!((rows.as_array().unwrap().len(), &rows[1]), (11, &expected));
    }
}
