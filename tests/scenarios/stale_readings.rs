//! Readings that are up to half a minute old, from several replicas that do not agree: nothing is done twice,
//! and nothing on the word of what is no longer so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use evenkeel_model::key::{ServiceKey, UnitKey};
use evenkeel_model::orders::Order;

use super::scene::Scene;
use super::shifts::shifted;
use super::{API, CLUSTER, WORKER, farsight, guarded, is_held};
use crate::stage::USUAL_LAG;

const SOON: u64 = 300;
const HOUR: u64 = 3600;

/// A daemon at rest, whose readings are old from here on.
async fn settled(document: &Value) -> Scene {
    let scene = Scene::settled(document).await;
    scene.stage.lag(30.0);
    scene
}

/// With fresher readings all is as it was.
async fn end(mut scene: Scene) {
    scene.stage.lag(USUAL_LAG);
    scene.mark_here();
    scene.rest(SOON).await;
    scene.wrote(&[]);
    scene.end().await;
}

/// How often each thing was written.
fn counted(scene: &Scene) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for write in scene.writes() {
        *counts.entry(write).or_default() += 1;
    }
    counts
}

#[track_caller]
fn wrote_once(scene: &Scene, expected: &[&str]) {
    let expected: BTreeMap<String, usize> = expected.iter().map(|w| ((*w).to_owned(), 1)).collect();
    scene.check(counted(scene) == expected, &format!("each of {expected:#?} once"));
}

fn unit(service: &str) -> UnitKey {
    UnitKey::Service(ServiceKey::new(CLUSTER, service))
}

