//! `evenkeel schema`: the JSON Schema of documents, for editors.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context;
use evenkeel_model::document;

/// Prints it to standard output.
pub fn print() -> anyhow::Result<ExitCode> {
    let text = format!("{:#}\n", document::json_schema());
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => written.context("the schema cannot be printed").map(|()| ExitCode::SUCCESS),
    }
}
