//! Calls to AWS: clients, the table of operations, budgets, error classes, retries, metrics.

mod carry;
mod error;
mod operations;
mod permit;

use std::time::Duration;

pub use carry::LONGEST_REQUEST;
pub use error::{CallError, Class};
pub use operations::Effect;
pub use permit::{Deadline, Permit};

/// Simulated seconds per real second: 1 in production, more in the demo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);
impl Pace {
    /// As time goes.
    pub const REAL: Pace = Pace(1.0);

    /// How long a duration of AWS's time lasts in ours.
    pub fn real(self, d: Duration) -> Duration {
        d.div_f64(self.0)
    }
}
