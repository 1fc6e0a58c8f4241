//! A service with its task definition, listener rules and scaling: one unit, in the order AWS demands.

use std::borrow::Cow;

use evenkeel_diff::{Kind, SERVICE_REVISION, change};
use evenkeel_model::Tree;
use evenkeel_model::document::Service;
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::adoption::Resource;
use crate::refs::Lookup;
use crate::report::{Owner, Refusal, Rollout, WaitingOn};
use crate::tagging::Tagging;
use crate::task_definition::{self, Choice};
use crate::turn::ordered;
use crate::unit::Draft;
use crate::{
    Because, Need, Planner, StepId, finished, hash, hooks, ownership, prune, rollout,
    rules as listener_rules, scaling, shifts,
};

/// True where a change of this member of a service makes ECS start a new deployment.
pub(crate) fn deploys(member: &str) -> bool {
    change(Kind::Service, [member]).deploys()
}

/// What stands for a service all through its planning.
pub(crate) struct Wanted<'a> {
    pub key: &'a ServiceKey,
    pub service: &'a Service,
    /// RegisterTaskDefinition input, references resolved.
    pub task: Cow<'a, Tree>,
    /// CreateService input, references resolved.
    pub input: Cow<'a, Tree>,
    /// What references still have to be seen or made.
    pub waits: Vec<WaitingOn>,
}

impl Wanted<'_> {
    /// The hash of everything that would start this very deployment again.
    pub fn deployment_key(&self) -> String {
        deployment_key(&self.task, &self.input, self.service.restart.as_deref())
    }
}

/// The hash of everything that would start a deployment of this content again.
pub(crate) fn deployment_key(task: &Tree, input: &Tree, restart: Option<&str>) -> String {
    let mut text = hash::task_definition(task);
    for (member, value) in input.entries() {
        // The revision is in the hash by its content.
        if deploys(member) && &**member != "taskDefinition" {
            text.push_str(member);
            text.push_str(&value.to_json());
        }
    }
    text.push_str(restart.unwrap_or_default());
    hash::hex(text.as_bytes(), 16)
}

