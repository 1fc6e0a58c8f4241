//! Scenarios: the daemon in a simulated AWS, from a situation to what must come of it.

mod adoption;
mod any_day;
mod autoscaling;
mod by_hand;
mod crash_matrix;
mod cut_off;
mod dependencies;
mod diagnosis;
mod disturbances;
mod document_changes;
mod document_faults;
mod document_forms;
mod every_call;
mod every_edit;
mod every_member;
mod failures;
mod first_run;
mod hand_deletions;
mod hand_edits;
mod healing;
mod hooks;
mod ignored_paths;
mod listener_rules;
mod maintenance_windows;
mod memory;
mod moves;
mod old_revisions;
mod orders;
mod ownership;
mod progress;
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

use evenkeel_controller::Status;
use evenkeel_model::key::{ServiceKey, UnitKey};
use serde_json::{Value, json};

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

/// Has ECS take back what a service of a document rolls out, where that fails.
pub fn guard(document: &mut Value, service: &str) {
    document["services"][service]["service"]["deploymentConfiguration"] =
        json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}});
}

/// The example with this image of its worker, which ECS takes back where it fails.
pub fn guarded(image: &str) -> Value {
    let mut document = farsight();
    guard(&mut document, WORKER);
    set_image(&mut document, WORKER, image);
    document
}

/// The example, of which ECS takes back whatever fails.
pub fn all_guarded() -> Value {
    let mut document = farsight();
    [WORKER, API].iter().for_each(|service| guard(&mut document, service));
    document
}

/// True where a deployment failed and is not tried again.
pub fn is_held(status: &Status) -> bool {
    status.planned.report.units.values().any(|u| u.held.is_some())
}

/// The example of the repository.
pub fn farsight() -> Value {
    crate::json("config/examples/farsight.json")
}
