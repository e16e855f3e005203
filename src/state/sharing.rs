//! The deny-list as other gateways have it too: what of it they must be told, and what they have told.

use super::entries::{Digest, Entry, List};
use super::journal;
use super::revocations::Revocations;
use crate::clock::UnixSeconds;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Notify, watch};

/// What sharing needs beside the list.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    is_shared: AtomicBool,
    /// What others have revoked may not have come yet.
    is_behind: AtomicBool,
    /// Somebody is to be told.
    waiting: Notify,
    /// Somebody was told.
    told: watch::Sender<()>,
}

/// Everything that others know, as it is read.
#[derive(Debug, Default)]
pub(super) struct Known {
    entries: HashMap<Digest, Entry>,
    /// Members by digest, of those that stand there with more dates than one.
    dated: HashMap<Digest, Vec<Vec<u8>>>,
    pub(super) malformed: usize,
}

/// What is written to the others' set: members with their scores, and members that are of no use any more.
pub(super) type Changes = (Vec<(String, i64)>, Vec<Vec<u8>>);

impl Sharing {
    pub(super) fn tell(&self, list: &mut List, digest: Digest) {
        if self.is_shared.load(Ordering::Relaxed) {
            list.untold.insert(digest);
            self.waiting.notify_one();
        }
    }
}

impl Revocations {
    /// From now on other gateways are told what is revoked here. Until it is known what they have revoked, the list is
    /// behind.
    pub fn share(&self) {
        self.sharing.is_shared.store(true, Ordering::Relaxed);
        self.sharing.is_behind.store(true, Ordering::Relaxed);
    }

    /// Whether tokens may be revoked of which this list knows nothing, and so none is to be accepted.
    pub fn is_behind(&self) -> bool {
        self.sharing.is_behind.load(Ordering::Relaxed)
    }

    /// Until other gateways have been told, or can find out, what is in force here by now.
    pub async fn told(&self) {
        let mut told = self.sharing.told.subscribe();
        // Its sender is ours, and cannot be gone.
        told.wait_for(|()| self.list().untold.is_empty()).await.ok();
    }

    pub(super) fn set_behind(&self, is_behind: bool) {
        self.sharing.is_behind.store(is_behind, Ordering::Relaxed);
    }

    /// Until there is something that others are to be told.
    pub(super) async fn untold(&self) {
        while self.list().untold.is_empty() {
            self.sharing.waiting.notified().await;
        }
    }

    /// The next entries that they are to be told: there may be more.
    pub(super) fn next_untold(&self, most: usize) -> Vec<(Digest, Entry)> {
        let list = self.list();
        let known = |digest: &Digest| Some((*digest, *list.entries.get(digest)?));
        list.untold.iter().take(most).filter_map(known).collect()
    }

    /// They have been told these. What has changed meanwhile is told once more.
    pub(super) fn were_told(&self, entries: &[(Digest, Entry)]) {
        let mut list = self.list();
        for (digest, entry) in entries {
            if list.entries.get(digest).is_none_or(|known| known == entry) {
                list.untold.remove(digest);
            }
        }
        // What expired and made room is nobody's business any more.
        let List { entries, untold, .. } = &mut *list;
        untold.retain(|digest| entries.contains_key(digest));
        drop(list);
        self.sharing.told.send_replace(());
    }

    /// Brings into force what others have told, and says how many found no room. They have acknowledged them: so they may
    /// be twice as many as this list takes by itself.
    pub(super) fn hear(&self, entries: impl IntoIterator<Item = (Digest, Entry)>, now: UnixSeconds) -> usize {
        let mut left_out = 0;
        let mut list = self.list();
        for (digest, entry) in entries {
            if entry.end() <= now.0 {
                continue;
            }
            if list.make_room(&[(digest, entry)], self.entries_max.saturating_mul(2), now).is_ok() {
                self.put_told(&mut list, (digest, entry), now);
            } else {
                left_out += 1;
            }
        }
        drop(list);
        self.waiting.notify_one();
        left_out
    }

