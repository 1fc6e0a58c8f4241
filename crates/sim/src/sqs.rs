//! SQS: queues, standard and FIFO, with visibility time-outs and dead letters, and what AWS's services send.

use crate::elbv2::owned;
use crate::sim::{Answer, ApiError, Sim};
use crate::table::{Operation, TagStyle, TagVerb, read, write};
use crate::value::{self, Paging, hex, int, list, page, paged, set, text};
use md5::{Digest, Md5};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Everything SQS keeps: queues by name.
#[derive(Clone, Default)]
pub struct Sqs {
    queues: BTreeMap<String, Queue>,
    /// What befalls what services send.
    pub(crate) mishaps: Mishaps,
}

/// Standard queues deliver at least once and in no order, and services send as best they can. Nothing of that
/// happens unless a script asks for it.
#[derive(Clone, Copy, Default)]
pub struct Mishaps {
    /// How probable it is that a message never comes, and that it comes twice.
    pub drop: f64,
    /// See `drop`.
    pub duplicate: f64,
    /// By how many milliseconds at most a message is late, so that others overtake it.
    pub late: u64,
}

#[derive(Clone)]
struct Queue {
    attributes: BTreeMap<String, String>,
    messages: Vec<Message>,
    receipts: u64,
    /// FIFO: the messages of the last five minutes by what tells duplicates, with when they were sent.
    deduplication: BTreeMap<String, (String, i64)>,
}

#[derive(Clone)]
struct Message {
    id: String,
    body: String,
    /// FIFO: messages of one group are received in their order.
    group: Option<String>,
    sent: i64,
    /// When it can be received again.
    visible: i64,
    received: i64,
    first_received: i64,
    receipt: String,
}

/// How long what a service sends is on its way, in milliseconds.
const DELIVERY: i64 = 500;

/// Attributes a queue can be given, with their defaults.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
    ("VisibilityTimeout", "30"),
    ("SqsManagedSseEnabled", "true"),
];
/// Attributes a FIFO queue has too.
const FIFO: &[(&str, &str)] = &[
    ("ContentBasedDeduplication", "false"),
    ("DeduplicationScope", "queue"),
    ("FifoThroughputLimit", "perQueue"),
];
/// Attributes that are absent until they are given.
const OPTIONAL: &[&str] = &[
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
];

/// How long a FIFO queue remembers what it has seen: five minutes.
const REMEMBERED: i64 = 300_000;

/// SQS's rows of the table. Receiving and deleting count as reads: they change nothing but the queue.
pub const OPERATIONS: &[Operation] = &[
    write(SERVICE, "CreateQueue", create),
    write(SERVICE, "DeleteQueue", delete_queue),
    read(SERVICE, "GetQueueUrl", get_url),
    read(SERVICE, "ListQueues", list_queues),
    read(SERVICE, "GetQueueAttributes", get_attributes),
    write(SERVICE, "SetQueueAttributes", set_attributes),
    write(SERVICE, "SendMessage", send),
    write(SERVICE, "SendMessageBatch", |sim, input| batch(sim, input, send)),
    read(SERVICE, "ReceiveMessage", receive),
    read(SERVICE, "DeleteMessage", delete),
    read(SERVICE, "DeleteMessageBatch", |sim, input| batch(sim, input, delete)),
    read(SERVICE, "ChangeMessageVisibility", change_visibility),
    read(SERVICE, "ChangeMessageVisibilityBatch", |sim, input| batch(sim, input, change_visibility)),
    read(SERVICE, "ListDeadLetterSourceQueues", list_sources),
    write(SERVICE, "PurgeQueue", purge),
    write(SERVICE, "TagQueue", |sim, input| TAGS.run(TagVerb::Add, sim, input)),
    write(SERVICE, "UntagQueue", |sim, input| TAGS.run(TagVerb::Remove, sim, input)),
    read(SERVICE, "ListQueueTags", |sim, input| TAGS.run(TagVerb::List, sim, input)),
];

const SERVICE: &str = "sqs";

