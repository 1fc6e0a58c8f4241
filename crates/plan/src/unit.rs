//! A unit in the making, and what its guards watch.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_diff::{FieldDiff, Kind, compare, compare_described, is_undeclared, lift, ordered, put};
use evenkeel_model::Tree;
use evenkeel_model::document::{Heal, Ignore};
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::{Baseline, Remembered};
use evenkeel_model::orders::Verdict;
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Seen, World};

use crate::adoption::Judging;
use crate::deletions;
use crate::report::{Drift, Lingering, Note, Owner, Refusal, State, UnitReport, WaitingOn};
use crate::restraint::{self, Restraint};
use crate::{
    Action, Because, Fill, Guard, Input, Need, Step, StepId, Unit, hash, hooks, ownership, priorities,
    repetition,
};

/// A unit and its report in the making.
pub(crate) struct Draft<'a> {
    pub input: &'a Input<'a>,
    memory: &'a Remembered,
    pub key: UnitKey,
    pub unit: Unit,
    pub report: UnitReport,
    /// What the unit will remember of each part; `None` where that is what it remembers now, so that a
    /// fleet at rest copies nothing.
    pub applied: BTreeMap<String, Option<Tree>>,
    /// What changes of the baselines it remembers; `None` for a part that has none any longer.
    pub baseline: BTreeMap<String, Option<Baseline>>,
    /// Undeclared fields that were found at first sight.
    pub found: Vec<String>,
    /// What is planned is only to see what differs: see [`Draft::claim`].
    pub judging: Option<Judging>,
    ignores: &'a [Ignore],
    pub restraint: Restraint,
    /// What all steps of the unit have to wait for.
    stop: Vec<WaitingOn>,
}

/// Seconds until the next try after so many failures in a row: 10, 20, 40, … at most ten minutes.
pub(crate) fn back_off(failures: u32) -> i64 {
    10_i64.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(600)
}

/// True after its last day, which ends in UTC.
fn has_expired(ignore: &Ignore, clock: i64) -> bool {
    let today = jiff::Timestamp::from_second(clock).map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date());
    ignore.until.zip(today.ok()).is_some_and(|(until, today)| today > until)
}

fn expired(ignore: &Ignore) -> Note {
    Note(format!("ignoring {} has expired: it is compared again", ignore.path))
}

impl<'a> Draft<'a> {
    pub fn new(input: &'a Input<'a>, key: UnitKey) -> Self {
        let ignores = restraint::service_of(input.document, &key).map_or(&[][..], |s| &s.ignore);
        let restraint = Restraint::of(input, &key);
        let mut report = UnitReport { paused: restraint.paused.clone(), ..UnitReport::default() };
        report.notes.extend(restraint.warning.clone().map(Note));
        // Said on the service whether something differs there or not, so that it is taken out in time.
        if matches!(key, UnitKey::Service(_)) {
            report.notes.extend(ignores.iter().filter(|it| has_expired(it, input.clock)).map(expired));
        }
        let (unit, memory) = (Unit::default(), input.memory.unit(&key));
        Draft {
            input,
            memory,
            key,
            unit,
            report,
            applied: BTreeMap::new(),
            baseline: BTreeMap::new(),
            found: Vec::new(),
            judging: None,
            ignores,
            restraint,
            stop: Vec::new(),
        }
    }

