//! Services: create, update, delete, describe, list. What AWS refuses and fills in is in [`super::service_rules`].

use super::clusters::named;
use super::scheduler;
use super::service_rules::{fill_in, resolve_task_definition, validate};
use super::shown::show;
use super::stages::Stages;
use super::tasks::Task;
use super::{Key, TAGS, capacity, includes, invalid, paging, short, task_definitions};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, flag, has, int, list, object_mut, page, paged, set, text, texts};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};

/// A service.
#[derive(Clone)]
pub struct Service {
    /// Its ARN.
    pub arn: String,
    /// What was asked for with AWS's defaults, in the names of CreateService.
    pub config: Value,
    /// ACTIVE, DRAINING or INACTIVE.
    pub status: &'static str,
    /// How many tasks it should have.
    pub desired: i64,
    /// Newest first: the PRIMARY and those it replaces.
    pub deployments: Vec<Deployment>,
    /// Its tasks that have not stopped.
    pub tasks: Vec<Task>,
    /// Those that have within the last hour, oldest first.
    pub(super) stopped: VecDeque<Task>,
    /// Newest first, at most a hundred.
    pub events: VecDeque<Value>,
    /// Newest first.
    pub service_deployments: Vec<ServiceDeployment>,
    /// Oldest first.
    pub revisions: Vec<Value>,
    /// The last revision whose deployment completed: where a rollback goes.
    pub(super) completed: Option<String>,
    /// When it last said that it is steady, if it is.
    pub(super) steady: Option<i64>,
    /// When the scheduler looks at it next.
    pub(super) wake: Option<i64>,
    /// No task is started before this.
    pub(super) launch_after: i64,
    /// How many tasks were started since when, for the limit of a minute.
    pub(super) started: (i64, i64),
    pub(super) created: i64,
    pub(super) created_by: String,
    token: Option<String>,
    /// When it became INACTIVE.
    pub(super) inactive_at: Option<i64>,
}

/// One entry of a service's `deployments`.
#[derive(Clone)]
pub struct Deployment {
    /// `ecs-svc/…`.
    pub id: String,
    /// PRIMARY or ACTIVE.
    pub status: &'static str,
    /// IN_PROGRESS, COMPLETED or FAILED.
    pub rollout: &'static str,
    /// Why.
    pub reason: String,
    /// The ARN of the revision it brings.
    pub revision: String,
    /// The ARN of the service deployment it belongs to.
    pub service_deployment: String,
    /// Tasks that failed in a row.
    pub failed: i64,
    pub(super) created: i64,
    pub(super) updated: i64,
}

/// What DescribeServiceDeployments shows.
#[derive(Clone)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// IN_PROGRESS, SUCCESSFUL, STOPPED, ROLLBACK_IN_PROGRESS, ….
    pub status: &'static str,
    /// Why.
    pub reason: String,
    /// The revision it brings.
    pub target: String,
    /// The revisions it replaces.
    pub sources: Vec<String>,
    /// Failed tasks when it ended or now.
    pub failed: i64,
    /// Why it went back, when, and to which revision.
    pub rollback: Option<(String, i64, String)>,
    /// The deployment configuration it ran under.
    pub configuration: Value,
    /// Where it is, unless it is a rolling one.
    pub(super) stages: Option<Stages>,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) finished: Option<i64>,
}

/// The fields a service revision holds: changing one starts a deployment, a rollback restores all.
pub const REVISION: &[&str] = &[
    "taskDefinition",
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "launchType",
    "capacityProviderStrategy",
    "gatewayConnectors",
    "monitoring",
];

