//! Lists without an order: what tells their elements apart.

use std::fmt::Write;

use evenkeel_model::Tree;

use crate::rules::{Form, Node, NodeDefault};
use crate::value::{Const, Scalar, Value, alike};

/// The elements of one side of a set.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a> {
    pub(crate) element: &'a Node,
    pub(crate) keys: &'static [&'static str],
    pub(crate) items: &'a [Tree],
}

/// A key member of an element, with its default where it is absent.
fn part<'a>(element: &Node, item: &'a Tree, key: &str) -> Option<Scalar<'a>> {
    // Most keys are texts that are there.
    if let Some(Tree::Str(text)) = item.get(key)
        && !text.is_empty()
    {
        return Some(Scalar::Str(text));
    }
    let (node, value) = key.split('/').fold((Some(element), Some(item)), |(node, tree), segment| {
        (node.and_then(|n| n.child(segment)), tree.and_then(|t| t.get(segment)))
    });
    let empty = node.is_some_and(|n| n.empty_is_absent);
    let own = value.and_then(Scalar::of).filter(|s| !(empty && s.text() == Some("")));
    own.or_else(|| match node?.default {
        // A switch that is off tells nothing apart.
        NodeDefault::Const(Const::Bool(_)) => None,
        NodeDefault::Const(constant) => Value::Const(constant).scalar(),
        _ => None,
    })
}

impl<'a> Elements<'a> {
    /// True where the two elements have one key.
    pub(crate) fn same_key(&self, index: usize, other: &Elements<'_>, at: usize) -> bool {
        let (Some(a), Some(b)) = (self.items.get(index), other.items.get(at)) else {
            return false;
        };
        if self.keys.is_empty() {
            return match (Scalar::of(a), Scalar::of(b)) {
                (Some(a), Some(b)) => a.same(b),
                _ => alike(a, b),
            };
        }
        self.keys.iter().all(|key| match (part(self.element, a, key), part(self.element, b, key)) {
            (Some(a), Some(b)) => a.same(b),
            (a, b) => a.is_none() && b.is_none(),
        })
    }

    /// The first of what makes up an element's key; for a word, the word.
    fn first_part(&self, item: &'a Tree) -> Option<Scalar<'a>> {
        match self.keys.first() {
            Some(key) => part(self.element, item, key),
            None => Scalar::of(item),
        }
    }

    /// True where an element's key is no more than its first part.
    fn one_part(&self, index: usize) -> bool {
        match self.keys {
            [] => self.items.get(index).is_some_and(|item| Scalar::of(item).is_some()),
            keys => keys.len() == 1,
        }
    }

    /// True where two elements have one key.
    pub(crate) fn has_twins(&self) -> bool {
        if self.items.len() > 64 {
            let mut keys: Vec<String> = (0..self.items.len()).map(|i| self.key(i)).collect();
            keys.sort_unstable();
            return !keys.is_sorted_by(|a, b| a < b);
        }
        (0..self.items.len()).any(|i| (0..i).any(|j| self.same_key(i, self, j)))
    }

    /// The key of an element, as text.
    pub(crate) fn key(&self, index: usize) -> String {
        let mut out = String::new();
        let Some(item) = self.items.get(index) else {
            return out;
        };
        if self.keys.is_empty() {
            match Scalar::of(item) {
                Some(scalar) => scalar.push_to(&mut out),
                None => out = item.to_json(),
            }
            return out;
        }
        for part in self.keys.iter().filter_map(|key| part(self.element, item, key)) {
            if !out.is_empty() {
                out.push(':');
            }
            part.push_to(&mut out);
        }
        out
    }

    /// How many of these read as this key.
    pub(crate) fn count(&self, key: &str) -> usize {
        (0..self.items.len()).filter(|i| self.key(*i) == key).count()
    }

    /// The key of an element, with a number where others before it read the same. `before` is how many do;
    /// without it they are counted here.
    pub(crate) fn name(&self, index: usize, before: Option<usize>) -> String {
        let mut name = self.key(index);
        let before = before.unwrap_or_else(|| (0..index).filter(|i| self.key(*i) == name).count());
        if before > 0 {
            let _ = write!(name, "#{}", before + 1);
        }
        name
    }

    /// The element of this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        (0..self.items.len()).find(|i| self.name(*i, None) == name)
    }

    /// The elements in an order that does not depend on theirs.
    pub(crate) fn sorted(&self) -> Vec<&'a Tree> {
        let mut all: Vec<(String, String, &Tree)> =
            self.items.iter().enumerate().map(|(i, t)| (self.key(i), t.to_json(), t)).collect();
        all.sort_by(|(a, x, _), (b, y, _)| a.cmp(b).then_with(|| x.cmp(y)));
        all.into_iter().map(|(_, _, t)| t).collect()
    }
}

impl Node {
    /// The elements of a list that has no order.
    pub(crate) fn elements<'a>(&'a self, items: &'a [Tree]) -> Option<Elements<'a>> {
        match &self.form {
            Form::List(element) => self.set.map(|keys| Elements { element, keys, items }),
            _ => None,
        }
    }
}

/// Marks on indexes: no allocation for the first 64, which is more than most lists have.
#[derive(Default)]
pub(crate) struct Marks {
    first: u64,
    more: Vec<u64>,
}

impl Marks {
    pub(crate) fn has(&self, index: usize) -> bool {
        let word = match index / 64 {
            0 => self.first,
            n => self.more.get(n - 1).copied().unwrap_or(0),
        };
        word >> (index % 64) & 1 == 1
    }

