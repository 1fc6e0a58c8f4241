//! Why not: what is unchanged, waiting, refused or held, and every difference with its owner.

use std::collections::BTreeMap;
use std::fmt;

use evenkeel_model::Tree;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::Evidence;
use evenkeel_model::path::Path;
use evenkeel_model::tree::is_masked;

use crate::{Input, Unit};

/// What a plan says about every unit of the document.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By unit.
    pub units: BTreeMap<UnitKey, UnitReport>,
}

/// What a plan says about one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitReport {
    /// In one word.
    pub state: State,
    /// What it waits for.
    pub waiting: Vec<WaitingOn>,
    /// What is not done, and why.
    pub refused: Vec<Refusal>,
    /// A deployment that failed and is not tried again.
    pub held: Option<Held>,
    /// Every difference between the document and AWS, acted on or not.
    pub drift: Vec<Drift>,
    /// The deployment under way.
    pub rollout: Option<Rollout>,
    /// Worth knowing.
    pub notes: Vec<Note>,
    /// Of a service that is there: tasks wanted and running.
    pub tasks: Option<(i64, i64)>,
    /// Nothing is written for a while, because somebody asked for that.
    pub paused: Option<Paused>,
    /// Hooks of the rollout under way that wait for a person.
    pub hooks: Vec<Hook>,
    /// Why a rollout fails, as far as can be told.
    pub diagnosis: Vec<Evidence>,
    /// What humans changed and is left for now, by part and path.
    pub lingering: BTreeMap<(String, Path), Lingering>,
}

/// A unit that is left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// When that ends, in Unix seconds.
    pub until: i64,
    /// Why, in the words of whoever asked, or that a tag says so.
    pub reason: Option<String>,
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.until) {
            Ok(until) => write!(f, "{until}")?,
            Err(_) => write!(f, "{}", self.until)?,
        }
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

/// A lifecycle hook that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// ECS's id of it.
    pub id: String,
    /// The stage of the deployment in which it waits.
    pub stage: String,
    /// Until when, in Unix seconds.
    pub expires: Option<i64>,
    /// What ECS does then: `CONTINUE` or `ROLLBACK`.
    pub then: String,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} waits for a person", self.id, self.stage)?;
        if let Some(until) = self.expires.and_then(|at| jiff::Timestamp::from_second(at).ok()) {
            write!(f, " until {until}, then {}", self.then)?;
        }
        Ok(())
    }
}

/// What a human changed and is left for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lingering {
    /// When it was seen first, in Unix seconds by AWS's clock.
    pub since: i64,
    /// In how many seconds it is undone, where time alone decides that.
    pub heals_in: Option<i64>,
}

/// The state of a unit in one word; a closed metric label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not everything about it has been seen yet.
    #[default]
    Unknown,
    /// As the document wants it.
    Synced,
    /// As the document wants it, and ECS is still replacing tasks.
    Rolling,
    /// Differs, and is being changed.
    Changing,
    /// Differs, and waits for something else first.
    Waiting,
    /// Differs, and is left so: mode, owner or setting.
    Drifted,
    /// Its last deployment failed and is not tried again.
    Held,
    /// Not touched, for a reason that needs a person.
    Refused,
    /// Left alone because the document says so.
    Suspended,
    /// The document no longer has it, and it stays.
    Undeclared,
    /// Left alone for a while because somebody asked for that.
    Paused,
}

impl State {
    /// All states, for metrics that exist at zero.
    pub const ALL: [State; 11] = [
        State::Unknown,
        State::Synced,
        State::Rolling,
        State::Changing,
        State::Waiting,
        State::Drifted,
        State::Held,
        State::Refused,
        State::Suspended,
        State::Undeclared,
        State::Paused,
    ];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Synced => "synced",
            State::Rolling => "rolling",
            State::Changing => "changing",
            State::Waiting => "waiting",
            State::Drifted => "drifted",
            State::Held => "held",
            State::Refused => "refused",
            State::Suspended => "suspended",
            State::Undeclared => "undeclared",
            State::Paused => "paused",
        }
    }

    /// True where nothing remains to be done.
    pub const fn is_settled(self) -> bool {
        matches!(self, State::Synced | State::Undeclared | State::Suspended)
    }
}

