//! Elastic Load Balancing v2: load balancers here, target groups and listeners in modules of their own.

mod certificates;
pub mod listeners;
pub mod target_groups;

use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, fill, int, list, page, paged, set, text, texts};
use listeners::Listener;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use target_groups::TargetGroup;

/// Everything ELBv2 keeps, by ARN.
#[derive(Clone, Default)]
pub struct Elb {
    load_balancers: BTreeMap<String, LoadBalancer>,
    pub(super) groups: BTreeMap<String, TargetGroup>,
    /// The ARNs of target groups by name.
    pub(super) names: BTreeMap<String, String>,
    pub(super) listeners: BTreeMap<String, Listener>,
    /// For each target group: the rules that forward to it, with their load balancer.
    uses: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone)]
struct LoadBalancer {
    config: Value,
    attributes: BTreeMap<String, String>,
    created: i64,
}

impl Elb {
    /// The target group with this ARN.
    pub fn target_group(&self, arn: &str) -> Option<&TargetGroup> {
        self.groups.get(arn)
    }

    /// The target group with this ARN, to change it.
    pub fn target_group_mut(&mut self, arn: &str) -> Option<&mut TargetGroup> {
        self.groups.get_mut(arn)
    }

    /// Whether a listener or a rule forwards to this target group.
    pub fn in_use(&self, arn: &str) -> bool {
        self.uses.get(arn).is_some_and(|uses| !uses.is_empty())
    }

    /// A rule that forwards to this target group.
    pub fn rule_of(&self, arn: &str) -> Option<&str> {
        self.uses.get(arn)?.keys().next().map(String::as_str)
    }

    /// The rules that forward to this target group.
    pub fn rules_of(&self, arn: &str) -> impl Iterator<Item = &str> {
        self.uses.get(arn).into_iter().flatten().map(|(rule, _)| rule.as_str())
    }

    /// The target groups to which a rule sends traffic: those of weight 0 get none.
    pub fn weighted_groups(&self, rule: &str) -> Vec<String> {
        let listener = self.listeners.get(&listeners::listener_of(rule));
        let actions = listener.and_then(|it| it.rules.get(rule)).map_or(&[][..], |it| list(it, "Actions"));
        let forwards = actions.iter().filter_map(|action| action.get("ForwardConfig"));
        forwards
            .flat_map(|forward| list(forward, "TargetGroups"))
            .filter(|group| int(group, "Weight") != Some(0))
            .filter_map(|group| text(group, "TargetGroupArn").map(str::to_owned))
            .collect()
    }

    /// How many targets of a group are healthy.
    pub fn healthy_targets(&self, arn: &str, now: i64) -> usize {
        self.groups.get(arn).map_or(0, |group| group.healthy(self.in_use(arn), now))
    }

    /// The default rule of a listener.
    pub fn default_rule_of(&self, listener: &str) -> Option<&str> {
        self.listeners.get(listener).map(|it| it.default_rule.as_str())
    }

    /// Each target group in one line.
    pub fn summary(&self) -> Value {
        self.groups
            .iter()
            .map(|(arn, group)| json!({"arn": arn, "inUse": self.in_use(arn), "targets": group.count()}))
            .collect()
    }

    fn load_balancers_of(&self, group: &str) -> Vec<&str> {
        let mut arns: Vec<&str> =
            self.uses.get(group).map(|uses| uses.values().map(String::as_str).collect()).unwrap_or_default();
        arns.sort_unstable();
        arns.dedup();
        arns
    }

    fn add_uses(&mut self, rule: &str, load_balancer: &str, actions: &[Value]) {
        for group in listeners::groups_in(actions) {
            let uses = self.uses.entry(group.to_owned()).or_default();
            uses.insert(rule.to_owned(), load_balancer.to_owned());
        }
    }

    fn remove_uses(&mut self, rule: &str, actions: &[Value]) {
        for group in listeners::groups_in(actions) {
            if let Some(uses) = self.uses.get_mut(group) {
                uses.remove(rule);
            }
        }
    }

    fn kind(&self, load_balancer: &str) -> &str {
        self.load_balancers
            .get(load_balancer)
            .and_then(|it| text(&it.config, "Type"))
            .unwrap_or("application")
    }
}

