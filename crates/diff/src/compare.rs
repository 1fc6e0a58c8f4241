//! The walk over two shapes at once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use evenkeel_model::shapes::{Kind as ShapeKind, ShapeId};
use evenkeel_model::tree::is_masked;
use evenkeel_model::{Path, Tree};

use crate::rules::{Kind, Node, Place, Rule, Sameness, compiled};

/// One field in which two shapes differ.
#[derive(Clone, PartialEq)]
pub struct FieldDiff {
    /// Where, from the root of the kind's shape; elements of sets by their keys.
    pub path: Path,
    /// What the document wants there, a default included; `None` for absent.
    pub want: Option<Tree>,
    /// What AWS has there, a default included; `None` for absent.
    pub live: Option<Tree>,
}

/// Masks what may be secret.
impl fmt::Debug for FieldDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = is_masked(&self.path);
        let side =
            |tree: &Option<Tree>| tree.as_ref().map(|t| if hidden { Tree::from("…") } else { t.clone() });
        f.debug_struct("FieldDiff")
            .field("path", &self.path.to_string())
            .field("want", &side(&self.want))
            .field("live", &side(&self.live))
            .finish()
    }
}

/// The fields in which `live` differs from `want`, in path order; none where they mean the same.
///
/// Both sides are in canonical names and in the declared form (see [`crate::lift`]). A member that the
/// shape does not know is compared only where the document declares it: what AWS alone sends and no
/// table knows is never a difference.
pub fn compare(kind: Kind, want: &Tree, live: &Tree) -> Vec<FieldDiff> {
    let mut walk = Walk { want_root: want, live_root: live, path: Path::root(), found: Vec::new() };
    let sides = Sides { want: Some(want), live: Some(live), want_parent: None, live_parent: None };
    walk.node(compiled(kind), Some(kind.shape()), sides);
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found
}

/// `want` with AWS's defaults filled in below the members it declares: what to send where a call
/// replaces a member as a whole.
pub fn fill(kind: Kind, want: &Tree) -> Tree {
    fn descend(node: &Node, root: &Tree, tree: &mut Tree) {
        let names: Vec<&'static str> = node.named().collect();
        for name in names {
            let Some(child) = node.child(name) else { continue };
            if tree.get(name).is_none()
                && let Some(value) = default_of(&child.rules, &Place { root, parent: Some(tree) })
            {
                tree.set(name, value);
            }
        }
        match tree {
            Tree::Map(map) => {
                for (name, value) in map.iter_mut() {
                    if let Some(child) = node.child(name) {
                        descend(child, root, value);
                    }
                }
            }
            Tree::List(items) => {
                for item in items.iter_mut() {
                    if let Some(child) = node.child("*") {
                        descend(child, root, item);
                    }
                }
            }
            _ => {}
        }
    }
    let mut filled = want.clone();
    if let Tree::Map(map) = &mut filled {
        for (name, value) in map.iter_mut() {
            if let Some(child) = compiled(kind).child(name) {
                descend(child, want, value);
            }
        }
    }
    filled
}

/// What AWS fills in for a top-level member of `want` that is absent there.
pub fn default_at(kind: Kind, want: &Tree, member: &str) -> Option<Tree> {
    let node = compiled(kind).child(member)?;
    let own = default_of(&node.rules, &Place { root: want, parent: Some(want) });
    own.or_else(|| {
        let mut block = Tree::map();
        for name in node.named() {
            let place = Place { root: want, parent: Some(want) };
            if let Some(value) = node.child(name).and_then(|n| default_of(&n.rules, &place)) {
                block.set(name, value);
            }
        }
        (!block.is_empty()).then_some(block)
    })
}

fn default_of(rules: &[Rule], place: &Place<'_>) -> Option<Tree> {
    rules.iter().find_map(|rule| match rule {
        Rule::Default(constant) => Some(constant.tree()),
        Rule::Derived(f) => f(place),
        _ => None,
    })
}

struct Walk<'a> {
    want_root: &'a Tree,
    live_root: &'a Tree,
    path: Path,
    found: Vec<FieldDiff>,
}

