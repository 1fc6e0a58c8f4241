//! Events as EventBridge sends them (source `aws.ecs`), to one SQS queue; to none unless one is named.

use super::clusters;
use super::services::{Deployment, Service};
use crate::sim::Sim;
use crate::value::text;
use serde_json::{Value, json};

fn send(sim: &mut Sim, kind: &str, resource: &str, detail: Value) {
    let Some(queue) = sim.ecs.events_to.clone() else {
        return;
    };
    let event = json!({
        "version": "0", "id": sim.uuid(), "detail-type": kind, "source": "aws.ecs",
        "account": sim.config.account, "time": sim.iso(sim.now), "region": sim.config.region,
        "resources": [resource], "detail": detail,
    });
    crate::sqs::notify(sim, &queue, &event);
}

/// A service does something: `SERVICE_STEADY_STATE`, `SERVICE_DESIRED_COUNT_UPDATED`, ….
pub(super) fn action(sim: &mut Sim, service: &str, cluster: &str, level: &str, name: &str) {
    let detail = json!({
        "eventType": level, "eventName": name, "clusterArn": clusters::arn(sim, cluster),
        "createdAt": sim.iso(sim.now),
    });
    send(sim, "ECS Service Action", service, detail);
}

/// A deployment begins, completes or fails.
pub(super) fn deployment(sim: &mut Sim, service: &Service, it: &Deployment) {
    let (level, name) = match it.rollout {
        "COMPLETED" => ("INFO", "SERVICE_DEPLOYMENT_COMPLETED"),
        "FAILED" => ("ERROR", "SERVICE_DEPLOYMENT_FAILED"),
        _ => ("INFO", "SERVICE_DEPLOYMENT_IN_PROGRESS"),
    };
    let detail = json!({
        "eventType": level, "eventName": name, "clusterArn": clusters::arn(sim, service.cluster()),
        "deploymentId": it.id, "updatedAt": sim.iso(sim.now), "reason": it.reason,
    });
    send(sim, "ECS Deployment State Change", &service.arn, detail);
}

/// A task changes its status. `shown` is the task as DescribeTasks shows it, whose times are written as text.
pub(super) fn task(sim: &mut Sim, mut shown: Value) {
    for (name, member) in shown.as_object_mut().into_iter().flatten() {
        if let (true, Some(seconds)) = (name.ends_with("At"), member.as_f64()) {
            *member = json!(sim.iso((seconds * 1000.0) as i64));
        }
    }
    let arn = text(&shown, "taskArn").unwrap_or_default().to_owned();
    send(sim, "ECS Task State Change", &arn, shown);
}