const SERVICE: &str = "elbv2";

/// ELBv2's rows of the table.
pub const OPERATIONS: &[Operation] = &[
    write(SERVICE, "CreateLoadBalancer", create_load_balancer),
    read(SERVICE, "DescribeLoadBalancers", describe_load_balancers),
    write(SERVICE, "DeleteLoadBalancer", delete_load_balancer),
    write(SERVICE, "SetSecurityGroups", set_on_load_balancer),
    write(SERVICE, "SetSubnets", set_on_load_balancer),
    write(SERVICE, "SetIpAddressType", set_on_load_balancer),
    read(SERVICE, "DescribeLoadBalancerAttributes", describe_attributes),
    write(SERVICE, "ModifyLoadBalancerAttributes", modify_attributes),
    read(SERVICE, "DescribeCapacityReservation", describe_capacity),
    write(SERVICE, "CreateTargetGroup", target_groups::create),
    write(SERVICE, "ModifyTargetGroup", target_groups::modify),
    read(SERVICE, "DescribeTargetGroups", target_groups::describe),
    write(SERVICE, "DeleteTargetGroup", target_groups::delete),
    read(SERVICE, "DescribeTargetGroupAttributes", target_groups::describe_attributes),
    write(SERVICE, "ModifyTargetGroupAttributes", target_groups::modify_attributes),
    write(SERVICE, "RegisterTargets", target_groups::register),
    write(SERVICE, "DeregisterTargets", target_groups::deregister),
    read(SERVICE, "DescribeTargetHealth", target_groups::describe_health),
    write(SERVICE, "CreateListener", listeners::create),
    write(SERVICE, "ModifyListener", listeners::modify),
    read(SERVICE, "DescribeListeners", listeners::describe),
    write(SERVICE, "DeleteListener", listeners::delete),
    read(SERVICE, "DescribeListenerAttributes", listeners::describe_attributes),
    write(SERVICE, "ModifyListenerAttributes", listeners::modify_attributes),
    write(SERVICE, "AddListenerCertificates", certificates::add),
    write(SERVICE, "RemoveListenerCertificates", certificates::remove),
    read(SERVICE, "DescribeListenerCertificates", certificates::describe),
    write(SERVICE, "CreateRule", listeners::create_rule),
    write(SERVICE, "ModifyRule", listeners::modify_rule),
    read(SERVICE, "DescribeRules", listeners::describe_rules),
    write(SERVICE, "DeleteRule", listeners::delete_rule),
    write(SERVICE, "SetRulePriorities", listeners::set_priorities),
    tags(SERVICE, "AddTags", &TAGS, TagVerb::Add),
    tags(SERVICE, "RemoveTags", &TAGS, TagVerb::Remove),
    read(SERVICE, "DescribeTags", describe_tags),
];

/// ELBv2's names for tags.
pub const TAGS: TagStyle = TagStyle {
    tags: "Tags",
    key: "Key",
    value: "Value",
    invalid: "ValidationError",
    too_many: "TooManyTags",
    keys: "TagKeys",
    find: existing,
};

/// Pages as ELBv2 pages them.
pub const PAGING: Paging = Paging {
    limit: "PageSize",
    token: "Marker",
    next: "NextMarker",
    default: 400,
    max: 400,
    code: "ValidationError",
};

/// An error about the request itself.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationError", message)
}

/// What AWS says where a target group is missing.
pub fn no_group() -> ApiError {
    ApiError::new("TargetGroupNotFound", "One or more target groups not found")
}

fn no_load_balancer() -> ApiError {
    ApiError::new("LoadBalancerNotFound", "One or more load balancers not found")
}

/// Refuses names that AWS refuses: up to 32 letters, digits and hyphens, none of these at an end.
pub fn check_name(what: &str, name: &str) -> Result<(), ApiError> {
    refuse! {
        name.len() > 32 => invalid(format!("{what} name '{name}' cannot be longer than '32' characters"));
        !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => invalid(format!("{what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"));
        name.starts_with('-') || name.ends_with('-') => invalid(format!("{what} name '{name}' cannot begin or end with '-'"));
    }
    Ok(())
}

