//! The walk over two shapes at once.
//!
//! Nothing is allocated on the way: paths and copies of values are made where a difference is found.

use std::cmp::Ordering;
use std::fmt;

use evenkeel_model::tree::is_masked;
use evenkeel_model::{Map, Name, Path, Tree};

use crate::kind::Kind;
use crate::lift;
use crate::rules::{Form, Node, Place, compiled};
use crate::set::{self, Elements};
use crate::value::{Scalar, Value, alike, same_time};
use crate::whole::Whole;

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
    wholes(kind, Whole::declared(want), Whole::declared(live))
}

/// The same, with `live` as AWS describes it and `want` as the document declares it: both are brought
/// into one form first, without copies where that form is only a matter of where things stand.
pub fn compare_described(kind: Kind, want: &Tree, live: &Tree) -> Vec<FieldDiff> {
    match kind {
        Kind::Listener | Kind::Rule | Kind::LoadBalancer => {
            let want = lift::declared(kind, want.clone());
            let live = lift::described(kind, live.clone());
            wholes(kind, Whole::declared(&want), Whole::declared(&live))
        }
        _ => wholes(kind, Whole::declared(want), Whole::described(kind, live)),
    }
}

fn wholes(kind: Kind, want: Whole<'_>, live: Whole<'_>) -> Vec<FieldDiff> {
    let mut walk = Walk { want_root: want, live_root: live, found: Vec::new() };
    walk.root(compiled(kind));
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    walk.found
}

/// Where the walk is: a list back to the root, made into a [`Path`] only for a difference.
#[derive(Clone, Copy)]
pub(crate) struct At<'p> {
    up: Option<&'p At<'p>>,
    segment: Segment<'p>,
}

#[derive(Clone, Copy)]
pub(crate) enum Segment<'p> {
    Root,
    Member(&'p Name),
    Index(usize),
    /// An element of a set: the list it is in, and how many of its key come before it where that is known.
    Element {
        elements: Elements<'p>,
        index: usize,
        before: Option<usize>,
    },
}

impl<'p> At<'p> {
    const ROOT: At<'static> = At { up: None, segment: Segment::Root };

    fn below(&'p self, segment: Segment<'p>) -> At<'p> {
        At { up: Some(self), segment }
    }

    fn path(&self) -> Path {
        let mut path = self.up.map_or_else(Path::root, At::path);
        match self.segment {
            Segment::Root => {}
            Segment::Member(name) => path.push(name),
            Segment::Index(at) => path.push(at.to_string()),
            Segment::Element { elements, index, before } => path.push(elements.name(index, before)),
        }
        path
    }
}

/// What is there, or would AWS fill in, on each side of a place.
struct Walk<'a> {
    want_root: Whole<'a>,
    live_root: Whole<'a>,
    found: Vec<FieldDiff>,
}

/// The structures around a member, one of each side.
#[derive(Clone, Copy)]
struct Parents<'a> {
    want: Option<&'a Tree>,
    live: Option<&'a Tree>,
}

/// Null and empty count as absent where they are compared: AWS prints `[]` and `{}` for lists and maps
/// that nobody set, and a declared `[]` is met by absence.
fn present<'t>(node: &Node, tree: Option<&'t Tree>) -> Option<&'t Tree> {
    tree.filter(|t| !(t.is_empty() || node.empty_is_absent && t.as_str() == Some("")))
}

/// Says nothing all the way down: `{}`, `{"name": null}`, `{"audit": {}}`. Templates leave such behind,
/// and AWS drops them or not.
fn hollow(tree: &Tree) -> bool {
    match tree {
        Tree::Map(map) => map.iter().all(|(_, v)| hollow(v)),
        Tree::List(items) => items.iter().all(hollow),
        other => other.is_empty(),
    }
}

/// The entries of two maps by name, in one pass: what each has there but null.
fn together<'a>(
    wants: Option<&'a Map>,
    lives: Option<&'a Map>,
    mut each: impl FnMut(&'a Name, Option<&'a Tree>, Option<&'a Tree>),
) {
    let mut wants = wants.map_or(&[][..], Map::entries);
    let mut lives = lives.map_or(&[][..], Map::entries);
    loop {
        let (name, want, live) = match (wants, lives) {
            ([], []) => return,
            ([(name, want), rest @ ..], []) => {
                wants = rest;
                (name, want, &Tree::Null)
            }
            ([], [(name, live), rest @ ..]) => {
                lives = rest;
                (name, &Tree::Null, live)
            }
            ([(name, want), more_wants @ ..], [(other, live), more_lives @ ..]) => match name.cmp(other) {
                Ordering::Less => {
                    wants = more_wants;
                    (name, want, &Tree::Null)
                }
                Ordering::Greater => {
                    lives = more_lives;
                    (other, &Tree::Null, live)
                }
                Ordering::Equal => {
                    (wants, lives) = (more_wants, more_lives);
                    (name, want, live)
                }
            },
        };
        let said = |tree: &'a Tree| Some(tree).filter(|t| !matches!(t, Tree::Null));
        let (want, live) = (said(want), said(live));
        if want.is_some() || live.is_some() {
            each(name, want, live);
        }
    }
}

