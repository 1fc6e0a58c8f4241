//! How traffic and tasks get from one generation of a target group to the next.
//!
//! The new group stands on every forward of the old one at weight 0; services register with both; once all
//! their tasks are healthy there the forwards change over; services leave the old group; forwards drop it;
//! it is deleted. Every pass reads from AWS how far that has come, so it may be cut off anywhere. Two
//! rollouts, and at no time does a forward lead only to a group whose health has not been seen.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_model::Tree;
use evenkeel_model::document::Document;
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::world::{Seen, World};

use crate::generations::{Generations, name_in};
use crate::refs::{Lookup, find_listener, find_rule};
use crate::report::WaitingOn;
use crate::{Input, moves, rollout, shifts, succession};

/// How old a reading of health may be for traffic to be moved on its word.
const HEALTH: Duration = Duration::from_secs(30);

/// The target groups that are being replaced.
#[derive(Default)]
pub(crate) struct Replacements<'a>(Vec<Replacement<'a>>);

/// A target group with its older generations, and how far they have been left.
pub(crate) struct Replacement<'a> {
    /// The document's name of it.
    pub name: String,
    /// The ARN of the one that the document means: the new one, or while that is not there, one of the old.
    new: String,
    /// The new one is not there, or cannot be beside the old one yet: until it is, everything stays as it is.
    frozen: bool,
    /// It is another group of the document that forwards are to lead to, and no generation of the old one.
    moves: bool,
    /// The ARNs of the old ones.
    old: Vec<String>,
    /// The services that the document puts into it.
    services: Vec<(&'a ServiceKey, Option<&'a Tree>)>,
    /// The actions of every rule and listener that the document leads to it; empty where there is none yet.
    forwards: Vec<&'a [Tree]>,
    /// What keeps traffic from moving to the new one.
    blocked: Option<WaitingOn>,
}

/// The target groups in actions, with their weights.
pub(crate) fn groups_in(actions: &[Tree]) -> impl Iterator<Item = (&str, i64)> {
    actions.iter().flat_map(|action| {
        let groups = action.get("forwardConfig").map_or(&[][..], |c| c.list_of("targetGroups"));
        let alone = action.str("targetGroupArn").filter(|_| groups.is_empty()).map(|arn| (arn, 1));
        let weighed = groups.iter().filter_map(|g| Some((g.str("targetGroupArn")?, weight(g))));
        weighed.chain(alone)
    })
}

fn weight(group: &Tree) -> i64 {
    group.int("weight").unwrap_or(1)
}

/// The target groups of a service's load balancers.
pub(crate) fn groups_of(service: &Tree) -> impl Iterator<Item = &str> {
    service.list_of("loadBalancers").iter().filter_map(|e| e.str("targetGroupArn"))
}

/// The services that the document puts into the target group of this ARN, as they are in AWS.
pub(crate) fn services_in<'a>(
    document: &'a Document,
    world: &'a World,
    generations: &Generations,
    arn: &str,
) -> Vec<(&'a ServiceKey, Option<&'a Tree>)> {
    let mut found = Vec::new();
    for (key, service) in &document.services {
        let (input, _) = Lookup { document, world, generations, service: Some(key) }.resolve(&service.input);
        if groups_of(&input).any(|g| g == arn) {
            let live = world.tree(&Subject::Service(key.clone()));
            found.push((key, live.filter(|t| t.str("status") != Some("INACTIVE"))));
        }
    }
    found
}

/// The actions of every rule and listener in AWS that the document leads to the target group of this ARN; empty
/// where one is not there yet.
pub(crate) fn forwards_to<'a>(
    document: &'a Document,
    world: &'a World,
    generations: &Generations,
    arn: &str,
) -> Vec<&'a [Tree]> {
    let lookup = Lookup { document, world, generations, service: None };
    let mut found: Vec<&'a [Tree]> = Vec::new();
    let leads = |lookup: Lookup<'_>, input: &Tree, member: &str| {
        let (input, _) = lookup.resolve(input);
        groups_in(input.list_of(member)).any(|(g, _)| g == arn)
    };
    crate::priorities::rules_of(document, &mut |_, service, key, rule| {
        let lookup = Lookup { service, ..lookup };
        let Ok(listener) = lookup.listener_of(rule) else { return };
        if leads(lookup, &rule.input, "actions") {
            let rules = world.tree(&Subject::Rules(listener));
            let live = rules.and_then(|rules| find_rule(document, rules, &key));
            found.push(live.map_or(&[], |r| r.list_of("actions")));
        }
    });
    for (name, lb) in &document.load_balancers {
        let balancer = world.tree(&Subject::LoadBalancer(name.clone()));
        let listeners = balancer.and_then(|t| t.str("loadBalancerArn"));
        let listeners = listeners.and_then(|arn| world.tree(&Subject::Listeners(arn.to_owned())));
        let live = listeners.map_or(&[][..], Tree::items);
        for (key, _) in lb.listeners.iter().filter(|(_, l)| leads(lookup, &l.input, "defaultActions")) {
            let live = find_listener(document, lb, key, live);
            found.push(live.map_or(&[], |l| l.list_of("defaultActions")));
        }
    }
    found
}

