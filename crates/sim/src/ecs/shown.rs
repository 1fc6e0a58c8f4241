//! A service as DescribeServices shows it: its configuration, and what its deployments and tasks come to.

use super::services::{Deployment, ON_DEPLOYMENTS, Service};
use super::{TAGS, clusters};
use crate::sim::Sim;
use crate::value::{self, has, set};
use serde_json::{Value, json};

/// A service as DescribeServices shows it.
pub fn show(sim: &Sim, service: &Service, tags: bool) -> Value {
    let kept =
        |name: &str| !ON_DEPLOYMENTS.contains(&name) && name != "gatewayConnectors" && name != "monitoring";
    let config = service.config.as_object().into_iter().flatten();
    let mut out: Value =
        config.filter(|(name, _)| kept(name)).map(|(name, it)| (name.clone(), it.clone())).collect();
    without_later_defaults(sim.ecs.epoch, &mut out);
    set(&mut out, "serviceArn", json!(service.arn));
    set(&mut out, "serviceName", json!(service.name()));
    set(&mut out, "clusterArn", json!(clusters::arn(sim, service.cluster())));
    set(&mut out, "status", json!(service.status));
    set(&mut out, "desiredCount", json!(service.desired));
    set(&mut out, "runningCount", json!(service.running(None)));
    set(&mut out, "pendingCount", json!(service.pending(None)));
    set(&mut out, "createdAt", value::time(service.created));
    set(&mut out, "createdBy", json!(service.created_by));
    set(&mut out, "events", service.events.iter().cloned().collect());
    let deployments: Vec<Value> = service.deployments.iter().map(|it| show_deployment(service, it)).collect();
    let mut arns: Vec<&str> = service.deployments.iter().map(|it| it.revision.as_str()).collect();
    // A rollback brings a revision back whose first deployment may still be listed.
    arns.sort_unstable();
    arns.dedup();
    let revisions: Vec<Value> = arns.into_iter().map(|arn| revision_counts(service, arn)).collect();
    set(&mut out, "deployments", json!(deployments));
    if service.status != "INACTIVE" {
        if let Some(first) = service.deployments.first() {
            set(&mut out, "currentServiceDeployment", json!(first.service_deployment));
        }
        set(&mut out, "currentServiceRevisions", json!(revisions));
    }
    if tags {
        set(&mut out, "tags", TAGS.show(sim.tags.get(&service.arn)));
    }
    out
}

/// Takes out of a service the defaults that AWS began to show only after `epoch`.
fn without_later_defaults(epoch: i64, out: &mut Value) {
    if epoch >= 2026 {
        return;
    }
    let later = [
        (
            2026,
            "/deploymentConfiguration/deploymentCircuitBreaker",
            "thresholdConfiguration",
            json!({"type": "BOUNDED_PERCENT", "value": 50}),
        ),
        (2026, "/deploymentConfiguration/deploymentCircuitBreaker", "resetOnHealthyTask", json!(true)),
        (2025, "/deploymentConfiguration", "strategy", json!("ROLLING")),
        (2025, "/deploymentConfiguration", "bakeTimeInMinutes", json!(0)),
    ];
    for (_, at, name, default) in later.into_iter().filter(|(since, ..)| epoch < *since) {
        if let Some(it) = out.pointer_mut(at).filter(|it| it[name] == default) {
            value::unset(it, name);
        }
    }
}

/// How many tasks of a revision are wanted, run and come.
pub fn revision_counts(service: &Service, revision: &str) -> Value {
    let mut counts = (0, 0, 0);
    for it in service.deployments.iter().filter(|it| it.revision == revision) {
        counts.0 += desired_of(service, it);
        counts.1 += service.running(Some(&it.id));
        counts.2 += service.pending(Some(&it.id));
    }
    json!({
        "arn": revision,
        "requestedTaskCount": counts.0,
        "runningTaskCount": counts.1,
        "pendingTaskCount": counts.2,
    })
}

/// The primary wants what the service wants; the others are left with what has not been stopped yet.
fn desired_of(service: &Service, deployment: &Deployment) -> i64 {
    match deployment.status {
        "PRIMARY" => service.desired,
        _ => service.active(Some(&deployment.id)),
    }
}

fn show_deployment(service: &Service, deployment: &Deployment) -> Value {
    let mut out = service.revision(&deployment.revision).map_or_else(
        || json!({}),
        |revision| {
            let shown = [
                "taskDefinition",
                "networkConfiguration",
                "launchType",
                "capacityProviderStrategy",
                "platformFamily",
            ];
            let mut out = value::pick(revision, &shown);
            for name in ON_DEPLOYMENTS {
                if let Some(member) = revision.get(*name) {
                    set(&mut out, name, member.clone());
                }
            }
            out
        },
    );
    if has(&out, "platformFamily") {
        set(&mut out, "platformVersion", json!("1.4.0"));
    }
    set(&mut out, "id", json!(deployment.id));
    set(&mut out, "status", json!(deployment.status));
    set(&mut out, "desiredCount", json!(desired_of(service, deployment)));
    set(&mut out, "runningCount", json!(service.running(Some(&deployment.id))));
    set(&mut out, "pendingCount", json!(service.pending(Some(&deployment.id))));
    set(&mut out, "failedTasks", json!(deployment.failed));
    set(&mut out, "createdAt", value::time(deployment.created));
    set(&mut out, "updatedAt", value::time(deployment.updated));
    set(&mut out, "rolloutState", json!(deployment.rollout));
    set(&mut out, "rolloutStateReason", json!(deployment.reason));
    out
}
