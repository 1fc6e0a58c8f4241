//! Memory is a cache: lost in part or whole, unreadable, or of another version, it costs knowledge and nothing
//! else.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight, guarded, is_held};
use crate::stage::{BUCKET, Stage};

const SOON: u64 = 180;
const HOUR: u64 = 3600;
/// The record of the worker.
const RECORD: &str = "state/units/service!3afarsight-cluster!2ffarsight-worker.json";

/// Everything the daemon keeps in S3, gone.
fn lose(stage: &Stage) {
    let listed = stage.operator("s3", "ListObjectsV2", json!({"Bucket": BUCKET, "Prefix": "state/"}));
    for object in listed["Contents"].as_array().unwrap() {
        stage.operator("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": object["Key"]}));
    }
}

/// Kills the daemon, lets something happen, and starts another.
async fn meanwhile(scene: &mut Scene, what: impl FnOnce(&Stage)) {
    // What is started does not begin before somebody waits.
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.kill().await;
    what(&scene.stage);
}

/// The example with commands allowed in the worker's containers, or with nothing said about it.
fn with_exec(declared: bool) -> Value {
    let mut document = farsight();
    if declared {
        document["services"][WORKER]["service"]["enableExecuteCommand"] = true.into();
    }
    document
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_read_are_written_anew() {
    let stale = br#"{"version":1,"unit":"service:farsight-cluster/farsight-worker","applied":17}"#;
    let newer = br#"{"version":99,"unit":"service:farsight-cluster/farsight-worker","applied":{}}"#;
    for body in [&b"{ no record"[..], &b""[..], stale, newer] {
        let scene = Scene::settled(&with_exec(false)).await;
        let Scene { stage, daemon, .. } = scene;
        daemon.stop().await;
        assert!(stage.sim.get_object(BUCKET, RECORD).is_some());
        stage.sim.put_object(BUCKET, RECORD, body);
        let mut scene = Scene::on(stage);
        scene.mark_here();
        scene.rest(SOON).await;
        scene.wrote(&[]);
        // It is the document's business again, and a human's edit is told from it.
        scene.stage.push(&with_exec(true));
        scene.rest(SOON).await;
        scene.wrote(&["UpdateService farsight-worker"]);
        scene.update(WORKER, json!({"enableExecuteCommand": false}));
        scene.rest(SOON).await;
        scene.saw(&[WORKER, "enableExecuteCommand", "human", "healed"]);
        let record = scene.stage.sim.get_object(BUCKET, RECORD).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        scene.check(record["version"] == 1 && record["applied"].is_object(), "the record is whole");
        scene.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_memory_no_field_is_cleared_and_that_is_said() {
    let scene = Scene::settled(&with_exec(true)).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    lose(&stage);
    stage.push(&with_exec(false));
    let mut scene = Scene::on(stage);
    scene.mark_here();
    scene.rest(HOUR).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "note", "MemoryRebuilt", "enableExecuteCommand"]);
    scene.never_saw(&[API, "MemoryRebuilt"]);
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == true, "left as found");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_memory_nothing_is_pruned() {
    let mut document = farsight();
    document["settings"] = json!({"prune": "on", "maxDeletePercent": 100});
    let scene = Scene::settled(&document).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    lose(&stage);
    document["services"].as_object_mut().unwrap().remove(WORKER);
    document["services"][API].as_object_mut().unwrap().remove("dependsOn");
    stage.push(&document);
    let mut scene = Scene::on(stage);
    scene.mark_here();
    scene.rest(HOUR).await;
    scene.wrote(&[]);
    scene.check(scene.stage.service(WORKER)["runningCount"] == 2, "it runs");
    scene.end().await;
}

/// The bucket is emptied below the feet of a daemon at work.
#[tokio::test(start_paused = true)]
async fn a_state_that_is_deleted_while_the_daemon_runs_is_written_anew() {
    let mut scene = Scene::settled(&with_exec(false)).await;
    lose(&scene.stage);
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.stage.push(&with_exec(true));
    scene.rest(SOON).await;
    scene.update(WORKER, json!({"enableExecuteCommand": false}));
    scene.rest(SOON).await;
    scene.check(scene.stage.service(WORKER)["enableExecuteCommand"] == true, "as the document says");
    scene.check(scene.writes().iter().all(|w| w == "UpdateService farsight-worker"), "nothing else");
    let held = scene.stage.sim.get_object(BUCKET, "state/lease.json").is_some();
    scene.check(held && scene.stage.sim.get_object(BUCKET, RECORD).is_some(), "all is there again");
    scene.end().await;
}

/// What ECS took back is in its own history of deployments.
#[tokio::test(start_paused = true)]
async fn what_is_held_is_found_again_in_the_history_of_deployments() {
    let mut scene = Scene::settled(&guarded("v1")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("held", is_held).await;
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    lose(&stage);
    let mut scene = Scene::on(stage);
    scene.mark_here();
    scene.until("held", is_held).await;
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.wrote(&[]);
    scene.check(is_held(&scene.daemon.status.borrow()), "it is held on");
    scene.saw(&[WORKER, "held"]);
    scene.stage.push(&guarded("v2"));
    scene.rest(SOON).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.end().await;
}

/// A rollout that was under way when memory was lost is watched to its end, and not begun anew.
#[tokio::test(start_paused = true)]
async fn a_rollout_goes_on_without_its_record() {
    let mut scene = Scene::settled(&guarded("v1")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("rolling", |s| s.planned.report.units.values().any(|u| u.rollout.is_some())).await;
    meanwhile(&mut scene, lose).await;
    scene.until("held", is_held).await;
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.stage.push(&guarded("v1"));
    scene.rest(SOON).await;
    scene.end().await;
}
