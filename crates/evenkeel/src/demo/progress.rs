//! What the demo prints while the daemon works: each step, each move of a rollout, each difference with its
//! owner, and at the end what it took.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_controller::Status;
use evenkeel_model::document::Document;
use evenkeel_model::key::UnitKey;
use evenkeel_plan::{State, WaitingOn};
use evenkeel_sim::AuditRow;
use serde_json::Value;

use crate::http;
use crate::simulated::ACCESS_KEY;

/// What was printed so far.
pub struct Progress {
    /// AWS's time at the beginning, in Unix seconds.
    begun: i64,
    color: bool,
    /// The widest name of a unit.
    width: usize,
    seq: u64,
    states: BTreeMap<UnitKey, String>,
    differences: BTreeSet<String>,
    trouble: BTreeSet<String>,
}

impl Progress {
    /// Nothing printed yet.
    pub fn new(begun: i64, document: &Document, color: bool) -> Self {
        let services = document.services.keys().map(|key| key.to_string().chars().count());
        let width = services.max().unwrap_or(0).clamp(24, 48);
        let (states, differences) = (BTreeMap::new(), BTreeSet::new());
        Progress { begun, color, width, seq: 0, states, differences, trouble: BTreeSet::new() }
    }

    /// Simulated seconds since the beginning.
    pub fn elapsed(&self, status: &Status) -> i64 {
        (status.clock - self.begun).max(0)
    }

    /// The lines for what is new in a status.
    pub fn news(&mut self, status: &Status) -> Vec<String> {
        let mut lines = Vec::new();
        for event in status.events.iter().filter(|event| event.seq > self.seq) {
            let unit = event.unit.as_deref().and_then(UnitKey::parse);
            let what = match &unit {
                Some(unit) => step(unit, &event.message),
                None => event.message.clone(),
            };
            let at = event.at - self.begun;
            lines.push(self.line(at, unit.as_ref(), if event.warning { '!' } else { ' ' }, &what));
        }
        self.seq = status.events.last().map_or(self.seq, |event| event.seq.max(self.seq));
        let now = self.elapsed(status);
        self.differences(status, now, &mut lines);
        self.states(status, now, &mut lines);
        let trouble: BTreeSet<String> = status
            .trouble
            .iter()
            .map(|(kind, error)| format!("{} cannot be read: {error}", kind.name()))
            .collect();
        lines.extend(trouble.difference(&self.trouble).map(|it| self.line(now, None, '!', it)));
        self.trouble = trouble;
        lines
    }

    fn states(&mut self, status: &Status, now: i64, lines: &mut Vec<String>) {
        for (key, report) in &status.planned.report.units {
            let steps = status.planned.plan.units.get(key);
            let message = http::message(report, steps, status.mode);
            let (sign, text) = match report.state {
                // Steps print as they are done, and what is not seen yet says nothing.
                State::Unknown | State::Changing => continue,
                State::Refused => ('!', format!("refused: {message}")),
                State::Held => ('!', message),
                State::Drifted => ('=', message),
                State::Waiting if key.service().is_none() => continue,
                State::Waiting if report.waiting.iter().any(passing) => continue,
                State::Synced if key.service().is_none() => continue,
                State::Rolling => ('…', format!("rolling out: {message}")),
                State::Waiting => ('…', message),
                State::Synced | State::Suspended | State::Paused | State::Undeclared => ('=', message),
            };
            if self.states.get(key) != Some(&text) {
                lines.push(self.line(now, Some(key), sign, &text));
                self.states.insert(key.clone(), text);
            }
        }
    }

    fn differences(&mut self, status: &Status, now: i64, lines: &mut Vec<String>) {
        let shapes = evenkeel_plan::plan_json(&status.planned, &[]);
        let mut differences = BTreeSet::new();
        for (key, report) in &status.planned.report.units {
            if !report.state.is_settled() {
                // Not everything is seen in between: what was told once is not told again.
                let told = self.differences.iter().filter(|id| id.starts_with(&format!("{key} ")));
                differences.extend(told.cloned());
            }
            for drift in shapes["units"][key.to_string()]["drift"].as_array().into_iter().flatten() {
                // What does not exist yet is told by the step that makes it.
                if drift["owner"] == "document" && drift["live"].is_null() && drift["path"] == "" {
                    continue;
                }
                let text = difference(drift);
                let id = format!("{key} {text}");
                if !self.differences.contains(&id) {
                    lines.push(self.line(now, Some(key), '~', &text));
                }
                differences.insert(id);
            }
        }
        self.differences = differences;
    }

    fn line(&self, at: i64, unit: Option<&UnitKey>, sign: char, text: &str) -> String {
        let name = unit.map(title).unwrap_or_default();
        let (time, width) = (clock(at), self.width);
        let text = printable(text);
        match (self.color, sign) {
            (true, '!') => format!("\x1b[2m{time:>6}\x1b[0m  {name:<width$}  \x1b[31m! {text}\x1b[0m"),
            (true, '~') => format!("\x1b[2m{time:>6}\x1b[0m  {name:<width$}  \x1b[33m~ {text}\x1b[0m"),
            (true, _) => format!("\x1b[2m{time:>6}\x1b[0m  {name:<width$}  {sign} {text}"),
            (false, _) => format!("{time:>6}  {name:<width$}  {sign} {text}"),
        }
    }

