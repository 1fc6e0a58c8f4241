//! Application Auto Scaling: scalable targets, policies, scheduled actions. Only ECS services can be scaled.
//!
//! What moves counts by load and by the clock is in [`crate::autoscaler`].

use crate::autoscaler::{self, Autoscaler};
use crate::ecs::{Key, services};
use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, fill, has, int, page, paged, set, text, texts};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Everything Application Auto Scaling keeps, by resource id, then by name.
#[derive(Clone, Default)]
pub struct Scaling {
    pub(crate) targets: BTreeMap<String, Value>,
    pub(crate) policies: BTreeMap<(String, String), Value>,
    pub(crate) scheduled: BTreeMap<(String, String), Value>,
    /// Newest first.
    activities: VecDeque<Value>,
    /// What moves counts.
    pub(crate) autoscaler: Autoscaler,
}

impl Scaling {
    /// The ARN of the scalable target with this resource id.
    pub fn arn_of(&self, id: &str) -> Option<&str> {
        text(self.targets.get(id)?, "ScalableTargetARN")
    }

    /// Each scalable target in one line.
    pub fn summary(&self) -> Value {
        self.targets
            .iter()
            .map(|(id, target)| json!({"resourceId": id, "min": target["MinCapacity"], "max": target["MaxCapacity"]}))
            .collect()
    }
}

const SERVICE: &str = "application-autoscaling";
const DIMENSION: &str = "ecs:service:DesiredCount";

/// Application Auto Scaling's rows of the table.
pub const OPERATIONS: &[Operation] = &[
    write(SERVICE, "RegisterScalableTarget", register),
    read(SERVICE, "DescribeScalableTargets", describe_targets),
    write(SERVICE, "DeregisterScalableTarget", deregister),
    write(SERVICE, "PutScalingPolicy", put_policy),
    read(SERVICE, "DescribeScalingPolicies", describe_policies),
    write(SERVICE, "DeleteScalingPolicy", delete_policy),
    write(SERVICE, "PutScheduledAction", put_scheduled),
    read(SERVICE, "DescribeScheduledActions", describe_scheduled),
    write(SERVICE, "DeleteScheduledAction", delete_scheduled),
    read(SERVICE, "DescribeScalingActivities", describe_activities),
    tags(SERVICE, "TagResource", &TAGS, TagVerb::Add),
    tags(SERVICE, "UntagResource", &TAGS, TagVerb::Remove),
    tags(SERVICE, "ListTagsForResource", &TAGS, TagVerb::List),
];

const TAGS: TagStyle = TagStyle {
    tags: "Tags",
    key: "",
    value: "",
    invalid: "ValidationException",
    too_many: "TooManyTagsException",
    keys: "TagKeys",
    find: existing,
};

