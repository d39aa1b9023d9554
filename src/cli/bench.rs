//! `remint bench`: how much of a list of packages reproduces.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::out::{say, say_as_is};
use super::{Error, Global, Outcome, open, progress};
use crate::farm::input::{self, Wanted};
use crate::model::{Batch, Purl};
use crate::report;
use crate::verify::{self, Request};

/// Options of `remint bench`.
#[derive(Args, Debug)]
pub struct Options {
    /// What to measure
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Verify every package of a list and print a scoreboard by ecosystem and year
    Corpus {
        /// One package URL a line; what follows a # is a remark
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Put no published metadata on rebuilt archives: only plain agreement counts
        #[arg(long)]
        no_replay: bool,
        /// Let nothing that was read out of the published artifact steer a build
        #[arg(long)]
        no_recovered: bool,
    },
}

/// Runs the benchmark, writes the batch's reports and prints the scoreboard.
///
/// # Errors
/// [`Error`] for a list that does not parse, for the farm's trouble before any
/// build, and on Ctrl-C or SIGTERM. Trouble with one package is that package's row.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let What::Corpus {
        file,
        no_replay,
        no_recovered,
    } = &options.what;
    let purls = read_list(file)?;
    let mut batch = Batch::begin(Timestamp::now());
    let bars = progress::Bars::new(purls.len());
    let farm = open::open(global, &batch.id, bars.sink()).await?;
    for purl in purls {
        let started = Timestamp::now();
        let request = Request {
            replay: !no_replay,
            recover: !no_recovered,
            ..Request::of(purl.clone())
        };
        match farm.line.verify(&request).await {
            Ok(records) => batch.results.extend(records),
            Err(verify::Error::Cancelled) => return Err(Error::Stopped),
            // One name that does not exist must not lose a night's work.
            Err(error) => batch
                .results
                .push(verify::undecided(&purl, started, &error)),
        }
        bars.advance();
    }
    bars.finish();
    batch.finished = Timestamp::now();
    let folder = report::write(&batch, &global.results_dir).map_err(|e| Error::farm(&e))?;
    say_as_is!("{}", report::to_scoreboard(&batch));
    say!("\nreport: {}", folder.join("index.html").display());
    Ok(Outcome::Good)
}

/// Reads every line before anything is done for the first.
fn read_list(file: &Path) -> Result<Vec<Purl>, Error> {
    let input = input::read(&[file.to_owned()]).map_err(|error| Error::usage(&error))?;
    input
        .wanted
        .into_iter()
        .map(|wanted| match wanted {
            Wanted::Package(purl) => Ok(purl),
            Wanted::Newest { package, .. } => Err(Error::Usage(format!(
                "{} asks for the newest versions of {package}; a corpus names each version",
                file.display()
            ))),
        })
        .collect()
}
