//! The table of operations, and what they share: tags.

use crate::sim::{Answer, ApiError, Reply, Sim};
use crate::value::{self, list, text};
use crate::{alarms, ecr, ecs, elbv2, logs, parameters, s3, scaling, sqs, sts};
use bytes::Bytes;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What carries out an operation.
pub enum Run {
    /// A value in, a value out.
    Plain(fn(&mut Sim, &Value) -> Answer),
    /// A value in, JSON as text out: for what is asked again and again.
    Text(fn(&mut Sim, &Value) -> Result<String, ApiError>),
    /// With the bytes of an object.
    Object(fn(&mut Sim, &Value, &Bytes) -> Result<Reply, ApiError>),
    /// Adds, removes or lists the tags of a resource.
    Tags(&'static TagStyle, TagVerb),
}

/// What an operation does with tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagVerb {
    /// TagResource.
    Add,
    /// UntagResource.
    Remove,
    /// ListTagsForResource.
    List,
}

/// One operation.
pub struct Operation {
    /// The service, by its AWS CLI name.
    pub service: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Whether it may change something.
    pub write: bool,
    /// What carries it out.
    pub run: Run,
}

/// A row for an operation that only reads.
pub const fn read(
    service: &'static str,
    name: &'static str,
    run: fn(&mut Sim, &Value) -> Answer,
) -> Operation {
    Operation { service, name, write: false, run: Run::Plain(run) }
}

/// A row for an operation that writes.
pub const fn write(
    service: &'static str,
    name: &'static str,
    run: fn(&mut Sim, &Value) -> Answer,
) -> Operation {
    Operation { service, name, write: true, run: Run::Plain(run) }
}

/// A row for an operation on tags.
pub const fn tags(
    service: &'static str,
    name: &'static str,
    style: &'static TagStyle,
    verb: TagVerb,
) -> Operation {
    Operation { service, name, write: !matches!(verb, TagVerb::List), run: Run::Tags(style, verb) }
}

/// A row for an operation on objects.
pub const fn object(
    name: &'static str,
    write: bool,
    run: fn(&mut Sim, &Value, &Bytes) -> Result<Reply, ApiError>,
) -> Operation {
    Operation { service: "s3", name, write, run: Run::Object(run) }
}

const TABLES: &[&[Operation]] = &[
    ecs::OPERATIONS,
    elbv2::OPERATIONS,
    scaling::OPERATIONS,
    ecr::OPERATIONS,
    alarms::OPERATIONS,
    logs::OPERATIONS,
    s3::OPERATIONS,
    sts::OPERATIONS,
    sqs::OPERATIONS,
    parameters::SSM,
    parameters::SECRETS,
];

/// Every operation there is.
pub fn operations() -> impl Iterator<Item = &'static Operation> {
    TABLES.iter().flat_map(|table| table.iter()).chain(s3::DOCUMENTS.iter())
}

/// The operation, if there is one of that name.
pub fn find(service: &str, name: &str) -> Option<&'static Operation> {
    let table = TABLES.iter().find(|table| table.first().is_some_and(|row| row.service == service))?;
    let more = if service == "s3" { s3::DOCUMENTS.as_slice() } else { &[] };
    table.iter().chain(more).find(|row| row.name == name)
}

/// What AWS says to an operation it does not have, in the words of the service's protocol.
pub fn unknown(service: &str, name: &str) -> ApiError {
    match service {
        "elbv2" | "sts" => {
            ApiError::new("InvalidAction", format!("Could not find operation {name} for this version"))
        }
        "s3" => ApiError::with_status(
            501,
            "NotImplemented",
            format!("A header or query you provided implies functionality that is not implemented ({name})"),
        ),
        _ => {
            ApiError::new("UnknownOperationException", format!("The requested operation {name} is not known"))
        }
    }
}

/// How a service writes tags, and what it says about bad ones.
pub struct TagStyle {
    /// The member of a request that carries tags.
    pub tags: &'static str,
    /// The member of a tag that is its key; empty where tags are a map.
    pub key: &'static str,
    /// The member of a tag that is its value.
    pub value: &'static str,
    /// The error code for a bad tag.
    pub invalid: &'static str,
    /// The error code for too many tags.
    pub too_many: &'static str,
    /// The member of a request that lists keys to remove.
    pub keys: &'static str,
    /// The ARNs of the resources that a request names, if what it names is there.
    pub find: fn(&Sim, &Value) -> Result<Vec<String>, ApiError>,
}

impl TagStyle {
    /// The tags of a request, checked against AWS's limits: 50 a resource, keys of 128 and values of 256
    /// characters, no key that begins with `aws:`.
    pub fn parse(&self, input: &Value) -> Result<BTreeMap<String, String>, ApiError> {
        let mut tags = BTreeMap::new();
        if self.key.is_empty() {
            if let Some(map) = input.get(self.tags).and_then(Value::as_object) {
                for (key, value) in map {
                    tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
                }
            }
        } else {
            for tag in list(input, self.tags) {
                let key = text(tag, self.key).unwrap_or_default().to_owned();
                let value = text(tag, self.value).unwrap_or_default().to_owned();
                refuse! {
                    tags.insert(key, value).is_some() => self.error("Duplicate tag keys found. Please note that Tag keys are case insensitive.");
                }
            }
        }
        for (key, value) in &tags {
            refuse! {
                key.to_ascii_lowercase().starts_with("aws:") => self.error("aws: prefixed tag key names are not allowed for external use.");
                key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 => self.error("A tag key is 1 to 128 characters long, and a tag value at most 256.");
            }
        }
        self.limit(&tags)?;
        Ok(tags)
    }

    fn error(&self, message: &str) -> ApiError {
        ApiError::new(self.invalid, message)
    }

    fn limit(&self, tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
        refuse! {
            tags.len() > 50 => ApiError::new(self.too_many, "The maximum number of tags for this resource is 50.");
        }
        Ok(())
    }

    /// Tags as this service writes them.
    pub fn show(&self, tags: Option<&BTreeMap<String, String>>) -> Value {
        let pairs = tags.into_iter().flatten();
        if self.key.is_empty() {
            let map: Map<String, Value> =
                pairs.map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
            return Value::Object(map);
        }
        pairs.map(|(key, value)| json!({ self.key: key, self.value: value })).collect()
    }

    /// Carries out an operation on tags.
    pub fn run(&self, verb: TagVerb, sim: &mut Sim, input: &Value) -> Answer {
        for arn in (self.find)(sim, input)? {
            match verb {
                TagVerb::Add => self.add(sim, &arn, input)?,
                TagVerb::List => return Ok(json!({ self.tags: self.show(sim.tags.get(&arn)) })),
                TagVerb::Remove => {
                    let tags = sim.tags.entry(arn).or_default();
                    for key in value::texts(input, self.keys) {
                        tags.remove(key);
                    }
                }
            }
        }
        Ok(json!({}))
    }

    /// Adds the tags of a request to a resource.
    pub fn add(&self, sim: &mut Sim, arn: &str, input: &Value) -> Result<(), ApiError> {
        let mut merged = sim.tags.get(arn).cloned().unwrap_or_default();
        merged.extend(self.parse(input)?);
        self.limit(&merged)?;
        if !merged.is_empty() {
            sim.tags.insert(arn.to_owned(), merged);
        }
        Ok(())
    }
}