const fn paging(max: usize) -> Paging {
    Paging {
        limit: "MaxResults",
        token: "NextToken",
        next: "NextToken",
        default: max,
        max,
        code: "ValidationException",
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", message)
}

fn missing(what: &str, id: &str) -> ApiError {
    ApiError::new(
        "ObjectNotFoundException",
        format!(
            "No {what} found for service namespace: ecs, resource ID: {id}, scalable dimension: {DIMENSION}"
        ),
    )
}

/// The resource id of a request, of the one kind there is here.
fn resource(input: &Value) -> Result<String, ApiError> {
    namespace(input)?;
    let id = value::required(input, "ResourceId", "ValidationException")?;
    match text(input, "ScalableDimension") {
        Some(DIMENSION) => Ok(id.to_owned()),
        _ => Err(invalid("Unsupported service namespace, resource type or scalable dimension")),
    }
}

fn namespace(input: &Value) -> Result<(), ApiError> {
    match text(input, "ServiceNamespace") {
        Some("ecs") => Ok(()),
        _ => Err(invalid("Unsupported service namespace, resource type or scalable dimension")),
    }
}

/// The cluster and service that a resource id names.
pub(crate) fn key(id: &str) -> Option<Key> {
    let (cluster, service) = id.strip_prefix("service/")?.split_once('/')?;
    Some((cluster.to_owned(), service.to_owned()))
}

fn register(sim: &mut Sim, input: &Value) -> Answer {
    let id = resource(input)?;
    let there = key(&id).and_then(|key| sim.ecs.services.get(&key)).is_some_and(|it| it.status == "ACTIVE");
    refuse! {
        !there => invalid(format!("ECS service doesn't exist: {id}"));
    }
    let existing = sim.scaling.targets.get(&id).cloned();
    refuse! {
        existing.is_some() && input.get("Tags").is_some() => invalid("The scalable target that you tried to tag already exists. Please use TagResource API instead.");
    }
    let fresh = existing.is_none();
    refuse! {
        fresh && (!has(input, "MinCapacity") || !has(input, "MaxCapacity")) => invalid("MinCapacity and MaxCapacity must be specified for a new scalable target.");
    }
    let mut target = existing.unwrap_or_else(|| json!({}));
    for name in ["MinCapacity", "MaxCapacity"] {
        if let Some(count) = input.get(name) {
            set(&mut target, name, count.clone());
        }
    }
    let (min, max) = (int(&target, "MinCapacity").unwrap_or(0), int(&target, "MaxCapacity").unwrap_or(0));
    refuse! {
        min < 0 || max < min => invalid("Maximum capacity cannot be less than minimum capacity");
    }
    let suspended = value::object_mut(&mut target, "SuspendedState");
    for name in ["DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"] {
        if let Some(new) = input.get("SuspendedState").and_then(|it| it.get(name)) {
            set(suspended, name, new.clone());
        }
        fill(suspended, name, json!(false));
    }
    if fresh {
        let arn = sim.hex(32);
        let arn = sim.arn("application-autoscaling", &format!("scalable-target/{arn}"));
        TAGS.add(sim, &arn, input)?;
        set(&mut target, "ScalableTargetARN", json!(arn));
        set(&mut target, "ServiceNamespace", json!("ecs"));
        set(&mut target, "ResourceId", json!(id));
        set(&mut target, "ScalableDimension", json!(DIMENSION));
        set(&mut target, "CreationTime", value::time(sim.now));
        // Whatever role is sent, the service-linked one is used.
        set(
            &mut target,
            "RoleARN",
            json!(format!(
                "arn:aws:iam::{}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService",
                sim.config.account
            )),
        );
    }
    let arn = target["ScalableTargetARN"].clone();
    sim.scaling.targets.insert(id.clone(), target);
    clamp(sim, &id, "");
    Ok(json!({"ScalableTargetARN": arn}))
}

/// Brings a count into its bounds, as every registration does.
pub(crate) fn clamp(sim: &mut Sim, id: &str, because: &str) {
    let Some(target) = sim.scaling.targets.get(id) else {
        return;
    };
    let (min, max) = (int(target, "MinCapacity").unwrap_or(0), int(target, "MaxCapacity").unwrap_or(0));
    let Some(count) = key(id).and_then(|key| sim.ecs.services.get(&key)).map(|service| service.desired)
    else {
        return;
    };
    let wanted = count.clamp(min, max.max(min));
    let bound = if wanted == min { "minimum" } else { "maximum" };
    scale(sim, id, wanted, &format!("{because}{bound} capacity was set to {wanted}"));
}

/// Sets the count of a service, and remembers why.
pub(crate) fn scale(sim: &mut Sim, id: &str, wanted: i64, cause: &str) {
    let Some(key) = key(id).filter(|key| sim.ecs.services.get(key).is_some_and(|it| it.desired != wanted))
    else {
        return;
    };
    services::set_desired(sim, &key, wanted);
    let activity = json!({
        "ActivityId": sim.uuid(),
        "ServiceNamespace": "ecs",
        "ResourceId": id,
        "ScalableDimension": DIMENSION,
        "Description": format!("Setting desired count to {wanted}."),
        "Cause": cause,
        "StartTime": value::time(sim.now),
        "EndTime": value::time(sim.now),
        "StatusCode": "Successful",
        "StatusMessage": format!("Successfully set desired count to {wanted}. Change successfully fulfilled by ecs."),
    });
    sim.scaling.activities.push_front(activity);
    sim.scaling.activities.truncate(1_000);
}

/// Removes what belongs to a resource that is gone.
pub fn forget(sim: &mut Sim, id: &str) {
    if let Some(target) = sim.scaling.targets.remove(id) {
        sim.tags.remove(text(&target, "ScalableTargetARN").unwrap_or_default());
    }
    sim.scaling.policies.retain(|(of, _), _| of != id);
    sim.scaling.scheduled.retain(|(of, _), _| of != id);
}

fn describe_targets(sim: &mut Sim, input: &Value) -> Answer {
    namespace(input)?;
    let ids = texts(input, "ResourceIds");
    refuse! {
        ids.len() > 50 => invalid("ResourceIds can have at most 50 items.");
    }
    let items = sim
        .scaling
        .targets
        .iter()
        .filter(|(id, _)| ids.is_empty() || ids.contains(&id.as_str()))
        .map(|(id, target)| (id.clone(), target.clone()))
        .collect();
    let (page, next) = page(items, input, &paging(50))?;
    Ok(paged("ScalableTargets", page, next, &paging(50)))
}

fn deregister(sim: &mut Sim, input: &Value) -> Answer {
    let id = resource(input)?;
    refuse! {
        !sim.scaling.targets.contains_key(&id) => missing("scalable target", &id);
    }
    forget(sim, &id);
    Ok(json!({}))
}

fn put_policy(sim: &mut Sim, input: &Value) -> Answer {
    let id = resource(input)?;
    let name = value::required(input, "PolicyName", "ValidationException")?.to_owned();
    refuse! {
        !sim.scaling.targets.contains_key(&id) => missing("scalable target", &id);
    }
    let key = (id.clone(), name.clone());
    let mut policy = sim.scaling.policies.get(&key).cloned().unwrap_or_else(|| json!({}));
    let fresh = !has(&policy, "PolicyARN");
    let kind = text(input, "PolicyType").or(text(&policy, "PolicyType")).unwrap_or("StepScaling").to_owned();
    refuse! {
        !fresh && text(&policy, "PolicyType") != Some(&kind) => invalid("The policy type of a scaling policy cannot be changed");
    }
    let member = match kind.as_str() {
        "TargetTrackingScaling" => "TargetTrackingScalingPolicyConfiguration",
        "StepScaling" => "StepScalingPolicyConfiguration",
        "PredictiveScaling" => "PredictiveScalingPolicyConfiguration",
        _ => return Err(invalid(format!("Unsupported policy type: {kind}"))),
    };
    let configuration = input.get(member).cloned();
    match (&configuration, fresh) {
        (None, true) => {
            return Err(invalid(format!("{member} must be specified for policy type {kind}")));
        }
        (Some(it), _) if kind == "TargetTrackingScaling" => {
            refuse! {
                !has(it, "TargetValue") => invalid("TargetValue must be specified");
                has(it, "PredefinedMetricSpecification") == has(it, "CustomizedMetricSpecification") => invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified");
            }
        }
        _ => {}
    }
    if let Some(mut it) = configuration {
        if kind == "TargetTrackingScaling" {
            fill(&mut it, "DisableScaleIn", json!(false));
        }
        set(&mut policy, member, it);
    }
    if fresh {
        let uuid = sim.uuid();
        let arn = format!(
            "arn:aws:autoscaling:{}:{}:scalingPolicy:{uuid}:resource/ecs/{id}:policyName/{name}",
            sim.config.region, sim.config.account
        );
        set(&mut policy, "PolicyARN", json!(arn));
        set(&mut policy, "PolicyName", json!(name));
        set(&mut policy, "PolicyType", json!(kind));
        set(&mut policy, "ServiceNamespace", json!("ecs"));
        set(&mut policy, "ResourceId", json!(id));
        set(&mut policy, "ScalableDimension", json!(DIMENSION));
        set(&mut policy, "CreationTime", value::time(sim.now));
        let mut alarms: Vec<Value> = Vec::new();
        if kind == "TargetTrackingScaling" {
            for which in ["AlarmHigh", "AlarmLow"] {
                let name = format!("TargetTracking-{id}-{which}-{}", sim.uuid());
                let arn = sim.arn("cloudwatch", &format!("alarm:{name}"));
                alarms.push(json!({"AlarmName": name, "AlarmARN": arn}));
            }
        }
        set(&mut policy, "Alarms", json!(alarms));
    }
    let answer = value::pick(&policy, &["PolicyARN", "Alarms"]);
    sim.scaling.policies.insert(key, policy);
    Ok(answer)
}

fn describe_policies(sim: &mut Sim, input: &Value) -> Answer {
    let mut answer =
        describe_named(sim, input, |sim| &sim.scaling.policies, "PolicyNames", "ScalingPolicies", 10)?;
    // Target tracking makes alarms of its own; those that step scaling answers to are somebody's.
    for policy in value::list_mut(&mut answer, "ScalingPolicies").into_iter().flatten() {
        if text(policy, "PolicyType") == Some("StepScaling") {
            let acting = sim.alarms.acting_on(text(policy, "PolicyARN").unwrap_or_default());
            set(policy, "Alarms", json!(acting));
        }
    }
    Ok(answer)
}

fn describe_scheduled(sim: &mut Sim, input: &Value) -> Answer {
    describe_named(sim, input, |sim| &sim.scaling.scheduled, "ScheduledActionNames", "ScheduledActions", 50)
}

/// Pages through what is kept by resource id and name.
fn describe_named(
    sim: &Sim,
    input: &Value,
    of: fn(&Sim) -> &BTreeMap<(String, String), Value>,
    names: &str,
    answer: &str,
    max: usize,
) -> Answer {
    namespace(input)?;
    let names = texts(input, names);
    let wanted = text(input, "ResourceId");
    let items = of(sim)
        .iter()
        .filter(|((id, name), _)| {
            wanted.is_none_or(|wanted| wanted == id) && (names.is_empty() || names.contains(&name.as_str()))
        })
        .map(|((id, name), it)| (format!("{id}\n{name}"), it.clone()))
        .collect();
    let (page, next) = page(items, input, &paging(max))?;
    Ok(paged(answer, page, next, &paging(max)))
}

fn delete_policy(sim: &mut Sim, input: &Value) -> Answer {
    let id = resource(input)?;
    let name = value::required(input, "PolicyName", "ValidationException")?.to_owned();
    let removed = sim.scaling.policies.remove(&(id.clone(), name.clone()));
    removed.map(|_| json!({})).ok_or_else(|| missing(&format!("scaling policy {name}"), &id))
}

fn put_scheduled(sim: &mut Sim, input: &Value) -> Answer {
    let id = resource(input)?;
    let name = value::required(input, "ScheduledActionName", "ValidationException")?.to_owned();
    refuse! {
        !sim.scaling.targets.contains_key(&id) => missing("scalable target", &id);
    }
    let key = (id.clone(), name.clone());
    let before = sim.scaling.scheduled.get(&key).cloned().unwrap_or_else(|| json!({}));
    // Start and end are dropped where they are not sent again; the rest stays.
    let mut action = value::pick(
        &before,
        &["ScheduledActionARN", "CreationTime", "Schedule", "Timezone", "ScalableTargetAction"],
    );
    for name in ["Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction"] {
        if let Some(new) = input.get(name) {
            set(&mut action, name, new.clone());
        }
    }
    refuse! {
        !has(&action, "Schedule") => invalid("Schedule must be specified for a new scheduled action");
        autoscaler::next_fire(&action, sim.now).is_err() => invalid("Schedule expression is not valid");
    }
    let uuid = sim.uuid();
    fill(
        &mut action,
        "ScheduledActionARN",
        json!(format!(
            "arn:aws:autoscaling:{}:{}:scheduledAction:{uuid}:resource/ecs/{id}:scheduledActionName/{name}",
            sim.config.region, sim.config.account
        )),
    );
    fill(&mut action, "CreationTime", value::time(sim.now));
    set(&mut action, "ScheduledActionName", json!(name));
    set(&mut action, "ServiceNamespace", json!("ecs"));
    set(&mut action, "ResourceId", json!(id));
    set(&mut action, "ScalableDimension", json!(DIMENSION));
    sim.scaling.scheduled.insert(key.clone(), action);
    autoscaler::schedule(sim, &key);
    Ok(json!({}))
}

fn delete_scheduled(sim: &mut Sim, input: &Value) -> Answer {
    let id = resource(input)?;
    let name = value::required(input, "ScheduledActionName", "ValidationException")?.to_owned();
    let removed = sim.scaling.scheduled.remove(&(id.clone(), name.clone()));
    removed.map(|_| json!({})).ok_or_else(|| missing(&format!("scheduled action {name}"), &id))
}

fn describe_activities(sim: &mut Sim, input: &Value) -> Answer {
    namespace(input)?;
    let wanted = text(input, "ResourceId");
    let items = sim
        .scaling
        .activities
        .iter()
        .filter(|it| wanted.is_none_or(|wanted| text(it, "ResourceId") == Some(wanted)))
        .map(|it| (text(it, "ActivityId").unwrap_or_default().to_owned(), it.clone()))
        .collect();
    let (page, next) = page(items, input, &paging(50))?;
    Ok(paged("ScalingActivities", page, next, &paging(50)))
}

fn existing(sim: &Sim, input: &Value) -> Result<Vec<String>, ApiError> {
    let arn = value::required(input, "ResourceARN", "ValidationException")?;
    let known = |target: &Value| text(target, "ScalableTargetARN") == Some(arn);
    match sim.scaling.targets.values().any(known) {
        true => Ok(vec![arn.to_owned()]),
        false => Err(ApiError::new(
            "ResourceNotFoundException",
            format!("The specified resource doesn't exist: {arn}"),
        )),
    }
}
