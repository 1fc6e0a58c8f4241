//! Blue/green, linear and canary deployments: one machine of stages that brings the new revision up beside
//! the old one, moves the weights of the listener rules, bakes, and cleans up.

use super::scheduler;
use super::services::{Service, ServiceDeployment};
use crate::elbv2::listeners;
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, int, list, number, set, text};
use serde_json::{Value, json};

/// The stages in their order, as `lifecycleStage` names them.
const STAGES: &[&str] = &[
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];
const SCALE_UP: usize = 2;
const MINUTE: f64 = 60_000.0;
/// How long a Lambda function takes as a hook.
const FUNCTION: i64 = 10_000;

/// How far a deployment has come.
#[derive(Clone, Default)]
pub struct Stages {
    at: usize,
    since: i64,
    /// The new revision's share of test and of production traffic, in percent.
    test: f64,
    production: f64,
    hooks: Vec<Hook>,
    /// The revision it replaces, if there is one.
    blue: Option<String>,
    /// When it goes on if nothing else happens.
    pub(super) due: Option<i64>,
}

#[derive(Clone)]
struct Hook {
    id: String,
    stage: &'static str,
    /// Which of the configured hooks it is.
    index: usize,
    status: &'static str,
    due: i64,
    configured: Value,
}

impl Stages {
    /// The stages of a service's deployment, unless all tasks are replaced in a rolling manner.
    pub(super) fn of(service: &Service, now: i64) -> Option<Self> {
        let rolls =
            text(&service.config["deploymentConfiguration"], "strategy").is_none_or(|it| it == "ROLLING");
        (!rolls).then(|| Self { since: now, blue: service.completed.clone(), ..Self::default() })
    }

    /// What DescribeServiceDeployments adds.
    pub(super) fn show(&self, out: &mut Value) {
        set(out, "lifecycleStage", json!(STAGES.get(self.at).or(STAGES.last())));
        let weights = |out: &mut Value, name: &str, test: f64, production: f64| {
            if let Some(it) = out.get_mut(name) {
                set(it, "requestedTestTrafficWeight", json!(test));
                set(it, "requestedProductionTrafficWeight", json!(production));
            }
        };
        weights(out, "targetServiceRevision", self.test, self.production);
        for source in value::list_mut(out, "sourceServiceRevisions").into_iter().flatten() {
            set(source, "requestedTestTrafficWeight", json!(100.0 - self.test));
            set(source, "requestedProductionTrafficWeight", json!(100.0 - self.production));
        }
        let hooks: Vec<Value> = self
            .hooks
            .iter()
            .map(|hook| {
                let mut out = json!({
                    "hookId": hook.id, "status": hook.status,
                    "targetType": text(&hook.configured, "targetType").unwrap_or("AWS_LAMBDA"),
                });
                match text(&hook.configured, "hookTargetArn") {
                    Some(arn) => set(&mut out, "targetArn", json!(arn)),
                    None => {
                        set(&mut out, "expiresAt", value::time(hook.due));
                        set(&mut out, "timeoutAction", json!(hook.on_timeout()));
                    }
                }
                out
            })
            .collect();
        if !hooks.is_empty() {
            set(out, "lifecycleHookDetails", json!(hooks));
        }
    }
}

impl Hook {
    fn on_timeout(&self) -> &str {
        self.configured.get("timeoutConfiguration").and_then(|it| text(it, "action")).unwrap_or("ROLLBACK")
    }
}

/// The stages a service is in, while they last.
fn current(service: &mut Service) -> Option<&mut Stages> {
    let arn = service.deployments.first()?.service_deployment.clone();
    let record = service.service_deployment(&arn)?;
    if record.finished.is_some() || record.rollback.is_some() {
        return None;
    }
    record.stages.as_mut()
}

/// Whether a service is in stages.
pub(super) fn active(service: &mut Service) -> bool {
    current(service).is_some()
}

/// When a service's stages go on.
pub(super) fn due(service: &Service) -> Option<i64> {
    let arn = &service.deployments.first()?.service_deployment;
    let record = service.service_deployments.iter().find(|it| it.arn == *arn)?;
    record.stages.as_ref().filter(|_| record.finished.is_none())?.due
}