impl Planner<'_> {
    pub(crate) fn services(&mut self) {
        let document = self.document();
        // Those without a task first, because they wait for nobody, then those that ECS gave up; dependencies
        // before what depends on them, so that it is known whether they have steps. The plan itself is sorted.
        let world = self.world();
        let live = |key: &ServiceKey| world.tree(&Subject::Service(key.clone()));
        let given_up = |key: &ServiceKey| live(key).is_some_and(rollout::is_given_up);
        let idle = |key: &&ServiceKey| live(key).is_some_and(|t| t.int("runningCount") == Some(0));
        let (first, then): (Vec<&ServiceKey>, Vec<&ServiceKey>) =
            ordered(document, &given_up).into_iter().partition(idle);
        for key in first.into_iter().chain(then) {
            if let Some(service) = document.services.get(key) {
                self.service(key, service);
            }
        }
    }

    fn service(&mut self, key: &ServiceKey, service: &Service) {
        let document = self.document();
        let mut draft = Draft::new(self.input, UnitKey::Service(key.clone()));
        let generations = self.generations.clone();
        let lookup = Lookup { document, world: self.world(), generations: &generations, service: Some(key) };
        let (task, mut waits) = lookup.resolve(&service.task_definition);
        let (input, more) = lookup.resolve(&service.input);
        waits.extend(more);
        let subject = Subject::Service(key.clone());
        let input = self.rules.replacements.entries(input, self.world().tree(&subject));
        let wanted = Wanted { key, service, task, input, waits };
        if self.cluster_is_there(&mut draft, key) {
            match draft.seen(&subject) {
                None => {}
                Some(Seen::Present { tree, .. }) if tree.str("status") == Some("DRAINING") => {
                    draft.wait(WaitingOn::Draining);
                }
                Some(Seen::Present { tree, .. }) if tree.str("status") != Some("INACTIVE") => {
                    self.keep(&mut draft, &wanted, lookup, tree);
                }
                Some(_) => self.create(&mut draft, &wanted, lookup),
            }
        }
        let (key, unit, report) = draft.finish();
        self.put(key, unit, report);
    }

    fn cluster_is_there(&self, draft: &mut Draft<'_>, key: &ServiceKey) -> bool {
        let subject = Subject::Cluster(key.cluster.clone());
        let active = |tree: &Tree| tree.str("status").is_none_or(|s| s == "ACTIVE");
        match draft.seen(&subject) {
            None => false,
            Some(Seen::Present { tree, .. }) if active(tree) => true,
            Some(_) if self.document().clusters.contains_key(&key.cluster) => {
                draft.wait(WaitingOn::Exists(subject));
                // Planned all the same: the plan shows what follows the cluster.
                true
            }
            Some(_) => {
                draft.refuse(
                    Refusal::new(format!("there is no cluster {} in this account and region", key.cluster))
                        .or("create it, or declare it under `clusters`"),
                );
                false
            }
        }
    }

    /// Steps for a service that does not exist.
    fn create(&mut self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, lookup: Lookup<'_>) {
        let document = self.document();
        let key = wanted.key;
        let owner = match draft.owner_of_missing("service") {
            // It was deleted to be made anew: neither healing nor a window keeps it from coming back.
            Owner::Human if wanted.service.recreate => Owner::Rollout,
            owner => owner,
        };
        if !draft.missing_by("service", owner) {
            return;
        }
        draft.applies("taskDefinition", &wanted.task);
        draft.applies("service", &wanted.input);
        let Some(chosen) = self.choose(draft, wanted, None, vec![Because::Missing]) else { return };
        // A rule of its own that it names is made before it, and must not wait for itself.
        let own = |wait: &WaitingOn| {
            let listeners = || wanted.service.rules.values().filter_map(|r| lookup.listener_of(r).ok());
            matches!(wait, WaitingOn::Exists(Subject::Rules(on)) if listeners().any(|l| l == *on))
        };
        let (own, others): (Vec<WaitingOn>, Vec<WaitingOn>) = wanted.waits.iter().cloned().partition(own);
        let mut needs: Vec<Need> = others.into_iter().map(Need::Observed).collect();
        needs.extend(draft.report.waiting.drain(..).map(Need::Observed));
        needs.extend(self.log_groups(&wanted.task));
        // A service that somebody deleted has no task left: it waits for nobody's rollout.
        if owner == Owner::Document {
            needs.extend(self.dependencies(wanted.service).map(Need::Observed));
        }
        let rules =
            listener_rules::steps(draft, lookup, &self.rules, &wanted.service.rules, &wanted.service.item);
        let mut attached = attached(draft, lookup, &wanted.service.input, &rules);
        attached.extend(own.into_iter().map(Need::Observed));
        let waits = |n: &Need| matches!(n, Need::Observed(_));
        let blocked = draft.stands_still() || needs.iter().chain(&attached).any(waits);
        if owner == Owner::Document {
            needs.extend(self.turn(key, blocked, true));
        }
        // Nothing is registered, and no traffic sent its way, for a service whose turn it is not yet.
        for step in &mut draft.unit.steps {
            step.needs(needs.clone());
        }

        let mut input = wanted.input.clone().into_owned();
        input.set("cluster", Tree::from(key.cluster.as_str()));
        input.set("serviceName", Tree::from(key.name.as_str()));
        if input.str("schedulingStrategy") != Some("DAEMON") {
            input.set("desiredCount", Tree::Int(first_count(wanted)));
        }
        let tags = ownership::wanted(document, &wanted.service.input, &wanted.service.item);
        input.set("tags", ownership::list(&tags));
        let incarnation = draft.memory().deployment.clone().unwrap_or_default();
        let seed = format!("{key} {} {incarnation} {}", wanted.deployment_key(), input.to_json());
        input.set("clientToken", Tree::from(hash::hex(seed.as_bytes(), 32)));
        draft.applies_texts("tags", &tags);
        draft.unit.restart = wanted.service.restart.clone();
        draft.unit.deployment_key = Some(wanted.deployment_key());

        let subject = Subject::Service(key.clone());
        let step = draft.step(format!("create-service {}", key.name), subject, Op::EcsCreateService, input);
        // What scaled the service before it, if there was one, went with it.
        step.because(Because::Missing).needs(needs).needs(attached).touches([
            Subject::ScalableTarget(key.clone()),
            Subject::Policies(key.clone()),
            Subject::ScheduledActions(key.clone()),
        ]);
        chosen.into_input(step, "taskDefinition");
        let created = step.id.clone();
        scaling::steps(draft, lookup, key, wanted.service, None, Some(&created));
    }

    /// Steps for a service that exists.
    fn keep(&mut self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, lookup: Lookup<'_>, live: &Tree) {
        let document = self.document();
        let key = wanted.key;
        draft.report.tasks = live.int("desiredCount").zip(live.int("runningCount"));
        draft.report.rollout = finished::progress(self.world(), key, live, self.input.clock);
        draft.report.last_rollout = finished::last(self.world(), key, live, draft.memory());
        if let Some(rollout) = draft.report.rollout.clone() {
            // What it has taken so far is told beside it: it makes no other plan.
            draft.wait(WaitingOn::Rollout(Rollout { took: None, ..rollout }));
        }
        let arn = live.str("serviceArn").unwrap_or_default();
        let live_tags = ownership::tags(live);
        if let Some(controller) = live.pointer("deploymentController/type").and_then(Tree::as_str)
            && controller != "ECS"
        {
            draft.refuse(Refusal::new(format!(
                "service {key} is deployed by the {controller} controller, whose services Evenkeel does not touch"
            )));
            return;
        }
        let subject = Subject::Service(key.clone());
        let resource = Resource {
            what: &|| format!("service {key}"),
            tagging: Tagging::Ecs,
            subject: &subject,
            arn,
            label: "",
            item: &wanted.service.item,
            part: "service",
            adopt: document.adopt(&draft.key),
            tags: &live_tags,
        };
        let Some(claimed) = draft.claim(&resource) else { return };
        // What is only looked at takes no place among the rollouts.
        let rolling = claimed.adopting().then(|| self.rolling.clone());
        self.keep_ours(draft, wanted, lookup, live, &resource);
        if let Some(rolling) = rolling {
            self.rolling = rolling;
        }
        draft.take_over(&resource, claimed);
    }

    /// Steps for a service that exists and is ours.
    fn keep_ours(
        &mut self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        lookup: Lookup<'_>,
        live: &Tree,
        resource: &Resource<'_>,
    ) {
        let document = self.document();
        if !wanted.waits.is_empty() {
            wanted.waits.iter().cloned().for_each(|w| draft.wait(w));
            if draft.judging.is_some() {
                return;
            }
            // It may be a rule of its own that it waits for.
            listener_rules::steps(draft, lookup, &self.rules, &wanted.service.rules, &wanted.service.item);
            return;
        }
        draft.unit.primary = rollout::primary(live).map(str::to_owned);
        let Some(whole) = self.with_revision(draft, wanted, live) else { return };
        if draft.judging.is_none() && self.recreates(draft, wanted, &whole) {
            return;
        }
        self.update(draft, wanted, lookup, &whole);
        if draft.judging.is_none() {
            hooks::steps(draft, wanted.key, live);
            self.explain(draft, wanted.key, live, &wanted.task);
        }
        let tags = ownership::wanted(document, &wanted.service.input, &wanted.service.item);
        Tagging::Ecs.steps(draft, resource.subject, resource.arn, "", &tags, resource.tags);
        scaling::steps(draft, lookup, wanted.key, wanted.service, Some(live), None);
        if draft.judging.is_none() {
            prune::parts(draft, &self.deletions);
            self.collect(draft, task_definition::family(&wanted.task));
        }
    }

    /// The service with what only its revision shows of it, where that matters; `None` where the revision
    /// has not been seen. While several revisions run there is nothing to be said.
    fn with_revision<'t>(
        &self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        live: &'t Tree,
    ) -> Option<Cow<'t, Tree>> {
        let last = draft.memory().applied.get("service");
        let needed = shifts::needs_revision(&wanted.input, live, last);
        let Some(arn) = shifts::revision(live).filter(|_| needed) else { return Some(Cow::Borrowed(live)) };
        let seen = draft.seen(&Subject::ServiceRevision(arn.to_owned()))?;
        let whole = seen.tree().map(|r| live.clone().with(SERVICE_REVISION, r.clone()));
        Some(whole.map_or(Cow::Borrowed(live), Cow::Owned))
    }

    /// Log groups of the document that its containers write to and that do not exist yet: without them no
    /// task would start.
    fn log_groups(&self, task: &Tree) -> Vec<Need> {
        let mut needs = Vec::new();
        for container in task.list_of("containerDefinitions") {
            let log = container.get("logConfiguration");
            let driver = log.and_then(|l| l.str("logDriver"));
            let group = log.and_then(|l| l.get("options")).and_then(|o| o.str("awslogs-group"));
            let Some(group) = group.filter(|_| driver == Some("awslogs")) else { continue };
            let subject = Subject::LogGroup(group.to_owned());
            if self.document().log_groups.contains_key(group) && self.world().tree(&subject).is_none() {
                let need = Need::Observed(WaitingOn::Exists(subject));
                if !needs.contains(&need) {
                    needs.push(need);
                }
            }
        }
        needs
    }

    /// The revision to run; adds the step that registers it. `None` where something must be seen first.
    pub(crate) fn choose(
        &self,
        draft: &mut Draft<'_>,
        wanted: &Wanted<'_>,
        current: Option<&str>,
        because: Vec<Because>,
    ) -> Option<Chosen> {
        match task_definition::choose(self.world(), draft.memory(), &wanted.task, current) {
            Choice::Revision(arn) => {
                draft.unit.task_definition = Some(arn.clone());
                Some(Chosen::Revision(arn))
            }
            Choice::Register => Some(Chosen::Registered(task_definition::register(
                draft,
                self.document(),
                &wanted.task,
                &wanted.service.item,
                because,
            ))),
            Choice::Wait(subjects) => {
                subjects.into_iter().for_each(|s| draft.wait(WaitingOn::Seen(s)));
                None
            }
        }
    }
}

