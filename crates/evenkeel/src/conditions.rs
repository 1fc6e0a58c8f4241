//! Conditions of the document and of each service, in Kubernetes' own form, and since when each holds.

use std::collections::BTreeMap;

use evenkeel_controller::Status;
use evenkeel_model::document::Mode;
use evenkeel_model::key::{ServiceKey, UnitKey};
use evenkeel_plan::{State, UnitReport, WaitingOn};
use serde_json::{Value, json};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does.
    True,
    /// It does not.
    False,
    /// It cannot be told yet.
    Unknown,
}

impl Truth {
    const fn word(self) -> &'static str {
        match self {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `Valid`, `Resolved`, `Synced`, `Stable` or `Held`.
    pub kind: &'static str,
    /// Whether it holds.
    pub status: Truth,
    /// Why, in one word for programs.
    pub reason: &'static str,
    /// Why, for people.
    pub message: String,
}

/// What conditions are about: the document (`None`) or a service.
pub type About = Option<ServiceKey>;

fn condition(
    kind: &'static str,
    status: Truth,
    reason: &'static str,
    message: impl Into<String>,
) -> Condition {
    Condition { kind, status, reason, message: message.into() }
}

/// Every condition at this moment.
pub fn of(status: &Status) -> BTreeMap<About, Vec<Condition>> {
    let mut all = BTreeMap::from([(None, of_document(status))]);
    for (key, report) in &status.planned.report.units {
        if let UnitKey::Service(service) = key {
            all.insert(Some(service.clone()), of_service(report));
        }
    }
    all
}

fn of_document(status: &Status) -> Vec<Condition> {
    let reports = || status.planned.report.units.values();
    let valid = match (status.faults.first(), status.documents.first()) {
        (Some(fault), _) if fault.version.is_some() => {
            condition("Valid", Truth::False, "Faulty", fault.message.clone())
        }
        (Some(fault), _) => condition("Valid", Truth::Unknown, "Unreadable", fault.message.clone()),
        (None, Some(_)) => condition("Valid", Truth::True, "InForce", "the newest version is in force"),
        (None, None) => condition("Valid", Truth::Unknown, "NotRead", "no version has been read yet"),
    };
    if status.documents.is_empty() {
        let unknown = |kind| condition(kind, Truth::Unknown, "NoDocument", "no document is in force");
        return vec![valid, unknown("Resolved"), unknown("Synced"), unknown("Stable"), unknown("Held")];
    }
    let unresolved = reports().map(missing).sum::<usize>();
    let resolved = if !status.observed {
        condition("Resolved", Truth::Unknown, "NotSeen", "not everything has been seen yet")
    } else if unresolved > 0 {
        let message = format!("{unresolved} references to what does not exist yet");
        condition("Resolved", Truth::False, "Missing", message)
    } else {
        condition("Resolved", Truth::True, "Found", "everything that is referred to exists")
    };
    let unsettled =
        reports().filter(|report| !report.state.is_settled() && report.state != State::Rolling).count();
    let synced = if !status.observed {
        condition("Synced", Truth::Unknown, "NotSeen", "not everything has been seen yet")
    } else if unsettled > 0 || !status.planned.plan.units.is_empty() {
        let reason = if status.mode == mode_word(Mode::Observe) { "Observing" } else { "OutOfSync" };
        condition(
            "Synced",
            Truth::False,
            reason,
            format!("{} from the document", many(unsettled, "unit differs", "units differ")),
        )
    } else {
        condition("Synced", Truth::True, "InSync", "everything is as the document wants it")
    };
    let rolling = reports().filter(|report| report.rollout.is_some()).count();
    let stable = if !status.observed {
        condition("Stable", Truth::Unknown, "NotSeen", "not everything has been seen yet")
    } else if rolling > 0 {
        let rollouts = many(rolling, "rollout is", "rollouts are");
        condition("Stable", Truth::False, "RollingOut", format!("{rollouts} under way"))
    } else {
        condition("Stable", Truth::True, "NoRollout", "no rollout is under way")
    };
    let held = reports().filter(|report| report.held.is_some()).count();
    let held = if held > 0 {
        condition("Held", Truth::True, "RolloutFailed", many(held, "service is held", "services are held"))
    } else {
        condition("Held", Truth::False, "NothingHeld", "no service is held")
    };
    vec![valid, resolved, synced, stable, held]
}

/// The word of a mode in [`Status::mode`].
fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    }
}

