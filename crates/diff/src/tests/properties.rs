//! Over shapes grown at random, until every member of every kind's shape was there.

use std::collections::BTreeSet;

use evenkeel_model::shapes::ShapeId;

use super::*;
use crate::{defaults, ordered, rules};

/// A tape of choices: the same for the same seed.
struct Tape(u64);

impl Iterator for Tape {
    type Item = u32;
    fn next(&mut self) -> Option<u32> {
        // A linear congruence is chance enough for choosing members.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some((self.0 >> 33) as u32)
    }
}

fn grown(kind: Kind, seed: u64) -> Tree {
    lift::declared(kind, shapes::grow(kind.shape(), &mut Tape(seed).take(4000)))
}

/// A tree in which every member of the shape stands, once.
fn whole(shape: ShapeId, seed: u64) -> Tree {
    match shape.kind() {
        shapes::Kind::Structure { members, .. } => {
            Tree::of(members.iter().map(|m| (m.name, whole(m.shape, seed ^ 1))))
        }
        shapes::Kind::List { item, .. } => Tree::list([whole(item, seed)]),
        _ => shapes::grow(shape, &mut Tape(seed).skip(1)),
    }
}

fn members(shape: ShapeId, at: &str, out: &mut BTreeSet<String>) {
    match shape.kind() {
        shapes::Kind::Structure { members: all, .. } => {
            for member in all {
                let at = format!("{at}/{}", member.name);
                members(member.shape, &at, out);
                out.insert(at);
            }
        }
        shapes::Kind::List { item, .. } => members(item, &format!("{at}/*"), out),
        _ => {}
    }
}

fn reached(tree: &Tree, shape: ShapeId, at: &str, out: &mut BTreeSet<String>) {
    match (shape.kind(), tree) {
        (shapes::Kind::Structure { .. }, Tree::Map(map)) => {
            for (name, value) in map.iter() {
                let Some(member) = shape.member(name) else { continue };
                let at = format!("{at}/{name}");
                reached(value, member.shape, &at, out);
                out.insert(at);
            }
        }
        (shapes::Kind::List { item, .. }, Tree::List(items)) => {
            items.iter().for_each(|v| reached(v, item, &format!("{at}/*"), out));
        }
        _ => {}
    }
}

/// The tree with all its sets reversed: those that the table calls sets, along the same paths.
fn reversed(kind: Kind, tree: &Tree, path: &mut Path) -> Tree {
    match tree {
        Tree::Map(map) => Tree::of(map.iter().map(|(name, value)| {
            path.push(name);
            let value = reversed(kind, value, path);
            path.pop();
            (name.clone(), value)
        })),
        Tree::List(items) => {
            let set = rules::set_keys(kind, path).is_some();
            path.push("*");
            let mut items: Vec<Tree> = items.iter().map(|item| reversed(kind, item, path)).collect();
            path.pop();
            if set {
                items.reverse();
            }
            Tree::from(items)
        }
        scalar => scalar.clone(),
    }
}

type Comparison = fn(Kind, &Tree, &Tree) -> Vec<crate::FieldDiff>;

const SEEDS: u64 = 150;

/// The trees that the properties are tried on, which reach every member of the kind's shape.
fn trees(kind: Kind) -> Vec<Tree> {
    let mut trees: Vec<Tree> = (0..SEEDS).map(|seed| grown(kind, seed)).collect();
    trees.extend((0..4).map(|seed| whole(kind.shape(), seed)));
    trees
}

/// The first property that does not hold, in words.
fn same_as_itself(compare: Comparison) -> Option<String> {
    for kind in Kind::ALL {
        for tree in trees(kind) {
            let turned = reversed(kind, &tree, &mut Path::root());
            let filled = defaults(kind, &tree);
            for (what, want, live) in [
                ("itself", &tree, &tree),
                ("itself with its sets reversed", &tree, &turned),
                ("itself with defaults filled in", &tree, &filled),
                ("itself, of which it is the filled form", &filled, &tree),
            ] {
                let found = compare(kind, want, live);
                if !found.is_empty() {
                    return Some(format!("{kind:?} differs from {what}: {found:?}\n{}", tree.to_json()));
                }
            }
        }
    }
    None
}

/// Every leaf of trees in which every member stands is changed: it must be found, unless a row says that
/// nobody looks. Counts the leaves.
fn changes_are_found(compare: Comparison) -> Result<usize, String> {
    let mut count = 0;
    for kind in Kind::ALL {
        for seed in 0..4 {
            let tree = whole(kind.shape(), seed);
            let mut failed = None;
            each_leaf(&tree, kind.shape(), &mut Vec::new(), &mut |steps, other| {
                count += 1;
                let changed = replaced(&tree, steps, other);
                if compare(kind, &tree, &changed).is_empty() && !nobody_looks(kind, &tree, &changed, steps) {
                    failed.get_or_insert(format!("{kind:?}: a change of {} is missed", steps.join("/")));
                }
            });
            if let Some(failed) = failed {
                return Err(failed);
            }
        }
    }
    Ok(count)
}

