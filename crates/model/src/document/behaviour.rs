//! How a document wants to be followed, beside AWS's shapes: what is healed and when, what is tried again,
//! and how rollouts are held in check.

use jiff::SignedDuration;

use super::windows::{self, Window};
use crate::diagnostic::Diagnostic;
use crate::path::Path;
use crate::tree::Tree;

/// How to behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether to write at all.
    pub mode: Mode,
    /// What becomes of a human's changes in AWS.
    pub heal: Heal,
    /// What becomes of what the document no longer has.
    pub prune: Prune,
    /// Most of a kind that may be deleted in a day, in percent; one always may.
    pub max_delete_percent: usize,
    /// How many of a family's newest revisions are kept; all where absent.
    pub keep_revisions: Option<usize>,
    /// Whether a fault in one entry keeps the whole document from being put in force.
    pub atomic: bool,
    /// Most rollouts at once.
    pub max_concurrent_rollouts: usize,
    /// So many failed rollouts of one document version stop those that it still has to begin.
    pub stop_after_failures: Option<usize>,
    /// Seconds after which a rollout that ECS does not end counts as failed.
    pub rollout_deadline: Option<i64>,
    /// Whether a failed rollout is tried again.
    pub retry: Option<Retry>,
    /// When the document's changes may be made; at any time where there are none.
    pub windows: Vec<Window>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            mode: Mode::Enforce,
            heal: Heal::On,
            prune: Prune::Off,
            max_delete_percent: 10,
            keep_revisions: None,
            atomic: false,
            max_concurrent_rollouts: 10,
            stop_after_failures: None,
            rollout_deadline: None,
            retry: None,
            windows: Vec::new(),
        }
    }
}

/// Whether to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Compare and report, never write.
    Observe,
    /// Keep AWS equal to the document.
    #[default]
    Enforce,
}

/// What becomes of what the document no longer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prune {
    /// It stays, and is reported.
    #[default]
    Off,
    /// It is deleted once somebody approved exactly that.
    Confirm,
    /// It is deleted.
    On,
}

/// What becomes of what a human changed in AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heal {
    /// It is undone.
    #[default]
    On,
    /// It is reported.
    Off,
    /// It is undone once it has been seen for so many seconds.
    After(i64),
}

/// When a failed rollout is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Seconds after the failure.
    pub after: i64,
    /// How often.
    pub max: u32,
}

/// What a service says of its own behaviour; what it leaves out is as in the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// In place of [`Settings::heal`].
    pub heal: Option<Heal>,
    /// In place of [`Settings::retry`].
    pub retry: Option<Retry>,
    /// In place of [`Settings::windows`].
    pub windows: Option<Vec<Window>>,
}

/// Seconds of a length of time such as `10m` or `1h 30m`: from a second to thirty days.
pub(super) fn seconds(text: &str) -> Option<i64> {
    const MOST: i64 = 30 * 24 * 60 * 60;
    let seconds = text.trim().parse::<SignedDuration>().ok()?.as_secs();
    (1..=MOST).contains(&seconds).then_some(seconds)
}

fn seconds_at(tree: &Tree, pointer: &str) -> Option<i64> {
    tree.pointer(pointer).and_then(Tree::as_str).and_then(seconds)
}

/// Whether to write, of the document or of a service.
pub(super) fn mode(tree: &Tree) -> Mode {
    match tree.str("mode") {
        Some("observe") => Mode::Observe,
        _ => Mode::Enforce,
    }
}

fn heal(tree: &Tree) -> Option<Heal> {
    match tree.get("heal")? {
        Tree::Map(_) => seconds_at(tree, "heal/after").map(Heal::After),
        word => Some(if word.as_str() == Some("off") { Heal::Off } else { Heal::On }),
    }
}

fn retry(tree: &Tree) -> Option<Retry> {
    let after = seconds_at(tree, "retry/after")?;
    let max = tree.pointer("retry/max").and_then(Tree::as_int).and_then(|n| u32::try_from(n).ok());
    Some(Retry { after, max: max.unwrap_or(1) })
}

/// The `settings` of a document; `path` is where they stand.
pub(super) fn settings(tree: &Tree, path: &Path, out: &mut Vec<Diagnostic>) -> Settings {
    let default = Settings::default();
    let count =
        |pointer: &str| tree.pointer(pointer).and_then(Tree::as_int).and_then(|n| usize::try_from(n).ok());
    Settings {
        mode: mode(tree),
        heal: heal(tree).unwrap_or(default.heal),
        prune: match tree.str("prune") {
            Some("on") => Prune::On,
            Some("confirm") => Prune::Confirm,
            _ => Prune::Off,
        },
        max_delete_percent: count("maxDeletePercent").unwrap_or(default.max_delete_percent).min(100),
        keep_revisions: count("taskDefinitions/keep"),
        atomic: tree.bool("atomic").unwrap_or(false),
        max_concurrent_rollouts: count("rollouts/maxConcurrent").unwrap_or(default.max_concurrent_rollouts),
        stop_after_failures: count("rollouts/stopAfterFailures"),
        rollout_deadline: seconds_at(tree, "rollouts/deadline"),
        retry: retry(tree),
        windows: windows::read(tree, path, out).unwrap_or_default(),
    }
}

/// What a service says of itself; `path` is where it stands.
pub(super) fn of_service(tree: &Tree, path: &Path, out: &mut Vec<Diagnostic>) -> Behaviour {
    Behaviour { heal: heal(tree), retry: retry(tree), windows: windows::read(tree, path, out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_as_people_write_them() {
        assert_eq!(["10m", "1h 30m", "90 s", "PT2H"].map(seconds), [600, 5400, 90, 7200].map(Some));
        assert_eq!(["", "10", "0s", "-5m", "31 minutes ago", "1000h", "soon"].map(seconds), [None; 7]);
    }
}
