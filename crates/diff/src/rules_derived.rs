//! Defaults that follow from the shape around a field.

use evenkeel_model::Tree;

use crate::rules::Place;

fn requires_fargate(place: &Place<'_>) -> bool {
    place.root.list_of("requiresCompatibilities").iter().any(|c| c.as_str() == Some("FARGATE"))
}

fn text(s: &str) -> Option<Tree> {
    Some(Tree::from(s))
}

fn int(n: i64) -> Option<Tree> {
    Some(Tree::Int(n))
}

pub(crate) fn network_mode(place: &Place<'_>) -> Option<Tree> {
    text(if requires_fargate(place) { "awsvpc" } else { "bridge" })
}

pub(crate) fn fargate_linux(place: &Place<'_>) -> Option<Tree> {
    requires_fargate(place).then(|| Tree::from("LINUX"))
}

pub(crate) fn fargate_x86(place: &Place<'_>) -> Option<Tree> {
    requires_fargate(place).then(|| Tree::from("X86_64"))
}

pub(crate) fn host_port(place: &Place<'_>) -> Option<Tree> {
    let mapping = place.parent?;
    let mode = place.root.str("networkMode").map_or_else(|| network_mode(place), text);
    match mode.as_ref().and_then(Tree::as_str) {
        Some("awsvpc" | "host") => mapping.get("containerPort").cloned(),
        _ if mapping.get("containerPort").is_some() => int(0),
        _ => None,
    }
}

fn is_daemon(place: &Place<'_>) -> bool {
    place.root.str("schedulingStrategy") == Some("DAEMON")
}

pub(crate) fn maximum_percent(place: &Place<'_>) -> Option<Tree> {
    int(if is_daemon(place) { 100 } else { 200 })
}

pub(crate) fn minimum_percent(place: &Place<'_>) -> Option<Tree> {
    int(if is_daemon(place) { 0 } else { 100 })
}

pub(crate) fn launch_type(place: &Place<'_>) -> Option<Tree> {
    place.root.list_of("capacityProviderStrategy").is_empty().then(|| Tree::from("EC2"))
}

/// Where one side has a capacity provider strategy, that says all, and no launch type is shown.
pub(crate) fn by_strategy(want: &Tree, live: &Tree) -> bool {
    [want, live].iter().any(|side| !side.list_of("capacityProviderStrategy").is_empty())
}

/// The document leaves it to the cluster where its tasks run.
pub(crate) fn launch_left_open(want: &Tree, _: &Tree) -> bool {
    want.get("launchType").is_none() && want.get("capacityProviderStrategy").is_none()
}

/// Neither side has Service Connect switched on.
pub(crate) fn service_connect_off(want: &Tree, live: &Tree) -> bool {
    let on = |side: &Tree| side.pointer("serviceConnectConfiguration/enabled") == Some(&Tree::Bool(true));
    !on(want) && !on(live)
}

fn under_strategy(place: &Place<'_>, strategy: &str, n: i64) -> Option<Tree> {
    let current = place.root.pointer("deploymentConfiguration/strategy")?.as_str()?;
    (current == strategy).then_some(Tree::Int(n))
}

pub(crate) fn linear_percent(place: &Place<'_>) -> Option<Tree> {
    under_strategy(place, "LINEAR", 10)
}
pub(crate) fn linear_bake(place: &Place<'_>) -> Option<Tree> {
    under_strategy(place, "LINEAR", 6)
}
pub(crate) fn canary_percent(place: &Place<'_>) -> Option<Tree> {
    under_strategy(place, "CANARY", 5)
}
pub(crate) fn canary_bake(place: &Place<'_>) -> Option<Tree> {
    under_strategy(place, "CANARY", 10)
}

pub(crate) fn discovery_name(place: &Place<'_>) -> Option<Tree> {
    place.parent?.get("portName").cloned()
}

/// What kind of target group it is, as far as health checks and attributes are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Http,
    Grpc,
    Network,
    NetworkToAlb,
    Geneve,
    Lambda,
}

fn group(root: &Tree) -> Group {
    let protocol = root.str("protocol").unwrap_or("");
    match (protocol, root.str("targetType")) {
        (_, Some("lambda")) => Group::Lambda,
        ("HTTP" | "HTTPS", _) if root.str("protocolVersion") == Some("GRPC") => Group::Grpc,
        ("HTTP" | "HTTPS", _) => Group::Http,
        ("GENEVE", _) => Group::Geneve,
        (_, Some("alb")) => Group::NetworkToAlb,
        _ => Group::Network,
    }
}

/// True where the health check in force speaks HTTP, so that it has a path and a matcher.
fn checks_http(place: &Place<'_>) -> bool {
    let declared = place.root.str("healthCheckProtocol");
    match group(place.root) {
        Group::Lambda => true,
        _ => matches!(
            declared.map_or_else(|| health_check_protocol(place), text).as_ref().and_then(Tree::as_str),
            Some("HTTP" | "HTTPS")
        ),
    }
}

