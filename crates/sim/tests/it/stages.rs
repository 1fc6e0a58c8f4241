//! Blue/green, linear and canary deployments.

use crate::account::{Account, service, task_definition};
use serde_json::{Value, json};

/// A service behind a rule with two target groups, deployed with `configuration`, its first deployment done.
struct Colours {
    it: Account,
    groups: [Value; 2],
    rule: Value,
}

impl Colours {
    fn new(configuration: Value) -> Self {
        let it = Account::new();
        let groups = ["blue", "green"].map(|name| {
            let group = json!({
                "Name": name, "Protocol": "HTTP", "Port": 8000, "VpcId": "vpc-1", "TargetType": "ip",
                "HealthCheckIntervalSeconds": 10, "HealthyThresholdCount": 2,
            });
            let arn = it.elb("CreateTargetGroup", group)["TargetGroups"][0]["TargetGroupArn"].clone();
            let delay = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]);
            it.elb("ModifyTargetGroupAttributes", json!({"TargetGroupArn": arn, "Attributes": delay}));
            arn
        });
        let rule = json!({
            "ListenerArn": it.listener, "Priority": 1,
            "Conditions": [{"Field": "path-pattern", "Values": ["/*"]}],
            "Actions": [{"Type": "forward", "TargetGroupArn": groups[0]}],
        });
        let rule = it.elb("CreateRule", rule)["Rules"][0]["RuleArn"].clone();
        let mut input = service("app", "app");
        input["deploymentConfiguration"] = configuration;
        input["loadBalancers"] = json!([{
            "targetGroupArn": groups[0], "containerName": "app", "containerPort": 8000,
            "advancedConfiguration": {
                "alternateTargetGroupArn": groups[1], "productionListenerRule": rule,
                "roleArn": "arn:aws:iam::123456789012:role/ecs",
            },
        }]);
        it.ecs("CreateService", input);
        let colours = Self { it, groups, rule };
        colours.it.wait(7_200);
        assert_eq!(colours.deployment()["status"], "SUCCESSFUL");
        assert_eq!(colours.weights(), [100, 0]);
        colours
    }

    fn roll_out(&self, image: &str) {
        self.it.ecs("RegisterTaskDefinition", task_definition("app", image));
        self.it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "taskDefinition": "app"}));
    }

    fn deployment(&self) -> Value {
        let listed = self.it.ecs("ListServiceDeployments", json!({"cluster": "main", "service": "app"}));
        let arn = &listed["serviceDeployments"][0]["serviceDeploymentArn"];
        let found = self.it.ecs("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]}));
        found["serviceDeployments"][0].clone()
    }

    /// The weights of blue and green on the production rule.
    fn weights(&self) -> [i64; 2] {
        let rules = self.it.elb("DescribeRules", json!({"RuleArns": [self.rule]}));
        let groups = rules["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"].clone();
        let of = |arn: &Value| {
            let found = groups.as_array().unwrap().iter().find(|it| it["TargetGroupArn"] == *arn);
            found.and_then(|it| it["Weight"].as_i64()).unwrap_or(0)
        };
        [of(&self.groups[0]), of(&self.groups[1])]
    }

    /// Waits for a stage, and says after how many seconds it came.
    fn stage(&self, name: &str) -> u64 {
        for second in 0..7_200 {
            if self.deployment()["lifecycleStage"] == name {
                return second;
            }
            self.it.wait(1);
        }
        panic!("no {name}: {}", self.deployment());
    }

    fn running(&self) -> Value {
        self.it.described("app")["runningCount"].clone()
    }
}

#[test]
fn blue_green_moves_all_traffic_at_once_and_bakes() {
    let it = Colours::new(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}));
    it.roll_out("app:v2");
    it.stage("SCALE_UP");
    assert_eq!(it.weights(), [100, 0]);
    it.stage("BAKE_TIME");
    assert_eq!((it.weights(), it.running()), ([0, 100], json!(4)));
    let deployment = it.deployment();
    assert_eq!(deployment["targetServiceRevision"]["requestedProductionTrafficWeight"], 100.0);
    it.it.wait(290);
    assert_eq!(it.running(), 4, "the old ones stay for the bake time");
    it.it.wait(60);
    assert_eq!((it.deployment()["status"].clone(), it.running()), (json!("SUCCESSFUL"), json!(2)));
    let revision = it.deployment()["targetServiceRevision"]["arn"].clone();
    let revision = it.it.ecs("DescribeServiceRevisions", json!({"serviceRevisionArns": [revision]}));
    let resolved = &revision["serviceRevisions"][0]["resolvedConfiguration"]["loadBalancers"][0];
    assert_eq!(resolved["targetGroupArn"], it.groups[1]);
    assert_eq!(it.it.described("app")["loadBalancers"][0]["targetGroupArn"], it.groups[0], "as declared");
    it.roll_out("app:v3");
    it.stage("BAKE_TIME");
    assert_eq!(it.weights(), [100, 0], "and back to the first group");
}

