//! Scalable target, policies and scheduled actions of a service.
//!
//! They cannot carry tags of their own in every case, so they belong to the service: where it is ours,
//! they are. What the document does not declare is reported and left.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use evenkeel_diff::{Kind, default_at, rules};
use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Scaling, Service};
use evenkeel_model::key::{ServiceKey, Subject};
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::ownership;
use crate::refs::Lookup;
use crate::report::{Drift, Owner, Refusal, WaitingOn};
use crate::unit::{Draft, carry_left};
use crate::{Because, Need, StepId};

pub(crate) fn ids(key: &ServiceKey) -> Tree {
    Tree::map()
        .with("serviceNamespace", "ecs")
        .with("scalableDimension", "ecs:service:DesiredCount")
        .with("resourceId", key.resource_id())
}

fn merged(ids: Tree, input: &Tree) -> Tree {
    input.entries().fold(ids, |all, (name, value)| all.with(name.clone(), value.clone()))
}

/// Adds the steps for a service's scaling. `live` is the service where it exists, `created` the step
/// that creates it where it does not.
pub(crate) fn steps(
    draft: &mut Draft<'_>,
    lookup: Lookup<'_>,
    key: &ServiceKey,
    service: &Service,
    live: Option<&Tree>,
    created: Option<&StepId>,
) {
    let document = lookup.document;
    let Some(scaling) = &service.scaling else {
        if created.is_none() && draft.world().tree(&Subject::ScalableTarget(key.clone())).is_some() {
            draft.note(
                "it has a scalable target that the document does not declare: its count is left to that",
            );
        }
        return;
    };
    let target = match (live, created) {
        (_, Some(created)) => fresh(draft, document, key, service, scaling, created),
        (Some(live), None) => target(draft, document, key, service, scaling, live),
        (None, None) => return,
    };
    // A policy can only be put on a target that is there.
    let needs: Vec<Need> = match target {
        Target::Missing => return,
        Target::There => Vec::new(),
        Target::Step(id) => vec![Need::Step(id)],
    };
    let mut policies = Vec::new();
    for (name, policy) in &scaling.policies {
        let (policy, waits) = lookup.resolve(policy);
        if waits.is_empty() {
            policies.push((name, policy));
        } else {
            waits.into_iter().for_each(|w| draft.wait(w));
        }
    }
    let listed = Listed {
        word: "policy",
        member: "policies",
        kind: Kind::ScalingPolicy,
        subject: Subject::Policies(key.clone()),
        name: "policyName",
        put: Op::ScalingPutScalingPolicy,
        declared: scaling.policies.keys().collect(),
    };
    listed.steps(draft, key, &policies, &needs, created.is_some());
    let listed = Listed {
        word: "scheduled action",
        member: "scheduledActions",
        kind: Kind::ScheduledAction,
        subject: Subject::ScheduledActions(key.clone()),
        name: "scheduledActionName",
        put: Op::ScalingPutScheduledAction,
        declared: scaling.scheduled_actions.keys().collect(),
    };
    let actions: Vec<_> = scaling.scheduled_actions.iter().map(|(n, a)| (n, Cow::Borrowed(a))).collect();
    listed.steps(draft, key, &actions, &needs, created.is_some());
}

/// The scalable target, as far as policies are concerned.
enum Target {
    /// Not there and not about to be, or not known.
    Missing,
    /// There.
    There,
    /// About to be registered by this step.
    Step(StepId),
}

fn register_name(key: &ServiceKey) -> String {
    format!("register-scalable-target {}", key.name)
}

/// The scalable target of a service that is being created.
fn fresh(
    draft: &mut Draft<'_>,
    document: &Document,
    key: &ServiceKey,
    service: &Service,
    scaling: &Scaling,
    created: &StepId,
) -> Target {
    let subject = Subject::ScalableTarget(key.clone());
    draft.applies("scaling", &scaling.target);
    draft.makes("scaling");
    let mut input = merged(ids(key), &scaling.target);
    input.take("tags");
    // The target goes with the service it was for. Where one still shows, tags would be refused, and
    // registering is all the same to what exists.
    if draft.world().tree(&subject).is_none() {
        let tags = ownership::wanted(document, &scaling.target, &service.item);
        input.set("tags", ownership::map(&tags));
    }
    let step = draft.step(register_name(key), subject, Op::ScalingRegisterScalableTarget, input);
    step.because(Because::Missing)
        .needs([Need::Step(created.clone())])
        .touches([Subject::Service(key.clone())]);
    Target::Step(step.id.clone())
}

