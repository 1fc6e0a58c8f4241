//! Trees that between them have every member of a shape, each with what must stand beside it: what a test
//! feeds on that wants to see every member make its way.

use evenkeel_model::shapes::{self, Kind, ShapeId};
use serde_json::{Value, json};

/// The members that a shape has, as paths: `*` for an element of a list, and for a value of a map.
pub fn members(shape: ShapeId) -> Vec<String> {
    let mut found = Vec::new();
    walk(shape, "", &mut found);
    found
}

fn walk(shape: ShapeId, at: &str, found: &mut Vec<String>) {
    match shape.kind() {
        Kind::Structure { members, .. } => {
            for member in members {
                let at = format!("{at}/{}", member.name);
                found.push(at.clone());
                walk(member.shape, &at, found);
            }
        }
        Kind::List { item, .. } => walk(item, &format!("{at}/*"), found),
        Kind::Map { value, .. } => walk(value, &format!("{at}/*"), found),
        _ => {}
    }
}

/// A tree that fits a shape, and the member that it is there for, with its value.
#[derive(Clone)]
pub struct Case {
    pub about: String,
    pub tree: Value,
}

/// For each member of a shape and each of its values `base` with just that, and with what AWS asks for beside
/// it.
pub fn of(shape: ShapeId, base: &Value) -> Vec<Case> {
    values(shape, Some(base), "", "")
}

fn values(shape: ShapeId, base: Option<&Value>, owner: &str, name: &str) -> Vec<Case> {
    let alone = |tree: Value| Case { about: format!("={tree}"), tree };
    match shape.kind() {
        Kind::Structure { members, union } => {
            let mut tree = base.and_then(Value::as_object).cloned().unwrap_or_default();
            for member in members.iter().filter(|m| m.required && !union) {
                if !tree.contains_key(member.name) {
                    let case = values(member.shape, None, shape.name(), member.name).swap_remove(0);
                    tree.insert(member.name.to_owned(), case.tree);
                }
            }
            let mut all = Vec::new();
            for member in members {
                for case in values(member.shape, tree.get(member.name), shape.name(), member.name) {
                    let mut tree = tree.clone();
                    tree.insert(member.name.to_owned(), case.tree);
                    let about = match case.about.matches('=').count() {
                        1 => format!("/{}{}", member.name, case.about),
                        _ => case.about,
                    };
                    all.push(Case { about, tree: tree.into() });
                }
            }
            if all.is_empty() {
                all.push(alone(json!({})));
            }
            all
        }
        Kind::List { item, .. } => {
            let base = base.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let others = base.get(1..).unwrap_or_default();
            let with_others = |tree| std::iter::once(tree).chain(others.iter().cloned()).collect();
            let below = values(item, base.first(), owner, name);
            below.into_iter().map(|it| Case { tree: with_others(it.tree), ..it }).collect()
        }
        Kind::Map { key, value, .. } => {
            let key = values(key, None, owner, "key").swap_remove(0).tree;
            let key = key.as_str().unwrap_or_default();
            let below = values(value, None, owner, name);
            below.into_iter().map(|it| Case { tree: json!({key: it.tree}), ..it }).collect()
        }
        // Each value of an enum once, wherever it first stands; its first one everywhere.
        Kind::String { enums, .. } if !enums.is_empty() => enums
            .iter()
            .enumerate()
            .map(|(i, value)| match i {
                0 => alone(json!(value)),
                _ => Case { about: format!("={}={value}", shape.name()), tree: json!(value) },
            })
            .collect(),
        Kind::String { min, .. } => vec![alone(text(owner, name, min.unwrap_or(1)))],
        Kind::Integer { min, max } | Kind::Long { min, max } => vec![alone(number(owner, name, min, max))],
        Kind::Float { .. } | Kind::Double { .. } => vec![alone(json!(12.5))],
        Kind::Boolean => vec![alone(json!(true)), alone(json!(false))],
        Kind::Timestamp => vec![alone(json!("2031-05-06T07:08:09Z"))],
        Kind::Blob => vec![alone(json!("aGVsbG8="))],
        Kind::Document => vec![alone(json!({"any": ["form", 1]}))],
    }
}

