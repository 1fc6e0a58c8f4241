//! Target groups, load balancers, listeners, rules, and how services stand in them.

use std::collections::BTreeMap;

use super::names::{self, Home};
use super::task_definition::Network;
use super::{Place, is_open, settled};
use crate::diagnostic::Diagnostic;
use crate::document::refs::{self, Ref};
use crate::document::{Document, LoadBalancer, Priority, Rule, TargetGroup};
use crate::key::ServiceKey;
use crate::path::Path;
use crate::tree::Tree;

/// Most values of all conditions of a rule.
const MOST_VALUES: usize = 5;
/// The highest priority of a rule.
const LAST_PRIORITY: i64 = 50_000;
/// Most target groups of one forward action.
const MOST_TARGET_GROUPS: usize = 5;

/// The protocols that the listeners of a type of load balancer have.
const BALANCERS: [(&str, &[&str]); 3] = [
    ("application", &["HTTP", "HTTPS"]),
    ("network", &["TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"]),
    ("gateway", &[]),
];

/// A condition's field and the member that configures it.
const CONDITIONS: [(&str, &str); 6] = [
    ("host-header", "hostHeaderConfig"),
    ("path-pattern", "pathPatternConfig"),
    ("http-header", "httpHeaderConfig"),
    ("query-string", "queryStringConfig"),
    ("http-request-method", "httpRequestMethodConfig"),
    ("source-ip", "sourceIpConfig"),
];

/// An action's type and the member that configures it.
const ACTIONS: [(&str, &str); 6] = [
    ("forward", "forwardConfig"),
    ("redirect", "redirectConfig"),
    ("fixed-response", "fixedResponseConfig"),
    ("authenticate-oidc", "authenticateOidcConfig"),
    ("authenticate-cognito", "authenticateCognitoConfig"),
    ("jwt-validation", "jwtValidationConfig"),
];
/// The actions that answer a request or pass it on: one of them ends a list.
const LAST: [&str; 3] = ["forward", "redirect", "fixed-response"];

/// Checks a target group.
pub(super) fn target_group(group: &TargetGroup, place: &mut Place<'_>) {
    let input = &group.input;
    let kind = input.str("targetType").unwrap_or("instance");
    let protocol = settled(input, "protocol");
    if is_open(kind) {
        return;
    }
    for member in ["protocol", "port", "vpcId"] {
        if kind == "lambda" && input.get(member).is_some() {
            let message = format!("a target group of the type lambda has no `{member}`");
            place.error("conflict", member, message).at_key();
        } else if kind != "lambda" && input.get(member).is_none() {
            place.missing("", member, &format!(" for the target type {kind}"));
        }
    }
    let Some(protocol) = protocol else { return };
    let web = matches!(protocol, "HTTP" | "HTTPS");
    if kind == "alb" && protocol != "TCP" {
        place.error("conflict", "protocol", "a target group of the type alb has the protocol TCP");
    }
    if input.get("protocolVersion").is_some() && !web {
        let message = format!("a protocol version goes with HTTP and HTTPS, not {protocol}");
        place.error("conflict", "protocolVersion", message).at_key();
    }
    if protocol == "GENEVE" && input.int("port").is_some_and(|p| p != 6081) {
        place.error("conflict", "port", "the port of the protocol GENEVE is 6081");
    }
    health_check(input, protocol, place);
    names::tags(input, place);
}

