//! Target groups: their health check follows from protocol and target type.

use super::fields::{Change, Clearing, Field, at, default, fixed};
use super::{Const, counts, derive, elsewhere, int, says, text};
use super::{Place, Row, Value};
use crate::whole::Whole;

pub(super) const ROWS: &[Row] = &[
    elsewhere("tags", "B: go through AddTags"),
    text("targetType", "instance", "L"),
    text("ipAddressType", "ipv4", "L: not shown for lambda and GENEVE"),
    derive("protocolVersion", protocol_version, "`HTTP1` for HTTP and HTTPS", "L"),
    derive("healthCheckEnabled", enabled, "true; false for lambda", "L"),
    derive(
        "healthCheckProtocol",
        protocol,
        "`HTTP`; `HTTPS` for HTTPS; `TCP` behind network and gateway load balancers, `HTTP` for alb targets there; none for lambda",
        "L; where D says HTTP for HTTPS, L stands",
    ),
    derive("healthCheckPort", port, "`traffic-port`; `80` for GENEVE; none for lambda", "L"),
    derive("healthCheckPath", path, "`/` where the check speaks HTTP; `/AWS.ALB/healthcheck` for gRPC", "L"),
    derive("healthCheckIntervalSeconds", interval, "30; 10 for GENEVE; 35 for lambda", "L"),
    derive(
        "healthCheckTimeoutSeconds",
        timeout,
        "5 for HTTP, HTTPS and GENEVE; 10 for TCP, TLS and UDP, 6 where their check is HTTP; 30 for lambda",
        "L; D: a check over HTTPS behind a network load balancer has 10",
    ),
    int("healthyThresholdCount", 5, "L"),
    int("unhealthyThresholdCount", 2, "L; where D says 5 for lambda, L stands"),
    derive(
        "matcher/httpCode",
        http_code,
        "`200`; `200-399` where a network or gateway load balancer checks over HTTP",
        "L",
    ),
    derive("matcher/grpcCode", grpc_code, "`12` for gRPC", "L"),
];

const MODIFY: &str = "B: ModifyTargetGroup";
const PROTOCOL: &str = "ModifyTargetGroup; a change from HTTP to TCP drops matcher and path in the same call";

pub(super) const FIELDS: &[Field] = &[
    fixed("name", "L: create only"),
    fixed("protocol", "L: create only"),
    fixed("protocolVersion", "L: create only"),
    fixed("port", "L: create only"),
    fixed("vpcId", "L: create only"),
    fixed("targetType", "L: create only"),
    fixed("ipAddressType", "L: create only"),
    fixed("targetControlPort", "B: ModifyTargetGroup has no such member"),
    default("healthCheckProtocol", PROTOCOL),
    default("healthCheckPort", MODIFY),
    default("healthCheckPath", MODIFY),
    default("healthCheckEnabled", MODIFY),
    default("healthCheckIntervalSeconds", MODIFY),
    default("healthCheckTimeoutSeconds", MODIFY),
    default("healthyThresholdCount", MODIFY),
    default("unhealthyThresholdCount", MODIFY),
    default("matcher", MODIFY),
    at("tags", Change::InPlace, Clearing::Unchanged("RemoveTags"), "B: AddTags"),
];

/// What kind of target group it is, as far as health checks and attributes are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Http,
    Grpc,
    Network,
    NetworkToAlb,
    Quic,
    Geneve,
    Lambda,
}

pub(super) fn group(root: &Whole<'_>) -> Group {
    let protocol = root.str("protocol").unwrap_or("");
    match (protocol, root.str("targetType")) {
        (_, Some("lambda")) => Group::Lambda,
        ("HTTP" | "HTTPS", _) if root.str("protocolVersion") == Some("GRPC") => Group::Grpc,
        ("HTTP" | "HTTPS", _) => Group::Http,
        ("GENEVE", _) => Group::Geneve,
        ("QUIC" | "TCP_QUIC", _) => Group::Quic,
        (_, Some("alb")) => Group::NetworkToAlb,
        _ => Group::Network,
    }
}

/// True where the health check in force speaks HTTP, so that it has a path and a matcher.
fn checks_http(place: &Place<'_>) -> bool {
    let declared = place.root.str("healthCheckProtocol");
    match group(&place.root) {
        Group::Lambda => true,
        _ => matches!(declared.or_else(|| protocol(place)?.as_str()), Some("HTTP" | "HTTPS")),
    }
}

fn checks_https(place: &Place<'_>) -> bool {
    place.root.str("healthCheckProtocol") == Some("HTTPS")
}

fn protocol_version<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    matches!(group(&place.root), Group::Http | Group::Grpc).then(|| says("HTTP1"))?
}

fn enabled<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    Some(Value::Const(Const::Bool(group(&place.root) != Group::Lambda)))
}

fn protocol<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    match group(&place.root) {
        Group::Http | Group::Grpc if place.root.str("protocol") == Some("HTTPS") => says("HTTPS"),
        Group::Http | Group::Grpc | Group::NetworkToAlb => says("HTTP"),
        Group::Network | Group::Quic | Group::Geneve => says("TCP"),
        Group::Lambda => None,
    }
}

fn port<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    match group(&place.root) {
        Group::Geneve => says("80"),
        Group::Lambda => None,
        _ => says("traffic-port"),
    }
}

fn path<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    match group(&place.root) {
        Group::Grpc => says("/AWS.ALB/healthcheck"),
        _ if checks_http(place) => says("/"),
        _ => None,
    }
}

fn interval<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    counts(match group(&place.root) {
        Group::Geneve => 10,
        Group::Lambda => 35,
        _ => 30,
    })
}

fn timeout<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    counts(match group(&place.root) {
        Group::Http | Group::Grpc | Group::Geneve => 5,
        Group::Network | Group::Quic if !checks_http(place) => 10,
        Group::Network | Group::Quic | Group::NetworkToAlb if checks_https(place) => 10,
        Group::Network | Group::Quic | Group::NetworkToAlb => 6,
        Group::Lambda => 30,
    })
}

fn http_code<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    match group(&place.root) {
        Group::Http | Group::Lambda => says("200"),
        Group::Grpc => None,
        _ if checks_http(place) => says("200-399"),
        _ => None,
    }
}

fn grpc_code<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    (group(&place.root) == Group::Grpc).then(|| says("12"))?
}
