//! The last rollout of a service that is over, and what became of it; and how far the one under way has come.
//!
//! All of it is ECS's own account. A described service tells what completed; what was taken back, and in which
//! stage a shift of traffic is, only its service deployments tell
//! (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>), which are looked at
//! for those services alone. So a fleet at rest costs no call, and nothing of it has to be remembered.

use std::fmt;

use evenkeel_model::Tree;
use evenkeel_model::key::{ServiceKey, Subject, short_name};
use evenkeel_model::memory::Remembered;
use evenkeel_model::world::World;

use crate::report::Rollout;
use crate::rollout;

/// A rollout that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// ECS's id of its deployment.
    pub deployment: String,
    /// What became of it.
    pub outcome: Outcome,
    /// When it began, in Unix seconds, as far as ECS still says.
    pub began: Option<i64>,
    /// When it was over, a rollback included.
    pub ended: Option<i64>,
    /// What ECS says of a failure.
    pub reason: Option<String>,
}

impl Finished {
    /// How long it took, in seconds.
    pub fn took(&self) -> Option<i64> {
        Some((self.ended? - self.began?).max(0))
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rollout {} {}", self.deployment, self.outcome.words())?;
        self.took().map_or(Ok(()), |seconds| write!(f, " after {}", Span(seconds)))
    }
}

/// What becomes of a rollout; a closed metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All tasks were replaced.
    Completed,
    /// ECS's circuit breaker gave it up.
    CircuitBreaker,
    /// An alarm of its deployment configuration ended it.
    Alarm,
    /// It took longer than the document allows, and another took its place.
    Deadline,
    /// It was taken back: by a person, a lifecycle hook or for a reason that ECS does not say.
    RolledBack,
    /// Another took its place before it was over.
    Superseded,
    /// Somebody stopped it, and left everything as it stood.
    Stopped,
}

impl Outcome {
    /// All outcomes, for metrics that exist at zero.
    pub const ALL: [Outcome; 7] = [
        Outcome::Completed,
        Outcome::CircuitBreaker,
        Outcome::Alarm,
        Outcome::Deadline,
        Outcome::RolledBack,
        Outcome::Superseded,
        Outcome::Stopped,
    ];

    /// The word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::CircuitBreaker => "circuit_breaker",
            Outcome::Alarm => "alarm",
            Outcome::Deadline => "deadline",
            Outcome::RolledBack => "rolled_back",
            Outcome::Superseded => "superseded",
            Outcome::Stopped => "stopped",
        }
    }

    /// True where the rollout did not bring what it was to bring, and nobody put another in its place.
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Outcome::CircuitBreaker
                | Outcome::Alarm
                | Outcome::Deadline
                | Outcome::RolledBack
                | Outcome::Stopped
        )
    }

    /// The words for people.
    const fn words(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::CircuitBreaker => "failed (circuit breaker)",
            Outcome::Alarm => "failed (alarm)",
            Outcome::Deadline => "failed (deadline)",
            Outcome::RolledBack => "was rolled back",
            Outcome::Superseded => "was superseded",
            Outcome::Stopped => "was stopped",
        }
    }

    /// What a sentence of ECS about the end of a deployment means.
    fn told(reason: &str) -> Option<Outcome> {
        let reason = reason.to_ascii_lowercase();
        let told = |word: &str| reason.contains(word);
        match () {
            () if told("alarm") => Some(Outcome::Alarm),
            () if told("circuit breaker") || told("failed to start") => Some(Outcome::CircuitBreaker),
            () if told("stopped by user") => Some(Outcome::Stopped),
            () => None,
        }
    }
}

/// A length of time for people: `45 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) struct Span(pub i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hours, minutes, seconds) = (self.0 / 3600, self.0 / 60 % 60, self.0 % 60);
        match (hours, minutes, seconds) {
            (0, 0, _) => write!(f, "{seconds} s"),
            (0, _, 0) => write!(f, "{minutes} min"),
            (0, ..) => write!(f, "{minutes} min {seconds} s"),
            (_, 0, _) => write!(f, "{hours} h"),
            _ => write!(f, "{hours} h {minutes} min"),
        }
    }
}

fn at(tree: &Tree, member: &str) -> Option<i64> {
    tree.get(member).and_then(Tree::as_num).map(|at| at as i64)
}

/// Times that AWS wrote down at two places for one thing differ by no more.
const TOGETHER: i64 = 5;

fn together(a: Option<i64>, b: Option<i64>) -> bool {
    a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= TOGETHER)
}

/// True where a service is only told apart by its service deployments: traffic is being moved in stages, or the
/// newest deployment was not simply completed.
pub(crate) fn needs_deployments(live: &Tree) -> bool {
    let strategy = live.get("deploymentConfiguration").and_then(|c| c.str("strategy"));
    let staged = matches!(strategy, Some("BLUE_GREEN" | "LINEAR" | "CANARY"));
    (staged && rollout::under_way(live).is_some())
        || rollout::is_given_up(live)
        || rollout::rolled_back(live).is_some()
        || went_back(live).is_some()
}

