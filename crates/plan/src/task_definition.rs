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
use crate::refs::Lookup;
use crate::report::WaitingOn;
use crate::unit::Draft;
use crate::{Because, Planner, StepId, hash};

/// How many of a family's newest revisions are looked through: enough to find the one before a hand
/// edit, few enough to cost little.
pub(crate) const NEWEST: usize = 5;

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
    let known = [current, memory.task_definition.as_deref()];
    for arn in known.into_iter().flatten() {
        let subject = Subject::TaskDefinition(arn.to_owned());
        match world.seen(&subject) {
            Seen::Unknown => return Choice::Wait(vec![subject]),
            Seen::Present { tree, .. } if has_content(want, tree) => {
                return Choice::Revision(arn.to_owned());
            }
            _ => {}
        }
    }
    let subject = Subject::Family(family(want).to_owned());
    let newest = match world.seen(&subject) {
        Seen::Unknown => return Choice::Wait(vec![subject]),
        Seen::Absent { .. } => return Choice::Register,
        Seen::Present { tree, .. } => tree.items(),
    };
    let mut unseen = Vec::new();
    for arn in newest.iter().take(NEWEST).filter_map(Tree::as_str) {
        let subject = Subject::TaskDefinition(arn.to_owned());
        match world.seen(&subject) {
            Seen::Unknown => unseen.push(subject),
            Seen::Present { tree, .. } if has_content(want, tree) => {
                return Choice::Revision(arn.to_owned());
            }
            _ => {}
        }
    }
    if unseen.is_empty() { Choice::Register } else { Choice::Wait(unseen) }
}

fn has_content(want: &Tree, live: &Tree) -> bool {
    matches!(live.str("status"), None | Some("ACTIVE"))
        && compare(Kind::TaskDefinition, want, live).is_empty()
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
            let lookup = Lookup { document, world: self.world(), service: None };
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
                    register(&mut draft, document, &want, family, vec![Because::Missing]);
                }
            }
            let (key, unit, report) = draft.finish();
            self.put(key, unit, report);
        }
    }
}
