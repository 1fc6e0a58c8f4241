//! Brings both sides into one form before they are compared.
//!
//! AWS describes some things in another form than it takes them: a load balancer's subnets come back
//! as availability zones, a lone target group of a forward twice, Service Connect on a deployment. Where
//! something is said twice and the two do not agree, both count, so that neither hides the other.

use evenkeel_model::{Map, Tree};

use crate::kind::Kind;
use crate::whole::Whole;

/// A described resource in the form in which it would be declared.
pub fn described(kind: Kind, mut tree: Tree) -> Tree {
    match kind {
        Kind::LoadBalancer => load_balancer(&mut tree),
        Kind::Service | Kind::TargetGroup => {
            let whole = Whole::described(kind, &tree);
            let found: Vec<(&str, Tree)> = kind
                .shape()
                .members()
                .iter()
                .filter_map(|m| Some((m.name, whole.get(m.name)?.clone())))
                .collect();
            for (name, value) in found {
                tree.set(name, value);
            }
        }
        _ => {}
    }
    declared(kind, tree)
}

/// A declared resource in the one spelling that is compared.
pub fn declared(kind: Kind, mut tree: Tree) -> Tree {
    match kind {
        Kind::Listener => actions(&mut tree, "defaultActions"),
        Kind::Rule => {
            actions(&mut tree, "actions");
            conditions(&mut tree);
        }
        Kind::LoadBalancer if !tree.list_of("subnetMappings").is_empty() => {
            let mapped = tree.list_of("subnetMappings").iter().filter_map(|m| m.get("subnetId"));
            let subnets = joined(tree.list_of("subnets"), mapped);
            tree.set("subnets", Tree::from(subnets));
        }
        _ => {}
    }
    tree
}

/// All of both, each once.
fn joined<'t>(first: &[Tree], second: impl IntoIterator<Item = &'t Tree>) -> Vec<Tree> {
    let mut all = first.to_vec();
    for tree in second {
        if !all.contains(tree) {
            all.push(tree.clone());
        }
    }
    all
}

/// Zones become subnets, and subnet mappings where they have addresses.
fn load_balancer(tree: &mut Tree) {
    let mappings: Vec<Tree> = tree
        .list_of("availabilityZones")
        .iter()
        .filter_map(|zone| {
            let mut mapping = Tree::map().with("subnetId", zone.get("subnetId")?.clone());
            let addresses = zone.list_of("loadBalancerAddresses");
            for (described, member) in [
                ("allocationId", "allocationId"),
                ("privateIPv4Address", "privateIPv4Address"),
                ("iPv6Address", "iPv6Address"),
            ] {
                if let Some(value) = addresses.iter().find_map(|a| a.get(described)) {
                    mapping.set(member, value.clone());
                }
            }
            Some(mapping)
        })
        .collect();
    if !mappings.is_empty() {
        tree.set("subnetMappings", Tree::from(mappings));
    }
    if let Some(value) = tree.take("loadBalancerName") {
        tree.set("name", value);
    }
}

/// A lone `targetGroupArn` becomes a `forwardConfig` with that group. Actions are brought into the order in
/// which they are taken.
fn actions(tree: &mut Tree, member: &str) {
    let Some(Tree::List(items)) = tree.as_map_mut().and_then(|m| m.get_mut(member)) else {
        return;
    };
    let mut sorted = std::mem::take(items).into_vec();
    sorted.sort_by_key(|a| a.int("order").unwrap_or(i64::MAX));
    for action in &mut sorted {
        let Some(arn) = action.take("targetGroupArn") else { continue };
        let groups = action.pointer("forwardConfig/targetGroups").map_or(&[][..], Tree::items);
        if !groups.iter().any(|g| g.get("targetGroupArn") == Some(&arn)) {
            let group = Tree::map().with("targetGroupArn", arn);
            let groups = joined(groups, [&group]);
            let mut config = action.take("forwardConfig").unwrap_or_else(Tree::map);
            config.set("targetGroups", Tree::from(groups));
            action.set("forwardConfig", config);
        }
    }
    *items = sorted.into();
}

/// The config block in which each condition field has its values.
const CONDITION_CONFIGS: [(&str, &str); 5] = [
    ("path-pattern", "pathPatternConfig"),
    ("host-header", "hostHeaderConfig"),
    ("http-request-method", "httpRequestMethodConfig"),
    ("source-ip", "sourceIpConfig"),
    ("http-header", "httpHeaderConfig"),
];

/// Values move from the old top-level list into the config block.
fn conditions(tree: &mut Tree) {
    let Some(Tree::List(items)) = tree.as_map_mut().and_then(|m| m.get_mut("conditions")) else {
        return;
    };
    for condition in items.iter_mut() {
        let config = condition
            .str("field")
            .and_then(|field| CONDITION_CONFIGS.iter().find(|(f, _)| *f == field))
            .map(|(_, config)| *config);
        for member in ["values", "regexValues"] {
            let values = condition.take(member).filter(|v| !v.is_empty());
            if let (Some(config), Some(values)) = (config, values) {
                let block = condition.take(config).unwrap_or_else(Tree::map);
                let values = joined(block.list_of(member), values.items());
                condition.set(config, block.with(member, Tree::from(values)));
            }
        }
        drop_empty(condition);
    }
}

fn drop_empty(tree: &mut Tree) {
    if let Tree::Map(map) = tree
        && map.iter().any(|(_, v)| v.is_empty())
    {
        let kept: Map = std::mem::take(map).into_iter().filter(|(_, v)| !v.is_empty()).collect();
        *map = kept;
    }
}
