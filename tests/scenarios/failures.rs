//! Deployments that fail and writes that AWS refuses.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight, guard, guarded, is_held};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_deployment_that_ecs_rolled_back_is_tried_once_and_held_until_the_document_changes() {
    let mut scene = Scene::settled(&guarded("latest")).await;
    let good = scene.stage.service(WORKER)["taskDefinition"].clone();
    scene.stage.push(&guarded("crash"));
    scene.until("held", is_held).await;
    tokio::time::sleep(HOUR * 3).await;
    scene.saw(&[WORKER, "held", "tasks failed to start"]);
    scene.saw(&[WORKER, "is held"]);
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    let service = scene.stage.service(WORKER);
    scene.check(service["taskDefinition"] == good, "ECS rolled back");
    scene.check(service["runningCount"] == 2, "the old tasks run");
    scene.check(!scene.daemon.status.borrow().is_settled(), "held is not settled");
    // What needs no deployment is done all the same.
    scene.mark_here();
    scene.scaling("DeleteScalingPolicy", WORKER, json!({"PolicyName": "worker-cpu-scaling"}));
    tokio::time::sleep(Duration::from_secs(120)).await;
    scene.wrote(&["PutScalingPolicy worker-cpu-scaling"]);
    // Another document is another try.
    scene.mark_here();
    scene.stage.push(&guarded("v3"));
    scene.rest(60).await;
    scene.wrote(&["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn going_back_to_the_good_document_releases_what_is_held_without_a_write() {
    let mut scene = Scene::settled(&guarded("latest")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("held", is_held).await;
    tokio::time::sleep(HOUR).await;
    scene.mark_here();
    scene.stage.push(&guarded("latest"));
    scene.rest(60).await;
    scene.wrote(&[]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_held_stays_held_after_a_restart() {
    let mut scene = Scene::settled(&guarded("latest")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("held", is_held).await;
    tokio::time::sleep(HOUR).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    let mark = stage.mark();
    let mut second = stage.daemon();
    second.until(Duration::from_secs(120), "held", is_held).await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(stage.writes(mark), [""; 0], "{}", second.story());
    second.stop().await;
}

/// The daemon was away while ECS gave up.
#[tokio::test(start_paused = true)]
async fn what_failed_while_the_daemon_was_away_is_held() {
    let mut scene = Scene::settled(&guarded("latest")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("rolling", |s| s.planned.report.units.values().any(|u| u.rollout.is_some())).await;
    let Scene { stage, daemon, .. } = scene;
    daemon.stop().await;
    tokio::time::sleep(HOUR * 2).await;
    let mark = stage.mark();
    let mut second = stage.daemon();
    second.until(Duration::from_secs(120), "held", is_held).await;
    tokio::time::sleep(HOUR).await;
    assert_eq!(stage.writes(mark), [""; 0], "{}", second.story());
    second.stop().await;
}

/// ECS has nothing to go back to: it goes on trying, and the daemon does not add to it.
#[tokio::test(start_paused = true)]
async fn a_service_that_never_ran_is_made_once_and_mended_by_the_document() {
    let mut document = farsight();
    let worker = &mut document["services"][WORKER]["taskDefinition"];
    worker["containerDefinitions"][0]["environment"] = json!([{"name": "SIM_BEHAVIOUR", "value": "crash"}]);
    let mut scene = Scene::start(&document);
    scene
        .until("its tasks fail", |s| {
            s.planned.report.units.values().any(|u| u.rollout.as_ref().is_some_and(|r| r.failed > 2))
        })
        .await;
    tokio::time::sleep(HOUR).await;
    let count = |title: &str| scene.writes().iter().filter(|w| *w == title).count();
    scene.check(count("CreateService farsight-worker") == 1, "made once");
    scene.check(count("UpdateService farsight-worker") == 0, "never updated");
    scene.check(count("CreateService farsight-api-server") == 0, "what depends on it waits");
    scene.saw(&[API, "farsight-worker"]);
    scene.mark_here();
    scene.stage.push(&farsight());
    scene.rest(60).await;
    let count = |title: &str| scene.writes().iter().filter(|w| *w == title).count();
    scene.check(count("UpdateService farsight-worker") == 1, "mended by one update");
    scene.check(count("CreateService farsight-api-server") == 1, "and the other one follows");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn tasks_that_fail_their_health_checks_are_rolled_back_and_held() {
    let mut scene = Scene::settled(&guarded("latest")).await;
    let mut document = guarded("latest");
    guard(&mut document, API);
    scene.stage.push(&document);
    scene.rest(60).await;
    let api = &mut document["services"][API];
    let environment = &mut api["taskDefinition"]["containerDefinitions"][0]["environment"];
    environment.as_array_mut().unwrap().push(json!({"name": "SIM_BEHAVIOUR", "value": "unhealthy"}));
    scene.mark_here();
    scene.stage.push(&document);
    scene.until("held", is_held).await;
    tokio::time::sleep(HOUR).await;
    scene.wrote(&["RegisterTaskDefinition farsight-api-server", "UpdateService farsight-api-server"]);
    scene.stage.push(&guarded("latest"));
    scene.rest(60).await;
    scene.end().await;
}

/// The example with a worker behind a target group that nobody has, and an API server that does not depend
/// on it.
fn refused() -> Value {
    let mut document = independent();
    let worker = &mut document["services"][WORKER];
    worker["service"]["loadBalancers"] = json!([{
        "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/theirs/0123456789abcdef",
        "containerName": "temporal-worker",
        "containerPort": 8080,
    }]);
    document
}

/// The same without the target group.
fn independent() -> Value {
    let mut document = farsight();
    document["services"][API].as_object_mut().unwrap().remove("dependsOn");
    let worker = &mut document["services"][WORKER]["taskDefinition"]["containerDefinitions"][0];
    worker["portMappings"] = json!([{"containerPort": 8080, "protocol": "tcp"}]);
    document
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_tried_again_ever_more_rarely_while_the_rest_goes_on() {
    let mut scene = Scene::start(&refused());
    scene
        .until("backing off", |s| {
            let waits = s.planned.report.units.values().flat_map(|u| &u.waiting);
            waits.into_iter().any(|w| w.to_string().contains("next try in"))
        })
        .await;
    tokio::time::sleep(HOUR).await;
    let count = |title: &str| scene.writes().iter().filter(|w| *w == title).count();
    let tries = count("CreateService farsight-worker !InvalidParameterException");
    scene.check((6..16).contains(&tries), &format!("{tries} tries in an hour"));
    scene.check(count("RegisterTaskDefinition farsight-worker") == 1, "registered once");
    scene.check(count("CreateService farsight-api-server") == 1, "the other service is made");
    scene.check(scene.stage.service(API)["runningCount"] == 2, "and runs");
    scene.saw(&[WORKER, "next try in", "theirs"]);
    let warned =
        scene.daemon.status.borrow().events.iter().any(|e| e.warning && e.message.contains("theirs"));
    scene.check(warned, "it is told as an event");
    // Another document is tried at once.
    scene.stage.push(&independent());
    tokio::time::sleep(Duration::from_secs(30)).await;
    scene.check(scene.writes().contains(&"CreateService farsight-worker".into()), "tried at once");
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_aws_refuses_leaves_the_service_as_it_is() {
    let document = independent();
    let mut scene = Scene::settled(&document).await;
    let before = scene.stage.service(WORKER);
    scene.stage.push(&refused());
    tokio::time::sleep(HOUR).await;
    let writes = scene.writes();
    let title = "UpdateService farsight-worker !InvalidParameterException";
    scene.check(writes.iter().all(|w| w == title), "nothing else is written");
    scene.check((6..16).contains(&writes.len()), &format!("{} tries in an hour", writes.len()));
    let after = scene.stage.service(WORKER);
    scene.check(after["deployments"] == before["deployments"], "the service is as it was");
    scene.mark_here();
    scene.stage.push(&document);
    scene.rest(60).await;
    scene.wrote(&[]);
    scene.end().await;
}
