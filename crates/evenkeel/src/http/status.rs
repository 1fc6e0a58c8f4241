//! `/v1/status`: everything the daemon knows about itself, for programs and for the page.

use evenkeel_controller::status::{Event, Fault, Lease};
use evenkeel_model::diagnostic;
use evenkeel_model::key::UnitKey;
use evenkeel_plan::{State, Unit, UnitReport, WaitingOn};
use serde_json::{Value, json};

use super::Shown;
use crate::conditions::{many, time};

/// How many of the newest events are shown.
const EVENTS: usize = 50;

/// Why the daemon is not to be relied on yet; empty where it is.
pub fn not_ready(shown: &Shown) -> Vec<String> {
    let status = &shown.status;
    let mut reasons = Vec::new();
    if !shown.alive {
        reasons.push("the daemon has ended".to_owned());
    }
    if status.account.is_none() {
        reasons.push("AWS has not said yet whose account this is".to_owned());
    }
    if status.documents.is_empty() {
        reasons.push(match status.faults.first() {
            Some(fault) => format!("no document is in force: {}", fault.message),
            None => "no document has been read yet".to_owned(),
        });
    } else if !status.observed {
        reasons.push("not everything has been seen yet".to_owned());
        reasons.extend(status.trouble.iter().map(|(kind, error)| format!("{}: {error}", kind.name())));
    }
    reasons
}

/// The whole status.
pub fn to_json(shown: &Shown) -> Value {
    let status = &*shown.status;
    let not_ready = not_ready(shown);
    json!({
        "evenkeel": env!("CARGO_PKG_VERSION"),
        "account": status.account,
        "region": status.region,
        "source": status.source,
        "mode": status.mode,
        "ready": not_ready.is_empty(),
        "notReady": not_ready,
        "settled": status.is_settled(),
        "settledAt": status.settled_at.and_then(time),
        "now": time(status.clock),
        "passes": status.passes,
        "secondsSincePass": shown.received.elapsed().as_secs(),
        "queued": status.queued,
        "documents": status.documents.iter().map(|document| json!({
            "name": document.name,
            "version": document.version,
            "modified": document.modified.and_then(time),
            "source": document.source,
            "warnings": diagnostic::to_json(&document.warnings),
        })).collect::<Vec<_>>(),
        "faults": status.faults.iter().map(fault).collect::<Vec<_>>(),
        "lease": lease(&status.lease),
        "plan": {
            "id": status.planned.plan.id,
            "changes": status.planned.plan.units.values().map(|unit| unit.steps.len()).sum::<usize>(),
        },
        "conditions": conditions(shown, None),
        "services": status.services().into_iter().map(|(state, count)| {
            (state.word().to_owned(), json!(count))
        }).collect::<serde_json::Map<_, _>>(),
        "units": units(shown),
        "steps": status.steps.iter().map(|((action, outcome), count)| {
            json!({"action": action, "outcome": outcome, "count": count})
        }).collect::<Vec<_>>(),
        "seenSecondsAgo": status.ages.iter().map(|(kind, age)| {
            (kind.name().to_owned(), json!(age.round()))
        }).collect::<serde_json::Map<_, _>>(),
        "trouble": status.trouble.iter().map(|(kind, error)| {
            (kind.name().to_owned(), json!(error))
        }).collect::<serde_json::Map<_, _>>(),
        "events": status.events.iter().rev().take(EVENTS).map(event).collect::<Vec<_>>(),
    })
}

/// One unit; `None` where the document in force does not have it.
pub fn unit_to_json(shown: &Shown, key: &UnitKey) -> Option<Value> {
    shown.status.planned.report.units.get(key)?;
    units(shown).into_iter().find(|unit| unit["key"] == key.to_string())
}

