//! Trees on the wire: the two protocols in which the services of the shape tables speak.
//!
//! Encoders write members under their wire names; decoders read replies straight into canonical trees.
//! What the tables do not know goes through as it is, in both directions.

pub mod json;
pub mod query;

#[cfg(test)]
mod tests;

use crate::tree::Tree;

/// Deepest nesting that is read; AWS's own shapes stay below 20.
const DEEPEST: usize = 64;

/// Largest reply that is read, in bytes; a full page of anything is below 8 MiB.
const LARGEST: usize = 32 << 20;

/// Why a reply could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than any reply has.
    #[error("the reply has {0} bytes, more than {LARGEST}")]
    TooLarge(usize),
    /// Nested deeper than any reply is.
    #[error("the reply is nested deeper than {DEEPEST}")]
    TooDeep,
    /// No JSON, or a value where a list or an object belongs.
    #[error("the reply is not the JSON that belongs here")]
    Json(#[source] serde_json::Error),
    /// Not UTF-8.
    #[error("the reply is not UTF-8")]
    Utf8(#[from] std::str::Utf8Error),
    /// No XML.
    #[error("the reply is not XML")]
    Xml(#[from] quick_xml::Error),
    /// It ends before its elements do.
    #[error("the reply is cut off")]
    Cut,
    /// Another document than the operation's reply: an error, or somebody else's page.
    #[error("the reply is `{found}`, not `{expected}`")]
    Root {
        /// The element that belongs there.
        expected: String,
        /// The element that stands there; empty where there is none.
        found: String,
    },
    /// A reference to an entity that XML does not define.
    #[error("the reply names the entity `{0}`, which XML does not define")]
    Entity(String),
    /// Text where a list or an object belongs.
    #[error("the reply has text in `{element}`, where {expected} belongs")]
    Misfit {
        /// The element.
        element: String,
        /// What belongs there, in words.
        expected: &'static str,
    },
}

/// Seconds since 1970, from a number or from ISO 8601 text with an offset; `None` for anything else.
fn seconds(tree: &Tree) -> Option<f64> {
    match tree {
        Tree::Int(n) => Some(*n as f64),
        Tree::Num(n) => Some(*n),
        Tree::Str(text) => Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond() as f64 / 1000.0),
        _ => None,
    }
}
