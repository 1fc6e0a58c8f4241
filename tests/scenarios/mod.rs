//! Scenarios: the daemon in a simulated AWS, from a situation to what must come of it.

mod first_run;

use serde_json::Value;

/// The example of the repository.
pub fn farsight() -> Value {
    crate::json("config/examples/farsight.json")
}