/// Every unit, as the plan shows it and with what people ask first.
fn units(shown: &Shown) -> Vec<Value> {
    let status = &shown.status;
    let mut shapes = evenkeel_plan::plan_json(&status.planned, &[]);
    let reports = status.planned.report.units.iter();
    let one = |(key, report): (&UnitKey, &UnitReport)| {
        let mut unit = shapes["units"][key.to_string()].take();
        let steps = status.planned.plan.units.get(key);
        unit["key"] = key.to_string().into();
        unit["kind"] = key.kind().into();
        match key.service() {
            Some(service) => {
                unit["cluster"] = service.cluster.as_str().into();
                unit["name"] = service.name.as_str().into();
                unit["conditions"] = conditions(shown, Some(service.clone()));
            }
            None => unit["name"] = key.name().into(),
        }
        unit["message"] = message(report, steps, status.mode).into();
        unit
    };
    reports.map(one).collect()
}

fn conditions(shown: &Shown, about: Option<evenkeel_model::key::ServiceKey>) -> Value {
    let unit = about.clone().map(UnitKey::Service);
    let document = match &unit {
        Some(unit) => shown.status.document_of(unit),
        None => shown.status.documents.first(),
    };
    let version = document.map(|document| document.version.as_str());
    let list = shown.conditions.get(&about).map(Vec::as_slice).unwrap_or_default();
    shown.transitions.to_json(&about, list, version)
}

/// What a unit is about at the moment, in a few plain words.
pub fn message(report: &UnitReport, unit: Option<&Unit>, mode: &str) -> String {
    let steps = unit.map(|unit| &unit.steps[..]).unwrap_or_default();
    match report.state {
        State::Unknown => "not seen yet".to_owned(),
        State::Synced => "as the document wants it".to_owned(),
        State::Undeclared => "left, though the document no longer has it".to_owned(),
        State::Suspended => "left alone, because the document says so".to_owned(),
        State::Paused => {
            let until = report.paused.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("left alone until {until}")
        }
        State::Rolling => match &report.rollout {
            Some(rollout) if rollout.failed > 0 => format!(
                "{} of {} new tasks running, {} failed",
                rollout.running, rollout.desired, rollout.failed
            ),
            Some(rollout) => format!("{} of {} new tasks running", rollout.running, rollout.desired),
            None => "ECS is replacing tasks".to_owned(),
        },
        State::Changing => {
            let verbs: Vec<&str> =
                steps.iter().map(|step| step.id.0.split(' ').next().unwrap_or_default()).collect();
            if verbs.is_empty() { "finishing a change".to_owned() } else { verbs.join(", ") }
        }
        State::Waiting => match report.waiting.first() {
            Some(WaitingOn::Executing) => "a change is under way".to_owned(),
            Some(wait @ WaitingOn::BackOff { .. }) => wait.to_string(),
            Some(wait) => format!("waits {wait}"),
            None => "waits".to_owned(),
        },
        State::Drifted if mode == "observe" => {
            let count = report.drift.len().max(steps.len());
            format!("{}; observe mode writes nothing", many(count, "difference", "differences"))
        }
        State::Drifted => {
            format!("{}, left as it stands", many(report.drift.len(), "difference", "differences"))
        }
        State::Held => {
            let reason = report.held.as_ref().map(|held| held.reason.as_str()).unwrap_or_default();
            format!(
                "its last rollout failed and is not tried again until the document changes or it is released: {reason}"
            )
        }
        State::Refused => report.refused.first().map(|refusal| refusal.why.clone()).unwrap_or_default(),
    }
}

fn fault(fault: &Fault) -> Value {
    json!({
        "source": fault.source,
        "version": fault.version,
        "message": fault.message,
        "diagnostics": diagnostic::to_json(&fault.diagnostics),
    })
}

fn lease(lease: &Lease) -> Value {
    match lease {
        Lease::Unknown => json!({"state": "unknown"}),
        Lease::Ours => json!({"state": "ours"}),
        Lease::Other(holder) => json!({"state": "other", "holder": holder}),
        Lease::Unreachable(error) => json!({"state": "unreachable", "error": error}),
    }
}

fn event(event: &Event) -> Value {
    json!({
        "seq": event.seq,
        "at": time(event.at),
        "unit": event.unit,
        "message": event.message,
        "warning": event.warning,
    })
}
