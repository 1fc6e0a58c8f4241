//! Calls to AWS: clients, the table of operations, budgets, error classes, retries, metrics.
//!
//! A call goes: budget → SDK → answer → class → perhaps again. Inputs and outputs are trees with canonical
//! member names; what the table of [operations] says of each decides the rest.

mod account;
mod budget;
mod carry;
mod connect;
mod error;
mod metrics;
pub mod operations;
mod permit;
mod retry;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use evenkeel_model::Tree;
use evenkeel_model::shapes::Op;
use tokio::time::Instant;

pub use account::{Account, AccountError, account};
pub use budget::{Allowance, Bucket, Shares};
pub use carry::LONGEST_REQUEST;
pub(crate) use carry::settings;
pub use connect::connect;
pub use error::{CallError, Class};
pub(crate) use error::{chain, never_connected, no_credentials};
pub use metrics::{CallMetrics, Counts};
pub use operations::{Batch, Effect, Page, Row, row, rows};
pub use permit::{Deadline, Permit};
pub(crate) use retry::Jitter;

/// Simulated seconds per real second: 1 in production, more in the demo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);

impl Pace {
    /// As time goes.
    pub const REAL: Pace = Pace(1.0);

    /// A pace; `None` where it is not a positive number.
    pub fn new(simulated_per_real: f64) -> Option<Self> {
        (simulated_per_real.is_finite() && simulated_per_real > 0.0).then_some(Pace(simulated_per_real))
    }

    /// How long a duration of AWS's time lasts on our clock.
    pub fn real(self, simulated: Duration) -> Duration {
        simulated.div_f64(self.0)
    }

    /// How much of AWS's time passes while our clock shows this.
    pub fn simulated(self, real: Duration) -> Duration {
        real.mul_f64(self.0)
    }
}

/// How to call.
#[derive(Clone, Debug)]
pub struct CallsOptions {
    /// For the jitter between attempts: the same seed, the same waits.
    pub seed: u64,
    /// How fast AWS's time passes.
    pub pace: Pace,
    /// How much of AWS's throttles is ours.
    pub shares: Shares,
    /// Where calls are counted.
    pub metrics: CallMetrics,
}

impl CallsOptions {
    /// Production's options.
    pub fn new(metrics: CallMetrics) -> Self {
        CallsOptions { seed: 0, pace: Pace::REAL, shares: Shares::default(), metrics }
    }
}

/// The way to AWS, shared by everything in the process that calls it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Calls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clients: carry::Clients,
    budgets: budget::Budgets,
    jitter: Jitter,
    metrics: CallMetrics,
    pace: Pace,
    /// The newest date that AWS gave, in seconds since 1970.
    date: AtomicI64,
}

/// No listing of ours has more pages; AWS that never stops giving tokens is told from a large account.
const MOST_PAGES: usize = 2_000;

impl Calls {
    /// Calls as `sdk` says (region, credentials, endpoint, HTTP client), with our own time-outs and retries
    /// in the place of its.
    pub fn new(sdk: &SdkConfig, options: CallsOptions) -> Self {
        Calls(Arc::new(Shared {
            clients: carry::Clients::new(sdk, options.pace),
            budgets: budget::Budgets::new(options.shares, options.pace),
            jitter: Jitter::new(options.seed),
            metrics: options.metrics,
            pace: options.pace,
            date: AtomicI64::new(i64::MIN),
        }))
    }

    /// Reads, waiting for the budget first. Where AWS throttles or fails, tries up to four times within
    /// twenty seconds.
    ///
    /// Errors: any [`Class`] but [`Class::UnknownEffect`]; [`Class::Refused`] where `op` is a write.
    pub async fn read(&self, op: Op, input: Tree) -> Result<Tree, CallError> {
        if row(op).effect == Effect::Write {
            return Err(refused(op, "a write without a permit is never sent"));
        }
        self.call(op, &input, None).await
    }

