//! Task definitions: families of numbered revisions, what AWS refuses and what it fills in.

use super::{TAGS, client, includes, invalid, paging};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, fill, flag, has, int, list, list_mut, page, paged, set, shuffle, text, texts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The revisions of one family. Numbers are never used twice.
#[derive(Clone, Default)]
pub struct Family {
    last: u64,
    revisions: BTreeMap<u64, Value>,
}

/// Task memory in MiB that Fargate has for each task cpu: first, last, step.
const FARGATE: &[(i64, i64, i64, i64)] = &[
    (256, 512, 1024, 512),
    (256, 2048, 2048, 1024),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

/// The revision that a name means: an ARN, `family:revision`, or a family (its newest ACTIVE one).
pub fn find<'a>(sim: &'a Sim, name: &str) -> Option<&'a Value> {
    let name = super::short(name);
    match name.split_once(':') {
        Some((family, revision)) => {
            let found = sim.ecs.families.get(family)?.revisions.get(&revision.parse().ok()?)?;
            (!is_gone(sim, found)).then_some(found)
        }
        None => sim
            .ecs
            .families
            .get(name)?
            .revisions
            .values()
            .rev()
            .find(|revision| text(revision, "status") == Some("ACTIVE")),
    }
}

/// The revision that a name means, for new tasks and services: an active one, or one that AWS has not yet noticed
/// to be inactive. That takes up to ten minutes.
pub fn usable<'a>(sim: &'a Sim, name: &str) -> Result<&'a Value, ApiError> {
    let definition = find(sim, name).ok_or_else(|| client("TaskDefinition not found."))?;
    let arn = text(definition, "taskDefinitionArn").unwrap_or_default();
    let since = value::number(definition, "deregisteredAt").unwrap_or(0.0) * 1000.0;
    let noticed = since as i64 + (value::fnv(arn) % 600_000) as i64;
    match text(definition, "status") {
        Some("ACTIVE") => Ok(definition),
        Some("INACTIVE") if sim.now < noticed => Ok(definition),
        _ => Err(client("TaskDefinition is inactive")),
    }
}

/// What AWS adds to a registration that the caller cannot write.
pub const ADDED: &[&str] = &[
    "taskDefinitionArn",
    "revision",
    "status",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "compatibilities",
    "requiresAttributes",
];

/// The ACTIVE revisions of a family.
pub fn active<'a>(sim: &'a Sim, family: &str) -> impl Iterator<Item = (u64, &'a Value)> {
    let revisions = sim.ecs.families.get(family).into_iter().flat_map(|family| &family.revisions);
    revisions.filter(|(_, it)| text(it, "status") == Some("ACTIVE")).map(|(number, it)| (*number, it))
}

/// A registration as AWS would describe it.
pub fn normal(mut definition: Value) -> Value {
    if validate(&mut definition).is_ok() {
        fill_in(&mut definition);
    }
    definition
}

/// Whether a deleted revision has vanished: some minutes after nothing refers to it any more.
fn is_gone(sim: &Sim, definition: &Value) -> bool {
    let Some(asked) = value::number(definition, "deleteRequestedAt") else {
        return false;
    };
    let arn = text(definition, "taskDefinitionArn");
    let refers = |service: &super::services::Service| {
        service.tasks.iter().any(|it| Some(it.definition.as_str()) == arn)
            || service
                .deployments
                .iter()
                .any(|it| service.revision(&it.revision).is_some_and(|it| text(it, "taskDefinition") == arn))
    };
    let runs = |task: &super::tasks::Task| Some(task.definition.as_str()) == arn && task.stopped.is_none();
    sim.now - (asked * 1000.0) as i64 > 600_000
        && !sim.ecs.services.values().any(refers)
        && !sim.ecs.standalone.all().any(runs)
}

fn find_mut<'a>(sim: &'a mut Sim, name: &str) -> Option<&'a mut Value> {
    let (family, revision) = super::short(name).split_once(':')?;
    let family = sim.ecs.families.get_mut(family)?;
    family.revisions.get_mut(&revision.parse().ok()?)
}

/// Containers of a task definition.
pub fn container<'a>(definition: &'a Value, name: &str) -> Option<&'a Value> {
    list(definition, "containerDefinitions").iter().find(|container| text(container, "name") == Some(name))
}

