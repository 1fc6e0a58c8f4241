//! The JSON Schema of a document, for editors, made from the tables that documents are checked against.
//!
//! It describes documents that are read without a word: what is taken with a note (null, pasted answers,
//! numbers as text) is not in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::schema::{self, Aws, Entry, Field};
use crate::shapes::{Kind, Member, ShapeId};

/// The schema (2020-12) of a whole document. Members of AWS's shapes are taken with either case of the first
/// letter; other members of theirs are refused, and taken below an `allowUnknownFields` that is true.
pub fn json_schema() -> Value {
    let mut shapes = Shapes::default();
    let root = field(&schema::ROOT, Others::Refused, &mut shapes);
    let mut definitions = Map::new();
    let mut done = BTreeSet::new();
    while let Some((shape, others)) = shapes.referred.pop_last() {
        if done.insert((shape, others)) {
            let written = shapes.write(shape, others);
            definitions.insert(name(shape, others), written);
        }
        shapes.referred.retain(|referred| !done.contains(referred));
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

/// What becomes of members of AWS's shapes that no table knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Others {
    Refused,
    Taken,
}

impl Others {
    /// The object as it takes others, or does not.
    fn of(self, mut object: Value) -> Value {
        if self == Others::Refused {
            object["additionalProperties"] = json!(false);
        }
        object
    }
}

/// The name of a shape among the definitions, such as `ecs.ContainerDefinition`.
fn name(shape: ShapeId, others: Others) -> String {
    let open = if others == Others::Taken { ".open" } else { "" };
    format!("{}.{}{open}", shape.service(), shape.name())
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// The shapes that are referred to, and the inputs of operations as documents have them.
#[derive(Default)]
struct Shapes {
    referred: BTreeSet<(ShapeId, Others)>,
    inputs: BTreeMap<String, Value>,
}

fn field(field: &'static Field, others: Others, shapes: &mut Shapes) -> Value {
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
        Field::WordOr(words, entries) => json!({"anyOf": [{"enum": words}, object(entries, others, shapes)]}),
        Field::Object(entries) => {
            let may_open =
                others == Others::Refused && entries.iter().any(|e| e.name == schema::ALLOW_UNKNOWN);
            match may_open {
                true => json!({
                    "if": {
                        "properties": {schema::ALLOW_UNKNOWN: {"const": true}},
                        "required": [schema::ALLOW_UNKNOWN],
                    },
                    "then": object(entries, Others::Taken, shapes),
                    "else": object(entries, Others::Refused, shapes),
                }),
                false => object(entries, others, shapes),
            }
        }
        Field::Each(item) => {
            let item = self::field(item, others, shapes);
            json!({"type": "object", "additionalProperties": item})
        }
        Field::List(item) => json!({"type": "array", "items": self::field(item, others, shapes)}),
        Field::Aws(aws) => input(aws, others, shapes),
    }
}

/// An object of ours.
fn object(entries: &'static [Entry], others: Others, shapes: &mut Shapes) -> Value {
    let required: Vec<_> = entries.iter().filter(|e| e.required).map(|e| e.name).collect();
    let mut object = json!({
        "type": "object",
        "properties": ours(entries, others, shapes),
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn ours(entries: &'static [Entry], others: Others, shapes: &mut Shapes) -> Map<String, Value> {
    entries.iter().map(|e| (e.name.to_owned(), field(&e.field, others, shapes))).collect()
}

/// An operation's input less what the document gives by other means and plus what is ours.
fn input(aws: &'static Aws, others: Others, shapes: &mut Shapes) -> Value {
    let shape = aws.op.input();
    let whole = if aws.whole { "" } else { ".part" };
    let listed = if aws.without.is_empty() { ".free" } else { "" };
    let name = format!("{}{listed}{whole}", name(shape, others));
    if !shapes.inputs.contains_key(&name) {
        // Kept before it is made, so that a shape within itself ends.
        shapes.inputs.insert(name.clone(), Value::Null);
        let members: Vec<&Member> =
            shape.members().iter().filter(|m| !aws.without.contains(&m.name)).collect();
        let required = |m: &&&Member| aws.whole && m.required && !aws.given_otherwise(m.name);
        let asked: Vec<&str> = members.iter().filter(required).map(|m| m.name).collect();
        let mut object = shapes.structure(&members, &asked, others);
        if let Some(Value::Object(properties)) = object.get_mut("properties") {
            for (name, ours) in ours(aws.plus, others, shapes) {
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
    fn refer(&mut self, shape: ShapeId, others: Others) -> Value {
        let others = match shape.kind() {
            Kind::Structure { .. } | Kind::List { .. } | Kind::Map { .. } => others,
            Kind::String { enums, .. } if !enums.is_empty() => Others::Refused,
            _ => return self.write(shape, others),
        };
        self.referred.insert((shape, others));
        reference(&name(shape, others))
    }

    /// A structure; each member under both of its spellings.
    fn structure(&mut self, members: &[&Member], required: &[&str], others: Others) -> Value {
        let mut properties = Map::new();
        let mut spelled = Map::new();
        for member in members {
            let value = self.refer(member.shape, others);
            spelled.insert(format!("^{}$", other_case(member.name)), value.clone());
            properties.insert(member.name.to_owned(), value);
        }
        let mut object = json!({
            "type": "object",
            "properties": properties,
            "patternProperties": spelled,
        });
        if !required.is_empty() {
            let either = required
                .iter()
                .map(|name| json!({"anyOf": [{"required": [name]}, {"required": [other_case(name)]}]}));
            object["allOf"] = either.collect();
        }
        others.of(object)
    }

    fn write(&mut self, shape: ShapeId, others: Others) -> Value {
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
                self.structure(&members.iter().collect::<Vec<_>>(), &required, others)
            }
            Kind::List { item, min, max } => {
                let list = json!({"type": "array", "items": self.refer(item, others)});
                limited(list, [("minItems", min.map(Value::from)), ("maxItems", max.map(Value::from))])
            }
            Kind::Map { key, value, min, max } => {
                let (key, value) = (self.refer(key, others), self.refer(value, others));
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
        assert_eq!(schema["else"]["required"], json!(["apiVersion", "name", "account", "region"]));
        let rule = &schema["$defs"]["elbv2.CreateRuleInput"]["properties"]["priority"]["anyOf"];
        assert_eq!(rule[0]["type"], json!("integer"));
        assert_eq!(rule[1]["required"], json!(["from", "to"]));
        let group = &schema["$defs"]["elbv2.CreateTargetGroupInput.free"]["properties"];
        assert!(group["attributes"].is_object() && group["healthCheckPath"].is_object());
    }

    #[test]
    fn unknown_members_are_taken_below_the_word_that_allows_them() {
        let schema = json_schema();
        let services = |schema: &Value| schema["properties"]["services"]["additionalProperties"].clone();
        let task = |service: &Value| service["properties"]["taskDefinition"]["$ref"].clone();
        let (closed, open) = (services(&schema["else"]), services(&schema["then"]));
        assert_eq!(task(&closed["else"]), "#/$defs/ecs.RegisterTaskDefinitionRequest.free.part");
        assert_eq!(task(&closed["then"]), "#/$defs/ecs.RegisterTaskDefinitionRequest.open.free.part");
        assert_eq!(task(&open), task(&closed["then"]));
        let container = &schema["$defs"]["ecs.ContainerDefinition.open"];
        assert_eq!(container["additionalProperties"], Value::Null);
        assert_eq!(open["additionalProperties"], json!(false), "members of ours are known");
    }
}
