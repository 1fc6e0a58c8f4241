//! What an operator with the AWS CLI can do to a thing of any kind, and what AWS shows of it then: made of the
//! shapes of AWS's own calls, so that a member that is new there can be edited by hand at once.

use std::collections::BTreeMap;

use evenkeel_diff::{Kind, clearing};
use evenkeel_model::shapes::{Kind as Form, Op, ShapeId};
use serde_json::{Map, Value, json};

use super::scene::Scene;

/// The cluster that the things are in.
const CLUSTER: &str = "members";

/// The calls that change a thing of a kind. Those that put it whole take what they are not given for absent.
fn operations(kind: Kind) -> &'static [(Op, bool)] {
    match kind {
        Kind::TaskDefinition => &[(Op::EcsRegisterTaskDefinition, true)],
        Kind::Service => &[(Op::EcsUpdateService, false)],
        Kind::TargetGroup => &[(Op::Elbv2ModifyTargetGroup, false)],
        Kind::LoadBalancer => &[(Op::Elbv2SetSubnets, false), (Op::Elbv2SetSecurityGroups, false)],
        Kind::Listener => &[(Op::Elbv2ModifyListener, false)],
        Kind::Rule => &[(Op::Elbv2ModifyRule, false)],
        Kind::ScalableTarget => &[(Op::ScalingRegisterScalableTarget, false)],
        Kind::ScalingPolicy => &[(Op::ScalingPutScalingPolicy, true)],
        Kind::ScheduledAction => &[(Op::ScalingPutScheduledAction, true)],
        Kind::Cluster => &[(Op::EcsUpdateCluster, false), (Op::EcsPutClusterCapacityProviders, true)],
        Kind::Repository => {
            &[(Op::EcrPutImageTagMutability, true), (Op::EcrPutImageScanningConfiguration, false)]
        }
        Kind::LogGroup => &[(Op::LogsPutRetentionPolicy, false)],
    }
}

/// What the document calls by its own names.
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// As they are now.
    pub fn of(scene: &Scene) -> Self {
        let mut names = BTreeMap::new();
        let groups = scene.aws("elbv2", "DescribeTargetGroups", json!({}));
        for group in each(&groups, "TargetGroups") {
            names.insert(
                format!("${{targetGroup:{}}}", said(group, "TargetGroupName")),
                said(group, "TargetGroupArn"),
            );
        }
        let front = scene.aws("elbv2", "DescribeLoadBalancers", json!({"Names": ["front"]}));
        for rule in rules_of(scene, &front["LoadBalancers"][0]) {
            let found = scene.aws("elbv2", "DescribeTags", json!({"ResourceArns": [rule["RuleArn"]]}));
            for tag in each(&found["TagDescriptions"][0], "Tags") {
                if tag["Key"] == "evenkeel:key" {
                    let key = format!("${{listenerRule:{}}}", said(tag, "Value"));
                    names.insert(key, said(&rule, "RuleArn"));
                }
            }
        }
        Names(names)
    }

    /// A tree with AWS's names in it.
    fn resolve(&self, tree: &Value) -> Value {
        match tree {
            Value::String(text) => self.0.get(text).unwrap_or(text).as_str().into(),
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(map) => map.iter().map(|(name, it)| (name.clone(), self.resolve(it))).collect(),
            other => other.clone(),
        }
    }
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    op: Op,
    input: Value,
}

