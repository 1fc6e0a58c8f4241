//! Counts that move by load and by the clock.

use crate::account::{Account, service};
use serde_json::{Value, json};

const ID: &str = "service/main/app";

fn scaling(it: &Account, operation: &str, mut input: Value) -> Value {
    for (name, value) in
        [("ServiceNamespace", "ecs"), ("ResourceId", ID), ("ScalableDimension", "ecs:service:DesiredCount")]
    {
        input[name] = json!(value);
    }
    it.sim.call("tests", "application-autoscaling", operation, input).unwrap()
}

/// A steady service of two tasks between one and ten, with a target of 50 for its metric.
fn tracked() -> Account {
    let it = Account::new();
    it.ecs("CreateService", service("app", "app"));
    it.wait(200);
    scaling(&it, "RegisterScalableTarget", json!({"MinCapacity": 1, "MaxCapacity": 10}));
    let configuration = json!({
        "TargetValue": 50.0, "ScaleInCooldown": 60, "ScaleOutCooldown": 60,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    });
    let policy = json!({
        "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": configuration,
    });
    scaling(&it, "PutScalingPolicy", policy);
    it
}

fn load(it: &Account, load: f64) {
    it.sim.control("load", json!({"resourceId": ID, "points": [[0, load]]})).unwrap();
}

fn desired(it: &Account) -> Value {
    it.described("app")["desiredCount"].clone()
}

#[test]
fn target_tracking_follows_the_load_out_and_in() {
    let it = tracked();
    load(&it, 290.0);
    it.wait(119);
    assert_eq!(desired(&it), 2, "an alarm needs three minutes");
    it.wait(62);
    assert_eq!(desired(&it), 6);
    load(&it, 90.0);
    it.wait(14 * 60 + 30);
    assert_eq!(desired(&it), 6, "and fifteen to shrink");
    it.wait(60);
    assert_eq!(desired(&it), 2);
    load(&it, 10_000.0);
    it.wait(600);
    assert_eq!(desired(&it), 10, "within the bounds");
    let activities = scaling(&it, "DescribeScalingActivities", json!({}));
    assert!(activities["ScalingActivities"][0]["Cause"].as_str().unwrap().contains("AlarmHigh"));
}

#[test]
fn nothing_shrinks_during_a_deployment_or_while_suspended() {
    let it = tracked();
    it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "desiredCount": 4}));
    it.wait(200);
    let broken = crate::account::task_definition("app", "repo/app:pullfail");
    it.ecs("RegisterTaskDefinition", broken);
    it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "taskDefinition": "app"}));
    load(&it, 10.0);
    it.wait(3_000);
    assert_eq!(desired(&it), 4);
    load(&it, 400.0);
    it.wait(300);
    assert_eq!(desired(&it), 8, "growing goes on");
    let it = tracked();
    scaling(&it, "RegisterScalableTarget", json!({"SuspendedState": {"DynamicScalingInSuspended": true}}));
    load(&it, 10.0);
    it.wait(3_000);
    assert_eq!(desired(&it), 2);
}

#[test]
fn scheduled_actions_rewrite_the_bounds() {
    let it = tracked();
    // Time began on Friday 15 January 2027 at 08:00 UTC.
    let put = |name: &str, schedule: &str, zone: &str, min: i64, max: i64| {
        let action = json!({
            "ScheduledActionName": name, "Schedule": schedule, "Timezone": zone,
            "ScalableTargetAction": {"MinCapacity": min, "MaxCapacity": max},
        });
        scaling(&it, "PutScheduledAction", action);
    };
    put("evening", "cron(0 18 ? * MON-FRI *)", "Europe/Berlin", 0, 0);
    put("morning", "cron(30 6 * * ? *)", "UTC", 3, 10);
    put("launch", "at(2027-01-17T12:00:00)", "UTC", 7, 10);
    let at = |seconds: i64| {
        let now = it.sim.now_epoch_millis() / 1000;
        it.wait(u64::try_from(1_800_000_000 + seconds - now).unwrap());
        desired(&it)
    };
    assert_eq!(at(9 * 3600 - 60), 2);
    assert_eq!(at(9 * 3600 + 60), 0, "18:00 in Berlin is 17:00 UTC");
    assert_eq!(at(22 * 3600 + 1800 + 60), 3);
    assert_eq!(at((24 + 9) * 3600 + 60), 3, "Saturday");
    assert_eq!(at((48 + 4) * 3600 + 60), 7);
    let target = &scaling(&it, "DescribeScalableTargets", json!({}))["ScalableTargets"][0];
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(7), &json!(10)));
}

