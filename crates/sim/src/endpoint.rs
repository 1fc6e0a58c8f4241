//! What stands between callers and the account: the audit log, throttles, faults, staleness, the timeline of
//! a script. The account knows nothing of it, and where nothing is switched on it changes nothing.

use crate::audit::{Audit, AuditRow};
use crate::faults::{Damage, Effect, Fault, named};
use crate::sim::{ApiError, Call, Reply, Sim, SimConfig, next};
use crate::staleness::{Change, Staleness};
use crate::throttle::Throttle;
use crate::value::{self, has, int, set, text};
use crate::violations::{Violations, Watch};
use crate::{control, table};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An account and what stands before it.
pub struct Endpoint {
    /// The account.
    pub sim: Sim,
    /// Every call.
    pub audit: Audit,
    /// Operations that were asked for and do not exist here; a run that has any proves nothing.
    pub unknown_operations: Vec<String>,
    /// What callers did that they should not have done.
    pub violations: Violations,
    /// What disturbs the calls.
    pub disturbances: Disturbances,
    /// What happened to the answer of the last call.
    pub damage: Option<Damage>,
    snapshots: BTreeMap<String, (Sim, Disturbances)>,
}

/// What disturbs the calls, and what a script has yet to do.
#[derive(Clone, Default)]
pub struct Disturbances {
    /// Faults, the first that strikes counts.
    pub faults: Vec<Fault>,
    /// Token buckets.
    pub throttle: Throttle,
    /// Replicas that lag.
    pub staleness: Staleness,
    /// Control commands by when they are due, in milliseconds, and in the order they were given.
    timeline: BTreeMap<(i64, usize), (String, Value)>,
    planned: usize,
    random: u64,
}

/// The members of requests and answers that continue a page.
const TOKENS: &[(&str, &str)] = &[
    ("nextToken", "nextToken"),
    ("NextToken", "NextToken"),
    ("Marker", "NextMarker"),
    ("ContinuationToken", "NextContinuationToken"),
];

impl Endpoint {
    /// An empty account with nothing in its way.
    pub fn new(config: SimConfig) -> Self {
        // What disturbs has dice of its own, so that switching it on changes no id.
        let disturbances = Disturbances { random: config.seed ^ 0x5eed, ..Disturbances::default() };
        Self {
            sim: Sim::new(config),
            audit: Audit::default(),
            unknown_operations: Vec::new(),
            violations: Violations::default(),
            disturbances,
            damage: None,
            snapshots: BTreeMap::new(),
        }
    }

    /// Answers one call and writes it into the audit log.
    pub fn handle(&mut self, mut call: Call) -> Result<Reply, ApiError> {
        value::drop_nulls(&mut call.input);
        self.damage = None;
        let operation = table::find(&call.service, &call.operation);
        if operation.is_none() {
            self.unknown_operations.push(format!("{}:{}", call.service, call.operation));
        }
        let write = operation.is_none_or(|operation| operation.write);
        let now = self.sim.now;
        let mut fault = None;
        let mut applied = false;
        let answer = if !self.disturbances.throttle.admits(&call.service, &call.operation, now) {
            fault = Some("bucket empty".to_owned());
            Err(named("throttled", &call.service).unwrap_or_else(|| ApiError::new("ThrottlingException", "")))
        } else {
            let struck = self.disturbances.strike(&call, now);
            fault = struck.as_ref().map(|(name, _)| name.clone()).or(fault);
            match struck.map(|(_, effect)| effect) {
                Some(Effect::Error(error, false)) => Err(error),
                Some(Effect::Wire(damage, false)) => {
                    self.damage = Some(damage);
                    Err(ApiError::with_status(503, "ServiceUnavailable", "lost before it arrived"))
                }
                effect => {
                    let answer = match &effect {
                        Some(Effect::ShortPage) => self.carry_out(&shortened(&call), write, &mut fault),
                        _ => self.carry_out(&call, write, &mut fault),
                    };
                    applied = write && answer.is_ok();
                    match (effect, answer) {
                        (Some(Effect::Error(error, _)), _) => Err(error),
                        (Some(Effect::Wire(damage, _)), answer) => {
                            self.damage = Some(damage);
                            answer
                        }
                        (Some(Effect::RepeatedToken), Ok(mut reply)) => {
                            for (asked, given) in TOKENS {
                                if let Some(token) = call.input.get(*asked) {
                                    set(&mut reply.value, given, token.clone());
                                }
                            }
                            Ok(reply)
                        }
                        (Some(Effect::RepeatedItem), Ok(mut reply)) => {
                            let lists = reply.value.as_object_mut().into_iter().flatten();
                            for items in lists.filter_map(|(_, it)| it.as_array_mut()) {
                                items.extend(items.first().cloned());
                            }
                            Ok(reply)
                        }
                        (_, answer) => answer,
                    }
                }
            }
        };
        let waits = int(&call.input, "WaitTimeSeconds").filter(|_| call.operation == "ReceiveMessage");
        if let (Some(seconds @ 1..), Ok(reply)) = (waits, &answer)
            && !has(&reply.value, "Messages")
        {
            self.damage.get_or_insert(Damage::Waits(seconds.min(20) * 1000));
        }
        let lost = self.damage == Some(Damage::Lost);
        let levels = self.disturbances.throttle.levels_of(&call.service, &call.operation, now);
        let etag = answer.as_ref().ok().and_then(|reply| text(&reply.value, "ETag")).map(str::to_owned);
        self.audit.push(AuditRow {
            seq: self.audit.total,
            at_millis: now,
            caller: call.caller,
            service: call.service,
            operation: call.operation,
            write,
            input: call.input,
            error: answer.as_ref().err().map(|error| error.code.clone()),
            status: if lost { 0 } else { answer.as_ref().err().map_or(200, |error| error.status) },
            applied,
            fault,
            levels,
            etag,
        });
        answer
    }