/// The calls by which an operator makes of a thing, which is as one tree says, what another says; `None` where
/// no call changes what differs.
pub fn calls(
    scene: &Scene,
    names: &Names,
    kind: Kind,
    thing: &str,
    from: &Value,
    to: &Value,
) -> Option<Vec<Call>> {
    let (from, to) = (names.resolve(from), names.resolve(to));
    let members = kind.shape().members().iter().map(|m| m.name);
    let mut differ: Vec<&str> = members.filter(|m| from.get(m) != to.get(m)).collect();
    let mut calls = Vec::new();
    for (op, whole) in operations(kind) {
        let takes = |member: &&str| op.input().member(member).is_some();
        if !differ.iter().any(&takes) {
            continue;
        }
        let mut input = Map::new();
        let all = op.input().members().iter().map(|m| m.name);
        for member in all.filter(|member| *whole || differ.contains(member)) {
            let gone = || (!whole).then(|| off(kind, member)).flatten();
            if let Some(value) = to.get(member).cloned().or_else(gone) {
                input.insert(member.to_owned(), value);
            }
        }
        if input.contains_key("capacityProviderStrategy") {
            input.insert("forceNewDeployment".into(), true.into());
        }
        // What is left out would be taken for NONE.
        if *op == Op::EcsUpdateService && !input.contains_key("propagateTags") {
            input.extend(to.get("propagateTags").map(|it| ("propagateTags".to_owned(), it.clone())));
        }
        differ.retain(|m| !takes(m));
        identify(scene, kind, thing, &mut input);
        let input = wire(&input.into(), op.input(), is_pascal(*op));
        calls.push(Call { op: *op, input });
    }
    (differ.is_empty() && !calls.is_empty()).then_some(calls)
}

/// What takes a member away.
fn off(kind: Kind, member: &str) -> Option<Value> {
    clearing(kind, member).value().map(|tree| tree.to_json().parse().unwrap())
}

/// Makes the calls, if AWS takes them.
pub fn make(scene: &Scene, thing: &str, calls: &[Call]) -> Result<(), String> {
    for Call { op, input } in calls {
        let answer = scene.stage.try_operator(op.service().name(), op.name(), input.clone())?;
        if *op == Op::EcsRegisterTaskDefinition {
            let arn = &answer["taskDefinition"]["taskDefinitionArn"];
            let input = json!({"cluster": CLUSTER, "service": thing, "taskDefinition": arn});
            scene.stage.try_operator("ecs", "UpdateService", input)?;
        }
    }
    Ok(())
}

fn is_pascal(op: Op) -> bool {
    matches!(op.service().name(), "elbv2" | "application-autoscaling")
}

/// A tree in the spelling of a service.
fn wire(tree: &Value, shape: ShapeId, pascal: bool) -> Value {
    match (shape.kind(), tree) {
        (Form::Structure { .. }, Value::Object(map)) => {
            let member = |(name, value): (&String, &Value)| {
                let below =
                    shape.member(name).map_or_else(|| value.clone(), |m| wire(value, m.shape, pascal));
                let name = if pascal { name[..1].to_uppercase() + &name[1..] } else { name.clone() };
                (name, below)
            };
            map.iter().map(member).collect()
        }
        (Form::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|it| wire(it, item, pascal)).collect()
        }
        // The query protocol writes a map as entries.
        (Form::Map { .. }, Value::Object(map)) if shape.service().name() == "elbv2" => {
            let entry = |(key, value): (&String, &Value)| json!({"key": key, "value": value});
            json!({"entry": map.iter().map(entry).collect::<Vec<_>>()})
        }
        (Form::Map { value, .. }, Value::Object(map)) => {
            map.iter().map(|(name, it)| (name.clone(), wire(it, value, pascal))).collect()
        }
        // The JSON protocols write a time in seconds.
        (Form::Timestamp, Value::String(text)) => {
            text.parse::<jiff::Timestamp>().map_or(tree.clone(), |time| time.as_second().into())
        }
        _ => tree.clone(),
    }
}

/// Says which thing is meant.
fn identify(scene: &Scene, kind: Kind, thing: &str, input: &mut Map<String, Value>) {
    let mut set = |name: &str, value: Value| {
        input.insert(name.to_owned(), value);
    };
    let scalable = |service: &str| json!(format!("service/{CLUSTER}/{service}"));
    match kind {
        Kind::TaskDefinition => set("family", thing.into()),
        Kind::Service => {
            set("cluster", CLUSTER.into());
            set("service", thing.into());
        }
        Kind::TargetGroup => set("targetGroupArn", scene.target_group(thing)["TargetGroupArn"].clone()),
        Kind::LoadBalancer => set("loadBalancerArn", balancer(scene, thing)["LoadBalancerArn"].clone()),
        Kind::Listener => set("listenerArn", scene.listener(thing)["ListenerArn"].clone()),
        Kind::Rule => set("ruleArn", rule(scene, thing)["RuleArn"].clone()),
        Kind::ScalableTarget | Kind::ScalingPolicy | Kind::ScheduledAction => {
            set("serviceNamespace", "ecs".into());
            set("scalableDimension", "ecs:service:DesiredCount".into());
            set("resourceId", scalable(&scaled(kind, thing)));
            match kind {
                Kind::ScalingPolicy => set("policyName", thing.into()),
                Kind::ScheduledAction => set("scheduledActionName", thing.into()),
                _ => {}
            }
        }
        Kind::Cluster => set("cluster", thing.into()),
        Kind::Repository => set("repositoryName", thing.into()),
        Kind::LogGroup => set("logGroupName", thing.into()),
    }
}

