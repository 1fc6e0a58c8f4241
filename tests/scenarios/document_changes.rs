//! The document changes: exactly what differs is done, once, and a rollout is followed to its end.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight};

const SOON: u64 = 60;

/// The task definition's first container of a service of the document.
fn container<'d>(document: &'d mut Value, service: &str) -> &'d mut Value {
    &mut document["services"][service]["taskDefinition"]["containerDefinitions"][0]
}

fn with_image(tag: &str) -> Value {
    let mut document = farsight();
    container(&mut document, WORKER)["image"] =
        format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/farsight-server:{tag}").into();
    document
}

#[tokio::test(start_paused = true)]
async fn a_new_image_is_registered_once_and_rolled_out_once() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&with_image("v2"));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "image", "document", "healed"]);
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    let service = scene.stage.service(WORKER);
    let id = service["deployments"][0]["id"].as_str().unwrap().to_owned();
    scene.saw(&[WORKER, &format!("waits rollout {id}")]);
    let unit = super::restarts::record_of(&scene.stage, "farsight-worker");
    scene.check(unit["deployment"] == id, "memory names the deployment that was started");
    scene.check(unit["taskDefinition"] == service["taskDefinition"], "and the revision");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_goes_back_takes_the_old_revision() {
    let mut scene = Scene::settled(&farsight()).await;
    let old = scene.stage.service(WORKER)["taskDefinition"].clone();
    scene.stage.push(&with_image("v2"));
    scene.rest(SOON).await;
    scene.mark_here();
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["taskDefinition"] == old, "the old revision");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_changes_in_the_middle_of_a_rollout_is_followed_at_once() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&with_image("v2"));
    scene.until("rolling out", |s| s.planned.report.units.values().any(|u| u.rollout.is_some())).await;
    scene.stage.push(&with_image("v3"));
    scene.rest(SOON).await;
    scene.wrote(&[
        "RegisterTaskDefinition farsight-worker",
        "UpdateService farsight-worker",
        "RegisterTaskDefinition farsight-worker",
        "UpdateService farsight-worker",
    ]);
    scene.never_saw(&[WORKER, "held"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_environment_variable_is_rolled_out_and_its_value_never_shown() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    let more = json!({"name": "TOKEN", "value": "s3cr3t-value"});
    container(&mut document, WORKER)["environment"].as_array_mut().unwrap().push(more);
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.saw(&[WORKER, "environment/TOKEN", "document"]);
    scene.check(!scene.story().contains("s3cr3t-value"), "the value is hidden");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_order_of_an_environment_means_nothing() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    container(&mut document, API)["environment"].as_array_mut().unwrap().reverse();
    container(&mut document, API)["secrets"].as_array_mut().unwrap().reverse();
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.wrote(&[]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_count_without_scaling_is_the_documents() {
    let mut document = farsight();
    document["services"][WORKER].as_object_mut().unwrap().remove("scaling");
    let mut scene = Scene::settled(&document).await;
    document["services"][WORKER]["service"]["desiredCount"] = json!(3);
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "service/desiredCount", "document", "healed"]);
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["runningCount"] == 3, "three run");
    scene.update(WORKER, json!({"desiredCount": 1}));
    scene.mark_here();
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "service/desiredCount", "human", "healed"]);
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn new_bounds_are_registered_and_nothing_else() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    document["services"][API]["scaling"]["minCapacity"] = json!(4);
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.saw(&[API, "scaling/minCapacity", "document", "healed"]);
    scene.wrote(&["RegisterScalableTarget farsight-api-server"]);
    scene.check(scene.stage.service(API)["runningCount"] == 4, "four run");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn changed_tags_are_written_and_nothing_is_registered_or_rolled_out() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    document["tags"] = json!({"Project": "farsight", "Team": "orbit"});
    scene.stage.push(&document);
    scene.rest(400).await;
    let writes = scene.writes();
    scene.check(!writes.is_empty(), "tags are written");
    let tagging = |w: &String| w.starts_with("TagResource ") || w.starts_with("AddTags ");
    scene.check(writes.iter().all(tagging), "and nothing else");
    for name in [WORKER, API] {
        let tags = scene.stage.service(name)["tags"].to_string();
        scene.check(tags.contains("orbit"), "services carry it");
    }
    // A tag that leaves the document leaves AWS.
    scene.mark_here();
    scene.stage.push(&farsight());
    scene.rest(400).await;
    let untagging = |w: &String| w.starts_with("UntagResource ") || w.starts_with("RemoveTags ");
    scene.check(scene.writes().iter().all(untagging), "only tags");
    let tags = scene.stage.service(WORKER)["tags"].to_string();
    scene.check(!tags.contains("orbit"), "gone again");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_is_put() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    let policies = &mut document["services"][WORKER]["scaling"]["policies"];
    let mut memory = policies["worker-cpu-scaling"].clone();
    memory["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"]["predefinedMetricType"] =
        "ECSServiceAverageMemoryUtilization".into();
    policies["worker-memory-scaling"] = memory;
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "policy worker-memory-scaling", "document", "healed"]);
    scene.wrote(&["PutScalingPolicy worker-memory-scaling"]);
    // Prune is off: a policy that leaves the document is noted.
    scene.mark_here();
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "note", "worker-memory-scaling"]);
    scene.wrote(&[]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_health_check_of_the_document_is_changed_in_place() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    let group = &mut document["targetGroups"]["farsight-api-tg"];
    group["healthCheckPath"] = "/ready".into();
    group["attributes"] = json!({"deregistration_delay.timeout_seconds": "30"});
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.saw(&["farsight-api-tg", "healthCheckPath", "document", "healed"]);
    scene.wrote(&["ModifyTargetGroup farsight-api-tg", "ModifyTargetGroupAttributes farsight-api-tg"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_field_that_cannot_be_changed_is_refused_with_a_way_out() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    document["targetGroups"]["farsight-api-tg"]["vpcId"] = json!("vpc-0000000000000000f");
    scene.stage.push(&document);
    scene.until("refused", |s| !s.is_settled()).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.saw(&["farsight-api-tg", "refused", "vpcId", "cannot be changed"]);
    scene.wrote(&[]);
    scene.stage.push(&farsight());
    scene.rest(SOON).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_one_forced_deployment() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    document["services"][WORKER]["restart"] = "2026-11-21".into();
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_leaves_the_document_is_no_longer_managed() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    document["services"].as_object_mut().unwrap().remove(API);
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.update(API, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.wrote(&[]);
    scene.check(scene.stage.service(API)["status"] == "ACTIVE", "it is left running");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_document_changes_in_both_services_goes_worker_first() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = with_image("v2");
    container(&mut document, API)["image"] =
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/farsight-server:v2".into();
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.saw(&[API, "is waiting"]);
    scene.wrote(&[
        "RegisterTaskDefinition farsight-worker",
        "UpdateService farsight-worker",
        "RegisterTaskDefinition farsight-api-server",
        "UpdateService farsight-api-server",
    ]);
    let deployed = |name: &str| scene.stage.service(name)["deployments"][0]["createdAt"].as_f64().unwrap();
    let apart = deployed(API) - deployed(WORKER);
    scene.check(apart > 20.0, &format!("the API server waited for the worker: {apart} s"));
    scene.end().await;
}

/// A hand edit of what a later document changes anyway belongs to whoever did it last.
#[tokio::test(start_paused = true)]
async fn a_document_that_was_true_already_is_remembered() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    document["services"][WORKER]["service"]["enableExecuteCommand"] = true.into();
    document["settings"] = json!({"heal": "off"});
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.stage.push(&document);
    scene.rest(SOON).await;
    scene.mark_here();
    scene.update(WORKER, json!({"enableExecuteCommand": false}));
    scene.until("drifted", |s| !s.is_settled()).await;
    scene.saw(&[WORKER, "enableExecuteCommand", "human", "left"]);
    scene.never_saw(&[WORKER, "enableExecuteCommand", "document"]);
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_keeps_the_count_that_the_autoscaler_chose() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.update(WORKER, json!({"desiredCount": 4}));
    scene.rest(SOON).await;
    scene.stage.push(&with_image("v2"));
    scene.rest(SOON).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["runningCount"] == 4, "four run");
    scene.end().await;
}
