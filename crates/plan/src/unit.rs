//! A unit in the making, and what its guards watch.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_diff::{FieldDiff, Kind, compare, compare_described, is_undeclared, lift, ordered, put};
use evenkeel_model::Tree;
use evenkeel_model::document::{Ignore, Mode};
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::{Baseline, Remembered};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Seen, World};

use crate::adoption::Judging;
use crate::report::{Drift, Note, Owner, Refusal, UnitReport, WaitingOn};
use crate::{Action, Because, Fill, Guard, Input, Need, Step, StepId, Unit, hash, ownership};

/// A unit and its report in the making.
pub(crate) struct Draft<'a> {
    pub input: &'a Input<'a>,
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
    mode: Mode,
}

/// Seconds until the next try after so many failures in a row: 10, 20, 40, … at most ten minutes.
fn back_off(failures: u32) -> i64 {
    10_i64.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(600)
}

impl<'a> Draft<'a> {
    pub fn new(input: &'a Input<'a>, key: UnitKey) -> Self {
        let mode = input.ceilings.mode.min(input.document.settings.mode);
        let service = key.service().and_then(|k| input.document.services.get(k));
        let mode = service.map_or(mode, |s| mode.min(s.mode));
        let ignores = service.map_or(&[][..], |s| &s.ignore);
        let (unit, report) = (Unit::default(), UnitReport::default());
        Draft {
            input,
            key,
            unit,
            report,
            applied: BTreeMap::new(),
            baseline: BTreeMap::new(),
            found: Vec::new(),
            judging: None,
            ignores,
            mode,
        }
    }

