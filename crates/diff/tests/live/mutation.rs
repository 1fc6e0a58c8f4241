//! One change at a time: what the comparison has to say about it follows from the rows, read here anew.

use std::fmt;

use evenkeel_diff::rules::{Const, Row, Rule};
use evenkeel_diff::{Kind, Sameness, compare, compare_attributes, defaults};
use evenkeel_model::shapes::{self, ShapeId};
use evenkeel_model::{Path, Tree};

use crate::pair::Pair;

/// How many of what.
#[derive(Default)]
pub struct Count {
    pub leaves: usize,
    changed: usize,
    dropped: usize,
    added: usize,
    silent: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count { leaves, changed, dropped, added, silent } = self;
        write!(
            f,
            "{leaves} leaves: {changed} changes, {dropped} drops and {added} additions, of which {silent} are nobody's business"
        )
    }
}

/// A place in a live tree: indexes in lists as they are.
type Steps = Vec<String>;

/// Every leaf: scalars, and what is empty.
fn leaves_of(tree: &Tree, at: &mut Steps, out: &mut Vec<Steps>) {
    let below: Vec<(String, &Tree)> = match tree {
        Tree::Map(map) => map.iter().map(|(n, v)| (n.to_string(), v)).collect(),
        Tree::List(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => Vec::new(),
    };
    if below.is_empty() {
        out.push(at.clone());
    }
    for (name, value) in below {
        at.push(name);
        leaves_of(value, at, out);
        at.pop();
    }
}

fn get<'t>(tree: &'t Tree, steps: &[String]) -> Option<&'t Tree> {
    tree.at(steps.iter().map(String::as_str))
}

/// The tree with another value there; `None` takes it out.
fn with(tree: &Tree, steps: &[String], value: Option<&Tree>) -> Tree {
    let Some((first, rest)) = steps.split_first() else {
        return value.cloned().unwrap_or_default();
    };
    match tree {
        Tree::Map(_) => {
            let mut tree = tree.clone();
            let below = tree.get(first).cloned().unwrap_or_default();
            tree.take(first);
            if !rest.is_empty() || value.is_some() {
                tree.set(first.as_str(), with(&below, rest, value));
            }
            tree
        }
        Tree::List(items) => {
            let at: usize = first.parse().unwrap();
            let mut items = items.to_vec();
            match (rest.is_empty(), value) {
                (true, None) => {
                    items.remove(at);
                }
                _ => items[at] = with(&items[at], rest, value),
            }
            Tree::from(items)
        }
        _ => tree.clone(),
    }
}

/// What the rows say of a place in a live tree.
struct Seen {
    /// As the comparison would call it.
    path: Path,
    /// Rows about it or what is around it say that nobody looks.
    silent: bool,
    /// It is part of what tells elements of a set apart: then the element is gone, and another there.
    identity: Option<usize>,
    /// It is part of a list of words, which differs as a whole.
    words: Option<usize>,
}

fn rows<'r>(kind: Kind, pattern: &'r [String]) -> impl Iterator<Item = &'static Row> + use<'r> {
    kind.rows().iter().filter(move |row| row.path.split('/').eq(pattern.iter().map(String::as_str)))
}

fn key_of(kind: Kind, pattern: &[String], keys: &[&str], item: &Tree) -> String {
    let text = |tree: &Tree| match tree {
        Tree::Str(text) => text.to_string(),
        other => other.as_int().map_or_else(|| other.to_json(), |n| n.to_string()),
    };
    if keys.is_empty() {
        return text(item);
    }
    let parts = keys.iter().filter_map(|key| {
        let default = || {
            let mut pattern = pattern.to_vec();
            pattern.extend(key.split('/').map(str::to_owned));
            rows(kind, &pattern).find_map(|row| match row.rule {
                Rule::Default(c @ (Const::Str(_) | Const::Int(_))) => Some(text(&c.tree())),
                _ => None,
            })
        };
        item.pointer(key).map(text).filter(|t| !t.is_empty()).or_else(default)
    });
    parts.collect::<Vec<_>>().join(":")
}

