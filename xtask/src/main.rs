//! Automation for Evenkeel's own developers: `cargo xtask ci`, `cargo xtask tidy`, `cargo xtask gen-shapes`.

mod ci;
mod gen_shapes;
mod tidy;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Automation for Evenkeel's own developers")]
enum Command {
    /// Check everything that must hold before a change is merged; fetches the tools it needs
    Ci(ci::Args),
    /// Format the code, rewrite the generated pages and check the rules of the house
    Tidy,
    /// Write the shape tables of `evenkeel-model` from the AWS service models in botocore (network)
    GenShapes(gen_shapes::Args),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Ci(args) => ci::run(&args),
        Command::Tidy => tidy::run(),
        Command::GenShapes(args) => gen_shapes::run(&args),
    }
}
