//! Deployments under way and deployments that failed, read from a described service.

use std::collections::BTreeSet;

use evenkeel_model::Tree;
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::memory::{HeldDeployment, Intent, Remembered};
use evenkeel_model::world::Seen;

use crate::Input;
use crate::report::Rollout;

/// The deployment under way, if any.
pub(crate) fn under_way(service: &Tree) -> Option<Rollout> {
    let deployments = service.list_of("deployments");
    let primary = primary_of(service)?;
    let done = match primary.str("rolloutState") {
        Some("COMPLETED") => deployments.len() == 1 || !others_running(deployments),
        Some("FAILED") => true,
        Some(_) => false,
        // Services that ECS does not roll (other controllers) name no state.
        None => primary.int("runningCount") == primary.int("desiredCount"),
    };
    (!done).then(|| Rollout {
        deployment: primary.str("id").unwrap_or_default().to_owned(),
        desired: primary.int("desiredCount").unwrap_or_default(),
        running: primary.int("runningCount").unwrap_or_default(),
        failed: primary.int("failedTasks").unwrap_or_default(),
        began: primary.get("createdAt").and_then(Tree::as_num).map(|at| at as i64),
        took: None,
        stage: None,
    })
}

/// The id of the newest deployment.
pub(crate) fn primary(service: &Tree) -> Option<&str> {
    primary_of(service)?.str("id")
}

fn primary_of(service: &Tree) -> Option<&Tree> {
    service.list_of("deployments").iter().find(|d| d.str("status") == Some("PRIMARY"))
}

/// How the reason begins for which a deployment is held that takes too long.
pub(crate) const OVERDUE: &str = "not done after";

/// What is to be held because our deployment, the newest, has not ended within so many seconds.
pub(crate) fn overdue(
    service: &Tree,
    memory: &Remembered,
    deadline: i64,
    clock: i64,
) -> Option<HeldDeployment> {
    let own = primary_of(service).filter(|p| p.str("id") == memory.deployment.as_deref())?;
    let began = own.get("createdAt").and_then(Tree::as_num)? as i64;
    if own.str("rolloutState") != Some("IN_PROGRESS") || clock - began < deadline {
        return None;
    }
    let rollout = under_way(service)?;
    Some(HeldDeployment {
        key: memory.deployment_key.clone()?,
        reason: format!("{OVERDUE} {} min, {rollout}", deadline / 60),
        deployment: memory.deployment.clone(),
        ..HeldDeployment::default()
    })
}

/// True where our deployment, the one that is held, came to its end after all, or another of its key did.
pub(crate) fn succeeded(service: &Tree, memory: &Remembered) -> bool {
    let own = primary_of(service).filter(|p| p.str("id") == memory.deployment.as_deref());
    let held = memory.held.as_ref().map(|h| h.key.as_str());
    held.is_some()
        && memory.deployment_key.as_deref() == held
        && own.is_some_and(|d| d.str("rolloutState") == Some("COMPLETED"))
}

/// True where an older deployment still runs that revision: to bring it is to go back.
pub(crate) fn goes_back(service: &Tree, task_definition: &str) -> bool {
    service.list_of("deployments").iter().any(|d| {
        d.str("status") != Some("PRIMARY")
            && d.str("taskDefinition") == Some(task_definition)
            && d.int("runningCount").unwrap_or_default() > 0
    })
}

/// True where ECS gave up what the service is to run.
pub(crate) fn is_given_up(service: &Tree) -> bool {
    primary_of(service).is_some_and(|d| d.str("rolloutState") == Some("FAILED"))
}

fn others_running(deployments: &[Tree]) -> bool {
    deployments
        .iter()
        .filter(|d| d.str("status") != Some("PRIMARY"))
        .any(|d| d.int("runningCount").unwrap_or_default() > 0)
}

