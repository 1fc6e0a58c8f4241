//! From a parsed text to a [`Document`].

use std::collections::{BTreeMap, BTreeSet};

use super::refs::{self, Malformed};
use super::schema::{self, Field};
use super::semantics;
use super::{Document, Ignore, Listener, LoadBalancer, Mode, Rule, Scaling, Service, Settings, TargetGroup};
use crate::diagnostic::{self, Diagnostic};
use crate::key::ServiceKey;
use crate::path::Path;
use crate::text::Parsed;
use crate::tree::{Map, Name, Tree};

/// The document in a parsed text with everything found in it, in the order of the text; no document
/// where anything found is an error.
pub fn read(parsed: Parsed) -> (Option<Document>, Vec<Diagnostic>) {
    let Parsed { tree, marks, mut diagnostics } = parsed;
    let checked =
        schema::check(&Field::Object(schema::DOCUMENT), tree.clone(), &Path::root(), &mut diagnostics);
    let document = build(&checked, &mut diagnostics);
    semantics::check(&document, &mut diagnostics);
    dangling(&document, &mut diagnostics);
    marks.place(&tree, &mut diagnostics);
    diagnostic::sort(&mut diagnostics);
    diagnostics.dedup();
    let refused = diagnostic::any_error(&diagnostics);
    ((!refused).then_some(document), diagnostics)
}

fn text(tree: &Tree, name: &str) -> String {
    tree.str(name).unwrap_or_default().to_owned()
}

fn text_map(tree: Option<&Tree>) -> BTreeMap<String, String> {
    tree.into_iter()
        .flat_map(Tree::entries)
        .filter_map(|(n, v)| Some((n.to_string(), v.as_str()?.to_owned())))
        .collect()
}

fn mode(tree: &Tree) -> Mode {
    match tree.str("mode") {
        Some("observe") => Mode::Observe,
        _ => Mode::Enforce,
    }
}

fn build(tree: &Tree, out: &mut Vec<Diagnostic>) -> Document {
    let settings = tree.get("settings").cloned().unwrap_or_default();
    let mut document = Document {
        name: text(tree, "name"),
        account: text(tree, "account"),
        region: text(tree, "region"),
        tags: text_map(tree.get("tags")),
        settings: Settings {
            mode: mode(&settings),
            heal: settings.str("heal") != Some("off"),
            max_concurrent_rollouts: settings
                .pointer("rollouts/maxConcurrent")
                .and_then(Tree::as_int)
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(Settings::default().max_concurrent_rollouts),
        },
        services: BTreeMap::new(),
        target_groups: BTreeMap::new(),
        load_balancers: BTreeMap::new(),
        task_definitions: BTreeMap::new(),
        clusters: BTreeMap::new(),
        repositories: BTreeMap::new(),
        log_groups: BTreeMap::new(),
    };
    let path = Path::root();
    for (item, group) in section(tree, "targetGroups") {
        target_group(&mut document, None, item, group, &path.child("targetGroups").child(item), out);
    }
    for (item, value) in section(tree, "loadBalancers") {
        load_balancer(&mut document, item, value, &path.child("loadBalancers").child(item), out);
    }
    type Items = fn(&mut Document) -> &mut BTreeMap<String, Tree>;
    let named: [(&str, &str, Items); 4] = [
        ("taskDefinitions", "family", |d| &mut d.task_definitions),
        ("clusters", "clusterName", |d| &mut d.clusters),
        ("repositories", "repositoryName", |d| &mut d.repositories),
        ("logGroups", "logGroupName", |d| &mut d.log_groups),
    ];
    for (of, member, map) in named {
        for (item, value) in section(tree, of) {
            let mut value = value.clone();
            let name = take_name(&mut value, &[member], item);
            value.take("deletion");
            if of == "taskDefinitions" {
                value.set("family", Tree::from(name.as_str()));
            }
            insert(map(&mut document), name, value, &path.child(of).child(item), out);
        }
    }
    for (item, value) in section(tree, "services") {
        service(&mut document, tree, item, value, &path.child("services").child(item), out);
    }
    depends_on(&mut document, tree, out);
    document
}

fn section<'t>(tree: &'t Tree, name: &str) -> impl Iterator<Item = (&'t Name, &'t Tree)> + use<'t> {
    tree.get(name).into_iter().flat_map(Tree::entries)
}

