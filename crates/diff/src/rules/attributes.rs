//! Attributes of target groups and listeners: text values under dotted names, by protocol.

use std::collections::BTreeSet;

use evenkeel_model::{Path, Tree};

use super::target_group::{Group, group};
use crate::compare::FieldDiff;
use crate::whole::Whole;

/// Name and default.
type Table = &'static [(&'static str, &'static str)];

const HTTP: Table = &[
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

const NETWORK: Table = &[
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

const GENEVE: Table = &[
    ("deregistration_delay.timeout_seconds", "300"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "source_ip_dest_ip_proto"),
    ("target_failover.on_deregistration", "no_rebalance"),
    ("target_failover.on_unhealthy", "no_rebalance"),
];

const LAMBDA: Table = &[("lambda.multi_value_headers.enabled", "false")];

/// What AWS has for a target group attribute that nobody set, by protocol and target type; `None` for
/// an attribute whose default is not known. Source: recorded live values.
pub fn attribute_default(target_group: &Tree, attribute: &str) -> Option<&'static str> {
    let udp = matches!(target_group.str("protocol"), Some("UDP" | "TCP_UDP" | "QUIC" | "TCP_QUIC"));
    let by_ip = target_group.str("targetType") == Some("ip");
    let table = match group(&Whole::declared(target_group)) {
        Group::Http | Group::Grpc => HTTP,
        Group::Network | Group::NetworkToAlb | Group::Quic => match attribute {
            "deregistration_delay.connection_termination.enabled" => {
                return Some(if udp { "true" } else { "false" });
            }
            "preserve_client_ip.enabled" => return Some(if by_ip && !udp { "false" } else { "true" }),
            _ => NETWORK,
        },
        Group::Geneve => GENEVE,
        Group::Lambda => LAMBDA,
    };
    find(table, attribute)
}

const TCP_LISTENER: Table = &[("tcp.idle_timeout.seconds", "350")];

/// What AWS has for a listener attribute that nobody set; `None` for one whose default is not known.
/// Source: recorded live values. Names and values of headers that are not set are `""`.
pub fn listener_attribute_default(listener: &Tree, attribute: &str) -> Option<&'static str> {
    match listener.str("protocol") {
        Some("HTTP" | "HTTPS") => match attribute {
            "routing.http.response.server.enabled" => Some("true"),
            _ if attribute.starts_with("routing.http.") => Some(""),
            _ => None,
        },
        _ => find(TCP_LISTENER, attribute),
    }
}

fn find(table: Table, attribute: &str) -> Option<&'static str> {
    table.iter().find(|(name, _)| *name == attribute).map(|(_, value)| *value)
}

/// Attributes that differ: declared ones from their value, undeclared ones from their default. Both sides
/// are maps of text; one whose default is not known is compared only where it is declared. `""` is absent.
pub fn compare_attributes(
    default: impl Fn(&str) -> Option<&'static str>,
    want: &Tree,
    live: &Tree,
) -> Vec<FieldDiff> {
    let names: BTreeSet<&str> = want.entries().chain(live.entries()).map(|(n, _)| n.as_ref()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let declared = want.str(name);
            let wanted = declared.or_else(|| default(name))?;
            let found = live.str(name).or_else(|| default(name)).unwrap_or_default();
            (wanted != found).then(|| FieldDiff {
                path: Path::of([name]),
                want: Some(Tree::from(wanted)),
                live: Some(Tree::from(found)).filter(|_| live.get(name).is_some()),
            })
        })
        .collect()
}

/// The tables, for the page of rules: whose, and each name with its default.
pub(super) fn tables() -> [(&'static str, Table); 5] {
    [
        ("Target group attributes, HTTP and HTTPS", HTTP),
        ("Target group attributes, TCP, TLS, UDP, TCP_UDP, QUIC and TCP_QUIC", NETWORK),
        ("Target group attributes, GENEVE", GENEVE),
        ("Target group attributes, lambda targets", LAMBDA),
        ("Listener attributes, TCP, TLS, UDP and GENEVE", TCP_LISTENER),
    ]
}
