//! Reads YAML 1.2 in its core schema, as JSON with another syntax: one document of maps with text keys,
//! lists and scalars. Aliases and merge keys are expanded; other tags than the schema's are refused.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::build::{Entry, Findings, Marking};
use super::marks::{Mark, NO_KEY, size};
use super::template::placeholder;
use super::{MAX_DEPTH, Text};
use crate::diagnostic::Diagnostic;
use crate::tree::{Name, Names};
use crate::{Path, Tree};

mod scalar;
mod syntax;

/// Reads the text; `None` where nothing certain can be made of it, for which `findings` then hold the
/// reason.
pub(super) fn read<'t>(text: &'t Text, findings: &mut Findings<'t>) -> Option<(Tree, Vec<Mark>)> {
    let content = text.source().get(text.content()..).unwrap_or_default();
    let mut reader = Reader {
        source: text.source(),
        parser: Parser::new_from_str(content),
        cursor: Cursor::new(text),
        findings,
        names: Names::default(),
        marks: Marking::default(),
        path: Path::root(),
        anchors: BTreeMap::new(),
        copied: 0,
        refused: false,
    };
    let tree = reader.document().unwrap_or_else(|Stop| {
        reader.refused = true;
        Tree::Null
    });
    let nodes = reader.marks.into_nodes();
    (!reader.refused).then_some((tree, nodes))
}

/// Aliases may repeat this many bytes of trees in all: far more than people write, far less than a few
/// lines of aliases of aliases would make.
const MOST_COPIED: usize = 64 << 20;

/// The reader cannot go on; why is among the findings.
struct Stop;

/// The value that an anchor names.
struct Anchored {
    tree: Tree,
    marks: Vec<Mark>,
    /// Its size in bytes, about.
    weight: usize,
}

struct Reader<'t, 'f> {
    source: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    cursor: Cursor<'t>,
    findings: &'f mut Findings<'t>,
    names: Names,
    marks: Marking,
    path: Path,
    anchors: BTreeMap<usize, Anchored>,
    copied: usize,
    /// Set where nothing certain can be made of the text.
    refused: bool,
}

