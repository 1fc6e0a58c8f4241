//! Puts values where a [`Path`] of the comparison points, and brings sets into one order.

use evenkeel_model::{Path, Tree};

use crate::compare::keyed;
use crate::rules::{Kind, Node, Rule, compiled};

fn set_of(node: &Node) -> Option<&'static [&'static str]> {
    node.rules.iter().find_map(|rule| match rule {
        Rule::Set(keys) => Some(*keys),
        _ => None,
    })
}

/// Puts `value` at `path`, in the paths of [`crate::compare`]; `None` takes out what is there. Blocks on
/// the way are made where they are missing; an element of a set whose key is not there is added.
pub fn put(kind: Kind, tree: &mut Tree, path: &Path, value: Option<Tree>) {
    let segments: Vec<&str> = path.segments().collect();
    put_below(compiled(kind), tree, &segments, value);
}

fn put_below(node: &Node, tree: &mut Tree, path: &[&str], value: Option<Tree>) {
    static NO_RULES: Node = Node::empty();
    let [segment, rest @ ..] = path else {
        *tree = value.unwrap_or_default();
        return;
    };
    let child = node.child(segment).unwrap_or(&NO_RULES);
    if set_of(node).is_some() && matches!(tree, Tree::Null) {
        *tree = Tree::list([]);
    }
    if let Tree::List(items) = tree {
        let element = node.child("*").unwrap_or(&NO_RULES);
        let at = match set_of(node) {
            Some(keys) => keyed(element, keys, items)
                .get(*segment)
                .and_then(|found| items.iter().position(|item| std::ptr::eq(item, *found))),
            None => segment.parse().ok().filter(|i: &usize| *i < items.len()),
        };
        let mut list = std::mem::take(items).into_vec();
        match (at, rest.is_empty(), value) {
            (Some(at), true, Some(value)) => list[at] = value,
            (Some(at), true, None) => {
                list.remove(at);
            }
            (Some(at), false, value) => put_below(element, &mut list[at], rest, value),
            (None, true, Some(value)) => list.push(value),
            (None, _, _) => {}
        }
        *items = list.into();
        return;
    }
    if rest.is_empty() {
        match value {
            Some(value) => tree.set(*segment, value),
            None => {
                tree.take(segment);
            }
        }
        return;
    }
    let mut below = tree.get(segment).cloned().unwrap_or_default();
    put_below(child, &mut below, rest, value);
    tree.set(*segment, below);
}

/// The tree with the elements of its sets in one order: two trees that differ in that order only become
/// equal.
pub fn ordered(kind: Kind, tree: &Tree) -> Tree {
    fn descend(node: &Node, tree: &Tree) -> Tree {
        static NO_RULES: Node = Node::empty();
        match tree {
            Tree::Map(map) => Tree::Map(
                map.iter()
                    .map(|(name, value)| {
                        (name.clone(), descend(node.child(name).unwrap_or(&NO_RULES), value))
                    })
                    .collect(),
            ),
            Tree::List(items) => {
                let element = node.child("*").unwrap_or(&NO_RULES);
                let items: Vec<Tree> = items.iter().map(|item| descend(element, item)).collect();
                match set_of(node) {
                    Some(keys) => Tree::list(keyed(element, keys, &items).into_values().cloned()),
                    None => Tree::from(items),
                }
            }
            scalar => scalar.clone(),
        }
    }
    descend(compiled(kind), tree)
}
