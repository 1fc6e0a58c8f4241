//! Recordings of live resources in CloudFormation's spelling: brought into that of AWS's own calls.

use std::path::Path;
use std::rc::Rc;

use evenkeel_diff::{Kind, attribute_default, listener_attribute_default};
use evenkeel_model::Tree;
use evenkeel_model::shapes::{self, ShapeId};
use serde_json::{Map, Value};

use crate::pair::{Pair, files, read};

/// Members that CloudFormation calls by another name.
const RENAMED: [(&str, &str); 9] = [
    ("PlacementStrategies", "placementStrategy"),
    ("ProxyConfigurationProperties", "properties"),
    ("ClusterSettings", "settings"),
    ("ImageTagMutabilityExclusionFilterType", "filterType"),
    ("ImageTagMutabilityExclusionFilterValue", "filter"),
    ("TargetGroupStickinessConfig", "targetGroupStickinessConfig"),
    ("MetricStat", "metricStat"),
    ("PredictiveScalingMaxCapacityBreachBehavior", "maxCapacityBreachBehavior"),
    ("PredictiveScalingSchedulingBufferTime", "schedulingBufferTime"),
];

/// What CloudFormation keeps to itself, and tags, which are not compared here.
const OWN: [&str; 4] = ["EmptyOnDelete", "ForceNewDeployment", "Targets", "Tags"];

/// All pairs of the folder of recordings beside the workspace; none, and a note, where there is none.
pub fn recordings() -> Vec<Pair> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/live");
    if !folder.is_dir() {
        eprintln!("NOT TESTED: there are no recordings at {}, beside the workspace", folder.display());
        return Vec::new();
    }
    let values: Vec<(String, Value)> = files(&folder)
        .into_iter()
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read(&path)))
        .collect();
    let shifted = shifted_rules(&values);
    values.iter().flat_map(|(name, value)| pairs(name, value, &shifted)).collect()
}

/// ARNs of the rules whose weights ECS writes, from all services of the folder.
fn shifted_rules(values: &[(String, Value)]) -> Vec<String> {
    let mut found = Vec::new();
    for (_, value) in values {
        for side in [&value["resource"]["declared"], &value["liveRaw"]] {
            for balancer in side["LoadBalancers"].as_array().into_iter().flatten() {
                for rule in ["ProductionListenerRule", "TestListenerRule"] {
                    found.extend(balancer["AdvancedConfiguration"][rule].as_str().map(str::to_owned));
                }
            }
        }
    }
    found
}

fn kind_of(resource_type: &str) -> Option<Kind> {
    Some(match resource_type.strip_prefix("AWS::")? {
        "ECS::TaskDefinition" => Kind::TaskDefinition,
        "ECS::Service" => Kind::Service,
        "ECS::Cluster" => Kind::Cluster,
        "ElasticLoadBalancingV2::TargetGroup" => Kind::TargetGroup,
        "ElasticLoadBalancingV2::LoadBalancer" => Kind::LoadBalancer,
        "ElasticLoadBalancingV2::Listener" | "ElasticLoadBalancingV2::ListenerCertificate" => Kind::Listener,
        "ElasticLoadBalancingV2::ListenerRule" => Kind::Rule,
        "ApplicationAutoScaling::ScalableTarget" => Kind::ScalableTarget,
        "ApplicationAutoScaling::ScalingPolicy" => Kind::ScalingPolicy,
        "ECR::Repository" => Kind::Repository,
        "Logs::LogGroup" => Kind::LogGroup,
        _ => return None,
    })
}

