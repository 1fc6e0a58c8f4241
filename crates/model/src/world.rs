//! What AWS told us, and when: one picture for planning, in which not knowing is a value.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::key::Subject;
use crate::tree::Tree;

/// A moment on the process's own monotonic clock, in milliseconds since an arbitrary start. In a
/// simulation it runs at the simulator's speed. Only differences mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// How long ago `earlier` was; zero where it lies ahead.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Moment;
    fn add(self, rhs: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// What is known of one subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Seen {
    /// Not yet seen, or written since.
    #[default]
    Unknown,
    /// AWS answered by name, or by a complete listing, that it is not there.
    Absent {
        /// When the reading began.
        seen_at: Moment,
    },
    /// It is there.
    Present {
        /// When the reading began.
        seen_at: Moment,
        /// As AWS described it, in canonical names.
        tree: Tree,
    },
}

impl Seen {
    /// The tree, where it is present.
    pub const fn tree(&self) -> Option<&Tree> {
        match self {
            Seen::Present { tree, .. } => Some(tree),
            _ => None,
        }
    }

    /// When the reading began; `None` for unknown.
    pub const fn seen_at(&self) -> Option<Moment> {
        match self {
            Seen::Unknown => None,
            Seen::Absent { seen_at } | Seen::Present { seen_at, .. } => Some(*seen_at),
        }
    }

    /// True for [`Seen::Unknown`].
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Seen::Unknown)
    }

    /// True for [`Seen::Absent`].
    pub const fn is_absent(&self) -> bool {
        matches!(self, Seen::Absent { .. })
    }
}

/// What a subject must look like before a reading after our write is believed: AWS's APIs are
/// eventually consistent, and a reading may come from before the write even when it began after it.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// Nothing in particular.
    Anything,
    /// It exists.
    Present,
    /// It no longer exists, or says that it is going.
    Absent,
    /// Nobody knows: the answer was lost. Only a reading from some time after the write tells.
    Unclear,
    /// It is a service that lists this deployment.
    Deployment(String),
    /// It is a listing with an element whose member has this value, or where the member is empty, with this
    /// text as an element.
    Lists {
        /// The member, in its canonical name.
        member: &'static str,
        /// Its value: an ARN, or a name.
        value: String,
    },
    /// It is no longer as it was: a reading in which all these members have the values that they had before the
    /// write is from before it.
    Unlike {
        /// In a listing, the member and the value by which the element is known.
        item: Option<(&'static str, String)>,
        /// The members with their values; null where there was none.
        was: Tree,
    },
}

/// How long a contradicting reading is taken for a stale one. ECS documents eventual consistency with
/// waits of up to minutes; stale reads of more than some seconds have not been reported.
pub const EXPECTATION: Duration = Duration::from_secs(60);

/// How long after a write without an answer a reading may still be from before it.
pub const UNCLEAR: Duration = Duration::from_secs(15);

#[derive(Clone, Debug)]
struct Written {
    at: Moment,
    /// What it must have left, and what earlier writes must have: each with the time of its write.
    expects: Vec<(Moment, Expect)>,
}

impl Written {
    /// True where a reading may be from after all that was written.
    fn admits(&self, seen_at: Moment, seen: &Seen) -> bool {
        seen_at > self.at
            && self.expects.iter().all(|(at, expect)| expect.is_over(*at, seen_at) || agrees(expect, seen))
    }
}

impl Expect {
    /// True where a reading is no longer measured by it.
    fn is_over(&self, since: Moment, at: Moment) -> bool {
        at.since(since) >= if *self == Expect::Unclear { UNCLEAR } else { EXPECTATION }
    }

    /// True where a later write that leaves this says nothing about what an earlier one left.
    fn stands_beside(&self, earlier: &Expect) -> bool {
        match (self, earlier) {
            (Expect::Anything, _) => true,
            (Expect::Deployment(_), Expect::Deployment(_)) => false,
            (Expect::Unlike { item: Some((_, it)), .. }, Expect::Lists { value, .. }) => it != value,
            (Expect::Unlike { item, was }, Expect::Unlike { item: other, was: before }) => {
                let names = |of: &'_ Tree| of.entries().map(|(name, _)| name.clone()).collect::<Vec<_>>();
                item != other || names(was).iter().all(|name| !names(before).contains(name))
            }
            (Expect::Deployment(_) | Expect::Lists { .. } | Expect::Unlike { .. }, earlier) => {
                !matches!(earlier, Expect::Unclear | Expect::Absent)
            }
            (Expect::Present | Expect::Absent | Expect::Unclear, _) => false,
        }
    }
}