/// The ARN of a target group that is there.
fn arn_of<'w>(world: &'w World, name: &str) -> Option<&'w str> {
    world.tree(&Subject::TargetGroup(name.to_owned()))?.str("targetGroupArn")
}

/// What has to be looked at while target groups are replaced: the health of the new ones.
pub(crate) fn interest(document: &Document, world: &World, generations: &Generations) -> BTreeSet<Subject> {
    let new = generations.several().filter_map(|(_, g)| arn_of(world, g.target.as_ref()?)).map(str::to_owned);
    let other = moves::of(document, world, generations).into_iter().map(|moving| moving.new);
    new.chain(other).map(Subject::TargetHealth).collect()
}

impl<'a> Replacements<'a> {
    pub fn of(input: &Input<'a>, generations: &Generations) -> Self {
        let mut all = Vec::new();
        for (name, generation) in generations.several() {
            let Some(new) = generation.meant().and_then(|n| arn_of(input.world, n)) else { continue };
            let old =
                generation.old.iter().filter_map(|n| arn_of(input.world, n)).map(str::to_owned).collect();
            let services = services_in(input.document, input.world, generations, new);
            let forwards = forwards_to(input.document, input.world, generations, new);
            let mut one = Replacement {
                name: name.to_owned(),
                new: new.to_owned(),
                frozen: generation.target.is_none(),
                moves: false,
                old,
                services,
                forwards,
                blocked: None,
            };
            one.blocked = one.blocked(input);
            all.push(one);
        }
        all.extend(moves::of(input.document, input.world, generations).into_iter().filter_map(|moving| {
            let services = services_in(input.document, input.world, generations, &moving.new);
            // What ECS moves is ECS's; and whoever is in it besides, no service is waited for.
            let by_ecs = services.iter().any(|(key, live)| {
                let wanted = input.document.services.get(*key).map(|s| &s.input);
                live.iter().chain(&wanted).any(|s| shifts::is_shifted(s))
            });
            if services.is_empty() || by_ecs {
                return None;
            }
            let apart = |(key, live): &(&ServiceKey, Option<&Tree>)| {
                let (wanted, live) = (input.document.services.get(*key)?, (*live)?);
                let old = groups_of(live).find(|g| moving.old.contains(*g))?;
                succession::cannot_be_in_both(&wanted.task_definition, live, old)
            };
            let mut one = Replacement {
                name: name_in(&moving.new).unwrap_or_default().to_owned(),
                frozen: services.iter().any(|service| apart(service).is_some()),
                moves: true,
                new: moving.new,
                old: moving.old.into_iter().collect(),
                services,
                forwards: moving.forwards,
                blocked: None,
            };
            one.blocked = one.blocked(input);
            Some(one)
        }));
        Replacements(all)
    }

    /// What the traffic of a forward waits for that is to lead to other groups of the document.
    pub fn moving(&self, declared: &[Tree]) -> Option<WaitingOn> {
        let concerned = |r: &&Replacement<'_>| r.moves && groups_in(declared).any(|(arn, _)| arn == r.new);
        self.0.iter().filter(concerned).find_map(Replacement::moving)
    }

    /// What has to be so before nothing leads to the target group of this ARN any more, where others take its place.
    pub fn leaving(&self, arn: &str) -> Option<WaitingOn> {
        self.0.iter().filter(|r| r.moves && r.is_old(arn)).find_map(Replacement::moving)
    }

