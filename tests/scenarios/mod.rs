//! Scenarios: the daemon in a simulated AWS, from a situation to what must come of it.

mod adoption;
mod autoscaling;
mod crash_matrix;
mod disturbances;
mod document_changes;
mod document_faults;
mod document_forms;
mod failures;
mod first_run;
mod hand_edits;
mod listener_rules;
mod memory;
mod orders;
mod ownership;
mod prune;
mod replacement;
mod replacement_limits;
mod restarts;
mod round_trip;
mod scene;
mod several_documents;
mod shifts;
mod stale_readings;
mod tags;
mod two_daemons;

use serde_json::Value;

/// The service without a load balancer.
pub const WORKER: &str = "farsight-worker";
/// The service behind the load balancer.
pub const API: &str = "farsight-api-server";
/// Their cluster.
pub const CLUSTER: &str = "farsight-cluster";

/// The example of the repository.
pub fn farsight() -> Value {
    crate::json("config/examples/farsight.json")
}
