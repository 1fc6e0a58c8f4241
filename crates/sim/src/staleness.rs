//! Staleness: reads served by replicas that lag behind. Off unless switched on.
//!
//! The account is a pure function of what was done to it and when, so a replica is a second account to
//! which the same is done, later. Each read goes to a replica by lot and is as old as that is at the moment, within
//! the longest lag of its service: lists and descriptions lag apart, and time may seem to go back. The lots are
//! drawn from the moment and the call alone, so that calls of one moment are answered alike in any order.

use crate::sim::{ApiError, Call, Reply, Sim};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Something done to the account.
pub type Change = Arc<dyn Fn(&mut Sim) + Send + Sync>;

/// How many changes may wait for the replicas before they are made to catch up.
const WAITING: usize = 4_096;

/// The replicas, and what they have yet to be told.
#[derive(Clone, Default)]
pub struct Staleness {
    /// The longest lag by service, in milliseconds.
    pub lags: BTreeMap<String, i64>,
    /// Callers whose reads are exact: those who look at what the others made.
    pub except: BTreeSet<String>,
    replicas: Vec<Replica>,
    /// Changes with their times, and the number of the first of them.
    log: VecDeque<(i64, Change)>,
    first: usize,
}

#[derive(Clone)]
struct Replica {
    sim: Sim,
    /// The number of the next change it must be told.
    next: usize,
}

impl Staleness {
    /// Replicas that lag up to `lags` milliseconds. One replica alone never goes back in time.
    pub fn new(sim: &Sim, lags: BTreeMap<String, i64>, replicas: usize, except: BTreeSet<String>) -> Self {
        let replica = Replica { sim: sim.clone(), next: 0 };
        let replicas = if lags.is_empty() { 0 } else { replicas.clamp(1, 8) };
        Self { lags, except, replicas: vec![replica; replicas], ..Self::default() }
    }

    /// Takes note of a change.
    pub fn note(&mut self, now: i64, change: &Change) {
        if self.replicas.is_empty() {
            return;
        }
        self.log.push_back((now, change.clone()));
        if self.log.len() > WAITING {
            let oldest = now - self.lags.values().max().copied().unwrap_or(0);
            (0..self.replicas.len()).for_each(|index| self.catch_up(index, oldest));
            let done = self.replicas.iter().map(|it| it.next).min().unwrap_or(self.first);
            self.log.drain(..done - self.first);
            self.first = done;
        }
    }

    fn catch_up(&mut self, index: usize, to: i64) {
        let Some(replica) = self.replicas.get_mut(index) else {
            return;
        };
        while let Some((at, change)) = self.log.get(replica.next - self.first).filter(|(at, _)| *at <= to) {
            replica.sim.advance(*at);
            change(&mut replica.sim);
            replica.next += 1;
        }
        replica.sim.advance(to);
    }

    /// Answers a read from a replica, if the service lags; with what it is and how old it is.
    pub fn read(&mut self, call: &Call, now: i64) -> Option<(Result<Reply, ApiError>, i64)> {
        let longest = *self.lags.get(&call.service).filter(|_| !self.except.contains(&call.caller))?;
        let asked = (&call.caller, &call.operation, call.input.to_string());
        let index = (lot(now, &asked) % self.replicas.len().max(1) as u64) as usize;
        let lag = (lot(now, &index) % (longest as u64 + 1)) as i64;
        self.catch_up(index, now - lag);
        let replica = self.replicas.get_mut(index)?;
        let answer = replica.sim.perform(call);
        Some((answer, now - replica.sim.now))
    }
}

/// A number that a moment and something else decide.
fn lot(now: i64, about: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (now, about).hash(&mut hasher);
    hasher.finish()
}
