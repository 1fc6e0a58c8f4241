//! Holds: a deployment that failed is not tried again until the document, a person or a set time says so.

use std::borrow::Cow;

use evenkeel_diff::Kind;
use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Retry};
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::memory::{HeldDeployment, Remembered};
use evenkeel_model::world::{EXPECTATION, World};

use crate::ownership::{self, TAG_DOCUMENT};
use crate::report::{Drift, Held, Owner, WaitingOn};
use crate::restraint::Restraint;
use crate::service::{Wanted, deployment_key, deploys};
use crate::unit::{Draft, carry_left};
use crate::{Input, Planner, hooks, rollout, task_definition};

/// What is wanted of a service that exists, ignored paths as they are, and what differs from it.
pub(crate) struct Differences<'w> {
    pub task: Cow<'w, Tree>,
    pub task_drift: Vec<Drift>,
    pub input: Cow<'w, Tree>,
    pub drift: Vec<Drift>,
}

impl Differences<'_> {
    /// True where a human's change is to be undone.
    fn heals(&self) -> bool {
        let healed = |d: &Drift| d.owner == Owner::Human && d.acted_on;
        self.task_drift.iter().chain(&self.drift).any(healed)
    }

    /// The differences that a deployment is needed for.
    fn deploying(&mut self) -> impl Iterator<Item = &mut Drift> {
        let deploys = |d: &&mut Drift| d.path.segments().next().is_some_and(deploys);
        self.task_drift.iter_mut().chain(self.drift.iter_mut().filter(deploys))
    }
}

/// What makes a service roll out anew, beside what differs.
pub(crate) struct Forcing {
    /// Why; none where nothing does.
    pub reasons: Vec<String>,
    /// What the document wants has to wait, and this is the value of `restart` until then.
    postponed: Option<Option<String>>,
}

impl Forcing {
    /// The key of a deployment of this content. One that heals what was there before is another than the
    /// document's, which has not been tried yet.
    pub fn key(&self, wanted: &Wanted<'_>, task: &Tree, input: &Tree) -> String {
        match &self.postponed {
            None => wanted.deployment_key(),
            Some(restart) => deployment_key(task, input, restart.as_deref()),
        }
    }
}

/// Whether the document asks for a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    /// It does not, or it was made.
    None,
    /// It does.
    Due,
    /// It does, and that has to wait.
    Postponed,
}

/// How the wanted deployment of a service stands.
enum Standing {
    /// Nothing is known against it.
    Free,
    /// It failed, and is not tried again.
    Held(Held),
    /// It failed, and is tried again.
    Again {
        /// Why.
        because: String,
        /// It is what runs, so that only a forced deployment starts it again.
        forced: bool,
    },
}

