//! Task definitions, services and scaling as people really write them, each wrapped into a document.
//!
//! The files lie beside the workspace; an index tells what is wrong with each. Where they are not there,
//! the test says so and passes.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};

use super::{fargate_task, wrapped_json, wrapped_yaml};
use crate::diagnostic::Diagnostic;
use crate::document::read;
use crate::shapes::{self, Op};
use crate::text::{self, Format};
use crate::tree::Tree;

/// One file with what the index says of it.
struct Sample {
    file: String,
    kind: String,
    status: String,
    notes: String,
    source: String,
}

fn folder() -> Option<PathBuf> {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    if folder.join("INDEX.tsv").is_file() {
        return Some(folder);
    }
    eprintln!("NOT TESTED: there is no corpus at {}, beside the workspace", folder.display());
    None
}

fn samples(of: &str) -> Vec<Sample> {
    let Some(folder) = folder() else { return Vec::new() };
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    index
        .lines()
        .skip(1)
        .filter(|line| line.starts_with(of))
        .map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let file = columns.next().unwrap();
            let source = std::fs::read_to_string(folder.join(&file)).unwrap();
            let kind = columns.nth(3).unwrap();
            let status = columns.next().unwrap();
            Sample { file, kind, status, notes: columns.next().unwrap_or_default(), source }
        })
        .collect()
}

/// Whether a document was made of the text, and what was found.
fn outcome(document: &str, format: Format) -> (bool, Vec<Diagnostic>) {
    match text::parse(document.as_bytes(), Some(format)) {
        Ok(parsed) => {
            let (document, found) = read(parsed);
            (document.is_some(), found)
        }
        Err(found) => (false, found),
    }
}

/// What is to be told of a fault.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Error,
    Warning,
}

/// Whether every text that stands at a member of this name spells a number.
fn spells_numbers(source: &str, name: &str) -> bool {
    let key = format!("\"{name}\"");
    let mut texts = source.split(&key).skip(1).filter_map(|rest| {
        rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?.split('"').next()
    });
    texts.all(|text| text.parse::<i64>().is_ok())
}

/// What the index says beyond nulls, empty texts, envelopes and response-only fields, as the ends of paths
/// with `*` for an index; an empty end is anywhere.
fn faults(sample: &Sample) -> Vec<(String, Told)> {
    let mut faults = Vec::new();
    let pointer =
        |path: &str| path.replace("[]", "/*").replace("[0]", "/0").replace("[1]", "/1").replace('.', "/");
    let anywhere = String::new;
    for part in sample.notes.split(" | ") {
        let (what, rest) = part.split_once(": ").unwrap_or((part, ""));
        match what {
            "botocore" => {
                for fault in rest.split("; ").filter(|f| !f.contains("NoneType")) {
                    let Some((path, types)) = fault.split_once(": ").filter(|(_, t)| t.contains(" where "))
                    else {
                        faults.push((anywhere(), Told::Error));
                        continue;
                    };
                    // A number that is written as text, or the other way round, is taken.
                    let name = path.rsplit('.').next().unwrap_or_default();
                    let coerced = types.starts_with("int where str")
                        || (types.starts_with("str where int") && spells_numbers(&sample.source, name));
                    let told = if coerced { Told::Warning } else { Told::Error };
                    faults.push((format!("/{}", pointer(path)), told));
                }
            }
            "enum" => {
                for fault in rest.split("; ") {
                    let (path, value) = fault.split_once('=').unwrap();
                    let template = ["{{", "${", "'<"].iter().any(|mark| value.contains(mark));
                    if !value.starts_with("''") {
                        let told = if template { Told::Warning } else { Told::Error };
                        faults.push((format!("/{}", pointer(path)), told));
                    }
                }
            }
            "extra/unknown" if sample.status == "unknown_fields" => {
                faults.extend(rest.split(", ").map(|name| (format!("/{}", pointer(name)), Told::Error)));
            }
            "semantic" => {
                let path = match rest {
                    _ if rest.contains("no image") => "/containerDefinitions/*",
                    _ if rest.contains("illegal characters") => "/family",
                    _ if rest.contains("hostPort") => "/portMappings/*/hostPort",
                    _ if rest.contains("w/o executionRoleArn") => {
                        // A public image needs no role.
                        let needs = ["\"awslogs\"", ".dkr.ecr.", "\"secrets\"", "\"repositoryCredentials\""];
                        if !needs.iter().any(|n| sample.source.contains(n)) {
                            continue;
                        }
                        "/containerDefinitions/*/*"
                    }
                    _ if rest.contains("placementStrategy") => "/placementStrategy",
                    _ if rest.contains("launchType and") => "/launchType",
                    _ => "",
                };
                faults.push((path.to_owned(), Told::Error));
            }
            "duplicate key(s)" => faults.push((format!("/{rest}"), Told::Error)),
            _ => {}
        }
    }
    faults
}

