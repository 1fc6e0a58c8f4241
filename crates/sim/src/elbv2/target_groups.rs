//! Target groups: defaults by protocol and target type, attributes, and the health of targets.

use super::{PAGING, TAGS, change_attributes, check_name, invalid, no_group, owned, show_attributes};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, fill, int, list, page, paged, set, text, texts};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A target group.
#[derive(Clone)]
pub struct TargetGroup {
    /// What was asked for, with AWS's defaults.
    pub config: Value,
    attributes: BTreeMap<String, String>,
    targets: BTreeMap<(String, i64), Target>,
}

/// A registered target. Its health is a function of these and the time.
#[derive(Clone)]
struct Target {
    registered: i64,
    passes: bool,
    draining: Option<i64>,
}

/// Fields that cannot change once a target group is there.
const FIXED: &[&str] = &["Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType"];

const HEALTH: &[&str] = &[
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckEnabled",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
];

impl TargetGroup {
    /// Registers a target that passes its health checks or does not.
    pub fn register(&mut self, address: &str, port: i64, now: i64, passes: bool) {
        let target = Target { registered: now, passes, draining: None };
        self.targets.insert((address.to_owned(), port), target);
    }

    /// Begins to drain a target; answers for how long, in milliseconds.
    pub fn drain(&mut self, address: &str, port: i64, now: i64) -> i64 {
        if let Some(target) = self.targets.get_mut(&(address.to_owned(), port)) {
            target.draining = Some(now);
        }
        self.delay()
    }

    /// How long a target drains, in milliseconds.
    fn delay(&self) -> i64 {
        let delay = self.attributes.get("deregistration_delay.timeout_seconds");
        delay.and_then(|it| it.parse::<i64>().ok()).unwrap_or(300) * 1000
    }

    /// Forgets a target.
    pub fn remove(&mut self, address: &str, port: i64) {
        self.targets.remove(&(address.to_owned(), port));
    }

    /// How many targets are registered.
    pub fn count(&self) -> usize {
        self.targets.len()
    }

    /// How many targets are healthy.
    pub fn healthy(&self, used: bool, now: i64) -> usize {
        self.targets.values().filter(|it| self.health(it, used, now)["State"] == "healthy").count()
    }

    /// When a target registered at `since` is found healthy, or unhealthy.
    pub fn verdicts(&self, since: i64) -> (i64, i64) {
        let interval = int(&self.config, "HealthCheckIntervalSeconds").unwrap_or(30) * 1000;
        let healthy = int(&self.config, "HealthyThresholdCount").unwrap_or(5);
        let unhealthy = int(&self.config, "UnhealthyThresholdCount").unwrap_or(2);
        (since + interval * healthy, since + interval * unhealthy)
    }

    fn health(&self, target: &Target, used: bool, now: i64) -> Value {
        let (passes_at, fails_at) = self.verdicts(target.registered);
        let (state, reason, description) = match (target.draining.is_some(), used, target.passes) {
            (true, ..) => {
                ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
            }
            (_, false, _) => (
                "unused",
                "Target.NotInUse",
                "Target group is not configured to receive traffic from the load balancer",
            ),
            (_, _, true) if now >= passes_at => return json!({"State": "healthy"}),
            (_, _, false) if now >= fails_at => {
                ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
            }
            _ => ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress"),
        };
        json!({"State": state, "Reason": reason, "Description": description})
    }
}

