//! Lifecycle hooks at which a deployment waits for a person: shown, answered once, and left to ECS otherwise.

use std::time::Duration;

use evenkeel_model::orders::{Order, Verdict};
use evenkeel_plan::Hook;
use serde_json::{Value, json};

use super::scene::Scene;
use super::shifts::shifted;
use super::{API, unit};
use crate::stage::Fate;

/// Long enough for a rollout, and for what must not come after it.
const LONG: u64 = 1200;

/// The example with a blue/green deployment of this image, which waits for a person before traffic moves, for half
/// an hour at most.
fn waits_then(timeout: &str, image: &str) -> Value {
    let hook = json!({"targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"],
        "timeoutConfiguration": {"timeoutInMinutes": 30, "action": timeout}});
    let strategy = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [hook]});
    shifted(strategy, image)
}

fn plain(image: &str) -> Value {
    shifted(json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}), image)
}

fn hooks(status: &evenkeel_controller::Status) -> Vec<Hook> {
    status.planned.report.units.get(&unit(API)).map(|u| u.hooks.clone()).unwrap_or_default()
}

/// A rollout that has come to its hook, and the hook.
async fn at_its_hook(timeout: &str) -> (Scene, Hook) {
    let mut scene = Scene::settled(&plain("v1")).await;
    scene.stage.push(&waits_then(timeout, "v2"));
    scene.until("waiting at its hook", |s| !hooks(s).is_empty()).await;
    let hook = hooks(&scene.daemon.status.borrow())[0].clone();
    (scene, hook)
}

fn answer(hook: &Hook, verdict: Verdict) -> Order {
    Order::Answer { hook: hook.id.clone(), verdict }
}

const ROLLED_OUT: [&str; 2] =
    ["RegisterTaskDefinition farsight-api-server", "UpdateService farsight-api-server"];

#[tokio::test(start_paused = true)]
async fn a_rollout_that_waits_for_a_person_is_shown_with_its_end_and_goes_on_when_told_to() {
    let (mut scene, hook) = at_its_hook("ROLLBACK").await;
    let began = scene.stage.sim.now_epoch_millis() / 1000;
    let left = hook.expires.unwrap() - began;
    scene.check((1800 - 120..=1800).contains(&left), &format!("it ends half an hour after: {left} s"));
    assert_eq!((hook.stage.as_str(), hook.then.as_str()), ("POST_SCALE_UP", "ROLLBACK"));
    scene.check(scene.story().contains("in POST_SCALE_UP waits for a person until"), "the plan prints it");
    // However long it waits, nothing is written.
    tokio::time::sleep(Duration::from_secs(LONG)).await;
    scene.wrote(&ROLLED_OUT);
    scene.check(!scene.daemon.status.borrow().is_settled(), "it is not settled");
    scene.mark_here();
    scene.daemon.control.order(answer(&hook, Verdict::Continue)).await.unwrap();
    scene.rest(LONG).await;
    scene.wrote(&["ContinueServiceDeployment "]);
    scene.never_saw(&[API, "held"]);
    let service = scene.stage.service(API);
    let image =
        scene.aws("ecs", "DescribeTaskDefinition", json!({"taskDefinition": service["taskDefinition"]}));
    scene.check(image.to_string().contains("farsight-server:v2"), "the new one runs");
    scene.end().await;
}

