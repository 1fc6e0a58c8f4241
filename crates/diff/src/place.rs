//! Puts values where a [`Path`] of the comparison points, and brings sets into one order.

use evenkeel_model::{Path, Tree};

use crate::kind::Kind;
use crate::rules::{Form, Node, UNKNOWN, compiled};

/// Puts `value` at `path`, in the paths of [`crate::compare`]; `None` takes out what is there. Blocks on
/// the way are made where they are missing; an element of a set whose key is not there is added.
pub fn put(kind: Kind, tree: &mut Tree, path: &Path, value: Option<Tree>) {
    let segments: Vec<&str> = path.segments().collect();
    put_below(compiled(kind), tree, &segments, value);
}

fn put_below(node: &Node, tree: &mut Tree, path: &[&str], value: Option<Tree>) {
    let [segment, rest @ ..] = path else {
        *tree = value.unwrap_or_default();
        return;
    };
    let child = node.child(segment).unwrap_or(&UNKNOWN);
    if matches!(node.form, Form::List(_)) && matches!(tree, Tree::Null) {
        *tree = Tree::list([]);
    }
    if let Tree::List(items) = tree {
        let at = match node.elements(items) {
            Some(elements) => elements.find(segment),
            None => segment.parse().ok().filter(|i: &usize| *i < items.len()),
        };
        let mut list = std::mem::take(items).into_vec();
        match (at, rest.is_empty(), value) {
            (Some(at), true, Some(value)) => list[at] = value,
            (Some(at), true, None) => {
                list.remove(at);
            }
            (Some(at), false, value) => put_below(node.element(), &mut list[at], rest, value),
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

/// True where `tree` says nothing about the field at `path`. What is missing from a list or map that it has is
/// meant to be missing.
pub fn is_undeclared(kind: Kind, tree: &Tree, path: &Path) -> bool {
    let mut node = compiled(kind);
    let mut tree = tree;
    for segment in path.segments() {
        let found = match (&node.form, tree) {
            (Form::Structure { .. } | Form::Unknown, Tree::Map(map)) => match map.get(segment) {
                None | Some(Tree::Null) => return true,
                found => found,
            },
            (Form::List(_), Tree::List(items)) => {
                let at = match node.elements(items) {
                    Some(elements) => elements.find(segment),
                    None => segment.parse().ok(),
                };
                at.and_then(|at: usize| items.get(at))
            }
            _ => None,
        };
        let Some(found) = found else { return false };
        tree = found;
        node = node.child(segment).unwrap_or(&UNKNOWN);
    }
    *tree == Tree::Null
}

/// The tree with the elements of its sets in one order: two trees that differ in that order only become
/// equal.
pub fn ordered(kind: Kind, tree: &Tree) -> Tree {
    fn descend(node: &Node, tree: &Tree) -> Tree {
        match tree {
            Tree::Map(map) => Tree::Map(
                map.iter()
                    .map(|(name, value)| (name.clone(), descend(node.child(name).unwrap_or(&UNKNOWN), value)))
                    .collect(),
            ),
            Tree::List(items) => {
                let items: Vec<Tree> = items.iter().map(|item| descend(node.element(), item)).collect();
                match node.elements(&items) {
                    Some(elements) => Tree::list(elements.sorted().into_iter().cloned()),
                    None => Tree::from(items),
                }
            }
            scalar => scalar.clone(),
        }
    }
    descend(compiled(kind), tree)
}