impl<'t> Reader<'t, '_> {
    fn document(&mut self) -> Result<Tree, Stop> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentStart(_) => break,
                Event::StreamEnd => {
                    let at = self.cursor.offset(span.start);
                    let message = "the text is empty";
                    self.error("empty-document", at, 0, message, "an empty document is written `{}`");
                    return Err(Stop);
                }
                _ => {}
            }
        }
        let (event, span) = self.next()?;
        let tree = self.value(event, span, NO_KEY, 0)?;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(tree),
                Event::DocumentStart(_) => {
                    let at = self.cursor.offset(span.start);
                    let length = span.len();
                    let message = "a second document begins here";
                    self.error("several-documents", at, length, message, "write one document in each file");
                    return Err(Stop);
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                self.syntax(&error);
                Err(Stop)
            }
            None => Err(Stop),
        }
    }

    fn error(
        &mut self,
        code: &'static str,
        at: usize,
        length: usize,
        message: impl Into<String>,
        hint: &str,
    ) {
        let mut diagnostic = Diagnostic::error(code, self.path.clone(), message);
        if !hint.is_empty() {
            diagnostic = diagnostic.with_hint(hint);
        }
        self.findings.add(diagnostic, at, length);
    }

    /// Reads the value that `event` begins.
    fn value(&mut self, event: Event<'t>, span: Span, key: u32, depth: usize) -> Result<Tree, Stop> {
        let start = self.cursor.offset(span.start);
        let first = self.marks.len();
        if depth >= MAX_DEPTH {
            self.findings.too_deep(self.path.clone(), start);
            return Err(Stop);
        }
        let (tree, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let length = self.scalar_length(start, span, style);
                self.marks.push(start, key, length);
                (self.scalar(&text, style, tag.as_deref(), start, length), anchor)
            }
            Event::Alias(id) => (self.alias(id, start, span.len(), key)?, 0),
            Event::SequenceStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", start);
                (self.list(start, key, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", start);
                (self.map(start, key, depth)?, anchor)
            }
            // The parser gives nothing else where a value stands.
            _ => return Err(Stop),
        };
        if anchor != 0 {
            let weight = weight(&tree);
            self.spend(weight, start)?;
            let marks = self.marks.copy(first);
            let tree = tree.clone();
            self.anchors.insert(anchor, Anchored { tree, marks, weight });
        }
        Ok(tree)
    }

    fn list(&mut self, start: usize, key: u32, depth: usize) -> Result<Tree, Stop> {
        let mark = self.marks.push(start, key, 0);
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            self.path.push(items.len().to_string());
            items.push(self.value(event, span, NO_KEY, depth + 1)?);
            self.path.pop();
        }
        self.marks.close(mark);
        Ok(Tree::List(items.into()))
    }

    fn map(&mut self, start: usize, key: u32, depth: usize) -> Result<Tree, Stop> {
        let mark = self.marks.push(start, key, 0);
        let mut entries = Vec::new();
        let mut merged = Vec::new();
        let mut rearrange = false;
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let (name, key) = self.key(event, span, depth)?;
            let (event, span) = self.next()?;
            let start = self.marks.len();
            let Some(name) = name else {
                // The key is refused already; its value is read for what is wrong in it.
                self.value(event, span, NO_KEY, depth + 1)?;
                rearrange = true;
                continue;
            };
            self.path.push(&*name);
            let value = self.value(event, span, key, depth + 1)?;
            if merges {
                rearrange = true;
                self.merge(value, start, key, &mut merged);
            } else {
                entries.push(Entry { name, value, start });
            }
            self.path.pop();
        }
        if !merged.is_empty() {
            let mut seen: BTreeSet<Name> = entries.iter().map(|e: &Entry| e.name.clone()).collect();
            entries.extend(merged.into_iter().filter(|e| seen.insert(e.name.clone())));
        }
        let mut repeated = Vec::new();
        let map = self.marks.close_map(mark, &mut entries, 0, rearrange, |name, first, second| {
            repeated.push((name.clone(), first, second));
        });
        for (name, first, second) in repeated {
            self.findings.duplicate(self.path.child(&*name), &name, first, second);
        }
        Ok(Tree::Map(map))
    }

    /// The name that a key gives, `None` where it is no text, and where it begins.
    fn key(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<(Option<Name>, u32), Stop> {
        let start = self.cursor.offset(span.start);
        let offset = u32::try_from(start).unwrap_or(NO_KEY);
        let alias = match event {
            Event::Scalar(text, style, anchor, _) => {
                if anchor != 0 {
                    let tree = Tree::from(&*text);
                    let length = self.scalar_length(start, span, style);
                    let marks =
                        vec![Mark { offset, key: NO_KEY, extent: u32::try_from(length).unwrap_or(0) }];
                    self.anchors.insert(anchor, Anchored { weight: weight(&tree), tree, marks });
                }
                return Ok((Some(self.names.intern(&text)), offset));
            }
            Event::Alias(id) => self.anchors.get(&id).and_then(|a| a.tree.as_str()).map(ToOwned::to_owned),
            event => {
                let rest = self.source.get(start..).unwrap_or_default();
                let template =
                    rest.starts_with('{') && self.source.get(..start).is_some_and(|s| s.ends_with('{'));
                if template {
                    self.template(start - 1);
                } else {
                    self.error("complex-key", start, 1, "a key must be text, not a list or an object", "");
                    self.refused = true;
                }
                // Whatever the key holds is neither shown nor kept.
                self.skip(event, depth)?;
                return Ok((None, offset));
            }
        };
        if alias.is_none() {
            self.error("complex-key", start, 1, "a key must be text, and this alias stands for none", "");
            self.refused = true;
        }
        Ok((alias.map(|text| self.names.intern(&text)), offset))
    }

    /// Reads past a value.
    fn skip(&mut self, event: Event<'t>, depth: usize) -> Result<(), Stop> {
        let mut open = depth;
        let mut event = event;
        loop {
            match event {
                Event::SequenceStart(..) | Event::MappingStart(..) => open += 1,
                Event::SequenceEnd | Event::MappingEnd => open -= 1,
                _ => {}
            }
            if open == depth {
                return Ok(());
            }
            event = self.next()?.0;
        }
    }

    fn template(&mut self, start: usize) {
        let rest = self.source.get(start..).unwrap_or_default();
        let length = placeholder(rest).unwrap_or(2);
        let message = "this looks like an unrendered template; render it first";
        self.error("unrendered-template", start, length, message, "");
        self.refused = true;
    }

    fn alias(&mut self, id: usize, start: usize, length: usize, key: u32) -> Result<Tree, Stop> {
        let Some(anchored) = self.anchors.get(&id) else {
            let message = "this alias stands inside what it stands for";
            self.error("recursive-alias", start, length, message, "write the value out");
            self.refused = true;
            self.marks.push(start, key, length);
            return Ok(Tree::Null);
        };
        let weight = anchored.weight;
        self.spend(weight, start)?;
        let Some(anchored) = self.anchors.get(&id) else {
            return Err(Stop);
        };
        let scalar = anchored.marks.len() == 1 && !matches!(anchored.tree, Tree::List(_) | Tree::Map(_));
        let length = if scalar { length } else { anchored.marks.len() };
        let tree = anchored.tree.clone();
        self.marks.repeat(&anchored.marks, start, key, length);
        Ok(tree)
    }

    fn spend(&mut self, weight: usize, start: usize) -> Result<(), Stop> {
        self.copied = self.copied.saturating_add(weight);
        if self.copied > MOST_COPIED {
            let message = "the aliases up to here stand for more than 64 MiB of values; the rest is not read";
            self.error("too-many-aliases", start, 1, message, "write the values out, or use fewer aliases");
            return Err(Stop);
        }
        Ok(())
    }

    /// Takes the members of what a merge key holds: a map, or a list of maps of which the first that has
    /// a member gives it. `start` is the index of the value's first mark.
    fn merge(&mut self, value: Tree, start: usize, key: u32, merged: &mut Vec<Entry>) {
        let maps = match value {
            Tree::List(items) => {
                let mut at = start + 1;
                let mut maps = Vec::with_capacity(items.len());
                for item in items {
                    let size = self.marks.get(at).map_or(0, |m| size(m, &item));
                    maps.push((item, at));
                    at += size;
                }
                maps
            }
            value => vec![(value, start)],
        };
        for (value, start) in maps {
            let Tree::Map(map) = value else {
                let message = "a merge key takes a map or a list of maps";
                self.error("merge-key", key as usize, 2, message, "");
                continue;
            };
            let mut at = start + 1;
            for (name, value) in map {
                let size = self.marks.get(at).map_or(0, |m| size(m, &value));
                merged.push(Entry { name, value, start: at });
                at += size;
            }
        }
    }
}

