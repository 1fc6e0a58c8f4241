//! What commands print on standard output. Whoever reads it may stop at any time, as `head` does: that is no
//! error, and no reason to end what is being done.

use std::io::{ErrorKind, Write};

use anyhow::Context;

/// Prints a command's result, as it is.
///
/// # Errors
///
/// Where it cannot be written, other than because nobody reads any longer.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("the result cannot be printed"),
    }
}

/// Prints a result as JSON for programs.
///
/// # Errors
///
/// As [`print`].
pub fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    print(&format!("{value:#}\n"))
}

/// A line about what goes on, for whoever still reads it.
pub fn say(line: &str) {
    // What is done goes on without a reader.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