/// The pairs of target groups with their rules, each with the group the newest revision is in first.
fn pairs(service: &Service) -> Vec<(String, String, Option<String>, Option<String>)> {
    let Some(revision) = service.deployments.first().and_then(|it| service.revision(&it.revision)) else {
        return Vec::new();
    };
    list(revision, "loadBalancers")
        .iter()
        .enumerate()
        .filter_map(|(index, balancer)| {
            let advanced = balancer.get("advancedConfiguration")?;
            let (one, other) =
                (text(balancer, "targetGroupArn")?, text(advanced, "alternateTargetGroupArn")?);
            let green = resolved(revision, index).unwrap_or(one);
            let blue = if green == one { other } else { one };
            let rule = |name| text(advanced, name).map(str::to_owned);
            Some((
                green.to_owned(),
                blue.to_owned(),
                rule("productionListenerRule"),
                rule("testListenerRule"),
            ))
        })
        .collect()
}

/// The target group in which a revision really registers its tasks, for the load balancer of this index.
pub fn resolved(revision: &Value, index: usize) -> Option<&str> {
    let resolved = revision.get("resolvedConfiguration")?;
    text(list(resolved, "loadBalancers").get(index)?, "targetGroupArn")
}

/// Which target groups a new revision goes to: those that the last completed one is not in.
pub(super) fn resolve(service: &Service, revision: &mut Value) {
    let live = service.completed.as_deref().and_then(|arn| service.revision(arn));
    let balancers: Vec<Value> = list(revision, "loadBalancers")
        .iter()
        .enumerate()
        .filter_map(|(index, balancer)| {
            let advanced = balancer.get("advancedConfiguration")?;
            let (one, other) = (text(balancer, "targetGroupArn")?, text(advanced, "alternateTargetGroupArn")?);
            let taken = live.map(|live| resolved(live, index).unwrap_or(one));
            let group = if taken == Some(one) { other } else { one };
            Some(json!({"targetGroupArn": group, "productionListenerRule": advanced["productionListenerRule"]}))
        })
        .collect();
    if !balancers.is_empty() {
        set(revision, "resolvedConfiguration", json!({"loadBalancers": balancers}));
    }
}

/// Gives the new revision its share of traffic.
fn weigh(sim: &mut Sim, service: &Service, test: f64, production: f64) {
    for (green, blue, production_rule, test_rule) in pairs(service) {
        for (rule, share) in [(production_rule, production), (test_rule, test)] {
            if let Some(rule) = rule {
                listeners::weigh(sim, &rule, &green, &blue, share.round() as i64);
            }
        }
    }
}

/// Goes on with the stages of a service; answers whether it is in any.
pub(super) fn balance(sim: &mut Sim, service: &mut Service) -> bool {
    let Some(mut stages) = current(service).cloned() else {
        return false;
    };
    let now = sim.now;
    let sides: Vec<(String, String)> =
        service.deployments.iter().map(|it| (it.id.clone(), it.revision.clone())).collect();
    for (index, (id, revision)) in sides.iter().enumerate() {
        let wanted = match index {
            0 if stages.at >= SCALE_UP => service.desired,
            0 => 0,
            _ if stages.blue.as_ref() == Some(revision) && stages.at + 1 < STAGES.len() => service.desired,
            _ => 0,
        };
        let own = service.active(Some(id));
        if own < wanted && service.launch_after <= now {
            scheduler::start(sim, service, id, revision, wanted - own);
        }
        scheduler::stop(sim, service, own - wanted, |task| task.deployment == *id);
    }
    let configuration = service.config["deploymentConfiguration"].clone();
    while let Some(stage) = STAGES.get(stages.at) {
        stages.due = None;
        if !done(sim, service, &mut stages, &configuration) {
            break;
        }
        match hooks(sim, &mut stages, stage, &configuration) {
            Some(true) => {}
            Some(false) => {
                keep(service, stages);
                let reason =
                    format!("Service deployment rolled back because of a lifecycle hook in {stage}.");
                scheduler::go_back(sim, service, &reason, true);
                return true;
            }
            None => break,
        }
        stages.at += 1;
        stages.since = now;
    }
    let finished = stages.at >= STAGES.len();
    if stages.since == now && !finished {
        // A new stage wants other tasks.
        stages.due = Some(stages.due.unwrap_or(i64::MAX).min(now + 1_000));
    }
    keep(service, stages);
    if finished {
        let id = service.deployments.first().map(|it| it.id.clone()).unwrap_or_default();
        scheduler::settle(sim, service, &id);
    }
    true
}

fn keep(service: &mut Service, stages: Stages) {
    if let Some(slot) = current(service) {
        *slot = stages;
    }
}

