//! What Fargate asks of a task definition: sizes that exist, and a role where its agent needs one.

use crate::diagnostic::Diagnostic;
use crate::path::Path;
use crate::tree::Tree;

/// CPU units, and memory in MiB from, to and in steps of. Source: the API reference of
/// RegisterTaskDefinition; every combination was tried on the live API.
const SIZES: [(i64, i64, i64, i64); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

pub(super) fn check(task: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    if !task.list_of("requiresCompatibilities").iter().any(|c| c.as_str() == Some("FARGATE")) {
        return;
    }
    size(task, at, out);
    role(task, at, out);
}

fn size(task: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    for member in ["cpu", "memory"] {
        if task.get(member).is_none() {
            let message = format!("`{member}` is required for Fargate");
            out.push(Diagnostic::error("missing-required", at.clone(), message).at_key());
        }
    }
    // What is no number is left to AWS.
    let (Some(cpu), Some(memory)) = (units(task, "cpu"), units(task, "memory")) else { return };
    let Some((_, from, to, step)) = SIZES.iter().find(|(size, ..)| *size == cpu) else {
        let sizes = SIZES.map(|(size, ..)| size.to_string()).join(", ");
        let message = format!("Fargate has no size of {cpu} CPU units");
        out.push(
            Diagnostic::error("fargate-size", at.child("cpu"), message).with_hint(format!("one of {sizes}")),
        );
        return;
    };
    // With 256 CPU units there are 512, 1024 and 2048 MiB, and nothing between the last two.
    let fits = (*from..=*to).contains(&memory) && (memory - from) % step == 0 && (cpu, memory) != (256, 1536);
    if !fits {
        let message = format!("Fargate has no size of {cpu} CPU units with {memory} MiB");
        let hint = match cpu {
            256 => "512, 1024 or 2048 MiB".to_owned(),
            _ => format!("{from} to {to} MiB in steps of {step}"),
        };
        out.push(Diagnostic::error("fargate-size", at.child("memory"), message).with_hint(hint));
    }
}

/// CPU units or MiB: both count 1024 to the large unit.
fn units(task: &Tree, member: &str) -> Option<i64> {
    let value = task.get(member)?;
    let text = match value {
        Tree::Str(text) => text.trim().to_ascii_lowercase(),
        other => return other.as_int(),
    };
    let large = text.strip_suffix("vcpu").or_else(|| text.strip_suffix("gb"));
    match large {
        Some(number) => number.trim().parse::<f64>().ok().map(|n| (n * 1024.0).round() as i64),
        None => text.parse().ok(),
    }
}

/// Secrets and the awslogs driver are served by the agent, which acts under the execution role.
fn role(task: &Tree, at: &Path, out: &mut Vec<Diagnostic>) {
    if task.get("executionRoleArn").is_some() {
        return;
    }
    let needs = |container: &Tree| {
        let log = container.get("logConfiguration");
        !container.list_of("secrets").is_empty()
            || log.and_then(|l| l.str("logDriver")) == Some("awslogs")
            || log.is_some_and(|l| !l.list_of("secretOptions").is_empty())
    };
    if task.list_of("containerDefinitions").iter().any(needs) {
        let message = "`executionRoleArn` is required for secrets and for the log driver awslogs on Fargate";
        out.push(Diagnostic::error("missing-required", at.clone(), message).at_key());
    }
}
