//! Old task definition revisions: deregistered where the document says how many are kept.
//!
//! A deregistered revision runs on where it runs, and cannot be chosen again. What a service runs, rolls out or
//! may go back to is never among them, nor is what we chose last or what does not carry our tag.

use std::collections::BTreeSet;

use evenkeel_model::Tree;
use evenkeel_model::document::Document;
use evenkeel_model::key::{Subject, short_name};
use evenkeel_model::shapes::Op;
use evenkeel_model::world::World;

use crate::ownership::{TAG_DOCUMENT, tag};
use crate::unit::Draft;
use crate::{Because, Input, Planner, Step};

/// How many revisions of one family are deregistered with one plan.
const AT_ONCE: usize = 2;

/// How many are with one plan in all: ECS takes one registration or deregistration a second in the long run.
const AT_ONCE_IN_ALL: usize = 10;

/// The revisions that services run, roll out or may go back to.
fn in_use(world: &World) -> BTreeSet<&str> {
    let services = world.iter().filter(|(s, _)| matches!(s, Subject::Service(_)));
    let trees = services.filter_map(|(_, seen)| seen.tree());
    trees
        .flat_map(|service| {
            let deployments = service.list_of("deployments").iter();
            deployments.chain([service]).filter_map(|it| it.str("taskDefinition"))
        })
        .collect()
}

/// The revisions of a family, oldest first, that are beyond the newest `keep`, as far as they are listed.
fn old<'w>(world: &'w World, family: &str, keep: usize) -> impl Iterator<Item = &'w str> {
    let listed = world.tree(&Subject::Family(family.to_owned())).map(Tree::items).unwrap_or_default();
    listed.iter().skip(keep).rev().filter_map(Tree::as_str)
}

/// A revision of ours that can still be chosen; `None` where it has not been seen.
fn is_ours(document: &Document, world: &World, arn: &str) -> Option<bool> {
    let seen = world.seen(&Subject::TaskDefinition(arn.to_owned()));
    let ours = |t: &Tree| tag(t, TAG_DOCUMENT) == Some(&document.name);
    let active = |t: &Tree| matches!(t.str("status"), None | Some("ACTIVE"));
    (!seen.is_unknown()).then(|| seen.tree().is_some_and(|t| ours(t) && active(t)))
}

/// What has to be seen to know what can go: the family, and of its oldest revisions that are listed and nobody
/// uses so many as may be ours. Those that turned out not to be are kept in sight, at a call an hour each: there
/// are at most as many as are listed.
pub(crate) fn needs(document: &Document, world: &World, family: &str) -> Vec<Subject> {
    let Some(keep) = document.settings.keep_revisions else { return Vec::new() };
    let used = in_use(world);
    let mut candidates = 0;
    let old = old(world, family, keep).filter(|arn| !used.contains(arn)).take_while(|arn| {
        candidates += usize::from(is_ours(document, world, arn) != Some(false));
        candidates <= AT_ONCE * 2
    });
    let revisions = old.map(|arn| Subject::TaskDefinition(arn.to_owned()));
    [Subject::Family(family.to_owned())].into_iter().chain(revisions).collect()
}

impl Planner<'_> {
    /// Deregisters old revisions of a family whose unit has nothing else to do.
    pub(crate) fn collect(&mut self, draft: &mut Draft<'_>, family: &str) {
        let input = self.input;
        let Some(keep) = input.document.settings.keep_revisions.filter(|_| input.ceilings.prune) else {
            return;
        };
        let quiet = draft.unit.steps.is_empty()
            && draft.report.waiting.is_empty()
            && draft.report.refused.is_empty()
            && draft.report.held.is_none()
            && draft.judging.is_none();
        if !quiet || draft.restraint.closed.is_some() || !input.document.kept_back.is_empty() {
            return;
        }
        let used = in_use(input.world);
        let chosen = draft.memory().task_definition.clone();
        let ours = |arn: &&str| is_ours(input.document, input.world, arn) == Some(true);
        let unused = |arn: &&str| !used.contains(arn) && chosen.as_deref() != Some(*arn);
        let left = AT_ONCE_IN_ALL.saturating_sub(self.collected).min(AT_ONCE);
        let gone: Vec<&str> = old(input.world, family, keep).filter(unused).filter(ours).take(left).collect();
        self.collected += gone.len();
        for arn in gone {
            let id = format!("deregister-task-definition {}", short_name(arn));
            let subject = Subject::TaskDefinition(arn.to_owned());
            draft
                .step(id, subject, Op::EcsDeregisterTaskDefinition, Tree::map().with("taskDefinition", arn))
                .because(Because::Reason(format!("{}, beyond the newest {keep}", short_name(arn))))
                .touches([Subject::Family(family.to_owned())]);
        }
    }
}

/// What is wrong with a step that deregisters a revision.
pub(crate) fn check(input: &Input<'_>, step: &Step) -> Option<String> {
    let arn = step.action.input.str("taskDefinition").unwrap_or_default();
    let tree = input.world.tree(&Subject::TaskDefinition(arn.to_owned()));
    let ours = tree.is_some_and(|t| tag(t, TAG_DOCUMENT) == Some(&input.document.name));
    if input.document.settings.keep_revisions.is_none() || !input.ceilings.prune {
        Some(format!("step {} deregisters what nobody asked to deregister", step.id))
    } else if !ours {
        Some(format!("step {} deregisters what is not ours", step.id))
    } else if in_use(input.world).contains(arn) {
        Some(format!("step {} deregisters a revision that is in use", step.id))
    } else {
        None
    }
}
