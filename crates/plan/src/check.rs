//! A checker over every plan: always in tests, and a gate in production that stops the unit it is about.

use std::collections::BTreeSet;

use evenkeel_model::Tree;
use evenkeel_model::document::{Adopt, refs};
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::shapes::{self, Op, Problem};

use crate::ownership::{self, TAG_DOCUMENT, TAG_KEY};
use crate::restraint::Restraint;
use crate::service::deploys;
use crate::{Because, Guard, Input, Need, Planned, Step, StepId, Unit};
use crate::{deletions, revisions};

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
        order(unit, &mut find);
        for step in unit.steps.iter().take(unit.ready()) {
            sendable(step, &mut find);
            if step.guard == Guard::Absent && input.world.seen(&step.subject).is_unknown() {
                find(format!("step {} writes {}, which has not been seen", step.id, step.subject));
            }
        }
        if unit.ready() > 0 && may_not_write(input, key) {
            find("the plan writes where nothing may be written".into());
        }
        let held = planned.report.units.get(key).is_some_and(|r| r.held.is_some());
        for step in &unit.steps {
            let op = step.action.op;
            if op == Op::EcsDeregisterTaskDefinition {
                revisions::check(input, step).into_iter().for_each(&mut find);
            }
            if belongs_to_others(input, key, step) {
                find(format!("step {} writes what is not ours", step.id));
            }
            if op == Op::EcsUpdateService {
                update(input, key, step, held, &mut find);
            }
        }
    }
    let replaces =
        |key: &UnitKey, step: &Step| ends_a_replacement(input, step) || recreates(input, key, step);
    deletions::check(input, planned, &replaces, &mut |unit, message| {
        findings.push(Finding { unit: unit.clone(), message });
    });
    findings
}

/// Steps come after what they need, and answer each difference once.
fn order(unit: &Unit, find: &mut dyn FnMut(String)) {
    let mut before: BTreeSet<&StepId> = BTreeSet::new();
    let mut answered: BTreeSet<(&str, String)> = BTreeSet::new();
    for step in &unit.steps {
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
        if let Guard::AsLeftBy(id) = &step.guard
            && !before.contains(id)
        {
            find(format!("step {} is guarded by {id}, which does not come before it", step.id));
        }
        for fill in &step.action.fills {
            if !step.needs.contains(&Need::Step(fill.from.clone())) {
                find(format!("step {} takes a value from a step it does not need", step.id));
            }
        }
        for because in &step.because {
            if let Because::Field(drift) = because
                && !answered.insert((&drift.part, drift.path.to_string()))
            {
                find(format!("step {} answers {} a second time", step.id, drift.path));
            }
        }
        before.insert(&step.id);
    }
}

/// What is ready can be sent as it stands.
fn sendable(step: &Step, find: &mut dyn FnMut(String)) {
    refs::find(&step.action.input, &mut |_, reference| {
        if let Ok(reference) = reference {
            find(format!("step {} is ready with {reference} unresolved", step.id));
        }
    });
    shapes::check(&step.action.input, step.action.op.input(), &mut |path, problem| {
        let filled = step
            .action
            .fills
            .iter()
            .any(|f| matches!(&problem, Problem::MissingRequired { name } if *name == f.member));
        if !filled && !matches!(problem, Problem::UnknownMember { .. }) {
            find(format!("step {} would be refused at `{path}`: {problem}", step.id));
        }
    });
}

/// True for the end of a target group that nothing leads to, where replacing is allowed.
fn ends_a_replacement(input: &Input<'_>, step: &Step) -> bool {
    let unused = |t: &Tree| t.list_of("loadBalancerArns").is_empty();
    step.action.op == Op::Elbv2DeleteTargetGroup
        && input.ceilings.replace
        && input.world.tree(&step.subject).is_some_and(unused)
}

/// True for a service that the document wants deleted and made anew, where replacing is allowed.
fn recreates(input: &Input<'_>, key: &UnitKey, step: &Step) -> bool {
    let service = key.service().and_then(|k| input.document.services.get(k));
    step.action.op == Op::EcsDeleteService
        && input.ceilings.replace
        && service.is_some_and(|s| s.recreate)
        && matches!(step.because.first(), Some(Because::Field(_)))
}

