//! Listener rules: ours are told apart by tag, everybody else's are left alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_diff::{Kind, compare, lift};
use evenkeel_model::Tree;
use evenkeel_model::document::{Adopt, Document, Priority, Rule};
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::World;

use crate::adoption::Resource;
use crate::generations::Generations;
use crate::ownership::{TAG_DOCUMENT, TAG_KEY};
use crate::priorities::{Move, Place, Priorities, Spot};
use crate::refs::{Lookup, find_rule};
use crate::replacement::Replacements;
use crate::report::{Drift, Owner, Refusal, WaitingOn};
use crate::shifts::{Hands, Shifts};
use crate::tagging::Tagging;
use crate::unit::Draft;
use crate::{Because, Need, StepId, deletions, ownership, priorities, shifts};

/// What is decided about rules before any unit is planned.
#[derive(Default)]
pub(crate) struct Rulebook<'a> {
    pub priorities: Priorities<'a>,
    pub shifts: Shifts<'a>,
    pub replacements: Replacements<'a>,
}

/// Adds the steps for the rules of a service or listener; returns the ids of those that create or change one.
/// `item` is what stands before a rule's own name in its tag.
pub(crate) fn steps<'d>(
    draft: &mut Draft<'_>,
    lookup: Lookup<'_>,
    book: &Rulebook<'_>,
    rules: &'d BTreeMap<String, Rule>,
    item: &str,
) -> Vec<StepId> {
    let aimed = |(name, wanted): (&String, &'d Rule)| {
        let listener = lookup.listener_of(wanted);
        (Aim { wanted, key: format!("{item}/{name}") }, listener)
    };
    let each: Vec<(Aim<'d>, Result<String, WaitingOn>)> = rules.iter().map(aimed).collect();
    // What leaves its place first makes room for what is to be made there.
    for (aim, listener) in &each {
        if let Ok(listener) = listener {
            move_rule(draft, &book.priorities, aim, listener);
        }
    }
    each.iter()
        .filter_map(|(aim, listener)| match listener {
            Ok(listener) => rule(draft, lookup, book, aim, listener),
            Err(wait) => {
                draft.wait(wait.clone());
                None
            }
        })
        .collect()
}

/// A rule of the document.
struct Aim<'d> {
    wanted: &'d Rule,
    /// What its tag says.
    key: String,
}

/// Brings one rule to its place, with all that change theirs in the same call.
fn move_rule(
    draft: &mut Draft<'_>,
    priorities: &Priorities<'_>,
    Aim { wanted, key }: &Aim<'_>,
    listener: &str,
) -> Option<()> {
    match &priorities.of(listener, key)?.place {
        Place::At(number) if !wanted.priority.admits(*number) => {
            draft.ignored(&priorities::path(key));
        }
        Place::At(_) | Place::After(..) | Place::Refused(_) => {}
        Place::Stays(drift) => {
            draft.accept(vec![(**drift).clone()]);
        }
        Place::Moves(_, together) => {
            let own = together.rules.iter().find(|r| r.key == *key)?;
            draft.accept(vec![own.drift.clone()]);
            if together.unit != draft.key {
                draft.wait(moved_by(together));
            } else if together.rules.first().is_some_and(|first| first.key == *key) {
                let drifts = together.rules.iter().map(|r| r.drift.clone());
                let subject = Subject::Rules(listener.to_owned());
                draft
                    .step(together.step(), subject, Op::Elbv2SetRulePriorities, together.input())
                    .because_of(drifts);
            }
        }
    }
    Some(())
}

fn moved_by(together: &Move) -> WaitingOn {
    let keys: Vec<&str> = together.rules.iter().map(|r| r.key.as_str()).collect();
    WaitingOn::Unit { unit: together.unit.clone(), what: format!("set the priority of {}", keys.join(", ")) }
}

