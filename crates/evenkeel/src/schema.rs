//! `evenkeel schema`: the JSON Schema of documents, for editors.

use std::process::ExitCode;

use evenkeel_model::document;

use crate::output;

/// Prints it to standard output.
pub fn print() -> anyhow::Result<ExitCode> {
    output::print_json(&document::json_schema())?;
    Ok(ExitCode::SUCCESS)
}
