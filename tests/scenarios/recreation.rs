//! A service in which something differs that AWS does not let change: refused, or deleted and made anew where
//! the document asks for that.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::cut_off::{cut_off, on_the_brink};
use super::scene::Scene;
use super::{API, CLUSTER, WORKER, farsight};
use crate::stage::Fate;

/// Long enough for all of it.
const LONG: u64 = 1200;

/// The example with a worker on EC2, which no call can change.
pub fn moved(replace: Value) -> Value {
    let mut document = farsight();
    let worker = &mut document["services"][WORKER];
    worker["replace"] = replace;
    worker["service"]["launchType"] = "EC2".into();
    worker["service"]["networkConfiguration"]["awsvpcConfiguration"]
        .as_object_mut()
        .unwrap()
        .remove("assignPublicIp");
    worker["taskDefinition"]["requiresCompatibilities"] = json!(["EC2"]);
    document
}

const MADE_ANEW: [&str; 5] = [
    "DeleteService farsight-worker",
    "RegisterTaskDefinition farsight-worker",
    "CreateService farsight-worker",
    "RegisterScalableTarget farsight-worker",
    "PutScalingPolicy worker-cpu-scaling",
];

#[tokio::test(start_paused = true)]
async fn what_cannot_be_changed_is_refused_where_the_document_does_not_ask_for_more() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = farsight();
    document["services"][WORKER]["service"]["launchType"] = "EC2".into();
    scene.stage.push(&document);
    tokio::time::sleep(Duration::from_secs(LONG)).await;
    scene.saw(&[WORKER, "refused", "`launchType` of a service cannot be changed"]);
    scene.check(scene.story().contains("\"replace\": \"recreate\""), "the way out is told");
    scene.wrote(&[]);
    scene.stage.push(&farsight());
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_is_deleted_drained_and_made_anew_with_all_that_scales_it() {
    let mut scene = Scene::settled(&farsight()).await;
    let before = scene.stage.service(WORKER)["createdAt"].clone();
    scene.stage.push(&moved("recreate".into()));
    scene.rest(LONG).await;
    scene.saw(&[WORKER, "waits for its deletion to end: tasks are draining"]);
    scene.saw(&[WORKER, "note", "in between it is down"]);
    scene.wrote(&MADE_ANEW);
    let service = scene.stage.service(WORKER);
    scene.check(service["createdAt"] != before && service["launchType"] == "EC2", "another one");
    scene.check(service["runningCount"] == 2, "it runs");
    scene.check(scene.stage.service(API)["runningCount"] == 2, "and so does the other one");
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.stop().await;
    scene.end().await;
}

/// The count that the autoscaler chose is not lost with the service.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_made_anew_runs_within_its_bounds() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = moved("recreate".into());
    document["services"][WORKER]["scaling"]["minCapacity"] = 3.into();
    scene.stage.push(&document);
    scene.rest(LONG).await;
    scene.wrote(&MADE_ANEW);
    scene.check(scene.stage.service(WORKER)["runningCount"] == 3, "the lower bound");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_who_makes_it_anew_by_hand_is_not_undone() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&moved(Value::Null));
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.mark_here();
    let one = json!({"cluster": CLUSTER, "service": WORKER, "force": true});
    scene.aws("ecs", "DeleteService", one);
    scene.rest(LONG).await;
    // Its target is seen to be gone before it is, and AWS refuses to make that alone.
    let done: Vec<String> = scene.writes().into_iter().filter(|w| !w.contains('!')).collect();
    assert_eq!(done, MADE_ANEW[2..], "{}", scene.story());
    scene.check(scene.stage.service(WORKER)["launchType"] == "EC2", "as the document says");
    scene.end().await;
}

/// Each write of it in turn meets a fate; another daemon follows where one died.
async fn is_cut_off_everywhere(fate: Fate) {
    let stage = on_the_brink(&farsight(), &moved("recreate".into())).await;
    for nth in 0.. {
        let mark = stage.mark();
        let (mut daemon, met) = cut_off(&stage, nth, fate).await;
        daemon.until(Duration::from_secs(LONG), "settled", evenkeel_controller::Status::is_settled).await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        daemon.settled().await;
        let written = stage.writes(mark);
        let told = || format!("{fate:?} at write {nth}: {written:#?}\n{}", daemon.story());
        let service = stage.service(WORKER);
        assert!(service["launchType"] == "EC2" && service["runningCount"] == 2, "{service:#}\n{}", told());
        let done = |title: &str| written.iter().filter(|w| *w == title).count();
        assert_eq!(done("DeleteService farsight-worker"), 1, "{}", told());
        assert_eq!(done("RegisterTaskDefinition farsight-worker"), 1, "{}", told());
        let violations = stage.violations();
        assert!(violations.is_empty(), "{violations:#?}\n{}", told());
        daemon.stop().await;
        if !met.load(Ordering::SeqCst) {
            assert!(nth >= MADE_ANEW.len(), "{nth} writes");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_before_any_write_of_it_is_followed() {
    is_cut_off_everywhere(Fate::DiesBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_after_any_write_of_it_is_followed() {
    is_cut_off_everywhere(Fate::DiesAfter).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_any_write_of_it_makes_nothing_twice() {
    is_cut_off_everywhere(Fate::AnswerLost).await;
}
