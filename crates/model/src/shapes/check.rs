//! Whether a tree fits a shape, and what is wrong where it does not.

use super::{Kind, ShapeId, nearest};
use crate::path::Path;
use crate::tree::{Map, Tree};

/// One way in which a value does not fit its shape.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The structure has no such member in the tables. AWS may have it since.
    #[error("AWS knows no member `{name}` here{}", meant(.nearest))]
    UnknownMember {
        /// As it was written.
        name: String,
        /// The canonical name of the member that was most likely meant.
        nearest: Option<&'static str>,
    },
    /// Another type of value stands here.
    #[error("{expected} belongs here, not {found}")]
    WrongType {
        /// In words: `an integer`.
        expected: &'static str,
        /// In words: `a string`.
        found: &'static str,
        /// [`coerce`] makes the value fit without loss, as with `256` where `"256"` belongs.
        coercible: bool,
    },
    /// Text outside the values that AWS allows.
    #[error("`{found}` is not one of {}{}", .values.join(", "), meant(.nearest))]
    NotInEnum {
        /// The text.
        found: String,
        /// What is allowed.
        values: &'static [&'static str],
        /// The value that was most likely meant.
        nearest: Option<&'static str>,
    },
    /// A member without which AWS refuses the structure; the path is the structure's.
    #[error("`{name}` is required")]
    MissingRequired {
        /// The canonical name.
        name: &'static str,
    },
    /// A number outside its limits.
    #[error("{found} is {}", outside(*.min, *.max))]
    OutOfRange {
        /// Least value.
        min: Option<f64>,
        /// Greatest value.
        max: Option<f64>,
        /// The number.
        found: f64,
    },
    /// Text, a list or a map with too many characters, elements or entries.
    #[error("{found} long, where AWS takes at most {max}")]
    TooLong {
        /// Most.
        max: u64,
        /// How many there are.
        found: u64,
    },
    /// Text, a list or a map with too few characters, elements or entries.
    #[error("{found} long, where AWS takes at least {min}")]
    TooShort {
        /// Fewest.
        min: u64,
        /// How many there are.
        found: u64,
    },
    /// One member, given with its first letter in both cases; the path is the structure's.
    #[error("`{name}` is given twice, in upper and in lower case")]
    DuplicateMember {
        /// The canonical name.
        name: &'static str,
    },
}

fn meant(nearest: &Option<&str>) -> String {
    nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default()
}

fn outside(min: Option<f64>, max: Option<f64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("not between {min} and {max}"),
        (Some(min), None) => format!("less than {min}"),
        (None, Some(max)) => format!("greater than {max}"),
        (None, None) => "out of range".to_owned(),
    }
}

/// Reports all that does not fit, in the order of the tree. Null is absent. Paths spell members as the
/// tree does and name elements by index. Patterns are not checked.
pub fn check(tree: &Tree, shape: ShapeId, report: &mut dyn FnMut(&Path, Problem)) {
    walk(tree, shape, &mut Path::root(), report);
}

fn walk(tree: &Tree, shape: ShapeId, path: &mut Path, report: &mut dyn FnMut(&Path, Problem)) {
    check_value(tree, shape, &mut |problem| report(path, problem));
    match (shape.kind(), tree) {
        (Kind::Structure { .. }, Tree::Map(map)) => structure(map, shape, path, report),
        (Kind::List { item, .. }, Tree::List(items)) => {
            for (i, value) in items.iter().enumerate() {
                below(i.to_string(), value, item, path, report);
            }
        }
        (Kind::Map { key, value, .. }, Tree::Map(map)) => {
            for (name, entry) in map.iter() {
                path.push(name);
                check_text(name, key, &mut |problem| report(path, problem));
                path.pop();
                below(name, entry, value, path, report);
            }
        }
        _ => {}
    }
}