/// Fields that DescribeServices shows on deployments, not on the service.
pub const ON_DEPLOYMENTS: &[&str] =
    &["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// Fields of a request that are not kept among a service's own.
const NOT_KEPT: &[&str] = &[
    "cluster",
    "serviceName",
    "service",
    "tags",
    "clientToken",
    "desiredCount",
    "role",
    "forceNewDeployment",
    "deploymentConfiguration",
];

impl Service {
    /// The tasks of one deployment, or of all.
    fn of<'a>(&'a self, deployment: Option<&'a str>) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(move |task| deployment.is_none_or(|id| task.deployment == id))
    }

    /// How many run; a task that drains its connections still does.
    pub fn running(&self, deployment: Option<&str>) -> i64 {
        self.of(deployment).filter(|task| task.is_running()).count() as i64
    }

    /// How many are on their way to run.
    pub fn pending(&self, deployment: Option<&str>) -> i64 {
        self.of(deployment).filter(|task| task.is_pending()).count() as i64
    }

    /// How many are meant to stay.
    pub fn active(&self, deployment: Option<&str>) -> i64 {
        self.of(deployment).filter(|task| !task.stopping).count() as i64
    }

    /// How many count as healthy.
    pub fn healthy(&self) -> i64 {
        self.tasks.iter().filter(|task| task.is_healthy()).count() as i64
    }

    /// The fields of the revision with this ARN.
    pub fn revision(&self, arn: &str) -> Option<&Value> {
        self.revisions.iter().find(|revision| text(revision, "serviceRevisionArn") == Some(arn))
    }

    /// The service deployment with this ARN.
    pub(super) fn service_deployment(&mut self, arn: &str) -> Option<&mut ServiceDeployment> {
        self.service_deployments.iter_mut().find(|it| it.arn == arn)
    }

    /// Writes an event, newest first, at most a hundred.
    pub fn say(&mut self, sim: &mut Sim, what: &str) {
        let message = format!("(service {}) {what}", self.name());
        let event = json!({"id": sim.uuid(), "createdAt": value::time(sim.now), "message": message});
        self.events.push_front(event);
        self.events.truncate(100);
    }

    /// The name of its cluster.
    pub fn cluster(&self) -> &str {
        self.arn.rsplit('/').nth(1).unwrap_or_default()
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        short(&self.arn)
    }

    /// How many must stay healthy while tasks are replaced.
    pub fn lower_bound(&self) -> i64 {
        (self.desired * self.percent("minimumHealthyPercent") + 99) / 100
    }

    /// How many may be there while tasks are replaced.
    pub fn upper_bound(&self) -> i64 {
        self.desired * self.percent("maximumPercent") / 100
    }

    /// The target groups it registers its tasks in.
    pub fn groups(&self) -> BTreeSet<&str> {
        let balancers = list(&self.config, "loadBalancers").iter();
        balancers
            .flat_map(|it| {
                let alternate =
                    it.get("advancedConfiguration").and_then(|it| text(it, "alternateTargetGroupArn"));
                text(it, "targetGroupArn").into_iter().chain(alternate)
            })
            .collect()
    }

    /// A percentage of the deployment configuration.
    pub fn percent(&self, name: &str) -> i64 {
        int(&self.config["deploymentConfiguration"], name).unwrap_or(100)
    }
}

/// What AWS says where a service is missing.
pub fn not_found() -> ApiError {
    ApiError::new("ServiceNotFoundException", "Service not found.")
}

/// The key of the service that a request means.
fn key(sim: &Sim, input: &Value) -> Result<Key, ApiError> {
    let cluster = named(sim, input)?;
    let name = short(value::required(input, "service", "InvalidParameterException")?).to_owned();
    match sim.ecs.services.contains_key(&(cluster.clone(), name.clone())) {
        true => Ok((cluster, name)),
        false => Err(not_found()),
    }
}

