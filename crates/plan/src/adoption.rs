//! What comes to us from elsewhere: whether it is taken over, and what it had that the document does not
//! declare.
//!
//! Adopting writes the tags of ownership and nothing else: what differs is changed by the passes after it,
//! like any change of the document. The first time that something which carries our tags is seen and nothing
//! is remembered of it, what stands in its undeclared fields becomes its *baseline*: as right as what AWS
//! fills in, carried through every write. So it is whoever wrote the tags, and after memory was lost.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use evenkeel_diff::{Kind, is_undeclared, put};
use evenkeel_model::Tree;
use evenkeel_model::document::Adopt;
use evenkeel_model::key::{Subject, UnitKey};
use evenkeel_model::memory::Baseline;
use evenkeel_model::path::Path;

use crate::ownership::{self, Standing, TAG_DOCUMENT, TAG_KEY};
use crate::report::{Drift, Refusal, WaitingOn};
use crate::tagging::Tagging;
use crate::unit::{Draft, differences};
use crate::{Because, Input, Planned, Unit, dotted, observing};

/// Something that exists and carries tags, or could.
pub(crate) struct Resource<'r> {
    /// For people: `service web/api`.
    pub what: &'r dyn Fn() -> String,
    pub tagging: Tagging,
    pub subject: &'r Subject,
    pub arn: &'r str,
    /// What its steps are called by, where the unit has more than one thing with tags.
    pub label: &'r str,
    /// What its tag says, which is its place in the document.
    pub item: &'r str,
    /// The part of the unit's memory that is about it.
    pub part: &'r str,
    pub adopt: &'r Adopt,
    pub tags: &'r BTreeMap<String, String>,
}

/// What a claim to a resource came to.
pub(crate) enum Claimed {
    /// It is ours.
    Ours,
    /// It is to be: what is planned from here on is only to see what differs.
    Adopting(Mark),
}

impl Claimed {
    pub const fn adopting(&self) -> bool {
        matches!(self, Claimed::Adopting(_))
    }
}

/// How something that is not ours yet is looked at. `strict`: what the document leaves out counts as well.
#[derive(Clone, Copy)]
pub(crate) struct Judging {
    strict: bool,
}

/// Where a draft stood.
pub(crate) struct Mark {
    steps: usize,
    drift: usize,
    waiting: usize,
    refused: usize,
    notes: usize,
    parts: BTreeSet<String>,
}