    pub fn memory(&self) -> &'a Remembered {
        self.memory
    }

    /// What a person said to a lifecycle hook.
    pub fn verdict(&self, hook: &str) -> Option<Verdict> {
        self.input.orders.hooks.get(hook).copied()
    }

    pub fn world(&self) -> &'a World {
        self.input.world
    }

    /// True where the unit may be written at all.
    pub fn writes(&self) -> bool {
        !self.restraint.forbids()
    }

    pub fn wait(&mut self, on: WaitingOn) {
        if !self.report.waiting.contains(&on) {
            self.report.waiting.push(on);
        }
    }

    /// Waits, with all steps of the unit.
    pub fn stop(&mut self, on: WaitingOn) {
        self.wait(on.clone());
        self.stop.push(on);
    }

    pub fn refuse(&mut self, refusal: Refusal) {
        self.report.refused.push(refusal);
    }

    pub fn note(&mut self, note: impl Into<String>) {
        let note = Note(note.into());
        if !self.report.notes.contains(&note) {
            self.report.notes.push(note);
        }
    }

    /// The tree of a subject that must have been seen; notes the wait where it has not.
    pub fn seen(&mut self, subject: &Subject) -> Option<&'a Seen> {
        let seen = self.input.world.seen(subject);
        if seen.is_unknown() {
            self.wait(WaitingOn::Seen(subject.clone()));
            return None;
        }
        Some(seen)
    }

    /// Remembers what a part wants, so that the next pass can tell who made a difference.
    pub fn applies(&mut self, part: &str, want: &Tree) {
        let same = self.memory().applied.get(part) == Some(want);
        self.applied.insert(part.to_owned(), (!same).then(|| want.clone()));
    }

    /// The same of tags or attributes, of which a tree is made only where it is another one.
    pub fn applies_texts(&mut self, part: &str, want: &BTreeMap<String, String>) {
        let same = |known: &Tree| {
            let texts = want.iter().map(|(name, text)| (&**name, Some(&**text)));
            matches!(known, Tree::Map(map) if texts.eq(map.iter().map(|(name, text)| (&**name, text.as_str()))))
        };
        let same = self.memory().applied.get(part).is_some_and(same);
        self.applied.insert(part.to_owned(), (!same).then(|| ownership::map(want)));
    }

    /// Who is behind something that is to be made: a human who deleted it, where we made it before.
    pub fn owner_of_missing(&self, part: &str) -> Owner {
        if self.memory().applied.contains_key(part) { Owner::Human } else { Owner::Document }
    }

    /// True where somebody took away something of which the document says that nobody minds.
    pub fn may_be_missing(&mut self, part: &str, at: &Path) -> bool {
        self.owner_of_missing(part) == Owner::Human && self.ignored(at)
    }

    /// Takes in that something is not there; true where it is to be made.
    pub fn missing(&mut self, part: &str) -> bool {
        let owner = self.owner_of_missing(part);
        self.missing_by(part, owner)
    }

    /// The same, where it is known who is behind it.
    pub fn missing_by(&mut self, part: &str, owner: Owner) -> bool {
        let drift = Drift {
            part: part.to_owned(),
            path: Path::root(),
            want: Some(Tree::from("present")),
            live: None,
            owner,
            acted_on: true,
        };
        let made = !self.accept(vec![drift]).is_empty();
        if made {
            self.makes(part);
        }
        made
    }

    /// The differences of one part, each with its owner: the document where it has changed since it was
    /// last applied or nothing is remembered, else a human.
    pub fn drifts(&self, part: &str, kind: Kind, want: &Tree, live: &Tree) -> Vec<Drift> {
        self.drifts_beside(part, kind, want, want, live)
    }

    /// The same, where what is wanted is not all that the document says: whose a difference is goes by what
    /// is `declared`.
    pub fn drifts_beside(
        &self,
        part: &str,
        kind: Kind,
        declared: &Tree,
        want: &Tree,
        live: &Tree,
    ) -> Vec<Drift> {
        let diffs = differences(kind, want, live);
        if diffs.is_empty() {
            return Vec::new();
        }
        let changed: Option<Vec<FieldDiff>> = self
            .memory()
            .applied
            .get(part)
            .map(|last| compare(kind, declared, &self.as_applied(part, kind, last)));
        diffs
            .into_iter()
            .map(|d| {
                let by_document = changed.as_ref().is_none_or(|changed| {
                    changed.iter().any(|c| c.path.starts_with(&d.path) || d.path.starts_with(&c.path))
                });
                let owner = if by_document { Owner::Document } else { Owner::Human };
                Drift {
                    part: part.to_owned(),
                    path: d.path,
                    want: d.want,
                    live: d.live,
                    owner,
                    acted_on: true,
                }
            })
            .collect()
    }

    /// What was last applied to a part, with its baseline.
    fn as_applied(&self, part: &str, kind: Kind, last: &Tree) -> Tree {
        let mut last = lift::declared(kind, last.clone());
        for (path, value) in self.memory().baseline.get(part).into_iter().flatten() {
            if is_undeclared(kind, &last, path) {
                put(kind, &mut last, path, Some(value.clone()));
            }
        }
        last
    }

    /// Leaves the differences that are not to be acted on now: the document's outside its maintenance windows,
    /// a human's while healing is off or still waits.
    pub fn leave(&self, drifts: &mut [Drift]) {
        let closed = self.restraint.closed.as_ref();
        let holds = closed.is_some_and(|c| c.holds_drift);
        for drift in drifts.iter_mut() {
            drift.acted_on &= match drift.owner {
                Owner::Document => closed.is_none(),
                Owner::Human => !holds && self.heals_in(drift) == Some(0),
                Owner::Autoscaler | Owner::Rollout | Owner::Aws => true,
            };
        }
    }

    /// True where the document's changes may be made now; notes the wait for a window where they may not.
    pub fn is_open(&mut self) -> bool {
        match &self.restraint.closed {
            None => true,
            Some(closed) => {
                self.wait(WaitingOn::Window(closed.opens.clone()));
                false
            }
        }
    }

    /// Takes differences in and returns those that are to be acted on.
    pub fn accept(&mut self, mut drifts: Vec<Drift>) -> Vec<Drift> {
        self.leave(&mut drifts);
        if let Some(closed) = &self.restraint.closed {
            let waits = |d: &Drift| {
                !d.acted_on && (d.owner == Owner::Document || closed.holds_drift && d.owner == Owner::Human)
            };
            if drifts.iter().any(waits) {
                self.wait(WaitingOn::Window(closed.opens.clone()));
            }
        }
        self.report.drift.extend(drifts.iter().cloned());
        drifts.retain(|d| d.acted_on);
        drifts
    }

    /// When a human's change was seen first.
    fn since(&self, drift: &Drift) -> i64 {
        let known = &self.memory().drift_since;
        let since = if known.is_empty() { None } else { known.get(&hash::drift(drift)).copied() };
        since.unwrap_or(self.input.clock)
    }

    /// In how many seconds a human's change is undone; `None` for never.
    fn heals_in(&self, drift: &Drift) -> Option<i64> {
        match self.restraint.heal {
            Heal::On => Some(0),
            Heal::Off => None,
            Heal::After(seconds) => Some((self.since(drift) + seconds - self.input.clock).max(0)),
        }
    }

    /// What is wanted of a part with the live values wherever a difference in it is left for now, so that a
    /// write that sends what is around it does not undo it.
    pub fn carry_left<'t>(&self, part: &str, kind: Kind, want: Cow<'t, Tree>) -> Cow<'t, Tree> {
        carry_left(kind, want, self.report.drift.iter().filter(|d| d.part == part))
    }

    /// Takes a difference in that nothing can be done about, and says so.
    pub fn cannot(&mut self, mut drift: Drift, refusal: Refusal) {
        drift.acted_on = false;
        self.refuse(refusal);
        self.report.drift.push(drift);
    }

    /// What is wanted with the live values wherever the document says that nobody minds a difference:
    /// they neither differ nor are undone by a write that sends what is around them. `base` is where the
    /// part stands in its service.
    pub fn carry<'t>(&mut self, base: &Path, kind: Kind, want: &'t Tree, live: &Tree) -> Cow<'t, Tree> {
        if self.ignores.is_empty() {
            return Cow::Borrowed(want);
        }
        let mut carried = want.clone();
        for diff in differences(kind, want, live) {
            if self.ignored(&base.join(&diff.path)) {
                put(kind, &mut carried, &diff.path, diff.live);
            }
        }
        Cow::Owned(carried)
    }

    /// True where the document says that nobody minds a difference there.
    pub fn ignored(&mut self, path: &Path) -> bool {
        for ignore in self.ignores {
            if !path.starts_with(&ignore.path) {
                continue;
            }
            if has_expired(ignore, self.input.clock) {
                self.note(expired(ignore).0);
            } else {
                self.note(format!("{path} differs and is ignored: {}", ignore.reason));
                return true;
            }
        }
        false
    }

    /// Adds a step that writes `subject`. Its guard is set once the order of the steps is.
    pub fn step(&mut self, id: impl Into<String>, subject: Subject, op: Op, input: Tree) -> &mut Step {
        self.unit.steps.push(Step {
            id: StepId(id.into()),
            subject,
            touches: Vec::new(),
            action: Action { op, input, fills: Vec::new() },
            needs: Vec::new(),
            because: Vec::new(),
            guard: Guard::Absent,
            watches: None,
        });
        let last = self.unit.steps.len() - 1;
        &mut self.unit.steps[last]
    }

    /// The last failure and the seconds for which the next try has to wait after it.
    fn backs_off(&self) -> Option<WaitingOn> {
        let memory = self.memory();
        let (at, failure) = memory.failed_at.zip(memory.failure.clone())?;
        let seconds = at + back_off(memory.failures) - self.input.clock;
        let this_version = memory.failed_version.as_deref() == Some(self.input.version);
        (memory.failures > 0 && this_version && seconds > 0)
            .then_some(WaitingOn::BackOff { failure, seconds })
    }

    /// True where no step of the unit is begun now, whatever it has to do.
    pub fn stands_still(&self) -> bool {
        self.restraint.forbids() || self.backs_off().is_some()
    }

    pub fn finish(mut self) -> (UnitKey, Unit, UnitReport) {
        self.leave_to_nobody();
        self.tell_first_sight();
        arrange(&mut self.unit.steps);
        let repeats = || repetition::waits(&self.unit, self.memory, self.input.clock);
        if let Some(wait) = self.backs_off().or_else(repeats).filter(|_| !self.unit.steps.is_empty()) {
            self.wait(wait);
            self.unit.steps.clear();
        }
        self.guard();
        self.restrain();
        self.linger();
        for step in &self.unit.steps {
            for need in &step.needs {
                if let Need::Observed(on) = need
                    && !self.report.waiting.contains(on)
                {
                    self.report.waiting.push(on.clone());
                }
            }
        }
        self.take_what_is_applied();
        (self.key, self.unit, self.report)
    }

    /// Goes on remembering what the document no longer has and what is there.
    pub fn keeps_on(&mut self, item: &str) {
        for part in self.memory.applied.keys().filter(|part| deletions::is_of(part, item)) {
            self.applied.entry(part.clone()).or_insert(None);
        }
    }

    /// What several documents declare is nobody's.
    fn leave_to_nobody(&mut self) {
        let input = self.input;
        let others = input.others.iter().filter(|other| other.declares(&self.key));
        let others = others.filter(|_| input.document.declares(&self.key));
        let others: Vec<&str> = others.map(|other| &*other.name).collect();
        if others.is_empty() {
            return;
        }
        let all = std::iter::once(&*input.document.name).chain(others).map(|name| format!("\"{name}\""));
        let all: Vec<String> = all.collect();
        let why = format!("it is declared by the documents {}, and none of them gets it", all.join(" and "));
        self.unit.steps.clear();
        self.report.drift.iter_mut().for_each(|d| d.acted_on = false);
        self.refuse(Refusal::new(why).or("take it out of all of them but one"));
    }

    /// Gives every step its guard, now that their order is settled.
    fn guard(&mut self) {
        let tagged = restraint::tagged(&self.key).filter(|t| self.input.world.tree(t).is_some());
        let mut guarded: Vec<Step> = Vec::with_capacity(self.unit.steps.len());
        for mut step in std::mem::take(&mut self.unit.steps) {
            let left_by =
                guarded.iter().rev().find(|s| s.subject == step.subject || s.touches.contains(&step.subject));
            step.guard = match (left_by, self.input.world.seen(&step.subject)) {
                (Some(earlier), _) => Guard::AsLeftBy(earlier.id.clone()),
                // What is gone and still described for a while is as good as absent.
                (None, Seen::Present { tree, .. }) if tree.str("status") != Some("INACTIVE") => {
                    Guard::AsPlanned(stable(&step, tree))
                }
                (None, _) => Guard::Absent,
            };
            let watched =
                tagged.as_ref().filter(|t| !matches!(step.guard, Guard::AsPlanned(_)) || **t != step.subject);
            step.watches = watched.cloned();
            guarded.push(step);
        }
        self.unit.steps = guarded;
    }

    /// Where nothing may be written the steps are shown, and not one of them is ready; where the document says
    /// that this is nobody's business, there are none.
    fn restrain(&mut self) {
        if self.restraint.forbids() {
            self.report.drift.iter_mut().for_each(|d| d.acted_on = false);
        }
        if self.restraint.suspended {
            self.report.state = State::Suspended;
            self.unit.steps.clear();
        }
        if let Some(paused) = self.restraint.paused.clone() {
            self.stop(WaitingOn::Paused(paused));
        }
        let observing = self.restraint.observing.then_some(WaitingOn::Observing);
        if let Some(first) = self.unit.steps.first_mut() {
            first.needs(observing.into_iter().chain(std::mem::take(&mut self.stop)).map(Need::Observed));
        }
    }

    /// Notes what a human changed and is left for now. In mode observe nothing is remembered, so nothing is
    /// known of how long it has been there.
    fn linger(&mut self) {
        if self.restraint.observing {
            return;
        }
        let left = |d: &&Drift| d.owner == Owner::Human && !d.acted_on;
        let held = self.restraint.closed.as_ref().is_some_and(|closed| closed.holds_drift);
        let lingering = self.report.drift.iter().filter(left).map(|drift| {
            let heals_in = self.heals_in(drift);
            let later = held && heals_in.is_some();
            let heals_in = heals_in.filter(|seconds| *seconds > 0 && !later);
            (
                (drift.part.clone(), drift.path.clone()),
                Lingering { since: self.since(drift), heals_in, later },
            )
        });
        self.report.lingering = lingering.collect();
    }

    /// What the unit remembers once its steps are done; for one at rest, that it is what it was.
    fn take_what_is_applied(&mut self) {
        let before = &self.memory.applied;
        let same = self.applied.len() == before.len() && self.applied.values().all(Option::is_none);
        let owned = self.memory.document.as_ref() == Some(&self.input.document.name);
        self.unit.deletable = self.input.document.deletes(&self.key);
        let same = same && owned && self.baseline.is_empty() && self.memory.deletes == self.unit.deletable;
        self.unit.remembered = same && self.unit.steps.is_empty() && self.memory.intent.is_none();
        if self.unit.remembered {
            return;
        }
        self.unit.baseline = self.baselines();
        for (part, tree) in std::mem::take(&mut self.applied) {
            if let Some(tree) = tree.or_else(|| before.get(&part).cloned()) {
                self.unit.applied.insert(part, tree);
            }
        }
        self.keep_what_was_applied();
    }

    /// What a run of these steps leaves undone is not remembered as applied: what was before stays.
    fn keep_what_was_applied(&mut self) {
        let before = &self.memory.applied;
        let undone = |d: &&Drift| !d.acted_on && matches!(d.owner, Owner::Document | Owner::Rollout);
        let parts: BTreeSet<String> =
            self.report.drift.iter().filter(undone).map(|d| d.part.clone()).collect();
        for part in parts {
            match before.get(&part) {
                Some(tree) => self.unit.applied.insert(part, tree.clone()),
                None => self.unit.applied.remove(&part),
            };
        }
        let decided = self.report.refused.is_empty()
            && self.report.waiting.iter().all(|w| !matches!(w, WaitingOn::Seen(_) | WaitingOn::Exists(_)));
        if !decided {
            for (part, tree) in before {
                self.unit.applied.entry(part.clone()).or_insert_with(|| tree.clone());
            }
        }
    }
}

