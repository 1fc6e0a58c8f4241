//! Carries a unit out, step by step: reads again what is not fresh, compares it with the step's guard, and
//! only then writes.
//!
//! # Guarantees
//! No write leaves without a [`Permit`]: the lease is ours, and what it writes was seen after our last write
//! to it, within [`FRESH`], and is as the step's guard says. A run that ends early, for whatever reason,
//! leaves every step it did not reach undone, and the world says unknown of all it may have changed.
//!
//! # Caveats
//! Between the last look and the write AWS can change; every write of ours can be repeated without harm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use evenkeel_model::Tree;
use evenkeel_model::key::Subject;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{EXPECTATION, Expect, Moment, Seen, World};
use evenkeel_plan::expectation::{self, expectation};
use evenkeel_plan::{Guard, Step, StepId, paused_by_tag, stable};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::calls::{CallError, Calls, Class, Deadline, Pace, Permit};
use crate::observe::{Known, observe};

/// How old a reading may be when a write rests on it.
pub const FRESH: Duration = Duration::from_secs(15);

/// The process's clock: AWS's milliseconds since the process began, so that a simulation's hours pass in
/// its minutes.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    pace: Pace,
}

impl Clock {
    /// A clock that starts now.
    pub fn new(pace: Pace) -> Self {
        Clock { start: Instant::now(), pace }
    }

    /// This moment. The first is not zero, so that "seen before" has room.
    pub fn now(&self) -> Moment {
        let millis = self.pace.simulated(self.start.elapsed()).as_millis();
        Moment(u64::try_from(millis).unwrap_or(u64::MAX).saturating_add(1))
    }

    /// Its pace.
    pub fn pace(&self) -> Pace {
        self.pace
    }
}

/// The world, shared by the loops that observe and the runs that write.
#[derive(Clone, Debug, Default)]
pub struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    /// The world for a short while; never held across an await.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What execution needs.
#[derive(Clone, Debug)]
pub struct Executor {
    /// The way to AWS.
    pub calls: Calls,
    /// The world, which learns of every write.
    pub world: SharedWorld,
    /// The process's clock.
    pub clock: Clock,
    /// Until when writes may leave.
    pub deadline: Deadline,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All the steps it was given are done.
    Done,
    /// Something is not as the plan saw it: nothing of this step or any later one was done.
    Mismatch {
        /// The step.
        step: StepId,
        /// What it found.
        subject: Subject,
    },
    /// A call failed; nothing of any later step was done.
    Failed {
        /// The step.
        step: StepId,
        /// What AWS said.
        error: CallError,
    },
    /// The process is ending.
    Stopped,
}

/// What a run did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// How it ended.
    pub outcome: Outcome,
    /// The steps that are done, with AWS's answers.
    pub done: Vec<(StepId, Op, Tree)>,
}

impl Executor {
    /// Carries out `steps`, the ready prefix of a unit. Ends between two steps once `stop` is cancelled.
    pub async fn run(&self, steps: &[Step], stop: &CancellationToken) -> Ran {
        let mut done: Vec<(StepId, Op, Tree)> = Vec::new();
        let outcome = self.steps(steps, stop, &mut done).await;
        Ran { outcome, done }
    }

    async fn steps(
        &self,
        steps: &[Step],
        stop: &CancellationToken,
        done: &mut Vec<(StepId, Op, Tree)>,
    ) -> Outcome {
        self.refresh(steps).await;
        let mut outputs: BTreeMap<StepId, Tree> = BTreeMap::new();
        for step in steps {
            if stop.is_cancelled() {
                return Outcome::Stopped;
            }
            let permit = match self.permit(step).await {
                Ok(permit) => permit,
                Err(outcome) => return outcome,
            };
            let input = match filled(step, &outputs) {
                Some(input) => input,
                None => return Outcome::Mismatch { step: step.id.clone(), subject: step.subject.clone() },
            };
            let op = step.action.op;
            tracing::info!(step = %step.id, operation = %op, "writing");
            let (before, beside) = {
                let world = self.world.lock();
                (world.tree(&step.subject).cloned(), expectation::beside(step, &world))
            };
            // From here on nobody knows what is there, whatever becomes of the call.
            self.wrote(step, Expect::Anything);
            match self.calls.write(&permit, op, input).await {
                Ok(output) => {
                    self.wrote(step, expectation(step, before.as_ref(), &output));
                    if let Some((touched, expect)) = beside {
                        self.world.lock().wrote(touched.clone(), self.clock.now(), expect);
                    }
                    self.learn(op, &output);
                    outputs.insert(step.id.clone(), output.clone());
                    done.push((step.id.clone(), op, output));
                }
                Err(error) => {
                    if error.class == Class::UnknownEffect {
                        self.wrote(step, Expect::Unclear);
                    }
                    return Outcome::Failed { step: step.id.clone(), error };
                }
            }
        }
        Outcome::Done
    }

    /// Reads again, in one go, what the run rests on and is not fresh.
    async fn refresh(&self, steps: &[Step]) {
        let now = self.clock.now();
        let stale: BTreeSet<Subject> = {
            let world = self.world.lock();
            steps
                .iter()
                .flat_map(|s| {
                    let own = (!matches!(s.guard, Guard::AsLeftBy(_))).then_some(&s.subject);
                    own.into_iter().chain(&s.watches)
                })
                .filter(|s| !is_fresh(world.seen(s), now))
                .cloned()
                .collect()
        };
        self.look(&stale).await;
    }

