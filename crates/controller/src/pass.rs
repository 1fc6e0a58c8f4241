//! Passes: take a snapshot, plan, remember, hand ready units to the queue, show. A pass gets no hint of what
//! changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_model::document::Mode;
use evenkeel_model::key::{Subject, SubjectKind, UnitKey};
use evenkeel_model::world::Moment;
use evenkeel_plan::{Input, Planned, Unit, WaitingOn, interest, plan};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::daemon::{Current, Shared};
use crate::metrics::Came;
use crate::queue::Queue;
use crate::runs::{self, Ended};
use crate::status::{InForce, Lease, Status};

/// Runs at once: more would only wait for AWS's throttles.
const RUNS_AT_ONCE: usize = 8;
/// Time between two passes at least, so that a burst of readings makes one pass.
const BREATH: Duration = Duration::from_millis(250);
/// Time between two passes at most: what depends on time alone is planned again.
const IDLE: Duration = Duration::from_secs(10);
/// A unit whose run ended early is not begun again sooner.
const PAUSE: Duration = Duration::from_secs(3);

/// What nobody asks about is forgotten after this time, not at once: while a service is being looked at
/// anew, nothing tells which revision it runs.
const KEEP: Duration = Duration::from_secs(600);

/// A run that waits in the queue.
pub(crate) struct Run {
    pub unit: Unit,
    /// Nothing else of the unit was left to be seen, decided or waited for: once its steps are done, the
    /// document is applied.
    pub whole: bool,
    pub plan: String,
    pub version: String,
}

struct Wheel {
    shared: Arc<Shared>,
    queue: Queue<Run>,
    paused: BTreeMap<UnitKey, Moment>,
    status: Status,
}

/// Passes until `shutdown`; then waits for the runs under way, which end after the step in hand.
pub(crate) async fn turn(
    shared: Arc<Shared>,
    status: &watch::Sender<Arc<Status>>,
    shutdown: &CancellationToken,
) {
    let mut wheel = Wheel {
        status: Status {
            region: shared.region.clone(),
            source: shared.settings.document.to_string(),
            mode: match shared.settings.ceilings.mode {
                Mode::Enforce => "enforce",
                Mode::Observe => "observe",
            },
            ..Status::default()
        },
        queue: Queue::new(RUNS_AT_ONCE),
        paused: BTreeMap::new(),
        shared: shared.clone(),
    };
    let mut runs: JoinSet<(UnitKey, Ended)> = JoinSet::new();
    loop {
        let begun = tokio::time::Instant::now();
        wheel.pass().await;
        let came = match &wheel.status.document {
            None => Came::Idle,
            Some(_) if wheel.status.is_settled() => Came::Settled,
            Some(_) => Came::Unsettled,
        };
        shared.metrics.passed(came, begun.elapsed());
        status.send_replace(Arc::new(wheel.status.clone()));
        while let Some((key, run)) = wheel.queue.take() {
            let (shared, stop) = (shared.clone(), shutdown.clone());
            runs.spawn(async move {
                let ended = runs::run(&shared, &key, run, &stop).await;
                (key, ended)
            });
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = runs.join_next() => wheel.ended(ended),
            () = shared.wake.notified() => {}
            () = shared.sleep(IDLE) => {}
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            () = shared.sleep(BREATH) => {}
        }
    }
    while let Some(ended) = runs.join_next().await {
        wheel.ended(ended);
    }
    wheel.show_board();
    status.send_replace(Arc::new(wheel.status));
}

impl Wheel {
    fn ended(&mut self, ended: Result<(UnitKey, Ended), tokio::task::JoinError>) {
        match ended {
            Ok((key, ended)) => {
                self.queue.done(&key);
                if ended == Ended::Early {
                    self.paused.insert(key, self.shared.clock.now() + PAUSE);
                }
            }
            Err(error) => tracing::error!(%error, "a run ended badly"),
        }
        self.shared.dirty.send_modify(|n| *n += 1);
    }