    /// Writes, waiting for the budget first. Tries again only where nothing can have been done: AWS
    /// throttled, or there was no connection.
    ///
    /// Guarantees: nothing leaves once the permit's deadline has passed. Errors: any [`Class`]; after
    /// [`Class::UnknownEffect`] the write may have been done, and only observing tells.
    pub async fn write(&self, permit: &Permit, op: Op, input: Tree) -> Result<Tree, CallError> {
        if row(op).effect == Effect::Read {
            return Err(refused(op, "it is a read, which takes no permit"));
        }
        if !permit.holds() {
            return Err(refused(op, carry::LEASE_OVER));
        }
        self.call(op, &input, Some(permit)).await
    }

    /// Reads every page of a listing and returns the items of all, in AWS's order. Asks for the largest
    /// pages, unless the input sets a size or names what it wants.
    ///
    /// Caveat: a listing is no snapshot; what moves while it is read may be missed or come twice.
    /// Errors: as [`Calls::read`]; [`Class::Transient`] where AWS repeats a token or never ends.
    pub async fn pages(&self, op: Op, input: Tree) -> Result<Vec<Tree>, CallError> {
        let Row { page: Some(page), batch, .. } = row(op) else {
            return Err(refused(op, "it has no pages"));
        };
        let mut input = input;
        let named = batch.is_some_and(|batch| input.get(batch.member).is_some());
        if !named && input.get(page.size).is_none() {
            input.set(page.size, Tree::Int(page.max));
        }
        let mut items = Vec::new();
        let mut tokens = BTreeSet::new();
        loop {
            let mut output = self.read(op, input.clone()).await?;
            if let Some(Tree::List(list)) = output.take(page.items) {
                items.extend(list);
            }
            let Some(token) = output.str(page.token_out).filter(|token| !token.is_empty()) else {
                return Ok(items);
            };
            input.set(page.token_in, token.into());
            if !tokens.insert(token.to_owned()) || tokens.len() >= MOST_PAGES {
                return Err(CallError {
                    class: Class::Transient,
                    ..refused(op, "AWS repeated the token of a page, or its pages never end")
                });
            }
        }
    }

    /// AWS's time: the newest `Date` of its answers, to the second; `None` before the first.
    pub fn now(&self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_second(self.0.date.load(Ordering::SeqCst)).ok()
    }

    /// The calls so far, each attempt counted.
    pub fn counts(&self) -> Counts {
        self.0.metrics.counts()
    }

    /// How fast AWS's time passes.
    pub fn pace(&self) -> Pace {
        self.0.pace
    }

    async fn call(&self, op: Op, input: &Tree, permit: Option<&Permit>) -> Result<Tree, CallError> {
        let again = |error: &CallError| match error.class {
            // The class of a write is `Transient` only where it was never sent.
            Class::Throttled | Class::Transient => true,
            Class::Conflict
            | Class::NotFound
            | Class::Denied
            | Class::Invalid
            | Class::UnknownEffect
            | Class::Refused => false,
        };
        let attempt = || self.attempt(op, input, permit);
        self.0.jitter.retry(row(op).iam, self.0.pace, again, attempt).await
    }

    async fn attempt(&self, op: Op, input: &Tree, permit: Option<&Permit>) -> Result<Tree, CallError> {
        let Shared { clients, budgets, metrics, pace, date, .. } = &*self.0;
        let row = row(op);
        let asked = Instant::now();
        budgets.pass(row.bucket, row.effect).await;
        metrics.waited(row.bucket, pace.simulated(asked.elapsed()));
        let sent = Instant::now();
        let carried = clients.carry(op, input, permit).await;
        let class = carried.result.as_ref().err().map(|error| error.class);
        metrics.called(op, class, pace.simulated(sent.elapsed()));
        if let Some(seconds) = carried.date {
            date.fetch_max(seconds, Ordering::SeqCst);
        }
        match &carried.result {
            Ok(_) => tracing::debug!(%op, "called"),
            Err(error) => tracing::debug!(%op, class = error.class.name(), %error, "call failed"),
        }
        if class == Some(Class::Throttled) {
            budgets.throttled(row.bucket);
        }
        carried.result
    }
}

fn refused(op: Op, message: &str) -> CallError {
    CallError {
        op,
        class: Class::Refused,
        code: None,
        message: message.to_owned(),
        status: None,
        request_id: None,
    }
}

#[cfg(test)]
mod tests;
