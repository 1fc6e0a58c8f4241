//! Listeners and their rules; the default rule is one of them.

use super::{PAGING, TAGS, change_attributes, invalid, no_group, no_load_balancer, owned, show_attributes};
use crate::sim::{Answer, ApiError, Sim};
use crate::value::{self, fill, has, int, list, list_mut, page, paged, set, shuffle, text, texts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A listener with its rules by ARN. Its actions are those of its default rule.
#[derive(Clone)]
pub struct Listener {
    pub(super) config: Value,
    pub(super) load_balancer: String,
    pub(super) rules: BTreeMap<String, Value>,
    pub(super) default_rule: String,
    attributes: BTreeMap<String, String>,
    /// Certificates beside the default one, by ARN.
    pub(super) certificates: BTreeSet<String>,
}

impl Listener {
    fn show(&self) -> Value {
        let mut out = self.config.clone();
        if let Some(rule) = self.rules.get(&self.default_rule) {
            set(&mut out, "DefaultActions", rule["Actions"].clone());
        }
        out
    }
}

/// What AWS says where a listener is missing.
pub fn no_listener() -> ApiError {
    ApiError::new("ListenerNotFound", "One or more listeners not found")
}

/// What AWS says where a rule is missing.
pub fn no_rule() -> ApiError {
    ApiError::new("RuleNotFound", "One or more rules not found")
}

/// The ARN of the listener that a rule's ARN belongs to.
pub fn listener_of(rule: &str) -> String {
    let listener = rule.replacen(":listener-rule/", ":listener/", 1);
    listener.rsplit_once('/').map_or(String::new(), |(listener, _)| listener.to_owned())
}

/// The target groups that actions forward to.
pub fn groups_in(actions: &[Value]) -> BTreeSet<&str> {
    let mut groups = BTreeSet::new();
    for action in actions {
        groups.extend(text(action, "TargetGroupArn"));
        let forward = action.get("ForwardConfig").unwrap_or(&Value::Null);
        groups.extend(list(forward, "TargetGroups").iter().filter_map(|it| text(it, "TargetGroupArn")));
    }
    groups
}

/// Checks actions against what is there and puts them in the form AWS gives them back in.
fn actions(sim: &Sim, sent: &[Value], load_balancer: &str) -> Result<Vec<Value>, ApiError> {
    refuse! {
        sent.is_empty() => invalid("At least one action must be specified");
    }
    for group in groups_in(sent) {
        let found = sim.elb.groups.get(group).ok_or_else(no_group)?;
        refuse! {
            sim.elb.load_balancers_of(group).iter().any(|other| *other != load_balancer) => ApiError::new("TargetGroupAssociationLimit", format!("The following target groups cannot be associated with more than one load balancer: {group}"));
        }
        let web = matches!(text(&found.config, "Protocol"), Some("HTTP" | "HTTPS"));
        let lambda = text(&found.config, "TargetType") == Some("lambda");
        refuse! {
            (sim.elb.kind(load_balancer) == "application") != (web || lambda) => ApiError::new("IncompatibleProtocols", format!("The target group protocol of '{group}' is not compatible with the load balancer"));
        }
    }
    let network = sim.elb.kind(load_balancer) != "application";
    let mut actions = sent.to_vec();
    let many = actions.len() > 1;
    for (index, action) in actions.iter_mut().enumerate() {
        if many {
            fill(action, "Order", json!(index + 1));
        }
        match text(action, "Type") {
            Some("forward") => forward(action, network)?,
            Some("redirect") => {
                let redirect = value::object_mut(action, "RedirectConfig");
                for (name, default) in [
                    ("Host", "#{host}"),
                    ("Path", "/#{path}"),
                    ("Port", "#{port}"),
                    ("Query", "#{query}"),
                    ("Protocol", "#{protocol}"),
                ] {
                    fill(redirect, name, json!(default));
                }
            }
            Some("authenticate-oidc") => sign_in(value::object_mut(action, "AuthenticateOidcConfig")),
            Some("authenticate-cognito") => sign_in(value::object_mut(action, "AuthenticateCognitoConfig")),
            Some(_) => {}
            None => return Err(invalid("An action type must be specified")),
        }
    }
    actions.sort_by_key(|action| int(action, "Order").unwrap_or(0));
    Ok(actions)
}

/// What AWS adds to an action that has people sign in, and the secret it never gives back.
fn sign_in(config: &mut Value) {
    for name in ["ClientSecret", "UseExistingClientSecret"] {
        value::unset(config, name);
    }
    fill(config, "SessionCookieName", json!("AWSELBAuthSessionCookie"));
    fill(config, "Scope", json!("openid"));
    fill(config, "SessionTimeout", json!(604_800));
    fill(config, "OnUnauthenticatedRequest", json!("authenticate"));
}

/// One target group is given back in both forms, several only in the second.
fn forward(action: &mut Value, network: bool) -> Result<(), ApiError> {
    let single = text(action, "TargetGroupArn").map(str::to_owned);
    let mut groups = action.get("ForwardConfig").map_or(Vec::new(), |it| list(it, "TargetGroups").to_vec());
    if groups.is_empty() {
        groups.extend(single.iter().map(|arn| json!({"TargetGroupArn": arn})));
    }
    refuse! {
        groups.is_empty() => invalid("A target group ARN must be specified");
        single.is_some() && groups.len() > 1 => invalid("You cannot specify both a target group ARN and several target groups");
    }
    let mut config = action.get("ForwardConfig").cloned().unwrap_or_else(|| json!({}));
    if !network {
        for group in &mut groups {
            fill(group, "Weight", json!(1));
        }
    }
    fill(&mut config, "TargetGroupStickinessConfig", json!({"Enabled": false}));
    if groups.len() == 1 {
        set(action, "TargetGroupArn", groups[0]["TargetGroupArn"].clone());
    }
    set(&mut config, "TargetGroups", json!(groups));
    set(action, "ForwardConfig", config);
    Ok(())
}

/// Conditions come back in an order of AWS's own, their values under `Values` too.
fn conditions(sent: &[Value]) -> Result<Vec<Value>, ApiError> {
    let mut conditions = sent.to_vec();
    let mut count = 0;
    for condition in &mut conditions {
        let field = text(condition, "Field").unwrap_or_default().to_owned();
        let (member, mirrored, reordered) = match field.as_str() {
            "path-pattern" => ("PathPatternConfig", true, true),
            "host-header" => ("HostHeaderConfig", true, false),
            "http-header" => ("HttpHeaderConfig", false, true),
            "http-request-method" => ("HttpRequestMethodConfig", false, true),
            "source-ip" => ("SourceIpConfig", false, true),
            "query-string" => ("QueryStringConfig", false, true),
            _ => {
                return Err(invalid(format!(
                    "Condition field '{field}' must be one of '[path-pattern, host-header, http-header, http-request-method, source-ip, query-string]'"
                )));
            }
        };
        let direct = list(condition, "Values").to_vec();
        if !direct.is_empty() && !has(condition, member) {
            set(condition, member, json!({"Values": direct}));
        }
        let Some(config) = condition.get_mut(member) else {
            return Err(invalid("A condition value must be specified"));
        };
        if let Some(values) = list_mut(config, "Values") {
            if reordered {
                shuffle(values);
            }
            count += values.len();
        }
        let values = config.get("Values").cloned().filter(|_| mirrored);
        set(condition, "Values", values.unwrap_or_else(|| json!([])));
    }
    refuse! {
        count > 5 => invalid("A rule can have at most '5' condition values");
    }
    shuffle(&mut conditions);
    Ok(conditions)
}

pub(super) fn create(sim: &mut Sim, input: &Value) -> Answer {
    let load_balancer = value::required(input, "LoadBalancerArn", "ValidationError")?.to_owned();
    refuse! {
        !sim.elb.load_balancers.contains_key(&load_balancer) => no_load_balancer();
    }
    TAGS.parse(input)?;
    let mut config = value::pick(
        input,
        &["Port", "Protocol", "Certificates", "SslPolicy", "AlpnPolicy", "MutualAuthentication"],
    );
    value::keep_unknown(&mut config, input, &["LoadBalancerArn", "DefaultActions", "Tags"]);
    let protocol = text(&config, "Protocol").unwrap_or_default().to_owned();
    let port = int(&config, "Port").ok_or_else(|| invalid("A port must be specified"))?;
    secure(&mut config, &protocol)?;
    let actions = actions(sim, list(input, "DefaultActions"), &load_balancer)?;
    let existing = sim
        .elb
        .listeners
        .values()
        .find(|it| it.load_balancer == load_balancer && int(&it.config, "Port") == Some(port));
    if let Some(existing) = existing {
        let shown = existing.show();
        let same = text(&shown, "Protocol") == Some(&protocol)
            && shown["DefaultActions"] == json!(actions)
            && shown.get("Certificates") == config.get("Certificates");
        return match same {
            true => Ok(json!({"Listeners": [shown]})),
            false => Err(ApiError::new(
                "DuplicateListener",
                "A listener already exists on this port for this load balancer",
            )),
        };
    }
    let (id, rule_id) = (sim.hex(16), sim.hex(16));
    let arn = format!("{}/{id}", load_balancer.replacen(":loadbalancer/", ":listener/", 1));
    let rule_arn = format!("{}/{rule_id}", arn.replacen(":listener/", ":listener-rule/", 1));
    set(&mut config, "ListenerArn", json!(arn));
    set(&mut config, "LoadBalancerArn", json!(load_balancer));
    TAGS.add(sim, &arn, input)?;
    sim.elb.add_uses(&rule_arn, &load_balancer, &actions);
    let rule = json!({
        "RuleArn": rule_arn, "Priority": "default", "Conditions": [], "Actions": actions,
        "IsDefault": true, "Transforms": [],
    });
    let listener = Listener {
        config,
        load_balancer,
        rules: BTreeMap::from([(rule_arn.clone(), rule)]),
        default_rule: rule_arn,
        attributes: attributes(&protocol),
        certificates: BTreeSet::new(),
    };
    let shown = listener.show();
    sim.elb.listeners.insert(arn, listener);
    Ok(json!({"Listeners": [shown]}))
}

fn secure(config: &mut Value, protocol: &str) -> Result<(), ApiError> {
    if matches!(protocol, "HTTPS" | "TLS") {
        refuse! {
            list(config, "Certificates").is_empty() => invalid("A certificate must be specified for HTTPS listeners");
        }
        fill(config, "SslPolicy", json!("ELBSecurityPolicy-2016-08"));
    }
    if protocol == "HTTPS" {
        fill(config, "MutualAuthentication", json!({"Mode": "off"}));
        let mutual = value::object_mut(config, "MutualAuthentication");
        if text(mutual, "Mode") == Some("verify") {
            fill(mutual, "IgnoreClientCertificateExpiry", json!(false));
            fill(mutual, "AdvertiseTrustStoreCaNames", json!("off"));
        }
    }
    Ok(())
}

pub(super) fn modify(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "ListenerArn", "ValidationError")?.to_owned();
    let listener = sim.elb.listeners.get(&arn).ok_or_else(no_listener)?;
    let mut config = listener.config.clone();
    for name in ["Port", "Protocol", "Certificates", "SslPolicy", "AlpnPolicy", "MutualAuthentication"] {
        if let Some(member) = input.get(name) {
            set(&mut config, name, member.clone());
        }
    }
    let protocol = text(&config, "Protocol").unwrap_or_default().to_owned();
    secure(&mut config, &protocol)?;
    let (load_balancer, rule) = (listener.load_balancer.clone(), listener.default_rule.clone());
    if has(input, "DefaultActions") {
        let actions = actions(sim, list(input, "DefaultActions"), &load_balancer)?;
        replace_actions(sim, &rule, actions);
    }
    let listener = sim.elb.listeners.get_mut(&arn).ok_or_else(no_listener)?;
    listener.config = config;
    Ok(json!({"Listeners": [listener.show()]}))
}

