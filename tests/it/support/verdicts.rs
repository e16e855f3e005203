//! What becomes of tokens, row by row: each refused with its challenge and its reason, or let through.

use super::client::Request;
use super::gateway::World;
use super::reasons::description;
use std::sync::atomic::Ordering;

impl World {
    /// Sends each row's token to `/accounts` and demands its refusal: 401 with the exact challenge on the wire, the
    /// exact reason in the log, and nothing upstream.
    pub fn refuses(&self, rows: &[(&str, String, &str)]) {
        let before = self.upstream.hits();
        let first = self.rows.fetch_add(rows.len(), Ordering::Relaxed);
        for (n, (name, token, reason)) in (first..).zip(rows) {
            let answer = self.send(&Request::get("/accounts").token(token).numbered(n));
            let expected = format!(
                "Bearer {}, error=\"invalid_token\", error_description=\"{}\"",
                self.space,
                description(reason)
            );
            assert_eq!((answer.status(), answer.get("www-authenticate")), (401, Some(expected.as_str())), "{name}");
            assert_eq!(answer.json()["detail"], description(reason), "{name}");
        }
        for (n, (name, _, reason)) in (first..).zip(rows) {
            assert_eq!(self.log_line(n)["reason"], *reason, "{name}");
        }
        assert_eq!(self.upstream.hits(), before);
    }

    /// Sends each row's token to `/accounts` and demands that it passes.
    pub fn accepts(&self, rows: &[(&str, String)]) {
        for (name, token) in rows {
            let answer = self.send(&Request::get("/accounts").token(token));
            assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
        }
    }
}