fn pairs(file: &str, value: &Value, shifted: &[String]) -> Vec<Pair> {
    let resource = &value["resource"];
    let mut declared = resource["declared"].as_object().cloned().unwrap_or_default();
    let mut live = value["liveRaw"].as_object().cloned().unwrap_or_default();
    // What CloudFormation cannot read back says nothing.
    let unread = value["schema"]["writeOnly"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let gaps = value["expected"].as_array().into_iter().flatten();
    let gaps = gaps.filter(|e| e["tier"] == "readGap").filter_map(|e| e["path"].as_str());
    for name in unread.chain(gaps).map(|path| path.split('.').next().unwrap_or(path)).chain(OWN) {
        declared.remove(name);
        live.remove(name);
    }
    let Some(kind) = kind_of(resource["resourceType"].as_str().unwrap_or_default()) else {
        // No table knows it: it is compared as any unknown member is.
        let wrap = |side: Map<String, Value>| Tree::map().with("recorded", lower(Value::Object(side)));
        return vec![Pair::new(file, Kind::LogGroup, wrap(declared), wrap(live))];
    };
    // CloudFormation makes a name up where none is declared; a document always has one.
    for (name, of) in
        [("Name", Kind::TargetGroup), ("Name", Kind::LoadBalancer), ("Family", Kind::TaskDefinition)]
    {
        if of == kind && !declared.contains_key(name) {
            declared.extend(live.get(name).map(|v| (name.to_owned(), v.clone())));
        }
    }
    let taken = |side: &mut Map<String, Value>, name: &str| side.remove(name).unwrap_or_default();
    let attributes = ["TargetGroupAttributes", "ListenerAttributes", "LoadBalancerAttributes"]
        .map(|name| (attribute_map(taken(&mut declared, name)), attribute_map(taken(&mut live, name))));
    let actions = (taken(&mut declared, "ScheduledActions"), taken(&mut live, "ScheduledActions"));
    let mut pairs = scheduled_actions(file, actions);

    if kind == Kind::Rule && is_shifted(&declared, &live, shifted) {
        // The plan leaves the actions of such a rule to ECS.
        declared.remove("Actions");
        live.remove("Actions");
    }
    let side = |side: Map<String, Value>| canonical(Value::Object(side), kind.shape());
    let (declared, raw) = (side(declared), side(live));
    let group = raw.clone();
    let mut pair = Pair::new(file, kind, declared, raw);
    let [of_group, of_listener, _] = attributes;
    if kind == Kind::TargetGroup {
        pair = pair.with_attributes(Rc::new(move |n| attribute_default(&group, n)), of_group.0, of_group.1);
    } else if kind == Kind::Listener {
        let default = Rc::new(move |n: &str| listener_attribute_default(&group, n));
        pair = pair.with_attributes(default, of_listener.0, of_listener.1);
    }
    pairs.push(pair);
    pairs
}

/// A rule that a service's deployments move: named by a service of the folder, or recorded as ECS leaves
/// it: one group declared, two there, all the traffic at one of them.
fn is_shifted(declared: &Map<String, Value>, live: &Map<String, Value>, shifted: &[String]) -> bool {
    if live.get("RuleArn").and_then(Value::as_str).is_some_and(|arn| shifted.iter().any(|s| s == arn)) {
        return true;
    }
    let groups = |side: &Map<String, Value>| {
        side["Actions"][0]["ForwardConfig"]["TargetGroups"].as_array().cloned().unwrap_or_default()
    };
    let (declared, live) = (groups(declared), groups(live));
    let mut weights: Vec<i64> = live.iter().filter_map(|g| g["Weight"].as_i64()).collect();
    weights.sort_unstable();
    declared.len() < 2 && weights == [0, 100]
}

fn scheduled_actions(file: &str, (declared, live): (Value, Value)) -> Vec<Pair> {
    let kind = Kind::ScheduledAction;
    let named = |side: &Value, name: &Value| {
        side.as_array().into_iter().flatten().find(|a| a["ScheduledActionName"] == *name).cloned()
    };
    let declared = declared.as_array().cloned().unwrap_or_default();
    declared
        .into_iter()
        .map(|action| {
            let name = &action["ScheduledActionName"];
            let found = named(&live, name).unwrap_or_else(|| panic!("{file}: {name} is not there"));
            let file = format!("{file} {name}");
            Pair::new(file, kind, canonical(action.clone(), kind.shape()), canonical(found, kind.shape()))
        })
        .collect()
}

fn attribute_map(list: Value) -> Tree {
    Tree::of(list.as_array().into_iter().flatten().filter_map(|a| {
        let value = match &a["Value"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some((a["Key"].as_str()?.to_owned(), Tree::from(value)))
    }))
}

/// Names with the first letter in lower case, all the way down.
fn lower(value: Value) -> Tree {
    match value {
        Value::Object(map) => {
            Tree::of(map.into_iter().map(|(name, value)| (lower_first(&name), lower(value))))
        }
        Value::Array(items) => Tree::list(items.into_iter().map(lower)),
        other => Tree::from(other),
    }
}

fn lower_first(name: &str) -> String {
    let (first, rest) = name.split_at(name.chars().next().map_or(0, char::len_utf8));
    first.to_ascii_lowercase() + rest
}

/// In the names of the shape, however CloudFormation writes their letters.
fn canonical(value: Value, shape: ShapeId) -> Tree {
    match (shape.kind(), value) {
        (shapes::Kind::Structure { members, .. }, Value::Object(map)) => {
            Tree::of(map.into_iter().map(|(name, value)| {
                let renamed = RENAMED.iter().find(|(n, _)| *n == name).map_or(name.as_str(), |(_, to)| to);
                match members.iter().find(|m| m.name.eq_ignore_ascii_case(renamed)) {
                    Some(member) => (member.name.to_owned(), canonical(value, member.shape)),
                    None => (lower_first(&name), lower(value)),
                }
            }))
        }
        (shapes::Kind::List { item, .. }, Value::Array(items)) => {
            Tree::list(items.into_iter().map(|v| canonical(v, item)))
        }
        (shapes::Kind::Map { .. }, value) => Tree::from(value),
        (_, value) => shapes::canonical(Tree::from(value), shape),
    }
}
