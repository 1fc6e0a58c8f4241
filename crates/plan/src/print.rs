//! How a plan prints: for people in at most 100 columns, for programs as JSON. Values that may be secret
//! are masked, and no wall-clock time appears, so that equal plans print alike.

use std::fmt::Write as _;

use evenkeel_model::Tree;
use evenkeel_model::key::UnitKey;
use evenkeel_model::shapes::Op;
use evenkeel_model::tree::is_masked;

use crate::finished::Span;
use crate::report::{Drift, Owner, Rollout, State, UnitReport, WaitingOn};
use crate::{Because, Need, Planned, Step, Unit, dotted};

const WIDTH: usize = 100;

/// The sign of a step: `+` makes, `~` changes, `-` removes.
fn sign(step: &Step) -> char {
    let op = step.action.op;
    let name = op.name();
    if name.starts_with("Create")
        || op == Op::EcsRegisterTaskDefinition
        || step.because.contains(&Because::Missing)
    {
        '+'
    } else if name.starts_with("Delete") || name.starts_with("Deregister") {
        '-'
    } else {
        '~'
    }
}

/// A plan and its report for people.
pub fn print(planned: &Planned, documents: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let refused = planned.report.units.values().filter(|unit| !unit.refused.is_empty()).count();
    let id = match (planned.plan.units.is_empty(), refused) {
        (false, _) => planned.plan.id.clone(),
        (true, 0) => "(nothing to do)".to_owned(),
        (true, refused) => format!("(no changes, {refused} refused)"),
    };
    let named = |(name, version): &(&str, &str)| format!("document \"{name}\" version {version}");
    let _ = writeln!(out, "plan {id}   {}", documents.iter().map(named).collect::<Vec<_>>().join(", "));
    let mut unchanged = 0;
    for (key, report) in &planned.report.units {
        let unit = planned.plan.units.get(key);
        let shown = |d: &Drift| {
            unit.into_iter().flat_map(|u| &u.steps).flat_map(|s| &s.because).any(|b| {
                matches!(b, Because::Field(f) if f.part == d.part && f.path == d.path)
                    || (d.path.is_root() && *b == Because::Missing)
            })
        };
        let left: Vec<&Drift> = report.drift.iter().filter(|d| !d.acted_on && !shown(d)).collect();
        let quiet = unit.is_none()
            && report.waiting.is_empty()
            && report.refused.is_empty()
            && report.held.is_none()
            && report.notes.is_empty()
            && report.diagnosis.is_empty()
            // An autoscaler at work is nothing that anybody needs to look at.
            && left.iter().all(|d| d.owner == Owner::Autoscaler)
            && !matches!(report.state, State::Suspended | State::Paused);
        if quiet {
            unchanged += 1;
            continue;
        }
        let _ = writeln!(out, "{}", title(key));
        if let Some(unit) = unit {
            steps(&mut out, unit);
        }
        lines(&mut out, report, &left);
    }
    if unchanged > 0 {
        let _ = writeln!(out, "unchanged {unchanged}");
    }
    out
}

/// A unit for people: a service by its two names, everything else with its kind.
pub(crate) fn title(key: &UnitKey) -> String {
    match key {
        UnitKey::Service(service) => service.to_string(),
        other => format!("{} {}", other.kind(), other.name()),
    }
}

fn steps(out: &mut String, unit: &Unit) {
    for step in &unit.steps {
        let (verb, about) = step.id.0.split_once(' ').unwrap_or((&step.id.0, ""));
        let mut reasons: Vec<String> = Vec::new();
        let mut fields = Vec::new();
        for because in &step.because {
            match because {
                Because::Missing => {}
                Because::Reason(text) => reasons.push(text.clone()),
                Because::Field(drift) => fields.push(drift),
            }
        }
        let first = reasons.first().map_or(about, String::as_str);
        line(out, &format!("  {} {verb:<26} {first}", sign(step)));
        for reason in reasons.iter().skip(1) {
            line(out, &format!("      {reason}"));
        }
        for drift in fields {
            line(out, &format!("      {}", field(drift)));
        }
        if let Some(wait) = first_wait(step) {
            line(out, &format!("      … after {wait}"));
        }
    }
}

/// Why a step is taken, for the log: the first few differences, each with who made it.
pub fn reasons(step: &Step) -> String {
    const MOST: usize = 3;
    let reason = |because: &Because| match because {
        Because::Missing => "it was missing".to_owned(),
        Because::Reason(text) => text.clone(),
        Because::Field(drift) => format!("{} ({})", field(drift).replacen("   ", " ", 1), drift.owner.word()),
    };
    let mut all: Vec<String> = step.because.iter().take(MOST).map(reason).collect();
    if step.because.len() > MOST {
        all.push(format!("{} more", step.because.len() - MOST));
    }
    all.join(", ")
}