/// The scalable target of a service that is there. A bound that scheduled actions set belongs to the last of
/// them that fired; a count outside them is healed by registering the target again, because AWS
/// clamps it then. Where such actions are, no bounds are sent with that: the next one may have fired meanwhile.
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
fn target(
    draft: &mut Draft<'_>,
    document: &Document,
    key: &ServiceKey,
    service: &Service,
    scaling: &Scaling,
    live: &Tree,
) -> Target {
    let subject = Subject::ScalableTarget(key.clone());
    let known = match draft.seen(&subject) {
        None => return Target::Missing,
        Some(seen) => seen.tree(),
    };
    let full = || {
        let mut full = merged(ids(key), &scaling.target);
        full.take("tags");
        full
    };
    let Some(tree) = known else {
        let missing = !draft.may_be_missing("scaling", &Path::of(["scaling"])) && draft.missing("scaling");
        draft.applies("scaling", &scaling.target);
        if !missing {
            return Target::Missing;
        }
        let tags = ownership::wanted(document, &scaling.target, &service.item);
        let full = full().with("tags", ownership::map(&tags));
        let step = draft.step(register_name(key), subject, Op::ScalingRegisterScalableTarget, full);
        step.because(Because::Missing).touches([Subject::Service(key.clone())]);
        return Target::Step(step.id.clone());
    };
    let full_target = draft.with_baseline("scaling", Kind::ScalableTarget, &scaling.target, tree);
    let want = draft.carry(&Path::of(["scaling"]), Kind::ScalableTarget, &full_target, tree);
    let want = with_switches(want, tree);
    note_suspended(draft, &scaling.target, tree);
    let mut drifts = draft.drifts("scaling", Kind::ScalableTarget, &want, tree);
    let unseen = draft.world().seen(&Subject::ScheduledActions(key.clone())).is_unknown();
    let actions = draft.world().tree(&Subject::ScheduledActions(key.clone())).map(Tree::items);
    let actions: Vec<&Tree> =
        actions.unwrap_or_default().iter().chain(scaling.scheduled_actions.values()).collect();
    let known = draft.memory().applied.contains_key("scaling");
    draft.applies("scaling", &scaling.target);
    // Without memory nobody can tell an action that fired from a document that changed.
    let fired = |d: &Drift| (d.owner == Owner::Human || !known) && is_set_by(&actions, d);
    if unseen && !drifts.iter().all(fired) {
        draft.seen(&Subject::ScheduledActions(key.clone()));
        return Target::There;
    }
    drifts.iter_mut().filter(|d| fired(d)).for_each(leave_to_actions);
    let carried = carry_left(Kind::ScalableTarget, Cow::Borrowed(&*want), &drifts);
    let bounds = |tree: &Tree| tree.int("minCapacity").zip(tree.int("maxCapacity"));
    if bounds(&carried).is_some_and(|(min, max)| min > max) {
        // AWS would refuse it: the next action that fires brings both.
        drifts.iter_mut().for_each(leave_to_actions);
    }
    // Registering for another reason brings the count back as well.
    let alone = !unseen && drifts.iter().all(|d| !d.acted_on);
    let (held_to, sure) = match actions.is_empty() {
        true => (bounds(&want), drifts.is_empty()),
        false => (bounds(tree), is_steady(draft, key)),
    };
    let by_actions = !actions.is_empty();
    if let Some(((min, max), count)) = held_to.zip(live.int("desiredCount"))
        && !(min..=max).contains(&count)
        && alone
        && sure
    {
        drifts.push(Drift {
            part: "scaling".into(),
            path: Path::of(["desiredCount"]),
            want: Some(Tree::from(format!("{min} to {max}"))),
            live: Some(Tree::Int(count)),
            owner: Owner::Human,
            acted_on: true,
        });
    }
    let acted = draft.accept(drifts);
    if acted.is_empty() {
        return Target::There;
    }
    let only_the_count = acted.iter().all(|d| d.path == Path::of(["desiredCount"]));
    let full = match by_actions && only_the_count {
        true => ids(key),
        false => merged(full(), &draft.carry_left("scaling", Kind::ScalableTarget, want)),
    };
    let step = draft.step(register_name(key), subject, Op::ScalingRegisterScalableTarget, full);
    step.action.input.take("tags");
    step.because_of(acted).touches([Subject::Service(key.clone())]);
    Target::Step(step.id.clone())
}

/// How long a count and its bounds are to be seen as they are before somebody is held to have moved the one out
/// of the other: an action that fires moves both, and they are not read at the same time.
const STEADY: Duration = Duration::from_secs(60);

/// True where count and bounds were what they are at the same time.
fn is_steady(draft: &Draft<'_>, key: &ServiceKey) -> bool {
    let world = draft.world();
    let both = [Subject::Service(key.clone()), Subject::ScalableTarget(key.clone())];
    both.iter().all(|subject| world.steady_for(subject) >= STEADY)
}

/// What is wanted, with those of an operator's switches as they are that the document does not name: what is
/// sent without them might turn them.
fn with_switches<'t>(want: Cow<'t, Tree>, live: &Tree) -> Cow<'t, Tree> {
    let Some(declared) = want.get("suspendedState") else { return want };
    let own = live.get("suspendedState").into_iter().flat_map(Tree::entries);
    let all = own.filter(|(name, _)| declared.get(name).is_none());
    let all = all.fold(declared.clone(), |all, (name, value)| all.with(name.clone(), value.clone()));
    Cow::Owned(want.into_owned().with("suspendedState", all))
}

