//! The daemon dies at each write of its first run in turn, before it, after it, or the answer is lost: whoever comes
//! next brings the document to rest, and nothing is done twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::{API, CLUSTER, WORKER, farsight};
use crate::stage::{Fate, Stage};

/// Longer than a first run, and the lease of a dead daemon.
const LONG: Duration = Duration::from_secs(3600);

/// What a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It changes AWS.
    Write,
    /// It writes memory.
    Record,
    /// It only reads, or renews the lease (those are in `every_call`).
    Other,
}

/// True for a call that changes AWS.
pub fn is_write(request: &http::Request<Bytes>) -> bool {
    let target = request.headers().get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
    let body = std::str::from_utf8(request.body()).unwrap_or_default();
    let name = target.rsplit('.').next().unwrap_or_default();
    let name = body.strip_prefix("Action=").filter(|_| name.is_empty()).unwrap_or(name);
    let reads = ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb));
    *request.method() == http::Method::POST && !reads
}

/// The numbers of the calls of that kind in an undisturbed first run.
async fn calls(kind: Kind) -> Vec<usize> {
    let stage = Stage::new(&farsight());
    let log: Arc<Mutex<Vec<Kind>>> = Arc::default();
    let noted = log.clone();
    let mut daemon = stage.daemon_with(move |_, request| {
        let record = *request.method() == http::Method::PUT && request.uri().path().contains("/units/");
        let call = match record {
            _ if is_write(request) => Kind::Write,
            true => Kind::Record,
            false => Kind::Other,
        };
        noted.lock().unwrap().push(call);
        Fate::Answered
    });
    daemon.settled().await;
    daemon.kill().await;
    let log = log.lock().unwrap();
    log.iter().enumerate().filter(|(_, call)| **call == kind).map(|(i, _)| i).collect()
}

/// One run: a daemon whose call number `index` meets `fate`, and another one after it where it died.
async fn run(index: usize, fate: Fate) -> Result<(), String> {
    let stage = Stage::new(&farsight());
    let met = Arc::new(Mutex::new(String::new()));
    let name = met.clone();
    let mut daemon = stage.daemon_with(move |number, request| {
        if number != index {
            return Fate::Answered;
        }
        let target = request.headers().get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
        let body: String = String::from_utf8_lossy(request.body()).chars().take(60).collect();
        *name.lock().unwrap() = format!("{} {target} {body}", request.uri().path());
        fate
    });
    if matches!(fate, Fate::DiesBefore | Fate::DiesAfter) {
        if !daemon.dies(LONG).await {
            return Err(format!("call {index} was never made"));
        }
        daemon = stage.daemon();
    }
    let deadline = tokio::time::Instant::now() + LONG;
    while !daemon.status.borrow_and_update().is_settled() {
        if !matches!(tokio::time::timeout_at(deadline, daemon.status.changed()).await, Ok(Ok(()))) {
            let met = met.lock().unwrap().clone();
            return Err(format!("{fate:?} at call {index} ({met}): not settled\n{}", daemon.story()));
        }
    }
    let wrong = faults(&stage, &stage.writes(0));
    let story = daemon.story();
    daemon.kill().await;
    if wrong.is_empty() {
        return Ok(());
    }
    let met = met.lock().unwrap().clone();
    Err(format!("{fate:?} at call {index} ({met}): {wrong:#?}\nwritten: {:#?}\n{story}", stage.writes(0)))
}

/// What is not as it should be after a first run in which this was written, however it went.
pub fn faults(stage: &Stage, written: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for family in [WORKER, API] {
        let listed = stage.operator("ecs", "ListTaskDefinitions", json!({"familyPrefix": family}));
        let arns = listed["taskDefinitionArns"].as_array().unwrap();
        if arns.len() != 1 {
            wrong.push(format!("{} revisions of {family}: a content was registered twice", arns.len()));
        }
        let service = stage.service(family);
        if service["taskDefinition"] != arns[0] || service["runningCount"] != json!(2) {
            wrong.push(format!("service {family} is not as wanted"));
        }
        if service["deployments"].as_array().is_none_or(|d| d.len() != 1) {
            wrong.push(format!("service {family} has other deployments"));
        }
        let id = format!("service/{CLUSTER}/{family}");
        let ask = json!({"ServiceNamespace": "ecs", "ResourceId": id});
        let policies = stage.operator("application-autoscaling", "DescribeScalingPolicies", ask);
        if policies["ScalingPolicies"].as_array().is_none_or(|p| p.len() != 1) {
            wrong.push(format!("policies of {family}: {policies}"));
        }
    }
    let one = |service: &str, operation: &str, member: &str| {
        let found = stage.operator(service, operation, json!({}));
        let count = found[member].as_array().map_or(0, Vec::len);
        (count != 1).then(|| format!("{count} {member}"))
    };
    wrong.extend(one("elbv2", "DescribeTargetGroups", "TargetGroups"));
    wrong.extend(one("elbv2", "DescribeLoadBalancers", "LoadBalancers"));
    wrong.extend(one("ecr", "DescribeRepositories", "repositories"));
    // Whatever was made was made once; a second attempt is refused by AWS as a duplicate at worst.
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for write in written {
        if write.starts_with("Create") && !write.contains('!') {
            *made.entry(write.clone()).or_default() += 1;
        }
    }
    // Asked again, CreateService answers the same client token, and CreateTargetGroup the same settings, with
    // what is there: that is how a lost answer and a reading from before the first are got over.
    let twice: BTreeSet<String> = made
        .into_iter()
        .filter(|(w, n)| {
            *n > 1 && !["CreateService ", "CreateTargetGroup "].iter().any(|it| w.starts_with(it))
        })
        .map(|(w, _)| w)
        .collect();
    if !twice.is_empty() {
        wrong.push(format!("made twice: {twice:?}"));
    }
    wrong.extend(stage.violations());
    wrong
}

async fn matrix(indexes: impl IntoIterator<Item = usize>, fate: Fate) {
    let mut wrong = Vec::new();
    let mut runs = 0;
    for index in indexes {
        runs += 1;
        wrong.extend(run(index, fate).await.err());
    }
    println!("{runs} runs, {fate:?}");
    assert!(wrong.is_empty(), "{} of {runs} went wrong; the first:\n{}", wrong.len(), wrong[0]);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_before_any_of_its_writes_is_followed() {
    matrix(calls(Kind::Write).await, Fate::DiesBefore).await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_after_any_of_its_writes_is_followed() {
    matrix(calls(Kind::Write).await, Fate::DiesAfter).await;
}

#[tokio::test(start_paused = true)]
async fn the_lost_answer_to_any_write_is_made_good_by_looking() {
    matrix(calls(Kind::Write).await, Fate::AnswerLost).await;
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_dies_after_any_record_is_followed() {
    matrix(calls(Kind::Record).await, Fate::DiesAfter).await;
}

#[tokio::test(start_paused = true)]
async fn the_lost_answer_to_any_record_is_made_good_by_reading_it() {
    matrix(calls(Kind::Record).await, Fate::AnswerLost).await;
}
