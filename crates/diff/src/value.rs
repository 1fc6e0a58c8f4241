//! Scalars of a tree and of the tables, compared without copies.

use evenkeel_model::Tree;

/// Constants of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Const {
    Bool(bool),
    Int(i64),
    Str(&'static str),
}

impl Const {
    /// As a tree.
    pub fn tree(self) -> Tree {
        match self {
            Const::Bool(b) => Tree::Bool(b),
            Const::Int(n) => Tree::Int(n),
            Const::Str(s) => Tree::from(s),
        }
    }
}

/// What stands at a place: a part of a shape, or what AWS fills in.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A part of the shape.
    Tree(&'a Tree),
    /// A constant of the tables.
    Const(Const),
}

impl<'a> Value<'a> {
    /// As a tree of its own.
    pub fn tree(self) -> Tree {
        match self {
            Value::Tree(tree) => tree.clone(),
            Value::Const(constant) => constant.tree(),
        }
    }

    pub(crate) fn scalar(self) -> Option<Scalar<'a>> {
        match self {
            Value::Tree(tree) => Scalar::of(tree),
            Value::Const(Const::Bool(b)) => Some(Scalar::Bool(b)),
            Value::Const(Const::Int(n)) => Some(Scalar::Int(n)),
            Value::Const(Const::Str(s)) => Some(Scalar::Str(s)),
        }
    }

    /// Text, where it is text.
    pub fn as_str(self) -> Option<&'a str> {
        match self.scalar() {
            Some(Scalar::Str(text)) => Some(text),
            _ => None,
        }
    }
}

/// A scalar without its tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scalar<'a> {
    Bool(bool),
    Int(i64),
    Num(f64),
    Str(&'a str),
}

impl<'a> Scalar<'a> {
    pub(crate) fn of(tree: &'a Tree) -> Option<Self> {
        match tree {
            Tree::Bool(b) => Some(Scalar::Bool(*b)),
            Tree::Int(n) => Some(Scalar::Int(*n)),
            Tree::Num(n) => Some(Scalar::Num(*n)),
            Tree::Str(text) => Some(Scalar::Str(text)),
            Tree::Null | Tree::List(_) | Tree::Map(_) => None,
        }
    }

    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Scalar::Int(n) => Some(n as f64),
            Scalar::Num(n) => Some(n),
            _ => None,
        }
    }

    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Scalar::Str(text) => Some(text),
            _ => None,
        }
    }

    /// 1 and 1.0 and "1" are one value: documents and AWS's two protocols spell numbers differently.
    pub(crate) fn same(self, other: Scalar<'_>) -> bool {
        match (self, other) {
            (Scalar::Str(a), Scalar::Str(b)) => a == b,
            (Scalar::Int(a), Scalar::Int(b)) => a == b,
            (Scalar::Bool(a), Scalar::Bool(b)) => a == b,
            (Scalar::Str(text), other) | (other, Scalar::Str(text)) => match other {
                Scalar::Bool(b) => text == if b { "true" } else { "false" },
                other => other.number().is_some_and(|n| text.parse::<f64>().is_ok_and(|t| t == n)),
            },
            (a, b) => a.number().is_some() && a.number() == b.number(),
        }
    }

    /// As part of a path: `1.0` reads as `1`.
    pub(crate) fn push_to(self, out: &mut String) {
        match self {
            Scalar::Str(text) => out.push_str(text),
            Scalar::Bool(b) => out.push_str(if b { "true" } else { "false" }),
            Scalar::Int(n) => out.push_str(&n.to_string()),
            Scalar::Num(n) => out.push_str(&n.to_string()),
        }
    }
}

/// Ways in which two spellings are one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// CPU units: `1024`, `"1024"`, `"1 vCPU"`.
    Cpu,
    /// MiB: `2048`, `"2048"`, `"2 GB"`.
    Memory,
    /// A role by name, path and name, or ARN.
    Role,
    /// Text that holds a JSON object or list, compared as JSON.
    Json,
    /// A declared `LATEST` is any version.
    PlatformVersion,
    /// A Cloud Map namespace by name or by ARN.
    Namespace,
    /// An SSM parameter by name or by ARN.
    Parameter,
    /// Case does not matter, and `host` is `instanceId`.
    PlacementField,
}

