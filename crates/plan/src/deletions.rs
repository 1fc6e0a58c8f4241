//! What may be deleted: decided for the whole document before any unit is planned, because the share of a kind
//! that may go in a day and the approval of exactly these deletions concern all of them.
//!
//! A candidate is what memory says was ours under this document, what the document no longer has, and what
//! carries our tags in AWS to this day; and of scaling, which carries none, what a service of ours has beside
//! what is declared.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_model::Tree;
use evenkeel_model::document::Prune;
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::memory::Remembered;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::EXPECTATION;

use crate::ownership::{self, TAG_DOCUMENT, TAG_KEY};
use crate::refs::find_rule;
use crate::report::{Refusal, WaitingOn};
use crate::rules::all_inherited;
use crate::{Input, Planned, Step, Unit, generations, hash, restraint};

/// Deletions count for this long against the share of a kind that may go.
pub(crate) const DAY: i64 = 24 * 60 * 60;

/// A listing may show for so long what is gone, in seconds.
const LATELY: i64 = EXPECTATION.as_secs() as i64;

/// Parts of units that are deleted by themselves, by the first word of their names.
const PARTS: [&str; 5] = ["rule", "listener", "policy", "scheduled action", "scaling"];

/// What of a unit may be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may.
    May,
    /// Something has to happen first.
    Waits(WaitingOn),
    /// It may not, and is left.
    Refused(Refusal),
    /// It may not, and nobody asked for it.
    Off,
}

/// Something that the document no longer has and that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    unit: UnitKey,
    /// The unit by its key, or a part of it by its name.
    item: String,
}

/// What may be deleted.
#[derive(Default)]
pub(crate) struct Deletions {
    verdicts: BTreeMap<Candidate, Verdict>,
    /// Rules that others of the document take over, where anything is to be deleted.
    inherited: BTreeSet<(String, String)>,
}

/// The rules of ours that others of the document take over, by listener and key; looked for where somebody asks.
struct Inherited<'a> {
    input: &'a Input<'a>,
    all: OnceCell<BTreeSet<(String, String)>>,
}

impl<'a> Inherited<'a> {
    fn of(input: &'a Input<'a>) -> Self {
        Inherited { input, all: OnceCell::new() }
    }

    fn all(&self) -> &BTreeSet<(String, String)> {
        self.all.get_or_init(|| all_inherited(self.input.document, self.input.world))
    }
}

impl Deletions {
    pub fn of(input: &Input<'_>) -> Deletions {
        let inherited = Inherited::of(input);
        let found = candidates(input, &inherited);
        if found.is_empty() {
            return Deletions::default();
        }
        let general = general(input, &found);
        let mut quota = Quota::of(input, &found);
        let verdict = |candidate: Candidate| {
            let own = match &general {
                Some(verdict) => verdict.clone(),
                None => quota.take(&candidate),
            };
            (candidate, own)
        };
        let verdicts = found.into_iter().map(verdict).collect();
        Deletions { verdicts, inherited: inherited.all().clone() }
    }

    /// True where another rule of the document takes this one over.
    pub fn inherits(&self, listener: &str, key: &str) -> bool {
        self.inherited.contains(&(listener.to_owned(), key.to_owned()))
    }

    /// What is to become of the unit itself; `None` where it is no candidate.
    pub fn of_unit(&self, unit: &UnitKey) -> Option<&Verdict> {
        self.verdicts.get(&Candidate { unit: unit.clone(), item: unit.to_string() })
    }

    /// The parts of a unit that the document no longer has, with what is to become of them.
    pub fn of_parts<'d>(&'d self, unit: &'d UnitKey) -> impl Iterator<Item = (&'d str, &'d Verdict)> {
        let first = Candidate { unit: unit.clone(), item: String::new() };
        let own = self.verdicts.range(first..).take_while(move |(c, _)| c.unit == *unit);
        own.filter(|(c, _)| is_part(&c.item)).map(|(c, verdict)| (&*c.item, verdict))
    }
}

fn is_part(item: &str) -> bool {
    kind_of_part(item).is_some()
}

