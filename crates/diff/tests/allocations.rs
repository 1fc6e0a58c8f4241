//! A comparison that finds nothing allocates nothing: a fleet in sync costs no memory to look at.

#![allow(clippy::unwrap_used)] // its own shapes, written here

use allocation_counter::measure;
use evenkeel_diff::{Kind, compare_described};
use evenkeel_model::Tree;
use serde_json::{Value, json};

fn container(variables: impl Iterator<Item = usize>) -> Value {
    let variables: Vec<Value> =
        variables.map(|n| json!({"name": format!("VARIABLE_{n}"), "value": format!("value {n}")})).collect();
    json!({"name": "app", "image": "app:1", "environment": variables, "command": ["run", "--now"],
        "healthCheck": {"command": ["CMD-SHELL", "true"]},
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/app", "mode": "non-blocking"}}})
}

/// What is declared and what AWS shows of it, reordered and filled in.
fn in_sync() -> Vec<(Kind, Tree, Tree)> {
    let with = |of: Value, more: Value| {
        let mut all = of;
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let agent = json!({"name": "agent", "image": "agent:7", "cpu": 10, "essential": false,
        "portMappings": [{"containerPort": 8125, "protocol": "udp"}, {"containerPort": 9000}]});
    let shown = json!({"cpu": 0, "essential": true, "mountPoints": [], "volumesFrom": [],
        "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 30, "timeout": 5, "retries": 3}});
    let shown_agent = json!({"portMappings": [{"containerPort": 9000, "hostPort": 9000, "protocol": "tcp"},
        {"containerPort": 8125, "hostPort": 8125, "protocol": "udp"}]});
    let wanted = json!({"family": "app", "networkMode": "awsvpc", "cpu": "1 vCPU", "memory": "2 GB",
        "requiresCompatibilities": ["FARGATE"], "taskRoleArn": "app",
        "containerDefinitions": [container(0..64), agent]});
    let live = json!({"family": "app", "networkMode": "awsvpc", "cpu": "1024", "memory": "2048",
        "requiresCompatibilities": ["FARGATE"], "taskRoleArn": "arn:aws:iam::123456789012:role/app",
        "revision": 7, "status": "ACTIVE", "placementConstraints": [],
        "containerDefinitions": [with(agent.clone(), shown_agent),
            with(container((0..64).rev()), shown)]});
    let service = json!({"launchType": "FARGATE", "desiredCount": 2, "enableExecuteCommand": true,
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a", "b", "c"], "securityGroups": ["s"]}},
        "loadBalancers": [{"targetGroupArn": "arn:1", "containerName": "app", "containerPort": 80},
            {"targetGroupArn": "arn:2", "containerName": "app", "containerPort": 81}]});
    let described = json!({"launchType": "FARGATE", "desiredCount": 3, "enableExecuteCommand": true,
        "networkConfiguration": {"awsvpcConfiguration":
            {"subnets": ["c", "a", "b"], "securityGroups": ["s"], "assignPublicIp": "DISABLED"}},
        "loadBalancers": [{"targetGroupArn": "arn:2", "containerName": "app", "containerPort": 81},
            {"targetGroupArn": "arn:1", "containerName": "app", "containerPort": 80}],
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING"},
        "schedulingStrategy": "REPLICA", "propagateTags": "NONE", "status": "ACTIVE", "runningCount": 3,
        "deployments": [{"id": "d", "status": "PRIMARY", "rolloutState": "COMPLETED"}]});
    let group = json!({"name": "app", "protocol": "HTTP", "port": 80, "vpcId": "v", "targetType": "ip"});
    let described_group = json!({"targetGroupName": "app", "targetGroupArn": "arn:1", "protocol": "HTTP",
        "port": 80, "vpcId": "v", "targetType": "ip", "healthCheckPath": "/", "healthCheckPort": "traffic-port",
        "healthCheckProtocol": "HTTP", "matcher": {"httpCode": "200"}, "protocolVersion": "HTTP1"});
    [
        (Kind::TaskDefinition, wanted, live),
        (Kind::Service, service, described),
        (Kind::TargetGroup, group, described_group),
    ]
    .map(|(kind, want, live)| (kind, Tree::from(want), Tree::from(live)))
    .into()
}

#[test]
fn what_is_in_sync_is_compared_without_a_single_allocation() {
    for (kind, want, live) in in_sync() {
        // The tables are made once.
        assert_eq!(compare_described(kind, &want, &live), [], "{kind:?}");
        let spent = measure(|| drop(compare_described(kind, &want, &live)));
        assert_eq!(spent.count_total, 0, "{kind:?}: {spent:?}");
    }
}

#[test]
fn what_differs_allocates_for_the_difference() {
    let (kind, want, mut live) = in_sync().remove(1);
    live.set("enableExecuteCommand", Tree::Bool(false));
    let mut found = Vec::new();
    let spent = measure(|| found = compare_described(kind, &want, &live));
    assert_eq!(found.len(), 1);
    assert!(spent.count_total > 0, "{spent:?}");
}