impl Sameness {
    /// In words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Sameness::Cpu => "compared in CPU units: `1 vCPU` is `1024`",
            Sameness::Memory => "compared in MiB: `2 GB` is `2048`",
            Sameness::Role => "a role's path and name is its ARN",
            Sameness::Json => "compared as JSON",
            Sameness::PlatformVersion => "a declared `LATEST` is any version",
            Sameness::Namespace => "a namespace's name is its ARN",
            Sameness::Parameter => "an SSM parameter's name is its ARN",
            Sameness::PlacementField => "case does not matter; `host` is `instanceId`",
        }
    }

    pub(crate) fn same(self, want: Scalar<'_>, live: Scalar<'_>) -> bool {
        let texts = want.text().zip(live.text());
        match self {
            Sameness::Cpu | Sameness::Memory => units(want).is_some_and(|w| units(live) == Some(w)),
            Sameness::Role => texts.is_some_and(|(w, l)| by_name(w, l, ":role/")),
            Sameness::Json => {
                texts.is_some_and(|(w, l)| matches!((json(w), json(l)), (Some(a), Some(b)) if alike(&a, &b)))
            }
            Sameness::PlatformVersion => texts.is_some_and(|(w, _)| w == "LATEST"),
            Sameness::Namespace => {
                texts.is_some_and(|(w, l)| by_name(w, l, "/") || by_id(w, l) || by_id(l, w))
            }
            Sameness::Parameter => texts.is_some_and(|(w, l)| {
                by_name(w.trim_start_matches('/'), l.trim_start_matches('/'), ":parameter/")
            }),
            Sameness::PlacementField => texts.is_some_and(|(w, l)| {
                let [w, l] = [w, l].map(|t| if t.eq_ignore_ascii_case("host") { "instanceId" } else { t });
                w.eq_ignore_ascii_case(l)
            }),
        }
    }
}

/// True where one is an ARN and the other the name in it. Two ARNs are two things unless they are equal.
fn by_name(a: &str, b: &str, mark: &str) -> bool {
    let names = |arn: &str, name: &str| {
        arn.starts_with("arn:")
            && !name.starts_with("arn:")
            && arn.strip_suffix(name).is_some_and(|rest| rest.ends_with(mark))
    };
    names(a, b) || names(b, a)
}

/// A namespace's ARN ends in an id that says nothing of its name: which of the two it is only Cloud Map
/// could tell, so a name is taken for the one that it was resolved to.
fn by_id(arn: &str, name: &str) -> bool {
    arn.starts_with("arn:") && !name.starts_with("arn:") && arn.contains(":namespace/ns-")
}

/// CPU units or MiB from a number, or from text such as `256`, `.5 vCPU`, `2 GB`: both large units are
/// 1,024 small ones.
pub(crate) fn units(value: Scalar<'_>) -> Option<f64> {
    let text = match value {
        Scalar::Str(text) => text.trim(),
        other => return other.number(),
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c.is_whitespace());
    let number: f64 = digits.parse().ok()?;
    match text.get(digits.len()..)?.trim() {
        "" => Some(number),
        unit if unit.eq_ignore_ascii_case("vcpu") || unit.eq_ignore_ascii_case("gb") => {
            Some((number * 1024.0).round())
        }
        _ => None,
    }
}

/// The JSON object or list that a text holds.
fn json(text: &str) -> Option<Tree> {
    let holds = text.trim_start().starts_with(['{', '[']);
    holds.then(|| serde_json::from_str::<serde_json::Value>(text).ok().map(Tree::from))?
}

/// Equal JSON, however numbers are spelled and be it as text or as itself.
pub(crate) fn alike(a: &Tree, b: &Tree) -> bool {
    match (a, b) {
        (Tree::Map(x), Tree::Map(y)) => {
            x.len() == y.len() && x.iter().zip(y.iter()).all(|((m, v), (n, w))| m == n && alike(v, w))
        }
        (Tree::List(x), Tree::List(y)) => x.len() == y.len() && x.iter().zip(y).all(|(v, w)| alike(v, w)),
        (Tree::Str(text), other) | (other, Tree::Str(text))
            if matches!(other, Tree::Map(_) | Tree::List(_)) =>
        {
            json(text).is_some_and(|parsed| alike(&parsed, other))
        }
        (Tree::Str(x), Tree::Str(y)) => x == y,
        (Tree::Int(_) | Tree::Num(_), Tree::Int(_) | Tree::Num(_)) => {
            Scalar::of(a).and_then(Scalar::number) == Scalar::of(b).and_then(Scalar::number)
        }
        (a, b) => a == b,
    }
}

/// Times are seconds since 1970 or text, as the protocols and people write them.
pub(crate) fn same_time(want: Scalar<'_>, live: Scalar<'_>) -> bool {
    fn seconds(value: Scalar<'_>) -> Option<f64> {
        match value {
            Scalar::Str(text) => {
                text.parse::<jiff::Timestamp>().ok().map(|t| t.as_millisecond() as f64 / 1000.0)
            }
            other => other.number(),
        }
    }
    seconds(want).is_some() && seconds(want) == seconds(live)
}
