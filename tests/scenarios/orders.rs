//! What people ask for by hand: pauses by order and by tag, and letting a held deployment be tried again.

use std::time::Duration;

use evenkeel_model::orders::Order;
use serde_json::json;

use super::scene::Scene;
use super::{API, WORKER, farsight, guarded, is_held, unit};

const SOON: u64 = 120;

fn pause(service: &str, seconds: i64) -> Order {
    Order::Pause { unit: unit(service), seconds, reason: Some("incident 42".into()) }
}

#[tokio::test(start_paused = true)]
async fn a_paused_service_is_left_alone_until_the_pause_ends() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.daemon.control.order(pause(WORKER, 1800)).await.unwrap();
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(1500)).await;
    scene.saw(&[WORKER, "the end of its pause", "incident 42"]);
    scene.wrote(&[]);
    scene.rest(600).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_survives_a_restart_and_is_ended_by_an_order() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.daemon.control.order(pause(WORKER, 24 * 3600)).await.unwrap();
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.stop().await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.update(API, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(900)).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.daemon.control.order(Order::Resume(unit(WORKER))).await.unwrap();
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-api-server", "UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_pauses_a_service_without_any_access_to_evenkeel() {
    let mut scene = Scene::settled(&farsight()).await;
    let arn = scene.stage.service(WORKER)["serviceArn"].clone();
    let tag = |value: String| json!([{"key": "evenkeel:pause", "value": value}]);
    let until = scene.stage.sim.now_epoch_millis() / 1000 + 3600;
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tag(until.to_string())}));
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(3000)).await;
    scene.saw(&[WORKER, "the end of its pause", "evenkeel:pause"]);
    scene.wrote(&[]);
    scene.rest(900).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.mark_here();
    // Nobody is paused for ever by a slip of the pen.
    scene.aws("ecs", "TagResource", json!({"resourceArn": arn, "tags": tag("2030-01-01T00:00:00Z".into())}));
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.rest(SOON).await;
    scene.saw(&[WORKER, "more than a day ahead"]);
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn everything_is_looked_at_at_once_where_somebody_asks() {
    let scene = Scene::settled(&farsight()).await;
    let group = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    scene.aws(
        "elbv2",
        "ModifyTargetGroup",
        json!({"TargetGroupArn": group, "HealthCheckIntervalSeconds": 77}),
    );
    scene.stage.is_seen().await;
    scene.wrote(&[]);
    scene.daemon.control.reconcile().unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    scene.wrote(&["ModifyTargetGroup farsight-api-tg"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_held_deployment_is_tried_once_more_for_each_release() {
    let mut scene = Scene::settled(&guarded("v1")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("held", is_held).await;
    tokio::time::sleep(Duration::from_secs(7200)).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.mark_here();
    scene.daemon.control.order(Order::Release(unit(WORKER))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7200)).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.check(is_held(&scene.daemon.status.borrow()), "held again");
    scene.mark_here();
    scene.stage.push(&guarded("v1"));
    scene.rest(60).await;
    scene.end().await;
}
