//! The rows of a kind laid over its shape: a tree that is walked together with the two sides.

use std::sync::OnceLock;

use evenkeel_model::Name;
use evenkeel_model::shapes::{Kind as ShapeKind, ShapeId};

use super::{Const, Derive, Free, Kind, Place, Rule, Sameness, Value};

/// What is known about the values at one place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) form: Form,
    pub(crate) elsewhere: bool,
    pub(crate) free_when_undeclared: bool,
    pub(crate) free_when: Option<Free>,
    pub(crate) default: Default,
    pub(crate) set: Option<&'static [&'static str]>,
    pub(crate) same: Option<Sameness>,
    pub(crate) empty_is_absent: bool,
    pub(crate) presence: bool,
    /// AWS shows it where nobody sent it: a default of its own, not only that every switch is off.
    pub(crate) says: bool,
    /// Of a structure, the members without which AWS refuses it.
    pub(crate) required: Vec<&'static str>,
}

/// What stands in for an absent value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    Nothing,
    Const(Const),
    Derived(Derive),
}

/// The type of the values.
#[derive(Debug)]
pub(crate) enum Form {
    /// Members sorted by name. `optional`: AWS takes it with every member left out.
    Structure {
        members: Box<[(Name, Node)]>,
        optional: bool,
    },
    List(Box<Node>),
    Map,
    Scalar,
    Time,
    /// JSON of any form, compared as such.
    Document,
    /// No table knows it.
    Unknown,
}

/// What no table knows.
pub(crate) static UNKNOWN: Node = Node::plain(Form::Unknown);

impl Node {
    const fn plain(form: Form) -> Node {
        // What no table knows may hold a document as text, as policies do.
        let same = if matches!(form, Form::Unknown) { Some(Sameness::Json) } else { None };
        Node {
            form,
            elsewhere: false,
            free_when_undeclared: false,
            free_when: None,
            default: Default::Nothing,
            set: None,
            same,
            empty_is_absent: false,
            presence: false,
            says: false,
            required: Vec::new(),
        }
    }

    fn of(shape: ShapeId, depth: usize) -> Node {
        let form = match shape.kind() {
            // No input is nested so deep; a shape that holds itself would be.
            _ if depth == 0 => Form::Document,
            ShapeKind::Structure { members, .. } => Form::Structure {
                members: members.iter().map(|m| (m.name.into(), Node::of(m.shape, depth - 1))).collect(),
                optional: members.iter().all(|m| !m.required),
            },
            ShapeKind::List { item, .. } => Form::List(Box::new(Node::of(item, depth - 1))),
            ShapeKind::Map { .. } => Form::Map,
            ShapeKind::Timestamp => Form::Time,
            ShapeKind::Document => Form::Document,
            _ => Form::Scalar,
        };
        let mut node = Node::plain(form);
        match shape.kind() {
            // No list of values has an empty one: AWS prints `""` for what was never set.
            ShapeKind::String { enums, .. } => node.empty_is_absent = !enums.is_empty(),
            // A switch that nobody touched is off, unless a row says that it is on.
            ShapeKind::Boolean => node.default = Default::Const(Const::Bool(false)),
            ShapeKind::Structure { members, .. } => {
                node.required = members.iter().filter(|m| m.required).map(|m| m.name).collect();
            }
            _ => {}
        }
        node
    }

    /// A block says something where a member of it does.
    fn conclude(&mut self) {
        let members = match &mut self.form {
            Form::Structure { members, .. } => members,
            Form::List(item) => return item.conclude(),
            _ => return,
        };
        for (_, member) in members.iter_mut() {
            member.conclude();
        }
        self.says |= members.iter().any(|(_, m)| m.says && !matches!(m.form, Form::List(_)));
    }

    fn at_mut(&mut self, path: &str) -> Option<&mut Node> {
        path.split('/').try_fold(self, |node, segment| match &mut node.form {
            Form::Structure { members, .. } => {
                let at = members.binary_search_by(|(n, _)| (**n).cmp(segment)).ok()?;
                members.get_mut(at).map(|(_, n)| n)
            }
            Form::List(item) => Some(&mut **item),
            _ => None,
        })
    }

    fn learn(&mut self, rule: Rule) {
        match rule {
            Rule::Default(constant) => {
                self.default = Default::Const(constant);
                self.says = true;
            }
            Rule::Derived(f, _) => {
                self.default = Default::Derived(f);
                self.says = true;
            }
            Rule::Set(keys) => self.set = Some(keys),
            Rule::Elsewhere => self.elsewhere = true,
            Rule::FreeWhenUndeclared => self.free_when_undeclared = true,
            Rule::FreeWhen(f, _) => self.free_when = Some(f),
            Rule::Same(sameness) => self.same = Some(sameness),
            Rule::EmptyIsAbsent => self.empty_is_absent = true,
            Rule::Presence => self.presence = true,
        }
    }

    /// The node of a member, or of the elements whatever the segment.
    pub(crate) fn child(&self, segment: &str) -> Option<&Node> {
        match &self.form {
            Form::Structure { members, .. } => {
                let at = members.binary_search_by(|(n, _)| (**n).cmp(segment)).ok()?;
                members.get(at).map(|(_, n)| n)
            }
            Form::List(item) => Some(item),
            _ => None,
        }
    }

    /// The members of a structure, sorted by name.
    pub(crate) fn members(&self) -> &[(Name, Node)] {
        match &self.form {
            Form::Structure { members, .. } => members,
            _ => &[],
        }
    }

    /// The node of a list's elements.
    pub(crate) fn element(&self) -> &Node {
        match &self.form {
            Form::List(item) => item,
            _ => &UNKNOWN,
        }
    }

    /// What AWS fills in here.
    pub(crate) fn default<'a>(&self, place: &Place<'a>) -> Option<Value<'a>> {
        match self.default {
            Default::Nothing => None,
            Default::Const(constant) => Some(Value::Const(constant)),
            Default::Derived(f) => f(place),
        }
    }
}

/// The compiled table of a kind.
pub(crate) fn compiled(kind: Kind) -> &'static Node {
    static TABLES: OnceLock<Vec<Node>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| {
        Kind::ALL
            .into_iter()
            .map(|kind| {
                let mut root = Node::of(kind.shape(), 16);
                for row in kind.rows() {
                    if let Some(node) = root.at_mut(row.path) {
                        node.learn(row.rule);
                    }
                }
                root.conclude();
                root
            })
            .collect()
    });
    tables.get(kind as usize).unwrap_or(&UNKNOWN)
}
