//! A scalable target with its policies and scheduled actions.

use super::{Place, is_open, schedule};
use crate::document::Scaling;
use crate::tree::Tree;

/// The forms of a policy: its type, the member that configures it.
const POLICIES: [(&str, &str); 3] = [
    ("TargetTrackingScaling", "targetTrackingScalingPolicyConfiguration"),
    ("StepScaling", "stepScalingPolicyConfiguration"),
    ("PredictiveScaling", "predictiveScalingPolicyConfiguration"),
];

/// Checks the scaling of a service; `place` is the service's.
pub(super) fn check(scaling: &Scaling, input: &Tree, place: &mut Place<'_>) {
    if input.str("schedulingStrategy") == Some("DAEMON") {
        place.error("conflict", "scaling", "a DAEMON service has no count that could scale").at_key();
    }
    let (min, max) = (scaling.target.int("minCapacity"), scaling.target.int("maxCapacity"));
    for (member, given) in [("minCapacity", min), ("maxCapacity", max)] {
        if given.is_none() && scaling.target.get(member).is_none() {
            let why = match scaling.policies.is_empty() {
                true => "",
                false => ": without a scalable target there is nothing that policies could scale",
            };
            place.missing("scaling", member, why);
        } else if given.is_some_and(|n| n < 0) {
            place.error("limit", &format!("scaling/{member}"), "a capacity is not negative");
        }
    }
    if let (Some(min), Some(max)) = (min, max) {
        if min > max {
            let message = format!("the least capacity, {min}, is greater than the greatest, {max}");
            place.error("bounds", "scaling/minCapacity", message);
        } else if input.int("desiredCount").is_some_and(|count| !(min..=max).contains(&count)) {
            let message =
                format!("the service starts with a count between {min} and {max}, as `scaling` says");
            place.warning("bounds", "service/desiredCount", message);
        }
    }
    for (name, tree) in &scaling.policies {
        policy(tree, &mut place.member("scaling").item("policies", name));
    }
    for (name, tree) in &scaling.scheduled_actions {
        let fits = name.trim() == name && !name.chars().any(|c| c.is_control() || ":/|".contains(c));
        if !fits || name.is_empty() || name.chars().count() > 256 {
            let message = "a scheduled action's name has 1 to 256 characters other than `:`, `/` and `|`";
            place.member("scaling").item("scheduledActions", name).error("bad-name", "", message).at_key();
        }
        scheduled_action(tree, &mut place.member("scaling").item("scheduledActions", name));
    }
}

fn policy(policy: &Tree, place: &mut Place<'_>) {
    let kind = policy.str("policyType");
    let given: Vec<_> = POLICIES.iter().filter(|(_, member)| policy.get(member).is_some()).collect();
    match (kind, &given[..]) {
        (None, []) => {
            place
                .error("missing-required", "", "a policy needs `policyType` and what it says")
                .at_key()
                .hint("for example `targetTrackingScalingPolicyConfiguration`");
        }
        (None, [(kind, _), ..]) => {
            place
                .error("missing-required", "", "`policyType` is required")
                .at_key()
                .hint(format!("write `\"policyType\": \"{kind}\"`"));
        }
        (Some(kind), _) => {
            for (other, member) in POLICIES {
                match (kind == other, policy.get(member).is_some()) {
                    (true, false) => place.missing("", member, &format!(" for the policy type {kind}")),
                    (false, true) if POLICIES.iter().any(|(known, _)| *known == kind) => {
                        let message = format!("`{member}` does not go with the policy type {kind}");
                        place.error("conflict", member, message).at_key();
                    }
                    _ => {}
                }
            }
        }
    }
    if let Some(tracking) = policy.get(POLICIES[0].1) {
        target_tracking(tracking, &mut place.member(POLICIES[0].1));
    }
    if let Some(steps) = policy.get(POLICIES[1].1) {
        step_scaling(steps, &mut place.member(POLICIES[1].1));
    }
}