fn may_not_write(input: &Input<'_>, key: &UnitKey) -> bool {
    Restraint::of(input, key).forbids()
}

/// True for a step that writes the tags of ownership and nothing else, where the document adopts something of
/// this unit.
fn adopts(input: &Input<'_>, key: &UnitKey, step: &Step) -> bool {
    let tagging = [Op::EcsTagResource, Op::Elbv2AddTags, Op::EcrTagResource, Op::LogsTagResource];
    let sent = ownership::tags(&step.action.input);
    let document = input.document;
    let rules = document.services.values().flat_map(|s| s.rules.values());
    let listeners = document.load_balancers.values().flat_map(|lb| lb.listeners.values());
    let own = rules.chain(listeners.clone().flat_map(|l| l.rules.values())).map(|r| &r.adopt);
    let mut said = own.chain(listeners.map(|l| &l.adopt)).flatten().chain([document.adopt(key)]);
    tagging.contains(&step.action.op)
        && sent.keys().all(|k| k == TAG_DOCUMENT || k == TAG_KEY)
        && sent.get(TAG_DOCUMENT) == Some(&document.name)
        && said.any(|adopt| *adopt != Adopt::Never)
}

/// True where a step changes something that is there and does not carry our document's tag.
fn belongs_to_others(input: &Input<'_>, key: &UnitKey, step: &Step) -> bool {
    if !matches!(step.guard, Guard::AsPlanned(_)) || adopts(input, key, step) {
        return false;
    }
    let Some(tree) = input.world.tree(&step.subject) else { return false };
    let ours = |tree: &Tree| ownership::tags(tree).get(TAG_DOCUMENT) == Some(&input.document.name);
    match &step.subject {
        Subject::Cluster(_)
        | Subject::Repository(_)
        | Subject::LogGroup(_)
        | Subject::TargetGroup(_)
        | Subject::LoadBalancer(_)
        | Subject::Service(_) => !ours(tree),
        Subject::Listeners(_) | Subject::Rules(_) => {
            let sent = &step.action.input;
            let member = |m| sent.get(m).into_iter();
            let listener = member("listenerArn").filter(|_| step.action.op != Op::Elbv2CreateRule);
            let pairs = sent.list_of("rulePriorities").iter().filter_map(|p| p.get("ruleArn"));
            let tagged = sent.list_of("resourceArns");
            member("ruleArn").chain(listener).chain(pairs).chain(tagged).any(|arn| {
                let named = |t: &&Tree| t.get("ruleArn").or_else(|| t.get("listenerArn")) == Some(arn);
                !tree.items().iter().find(named).is_some_and(ours)
            })
        }
        // What scales a service, and its deployments, belong to the service.
        Subject::ScalableTarget(key)
        | Subject::Policies(key)
        | Subject::ScheduledActions(key)
        | Subject::Deployments(key) => !input.world.tree(&Subject::Service(key.clone())).is_some_and(ours),
        // Nobody writes what is only read.
        Subject::Family(_)
        | Subject::TaskDefinition(_)
        | Subject::ServiceRevision(_)
        | Subject::TargetHealth(_)
        | Subject::StoppedTasks(_) => false,
    }
}

fn update(input: &Input<'_>, key: &UnitKey, step: &Step, held: bool, find: &mut dyn FnMut(String)) {
    let sent = &step.action.input;
    if sent.get("desiredCount").is_some() && scaled(input, key) {
        find(format!("step {} sends a count that belongs to the autoscaler", step.id));
    }
    if step.guard == Guard::Absent {
        find(format!("step {} updates what has not been seen", step.id));
    }
    let deploys = sent.get("taskDefinition").is_some()
        || sent.get("forceNewDeployment").is_some()
        || !step.action.fills.is_empty()
        || sent.entries().any(|(m, _)| deploys(m));
    if held && deploys {
        find(format!("step {} starts a deployment that is held", step.id));
    }
}

fn scaled(input: &Input<'_>, key: &UnitKey) -> bool {
    key.service().is_some_and(|service| {
        let target = input.world.seen(&Subject::ScalableTarget(service.clone()));
        !target.is_absent() || input.document.services.get(service).is_some_and(|s| s.scaling.is_some())
    })
}