impl Planner<'_> {
    /// Says which differences are to be acted on now, and what else forces a deployment: what failed is held or
    /// tried again, what is not due is left.
    pub(crate) fn settle(
        &mut self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        live: &Tree,
        differences: &mut Differences<'_>,
    ) -> Forcing {
        draft.leave(&mut differences.task_drift);
        draft.leave(&mut differences.drift);
        let differs = differences.deploying().next().is_some();
        if differs {
            let past = history(self.document(), self.world(), draft.memory(), wanted.key, live);
            let unseen = past.rests_on.iter().filter(|s| self.world().seen(s).is_unknown()).cloned();
            unseen.chain(past.outdated).for_each(|subject| draft.stop(WaitingOn::Seen(subject)));
        } else if is_lost(live, draft.memory()) && rollout::is_stable(live) {
            // What replaced it is as wanted: no failure of it is waited for any longer.
            let remembered = self.remembered(&draft.key);
            remembered.deployment = rollout::primary(live).map(str::to_owned);
            remembered.deployment_key = None;
        }
        let mut restart = self.restart(draft, wanted, live);
        let heals = differences.heals();
        let turn =
            self.waits_for_others(wanted.key, wanted.service).filter(|_| heals && draft.judging.is_none());
        if let Some(wait) = &turn {
            restart = if restart == Restart::Due { Restart::Postponed } else { restart };
            for drift in differences.deploying().filter(|d| d.owner == Owner::Document && d.acted_on) {
                drift.acted_on = false;
                draft.wait(wait.clone());
            }
        }
        let waits = |d: &mut Drift| d.owner == Owner::Document && !d.acted_on;
        let postponed = (turn.is_some() || draft.restraint.closed.is_some())
            && (restart == Restart::Postponed || differences.deploying().any(waits));
        let mut forcing =
            Forcing { reasons: Vec::new(), postponed: postponed.then(|| self.known_restart(draft)) };
        let present = || {
            let (task, input) = (Cow::Borrowed(&*differences.task), Cow::Borrowed(&*differences.input));
            let task = carry_left(Kind::TaskDefinition, task, &differences.task_drift);
            let input = carry_left(Kind::Service, input, &differences.drift);
            forcing.key(wanted, &task, &input)
        };
        let standing = self.standing(draft, wanted, live, &present);
        // A run was cut off, or forgotten: what it started is known by this key from now on.
        let cut_off = draft.memory().intent.is_some() || is_forgotten(draft.memory());
        draft.unit.deployment_key = cut_off.then(present);
        match standing {
            Standing::Free => {}
            Standing::Held(held) => {
                draft.report.held = Some(held);
                for drift in differences.deploying() {
                    drift.owner = Owner::Rollout;
                    drift.acted_on = false;
                }
            }
            Standing::Again { because, forced } => {
                let open = !(forced || differences.deploying().next().is_some()) || draft.is_open();
                // ECS took it back, not a human.
                for drift in differences.deploying() {
                    drift.owner = Owner::Document;
                    drift.acted_on = open;
                }
                forcing.reasons.extend(forced.then_some(because).filter(|_| open));
            }
        }
        let held = draft.report.held.is_some();
        if held {
            draft.unit.deployment_key = None;
        }
        draft.unit.restart = self.known_restart(draft);
        let value = wanted.service.restart.clone();
        match restart {
            Restart::None => draft.unit.restart = value,
            Restart::Due if !held => {
                let named = value.as_deref().unwrap_or_default();
                forcing.reasons.push(format!("restart is now \"{named}\""));
                draft.unit.restarts.clone_from(&value);
                draft.unit.restart = value;
            }
            Restart::Postponed => {
                draft.note(format!("restart is now \"{}\", and waits", value.as_deref().unwrap_or_default()));
            }
            Restart::Due => {}
        }
        forcing
    }

    /// The value of `restart` that was last applied, as far as is known now.
    fn known_restart(&self, draft: &Draft<'_>) -> Option<String> {
        self.planned.remember.get(&draft.key).unwrap_or(draft.memory()).restart.clone()
    }

    /// Whether the document asks for a restart. Where a run that was to make it was cut off, or its answer was
    /// lost, a newer deployment than the one before it tells that it was made.
    fn restart(&mut self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, live: &Tree) -> Restart {
        let value = &wanted.service.restart;
        let memory = draft.memory();
        // Nobody restarts a fleet because memory was lost.
        if value.is_none() || *value == memory.restart || memory.applied.is_empty() {
            return Restart::None;
        }
        if let Some(intent) = memory.intent.as_ref().filter(|i| i.restart == *value) {
            let primary = rollout::primary(live);
            if primary.is_some() && intent.primary.is_some() && primary != intent.primary.as_deref() {
                self.remembered(&draft.key).restart.clone_from(value);
                return Restart::None;
            }
            // Readings may still be from before it.
            if self.input.clock - intent.at < EXPECTATION.as_secs() as i64 {
                draft.stop(WaitingOn::Seen(Subject::Service(wanted.key.clone())));
                return Restart::Postponed;
            }
        }
        if draft.is_open() { Restart::Due } else { Restart::Postponed }
    }

    /// Notes a deployment that failed, and says how the wanted one stands. `key` is asked for its key only where
    /// there is a failure to compare it with.
    fn standing(
        &mut self,
        draft: &Draft<'_>,
        wanted: &Wanted<'_>,
        live: &Tree,
        key: &dyn Fn() -> String,
    ) -> Standing {
        if draft.judging.is_some() {
            // What is not ours yet has no deployments of ours.
            return Standing::Free;
        }
        let memory = draft.memory();
        let found = newly_failed(self.input, wanted.key, live, memory)
            .or_else(|| self.failed_unseen(wanted, live, memory));
        let hold = match (found, &memory.held) {
            (None, None) => return Standing::Free,
            (Some(found), before) => {
                let before = before.as_ref().filter(|h| h.key == found.key);
                let version = (found.key == key()).then(|| self.input.version.to_owned());
                let failures = before.map_or(0, |h| h.failures.max(1)) + 1;
                let hold = HeldDeployment { at: self.input.clock, failures, version, ..found };
                self.remembered(&draft.key).held = Some(hold.clone());
                hold
            }
            (None, Some(_)) if rollout::succeeded(live, memory) => {
                self.remembered(&draft.key).held = None;
                return Standing::Free;
            }
            (None, Some(hold)) => hold.clone(),
        };
        if hold.key != key() {
            return Standing::Free;
        }
        if let Some(because) = lifted(self.input, &draft.key, &hold, draft.restraint.retry) {
            let forced = hold.deployment.is_some() && rollout::primary(live) == hold.deployment.as_deref();
            return Standing::Again { because, forced };
        }
        let left = draft.restraint.retry.filter(|retry| hold.failures <= retry.max);
        let retry_in = left.map(|retry| hold.at + retry.after - self.input.clock);
        Standing::Held(Held {
            key: hold.key,
            reason: hold.reason,
            since: hold.at,
            failures: hold.failures,
            retry_in,
        })
    }

    /// With memory gone, ECS's own history tells what failed: a deployment of what is wanted now that was taken
    /// back, as far as anybody can know. It tells the same of ours where another one is in its place. And of a run
    /// that was cut off nobody wrote down which deployment it started.
    fn failed_unseen(&self, wanted: &Wanted<'_>, live: &Tree, memory: &Remembered) -> Option<HeldDeployment> {
        let failed = |reason: &str| HeldDeployment {
            key: wanted.deployment_key(),
            reason: reason.to_owned(),
            ..HeldDeployment::default()
        };
        let content = |arn: &str| {
            let tree = self.world().tree(&Subject::TaskDefinition(arn.to_owned()));
            tree.map(|tree| task_definition::has_content(memory, &wanted.task, arn, tree))
        };
        let past = || history(self.document(), self.world(), memory, wanted.key, live).taken_back;
        let reason = match &memory.intent {
            Some(intent)
                if rollout::deploys(intent) && intent.primary.as_deref() != rollout::primary(live) =>
            {
                rollout::failed_since(live, intent.at)
            }
            _ if is_forgotten(memory) => match past() {
                Some(TakenBack { task_definition, reason }) if content(&task_definition) == Some(true) => {
                    return Some(failed(&reason));
                }
                Some(_) => None,
                None => rollout::rolled_back(live),
            },
            _ => {
                let ours =
                    past().filter(|it| memory.task_definition.as_ref() == Some(&it.task_definition))?;
                let (key, deployment) = (memory.deployment_key.clone()?, memory.deployment.clone());
                return Some(HeldDeployment { key, deployment, ..failed(&ours.reason) });
            }
        }?;
        (content(live.str("taskDefinition")?) == Some(false)).then(|| failed(reason))
    }
}

