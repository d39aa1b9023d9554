//! Arguments, progress and printing: one file a subcommand. It may import every
//! room; it holds nothing that a user of the library would want.

pub mod batch;
pub mod bench;
pub mod compare;
pub mod doctor;
pub mod explain;
pub mod farm;
pub mod gc;
pub mod images;
pub mod key;
pub mod plan;
pub mod toolchains;
pub mod trust;
pub mod verify;

mod open;
mod out;
mod progress;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Rebuilds published packages from source, compares them bit for bit and signs
/// the verdict.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    /// Options of every subcommand.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every subcommand.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Where blobs, images, keys and attestations are kept
    #[arg(
        long,
        global = true,
        help_heading = "Folders",
        env = "REMINT_DATA_DIR",
        value_name = "DIR"
    )]
    pub data_dir: Option<PathBuf>,
    /// The configuration file; `remint.toml` in the data folder if there is one
    #[arg(
        long,
        global = true,
        help_heading = "Folders",
        env = "REMINT_CONFIG",
        value_name = "FILE"
    )]
    pub config: Option<PathBuf>,
    /// Where the image definitions and their lock file are
    #[arg(
        long,
        global = true,
        help_heading = "Folders",
        env = "REMINT_IMAGES_DIR",
        value_name = "DIR",
        default_value = "images"
    )]
    pub images_dir: PathBuf,
    /// Where recipes are looked up
    #[arg(
        long,
        global = true,
        help_heading = "Folders",
        env = "REMINT_RECIPES_DIR",
        value_name = "DIR",
        default_value = "recipes"
    )]
    pub recipes_dir: PathBuf,
    /// Where each batch's reports go
    #[arg(
        long,
        global = true,
        help_heading = "Folders",
        env = "REMINT_RESULTS_DIR",
        value_name = "DIR",
        default_value = "results"
    )]
    pub results_dir: PathBuf,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Rebuild packages and say whether they are the same bytes as published
    Verify(verify::Options),
    /// Verify what lists, lock files and SBOMs name; stop and go on at any time
    Batch(batch::Options),
    /// Run batches by schedule, as a service; or work for one
    Farm(farm::Options),
    /// Measure how much of a list of packages reproduces
    Bench(bench::Options),
    /// Print the plan that would be run, as a recipe with the reason for each line
    Plan(plan::Options),
    /// Tell the story of a verdict: what was tried, in which order, and how near each came
    Explain(explain::Options),
    /// Compare a published file with a rebuilt one: where they differ, why, and what to do
    Compare(compare::Options),
    /// List, build, lock or verify the images that builds run in
    Images(images::Options),
    /// List, add or pin the cargos that crates are packed with
    Toolchains(toolchains::Options),
    /// Free what was unused the longest, down to the limits of [disk]
    Gc(gc::Options),
    /// Make, list, export, rotate or revoke the keys
    Key(key::Options),
    /// Ask the store of signed records, and look after its log
    Trust(trust::Options),
    /// Check engine, disk, registries, images and keys, and say what to do
    Doctor,
}

/// How a subcommand ended, where it is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well: everything reproduced.
    Good,
    /// Something did not reproduce, or a check failed.
    Bad,
    /// The farm could not decide.
    Undecided,
}

/// A command line that cannot be carried out, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong usage or configuration.
    #[error("{0}")]
    Usage(String),
    /// The farm's own trouble.
    #[error("{0}")]
    Farm(String),
    /// Stopped by a signal.
    #[error("stopped on request; everything that this run started was removed")]
    Stopped,
}

impl Error {
    fn usage(error: &dyn std::error::Error) -> Self {
        Self::Usage(chain(error))
    }

    fn farm(error: &dyn std::error::Error) -> Self {
        Self::Farm(chain(error))
    }
}

/// An error with its causes, in one text.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str("\n  because ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// Runs a subcommand that talks to registries or the engine. What does not, runs
/// without: starting threads is most of the time of a small comparison.
///
/// # Errors
/// What the subcommand says, or that no threads could be started.
pub fn on_runtime(
    subcommand: impl Future<Output = Result<Outcome, Error>>,
) -> Result<Outcome, Error> {
    tokio::runtime::Runtime::new()
        .map_err(|error| Error::Farm(format!("cannot start the runtime: {error}")))?
        .block_on(subcommand)
}

/// The exit status: 0 all good, 1 something did not reproduce, 2 wrong usage or
/// configuration, 3 the farm could not decide, 130 stopped by a signal.
pub fn exit_code(outcome: Result<Outcome, Error>) -> ExitCode {
    let code = match &outcome {
        Ok(Outcome::Good) => 0,
        Ok(Outcome::Bad) => 1,
        Ok(Outcome::Undecided) | Err(Error::Farm(_)) => 3,
        Err(Error::Usage(_)) => 2,
        Err(Error::Stopped) => 130,
    };
    if let Err(error) = outcome {
        eprintln!(
            "remint: {}",
            crate::model::printable(&error.to_string(), true)
        );
    }
    ExitCode::from(code)
}

/// Logs go to standard error, as `RUST_LOG` asks; warnings by default.
pub fn set_up_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
