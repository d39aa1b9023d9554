//! From a verified certificate to the source that it names (Fulcio, `docs/oid-info.md`,
//! "Extension values"), and whether the publisher that the registry names is its holder.
//! Pure.

use sigstore_verify::SubjectAltName;
use sigstore_verify::crypto::CertificateInfo;

use super::Error;
use crate::model::Provenance;
use crate::registry::Publisher;

/// A service that runs builds and vouches for them.
struct Service {
    /// The issuer of its OIDC tokens (extension `.1.8`).
    issuer: &'static str,
    /// What the addresses of its repositories begin with.
    repositories: &'static str,
}

/// Where npm and PyPI take provenance from (npm documentation, "Generating provenance
/// statements"; PyPA specification "Index hosted attestations", with pypi-attestations'
/// publishers). An issuer may vouch for its own repositories alone: another issuer that
/// Fulcio knows says nothing of a repository there.
const SERVICES: [Service; 2] = [
    Service {
        issuer: "https://token.actions.githubusercontent.com",
        repositories: "https://github.com/",
    },
    Service {
        issuer: "https://gitlab.com",
        repositories: "https://gitlab.com/",
    },
];

/// The source that a certificate names.
pub(super) fn source_of(certificate: &CertificateInfo) -> Result<Provenance, Error> {
    let refused = |reason: String| Error::Identity(reason);
    let issuer = certificate.issuer.as_deref().unwrap_or_default();
    let service = SERVICES
        .iter()
        .find(|service| service.issuer == issuer)
        .ok_or_else(|| {
            Error::Stranger(format!(
                "its signer is vouched for by `{issuer}`, which is no build service that is known"
            ))
        })?;
    let claims = &certificate.ci_claims;
    let claim = |value: &Option<String>, what: &str| {
        value
            .clone()
            .filter(|text| !text.is_empty())
            .ok_or_else(|| refused(format!("names no {what}")))
    };
    // The subject is the workflow that signed: Fulcio writes it in both places.
    let signer = claim(&claims.build_signer_uri, "workflow that signed")?;
    if certificate.identity != Some(SubjectAltName::Uri(signer.clone())) {
        return Err(refused(format!(
            "has another subject than the workflow `{signer}`"
        )));
    }
    let repository = claim(&claims.source_repository_uri, "source repository")?;
    if !repository.starts_with(service.repositories) {
        return Err(refused(format!(
            "names the repository `{repository}`, for which `{issuer}` cannot vouch"
        )));
    }
    // The workflow that signed may be another repository's that is called; the one that
    // called it is the source's own.
    let workflow = claim(&claims.build_config_uri, "workflow")?;
    if !workflow.starts_with(&format!("{repository}/")) {
        return Err(refused(format!(
            "names the workflow `{workflow}`, which is not in the repository `{repository}`"
        )));
    }
    let commit = claim(&claims.source_repository_digest, "commit")?;
    Ok(Provenance {
        commit: commit
            .parse()
            .map_err(|error| refused(format!("names no commit: {error}")))?,
        reference: claims.source_repository_ref.clone(),
        repository,
        workflow,
        issuer: issuer.to_owned(),
    })
}

/// Whether the publisher that the registry names holds the certificate. A publisher knows
/// its workflow's file and not the reference that it ran on, so that is the certificate's
/// own (pypi-attestations, `_GitHubTrustedPublisherPolicy`).
pub(super) fn agrees(
    provenance: &Provenance,
    publisher: &Publisher,
    certificate: &CertificateInfo,
) -> Result<(), Error> {
    let [github, gitlab] = &SERVICES;
    let (service, repository, file) = match publisher {
        Publisher::GitHub {
            repository,
            workflow,
        } => (github, repository, format!("/.github/workflows/{workflow}")),
        // GitLab documentation, "OpenID Connect ID tokens", `ci_config_ref_uri`: two
        // slashes part the project from the file.
        Publisher::GitLab {
            repository,
            workflow,
        } => (gitlab, repository, format!("//{workflow}")),
        Publisher::Other(kind) => {
            return Err(Error::Stranger(format!(
                "its publisher is of the kind `{kind}`, which names no repository"
            )));
        }
    };
    let at = format!("{}{repository}", service.repositories);
    let claims = &certificate.ci_claims;
    let ran_on = [
        &claims.source_repository_ref,
        &claims.source_repository_digest,
    ];
    let is_workflow = ran_on
        .into_iter()
        .flatten()
        .any(|reference| provenance.workflow == format!("{at}{file}@{reference}"));
    if provenance.issuer == service.issuer && provenance.repository == at && is_workflow {
        Ok(())
    } else {
        Err(Error::Publisher {
            named: format!("{at}{file}"),
            certified: provenance.workflow.clone(),
        })
    }
}
