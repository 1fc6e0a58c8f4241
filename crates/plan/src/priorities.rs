//! Which priority each listener rule of the document gets, and which rules change places in one call.
//!
//! Priorities are decided for a listener as a whole, because no two rules may have the same: a rule's new
//! priority may be one that another rule of ours is about to leave. Rules that take each other's places, in
//! a chain or in a circle, move in one SetRulePriorities, which AWS takes or refuses as a whole. Units are
//! static, so one of those whose rules move makes the call, the first by key, and the others wait for it.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetRulePriorities.html>

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Mode, Priority, Rule};
use evenkeel_model::key::{ServiceKey, Subject, UnitKey};
use evenkeel_model::path::Path;

use crate::generations::Generations;
use crate::ownership::{TAG_DOCUMENT, TAG_KEY, tag};
use crate::refs::{Lookup, ours};
use crate::report::{Drift, Owner, Refusal};
use crate::unit::Draft;
use crate::{Input, Planner, rules};

/// How many free priorities a refusal names.
const PROPOSED: usize = 3;

/// The highest priority of a rule.
const LAST: i64 = 50_000;

/// Where the rules of the document belong, by listener and rule key.
#[derive(Default)]
pub(crate) struct Priorities<'a>(BTreeMap<String, BTreeMap<String, Spot<'a>>>);

/// What is known of one rule of the document before its unit is planned.
pub(crate) struct Spot<'a> {
    /// Where it belongs.
    pub place: Place,
    /// What it is in AWS: ours of its key, or else the one that may be taken over.
    pub live: Option<&'a Tree>,
}

/// Where one rule belongs on its listener.
#[derive(Clone)]
pub(crate) enum Place {
    /// There it is, or is to be made.
    At(i64),
    /// There it is to be made, once a rule of ours has left.
    After(i64, Rc<Move>),
    /// There it goes, alone or with others.
    Moves(i64, Rc<Move>),
    /// It belongs elsewhere and stays: healing is off, or its unit is left alone.
    Stays(Box<Drift>),
    /// There is no place for it.
    Refused(Refusal),
}

/// Rules that change their places in one call.
pub(crate) struct Move {
    /// The unit that makes the call.
    pub unit: UnitKey,
    /// The rules in the order of their units and keys; the first is of `unit`.
    pub rules: Vec<Moved>,
}

/// A rule that goes to another priority.
pub(crate) struct Moved {
    unit: UnitKey,
    /// What its tag says.
    pub key: String,
    arn: String,
    pub to: i64,
    pub drift: Drift,
}

impl Move {
    /// The id of the step that makes the call.
    pub fn step(&self) -> String {
        let names: Vec<&str> = self.rules.iter().map(|r| r.key.as_str()).collect();
        format!("set-rule-priorities {}", names.join(" "))
    }

    /// What SetRulePriorities is sent.
    pub fn input(&self) -> Tree {
        let pair = |r: &Moved| Tree::map().with("ruleArn", r.arn.as_str()).with("priority", r.to);
        Tree::map().with("rulePriorities", Tree::list(self.rules.iter().map(pair)))
    }
}

impl<'a> Priorities<'a> {
    /// The rule of that key on its listener; `None` where the listener has not been seen.
    pub fn of(&self, listener: &str, key: &str) -> Option<&Spot<'a>> {
        self.0.get(listener)?.get(key)
    }
}

/// The part of a unit's memory that holds the priority of a rule.
pub(crate) fn part(key: &str) -> String {
    format!("rule {key} priority")
}

/// The difference that `priority` of a rule is, seen from its service.
pub(crate) fn path(key: &str) -> Path {
    Path::of(["listenerRules", key.rsplit('/').next().unwrap_or_default(), "priority"])
}

/// A rule of the document on the listener in question.
struct Claim<'a> {
    unit: UnitKey,
    key: String,
    wanted: Priority,
    /// The rule in AWS.
    there: Option<&'a Tree>,
    /// Its ARN and its number.
    live: Option<(&'a str, i64)>,
    /// The number it was last given.
    last: Option<i64>,
}

/// What stands in the way of a rule.
enum Holder<'a> {
    Nobody,
    /// A rule of the document, by its index.
    Claim(usize),
    /// A rule of somebody else, or of ours that is not declared.
    Other(&'a Tree),
}

/// A listener with what the document wants on it.
struct Listener<'a> {
    input: &'a Input<'a>,
    arn: String,
    claims: Vec<Claim<'a>>,
    /// The rules that are there, by number.
    rules: BTreeMap<i64, &'a Tree>,
    /// Numbers that rules of other documents in force have by name.
    promised: BTreeMap<i64, (String, String)>,
    /// The number of each claim; `None` where no number of its range is free.
    numbers: Vec<Option<i64>>,
    /// The claims that change their place, with the difference.
    movers: BTreeMap<usize, Drift>,
    /// The claims that would and do not.
    stays: BTreeMap<usize, Drift>,
}

