//! Why a rollout fails: what AWS says of the tasks that stopped, of the targets that are not healthy and in the
//! service's events, and what a person should look at.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::Tree;
use evenkeel_model::key::{ServiceKey, Subject, arn_tail, short_name};
use evenkeel_model::memory::Evidence;
use evenkeel_model::world::World;

use crate::Planner;
use crate::rollout;
use crate::unit::Draft;

/// Events that say nothing about why.
const QUIET: [&str; 9] = [
    "has reached a steady state",
    "has started ",
    "has stopped ",
    "has begun draining",
    "registered ",
    "deregistered ",
    "deployment completed",
    "was rolled back",
    "rolling back to deployment",
];

/// Events that are told at most.
const EVENTS: usize = 3;

/// The deployment that fails: the newest where tasks of it failed or ECS gave it up, else the one that ECS is
/// going back from.
fn failing(live: &Tree) -> Option<&Tree> {
    let fails = |d: &&Tree| {
        d.str("rolloutState") == Some("FAILED")
            || (d.str("rolloutState") == Some("IN_PROGRESS") && d.int("failedTasks").unwrap_or_default() > 0)
    };
    live.list_of("deployments").iter().find(fails)
}

/// What has to be looked at to say why, while a rollout fails.
pub(crate) fn needs(key: &ServiceKey, live: &Tree) -> Vec<Subject> {
    if failing(live).is_none() && rollout::rolled_back(live).is_none() {
        return Vec::new();
    }
    let groups = live.list_of("loadBalancers").iter().filter_map(|lb| lb.str("targetGroupArn"));
    let health = groups.map(|arn| Subject::TargetHealth(arn.to_owned()));
    [Subject::StoppedTasks(key.clone())].into_iter().chain(health).collect()
}

/// Why the rollout of a service fails, if it does. `task` is the task definition that is wanted.
fn of(world: &World, key: &ServiceKey, live: &Tree, task: &Tree) -> Vec<Evidence> {
    let needs = needs(key, live);
    if needs.is_empty() {
        return Vec::new();
    }
    let deployment = failing(live);
    let mut found = Vec::new();
    for subject in &needs {
        let items = world.tree(subject).map(Tree::items).unwrap_or_default();
        match subject {
            Subject::TargetHealth(arn) => found.extend(targets(items, arn)),
            _ => found.extend(stopped(items, deployment.and_then(|d| d.str("id")), task)),
        }
    }
    found.extend(events(live, deployment));
    let mut told = BTreeSet::new();
    found.retain(|e| told.insert(e.said.clone()));
    found
}

impl Planner<'_> {
    /// Reports why a service's rollout fails. Of one that is held, what was told is remembered: ECS forgets its
    /// stopped tasks within an hour.
    pub(crate) fn explain(&mut self, draft: &mut Draft<'_>, key: &ServiceKey, live: &Tree, task: &Tree) {
        let told = of(self.world(), key, live, task);
        let remembered = self.planned.remember.get(&draft.key).unwrap_or(draft.memory());
        let known =
            remembered.held.as_ref().filter(|_| draft.report.held.is_some()).map(|h| h.evidence.clone());
        draft.report.diagnosis = match known {
            Some(known) if told.is_empty() => known,
            Some(known) => {
                let asked = needs(key, live).iter().all(|s| !self.world().seen(s).is_unknown());
                if known.is_empty() && asked {
                    let held = self.remembered(&draft.key).held.as_mut();
                    held.into_iter().for_each(|held| held.evidence.clone_from(&told));
                }
                told
            }
            None => told,
        };
    }
}

/// So many things of which AWS says the same.
fn counted(said: BTreeMap<String, usize>, one: &str, many: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, usize)> = said.into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.into_iter()
        .map(|(text, count)| (format!("{count} {}: {text}", if count == 1 { one } else { many }), text))
        .collect()
}