/// The AWS name: what the value carries under one of `members`, else its key.
fn take_name(value: &mut Tree, members: &[&str], item: &str) -> String {
    members
        .iter()
        .find_map(|m| value.take(m))
        .and_then(|n| n.as_str().map(str::to_owned))
        .unwrap_or_else(|| item.to_owned())
}

fn insert<K: Ord + std::fmt::Display, V>(
    map: &mut BTreeMap<K, V>,
    name: K,
    value: V,
    path: &Path,
    out: &mut Vec<Diagnostic>,
) {
    if map.contains_key(&name) {
        out.push(
            Diagnostic::error("duplicate-name", path.clone(), format!("`{name}` is declared twice")).at_key(),
        );
    }
    map.insert(name, value);
}

fn target_group(
    document: &mut Document,
    service: Option<&ServiceKey>,
    item: &str,
    value: &Tree,
    path: &Path,
    out: &mut Vec<Diagnostic>,
) {
    let mut input = value.clone();
    let attributes = text_map(input.take("attributes").as_ref());
    input.take("deletion");
    let name = take_name(&mut input, &["name"], item);
    input.set("name", Tree::from(name.as_str()));
    let group = TargetGroup { item: item.to_owned(), service: service.cloned(), input, attributes };
    insert(&mut document.target_groups, name, group, path, out);
}

fn rule(value: &Tree, listener: Option<&str>) -> Rule {
    let mut input = value.clone();
    let own = input.take("listenerArn").and_then(|l| l.as_str().map(str::to_owned));
    let priority = input.take("priority").and_then(|p| p.as_int()).unwrap_or_default();
    let listener = listener.map(str::to_owned).or(own).unwrap_or_default();
    Rule { listener, priority, input }
}

fn load_balancer(document: &mut Document, item: &str, value: &Tree, path: &Path, out: &mut Vec<Diagnostic>) {
    let mut input = value.clone();
    let listeners = input.take("listeners").unwrap_or_default();
    input.take("deletion");
    let name = take_name(&mut input, &["name"], item);
    input.set("name", Tree::from(name.as_str()));
    let listeners = listeners
        .entries()
        .map(|(key, value)| {
            let mut input = value.clone();
            let at = format!("${{listener:{item}/{key}}}");
            let rules = input.take("rules").unwrap_or_default();
            let rules = rules.entries().map(|(k, v)| (k.to_string(), rule(v, Some(&at)))).collect();
            (key.to_string(), Listener { input, rules })
        })
        .collect();
    let value = LoadBalancer { item: item.to_owned(), input, listeners };
    insert(&mut document.load_balancers, name, value, path, out);
}