    /// Something to be noticed.
    pub fn strong(&self, text: &str) -> String {
        if self.color { format!("\x1b[1;32m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What is over in a moment and tells nobody anything.
fn passing(wait: &WaitingOn) -> bool {
    matches!(wait, WaitingOn::Executing | WaitingOn::Seen(_))
}

/// What comes from elsewhere may carry control characters; a terminal is not to get them.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

fn title(key: &UnitKey) -> String {
    match key.service() {
        Some(service) => service.to_string(),
        None => format!("{} {}", key.kind().replace('-', " "), key.name()),
    }
}

/// What the daemon says of a step, without naming the unit twice.
fn step(unit: &UnitKey, message: &str) -> String {
    let Some((step, why)) = message.split_once(" done") else { return message.to_owned() };
    let (verb, about) = step.split_once(' ').unwrap_or((step, ""));
    let own = about == unit.name() || unit.service().is_some_and(|service| service.name == about);
    if own { format!("{verb} done{why}") } else { message.to_owned() }
}

/// A difference: where, what it is and is to be, who made it, and what is done about it.
fn difference(drift: &Value) -> String {
    let text = |name: &str| drift[name].as_str().unwrap_or_default();
    let value = |name: &str| match &drift[name] {
        Value::Null => "(absent)".to_owned(),
        Value::String(text) => shortened(text),
        other => shortened(&other.to_string()),
    };
    let place = format!("{}{}", text("part"), text("path"));
    let (live, want) = (value("live"), value("want"));
    match (text("owner"), drift["actedOn"] == true) {
        ("document", true) => format!("{place}  {live} -> {want}  (the document changed)"),
        (owner, true) => format!("{place}  {live} -> {want}  (made by {owner}, put right)"),
        (owner, false) => format!("{place}  {live}, not {want}  (made by {owner}, left alone)"),
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    match text.chars().count() {
        count if count > MOST => format!("…{}", text.chars().skip(count - MOST + 1).collect::<String>()),
        _ => text.to_owned(),
    }
}

/// Minutes and seconds.
pub fn clock(seconds: i64) -> String {
    let seconds = seconds.max(0);
    if seconds < 3600 {
        format!("{}:{:02}", seconds / 60, seconds % 60)
    } else {
        format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// True where nothing will change unless somebody does something.
pub fn stalls(status: &Status) -> bool {
    if !status.faults.is_empty() && status.documents.is_empty() {
        return true;
    }
    let units = &status.planned.report.units;
    let stuck = |state| matches!(state, State::Refused | State::Held | State::Drifted);
    status.observed
        && status.queued == 0
        && status.planned.plan.units.values().all(|unit| unit.ready() == 0)
        && units.values().any(|report| stuck(report.state))
        && units.values().all(|report| {
            // What waits for something that is stuck waits as long.
            report.rollout.is_none()
                && (stuck(report.state) || report.state.is_settled() || report.state == State::Waiting)
        })
}

/// What keeps everything from being settled, a line each.
pub fn obstacles(status: &Status) -> Vec<String> {
    let mut lines: Vec<String> = status.faults.iter().map(|fault| fault.message.clone()).collect();
    if status.documents.is_empty() && lines.is_empty() {
        lines.push("the document has not been read".to_owned());
    }
    lines.extend(
        status.trouble.iter().map(|(kind, error)| format!("{} cannot be read: {error}", kind.name())),
    );
    for (key, report) in status.planned.report.units.iter().filter(|(_, report)| !report.state.is_settled()) {
        let steps = status.planned.plan.units.get(key);
        let message = http::message(report, steps, status.mode);
        lines.push(format!("{}: {}: {}", title(key), report.state.word(), printable(&message)));
    }
    lines
}

/// What it took, for the end.
pub fn summary(status: &Status, audit: &[AuditRow]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for key in status.planned.report.units.keys() {
        *kinds.entry(key.kind()).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let done: Vec<String> = status
        .steps
        .iter()
        .filter(|((_, outcome), _)| *outcome == "done")
        .map(|((action, _), count)| format!("{action} {count}"))
        .collect();
    let count = |outcome: &str| -> u64 {
        status.steps.iter().filter(|((_, it), _)| *it == outcome).map(|(_, count)| count).sum()
    };
    let ours = |write: bool, s3: bool| {
        let ours = audit.iter().filter(|row| row.caller == ACCESS_KEY);
        ours.filter(|row| row.write == write && (row.service == "s3") == s3).count()
    };
    format!(
        "  units  {}   ({})\n  steps  {} done, {} failed   ({})\n  calls  {} reads and {} writes of AWS, {} reads and {} writes of S3",
        status.planned.report.units.len(),
        kinds.join(", "),
        count("done"),
        count("failed"),
        done.join(", "),
        ours(false, false),
        ours(true, false),
        ours(false, true),
        ours(true, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_a_stopwatch() {
        assert_eq!([0, 43, 740, 3661].map(clock), ["0:00", "0:43", "12:20", "1:01:01"]);
    }

    #[test]
    fn a_step_does_not_name_its_unit_twice() {
        let key = UnitKey::parse("service:main/web").unwrap();
        assert_eq!(step(&key, "create-service web done"), "create-service done");
        assert_eq!(step(&key, "put-scaling-policy cpu done"), "put-scaling-policy cpu done");
        assert_eq!(step(&key, "update-service web done: cpu 1 -> 2"), "update-service done: cpu 1 -> 2");
        assert_eq!(step(&key, "create-service web failed: no"), "create-service web failed: no");
    }

    #[test]
    fn a_difference_says_who_made_it_and_what_is_done() {
        let drift = |owner: &str, acted: bool| {
            serde_json::json!({"part": "service", "path": "/desiredCount", "live": 5, "want": 2, "owner": owner,
                "actedOn": acted})
        };
        assert_eq!(
            difference(&drift("human", true)),
            "service/desiredCount  5 -> 2  (made by human, put right)"
        );
        assert_eq!(
            difference(&drift("autoscaler", false)),
            "service/desiredCount  5, not 2  (made by autoscaler, left alone)"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\nc"), "a [31mb c");
    }
}