/// True where nothing is under way and all wanted tasks run.
pub(crate) fn is_stable(service: &Tree) -> bool {
    service.str("status") == Some("ACTIVE")
        && under_way(service).is_none()
        && service.int("runningCount").unwrap_or_default() >= service.int("desiredCount").unwrap_or_default()
}

/// What is to be held from now on, because ECS gave our last deployment up.
///
/// ECS shows a failed deployment only while its tasks are being replaced. The rollback that follows says
/// so while it lasts, and the service's events (the newest hundred) name the deployment. All three are
/// looked for.
pub(crate) fn failed(service: &Tree, memory: &Remembered) -> Option<HeldDeployment> {
    let ours = memory.deployment.as_deref()?;
    let key = memory.deployment_key.clone()?;
    let deployments = service.list_of("deployments");
    let own = deployments.iter().find(|d| d.str("id") == Some(ours));
    let reason = |d: &Tree| d.str("rolloutStateReason").unwrap_or("the deployment failed").to_owned();
    if let Some(own) = own {
        return (own.str("rolloutState") == Some("FAILED")).then(|| HeldDeployment {
            key,
            reason: reason(own),
            deployment: Some(ours.to_owned()),
            ..HeldDeployment::default()
        });
    }
    // Going back to ours, it was another that failed. The event says more than the rollback.
    let rolled_back = || rolled_back(service).filter(|r| !names(r, ours));
    let reason = told_failed(service, ours).or_else(rolled_back)?;
    Some(HeldDeployment {
        key,
        reason: reason.to_owned(),
        deployment: Some(ours.to_owned()),
        ..HeldDeployment::default()
    })
}

/// The event that says that a deployment failed.
fn told_failed<'t>(service: &'t Tree, deployment: &str) -> Option<&'t str> {
    let subject = format!("(deployment {deployment}) ");
    let events = service.list_of("events").iter().filter_map(|e| e.str("message"));
    let told = events.filter_map(|m| Some(m.split_once(&subject)?.1));
    told.into_iter().find(|m| m.starts_with("deployment failed"))
}

/// What ECS says of a deployment that failed after this time, in Unix seconds, whichever it was.
pub(crate) fn failed_since(service: &Tree, at: i64) -> Option<&str> {
    let told = || {
        let events = service.list_of("events").iter();
        let late =
            events.filter(|e| e.get("createdAt").and_then(Tree::as_num).is_some_and(|t| t >= at as f64));
        late.filter_map(|e| e.str("message")?.split_once(") deployment failed")).next()
    };
    rolled_back(service).or_else(|| told().map(|(_, reason)| reason.trim_start_matches([':', ' '])))
}

/// What ECS says of a rollback that is the newest deployment.
pub(crate) fn rolled_back(service: &Tree) -> Option<&str> {
    let deployments = service.list_of("deployments").iter();
    let primary = deployments.filter(|d| d.str("status") == Some("PRIMARY"));
    primary.filter_map(|d| d.str("rolloutStateReason")).find(|r| r.contains("rolling back"))
}

/// True where the sentence names the deployment; `ecs-svc/12` does not name `ecs-svc/1`.
fn names(reason: &str, deployment: &str) -> bool {
    reason.split(|c: char| c.is_whitespace()).any(|word| word.trim_end_matches(['.', ',']) == deployment)
}

/// The services of the document that have a rollout under way, or may have: since we wrote them, or because a
/// run that is under way is about to.
pub(crate) fn rolling(input: &Input<'_>) -> BTreeSet<ServiceKey> {
    let rolls = |key: &&ServiceKey| {
        let subject = Subject::Service((*key).clone());
        let seen = match input.world.seen(&subject) {
            Seen::Present { tree, .. } => under_way(tree).is_some(),
            Seen::Absent { .. } => false,
            Seen::Unknown => input.world.written_at(&subject).is_some(),
        };
        seen || is_about_to_write(input, &UnitKey::Service((*key).clone()))
    };
    input.document.services.keys().filter(rolls).cloned().collect()
}