fn kind_of_part(item: &str) -> Option<&'static str> {
    PARTS
        .into_iter()
        .find(|kind| item.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

/// The scheduled actions of one target, which go together or not at all: half of them may leave a service at the
/// size that it has at night.
const SCHEDULE: &str = "scheduled action";

/// The kind of a deleted thing, of which only a share may go.
fn kind(item: &str) -> &str {
    kind_of_part(item).or_else(|| item.split_once(':').map(|(kind, _)| kind)).unwrap_or(item)
}

impl Candidate {
    /// What it counts as where only a share of its kind may go.
    fn counted(&self) -> Candidate {
        let item = if kind(&self.item) == SCHEDULE { SCHEDULE } else { &self.item };
        Candidate { unit: self.unit.clone(), item: item.to_owned() }
    }
}

/// What holds for every deletion; `None` where each is judged by itself.
fn general(input: &Input<'_>, found: &BTreeSet<Candidate>) -> Option<Verdict> {
    let settings = &input.document.settings;
    let refused =
        |why: &str, way_out: &str| Some(Verdict::Refused(Refusal::new(format!("delete: {why}")).or(way_out)));
    if settings.prune == Prune::Off {
        return Some(Verdict::Off);
    }
    if !input.ceilings.prune {
        return refused(
            "this Evenkeel may not delete anything",
            "run it with `--allow prune`, or delete it by hand",
        );
    }
    if input.document.is_empty() {
        return refused("an empty document deletes nothing", "delete it by hand");
    }
    if !input.document.kept_back.is_empty() {
        let why = "while an entry of the document has errors nothing is deleted";
        return refused(why, "correct the document");
    }
    let id = approval(input, found);
    let waits = settings.prune == Prune::Confirm && !input.orders.approves(&id, input.clock);
    waits.then_some(Verdict::Waits(WaitingOn::Approval(id)))
}

/// The id of exactly these deletions. What was deleted within the day is in it, so that it stays the same while
/// they are carried out one after the other.
fn approval(input: &Input<'_>, found: &BTreeSet<Candidate>) -> String {
    let open = found.iter().map(|c| format!("{} {}\n", c.unit, c.item));
    let done = deleted(input).map(|(unit, item)| format!("{unit} {item}\n"));
    let all: BTreeSet<String> = open.chain(done).collect();
    hash::hex(all.into_iter().collect::<String>().as_bytes(), 8)
}

/// What was deleted within the day, and what a run that nobody knows the end of was to delete.
fn deleted<'a>(input: &'a Input<'_>) -> impl Iterator<Item = (&'a UnitKey, String)> {
    let ours = input.memory.0.iter().filter(|(_, m)| m.document.as_ref() == Some(&input.document.name));
    ours.flat_map(|(unit, memory)| {
        let done =
            memory.deleted.iter().filter(|(_, at)| **at + DAY > input.clock).map(|(item, _)| item.clone());
        let steps = memory.intent.iter().flat_map(|intent| &intent.steps);
        // What is declared is deleted to be made anew.
        let goes = |item: &String| is_part(item) || !input.document.declares(unit);
        let begun = steps.filter_map(|step| item_of_step(unit, step)).filter(goes);
        let all: BTreeSet<String> = done.chain(begun).collect();
        all.into_iter().map(move |item| (unit, item))
    })
}

/// What a step of that name deletes.
fn item_of_step(unit: &UnitKey, step: &str) -> Option<String> {
    let (verb, about) = step.split_once(' ')?;
    Some(match verb {
        "delete-rule" => format!("rule {about}"),
        "delete-listener" => format!("listener {about}"),
        "delete-scaling-policy" => format!("policy {about}"),
        "delete-scheduled-action" => format!("scheduled action {about}"),
        "deregister-scalable-target" => "scaling".to_owned(),
        "delete-service"
        | "delete-target-group"
        | "delete-load-balancer"
        | "delete-cluster"
        | "delete-repository"
        | "delete-log-group" => unit.to_string(),
        _ => return None,
    })
}

