//! `remint bench`: how much of a list of packages reproduces.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::verify::request_for;
use super::{Error, Global, Outcome, open, progress};
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
            ..request_for(purl.clone())
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
    print!("{}", report::to_scoreboard(&batch));
    println!("\nreport: {}", folder.join("index.html").display());
    Ok(Outcome::Good)
}

/// Reads every line before anything is done for the first.
fn read_list(file: &Path) -> Result<Vec<Purl>, Error> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::Usage(format!("cannot read the list {}: {error}", file.display()))
    })?;
    parse_list(&text, &file.display().to_string())
}

fn parse_list(text: &str, origin: &str) -> Result<Vec<Purl>, Error> {
    let mut purls = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let purl = line
            .parse()
            .map_err(|error| Error::Usage(format!("{origin}, line {}: {error}", index + 1)))?;
        purls.push(purl);
    }
    if purls.is_empty() {
        return Err(Error::Usage(format!(
            "{origin} names no package; write one package URL a line, such as pkg:cargo/itoa@1.0.18"
        )));
    }
    Ok(purls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_remarks_and_says_which_line_is_wrong() {
        let list = "# small\npkg:cargo/itoa@1.0.18 # a number\n\npkg:npm/ms@2.1.3\n";
        assert_eq!(parse_list(list, "list").expect("valid").len(), 2);
        let error = parse_list("pkg:cargo/itoa@1.0.18\nnothing\n", "list").expect_err("no purl");
        assert!(error.to_string().starts_with("list, line 2: "), "{error}");
        assert!(parse_list("# nothing\n", "list").is_err());
    }
}
