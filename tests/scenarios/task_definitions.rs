//! Families of the document that no service uses: registered once for each content, and kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::farsight;
use super::restarts::is_call;
use super::scene::Scene;
use crate::stage::{BUCKET, Fate, Stage};

const FAMILY: &str = "farsight-migrate";

/// The example with a job beside its services.
fn with_job(command: &str) -> Value {
    let mut document = farsight();
    let mut job = document["services"][super::WORKER]["taskDefinition"].clone();
    job.as_object_mut().unwrap().remove("family");
    job["containerDefinitions"][0]["command"] = json!(["python", "-m", command]);
    document["taskDefinitions"] = json!({FAMILY: job});
    document
}

fn revisions(stage: &Stage) -> usize {
    let listed = stage.operator("ecs", "ListTaskDefinitions", json!({"familyPrefix": FAMILY}));
    listed["taskDefinitionArns"].as_array().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn a_family_is_registered_once_for_each_content() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&with_job("migrate"));
    scene.rest(300).await;
    scene.wrote(&["RegisterTaskDefinition farsight-migrate"]);
    scene.mark_here();
    scene.stage.push(&with_job("migrate.v2"));
    scene.rest(300).await;
    scene.wrote(&["RegisterTaskDefinition farsight-migrate"]);
    // Back again, the one that is there does.
    scene.mark_here();
    scene.stage.push(&with_job("migrate"));
    scene.rest(300).await;
    scene.wrote(&[]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn neither_a_restart_nor_lost_memory_registers_anything() {
    let mut scene = Scene::settled(&with_job("migrate")).await;
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.stop().await;
    scene.rest(300).await;
    scene.wrote(&[]);
    scene.daemon.end().await;
    let listed = scene.aws("s3", "ListObjectsV2", json!({"Bucket": BUCKET, "Prefix": "state/"}));
    for object in listed["Contents"].as_array().unwrap() {
        scene.aws("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": object["Key"]}));
    }
    scene.daemon = scene.stage.daemon();
    scene.rest(300).await;
    scene.wrote(&[]);
    assert_eq!(revisions(&scene.stage), 1);
    scene.end().await;
}

/// A registration that is cut off in this way leaves one revision.
async fn cut_off(fate: Fate) {
    let stage = Stage::new(&with_job("migrate"));
    let registered = Arc::new(AtomicUsize::new(0));
    let counted = registered.clone();
    let mut daemon = stage.daemon_with(move |_, request| {
        let met = is_call(request, "RegisterTaskDefinition")
            && String::from_utf8_lossy(request.body()).contains(FAMILY)
            && counted.fetch_add(1, Ordering::SeqCst) == 0;
        if met { fate } else { Fate::Answered }
    });
    if fate != Fate::AnswerLost {
        assert!(daemon.dies(Duration::from_secs(600)).await, "{fate:?}: it was never called");
        daemon = stage.daemon();
    }
    let mut scene = Scene::of(stage, daemon);
    scene.rest(300).await;
    assert_eq!((registered.load(Ordering::SeqCst), revisions(&scene.stage)), (1, 1), "{fate:?}");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_cut_off_is_made_once() {
    cut_off(Fate::DiesBefore).await;
    cut_off(Fate::DiesAfter).await;
    cut_off(Fate::AnswerLost).await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_deregisters_is_registered_again_and_what_leaves_the_document_stays() {
    let mut scene = Scene::settled(&with_job("migrate")).await;
    let listed = scene.aws("ecs", "ListTaskDefinitions", json!({"familyPrefix": FAMILY}));
    let arn = listed["taskDefinitionArns"][0].clone();
    scene.aws("ecs", "DeregisterTaskDefinition", json!({"taskDefinition": arn}));
    scene.stage.is_seen().await;
    scene.daemon.control.reconcile().unwrap();
    scene.rest(300).await;
    scene.wrote(&["RegisterTaskDefinition farsight-migrate"]);
    scene.mark_here();
    scene.stage.push(&farsight());
    scene.rest(300).await;
    scene.wrote(&[]);
    assert_eq!(revisions(&scene.stage), 1);
    scene.end().await;
}
