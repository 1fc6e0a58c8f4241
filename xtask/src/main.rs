//! Automation for Evenkeel's own developers: `cargo xtask ci`, `cargo xtask gen-shapes`.

fn main() {}
