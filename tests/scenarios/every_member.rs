//! Every member of every shape makes its way: declared, written to AWS, observed, and then equal.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_diff::Kind;
use evenkeel_model::document;
use evenkeel_model::text;
use evenkeel_plan::{State, WaitingOn};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::scene::Scene;
use crate::cases;

const ROLE: &str = "arn:aws:iam::123456789012:role/any";
const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/any";
const REGISTRY: &str = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-a";
const GROUP: &str = "${targetGroup:group}";

const RULE: &str = "${listenerRule:own/main}";

/// One thing of a document, which has some of its shape's members.
#[derive(Clone)]
pub struct Case {
    pub name: String,
    pub tree: Value,
    /// What it has beside the members that it is there for.
    pub base: Value,
    /// Where AWS or the document does not want it: the first reason.
    pub refused: Option<String>,
}

/// A document with what the cases speak of, and nothing else.
pub fn empty() -> Value {
    let group = &bases(Kind::TargetGroup)[0];
    let front = with(
        &bases(Kind::LoadBalancer)[0],
        json!({"listeners": {"http": with(&https(), json!({"rules": {"main": both_groups(1000)}}))}}),
    );
    json!({
        "apiVersion": "evenkeel/v1", "name": "members", "account": "123456789012", "region": "us-east-1",
        "cluster": "members", "clusters": {"members": {"capacityProviders": ["FARGATE"]}},
        "targetGroups": {"group": group, "other": group}, "loadBalancers": {"front": front},
    })
}

/// A rule that forwards to both shared target groups.
fn both_groups(priority: u16) -> Value {
    let groups = json!([
        {"targetGroupArn": GROUP, "weight": 100}, {"targetGroupArn": "${targetGroup:other}", "weight": 0},
    ]);
    json!({
        "priority": priority,
        "conditions": [{"field": "path-pattern", "pathPatternConfig": {"values": [format!("/{priority}")]}}],
        "actions": [{"type": "forward", "forwardConfig": {"targetGroups": groups}}],
    })
}

/// A task definition that has whatever a service may speak of.
fn task() -> Value {
    json!({
        "family": "task", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "executionRoleArn": ROLE, "tags": [{"key": "a"}],
        "containerDefinitions": [{
            "name": "any-value", "image": "app:1", "portMappings": [{"containerPort": 8080, "name": "any-value"}],
        }],
    })
}

