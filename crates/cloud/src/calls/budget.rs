//! How many calls we allow ourselves: a token bucket for each throttle that AWS publishes, of which we take
//! a share, because consoles, pipelines and other tools of the account draw on the same one.
//!
//! All loops of ours draw on one bucket, so what one leaves idle another borrows; reads let writes pass.
//! When AWS throttles us all the same, somebody else is at work: the bucket's rate halves and grows back.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Effect, Pace};

/// AWS's throttle groups: per account and region, shared by everything that uses the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Bucket {
    EcsServiceModify,
    EcsServiceRead,
    EcsServiceDeploymentRead,
    EcsServiceRevisionRead,
    EcsTaskDefinitionModify,
    EcsTaskDefinitionRead,
    EcsTaskDefinitionDelete,
    EcsClusterModify,
    EcsClusterRead,
    EcsClusterResourceRead,
    EcsTagModify,
    EcsTagRead,
    ElbAccount,
    ElbRead,
    ElbModify,
    ElbResourceIntensive,
    ScalingRead,
    ScalingModify,
    EcrRead,
    EcrImageRead,
    EcrModify,
    LogsRead,
    LogsModify,
}

/// What AWS allows in one bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// Calls that may come at once.
    pub burst: f64,
    /// Calls a second in the long run.
    pub rate: f64,
}

impl Bucket {
    /// Every bucket.
    pub const ALL: [Bucket; 23] = [
        Bucket::EcsServiceModify,
        Bucket::EcsServiceRead,
        Bucket::EcsServiceDeploymentRead,
        Bucket::EcsServiceRevisionRead,
        Bucket::EcsTaskDefinitionModify,
        Bucket::EcsTaskDefinitionRead,
        Bucket::EcsTaskDefinitionDelete,
        Bucket::EcsClusterModify,
        Bucket::EcsClusterRead,
        Bucket::EcsClusterResourceRead,
        Bucket::EcsTagModify,
        Bucket::EcsTagRead,
        Bucket::ElbAccount,
        Bucket::ElbRead,
        Bucket::ElbModify,
        Bucket::ElbResourceIntensive,
        Bucket::ScalingRead,
        Bucket::ScalingModify,
        Bucket::EcrRead,
        Bucket::EcrImageRead,
        Bucket::EcrModify,
        Bucket::LogsRead,
        Bucket::LogsModify,
    ];

    /// The name in metric labels, and what AWS allows.
    ///
    /// ECS: "Request throttling for the Amazon ECS API". ELB: "Throttling for the Elastic Load Balancing
    /// API", where every call counts against the account as well. Logs: its service quotas. Application Auto
    /// Scaling and ECR publish nothing for these calls; a handful of PutScalingPolicy at once is known to be
    /// throttled, so their numbers are cautious.
    const fn facts(self) -> (&'static str, f64, f64) {
        match self {
            Bucket::EcsServiceModify => ("ecs_service_modify", 50.0, 5.0),
            Bucket::EcsServiceRead => ("ecs_service_read", 100.0, 20.0),
            Bucket::EcsServiceDeploymentRead => ("ecs_service_deployment_read", 50.0, 20.0),
            Bucket::EcsServiceRevisionRead => ("ecs_service_revision_read", 50.0, 20.0),
            Bucket::EcsTaskDefinitionModify => ("ecs_task_definition_modify", 20.0, 1.0),
            Bucket::EcsTaskDefinitionRead => ("ecs_task_definition_read", 50.0, 20.0),
            Bucket::EcsTaskDefinitionDelete => ("ecs_task_definition_delete", 5.0, 1.0),
            Bucket::EcsClusterModify => ("ecs_cluster_modify", 20.0, 1.0),
            Bucket::EcsClusterRead => ("ecs_cluster_read", 50.0, 20.0),
            Bucket::EcsClusterResourceRead => ("ecs_cluster_resource_read", 100.0, 20.0),
            Bucket::EcsTagModify => ("ecs_tag_modify", 20.0, 10.0),
            Bucket::EcsTagRead => ("ecs_tag_read", 50.0, 20.0),
            Bucket::ElbAccount => ("elb_account", 40.0, 10.0),
            Bucket::ElbRead => ("elb_read", 40.0, 10.0),
            Bucket::ElbModify => ("elb_modify", 20.0, 3.0),
            Bucket::ElbResourceIntensive => ("elb_resource_intensive", 10.0, 0.2),
            Bucket::ScalingRead => ("scaling_read", 10.0, 5.0),
            Bucket::ScalingModify => ("scaling_modify", 4.0, 2.0),
            Bucket::EcrRead => ("ecr_read", 20.0, 10.0),
            Bucket::EcrImageRead => ("ecr_image_read", 100.0, 100.0),
            Bucket::EcrModify => ("ecr_modify", 10.0, 2.0),
            Bucket::LogsRead => ("logs_read", 10.0, 10.0),
            Bucket::LogsModify => ("logs_modify", 10.0, 10.0),
        }
    }

