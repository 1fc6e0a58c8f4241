//! `evenkeel sim`: the simulated AWS alone, so that a daemon can be stopped and started while it lives on.

use std::process::ExitCode;

use anyhow::Context;
use evenkeel_sim::{SimConfig, SimHandle};
use tokio::net::TcpListener;

use crate::arguments::Sim;
use crate::output::say;
use crate::run::signals;

/// Serves until SIGTERM or SIGINT.
pub async fn sim(arguments: Sim) -> anyhow::Result<ExitCode> {
    let handle = SimHandle::new(SimConfig {
        account: arguments.account.clone(),
        region: arguments.region.clone(),
        seed: arguments.seed,
        start_epoch_seconds: jiff::Timestamp::now().as_second(),
    });
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| {
        format!("{} cannot be listened on; choose another with --listen", arguments.listen)
    })?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let end = signals()?;
    say(&format!(
        "simulated AWS at {endpoint}   account {}   {}   {} simulated s/s\n",
        arguments.account, arguments.region, arguments.speed
    ));
    say(&credentials(&arguments.region));
    say(&format!("  aws --endpoint-url {endpoint} s3 mb s3://desired"));
    say(&format!("  aws --endpoint-url {endpoint} s3 cp services.json s3://desired/services.json"));
    say(&format!(
        "  AWS_ENDPOINT_URL={endpoint} evenkeel run --document s3://desired/services.json --state s3://desired/state/"
    ));
    say(&format!("  aws --endpoint-url {endpoint} ecs list-clusters"));
    say("\nWhat is in it is gone when it ends. Ctrl-C ends it.");
    tokio::join!(
        evenkeel_sim::serve(listener, handle.clone(), end.cancelled()),
        evenkeel_sim::drive_clock(handle, arguments.speed, end.cancelled()),
    );
    Ok(ExitCode::SUCCESS)
}

/// The line that lets AWS tools talk to the simulator. Version 1 of the AWS CLI reads the region from another
/// variable than the SDKs.
pub fn credentials(region: &str) -> String {
    format!(
        "  export AWS_ACCESS_KEY_ID=you AWS_SECRET_ACCESS_KEY=any AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER="
    )
}
