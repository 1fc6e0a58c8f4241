//! Services and their scaling.

use super::*;

const S: Kind = Kind::Service;

/// A service as ECS describes it.
fn described(changes: Value) -> Value {
    let mut tree = json!({
        "serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/c/s", "serviceName": "s", "status": "ACTIVE",
        "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/c", "desiredCount": 2, "runningCount": 2,
        "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/s:1",
        "launchType": "FARGATE", "platformVersion": "LATEST", "platformFamily": "Linux",
        "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"},
        "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-b", "subnet-a"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}},
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING",
            "bakeTimeInMinutes": 0, "deploymentCircuitBreaker": {"enable": false, "rollback": false,
                "resetOnHealthyTask": true, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}},
            "alarms": {"alarmNames": [], "enable": false, "rollback": false}},
        "loadBalancers": [], "serviceRegistries": [], "placementConstraints": [], "placementStrategy": [],
        "healthCheckGracePeriodSeconds": 0, "enableECSManagedTags": false, "enableExecuteCommand": false,
        "propagateTags": "NONE", "availabilityZoneRebalancing": "ENABLED", "events": [], "createdAt": 1.5,
        "tags": [{"key": "a", "value": "b"}], "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY"}],
    });
    tree.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    tree
}

fn wanted(changes: Value) -> Value {
    let mut tree = json!({"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {
        "subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-1"]}}});
    tree.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    tree
}

#[test]
fn a_service_as_aws_fills_it_in_is_in_sync() {
    same(S, wanted(json!({})), described(json!({})));
    same(S, wanted(json!({"desiredCount": 7, "tags": [], "taskDefinition": "x"})), described(json!({})));
}

