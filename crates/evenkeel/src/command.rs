//! From the command line to one of the commands, and from what became of it to an exit code.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use evenkeel_controller::{PlanError, StartError};
use evenkeel_model::orders::Order;

use crate::arguments::{Arguments, Command, LogFormat};
use crate::telemetry;
use crate::{demo, health, orders, plan, run, schema, sim, validate};

/// A command that failed.
const FAILED: u8 = 1;
/// The command line is wrong: `EX_USAGE`, because 2 says that a plan has changes.
const USAGE: u8 = 64;

/// What is written on the command line fits each argument, and cannot be meant.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Reads the command line, does what it says, and prints why it could not.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // Nobody is left to be told where that cannot be printed.
            let _ = error.print();
            return ExitCode::from(if asked { 0 } else { USAGE });
        }
    };
    let (format, filter) = match &arguments.command {
        Command::Run(run) => (run.log_format, telemetry::DAEMON),
        _ => (LogFormat::Text, telemetry::QUIET),
    };
    telemetry::start(format, filter);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("no threads to run on")),
    };
    let code = runtime.block_on(perform(arguments.command));
    // Reads of standard input cannot be stopped, and nothing else is left.
    runtime.shutdown_background();
    code.unwrap_or_else(|error| failed(&error))
}

async fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(arguments) => run::run(arguments).await,
        Command::Demo(arguments) => demo::demo(arguments).await,
        Command::Validate(arguments) => validate::validate(arguments).await,
        Command::Plan(arguments) => plan::plan(arguments).await,
        Command::Schema(_) => schema::print(),
        Command::Pause(arguments) => orders::give(arguments.kept.clone(), arguments.order()).await,
        Command::Resume(arguments) => orders::give(arguments.kept, Order::Resume(arguments.service)).await,
        Command::Release(arguments) => orders::give(arguments.kept, Order::Release(arguments.service)).await,
        Command::Approve(arguments) => orders::give(arguments.kept, Order::Approve(arguments.plan)).await,
        Command::Hook(arguments) => {
            let order = Order::Answer { hook: arguments.hook, verdict: arguments.verdict.into() };
            orders::give(arguments.kept, order).await
        }
        Command::Sim(arguments) => sim::sim(arguments).await,
        Command::Health(arguments) => health::health(arguments).await,
    }
}

/// Prints the whole chain of an error, once.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(if is_usage(error) { USAGE } else { FAILED })
}

/// True where another command line would do, whatever AWS says.
fn is_usage(error: &anyhow::Error) -> bool {
    let place = |error: &StartError| {
        matches!(error, StartError::State(_) | StartError::Document(_) | StartError::Overlap { .. })
    };
    error.is::<Usage>()
        || error.downcast_ref::<StartError>().is_some_and(place)
        || matches!(error.downcast_ref::<PlanError>(), Some(PlanError::Location(_)))
}
