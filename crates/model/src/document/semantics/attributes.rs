//! Attributes of target groups: which there are depends on what balances the load.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>

use super::{Place, is_open, settled};
use crate::document::TargetGroup;
use crate::shapes::nearest;

/// What a target group belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Balancer {
    Application,
    Lambda,
    Network,
    Gateway,
}
use Balancer::{Application, Gateway, Lambda, Network};

/// Each attribute with the balancers that have it. For Lambda functions the documentation names one
/// attribute; that AWS refuses the health settings there is not known.
const ATTRIBUTES: [(&str, &[Balancer]); 22] = [
    ("deregistration_delay.timeout_seconds", &[Application, Network, Gateway]),
    ("stickiness.enabled", &[Application, Lambda, Network, Gateway]),
    ("stickiness.type", &[Application, Lambda, Network, Gateway]),
    ("load_balancing.cross_zone.enabled", &[Application, Lambda, Network]),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", &[Application, Lambda, Network]),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", &[Application, Lambda, Network]),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        &[Application, Lambda, Network],
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        &[Application, Lambda, Network],
    ),
    ("load_balancing.algorithm.type", &[Application]),
    ("load_balancing.algorithm.anomaly_mitigation", &[Application]),
    ("slow_start.duration_seconds", &[Application]),
    ("stickiness.app_cookie.cookie_name", &[Application]),
    ("stickiness.app_cookie.duration_seconds", &[Application]),
    ("stickiness.lb_cookie.duration_seconds", &[Application]),
    ("lambda.multi_value_headers.enabled", &[Lambda]),
    ("deregistration_delay.connection_termination.enabled", &[Network]),
    ("preserve_client_ip.enabled", &[Network]),
    ("proxy_protocol_v2.enabled", &[Network]),
    ("target_health_state.unhealthy.connection_termination.enabled", &[Network]),
    ("target_health_state.unhealthy.draining_interval_seconds", &[Network]),
    (FAILOVER[0], &[Gateway]),
    (FAILOVER[1], &[Gateway]),
];

/// Two that have one value.
const FAILOVER: [&str; 2] = ["target_failover.on_deregistration", "target_failover.on_unhealthy"];

/// The balancer of a target group, and in words what makes it so.
fn balancer(group: &TargetGroup) -> Option<(Balancer, String)> {
    if settled(&group.input, "targetType") == Some("lambda") {
        return Some((Lambda, "the target type lambda".to_owned()));
    }
    let protocol = settled(&group.input, "protocol")?;
    let balancer = match protocol {
        "HTTP" | "HTTPS" => Application,
        "GENEVE" => Gateway,
        _ => Network,
    };
    Some((balancer, format!("the protocol {protocol}")))
}

/// Checks the attributes of a target group.
pub(super) fn check(group: &TargetGroup, place: &mut Place<'_>) {
    let Some((balancer, why)) = balancer(group) else { return };
    let mut place = place.member("attributes");
    for name in group.attributes.keys().filter(|name| !is_open(name)) {
        match ATTRIBUTES.iter().find(|(known, _)| known == name) {
            Some((_, having)) if having.contains(&balancer) => {}
            Some(_) => {
                let message = format!("a target group of {why} has no attribute `{name}`");
                place.error("conflict", name, message).at_key();
            }
            // Some accounts have attributes that are not documented.
            None => {
                let message = format!("target groups are not known to have an attribute `{name}`");
                let said = place.warning("unknown-attribute", name, message).at_key();
                if let Some(near) = nearest(name, ATTRIBUTES.iter().map(|(known, _)| *known)) {
                    said.hint(format!("did you mean `{near}`?"));
                }
            }
        }
    }
    let [one, other] = FAILOVER.map(|name| group.attributes.get(name).filter(|value| !is_open(value)));
    if let (Some(one), Some(other)) = (one, other)
        && one != other
    {
        let message = format!("`{}` and `{}` have one value", FAILOVER[0], FAILOVER[1]);
        place.error("conflict", FAILOVER[1], message);
    }
}