    /// The replacement of the target group that the document calls `name`.
    pub fn get(&self, name: &str) -> Option<&Replacement<'a>> {
        self.0.iter().find(|r| r.name == name)
    }

    /// Actions as they are declared, with the groups beside each other that are on their way. `there` is what
    /// the rule or listener does now.
    pub fn actions(&self, declared: &[Tree], there: &[Tree]) -> Option<Tree> {
        let concerned = |r: &&Replacement<'_>| groups_in(declared).any(|(g, _)| g == r.new);
        if !self.0.iter().any(|r| concerned(&r)) {
            return None;
        }
        Some(Tree::list(declared.iter().cloned().map(|mut action| {
            let alone = action.take("targetGroupArn").map(|arn| Tree::map().with("targetGroupArn", arn));
            let config = action.take("forwardConfig");
            let groups = config.as_ref().map_or(&[][..], |c| c.list_of("targetGroups"));
            let groups: Vec<Tree> =
                if groups.is_empty() { alone.into_iter().collect() } else { groups.to_vec() };
            if groups.is_empty() {
                return action;
            }
            let staged = groups.into_iter().flat_map(|group| {
                let found = self.0.iter().find(|r| group.str("targetGroupArn") == Some(&r.new));
                found.map_or_else(|| vec![group.clone()], |r| r.weigh(&group, there))
            });
            let staged = Tree::list(staged.collect::<Vec<_>>());
            action.with("forwardConfig", config.unwrap_or_else(Tree::map).with("targetGroups", staged))
        })))
    }

    /// A service's input with the groups that it is not to leave yet.
    pub fn entries<'t>(&self, declared: Cow<'t, Tree>, live: Option<&Tree>) -> Cow<'t, Tree> {
        let there = live.map_or(&[][..], |l| l.list_of("loadBalancers"));
        let mut entries = declared.list_of("loadBalancers").to_vec();
        let mut changed = false;
        for replacement in &self.0 {
            let group = |e: &Tree| e.str("targetGroupArn").unwrap_or_default().to_owned();
            let may_leave = replacement.blocked.is_none() && replacement.has_moved();
            let kept: Vec<Tree> = there.iter().filter(|e| replacement.is_old(&group(e))).cloned().collect();
            if kept.is_empty() || may_leave || !entries.iter().any(|e| group(e) == replacement.new) {
                continue;
            }
            match kept.first().and_then(|e| e.get("targetGroupArn")) {
                // The containers change first, within the old group.
                Some(old) if replacement.frozen && replacement.moves => {
                    let new = entries.iter_mut().filter(|e| group(e) == replacement.new);
                    new.for_each(|e| e.set("targetGroupArn", old.clone()));
                }
                _ => {
                    if replacement.frozen {
                        entries.retain(|e| group(e) != replacement.new);
                    }
                    entries.extend(kept);
                }
            }
            changed = true;
        }
        if !changed {
            return declared;
        }
        Cow::Owned(declared.into_owned().with("loadBalancers", Tree::from(entries)))
    }

    /// The older generations of these target groups: their places change with theirs.
    pub fn beside(&self, groups: &[Subject]) -> Vec<Subject> {
        let named = |r: &&Replacement<'_>| {
            let new = name_in(&r.new).unwrap_or_default();
            groups.iter().any(|g| matches!(g, Subject::TargetGroup(n) if n == new))
        };
        let old = self.0.iter().filter(named).flat_map(|r| &r.old).filter_map(|arn| name_in(arn));
        old.map(|name| Subject::TargetGroup(name.to_owned())).collect()
    }
}

fn waits(what: impl Into<String>) -> WaitingOn {
    WaitingOn::Replacement(what.into())
}