fn ends_with(path: &str, pattern: &str) -> bool {
    let (mut path, mut pattern) = (path.rsplit('/'), pattern.rsplit('/'));
    let mut fits =
        |segment: &str| segment.is_empty() || path.next().is_some_and(|p| segment == "*" || segment == p);
    pattern.all(&mut fits)
}

/// Holds a sample against what the index says; what to complain about otherwise.
fn judge(sample: &Sample, accepted: bool, found: &[Diagnostic]) -> Result<&'static str, String> {
    let shown = |what: &str| {
        let lines =
            found.iter().map(|d| format!("  {} {} {}: {}", d.severity.word(), d.code, d.path, d.message));
        Err(format!("{} ({}): {what}\n{}", sample.file, sample.notes, lines.collect::<Vec<_>>().join("\n")))
    };
    if let Some(lost) = found.iter().find(|d| d.at.is_none()) {
        return shown(&format!("no position for {}", lost.path));
    }
    let faults = faults(sample);
    for (fault, told) in &faults {
        let fits = |d: &&Diagnostic| d.is_error() || *told != Told::Error;
        if !found.iter().filter(fits).any(|d| ends_with(&d.path.to_string(), fault)) {
            return shown(&format!("nothing is told about {fault}"));
        }
    }
    let refused = sample.status == "parse_error" || faults.iter().any(|(_, told)| *told == Told::Error);
    // The index cuts long lists off.
    let open = sample.notes.contains("…+");
    match (accepted, refused) {
        (true, false) if sample.status == "valid" => Ok("valid, accepted"),
        (true, false) if found.is_empty() => shown("accepted without a word"),
        (true, false) => Ok("accepted with notes"),
        (false, true) => Ok("refused where it is wrong"),
        (false, false) if open => Ok("refused, where the index does not say all"),
        (true, true) => shown("accepted"),
        (false, false) => shown("refused"),
    }
}

fn report(of: &str, results: Vec<Result<&'static str, String>>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for result in results {
        match result {
            Ok(what) => *counts.entry(what).or_default() += 1,
            Err(what) => wrong.push(what),
        }
    }
    println!("{of}: {counts:?}");
    assert!(wrong.is_empty(), "{} of {of}\n{}", wrong.len(), wrong.join("\n"));
}

fn wrap(sample: &Sample, section: &str, beside: &str) -> (String, Format) {
    let source = sample.source.trim_start_matches('\u{feff}');
    match sample.file.ends_with("json") {
        true => (wrapped_json(section, source, beside), Format::Json),
        false => (wrapped_yaml(section, source, beside), Format::Yaml),
    }
}

#[test]
fn every_task_definition_of_the_corpus_is_judged_as_the_index_says() {
    let results = samples("taskdefs/").into_iter().map(|sample| {
        let (document, format) = wrap(&sample, "taskDefinitions/x", "");
        let (accepted, found) = outcome(&document, format);
        judge(&sample, accepted, &found)
    });
    report("task definitions", results.collect());
}

/// Every map below `tree` that has `member`.
fn having<'t>(tree: &'t Tree, member: &str, found: &mut Vec<&'t Tree>) {
    if tree.get(member).is_some() {
        found.push(tree);
    }
    for (_, value) in tree.entries() {
        having(value, member, found);
    }
    for item in tree.items() {
        having(item, member, found);
    }
}

