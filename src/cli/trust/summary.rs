//! `remint trust summary`: the store's word that a policy accepts a file, for tools that
//! ask no store; and whether such a word still stands.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::super::out::say;
use super::super::{Error, Global, Outcome, open};
use super::check::{Subject, asker, digest_of};
use super::{policy_of, text_of};
use crate::attest::Bundle;
use crate::model::printable;
use crate::trust::{self, Asker, Origin, ReleaseFile};

#[derive(Debug, Subcommand)]
pub(super) enum Summary {
    /// Sign a summary of each artifact that the policy accepts, and print it
    Issue {
        /// A file, sha256:DIGEST, sha512:DIGEST or a package URL
        #[arg(required = true, value_name = "FILE|DIGEST|PURL")]
        subjects: Vec<String>,
        /// What is accepted; without it, a reproduction by one builder
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Say whether a summary stands, as the store is now
    Verify {
        /// The summary, as it was printed
        #[arg(value_name = "BUNDLE")]
        bundle: PathBuf,
        /// The file that it is shown for
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// The policy that it must have been made by
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
}

/// Carries out one action on summaries.
pub(super) fn run(global: &Global, data: &Path, action: &Summary) -> Result<Outcome, Error> {
    match action {
        Summary::Issue { subjects, policy } => {
            let asker = asker(data, policy_of(policy.as_deref())?)?;
            issue(global, data, &asker, subjects)
        }
        Summary::Verify {
            bundle,
            file,
            policy,
        } => {
            let asker = asker(data, policy_of(policy.as_deref())?)?;
            verify(&asker, bundle, file.as_deref())
        }
    }
}

/// One line of JSON a summary; what is refused gets none.
fn issue(
    global: &Global,
    data: &Path,
    asker: &Asker,
    subjects: &[String],
) -> Result<Outcome, Error> {
    let config = open::config(global, data)?;
    let origin = Origin::new(&config.log.origin).ok_or_else(|| {
        Error::Usage(format!(
            "`{}` is no bare host name; correct [log] origin in the configuration",
            config.log.origin
        ))
    })?;
    let ledger = open::ledger(&config, data)?;
    let mut outcome = Outcome::Good;
    for subject in subjects {
        let files = files(asker, subject)?;
        if files.is_empty() {
            refuse("no record knows it as an artifact of a release", subject);
            outcome = Outcome::Bad;
        }
        for file in files {
            match trust::summarize(&file, asker.policy().digest, &origin, asker.now()) {
                Some(statement) => {
                    let record = ledger
                        .state(&statement, None)
                        .map_err(|e| Error::usage(&e))?;
                    say!("{}", record.bundle.to_json());
                }
                None => {
                    refuse(&file.answer.reason, &file.answer.subject);
                    outcome = Outcome::Bad;
                }
            }
        }
    }
    Ok(outcome)
}

fn files(asker: &Asker, subject: &str) -> Result<Vec<ReleaseFile>, Error> {
    match Subject::of(subject)? {
        Subject::Release(purl) => asker.release(&purl),
        Subject::File(digest) => asker.releases_of(&digest),
    }
    .map_err(|e| Error::usage(&e))
}

fn refuse(reason: &str, subject: &str) {
    let text = format!("no summary of {subject}: {reason}");
    eprintln!("{}", printable(&text, false));
}

fn verify(asker: &Asker, path: &Path, file: Option<&Path>) -> Result<Outcome, Error> {
    let bundle = Bundle::parse(&text_of(path)?)
        .map_err(|error| Error::Usage(format!("{}: {error}", path.display())))?;
    let file = file.map(digest_of).transpose()?;
    let objections = trust::objections(bundle, file, asker).map_err(|e| Error::usage(&e))?;
    for objection in &objections {
        say!("NO   {}: {}", path.display(), printable(objection, false));
    }
    if objections.is_empty() {
        say!("yes  {}: it stands", path.display());
        return Ok(Outcome::Good);
    }
    Ok(Outcome::Bad)
}
