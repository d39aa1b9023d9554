//! A worker's credential: an Ed25519 key with which it signs what it takes and what it
//! reports, so that being let into the database is not enough to speak for the farm.
//!
//! Who is believed stands in the farm's own configuration, never in the database that
//! workers write to. A signature covers the lease's token, so that none fits another
//! lease. Imports `attest` for the key.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::queue::{JobId, Token};
use crate::attest::{self, Ed25519Key, Ed25519PublicKey};
use crate::model::Sha256Digest;

/// Why a credential cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// It is no key.
    #[error("{path} is no {kind} ({reason}); make one with `remint farm key`")]
    NoKey {
        /// The file.
        path: String,
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Anybody can read the private key. A group may: so are secrets mounted in a pod.
    #[error(
        "everybody may read the private key {0}; run `chmod o= {0}`, and make another if somebody did"
    )]
    Open(String),
    /// There is one already.
    #[error("{0} is there already; remove it first if it is to be replaced")]
    Exists(String),
    /// It cannot be written.
    #[error(transparent)]
    Attest(#[from] attest::Error),
}

/// What is signed: each kind of message begins with its own name, so that none can be
/// shown for another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said<'a> {
    /// "I hold this job."
    Claim { job: JobId, token: &'a Token },
    /// "This is what the job came to": the records as they are kept.
    Report {
        job: JobId,
        token: &'a Token,
        records: &'a [String],
    },
}

impl Said<'_> {
    fn message(self) -> Vec<u8> {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = match self {
            Self::Claim { job, token } => {
                write!(
                    text,
                    "remint farm claim v1\n{}\n{}\n",
                    job.0,
                    token.as_str()
                )
            }
            Self::Report {
                job,
                token,
                records,
            } => {
                let digests: Vec<_> = records
                    .iter()
                    .map(|record| Sha256Digest::of(record).to_string())
                    .collect();
                write!(
                    text,
                    "remint farm report v1\n{}\n{}\n{}\n{}\n",
                    job.0,
                    token.as_str(),
                    records.len(),
                    digests.join("\n")
                )
            }
        };
        text.into_bytes()
    }
}

/// Who this process is to the farm.
pub struct Credential {
    name: String,
    key: Ed25519Key,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// Reads the private key of a worker.
    ///
    /// # Errors
    /// [`Error`] with the file.
    pub fn read(name: &str, path: &Path) -> Result<Self, Error> {
        let no_key = |reason: String| Error::NoKey {
            path: path.display().to_string(),
            kind: "private key of a worker",
            reason,
        };
        let text = zeroize::Zeroizing::new(text_of(path)?);
        let metadata = std::fs::metadata(path);
        if metadata.is_ok_and(|metadata| metadata.mode() & 0o007 != 0) {
            return Err(Error::Open(path.display().to_string()));
        }
        let key = Ed25519Key::from_pem(&text).map_err(no_key)?;
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// Makes a key: the private half at `path`, for its owner alone, and the public one
    /// as the text that the farm's configuration points to. It has no passphrase: it
    /// serves a process that nobody watches, and opens nothing but the farm's ear.
    ///
    /// # Errors
    /// [`Error::Exists`], or what the disk says.
    pub fn make(path: &Path) -> Result<String, Error> {
        if path.exists() {
            return Err(Error::Exists(path.display().to_string()));
        }
        let key = Ed25519Key::generate();
        let no_key = |reason: String| Error::NoKey {
            path: path.display().to_string(),
            kind: "private key of a worker",
            reason,
        };
        let pem = key.to_pem().map_err(no_key)?;
        attest::write_private(path, pem.as_bytes())?;
        key.public_key()
            .pem()
            .map_err(|error| no_key(error.to_string()))
    }

    /// The worker's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The identity of its key.
    pub(super) fn key_id(&self) -> Sha256Digest {
        self.key.public_key().id()
    }

    pub(super) fn sign(&self, said: Said<'_>) -> Signed {
        Signed {
            worker: self.name.clone(),
            signature: STANDARD.encode(self.key.sign(&said.message())),
        }
    }
}

/// A signature with the name of who made it, as the tables keep it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Signed {
    worker: String,
    signature: String,
}

