//! Services: create, update, delete, describe; what AWS refuses and what it fills in.

use super::clusters::{self, named};
use super::scheduler;
use super::tasks::Task;
use super::{Key, TAGS, includes, invalid, paging, short, task_definitions};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, fill, flag, has, int, list, list_mut, page, paged, set, text, texts};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// A service.
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
    /// All its tasks, stopped ones for an hour.
    pub tasks: Vec<Task>,
    /// Newest first, at most a hundred.
    pub events: VecDeque<Value>,
    /// Newest first.
    pub service_deployments: Vec<ServiceDeployment>,
    /// Oldest first.
    pub revisions: Vec<Value>,
    /// The last revision whose deployment completed: where a rollback goes.
    pub(super) completed: Option<String>,
    pub(super) steady: bool,
    /// No task is started before this.
    pub(super) launch_after: i64,
    created: i64,
    created_by: String,
    token: Option<String>,
    /// When it became INACTIVE.
    pub(super) inactive_at: Option<i64>,
}

/// One entry of a service's `deployments`.
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
    pub fn event(&mut self, sim: &mut Sim, message: String) {
        let event = json!({"id": sim.uuid(), "createdAt": value::time(sim.now), "message": message});
        self.events.push_front(event);
        self.events.truncate(100);
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        short(&self.arn)
    }

    /// A percentage of the deployment configuration.
    pub fn percent(&self, name: &str) -> i64 {
        int(&self.config["deploymentConfiguration"], name).unwrap_or(100)
    }
}

fn not_found() -> ApiError {
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
    if name.len() > 255 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err(invalid(
            "Identifiers must contain only alphanumeric characters, hyphens and underscores, and be 255 characters or fewer.",
        ));
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
    fill_in(sim, &mut config);
    let daemon = text(&config, "schedulingStrategy") == Some("DAEMON");
    let desired = match int(input, "desiredCount") {
        Some(count) if count < 0 => return Err(invalid("desiredCount cannot be negative.")),
        Some(_) if daemon => {
            return Err(invalid(
                "The daemon scheduling strategy does not support a desired count for services.",
            ));
        }
        Some(count) => count,
        None if daemon => 1,
        None => {
            return Err(invalid("Desired count is required for the REPLICA scheduling strategy."));
        }
    };
    validate(sim, &mut config, input)?;
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
        events: VecDeque::new(),
        service_deployments: Vec::new(),
        revisions: Vec::new(),
        completed: None,
        steady: false,
        launch_after: sim.now,
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
    if service.status != "ACTIVE" {
        return Err(ApiError::new("ServiceNotActiveException", "Service was not ACTIVE."));
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
            set(&mut config["deploymentConfiguration"], name, new.clone());
        }
    }
    let strategy = list(&config, "capacityProviderStrategy").to_vec();
    if has(input, "capacityProviderStrategy") {
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
    validate(sim, &mut config, input)?;
    let force = flag(input, "forceNewDeployment") == Some(true);
    if !force && config.get("capacityProviderStrategy") != before.get("capacityProviderStrategy") {
        return Err(invalid(
            "When switching from launch type to capacity provider strategy on an existing service, or making a change to a capacity provider strategy on a service that is already using one, you must force a new deployment.",
        ));
    }
    let desired = int(input, "desiredCount");
    if desired.is_some_and(|count| count < 0) {
        return Err(invalid("desiredCount cannot be negative."));
    }
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
        scheduler::soon(sim, key);
    }
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let key = key(sim, input)?;
    let force = flag(input, "force") == Some(true);
    let now = sim.now;
    let service = sim.ecs.services.get_mut(&key).ok_or_else(not_found)?;
    match service.status {
        "INACTIVE" => return Err(not_found()),
        "ACTIVE" if service.desired > 0 && !force => {
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

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let names = texts(input, "services");
    if names.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if names.len() > 10 {
        return Err(invalid("Services can have at most 10 items."));
    }
    let tags = includes(input, "TAGS");
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let name = short(name).to_owned();
        let arn = sim.arn("ecs", &format!("service/{cluster}/{name}"));
        match sim.ecs.services.get(&(cluster.clone(), name)) {
            Some(service) => services.push(show(sim, service, tags)),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"services": services, "failures": failures}))
}

