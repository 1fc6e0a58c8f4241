//! What a write must have left, for readings after it to be measured by: AWS's readings lag behind its writes.

use evenkeel_model::Tree;
use evenkeel_model::key::Subject;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Expect, World};

use crate::{Action, Step, rollout};

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
    match left {
        Expect::Anything => changed(&step.subject, &step.action, before),
        left => left,
    }
}

/// What a step that is about to be done leaves of what it touches, where that is known: AWS brings a service's count
/// into the bounds that are registered.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
pub fn beside<'s>(step: &'s Step, world: &World) -> Option<(&'s Subject, Expect)> {
    if step.action.op != Op::ScalingRegisterScalableTarget {
        return None;
    }
    let service = step.touches.iter().find(|t| matches!(t, Subject::Service(_)))?;
    let count = world.tree(service)?.int("desiredCount")?;
    let live = world.tree(&step.subject);
    let bound = |member| step.action.input.int(member).or_else(|| live?.int(member));
    let within = bound("minCapacity").is_none_or(|min| min <= count)
        && bound("maxCapacity").is_none_or(|max| count <= max);
    let was = Tree::map().with("desiredCount", count);
    (!within).then_some((service, Expect::Unlike { item: None, was }))
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
fn changed(subject: &Subject, action: &Action, before: Option<&Tree>) -> Expect {
    let input = &action.input;
    let member = match subject {
        Subject::Rules(_) => Some("ruleArn"),
        Subject::Listeners(_) => Some("listenerArn"),
        Subject::Policies(_) => Some("policyName"),
        Subject::ScheduledActions(_) => Some("scheduledActionName"),
        Subject::Deployments(_) => Some("serviceDeploymentArn"),
        _ => None,
    };
    let first = |list: &str| input.list_of(list).first();
    let named = |member: &str| {
        let moved = || first("rulePriorities").and_then(|pair| pair.str(member));
        let tagged = || first("resourceArns").and_then(Tree::as_str);
        input.str(member).or_else(moved).or_else(tagged)
    };
    let (item, found) = match member {
        // Of what else is listed nobody changes an element.
        None => (None, before.filter(|tree| !matches!(tree, Tree::List(_)))),
        Some(member) => match named(member) {
            Some(value) => {
                let items = before.map_or(&[][..], Tree::items);
                (Some((member, value.to_owned())), items.iter().find(|it| it.str(member) == Some(value)))
            }
            None => return Expect::Anything,
        },
    };
    let was = |names: &[&str]| {
        let value = |name: &str| found.and_then(|found| found.get(name)).cloned().unwrap_or_default();
        names.iter().fold(Tree::map(), |was, name| was.with(*name, value(name)))
    };
    let was = match (action.op, &item) {
        (
            Op::Elbv2DeleteRule
            | Op::Elbv2DeleteListener
            | Op::ScalingDeleteScalingPolicy
            | Op::ScalingDeleteScheduledAction,
            Some((member, value)),
        ) => Tree::map().with(*member, value.as_str()),
        (_, Some((member, value))) if found.is_none() => {
            return Expect::Lists { member, value: value.clone() };
        }
        _ if found.is_none() => return Expect::Anything,
        (
            Op::EcsTagResource
            | Op::EcsUntagResource
            | Op::Elbv2AddTags
            | Op::Elbv2RemoveTags
            | Op::EcrTagResource
            | Op::EcrUntagResource
            | Op::LogsTagResource
            | Op::LogsUntagResource,
            _,
        ) => was(&["tags"]),
        (Op::Elbv2ModifyTargetGroupAttributes, _) => was(&["attributes"]),
        (Op::Elbv2SetRulePriorities, _) => was(&["priority"]),
        (Op::LogsDeleteRetentionPolicy, _) => was(&["retentionInDays"]),
        (Op::EcsContinueServiceDeployment, _) => was(&["lifecycleHookDetails"]),
        _ => {
            let sent = input.entries().filter(|(name, value)| {
                let known = found.and_then(|found| found.get(name)).unwrap_or(&Tree::Null);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Guard;
    use evenkeel_model::key::ServiceKey;
    use evenkeel_model::world::{Moment, Seen};
    use serde_json::{Value, json};

    fn step(subject: Subject, op: Op, input: Value) -> Step {
        Step {
            id: crate::StepId("step".into()),
            subject,
            touches: Vec::new(),
            action: Action { op, input: Tree::from(input), fills: Vec::new() },
            needs: Vec::new(),
            because: Vec::new(),
            guard: Guard::Absent,
            watches: None,
        }
    }

    fn left(subject: Subject, op: Op, input: Value, before: Option<Value>) -> Expect {
        expectation(&step(subject, op, input), before.map(Tree::from).as_ref(), &Tree::map())
    }

    /// Which of these readings, taken after a write that left this, are believed.
    fn believed<const N: usize>(subject: Subject, left: Expect, readings: [Value; N]) -> [bool; N] {
        readings.map(|reading| {
            let mut world = World::default();
            world.wrote(subject.clone(), Moment(5), left.clone());
            world.observe(subject.clone(), Seen::Present { seen_at: Moment(6), tree: Tree::from(reading) })
        })
    }

    fn policies() -> Subject {
        Subject::Policies(ServiceKey::new("c", "s"))
    }

    #[test]
    fn what_was_put_or_deleted_shows_even_where_nobody_looked_before() {
        let named = json!({"policyName": "p", "policyType": "TargetTrackingScaling"});
        let readings = || [json!([]), json!([{"policyName": "other"}]), json!([named])];
        let put = left(policies(), Op::ScalingPutScalingPolicy, named.clone(), None);
        assert_eq!(believed(policies(), put, readings()), [false, false, true]);
        let deleted = left(policies(), Op::ScalingDeleteScalingPolicy, named.clone(), None);
        assert_eq!(believed(policies(), deleted, readings()), [true, true, false]);
    }

    #[test]
    fn what_was_put_over_another_is_no_longer_the_other() {
        let with = |target: i64| json!({"policyName": "p", "targetTrackingScalingPolicyConfiguration": {"targetValue": target}});
        let put = left(policies(), Op::ScalingPutScalingPolicy, with(50), Some(json!([with(70)])));
        assert_eq!(believed(policies(), put, [json!([with(70)]), json!([with(50)])]), [false, true]);
    }

    #[test]
    fn a_count_outside_the_bounds_that_are_registered_does_not_stay() {
        let key = || ServiceKey::new("c", "s");
        let service = Subject::Service(key());
        let after = |input: Value| {
            let mut world = World::default();
            let mut sees = |subject, json| {
                let tree = Tree::from(json);
                assert!(world.observe(subject, Seen::Present { seen_at: Moment(1), tree }));
            };
            sees(Subject::Service(key()), json!({"desiredCount": 2}));
            sees(Subject::ScalableTarget(key()), json!({"minCapacity": 3, "maxCapacity": 5}));
            let mut step = step(Subject::ScalableTarget(key()), Op::ScalingRegisterScalableTarget, input);
            step.touches = vec![Subject::Service(key())];
            beside(&step, &world).map(|(subject, left)| (subject.clone(), left))
        };
        let outside = after(json!({"minCapacity": 4, "maxCapacity": 8})).unwrap();
        assert_eq!(outside.0, service);
        let counts = [json!({"desiredCount": 2}), json!({"desiredCount": 4})];
        assert_eq!(believed(service.clone(), outside.1, counts), [false, true]);
        assert!(after(json!({})).is_some(), "the bounds that are there count too");
        assert_eq!(after(json!({"minCapacity": 1})), None, "what is within them stays");
    }

    #[test]
    fn a_hook_that_was_answered_no_longer_waits() {
        let subject = || Subject::Deployments(ServiceKey::new("c", "s"));
        let with = |status: &str| {
            let hooks = json!([{"hookId": "h", "status": status}]);
            json!([{"serviceDeploymentArn": "d", "lifecycleHookDetails": hooks}])
        };
        let input = json!({"serviceDeploymentArn": "d", "hookId": "h", "action": "CONTINUE"});
        let answered =
            left(subject(), Op::EcsContinueServiceDeployment, input, Some(with("AWAITING_ACTION")));
        let readings = [with("AWAITING_ACTION"), with("SUCCEEDED")];
        assert_eq!(believed(subject(), answered, readings), [false, true]);
    }
}
