//! `remint trust list`: what a policy accepts, in the forms of package clients.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::super::out::say_as_is;
use super::super::{Error, Outcome};
use super::check::{asker, check_version};
use super::policy_of;
use crate::model::{Purl, printable};
use crate::trust::{Asker, ListFormat, ReleaseFile};

#[derive(Args, Debug)]
pub(super) struct List {
    /// Which tool it is for
    #[arg(value_enum)]
    format: Format,
    /// Releases to list; without any, all that the store knows
    #[arg(value_name = "PURL")]
    releases: Vec<Purl>,
    /// What is accepted; without it, a reproduction by one builder
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A requirements file for `pip install --require-hashes`
    PipHashes,
    /// An `audits.toml` for cargo-vet
    CargoVet,
    /// A JSON object from `name@version` to npm's integrity string
    NpmIntegrity,
}

impl From<Format> for ListFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::PipHashes => Self::PipHashes,
            Format::CargoVet => Self::CargoVet,
            Format::NpmIntegrity => Self::NpmIntegrity,
        }
    }
}

/// Prints the list. It is complete where all that was asked for is on it.
pub(super) fn run(data: &Path, options: &List) -> Result<Outcome, Error> {
    let format = ListFormat::from(options.format);
    let asker = asker(data, policy_of(options.policy.as_deref())?)?;
    let files = files(&asker, format, &options.releases)?;
    let list = format.list(&files, &maker(&asker)?);
    say_as_is!("{}", list.text);
    let mut complaints = list.left_out;
    if !options.releases.is_empty() {
        complaints.extend(refused(&files));
        complaints.extend(unknown(&asker, &files, &options.releases));
    }
    for complaint in &complaints {
        eprintln!("not listed: {}", printable(complaint, false));
    }
    Ok(if complaints.is_empty() {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

fn files(asker: &Asker, format: ListFormat, releases: &[Purl]) -> Result<Vec<ReleaseFile>, Error> {
    if releases.is_empty() {
        return asker.everything().map_err(|e| Error::usage(&e));
    }
    let mut files = Vec::new();
    for purl in releases {
        check_version(purl)?;
        if purl.ecosystem() != format.ecosystem() {
            return Err(Error::Usage(format!(
                "{purl} has no place on this list, which is of pkg:{}/",
                format.ecosystem()
            )));
        }
        files.extend(asker.release(purl).map_err(|e| Error::usage(&e))?);
    }
    Ok(files)
}

/// Who answers for the list: the store, by the name of its log.
fn maker(asker: &Asker) -> Result<String, Error> {
    let checkpoint = asker.reader().checkpoint().map_err(|e| Error::usage(&e))?;
    Ok(checkpoint.map_or_else(
        || "an empty store".into(),
        |checkpoint| format!("remint at {}", checkpoint.origin.as_str()),
    ))
}

fn refused(files: &[ReleaseFile]) -> impl Iterator<Item = String> {
    files
        .iter()
        .filter(|file| !file.answer.trusted)
        .map(|file| format!("{}: {}", file.answer.subject, file.answer.reason))
}

fn unknown<'a>(
    asker: &'a Asker,
    files: &'a [ReleaseFile],
    releases: &'a [Purl],
) -> impl Iterator<Item = String> + 'a {
    releases
        .iter()
        .filter(|purl| !files.iter().any(|file| file.purl == **purl))
        .map(|purl| format!("{purl}: {}", asker.unknown("").reason))
}
