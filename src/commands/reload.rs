//! Reads the configuration again: when somebody asks by a signal or on the admin listener, or when one of its files has
//! changed and is written to no more.

use super::gateway::Gateway;
use crate::admin::reloads::{Outcome, Wish};
use crate::config;
use crate::config::files::{self, Files, Print, Reload};
use crate::net::notify::{self, State};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

/// What reads the configuration again.
pub(super) struct Reloader {
    path: PathBuf,
    mode: Reload,
    watch: Watch,
    wishes: mpsc::Receiver<Wish>,
    ticks: Interval,
}

/// What there is to do.
pub(super) enum Why {
    /// Somebody asks, and waits for what becomes of it.
    Wanted(Wish),
    /// The files are others than those that were read.
    Changed,
}

impl Reloader {
    /// For the file at `path`, of which `files` were read. Within a runtime.
    pub(super) fn new(path: &Path, (mode, files): (Reload, Files), gateway: &Gateway) -> Self {
        let mut ticks = tokio::time::interval(LOOK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (path, watch) = (path.to_owned(), Watch::new(files));
        Self { path, mode, watch, wishes: gateway.take_wishes(), ticks }
    }

    /// Until there is something to do. Dropped half done, nothing is lost.
    pub(super) async fn next(&mut self) -> Why {
        loop {
            tokio::select! {
                Some(wish) = self.wishes.recv() => return Why::Wanted(wish),
                _ = self.ticks.tick() => {
                    if self.mode == Reload::OnChange && self.watch.has_changed() {
                        return Why::Changed;
                    }
                }
            }
        }
    }

    /// Does it, and tells whoever waits for it.
    pub(super) fn answer(&mut self, why: Why, gateway: &Gateway) {
        match why {
            Why::Changed => drop(self.reload(gateway)),
            // Who does not wait any more has the log.
            Why::Wanted(wish) => drop(wish.send(self.reload(gateway))),
        }
    }

    /// Applies what the file says now: whole, or not at all.
    pub(super) fn reload(&mut self, gateway: &Gateway) -> Outcome {
        notify::tell(State::Reloading);
        let (settings, files) = config::load_with_files(&self.path);
        // What was refused once is not tried again before it is another.
        self.watch = Watch::new(files);
        let config = self.path.display();
        let outcome = match settings {
            Ok(settings) => match gateway.reload(&settings) {
                Ok(()) => {
                    self.mode = settings.server.reload;
                    tracing::info!(%config, "reloaded");
                    Ok(gateway.shared().policy.load().generation)
                }
                Err(fault) => {
                    tracing::error!(%config, "not reloaded, the old configuration goes on: {fault:#}");
                    Err(format!("{fault:#}").into())
                }
            },
            Err(faults) => {
                gateway.reload_refused(&faults.to_string());
                tracing::error!(%config, "not reloaded, the old configuration goes on:\n{faults}");
                Err(faults.to_string().into())
            }
        };
        notify::tell(State::Ready);
        outcome
    }
}

/// Files that were read, and how they have looked since.
struct Watch {
    files: Files,
    /// How each looked the last time, so that those that nobody touched need not be read.
    looks: Vec<Look>,
    /// What they held at the last look, where that is not what was read.
    changed: Option<Vec<Print>>,
}

/// A file as it was at a look.
#[derive(Clone, Copy, Default)]
struct Look {
    stamp: Option<Stamp>,
    print: Print,
}

/// Device, inode, length, and when it was changed, in seconds and nanoseconds. A name that leads to another file now, as in a
/// mounted volume of Kubernetes, has another inode.
type Stamp = (u64, u64, u64, i64, i64);

impl Watch {
    fn new(files: Files) -> Self {
        let looks = vec![Look::default(); files.iter().count()];
        Self { files, looks, changed: None }
    }