/// The table of the member of that name, of those that are left: names are asked for in their order.
fn next<'a>(left: &mut &'a [(Name, Node)], name: &Name) -> Option<&'a Node> {
    while let [(first, node), rest @ ..] = left {
        match first.cmp(name) {
            Ordering::Less => *left = rest,
            Ordering::Equal => return Some(node),
            Ordering::Greater => return None,
        }
    }
    None
}

impl<'a> Walk<'a> {
    /// As [`Walk::members`], with members that stand elsewhere on one side.
    fn root(&mut self, node: &'a Node) {
        let (want, live) = (self.want_root, self.live_root);
        let (wants, lives) = (want.tree().as_map(), live.tree().as_map());
        let parents = Parents { want: Some(want.tree()), live: Some(live.tree()) };
        let moved = |name: &str| want.moved().contains(&name) || live.moved().contains(&name);
        let mut nodes = node.members();
        together(wants, lives, |name, want, live| {
            if !moved(name) {
                let node = next(&mut nodes, name);
                self.named(node, At::ROOT.below(Segment::Member(name)), want, live, parents);
            }
        });
        for (name, child) in node.members().iter().filter(|(name, _)| moved(name)) {
            let (w, l) = (want.get(name), live.get(name));
            self.member(child, At::ROOT.below(Segment::Member(name)), w, l, parents);
        }
    }

    /// A member with its table. One that no table knows and AWS alone sends is no difference.
    fn named(
        &mut self,
        node: Option<&'a Node>,
        at: At<'_>,
        want: Option<&'a Tree>,
        live: Option<&'a Tree>,
        parents: Parents<'a>,
    ) {
        match node {
            Some(node) => self.member(node, at, want, live, parents),
            None if want.is_some() => self.member(&crate::rules::UNKNOWN, at, want, live, parents),
            None => {}
        }
    }

    fn member(
        &mut self,
        node: &'a Node,
        at: At<'_>,
        want: Option<&'a Tree>,
        live: Option<&'a Tree>,
        parents: Parents<'a>,
    ) {
        let (present_want, present_live) = (present(node, want), present(node, live));
        if node.elsewhere
            || (present_want.is_none() && present_live.is_none())
            || (node.free_when_undeclared && want.is_none())
            || node.free_when.is_some_and(|free| free(&self.want_root, &self.live_root))
        {
            return;
        }
        // A default stands in only where the other side says something: a block that is absent on both
        // sides has no members.
        match (present_want, present_live) {
            (None, None) => {}
            (Some(want), Some(live)) => self.both(node, at, want, live),
            (Some(want), None) => match node.default(&Place { root: self.live_root, parent: parents.live }) {
                Some(live) => self.scalars(node, at, Value::Tree(want), live),
                None => self.lone(node, at, Some(want), None),
            },
            (None, Some(live)) => match node.default(&Place { root: self.want_root, parent: parents.want }) {
                Some(want) => self.scalars(node, at, want, Value::Tree(live)),
                None => self.lone(node, at, None, Some(live)),
            },
        }
    }

    pub(crate) fn both(&mut self, node: &'a Node, at: At<'_>, want: &'a Tree, live: &'a Tree) {
        match (&node.form, want, live) {
            (Form::Document, _, _) => {
                let texts = Scalar::of(want).zip(Scalar::of(live));
                if !alike(want, live) && !texts.is_some_and(|(w, l)| node.same.is_some_and(|s| s.same(w, l)))
                {
                    self.differ(at, Some(want), Some(live));
                }
            }
            (Form::Map, Tree::Map(w), Tree::Map(l)) => self.entries(at, w, l),
            (_, Tree::Map(w), Tree::Map(l)) => {
                self.members(node, at, (Some(want), Some(w)), (Some(live), Some(l)))
            }
            (_, Tree::List(w), Tree::List(l)) => self.list(node, at, (want, w), (live, l)),
            _ => self.scalars(node, at, Value::Tree(want), Value::Tree(live)),
        }
    }

