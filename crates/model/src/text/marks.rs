//! Where each value of a tree stood in its text.

use std::collections::BTreeMap;

use super::Text;
use super::literal::key_length;
use crate::diagnostic::{Diagnostic, Position};
use crate::{Path, Tree};

/// Of one value: 12 bytes, because documents reach 64 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Where the value begins, in bytes.
    pub offset: u32,
    /// Where its key begins; [`NO_KEY`] for an element of a list and for the root.
    pub key: u32,
    /// Of a map or list: how many marks it takes, its own included. Of a scalar: its length in bytes.
    pub extent: u32,
}

/// The key offset of what has no key.
pub(super) const NO_KEY: u32 = u32::MAX;

/// How many marks the value `tree` takes, of which `mark` is the first.
pub(super) fn size(mark: &Mark, tree: &Tree) -> usize {
    match tree {
        Tree::List(_) | Tree::Map(_) => mark.extent as usize,
        _ => 1,
    }
}

/// The positions of the values of one tree, in the order of that tree (maps sorted by name), and the
/// text they point into.
#[derive(Debug)]
pub struct Marks {
    text: Text,
    nodes: Box<[Mark]>,
}

/// Members that tell the elements of a list apart when the list is a set, the most telling first.
const SET_KEYS: [&str; 20] = [
    "name",
    "key",
    "containerName",
    "containerPath",
    "sourceContainer",
    "capacityProvider",
    "hostname",
    "namespace",
    "containerPort",
    "hostPort",
    "sourceVolume",
    "targetGroupArn",
    "certificateArn",
    "volumeName",
    "policyName",
    "scheduledActionName",
    "field",
    "registryArn",
    "type",
    "id",
];

impl Marks {
    pub(super) fn new(text: Text, nodes: Vec<Mark>) -> Self {
        Marks { text, nodes: nodes.into() }
    }

    /// The text that was read.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Where the value at `path` stands, or its key where `key` is set and it has one.
    ///
    /// `tree` is the tree these marks were made with; for any other tree the answer means nothing. A
    /// segment of `path` is a member's name (with either case of its first letter), an index of a list,
    /// or what tells an element of a list from the others (its name, key, container, port and so on).
    /// Where there is nothing at `path`, the answer is the nearest value around it: its key if it has one,
    /// or else where it begins.
    pub fn locate(&self, tree: &Tree, path: &Path, key: bool) -> Option<Position> {
        self.places(tree).locate(path, key)
    }

    /// For looking up many places of `tree`, the tree these marks were made with.
    pub fn places<'p>(&'p self, tree: &'p Tree) -> Places<'p> {
        Places { marks: self, tree, children: BTreeMap::new() }
    }

    /// Gives every finding without a position the one of its path.
    pub fn place(&self, tree: &Tree, diagnostics: &mut [Diagnostic]) {
        let mut places = self.places(tree);
        for diagnostic in diagnostics.iter_mut().filter(|d| d.at.is_none()) {
            diagnostic.at = places.locate(&diagnostic.path, diagnostic.key);
        }
    }

    /// How long the key is that begins at `offset`.
    fn key_length(&self, offset: u32) -> u32 {
        let rest = self.text.source().get(offset as usize..).unwrap_or_default();
        u32::try_from(key_length(rest)).unwrap_or(1)
    }

    /// How long the beginning of a map or list is: a bracket or dash, or else the first key.
    fn opening_length(&self, offset: u32) -> u32 {
        match self.text.source().as_bytes().get(offset as usize) {
            None | Some(b'{' | b'[' | b'-' | b'*') => 1,
            Some(_) => self.key_length(offset),
        }
    }
}

/// Look-ups in one tree. Where the children of a large map or list stand is counted once.
#[derive(Debug)]
pub struct Places<'p> {
    marks: &'p Marks,
    tree: &'p Tree,
    /// By the mark of a map or list: the marks of its children.
    children: BTreeMap<usize, Box<[u32]>>,
}

/// With fewer children counting is as cheap as remembering.
const MANY: usize = 16;

impl<'p> Places<'p> {
    /// As [`Marks::locate`].
    pub fn locate(&mut self, path: &Path, key: bool) -> Option<Position> {
        let mut here = (self.tree, 0_usize);
        let mut missing = false;
        for segment in path.segments() {
            match self.child(here.0, here.1, segment) {
                Some(found) => here = found,
                None => {
                    missing = true;
                    break;
                }
            }
        }
        let (tree, at) = here;
        let marks = self.marks;
        let mark = marks.nodes.get(at)?;
        if (key || missing) && mark.key != NO_KEY {
            return Some(marks.text.position(mark.key, marks.key_length(mark.key)));
        }
        let length = match tree {
            Tree::List(_) | Tree::Map(_) => marks.opening_length(mark.offset),
            _ => mark.extent,
        };
        Some(marks.text.position(mark.offset, length))
    }

    /// The value that `segment` names below `tree`, whose mark is at `at`.
    fn child(&mut self, tree: &'p Tree, at: usize, segment: &str) -> Option<(&'p Tree, usize)> {
        match tree {
            Tree::Map(map) => {
                let (index, value) = map.place(segment).or_else(|| map.place(&other_case(segment)?))?;
                Some((value, self.nth(map.len(), &mut map.iter().map(|(_, v)| v), at, index)?))
            }
            Tree::List(items) => {
                let by_key =
                    || SET_KEYS.iter().find_map(|k| items.iter().position(|i| is_keyed(i, k, segment)));
                let index = segment
                    .parse::<usize>()
                    .ok()
                    .filter(|i| *i < items.len())
                    .or_else(by_key)
                    .or_else(|| items.iter().position(|i| is_text(i, segment)))?;
                Some((items.get(index)?, self.nth(items.len(), &mut items.iter(), at, index)?))
            }
            _ => None,
        }
    }

    /// The mark of the child at `index` of the map or list whose mark is at `parent`.
    fn nth(
        &mut self,
        count: usize,
        children: &mut dyn Iterator<Item = &'p Tree>,
        parent: usize,
        index: usize,
    ) -> Option<usize> {
        let nodes = &self.marks.nodes;
        let mut at = parent + 1;
        if count < MANY {
            for child in children.take(index) {
                at += size(nodes.get(at)?, child);
            }
            return Some(at);
        }
        let marks = self.children.entry(parent).or_insert_with(|| {
            let mut marks = Vec::with_capacity(count);
            for child in children {
                marks.push(at as u32);
                at += nodes.get(at).map_or(1, |mark| size(mark, child));
            }
            marks.into()
        });
        marks.get(index).map(|at| *at as usize)
    }
}

/// A name with the other case of its first letter; `None` where that has none.
fn other_case(name: &str) -> Option<String> {
    let mut rest = name.chars();
    let first = rest.next().filter(char::is_ascii_alphabetic)?;
    let other =
        if first.is_ascii_lowercase() { first.to_ascii_uppercase() } else { first.to_ascii_lowercase() };
    Some(format!("{other}{}", rest.as_str()))
}

fn is_keyed(item: &Tree, key: &str, segment: &str) -> bool {
    let member = item.get(key).or_else(|| item.get(&other_case(key)?));
    member.is_some_and(|m| is_text(m, segment))
}

fn is_text(value: &Tree, segment: &str) -> bool {
    match value {
        Tree::Str(text) => **text == *segment,
        Tree::Int(n) => segment.parse() == Ok(*n),
        _ => false,
    }
}
