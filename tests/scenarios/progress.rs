//! How far a rollout has come and what became of the last one: ECS's own account, which survives whatever becomes of
//! the daemon, and costs a service at rest no call.

use std::time::Duration;

use evenkeel_controller::Status;
use evenkeel_plan::{Finished, Outcome, UnitReport};
use serde_json::json;

use super::scene::Scene;
use super::shifts::shifted;
use super::{API, WORKER, guarded, is_held, unit};
use crate::stage::BUCKET;

const HOUR: u64 = 3600;

fn report(status: &Status, service: &str) -> Option<UnitReport> {
    status.planned.report.units.get(&unit(service)).cloned()
}

fn rolling(service: &'static str) -> impl Fn(&Status) -> bool {
    move |status| report(status, service).is_some_and(|it| it.rollout.is_some())
}

fn last(scene: &Scene, service: &str) -> Finished {
    let last = report(&scene.daemon.status.borrow(), service).and_then(|it| it.last_rollout);
    last.unwrap_or_else(|| panic!("no last rollout of {service}\n{}", scene.story()))
}

/// How often ECS was asked for the history of a service since the scene's mark.
fn asked(scene: &Scene, mark: usize) -> usize {
    let asks =
        |operation: &str| ["ListServiceDeployments", "DescribeServiceDeployments"].contains(&operation);
    let rows = scene.stage.sim.audit(mark);
    rows.iter().filter(|r| r.caller != "operator" && asks(&r.operation)).count()
}

/// Another daemon takes over, which remembers nothing.
async fn forgotten(scene: &mut Scene) {
    scene.daemon.end().await;
    let listed = scene.aws("s3", "ListObjectsV2", json!({"Bucket": BUCKET, "Prefix": "state/"}));
    for object in listed["Contents"].as_array().unwrap() {
        scene.aws("s3", "DeleteObject", json!({"Bucket": BUCKET, "Key": object["Key"]}));
    }
    scene.daemon = scene.stage.daemon();
}

#[tokio::test(start_paused = true)]
async fn a_rollout_is_shown_from_its_beginning_to_its_end_and_after_it() {
    let mut scene = Scene::settled(&guarded("v1")).await;
    let first = last(&scene, WORKER);
    assert_eq!(first.outcome, Outcome::Completed);
    let begins = scene.stage.mark();
    scene.stage.push(&guarded("v2"));
    scene.until("rolling", rolling(WORKER)).await;
    let seen = |scene: &Scene| report(&scene.daemon.status.borrow(), WORKER).unwrap().rollout;
    let early = seen(&scene).unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let later = seen(&scene).unwrap();
    assert_eq!((later.began, &later.deployment), (early.began, &early.deployment));
    let took = later.took.unwrap() - early.took.unwrap();
    scene.check((10..=30).contains(&took), &format!("it took {took} s more"));
    assert_eq!(last(&scene, WORKER).deployment, first.deployment);
    scene.rest(HOUR).await;
    let over = last(&scene, WORKER);
    assert_eq!(
        (&over.deployment, over.outcome, over.began),
        (&later.deployment, Outcome::Completed, later.began)
    );
    scene.check(over.took().is_some_and(|s| s >= later.took.unwrap()), &format!("{over}"));
    assert_eq!(asked(&scene, begins), 0, "what completes is told by the service alone");
    // Whoever comes later, and knows nothing, says the same. What it runs, history tells once.
    forgotten(&mut scene).await;
    scene.rest(300).await;
    let at_rest = scene.stage.mark();
    scene.rest(HOUR).await;
    assert_eq!(last(&scene, WORKER), over);
    assert_eq!(asked(&scene, at_rest), 0);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_was_taken_back_says_why_and_how_long_it_took() {
    let mut scene = Scene::settled(&guarded("v1")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("rolling", rolling(WORKER)).await;
    let began = report(&scene.daemon.status.borrow(), WORKER).unwrap().rollout.unwrap().began;
    scene.until("held", is_held).await;
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    let over = last(&scene, WORKER);
    assert_eq!((over.outcome, over.began), (Outcome::CircuitBreaker, began), "{}", scene.story());
    scene.check(over.took().is_some_and(|s| s > 60), &format!("{over}"));
    let at_rest = scene.stage.mark();
    tokio::time::sleep(Duration::from_secs(4 * HOUR)).await;
    let calls = asked(&scene, at_rest);
    scene.check(calls <= 10, &format!("{calls} calls in four hours"));
    forgotten(&mut scene).await;
    scene.until("held", is_held).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(last(&scene, WORKER), over, "{}", scene.story());
    scene.stage.push(&guarded("v1"));
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_another_replaces_was_superseded() {
    let mut scene = Scene::settled(&guarded("v1")).await;
    scene.stage.push(&guarded("slow-600"));
    scene.until("rolling", rolling(WORKER)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let first = report(&scene.daemon.status.borrow(), WORKER).unwrap().rollout.unwrap();
    scene.stage.push(&guarded("v2"));
    let other = |status: &Status| {
        let rollout = report(status, WORKER).and_then(|it| it.rollout);
        rollout.is_some_and(|it| it.deployment != first.deployment)
    };
    scene.until("another rollout", other).await;
    let over = last(&scene, WORKER);
    assert_eq!(
        (&over.deployment, over.outcome),
        (&first.deployment, Outcome::Superseded),
        "{}",
        scene.story()
    );
    scene.rest(HOUR).await;
    assert_eq!(last(&scene, WORKER).outcome, Outcome::Completed);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_stage_of_a_shift_is_shown_and_history_is_asked_for_no_longer_than_it_lasts() {
    let strategy = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5});
    let mut scene = Scene::settled(&shifted(strategy.clone(), "v1")).await;
    scene.stage.push(&shifted(strategy, "v2"));
    let bakes = |status: &Status| {
        let rollout = report(status, API).and_then(|it| it.rollout);
        rollout.is_some_and(|it| it.stage.as_deref() == Some("bake time"))
    };
    scene.until("baking", bakes).await;
    scene.rest(HOUR).await;
    let over = last(&scene, API);
    assert_eq!(over.outcome, Outcome::Completed, "{}", scene.story());
    scene.check(over.took().is_some_and(|s| s > 300), &format!("{over}"));
    let at_rest = scene.stage.mark();
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    assert_eq!(asked(&scene, at_rest), 0);
    scene.end().await;
}
