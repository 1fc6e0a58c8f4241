//! Tasks: how one starts, becomes healthy or fails, and stops; and the operations on them.

use super::clusters::{self, named};
use super::services::Service;
use super::{Key, TAGS, includes, invalid, paging, scheduler, short, stages, standalone, task_definitions};
use crate::parameters;
use crate::sim::{Answer, Sim};
use crate::value::{self, fill, has, int, list, page, paged, set, text, texts};
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
    /// `pullfail`: its image cannot be pulled. So it is with one that is not in ECR, where a script wants that known.
    PullFail,
    /// `crash`, `crash-60`: its essential container fails so many seconds after it started (at once).
    Crash(i64),
    /// `exit`, `exit-60`: its essential container has done its work so many seconds after it started (at once).
    Exit(i64),
    /// `unhealthy`, `unhealthy-120`: fails whatever health check there is, from so many seconds on (at once).
    Unhealthy(i64),
    /// `flaky`, `flaky-20`: so many of a hundred tasks, by lot, crash at once (half of them).
    Flaky(i64),
    /// `no-capacity`: there is no room for it, so that none is started.
    NoCapacity,
    /// Its log group is missing.
    NoLogGroup,
    /// A secret or parameter of a container is missing.
    NoSecret,
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
            "exit" => Self::Exit(seconds.unwrap_or(0)),
            "unhealthy" => Self::Unhealthy(seconds.unwrap_or(0)),
            "flaky" => Self::Flaky(seconds.unwrap_or(50)),
            "no-capacity" => Self::NoCapacity,
            _ => return None,
        })
    }

    /// What the tasks of a task definition are going to do; `overrides` are those of RunTask.
    pub(super) fn of(sim: &Sim, definition: &Value, overrides: &Value) -> Self {
        let containers = list(definition, "containerDefinitions");
        let overridden = list(overrides, "containerOverrides").iter().find_map(variable);
        let chosen = overridden.or_else(|| containers.iter().find_map(variable)).map_or_else(
            || {
                let images = containers.iter().filter_map(|it| text(it, "image"));
                images.flat_map(|image| sim.ecr.tags_of(image)).find_map(|tag| Self::named(&tag))
            },
            Self::named,
        );
        let mut images = containers.iter().filter_map(|it| text(it, "image"));
        match chosen {
            Some(Self::PullFail) => Self::PullFail,
            _ if !images.all(|image| sim.ecr.can_pull(image)) => Self::PullFail,
            _ if !containers.iter().all(|it| secrets(it).all(|it| parameters::has(sim, it))) => {
                Self::NoSecret
            }
            _ if !containers.iter().filter_map(log_group).all(|group| sim.logs.has(group)) => {
                Self::NoLogGroup
            }
            chosen => chosen.unwrap_or(Self::Ok),
        }
    }
}

fn variable(container: &Value) -> Option<&str> {
    let mut variables = list(container, "environment").iter();
    text(variables.find(|it| text(it, "name") == Some("SIM_BEHAVIOUR"))?, "value")
}

fn secrets(container: &Value) -> impl Iterator<Item = &str> {
    list(container, "secrets").iter().filter_map(|it| text(it, "valueFrom"))
}

/// The log group that must be there before a container starts.
fn log_group(container: &Value) -> Option<&str> {
    let log = &container["logConfiguration"];
    let needs = text(log, "logDriver") == Some("awslogs")
        && text(&log["options"], "awslogs-create-group") != Some("true");
    needs.then(|| text(&log["options"], "awslogs-group").unwrap_or_default())
}

/// A task: of a service, or one that somebody ran.
#[derive(Clone)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// What it belongs to: `service:NAME`, `family:NAME`.
    group: String,
    /// The deployment that started it, or who ran it, as they said.
    pub deployment: String,
    /// The ARN of its task definition.
    pub definition: String,
    /// What it is going to do.
    pub behaviour: Behaviour,
    /// PROVISIONING, PENDING, ACTIVATING, RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING or STOPPED.
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
    launch_type: &'static str,
    provider: Option<String>,
    overrides: Value,
    exec: bool,
    version: i64,
}

