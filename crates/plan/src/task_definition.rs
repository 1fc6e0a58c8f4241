//! Which revision a service is to run: one with the wanted content that exists, or a new one.
//!
//! Revisions are immutable and registering is AWS's tightest throttle, so content is compared first:
//! with the service's own revision, with the one we chose last, then with the newest of the family.

use evenkeel_diff::{Kind, compare};
use evenkeel_model::Tree;
use evenkeel_model::document::Document;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::Remembered;
use evenkeel_model::shapes::Op;
use evenkeel_model::world::{Seen, World};

use crate::ownership::{self, TAG_HASH};
use crate::report::{Owner, WaitingOn};
use crate::unit::Draft;
use crate::{Because, Planner, StepId, hash};

/// How many of a family's newest revisions are looked through: enough to find the one before a hand
/// edit, few enough to cost little.
const NEWEST: usize = 5;

/// What to run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Choice {
    /// This revision has the wanted content.
    Revision(String),
    /// None has.
    Register,
    /// Not all that could have it has been seen.
    Wait(Vec<Subject>),
}

/// The family of a wanted task definition.
pub(crate) fn family(want: &Tree) -> &str {
    want.str("family").unwrap_or_default()
}

/// Looks for a revision with the wanted content. `want` has its references resolved.
pub(crate) fn choose(world: &World, memory: &Remembered, want: &Tree, current: Option<&str>) -> Choice {
    look(world, memory, want, current).0
}

/// [`choose`], with all that it rests on, found or not: what is to be kept in sight, so that the same
/// choice is made again.
pub(crate) fn look(
    world: &World,
    memory: &Remembered,
    want: &Tree,
    current: Option<&str>,
) -> (Choice, Vec<Subject>) {
    let mut rests_on: Vec<Subject> = Vec::new();
    let known = [current, memory.task_definition.as_deref()];
    for arn in known.into_iter().flatten() {
        let subject = Subject::TaskDefinition(arn.to_owned());
        rests_on.push(subject.clone());
        match world.seen(&subject) {
            Seen::Unknown => return (Choice::Wait(vec![subject]), rests_on),
            Seen::Present { tree, .. } if usable(tree) && has_content(memory, want, arn, tree) => {
                return (Choice::Revision(arn.to_owned()), rests_on);
            }
            _ => {}
        }
    }
    let subject = Subject::Family(family(want).to_owned());
    rests_on.push(subject.clone());
    let newest = match world.seen(&subject) {
        Seen::Unknown => return (Choice::Wait(vec![subject]), rests_on),
        Seen::Absent { .. } => return (Choice::Register, rests_on),
        Seen::Present { tree, .. } => tree.items(),
    };
    let mut unseen = Vec::new();
    let mut found = None;
    for arn in newest.iter().take(NEWEST).filter_map(Tree::as_str) {
        let subject = Subject::TaskDefinition(arn.to_owned());
        rests_on.push(subject.clone());
        match world.seen(&subject) {
            Seen::Unknown => unseen.push(subject),
            Seen::Present { tree, .. } if usable(tree) && has_content(memory, want, arn, tree) => {
                found = found.or(Some(arn));
            }
            _ => {}
        }
    }
    let choice = match found {
        Some(arn) => Choice::Revision(arn.to_owned()),
        None if unseen.is_empty() => Choice::Register,
        None => Choice::Wait(unseen),
    };
    (choice, rests_on)
}

/// A revision that was deregistered still runs, and cannot be chosen.
fn usable(revision: &Tree) -> bool {
    matches!(revision.str("status"), None | Some("ACTIVE"))
}

/// True where a revision has the wanted content: compared field by field, or because it is the one we
/// chose and its tag names the hash of what we want. The second keeps a field that AWS returns in a way no
/// rule knows from being registered anew in every pass; a tag alone proves nothing, because copies of a
/// revision copy its tags.
pub(crate) fn has_content(memory: &Remembered, want: &Tree, arn: &str, revision: &Tree) -> bool {
    let ours = || {
        memory.task_definition.as_deref() == Some(arn)
            && ownership::tags(revision).get(TAG_HASH) == Some(&hash::task_definition(want))
    };
    compare(Kind::TaskDefinition, want, revision).is_empty() || ours()
}

/// Adds the step that registers `want`; returns its id.
pub(crate) fn register(
    draft: &mut Draft<'_>,
    document: &Document,
    want: &Tree,
    item: &str,
    because: Vec<Because>,
) -> StepId {
    let mut tags = ownership::wanted(document, want, item);
    tags.insert(TAG_HASH.into(), hash::task_definition(want));
    let input = want.clone().with("tags", ownership::list(&tags));
    let id = format!("register-task-definition {}", family(want));
    let subject = Subject::Family(family(want).to_owned());
    let step = draft.step(id, subject, Op::EcsRegisterTaskDefinition, input);
    step.because = because;
    step.id.clone()
}

impl Planner<'_> {
    /// Families that no service of the document uses.
    pub(crate) fn task_definitions(&mut self) {
        let document = self.document();
        for (family, want) in &document.task_definitions {
            let mut draft = Draft::new(self.input, UnitKey::TaskDefinition(family.clone()));
            let lookup = self.lookup();
            let (want, waits) = lookup.resolve(want);
            if !waits.is_empty() {
                waits.into_iter().for_each(|w| draft.wait(w));
                let (key, unit, report) = draft.finish();
                self.put(key, unit, report);
                continue;
            }
            draft.applies("taskDefinition", &want);
            match choose(self.world(), draft.memory(), &want, None) {
                Choice::Revision(arn) => draft.unit.task_definition = Some(arn),
                Choice::Wait(subjects) => {
                    subjects.into_iter().for_each(|s| draft.wait(WaitingOn::Seen(s)));
                }
                Choice::Register => {
                    let before = draft.memory().applied.get("taskDefinition");
                    let owner = if before == Some(&want) { Owner::Human } else { Owner::Document };
                    if draft.missing_by("taskDefinition", owner) {
                        register(&mut draft, document, &want, family, vec![Because::Missing]);
                    }
                }
            }
            self.collect(&mut draft, family);
            let (key, unit, report) = draft.finish();
            self.put(key, unit, report);
        }
    }
}
