//! The daemon goes and comes back: nothing is done twice, no step is lost.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{CLUSTER, WORKER, farsight, set_image};
use crate::stage::{BUCKET, Fate, Stage};

/// The records of memory by the keys of their units.
pub fn records(stage: &Stage) -> BTreeMap<String, Value> {
    let input = json!({"Bucket": BUCKET, "Prefix": "state/units/"});
    let listed = stage.operator("s3", "ListObjectsV2", input);
    let keys = listed["Contents"].as_array().cloned().unwrap_or_default();
    keys.iter()
        .map(|object| {
            let bytes = stage.sim.get_object(BUCKET, object["Key"].as_str().unwrap()).unwrap();
            let record: Value = serde_json::from_slice(&bytes).unwrap();
            (record["unit"].as_str().unwrap().to_owned(), record)
        })
        .collect()
}

/// The record of the service of that name.
pub fn record_of(stage: &Stage, service: &str) -> Value {
    records(stage).remove(&format!("service:{CLUSTER}/{service}")).unwrap_or_default()
}

/// The example with another image for the worker.
fn changed() -> Value {
    let mut document = farsight();
    set_image(&mut document, WORKER, "v2");
    document
}

/// True for a call of that operation.
pub fn is_call(request: &http::Request<bytes::Bytes>, operation: &str) -> bool {
    let target = request.headers().get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
    let body = std::str::from_utf8(request.body()).unwrap_or_default();
    target.ends_with(&format!(".{operation}")) || body.starts_with(&format!("Action={operation}&"))
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_stopped_in_a_rollout_is_followed_by_one_that_just_watches() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&changed());
    scene.until("rolling", |s| s.planned.report.units.values().any(|u| u.rollout.is_some())).await;
    let written = ["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"];
    scene.wrote(&written);
    let Scene { stage, daemon, .. } = scene;
    let before = tokio::time::Instant::now();
    daemon.stop().await;
    assert!(before.elapsed() < Duration::from_secs(30), "it stops within its time");
    for (key, unit) in records(&stage) {
        assert!(unit.get("intent").is_none(), "an intent is left at {key}: {unit:#}");
    }
    let mark = stage.mark();
    let mut second = stage.daemon();
    second
        .until(Duration::from_secs(30), "leading at once", |s| {
            s.lease == evenkeel_controller::status::Lease::Ours
        })
        .await;
    second.settled().await;
    assert_eq!(stage.writes(mark), [""; 0], "{}", second.story());
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_killed_in_a_rollout_is_followed_by_one_that_just_watches() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&changed());
    scene.until("rolling", |s| s.planned.report.units.values().any(|u| u.rollout.is_some())).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.kill().await;
    let mark = stage.mark();
    let mut second = stage.daemon();
    tokio::time::sleep(Duration::from_secs(120)).await;
    second.settled().await;
    assert_eq!(stage.writes(mark), [""; 0], "{}", second.story());
    second.stop().await;
}

/// A stop lets the step in hand end, and the next daemon goes on behind it.
#[tokio::test(start_paused = true)]
async fn a_stop_between_two_steps_is_recorded_and_taken_up() {
    let stage = Stage::new(&farsight());
    let mut first = stage.daemon();
    let registered = |_: &evenkeel_controller::Status| {
        stage.writes(0).contains(&"RegisterTaskDefinition farsight-worker".into())
    };
    first.until(Duration::from_secs(600), "registered", registered).await;
    first.stop().await;
    for (key, unit) in records(&stage) {
        assert!(unit.get("intent").is_none(), "an intent is left at {key}: {unit:#}");
    }
    let mut second = stage.daemon();
    second.settled().await;
    let writes = stage.writes(0);
    let count = |title: &str| writes.iter().filter(|w| *w == title).count();
    assert_eq!(count("RegisterTaskDefinition farsight-worker"), 1, "{writes:#?}");
    assert_eq!(count("CreateService farsight-worker"), 1, "{writes:#?}");
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_in_a_run_leaves_its_intent_and_the_next_one_its_outcome() {
    let stage = Stage::new(&farsight());
    let mut first = stage.daemon_with(|_, request| {
        if is_call(request, "PutScalingPolicy") { Fate::DiesAfter } else { Fate::Answered }
    });
    assert!(first.dies(Duration::from_secs(3600)).await, "{}", first.story());
    let left = record_of(&stage, WORKER);
    let steps = left["intent"]["steps"].to_string();
    assert!(steps.contains("create-service") && steps.contains("put-scaling-policy"), "{left:#}");
    let mut second = stage.daemon();
    second.settled().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let now = record_of(&stage, WORKER);
    assert!(now.get("intent").is_none(), "{now:#}\n{}", second.story());
    assert!(now.get("documentVersion").is_some(), "{now:#}");
    assert_eq!(stage.writes(0).iter().filter(|w| w.starts_with("CreateService farsight-worker")).count(), 1);
    second.stop().await;
}

/// Memory is a cache: without it, the same is done, which is nothing.
#[tokio::test(start_paused = true)]
async fn without_its_memory_a_daemon_over_an_unchanged_world_writes_nothing_to_aws() {
    let scene = Scene::settled(&farsight()).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    let input = json!({"Bucket": BUCKET, "Prefix": "state/"});
    let listed = stage.operator("s3", "ListObjectsV2", input);
    for object in listed["Contents"].as_array().unwrap() {
        stage.operator("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": object["Key"]}));
    }
    let mark = stage.mark();
    let mut second = stage.daemon();
    second.settled().await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(stage.writes(mark), [""; 0], "{}", second.story());
    second.stop().await;
}

/// Edits made while no daemon was there are told from changes of the document all the same.
#[tokio::test(start_paused = true)]
async fn what_was_edited_while_the_daemon_was_away_is_still_a_humans() {
    let scene = Scene::settled(&farsight()).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    let change = json!({"cluster": CLUSTER, "service": WORKER, "enableExecuteCommand": true});
    stage.operator("ecs", "UpdateService", change);
    let mark = stage.mark();
    let mut second = stage.daemon();
    second.until(Duration::from_secs(120), "at work", |s| !s.planned.plan.units.is_empty()).await;
    second.settled().await;
    let said = second.said();
    assert!(said.iter().any(|l| l.contains("enableExecuteCommand human healed")), "{said:#?}");
    assert!(!said.iter().any(|l| l.contains("enableExecuteCommand document")), "{said:#?}");
    assert_eq!(stage.writes(mark), ["UpdateService farsight-worker"]);
    second.stop().await;
}