/// Forwards a rule to a pair of target groups, the first with this share of the traffic, as ECS does.
pub fn weigh(sim: &mut Sim, rule_arn: &str, first: &str, second: &str, share: i64) {
    let Ok((_, rule)) = rule(sim, rule_arn) else {
        return;
    };
    let mut actions = list(rule, "Actions").to_vec();
    for action in actions.iter_mut().filter(|it| text(it, "Type") == Some("forward")) {
        value::unset(action, "TargetGroupArn");
        let groups = json!([
            {"TargetGroupArn": first, "Weight": share},
            {"TargetGroupArn": second, "Weight": 100 - share},
        ]);
        set(value::object_mut(action, "ForwardConfig"), "TargetGroups", groups);
    }
    replace_actions(sim, rule_arn, actions);
}

/// Gives a rule new actions, and keeps track of who uses which target group.
fn replace_actions(sim: &mut Sim, rule: &str, actions: Vec<Value>) {
    let listener = listener_of(rule);
    let Some(it) = sim.elb.listeners.get_mut(&listener) else {
        return;
    };
    let load_balancer = it.load_balancer.clone();
    let Some(it) = it.rules.get_mut(rule) else {
        return;
    };
    let old = list(it, "Actions").to_vec();
    set(it, "Actions", json!(actions));
    sim.elb.remove_uses(rule, &old);
    sim.elb.add_uses(rule, &load_balancer, &actions);
}