/// Nothing is known of what was done to a service.
pub(crate) fn is_forgotten(memory: &Remembered) -> bool {
    memory.applied.is_empty() && memory.deployment.is_none() && memory.held.is_none()
}

/// Another deployment is in the place of ours, and nothing that the service shows tells why: somebody replaced it,
/// or ECS went back to the one before it, which of a blue/green deployment it says nowhere else.
fn is_lost(live: &Tree, memory: &Remembered) -> bool {
    let (primary, ours) = (rollout::primary(live), memory.deployment.as_deref());
    let held = memory.held.as_ref().and_then(|h| h.deployment.as_deref());
    memory.deployment_key.is_some()
        && ours.is_some()
        && primary.is_some()
        && primary != ours
        && held != ours
        && rollout::failed(live, memory).is_none()
}

/// A deployment that ECS took back.
pub(crate) struct TakenBack {
    /// The revision that it was to bring.
    task_definition: String,
    reason: String,
}

/// ECS's history of a service of ours, where that has to tell what became of a deployment.
#[derive(Default)]
pub(crate) struct Past {
    /// What it rests on.
    pub rests_on: Vec<Subject>,
    /// What of that was seen before it was over.
    outdated: Option<Subject>,
    /// The newest deployment, where it was taken back.
    taken_back: Option<TakenBack>,
}