pub(super) fn create(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "Name", "ValidationError")?.to_owned();
    check_name("Target group", &name)?;
    TAGS.parse(input)?;
    let mut config = value::pick(input, FIXED);
    for name in HEALTH {
        if let Some(member) = input.get(*name) {
            set(&mut config, name, member.clone());
        }
    }
    value::keep_unknown(&mut config, input, &["Name", "Tags"]);
    fill_in(&mut config);
    let kind = text(&config, "TargetType").unwrap_or_default();
    for name in ["Protocol", "Port", "VpcId"] {
        refuse! {
            kind != "lambda" && config.get(name).is_none() => invalid(format!("A {} must be specified", name.to_lowercase()));
        }
    }
    check(&config)?;
    let existing = sim.elb.names.get(&name).and_then(|arn| Some((arn, sim.elb.groups.get(arn)?)));
    if let Some((arn, it)) = existing {
        let same = FIXED.iter().chain(HEALTH).all(|name| plain(&it.config, name) == plain(&config, name));
        refuse! {
            !same => ApiError::new("DuplicateTargetGroupName", format!("A target group with the same name '{name}' exists, but with different settings"));
        }
        return Ok(json!({"TargetGroups": [show(sim, arn, it)]}));
    }
    let id = sim.hex(16);
    let arn = sim.arn("elasticloadbalancing", &format!("targetgroup/{name}/{id}"));
    set(&mut config, "TargetGroupName", json!(name));
    set(&mut config, "TargetGroupArn", json!(arn));
    TAGS.add(sim, &arn, input)?;
    let group = TargetGroup { attributes: attributes(&config), config, targets: BTreeMap::new() };
    let shown = show(sim, &arn, &group);
    sim.elb.names.insert(name, arn.clone());
    sim.elb.groups.insert(arn, group);
    Ok(json!({"TargetGroups": [shown]}))
}

/// A scalar's text, so that 80 and "80" are one.
fn plain(config: &Value, name: &str) -> Option<String> {
    config.get(name).map(|it| it.to_string().replace('"', ""))
}

pub(super) fn modify(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "TargetGroupArn", "ValidationError")?.to_owned();
    let group = sim.elb.groups.get(&arn).ok_or_else(no_group)?;
    let mut config = group.config.clone();
    for name in HEALTH {
        if let Some(member) = input.get(*name) {
            set(&mut config, name, member.clone());
        }
    }
    if matches!(text(&config, "HealthCheckProtocol"), Some("TCP"))
        && let Some(map) = config.as_object_mut()
    {
        map.remove("Matcher");
        map.remove("HealthCheckPath");
    }
    check(&config)?;
    if let Some(group) = sim.elb.groups.get_mut(&arn) {
        group.config = config;
    }
    let group = sim.elb.groups.get(&arn).ok_or_else(no_group)?;
    Ok(json!({"TargetGroups": [show(sim, &arn, group)]}))
}

fn check(config: &Value) -> Result<(), ApiError> {
    let interval = int(config, "HealthCheckIntervalSeconds").unwrap_or(30);
    let timeout = int(config, "HealthCheckTimeoutSeconds").unwrap_or(5);
    let web = matches!(text(config, "Protocol"), Some("HTTP" | "HTTPS"));
    let threshold = |name| int(config, name).is_some_and(|it| !(2..=10).contains(&it));
    refuse! {
        !(5..=300).contains(&interval) => invalid("Health check interval must be between 5 and 300 seconds");
        !(2..=120).contains(&timeout) => invalid("Health check timeout must be between 2 and 120 seconds");
        web && timeout >= interval => invalid("Health check timeout must be smaller than the interval");
        threshold("HealthyThresholdCount") => invalid("Healthy threshold count must be between 2 and 10");
        threshold("UnhealthyThresholdCount") => invalid("Unhealthy threshold count must be between 2 and 10");
    }
    Ok(())
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let (arns, names) = (texts(input, "TargetGroupArns"), texts(input, "Names"));
    let asked = arns.len().max(names.len());
    refuse! {
        asked > 20 => invalid("You cannot describe more than '20' target groups at a time");
    }
    let mut wanted: Vec<&str> = match (text(input, "LoadBalancerArn"), asked) {
        (Some(of), _) => sim
            .elb
            .groups
            .keys()
            .map(String::as_str)
            .filter(|arn| sim.elb.load_balancers_of(arn).contains(&of))
            .collect(),
        (None, 0) => sim.elb.groups.keys().map(String::as_str).collect(),
        (None, _) => arns
            .into_iter()
            .chain(names.iter().map(|name| sim.elb.names.get(*name).map_or("", String::as_str)))
            .collect(),
    };
    wanted.sort_unstable();
    wanted.dedup();
    let found: Option<Vec<_>> =
        wanted.into_iter().map(|arn| Some((arn.to_owned(), (arn, sim.elb.groups.get(arn)?)))).collect();
    let items = found.ok_or_else(no_group)?;
    let (page, next) = page(items, input, &PAGING)?;
    let page = page.into_iter().map(|(arn, group)| show(sim, arn, group)).collect();
    Ok(paged("TargetGroups", page, next, &PAGING))
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "TargetGroupArn", "ValidationError")?;
    refuse! {
        sim.elb.in_use(arn) => ApiError::new("ResourceInUse", format!("Target group '{arn}' is currently in use by a listener or a rule"));
    }
    if let Some(group) = sim.elb.groups.remove(arn) {
        sim.elb.names.remove(text(&group.config, "TargetGroupName").unwrap_or_default());
    }
    sim.tags.remove(arn);
    Ok(json!({}))
}

