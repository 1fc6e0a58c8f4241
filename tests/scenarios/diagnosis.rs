//! A rollout that fails says why: what AWS says of it, and what to look at.

use evenkeel_controller::Status;
use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, all_guarded, set_image, unit};

/// A rollout of this fails; once it is held, all of these are evidence with what to check.
async fn tells(service: &'static str, change: impl Fn(&mut Value), evidence: &[(&str, &str)]) {
    let mut scene = Scene::settled(&all_guarded()).await;
    let mut document = all_guarded();
    change(&mut document);
    scene.stage.push(&document);
    let told = |status: &Status| {
        let report = status.planned.report.units.get(&unit(service));
        let found = |(said, check): &(&str, &str)| {
            let diagnosis = report.map(|r| &r.diagnosis[..]).unwrap_or_default();
            diagnosis.iter().any(|e| {
                e.said.contains(said) && e.check.as_ref().is_some_and(|checked| checked.contains(check))
            })
        };
        evidence.iter().all(found)
    };
    // While it is still at it, and when ECS has given up.
    scene.until("told why", told).await;
    let is_held = |s: &Status| s.planned.report.units.get(&unit(service)).is_some_and(|u| u.held.is_some());
    scene.until("held and told why", |s| is_held(s) && told(s)).await;
    let story = scene.story();
    scene.check(story.contains("? because"), "the plan prints it");
    // ECS forgets its stopped tasks within an hour, a daemon that starts later does not.
    scene.away(3).await;
    scene.until("still told why", |s| is_held(s) && told(s)).await;
    scene.wrote(&[]);
    scene.stage.push(&all_guarded());
    scene.rest(60).await;
    let status = scene.daemon.status.borrow().clone();
    let quiet = status.planned.report.units.values().all(|u| u.diagnosis.is_empty());
    scene.check(quiet, "nothing is told of what is over");
    scene.end().await;
}

fn container<'d>(document: &'d mut Value, service: &str) -> &'d mut Value {
    &mut document["services"][service]["taskDefinition"]["containerDefinitions"][0]
}

#[tokio::test(start_paused = true)]
async fn a_missing_image() {
    let change = |document: &mut Value| set_image(document, WORKER, "pullfail");
    tells(WORKER, change, &[("CannotPullContainerError", "is the image there")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_log_group() {
    let change = |document: &mut Value| {
        container(document, WORKER)["logConfiguration"]["options"]["awslogs-group"] = "/ecs/nowhere".into();
    };
    tells(WORKER, change, &[("log group does not exist", "is the log group /ecs/nowhere there")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret() {
    let change = |document: &mut Value| {
        let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:farsight/nothing-Ab12Cd";
        let secrets = container(document, WORKER)["secrets"].as_array_mut().unwrap();
        secrets.push(json!({"name": "NOTHING", "valueFrom": secret}));
    };
    tells(WORKER, change, &[("unable to pull secrets", "is the secret there")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_health_check_that_fails() {
    let change = |document: &mut Value| {
        let environment = container(document, API)["environment"].as_array_mut().unwrap();
        environment.push(json!({"name": "SIM_BEHAVIOUR", "value": "unhealthy"}));
    };
    tells(API, change, &[("health checks", "does it answer its health check in time")]).await;
}

#[tokio::test(start_paused = true)]
async fn an_essential_container_that_exits() {
    let change = |document: &mut Value| set_image(document, WORKER, "crash");
    let check = "see the log group /ecs/farsight-worker";
    tells(
        WORKER,
        change,
        &[("Essential container in task exited; container temporal-worker: exit code 1", check)],
    )
    .await;
}

/// A service that never ran has nothing to go back to, and says why all the same.
#[tokio::test(start_paused = true)]
async fn a_first_rollout_says_why_too() {
    let mut document = all_guarded();
    set_image(&mut document, WORKER, "pullfail");
    let mut scene = Scene::start(&document);
    let told = |s: &Status| {
        let report = s.planned.report.units.get(&unit(WORKER));
        report.is_some_and(|r| r.diagnosis.iter().any(|e| e.said.contains("CannotPullContainerError")))
    };
    scene.until("told why", told).await;
    scene.stage.push(&all_guarded());
    scene.rest(60).await;
    scene.end().await;
}
