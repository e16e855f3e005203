//! `docs/errors.md` says what the gateway's own table says, of every reason.

use scopegate::gateway::explain::words::words;
use scopegate::gateway::reason::Reason;
use std::fmt::Write as _;
use std::path::Path;

/// Where each part begins.
const PARTS: [(Reason, &str); 7] = [
    (Reason::HeadMalformed, "The request"),
    (Reason::TokenMissing, "The credentials"),
    (Reason::TokenUnreadable, "The token"),
    (Reason::SenderUnproven, "Its sender"),
    (Reason::RoleMissing, "The rule"),
    (Reason::UpstreamRefused, "The upstream"),
    (Reason::IssuerUnreachable, "The gateway and its issuers"),
];

const HEAD: &str = "# Why requests are refused

Every refusal has one reason. It stands in the access log (`reason`), in `scopegate_requests_total{reason=…}`, and is what
`scopegate explain` says. The client never reads it: its answer has the status, the OAuth error code where RFC 6750 or
RFC 9449 has one, and one sentence.

Ask about a single request: `scopegate explain FILE METHOD PATH --token-file -`, or `POST /explain` on the admin listener
of the gateway that refused it. The reasons stand in the order in which the gateway looks; a request is refused for the
first one that it meets.

This page is made from the gateway's own table (`src/gateway/explain/words.rs`); a test holds the two together.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for reason in Reason::ALL {
        if let Some((_, part)) = PARTS.iter().find(|(first, _)| *first == reason) {
            write!(page, "\n## {part}\n").unwrap();
        }
        let words = words(reason);
        let code = reason.code().map(|code| format!(" · `{}`", code.as_str())).unwrap_or_default();
        let status = reason.status();
        write!(
            page,
            "\n### {}\n\n**{status}**{code} · at fault: {}\n\n{}\n\nWhat to do: {}\n",
            reason.name(),
            words.fault.describe(),
            words.meaning,
            words.mend
        )
        .unwrap();
    }
    page
}

#[test]
fn the_error_reference_is_in_step_with_the_gateway() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
    let wanted = page();
    if std::fs::read_to_string(&path).unwrap_or_default() != wanted {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("errors.md");
        std::fs::write(&made, wanted).unwrap();
        panic!("docs/errors.md is not what the table says; put {} in its place", made.display());
    }
}

/// A sentence for people: a capital, a full stop, no name that only the sources know.
#[test]
fn every_reason_is_told_in_whole_sentences() {
    for reason in Reason::ALL {
        let words = words(reason);
        for text in [words.meaning, words.mend] {
            assert!(text.starts_with(char::is_uppercase) && text.ends_with('.'), "{reason:?}: {text}");
            assert!(!text.contains("::") && !text.contains('|'), "{reason:?}: {text}");
        }
    }
}