    /// What is in force here and not `known` is told.
    pub(super) fn tell_what_is_missing(&self, known: &Known, now: UnixSeconds) {
        let mut list = self.list();
        let List { entries, untold, .. } = &mut *list;
        let is_missing = |(digest, entry): &(&Digest, &Entry)| {
            entry.end() > now.0
                && known
                    .entries
                    .get(*digest)
                    .is_none_or(|known| known.joined(**entry, now) != known.joined(*known, now))
        };
        untold.extend(entries.iter().filter(is_missing).map(|(digest, _)| *digest));
        drop(list);
        self.sharing.waiting.notify_one();
        self.sharing.told.send_replace(());
    }
}

impl Known {
    /// Adds a member of the others' set, if it is one.
    pub(super) fn add(&mut self, (member, until): (Vec<u8>, f64), now: UnixSeconds) {
        match read(&member, until) {
            Some((_, entry)) if entry.end() <= now.0 => {}
            Some((digest, entry)) => {
                self.entries.entry(digest).and_modify(|known| *known = known.joined(entry, now)).or_insert(entry);
                if !member.ends_with(b"-") {
                    let members = self.dated.entry(digest).or_default();
                    // A page may repeat what another has.
                    if !members.contains(&member) {
                        members.push(member);
                    }
                }
            }
            None => self.malformed += 1,
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (Digest, Entry)> {
        self.entries.iter().map(|(digest, entry)| (*digest, *entry))
    }

    /// One date says what several do.
    pub(super) fn shorter(&self) -> Changes {
        let (mut members, mut superfluous) = Changes::default();
        for (digest, dated) in self.dated.iter().filter(|(_, dated)| dated.len() > 1) {
            let Some(entry) = self.entries.get(digest) else { continue };
            let kept = changes([(*digest, *entry)]);
            superfluous
                .extend(dated.iter().filter(|old| !kept.iter().any(|(new, _)| new.as_bytes() == **old)).cloned());
            members.extend(kept);
        }
        (members, superfluous)
    }
}

/// What is to be added to the others' set. A member is `digest issued_before`, its score the end: two ends of one revocation
/// are one member, and the later end counts.
pub(super) fn changes(entries: impl IntoIterator<Item = (Digest, Entry)>) -> Vec<(String, i64)> {
    let lines = |(digest, entry): (Digest, Entry)| journal::text([(&digest, &entry)]);
    let text: String = entries.into_iter().map(lines).collect();
    let member = |line: &str| {
        let mut words = line.split(' ');
        let (digest, until, before) = (words.next()?, words.next()?, words.next()?);
        Some((format!("{digest} {before}"), until.parse().ok()?))
    };
    text.lines().filter_map(member).collect()
}

/// A member and its score, by the rules of the file.
fn read(member: &[u8], until: f64) -> Option<(Digest, Entry)> {
    let (digest, before) = std::str::from_utf8(member).ok()?.split_once(' ')?;
    if !until.is_finite() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "what is beyond all time ends there")]
    let until = until as i64;
    journal::parse(&format!("{digest} {until} {before}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::revocations::{Bearer, Revocation, Whose};
    use std::time::Duration;

    const NOW: UnixSeconds = UnixSeconds(1000);

    fn list(entries_max: usize) -> Revocations {
        let list = Revocations::new(entries_max, Duration::from_secs(100));
        list.share();
        list
    }

    fn of(id: &str) -> Revocation<'_> {
        Revocation { issuer: "i", whose: Whose::Token(id), issued_before: None, until: None }
    }

    fn has(list: &Revocations, id: &str) -> bool {
        list.has(&Bearer { issuer: "i", token_id: Some(id), ..Bearer::default() }, NOW)
    }

    fn scored(changes: Vec<(String, i64)>) -> impl Iterator<Item = (Vec<u8>, f64)> {
        #[expect(clippy::cast_precision_loss, reason = "as the store does")]
        changes.into_iter().map(|(member, until)| (member.into_bytes(), until as f64))
    }

    #[test]
    fn what_is_revoked_here_is_told_once_and_what_was_told_is_not_told_back() {
        let (here, there) = (list(10), list(10));
        assert!(here.is_behind(), "nobody knows yet what others have revoked");
        here.revoke(&[of("a")], NOW).unwrap();
        here.revoke_at_once(&of("b"), NOW).unwrap();
        let batch = here.next_untold(9);
        assert_eq!(batch.len(), 2);
        here.revoke(&[Revocation { until: Some(UnixSeconds(5000)), ..of("b") }], NOW).unwrap();
        here.were_told(&batch);
        let rest = here.next_untold(9);
        assert_eq!(rest.len(), 1, "it has changed meanwhile");
        here.were_told(&rest);
        assert!(here.next_untold(9).is_empty());
        let epoch = there.epoch();
        assert_eq!(there.hear(batch, NOW), 0);
        assert!(has(&there, "a") && has(&there, "b") && there.epoch() > epoch);
        assert!(there.next_untold(9).is_empty());
        assert_eq!(there.list().unwritten.len(), 2, "its own file has them too");
        here.hear(rest.clone(), NOW);
        let epoch = here.epoch();
        here.hear(rest, NOW);
        assert_eq!(here.epoch(), epoch, "one's own message changes nothing");
    }

    #[test]
    fn who_comes_later_reads_what_was_told_and_tells_what_is_missing_there() {
        let (here, there) = (list(10), list(10));
        let dated = |before| Revocation { issued_before: Some(UnixSeconds(before)), ..of("d") };
        here.revoke(&[of("a"), dated(7)], NOW).unwrap();
        let mut set = changes(here.next_untold(9));
        here.revoke(&[dated(9)], NOW).unwrap();
        set.extend(changes(here.next_untold(9)));
        there.revoke(&[of("own"), of("a")], NOW).unwrap();
        there.were_told(&there.next_untold(9));

        let mut known = Known::default();
        scored(set).for_each(|member| known.add(member, NOW));
        known.add((b"nonsense".to_vec(), 5e9), NOW);
        known.add((vec![0xff; 66], 5e9), NOW);
        known.add((format!("{} -", "ab".repeat(32)).into_bytes(), f64::NAN), NOW);
        known.add((format!("{} -", "ab".repeat(32)).into_bytes(), 1000.0), NOW);
        assert_eq!(known.malformed, 3);
        there.hear(known.entries(), NOW);
        there.tell_what_is_missing(&known, NOW);
        assert!(has(&there, "a"));
        assert_eq!(there.len(), 3, "what has expired is not among them");
        let untold = changes(there.next_untold(9));
        assert_eq!(untold.len(), 1, "{untold:?}");
        let (members, superfluous) = known.shorter();
        assert!(members.len() == 1 && members[0].0.ends_with(" 9"), "{members:?}");
        assert!(superfluous.len() == 1 && superfluous[0].ends_with(b" 7"));
    }

    #[test]
    fn what_others_have_acknowledged_has_room_beyond_our_own_bound_and_not_without_any() {
        let (here, there) = (list(10), list(2));
        let names = ["a", "b", "c", "d", "e"];
        here.revoke(&names.map(of), NOW).unwrap();
        assert_eq!(there.hear(here.next_untold(4), NOW), 0);
        assert_eq!(there.hear(here.next_untold(9), NOW), 1, "twice as many, and no more");
        assert_eq!(there.len(), 4);
    }

    #[tokio::test]
    async fn who_waits_for_the_others_to_know_waits_until_they_do() {
        let here = list(10);
        here.told().await;
        here.revoke(&[of("a")], NOW).unwrap();
        let (mut waiting, batch) = (Box::pin(here.told()), here.next_untold(9));
        let soon = tokio::time::timeout(Duration::ZERO, &mut waiting).await;
        assert!(soon.is_err());
        here.were_told(&batch);
        waiting.await;
        let alone = Revocations::new(10, Duration::from_secs(100));
        alone.revoke(&[of("a")], NOW).unwrap();
        alone.told().await;
        assert!(!alone.is_behind(), "without others there is nothing to wait for");
    }
}
