//! The simulated account, tested against what AWS is known to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where it stopped")]

mod account;
mod autoscaling;
mod disturbances;
mod ecs_rules;
mod load_balancing;
mod objects;
mod queues;
mod rollouts;
mod run_tasks;
mod scaling;
mod stages;
mod violations;
mod wire;
