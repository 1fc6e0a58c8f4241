//! Decides what to do: document, world and memory in, a plan and a report out.
//!
//! [`plan`] is pure and cannot fail. What it refuses or waits for is in the report; what it writes down
//! in steps leaves no choice to whoever executes them.

mod adoption;
mod balancers;
mod basics;
pub mod check;
mod deletions;
mod diagnosis;
pub mod expectation;
mod finished;
mod generations;
mod hash;
mod hold;
mod hooks;
mod interest;
#[cfg(test)]
mod miniature;
mod moves;
mod ownership;
mod print;
mod priorities;
mod prune;
mod recreation;
mod refs;
mod repetition;
mod replacement;
mod report;
mod restraint;
mod revisions;
mod rollout;
mod rules;
mod scaling;
mod service;
mod shifts;
mod succession;
mod tagging;
mod target_group;
mod task_definition;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod turn;
mod unit;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Mode};
use evenkeel_model::key::{ServiceKey, Subject, UnitKey, arn_tail};
use evenkeel_model::memory::{Baseline, Memory, Remembered};
use evenkeel_model::orders::Orders;
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Moment, World};

use deletions::Deletions;
pub use finished::{Finished, Outcome, is_history};
use generations::Generations;
pub use hooks::{hooks_of, needs_for_hooks};
pub use interest::interest;
use replacement::Replacements;
use rules::Rulebook;
use shifts::Shifts;

pub use ownership::{TAG_DOCUMENT, TAG_HASH, TAG_KEY};
pub use print::{plan_json, print, reasons};
pub use report::{
    Drift, Held, Hook, Lingering, Note, Owner, Paused, Refusal, Report, Rollout, State, UnitReport, WaitingOn,
};
pub use restraint::{TAG_PAUSE, paused_by_tag};
pub use unit::stable;

/// Everything a decision is made from.
pub struct Input<'a> {
    /// The document in force.
    pub document: &'a Document,
    /// Its version, as S3 names it.
    pub version: &'a str,
    /// The other documents in force: what two documents want and neither has, neither gets.
    pub others: &'a [&'a Document],
    /// What AWS told us.
    pub world: &'a World,
    /// What earlier passes left.
    pub memory: &'a Memory,
    /// This moment on the process's clock.
    pub now: Moment,
    /// This time by AWS's clock, in Unix seconds.
    pub clock: i64,
    /// What people asked for by hand.
    pub orders: &'a Orders,
    /// The daemon's ceilings: a document can only be stricter.
    pub ceilings: Ceilings,
    /// Units whose run is under way.
    pub in_flight: &'a BTreeSet<UnitKey>,
}

/// The most that a daemon may do, whatever a document says: whoever writes to the bucket is not always who runs
/// the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// Whether to write at all.
    pub mode: Mode,
    /// Whether what a document no longer has may be deleted.
    pub prune: bool,
    /// Whether what cannot be changed may be replaced by another of its kind.
    pub replace: bool,
}

impl Ceilings {
    /// Writes, and neither deletes nor replaces.
    pub const fn of(mode: Mode) -> Ceilings {
        Ceilings { mode, prune: false, replace: false }
    }
}

/// A decision.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// What to do.
    pub plan: Plan,
    /// Why nothing is done about the rest.
    pub report: Report,
    /// What is to be remembered from now on because of what was observed, run or no run.
    pub remember: BTreeMap<UnitKey, Remembered>,
}

impl Planned {
    /// The decisions about several documents as one. A unit that is in more than one of them is refused in each,
    /// so that none has steps for it.
    pub fn all(each: Vec<Planned>) -> Planned {
        let mut each = each.into_iter();
        let mut all = each.next().unwrap_or_default();
        for other in each {
            for (key, unit) in other.plan.units {
                if !all.report.units.contains_key(&key) {
                    all.plan.units.insert(key, unit);
                }
            }
            for (key, unit) in other.remember {
                if !all.report.units.contains_key(&key) {
                    all.remember.insert(key, unit);
                }
            }
            for (key, report) in other.report.units {
                all.report.units.entry(key).or_insert(report);
            }
            all.plan.id = hash::plan_id(&all.plan);
        }
        all
    }
}

/// What to do, by unit.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// A hash of units and steps: equal plans have equal ids.
    pub id: String,
    /// Units with at least one step.
    pub units: BTreeMap<UnitKey, Unit>,
}