/// What is wanted with the live values wherever one of these differences is left for now.
pub(crate) fn carry_left<'t, 'd>(
    kind: Kind,
    want: Cow<'t, Tree>,
    drifts: impl IntoIterator<Item = &'d Drift>,
) -> Cow<'t, Tree> {
    let mut left = drifts.into_iter().filter(|d| !d.acted_on && !d.path.is_root()).peekable();
    if left.peek().is_none() {
        return want;
    }
    let mut carried = want.into_owned();
    for drift in left {
        put(kind, &mut carried, &drift.path, drift.live.clone());
    }
    Cow::Owned(carried)
}

/// What differs from a described resource. Those whose described form is more than a matter of where things
/// stand come lifted already.
pub(crate) fn differences(kind: Kind, want: &Tree, live: &Tree) -> Vec<FieldDiff> {
    match kind {
        Kind::Listener | Kind::Rule | Kind::LoadBalancer => compare(kind, want, live),
        _ => compare_described(kind, want, live),
    }
}

/// Steps that have to wait, with all that need them, go behind those that need not: what waits for its turn
/// must not keep healing from going on.
fn arrange(steps: &mut [Step]) {
    let mut waiting: BTreeSet<StepId> = BTreeSet::new();
    for step in steps.iter() {
        let waits = step.needs.iter().any(|need| match need {
            Need::Observed(_) => true,
            Need::Step(id) => waiting.contains(id),
        });
        if waits {
            waiting.insert(step.id.clone());
        }
    }
    steps.sort_by_key(|s| waiting.contains(&s.id));
}

