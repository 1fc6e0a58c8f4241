//! What passes make of one another: which rollouts came to their end, how long a version of a document took, and
//! since when something differs. Kept in the process alone: what it did not see is not counted.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::world::Moment;
use evenkeel_plan::{Finished, Owner, UnitReport, WaitingOn};

use crate::status::Status;

/// The times that two of AWS's accounts give for one thing differ by no more seconds.
const TOGETHER: i64 = 5;

/// What a pass found out that is counted.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Rollouts that came to their end.
    pub rollouts: Vec<(UnitKey, Finished)>,
    /// How long versions of documents took from when they were first seen until all of them was settled.
    pub settled: Vec<Duration>,
}

/// What earlier passes showed.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By service.
    rollouts: BTreeMap<UnitKey, Mark>,
    /// By where the document is.
    versions: BTreeMap<String, Arrived>,
    /// Since when a unit differs, in Unix seconds.
    differing: BTreeMap<UnitKey, i64>,
}

/// The last rollout of a service that is accounted for.
#[derive(Debug, Default)]
struct Mark {
    last: Option<Finished>,
    /// What ended before this, in Unix seconds, does not count.
    ended: i64,
}

/// A version of a document.
#[derive(Debug)]
struct Arrived {
    version: String,
    at: Moment,
    /// It was not there when the process began, or something was to be done about it.
    counts: bool,
    settled: bool,
}

impl Ledger {
    /// Takes in what a pass shows, and says what is to be counted.
    pub fn turn(&mut self, status: &Status, now: Moment) -> Found {
        Found { rollouts: self.rollouts(status), settled: self.versions(status, now) }
    }

    /// Since when the units differ that do: what a human changed, from when it was first seen by whoever
    /// remembered that, everything else from when this process saw it.
    pub fn differing(&mut self, status: &Status) -> BTreeMap<UnitKey, i64> {
        let since = |(key, report): (&UnitKey, &UnitReport)| {
            let differs = report.drift.iter().any(|d| matches!(d.owner, Owner::Document | Owner::Human));
            let known = self.differing.get(key).copied().unwrap_or(status.clock);
            let first = report.lingering.values().map(|l| l.since).fold(known, i64::min);
            differs.then(|| (key.clone(), first))
        };
        self.differing = match status.clock {
            0 => BTreeMap::new(),
            _ => status.planned.report.units.iter().filter_map(since).collect(),
        };
        self.differing.clone()
    }

    fn rollouts(&mut self, status: &Status) -> Vec<(UnitKey, Finished)> {
        let units = &status.planned.report.units;
        self.rollouts.retain(|key, _| units.contains_key(key));
        let mut ended = Vec::new();
        for (key, report) in units {
            let Some(service) = key.service() else { continue };
            let unseen = WaitingOn::Seen(Subject::Service(service.clone()));
            if status.clock == 0 || report.waiting.contains(&unseen) {
                continue;
            }
            let Some(mark) = self.rollouts.get_mut(key) else {
                let mark = Mark { last: report.last_rollout.clone(), ended: status.clock };
                self.rollouts.insert(key.clone(), mark);
                continue;
            };
            let Some(last) = &report.last_rollout else { continue };
            let Some(end) = last.ended.filter(|_| last.took().is_some()) else { continue };
            if end >= mark.ended && !mark.last.as_ref().is_some_and(|known| is_same(known, last)) {
                ended.push((key.clone(), last.clone()));
                *mark = Mark { last: Some(last.clone()), ended: end };
            }
        }
        ended
    }

    fn versions(&mut self, status: &Status, now: Moment) -> Vec<Duration> {
        self.versions.retain(|source, _| status.documents.iter().any(|d| d.source == *source));
        let mut took = Vec::new();
        for (place, document) in status.documents.iter().enumerate() {
            let before = self.versions.get(&document.source);
            if before.is_none_or(|known| known.version != document.version) {
                let (version, counts) = (document.version.clone(), before.is_some());
                let arrived = Arrived { version, at: now, counts, settled: false };
                self.versions.insert(document.source.clone(), arrived);
            }
            let Some(arrived) = self.versions.get_mut(&document.source) else { continue };
            if arrived.settled || !status.observed {
                continue;
            }
            arrived.settled = status.is_document_settled(place);
            arrived.counts |= !arrived.settled;
            if arrived.settled && arrived.counts {
                took.push(now.since(arrived.at));
            }
        }
        took
    }
}

