//! The log of every call, from which tests assert what a client did and did not do.

use crate::value;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Its number, from 0.
    pub seq: usize,
    /// Virtual time, in milliseconds since the epoch.
    pub at_millis: i64,
    /// The access key that signed it.
    pub caller: String,
    /// The service, by its AWS CLI name.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// Whether it may change something.
    pub write: bool,
    /// The input, without the bytes of objects.
    pub input: Value,
    /// The error code, where it failed.
    pub error: Option<String>,
    /// The HTTP status; 0 where no answer arrived.
    pub status: u16,
    /// Whether it took effect, whatever was answered.
    pub applied: bool,
    /// What disturbed it: a fault, a throttle.
    pub fault: Option<String>,
    /// The tokens left in the buckets it took from, where calls are throttled.
    pub levels: BTreeMap<&'static str, f64>,
    /// The version of the object that it read or wrote.
    pub etag: Option<String>,
}

impl AuditRow {
    /// The row as the control API shows it.
    pub fn to_value(&self) -> Value {
        json!({
            "seq": self.seq,
            "at": value::time(self.at_millis),
            "caller": self.caller,
            "service": self.service,
            "operation": self.operation,
            "write": self.write,
            "input": self.input,
            "error": self.error,
            "status": self.status,
            "applied": self.applied,
            "fault": self.fault,
            "levels": self.levels,
            "etag": self.etag,
        })
    }
}

/// The newest calls, and a hash over all there ever were.
pub struct Audit {
    rows: VecDeque<AuditRow>,
    /// How many calls there were.
    pub total: usize,
    /// How many of them are kept.
    pub capacity: usize,
    /// The same seed, script and calls give the same hash.
    pub hash: u64,
}

impl Default for Audit {
    fn default() -> Self {
        Self { rows: VecDeque::new(), total: 0, capacity: 65_536, hash: value::fnv("") }
    }
}

impl Audit {
    /// Adds a call, and forgets the oldest where there are too many.
    pub fn push(&mut self, row: AuditRow) {
        self.total += 1;
        for part in [&row.caller, &row.service, &row.operation, &row.input.to_string()] {
            self.hash = value::fnv_on(self.hash, part);
        }
        self.hash = value::fnv_on(self.hash, &format!("{} {} {:?}", row.at_millis, row.status, row.error));
        self.rows.push_back(row);
        while self.rows.len() > self.capacity {
            self.rows.pop_front();
        }
    }

    /// The calls from number `from` on, as far as they are kept.
    pub fn from(&self, from: usize) -> impl Iterator<Item = &AuditRow> {
        let forgotten = self.total - self.rows.len();
        self.rows.iter().skip(from.saturating_sub(forgotten))
    }
}