/// What the tasks of a deployment that stopped say.
fn stopped(tasks: &[Tree], deployment: Option<&str>, task: &Tree) -> Vec<Evidence> {
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for stopped in tasks {
        let own = deployment.is_none_or(|id| stopped.str("startedBy").is_none_or(|by| by == id));
        // What ECS or a person stopped did not fail.
        let wanted = matches!(stopped.str("stopCode"), Some("ServiceSchedulerInitiated" | "UserInitiated"))
            && !stopped.str("stoppedReason").is_some_and(|r| r.contains("health check"));
        if !own || wanted {
            continue;
        }
        let mut text = stopped.str("stoppedReason").unwrap_or("no reason given").to_owned();
        for container in stopped.list_of("containers") {
            let code = container.int("exitCode").filter(|c| *c != 0).map(|c| format!("exit code {c}"));
            let reason = container.str("reason").map(str::to_owned);
            let told: Vec<String> = code.into_iter().chain(reason).collect();
            if !told.is_empty() {
                let name = container.str("name").unwrap_or("?");
                text.push_str(&format!("; container {name}: {}", told.join(", ")));
            }
        }
        *said.entry(text).or_default() += 1;
    }
    let evidence = |(said, text): (String, String)| Evidence { said, check: check_task(&text, task) };
    counted(said, "task stopped", "tasks stopped").into_iter().map(evidence).collect()
}

/// What to look at where a task stopped for this reason.
fn check_task(reason: &str, task: &Tree) -> Option<String> {
    let has = |words: &[&str]| words.iter().any(|w| reason.contains(w));
    if has(&["CannotPull", "pull image"]) {
        return Some(
            "is the image there, may the execution role pull it, and does the subnet reach the registry?"
                .into(),
        );
    }
    if has(&["log stream", "log group", "logger"]) {
        return Some(format!(
            "is the log group {} there, and may the execution role write to it?",
            log_group(task)
        ));
    }
    if has(&["secret", "Secrets Manager", "SecretsManager", "ssm", "parameter"]) {
        return Some("is the secret there, and may the execution role read it?".into());
    }
    if has(&["OutOfMemory", "exit code 137"]) {
        return Some("does it need more memory than the task definition gives it?".into());
    }
    if has(&["health check"]) {
        return Some(
            "does it answer its health check in time? see the grace period, path, port and security groups"
                .into(),
        );
    }
    if has(&["exit code", "Essential container"]) {
        return Some(format!("what does it write before it ends? see the log group {}", log_group(task)));
    }
    None
}

fn log_group(task: &Tree) -> &str {
    let groups = task
        .list_of("containerDefinitions")
        .iter()
        .filter_map(|container| container.get("logConfiguration")?.get("options")?.str("awslogs-group"));
    groups.into_iter().next().unwrap_or("of its containers")
}

/// What the targets of a group that are not healthy say.
fn targets(targets: &[Tree], arn: &str) -> Vec<Evidence> {
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for target in targets {
        let Some(health) = target.get("targetHealth").filter(|h| h.str("state") == Some("unhealthy")) else {
            continue;
        };
        let words = [health.str("reason"), health.str("description")];
        *said.entry(words.into_iter().flatten().collect::<Vec<_>>().join(": ")).or_default() += 1;
    }
    let group = arn_tail(arn).split('/').nth(1).unwrap_or(short_name(arn));
    let (one, many) =
        (format!("target of {group} is unhealthy"), format!("targets of {group} are unhealthy"));
    let evidence = |(said, text): (String, String)| Evidence { said, check: check_target(&text) };
    counted(said, &one, &many).into_iter().map(evidence).collect()
}

fn check_target(reason: &str) -> Option<String> {
    let check = match reason.split(':').next()? {
        "Target.ResponseCodeMismatch" => "is the health check's path right, and which codes does it accept?",
        "Target.Timeout" => {
            "do the security groups let the load balancer in, and does the container answer in time?"
        }
        "Target.FailedHealthChecks" => "does the container listen on the port that the health check asks?",
        _ => return None,
    };
    Some(check.to_owned())
}

/// The newest events since the deployment began that are more than progress.
fn events(live: &Tree, deployment: Option<&Tree>) -> Vec<Evidence> {
    let at = |tree: &Tree| tree.get("createdAt").and_then(Tree::as_num);
    let since = deployment.and_then(at).unwrap_or_default();
    let subject =
        |message: &str| message.split_once(") ").map_or(message.to_owned(), |(_, rest)| rest.to_owned());
    let events = live.list_of("events").iter().filter(|e| at(e).is_none_or(|t| t >= since));
    let messages = events.filter_map(|e| e.str("message")).map(subject);
    let mut told = BTreeSet::new();
    messages
        .filter(|m| !QUIET.iter().any(|quiet| m.contains(quiet)) && told.insert(m.clone()))
        .take(EVENTS)
        .map(|said| {
            let placement = said.contains("unable to place a task");
            let check = placement.then(|| "is there room for the task in the cluster's capacity?".to_owned());
            Evidence { said, check }
        })
        .collect()
}