/// True where a service's deployments were seen after its newest one was over: they change no more until another
/// begins.
pub fn is_history(world: &World, key: &ServiceKey) -> bool {
    let live = world.tree(&Subject::Service(key.clone()));
    let current = live.and_then(|live| live.str("currentServiceDeployment"));
    let listed = world.tree(&Subject::Deployments(key.clone())).map(Tree::items).unwrap_or_default();
    let newest = listed.iter().find(|d| d.str("serviceDeploymentArn") == current);
    current.is_some() && newest.is_some_and(|d| ended(d).is_some())
}

/// How far the rollout under way has come, by AWS's clock and ECS's account of its stages.
pub(crate) fn progress(world: &World, key: &ServiceKey, live: &Tree, clock: i64) -> Option<Rollout> {
    let mut rollout = rollout::under_way(live)?;
    rollout.took = rollout.began.map(|began| (clock - began).max(0));
    let listed = world.tree(&Subject::Deployments(key.clone())).map(Tree::items).unwrap_or_default();
    let current = live.str("currentServiceDeployment");
    let current = listed.iter().find(|d| d.str("serviceDeploymentArn") == current && current.is_some());
    let goes_back = rollout::rolled_back(live).is_some()
        || current
            .is_some_and(|d| matches!(d.str("status"), Some("ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS")));
    let stage = current.and_then(|d| d.str("lifecycleStage")).map(|s| s.to_lowercase().replace('_', " "));
    rollout.stage = if goes_back { Some("rolling back".to_owned()) } else { stage };
    Some(rollout)
}

/// The last rollout that is over, as far as ECS still tells.
pub(crate) fn last(world: &World, key: &ServiceKey, live: &Tree, memory: &Remembered) -> Option<Finished> {
    let listed = world.tree(&Subject::Deployments(key.clone()));
    let mut found =
        listed.and_then(|listed| of_history(live, listed.items())).or_else(|| of_service(live))?;
    let overdue = memory.held.as_ref().filter(|h| h.deployment.as_ref() == Some(&found.deployment));
    if found.outcome == Outcome::Superseded && overdue.is_some_and(|h| h.reason.starts_with(rollout::OVERDUE))
    {
        found.outcome = Outcome::Deadline;
    }
    Some(found)
}

/// When a service deployment was over; `None` while it is not.
fn ended(deployment: &Tree) -> Option<i64> {
    let over = matches!(
        deployment.str("status"),
        Some("SUCCESSFUL" | "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED")
    );
    over.then(|| {
        at(deployment, "finishedAt").or(at(deployment, "stoppedAt")).or(at(deployment, "updatedAt"))
    })?
}

/// The same from its service deployments, newest first; nothing where these are older than what the service shows.
fn of_history(live: &Tree, listed: &[Tree]) -> Option<Finished> {
    let current = live.str("currentServiceDeployment")?;
    let newest = listed.iter().find(|d| d.str("serviceDeploymentArn") == Some(current))?;
    if ended(newest).is_none() && rollout::under_way(live).is_none() {
        return None;
    }
    let (place, over) = listed.iter().enumerate().find(|(_, d)| ended(d).is_some())?;
    let began = at(over, "createdAt").or(at(over, "startedAt"));
    let reason = over.str("statusReason").or_else(|| over.get("rollback")?.str("reason"));
    let replaced = || {
        let next = place.checked_sub(1).and_then(|newer| listed.get(newer));
        next.and_then(|d| at(d, "createdAt"))
            .zip(ended(over))
            .is_some_and(|(next, end)| next <= end + TOGETHER)
    };
    let triggered = |member: &str| over.get(member).and_then(|it| it.str("status")) == Some("TRIGGERED");
    let outcome = match over.str("status")? {
        "SUCCESSFUL" => Outcome::Completed,
        "STOPPED" if replaced() => Outcome::Superseded,
        "STOPPED" => reason.and_then(Outcome::told).unwrap_or(Outcome::Stopped),
        _ => match reason.and_then(Outcome::told) {
            Some(Outcome::Stopped) => Outcome::RolledBack,
            Some(told) => told,
            None if triggered("alarms") => Outcome::Alarm,
            None => Outcome::RolledBack,
        },
    };
    let failed = !matches!(outcome, Outcome::Completed | Outcome::Superseded);
    let shown = live.list_of("deployments").iter().filter(|d| together(at(d, "createdAt"), began));
    let known = shown.filter_map(|d| d.str("id")).next();
    let given_up = || went_back(live).and_then(|back| back.failed).filter(|_| place == 0);
    let named = known.or_else(given_up).or_else(|| over.str("serviceDeploymentArn").map(short_name));
    Some(Finished {
        deployment: named.unwrap_or_default().to_owned(),
        outcome,
        began,
        ended: ended(over),
        reason: reason.filter(|_| failed).map(str::to_owned),
    })
}

