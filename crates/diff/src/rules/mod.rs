//! What is known of AWS's fields beyond their types: defaults, sets, equalities, what is not ours.
//!
//! One row for each thing known, in a file for each family of resources. Each row names its source:
//! `L` recorded live values, `D` AWS's documentation, `B` the published service models. Where
//! recordings and documentation disagree, the recording stands here.

mod attributes;
mod balancing;
mod basics;
mod fields;
mod node;
mod print;
mod scaling;
mod service;
mod target_group;
mod task_definition;

use evenkeel_model::Tree;

pub use crate::kind::Kind;
pub use crate::value::{Const, Sameness, Value};
pub use attributes::{attribute_default, compare_attributes, listener_attribute_default};
pub use fields::{Change, Clearing, Field, change, clearing, field, immutable};
pub(crate) use node::{Default as NodeDefault, Form, Node, UNKNOWN, compiled};
pub use print::markdown;

use crate::whole::Whole;

impl Kind {
    /// The rows about it.
    pub const fn rows(self) -> &'static [Row] {
        match self {
            Kind::TaskDefinition => task_definition::ROWS,
            Kind::Service => service::ROWS,
            Kind::TargetGroup => target_group::ROWS,
            Kind::LoadBalancer => balancing::LOAD_BALANCER,
            Kind::Listener => balancing::LISTENER,
            Kind::Rule => balancing::RULE,
            Kind::ScalableTarget => scaling::TARGET,
            Kind::ScalingPolicy => scaling::POLICY,
            Kind::ScheduledAction => scaling::SCHEDULED_ACTION,
            Kind::Cluster => basics::CLUSTER,
            Kind::Repository => basics::REPOSITORY,
            Kind::LogGroup => basics::LOG_GROUP,
        }
    }

    /// What can become of its members: in place or not, and how each is taken away.
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Kind::TaskDefinition => task_definition::FIELDS,
            Kind::Service => service::FIELDS,
            Kind::TargetGroup => target_group::FIELDS,
            Kind::LoadBalancer => balancing::LOAD_BALANCER_FIELDS,
            Kind::Listener => balancing::LISTENER_FIELDS,
            Kind::Rule => balancing::RULE_FIELDS,
            Kind::ScalableTarget => scaling::TARGET_FIELDS,
            Kind::ScalingPolicy => scaling::POLICY_FIELDS,
            Kind::ScheduledAction => scaling::SCHEDULED_ACTION_FIELDS,
            Kind::Cluster => basics::CLUSTER_FIELDS,
            Kind::Repository => basics::REPOSITORY_FIELDS,
            Kind::LogGroup => basics::LOG_GROUP_FIELDS,
        }
    }
}

/// One thing known about one field.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Member names from the root of the kind's shape; `*` stands for any element or map key.
    pub path: &'static str,
    /// What is known.
    pub rule: Rule,
    /// Where it is known from.
    pub source: &'static str,
}

/// What can be known about a field.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Absent means this.
    Default(Const),
    /// Absent means what the function makes of the shape around it; in words.
    Derived(Derive, &'static str),
    /// The list has no order; its elements are told apart by these members (or members of members,
    /// `/` between them), or by their whole value where none is named. A member missing from an element
    /// counts with its default.
    Set(&'static [&'static str]),
    /// Compared elsewhere, or not a property of the resource.
    Elsewhere,
    /// Declared, it is compared. Undeclared, whatever AWS has is right, because its default depends on
    /// the account, the day of creation or another owner.
    FreeWhenUndeclared,
    /// Not compared where the two whole shapes, what is wanted and what is there, say so; in words.
    FreeWhen(Free, &'static str),
    /// Two values written differently can be the same.
    Same(Sameness),
    /// `""` is absent. So it is for every field with a list of values, without a row.
    EmptyIsAbsent,
    /// That the block is there means something, whatever is in it.
    Presence,
}

/// Makes a default of the shape around a field.
pub type Derive = for<'a> fn(&Place<'a>) -> Option<Value<'a>>;

/// Says of what is wanted and what is there whether a field counts.
pub type Free = fn(&Whole<'_>, &Whole<'_>) -> bool;

/// Where a derived default is asked for: a side's own shapes around the field.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The whole shape.
    pub root: Whole<'a>,
    /// The structure in which the field is missing, where that exists.
    pub parent: Option<&'a Tree>,
}

/// The way an element of a set is told apart: the set rule at a path of this kind, if any.
pub fn set_keys(kind: Kind, path: &evenkeel_model::Path) -> Option<&'static [&'static str]> {
    let node = path.segments().try_fold(compiled(kind), |node, segment| node.child(segment))?;
    node.set
}

/// True where a member of that name is a set in some kind: its elements are named by key.
pub fn names_a_set(member: &str) -> bool {
    let named = |row: &Row| row.path.rsplit('/').next() == Some(member);
    Kind::ALL.iter().flat_map(|k| k.rows()).any(|r| matches!(r.rule, Rule::Set(_)) && named(r))
}

const fn row(path: &'static str, rule: Rule, source: &'static str) -> Row {
    Row { path, rule, source }
}
const fn int(path: &'static str, n: i64, source: &'static str) -> Row {
    row(path, Rule::Default(Const::Int(n)), source)
}
const fn text(path: &'static str, s: &'static str, source: &'static str) -> Row {
    row(path, Rule::Default(Const::Str(s)), source)
}
const fn flag(path: &'static str, b: bool, source: &'static str) -> Row {
    row(path, Rule::Default(Const::Bool(b)), source)
}
const fn set(path: &'static str, keys: &'static [&'static str], source: &'static str) -> Row {
    row(path, Rule::Set(keys), source)
}
const fn derive(path: &'static str, f: Derive, words: &'static str, source: &'static str) -> Row {
    row(path, Rule::Derived(f, words), source)
}
const fn free(path: &'static str, source: &'static str) -> Row {
    row(path, Rule::FreeWhenUndeclared, source)
}
const fn free_when(path: &'static str, f: Free, words: &'static str, source: &'static str) -> Row {
    row(path, Rule::FreeWhen(f, words), source)
}
const fn same(path: &'static str, sameness: Sameness, source: &'static str) -> Row {
    row(path, Rule::Same(sameness), source)
}
const fn elsewhere(path: &'static str, source: &'static str) -> Row {
    row(path, Rule::Elsewhere, source)
}
const fn no_empty(path: &'static str, source: &'static str) -> Row {
    row(path, Rule::EmptyIsAbsent, source)
}

fn says(s: &'static str) -> Option<Value<'static>> {
    Some(Value::Const(Const::Str(s)))
}
fn counts(n: i64) -> Option<Value<'static>> {
    Some(Value::Const(Const::Int(n)))
}
