//! The `remint` command: arguments in, one subcommand run, an exit status out.

use std::process::ExitCode;

use clap::Parser as _;
use remint::cli::{self, Arguments, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cli::set_up_logging();
    let outcome = match &arguments.command {
        Command::Verify(options) => cli::verify::run(&arguments.global, options).await,
        Command::Bench(options) => cli::bench::run(&arguments.global, options).await,
        Command::Plan(options) => cli::plan::run(&arguments.global, options).await,
        Command::Compare(options) => cli::compare::run(options),
        Command::Images(options) => cli::images::run(&arguments.global, options).await,
        Command::Doctor => cli::doctor::run(&arguments.global).await,
    };
    cli::exit_code(outcome)
}
