//! The loops that keep the world fresh: one for each kind of subject, with its own cadence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_cloud::calls::{CallError, Class};
use evenkeel_cloud::observe::{Known, observe};
use evenkeel_model::key::{Subject, SubjectKind};
use evenkeel_model::world::{Moment, World};
use evenkeel_plan::is_history;
use tokio_util::sync::CancellationToken;

use crate::daemon::Shared;

/// How old a reading may get. What costs a call each is read rarely, what rollouts and people move is read
/// often; before any write it is read again anyway.
const fn cadence(kind: SubjectKind) -> Duration {
    Duration::from_secs(match kind {
        // Health is of interest only while a target group is being replaced.
        SubjectKind::Service | SubjectKind::TargetHealth => 10,
        // Of interest only while a rollout shifts traffic, waits for a person or fails.
        SubjectKind::Deployments | SubjectKind::StoppedTasks => 20,
        SubjectKind::TargetGroup
        | SubjectKind::Listeners
        | SubjectKind::Rules
        | SubjectKind::ScalableTarget
        | SubjectKind::Policies
        | SubjectKind::ScheduledActions => 30,
        SubjectKind::Cluster | SubjectKind::LoadBalancer => 60,
        // A call each for families, of which there are as many as services.
        SubjectKind::Repository | SubjectKind::LogGroup | SubjectKind::Family => 300,
        // Immutable but for their status.
        SubjectKind::TaskDefinition | SubjectKind::ServiceRevision => 3600,
    })
}

/// How long after our write the first look comes: AWS's readings lag behind its writes.
const SETTLE: Duration = Duration::from_secs(1);
/// How long after a look that told nothing the next one comes; doubled with each further call that fails,
/// up to sixteen times.
const AGAIN: Duration = Duration::from_secs(3);
/// After how many looks in a row it is told that what AWS has just listed is said not to exist when more is asked
/// about it: while readings lag, that is nothing to tell.
const UNFOUND: u32 = 3;
/// What a service is said to run and cannot be found is looked for again soon: the reading was stale.
const MISSING: Duration = Duration::from_secs(10);

/// The subjects of a kind whose look is due, and the moment of the next one. Where one is due, those that
/// were seen before and would be due soon go along: AWS answers for many at the price of one. Readings from
/// before `asked` are due whatever their age.
fn due(
    kind: SubjectKind,
    interest: &BTreeSet<Subject>,
    world: &World,
    tried: &BTreeMap<Subject, Moment>,
    failures: u32,
    asked: Moment,
    now: Moment,
) -> (BTreeSet<Subject>, Option<Moment>) {
    let again = AGAIN * (1 << failures.saturating_sub(1).min(4));
    let mut due = BTreeSet::new();
    let mut soon = Vec::new();
    let mut next: Option<Moment> = None;
    for subject in interest.iter().filter(|s| s.kind() == kind) {
        let seen = world.seen(subject);
        let every = match kind {
            SubjectKind::TaskDefinition | SubjectKind::ServiceRevision if seen.is_absent() => MISSING,
            // What is over is not asked for again and again.
            SubjectKind::Deployments if matches!(subject, Subject::Deployments(key) if is_history(world, key)) => {
                cadence(SubjectKind::ServiceRevision)
            }
            _ => cadence(kind),
        };
        let seen_at = seen.seen_at();
        let tried = tried.get(subject).copied();
        let at = match seen_at {
            Some(seen_at) => {
                // A look after the last reading that failed is tried again soon, not at once.
                let retry = tried.filter(|t| *t > seen_at).map(|t| t + again);
                let every = if seen_at < asked { Duration::ZERO } else { every };
                (seen_at + every).max(retry.unwrap_or_default())
            }
            None => {
                let written = world.written_at(subject).map(|w| w + SETTLE);
                let retry = tried.filter(|t| written.is_none_or(|w| *t >= w)).map(|t| t + again);
                written.unwrap_or_default().max(retry.unwrap_or_default())
            }
        };
        if at <= now {
            due.insert(subject.clone());
            continue;
        }
        if seen_at.is_some() && at <= now + cadence(kind) / 4 {
            soon.push(subject.clone());
        }
        next = Some(next.map_or(at, |n| n.min(at)));
    }
    if !due.is_empty() {
        due.extend(soon);
    }
    (due, next)
}

