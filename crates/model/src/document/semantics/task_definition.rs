//! A task definition as a whole.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, containers, fargate, is_open, names, settled};
use crate::tree::Tree;

/// What containers share and are checked against.
pub(super) struct Task<'t> {
    /// `containerDefinitions` by name; of equal names the first.
    pub containers: BTreeMap<&'t str, &'t Tree>,
    /// Names of the volumes.
    pub volumes: BTreeSet<&'t str>,
    /// The network mode, unless it is not known.
    pub network: Network,
    /// Task-level memory in MiB.
    pub memory: Option<i64>,
    /// Task-level CPU units.
    pub cpu: Option<i64>,
    /// It is to run on Fargate.
    pub fargate: bool,
}

/// How containers reach the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Network {
    Bridge,
    Host,
    Awsvpc,
    None,
    /// A reference or template decides it.
    Open,
}

/// The network mode of a task definition.
pub(super) fn network(task: &Tree) -> Network {
    match task.str("networkMode") {
        Some("awsvpc") => Network::Awsvpc,
        Some("host") => Network::Host,
        Some("none") => Network::None,
        Some(mode) if is_open(mode) => Network::Open,
        None if declares_fargate(task) => Network::Awsvpc,
        _ if task.list_of("requiresCompatibilities").iter().filter_map(Tree::as_str).any(is_open) => {
            Network::Open
        }
        _ => Network::Bridge,
    }
}

/// True where the task definition itself asks for Fargate.
pub(super) fn declares_fargate(task: &Tree) -> bool {
    task.list_of("requiresCompatibilities").iter().any(|c| c.as_str() == Some("FARGATE"))
}

/// Checks a task definition; `on_fargate` where a service runs it there.
pub(super) fn check(tree: &Tree, on_fargate: bool, place: &mut Place<'_>) {
    let list = match tree.get("containerDefinitions") {
        // What has another type or is missing was told before.
        None => return,
        Some(list) => list.items(),
    };
    if list.is_empty() {
        let message = "a task definition needs at least one container";
        place.error("no-container", "containerDefinitions", message);
        return;
    }
    amounts(tree, place);
    let mut task = Task {
        containers: BTreeMap::new(),
        volumes: BTreeSet::new(),
        network: network(tree),
        memory: tree.str("memory").and_then(fargate::memory_mib),
        cpu: tree.str("cpu").and_then(fargate::cpu_units),
        fargate: on_fargate || declares_fargate(tree),
    };
    for (i, volume) in tree.list_of("volumes").iter().enumerate() {
        let Some(name) = volume.str("name") else { continue };
        if !task.volumes.insert(name) {
            place.error("duplicate-name", &format!("volumes/{i}/name"), "another volume has this name");
        }
    }
    for (i, container) in list.iter().enumerate() {
        let mut place = place.element_of("containerDefinitions", i);
        match container.str("name") {
            None => place.missing("", "name", ""),
            Some(name) if task.containers.contains_key(name) => {
                let message = format!("another container is called `{name}` too");
                place.error("duplicate-name", "name", message);
            }
            Some(name) => {
                task.containers.insert(name, container);
                if !is_open(name) && !names::is_name(name, 255) {
                    let message = "a container's name has 1 to 255 letters, digits, `-` and `_`";
                    place.error("bad-name", "name", message);
                }
            }
        }
    }
    if list.iter().all(|c| c.bool("essential") == Some(false)) {
        place.error("no-essential", "containerDefinitions", "at least one container must be essential");
    }
    for (i, container) in list.iter().enumerate() {
        containers::check(container, &task, &mut place.element_of("containerDefinitions", i));
    }
    totals(list, &task, place);
    ports(list, &task, place);
    waits(list, place);
    execution_role(tree, task.fargate, place);
    if task.fargate {
        fargate::check(tree, place);
    }
    names::tags(tree, place);
}

/// Amounts at the level of the task can be read.
fn amounts(tree: &Tree, place: &mut Place<'_>) {
    if let Some(cpu) = settled(tree, "cpu")
        && fargate::cpu_units(cpu).is_none()
    {
        place
            .error("bad-amount", "cpu", "this is no amount of CPU")
            .hint("units as in `\"1024\"`, or `\"1 vCPU\"`");
    }
    if let Some(memory) = settled(tree, "memory")
        && fargate::memory_mib(memory).is_none()
    {
        place
            .error("bad-amount", "memory", "this is no amount of memory")
            .hint("MiB as in `\"2048\"`, or `\"2 GB\"`");
    }
}

