//! Ignored paths: what differs there is nobody's business, and is carried through every write until its day.

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight, set_image};

/// The example whose service ignores this path until a day.
fn ignoring(service: &str, path: &str, until: &str) -> Value {
    let mut document = farsight();
    document["services"][service]["ignore"] =
        json!([{"path": path, "reason": "tuned by hand in incident 42", "until": until}]);
    document
}

/// The revision that a service runs.
fn revision(scene: &Scene, service: &str) -> Value {
    let arn = scene.stage.service(service)["taskDefinition"].clone();
    scene.aws("ecs", "DescribeTaskDefinition", json!({"taskDefinition": arn}))["taskDefinition"].clone()
}

#[tokio::test(start_paused = true)]
async fn an_ignored_field_of_a_service_is_told_left_and_carried_through_an_update() {
    let document =
        ignoring(WORKER, "/service/networkConfiguration/awsvpcConfiguration/securityGroups", "2027-01-31");
    let mut scene = Scene::settled(&document).await;
    let mut network = scene.stage.service(WORKER)["networkConfiguration"].clone();
    network["awsvpcConfiguration"]["securityGroups"] = json!(["sg-0123456789abcdef0"]);
    scene.update(WORKER, json!({"networkConfiguration": network}));
    scene.rest(600).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "note", "securityGroups", "is ignored", "incident 42"]);
    // A write that sends what is around it leaves it.
    let mut changed = document.clone();
    let subnets = json!(["subnet-0a3f1c5e7b9d2f468"]);
    changed["services"][WORKER]["service"]["networkConfiguration"]["awsvpcConfiguration"]["subnets"] =
        subnets.clone();
    scene.stage.push(&changed);
    scene.rest(300).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    let after = scene.stage.service(WORKER)["networkConfiguration"]["awsvpcConfiguration"].clone();
    scene.check(after["subnets"] == subnets, "the document's subnets");
    scene.check(after["securityGroups"] == json!(["sg-0123456789abcdef0"]), "and the hand's security group");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_ignored_field_of_a_container_is_carried_into_the_next_revision() {
    let path = "/taskDefinition/containerDefinitions/temporal-worker/environment/TEMPORAL_NAMESPACE";
    let document = ignoring(WORKER, path, "2027-01-31");
    let mut scene = Scene::settled(&document).await;
    let mut by_hand = farsight()["services"][WORKER]["taskDefinition"].clone();
    let environment = by_hand["containerDefinitions"][0]["environment"].as_array_mut().unwrap();
    let namespace = environment.iter_mut().find(|e| e["name"] == "TEMPORAL_NAMESPACE").unwrap();
    namespace["value"] = "incident-42".into();
    scene.aws("ecs", "RegisterTaskDefinition", by_hand);
    scene.update(WORKER, json!({"taskDefinition": WORKER}));
    scene.rest(600).await;
    scene.wrote(&[]);
    let mut changed = document.clone();
    set_image(&mut changed, WORKER, "v2");
    scene.stage.push(&changed);
    scene.rest(300).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    let container = revision(&scene, WORKER)["containerDefinitions"][0].clone();
    scene.check(container["image"].as_str().unwrap().ends_with(":v2"), "the document's image");
    scene.check(container["environment"].to_string().contains("incident-42"), "and the hand's value");
    scene.end().await;
}

/// The stage begins on 2026-11-18.
#[tokio::test(start_paused = true)]
async fn what_is_ignored_until_a_day_is_healed_after_it_and_told() {
    let document = ignoring(API, "/service/healthCheckGracePeriodSeconds", "2026-11-18");
    let mut scene = Scene::settled(&document).await;
    scene.update(API, json!({"healthCheckGracePeriodSeconds": 300}));
    scene.away(12).await;
    // Until the end of that day, in UTC.
    scene.rest(600).await;
    scene.wrote(&[]);
    scene.rest(3600).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.saw(&[API, "note", "healthCheckGracePeriodSeconds", "expired"]);
    scene.check(scene.stage.service(API)["healthCheckGracePeriodSeconds"] == 60, "as the document says");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_ignore_that_expired_before_it_was_written_ignores_nothing() {
    let document = ignoring(API, "/service/healthCheckGracePeriodSeconds", "2026-10-01");
    let mut scene = Scene::settled(&document).await;
    // It is said before anything differs there.
    scene.check(scene.daemon.story().contains("has expired"), "the plan prints it");
    scene.update(API, json!({"healthCheckGracePeriodSeconds": 300}));
    scene.rest(300).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.saw(&[API, "note", "healthCheckGracePeriodSeconds", "expired"]);
    scene.end().await;
}
