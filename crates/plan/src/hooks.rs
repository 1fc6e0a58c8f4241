//! Lifecycle hooks of the kind PAUSE: a deployment that waits for a person to let it go on or take it back.

use evenkeel_model::Tree;
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::orders::Verdict;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::World;

use crate::report::Hook;
use crate::unit::Draft;
use crate::{Because, rollout};

/// True where a rollout under way may come to wait for a person.
pub(crate) fn may_pause(service: &Tree) -> bool {
    let hooks = service.get("deploymentConfiguration").map_or(&[][..], |c| c.list_of("lifecycleHooks"));
    hooks.iter().any(|h| h.str("targetType") == Some("PAUSE")) && rollout::under_way(service).is_some()
}

/// The stages of a deployment in their order.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ServiceDeployment.html>
const STAGES: [&str; 11] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

/// After how many seconds a rollout counts as failed that is to take so many without the time of persons: what
/// they may have taken at the hooks that it has come by is not counted, because how long they did take is told
/// nowhere. `None` while it waits for one, or while nobody knows.
pub(crate) fn deadline(world: &World, key: &ServiceKey, live: &Tree, seconds: i64) -> Option<i64> {
    if !may_pause(live) {
        return Some(seconds);
    }
    let unseen = world.seen(&Subject::Deployments(key.clone())).is_unknown();
    if unseen || waiting(world, key, live).is_some() {
        return None;
    }
    let position = |stage: &str| STAGES.iter().position(|s| *s == stage);
    let reached = current(world, key, live).and_then(|(d, _)| position(d.str("lifecycleStage")?));
    let configured = live.get("deploymentConfiguration").map_or(&[][..], |c| c.list_of("lifecycleHooks"));
    let pauses = configured.iter().filter(|h| h.str("targetType") == Some("PAUSE"));
    let taken = pauses.map(|hook| {
        let minutes = hook.get("timeoutConfiguration").and_then(|t| t.int("timeoutInMinutes"));
        let stages = hook.list_of("lifecycleStages").iter().filter_map(Tree::as_str);
        let come_to = stages.filter(|s| position(s) <= reached && position(s).is_some()).count();
        minutes.unwrap_or(24 * 60).saturating_mul(60).saturating_mul(come_to as i64)
    });
    Some(taken.fold(seconds, i64::saturating_add))
}

/// What of a service's deployments must not change between planning an answer to a hook and giving it.
pub(crate) fn stable(deployments: &Tree) -> Tree {
    let kept = |tree: &Tree, names: &[&str]| {
        names
            .iter()
            .fold(Tree::map(), |all, name| all.with(*name, tree.get(name).cloned().unwrap_or_default()))
    };
    Tree::list(deployments.items().iter().map(|deployment| {
        let hooks = deployment.list_of("lifecycleHookDetails").iter();
        kept(deployment, &["serviceDeploymentArn", "status"])
            .with("hooks", Tree::list(hooks.map(|hook| kept(hook, &["hookId", "status"]))))
    }))
}

/// The deployment under way and its ARN, where it waits for a person.
pub(crate) fn waiting<'t>(world: &'t World, key: &ServiceKey, live: &'t Tree) -> Option<(&'t Tree, &'t str)> {
    current(world, key, live).filter(|(found, _)| found.list_of("lifecycleHookDetails").iter().any(awaits))
}

/// The deployment under way and its ARN, where it may come to wait for a person.
fn current<'t>(world: &'t World, key: &ServiceKey, live: &'t Tree) -> Option<(&'t Tree, &'t str)> {
    let current = live.str("currentServiceDeployment").filter(|_| may_pause(live))?;
    let deployments = world.tree(&Subject::Deployments(key.clone()))?.items();
    let found = deployments.iter().find(|d| d.str("serviceDeploymentArn") == Some(current))?;
    Some((found, current))
}

fn awaits(hook: &Tree) -> bool {
    hook.str("status") == Some("AWAITING_ACTION")
}

/// What has to be seen to know which hooks of a service wait for a person.
pub fn needs_for_hooks(world: &World, key: &ServiceKey) -> Vec<Subject> {
    let service = Subject::Service(key.clone());
    let pauses = world.tree(&service).is_some_and(may_pause);
    let deployments = pauses.then(|| Subject::Deployments(key.clone()));
    [service].into_iter().chain(deployments).collect()
}

/// The hooks of a service that wait for a person.
pub fn hooks_of(world: &World, key: &ServiceKey) -> Vec<Hook> {
    let live = world.tree(&Subject::Service(key.clone()));
    let Some((deployment, _)) = live.and_then(|live| waiting(world, key, live)) else { return Vec::new() };
    let hook = |hook: &Tree| {
        Some(Hook {
            id: hook.str("hookId")?.to_owned(),
            stage: deployment.str("lifecycleStage").unwrap_or_default().to_owned(),
            expires: hook.get("expiresAt").and_then(Tree::as_num).map(|at| at as i64),
            then: hook.str("timeoutAction").unwrap_or_default().to_owned(),
        })
    };
    deployment.list_of("lifecycleHookDetails").iter().filter(|h| awaits(h)).filter_map(hook).collect()
}

/// Reports the hooks of the rollout under way that wait for a person, and adds the steps that tell ECS what the
/// person said.
pub(crate) fn steps(draft: &mut Draft<'_>, key: &ServiceKey, live: &Tree) {
    let subject = Subject::Deployments(key.clone());
    let Some((_, arn)) = waiting(draft.world(), key, live) else { return };
    draft.report.hooks = hooks_of(draft.world(), key);
    for hook in draft.report.hooks.clone() {
        let (id, stage) = (&*hook.id, &*hook.stage);
        let Some(verdict) = draft.verdict(id) else { continue };
        let (action, words) = match verdict {
            Verdict::Continue => ("CONTINUE", "goes on as asked"),
            Verdict::Rollback => ("ROLLBACK", "is taken back as asked"),
        };
        let input = Tree::map().with("serviceDeploymentArn", arn).with("hookId", id).with("action", action);
        let name = format!("continue-service-deployment {id}");
        draft
            .step(name, subject.clone(), Op::EcsContinueServiceDeployment, input)
            .because(Because::Reason(format!("{stage} {words}")))
            .touches([Subject::Service(key.clone())]);
    }
}