/// `over` laid over `base`, member by member; lists are taken as a whole.
fn merge(base: &Tree, over: &Tree) -> Tree {
    match (base, over) {
        (Tree::Map(base), Tree::Map(over)) => {
            let mut merged: Map = base.clone();
            for (name, value) in over.iter() {
                let value = match base.get(name) {
                    Some(below) => merge(below, value),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Tree::Map(merged)
        }
        _ => over.clone(),
    }
}

fn service(
    document: &mut Document,
    root: &Tree,
    item: &str,
    value: &Tree,
    path: &Path,
    out: &mut Vec<Diagnostic>,
) {
    let merged = |member: &str| {
        let base = root.get("defaults").and_then(|d| d.get(member)).cloned().unwrap_or_default();
        merge(&base, value.get(member).unwrap_or(&Tree::map()))
    };
    let mut task_definition = merged("taskDefinition");
    let mut input = merged("service");
    let cluster = input
        .take("cluster")
        .and_then(|c| c.as_str().map(str::to_owned))
        .or_else(|| root.str("cluster").map(str::to_owned));
    let cluster = cluster.unwrap_or_else(|| {
        out.push(
            Diagnostic::error("no-cluster", path.clone(), "this service names no cluster")
                .with_hint("set `cluster` at the top of the document, or in this `service`")
                .at_key(),
        );
        String::new()
    });
    let cluster = crate::key::short_name(&cluster).to_owned();
    let name = take_name(&mut input, &["serviceName"], item);
    if task_definition.str("family").is_none() {
        task_definition.set("family", Tree::from(item));
    }
    let key = ServiceKey::new(cluster, name);
    for (member, tree, aws) in [
        ("taskDefinition", &task_definition, schema::WHOLE_TASK_DEFINITION),
        ("service", &input, schema::WHOLE_SERVICE),
    ] {
        // What stands in the service itself was checked there; what is missing can only be told now.
        if value.get(member).is_some() {
            let mut found = Vec::new();
            schema::shape_problems(aws, tree, &path.child(member), &mut found);
            out.extend(found.into_iter().filter(|d| d.code == "missing-required"));
        }
    }
    for (item, group) in section(value, "targetGroups") {
        target_group(document, Some(&key), item, group, &path.child("targetGroups").child(item), out);
    }
    let rules = section(value, "listenerRules")
        .map(|(name, value)| {
            let rule = rule(value, None);
            if rule.listener.is_empty() {
                out.push(
                    Diagnostic::error(
                        "missing-required",
                        path.child("listenerRules").child(name),
                        "`listenerArn` is required",
                    )
                    .with_hint("an ARN, or `${listener:LOAD-BALANCER/NAME}`")
                    .at_key(),
                );
            }
            (name.to_string(), rule)
        })
        .collect();
    let service = Service {
        item: item.to_owned(),
        task_definition,
        input,
        rules,
        scaling: value.get("scaling").map(scaling),
        depends_on: Vec::new(),
        mode: mode(value),
        suspend: value.bool("suspend").unwrap_or(false),
        restart: value.str("restart").map(str::to_owned),
        ignore: ignores(value, path, out),
    };
    for (container, how) in section(value, "images") {
        if how.as_str() != Some("asWritten") {
            out.push(
                Diagnostic::warning(
                    "not-yet",
                    path.child("images").child(container),
                    "this version sends every image as written; a moved tag is not followed",
                )
                .at_key(),
            );
        }
    }
    insert(&mut document.services, key, service, path, out);
}

fn scaling(value: &Tree) -> Scaling {
    let mut target = value.clone();
    let mut each = |member: &str| {
        let map = target.take(member).unwrap_or_default();
        map.entries().map(|(n, v)| (n.to_string(), v.clone())).collect()
    };
    let policies = each("policies");
    let scheduled_actions = each("scheduledActions");
    Scaling { target, policies, scheduled_actions }
}

/// The parts of a service in which a path can be ignored.
const IGNORABLE: [&str; 4] = ["taskDefinition", "service", "listenerRules", "scaling"];

fn ignores(value: &Tree, path: &Path, out: &mut Vec<Diagnostic>) -> Vec<Ignore> {
    let mut ignores = Vec::new();
    for (i, item) in value.list_of("ignore").iter().enumerate() {
        let at = path.child("ignore").child(i.to_string());
        let ignored = match text(item, "path").parse::<Path>() {
            Ok(ignored) if ignored.segments().next().is_some_and(|s| IGNORABLE.contains(&s)) => ignored,
            Ok(ignored) if !ignored.is_root() => {
                out.push(
                    Diagnostic::error("bad-path", at.child("path"), "no difference is ever found there")
                        .with_hint(format!(
                            "begin it with one of {}",
                            IGNORABLE.map(|s| format!("`/{s}`")).join(", ")
                        )),
                );
                continue;
            }
            _ => {
                out.push(
                    Diagnostic::error("bad-path", at.child("path"), "this is not a path")
                        .with_hint("for example `/service/healthCheckGracePeriodSeconds`"),
                );
                continue;
            }
        };
        let until = item.str("until").map(str::parse::<jiff::civil::Date>);
        let until = match until.transpose() {
            Ok(until) => until,
            Err(_) => {
                out.push(
                    Diagnostic::error("bad-date", at.child("until"), "this is not a date")
                        .with_hint("for example `2027-01-31`"),
                );
                continue;
            }
        };
        ignores.push(Ignore { path: ignored, reason: text(item, "reason"), until });
    }
    ignores
}

fn depends_on(document: &mut Document, root: &Tree, out: &mut Vec<Diagnostic>) {
    let mut found: BTreeMap<ServiceKey, Vec<ServiceKey>> = BTreeMap::new();
    for (item, value) in section(root, "services") {
        let Some(key) = document.service_named(item).cloned() else { continue };
        for (i, other) in value.list_of("dependsOn").iter().enumerate() {
            let at = Path::of(["services", item, "dependsOn"]).child(i.to_string());
            let Some(other) = other.as_str() else { continue };
            match document.service_named(other).cloned() {
                Some(other) => found.entry(key.clone()).or_default().push(other),
                None => out.push(Diagnostic::error(
                    "dangling-reference",
                    at,
                    format!("the document has no service `{other}`"),
                )),
            }
        }
    }
    // A service that can be reached from itself would wait for itself.
    for start in found.keys() {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&ServiceKey> = found.get(start).into_iter().flatten().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(found.get(next).into_iter().flatten());
            }
        }
        if seen.contains(start)
            && let Some(service) = document.services.get(start)
        {
            out.push(
                Diagnostic::error(
                    "cycle",
                    Path::of(["services", &service.item, "dependsOn"]),
                    "this service depends on itself, directly or through others",
                )
                .at_key(),
            );
        }
    }
    for (key, others) in found {
        if let Some(service) = document.services.get_mut(&key) {
            service.depends_on = others;
        }
    }
}