fn target_tracking(tracking: &Tree, place: &mut Place<'_>) {
    let predefined = tracking.get("predefinedMetricSpecification");
    let customized = tracking.get("customizedMetricSpecification");
    match (predefined, customized) {
        (None, None) => {
            place
                .error("missing-required", "", "a metric to track is required")
                .at_key()
                .hint("`predefinedMetricSpecification` or `customizedMetricSpecification`");
        }
        (Some(_), Some(_)) => {
            let message = "a policy tracks one metric, predefined or customized, not both";
            place.error("conflict", "customizedMetricSpecification", message).at_key();
        }
        _ => {}
    }
    if let Some(predefined) = predefined {
        let metric = predefined.str("predefinedMetricType").unwrap_or_default();
        let label = predefined.get("resourceLabel").is_some();
        let balanced = metric.starts_with("ALBRequestCountPerTarget");
        if balanced && !label {
            place.missing("predefinedMetricSpecification", "resourceLabel", &format!(" for {metric}"));
        } else if !balanced && !metric.starts_with("ECSService") && !metric.is_empty() && !is_open(metric) {
            let at = "predefinedMetricSpecification/predefinedMetricType";
            place.warning("not-for-ecs", at, format!("{metric} is no metric of ECS services"));
        }
    }
    if let Some(customized) = customized {
        let (name, metrics) = (customized.get("metricName"), customized.list_of("metrics"));
        if name.is_some() && !metrics.is_empty() {
            let message = "a customized metric has a name or a list of metrics, not both";
            place.error("conflict", "customizedMetricSpecification/metrics", message).at_key();
        } else if name.is_none() && metrics.is_empty() {
            place.missing("customizedMetricSpecification", "metricName", ", or `metrics`");
        }
    }
}

fn step_scaling(steps: &Tree, place: &mut Place<'_>) {
    if steps.get("adjustmentType").is_none() {
        place.missing("", "adjustmentType", "");
    }
    let adjustments = steps.list_of("stepAdjustments");
    if adjustments.is_empty() {
        place.missing("", "stepAdjustments", "");
    }
    if adjustments.len() > 20 {
        place.error("limit", "stepAdjustments", "a policy has at most 20 step adjustments");
    }
    if steps.get("minAdjustmentMagnitude").is_some()
        && steps.str("adjustmentType") != Some("PercentChangeInCapacity")
    {
        let message = "`minAdjustmentMagnitude` goes with PercentChangeInCapacity only";
        place.warning("conflict", "minAdjustmentMagnitude", message).at_key();
    }
    let bound = |step: &Tree, member: &str| match step.get(member) {
        Some(Tree::Num(n)) => Some(*n),
        Some(tree) => tree.as_int().map(|n| n as f64),
        None => None,
    };
    let mut ranges = Vec::new();
    for (i, step) in adjustments.iter().enumerate() {
        let lower = bound(step, "metricIntervalLowerBound");
        let upper = bound(step, "metricIntervalUpperBound");
        let at = format!("stepAdjustments/{i}");
        match (lower, upper) {
            (None, None) if adjustments.len() > 1 => {
                place.error("bounds", &at, "of several steps each needs a bound");
            }
            (Some(lower), Some(upper)) if lower >= upper => {
                place.error("bounds", &at, "the lower bound of a step is below its upper bound");
            }
            _ => ranges.push((i, lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY))),
        }
    }
    ranges.sort_by(|a, b| a.1.total_cmp(&b.1));
    for pair in ranges.windows(2) {
        let ((_, _, end), (i, start, _)) = (pair[0], pair[1]);
        if start < end {
            place.error("bounds", &format!("stepAdjustments/{i}"), "this step overlaps with another");
        } else if start > end {
            place.error("bounds", &format!("stepAdjustments/{i}"), "there is a gap before this step");
        }
    }
}

fn scheduled_action(action: &Tree, place: &mut Place<'_>) {
    match action.str("schedule") {
        None => place.missing("", "schedule", ""),
        Some(text) if is_open(text) => {}
        Some(text) => {
            if let Some(fault) = schedule::fault(text) {
                place.error("bad-schedule", "schedule", fault).hint("for example `cron(0 8 ? * MON-FRI *)`");
            }
        }
    }
    let target = action.get("scalableTargetAction");
    let bound = |member: &str| target.and_then(|t| t.int(member));
    match (bound("minCapacity"), bound("maxCapacity")) {
        (None, None) => {
            place
                .error("missing-required", "", "a scheduled action changes a capacity")
                .at_key()
                .hint("`\"scalableTargetAction\": {\"minCapacity\": 1}`");
        }
        (Some(min), Some(max)) if min > max => {
            let message = format!("the least capacity, {min}, is greater than the greatest, {max}");
            place.error("bounds", "scalableTargetAction/minCapacity", message);
        }
        _ => {}
    }
}
