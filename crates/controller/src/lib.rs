//! Turns the wheel: passes, the keyed queue, the loops around them, and what is shown of it all.
//!
//! Nothing is decided here. A pass takes a snapshot, asks `plan`, and hands ready units to the queue; loops
//! refresh what the snapshot is made of and wake the next pass without telling it what changed.

mod book;
mod daemon;
mod document;
mod leading;
mod ledger;
mod metrics;
mod observing;
mod once;
mod orders;
mod pass;
pub mod queue;
mod runs;
pub mod status;

pub use daemon::{Settings, StartError, run};
pub use document::guard;
pub use once::{PlanError, plan_once, waiting_hooks};
pub use orders::{Asks, Control, ControlError, control};
pub use status::Status;
