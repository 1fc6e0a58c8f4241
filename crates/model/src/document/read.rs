//! From a parsed text to a [`Document`].

use std::collections::{BTreeMap, BTreeSet};

use super::behaviour;
use super::conform::{self, Moved, Walk};
use super::links;
use super::refs;
use super::schema;
use super::semantics;
use super::treatment::{Adopt, Treatment};
use super::{Document, Ignore, Listener, LoadBalancer, Priority, Rule, Scaling, Service, TargetGroup};
use crate::diagnostic::{self, Diagnostic};
use crate::key::{ServiceKey, UnitKey};
use crate::path::Path;
use crate::text::{self, Marks, Parsed};
use crate::tree::{Map, Name, Tree};

/// The document in a parsed text with everything found in it, in the order of the text; no document
/// where anything found is an error.
pub fn read(parsed: Parsed) -> (Option<Document>, Vec<Diagnostic>) {
    let (document, _, diagnostics) = read_all(parsed);
    let refused = diagnostic::any_error(&diagnostics);
    ((!refused).then_some(document), diagnostics)
}

/// What a parsed text says, errors or not, and everything found in it.
pub(super) fn read_all(parsed: Parsed) -> (Document, Marks, Vec<Diagnostic>) {
    let Parsed { tree, marks, mut diagnostics } = parsed;
    let (document, moved) = read_tree(tree, &mut diagnostics);
    place(&marks, &moved, &mut diagnostics);
    diagnostic::sort(&mut diagnostics);
    diagnostics.dedup();
    (document, marks, diagnostics)
}

/// The same of a tree, without positions.
pub(super) fn read_tree(tree: Tree, diagnostics: &mut Vec<Diagnostic>) -> (Document, Vec<Moved>) {
    let mut walk = Walk::new(diagnostics);
    let checked = walk.field(&schema::ROOT, tree);
    let moved = walk.moved;
    let document = build(checked, diagnostics);
    semantics::check(&document, diagnostics);
    links::check(&document, diagnostics);
    (document, moved)
}

/// Gives findings their positions. The tree as it was read has become the document by now: a document
/// without findings is not copied, for one with findings the text is read once more.
fn place(marks: &Marks, moved: &[Moved], diagnostics: &mut [Diagnostic]) {
    if diagnostics.iter().all(|d| d.at.is_some()) {
        return;
    }
    let text = marks.text();
    let Ok(Parsed { tree, .. }) = text::parse(text.source().as_bytes(), Some(text.format())) else { return };
    let mut places = marks.places(&tree);
    for d in diagnostics.iter_mut().filter(|d| d.at.is_none()) {
        // What was taken out of an envelope stands in the text where it was: the innermost counts.
        let within = moved.iter().filter(|m| d.path.starts_with(&m.now) && d.code != "envelope");
        d.at = match within.max_by_key(|m| m.now.segments().len()) {
            Some(via) => {
                let rest = d.path.segments().skip(via.now.segments().len());
                places.locate(&Path::of(via.was.segments().chain(rest)), d.key)
            }
            None => places.locate(&d.path, d.key),
        };
    }
}

fn string(tree: &Tree, name: &str) -> String {
    tree.str(name).unwrap_or_default().to_owned()
}

fn text_map(tree: Option<&Tree>) -> BTreeMap<String, String> {
    tree.into_iter()
        .flat_map(Tree::entries)
        .filter_map(|(n, v)| Some((n.to_string(), v.as_str()?.to_owned())))
        .collect()
}

