//! The service scheduler: starts, replaces and stops tasks, rolls deployments out, trips the circuit breaker.
//!
//! Each service is looked at only when something of it is due, so a steady fleet costs nothing.

use super::behaviour::Behaviour;
use super::services::{Deployment, REVISION, Service, ServiceDeployment};
use super::stages::{self, Stages};
use super::tasks::{self, Order, Task, Turn};
use super::{Key, capacity, events, launches, task_calls};
use crate::sim::Sim;
use crate::value::{self, flag, int, set, text};
use serde_json::{Value, json};

/// How long the scheduler takes to notice a change, in milliseconds.
const NOTICE: i64 = 1_000;
/// How often a steady service says so again.
const STEADY: i64 = 6 * 3_600_000;
/// The longest delay between attempts to start tasks that keep failing: 27 minutes.
const LONGEST_DELAY: i64 = 27 * 60_000;

const NO_CAPACITY: &str = "was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";
const IMPAIRED: &str = "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.";

/// Has the scheduler look at a service soon.
pub fn soon(sim: &mut Sim, key: &Key) {
    let at = sim.now + NOTICE;
    let Some(service) = sim.ecs.services.get_mut(key) else {
        return;
    };
    // Each service is in the queue once.
    if let Some(earlier) = service.wake {
        if earlier <= at {
            return;
        }
        sim.ecs.wakes.remove(&(earlier, key.clone()));
    }
    service.wake = Some(at);
    sim.ecs.wakes.insert((at, key.clone()));
}

/// Looks at the service whose turn is next.
pub fn wake(sim: &mut Sim) {
    let Some((_, key)) = sim.ecs.wakes.pop_first() else {
        return;
    };
    let Some(mut service) = sim.ecs.services.remove(&key) else {
        return;
    };
    sim.draw_for(value::fnv(&service.arn));
    progress(sim, &mut service);
    match service.status {
        "ACTIVE" => balance(sim, &mut service),
        "DRAINING" => drain(sim, &mut service),
        _ => {}
    }
    let gone = service.inactive_at.is_some_and(|at| sim.now - at >= sim.ecs.remembered);
    if gone {
        service.stopped.iter().for_each(|task| drop(sim.tags.remove(&task.arn)));
        return;
    }
    service.wake = next(sim, &service).map(|at| at.max(sim.now + 1));
    if let Some(at) = service.wake {
        sim.ecs.wakes.insert((at, key.clone()));
    }
    sim.ecs.services.insert(key, service);
}

/// When a service needs looking at again.
fn next(sim: &Sim, service: &Service) -> Option<i64> {
    if let Some(at) = service.inactive_at {
        return Some(at + sim.ecs.remembered);
    }
    let tasks = service.tasks.iter().flat_map(|task| [task.due, task.healthy_at, task.unhealthy_at]);
    let launch = (service.launch_after > sim.now).then_some(service.launch_after);
    let steady = service.steady.map(|at| at + STEADY);
    tasks.flatten().chain(launch).chain(steady).chain(stages::due(service)).min()
}

/// Begins a deployment of what the service asks for now.
pub fn deploy(sim: &mut Sim, service: &mut Service) {
    let mut revision = value::pick(&service.config, REVISION);
    let path = format!("{}/{}", service.cluster(), service.name());
    let (number, id) = (sim.number(), sim.hex(21));
    let arn = sim.arn("ecs", &format!("service-revision/{path}/{number}"));
    let service_deployment = sim.arn("ecs", &format!("service-deployment/{path}/{id}"));
    set(&mut revision, "serviceRevisionArn", json!(arn));
    set(&mut revision, "serviceArn", json!(service.arn));
    set(&mut revision, "clusterArn", json!(super::clusters::arn(sim, service.cluster())));
    set(&mut revision, "createdAt", value::time(sim.now));
    set(&mut revision, "platformFamily", json!("Linux"));
    let images = images(sim, &revision);
    set(&mut revision, "containerImages", images);
    set(&mut revision, "guardDutyEnabled", json!(false));
    let stages = Stages::of(service, sim.now);
    if stages.is_some() {
        stages::resolve(service, &mut revision);
    }
    service.revisions.push(revision);

    let now = sim.now;
    let superseded = service.deployments.first().map(|it| it.service_deployment.clone());
    if let Some(old) = superseded.and_then(|arn| service.service_deployment(&arn))
        && old.finished.is_none()
    {
        old.status = "STOPPED";
        old.reason =
            "The service deployment was stopped because a new service deployment was started.".to_owned();
        old.finished = Some(now);
        old.updated = now;
    }
    let sources = service.deployments.iter().map(|it| it.revision.clone()).collect();
    service.service_deployments.insert(
        0,
        ServiceDeployment {
            arn: service_deployment.clone(),
            status: "IN_PROGRESS",
            reason: String::new(),
            target: arn.clone(),
            sources,
            failed: 0,
            rollback: None,
            configuration: service.config["deploymentConfiguration"].clone(),
            stages,
            created: now,
            updated: now,
            finished: None,
        },
    );
    begin(sim, service, arn, service_deployment, None);
}

