//! `cargo xtask tidy`: bring into order by machine what a machine can, then check the rest.
//!
//! The rules themselves are tests (`tests/tidy.rs`, `tests/layers.rs`), so that they hold in CI too.

use anyhow::ensure;

use crate::ci::cargo;

/// Formats, rewrites the generated pages and runs the tests that guard the rules of the house.
pub fn run() -> anyhow::Result<()> {
    ensure!(cargo(&["fmt", "--all"]).status()?.success(), "cargo fmt failed");
    // The whole workspace is named, because the features of dependencies, and so their builds, are then
    // those of `cargo xtask ci`.
    let rules = cargo(&["test", "--workspace", "--test", "main", "--", "generated::", "tidy::", "layers::"])
        .env("UPDATE_EXPECT", "1")
        .status()?;
    ensure!(rules.success(), "a rule is broken: see above");
    Ok(())
}