pub(super) fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let arns = texts(input, "ListenerArns");
    let of = text(input, "LoadBalancerArn");
    refuse! {
        of.is_some_and(|of| !sim.elb.load_balancers.contains_key(of)) => no_load_balancer();
    }
    let items: Vec<(String, Value)> = sim
        .elb
        .listeners
        .iter()
        .filter(|(arn, it)| match of {
            Some(of) => it.load_balancer == of,
            None => arns.contains(&arn.as_str()),
        })
        .map(|(arn, it)| (arn.clone(), it.show()))
        .collect();
    refuse! {
        items.len() < arns.len() => no_listener();
    }
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("Listeners", page, next, &PAGING))
}

pub(super) fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "ListenerArn", "ValidationError")?.to_owned();
    refuse! {
        !sim.elb.listeners.contains_key(&arn) => no_listener();
    }
    remove(sim, &arn);
    Ok(json!({}))
}

/// Removes a listener with its rules and their tags.
pub(super) fn remove(sim: &mut Sim, arn: &str) {
    sim.tags.remove(arn);
    for (rule, it) in sim.elb.listeners.remove(arn).map(|it| it.rules).unwrap_or_default() {
        sim.elb.remove_uses(&rule, list(&it, "Actions"));
        sim.tags.remove(&rule);
    }
}