fn create_load_balancer(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "Name", "ValidationError")?.to_owned();
    check_name("Load balancer", &name)?;
    TAGS.parse(input)?;
    let mut config = value::pick(input, &["Scheme", "IpAddressType", "Type", "SecurityGroups"]);
    value::keep_unknown(&mut config, input, &["Name", "Tags", "Subnets", "SubnetMappings"]);
    fill(&mut config, "Type", json!("application"));
    fill(&mut config, "Scheme", json!("internet-facing"));
    fill(&mut config, "IpAddressType", json!("ipv4"));
    let subnets = subnets(input);
    let kind = text(&config, "Type").unwrap_or_default().to_owned();
    refuse! {
        subnets.is_empty() || (kind == "application" && subnets.len() < 2) => invalid("At least two subnets in two different Availability Zones must be specified");
    }
    if kind == "application" {
        fill(&mut config, "SecurityGroups", json!(["sg-0default"]));
    }
    set(&mut config, "AvailabilityZones", zones(sim, &subnets));
    let same = |it: &LoadBalancer| {
        ["Type", "Scheme", "IpAddressType", "SecurityGroups", "AvailabilityZones"]
            .iter()
            .all(|name| it.config.get(*name) == config.get(*name))
    };
    let existing =
        sim.elb.load_balancers.iter().find(|(_, it)| text(&it.config, "LoadBalancerName") == Some(&name));
    if let Some((arn, it)) = existing {
        // Asked for again as it is, a load balancer is answered; asked for differently, refused.
        return match same(it) {
            true => Ok(json!({"LoadBalancers": [show_load_balancer(sim, arn, it)]})),
            false => Err(ApiError::new(
                "DuplicateLoadBalancerName",
                format!("A load balancer with the same name '{name}' exists, but with different settings"),
            )),
        };
    }
    let id = sim.hex(16);
    let short = match kind.as_str() {
        "network" => "net",
        "gateway" => "gwy",
        _ => "app",
    };
    let arn = sim.arn("elasticloadbalancing", &format!("loadbalancer/{short}/{name}/{id}"));
    set(&mut config, "LoadBalancerName", json!(name));
    set(&mut config, "LoadBalancerArn", json!(arn));
    set(
        &mut config,
        "DNSName",
        json!(format!("{name}-{}.{}.elb.amazonaws.com", &id[..9], sim.config.region)),
    );
    set(&mut config, "CanonicalHostedZoneId", json!("Z35SXDOTRQ7X7K"));
    set(&mut config, "VpcId", json!("vpc-0sim"));
    set(&mut config, "CreatedTime", json!(sim.iso(sim.now)));
    TAGS.add(sim, &arn, input)?;
    let attributes = match kind.as_str() {
        "application" => &[
            ("access_logs.s3.enabled", "false"),
            ("deletion_protection.enabled", "false"),
            ("client_keep_alive.seconds", "3600"),
            ("connection_logs.s3.bucket", ""),
            ("connection_logs.s3.enabled", "false"),
            ("connection_logs.s3.prefix", ""),
            ("idle_timeout.timeout_seconds", "60"),
            ("routing.http.preserve_host_header.enabled", "false"),
            ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"),
            ("routing.http.xff_client_port.enabled", "false"),
            ("routing.http.xff_header_processing.mode", "append"),
            ("waf.fail_open.enabled", "false"),
            ("zonal_shift.config.enabled", "false"),
            ("access_logs.s3.bucket", ""),
            ("access_logs.s3.prefix", ""),
            ("load_balancing.cross_zone.enabled", "true"),
            ("routing.http.desync_mitigation_mode", "defensive"),
            ("routing.http.drop_invalid_header_fields.enabled", "false"),
            ("routing.http2.enabled", "true"),
        ][..],
        _ => &[
            ("access_logs.s3.enabled", "false"),
            ("deletion_protection.enabled", "false"),
            ("access_logs.s3.bucket", ""),
            ("access_logs.s3.prefix", ""),
            ("dns_record.client_routing_policy", "any_availability_zone"),
            ("load_balancing.cross_zone.enabled", "false"),
            ("zonal_shift.config.enabled", "false"),
        ][..],
    };
    let load_balancer = LoadBalancer { config, attributes: owned(attributes), created: sim.now };
    let shown = show_load_balancer(sim, &arn, &load_balancer);
    sim.elb.load_balancers.insert(arn, load_balancer);
    Ok(json!({"LoadBalancers": [shown]}))
}