pub(super) fn register(sim: &mut Sim, input: &Value) -> Answer {
    let tags = TAGS.parse(input)?;
    let mut definition = input.clone();
    validate(&mut definition)?;
    fill_in(&mut definition);
    let name = text(input, "family").unwrap_or_default().to_owned();
    let family = sim.ecs.families.entry(name.clone()).or_default();
    family.last += 1;
    let revision = family.last;
    let arn = sim.arn("ecs", &format!("task-definition/{name}:{revision}"));
    if let Some(map) = definition.as_object_mut() {
        map.remove("tags");
    }
    set(&mut definition, "taskDefinitionArn", json!(arn));
    set(&mut definition, "revision", json!(revision));
    set(&mut definition, "status", json!("ACTIVE"));
    set(&mut definition, "registeredAt", value::time(sim.now));
    set(&mut definition, "registeredBy", json!(principal(sim)));
    if !tags.is_empty() {
        sim.tags.insert(arn.clone(), tags);
    }
    let tags = TAGS.show(sim.tags.get(&arn));
    if let Some(family) = sim.ecs.families.get_mut(&name) {
        family.revisions.insert(revision, definition.clone());
    }
    Ok(json!({"taskDefinition": definition, "tags": tags}))
}

pub(super) fn deregister(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "taskDefinition", "ClientException")?;
    refuse! {
        !super::short(name).contains(':') => client("Invalid revision number. Number: null");
    }
    let now = value::time(sim.now);
    let definition = find_mut(sim, name).ok_or_else(missing)?;
    if text(definition, "status") == Some("ACTIVE") {
        set(definition, "status", json!("INACTIVE"));
        set(definition, "deregisteredAt", now);
    }
    Ok(json!({"taskDefinition": definition.clone()}))
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let names = texts(input, "taskDefinitions");
    refuse! {
        names.is_empty() || names.len() > 10 => invalid("taskDefinitions must have between 1 and 10 items.");
    }
    let (mut deleted, mut failures) = (Vec::new(), Vec::new());
    let now = value::time(sim.now);
    for name in names {
        match find_mut(sim, name) {
            Some(definition) if text(definition, "status") == Some("ACTIVE") => failures.push(json!({
                "arn": name,
                "reason": "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
            })),
            Some(definition) => {
                set(definition, "status", json!("DELETE_IN_PROGRESS"));
                set(definition, "deleteRequestedAt", now.clone());
                deleted.push(definition.clone());
            }
            None => failures.push(json!({
                "arn": name,
                "reason": "The specified task definition does not exist. Specify a valid account, family, revision and try again.",
            })),
        }
    }
    Ok(json!({"taskDefinitions": deleted, "failures": failures}))
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "taskDefinition", "ClientException")?;
    let definition = find(sim, name).ok_or_else(missing)?;
    let mut answer = json!({"taskDefinition": definition});
    if includes(input, "TAGS") {
        let arn = text(definition, "taskDefinitionArn").unwrap_or_default();
        let tags = TAGS.show(sim.tags.get(arn));
        set(&mut answer, "tags", tags);
    }
    Ok(answer)
}

pub(super) fn list_revisions(sim: &mut Sim, input: &Value) -> Answer {
    let status = text(input, "status").unwrap_or("ACTIVE");
    // `familyPrefix` is a family's whole name, whatever it is called.
    let wanted = text(input, "familyPrefix");
    let mut items: Vec<(String, Value)> = sim
        .ecs
        .families
        .iter()
        .filter(|(family, _)| wanted.is_none_or(|wanted| wanted == *family))
        .flat_map(|(family, of)| of.revisions.iter().map(move |(number, it)| (family, number, it)))
        .filter(|(_, _, definition)| text(definition, "status") == Some(status) && !is_gone(sim, definition))
        .map(|(family, number, it)| (format!("{family}:{number:09}"), it["taskDefinitionArn"].clone()))
        .collect();
    if text(input, "sort") == Some("DESC") {
        items.reverse();
    }
    let (page, next) = page(items, input, &paging(100))?;
    Ok(paged("taskDefinitionArns", page, next, &paging(100)))
}

pub(super) fn list_families(sim: &mut Sim, input: &Value) -> Answer {
    let prefix = text(input, "familyPrefix").unwrap_or_default();
    let status = text(input, "status").unwrap_or("ACTIVE");
    let items = sim
        .ecs
        .families
        .iter()
        .filter(|(family, of)| {
            let active = of.revisions.values().any(|revision| text(revision, "status") == Some("ACTIVE"));
            family.starts_with(prefix) && (status == "ALL" || active == (status == "ACTIVE"))
        })
        .map(|(family, _)| (family.clone(), json!(family)))
        .collect();
    let (page, next) = page(items, input, &paging(100))?;
    Ok(paged("families", page, next, &paging(100)))
}

/// Who registered or created something, as AWS names the caller.
pub fn principal(sim: &Sim) -> String {
    format!("arn:aws:iam::{}:user/{}", sim.config.account, sim.caller)
}

fn missing() -> ApiError {
    client("Unable to describe task definition.")
}

