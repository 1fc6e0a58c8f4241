//! The compact tree in which AWS shapes and documents are held.
//!
//! 24 bytes a node, short texts in the node itself, member names as numbers, maps sorted by name, so that two
//! trees can be walked together without copies. What a member means stands in tables beside the tree, not in its type.

use std::fmt;

pub use crate::name::{Name, Names};

/// Text that takes no place of its own where it is short, as most is: fewer places to make, to hold and to look at.
pub type Str = compact_str::CompactString;

/// A value of a document or of an AWS call.
#[derive(Clone, Default, PartialEq)]
pub enum Tree {
    /// JSON's `null`; AWS shapes treat it as absent.
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number that was written without a fraction or exponent and fits.
    Int(i64),
    /// Any other number.
    Num(f64),
    /// Text.
    Str(Str),
    /// An array.
    List(Box<[Tree]>),
    /// An object or map.
    Map(Map),
}

/// Entries sorted by name, each name once.
#[derive(Clone, Default, PartialEq)]
pub struct Map(Box<[(Name, Tree)]>);

impl Map {
    /// Where `name` is. Most maps are so small that looking at each name is quickest.
    fn find(&self, name: &str) -> Option<usize> {
        match self.0.len() {
            ..=8 => self.0.iter().position(|(n, _)| **n == *name),
            _ => self.0.binary_search_by(|(n, _)| (**n).cmp(name)).ok(),
        }
    }

