//! The daemon: everything is made here, tied together, and taken down in order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use evenkeel_cloud::calls::{CallMetrics, Calls, CallsOptions, Pace};
use evenkeel_cloud::execute::{Clock, Executor, SharedWorld};
use evenkeel_cloud::store::{Lease, Location, OrdersFile, Records, S3, Store};
use evenkeel_model::document::Document;
use evenkeel_model::key::{Subject, SubjectKind};
use evenkeel_model::orders::Orders;
use evenkeel_model::world::Moment;
use evenkeel_plan::Ceilings;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::metrics::Metrics;
use crate::orders::Asks;
use crate::status::{Event, Fault, Lease as LeaseShown, MAX_EVENTS, Status};
use crate::{document, leading, observing, orders, pass};

/// How to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the document is, or a prefix below which there are several.
    pub document: Location,
    /// Where memory and the lease live: an S3 prefix of its own.
    pub state: Location,
    /// The most it may do: a document can only be stricter.
    pub ceilings: Ceilings,
    /// How often the document is polled.
    pub poll: Duration,
    /// How fast AWS's time passes: 1 but in a simulation.
    pub pace: Pace,
    /// For the jitter between attempts.
    pub seed: u64,
    /// What this process calls itself in the lease; unique.
    pub holder: String,
}

/// Why the daemon cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No region was found.
    #[error("no region: set AWS_REGION, or `region` in the profile")]
    NoRegion,
    /// The state location is no S3 prefix.
    #[error("`{0}` is no place for state: give an S3 prefix such as s3://bucket/evenkeel/")]
    State(String),
    /// The document location is no S3 object.
    #[error("`{0}` is no document in S3: give an object such as s3://bucket/services.json")]
    Document(String),
    /// The state would lie among the documents.
    #[error("the state `{state}` lies at the document `{document}`: give it a prefix of its own")]
    Overlap {
        /// Where the document is.
        document: String,
        /// Where the state would be.
        state: String,
    },
    /// Metrics of that name exist already.
    #[error("the metrics could not be registered")]
    Metrics(#[source] prometheus::Error),
}

/// The document that is in force, with its version.
#[derive(Debug)]
pub(crate) struct Current {
    pub document: Document,
    pub version: String,
    pub modified: Option<i64>,
    pub warnings: Vec<evenkeel_model::Diagnostic>,
}

/// One place of a document: what is in force of it, and what is wrong with its newest version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    pub current: Option<Arc<Current>>,
    pub fault: Option<Fault>,
}

/// What loops leave for passes, besides the world and memory.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub account: Option<String>,
    /// By where they are.
    pub documents: std::collections::BTreeMap<String, Slot>,
    /// Why documents cannot be looked for.
    pub unlisted: Option<Fault>,
    pub lease: LeaseShown,
    pub orders: Arc<Orders>,
    pub orders_trouble: Option<String>,
    pub events: Vec<Event>,
    pub seq: u64,
    pub trouble: std::collections::BTreeMap<SubjectKind, String>,
    pub steps: std::collections::BTreeMap<(String, &'static str), u64>,
}

/// What every loop shares.
pub(crate) struct Shared {
    pub sdk: SdkConfig,
    pub settings: Settings,
    pub region: String,
    pub calls: Calls,
    pub s3: S3,
    pub world: SharedWorld,
    pub clock: Clock,
    pub book: Book,
    pub executor: Executor,
    /// A pass is due.
    pub wake: tokio::sync::Notify,
    /// What is to be observed.
    pub interest: watch::Sender<Arc<BTreeSet<Subject>>>,
    /// Readings from before this moment are due, whatever their cadence: somebody asked.
    pub renew: watch::Sender<Moment>,
    /// Counts the ends of runs: what they wrote is to be looked at.
    pub dirty: watch::Sender<u64>,
    pub metrics: Metrics,
    board: Mutex<Board>,
}

impl Shared {
    pub fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// AWS's time in Unix seconds; 0 before its first answer.
    pub fn aws_clock(&self) -> i64 {
        self.calls.now().map_or(0, |t| t.as_second())
    }

    /// Sleeps that many of AWS's seconds.
    pub async fn sleep(&self, simulated: Duration) {
        tokio::time::sleep(self.settings.pace.real(simulated)).await;
    }

