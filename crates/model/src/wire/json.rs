//! awsJson: bodies of ECS, Application Auto Scaling, ECR and CloudWatch Logs.

use super::{DEEPEST, DecodeError, LARGEST, seconds};
use crate::shapes::{Kind, ShapeId, canonical};
use crate::tree::{Map, Name, Names, Tree};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The request body for a tree of this shape: members under their wire names, nulls dropped, times as
/// seconds, whole numbers without a fraction where the shape has them so. Unknown members as they are.
pub fn encode(tree: &Tree, shape: ShapeId) -> String {
    let mut out = String::new();
    put(tree, shape, &mut out);
    out
}

fn put(tree: &Tree, shape: ShapeId, out: &mut String) {
    match (shape.kind(), tree) {
        (Kind::Structure { .. }, Tree::Map(map)) => {
            out.push('{');
            for (name, value) in map.iter().filter(|(_, v)| **v != Tree::Null) {
                match shape.member(name) {
                    // Given in both cases: the canonical one counts.
                    Some(member) if **name != *member.name && tree.get(member.name).is_some() => {}
                    Some(member) => {
                        put_name(member.wire, out);
                        put(value, member.shape, out);
                    }
                    None => {
                        put_name(name, out);
                        out.push_str(&value.to_json());
                    }
                }
            }
            out.push('}');
        }
        (Kind::Map { value: shape, .. }, Tree::Map(map)) => {
            out.push('{');
            for (name, value) in map.iter().filter(|(_, v)| **v != Tree::Null) {
                put_name(name, out);
                put(value, shape, out);
            }
            out.push('}');
        }
        (Kind::List { item, .. }, Tree::List(items)) => {
            out.push('[');
            for value in items.iter().filter(|v| **v != Tree::Null) {
                separate(out);
                put(value, item, out);
            }
            out.push(']');
        }
        (Kind::Integer { .. } | Kind::Long { .. }, Tree::Num(_)) => {
            out.push_str(&canonical(tree.clone(), shape).to_json());
        }
        (Kind::Timestamp, Tree::Str(_)) => {
            let number = seconds(tree).map(|s| Tree::Num(s).as_int().map_or(Tree::Num(s), Tree::Int));
            out.push_str(&number.as_ref().unwrap_or(tree).to_json());
        }
        _ => out.push_str(&tree.to_json()),
    }
}

fn put_name(name: &str, out: &mut String) {
    separate(out);
    out.push_str(&Tree::from(name).to_json());
    out.push(':');
}

fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

/// The canonical tree of a reply; without a shape names stay as they are. Nulls of structures are
/// dropped, times stay numbers. An empty body, which operations without output send, is an empty map.
///
/// # Errors
/// Where it is no JSON, too large or too deep, or holds another type of value where the shape has a
/// structure, a list or a map: such a reply must not pass for an empty one.
pub fn decode(bytes: &[u8], shape: impl Into<Option<ShapeId>>) -> Result<Tree, DecodeError> {
    if bytes.len() > LARGEST {
        return Err(DecodeError::TooLarge(bytes.len()));
    }
    if bytes.trim_ascii().is_empty() {
        return Ok(Tree::map());
    }
    let mut names = Names::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let place = Place { shape: shape.into(), depth: 0, names: &mut names };
    let tree = place.deserialize(&mut reader).map_err(DecodeError::Json)?;
    reader.end().map_err(DecodeError::Json)?;
    Ok(tree)
}

/// Where the next value belongs.
struct Place<'n> {
    shape: Option<ShapeId>,
    depth: usize,
    names: &'n mut Names,
}

impl Place<'_> {
    fn below<E: Error>(&mut self, shape: Option<ShapeId>) -> Result<Place<'_>, E> {
        if self.depth == DEEPEST {
            return Err(E::custom(DecodeError::TooDeep));
        }
        Ok(Place { shape, depth: self.depth + 1, names: self.names })
    }

    fn kind(&self) -> Option<Kind> {
        self.shape.map(ShapeId::kind)
    }

    /// A scalar; refused where something with parts belongs, but for null.
    fn scalar<E: Error>(&self, tree: Tree) -> Result<Tree, E> {
        match (self.kind(), self.shape) {
            (Some(Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. }), Some(shape)) => {
                Err(E::custom(format_args!("{} where {} belongs", tree.kind(), shape.words())))
            }
            (_, Some(shape)) => Ok(canonical(tree, shape)),
            (_, None) => Ok(tree),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Tree;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shape.map_or("a value", ShapeId::words))
    }
    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_bool<E: Error>(self, b: bool) -> Result<Tree, E> {
        self.scalar(Tree::Bool(b))
    }
    fn visit_i64<E: Error>(self, n: i64) -> Result<Tree, E> {
        self.scalar(Tree::Int(n))
    }
    fn visit_u64<E: Error>(self, n: u64) -> Result<Tree, E> {
        self.scalar(i64::try_from(n).map_or(Tree::Num(n as f64), Tree::Int))
    }
    fn visit_f64<E: Error>(self, n: f64) -> Result<Tree, E> {
        self.scalar(Tree::Num(n))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        self.scalar(Tree::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Tree, A::Error> {
        let item = match self.kind() {
            Some(Kind::List { item, .. }) => Some(item),
            Some(Kind::Structure { .. } | Kind::Map { .. }) => {
                return Err(A::Error::custom("a list where an object belongs"));
            }
            _ => None,
        };
        let mut items = Vec::new();
        while let Some(value) = seq.next_element_seed(self.below(item)?)? {
            items.push(value);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Tree, A::Error> {
        let kind = self.kind();
        if matches!(kind, Some(Kind::List { .. })) {
            return Err(A::Error::custom("an object where a list belongs"));
        }
        let structure = self.shape.filter(|_| matches!(kind, Some(Kind::Structure { .. })));
        let mut entries: Vec<(Name, Tree)> = Vec::new();
        while let Some((name, shape)) = map.next_key_seed(Key { structure, names: self.names })? {
            let shape = match kind {
                Some(Kind::Map { value, .. }) => Some(value),
                _ => shape,
            };
            let value = map.next_value_seed(self.below(shape)?)?;
            if structure.is_none() || value != Tree::Null {
                entries.push((name, value));
            }
        }
        Ok(Tree::Map(entries.into_iter().collect::<Map>()))
    }
}

/// Reads a name: of a member of `structure` where it is one.
struct Key<'n> {
    structure: Option<ShapeId>,
    names: &'n mut Names,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = (Name, Option<ShapeId>);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = (Name, Option<ShapeId>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match self.structure.and_then(|s| s.member(name)) {
            Some(member) => (self.names.intern(member.name), Some(member.shape)),
            None => (self.names.intern(name), None),
        })
    }
}