impl Step {
    /// Adds a reason.
    pub fn because(&mut self, because: Because) -> &mut Self {
        self.because.push(because);
        self
    }

    /// Adds differences as reasons.
    pub fn because_of(&mut self, drifts: impl IntoIterator<Item = Drift>) -> &mut Self {
        self.because.extend(drifts.into_iter().map(Because::Field));
        self
    }

    /// Adds what must be so first.
    pub fn needs(&mut self, needs: impl IntoIterator<Item = Need>) -> &mut Self {
        for need in needs {
            if !self.needs.contains(&need) {
                self.needs.push(need);
            }
        }
        self
    }

    /// Adds what else the call changes.
    pub fn touches(&mut self, subjects: impl IntoIterator<Item = Subject>) -> &mut Self {
        self.touches.extend(subjects);
        self
    }

    /// Fills a member from the answer of an earlier step, which is needed from then on.
    pub fn fill(&mut self, member: &'static str, from: &StepId, output: &'static str) -> &mut Self {
        self.action.fills.push(Fill { member, from: from.clone(), output, in_list: false });
        self.needs([Need::Step(from.clone())])
    }

    /// The same, into a list of that one value.
    pub fn fill_list(&mut self, member: &'static str, from: &StepId, output: &'static str) -> &mut Self {
        self.action.fills.push(Fill { member, from: from.clone(), output, in_list: true });
        self.needs([Need::Step(from.clone())])
    }
}