/// Something that must happen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitingOn {
    /// It has not been seen since it was last written, or ever.
    Seen(Subject),
    /// It has to exist first.
    Exists(Subject),
    /// A target group has to be on a listener or rule first.
    Attached(String),
    /// ECS is replacing tasks.
    Rollout(Rollout),
    /// Services it depends on are not stable yet.
    DependsOn(Vec<String>),
    /// Enough rollouts are under way.
    Rollouts(usize),
    /// So many rollouts of this version of the document failed that no more are begun.
    Stopped(usize),
    /// Another unit has to do something that concerns this one too.
    Unit {
        /// The unit.
        unit: UnitKey,
        /// What it has to do.
        what: String,
    },
    /// A target group is being replaced by another: what has to be so for the next step.
    Replacement(String),
    /// Traffic is on its way to another target group: what has to be so for the next step.
    Traffic {
        /// The name of the group.
        group: String,
        /// What has to be so.
        what: String,
    },
    /// A run of the unit is under way.
    Executing,
    /// The last try failed; the next one may begin then (Unix seconds by AWS's clock).
    BackOff {
        /// What it said.
        failure: String,
        /// Seconds from now.
        seconds: i64,
    },
    /// The service is being deleted.
    Draining,
    /// Somebody has to approve exactly these deletions, by this id.
    Approval(String),
    /// No more of a kind are deleted in a day.
    Deletions {
        /// How many are.
        most: usize,
        /// The kind.
        kind: String,
    },
    /// Something else holds it.
    Released {
        /// What is held.
        what: String,
        /// What holds it.
        by: String,
    },
    /// The mode says that nothing is written.
    Observing,
    /// Somebody asked that nothing be written for a while.
    Paused(Paused),
    /// No maintenance window is open; when the next one opens.
    Window(String),
}

impl fmt::Display for WaitingOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitingOn::Seen(subject) => write!(f, "to see {subject}"),
            WaitingOn::Exists(subject) => write!(f, "for {subject} to exist"),
            WaitingOn::Attached(name) => write!(f, "for target group {name} to be on a listener or rule"),
            WaitingOn::Rollout(rollout) => write!(f, "{rollout}"),
            WaitingOn::DependsOn(services) => write!(f, "for {} to be stable", services.join(", ")),
            WaitingOn::Rollouts(1) => f.write_str("its turn: 1 rollout at a time"),
            WaitingOn::Rollouts(most) => write!(f, "its turn: {most} rollouts at a time"),
            WaitingOn::Stopped(failed) => {
                let rollouts = if *failed == 1 { "rollout" } else { "rollouts" };
                write!(f, "for another version: {failed} {rollouts} of this one failed, no more are begun")
            }
            WaitingOn::Unit { unit, what } => write!(f, "for {} to {what}", crate::print::title(unit)),
            WaitingOn::Replacement(what) => write!(f, "for {what} (it is being replaced)"),
            WaitingOn::Traffic { group, what } => write!(f, "for {what} (its traffic moves to {group})"),
            WaitingOn::Executing => f.write_str("executing"),
            WaitingOn::BackOff { failure, seconds } => {
                write!(f, "next try in {seconds} s, after: {failure}")
            }
            WaitingOn::Observing => f.write_str("for mode enforce: in mode observe nothing is written"),
            WaitingOn::Paused(paused) => write!(f, "for the end of its pause at {paused}"),
            WaitingOn::Window(opens) => write!(f, "for the maintenance window that opens {opens}"),
            WaitingOn::Approval(id) => write!(f, "for approval of its deletion: evenkeel approve {id}"),
            WaitingOn::Deletions { most, kind } => {
                write!(f, "for another day: at most {most} of kind {kind} may go in one")
            }
            WaitingOn::Released { what, by } => write!(f, "for {by} to let go of {what}"),
            WaitingOn::Draining => f.write_str("for its deletion to end: tasks are draining"),
        }
    }
}

/// Something that is not done, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One sentence.
    pub why: String,
    /// What a person can do about it.
    pub way_out: Option<String>,
}

