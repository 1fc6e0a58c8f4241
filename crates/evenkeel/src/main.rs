//! The program `evenkeel`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    evenkeel::command::main()
}
