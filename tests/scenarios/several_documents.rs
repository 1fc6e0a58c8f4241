//! Several documents below one prefix, each with things of its own.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{CLUSTER, WORKER, farsight};
use crate::stage::{BUCKET, Stage};

const SOON: u64 = 180;

/// A document with one service, made like the worker of the example.
fn extra(service: &str) -> Value {
    let example = farsight();
    let mut worker = example["services"][WORKER].clone();
    worker["taskDefinition"]["family"] = service.into();
    worker.as_object_mut().unwrap().remove("dependsOn");
    let mut document = json!({"name": "extra", "cluster": CLUSTER, "services": {service: worker}});
    for member in ["apiVersion", "account", "region"] {
        document[member] = example[member].clone();
    }
    document
}

fn put(scene: &Scene, name: &str, document: &Value) {
    scene.stage.sim.put_object(BUCKET, &format!("documents/{name}"), document.to_string().as_bytes());
}

/// A daemon on `documents/`, which has the example and another one, at rest.
async fn two() -> Scene {
    let stage = Stage::with_object("documents/", b"");
    let body = |document: Value| document.to_string().into_bytes();
    stage.sim.put_object(BUCKET, "documents/a.json", &body(farsight()));
    stage.sim.put_object(BUCKET, "documents/b.json", &body(extra("extra")));
    stage.sim.put_object(BUCKET, "documents/README.md", b"no document");
    let mut scene = Scene::on(stage);
    scene.rest(SOON).await;
    scene.mark_here();
    scene
}

#[tokio::test(start_paused = true)]
async fn each_is_kept_and_one_that_is_gone_is_no_longer_managed() {
    let mut scene = two().await;
    let status = scene.daemon.status.borrow().clone();
    let names: Vec<&str> = status.documents.iter().map(|d| &*d.name).collect();
    assert_eq!(names, ["farsight", "extra"]);
    scene.update("extra", json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService extra"]);
    scene.aws("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": "documents/b.json"}));
    scene.until("one document", |s| s.documents.len() == 1).await;
    scene.update("extra", json!({"enableExecuteCommand": true}));
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService extra", "UpdateService farsight-worker"]);
    let told = scene.daemon.status.borrow().clone();
    scene.check(told.events.iter().any(|e| e.message.contains("documents/b.json is gone")), "it is told");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_one_leaves_the_others_free() {
    let mut scene = two().await;
    scene.stage.sim.put_object(BUCKET, "documents/b.json", b"{");
    scene.until("at fault", |s| !s.faults.is_empty()).await;
    let mut changed = farsight();
    changed["services"][WORKER]["service"]["enableExecuteCommand"] = true.into();
    put(&scene, "a.json", &changed);
    scene.update("extra", json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    let mut writes = scene.writes();
    writes.sort();
    assert_eq!(writes, ["UpdateService extra", "UpdateService farsight-worker"], "{}", scene.story());
    put(&scene, "b.json", &extra("extra"));
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_two_documents_claim_is_refused_in_both() {
    let mut scene = two().await;
    let mut claiming = extra("extra");
    claiming["services"][WORKER] = farsight()["services"][WORKER].clone();
    put(&scene, "b.json", &claiming);
    scene.until("refused", |s| !s.is_settled()).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.saw(&[WORKER, "refused", "farsight", "extra"]);
    scene.wrote(&[]);
    put(&scene, "b.json", &extra("extra"));
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

/// What both would have to make, neither makes; what one has is left as it is while the other claims it.
#[tokio::test(start_paused = true)]
async fn a_name_that_two_documents_claim_is_refused_in_both() {
    let group = farsight()["targetGroups"]["farsight-api-tg"].clone();
    let claims = |document: &mut Value, port: u32| {
        document["targetGroups"]["claimed"] = group.clone();
        document["targetGroups"]["claimed"]["port"] = port.into();
        document["logGroups"]["/claimed"] = json!({"retentionInDays": 30});
        document["repositories"]["claimed"] = json!({"imageTagMutability": "IMMUTABLE"});
    };
    let mut scene = two().await;
    let (mut one, mut other) = (farsight(), extra("extra"));
    claims(&mut one, 1);
    claims(&mut other, 2);
    let units = ["target-group:claimed", "log-group:/claimed", "repository:claimed"];
    put(&scene, "a.json", &one);
    put(&scene, "b.json", &other);
    tokio::time::sleep(Duration::from_secs(2 * SOON)).await;
    for unit in units {
        scene.saw(&[unit, "refused", "declared by the documents \"farsight\" and \"extra\""]);
    }
    scene.wrote(&[]);
    // One gives way, and the other gets them.
    put(&scene, "b.json", &extra("extra"));
    scene.rest(SOON).await;
    let mut writes = scene.writes();
    writes.sort();
    let made = ["CreateLogGroup /claimed", "CreateRepository claimed", "CreateTargetGroup claimed"];
    scene.check(made.iter().all(|it| writes.contains(&(*it).to_owned())), "they are made");
    scene.mark_here();
    // Claimed again, they stay as they are, whatever somebody makes of them.
    put(&scene, "b.json", &other);
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    let kept = json!({"logGroupName": "/claimed", "retentionInDays": 7});
    scene.aws("logs", "PutRetentionPolicy", kept);
    let arn = scene.target_group("claimed")["TargetGroupArn"].clone();
    scene.aws("elbv2", "ModifyTargetGroup", json!({"TargetGroupArn": arn, "HealthCheckPath": "/x"}));
    tokio::time::sleep(Duration::from_secs(2 * SOON)).await;
    scene.wrote(&[]);
    put(&scene, "b.json", &extra("extra"));
    scene.rest(2 * SOON).await;
    let mut writes = scene.writes();
    writes.sort();
    assert_eq!(writes, ["ModifyTargetGroup claimed", "PutRetentionPolicy /claimed"], "{}", scene.story());
    let keys = json!(["evenkeel:document", "evenkeel:key"]);
    scene.aws("elbv2", "RemoveTags", json!({"ResourceArns": [arn], "TagKeys": keys}));
    put(&scene, "a.json", &farsight());
    scene.rest(SOON).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn two_documents_of_one_name_are_told_apart_by_where_they_are() {
    let mut scene = two().await;
    let mut same = extra("another");
    same["name"] = "farsight".into();
    put(&scene, "c.json", &same);
    scene.until("at fault", |s| !s.faults.is_empty()).await;
    let status = scene.daemon.status.borrow().clone();
    let said = &status.faults[0].message;
    scene.check(said.contains("c.json") && said.contains("a.json") && said.contains("\"farsight\""), said);
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.wrote(&[]);
    scene.aws("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": "documents/c.json"}));
    scene.rest(60).await;
    scene.end().await;
}
