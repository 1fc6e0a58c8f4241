//! Two daemons of one document: one writes, the other is ready.

use std::time::Duration;

use evenkeel_controller::status::Lease;
use serde_json::json;

use super::{CLUSTER, WORKER, farsight};
use crate::stage::{Daemon, Stage};

/// Who wrote to AWS from a row of the audit on.
fn writers(stage: &Stage, from: usize) -> Vec<String> {
    let rows = stage.sim.audit(from);
    let mut callers: Vec<String> = rows
        .iter()
        .filter(|r| r.write && r.service != "s3" && r.caller != "operator")
        .map(|r| r.caller.clone())
        .collect();
    callers.sort();
    callers.dedup();
    callers
}

/// A document at rest with two daemons, the first of which writes.
async fn two() -> (Stage, Daemon, Daemon) {
    let stage = Stage::new(&farsight());
    let mut first = stage.daemon();
    first.until(Duration::from_secs(60), "leading", |s| s.lease == Lease::Ours).await;
    let mut second = stage.daemon();
    first.settled().await;
    second.settled().await;
    assert_eq!(second.status.borrow().lease, Lease::Other("daemon-1".into()), "{}", second.story());
    assert!(second.status.borrow().is_ready(), "a follower is ready");
    assert_eq!(writers(&stage, 0), ["daemon-1"]);
    (stage, first, second)
}

fn delete_the_policy(stage: &Stage) {
    let input = json!({"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": format!("service/{CLUSTER}/{WORKER}"), "PolicyName": "worker-cpu-scaling"});
    stage.operator("application-autoscaling", "DeleteScalingPolicy", input);
}

#[tokio::test(start_paused = true)]
async fn only_the_one_that_holds_the_lease_heals() {
    let (stage, first, second) = two().await;
    let mark = stage.mark();
    delete_the_policy(&stage);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(stage.writes(mark), ["PutScalingPolicy worker-cpu-scaling"]);
    assert_eq!(writers(&stage, mark), ["daemon-1"]);
    let said = second.said();
    assert!(said.iter().any(|l| l.contains("policy worker-cpu-scaling")), "the other sees it: {said:#?}");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn when_the_first_stops_the_second_takes_over_at_once() {
    let (stage, first, mut second) = two().await;
    first.stop().await;
    second.until(Duration::from_secs(15), "leading", |s| s.lease == Lease::Ours).await;
    let mark = stage.mark();
    delete_the_policy(&stage);
    tokio::time::sleep(Duration::from_secs(90)).await;
    second.settled().await;
    assert_eq!(stage.writes(mark), ["PutScalingPolicy worker-cpu-scaling"], "{}", second.story());
    assert_eq!(writers(&stage, mark), ["daemon-2"]);
    let said = second.said();
    assert!(said.iter().any(|l| l.contains("worker-cpu-scaling") && l.contains("human")), "{said:#?}");
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn when_the_first_is_killed_the_second_takes_over_after_the_lease_ran_out() {
    let (stage, first, mut second) = two().await;
    first.kill().await;
    let killed = stage.sim.now_epoch_millis();
    let mark = stage.mark();
    delete_the_policy(&stage);
    second.until(Duration::from_secs(90), "leading", |s| s.lease == Lease::Ours).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    second.settled().await;
    assert_eq!(stage.writes(mark), ["PutScalingPolicy worker-cpu-scaling"], "{}", second.story());
    let rows = stage.sim.audit(mark);
    let healed = rows.iter().find(|r| r.operation == "PutScalingPolicy").unwrap();
    let after = healed.at_millis - killed;
    assert!(after >= 50_000, "not before the lease ran out: {after} ms");
    assert_eq!(healed.caller, "daemon-2");
    second.stop().await;
}

/// The first run itself, with the leader stopped or killed every two minutes.
#[tokio::test(start_paused = true)]
async fn a_first_run_that_changes_hands_all_the_time_does_nothing_twice() {
    let stage = Stage::new(&farsight());
    let mut now = stage.daemon();
    for turn in 0..6 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let next = stage.daemon();
        tokio::time::sleep(Duration::from_secs(5)).await;
        if turn % 2 == 0 {
            now.stop().await
        } else {
            now.kill().await
        }
        now = next;
    }
    now.settled().await;
    let writes = stage.writes(0);
    let mut once = writes.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), writes.len(), "{writes:#?}");
    assert_eq!(writes.len(), 15, "{writes:#?}");
    now.stop().await;
}

/// Nobody's writes overlap: at each moment the audit has one writer.
#[tokio::test(start_paused = true)]
async fn writers_follow_each_other_and_never_mix() {
    let stage = Stage::new(&farsight());
    let first = stage.daemon();
    let mut second = stage.daemon();
    tokio::time::sleep(Duration::from_secs(45)).await;
    first.kill().await;
    second.settled().await;
    let rows = stage.sim.audit(0);
    let callers: Vec<&str> = rows
        .iter()
        .filter(|r| r.write && r.service != "s3" && r.caller != "operator")
        .map(|r| r.caller.as_str())
        .collect();
    let mut changes = callers.clone();
    changes.dedup();
    assert!(changes.len() <= 2, "{callers:?}");
    second.stop().await;
}