fn begin(
    sim: &mut Sim,
    service: &mut Service,
    revision: String,
    service_deployment: String,
    reason: Option<String>,
) {
    let id = format!("ecs-svc/{}", sim.number());
    for old in &mut service.deployments {
        old.status = "ACTIVE";
        old.updated = sim.now;
    }
    let reason = reason.unwrap_or_else(|| format!("ECS deployment {id} in progress."));
    service.deployments.insert(
        0,
        Deployment {
            id,
            status: "PRIMARY",
            rollout: "IN_PROGRESS",
            reason,
            revision,
            service_deployment,
            failed: 0,
            created: sim.now,
            updated: sim.now,
        },
    );
    service.steady = None;
    service.launch_after = sim.now;
    events::deployment(sim, service, &service.deployments[0]);
}

fn images(sim: &Sim, revision: &Value) -> Value {
    let name = text(revision, "taskDefinition").unwrap_or_default();
    let definition = super::task_definitions::find(sim, name);
    definition
        .map_or(&[][..], |it| value::list(it, "containerDefinitions"))
        .iter()
        .map(|container| {
            let image = text(container, "image").unwrap_or_default();
            json!({
                "containerName": container["name"],
                "image": image,
                "imageDigest": sim.ecr.digest_of(image),
            })
        })
        .collect()
}

/// Lets happen to the tasks of a service what is due.
fn progress(sim: &mut Sim, service: &mut Service) {
    let now = sim.now;
    while let Some(task) = service.stopped.pop_front_if(|task| tasks::expired(now, task)) {
        sim.tags.remove(&task.arn);
    }
    let mut all = std::mem::take(&mut service.tasks);
    for task in &mut all {
        while task.due.is_some_and(|at| at <= now) {
            let turned = tasks::turn(sim, task);
            if sim.ecs.events_to.is_some() {
                let shown = task_calls::show(sim, task, false);
                events::task(sim, shown);
            }
            match turned {
                Turn::Runs => runs(sim, service, task),
                Turn::Failed => {
                    deregister(sim, task);
                    failed(sim, service, &task.deployment);
                }
                Turn::Stopped => {
                    deregister(sim, task);
                    service.say(sim, &format!("has stopped 1 running tasks: (task {}).", task.id()));
                }
                Turn::None => {}
            }
        }
        if task.healthy_at.is_some_and(|at| at <= now) {
            task.healthy_at = None;
            task.healthy = true;
            service.launch_after = now;
            let resets = flag(breaker(service), "resetOnHealthyTask").unwrap_or(true);
            if let Some(it) = service.deployments.iter_mut().find(|it| it.id == task.deployment)
                && resets
            {
                it.failed = 0;
            }
        }
        if task.unhealthy_at.is_some_and(|at| at <= now) {
            replace(sim, service, task);
        }
    }
    // What has stopped takes up no room and no time.
    service.stopped.extend(all.extract_if(.., |task| task.stopped.is_some()));
    service.tasks = all;
}

fn deregister(sim: &mut Sim, task: &Task) {
    for (arn, port) in &task.targets {
        if let Some(group) = sim.elb.target_group_mut(arn) {
            group.remove(&task.address, *port);
        }
    }
}

fn runs(sim: &mut Sim, service: &mut Service, task: &mut Task) {
    tasks::watch(sim, service, task);
    for (arn, _) in task.targets.clone() {
        service.say(sim, &format!("registered 1 targets in (target-group {arn})"));
    }
}

