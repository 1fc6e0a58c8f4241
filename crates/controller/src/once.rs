//! One plan without a daemon: observes until nothing of interest is unknown, plans, writes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use evenkeel_cloud::calls::{CallError, CallMetrics, Calls, CallsOptions, Pace};
use evenkeel_cloud::execute::Clock;
use evenkeel_cloud::observe::{Known, observe};
use evenkeel_cloud::store::{Location, OrdersFile, OrdersFileError, Records, S3, Store, StoreError};
use evenkeel_model::document::{Document, Mode};
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::memory::{Memory, read_record};
use evenkeel_model::orders::Orders;
use evenkeel_model::world::World;
use evenkeel_plan::{Ceilings, Hook, Input, Planned, hooks_of, interest, needs_for_hooks, plan};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// AWS could not be read.
    #[error("AWS cannot be read: {0}")]
    Aws(CallError),
    /// Memory could not be read.
    #[error("the state cannot be read")]
    State(#[source] StoreError),
    /// What people asked for by hand could not be read.
    #[error("the orders cannot be read")]
    Orders(#[source] Box<OrdersFileError>),
    /// The state location is no S3 prefix.
    #[error("`{0}` is no place for state: give an S3 prefix such as s3://bucket/evenkeel/")]
    Location(String),
    /// The world never became known.
    #[error("not everything could be seen: {0}")]
    Unseen(String),
    /// Metrics of that name exist already.
    #[error("the metrics could not be registered")]
    Metrics(#[source] prometheus::Error),
}

/// Looks lead to looks (load balancer, listener, rule), a handful of times.
const MOST_ROUNDS: usize = 12;

/// What a daemon would do now. Reads AWS and, where `state` is given, memory and orders; writes nothing.
///
/// # Errors
/// Where AWS or the state cannot be read.
pub async fn plan_once(
    sdk: &SdkConfig,
    document: &Document,
    version: &str,
    state: Option<Location>,
    pace: Pace,
) -> Result<Planned, PlanError> {
    let metrics = CallMetrics::register(&prometheus::Registry::new()).map_err(PlanError::Metrics)?;
    let calls = Calls::new(sdk, CallsOptions { pace, ..CallsOptions::new(metrics) });
    let (memory, orders) = match state {
        Some(location) => load(sdk, location, pace).await?,
        None => (Memory::default(), Orders::default()),
    };
    let clock = Clock::new(pace);
    let mut world = World::default();
    for _ in 0..MOST_ROUNDS {
        let wanted = interest(document, &world, &memory);
        let unseen: BTreeSet<Subject> =
            wanted.iter().filter(|s| world.seen(s).is_unknown()).cloned().collect();
        if unseen.is_empty() {
            let nothing = BTreeSet::new();
            return Ok(plan(&Input {
                document,
                version,
                world: &world,
                memory: &memory,
                now: clock.now(),
                clock: calls.now().map_or(0, |t| t.as_second()),
                others: &[],
                orders: &orders,
                ceilings: Ceilings { mode: Mode::Enforce, prune: true, replace: true },
                in_flight: &nothing,
            }));
        }
        let observed = observe(&calls, &unseen, &Known::default(), clock.now()).await;
        if let Some(error) = observed.errors.into_iter().next() {
            return Err(PlanError::Aws(error));
        }
        for (subject, seen) in observed.seen {
            world.observe(subject, seen);
        }
        tokio::time::sleep(pace.real(Duration::from_millis(10))).await;
    }
    let unseen = interest(document, &world, &memory).into_iter().find(|s| world.seen(s).is_unknown());
    Err(PlanError::Unseen(unseen.map(|s| s.to_string()).unwrap_or_default()))
}

/// The hooks of these services that wait for a person. Reads AWS and writes nothing.
///
/// # Errors
/// Where AWS cannot be read.
pub async fn waiting_hooks(
    sdk: &SdkConfig,
    services: &BTreeSet<ServiceKey>,
    pace: Pace,
) -> Result<Vec<(ServiceKey, Hook)>, PlanError> {
    let metrics = CallMetrics::register(&prometheus::Registry::new()).map_err(PlanError::Metrics)?;
    let calls = Calls::new(sdk, CallsOptions { pace, ..CallsOptions::new(metrics) });
    let clock = Clock::new(pace);
    let mut world = World::default();
    // The services, and then what is under way at some of them.
    for _ in 0..2 {
        let needed = services.iter().flat_map(|key| needs_for_hooks(&world, key));
        let unseen: BTreeSet<Subject> = needed.filter(|s| world.seen(s).is_unknown()).collect();
        let observed = observe(&calls, &unseen, &Known::default(), clock.now()).await;
        if let Some(error) = observed.errors.into_iter().next() {
            return Err(PlanError::Aws(error));
        }
        for (subject, seen) in observed.seen {
            world.observe(subject, seen);
        }
    }
    let of = |key: &ServiceKey| -> Vec<(ServiceKey, Hook)> {
        hooks_of(&world, key).into_iter().map(|hook| (key.clone(), hook)).collect()
    };
    Ok(services.iter().flat_map(of).collect())
}

/// Memory, and what people asked for by hand.
async fn load(sdk: &SdkConfig, location: Location, pace: Pace) -> Result<(Memory, Orders), PlanError> {
    let Location::S3 { bucket, key } = location else {
        return Err(PlanError::Location(location.to_string()));
    };
    let prefix = key.trim_end_matches('/');
    let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let store = Store::new(S3::new(sdk, 0, pace), bucket, &prefix);
    let orders = OrdersFile::new(store.clone()).read().await;
    let orders = orders.map_err(|error| PlanError::Orders(Box::new(error)))?;
    let records = Records::new(store);
    let mut memory = Memory::default();
    for (bytes, _) in records.load_all().await.map_err(PlanError::State)?.into_values() {
        if let Ok((key, unit)) = read_record(&bytes) {
            memory.0.insert(key, unit);
        }
    }
    Ok((memory, orders))
}
