//! What the document no longer has: left, or deleted within policy.

use std::time::Duration;

use evenkeel_model::orders::Order;
use evenkeel_plan::WaitingOn;
use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight};

const SOON: u64 = 900;

/// The example without its worker, and what becomes of that.
fn without_worker(prune: &str) -> Value {
    let mut document = pruned(prune);
    document["services"].as_object_mut().unwrap().remove(WORKER);
    document["services"][API].as_object_mut().unwrap().remove("dependsOn");
    document
}

fn pruned(prune: &str) -> Value {
    let mut document = farsight();
    document["settings"]["prune"] = prune.into();
    document
}

#[tokio::test(start_paused = true)]
async fn a_service_that_left_the_document_is_deleted_where_that_is_asked_for() {
    let mut scene = Scene::settled(&pruned("on")).await;
    scene.stage.push(&without_worker("on"));
    scene.rest(SOON).await;
    scene.wrote(&["DeregisterScalableTarget farsight-worker", "DeleteService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["status"] == "INACTIVE", "it is gone");
    scene.check(scene.stage.service(API)["runningCount"] == 2, "the other one runs");
    let groups = scene.aws("logs", "DescribeLogGroups", json!({}))["logGroups"].to_string();
    scene.check(groups.contains("/ecs/farsight-worker"), "logs are kept");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_prune_off_it_is_left_and_said() {
    let mut scene = Scene::settled(&pruned("off")).await;
    scene.stage.push(&without_worker("off"));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "refused", "prune is off"]);
    scene.wrote(&[]);
    scene.check(scene.stage.service(WORKER)["runningCount"] == 2, "it runs");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_confirm_a_deletion_waits_for_its_approval() {
    let mut scene = Scene::settled(&pruned("confirm")).await;
    scene.stage.push(&without_worker("confirm"));
    let id = |s: &evenkeel_controller::Status| {
        s.planned.report.units.values().flat_map(|u| &u.waiting).find_map(|w| match w {
            WaitingOn::Approval(id) => Some(id.clone()),
            _ => None,
        })
    };
    scene.until("waiting for approval", |s| id(s).is_some()).await;
    scene.daemon.control.order(Order::Approve("0123abcd".into())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.saw(&[WORKER, "approve"]);
    scene.wrote(&[]);
    let id = id(&scene.daemon.status.borrow()).unwrap();
    scene.daemon.control.order(Order::Approve(id)).await.unwrap();
    scene.rest(SOON).await;
    scene.wrote(&["DeregisterScalableTarget farsight-worker", "DeleteService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_document_and_one_that_is_gone_delete_nothing() {
    let mut scene = Scene::settled(&pruned("on")).await;
    let mut empty = pruned("on");
    for section in ["services", "targetGroups", "loadBalancers", "clusters", "repositories", "logGroups"] {
        empty.as_object_mut().unwrap().remove(section);
    }
    scene.stage.push(&empty);
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.wrote(&[]);
    scene.stage.push(&pruned("on"));
    scene.rest(60).await;
    scene.wrote(&[]);
    scene.end().await;
}