/// A count with its noun, in the number that it asks for.
pub fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn missing(report: &UnitReport) -> usize {
    report.waiting.iter().filter(|wait| matches!(wait, WaitingOn::Exists(_))).count()
}

fn of_service(report: &UnitReport) -> Vec<Condition> {
    let exists = report.waiting.iter().find(|wait| matches!(wait, WaitingOn::Exists(_)));
    let seen = report.waiting.iter().find(|wait| matches!(wait, WaitingOn::Seen(_)));
    let resolved = match (seen, exists) {
        (_, Some(wait)) => condition("Resolved", Truth::False, "Missing", format!("waits {wait}")),
        (Some(wait), None) => condition("Resolved", Truth::Unknown, "NotSeen", format!("waits {wait}")),
        (None, None) if report.state == State::Unknown => {
            condition("Resolved", Truth::Unknown, "NotSeen", "it has not been seen yet")
        }
        (None, None) => condition("Resolved", Truth::True, "Found", "everything that it refers to exists"),
    };
    let first = || report.waiting.first().map(|wait| format!("waits {wait}"));
    let refusal = || report.refused.first().map(|refusal| refusal.why.clone());
    let synced = match report.state {
        State::Unknown => condition("Synced", Truth::Unknown, "NotSeen", "it has not been seen yet"),
        State::Synced | State::Rolling => {
            condition("Synced", Truth::True, "InSync", "as the document wants it")
        }
        State::Changing => condition("Synced", Truth::False, "Changing", "it is being changed"),
        State::Waiting => condition("Synced", Truth::False, "Waiting", first().unwrap_or_default()),
        State::Drifted => {
            let differences = many(report.drift.len(), "difference is", "differences are");
            let message = format!("{differences} left as it stands in AWS");
            condition("Synced", Truth::False, "Drifted", message)
        }
        State::Held => {
            condition("Synced", Truth::False, "Held", "its last rollout failed and is not tried again")
        }
        State::Refused => condition("Synced", Truth::False, "Refused", refusal().unwrap_or_default()),
        State::Undeclared => {
            condition("Synced", Truth::Unknown, "Undeclared", "the document no longer has it, and it stays")
        }
        State::Suspended => {
            condition("Synced", Truth::Unknown, "Suspended", "the document says to leave it alone")
        }
        State::Paused => {
            let until = report.paused.as_ref().map(ToString::to_string).unwrap_or_default();
            condition("Synced", Truth::Unknown, "Paused", format!("left alone until {until}"))
        }
    };
    let stable = match (&report.rollout, report.tasks) {
        (Some(rollout), _) => condition("Stable", Truth::False, "RollingOut", rollout.to_string()),
        (None, Some((desired, running))) if desired == running => {
            condition("Stable", Truth::True, "Running", format!("{running} of {desired} tasks running"))
        }
        (None, Some((desired, running))) => {
            condition("Stable", Truth::False, "Scaling", format!("{running} of {desired} tasks running"))
        }
        (None, None) => condition("Stable", Truth::Unknown, "NotSeen", "it has not been seen yet"),
    };
    let held = match &report.held {
        Some(held) => condition("Held", Truth::True, "RolloutFailed", held.reason.clone()),
        None => condition("Held", Truth::False, "NotHeld", "its last rollout did not fail"),
    };
    let paused = match &report.paused {
        Some(paused) => condition("Paused", Truth::True, "Asked", format!("left alone until {paused}")),
        None => condition("Paused", Truth::False, "NotPaused", "nobody asked for it to be left alone"),
    };
    vec![resolved, synced, stable, held, paused]
}

