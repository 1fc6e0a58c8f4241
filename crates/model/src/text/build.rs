//! What both readers share: maps are closed with their marks in order, and findings are collected.

use super::marks::{Mark, size};
use super::{MAX_DEPTH, Text};
use crate::diagnostic::{Diagnostic, Position, Severity};
use crate::tree::{Map, Name};
use crate::{Path, Tree};

/// Of each severity, no more findings than this are kept: nobody reads more, and a hostile text could
/// have one for every few bytes.
const MOST_FINDINGS: usize = 1000;

/// Collects what is found in one text.
pub(super) struct Findings<'t> {
    text: &'t Text,
    found: Vec<Diagnostic>,
    counts: [usize; 3],
}

impl<'t> Findings<'t> {
    pub fn new(text: &'t Text) -> Self {
        Findings { text, found: Vec::new(), counts: [0; 3] }
    }

    pub fn text(&self) -> &'t Text {
        self.text
    }

    /// Adds a finding about the `length` bytes at `offset`.
    pub fn add(&mut self, diagnostic: Diagnostic, offset: usize, length: usize) {
        let severity = diagnostic.severity;
        if !self.is_full(severity) {
            let at = Some(self.position(offset, length));
            self.found.push(Diagnostic { at, ..diagnostic });
        }
        self.count(severity);
    }

    /// True where another finding of this severity would only be counted.
    pub fn is_full(&self, severity: Severity) -> bool {
        self.counts.get(severity as usize).is_some_and(|count| *count >= MOST_FINDINGS)
    }

    pub fn count(&mut self, severity: Severity) {
        if let Some(count) = self.counts.get_mut(severity as usize) {
            *count += 1;
        }
    }

    /// Adds a finding about the whole text.
    pub fn add_about_all(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub fn position(&self, offset: usize, length: usize) -> Position {
        // Texts of 4 GiB and more never get here.
        self.text
            .position(u32::try_from(offset).unwrap_or(u32::MAX), u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// True where the newest finding is of this kind and ends at this offset.
    pub fn last_ends_at(&self, code: &str, offset: usize) -> bool {
        self.found.last().is_some_and(|d| {
            d.code == code && d.at.is_some_and(|at| (at.offset + at.length) as usize == offset)
        })
    }

    pub fn line(&self, offset: usize) -> u32 {
        self.position(offset, 0).line
    }

    /// Says that `name` stands in one map for the second time, at `second`.
    pub fn duplicate(&mut self, path: Path, name: &str, first: u32, second: u32) {
        if self.is_full(Severity::Error) {
            self.count(Severity::Error);
            return;
        }
        let line = self.line(first as usize);
        let length = self.text.source().get(second as usize..).map_or(0, super::literal::key_length);
        self.add(
            Diagnostic::error(
                "duplicate-key",
                path,
                format!("`{name}` is written twice; the last one would silently win"),
            )
            .with_hint(format!("the first one is on line {line}; remove one of them"))
            .at_key(),
            second as usize,
            length,
        );
    }

    pub fn too_deep(&mut self, path: Path, offset: usize) {
        self.add(
            Diagnostic::error(
                "too-deep",
                path,
                format!("values are nested more than {MAX_DEPTH} levels deep here; the rest is not read"),
            ),
            offset,
            1,
        );
    }

    /// All findings, and how many more there are of a severity that has too many.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        let more: usize = self.counts.iter().map(|c| c.saturating_sub(MOST_FINDINGS)).sum();
        if more > 0 {
            let message = format!("{more} more findings are not shown");
            self.found.push(Diagnostic::note("more-findings", Path::root(), message));
        }
        self.found
    }
}

/// A member of a map that is still being read.
pub(super) struct Entry {
    pub name: Name,
    pub value: Tree,
    /// The index of the value's first mark.
    pub start: usize,
}

/// The marks of the values read so far: each before those below it.
#[derive(Default)]
pub(super) struct Marking {
    nodes: Vec<Mark>,
    scratch: Vec<Mark>,
}

impl Marking {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn get(&self, at: usize) -> Option<&Mark> {
        self.nodes.get(at)
    }

    /// Marks a scalar, or the beginning of a map or list, which [`Marking::close`] then ends.
    pub fn push(&mut self, offset: usize, key: u32, length: usize) -> usize {
        // Texts of 4 GiB and more never get here.
        self.nodes.push(Mark {
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            key,
            extent: u32::try_from(length).unwrap_or(u32::MAX),
        });
        self.nodes.len() - 1
    }

    /// All that came since the map or list at `at` was opened lies in it.
    pub fn close(&mut self, at: usize) {
        let size = self.nodes.len() - at;
        if let Some(mark) = self.nodes.get_mut(at) {
            mark.extent = u32::try_from(size).unwrap_or(u32::MAX);
        }
    }

    /// Makes a map of the entries since `base`, in the order they were written, and puts the marks below
    /// `at` into the order of the map. Of entries with one name the last is kept; `duplicate` is told of
    /// each other with the offsets of the first key and of the repeated one. `rearrange` is set where the
    /// marks may hold values that no entry has.
    pub fn close_map(
        &mut self,
        at: usize,
        entries: &mut Vec<Entry>,
        base: usize,
        rearrange: bool,
        mut duplicate: impl FnMut(&Name, u32, u32),
    ) -> Map {
        let sorted = |entries: &[Entry]| entries.is_sorted_by(|a, b| a.name < b.name);
        let tail = entries.get_mut(base..).unwrap_or_default();
        if !sorted(tail) || rearrange {
            tail.sort_by(|a, b| a.name.cmp(&b.name));
            if !sorted(tail) {
                self.leave_last(entries, base, &mut duplicate);
            }
            self.scratch.clear();
            for entry in entries.get(base..).unwrap_or_default() {
                let length = self.nodes.get(entry.start).map_or(0, |m| size(m, &entry.value));
                if let Some(marks) = self.nodes.get(entry.start..entry.start + length) {
                    self.scratch.extend_from_slice(marks);
                }
            }
            self.nodes.truncate(at + 1);
            self.nodes.extend_from_slice(&self.scratch);
        }
        self.close(at);
        entries.drain(base..).map(|e| (e.name, e.value)).collect()
    }

    /// Of sorted entries with one name leaves the last.
    fn leave_last(&self, entries: &mut Vec<Entry>, base: usize, duplicate: &mut impl FnMut(&Name, u32, u32)) {
        let mut tail = entries.split_off(base);
        let mut first = None::<(Name, u32)>;
        for entry in &tail {
            let key = self.nodes.get(entry.start).map_or(0, |m| m.key);
            match &first {
                Some((name, offset)) if *name == entry.name => duplicate(name, *offset, key),
                _ => first = Some((entry.name.clone(), key)),
            }
        }
        tail.reverse();
        tail.dedup_by(|a, b| a.name == b.name);
        tail.reverse();
        entries.append(&mut tail);
    }

    /// Takes a copy of a value's marks, for an alias to repeat.
    pub fn copy(&self, from: usize) -> Vec<Mark> {
        self.nodes.get(from..).unwrap_or_default().to_vec()
    }

    /// Repeats the marks of a value for an alias at `offset`, which has `key` and this extent of its own.
    pub fn repeat(&mut self, marks: &[Mark], offset: usize, key: u32, extent: usize) {
        self.push(offset, key, extent);
        self.nodes.extend_from_slice(marks.get(1..).unwrap_or_default());
    }

    pub fn into_nodes(self) -> Vec<Mark> {
        self.nodes
    }
}