impl Refusal {
    /// A refusal without a way out of its own.
    pub fn new(why: impl Into<String>) -> Self {
        Refusal { why: why.into(), way_out: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn or(mut self, way_out: impl Into<String>) -> Self {
        self.way_out = Some(way_out.into());
        self
    }
}

/// A deployment that failed and is not tried again until its key changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The hash of all that would start the same deployment again.
    pub key: String,
    /// What ECS said.
    pub reason: String,
    /// When that was noticed, in Unix seconds by AWS's clock.
    pub since: i64,
    /// How often deployments of this key failed.
    pub failures: u32,
    /// In how many seconds it is tried again, where the document asks for that.
    pub retry_in: Option<i64>,
}

/// Worth knowing, and nothing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(pub String);

/// A deployment under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// ECS's id of it.
    pub deployment: String,
    /// Tasks wanted.
    pub desired: i64,
    /// Tasks of it running.
    pub running: i64,
    /// Tasks of it that failed.
    pub failed: i64,
    /// When it began, in Unix seconds, where ECS says so.
    pub began: Option<i64>,
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rollout {}: {} of {} running", self.deployment, self.running, self.desired)?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        Ok(())
    }
}

/// Who made a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The document changed.
    Document,
    /// Somebody edited AWS.
    Human,
    /// Application Auto Scaling set it.
    Autoscaler,
    /// ECS is at work.
    Rollout,
    /// AWS set it.
    Aws,
}

impl Owner {
    /// All owners, for metrics.
    pub const ALL: [Owner; 5] =
        [Owner::Document, Owner::Human, Owner::Autoscaler, Owner::Rollout, Owner::Aws];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Owner::Document => "document",
            Owner::Human => "human",
            Owner::Autoscaler => "autoscaler",
            Owner::Rollout => "rollout",
            Owner::Aws => "aws",
        }
    }
}

/// One difference with its owner.
#[derive(Clone, PartialEq)]
pub struct Drift {
    /// Which part of the unit: `taskDefinition`, `service`, `scaling`, …
    pub part: String,
    /// Where in it.
    pub path: Path,
    /// What the document wants there.
    pub want: Option<Tree>,
    /// What AWS has there.
    pub live: Option<Tree>,
    /// Who made it.
    pub owner: Owner,
    /// True where something is done about it.
    pub acted_on: bool,
}

/// Masks what may be secret.
impl fmt::Debug for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = is_masked(&self.path);
        let side =
            |tree: &Option<Tree>| tree.as_ref().map(|t| if hidden { Tree::from("…") } else { t.clone() });
        f.debug_struct("Drift")
            .field("part", &self.part)
            .field("path", &self.path.to_string())
            .field("want", &side(&self.want))
            .field("live", &side(&self.live))
            .field("owner", &self.owner)
            .field("acted_on", &self.acted_on)
            .finish()
    }
}

/// Gives a unit's report its state, once all is known.
pub(crate) fn conclude(report: &mut UnitReport, unit: Option<&Unit>, input: &Input<'_>, key: &UnitKey) {
    if input.in_flight.contains(key) && !report.waiting.contains(&WaitingOn::Executing) {
        report.waiting.insert(0, WaitingOn::Executing);
    }
    if report.state == State::Suspended {
        return;
    }
    if report.state == State::Undeclared && unit.is_none() && report.waiting.is_empty() {
        return;
    }
    let changes = unit.is_some_and(|u| u.ready() > 0) || input.in_flight.contains(key);
    let observing = report.waiting.contains(&WaitingOn::Observing);
    let unseen = report.waiting.iter().any(|w| matches!(w, WaitingOn::Seen(_)));
    report.state = if report.paused.is_some() {
        State::Paused
    } else if !report.refused.is_empty() {
        State::Refused
    } else if report.held.is_some() {
        State::Held
    } else if changes {
        State::Changing
    } else if unseen && unit.is_none() {
        State::Unknown
    } else if unit.is_some() && observing {
        State::Drifted
    } else if unit.is_some() || report.waiting.iter().any(|w| !matches!(w, WaitingOn::Rollout(_))) {
        State::Waiting
    } else if report.rollout.is_some() {
        State::Rolling
    } else if report.drift.iter().any(|d| matches!(d.owner, Owner::Document | Owner::Human)) {
        State::Drifted
    } else {
        State::Synced
    };
}