    fn scalars(&mut self, node: &'a Node, at: At<'_>, want: Value<'a>, live: Value<'a>) {
        let equal = want.scalar().zip(live.scalar()).is_some_and(|(w, l)| {
            w.same(l)
                || node.same.is_some_and(|s| s.same(w, l))
                || (matches!(node.form, Form::Time) && same_time(w, l))
        });
        if !equal {
            self.found.push(FieldDiff { path: at.path(), want: Some(want.tree()), live: Some(live.tree()) });
        }
    }

    /// One side says nothing, and AWS fills in nothing for the whole of it.
    fn lone(&mut self, node: &'a Node, at: At<'_>, want: Option<&'a Tree>, live: Option<&'a Tree>) {
        static NONE: [Tree; 0] = [];
        match (want, live) {
            (Some(one), None) | (None, Some(one)) if !matches!(node.form, Form::Map) && hollow(one) => {}
            (Some(one @ Tree::Map(map)), None) | (None, Some(one @ Tree::Map(map))) => {
                let Form::Structure { optional, .. } = node.form else {
                    return self.differ(at, want, live);
                };
                if node.presence {
                    return self.differ(at, want, live);
                }
                // A block that AWS keeps for everybody (all its members can be left out) differs member by
                // member, one that is there or not differs as a whole; and not at all where defaults make
                // up for it.
                let mark = self.found.len();
                let (side, other) = ((Some(one), Some(map)), (None, None));
                match want {
                    Some(_) => self.members(node, at, side, other),
                    None => self.members(node, at, other, side),
                }
                let one_sided = |d: &FieldDiff| d.want.is_none() || d.live.is_none();
                if !optional && self.found.iter().skip(mark).any(one_sided) {
                    self.found.truncate(mark);
                    self.differ(at, want, live);
                }
            }
            (Some(list @ Tree::List(items)), None) => {
                self.list(node, at, (list, items), (&Tree::Null, &NONE))
            }
            (None, Some(list @ Tree::List(items))) => {
                self.list(node, at, (&Tree::Null, &NONE), (list, items))
            }
            _ => self.differ(at, want, live),
        }
    }

    fn differ(&mut self, at: At<'_>, want: Option<&Tree>, live: Option<&Tree>) {
        self.found.push(FieldDiff { path: at.path(), want: want.cloned(), live: live.cloned() });
    }

    /// The members of two structures.
    fn members(
        &mut self,
        node: &'a Node,
        at: At<'_>,
        (want, wants): (Option<&'a Tree>, Option<&'a Map>),
        (live, lives): (Option<&'a Tree>, Option<&'a Map>),
    ) {
        let parents = Parents { want, live };
        let mut nodes = node.members();
        together(wants, lives, |name, want, live| {
            self.named(next(&mut nodes, name), at.below(Segment::Member(name)), want, live, parents);
        });
    }

    /// The entries of two maps with keys of the user's own: `""` is a value like any other.
    fn entries(&mut self, at: At<'_>, wants: &'a Map, lives: &'a Map) {
        together(Some(wants), Some(lives), |name, want, live| {
            let equal = want.zip(live).is_some_and(|(a, b)| {
                a == b || Scalar::of(a).zip(Scalar::of(b)).is_some_and(|(a, b)| a.same(b))
            });
            if !equal {
                self.differ(at.below(Segment::Member(name)), want, live);
            }
        });
    }

    fn list(
        &mut self,
        node: &'a Node,
        at: At<'_>,
        (want, wants): (&'a Tree, &'a [Tree]),
        (live, lives): (&'a Tree, &'a [Tree]),
    ) {
        let element = node.element();
        if let Some(keys) = node.set {
            let (wants, lives) =
                (Elements { element, keys, items: wants }, Elements { element, keys, items: lives });
            return self.set(at, wants, lives);
        }
        let scalar = |t: &Tree| !matches!(t, Tree::Map(_) | Tree::List(_));
        if wants.iter().chain(lives).all(scalar) {
            // Words of a command mean something together only.
            let same = |(w, l): (&Tree, &Tree)| match (Scalar::of(w), Scalar::of(l)) {
                (Some(w), Some(l)) => w.same(l) || element.same.is_some_and(|s| s.same(w, l)),
                (w, l) => w.is_none() && l.is_none(),
            };
            if wants.len() != lives.len() || !wants.iter().zip(lives).all(same) {
                let side = |tree: &'a Tree| Some(tree).filter(|t| **t != Tree::Null);
                self.differ(at, side(want), side(live));
            }
            return;
        }
        let mut wants = wants.iter().filter(|t| !hollow(t));
        let mut lives = lives.iter().filter(|t| !hollow(t));
        for index in 0.. {
            let at = at.below(Segment::Index(index));
            match (wants.next(), lives.next()) {
                (None, None) => return,
                (Some(want), Some(live)) => self.both(element, at, want, live),
                (want, live) => self.differ(at, want, live),
            }
        }
    }