pub(super) fn list_services(sim: &mut Sim, input: &Value) -> Answer {
    let cluster = named(sim, input)?;
    let matches = |service: &Service, name: &str| {
        text(input, name).is_none_or(|wanted| text(&service.config, name) == Some(wanted))
    };
    let items = sim
        .ecs
        .services
        .range((cluster.clone(), String::new())..)
        .take_while(|((of, _), _)| *of == cluster)
        .filter(|(_, service)| service.status == "ACTIVE")
        .filter(|(_, service)| matches(service, "launchType") && matches(service, "schedulingStrategy"))
        .map(|((_, name), service)| (name.clone(), json!(service.arn)))
        .collect();
    let (page, next) = page(items, input, &paging(10))?;
    Ok(paged("serviceArns", page, next, &paging(10)))
}

/// Replaces the name of a task definition with the ARN of the active revision it means.
fn resolve_task_definition(sim: &Sim, config: &mut Value) -> Result<(), ApiError> {
    let name = value::required(config, "taskDefinition", "InvalidParameterException")?;
    let definition =
        task_definitions::find(sim, name).ok_or_else(|| super::client("TaskDefinition not found."))?;
    if text(definition, "status") != Some("ACTIVE") {
        return Err(super::client("TaskDefinition is inactive"));
    }
    let arn = definition["taskDefinitionArn"].clone();
    set(config, "taskDefinition", arn);
    Ok(())
}

/// Refuses what AWS refuses. `input` is the request, `config` what the service would become.
fn validate(sim: &mut Sim, config: &mut Value, input: &Value) -> Result<(), ApiError> {
    let deployment = &config["deploymentConfiguration"];
    let minimum = int(deployment, "minimumHealthyPercent").unwrap_or(100);
    let maximum = int(deployment, "maximumPercent").unwrap_or(200);
    if minimum > 100 {
        return Err(invalid("minimumHealthyPercent must be at most 100"));
    }
    if maximum < 100 {
        return Err(invalid("maximumPercent must be at least 100"));
    }
    if minimum >= maximum {
        return Err(invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments",
        ));
    }
    let daemon = text(config, "schedulingStrategy") == Some("DAEMON");
    if text(input, "availabilityZoneRebalancing") == Some("ENABLED") {
        if daemon {
            return Err(invalid("Availability Zone Rebalancing does not support DAEMON services"));
        }
        if maximum <= 100 {
            return Err(invalid(
                "Availability Zone Rebalancing does not support maximumPercent <= 100 % as deployment configuration.",
            ));
        }
    }
    if has(input, "launchType") && !list(input, "capacityProviderStrategy").is_empty() {
        return Err(invalid("Specifying both a launch type and capacity provider strategy is not supported"));
    }
    if daemon && text(config, "launchType") == Some("FARGATE") {
        return Err(invalid("The daemon scheduling strategy is not supported for the Fargate launch type."));
    }
    let definition = task_definitions::find(sim, text(config, "taskDefinition").unwrap_or_default())
        .ok_or_else(|| super::client("TaskDefinition not found."))?
        .clone();
    let awsvpc = text(&definition, "networkMode") == Some("awsvpc");
    let network = config.get("networkConfiguration");
    if awsvpc
        && network
            .and_then(|it| it.get("awsvpcConfiguration"))
            .is_none_or(|it| list(it, "subnets").is_empty())
    {
        return Err(invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ));
    }
    if !awsvpc && network.is_some() {
        return Err(invalid(
            "Network Configuration is not valid for the given networkMode of this task definition.",
        ));
    }
    if text(config, "launchType") == Some("FARGATE")
        && !texts(&definition, "compatibilities").contains(&"FARGATE")
    {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    let balancers = list(config, "loadBalancers").to_vec();
    let checked = list(&definition, "containerDefinitions").iter().any(|it| has(it, "healthCheck"));
    if balancers.is_empty()
        && !checked
        && int(input, "healthCheckGracePeriodSeconds").is_some_and(|it| it > 0)
    {
        return Err(invalid(
            "Health check grace period is only valid for services configured to use load balancers",
        ));
    }
    if balancers.len() > 5 {
        return Err(invalid("load balancers can have at most 5 items."));
    }
    // AWS looks at target groups when they are sent, not on every update.
    for balancer in balancers {
        validate_load_balancer(sim, &balancer, &definition, awsvpc, has(input, "loadBalancers"))?;
    }
    Ok(())
}