impl Draft<'_> {
    /// Claims a resource that is there; `None` where it is somebody else's, which is refused. What is planned
    /// between this and [`Draft::take_over`] counts only where it is ours.
    pub fn claim(&mut self, resource: &Resource<'_>) -> Option<Claimed> {
        let document = self.input.document;
        let known = self.was_ours(resource);
        let command = || resource.tagging.adopt_command(document, resource.arn, resource.item);
        match ownership::standing(document, resource.tags, resource.what, known, resource.adopt, command) {
            Standing::Ours => Some(Claimed::Ours),
            Standing::Refused(refusal) => {
                self.refuse(refusal);
                None
            }
            Standing::Adopted => {
                self.judging = Some(Judging { strict: *resource.adopt == Adopt::IfEqual });
                Some(Claimed::Adopting(Mark {
                    steps: self.unit.steps.len(),
                    drift: self.report.drift.len(),
                    waiting: self.report.waiting.len(),
                    refused: self.report.refused.len(),
                    notes: self.report.notes.len(),
                    parts: self.applied.keys().cloned().collect(),
                }))
            }
        }
    }

    /// True where memory says that the resource was ours: without our tag it is disowned then.
    fn was_ours(&self, resource: &Resource<'_>) -> bool {
        let memory = self.memory();
        let of_us = memory.document.as_ref().is_none_or(|d| *d == self.input.document.name);
        let remembered = match resource.label {
            "" => memory.document.is_some() || !memory.applied.is_empty(),
            _ => memory.applied.contains_key(resource.part) || memory.baseline.contains_key(resource.part),
        };
        of_us && remembered
    }

    /// Replaces what was planned for a resource that is not ours yet by the step that makes it ours, where it
    /// may become that.
    pub fn take_over(&mut self, resource: &Resource<'_>, claimed: Claimed) {
        let Claimed::Adopting(mark) = claimed else { return };
        self.judging = None;
        // What has a name within the unit is one thing of several: the rest of the unit goes on.
        if resource.label.is_empty() {
            self.unit = Unit { steps: std::mem::take(&mut self.unit.steps), ..Unit::default() };
            self.report.held = None;
        }
        self.unit.steps.truncate(mark.steps);
        self.report.refused.truncate(mark.refused);
        self.report.notes.truncate(mark.notes);
        self.forget(resource, &mark.parts);
        let tag = |d: &Drift| d.part.starts_with("tags");
        let planned = self.report.drift.split_off(mark.drift);
        let differs: Vec<Drift> =
            planned.into_iter().filter(|d| !tag(d)).map(|d| Drift { acted_on: false, ..d }).collect();
        self.report.drift.extend(differs.iter().cloned());
        let waits = self.report.waiting.split_off(mark.waiting);
        if *resource.adopt == Adopt::IfEqual {
            let unseen = waits.iter().any(|w| matches!(w, WaitingOn::Seen(_) | WaitingOn::Exists(_)));
            self.report.waiting.extend(waits);
            if !differs.is_empty() {
                return self.refuse(unequal(&(resource.what)(), &differs));
            }
            if unseen {
                return;
            }
        } else {
            let rollout = waits.into_iter().filter(|w| matches!(w, WaitingOn::Rollout(_)));
            self.report.waiting.extend(rollout);
        }
        let because = match (resource.adopt, differs.is_empty()) {
            (Adopt::From(other), _) => format!("moved here from the document \"{other}\""),
            (_, true) => "adopted: nothing differs".to_owned(),
            (_, false) => "adopted as it is: what differs is changed once it is ours".to_owned(),
        };
        let because = match resource.label {
            "" => because,
            _ => format!("{}: {because}", (resource.what)()),
        };
        let tags = [(TAG_DOCUMENT, &*self.input.document.name), (TAG_KEY, resource.item)];
        let tags = tags.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let step = resource.tagging.add(self, resource.subject, resource.arn, resource.label, &tags);
        step.because(Because::Reason(because));
    }

    /// What was remembered of something before it became ours says nothing about it.
    fn forget(&mut self, resource: &Resource<'_>, before: &BTreeSet<String>) {
        if resource.label.is_empty() {
            self.applied.clear();
            self.baseline = self.memory().baseline.keys().map(|part| (part.clone(), None)).collect();
            return;
        }
        self.applied.retain(|part, _| before.contains(part) && part != resource.part);
        self.baseline.insert(resource.part.to_owned(), None);
    }

    /// What is wanted of a part, with what stood in its undeclared fields when it came to us.
    pub fn with_baseline<'t>(
        &mut self,
        part: &str,
        kind: Kind,
        want: &'t Tree,
        live: &Tree,
    ) -> Cow<'t, Tree> {
        let at_first = |path: &Path| is_undeclared(kind, want, path);
        let base = self.baseline_of(part, at_first, || {
            let fields = differences(kind, want, live).into_iter();
            fields.filter_map(|d| Some((d.path, d.live?))).collect()
        });
        if base.is_empty() {
            return Cow::Borrowed(want);
        }
        let mut full = want.clone();
        for (path, value) in base {
            put(kind, &mut full, &path, Some(value));
        }
        Cow::Owned(full)
    }

    /// The baseline of a part, taken now where this is its first sight: `undeclared` says of a field that the
    /// document leaves it out, `found` which fields differ. What the document declares by now is no longer in
    /// it.
    pub fn baseline_of(
        &mut self,
        part: &str,
        undeclared: impl Fn(&Path) -> bool,
        found: impl FnOnce() -> Baseline,
    ) -> Baseline {
        let keep = |mut base: Baseline| {
            base.retain(|path, _| undeclared(path));
            base
        };
        if let Some(Judging { strict }) = self.judging {
            return if strict { Baseline::new() } else { keep(found()) };
        }
        if let Some(known) = self.memory().baseline.get(part) {
            let base = keep(known.clone());
            if base.len() != known.len() {
                self.baseline.insert(part.to_owned(), Some(base.clone()));
            }
            return base;
        }
        let begun = |step: &String| step.starts_with("create-");
        let ours = self.memory().intent.as_ref().is_some_and(|i| i.steps.iter().any(begun));
        if self.memory().applied.contains_key(part) || ours {
            return Baseline::new();
        }
        let base = keep(found());
        self.found.extend(base.keys().map(|path| match dotted(path) {
            field if part == "service" || part == "attributes" => field,
            field => format!("{part} {field}"),
        }));
        self.unit.first_sight.insert(part.to_owned(), base.clone());
        self.baseline.insert(part.to_owned(), Some(base.clone()));
        base
    }

    /// Notes that a part is about to be made: there is nothing in it that was there before.
    pub fn makes(&mut self, part: &str) {
        if self.memory().baseline.get(part).is_none_or(|base| !base.is_empty()) {
            self.baseline.insert(part.to_owned(), Some(Baseline::new()));
        }
    }

    /// The baselines that the unit remembers once a step of it is done.
    pub fn baselines(&self) -> BTreeMap<String, Baseline> {
        let mut all = self.memory().baseline.clone();
        for (part, base) in &self.baseline {
            match base {
                Some(base) => all.insert(part.clone(), base.clone()),
                None => all.remove(part),
            };
        }
        all
    }

    /// Says what was found at first sight.
    pub fn tell_first_sight(&mut self) {
        if self.unit.first_sight.is_empty() {
            return;
        }
        let left = match &self.found[..] {
            [] => String::new(),
            fields => {
                format!("left as found, because the document does not declare it: {}", fields.join(", "))
            }
        };
        let rebuilt = !self.input.memory.0.contains_key(&self.key);
        // Where nothing differs, nothing that was forgotten is missed.
        if rebuilt && !(self.report.drift.is_empty() && left.is_empty()) {
            let mut said = "MemoryRebuilt: nothing was remembered of it".to_owned();
            if !left.is_empty() {
                said = format!("{said}; {left}");
            }
            self.note(said);
        } else if !left.is_empty() {
            self.note(left);
        }
    }
}

/// Remembers the baselines of what was seen for the first time, before anybody changes it.
pub(crate) fn remember_first_sight(input: &Input<'_>, planned: &mut Planned, key: &UnitKey, unit: &Unit) {
    if unit.first_sight.is_empty() || observing(input) {
        return;
    }
    let before = input.memory.unit(key);
    let remembered = planned.remember.entry(key.clone()).or_insert_with(|| before.clone());
    remembered.document = Some(input.document.name.clone());
    remembered.baseline.extend(unit.first_sight.clone());
}

/// Why what differs is not adopted.
fn unequal(what: &str, differs: &[Drift]) -> Refusal {
    const SHOWN: usize = 4;
    let field = |d: &Drift| match dotted(&d.path) {
        path if path.is_empty() => d.part.clone(),
        path => format!("{} {path}", d.part),
    };
    let mut shown: Vec<String> = differs.iter().take(SHOWN).map(field).collect();
    if differs.len() > SHOWN {
        shown.push(format!("{} more", differs.len() - SHOWN));
    }
    let why = format!("{what} is not adopted, because it differs from the document: {}", shown.join(", "));
    Refusal::new(why)
        .or("declare it as it is, or say \"adopt\": true: what is declared is changed then, the rest stays")
}