    /// An element of a set. What is equal needs no table, and most elements are.
    fn element(&mut self, node: &'a Node, at: At<'_>, want: &'a Tree, live: &'a Tree) {
        if want != live {
            self.both(node, at, want, live);
        }
    }

    fn set(&mut self, at: At<'_>, wants: Elements<'a>, lives: Elements<'a>) {
        if set::same_elements(wants.items, lives.items) {
            return;
        }
        let mark = self.found.len();
        // Most often both sides have one order.
        if wants.items.len() == lives.items.len()
            && (0..wants.items.len()).all(|i| wants.same_key(i, &lives, i))
        {
            for (index, (want, live)) in wants.items.iter().zip(lives.items).enumerate() {
                let at = at.below(Segment::Element { elements: wants, index, before: None });
                self.element(wants.element, at, want, live);
            }
            if self.found.len() == mark || !wants.has_twins() {
                return;
            }
            self.found.truncate(mark);
        }
        let find = set::Finder::of(&lives);
        let (mut taken, mut open) = self.pair(at, wants, lives, &find, false);
        if open.any() && wants.has_twins() {
            (taken, open) = self.pair(at, wants, lives, &find, true);
        }
        for (index, want) in wants.items.iter().enumerate().filter(|(i, _)| open.has(*i)) {
            let at = at.below(Segment::Element { elements: wants, index, before: None });
            let partner = find
                .each(&wants, index, &lives)
                .find(|&other| !taken.has(other) && lives.items.get(other).is_some_and(|t| !hollow(t)));
            match partner.and_then(|other| Some((other, lives.items.get(other)?))) {
                Some((other, live)) => {
                    taken.set(other);
                    self.both(wants.element, at, want, live);
                }
                None => self.differ(at, Some(want), None),
            }
        }
        for (index, live) in lives.items.iter().enumerate().filter(|(i, t)| !taken.has(*i) && !hollow(t)) {
            // Numbered after all that read the same on the other side, so that no two paths are one.
            let key = lives.key(index);
            let others = (0..index).filter(|i| !taken.has(*i) && lives.key(*i) == key).count();
            let before = Some(wants.count(&key) + others);
            let at = at.below(Segment::Element { elements: lives, index, before });
            self.differ(at, None, Some(live));
        }
    }

    /// Pairs the elements of two sets of which nothing differs; marks the live ones that are taken and the
    /// wanted ones that are left. Of several with one key, the `same` go together first.
    fn pair(
        &mut self,
        at: At<'_>,
        wants: Elements<'a>,
        lives: Elements<'a>,
        find: &set::Finder<'a>,
        same: bool,
    ) -> (set::Marks, set::Marks) {
        let (mut taken, mut open, mut done) =
            (set::Marks::default(), set::Marks::default(), set::Marks::default());
        let wanted = || wants.items.iter().enumerate().filter(|(_, t)| !hollow(t));
        for (index, want) in wanted().filter(|_| same) {
            let twin = |other: &usize| !taken.has(*other) && lives.items.get(*other) == Some(want);
            if let Some(other) = find.each(&wants, index, &lives).find(twin) {
                taken.set(other);
                done.set(index);
            }
        }
        for (index, want) in wanted() {
            if done.has(index) {
                continue;
            }
            let at = at.below(Segment::Element { elements: wants, index, before: None });
            let mark = self.found.len();
            let equal = find.each(&wants, index, &lives).find(|&other| {
                let Some(live) = lives.items.get(other).filter(|t| !taken.has(other) && !hollow(t)) else {
                    return false;
                };
                self.found.truncate(mark);
                self.element(wants.element, at, want, live);
                self.found.len() == mark
            });
            self.found.truncate(mark);
            match equal {
                Some(other) => taken.set(other),
                None => open.set(index),
            }
        }
        (taken, open)
    }
}