/// The hash of what of a step's subject must not change between planning the step and taking it: counters,
/// events, the order of sets and what AWS moves on its own are left out, and of the rules of a listener all
/// that the step does not need.
pub fn stable(step: &Step, tree: &Tree) -> String {
    let text = match &step.subject {
        Subject::Rules(_) => listed(Kind::Rule, "ruleArn", &needed(&step.action, tree)),
        subject => described(subject, tree),
    };
    hash::tree(&text)
}

/// Of the rules of a listener those that a call names, and those whose priority it gives away: two services
/// with rules on one listener have nothing to do with each other.
fn needed(action: &Action, rules: &Tree) -> Tree {
    let input = &action.input;
    let pairs = input.list_of("rulePriorities");
    let named = input.str("ruleArn").into_iter().chain(pairs.iter().filter_map(|p| p.str("ruleArn")));
    let arns: Vec<&str> =
        named.chain(input.list_of("resourceArns").iter().filter_map(Tree::as_str)).collect();
    let numbers: Vec<i64> =
        input.int("priority").into_iter().chain(pairs.iter().filter_map(|p| p.int("priority"))).collect();
    let counts = |rule: &&Tree| {
        rule.str("ruleArn").is_some_and(|arn| arns.contains(&arn))
            || priorities::number(rule).is_some_and(|n| numbers.contains(&n))
    };
    Tree::list(rules.items().iter().filter(counts).cloned())
}

