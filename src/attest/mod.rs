//! Attestations: an in-toto statement for every verdict that says something about
//! a package, signed as DSSE in a Sigstore bundle. Imports `store` and `model`.
//! It never signs an `infra-error`, and never signs what it could not verify
//! again itself.

mod bundle;
mod key;
mod statement;

use std::path::{Path, PathBuf};

use crate::model::{ResultRecord, VerdictKind};
use crate::store;

pub use bundle::{Bundle, verify};
pub use key::{KeyFile, Signer};
pub use statement::{PREDICATE_TYPE, Statement, statement};

/// Why there is no attestation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A verdict that says nothing about the package.
    #[error("{0} says nothing about the package, so it is not signed")]
    NotSigned(VerdictKind),
    /// The record names no published file that the statement could be about.
    #[error("the record has no published file, so a statement would have no subject")]
    NoSubject,
    /// The key file is no key.
    #[error(
        "{path} is no P-256 private key in PKCS#8 PEM: {reason}; move it away to have a new key made, and tell those who trust the old one"
    )]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Others can read the key.
    #[error(
        "others may read the private key {path} (mode {mode:o}); run `chmod 600 {path}`, and think about making a new one"
    )]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A bundle that does not hold.
    #[error("the attestation does not verify: {0}")]
    Invalid(String),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Makes, signs, verifies and keeps the attestation of a record below the data
/// folder; returns its path relative to that.
///
/// # Errors
/// [`Error`] where the record must not be signed, or nothing can be written.
pub fn attest(record: &ResultRecord, signer: &dyn Signer, data: &Path) -> Result<String, Error> {
    let statement = statement(record)?;
    let bundle = Bundle::sign(&statement, signer)?;
    let text = bundle.to_json();
    let read_back = verify(&text, &signer.public_key_pem())?;
    if read_back != statement {
        return Err(Error::Invalid("it does not say what was signed".into()));
    }
    let relative = format!(
        "attestations/{}/{}.{}.sigstore.json",
        record.purl.file_stem(),
        record.subject(),
        record.started.strftime("%Y%m%dT%H%M%S%fZ"),
    );
    store::write_durably(&data.join(&relative), text.as_bytes())?;
    Ok(relative)
}

#[cfg(test)]
mod tests;
