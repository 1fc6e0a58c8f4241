//! How fast tasks may be started: a hundred at once and twenty a second on Fargate in the whole account, five
//! hundred a minute by one service.

use super::services::Service;
use crate::sim::Sim;
use crate::value::text;

const BURST: f64 = 100.0;
const RATE: f64 = 20.0;
const BY_SERVICE: i64 = 500;
const MINUTE: i64 = 60_000;

/// What fills as launches are taken and empties as they come back.
#[derive(Clone, Copy, Default)]
struct Level {
    amount: f64,
    at: i64,
}

impl Level {
    fn now(self, now: i64) -> f64 {
        (self.amount - RATE * (now - self.at) as f64 / 1000.0).max(0.0)
    }

    fn add(&mut self, count: i64, now: i64) {
        *self = Self { amount: self.now(now) + count as f64, at: now };
    }
}

/// The launches of the account.
#[derive(Clone, Default)]
pub struct Launches {
    /// How many were taken and have not come back.
    taken: Level,
    /// How many services wait in line.
    waiting: Level,
}

impl Launches {
    fn left(&self, now: i64) -> f64 {
        BURST - self.taken.now(now)
    }

    /// Puts a service in line; answers when it tries again.
    fn wait(&mut self, now: i64) -> i64 {
        let turn = now + 1_000 + (self.waiting.now(now) / RATE * 1000.0) as i64;
        self.waiting.add(1, now);
        turn
    }
}

/// How many of `count` tasks a service may start now; the rest it tries again later.
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
        sim.ecs.launches.taken.add(admitted, now);
    }
    if admitted < count {
        let turn = match service.started.1 >= BY_SERVICE {
            true => service.started.0 + MINUTE,
            false => sim.ecs.launches.wait(now),
        };
        service.launch_after = service.launch_after.max(turn);
    }
    admitted
}

/// Takes as many launches as RunTask wants, if they are there.
pub(super) fn all(sim: &mut Sim, count: i64) -> bool {
    let there = sim.ecs.launches.left(sim.now) >= count as f64;
    if there {
        sim.ecs.launches.taken.add(count, sim.now);
    }
    there
}