/// How much of each kind may still go.
struct Quota<'a> {
    input: &'a Input<'a>,
    /// What is gone, or about to be, or may go.
    gone: BTreeSet<Candidate>,
    /// By kind: how many there are and were within the day.
    there: BTreeMap<String, usize>,
    taken: BTreeMap<String, usize>,
}

impl<'a> Quota<'a> {
    fn of(input: &'a Input<'a>, found: &BTreeSet<Candidate>) -> Self {
        let whole = |unit: &UnitKey, item: &str| {
            // What belongs to a unit that is deleted goes with it.
            !is_part(item) || input.document.declares(unit)
        };
        let gone: BTreeSet<Candidate> = deleted(input)
            .filter(|(unit, item)| whole(unit, item))
            .map(|(unit, item)| Candidate { unit: unit.clone(), item }.counted())
            .collect();
        let mut all: BTreeSet<Candidate> = found.iter().map(Candidate::counted).collect();
        all.extend(gone.iter().cloned());
        for (unit, memory) in &input.memory.0 {
            if memory.document.as_ref() == Some(&input.document.name) && !memory.applied.is_empty() {
                all.insert(Candidate { unit: unit.clone(), item: unit.to_string() });
                let parts = memory.applied.keys().filter(|p| is_part(p) && !is_about_a_rule(p));
                all.extend(parts.map(|p| Candidate { unit: unit.clone(), item: p.clone() }.counted()));
            }
        }
        let mut there: BTreeMap<String, usize> = BTreeMap::new();
        for candidate in &all {
            *there.entry(kind(&candidate.item).to_owned()).or_default() += 1;
        }
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for candidate in &gone {
            *taken.entry(kind(&candidate.item).to_owned()).or_default() += 1;
        }
        Quota { input, gone, there, taken }
    }

    fn most(&self, kind: &str) -> usize {
        let there = self.there.get(kind).copied().unwrap_or_default();
        (there * self.input.document.settings.max_delete_percent / 100).max(1)
    }

    fn take(&mut self, candidate: &Candidate) -> Verdict {
        let candidate = candidate.counted();
        // Of what was begun it is known that it may.
        if self.gone.contains(&candidate) {
            return Verdict::May;
        }
        let kind = kind(&candidate.item).to_owned();
        let most = self.most(&kind);
        let taken = self.taken.entry(kind.clone()).or_default();
        if *taken >= most {
            let kind = if kind == SCHEDULE { "scheduled actions of one service".to_owned() } else { kind };
            return Verdict::Waits(WaitingOn::Deletions { most, kind });
        }
        *taken += 1;
        if candidate.item == SCHEDULE {
            self.gone.insert(candidate);
        }
        Verdict::May
    }
}

/// Parts of memory that are about a rule and not the rule itself.
fn is_about_a_rule(part: &str) -> bool {
    part.starts_with("rule ") && (part.ends_with(" priority") || part.ends_with(" listener"))
}

/// True where a part of memory is about this item.
pub(crate) fn is_of(part: &str, item: &str) -> bool {
    let rest = part.strip_prefix(item);
    rest.is_some_and(|rest| matches!(rest, "" | " priority" | " listener"))
}

/// The part of a unit's memory that holds the listener of a rule.
pub(crate) fn listener_part(key: &str) -> String {
    format!("rule {key} listener")
}

/// The rules that a unit remembers, by their keys, with their listeners.
pub(crate) fn remembered_rules(memory: &Remembered) -> impl Iterator<Item = (&str, &str)> {
    memory.applied.iter().filter_map(|(part, listener)| {
        let key = part.strip_prefix("rule ")?.strip_suffix(" listener")?;
        Some((key, listener.as_str()?))
    })
}

/// True where a described thing is there to stay.
pub(crate) fn is_there(tree: &Tree) -> bool {
    !matches!(tree.str("status"), Some("INACTIVE" | "DRAINING" | "DEPROVISIONING"))
}

/// The key that a unit's tag is to have.
pub(crate) fn item_key(memory: &Remembered) -> Option<&str> {
    memory.applied.get("tags").and_then(|tags| tags.str(TAG_KEY))
}