/// What a described service alone tells of it.
fn of_service(live: &Tree) -> Option<Finished> {
    let deployments = live.list_of("deployments");
    let primary = deployments.iter().find(|d| d.str("status") == Some("PRIMARY"))?;
    let of = |d: &Tree, outcome, ended, reason: Option<&str>| Finished {
        deployment: d.str("id").unwrap_or_default().to_owned(),
        outcome,
        began: at(d, "createdAt"),
        ended,
        reason: reason.map(str::to_owned),
    };
    let completed = |d: &Tree| of(d, Outcome::Completed, said(live, d, "deployment completed"), None);
    let failed = |d: &Tree, ended: Option<i64>| {
        let reason = d.str("rolloutStateReason");
        of(d, reason.and_then(Outcome::told).unwrap_or(Outcome::CircuitBreaker), ended, reason)
    };
    if rollout::under_way(live).is_some() {
        let before = deployments.iter().find(|d| d.str("status") != Some("PRIMARY"))?;
        return match before.str("rolloutState")? {
            "COMPLETED" => Some(completed(before)),
            // While ECS goes back, what failed is not over.
            _ if rollout::rolled_back(live).is_some() || went_back(live).is_some() => None,
            "FAILED" => Some(failed(before, said(live, before, "deployment failed"))),
            _ => Some(of(before, Outcome::Superseded, at(primary, "createdAt"), None)),
        };
    }
    match primary.str("rolloutState")? {
        "FAILED" => {
            let ended = said(live, primary, "deployment failed").or(at(primary, "updatedAt"));
            Some(failed(primary, ended))
        }
        "COMPLETED" => {
            let mut done = completed(primary);
            done.ended = done.ended.or(at(primary, "updatedAt"));
            if let Some(other) = deployments.iter().find(|d| d.str("rolloutState") == Some("FAILED")) {
                return Some(failed(other, done.ended));
            }
            match went_back(live) {
                None => Some(done),
                Some(back) => Some(Finished {
                    deployment: back.failed?.to_owned(),
                    outcome: back.reason.and_then(Outcome::told).unwrap_or(Outcome::RolledBack),
                    began: None,
                    ended: done.ended,
                    reason: back.reason.map(str::to_owned),
                }),
            }
        }
        _ => None,
    }
}

/// When an event of the service said this of a deployment.
fn said(live: &Tree, deployment: &Tree, what: &str) -> Option<i64> {
    let id = deployment.str("id")?;
    let told = |e: &&Tree| about(e).is_some_and(|(of, said)| of == id && said.starts_with(what));
    live.list_of("events").iter().find(told).and_then(|e| at(e, "createdAt"))
}

/// What an event says of its service. There are a hundred of them for each: nothing is searched for.
fn spoken(event: &Tree) -> Option<&str> {
    event.str("message")?.split_once(") ").map(|(_, said)| said)
}

/// What an event says of a deployment, and of which.
fn about(event: &Tree) -> Option<(&str, &str)> {
    spoken(event)?.strip_prefix("(deployment ")?.split_once(") ")
}

/// What the newest deployment takes back, by the service's events.
struct Back<'t> {
    /// The deployment that failed, where an event names it.
    failed: Option<&'t str>,
    /// What it said.
    reason: Option<&'t str>,
}

/// The newest deployment is there because ECS went back to it: an event of its beginning says so.
fn went_back(live: &Tree) -> Option<Back<'_>> {
    const WORDS: &str = "rolling back to deployment ";
    let primary = live.list_of("deployments").iter().find(|d| d.str("status") == Some("PRIMARY"))?;
    let events = live.list_of("events");
    let (place, event, target) = events.iter().enumerate().find_map(|(place, e)| {
        let target = spoken(e)?.strip_prefix(WORDS)?;
        Some((place, e, target.trim_end_matches('.')))
    })?;
    let begun_then = together(at(event, "createdAt"), at(primary, "createdAt"));
    if !begun_then && primary.str("id") != Some(target) {
        return None;
    }
    let older = events
        .get(place..)
        .unwrap_or_default()
        .iter()
        .filter(|e| together(at(e, "createdAt"), at(event, "createdAt")));
    let told = older.filter_map(|e| {
        let (of, said) = about(e)?;
        Some((of, said.strip_prefix("deployment failed")?.trim_start_matches([':', ' '])))
    });
    let (failed, reason) = told.into_iter().next().unzip();
    Some(Back { failed, reason })
}