fn look(pair: &Pair, live: &Tree, steps: &[String]) -> Seen {
    let (kind, mut shape) = (pair.kind, Some(pair.kind.shape()));
    let mut pattern: Vec<String> = Vec::new();
    let mut seen = Seen { path: Path::root(), silent: false, identity: None, words: None };
    let (mut tree, mut want) = (Some(live), Some(&pair.want));
    for (depth, step) in steps.iter().enumerate() {
        match shape.map(ShapeId::kind) {
            Some(shapes::Kind::Structure { .. }) => {
                shape = shape.and_then(|s| s.member(step)).map(|m| m.shape);
                want = want.and_then(|w| w.get(step));
                tree = tree.and_then(|t| t.get(step));
                pattern.push(step.clone());
                seen.path.push(step);
                seen.silent |= shape.is_none() && want.is_none();
            }
            Some(shapes::Kind::List { item, .. }) => {
                let index: usize = step.parse().unwrap();
                let element = tree.and_then(|t| t.items().get(index)).cloned().unwrap_or_default();
                let keys = rows(kind, &pattern).find_map(|row| match row.rule {
                    Rule::Set(keys) => Some(keys),
                    _ => None,
                });
                let scalars = |t: &Tree| !matches!(t, Tree::Map(_) | Tree::List(_));
                let all_words = tree.is_some_and(|t| t.items().iter().all(scalars));
                pattern.push("*".into());
                match keys {
                    Some(keys) => {
                        let name = key_of(kind, &pattern, keys, &element);
                        want = want
                            .and_then(|w| w.items().iter().find(|i| key_of(kind, &pattern, keys, i) == name));
                        seen.path.push(&name);
                        let below = steps[depth + 1..].join("/");
                        let part = |key: &&str| *key == below || key.starts_with(&format!("{below}/"));
                        if keys.is_empty() || keys.iter().any(part) {
                            seen.identity = Some(seen.path.segments().len());
                        }
                    }
                    None => {
                        want = want.and_then(|w| w.items().get(index));
                        if all_words {
                            seen.words = Some(seen.path.segments().len());
                        }
                        seen.path.push(step);
                    }
                }
                tree = tree.and_then(|t| t.items().get(index));
                shape = Some(item);
            }
            _ => {
                let scalars = |t: &Tree| !matches!(t, Tree::Map(_) | Tree::List(_));
                if tree.is_some_and(|t| !t.items().is_empty() && t.items().iter().all(scalars)) {
                    seen.words = Some(seen.path.segments().len());
                }
                tree = tree.and_then(|t| t.at([step.as_str()]));
                want = want.and_then(|w| w.at([step.as_str()]));
                seen.path.push(step);
                seen.silent |= shape.is_none() && want.is_none();
            }
        }
        for row in rows(kind, &pattern) {
            seen.silent |= match row.rule {
                Rule::Elsewhere => true,
                Rule::FreeWhenUndeclared => want.is_none(),
                Rule::FreeWhen(free, _) => {
                    let whole = |t| evenkeel_diff::Whole::declared(t);
                    free(&whole(&pair.want), &whole(live))
                }
                Rule::Same(Sameness::PlatformVersion) => want.and_then(Tree::as_str) == Some("LATEST"),
                // Which namespace an ARN's id is only Cloud Map could tell.
                Rule::Same(Sameness::Namespace) if tree.is_some() => {
                    let name =
                        |t: Option<&Tree>| t.and_then(Tree::as_str).is_some_and(|n| !n.starts_with("arn:"));
                    name(want) && !name(tree)
                }
                _ => false,
            };
        }
    }
    seen
}

