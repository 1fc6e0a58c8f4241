//! Rules and listeners whose traffic ECS moves: the blue/green, linear and canary strategies.
//!
//! While a deployment runs, the weights of the pair of target groups are ECS's. Otherwise the service's
//! revision says which of the two has the traffic (`resolvedConfiguration`): the group that the document
//! names is only where the first deployment began.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ResolvedConfiguration.html>

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::Tree;
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::world::{Seen, World};

use crate::generations::Generations;
use crate::refs::Lookup;
use crate::report::WaitingOn;
use crate::{Input, rollout};

/// The members of a load balancer's entry that name a rule or listener, production first.
const NAMED: [&str; 2] = ["productionListenerRule", "testListenerRule"];

/// What a service says about a rule or listener, by every name that it has.
#[derive(Default)]
pub(crate) struct Shifts<'a>(BTreeMap<&'a str, Shift<'a>>);

struct Shift<'a> {
    service: &'a ServiceKey,
    production: bool,
    /// The two target groups, as far as they are known by ARN.
    pair: BTreeSet<String>,
    /// ECS knows of it: the service in AWS has the pair.
    known: bool,
}

/// Whose the traffic of a rule or listener is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hands {
    /// The document's.
    Document,
    /// The document's until ECS hears of it, unless it goes to these groups already.
    Until(BTreeSet<String>),
    /// ECS's for now: what it is waited for, where something is to be made.
    Ecs(WaitingOn),
    /// All of it belongs to the first of these groups, none to the second.
    Settled(String, String),
    /// ECS's: nothing says what it left, but a new one is to go to the first of these groups.
    Test(String, String),
}

fn entries(tree: &Tree) -> impl Iterator<Item = (&Tree, &Tree)> {
    tree.list_of("loadBalancers").iter().filter_map(|e| Some((e, e.get("advancedConfiguration")?)))
}

/// True for a service whose traffic ECS moves.
pub(crate) fn is_shifted(service: &Tree) -> bool {
    entries(service).next().is_some()
}

/// The revision that a service runs, where it runs one only.
pub(crate) fn revision(service: &Tree) -> Option<&str> {
    match service.list_of("currentServiceRevisions") {
        [only] => only.str("arn"),
        _ => None,
    }
}

/// Members of a service that only its revision shows.
const ON_REVISION: [&str; 2] = ["gatewayConnectors", "monitoring"];

/// True where something about a service can only be told from its revision. `last` is what was applied.
pub(crate) fn needs_revision(declared: &Tree, live: &Tree, last: Option<&Tree>) -> bool {
    let shown_there = |tree: &Tree| ON_REVISION.iter().any(|m| tree.get(m).is_some());
    entries(declared).next().is_some()
        || entries(live).next().is_some()
        || shown_there(declared)
        || last.is_some_and(shown_there)
}

impl<'a> Shifts<'a> {
    pub fn of(input: &Input<'a>, generations: &Generations) -> Self {
        let mut shifts = Shifts::default();
        for (key, service) in &input.document.services {
            let live = input.world.tree(&Subject::Service(key.clone()));
            let lookup =
                Lookup { document: input.document, world: input.world, generations, service: Some(key) };
            let group = |text: &str| lookup.resolve(&Tree::from(text)).0.as_str().map(str::to_owned);
            let pair = |entry: &Tree, advanced: &Tree| -> BTreeSet<String> {
                let texts = [entry.str("targetGroupArn"), advanced.str("alternateTargetGroupArn")];
                texts.into_iter().flatten().filter_map(group).collect()
            };
            let known: BTreeSet<BTreeSet<String>> =
                live.into_iter().flat_map(entries).map(|(e, a)| pair(e, a)).collect();
            for (entry, advanced) in entries(&service.input).chain(live.into_iter().flat_map(entries)) {
                let pair = pair(entry, advanced);
                for (member, production) in NAMED.into_iter().zip([true, false]) {
                    if let Some(name) = advanced.str(member) {
                        let known = known.contains(&pair);
                        shifts.0.insert(name, Shift { service: key, production, pair: pair.clone(), known });
                    }
                }
            }
        }
        shifts
    }

    /// Whose the traffic of the rule or listener with these names is.
    pub fn hands(&self, world: &World, names: &[&str]) -> Hands {
        let Some(shift) = names.iter().find_map(|n| self.0.get(n)) else { return Hands::Document };
        let subject = Subject::Service(shift.service.clone());
        let live = match world.seen(&subject) {
            Seen::Unknown => return Hands::Ecs(WaitingOn::Seen(subject)),
            Seen::Present { tree, .. } if tree.str("status") != Some("INACTIVE") => tree,
            _ => return Hands::Document,
        };
        if !shift.known {
            return Hands::Until(shift.pair.clone());
        }
        if let Some(rollout) = rollout::under_way(live) {
            return Hands::Ecs(WaitingOn::Rollout(rollout));
        }
        let Some(revision) = revision(live) else { return Hands::Ecs(WaitingOn::Seen(subject)) };
        let revision = Subject::ServiceRevision(revision.to_owned());
        let resolved = world.tree(&revision).and_then(|r| r.pointer("resolvedConfiguration/loadBalancers"));
        let groups = resolved.map_or(&[][..], Tree::items).iter().filter_map(|b| b.str("targetGroupArn"));
        let Some(live) = groups.into_iter().find(|g| shift.pair.contains(*g)) else {
            return Hands::Ecs(WaitingOn::Seen(revision));
        };
        let other = shift.pair.iter().find(|g| *g != live).map_or(live, String::as_str);
        let hands = if shift.production { Hands::Settled } else { Hands::Test };
        hands(live.to_owned(), other.to_owned())
    }
}

/// The groups to which actions send any traffic: by weight, where none is given in equal shares.
pub(crate) fn served(actions: &[Tree]) -> BTreeSet<&str> {
    let mut served = BTreeSet::new();
    for action in actions {
        let groups = action.get("forwardConfig").map_or(&[][..], |c| c.list_of("targetGroups"));
        let with_traffic = groups.iter().filter(|g| g.int("weight") != Some(0));
        served.extend(with_traffic.filter_map(|g| g.str("targetGroupArn")));
        served.extend(action.str("targetGroupArn").filter(|_| groups.is_empty()));
    }
    served
}

/// True where actions send traffic to some of these groups and to no others.
pub(crate) fn within(actions: &[Tree], groups: &BTreeSet<String>) -> bool {
    let served = served(actions);
    !served.is_empty() && served.iter().all(|g| groups.contains(*g))
}

/// Actions as they are declared, with the traffic of their forwards as it belongs: all of it to `live`. What
/// is there already and comes to that stays as it is.
pub(crate) fn settled(declared: &[Tree], there: &[Tree], live: &str, other: &str) -> Tree {
    let config = |a: &Tree| a.pointer("forwardConfig/targetGroups").cloned();
    let right = served(there) == BTreeSet::from([live]);
    let kept = there.iter().find_map(config).filter(|_| right);
    let group = |arn: &str, weight: i64| Tree::map().with("targetGroupArn", arn).with("weight", weight);
    let groups = kept.unwrap_or_else(|| Tree::list([group(live, 100), group(other, 0)]));
    Tree::list(declared.iter().cloned().map(|mut action| {
        if action.str("type") != Some("forward") {
            return action;
        }
        action.take("targetGroupArn");
        let config = action.take("forwardConfig").unwrap_or_else(Tree::map);
        action.with("forwardConfig", config.with("targetGroups", groups.clone()))
    }))
}