/// The steps of one unit, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// What to do, first to last.
    pub steps: Vec<Step>,
    /// What the unit remembers of the document once all its steps are done.
    pub applied: BTreeMap<String, Tree>,
    /// The baselines that it remembers once a step of it is done.
    pub baseline: BTreeMap<String, Baseline>,
    /// Whether the document lets it be deleted once it no longer has it.
    deletable: bool,
    /// The steps that delete something, with the name under which that is remembered.
    deletes: BTreeMap<StepId, String>,
    /// The baselines of what was seen for the first time: remembered at once.
    first_sight: BTreeMap<String, Baseline>,
    /// It has nothing to do, what it would remember is what it remembers, and no run of it was cut off:
    /// `applied` is left empty.
    remembered: bool,
    /// The value of `restart` that is applied with it.
    pub restart: Option<String>,
    /// The task definition revision that the unit settles on, where it need not be registered.
    pub task_definition: Option<String>,
    /// The key of the deployment that the steps start, if they start one.
    pub deployment_key: Option<String>,
    /// The service's primary deployment, as the plan saw it.
    pub primary: Option<String>,
    /// The value of `restart` for which the steps force a deployment, if they do.
    pub restarts: Option<String>,
}

/// The name of a step, unique within its unit: the call and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId(pub String);

impl std::fmt::Display for StepId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One call that changes AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// What it writes; it needs to be as `guard` says when the call leaves.
    pub subject: Subject,
    /// What else no longer is what was seen, once it is done.
    pub touches: Vec<Subject>,
    /// The call.
    pub action: Action,
    /// What must be so before it can be begun.
    pub needs: Vec<Need>,
    /// Why.
    pub because: Vec<Because>,
    /// What the subject must look like just before.
    pub guard: Guard,
    /// What else is to be looked at just before, because a tag on it pauses the unit ([`paused_by_tag`]) and
    /// the guard does not watch it.
    pub watches: Option<Subject>,
}

/// A call with its whole input.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// The operation.
    pub op: Op,
    /// Its input in canonical names.
    pub input: Tree,
    /// What an earlier step of the unit puts into it.
    pub fills: Vec<Fill>,
}

/// A value that exists only once an earlier step of the unit is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Where it goes: a member of the input.
    pub member: &'static str,
    /// The step whose answer has it.
    pub from: StepId,
    /// Where it stands in that answer, such as `taskDefinition/taskDefinitionArn`.
    pub output: &'static str,
    /// It goes into a list of its own there.
    pub in_list: bool,
}

/// What must be so before a step can be begun.
#[derive(Clone, Debug, PartialEq)]
pub enum Need {
    /// An earlier step of the unit is done.
    Step(StepId),
    /// Something of another unit is there, which it is not yet.
    Observed(WaitingOn),
}

/// Why a step is taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Because {
    /// It does not exist.
    Missing,
    /// A field differs.
    Field(Drift),
    /// A reason in words.
    Reason(String),
}

/// What the subject of a step must look like just before the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Not there.
    Absent,
    /// As the plan saw it, by the hash of what is stable in it.
    AsPlanned(String),
    /// As an earlier step of the unit left it.
    AsLeftBy(StepId),
}

/// What became of a run, as far as memory is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The document's name.
    pub document: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Unix seconds by AWS's clock.
    pub clock: i64,
    /// The steps that are done; at least one.
    pub done: &'a BTreeSet<StepId>,
    /// All of them are, and nothing else is to be done about the unit.
    pub complete: bool,
}

impl Unit {
    /// Writes down what a run left that did something.
    pub fn record(&self, key: &UnitKey, after: &mut Remembered, run: &Run<'_>) {
        after.document = Some(run.document.to_owned());
        after.baseline.clone_from(&self.baseline);
        after.deletes = self.deletable;
        let done = self.steps.iter().filter(|step| run.done.contains(&step.id));
        after.repeated = Some(repetition::noted(after.repeated.take(), done, run.clock));
        if run.complete {
            after.applied.clone_from(&self.applied);
            after.document_version = Some(run.version.to_owned());
            after.task_definition = self.task_definition.clone().or(after.task_definition.take());
        }
        after.deleted.retain(|_, at| *at + deletions::DAY > run.clock);
        for item in self.deletes.values() {
            if self.deletes.iter().any(|(step, of)| of == item && !run.done.contains(step)) {
                continue;
            }
            after.deleted.insert(item.clone(), run.clock);
            let gone = |part: &String| deletions::is_of(part, item);
            after.applied.retain(|part, _| !gone(part));
            after.baseline.retain(|part, _| !gone(part));
            if *item == key.to_string() {
                let (document, deleted) = (after.document.take(), std::mem::take(&mut after.deleted));
                *after = Remembered { document, deleted, ..Remembered::default() };
            }
        }
    }