/// Attributes of a listener by its protocol.
fn attributes(protocol: &str) -> BTreeMap<String, String> {
    const HEADERS: &[&str] = &[
        "strict_transport_security.header_value",
        "access_control_allow_origin.header_value",
        "access_control_allow_methods.header_value",
        "access_control_allow_headers.header_value",
        "access_control_allow_credentials.header_value",
        "access_control_expose_headers.header_value",
        "access_control_max_age.header_value",
        "content_security_policy.header_value",
        "x_content_type_options.header_value",
        "x_frame_options.header_value",
    ];
    const SECURE: &[&str] = &[
        "tls_version",
        "tls_cipher_suite",
        "mtls_clientcert",
        "mtls_clientcert_serial_number",
        "mtls_clientcert_issuer",
        "mtls_clientcert_subject",
        "mtls_clientcert_validity",
        "mtls_clientcert_leaf",
    ];
    match protocol {
        "HTTP" | "HTTPS" => {
            let mut all = owned(&[("routing.http.response.server.enabled", "true")]);
            all.extend(HEADERS.iter().map(|name| (format!("routing.http.response.{name}"), String::new())));
            let secure = SECURE.iter().filter(|_| protocol == "HTTPS");
            all.extend(
                secure.map(|name| (format!("routing.http.request.x_amzn_{name}.header_name"), String::new())),
            );
            all
        }
        "TCP" | "TCP_UDP" | "GENEVE" => owned(&[("tcp.idle_timeout.seconds", "350")]),
        _ => BTreeMap::new(),
    }
}