fn validate_load_balancer(
    sim: &mut Sim,
    balancer: &Value,
    definition: &Value,
    awsvpc: bool,
    sent: bool,
) -> Result<(), ApiError> {
    let name = text(balancer, "containerName").unwrap_or_default();
    let Some(container) = task_definitions::container(definition, name) else {
        return Err(invalid(format!("The container {name} does not exist in the task definition.")));
    };
    let port = int(balancer, "containerPort").unwrap_or_default();
    if !list(container, "portMappings").iter().any(|it| int(it, "containerPort") == Some(port)) {
        return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
    }
    let (Some(arn), true) = (text(balancer, "targetGroupArn"), sent) else {
        return Ok(());
    };
    let Some(group) = sim.elb.target_group(arn) else {
        return Err(invalid(format!("Unable to find target group with targetGroupArn {arn}.")));
    };
    if awsvpc && text(&group.config, "TargetType") != Some("ip") {
        return Err(invalid(format!(
            "The provided target group {arn} has target type {}, which is incompatible with the awsvpc network mode specified in the task definition.",
            text(&group.config, "TargetType").unwrap_or_default()
        )));
    }
    if !sim.elb.in_use(arn) {
        return Err(invalid(format!(
            "The target group with targetGroupArn {arn} does not have an associated load balancer."
        )));
    }
    Ok(())
}

/// What AWS adds to a service.
fn fill_in(sim: &Sim, config: &mut Value) {
    fill(config, "schedulingStrategy", json!("REPLICA"));
    let daemon = text(config, "schedulingStrategy") == Some("DAEMON");
    if list(config, "capacityProviderStrategy").is_empty() {
        fill(config, "launchType", json!("EC2"));
    }
    for item in list_mut(config, "capacityProviderStrategy").into_iter().flatten() {
        fill(item, "base", json!(0));
        fill(item, "weight", json!(0));
    }
    if text(config, "launchType") != Some("EC2") {
        fill(config, "platformVersion", json!("LATEST"));
        fill(config, "platformFamily", json!("Linux"));
    }
    for name in ["loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"] {
        fill(config, name, json!([]));
    }
    fill(config, "deploymentController", json!({"type": "ECS"}));
    fill(config, "healthCheckGracePeriodSeconds", json!(0));
    fill(config, "enableExecuteCommand", json!(false));
    fill(config, "enableECSManagedTags", json!(false));
    fill(config, "propagateTags", json!("NONE"));
    fill(config, "deploymentConfiguration", json!({}));
    let deployment = &mut config["deploymentConfiguration"];
    fill(deployment, "maximumPercent", json!(if daemon { 100 } else { 200 }));
    fill(deployment, "minimumHealthyPercent", json!(if daemon { 0 } else { 100 }));
    fill(deployment, "strategy", json!("ROLLING"));
    fill(deployment, "bakeTimeInMinutes", json!(0));
    fill(deployment, "deploymentCircuitBreaker", json!({}));
    let breaker = &mut deployment["deploymentCircuitBreaker"];
    fill(breaker, "enable", json!(false));
    fill(breaker, "rollback", json!(false));
    fill(breaker, "resetOnHealthyTask", json!(true));
    fill(breaker, "thresholdConfiguration", json!({"type": "BOUNDED_PERCENT", "value": 50}));
    let rebalances =
        !daemon && int(&config["deploymentConfiguration"], "maximumPercent").is_some_and(|it| it > 100);
    fill(config, "availabilityZoneRebalancing", json!(if rebalances { "ENABLED" } else { "DISABLED" }));
    let balanced = !list(config, "loadBalancers").is_empty();
    if let Some(network) =
        config.get_mut("networkConfiguration").and_then(|it| it.get_mut("awsvpcConfiguration"))
    {
        fill(network, "assignPublicIp", json!("DISABLED"));
        fill(network, "securityGroups", json!([]));
        for name in ["subnets", "securityGroups"] {
            value::shuffle(list_mut(network, name).map_or(&mut [], Vec::as_mut_slice));
        }
    } else if !balanced {
        return;
    }
    let role = format!(
        "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        sim.config.account
    );
    fill(config, "roleArn", json!(role));
}

