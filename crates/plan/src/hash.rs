//! Hashes: of plans, of what a guard watches, of what starts a deployment.

use std::fmt::Write as _;

use evenkeel_model::Tree;
use sha2::{Digest, Sha256};

use crate::report::Drift;
use crate::{Need, Plan};

/// The first `chars` hexadecimal digits of SHA-256.
pub(crate) fn hex(bytes: &[u8], chars: usize) -> String {
    let mut out = String::with_capacity(chars + 1);
    for byte in Sha256::digest(bytes) {
        if out.len() >= chars {
            break;
        }
        let _ = write!(out, "{byte:02x}");
    }
    out.truncate(chars);
    out
}

/// The hash of a tree: of its canonical JSON, names sorted, nothing normalized.
pub(crate) fn tree(tree: &Tree) -> String {
    hex(tree.to_json().as_bytes(), 32)
}

/// The hash of a difference's place and of the value that AWS has there.
pub(crate) fn drift(drift: &Drift) -> String {
    let live = drift.live.as_ref().map(Tree::to_json).unwrap_or_default();
    hex(format!("{} {} {live}", drift.part, drift.path).as_bytes(), 16)
}

/// The value of the tag that finds a task definition again: `v1:` and the SHA-256 of the canonical JSON
/// as sent, with null and empty members dropped. An index, never the proof.
pub(crate) fn task_definition(tree: &Tree) -> String {
    fn dense(tree: &Tree) -> Tree {
        match tree {
            Tree::Map(map) => Tree::Map(
                map.iter()
                    .filter(|(n, v)| !v.is_empty() && &***n != "tags")
                    .map(|(n, v)| (n.clone(), dense(v)))
                    .collect(),
            ),
            Tree::List(items) => Tree::list(items.iter().map(dense)),
            scalar => scalar.clone(),
        }
    }
    format!("v1:{}", hex(dense(tree).to_json().as_bytes(), 64))
}

/// The id of a plan: of its units and steps only.
pub(crate) fn plan_id(plan: &Plan) -> String {
    let mut text = String::new();
    for (key, unit) in &plan.units {
        let _ = writeln!(text, "{key}");
        for step in &unit.steps {
            let _ = writeln!(text, "{} {} {}", step.id, step.action.op, step.action.input.to_json());
            for fill in &step.action.fills {
                let _ = writeln!(text, "fill {} {} {}", fill.member, fill.from, fill.output);
            }
            for need in &step.needs {
                let _ = match need {
                    Need::Step(id) => writeln!(text, "after {id}"),
                    Need::Observed(on) => writeln!(text, "waits {on}"),
                };
            }
        }
    }
    hex(text.as_bytes(), 8)
}