/// Refuses what AWS refuses, and turns `"1 vCPU"` and `"2 GB"` into units.
fn validate(definition: &mut Value) -> Result<(), ApiError> {
    let family = text(definition, "family").unwrap_or_default();
    refuse! {
        family.is_empty() || family.len() > 255 || !family.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) => client("Family contains invalid characters. Family names can contain only letters, numbers, hyphens and underscores.");
    }
    if let Some(cpu) = text(definition, "cpu") {
        let units = units(cpu, "vcpu", 1024.0).ok_or_else(|| client("Invalid 'cpu' setting for task."))?;
        set(definition, "cpu", json!(units.to_string()));
    }
    if let Some(memory) = text(definition, "memory") {
        let units =
            units(memory, "gb", 1024.0).ok_or_else(|| client("Invalid 'memory' setting for task."))?;
        set(definition, "memory", json!(units.to_string()));
    }
    let fargate = texts(definition, "requiresCompatibilities").contains(&"FARGATE");
    let storage = definition.get("ephemeralStorage").and_then(|it| int(it, "sizeInGiB"));
    refuse! {
        fargate && !has(definition, "cpu") => client("Fargate requires that 'cpu' be defined at the task level.");
        fargate && !has(definition, "memory") => client("Fargate requires that 'memory' be defined at the task level.");
        fargate && !fargate_has(definition) => client("No Fargate configuration exists for given values.");
        fargate && text(definition, "networkMode") != Some("awsvpc") => client("Fargate only supports network mode 'awsvpc'.");
        storage.is_some_and(|it| !(21..=200).contains(&it)) => client("EphemeralStorage size must be between 21 GiB and 200 GiB.");
    }
    let containers = list(definition, "containerDefinitions");
    let names: BTreeSet<Option<&str>> = containers.iter().map(|it| text(it, "name")).collect();
    let unnamed = |it: &Value| ["name", "image"].iter().any(|name| text(it, name).is_none_or(str::is_empty));
    refuse! {
        containers.is_empty() => client("Container list cannot be empty.");
        containers.len() > 10 => client("Task definition can have at most 10 containers.");
        containers.iter().any(unnamed) => client("Container.name and Container.image should not be null or empty.");
        names.len() < containers.len() => client("Container names must be unique within a task definition.");
        !containers.iter().any(|it| flag(it, "essential").unwrap_or(true)) => client("At least one container must be essential.");
    }
    containers.iter().try_for_each(|it| validate_container(definition, it, fargate))
}

fn validate_container(definition: &Value, it: &Value, fargate: bool) -> Result<(), ApiError> {
    let role = has(definition, "executionRoleArn");
    let own = int(it, "memory").or(int(it, "memoryReservation"));
    let whole = int(definition, "memory");
    let names = |of: &str| -> Vec<String> {
        let of = list(it, of).iter();
        of.filter_map(|it| text(it, "name")).map(str::to_owned).collect()
    };
    let (secrets, variables) = (names("secrets"), names("environment"));
    let shared = secrets.iter().collect::<BTreeSet<_>>().len() < secrets.len()
        || secrets.iter().any(|name| variables.contains(name));
    let log = it.get("logConfiguration").filter(|log| text(log, "logDriver") == Some("awslogs"));
    let option =
        |name: &str| log.and_then(|log| log.get("options")).is_some_and(|options| has(options, name));
    let check = it.get("healthCheck").unwrap_or(&Value::Null);
    let outside = |name: &str, range: std::ops::RangeInclusive<i64>| {
        int(check, name).is_some_and(|it| !range.contains(&it))
    };
    refuse! {
        own.is_none() && whole.is_none() => client("Invalid setting for container. At least one of 'memory' or 'memoryReservation' must be specified.");
        own > whole && whole.is_some() => client("Invalid setting for container. Container memory can not be greater than the task memory.");
        fargate && !secrets.is_empty() && !role => client("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.");
        log.is_some() && !option("awslogs-group") => client("Log driver awslogs requires options: awslogs-region, awslogs-group");
        log.is_some() && fargate && !option("awslogs-stream-prefix") => client("Log driver awslogs requires option: awslogs-stream-prefix for FARGATE tasks.");
        log.is_some() && fargate && !role => client("Fargate requires task definition to have execution role ARN to support log driver awslogs.");
        shared => client("The secret name must be unique and not shared with any new or existing environment variables set on the container.");
        outside("interval", 5..=300) => client("Health check interval must be between 5 and 300 seconds.");
        outside("timeout", 2..=120) => client("Health check timeout must be between 2 and 120 seconds.");
        outside("retries", 1..=10) => client("Health check retries must be between 1 and 10.");
        outside("startPeriod", 0..=300) => client("Health check startPeriod must be between 0 and 300 seconds.");
    }
    for dependency in list(it, "dependsOn") {
        let on = container(definition, text(dependency, "containerName").unwrap_or_default());
        let healthy = text(dependency, "condition") == Some("HEALTHY");
        refuse! {
            on.is_none() => client("A container in dependsOn does not exist in the task definition.");
            healthy && on.is_some_and(|it| !has(it, "healthCheck")) => client("A container must have a health check to be a HEALTHY dependency.");
        }
    }
    Ok(())
}

