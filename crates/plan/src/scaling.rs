//! Scalable target, policies and scheduled actions of a service.
//!
//! They cannot carry tags of their own in every case, so they belong to the service: where it is ours,
//! they are. What the document does not declare is reported and left.

use std::collections::BTreeMap;

use evenkeel_diff::Kind;
use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Scaling, Service};
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::ownership;
use crate::refs::Lookup;
use crate::report::{Drift, Note, Owner, WaitingOn};
use crate::unit::Draft;
use crate::{Because, Need, StepId};

fn ids(key: &ServiceKey) -> Tree {
    Tree::map()
        .with("serviceNamespace", "ecs")
        .with("scalableDimension", "ecs:service:DesiredCount")
        .with("resourceId", key.resource_id())
}

fn merged(ids: Tree, input: &Tree) -> Tree {
    input.entries().fold(ids, |all, (name, value)| all.with(name.clone(), value.clone()))
}

/// Adds the steps for a service's scaling. `live` is the service where it exists, `created` the step
/// that creates it where it does not.
pub(crate) fn steps(
    draft: &mut Draft<'_>,
    document: &Document,
    key: &ServiceKey,
    service: &Service,
    live: Option<&Tree>,
    created: Option<&StepId>,
) {
    let Some(scaling) = &service.scaling else {
        if draft.world().tree(&Subject::ScalableTarget(key.clone())).is_some() {
            draft.report.notes.push(Note(
                "it has a scalable target that the document does not declare: its count is left to that"
                    .into(),
            ));
        }
        return;
    };
    let target = target(draft, document, key, service, scaling, live, created);
    let needs: Vec<Need> = created.or(target.as_ref()).map(|id| Need::Step(id.clone())).into_iter().collect();
    let lookup = Lookup { document, world: draft.world(), service: Some(key) };
    let mut policies = BTreeMap::new();
    for (name, policy) in &scaling.policies {
        let (policy, waits) = lookup.resolve(policy);
        if waits.is_empty() {
            policies.insert(name.clone(), policy);
        } else {
            waits.into_iter().for_each(|w| draft.wait(w));
        }
    }
    let listed = Listed {
        word: "policy",
        kind: Kind::ScalingPolicy,
        subject: Subject::Policies(key.clone()),
        name: "policyName",
        put: Op::ScalingPutScalingPolicy,
    };
    listed.steps(draft, key, &policies, &needs, created.is_some());
    let listed = Listed {
        word: "scheduled action",
        kind: Kind::ScheduledAction,
        subject: Subject::ScheduledActions(key.clone()),
        name: "scheduledActionName",
        put: Op::ScalingPutScheduledAction,
    };
    listed.steps(draft, key, &scaling.scheduled_actions, &needs, created.is_some());
}

