//! What an attestation's own text says of the source. It is the signer's word and adds
//! nothing to the certificate's; but one that contradicts it does not hold. Pure.

use serde::Deserialize;
use serde_json::Value;

use super::Error;
use crate::model::Provenance;

/// SLSA specification, v1.0, "Provenance".
const SLSA_V1: &str = "https://slsa.dev/provenance/v1";
/// SLSA specification, v0.2, "Provenance".
const SLSA_V0_2: &str = "https://slsa.dev/provenance/v0.2";
/// The end of the type of PyPI's publish attestations (PEP 740, "Attestation objects"). It
/// begins with the host of that registry's documentation, which remint does not name; what
/// is believed is the certificate, and not the type.
const PUBLISH_V1: &str = "/attestations/publish/v1";

/// An in-toto statement (in-toto attestation framework, "Statement"): the parts that are
/// looked at here. The subject is the library's to compare.
#[derive(Deserialize)]
pub(super) struct Statement {
    #[serde(rename = "predicateType")]
    predicate_type: String,
    #[serde(default)]
    predicate: Value,
}

impl Statement {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }

    /// Whether it is of a kind that a build signs for a file that it made.
    pub(super) fn names_source(&self) -> bool {
        matches!(self.predicate_type.as_str(), SLSA_V1 | SLSA_V0_2)
            || self.predicate_type.ends_with(PUBLISH_V1)
    }

    /// Whether what it names is what the certificate names.
    pub(super) fn agrees(&self, provenance: &Provenance) -> Result<(), Error> {
        let predicate = &self.predicate;
        let stated = match self.predicate_type.as_str() {
            SLSA_V1 => Stated::of(
                &predicate["buildDefinition"]["externalParameters"]["workflow"]["repository"],
                &predicate["buildDefinition"]["resolvedDependencies"],
                "gitCommit",
            ),
            SLSA_V0_2 => Stated::of(
                &predicate["invocation"]["configSource"]["uri"],
                &predicate["materials"],
                "sha1",
            ),
            // A publish attestation has no predicate.
            _ => return Ok(()),
        };
        stated.agrees(provenance)
    }
}

/// The repository and the commits that a predicate names; each may be missing.
struct Stated {
    repository: Option<String>,
    commits: Vec<String>,
}

impl Stated {
    fn of(repository: &Value, dependencies: &Value, digest: &str) -> Self {
        let repository = repository.as_str().map(|uri| plain(uri).to_owned());
        // A build may depend on other repositories too; those say nothing of this one.
        let commits = dependencies.as_array().into_iter().flatten().filter(|one| {
            let uri = one["uri"].as_str().map(plain);
            uri.is_some() && uri == repository.as_deref()
        });
        Self {
            commits: commits
                .filter_map(|one| one["digest"][digest].as_str().map(str::to_owned))
                .collect(),
            repository,
        }
    }

    fn agrees(&self, provenance: &Provenance) -> Result<(), Error> {
        if let Some(repository) = &self.repository
            && *repository != provenance.repository
        {
            return Err(Error::Predicate {
                stated: format!("the repository `{}`", super::said(repository)),
                certified: format!("`{}`", provenance.repository),
            });
        }
        let is_other = |commit: &&String| commit.to_ascii_lowercase() != provenance.commit.as_str();
        match self.commits.iter().find(is_other) {
            None => Ok(()),
            Some(commit) => Err(Error::Predicate {
                stated: format!("commit `{}`", super::said(commit)),
                certified: format!("commit `{}`", provenance.commit),
            }),
        }
    }
}

/// A repository's address in an SPDX download location: `git+ADDRESS@REFERENCE` (SPDX
/// specification, 2.3, "Package download location").
fn plain(uri: &str) -> &str {
    let address = uri.strip_prefix("git+").unwrap_or(uri);
    let end = address.rfind('@').unwrap_or(address.len());
    let address = &address[..end];
    address.strip_suffix(".git").unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provenance() -> Provenance {
        Provenance {
            repository: "https://git.example/o/r".into(),
            commit: "a".repeat(40).parse().expect("valid"),
            reference: None,
            workflow: String::new(),
            issuer: String::new(),
        }
    }

    fn agrees(kind: &str, predicate: &Value) -> bool {
        let text = json!({"predicateType": kind, "predicate": predicate}).to_string();
        let statement = Statement::parse(text.as_bytes()).expect("reads");
        assert!(statement.names_source(), "{kind}");
        statement.agrees(&provenance()).is_ok()
    }

    #[test]
    fn slsa_1_must_name_the_certificates_repository_and_commit_where_it_names_any() {
        let predicate = |repository: &str, commit: &str| {
            json!({"buildDefinition": {
                "externalParameters": {"workflow": {"repository": repository}},
                "resolvedDependencies": [
                    {"uri": "git+https://git.example/o/r@refs/heads/main", "digest": {"gitCommit": commit}},
                    {"uri": "git+https://git.example/o/tool@refs/heads/main", "digest": {"gitCommit": "c".repeat(40)}},
                ],
            }})
        };
        let (own, commit) = ("https://git.example/o/r", "a".repeat(40));
        assert!(agrees(SLSA_V1, &predicate(own, &commit)));
        assert!(!agrees(
            SLSA_V1,
            &predicate("https://git.example/o/other", &commit)
        ));
        assert!(!agrees(SLSA_V1, &predicate(own, &"b".repeat(40))));
        assert!(agrees(SLSA_V1, &json!({})));
        assert!(agrees(SLSA_V1, &Value::Null));
    }

    #[test]
    fn slsa_0_2_is_read_in_its_own_fields() {
        let predicate = |repository: &str, commit: &str| {
            let uri = format!("git+{repository}@refs/tags/v1.0.0");
            json!({
                "invocation": {"configSource": {"uri": uri, "digest": {"sha1": commit}}},
                "materials": [{"uri": uri, "digest": {"sha1": commit}}],
            })
        };
        let (own, commit) = ("https://git.example/o/r", "A".repeat(40));
        assert!(agrees(SLSA_V0_2, &predicate(own, &commit)));
        assert!(!agrees(
            SLSA_V0_2,
            &predicate("https://git.example/o/other", &commit)
        ));
        assert!(!agrees(SLSA_V0_2, &predicate(own, &"b".repeat(40))));
    }

    #[test]
    fn a_registrys_own_receipt_names_no_source() {
        let text = r#"{"predicateType":"https://git.example/specs/publish/v0.1","predicate":{}}"#;
        assert!(
            !Statement::parse(text.as_bytes())
                .expect("reads")
                .names_source()
        );
    }
}
