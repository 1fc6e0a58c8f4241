//! How many rollouts there are at once, in which order, and what becomes of those that fail.

use std::time::Duration;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{CLUSTER, WORKER, farsight, set_image, unit};

/// Long enough for what must not come.
const LONG: Duration = Duration::from_secs(1200);

/// A document with nothing but services like the worker, each with an image of its own, and settings.
fn fleet(services: &[(&str, &str)], settings: Value) -> Value {
    let mut document = farsight();
    let mut worker = document["services"][WORKER].clone();
    worker.as_object_mut().unwrap().remove("scaling");
    worker["service"]["deploymentConfiguration"] =
        json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
    for section in ["services", "targetGroups", "loadBalancers"] {
        document[section] = json!({});
    }
    for (name, image) in services {
        document["services"][name] = worker.clone();
        document["services"][name]["taskDefinition"]["family"] = (*name).into();
        set_image(&mut document, name, image);
    }
    document["settings"] = settings;
    document
}

fn one(image: &str, settings: Value) -> Value {
    fleet(&[("a", image)], settings)
}

fn is_held(service: &'static str) -> impl Fn(&evenkeel_controller::Status) -> bool {
    move |s| s.planned.report.units.get(&unit(service)).is_some_and(|u| u.held.is_some())
}

/// How often this was written.
fn count(scene: &Scene, title: &str) -> usize {
    scene.writes().iter().filter(|w| *w == title).count()
}