/// A task definition that a service could run: with the containers, ports and volumes that it names.
fn task_for(service: &Tree) -> Tree {
    let mut containers: BTreeMap<String, Vec<Tree>> = BTreeMap::new();
    let mut found = Vec::new();
    having(service, "containerName", &mut found);
    for entry in found {
        let ports = containers.entry(entry.str("containerName").unwrap().to_owned()).or_default();
        ports.extend(entry.int("containerPort").map(|p| Tree::map().with("containerPort", p)));
    }
    let mut found = Vec::new();
    having(service, "portName", &mut found);
    for (i, entry) in found.into_iter().enumerate() {
        let port = Tree::map().with("containerPort", 9000 + i as i64);
        let port = port.with("name", entry.str("portName").unwrap());
        containers.entry("app".to_owned()).or_default().push(port);
    }
    if containers.is_empty() {
        containers.insert("app".to_owned(), Vec::new());
    }
    // An older deployment may have had others.
    let mut found = Vec::new();
    having(service, "volumeConfigurations", &mut found);
    let current =
        |t: &&Tree| t.get("deployments").is_some() || matches!(t.str("status"), None | Some("PRIMARY"));
    let volumes = found.into_iter().filter(current).flat_map(|t| t.list_of("volumeConfigurations"));
    let volumes = volumes
        .filter_map(|v| v.str("name"))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|name| Tree::map().with("name", name).with("configuredAtLaunch", true));
    let containers = containers.into_iter().map(|(name, ports)| {
        Tree::map().with("name", name).with("image", "x").with("memory", 128_i64).with("portMappings", ports)
    });
    let mut awsvpc = Vec::new();
    having(service, "awsvpcConfiguration", &mut awsvpc);
    let mut fargate = Vec::new();
    having(service, "launchType", &mut fargate);
    let fargate = fargate.iter().any(|s| s.str("launchType") == Some("FARGATE"))
        || service.to_json().contains("\"capacityProvider\":\"FARGATE");
    let task = match (fargate, awsvpc.is_empty()) {
        (true, _) => fargate_task(),
        (false, false) => Tree::map().with("networkMode", "awsvpc"),
        (false, true) => Tree::map(),
    };
    task.with("containerDefinitions", Tree::list(containers)).with("volumes", Tree::list(volumes))
}

#[test]
fn every_service_of_the_corpus_is_judged_as_the_index_says() {
    let results = samples("services/").into_iter().filter(|s| s.kind == "service").map(|sample| {
        let source = sample.source.trim_start_matches('\u{feff}');
        let tree = text::parse(source.as_bytes(), None).map(|p| p.tree).unwrap_or_default();
        let tree = shapes::canonical(tree, Op::EcsCreateService.input());
        let beside = format!("\"taskDefinition\": {}", task_for(&tree).to_json());
        let (document, format) = wrap(&sample, "services/x/service", &beside);
        let (accepted, found) = outcome(&document, format);
        judge(&sample, accepted, &found)
    });
    report("services", results.collect());
}

/// A load balancer that takes this listener: one of a network, where its protocol is one.
fn balancer_of(listener: &Tree) -> &'static str {
    match listener.str("protocol").or_else(|| listener.str("Protocol")) {
        Some("HTTP" | "HTTPS") => "|\"subnets\": [\"s\"]",
        Some(_) => "|\"type\": \"network\", \"subnets\": [\"s\"]",
        None => "|\"type\": \"gateway\", \"subnets\": [\"s\"]",
    }
}