/// The steps for what a rule says and does.
fn rule(
    draft: &mut Draft<'_>,
    lookup: Lookup<'_>,
    book: &Rulebook<'_>,
    Aim { wanted, key }: &Aim<'_>,
    listener: &str,
) -> Option<StepId> {
    let part = format!("rule {key}");
    let (input, waits) = lookup.resolve(&wanted.input);
    let input = input.into_owned();
    let subject = Subject::Rules(listener.to_owned());
    if draft.seen(&subject)?.is_absent() {
        draft.refuse(
            Refusal::new(format!("rule {key}: there is no listener {listener}"))
                .or("create it, or declare it under its load balancer"),
        );
        return None;
    }
    let Spot { place, live } = book.priorities.of(listener, key)?;
    let live = *live;
    let there = live.map_or(&[][..], |r| r.list_of("actions"));
    let mut groups = groups(lookup, &wanted.input);
    groups.extend(book.replacements.beside(&groups));
    let input = match book.replacements.actions(input.list_of("actions"), there) {
        Some(actions) => input.with("actions", actions),
        None => input,
    };
    let mut needs: Vec<Need> = waits.iter().cloned().map(Need::Observed).collect();
    let priority = match place {
        Place::At(number) | Place::Moves(number, _) => Some(*number),
        Place::After(number, together) if together.unit == draft.key => {
            needs.push(Need::Step(StepId(together.step())));
            Some(*number)
        }
        Place::After(number, together) => {
            needs.push(Need::Observed(moved_by(together)));
            Some(*number)
        }
        Place::Stays(_) => None,
        Place::Refused(refusal) => {
            draft.refuse(refusal.clone());
            None
        }
    };
    let arn = live.and_then(|r| r.str("ruleArn")).unwrap_or_default();
    let hands = book.shifts.hands(lookup.world, &[&format!("${{listenerRule:{key}}}"), arn]);
    let Some(live) = live else {
        let priority = priority?;
        if let Hands::Ecs(wait) = hands {
            draft.wait(wait);
            return None;
        }
        let tags = ownership::wanted(lookup.document, &wanted.input, key);
        let mut create = input
            .clone()
            .with("listenerArn", listener)
            .with("priority", priority)
            .with("tags", ownership::list(&tags));
        if let Hands::Settled(one, other) | Hands::Test(one, other) = &hands {
            create.set("actions", shifts::settled(input.list_of("actions"), &[], one, other));
        }
        let base = Path::of(["listenerRules", key.rsplit('/').next().unwrap_or_default()]);
        let left = lookup.service.is_some() && draft.may_be_missing(&part, &base);
        let missing = !left && draft.missing(&part);
        applied(draft, key, listener, Some(priority), &lift::declared(Kind::Rule, input));
        if !missing {
            return None;
        }
        let step = draft.step(format!("create-rule {key}"), subject, Op::Elbv2CreateRule, create);
        step.because(Because::Missing).needs(needs).touches(groups);
        return Some(step.id.clone());
    };
    let resource = Resource {
        what: &|| format!("rule {key} (priority {})", live.str("priority").unwrap_or_default()),
        tagging: Tagging::Elbv2,
        subject: &subject,
        arn,
        label: key,
        item: key,
        part: &part,
        adopt: adopts(lookup.document, &draft.key, wanted),
        tags: &ownership::tags(live),
    };
    let claimed = draft.claim(&resource)?;
    if !claimed.adopting() {
        rename(draft, &resource);
    }
    if let Some(wait) = book.replacements.moving(input.list_of("actions")) {
        draft.wait(wait);
    }
    let changed = if waits.is_empty() {
        keep(draft, lookup, &resource, live, (input, priority, &hands), groups)
    } else {
        wait_all(draft, waits);
        None
    };
    let changed = changed.filter(|_| !claimed.adopting());
    draft.take_over(&resource, claimed);
    changed
}

/// Puts the key of a rule on the one that it inherits from a rule that the document no longer has.
fn rename(draft: &mut Draft<'_>, resource: &Resource<'_>) {
    let Some(before) = resource.tags.get(TAG_KEY).filter(|key| *key != resource.item) else { return };
    let drift = Drift {
        part: resource.part.to_owned(),
        path: Path::of(["tags", TAG_KEY]),
        want: Some(Tree::from(resource.item)),
        live: Some(Tree::from(before.as_str())),
        owner: Owner::Document,
        acted_on: true,
    };
    let acted = draft.accept(vec![drift]);
    if !acted.is_empty() {
        let tags = BTreeMap::from([(TAG_KEY.to_owned(), resource.item.to_owned())]);
        let step = resource.tagging.add(draft, resource.subject, resource.arn, resource.label, &tags);
        step.because_of(acted);
    }
}

fn adopts<'d>(document: &'d Document, unit: &UnitKey, rule: &'d Rule) -> &'d Adopt {
    rule.adopt.as_ref().unwrap_or_else(|| document.adopt(unit))
}

/// The keys of all rules of a document.
pub(crate) fn keys(document: &Document) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    priorities::rules_of(document, &mut |_, _, key, _| {
        keys.insert(key);
    });
    keys
}

