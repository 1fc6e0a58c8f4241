//! Scalable targets, scaling policies and scheduled actions.

use super::fields::{Change, Clearing, Field, at, name};
use super::{Place, Row, Value};
use super::{counts, derive, elsewhere, flag, free, int, set, text};

pub(super) const TARGET: &[Row] = &[
    elsewhere("tags", "B: at creation only, then through TagResource"),
    elsewhere("serviceNamespace", "the target's key"),
    elsewhere("resourceId", "the target's key"),
    elsewhere("scalableDimension", "the target's key"),
    elsewhere("roleARN", "L: always comes back as the service-linked role"),
    free("suspendedState", "an operator's own switch"),
    flag("suspendedState/dynamicScalingInSuspended", false, "L: echoed"),
    flag("suspendedState/dynamicScalingOutSuspended", false, "L: echoed"),
    flag("suspendedState/scheduledScalingSuspended", false, "L: echoed"),
];

const UPSERT: &str = "B: RegisterScalableTarget; absent keeps it";

pub(super) const TARGET_FIELDS: &[Field] = &[
    name("serviceNamespace", "the target's key"),
    name("resourceId", "the target's key"),
    name("scalableDimension", "the target's key"),
    at("minCapacity", Change::InPlace, Clearing::CannotBeCleared("a target has bounds"), UPSERT),
    at("maxCapacity", Change::InPlace, Clearing::CannotBeCleared("a target has bounds"), UPSERT),
    at("roleARN", Change::InPlace, Clearing::Unchanged("the service-linked role"), UPSERT),
    at("suspendedState", Change::InPlace, Clearing::Unchanged("whoever suspended it"), UPSERT),
    at("tags", Change::InPlace, Clearing::Unchanged("UntagResource"), "L: refused on an existing target"),
];

const COOLDOWN: &str = "D: the default for ECS";

pub(super) const POLICY: &[Row] = &[
    elsewhere("serviceNamespace", "the policy's key"),
    elsewhere("resourceId", "the policy's key"),
    elsewhere("scalableDimension", "the policy's key"),
    elsewhere("policyName", "the policy's key"),
    text("policyType", "StepScaling", "B: the default of PutScalingPolicy"),
    flag("targetTrackingScalingPolicyConfiguration/disableScaleIn", false, "B"),
    derive("targetTrackingScalingPolicyConfiguration/scaleInCooldown", cooldown, "300 for ECS", COOLDOWN),
    derive("targetTrackingScalingPolicyConfiguration/scaleOutCooldown", cooldown, "300 for ECS", COOLDOWN),
    set(
        "targetTrackingScalingPolicyConfiguration/customizedMetricSpecification/dimensions",
        &["name"],
        "B: dimensions are named",
    ),
    set(
        "targetTrackingScalingPolicyConfiguration/customizedMetricSpecification/metrics",
        &["id"],
        "B: queries have ids",
    ),
    set(
        "targetTrackingScalingPolicyConfiguration/customizedMetricSpecification/metrics/*/metricStat/metric/dimensions",
        &["name"],
        "B: dimensions are named",
    ),
    flag(
        "targetTrackingScalingPolicyConfiguration/customizedMetricSpecification/metrics/*/returnData",
        true,
        "B",
    ),
    int("stepScalingPolicyConfiguration/cooldown", 300, "D"),
    text("stepScalingPolicyConfiguration/metricAggregationType", "Average", "D"),
    set(
        "stepScalingPolicyConfiguration/stepAdjustments",
        &["metricIntervalLowerBound"],
        "B: steps do not overlap, and one may have no lower bound",
    ),
    text("predictiveScalingPolicyConfiguration/mode", "ForecastOnly", "B"),
    text("predictiveScalingPolicyConfiguration/maxCapacityBreachBehavior", "HonorMaxCapacity", "B"),
    free("predictiveScalingPolicyConfiguration/schedulingBufferTime", "B: AWS's own"),
];

const PUT: &str = "B: PutScalingPolicy puts it whole";

pub(super) const POLICY_FIELDS: &[Field] = &[
    name("serviceNamespace", "the policy's key"),
    name("resourceId", "the policy's key"),
    name("scalableDimension", "the policy's key"),
    name("policyName", "the policy's key"),
    at(
        "policyType",
        Change::Replace,
        Clearing::CannotBeCleared("another type is another policy"),
        "B: another type is another policy",
    ),
    at("targetTrackingScalingPolicyConfiguration", Change::InPlace, Clearing::Replaced, PUT),
    at("stepScalingPolicyConfiguration", Change::InPlace, Clearing::Replaced, PUT),
    at("predictiveScalingPolicyConfiguration", Change::InPlace, Clearing::Replaced, PUT),
];

pub(super) const SCHEDULED_ACTION: &[Row] = &[
    elsewhere("serviceNamespace", "the action's key"),
    elsewhere("resourceId", "the action's key"),
    elsewhere("scalableDimension", "the action's key"),
    elsewhere("scheduledActionName", "the action's key"),
    text("timezone", "UTC", "B"),
    free("startTime", "B: AWS notes the creation's time"),
];

const PUT_ACTION: &str = "B: PutScheduledAction puts it whole; an absent start or end is deleted";

pub(super) const SCHEDULED_ACTION_FIELDS: &[Field] = &[
    name("serviceNamespace", "the action's key"),
    name("resourceId", "the action's key"),
    name("scalableDimension", "the action's key"),
    name("scheduledActionName", "the action's key"),
    at("schedule", Change::InPlace, Clearing::Replaced, PUT_ACTION),
    at("timezone", Change::InPlace, Clearing::Replaced, PUT_ACTION),
    at("startTime", Change::InPlace, Clearing::Replaced, PUT_ACTION),
    at("endTime", Change::InPlace, Clearing::Replaced, PUT_ACTION),
    at("scalableTargetAction", Change::InPlace, Clearing::Replaced, PUT_ACTION),
];

/// Other namespaces have other defaults; a policy of a document is always one of ECS.
fn cooldown<'a>(place: &Place<'a>) -> Option<Value<'a>> {
    place.root.str("serviceNamespace").is_none_or(|n| n == "ecs").then(|| counts(300))?
}