/// What a task is started with.
pub(super) struct Order<'a> {
    /// The name of its cluster.
    pub cluster: &'a str,
    pub group: String,
    pub started_by: &'a str,
    /// The ARN of its task definition.
    pub definition: &'a str,
    /// The service or the request: launch type, capacity providers, ECS Exec, tags that ECS manages.
    pub config: &'a Value,
    /// Which of the capacity providers, where there are any.
    pub provider: Option<String>,
    pub overrides: Value,
    pub tags: BTreeMap<String, String>,
}

impl Task {
    /// Runs, or still drains its connections.
    pub fn is_running(&self) -> bool {
        matches!(self.status, "RUNNING" | "DEACTIVATING")
    }

    /// On its way to run.
    pub fn is_pending(&self) -> bool {
        matches!(self.status, "PROVISIONING" | "PENDING" | "ACTIVATING") && !self.stopping
    }

    /// Runs, has passed its health checks, and is meant to stay.
    pub fn is_healthy(&self) -> bool {
        self.healthy && self.status == "RUNNING" && !self.stopping
    }

    /// The capacity provider it was started on, if one was named.
    pub(super) fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The name of its cluster.
    pub(super) fn cluster(&self) -> &str {
        self.arn.rsplit('/').nth(1).unwrap_or_default()
    }

    /// The task's id.
    pub fn id(&self) -> &str {
        short(&self.arn)
    }

    /// Has passed the health checks of its containers.
    pub(super) fn pass(&mut self) {
        self.healthy = true;
        self.container_checked = true;
    }

    fn enter(&mut self, status: &'static str, due: Option<i64>) {
        self.status = status;
        self.due = due;
        self.version += 1;
    }
}

