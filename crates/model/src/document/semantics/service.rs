//! A service against its task definition and its own members.

use std::collections::BTreeSet;

use super::task_definition::{Network, network};
use super::{Place, balancing, is_open, names, settled};
use crate::document::{Document, Service};
use crate::key::ServiceKey;
use crate::tree::Tree;

/// Members of Application Load Balancing and the mesh that name a port mapping: the list, and the member.
const PORT_NAMES: [(&str, &str); 2] =
    [("serviceConnectConfiguration/services", "portName"), ("vpcLatticeConfigurations", "portName")];

/// True where the service itself asks for Fargate.
pub(super) fn runs_on_fargate(input: &Tree) -> bool {
    input.str("launchType") == Some("FARGATE")
        || input
            .list_of("capacityProviderStrategy")
            .iter()
            .any(|p| p.str("capacityProvider").is_some_and(|p| p.starts_with("FARGATE")))
}

/// Checks a service.
pub(super) fn check(document: &Document, key: &ServiceKey, service: &Service, place: &mut Place<'_>) {
    let (task, input) = (&service.task_definition, &service.input);
    let controller = input.get("deploymentController").and_then(|c| c.str("type")).unwrap_or("ECS");
    if matches!(controller, "CODE_DEPLOY" | "EXTERNAL") {
        place
            .warning(
                "not-managed",
                "deploymentController/type",
                format!("services under the controller {controller} are reported and not managed"),
            )
            .hint("ECS has BLUE_GREEN, LINEAR and CANARY deployments of its own");
    }
    launch(task, input, place);
    if controller != "EXTERNAL" {
        networking(task, input, place);
    }
    deployment(input, controller, place);
    daemon(input, place);
    for member in ["loadBalancers", "serviceRegistries"] {
        entries(document, key, member, task, input, place);
    }
    port_names(task, input, place);
    volumes(task, input, place);
    if input.list_of("loadBalancers").is_empty() {
        if input.int("healthCheckGracePeriodSeconds").is_some_and(|s| s > 0) {
            place
                .warning(
                    "no-load-balancer",
                    "healthCheckGracePeriodSeconds",
                    "a grace period matters with a load balancer only",
                )
                .at_key();
        }
    } else if input.list_of("loadBalancers").len() > 5 {
        place.error("limit", "loadBalancers", "a service has at most 5 target groups");
    }
    if input.bool("enableExecuteCommand") == Some(true) && task.get("taskRoleArn").is_none() {
        let message = "commands in containers need `taskRoleArn` in the task definition";
        place.warning("no-task-role", "enableExecuteCommand", message);
    }
    if input.int("desiredCount").is_some_and(|count| count < 0) {
        place.error("limit", "desiredCount", "`desiredCount` is 0 or more");
    }
    names::tags(input, place);
}

/// Launch type, capacity providers and what goes with Fargate.
fn launch(task: &Tree, input: &Tree, place: &mut Place<'_>) {
    let strategy = input.list_of("capacityProviderStrategy");
    let launch_type = settled(input, "launchType");
    if input.get("launchType").is_some() && !strategy.is_empty() {
        let message = "a service has a launch type or a capacity provider strategy, not both";
        place.error("conflict", "launchType", message).at_key();
    }
    if strategy.iter().filter(|p| p.int("base").is_some_and(|b| b > 0)).count() > 1 {
        let message = "one capacity provider of a strategy has a base, not several";
        place.warning("conflict", "capacityProviderStrategy", message).at_key();
    }
    let compatibilities = task.list_of("requiresCompatibilities");
    if let Some(launch_type) = launch_type
        && !compatibilities.is_empty()
        && !compatibilities.iter().filter_map(Tree::as_str).any(|c| c == launch_type || is_open(c))
    {
        let message = format!("the task definition's `requiresCompatibilities` lacks {launch_type}");
        place.warning("conflict", "launchType", message);
    }
    if runs_on_fargate(input) {
        for member in ["placementStrategy", "placementConstraints"] {
            if !input.list_of(member).is_empty() {
                let message = format!("Fargate does not take `{member}`");
                match (member, launch_type) {
                    ("placementStrategy", Some(_)) => place.error("fargate", member, message).at_key(),
                    _ => place.warning("fargate", member, message).at_key(),
                };
            }
        }
    } else if input.get("platformVersion").is_some() && launch_type == Some("EC2") {
        let message = "a platform version goes with Fargate only";
        place.warning("conflict", "platformVersion", message).at_key();
    }
}

