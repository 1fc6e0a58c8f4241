//! One container of a task definition.

use super::task_definition::{Network, Task};
use super::{Place, is_open};
use crate::tree::Tree;

/// Options without which the log driver awslogs does not start; the last on Fargate only.
const AWSLOGS_OPTIONS: [&str; 2] = ["awslogs-group", "awslogs-stream-prefix"];

/// Members that do nothing or are refused under the network mode awsvpc.
const NOT_WITH_AWSVPC: [&str; 4] = ["hostname", "dnsServers", "dnsSearchDomains", "extraHosts"];

/// The ranges of a health check's members.
const HEALTH_CHECK: [(&str, i64, i64); 4] =
    [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)];

/// Checks a container among those of its task.
pub(super) fn check(container: &Tree, task: &Task<'_>, place: &mut Place<'_>) {
    if container.str("image").is_none_or(str::is_empty) {
        place.missing("", "image", "");
    }
    memory(container, task, place);
    port_mappings(container, task, place);
    depends_on(container, task, place);
    links(container, task, place);
    volumes(container, task, place);
    environment(container, place);
    health_check(container, place);
    logs(container, task, place);
    if task.network == Network::Awsvpc {
        for member in NOT_WITH_AWSVPC {
            if container.get(member).is_some_and(|v| !v.is_empty() && v.as_str() != Some("")) {
                let message = format!("`{member}` is not supported under the network mode awsvpc");
                place.warning("not-with-awsvpc", member, message).at_key();
            }
        }
    }
}

fn memory(container: &Tree, task: &Task<'_>, place: &mut Place<'_>) {
    let (hard, soft) = (container.int("memory"), container.int("memoryReservation"));
    if let (Some(hard), Some(soft)) = (hard, soft)
        && soft > hard
    {
        let message = format!("the reservation, {soft}, is more than the container's memory, {hard}");
        place.error("over-memory", "memoryReservation", message);
    }
    for (member, amount) in [("memory", hard), ("memoryReservation", soft)] {
        if let (Some(amount), Some(most)) = (amount, task.memory)
            && amount > most
        {
            let message = format!("this container is given {amount} MiB, more than the task's {most}");
            place.error("over-task", member, message);
        }
    }
    if hard.is_none() && soft.is_none() && task.memory.is_none() && !task.fargate {
        // Open where the task's memory is a template.
        place
            .warning("no-memory", "", "outside Fargate a container needs `memory` or `memoryReservation`")
            .at_key()
            .hint("or `memory` for the whole task");
    }
}

fn port_mappings(container: &Tree, task: &Task<'_>, place: &mut Place<'_>) {
    for (i, mapping) in container.list_of("portMappings").iter().enumerate() {
        let (port, host) = (mapping.int("containerPort"), mapping.int("hostPort"));
        for (member, port) in [("containerPort", port), ("hostPort", host)] {
            if port.is_some_and(|p| !(0..=65535).contains(&p)) {
                place.error("limit", &format!("portMappings/{i}/{member}"), "a port is at most 65535");
            }
        }
        let mode = match task.network {
            Network::Awsvpc => "awsvpc",
            Network::Host => "host",
            _ => continue,
        };
        if let (Some(port), Some(host)) = (port, host.filter(|h| *h != 0))
            && port != host
        {
            let message =
                format!("under the network mode {mode} the host port is the container's: {port}, not {host}");
            let at = format!("portMappings/{i}/hostPort");
            match task.network {
                Network::Awsvpc => place.error("host-port", &at, message),
                _ => place.warning("host-port", &at, message),
            }
            .hint("leave `hostPort` out");
        }
    }
}

fn depends_on(container: &Tree, task: &Task<'_>, place: &mut Place<'_>) {
    for (i, dependency) in container.list_of("dependsOn").iter().enumerate() {
        let Some(name) = dependency.str("containerName") else { continue };
        let at = |member: &str| format!("dependsOn/{i}/{member}");
        let Some(other) = task.containers.get(name) else {
            if !is_open(name) {
                let message = format!("the task definition has no container `{name}`");
                place.error("no-such-container", &at("containerName"), message);
            }
            continue;
        };
        match dependency.str("condition") {
            Some("HEALTHY") if other.get("healthCheck").is_none() => {
                let message = format!("container `{name}` has no health check that could become healthy");
                place.error("no-health-check", &at("condition"), message);
            }
            Some("COMPLETE" | "SUCCESS") if other.bool("essential") != Some(false) => {
                let message = format!("container `{name}` is essential: when it ends, so does the task");
                place.warning("essential-ends", &at("condition"), message);
            }
            _ => {}
        }
    }
}