pub(super) fn describe_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "ListenerArn", "ValidationError")?;
    let listener = sim.elb.listeners.get(arn).ok_or_else(no_listener)?;
    Ok(json!({"Attributes": show_attributes(&listener.attributes)}))
}

pub(super) fn modify_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "ListenerArn", "ValidationError")?;
    let listener = sim.elb.listeners.get_mut(arn).ok_or_else(no_listener)?;
    change_attributes(&mut listener.attributes, input, "Listener")
}

pub(super) fn create_rule(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "ListenerArn", "ValidationError")?.to_owned();
    let listener = sim.elb.listeners.get(&arn).ok_or_else(no_listener)?;
    let load_balancer = listener.load_balancer.clone();
    TAGS.parse(input)?;
    let priority = int(input, "Priority").ok_or_else(|| invalid("A priority must be specified"))?;
    free(listener, priority)?;
    refuse! {
        listener.rules.len() > 100 => ApiError::new("TooManyRules", "You've reached the limit on the number of rules per load balancer.");
    }
    let conditions = conditions(list(input, "Conditions"))?;
    refuse! {
        conditions.is_empty() => invalid("A condition must be specified");
    }
    let actions = actions(sim, list(input, "Actions"), &load_balancer)?;
    let id = sim.hex(16);
    let rule_arn = format!("{}/{id}", arn.replacen(":listener/", ":listener-rule/", 1));
    let mut rule = json!({
        "RuleArn": rule_arn, "Priority": priority.to_string(), "Conditions": conditions, "Actions": actions,
        "IsDefault": false, "Transforms": list(input, "Transforms"),
    });
    value::keep_unknown(&mut rule, input, &["ListenerArn", "Tags"]);
    TAGS.add(sim, &rule_arn, input)?;
    sim.elb.add_uses(&rule_arn, &load_balancer, &actions);
    if let Some(listener) = sim.elb.listeners.get_mut(&arn) {
        listener.rules.insert(rule_arn, rule.clone());
    }
    Ok(json!({"Rules": [rule]}))
}

/// Refuses a priority that another rule has.
fn free(listener: &Listener, priority: i64) -> Result<(), ApiError> {
    refuse! {
        !(1..=50_000).contains(&priority) => invalid("Priority must be between 1 and 50000");
    }
    let taken = listener.rules.values().any(|rule| int(rule, "Priority") == Some(priority));
    match taken {
        true => Err(ApiError::new("PriorityInUse", format!("Priority '{priority}' is currently in use"))),
        false => Ok(()),
    }
}

fn rule<'a>(sim: &'a Sim, arn: &str) -> Result<(&'a Listener, &'a Value), ApiError> {
    let listener = sim.elb.listeners.get(&listener_of(arn)).ok_or_else(no_rule)?;
    Ok((listener, listener.rules.get(arn).ok_or_else(no_rule)?))
}