#[derive(Clone, Copy)]
struct Sides<'t> {
    want: Option<&'t Tree>,
    live: Option<&'t Tree>,
    want_parent: Option<&'t Tree>,
    live_parent: Option<&'t Tree>,
}

/// Null and empty count as absent where they are compared: AWS prints `[]` and `{}` for lists and maps
/// that nobody set, and a declared `[]` is met by absence.
fn present(tree: Option<&Tree>) -> Option<&Tree> {
    tree.filter(|t| !t.is_empty())
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, shape: Option<ShapeId>, sides: Sides<'_>) {
        let rules = &node.rules;
        if rules.iter().any(|r| matches!(r, Rule::Elsewhere)) {
            return;
        }
        let declared = sides.want.is_some_and(|t| *t != Tree::Null);
        let free = rules.iter().any(|rule| match rule {
            Rule::FreeWhenUndeclared => !declared,
            Rule::FreeWhen(free) => free(self.want_root, self.live_root),
            _ => false,
        });
        if free {
            return;
        }
        let want_default = present(sides.want)
            .is_none()
            .then(|| default_of(rules, &Place { root: self.want_root, parent: sides.want_parent }));
        let live_default = present(sides.live)
            .is_none()
            .then(|| default_of(rules, &Place { root: self.live_root, parent: sides.live_parent }));
        // A default stands in only where the other side says something: a block that is absent on
        // both sides has no members.
        let (want, live) = (present(sides.want), present(sides.live));
        if want.is_none() && live.is_none() {
            return;
        }
        let want: Option<Cow<'_, Tree>> =
            want.map(Cow::Borrowed).or_else(|| want_default.flatten().map(Cow::Owned));
        let live: Option<Cow<'_, Tree>> =
            live.map(Cow::Borrowed).or_else(|| live_default.flatten().map(Cow::Owned));
        self.values(node, shape, want.as_deref(), live.as_deref());
    }

    fn values(&mut self, node: &Node, shape: Option<ShapeId>, want: Option<&Tree>, live: Option<&Tree>) {
        match (want, live) {
            (None, None) => {}
            (Some(Tree::List(_)), Some(Tree::List(_)))
            | (Some(Tree::List(_)), None)
            | (None, Some(Tree::List(_))) => self.list(node, shape, want, live),
            (Some(Tree::Map(_)), Some(Tree::Map(_))) => self.members(node, shape, want, live),
            (Some(Tree::Map(_)), None) | (None, Some(Tree::Map(_))) => {
                // One side has the whole block. A block that AWS keeps for everybody (all its members can
                // be left out) differs member by member, one that is there or not differs as a whole.
                let mark = self.found.len();
                self.members(node, shape, want, live);
                let optional = shape.is_some_and(|s| {
                    matches!(s.kind(), ShapeKind::Structure { .. }) && s.members().iter().all(|m| !m.required)
                });
                let one_sided = |d: &FieldDiff| d.want.is_none() || d.live.is_none();
                if !optional && self.found.iter().skip(mark).any(one_sided) {
                    self.found.truncate(mark);
                    self.differ(want, live);
                }
            }
            (Some(want), Some(live)) if same(&node.rules, want, live) || same_time(shape, want, live) => {}
            _ => self.differ(want, live),
        }
    }

    fn differ(&mut self, want: Option<&Tree>, live: Option<&Tree>) {
        self.found.push(FieldDiff { path: self.path.clone(), want: want.cloned(), live: live.cloned() });
    }

    fn members(&mut self, node: &Node, shape: Option<ShapeId>, want: Option<&Tree>, live: Option<&Tree>) {
        static EMPTY: Tree = Tree::Null;
        let free_map = shape.is_some_and(|s| matches!(s.kind(), ShapeKind::Map { .. }));
        let mut names: Vec<&str> = Vec::new();
        for side in [want, live] {
            names.extend(side.unwrap_or(&EMPTY).entries().map(|(n, _)| &**n));
        }
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (w, l) = (want.and_then(|t| t.get(name)), live.and_then(|t| t.get(name)));
            let (child_shape, known) = if free_map {
                (shape.and_then(map_value), true)
            } else {
                let member = shape.and_then(|s| s.member(name));
                (member.map(|m| m.shape), member.is_some())
            };
            if !known && w.is_none() {
                continue;
            }
            self.path.push(name);
            let child = node.child(name);
            static NO_RULES: Node = Node::empty();
            if free_map {
                // In a map `""` is a value of its own and an empty map entry is an entry.
                match (w, l) {
                    (Some(a), Some(b)) if a == b => {}
                    _ => self.differ(w, l),
                }
            } else {
                let sides = Sides { want: w, live: l, want_parent: want, live_parent: live };
                self.node(child.unwrap_or(&NO_RULES), child_shape, sides);
            }
            self.path.pop();
        }
    }

    fn list(&mut self, node: &Node, shape: Option<ShapeId>, want: Option<&Tree>, live: Option<&Tree>) {
        static NO_RULES: Node = Node::empty();
        let element = node.child("*").unwrap_or(&NO_RULES);
        let shape = shape.and_then(list_item);
        let (wants, lives) = (want.map_or(&[][..], Tree::items), live.map_or(&[][..], Tree::items));
        let set = node.rules.iter().find_map(|r| match r {
            Rule::Set(keys) => Some(*keys),
            _ => None,
        });
        let Some(keys) = set else {
            let scalar = |t: &Tree| !matches!(t, Tree::Map(_) | Tree::List(_));
            if wants.iter().chain(lives).all(scalar) {
                // Words of a command mean something together only.
                let equal = wants.len() == lives.len()
                    && wants.iter().zip(lives).all(|(w, l)| same(&element.rules, w, l));
                if !equal {
                    self.differ(want, live);
                }
                return;
            }
            for i in 0..wants.len().max(lives.len()) {
                self.path.push(i.to_string());
                self.values(element, shape, wants.get(i), lives.get(i));
                self.path.pop();
            }
            return;
        };
        let wants = keyed(element, keys, wants);
        let mut lives = keyed(element, keys, lives);
        for (key, want) in &wants {
            self.path.push(key);
            match lives.remove(key) {
                Some(live) => self.values(element, shape, Some(want), Some(live)),
                None => self.differ(Some(want), None),
            }
            self.path.pop();
        }
        for (key, live) in lives {
            self.path.push(&key);
            self.differ(None, Some(live));
            self.path.pop();
        }
    }
}

