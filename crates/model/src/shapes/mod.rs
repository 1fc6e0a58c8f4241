//! What AWS says its shapes are: names, types, enums, limits and required members, as tables.
//!
//! The tables are facts from AWS's service models, written by `cargo xtask gen-shapes`. Inside Evenkeel
//! a member is called by its *canonical* name: the wire name with its first letter in lower case. ECS
//! writes its members so already; ELBv2's `TargetGroupArn` is `targetGroupArn` and Application Auto
//! Scaling's `RoleARN` is `roleARN`. Keys of maps (environment, labels, options) are never touched.
//!
//! AWS is ahead of any table: a member that no shape knows passes through untouched everywhere.

mod check;
#[rustfmt::skip]
mod generated;
mod grow;

pub use check::{Problem, check, check_text, check_value, coerce};
pub use generated::{BOTOCORE_VERSION, Op, ShapeId};
pub use grow::grow;

use crate::tree::{Map, Name, Tree};
use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

/// An AWS service whose shapes are known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Service {
    /// Amazon ECS
    Ecs,
    /// Elastic Load Balancing v2
    Elbv2,
    /// Application Auto Scaling
    Scaling,
    /// Amazon ECR
    Ecr,
    /// Amazon CloudWatch Logs
    Logs,
}

/// How a service speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// awsJson: a JSON body, the operation in `X-Amz-Target` as `TARGET.OPERATION`.
    Json {
        /// Of the content type, `application/x-amz-json-VERSION`.
        version: &'static str,
        /// What stands before the operation in `X-Amz-Target`.
        target: &'static str,
    },
    /// awsQuery: a form body with `Action` and `Version`, an XML reply.
    Query {
        /// The API version that goes into `Version`.
        version: &'static str,
    },
}

/// The type of a shape. Limits are inclusive; lengths are in characters, elements or entries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Named members.
    Structure {
        /// Exactly one member is given.
        union: bool,
        /// Sorted by canonical name.
        members: &'static [Member],
    },
    /// Elements of one shape.
    List {
        /// The shape of an element.
        item: ShapeId,
        /// Fewest elements.
        min: Option<u64>,
        /// Most elements.
        max: Option<u64>,
    },
    /// Entries under keys of the user's choice.
    Map {
        /// The shape of a key.
        key: ShapeId,
        /// The shape of a value.
        value: ShapeId,
        /// Fewest entries.
        min: Option<u64>,
        /// Most entries.
        max: Option<u64>,
    },
    /// Text.
    String {
        /// The allowed values; empty where any will do.
        enums: &'static [&'static str],
        /// Shortest length.
        min: Option<u64>,
        /// Greatest length.
        max: Option<u64>,
        /// The regular expression of the model, in its own dialect; long ones are left out.
        pattern: Option<&'static str>,
    },
    /// A whole number of 32 bits.
    Integer {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
    },
    /// A whole number of 64 bits.
    Long {
        /// Least value.
        min: Option<i64>,
        /// Greatest value.
        max: Option<i64>,
    },
    /// A number.
    Float {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// A number.
    Double {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
    /// A point in time: seconds since 1970 in JSON, ISO 8601 text in the query protocol.
    Timestamp,
    /// Bytes, in base64.
    Blob,
    /// JSON of any form.
    Document,
}

/// A member of a structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// The canonical name.
    pub name: &'static str,
    /// The name on the wire.
    pub wire: &'static str,
    /// The shape of its value.
    pub shape: ShapeId,
    /// AWS refuses the structure without it.
    pub required: bool,
}

struct ServiceFacts {
    name: &'static str,
    endpoint: &'static str,
    protocol: Protocol,
}

struct OpFacts {
    service: Service,
    name: &'static str,
    verb: &'static str,
    input: ShapeId,
    output: Option<ShapeId>,
}

struct Shape {
    id: ShapeId,
    service: Service,
    name: &'static str,
    kind: Kind,
}

const fn optional(name: &'static str, wire: &'static str, shape: ShapeId) -> Member {
    Member { name, wire, shape, required: false }
}

const fn required(name: &'static str, wire: &'static str, shape: ShapeId) -> Member {
    Member { name, wire, shape, required: true }
}

impl Service {
    /// Every service.
    pub const ALL: [Service; 5] =
        [Service::Ecs, Service::Elbv2, Service::Scaling, Service::Ecr, Service::Logs];

    fn facts(self) -> &'static ServiceFacts {
        &generated::SERVICES[self as usize]
    }

    /// As the AWS CLI calls it, such as `application-autoscaling`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The first part of its host names, such as `api.ecr`.
    pub fn endpoint(self) -> &'static str {
        self.facts().endpoint
    }

    /// How it speaks.
    pub fn protocol(self) -> Protocol {
        self.facts().protocol
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Op {
    fn facts(self) -> &'static OpFacts {
        &generated::OPS[self as usize]
    }

    /// The service that offers it.
    pub fn service(self) -> Service {
        self.facts().service
    }

    /// As the API writes it, such as `CreateService`.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// As the AWS CLI writes it, such as `create-service`.
    pub fn verb(self) -> &'static str {
        self.facts().verb
    }

    /// The shape of what it takes.
    pub fn input(self) -> ShapeId {
        self.facts().input
    }

    /// The shape of what it answers; `None` where the answer is empty.
    pub fn output(self) -> Option<ShapeId> {
        self.facts().output
    }
}

/// `ecs:CreateService`, as IAM writes it but for the names of some services.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service(), self.name())
    }
}

