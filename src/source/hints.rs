//! Everything that is known of a release's source before a repository is opened.
//!
//! Pure over the release's metadata, the bytes of the artifact's members and what its
//! provenance came to; reading and verifying those is other rooms' work.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Ecosystem, EvidenceKind, ProvenanceFindings, Release, RepositoryHint, SourceHints,
};

use super::Error;
use super::address::clean;
use super::ecosystem::packaging;

/// Whether [`hints_from`] needs the member `name` of an artifact: a name below
/// the first folder of a tarball, a whole name in a wheel.
pub fn wanted_member(ecosystem: Ecosystem, name: &str) -> bool {
    packaging(ecosystem).is_wanted_member(name)
}

/// Gathers what the registry and the artifact say: verified provenance first, then the
/// registry's word.
/// Without an artifact (or without the members) only the registry speaks.
///
/// # Errors
/// [`Error::MalformedMember`] where the artifact's own description of its
/// source cannot be read.
pub fn hints_from(
    release: &Release,
    members: &BTreeMap<String, Vec<u8>>,
    provenance: &ProvenanceFindings,
) -> Result<SourceHints, Error> {
    let own = packaging(release.purl.ecosystem()).hints(members)?;
    let registry_commit = release
        .git_head
        .clone()
        .map(|commit| (commit, EvidenceKind::RegistryMetadata));
    // The lower kind is the stronger evidence.
    let commit = [own.commit, registry_commit]
        .into_iter()
        .flatten()
        .min_by_key(|(_, kind)| *kind);
    let attested = provenance.verified.as_ref().map(|verified| RepositoryHint {
        url: verified.repository.clone(),
        directory: None,
        kind: EvidenceKind::RegistryProvenance,
        detail: "the registry's verified provenance attestation".into(),
        is_claim: true,
    });
    let mut repositories: Vec<_> = attested.into_iter().collect();
    repositories.extend(release.repositories.iter().cloned());
    repositories.extend(own.repositories);
    Ok(SourceHints {
        purl: release.purl.clone(),
        repositories,
        provenance: provenance.verified.clone(),
        told: provenance.evidence(),
        commit,
        directory: own.directory,
        dirty: own.dirty,
        files: BTreeSet::new(),
        manifest: None,
    })
}

/// Whether anything in the hints is a repository's address, as far as an address tells.
pub fn names_repository(hints: &SourceHints) -> bool {
    let shorthand = packaging(hints.purl.ecosystem()).has_shorthands();
    let mut addresses = hints.repositories.iter().map(|hint| &hint.url);
    addresses.any(|url| clean(url, shorthand).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Provenance, Purl};

    fn release(purl: &str) -> Release {
        Release {
            purl: purl.parse::<Purl>().expect("valid"),
            artifacts: vec![],
            repositories: vec![RepositoryHint {
                url: "https://git.example/o/registry".into(),
                directory: None,
                kind: EvidenceKind::RegistryMetadata,
                detail: "repository".into(),
                is_claim: true,
            }],
            git_head: Some("a".repeat(40).parse().expect("valid")),
            publisher_tools: vec![],
        }
    }

    #[test]
    fn the_registry_speaks_first_and_alone_without_members() {
        let hints = hints_from(
            &release("pkg:npm/ms@2.1.3"),
            &BTreeMap::new(),
            &ProvenanceFindings::default(),
        )
        .expect("valid");
        assert_eq!(hints.repositories.len(), 1);
        assert_eq!(
            hints.commit.map(|(_, kind)| kind),
            Some(EvidenceKind::RegistryMetadata)
        );
    }

    #[test]
    fn a_page_without_a_path_names_no_repository() {
        let names = |url: &str| {
            let mut release = release("pkg:npm/ms@2.1.3");
            release.repositories[0].url = url.into();
            let nothing = ProvenanceFindings::default();
            let hints = hints_from(&release, &BTreeMap::new(), &nothing).expect("valid");
            names_repository(&hints)
        };
        assert!(names("https://git.example/o/r"));
        assert!(names("o/r"));
        assert!(!names("https://demo.example/"));
        assert!(!names("ssh:"));
    }

    #[test]
    fn the_stronger_of_two_commits_is_kept() {
        let json = format!(r#"{{"gitHead":"{}","repository":"o/r"}}"#, "b".repeat(40));
        let members = BTreeMap::from([("package.json".to_owned(), json.into_bytes())]);
        let nothing = ProvenanceFindings::default();
        let hints = hints_from(&release("pkg:npm/ms@2.1.3"), &members, &nothing).expect("valid");
        let (commit, kind) = hints.commit.expect("named");
        assert_eq!(kind, EvidenceKind::RegistryMetadata);
        assert_eq!(commit.as_str(), "a".repeat(40));
        assert_eq!(hints.repositories[1].url, "o/r");
    }

    #[test]
    fn verified_provenance_goes_first_and_what_does_not_hold_names_nothing() {
        let mut provenance = ProvenanceFindings {
            verified: Some(Provenance {
                repository: "https://git.example/o/attested".into(),
                commit: "c".repeat(40).parse().expect("valid"),
                reference: None,
                workflow: "https://git.example/o/attested/release.yml".into(),
                issuer: "https://issuer.example".into(),
            }),
            doubts: vec![],
        };
        let of = |provenance: &ProvenanceFindings| {
            hints_from(&release("pkg:npm/ms@2.1.3"), &BTreeMap::new(), provenance).expect("valid")
        };
        let hints = of(&provenance);
        assert_eq!(hints.repositories[0].url, "https://git.example/o/attested");
        assert_eq!(hints.provenance, provenance.verified);
        assert_eq!(hints.told[0].kind, EvidenceKind::RegistryProvenance);
        // What else names a commit is kept, to be held against it.
        assert_eq!(hints.commit.expect("gitHead").0.as_str(), "a".repeat(40));

        provenance.verified = None;
        provenance.refuse(&"another key");
        let hints = of(&provenance);
        assert_eq!(hints.repositories[0].url, "https://git.example/o/registry");
        assert_eq!(hints.provenance, None);
        assert_eq!(hints.told[0].kind, EvidenceKind::ProvenanceDoubt);
    }
}
