//! Whose turn it is: the limit on rollouts, and the order between services that depend on each other.

use std::collections::BTreeSet;

use evenkeel_model::document::{Document, Service};
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::shapes::Op;

use crate::report::{Owner, WaitingOn};
use crate::{Because, Need, Planner, hold, rollout};

impl Planner<'_> {
    /// What a rollout that would begin now waits for. One in place of another of the same service takes no
    /// place of its own, nor does one that is `blocked` anyway. Healing goes on where what the document wants
    /// has failed too often.
    pub(crate) fn turn(&mut self, key: &ServiceKey, blocked: bool, by_document: bool) -> Option<Need> {
        let wait = self.queues(key, by_document);
        if wait.is_none() && !blocked {
            self.rolling().insert(key.clone());
        }
        wait.map(Need::Observed)
    }

    /// What a rollout that would begin now waits for; it does not begin yet.
    fn queues(&mut self, key: &ServiceKey, by_document: bool) -> Option<WaitingOn> {
        let most = self.document().settings.max_concurrent_rollouts;
        let stops = self.document().settings.stop_after_failures.filter(|_| by_document);
        if self.rolling().contains(key) {
            return None;
        }
        if let Some(most) = stops
            && self.failures() >= most
        {
            return Some(WaitingOn::Stopped(self.failures()));
        }
        (self.rolling().len() >= most).then_some(WaitingOn::Rollouts(most))
    }

    /// What a rollout that the document asks for waits for, as far as other services are concerned.
    pub(crate) fn waits_for_others(&mut self, key: &ServiceKey, service: &Service) -> Option<WaitingOn> {
        self.dependencies(service).or_else(|| self.queues(key, true))
    }

    /// Services that failed to roll out this version of the document.
    fn failures(&mut self) -> usize {
        *self.failures.get_or_insert_with(|| hold::failures(self.input))
    }

    /// Services whose rollout is under way or begins with this plan.
    pub(crate) fn rolling(&mut self) -> &mut BTreeSet<ServiceKey> {
        self.rolling.get_or_insert_with(|| rollout::rolling(self.input))
    }

    /// The wait for services it depends on that are not where the document wants them: not stable, about to
    /// be changed, or not to be changed for now.
    pub(crate) fn dependencies(&self, service: &Service) -> Option<WaitingOn> {
        let waiting: Vec<String> =
            service.depends_on.iter().filter(|key| !self.has_arrived(key)).map(ToString::to_string).collect();
        (!waiting.is_empty()).then_some(WaitingOn::DependsOn(waiting))
    }

    fn has_arrived(&self, key: &ServiceKey) -> bool {
        let unit = UnitKey::Service(key.clone());
        if !self.world().tree(&Subject::Service(key.clone())).is_some_and(rollout::is_stable) {
            return false;
        }
        // Until all about it has been seen, nobody knows that it will not be changed.
        let undecided = self.planned.report.units.get(&unit).is_none_or(|report| {
            report.held.is_some()
                || report.waiting.iter().any(|w| {
                    matches!(
                        w,
                        WaitingOn::Seen(_)
                            | WaitingOn::Exists(_)
                            | WaitingOn::BackOff { .. }
                            | WaitingOn::Window(_)
                    )
                })
        });
        let by_document = |b: &Because| !matches!(b, Because::Field(d) if d.owner == Owner::Human);
        let changing = self.planned.plan.units.get(&unit).is_some_and(|u| {
            u.steps.iter().any(|s| {
                matches!(s.action.op, Op::EcsCreateService | Op::EcsUpdateService)
                    && s.because.iter().any(by_document)
            })
        });
        !undecided && !changing
    }
}

/// Services so that those depended on come first, and some before others; the document has no cycles.
pub(crate) fn ordered<'d>(
    document: &'d Document,
    goes_first: &dyn Fn(&ServiceKey) -> bool,
) -> Vec<&'d ServiceKey> {
    fn visit<'d>(document: &'d Document, key: &'d ServiceKey, out: &mut Vec<&'d ServiceKey>, depth: usize) {
        if out.contains(&key) || depth > document.services.len() {
            return;
        }
        for other in document.services.get(key).into_iter().flat_map(|s| &s.depends_on) {
            visit(document, other, out, depth + 1);
        }
        out.push(key);
    }
    let (first, then): (Vec<&ServiceKey>, Vec<&ServiceKey>) =
        document.services.keys().partition(|key| goes_first(key));
    let keys = first.into_iter().chain(then);
    if document.services.values().all(|s| s.depends_on.is_empty()) {
        return keys.collect();
    }
    let mut out = Vec::with_capacity(document.services.len());
    for key in keys {
        visit(document, key, &mut out, 0);
    }
    out
}
