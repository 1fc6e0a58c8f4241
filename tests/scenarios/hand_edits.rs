//! Somebody edits AWS by hand: it is seen, said whose it is, and healed, or left to whom it belongs.

use serde_json::json;

use super::scene::Scene;
use super::{API, CLUSTER, WORKER, farsight};

/// Longer than the slowest of the frequent readings.
const SOON: u64 = 120;
/// Longer than the reading of what hardly ever changes.
const LATER: u64 = 400;

#[tokio::test(start_paused = true)]
async fn a_security_group_changed_by_hand_is_healed_by_one_update() {
    let mut scene = Scene::settled(&farsight()).await;
    let wanted = scene.stage.service(WORKER)["networkConfiguration"].clone();
    let mut other = wanted.clone();
    other["awsvpcConfiguration"]["securityGroups"] = json!(["sg-0123456789abcdef0"]);
    scene.update(WORKER, json!({"networkConfiguration": other}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "securityGroups", "human", "healed"]);
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["networkConfiguration"] == wanted, "the network is back");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_count_changed_within_its_bounds_is_the_autoscalers() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(API, json!({"desiredCount": 5}));
    scene.rest(SOON).await;
    scene.saw(&[API, "service/desiredCount", "autoscaler", "left"]);
    scene.wrote(&[]);
    scene.check(scene.stage.service(API)["runningCount"] == 5, "five tasks run");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_count_above_its_bounds_is_clamped_by_registering_the_target() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(API, json!({"desiredCount": 20}));
    scene.rest(SOON).await;
    scene.saw(&[API, "scaling/desiredCount", "human", "healed"]);
    scene.wrote(&["RegisterScalableTarget farsight-api-server"]);
    scene.check(scene.stage.service(API)["desiredCount"] == 10, "the upper bound");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_stopped_by_hand_is_brought_back_to_its_lower_bound() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(WORKER, json!({"desiredCount": 0}));
    scene.rest(SOON).await;
    scene.wrote(&["RegisterScalableTarget farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["runningCount"] == 2, "the lower bound");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_pointed_at_another_revision_goes_back_without_a_registration() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.stage.service(WORKER)["taskDefinition"].clone();
    let mut other = farsight()["services"][WORKER]["taskDefinition"].clone();
    other["containerDefinitions"][0]["image"] = "public.ecr.aws/docker/library/busybox:1".into();
    scene.aws("ecs", "RegisterTaskDefinition", other);
    scene.update(WORKER, json!({"taskDefinition": WORKER}));
    scene.check(scene.stage.service(WORKER)["taskDefinition"] != arn, "another revision");
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "image", "human", "healed"]);
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["taskDefinition"] == arn, "the revision is back");
    scene.end().await;
}