fn networking(task: &Tree, input: &Tree, place: &mut Place<'_>) {
    let configured = input.pointer("networkConfiguration/awsvpcConfiguration");
    match (network(task), configured) {
        (Network::Awsvpc, None) => {
            place.missing("", "networkConfiguration", " with network mode awsvpc");
        }
        (Network::Bridge | Network::Host | Network::None, Some(_)) => {
            place
                .error("conflict", "networkConfiguration", "this goes with network mode awsvpc only")
                .at_key()
                .hint("set `networkMode` in the task definition");
        }
        _ => {}
    }
    for (member, most) in [("subnets", 16), ("securityGroups", 5)] {
        let count = configured.map_or(0, |c| c.list_of(member).len());
        if count > most {
            let message = format!("a service has at most {most} {member}, not {count}");
            place.error("limit", &format!("networkConfiguration/awsvpcConfiguration/{member}"), message);
        }
    }
}

fn deployment(input: &Tree, controller: &str, place: &mut Place<'_>) {
    let is_daemon = input.str("schedulingStrategy") == Some("DAEMON");
    let rebalances = input.str("availabilityZoneRebalancing") == Some("ENABLED");
    if rebalances && is_daemon {
        let message = "rebalancing between zones does not go with the scheduling strategy DAEMON";
        place.error("conflict", "availabilityZoneRebalancing", message);
    }
    let Some(settings) = input.get("deploymentConfiguration") else { return };
    let (min, max) = (settings.int("minimumHealthyPercent"), settings.int("maximumPercent"));
    if min.is_some_and(|min| !(0..=100).contains(&min)) {
        let at = "deploymentConfiguration/minimumHealthyPercent";
        place.error("limit", at, "`minimumHealthyPercent` is 0 to 100");
    } else if max.is_some_and(|max| !(100..=200).contains(&max)) {
        let at = "deploymentConfiguration/maximumPercent";
        match max {
            Some(max) if max > 200 => place.warning("limit", at, "`maximumPercent` is usually 100 to 200"),
            _ => place.error("limit", at, "`maximumPercent` is at least 100"),
        };
    } else {
        let (least, most) = if is_daemon { (0, 100) } else { (100, 200) };
        let (least, most) = (min.unwrap_or(least), max.unwrap_or(most));
        if least >= most {
            let message = format!(
                "with {least} % at least and {most} % at most no deployment could ever replace a task"
            );
            match controller {
                "ECS" => place.error("blocked-deployment", "deploymentConfiguration", message),
                // Others replace whole task sets.
                _ => place.warning("blocked-deployment", "deploymentConfiguration", message),
            };
        }
    }
    if rebalances && max.is_some_and(|max| max <= 100) {
        let message = "rebalancing between zones needs a `maximumPercent` above 100";
        place.error("conflict", "deploymentConfiguration/maximumPercent", message);
    }
    let strategy = settings.str("strategy").unwrap_or("ROLLING");
    for (member, of) in [("linearConfiguration", "LINEAR"), ("canaryConfiguration", "CANARY")] {
        if settings.get(member).is_some() && strategy != of && !is_open(strategy) {
            let message = format!("`{member}` goes with the strategy {of} only");
            place.warning("conflict", &format!("deploymentConfiguration/{member}"), message).at_key();
        }
    }
    if matches!(strategy, "BLUE_GREEN" | "LINEAR" | "CANARY") {
        for (i, entry) in input.list_of("loadBalancers").iter().enumerate() {
            if entry.get("advancedConfiguration").is_none() && entry.get("targetGroupArn").is_some() {
                let message = format!("the strategy {strategy} needs `advancedConfiguration` here");
                place.warning("missing-required", &format!("loadBalancers/{i}"), message);
            }
        }
    }
}

