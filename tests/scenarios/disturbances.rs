//! AWS at its worst: throttling, stale readings, lost answers, missing permissions.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, crash_matrix, farsight, set_image};
use crate::stage::USUAL_LAG;

const SOON: u64 = 120;

/// The example with another image for both services.
fn changed() -> Value {
    let mut document = farsight();
    for name in [WORKER, API] {
        set_image(&mut document, name, "v2");
    }
    document
}

/// A first run under a disturbance, with readings up to so many seconds old, and a rollout of both services.
async fn comes_through(lag: f64, disturb: &[(&str, Value)]) {
    let mut scene = Scene::start(&farsight());
    scene.stage.lag(lag);
    for (command, input) in disturb {
        scene.stage.control(command, input.clone());
    }
    scene.daemon.settled().await;
    let wrong = crash_matrix::faults(&scene.stage, &scene.stage.writes(0));
    scene.check(wrong.is_empty(), &format!("{wrong:#?}"));
    scene.mark_here();
    scene.stage.push(&changed());
    scene.rest(60).await;
    for family in [WORKER, API] {
        let listed = scene.aws("ecs", "ListTaskDefinitions", json!({"familyPrefix": family}));
        let count = listed["taskDefinitionArns"].as_array().map_or(0, Vec::len);
        scene.check(count == 2, &format!("{count} revisions of {family}, which is registered once more"));
    }
    let violations = scene.stage.violations();
    scene.check(violations.is_empty(), &format!("{violations:#?}"));
    scene.stage.control("faults", json!([]));
    scene.stage.control("throttle", json!({"on": false}));
    scene.stage.lag(USUAL_LAG);
    scene.rest(SOON).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn readings_that_are_half_a_minute_old_make_nothing_twice() {
    comes_through(30.0, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_others_use_up_is_waited_for() {
    let load = json!({"ecs service modify": 4.0, "elb": 8.0, "elb heavy": 0.1});
    comes_through(USUAL_LAG, &[("throttle", json!({"on": true, "load": load}))]).await;
}

#[tokio::test(start_paused = true)]
async fn one_call_in_ten_that_fails_costs_time_and_nothing_else() {
    for fault in ["throttled", "500", "503", "lost-before"] {
        comes_through(
            USUAL_LAG,
            &[("fault", json!({"fault": fault, "probability": 0.1, "caller": "daemon-1"}))],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_answer_in_ten_that_is_lost_makes_nothing_twice() {
    for fault in ["lost", "truncated", "500-after", "late"] {
        comes_through(
            USUAL_LAG,
            &[("fault", json!({"fault": fault, "probability": 0.1, "caller": "daemon-1"}))],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_and_very_old_readings_together_make_nothing_twice() {
    let lost = json!({"fault": "lost", "probability": 0.15, "caller": "daemon-1"});
    comes_through(15.0, &[("fault", lost)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_missing_for_a_write_is_said_and_tried_rarely() {
    let mut scene = Scene::settled(&farsight()).await;
    let denied = json!({"fault": "denied", "service": "ecs", "operation": "RegisterTaskDefinition"});
    scene.stage.control("fault", denied);
    scene.stage.push(&changed());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let writes = scene.writes();
    let title = "RegisterTaskDefinition farsight-worker !AccessDeniedException";
    scene.check(writes.iter().all(|w| w == title), "nothing else is tried");
    scene.check((6..16).contains(&writes.len()), &format!("{} tries in an hour", writes.len()));
    scene.saw(&[WORKER, "next try in", "not authorized"]);
    scene.stage.control("faults", json!([]));
    tokio::time::sleep(Duration::from_secs(700)).await;
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_touched_while_the_rest_goes_on() {
    let mut scene = Scene::settled(&farsight()).await;
    let denied = json!({"fault": "denied", "service": "ecs", "operation": "DescribeServices",
        "caller": "daemon-1"});
    scene.stage.control("fault", denied);
    scene.until("in trouble", |s| !s.trouble.is_empty()).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    let arn = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    scene.aws("elbv2", "ModifyTargetGroup", json!({"TargetGroupArn": arn, "HealthCheckPath": "/"}));
    tokio::time::sleep(Duration::from_secs(600)).await;
    scene.wrote(&["ModifyTargetGroup farsight-api-tg"]);
    let status = scene.daemon.status.borrow().clone();
    let said = status.trouble.values().any(|t| t.contains("not authorized"));
    scene.check(said, "status says what cannot be read");
    let told = status.events.iter().filter(|e| e.warning && e.message.contains("cannot read")).count();
    scene.check(told == 1, "it is told once");
    scene.stage.control("faults", json!([]));
    scene.rest(SOON).await;
    scene.wrote(&["ModifyTargetGroup farsight-api-tg", "UpdateService farsight-worker"]);
    scene.end().await;
}

/// A whole AWS that does not answer is no reason to do anything, and none to end.
#[tokio::test(start_paused = true)]
async fn an_outage_is_sat_out() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.control("fault", json!({"fault": "503", "caller": "daemon-1", "for": 1800}));
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(900)).await;
    scene.check(scene.writes().is_empty(), "nothing is written");
    let calls = scene.stage.mark();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = scene.stage.mark() - calls;
    scene.check(asked < 600, &format!("{asked} calls in a minute of an outage"));
    tokio::time::sleep(Duration::from_secs(700)).await;
    scene.rest(SOON).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expired_are_said_and_new_ones_taken_up() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.control("fault", json!({"fault": "expired", "caller": "daemon-1"}));
    let said = |s: &evenkeel_controller::Status| s.trouble.values().any(|t| t.contains("have expired"));
    scene.until("told that they expired", said).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.wrote(&[]);
    scene.stage.control("faults", json!([]));
    scene.rest(SOON).await;
    scene.wrote(&[]);
    scene.end().await;
}

/// The autoscaler follows its load, and nobody stands in its way.
#[tokio::test(start_paused = true)]
async fn a_service_that_scales_with_its_load_is_left_to_the_autoscaler() {
    let scene = Scene::settled(&farsight()).await;
    let load = json!([[0, 140.0], [600, 560.0], [2400, 70.0]]);
    scene.stage.control(
        "load",
        json!({"resourceId": "service/farsight-cluster/farsight-api-server", "points": load}),
    );
    tokio::time::sleep(Duration::from_secs(2000)).await;
    let count = scene.stage.service(API)["desiredCount"].as_i64().unwrap();
    scene.check(count > 4, &format!("{count} tasks"));
    scene.saw(&[API, "service/desiredCount", "autoscaler", "left"]);
    tokio::time::sleep(Duration::from_secs(5400)).await;
    scene.check(scene.stage.service(API)["desiredCount"] == 2, "back at its lower bound");
    scene.wrote(&[]);
    scene.end().await;
}
