//! CloudWatch Logs: groups with their retention, and streams with the newest of their events.

use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, tags, write};
use crate::value::{self, Paging, int, page, paged, set, text};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// Everything Logs keeps: groups by name, streams by group and name.
#[derive(Clone, Default)]
pub struct Logs {
    groups: BTreeMap<String, Value>,
    streams: BTreeMap<(String, String), Stream>,
}

#[derive(Clone, Default)]
struct Stream {
    created: i64,
    events: VecDeque<Event>,
}

#[derive(Clone)]
struct Event {
    at: i64,
    ingested: i64,
    message: String,
}

/// How many events a stream keeps, and how many streams the containers of a group leave behind.
const KEPT: usize = 1_000;

impl Logs {
    /// Whether a group of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.groups.contains_key(name)
    }

    /// Writes a line as a container does; the oldest streams of a group make room for new ones.
    pub fn say(&mut self, group: &str, stream: &str, message: &str, now: i64) {
        if !self.has(group) {
            return;
        }
        let key = (group.to_owned(), stream.to_owned());
        if !self.streams.contains_key(&key) {
            let own = self.of(group).map(|(name, it)| (it.created, name.clone()));
            let oldest = own.clone().min().filter(|_| own.count() >= KEPT);
            oldest.map(|(_, name)| self.streams.remove(&(group.to_owned(), name)));
        }
        let stream = self.streams.entry(key).or_insert_with(|| Stream { created: now, ..Stream::default() });
        stream.push(Event { at: now, ingested: now, message: message.to_owned() });
    }

    /// The streams of a group.
    fn of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a String, &'a Stream)> + Clone {
        let from = (group.to_owned(), String::new());
        self.streams
            .range(from..)
            .take_while(move |((of, _), _)| of == group)
            .map(|((_, name), it)| (name, it))
    }
}