/// Stops a task that failed its health checks.
fn replace(sim: &mut Sim, service: &mut Service, task: &mut Task) {
    let (message, reason) = match task.targets.first() {
        Some((group, port)) => (
            format!(
                "(port {port}) is unhealthy in (target-group {group}) due to (reason Health checks failed)."
            ),
            format!("Task failed ELB health checks in (target-group {group})"),
        ),
        None => {
            ("failed container health checks.".to_owned(), "Task failed container health checks".to_owned())
        }
    };
    service.say(sim, &format!("(task {}) {message}", task.id()));
    tasks::begin_stop(sim, task, "ServiceSchedulerInitiated", &reason);
    failed(sim, service, &task.deployment);
}

fn breaker(service: &Service) -> &Value {
    &service.config["deploymentConfiguration"]["deploymentCircuitBreaker"]
}

/// How many failures in a row trip the circuit breaker, of the count wanted now.
pub fn threshold(breaker: &Value, desired: i64) -> i64 {
    let configured = &breaker["thresholdConfiguration"];
    let value = int(configured, "value").unwrap_or(50);
    let percent = (value * desired + 99) / 100;
    match text(configured, "type") {
        Some("COUNT") => value,
        Some("UNBOUNDED_PERCENT") => percent.max(1),
        _ => percent.clamp(3, 200),
    }
}

/// Counts a failed task, delays the next, and trips the circuit breaker where that is due.
fn failed(sim: &mut Sim, service: &mut Service, deployment: &str) {
    let limit = threshold(breaker(service), service.desired);
    let enabled = flag(breaker(service), "enable") == Some(true);
    let rolls_back = flag(breaker(service), "rollback") == Some(true);
    let now = sim.now;
    let Some(index) = service.deployments.iter().position(|it| it.id == deployment) else {
        return;
    };
    let it = &mut service.deployments[index];
    it.failed += 1;
    it.updated = now;
    let (failures, arn, rolling) = (it.failed, it.service_deployment.clone(), it.rollout == "IN_PROGRESS");
    if index > 0 {
        return;
    }
    let delay = (10_000i64 << failures.clamp(1, 20).saturating_sub(1)).min(LONGEST_DELAY);
    service.launch_after = now + delay;
    if failures == 3 {
        service.say(sim, IMPAIRED);
        events::action(sim, &service.arn, service.cluster(), "WARN", "SERVICE_TASK_START_IMPAIRED");
    }
    if let Some(it) = service.service_deployment(&arn) {
        it.failed = failures;
        it.updated = now;
    }
    if !(enabled && rolling && failures >= limit) {
        return;
    }
    fail(sim, service, "ECS deployment circuit breaker: tasks failed to start.");
    let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    go_back(sim, service, reason, rolls_back);
}

/// An alarm has gone off: deployments in progress that it watches over fail.
pub fn alarmed(sim: &mut Sim, alarm: &str) {
    let watched = |service: &Service| {
        let alarms = &service.config["deploymentConfiguration"]["alarms"];
        flag(alarms, "enable") == Some(true) && value::texts(alarms, "alarmNames").contains(&alarm)
    };
    let rolling = |service: &Service| {
        service.deployments.first().is_some_and(|it| it.rollout == "IN_PROGRESS")
            && service.service_deployments.first().is_some_and(|it| it.rollback.is_none())
    };
    let keys: Vec<Key> = sim
        .ecs
        .services
        .iter()
        .filter(|(_, it)| watched(it) && rolling(it))
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        let Some(mut service) = sim.ecs.services.remove(&key) else { continue };
        let rolls_back = service.config["deploymentConfiguration"]["alarms"]["rollback"] == true;
        fail(sim, &mut service, "ECS deployment failed: alarm detected.");
        let reason = "Service deployment rolled back because of CloudWatch alarm(s).";
        go_back(sim, &mut service, reason, rolls_back);
        sim.ecs.services.insert(key.clone(), service);
        soon(sim, &key);
    }
}

