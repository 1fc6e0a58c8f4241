//! Listener rules: ours are told apart by tag, everybody else's are left alone.

use std::borrow::Cow;

use evenkeel_diff::{Kind, compare, lift};
use evenkeel_model::Tree;
use evenkeel_model::document::{Adopt, Document, Rule, Service};
use evenkeel_model::key::Subject;
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::adoption::Resource;
use crate::ownership::{self, TAG_DOCUMENT, TAG_KEY};
use crate::refs::{Lookup, find_rule, is_ours};
use crate::report::{Drift, Owner, Refusal, WaitingOn};
use crate::tagging::Tagging;
use crate::unit::Draft;
use crate::{Because, Need, StepId};

/// Adds the steps for a service's rules; returns the ids of those that create or change one.
pub(crate) fn steps(draft: &mut Draft<'_>, lookup: Lookup<'_>, service: &Service) -> Vec<StepId> {
    service
        .rules
        .iter()
        .filter_map(|(name, wanted)| rule(draft, lookup, wanted, &format!("{}/{name}", service.item)))
        .collect()
}

/// The steps for one rule. `key` is what its tag says.
pub(crate) fn rule(draft: &mut Draft<'_>, lookup: Lookup<'_>, wanted: &Rule, key: &str) -> Option<StepId> {
    let part = format!("rule {key}");
    let (input, waits) = lookup.resolve(&wanted.input);
    let input = input.into_owned();
    let listener = match lookup.listener_of(wanted) {
        Ok(listener) => listener,
        Err(wait) => {
            draft.wait(wait);
            return None;
        }
    };
    let subject = Subject::Rules(listener.clone());
    let rules = match draft.seen(&subject)? {
        Seen::Present { tree, .. } => tree,
        _ => {
            draft.refuse(
                Refusal::new(format!("rule {key}: there is no listener {listener}"))
                    .or("create it, or declare it under its load balancer"),
            );
            return None;
        }
    };
    let groups = groups(lookup, &wanted.input);
    let priority = wanted.priority.to_string();
    // Most often ours is where it belongs, and the others need not be looked at.
    let there = rules.items().iter().find(|r| r.str("priority") == Some(&priority));
    let live = there.filter(|r| is_ours(lookup.document, r, key));
    let live = live.or_else(|| find_rule(lookup.document, rules, key));
    let adopt = wanted.adopt.as_ref().unwrap_or_else(|| lookup.document.adopt(&draft.key));
    let live = live.or_else(|| elsewhere(rules, there, key, adopt, &input));
    let mine = live.and_then(|r| r.str("ruleArn"));
    if there.is_some_and(|r| r.str("ruleArn") != mine) {
        draft.refuse(
            Refusal::new(format!("rule {key}: priority {priority} on {listener} belongs to another rule"))
                .or("choose a priority that is free on this listener"),
        );
        return None;
    }
    let Some(live) = live else {
        let tags = ownership::wanted(lookup.document, &wanted.input, key);
        let create = input
            .clone()
            .with("listenerArn", listener.as_str())
            .with("priority", wanted.priority)
            .with("tags", ownership::list(&tags));
        let missing = draft.missing(&part);
        applied(draft, &part, wanted, &input);
        if !missing {
            return None;
        }
        let step = draft.step(format!("create-rule {key}"), subject, Op::Elbv2CreateRule, create);
        step.because(Because::Missing).needs(waits.into_iter().map(Need::Observed)).touches(groups);
        return Some(step.id.clone());
    };
    let resource = Resource {
        what: format!("rule {key} (priority {})", live.str("priority").unwrap_or_default()),
        tagging: Tagging::Elbv2,
        subject: &subject,
        arn: live.str("ruleArn").unwrap_or_default(),
        label: key,
        item: key,
        part: &part,
        adopt,
        tags: &ownership::tags(live),
    };
    let claimed = draft.claim(&resource)?;
    let changed = if waits.is_empty() {
        keep(draft, lookup, wanted, &input, &resource, live)
    } else {
        wait_all(draft, waits);
        None
    };
    let changed = changed.filter(|_| !claimed.adopting());
    draft.take_over(&resource, claimed);
    changed
}

