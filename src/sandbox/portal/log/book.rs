//! What is remembered of the log: the last calls of each application, the last that nobody could be named for, and how
//! many were refused in each of the last minutes. Everything is bounded; the oldest is forgotten.

use super::line::Line;
use super::minutes::Minutes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The last calls.
#[derive(Debug, Default)]
pub(super) struct Book {
    named: HashMap<Box<str>, VecDeque<Arc<Line>>>,
    unnamed: VecDeque<Arc<Line>>,
    pub(super) minutes: Minutes,
}

impl Book {
    /// Takes a call in.
    pub(super) fn add(&mut self, line: Line, now_ms: u64) {
        self.minutes.add(&line, now_ms);
        match line.client_id.clone() {
            Some(client_id) => {
                if !self.named.contains_key(&client_id) {
                    self.make_room();
                }
                remember(self.named.entry(client_id).or_default(), line, CALLS_MAX);
            }
            None => remember(&mut self.unnamed, line, UNNAMED_MAX),
        }
    }

    /// The calls of `client_id`, newest first.
    pub(super) fn calls(&self, client_id: &str) -> Vec<Arc<Line>> {
        self.named.get(client_id).into_iter().flatten().rev().cloned().collect()
    }

    /// The call with this id, if it is `client_id`'s or nobody's.
    pub(super) fn find(&self, client_id: &str, id: &str) -> Option<Arc<Line>> {
        let mut own = self.named.get(client_id).into_iter().flatten().rev();
        own.find(|line| &*line.id == id).or_else(|| self.nobodys(id)).cloned()
    }

    /// The call with this id, whosever it is.
    pub(super) fn find_any(&self, id: &str) -> Option<Arc<Line>> {
        let mut named = self.named.values().flatten();
        named.find(|line| &*line.id == id).or_else(|| self.nobodys(id)).cloned()
    }

    fn nobodys(&self, id: &str) -> Option<&Arc<Line>> {
        self.unnamed.iter().rev().find(|line| &*line.id == id)
    }

    /// Forgets the application that has been silent for longest.
    fn make_room(&mut self) {
        if self.named.len() < CLIENTS_MAX {
            return;
        }
        let last = |calls: &VecDeque<Arc<Line>>| calls.back().map(|line| line.time_ms);
        let silent = self.named.iter().min_by_key(|(_, calls)| last(calls)).map(|(client_id, _)| client_id.clone());
        if let Some(client_id) = silent {
            self.named.remove(&client_id);
        }
    }
}

fn remember(calls: &mut VecDeque<Arc<Line>>, line: Line, max: usize) {
    if calls.len() == max {
        calls.pop_front();
    }
    calls.push_back(Arc::new(line));
}

/// Calls of one application.
pub(super) const CALLS_MAX: usize = 100;
/// Calls that nobody could be named for: for all together.
pub(super) const UNNAMED_MAX: usize = 2_000;
/// Applications whose calls are remembered. With texts cut as they are this is some 40 MiB at the very most.
const CLIENTS_MAX: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(client_id: Option<&str>, number: u64) -> Line {
        let name = client_id.map(|name| format!("\"client_id\":\"{name}\",")).unwrap_or_default();
        let text = format!(
            "{{\"time\":\"2026-03-01T12:{:02}:{:02}.000Z\",\"id\":\"00000000-0000-4000-8000-{number:012}\",{name}\"status\":200,\"duration_us\":1,\"bytes\":0}}",
            number / 60 % 60,
            number % 60
        );
        super::super::line::parse(text.as_bytes()).unwrap()
    }

    fn id(number: u64) -> String {
        format!("00000000-0000-4000-8000-{number:012}")
    }

    #[test]
    fn the_last_calls_stay_and_the_first_go() {
        let mut book = Book::default();
        (0..=CALLS_MAX as u64).for_each(|number| book.add(line(Some("app_1"), number), 0));
        let calls = book.calls("app_1");
        assert_eq!((calls.len(), &*calls[0].id), (CALLS_MAX, id(CALLS_MAX as u64).as_str()));
        assert!(book.find("app_1", &id(0)).is_none() && book.find("app_1", &id(1)).is_some());
        (0..=UNNAMED_MAX as u64).for_each(|number| book.add(line(None, number), 0));
        assert_eq!(book.unnamed.len(), UNNAMED_MAX);
    }

    #[test]
    fn nobody_finds_the_calls_of_another() {
        let mut book = Book::default();
        book.add(line(Some("app_1"), 1), 0);
        book.add(line(None, 2), 0);
        assert!(book.find("app_1", &id(1)).is_some() && book.find("app_2", &id(1)).is_none());
        assert!(book.find("app_1", &id(2)).is_some() && book.find("app_2", &id(2)).is_some());
        assert!(book.calls("app_2").is_empty());
        assert!(book.find_any(&id(1)).is_some() && book.find_any(&id(2)).is_some() && book.find_any(&id(3)).is_none());
    }

    #[test]
    fn the_application_that_is_silent_for_longest_is_forgotten() {
        let mut book = Book::default();
        for number in 0..CLIENTS_MAX as u64 {
            book.add(line(Some(&format!("app_{number}")), number), 0);
        }
        book.add(line(Some("app_0"), 3000), 0);
        book.add(line(Some("app_new"), 3001), 0);
        assert_eq!(book.named.len(), CLIENTS_MAX);
        assert!(book.calls("app_1").is_empty() && book.calls("app_0").len() == 2 && book.calls("app_new").len() == 1);
    }
}
