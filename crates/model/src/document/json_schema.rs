//! The JSON Schema of a document, for editors, made from the tables that documents are checked against.
//!
//! It describes documents that are read without a word: what is taken with a note (null, pasted answers,
//! numbers as text) is not in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::schema::{self, Aws, Entry, Field};
use crate::shapes::{Kind, Member, ShapeId};

/// The schema (2020-12) of a whole document. Members of AWS's shapes are taken with either case of the first
/// letter; any other unknown member is refused, as it is without `allowUnknownFields`.
pub fn json_schema() -> Value {
    let mut shapes = Shapes::default();
    let root = field(&schema::ROOT, &mut shapes);
    let mut definitions = Map::new();
    let mut done = BTreeSet::new();
    while let Some(shape) = shapes.open.pop_last() {
        if done.insert(shape) {
            let written = shapes.write(shape);
            definitions.insert(name(shape), written);
        }
        shapes.open.retain(|open| !done.contains(open));
    }
    definitions.extend(shapes.inputs);
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Evenkeel document",
    });
    if let (Value::Object(document), Value::Object(root)) = (&mut document, root) {
        document.extend(root);
        document.insert("$defs".to_owned(), Value::Object(definitions));
    }
    document
}

/// The name of a shape among the definitions, such as `ecs.ContainerDefinition`.
fn name(shape: ShapeId) -> String {
    format!("{}.{}", shape.service(), shape.name())
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// The shapes that are referred to, and the inputs of operations as documents have them.
#[derive(Default)]
struct Shapes {
    open: BTreeSet<ShapeId>,
    inputs: BTreeMap<String, Value>,
}

fn field(field: &'static Field, shapes: &mut Shapes) -> Value {
    match field {
        Field::Text => json!({"type": ["string", "integer"], "pattern": r"\S"}),
        Field::Flag => json!({"type": "boolean"}),
        Field::Count => json!({"type": "integer", "minimum": 1}),
        Field::Word(words) => json!({"enum": words}),
        Field::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Field::TextMap => {
            json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
        }
        Field::Adopt => json!({"anyOf": [
            {"enum": [true, false, "ifEqual"]},
            {"type": "object", "properties": {"from": {"type": "string", "pattern": r"\S"}},
             "required": ["from"], "additionalProperties": false},
        ]}),
        Field::Duration => json!({"type": "string", "pattern": r"^\s*(\d|PT)"}),
        Field::WordOr(words, entries) => json!({"anyOf": [{"enum": words}, object(entries, shapes)]}),
        Field::Object(entries) => object(entries, shapes),
        Field::Each(item) => {
            let item = self::field(item, shapes);
            json!({"type": "object", "additionalProperties": item})
        }
        Field::List(item) => json!({"type": "array", "items": self::field(item, shapes)}),
        Field::Aws(aws) => input(aws, shapes),
    }
}

fn object(entries: &'static [Entry], shapes: &mut Shapes) -> Value {
    let required: Vec<_> = entries.iter().filter(|e| e.required).map(|e| e.name).collect();
    let mut object = json!({
        "type": "object",
        "properties": ours(entries, shapes),
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn ours(entries: &'static [Entry], shapes: &mut Shapes) -> Map<String, Value> {
    entries.iter().map(|e| (e.name.to_owned(), field(&e.field, shapes))).collect()
}

/// An operation's input less what the document gives by other means and plus what is ours.
fn input(aws: &'static Aws, shapes: &mut Shapes) -> Value {
    let shape = aws.op.input();
    let whole = if aws.whole { "" } else { ".part" };
    let listed = if aws.without.is_empty() { ".free" } else { "" };
    let name = format!("{}{listed}{whole}", name(shape));
    if !shapes.inputs.contains_key(&name) {
        // Kept before it is made, so that a shape within itself ends.
        shapes.inputs.insert(name.clone(), Value::Null);
        let members: Vec<&Member> =
            shape.members().iter().filter(|m| !aws.without.contains(&m.name)).collect();
        let required = |m: &&&Member| aws.whole && m.required && !aws.given_otherwise(m.name);
        let asked: Vec<&str> = members.iter().filter(required).map(|m| m.name).collect();
        let mut object = shapes.structure(&members, &asked);
        if let Some(Value::Object(properties)) = object.get_mut("properties") {
            for (name, ours) in ours(aws.plus, shapes) {
                let either = match properties.get(&name) {
                    Some(theirs) => json!({"anyOf": [theirs, ours]}),
                    None => ours,
                };
                properties.insert(name, either);
            }
        }
        shapes.inputs.insert(name.clone(), object);
    }
    reference(&name)
}

impl Shapes {
    fn refer(&mut self, shape: ShapeId) -> Value {
        match shape.kind() {
            Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. } => {
                self.open.insert(shape);
                reference(&name(shape))
            }
            Kind::String { enums, .. } if !enums.is_empty() => {
                self.open.insert(shape);
                reference(&name(shape))
            }
            _ => self.write(shape),
        }
    }

    /// A structure; each member under both of its spellings.
    fn structure(&mut self, members: &[&Member], required: &[&str]) -> Value {
        let mut properties = Map::new();
        let mut others = Map::new();
        for member in members {
            let value = self.refer(member.shape);
            others.insert(format!("^{}$", other_case(member.name)), value.clone());
            properties.insert(member.name.to_owned(), value);
        }
        let mut object = json!({
            "type": "object",
            "properties": properties,
            "patternProperties": others,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            let either = required
                .iter()
                .map(|name| json!({"anyOf": [{"required": [name]}, {"required": [other_case(name)]}]}));
            object["allOf"] = either.collect();
        }
        object
    }

    fn write(&mut self, shape: ShapeId) -> Value {
        let limited = |mut value: Value, limits: [(&str, Option<Value>); 2]| {
            for (name, limit) in limits {
                if let Some(limit) = limit {
                    value[name] = limit;
                }
            }
            value
        };
        match shape.kind() {
            Kind::Structure { members, .. } => {
                let required: Vec<&str> = members.iter().filter(|m| m.required).map(|m| m.name).collect();
                self.structure(&members.iter().collect::<Vec<_>>(), &required)
            }
            Kind::List { item, min, max } => {
                let list = json!({"type": "array", "items": self.refer(item)});
                limited(list, [("minItems", min.map(Value::from)), ("maxItems", max.map(Value::from))])
            }
            Kind::Map { key, value, min, max } => {
                let (key, value) = (self.refer(key), self.refer(value));
                let map = json!({"type": "object", "propertyNames": key, "additionalProperties": value});
                limited(
                    map,
                    [("minProperties", min.map(Value::from)), ("maxProperties", max.map(Value::from))],
                )
            }
            Kind::String { enums, min, max, .. } => {
                let text = match enums {
                    [] => json!({"type": "string"}),
                    some => json!({"enum": some}),
                };
                limited(text, [("minLength", min.map(Value::from)), ("maxLength", max.map(Value::from))])
            }
            Kind::Integer { min, max } | Kind::Long { min, max } => limited(
                json!({"type": "integer"}),
                [("minimum", min.map(Value::from)), ("maximum", max.map(Value::from))],
            ),
            Kind::Float { min, max } | Kind::Double { min, max } => limited(
                json!({"type": "number"}),
                [("minimum", min.map(Value::from)), ("maximum", max.map(Value::from))],
            ),
            Kind::Boolean => json!({"type": "boolean"}),
            Kind::Timestamp => json!({"type": ["string", "number"]}),
            Kind::Blob => json!({"type": "string"}),
            Kind::Document => json!({}),
        }
    }
}

fn other_case(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| format!("{}{}", first.to_ascii_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_its_definition_and_none_is_left_over() {
        let schema = json_schema();
        let mut referred = BTreeSet::new();
        fn walk(value: &Value, referred: &mut BTreeSet<String>) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(to)) = map.get("$ref") {
                        referred.insert(to.trim_start_matches("#/$defs/").to_owned());
                    }
                    map.values().for_each(|v| walk(v, referred));
                }
                Value::Array(items) => items.iter().for_each(|v| walk(v, referred)),
                _ => {}
            }
        }
        walk(&schema, &mut referred);
        let defined: BTreeSet<String> = schema["$defs"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(referred, defined);
        assert!(defined.len() > 150, "{}", defined.len());
        assert!(schema["$defs"].as_object().unwrap().values().all(|d| !d.is_null()));
    }

    #[test]
    fn members_are_known_in_both_spellings_and_no_others() {
        let schema = json_schema();
        let container = &schema["$defs"]["ecs.ContainerDefinition"];
        assert_eq!(container["additionalProperties"], json!(false));
        assert!(container["properties"]["image"].is_object());
        assert!(container["patternProperties"]["^Image$"].is_object());
        let service = &schema["$defs"]["ecs.CreateServiceRequest.part"];
        assert_eq!(service["properties"]["clientToken"], Value::Null);
        assert_eq!(schema["required"], json!(["apiVersion", "name", "account", "region"]));
        let rule = &schema["$defs"]["elbv2.CreateRuleInput"]["properties"]["priority"]["anyOf"];
        assert_eq!(rule[0]["type"], json!("integer"));
        assert_eq!(rule[1]["required"], json!(["from", "to"]));
        let group = &schema["$defs"]["elbv2.CreateTargetGroupInput.free"]["properties"];
        assert!(group["attributes"].is_object() && group["healthCheckPath"].is_object());
    }
}
