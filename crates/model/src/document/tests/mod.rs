//! What is read out of a document, and what is said about one that is wrong.

use expect_test::{Expect, expect};

use super::*;
use crate::diagnostic;
use crate::text::{self, Format};
use crate::tree::Tree;

mod any;
mod corpus;
mod forms;
mod meanings;
mod partial;
mod quirks;
mod reading;
mod semantics;
mod treatment;

/// A document around these members of its top, which stand in the first column.
fn around(members: &str) -> String {
    format!(
        "{{\"apiVersion\": \"evenkeel/v1\", \"name\": \"shop\", \"account\": \"123456789012\", \"region\": \"us-east-1\",\n\"cluster\": \"web\"{}{members}}}",
        if members.is_empty() { "" } else { ",\n" }
    )
}

/// A document with one service of these members besides a whole task definition and service.
fn with_service(members: &str) -> String {
    around(&format!(
        "\"services\": {{\"api\": {{\"taskDefinition\": {TASK}, \"service\": {{}},\n{members}\n}}}}"
    ))
}

/// A document with one service of this task definition and service.
fn with_shapes(task: &str, service: &str) -> String {
    around(&format!("\"services\": {{\"api\": {{\n\"taskDefinition\": {task},\n\"service\": {service}}}}}"))
}

const TASK: &str = r#"{"containerDefinitions": [{"name": "app", "image": "app:1", "memory": 64}]}"#;

fn read_as(text: &str, format: Format) -> (Option<Document>, String) {
    let parsed = text::parse(text.as_bytes(), Some(format)).unwrap();
    let (document, found) = read(parsed);
    let name = if format == Format::Yaml { "doc.yaml" } else { "doc.json" };
    (document, diagnostic::render(name, text, &found, false))
}

#[track_caller]
fn says(text: &str, expected: Expect) {
    expected.assert_eq(&read_as(text, Format::Json).1);
}

#[track_caller]
fn document(text: &str) -> Document {
    let (document, said) = read_as(text, Format::Json);
    document.unwrap_or_else(|| panic!("{said}"))
}

/// A task definition for Fargate that lacks its containers.
fn fargate_task() -> Tree {
    Tree::from(serde_json::json!({
        "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/execution"
    }))
}

/// A document in which `source` stands at `section`; `beside` are the members beside it, `|` parting the
/// levels from the inside out.
fn wrapped_json(section: &str, source: &str, beside: &str) -> String {
    let mut beside = beside.split('|');
    let mut text = source.to_owned();
    for name in section.rsplit('/') {
        let more = beside.next().filter(|b| !b.is_empty()).map(|b| format!(", {b}")).unwrap_or_default();
        text = format!("{{\"{name}\": {text}\n{more}}}");
    }
    let rest = text.strip_prefix('{').unwrap_or(&text);
    format!(
        "{{\"apiVersion\": \"evenkeel/v1\", \"name\": \"n\", \"account\": \"123456789012\", \
         \"region\": \"us-east-1\", \"cluster\": \"c\", {rest}"
    )
}

/// The same for a source in YAML; `beside` is JSON, which is YAML too.
fn wrapped_yaml(section: &str, source: &str, beside: &str) -> String {
    let mut text =
        "apiVersion: evenkeel/v1\nname: n\naccount: '123456789012'\nregion: us-east-1\ncluster: c\n"
            .to_owned();
    let mut depth = 0;
    for name in section.split('/') {
        text.push_str(&format!("{}{name}:\n", " ".repeat(depth)));
        depth += 2;
    }
    for line in source.lines() {
        text.push_str(&format!("{}{line}\n", " ".repeat(depth)));
    }
    if let Some((name, value)) = beside.split_once(": ") {
        text.push_str(&format!("{}{}: {value}\n", " ".repeat(depth - 2), name.trim_matches('"')));
    }
    text
}
