//! Forwards that are to lead to another target group: a service changes its group, or another service takes the
//! place of one.
//!
//! Changed at once, a rule would lead to a group in which no task is yet. So the traffic goes there as it goes
//! to a group that replaces another (see [`crate::replacement`]): the other group stands beside the one that
//! serves, at weight 0, until all tasks are healthy there.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::Tree;
use evenkeel_model::document::Document;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::world::World;

use crate::generations::Generations;
use crate::priorities::rules_of;
use crate::refs::{Lookup, find_listener};
use crate::replacement::groups_in;
use crate::rules;

/// A target group that forwards of the document are to lead to instead of others.
pub(crate) struct Moving<'a> {
    /// Its ARN.
    pub new: String,
    /// The ARNs of those that they are to leave.
    pub old: BTreeSet<String>,
    /// What these forwards do now.
    pub forwards: Vec<&'a [Tree]>,
}

/// All of them, but for generations of one group.
pub(crate) fn of<'a>(document: &'a Document, world: &'a World, generations: &Generations) -> Vec<Moving<'a>> {
    let mut found: BTreeMap<String, Moving<'a>> = BTreeMap::new();
    let generation = |name: &String| world.tree(&Subject::TargetGroup(name.clone()))?.str("targetGroupArn");
    let replaced: BTreeSet<&str> = generations
        .several()
        .flat_map(|(_, g)| g.old.iter().chain(&g.target))
        .filter_map(generation)
        .collect();
    each_forward(document, world, generations, |declared, live| {
        let Some(declared) = declared else { return };
        let wanted: BTreeSet<&str> = groups_in(declared).map(|(arn, _)| arn).collect();
        let leaves = |arn: &&str| !wanted.contains(arn) && !replaced.contains(arn);
        let old: BTreeSet<String> =
            groups_in(live).map(|(arn, _)| arn).filter(leaves).map(str::to_owned).collect();
        if old.is_empty() {
            return;
        }
        for new in wanted.iter().filter(|arn| !replaced.contains(*arn)) {
            let one = found.entry((*new).to_owned()).or_insert_with(|| Moving {
                new: (*new).to_owned(),
                old: BTreeSet::new(),
                forwards: Vec::new(),
            });
            one.old.extend(old.iter().cloned());
            one.forwards.push(live);
        }
    });
    found.into_values().collect()
}

/// The actions of every rule and listener of the document that is there: as they are declared, where all that they
/// name is there too, and as they are.
pub(crate) fn each_forward<'a>(
    document: &'a Document,
    world: &'a World,
    generations: &Generations,
    mut each: impl FnMut(Option<&[Tree]>, &'a [Tree]),
) {
    let lookup = Lookup { document, world, generations, service: None };
    let keys = rules::keys(document);
    rules_of(document, &mut |unit: UnitKey, service, key, rule| {
        let lookup = Lookup { service, ..lookup };
        let Ok(listener) = lookup.listener_of(rule) else { return };
        let Some(live) = world.tree(&Subject::Rules(listener)) else { return };
        let Some(live) = rules::there(document, live, &unit, &key, rule, &keys) else { return };
        let (input, waits) = lookup.resolve(&rule.input);
        each(waits.is_empty().then(|| input.list_of("actions")), live.list_of("actions"));
    });
    for (name, lb) in &document.load_balancers {
        let balancer = world.tree(&Subject::LoadBalancer(name.clone()));
        let Some(arn) = balancer.and_then(|t| t.str("loadBalancerArn")) else { continue };
        let live = world.tree(&Subject::Listeners(arn.to_owned())).map(Tree::items).unwrap_or_default();
        for (key, listener) in &lb.listeners {
            let Some(there) = find_listener(document, lb, key, live) else { continue };
            let (input, waits) = lookup.resolve(&listener.input);
            let declared = waits.is_empty().then(|| input.list_of("defaultActions"));
            each(declared, there.list_of("defaultActions"));
        }
    }
}
