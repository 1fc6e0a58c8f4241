//! What AWS does not let change is replaced by another of its kind, without a gap.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::cut_off::{cut_off, on_the_brink};
use super::scene::Scene;
use super::{API, farsight};
use crate::stage::Fate;

const HOUR: u64 = 3600;

/// The example with a target group of another port.
fn on_another_port() -> Value {
    let mut document = farsight();
    document["targetGroups"]["farsight-api-tg"]["port"] = 8001.into();
    document
}

#[tokio::test(start_paused = true)]
async fn a_target_group_whose_port_changed_is_replaced_while_it_serves() {
    let mut scene = Scene::settled(&farsight()).await;
    let before = scene.target_group("farsight-api-tg")["TargetGroupArn"].clone();
    scene.stage.push(&on_another_port());
    scene.until("settled", evenkeel_controller::Status::is_settled).await;
    scene.rest(HOUR).await;
    let groups = scene.aws("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
    let ports: Vec<&Value> = groups.as_array().unwrap().iter().map(|g| &g["Port"]).collect();
    scene.check(ports == ["8001"], &format!("one target group on the new port: {groups}"));
    let now = groups[0]["TargetGroupArn"].clone();
    scene.check(now != before, "another group");
    let service = scene.stage.service(API);
    scene.check(service["loadBalancers"].as_array().unwrap().len() == 1, "one entry");
    scene.check(service["loadBalancers"][0]["targetGroupArn"] == now, "the service is in the new one");
    let forwards = scene.listener("farsight-alb")["DefaultActions"].to_string();
    let (old, new) = (before.as_str().unwrap(), now.as_str().unwrap());
    scene.check(forwards.contains(new) && !forwards.contains(old), &forwards);
    let rollouts = scene.writes().iter().filter(|w| w.starts_with("UpdateService")).count();
    scene.check(rollouts == 2, "two rollouts");
    // Nothing of it is left to be done, nor to be done again by one that starts anew.
    let old = std::mem::replace(&mut scene.daemon, scene.stage.daemon());
    old.stop().await;
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_taken_back_in_the_middle_of_a_replacement_leaves_one_group() {
    let mut scene = Scene::settled(&farsight()).await;
    scene.stage.push(&on_another_port());
    let wrote = |scene: &Scene| scene.writes().iter().any(|w| w.starts_with("UpdateService"));
    while !wrote(&scene) {
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    scene.stage.push(&farsight());
    scene.rest(HOUR).await;
    let groups = scene.aws("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
    let ports: Vec<&Value> = groups.as_array().unwrap().iter().map(|g| &g["Port"]).collect();
    scene.check(ports == ["8000"], &format!("one target group on the old port: {groups}"));
    scene.end().await;
}

/// A replacement in which each of its writes in turn meets a fate; another daemon follows where one died.
async fn is_cut_off_everywhere(fate: Fate) {
    let stage = on_the_brink(&farsight(), &on_another_port()).await;
    for nth in 0.. {
        let (mut daemon, met) = cut_off(&stage, nth, fate).await;
        daemon.until(Duration::from_secs(2 * HOUR), "settled", evenkeel_controller::Status::is_settled).await;
        tokio::time::sleep(Duration::from_secs(HOUR / 2)).await;
        daemon.settled().await;
        let groups = stage.operator("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
        let ports: Vec<&Value> = groups.as_array().unwrap().iter().map(|g| &g["Port"]).collect();
        assert!(ports == ["8001"], "{fate:?} at write {nth}: {groups}\n{}", daemon.story());
        let service = stage.service(API);
        assert_eq!(service["loadBalancers"][0]["targetGroupArn"], groups[0]["TargetGroupArn"], "write {nth}");
        let violations = stage.violations();
        assert!(violations.is_empty(), "{fate:?} at write {nth}: {violations:#?}\n{}", daemon.story());
        daemon.stop().await;
        if !met.load(Ordering::SeqCst) {
            assert!(nth > 5, "{nth} writes");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_after_any_write_of_a_replacement_is_followed() {
    is_cut_off_everywhere(Fate::DiesAfter).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_any_write_of_a_replacement_makes_nothing_twice() {
    is_cut_off_everywhere(Fate::AnswerLost).await;
}
