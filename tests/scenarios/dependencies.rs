//! `dependsOn`: it orders the rollouts that one change of the document started, and nothing else.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight, set_image, unit};

/// The example with these images of the worker and of the API server, which depends on it.
fn images(worker: &str, api: &str) -> Value {
    let mut document = farsight();
    set_image(&mut document, WORKER, worker);
    set_image(&mut document, API, api);
    for service in [WORKER, API] {
        document["services"][service]["service"]["deploymentConfiguration"] =
            json!({"deploymentCircuitBreaker": {"enable": true, "rollback": false}});
    }
    document
}

const API_ROLLED_OUT: [&str; 2] =
    ["RegisterTaskDefinition farsight-api-server", "UpdateService farsight-api-server"];

/// The API server waits while the worker rolls out slowly, for as long as that takes.
async fn waiting() -> Scene {
    let mut scene = Scene::settled(&images("v1", "v1")).await;
    scene.stage.push(&images("slow-1500", "v2"));
    let rolls = |s: &evenkeel_controller::Status| s.planned.report.units[&unit(WORKER)].rollout.is_some();
    scene.until("rolling", rolls).await;
    tokio::time::sleep(Duration::from_secs(400)).await;
    scene.saw(&[API, "waits for", WORKER, "to be stable"]);
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.mark_here();
    scene
}

#[tokio::test(start_paused = true)]
async fn what_one_change_started_is_rolled_out_in_order() {
    let mut scene = waiting().await;
    scene.rest(1800).await;
    scene.wrote(&API_ROLLED_OUT);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn healing_is_not_delayed_by_a_dependency() {
    let mut scene = waiting().await;
    let before = scene.stage.service(API)["taskDefinition"].clone();
    scene.update(API, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    // Nor where it takes a rollout.
    scene.mark_here();
    let mut network = scene.stage.service(API)["networkConfiguration"].clone();
    network["awsvpcConfiguration"]["securityGroups"] = json!(["sg-0123456789abcdef0"]);
    scene.update(API, json!({"networkConfiguration": network}));
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.wrote(&["UpdateService farsight-api-server"]);
    scene.check(scene.stage.service(API)["taskDefinition"] == before, "the rollout itself still waits");
    scene.mark_here();
    scene.rest(1800).await;
    scene.wrote(&API_ROLLED_OUT);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_somebody_deleted_is_made_at_once() {
    let mut scene = waiting().await;
    let delete = json!({"cluster": super::CLUSTER, "service": API, "force": true});
    scene.aws("ecs", "DeleteService", delete);
    tokio::time::sleep(Duration::from_secs(400)).await;
    scene.check(scene.writes().iter().any(|w| w == "CreateService farsight-api-server"), "it is made");
    scene.check(scene.stage.service(API)["runningCount"] == 2, "and runs");
    scene.rest(1800).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_task_waits_for_no_dependency() {
    let bare = |worker: &str, api: &str| {
        let mut document = images(worker, api);
        document["services"][API]["service"]["deploymentConfiguration"] =
            json!({"minimumHealthyPercent": 0, "maximumPercent": 100});
        document
    };
    let mut scene = Scene::settled(&bare("v1", "v1")).await;
    scene.stage.push(&bare("v1", "crash"));
    let is_down = |s: &evenkeel_controller::Status| {
        s.planned.report.units.get(&unit(API)).is_some_and(|u| u.tasks == Some((2, 0)))
    };
    scene.until("down", is_down).await;
    scene.mark_here();
    scene.stage.push(&bare("slow-1500", "v2"));
    tokio::time::sleep(Duration::from_secs(400)).await;
    scene.check(scene.stage.service(API)["runningCount"] == 2, "it runs again");
    scene.check(
        scene.stage.service(WORKER)["deployments"][0]["rolloutState"] == "IN_PROGRESS",
        "the other rolls",
    );
    scene.rest(1800).await;
    scene.check(scene.writes().len() == 4, "each is made once");
    scene.end().await;
}

/// Going back to what still runs waits for nobody.
#[tokio::test(start_paused = true)]
async fn a_rollback_waits_for_no_dependency() {
    let mut scene = Scene::settled(&images("v1", "v1")).await;
    let good = scene.stage.service(API)["taskDefinition"].clone();
    scene.stage.push(&images("v1", "crash"));
    scene.until("held", |s| s.planned.report.units[&unit(API)].held.is_some()).await;
    scene.mark_here();
    scene.stage.push(&images("slow-1500", "v1"));
    tokio::time::sleep(Duration::from_secs(400)).await;
    scene.check(scene.stage.service(API)["taskDefinition"] == good, "it went back");
    scene.check(
        scene.stage.service(WORKER)["deployments"][0]["rolloutState"] == "IN_PROGRESS",
        "the other rolls",
    );
    scene.rest(1800).await;
    scene.check(scene.writes().len() == 3, "each is made once");
    scene.end().await;
}