impl Planner<'_> {
    /// Decides the priorities of all rules on listeners that have been seen.
    pub(crate) fn decide_priorities(&mut self) {
        let input = self.input;
        let mut wanted: BTreeMap<String, Vec<(UnitKey, String, &Rule)>> = BTreeMap::new();
        rules_of(input.document, &mut |unit, service, key, rule| {
            let lookup = Lookup { service, ..self.lookup() };
            if let Ok(listener) = lookup.listener_of(rule) {
                wanted.entry(listener).or_default().push((unit, key, rule));
            }
        });
        let promised = promised(input);
        let keys = rules::keys(input.document);
        for (listener, wanted) in wanted {
            let Some(rules) = input.world.tree(&Subject::Rules(listener.clone())) else { continue };
            let promised = promised.get(&listener).cloned().unwrap_or_default();
            let spots = Listener::of(input, &listener, wanted, rules, promised, &keys).spots();
            self.rules.priorities.0.insert(listener, spots);
        }
    }
}

/// All rules of a document with their units and keys.
pub(crate) fn rules_of<'d>(
    document: &'d Document,
    each: &mut dyn FnMut(UnitKey, Option<&'d ServiceKey>, String, &'d Rule),
) {
    for (name, lb) in &document.load_balancers {
        for (listener, declared) in &lb.listeners {
            for (rule, wanted) in &declared.rules {
                let key = format!("{}/{listener}/{rule}", lb.item);
                each(UnitKey::LoadBalancer(name.clone()), None, key, wanted);
            }
        }
    }
    for (service, declared) in &document.services {
        for (rule, wanted) in &declared.rules {
            let key = format!("{}/{rule}", declared.item);
            each(UnitKey::Service(service.clone()), Some(service), key, wanted);
        }
    }
}

/// What the other documents in force want by number: document and rule, by listener and number.
fn promised(input: &Input<'_>) -> BTreeMap<String, BTreeMap<i64, (String, String)>> {
    let mut promised: BTreeMap<String, BTreeMap<i64, (String, String)>> = BTreeMap::new();
    for document in input.others {
        rules_of(document, &mut |_, service, key, rule| {
            let none = Generations::default();
            let lookup = Lookup { document, world: input.world, generations: &none, service };
            if let (Priority::At(number), Ok(listener)) = (rule.priority, lookup.listener_of(rule)) {
                promised.entry(listener).or_default().insert(number, (document.name.clone(), key));
            }
        });
    }
    promised
}

/// The number of a rule that is there.
pub(crate) fn number(rule: &Tree) -> Option<i64> {
    rule.str("priority").and_then(|p| p.parse().ok()).or_else(|| rule.int("priority"))
}

impl<'a> Listener<'a> {
    fn of(
        input: &'a Input<'a>,
        arn: &str,
        wanted: Vec<(UnitKey, String, &Rule)>,
        rules: &'a Tree,
        promised: BTreeMap<i64, (String, String)>,
        keys: &BTreeSet<String>,
    ) -> Self {
        let by_key = ours(input.document, rules);
        let claim = |(unit, key, rule): (UnitKey, String, &Rule)| {
            let placed = |r: &'a Tree| Some((r.str("ruleArn")?, number(r)?));
            let ours = by_key.get(key.as_str()).copied();
            // What is taken over stays where it is until it is ours.
            let found = || rules::there(input.document, rules, &unit, &key, rule, keys);
            let taken = if ours.is_none() { found() } else { None };
            let wanted = taken.and_then(number).map_or(rule.priority, Priority::At);
            let there = ours.or(taken);
            let live = there.and_then(placed);
            let last = input.memory.unit(&unit).applied.get(&part(&key)).and_then(Tree::as_int);
            let ignored = |n: i64| !wanted.admits(n) && Draft::new(input, unit.clone()).ignored(&path(&key));
            // Where nobody minds, the right place is where it is.
            let kept = live.map(|(_, n)| n).filter(|n| ignored(*n));
            let wanted = kept.map_or(wanted, Priority::At);
            Claim { unit, key, wanted, there, live, last }
        };
        let mut listener = Listener {
            input,
            arn: arn.to_owned(),
            claims: wanted.into_iter().map(claim).collect(),
            rules: rules.items().iter().filter_map(|r| Some((number(r)?, r))).collect(),
            promised,
            numbers: Vec::new(),
            movers: BTreeMap::new(),
            stays: BTreeMap::new(),
        };
        listener.choose();
        listener.judge();
        listener
    }