/// Elements of a set by key. Equal keys are numbered by their elements' values, so that none is lost and
/// their order does not matter.
pub(crate) fn keyed<'t>(element: &Node, keys: &[&str], items: &'t [Tree]) -> BTreeMap<String, &'t Tree> {
    let mut sorted: Vec<(String, &Tree)> =
        items.iter().map(|item| (element_key(element, keys, item), item)).collect();
    sorted.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.to_json().cmp(&y.to_json())));
    let mut by_key = BTreeMap::new();
    for (key, item) in sorted {
        let mut numbered = key.clone();
        let mut n = 1;
        while by_key.contains_key(&numbered) {
            n += 1;
            numbered = format!("{key}#{n}");
        }
        by_key.insert(numbered, item);
    }
    by_key
}

/// The key of a set's element: its key members joined by `:`, or its whole value.
fn element_key(element: &Node, keys: &[&str], item: &Tree) -> String {
    let text = |value: &Tree| match (value, value.as_int()) {
        (Tree::Str(text), _) => text.to_string(),
        // 1 and 1.0 are one number.
        (_, Some(whole)) => whole.to_string(),
        (other, None) => other.to_json(),
    };
    if keys.is_empty() {
        return text(item);
    }
    let mut parts = Vec::with_capacity(keys.len());
    for key in keys {
        let default = element.child(key).and_then(|n| {
            n.rules.iter().find_map(|r| match r {
                Rule::Default(constant) => Some(constant.tree()),
                _ => None,
            })
        });
        parts.extend(item.get(key).or(default.as_ref()).map(text));
    }
    parts.join(":")
}