fn health_check(input: &Tree, protocol: &str, place: &mut Place<'_>) {
    let default = if matches!(protocol, "HTTP" | "HTTPS") { protocol } else { "TCP" };
    let checked = input.str("healthCheckProtocol").unwrap_or(default);
    let web = matches!(checked, "HTTP" | "HTTPS");
    if web && is_open(checked) {
        return;
    }
    if matches!(protocol, "HTTP" | "HTTPS") && checked == "TCP" {
        let message = format!("a target group of the protocol {protocol} is checked by HTTP or HTTPS");
        place.error("conflict", "healthCheckProtocol", message);
    }
    if matches!(checked, "UDP" | "TCP_UDP" | "TLS" | "GENEVE" | "QUIC" | "TCP_QUIC") {
        let message = format!("health is checked by HTTP, HTTPS or TCP, not {checked}");
        place.error("conflict", "healthCheckProtocol", message);
    }
    for member in ["matcher", "healthCheckPath"] {
        if !web && checked == "TCP" && input.get(member).is_some() {
            let message = format!("`{member}` goes with health checks by HTTP or HTTPS");
            place.error("conflict", member, message).at_key();
        }
    }
    let timeout = input.int("healthCheckTimeoutSeconds");
    let interval = input.int("healthCheckIntervalSeconds").unwrap_or(30);
    if let Some(timeout) = timeout
        && (timeout > interval || (web && timeout == interval))
    {
        let message = format!("the timeout, {timeout} s, is not less than the interval, {interval} s");
        place.error("timeout", "healthCheckTimeoutSeconds", message);
    }
}

/// Checks a service's entry for a load balancer.
pub(super) fn entry(
    document: &Document,
    service: &ServiceKey,
    entry: &Tree,
    network: Network,
    place: &mut Place<'_>,
) {
    match (entry.get("targetGroupArn"), entry.get("loadBalancerName")) {
        (Some(_), Some(_)) => {
            let message = "an entry names a target group or a classic load balancer, not both";
            place.error("conflict", "loadBalancerName", message).at_key();
        }
        (None, None) => {
            let message = "an entry names a target group, or a classic load balancer";
            place.warning("missing-required", "", message);
        }
        _ => {}
    }
    let needed = match network {
        Network::Awsvpc => "ip",
        Network::Bridge | Network::Host => "instance",
        Network::None | Network::Open => return,
    };
    for pointer in ["targetGroupArn", "advancedConfiguration/alternateTargetGroupArn"] {
        let Some(text) = entry.pointer(pointer).and_then(Tree::as_str) else { continue };
        let Some(group) = named(document, service, text) else { continue };
        let kind = group.input.str("targetType").unwrap_or("instance");
        if kind != needed && !is_open(kind) {
            let message = format!("the target type of this target group is {kind}, where {needed} is needed");
            place
                .error("target-type", pointer, message)
                .hint("`ip` under the network mode awsvpc, `instance` under bridge and host");
        }
    }
}

/// The target group of this document that a text names and nothing else.
fn named<'d>(document: &'d Document, service: &ServiceKey, text: &str) -> Option<&'d TargetGroup> {
    let mut group = None;
    refs::find(&Tree::from(text), &mut |_, reference| {
        if let Ok(Ref::TargetGroup(item)) = reference {
            group = document.target_group_named(Some(service), &item);
        }
    });
    document.target_groups.get(group?)
}

/// Checks a load balancer with its listeners.
pub(super) fn load_balancer(lb: &LoadBalancer, home: &Home<'_>, place: &mut Place<'_>) {
    let input = &lb.input;
    let kind = input.str("type").unwrap_or("application");
    if input.list_of("subnets").is_empty() && input.list_of("subnetMappings").is_empty() {
        place.missing("", "subnets", ", or `subnetMappings`");
    }
    if kind == "gateway" && !input.list_of("securityGroups").is_empty() {
        place.error("conflict", "securityGroups", "a gateway load balancer has no security groups").at_key();
    }
    names::tags(input, place);
    let mut ports = BTreeMap::new();
    for (key, declared) in &lb.listeners {
        let mut place = place.item("listeners", key);
        listener(&declared.input, kind, &mut place);
        names::arns(&declared.input, home, &mut place);
        if let Some(port) = declared.input.int("port")
            && let Some(other) = ports.insert(port, key)
        {
            place.error("duplicate-port", "port", format!("listener `{other}` has port {port} already"));
        }
        for (name, declared) in &declared.rules {
            let mut place = place.item("rules", name);
            rule(declared, &mut place);
            names::arns(&declared.input, home, &mut place);
        }
    }
}