    /// The name in metric labels.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// What AWS allows everyone together.
    pub const fn allowance(self) -> Allowance {
        let (_, burst, rate) = self.facts();
        Allowance { burst, rate }
    }

    /// The bucket that calls of this one draw on as well.
    const fn account(self) -> Option<Bucket> {
        match self {
            Bucket::ElbRead | Bucket::ElbModify | Bucket::ElbResourceIntensive => Some(Bucket::ElbAccount),
            _ => None,
        }
    }
}

/// How much of what AWS allows we take, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Of every bucket but the next.
    pub general: f64,
    /// Of registering task definitions: AWS's tightest throttle, and few others register.
    pub registering: f64,
}

impl Default for Shares {
    fn default() -> Self {
        Shares { general: 0.5, registering: 0.9 }
    }
}

impl Shares {
    fn of(self, bucket: Bucket) -> f64 {
        match bucket {
            Bucket::EcsTaskDefinitionModify => self.registering,
            _ => self.general,
        }
        .clamp(0.01, 1.0)
    }
}

/// A throttled bucket goes no slower than this part of our share.
const SLOWEST: f64 = 1.0 / 16.0;
/// How long a bucket takes from standing still to its whole rate again.
const RECOVERY: Duration = Duration::from_secs(120);
/// Throttled answers this close together are one event, not many.
const ONE_EVENT: Duration = Duration::from_secs(1);

/// The buckets of one process.
#[derive(Debug)]
pub(super) struct Budgets([Queue; Bucket::ALL.len()]);

impl Budgets {
    pub fn new(shares: Shares, pace: Pace) -> Self {
        Budgets(Bucket::ALL.map(|bucket| {
            let (Allowance { burst, rate }, share) = (bucket.allowance(), shares.of(bucket));
            Queue::new((burst * share).max(1.0), rate * share, pace)
        }))
    }

    fn queue(&self, bucket: Bucket) -> &Queue {
        &self.0[bucket as usize]
    }

    /// Waits until a call may go out.
    pub async fn pass(&self, bucket: Bucket, effect: Effect) {
        self.queue(bucket).pass(effect).await;
        if let Some(account) = bucket.account() {
            self.queue(account).pass(effect).await;
        }
    }

    /// AWS throttled a call. Which of two buckets was empty it does not say, so both slow down.
    pub fn throttled(&self, bucket: Bucket) {
        self.queue(bucket).throttled();
        if let Some(account) = bucket.account() {
            self.queue(account).throttled();
        }
    }
}

/// One bucket with those who wait for it: writes in the order they came, then reads in theirs.
#[derive(Debug)]
struct Queue {
    burst: f64,
    /// Tokens in a second of our clock, when nothing is throttled.
    rate: f64,
    pace: Pace,
    level: Mutex<Level>,
    reads: tokio::sync::Mutex<()>,
    writes: tokio::sync::Mutex<()>,
    waiting_writes: AtomicUsize,
    write_done: Notify,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    /// How much of our rate we use, from [`SLOWEST`] to 1.
    factor: f64,
    at: Instant,
    slowed_at: Option<Instant>,
}

impl Queue {
    fn new(burst: f64, rate: f64, pace: Pace) -> Self {
        Queue {
            burst,
            rate: rate / pace.real(Duration::from_secs(1)).as_secs_f64(),
            pace,
            level: Mutex::new(Level { tokens: burst, factor: 1.0, at: Instant::now(), slowed_at: None }),
            reads: tokio::sync::Mutex::default(),
            writes: tokio::sync::Mutex::default(),
            waiting_writes: AtomicUsize::new(0),
            write_done: Notify::new(),
        }
    }

    async fn pass(&self, effect: Effect) {
        match effect {
            Effect::Write => {
                let _waiting = WaitingWrite::new(self);
                let _turn = self.writes.lock().await;
                while let Err(wait) = self.take() {
                    tokio::time::sleep(wait).await;
                }
            }
            Effect::Read => {
                let _turn = self.reads.lock().await;
                loop {
                    self.no_write_waits().await;
                    match self.take() {
                        Ok(()) => return,
                        Err(wait) => tokio::time::sleep(wait).await,
                    }
                }
            }
        }
    }

    async fn no_write_waits(&self) {
        loop {
            let done = self.write_done.notified();
            if self.waiting_writes.load(Ordering::SeqCst) == 0 {
                return;
            }
            done.await;
        }
    }