/// The documents that hold what a file of this kind declares or shows, each in its place; none for a kind
/// that no document has.
fn documents(kind: &str, source: &str) -> Option<Vec<String>> {
    let tree = text::parse(source.as_bytes(), None).map(|p| p.tree).unwrap_or_default();
    let service = format!("\"service\": {{}}, \"taskDefinition\": {}", task_for(&Tree::Null).to_json());
    let lb = "|\"loadBalancers\": {\"lb\": {\"subnets\": [\"s\"], \"listeners\": {\"l\": {\"port\": 80, \"protocol\": \"HTTP\", \"defaultActions\": [{\"type\": \"forward\", \"targetGroupArn\": \"x\"}]}}}}";
    let target = format!("|\"minCapacity\": 1, \"maxCapacity\": 4|{service}");
    // Several in one answer, or one alone.
    let each = |member: &str| {
        let mut found = Vec::new();
        having(&tree, member, &mut found);
        match found[..] {
            [] => vec![tree.clone()],
            _ => found.into_iter().cloned().collect(),
        }
    };
    let exported = kind.strip_suffix("-export");
    let kind = exported.unwrap_or(kind);
    Some(match (kind.replace('-', "").as_str(), exported) {
        ("ttconfig", _) => {
            let beside = format!("\"policyType\": \"TargetTrackingScaling\"|{target}");
            let at = "services/x/scaling/policies/p/targetTrackingScalingPolicyConfiguration";
            vec![wrapped_json(at, source, &beside)]
        }
        ("stepconfig", _) => {
            let beside = format!("\"policyType\": \"StepScaling\"|{target}");
            let at = "services/x/scaling/policies/p/stepScalingPolicyConfiguration";
            vec![wrapped_json(at, source, &beside)]
        }
        ("scalingpolicy", None) => vec![wrapped_json("services/x/scaling/policies/p", source, &target)],
        ("scalingpolicy", Some(_)) => {
            let policies = each("PolicyARN").into_iter();
            policies.map(|p| wrapped_json("services/x/scaling/policies/p", &p.to_json(), &target)).collect()
        }
        ("scheduledaction", None) => {
            vec![wrapped_json("services/x/scaling/scheduledActions/a", source, &target)]
        }
        ("scheduledaction", Some(_)) => {
            let actions = each("ScheduledActionARN").into_iter();
            let at = "services/x/scaling/scheduledActions/a";
            actions.map(|a| wrapped_json(at, &a.to_json(), &target)).collect()
        }
        ("scalabletarget", _) => vec![wrapped_json("services/x/scaling", source, &service)],
        ("listener", None) => vec![wrapped_json("loadBalancers/lb/listeners/l", source, balancer_of(&tree))],
        ("listener", Some(_)) => each("DefaultActions")
            .into_iter()
            .map(|l| wrapped_json("loadBalancers/lb/listeners/l", &l.to_json(), balancer_of(&l)))
            .collect(),
        ("listenerrule" | "rule", _) => each("RuleArn")
            .into_iter()
            .map(|rule| rule.to_json())
            // The default rule is the listener's `defaultActions`.
            .filter(|rule| !rule.contains("\"IsDefault\":true"))
            .map(|rule| {
                let rule = rule.replacen('{', "{\"ListenerArn\": \"${listener:lb/l}\", ", 1);
                wrapped_json("services/x/listenerRules/r", &rule, &format!("|{service}|{lb}"))
            })
            .collect(),
        ("targetgroup", None) => vec![wrapped_json("targetGroups/g", source, "")],
        ("targetgroup", Some(_)) => each("TargetGroupArn")
            .into_iter()
            .map(|g| wrapped_json("targetGroups/g", &g.to_json(), ""))
            .collect(),
        ("loadbalancer", None) => vec![wrapped_json("loadBalancers/lb", source, "")],
        ("loadbalancer", Some(_)) => {
            let found = each("LoadBalancerArn").into_iter();
            found.map(|lb| wrapped_json("loadBalancers/lb", &lb.to_json(), "")).collect()
        }
        ("cluster", _) => vec![wrapped_json("clusters/c", source, "")],
        ("repository", _) => vec![wrapped_json("repositories/r", source, "")],
        ("loggroup", _) => vec![wrapped_json("logGroups/l", source, "")],
        _ => return None,
    })
}

#[test]
fn every_scaling_and_balancing_file_of_the_corpus_is_judged_as_the_index_says() {
    let mut results = Vec::new();
    for sample in samples("scaling/") {
        let source = sample.source.trim_start_matches('\u{feff}');
        let Some(documents) = documents(&sample.kind, source) else {
            eprintln!("NOT TESTED: {}: no document has a {}", sample.file, sample.kind);
            continue;
        };
        for document in documents {
            let (accepted, found) = outcome(&document, Format::Json);
            results.push(judge(&sample, accepted, &found));
        }
    }
    report("scaling and balancing", results);
}
