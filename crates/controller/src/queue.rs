//! The keyed queue: one slot for each unit. A newer plan replaces a waiting one, two runs of one unit
//! never overlap, and what came first goes first.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::key::UnitKey;
use evenkeel_model::world::Moment;

/// Units that wait for a run, and units whose run is under way.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: BTreeMap<UnitKey, Slot<T>>,
    running: BTreeSet<UnitKey>,
    most: usize,
    next: u64,
}

/// What waits.
#[derive(Debug)]
struct Slot<T> {
    place: u64,
    since: Moment,
    run: T,
}

impl<T> Queue<T> {
    /// A queue of which at most `most` units run at once.
    pub fn new(most: usize) -> Self {
        Queue { waiting: BTreeMap::new(), running: BTreeSet::new(), most, next: 0 }
    }

    /// Puts a unit in its slot. Where one waits there already, the newer plan takes its place in line.
    pub fn push(&mut self, key: UnitKey, run: T, now: Moment) {
        let (place, since) = match self.waiting.get(&key) {
            Some(slot) => (slot.place, slot.since),
            None => {
                self.next += 1;
                (self.next, now)
            }
        };
        self.waiting.insert(key, Slot { place, since, run });
    }

    /// Keeps only the waiting units for which `keep` holds: what the newest plan no longer has is stale.
    pub fn retain(&mut self, keep: impl Fn(&UnitKey) -> bool) {
        self.waiting.retain(|key, _| keep(key));
    }

    /// Takes the next unit that may run, with since when it has waited; it counts as running until
    /// [`Queue::done`].
    pub fn take(&mut self) -> Option<(UnitKey, T, Moment)> {
        if self.running.len() >= self.most {
            return None;
        }
        let (_, key) = self
            .waiting
            .iter()
            .filter(|(key, _)| !self.running.contains(*key))
            .map(|(key, slot)| (slot.place, key.clone()))
            .min()?;
        let Slot { run, since, .. } = self.waiting.remove(&key)?;
        self.running.insert(key.clone());
        Some((key, run, since))
    }

    /// A run has ended.
    pub fn done(&mut self, key: &UnitKey) {
        self.running.remove(key);
    }

    /// The units whose run is under way.
    pub fn running(&self) -> &BTreeSet<UnitKey> {
        &self.running
    }

    /// How many units wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True where none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str) -> UnitKey {
        UnitKey::TargetGroup(name.into())
    }

    #[test]
    fn what_came_first_goes_first_and_a_newer_plan_keeps_the_place() {
        let mut queue = Queue::new(9);
        queue.push(unit("b"), 1, Moment(1));
        queue.push(unit("a"), 2, Moment(2));
        queue.push(unit("b"), 3, Moment(3));
        assert_eq!(queue.take(), Some((unit("b"), 3, Moment(1))), "it has waited since it first came");
        assert_eq!(queue.take(), Some((unit("a"), 2, Moment(2))));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn two_runs_of_one_unit_never_overlap() {
        let mut queue = Queue::new(9);
        queue.push(unit("a"), 1, Moment(1));
        queue.take();
        queue.push(unit("a"), 2, Moment(2));
        assert_eq!(queue.take(), None);
        queue.done(&unit("a"));
        assert_eq!(queue.take(), Some((unit("a"), 2, Moment(2))));
    }

    #[test]
    fn no_more_run_than_allowed() {
        let mut queue = Queue::new(1);
        queue.push(unit("a"), 1, Moment(1));
        queue.push(unit("b"), 1, Moment(1));
        assert!(queue.take().is_some());
        assert!(queue.take().is_none());
        assert_eq!(queue.running().len(), 1);
    }

    #[test]
    fn what_the_newest_plan_lacks_is_dropped() {
        let mut queue = Queue::new(1);
        queue.push(unit("a"), 1, Moment(1));
        queue.retain(|_| false);
        assert!(queue.is_empty());
    }
}
