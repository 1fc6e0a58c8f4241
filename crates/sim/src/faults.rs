//! Faults: what goes wrong with a call that AWS would have answered. None unless a script asks for it.

use crate::sim::ApiError;
use crate::value::{int, number, text};
use serde_json::Value;

/// What happens to an answer on its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The connection closes without an answer.
    Lost,
    /// The connection closes in the middle of the body.
    Truncated,
    /// The answer comes so many milliseconds late.
    Late(i64),
    /// No damage: a long poll that found nothing waits up to so many milliseconds.
    Waits(i64),
}

/// What a fault does.
#[derive(Debug, Clone)]
pub enum Effect {
    /// An error. The second says whether the call took effect before it.
    Error(ApiError, bool),
    /// Damage on the wire. The second says whether the call took effect.
    Wire(Damage, bool),
    /// A page that continues where it began.
    RepeatedToken,
    /// A page with half of what was asked for.
    ShortPage,
    /// A page whose first item comes twice.
    RepeatedItem,
}

/// A fault: the calls it is for, and what it does to them.
#[derive(Debug, Clone)]
pub struct Fault {
    name: String,
    caller: Option<String>,
    service: Option<String>,
    operation: Option<String>,
    /// Only this one of the calls it is for, from 1.
    nth: Option<i64>,
    probability: f64,
    /// At most so often.
    times: i64,
    /// Only between these, in milliseconds since the epoch.
    window: (i64, i64),
    seen: i64,
    custom: Option<(ApiError, bool)>,
    millis: i64,
}

/// Errors with names: status, the codes of the JSON protocols, the query protocol and S3, message.
const ERRORS: &[(&str, u16, [&str; 3], &str)] = &[
    ("throttled", 400, ["ThrottlingException", "ThrottlingException", "SlowDown"], "Rate exceeded"),
    (
        "500",
        500,
        ["ServerException", "InternalFailure", "InternalError"],
        "We encountered an internal error.",
    ),
    (
        "503",
        503,
        ["ServiceUnavailableException", "ServiceUnavailable", "ServiceUnavailable"],
        "Service is unable to handle request.",
    ),
    (
        "denied",
        400,
        ["AccessDeniedException", "AccessDenied", "AccessDenied"],
        "User is not authorized to perform this action",
    ),
    (
        "expired",
        400,
        ["ExpiredTokenException", "ExpiredToken", "ExpiredToken"],
        "The security token included in the request is expired",
    ),
];

/// An error by its name here, in the words of a service.
pub fn named(name: &str, service: &str) -> Option<ApiError> {
    let (_, status, codes, message) = ERRORS.iter().find(|(known, ..)| *known == name)?;
    let protocol = match service {
        "elbv2" | "sts" => 1,
        "s3" => 2,
        _ => 0,
    };
    let status = match (name, protocol) {
        ("denied", 1 | 2) | ("expired", 1) => 403,
        ("throttled", 2) => 503,
        _ => *status,
    };
    Some(ApiError::with_status(status, codes[protocol], *message))
}

impl Fault {
    /// A fault as a script writes it: `fault` is `throttled`, `500`, `503`, `denied` or `expired` (each also
    /// with `-after`, when the call has taken effect), `lost`, `lost-before`, `truncated`, `late`,
    /// `repeated-token`, `repeated-item`, `short-page`, or `error` with `code`, `message`, `status` and `applied`. Which calls: `caller`,
    /// `service`, `operation`, `nth`, `probability`, `times`, and the window `after` and `for` in seconds.
    pub fn parse(input: &Value, now: i64) -> Result<Self, String> {
        let name = text(input, "fault").unwrap_or_default().to_owned();
        let of = |name: &str| text(input, name).map(str::to_owned);
        let custom = (name == "error").then(|| {
            let code = of("code").unwrap_or_default();
            let message = of("message").unwrap_or_default();
            let status = int(input, "status").and_then(|it| u16::try_from(it).ok()).unwrap_or(400);
            (ApiError::with_status(status, code, message), input["applied"] == true)
        });
        let from = now + int(input, "after").unwrap_or(0) * 1000;
        let fault = Self {
            name,
            caller: of("caller"),
            service: of("service"),
            operation: of("operation"),
            nth: int(input, "nth"),
            probability: number(input, "probability").unwrap_or(1.0),
            times: int(input, "times").unwrap_or(i64::MAX),
            window: (from, int(input, "for").map_or(i64::MAX, |seconds| from + seconds * 1000)),
            seen: 0,
            custom,
            millis: int(input, "seconds").unwrap_or(5) * 1000,
        };
        match fault.effect("ecs") {
            Some(_) => Ok(fault),
            None => Err(format!("no such fault: {:?}", fault.name)),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn effect(&self, service: &str) -> Option<Effect> {
        Some(match self.name.as_str() {
            "error" => {
                let (error, applied) = self.custom.clone()?;
                Effect::Error(error, applied)
            }
            "lost" => Effect::Wire(Damage::Lost, true),
            "lost-before" => Effect::Wire(Damage::Lost, false),
            "truncated" => Effect::Wire(Damage::Truncated, true),
            "late" => Effect::Wire(Damage::Late(self.millis), true),
            "repeated-token" => Effect::RepeatedToken,
            "short-page" => Effect::ShortPage,
            "repeated-item" => Effect::RepeatedItem,
            name => {
                let bare = name.strip_suffix("-after").unwrap_or(name);
                Effect::Error(named(bare, service)?, bare != name)
            }
        })
    }

    /// What it does to this call, if anything. `chance` draws a number from 0 up to 1.
    pub fn strikes(
        &mut self,
        (caller, service, operation): (&str, &str, &str),
        now: i64,
        chance: impl FnOnce() -> f64,
    ) -> Option<Effect> {
        let is = |wanted: &Option<String>, what: &str| wanted.as_deref().is_none_or(|it| it == what);
        let concerned =
            is(&self.caller, caller) && is(&self.service, service) && is(&self.operation, operation);
        if !concerned || now < self.window.0 || now >= self.window.1 || self.times <= 0 {
            return None;
        }
        self.seen += 1;
        let due = self.nth.is_none_or(|nth| nth == self.seen);
        if !due || (self.probability < 1.0 && chance() >= self.probability) {
            return None;
        }
        self.times -= 1;
        self.effect(service)
    }
}