/// The picture of AWS.
#[derive(Clone, Debug, Default)]
pub struct World {
    subjects: BTreeMap<Subject, Seen>,
    written: BTreeMap<Subject, Written>,
    /// Since when the numbers of what an autoscaler moves are what they are.
    steady: BTreeMap<Subject, Moment>,
    last_written: Option<Moment>,
}

impl World {
    /// What is known of a subject.
    pub fn seen(&self, subject: &Subject) -> &Seen {
        static UNKNOWN: Seen = Seen::Unknown;
        self.subjects.get(subject).unwrap_or(&UNKNOWN)
    }

    /// The tree of a subject that is present.
    pub fn tree(&self, subject: &Subject) -> Option<&Tree> {
        self.seen(subject).tree()
    }

    /// All subjects with what is known of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &Seen)> {
        self.subjects.iter()
    }

    /// Takes in a reading. One that began before our last write to the subject, or that contradicts
    /// what that write must have left, is dropped: false is returned and the subject stays as it was.
    pub fn observe(&mut self, subject: Subject, seen: Seen) -> bool {
        let Some(seen_at) = seen.seen_at() else {
            return false;
        };
        // Readings come from several replicas: one that agrees says nothing of the next.
        if let Some(written) = self.written.get_mut(&subject) {
            if !written.admits(seen_at, &seen) {
                return false;
            }
            written.expects.retain(|(at, expect)| !expect.is_over(*at, seen_at));
            if written.expects.is_empty() {
                self.written.remove(&subject);
            }
        }
        if self.seen(&subject).seen_at().is_some_and(|known| known > seen_at) {
            return false;
        }
        if numbers(&subject, &seen).is_none_or(|now| numbers(&subject, self.seen(&subject)) != Some(now)) {
            self.steady.remove(&subject);
        }
        if numbers(&subject, &seen).is_some() {
            self.steady.entry(subject.clone()).or_insert(seen_at);
        }
        self.subjects.insert(subject, seen);
        true
    }

    /// For how long the numbers that an autoscaler moves, a service's count or the bounds of its target, have
    /// been seen to be what they are; nothing where they were seen once.
    pub fn steady_for(&self, subject: &Subject) -> Duration {
        let last = self.seen(subject).seen_at();
        last.zip(self.steady.get(subject)).map_or(Duration::ZERO, |(last, first)| last.since(*first))
    }

    /// Notes that we wrote a subject, or may have: it is unknown until it is seen again. What earlier writes
    /// must have left is still expected where this one says nothing about it.
    pub fn wrote(&mut self, subject: Subject, at: Moment, expect: Expect) {
        self.subjects.insert(subject.clone(), Seen::Unknown);
        self.last_written = self.last_written.max(Some(at));
        let written = self.written.entry(subject).or_insert(Written { at, expects: Vec::new() });
        written.at = at;
        written.expects.retain(|(since, e)| !e.is_over(*since, at) && expect.stands_beside(e));
        if expect != Expect::Anything {
            written.expects.push((at, expect));
        }
    }

    /// When we last wrote a subject that has not been seen since.
    pub fn written_at(&self, subject: &Subject) -> Option<Moment> {
        self.seen(subject).is_unknown().then(|| self.written.get(subject).map(|w| w.at))?
    }

    /// When we last wrote anything.
    pub fn last_written(&self) -> Option<Moment> {
        self.last_written
    }

    /// Forgets subjects nobody asks about any longer.
    pub fn retain(&mut self, keep: impl Fn(&Subject, &Seen) -> bool) {
        self.subjects.retain(|s, seen| keep(s, seen));
        let World { subjects, steady, .. } = self;
        steady.retain(|s, _| subjects.contains_key(s));
    }
}

/// The numbers of a subject that an autoscaler moves.
fn numbers(subject: &Subject, seen: &Seen) -> Option<[Option<i64>; 2]> {
    let tree = seen.tree()?;
    match subject {
        Subject::Service(_) => Some([tree.int("desiredCount"), None]),
        Subject::ScalableTarget(_) => Some([tree.int("minCapacity"), tree.int("maxCapacity")]),
        _ => None,
    }
}