/// The members that a tree has, as [`members`] names them, with the tree's own paths.
pub fn within(tree: &Value, shape: ShapeId) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    reach(tree, shape, "", &mut Vec::new(), &mut found);
    found
}

fn reach(
    tree: &Value,
    shape: ShapeId,
    at: &str,
    steps: &mut Vec<String>,
    found: &mut Vec<(String, Vec<String>)>,
) {
    let mut below = |name: &str, value: &Value, shape: ShapeId, at: String, is_member: bool| {
        steps.push(name.to_owned());
        if is_member {
            found.push((at.clone(), steps.clone()));
        }
        reach(value, shape, &at, steps, found);
        steps.pop();
    };
    match (shape.kind(), tree) {
        (Kind::Structure { members, .. }, Value::Object(map)) => {
            for member in members {
                if let Some(value) = map.get(member.name) {
                    below(member.name, value, member.shape, format!("{at}/{}", member.name), true);
                }
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            for value in items {
                below("*", value, item, format!("{at}/*"), false);
            }
        }
        (Kind::Map { value: shape, .. }, Value::Object(map)) => {
            for (key, value) in map {
                below(key, value, shape, format!("{at}/*"), false);
            }
        }
        _ => {}
    }
}

/// True where a wire's tree has what those steps lead to: names with either first letter.
pub fn has(tree: &Value, steps: &[String]) -> bool {
    let Some((step, rest)) = steps.split_first() else { return true };
    match tree {
        Value::Array(items) if step == "*" => items.iter().any(|item| has(item, rest)),
        // The query protocol writes a map as entries.
        Value::Object(map) if map.contains_key("entry") => has(&map["entry"], &entry(steps)),
        Value::Object(map) => map.iter().any(|(name, value)| same(name, step) && has(value, rest)),
        _ => false,
    }
}

fn entry(steps: &[String]) -> Vec<String> {
    ["*", "value"].into_iter().map(str::to_owned).chain(steps.iter().skip(1).cloned()).collect()
}

fn same(wire: &str, canonical: &str) -> bool {
    wire.eq_ignore_ascii_case(canonical) && wire.get(1..) == canonical.get(1..)
}

/// A text that AWS takes for a member.
fn text(owner: &str, name: &str, least: u64) -> Value {
    let iam = "arn:aws:iam::123456789012:role/any";
    let value = match (owner, name) {
        (
            _,
            "roleArn" | "roleARN" | "role" | "taskRoleArn" | "executionRoleArn" | "infrastructureRoleArn",
        ) => iam,
        (_, "targetGroupArn") => "${targetGroup:group}",
        (_, "registryId") => "123456789012",
        (_, "capacityProvider") => "FARGATE",
        (_, "schedule") => "cron(0 22 1 6 ? *)",
        (_, "timezone") => "Europe/Vienna",
        (_, "cpu") => "256",
        (_, "memory") => "512",
        _ => "any-value",
    };
    let mut value = value.to_owned();
    while (value.len() as u64) < least {
        value.push('x');
    }
    value.into()
}

/// A number that AWS takes for a member.
fn number(owner: &str, name: &str, min: Option<i64>, max: Option<i64>) -> Value {
    let wanted = match (owner, name) {
        (_, "containerPort" | "hostPort") => 8080,
        (_, "maximumPercent") => 200,
        (_, "sizeInGiB") => 30,
        _ => 7,
    };
    json!(wanted.clamp(min.unwrap_or(0), max.unwrap_or(i64::MAX)))
}

/// Other values that a member may take instead of this one, the likeliest first.
pub fn others(shape: ShapeId, name: &str, value: &Value) -> Vec<Value> {
    match (shape.kind(), value) {
        (Kind::Structure { members, .. }, Value::Object(map)) => {
            let below = |member: &shapes::Member| {
                let old = map.get(member.name)?;
                let with = |new| {
                    let mut map = map.clone();
                    map.insert(member.name.to_owned(), new);
                    Value::Object(map)
                };
                Some(others(member.shape, member.name, old).into_iter().map(with).collect::<Vec<_>>())
            };
            members.iter().filter_map(below).flatten().collect()
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            let more = items.first().map_or(Vec::new(), |first| others(item, name, first));
            let with = |new: Value| items.iter().cloned().chain([new]).collect();
            let fewer = (items.len() > 1).then(|| items[1..].iter().cloned().collect());
            more.into_iter().map(with).chain(fewer).collect()
        }
        (Kind::Map { value: shape, .. }, Value::Object(map)) => {
            let first = map.values().next();
            let with = |new: Value| {
                let mut map = map.clone();
                map.insert("by-hand".to_owned(), new);
                Value::Object(map)
            };
            first.map_or(Vec::new(), |first| others(shape, name, first)).into_iter().map(with).collect()
        }
        (Kind::String { enums, .. }, Value::String(text)) if !enums.is_empty() => {
            enums.iter().filter(|it| *it != text).map(|it| json!(it)).collect()
        }
        (Kind::String { .. }, Value::String(text)) => other_texts(name, text),
        (Kind::Boolean, Value::Bool(on)) => vec![json!(!on)],
        (_, Value::Number(number)) => match number.as_i64() {
            Some(number) => [number + 1, number - 1, number * 2, 0].map(|n| json!(n)).to_vec(),
            None => vec![json!(number.as_f64().unwrap_or_default() + 1.5)],
        },
        (Kind::Timestamp, _) => vec![json!("2032-05-06T07:08:09Z")],
        (Kind::Blob, _) => vec![json!("Ynll")],
        (Kind::Document, _) => vec![json!({"another": ["form", 2]})],
        _ => Vec::new(),
    }
}

fn other_texts(name: &str, text: &str) -> Vec<Value> {
    let known: &[&str] = match name {
        "targetGroupArn" | "alternateTargetGroupArn" => &["${targetGroup:other}", "${targetGroup:group}"],
        "schedule" => &["cron(0 23 1 6 ? *)"],
        "timezone" => &["Europe/Paris"],
        "cpu" | "memory" => &["512", "1024", "2048"],
        "httpCode" => &["202"],
        "statusCode" => &["HTTP_302", "503"],
        "capacityProvider" | "capacityProviders" => &["FARGATE_SPOT"],
        _ => &[],
    };
    let number = text.parse::<u32>().ok().map(|n| (n + 1).to_string());
    let made = [format!("{text}-by-hand"), format!("{text}x")];
    known
        .iter()
        .map(|it| (*it).to_owned())
        .chain(number)
        .chain(made)
        .filter(|it| it != text)
        .map(Value::from)
        .collect()
}

/// The first thing to which these steps lead, with the tree around it: put there what `new` makes of it, or take
/// it away.
pub fn put_at(tree: &mut Value, steps: &[String], new: Option<Value>) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return new.is_some_and(|new| {
            *tree = new;
            true
        });
    };
    match tree {
        Value::Array(items) => items.iter_mut().any(|item| put_at(item, rest, new.clone())),
        Value::Object(map) if rest.is_empty() && new.is_none() => map.remove(step).is_some(),
        Value::Object(map) => map.get_mut(step).is_some_and(|it| put_at(it, rest, new)),
        _ => false,
    }
}

/// What is at these steps, in the first elements that have it.
pub fn value_at<'v>(tree: &'v Value, steps: &[String]) -> Option<&'v Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(tree) };
    match tree {
        Value::Array(items) => items.iter().find_map(|item| value_at(item, rest)),
        Value::Object(map) => value_at(map.get(step)?, rest),
        _ => None,
    }
}
