//! Tasks: how one starts, becomes healthy or fails, and stops; and the operations on them.

use super::clusters::{self, named};
use super::services::Service;
use super::{TAGS, includes, invalid, paging, scheduler, short, stages, task_definitions};
use crate::sim::{Answer, Sim};
use crate::value::{self, has, int, list, page, paged, set, text, texts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a task is going to do. The document under test chooses, by a container's environment variable
/// `SIM_BEHAVIOUR`, by an image tag of the same word, or by an image whose digest has such a tag in ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Starts within 20 to 40 seconds and stays healthy.
    Ok,
    /// `slow`, `slow-300`: starts so many seconds later than that (two minutes).
    Slow(i64),
    /// `pullfail`: its image cannot be pulled.
    PullFail,
    /// `crash`, `crash-60`: its essential container exits so many seconds after it started (at once).
    Crash(i64),
    /// `unhealthy`, `unhealthy-120`: fails whatever health check there is, from so many seconds on (at once).
    Unhealthy(i64),
    /// `flaky`: every other task, by lot, crashes at once.
    Flaky,
    /// `no-capacity`: there is no room for it, so that none is started.
    NoCapacity,
    /// Its log group is missing.
    NoLogGroup,
}

impl Behaviour {
    fn named(word: &str) -> Option<Self> {
        let (name, seconds) = match word.rsplit_once('-').map(|(name, text)| (name, text.parse::<i64>())) {
            Some((name, Ok(seconds))) => (name, Some(seconds)),
            _ => (word, None),
        };
        Some(match name {
            "slow" => Self::Slow(seconds.unwrap_or(120)),
            "pullfail" => Self::PullFail,
            "crash" => Self::Crash(seconds.unwrap_or(0)),
            "unhealthy" => Self::Unhealthy(seconds.unwrap_or(0)),
            "flaky" => Self::Flaky,
            "no-capacity" => Self::NoCapacity,
            _ => return None,
        })
    }

    /// What the tasks of a task definition are going to do.
    pub(super) fn of(sim: &Sim, definition: &Value) -> Self {
        let containers = list(definition, "containerDefinitions");
        let chosen = containers.iter().find_map(|container| {
            let variable = list(container, "environment")
                .iter()
                .find(|it| text(it, "name") == Some("SIM_BEHAVIOUR"))
                .and_then(|it| text(it, "value"));
            match (variable, text(container, "image")) {
                (Some(variable), _) => Self::named(variable),
                (None, Some(image)) => sim.ecr.tags_of(image).iter().find_map(|tag| Self::named(tag)),
                (None, None) => None,
            }
        });
        let logs_somewhere = containers.iter().all(|container| {
            let log = &container["logConfiguration"];
            let options = &log["options"];
            text(log, "logDriver") != Some("awslogs")
                || text(options, "awslogs-create-group") == Some("true")
                || text(options, "awslogs-group").is_some_and(|group| sim.logs.has(group))
        });
        match (chosen, logs_somewhere) {
            (Some(Self::PullFail), _) => Self::PullFail,
            (_, false) => Self::NoLogGroup,
            (chosen, true) => chosen.unwrap_or(Self::Ok),
        }
    }
}

/// A task of a service.
#[derive(Clone)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// The deployment that started it.
    pub deployment: String,
    /// The ARN of its task definition.
    pub definition: String,
    /// What it is going to do.
    pub behaviour: Behaviour,
    /// PROVISIONING, PENDING, RUNNING, DEACTIVATING, STOPPING or STOPPED.
    pub status: &'static str,
    /// Whether it should be gone.
    pub stopping: bool,
    /// When its status changes next.
    pub(super) due: Option<i64>,
    /// When it counts as healthy, and when it counts as failed.
    pub(super) healthy_at: Option<i64>,
    pub(super) unhealthy_at: Option<i64>,
    /// Whether it is known to be healthy.
    pub(super) healthy: bool,
    /// Target groups it is registered in, and with which port.
    pub(super) targets: Vec<(String, i64)>,
    pub(super) address: String,
    container_checked: bool,
    digests: Vec<(String, String)>,
    created: i64,
    pulled: Option<i64>,
    started: Option<i64>,
    stopping_since: Option<i64>,
    pub(super) stopped: Option<i64>,
    stop_code: &'static str,
    stop_reason: String,
    exec: bool,
    version: i64,
}