impl Signed {
    pub(super) fn to_text(&self) -> String {
        format!("{} {}", self.signature, self.worker)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (signature, worker) = text.split_once(' ')?;
        Some(Self {
            worker: worker.to_owned(),
            signature: signature.to_owned(),
        })
    }
}

/// The workers that the farm believes, from its configuration.
#[derive(Clone, Debug, Default)]
pub struct Believed(BTreeMap<String, Ed25519PublicKey>);

impl Believed {
    /// Adds one by its public key.
    ///
    /// # Errors
    /// [`Error`] with the file.
    pub fn add(&mut self, name: &str, path: &Path) -> Result<(), Error> {
        let key = Ed25519PublicKey::from_pem(&text_of(path)?).map_err(|error| Error::NoKey {
            path: path.display().to_string(),
            kind: "public key of a worker",
            reason: error.to_string(),
        })?;
        self.0.insert(name.to_owned(), key);
        Ok(())
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each one's name, and the identity of its key.
    pub(super) fn key_ids(&self) -> impl Iterator<Item = (&str, Sha256Digest)> {
        self.0.iter().map(|(name, key)| (name.as_str(), key.id()))
    }

    /// Whether one of them said this; why not, else.
    pub(super) fn check(&self, signed: Option<&Signed>, said: Said<'_>) -> Result<(), String> {
        let signed = signed.ok_or("it is not signed")?;
        let key = self
            .0
            .get(&signed.worker)
            .ok_or_else(|| format!("the farm knows no worker `{}`", signed.worker))?;
        let signature = STANDARD
            .decode(&signed.signature)
            .ok()
            .and_then(|bytes| <[u8; 64]>::try_from(bytes).ok())
            .ok_or("its signature is none")?;
        if key.verifies(&said.message(), &signature) {
            Ok(())
        } else {
            Err(format!("its signature is not by `{}`", signed.worker))
        }
    }
}

fn text_of(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_believed_is_heard_and_only_for_what_was_signed() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("worker.key");
        let public = folder.path().join("worker.pub");
        std::fs::write(&public, Credential::make(&path).expect("make")).expect("write");
        let credential = Credential::read("build-1", &path).expect("read");
        let mut believed = Believed::default();
        believed.add("build-1", &public).expect("a public key");

        let (job, token) = (JobId(7), Token::from_spool("t"));
        let records = ["{}".to_owned()];
        let report = Said::Report {
            job,
            token: &token,
            records: &records,
        };
        let signed = credential.sign(report);
        assert_eq!(Signed::parse(&signed.to_text()), Some(signed.clone()));
        assert_eq!(believed.check(Some(&signed), report), Ok(()));

        let other = ["{\"verdict\":\"reproduced\"}".to_owned()];
        let both = ["{}".to_owned(), "{}".to_owned()];
        let next = Token::from_spool("u");
        for forged in [
            Said::Report {
                job,
                token: &token,
                records: &other,
            },
            Said::Report {
                job,
                token: &token,
                records: &both,
            },
            Said::Report {
                job,
                token: &next,
                records: &records,
            },
            Said::Report {
                job: JobId(8),
                token: &token,
                records: &records,
            },
            Said::Claim { job, token: &token },
        ] {
            assert!(believed.check(Some(&signed), forged).is_err(), "{forged:?}");
        }
        assert!(believed.check(None, report).is_err());
        assert!(Believed::default().check(Some(&signed), report).is_err());
    }

    #[test]
    fn a_key_is_its_owners_alone_and_is_not_replaced_by_accident() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("worker.key");
        Credential::make(&path).expect("make");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(Credential::make(&path), Err(Error::Exists(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        let error = Credential::read("a", &path)
            .expect_err("open to all")
            .to_string();
        assert!(error.contains("chmod o="), "{error}");
        let public = folder.path().join("public");
        std::fs::write(&public, "x").expect("write");
        let error = Believed::default().add("a", &public).expect_err("no key");
        assert!(error.to_string().contains("remint farm key"), "{error}");
    }
}