/// Looks whenever a look is due, until the end.
pub(crate) async fn watch(shared: Arc<Shared>, kind: SubjectKind, end: CancellationToken) {
    let mut interest = shared.interest.subscribe();
    let mut dirty = shared.dirty.subscribe();
    let mut renew = shared.renew.subscribe();
    let mut tried: BTreeMap<Subject, Moment> = BTreeMap::new();
    // Looks in a row that ended in an error.
    let mut failures = 0_u32;
    let mut unread = Unread::default();
    loop {
        let wanted = interest.borrow_and_update().clone();
        dirty.mark_unchanged();
        let asked = *renew.borrow_and_update();
        tried.retain(|s, _| wanted.contains(s));
        unread.subjects.retain(|s| wanted.contains(s));
        let now = shared.clock.now();
        let (now_due, next) = due(kind, &wanted, &shared.world.lock(), &tried, failures, asked, now);
        if !now_due.is_empty() {
            for subject in &now_due {
                tried.insert(subject.clone(), now);
            }
            tokio::select! {
                biased;
                () = end.cancelled() => return,
                fine = look(&shared, kind, &now_due, failures, &mut unread) => {
                    failures = if fine { 0 } else { failures + 1 };
                }
            }
            continue;
        }
        let idle = next.map_or(cadence(kind), |next| next.since(shared.clock.now()));
        tokio::select! {
            biased;
            () = end.cancelled() => return,
            _ = interest.changed() => {}
            _ = dirty.changed() => {}
            _ = renew.changed() => {}
            () = shared.sleep(idle.max(Duration::from_millis(50))) => {}
        }
    }
}

/// Subjects of a kind that could not be read when they were last looked at.
#[derive(Default)]
struct Unread {
    subjects: BTreeSet<Subject>,
    /// What the last look at one of them said.
    error: String,
}

impl Unread {
    /// Takes account of a look at some subjects: of those that it did not see, or of all of them where it saw
    /// them in spite of its error.
    fn looked(&mut self, at: &BTreeSet<Subject>, unseen: BTreeSet<Subject>, error: Option<String>) {
        self.subjects.retain(|subject| !at.contains(subject));
        if let Some(error) = error {
            self.subjects.extend(if unseen.is_empty() { at.clone() } else { unseen });
            self.error = error;
        }
    }

    fn trouble(&self) -> Option<String> {
        (!self.subjects.is_empty()).then(|| self.error.clone())
    }
}

/// The error to tell of a look, after so many in a row that failed.
fn told(errors: &[CallError], failures: u32) -> Option<String> {
    let lags = |e: &&CallError| e.class == Class::NotFound && failures < UNFOUND;
    errors.iter().find(|e| !lags(e)).map(ToString::to_string)
}

