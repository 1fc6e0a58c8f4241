//! Scenarios: the daemon in a simulated AWS, from a situation to what must come of it.

mod adoption;
mod any_day;
mod autoscaling;
mod crash_matrix;
mod cut_off;
mod dependencies;
mod diagnosis;
mod disturbances;
mod document_changes;
mod document_faults;
mod document_forms;
mod every_member;
mod failures;
mod first_run;
mod hand_edits;
mod healing;
mod hooks;
mod ignored_paths;
mod listener_rules;
mod maintenance_windows;
mod memory;
mod old_revisions;
mod orders;
mod ownership;
mod prune;
mod recreation;
mod replacement;
mod replacement_limits;
mod restarts;
mod rollouts;
mod round_trip;
mod scene;
mod several_documents;
mod shifts;
mod stale_readings;
mod tags;
mod task_definitions;
mod two_daemons;

use evenkeel_model::key::{ServiceKey, UnitKey};
use serde_json::Value;

/// The service without a load balancer.
pub const WORKER: &str = "farsight-worker";
/// The service behind the load balancer.
pub const API: &str = "farsight-api-server";
/// Their cluster.
pub const CLUSTER: &str = "farsight-cluster";

/// The unit of a service.
pub fn unit(service: &str) -> UnitKey {
    UnitKey::Service(ServiceKey::new(CLUSTER, service))
}

/// Gives a service of a document the image with this tag, whose name says how its tasks behave.
pub fn set_image(document: &mut Value, service: &str, tag: &str) {
    document["services"][service]["taskDefinition"]["containerDefinitions"][0]["image"] =
        format!("123456789012.dkr.ecr.us-east-1.amazonaws.com/farsight-server:{tag}").into();
}

/// The example of the repository.
pub fn farsight() -> Value {
    crate::json("config/examples/farsight.json")
}
