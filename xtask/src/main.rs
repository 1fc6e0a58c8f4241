//! Automation for Evenkeel's own developers: `cargo xtask ci`, `cargo xtask gen-shapes`.

mod gen_shapes;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Automation for Evenkeel's own developers")]
enum Command {
    /// Write the shape tables of `evenkeel-model` from the AWS service models in botocore (network)
    GenShapes(gen_shapes::Args),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::GenShapes(args) => gen_shapes::run(&args),
    }
}