/// Marks the newest deployment as failed, and says so.
fn fail(sim: &mut Sim, service: &mut Service, reason: &str) {
    let Some(it) = service.deployments.first_mut() else {
        return;
    };
    it.rollout = "FAILED";
    reason.clone_into(&mut it.reason);
    let (id, what) = (it.id.clone(), reason.split_once(": ").map_or(reason, |(_, what)| what).to_owned());
    service.say(sim, &format!("(deployment {id}) deployment failed: {what}"));
    events::deployment(sim, service, &service.deployments[0]);
}

/// Ends the newest deployment and goes back to the last revision that completed, if there is one and that
/// is wanted; else the deployment stalls.
pub(super) fn go_back(sim: &mut Sim, service: &mut Service, why: &str, wanted: bool) {
    let now = sim.now;
    let Some(newest) = service.deployments.first() else {
        return;
    };
    let (failed_id, failed_revision) = (newest.id.clone(), newest.revision.clone());
    let arn = newest.service_deployment.clone();
    let said = match newest.rollout {
        "FAILED" => newest.reason.replacen("ECS", "Service", 1),
        _ => why.to_owned(),
    };
    let staged = stages::active(service);
    let target = service.completed.clone().filter(|target| wanted && *target != failed_revision);
    let record = service.service_deployment(&arn);
    let Some(target) = target else {
        if let Some(record) = record {
            let was_rolling_back = record.rollback.is_some();
            record.status = if was_rolling_back || wanted { "ROLLBACK_FAILED" } else { "STOPPED" };
            record.reason = said;
            record.finished = Some(now);
        }
        return;
    };
    if let Some(record) = record {
        record.status = "ROLLBACK_IN_PROGRESS";
        why.clone_into(&mut record.reason);
        record.rollback = Some((record.reason.clone(), now, target.clone()));
    }
    // Going back restores the whole revision, not only the task definition.
    if let Some(revision) = service.revision(&target).cloned() {
        for name in REVISION {
            match revision.get(*name) {
                Some(member) => set(&mut service.config, name, member.clone()),
                None => value::unset(&mut service.config, name),
            }
        }
    }
    let completed_id =
        service.deployments.iter().find(|it| it.revision == target).map_or(failed_id, |it| it.id.clone());
    service.say(sim, &format!("rolling back to deployment {completed_id}."));
    if staged && stages::go_back(sim, service, &target) {
        return;
    }
    let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {completed_id}.");
    begin(sim, service, target, arn, Some(reason));
}

/// Starts and stops tasks towards the count wanted, within the limits of the deployment configuration.
fn balance(sim: &mut Sim, service: &mut Service) {
    if stages::balance(sim, service) {
        return;
    }
    let Some(primary) = service.deployments.first() else {
        return;
    };
    let (id, revision, stalled) = (primary.id.clone(), primary.revision.clone(), primary.rollout == "FAILED");
    let desired = service.desired;
    let (lower, upper) = (service.lower_bound(), service.upper_bound());
    let own = service.active(Some(&id));
    if own < desired && !stalled && service.launch_after <= sim.now {
        let count = (desired - own).min(upper - service.tasks.len() as i64).max(0);
        start(sim, service, &id, &revision, count);
    }
    if own > desired {
        stop(sim, service, own - desired, |task| task.deployment == id);
    }
    // Old tasks that serve nobody go at once, healthy ones as far as the lower limit allows.
    let idle =
        service.tasks.iter().filter(|task| task.deployment != id && !task.stopping && !task.healthy).count();
    if !stalled && idle > 0 {
        stop(sim, service, idle as i64, |task| task.deployment != id && !task.healthy);
    }
    let old = service.tasks.iter().filter(|task| task.deployment != id && task.is_healthy()).count() as i64;
    let spare = (service.healthy() - lower).min(old);
    if !stalled && spare > 0 {
        stop(sim, service, spare, |task| task.deployment != id && task.is_healthy());
    }
    settle(sim, service, &id);
}