/// The service that something scales.
pub fn scaled(kind: Kind, thing: &str) -> String {
    match kind {
        Kind::ScalingPolicy => {
            let number: usize = thing.trim_start_matches("case-").parse().unwrap();
            format!("scaled-{}", number / 10)
        }
        _ => thing.to_owned(),
    }
}

/// What AWS shows of a thing, without what it counts and notes itself.
pub fn shown(scene: &Scene, kind: Kind, thing: &str) -> Value {
    let named = |service: &str, operation: &str, member: &str, input: Value| {
        scene.aws(service, operation, input)[member][0].clone()
    };
    let scaling = |operation: &str, member: &str| {
        let found = scene.aws(
            "application-autoscaling",
            operation,
            json!({"ServiceNamespace": "ecs", "ResourceId": format!("service/{CLUSTER}/{}", scaled(kind, thing))}),
        );
        let name = |it: &&Value| {
            it["PolicyName"] == thing || it["ScheduledActionName"] == thing || member == "ScalableTargets"
        };
        each(&found, member).iter().find(name).cloned().unwrap_or_default()
    };
    let service = || {
        let input = json!({"cluster": CLUSTER, "services": [thing], "include": ["TAGS"]});
        named("ecs", "DescribeServices", "services", input)
    };
    let mut found = match kind {
        Kind::Service => {
            let mut shown = service();
            let primary = shown["deployments"][0].clone();
            for own in ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"] {
                shown[own] = primary[own].clone();
            }
            let arns: Vec<Value> =
                each(&shown, "currentServiceRevisions").iter().map(|it| it["arn"].clone()).collect();
            let input = json!({"serviceRevisionArns": arns});
            let revisions = scene.aws("ecs", "DescribeServiceRevisions", input);
            let newest =
                each(&revisions, "serviceRevisions").iter().max_by_key(|r| r["createdAt"].to_string());
            for own in ["monitoring", "gatewayConnectors"] {
                shown[own] = newest.map_or(Value::Null, |r| r[own].clone());
            }
            shown
        }
        Kind::TaskDefinition => {
            let input = json!({"taskDefinition": service()["taskDefinition"], "include": ["TAGS"]});
            scene.aws("ecs", "DescribeTaskDefinition", input)["taskDefinition"].clone()
        }
        Kind::TargetGroup => {
            let mut group = scene.target_group(thing);
            let of = json!({"TargetGroupArn": group["TargetGroupArn"]});
            group["Attributes"] =
                scene.aws("elbv2", "DescribeTargetGroupAttributes", of)["Attributes"].clone();
            group
        }
        Kind::LoadBalancer => balancer(scene, thing),
        Kind::Listener => scene.listener(thing),
        Kind::Rule => rule(scene, thing),
        Kind::ScalableTarget => {
            let input =
                json!({"ServiceNamespace": "ecs", "ResourceIds": [format!("service/{CLUSTER}/{thing}")]});
            named("application-autoscaling", "DescribeScalableTargets", "ScalableTargets", input)
        }
        Kind::ScalingPolicy => scaling("DescribeScalingPolicies", "ScalingPolicies"),
        Kind::ScheduledAction => scaling("DescribeScheduledActions", "ScheduledActions"),
        Kind::Cluster => {
            let include = ["SETTINGS", "CONFIGURATIONS", "TAGS"];
            named("ecs", "DescribeClusters", "clusters", json!({"clusters": [thing], "include": include}))
        }
        Kind::Repository => {
            named("ecr", "DescribeRepositories", "repositories", json!({"repositoryNames": [thing]}))
        }
        Kind::LogGroup => {
            named("logs", "DescribeLogGroups", "logGroups", json!({"logGroupNamePrefix": thing}))
        }
    };
    const AWS_OWN: [&str; 16] = [
        "registeredAt",
        "registeredBy",
        "revision",
        "taskDefinitionArn",
        "family",
        "tags",
        "events",
        "deployments",
        "runningCount",
        "pendingCount",
        "currentServiceDeployment",
        "currentServiceRevisions",
        "CreationTime",
        "Alarms",
        "statistics",
        "PredictedCapacity",
    ];
    if let Some(map) = found.as_object_mut() {
        map.retain(|name, value| !AWS_OWN.contains(&name.as_str()) && !value.is_null());
    }
    texts(&found)
}

