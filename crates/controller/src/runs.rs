//! One run of one unit: intent recorded, steps carried out, outcome recorded.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel_cloud::calls::Class;
use evenkeel_cloud::execute::{Outcome, Ran};
use evenkeel_model::Tree;
use evenkeel_model::key::UnitKey;
use evenkeel_model::memory::{Intent, Remembered};
use evenkeel_model::shapes::Op;
use evenkeel_plan::{Step, StepId};
use tokio_util::sync::CancellationToken;

use crate::daemon::Shared;
use crate::pass::Run;

/// How a run ended, as far as the queue is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All that was ready is done.
    Done,
    /// It ended before that.
    Early,
}

/// Carries out the ready steps of a unit.
///
/// # Guarantees
/// Its intent is in S3 before the first write, its outcome after the last. Where either cannot be written,
/// nothing more is begun, and memory is read anew.
pub(crate) async fn run(shared: &Arc<Shared>, key: &UnitKey, run: Run, stop: &CancellationToken) -> Ended {
    let name = key.to_string();
    let ready = run.unit.ready();
    let steps = run.unit.steps.get(..ready).unwrap_or_default();
    let mut intent = shared.book.unit(key);
    intent.intent = Some(Intent {
        plan: run.plan.clone(),
        steps: steps.iter().map(|s| s.id.to_string()).collect(),
        document_version: run.version.clone(),
        at: shared.aws_clock(),
        restart: run.unit.restarts.clone(),
        primary: run.unit.primary.clone(),
    });
    if let Err(error) = shared.book.write(key, intent.clone()).await {
        shared.event(
            Some(name),
            format!("nothing is begun, because the intent cannot be recorded: {error}"),
            true,
        );
        return Ended::Early;
    }
    let ran = shared.executor.run(steps, stop).await;
    tell(shared, &name, &ran, steps);
    let complete = run.whole && ready == run.unit.steps.len();
    let after = outcome(intent, key, &run, &ran, complete, shared.aws_clock());
    if let Err(error) = shared.book.write(key, after).await {
        shared.event(Some(name), format!("the outcome cannot be recorded: {error}"), true);
        return Ended::Early;
    }
    shared.wake.notify_one();
    if ran.outcome == Outcome::Done { Ended::Done } else { Ended::Early }
}

/// Notes what was done and what was not.
fn tell(shared: &Shared, name: &str, ran: &Ran, steps: &[Step]) {
    let count = |op: Op, outcome: &'static str| {
        *shared.board().steps.entry((op.name().to_owned(), outcome)).or_default() += 1;
    };
    for (step, op, _) in &ran.done {
        count(*op, "done");
        let taken = steps.iter().find(|it| it.id == *step);
        let why = taken.map(evenkeel_plan::reasons).filter(|why| !why.is_empty());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        shared.event(Some(name.to_owned()), format!("{step} done{why}"), false);
    }
    match &ran.outcome {
        Outcome::Done | Outcome::Stopped => {}
        Outcome::Mismatch { step, subject } => {
            shared.event(
                Some(name.to_owned()),
                format!("{step} not begun: {subject} is not as it was planned with"),
                false,
            );
        }
        Outcome::Failed { step, error } => {
            count(error.op, "failed");
            shared.event(Some(name.to_owned()), format!("{step} failed: {error}"), true);
        }
    }
}

/// What is remembered after a run. While nobody knows whether its last call was made, its intent stays.
fn outcome(
    before: Remembered,
    key: &UnitKey,
    run: &Run,
    ran: &Ran,
    complete: bool,
    clock: i64,
) -> Remembered {
    let unit = &run.unit;
    let unclear =
        matches!(&ran.outcome, Outcome::Failed { error, .. } if error.class == Class::UnknownEffect);
    let intent = before.intent.clone().filter(|_| unclear);
    let mut after = Remembered { intent, ..before };
    for (_, op, output) in &ran.done {
        match op {
            Op::EcsRegisterTaskDefinition => {
                let arn = output.pointer("taskDefinition/taskDefinitionArn").and_then(Tree::as_str);
                after.task_definition = arn.map(str::to_owned).or(after.task_definition);
            }
            Op::EcsCreateService | Op::EcsUpdateService => {
                if let (Some(id), Some(key)) = (primary(output), &unit.deployment_key) {
                    after.deployment = Some(id.to_owned());
                    after.deployment_key = Some(key.clone());
                }
                after.restart.clone_from(&unit.restart);
            }
            _ => {}
        }
    }
    match &ran.outcome {
        Outcome::Done => {
            after.failures = 0;
            after.failed_at = None;
            after.failure = None;
            after.failed_version = None;
        }
        Outcome::Failed { error, .. } if error.class != Class::Refused => {
            after.failures += 1;
            after.failed_at = Some(clock);
            after.failure = Some(error.to_string());
            after.failed_version = Some(run.version.clone());
        }
        _ => {}
    }
    let done: BTreeSet<StepId> = ran.done.iter().map(|(step, ..)| step.clone()).collect();
    if !done.is_empty() {
        let complete = complete && ran.outcome == Outcome::Done;
        let (document, version) = (&*run.document, &*run.version);
        unit.record(key, &mut after, &evenkeel_plan::Run { document, version, clock, done: &done, complete });
    }
    after
}

/// The deployment that a write to a service left as its primary one.
fn primary(output: &Tree) -> Option<&str> {
    let deployments = output.get("service")?.list_of("deployments");
    deployments.iter().find(|d| d.str("status") == Some("PRIMARY"))?.str("id")
}