/// The revision of a service: known, or what an earlier step registers.
pub(crate) enum Chosen {
    Revision(String),
    Registered(StepId),
}

impl Chosen {
    pub fn into_input(self, step: &mut crate::Step, member: &'static str) {
        match self {
            Chosen::Revision(arn) => step.action.input.set(member, Tree::from(arn)),
            Chosen::Registered(id) => {
                step.fill(member, &id, "taskDefinition/taskDefinitionArn");
            }
        }
    }
}

/// How many tasks a new service starts with: the document's count, or one, within the bounds of scaling.
fn first_count(wanted: &Wanted<'_>) -> i64 {
    let count = wanted.input.int("desiredCount");
    match &wanted.service.scaling {
        Some(scaling) => {
            let min = scaling.target.int("minCapacity").unwrap_or_default();
            let max = scaling.target.int("maxCapacity").unwrap_or(i64::MAX).max(min);
            count.unwrap_or(min).clamp(min, max)
        }
        None => count.unwrap_or(1),
    }
}

/// AWS refuses a service whose target group is on no listener: what has to be there first.
pub(crate) fn attached(draft: &Draft<'_>, lookup: Lookup<'_>, input: &Tree, rules: &[StepId]) -> Vec<Need> {
    let mut needs = Vec::new();
    for entry in input.list_of("loadBalancers") {
        let Some(subject) = entry.str("targetGroupArn").and_then(|t| lookup.target_group_of(t)) else {
            continue;
        };
        let group = draft.world().tree(&subject);
        if group.is_some_and(|g| !g.list_of("loadBalancerArns").is_empty()) {
            continue;
        }
        let by_rule = draft.unit.steps.iter().find(|s| rules.contains(&s.id) && s.touches.contains(&subject));
        needs.push(match (by_rule, &subject) {
            (Some(step), _) => Need::Step(step.id.clone()),
            (None, Subject::TargetGroup(name)) => Need::Observed(WaitingOn::Attached(name.clone())),
            (None, other) => Need::Observed(WaitingOn::Attached(other.to_string())),
        });
    }
    needs
}
