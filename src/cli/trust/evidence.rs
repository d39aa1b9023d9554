//! `remint trust deploy-evidence`: statements about a file, put beside it in an
//! Artifactory.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::out::say;
use super::super::{Error, Outcome};
use super::check::{Subject, asker};
use super::text_of;
use crate::model::printable;
use crate::trust::{Asker, Evidence, Key, Policy, VerifiedRecord};

#[derive(Args, Debug)]
pub(super) struct Deploy {
    /// The file, or sha256:DIGEST or sha512:DIGEST of it
    #[arg(value_name = "FILE|DIGEST")]
    subject: String,
    /// The Artifactory's address
    #[arg(long, value_name = "URL")]
    to: String,
    /// The file's place in it: repository/folder/file
    #[arg(long, value_name = "PATH")]
    path: String,
    /// A file with an access token that may read and annotate that place
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// What the Artifactory knows remint's public key as
    #[arg(long, value_name = "NAME", default_value = "remint")]
    key_name: String,
}

/// Deploys every statement about the file, negative ones too: they have types of their
/// own.
pub(super) async fn run(data: &Path, options: &Deploy) -> Result<Outcome, Error> {
    let records = records(data, &options.subject)?;
    if records.is_empty() {
        return Err(Error::Usage(format!(
            "there is no record about {}; verify it first",
            options.subject
        )));
    }
    let token = match &options.token_file {
        Some(path) => Some(text_of(path)?.trim().to_owned()),
        None => None,
    };
    let evidence = Evidence::open(&options.to, token).map_err(|e| Error::usage(&e))?;
    for record in records {
        let deployed = evidence
            .deploy(&options.path, &record.record.bundle, &options.key_name)
            .await
            .map_err(|e| Error::farm(&e))?;
        say!(
            "record {}: {} is now {}",
            record.entry,
            record.statement.predicate_type,
            printable(&deployed.uri, false)
        );
    }
    Ok(Outcome::Good)
}

fn records(data: &Path, subject: &str) -> Result<Vec<VerifiedRecord>, Error> {
    let asker = asker(data, Policy::default())?;
    let Subject::File(digest) = Subject::of(subject)? else {
        return Err(Error::Usage(format!(
            "{subject} is a release; evidence is about one file: name it or its digest"
        )));
    };
    let mut records = asker
        .reader()
        .find(Key::digest(&digest))
        .map_err(|e| Error::usage(&e))?;
    records.retain(|record| holds(&asker, record));
    Ok(records)
}

/// A record by a key that was revoked since is not handed on.
fn holds(asker: &Asker, record: &VerifiedRecord) -> bool {
    asker
        .history()
        .state(&record.key_id)
        .is_none_or(|key| key.revoked.is_none())
}
