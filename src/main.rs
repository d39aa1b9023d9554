//! The `remint` command: arguments in, one subcommand run, an exit status out.

use std::process::ExitCode;

use clap::Parser as _;
use remint::cli::{self, Arguments, Command};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cli::set_up_logging();
    let global = &arguments.global;
    let outcome = match &arguments.command {
        Command::Verify(options) => cli::on_runtime(cli::verify::run(global, options)),
        Command::Batch(options) => cli::on_runtime(cli::batch::run(global, options)),
        Command::Farm(options) => cli::on_runtime(cli::farm::run(global, options)),
        Command::Bench(options) => cli::on_runtime(cli::bench::run(global, options)),
        Command::Plan(options) => cli::on_runtime(cli::plan::run(global, options)),
        Command::Explain(options) => cli::explain::run(global, options),
        Command::Compare(options) => cli::compare::run(options),
        Command::Images(options) => cli::on_runtime(cli::images::run(global, options)),
        Command::Toolchains(options) => cli::on_runtime(cli::toolchains::run(global, options)),
        Command::Gc(options) => cli::on_runtime(cli::gc::run(global, options)),
        Command::Key(options) => cli::key::run(global, options),
        Command::Trust(options) => cli::trust::run(global, options),
        Command::Doctor => cli::on_runtime(cli::doctor::run(global)),
    };
    cli::exit_code(outcome)
}