pub(super) fn start(sim: &mut Sim, service: &mut Service, id: &str, revision: &str, count: i64) {
    let definition =
        service.revision(revision).and_then(|it| text(it, "taskDefinition")).unwrap_or_default().to_owned();
    let found = super::task_definitions::find(sim, &definition);
    if count > 0 && found.is_some_and(|it| Behaviour::of(sim, it, &Value::Null) == Behaviour::NoCapacity) {
        service.say(sim, NO_CAPACITY);
        events::action(sim, &service.arn, service.cluster(), "ERROR", "SERVICE_TASK_PLACEMENT_FAILURE");
        service.launch_after = sim.now + 60_000;
        return;
    }
    let count = launches::admitted(sim, service, count);
    let mut started = String::new();
    for _ in 0..count {
        let order = Order {
            cluster: service.cluster(),
            group: format!("service:{}", service.name()),
            started_by: id,
            definition: &definition,
            config: &service.config,
            provider: capacity::choose(&service.config, service.tasks.iter().filter(|it| !it.stopping)),
            overrides: Value::Null,
            tags: tasks::inherited(sim, &service.config, &service.arn, &definition),
        };
        let task = tasks::launch(sim, order);
        started.push_str(&format!(" (task {})", task.id()));
        service.tasks.push(task);
    }
    if count > 0 {
        service.say(sim, &format!("has started {count} tasks:{started}."));
    }
}

/// Stops up to `count` of the tasks chosen, those that serve nobody first, then the oldest.
pub(super) fn stop(sim: &mut Sim, service: &mut Service, count: i64, chosen: impl Fn(&Task) -> bool) {
    let by = service.deployments.first().map_or("", |it| &it.id);
    let reason = format!("Scaling activity initiated by (deployment {by})");
    let mut all = std::mem::take(&mut service.tasks);
    let mut order: Vec<usize> = (0..all.len()).filter(|at| !all[*at].stopping && chosen(&all[*at])).collect();
    order.sort_by_key(|at| (all[*at].healthy, all[*at].status == "RUNNING"));
    let mut draining = 0;
    for at in order.into_iter().take(count.max(0) as usize) {
        draining += i64::from(tasks::begin_stop(sim, &mut all[at], "ServiceSchedulerInitiated", &reason));
    }
    service.tasks = all;
    if draining > 0 {
        service.say(sim, &format!("has begun draining connections on {draining} tasks."));
    }
}

/// Completes a deployment and says so where nothing is left to do.
pub(super) fn settle(sim: &mut Sim, service: &mut Service, id: &str) {
    let now = sim.now;
    let busy = |deployment: &str| service.tasks.iter().any(|task| task.deployment == deployment);
    let kept: Vec<String> = service
        .deployments
        .iter()
        .enumerate()
        .filter(|(index, it)| *index == 0 || busy(&it.id))
        .map(|(_, it)| it.id.clone())
        .collect();
    let own_healthy =
        service.tasks.iter().filter(|task| task.deployment == id && task.is_healthy()).count() as i64;
    let quiet = service.tasks.iter().all(|task| task.status == "RUNNING");
    let done = kept.len() == 1
        && own_healthy == service.desired
        && service.running(None) == service.desired
        && quiet;
    service.deployments.retain(|it| kept.contains(&it.id));
    let primary = &mut service.deployments[0];
    if primary.rollout == "FAILED" || !done {
        service.steady = None;
        return;
    }
    if primary.rollout == "IN_PROGRESS" {
        primary.rollout = "COMPLETED";
        primary.reason = format!("ECS deployment {id} completed.");
        primary.failed = 0;
        primary.updated = now;
        let arn = primary.service_deployment.clone();
        service.completed = Some(primary.revision.clone());
        if let Some(record) = service.service_deployment(&arn) {
            record.status = if record.rollback.is_some() { "ROLLBACK_SUCCESSFUL" } else { "SUCCESSFUL" };
            record.finished = Some(now);
            record.updated = now;
        }
        service.say(sim, &format!("(deployment {id}) deployment completed."));
        events::deployment(sim, service, &service.deployments[0]);
    }
    if service.steady.is_none_or(|at| now - at >= STEADY) {
        service.steady = Some(now);
        service.say(sim, "has reached a steady state.");
        events::action(sim, &service.arn, service.cluster(), "INFO", "SERVICE_STEADY_STATE");
    }
}

/// Stops what a deleted service still runs; once all is stopped, the service is INACTIVE.
fn drain(sim: &mut Sim, service: &mut Service) {
    let count = service.tasks.len() as i64;
    stop(sim, service, count, |_| true);
    if service.tasks.is_empty() {
        service.status = "INACTIVE";
        service.deployments.clear();
        service.inactive_at = Some(sim.now);
    }
}
