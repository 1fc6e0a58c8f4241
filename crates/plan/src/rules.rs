//! Listener rules: ours are told apart by tag, everybody else's are left alone.

use std::borrow::Cow;

use evenkeel_diff::{Kind, lift};
use evenkeel_model::Tree;
use evenkeel_model::document::{Document, Rule, Service};
use evenkeel_model::key::Subject;
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::ownership;
use crate::refs::{Lookup, find_rule, is_ours};
use crate::report::{Drift, Owner, Refusal, WaitingOn};
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
    let groups = || groups(lookup, &wanted.input);
    let priority = wanted.priority.to_string();
    // Most often ours is where it belongs, and the others need not be looked at.
    let there = rules.items().iter().find(|r| r.str("priority") == Some(&priority));
    let live = there.filter(|r| is_ours(lookup.document, r, key));
    let live = live.or_else(|| find_rule(lookup.document, rules, key));
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
        applied(draft, &part, wanted, &lift::declared(Kind::Rule, input));
        if !missing {
            return None;
        }
        let step = draft.step(format!("create-rule {key}"), subject, Op::Elbv2CreateRule, create);
        step.because(Because::Missing).needs(waits.into_iter().map(Need::Observed)).touches(groups());
        return Some(step.id.clone());
    };
    if !waits.is_empty() {
        wait_all(draft, waits);
        return None;
    }
    let arn = live.str("ruleArn").unwrap_or_default();
    let base = Path::of(["listenerRules", key.rsplit('/').next().unwrap_or_default()]);
    let moved = live.str("priority") != Some(&priority);
    if moved && !(lookup.service.is_some() && draft.ignored(&base.child("priority"))) {
        change_priority(draft, key, &part, wanted, &subject, live);
    }
    let live = lift::described(Kind::Rule, live.clone());
    let declared = lift::declared(Kind::Rule, input);
    let want = if lookup.service.is_some() {
        draft.carry(&base, Kind::Rule, &declared, &live)
    } else {
        Cow::Borrowed(&declared)
    };
    let mut drifts = draft.drifts(&part, Kind::Rule, &want, &live);
    applied(draft, &part, wanted, &declared);
    leave_shifted(lookup.document, &[&format!("${{listenerRule:{key}}}"), arn], &mut drifts);
    let acted = draft.accept(drifts);
    if acted.is_empty() {
        return None;
    }
    let want = draft.carry_left(&part, Kind::Rule, want);
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
    let step = draft.step(format!("modify-rule {key}"), subject, Op::Elbv2ModifyRule, change);
    step.because_of(acted).touches(groups());
    Some(step.id.clone())
}

fn applied(draft: &mut Draft<'_>, part: &str, wanted: &Rule, declared: &Tree) {
    draft.applies(part, declared);
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

/// Where ECS shifts traffic between two target groups, it writes the weights of the rule or listener that a
/// service names: they are left alone. `names` are the reference to it and its ARN.
pub(crate) fn leave_shifted(document: &Document, names: &[&str], drifts: &mut [Drift]) {
    let actions = |d: &Drift| matches!(d.path.segments().next(), Some("actions" | "defaultActions"));
    if !drifts.iter().any(actions) {
        return;
    }
    let shifts = document.services.values().any(|service| {
        service.input.list_of("loadBalancers").iter().any(|entry| {
            ["productionListenerRule", "testListenerRule"].iter().any(|member| {
                entry
                    .get("advancedConfiguration")
                    .and_then(|a| a.str(member))
                    .is_some_and(|rule| names.contains(&rule))
            })
        })
    });
    if !shifts {
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
