//! The program as its users meet it: over HTTP, and from the command line.

#![allow(clippy::unwrap_used)] // All of it is tests, and clippy sees only the functions that say so.

mod commands;
mod http;
mod served;
