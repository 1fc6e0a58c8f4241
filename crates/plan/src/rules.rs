//! Listener rules: ours are told apart by tag, everybody else's are left alone.

use evenkeel_diff::{Kind, lift};
use evenkeel_model::Tree;
use evenkeel_model::document::{Rule, Service};
use evenkeel_model::key::Subject;
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::Seen;

use crate::ownership;
use crate::refs::{Lookup, find_rule};
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
    let want = lift::declared(Kind::Rule, input.clone());
    draft.applies(&part, &want);
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
            draft.refuse(Refusal::new(format!("there is no listener {listener}")));
            return None;
        }
    };
    let groups = groups(lookup, &wanted.input);
    let live = find_rule(lookup.document, rules, key);
    let mine = live.and_then(|r| r.str("ruleArn"));
    let priority = wanted.priority.to_string();
    let taken =
        rules.items().iter().find(|r| r.str("priority") == Some(&priority) && r.str("ruleArn") != mine);
    if taken.is_some() {
        draft.refuse(
            Refusal::new(format!("priority {priority} on {listener} belongs to another rule"))
                .or("choose a priority that is free on this listener"),
        );
        return None;
    }
    let needs: Vec<Need> = waits.into_iter().map(Need::Observed).collect();
    let Some(live) = live else {
        let tags = ownership::wanted(lookup.document, &wanted.input, key);
        let input = input
            .with("listenerArn", listener.as_str())
            .with("priority", wanted.priority)
            .with("tags", ownership::list(&tags));
        let owner = match draft.memory().applied.get(&part) {
            Some(_) if draft.memory().failures == 0 => Owner::Human,
            _ => Owner::Document,
        };
        let drift = Drift {
            part,
            path: Path::root(),
            want: Some(Tree::from("present")),
            live: None,
            owner,
            acted_on: true,
        };
        if draft.accept(vec![drift]).is_empty() {
            return None;
        }
        let step = draft.step(format!("create-rule {key}"), subject, Op::Elbv2CreateRule, input);
        step.because(Because::Missing).needs(needs).touches(groups);
        return Some(step.id.clone());
    };
    if !needs.is_empty() {
        draft.report.waiting.extend(needs.into_iter().filter_map(|n| match n {
            Need::Observed(on) => Some(on),
            Need::Step(_) => None,
        }));
        return None;
    }
    let arn = live.str("ruleArn").unwrap_or_default();
    if live.str("priority") != Some(&priority) {
        let last = draft.memory().applied.get(&format!("{part} priority")).cloned();
        let owner = if last.as_ref().and_then(Tree::as_int) == Some(wanted.priority) {
            Owner::Human
        } else {
            Owner::Document
        };
        let drift = Drift {
            part: part.clone(),
            path: Path::of(["priority"]),
            want: Some(Tree::Int(wanted.priority)),
            live: live.get("priority").cloned(),
            owner,
            acted_on: true,
        };
        let acted = draft.accept(vec![drift]);
        if !acted.is_empty() {
            let pair = Tree::map().with("ruleArn", arn).with("priority", wanted.priority);
            let input = Tree::map().with("rulePriorities", Tree::list([pair]));
            draft
                .step(
                    format!("set-rule-priorities {key}"),
                    subject.clone(),
                    Op::Elbv2SetRulePriorities,
                    input,
                )
                .because_of(acted);
        }
    }
    draft.applies(&format!("{part} priority"), &Tree::Int(wanted.priority));
    let drifts = draft.drifts(&part, Kind::Rule, &want, &lift::described(Kind::Rule, live.clone()));
    let acted = draft.accept(drifts);
    if acted.is_empty() {
        return None;
    }
    let mut change = Tree::map().with("ruleArn", arn);
    for member in ["actions", "conditions", "transforms"] {
        if let Some(value) = input.get(member) {
            change.set(member, value.clone());
        }
    }
    let step = draft.step(format!("modify-rule {key}"), subject, Op::Elbv2ModifyRule, change);
    step.because_of(acted).touches(groups);
    Some(step.id.clone())
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
