//! Counts and bounds: the autoscaler's, the last scheduled action's, the document's.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{CLUSTER, WORKER, farsight, set_image};

const SOON: u64 = 180;
const HOUR: u64 = 3600;

/// The worker alone, so that days go by fast.
fn worker(scaling: Option<Value>) -> Value {
    let mut document = farsight();
    for section in ["targetGroups", "loadBalancers", "repositories"] {
        document.as_object_mut().unwrap().remove(section);
    }
    let services = document["services"].as_object_mut().unwrap();
    services.retain(|name, _| name == WORKER);
    let worker = services[WORKER].as_object_mut().unwrap();
    worker.remove("scaling");
    worker.extend(scaling.map(|it| ("scaling".to_owned(), it)));
    document
}

fn bounds(min: i64, max: i64) -> Value {
    json!({"minCapacity": min, "maxCapacity": max})
}

fn with_image(mut document: Value, tag: &str) -> Value {
    set_image(&mut document, WORKER, tag);
    document
}

/// Days are short here: a night begins every twenty minutes and lasts for ten.
const NIGHT: &str = "cron(0/20 * * * ? *)";
const MORNING: &str = "cron(10/20 * * * ? *)";

/// Two actions that were put by hand: at night nothing runs, from the morning on it does.
fn nights_by_hand(scene: &Scene) {
    for (name, schedule, action) in [
        ("night", NIGHT, json!({"MinCapacity": 0, "MaxCapacity": 0})),
        ("morning", MORNING, json!({"MinCapacity": 2, "MaxCapacity": 5})),
    ] {
        let input =
            json!({"ScheduledActionName": name, "Schedule": schedule, "ScalableTargetAction": action});
        scene.scaling("PutScheduledAction", WORKER, input);
    }
}

fn count(scene: &Scene) -> i64 {
    scene.stage.service(WORKER)["desiredCount"].as_i64().unwrap()
}