fn agrees(expect: &Expect, seen: &Seen) -> bool {
    match (expect, seen) {
        (Expect::Anything, _) => true,
        (Expect::Unclear, _) => false,
        (Expect::Present, seen) => !seen.is_absent(),
        (Expect::Absent, Seen::Present { tree, .. }) => {
            matches!(tree.str("status"), Some("INACTIVE" | "DRAINING"))
        }
        (Expect::Absent, _) => true,
        (Expect::Lists { member, value }, seen) => seen.tree().is_some_and(|t| {
            let text =
                |item: &Tree| if member.is_empty() { item.as_str() } else { item.str(member) } == Some(value);
            t.items().iter().any(text)
        }),
        (Expect::Unlike { item: None, was }, seen) => seen.tree().is_none_or(|t| differs(t, was)),
        (Expect::Unlike { item: Some((member, value)), was }, seen) => {
            let items = seen.tree().map_or(&[][..], Tree::items);
            let found = items.iter().find(|item| item.str(member) == Some(value));
            found.is_none_or(|item| differs(item, was))
        }
        (Expect::Deployment(id), seen) => {
            seen.tree().is_some_and(|t| t.list_of("deployments").iter().any(|d| d.str("id") == Some(id)))
        }
    }
}

/// True where one of these members has another value.
fn differs(tree: &Tree, was: &Tree) -> bool {
    was.entries().any(|(name, value)| tree.get(name).unwrap_or(&Tree::Null) != value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(at: u64, json: serde_json::Value) -> Seen {
        Seen::Present { seen_at: Moment(at), tree: Tree::from(json) }
    }

    fn subject() -> Subject {
        Subject::TargetGroup("api".into())
    }

    #[test]
    fn a_reading_begun_before_our_write_is_dropped() {
        let mut world = World::default();
        assert!(world.observe(subject(), Seen::Absent { seen_at: Moment(1) }));
        assert_eq!(world.last_written(), None);
        world.wrote(subject(), Moment(5), Expect::Anything);
        assert_eq!(world.last_written(), Some(Moment(5)));
        assert!(world.seen(&subject()).is_unknown());
        assert!(!world.observe(subject(), Seen::Absent { seen_at: Moment(5) }));
        assert!(world.seen(&subject()).is_unknown());
        assert!(world.observe(subject(), present(6, serde_json::json!({}))));
    }

    #[test]
    fn a_stale_absence_after_a_create_is_dropped_until_the_deadline() {
        let mut world = World::default();
        world.wrote(subject(), Moment(5), Expect::Present);
        assert!(!world.observe(subject(), Seen::Absent { seen_at: Moment(6) }));
        let late = Moment(5) + EXPECTATION;
        assert!(world.observe(subject(), Seen::Absent { seen_at: late }));
    }

    #[test]
    fn a_service_without_the_deployment_we_started_is_a_stale_reading() {
        let mut world = World::default();
        world.wrote(subject(), Moment(5), Expect::Deployment("ecs-svc/2".into()));
        let old = serde_json::json!({"deployments": [{"id": "ecs-svc/1"}]});
        let new = serde_json::json!({"deployments": [{"id": "ecs-svc/2"}, {"id": "ecs-svc/1"}]});
        assert!(!world.observe(subject(), present(6, old)));
        assert!(world.observe(subject(), present(7, new)));
    }

    #[test]
    fn a_tag_after_a_deployment_does_not_make_readings_without_the_deployment_credible() {
        let mut world = World::default();
        world.wrote(subject(), Moment(5), Expect::Deployment("ecs-svc/2".into()));
        world.wrote(subject(), Moment(6), Expect::Anything);
        let old = serde_json::json!({"deployments": [{"id": "ecs-svc/1"}]});
        assert!(!world.observe(subject(), present(7, old)));
    }

    #[test]
    fn a_listing_without_what_we_put_there_is_a_stale_reading() {
        let mut world = World::default();
        let expect = |member| Expect::Lists { member, value: "arn:2".into() };
        world.wrote(subject(), Moment(5), expect("ruleArn"));
        assert!(!world.observe(subject(), present(6, serde_json::json!([{"ruleArn": "arn:1"}]))));
        assert!(!world.observe(subject(), Seen::Absent { seen_at: Moment(6) }));
        assert!(world.observe(subject(), present(7, serde_json::json!([{"ruleArn": "arn:2"}]))));
        let mut world = World::default();
        world.wrote(subject(), Moment(8), expect(""));
        assert!(!world.observe(subject(), present(9, serde_json::json!(["arn:1"]))));
        assert!(world.observe(subject(), present(10, serde_json::json!(["arn:2", "arn:1"]))));
    }

    #[test]
    fn a_replica_that_agrees_does_not_vouch_for_the_others() {
        let mut world = World::default();
        world.wrote(subject(), Moment(5), Expect::Present);
        assert!(world.observe(subject(), present(6, serde_json::json!({}))));
        assert!(!world.observe(subject(), Seen::Absent { seen_at: Moment(7) }));
        assert!(world.tree(&subject()).is_some());
        assert!(world.observe(subject(), Seen::Absent { seen_at: Moment(5) + EXPECTATION }));
    }

    #[test]
    fn what_is_as_it_was_before_our_write_is_a_stale_reading() {
        let mut world = World::default();
        let unlike = |item, was| Expect::Unlike { item, was: Tree::from(was) };
        world.wrote(subject(), Moment(5), unlike(None, serde_json::json!({"a": 1, "b": null})));
        assert!(!world.observe(subject(), present(6, serde_json::json!({"a": 1, "c": 3}))));
        assert!(world.observe(subject(), present(7, serde_json::json!({"a": 1, "b": 2}))));
        // Written back, it may be as it was at first, and what else was written is expected on.
        world.wrote(subject(), Moment(8), unlike(None, serde_json::json!({"c": 3})));
        world.wrote(subject(), Moment(9), unlike(None, serde_json::json!({"b": 2})));
        assert!(!world.observe(subject(), present(10, serde_json::json!({"a": 1, "c": 3}))));
        assert!(world.observe(subject(), present(11, serde_json::json!({"a": 1, "c": 4}))));
        // One of a listing.
        let item = || Some(("arn", "x".to_owned()));
        world.wrote(subject(), Moment(12), Expect::Lists { member: "arn", value: "x".into() });
        world.wrote(subject(), Moment(13), unlike(item(), serde_json::json!({"arn": "x"})));
        assert!(!world.observe(subject(), present(14, serde_json::json!([{"arn": "y"}, {"arn": "x"}]))));
        assert!(world.observe(subject(), present(15, serde_json::json!([{"arn": "y"}]))));
    }

    #[test]
    fn after_a_lost_answer_only_a_reading_from_some_time_later_tells() {
        let mut world = World::default();
        world.wrote(subject(), Moment(5), Expect::Unclear);
        assert!(!world.observe(subject(), present(6, serde_json::json!({}))));
        let late = Moment(5) + UNCLEAR;
        assert!(world.observe(subject(), Seen::Absent { seen_at: late }));
    }

    #[test]
    fn numbers_are_steady_from_when_they_were_first_seen_as_they_are() {
        let mut world = World::default();
        let subject = Subject::Service(crate::key::ServiceKey::new("c", "s"));
        let counts =
            |at, count: i64| present(at, serde_json::json!({"desiredCount": count, "runningCount": at}));
        let steady = |world: &World| world.steady_for(&subject).as_millis();
        assert_eq!(steady(&world), 0);
        for (at, count, expected) in [(10, 2, 0), (20, 2, 10), (30, 3, 0), (70, 3, 40)] {
            assert!(world.observe(subject.clone(), counts(at, count)));
            assert_eq!(steady(&world), expected, "at {at}");
        }
        world.wrote(subject.clone(), Moment(80), Expect::Anything);
        assert_eq!(steady(&world), 0);
        assert!(world.observe(subject.clone(), counts(90, 3)));
        assert_eq!(steady(&world), 0);
    }

    #[test]
    fn an_older_reading_never_replaces_a_newer_one() {
        let mut world = World::default();
        assert!(world.observe(subject(), present(9, serde_json::json!({"a": 1}))));
        assert!(!world.observe(subject(), present(8, serde_json::json!({"a": 0}))));
    }
}
