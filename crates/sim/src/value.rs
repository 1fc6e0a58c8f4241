//! Reading and filling the values that requests and answers are made of.
//!
//! The query protocol sends every scalar as text, so numbers and booleans are read from either form.

use crate::sim::ApiError;
use serde_json::{Map, Value, json};

/// The text under `name`.
pub fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The whole number under `name`, also where it was sent as text.
pub fn int(value: &Value, name: &str) -> Option<i64> {
    match value.get(name)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The number under `name`, also where it was sent as text.
pub fn number(value: &Value, name: &str) -> Option<f64> {
    match value.get(name)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The boolean under `name`, also where it was sent as text.
pub fn flag(value: &Value, name: &str) -> Option<bool> {
    match value.get(name)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The list under `name`; empty where there is none.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts in the list under `name`.
pub fn texts<'a>(value: &'a Value, name: &str) -> Vec<&'a str> {
    list(value, name).iter().filter_map(Value::as_str).collect()
}

/// Whether `name` is there at all.
pub fn has(value: &Value, name: &str) -> bool {
    value.get(name).is_some()
}

/// The text under `name`, or `code` with AWS's sentence about an empty argument.
pub fn required<'a>(value: &'a Value, name: &str, code: &str) -> Result<&'a str, ApiError> {
    text(value, name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::new(code, format!("{name} can not be blank.")))
}

/// Puts `default` under `name` where nothing is.
pub fn fill(value: &mut Value, name: &str, default: Value) {
    if let Some(map) = value.as_object_mut() {
        map.entry(name).or_insert(default);
    }
}

/// Removes what is under `name`.
pub fn unset(value: &mut Value, name: &str) {
    if let Some(map) = value.as_object_mut() {
        map.remove(name);
    }
}

/// Puts `new` under `name`.
pub fn set(value: &mut Value, name: &str, new: Value) {
    if let Some(map) = value.as_object_mut() {
        map.insert(name.to_owned(), new);
    }
}

/// The list under `name`, to change it in place.
pub fn list_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    value.get_mut(name).and_then(Value::as_array_mut)
}

/// The object under `name`, to change it in place; whatever else is there gives way to an empty one.
pub fn object_mut<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    let member = &mut value[name];
    if !member.is_object() {
        *member = json!({});
    }
    member
}

/// Only the members `names`, where they are there.
pub fn pick(value: &Value, names: &[&str]) -> Value {
    let mut map = Map::new();
    for name in names {
        if let Some(member) = value.get(*name) {
            map.insert((*name).to_owned(), member.clone());
        }
    }
    Value::Object(map)
}

/// Adds the members of an input that nobody here knows, such as one that AWS invented yesterday: they are kept as
/// they came. `known` are the members that are shown otherwise, or not at all.
pub fn keep_unknown(config: &mut Value, input: &Value, known: &[&str]) {
    let (Some(config), Some(input)) = (config.as_object_mut(), input.as_object()) else { return };
    for (name, member) in input.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        config.entry(name.clone()).or_insert_with(|| member.clone());
    }
}

/// A time of the JSON protocols: seconds since the epoch, with milliseconds.
pub fn time(millis: i64) -> Value {
    json!(millis as f64 / 1000.0)
}

/// Removes what is `null`: for AWS it is as good as absent.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, member| !member.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Puts a list into the arbitrary but stable order in which AWS gives back what it keeps as a set.
pub fn shuffle(items: &mut [Value]) {
    items.sort_by_key(|item| fnv(&item.to_string()));
}

/// The FNV-1a hash of a text.
pub fn fnv(text: &str) -> u64 {
    fnv_on(0xcbf2_9ce4_8422_2325, text)
}

/// The FNV-1a hash of what was hashed before and a text.
pub fn fnv_on(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How one operation pages: the names of its members, its default and its largest page.
pub struct Paging {
    /// The member that limits a page (`maxResults`).
    pub limit: &'static str,
    /// The member of the request that continues (`nextToken`).
    pub token: &'static str,
    /// The member of the answer that continues (`nextToken`, `NextMarker`).
    pub next: &'static str,
    /// Page size where the caller names none.
    pub default: usize,
    /// Largest page.
    pub max: usize,
    /// Error code for a bad limit or token.
    pub code: &'static str,
}

/// One page of `items`, each with the key that a token remembers, in the order given.
///
/// A token names the last key seen, so pages stay right while items come and go between them.
pub fn page<T>(
    items: Vec<(String, T)>,
    input: &Value,
    paging: &Paging,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let limit = match int(input, paging.limit) {
        None => paging.default,
        Some(limit) if limit >= 1 && limit <= paging.max as i64 => limit as usize,
        Some(_) => {
            return Err(ApiError::new(
                paging.code,
                format!("{} must be between 1 and {}.", paging.limit, paging.max),
            ));
        }
    };
    let start = match text(input, paging.token) {
        None | Some("") => 0,
        Some(token) => {
            let last = unhex(token).ok_or_else(|| ApiError::new(paging.code, "Invalid token.".to_owned()))?;
            items
                .iter()
                .position(|(key, _)| *key == last)
                .map(|index| index + 1)
                .or_else(|| items.iter().position(|(key, _)| *key > last))
                .unwrap_or(items.len())
        }
    };
    let more = items.len() > start + limit;
    let mut last = String::new();
    let page = items
        .into_iter()
        .skip(start)
        .take(limit)
        .map(|(key, item)| {
            last = key;
            item
        })
        .collect();
    Ok((page, more.then(|| hex(last.as_bytes()))))
}

/// An answer with a page under `name` and, where there is more, its token.
pub fn paged(name: &str, page: Vec<Value>, next: Option<String>, paging: &Paging) -> Value {
    let mut answer = json!({ name: page });
    if let Some(token) = next {
        set(&mut answer, paging.next, Value::String(token));
    }
    answer
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}
