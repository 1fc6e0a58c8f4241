//! The JSON Schema of a document, for editors.

/// The schema (2020-12) of a whole document.
pub fn json_schema() -> serde_json::Value {
    serde_json::json!({})
}
