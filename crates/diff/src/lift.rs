//! Brings both sides into one form before they are compared.
//!
//! AWS describes some things in another form than it takes them: a load balancer's subnets come back
//! as availability zones, a lone target group of a forward twice, Service Connect on a deployment.

use evenkeel_model::{Map, Tree};

use crate::Kind;

/// A described resource in the form in which it would be declared.
pub fn described(kind: Kind, mut tree: Tree) -> Tree {
    match kind {
        Kind::LoadBalancer => load_balancer(&mut tree),
        Kind::Service => service(&mut tree),
        Kind::TargetGroup => {
            if let Some(name) = tree.take("targetGroupName") {
                tree.set("name", name);
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
        _ => {}
    }
    tree
}

fn load_balancer(tree: &mut Tree) {
    let zones: Vec<Tree> =
        tree.list_of("availabilityZones").iter().filter_map(|z| z.get("subnetId").cloned()).collect();
    tree.set("subnets", Tree::from(zones));
    for (from, to) in [("loadBalancerName", "name")] {
        if let Some(value) = tree.take(from) {
            tree.set(to, value);
        }
    }
}

/// What ECS shows on the primary deployment only.
fn service(tree: &mut Tree) {
    let primary = tree
        .list_of("deployments")
        .iter()
        .find(|d| d.str("status") == Some("PRIMARY"))
        .cloned()
        .unwrap_or_default();
    for member in ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"] {
        if let Some(value) = primary.get(member) {
            tree.set(member, value.clone());
        }
    }
    if let Some(role) = tree.take("roleArn") {
        tree.set("role", role);
    }
}

/// A lone `targetGroupArn` becomes a `forwardConfig` with that one group.
fn actions(tree: &mut Tree, member: &str) {
    let Some(Tree::List(items)) = tree.as_map_mut().and_then(|m| m.get_mut(member)) else {
        return;
    };
    let mut sorted = std::mem::take(items).into_vec();
    sorted.sort_by_key(|a| a.int("order").unwrap_or(i64::MAX));
    for action in &mut sorted {
        if action.str("type") != Some("forward") {
            continue;
        }
        if let Some(arn) = action.take("targetGroupArn")
            && action.pointer("forwardConfig/targetGroups").is_none_or(Tree::is_empty)
        {
            let group = Tree::map().with("targetGroupArn", arn);
            let mut config = action.take("forwardConfig").unwrap_or_else(Tree::map);
            config.set("targetGroups", Tree::list([group]));
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

/// Values move from the old top-level list into the config block and are sorted: AWS keeps no order.
fn conditions(tree: &mut Tree) {
    let Some(Tree::List(items)) = tree.as_map_mut().and_then(|m| m.get_mut("conditions")) else {
        return;
    };
    for condition in items.iter_mut() {
        let field = condition.str("field").unwrap_or("").to_owned();
        let values = condition.take("values").filter(|v| !v.is_empty());
        if let Some((_, config)) = CONDITION_CONFIGS.iter().find(|(f, _)| *f == field)
            && let Some(values) = values
            && condition.get(config).is_none()
        {
            condition.set(*config, Tree::map().with("values", values));
        }
        if let Some(map) = condition.as_map_mut() {
            for (_, config) in map.iter_mut() {
                sort_values(config);
            }
        }
        drop_empty(condition);
    }
}

fn sort_values(config: &mut Tree) {
    let Some(map) = config.as_map_mut() else { return };
    for (_, value) in map.iter_mut() {
        if let Tree::List(items) = value {
            let mut sorted = std::mem::take(items).into_vec();
            sorted.sort_by_cached_key(Tree::to_json);
            *items = sorted.into();
        }
    }
}

fn drop_empty(tree: &mut Tree) {
    if let Tree::Map(map) = tree {
        let kept: Map = std::mem::take(map).into_iter().filter(|(_, v)| !v.is_empty()).collect();
        *map = kept;
    }
}
