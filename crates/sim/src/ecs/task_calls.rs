//! What callers see and do of tasks: ListTasks, DescribeTasks, StopTask, ExecuteCommand; and what AWS takes away.

use super::behaviour::Behaviour;
use super::clusters::{self, named};
use super::tasks::{Task, begin_stop, expired};
use super::{Key, TAGS, includes, invalid, paging, scheduler, short, standalone, task_definitions};
use crate::sim::{Answer, Sim};
use crate::value::{self, fill, has, int, list, page, paged, set, text, texts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Takes a task, or all tasks of a service, as AWS does when it maintains what they run on (`TerminationNotice`) or
/// wants its spare capacity back (`SpotInterruption`).
pub fn retire(sim: &mut Sim, name: &str, code: &str) {
    let (code, reason) = match code {
        "SpotInterruption" => ("SpotInterruption", "Your Spot Task was interrupted."),
        _ => (
            "TerminationNotice",
            "ECS is performing maintenance on the underlying infrastructure hosting the task.",
        ),
    };
    let concerned =
        |task: &Task| task.id() == short(name) || task.group.strip_prefix("service:") == Some(name);
    let all = sim.ecs.services.iter();
    let keys: Vec<Key> =
        all.filter(|(_, it)| it.tasks.iter().any(concerned)).map(|(key, _)| key.clone()).collect();
    for key in &keys {
        let Some(mut service) = sim.ecs.services.remove(key) else { continue };
        for task in service.tasks.iter_mut().filter(|task| concerned(task)) {
            begin_stop(sim, task, code, reason);
        }
        sim.ecs.services.insert(key.clone(), service);
        scheduler::soon(sim, key);
    }
}
/// The tasks of a cluster that are still shown.
fn all<'a>(sim: &'a Sim, cluster: &'a str) -> impl Iterator<Item = &'a Task> {
    let of_services =
        sim.ecs.in_cluster(cluster).flat_map(|(_, service)| service.tasks.iter().chain(&service.stopped));
    of_services.chain(sim.ecs.standalone.in_cluster(cluster)).filter(|task| !expired(sim.now, task))
}

pub(super) fn list_tasks(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let wanted = text(input, "serviceName").map(short);
    if let Some(name) = wanted
        && !sim.ecs.services.contains_key(&(cluster.clone(), name.to_owned()))
    {
        return Err(super::services::not_found());
    }
    let stopped = text(input, "desiredStatus") == Some("STOPPED");
    let group = wanted.map(|name| format!("service:{name}"));
    let family = text(input, "family");
    let started_by = text(input, "startedBy");
    let launch_type = text(input, "launchType");
    let mut items: Vec<(String, Value)> = all(sim, &cluster)
        .filter(|task| task.stopping == stopped && group.as_ref().is_none_or(|wanted| *wanted == task.group))
        .filter(|task| family.is_none_or(|family| short(&task.definition).split(':').next() == Some(family)))
        .filter(|task| started_by.is_none_or(|by| by == task.deployment))
        .filter(|task| launch_type.is_none_or(|it| it == task.launch_type))
        .map(|task| (task.arn.clone(), json!(task.arn)))
        .collect();
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let (page, next) = page(items, input, &paging(100))?;
    Ok(paged("taskArns", page, next, &paging(100)))
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let names = texts(input, "tasks");
    refuse! {
        names.is_empty() => invalid("Tasks cannot be empty.");
        names.len() > 100 => invalid("Tasks can have at most 100 items.");
    }
    let wanted: BTreeSet<&str> = names.iter().map(|name| short(name)).collect();
    let shown: BTreeMap<&str, Value> = all(sim, &cluster)
        .filter(|task| wanted.contains(task.id()))
        .map(|task| (task.id(), show(sim, task, includes(input, "TAGS"))))
        .collect();
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let id = short(name);
        match shown.get(id) {
            Some(task) => found.push(task.clone()),
            None => failures
                .push(json!({"arn": sim.arn("ecs", &format!("task/{cluster}/{id}")), "reason": "MISSING"})),
        }
    }
    Ok(json!({"tasks": found, "failures": failures}))
}

pub(super) fn stop(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let id = short(value::required(input, "task", "InvalidParameterException")?);
    let reason = text(input, "reason").unwrap_or("Task stopped by user");
    let arn = sim.arn("ecs", &format!("task/{cluster}/{id}"));
    if let Some(task) = standalone::stop(sim, &arn, reason) {
        return Ok(json!({"task": task}));
    }
    if let Some(task) = all(sim, &cluster).find(|task| task.arn == arn && task.stopped.is_some()) {
        return Ok(json!({"task": show(sim, task, false)}));
    }
    let key = sim
        .ecs
        .services
        .iter()
        .find(|(_, service)| service.tasks.iter().any(|task| task.arn == arn))
        .map(|(key, _)| key.clone())
        .ok_or_else(|| invalid("The referenced task was not found."))?;
    let Some(mut service) = sim.ecs.services.remove(&key) else {
        return Err(invalid("The referenced task was not found."));
    };
    if let Some(task) = service.tasks.iter_mut().find(|task| task.arn == arn) {
        begin_stop(sim, task, "UserInitiated", reason);
    }
    let shown = service.tasks.iter().find(|task| task.arn == arn).map(|task| show(sim, task, false));
    sim.ecs.services.insert(key.clone(), service);
    scheduler::soon(sim, &key);
    Ok(json!({"task": shown}))
}