pub(super) fn modify_rule(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "RuleArn", "ValidationError")?.to_owned();
    let (listener, old) = rule(sim, &arn)?;
    refuse! {
        old["IsDefault"] == true => ApiError::new("OperationNotPermitted", "Default rules cannot be modified");
    }
    let load_balancer = listener.load_balancer.clone();
    let mut new = old.clone();
    if has(input, "Conditions") {
        set(&mut new, "Conditions", json!(conditions(list(input, "Conditions"))?));
    }
    if text(input, "ResetTransforms") == Some("true") || input["ResetTransforms"] == true {
        set(&mut new, "Transforms", json!([]));
    }
    if has(input, "Transforms") {
        set(&mut new, "Transforms", json!(list(input, "Transforms")));
    }
    let actions = match has(input, "Actions") {
        true => Some(actions(sim, list(input, "Actions"), &load_balancer)?),
        false => None,
    };
    if let Some(listener) = sim.elb.listeners.get_mut(&listener_of(&arn)) {
        listener.rules.insert(arn.clone(), new);
    }
    if let Some(actions) = actions {
        replace_actions(sim, &arn, actions);
    }
    Ok(json!({"Rules": [rule(sim, &arn)?.1]}))
}

pub(super) fn describe_rules(sim: &mut Sim, input: &Value) -> Answer {
    let arns = texts(input, "RuleArns");
    let mut rules: Vec<&Value> = match text(input, "ListenerArn") {
        Some(arn) => {
            let listener = sim.elb.listeners.get(arn).ok_or_else(no_listener)?;
            listener.rules.values().collect()
        }
        None if arns.is_empty() => {
            return Err(invalid("Either listeners or rules must be specified"));
        }
        None => {
            let found: Result<Vec<&Value>, ApiError> = arns.iter().map(|arn| Ok(rule(sim, arn)?.1)).collect();
            found?
        }
    };
    rules.sort_by_key(|rule| int(rule, "Priority").unwrap_or(i64::MAX));
    let items = rules
        .into_iter()
        .map(|rule| (text(rule, "RuleArn").unwrap_or_default().to_owned(), rule.clone()))
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("Rules", page, next, &PAGING))
}

pub(super) fn delete_rule(sim: &mut Sim, input: &Value) -> Answer {
    let arn = value::required(input, "RuleArn", "ValidationError")?.to_owned();
    let (_, old) = rule(sim, &arn)?;
    refuse! {
        old["IsDefault"] == true => ApiError::new("OperationNotPermitted", format!("Default rule '{arn}' cannot be deleted"));
    }
    let actions = list(old, "Actions").to_vec();
    sim.elb.remove_uses(&arn, &actions);
    if let Some(listener) = sim.elb.listeners.get_mut(&listener_of(&arn)) {
        listener.rules.remove(&arn);
    }
    sim.tags.remove(&arn);
    Ok(json!({}))
}

/// Sets priorities as a whole: what counts is that none is there twice in the end.
pub(super) fn set_priorities(sim: &mut Sim, input: &Value) -> Answer {
    let mut wanted = BTreeMap::new();
    for pair in list(input, "RulePriorities") {
        let arn = value::required(pair, "RuleArn", "ValidationError")?;
        let priority = int(pair, "Priority").ok_or_else(|| invalid("A priority must be specified"))?;
        let (_, old) = rule(sim, arn)?;
        refuse! {
            old["IsDefault"] == true => ApiError::new("OperationNotPermitted", "Default rules cannot be modified");
        }
        wanted.insert(arn.to_owned(), priority);
    }
    let mut seen = BTreeSet::new();
    for (arn, priority) in &wanted {
        let (listener, _) = rule(sim, arn)?;
        let taken = listener
            .rules
            .iter()
            .any(|(other, it)| !wanted.contains_key(other) && int(it, "Priority") == Some(*priority));
        refuse! {
            taken || !seen.insert((listener_of(arn), priority)) => ApiError::new("PriorityInUse", format!("Priority '{priority}' is currently in use"));
        }
    }
    let mut changed = Vec::new();
    for (arn, priority) in wanted {
        let listener = sim.elb.listeners.get_mut(&listener_of(&arn));
        if let Some(it) = listener.and_then(|listener| listener.rules.get_mut(&arn)) {
            set(it, "Priority", json!(priority.to_string()));
            changed.push(it.clone());
        }
    }
    Ok(json!({"Rules": changed}))
}