impl Stream {
    fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
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
    write(SERVICE, "CreateLogStream", create_stream),
    read(SERVICE, "DescribeLogStreams", describe_streams),
    write(SERVICE, "DeleteLogStream", delete_stream),
    write(SERVICE, "PutLogEvents", put_events),
    read(SERVICE, "GetLogEvents", get_events),
    read(SERVICE, "FilterLogEvents", filter_events),
    write(SERVICE, "CreateExportTask", export),
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
    sim.logs.streams.retain(|(of, _), _| Some(of.as_str()) != text(&group, "logGroupName"));
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

/// The group and stream of a request; the group must be there. It may be named by its ARN too.
fn stream_key(sim: &Sim, input: &Value) -> Result<(String, String), ApiError> {
    let named = text(input, "logGroupName").or(text(input, "logGroupIdentifier")).unwrap_or_default();
    let group = named.split(":log-group:").last().unwrap_or_default().trim_end_matches(":*");
    refuse! {
        !sim.logs.has(group) => missing();
    }
    Ok((group.to_owned(), text(input, "logStreamName").unwrap_or_default().to_owned()))
}

fn no_stream() -> ApiError {
    ApiError::new("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn create_stream(sim: &mut Sim, input: &Value) -> Answer {
    let key = stream_key(sim, input)?;
    refuse! {
        key.1.is_empty() || key.1.len() > 512 || key.1.contains([':', '*']) => ApiError::new("InvalidParameterException", format!("1 validation error detected: Value '{}' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*", key.1));
        sim.logs.streams.contains_key(&key) => ApiError::new("ResourceAlreadyExistsException", "The specified log stream already exists");
    }
    sim.logs.streams.insert(key, Stream { created: sim.now, ..Stream::default() });
    Ok(json!({}))
}

fn delete_stream(sim: &mut Sim, input: &Value) -> Answer {
    let key = stream_key(sim, input)?;
    sim.logs.streams.remove(&key).map(|_| json!({})).ok_or_else(no_stream)
}

fn describe_streams(sim: &mut Sim, input: &Value) -> Answer {
    let (group, _) = stream_key(sim, input)?;
    let prefix = text(input, "logStreamNamePrefix").unwrap_or_default();
    let arn = sim.arn("logs", &format!("log-group:{group}:log-stream"));
    let show = |name: &String, it: &Stream| {
        let mut out = json!({
            "logStreamName": name, "arn": format!("{arn}:{name}"), "creationTime": it.created, "storedBytes": 0,
            "uploadSequenceToken": "0",
        });
        if let (Some(first), Some(last)) = (it.events.front(), it.events.back()) {
            set(&mut out, "firstEventTimestamp", json!(first.at));
            set(&mut out, "lastEventTimestamp", json!(last.at));
            set(&mut out, "lastIngestionTime", json!(last.ingested));
        }
        out
    };
    let own = sim.logs.of(&group).filter(|(name, _)| name.starts_with(prefix));
    let mut items: Vec<(String, Value)> = match text(input, "orderBy") {
        Some("LastEventTime") => own
            .map(|(name, it)| {
                let last = it.events.back().map_or(0, |event| event.at);
                (format!("{last:016} {name}"), show(name, it))
            })
            .collect(),
        _ => own.map(|(name, it)| (name.clone(), show(name, it))).collect(),
    };
    items.sort_by(|a, b| a.0.cmp(&b.0));
    if value::flag(input, "descending") == Some(true) {
        items.reverse();
    }
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("logStreams", page, next, &PAGING))
}

fn put_events(sim: &mut Sim, input: &Value) -> Answer {
    let key = stream_key(sim, input)?;
    let now = sim.now;
    let stream = sim.logs.streams.get_mut(&key).ok_or_else(no_stream)?;
    for event in value::list(input, "logEvents") {
        let message = text(event, "message").unwrap_or_default().to_owned();
        stream.push(Event { at: int(event, "timestamp").unwrap_or(now), ingested: now, message });
    }
    Ok(json!({"nextSequenceToken": "0"}))
}

/// Whether an event lies in the time that a request names.
fn within(input: &Value, event: &Event) -> bool {
    int(input, "startTime").is_none_or(|from| event.at >= from)
        && int(input, "endTime").is_none_or(|to| event.at < to)
}

fn get_events(sim: &mut Sim, input: &Value) -> Answer {
    let key = stream_key(sim, input)?;
    let stream = sim.logs.streams.get(&key).ok_or_else(no_stream)?;
    let token = text(input, "nextToken").and_then(|it| it.strip_prefix("f/")?.parse::<usize>().ok());
    let from = token.unwrap_or(0);
    let events: Vec<Value> = stream
        .events
        .iter()
        .skip(from)
        .filter(|event| within(input, event))
        .map(|it| json!({"timestamp": it.at, "ingestionTime": it.ingested, "message": it.message}))
        .collect();
    // At the end the token that was sent comes back.
    let end = stream.events.len();
    Ok(json!({
        "events": events, "nextForwardToken": format!("f/{end:020}"), "nextBackwardToken": format!("b/{from:020}"),
    }))
}

/// Events of a group in their order; a pattern is a word that they have.
fn filter_events(sim: &mut Sim, input: &Value) -> Answer {
    let (group, _) = stream_key(sim, input)?;
    let wanted = value::texts(input, "logStreamNames");
    let prefix = text(input, "logStreamNamePrefix").unwrap_or_default();
    let pattern = text(input, "filterPattern").unwrap_or_default().trim_matches('"');
    let mut items = Vec::new();
    for (name, it) in sim.logs.of(&group) {
        if !name.starts_with(prefix) || !(wanted.is_empty() || wanted.contains(&name.as_str())) {
            continue;
        }
        for (index, event) in it.events.iter().enumerate().filter(|(_, event)| within(input, event)) {
            let id = format!("{:020}{index:06}{name}", event.at);
            if event.message.contains(pattern) {
                items.push((
                    id.clone(),
                    json!({
                        "logStreamName": name, "timestamp": event.at, "ingestionTime": event.ingested,
                        "message": event.message, "eventId": id,
                    }),
                ));
            }
        }
    }
    items.sort_by(|a, b| a.0.cmp(&b.0));
    let paging = Paging { default: 10_000, max: 10_000, ..PAGING };
    let (page, next) = page(items, input, &paging)?;
    Ok(paged("events", page, next, &paging))
}

/// CreateExportTask: begun, and nothing comes of it.
fn export(sim: &mut Sim, input: &Value) -> Answer {
    stream_key(sim, input)?;
    Ok(json!({"taskId": sim.uuid()}))
}

fn existing(sim: &Sim, input: &Value) -> Result<Vec<String>, ApiError> {
    let arn = value::required(input, "resourceArn", "InvalidParameterException")?;
    let arn = arn.trim_end_matches(":*");
    let found = arn.split(":log-group:").nth(1).is_some_and(|name| sim.logs.has(name));
    found.then(|| vec![arn.to_owned()]).ok_or_else(missing)
}