impl Task {
    /// Runs, or still drains its connections.
    pub fn is_running(&self) -> bool {
        matches!(self.status, "RUNNING" | "DEACTIVATING")
    }

    /// On its way to run.
    pub fn is_pending(&self) -> bool {
        matches!(self.status, "PROVISIONING" | "PENDING") && !self.stopping
    }

    /// Runs, has passed its health checks, and is meant to stay.
    pub fn is_healthy(&self) -> bool {
        self.healthy && self.status == "RUNNING" && !self.stopping
    }

    /// The task's id.
    pub fn id(&self) -> &str {
        short(&self.arn)
    }

    fn enter(&mut self, status: &'static str, due: Option<i64>) {
        self.status = status;
        self.due = due;
        self.version += 1;
    }
}

/// Starts a task of the service's newest deployment.
pub(super) fn launch(sim: &mut Sim, service: &Service, deployment: &str, definition: &str) -> Task {
    let id = sim.hex(32);
    let arn = sim.arn("ecs", &format!("task/{}/{id}", service.cluster()));
    let draw = sim.draw();
    let due = sim.now + sim.draw_seconds(3, 8);
    let found = task_definitions::find(sim, definition);
    let behaviour = match found.map_or(Behaviour::PullFail, |it| Behaviour::of(sim, it)) {
        Behaviour::Flaky if draw & 0x10000 == 0 => Behaviour::Crash(0),
        behaviour => behaviour,
    };
    let containers = found.map_or(&[][..], |it| list(it, "containerDefinitions"));
    let digests = containers
        .iter()
        .map(|container| {
            let image = text(container, "image").unwrap_or_default();
            let name = text(container, "name").unwrap_or_default();
            (name.to_owned(), sim.ecr.digest_of(image))
        })
        .collect();
    let mut tags = match text(&service.config, "propagateTags") {
        Some("SERVICE") => sim.tags.get(&service.arn).cloned().unwrap_or_default(),
        Some("TASK_DEFINITION") => sim.tags.get(definition).cloned().unwrap_or_default(),
        _ => BTreeMap::new(),
    };
    if service.config["enableECSManagedTags"] == true {
        tags.insert("aws:ecs:clusterName".to_owned(), service.cluster().to_owned());
        tags.insert("aws:ecs:serviceName".to_owned(), service.name().to_owned());
    }
    if !tags.is_empty() {
        sim.tags.insert(arn.clone(), tags);
    }
    Task {
        arn,
        deployment: deployment.to_owned(),
        definition: definition.to_owned(),
        behaviour,
        status: "PROVISIONING",
        stopping: false,
        due: Some(due),
        healthy_at: None,
        unhealthy_at: None,
        healthy: false,
        targets: Vec::new(),
        address: format!("10.0.{}.{}", (draw >> 8) % 256, 4 + draw % 250),
        container_checked: false,
        digests,
        created: sim.now,
        pulled: None,
        started: None,
        stopping_since: None,
        stopped: None,
        stop_code: "",
        stop_reason: String::new(),
        exec: service.config["enableExecuteCommand"] == true,
        version: 1,
    }
}

/// What became of a task whose time had come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing that concerns the service.
    None,
    /// It runs now, and must be registered as a target.
    Runs,
    /// It stopped without ever having been healthy, or for a reason of its own.
    Failed,
    /// It has stopped as it was told to.
    Stopped,
}