fn described(subject: &Subject, tree: &Tree) -> Tree {
    match subject {
        Subject::Service(_) => {
            let primary = tree
                .list_of("deployments")
                .iter()
                .find(|d| d.str("status") == Some("PRIMARY"))
                .and_then(|d| d.get("id").cloned())
                .unwrap_or_default();
            let mut kept = resource(Kind::Service, tree).with("primary", primary);
            kept.take("desiredCount");
            for name in ["status", "taskDefinition"] {
                if let Some(value) = tree.get(name) {
                    kept.set(name, value.clone());
                }
            }
            kept
        }
        Subject::TargetGroup(_) => {
            let attributes = tree.get("attributes").cloned().unwrap_or_default();
            resource(Kind::TargetGroup, tree).with("attributes", attributes)
        }
        Subject::LoadBalancer(_) => resource(Kind::LoadBalancer, tree),
        Subject::Cluster(_) => {
            let status = tree.get("status").cloned().unwrap_or_default();
            resource(Kind::Cluster, tree).with("status", status)
        }
        Subject::Repository(_) => resource(Kind::Repository, tree),
        Subject::LogGroup(_) => {
            let days = tree.get("retentionInDays").cloned().unwrap_or_default();
            resource(Kind::LogGroup, tree).with("retentionInDays", days)
        }
        Subject::ScalableTarget(_) => resource(Kind::ScalableTarget, tree),
        Subject::Listeners(_) => listed(Kind::Listener, "listenerArn", tree),
        Subject::Rules(_) => listed(Kind::Rule, "ruleArn", tree),
        Subject::Policies(_) => listed(Kind::ScalingPolicy, "policyName", tree),
        Subject::ScheduledActions(_) => listed(Kind::ScheduledAction, "scheduledActionName", tree),
        Subject::Deployments(_) => hooks::stable(tree),
        Subject::Family(_)
        | Subject::TaskDefinition(_)
        | Subject::ServiceRevision(_)
        | Subject::TargetHealth(_)
        | Subject::StoppedTasks(_) => tree.clone(),
    }
}