pub(super) fn create(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let name = value::required(input, "serviceName", "InvalidParameterException")?.to_owned();
    refuse! {
        name.len() > 255 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) => invalid("Identifiers must contain only alphanumeric characters, hyphens and underscores, and be 255 characters or fewer.");
    }
    let key = (cluster.clone(), name.clone());
    if let Some(service) = sim.ecs.services.get(&key) {
        match service.status {
            "ACTIVE" if service.token.is_some() && service.token.as_deref() == text(input, "clientToken") => {
                return Ok(json!({"service": show(sim, service, true)}));
            }
            "ACTIVE" => return Err(invalid("Creation of service was not idempotent.")),
            "DRAINING" => return Err(invalid("Unable to Start a service that is still Draining.")),
            _ => {}
        }
    }
    TAGS.parse(input)?;
    let mut config = input.clone();
    if let Some(map) = config.as_object_mut() {
        map.retain(|name, _| name == "deploymentConfiguration" || !NOT_KEPT.contains(&name.as_str()));
    }
    resolve_task_definition(sim, &mut config)?;
    capacity::default_strategy(sim, &cluster, &mut config)?;
    fill_in(sim, &mut config);
    let daemon = text(&config, "schedulingStrategy") == Some("DAEMON");
    let desired = match int(input, "desiredCount") {
        Some(count) => count,
        None if daemon => 1,
        None => {
            return Err(invalid("Desired count is required for the REPLICA scheduling strategy."));
        }
    };
    validate(sim, &config, input)?;
    if let Some(role) = input.get("role") {
        set(&mut config, "roleArn", role.clone());
    }
    let arn = sim.arn("ecs", &format!("service/{cluster}/{name}"));
    sim.tags.remove(&arn);
    TAGS.add(sim, &arn, input)?;
    let mut service = Service {
        arn,
        config,
        status: "ACTIVE",
        desired,
        deployments: Vec::new(),
        tasks: Vec::new(),
        stopped: VecDeque::new(),
        events: VecDeque::new(),
        service_deployments: Vec::new(),
        revisions: Vec::new(),
        completed: None,
        steady: None,
        wake: None,
        launch_after: sim.now,
        started: (sim.now, 0),
        created: sim.now,
        created_by: task_definitions::principal(sim),
        token: text(input, "clientToken").map(str::to_owned),
        inactive_at: None,
    };
    scheduler::deploy(sim, &mut service);
    let answer = show(sim, &service, true);
    sim.ecs.services.insert(key.clone(), service);
    scheduler::soon(sim, &key);
    Ok(json!({"service": answer}))
}

pub(super) fn update(sim: &mut Sim, input: &Value) -> Answer {
    let key = key(sim, input)?;
    let service = sim.ecs.services.get(&key).ok_or_else(not_found)?;
    refuse! {
        service.status != "ACTIVE" => ApiError::new("ServiceNotActiveException", "Service was not ACTIVE.");
    }
    let before = service.config.clone();
    let mut config = before.clone();
    if let Some(map) = input.as_object() {
        for (name, new) in map.iter().filter(|(name, _)| !NOT_KEPT.contains(&name.as_str())) {
            set(&mut config, name, new.clone());
        }
    }
    if let Some(new) = input.get("deploymentConfiguration").and_then(Value::as_object) {
        for (name, new) in new {
            set(object_mut(&mut config, "deploymentConfiguration"), name, new.clone());
        }
    }
    let strategy = list(&config, "capacityProviderStrategy").to_vec();
    if has(input, "capacityProviderStrategy") {
        capacity::default_strategy(sim, &key.0, &mut config)?;
        match (strategy.is_empty(), config.as_object_mut()) {
            (true, Some(map)) => {
                map.remove("capacityProviderStrategy");
                map.entry("launchType").or_insert(json!("FARGATE"));
            }
            (false, Some(map)) => {
                map.remove("launchType");
            }
            _ => {}
        }
    }
    // Named again, a family means its newest revision; not named, the revision stays even if inactive.
    if has(input, "taskDefinition") {
        resolve_task_definition(sim, &mut config)?;
    }
    fill_in(sim, &mut config);
    validate(sim, &config, input)?;
    let force = flag(input, "forceNewDeployment") == Some(true);
    refuse! {
        !force && config.get("capacityProviderStrategy") != before.get("capacityProviderStrategy") => invalid("When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider strategy on a service that is already using one, you must force a new deployment.");
    }
    let desired = int(input, "desiredCount");
    let deploys = force || REVISION.iter().any(|name| config.get(*name) != before.get(*name));
    let Some(mut service) = sim.ecs.services.remove(&key) else {
        return Err(not_found());
    };
    service.config = config;
    service.desired = desired.unwrap_or(service.desired);
    if deploys {
        scheduler::deploy(sim, &mut service);
    }
    let answer = show(sim, &service, true);
    sim.ecs.services.insert(key.clone(), service);
    scheduler::soon(sim, &key);
    Ok(json!({"service": answer}))
}

