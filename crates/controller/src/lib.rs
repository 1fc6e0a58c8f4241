//! Turns the wheel: passes, the keyed queue, the loops around them, and what is shown of it all.
//!
//! Nothing is decided here. A pass takes a snapshot, asks `plan`, and hands ready units to the queue.

pub mod queue;
pub mod status;

pub use status::Status;