fn each_leaf(tree: &Tree, shape: ShapeId, at: &mut Vec<String>, found: &mut dyn FnMut(&[String], Tree)) {
    match (shape.kind(), tree) {
        (shapes::Kind::Structure { .. }, Tree::Map(map)) => {
            for (name, value) in map.iter() {
                let Some(member) = shape.member(name) else { continue };
                at.push(name.to_string());
                each_leaf(value, member.shape, at, found);
                at.pop();
            }
        }
        (shapes::Kind::List { item, .. }, Tree::List(items)) => {
            for (i, value) in items.iter().enumerate() {
                at.push(i.to_string());
                each_leaf(value, item, at, found);
                at.pop();
            }
        }
        (shapes::Kind::String { enums, .. }, Tree::Str(text)) => {
            let other = enums.iter().find(|e| ***e != **text).map_or("another value", |e| e);
            found(at, Tree::from(other));
        }
        (_, Tree::Bool(b)) => found(at, Tree::Bool(!b)),
        (_, Tree::Int(n)) => found(at, Tree::Int(n + 1)),
        (_, Tree::Num(n)) => found(at, Tree::Num(n + 1.0)),
        (shapes::Kind::Map { .. } | shapes::Kind::Document, _) => {
            found(at, Tree::map().with("another", "value"));
        }
        _ => {}
    }
}

fn replaced(tree: &Tree, steps: &[String], value: Tree) -> Tree {
    let Some((first, rest)) = steps.split_first() else { return value };
    match tree {
        Tree::List(items) => Tree::list(items.iter().enumerate().map(|(i, v)| {
            if i.to_string() == *first { replaced(v, rest, value.clone()) } else { v.clone() }
        })),
        _ => {
            let below = tree.get(first).cloned().unwrap_or_default();
            tree.clone().with(first.as_str(), replaced(&below, rest, value))
        }
    }
}

/// What the rows say, read by themselves.
fn nobody_looks(kind: Kind, want: &Tree, live: &Tree, steps: &[String]) -> bool {
    use crate::Whole;
    use crate::rules::Rule;
    let pattern: Vec<&str> =
        steps.iter().map(|s| if s.parse::<usize>().is_ok() { "*" } else { s.as_str() }).collect();
    kind.rows().iter().any(|row| {
        let path: Vec<&str> = row.path.split('/').collect();
        let above = path.len() <= pattern.len() && path.iter().zip(&pattern).all(|(a, b)| a == b);
        above
            && match row.rule {
                Rule::Elsewhere => true,
                Rule::FreeWhen(free, _) => free(&Whole::declared(want), &Whole::declared(live)),
                _ => false,
            }
    })
}

#[test]
fn the_trees_reach_every_member_of_every_shape() {
    let mut count = 0;
    for kind in Kind::ALL {
        let (mut all, mut seen) = (BTreeSet::new(), BTreeSet::new());
        members(kind.shape(), "", &mut all);
        trees(kind).iter().for_each(|tree| reached(tree, kind.shape(), "", &mut seen));
        let missed: Vec<_> = all.difference(&seen).collect();
        assert!(missed.is_empty(), "{kind:?}: {missed:?}");
        count += all.len();
    }
    println!("{count} members");
}

#[test]
fn nothing_differs_from_itself_filled_in_or_reordered() {
    assert_eq!(same_as_itself(compare), None);
}

#[test]
fn sets_have_one_order() {
    for kind in Kind::ALL {
        for tree in trees(kind) {
            let turned = reversed(kind, &tree, &mut Path::root());
            assert_eq!(ordered(kind, &tree), ordered(kind, &turned), "{kind:?}");
        }
    }
}

#[test]
fn every_changed_leaf_is_found() {
    let count = changes_are_found(compare).unwrap();
    println!("{count} leaves");
    assert!(count > 2000, "{count}");
}

/// Compares as if there were no rows.
fn by_value(_: Kind, want: &Tree, live: &Tree) -> Vec<crate::FieldDiff> {
    let all = crate::FieldDiff { path: Path::root(), want: Some(want.clone()), live: Some(live.clone()) };
    if want == live { Vec::new() } else { vec![all] }
}

/// Compares, and overlooks one field in the depths.
fn without_ports(kind: Kind, want: &Tree, live: &Tree) -> Vec<crate::FieldDiff> {
    let mut found = compare(kind, want, live);
    found.retain(|d| d.path.last() != Some("appProtocol"));
    found
}

/// Compares, and overlooks what the document does not want.
fn only_declared(kind: Kind, want: &Tree, live: &Tree) -> Vec<crate::FieldDiff> {
    let mut found = compare(kind, want, live);
    found.retain(|d| d.want.is_some());
    found
}

#[test]
fn the_properties_have_teeth() {
    assert!(same_as_itself(by_value).is_some_and(|why| why.contains("reversed") || why.contains("filled")));
    assert!(changes_are_found(without_ports).is_err_and(|why| why.contains("appProtocol")));
    assert!(changes_are_found(|_, _, _| Vec::new()).is_err());
    assert!(changes_are_found(only_declared).is_err());
}