/// True where a run creates or updates its service, which may start a deployment.
pub(crate) fn deploys(intent: &Intent) -> bool {
    let writes = |step: &String| step.starts_with("create-service ") || step.starts_with("update-service ");
    intent.steps.iter().any(writes)
}

fn is_about_to_write(input: &Input<'_>, unit: &UnitKey) -> bool {
    input.in_flight.contains(unit) && input.memory.unit(unit).intent.as_ref().is_some_and(deploys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(deployments: serde_json::Value) -> Tree {
        Tree::from(
            serde_json::json!({"status": "ACTIVE", "desiredCount": 1, "runningCount": 1, "deployments": deployments}),
        )
    }

    fn memory() -> Remembered {
        Remembered {
            deployment: Some("ecs-svc/2".into()),
            deployment_key: Some("k".into()),
            ..Remembered::default()
        }
    }

    #[test]
    fn a_deployment_that_ecs_gave_up_is_held_with_its_reason() {
        let tree = service(serde_json::json!([
            {"id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "IN_PROGRESS",
             "rolloutStateReason": "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."},
            {"id": "ecs-svc/2", "status": "ACTIVE", "rolloutState": "FAILED", "rolloutStateReason": "tasks failed to start."}]));
        assert_eq!(failed(&tree, &memory()).unwrap().reason, "tasks failed to start.");
        let later = service(serde_json::json!([
            {"id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "COMPLETED",
             "rolloutStateReason": "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1."}]));
        assert_eq!(failed(&later, &memory()).unwrap().key, "k");
    }

    #[test]
    fn a_rollback_that_is_over_is_told_by_the_services_events() {
        let over = |id: &str| {
            let message = format!("(service s) (deployment {id}) deployment failed: tasks failed to start.");
            service(
                serde_json::json!([{"id": "ecs-svc/3", "status": "PRIMARY", "rolloutState": "COMPLETED",
                "rolloutStateReason": "ECS deployment ecs-svc/3 completed."}]),
            )
            .with("events", Tree::from(serde_json::json!([{"message": "(service s) has reached a steady state."}, {"message": message}])))
        };
        let held = failed(&over("ecs-svc/2"), &memory()).unwrap();
        assert_eq!(held.reason, "deployment failed: tasks failed to start.");
        assert_eq!(failed(&over("ecs-svc/22"), &memory()), None);
    }

    #[test]
    fn a_deployment_that_completed_or_was_superseded_is_not_held() {
        let done = service(
            serde_json::json!([{"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "COMPLETED"}]),
        );
        assert_eq!(failed(&done, &memory()), None);
        let superseded = service(
            serde_json::json!([{"id": "ecs-svc/9", "status": "PRIMARY", "rolloutState": "IN_PROGRESS"}]),
        );
        assert_eq!(failed(&superseded, &memory()), None);
    }

    #[test]
    fn a_rollback_to_ours_holds_somebody_elses_deployment() {
        let back = |to: &str| {
            let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {to}.");
            service(
                serde_json::json!([{"id": "ecs-svc/9", "status": "PRIMARY", "rolloutState": "IN_PROGRESS",
                "rolloutStateReason": reason}]),
            )
        };
        assert_eq!(failed(&back("ecs-svc/2"), &memory()), None);
        assert!(failed(&back("ecs-svc/22"), &memory()).is_some());
    }

    #[test]
    fn a_rollout_is_under_way_until_it_is_completed() {
        let rolling = service(
            serde_json::json!([{"id": "a", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": 2, "runningCount": 1}]),
        );
        assert_eq!(under_way(&rolling).unwrap().to_string(), "rollout a: 1 of 2 running");
        let done =
            service(serde_json::json!([{"id": "a", "status": "PRIMARY", "rolloutState": "COMPLETED"}]));
        assert!(is_stable(&done));
    }
}