impl Replacement<'_> {
    fn is_old(&self, arn: &str) -> bool {
        self.old.iter().any(|o| o == arn)
    }

    /// True where actions send traffic to the new group and none to old ones.
    fn moved(&self, actions: &[Tree]) -> bool {
        let served = |arn: &str, weight: i64| weight > 0 && arn == self.new;
        groups_in(actions).any(|(arn, weight)| served(arn, weight))
            && groups_in(actions).all(|(arn, weight)| weight == 0 || !self.is_old(arn))
    }

    /// True where all traffic has moved.
    fn has_moved(&self) -> bool {
        self.forwards.iter().all(|actions| self.moved(actions))
    }

    /// The services that are still in old groups, or whose tasks may be.
    fn in_old(&self) -> Vec<String> {
        let still =
            |live: &Tree| groups_of(live).any(|g| self.is_old(g)) || rollout::under_way(live).is_some();
        let still = self.services.iter().filter(|(_, live)| live.is_some_and(still));
        still.map(|(key, _)| key.to_string()).collect()
    }

    /// The element of a forward for this group, with its older ones beside it. Where there are several, all have
    /// a weight: what is only on its way is no state to be left as it was found.
    fn weigh(&self, declared: &Tree, there: &[Tree]) -> Vec<Tree> {
        let element = |arn: &str, weight: i64| Tree::map().with("targetGroupArn", arn).with("weight", weight);
        let new = |weight: i64| element(&self.new, weight);
        let old: Vec<(&str, i64)> = groups_in(there).filter(|(arn, _)| self.is_old(arn)).collect();
        let kept = old.iter().map(|(arn, weight)| element(arn, *weight));
        if self.frozen {
            return if old.is_empty() { vec![new(weight(declared))] } else { kept.collect() };
        }
        if self.moved(there) || self.blocked.is_none() {
            if self.in_old().is_empty() {
                return vec![declared.clone()];
            }
            let old = old.iter().map(|(arn, _)| element(arn, 0));
            return std::iter::once(new(weight(declared))).chain(old).collect();
        }
        let first = self.old.first().filter(|_| old.is_empty()).map(|arn| element(arn, weight(declared)));
        kept.chain(first).chain([new(0)]).collect()
    }

    /// What has to be so before traffic moves to the new group.
    fn blocked(&self, input: &Input<'_>) -> Option<WaitingOn> {
        if self.frozen {
            let what = if self.moves { "tasks that can be in both" } else { "the new one to be there" };
            return Some(waits(what));
        }
        let on_all = |actions: &&[Tree]| groups_in(actions).any(|(arn, _)| arn == self.new);
        if !self.forwards.iter().all(on_all) {
            return Some(waits("the new one to be on every rule and listener"));
        }
        let mut wanted = 0;
        for (key, live) in &self.services {
            let Some(live) = live.filter(|l| groups_of(l).any(|g| g == self.new)) else {
                return Some(waits(format!("{key} to be in both")));
            };
            if rollout::under_way(live).is_some() {
                return Some(waits(format!("the deployment of {key}")));
            }
            wanted += live.int("desiredCount").unwrap_or_default();
        }
        let subject = Subject::TargetHealth(self.new.clone());
        match input.world.seen(&subject) {
            Seen::Present { seen_at, tree } if input.now.since(*seen_at) <= HEALTH => {
                let is_healthy =
                    |t: &&Tree| t.pointer("targetHealth/state").and_then(Tree::as_str) == Some("healthy");
                let healthy = tree.items().iter().filter(is_healthy).count() as i64;
                let all = healthy >= wanted && !self.services.is_empty();
                (!all).then(|| waits(format!("all targets to be healthy: {healthy} of {wanted}")))
            }
            _ => Some(WaitingOn::Seen(subject)),
        }
    }

    /// What the traffic waits for on its way to the new one; `None` where it has got there.
    fn moving(&self) -> Option<WaitingOn> {
        let group = name_in(&self.new).unwrap_or_default().to_owned();
        let said = |wait: &WaitingOn| match wait {
            WaitingOn::Replacement(what) => WaitingOn::Traffic { group: group.clone(), what: what.clone() },
            other => other.clone(),
        };
        if !self.has_moved() {
            return self.blocked.as_ref().map(said);
        }
        let still = self.in_old();
        still.first().map(|key| said(&waits(format!("{key} to leave the old one"))))
    }

    /// What is next; `None` where nothing leads to the old ones any more.
    pub fn next(&self, world: &World) -> Option<WaitingOn> {
        if !self.has_moved() {
            return self.blocked.clone().or_else(|| Some(waits("its traffic to move")));
        }
        if let Some(key) = self.in_old().first() {
            return Some(waits(format!("{key} to leave the old one")));
        }
        let attached = |arn: &String| {
            let tree = world.tree(&Subject::TargetGroup(name_in(arn).unwrap_or_default().to_owned()));
            tree.is_none_or(|t| !t.list_of("loadBalancerArns").is_empty())
        };
        let on_any = self.forwards.iter().any(|f| groups_in(f).any(|(arn, _)| self.is_old(arn)));
        (on_any || self.old.iter().any(attached)).then(|| waits("the old one to be on no rule or listener"))
    }
}
