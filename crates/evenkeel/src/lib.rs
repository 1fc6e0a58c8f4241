//! The program: its arguments, its commands, and what it shows over HTTP.