/// The memory that a copy of a tree takes, about.
fn weight(tree: &Tree) -> usize {
    let below: usize = match tree {
        Tree::Str(text) => text.len(),
        Tree::List(items) => items.iter().map(weight).sum(),
        Tree::Map(map) => map.iter().map(|(_, value)| 16 + weight(value)).sum(),
        _ => 0,
    };
    size_of::<Tree>() + size_of::<Mark>() + below
}

/// Turns the parser's lines and columns into offsets. Questions mostly go forward, so it goes on from the
/// last answer.
struct Cursor<'t> {
    source: &'t str,
    /// Where each line begins.
    lines: Vec<u32>,
    line: usize,
    column: usize,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn new(text: &'t Text) -> Self {
        let bytes = text.source().as_bytes();
        let mut lines = vec![u32::try_from(text.content()).unwrap_or(0)];
        lines.extend(
            bytes
                .iter()
                .enumerate()
                .filter(|&(at, &byte)| byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')))
                .filter_map(|(at, _)| u32::try_from(at + 1).ok()),
        );
        Cursor { source: text.source(), lines, line: 0, column: 0, at: text.content() }
    }

    fn offset(&mut self, marker: Marker) -> usize {
        let line = marker.line().saturating_sub(1);
        if line != self.line || marker.col() < self.column {
            self.line = line;
            self.column = 0;
            self.at = self.lines.get(line).map_or(self.source.len(), |at| *at as usize);
        }
        let rest = self.source.get(self.at..).unwrap_or_default();
        let ahead = marker.col() - self.column;
        self.at += rest.char_indices().nth(ahead).map_or(rest.len(), |(at, _)| at);
        self.column = marker.col();
        self.at
    }
}
