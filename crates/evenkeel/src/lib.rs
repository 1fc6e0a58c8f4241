//! The program: its arguments, its commands, and what it shows over HTTP.
//!
//! Nothing is decided here. Each command is one module: it wires what the other crates offer, and prints.

pub mod arguments;
pub mod command;
pub mod conditions;
mod demo;
mod health;
pub mod http;
mod orders;
mod output;
mod plan;
mod run;
mod schema;
mod sim;
mod simulated;
mod source;
mod telemetry;
mod validate;
