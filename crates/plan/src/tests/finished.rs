//! The last rollout, and how far the one under way has come.

use super::*;
use crate::{Finished, Outcome, is_history};

const ARN: &str = "arn:aws:ecs:us-east-1:123456789012:service-deployment/web/api/";

/// A deployment as a described service shows it.
fn deployment(id: u32, status: &str, state: &str, began: i64) -> Value {
    json!({"id": format!("ecs-svc/{id}"), "status": status, "rolloutState": state, "desiredCount": 2,
        "runningCount": if status == "PRIMARY" { 2 } else { 0 }, "createdAt": began, "updatedAt": began + 300})
}

fn event(at: i64, text: &str) -> Value {
    json!({"createdAt": at, "message": format!("(service api) {text}")})
}

/// A service deployment, over or not.
fn listed(id: &str, status: &str, began: i64, ended: Option<i64>) -> Value {
    json!({"serviceDeploymentArn": format!("{ARN}{id}"), "status": status, "createdAt": began, "finishedAt": ended})
}

/// A service with these deployments and events, newest first, of the service deployment `current`.
fn showing(deployments: Value, events: Value) -> Scene {
    let mut scene = Scene::settled(small());
    scene.edit(service("api"), |s| {
        s["deployments"] = deployments;
        s["events"] = events;
        s["currentServiceDeployment"] = json!(format!("{ARN}current"));
    });
    scene
}

fn last(scene: &Scene) -> Option<Finished> {
    scene.plan().report.units[&unit("api")].last_rollout.clone()
}

/// The last rollout in short: its id, outcome, beginning, end.
fn told(scene: &Scene) -> Option<(String, Outcome, Option<i64>, Option<i64>)> {
    last(scene).map(|it| (it.deployment, it.outcome, it.began, it.ended))
}

fn is_asked_for(scene: &Scene) -> bool {
    crate::interest(&scene.document, &scene.world, &scene.memory).contains(&Subject::Deployments(key("api")))
}

#[test]
fn what_completed_is_told_by_the_service_alone() {
    let one = || json!([deployment(2, "PRIMARY", "COMPLETED", 1000)]);
    let scene = showing(
        one(),
        json!([
            event(9000, "has reached a steady state."),
            event(1200, "(deployment ecs-svc/2) deployment completed.")
        ]),
    );
    assert_eq!(told(&scene), Some(("ecs-svc/2".into(), Outcome::Completed, Some(1000), Some(1200))));
    assert_eq!(last(&scene).unwrap().to_string(), "rollout ecs-svc/2 completed after 3 min 20 s");
    assert!(!is_asked_for(&scene), "a service at rest costs no call");
    // Of a service with many events ECS forgets the one that says so.
    let scene = showing(one(), json!([event(9000, "has reached a steady state.")]));
    assert_eq!(told(&scene), Some(("ecs-svc/2".into(), Outcome::Completed, Some(1000), Some(1300))));
}