/// Reports what does not fit about one value and nothing of what it holds: its type, its limits, its enum.
pub fn check_value(tree: &Tree, shape: ShapeId, report: &mut dyn FnMut(Problem)) {
    match (shape.kind(), tree) {
        (_, Tree::Null) | (Kind::Document, _) | (Kind::Structure { .. }, Tree::Map(_)) => {}
        (Kind::List { min, max, .. }, Tree::List(items)) => length(items.len(), min, max, report),
        (Kind::Map { min, max, .. }, Tree::Map(map)) => length(map.len(), min, max, report),
        (Kind::String { .. }, Tree::Str(found)) => check_text(found, shape, report),
        (Kind::Integer { min, max } | Kind::Long { min, max }, Tree::Int(_) | Tree::Num(_))
            if tree.as_int().is_some() =>
        {
            let found = tree.as_int().unwrap_or_default();
            if min.is_some_and(|m| found < m) || max.is_some_and(|m| found > m) {
                let [min, max] = [min, max].map(|m| m.map(|m| m as f64));
                report(Problem::OutOfRange { min, max, found: found as f64 });
            }
        }
        (Kind::Float { min, max } | Kind::Double { min, max }, Tree::Int(_) | Tree::Num(_)) => {
            let found = match tree {
                Tree::Num(n) => *n,
                _ => tree.as_int().unwrap_or_default() as f64,
            };
            if min.is_some_and(|m| found < m) || max.is_some_and(|m| found > m) {
                report(Problem::OutOfRange { min, max, found });
            }
        }
        (Kind::Boolean, Tree::Bool(_)) => {}
        (Kind::Timestamp, Tree::Int(_) | Tree::Num(_)) | (Kind::Blob, Tree::Str(_)) => {}
        (Kind::Timestamp, Tree::Str(found)) if found.parse::<jiff::Timestamp>().is_ok() => {}
        _ => report(Problem::WrongType {
            expected: shape.words(),
            found: tree.kind(),
            coercible: coerce(tree, shape).is_some(),
        }),
    }
}

fn below(
    segment: impl AsRef<str>,
    tree: &Tree,
    shape: ShapeId,
    path: &mut Path,
    report: &mut dyn FnMut(&Path, Problem),
) {
    path.push(segment);
    walk(tree, shape, path, report);
    path.pop();
}

fn structure(map: &Map, shape: ShapeId, path: &mut Path, report: &mut dyn FnMut(&Path, Problem)) {
    let mut given = Vec::with_capacity(map.len());
    for (name, value) in map.iter().filter(|(_, v)| **v != Tree::Null) {
        let Some(member) = shape.member(name) else {
            path.push(name);
            let problem = Problem::UnknownMember { name: name.to_string(), nearest: shape.nearest(name) };
            report(path, problem);
            path.pop();
            continue;
        };
        if given.contains(&member.name) {
            report(path, Problem::DuplicateMember { name: member.name });
        }
        given.push(member.name);
        below(name, value, member.shape, path, report);
    }
    for member in shape.members().iter().filter(|m| m.required && !given.contains(&m.name)) {
        report(path, Problem::MissingRequired { name: member.name });
    }
}

/// Reports where text (a value or a map's key) is outside its shape's enum or limits.
pub fn check_text(found: &str, shape: ShapeId, report: &mut dyn FnMut(Problem)) {
    let Kind::String { enums, min, max, .. } = shape.kind() else {
        return;
    };
    if !enums.is_empty() && !enums.contains(&found) {
        let nearest = nearest(found, enums.iter().copied());
        report(Problem::NotInEnum { found: found.to_owned(), values: enums, nearest });
    }
    if min.is_some() || max.is_some() {
        length(found.chars().count(), min, max, report);
    }
}

fn length(found: usize, min: Option<u64>, max: Option<u64>, report: &mut dyn FnMut(Problem)) {
    let found = found as u64;
    if let Some(min) = min.filter(|m| found < *m) {
        report(Problem::TooShort { min, found });
    }
    if let Some(max) = max.filter(|m| found > *m) {
        report(Problem::TooLong { max, found });
    }
}

/// The scalar as its shape would have it: a number or boolean as text, text as the number or boolean
/// that it spells. `None` where it fits already or nothing is meant for certain.
pub fn coerce(tree: &Tree, shape: ShapeId) -> Option<Tree> {
    match (shape.kind(), tree) {
        (Kind::String { .. }, Tree::Int(_) | Tree::Num(_) | Tree::Bool(_)) => {
            Some(Tree::from(tree.to_json()))
        }
        (Kind::Integer { .. } | Kind::Long { .. }, Tree::Str(text)) => text.parse().ok().map(Tree::Int),
        (Kind::Float { .. } | Kind::Double { .. }, Tree::Str(text)) => {
            text.parse().ok().filter(|n: &f64| n.is_finite()).map(Tree::Num)
        }
        (Kind::Boolean, Tree::Str(text)) => text.parse().ok().map(Tree::Bool),
        _ => None,
    }
}