/// The rule that we did not make and that is the wanted one: with the same conditions at its priority, or of
/// the document that it is moved from.
fn elsewhere<'r>(
    rules: &'r Tree,
    there: Option<&'r Tree>,
    key: &str,
    adopt: &Adopt,
    want: &Tree,
) -> Option<&'r Tree> {
    if let Adopt::From(other) = adopt {
        let theirs = |r: &&Tree| ownership::tag(r, TAG_DOCUMENT) == Some(other);
        let named = |r: &&Tree| theirs(r) && ownership::tag(r, TAG_KEY) == Some(key);
        return rules.items().iter().find(named).or(there.filter(theirs));
    }
    let want = lift::declared(Kind::Rule, want.clone());
    there.filter(|r| ownership::tag(r, TAG_DOCUMENT).is_none()).filter(|rule| {
        let differs = compare(Kind::Rule, &want, &lift::described(Kind::Rule, (*rule).clone()));
        differs.iter().all(|d| d.path.segments().next() != Some("conditions"))
    })
}

/// Steps for a rule that is there.
fn keep(
    draft: &mut Draft<'_>,
    lookup: Lookup<'_>,
    wanted: &Rule,
    input: &Tree,
    resource: &Resource<'_>,
    live: &Tree,
) -> Option<StepId> {
    let Resource { subject, arn, item: key, part, .. } = *resource;
    change_priority(draft, key, part, wanted, subject, live);
    let live = lift::described(Kind::Rule, live.clone());
    let mut want = lift::declared(Kind::Rule, input.clone());
    if lookup.service.is_some() {
        let name = key.rsplit('/').next().unwrap_or_default();
        want = draft.carry(&Path::of(["listenerRules", name]), Kind::Rule, &want, &live).into_owned();
    }
    let names = [&*format!("${{listenerRule:{key}}}"), arn];
    let want = match is_shifted(lookup.document, &names) {
        // What stands there is ECS's, and not how it came to us.
        true => Cow::Borrowed(&want),
        false => draft.with_baseline(part, Kind::Rule, &want, &live),
    };
    let mut drifts = draft.drifts(part, Kind::Rule, &want, &live);
    applied(draft, part, wanted, input);
    leave_shifted(lookup.document, &names, &mut drifts);
    let acted = draft.accept(drifts);
    if acted.is_empty() {
        return None;
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
    let touched = groups(lookup, &wanted.input);
    let step = draft.step(format!("modify-rule {key}"), subject.clone(), Op::Elbv2ModifyRule, change);
    step.because_of(acted).touches(touched);
    Some(step.id.clone())
}

fn applied(draft: &mut Draft<'_>, part: &str, wanted: &Rule, input: &Tree) {
    draft.applies(part, &lift::declared(Kind::Rule, input.clone()));
    draft.applies(&format!("{part} priority"), &Tree::Int(wanted.priority));
}

fn change_priority(
    draft: &mut Draft<'_>,
    key: &str,
    part: &str,
    wanted: &Rule,
    subject: &Subject,
    live: &Tree,
) {
    if live.str("priority") == Some(&wanted.priority.to_string()) {
        return;
    }
    let part = format!("{part} priority");
    let last = draft.memory().applied.get(&part).and_then(Tree::as_int);
    let drift = Drift {
        part,
        path: Path::of(["priority"]),
        want: Some(Tree::Int(wanted.priority)),
        live: live.get("priority").cloned(),
        owner: if last == Some(wanted.priority) { Owner::Human } else { Owner::Document },
        acted_on: true,
    };
    let acted = draft.accept(vec![drift]);
    if acted.is_empty() {
        return;
    }
    let pair = Tree::map()
        .with("ruleArn", live.str("ruleArn").unwrap_or_default())
        .with("priority", wanted.priority);
    let input = Tree::map().with("rulePriorities", Tree::list([pair]));
    draft
        .step(format!("set-rule-priorities {key}"), subject.clone(), Op::Elbv2SetRulePriorities, input)
        .because_of(acted);
}

/// True where ECS shifts traffic between two target groups and writes the weights of this rule or listener:
/// those are left alone. `names` are the reference to it and its ARN.
pub(crate) fn is_shifted(document: &Document, names: &[&str]) -> bool {
    document.services.values().any(|service| {
        service.input.list_of("loadBalancers").iter().any(|entry| {
            ["productionListenerRule", "testListenerRule"].iter().any(|member| {
                entry
                    .get("advancedConfiguration")
                    .and_then(|a| a.str(member))
                    .is_some_and(|rule| names.contains(&rule))
            })
        })
    })
}

/// Leaves what ECS writes of a rule or listener.
pub(crate) fn leave_shifted(document: &Document, names: &[&str], drifts: &mut [Drift]) {
    let actions = |d: &Drift| matches!(d.path.segments().next(), Some("actions" | "defaultActions"));
    if !drifts.iter().any(actions) || !is_shifted(document, names) {
        return;
    }
    for drift in drifts.iter_mut().filter(|d| actions(d)) {
        drift.owner = Owner::Rollout;
        drift.acted_on = false;
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