/// The scalable target. Its bounds belong to the last scheduled action that fired, where there are any;
/// a count outside them is healed by registering the target again, because AWS clamps it then.
fn target(
    draft: &mut Draft<'_>,
    document: &Document,
    key: &ServiceKey,
    service: &Service,
    scaling: &Scaling,
    live: Option<&Tree>,
    created: Option<&StepId>,
) -> Option<StepId> {
    let subject = Subject::ScalableTarget(key.clone());
    let name = format!("register-scalable-target {}", key.name);
    let full = merged(ids(key), &scaling.target);
    let known = match (created, draft.world().seen(&subject)) {
        // A service that is being created has none, whatever was there before: it went with the old one.
        (Some(_), _) => None,
        (None, Seen::Unknown) => {
            draft.wait(WaitingOn::Seen(subject));
            return None;
        }
        (None, seen) => seen.tree(),
    };
    draft.applies("scaling", &scaling.target);
    let Some(tree) = known else {
        let tags = ownership::wanted(document, &scaling.target, &service.item);
        let input = full.with("tags", ownership::map(&tags));
        let step = draft.step(name, subject, Op::ScalingRegisterScalableTarget, input);
        step.because(Because::Missing);
        if let Some(created) = created {
            step.needs([Need::Step(created.clone())]);
        }
        step.touches([Subject::Service(key.clone())]);
        return Some(step.id.clone());
    };
    let mut drifts = draft.drifts("scaling", Kind::ScalableTarget, &scaling.target, tree);
    let actions = draft.world().tree(&Subject::ScheduledActions(key.clone()));
    let scheduled = !scaling.scheduled_actions.is_empty() || actions.is_some_and(|a| !a.items().is_empty());
    if scheduled {
        for drift in drifts.iter_mut().filter(|d| d.owner == Owner::Human) {
            drift.owner = Owner::Autoscaler;
            drift.acted_on = false;
        }
    } else if let (Some(count), Some(min), Some(max)) = (
        live.and_then(|s| s.int("desiredCount")),
        scaling.target.int("minCapacity"),
        scaling.target.int("maxCapacity"),
    ) && !(min..=max).contains(&count)
        && drifts.is_empty()
    {
        drifts.push(Drift {
            part: "scaling".into(),
            path: Path::of(["desiredCount"]),
            want: Some(Tree::from(format!("{min} to {max}"))),
            live: Some(Tree::Int(count)),
            owner: Owner::Human,
            acted_on: true,
        });
    }
    let acted = draft.accept(drifts);
    if acted.is_empty() {
        return None;
    }
    let step = draft.step(name, subject, Op::ScalingRegisterScalableTarget, full);
    step.because_of(acted).touches([Subject::Service(key.clone())]);
    Some(step.id.clone())
}

/// Policies and scheduled actions: things in a listing, known by name, put whole.
struct Listed {
    word: &'static str,
    kind: Kind,
    subject: Subject,
    name: &'static str,
    put: Op,
}

impl Listed {
    /// `fresh`: the service is being created, and what was listed went with the one before.
    fn steps(
        &self,
        draft: &mut Draft<'_>,
        key: &ServiceKey,
        wanted: &BTreeMap<String, Tree>,
        needs: &[Need],
        fresh: bool,
    ) {
        let live: &[Tree] = match (fresh, draft.world().seen(&self.subject)) {
            (true, _) | (_, Seen::Absent { .. }) => &[],
            (false, Seen::Unknown) => {
                if !wanted.is_empty() {
                    draft.wait(WaitingOn::Seen(self.subject.clone()));
                }
                return;
            }
            (false, Seen::Present { tree, .. }) => tree.items(),
        };
        for (name, want) in wanted {
            let part = format!("{} {name}", self.word);
            draft.applies(&part, want);
            let input = merged(ids(key), want).with(self.name, name.as_str());
            let id = format!("{} {name}", self.put.verb());
            let Some(tree) = live.iter().find(|l| l.str(self.name) == Some(name)) else {
                let owner = match draft.memory().applied.get(&part) {
                    Some(_) => Owner::Human,
                    None => Owner::Document,
                };
                let drift = Drift {
                    part,
                    path: Path::root(),
                    want: Some(Tree::from("present")),
                    live: None,
                    owner,
                    acted_on: true,
                };
                if !draft.accept(vec![drift]).is_empty() {
                    draft
                        .step(id, self.subject.clone(), self.put, input)
                        .because(Because::Missing)
                        .needs(needs.iter().cloned());
                }
                continue;
            };
            let drifts = draft.drifts(&part, self.kind, want, tree);
            let acted = draft.accept(drifts);
            if !acted.is_empty() {
                draft
                    .step(id, self.subject.clone(), self.put, input)
                    .because_of(acted)
                    .needs(needs.iter().cloned());
            }
        }
        for name in live.iter().filter_map(|l| l.str(self.name)).filter(|n| !wanted.contains_key(*n)) {
            draft
                .report
                .notes
                .push(Note(format!("it has a {} {name} that the document does not declare", self.word)));
        }
    }
}
