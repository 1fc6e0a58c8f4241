//! Whatever is wrong with the document, the last good one stays in force and goes on healing.

use std::time::Duration;

use serde_json::json;

use super::scene::Scene;
use super::{API, WORKER, farsight};
use crate::stage::{BUCKET, KEY};

/// Spoils the document, sees it said in these words, sees a hand edit healed all the same, mends it.
async fn last_good_one_stays(spoil: impl FnOnce(&Scene), words: &[&str], mend: impl FnOnce(&Scene)) {
    let mut scene = Scene::settled(&farsight()).await;
    let good = scene.daemon.status.borrow().documents.clone();
    spoil(&scene);
    scene.until("at fault", |s| !s.faults.is_empty()).await;
    let status = scene.daemon.status.borrow().clone();
    let fault = status.faults[0].clone();
    for word in words {
        scene.check(fault.message.contains(word), &format!("{word:?} in {:?}", fault.message));
    }
    let told = status.events.iter().any(|e| e.warning && e.message.contains(&fault.message));
    scene.check(told, "it is told as an event");
    scene.check(status.documents == good, "the last good one is in force");
    scene.check(status.is_ready(), "it is ready");
    scene.mark_here();
    scene.scaling("DeleteScalingPolicy", WORKER, json!({"PolicyName": "worker-cpu-scaling"}));
    tokio::time::sleep(Duration::from_secs(120)).await;
    scene.wrote(&["PutScalingPolicy worker-cpu-scaling"]);
    let status = scene.daemon.status.borrow().clone();
    scene.check(status.faults.first() == Some(&fault), "it is still said");
    scene.check(!status.is_settled(), "it is not settled");
    scene.check(status.events.iter().filter(|e| e.message.contains(&fault.message)).count() == 1, "once");
    mend(&scene);
    scene.rest(60).await;
    scene.check(scene.daemon.status.borrow().faults.is_empty(), "nothing is said any more");
    scene.wrote(&["PutScalingPolicy worker-cpu-scaling"]);
    scene.end().await;
}

fn mend(scene: &Scene) {
    scene.stage.push(&farsight());
}

#[tokio::test(start_paused = true)]
async fn a_document_that_is_no_json_is_said_with_its_line() {
    let text = crate::text("config/examples/farsight.json").replacen("\"region\":", "\"region\"", 1);
    let spoil = |s: &Scene| s.stage.push_text(text.as_bytes());
    last_good_one_stays(spoil, &["line 5"], mend).await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_field_is_said_with_its_line() {
    let text =
        crate::text("config/examples/farsight.json").replacen("\"region\"", "\"settngs\": {}, \"region\"", 1);
    let spoil = |s: &Scene| s.stage.push_text(text.as_bytes());
    last_good_one_stays(spoil, &["line ", "settngs"], mend).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_of_another_account_is_refused() {
    let mut other = farsight();
    other["account"] = "210987654321".into();
    let spoil = |s: &Scene| s.stage.push(&other);
    last_good_one_stays(spoil, &["210987654321", "123456789012"], mend).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_of_another_region_is_refused() {
    let mut other = farsight();
    other["region"] = "eu-west-1".into();
    let spoil = |s: &Scene| s.stage.push(&other);
    last_good_one_stays(spoil, &["eu-west-1", "us-east-1"], mend).await;
}

/// The service with the fault stays as it was last good, hand edits healed; the others go on.
#[tokio::test(start_paused = true)]
async fn a_fault_inside_one_service_leaves_the_others_free() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut wrong = farsight();
    let entry = &mut wrong["services"][API]["service"]["loadBalancers"][0];
    entry["targetGroupArn"] = "${targetGroup:nothing}".into();
    wrong["services"][WORKER]["service"]["enableExecuteCommand"] = true.into();
    scene.stage.push(&wrong);
    scene.until("at fault", |s| !s.faults.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    scene.saw(&[API, "refused", "its entry in the document has errors"]);
    scene.wrote(&["UpdateService farsight-worker"]);
    let status = scene.daemon.status.borrow().clone();
    scene.check(status.faults[0].message.contains("nothing") && !status.is_settled(), "the fault is told");
    scene.update(API, json!({"healthCheckGracePeriodSeconds": 7}));
    tokio::time::sleep(Duration::from_secs(120)).await;
    scene.wrote(&["UpdateService farsight-worker", "UpdateService farsight-api-server"]);
    wrong["services"][API] = farsight()["services"][API].clone();
    scene.stage.push(&wrong);
    scene.rest(60).await;
    scene.check(scene.daemon.status.borrow().faults.is_empty(), "nothing is said any more");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_all_or_nothing_asked_for_a_fault_keeps_everything_back() {
    let mut wrong = farsight();
    wrong["settings"]["atomic"] = true.into();
    wrong["services"][API]["service"]["desiredCount"] = "two".into();
    let spoil = |s: &Scene| s.stage.push(&wrong);
    last_good_one_stays(spoil, &["desiredCount"], mend).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_was_deleted_is_said_to_be_missing() {
    let spoil = |s: &Scene| {
        s.aws("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": KEY}));
    };
    last_good_one_stays(spoil, &["s3://desired/services.json", "does not exist"], mend).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_may_not_be_read_is_said_with_the_permission() {
    let spoil = |s: &Scene| s.stage.sim.deny(BUCKET, KEY);
    let mend = |s: &Scene| s.stage.sim.allow(BUCKET, KEY);
    last_good_one_stays(spoil, &["s3:GetObject", "denied"], mend).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_larger_than_64_mib_is_not_read() {
    let spoil = |s: &Scene| s.stage.push_text(&vec![b' '; (64 << 20) + 1]);
    last_good_one_stays(spoil, &["too large", "67108865"], mend).await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_document_deletes_nothing() {
    let spoil = |s: &Scene| s.stage.push_text(b"");
    last_good_one_stays(spoil, &[], mend).await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_starts_with_a_bad_document_does_nothing_until_there_is_a_good_one() {
    let mut bad = farsight();
    bad["services"][WORKER]["service"]["desiredCount"] = "two".into();
    bad["settings"]["atomic"] = true.into();
    let mut scene = Scene::start(&bad);
    scene.until("at fault", |s| !s.faults.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let status = scene.daemon.status.borrow().clone();
    scene
        .check(status.documents.is_empty() && !status.is_ready() && !status.is_settled(), "nothing in force");
    let said = status.faults.first().map(|f| f.message.clone()).unwrap_or_default();
    scene.check(said.contains("desiredCount"), &said);
    scene.check(status.events.iter().any(|e| e.message.contains("nothing of it is in force")), "it is told");
    scene.wrote(&[]);
    scene.stage.push(&farsight());
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_starts_without_a_document_waits_for_one() {
    let mut scene = Scene::start(&farsight());
    scene.aws("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": KEY}));
    scene.until("at fault", |s| !s.faults.is_empty()).await;
    scene.wrote(&[]);
    scene.stage.push(&farsight());
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn state_that_may_not_be_written_stops_every_write_and_is_said() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.sim.deny(BUCKET, "state/");
    scene.until("without its lease", |s| s.lease != evenkeel_controller::status::Lease::Ours).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    scene.mark_here();
    scene.scaling("DeleteScalingPolicy", WORKER, json!({"PolicyName": "worker-cpu-scaling"}));
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.wrote(&[]);
    let lease = format!("{:?}", scene.daemon.status.borrow().lease);
    scene.check(lease.contains("denied"), &lease);
    scene.stage.sim.allow(BUCKET, "state/");
    scene.rest(120).await;
    scene.wrote(&["PutScalingPolicy worker-cpu-scaling"]);
    scene.end().await;
}
