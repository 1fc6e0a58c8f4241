//! Compares what a document wants with what AWS has, by rule table, field path by field path.
//!
//! [`compare`] is the one place where it is decided whether two shapes differ; [`rules`] holds, row by
//! row, what AWS fills in, reorders and keeps to itself; [`lift`] brings a described resource into the
//! form in which it was declared, and [`compare_described`] does both without copies where it can.

mod compare;
mod defaults;
mod kind;
pub mod lift;
mod place;
pub mod rules;
mod set;
mod value;
mod whole;

pub use compare::{FieldDiff, compare, compare_described};
pub use defaults::{default_at, defaults, fill};
pub use kind::Kind;
pub use place::{is_undeclared, ordered, put};
pub use rules::{
    Change, Clearing, Sameness, attribute_default, change, clearing, compare_attributes,
    listener_attribute_default,
};
pub use whole::{SERVICE_REVISION, Whole};

#[cfg(test)]
mod tests;