#[test]
fn a_schedule_that_is_none_is_refused() {
    let it = tracked();
    for schedule in ["cron(0 18 * *)", "cron(61 0 * * ? *)", "rate(0 minutes)", "at(soon)", "18:00"] {
        let input = json!({
            "ServiceNamespace": "ecs", "ResourceId": ID, "ScalableDimension": "ecs:service:DesiredCount",
            "ScheduledActionName": "x", "Schedule": schedule, "ScalableTargetAction": {"MinCapacity": 1},
        });
        let error = it.sim.call("tests", "application-autoscaling", "PutScheduledAction", input).unwrap_err();
        assert_eq!(error.code, "ValidationException", "{schedule}");
    }
}

fn alarm(it: &Account, name: &str, action: &Value, comparison: &str, threshold: f64) {
    let input = json!({
        "AlarmName": name, "Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 2, "ComparisonOperator": comparison, "Threshold": threshold, "AlarmActions": [action],
        "Dimensions": [{"Name": "ClusterName", "Value": "main"}, {"Name": "ServiceName", "Value": "app"}],
    });
    it.sim.call("tests", "cloudwatch", "PutMetricAlarm", input).unwrap();
}

#[test]
fn step_scaling_answers_to_alarms_step_by_step() {
    let it = tracked();
    scaling(&it, "DeleteScalingPolicy", json!({"PolicyName": "cpu"}));
    let put = |name: &str, kind: &str, steps: Value| {
        let configuration = json!({"AdjustmentType": kind, "Cooldown": 120, "StepAdjustments": steps});
        let policy = json!({"PolicyName": name, "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": configuration});
        scaling(&it, "PutScalingPolicy", policy)["PolicyARN"].clone()
    };
    let out = put(
        "out",
        "ChangeInCapacity",
        json!([
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 3}]),
    );
    let back = put(
        "in",
        "PercentChangeInCapacity",
        json!([{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -50}]),
    );
    alarm(&it, "high", &out, "GreaterThanThreshold", 70.0);
    alarm(&it, "low", &back, "LessThanThreshold", 20.0);
    let policies = scaling(&it, "DescribeScalingPolicies", json!({}));
    assert_eq!(policies["ScalingPolicies"][1]["Alarms"][0]["AlarmName"], "high");
    // Eighty of each of two tasks is ten beyond the threshold.
    load(&it, 160.0);
    it.wait(110);
    assert_eq!(desired(&it), 2, "two minutes in a row");
    it.wait(60);
    assert_eq!(desired(&it), 3);
    load(&it, 300.0);
    it.wait(60);
    assert_eq!(desired(&it), 3, "cooling down");
    it.wait(120);
    assert_eq!(desired(&it), 6, "a hundred is thirty beyond");
    load(&it, 60.0);
    it.wait(200);
    assert_eq!(desired(&it), 3, "by half");
    let alarms =
        it.sim.call("tests", "cloudwatch", "DescribeAlarms", json!({"StateValue": "ALARM"})).unwrap();
    assert_eq!(alarms["MetricAlarms"].as_array().unwrap().len(), 0, "twenty is not below twenty");
}

#[test]
fn an_alarm_fails_the_deployment_it_watches_over() {
    let it = Account::new();
    alarm(&it, "errors", &json!("arn:aws:sns:us-east-1:123456789012:nobody"), "GreaterThanThreshold", 1.0);
    let mut input = service("app", "app");
    input["deploymentConfiguration"] =
        json!({"alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}});
    it.ecs("CreateService", input);
    it.wait(200);
    let turn = |state: &str| {
        let input = json!({"AlarmName": "errors", "StateValue": state, "StateReason": "tests"});
        it.sim.call("tests", "cloudwatch", "SetAlarmState", input).unwrap();
    };
    turn("ALARM");
    assert_eq!(
        it.described("app")["deployments"][0]["rolloutState"],
        "COMPLETED",
        "nothing is being deployed"
    );
    it.ecs("RegisterTaskDefinition", crate::account::task_definition("app", "repo/app:v2"));
    it.ecs("UpdateService", json!({"cluster": "main", "service": "app", "taskDefinition": "app"}));
    it.wait(5);
    turn("ALARM");
    assert!(it.described("app")["taskDefinition"].as_str().unwrap().ends_with(":2"), "it was on before");
    turn("OK");
    turn("ALARM");
    let service = it.described("app");
    assert!(service["taskDefinition"].as_str().unwrap().ends_with(":1"));
    assert_eq!(service["deployments"][1]["rolloutState"], "FAILED");
    it.wait(300);
    assert_eq!(it.described("app")["deployments"].as_array().unwrap().len(), 1);
}