    fn level(&self) -> MutexGuard<'_, Level> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = now.saturating_duration_since(level.at).as_secs_f64();
        level.at = now;
        level.tokens = (level.tokens + passed * self.rate * level.factor).min(self.burst);
        let recovery = self.pace.real(RECOVERY).as_secs_f64();
        level.factor = (level.factor + passed / recovery).min(1.0);
        level
    }

    /// Takes a token, or says how long to wait before asking again.
    fn take(&self) -> Result<(), Duration> {
        let mut level = self.level();
        if level.tokens > 1.0 - 1e-6 {
            level.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - level.tokens) / (self.rate * level.factor);
        // The clock of timers counts milliseconds.
        Err(Duration::from_secs_f64(wait).max(Duration::from_millis(1)))
    }

    fn throttled(&self) {
        let one_event = self.pace.real(ONE_EVENT);
        let mut level = self.level();
        let now = level.at;
        if level.slowed_at.is_some_and(|at| now.saturating_duration_since(at) < one_event) {
            return;
        }
        level.slowed_at = Some(now);
        level.factor = (level.factor / 2.0).max(SLOWEST);
        level.tokens = level.tokens.min(0.0);
    }
}

/// Counts a waiting write, also where its future is dropped.
struct WaitingWrite<'q>(&'q Queue);

impl<'q> WaitingWrite<'q> {
    fn new(queue: &'q Queue) -> Self {
        queue.waiting_writes.fetch_add(1, Ordering::SeqCst);
        WaitingWrite(queue)
    }
}

impl Drop for WaitingWrite<'_> {
    fn drop(&mut self) {
        self.0.waiting_writes.fetch_sub(1, Ordering::SeqCst);
        self.0.write_done.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn budgets(pace: f64) -> Arc<Budgets> {
        Arc::new(Budgets::new(Shares::default(), Pace::new(pace).unwrap()))
    }

    async fn seconds_for(budgets: &Budgets, bucket: Bucket, effect: Effect, calls: usize) -> f64 {
        let start = Instant::now();
        for _ in 0..calls {
            budgets.pass(bucket, effect).await;
        }
        start.elapsed().as_secs_f64()
    }

    #[test]
    fn every_bucket_stands_in_its_place() {
        for (i, bucket) in Bucket::ALL.into_iter().enumerate() {
            assert_eq!(bucket as usize, i);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_the_burst_is_free_and_then_half_the_rate() {
        let budgets = budgets(1.0);
        let (bucket, effect) = (Bucket::EcsServiceModify, Effect::Write);
        assert_eq!(seconds_for(&budgets, bucket, effect, 25).await, 0.0);
        let seconds = seconds_for(&budgets, bucket, effect, 25).await;
        assert!((10.0..10.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_faster_world_gives_more() {
        let budgets = budgets(10.0);
        let (bucket, effect) = (Bucket::EcsServiceModify, Effect::Write);
        let seconds = seconds_for(&budgets, bucket, effect, 50).await;
        assert!((1.0..1.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn every_call_to_a_load_balancer_counts_against_the_account() {
        let budgets = budgets(1.0);
        seconds_for(&budgets, Bucket::ElbModify, Effect::Write, 10).await;
        seconds_for(&budgets, Bucket::ElbRead, Effect::Read, 10).await;
        let seconds = seconds_for(&budgets, Bucket::ElbRead, Effect::Read, 5).await;
        assert!((1.0..1.1).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn reads_let_writes_pass() {
        let budgets = budgets(1.0);
        seconds_for(&budgets, Bucket::ElbRead, Effect::Read, 20).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        for effect in [Effect::Read, Effect::Read, Effect::Write, Effect::Write] {
            let (budgets, order) = (budgets.clone(), order.clone());
            tasks.spawn(async move {
                let bucket = match effect {
                    Effect::Read => Bucket::ElbRead,
                    Effect::Write => Bucket::ElbModify,
                };
                budgets.pass(bucket, effect).await;
                order.lock().unwrap().push(effect);
            });
        }
        tasks.join_all().await;
        let order = order.lock().unwrap().clone();
        assert_eq!(order, [Effect::Write, Effect::Write, Effect::Read, Effect::Read]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_gives_up_lets_reads_go_on() {
        let budgets = budgets(1.0);
        seconds_for(&budgets, Bucket::ElbModify, Effect::Write, 10).await;
        let write = budgets.pass(Bucket::ElbModify, Effect::Write);
        assert!(tokio::time::timeout(Duration::from_millis(5), write).await.is_err());
        let seconds = seconds_for(&budgets, Bucket::ElbRead, Effect::Read, 1).await;
        assert!(seconds < 0.2, "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate_and_it_recovers() {
        let budgets = budgets(1.0);
        let (bucket, effect) = (Bucket::EcsServiceModify, Effect::Write);
        budgets.throttled(bucket);
        budgets.throttled(bucket);
        let slow = seconds_for(&budgets, bucket, effect, 5).await;
        assert!((3.5..4.0).contains(&slow), "{slow}");
        tokio::time::advance(RECOVERY).await;
        seconds_for(&budgets, bucket, effect, 25).await;
        let again = seconds_for(&budgets, bucket, effect, 5).await;
        assert!((2.0..2.1).contains(&again), "{again}");
    }
}