#[tokio::test(start_paused = true)]
async fn services_are_taken_over_from_another_document_once() {
    let mut scene = settled(&farsight()).await;
    let mut document = farsight();
    document["name"] = "farsight-two".into();
    document["adopt"] = json!({"from": "farsight"});
    scene.stage.push(&document);
    tokio::time::sleep(Duration::from_secs(HOUR / 2)).await;
    scene.rest(SOON).await;
    let counts = counted(&scene);
    let tagging = |w: &String| w.starts_with("TagResource ") || w.starts_with("AddTags ");
    scene.check(counts.keys().all(tagging), "tags and nothing else");
    // The load balancer and its listener show by one name here.
    let once =
        |(write, count): (&String, &usize)| *count == 1 || write == "AddTags farsight-alb" && *count == 2;
    scene.check(counts.iter().all(once), &format!("{counts:?}"));
    end(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_group_is_replaced_once() {
    let mut scene = settled(&farsight()).await;
    let mut document = farsight();
    document["targetGroups"]["farsight-api-tg"]["port"] = 8001.into();
    scene.stage.push(&document);
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    scene.rest(SOON).await;
    let groups = scene.aws("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
    let ports: Vec<&Value> = groups.as_array().unwrap().iter().map(|g| &g["Port"]).collect();
    scene.check(ports == ["8001"], &format!("one target group on the new port: {groups}"));
    let counts = counted(&scene);
    let of = |verb: &str| counts.iter().filter(|(w, _)| w.starts_with(verb)).map(|(_, n)| n).sum::<usize>();
    let seen = [of("CreateTargetGroup"), of("UpdateService"), of("DeleteTargetGroup"), of("RegisterTask")];
    scene.check(seen == [1, 2, 1, 0], &format!("{counts:#?}"));
    end(scene).await;
}

#[tokio::test(start_paused = true)]
async fn what_left_the_document_is_deleted_once_and_comes_back_whole() {
    let pruned = |with_worker: bool| {
        let mut document = farsight();
        document["settings"] = json!({"prune": "on", "maxDeletePercent": 100});
        let services = document["services"].as_object_mut().unwrap();
        services[API].as_object_mut().unwrap().remove("dependsOn");
        if !with_worker {
            services.remove(WORKER);
        }
        document
    };
    let mut scene = settled(&pruned(true)).await;
    scene.stage.push(&pruned(false));
    tokio::time::sleep(Duration::from_secs(HOUR / 4)).await;
    scene.rest(SOON).await;
    wrote_once(&scene, &["DeregisterScalableTarget farsight-worker", "DeleteService farsight-worker"]);
    scene.mark_here();
    scene.stage.push(&pruned(true));
    tokio::time::sleep(Duration::from_secs(HOUR / 4)).await;
    scene.rest(SOON).await;
    wrote_once(
        &scene,
        &[
            "CreateService farsight-worker",
            "RegisterScalableTarget farsight-worker",
            "PutScalingPolicy worker-cpu-scaling",
        ],
    );
    end(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_blue_green_rollout_is_begun_once_and_its_weights_are_left() {
    let strategy = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1});
    let mut scene = settled(&shifted(strategy.clone(), "v1")).await;
    for image in ["v2", "v3"] {
        scene.mark_here();
        scene.stage.push(&shifted(strategy.clone(), image));
        tokio::time::sleep(Duration::from_secs(HOUR / 2)).await;
        scene.rest(SOON).await;
        wrote_once(
            &scene,
            &["RegisterTaskDefinition farsight-api-server", "UpdateService farsight-api-server"],
        );
    }
    end(scene).await;
}

#[tokio::test(start_paused = true)]
async fn bounds_and_policies_that_change_are_put_once() {
    let mut scene = settled(&farsight()).await;
    let mut document = farsight();
    let scaling = &mut document["services"][WORKER]["scaling"];
    scaling["minCapacity"] = 3.into();
    scaling["maxCapacity"] = 6.into();
    scaling["policies"]["worker-cpu-scaling"]["targetTrackingScalingPolicyConfiguration"]["targetValue"] =
        json!(55.0);
    scaling["scheduledActions"] =
        json!({"later": {"schedule": "cron(0 3 1 1 ? *)", "scalableTargetAction": {"minCapacity": 3}}});
    scene.stage.push(&document);
    tokio::time::sleep(Duration::from_secs(HOUR / 4)).await;
    scene.rest(SOON).await;
    wrote_once(
        &scene,
        &[
            "RegisterScalableTarget farsight-worker",
            "PutScalingPolicy worker-cpu-scaling",
            "PutScheduledAction later",
        ],
    );
    scene.check(scene.stage.service(WORKER)["desiredCount"] == 3, "the new lower bound");
    end(scene).await;
}

/// Several steps of one run about one thing: each leaves what the readings after it are measured by.
#[tokio::test(start_paused = true)]
async fn what_a_run_changes_in_several_steps_is_changed_once() {
    let mut scene = settled(&farsight()).await;
    let mut document = farsight();
    let group = &mut document["logGroups"]["/ecs/farsight-worker"];
    group["retentionInDays"] = 90.into();
    group["tags"] = json!({"Team": "rockets"});
    document["targetGroups"]["farsight-api-tg"]["tags"] = json!([{"key": "Team", "value": "rockets"}]);
    document["targetGroups"]["farsight-api-tg"]["healthCheckPath"] = "/alive".into();
    scene.stage.push(&document);
    tokio::time::sleep(Duration::from_secs(HOUR / 4)).await;
    scene.rest(SOON).await;
    wrote_once(
        &scene,
        &[
            "PutRetentionPolicy /ecs/farsight-worker",
            "TagResource /ecs/farsight-worker",
            "ModifyTargetGroup farsight-api-tg",
            "AddTags farsight-api-tg",
        ],
    );
    end(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_count_that_somebody_changes_is_clamped_and_left_within_its_bounds() {
    let mut scene = settled(&farsight()).await;
    for (count, kept) in [(9, 5), (4, 4), (0, 2)] {
        scene.update(WORKER, json!({"desiredCount": count}));
        tokio::time::sleep(Duration::from_secs(SOON)).await;
        scene.rest(SOON).await;
        scene.check(scene.stage.service(WORKER)["desiredCount"] == kept, &format!("{kept} tasks"));
    }
    scene.check(scene.writes().iter().all(|w| w.starts_with("RegisterScalableTarget")), "by its target");
    scene.check(scene.writes().len() == 2, "once for each that is outside");
    end(scene).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_made_once_and_a_pause_is_kept() {
    let mut scene = settled(&farsight()).await;
    let mut document = farsight();
    document["services"][WORKER]["restart"] = "once".into();
    scene.stage.push(&document);
    tokio::time::sleep(Duration::from_secs(HOUR / 4)).await;
    scene.rest(SOON).await;
    wrote_once(&scene, &["UpdateService farsight-worker"]);
    let pause = Order::Pause { unit: unit(WORKER), seconds: 600, reason: None };
    scene.daemon.control.order(pause).await.unwrap();
    scene.update(WORKER, json!({"enableExecuteCommand": true}));
    tokio::time::sleep(Duration::from_secs(500)).await;
    wrote_once(&scene, &["UpdateService farsight-worker"]);
    scene.daemon.control.order(Order::Resume(unit(WORKER))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.rest(SOON).await;
    scene.check(counted(&scene)["UpdateService farsight-worker"] == 2, "and then it is healed");
    end(scene).await;
}

/// A release of what is held is one more try, whatever readings say for a while.
#[tokio::test(start_paused = true)]
async fn a_release_is_one_more_try() {
    let mut scene = settled(&guarded("v1")).await;
    scene.stage.push(&guarded("crash"));
    scene.until("held", is_held).await;
    tokio::time::sleep(Duration::from_secs(HOUR / 2)).await;
    wrote_once(&scene, &["RegisterTaskDefinition farsight-worker", "UpdateService farsight-worker"]);
    scene.mark_here();
    scene.daemon.control.order(Order::Release(unit(WORKER))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(HOUR)).await;
    wrote_once(&scene, &["UpdateService farsight-worker"]);
    scene.check(is_held(&scene.daemon.status.borrow()), "held again");
    scene.stage.push(&guarded("v1"));
    tokio::time::sleep(Duration::from_secs(SOON)).await;
    scene.rest(SOON).await;
    end(scene).await;
}
