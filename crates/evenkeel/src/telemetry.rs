//! Log lines: to standard error, as text or JSON, filtered by `EVENKEEL_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::arguments::LogFormat;

/// Where a filter is read from: directives as in `evenkeel=debug,warn`.
const VARIABLE: &str = "EVENKEEL_LOG";

/// The daemon's filter. The names of all our crates begin with `evenkeel`.
pub const DAEMON: &str = "evenkeel=info,warn";
/// The filter of commands that print what they do themselves.
pub const QUIET: &str = "warn,evenkeel_controller=error";

/// Begins to log. A filter that cannot be read is told and the default used in its place.
pub fn start(format: LogFormat, default: &str) {
    let written = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let parsed = written.as_deref().map(|text| EnvFilter::builder().parse(text));
    let (filter, wrong) = match parsed {
        None => (EnvFilter::new(default), None),
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(default), Some(error)),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber is refused, and the first goes on.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_ansi(false).try_init(),
    };
    if let Some(error) = wrong {
        tracing::warn!(%error, "{VARIABLE} cannot be read; using {default}");
    }
}