/// The subnets a request names, each with the address that was chosen for it, if one was.
fn subnets(input: &Value) -> Vec<Value> {
    let plain = texts(input, "Subnets").into_iter().map(|id| json!({"SubnetId": id}));
    plain.chain(list(input, "SubnetMappings").iter().cloned()).collect()
}

fn zones(sim: &Sim, subnets: &[Value]) -> Value {
    subnets
        .iter()
        .enumerate()
        .map(|(index, subnet)| {
            let mut address = value::pick(subnet, &["AllocationId", "PrivateIPv4Address", "IPv6Address"]);
            if value::has(&address, "AllocationId") {
                set(&mut address, "IpAddress", json!(format!("203.0.113.{}", 10 + index)));
            }
            let chosen = address.as_object().is_some_and(|it| !it.is_empty());
            json!({
                "ZoneName": format!("{}{}", sim.config.region, ["a", "b", "c", "d"][index % 4]),
                "SubnetId": subnet["SubnetId"],
                "LoadBalancerAddresses": if chosen { vec![address] } else { Vec::new() },
            })
        })
        .collect()
}

/// SetSecurityGroups, SetSubnets and SetIpAddressType: what is sent replaces what was there, and is answered.
fn set_on_load_balancer(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "LoadBalancerArn", "ValidationError")?;
    let subnets = subnets(input);
    let zones = (!subnets.is_empty()).then(|| zones(sim, &subnets));
    let it = sim.elb.load_balancers.get_mut(arn).ok_or_else(no_load_balancer)?;
    for name in ["SecurityGroups", "IpAddressType"] {
        if let Some(new) = input.get(name) {
            set(&mut it.config, name, new.clone());
        }
    }
    if let Some(zones) = zones {
        set(&mut it.config, "AvailabilityZones", zones);
    }
    let mut answer = value::pick(&it.config, &["AvailabilityZones", "IpAddressType"]);
    set(&mut answer, "SecurityGroupIds", it.config.get("SecurityGroups").cloned().unwrap_or_default());
    match (input.get("Subnets").or(input.get("SubnetMappings")), input.get("SecurityGroups")) {
        (Some(_), _) => value::unset(&mut answer, "SecurityGroupIds"),
        (_, Some(_)) => answer = value::pick(&answer, &["SecurityGroupIds"]),
        _ => answer = value::pick(&answer, &["IpAddressType"]),
    }
    Ok(answer)
}

fn show_load_balancer(sim: &Sim, _arn: &str, it: &LoadBalancer) -> Value {
    let mut out = it.config.clone();
    // A load balancer takes about two minutes to come up.
    let state = if sim.now - it.created < 120_000 { "provisioning" } else { "active" };
    set(&mut out, "State", json!({"Code": state}));
    out
}

fn describe_load_balancers(sim: &mut Sim, input: &Value) -> Answer {
    let (arns, names) = (texts(input, "LoadBalancerArns"), texts(input, "Names"));
    let wanted = |arn: &str, it: &LoadBalancer| match (arns.is_empty(), names.is_empty()) {
        (true, true) => true,
        (false, _) => arns.contains(&arn),
        (true, false) => text(&it.config, "LoadBalancerName").is_some_and(|name| names.contains(&name)),
    };
    let asked = arns.len().max(names.len());
    refuse! {
        asked > 20 => invalid("You cannot describe more than '20' load balancers at a time");
    }
    let items: Vec<(String, Value)> = sim
        .elb
        .load_balancers
        .iter()
        .filter(|(arn, it)| wanted(arn, it))
        .map(|(arn, it)| (arn.clone(), show_load_balancer(sim, arn, it)))
        .collect();
    refuse! {
        items.len() < asked => no_load_balancer();
    }
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("LoadBalancers", page, next, &PAGING))
}