fn first_wait(step: &Step) -> Option<String> {
    step.needs.iter().find_map(|n| match n {
        Need::Observed(on) => Some(on.to_string().trim_start_matches("for ").to_owned()),
        Need::Step(_) => None,
    })
}

fn lines(out: &mut String, report: &UnitReport, left: &[&Drift]) {
    if report.state == State::Suspended {
        line(out, "  … suspended   by the document");
    }
    for drift in left {
        let lingering = report.lingering.get(&(drift.part.clone(), drift.path.clone()));
        let heals = lingering.and_then(|l| l.heals_in).map(|s| format!(", heals in {s} s"));
        let owner = format!("   ({}{})", drift.owner.word(), heals.unwrap_or_default());
        let word = if is_later(report, drift) { "later" } else { "left" };
        let what = cut(&format!("  = {word:<9} {}", field(drift)), WIDTH - owner.chars().count());
        line(out, &format!("{what}{owner}"));
    }
    for wait in &report.waiting {
        let so_far = match (wait, &report.rollout) {
            (WaitingOn::Rollout(_), Some(Rollout { took: Some(seconds), .. })) => {
                format!(", {} so far", Span(*seconds))
            }
            _ => String::new(),
        };
        line(out, &format!("  … waiting   {wait}{so_far}"));
    }
    let tells = report.rollout.is_some() || report.held.is_some();
    if let Some(last) = report.last_rollout.as_ref().filter(|last| tells && last.took().is_some()) {
        line(out, &format!("  · before    {last}"));
    }
    if let Some(held) = &report.held {
        line(out, &format!("  ! held      {}", held.reason));
        let again = match held.retry_in {
            Some(seconds) => format!("the same deployment is tried again in {seconds} s"),
            None => {
                "the same deployment is not tried again until the document changes or it is released".into()
            }
        };
        line(out, &format!("              {again}"));
    }
    for evidence in &report.diagnosis {
        wrapped(out, "  ? because   ", &evidence.said);
        if let Some(check) = &evidence.check {
            wrapped(out, "              ", check);
        }
    }
    for hook in &report.hooks {
        wrapped(out, "  … hook      ", &hook.to_string());
    }
    for refusal in &report.refused {
        wrapped(out, "  ! refused   ", &refusal.why);
        if let Some(way_out) = &refusal.way_out {
            wrapped(out, "              ", way_out);
        }
    }
    for note in &report.notes {
        wrapped(out, "  · note      ", &note.0);
    }
}

/// True for a difference that is left for now and put right once what the unit waits for has come.
fn is_later(report: &UnitReport, drift: &Drift) -> bool {
    let lingering = report.lingering.get(&(drift.part.clone(), drift.path.clone()));
    let turn = drift.owner == Owner::Document && report.waiting.iter().any(is_turn);
    !drift.acted_on && (turn || lingering.is_some_and(|it| it.later))
}

/// True for a wait after which the document's changes are made.
fn is_turn(wait: &WaitingOn) -> bool {
    matches!(
        wait,
        WaitingOn::Window(_) | WaitingOn::DependsOn(_) | WaitingOn::Rollouts(_) | WaitingOn::Stopped(_)
    )
}

/// One difference: `path   live -> want`.
fn field(drift: &Drift) -> String {
    let path = dotted(&drift.path);
    let place = match path.chars().next() {
        None | Some('[') => format!("{}{path}", drift.part),
        Some(_) => path,
    };
    let masked = is_masked(&drift.path);
    let live = value(drift.live.as_ref(), masked);
    let want = value(drift.want.as_ref(), masked);
    format!("{place}   {live} -> {want}")
}

/// A value for people: short, masked where it may be secret.
fn value(tree: Option<&Tree>, masked: bool) -> String {
    match tree {
        None => "(absent)".into(),
        Some(_) if masked => "(hidden)".into(),
        Some(Tree::Str(text)) => shortened(text),
        Some(Tree::Map(_)) => "{…}".into(),
        Some(Tree::List(items)) if items.iter().all(|i| !matches!(i, Tree::Map(_) | Tree::List(_))) => {
            shortened(&tree.map(Tree::to_json).unwrap_or_default())
        }
        Some(Tree::List(_)) => "[…]".into(),
        Some(scalar) => scalar.to_json(),
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 36;
    let count = text.chars().count();
    if count <= MOST {
        return text.to_owned();
    }
    // The end of an ARN, image or path tells more than its beginning.
    let tail: String = text.chars().skip(count - MOST + 1).collect();
    format!("…{tail}")
}

/// Writes a line, cut at the width of the page.
fn line(out: &mut String, text: &str) {
    out.push_str(&cut(text, WIDTH));
    out.push('\n');
}

/// The text without spaces at its end, cut at so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.trim_end().to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Writes text of any length, wrapped at spaces, the following lines indented. Commands are not broken
/// where they cannot be.
fn wrapped(out: &mut String, first: &str, text: &str) {
    let mut current = first.to_owned();
    let indent = " ".repeat(first.chars().count());
    let mut fresh = true;
    for word in text.split(' ') {
        if !fresh && current.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(current.trim_end());
            out.push('\n');
            current.clone_from(&indent);
            fresh = true;
        }
        if !fresh {
            current.push(' ');
        }
        current.push_str(word);
        fresh = false;
    }
    out.push_str(current.trim_end());
    out.push('\n');
}