fn map_value(shape: ShapeId) -> Option<ShapeId> {
    match shape.kind() {
        ShapeKind::Map { value, .. } => Some(value),
        _ => None,
    }
}

fn list_item(shape: ShapeId) -> Option<ShapeId> {
    match shape.kind() {
        ShapeKind::List { item, .. } => Some(item),
        _ => None,
    }
}

fn same(rules: &[Rule], want: &Tree, live: &Tree) -> bool {
    if want == live || same_scalar(want, live) {
        return true;
    }
    rules.iter().any(|rule| match rule {
        Rule::Same(sameness) => same_as(*sameness, want, live),
        _ => false,
    })
}

/// 1 and 1.0 and "1" are one value: documents and AWS's two protocols spell numbers differently.
fn same_scalar(want: &Tree, live: &Tree) -> bool {
    fn number(tree: &Tree) -> Option<f64> {
        match tree {
            Tree::Int(n) => Some(*n as f64),
            Tree::Num(n) => Some(*n),
            _ => None,
        }
    }
    match (want, live) {
        (Tree::Str(text), other) | (other, Tree::Str(text)) => match other {
            Tree::Bool(b) => &**text == if *b { "true" } else { "false" },
            other => number(other).is_some_and(|n| text.parse::<f64>().is_ok_and(|t| t == n)),
        },
        (a, b) => number(a).is_some() && number(a) == number(b),
    }
}

/// Times are seconds since 1970 or text, as the protocols and people write them.
fn same_time(shape: Option<ShapeId>, want: &Tree, live: &Tree) -> bool {
    fn seconds(tree: &Tree) -> Option<f64> {
        match tree {
            Tree::Int(n) => Some(*n as f64),
            Tree::Num(n) => Some(*n),
            Tree::Str(text) => {
                text.parse::<jiff::Timestamp>().ok().map(|t| t.as_millisecond() as f64 / 1000.0)
            }
            _ => None,
        }
    }
    shape.is_some_and(|s| s.kind() == ShapeKind::Timestamp)
        && seconds(want).is_some()
        && seconds(want) == seconds(live)
}

fn same_as(sameness: Sameness, want: &Tree, live: &Tree) -> bool {
    let texts = want.as_str().zip(live.as_str());
    match sameness {
        Sameness::Cpu => units(want, 1024.0).is_some_and(|w| units(live, 1024.0) == Some(w)),
        Sameness::Memory => units(want, 1024.0).is_some_and(|w| units(live, 1024.0) == Some(w)),
        Sameness::Role => texts.is_some_and(|(w, l)| role(w) == role(l)),
        Sameness::AnyCase => texts.is_some_and(|(w, l)| w.eq_ignore_ascii_case(l)),
        Sameness::Json => {
            texts.is_some_and(|(w, l)| matches!((json(w), json(l)), (Some(a), Some(b)) if a == b))
        }
        Sameness::PlatformVersion => texts.is_some_and(|(w, _)| w == "LATEST"),
        Sameness::NameOrArn => {
            texts.is_some_and(|(w, l)| l.ends_with(&format!("/{w}")) || w.ends_with(&format!("/{l}")))
        }
    }
}

fn json(text: &str) -> Option<Tree> {
    serde_json::from_str::<serde_json::Value>(text).ok().map(Tree::from)
}

/// CPU units or MiB from a number, or from text such as `256`, `.5 vCPU`, `2 GB`.
pub(crate) fn units(tree: &Tree, per_large_unit: f64) -> Option<i64> {
    let text = match tree {
        Tree::Int(n) => return Some(*n),
        Tree::Num(n) => return Some(*n as i64),
        Tree::Str(text) => text.trim().to_ascii_lowercase(),
        _ => return None,
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c.is_whitespace());
    let number: f64 = digits.parse().ok()?;
    match text[digits.len()..].trim() {
        "" => Some(number as i64),
        "vcpu" | "gb" => Some((number * per_large_unit).round() as i64),
        _ => None,
    }
}

/// A role by its path and name: `arn:…:role/path/name` and `path/name` are one.
fn role(text: &str) -> &str {
    text.split_once(":role/").map_or(text, |(_, name)| name)
}
