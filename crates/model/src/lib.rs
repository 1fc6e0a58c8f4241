//! Names and values that every other crate speaks in: trees of AWS fields, the tables that give them
//! meaning, keys and ARNs, the document with its diagnostics, the world and memory.
//!
//! Nothing here does I/O, reads a clock or draws randomness.

pub mod diagnostic;
pub mod document;
pub mod key;
pub mod memory;
mod name;
pub mod orders;
pub mod path;
pub mod shapes;
pub mod text;
pub mod tree;
pub mod wire;
pub mod world;

pub use diagnostic::{Diagnostic, Position, Severity};
pub use path::Path;
pub use tree::{Map, Name, Tree};