    /// Whether what is there is something else than what was read, and the same as at the last look: somebody who writes
    /// several files, or a long one, is not interrupted.
    fn has_changed(&mut self) -> bool {
        for (look, (path, _)) in self.looks.iter_mut().zip(self.files.iter()) {
            let stamp = stamp(path);
            // A file without a stamp may have been there half a second ago and be there in another.
            if look.stamp.is_none() || look.stamp != stamp {
                *look = Look { stamp, print: files::look(path) };
            }
        }
        let now: Vec<Print> = self.looks.iter().map(|look| look.print).collect();
        if self.files.iter().map(|(_, print)| print).eq(&now) {
            self.changed = None;
            return false;
        }
        let is_quiet = self.changed.as_ref() == Some(&now);
        self.changed = Some(now);
        is_quiet
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// Between two looks at the files; what has changed is applied at the second.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const CONFIG: &str = "
server: { listen: 127.0.0.1:0 }
admin: { listen: 127.0.0.1:0, token: { file: token } }
upstreams: [{ name: a, servers: ['http://[::1]:9001'] }]
routes: [{ path: /, methods: [GET], access: open, upstream: a }]
";
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn read(path: &Path) -> Watch {
        Watch::new(config::load_with_files(path).1)
    }

    fn looks(watch: &mut Watch, times: usize) -> Vec<bool> {
        (0..times).map(|_| watch.has_changed()).collect()
    }

    #[test]
    fn every_file_that_is_named_is_watched_and_applied_once_it_is_quiet() {
        let folder = tempfile::tempdir().unwrap();
        let [config, token] = ["gate.yaml", "token"].map(|name| folder.path().join(name));
        fs::write(&config, CONFIG).unwrap();
        fs::write(&token, TOKEN).unwrap();
        let mut watch = read(&config);
        assert_eq!(looks(&mut watch, 3), [false, false, false]);
        fs::write(&token, format!("{TOKEN}a")).unwrap();
        assert_eq!(looks(&mut watch, 1), [false], "somebody may still be writing");
        fs::write(&token, format!("{TOKEN}ab")).unwrap();
        assert_eq!(looks(&mut watch, 2), [false, true]);
        let mut watch = read(&config);
        assert_eq!(looks(&mut watch, 2), [false, false], "it was applied");
        fs::write(&config, format!("{CONFIG}\n")).unwrap();
        assert_eq!(looks(&mut watch, 2), [false, true]);
    }

    #[test]
    fn what_is_written_anew_and_says_the_same_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let [config, token] = ["gate.yaml", "token"].map(|name| folder.path().join(name));
        fs::write(&config, CONFIG).unwrap();
        fs::write(&token, TOKEN).unwrap();
        let mut watch = read(&config);
        fs::remove_file(&token).unwrap();
        assert_eq!(looks(&mut watch, 1), [false]);
        fs::write(&token, TOKEN).unwrap();
        assert_eq!(looks(&mut watch, 3), [false, false, false]);
    }

    /// A file that a faulty configuration names is watched too: mending it is enough.
    #[test]
    fn what_a_refused_configuration_names_is_watched() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("gate.yaml");
        fs::write(&config, CONFIG).unwrap();
        let mut watch = read(&config);
        assert_eq!(looks(&mut watch, 3), [false, false, false], "it is still missing");
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        assert_eq!(looks(&mut watch, 2), [false, true]);
    }

    /// As Kubernetes does it: `gate.yaml` leads to `..data/gate.yaml`, and `..data` is exchanged.
    #[test]
    fn a_link_that_leads_elsewhere_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("1", CONFIG.to_owned()), ("2", format!("{CONFIG}# another\n"))] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("gate.yaml"), text).unwrap();
        }
        symlink("1", at("..data")).unwrap();
        symlink("..data/gate.yaml", at("gate.yaml")).unwrap();
        fs::write(at("token"), TOKEN).unwrap();
        let mut watch = read(&at("gate.yaml"));
        assert_eq!(looks(&mut watch, 2), [false, false]);
        symlink("2", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        assert_eq!(looks(&mut watch, 2), [false, true]);
    }
}
