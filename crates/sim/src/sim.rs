//! The simulated account: its state, its clock, its ids, and the one function every call goes through.

use crate::alarms::Alarms;
use crate::ecr::Ecr;
use crate::ecs::{Ecs, scheduler, standalone};
use crate::elbv2::Elb;
use crate::logs::Logs;
use crate::parameters::Parameters;
use crate::s3::S3;
use crate::scaling::Scaling;
use crate::sqs::Sqs;
use crate::table::{self, Run};
use crate::value;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What distinguishes one simulated account from another.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// Account id, twelve digits.
    pub account: String,
    /// Region name, such as `us-east-1`.
    pub region: String,
    /// Seed of every id and duration the simulator draws.
    pub seed: u64,
    /// Virtual time at the start, in seconds since the epoch.
    pub start_epoch_seconds: i64,
}

/// An error as AWS answers it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// AWS's error code, such as `InvalidParameterException`.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// The HTTP status it travels with.
    pub status: u16,
}

impl ApiError {
    /// An error with status 400, as nearly all of AWS's are.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_status(400, code, message)
    }

    /// An error with a status of its own.
    pub fn with_status(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status }
    }
}

/// One call as it arrives, whichever protocol it came by.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Who calls: the access key.
    pub caller: String,
    /// The service, by its AWS CLI name (`ecs`, `elbv2`, `application-autoscaling`, …).
    pub service: String,
    /// The operation, such as `CreateService`.
    pub operation: String,
    /// The input, member names as on the wire.
    pub input: Value,
    /// The bytes of an object being put; empty for everything but S3.
    pub body: Bytes,
}

/// What a call answers: a value and, for an object, its bytes; or the value as text, where it is kept as such.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The output, member names as on the wire; null where the text says it.
    pub value: Value,
    /// The bytes of an object, or the text of a value.
    pub body: Bytes,
}

impl Reply {
    /// The output as a value, however it is kept.
    pub fn into_value(self) -> Value {
        match self.value {
            Value::Null => serde_json::from_slice(&self.body).unwrap_or_default(),
            value => value,
        }
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Self { value, body: Bytes::new() }
    }
}

/// What an operation answers.
pub type Answer = Result<Value, ApiError>;

/// What happens by itself when its time has come.
type Wake = fn(&mut Sim);

/// Tags of every resource of every service, by ARN.
pub type Tags = BTreeMap<String, BTreeMap<String, String>>;

/// The whole simulated account. Pure: it does no I/O and reads no clock but its own.
#[derive(Clone)]
pub struct Sim {
    /// What it was made with.
    pub config: SimConfig,
    /// Virtual time, in milliseconds since the epoch.
    pub now: i64,
    /// Who makes the call in progress.
    pub caller: String,
    pub(crate) tags: Tags,
    pub(crate) ecs: Ecs,
    pub(crate) elb: Elb,
    pub(crate) scaling: Scaling,
    pub(crate) ecr: Ecr,
    pub(crate) alarms: Alarms,
    pub(crate) logs: Logs,
    pub(crate) s3: S3,
    pub(crate) sqs: Sqs,
    pub(crate) parameters: Parameters,
    /// The sequence that is drawn from, and how often which began at the present moment.
    random: u64,
    begun: (i64, BTreeMap<u64, u64>),
    requests: u64,
}

