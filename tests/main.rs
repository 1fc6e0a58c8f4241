//! Tests of the whole: what no crate can say about itself.
//!
//! One binary for all of them, because each more would link the AWS SDK once more. A file here is a module
//! of this one; `tidy.rs` notices one that is forgotten.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed: that is its way")]

mod cases;
mod conformance;
mod deploy;
mod examples;
mod generated;
mod layers;
mod scenarios;
mod schema;
mod shapes_vs_sdk;
mod stage;
mod tidy;

use std::path::Path;

/// The workspace's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace")
}

/// A file of the workspace, named from its root.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A JSON file of the workspace, named from its root.
fn json(path: &str) -> serde_json::Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