/// What the newest revisions of a family hold does not matter, as long as nothing runs them.
#[tokio::test(start_paused = true)]
async fn a_revision_registered_by_hand_and_not_used_changes_nothing() {
    let mut scene = Scene::settled(&farsight()).await;
    for n in 0..12 {
        let mut other = farsight()["services"][WORKER]["taskDefinition"].clone();
        other["cpu"] = if n % 2 == 0 { "1024" } else { "256" }.into();
        other["memory"] = "2048".into();
        scene.aws("ecs", "RegisterTaskDefinition", other);
    }
    scene.rest(SOON).await;
    scene.wrote(&[]);
    // Ours is not among the newest any longer, and is found all the same.
    scene.update(WORKER, json!({"taskDefinition": WORKER}));
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_revision_deregistered_by_hand_is_registered_again_only_when_it_is_needed() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.stage.service(WORKER)["taskDefinition"].clone();
    scene.aws("ecs", "DeregisterTaskDefinition", json!({"taskDefinition": arn}));
    scene.rest(SOON).await;
    scene.wrote(&[]);
    let mut other = farsight()["services"][WORKER]["taskDefinition"].clone();
    other["cpu"] = "1024".into();
    other["memory"] = "2048".into();
    scene.aws("ecs", "RegisterTaskDefinition", other);
    scene.update(WORKER, json!({"taskDefinition": WORKER}));
    scene.rest(SOON).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_field_switched_on_by_hand_that_the_document_does_not_name_is_switched_off() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "service/enableExecuteCommand", "human", "healed"]);
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == false, "off");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_setting_changed_by_hand_is_healed_without_a_rollout() {
    let mut scene = Scene::settled(&farsight()).await;
    let before = scene.stage.service(WORKER)["deployments"].clone();
    scene.update(WORKER, json!({"deploymentConfiguration": {"minimumHealthyPercent": 50}}));
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    let after = scene.stage.service(WORKER);
    scene.check(after["deploymentConfiguration"]["minimumHealthyPercent"] == 100, "back at the default");
    scene.check(after["deployments"][0]["id"] == before[0]["id"], "no deployment");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_grace_period_of_health_checks_is_healed() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(API, json!({"healthCheckGracePeriodSeconds": 600}));
    scene.rest(SOON).await;
    scene.saw(&[API, "healthCheckGracePeriodSeconds", "human", "healed"]);
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.check(scene.stage.service(API)["healthCheckGracePeriodSeconds"] == 60, "back");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_forced_deployment_of_somebody_else_is_left_alone() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(WORKER, json!({"forceNewDeployment": true}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "waits rollout ecs-svc/"]);
    scene.wrote(&[]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_scaling_policy_is_put_again() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.scaling("DeleteScalingPolicy", WORKER, json!({"PolicyName": "worker-cpu-scaling"}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "policy worker-cpu-scaling", "human", "healed"]);
    scene.wrote(&["PutScalingPolicy worker-cpu-scaling"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_scaling_policy_changed_by_hand_is_put_again() {
    let mut scene = Scene::settled(&farsight()).await;
    let policies = scene.aws(
        "application-autoscaling",
        "DescribeScalingPolicies",
        json!({"ServiceNamespace": "ecs", "PolicyNames": ["worker-cpu-scaling"]}),
    );
    let mut policy = policies["ScalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"].clone();
    policy["TargetValue"] = json!(35.0);
    let change = json!({"PolicyName": "worker-cpu-scaling", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": policy});
    scene.scaling("PutScalingPolicy", WORKER, change);
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "targetValue", "human", "healed"]);
    scene.wrote(&["PutScalingPolicy worker-cpu-scaling"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_somebody_else_is_noted_and_left() {
    let mut scene = Scene::settled(&farsight()).await;
    let theirs = json!({"PolicyName": "theirs", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 50.0, "PredefinedMetricSpecification":
            {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}}});
    scene.scaling("PutScalingPolicy", WORKER, theirs);
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "note", "theirs"]);
    scene.wrote(&[]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn bounds_changed_by_hand_are_healed() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.scaling("RegisterScalableTarget", API, json!({"MinCapacity": 1, "MaxCapacity": 50}));
    scene.rest(SOON).await;
    scene.saw(&[API, "scaling/minCapacity", "human", "healed"]);
    scene.wrote(&["RegisterScalableTarget farsight-api-server"]);
    let target = scene.scaling("DescribeScalableTargets", API, json!({}))["ScalableTargets"][0].clone();
    scene.check((&target["MinCapacity"], &target["MaxCapacity"]) == (&json!(2), &json!(10)), "the bounds");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn scaling_suspended_by_hand_stays_suspended() {
    let mut scene = Scene::settled(&farsight()).await;
    let suspended = json!({"SuspendedState": {"DynamicScalingInSuspended": true}});
    scene.scaling("RegisterScalableTarget", API, suspended);
    scene.rest(SOON).await;
    scene.wrote(&[]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deregistered_scalable_target_is_registered_again_with_its_policies() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.scaling("DeregisterScalableTarget", API, json!({}));
    scene.rest(SOON).await;
    // Where its policies are seen to be gone before it is, AWS refuses to make those alone.
    let done: Vec<String> = scene.writes().into_iter().filter(|w| !w.contains('!')).collect();
    let expected = ["RegisterScalableTarget farsight-api-server", "PutScalingPolicy api-server-cpu-scaling"];
    assert_eq!(done, expected, "{}", scene.story());
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_health_check_changed_by_hand_is_healed() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    scene.aws("elbv2", "ModifyTargetGroup", json!({"TargetGroupArn": arn, "HealthCheckPath": "/"}));
    scene.rest(SOON).await;
    scene.saw(&["farsight-api-tg", "healthCheckPath", "human", "healed"]);
    scene.wrote(&["ModifyTargetGroup farsight-api-tg"]);
    scene.check(scene.target_group("farsight-api-tg")["HealthCheckPath"] == "/health", "back");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_attribute_changed_by_hand_is_healed_to_aws_default() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let change = json!([{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]);
    let input = json!({"TargetGroupArn": arn, "Attributes": change});
    scene.aws("elbv2", "ModifyTargetGroupAttributes", input);
    scene.rest(SOON).await;
    scene.saw(&["farsight-api-tg", "deregistration_delay.timeout_seconds", "human", "healed"]);
    scene.wrote(&["ModifyTargetGroupAttributes farsight-api-tg"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_was_turned_into_a_fixed_response_forwards_again() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.listener("farsight-alb")["ListenerArn"].clone();
    let down = json!([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]);
    scene.aws("elbv2", "ModifyListener", json!({"ListenerArn": arn, "DefaultActions": down}));
    scene.rest(SOON).await;
    scene.saw(&["farsight-alb", "listener http", "human", "healed"]);
    scene.wrote(&["ModifyListener farsight-alb"]);
    scene.check(scene.listener("farsight-alb")["DefaultActions"][0]["Type"] == "forward", "it forwards");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_listener_is_made_again() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.listener("farsight-alb")["ListenerArn"].clone();
    scene.aws("elbv2", "DeleteListener", json!({"ListenerArn": arn}));
    scene.rest(SOON).await;
    scene.wrote(&["CreateListener farsight-alb"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_security_groups_of_a_load_balancer_are_healed() {
    let mut scene = Scene::settled(&farsight()).await;
    let found = scene.aws("elbv2", "DescribeLoadBalancers", json!({"Names": ["farsight-alb"]}));
    let arn = found["LoadBalancers"][0]["LoadBalancerArn"].clone();
    let open = json!({"LoadBalancerArn": arn, "SecurityGroups": ["sg-0123456789abcdef0"]});
    scene.aws("elbv2", "SetSecurityGroups", open);
    scene.rest(SOON).await;
    scene.saw(&["farsight-alb", "securityGroups", "human", "healed"]);
    scene.wrote(&["SetSecurityGroups farsight-alb"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_service_is_made_again_once_it_has_drained() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.aws("ecs", "DeleteService", json!({"cluster": CLUSTER, "service": API, "force": true}));
    scene.rest(SOON).await;
    scene.saw(&[API, "waits for its deletion to end"]);
    scene.wrote(&[
        "CreateService farsight-api-server",
        "RegisterScalableTarget farsight-api-server",
        "PutScalingPolicy api-server-cpu-scaling",
    ]);
    scene.check(scene.stage.service(API)["runningCount"] == 2, "it runs");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_log_group_is_made_again() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.aws("logs", "DeleteLogGroup", json!({"logGroupName": "/ecs/farsight-worker"}));
    scene.rest(LATER).await;
    scene.wrote(&["CreateLogGroup /ecs/farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_stopped_by_hand_is_ecs_own_business() {
    let mut scene = Scene::settled(&farsight()).await;
    let tasks = scene.aws("ecs", "ListTasks", json!({"cluster": CLUSTER, "serviceName": WORKER}));
    scene.aws("ecs", "StopTask", json!({"cluster": CLUSTER, "task": tasks["taskArns"][0]}));
    scene.rest(SOON).await;
    scene.wrote(&[]);
    scene.check(scene.stage.service(WORKER)["runningCount"] == 2, "ECS started another");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_healing_off_a_hand_edit_is_shown_and_left() {
    let mut document = farsight();
    document["settings"] = json!({"heal": "off"});
    let mut scene = Scene::settled(&document).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.scaling("DeleteScalingPolicy", WORKER, json!({"PolicyName": "worker-cpu-scaling"}));
    scene.until("drifted", |s| !s.is_settled()).await;
    tokio::time::sleep(std::time::Duration::from_secs(LATER)).await;
    scene.saw(&[WORKER, "enableExecuteCommand", "human", "left"]);
    scene.saw(&[WORKER, "policy worker-cpu-scaling", "human", "left"]);
    scene.saw(&[WORKER, "is drifted"]);
    scene.wrote(&[]);
    document["settings"] = json!({"heal": "on"});
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker", "PutScalingPolicy worker-cpu-scaling"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn several_edits_of_one_service_are_healed_in_one_run() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(
        WORKER,
        json!({"enableExecuteCommand": true, "desiredCount": 9,
        "deploymentConfiguration": {"maximumPercent": 150}}),
    );
    scene.scaling("DeleteScalingPolicy", WORKER, json!({"PolicyName": "worker-cpu-scaling"}));
    scene.rest(SOON).await;
    let mut writes = scene.writes();
    writes.sort();
    let expected = [
        "PutScalingPolicy worker-cpu-scaling",
        "RegisterScalableTarget farsight-worker",
        "UpdateService farsight-worker",
    ];
    scene.check(writes == expected, "one write for each");
    scene.end().await;
}
