//! What can become of a member: whether it changes in place, and how it is taken away.

use evenkeel_model::Tree;

use super::Kind;

/// A member, what changing it takes, and what taking it out of the document takes.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Member names from the root of the kind's shape, `/` between them. What lies below a field
    /// without one of its own goes with it.
    pub path: &'static str,
    /// What changing it takes.
    pub change: Change,
    /// What taking it away takes.
    pub clearing: Clearing,
    /// Where it is known from.
    pub source: &'static str,
}

/// What changing a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A call that changes what exists.
    InPlace,
    /// A call that changes what exists and starts new tasks in place of the old.
    Deployment,
    /// The same, but ECS does it only where the call forces a new deployment.
    ForcedDeployment,
    /// A new revision of the task definition.
    Revision,
    /// Another resource in its place: it cannot be changed on what exists.
    Replace,
    /// It names the resource or belongs to one call, and is no property of its own.
    Name,
}

impl Change {
    /// In words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Change::InPlace => "in place",
            Change::Deployment => "new deployment",
            Change::ForcedDeployment => "forced deployment",
            Change::Revision => "new revision",
            Change::Replace => "replace",
            Change::Name => "–",
        }
    }

    /// True where ECS replaces tasks for it.
    pub const fn deploys(self) -> bool {
        matches!(self, Change::Deployment | Change::ForcedDeployment)
    }
}

/// How a field that the document no longer has goes away. In every update call of ECS and ELBv2 an
/// absent member means "as it is", unless the source says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearing {
    /// The call replaces everything: what is absent from it is gone.
    Replaced,
    /// An empty list in the update takes away what is there.
    SendEmptyList,
    /// This JSON in the update turns it off.
    SendValue(&'static str),
    /// AWS's own default, sent in words, puts it back.
    SendDefault,
    /// Nothing in an update takes it away; why.
    CannotBeCleared(&'static str),
    /// Undeclared, it is another's: nothing is sent and nothing is missing; whose.
    Unchanged(&'static str),
}

impl Clearing {
    /// In words for people.
    pub fn words(self) -> String {
        match self {
            Clearing::Replaced => "left out".to_owned(),
            Clearing::SendEmptyList => "`[]`".to_owned(),
            Clearing::SendValue(json) => format!("`{json}`"),
            Clearing::SendDefault => "its default".to_owned(),
            Clearing::CannotBeCleared(why) => format!("cannot: {why}"),
            Clearing::Unchanged(whose) => format!("stays: {whose}"),
        }
    }

    /// The constant to send, where it is one.
    pub fn value(self) -> Option<Tree> {
        match self {
            Clearing::SendEmptyList => Some(Tree::list([])),
            Clearing::SendValue(json) => serde_json::from_str::<serde_json::Value>(json).ok().map(Tree::from),
            _ => None,
        }
    }
}

/// The field of this path, or the nearest above it that has a row.
pub fn field<'s>(kind: Kind, path: impl IntoIterator<Item = &'s str>) -> Option<&'static Field> {
    let path: Vec<&str> = path.into_iter().collect();
    kind.fields()
        .iter()
        .filter(|f| {
            let mut own = f.path.split('/');
            let mut at = path.iter();
            own.all(|s| at.next() == Some(&s))
        })
        .max_by_key(|f| f.path.len())
}

/// What changing the field at this path takes; in place where no row speaks of it.
pub fn change<'s>(kind: Kind, path: impl IntoIterator<Item = &'s str>) -> Change {
    field(kind, path).map_or(Change::InPlace, |f| f.change)
}

/// How a top-level member, or a member of members (`/` between them), is taken away.
pub fn clearing(kind: Kind, member: &str) -> Clearing {
    field(kind, member.split('/'))
        .filter(|f| f.path == member)
        .map_or(Clearing::CannotBeCleared("no table knows it"), |f| f.clearing)
}

/// The top-level members of a kind that cannot be changed on what exists.
pub fn immutable(kind: Kind) -> impl Iterator<Item = &'static str> {
    kind.fields().iter().filter(|f| f.change == Change::Replace && !f.path.contains('/')).map(|f| f.path)
}

pub(super) const fn at(
    path: &'static str,
    change: Change,
    clearing: Clearing,
    source: &'static str,
) -> Field {
    Field { path, change, clearing, source }
}
pub(super) const fn name(path: &'static str, source: &'static str) -> Field {
    at(path, Change::Name, Clearing::Unchanged("it is no property"), source)
}
pub(super) const fn fixed(path: &'static str, source: &'static str) -> Field {
    at(path, Change::Replace, Clearing::CannotBeCleared("fixed at creation"), source)
}
pub(super) const fn default(path: &'static str, source: &'static str) -> Field {
    at(path, Change::InPlace, Clearing::SendDefault, source)
}