    async fn look(&self, subjects: &BTreeSet<Subject>) {
        if subjects.is_empty() {
            return;
        }
        let known = Known::of(&self.world.lock(), subjects);
        let observed = observe(&self.calls, subjects, &known, self.clock.now()).await;
        let mut world = self.world.lock();
        for (subject, seen) in observed.seen {
            world.observe(subject, seen);
        }
    }

    /// The permit for a step, or why there is none.
    async fn permit(&self, step: &Step) -> Result<Permit, Outcome> {
        let mismatch = || Outcome::Mismatch { step: step.id.clone(), subject: step.subject.clone() };
        if !matches!(step.guard, Guard::AsLeftBy(_)) {
            let fresh = is_fresh(self.world.lock().seen(&step.subject), self.clock.now());
            if !fresh {
                self.look(&BTreeSet::from([step.subject.clone()])).await;
            }
            let world = self.world.lock();
            let seen = world.seen(&step.subject);
            if !is_fresh(seen, self.clock.now()) || !holds(step, seen) {
                return Err(mismatch());
            }
        }
        if let Some(subject) = &step.watches {
            let fresh = is_fresh(self.world.lock().seen(subject), self.clock.now());
            if !fresh {
                self.look(&BTreeSet::from([subject.clone()])).await;
            }
            let clock = self.calls.now().map_or(0, |t| t.as_second());
            let world = self.world.lock();
            let paused = world.tree(subject).is_some_and(|tree| paused_by_tag(tree, clock).is_some());
            if paused || world.seen(subject).is_unknown() {
                return Err(Outcome::Mismatch { step: step.id.clone(), subject: subject.clone() });
            }
        }
        if let Some(subject) = revision(step) {
            // Readings of what hardly ever changes are old; a revision may have been deregistered since.
            let seen_at = self.world.lock().seen(&subject).seen_at();
            if seen_at.is_none_or(|at| self.clock.now().since(at) > EXPECTATION) {
                self.look(&BTreeSet::from([subject.clone()])).await;
            }
            let world = self.world.lock();
            if world.tree(&subject).is_none_or(|t| t.str("status") == Some("INACTIVE")) {
                return Err(Outcome::Mismatch { step: step.id.clone(), subject });
            }
        }
        Ok(Permit::new(step.subject.to_string(), self.deadline.clone()))
    }

    fn wrote(&self, step: &Step, expect: Expect) {
        let now = self.clock.now();
        let mut world = self.world.lock();
        for touched in &step.touches {
            world.wrote(touched.clone(), now, Expect::Anything);
        }
        world.wrote(step.subject.clone(), now, expect);
    }

    /// Takes what an answer shows whole into the world, so that it need not be read again, and what it shows
    /// of other subjects for later readings to be measured by.
    fn learn(&self, op: Op, output: &Tree) {
        let now = self.clock.now();
        match op {
            Op::EcsRegisterTaskDefinition => {
                let Some(tree) = output.get("taskDefinition") else { return };
                if let Some(arn) = tree.str("taskDefinitionArn") {
                    let tags = output.get("tags").cloned().unwrap_or_default();
                    let seen = Seen::Present { seen_at: now, tree: tree.clone().with("tags", tags) };
                    self.world.lock().observe(Subject::TaskDefinition(arn.to_owned()), seen);
                }
            }
            // The step that creates a load balancer's first listener writes the load balancer.
            Op::Elbv2CreateListener => {
                let balancer = output.pointer("listeners/0/loadBalancerArn").and_then(Tree::as_str);
                if let Some(arn) = balancer {
                    let subject = Subject::Listeners(arn.to_owned());
                    self.world.lock().wrote(subject, now, expectation::listener(output));
                }
            }
            _ => {}
        }
    }
}

/// The revision that a step gives a service, where it exists already.
fn revision(step: &Step) -> Option<Subject> {
    let arn = match step.action.op {
        Op::EcsCreateService | Op::EcsUpdateService => step.action.input.str("taskDefinition")?,
        _ => return None,
    };
    Some(Subject::TaskDefinition(arn.to_owned()))
}

fn is_fresh(seen: &Seen, now: Moment) -> bool {
    seen.seen_at().is_some_and(|at| now.since(at) <= FRESH)
}

/// True where the subject is as the guard says. What is on its way out or gone for good counts as absent.
fn holds(step: &Step, seen: &Seen) -> bool {
    match (&step.guard, seen) {
        (Guard::AsLeftBy(_), _) => true,
        (_, Seen::Unknown) => false,
        (Guard::Absent, Seen::Absent { .. }) => true,
        (Guard::Absent, Seen::Present { tree, .. }) => tree.str("status") == Some("INACTIVE"),
        (Guard::AsPlanned(_), Seen::Absent { .. }) => false,
        (Guard::AsPlanned(hash), Seen::Present { tree, .. }) => stable(step, tree) == *hash,
    }
}

/// The input with what earlier steps left for it; `None` where an answer lacks it.
fn filled(step: &Step, outputs: &BTreeMap<StepId, Tree>) -> Option<Tree> {
    let mut input = step.action.input.clone();
    for fill in &step.action.fills {
        let value = outputs.get(&fill.from)?.pointer(fill.output)?.clone();
        let value = if fill.in_list { Tree::list([value]) } else { value };
        input.set(fill.member, value);
    }
    Some(input)
}
