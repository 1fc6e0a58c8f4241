//! A document some of whose entries have errors: those are kept back at their last good version, with what
//! depends on them, while the others proceed.

use std::collections::BTreeMap;

use super::refs::Ref;
use super::{Document, links, read};
use crate::diagnostic::{self, Diagnostic};
use crate::key::{ServiceKey, UnitKey};
use crate::path::Path;
use crate::text::{self, Marks, Parsed};
use crate::tree::Tree;

/// The sections of a document in which an entry can have errors of its own.
const SECTIONS: [&str; 7] =
    ["services", "targetGroups", "loadBalancers", "taskDefinitions", "clusters", "repositories", "logGroups"];

/// What of a text can be put in force.
#[derive(Clone, Debug)]
pub struct Partial {
    document: Document,
    /// The entries that are kept back and why, by their place: `/services/api`.
    faulty: BTreeMap<Path, Faulty>,
}

#[derive(Clone, Debug)]
struct Faulty {
    why: String,
    /// The units that the entry would be, as far as can be told.
    units: Vec<UnitKey>,
}

/// What of a parsed text can be put in force, and everything found in it. Nothing can where an error stands
/// outside of all entries, or where `settings.atomic` asks for all or nothing and there is any.
pub fn read_partial(parsed: Parsed) -> (Option<Partial>, Vec<Diagnostic>) {
    let (document, marks, diagnostics) = read::read_all(parsed);
    let partial = if !diagnostic::any_error(&diagnostics) {
        Some(Partial { document, faulty: BTreeMap::new() })
    } else if document.settings.atomic {
        None
    } else {
        reduced(&document, &marks, &diagnostics)
    };
    (partial, diagnostics)
}

/// The entry in which a place lies.
fn entry(path: &Path) -> Option<Path> {
    let mut segments = path.segments();
    let (section, item) = (segments.next()?, segments.next()?);
    SECTIONS.contains(&section).then(|| Path::of([section, item]))
}

fn reduced(first: &Document, marks: &Marks, diagnostics: &[Diagnostic]) -> Option<Partial> {
    let mut faulty: BTreeMap<Path, String> = BTreeMap::new();
    for error in diagnostics.iter().filter(|d| d.is_error()) {
        let line = error.at.map(|at| format!("line {}: ", at.line)).unwrap_or_default();
        faulty.entry(entry(&error.path)?).or_insert_with(|| said(&format!("{line}{}", error.message)));
    }
    add_dependents(first, &mut faulty);
    // What is wrong only now was right because of what is kept back.
    loop {
        let (document, found) = without(marks, faulty.keys())?;
        let before = faulty.len();
        for error in found.into_iter().filter(Diagnostic::is_error) {
            faulty.entry(entry(&error.path)?).or_insert_with(|| said(&error.message));
        }
        if faulty.len() == before {
            let units = |place: &Path| first.units_at(place);
            let faulty = faulty.into_iter().map(|(place, why)| {
                let units = units(&place);
                (place, Faulty { why, units })
            });
            return Some(Partial { document, faulty: faulty.collect() });
        }
    }
}

fn said(fault: &str) -> String {
    format!("its entry in the document has errors: {fault}")
}

/// The document without some of its entries, and what is found in it then.
fn without<'p>(
    marks: &Marks,
    entries: impl Iterator<Item = &'p Path>,
) -> Option<(Document, Vec<Diagnostic>)> {
    let text = marks.text();
    let parsed = text::parse(text.source().as_bytes(), Some(text.format())).ok()?;
    let Parsed { mut tree, mut diagnostics, .. } = parsed;
    for place in entries {
        let (section, item) = (place.segments().next()?, place.last()?);
        if let Some(section) = tree.as_map_mut().and_then(|m| m.get_mut(section)).and_then(Tree::as_map_mut) {
            section.remove(item);
        }
    }
    let (document, _) = read::read_tree(tree, &mut diagnostics);
    Some((document, diagnostics))
}

