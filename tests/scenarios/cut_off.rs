//! The daemon dies before or after each write of a change in turn, or the answer to it is lost: whoever comes next
//! brings it to the same end, and nothing is done twice. (The first run is in `crash_matrix`.)

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use evenkeel_controller::Status;
use serde_json::{Value, json};

use super::crash_matrix::is_write;
use super::shifts::shifted;
use super::{API, WORKER, farsight, guarded, set_image, unit};
use crate::stage::{Daemon, Fate, Stage};

/// Longer than a change and the lease of a dead daemon.
const LONG: Duration = Duration::from_secs(3600);

/// A change of the document, and what is so at its end.
struct Change {
    before: Value,
    after: Value,
    is_over: fn(&Status) -> bool,
}

/// How often each write was made that AWS took.
pub fn made(written: &[String]) -> BTreeMap<String, usize> {
    let mut made = BTreeMap::new();
    for write in written.iter().filter(|w| !w.contains('!')) {
        *made.entry(write.clone()).or_default() += 1;
    }
    made
}

/// The name of the target group of one of a service's load balancers.
fn group_name(entry: &Value) -> Value {
    entry["targetGroupArn"].as_str().and_then(|arn| arn.split('/').nth(1)).into()
}

/// What is to be the same at the end of every run.
pub fn outcome(stage: &Stage) -> Vec<Value> {
    let services = [WORKER, API].map(|name| {
        let service = stage.service(name);
        let deployments = service["deployments"].as_array().map_or(0, Vec::len);
        let of = ["status", "taskDefinition", "runningCount"].map(|m| service[m].clone());
        // In the ARN of a group that is made on the way is a number of its own.
        let groups: Vec<Value> =
            service["loadBalancers"].as_array().into_iter().flatten().map(group_name).collect();
        json!([of, deployments, groups])
    });
    services.to_vec()
}

/// A stage on which `before` has come to rest and `after` was pushed, with nobody there: a snapshot of it is kept
/// for [`cut_off`].
pub async fn on_the_brink(before: &Value, after: &Value) -> Stage {
    let stage = Stage::new(before);
    let mut first = stage.daemon();
    first.settled().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    first.settled().await;
    first.stop().await;
    stage.push(after);
    stage.control("snapshot", json!({"name": "before"}));
    stage
}

/// A daemon on the brink whose write of that number, counted from 0, meets a fate, and the one that follows where
/// it died; with whether there was such a write by now.
pub async fn cut_off(stage: &Stage, nth: usize, fate: Fate) -> (Daemon, Arc<AtomicBool>) {
    stage.control("restore", json!({"name": "before"}));
    let writes = AtomicUsize::new(0);
    let was_met = Arc::new(AtomicBool::new(false));
    let met = was_met.clone();
    let mut daemon = stage.daemon_with(move |_, request| {
        if is_write(request) && writes.fetch_add(1, Ordering::SeqCst) == nth {
            met.store(true, Ordering::SeqCst);
            return fate;
        }
        Fate::Answered
    });
    if fate != Fate::AnswerLost && daemon.dies(LONG).await {
        daemon = stage.daemon();
    }
    (daemon, was_met)
}

impl Change {
    /// Waits for its end, and a while longer.
    async fn ends(&self, daemon: &mut Daemon) {
        daemon.until(LONG, "over", self.is_over).await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        daemon.until(LONG, "over for good", self.is_over).await;
    }

    /// All that can happen to each of its writes.
    async fn is_cut_off_everywhere(&self, writes: usize) {
        let stage = on_the_brink(&self.before, &self.after).await;
        let mark = stage.mark();
        let mut undisturbed = stage.daemon();
        self.ends(&mut undisturbed).await;
        let expected = (made(&stage.writes(mark)), outcome(&stage));
        assert_eq!(expected.0.values().sum::<usize>(), writes, "{:#?}", expected.0);
        undisturbed.stop().await;
        for fate in [Fate::DiesBefore, Fate::DiesAfter, Fate::AnswerLost] {
            for nth in 0..writes {
                let mark = stage.mark();
                let (mut daemon, met) = cut_off(&stage, nth, fate).await;
                self.ends(&mut daemon).await;
                let story = || format!("{fate:?} at write {nth}\n{}", daemon.story());
                assert_eq!((made(&stage.writes(mark)), outcome(&stage)), expected, "{}", story());
                assert_eq!(stage.violations(), [""; 0], "{}", story());
                assert!(met.load(Ordering::SeqCst), "{}", story());
                daemon.stop().await;
            }
        }
    }
}

/// The example with these images of its services, which ECS takes back where they fail.
pub fn images(worker: &str, api: &str) -> Value {
    let mut document = guarded(worker);
    set_image(&mut document, API, api);
    document
}

#[tokio::test(start_paused = true)]
async fn rollouts_of_two_services() {
    let (before, after) = (images("v1", "v1"), images("v2", "v2"));
    Change { before, after, is_over: Status::is_settled }.is_cut_off_everywhere(4).await;
}

/// Nobody who comes next tries it a second time.
#[tokio::test(start_paused = true)]
async fn a_rollout_that_fails() {
    let is_over = |s: &Status| {
        s.planned.report.units.get(&unit(WORKER)).is_some_and(|u| u.held.is_some() && u.rollout.is_none())
    };
    let (before, after) = (images("v1", "v1"), images("crash", "v1"));
    Change { before, after, is_over }.is_cut_off_everywhere(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_the_document_asks_for() {
    let (before, mut after) = (images("v1", "v1"), images("v1", "v1"));
    after["services"][WORKER]["restart"] = "2026-11-21".into();
    Change { before, after, is_over: Status::is_settled }.is_cut_off_everywhere(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_prune() {
    let mut before = farsight();
    before["settings"] = json!({"prune": "on"});
    let mut after = before.clone();
    after["services"].as_object_mut().unwrap().remove(WORKER);
    let api = &mut after["services"][API];
    api.as_object_mut().unwrap().remove("dependsOn");
    api["scaling"].as_object_mut().unwrap().remove("policies");
    Change { before, after, is_over: Status::is_settled }.is_cut_off_everywhere(3).await;
}

#[tokio::test(start_paused = true)]
async fn a_blue_green_rollout() {
    let strategy = json!({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1});
    let (before, after) = (shifted(strategy.clone(), "v1"), shifted(strategy, "v2"));
    Change { before, after, is_over: Status::is_settled }.is_cut_off_everywhere(2).await;
}
