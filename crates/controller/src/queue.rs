//! The keyed queue: one slot for each unit. A newer plan replaces a waiting one, two runs of one unit
//! never overlap, and what came first goes first.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::key::UnitKey;

/// Units that wait for a run, and units whose run is under way.
#[derive(Debug)]
pub struct Queue<T> {
    waiting: BTreeMap<UnitKey, (u64, T)>,
    running: BTreeSet<UnitKey>,
    most: usize,
    next: u64,
}

impl<T> Queue<T> {
    /// A queue of which at most `most` units run at once.
    pub fn new(most: usize) -> Self {
        Queue { waiting: BTreeMap::new(), running: BTreeSet::new(), most, next: 0 }
    }

    /// Puts a unit in its slot. Where one waits there already, the newer plan takes its place in line.
    pub fn push(&mut self, key: UnitKey, run: T) {
        let place = match self.waiting.get(&key) {
            Some((place, _)) => *place,
            None => {
                self.next += 1;
                self.next
            }
        };
        self.waiting.insert(key, (place, run));
    }

    /// Keeps only the waiting units for which `keep` holds: what the newest plan no longer has is stale.
    pub fn retain(&mut self, keep: impl Fn(&UnitKey) -> bool) {
        self.waiting.retain(|key, _| keep(key));
    }

    /// Takes the next unit that may run; it counts as running until [`Queue::done`].
    pub fn take(&mut self) -> Option<(UnitKey, T)> {
        if self.running.len() >= self.most {
            return None;
        }
        let (_, key) = self
            .waiting
            .iter()
            .filter(|(key, _)| !self.running.contains(*key))
            .map(|(key, (place, _))| (*place, key.clone()))
            .min()?;
        let (_, run) = self.waiting.remove(&key)?;
        self.running.insert(key.clone());
        Some((key, run))
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
        queue.push(unit("b"), 1);
        queue.push(unit("a"), 2);
        queue.push(unit("b"), 3);
        assert_eq!(queue.take(), Some((unit("b"), 3)));
        assert_eq!(queue.take(), Some((unit("a"), 2)));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn two_runs_of_one_unit_never_overlap() {
        let mut queue = Queue::new(9);
        queue.push(unit("a"), 1);
        queue.take();
        queue.push(unit("a"), 2);
        assert_eq!(queue.take(), None);
        queue.done(&unit("a"));
        assert_eq!(queue.take(), Some((unit("a"), 2)));
    }

    #[test]
    fn no_more_run_than_allowed() {
        let mut queue = Queue::new(1);
        queue.push(unit("a"), 1);
        queue.push(unit("b"), 1);
        assert!(queue.take().is_some());
        assert!(queue.take().is_none());
        assert_eq!(queue.running().len(), 1);
    }

    #[test]
    fn what_the_newest_plan_lacks_is_dropped() {
        let mut queue = Queue::new(1);
        queue.push(unit("a"), 1);
        queue.retain(|_| false);
        assert!(queue.is_empty());
    }
}