/// Another value of that type.
fn changed(tree: &Tree, shape: Option<ShapeId>, beside: &[Tree]) -> Tree {
    match tree {
        Tree::Bool(b) => Tree::Bool(!b),
        Tree::Int(n) => Tree::Int(n + 1),
        Tree::Num(n) => Tree::Num(n + 1.0),
        Tree::Str(text) => match shape.map(ShapeId::kind) {
            Some(shapes::Kind::String { enums: enums @ [_, _, ..], .. }) => enums
                .iter()
                .map(|e| Tree::from(*e))
                .find(|e| e != tree && !beside.contains(e))
                .unwrap_or_else(|| Tree::from("changed")),
            _ if text.parse::<i64>().is_ok() => Tree::from(format!("{text}1")),
            _ => Tree::from(format!("{text}-changed")),
        },
        _ => Tree::Null,
    }
}

fn shape_at(kind: Kind, steps: &[String]) -> Option<ShapeId> {
    kind.shape().at(steps.iter().map(String::as_str))
}

fn paths(kind: Kind, want: &Tree, live: &Tree) -> Vec<Path> {
    compare(kind, want, live).into_iter().map(|d| d.path).collect()
}

fn first(path: &Path, segments: usize) -> Path {
    Path::of(path.segments().take(segments))
}

pub fn leaves(pair: &Pair, count: &mut Count, failed: &mut Vec<String>) {
    let (kind, want, live) = (pair.kind, &pair.want, &pair.live);
    let mut all = Vec::new();
    leaves_of(live, &mut Vec::new(), &mut all);
    for steps in all {
        count.leaves += 1;
        let value = get(live, &steps).cloned().unwrap_or_default();
        if !matches!(value, Tree::Null | Tree::List(_) | Tree::Map(_)) {
            count.changed += 1;
            let beside = steps.split_last().and_then(|(_, up)| get(live, up)).map_or(&[][..], Tree::items);
            let other = with(live, &steps, Some(&changed(&value, shape_at(kind, &steps), beside)));
            let seen = look(pair, live, &steps);
            let found = paths(kind, want, &other);
            let expected = if look(pair, &other, &steps).silent && seen.silent {
                count.silent += 1;
                Vec::new()
            } else if let Some(depth) = seen.identity {
                let mut both = vec![first(&seen.path, depth), first(&look(pair, &other, &steps).path, depth)];
                both.sort();
                both
            } else if let Some(depth) = seen.words {
                vec![first(&seen.path, depth)]
            } else {
                vec![seen.path]
            };
            check(pair, "change", &steps, &other, &found, &expected, failed);
        }
        drop_leaf(pair, &steps, &value, count, failed);
    }
    additions(pair, count, failed);
}

/// The path is exactly one of those reported, or what is around it is reported as a whole; where a default
/// follows from what was changed, its own path may follow.
fn check(
    pair: &Pair,
    what: &str,
    steps: &[String],
    live: &Tree,
    found: &[Path],
    expected: &[Path],
    failed: &mut Vec<String>,
) {
    if found != expected && !follows(pair, live, found, expected) {
        let print = |paths: &[Path]| paths.iter().map(Path::to_string).collect::<Vec<_>>().join(" ");
        failed.push(format!(
            "{}: {what} of /{}: expected [{}], found [{}]",
            pair.name,
            steps.join("/"),
            print(expected),
            print(found)
        ));
    }
}

/// True where all that is found beyond what is expected has a default that follows from the shape around
/// it, or is compared only while something else is so.
fn follows(pair: &Pair, _live: &Tree, found: &[Path], expected: &[Path]) -> bool {
    let derived = |path: &Path| {
        let segments: Vec<&str> = path.segments().collect();
        pair.kind.rows().iter().any(|row| {
            let pattern: Vec<&str> = row.path.split('/').collect();
            matches!(row.rule, Rule::Derived(..) | Rule::FreeWhen(..))
                && pattern.iter().zip(&segments).all(|(p, s)| *p == "*" || p == s)
        })
    };
    expected.iter().all(|e| found.contains(e)) && found.iter().all(|f| expected.contains(f) || derived(f))
}