    /// Notes that something happened, for the log, the API and the page.
    pub fn event(&self, unit: Option<String>, message: String, warning: bool) {
        match (&unit, warning) {
            (Some(unit), true) => tracing::warn!(unit, "{message}"),
            (Some(unit), false) => tracing::info!(unit, "{message}"),
            (None, true) => tracing::warn!("{message}"),
            (None, false) => tracing::info!("{message}"),
        }
        let (at, moment) = (self.aws_clock(), self.clock.now());
        let mut board = self.board();
        board.seq += 1;
        let seq = board.seq;
        if board.events.len() >= MAX_EVENTS {
            board.events.remove(0);
        }
        board.events.push(Event { seq, at, moment, unit, message, warning });
    }
}

/// True where the state would lie at the document, or among the documents.
fn overlaps(documents: &str, state: &str) -> bool {
    let state = format!("{}/", state.trim_matches('/'));
    let is_prefix = documents.is_empty() || documents.ends_with('/');
    if is_prefix { state.starts_with(documents) || state == "/" } else { state == format!("{documents}/") }
}

/// Runs until `shutdown` is cancelled; then finishes the steps in hand, records them, gives the lease back
/// and returns.
///
/// # Guarantees
/// No document, and nothing that AWS answers, ends it. `status` always has the newest picture.
///
/// # Errors
/// Only where the settings cannot work.
pub async fn run(
    sdk: &SdkConfig,
    settings: Settings,
    registry: &prometheus::Registry,
    status: watch::Sender<Arc<Status>>,
    asks: Asks,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    let region = sdk.region().map(ToString::to_string).ok_or(StartError::NoRegion)?;
    let Location::S3 { bucket, key } = settings.document.clone() else {
        return Err(StartError::Document(settings.document.to_string()));
    };
    let Location::S3 { bucket: state_bucket, key: prefix } = settings.state.clone() else {
        return Err(StartError::State(settings.state.to_string()));
    };
    let prefix = prefix.trim_end_matches('/').to_owned();
    if bucket == state_bucket && overlaps(&key, &prefix) {
        return Err(StartError::Overlap {
            document: settings.document.to_string(),
            state: settings.state.to_string(),
        });
    }
    let metrics = CallMetrics::register(registry).map_err(StartError::Metrics)?;
    let passes = Metrics::register(registry).map_err(StartError::Metrics)?;
    let options = CallsOptions { seed: settings.seed, pace: settings.pace, ..CallsOptions::new(metrics) };
    let calls = Calls::new(sdk, options);
    let s3 = S3::new(sdk, settings.seed, settings.pace);
    let prefix = if prefix.is_empty() { prefix } else { format!("{prefix}/") };
    let store = Store::new(s3.clone(), state_bucket, &prefix);
    let lease = Lease::new(store.clone(), settings.holder.clone());
    let world = SharedWorld::default();
    let clock = Clock::new(settings.pace);
    let executor = Executor { calls: calls.clone(), world: world.clone(), clock, deadline: lease.deadline() };
    let shared = Arc::new(Shared {
        sdk: sdk.clone(),
        region,
        calls,
        s3,
        world,
        clock,
        book: Book::new(Records::new(store.clone())),
        executor,
        wake: tokio::sync::Notify::new(),
        interest: watch::Sender::new(Arc::default()),
        renew: watch::Sender::new(Moment::default()),
        dirty: watch::Sender::new(0),
        metrics: passes,
        board: Mutex::default(),
        settings,
    });

    let loops_end = shutdown.child_token();
    let mut loops = JoinSet::new();
    loops.spawn(document::watch(shared.clone(), loops_end.clone()));
    loops.spawn(orders::watch(shared.clone(), OrdersFile::new(store), asks, loops_end.clone()));
    for kind in SubjectKind::ALL {
        loops.spawn(observing::watch(shared.clone(), kind, loops_end.clone()));
    }
    // The lease is given back only after the last run is recorded, so it has an end of its own.
    let lease_end = CancellationToken::new();
    let leading = tokio::spawn(leading::hold(shared.clone(), lease, lease_end.clone()));
    pass::turn(shared.clone(), &status, &shutdown).await;
    loops_end.cancel();
    lease_end.cancel();
    if let Err(error) = leading.await {
        tracing::error!(%error, "the lease was not given back");
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a loop ended badly");
        }
    }
    Ok(())
}
