//! `evenkeel run`: the daemon in production, from its settings to its end.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use evenkeel_cloud::calls::Pace;
use evenkeel_cloud::store::{Location, lease};
use evenkeel_controller::{Settings, Status};
use evenkeel_plan::Ceilings;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Allow, Run};
use crate::command::Usage;
use crate::{http, source};

/// How long the steps in hand have from the signal on, with what has to pass before the lease is given back.
const LAST_STEPS: Duration = Duration::from_secs(28 + lease::HANDOVER.as_secs());
/// How long answers that are being sent have after that.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Stopped at once.
const AT_ONCE: i32 = 130;

/// Runs until SIGTERM or SIGINT.
pub async fn run(arguments: Run) -> anyhow::Result<ExitCode> {
    require_s3("--document", &arguments.document)?;
    require_s3("--state", &arguments.state)?;
    let sdk = source::connect(None, None).await?;
    let listener = listen(arguments.listen).await?;
    let end = signals()?;
    let settings = Settings {
        document: arguments.document,
        state: arguments.state,
        ceilings: Ceilings {
            mode: arguments.mode.into(),
            prune: arguments.allow.contains(&Allow::Prune),
            replace: arguments.allow.contains(&Allow::Replace),
        },
        poll: arguments.poll,
        pace: Pace::REAL,
        seed: seed(),
        holder: holder(),
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        document = %settings.document,
        state = %settings.state,
        region = sdk.region().map(AsRef::as_ref),
        listen = %listener.local_addr()?,
        holder = settings.holder,
        "started"
    );
    let (control, asks) = evenkeel_controller::control();
    let orders = http::Orders { control, token: arguments.api_token };
    let registry = prometheus::Registry::new();
    let (status, shown) = watch::channel(Arc::new(Status::default()));
    let served = CancellationToken::new();
    let server = tokio::spawn(http::serve(listener, shown, registry.clone(), orders, served.clone()));
    let daemon = evenkeel_controller::run(&sdk, settings, &registry, status, asks, end.clone());
    tokio::pin!(daemon);
    let ended = tokio::select! {
        biased;
        ended = &mut daemon => ended,
        () = end.cancelled() => {
            tracing::info!("stopping: the steps in hand are finished first");
            match tokio::time::timeout(LAST_STEPS, daemon).await {
                Ok(ended) => ended,
                Err(_) => bail!("the steps in hand took longer than {} s", LAST_STEPS.as_secs()),
            }
        }
    };
    served.cancel();
    let answered = tokio::time::timeout(LAST_ANSWERS, server).await;
    ended?;
    if let Ok(Ok(Err(error))) = answered {
        tracing::warn!(%error, "the HTTP server ended badly");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn require_s3(flag: &str, location: &Location) -> anyhow::Result<()> {
    match location {
        Location::S3 { .. } => Ok(()),
        _ => Err(Usage(format!(
            "{flag} must be in S3 (s3://BUCKET/KEY), and `{location}` is not; `evenkeel demo`, `plan` and `validate` take files"
        ))
        .into()),
    }
}

/// A socket for the page and the API.
pub async fn listen(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("{address} cannot be listened on; choose another with --listen"))
}

/// A token that the first SIGTERM or SIGINT cancels; the second ends the process at once.
pub fn signals() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let end = CancellationToken::new();
    let first = end.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if first.is_cancelled() {
                std::process::exit(AT_ONCE);
            }
            first.cancel();
        }
    });
    Ok(end)
}

/// What this process calls itself in the lease: the machine's or container's name for people, and what tells
/// it from an earlier process there.
fn holder() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.as_deref().map(str::trim).filter(|name| !name.is_empty()).unwrap_or("evenkeel");
    format!("{name}/{:08x}", seed() as u32)
}

/// A number that no other process draws.
fn seed() -> u64 {
    let nanoseconds = jiff::Timestamp::now().as_nanosecond() as u64;
    // Spread over all bits, so that any part of it differs from moment to moment and process to process.
    (nanoseconds ^ u64::from(std::process::id()).rotate_left(40)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}