    /// How many steps, from the first, can be begun with what has been observed.
    pub fn ready(&self) -> usize {
        let mut ready: BTreeSet<&StepId> = BTreeSet::new();
        for (i, step) in self.steps.iter().enumerate() {
            let fine = step.needs.iter().all(|need| match need {
                Need::Step(id) => ready.contains(id),
                Need::Observed(_) => false,
            });
            if !fine {
                return i;
            }
            ready.insert(&step.id);
        }
        self.steps.len()
    }
}

/// Decides. A pure function of its input; equal inputs give equal plans.
pub fn plan(input: &Input<'_>) -> Planned {
    let generations = Rc::new(Generations::of(input.document, input.world, input.memory));
    let mut planner = Planner {
        input,
        planned: Planned::default(),
        quiet: Vec::new(),
        rolling: None,
        rules: Rulebook {
            shifts: Shifts::of(input, &generations),
            replacements: Replacements::of(input, &generations),
            ..Rulebook::default()
        },
        generations,
        failures: None,
        deletions: Deletions::of(input),
        collected: 0,
    };
    planner.decide_priorities();
    planner.basics();
    planner.target_groups();
    planner.load_balancers();
    planner.task_definitions();
    planner.services();
    planner.gone();
    let Planner { mut planned, quiet, .. } = planner;
    for finding in check::check(input, &planned) {
        let report = planned.report.units.entry(finding.unit.clone()).or_default();
        report.refused.push(Refusal::new(finding.message));
        planned.plan.units.remove(&finding.unit);
    }
    for (key, why) in &input.document.kept_back {
        let refusal = Refusal::new(why);
        let report = planned.report.units.entry(key.clone()).or_default();
        report.refused.push(match input.document.declares(key) {
            true => refusal.or("until that is corrected, its last good version counts"),
            false => refusal.or("until that is corrected, it is left as it is"),
        });
    }
    for (key, report) in &mut planned.report.units {
        report::conclude(report, planned.plan.units.get(key), input, key);
    }
    for (key, unit) in &quiet {
        remember(input, &mut planned, key, unit);
    }
    for (key, report) in &planned.report.units {
        if let Some(since) = drift_since(input, key, report) {
            let remembered =
                planned.remember.entry(key.clone()).or_insert_with(|| input.memory.unit(key).clone());
            remembered.drift_since = since;
        }
    }
    let news = |k: &UnitKey, u: &Unit| input.memory.unit(k).intent.is_some() || !u.first_sight.is_empty();
    let changing: Vec<(UnitKey, Unit)> =
        planned.plan.units.iter().filter(|(k, u)| news(k, u)).map(|(k, u)| (k.clone(), u.clone())).collect();
    for (key, unit) in quiet.iter().chain(&changing) {
        adoption::remember_first_sight(input, &mut planned, key, unit);
        close_intent(input, &mut planned, key, unit);
    }
    planned.plan.id = hash::plan_id(&planned.plan);
    planned
}

/// Since when what humans changed has been seen, where memory does not say so already. While something of the
/// unit has not been seen, nothing is forgotten.
fn drift_since(input: &Input<'_>, key: &UnitKey, report: &UnitReport) -> Option<BTreeMap<String, i64>> {
    let before = &input.memory.unit(key).drift_since;
    let lingers = |d: &&Drift| report.lingering.contains_key(&(d.part.clone(), d.path.clone()));
    let mut since = BTreeMap::new();
    for drift in report.drift.iter().filter(lingers) {
        let known = report.lingering.get(&(drift.part.clone(), drift.path.clone()));
        since.extend(known.map(|l| (hash::drift(drift), l.since)));
    }
    if report.waiting.iter().any(|w| matches!(w, WaitingOn::Seen(_))) {
        since.extend(before.iter().map(|(hash, at)| (hash.clone(), *at)));
    }
    (since != *before).then_some(since)
}