fn build(mut tree: Tree, out: &mut Vec<Diagnostic>) -> Document {
    let services = tree.take("services").unwrap_or_default();
    let tree = &tree;
    let settings = tree.get("settings").cloned().unwrap_or_default();
    let mut document = Document {
        name: string(tree, "name"),
        account: string(tree, "account"),
        region: string(tree, "region"),
        tags: text_map(tree.get("tags")),
        settings: behaviour::settings(&settings, &Path::of(["settings"]), out),
        services: BTreeMap::new(),
        target_groups: BTreeMap::new(),
        load_balancers: BTreeMap::new(),
        task_definitions: BTreeMap::new(),
        clusters: BTreeMap::new(),
        repositories: BTreeMap::new(),
        log_groups: BTreeMap::new(),
        items: refs::Items::default(),
        treatment: Treatment::of(tree),
        kept_back: BTreeMap::new(),
    };
    let path = Path::root();
    for (item, group) in section(tree, "targetGroups") {
        let path = path.child("targetGroups").child(item);
        target_group(&mut document, None, None, item, group.clone(), &path, out);
    }
    for (item, value) in section(tree, "loadBalancers") {
        load_balancer(&mut document, item, value, &path.child("loadBalancers").child(item), out);
    }
    type Items = fn(&mut Document) -> &mut BTreeMap<String, Tree>;
    type Unit = fn(String) -> UnitKey;
    let named: [(&'static str, &str, Items, Unit); 4] = [
        ("taskDefinitions", "family", |d| &mut d.task_definitions, UnitKey::TaskDefinition),
        ("clusters", "clusterName", |d| &mut d.clusters, UnitKey::Cluster),
        ("repositories", "repositoryName", |d| &mut d.repositories, UnitKey::Repository),
        ("logGroups", "logGroupName", |d| &mut d.log_groups, UnitKey::LogGroup),
    ];
    for (of, member, map, unit) in named {
        for (item, value) in section(tree, of) {
            let mut value = value.clone();
            let name = take_name(&mut value, &[member], item);
            document.treatment.deletes(unit(name.clone()), &mut value);
            document.treatment.adopts(unit(name.clone()), Adopt::of(&value));
            value.take("adopt");
            if of == "taskDefinitions" {
                value.set("family", Tree::from(name.as_str()));
            }
            document.items.other(of, item, &name);
            insert(map(&mut document), name, value, &path.child(of).child(item), out);
        }
    }
    let mut waits = Vec::new();
    if let Tree::Map(services) = services {
        for (item, mut value) in services {
            let depends = value.take("dependsOn").unwrap_or_default();
            let key = service(&mut document, tree, &item, value, &path.child("services").child(&item), out);
            waits.push((key, item, depends));
        }
    }
    depends_on(&mut document, waits, out);
    document
}

fn section<'t>(tree: &'t Tree, name: &str) -> impl Iterator<Item = (&'t Name, &'t Tree)> + use<'t> {
    tree.get(name).into_iter().flat_map(Tree::entries)
}

/// The entries of a member that is taken out.
fn taken(tree: &mut Tree, name: &str) -> impl Iterator<Item = (Name, Tree)> + use<> {
    let map = match tree.take(name) {
        Some(Tree::Map(map)) => map,
        _ => Map::default(),
    };
    map.into_iter()
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
    around: Option<&Adopt>,
    item: &str,
    mut input: Tree,
    path: &Path,
    out: &mut Vec<Diagnostic>,
) {
    let attributes = text_map(input.take("attributes").as_ref());
    let adopt = Adopt::of(&input).or_else(|| around.cloned());
    input.take("adopt");
    let name = take_name(&mut input, &["name"], item);
    input.set("name", Tree::from(name.as_str()));
    document.treatment.adopts(UnitKey::TargetGroup(name.clone()), adopt);
    document.treatment.deletes(UnitKey::TargetGroup(name.clone()), &mut input);
    document.items.target_group(service, item, &name);
    let group = TargetGroup { item: item.to_owned(), service: service.cloned(), input, attributes };
    insert(&mut document.target_groups, name, group, path, out);
}

fn rule(mut input: Tree, listener: Option<&str>, path: &Path, out: &mut Vec<Diagnostic>) -> Rule {
    let adopt = Adopt::of(&input);
    input.take("adopt");
    drop_mirrors(&mut input, path, out);
    let own = input.take("listenerArn").and_then(|l| l.as_str().map(str::to_owned));
    let priority = priority(&input.take("priority").unwrap_or_default());
    let listener = listener.map(str::to_owned).or(own).unwrap_or_default();
    Rule { listener, priority, input, adopt }
}

fn priority(tree: &Tree) -> Priority {
    match (tree.int("from"), tree.int("to")) {
        (Some(from), Some(to)) => Priority::Within { from, to },
        _ => Priority::At(tree.as_int().unwrap_or_default()),
    }
}