fn drop_leaf(pair: &Pair, steps: &[String], value: &Tree, count: &mut Count, failed: &mut Vec<String>) {
    count.dropped += 1;
    let (kind, want, live) = (pair.kind, &pair.want, &pair.live);
    let other = with(live, steps, None);
    let mut seen = look(pair, live, steps);
    let is_namespace = |row: &Row| matches!(row.rule, Rule::Same(Sameness::Namespace));
    if steps.last().is_some_and(|s| s == "namespace") && rows(kind, steps).any(is_namespace) {
        seen.silent = look(pair, &other, steps).silent;
    }
    let found = paths(kind, want, &other);
    let filled = defaults(kind, &other);
    let in_list = steps.last().is_some_and(|s| s.parse::<usize>().is_ok());
    let back = !in_list && (value.is_empty() || get(&filled, steps).is_some_and(|d| same(d, value)));
    let on = get(&filled, steps) == Some(&Tree::Bool(true));
    let known = shape_at(kind, steps).is_some();
    let off = !in_list && known && (*value == Tree::Bool(false) && !on || (value.as_str() == Some("")));
    let expected = if seen.silent || back || off {
        if seen.silent {
            count.silent += 1;
        }
        // Nothing; where a default can be told only with what was dropped, that.
        if found.is_empty() { Vec::new() } else { vec![seen.path.clone()] }
    } else if let Some(depth) = seen.identity {
        let key = first(&seen.path, depth);
        // Without its key an element is another one.
        if found.contains(&key) { found.clone() } else { vec![key] }
    } else if let Some(depth) = seen.words {
        vec![first(&seen.path, depth)]
    } else if found.len() == 1 && seen.path.starts_with(&found[0]) {
        // The last member of a block takes the block along.
        found.clone()
    } else {
        vec![seen.path.clone()]
    };
    let silent_and_loud = (seen.silent || off && value.as_str() != Some("")) && !found.is_empty();
    if silent_and_loud && !follows(pair, &other, &found, &[]) {
        failed.push(format!("{}: drop of /{} is nobody's business: {found:?}", pair.name, steps.join("/")));
    }
    check(pair, "drop", steps, &other, &found, &expected, failed);
}

fn same(a: &Tree, b: &Tree) -> bool {
    a == b
        || (a.as_int().is_some() && a.as_int() == b.as_int())
        || a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a == b)
}

/// Every structure gets every member that it has not, and one that no table knows.
fn additions(pair: &Pair, count: &mut Count, failed: &mut Vec<String>) {
    let mut structures = Vec::new();
    fn find(tree: &Tree, shape: ShapeId, at: &mut Steps, out: &mut Vec<(Steps, ShapeId)>) {
        match (shape.kind(), tree) {
            (shapes::Kind::Structure { .. }, Tree::Map(map)) => {
                out.push((at.clone(), shape));
                for (name, value) in map.iter() {
                    if let Some(member) = shape.member(name) {
                        at.push(name.to_string());
                        find(value, member.shape, at, out);
                        at.pop();
                    }
                }
            }
            (shapes::Kind::List { item, .. }, Tree::List(items)) => {
                for (i, value) in items.iter().enumerate() {
                    at.push(i.to_string());
                    find(value, item, at, out);
                    at.pop();
                }
            }
            _ => {}
        }
    }
    find(&pair.live, pair.kind.shape(), &mut Vec::new(), &mut structures);
    for (at, shape) in structures {
        let mut unknown = at.clone();
        unknown.push("evenkeelUnknown".into());
        let other = with(&pair.live, &unknown, Some(&Tree::from("x")));
        count.added += 1;
        count.silent += 1;
        check(pair, "addition", &unknown, &other, &paths(pair.kind, &pair.want, &other), &[], failed);
        for member in shape.members() {
            let mut steps = at.clone();
            steps.push(member.name.to_owned());
            if get(&pair.live, &steps).is_some_and(|v| !v.is_empty()) {
                continue;
            }
            let value = unusual(member.shape);
            let usual = get(&defaults(pair.kind, &pair.live), &steps).is_some_and(|d| same(d, &value));
            let value = if usual { changed(&value, Some(member.shape), &[]) } else { value };
            let other = with(&pair.live, &steps, Some(&value));
            count.added += 1;
            let seen = look(pair, &other, &steps);
            let found = paths(pair.kind, &pair.want, &other);
            if seen.silent {
                count.silent += 1;
                check(pair, "addition", &steps, &other, &found, &[], failed);
                continue;
            }
            let identity = seen.identity.map(|depth| first(&seen.path, depth - 1));
            let at_it = |p: &Path| {
                p.starts_with(&seen.path)
                    || seen.path.starts_with(p)
                    || identity.as_ref().is_some_and(|i| p.starts_with(i))
            };
            let loud: Vec<Path> = found.iter().filter(|p| at_it(p)).cloned().collect();
            // Some blocks hold only what nobody looks at.
            let hollow =
                matches!(member.shape.kind(), shapes::Kind::Structure { .. } | shapes::Kind::List { .. })
                    && all_silent(pair, &other, &steps);
            if (loud.is_empty() && !hollow) || !follows(pair, &other, &found, &loud) {
                check(pair, "addition", &steps, &other, &found, &[seen.path], failed);
            }
        }
    }
}

