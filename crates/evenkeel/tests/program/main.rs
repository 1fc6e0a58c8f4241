//! The program as its users meet it: over HTTP, and from the command line.

mod commands;
mod http;
mod served;
