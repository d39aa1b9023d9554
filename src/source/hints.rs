//! Everything that is known of a release's source before a repository is opened.
//!
//! Pure over the release's metadata and the bytes of the artifact's members;
//! reading those out of the archive is the store's work.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Ecosystem, EvidenceKind, Release, SourceHints};

use super::Error;
use super::ecosystem::packaging;

/// Whether [`hints_from`] needs the member `name` of an artifact: a name below
/// the first folder of a tarball, a whole name in a wheel.
pub fn wanted_member(ecosystem: Ecosystem, name: &str) -> bool {
    packaging(ecosystem).is_wanted_member(name)
}

/// Gathers what the registry and the artifact say, the registry's word first.
/// Without an artifact (or without the members) only the registry speaks.
///
/// # Errors
/// [`Error::MalformedMember`] where the artifact's own description of its
/// source cannot be read.
pub fn hints_from(
    release: &Release,
    members: &BTreeMap<String, Vec<u8>>,
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
    let mut repositories = release.repositories.clone();
    repositories.extend(own.repositories);
    Ok(SourceHints {
        purl: release.purl.clone(),
        repositories,
        commit,
        directory: own.directory,
        dirty: own.dirty,
        files: BTreeSet::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Purl, RepositoryHint};

    fn release(purl: &str) -> Release {
        Release {
            purl: purl.parse::<Purl>().expect("valid"),
            artifacts: vec![],
            repositories: vec![RepositoryHint {
                url: "https://git.example/o/registry".into(),
                directory: None,
                kind: EvidenceKind::RegistryMetadata,
                detail: "repository".into(),
            }],
            git_head: Some("a".repeat(40).parse().expect("valid")),
            publisher_tools: vec![],
        }
    }

    #[test]
    fn the_registry_speaks_first_and_alone_without_members() {
        let hints = hints_from(&release("pkg:npm/ms@2.1.3"), &BTreeMap::new()).expect("valid");
        assert_eq!(hints.repositories.len(), 1);
        assert_eq!(
            hints.commit.map(|(_, kind)| kind),
            Some(EvidenceKind::RegistryMetadata)
        );
    }

    #[test]
    fn the_stronger_of_two_commits_is_kept() {
        let json = format!(r#"{{"gitHead":"{}","repository":"o/r"}}"#, "b".repeat(40));
        let members = BTreeMap::from([("package.json".to_owned(), json.into_bytes())]);
        let hints = hints_from(&release("pkg:npm/ms@2.1.3"), &members).expect("valid");
        let (commit, kind) = hints.commit.expect("named");
        assert_eq!(kind, EvidenceKind::RegistryMetadata);
        assert_eq!(commit.as_str(), "a".repeat(40));
        assert_eq!(hints.repositories[1].url, "o/r");
    }
}