const TAGS: TagStyle = TagStyle {
    tags: "Tags",
    key: "",
    value: "",
    invalid: "InvalidParameterValue",
    too_many: "InvalidParameterValue",
    keys: "TagKeys",
    find: |sim, input| Ok(vec![sim.arn(SERVICE, name(sim, input)?)]),
};

const PAGING: Paging = Paging {
    limit: "MaxResults",
    token: "NextToken",
    next: "NextToken",
    default: 1000,
    max: 1000,
    code: "InvalidParameterValue",
};

/// The code that the query protocol had for an error, where it was another.
pub fn query_code(code: &str) -> &str {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue",
        "QueueNameExists" => "QueueAlreadyExists",
        "UnknownOperationException" => "InvalidAction",
        code => code,
    }
}

fn missing() -> ApiError {
    ApiError::new("QueueDoesNotExist", "The specified queue does not exist.")
}

fn url(sim: &Sim, name: &str) -> Value {
    json!(format!("https://sqs.{}.amazonaws.com/{}/{name}", sim.config.region, sim.config.account))
}

/// The name of the queue that a request means, which must be there.
fn name<'a>(sim: &Sim, input: &'a Value) -> Result<&'a str, ApiError> {
    let named = text(input, "QueueUrl").or(text(input, "QueueName")).unwrap_or_default();
    let name = named.rsplit('/').next().unwrap_or_default();
    sim.sqs.queues.contains_key(name).then_some(name).ok_or_else(missing)
}

fn queue<'a>(sim: &'a mut Sim, input: &Value) -> Result<&'a mut Queue, ApiError> {
    let name = name(sim, input)?.to_owned();
    sim.sqs.queues.get_mut(&name).ok_or_else(missing)
}

impl Queue {
    fn seconds(&self, name: &str) -> i64 {
        self.attributes.get(name).and_then(|it| it.parse().ok()).unwrap_or(0)
    }

    fn is_fifo(&self) -> bool {
        self.attributes.get("FifoQueue").is_some_and(|it| it == "true")
    }

    /// Where messages go that were received too often, and after how often that is.
    fn dead_letters(&self) -> Option<(String, i64)> {
        let policy: Value = serde_json::from_str(self.attributes.get("RedrivePolicy")?).ok()?;
        let name = text(&policy, "deadLetterTargetArn")?.rsplit(':').next()?.to_owned();
        Some((name, int(&policy, "maxReceiveCount")?))
    }

    /// Whether a message can be received now: in a FIFO queue none can while one before it in its group is with
    /// somebody.
    fn receivable(&self, at: usize, now: i64) -> bool {
        let it = &self.messages[at];
        let held = |earlier: &Message| earlier.visible > now && earlier.received > 0;
        it.visible <= now
            && (it.group.is_none()
                || !self.messages[..at].iter().any(|before| before.group == it.group && held(before)))
    }

    /// Takes out what was received `most` times already and would be again.
    fn bury(&mut self, most: i64, now: i64) -> Vec<Message> {
        let due = |it: &Message| it.visible <= now && it.received >= most;
        let (dead, kept) = std::mem::take(&mut self.messages).into_iter().partition(due);
        self.messages = kept;
        dead
    }

    fn push(&mut self, id: String, body: String, group: Option<String>, now: i64, delay: i64) {
        let kept = now - self.seconds("MessageRetentionPeriod") * 1000;
        self.messages.retain(|it| it.sent > kept);
        let visible = now + delay;
        self.messages.push(Message {
            id,
            body,
            group,
            sent: now,
            visible,
            received: 0,
            first_received: 0,
            receipt: String::new(),
        });
    }
}

/// Whether a receive would get something now; no queue has nothing.
pub fn has_message(sim: &Sim, input: &Value) -> bool {
    name(sim, input).is_ok_and(|name| {
        let queue = sim.sqs.queues.get(name);
        queue.is_some_and(|it| (0..it.messages.len()).any(|at| it.receivable(at, sim.now)))
    })
}