/// True where a resource carries the tags of ownership, with this key.
fn carries(input: &Input<'_>, tree: &Tree, key: Option<&str>) -> bool {
    ownership::tag(tree, TAG_DOCUMENT) == Some(&input.document.name)
        && key.is_some_and(|key| ownership::tag(tree, TAG_KEY) == Some(key))
}

fn candidates<'a>(input: &'a Input<'a>, inherited: &Inherited<'a>) -> BTreeSet<Candidate> {
    let mut found = BTreeSet::new();
    for (unit, memory) in &input.memory.0 {
        if memory.document.as_ref() != Some(&input.document.name) || memory.applied.is_empty() {
            continue;
        }
        let mut items = Vec::new();
        match unit {
            _ if !input.document.declares(unit) => items.push(unit.to_string()),
            UnitKey::Service(key) => {
                rules(input, memory, unit, inherited, &mut items);
                scaling(input, memory, key, &mut items);
            }
            UnitKey::LoadBalancer(name) => {
                rules(input, memory, unit, inherited, &mut items);
                listeners(input, name, &mut items);
            }
            _ => {}
        }
        if items.is_empty() || !may_go(input, unit, memory) {
            continue;
        }
        let lately = |item: &String| memory.deleted.get(item).is_some_and(|at| input.clock - at < LATELY);
        items.retain(|item| !lately(item));
        found.extend(items.into_iter().map(|item| Candidate { unit: unit.clone(), item }));
    }
    found
}

/// What a unit is in AWS: one thing, but for target groups, of which several may stand beside each other.
pub(crate) fn subjects(unit: &UnitKey, memory: &Remembered) -> Vec<Subject> {
    let names = memory.applied.get(generations::NAMES).map(Tree::items).unwrap_or_default();
    let others = names.iter().filter_map(|n| Some(Subject::TargetGroup(n.as_str()?.to_owned())));
    restraint::tagged(unit).into_iter().chain(others).collect()
}

/// True where the unit is there, carries our tags with the key that it had, and is nobody else's; and where it
/// is gone from the document, as long as it may be deleted.
fn may_go(input: &Input<'_>, unit: &UnitKey, memory: &Remembered) -> bool {
    let there = |subject: &Subject| {
        let tree = input.world.tree(subject);
        tree.is_some_and(|tree| is_there(tree) && carries(input, tree, item_key(memory)))
    };
    subjects(unit, memory).iter().any(there)
        && !input.others.iter().any(|other| other.declares(unit))
        && (input.document.declares(unit) || memory.deletes && !input.document.kept_back.contains_key(unit))
}

/// Rules that a unit made and that it no longer declares. Those on a listener that goes go with it.
fn rules(
    input: &Input<'_>,
    memory: &Remembered,
    unit: &UnitKey,
    inherited: &Inherited<'_>,
    items: &mut Vec<String>,
) {
    for (key, listener) in remembered_rules(memory) {
        if declares_rule(input, unit, key) {
            continue;
        }
        let rules = input.world.tree(&Subject::Rules(listener.to_owned()));
        if rules.is_some_and(|rules| find_rule(input.document, rules, key).is_some())
            && !inherited.all().contains(&(listener.to_owned(), key.to_owned()))
        {
            items.push(format!("rule {key}"));
        }
    }
}

fn declares_rule(input: &Input<'_>, unit: &UnitKey, key: &str) -> bool {
    let Some((of, name)) = key.rsplit_once('/') else { return false };
    match unit {
        UnitKey::Service(service) => {
            let service = input.document.services.get(service);
            service.is_some_and(|s| s.item == of && s.rules.contains_key(name))
        }
        UnitKey::LoadBalancer(balancer) => {
            let balancer = input.document.load_balancers.get(balancer);
            balancer.zip(of.rsplit_once('/')).is_some_and(|(lb, (item, listener))| {
                lb.item == item && lb.listeners.get(listener).is_some_and(|l| l.rules.contains_key(name))
            })
        }
        _ => false,
    }
}