/// Adds the entries that depend on or refer to faulty ones, directly or through others.
fn add_dependents(document: &Document, faulty: &mut BTreeMap<Path, String>) {
    let mut edges: Vec<(Path, Path)> = Vec::new();
    links::each(document, &mut |service, at, reference| {
        let target = reference.ok().and_then(|r| document.place_of(service, &r));
        edges.extend(entry(at).zip(target));
    });
    for service in document.services.values() {
        let on = service.depends_on.iter().filter_map(|key| document.services.get(key));
        let place = |item: &str| Path::of(["services", item]);
        edges.extend(on.map(|other| (place(&service.item), place(&other.item))));
    }
    loop {
        let before = faulty.len();
        for (from, to) in &edges {
            if faulty.contains_key(to) && !faulty.contains_key(from) {
                faulty.insert(
                    from.clone(),
                    format!("it depends on {to}, whose entry in the document has errors"),
                );
            }
        }
        if faulty.len() == before {
            return;
        }
    }
}

impl Partial {
    /// What of the text is in order.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// True where nothing is kept back.
    pub fn is_whole(&self) -> bool {
        self.faulty.is_empty()
    }

    /// The entries that are kept back and why, by their place: `/services/api`.
    pub fn faulty(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.faulty.iter().map(|(place, faulty)| (place, &*faulty.why))
    }

    /// The document to put in force: what is kept back is as `last`, the one in force before, has it, and left
    /// out where that has it neither or is a document of another name or for elsewhere.
    pub fn with_last_good(self, last: Option<&Document>) -> Document {
        let Partial { mut document, faulty } = self;
        let same = |l: &&Document| {
            (&l.name, &l.account, &l.region) == (&document.name, &document.account, &document.region)
        };
        let last = last.filter(same);
        for (place, Faulty { why, units }) in faulty {
            let taken = last.map(|last| document.take_entry(last, &place)).unwrap_or_default();
            // What another entry declares in order is as it says there.
            let left: Vec<UnitKey> = units.into_iter().filter(|unit| !document.declares(unit)).collect();
            document.kept_back.extend(taken.into_iter().chain(left).map(|unit| (unit, why.clone())));
        }
        if let Some(last) = last {
            document.take_what_is_missing(last);
        }
        let there: Vec<ServiceKey> = document.services.keys().cloned().collect();
        for service in document.services.values_mut() {
            service.depends_on.retain(|key| there.binary_search(key).is_ok());
        }
        document
    }
}

impl Document {
    /// Takes over what kept back entries refer to and the text no longer has.
    fn take_what_is_missing(&mut self, last: &Document) {
        loop {
            let mut missing: Vec<(Path, Path)> = Vec::new();
            links::each(self, &mut |service, at, reference| {
                let Some(reference) = reference.ok().filter(|r| !self.has(service, r)) else { return };
                missing.extend(entry(at).zip(last.place_of(service, &reference)));
            });
            let mut taken = false;
            for (from, place) in missing {
                for unit in self.take_entry(last, &place) {
                    taken = true;
                    self.kept_back.insert(
                        unit,
                        format!("the document no longer has it, and {from}, which is kept back, needs it"),
                    );
                }
            }
            if !taken {
                return;
            }
        }
    }

    /// The entry that a reference from inside `service` leads to.
    fn place_of(&self, service: Option<&ServiceKey>, reference: &Ref) -> Option<Path> {
        let of_service = |key: &ServiceKey| Some(Path::of(["services", &self.services.get(key)?.item]));
        match reference {
            Ref::TargetGroup(item) => {
                let name = self.target_group_named(service, item)?;
                match &self.target_groups.get(name)?.service {
                    Some(key) => of_service(key),
                    None => Some(Path::of(["targetGroups", item])),
                }
            }
            Ref::LoadBalancer(item) | Ref::Listener(item, _) => {
                self.load_balancer_named(item).map(|_| Path::of(["loadBalancers", item]))
            }
            Ref::ListenerRule(item, _) => self.service_named(item).and_then(of_service),
            Ref::Repository(name) => {
                self.repositories.contains_key(name).then(|| self.items.place("repositories", name))
            }
        }
    }