/// Sends what a service has to say to the queue with this ARN; answers whether there is one.
pub fn notify(sim: &mut Sim, arn: &str, body: &Value) -> bool {
    let name = arn.rsplit(':').next().unwrap_or_default();
    if !sim.sqs.queues.contains_key(name) {
        return false;
    }
    let mishaps = sim.sqs.mishaps;
    let copies = match sim.chance() {
        chance if chance < mishaps.drop => 0,
        chance if chance < mishaps.drop + mishaps.duplicate => 2,
        _ => 1,
    };
    for _ in 0..copies {
        let (id, now) = (sim.uuid(), sim.now);
        let late = sim.draw() % (mishaps.late + 1);
        if let Some(queue) = sim.sqs.queues.get_mut(name) {
            queue.push(id, body.to_string(), None, now, DELIVERY + late as i64);
        }
    }
    true
}

fn attributes_in(input: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let mut found = BTreeMap::new();
    for (name, value) in input.get("Attributes").and_then(Value::as_object).into_iter().flatten() {
        let known = ATTRIBUTES.iter().any(|(known, _)| known == name) || OPTIONAL.contains(&name.as_str());
        refuse! {
            !known => ApiError::new("InvalidAttributeName", format!("Unknown Attribute {name}."));
        }
        found.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    Ok(found)
}

fn create(sim: &mut Sim, input: &Value) -> Answer {
    let name = value::required(input, "QueueName", "MissingParameter")?.to_owned();
    let given = attributes_in(input)?;
    let fifo = given.get("FifoQueue").is_some_and(|it| it == "true");
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let stem = name.strip_suffix(".fifo").filter(|_| fifo).unwrap_or(&name);
    refuse! {
        fifo && stem == name => ApiError::new("InvalidParameterValue", "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length");
        name.len() > 80 || !stem.chars().all(allowed) => ApiError::new("InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
    }
    let answer = json!({"QueueUrl": url(sim, &name)});
    if let Some(queue) = sim.sqs.queues.get(&name) {
        let differs = given.iter().any(|(name, value)| queue.attributes.get(name) != Some(value));
        refuse! {
            differs => ApiError::new("QueueNameExists", "A queue already exists with the same name and a different value for attributes");
        }
        return Ok(answer);
    }
    let arn = sim.arn(SERVICE, &name);
    let tags = json!({"Tags": input.get("tags").or(input.get("Tags")).cloned().unwrap_or_default()});
    TAGS.add(sim, &arn, &tags)?;
    let mut attributes = owned(ATTRIBUTES);
    if fifo {
        attributes.extend(owned(FIFO));
    }
    attributes.extend(given);
    attributes.insert("QueueArn".to_owned(), arn);
    for stamp in ["CreatedTimestamp", "LastModifiedTimestamp"] {
        attributes.insert(stamp.to_owned(), (sim.now / 1000).to_string());
    }
    sim.sqs.queues.insert(
        name,
        Queue { attributes, messages: Vec::new(), receipts: 0, deduplication: BTreeMap::new() },
    );
    Ok(answer)
}

fn delete_queue(sim: &mut Sim, input: &Value) -> Answer {
    let name = name(sim, input)?;
    sim.sqs.queues.remove(name);
    sim.tags.remove(&sim.arn(SERVICE, name));
    Ok(json!({}))
}

fn get_url(sim: &mut Sim, input: &Value) -> Answer {
    Ok(json!({"QueueUrl": url(sim, name(sim, input)?)}))
}

fn list_queues(sim: &mut Sim, input: &Value) -> Answer {
    let prefix = text(input, "QueueNamePrefix").unwrap_or_default();
    let names = sim.sqs.queues.keys().filter(|name| name.starts_with(prefix));
    let items = names.map(|name| (name.clone(), url(sim, name))).collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("QueueUrls", page, next, &PAGING))
}

fn get_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let now = sim.now;
    let queue = queue(sim, input)?;
    let mut all = queue.attributes.clone();
    let count = |of: &dyn Fn(&&Message) -> bool| queue.messages.iter().filter(of).count().to_string();
    for (name, count) in [
        ("ApproximateNumberOfMessages", count(&|it| it.visible <= now)),
        ("ApproximateNumberOfMessagesNotVisible", count(&|it| it.visible > now && it.received > 0)),
        ("ApproximateNumberOfMessagesDelayed", count(&|it| it.visible > now && it.received == 0)),
    ] {
        all.insert(name.to_owned(), count);
    }
    let wanted = value::texts(input, "AttributeNames");
    all.retain(|name, _| wanted.contains(&"All") || wanted.contains(&name.as_str()));
    Ok(if all.is_empty() { json!({}) } else { json!({"Attributes": all}) })
}