/// Sets a service's count as Application Auto Scaling does.
pub fn set_desired(sim: &mut Sim, key: &Key, count: i64) {
    if let Some(service) = sim.ecs.services.get_mut(key) {
        service.desired = count;
        let arn = service.arn.clone();
        super::events::action(sim, &arn, &key.0, "INFO", "SERVICE_DESIRED_COUNT_UPDATED");
        scheduler::soon(sim, key);
    }
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let key = key(sim, input)?;
    let force = flag(input, "force") == Some(true);
    let now = sim.now;
    let service = sim.ecs.services.get_mut(&key).ok_or_else(not_found)?;
    let daemon = text(&service.config, "schedulingStrategy") == Some("DAEMON");
    match service.status {
        "INACTIVE" => return Err(not_found()),
        "ACTIVE" if service.desired > 0 && !force && !daemon => {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        "ACTIVE" => {
            service.status = "DRAINING";
            service.desired = 0;
            for deployment in &mut service.deployments {
                deployment.updated = now;
            }
        }
        _ => {}
    }
    crate::scaling::forget(sim, &format!("service/{}/{}", key.0, key.1));
    scheduler::soon(sim, &key);
    let service = sim.ecs.services.get(&key).ok_or_else(not_found)?;
    Ok(json!({"service": show(sim, service, false)}))
}

/// DescribeServices, as text: see [`super::kept`].
pub(super) fn describe(sim: &mut Sim, input: &Value) -> Result<String, ApiError> {
    let cluster = named(sim, input)?;
    let names = texts(input, "services");
    refuse! {
        names.is_empty() => invalid("Services cannot be empty.");
        names.len() > 10 => invalid("Services can have at most 10 items.");
    }
    let tags = includes(input, "TAGS");
    let (mut shown, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let key = (cluster.clone(), short(name).to_owned());
        match sim.ecs.services.text(&key, |service| show(sim, service, false).to_string()) {
            Some(text) if tags => {
                let own = sim.ecs.services.get(&key).map(|it| TAGS.show(sim.tags.get(&it.arn)));
                let open = text.strip_suffix('}').unwrap_or(&text);
                shown.push(format!("{open},\"tags\":{}}}", own.unwrap_or_default()).into());
            }
            Some(text) => shown.push(text),
            None => {
                let arn = sim.arn("ecs", &format!("service/{cluster}/{}", key.1));
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
        }
    }
    Ok(format!("{{\"services\":[{}],\"failures\":{}}}", shown.join(","), json!(failures)))
}

pub(super) fn list_services(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let matches = |service: &Service, name: &str| {
        text(input, name).is_none_or(|wanted| text(&service.config, name) == Some(wanted))
    };
    let items = sim
        .ecs
        .in_cluster(&cluster)
        .filter(|(_, service)| service.status == "ACTIVE")
        .filter(|(_, service)| matches(service, "launchType") && matches(service, "schedulingStrategy"))
        .map(|(name, service)| (name.clone(), json!(service.arn)))
        .collect();
    let (page, next) = page(items, input, &paging(10))?;
    Ok(paged("serviceArns", page, next, &paging(10)))
}
