//! The simulated account, tested against what AWS is known to do.

mod account;
mod ecs_rules;
mod load_balancing;
mod objects;
mod rollouts;
mod scaling;
mod wire;