fn listener(input: &Tree, kind: &str, place: &mut Place<'_>) {
    if kind != "gateway" {
        if input.get("port").is_none() {
            let why = ": it tells the listeners of a load balancer apart";
            place.missing("", "port", why);
        }
        if input.get("protocol").is_none() {
            place.missing("", "protocol", "");
        }
    }
    if let Some(protocol) = settled(input, "protocol") {
        let known = BALANCERS.iter().find(|(k, _)| *k == kind);
        if let Some((_, protocols)) = known.filter(|(_, protocols)| !protocols.contains(&protocol)) {
            let message = match protocols {
                [] => format!("listeners of a {kind} load balancer have no protocol"),
                some => format!("listeners of a {kind} load balancer have one of {}", some.join(", ")),
            };
            place.error("conflict", "protocol", message);
        }
        let secure = matches!(protocol, "HTTPS" | "TLS");
        let certificates = !input.list_of("certificates").is_empty();
        if secure && !certificates {
            place.missing("", "certificates", &format!(" for {protocol}"));
        } else if !secure && certificates {
            place.error("conflict", "certificates", format!("{protocol} takes no certificates")).at_key();
        }
        if !secure && input.get("sslPolicy").is_some() {
            place.error("conflict", "sslPolicy", format!("{protocol} takes no SSL policy")).at_key();
        }
    }
    actions(input.list_of("defaultActions"), "defaultActions", place);
}

/// Checks a listener rule.
pub(super) fn rule(rule: &Rule, place: &mut Place<'_>) {
    if let Priority::Within { from, to } = rule.priority {
        if from > to {
            let message = format!("no number is from {from} to {to}");
            place.error("limit", "priority", message).hint("`from` is the lowest, `to` the highest");
        } else if to > LAST_PRIORITY {
            place.error("limit", "priority/to", format!("a priority is 1 to {LAST_PRIORITY}"));
        }
    }
    let conditions = rule.input.list_of("conditions");
    if conditions.is_empty() && rule.input.get("conditions").is_some() {
        place.error("missing-required", "conditions", "a rule needs at least one condition");
    }
    let mut count = 0;
    for (i, condition) in conditions.iter().enumerate() {
        let at = format!("conditions/{i}");
        let given: Vec<_> = CONDITIONS.iter().filter(|(_, m)| condition.get(m).is_some()).collect();
        let field = condition.str("field");
        let values = |member: &str| condition.get(member).map_or(0, |c| c.list_of("values").len());
        match (&given[..], field) {
            ([], None) => place.missing(&at, "field", ""),
            ([], Some(_)) if condition.list_of("values").is_empty() => place.missing(&at, "values", ""),
            ([(of, member)], Some(field)) if *of != field && !is_open(field) => {
                let message = format!("`{member}` goes with the field {of}, not {field}");
                place.error("conflict", &format!("{at}/{member}"), message).at_key();
            }
            ([(_, member)], _) if values(member) == 0 => {
                place.missing(&format!("{at}/{member}"), "values", "");
            }
            ([_, _, ..], _) => {
                place.error("conflict", &at, "a condition is about one thing, not several");
            }
            _ => {}
        }
        count += match &given[..] {
            [] => condition.list_of("values").len(),
            some => some.iter().map(|(_, member)| values(member)).sum(),
        };
    }
    if count > MOST_VALUES {
        let message = format!("the conditions of a rule have at most {MOST_VALUES} values, not {count}");
        place.error("limit", "conditions", message);
    }
    actions(rule.input.list_of("actions"), "actions", place);
    if rule.input.get("actions").is_some_and(Tree::is_empty) {
        place.error("missing-required", "actions", "a rule needs an action");
    }
    names::tags(&rule.input, place);
}

/// Checks a list of actions: what each needs, and that one of them ends it.
fn actions(actions: &[Tree], member: &str, place: &mut Place<'_>) {
    let mut last = 0;
    for (i, action) in actions.iter().enumerate() {
        let at = format!("{member}/{i}");
        let Some(kind) = settled(action, "type") else { continue };
        last += usize::from(LAST.contains(&kind));
        for (of, config) in ACTIONS {
            if kind != of && action.get(config).is_some() {
                let message = format!("`{config}` goes with the action {of}, not {kind}");
                place.error("conflict", &format!("{at}/{config}"), message).at_key();
            }
        }
        if kind == "forward" {
            forward(action, &at, place);
        } else if let Some((_, config)) = ACTIONS.iter().find(|(of, _)| *of == kind)
            && action.get(config).is_none()
        {
            place.missing(&at, config, &format!(" for the action {kind}"));
        }
        answer(action, &at, place);
    }
    if !actions.is_empty() && last != 1 && actions.iter().all(|a| settled(a, "type").is_some()) {
        let message = "one action forwards, redirects or answers, and it is the last";
        place.error("actions", member, message);
    }
}

