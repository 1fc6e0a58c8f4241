//! The shape tables and the SDK crates in use, member by member: what either lacks.
//!
//! The tables are made from botocore's models, the SDK from Smithy's; the two are published on different
//! days. A member that only the tables have is sent all the same, because trees go past the SDK's types;
//! one that only the SDK has is a field that the tables must learn.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel_model::shapes::{BOTOCORE_VERSION, Kind, Op, Service, ShapeId};

/// Differences that are known: what botocore's models had before the SDK's release had it.
const KNOWN: [&str; 11] = [
    "the SDK lacks ecr.ScanStatus IMAGE_SIZE_EXCEEDED",
    "the SDK lacks ecs.AttestationPolicyStatus",
    "the SDK lacks ecs.GatewayConnector.deregistrationdelay",
    "the SDK lacks ecs.GatewayConnectorDeregistrationDelay",
    "the SDK lacks ecs.IsolationMode",
    "the SDK lacks ecs.RegisterTaskDefinitionInput.trustedexecutionconfiguration",
    "the SDK lacks ecs.Task.trustedexecutionsummary",
    "the SDK lacks ecs.TaskDefinition.trustedexecutionconfiguration",
    "the SDK lacks ecs.TrustedExecutionConfiguration",
    "the SDK lacks ecs.TrustedExecutionSummary",
    "the SDK lacks logs.LogGroupClass ESSENTIALS",
];

fn crate_of(service: Service) -> &'static str {
    match service {
        Service::Ecs => "aws-sdk-ecs",
        Service::Elbv2 => "aws-sdk-elasticloadbalancingv2",
        Service::Scaling => "aws-sdk-applicationautoscaling",
        Service::Ecr => "aws-sdk-ecr",
        Service::Logs => "aws-sdk-cloudwatchlogs",
    }
}

/// The sources of the SDK crates that this workspace is built with, and their versions, by name.
fn sources() -> BTreeMap<String, (PathBuf, String)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(crate::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter_map(|package| {
            let name = package["name"].as_str()?;
            let folder = Path::new(package["manifest_path"].as_str()?).parent()?.join("src");
            Some((name.to_owned(), (folder, package["version"].as_str()?.to_owned())))
        })
        .collect()
}

/// What the types of an SDK crate have: the fields of structures, the values of enums. Spelled in one case
/// and without `_`, because Rust's names differ from the API's in both.
#[derive(Default)]
struct Types {
    structures: BTreeMap<String, BTreeSet<String>>,
    enums: BTreeMap<String, BTreeSet<String>>,
}

fn plain(name: &str) -> String {
    name.trim_start_matches("r#").chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

fn read(folder: &Path, types: &mut Types) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, types);
        } else if path.extension().is_some_and(|e| e == "rs") {
            read_file(&std::fs::read_to_string(&path).unwrap(), types);
        }
    }
}

fn read_file(text: &str, types: &mut Types) {
    let mut structure: Option<String> = None;
    let mut valued: Option<String> = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("pub struct ").and_then(|rest| rest.strip_suffix(" {")) {
            types.structures.entry(plain(name)).or_default();
            structure = Some(plain(name));
        } else if line == "}" {
            structure = None;
        } else if let Some(name) = line.strip_prefix("impl ").and_then(|rest| rest.strip_suffix(" {")) {
            valued = Some(plain(name));
        } else if let (Some(of), Some(field)) = (&structure, line.strip_prefix("    pub ")) {
            let name = field.split(':').next().unwrap_or_default();
            types.structures.entry(of.clone()).or_default().insert(plain(name));
        } else if line.contains("pub const fn values() -> &'static [&'static str]")
            && let Some(of) = &valued
        {
            let mut body = String::new();
            for line in lines.by_ref().take_while(|line| *line != "    }") {
                body.push_str(line);
            }
            let values = body.split('"').skip(1).step_by(2).map(str::to_owned);
            types.enums.entry(of.clone()).or_default().extend(values);
        }
    }
}

/// Every shape that an operation takes or answers with, and its name in the SDK.
fn reachable() -> BTreeMap<ShapeId, String> {
    let mut named: BTreeMap<ShapeId, String> = BTreeMap::new();
    let mut open = Vec::new();
    for op in Op::ALL {
        open.push((op.input(), format!("{}Input", op.name())));
        open.extend(op.output().map(|output| (output, format!("{}Output", op.name()))));
    }
    while let Some((shape, name)) = open.pop() {
        if named.contains_key(&shape) {
            continue;
        }
        named.insert(shape, name);
        let below: Vec<ShapeId> = match shape.kind() {
            Kind::Structure { members, .. } => members.iter().map(|m| m.shape).collect(),
            Kind::List { item, .. } => vec![item],
            Kind::Map { key, value, .. } => vec![key, value],
            _ => Vec::new(),
        };
        open.extend(below.into_iter().map(|shape| (shape, shape.name().to_owned())));
    }
    named
}

#[test]
fn the_tables_and_the_sdk_know_the_same_members_and_values() {
    let sources = sources();
    let mut types: BTreeMap<Service, Types> = BTreeMap::new();
    for service in Service::ALL {
        let (folder, version) = &sources[crate_of(service)];
        println!("{} {version} against botocore {BOTOCORE_VERSION}", crate_of(service));
        let of_service = types.entry(service).or_default();
        read(&folder.join("types"), of_service);
        read(&folder.join("operation"), of_service);
    }
    let mut differences = BTreeSet::new();
    let (mut structures, mut members, mut values) = (0, 0, 0);
    for (shape, name) in reachable() {
        let types = &types[&shape.service()];
        let at = format!("{}.{name}", shape.service());
        match shape.kind() {
            Kind::Structure { members: ours, union: false } => {
                let Some(theirs) = types.structures.get(&plain(&name)) else {
                    differences.insert(format!("the SDK lacks {at}"));
                    continue;
                };
                structures += 1;
                members += ours.len();
                let known: BTreeSet<String> = ours.iter().map(|m| plain(m.name)).collect();
                differences.extend(known.difference(theirs).map(|m| format!("the SDK lacks {at}.{m}")));
                differences.extend(theirs.difference(&known).map(|m| format!("the tables lack {at}.{m}")));
            }
            Kind::String { enums: ours @ [_, ..], .. } => {
                let Some(theirs) = types.enums.get(&plain(&name)) else {
                    differences.insert(format!("the SDK lacks {at}"));
                    continue;
                };
                let known: BTreeSet<String> = ours.iter().map(|v| (*v).to_owned()).collect();
                values += ours.len();
                differences.extend(known.difference(theirs).map(|v| format!("the SDK lacks {at} {v}")));
                differences.extend(theirs.difference(&known).map(|v| format!("the tables lack {at} {v}")));
            }
            _ => {}
        }
    }
    println!("{structures} structures, {members} members, {values} values");
    for difference in &differences {
        println!("{difference}");
    }
    assert!(structures > 150 && members > 900 && values > 250, "the SDK's sources were not understood");
    let known: BTreeSet<String> = KNOWN.iter().map(|k| (*k).to_owned()).collect();
    let new: Vec<_> = differences.difference(&known).collect();
    assert!(new.is_empty(), "new differences: {new:#?}");
    let gone: Vec<_> = known.difference(&differences).collect();
    assert!(gone.is_empty(), "no longer different: {gone:#?}");
}
