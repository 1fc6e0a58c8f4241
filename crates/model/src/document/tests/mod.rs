//! Tests of reading documents.

mod corpus;
mod quirks;
mod semantics;

use crate::tree::Tree;

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