/// The next number of a sequence (splitmix64).
pub fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn in_groups(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

impl Sim {
    /// An empty account.
    pub fn new(config: SimConfig) -> Self {
        Self {
            now: config.start_epoch_seconds * 1000,
            random: config.seed,
            begun: (0, BTreeMap::new()),
            requests: !config.seed,
            config,
            caller: String::new(),
            tags: Tags::new(),
            ecs: Ecs::default(),
            elb: Elb::default(),
            scaling: Scaling::default(),
            ecr: Ecr::default(),
            alarms: Alarms::default(),
            logs: Logs::default(),
            s3: S3::default(),
            sqs: Sqs::default(),
            parameters: Parameters::default(),
        }
    }

    /// Carries out one call, as AWS does where nothing disturbs it.
    pub fn perform(&mut self, call: &Call) -> Result<Reply, ApiError> {
        self.caller.clone_from(&call.caller);
        let operation = table::find(&call.service, &call.operation);
        if operation.is_some_and(|it| it.write) {
            let what = [&call.service, &call.operation, &call.input.to_string()];
            self.draw_for(what.into_iter().fold(0, |hash, text| value::fnv_on(hash, text)));
        }
        match operation.map(|operation| &operation.run) {
            Some(Run::Plain(run)) => run(self, &call.input).map(Reply::from),
            Some(Run::Text(run)) => {
                run(self, &call.input).map(|text| Reply { value: Value::Null, body: Bytes::from(text) })
            }
            Some(Run::Tags(style, verb)) => style.run(*verb, self, &call.input).map(Reply::from),
            Some(Run::Object(run)) => run(self, &call.input, &call.body),
            None => Err(table::unknown(&call.service, &call.operation)),
        }
    }

    /// What happens next by itself: when, and what does it.
    fn upcoming(&self) -> Option<(i64, Wake)> {
        let sources: [(Option<i64>, Wake); 3] = [
            (self.scaling.autoscaler.next_wake(), crate::autoscaler::wake),
            (self.ecs.standalone.next_wake(), standalone::wake),
            (self.ecs.next_wake(), scheduler::wake),
        ];
        // Of several that are due at once the first goes first.
        sources.into_iter().filter_map(|(at, wake)| Some((at?, wake))).min_by_key(|(at, _)| *at)
    }

    /// When something happens next by itself.
    pub fn next_wake(&self) -> Option<i64> {
        self.upcoming().map(|(at, _)| at)
    }

    /// Lets virtual time pass until `to` (milliseconds since the epoch), firing what is due in order.
    pub fn advance(&mut self, to: i64) {
        while let Some((at, wake)) = self.upcoming().filter(|(at, _)| *at <= to) {
            self.now = self.now.max(at);
            wake(self);
        }
        self.now = self.now.max(to);
    }

    /// What is there, in short: for tests and for a look from outside.
    pub fn state(&self) -> Value {
        json!({
            "now": value::time(self.now),
            "services": self.ecs.summary(),
            "targetGroups": self.elb.summary(),
            "scalableTargets": self.scaling.summary(),
            "buckets": self.s3.summary(),
        })
    }

    /// Begins a sequence of its own for what happens now: a call, or something to a resource. So what is drawn
    /// depends on what it is for and on the time, and not on what else happens at that moment.
    pub(crate) fn draw_for(&mut self, what: u64) {
        if self.begun.0 != self.now {
            self.begun = (self.now, BTreeMap::new());
        }
        let times = self.begun.1.entry(what).or_default();
        *times += 1;
        let mut mixed = self.config.seed;
        for part in [what, self.now as u64, *times] {
            mixed ^= part;
            mixed = next(&mut mixed);
        }
        self.random = mixed;
    }

    /// The next number of the sequence.
    pub fn draw(&mut self) -> u64 {
        next(&mut self.random)
    }

    /// A number from 0 up to 1.
    pub fn chance(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A duration in milliseconds between `from` and `to` seconds.
    pub fn draw_seconds(&mut self, from: i64, to: i64) -> i64 {
        from * 1000 + (self.draw() % ((to - from) as u64 * 1000 + 1)) as i64
    }

    /// `digits` hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.draw()));
        }
        text.truncate(digits);
        text
    }

    /// Nineteen decimal digits, as ECS numbers deployments.
    pub fn number(&mut self) -> String {
        format!("{:019}", self.draw() % 10_000_000_000_000_000_000)
    }

    /// An id in the form of a UUID.
    pub fn uuid(&mut self) -> String {
        in_groups(&self.hex(32))
    }

    /// The id of a request, from a sequence of its own: looking at something changes nothing that comes after.
    pub fn request_id(&mut self) -> String {
        let high = next(&mut self.requests);
        let low = next(&mut self.requests);
        in_groups(&format!("{high:016x}{low:016x}"))
    }

    /// An ARN of this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.config.region, self.config.account)
    }

    /// Virtual time as the query protocol and S3 write it.
    pub fn iso(&self, millis: i64) -> String {
        jiff::Timestamp::from_millisecond(millis)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
            .to_string()
    }

    /// Virtual time as HTTP headers write it.
    pub fn http_date(&self, millis: i64) -> String {
        jiff::Timestamp::from_millisecond(millis)
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string()
    }
}