fn drift_json(drift: &Drift, report: Option<&UnitReport>) -> serde_json::Value {
    let lingering = report.and_then(|r| r.lingering.get(&(drift.part.clone(), drift.path.clone())));
    let masked = is_masked(&drift.path);
    let shown = |tree: &Option<Tree>| match tree {
        None => serde_json::Value::Null,
        Some(_) if masked => "(hidden)".into(),
        Some(tree) => serde_json::from_str(&tree.masked().to_json()).unwrap_or_default(),
    };
    serde_json::json!({
        "part": drift.part,
        "path": drift.path.to_string(),
        "live": shown(&drift.live),
        "want": shown(&drift.want),
        "owner": drift.owner.word(),
        "actedOn": drift.acted_on,
        "later": report.is_some_and(|report| is_later(report, drift)),
        "since": lingering.map(|l| l.since),
        "healsIn": lingering.and_then(|l| l.heals_in),
    })
}

/// The report of one unit for programs.
fn report_json(report: &UnitReport) -> serde_json::Value {
    serde_json::json!({
        "state": report.state.word(),
        "waiting": report.waiting.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "refused": report.refused.iter().map(|r| serde_json::json!({"why": r.why, "wayOut": r.way_out})).collect::<Vec<_>>(),
        "held": report.held.as_ref().map(|h| serde_json::json!({
            "key": h.key, "reason": h.reason, "since": h.since, "failures": h.failures, "retryIn": h.retry_in})),
        "paused": report.paused.as_ref().map(|p| serde_json::json!({"until": p.until, "reason": p.reason})),
        "drift": report.drift.iter().map(|d| drift_json(d, Some(report))).collect::<Vec<_>>(),
        "rollout": report.rollout.as_ref().map(|r| serde_json::json!({
            "deployment": r.deployment, "desired": r.desired, "running": r.running, "failed": r.failed,
            "began": r.began, "seconds": r.took, "stage": r.stage})),
        "lastRollout": report.last_rollout.as_ref().map(|r| serde_json::json!({
            "deployment": r.deployment, "outcome": r.outcome.word(), "began": r.began, "ended": r.ended,
            "seconds": r.took(), "reason": r.reason})),
        "hooks": report.hooks.iter().map(|h| serde_json::json!({
            "id": h.id, "stage": h.stage, "expires": h.expires, "then": h.then})).collect::<Vec<_>>(),
        "diagnosis": report.diagnosis.iter().map(|e| serde_json::json!({
            "said": e.said, "check": e.check})).collect::<Vec<_>>(),
        "notes": report.notes.iter().map(|n| n.0.as_str()).collect::<Vec<_>>(),
        "desiredCount": report.tasks.map(|t| t.0),
        "runningCount": report.tasks.map(|t| t.1),
    })
}

/// A plan and its report for programs.
pub fn plan_json(planned: &Planned, documents: &[(&str, &str)]) -> serde_json::Value {
    let units: serde_json::Map<String, serde_json::Value> = planned
        .report
        .units
        .iter()
        .map(|(key, report)| {
            let mut json = report_json(report);
            let steps = planned.plan.units.get(key).map(|u| &u.steps[..]).unwrap_or_default();
            json["steps"] = steps.iter().map(step_json).collect();
            (key.to_string(), json)
        })
        .collect();
    serde_json::json!({
        "plan": planned.plan.id,
        "documents": documents.iter().map(|(name, version)| {
            serde_json::json!({"name": name, "version": version})
        }).collect::<Vec<_>>(),
        "changes": planned.plan.units.values().map(|u| u.steps.len()).sum::<usize>(),
        "units": units,
    })
}

fn step_json(step: &Step) -> serde_json::Value {
    let because: Vec<serde_json::Value> = step
        .because
        .iter()
        .map(|b| match b {
            Because::Missing => serde_json::json!({"missing": true}),
            Because::Reason(text) => serde_json::json!({"reason": text}),
            Because::Field(drift) => drift_json(drift, None),
        })
        .collect();
    let waiting: Vec<String> = step
        .needs
        .iter()
        .filter_map(|n| match n {
            Need::Observed(on) => Some(on.to_string()),
            Need::Step(_) => None,
        })
        .collect();
    serde_json::json!({
        "id": step.id.0,
        "operation": step.action.op.to_string(),
        "because": because,
        "waitingFor": waiting,
    })
}