/// The services with a deployment that is not over.
fn rolling(scene: &Scene, services: &[&str]) -> Vec<String> {
    let input = json!({"cluster": CLUSTER, "services": services});
    let found = scene.aws("ecs", "DescribeServices", input);
    let rolls = |s: &&Value| s["deployments"][0]["rolloutState"] == "IN_PROGRESS";
    let name = |s: &Value| s["serviceName"].as_str().unwrap().to_owned();
    found["services"].as_array().unwrap().iter().filter(rolls).map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn an_image_that_crashes_is_tried_once_in_a_day() {
    let mut scene = Scene::settled(&one("v1", json!({}))).await;
    scene.stage.push(&one("crash", json!({})));
    scene.until("held", is_held("a")).await;
    tokio::time::sleep(LONG).await;
    scene.wrote(&["RegisterTaskDefinition a", "UpdateService a"]);
    let mark = scene.stage.mark();
    // Whoever comes later in the day knows it as well.
    for _ in 0..3 {
        scene.away(8).await;
        scene.until("held", is_held("a")).await;
        tokio::time::sleep(LONG).await;
    }
    assert_eq!(scene.stage.writes(mark), [""; 0], "{}", scene.story());
    scene.check(scene.stage.service("a")["runningCount"] == 2, "the old one runs");
    scene.stage.push(&one("v1", json!({})));
    scene.rest(60).await;
    scene.end().await;
}

/// Without a circuit breaker ECS goes on trying; the daemon adds nothing to it.
#[tokio::test(start_paused = true)]
async fn an_image_that_crashes_without_a_circuit_breaker_is_tried_once_too() {
    let without = |image: &str| {
        let mut document = one(image, json!({}));
        document["services"]["a"]["service"]["deploymentConfiguration"]["deploymentCircuitBreaker"] =
            json!({"enable": false, "rollback": false});
        document
    };
    let mut scene = Scene::settled(&without("v1")).await;
    scene.stage.push(&without("crash"));
    tokio::time::sleep(LONG * 3).await;
    scene.wrote(&["RegisterTaskDefinition a", "UpdateService a"]);
    scene.mark_here();
    scene.stage.push(&without("v1"));
    scene.rest(600).await;
    scene.wrote(&["UpdateService a"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_failed_is_tried_again_as_often_as_the_document_says() {
    let retry = json!({"retry": {"after": "15m", "max": 2}});
    let mut scene = Scene::settled(&one("v1", retry.clone())).await;
    scene.stage.push(&one("crash", retry.clone()));
    scene.until("held", is_held("a")).await;
    let again = scene.daemon.status.borrow().planned.report.units[&unit("a")].held.clone().unwrap().retry_in;
    scene.check(again.is_some_and(|s| (840..=900).contains(&s)), &format!("it says when: {again:?}"));
    tokio::time::sleep(LONG * 3).await;
    scene.check(count(&scene, "RegisterTaskDefinition a") == 1, "registered once");
    scene.check(count(&scene, "UpdateService a") == 3, "tried, and twice again");
    let held = scene.daemon.status.borrow().planned.report.units[&unit("a")].held.clone().unwrap();
    assert_eq!((held.failures, held.retry_in), (3, None), "{}", scene.story());
    scene.stage.push(&one("v1", retry));
    scene.rest(60).await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_tried_again_may_succeed() {
    let mut scene = Scene::settled(&one("v1", json!({}))).await;
    let mut document = one("v1", json!({}));
    document["services"]["a"]["retry"] = json!({"after": "15m", "max": 2});
    let secret = json!({"name": "LATE", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/late"});
    document["services"]["a"]["taskDefinition"]["containerDefinitions"][0]["secrets"]
        .as_array_mut()
        .unwrap()
        .push(secret);
    scene.stage.push(&document);
    scene.until("held", is_held("a")).await;
    scene.aws("ssm", "PutParameter", json!({"Name": "/late", "Value": "x", "Type": "SecureString"}));
    tokio::time::sleep(LONG * 2).await;
    scene.daemon.settled().await;
    scene.check(count(&scene, "UpdateService a") == 2, "tried once more");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollout_beyond_its_deadline_is_held_and_a_late_end_ends_that() {
    let deadline = json!({"rollouts": {"deadline": "10m"}});
    let mut scene = Scene::settled(&one("v1", deadline.clone())).await;
    scene.stage.push(&one("slow-1800", deadline));
    tokio::time::sleep(Duration::from_secs(500)).await;
    scene.check(!is_held("a")(&scene.daemon.status.borrow()), "within its deadline");
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.check(is_held("a")(&scene.daemon.status.borrow()), "beyond its deadline");
    scene.saw(&["a held", "not done after 10 min"]);
    tokio::time::sleep(LONG * 2).await;
    scene.wrote(&["RegisterTaskDefinition a", "UpdateService a"]);
    scene.daemon.settled().await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_rollouts_are_under_way_than_allowed() {
    let names = ["a", "b", "c", "d", "e"];
    let settings = json!({"rollouts": {"maxConcurrent": 2}});
    let all = |image: &str| fleet(&names.map(|n| (n, image)), settings.clone());
    let mut scene = Scene::settled(&all("v1")).await;
    scene.stage.push(&all("v2"));
    let mut most = 0;
    for _ in 0..180 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let now = rolling(&scene, &names);
        scene.check(now.len() <= 2, &format!("rolling at once: {now:?}"));
        most = most.max(now.len());
    }
    scene.check(most == 2, "two at once");
    scene.saw(&["e waits its turn: 2 rollouts at a time"]);
    scene.check(scene.writes().len() == 10, "each is made once");
    scene.daemon.settled().await;
    scene.end().await;
}

/// The fleet of which the first fails.
fn stops_after_one(images: [&str; 3]) -> Value {
    let [a, b, c] = images;
    let settings = json!({"rollouts": {"maxConcurrent": 1, "stopAfterFailures": 1}});
    fleet(&[("a", a), ("b", b), ("c", c)], settings)
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_rest_of_that_version_waits_and_what_is_broken_does_not() {
    let mut scene = Scene::settled(&stops_after_one(["v1", "v1", "v1"])).await;
    scene.stage.push(&stops_after_one(["crash", "v2", "v2"]));
    scene.until("held", is_held("a")).await;
    tokio::time::sleep(LONG * 2).await;
    scene.wrote(&["RegisterTaskDefinition a", "UpdateService a"]);
    scene.saw(&["b waits for another version: 1 rollout of this one failed"]);
    scene.saw(&["c waits for another version"]);
    // Somebody breaks one by hand: that is healed, with what ran before.
    scene.mark_here();
    let good = scene.stage.service("b")["taskDefinition"].clone();
    let mut broken = stops_after_one(["v1", "crash", "v1"])["services"]["b"]["taskDefinition"].clone();
    broken["cpu"] = "1024".into();
    broken["memory"] = "2048".into();
    scene.aws("ecs", "RegisterTaskDefinition", broken);
    scene.update("b", json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(600)).await;
    scene.wrote(&["UpdateService b"]);
    scene.check(scene.stage.service("b")["taskDefinition"] == good, "with what it ran");
    // Another version of the document is begun.
    scene.mark_here();
    scene.stage.push(&stops_after_one(["v1", "v2", "v2"]));
    scene.rest(600).await;
    let expected =
        ["RegisterTaskDefinition b", "UpdateService b", "RegisterTaskDefinition c", "UpdateService c"];
    scene.wrote(&expected);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_a_release_lets_the_rest_go_on_once_it_succeeds() {
    let mut document = stops_after_one(["v1", "v2", "v2"]);
    let mut scene = Scene::settled(&stops_after_one(["v1", "v1", "v1"])).await;
    let secret = json!({"name": "LATE", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/late"});
    document["services"]["a"]["taskDefinition"]["containerDefinitions"][0]["secrets"]
        .as_array_mut()
        .unwrap()
        .push(secret);
    scene.stage.push(&document);
    scene.until("held", is_held("a")).await;
    tokio::time::sleep(LONG).await;
    scene.aws("ssm", "PutParameter", json!({"Name": "/late", "Value": "x", "Type": "SecureString"}));
    scene.mark_here();
    let release = evenkeel_model::orders::Order::Release(unit("a"));
    scene.daemon.control.order(release).await.unwrap();
    scene.rest(900).await;
    scene.wrote(&[
        "UpdateService a",
        "RegisterTaskDefinition b",
        "UpdateService b",
        "RegisterTaskDefinition c",
        "UpdateService c",
    ]);
    scene.end().await;
}

/// Of three that change, with one rollout at a time, the one that is in trouble goes first.
#[tokio::test(start_paused = true)]
async fn a_service_without_a_task_goes_first() {
    let settings = json!({"rollouts": {"maxConcurrent": 1}});
    let all = |c: &str, image: &str| {
        let mut document = fleet(&[("a", image), ("b", image), ("c", c)], settings.clone());
        for name in ["a", "b", "c"] {
            document["services"][name]["service"]["deploymentConfiguration"] = json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false},
                    "minimumHealthyPercent": 0, "maximumPercent": 100});
        }
        document
    };
    let mut scene = Scene::settled(&all("v1", "v1")).await;
    scene.stage.push(&all("crash", "v1"));
    let is_down = |s: &evenkeel_controller::Status| {
        s.planned.report.units.get(&unit("c")).is_some_and(|u| u.tasks == Some((2, 0)))
    };
    scene.until("down", is_down).await;
    tokio::time::sleep(LONG).await;
    scene.mark_here();
    scene.stage.push(&all("v2", "v2"));
    scene.rest(900).await;
    scene.check(scene.writes()[..2] == ["RegisterTaskDefinition c", "UpdateService c"], "it goes first");
    scene.check(scene.writes().len() == 6, "and the others follow");
    scene.end().await;
}

/// Going back to what still runs waits for nobody: neither for its turn nor for a version without failures.
#[tokio::test(start_paused = true)]
async fn a_rollback_goes_first() {
    let settings = json!({"rollouts": {"maxConcurrent": 1}});
    let all = |image: &str, c: &str| {
        let mut document = fleet(&[("a", image), ("b", image), ("c", c)], settings.clone());
        document["services"]["c"]["service"]["deploymentConfiguration"]["deploymentCircuitBreaker"] =
            json!({"enable": true, "rollback": false});
        document
    };
    let mut scene = Scene::settled(&all("v1", "v1")).await;
    let good = scene.stage.service("c")["taskDefinition"].clone();
    scene.stage.push(&all("v1", "crash"));
    scene.until("held", is_held("c")).await;
    tokio::time::sleep(LONG).await;
    scene.mark_here();
    scene.stage.push(&all("slow-900", "v1"));
    tokio::time::sleep(Duration::from_secs(300)).await;
    scene.check(count(&scene, "UpdateService c") == 1, "it goes back at once");
    scene.check(scene.stage.service("c")["taskDefinition"] == good, "to what ran");
    scene.rest(2400).await;
    scene.check(
        count(&scene, "UpdateService a") == 1 && count(&scene, "UpdateService b") == 1,
        "and the rest",
    );
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_an_alarm_ends_is_held() {
    let alarmed = |image: &str| {
        let mut document = one(image, json!({}));
        document["services"]["a"]["service"]["deploymentConfiguration"] =
            json!({"alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}});
        document
    };
    let mut scene = Scene::settled(&alarmed("v1")).await;
    let alarm = json!({"AlarmName": "errors", "Namespace": "App", "MetricName": "Errors", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
        "Statistic": "Sum"});
    scene.aws("cloudwatch", "PutMetricAlarm", alarm);
    let good = scene.stage.service("a")["taskDefinition"].clone();
    scene.stage.push(&alarmed("slow-600"));
    let rolls = |s: &evenkeel_controller::Status| s.planned.report.units[&unit("a")].rollout.is_some();
    scene.until("rolling", rolls).await;
    let state = json!({"AlarmName": "errors", "StateValue": "ALARM", "StateReason": "too many"});
    scene.aws("cloudwatch", "SetAlarmState", state);
    scene.until("held", is_held("a")).await;
    tokio::time::sleep(LONG).await;
    scene.wrote(&["RegisterTaskDefinition a", "UpdateService a"]);
    scene.saw(&["a held", "alarm"]);
    scene.check(scene.stage.service("a")["taskDefinition"] == good, "ECS went back");
    scene.aws(
        "cloudwatch",
        "SetAlarmState",
        json!({"AlarmName": "errors", "StateValue": "OK", "StateReason": "few"}),
    );
    scene.stage.push(&alarmed("v3"));
    scene.rest(600).await;
    scene.end().await;
}

/// A person starts another deployment in the middle of ours: ours did not fail.
#[tokio::test(start_paused = true)]
async fn a_deployment_that_another_one_replaced_did_not_fail() {
    let mut scene = Scene::settled(&one("v1", json!({}))).await;
    scene.stage.push(&one("slow-600", json!({})));
    let rolls = |s: &evenkeel_controller::Status| s.planned.report.units[&unit("a")].rollout.is_some();
    scene.until("rolling", rolls).await;
    scene.update("a", json!({"forceNewDeployment": true}));
    scene.rest(1200).await;
    scene.wrote(&["RegisterTaskDefinition a", "UpdateService a"]);
    scene.never_saw(&["held"]);
    scene.end().await;
}

/// Who stops our deployment knows why: it is not begun again.
#[tokio::test(start_paused = true)]
async fn a_deployment_that_a_person_stops_is_not_begun_again() {
    let mut scene = Scene::settled(&one("v1", json!({}))).await;
    let good = scene.stage.service("a")["taskDefinition"].clone();
    scene.stage.push(&one("slow-600", json!({})));
    let rolls = |s: &evenkeel_controller::Status| s.planned.report.units[&unit("a")].rollout.is_some();
    scene.until("rolling", rolls).await;
    let current = scene.stage.service("a")["currentServiceDeployment"].clone();
    scene.aws(
        "ecs",
        "StopServiceDeployment",
        json!({"serviceDeploymentArn": current, "stopType": "ROLLBACK"}),
    );
    scene.until("held", is_held("a")).await;
    tokio::time::sleep(LONG).await;
    scene.wrote(&["RegisterTaskDefinition a", "UpdateService a"]);
    scene.check(scene.stage.service("a")["taskDefinition"] == good, "what ran before runs");
    scene.stage.push(&one("v3", json!({})));
    scene.rest(300).await;
    scene.end().await;
}
