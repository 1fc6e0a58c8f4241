//! Deployments that wait for a person.

use evenkeel_model::orders::Verdict;

use super::*;

const ARN: &str = "arn:aws:ecs:us-east-1:123456789012:service-deployment/web/api/abc";

fn deployments() -> Subject {
    Subject::Deployments(key("api"))
}

/// A blue/green rollout of `api` that waits for a person.
fn waiting() -> Scene {
    let mut scene = Scene::settled(small_with(|d| {
        d["services"]["api"]["service"]["deploymentConfiguration"] = json!({"strategy": "BLUE_GREEN", "lifecycleHooks": [
            {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}]});
    }));
    scene.edit(service("api"), |s| {
        s["currentServiceDeployment"] = json!(ARN);
        s["deployments"] = json!([
            {"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": 2, "runningCount": 2},
            {"id": "ecs-svc/1", "status": "ACTIVE", "rolloutState": "COMPLETED", "runningCount": 2}]);
    });
    scene.sees(
        deployments(),
        json!([{"serviceDeploymentArn": ARN, "status": "IN_PROGRESS", "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT",
            "lifecycleHookDetails": [
                {"hookId": "hook-1", "status": "AWAITING_ACTION", "targetType": "PAUSE", "expiresAt": CLOCK + 3600, "timeoutAction": "ROLLBACK"},
                {"hookId": "hook-0", "status": "SUCCEEDED", "targetType": "PAUSE"}]}]),
    );
    scene
}

#[test]
fn a_hook_that_waits_is_shown_with_its_end() {
    let scene = waiting();
    let interest = crate::interest(&scene.document, &scene.world, &scene.memory);
    assert!(interest.contains(&deployments()));
    prints(
        &scene,
        expect![[r#"
            web/api
              … waiting   rollout ecs-svc/2: 2 of 2 running, post test traffic shift
              … hook      hook-1 in POST_TEST_TRAFFIC_SHIFT waits for a person until 2027-01-15T09:00:00Z, then
                          ROLLBACK
            unchanged 1
        "#]],
    );
    let mut calm = waiting();
    calm.edit(service("api"), |s| {
        s["deployments"] = json!([{"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "COMPLETED"}]);
    });
    let interest = crate::interest(&calm.document, &calm.world, &calm.memory);
    assert!(!interest.contains(&deployments()));
}

#[test]
fn what_waits_for_a_person_is_not_overdue() {
    let mut scene = waiting();
    scene.document.settings.rollout_deadline = Some(60);
    let memory = scene.memory.0.get_mut(&unit("api")).unwrap();
    (memory.deployment, memory.deployment_key) = (Some("ecs-svc/2".into()), Some("k".into()));
    scene.edit(service("api"), |s| s["deployments"][0]["createdAt"] = json!(CLOCK - 600));
    assert!(scene.plan().remember.is_empty());
    // Nor is it once the person has answered, who had a day for it, and beyond that it is.
    scene.edit(deployments(), |d| d[0]["lifecycleHookDetails"][0]["status"] = json!("SUCCEEDED"));
    assert!(scene.plan().remember.is_empty());
    scene.clock += 24 * 60 * 60;
    assert!(scene.plan().remember[&unit("api")].held.is_some());
    // Before the stage of the hook nobody is waited for.
    scene.clock -= 24 * 60 * 60;
    scene.edit(deployments(), |d| d[0]["lifecycleStage"] = json!("SCALE_UP"));
    assert!(scene.plan().remember[&unit("api")].held.is_some());
    // While its history has not been seen, nobody knows.
    scene.world.wrote(
        deployments(),
        evenkeel_model::world::Moment(1 << 40),
        evenkeel_model::world::Expect::Anything,
    );
    assert!(scene.plan().remember.is_empty());
}

#[test]
fn a_hook_goes_on_or_back_as_a_person_says_and_once() {
    let mut scene = waiting();
    scene.orders.hooks.insert("hook-1".into(), Verdict::Continue);
    scene.orders.hooks.insert("hook-0".into(), Verdict::Rollback);
    prints(
        &scene,
        expect![[r#"
            web/api
              ~ continue-service-deployment POST_TEST_TRAFFIC_SHIFT goes on as asked
              … waiting   rollout ecs-svc/2: 2 of 2 running, post test traffic shift
              … hook      hook-1 in POST_TEST_TRAFFIC_SHIFT waits for a person until 2027-01-15T09:00:00Z, then
                          ROLLBACK
            unchanged 1
        "#]],
    );
    let step = "continue-service-deployment hook-1";
    sends(
        &scene,
        &unit("api"),
        step,
        expect![[
            r#"{"action":"CONTINUE","hookId":"hook-1","serviceDeploymentArn":"arn:aws:ecs:us-east-1:123456789012:service-deployment/web/api/abc"}"#
        ]],
    );
    scene.orders.hooks.insert("hook-1".into(), Verdict::Rollback);
    sends(
        &scene,
        &unit("api"),
        step,
        expect![[
            r#"{"action":"ROLLBACK","hookId":"hook-1","serviceDeploymentArn":"arn:aws:ecs:us-east-1:123456789012:service-deployment/web/api/abc"}"#
        ]],
    );
    scene.edit(deployments(), |d| d[0]["lifecycleHookDetails"][0]["status"] = json!("FAILED"));
    assert!(scene.plan().plan.units.is_empty());
}