/// Says what an operator has switched off that the document is silent about: nobody turns it on again, and the
/// service would seem in order while nothing scales it.
fn note_suspended(draft: &mut Draft<'_>, declared: &Tree, live: &Tree) {
    let switches = live.get("suspendedState").into_iter().flat_map(Tree::entries);
    let declared = declared.get("suspendedState");
    let off = switches.filter(|(name, off)| {
        *off == &Tree::Bool(true) && declared.is_none_or(|d| d.get(name.as_ref()).is_none())
    });
    let off: Vec<String> = off.map(|(name, _)| format!("`{name}`")).collect();
    if !off.is_empty() {
        draft.note(format!(
            "its scaling is suspended by {}, of which the document says nothing: left so",
            off.join(" and ")
        ));
    }
}

/// True where one of these scheduled actions sets the bound that differs.
fn is_set_by(actions: &[&Tree], drift: &Drift) -> bool {
    let Some(bound @ ("minCapacity" | "maxCapacity")) = drift.path.segments().next() else { return false };
    actions.iter().any(|a| a.get("scalableTargetAction").is_some_and(|t| t.get(bound).is_some()))
}

fn leave_to_actions(drift: &mut Drift) {
    drift.owner = Owner::Autoscaler;
    drift.acted_on = false;
}

/// Policies and scheduled actions: things in a listing, known by name, put whole.
struct Listed<'d> {
    word: &'static str,
    member: &'static str,
    kind: Kind,
    subject: Subject,
    name: &'static str,
    put: Op,
    /// All that the document has, resolved or not.
    declared: BTreeSet<&'d String>,
}

impl Listed<'_> {
    /// `fresh`: the service is being created, and what was listed went with the one before.
    fn steps(
        &self,
        draft: &mut Draft<'_>,
        key: &ServiceKey,
        wanted: &[(&String, Cow<'_, Tree>)],
        needs: &[Need],
        fresh: bool,
    ) {
        let live: &[Tree] = match (fresh, draft.world().seen(&self.subject)) {
            (true, _) | (_, Seen::Absent { .. }) => &[],
            (false, Seen::Unknown) => {
                if !wanted.is_empty() {
                    draft.wait(WaitingOn::Seen(self.subject.clone()));
                }
                return;
            }
            (false, Seen::Present { tree, .. }) => tree.items(),
        };
        for (name, want) in wanted {
            let part = format!("{} {name}", self.word);
            let id = format!("{} {name}", self.put.verb());
            let base = Path::of(["scaling", self.member, name]);
            let Some(tree) = live.iter().find(|l| l.str(self.name) == Some(name)) else {
                let owner = if fresh { Owner::Document } else { draft.owner_of_missing(&part) };
                let left = !fresh && draft.may_be_missing(&part, &base);
                let missing = !left && draft.missing_by(&part, owner);
                draft.applies(&part, want);
                if missing {
                    let input = merged(ids(key), want).with(self.name, name.as_str());
                    draft
                        .step(id, self.subject.clone(), self.put, input)
                        .because(Because::Missing)
                        .needs(needs.iter().cloned());
                }
                continue;
            };
            let with_baseline = draft.with_baseline(&part, self.kind, want, tree);
            let carried = draft.carry(&base, self.kind, &with_baseline, tree);
            let drifts = draft.drifts(&part, self.kind, &carried, tree);
            draft.applies(&part, want);
            let fixed = |d: &Drift| rules::immutable(self.kind).any(|m| d.path.segments().next() == Some(m));
            if let Some(drift) = drifts.iter().find(|d| fixed(d)) {
                let why = format!(
                    "`{}` of {part} cannot be changed",
                    drift.path.segments().next().unwrap_or_default()
                );
                draft.cannot(drift.clone(), Refusal::new(why).or("declare it under another name"));
                continue;
            }
            let acted = draft.accept(drifts);
            if !acted.is_empty() {
                let carried = draft.carry_left(&part, self.kind, carried);
                let mut input = merged(ids(key), &carried).with(self.name, name.as_str());
                // What is left out of an action that is there stays as it is.
                for member in acted.iter().filter_map(|d| d.path.segments().next()) {
                    let default = || default_at(self.kind, &carried, member);
                    if let Some(value) = input.get(member).is_none().then(default).flatten() {
                        input.set(member, value);
                    }
                }
                draft
                    .step(id, self.subject.clone(), self.put, input)
                    .because_of(acted)
                    .needs(needs.iter().cloned());
            }
        }
        for name in live.iter().filter_map(|l| l.str(self.name)) {
            if !self.declared.iter().any(|d| *d == name) {
                draft.note(format!("it has a {} {name} that the document does not declare", self.word));
            }
        }
    }
}
