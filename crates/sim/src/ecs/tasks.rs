//! Tasks: how one starts, becomes healthy or fails, and stops.

use super::behaviour::{Behaviour, secrets};
use super::services::Service;
use super::{short, stages, task_definitions};
use crate::parameters;
use crate::sim::Sim;
use crate::value::{int, list, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// A task: of a service, or one that somebody ran.
#[derive(Clone)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// What it belongs to: `service:NAME`, `family:NAME`.
    pub(super) group: String,
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
    pub(super) container_checked: bool,
    pub(super) digests: Vec<(String, String)>,
    pub(super) created: i64,
    pub(super) pulled: Option<i64>,
    pub(super) started: Option<i64>,
    pub(super) stopping_since: Option<i64>,
    pub(super) stopped: Option<i64>,
    pub(super) stop_code: &'static str,
    pub(super) stop_reason: String,
    pub(super) launch_type: &'static str,
    pub(super) provider: Option<String>,
    pub(super) overrides: Value,
    pub(super) exec: bool,
    pub(super) version: i64,
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

/// For how long a stopped task is shown: an hour.
pub(super) const SHOWN: i64 = 3_600_000;

pub(super) fn expired(now: i64, task: &Task) -> bool {
    task.stopped.is_some_and(|at| now - at > SHOWN)
}
