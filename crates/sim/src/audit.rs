//! The log of every call, from which tests assert what a client did and did not do.

use crate::value;
use serde_json::{Value, json};

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
    /// The HTTP status.
    pub status: u16,
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
        })
    }
}