impl ShapeId {
    fn shape(self) -> &'static Shape {
        &generated::SHAPES[self as usize]
    }

    /// Every shape, by service and name.
    pub fn all() -> impl ExactSizeIterator<Item = ShapeId> {
        generated::SHAPES.iter().map(|s| s.id)
    }

    /// The name that the model gives it, such as `ContainerDefinition`.
    pub fn name(self) -> &'static str {
        self.shape().name
    }

    /// The service whose model it is from.
    pub fn service(self) -> Service {
        self.shape().service
    }

    /// Its type.
    pub fn kind(self) -> Kind {
        self.shape().kind
    }

    /// Its members by canonical name; none where it is no structure.
    pub fn members(self) -> &'static [Member] {
        match self.kind() {
            Kind::Structure { members, .. } => members,
            _ => &[],
        }
    }

    /// The member of that name; the first letter may stand in either case.
    pub fn member(self, name: &str) -> Option<&'static Member> {
        let (first, rest) = name.as_bytes().split_first()?;
        let wanted = first.to_ascii_lowercase();
        let members = self.members();
        let at = members
            .binary_search_by(|m| match m.name.as_bytes().split_first() {
                Some((f, r)) => f.cmp(&wanted).then_with(|| r.cmp(rest)),
                None => Ordering::Less,
            })
            .ok()?;
        members.get(at)
    }

    /// As [`ShapeId::member`], by numbers where the name is canonical.
    pub fn named(self, name: &Name) -> Option<&'static Member> {
        static NUMBERS: LazyLock<Vec<Box<[u16]>>> = LazyLock::new(|| {
            let number = |m: &Member| Name::from(m.name).number();
            ShapeId::all().map(|shape| shape.members().iter().filter_map(number).collect()).collect()
        });
        let Some(number) = name.number() else { return self.member(name) };
        let at = NUMBERS.get(self as usize)?.binary_search(&number).ok()?;
        self.members().get(at)
    }

    /// The shape at a path below this one: members by name, any segment for the elements of a list
    /// (an index or a set's key) and for the values of a map.
    pub fn at<'s>(self, segments: impl IntoIterator<Item = &'s str>) -> Option<ShapeId> {
        segments.into_iter().try_fold(self, |shape, segment| match shape.kind() {
            Kind::Structure { .. } => shape.member(segment).map(|m| m.shape),
            Kind::List { item, .. } => Some(item),
            Kind::Map { value, .. } => Some(value),
            _ => None,
        })
    }

    /// The member that somebody who wrote `name` most likely meant.
    pub fn nearest(self, name: &str) -> Option<&'static str> {
        nearest(name, self.members().iter().map(|m| m.name))
    }

    /// What a value of this shape is, in words for people.
    pub fn words(self) -> &'static str {
        match self.kind() {
            Kind::Structure { .. } | Kind::Map { .. } => "an object",
            Kind::List { .. } => "a list",
            Kind::String { .. } | Kind::Blob => "a string",
            Kind::Integer { .. } | Kind::Long { .. } => "an integer",
            Kind::Float { .. } | Kind::Double { .. } => "a number",
            Kind::Boolean => "a boolean",
            Kind::Timestamp => "a time",
            Kind::Document => "a value",
        }
    }
}

/// The candidate nearest to `name`, whatever its case; `None` where none is near enough to be a slip:
/// one edit in three letters, two swapped neighbours counting as one.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let name = name.to_lowercase();
    let most = (name.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|c| (strsim::osa_distance(&name, &c.to_lowercase()), c))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, c)| c)
}

/// Gives the members of known structures their canonical names, in depth, and numbers the form of their
/// shape (`70.0` is `70` where whole numbers stand, `70` is `70.0` elsewhere), so that equal values are
/// equal trees. Unknown members and map keys keep their names. Of a member given in both cases the
/// canonical one stays, unless it is null; [`check`] tells of it.
pub fn canonical(tree: Tree, shape: ShapeId) -> Tree {
    match (shape.kind(), tree) {
        (Kind::Structure { .. }, Tree::Map(map)) => {
            // Upper case sorts first, so the canonical spelling comes last and wins.
            let mut named: Vec<(Name, Tree)> = Vec::with_capacity(map.len());
            for (name, value) in map {
                match shape.named(&name) {
                    Some(member) => {
                        let name = if *name == *member.name { name } else { member.name.into() };
                        named.push((name, canonical(value, member.shape)));
                    }
                    None => named.push((name, value)),
                }
            }
            let given = |n: &Name| named.iter().any(|(m, v)| m == n && *v != Tree::Null);
            let nulls: Vec<bool> = named.iter().map(|(n, v)| *v == Tree::Null && given(n)).collect();
            let kept = named.into_iter().zip(nulls).filter(|(_, null)| !null).map(|(e, _)| e);
            Tree::Map(kept.collect::<Map>())
        }
        (Kind::List { item, .. }, Tree::List(items)) => {
            Tree::list(items.into_iter().map(|v| canonical(v, item)))
        }
        (Kind::Map { value, .. }, Tree::Map(map)) => {
            Tree::Map(map.into_iter().map(|(n, v)| (n, canonical(v, value))).collect())
        }
        (Kind::Integer { .. } | Kind::Long { .. }, Tree::Num(n)) => {
            Tree::Num(n).as_int().map_or(Tree::Num(n), Tree::Int)
        }
        (Kind::Float { .. } | Kind::Double { .. }, Tree::Int(n)) => Tree::Num(n as f64),
        (_, tree) => tree,
    }
}

#[cfg(test)]
mod tests;