#[test]
fn deployment_configuration_is_filled_in_leaf_by_leaf() {
    same(S, wanted(json!({"deploymentConfiguration": {"maximumPercent": 200}})), described(json!({})));
    differ(
        S,
        wanted(
            json!({"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}}}),
        ),
        described(json!({})),
        expect![[r#"
            /deploymentConfiguration/deploymentCircuitBreaker/enable want true live false
            /deploymentConfiguration/deploymentCircuitBreaker/rollback want true live false
        "#]],
    );
    // Recorded before thresholds were echoed.
    same(
        S,
        wanted(json!({})),
        described(json!({"deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": false, "rollback": false}}})),
    );
}

#[test]
fn an_undeclared_known_member_differs_exactly_where_it_does() {
    let edited = |config: Value| described(json!({"deploymentConfiguration": config}));
    differ(
        S,
        wanted(json!({})),
        edited(json!({"maximumPercent": 150, "minimumHealthyPercent": 100})),
        expect![[r#"
            /deploymentConfiguration/maximumPercent want 200 live 150
        "#]],
    );
    differ(
        S,
        wanted(json!({})),
        edited(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}})),
        expect![[r#"
            /deploymentConfiguration/deploymentCircuitBreaker/enable want false live true
            /deploymentConfiguration/deploymentCircuitBreaker/rollback want false live true
        "#]],
    );
    differ(
        S,
        wanted(json!({})),
        edited(json!({"alarms": {"alarmNames": ["cpu"], "enable": true, "rollback": false}})),
        expect![[r#"
            /deploymentConfiguration/alarms want - live {"alarmNames":["cpu"],"enable":true,"rollback":false}
        "#]],
    );
    differ(
        S,
        wanted(json!({})),
        described(json!({"enableExecuteCommand": true})),
        expect![[r#"
        /enableExecuteCommand want false live true
    "#]],
    );
}

#[test]
fn daemons_have_defaults_of_their_own() {
    same(
        S,
        json!({"schedulingStrategy": "DAEMON"}),
        json!({"schedulingStrategy": "DAEMON", "launchType": "EC2",
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0}}),
    );
}

#[test]
fn a_platform_version_of_latest_is_any() {
    same(S, wanted(json!({"platformVersion": "LATEST"})), described(json!({"platformVersion": "1.4.0"})));
    same(S, wanted(json!({})), described(json!({"platformVersion": "1.4.0"})));
    differ(
        S,
        wanted(json!({"platformVersion": "1.4.0"})),
        described(json!({})),
        expect![[r#"
        /platformVersion want "1.4.0" live "LATEST"
    "#]],
    );
}

#[test]
fn launch_type_and_strategy_exclude_each_other() {
    let mut spot = described(
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]}),
    );
    spot.as_object_mut().unwrap().remove("launchType");
    let strategy = json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1}]);
    let mut want = wanted(json!({"capacityProviderStrategy": strategy}));
    want.as_object_mut().unwrap().remove("launchType");
    same(S, want.clone(), spot.clone());
    // A strategy where a launch type was and the other way round differ in the strategy only.
    differ(
        S,
        want.clone(),
        described(json!({})),
        expect![[r#"
        /capacityProviderStrategy/FARGATE_SPOT want {"capacityProvider":"FARGATE_SPOT","weight":1} live -
    "#]],
    );
    differ(
        S,
        wanted(json!({})),
        spot.clone(),
        expect![[r#"
        /capacityProviderStrategy/FARGATE_SPOT want - live {"base":0,"capacityProvider":"FARGATE_SPOT","weight":1}
    "#]],
    );
    // Declared neither way, it is the cluster's default strategy.
    want.as_object_mut().unwrap().remove("capacityProviderStrategy");
    same(S, want, spot);
}

#[test]
fn what_depends_on_account_and_time_is_free_until_it_is_declared() {
    same(S, wanted(json!({})), described(json!({"availabilityZoneRebalancing": "DISABLED"})));
    differ(
        S,
        wanted(json!({"availabilityZoneRebalancing": "DISABLED"})),
        described(json!({})),
        expect![[r#"
            /availabilityZoneRebalancing want "DISABLED" live "ENABLED"
        "#]],
    );
}

#[test]
fn service_connect_is_read_from_the_primary_deployment() {
    let primary = |config: Value| {
        described(json!({"deployments": [
            {"id": "2", "status": "PRIMARY", "serviceConnectConfiguration": config},
            {"id": "1", "status": "ACTIVE"}]}))
    };
    let declared = json!({"enabled": true, "namespace": "apps", "services": [{"portName": "web", "clientAliases": [{"port": 80}]}]});
    same(
        S,
        wanted(json!({"serviceConnectConfiguration": declared})),
        primary(
            json!({"enabled": true, "namespace": "arn:aws:servicediscovery:us-east-1:123456789012:namespace/apps",
            "services": [{"portName": "web", "discoveryName": "web", "clientAliases": [{"port": 80, "dnsName": "web.apps"}]}]}),
        ),
    );
    same(S, wanted(json!({})), primary(json!({"enabled": false, "namespace": "apps"})));
    differ(
        S,
        wanted(json!({})),
        primary(declared.clone()),
        expect![[r#"
        /serviceConnectConfiguration want - live {"enabled":true,"namespace":"apps","services":[{"clientAliases":[{"port":80}],"portName":"web"}]}
    "#]],
    );
    differ(
        S,
        wanted(json!({"serviceConnectConfiguration": declared})),
        described(json!({})),
        expect![[r#"
        /serviceConnectConfiguration want {"enabled":true,"namespace":"apps","services":[{"clientAliases":[{"port":80}],"portName":"web"}]} live -
    "#]],
    );
}

#[test]
fn placement_is_compared_without_regard_to_case() {
    same(
        S,
        wanted(json!({"placementStrategy": [{"type": "binpack", "field": "MEMORY"}]})),
        described(json!({"placementStrategy": [{"type": "binpack", "field": "memory"}]})),
    );
}

#[test]
fn hook_details_are_compared_as_json() {
    let hook = |details: &str| {
        json!({"deploymentConfiguration": {"strategy": "BLUE_GREEN", "lifecycleHooks": [
            {"hookTargetArn": "arn", "hookDetails": details, "lifecycleStages": ["PRE_SCALE_UP"]}]}})
    };
    same(S, wanted(hook("{\"a\": 1, \"b\": 2}")), described(hook("{\"b\":2,\"a\":1}")));
}

#[test]
fn scaling_policies_and_targets_are_filled_in() {
    same(
        Kind::ScalableTarget,
        json!({"minCapacity": 1, "maxCapacity": 2}),
        json!({"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "MinCapacity": 1, "MaxCapacity": 2,
            "RoleARN": "arn", "CreationTime": 1.0, "SuspendedState": {"DynamicScalingInSuspended": true}}),
    );
    differ(
        Kind::ScalableTarget,
        json!({"minCapacity": 1, "maxCapacity": 2, "suspendedState": {}}),
        json!({"minCapacity": 1, "maxCapacity": 3}),
        expect![[r#"
            /maxCapacity want 2 live 3
        "#]],
    );
    same(
        Kind::ScalingPolicy,
        json!({"policyType": "StepScaling", "stepScalingPolicyConfiguration": {"adjustmentType": "ChangeInCapacity",
            "stepAdjustments": [{"metricIntervalLowerBound": 10, "scalingAdjustment": 2}, {"metricIntervalLowerBound": 0, "metricIntervalUpperBound": 10, "scalingAdjustment": 1}]}}),
        json!({"PolicyType": "StepScaling", "PolicyARN": "x", "Alarms": [], "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 300, "MetricAggregationType": "Average",
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1}, {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 2}]}}),
    );
}

#[test]
fn times_are_the_same_in_seconds_and_as_text() {
    let action = |end: Value| json!({"schedule": "rate(1 hour)", "endTime": end, "timezone": "UTC"});
    same_both_ways(
        Kind::ScheduledAction,
        action(json!("2027-01-01T00:00:00Z")),
        action(json!(1_798_761_600.0)),
    );
    differ(
        Kind::ScheduledAction,
        action(json!("2027-01-01T00:00:00Z")),
        action(json!(1_798_761_601)),
        expect![[r#"
            /endTime want "2027-01-01T00:00:00Z" live 1798761601
        "#]],
    );
}