/// A service as DescribeServices shows it.
pub fn show(sim: &Sim, service: &Service, tags: bool) -> Value {
    let mut out = service.config.clone();
    if let Some(map) = out.as_object_mut() {
        map.retain(|name, _| {
            !ON_DEPLOYMENTS.contains(&name.as_str()) && name != "gatewayConnectors" && name != "monitoring"
        });
    }
    let cluster = service.arn.rsplit('/').nth(1).unwrap_or_default();
    set(&mut out, "serviceArn", json!(service.arn));
    set(&mut out, "serviceName", json!(service.name()));
    set(&mut out, "clusterArn", json!(clusters::arn(sim, cluster)));
    set(&mut out, "status", json!(service.status));
    set(&mut out, "desiredCount", json!(service.desired));
    set(&mut out, "runningCount", json!(service.running(None)));
    set(&mut out, "pendingCount", json!(service.pending(None)));
    set(&mut out, "createdAt", value::time(service.created));
    set(&mut out, "createdBy", json!(service.created_by));
    set(&mut out, "events", service.events.iter().cloned().collect());
    let deployments: Vec<Value> = service.deployments.iter().map(|it| show_deployment(service, it)).collect();
    let revisions: Vec<Value> =
        service.deployments.iter().map(|it| revision_counts(service, &it.revision)).collect();
    set(&mut out, "deployments", json!(deployments));
    if service.status != "INACTIVE" {
        if let Some(first) = service.deployments.first() {
            set(&mut out, "currentServiceDeployment", json!(first.service_deployment));
        }
        set(&mut out, "currentServiceRevisions", json!(revisions));
    }
    if tags {
        set(&mut out, "tags", TAGS.show(sim.tags.get(&service.arn)));
    }
    out
}

/// How many tasks of a revision are wanted, run and come.
pub fn revision_counts(service: &Service, revision: &str) -> Value {
    let mut counts = (0, 0, 0);
    for it in service.deployments.iter().filter(|it| it.revision == revision) {
        counts.0 += desired_of(service, it);
        counts.1 += service.running(Some(&it.id));
        counts.2 += service.pending(Some(&it.id));
    }
    json!({
        "arn": revision,
        "requestedTaskCount": counts.0,
        "runningTaskCount": counts.1,
        "pendingTaskCount": counts.2,
    })
}

/// The primary wants what the service wants; the others are left with what has not been stopped yet.
fn desired_of(service: &Service, deployment: &Deployment) -> i64 {
    match deployment.status {
        "PRIMARY" => service.desired,
        _ => service.active(Some(&deployment.id)),
    }
}

fn show_deployment(service: &Service, deployment: &Deployment) -> Value {
    let mut out = service.revision(&deployment.revision).map_or_else(
        || json!({}),
        |revision| {
            let shown = [
                "taskDefinition",
                "networkConfiguration",
                "launchType",
                "capacityProviderStrategy",
                "platformFamily",
            ];
            let mut out = value::pick(revision, &shown);
            for name in ON_DEPLOYMENTS {
                if let Some(member) = revision.get(*name) {
                    set(&mut out, name, member.clone());
                }
            }
            out
        },
    );
    if has(&out, "platformFamily") {
        set(&mut out, "platformVersion", json!("1.4.0"));
    }
    set(&mut out, "id", json!(deployment.id));
    set(&mut out, "status", json!(deployment.status));
    set(&mut out, "desiredCount", json!(desired_of(service, deployment)));
    set(&mut out, "runningCount", json!(service.running(Some(&deployment.id))));
    set(&mut out, "pendingCount", json!(service.pending(Some(&deployment.id))));
    set(&mut out, "failedTasks", json!(deployment.failed));
    set(&mut out, "createdAt", value::time(deployment.created));
    set(&mut out, "updatedAt", value::time(deployment.updated));
    set(&mut out, "rolloutState", json!(deployment.rollout));
    set(&mut out, "rolloutStateReason", json!(deployment.reason));
    out
}
