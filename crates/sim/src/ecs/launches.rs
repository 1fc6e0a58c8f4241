//! How fast tasks may be started: a hundred at once and twenty a second on Fargate in the whole account, five
//! hundred a minute by one service.

use super::services::Service;
use crate::sim::Sim;
use crate::value::text;

const BURST: f64 = 100.0;
const RATE: f64 = 20.0;
const BY_SERVICE: i64 = 500;
const MINUTE: i64 = 60_000;
/// When the scheduler tries again what it could not start.
const AGAIN: i64 = 1_000;

/// What is left of the account's launches.
#[derive(Clone, Default)]
pub struct Launches {
    /// How many were taken and have not come back, and as of when.
    taken: f64,
    at: i64,
}

impl Launches {
    fn left(&self, now: i64) -> f64 {
        BURST - (self.taken - RATE * (now - self.at) as f64 / 1000.0).max(0.0)
    }

    fn take(&mut self, count: i64, now: i64) {
        self.taken = BURST - self.left(now) + count as f64;
        self.at = now;
    }
}

/// How many of `count` tasks a service may start now; the rest it tries again in a second.
pub(super) fn admitted(sim: &mut Sim, service: &mut Service, count: i64) -> i64 {
    let now = sim.now;
    if now - service.started.0 >= MINUTE {
        service.started = (now, 0);
    }
    let fargate = text(&service.config, "launchType") != Some("EC2");
    let account = if fargate { sim.ecs.launches.left(now) as i64 } else { count };
    let admitted = count.min(account).min(BY_SERVICE - service.started.1).max(0);
    service.started.1 += admitted;
    if fargate {
        sim.ecs.launches.take(admitted, now);
    }
    if admitted < count {
        service.launch_after = service.launch_after.max(now + AGAIN);
    }
    admitted
}

/// Takes as many launches as RunTask wants, if they are there.
pub(super) fn all(sim: &mut Sim, count: i64) -> bool {
    let there = sim.ecs.launches.left(sim.now) >= count as f64;
    if there {
        sim.ecs.launches.take(count, sim.now);
    }
    there
}