/// ExecuteCommand: a session that nothing answers, on a task that allows it.
pub(super) fn execute(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let id = short(value::required(input, "task", "InvalidParameterException")?);
    let found = all(sim, &cluster).find(|task| task.id() == id);
    let task = found.ok_or_else(|| invalid("The specified task was not found."))?;
    refuse! {
        !task.exec || task.status != "RUNNING" => invalid("The execute command failed because execute command was not enabled when the task was run or the execute command agent isn’t running. Wait and try again or run a new task with execute command enabled and try again.");
    }
    let name =
        text(input, "container").or(task.digests.first().map(|(name, _)| name.as_str())).unwrap_or_default();
    let mut answer = json!({
        "clusterArn": clusters::arn(sim, &cluster), "taskArn": task.arn, "containerName": name,
        "containerArn": format!("{}/{name}", task.arn.replacen(":task/", ":container/", 1)),
        "interactive": input["interactive"] == true,
    });
    let session = format!("ecs-execute-command-{}", sim.hex(17));
    let url = format!("wss://ssmmessages.{}.amazonaws.com/v1/data-channel/{session}", sim.config.region);
    set(&mut answer, "session", json!({"sessionId": session, "streamUrl": url, "tokenValue": sim.hex(32)}));
    Ok(answer)
}

pub(super) fn show(sim: &Sim, task: &Task, tags: bool) -> Value {
    let definition = task_definitions::find(sim, &task.definition);
    let health = match (task.container_checked, task.behaviour, task.healthy) {
        (true, Behaviour::Unhealthy(_), _) if task.stopping => "UNHEALTHY",
        (true, _, true) => "HEALTHY",
        _ => "UNKNOWN",
    };
    let mut out = json!({
        "taskArn": task.arn,
        "clusterArn": clusters::arn(sim, task.cluster()),
        "taskDefinitionArn": task.definition,
        "group": task.group,
        "lastStatus": task.status,
        "desiredStatus": if task.stopping { "STOPPED" } else { "RUNNING" },
        "healthStatus": health,
        "connectivity": "CONNECTED",
        "createdAt": value::time(task.created),
        "version": task.version,
        "availabilityZone": format!("{}a", sim.config.region),
        "enableExecuteCommand": task.exec,
        "launchType": task.launch_type,
        "attachments": [{"id": task.id(), "type": "ElasticNetworkInterface", "status": "ATTACHED", "details": [
            {"name": "privateIPv4Address", "value": task.address},
        ]}],
    });
    for (name, at) in [
        ("pullStartedAt", task.pulled),
        ("startedAt", task.started),
        ("pullStoppedAt", task.started),
        ("stoppingAt", task.stopping_since),
        ("stoppedAt", task.stopped),
    ] {
        if let Some(at) = at {
            set(&mut out, name, value::time(at));
        }
    }
    if task.stopping {
        set(&mut out, "stopCode", json!(task.stop_code));
        set(&mut out, "stoppedReason", json!(task.stop_reason));
    }
    for name in ["cpu", "memory"] {
        if let Some(member) = definition.and_then(|it| it.get(name)) {
            set(&mut out, name, member.clone());
        }
    }
    if task.launch_type == "FARGATE" {
        set(&mut out, "platformVersion", json!("1.4.0"));
        set(&mut out, "platformFamily", json!("Linux"));
    }
    if !task.deployment.is_empty() {
        set(&mut out, "startedBy", json!(task.deployment));
    }
    if let Some(provider) = &task.provider {
        set(&mut out, "capacityProviderName", json!(provider));
    }
    let mut overrides = if task.overrides.is_object() { task.overrides.clone() } else { json!({}) };
    fill(&mut overrides, "containerOverrides", json!([]));
    fill(&mut overrides, "inferenceAcceleratorOverrides", json!([]));
    set(&mut out, "overrides", overrides);
    let containers: Vec<Value> = definition
        .map_or(&[][..], |it| list(it, "containerDefinitions"))
        .iter()
        .zip(&task.digests)
        .map(|(container, (name, digest))| show_container(task, container, name, digest, health))
        .collect();
    set(&mut out, "containers", json!(containers));
    set(&mut out, "tags", if tags { TAGS.show(sim.tags.get(&task.arn)) } else { json!([]) });
    out
}

fn show_container(task: &Task, container: &Value, name: &str, digest: &str, health: &str) -> Value {
    let status = match task.status {
        "ACTIVATING" | "RUNNING" | "DEACTIVATING" | "STOPPING" => "RUNNING",
        "DEPROVISIONING" | "STOPPED" => "STOPPED",
        _ => "PENDING",
    };
    let mut out = json!({
        "containerArn": format!("{}/{name}", task.arn.replacen(":task/", ":container/", 1)),
        "taskArn": task.arn,
        "name": name,
        "image": container["image"],
        "lastStatus": status,
        "healthStatus": if has(container, "healthCheck") { health } else { "UNKNOWN" },
        "cpu": int(container, "cpu").unwrap_or(0).to_string(),
        "networkInterfaces": [{"attachmentId": task.id(), "privateIpv4Address": task.address}],
    });
    if task.started.is_some() || matches!(task.behaviour, Behaviour::Crash(_)) && task.stopped.is_some() {
        set(&mut out, "imageDigest", json!(digest));
        set(&mut out, "runtimeId", json!(format!("{}-{}", task.id(), value::fnv(name) % 10_000_000_000)));
    }
    if task.status == "STOPPED" {
        match task.behaviour {
            Behaviour::PullFail | Behaviour::NoLogGroup | Behaviour::NoSecret => {
                set(&mut out, "reason", json!(task.stop_reason))
            }
            Behaviour::Crash(_) => set(&mut out, "exitCode", json!(1)),
            _ => set(&mut out, "exitCode", json!(0)),
        }
    }
    out
}