/// Does what a stage is for; answers whether it is done.
fn done(sim: &mut Sim, service: &Service, stages: &mut Stages, configuration: &Value) -> bool {
    let now = sim.now;
    let Some(primary) = service.deployments.first() else { return false };
    let later = |stages: &mut Stages, at: i64| {
        stages.due = Some(at);
        now >= at
    };
    match STAGES.get(stages.at).copied().unwrap_or_default() {
        // Both groups are on the rules from the start, so that the new tasks are checked before they serve.
        "RECONCILE_SERVICE" => weigh(sim, service, 0.0, if stages.blue.is_some() { 0.0 } else { 100.0 }),
        "SCALE_UP" => {
            let healthy = service.tasks.iter().filter(|it| it.deployment == primary.id && it.is_healthy());
            return healthy.count() as i64 == service.desired;
        }
        "TEST_TRAFFIC_SHIFT" => {
            stages.test = 100.0;
            weigh(sim, service, stages.test, stages.production);
        }
        "PRODUCTION_TRAFFIC_SHIFT" => {
            let (first, step, minutes) = match text(configuration, "strategy") {
                Some("LINEAR") => steps(
                    configuration,
                    "linearConfiguration",
                    "stepPercent",
                    "stepBakeTimeInMinutes",
                    (10.0, 6.0),
                    true,
                ),
                Some("CANARY") => steps(
                    configuration,
                    "canaryConfiguration",
                    "canaryPercent",
                    "canaryBakeTimeInMinutes",
                    (5.0, 10.0),
                    false,
                ),
                _ => (100.0, 100.0, 0.0),
            };
            let passed =
                if minutes > 0.0 { ((now - stages.since) as f64 / (minutes * MINUTE)).floor() } else { 0.0 };
            stages.production = (first + step * passed).min(100.0);
            weigh(sim, service, stages.test, stages.production);
            if stages.production < 100.0 {
                return later(stages, stages.since + ((passed + 1.0) * minutes * MINUTE) as i64);
            }
        }
        "BAKE_TIME" => {
            let minutes = int(configuration, "bakeTimeInMinutes").unwrap_or(0);
            return later(stages, stages.since + minutes * MINUTE as i64);
        }
        "CLEAN_UP" => {
            return service.tasks.iter().all(|it| it.deployment == primary.id);
        }
        _ => {}
    }
    true
}

/// The first share, what each step adds, and the minutes between steps.
fn steps(
    configuration: &Value,
    member: &str,
    percent: &str,
    minutes: &str,
    default: (f64, f64),
    linear: bool,
) -> (f64, f64, f64) {
    let of = &configuration[member];
    let first = number(of, percent).unwrap_or(default.0);
    (first, if linear { first } else { 100.0 }, number(of, minutes).unwrap_or(default.1))
}

/// Whether the hooks of a stage have let it pass (`true`), have failed (`false`), or are still at it.
fn hooks(sim: &mut Sim, stages: &mut Stages, stage: &'static str, configuration: &Value) -> Option<bool> {
    let now = sim.now;
    for (index, configured) in list(configuration, "lifecycleHooks").iter().enumerate() {
        let named = value::texts(configured, "lifecycleStages");
        let before_production =
            stage == "POST_TEST_TRAFFIC_SHIFT" && named.contains(&"PRE_PRODUCTION_TRAFFIC_SHIFT");
        if !named.contains(&stage) && !before_production {
            continue;
        }
        if !stages.hooks.iter().any(|hook| hook.stage == stage && hook.index == index) {
            let pauses = text(configured, "targetType") == Some("PAUSE");
            let minutes = configured.get("timeoutConfiguration").and_then(|it| int(it, "timeoutInMinutes"));
            let (status, wait) = match pauses {
                true => ("AWAITING_ACTION", minutes.unwrap_or(1_440) * MINUTE as i64),
                false => ("IN_PROGRESS", FUNCTION),
            };
            let (id, due) = (sim.uuid(), now + wait);
            stages.hooks.push(Hook { id, stage, index, status, due, configured: configured.clone() });
        }
    }
    for hook in stages.hooks.iter_mut().filter(|hook| hook.stage == stage && now >= hook.due) {
        // A function whose name says so fails.
        let fails = text(&hook.configured, "hookTargetArn").is_some_and(|arn| arn.contains("fail"));
        match hook.status {
            "IN_PROGRESS" => hook.status = if fails { "FAILED" } else { "SUCCEEDED" },
            "AWAITING_ACTION" if hook.on_timeout() == "CONTINUE" => hook.status = "SUCCEEDED",
            "AWAITING_ACTION" => hook.status = "TIMED_OUT",
            _ => {}
        }
    }
    let own = || stages.hooks.iter().filter(|hook| hook.stage == stage);
    if own().any(|hook| matches!(hook.status, "FAILED" | "TIMED_OUT")) {
        return Some(false);
    }
    let open = own().filter(|hook| hook.status != "SUCCEEDED").map(|hook| hook.due).min();
    stages.due = open;
    open.is_none().then_some(true)
}

