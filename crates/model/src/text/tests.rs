//! What readers say about each kind of mistake, and that they agree with each other and with serde_json.

use expect_test::{Expect, expect};

use super::*;
use crate::diagnostic::{any_error, render};

mod corpus;
mod findings;
mod findings_yaml;
mod limits;
mod places;
mod properties;

/// The tree that a text gives, then what is said about it.
fn check(format: Format, source: &str, expected: Expect) {
    let (tree, diagnostics) = match parse(source.as_bytes(), Some(format)) {
        Ok(parsed) => (parsed.tree.to_json(), parsed.diagnostics),
        Err(diagnostics) => {
            assert!(any_error(&diagnostics), "refused without an error");
            ("refused".to_owned(), diagnostics)
        }
    };
    let name = if format == Format::Json { "doc.json" } else { "doc.yaml" };
    expected.assert_eq(&format!("{tree}\n{}", render(name, source, &diagnostics, false)));
}
