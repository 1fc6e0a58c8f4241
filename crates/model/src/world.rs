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
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// Its value: an ARN.
        value: String,
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
    expect: Expect,
}

/// The picture of AWS.
#[derive(Clone, Debug, Default)]
pub struct World {
    subjects: BTreeMap<Subject, Seen>,
    written: BTreeMap<Subject, Written>,
    /// Since when the numbers of what an autoscaler moves are what they are.
    steady: BTreeMap<Subject, Moment>,
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
        if let Some(written) = self.written.get(&subject) {
            let patience = if written.expect == Expect::Unclear { UNCLEAR } else { EXPECTATION };
            let settled = seen_at.since(written.at) >= patience;
            if seen_at <= written.at || !(settled || agrees(&written.expect, &seen)) {
                return false;
            }
            self.written.remove(&subject);
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

    /// Notes that we wrote a subject, or may have: it is unknown until it is seen again. What an earlier
    /// write must have left and nobody has seen since is still expected after one of which nothing is.
    pub fn wrote(&mut self, subject: Subject, at: Moment, expect: Expect) {
        let earlier = self.written.get(&subject).map(|w| w.expect.clone());
        let expect = if expect == Expect::Anything { earlier.unwrap_or(expect) } else { expect };
        self.subjects.insert(subject.clone(), Seen::Unknown);
        self.written.insert(subject, Written { at, expect });
    }

    /// When we last wrote a subject that has not been seen since.
    pub fn written_at(&self, subject: &Subject) -> Option<Moment> {
        self.written.get(subject).map(|w| w.at)
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
        (Expect::Deployment(id), seen) => {
            seen.tree().is_some_and(|t| t.list_of("deployments").iter().any(|d| d.str("id") == Some(id)))
        }
    }
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
        world.wrote(subject(), Moment(5), Expect::Anything);
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
        world.wrote(subject(), Moment(8), expect(""));
        assert!(!world.observe(subject(), present(9, serde_json::json!(["arn:1"]))));
        assert!(world.observe(subject(), present(10, serde_json::json!(["arn:2", "arn:1"]))));
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