/// AWS's answers show the values of a condition twice: where they belong, and as the condition's own
/// `values`, which a call must not have beside them.
fn drop_mirrors(rule: &mut Tree, path: &Path, out: &mut Vec<Diagnostic>) {
    let Some(Tree::List(conditions)) = rule.as_map_mut().and_then(|r| r.get_mut("conditions")) else {
        return;
    };
    for (i, condition) in conditions.iter_mut().enumerate() {
        let Some(values) = condition.get("values") else { continue };
        let configured = condition.entries().any(|(name, config)| {
            name.ends_with("Config") && (values.is_empty() || config.get("values") == Some(values))
        });
        if configured {
            condition.take("values");
            let at = path.child("conditions").child(i.to_string()).child("values");
            let message = "`values` is left out: it repeats what the condition's configuration says";
            out.push(Diagnostic::note("dropped", at, message).at_key());
        }
    }
}

fn load_balancer(document: &mut Document, item: &str, value: &Tree, path: &Path, out: &mut Vec<Diagnostic>) {
    let mut input = value.clone();
    let listeners = input.take("listeners").unwrap_or_default();
    input.take("adopt");
    let name = take_name(&mut input, &["name"], item);
    input.set("name", Tree::from(name.as_str()));
    document.treatment.adopts(UnitKey::LoadBalancer(name.clone()), Adopt::of(value));
    document.treatment.deletes(UnitKey::LoadBalancer(name.clone()), &mut input);
    let listeners = listeners
        .entries()
        .map(|(key, value)| {
            let mut input = value.clone();
            let at = format!("${{listener:{item}/{key}}}");
            let adopt = Adopt::of(value);
            input.take("adopt");
            let below = path.child("listeners").child(key).child("rules");
            let rules = taken(&mut input, "rules")
                .map(|(k, v)| {
                    let mut rule = rule(v, Some(&at), &below.child(&k), out);
                    rule.adopt = rule.adopt.or_else(|| adopt.clone());
                    (k.to_string(), rule)
                })
                .collect();
            (key.to_string(), Listener { input, adopt, rules })
        })
        .collect();
    document.items.load_balancer(item, &name);
    let value = LoadBalancer { item: item.to_owned(), input, listeners };
    insert(&mut document.load_balancers, name, value, path, out);
}

/// `over` laid over `base`, member by member; lists are taken as a whole.
fn merge(base: &Tree, over: Tree) -> Tree {
    match (base, over) {
        (Tree::Map(base), Tree::Map(over)) => {
            let mut merged: Map = base.clone();
            for (name, value) in over {
                let value = match base.get(&name) {
                    Some(below) => merge(below, value),
                    None => value,
                };
                merged.insert(name, value);
            }
            Tree::Map(merged)
        }
        (_, over) => over,
    }
}