/// When each condition last changed whether it holds.
#[derive(Clone, Debug, Default)]
pub struct Transitions(BTreeMap<(About, &'static str), (Truth, i64)>);

impl Transitions {
    /// These, brought up to what holds now; what is gone is forgotten.
    #[must_use]
    pub fn after(&self, now: &BTreeMap<About, Vec<Condition>>, clock: i64) -> Self {
        let entry = |about: &About, condition: &Condition| {
            let key = (about.clone(), condition.kind);
            let since = match self.0.get(&key) {
                // Before AWS's first answer there is no clock.
                Some((status, since)) if *status == condition.status && *since > 0 => *since,
                _ => clock,
            };
            (key, (condition.status, since))
        };
        let all = now.iter().flat_map(|(about, list)| list.iter().map(move |it| entry(about, it)));
        Transitions(all.collect())
    }

    /// Conditions for programs. `version` is the document's version that they are about.
    pub fn to_json(&self, about: &About, conditions: &[Condition], version: Option<&str>) -> Value {
        conditions
            .iter()
            .map(|condition| {
                let since = self.0.get(&(about.clone(), condition.kind)).map(|(_, since)| *since);
                json!({
                    "type": condition.kind,
                    "status": condition.status.word(),
                    "reason": condition.reason,
                    "message": condition.message,
                    "lastTransitionTime": since.and_then(time),
                    "observedVersion": version,
                })
            })
            .collect()
    }
}

/// Unix seconds as RFC 3339; `None` for no time at all.
pub fn time(seconds: i64) -> Option<String> {
    (seconds > 0).then(|| jiff::Timestamp::from_second(seconds).ok()).flatten().map(|it| it.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use evenkeel_controller::status::{Fault, InForce};

    use super::*;

    fn held(status: &Status, about: &About, kind: &str) -> (Truth, &'static str) {
        let all = of(status);
        let found = all[about].iter().find(|it| it.kind == kind).unwrap();
        (found.status, found.reason)
    }

    fn with_service(report: UnitReport) -> (Status, About) {
        let key = ServiceKey::new("main", "web");
        let mut status = Status {
            documents: vec![InForce {
                source: "s3://b/x.json".into(),
                name: "x".into(),
                version: "1".into(),
                modified: None,
                warnings: Vec::new(),
            }],
            observed: true,
            mode: "enforce",
            ..Status::default()
        };
        let planned = Arc::make_mut(&mut status.planned);
        planned.report.units.insert(UnitKey::Service(key.clone()), report);
        (status, Some(key))
    }

    #[test]
    fn nothing_is_known_before_a_document_is_read() {
        assert!(of(&Status::default())[&None].iter().all(|it| it.status == Truth::Unknown));
    }

    #[test]
    fn a_faulty_version_is_not_valid_and_an_unreadable_one_is_unknown() {
        let fault = |version: Option<&str>| Status {
            faults: vec![Fault {
                source: "s3://b/x.json".into(),
                version: version.map(str::to_owned),
                message: "wrong".into(),
                diagnostics: Vec::new(),
            }],
            ..Status::default()
        };
        assert_eq!(held(&fault(Some("2")), &None, "Valid"), (Truth::False, "Faulty"));
        assert_eq!(held(&fault(None), &None, "Valid"), (Truth::Unknown, "Unreadable"));
    }

    #[test]
    fn a_rollout_is_in_sync_and_not_stable() {
        let (deployment, began) = ("d".into(), None);
        let (took, stage) = (None, None);
        let rollout =
            evenkeel_plan::Rollout { deployment, desired: 2, running: 1, failed: 0, began, took, stage };
        let report = UnitReport { state: State::Rolling, rollout: Some(rollout), ..UnitReport::default() };
        let (status, about) = with_service(report);
        assert_eq!(held(&status, &about, "Synced"), (Truth::True, "InSync"));
        assert_eq!(held(&status, &about, "Stable"), (Truth::False, "RollingOut"));
        assert_eq!(held(&status, &None, "Synced"), (Truth::True, "InSync"));
        assert_eq!(held(&status, &None, "Stable"), (Truth::False, "RollingOut"));
    }

    #[test]
    fn a_transition_is_dated_when_the_status_changes_and_not_with_the_message() {
        let list =
            |status, message: &str| BTreeMap::from([(None, vec![condition("Synced", status, "R", message)])]);
        let first = Transitions::default().after(&list(Truth::False, "4 differ"), 0);
        let first = first.after(&list(Truth::False, "3 differ"), 100);
        let same = first.after(&list(Truth::False, "2 differ"), 200);
        let other = same.after(&list(Truth::True, ""), 300);
        let since = |it: &Transitions| it.0[&(None, "Synced")].1;
        assert_eq!([since(&first), since(&same), since(&other)], [100, 100, 300]);
    }
}