    fn carry_out(&mut self, call: &Call, write: bool, fault: &mut Option<String>) -> Result<Reply, ApiError> {
        // Receiving is no write to its caller, and changes the queue nevertheless.
        if !write && call.service != "sqs" {
            if let Some((answer, age)) = self.disturbances.staleness.read(call, self.sim.now) {
                if age > 0 {
                    fault.get_or_insert_with(|| format!("stale by {age} ms"));
                }
                return answer;
            }
            return self.sim.perform(call);
        }
        let watch = Watch::new(&self.sim, call);
        let answer = self.sim.perform(call);
        // A write that was refused may still have drawn ids: the replicas must draw them too.
        let again = call.clone();
        let change: Change = Arc::new(move |sim| {
            let _ = sim.perform(&again);
        });
        self.disturbances.staleness.note(self.sim.now, &change);
        if answer.is_ok() {
            watch.judge(&self.sim, call, &mut self.violations);
        }
        answer
    }

    /// Does something to the account that no call does.
    pub fn change(&mut self, change: impl Fn(&mut Sim) + Send + Sync + 'static) {
        let change: Change = Arc::new(change);
        change(&mut self.sim);
        self.disturbances.staleness.note(self.sim.now, &change);
    }

    /// Lets virtual time pass until `to` (milliseconds since the epoch), with what the script does by then.
    pub fn advance(&mut self, to: i64) {
        while let Some(entry) = self.disturbances.timeline.first_entry().filter(|it| it.key().0 <= to) {
            let ((at, _), (command, input)) = entry.remove_entry();
            self.sim.advance(at);
            // The script was checked when it was given; what a call in it answers is in the audit log.
            let _ = control::run(self, &command, &input);
        }
        self.sim.advance(to);
    }

    /// When something happens next by itself.
    pub fn next_wake(&self) -> Option<i64> {
        let script = self.disturbances.timeline.first_key_value().map(|((at, _), _)| *at);
        script.into_iter().chain(self.sim.next_wake()).min()
    }

    /// Puts a control command on the timeline.
    pub fn plan(&mut self, at: i64, command: String, input: Value) {
        self.disturbances.planned += 1;
        self.disturbances.timeline.insert((at, self.disturbances.planned), (command, input));
    }

    /// Keeps the account, what disturbs it and its script under a name.
    pub fn snapshot(&mut self, name: &str) {
        self.snapshots.insert(name.to_owned(), (self.sim.clone(), self.disturbances.clone()));
    }

    /// Goes back to a snapshot; answers whether there is one of that name. The audit log goes on.
    pub fn restore(&mut self, name: &str) -> bool {
        let Some((sim, disturbances)) = self.snapshots.get(name).cloned() else {
            return false;
        };
        (self.sim, self.disturbances) = (sim, disturbances);
        true
    }

    /// What is there, in short.
    pub fn state(&self) -> Value {
        let mut state = self.sim.state();
        set(&mut state, "calls", json!(self.audit.total));
        set(&mut state, "auditHash", json!(format!("{:016x}", self.audit.hash)));
        set(&mut state, "dirty", json!(!self.unknown_operations.is_empty()));
        set(&mut state, "unknownOperations", json!(self.unknown_operations));
        state
    }
}

/// The same call for half a page, which AWS may answer any time.
fn shortened(call: &Call) -> Call {
    let mut call = call.clone();
    for name in ["maxResults", "MaxResults", "PageSize", "limit", "MaxRecords", "MaxKeys"] {
        if let Some(limit) = int(&call.input, name) {
            set(&mut call.input, name, json!((limit / 2).max(1)));
        }
    }
    call
}

impl Disturbances {
    /// The first fault that strikes this call, with its name.
    fn strike(&mut self, call: &Call, now: i64) -> Option<(String, Effect)> {
        let Self { faults, random, .. } = self;
        let of = (call.caller.as_str(), call.service.as_str(), call.operation.as_str());
        faults.iter_mut().find_map(|fault| {
            let effect = fault.strikes(of, now, || (next(random) >> 11) as f64 / (1u64 << 53) as f64)?;
            // Only a page that is continued can continue where it began.
            let pages = TOKENS.iter().any(|(asked, _)| text(&call.input, asked).is_some());
            (pages || !matches!(effect, Effect::RepeatedToken)).then(|| (fault.name().to_owned(), effect))
        })
    }
}