    pub fn memory(&self) -> &'a Remembered {
        self.input.memory.unit(&self.key)
    }

    pub fn world(&self) -> &'a World {
        self.input.world
    }

    pub fn wait(&mut self, on: WaitingOn) {
        if !self.report.waiting.contains(&on) {
            self.report.waiting.push(on);
        }
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

    /// Who is behind something that is to be made: a human who deleted it, where we made it before.
    pub fn owner_of_missing(&self, part: &str) -> Owner {
        if self.memory().applied.contains_key(part) { Owner::Human } else { Owner::Document }
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
        let diffs = differences(kind, want, live);
        if diffs.is_empty() {
            return Vec::new();
        }
        let changed: Option<Vec<FieldDiff>> = self
            .memory()
            .applied
            .get(part)
            .map(|last| compare(kind, want, &self.as_applied(part, kind, last)));
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

    /// Takes differences in and returns those that are to be acted on: a human's only where healing is
    /// on.
    pub fn accept(&mut self, drifts: Vec<Drift>) -> Vec<Drift> {
        let heal = self.input.document.settings.heal;
        let mut acted = Vec::new();
        for mut drift in drifts {
            drift.acted_on &= heal || drift.owner != Owner::Human;
            if drift.acted_on {
                acted.push(drift.clone());
            }
            self.report.drift.push(drift);
        }
        acted
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
        let today = jiff::Timestamp::from_second(self.input.clock)
            .map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).date())
            .ok();
        for ignore in self.ignores {
            if !path.starts_with(&ignore.path) {
                continue;
            }
            if ignore.until.zip(today).is_some_and(|(until, today)| today > until) {
                self.note(format!("ignoring {} has expired: it is compared again", ignore.path));
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
        });
        let last = self.unit.steps.len() - 1;
        &mut self.unit.steps[last]
    }

    /// True where the last try failed so recently that the next has to wait; drops the steps then.
    fn backs_off(&mut self) -> bool {
        let memory = self.memory();
        let (Some(at), Some(failure)) = (memory.failed_at, memory.failure.clone()) else {
            return false;
        };
        if memory.failures == 0 || memory.failed_version.as_deref() != Some(self.input.version) {
            return false;
        }
        let seconds = at + back_off(memory.failures) - self.input.clock;
        if seconds <= 0 || self.unit.steps.is_empty() {
            return false;
        }
        self.wait(WaitingOn::BackOff { failure, seconds });
        self.unit.steps.clear();
        true
    }

    pub fn finish(mut self) -> (UnitKey, Unit, UnitReport) {
        self.leave_to_nobody();
        self.tell_first_sight();
        self.backs_off();
        arrange(&mut self.unit.steps);
        self.guard();
        self.observe_only();
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

    /// What several documents declare is nobody's.
    fn leave_to_nobody(&mut self) {
        let Some(others) = self.input.claims.get(&self.key).filter(|others| !others.is_empty()) else {
            return;
        };
        let quoted = |name: &String| format!("\"{name}\"");
        let all: Vec<String> = std::iter::once(&self.input.document.name).chain(others).map(quoted).collect();
        let why = format!("it is declared by the documents {}, and none of them gets it", all.join(" and "));
        self.unit.steps.clear();
        self.report.drift.iter_mut().for_each(|d| d.acted_on = false);
        self.refuse(Refusal::new(why).or("take it out of all of them but one"));
    }

    /// Gives every step its guard, now that their order is settled.
    fn guard(&mut self) {
        let mut guarded: Vec<Step> = Vec::with_capacity(self.unit.steps.len());
        for mut step in std::mem::take(&mut self.unit.steps) {
            let left_by =
                guarded.iter().rev().find(|s| s.subject == step.subject || s.touches.contains(&step.subject));
            step.guard = match (left_by, self.input.world.seen(&step.subject)) {
                (Some(earlier), _) => Guard::AsLeftBy(earlier.id.clone()),
                // What is gone and still described for a while is as good as absent.
                (None, Seen::Present { tree, .. }) if tree.str("status") != Some("INACTIVE") => {
                    Guard::AsPlanned(stable(&step.subject, tree))
                }
                (None, _) => Guard::Absent,
            };
            guarded.push(step);
        }
        self.unit.steps = guarded;
    }

    /// Where nothing may be written the steps are shown, and not one of them is ready.
    fn observe_only(&mut self) {
        if self.mode != Mode::Observe {
            return;
        }
        if let Some(first) = self.unit.steps.first_mut() {
            first.needs([Need::Observed(WaitingOn::Observing)]);
        }
        self.report.drift.iter_mut().for_each(|d| d.acted_on = false);
    }

    /// What the unit remembers once its steps are done; for one at rest, that it is what it was.
    fn take_what_is_applied(&mut self) {
        let before = &self.input.memory.unit(&self.key).applied;
        let same = self.applied.len() == before.len() && self.applied.values().all(Option::is_none);
        self.unit.remembered = same && self.baseline.is_empty() && self.unit.steps.is_empty();
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
        let before = &self.input.memory.unit(&self.key).applied;
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

/// The hash of what must not change between planning a write and making it: counters, events, the order of
/// sets and what AWS moves on its own are left out.
pub fn stable(subject: &Subject, tree: &Tree) -> String {
    let text = match subject {
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
        Subject::Family(_) | Subject::TaskDefinition(_) => tree.clone(),
    };
    hash::tree(&text)
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

    #[test]
    fn counters_do_not_move_a_services_guard_and_fields_do() {
        let subject = Subject::Service(ServiceKey::new("c", "s"));
        let tree = |running: i64, task: &str| {
            Tree::map()
                .with("runningCount", running)
                .with("desiredCount", running)
                .with("taskDefinition", task)
        };
        assert_eq!(stable(&subject, &tree(1, "a")), stable(&subject, &tree(2, "a")));
        assert_ne!(stable(&subject, &tree(1, "a")), stable(&subject, &tree(1, "b")));
    }

    #[test]
    fn the_order_in_which_aws_lists_does_not_move_a_guard() {
        let service = |subnets: [&str; 2], tags: [&str; 2]| {
            Tree::from(serde_json::json!({
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}},
                "tags": tags.map(|t| serde_json::json!({"key": t, "value": "v"}))}))
        };
        let subject = Subject::Service(ServiceKey::new("c", "s"));
        let planned = stable(&subject, &service(["a", "b"], ["x", "y"]));
        assert_eq!(planned, stable(&subject, &service(["b", "a"], ["y", "x"])));
        assert_ne!(planned, stable(&subject, &service(["b", "c"], ["y", "x"])));
        let rules = |arns: [&str; 2], priority: &str| {
            Tree::list(arns.map(|arn| Tree::map().with("ruleArn", arn).with("priority", priority)))
        };
        let subject = Subject::Rules("l".into());
        assert_eq!(stable(&subject, &rules(["a", "b"], "1")), stable(&subject, &rules(["b", "a"], "1")));
        assert_ne!(stable(&subject, &rules(["a", "b"], "1")), stable(&subject, &rules(["a", "b"], "2")));
    }

    #[test]
    fn when_attributes_were_read_and_what_aws_attaches_does_not_move_a_guard() {
        let group = |json: serde_json::Value| stable(&Subject::TargetGroup("t".into()), &Tree::from(json));
        let planned = group(serde_json::json!({"targetGroupName": "t", "attributes": {"a": "1"}}));
        assert_eq!(
            planned,
            group(
                serde_json::json!({"targetGroupName": "t", "attributes": {"a": "1"}, "loadBalancerArns": ["x"], "attributesAt": 7})
            )
        );
        assert_ne!(planned, group(serde_json::json!({"targetGroupName": "t", "attributes": {"a": "2"}})));
        let policies = |json| stable(&Subject::Policies(ServiceKey::new("c", "s")), &Tree::from(json));
        assert_eq!(
            policies(serde_json::json!([{"policyName": "p", "policyType": "StepScaling"}])),
            policies(
                serde_json::json!([{"policyName": "p", "policyType": "StepScaling", "alarms": [{"alarmName": "x"}]}])
            )
        );
    }
}