pub(super) fn describe_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "TargetGroupArn", "ValidationError")?;
    let group = sim.elb.groups.get(arn).ok_or_else(no_group)?;
    Ok(json!({"Attributes": show_attributes(&group.attributes)}))
}

pub(super) fn modify_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "TargetGroupArn", "ValidationError")?;
    let group = sim.elb.groups.get_mut(arn).ok_or_else(no_group)?;
    change_attributes(&mut group.attributes, input, "Target group")
}

/// The targets of a request, each with its port or the group's.
fn targets(group: &TargetGroup, input: &Value) -> Vec<(String, i64)> {
    let own = int(&group.config, "Port").unwrap_or(0);
    let targets = list(input, "Targets").iter();
    targets.filter_map(|it| Some((text(it, "Id")?.to_owned(), int(it, "Port").unwrap_or(own)))).collect()
}

pub(super) fn register(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "TargetGroupArn", "ValidationError")?;
    let now = sim.now;
    let group = sim.elb.groups.get_mut(arn).ok_or_else(no_group)?;
    for (address, port) in targets(group, input) {
        group.register(&address, port, now, true);
    }
    Ok(json!({}))
}

pub(super) fn deregister(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "TargetGroupArn", "ValidationError")?;
    let now = sim.now;
    let group = sim.elb.groups.get_mut(arn).ok_or_else(no_group)?;
    for (address, port) in targets(group, input) {
        group.drain(&address, port, now);
    }
    Ok(json!({}))
}

pub(super) fn describe_health(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "TargetGroupArn", "ValidationError")?;
    let now = sim.now;
    let group = sim.elb.groups.get_mut(arn).ok_or_else(no_group)?;
    let delay = group.delay();
    group.targets.retain(|_, it| it.draining.is_none_or(|since| now < since + delay));
    let group = sim.elb.groups.get(arn).ok_or_else(no_group)?;
    let used = sim.elb.in_use(arn);
    let show = |(address, port): &(String, i64), health: Value| {
        json!({
            "Target": {"Id": address, "Port": port, "AvailabilityZone": format!("{}a", sim.config.region)},
            "HealthCheckPort": port.to_string(),
            "TargetHealth": health,
        })
    };
    let asked = targets(group, input);
    let descriptions: Vec<Value> = match asked.is_empty() {
        true => group.targets.iter().map(|(at, it)| show(at, group.health(it, used, sim.now))).collect(),
        false => {
            let found = |at: &(String, i64)| group.targets.get(at).map(|it| group.health(it, used, sim.now));
            asked.iter().map(|at| show(at, found(at).unwrap_or_else(not_registered))).collect()
        }
    };
    Ok(json!({"TargetHealthDescriptions": descriptions}))
}

/// The health of a target that is none.
fn not_registered() -> Value {
    json!({"State": "unused", "Reason": "Target.NotRegistered", "Description": "Target is not registered to the target group"})
}

fn show(sim: &Sim, arn: &str, group: &TargetGroup) -> Value {
    let mut out = group.config.clone();
    set(&mut out, "LoadBalancerArns", json!(sim.elb.load_balancers_of(arn)));
    out
}