/// Moves a task on whose time has come.
pub(super) fn turn(sim: &mut Sim, task: &mut Task) -> Turn {
    let now = sim.now;
    match (task.status, task.behaviour) {
        ("PROVISIONING", behaviour) => {
            task.pulled = Some(now);
            let wait = match behaviour {
                Behaviour::PullFail => sim.draw_seconds(100, 150),
                Behaviour::Slow(seconds) => seconds * 1000 + sim.draw_seconds(0, 30),
                Behaviour::NoLogGroup => sim.draw_seconds(5, 10),
                _ => sim.draw_seconds(17, 32),
            };
            task.enter("PENDING", Some(now + wait));
            Turn::None
        }
        ("PENDING", Behaviour::PullFail) => {
            let image = task_definitions::find(sim, &task.definition)
                .and_then(|it| list(it, "containerDefinitions").first())
                .and_then(|it| text(it, "image"))
                .unwrap_or_default();
            let reason = format!(
                "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref {image}: {image}: not found"
            );
            end(task, now, "TaskFailedToStart", reason);
            Turn::Failed
        }
        ("PENDING", Behaviour::NoLogGroup) => {
            let reason = "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1";
            end(task, now, "TaskFailedToStart", reason.to_owned());
            Turn::Failed
        }
        ("PENDING", Behaviour::Crash(0)) | ("RUNNING", Behaviour::Crash(_)) => {
            end(task, now, "EssentialContainerExited", "Essential container in task exited".to_owned());
            Turn::Failed
        }
        ("PENDING", behaviour) => {
            task.started = Some(now);
            let crash = match behaviour {
                Behaviour::Crash(seconds) => Some(now + seconds * 1000),
                _ => None,
            };
            task.enter("RUNNING", crash);
            Turn::Runs
        }
        ("DEACTIVATING", _) => {
            let due = now + sim.draw_seconds(2, 6);
            task.enter("STOPPING", Some(due));
            Turn::None
        }
        ("STOPPING", _) => {
            task.stopped = Some(now);
            task.enter("STOPPED", None);
            Turn::Stopped
        }
        _ => {
            task.due = None;
            Turn::None
        }
    }
}

/// Works out when a task that has just begun to run counts as healthy, or as failed, and registers it.
pub(super) fn watch(sim: &mut Sim, service: &Service, task: &mut Task) {
    let now = sim.now;
    let fails = task.behaviour == Behaviour::Unhealthy(0);
    let (mut passes_at, mut fails_at) = (None::<i64>, None::<i64>);
    let mut check = |passes: i64, fails: i64| {
        passes_at = Some(passes_at.map_or(passes, |at| at.max(passes)));
        fails_at = Some(fails_at.map_or(fails, |at| at.min(fails)));
    };
    let revision = service
        .deployments
        .iter()
        .find(|it| it.id == task.deployment)
        .and_then(|it| service.revision(&it.revision))
        .unwrap_or(&service.config);
    for (index, balancer) in list(revision, "loadBalancers").iter().enumerate() {
        let port = int(balancer, "containerPort").unwrap_or_default();
        let Some(arn) = stages::resolved(revision, index).or(text(balancer, "targetGroupArn")) else {
            continue;
        };
        let used = sim.elb.in_use(arn);
        let Some(group) = sim.elb.target_group_mut(arn) else {
            continue;
        };
        group.register(&task.address, port, now, !fails);
        task.targets.push((arn.to_owned(), port));
        if used {
            let (passes, fails) = group.verdicts(now);
            check(passes, fails);
        }
    }
    let definition = task_definitions::find(sim, &task.definition);
    for container in definition.map_or(&[][..], |it| list(it, "containerDefinitions")) {
        if let Some(health) = container.get("healthCheck") {
            let interval = int(health, "interval").unwrap_or(30) * 1000;
            let retries = int(health, "retries").unwrap_or(3);
            let start = int(health, "startPeriod").unwrap_or(0) * 1000;
            task.container_checked = true;
            check(now + interval, now + start + interval * retries);
        }
    }
    let grace = int(&service.config, "healthCheckGracePeriodSeconds").unwrap_or(0) * 1000;
    match (fails, passes_at, fails_at) {
        (true, _, Some(at)) => task.unhealthy_at = Some(at.max(now + grace)),
        (false, Some(at), _) => {
            task.healthy_at = Some(at);
            if let Behaviour::Unhealthy(seconds) = task.behaviour {
                task.unhealthy_at = Some(at + seconds * 1000);
            }
        }
        // Without any check a task counts once it has run for 40 seconds.
        _ => task.healthy_at = Some(now + 40_000),
    }
}

