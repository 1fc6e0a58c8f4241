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

    /// How many of these have the key of an element of `other`.
    pub(crate) fn count_key(&self, other: &Elements<'_>, at: usize) -> usize {
        (0..self.items.len()).filter(|i| self.same_key(*i, other, at)).count()
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

    /// The key with a number where others before it have the same, `before` of them not in this list.
    pub(crate) fn name(&self, index: usize, before: usize) -> String {
        let mut name = self.key(index);
        let number = before + (0..=index).filter(|i| self.same_key(*i, self, index)).count();
        if number > 1 {
            let _ = write!(name, "#{number}");
        }
        name
    }

    /// The element of this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        (0..self.items.len()).find(|i| self.name(*i, 0) == name)
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

/// Finds elements by key: by looking at each of a short list, in an index of a long one.
pub(crate) enum Finder {
    Short,
    Long(Vec<(String, usize)>),
}

impl Finder {
    /// For so many searches in these elements.
    pub(crate) fn of(elements: &Elements<'_>, searches: usize) -> Finder {
        if elements.items.len().saturating_mul(searches) <= 64 * 64 {
            return Finder::Short;
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
    ) -> impl Iterator<Item = usize> + use<'f> {
        let (of, all) = (*of, *all);
        let (short, long) = match self {
            Finder::Short => (0..all.items.len(), [].iter()),
            Finder::Long(sorted) => {
                let key = of.key(index);
                let start = sorted.partition_point(|(k, _)| *k < key);
                let end = sorted.partition_point(|(k, _)| *k <= key);
                (0..0, sorted.get(start..end).unwrap_or_default().iter())
            }
        };
        // Neighbours first: most lists keep most of their order.
        let start = index.min(short.end);
        let short = (start..short.end).chain(0..start);
        short.filter(move |at| of.same_key(index, &all, *at)).chain(long.map(|(_, at)| *at))
    }
}
