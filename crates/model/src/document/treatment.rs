//! How what a document declares is taken over where it exists already, and what becomes of it once the document
//! no longer has it.

use std::collections::BTreeMap;

use super::Document;
use crate::key::UnitKey;
use crate::tree::Tree;

/// Whether something that exists and is not ours is taken over. Taking over writes our tags and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Adopt {
    /// It is refused.
    #[default]
    Never,
    /// Where nothing differs from the document.
    IfEqual,
    /// Whatever differs.
    Always,
    /// Where it belongs to the document of that name, which has let it go.
    From(String),
}

impl Adopt {
    /// What `adopt` says in a part of the document; `None` where it says nothing.
    pub(super) fn of(part: &Tree) -> Option<Adopt> {
        Some(match part.get("adopt")? {
            Tree::Bool(true) => Adopt::Always,
            Tree::Str(_) => Adopt::IfEqual,
            from @ Tree::Map(_) => Adopt::From(from.str("from").unwrap_or_default().to_owned()),
            _ => Adopt::Never,
        })
    }
}

/// What units say for themselves, and the document for those that say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Treatment {
    adopt: Adopt,
    adopts: BTreeMap<UnitKey, Adopt>,
    /// Units that say what is to become of them.
    deletes: BTreeMap<UnitKey, bool>,
}

impl Treatment {
    /// What the document says for all, with nothing yet of its units.
    pub fn of(document: &Tree) -> Treatment {
        Treatment { adopt: Adopt::of(document).unwrap_or_default(), ..Treatment::default() }
    }

    /// Has a unit treated as it is there.
    pub fn copy(&mut self, from: &Treatment, unit: &UnitKey) {
        let adopt = from.adopts.get(unit).unwrap_or(&from.adopt);
        self.adopts.insert(unit.clone(), adopt.clone());
        if let Some(deletes) = from.deletes.get(unit) {
            self.deletes.insert(unit.clone(), *deletes);
        }
    }

    /// Notes what a unit says of its end; takes it out of the part.
    pub fn deletes(&mut self, unit: UnitKey, part: &mut Tree) {
        if let Some(word) = part.take("deletion") {
            self.deletes.insert(unit, word.as_str() == Some("delete"));
        }
    }

    /// Notes what a unit says for itself.
    pub fn adopts(&mut self, unit: UnitKey, adopt: Option<Adopt>) {
        if let Some(adopt) = adopt {
            self.adopts.insert(unit, adopt);
        }
    }
}

impl Document {
    /// Whether the unit is taken over where it exists already: as it says itself, else the service it is in,
    /// else the document.
    pub fn adopt(&self, unit: &UnitKey) -> &Adopt {
        self.treatment.adopts.get(unit).unwrap_or(&self.treatment.adopt)
    }

    /// Whether the unit is deleted, where that is asked for, once the document no longer has it: as it says
    /// itself. What holds data or other people's things is kept unless it does.
    pub fn deletes(&self, unit: &UnitKey) -> bool {
        let kept = matches!(
            unit,
            UnitKey::LogGroup(_) | UnitKey::Repository(_) | UnitKey::Cluster(_) | UnitKey::LoadBalancer(_)
        );
        self.treatment.deletes.get(unit).copied().unwrap_or(!kept)
    }

    /// True where it declares nothing at all.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
            && self.target_groups.is_empty()
            && self.load_balancers.is_empty()
            && self.task_definitions.is_empty()
            && self.clusters.is_empty()
            && self.repositories.is_empty()
            && self.log_groups.is_empty()
    }

    /// True where the unit is one of this document.
    pub fn declares(&self, unit: &UnitKey) -> bool {
        match unit {
            UnitKey::Cluster(name) => self.clusters.contains_key(name),
            UnitKey::Repository(name) => self.repositories.contains_key(name),
            UnitKey::LogGroup(name) => self.log_groups.contains_key(name),
            UnitKey::TargetGroup(name) => self.target_groups.contains_key(name),
            UnitKey::LoadBalancer(name) => self.load_balancers.contains_key(name),
            UnitKey::TaskDefinition(family) => self.task_definitions.contains_key(family),
            UnitKey::Service(key) => self.services.contains_key(key),
        }
    }
}