pub(crate) fn protocol_version(place: &Place<'_>) -> Option<Tree> {
    matches!(group(place.root), Group::Http | Group::Grpc).then(|| Tree::from("HTTP1"))
}

pub(crate) fn health_check_enabled(place: &Place<'_>) -> Option<Tree> {
    Some(Tree::Bool(group(place.root) != Group::Lambda))
}

pub(crate) fn health_check_protocol(place: &Place<'_>) -> Option<Tree> {
    match group(place.root) {
        Group::Http if place.root.str("protocol") == Some("HTTPS") => text("HTTPS"),
        Group::Http | Group::Grpc | Group::NetworkToAlb => text("HTTP"),
        Group::Network | Group::Geneve => text("TCP"),
        Group::Lambda => None,
    }
}

pub(crate) fn health_check_port(place: &Place<'_>) -> Option<Tree> {
    match group(place.root) {
        Group::Geneve => text("80"),
        Group::Lambda => None,
        _ => text("traffic-port"),
    }
}

pub(crate) fn health_check_path(place: &Place<'_>) -> Option<Tree> {
    match group(place.root) {
        Group::Grpc => text("/AWS.ALB/healthcheck"),
        _ if checks_http(place) => text("/"),
        _ => None,
    }
}

pub(crate) fn health_check_interval(place: &Place<'_>) -> Option<Tree> {
    int(match group(place.root) {
        Group::Geneve => 10,
        Group::Lambda => 35,
        _ => 30,
    })
}

pub(crate) fn health_check_timeout(place: &Place<'_>) -> Option<Tree> {
    int(match group(place.root) {
        Group::Http | Group::Grpc | Group::Geneve => 5,
        // Over HTTP a network load balancer waits 6 s, over TCP 10 s.
        Group::Network if !checks_http(place) => 10,
        Group::Network | Group::NetworkToAlb => 6,
        Group::Lambda => 30,
    })
}

pub(crate) fn healthy_threshold(_: &Place<'_>) -> Option<Tree> {
    int(5)
}

pub(crate) fn unhealthy_threshold(_: &Place<'_>) -> Option<Tree> {
    int(2)
}

pub(crate) fn http_code(place: &Place<'_>) -> Option<Tree> {
    match group(place.root) {
        Group::Http | Group::Lambda => text("200"),
        Group::Network | Group::NetworkToAlb | Group::Geneve if checks_http(place) => text("200-399"),
        _ => None,
    }
}

pub(crate) fn grpc_code(place: &Place<'_>) -> Option<Tree> {
    (group(place.root) == Group::Grpc).then(|| Tree::from("12"))
}

pub(crate) fn ssl_policy(place: &Place<'_>) -> Option<Tree> {
    matches!(place.root.str("protocol"), Some("HTTPS" | "TLS"))
        .then(|| Tree::from("ELBSecurityPolicy-2016-08"))
}

const HTTP_ATTRIBUTES: &[(&str, &str)] = &[
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.algorithm.type", "round_robin"),
    ("load_balancing.algorithm.anomaly_mitigation", "off"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "lb_cookie"),
    ("stickiness.lb_cookie.duration_seconds", "86400"),
    ("stickiness.app_cookie.duration_seconds", "86400"),
    ("stickiness.app_cookie.cookie_name", ""),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
];

const NETWORK_ATTRIBUTES: &[(&str, &str)] = &[
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "source_ip"),
    ("proxy_protocol_v2.enabled", "false"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
    ("target_health_state.unhealthy.connection_termination.enabled", "true"),
    ("target_health_state.unhealthy.draining_interval_seconds", "0"),
];

const GENEVE_ATTRIBUTES: &[(&str, &str)] = &[
    ("deregistration_delay.timeout_seconds", "300"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "source_ip_dest_ip_proto"),
    ("target_failover.on_deregistration", "no_rebalance"),
    ("target_failover.on_unhealthy", "no_rebalance"),
];

/// What AWS has for a target group attribute that nobody set, by protocol and target type; `None` for
/// an attribute whose default is not known. Source: recorded live values.
pub fn attribute_default(target_group: &Tree, attribute: &str) -> Option<&'static str> {
    let udp = matches!(target_group.str("protocol"), Some("UDP" | "TCP_UDP"));
    let by_ip = target_group.str("targetType") == Some("ip");
    let table = match group(target_group) {
        Group::Http | Group::Grpc => HTTP_ATTRIBUTES,
        Group::Network | Group::NetworkToAlb => match attribute {
            "deregistration_delay.connection_termination.enabled" => {
                return Some(if udp { "true" } else { "false" });
            }
            "preserve_client_ip.enabled" => return Some(if by_ip && !udp { "false" } else { "true" }),
            _ => NETWORK_ATTRIBUTES,
        },
        Group::Geneve => GENEVE_ATTRIBUTES,
        Group::Lambda => &[("lambda.multi_value_headers.enabled", "false")],
    };
    table.iter().find(|(name, _)| *name == attribute).map(|(_, value)| *value)
}