    pub(crate) fn any(&self) -> bool {
        self.first != 0 || self.more.iter().any(|w| *w != 0)
    }

    pub(crate) fn set(&mut self, index: usize) {
        let bit = 1 << (index % 64);
        match index / 64 {
            0 => self.first |= bit,
            n => {
                if self.more.len() < n {
                    self.more.resize(n, 0);
                }
                if let Some(word) = self.more.get_mut(n - 1) {
                    *word |= bit;
                }
            }
        }
    }
}

/// True where each element has its equal on the other side, in whatever order: then nothing differs, and it takes
/// neither keys nor tables to tell. Long lists are looked at in order only.
pub(crate) fn same_elements(one: &[Tree], other: &[Tree]) -> bool {
    if one.len() != other.len() || one.len() > SHORT {
        return one == other;
    }
    // Those of the other side with their numbers, of which `from..to` are left. An order that is kept or reversed
    // is found out at the ends.
    let mut others = [(0, 0); SHORT];
    for (at, (slot, item)) in others.iter_mut().zip(other).enumerate() {
        *slot = (tree_print(item), at);
    }
    let (mut from, mut to) = (0, other.len());
    for item in one {
        let own = tree_print(item);
        let equal = |place: usize| {
            others.get(place).is_some_and(|(print, at)| *print == own && other.get(*at) == Some(item))
        };
        if equal(from) {
            from += 1;
        } else if equal(to - 1) {
            to -= 1;
        } else {
            let Some(found) = (from..to).find(|place| equal(*place)) else { return false };
            others.swap(from, found);
            from += 1;
        }
    }
    true
}

/// A number that equal trees have in common, from what stands at their top.
fn tree_print(tree: &Tree) -> u64 {
    match tree {
        Tree::Str(text) => print(text.as_bytes()),
        Tree::Int(n) => n.cast_unsigned(),
        Tree::Map(map) => map.iter().fold(0, |all, (_, value)| {
            let own = match value {
                Tree::Str(text) => print(text.as_bytes()),
                Tree::Int(n) => n.cast_unsigned(),
                _ => 0,
            };
            all.rotate_left(7) ^ own
        }),
        _ => 0,
    }
}

/// Finds elements by key: by looking at each of a short list, in an index of a long one.
#[allow(
    clippy::large_enum_variant,
    reason = "lives on the stack for one pairing; a box would cost the allocation it saves"
)]
pub(crate) enum Finder<'a> {
    /// The first part of each key, looked up once.
    Short {
        parts: [Part<'a>; SHORT],
    },
    Long(Vec<(String, usize)>),
}

/// A part of a key, with a number that two texts have in common where they are equal.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part<'a> {
    scalar: Option<Scalar<'a>>,
    /// Zero for what is no text: a number can be equal to a text.
    print: u64,
}

impl<'a> Part<'a> {
    fn of(scalar: Option<Scalar<'a>>) -> Self {
        let print = match scalar {
            Some(Scalar::Str(text)) => print(text.as_bytes()),
            _ => 0,
        };
        Part { scalar, print }
    }

    fn same(&self, other: &Part<'_>) -> bool {
        if self.print != other.print && self.print != 0 && other.print != 0 {
            return false;
        }
        match (self.scalar, other.scalar) {
            (Some(a), Some(b)) => a.same(b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

/// Of the first bytes, the last and the length, which most texts of one list do not have in common.
fn print(text: &[u8]) -> u64 {
    let (head, tail) = match (text.first_chunk(), text.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (text.iter().fold(0, |all, byte| all << 8 | u64::from(*byte)), 0),
    };
    (head ^ tail.rotate_left(23) ^ text.len() as u64) | 1 << 63
}

/// Most lists have no more elements.
const SHORT: usize = 64;

impl<'a> Finder<'a> {
    /// In these elements.
    pub(crate) fn of(elements: &Elements<'a>) -> Finder<'a> {
        if elements.items.len() <= SHORT {
            let mut parts = [Part::default(); SHORT];
            for (part, item) in parts.iter_mut().zip(elements.items) {
                *part = Part::of(elements.first_part(item));
            }
            return Finder::Short { parts };
        }
        let mut index: Vec<(String, usize)> =
            (0..elements.items.len()).map(|i| (elements.key(i), i)).collect();
        index.sort();
        Finder::Long(index)
    }

    /// The elements of `all` with the key of an element of `of`.
    pub(crate) fn each<'f>(
        &'f self,
        of: &Elements<'f>,
        index: usize,
        all: &Elements<'f>,
    ) -> impl Iterator<Item = usize> + use<'f, 'a> {
        let (of, all) = (*of, *all);
        let (short, long) = match self {
            Finder::Short { parts } => (parts.get(..all.items.len()).unwrap_or_default(), [].iter()),
            Finder::Long(sorted) => {
                let key = of.key(index);
                let start = sorted.partition_point(|(k, _)| *k < key);
                let end = sorted.partition_point(|(k, _)| *k <= key);
                ([].as_slice(), sorted.get(start..end).unwrap_or_default().iter())
            }
        };
        let first = Part::of(of.items.get(index).and_then(|item| of.first_part(item)));
        short
            .iter()
            .enumerate()
            .filter(move |(_, part)| first.same(part))
            .map(|(at, _)| at)
            .filter(move |at| of.one_part(index) || of.same_key(index, &all, *at))
            .chain(long.map(|(_, at)| *at))
    }
}
