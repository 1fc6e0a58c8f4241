//! What is read out of a document, and what is said about one that is wrong.

use expect_test::{Expect, expect};

use super::*;
use crate::diagnostic;
use crate::text::{self, Format};

mod forms;
mod meanings;
mod reading;

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

const TASK: &str = r#"{"containerDefinitions": [{"name": "app", "image": "app:1"}]}"#;

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