/// What scales a service beside what is declared: a target that we registered, and whatever stands on one that
/// is declared.
fn scaling(input: &Input<'_>, memory: &Remembered, key: &ServiceKey, items: &mut Vec<String>) {
    if input.world.tree(&Subject::ScalableTarget(key.clone())).is_none() {
        return;
    }
    let Some(declared) = input.document.services.get(key).and_then(|s| s.scaling.as_ref()) else {
        if memory.applied.contains_key("scaling") {
            items.push("scaling".to_owned());
        }
        return;
    };
    let listed = |subject: Subject| input.world.tree(&subject).map(Tree::items).unwrap_or_default();
    for name in listed(Subject::Policies(key.clone())).iter().filter_map(|p| p.str("policyName")) {
        if !declared.policies.contains_key(name) {
            items.push(format!("policy {name}"));
        }
    }
    let actions = listed(Subject::ScheduledActions(key.clone()));
    for name in actions.iter().filter_map(|a| a.str("scheduledActionName")) {
        if !declared.scheduled_actions.contains_key(name) {
            items.push(format!("scheduled action {name}"));
        }
    }
}

/// Listeners of ours that a load balancer no longer declares.
fn listeners(input: &Input<'_>, name: &str, items: &mut Vec<String>) {
    let Some(declared) = input.document.load_balancers.get(name) else { return };
    let tree = input.world.tree(&Subject::LoadBalancer(name.to_owned()));
    let Some(arn) = tree.and_then(|t| t.str("loadBalancerArn")) else { return };
    let live = input.world.tree(&Subject::Listeners(arn.to_owned())).map(Tree::items).unwrap_or_default();
    for listener in live {
        let key = ownership::tag(listener, TAG_KEY)
            .and_then(|key| key.strip_prefix(&*declared.item)?.strip_prefix('/'));
        let ours = ownership::tag(listener, TAG_DOCUMENT) == Some(&input.document.name);
        if let Some(key) = key.filter(|key| ours && !declared.listeners.contains_key(*key)) {
            items.push(format!("listener {key}"));
        }
    }
}

/// What is wrong with the deletions of a plan; `replaces` says of a step that it deletes to make anew.
pub(crate) fn check(
    input: &Input<'_>,
    planned: &Planned,
    replaces: &dyn Fn(&UnitKey, &Step) -> bool,
    find: &mut dyn FnMut(&UnitKey, String),
) {
    let units = &planned.plan.units;
    if units.values().all(|unit| deleting(unit).next().is_none()) {
        return;
    }
    let allowed = Deletions::of(input);
    let mut quota = Quota::of(input, &candidates(input, &Inherited::of(input)));
    let mut counted: BTreeSet<Candidate> = BTreeSet::new();
    for (unit, planned) in units {
        for step in deleting(planned).filter(|step| !replaces(unit, step)) {
            let Some(item) = planned.deletes.get(&step.id) else {
                find(unit, format!("step {} deletes what nobody asked to delete", step.id));
                continue;
            };
            let with_its_unit = is_part(item) && !input.document.declares(unit);
            let item = if with_its_unit { unit.to_string() } else { item.clone() };
            let candidate = Candidate { unit: unit.clone(), item };
            if allowed.verdicts.get(&candidate) != Some(&Verdict::May) {
                find(unit, format!("step {} deletes what may not be deleted", step.id));
            } else if counted.insert(candidate.clone()) && quota.take(&candidate) != Verdict::May {
                find(unit, format!("step {} deletes more of a kind than may go in a day", step.id));
            }
        }
    }
}

/// The steps that delete something.
fn deleting(unit: &Unit) -> impl Iterator<Item = &Step> {
    unit.steps.iter().filter(|step| {
        let op = step.action.op;
        let unsets = op == Op::LogsDeleteRetentionPolicy;
        // Revisions are looked at by themselves.
        let collects = op == Op::EcsDeregisterTaskDefinition;
        let deletes = op.name().starts_with("Delete") || op.name().starts_with("Deregister");
        deletes && !unsets && !collects
    })
}