fn all_silent(pair: &Pair, live: &Tree, steps: &[String]) -> bool {
    let mut leaves = Vec::new();
    let mut at = steps.to_vec();
    leaves_of(get(live, steps).unwrap_or(&Tree::Null), &mut at, &mut leaves);
    leaves.iter().all(|leaf| look(pair, live, leaf).silent)
}

/// A value that hardly anything defaults to.
fn unusual(shape: ShapeId) -> Tree {
    match shape.kind() {
        shapes::Kind::Structure { members, .. } => {
            Tree::of(members.iter().map(|m| (m.name, unusual(m.shape))))
        }
        shapes::Kind::List { item, .. } => Tree::list([unusual(item)]),
        shapes::Kind::Map { .. } => Tree::map().with("k", "v"),
        // The last value of a list is hardly ever the default.
        shapes::Kind::String { enums: [.., last], .. } => Tree::from(*last),
        shapes::Kind::String { .. } => Tree::from("unusual"),
        shapes::Kind::Integer { .. } | shapes::Kind::Long { .. } => Tree::Int(7),
        shapes::Kind::Float { .. } | shapes::Kind::Double { .. } => Tree::Num(7.5),
        shapes::Kind::Boolean => Tree::Bool(true),
        shapes::Kind::Timestamp => Tree::Int(7),
        shapes::Kind::Blob => Tree::from("AAAA"),
        shapes::Kind::Document => Tree::from("{\"a\":1}"),
    }
}

type Default = std::rc::Rc<dyn Fn(&str) -> Option<&'static str>>;

pub fn attributes(
    name: &str,
    default: &Default,
    want: &Tree,
    live: &Tree,
    count: &mut Count,
    failed: &mut Vec<String>,
) {
    let mut check = |what: &str, attribute: &str, live: &Tree, expected: bool| {
        let found: Vec<Path> =
            compare_attributes(|n| default(n), want, live).into_iter().map(|d| d.path).collect();
        let expected: Vec<Path> = expected.then(|| Path::of([attribute])).into_iter().collect();
        if found != expected {
            failed.push(format!("{name}: {what} of attribute {attribute}: {found:?}"));
        }
    };
    for (attribute, value) in live.entries() {
        count.leaves += 1;
        let known = want.get(attribute).is_some() || default(attribute).is_some();
        let other = Tree::from(format!("{}x", value.as_str().unwrap_or_default()));
        count.changed += 1;
        check("change", attribute, &live.clone().with(attribute.clone(), other), known);
        count.dropped += 1;
        let mut dropped = live.clone();
        dropped.take(attribute);
        let moves = want.get(attribute).is_some() && value.as_str() != default(attribute).or(Some(""));
        check("drop", attribute, &dropped, moves);
    }
    count.added += 1;
    count.silent += 1;
    check("addition", "evenkeel.unknown", &live.clone().with("evenkeel.unknown", "x"), false);
}
