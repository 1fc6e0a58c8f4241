//! Passes: take a snapshot, plan, remember, hand ready units to the queue, show. A pass gets no hint of what
//! changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_model::document::{Document, Mode};
use evenkeel_model::key::{Subject, SubjectKind, UnitKey};
use evenkeel_model::world::Moment;
use evenkeel_plan::{Input, Planned, Unit, WaitingOn, interest, plan};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::daemon::{Current, Shared, Slot};
use crate::metrics::Came;
use crate::queue::Queue;
use crate::runs::{self, Ended};
use crate::status::{Fault, InForce, Lease, Status};

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
    /// The document's name.
    pub document: String,
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
        let came = match wheel.status.documents.as_slice() {
            [] => Came::Idle,
            _ if wheel.status.is_settled() => Came::Settled,
            _ => Came::Unsettled,
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

/// The documents that a pass is about.
struct InForceNow {
    /// With where they are.
    documents: Vec<(String, Arc<Current>)>,
    /// What is wrong with others, or with newer versions.
    faults: Vec<Fault>,
}

impl InForceNow {
    /// Two documents of one name would own the same things by their tags: the first by place has the name.
    fn of(slots: &BTreeMap<String, Slot>) -> Self {
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        let (mut documents, mut faults) = (Vec::new(), Vec::new());
        for (place, slot) in slots {
            faults.extend(slot.fault.clone());
            let Some(current) = &slot.current else { continue };
            let name = current.document.name.as_str();
            match names.get(name) {
                None => {
                    names.insert(name, place);
                    documents.push((place.clone(), current.clone()));
                }
                Some(first) => faults.push(Fault {
                    source: place.clone(),
                    version: Some(current.version.clone()),
                    message: format!(
                        "{place} is named \"{name}\", and so is {first}: each document needs a name of its own"
                    ),
                    diagnostics: Vec::new(),
                }),
            }
        }
        InForceNow { documents, faults }
    }
}

/// Which plan a unit is in, where that is not the first.
fn owners(planned: &[Planned]) -> BTreeMap<UnitKey, usize> {
    let later = planned.iter().enumerate().skip(1);
    later.flat_map(|(i, p)| p.report.units.keys().map(move |key| (key.clone(), i))).collect()
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
        let in_force = InForceNow::of(&self.shared.board().documents);
        // Asked before memory is taken: what was planned without it, or as a follower, is not acted on with
        // the lease and the memory that come while this pass goes on.
        let led = self.leads();
        let memory = self.shared.book.memory();
        self.status.passes += 1;
        self.status.faults.clone_from(&in_force.faults);
        let now = self.shared.clock.now();
        let orders = self.shared.board().orders.clone();
        let (wanted, planned, observed, ages) = {
            let mut world = self.shared.world.lock();
            let mut wanted = BTreeSet::new();
            for (_, current) in &in_force.documents {
                wanted.extend(interest(&current.document, &world, &memory));
            }
            world.retain(|s, seen| {
                wanted.contains(s) || seen.seen_at().is_some_and(|at| now.since(at) < KEEP)
            });
            let one = |(_, current): &(String, Arc<Current>)| {
                let others = in_force.documents.iter().map(|(_, other)| other);
                let others: Vec<&Document> = others
                    .filter(|other| !Arc::ptr_eq(other, current))
                    .map(|other| &other.document)
                    .collect();
                plan(&Input {
                    document: &current.document,
                    version: &current.version,
                    world: &world,
                    memory: &memory,
                    others: &others,
                    now,
                    clock: self.shared.aws_clock(),
                    orders: &orders,
                    ceilings: self.shared.settings.ceilings,
                    in_flight: self.queue.running(),
                })
            };
            let planned: Vec<Planned> = in_force.documents.iter().map(one).collect();
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
        let owners = owners(&planned);
        let planned = Planned::all(planned);
        self.watch(wanted);
        if led {
            self.remember(&planned).await;
        }
        let owner = |unit: &UnitKey| {
            let document = in_force.documents.get(owners.get(unit).copied().unwrap_or_default());
            document.map(|(_, current)| current.clone())
        };
        self.enqueue(&owner, &planned, led, now);
        self.show(&in_force, owners, planned, observed, ages);
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

    /// Hands what is ready to the queue. `owner` is the document that a unit is in.
    fn enqueue(
        &mut self,
        owner: &dyn Fn(&UnitKey) -> Option<Arc<Current>>,
        planned: &Planned,
        led: bool,
        now: Moment,
    ) {
        let observes = self.shared.settings.ceilings.mode == Mode::Observe;
        let ready = |key: &UnitKey| planned.plan.units.get(key).is_some_and(|u| u.ready() > 0);
        self.queue.retain(ready);
        self.paused.retain(|_, until| *until > now);
        if observes || !led || !self.leads() {
            self.queue.retain(|_| false);
            return;
        }
        for (key, unit) in &planned.plan.units {
            let busy = self.queue.running().contains(key) || self.paused.contains_key(key);
            if unit.ready() > 0
                && !busy
                && let Some(current) = owner(key)
            {
                let whole = planned.report.units.get(key).is_some_and(|report| {
                    let moving = |w: &WaitingOn| {
                        matches!(w, WaitingOn::Rollout(_) | WaitingOn::Traffic { .. } | WaitingOn::Executing)
                    };
                    report.refused.is_empty() && report.held.is_none() && report.waiting.iter().all(moving)
                });
                let run = Run {
                    unit: unit.clone(),
                    whole,
                    plan: planned.plan.id.clone(),
                    document: current.document.name.clone(),
                    version: current.version.clone(),
                };
                self.queue.push(key.clone(), run);
            }
        }
    }

    fn show(
        &mut self,
        in_force: &InForceNow,
        owners: BTreeMap<UnitKey, usize>,
        planned: Planned,
        observed: bool,
        ages: BTreeMap<SubjectKind, f64>,
    ) {
        let one = |(source, current): &(String, Arc<Current>)| InForce {
            source: source.clone(),
            name: current.document.name.clone(),
            version: current.version.clone(),
            modified: current.modified,
            warnings: current.warnings.clone(),
        };
        self.status.documents = in_force.documents.iter().map(one).collect();
        self.status.owners = owners;
        self.tell_refusals(&planned);
        self.status.planned = Arc::new(planned);
        self.status.observed = observed;
        self.status.ages = ages;
        self.show_board();
        if self.status.is_settled() {
            self.status.settled_at = Some(self.status.clock);
        }
    }

    /// Says what is refused that was not before.
    fn tell_refusals(&self, planned: &Planned) {
        let why = |planned: &Planned, key: &UnitKey| -> Vec<String> {
            let report = planned.report.units.get(key);
            report.into_iter().flat_map(|unit| &unit.refused).map(|refusal| refusal.why.clone()).collect()
        };
        for key in planned.report.units.keys() {
            let before = why(&self.status.planned, key);
            for refusal in why(planned, key).into_iter().filter(|refusal| !before.contains(refusal)) {
                self.shared.event(Some(key.to_string()), format!("refused: {refusal}"), true);
            }
        }
    }

    /// What the loops left.
    fn show_board(&mut self) {
        self.status.clock = self.shared.aws_clock();
        self.status.queued = self.queue.len();
        let board = self.shared.board();
        self.status.account.clone_from(&board.account);
        if let Some(fault) = board.unlisted.clone().filter(|f| !self.status.faults.contains(f)) {
            self.status.faults.push(fault);
        }
        self.status.lease = board.lease.clone();
        self.status.events.clone_from(&board.events);
        self.status.trouble.clone_from(&board.trouble);
        self.status.steps.clone_from(&board.steps);
    }
}