/// The same with every value as a text: the query protocol knows no others.
fn texts(tree: &Value) -> Value {
    match tree {
        Value::Array(items) => items.iter().map(texts).collect(),
        Value::Object(map) => map.iter().map(|(name, it)| (name.clone(), texts(it))).collect(),
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

fn each<'v>(found: &'v Value, member: &str) -> &'v [Value] {
    found[member].as_array().map_or(&[][..], Vec::as_slice)
}

fn said(found: &Value, member: &str) -> String {
    found[member].as_str().unwrap_or_default().to_owned()
}

fn balancer(scene: &Scene, name: &str) -> Value {
    scene.aws("elbv2", "DescribeLoadBalancers", json!({"Names": [name]}))["LoadBalancers"][0].clone()
}

/// The only rule of a load balancer beside the default one.
fn rule(scene: &Scene, balancer: &str) -> Value {
    let found = scene.aws("elbv2", "DescribeLoadBalancers", json!({"Names": [balancer]}));
    rules_of(scene, &found["LoadBalancers"][0]).into_iter().next().unwrap_or_default()
}

/// The rules of a load balancer beside the default ones.
fn rules_of(scene: &Scene, balancer: &Value) -> Vec<Value> {
    let mut rules = Vec::new();
    let of = json!({"LoadBalancerArn": balancer["LoadBalancerArn"]});
    for listener in each(&scene.aws("elbv2", "DescribeListeners", of), "Listeners") {
        let found = scene.aws("elbv2", "DescribeRules", json!({"ListenerArn": listener["ListenerArn"]}));
        rules.extend(each(&found, "Rules").iter().filter(|rule| rule["IsDefault"] != true).cloned());
    }
    rules
}

/// True where some call changes a member of a thing that is there.
pub fn can_edit(kind: Kind, member: &str) -> bool {
    operations(kind).iter().any(|(op, _)| op.input().member(member).is_some())
}

/// What the daemon calls the unit that a thing is in.
pub fn unit(kind: Kind, thing: &str) -> String {
    match kind {
        Kind::TaskDefinition | Kind::Service => format!("service:{CLUSTER}/{thing}"),
        Kind::ScalableTarget | Kind::ScalingPolicy | Kind::ScheduledAction => {
            format!("service:{CLUSTER}/{}", scaled(kind, thing))
        }
        Kind::TargetGroup => format!("target-group:{thing}"),
        Kind::LoadBalancer | Kind::Listener | Kind::Rule => format!("load-balancer:{thing}"),
        Kind::Cluster => format!("cluster:{thing}"),
        Kind::Repository => format!("repository:{thing}"),
        Kind::LogGroup => format!("log-group:{thing}"),
    }
}

/// What the daemon calls a thing within its unit.
pub fn part(kind: Kind, thing: &str) -> String {
    match kind {
        Kind::TaskDefinition => "taskDefinition".to_owned(),
        Kind::Service => "service".to_owned(),
        Kind::TargetGroup => "targetGroup".to_owned(),
        Kind::LoadBalancer => "loadBalancer".to_owned(),
        Kind::Listener => "listener only".to_owned(),
        Kind::Rule => format!("rule {thing}/only/{thing}"),
        Kind::ScalableTarget => "scaling".to_owned(),
        Kind::ScalingPolicy => format!("policy {thing}"),
        Kind::ScheduledAction => format!("scheduled action {thing}"),
        Kind::Cluster => "cluster".to_owned(),
        Kind::Repository => "repository".to_owned(),
        Kind::LogGroup => "log group".to_owned(),
    }
}