/// What ECS's history tells of a service.
pub(crate) fn history(
    document: &Document,
    world: &World,
    memory: &Remembered,
    key: &ServiceKey,
    live: &Tree,
) -> Past {
    let mut past = Past::default();
    let ours = ownership::tag(live, TAG_DOCUMENT) == Some(&document.name);
    let asked = is_forgotten(memory) || is_lost(live, memory);
    if !asked || !ours || live.str("currentServiceDeployment").is_none() {
        return past;
    }
    let listed = Subject::Deployments(key.clone());
    past.rests_on.push(listed.clone());
    let Some(newest) = world.tree(&listed).and_then(|t| t.items().first()) else { return past };
    let status = newest.str("status").unwrap_or_default();
    let is_over = matches!(status, "SUCCESSFUL" | "STOPPED");
    let Some(target) = newest.get("targetServiceRevision").and_then(|t| t.str("arn")).filter(|_| !is_over)
    else {
        return past;
    };
    let revision = Subject::ServiceRevision(target.to_owned());
    let task_definition = world.tree(&revision).and_then(|r| r.str("taskDefinition")).map(str::to_owned);
    past.rests_on.push(revision);
    past.rests_on.extend(task_definition.iter().cloned().map(Subject::TaskDefinition));
    if status.starts_with("ROLLBACK") {
        let reason = newest.str("statusReason").or_else(|| newest.get("rollback")?.str("reason"));
        let reason = reason.unwrap_or("ECS took the deployment back").to_owned();
        past.taken_back = task_definition.map(|task_definition| TakenBack { task_definition, reason });
    } else if task_definition.is_some() && task_definition.as_deref() != live.str("taskDefinition") {
        // It brings what the service does not show any more.
        past.outdated = Some(listed);
    }
    past
}

/// A deployment of ours that failed, unless memory has that failure already: what was said first says most,
/// because later only the rollback shows.
fn newly_failed(
    input: &Input<'_>,
    key: &ServiceKey,
    live: &Tree,
    memory: &Remembered,
) -> Option<HeldDeployment> {
    let deadline = input.document.settings.rollout_deadline;
    let deadline = deadline.and_then(|seconds| hooks::deadline(input.world, key, live, seconds));
    let found =
        rollout::failed(live, memory).or_else(|| rollout::overdue(live, memory, deadline?, input.clock))?;
    let known = |h: &HeldDeployment| h.key == found.key && h.deployment == found.deployment;
    (!memory.held.as_ref().is_some_and(known)).then_some(found)
}

/// Why a deployment that failed is tried again, if it is: a person released it after it had failed, or the
/// document has it tried again and the time has come.
fn lifted(input: &Input<'_>, unit: &UnitKey, hold: &HeldDeployment, retry: Option<Retry>) -> Option<String> {
    if input.orders.releases.get(unit).is_some_and(|at| *at >= hold.at) {
        return Some("released: tried again".into());
    }
    let retry = retry.filter(|r| hold.failures <= r.max && input.clock >= hold.at + r.after)?;
    Some(format!("tried again, {} of {}", hold.failures, retry.max))
}

/// How many services failed to roll out what this version of the document wants, and are held for it.
pub(crate) fn failures(input: &Input<'_>) -> usize {
    if input.document.settings.stop_after_failures.is_none() {
        return 0;
    }
    let failed = |key: &&ServiceKey| {
        let unit = UnitKey::Service((*key).clone());
        let memory = input.memory.unit(&unit);
        let Some(live) = input.world.tree(&Subject::Service((*key).clone())) else { return false };
        // One that was noticed in this very pass counts, whatever it is held for.
        newly_failed(input, key, live, memory).is_some()
            || memory.held.as_ref().is_some_and(|hold| {
                hold.version.as_deref() == Some(input.version)
                    && !rollout::succeeded(live, memory)
                    && lifted(input, &unit, hold, Restraint::of(input, &unit).retry).is_none()
            })
    };
    input.document.services.keys().filter(failed).count()
}
