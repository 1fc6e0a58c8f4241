//! CloudWatch as far as deployments and step scaling need it: alarms, and what follows when one goes off.
//!
//! There are no metrics but one: the load that a script gives a service (see [`crate::autoscaler`]). Alarms on
//! it follow it every minute; all others change when somebody calls SetAlarmState.

use crate::ecs::scheduler;
use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, fill, flag, int, list, number, page, paged, set, text, texts};
use crate::{autoscaler, ecs};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Everything CloudWatch keeps: alarms by name.
#[derive(Clone, Default)]
pub struct Alarms {
    alarms: BTreeMap<String, Alarm>,
}

#[derive(Clone)]
struct Alarm {
    config: Value,
    /// For how many minutes in a row its metric has been beyond its threshold.
    breaches: i64,
}

impl Alarms {
    /// The alarms that act on the resource with this ARN, as scaling policies list them.
    pub fn acting_on(&self, arn: &str) -> Vec<Value> {
        let acts = |it: &&Value| texts(it, "AlarmActions").contains(&arn);
        let brief = |it: &Value| json!({"AlarmName": it["AlarmName"], "AlarmARN": it["AlarmArn"]});
        self.alarms.values().map(|it| &it.config).filter(acts).map(brief).collect()
    }
}

const SERVICE: &str = "cloudwatch";

/// CloudWatch's rows of the table.
pub const OPERATIONS: &[Operation] = &[
    write(SERVICE, "PutMetricAlarm", put),
    read(SERVICE, "DescribeAlarms", describe),
    write(SERVICE, "DeleteAlarms", delete),
    write(SERVICE, "SetAlarmState", set_state),
    write(SERVICE, "EnableAlarmActions", |sim, input| switch(sim, input, true)),
    write(SERVICE, "DisableAlarmActions", |sim, input| switch(sim, input, false)),
    read(SERVICE, "GetMetricStatistics", statistics),
    tags(SERVICE, "TagResource", &TAGS, TagVerb::Add),
    tags(SERVICE, "UntagResource", &TAGS, TagVerb::Remove),
    tags(SERVICE, "ListTagsForResource", &TAGS, TagVerb::List),
];

const TAGS: TagStyle = TagStyle {
    tags: "Tags",
    key: "Key",
    value: "Value",
    invalid: "InvalidParameterValue",
    too_many: "InvalidParameterValue",
    keys: "TagKeys",
    find: existing,
};

const PAGING: Paging = Paging {
    limit: "MaxRecords",
    token: "NextToken",
    next: "NextToken",
    default: 50,
    max: 100,
    code: "InvalidNextToken",
};

fn missing() -> ApiError {
    ApiError::new("ResourceNotFound", "Unknown")
}

/// PutMetricAlarm replaces what was there but for the state, and tags only what is new.
fn put(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "AlarmName", "MissingParameter")?.to_owned();
    let arn = sim.arn(SERVICE, &format!("alarm:{name}"));
    let before = sim.alarms.alarms.get(&name).map(|it| it.config.clone());
    if before.is_none() {
        TAGS.add(sim, &arn, input)?;
    }
    let mut alarm = input.clone();
    value::unset(&mut alarm, "Tags");
    // The query protocol has only text.
    for name in ["Period", "EvaluationPeriods", "DatapointsToAlarm"] {
        int(input, name).into_iter().for_each(|it| set(&mut alarm, name, json!(it)));
    }
    number(input, "Threshold").into_iter().for_each(|it| set(&mut alarm, "Threshold", json!(it)));
    set(&mut alarm, "ActionsEnabled", json!(flag(input, "ActionsEnabled").unwrap_or(true)));
    for name in ["OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions"] {
        fill(&mut alarm, name, json!([]));
    }
    refuse! {
        !value::has(input, "EvaluationPeriods") => ApiError::new("MissingParameter", "The parameter EvaluationPeriods is required.");
        value::has(input, "MetricName") == value::has(input, "Metrics") => ApiError::new("ValidationError", "Exactly one of MetricName and Metrics must be specified");
    }
    set(&mut alarm, "AlarmArn", json!(arn));
    set(&mut alarm, "AlarmConfigurationUpdatedTimestamp", json!(sim.iso(sim.now)));
    for (member, fresh) in [
        ("StateValue", "INSUFFICIENT_DATA".to_owned()),
        ("StateReason", "Unchecked: Initial alarm creation".to_owned()),
        ("StateUpdatedTimestamp", sim.iso(sim.now)),
        ("StateTransitionedTimestamp", sim.iso(sim.now)),
    ] {
        let kept = before.as_ref().and_then(|it| it.get(member)).cloned();
        set(&mut alarm, member, kept.unwrap_or_else(|| json!(fresh)));
    }
    sim.alarms.alarms.insert(name, Alarm { config: alarm, breaches: 0 });
    Ok(json!({}))
}

fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let names = texts(input, "AlarmNames");
    let prefix = text(input, "AlarmNamePrefix").unwrap_or_default();
    let (state, acting) = (text(input, "StateValue"), text(input, "ActionPrefix"));
    let items = sim
        .alarms
        .alarms
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
        .map(|(name, it)| (name, &it.config))
        .filter(|(name, it)| {
            let acts = |prefix| texts(it, "AlarmActions").iter().any(|action| action.starts_with(prefix));
            name.starts_with(prefix)
                && state.is_none_or(|state| text(it, "StateValue") == Some(state))
                && acting.is_none_or(acts)
        })
        .map(|(name, it)| (name.clone(), it.clone()))
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    let mut answer = paged("MetricAlarms", page, next, &PAGING);
    set(&mut answer, "CompositeAlarms", json!([]));
    Ok(answer)
}

fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let names = texts(input, "AlarmNames");
    refuse! {
        names.iter().any(|name| !sim.alarms.alarms.contains_key(*name)) => missing();
    }
    for name in names {
        sim.alarms.alarms.remove(name);
        sim.tags.remove(&sim.arn(SERVICE, &format!("alarm:{name}")));
    }
    Ok(json!({}))
}

fn switch(sim: &mut Sim, input: &Value, on: bool) -> Answer {
    for name in texts(input, "AlarmNames") {
        if let Some(alarm) = sim.alarms.alarms.get_mut(name) {
            set(&mut alarm.config, "ActionsEnabled", json!(on));
        }
    }
    Ok(json!({}))
}

/// SetAlarmState: a metric's value may come along as the last of `recentDatapoints`.
fn set_state(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "AlarmName", "MissingParameter")?.to_owned();
    let state = value::required(input, "StateValue", "MissingParameter")?;
    refuse! {
        !sim.alarms.alarms.contains_key(&name) => missing();
        !["OK", "ALARM", "INSUFFICIENT_DATA"].contains(&state) => ApiError::new("ValidationError", format!("Value '{state}' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"));
    }
    let data = text(input, "StateReasonData").and_then(|it| serde_json::from_str::<Value>(it).ok());
    let seen = data.and_then(|it| list(&it, "recentDatapoints").last().and_then(Value::as_f64));
    turn(sim, &name, state, text(input, "StateReason").unwrap_or_default(), seen);
    Ok(json!({}))
}

/// What the metrics come to: nothing is measured here.
fn statistics(_: &mut Sim, input: &Value) -> Answer {
    Ok(json!({"Label": input["MetricName"], "Datapoints": []}))
}

fn existing(sim: &Sim, input: &Value) -> Result<Vec<String>, ApiError> {
    let arn = value::required(input, "ResourceARN", "MissingParameter")?;
    let name = arn.split(":alarm:").nth(1).unwrap_or_default();
    let there = sim.alarms.alarms.contains_key(name);
    there.then(|| vec![arn.to_owned()]).ok_or_else(|| ApiError::new("ResourceNotFoundException", "Unknown"))
}

/// Puts an alarm into a state, and does what follows from that.
fn turn(sim: &mut Sim, name: &str, state: &str, reason: &str, seen: Option<f64>) {
    let now = sim.iso(sim.now);
    let Some(alarm) = sim.alarms.alarms.get_mut(name).map(|it| &mut it.config) else {
        return;
    };
    let changed = text(alarm, "StateValue") != Some(state);
    for (member, new) in [("StateValue", state), ("StateReason", reason), ("StateUpdatedTimestamp", &now)] {
        set(alarm, member, json!(new));
    }
    if changed {
        set(alarm, "StateTransitionedTimestamp", json!(now));
    }
    if state != "ALARM" {
        return;
    }
    let threshold = number(alarm, "Threshold").unwrap_or(0.0);
    let acts = flag(alarm, "ActionsEnabled") == Some(true);
    let actions: Vec<String> = texts(alarm, "AlarmActions").into_iter().map(str::to_owned).collect();
    for action in actions.iter().filter(|_| acts) {
        autoscaler::step(sim, action, name, seen.map_or(0.0, |it| it - threshold));
    }
    // An alarm that was on when a deployment began says nothing about it.
    if changed {
        scheduler::alarmed(sim, name);
    }
}

/// Looks at the alarms on a service's metric, once a minute.
pub fn look(sim: &mut Sim, (cluster, service): &ecs::Key, metric: f64) {
    let of = |alarm: &Value, name: &str, wanted: &str| {
        let mut dimensions = list(alarm, "Dimensions").iter();
        dimensions.any(|it| text(it, "Name") == Some(name) && text(it, "Value") == Some(wanted))
    };
    let own = |it: &Value| {
        text(it, "Namespace") == Some("AWS/ECS")
            && of(it, "ClusterName", cluster)
            && of(it, "ServiceName", service)
    };
    let mut due = Vec::new();
    for (name, alarm) in sim.alarms.alarms.iter_mut().filter(|(_, it)| own(&it.config)) {
        let threshold = number(&alarm.config, "Threshold").unwrap_or(0.0);
        let breaches = match text(&alarm.config, "ComparisonOperator").unwrap_or_default() {
            "GreaterThanThreshold" => metric > threshold,
            "LessThanThreshold" => metric < threshold,
            "LessThanOrEqualToThreshold" => metric <= threshold,
            _ => metric >= threshold,
        };
        alarm.breaches = if breaches { alarm.breaches + 1 } else { 0 };
        let on = alarm.breaches >= int(&alarm.config, "EvaluationPeriods").unwrap_or(1);
        due.push((name.clone(), if on { "ALARM" } else { "OK" }));
    }
    for (name, state) in due {
        turn(sim, &name, state, &format!("Threshold Crossed: the last datapoint is {metric}"), Some(metric));
    }
}