/// The time that a person takes is not the rollout's.
#[tokio::test(start_paused = true)]
async fn a_deadline_does_not_count_the_time_at_a_hook() {
    let within = |mut document: Value| {
        document["settings"] = json!({"rollouts": {"deadline": "10m"}});
        document
    };
    let mut scene = Scene::settled(&within(plain("v1"))).await;
    scene.stage.push(&within(waits_then("ROLLBACK", "v2")));
    scene.until("waiting at its hook", |s| !hooks(s).is_empty()).await;
    let hook = hooks(&scene.daemon.status.borrow())[0].clone();
    tokio::time::sleep(Duration::from_secs(LONG)).await;
    scene.daemon.control.order(answer(&hook, Verdict::Continue)).await.unwrap();
    scene.rest(LONG).await;
    scene.never_saw(&[API, "held"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_a_person_takes_back_is_not_tried_again() {
    let (mut scene, hook) = at_its_hook("CONTINUE").await;
    let before = scene.writes().len();
    scene.daemon.control.order(answer(&hook, Verdict::Rollback)).await.unwrap();
    scene.until("held", |s| s.planned.report.units[&unit(API)].held.is_some()).await;
    tokio::time::sleep(Duration::from_secs(LONG)).await;
    assert_eq!(scene.writes()[before..], ["ContinueServiceDeployment "], "{}", scene.story());
    let service = scene.stage.service(API);
    let image =
        scene.aws("ecs", "DescribeTaskDefinition", json!({"taskDefinition": service["taskDefinition"]}));
    scene.check(image.to_string().contains("farsight-server:v1"), "the old one runs");
    // Another document is another try; this one waits for nobody.
    scene.mark_here();
    scene.stage.push(&plain("v3"));
    scene.rest(LONG).await;
    scene.wrote(&ROLLED_OUT);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_nobody_answers_in_time_is_ecs_to_end() {
    let (mut scene, _) = at_its_hook("ROLLBACK").await;
    // It has half an hour.
    tokio::time::sleep(Duration::from_secs(LONG)).await;
    scene.until("held", |s| s.planned.report.units[&unit(API)].held.is_some()).await;
    tokio::time::sleep(Duration::from_secs(LONG)).await;
    scene.wrote(&ROLLED_OUT);
    scene.saw(&[API, "held", "lifecycle hook"]);
    scene.mark_here();
    scene.stage.push(&plain("v1"));
    scene.rest(LONG).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_given_while_nobody_led_is_told_by_the_next_one() {
    let (scene, hook) = at_its_hook("ROLLBACK").await;
    let Scene { stage, daemon, .. } = scene;
    daemon.control.order(answer(&hook, Verdict::Continue)).await.unwrap();
    daemon.kill().await;
    let mark = stage.mark();
    // The first call is lost on its way back: the next look says that it was made.
    let lost = std::sync::atomic::AtomicBool::new(false);
    let second = stage.daemon_with(move |_, request| {
        let answers = super::restarts::is_call(request, "ContinueServiceDeployment");
        let first = answers && !lost.swap(true, std::sync::atomic::Ordering::SeqCst);
        if first { Fate::AnswerLost } else { Fate::Answered }
    });
    let mut scene = Scene::of(stage, second);
    scene.rest(LONG).await;
    let told = scene.stage.writes(mark);
    assert!(told.len() <= 1, "{told:#?}\n{}", scene.story());
    scene.end().await;
}

/// A function that refuses takes the rollout back, and the daemon was away while that happened.
#[tokio::test(start_paused = true)]
async fn a_rollout_that_a_function_took_back_is_not_tried_again() {
    let hook = json!({"hookTargetArn": "arn:aws:lambda:us-east-1:123456789012:function:smoke-test-fails",
        "roleArn": "arn:aws:iam::123456789012:role/hooks", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]});
    let strategy = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1, "lifecycleHooks": [hook]});
    let mut scene = Scene::settled(&plain("v1")).await;
    scene.stage.push(&shifted(strategy, "v2"));
    let rolls = |s: &evenkeel_controller::Status| s.planned.report.units[&unit(API)].rollout.is_some();
    scene.until("rolling", rolls).await;
    scene.wrote(&ROLLED_OUT);
    scene.away(2).await;
    scene.until("held", |s| s.planned.report.units.get(&unit(API)).is_some_and(|u| u.held.is_some())).await;
    tokio::time::sleep(Duration::from_secs(LONG)).await;
    scene.wrote(&[]);
    scene.saw(&[API, "held", "lifecycle hook in POST_TEST_TRAFFIC_SHIFT"]);
    scene.stage.push(&plain("v1"));
    scene.rest(LONG).await;
    scene.end().await;
}