fn set_attributes(sim: &mut Sim, input: &Value) -> Answer {
    let given = attributes_in(input)?;
    let attributes = &mut queue(sim, input)?.attributes;
    attributes.extend(given);
    // An empty text takes an attribute away.
    attributes.retain(|_, value| !value.is_empty());
    Ok(json!({}))
}

/// SendMessage. A FIFO queue answers a duplicate with the message there was, and does not send it again.
fn send(sim: &mut Sim, input: &Value) -> Answer {
    let body = value::required(input, "MessageBody", "MissingParameter")?.to_owned();
    let (id, now) = (sim.uuid(), sim.now);
    let queue = queue(sim, input)?;
    let mut answer = json!({"MessageId": id, "MD5OfMessageBody": hex(&Md5::digest(&body))});
    let delay = int(input, "DelaySeconds").unwrap_or_else(|| queue.seconds("DelaySeconds"));
    let group = text(input, "MessageGroupId").map(str::to_owned);
    let longest = queue.seconds("MaximumMessageSize");
    refuse! {
        body.len() as i64 > longest => ApiError::new("InvalidParameterValue", format!("One or more parameters are invalid. Reason: Message must be shorter than {longest} bytes."));
    }
    if queue.is_fifo() {
        let by_content = queue.attributes.get("ContentBasedDeduplication").is_some_and(|it| it == "true");
        let told = text(input, "MessageDeduplicationId").map(str::to_owned);
        let told = told.or_else(|| by_content.then(|| hex(&Md5::digest(&body))));
        refuse! {
            group.is_none() => ApiError::new("MissingParameter", "The request must contain the parameter MessageGroupId.");
        }
        let told = told.ok_or_else(|| ApiError::new("InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"))?;
        set(
            &mut answer,
            "SequenceNumber",
            json!(format!("{:020}", now * 1000 + queue.deduplication.len() as i64)),
        );
        queue.deduplication.retain(|_, (_, at)| now - *at < REMEMBERED);
        if let Some((first, _)) = queue.deduplication.get(&told) {
            set(&mut answer, "MessageId", json!(first));
            return Ok(answer);
        }
        queue.deduplication.insert(told, (id.clone(), now));
    }
    queue.push(id, body, group, now, delay * 1000);
    Ok(answer)
}

