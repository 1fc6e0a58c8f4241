//! A checker over every plan: always in tests, and a gate in production that stops the unit it is about.

use std::collections::BTreeSet;

use evenkeel_model::document::refs;
use evenkeel_model::key::UnitKey;
use evenkeel_model::shapes::{self, Op, Problem};

use crate::ownership::{self, TAG_DOCUMENT};
use crate::{Guard, Input, Need, Planned, StepId};

/// Something a plan must never have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub unit: UnitKey,
    /// What, in one sentence.
    pub message: String,
}

/// Everything that is wrong with a plan.
pub fn check(input: &Input<'_>, planned: &Planned) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, unit) in &planned.plan.units {
        let mut find = |message: String| findings.push(Finding { unit: key.clone(), message });
        let mut before: BTreeSet<&StepId> = BTreeSet::new();
        let ready = unit.ready();
        for (i, step) in unit.steps.iter().enumerate() {
            if before.contains(&step.id) {
                find(format!("the plan has two steps {}", step.id));
            }
            for need in &step.needs {
                if let Need::Step(id) = need
                    && !before.contains(id)
                {
                    find(format!("step {} needs {id}, which does not come before it", step.id));
                }
            }
            for fill in &step.action.fills {
                if !step.needs.contains(&Need::Step(fill.from.clone())) {
                    find(format!("step {} takes a value from a step it does not need", step.id));
                }
            }
            if i < ready {
                refs::find(&step.action.input, &mut |_, reference| {
                    if let Ok(reference) = reference {
                        find(format!("step {} is ready with {reference} unresolved", step.id));
                    }
                });
                shapes::check(&step.action.input, step.action.op.input(), &mut |path, problem| {
                    let filled =
                        step.action.fills.iter().any(
                            |f| matches!(&problem, Problem::MissingRequired { name } if *name == f.member),
                        );
                    if !filled && !matches!(problem, Problem::UnknownMember { .. }) {
                        find(format!("step {} would be refused at `{path}`: {problem}", step.id));
                    }
                });
            }
            if step.action.op.name().starts_with("Delete") && step.action.op != Op::LogsDeleteRetentionPolicy
            {
                find(format!("step {} deletes, which this version never does", step.id));
            }
            if step.action.op == Op::EcsUpdateService {
                if step.action.input.get("desiredCount").is_some() && scaled(input, key) {
                    find(format!("step {} sends a count that belongs to the autoscaler", step.id));
                }
                let live = input.world.tree(&step.subject);
                let tags = live.map(ownership::tags).unwrap_or_default();
                if tags.get(TAG_DOCUMENT) != Some(&input.document.name) {
                    find(format!("step {} writes what is not ours", step.id));
                }
                if step.guard == Guard::Absent {
                    find(format!("step {} updates what has not been seen", step.id));
                }
            }
            before.insert(&step.id);
        }
    }
    findings
}

fn scaled(input: &Input<'_>, key: &UnitKey) -> bool {
    key.service().is_some_and(|service| {
        let target = evenkeel_model::key::Subject::ScalableTarget(service.clone());
        input.world.tree(&target).is_some()
            || input.document.services.get(service).is_some_and(|s| s.scaling.is_some())
    })
}