fn links(container: &Tree, task: &Task<'_>, place: &mut Place<'_>) {
    let links = container.list_of("links");
    if links.is_empty() {
        return;
    }
    if matches!(task.network, Network::Awsvpc | Network::Host) {
        if !task.fargate {
            place.warning("links", "links", "links work in the network mode bridge only").at_key();
        }
        return;
    }
    for (i, link) in links.iter().enumerate() {
        let Some(name) = link.as_str().and_then(|l| l.split(':').next()) else { continue };
        if !task.containers.contains_key(name) && !is_open(name) {
            let message = format!("the task definition has no container `{name}`");
            place.warning("no-such-container", &format!("links/{i}"), message);
        }
    }
}

fn volumes(container: &Tree, task: &Task<'_>, place: &mut Place<'_>) {
    for (i, mount) in container.list_of("mountPoints").iter().enumerate() {
        let Some(name) = mount.str("sourceVolume") else { continue };
        if !task.volumes.contains(name) && !is_open(name) {
            let message = format!("the task definition has no volume `{name}`");
            place.error("no-such-volume", &format!("mountPoints/{i}/sourceVolume"), message);
        }
    }
    for (i, from) in container.list_of("volumesFrom").iter().enumerate() {
        let Some(name) = from.str("sourceContainer") else { continue };
        if !task.containers.contains_key(name) && !is_open(name) {
            let message = format!("the task definition has no container `{name}`");
            place.warning("no-such-container", &format!("volumesFrom/{i}/sourceContainer"), message);
        }
    }
}

/// Names only are looked at, and none is quoted.
fn environment(container: &Tree, place: &mut Place<'_>) {
    let variables = sorted(container.list_of("environment"));
    for (at, (name, i)) in variables.iter().enumerate() {
        if name.is_none_or(str::is_empty) {
            place.missing(&format!("environment/{i}"), "name", "");
        } else if has_twin_before(&variables, at) {
            let mut place = place.element_of("environment", *i);
            let message = "another variable has this name, and the last of them counts";
            place.warning("duplicate-name", "name", message).hint("keep one of them");
        }
    }
    let secrets = sorted(container.list_of("secrets"));
    for (at, (name, i)) in secrets.iter().enumerate().filter(|(_, (name, _))| name.is_some()) {
        let mut place = place.element_of("secrets", *i);
        if has_twin_before(&secrets, at) {
            place.warning("duplicate-name", "name", "another secret has this name");
        } else if *name != Some("") && variables.binary_search_by(|(other, _)| other.cmp(name)).is_ok() {
            place.warning("duplicate-name", "name", "a variable in `environment` has this name too");
        }
    }
}

/// The names of a list's elements in their order, each with its place in the list.
fn sorted(list: &[Tree]) -> Vec<(Option<&str>, usize)> {
    let mut names: Vec<_> = list.iter().enumerate().map(|(i, item)| (item.str("name"), i)).collect();
    names.sort_unstable();
    names
}

/// True where an element that stands before it in its list has its name.
fn has_twin_before(sorted: &[(Option<&str>, usize)], at: usize) -> bool {
    let name = |at: usize| sorted.get(at).map(|(name, _)| name);
    at > 0 && name(at - 1) == name(at)
}

fn health_check(container: &Tree, place: &mut Place<'_>) {
    let Some(check) = container.get("healthCheck") else { return };
    match check.list_of("command").first().and_then(Tree::as_str) {
        None => place.missing("healthCheck", "command", ""),
        Some("CMD" | "CMD-SHELL" | "NONE") => {}
        Some(first) if is_open(first) => {}
        Some(_) => {
            place
                .warning("health-check", "healthCheck/command", "this begins with neither CMD nor CMD-SHELL")
                .hint("`[\"CMD-SHELL\", \"curl -f http://localhost/ || exit 1\"]`");
        }
    }
    for (member, least, most) in HEALTH_CHECK {
        if check.int(member).is_some_and(|n| !(least..=most).contains(&n)) {
            let message = format!("`{member}` of a health check is {least} to {most}");
            place.warning("limit", &format!("healthCheck/{member}"), message);
        }
    }
}

fn logs(container: &Tree, task: &Task<'_>, place: &mut Place<'_>) {
    let Some(logs) = container.get("logConfiguration") else { return };
    if logs.str("logDriver") != Some("awslogs") {
        return;
    }
    let given = |option: &str| {
        logs.get("options").is_some_and(|o| o.get(option).is_some())
            || logs.list_of("secretOptions").iter().any(|s| s.str("name") == Some(option))
    };
    let needed = if task.fargate { &AWSLOGS_OPTIONS[..] } else { &AWSLOGS_OPTIONS[..1] };
    for option in needed.iter().filter(|o| !given(o)) {
        place.missing("logConfiguration/options", option, " for the log driver awslogs");
    }
}
