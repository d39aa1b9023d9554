//! The provenance attestations that a registry has of a published file: where they are
//! asked for, and what the two forms of document hold. Nothing is verified here: what is
//! read is handed on as [`PublishedAttestation`], which no other room takes for true.

mod npm;
mod pypi;

use url::Url;

use super::Error;
use super::http::Http;
use crate::model::{Artifact, ArtifactKind};

/// The largest document, in bytes. One attestation has some ten thousand, and a file has
/// one or two.
const MAX_DOCUMENT: u64 = 2 << 20;
/// The most attestations of one file: each costs a few signatures to verify, and a registry
/// that lists more than a file can have is not believed in any of them.
const MAX_ATTESTATIONS: usize = 16;

/// An attestation as a registry hands it out: a Sigstore bundle, and who the registry says
/// signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedAttestation {
    /// The bundle as JSON (Sigstore bundle format).
    pub bundle: String,
    /// The publisher that the registry names beside it (PEP 740, "Provenance objects"); npm
    /// names none.
    pub publisher: Option<Publisher>,
}

/// The trusted publisher that a registry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// A workflow of GitHub Actions.
    GitHub {
        /// Owner and name of the repository.
        repository: String,
        /// The workflow's file below `.github/workflows`.
        workflow: String,
    },
    /// A pipeline of GitLab.
    GitLab {
        /// Namespace and name of the project.
        repository: String,
        /// The pipeline's file below the root.
        workflow: String,
    },
    /// Another kind, by its name.
    Other(String),
}

/// Fetches and reads the document that an artifact's metadata names.
pub(super) async fn fetch(
    http: &Http,
    root: Option<&Url>,
    artifact: &Artifact,
) -> Result<Vec<PublishedAttestation>, Error> {
    let (Some(named), Some(root)) = (&artifact.provenance, root) else {
        return Ok(Vec::new());
    };
    let what = format!("provenance attestation of {}", artifact.name);
    let (url, accept) = match artifact.kind {
        ArtifactKind::NpmTarball => (npm::address(named, root), npm::ACCEPT),
        _ => (pypi::address(named, root, &artifact.url), pypi::ACCEPT),
    };
    let url = url.ok_or_else(|| Error::ForeignHost { what: what.clone() })?;
    let bytes = http
        .metadata_within(MAX_DOCUMENT, &url, accept, &what)
        .await?;
    let read = match artifact.kind {
        ArtifactKind::NpmTarball => npm::read(&bytes),
        _ => pypi::read(&bytes),
    };
    let malformed = |reason| Error::Malformed { what, reason };
    match read {
        Err(reason) => Err(malformed(reason)),
        Ok(all) if all.len() > MAX_ATTESTATIONS => Err(malformed(format!(
            "it lists {} attestations, more than the {MAX_ATTESTATIONS} that one file may have",
            all.len()
        ))),
        Ok(all) => Ok(all),
    }
}

/// Whether two addresses are of one host, port and scheme.
fn is_same_place(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.origin().is_tuple()
}
