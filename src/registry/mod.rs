//! The registries: metadata and downloads, one file an ecosystem behind one
//! trait. Bytes are hashed whole and checked against the registry's own digests
//! before anything parses them. Imports `store` and `model`; it never interprets
//! an artifact's content and never holds a registry's address of its own.

mod address;
mod cargo;
mod error;
mod http;
mod npm;
mod provenance;
mod pypi;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::model::{
    Artifact, ArtifactKind, Digest, Ecosystem, FetchedArtifact, Purl, RegistryConfig, Release,
};
use crate::store::{Blob, Blobs};

pub use cargo::{CargoRegistry, IndexEntry, line_as_of};
pub(crate) use cargo::{index_path, restored};
pub use error::Error;
pub use npm::NpmRegistry;
pub use provenance::{PublishedAttestation, Publisher};
pub use pypi::{ProjectFile, PypiRegistry};

use http::Http;

/// The largest artifact that is downloaded, in bytes: above every registry's own
/// limit for ordinary packages, below what fills a disk unnoticed.
const MAX_ARTIFACT: u64 = 1 << 30;

/// What every ecosystem's registry can say.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The release that a package URL names; without a version the newest that
    /// is stable and not yanked.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::NoStableVersion`] for what does not exist,
    /// the others for what could not be read.
    async fn release(&self, purl: &Purl) -> Result<Release, Error>;

    /// The newest stable releases of a package that are not withdrawn, newest
    /// first and `count` at most.
    ///
    /// # Errors
    /// As [`release`](Self::release).
    async fn newest(&self, package: &Purl, count: usize) -> Result<Vec<Purl>, Error>;

    /// Asks the registry for something small that it must have, for `doctor`.
    ///
    /// # Errors
    /// Whatever stood in the way.
    async fn check(&self) -> Result<String, Error>;
}

/// Versions as package URLs, newest first.
fn newest_of<V: Ord + ToString>(
    package: &Purl,
    mut stable: Vec<V>,
    count: usize,
) -> Result<Vec<Purl>, Error> {
    if stable.is_empty() {
        return Err(Error::NoStableVersion {
            purl: package.clone(),
        });
    }
    stable.sort_by(|one, other| other.cmp(one));
    stable.dedup();
    let versions = stable.iter().take(count);
    versions
        .map(|version| {
            package
                .at(&version.to_string())
                .map_err(|error| Error::Malformed {
                    what: format!("the list of versions of {package}"),
                    reason: error.to_string(),
                })
        })
        .collect()
}

/// What does not exist, with what there is instead.
fn not_found(purl: &Purl) -> impl Fn(Error) -> Error + '_ {
    |error| match error {
        Error::Absent { .. } => Error::NotFound {
            purl: purl.clone(),
            hint: String::new(),
        },
        other => other,
    }
}

/// Every registry, with the store that what they publish goes into.
pub struct Registries {
    cargo: CargoRegistry,
    pypi: PypiRegistry,
    npm: NpmRegistry,
    http: Arc<Http>,
}

impl Registries {
    /// Opens them at their configured or inherited addresses. Nothing is asked of
    /// the network yet.
    ///
    /// # Errors
    /// [`Error::Address`] where a configured address is none, and [`Error::Client`]
    /// where no HTTP client can be made.
    pub fn open(config: &RegistryConfig, blobs: Blobs, cache: &Path) -> Result<Self, Error> {
        let http = Arc::new(Http::open(blobs, cache, config)?);
        Ok(Self {
            cargo: CargoRegistry::new(http.clone(), address::lookup(config, address::cargo)),
            pypi: PypiRegistry::new(http.clone(), address::lookup(config, address::pypi)),
            npm: NpmRegistry::new(http.clone(), address::lookup(config, address::npm)),
            http,
        })
    }

    /// The registry of an ecosystem.
    pub fn of(&self, ecosystem: Ecosystem) -> &dyn Registry {
        match ecosystem {
            Ecosystem::Cargo => &self.cargo,
            Ecosystem::Pypi => &self.pypi,
            Ecosystem::Npm => &self.npm,
        }
    }

    /// The cargo registry, for the mirror.
    pub fn cargo(&self) -> &CargoRegistry {
        &self.cargo
    }

    /// The Python registry, for the mirror.
    pub fn pypi(&self) -> &PypiRegistry {
        &self.pypi
    }

    /// The npm registry, for the mirror.
    pub fn npm(&self) -> &NpmRegistry {
        &self.npm
    }

    /// The provenance attestations that the registry has of an artifact, of which nothing is
    /// verified yet; none where its metadata names none.
    ///
    /// # Errors
    /// What stood in the way of reading those that it names.
    pub async fn provenance(
        &self,
        artifact: &Artifact,
    ) -> Result<Vec<PublishedAttestation>, Error> {
        let root = match artifact.kind {
            ArtifactKind::NpmTarball => self.npm.root(),
            // Nothing is documented for crates: their index has no such field.
            ArtifactKind::Crate => None,
            _ => self.pypi.root(),
        };
        provenance::fetch(&self.http, root, artifact).await
    }

    /// The bytes of an artifact, checked whole against each of its digests. What
    /// the blob store already has is not downloaded again.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] where they are not what the metadata promises.
    pub async fn fetch(&self, artifact: &Artifact) -> Result<FetchedArtifact, Error> {
        if artifact.digests.is_empty() {
            return Err(Error::Malformed {
                what: artifact.name.clone(),
                reason: "the registry gives no digest that can be checked (sha256 or sha512)"
                    .into(),
            });
        }
        let blob = match self.http.known(&artifact.digests).await? {
            Some(blob) => blob,
            None => {
                self.http
                    .download(
                        &artifact.url,
                        &artifact.name,
                        MAX_ARTIFACT,
                        &artifact.digests,
                    )
                    .await?
            }
        };
        check(&artifact.name, &artifact.digests, &blob)?;
        Ok(FetchedArtifact {
            artifact: artifact.clone(),
            sha256: blob.sha256,
            sha512: blob.sha512,
            size: blob.size,
            path: blob.path,
        })
    }
}

/// Holds a blob against each digest that was promised.
fn check(name: &str, digests: &[Digest], blob: &Blob) -> Result<(), Error> {
    for digest in digests {
        let (holds, found) = match digest {
            Digest::Sha256(expected) => (*expected == blob.sha256, Digest::Sha256(blob.sha256)),
            Digest::Sha512(expected) => (*expected == blob.sha512, Digest::Sha512(blob.sha512)),
        };
        if !holds {
            return Err(Error::DigestMismatch {
                name: name.to_owned(),
                expected: Box::new(*digest),
                found: Box::new(found),
            });
        }
    }
    Ok(())
}

/// A file name from a registry: one plain path component, or nothing.
fn plain_file_name(name: &str) -> Option<String> {
    let plain = !name.is_empty()
        && name.len() <= 255
        && name != "."
        && name != ".."
        && !name.contains(['/', '\\'])
        && !name.chars().any(char::is_control);
    plain.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_that_is_a_path_is_refused() {
        assert_eq!(plain_file_name("a-1.0.tgz").as_deref(), Some("a-1.0.tgz"));
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb"] {
            assert!(plain_file_name(name).is_none(), "{name:?}");
        }
    }
}