#[test]
fn linear_and_canary_are_steps_of_the_same_machine() {
    let linear = json!({"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}});
    let canary = json!({"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2}});
    for (configuration, seen) in [(linear, &[40, 80, 100][..]), (canary, &[10, 10, 100])] {
        let it = Colours::new(configuration);
        it.roll_out("app:v2");
        it.stage("PRODUCTION_TRAFFIC_SHIFT");
        for share in seen {
            assert_eq!(it.weights(), [100 - share, *share]);
            it.it.wait(60);
        }
        it.it.wait(60);
        assert_eq!(it.deployment()["status"], "SUCCESSFUL");
    }
}

fn hook(kind: Value) -> Value {
    let mut hook = kind;
    hook["lifecycleStages"] = json!(["POST_SCALE_UP"]);
    json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": [hook]})
}

#[test]
fn a_pause_waits_for_somebody() {
    let pause = json!({"targetType": "PAUSE", "timeoutConfiguration": {"timeoutInMinutes": 30, "action": "CONTINUE"}});
    for (action, status, weights) in [
        (Some("CONTINUE"), "SUCCESSFUL", [0, 100]),
        (Some("ROLLBACK"), "ROLLBACK_SUCCESSFUL", [100, 0]),
        (None, "SUCCESSFUL", [0, 100]),
    ] {
        let it = Colours::new(hook(pause.clone()));
        it.roll_out("app:v2");
        it.stage("POST_SCALE_UP");
        it.it.wait(600);
        let waiting = it.deployment();
        let details = &waiting["lifecycleHookDetails"][0];
        assert_eq!((&details["status"], it.weights()), (&json!("AWAITING_ACTION"), [100, 0]));
        match action {
            Some(action) => {
                let input = json!({
                    "serviceDeploymentArn": waiting["serviceDeploymentArn"], "hookId": details["hookId"], "action": action,
                });
                it.it.ecs("ContinueServiceDeployment", input.clone());
                it.it.wait(5);
                assert_eq!(
                    it.it.refused("ContinueServiceDeployment", input).code,
                    "InvalidParameterException"
                );
            }
            None => it.it.wait(1_300),
        }
        it.it.wait(100);
        assert_eq!(
            (it.deployment()["status"].as_str().unwrap(), it.weights()),
            (status, weights),
            "{action:?}"
        );
    }
}

#[test]
fn a_function_may_fail_a_deployment() {
    let it = Colours::new(json!({"strategy": "BLUE_GREEN"}));
    let configuration = hook(json!({"hookTargetArn": "arn:aws:lambda:us-east-1:123456789012:function:fail"}));
    it.it.ecs(
        "UpdateService",
        json!({"cluster": "main", "service": "app", "deploymentConfiguration": configuration}),
    );
    it.roll_out("app:v2");
    it.it.wait(300);
    let service = it.it.described("app");
    assert_eq!((it.deployment()["status"].clone(), it.weights()), (json!("ROLLBACK_SUCCESSFUL"), [100, 0]));
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("app:1"));
    assert_eq!((&service["runningCount"], service["deployments"].as_array().unwrap().len()), (&json!(2), 1));
}

#[test]
fn the_breaker_keeps_traffic_on_the_old_tasks() {
    let breaker = json!({"enable": true, "rollback": true});
    let it = Colours::new(json!({"strategy": "BLUE_GREEN", "deploymentCircuitBreaker": breaker}));
    it.roll_out("app:pullfail");
    it.it.wait(3_600);
    assert_eq!((it.deployment()["status"].clone(), it.weights()), (json!("ROLLBACK_SUCCESSFUL"), [100, 0]));
    assert_eq!(it.running(), 2);
}

#[test]
fn a_deployment_can_be_stopped() {
    for (kind, status, weights) in
        [("ROLLBACK", "ROLLBACK_SUCCESSFUL", [100, 0]), ("ABORT", "STOPPED", [0, 100])]
    {
        let it = Colours::new(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60}));
        it.roll_out("app:v2");
        it.stage("BAKE_TIME");
        let arn = it.deployment()["serviceDeploymentArn"].clone();
        let input = json!({"serviceDeploymentArn": arn, "stopType": kind});
        it.it.ecs("StopServiceDeployment", input.clone());
        it.it.wait(120);
        assert_eq!((it.deployment()["status"].as_str().unwrap(), it.weights()), (status, weights));
        assert_eq!(it.it.refused("StopServiceDeployment", input).code, "ConflictException");
    }
}

#[test]
fn a_rolling_deployment_can_be_stopped_too() {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    it.wait(200);
    it.ecs("RegisterTaskDefinition", task_definition("app", "app:slow"));
    let updated =
        it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "taskDefinition": "app"}));
    it.wait(10);
    it.ecs(
        "StopServiceDeployment",
        json!({"serviceDeploymentArn": updated["service"]["currentServiceDeployment"]}),
    );
    it.wait(300);
    let service = it.described("app");
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("app:1"));
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(
        it.refused("StopServiceDeployment", json!({"serviceDeploymentArn": "arn:x/y/z"})).code,
        "ServiceDeploymentNotFoundException"
    );
}
