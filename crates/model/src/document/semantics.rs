//! What AWS would refuse only after half the work is done, told before anything is begun.

use std::collections::BTreeMap;

use super::Document;
use crate::diagnostic::Diagnostic;
use crate::path::Path;
use crate::text::looks_like_template;
use crate::tree::Tree;

mod fargate;

/// Checks what shapes alone cannot tell.
pub(super) fn check(document: &Document, out: &mut Vec<Diagnostic>) {
    top(document, out);
    for (key, service) in &document.services {
        let at = Path::of(["services", &service.item]);
        name(&key.name, 255, "a service name", &at, out);
        containers(&service.task_definition, &at.child("taskDefinition"), out);
        load_balancers(&service.task_definition, &service.input, &at.child("service"), out);
        network(&service.task_definition, &service.input, &at.child("service"), out);
        launch(&service.input, &at.child("service"), out);
        fargate::check(&service.task_definition, &at.child("taskDefinition"), out);
        templates(&service.task_definition, &at.child("taskDefinition"), out);
        templates(&service.input, &at.child("service"), out);
        if let Some(scaling) = &service.scaling {
            bounds(&scaling.target, &service.input, &at, out);
        }
    }
    for (family, tree) in &document.task_definitions {
        let at = Path::of(["taskDefinitions", family]);
        containers(tree, &at, out);
        fargate::check(tree, &at, out);
        templates(tree, &at, out);
    }
    priorities(document, out);
    for (name, group) in &document.target_groups {
        let at = match &group.service {
            Some(key) => match document.services.get(key) {
                Some(service) => Path::of(["services", &service.item, "targetGroups", &group.item]),
                None => continue,
            },
            None => Path::of(["targetGroups", &group.item]),
        };
        elb_name(name, "a target group's name", &at, out);
    }
    for (name, lb) in &document.load_balancers {
        let at = Path::of(["loadBalancers", &lb.item]);
        elb_name(name, "a load balancer's name", &at, out);
        let mut ports = BTreeMap::new();
        for (key, listener) in &lb.listeners {
            let Some(port) = listener.input.int("port") else {
                out.push(Diagnostic::error(
                    "missing-required",
                    at.child("listeners").child(key),
                    "`port` is required: it tells the listeners of a load balancer apart",
                ));
                continue;
            };
            if let Some(other) = ports.insert(port, key) {
                out.push(Diagnostic::error(
                    "duplicate-port",
                    at.child("listeners").child(key).child("port"),
                    format!("listener `{other}` has port {port} already"),
                ));
            }
        }
    }
}

/// Two rules cannot have one place on a listener.
fn priorities(document: &Document, out: &mut Vec<Diagnostic>) {
    let of_services = document.services.values().flat_map(|service| {
        let at = Path::of(["services", &service.item, "listenerRules"]);
        service.rules.iter().map(move |(name, rule)| (at.child(name), rule))
    });
    let of_listeners = document.load_balancers.values().flat_map(|lb| {
        lb.listeners.iter().flat_map(|(key, listener)| {
            let at = Path::of(["loadBalancers", &lb.item, "listeners", key, "rules"]);
            listener.rules.iter().map(move |(name, rule)| (at.child(name), rule))
        })
    });
    let mut taken = BTreeMap::new();
    for (at, rule) in of_listeners.chain(of_services) {
        if let Some(other) = taken.insert((&rule.listener, rule.priority), at.clone()) {
            out.push(
                Diagnostic::error(
                    "duplicate-priority",
                    at.child("priority"),
                    format!("the rule at `{other}` has priority {} on this listener already", rule.priority),
                )
                .with_hint("priorities are unique on a listener"),
            );
        }
    }
}

/// Placeholders that nobody replaced. Commands, environment and options are for the containers, and may
/// hold anything.
fn templates(tree: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    const FREE: [&str; 6] =
        ["command", "entryPoint", "environment", "healthCheck", "options", "dockerLabels"];
    match tree {
        Tree::Str(text) if looks_like_template(text) => out.push(
            Diagnostic::warning("unrendered-template", at.clone(), "this looks like an unrendered template")
                .with_hint("render it first; `$${` stands for `${`"),
        ),
        Tree::Map(map) => map
            .iter()
            .filter(|(name, _)| !FREE.contains(&&***name))
            .for_each(|(name, value)| templates(value, &at.child(name), out)),
        Tree::List(items) => {
            items.iter().enumerate().for_each(|(i, item)| templates(item, &at.child(i.to_string()), out));
        }
        _ => {}
    }
}

fn top(document: &Document, out: &mut Vec<Diagnostic>) {
    let reported = |out: &[Diagnostic], name: &str| out.iter().any(|d| d.path == Path::of([name]));
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if !document.account.is_empty() && !is_account(&document.account) && !reported(out, "account") {
        let mut d = Diagnostic::error("bad-account", Path::of(["account"]), "an account id has 12 digits");
        if document.account.bytes().all(|b| b.is_ascii_digit()) && document.account.len() < 12 {
            d = d.with_hint("put it in quotes with its leading zeros, which a number loses");
        }
        out.push(d);
    }
    if !document.name.is_empty() {
        name(&document.name, 128, "a document's name", &Path::of(["name"]), out);
    }
    for (key, value) in &document.tags {
        tag(key, value, &Path::of(["tags"]).child(key), out);
    }
}

fn tag(key: &str, value: &str, at: &Path, out: &mut Vec<Diagnostic>) {
    let lower = key.to_ascii_lowercase();
    if lower.starts_with("aws:") || lower.starts_with("evenkeel:") {
        out.push(Diagnostic::error(
            "reserved-tag",
            at.clone(),
            format!("tags that begin with `{}` are reserved", &lower[..=lower.find(':').unwrap_or(0)]),
        ));
    }
    if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
        out.push(Diagnostic::error(
            "limit",
            at.clone(),
            "a tag's key has 1 to 128 characters, its value at most 256",
        ));
    }
}