    /// The value under `name`.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        self.place(name).map(|(_, value)| value)
    }

    /// The value under `name`, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Tree> {
        let at = self.find(name)?;
        self.0.get_mut(at).map(|(_, v)| v)
    }

    /// The value under `name`, and how many entries stand before it.
    pub fn place(&self, name: &str) -> Option<(usize, &Tree)> {
        let at = self.find(name)?;
        self.0.get(at).map(|(_, v)| (at, v))
    }

    /// True where `name` has a value, be it null.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Puts `value` under `name` and returns what stood there.
    pub fn insert(&mut self, name: impl Into<Name>, value: Tree) -> Option<Tree> {
        let name = name.into();
        match self.0.binary_search_by(|(n, _)| n.cmp(&name)) {
            Ok(at) => self.0.get_mut(at).map(|(_, v)| std::mem::replace(v, value)),
            Err(at) => {
                let mut entries = std::mem::take(&mut self.0).into_vec();
                entries.insert(at, (name, value));
                self.0 = entries.into();
                None
            }
        }
    }

    /// Takes the value under `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Tree> {
        let at = self.find(name)?;
        let mut entries = std::mem::take(&mut self.0).into_vec();
        let (_, value) = entries.remove(at);
        self.0 = entries.into();
        Some(value)
    }

    /// The entries, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Name, &Tree)> + DoubleEndedIterator {
        self.0.iter().map(|(n, v)| (n, v))
    }

    /// The entries, sorted by name.
    pub fn entries(&self) -> &[(Name, Tree)] {
        &self.0
    }

    /// The names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.0.iter().map(|(n, _)| n)
    }

    /// The values, to be changed in place, with their names.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Name, &mut Tree)> {
        self.0.iter_mut().map(|(n, v)| (&*n, v))
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Of entries with one name the last is kept, as JSON parsers do; readers that must notice say so first.
impl FromIterator<(Name, Tree)> for Map {
    fn from_iter<I: IntoIterator<Item = (Name, Tree)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.reverse();
            entries.dedup_by(|(a, _), (b, _)| a == b);
            entries.reverse();
        }
        Map(entries.into())
    }
}
impl IntoIterator for Map {
    type Item = (Name, Tree);
    type IntoIter = std::vec::IntoIter<(Name, Tree)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl Tree {
    /// An empty map.
    pub fn map() -> Self {
        Tree::Map(Map::default())
    }

    /// A map from entries.
    pub fn of<N: Into<Name>>(entries: impl IntoIterator<Item = (N, Tree)>) -> Self {
        Tree::Map(entries.into_iter().map(|(n, v)| (n.into(), v)).collect())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Tree>) -> Self {
        Tree::List(items.into_iter().collect())
    }

    /// The member `name` of a map; `None` for null, so that null is absent.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Map(map) => map.get(name).filter(|v| !matches!(v, Tree::Null)),
            _ => None,
        }
    }

    /// The value at a path of member names and list indexes.
    pub fn at<'s>(&self, segments: impl IntoIterator<Item = &'s str>) -> Option<&Tree> {
        segments.into_iter().try_fold(self, |tree, segment| match tree {
            Tree::List(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
            _ => tree.get(segment),
        })
    }

    /// The value at a `/`-separated path without a leading slash, such as `a/0/b`.
    pub fn pointer(&self, path: &str) -> Option<&Tree> {
        self.at(path.split('/').filter(|s| !s.is_empty()))
    }

    /// Text, where it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Tree::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The member `name`, where it is text.
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The number, whatever its form.
    pub const fn as_num(&self) -> Option<f64> {
        match self {
            Tree::Int(n) => Some(*n as f64),
            Tree::Num(n) => Some(*n),
            _ => None,
        }
    }

    /// A whole number, where it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Tree::Int(n) => Some(*n),
            Tree::Num(n) if n.fract() == 0.0 && n.abs() < 9.0e15 => Some(*n as i64),
            _ => None,
        }
    }

    /// The member `name`, where it is a whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_int()
    }

    /// The member `name`, where it is a boolean.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Tree::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The elements of a list; none where it is no list.
    pub fn items(&self) -> &[Tree] {
        match self {
            Tree::List(items) => items,
            _ => &[],
        }
    }

    /// The elements of the member list `name`; none where there is none.
    pub fn list_of(&self, name: &str) -> &[Tree] {
        self.get(name).map_or(&[], Tree::items)
    }

    /// The map, where it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Tree::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, where it is one, to be changed in place.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Tree::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The entries of a map; none where it is no map.
    pub fn entries(&self) -> impl Iterator<Item = (&Name, &Tree)> {
        self.as_map().into_iter().flat_map(Map::iter)
    }

    /// Puts a member into a map; anything else becomes a map with that one member.
    pub fn set(&mut self, name: impl Into<Name>, value: Tree) {
        if !matches!(self, Tree::Map(_)) {
            *self = Tree::map();
        }
        if let Tree::Map(map) = self {
            map.insert(name, value);
        }
    }

    /// This map with a member put in.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Tree>) -> Self {
        self.set(name, value.into());
        self
    }

    /// Takes a member out of a map.
    pub fn take(&mut self, name: &str) -> Option<Tree> {
        self.as_map_mut()?.remove(name).filter(|v| !matches!(v, Tree::Null))
    }

    /// Null, or an empty map or list: what AWS does not tell from absent in most places.
    pub fn is_empty(&self) -> bool {
        match self {
            Tree::Null => true,
            Tree::List(items) => items.is_empty(),
            Tree::Map(map) => map.is_empty(),
            _ => false,
        }
    }

    /// What kind of value it is, in words for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Bool(_) => "a boolean",
            Tree::Int(_) => "an integer",
            Tree::Num(_) => "a number",
            Tree::Str(_) => "a string",
            Tree::List(_) => "a list",
            Tree::Map(_) => "an object",
        }
    }

    /// Compact JSON, members sorted by name. Shows every value: not for logs.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        match self {
            Tree::Null => out.push_str("null"),
            Tree::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Tree::Int(n) => out.push_str(&n.to_string()),
            // `{:?}` keeps the fraction of 70.0, so that a float stays one when it is read back.
            Tree::Num(n) if n.is_finite() => out.push_str(&format!("{n:?}")),
            Tree::Num(_) => out.push_str("null"),
            Tree::Str(text) => write_json_str(text, out),
            Tree::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Tree::Map(map) => {
                out.push('{');
                for (i, (name, value)) in map.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_json_str(name, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_json_str(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Tree::Str(text.into())
    }
}
impl From<String> for Tree {
    fn from(text: String) -> Self {
        Tree::Str(text.into())
    }
}
impl From<bool> for Tree {
    fn from(b: bool) -> Self {
        Tree::Bool(b)
    }
}
impl From<i64> for Tree {
    fn from(n: i64) -> Self {
        Tree::Int(n)
    }
}
impl From<Vec<Tree>> for Tree {
    fn from(items: Vec<Tree>) -> Self {
        Tree::List(items.into())
    }
}
impl From<Map> for Tree {
    fn from(map: Map) -> Self {
        Tree::Map(map)
    }
}
impl From<serde_json::Value> for Tree {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Tree::Null,
            Value::Bool(b) => Tree::Bool(b),
            Value::Number(n) => {
                n.as_i64().map_or_else(|| Tree::Num(n.as_f64().unwrap_or(f64::MAX)), Tree::Int)
            }
            Value::String(text) => Tree::Str(text.into()),
            Value::Array(items) => Tree::list(items.into_iter().map(Tree::from)),
            Value::Object(map) => Tree::of(map.into_iter().map(|(n, v)| (n, Tree::from(v)))),
        }
    }
}