/// True where both are about one rollout, whose id ECS tells in more than one way.
fn is_same(a: &Finished, b: &Finished) -> bool {
    a.deployment == b.deployment || a.began.zip(b.began).is_some_and(|(a, b)| (a - b).abs() <= TOGETHER)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use evenkeel_model::Tree;
    use evenkeel_model::key::ServiceKey;
    use evenkeel_model::path::Path;
    use evenkeel_plan::{Drift, Lingering, Outcome, Rollout, State};

    use super::*;
    use crate::status::InForce;

    const NOTHING: [Duration; 0] = [];

    fn unit() -> UnitKey {
        UnitKey::Service(ServiceKey::new("main", "web"))
    }

    fn finished(deployment: &str, began: i64, ended: i64, outcome: Outcome) -> Finished {
        let (began, ended) = (Some(began), Some(ended));
        Finished { deployment: deployment.into(), outcome, began, ended, reason: None }
    }

    fn status(clock: i64, version: &str, report: UnitReport) -> Status {
        let document = InForce {
            source: "s3://b/x.json".into(),
            name: "x".into(),
            version: version.into(),
            modified: None,
            warnings: Vec::new(),
        };
        let mut status = Status { clock, observed: true, documents: vec![document], ..Status::default() };
        Arc::make_mut(&mut status.planned).report.units.insert(unit(), report);
        status
    }

    fn after(last: Option<Finished>) -> UnitReport {
        UnitReport { state: State::Synced, last_rollout: last, ..UnitReport::default() }
    }

    #[test]
    fn a_rollout_counts_once_where_its_end_was_seen() {
        let mut ledger = Ledger::default();
        let mut turn = |clock, last| ledger.rollouts(&status(clock, "1", after(last)));
        let first = finished("ecs-svc/1", 100, 160, Outcome::Completed);
        assert_eq!(turn(1000, Some(first.clone())), [], "it was over before this process came");
        assert_eq!(turn(1010, Some(first.clone())), []);
        let second = finished("ecs-svc/2", 1020, 1080, Outcome::CircuitBreaker);
        // Whoever says that it is over may not know yet when it began.
        assert_eq!(turn(1085, Some(Finished { began: None, ..second.clone() })), []);
        assert_eq!(turn(1090, Some(second.clone())), [(unit(), second.clone())]);
        assert_eq!(turn(1100, Some(second.clone())), []);
        assert_eq!(
            turn(1110, Some(Finished { deployment: "x8f".into(), ..second.clone() })),
            [],
            "another name of it"
        );
        assert_eq!(turn(1120, Some(first)), [], "an older one comes to be shown again");
        assert_eq!(turn(1130, None), []);
    }

    #[test]
    fn a_service_that_was_not_seen_yet_has_no_rollouts_that_count() {
        let mut ledger = Ledger::default();
        let service = Subject::Service(ServiceKey::new("main", "web"));
        let unseen = UnitReport { waiting: vec![WaitingOn::Seen(service)], ..UnitReport::default() };
        assert_eq!(ledger.rollouts(&status(1000, "1", unseen)), []);
        let over = finished("ecs-svc/1", 900, 990, Outcome::Completed);
        assert_eq!(ledger.rollouts(&status(1010, "1", after(Some(over)))), []);
    }

    #[test]
    fn a_version_counts_from_when_it_came_until_all_of_it_is_settled() {
        let mut ledger = Ledger::default();
        let rolling = || UnitReport {
            state: State::Rolling,
            rollout: Some(Rollout {
                deployment: "d".into(),
                desired: 1,
                running: 0,
                failed: 0,
                began: None,
                took: None,
                stage: None,
            }),
            ..UnitReport::default()
        };
        let mut turn =
            |version, report, millis| ledger.versions(&status(1000, version, report), Moment(millis));
        assert_eq!(turn("1", after(None), 0), NOTHING, "it was settled before this process came");
        assert_eq!(turn("2", rolling(), 10_000), NOTHING);
        assert_eq!(turn("3", rolling(), 20_000), NOTHING, "another came before it was settled");
        assert_eq!(turn("3", after(None), 50_000), [Duration::from_secs(30)]);
        assert_eq!(turn("3", rolling(), 60_000), NOTHING);
        assert_eq!(turn("3", after(None), 70_000), NOTHING);
        assert_eq!(turn("4", after(None), 80_000), [Duration::ZERO], "it asks for nothing else");
    }

    #[test]
    fn what_this_process_began_with_counts_where_something_was_to_be_done() {
        let mut ledger = Ledger::default();
        let changing = UnitReport { state: State::Changing, ..UnitReport::default() };
        assert_eq!(ledger.versions(&status(1000, "1", changing), Moment(0)), NOTHING);
        let done = ledger.versions(&status(1000, "1", after(None)), Moment(5_000));
        assert_eq!(done, [Duration::from_secs(5)]);
    }

    #[test]
    fn a_difference_is_dated_when_it_was_first_seen_by_memory_or_by_this_process() {
        let mut ledger = Ledger::default();
        let drift = |owner| Drift {
            part: "service".into(),
            path: Path::of(["x"]),
            want: Some(Tree::Int(1)),
            live: Some(Tree::Int(2)),
            owner,
            acted_on: false,
        };
        let with = |owner, since: Option<i64>| {
            let key = |since| {
                (("service".into(), Path::of(["x"])), Lingering { since, heals_in: None, later: false })
            };
            let lingering = since.into_iter().map(key).collect();
            UnitReport { drift: vec![drift(owner)], lingering, ..UnitReport::default() }
        };
        let mut at = |clock, report| ledger.differing(&status(clock, "1", report)).get(&unit()).copied();
        assert_eq!(at(0, with(Owner::Document, None)), None, "AWS has not told the time");
        assert_eq!(at(1000, with(Owner::Document, None)), Some(1000));
        assert_eq!(at(1010, with(Owner::Document, None)), Some(1000));
        assert_eq!(at(1020, with(Owner::Human, Some(500))), Some(500));
        assert_eq!(at(1030, with(Owner::Autoscaler, None)), None);
        assert_eq!(at(1040, with(Owner::Human, None)), Some(1040));
    }
}