    /// The units that an entry is.
    fn units_at(&self, place: &Path) -> Vec<UnitKey> {
        let (Some(section), Some(item)) = (place.segments().next(), place.last()) else { return Vec::new() };
        let named = |names: Vec<&String>, unit: fn(String) -> UnitKey| {
            let here = names.into_iter().filter(|n| self.items.place_in(section, n) == item);
            here.map(|n| unit(n.clone())).collect()
        };
        match section {
            "services" => {
                let Some(key) = self.service_named(item) else { return Vec::new() };
                let groups = self.target_groups.iter().filter(|(_, g)| g.service.as_ref() == Some(key));
                let groups = groups.map(|(name, _)| UnitKey::TargetGroup(name.clone()));
                std::iter::once(UnitKey::Service(key.clone())).chain(groups).collect()
            }
            "targetGroups" => {
                let own = self.target_groups.iter().filter(|(_, g)| g.service.is_none() && g.item == item);
                own.map(|(name, _)| UnitKey::TargetGroup(name.clone())).collect()
            }
            "loadBalancers" => {
                let name = self.load_balancer_named(item);
                name.map(|n| UnitKey::LoadBalancer(n.to_owned())).into_iter().collect()
            }
            "taskDefinitions" => named(self.task_definitions.keys().collect(), UnitKey::TaskDefinition),
            "clusters" => named(self.clusters.keys().collect(), UnitKey::Cluster),
            "repositories" => named(self.repositories.keys().collect(), UnitKey::Repository),
            _ => named(self.log_groups.keys().collect(), UnitKey::LogGroup),
        }
    }

    /// Takes an entry over from another document, with all that it is there; returns its units. What this
    /// document declares elsewhere stays as it is.
    fn take_entry(&mut self, last: &Document, place: &Path) -> Vec<UnitKey> {
        let Some(item) = place.last() else { return Vec::new() };
        let Some(section) = SECTIONS.into_iter().find(|s| place.segments().next() == Some(s)) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        for unit in last.units_at(place) {
            if self.declares(&unit) {
                continue;
            }
            match &unit {
                UnitKey::Service(key) => {
                    self.items.service(item, key);
                    copy(&mut self.services, &last.services, key);
                }
                UnitKey::TargetGroup(name) => {
                    let Some(group) = last.target_groups.get(name) else { continue };
                    self.items.target_group(group.service.as_ref(), &group.item, name);
                    copy(&mut self.target_groups, &last.target_groups, name);
                }
                UnitKey::LoadBalancer(name) => {
                    self.items.load_balancer(item, name);
                    copy(&mut self.load_balancers, &last.load_balancers, name);
                }
                UnitKey::TaskDefinition(name) => {
                    self.items.other(section, item, name);
                    copy(&mut self.task_definitions, &last.task_definitions, name);
                }
                UnitKey::Cluster(name) => {
                    self.items.other(section, item, name);
                    copy(&mut self.clusters, &last.clusters, name);
                }
                UnitKey::Repository(name) => {
                    self.items.other(section, item, name);
                    copy(&mut self.repositories, &last.repositories, name);
                }
                UnitKey::LogGroup(name) => {
                    self.items.other(section, item, name);
                    copy(&mut self.log_groups, &last.log_groups, name);
                }
            }
            self.treatment.copy(&last.treatment, &unit);
            taken.push(unit);
        }
        taken
    }
}

fn copy<K: Ord + Clone, V: Clone>(to: &mut BTreeMap<K, V>, from: &BTreeMap<K, V>, key: &K) {
    if let Some(value) = from.get(key) {
        to.insert(key.clone(), value.clone());
    }
}