/// What a thing of a kind has at least; several where no single one takes every member.
fn bases(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::TaskDefinition => vec![
            json!({
                "executionRoleArn": ROLE, "volumes": [{"name": "any-value"}],
                "containerDefinitions": [{
                    "name": "app", "image": "app:1", "memory": 128, "environment": [{"name": "A"}],
                    "mountPoints": [{"containerPath": "/a", "sourceVolume": "any-value"}],
                }, {"name": "any-value", "image": "app:1", "memory": 128}],
            }),
            task(),
        ],
        Kind::Service => {
            let network =
                json!({"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}});
            let own = json!({
                "desiredCount": 0, "networkConfiguration": network, "tags": [{"key": "a"}],
                "serviceRegistries": [{"registryArn": REGISTRY}],
            });
            let with = |more: Value| with(&own, more);
            let balanced =
                json!({"targetGroupArn": GROUP, "containerName": "any-value", "containerPort": 8080});
            let mut shifted = balanced.clone();
            shifted["advancedConfiguration"] = json!({
                "alternateTargetGroupArn": "${targetGroup:other}",
                "productionListenerRule": RULE, "roleArn": ROLE,
            });
            vec![
                with(json!({"loadBalancers": [balanced]})),
                with(json!({"launchType": "FARGATE"})),
                with(
                    json!({"loadBalancers": [shifted], "deploymentConfiguration": {"strategy": "BLUE_GREEN"}}),
                ),
                with(json!({"deploymentConfiguration": {"strategy": "LINEAR"}, "loadBalancers": [shifted]})),
                with(json!({"deploymentConfiguration": {"strategy": "CANARY"}, "loadBalancers": [shifted]})),
                with(json!({
                    "serviceRegistries": [{"registryArn": REGISTRY, "containerName": "any-value", "containerPort": 8080}],
                })),
                with(
                    json!({"volumeConfigurations": [{"name": "any-value", "managedEBSVolume": {"roleArn": ROLE, "sizeInGiB": 20}}]}),
                ),
                with(json!({"serviceConnectConfiguration": {"enabled": true, "namespace": "any-value"}})),
            ]
        }
        Kind::TargetGroup => vec![
            json!({"protocol": "HTTP", "port": 80, "vpcId": "vpc-1", "targetType": "ip"}),
            json!({"protocol": "TCP", "port": 80, "vpcId": "vpc-1", "targetType": "ip"}),
        ],
        Kind::LoadBalancer => vec![json!({"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]})],
        Kind::Listener => {
            let plain = json!({"protocol": "HTTP", "port": 80, "defaultActions": [fixed()]});
            let listeners =
                actions().into_iter().map(|actions| with(&https(), json!({"defaultActions": actions})));
            std::iter::once(plain).chain(listeners).collect()
        }
        Kind::Rule => {
            let path = json!([{"field": "path-pattern", "pathPatternConfig": {"values": ["/a"]}}]);
            let condition = |(field, config, value): (&str, &str, Value)| json!({"conditions": [{"field": field, config: value}], "actions": [fixed()]});
            let conditions = [
                ("path-pattern", "pathPatternConfig", json!({"values": ["/a"]})),
                ("host-header", "hostHeaderConfig", json!({"values": ["a.example"]})),
                ("http-header", "httpHeaderConfig", json!({"httpHeaderName": "X-A", "values": ["a"]})),
                ("http-request-method", "httpRequestMethodConfig", json!({"values": ["GET"]})),
                ("query-string", "queryStringConfig", json!({"values": [{"key": "a", "value": "b"}]})),
                ("source-ip", "sourceIpConfig", json!({"values": ["10.0.0.0/8"]})),
            ];
            let actions =
                actions().into_iter().map(|actions| json!({"conditions": path, "actions": actions}));
            conditions.into_iter().map(condition).chain(actions).collect()
        }
        Kind::ScalableTarget => vec![json!({"minCapacity": 0, "maxCapacity": 30})],
        Kind::ScalingPolicy => {
            let metric = json!({"metricName": "a", "namespace": "b", "statistic": "Average"});
            let cpu = json!({"predefinedMetricType": "ECSServiceAverageCPUUtilization"});
            let tracking = |member: &str, metric: Value| {
                let configuration = json!({"targetValue": 50.0, member: metric});
                json!({
                    "policyType": "TargetTrackingScaling",
                    "targetTrackingScalingPolicyConfiguration": configuration,
                })
            };
            vec![
                tracking("predefinedMetricSpecification", cpu),
                tracking("customizedMetricSpecification", metric),
                tracking(
                    "customizedMetricSpecification",
                    json!({"metrics": [{"id": "m1", "expression": "m1"}]}),
                ),
                json!({
                    "policyType": "StepScaling",
                    "stepScalingPolicyConfiguration": {
                        "adjustmentType": "ChangeInCapacity",
                        "stepAdjustments": [{"metricIntervalLowerBound": 0.0, "scalingAdjustment": 1}],
                    },
                }),
                json!({
                    "policyType": "PredictiveScaling",
                    "predictiveScalingPolicyConfiguration": {"metricSpecifications": [{
                        "targetValue": 50.0,
                        "predefinedMetricPairSpecification": {"predefinedMetricType": "ECSServiceCPUUtilization"},
                    }]},
                }),
            ]
        }
        Kind::ScheduledAction => {
            vec![json!({"schedule": "cron(0 22 1 6 ? *)", "scalableTargetAction": {"minCapacity": 0}})]
        }
        Kind::Cluster => vec![json!({"tags": [{"key": "a"}]})],
        Kind::Repository | Kind::LogGroup => vec![json!({})],
    }
}

/// `more` put into `base`.
pub fn with(base: &Value, more: Value) -> Value {
    let mut both = base.clone();
    if let (Value::Object(both), Value::Object(more)) = (&mut both, more) {
        both.extend(more);
    }
    both
}

fn fixed() -> Value {
    json!({"type": "fixed-response", "fixedResponseConfig": {"statusCode": "404"}})
}

fn https() -> Value {
    json!({
        "protocol": "HTTPS", "port": 443, "certificates": [{"certificateArn": CERTIFICATE}],
        "defaultActions": [fixed()],
    })
}

/// Actions of every type that an HTTPS listener takes.
fn actions() -> Vec<Value> {
    let mut last = fixed();
    last["order"] = 2.into();
    let oidc = json!({
        "issuer": "https://a.example", "authorizationEndpoint": "https://a.example/a",
        "tokenEndpoint": "https://a.example/b", "userInfoEndpoint": "https://a.example/c",
        "clientId": "a", "clientSecret": "b",
    });
    let cognito = json!({"userPoolArn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/a",
        "userPoolClientId": "a", "userPoolDomain": "a"});
    let jwt = json!({"issuer": "https://a.example", "jwksEndpoint": "https://a.example/keys"});
    vec![
        json!([fixed()]),
        json!([{"type": "redirect", "redirectConfig": {"statusCode": "HTTP_301", "port": "80", "protocol": "HTTP"}}]),
        json!([{"type": "forward", "targetGroupArn": GROUP}]),
        json!([{"type": "forward", "forwardConfig": {"targetGroups": [{"targetGroupArn": GROUP}]}}]),
        json!([{"type": "authenticate-oidc", "order": 1, "authenticateOidcConfig": oidc}, last]),
        json!([{"type": "authenticate-cognito", "order": 1, "authenticateCognitoConfig": cognito}, last]),
        json!([{"type": "jwt-validation", "order": 1, "jwtValidationConfig": jwt}, last]),
    ]
}

/// Puts a thing of a kind into a document.
pub fn put(document: &mut Value, kind: Kind, name: &str, tree: &Value) {
    let own_group = tree.to_string().replace(GROUP, &format!("${{targetGroup:{name}}}"));
    let tree: &Value = match kind {
        // A target group goes with one load balancer.
        Kind::Listener | Kind::Rule if tree.to_string().contains(GROUP) => {
            document["targetGroups"][name] = bases(Kind::TargetGroup)[0].clone();
            &own_group.parse().unwrap()
        }
        _ => tree,
    };
    let mut task = task();
    if tree.get("volumeConfigurations").is_some() {
        task["volumes"] = json!([{"name": "any-value", "configuredAtLaunch": true}]);
        task["family"] = "with-volume".into();
    }
    let service = |tree: &Value| json!({"taskDefinition": task, "service": tree});
    let own_rule = tree.to_string().replace(RULE, &format!("${{listenerRule:{name}/main}}"));
    let balancer = |listener: Value| {
        let mut balancer = bases(Kind::LoadBalancer)[0].clone();
        balancer["listeners"] = json!({"only": listener});
        balancer
    };
    let scaled = |scaling: Value| {
        let mut service = service(&bases(Kind::Service)[1]);
        service["scaling"] = scaling;
        service
    };
    let target = || bases(Kind::ScalableTarget)[0].clone();
    match kind {
        Kind::TaskDefinition => document["taskDefinitions"][name] = with(tree, json!({"family": name})),
        Kind::Service => {
            let with_own_rule: Value = own_rule.parse().unwrap();
            document["services"][name] = service(&with_own_rule);
            if with_own_rule != *tree {
                let number: u16 = name.trim_start_matches("case-").parse().unwrap();
                let mut rule = both_groups(number + 1);
                rule["listenerArn"] = "${listener:front/http}".into();
                document["services"][name]["listenerRules"] = json!({"main": rule});
            }
        }
        Kind::TargetGroup => document["targetGroups"][name] = tree.clone(),
        Kind::LoadBalancer => document["loadBalancers"][name] = tree.clone(),
        Kind::Listener => document["loadBalancers"][name] = balancer(tree.clone()),
        Kind::Rule => {
            let rule = with(tree, json!({"priority": 1}));
            document["loadBalancers"][name] = balancer(with(&https(), json!({"rules": {name: rule}})));
        }
        Kind::ScalableTarget => document["services"][name] = scaled(tree.clone()),
        Kind::ScalingPolicy => {
            // A scalable target takes many policies.
            let number: usize = name.trim_start_matches("case-").parse().unwrap();
            let service = &mut document["services"][format!("scaled-{}", number / 10)];
            if service.is_null() {
                *service = scaled(target());
            }
            service["scaling"]["policies"][name] = tree.clone();
        }
        Kind::ScheduledAction => {
            document["services"][name] = scaled(with(&target(), json!({"scheduledActions": {name: tree}})));
        }
        Kind::Cluster => document["clusters"][name] = tree.clone(),
        Kind::Repository => document["repositories"][name] = tree.clone(),
        Kind::LogGroup => document["logGroups"][name] = tree.clone(),
    }
}

/// Why a document with only that in it is not taken.
pub fn fault(kind: Kind, name: &str, tree: &Value) -> Option<String> {
    let mut document = empty();
    put(&mut document, kind, name, tree);
    let parsed = text::parse(document.to_string().as_bytes(), None).unwrap();
    let (read, diagnostics) = document::read(parsed);
    let first = || diagnostics.iter().find(|d| d.is_error()).map(|d| d.message.clone());
    read.is_none().then(|| first().unwrap_or_default())
}

/// The members that say what a thing is called or where it is.
const NAMES: [&str; 8] = [
    "serviceName",
    "name",
    "family",
    "clusterName",
    "repositoryName",
    "logGroupName",
    "policyName",
    "scheduledActionName",
];

/// A tree that says what its thing is called, and where it is, where it said so before.
pub fn named(mut tree: Value, name: &str) -> Value {
    for (member, value) in tree.as_object_mut().unwrap() {
        match member.as_str() {
            own if NAMES.contains(&own) => *value = name.into(),
            "cluster" => *value = "members".into(),
            _ => {}
        }
    }
    tree
}

/// The cases of a kind: of those that are about the same, the first that the document takes.
pub fn cases_of(kind: Kind) -> Vec<Case> {
    let mut found: BTreeMap<String, Case> = BTreeMap::new();
    for base in bases(kind) {
        for case in cases::of(kind.shape(), &base) {
            let taken = found.len();
            let case_of = found.entry(case.about).or_insert_with(|| Case {
                name: format!("case-{taken:03}"),
                tree: Value::Null,
                base: Value::Null,
                refused: Some(String::new()),
            });
            if case_of.refused.is_none() {
                continue;
            }
            let tree = named(case.tree, &case_of.name);
            case_of.refused = fault(kind, &case_of.name, &tree);
            case_of.base = base.clone();
            case_of.tree = tree;
        }
    }
    found.into_values().collect()
}

/// The members that some write of AWS had, in a case that has them.
fn arrived(kind: Kind, all: &[Case], writes: &[Value]) -> BTreeSet<String> {
    let mut arrived = BTreeSet::new();
    for case in all.iter().filter(|case| case.refused.is_none()) {
        let own: Vec<&Value> = writes.iter().filter(|input| input.to_string().contains(&case.name)).collect();
        for (member, steps) in cases::within(&case.tree, kind.shape()) {
            if own.iter().any(|input| cases::has(input, &steps)) {
                arrived.insert(member);
            }
        }
    }
    arrived
}

/// Brings to rest, in a document made of them, all of these that AWS takes; what it does not take is told why,
/// and left out.
pub async fn settled(all: &mut [Case], document: impl Fn(&[Case]) -> Value) -> Scene {
    let mut scene = Scene::start(&document(all));
    let failed = |waiting: &[WaitingOn]| waiting.iter().any(|w| matches!(w, WaitingOn::BackOff { .. }));
    scene
        .until("everything is done or refused", |s| {
            let mut units = s.planned.report.units.values();
            s.observed
                && units.len() > 0
                && units.all(|u| matches!(u.state, State::Synced | State::Refused) || failed(&u.waiting))
        })
        .await;
    let status = scene.daemon.status.borrow().clone();
    for (key, report) in &status.planned.report.units {
        if report.state == State::Synced {
            continue;
        }
        let refused = report.refused.iter().map(|it| it.why.to_string());
        let waiting = report.waiting.iter().map(|it| match it {
            WaitingOn::BackOff { failure, .. } => failure.clone(),
            other => other.to_string(),
        });
        let why = refused.chain(waiting).next().unwrap_or_else(|| format!("{:?}", report.drift));
        let case = all.iter_mut().find(|case| key.name().ends_with(&case.name));
        let case = case.unwrap_or_else(|| panic!("{key}: {why}\n{}", scene.story()));
        case.refused = Some(why);
    }
    // What AWS does not take is left out, and the rest stays as it is.
    scene.stage.push(&document(all));
    scene.rest(60).await;
    scene
}

/// Brings every case of a kind to rest. Returns the members that did not make their way, with the reason.
async fn missing(kind: Kind) -> BTreeMap<String, String> {
    let mut all = cases_of(kind);
    let document = |all: &[Case]| {
        let mut document = empty();
        for case in all.iter().filter(|case| case.refused.is_none()) {
            put(&mut document, kind, &case.name, &case.tree);
        }
        document
    };
    let mut scene = settled(&mut all, document).await;
    scene.mark_here();
    scene.rest(120).await;
    scene.wrote(&[]);
    let writes: Vec<Value> = scene
        .stage
        .sim
        .audit(0)
        .into_iter()
        .filter(|r| r.write && r.error.is_none())
        .map(|r| r.input)
        .collect();
    let arrived = arrived(kind, &all, &writes);
    let mut missing = BTreeMap::new();
    for member in cases::members(kind.shape()).into_iter().filter(|member| !arrived.contains(member)) {
        let has = |case: &&Case| cases::within(&case.tree, kind.shape()).iter().any(|(m, _)| *m == member);
        let why = all.iter().filter(has).find_map(|case| case.refused.clone());
        missing.insert(member, why.unwrap_or_else(|| "never written".to_owned()));
    }
    missing
}

/// Fails unless these are the members that do not make their way, each for that reason.
async fn all_but(kind: Kind, expected: Expect) {
    let all = cases::members(kind.shape()).len();
    let missing = missing(kind).await;
    eprintln!("{kind:?}: {} of {all} members written and equal", all - missing.len());
    let lines: String = missing.iter().map(|(member, why)| format!("{member}: {why}\n")).collect();
    expected.assert_eq(&lines);
}

/// A member that is dropped on the way is found out.
#[test]
fn what_is_not_written_has_not_arrived() {
    let kind = Kind::TargetGroup;
    let all = cases_of(kind);
    let case = all.iter().find(|case| case.tree.get("healthCheckPath").is_some()).unwrap();
    let mut write = with(&case.tree, json!({"Name": case.name}));
    assert!(arrived(kind, &all, &[write.clone()]).contains("/healthCheckPath"));
    write.as_object_mut().unwrap().remove("healthCheckPath");
    let arrived = arrived(kind, &all, &[write]);
    assert!(arrived.contains("/port") && !arrived.contains("/healthCheckPath"), "{arrived:?}");
}

#[tokio::test(start_paused = true)]
async fn of_a_task_definition() {
    all_but(Kind::TaskDefinition, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_service() {
    all_but(
        Kind::Service,
        expect![[r#"
        /loadBalancers/*/loadBalancerName: `containerName` is required
    "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_target_group() {
    all_but(Kind::TargetGroup, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_load_balancer() {
    all_but(Kind::LoadBalancer, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_listener() {
    all_but(Kind::Listener, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_rule() {
    all_but(Kind::Rule, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_scalable_target() {
    all_but(Kind::ScalableTarget, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_scaling_policy() {
    all_but(Kind::ScalingPolicy, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_scheduled_action() {
    all_but(Kind::ScheduledAction, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_cluster() {
    all_but(Kind::Cluster, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_repository() {
    all_but(Kind::Repository, expect![""]).await;
}

#[tokio::test(start_paused = true)]
async fn of_a_log_group() {
    all_but(Kind::LogGroup, expect![""]).await;
}