/// Tells a task to stop: a registered one drains its connections first. Answers whether it does.
pub(super) fn begin_stop(sim: &mut Sim, task: &mut Task, code: &'static str, reason: &str) -> bool {
    if task.stopping {
        return false;
    }
    let now = sim.now;
    task.stopping = true;
    task.healthy_at = None;
    task.unhealthy_at = None;
    task.stop_code = code;
    task.stop_reason = reason.to_owned();
    task.stopping_since = Some(now);
    let mut delay = None::<i64>;
    for (arn, port) in &task.targets {
        if let Some(group) = sim.elb.target_group_mut(arn) {
            let own = group.drain(&task.address, *port, now);
            delay = Some(delay.map_or(own, |longest| longest.max(own)));
        }
    }
    match delay {
        Some(delay) if task.status == "RUNNING" => task.enter("DEACTIVATING", Some(now + delay)),
        _ => {
            let due = now + sim.draw_seconds(2, 6);
            task.enter("STOPPING", Some(due));
        }
    }
    delay.is_some()
}

fn end(task: &mut Task, now: i64, code: &'static str, reason: String) {
    task.stopping = true;
    task.stop_code = code;
    task.stop_reason = reason;
    task.stopping_since = Some(now);
    task.stopped = Some(now);
    task.enter("STOPPED", None);
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
    let family = text(input, "family");
    let started_by = text(input, "startedBy");
    let mut items: Vec<(String, Value)> = sim
        .ecs
        .in_cluster(&cluster)
        .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name))
        .flat_map(|(_, service)| &service.tasks)
        .filter(|task| task.stopping == stopped && !expired(sim, task))
        .filter(|task| family.is_none_or(|family| short(&task.definition).split(':').next() == Some(family)))
        .filter(|task| started_by.is_none_or(|by| by == task.deployment))
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
    let shown: BTreeMap<&str, Value> = sim
        .ecs
        .in_cluster(&cluster)
        .flat_map(|(_, service)| service.tasks.iter().map(move |task| (service, task)))
        .filter(|(_, task)| wanted.contains(task.id()) && !expired(sim, task))
        .map(|(service, task)| (task.id(), show(sim, service, task, includes(input, "TAGS"))))
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
    let shown =
        service.tasks.iter().find(|task| task.arn == arn).map(|task| show(sim, &service, task, false));
    sim.ecs.services.insert(key.clone(), service);
    scheduler::soon(sim, &key);
    Ok(json!({"task": shown}))
}

/// Stopped tasks are shown for an hour.
pub(super) fn expired(sim: &Sim, task: &Task) -> bool {
    task.stopped.is_some_and(|at| sim.now - at > 3_600_000)
}

pub(super) fn show(sim: &Sim, service: &Service, task: &Task, tags: bool) -> Value {
    let definition = task_definitions::find(sim, &task.definition);
    let health = match (task.container_checked, task.behaviour, task.healthy) {
        (true, Behaviour::Unhealthy(_), _) if task.stopping => "UNHEALTHY",
        (true, _, true) => "HEALTHY",
        _ => "UNKNOWN",
    };
    let mut out = json!({
        "taskArn": task.arn,
        "clusterArn": clusters::arn(sim, service.cluster()),
        "taskDefinitionArn": task.definition,
        "group": format!("service:{}", service.name()),
        "startedBy": task.deployment,
        "lastStatus": task.status,
        "desiredStatus": if task.stopping { "STOPPED" } else { "RUNNING" },
        "healthStatus": health,
        "connectivity": "CONNECTED",
        "createdAt": value::time(task.created),
        "version": task.version,
        "availabilityZone": format!("{}a", sim.config.region),
        "enableExecuteCommand": task.exec,
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
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
    if text(&service.config, "launchType") != Some("EC2") {
        set(&mut out, "launchType", json!("FARGATE"));
        set(&mut out, "platformVersion", json!("1.4.0"));
        set(&mut out, "platformFamily", json!("Linux"));
    }
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
        "RUNNING" | "DEACTIVATING" | "STOPPING" => "RUNNING",
        "STOPPED" => "STOPPED",
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
            Behaviour::PullFail | Behaviour::NoLogGroup => set(&mut out, "reason", json!(task.stop_reason)),
            Behaviour::Crash(_) => set(&mut out, "exitCode", json!(1)),
            _ => set(&mut out, "exitCode", json!(0)),
        }
    }
    out
}