    /// Gives every claim its number: what is explicit first, then what ranges have already, then what is
    /// free of everything there is and will be.
    fn choose(&mut self) {
        let mut given: BTreeSet<i64> = self.promised.keys().copied().collect();
        let explicit = |c: &Claim<'_>| match c.wanted {
            Priority::At(number) => Some(number),
            Priority::Within { .. } => None,
        };
        let mut numbers: Vec<Option<i64>> = self.claims.iter().map(explicit).collect();
        given.extend(numbers.iter().flatten());
        for kept in [|c: &Claim<'_>| c.live.map(|(_, n)| n), |c: &Claim<'_>| c.last] {
            for (claim, slot) in self.claims.iter().zip(&mut numbers).filter(|(_, slot)| slot.is_none()) {
                let free = |n: &i64| {
                    let own = claim.live.is_some_and(|(_, live)| live == *n);
                    claim.wanted.admits(*n) && (own || !self.rules.contains_key(n))
                };
                *slot = kept(claim).filter(free).filter(|n| given.insert(*n));
            }
        }
        for (claim, slot) in self.claims.iter().zip(&mut numbers).filter(|(_, slot)| slot.is_none()) {
            if let Priority::Within { from, to } = claim.wanted {
                let free = |n: &i64| !given.contains(n) && !self.rules.contains_key(n);
                *slot = (from..=to).find(free);
                given.extend(*slot);
            }
        }
        self.numbers = numbers;
    }

    /// Tells those that move from those that would and stay.
    fn judge(&mut self) {
        let observed = self.input.ceilings.mode.min(self.input.document.settings.mode) == Mode::Observe;
        for (i, (claim, number)) in self.claims.iter().zip(&self.numbers).enumerate() {
            let (Some((_, live)), Some(number)) = (claim.live, *number) else { continue };
            if live == number {
                continue;
            }
            let mut unit = Draft::new(self.input, claim.unit.clone());
            let drift = Drift {
                part: part(&claim.key),
                path: Path::of(["priority", &claim.key]),
                want: Some(Tree::Int(number)),
                live: Some(Tree::Int(live)),
                owner: if claim.last == Some(number) { Owner::Human } else { Owner::Document },
                acted_on: true,
            };
            // Where nobody writes the plan shows all the same what would be written.
            let moves = !unit.accept(vec![drift.clone()]).is_empty();
            match moves && (observed || unit.writes()) {
                true => self.movers.insert(i, drift),
                false => self.stays.insert(i, Drift { acted_on: false, ..drift }),
            };
        }
    }

    fn holder(&self, number: i64) -> Holder<'a> {
        let Some(rule) = self.rules.get(&number).copied() else { return Holder::Nobody };
        let arn = rule.str("ruleArn");
        let ours = self.claims.iter().position(|c| c.live.map(|(arn, _)| arn) == arn);
        ours.map_or(Holder::Other(rule), Holder::Claim)
    }

    /// A mover with all those that have to move so that it can: each goes where the next one is. The refusal
    /// is what stands at the end of the way, where something does.
    fn way(&self, start: usize) -> Result<Vec<usize>, Refusal> {
        let mut way = vec![start];
        loop {
            let last = way.last().copied().unwrap_or(start);
            let Some(number) = self.numbers.get(last).copied().flatten() else { return Ok(way) };
            let found = match (self.contested(last, number), self.holder(number)) {
                (Some(refusal), _) => Err(refusal),
                (None, Holder::Other(rule)) => Err(self.taken(last, rule)),
                (None, Holder::Nobody) => return Ok(way),
                (None, Holder::Claim(next)) if next == start => return Ok(way),
                (None, Holder::Claim(next)) if self.movers.contains_key(&next) => Ok(next),
                (None, Holder::Claim(next)) => Err(self.held(last, next)),
            };
            match found {
                Ok(next) => way.push(next),
                // What keeps another from moving keeps this one where it is.
                Err(refusal) => {
                    return Err(way.get(1).map_or(refusal, |next| self.held(start, *next)));
                }
            }
        }
    }

    fn place(&self, i: usize, moves: &BTreeMap<usize, Rc<Move>>) -> Option<Place> {
        let claim = self.claims.get(i)?;
        let Some(number) = self.numbers.get(i).copied().flatten() else {
            return Some(Place::Refused(self.exhausted(claim)));
        };
        if claim.live.is_some_and(|(_, live)| live == number) {
            return Some(Place::At(number));
        }
        if let Some(drift) = self.stays.get(&i) {
            return Some(Place::Stays(Box::new(drift.clone())));
        }
        if self.movers.contains_key(&i) {
            return Some(match moves.get(&i) {
                Some(found) => Place::Moves(number, found.clone()),
                None => Place::Refused(self.way(i).err()?),
            });
        }
        if let Some(refusal) = self.contested(i, number) {
            return Some(Place::Refused(refusal));
        }
        Some(match self.holder(number) {
            Holder::Nobody => Place::At(number),
            Holder::Other(rule) => Place::Refused(self.taken(i, rule)),
            Holder::Claim(other) => match moves.get(&other) {
                Some(found) => Place::After(number, found.clone()),
                None => Place::Refused(self.held(i, other)),
            },
        })
    }

    /// The calls: of every way the longest, so that what can be done at once is.
    fn moves(&self) -> BTreeMap<usize, Rc<Move>> {
        let mut ways: Vec<Vec<usize>> = self.movers.keys().filter_map(|i| self.way(*i).ok()).collect();
        ways.sort_by_key(|way| std::cmp::Reverse(way.len()));
        let mut moves: BTreeMap<usize, Rc<Move>> = BTreeMap::new();
        for way in ways {
            if way.iter().any(|i| moves.contains_key(i)) {
                continue;
            }
            let moved = |i: &usize| {
                let claim = self.claims.get(*i)?;
                let (arn, _) = claim.live?;
                Some(Moved {
                    unit: claim.unit.clone(),
                    key: claim.key.clone(),
                    arn: arn.to_owned(),
                    to: self.numbers.get(*i).copied().flatten()?,
                    drift: self.movers.get(i)?.clone(),
                })
            };
            let mut rules: Vec<Moved> = way.iter().filter_map(moved).collect();
            rules.sort_by(|a, b| (&a.unit, &a.key).cmp(&(&b.unit, &b.key)));
            let Some(unit) = rules.first().map(|r| r.unit.clone()) else { continue };
            let one = Rc::new(Move { unit, rules });
            moves.extend(way.into_iter().map(|i| (i, one.clone())));
        }
        moves
    }

    fn spots(&self) -> BTreeMap<String, Spot<'a>> {
        let moves = self.moves();
        let spot = |(i, claim): (usize, &Claim<'a>)| {
            Some((claim.key.clone(), Spot { place: self.place(i, &moves)?, live: claim.there }))
        };
        self.claims.iter().enumerate().filter_map(spot).collect()
    }

    /// The refusal of a number that another rule, of this document or another one in force, is to have too.
    fn contested(&self, i: usize, number: i64) -> Option<Refusal> {
        let twin = self.numbers.iter().enumerate().find(|(j, n)| *j != i && **n == Some(number));
        if let Some(twin) = twin.and_then(|(j, _)| self.claims.get(j)) {
            return Some(self.refusal(i, &format!("the rule {} is to have it too", twin.key)));
        }
        let (document, rule) = self.promised.get(&number)?;
        Some(self.refusal(i, &format!("the rule {rule} of the document \"{document}\" is to have it too")))
    }

    fn taken(&self, i: usize, rule: &Tree) -> Refusal {
        let arn = rule.str("ruleArn").unwrap_or_default();
        let whose = match (tag(rule, TAG_DOCUMENT), tag(rule, TAG_KEY)) {
            (Some(d), Some(key)) if *d == self.input.document.name => {
                format!(", our rule {key}, which the document no longer has")
            }
            (Some(d), _) if *d != self.input.document.name => format!(" of the document \"{d}\""),
            _ => String::new(),
        };
        self.refusal(i, &format!("it belongs to {arn}{whose}"))
    }

    fn held(&self, i: usize, other: usize) -> Refusal {
        let key = self.claims.get(other).map_or("", |c| c.key.as_str());
        self.refusal(i, &format!("the rule {key} has it and stays there"))
    }

    fn refusal(&self, i: usize, why: &str) -> Refusal {
        let key = self.claims.get(i).map_or("", |c| c.key.as_str());
        let number = self.numbers.get(i).copied().flatten().unwrap_or_default();
        let why = format!("rule {key} cannot have priority {number} on its listener: {why}");
        let free = |n: &i64| !self.rules.contains_key(n) && !self.numbers.contains(&Some(*n));
        let free: Vec<String> =
            (number..=LAST).chain(1..number).filter(free).take(PROPOSED).map(|n| n.to_string()).collect();
        Refusal::new(why).or(format!("free there next: {}", free.join(", ")))
    }

    fn exhausted(&self, claim: &Claim<'_>) -> Refusal {
        let range = match claim.wanted {
            Priority::Within { from, to } => format!("{from} to {to}"),
            Priority::At(number) => number.to_string(),
        };
        Refusal::new(format!("rule {}: no priority from {range} is free on {}", claim.key, self.arn))
            .or("widen the range, or take rules away that nobody needs")
    }
}