fn daemon(input: &Tree, place: &mut Place<'_>) {
    if input.str("schedulingStrategy") != Some("DAEMON") {
        return;
    }
    if runs_on_fargate(input) {
        let message = "the scheduling strategy DAEMON does not go with Fargate";
        place.error("conflict", "schedulingStrategy", message);
    }
    if !input.list_of("placementStrategy").is_empty() {
        let message = "a DAEMON service takes no placement strategy";
        place.error("conflict", "placementStrategy", message).at_key();
    }
}

/// Entries that name a container and a port of it.
fn entries(
    document: &Document,
    key: &ServiceKey,
    member: &str,
    task: &Tree,
    input: &Tree,
    place: &mut Place<'_>,
) {
    let balancers = member == "loadBalancers";
    for (i, entry) in input.list_of(member).iter().enumerate() {
        let at = |member_of_it: &str| format!("{member}/{i}/{member_of_it}");
        if balancers {
            balancing::entry(document, key, entry, network(task), &mut place.element_of(member, i));
        }
        let Some(name) = entry.str("containerName") else {
            if balancers {
                place.missing(&format!("{member}/{i}"), "containerName", "");
            }
            continue;
        };
        if balancers && entry.int("containerPort").is_none() {
            place.missing(&format!("{member}/{i}"), "containerPort", "");
        }
        let containers = task.list_of("containerDefinitions");
        if is_open(name) || containers.is_empty() {
            continue;
        }
        let Some(container) = containers.iter().find(|c| c.str("name") == Some(name)) else {
            if !containers.iter().filter_map(|c| c.str("name")).any(is_open) {
                let message = format!("the task definition has no container `{name}`");
                place.error("no-such-container", &at("containerName"), message);
            }
            continue;
        };
        if let Some(port) = entry.int("containerPort")
            && !container.list_of("portMappings").iter().any(|m| maps(m, port))
        {
            let message = format!("container `{name}` maps no port {port}");
            place.error("no-such-port", &at("containerPort"), message);
        }
    }
}

/// Whether a port mapping has this container port, alone or in a range such as `8000-8010`.
fn maps(mapping: &Tree, port: i64) -> bool {
    let range = mapping.str("containerPortRange").and_then(|range| range.split_once('-'));
    let in_range = range.and_then(|(first, last)| {
        let (first, last) = (first.trim().parse::<i64>().ok()?, last.trim().parse::<i64>().ok()?);
        Some((first..=last).contains(&port))
    });
    mapping.int("containerPort") == Some(port) || in_range == Some(true)
}

/// Entries that name a port mapping of the task definition.
fn port_names(task: &Tree, input: &Tree, place: &mut Place<'_>) {
    let mut names: Option<BTreeSet<&str>> = None;
    for (list, member) in PORT_NAMES {
        let entries = input.pointer(list).map_or(&[][..], Tree::items);
        for (i, entry) in entries.iter().enumerate() {
            let Some(name) = entry.str(member).filter(|n| !is_open(n)) else { continue };
            let names = names.get_or_insert_with(|| {
                let containers = task.list_of("containerDefinitions").iter();
                containers.flat_map(|c| c.list_of("portMappings")).filter_map(|m| m.str("name")).collect()
            });
            if !names.contains(name) {
                let message = format!("the task definition has no port mapping called `{name}`");
                place.error("no-such-port", &format!("{list}/{i}/{member}"), message);
            }
        }
    }
}

/// Volumes that are configured at launch, on both sides.
fn volumes(task: &Tree, input: &Tree, place: &mut Place<'_>) {
    let at_launch = || {
        let volumes = task.list_of("volumes").iter();
        volumes.filter(|v| v.bool("configuredAtLaunch") == Some(true)).filter_map(|v| v.str("name"))
    };
    let configured = input.list_of("volumeConfigurations");
    for (i, volume) in configured.iter().enumerate() {
        let Some(name) = volume.str("name").filter(|n| !is_open(n)) else { continue };
        if !at_launch().any(|n| n == name) {
            let message = format!("the task definition has no volume `{name}` with `configuredAtLaunch`");
            place.error("no-such-volume", &format!("volumeConfigurations/{i}/name"), message);
        }
    }
    for name in at_launch() {
        if !configured.iter().any(|v| v.str("name") == Some(name)) {
            let message =
                format!("`volumeConfigurations` lacks volume `{name}`, which is configured at launch");
            place.error("missing-required", "volumeConfigurations", message).at_key();
        }
    }
}