/// Starts a task.
pub(super) fn launch(sim: &mut Sim, order: Order<'_>) -> Task {
    let Order { cluster, group, started_by, definition, config, provider, overrides, mut tags } = order;
    let id = sim.hex(32);
    let arn = sim.arn("ecs", &format!("task/{cluster}/{id}"));
    let draw = sim.draw();
    let due = sim.now + sim.draw_seconds(3, 8);
    let found = task_definitions::find(sim, definition);
    let behaviour = match found.map_or(Behaviour::PullFail, |it| Behaviour::of(sim, it, &overrides)) {
        Behaviour::Flaky(share) if ((draw >> 16) % 100) < share as u64 => Behaviour::Crash(0),
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
    if config["enableECSManagedTags"] == true {
        tags.insert("aws:ecs:clusterName".to_owned(), cluster.to_owned());
        if let Some(service) = group.strip_prefix("service:") {
            tags.insert("aws:ecs:serviceName".to_owned(), service.to_owned());
        }
    }
    if !tags.is_empty() {
        sim.tags.insert(arn.clone(), tags);
    }
    Task {
        arn,
        group,
        deployment: started_by.to_owned(),
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
        launch_type: if text(config, "launchType") == Some("EC2") { "EC2" } else { "FARGATE" },
        provider,
        overrides,
        exec: config["enableExecuteCommand"] == true,
        version: 1,
    }
}

/// The tags that a task inherits from its service or its task definition.
pub(super) fn inherited(
    sim: &Sim,
    config: &Value,
    service: &str,
    definition: &str,
) -> BTreeMap<String, String> {
    match text(config, "propagateTags") {
        Some("SERVICE") => sim.tags.get(service).cloned().unwrap_or_default(),
        Some("TASK_DEFINITION") => sim.tags.get(definition).cloned().unwrap_or_default(),
        _ => BTreeMap::new(),
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

/// How long the last step of starting and of stopping takes, in milliseconds.
const LAST_STEP: i64 = 1_000;

/// Moves a task on whose time has come.
pub(super) fn turn(sim: &mut Sim, task: &mut Task) -> Turn {
    use Behaviour::{Crash, Exit, NoLogGroup, NoSecret, PullFail, Slow};
    let now = sim.now;
    match (task.status, task.behaviour) {
        ("PROVISIONING", behaviour) => {
            task.pulled = Some(now);
            let wait = match behaviour {
                PullFail => sim.draw_seconds(130, 370),
                NoLogGroup | NoSecret => sim.draw_seconds(5, 10),
                Crash(0) => sim.draw_seconds(17, 32),
                Slow(seconds) => seconds * 1000 + sim.draw_seconds(1, 31) - LAST_STEP,
                _ => sim.draw_seconds(17, 32) - LAST_STEP,
            };
            task.enter("PENDING", Some(now + wait));
            Turn::None
        }
        ("PENDING", PullFail | NoLogGroup | NoSecret) => {
            let reason = start_failure(sim, task);
            end(task, now, "TaskFailedToStart", reason);
            Turn::Failed
        }
        ("PENDING", Crash(0)) | ("RUNNING", Crash(_) | Exit(_)) => {
            end(task, now, "EssentialContainerExited", "Essential container in task exited".to_owned());
            log(sim, task, "exited");
            Turn::Failed
        }
        ("PENDING", _) => {
            task.enter("ACTIVATING", Some(now + LAST_STEP));
            Turn::None
        }
        ("ACTIVATING", behaviour) => {
            task.started = Some(now);
            let ends = match behaviour {
                Crash(seconds) | Exit(seconds) => Some(now + seconds * 1000),
                _ => None,
            };
            task.enter("RUNNING", ends);
            log(sim, task, "started");
            Turn::Runs
        }
        ("DEACTIVATING", _) => {
            let due = now + sim.draw_seconds(2, 6) - LAST_STEP;
            task.enter("STOPPING", Some(due));
            Turn::None
        }
        ("STOPPING", _) => {
            task.enter("DEPROVISIONING", Some(now + LAST_STEP));
            Turn::None
        }
        ("DEPROVISIONING", _) => {
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

/// Why a task could not start.
fn start_failure(sim: &Sim, task: &Task) -> String {
    let definition = task_definitions::find(sim, &task.definition);
    let containers = definition.map_or(&[][..], |it| list(it, "containerDefinitions"));
    match task.behaviour {
        Behaviour::NoLogGroup => "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1".to_owned(),
        Behaviour::NoSecret => {
            let missing = containers.iter().flat_map(secrets).find(|it| !parameters::has(sim, it)).unwrap_or_default();
            format!("ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {missing}: ResourceNotFoundException: Secrets Manager can't find the specified secret.")
        }
        _ => {
            let image = containers.first().and_then(|it| text(it, "image")).unwrap_or_default();
            format!("CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to resolve ref {image}: {image}: not found")
        }
    }
}

/// Has each container write a line where its logs go.
fn log(sim: &mut Sim, task: &Task, what: &str) {
    let definition = task_definitions::find(sim, &task.definition);
    let containers = definition.map_or(&[][..], |it| list(it, "containerDefinitions"));
    let lines: Vec<(String, String)> = containers
        .iter()
        .filter(|it| it["logConfiguration"]["logDriver"] == "awslogs")
        .filter_map(|it| {
            let options = &it["logConfiguration"]["options"];
            let (group, prefix) = (text(options, "awslogs-group")?, text(options, "awslogs-stream-prefix"));
            let name = text(it, "name").unwrap_or_default();
            Some((group.to_owned(), format!("{}/{name}/{}", prefix.unwrap_or("ecs"), task.id())))
        })
        .collect();
    for (group, stream) in lines {
        sim.logs.say(&group, &stream, what, sim.now);
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
    if let Some((passes, fails)) = checked(sim, task) {
        task.container_checked = true;
        check(passes, fails);
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

/// When the health checks of a task's containers have passed, and when they have failed; nothing where there are
/// none.
pub(super) fn checked(sim: &Sim, task: &Task) -> Option<(i64, i64)> {
    let definition = task_definitions::find(sim, &task.definition)?;
    let checks = list(definition, "containerDefinitions").iter().filter_map(|it| it.get("healthCheck"));
    let verdicts = checks.map(|health| {
        let of = |name: &str, default: i64| int(health, name).unwrap_or(default) * 1000;
        let interval = of("interval", 30);
        let fails = of("startPeriod", 0) + interval * int(health, "retries").unwrap_or(3);
        (sim.now + interval, sim.now + fails)
    });
    verdicts.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))
}

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
            let due = now + sim.draw_seconds(2, 6) - LAST_STEP;
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

/// The tasks of a cluster that are still shown.
fn all<'a>(sim: &'a Sim, cluster: &'a str) -> impl Iterator<Item = &'a Task> {
    let of_services = sim.ecs.in_cluster(cluster).flat_map(|(_, service)| &service.tasks);
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

/// For how long a stopped task is shown: an hour.
pub(super) const SHOWN: i64 = 3_600_000;

pub(super) fn expired(now: i64, task: &Task) -> bool {
    task.stopped.is_some_and(|at| now - at > SHOWN)
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