/// What a rule of the document is in AWS: ours of its key, or else the one that it takes over. `keys` are those of
/// all rules of the document.
pub(crate) fn there<'r>(
    document: &Document,
    rules: &'r Tree,
    unit: &UnitKey,
    key: &str,
    wanted: &Rule,
    keys: &BTreeSet<String>,
) -> Option<&'r Tree> {
    let heir = || inherited(document, rules, wanted, keys);
    find_rule(document, rules, key).or_else(heir).or_else(|| elsewhere(document, rules, unit, key, wanted))
}

/// The rule of ours whose place another takes: it has the same conditions, and the document no longer has a rule
/// of its key. A second one would have to wait for the end of the first, and nobody would be served meanwhile.
fn inherited<'r>(
    document: &Document,
    rules: &'r Tree,
    wanted: &Rule,
    keys: &BTreeSet<String>,
) -> Option<&'r Tree> {
    let ours = |r: &&Tree| ownership::tag(r, TAG_DOCUMENT) == Some(&document.name);
    let left = |r: &&Tree| ownership::tag(r, TAG_KEY).is_some_and(|key| !keys.contains(key));
    let mut left = rules.items().iter().filter(ours).filter(left).peekable();
    left.peek()?;
    let want = lift::declared(Kind::Rule, wanted.input.clone());
    left.find(|rule| has_conditions(&want, rule))
}

/// The rules of ours that others of the document take over: their listeners and the keys they have had.
pub(crate) fn all_inherited(document: &Document, world: &World) -> BTreeSet<(String, String)> {
    let keys = keys(document);
    let generations = Generations::default();
    let mut found = BTreeSet::new();
    priorities::rules_of(document, &mut |unit, service, key, rule| {
        let lookup = Lookup { document, world, generations: &generations, service };
        let Ok(listener) = lookup.listener_of(rule) else { return };
        let Some(rules) = world.tree(&Subject::Rules(listener.clone())) else { return };
        let ours = |r: &&Tree| ownership::tag(r, TAG_DOCUMENT) == Some(&document.name);
        let live = there(document, rules, &unit, &key, rule, &keys).filter(ours);
        let before = live.and_then(|r| ownership::tag(r, TAG_KEY)).filter(|before| *before != key);
        found.extend(before.map(|before| (listener, before.to_owned())));
    });
    found
}

/// True where a rule that is there has the conditions of the wanted one.
fn has_conditions(want: &Tree, live: &Tree) -> bool {
    let differs = compare(Kind::Rule, want, &lift::described(Kind::Rule, live.clone()));
    differs.iter().all(|d| d.path.segments().next() != Some("conditions"))
}

/// The rule that we did not make and that is the wanted one: with the same conditions where it may stand, or of
/// the document that it is moved from.
fn elsewhere<'r>(
    document: &Document,
    rules: &'r Tree,
    unit: &UnitKey,
    key: &str,
    wanted: &Rule,
) -> Option<&'r Tree> {
    let adopt = adopts(document, unit, wanted);
    let placed = |r: &&Tree| priorities::number(r).is_some_and(|n| wanted.priority.admits(n));
    if let Adopt::From(other) = adopt {
        let theirs = |r: &&Tree| ownership::tag(r, TAG_DOCUMENT) == Some(other);
        let named = |r: &&Tree| theirs(r) && ownership::tag(r, TAG_KEY) == Some(key);
        let mut there = rules.items().iter().filter(theirs);
        return rules.items().iter().find(named).or_else(|| there.find(placed));
    }
    // Where there is room for another one, nobody else's is in the way.
    if *adopt == Adopt::Never && matches!(wanted.priority, Priority::Within { .. }) {
        return None;
    }
    let want = lift::declared(Kind::Rule, wanted.input.clone());
    let untagged = |r: &&Tree| ownership::tag(r, TAG_DOCUMENT).is_none();
    rules.items().iter().filter(placed).filter(untagged).find(|rule| has_conditions(&want, rule))
}