/// Looks at some subjects of a kind, after so many looks in a row that failed; false where a call failed.
async fn look(
    shared: &Shared,
    kind: SubjectKind,
    subjects: &BTreeSet<Subject>,
    failures: u32,
    unread: &mut Unread,
) -> bool {
    let known = Known::of(&shared.world.lock(), subjects);
    let begun = shared.clock.now();
    let observed = observe(&shared.calls, subjects, &known, begun).await;
    let mut news = false;
    let mut unseen = subjects.clone();
    {
        let mut world = shared.world.lock();
        for (subject, seen) in observed.seen {
            unseen.remove(&subject);
            let before = world.seen(&subject).clone();
            let moved =
                before.tree() != seen.tree() || before.is_unknown() || before.is_absent() != seen.is_absent();
            news |= world.observe(subject, seen) && moved;
        }
    }
    let fine = observed.errors.is_empty();
    unread.looked(subjects, unseen, told(&observed.errors, failures));
    let trouble = unread.trouble();
    let before = {
        let mut board = shared.board();
        match &trouble {
            Some(error) => board.trouble.insert(kind, error.clone()),
            None => board.trouble.remove(&kind),
        }
    };
    if before != trouble {
        match &trouble {
            Some(error) => shared.event(None, format!("cannot read {}: {error}", kind.name()), true),
            None => shared.event(None, format!("{} can be read again", kind.name()), false),
        }
        news = true;
    }
    if news {
        shared.wake.notify_one();
    }
    fine
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_model::world::{Expect, Seen};

    fn subject() -> Subject {
        Subject::Cluster("c".into())
    }

    #[test]
    fn what_cannot_be_read_is_said_until_it_was_read_or_nobody_asks_any_more() {
        let [bad, good] = ["bad", "good"].map(|name| BTreeSet::from([Subject::Cluster(name.into())]));
        let mut unread = Unread::default();
        unread.looked(&bad, bad.clone(), Some("no".into()));
        unread.looked(&good, BTreeSet::new(), None);
        assert_eq!(unread.trouble().as_deref(), Some("no"), "another subject that can be read ends nothing");
        unread.looked(&bad, BTreeSet::new(), None);
        assert_eq!(unread.trouble(), None);
        unread.looked(&good, BTreeSet::new(), Some("in part".into()));
        assert_eq!(unread.trouble().as_deref(), Some("in part"));
    }

    #[test]
    fn what_is_listed_and_not_found_is_told_when_it_stays_so() {
        let error = |class| CallError {
            op: evenkeel_model::shapes::Op::Elbv2DescribeTags,
            class,
            code: None,
            message: "no".into(),
            status: None,
            request_id: None,
        };
        assert_eq!(told(&[], 0), None);
        let unfound = [error(Class::NotFound)];
        let when: Vec<u32> = (0..6).filter(|failures| told(&unfound, *failures).is_some()).collect();
        assert_eq!(when, [3, 4, 5]);
        let other = [error(Class::NotFound), error(Class::Denied)];
        assert!(told(&other, 0).is_some(), "what else fails is told at once");
    }

    fn is_due(world: &World, tried: &[(Subject, Moment)], now: u64) -> bool {
        let interest = BTreeSet::from([subject()]);
        let tried = tried.iter().cloned().collect();
        !due(SubjectKind::Cluster, &interest, world, &tried, 0, Moment(0), Moment(now)).0.is_empty()
    }

    #[test]
    fn what_was_never_seen_is_due_at_once_and_then_not_again_for_a_while() {
        let world = World::default();
        assert!(is_due(&world, &[], 1));
        assert!(!is_due(&world, &[(subject(), Moment(1))], 2));
        assert!(is_due(&world, &[(subject(), Moment(1))], 3_001));
    }

    #[test]
    fn the_more_calls_fail_the_rarer_they_become() {
        let interest = BTreeSet::from([subject()]);
        let tried = BTreeMap::from([(subject(), Moment(0))]);
        let next = |failures| {
            let (_, next) = due(
                SubjectKind::Cluster,
                &interest,
                &World::default(),
                &tried,
                failures,
                Moment(0),
                Moment(0),
            );
            next.unwrap().0
        };
        assert_eq!([0, 1, 2, 3, 9].map(next), [3_000, 3_000, 6_000, 12_000, 48_000]);
    }

    #[test]
    fn what_was_seen_is_due_after_its_cadence() {
        let mut world = World::default();
        world.observe(subject(), Seen::Absent { seen_at: Moment(1) });
        assert!(!is_due(&world, &[(subject(), Moment(1))], 59_000));
        assert!(is_due(&world, &[(subject(), Moment(1))], 60_001));
    }

    #[test]
    fn what_was_seen_before_somebody_asked_is_due_once() {
        let interest = BTreeSet::from([subject()]);
        let mut world = World::default();
        world.observe(subject(), Seen::Absent { seen_at: Moment(1_000) });
        let at = |asked: u64, tried: u64| {
            let tried = BTreeMap::from([(subject(), Moment(tried))]);
            !due(SubjectKind::Cluster, &interest, &world, &tried, 0, Moment(asked), Moment(2_000))
                .0
                .is_empty()
        };
        assert!(at(1_001, 1_000));
        assert!(!at(1_000, 1_000));
        assert!(!at(1_001, 1_500), "a look has begun since");
    }

    #[test]
    fn what_is_due_soon_goes_along_with_what_is_due_now() {
        let other = Subject::Cluster("other".into());
        let interest = BTreeSet::from([subject(), other.clone()]);
        let mut world = World::default();
        world.observe(subject(), Seen::Absent { seen_at: Moment(1) });
        world.observe(other.clone(), Seen::Absent { seen_at: Moment(10_000) });
        let at = |now: u64| {
            due(SubjectKind::Cluster, &interest, &world, &BTreeMap::new(), 0, Moment(0), Moment(now)).0
        };
        assert_eq!(at(59_000).len(), 0);
        assert_eq!(at(60_001).len(), 2);
        world.wrote(other, Moment(60_000), Expect::Anything);
        assert_eq!(
            due(SubjectKind::Cluster, &interest, &world, &BTreeMap::new(), 0, Moment(0), Moment(60_001))
                .0
                .len(),
            1
        );
    }

    #[test]
    fn what_we_wrote_is_due_a_second_later_whatever_was_tried_before() {
        let mut world = World::default();
        world.wrote(subject(), Moment(10_000), Expect::Anything);
        let tried = [(subject(), Moment(9_900))];
        assert!(!is_due(&world, &tried, 10_500));
        assert!(is_due(&world, &tried, 11_000));
    }
}
