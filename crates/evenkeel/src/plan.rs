//! `evenkeel plan`: what the daemon would do now, printed and not done.

use std::io::IsTerminal;
use std::process::ExitCode;

use evenkeel_cloud::calls::Pace;
use evenkeel_cloud::store::Location;
use evenkeel_model::diagnostic;

use crate::arguments::{Output, Plan};
use crate::output;
use crate::source;

/// There is something to do.
const CHANGES: u8 = 2;

/// Plans once and prints.
pub async fn plan(arguments: Plan) -> anyhow::Result<ExitCode> {
    let (sdk, written) = match &arguments.document {
        Location::S3 { .. } => {
            let sdk = source::connect(None, arguments.endpoint_url).await?;
            let written = source::read(&arguments.document, Some(&sdk)).await?;
            (sdk, written)
        }
        // A file says itself where its services are.
        _ => {
            let written = source::read(&arguments.document, None).await?;
            let region = written.document.as_ref().map(|document| document.region.clone());
            (source::connect(region, arguments.endpoint_url).await?, written)
        }
    };
    let mut written = written;
    if let Some(region) = sdk.region() {
        written.require(None, Some(region.as_ref()));
    }
    let color = std::io::stderr().is_terminal();
    eprint!("{}", diagnostic::render(&written.name, &written.text(), &written.diagnostics, color));
    let Some(document) = &written.document else {
        return Ok(ExitCode::from(1));
    };
    let planned =
        evenkeel_controller::plan_once(&sdk, document, &written.version, arguments.state, Pace::REAL).await?;
    let version = short(&written.version);
    match arguments.output {
        Output::Text => output::print(&evenkeel_plan::print(&planned, &[(&document.name, version)]))?,
        Output::Json => {
            output::print_json(&evenkeel_plan::plan_json(&planned, &[(&document.name, &written.version)]))?;
        }
    }
    Ok(ExitCode::from(if planned.plan.units.is_empty() { 0 } else { CHANGES }))
}

/// The beginning of a version, long enough to tell versions apart.
pub fn short(version: &str) -> &str {
    version.char_indices().nth(8).map_or(version, |(end, _)| &version[..end])
}