/// Leads traffic back to the old revision and makes its deployment the primary one again; answers whether
/// there is one.
pub(super) fn go_back(sim: &mut Sim, service: &mut Service, target: &str) -> bool {
    let old = service.deployments.iter().position(|it| it.revision == target);
    let (Some(old), Some(record)) =
        (old, service.deployments.first().map(|it| it.service_deployment.clone()))
    else {
        return false;
    };
    weigh(sim, service, 0.0, 0.0);
    let mut primary = service.deployments.remove(old);
    for deployment in &mut service.deployments {
        deployment.status = "ACTIVE";
    }
    primary.status = "PRIMARY";
    primary.rollout = "IN_PROGRESS";
    primary.service_deployment = record;
    primary.updated = sim.now;
    service.deployments.insert(0, primary);
    // The scheduler looks again, and stops what is not wanted any more.
    service.launch_after = sim.now + 1_000;
    true
}

/// Changes the service deployment that a request names, and has the scheduler act on it.
fn with<T>(
    sim: &mut Sim,
    input: &Value,
    act: impl FnOnce(&mut Sim, &mut Service, &mut ServiceDeployment) -> Result<T, ApiError>,
) -> Answer {
    let arn = value::required(input, "serviceDeploymentArn", "InvalidParameterException")?.to_owned();
    let missing =
        || ApiError::new("ServiceDeploymentNotFoundException", "The service deployment was not found.");
    let key = super::deployments::key_in(&arn).ok_or_else(missing)?;
    let mut service = sim.ecs.services.remove(&key).ok_or_else(missing)?;
    let found = service.service_deployments.iter().position(|it| it.arn == arn);
    let answer = match found.and_then(|at| service.service_deployments.get(at).cloned()) {
        Some(mut record) => {
            let answer = act(sim, &mut service, &mut record);
            if let (Some(slot), Ok(_)) = (service.service_deployment(&arn), &answer) {
                // What going back has written stays; the rest is as the caller's action left it.
                if slot.rollback.is_none() {
                    *slot = record;
                }
            }
            answer.map(|_| json!({"serviceDeploymentArn": arn}))
        }
        None => Err(missing()),
    };
    sim.ecs.services.insert(key.clone(), service);
    scheduler::soon(sim, &key);
    answer
}

/// StopServiceDeployment: goes back to the last completed revision, or leaves everything as it is.
pub(super) fn stop(sim: &mut Sim, input: &Value) -> Answer {
    let abort = text(input, "stopType") == Some("ABORT");
    with(sim, input, |sim, service, record| {
        refuse! {
            record.finished.is_some() || record.rollback.is_some() => ApiError::new("ConflictException", "The service deployment is not in progress.");
        }
        let reason = "Service deployment stopped by user.";
        if !abort {
            scheduler::go_back(sim, service, reason, true);
            return Ok(());
        }
        if let Some(stalled) = service.deployments.iter_mut().find(|it| it.service_deployment == record.arn) {
            stalled.rollout = "FAILED";
            reason.clone_into(&mut stalled.reason);
        }
        record.status = "STOPPED";
        reason.clone_into(&mut record.reason);
        record.finished = Some(sim.now);
        record.updated = sim.now;
        Ok(())
    })
}

/// ContinueServiceDeployment: answers a hook that waits for a person.
pub(super) fn go_on(sim: &mut Sim, input: &Value) -> Answer {
    let hook = text(input, "hookId").unwrap_or_default();
    let back = text(input, "action") == Some("ROLLBACK");
    with(sim, input, |sim, _, record| {
        let waiting = record.stages.iter_mut().flat_map(|it| &mut it.hooks);
        let found = waiting.into_iter().find(|it| it.id == hook && it.status == "AWAITING_ACTION");
        let Some(found) = found else {
            return Err(super::invalid("The specified lifecycle hook is not awaiting an action."));
        };
        found.status = if back { "FAILED" } else { "SUCCEEDED" };
        found.due = sim.now;
        Ok(())
    })
}