fn name(text: &str, most: usize, what: &str, at: &Path, out: &mut Vec<Diagnostic>) {
    let fits = !text.is_empty()
        && text.len() <= most
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !fits {
        out.push(
            Diagnostic::error(
                "bad-name",
                at.clone(),
                format!("{what} has 1 to {most} letters, digits, `-` and `_`"),
            )
            .at_key(),
        );
    }
}

fn elb_name(text: &str, what: &str, at: &Path, out: &mut Vec<Diagnostic>) {
    let fits = !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if !fits {
        out.push(
            Diagnostic::error(
                "bad-name",
                at.clone(),
                format!("{what} has 1 to 32 letters, digits and `-`, and no `-` at either end"),
            )
            .at_key(),
        );
    }
}

fn containers(task: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    // That it is not there at all is told by its shape.
    let Some(Tree::List(list)) = task.get("containerDefinitions") else { return };
    let at = at.child("containerDefinitions");
    if list.is_empty() {
        out.push(Diagnostic::error("no-container", at, "a task definition needs at least one container"));
        return;
    }
    let mut names = std::collections::BTreeSet::new();
    for (i, container) in list.iter().enumerate() {
        let here = at.child(i.to_string());
        match container.str("name") {
            None => out.push(Diagnostic::error("missing-required", here.clone(), "`name` is required")),
            Some(name) if !names.insert(name) => out.push(Diagnostic::error(
                "duplicate-name",
                here.child("name"),
                format!("another container is called `{name}` too"),
            )),
            Some(_) => {}
        }
        if container.str("image").is_none_or(str::is_empty) {
            out.push(Diagnostic::error("missing-required", here, "`image` is required"));
        }
    }
    if list.iter().all(|c| c.bool("essential") == Some(false)) {
        out.push(Diagnostic::error("no-essential", at, "at least one container must be essential"));
    }
}

fn load_balancers(task: &Tree, input: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    for (i, entry) in input.list_of("loadBalancers").iter().enumerate() {
        let here = at.child("loadBalancers").child(i.to_string());
        let Some(name) = entry.str("containerName") else {
            out.push(Diagnostic::error("missing-required", here, "`containerName` is required"));
            continue;
        };
        let container = task.list_of("containerDefinitions").iter().find(|c| c.str("name") == Some(name));
        let Some(container) = container else {
            out.push(Diagnostic::error(
                "no-such-container",
                here.child("containerName"),
                format!("the task definition has no container `{name}`"),
            ));
            continue;
        };
        let Some(port) = entry.int("containerPort") else {
            out.push(Diagnostic::error("missing-required", here, "`containerPort` is required"));
            continue;
        };
        let mappings = container.list_of("portMappings");
        if !mappings
            .iter()
            .any(|m| m.int("containerPort") == Some(port) || m.get("containerPortRange").is_some())
        {
            out.push(Diagnostic::error(
                "no-such-port",
                here.child("containerPort"),
                format!("container `{name}` maps no port {port}"),
            ));
        }
    }
}

fn network(task: &Tree, input: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    let fargate = task.list_of("requiresCompatibilities").iter().any(|c| c.as_str() == Some("FARGATE"));
    let awsvpc = match task.str("networkMode") {
        Some(mode) => mode == "awsvpc",
        None => fargate,
    };
    let configured = input.pointer("networkConfiguration/awsvpcConfiguration").is_some();
    if awsvpc && !configured {
        out.push(
            Diagnostic::error(
                "missing-required",
                at.clone(),
                "`networkConfiguration` is required with network mode awsvpc",
            )
            .at_key(),
        );
    } else if !awsvpc && configured {
        out.push(
            Diagnostic::error(
                "conflict",
                at.child("networkConfiguration"),
                "`networkConfiguration` goes with network mode awsvpc only",
            )
            .at_key(),
        );
    }
}

fn launch(input: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    if input.get("launchType").is_some() && !input.list_of("capacityProviderStrategy").is_empty() {
        out.push(
            Diagnostic::error(
                "conflict",
                at.child("launchType"),
                "a service has a launch type or a capacity provider strategy, not both",
            )
            .at_key(),
        );
    }
    let percent = |name: &str, default: i64| {
        input.pointer("deploymentConfiguration").and_then(|d| d.int(name)).unwrap_or(default)
    };
    let daemon = input.str("schedulingStrategy") == Some("DAEMON");
    let (min, max) = if daemon { (0, 100) } else { (100, 200) };
    let (min, max) = (percent("minimumHealthyPercent", min), percent("maximumPercent", max));
    if !daemon && min >= max {
        out.push(Diagnostic::error(
            "blocked-deployment",
            at.child("deploymentConfiguration"),
            format!("with {min} % at least and {max} % at most no deployment could ever replace a task"),
        ));
    }
}

fn bounds(target: &Tree, input: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    let here = at.child("scaling");
    let (Some(min), Some(max)) = (target.int("minCapacity"), target.int("maxCapacity")) else {
        out.push(
            Diagnostic::error("missing-required", here, "`minCapacity` and `maxCapacity` are required")
                .at_key(),
        );
        return;
    };
    if min > max {
        out.push(Diagnostic::error(
            "bounds",
            here.child("minCapacity"),
            format!("the least capacity, {min}, is greater than the greatest, {max}"),
        ));
    } else if let Some(count) = input.int("desiredCount")
        && !(min..=max).contains(&count)
    {
        out.push(Diagnostic::warning(
            "bounds",
            at.child("service").child("desiredCount"),
            format!("the service starts with a count between {min} and {max}, as `scaling` says"),
        ));
    }
}
