//! What has to be observed to plan a document: computed from it and from what is known already, so that
//! each look leads to the next (a load balancer to its listeners, a service to its task definition).

use std::collections::BTreeSet;

use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Rule};
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::memory::Memory;
use evenkeel_model::world::World;

use crate::generations::Generations;
use crate::refs::Lookup;
use crate::task_definition::{self, Choice};
use crate::{diagnosis, hold, hooks, prune, replacement, revisions as collected, shifts};

/// The subjects to keep observed.
pub fn interest(document: &Document, world: &World, memory: &Memory) -> BTreeSet<Subject> {
    let generations = &Generations::of(document, world, memory);
    let mut all: BTreeSet<Subject> = generations.names.iter().cloned().map(Subject::TargetGroup).collect();
    all.extend(replacement::interest(document, world, generations));
    all.extend(document.clusters.keys().cloned().map(Subject::Cluster));
    all.extend(document.repositories.keys().cloned().map(Subject::Repository));
    all.extend(document.log_groups.keys().cloned().map(Subject::LogGroup));
    all.extend(document.target_groups.keys().cloned().map(Subject::TargetGroup));
    for (name, lb) in &document.load_balancers {
        let subject = Subject::LoadBalancer(name.clone());
        if let Some(arn) = world.tree(&subject).and_then(|t| t.str("loadBalancerArn")) {
            all.insert(Subject::Listeners(arn.to_owned()));
        }
        all.insert(subject);
        for listener in lb.listeners.values() {
            rules(document, world, generations, None, listener.rules.values(), &mut all);
        }
    }
    for (key, service) in &document.services {
        all.insert(Subject::Cluster(key.cluster.clone()));
        all.insert(Subject::Service(key.clone()));
        all.insert(Subject::ScalableTarget(key.clone()));
        if service.scaling.is_some() {
            all.insert(Subject::Policies(key.clone()));
            all.insert(Subject::ScheduledActions(key.clone()));
        }
        rules(document, world, generations, Some(key), service.rules.values(), &mut all);
        let lookup = Lookup { document, world, generations, service: Some(key) };
        let (want, _) = lookup.resolve(&service.task_definition);
        let live = world.seen(&Subject::Service(key.clone()));
        if live.is_unknown() {
            continue;
        }
        let active = live.tree().filter(|t| t.str("status") != Some("INACTIVE"));
        let current = active.and_then(|t| t.str("taskDefinition"));
        let remembered = memory.unit(&UnitKey::Service(key.clone()));
        if let Some(live) = active {
            if shifts::needs_revision(&service.input, live, remembered.applied.get("service")) {
                all.extend(shifts::revision(live).map(|arn| Subject::ServiceRevision(arn.to_owned())));
            }
            all.extend(diagnosis::needs(key, live));
            if hooks::may_pause(live) {
                all.insert(Subject::Deployments(key.clone()));
            }
            all.extend(hold::history(document, world, remembered, key, live).rests_on);
        }
        revisions(world, remembered, &want, current, &mut all);
        let family = task_definition::family(&want);
        all.extend(collected::needs(world, family, document.settings.keep_revisions));
    }
    for (family, want) in &document.task_definitions {
        let lookup = Lookup { document, world, generations, service: None };
        let (want, _) = lookup.resolve(want);
        let remembered = memory.unit(&UnitKey::TaskDefinition(family.clone()));
        revisions(world, remembered, &want, None, &mut all);
        all.extend(collected::needs(world, family, document.settings.keep_revisions));
    }
    prune::needs(document, world, memory, &mut all);
    all
}

/// What is needed to know which revision has the wanted content.
fn revisions(
    world: &World,
    memory: &evenkeel_model::memory::Remembered,
    want: &Tree,
    current: Option<&str>,
    all: &mut BTreeSet<Subject>,
) {
    let (choice, rests_on) = task_definition::look(world, memory, want, current);
    all.extend(rests_on);
    if let Choice::Wait(subjects) = choice {
        all.extend(subjects);
    }
}

fn rules<'r>(
    document: &Document,
    world: &World,
    generations: &Generations,
    service: Option<&ServiceKey>,
    rules: impl Iterator<Item = &'r Rule>,
    all: &mut BTreeSet<Subject>,
) {
    for rule in rules {
        let lookup = Lookup { document, world, generations, service };
        if let Ok(listener) = lookup.listener_of(rule) {
            all.insert(Subject::Rules(listener));
        }
    }
}