fn receive(sim: &mut Sim, input: &Value) -> Answer {
    let most = int(input, "MaxNumberOfMessages").unwrap_or(1);
    let now = sim.now;
    let letters = queue(sim, input)?.dead_letters().filter(|(name, _)| sim.sqs.queues.contains_key(name));
    let queue = queue(sim, input)?;
    refuse! {
        !(1..=10).contains(&most) => ApiError::new("InvalidParameterValue", format!("Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."));
    }
    let hidden = int(input, "VisibilityTimeout").unwrap_or_else(|| queue.seconds("VisibilityTimeout"));
    let dead = letters.map(|(name, most)| (name, queue.bury(most, now)));
    if !queue.is_fifo() {
        queue.messages.sort_by_key(|it| it.visible);
    }
    let due: Vec<usize> =
        (0..queue.messages.len()).filter(|at| queue.receivable(*at, now)).take(most as usize).collect();
    let mut messages = Vec::new();
    for at in due {
        let it = &mut queue.messages[at];
        queue.receipts += 1;
        it.visible = now + hidden * 1000;
        it.received += 1;
        it.first_received = if it.received == 1 { now } else { it.first_received };
        it.receipt = format!("{}-{}", it.id, queue.receipts);
        let mut out = json!({
            "MessageId": it.id, "ReceiptHandle": it.receipt, "Body": it.body, "MD5OfBody": hex(&Md5::digest(&it.body)),
        });
        let mut wanted = value::texts(input, "AttributeNames");
        wanted.extend(value::texts(input, "MessageSystemAttributeNames"));
        let all = wanted.contains(&"All");
        let attributes: BTreeMap<&str, String> = [
            ("ApproximateReceiveCount", it.received),
            ("ApproximateFirstReceiveTimestamp", it.first_received),
            ("SentTimestamp", it.sent),
        ]
        .into_iter()
        .filter(|(name, _)| all || wanted.contains(name))
        .map(|(name, value)| (name, value.to_string()))
        .collect();
        if !attributes.is_empty() {
            set(&mut out, "Attributes", json!(attributes));
        }
        if let Some(group) = it.group.as_ref().filter(|_| all || wanted.contains(&"MessageGroupId")) {
            set(value::object_mut(&mut out, "Attributes"), "MessageGroupId", json!(group));
        }
        messages.push(out);
    }
    if let Some((queue, letters)) = dead.and_then(|(name, it)| Some((sim.sqs.queues.get_mut(&name)?, it))) {
        queue.messages.extend(letters);
    }
    Ok(if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) })
}

/// ListDeadLetterSourceQueues: whose dead letters come here.
fn list_sources(sim: &mut Sim, input: &Value) -> Answer {
    let own = name(sim, input)?;
    let sends = |it: &Queue| it.dead_letters().is_some_and(|(target, _)| target == own);
    let sources = sim.sqs.queues.iter().filter(|(_, it)| sends(it));
    let items = sources.map(|(name, _)| (name.clone(), url(sim, name))).collect();
    let (page, next) = page(items, input, &PAGING)?;
    Ok(paged("queueUrls", page, next, &PAGING))
}

/// The message of a receipt, if it is the newest for it.
fn position(queue: &Queue, input: &Value) -> Option<usize> {
    let receipt = text(input, "ReceiptHandle")?;
    queue.messages.iter().position(|it| it.receipt == receipt)
}

fn delete(sim: &mut Sim, input: &Value) -> Answer {
    let queue = queue(sim, input)?;
    // Deleting what is gone, or with an old receipt, succeeds and does nothing.
    if let Some(at) = position(queue, input) {
        queue.messages.remove(at);
    }
    Ok(json!({}))
}

/// Carries out up to ten of what another operation does one of; each fails for itself.
fn batch(sim: &mut Sim, input: &Value, one: fn(&mut Sim, &Value) -> Answer) -> Answer {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let entries = list(input, "Entries");
    name(sim, input)?;
    refuse! {
        entries.is_empty() => ApiError::new("EmptyBatchRequest", "There should be at least one entry in the request.");
        entries.len() > 10 => ApiError::new("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.");
    }
    for entry in entries {
        let mut single = entry.clone();
        set(&mut single, "QueueUrl", input["QueueUrl"].clone());
        match one(sim, &single) {
            Ok(mut answer) => {
                set(&mut answer, "Id", entry["Id"].clone());
                done.push(answer);
            }
            Err(error) => failed.push(
                json!({"Id": entry["Id"], "SenderFault": true, "Code": error.code, "Message": error.message}),
            ),
        }
    }
    Ok(json!({"Successful": done, "Failed": failed}))
}

fn change_visibility(sim: &mut Sim, input: &Value) -> Answer {
    let now = sim.now;
    let queue = queue(sim, input)?;
    let at = position(queue, input).ok_or_else(|| {
        ApiError::new("ReceiptHandleIsInvalid", "The input receipt handle is not a valid receipt handle.")
    })?;
    queue.messages[at].visible = now + int(input, "VisibilityTimeout").unwrap_or(0) * 1000;
    Ok(json!({}))
}

fn purge(sim: &mut Sim, input: &Value) -> Answer {
    queue(sim, input)?.messages.clear();
    Ok(json!({}))
}
