//! Compares what a document wants with what AWS has, by rule table, field path by field path.
//!
//! [`compare`] is the one place where it is decided whether two shapes differ; [`rules`] holds, row by
//! row, what AWS fills in, reorders and keeps to itself; [`lift`] brings a described resource into the
//! form in which it was declared.

mod compare;
pub mod lift;
mod place;
pub mod rules;
mod rules_derived;

pub use compare::{FieldDiff, compare, default_at, fill};
pub use place::{ordered, put};
pub use rules::Kind;
pub use rules_derived::attribute_default;

#[cfg(test)]
mod tests;