/// AWS's defaults, which depend on protocol, protocol version and target type.
fn fill_in(config: &mut Value) {
    fill(config, "TargetType", json!("instance"));
    let kind = text(config, "TargetType").unwrap_or_default().to_owned();
    if kind == "lambda" {
        for (name, default) in [
            ("HealthCheckEnabled", json!(false)),
            ("HealthCheckPath", json!("/")),
            ("HealthCheckIntervalSeconds", json!(35)),
            ("HealthCheckTimeoutSeconds", json!(30)),
            ("HealthyThresholdCount", json!(5)),
            ("UnhealthyThresholdCount", json!(2)),
            ("Matcher", json!({"HttpCode": "200"})),
        ] {
            fill(config, name, default);
        }
        return;
    }
    let protocol = text(config, "Protocol").unwrap_or("HTTP").to_owned();
    let web = matches!(protocol.as_str(), "HTTP" | "HTTPS");
    fill(config, "IpAddressType", json!("ipv4"));
    if web {
        fill(config, "ProtocolVersion", json!("HTTP1"));
    }
    let check = match (protocol.as_str(), kind.as_str()) {
        ("HTTP" | "HTTPS", _) => protocol.as_str(),
        (_, "alb") => "HTTP",
        _ => "TCP",
    };
    fill(config, "HealthCheckProtocol", json!(check));
    let (port, interval, timeout) = match (protocol.as_str(), kind.as_str()) {
        ("HTTP" | "HTTPS", _) => ("traffic-port", 30, 5),
        ("GENEVE", _) => ("80", 10, 5),
        (_, "alb") => ("traffic-port", 30, 6),
        _ => ("traffic-port", 30, 10),
    };
    fill(config, "HealthCheckEnabled", json!(true));
    fill(config, "HealthCheckPort", json!(port));
    fill(config, "HealthCheckIntervalSeconds", json!(interval));
    fill(config, "HealthCheckTimeoutSeconds", json!(timeout));
    fill(config, "HealthyThresholdCount", json!(5));
    fill(config, "UnhealthyThresholdCount", json!(2));
    if text(config, "HealthCheckProtocol") == Some("TCP") {
        return;
    }
    let grpc = text(config, "ProtocolVersion") == Some("GRPC");
    fill(config, "HealthCheckPath", json!(if grpc { "/AWS.ALB/healthcheck" } else { "/" }));
    let matcher = match (grpc, web) {
        (true, _) => json!({"GrpcCode": "12"}),
        (false, true) => json!({"HttpCode": "200"}),
        (false, false) => json!({"HttpCode": "200-399"}),
    };
    fill(config, "Matcher", matcher);
}

const ROUTING: &[(&str, &str)] = &[
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("stickiness.enabled", "false"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
];

/// The attributes a target group has: which there are depends on its kind.
fn attributes(config: &Value) -> BTreeMap<String, String> {
    let kind = text(config, "TargetType").unwrap_or_default();
    let protocol = text(config, "Protocol").unwrap_or_default();
    match (protocol, kind) {
        (_, "lambda") => owned(&[("lambda.multi_value_headers.enabled", "false")]),
        ("HTTP" | "HTTPS", _) => {
            let mut all = owned(ROUTING);
            all.extend(owned(&[
                ("load_balancing.algorithm.type", "round_robin"),
                ("load_balancing.algorithm.anomaly_mitigation", "off"),
                ("slow_start.duration_seconds", "0"),
                ("stickiness.type", "lb_cookie"),
                ("stickiness.lb_cookie.duration_seconds", "86400"),
                ("stickiness.app_cookie.duration_seconds", "86400"),
                ("stickiness.app_cookie.cookie_name", ""),
            ]));
            all
        }
        ("GENEVE", _) => owned(&[
            ("deregistration_delay.timeout_seconds", "300"),
            ("stickiness.enabled", "false"),
            ("stickiness.type", "source_ip_dest_ip_proto"),
            ("target_failover.on_deregistration", "no_rebalance"),
            ("target_failover.on_unhealthy", "no_rebalance"),
        ]),
        _ => {
            let datagrams = matches!(protocol, "UDP" | "TCP_UDP");
            let on = |on: bool| if on { "true" } else { "false" };
            let mut all = owned(ROUTING);
            all.extend(owned(&[
                ("stickiness.type", "source_ip"),
                ("proxy_protocol_v2.enabled", "false"),
                ("deregistration_delay.connection_termination.enabled", on(datagrams)),
                ("preserve_client_ip.enabled", on(kind != "ip" || datagrams)),
            ]));
            if kind != "alb" {
                all.extend(owned(&[
                    ("target_health_state.unhealthy.connection_termination.enabled", "true"),
                    ("target_health_state.unhealthy.draining_interval_seconds", "0"),
                ]));
            }
            all
        }
    }
}
