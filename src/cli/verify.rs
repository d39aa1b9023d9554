//! `remint verify`.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::out::{say, say_as_is};
use super::{Error, Global, Outcome, open, progress};
use crate::model::{Batch, Purl, ResultRecord, VerdictKind};
use crate::report;
use crate::verify::{self, Request};

/// Options of `remint verify`.
#[derive(Args, Debug)]
pub struct Options {
    /// Package URLs, such as pkg:cargo/itoa@1.0.18; without a version, the newest stable release
    #[arg(required = true, value_name = "PURL")]
    purls: Vec<String>,
    /// Verify only the artifact of this file name
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
    /// Take the source from this git folder or address
    #[arg(long, value_name = "GITDIR_OR_URL")]
    source: Option<String>,
    /// Follow this recipe instead of inferring a plan
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// Print the batch as JSON, as in results.json
    #[arg(long)]
    json: bool,
    /// Put no published metadata on rebuilt archives: only plain agreement counts
    #[arg(long)]
    no_replay: bool,
    /// Let nothing that was read out of the published artifact steer a build
    #[arg(long)]
    no_recovered: bool,
    /// Leave the build container for a look
    #[arg(long)]
    keep: bool,
}

/// Verifies each package, writes the batch's reports and prints a summary.
///
/// # Errors
/// [`Error`] for wrong usage, for the farm's trouble before any build, and on
/// Ctrl-C or SIGTERM.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let purls = parse_all(&options.purls)?;
    if purls.len() > 1 {
        for (given, option) in [
            (options.artifact.is_some(), "--artifact"),
            (options.source.is_some(), "--source"),
            (options.recipe.is_some(), "--recipe"),
        ] {
            if given {
                return Err(Error::Usage(format!(
                    "{option} fits one package; {} were named",
                    purls.len()
                )));
            }
        }
    }
    let started = Timestamp::now();
    let mut batch = Batch::begin(started);
    let bars = progress::Bars::new(purls.len());
    let farm = open::open(global, &batch.id, bars.sink()).await?;
    for purl in purls {
        let request = Request {
            artifact: options.artifact.clone(),
            source: options.source.clone(),
            recipe: options.recipe.clone(),
            keep: options.keep,
            replay: !options.no_replay,
            recover: !options.no_recovered,
            purl,
        };
        match farm.line.verify(&request).await {
            Ok(records) => batch.results.extend(records),
            Err(verify::Error::Cancelled) => return Err(Error::Stopped),
            Err(error) => return Err(classify(&error)),
        }
        bars.advance();
    }
    bars.finish();
    batch.finished = Timestamp::now();
    let folder = report::write(&batch, &global.results_dir).map_err(|e| Error::farm(&e))?;
    if options.json {
        say!("{}", report::to_json(&batch));
    } else {
        say_as_is!(
            "{}",
            report::to_terminal(&batch, std::io::stdout().is_terminal())
        );
        say!("report: {}", folder.join("index.html").display());
    }
    Ok(outcome(&batch.results))
}

/// Reads every package URL before anything is done for the first.
fn parse_all(texts: &[String]) -> Result<Vec<Purl>, Error> {
    texts
        .iter()
        .map(|text| text.parse().map_err(|error| Error::usage(&error)))
        .collect()
}

/// Whether an error of the line is the person's to mend or the farm's.
pub(super) fn classify(error: &verify::Error) -> Error {
    match error {
        verify::Error::Cancelled => Error::Stopped,
        error if error.is_farm_fault() => Error::farm(error),
        error => Error::usage(error),
    }
}

/// What a list of verdicts means for the exit status. A package that did not
/// reproduce weighs more than one that could not be decided, and one that reproduces what no
/// commit holds does not count as good.
fn outcome(results: &[ResultRecord]) -> Outcome {
    let mut outcome = Outcome::Good;
    for record in results {
        match record.verdict.kind() {
            VerdictKind::Reproduced if record.rests_on_broken_sdist() => outcome = Outcome::Bad,
            VerdictKind::Reproduced => {}
            VerdictKind::InfraError => {
                if outcome == Outcome::Good {
                    outcome = Outcome::Undecided;
                }
            }
            VerdictKind::Equivalent
            | VerdictKind::Different
            | VerdictKind::BuildFailed
            | VerdictKind::SourceNotFound
            | VerdictKind::Unsupported => outcome = Outcome::Bad,
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sha256Digest, Verdict};

    fn reproduced() -> ResultRecord {
        let verdict = Verdict::Reproduced {
            sha256: Sha256Digest::of("x"),
            recovered: vec![],
            replayed: vec![],
        };
        let purl = "pkg:pypi/demo@1.0".parse().expect("valid");
        ResultRecord::new(purl, verdict, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_reproduces_from_an_archive_that_holds_what_no_commit_does_is_not_good() {
        assert_eq!(outcome(&[reproduced()]), Outcome::Good);
        let broken = reproduced().on_broken_sdist();
        assert_eq!(outcome(&[reproduced(), broken]), Outcome::Bad);
    }
}
