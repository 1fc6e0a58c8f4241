//! What the daemon shows of itself: one value, replaced as a whole after each pass, from which the API,
//! the page, the metrics and the demo's progress are all drawn.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_model::Diagnostic;
use evenkeel_model::key::{SubjectKind, UnitKey};
use evenkeel_model::world::Moment;
use evenkeel_plan::{Planned, State};

/// The daemon at one moment.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The account whose services are kept, once AWS has told.
    pub account: Option<String>,
    /// The region.
    pub region: String,
    /// Where documents are read from: one, or a prefix.
    pub source: String,
    /// The documents in force, by where they are.
    pub documents: Vec<InForce>,
    /// What is wrong with the newest versions of documents, if anything, by where they are.
    pub faults: Vec<Fault>,
    /// Which of `documents` a unit is in, where that is not the first.
    pub owners: BTreeMap<UnitKey, usize>,
    /// The newest decision, about all documents.
    pub planned: Arc<Planned>,
    /// Who writes.
    pub lease: Lease,
    /// Passes so far.
    pub passes: u64,
    /// Unix seconds by AWS's clock of the last pass that found everything settled.
    pub settled_at: Option<i64>,
    /// AWS's clock at this pass, in Unix seconds.
    pub clock: i64,
    /// For each kind, the age in seconds of its oldest reading; absent where nothing of it is watched.
    pub ages: BTreeMap<SubjectKind, f64>,
    /// Everything of interest has been seen at least once.
    pub observed: bool,
    /// Units waiting for a run.
    pub queued: usize,
    /// Since when units differ that do, the document's changes and humans' counted, in Unix seconds.
    pub differing: BTreeMap<UnitKey, i64>,
    /// Steps so far by operation and outcome (`done`, `failed`, `mismatch`).
    pub steps: BTreeMap<(String, &'static str), u64>,
    /// The newest things that happened, oldest first, at most [`MAX_EVENTS`].
    pub events: Vec<Event>,
    /// What keeps AWS from being read, if anything, by kind.
    pub trouble: BTreeMap<SubjectKind, String>,
    /// The mode in force: `observe` or `enforce`.
    pub mode: &'static str,
}

/// How many events are kept.
pub const MAX_EVENTS: usize = 200;

/// A document in force.
#[derive(Clone, Debug, PartialEq)]
pub struct InForce {
    /// Where it is.
    pub source: String,
    /// Its name.
    pub name: String,
    /// Its version: S3's version id, else its ETag.
    pub version: String,
    /// When that version was written, in Unix seconds, where that is known.
    pub modified: Option<i64>,
    /// What was found in it that is no error.
    pub warnings: Vec<Diagnostic>,
}

/// Why the newest version of a document is not in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where the document is, or where documents were looked for.
    pub source: String,
    /// That version, where one was read.
    pub version: Option<String>,
    /// In one sentence.
    pub message: String,
    /// Everything found in it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Who writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Lease {
    /// Not known yet.
    #[default]
    Unknown,
    /// This process.
    Ours,
    /// Another one, named.
    Other(String),
    /// The lease cannot be read or written.
    Unreachable(String),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Counts up, never repeats.
    pub seq: u64,
    /// Unix seconds by AWS's clock; 0 until AWS has told the time.
    pub at: i64,
    /// When it was on the process's clock.
    pub moment: Moment,
    /// The unit, where it is about one (`service:cluster/name`).
    pub unit: Option<String>,
    /// What happened, in one sentence.
    pub message: String,
    /// True where it needs somebody's attention.
    pub warning: bool,
}

impl Status {
    /// Every unit is as the document wants it, nothing is under way, and nothing is wrong with the
    /// document.
    pub fn is_settled(&self) -> bool {
        !self.documents.is_empty()
            && self.faults.is_empty()
            && self.observed
            && self.planned.plan.units.is_empty()
            && self.planned.report.units.values().all(|u| u.state.is_settled())
    }

    /// The same of one of the documents.
    pub fn is_document_settled(&self, place: usize) -> bool {
        let of = |key: &UnitKey| self.owners.get(key).copied().unwrap_or_default() == place;
        let reports = &self.planned.report.units;
        let faulty = |document: &InForce| self.faults.iter().any(|fault| fault.source == document.source);
        self.observed
            && self.documents.get(place).is_some_and(|document| !faulty(document))
            && !self.planned.plan.units.keys().any(of)
            && reports.iter().filter(|(key, _)| of(key)).all(|(_, unit)| unit.state.is_settled())
    }

    /// Ready to be relied on: AWS answers, a document is in force, and everything has been seen.
    pub fn is_ready(&self) -> bool {
        self.account.is_some() && !self.documents.is_empty() && self.observed
    }

    /// The document that a unit is in. The same unit in two is refused in both.
    pub fn document_of(&self, unit: &UnitKey) -> Option<&InForce> {
        self.documents.get(self.owners.get(unit).copied().unwrap_or_default())
    }

    /// How many services are in each state; every state is there, at zero where none is in it.
    pub fn services(&self) -> BTreeMap<State, usize> {
        let mut all: BTreeMap<State, usize> = State::ALL.into_iter().map(|s| (s, 0)).collect();
        for (key, report) in &self.planned.report.units {
            if key.service().is_some() {
                *all.entry(report.state).or_default() += 1;
            }
        }
        all
    }
}
