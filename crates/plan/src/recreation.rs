//! Services that have to be deleted and made anew: under its name a service cannot stand beside itself.

use evenkeel_diff::{Kind, rules};
use evenkeel_model::Tree;
use evenkeel_model::key::Subject;
use evenkeel_model::path::Path;
use evenkeel_model::shapes::Op;

use crate::Planner;
use crate::service::Wanted;
use crate::unit::Draft;

/// True for a member of a service that cannot be changed.
pub(crate) fn is_fixed(member: &str) -> bool {
    rules::immutable(Kind::Service).any(|m| m == member)
}

impl Planner<'_> {
    /// Deletes a service in which something differs that cannot be changed, where the document asks for it and
    /// the daemon may. That it is gone makes a later pass create it. What scaled it goes with it.
    pub(crate) fn recreates(&self, draft: &mut Draft<'_>, wanted: &Wanted<'_>, live: &Tree) -> bool {
        if !wanted.service.recreate || !self.input.ceilings.replace {
            return false;
        }
        let full = draft.with_baseline("service", Kind::Service, &wanted.input, live);
        let input = draft.carry(&Path::of(["service"]), Kind::Service, &full, live);
        let mut drifts = draft.drifts("service", Kind::Service, &input, live);
        drifts.retain(|d| d.path.segments().next().is_some_and(is_fixed));
        draft.leave(&mut drifts);
        if drifts.iter().all(|d| !d.acted_on) {
            return false;
        }
        let acted = draft.accept(drifts);
        // Gone, it is still known as something that is to be there.
        draft.applies("taskDefinition", &wanted.task);
        draft.applies("service", &wanted.input);
        let key = wanted.key;
        draft.note(format!("{key} is deleted with all its tasks and then made anew: in between it is down"));
        let subject = Subject::Service(key.clone());
        let input = Tree::map()
            .with("cluster", key.cluster.as_str())
            .with("service", key.name.as_str())
            .with("force", true);
        draft
            .step(format!("delete-service {}", key.name), subject, Op::EcsDeleteService, input)
            .because_of(acted)
            .touches([
                Subject::ScalableTarget(key.clone()),
                Subject::Policies(key.clone()),
                Subject::ScheduledActions(key.clone()),
            ]);
        true
    }

    /// What a person can do so that it is made anew.
    pub(crate) fn how_to_recreate(&self, wanted: &Wanted<'_>) -> &'static str {
        match wanted.service.recreate {
            true => "start the daemon with `--allow replace`",
            false => {
                "say `\"replace\": \"recreate\"` in the service: it is deleted and made anew, and down in between"
            }
        }
    }
}