/// What containers reserve is there at the level of the task.
fn totals(list: &[Tree], task: &Task<'_>, place: &mut Place<'_>) {
    let total = |member: &str| list.iter().filter_map(|c| c.int(member)).sum::<i64>();
    let one_alone = |member: &str, most: i64| list.iter().any(|c| c.int(member).is_some_and(|n| n > most));
    if let Some(memory) = task.memory
        && !one_alone("memory", memory)
        && total("memory") > memory
    {
        let message =
            format!("the containers' memory together, {}, is more than the task's {memory}", total("memory"));
        place.warning("over-task", "memory", message);
    }
    if let Some(cpu) = task.cpu
        && total("cpu") > cpu
    {
        let message =
            format!("the containers' CPU together, {}, is more than the task's {cpu}", total("cpu"));
        place.warning("over-task", "cpu", message);
    }
}

/// Port mappings that containers of one task cannot both have.
fn ports(list: &[Tree], task: &Task<'_>, place: &mut Place<'_>) {
    let mut names = BTreeSet::new();
    let mut ports = BTreeSet::new();
    for (i, container) in list.iter().enumerate() {
        let mut place = place.element_of("containerDefinitions", i);
        for (j, mapping) in container.list_of("portMappings").iter().enumerate() {
            let mut place = place.element_of("portMappings", j);
            if let Some(name) = mapping.str("name")
                && !names.insert(name)
            {
                let message = format!("another port mapping is called `{name}` too");
                place.warning("duplicate-name", "name", message);
            }
            let protocol = mapping.str("protocol").unwrap_or("tcp");
            let (member, port) = match task.network {
                Network::Awsvpc | Network::Host => ("containerPort", mapping.int("containerPort")),
                _ => ("hostPort", mapping.int("hostPort").filter(|p| *p != 0)),
            };
            if let Some(port) = port
                && !ports.insert((port, protocol))
            {
                let message = format!("port {port} is mapped twice in this task");
                place.warning("duplicate-port", member, message);
            }
        }
    }
}

/// Containers that wait for each other in a circle would never start.
fn waits(list: &[Tree], place: &mut Place<'_>) {
    if list.iter().all(|c| c.list_of("dependsOn").is_empty()) {
        return;
    }
    let index: BTreeMap<&str, usize> =
        list.iter().enumerate().filter_map(|(i, c)| Some((c.str("name")?, i))).collect();
    let next = |i: usize| {
        list.get(i)
            .into_iter()
            .flat_map(|c| c.list_of("dependsOn"))
            .filter_map(|d| index.get(d.str("containerName")?).copied())
    };
    for start in 0..list.len() {
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = next(start).collect();
        while let Some(i) = open.pop() {
            if seen.insert(i) {
                open.extend(next(i));
            }
        }
        if seen.contains(&start) {
            let message = "this container depends on itself, directly or through others";
            place.error("cycle", &format!("containerDefinitions/{start}/dependsOn"), message).at_key();
        }
    }
}

/// Secrets and registry credentials are fetched in the execution role. That Fargate refuses a task
/// definition without it is known; elsewhere the task may be what fails.
fn execution_role(tree: &Tree, fargate: bool, place: &mut Place<'_>) {
    if tree.get("executionRoleArn").is_some() {
        return;
    }
    for (i, container) in tree.list_of("containerDefinitions").iter().enumerate() {
        let in_logs =
            container.get("logConfiguration").is_some_and(|l| !l.list_of("secretOptions").is_empty());
        for (member, needs) in [
            ("secrets", !container.list_of("secrets").is_empty()),
            ("logConfiguration/secretOptions", in_logs),
            ("repositoryCredentials", container.get("repositoryCredentials").is_some()),
        ] {
            if needs {
                let name = member.rsplit('/').next().unwrap_or(member);
                let message = format!("`{name}` needs `executionRoleArn` in the task definition");
                let at = format!("containerDefinitions/{i}/{member}");
                match fargate {
                    true => place.error("no-execution-role", &at, message).at_key(),
                    false => place.warning("no-execution-role", &at, message).at_key(),
                };
            }
        }
    }
}