fn service(
    document: &mut Document,
    root: &Tree,
    item: &str,
    mut value: Tree,
    path: &Path,
    out: &mut Vec<Diagnostic>,
) -> ServiceKey {
    let given = ["taskDefinition", "service"].map(|member| value.get(member).is_some());
    let mut merged = |member: &str| {
        let over = value.take(member).unwrap_or_else(Tree::map);
        match root.get("defaults").and_then(|d| d.get(member)) {
            Some(base) => merge(base, over),
            None => over,
        }
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
    if input.str("schedulingStrategy") == Some("DAEMON") && input.take("desiredCount").is_some() {
        let message = "`desiredCount` is left out: a DAEMON service runs one task on each instance";
        let at = path.child("service").child("desiredCount");
        out.push(Diagnostic::warning("dropped", at, message).at_key());
    }
    if task_definition.str("family").is_none() {
        task_definition.set("family", Tree::from(item));
    }
    let key = ServiceKey::new(cluster, name);
    // What stands in the service itself was checked there; what is missing can only be told now.
    for ((member, tree, aws), given) in [
        ("taskDefinition", &task_definition, schema::WHOLE_TASK_DEFINITION),
        ("service", &input, schema::WHOLE_SERVICE),
    ]
    .into_iter()
    .zip(given)
    {
        if given {
            conform::still_missing(aws, tree, &path.child(member), out);
        }
    }
    let adopt = Adopt::of(&value);
    for (item, group) in taken(&mut value, "targetGroups") {
        let path = path.child("targetGroups").child(&item);
        target_group(document, Some(&key), adopt.as_ref(), &item, group, &path, out);
    }
    let rules = taken(&mut value, "listenerRules")
        .map(|(name, value)| {
            let rule = rule(value, None, &path.child("listenerRules").child(&name), out);
            if rule.listener.is_empty() {
                out.push(
                    Diagnostic::error(
                        "missing-required",
                        path.child("listenerRules").child(&name),
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
        scaling: value.take("scaling").map(scaling),
        depends_on: Vec::new(),
        mode: behaviour::mode(&value),
        behaviour: behaviour::of_service(&value, path, out),
        suspend: value.bool("suspend").unwrap_or(false),
        recreate: value.str("replace") == Some("recreate"),
        restart: value.str("restart").map(str::to_owned),
        ignore: ignores(&value, path, out),
    };
    for (container, how) in section(&value, "images") {
        let containers = service.task_definition.list_of("containerDefinitions");
        if !containers.iter().any(|c| c.str("name") == Some(container)) {
            let message = format!("the task definition has no container `{container}`");
            let at = path.child("images").child(container);
            out.push(Diagnostic::error("no-such-container", at, message).at_key());
        }
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
    document.items.service(item, &key);
    document.treatment.adopts(UnitKey::Service(key.clone()), adopt);
    document.treatment.deletes(UnitKey::Service(key.clone()), &mut value);
    insert(&mut document.services, key.clone(), service, path, out);
    key
}

fn scaling(mut target: Tree) -> Scaling {
    let mut each = |member: &str| taken(&mut target, member).map(|(n, v)| (n.to_string(), v)).collect();
    let policies = each("policies");
    let scheduled_actions = each("scheduledActions");
    Scaling { target, policies, scheduled_actions }
}

/// The parts of a service in which a path can be ignored.
const IGNORABLE: [&str; 5] = ["taskDefinition", "service", "targetGroups", "listenerRules", "scaling"];

fn ignores(value: &Tree, path: &Path, out: &mut Vec<Diagnostic>) -> Vec<Ignore> {
    let mut ignores = Vec::new();
    for (i, item) in value.list_of("ignore").iter().enumerate() {
        let at = path.child("ignore").child(i.to_string());
        let ignored = match string(item, "path").parse::<Path>() {
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
        ignores.push(Ignore { path: ignored, reason: string(item, "reason"), until });
    }
    ignores
}

fn depends_on(document: &mut Document, waits: Vec<(ServiceKey, Name, Tree)>, out: &mut Vec<Diagnostic>) {
    let mut found: BTreeMap<ServiceKey, Vec<ServiceKey>> = BTreeMap::new();
    for (key, item, depends) in waits {
        for (i, other) in depends.items().iter().enumerate() {
            let Some(other) = other.as_str() else { continue };
            match document.service_named(other).cloned() {
                Some(other) => found.entry(key.clone()).or_default().push(other),
                None => out.push(Diagnostic::error(
                    "dangling-reference",
                    Path::of(["services", &item, "dependsOn"]).child(i.to_string()),
                    format!("the document has no service `{other}`"),
                )),
            }
        }
    }
    // A service that can be reached from itself would wait for itself.
    let suspects = waiting_forever(&found);
    for start in &suspects {
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

/// The services whose turn never comes when each waits for those it depends on: on a cycle, or behind one.
fn waiting_forever(depends: &BTreeMap<ServiceKey, Vec<ServiceKey>>) -> Vec<ServiceKey> {
    let mut open: BTreeMap<&ServiceKey, usize> = depends.iter().map(|(k, v)| (k, v.len())).collect();
    let mut behind: BTreeMap<&ServiceKey, Vec<&ServiceKey>> = BTreeMap::new();
    let mut ready = Vec::new();
    for (key, others) in depends {
        for other in others {
            behind.entry(other).or_default().push(key);
            if !depends.contains_key(other) {
                ready.push(other);
            }
        }
    }
    ready.sort();
    ready.dedup();
    while let Some(done) = ready.pop() {
        for waiting in behind.remove(done).unwrap_or_default() {
            if let Some(left) = open.get_mut(waiting) {
                *left -= 1;
                if *left == 0 {
                    open.remove(waiting);
                    ready.push(waiting);
                }
            }
        }
    }
    open.into_keys().cloned().collect()
}