#[test]
fn a_rollout_under_way_shows_since_when_and_what_was_before_it() {
    let mut under_way = deployment(3, "PRIMARY", "IN_PROGRESS", CLOCK - 125);
    under_way["runningCount"] = json!(1);
    let before = deployment(2, "ACTIVE", "COMPLETED", CLOCK - 5000);
    let events = json!([event(CLOCK - 4800, "(deployment ecs-svc/2) deployment completed.")]);
    let scene = showing(json!([under_way, before]), events);
    prints(
        &scene,
        expect![[r#"
        web/api
          … waiting   rollout ecs-svc/3: 1 of 2 running, 2 min 5 s so far
          · before    rollout ecs-svc/2 completed after 3 min 20 s
        unchanged 1
    "#]],
    );
    assert!(!is_asked_for(&scene));
    // That time goes by makes no other plan.
    let (now, mut later) = (scene.plan(), scene);
    later.clock += 60;
    assert_eq!(now.plan.id, later.plan().plan.id);
    let json = crate::plan_json(&later.plan(), &[]);
    let shown = &json["units"]["service:web/api"];
    assert_eq!(
        (&shown["rollout"]["seconds"], &shown["rollout"]["began"]),
        (&json!(185), &json!(CLOCK - 125))
    );
    assert_eq!(
        (&shown["lastRollout"]["outcome"], &shown["lastRollout"]["seconds"]),
        (&json!("completed"), &json!(200))
    );
}

#[test]
fn one_that_another_took_the_place_of_was_superseded_or_overdue() {
    let both =
        json!([deployment(3, "PRIMARY", "IN_PROGRESS", 2000), deployment(2, "ACTIVE", "IN_PROGRESS", 1000)]);
    let mut scene = showing(both, json!([]));
    assert_eq!(told(&scene), Some(("ecs-svc/2".into(), Outcome::Superseded, Some(1000), Some(2000))));
    scene.memory.0.get_mut(&unit("api")).unwrap().held = Some(HeldDeployment {
        deployment: Some("ecs-svc/2".into()),
        reason: "not done after 10 min, rollout ecs-svc/2: 0 of 2 running".into(),
        ..HeldDeployment::default()
    });
    assert_eq!(told(&scene).unwrap().1, Outcome::Deadline);
    // So it is where ECS's history is known.
    let history = |next: i64| {
        let mut scene = showing(json!([deployment(3, "PRIMARY", "IN_PROGRESS", next)]), json!([]));
        scene.sees(
            Subject::Deployments(key("api")),
            json!([
                listed("current", "IN_PROGRESS", next, None),
                listed("b", "STOPPED", 1000, Some(2000)),
                listed("a", "SUCCESSFUL", 500, Some(600))
            ]),
        );
        told(&scene).unwrap()
    };
    assert_eq!(history(1999), ("b".into(), Outcome::Superseded, Some(1000), Some(2000)));
    assert_eq!(history(9999).1, Outcome::Stopped, "somebody stopped it long before");
}

/// Deployment 2 failed, and 3 brought back what was before.
fn taken_back(state: &str) -> Scene {
    let mut back = deployment(3, "PRIMARY", state, 1240);
    if state == "IN_PROGRESS" {
        back["rolloutStateReason"] =
            json!("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.");
    }
    let events = json!([
        event(1400, "(deployment ecs-svc/3) deployment completed."),
        event(1240, "rolling back to deployment ecs-svc/1."),
        event(1240, "(deployment ecs-svc/2) deployment failed: tasks failed to start.")
    ]);
    let newest = if state == "IN_PROGRESS" { 1 } else { 0 };
    showing(json!([back]), events.as_array().unwrap()[newest..].iter().cloned().collect())
}

#[test]
fn what_was_taken_back_is_told_by_the_history_of_the_service() {
    let mut scene = taken_back("COMPLETED");
    assert!(is_asked_for(&scene) && !is_history(&scene.world, &key("api")));
    // Until it was looked at, nobody says when that one began.
    assert_eq!(told(&scene), Some(("ecs-svc/2".into(), Outcome::CircuitBreaker, None, Some(1400))));
    let mut failed = listed("current", "ROLLBACK_SUCCESSFUL", 1000, Some(1401));
    failed["statusReason"] =
        json!("Service deployment rolled back because the circuit breaker threshold was exceeded.");
    scene.sees(Subject::Deployments(key("api")), json!([failed, listed("a", "SUCCESSFUL", 500, Some(600))]));
    assert_eq!(told(&scene), Some(("ecs-svc/2".into(), Outcome::CircuitBreaker, Some(1000), Some(1401))));
    assert_eq!(
        last(&scene).unwrap().to_string(),
        "rollout ecs-svc/2 failed (circuit breaker) after 6 min 41 s"
    );
    // It is over: asked for no more often than what never changes.
    assert!(is_asked_for(&scene) && is_history(&scene.world, &key("api")));
    // By another one that ECS has begun since, nothing is told that it has not told.
    scene.edit(service("api"), |s| {
        s["deployments"] = json!([deployment(4, "PRIMARY", "COMPLETED", 5000)]);
        s["currentServiceDeployment"] = json!(format!("{ARN}next"));
    });
    assert_eq!(told(&scene).unwrap(), ("ecs-svc/4".into(), Outcome::Completed, Some(5000), Some(5300)));
    assert!(!is_history(&scene.world, &key("api")) && !is_asked_for(&scene));
}

#[test]
fn while_ecs_goes_back_that_is_what_is_under_way() {
    let scene = taken_back("IN_PROGRESS");
    assert_eq!(told(&scene), None);
    let rollout = scene.plan().report.units[&unit("api")].rollout.clone().unwrap();
    assert_eq!(rollout.to_string(), "rollout ecs-svc/3: 2 of 2 running, rolling back");
}

#[test]
fn history_says_what_took_a_deployment_back() {
    let outcome = |status: &str, member: &str, reason: Option<&str>| {
        let mut scene = taken_back("COMPLETED");
        let mut over = listed("current", status, 1000, Some(1400));
        over[member] = json!({"status": "TRIGGERED"});
        over["statusReason"] = json!(reason);
        scene.sees(Subject::Deployments(key("api")), json!([over]));
        told(&scene).unwrap().1
    };
    let back = "ROLLBACK_SUCCESSFUL";
    assert_eq!(outcome(back, "alarms", None), Outcome::Alarm);
    assert_eq!(
        outcome(back, "x", Some("Service deployment rolled back because of CloudWatch alarm(s).")),
        Outcome::Alarm
    );
    assert_eq!(outcome(back, "x", Some("Service deployment stopped by user.")), Outcome::RolledBack);
    assert_eq!(outcome("ROLLBACK_FAILED", "x", Some("Lifecycle hook failed.")), Outcome::RolledBack);
    assert_eq!(outcome("STOPPED", "x", Some("Service deployment stopped by user.")), Outcome::Stopped);
}

#[test]
fn the_stage_of_a_shift_of_traffic_is_shown() {
    let both = json!([
        deployment(2, "PRIMARY", "IN_PROGRESS", CLOCK - 3600),
        deployment(1, "ACTIVE", "COMPLETED", 1000)
    ]);
    let mut scene = showing(both, json!([]));
    assert!(!is_asked_for(&scene));
    scene.edit(service("api"), |s| s["deploymentConfiguration"] = json!({"strategy": "CANARY"}));
    assert!(is_asked_for(&scene));
    let mut current = listed("current", "IN_PROGRESS", CLOCK - 3600, None);
    current["lifecycleStage"] = json!("BAKE_TIME");
    scene.sees(
        Subject::Deployments(key("api")),
        json!([current, listed("a", "SUCCESSFUL", 1000, Some(1300))]),
    );
    assert!(!is_history(&scene.world, &key("api")));
    let shown = scene.print();
    assert!(shown.contains("rollout ecs-svc/2: 2 of 2 running, bake time, 1 h so far\n"), "{shown}");
    assert!(shown.contains("· before    rollout ecs-svc/1 completed after 5 min\n"), "{shown}");
}