/// What of a described resource can be declared, in one order, with its tags.
fn resource(kind: Kind, tree: &Tree) -> Tree {
    let described = lift::described(kind, tree.clone());
    let mut kept = Tree::map();
    for member in kind.shape().members() {
        if let Some(value) = described.get(member.name) {
            kept.set(member.name, value.clone());
        }
    }
    ordered(kind, &kept).with("tags", ownership::map(&ownership::tags(tree)))
}

/// The same of all resources of a listing, by name.
fn listed(kind: Kind, name: &str, tree: &Tree) -> Tree {
    Tree::of(tree.items().iter().map(|item| {
        let key = item.str(name).unwrap_or_default();
        let priority = item.get("priority").cloned().unwrap_or_default();
        (key, resource(kind, item).with("priority", priority))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_model::key::ServiceKey;

    #[test]
    fn back_off_doubles_up_to_ten_minutes() {
        assert_eq!([1, 2, 3, 9].map(back_off), [10, 20, 40, 600]);
    }

    fn counts(subject: Subject, json: serde_json::Value) -> String {
        hash::tree(&described(&subject, &Tree::from(json)))
    }

    #[test]
    fn counters_do_not_move_a_services_guard_and_fields_do() {
        let hash = |running: i64, task: &str| {
            counts(
                Subject::Service(ServiceKey::new("c", "s")),
                serde_json::json!({"runningCount": running, "desiredCount": running, "taskDefinition": task}),
            )
        };
        assert_eq!(hash(1, "a"), hash(2, "a"));
        assert_ne!(hash(1, "a"), hash(1, "b"));
    }

    #[test]
    fn the_order_in_which_aws_lists_does_not_move_a_guard() {
        let service = |subnets: [&str; 2], tags: [&str; 2]| {
            counts(
                Subject::Service(ServiceKey::new("c", "s")),
                serde_json::json!({
                    "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}},
                    "tags": tags.map(|t| serde_json::json!({"key": t, "value": "v"}))}),
            )
        };
        let planned = service(["a", "b"], ["x", "y"]);
        assert_eq!(planned, service(["b", "a"], ["y", "x"]));
        assert_ne!(planned, service(["b", "c"], ["y", "x"]));
        let listeners = |arns: [&str; 2], port: i64| {
            let each = arns.map(|arn| serde_json::json!({"listenerArn": arn, "port": port}));
            counts(Subject::Listeners("lb".into()), serde_json::json!(each))
        };
        assert_eq!(listeners(["a", "b"], 1), listeners(["b", "a"], 1));
        assert_ne!(listeners(["a", "b"], 1), listeners(["a", "b"], 2));
    }

    #[test]
    fn a_step_about_one_rule_does_not_mind_the_others() {
        let rules = |rules: &[(&str, &str, &str)]| {
            Tree::list(rules.iter().map(|(arn, priority, path)| {
                Tree::from(serde_json::json!({"ruleArn": arn, "priority": priority,
                    "conditions": [{"field": "path-pattern", "pathPatternConfig": {"values": [path]}}]}))
            }))
        };
        let step = |op, input| Step {
            id: StepId("s".into()),
            subject: Subject::Rules("l".into()),
            touches: Vec::new(),
            action: Action { op, input: Tree::from(input), fills: Vec::new() },
            needs: Vec::new(),
            because: Vec::new(),
            guard: Guard::Absent,
            watches: None,
        };
        let before = rules(&[("a", "1", "/a"), ("b", "2", "/b")]);
        let other = rules(&[("a", "1", "/a"), ("b", "3", "/x"), ("c", "4", "/c")]);
        let modify = step(Op::Elbv2ModifyRule, serde_json::json!({"ruleArn": "a"}));
        assert_eq!(stable(&modify, &before), stable(&modify, &other));
        assert_ne!(stable(&modify, &before), stable(&modify, &rules(&[("a", "1", "/x")])));
        // A priority that somebody took or left is another matter.
        let create = step(Op::Elbv2CreateRule, serde_json::json!({"priority": 4}));
        assert_ne!(stable(&create, &before), stable(&create, &other));
        assert_eq!(stable(&create, &before), stable(&create, &rules(&[("b", "5", "/b")])));
        let pairs = serde_json::json!({"rulePriorities": [{"ruleArn": "a", "priority": 3}]});
        let shift = step(Op::Elbv2SetRulePriorities, pairs);
        assert_ne!(stable(&shift, &before), stable(&shift, &other));
        assert_eq!(stable(&shift, &before), stable(&shift, &rules(&[("a", "1", "/a"), ("d", "9", "/d")])));
    }

    #[test]
    fn when_attributes_were_read_and_what_aws_attaches_does_not_move_a_guard() {
        let group = |json| counts(Subject::TargetGroup("t".into()), json);
        let planned = group(serde_json::json!({"targetGroupName": "t", "attributes": {"a": "1"}}));
        assert_eq!(
            planned,
            group(
                serde_json::json!({"targetGroupName": "t", "attributes": {"a": "1"}, "loadBalancerArns": ["x"], "attributesAt": 7})
            )
        );
        assert_ne!(planned, group(serde_json::json!({"targetGroupName": "t", "attributes": {"a": "2"}})));
        let policies = |json| counts(Subject::Policies(ServiceKey::new("c", "s")), json);
        assert_eq!(
            policies(serde_json::json!([{"policyName": "p", "policyType": "StepScaling"}])),
            policies(
                serde_json::json!([{"policyName": "p", "policyType": "StepScaling", "alarms": [{"alarmName": "x"}]}])
            )
        );
    }
}