/// What a fixed response and a redirect say.
fn answer(action: &Tree, at: &str, place: &mut Place<'_>) {
    let within = |config: &str, member: &str| action.get(config).and_then(|c| settled(c, member));
    if let Some(status) = within("fixedResponseConfig", "statusCode") {
        let fits = status.len() == 3
            && status.starts_with(['2', '4', '5'])
            && status.bytes().all(|b| b.is_ascii_digit());
        if !fits {
            let message = "a fixed response has a status code 2xx, 4xx or 5xx";
            place.error("bad-status", &format!("{at}/fixedResponseConfig/statusCode"), message);
        }
    }
    if let Some(protocol) = within("redirectConfig", "protocol")
        && !matches!(protocol, "HTTP" | "HTTPS" | "#{protocol}")
    {
        let message = "a redirect has the protocol HTTP, HTTPS or `#{protocol}`";
        place.error("bad-redirect", &format!("{at}/redirectConfig/protocol"), message);
    }
}

fn forward(action: &Tree, at: &str, place: &mut Place<'_>) {
    let groups = action.get("forwardConfig").map_or(&[][..], |c| c.list_of("targetGroups"));
    match (action.str("targetGroupArn"), groups) {
        (None, []) => place.missing(at, "targetGroupArn", ", or `forwardConfig` with target groups"),
        (Some(_), [_, _, ..]) => {
            let message = "with several target groups in `forwardConfig` this is left out";
            place.error("conflict", &format!("{at}/targetGroupArn"), message).at_key();
        }
        (Some(one), [other]) if other.str("targetGroupArn").is_some_and(|o| o != one) => {
            let message = "`forwardConfig` names another target group";
            place.error("conflict", &format!("{at}/targetGroupArn"), message);
        }
        _ => {}
    }
    if groups.len() > MOST_TARGET_GROUPS {
        let message = format!("an action forwards to at most {MOST_TARGET_GROUPS} target groups");
        place.error("limit", &format!("{at}/forwardConfig/targetGroups"), message);
    }
    for (i, group) in groups.iter().enumerate() {
        if group.int("weight").is_some_and(|w| !(0..=999).contains(&w)) {
            let at = format!("{at}/forwardConfig/targetGroups/{i}/weight");
            place.error("limit", &at, "a weight is 0 to 999");
        }
    }
}

/// Two rules of one listener cannot have one priority, wherever in the document they stand.
pub(super) fn priorities(document: &Document, out: &mut Vec<Diagnostic>) {
    let mut taken: BTreeMap<(&str, i64), Path> = BTreeMap::new();
    let inside = document.services.values().flat_map(|service| {
        let at = Path::of(["services", &service.item, "listenerRules"]);
        service.rules.iter().map(move |(name, rule)| (at.child(name), rule))
    });
    let beside = document.load_balancers.values().flat_map(|lb| {
        lb.listeners.iter().flat_map(move |(key, listener)| {
            let at = Path::of(["loadBalancers", &lb.item, "listeners", key, "rules"]);
            listener.rules.iter().map(move |(name, rule)| (at.child(name), rule))
        })
    });
    for (at, rule) in beside.chain(inside) {
        let Priority::At(priority) = rule.priority else { continue };
        if priority == 0 || rule.listener.is_empty() {
            continue;
        }
        if let Some(other) = taken.get(&(rule.listener.as_str(), priority)) {
            let message = format!("the rule at `{other}` has priority {priority} on this listener already");
            out.push(
                Diagnostic::error("duplicate-priority", at.child("priority"), message)
                    .with_hint("priorities are unique on a listener"),
            );
        } else {
            taken.insert((&rule.listener, priority), at);
        }
    }
}