    async fn pass(&mut self) {
        let current = self.shared.board().current.clone();
        // Asked before memory is taken: what was planned without it, or as a follower, is not acted on with
        // the lease and the memory that come while this pass goes on.
        let led = self.leads();
        let memory = self.shared.book.memory();
        self.status.passes += 1;
        let Some(current) = current else {
            self.show_board();
            return;
        };
        let now = self.shared.clock.now();
        let orders = self.shared.board().orders.clone();
        let (wanted, planned, observed, ages) = {
            let mut world = self.shared.world.lock();
            let wanted = interest(&current.document, &world, &memory);
            world.retain(|s, seen| {
                wanted.contains(s) || seen.seen_at().is_some_and(|at| now.since(at) < KEEP)
            });
            let input = Input {
                document: &current.document,
                version: &current.version,
                others: &[],
                world: &world,
                memory: &memory,
                now,
                clock: self.shared.aws_clock(),
                orders: &orders,
                ceilings: self.shared.settings.ceilings,
                in_flight: self.queue.running(),
            };
            let planned = plan(&input);
            let seen = |s: &Subject| !world.seen(s).is_unknown() || world.written_at(s).is_some();
            let observed = wanted.iter().all(seen);
            let mut ages: BTreeMap<SubjectKind, f64> = BTreeMap::new();
            for subject in &wanted {
                let age = world.seen(subject).seen_at().map_or(0.0, |at| now.since(at).as_secs_f64());
                let oldest = ages.entry(subject.kind()).or_default();
                *oldest = oldest.max(age);
            }
            (wanted, planned, observed, ages)
        };
        self.watch(wanted);
        if led {
            self.remember(&planned).await;
        }
        self.enqueue(&current, &planned, led, now);
        self.show(&current, planned, observed, ages);
    }

    /// Tells the observing loops what to look at.
    fn watch(&self, wanted: BTreeSet<Subject>) {
        self.shared.interest.send_if_modified(|known| {
            let news = **known != wanted;
            if news {
                *known = Arc::new(wanted);
            }
            news
        });
    }

    fn leads(&self) -> bool {
        self.shared.board().lease == Lease::Ours
            && self.shared.executor.deadline.holds()
            && self.shared.book.is_loaded()
    }

    /// Writes down what was learned by observing alone.
    async fn remember(&self, planned: &Planned) {
        if !self.leads() {
            return;
        }
        for (key, unit) in &planned.remember {
            if self.queue.running().contains(key) {
                continue;
            }
            if let Err(error) = self.shared.book.write(key, unit.clone()).await {
                self.shared.event(Some(key.to_string()), format!("not recorded: {error}"), true);
                return;
            }
        }
    }

    fn enqueue(&mut self, current: &Current, planned: &Planned, led: bool, now: Moment) {
        let observes = self.shared.settings.ceilings.mode == Mode::Observe
            || current.document.settings.mode == Mode::Observe;
        let ready = |key: &UnitKey| planned.plan.units.get(key).is_some_and(|u| u.ready() > 0);
        self.queue.retain(ready);
        self.paused.retain(|_, until| *until > now);
        if observes || !led || !self.leads() {
            self.queue.retain(|_| false);
            return;
        }
        for (key, unit) in &planned.plan.units {
            let busy = self.queue.running().contains(key) || self.paused.contains_key(key);
            if unit.ready() > 0 && !busy {
                let whole = planned.report.units.get(key).is_some_and(|report| {
                    let moving = |w: &WaitingOn| matches!(w, WaitingOn::Rollout(_) | WaitingOn::Executing);
                    report.refused.is_empty() && report.held.is_none() && report.waiting.iter().all(moving)
                });
                let run = Run {
                    unit: unit.clone(),
                    whole,
                    plan: planned.plan.id.clone(),
                    version: current.version.clone(),
                };
                self.queue.push(key.clone(), run);
            }
        }
    }

    fn show(
        &mut self,
        current: &Current,
        planned: Planned,
        observed: bool,
        ages: BTreeMap<SubjectKind, f64>,
    ) {
        self.status.document = Some(InForce {
            name: current.document.name.clone(),
            version: current.version.clone(),
            modified: current.modified,
        });
        self.status.warnings = current.warnings.clone();
        self.status.planned = Arc::new(planned);
        self.status.observed = observed;
        self.status.ages = ages;
        self.show_board();
        if self.status.is_settled() {
            self.status.settled_at = Some(self.status.clock);
        }
    }

    /// What the loops left.
    fn show_board(&mut self) {
        self.status.clock = self.shared.aws_clock();
        self.status.queued = self.queue.len();
        let board = self.shared.board();
        self.status.account.clone_from(&board.account);
        self.status.fault.clone_from(&board.fault);
        self.status.lease = board.lease.clone();
        self.status.events.clone_from(&board.events);
        self.status.trouble.clone_from(&board.trouble);
        self.status.steps.clone_from(&board.steps);
    }
}
