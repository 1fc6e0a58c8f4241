//! CloudWatch Logs: groups and their retention.

use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, int, page, paged, set, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Everything Logs keeps: groups by name.
#[derive(Clone, Default)]
pub struct Logs {
    groups: BTreeMap<String, Value>,
}

impl Logs {
    /// Whether a group of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }
}

const SERVICE: &str = "logs";

/// Logs' rows of the table.
pub const OPERATIONS: &[Operation] = &[
    write(SERVICE, "CreateLogGroup", create),
    read(SERVICE, "DescribeLogGroups", describe),
    write(SERVICE, "DeleteLogGroup", delete),
    write(SERVICE, "PutRetentionPolicy", put_retention),
    write(SERVICE, "DeleteRetentionPolicy", delete_retention),
    tags(SERVICE, "TagResource", &TAGS, TagVerb::Add),
    tags(SERVICE, "UntagResource", &TAGS, TagVerb::Remove),
    tags(SERVICE, "ListTagsForResource", &TAGS, TagVerb::List),
];

const TAGS: TagStyle = TagStyle {
    tags: "tags",
    key: "",
    value: "",
    invalid: "InvalidParameterException",
    too_many: "TooManyTagsException",
    keys: "tagKeys",
    find: existing,
};

const PAGING: Paging = Paging {
    limit: "limit",
    token: "nextToken",
    next: "nextToken",
    default: 50,
    max: 50,
    code: "InvalidParameterException",
};

/// The retentions there are, in days.
const RETENTIONS: &[i64] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

fn missing() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn name(input: &Value) -> Result<&str, ApiError> {
    value::required(input, "logGroupName", "InvalidParameterException")
}

fn create(sim: &mut Sim, input: &Value) -> Answer {
    let name = name(input)?.to_owned();
    refuse! {
        sim.logs.has(&name) => ApiError::new("ResourceAlreadyExistsException", "The specified log group already exists");
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/.#".contains(c);
    refuse! {
        name.len() > 512 || !name.chars().all(allowed) => ApiError::new("InvalidParameterException", format!("1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+"));
    }
    let arn = sim.arn("logs", &format!("log-group:{name}"));
    TAGS.add(sim, &arn, input)?;
    let mut group = value::pick(input, &["kmsKeyId", "logGroupClass"]);
    value::fill(&mut group, "logGroupClass", json!("STANDARD"));
    // This class keeps what it gets for two days, whatever is asked for.
    if text(&group, "logGroupClass") == Some("DELIVERY") {
        set(&mut group, "retentionInDays", json!(2));
    }
    set(&mut group, "logGroupName", json!(name));
    set(&mut group, "arn", json!(format!("{arn}:*")));
    set(&mut group, "logGroupArn", json!(arn));
    set(&mut group, "creationTime", json!(sim.now));
    set(&mut group, "metricFilterCount", json!(0));
    set(&mut group, "storedBytes", json!(0));
    sim.logs.groups.insert(name, group);
    Ok(json!({}))
}

fn describe(sim: &mut Sim, input: &Value) -> Answer {
    let prefix = text(input, "logGroupNamePrefix").unwrap_or_default();
    let pattern = text(input, "logGroupNamePattern").unwrap_or_default();
    let names = value::texts(input, "logGroupIdentifiers");
    let items = sim
        .logs
        .groups
        .iter()
        .filter(|(name, _)| name.starts_with(prefix) && name.contains(pattern))
        .filter(|(name, group)| {
            let arn = text(group, "logGroupArn").unwrap_or_default();
            names.is_empty() || names.contains(&name.as_str()) || names.contains(&arn)
        })
        .map(|(name, group)| (name.clone(), group.clone()))
        .collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("logGroups", page, next, &PAGING))
}

fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let group = sim.logs.groups.remove(name(input)?).ok_or_else(missing)?;
    sim.tags.remove(text(&group, "logGroupArn").unwrap_or_default());
    Ok(json!({}))
}

fn put_retention(sim: &mut Sim, input: &Value) -> Answer {
    let days = int(input, "retentionInDays").unwrap_or(0);
    refuse! {
        !RETENTIONS.contains(&days) => ApiError::new("InvalidParameterException", format!("1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: {RETENTIONS:?}"));
    }
    let group = sim.logs.groups.get_mut(name(input)?).ok_or_else(missing)?;
    set(group, "retentionInDays", json!(days));
    Ok(json!({}))
}

fn delete_retention(sim: &mut Sim, input: &Value) -> Answer {
    let group = sim.logs.groups.get_mut(name(input)?).ok_or_else(missing)?;
    if let Some(map) = group.as_object_mut() {
        map.remove("retentionInDays");
    }
    Ok(json!({}))
}

fn existing(sim: &Sim, input: &Value) -> Result<Vec<String>, ApiError> {
    let arn = value::required(input, "resourceArn", "InvalidParameterException")?;
    let arn = arn.trim_end_matches(":*");
    let found = arn.split(":log-group:").nth(1).is_some_and(|name| sim.logs.has(name));
    found.then(|| vec![arn.to_owned()]).ok_or_else(missing)
}