fn delete_load_balancer(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "LoadBalancerArn", "ValidationError")?;
    let protected =
        |it: &LoadBalancer| it.attributes.get("deletion_protection.enabled").is_some_and(|on| on == "true");
    refuse! {
        sim.elb.load_balancers.get(arn).is_some_and(protected) => ApiError::new("OperationNotPermitted", format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled"));
    }
    let own: Vec<String> = sim
        .elb
        .listeners
        .iter()
        .filter(|(_, listener)| listener.load_balancer == arn)
        .map(|(arn, _)| arn.clone())
        .collect();
    for listener in own {
        listeners::remove(sim, &listener);
    }
    sim.elb.load_balancers.remove(arn);
    sim.tags.remove(arn);
    Ok(json!({}))
}

fn describe_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "LoadBalancerArn", "ValidationError")?;
    let it = sim.elb.load_balancers.get(arn).ok_or_else(no_load_balancer)?;
    Ok(json!({"Attributes": show_attributes(&it.attributes)}))
}

fn modify_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "LoadBalancerArn", "ValidationError")?;
    let it = sim.elb.load_balancers.get_mut(arn).ok_or_else(no_load_balancer)?;
    change_attributes(&mut it.attributes, input, "Load balancer")
}

/// Changes attributes that are there, all or none; `what` has them.
fn change_attributes(attributes: &mut BTreeMap<String, String>, input: &Value, what: &str) -> Answer {
    let mut changed = attributes.clone();
    for attribute in list(input, "Attributes") {
        let key = text(attribute, "Key").unwrap_or_default();
        let Some(slot) = changed.get_mut(key) else {
            let message = format!("{what} attribute key '{key}' is not recognized");
            return Err(ApiError::new("InvalidConfigurationRequest", message));
        };
        let value = text(attribute, "Value").unwrap_or_default();
        let seconds = value.parse::<i64>().ok();
        refuse! {
            key == "deregistration_delay.timeout_seconds" && !seconds.is_some_and(|it| (0..=3600).contains(&it)) => ApiError::new("InvalidConfigurationRequest", format!("'{key}' must be between 0 and 3600"));
        }
        value.clone_into(slot);
    }
    *attributes = changed;
    Ok(json!({"Attributes": show_attributes(attributes)}))
}

/// Nothing is reserved.
fn describe_capacity(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "LoadBalancerArn", "ValidationError")?;
    refuse! {
        !sim.elb.load_balancers.contains_key(arn) => no_load_balancer();
    }
    Ok(json!({"CapacityReservationState": []}))
}

/// Attributes as ELBv2 writes them.
pub fn show_attributes(attributes: &BTreeMap<String, String>) -> Value {
    attributes.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// Pairs of text, owned.
pub fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn describe_tags(sim: &mut Sim, input: &Value) -> Answer {
    let descriptions: Vec<Value> = existing(sim, input)?
        .iter()
        .map(|arn| json!({"ResourceArn": arn, "Tags": TAGS.show(sim.tags.get(arn))}))
        .collect();
    Ok(json!({"TagDescriptions": descriptions}))
}

/// The ARNs a tag operation names; one that is missing fails it whole.
fn existing(sim: &Sim, input: &Value) -> Result<Vec<String>, ApiError> {
    let arns = texts(input, "ResourceArns");
    refuse! {
        arns.len() > 20 => invalid("You cannot describe tags of more than '20' resources at a time");
    }
    for arn in &arns {
        let rule_listener = listeners::listener_of(arn);
        let missing = match arn.splitn(6, ':').nth(5).and_then(|path| path.split('/').next()) {
            Some("loadbalancer") if !sim.elb.load_balancers.contains_key(*arn) => no_load_balancer(),
            Some("targetgroup") if !sim.elb.groups.contains_key(*arn) => no_group(),
            Some("listener") if !sim.elb.listeners.contains_key(*arn) => listeners::no_listener(),
            Some("listener-rule")
                if !sim.elb.listeners.get(&rule_listener).is_some_and(|it| it.rules.contains_key(*arn)) =>
            {
                listeners::no_rule()
            }
            Some("loadbalancer" | "targetgroup" | "listener" | "listener-rule") => continue,
            _ => invalid(format!("'{arn}' is not a valid ARN")),
        };
        return Err(missing);
    }
    Ok(arns.into_iter().map(str::to_owned).collect())
}