/// References to what the document does not have.
fn dangling(document: &Document, out: &mut Vec<Diagnostic>) {
    let mut look = |service: Option<&ServiceKey>, at: Path, tree: &Tree| {
        refs::find(tree, &mut |path, reference| {
            let here = at.join(path);
            match reference {
                Ok(reference) if document.has(service, &reference) => {}
                Ok(reference) => out.push(Diagnostic::error(
                    "dangling-reference",
                    here,
                    format!("`{reference}` names nothing in this document"),
                )),
                Err(Malformed(written)) => out.push(
                    Diagnostic::error("bad-reference", here, format!("`{written}` has not the form of a reference"))
                        .with_hint("`${targetGroup:NAME}`, `${loadBalancer:NAME}`, `${listener:LOAD-BALANCER/NAME}`, `${listenerRule:SERVICE/NAME}`, `${repository:NAME}`"),
                ),
            }
        });
    };
    for (key, service) in &document.services {
        let at = Path::of(["services", &service.item]);
        look(Some(key), at.child("taskDefinition"), &service.task_definition);
        look(Some(key), at.child("service"), &service.input);
        for (name, rule) in &service.rules {
            let at = at.child("listenerRules").child(name);
            look(Some(key), at.child("listenerArn"), &Tree::from(rule.listener.as_str()));
            look(Some(key), at, &rule.input);
        }
        for (name, policy) in service.scaling.iter().flat_map(|s| &s.policies) {
            look(Some(key), at.child("scaling").child("policies").child(name), policy);
        }
    }
    for lb in document.load_balancers.values() {
        let at = Path::of(["loadBalancers", &lb.item]);
        for (name, listener) in &lb.listeners {
            let at = at.child("listeners").child(name);
            look(None, at.clone(), &listener.input);
            for (name, rule) in &listener.rules {
                look(None, at.child("rules").child(name), &rule.input);
            }
        }
    }
    for (family, tree) in &document.task_definitions {
        look(None, Path::of(["taskDefinitions", family]), tree);
    }
    misplaced(document, out);
}

/// References where nothing resolves them.
fn misplaced(document: &Document, out: &mut Vec<Diagnostic>) {
    let mut look = |at: Path, tree: &Tree| {
        refs::find(tree, &mut |path, _| {
            out.push(Diagnostic::error(
                "misplaced-reference",
                at.join(path),
                "a reference cannot stand here",
            ));
        });
    };
    let named: [(&str, &BTreeMap<String, Tree>); 3] = [
        ("clusters", &document.clusters),
        ("repositories", &document.repositories),
        ("logGroups", &document.log_groups),
    ];
    for (section, items) in named {
        for (name, tree) in items {
            look(Path::of([section, name]), tree);
        }
    }
    for group in document.target_groups.values() {
        let service = group.service.as_ref().and_then(|k| document.services.get(k));
        let at = service.map_or_else(Path::root, |s| Path::of(["services", &s.item]));
        look(at.child("targetGroups").child(&group.item), &group.input);
    }
    for lb in document.load_balancers.values() {
        look(Path::of(["loadBalancers", &lb.item]), &lb.input);
    }
    for service in document.services.values() {
        let at = Path::of(["services", &service.item, "scaling"]);
        if let Some(scaling) = &service.scaling {
            look(at.clone(), &scaling.target);
            for (name, action) in &scaling.scheduled_actions {
                look(at.child("scheduledActions").child(name), action);
            }
        }
    }
}