/// Remembers a unit that is as the document wants it without our having written it: after memory was lost,
/// and where somebody else made the change. Else a later difference could not be told from a new document.
fn remember(input: &Input<'_>, planned: &mut Planned, key: &UnitKey, unit: &Unit) {
    let state = planned.report.units.get(key).map(|report| report.state);
    let settled = matches!(state, Some(State::Synced | State::Rolling));
    let before = input.memory.unit(key);
    let same = before.document.as_ref() == Some(&input.document.name)
        && before.deletes == unit.deletable
        && before.applied == unit.applied
        && before.baseline == unit.baseline;
    if !settled || observing(input) || same {
        return;
    }
    let remembered = planned.remember.entry(key.clone()).or_insert_with(|| before.clone());
    remembered.document = Some(input.document.name.clone());
    remembered.deletes = unit.deletable;
    remembered.applied.clone_from(&unit.applied);
    remembered.baseline.clone_from(&unit.baseline);
    remembered.restart.clone_from(&unit.restart);
    remembered.task_definition = unit.task_definition.clone().or(remembered.task_definition.take());
    // A rollout that is under way is watched to its end, whoever began it.
    if let (Some(service), Some(State::Rolling)) = (key.service(), state)
        && hold::is_forgotten(before)
    {
        let live = input.world.tree(&Subject::Service(service.clone()));
        remembered.deployment = live.and_then(rollout::primary).map(str::to_owned);
        remembered.deployment_key.clone_from(&unit.deployment_key);
    }
}

/// True where nothing is written, and so nothing is remembered either.
fn observing(input: &Input<'_>) -> bool {
    input.ceilings.mode == Mode::Observe || input.document.settings.mode == Mode::Observe
}

/// Closes the intent of a run that was cut off: what AWS shows now is its outcome. What it left undone is in
/// the plan like anything else.
fn close_intent(input: &Input<'_>, planned: &mut Planned, key: &UnitKey, unit: &Unit) {
    let memory = input.memory.unit(key);
    let Some(report) = planned.report.units.get(key) else { return };
    // While the next try has to wait, its steps are not in the plan.
    let unclear = report.waiting.iter().any(|w| matches!(w, WaitingOn::Seen(_) | WaitingOn::BackOff { .. }));
    if memory.intent.is_none() || unclear || input.in_flight.contains(key) {
        return;
    }
    let settled = matches!(report.state, State::Synced | State::Rolling);
    let remembered = planned.remember.entry(key.clone()).or_insert_with(|| memory.clone());
    remembered.intent = None;
    if settled {
        remembered.document_version = Some(input.version.to_owned());
    }
    let rolls = |s: &Step| matches!(s.action.op, Op::EcsCreateService | Op::EcsUpdateService);
    if let (Some(service), Some(deployment_key)) = (key.service(), &unit.deployment_key)
        && !unit.steps.iter().any(rolls)
        && report.state != State::Suspended
    {
        let live = input.world.tree(&Subject::Service(service.clone()));
        remembered.deployment = live.and_then(rollout::primary).map(str::to_owned);
        remembered.deployment_key = Some(deployment_key.clone());
    }
}

/// A decision in the making.
struct Planner<'a> {
    input: &'a Input<'a>,
    planned: Planned,
    /// Units without a step of which something may be to be remembered.
    quiet: Vec<(UnitKey, Unit)>,
    /// Services whose rollout is under way or begins with this plan; looked for where somebody asks.
    rolling: Option<BTreeSet<ServiceKey>>,
    /// Target groups that are or were replaced.
    generations: Rc<Generations>,
    /// Services that failed to roll out this version of the document; looked for where somebody asks.
    failures: Option<usize>,
    /// What is decided about listener rules before any unit is planned.
    rules: Rulebook<'a>,
    /// What may be deleted, decided before any unit is planned.
    deletions: Deletions,
    /// Old revisions that this plan deregisters.
    collected: usize,
}

impl<'a> Planner<'a> {
    fn document(&self) -> &'a Document {
        self.input.document
    }

    fn world(&self) -> &'a World {
        self.input.world
    }

    /// What is to be remembered of a unit from now on.
    fn remembered(&mut self, key: &UnitKey) -> &mut Remembered {
        let memory = self.input.memory;
        self.planned.remember.entry(key.clone()).or_insert_with(|| memory.unit(key).clone())
    }

    /// Takes in what was decided for one unit.
    fn put(&mut self, key: UnitKey, unit: Unit, report: UnitReport) {
        if !unit.steps.is_empty() {
            self.planned.plan.units.insert(key.clone(), unit);
        } else if !unit.remembered {
            self.quiet.push((key.clone(), unit));
        }
        self.planned.report.units.insert(key, report);
    }
}

/// The path of a field within its part, for people: `containerDefinitions[api].image`. Elements of sets stand
/// in brackets, ARNs without what is the same in all of them.
pub(crate) fn dotted(path: &Path) -> String {
    let mut out = String::new();
    let mut in_set = false;
    for segment in path.segments() {
        if in_set || segment.parse::<usize>().is_ok() || segment.contains(['.', ':', '/']) {
            out.push_str(&format!("[{}]", arn_tail(segment)));
            in_set = false;
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(segment);
        in_set = evenkeel_diff::rules::names_a_set(segment);
    }
    out
}