fn units(text: &str, unit: &str, factor: f64) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    match lower.strip_suffix(unit) {
        Some(number) => {
            let number: f64 = number.trim().parse().ok()?;
            Some((number * factor) as i64)
        }
        None => lower.parse().ok(),
    }
}

fn fargate_has(definition: &Value) -> bool {
    let (Some(cpu), Some(memory)) = (int(definition, "cpu"), int(definition, "memory")) else {
        return false;
    };
    FARGATE.iter().any(|(of, first, last, step)| {
        *of == cpu && (*first..=*last).contains(&memory) && (memory - first) % step == 0
    })
}

/// What AWS adds to a task definition and the order it gives its sets back in.
fn fill_in(definition: &mut Value) {
    let fargate = texts(definition, "requiresCompatibilities").contains(&"FARGATE");
    fill(definition, "networkMode", json!(if fargate { "awsvpc" } else { "bridge" }));
    fill(definition, "volumes", json!([]));
    fill(definition, "placementConstraints", json!([]));
    fill(definition, "enableFaultInjection", json!(false));
    let mode = text(definition, "networkMode").unwrap_or_default().to_owned();
    let compatibilities = match mode.as_str() {
        "awsvpc" if fargate_has(definition) => json!(["EC2", "FARGATE"]),
        "awsvpc" => json!(["EC2"]),
        _ => json!(["EXTERNAL", "EC2"]),
    };
    set(definition, "compatibilities", compatibilities);
    let attributes = attributes(definition, &mode);
    set(definition, "requiresAttributes", attributes);
    for volume in list_mut(definition, "volumes").into_iter().flatten() {
        if ![
            "efsVolumeConfiguration",
            "dockerVolumeConfiguration",
            "fsxWindowsFileServerVolumeConfiguration",
            "configuredAtLaunch",
        ]
        .iter()
        .any(|name| has(volume, name))
        {
            fill(volume, "host", json!({}));
        }
    }
    for it in list_mut(definition, "containerDefinitions").into_iter().flatten() {
        fill(it, "cpu", json!(0));
        fill(it, "essential", json!(true));
        for name in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
            fill(it, name, json!([]));
        }
        for port in list_mut(it, "portMappings").into_iter().flatten() {
            fill(port, "protocol", json!("tcp"));
            if !has(port, "containerPortRange") {
                let host = if mode == "bridge" { json!(0) } else { port["containerPort"].clone() };
                fill(port, "hostPort", host);
            }
        }
        if let Some(check) = it.get_mut("healthCheck") {
            fill(check, "interval", json!(30));
            fill(check, "timeout", json!(5));
            fill(check, "retries", json!(3));
        }
        if let Some(policy) = it.get_mut("restartPolicy") {
            fill(policy, "restartAttemptPeriod", json!(300));
        }
        // Ports keep their order: Terraform compares them in it, and finds no difference on AWS.
        for name in ["environment", "secrets", "volumesFrom", "links"] {
            shuffle(list_mut(it, name).map_or(&mut [], Vec::as_mut_slice));
        }
    }
    for name in ["containerDefinitions", "requiresCompatibilities"] {
        shuffle(list_mut(definition, name).map_or(&mut [], Vec::as_mut_slice));
    }
}

fn attributes(definition: &Value, mode: &str) -> Value {
    let containers = list(definition, "containerDefinitions");
    let mut names = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18"];
    if mode == "awsvpc" {
        names.push("ecs.capability.task-eni");
    }
    if has(definition, "taskRoleArn") {
        names.push("com.amazonaws.ecs.capability.task-iam-role");
    }
    if containers.iter().any(|it| it["logConfiguration"]["logDriver"] == "awslogs") {
        names.push("com.amazonaws.ecs.capability.logging-driver.awslogs");
    }
    if containers.iter().any(|it| text(it, "image").is_some_and(|image| image.contains(".dkr.ecr."))) {
        names.push("com.amazonaws.ecs.capability.ecr-auth");
    }
    if containers.iter().any(|it| has(it, "healthCheck")) {
        names.push("ecs.capability.container-health-check");
    }
    names.into_iter().map(|name| json!({"name": name})).collect()
}