/// Steps for a rule that is there, with what it is to be, its place and whose its traffic is.
fn keep(
    draft: &mut Draft<'_>,
    lookup: Lookup<'_>,
    resource: &Resource<'_>,
    live: &Tree,
    (input, priority, hands): (Tree, Option<i64>, &Hands),
    groups: Vec<Subject>,
) -> Option<StepId> {
    let Resource { subject, arn, item: key, part, .. } = *resource;
    let live = lift::described(Kind::Rule, live.clone());
    let mut want = lift::declared(Kind::Rule, input);
    if let Subject::Rules(listener) = subject {
        applied(draft, key, listener, priority, &want);
    }
    if lookup.service.is_some() {
        let name = key.rsplit('/').next().unwrap_or_default();
        let carried = draft.carry(&Path::of(["listenerRules", name]), Kind::Rule, &want, &live);
        want = replaced(carried).unwrap_or(want);
    }
    if let Hands::Document = hands {
        let based = draft.with_baseline(part, Kind::Rule, &want, &live);
        want = replaced(based).unwrap_or(want);
    }
    let (traffic, rest) = differences(draft, hands, Kind::Rule, part, &mut want, &live);
    let mut changed = None;
    // What ECS moves is never sent along with anything else.
    let alone = matches!(hands, Hands::Document | Hands::Until(_));
    let sent = if alone { vec![[traffic, rest].concat()] } else { vec![traffic, rest] };
    for (drifts, verb) in sent.into_iter().zip([if alone { "" } else { " traffic" }, ""]) {
        let acted = draft.accept(drifts);
        if acted.is_empty() {
            continue;
        }
        let mut change = Tree::map().with("ruleArn", arn);
        for drift in &acted {
            // Each is replaced as a whole; what does not differ is not sent.
            let Some(member) = drift.path.segments().next() else { continue };
            match want.get(member) {
                Some(value) => change.set(member, value.clone()),
                None if member == "transforms" => change.set("resetTransforms", Tree::Bool(true)),
                None => change.set(member, Tree::list([])),
            }
        }
        let step =
            draft.step(format!("modify-rule {key}{verb}"), subject.clone(), Op::Elbv2ModifyRule, change);
        step.because_of(acted).touches(groups.clone());
        changed = Some(step.id.clone());
    }
    changed
}

/// The differences of a rule or listener, those of its traffic first. Where ECS moves the traffic, what is
/// wanted there becomes what the service's revision says.
pub(crate) fn differences(
    draft: &Draft<'_>,
    hands: &Hands,
    kind: Kind,
    part: &str,
    want: &mut Tree,
    live: &Tree,
) -> (Vec<Drift>, Vec<Drift>) {
    let member = if kind == Kind::Listener { "defaultActions" } else { "actions" };
    let traffic = |d: &Drift| d.path.segments().next() == Some(member);
    let there = live.list_of(member);
    let right = match hands {
        Hands::Settled(one, other) => Some(shifts::settled(want.list_of(member), there, one, other)),
        // What is there is right, whatever it is.
        Hands::Ecs(_) | Hands::Test(..) => Some(Tree::list(there.iter().cloned())),
        Hands::Until(pair) if shifts::within(there, pair) => Some(Tree::list(there.iter().cloned())),
        Hands::Document | Hands::Until(_) => None,
    };
    let all = match right {
        Some(right) => {
            let declared = want.clone();
            want.set(member, right);
            draft.drifts_beside(part, kind, &declared, want, live)
        }
        None => draft.drifts(part, kind, want, live),
    };
    all.into_iter().partition(traffic)
}

/// What was made of a tree; `None` where it was left as it is.
fn replaced(tree: Cow<'_, Tree>) -> Option<Tree> {
    match tree {
        Cow::Owned(tree) => Some(tree),
        Cow::Borrowed(_) => None,
    }
}

/// Remembers a rule: `declared` is in the one spelling that is compared.
fn applied(draft: &mut Draft<'_>, key: &str, listener: &str, priority: Option<i64>, declared: &Tree) {
    draft.applies(&deletions::listener_part(key), &Tree::from(listener));
    draft.applies(&format!("rule {key}"), declared);
    if let Some(priority) = priority {
        draft.applies(&priorities::part(key), &Tree::Int(priority));
    }
}

/// The target groups of the document that actions forward to: whether they are attached changes with
/// the rule or listener.
pub(crate) fn groups(lookup: Lookup<'_>, input: &Tree) -> Vec<Subject> {
    let mut found = Vec::new();
    for action in input.list_of("actions").iter().chain(input.list_of("defaultActions")) {
        let forward = action.get("forwardConfig").map_or(&[][..], |f| f.list_of("targetGroups"));
        let arns = action.str("targetGroupArn").into_iter();
        for arn in arns.chain(forward.iter().filter_map(|g| g.str("targetGroupArn"))) {
            if let Some(subject) = lookup.target_group_of(arn)
                && !found.contains(&subject)
            {
                found.push(subject);
            }
        }
    }
    found
}

/// Notes every wait in a report.
pub(crate) fn wait_all(draft: &mut Draft<'_>, waits: Vec<WaitingOn>) {
    waits.into_iter().for_each(|w| draft.wait(w));
}