/// Members whose values may be secret: shown as `…` wherever a tree is printed for people or logs.
pub const MASKED: [&str; 5] = ["environment", "secrets", "secretOptions", "dockerLabels", "options"];

/// True where a value at that place may be secret, because of a member on the way.
pub fn is_masked(path: &crate::Path) -> bool {
    path.segments().any(|s| MASKED.contains(&s))
}

impl Tree {
    /// This tree with everything below the [`MASKED`] members replaced.
    #[must_use]
    pub fn masked(&self) -> Tree {
        match self {
            Tree::Map(map) => Tree::Map(
                map.iter()
                    .map(|(name, value)| {
                        let hidden = MASKED.contains(&&**name);
                        (name.clone(), if hidden { Tree::from("(hidden)") } else { value.masked() })
                    })
                    .collect(),
            ),
            Tree::List(items) => Tree::list(items.iter().map(Tree::masked)),
            scalar => scalar.clone(),
        }
    }
}

/// Masks what may be secret, so that a tree can stand in a log line.
impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tree::Map(map) => f
                .debug_map()
                .entries(map.iter().map(|(name, value)| {
                    let shown: &dyn fmt::Debug = if MASKED.contains(&&**name) { &"…" } else { value };
                    (name, shown)
                }))
                .finish(),
            Tree::List(items) => f.debug_list().entries(items.iter()).finish(),
            scalar => f.write_str(&scalar.to_json()),
        }
    }
}
impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Tree::Map(self.clone()), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_takes_24_bytes() {
        assert_eq!(size_of::<Tree>(), 24);
    }

    #[test]
    fn a_map_is_sorted_and_the_last_of_equal_names_wins() {
        let tree = Tree::of([("b", Tree::Int(1)), ("a", Tree::Int(2)), ("b", Tree::Int(3))]);
        assert_eq!(tree.to_json(), r#"{"a":2,"b":3}"#);
    }

    #[test]
    fn insert_and_remove_keep_the_order() {
        let mut tree = Tree::map().with("m", 1_i64).with("a", true).with("z", "x").with("m", 2_i64);
        assert_eq!(tree.to_json(), r#"{"a":true,"m":2,"z":"x"}"#);
        assert_eq!(tree.take("a"), Some(Tree::Bool(true)));
        assert_eq!(tree.to_json(), r#"{"m":2,"z":"x"}"#);
    }

    #[test]
    fn a_path_reaches_into_lists_and_null_is_absent() {
        let tree = Tree::from(serde_json::json!({"a": [{"b": 7}], "n": null}));
        assert_eq!(tree.pointer("a/0/b"), Some(&Tree::Int(7)));
        assert_eq!(tree.get("n"), None);
    }

    #[test]
    fn floats_stay_floats_and_control_characters_are_escaped() {
        let tree = Tree::list([Tree::Num(70.0), Tree::from("a\"\u{1}\n")]);
        assert_eq!(tree.to_json(), "[70.0,\"a\\\"\\u0001\\n\"]");
        assert_eq!(Tree::from(serde_json::from_str::<serde_json::Value>(&tree.to_json()).unwrap()), tree);
    }

    #[test]
    fn debug_masks_what_may_be_secret() {
        let tree =
            Tree::from(serde_json::json!({"environment": [{"name": "A", "value": "hunter2"}], "image": "x"}));
        let shown = format!("{tree:?}");
        assert!(!shown.contains("hunter2") && shown.contains("image"), "{shown}");
    }
}
