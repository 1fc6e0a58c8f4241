//! A unit in the making, and what its guards watch.

use evenkeel_diff::{FieldDiff, Kind, compare, lift};
use evenkeel_model::Tree;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::Remembered;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Seen, World};

use crate::report::{Drift, Owner, Refusal, UnitReport, WaitingOn};
use crate::{Action, Because, Fill, Guard, Input, Need, Step, StepId, Unit, hash};

/// A unit and its report in the making.
pub(crate) struct Draft<'a> {
    input: &'a Input<'a>,
    pub key: UnitKey,
    pub unit: Unit,
    pub report: UnitReport,
}

/// Seconds until the next try after so many failures in a row: 10, 20, 40, … at most ten minutes.
fn back_off(failures: u32) -> i64 {
    10_i64.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(600)
}

impl<'a> Draft<'a> {
    pub fn new(input: &'a Input<'a>, key: UnitKey) -> Self {
        Draft { input, key, unit: Unit::default(), report: UnitReport::default() }
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
        self.unit.applied.insert(part.to_owned(), want.clone());
    }

    /// The differences of one part, each with its owner: the document where it has changed since it was
    /// last applied or nothing is remembered, else a human.
    pub fn drifts(&self, part: &str, kind: Kind, want: &Tree, live: &Tree) -> Vec<Drift> {
        let diffs = compare(kind, want, live);
        if diffs.is_empty() {
            return Vec::new();
        }
        let changed: Option<Vec<FieldDiff>> = self
            .memory()
            .applied
            .get(part)
            .map(|last| compare(kind, want, &lift::declared(kind, last.clone())));
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

    /// Adds a step that writes `subject` as this plan saw it.
    pub fn step(&mut self, id: impl Into<String>, subject: Subject, op: Op, input: Tree) -> &mut Step {
        let left_by =
            self.unit.steps.iter().rev().find(|s| s.subject == subject || s.touches.contains(&subject));
        let guard = match (left_by, self.input.world.seen(&subject)) {
            (Some(step), _) => Guard::AsLeftBy(step.id.clone()),
            (None, Seen::Present { tree, .. }) => Guard::AsPlanned(stable(&subject, tree)),
            (None, _) => Guard::Absent,
        };
        self.unit.steps.push(Step {
            id: StepId(id.into()),
            subject,
            touches: Vec::new(),
            action: Action { op, input, fills: Vec::new() },
            needs: Vec::new(),
            because: Vec::new(),
            guard,
        });
        let last = self.unit.steps.len() - 1;
        &mut self.unit.steps[last]
    }

    /// True where the last try failed so recently that the next has to wait; drops the steps then.
    pub fn backs_off(&mut self) -> bool {
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
        self.backs_off();
        for step in &self.unit.steps {
            for need in &step.needs {
                if let Need::Observed(on) = need
                    && !self.report.waiting.contains(on)
                {
                    self.report.waiting.push(on.clone());
                }
            }
        }
        (self.key, self.unit, self.report)
    }
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

/// The hash of what must not change between planning a write and making it: counters, events and what
/// AWS moves on its own are left out.
pub fn stable(subject: &Subject, tree: &Tree) -> String {
    let mut tree = tree.clone();
    match subject {
        Subject::Service(_) => {
            let primary = tree
                .list_of("deployments")
                .iter()
                .find(|d| d.str("status") == Some("PRIMARY"))
                .and_then(|d| d.get("id").cloned())
                .unwrap_or_default();
            let lifted = lift::described(Kind::Service, tree.clone());
            let mut kept = Tree::map().with("primary", primary);
            for member in Kind::Service.shape().members() {
                if member.name != "desiredCount"
                    && let Some(value) = lifted.get(member.name)
                {
                    kept.set(member.name, value.clone());
                }
            }
            for name in ["status", "taskDefinition"] {
                if let Some(value) = tree.get(name) {
                    kept.set(name, value.clone());
                }
            }
            tree = kept;
        }
        Subject::Cluster(_) => {
            for name in ["activeServicesCount", "pendingTasksCount", "runningTasksCount", "statistics"] {
                tree.take(name);
            }
            tree.take("registeredContainerInstancesCount");
        }
        Subject::LogGroup(_) => {
            tree.take("storedBytes");
        }
        Subject::LoadBalancer(_) => {
            tree.take("state");
        }
        Subject::TargetGroup(_) => {
            tree.take("loadBalancerArns");
            // The observer's own note.
            tree.take("evenkeelAttributesAt");
        }
        Subject::ScalableTarget(_) => {
            tree.take("predictedCapacity");
        }
        _ => {}
    }
    hash::tree(&tree)
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
}
