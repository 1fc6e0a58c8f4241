//! Whether and when what somebody changed in AWS is undone.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight, set_image};
use crate::stage::Stage;

/// The example with this under `heal`, of the document and of its worker.
fn healing(document_heal: Value, worker: Value) -> Value {
    let mut document = farsight();
    document["settings"] = json!({"heal": document_heal});
    if !worker.is_null() {
        document["services"][WORKER]["heal"] = worker;
    }
    document
}

async fn minutes(minutes: u64) {
    tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
}

fn edit_both(scene: &Scene) {
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.update(API, json!({"enableExecuteCommand": true}));
}

const HEALED: [&str; 2] = ["UpdateService farsight-api-server", "UpdateService farsight-worker"];

#[track_caller]
fn healed_both(scene: &Scene) {
    let mut writes = scene.writes();
    writes.sort();
    assert_eq!(writes, HEALED, "{}", scene.story());
}

#[tokio::test(start_paused = true)]
async fn a_change_by_hand_stands_for_the_time_that_the_document_gives_it() {
    let mut scene = Scene::settled(&healing(json!({"after": "10m"}), Value::Null)).await;
    edit_both(&scene);
    minutes(9).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "enableExecuteCommand", "human", "left"]);
    scene.check(scene.daemon.story().contains("heals in"), "the plan says when");
    minutes(3).await;
    healed_both(&scene);
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn since_when_it_stands_survives_a_restart() {
    let mut scene = Scene::settled(&healing(json!({"after": "10m"}), Value::Null)).await;
    edit_both(&scene);
    minutes(8).await;
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.kill().await;
    minutes(1).await;
    scene.wrote(&[]);
    minutes(3).await;
    healed_both(&scene);
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_its_author_takes_back_in_time_is_no_drift_and_the_next_one_has_its_own_time() {
    let mut scene = Scene::settled(&healing(json!({"after": "10m"}), Value::Null)).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    minutes(8).await;
    scene.update(WORKER, json!({"enableExecuteCommand": false}));
    scene.rest(60).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    minutes(8).await;
    scene.wrote(&[]);
    minutes(4).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn healing_that_is_off_is_told_and_never_done_until_it_is_on() {
    let mut scene = Scene::settled(&healing("off".into(), Value::Null)).await;
    edit_both(&scene);
    let group = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    let interval = json!({"TargetGroupArn": group, "HealthCheckIntervalSeconds": 77});
    scene.aws("elbv2", "ModifyTargetGroup", interval);
    minutes(45).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "is drifted"]);
    scene.saw(&["farsight-api-tg", "healthCheckIntervalSeconds", "human", "left"]);
    // What the document changes is made, and what stands is carried along.
    let mut document = healing("off".into(), Value::Null);
    set_image(&mut document, WORKER, "v2");
    scene.stage.push(&document);
    minutes(10).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == true, "the change by hand stands");
    scene.mark_here();
    document["settings"]["heal"] = "on".into();
    scene.stage.push(&document);
    scene.rest(600).await;
    let mut writes = scene.writes();
    writes.sort();
    assert_eq!(writes, ["ModifyTargetGroup farsight-api-tg", HEALED[0], HEALED[1]], "{}", scene.story());
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_says_for_itself_what_becomes_of_changes_by_hand() {
    let mut scene = Scene::settled(&healing("on".into(), "off".into())).await;
    edit_both(&scene);
    minutes(30).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.mark_here();
    scene.stage.push(&healing("off".into(), json!({"after": "10m"})));
    minutes(1).await;
    scene.update(API, json!({"enableExecuteCommand": true}));
    minutes(30).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.mark_here();
    scene.stage.push(&farsight());
    scene.rest(300).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_healing_off_what_somebody_deletes_stays_away() {
    let mut scene = Scene::on(Stage::new(&healing("off".into(), Value::Null)));
    scene.daemon.settled().await;
    minutes(1).await;
    scene.mark_here();
    scene.scaling("DeleteScalingPolicy", WORKER, json!({"PolicyName": "worker-cpu-scaling"}));
    minutes(30).await;
    scene.wrote(&[]);
    scene.check(!scene.daemon.status.borrow().is_settled(), "it is drift");
    scene.stage.push(&farsight());
    scene.rest(120).await;
    scene.wrote(&["PutScalingPolicy worker-cpu-scaling"]);
    scene.end().await;
}
