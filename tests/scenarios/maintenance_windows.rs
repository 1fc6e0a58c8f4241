//! Maintenance windows: what the document changed waits for one, what somebody changed by hand does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{API, WORKER, farsight, set_image};

/// The stage begins at 11:06 UTC on a Wednesday, which is 12:06 in Berlin: an hour before it opens.
fn windowed(image: &str, drift: Option<&str>) -> Value {
    let mut document = farsight();
    let mut window = json!({"days": ["wed"], "from": "13:06", "to": "14:00", "timezone": "Europe/Berlin"});
    if let Some(drift) = drift {
        window["drift"] = drift.into();
    }
    document["settings"] = json!({"windows": [window]});
    set_image(&mut document, WORKER, image);
    document
}

const ROLLED_OUT: [&str; 2] = ["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"];
/// Well before the window opens.
const BEFORE: Duration = Duration::from_secs(2400);
/// From then on to when it is open and a rollout is over.
const WITHIN: u64 = 1800;

#[tokio::test(start_paused = true)]
async fn what_the_document_changed_waits_for_the_window_and_then_is_made() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&windowed("v2", None));
    tokio::time::sleep(BEFORE).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "waits for the maintenance window that opens 2026-11-18 13:06 Europe/Berlin"]);
    scene.saw(&[WORKER, "is waiting"]);
    scene.never_saw(&["left alone"]);
    let shown = scene.daemon.story();
    scene.check(shown.contains("for the maintenance window that opens"), "the plan says so");
    scene.check(!shown.contains("= left"), "and does not say that it is left");
    scene.rest(WITHIN).await;
    scene.wrote(&ROLLED_OUT);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_is_healed_while_a_change_of_the_document_waits() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&windowed("v2", None));
    tokio::time::sleep(Duration::from_secs(60)).await;
    // The same service, and another one.
    let before = scene.stage.service(WORKER)["taskDefinition"].clone();
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    scene.update(API, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(600)).await;
    let mut writes = scene.writes();
    writes.sort();
    assert_eq!(
        writes,
        ["UpdateService farsight-api-server", "UpdateService farsight-worker"],
        "{}",
        scene.story()
    );
    scene.check(scene.stage.service(WORKER)["taskDefinition"] == before, "with what it runs");
    // A revision put there by hand goes back to the old one, not on to the new one.
    scene.mark_here();
    let mut other = farsight()["services"][WORKER]["taskDefinition"].clone();
    other["cpu"] = "1024".into();
    other["memory"] = "2048".into();
    scene.aws("ecs", "RegisterTaskDefinition", other);
    scene.update(WORKER, json!({"taskDefinition": WORKER}));
    tokio::time::sleep(Duration::from_secs(600)).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.check(scene.stage.service(WORKER)["taskDefinition"] == before, "the old revision");
    scene.mark_here();
    scene.rest(3600).await;
    scene.wrote(&ROLLED_OUT);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn where_a_window_holds_drift_nothing_is_written_before_it() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&windowed("latest", Some("hold")));
    tokio::time::sleep(Duration::from_secs(60)).await;
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(BEFORE).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "enableExecuteCommand", "human"]);
    scene.saw(&[WORKER, "waits for the maintenance window"]);
    scene.rest(WITHIN).await;
    scene.wrote(&["UpdateService farsight-worker"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_began_within_the_window_is_followed_beyond_it() {
    let mut document = windowed("slow-900", None);
    document["settings"]["windows"][0]["to"] = "13:10".into();
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&document);
    scene.rest(2 * 3600).await;
    scene.wrote(&ROLLED_OUT);
    // What changes after it waits for the next one, a week later, which a person may cut short.
    scene.mark_here();
    set_image(&mut document, WORKER, "v3");
    scene.stage.push(&document);
    scene.away(24).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    scene.saw(&[WORKER, "that opens 2026-11-25 13:06 Europe/Berlin"]);
    scene.wrote(&[]);
    document["settings"].as_object_mut().unwrap().remove("windows");
    scene.stage.push(&document);
    scene.rest(600).await;
    scene.wrote(&ROLLED_OUT);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_service_may_have_windows_of_its_own_or_none() {
    let mut scene = Scene::settled(&farsight()).await;
    let mut document = windowed("v2", None);
    set_image(&mut document, API, "v2");
    document["services"][API].as_object_mut().unwrap().remove("dependsOn");
    document["services"][API]["windows"] = json!([]);
    scene.stage.push(&document);
    tokio::time::sleep(BEFORE).await;
    scene.wrote(&["RegisterTaskDefinition farsight-api-server", "UpdateService farsight-api-server"]);
    scene.mark_here();
    scene.rest(WITHIN).await;
    scene.wrote(&ROLLED_OUT);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_window_still_waits_after_a_restart() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&windowed("v2", None));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.stop().await;
    tokio::time::sleep(BEFORE).await;
    scene.wrote(&[]);
    scene.saw(&[WORKER, "waits for the maintenance window"]);
    scene.rest(WITHIN).await;
    scene.wrote(&ROLLED_OUT);
    scene.end().await;
}
