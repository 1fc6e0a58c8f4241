//! One side of a comparison, read in place.
//!
//! AWS describes some things in another form than it takes them. A [`Whole`] finds a declared member
//! where the described shape has it, so that nothing is copied for a comparison.

use evenkeel_model::Tree;

use crate::kind::Kind;

/// A whole shape: as declared, or as AWS describes it.
#[derive(Clone, Copy)]
pub struct Whole<'a> {
    tree: &'a Tree,
    elsewhere: Elsewhere<'a>,
}

#[derive(Clone, Copy)]
enum Elsewhere<'a> {
    Nothing,
    Service { primary: Option<&'a Tree>, revision: Option<&'a Tree> },
    Named(&'static str),
}

/// What ECS shows on the primary deployment, not on the service.
const ON_DEPLOYMENT: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// What only a service revision shows: an observer that reads it puts the revision into the service's
/// tree under [`SERVICE_REVISION`].
const ON_REVISION: [&str; 2] = ["gatewayConnectors", "monitoring"];

const MOVED: [&str; 6] =
    ["role", ON_DEPLOYMENT[0], ON_DEPLOYMENT[1], ON_DEPLOYMENT[2], ON_REVISION[0], ON_REVISION[1]];

/// The member of a service's tree in which its current revision stands; no field of AWS.
pub const SERVICE_REVISION: &str = "serviceRevision";

impl<'a> Whole<'a> {
    /// As declared.
    pub fn declared(tree: &'a Tree) -> Self {
        Whole { tree, elsewhere: Elsewhere::Nothing }
    }

    /// As AWS describes one of this kind.
    pub fn described(kind: Kind, tree: &'a Tree) -> Self {
        let elsewhere = match kind {
            Kind::Service => Elsewhere::Service {
                primary: tree.list_of("deployments").iter().find(|d| d.str("status") == Some("PRIMARY")),
                revision: tree.get(SERVICE_REVISION),
            },
            Kind::TargetGroup => Elsewhere::Named("targetGroupName"),
            _ => Elsewhere::Nothing,
        };
        Whole { tree, elsewhere }
    }

    /// The tree itself.
    pub fn tree(&self) -> &'a Tree {
        self.tree
    }

    /// The members that may stand elsewhere than in the tree itself.
    pub(crate) fn moved(&self) -> &'static [&'static str] {
        match self.elsewhere {
            Elsewhere::Nothing => &[],
            Elsewhere::Named(_) => &["name"],
            Elsewhere::Service { .. } => &MOVED,
        }
    }

    /// A member, wherever it stands; `None` for null.
    pub fn get(&self, name: &str) -> Option<&'a Tree> {
        self.member(name, self.tree.get(name))
    }

    /// A member of which `own` stands in the tree itself.
    fn member(&self, name: &str, own: Option<&'a Tree>) -> Option<&'a Tree> {
        match self.elsewhere {
            Elsewhere::Nothing => own,
            Elsewhere::Named(described) => {
                own.or_else(|| (name == "name").then(|| self.tree.get(described))?)
            }
            Elsewhere::Service { primary, revision } => match name {
                "role" => own.or_else(|| self.tree.get("roleArn")),
                _ if ON_DEPLOYMENT.contains(&name) => {
                    primary.and_then(|p| p.get(name)).or(own).or_else(|| revision?.get(name))
                }
                _ if ON_REVISION.contains(&name) => revision.and_then(|r| r.get(name)).or(own),
                _ => own,
            },
        }
    }

    /// A member's text.
    pub fn str(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// A member's elements.
    pub fn list_of(&self, name: &str) -> &'a [Tree] {
        self.get(name).map_or(&[], Tree::items)
    }

    /// The value at a path of member names.
    pub fn pointer(&self, path: &str) -> Option<&'a Tree> {
        match path.split_once('/') {
            Some((first, rest)) => self.get(first)?.pointer(rest),
            None => self.get(path),
        }
    }
}
