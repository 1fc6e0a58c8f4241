//! What a write must have left, for readings after it to be measured by: AWS's readings lag behind its writes.

use evenkeel_model::Tree;
use evenkeel_model::key::Subject;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Expect;

use crate::{Action, Because, Step, rollout};

/// What a step whose call was answered leaves behind. `before` is its subject as it was seen just before, where
/// no step of the same run had written it.
pub fn expectation(step: &Step, before: Option<&Tree>, output: &Tree) -> Expect {
    let left = match step.action.op {
        Op::EcsCreateService | Op::EcsUpdateService => {
            let started = output.get("service").and_then(rollout::primary);
            // A deployment that was there before says nothing.
            let started = started.filter(|id| before.and_then(rollout::primary) != Some(id));
            match started {
                Some(id) => Expect::Deployment(id.to_owned()),
                None if step.action.op == Op::EcsCreateService => Expect::Present,
                None => Expect::Anything,
            }
        }
        Op::Elbv2CreateListener if matches!(step.subject, Subject::LoadBalancer(_)) => Expect::Present,
        Op::EcsCreateCluster
        | Op::Elbv2CreateTargetGroup
        | Op::Elbv2CreateLoadBalancer
        | Op::EcrCreateRepository
        | Op::LogsCreateLogGroup => Expect::Present,
        Op::ScalingRegisterScalableTarget if before.is_none() => Expect::Present,
        Op::EcsRegisterTaskDefinition => lists(output, "taskDefinition/taskDefinitionArn", ""),
        Op::EcsDeleteService
        | Op::EcsDeleteCluster
        | Op::Elbv2DeleteTargetGroup
        | Op::Elbv2DeleteLoadBalancer
        | Op::ScalingDeregisterScalableTarget
        | Op::EcrDeleteRepository
        | Op::LogsDeleteLogGroup => Expect::Absent,
        Op::Elbv2CreateRule => lists(output, "rules/0/ruleArn", "ruleArn"),
        Op::Elbv2CreateListener => listener(output),
        _ => Expect::Anything,
    };
    match (left, before) {
        (Expect::Anything, Some(before)) => changed(&step.subject, &step.action, before),
        (left, _) => left,
    }
}

/// What a step that is done leaves of what it touches, where its reasons tell: a count that is brought into its
/// bounds.
pub fn beside(step: &Step) -> Vec<(&Subject, Expect)> {
    let service = step.touches.iter().find(|t| matches!(t, Subject::Service(_)));
    let count = step.because.iter().find_map(|because| match because {
        Because::Field(drift) if drift.path.segments().eq(["desiredCount"]) => drift.live.clone(),
        _ => None,
    });
    let was = |count: Tree| Expect::Unlike { item: None, was: Tree::map().with("desiredCount", count) };
    service.zip(count).map(|(service, count)| (service, was(count))).into_iter().collect()
}

/// The listener that an answer shows.
pub fn listener(output: &Tree) -> Expect {
    lists(output, "listeners/0/listenerArn", "listenerArn")
}

/// A listing that has what the answer names.
fn lists(output: &Tree, named: &str, member: &'static str) -> Expect {
    let value = output.pointer(named).and_then(Tree::as_str);
    value.map_or(Expect::Anything, |value| Expect::Lists { member, value: value.to_owned() })
}

/// That what a call sends is no longer as it was before.
fn changed(subject: &Subject, action: &Action, before: &Tree) -> Expect {
    let input = &action.input;
    let item = match subject {
        Subject::Rules(_) => Some("ruleArn"),
        Subject::Listeners(_) => Some("listenerArn"),
        Subject::Policies(_) => Some("policyName"),
        Subject::ScheduledActions(_) => Some("scheduledActionName"),
        // Of what else is listed nobody changes an element.
        _ if matches!(before, Tree::List(_)) => return Expect::Anything,
        _ => None,
    };
    let first = |list: &str| input.list_of(list).first();
    let named = |member: &str| {
        let moved = || first("rulePriorities").and_then(|pair| pair.str(member));
        let tagged = || first("resourceArns").and_then(Tree::as_str);
        input.str(member).or_else(moved).or_else(tagged)
    };
    let item = match item {
        None => None,
        Some(member) => match named(member) {
            Some(value) => Some((member, value.to_owned())),
            None => return Expect::Anything,
        },
    };
    let found = match &item {
        None => before,
        Some((member, value)) => match before.items().iter().find(|it| it.str(member) == Some(value)) {
            Some(found) => found,
            None => return Expect::Lists { member, value: value.clone() },
        },
    };
    let was = |names: &[&str]| {
        let value = |name: &&str| found.get(name).cloned().unwrap_or_default();
        names.iter().fold(Tree::map(), |was, name| was.with(*name, value(name)))
    };
    let was = match action.op {
        Op::EcsTagResource
        | Op::EcsUntagResource
        | Op::Elbv2AddTags
        | Op::Elbv2RemoveTags
        | Op::EcrTagResource
        | Op::EcrUntagResource
        | Op::LogsTagResource
        | Op::LogsUntagResource => was(&["tags"]),
        Op::Elbv2ModifyTargetGroupAttributes => was(&["attributes"]),
        Op::Elbv2SetRulePriorities => was(&["priority"]),
        Op::LogsDeleteRetentionPolicy => was(&["retentionInDays"]),
        Op::Elbv2DeleteRule
        | Op::Elbv2DeleteListener
        | Op::ScalingDeleteScalingPolicy
        | Op::ScalingDeleteScheduledAction => was(item.as_ref().map(|(member, _)| *member).as_slice()),
        _ => {
            let sent = input.entries().filter(|(name, value)| {
                let known = found.get(name).unwrap_or(&Tree::Null);
                !NAMES.contains(&name.as_ref()) && known != *value
            });
            let sent: Vec<&str> = sent.map(|(name, _)| name.as_ref()).collect();
            was(&sent)
        }
    };
    match was.is_empty() {
        true => Expect::Anything,
        false => Expect::Unlike { item, was },
    }
}

/// Members by which a call says what it is about, or asks for something that does not show in it.
const NAMES: [&str; 12] = [
    "cluster",
    "service",
    "repositoryName",
    "logGroupName",
    "targetGroupArn",
    "loadBalancerArn",
    "listenerArn",
    "ruleArn",
    "serviceNamespace",
    "resourceId",
    "scalableDimension",
    "forceNewDeployment",
];