/// Waits for the night or the morning, by the count that comes with it.
async fn until_it_counts(scene: &Scene, wanted: i64) {
    for _ in 0..130 {
        if count(scene) == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    panic!("{} tasks, not {wanted}\n{}", count(scene), scene.story());
}

fn target(scene: &Scene) -> Value {
    scene.scaling("DescribeScalableTargets", WORKER, json!({}))["ScalableTargets"][0].clone()
}

/// What the daemon has sent of that operation.
fn sent(scene: &Scene, operation: &str) -> Vec<Value> {
    let rows = scene.stage.sim.audit(0);
    let ours = rows.into_iter().filter(|r| r.operation == operation && r.caller != "operator");
    ours.map(|r| r.input).collect()
}

#[tokio::test(start_paused = true)]
async fn the_count_is_sent_at_creation_within_the_bounds_and_never_again() {
    let with = |min, max, count: i64, image| {
        let mut document = with_image(worker(Some(bounds(min, max))), image);
        document["services"][WORKER]["service"]["desiredCount"] = count.into();
        document
    };
    let mut scene = Scene::settled(&with(2, 5, 9, "v1")).await;
    assert_eq!(sent(&scene, "CreateService")[0]["desiredCount"], 5);
    // Count, bounds and image at once.
    scene.stage.push(&with(3, 4, 2, "v2"));
    scene.rest(SOON).await;
    let mut writes = scene.writes();
    writes.sort();
    let expected = [
        "RegisterScalableTarget farsight-worker",
        "RegisterTaskDefinition farsight-worker",
        "UpdateService farsight-worker",
    ];
    scene.check(writes == expected, "bounds and image");
    scene.check(count(&scene) == 4, "AWS brought the count into its bounds");
    let updates = sent(&scene, "UpdateService");
    scene.check(updates.iter().all(|it| it.get("desiredCount").is_none()), "no count is sent");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_made_by_hand_takes_the_count_from_the_document() {
    let mut scene = Scene::settled(&worker(None)).await;
    scene.scaling("RegisterScalableTarget", WORKER, json!({"MinCapacity": 1, "MaxCapacity": 8}));
    // A target is looked for every half a minute; until then the count is the document's.
    tokio::time::sleep(Duration::from_secs(40)).await;
    scene.update(WORKER, json!({"desiredCount": 6}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "note", "scalable target that the document does not declare"]);
    scene.wrote(&[]);
    // Nor does a rollout bring it along, nor another count in the document.
    let mut changed = with_image(worker(None), "v2");
    changed["services"][WORKER]["service"]["desiredCount"] = 3.into();
    scene.stage.push(&changed);
    scene.rest(SOON).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    let updates = sent(&scene, "UpdateService");
    scene.check(updates.iter().all(|it| it.get("desiredCount").is_none()), "no count is sent");
    scene.check(count(&scene) == 6, "it runs as many as before");
    // Without it the count is the document's again.
    scene.scaling("DeregisterScalableTarget", WORKER, json!({}));
    scene.rest(SOON).await;
    scene.check(count(&scene) == 3, "the document's count");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn nights_are_left_in_peace_for_days_and_over_a_restart() {
    let mut scene = Scene::settled(&worker(Some(bounds(2, 5)))).await;
    nights_by_hand(&scene);
    for _ in 0..3 {
        until_it_counts(&scene, 0).await;
        // One that comes at night does not wake it.
        let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
        old.stop().await;
        tokio::time::sleep(Duration::from_secs(8 * 60)).await;
        scene.check(count(&scene) == 0, "it sleeps all night");
        until_it_counts(&scene, 2).await;
    }
    scene.wrote(&[]);
    scene.never_saw(&["human"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn declared_actions_move_the_bounds_and_are_healed_themselves() {
    let mut scaling = bounds(2, 5);
    scaling["scheduledActions"] = json!({
        "night": {"schedule": NIGHT, "scalableTargetAction": {"minCapacity": 0, "maxCapacity": 1}},
        "morning": {"schedule": MORNING, "scalableTargetAction": {"minCapacity": 2, "maxCapacity": 5}}});
    let mut scene = Scene::settled(&worker(Some(scaling.clone()))).await;
    until_it_counts(&scene, 1).await;
    scene.wrote(&[]);
    scene.scaling("DeleteScheduledAction", WORKER, json!({"ScheduledActionName": "morning"}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "scheduled action morning", "human", "healed"]);
    scene.wrote(&["PutScheduledAction morning"]);
    // Bounds that the document changes at night and that AWS takes are sent; the morning brings its own.
    scaling["maxCapacity"] = 3.into();
    scene.stage.push(&worker(Some(scaling)));
    scene.rest(SOON).await;
    scene.wrote(&["PutScheduledAction morning", "RegisterScalableTarget farsight-worker"]);
    let now = target(&scene);
    scene.check((&now["MinCapacity"], &now["MaxCapacity"]) == (&json!(0), &json!(3)), "its own bound");
    scene.mark_here();
    until_it_counts(&scene, 2).await;
    let now = target(&scene);
    scene.check((&now["MinCapacity"], &now["MaxCapacity"]) == (&json!(2), &json!(5)), "the morning's");
    scene.wrote(&[]);
    scene.end().await;
}

/// Somebody stops a service by day: that is no action at work. AWS is asked to bring the count into the bounds,
/// and is not told which they are.
#[tokio::test(start_paused = true)]
async fn a_service_stopped_by_hand_is_brought_back_where_actions_are_too() {
    let mut scene = Scene::settled(&worker(Some(bounds(2, 5)))).await;
    nights_by_hand(&scene);
    until_it_counts(&scene, 0).await;
    until_it_counts(&scene, 2).await;
    scene.update(WORKER, json!({"desiredCount": 0}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "scaling/desiredCount", "human", "healed"]);
    scene.wrote(&["RegisterScalableTarget farsight-worker"]);
    let last = sent(&scene, "RegisterScalableTarget").pop().unwrap();
    scene.check(last.get("MinCapacity").is_none() && last.get("MaxCapacity").is_none(), "no bounds");
    scene.check(count(&scene) == 2, "the lower bound");
    // At night, what somebody starts is stopped again.
    until_it_counts(&scene, 0).await;
    scene.mark_here();
    scene.update(WORKER, json!({"desiredCount": 4}));
    scene.rest(SOON).await;
    scene.wrote(&["RegisterScalableTarget farsight-worker"]);
    scene.check(count(&scene) == 0, "the night's bound");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_declared_switch_is_put_back_and_the_others_are_an_operators() {
    let mut scaling = bounds(2, 5);
    scaling["suspendedState"] = json!({"dynamicScalingInSuspended": false});
    let mut scene = Scene::settled(&worker(Some(scaling))).await;
    let all = json!({"DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": true,
        "ScheduledScalingSuspended": true});
    scene.scaling("RegisterScalableTarget", WORKER, json!({"SuspendedState": all}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "dynamicScalingInSuspended", "human", "healed"]);
    scene.saw(&[WORKER, "note", "scaling is suspended", "scheduledScalingSuspended"]);
    scene.wrote(&["RegisterScalableTarget farsight-worker"]);
    let expected = json!({"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": true,
        "ScheduledScalingSuspended": true});
    scene.check(target(&scene)["SuspendedState"] == expected, "the others are as they were");
    scene.end().await;
}

/// The alarms of a step policy are somebody else's: they name the policy, which therefore is never made anew.
#[tokio::test(start_paused = true)]
async fn a_step_policy_keeps_its_alarms_and_does_its_work() {
    let steps = |by: i64| {
        json!({"policyType": "StepScaling", "stepScalingPolicyConfiguration": {
        "adjustmentType": "ChangeInCapacity", "cooldown": 120,
        "stepAdjustments": [{"metricIntervalLowerBound": 0.0, "scalingAdjustment": by}]}})
    };
    let scaling = |by: i64| {
        let mut scaling = bounds(2, 5);
        scaling["policies"] = json!({"out": steps(by)});
        scaling
    };
    let mut scene = Scene::settled(&worker(Some(scaling(1)))).await;
    let policy = |scene: &Scene| {
        let input = json!({"ServiceNamespace": "ecs", "PolicyNames": ["out"]});
        let found = scene.aws("application-autoscaling", "DescribeScalingPolicies", input);
        found["ScalingPolicies"][0].clone()
    };
    let before = policy(&scene);
    let dimensions =
        json!([{"Name": "ClusterName", "Value": CLUSTER}, {"Name": "ServiceName", "Value": WORKER}]);
    scene.aws(
        "cloudwatch",
        "PutMetricAlarm",
        json!({"AlarmName": "busy", "Namespace": "AWS/ECS",
        "MetricName": "CPUUtilization", "Dimensions": dimensions, "Statistic": "Average", "Period": 60,
        "EvaluationPeriods": 2, "Threshold": 60.0, "ComparisonOperator": "GreaterThanThreshold",
        "AlarmActions": [before["PolicyARN"]]}),
    );
    let resource = format!("service/{CLUSTER}/{WORKER}");
    scene.stage.control("load", json!({"resourceId": resource, "points": [[0, 200.0]]}));
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.check(count(&scene) == 4, &format!("{} tasks", count(&scene)));
    scene.wrote(&[]);
    scene.stage.push(&worker(Some(scaling(2))));
    scene.rest(SOON).await;
    scene.wrote(&["PutScalingPolicy out"]);
    let after = policy(&scene);
    scene.check(after["PolicyARN"] == before["PolicyARN"], "the same policy");
    scene.check(after["Alarms"].to_string().contains("busy"), "with its alarm");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_declared_is_reported_and_goes_only_under_prune() {
    let scaled = |prune: &str| {
        let mut document = worker(Some(bounds(2, 5)));
        document["settings"] = json!({"prune": prune, "maxDeletePercent": 100});
        document
    };
    let mut scene = Scene::settled(&scaled("off")).await;
    let tracking = json!({"TargetValue": 50.0, "PredefinedMetricSpecification":
        {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}});
    scene.scaling(
        "PutScalingPolicy",
        WORKER,
        json!({"PolicyName": "theirs",
        "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}),
    );
    nights_by_hand(&scene);
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "note", "policy theirs"]);
    scene.saw(&[WORKER, "note", "scheduled action night"]);
    scene.wrote(&[]);
    scene.stage.push(&scaled("on"));
    scene.rest(HOUR / 2).await;
    let mut writes = scene.writes();
    writes.sort();
    let expected =
        ["DeleteScalingPolicy theirs", "DeleteScheduledAction morning", "DeleteScheduledAction night"];
    scene.check(writes == expected, "deleted once that is asked for");
    scene.end().await;
}
