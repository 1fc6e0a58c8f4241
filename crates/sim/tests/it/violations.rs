//! What the simulator finds wrong with what callers do.

use crate::account::{Account, task_definition};
use serde_json::{Value, json};

/// The rules broken so far, with the kind of what each is about.
fn rules(it: &Account) -> Vec<String> {
    it.sim.violations().iter().map(|it| it.rule.to_owned()).collect()
}

fn call(it: &Account, caller: &str, service: &str, operation: &str, input: Value) -> Value {
    it.sim.call(caller, service, operation, input).unwrap()
}

fn tagged(mut input: Value, document: &str) -> Value {
    input["tags"] = json!([{"key": "evenkeel:document", "value": document}]);
    input
}

#[test]
fn a_caller_is_held_to_its_documents() {
    let it = Account::new();
    call(&it, "ctl", "ecs", "CreateService", tagged(it.balanced_service(), "a"));
    let scale = json!({"cluster": "main", "service": "app", "desiredCount": 3});
    call(&it, "ctl", "ecs", "UpdateService", scale.clone());
    call(&it, "person", "ecs", "UpdateService", scale.clone());
    assert_eq!(rules(&it), Vec::<String>::new());
    // Nobody's: the target group of the account has no tag.
    let health = json!({"TargetGroupArn": it.group, "HealthyThresholdCount": 3});
    call(&it, "ctl", "elbv2", "ModifyTargetGroup", health);
    assert_eq!(rules(&it), ["not-owned"]);
    call(&it, "rival", "ecs", "CreateCluster", tagged(json!({"clusterName": "b"}), "b"));
    call(&it, "rival", "ecs", "UpdateService", scale);
    let last = it.sim.violations().pop().unwrap();
    assert_eq!((last.caller.as_str(), last.rule), ("rival", "not-owned"));
}

#[test]
fn stopping_healthy_tasks_below_the_bound_is_noticed() {
    let it = Account::new();
    call(&it, "ctl", "ecs", "CreateService", it.balanced_service());
    it.wait(120);
    let task = it.ecs("ListTasks", json!({"cluster": "main"}))["taskArns"][0].clone();
    call(&it, "ctl", "ecs", "StopTask", json!({"cluster": "main", "task": task}));
    assert_eq!(rules(&it), ["unhealthy"]);
}

#[test]
fn traffic_that_is_led_away_from_healthy_targets_is_noticed() {
    let it = Account::new();
    call(&it, "ctl", "ecs", "CreateService", it.balanced_service());
    it.wait(120);
    let other =
        json!({"Name": "empty", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip"});
    let other = it.elb("CreateTargetGroup", other)["TargetGroups"][0]["TargetGroupArn"].clone();
    let forward = |weights: [i64; 2]| {
        let groups = json!([
            {"TargetGroupArn": it.group, "Weight": weights[0]},
            {"TargetGroupArn": other, "Weight": weights[1]},
        ]);
        let actions = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]);
        call(
            &it,
            "ctl",
            "elbv2",
            "ModifyListener",
            json!({"ListenerArn": it.listener, "DefaultActions": actions}),
        );
    };
    forward([1, 1]);
    assert_eq!(rules(&it), Vec::<String>::new());
    forward([0, 1]);
    assert_eq!(rules(&it), ["starved-rule"]);
    forward([1, 0]);
    call(&it, "ctl", "ecs", "DeleteService", json!({"cluster": "main", "service": "app", "force": true}));
    assert_eq!(rules(&it), ["starved-rule", "starved-rule"]);
}

#[test]
fn the_same_content_registered_again_is_noticed() {
    let it = Account::new();
    let register = |caller: &str, image: &str| {
        call(&it, caller, "ecs", "RegisterTaskDefinition", tagged(task_definition("web", image), "a"));
    };
    register("ctl", "web:1");
    register("ctl", "web:2");
    register("person", "web:1");
    assert_eq!(rules(&it), Vec::<String>::new());
    register("ctl", "web:1");
    assert_eq!(rules(&it), ["registered-twice"]);
}

#[test]
fn what_a_document_left_behind_is_an_orphan() {
    let it = Account::new();
    let tags = json!({"ResourceArns": [it.group], "Tags": [{"Key": "evenkeel:document", "Value": "a"}]});
    it.elb("AddTags", tags);
    assert_eq!(rules(&it), Vec::<String>::new(), "a listener forwards to it");
    it.elb("DeleteListener", json!({"ListenerArn": it.listener}));
    assert_eq!(rules(&it), ["orphan"]);
}
