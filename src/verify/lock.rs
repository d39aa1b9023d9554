//! Checks a lock file that a plan took from the published artifact: every
//! registry package that it names must be in the index, with the checksum that
//! it claims, and no later than the release. Without this check a recovered
//! lock file could carry what no independent build would choose.

use jiff::Timestamp;

use super::failure;
use crate::model::{Artifact, BuildFailure, BuildStage, Digest, Ecosystem, Purl, Verdict};
use crate::plan::{LockEntry, registry_entries};
use crate::registry::Registries;

/// Checks every entry; the verdict says which one does not hold.
pub(super) async fn check(
    registries: &Registries,
    lock: &str,
    cutoff: Option<Timestamp>,
) -> Result<(), Verdict> {
    let entries = registry_entries(lock).map_err(|error| refused(error.to_string()))?;
    for entry in entries {
        check_entry(registries, &entry, cutoff).await?;
    }
    Ok(())
}

async fn check_entry(
    registries: &Registries,
    entry: &LockEntry,
    cutoff: Option<Timestamp>,
) -> Result<(), Verdict> {
    let LockEntry { name, version, .. } = entry;
    let purl = Purl::new(Ecosystem::Cargo, name, Some(version))
        .map_err(|error| refused(error.to_string()))?;
    let release = match registries.of(Ecosystem::Cargo).release(&purl).await {
        Ok(release) => release,
        Err(error) if error.is_upstream_fault() => return Err(failure::infra(&error)),
        Err(error) => return Err(refused(error.to_string())),
    };
    vouched_for(entry, release.artifacts.first(), cutoff).map_err(refused)
}

/// Whether the index's own artifact is the one that an entry means, and was there when
/// the release was made.
fn vouched_for(
    entry: &LockEntry,
    artifact: Option<&Artifact>,
    cutoff: Option<Timestamp>,
) -> Result<(), String> {
    let LockEntry { name, version, .. } = entry;
    let claimed = Digest::Sha256(entry.checksum);
    let Some(artifact) = artifact.filter(|artifact| artifact.digests.contains(&claimed)) else {
        return Err(format!(
            "it claims a checksum for {name} {version} that the index does not have"
        ));
    };
    let published = artifact.published_at.map(|published| published.time);
    match (published, cutoff) {
        (Some(published), Some(cutoff)) if published > cutoff => Err(format!(
            "it names {name} {version}, which was published only at {published}"
        )),
        _ => Ok(()),
    }
}

fn refused(reason: String) -> Verdict {
    Verdict::BuildFailed {
        stage: BuildStage::Plan,
        failure: BuildFailure::NoPlan {
            reason: format!("the published lock file cannot be relied on: {reason}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ArtifactKind, PublishedAt, Sha256Digest, TimeSource};

    /// An entry that claims the checksum of `content`, and the index's artifact of `one`,
    /// published at the first second of 2026.
    fn vouched(content: &str, cutoff: &str) -> Result<(), String> {
        let entry = LockEntry {
            name: "dep".into(),
            version: "1.0.0".into(),
            checksum: Sha256Digest::of(content),
        };
        let artifact = Artifact {
            name: "dep-1.0.0.crate".into(),
            kind: ArtifactKind::Crate,
            url: "http://127.0.0.1/x".parse().expect("valid"),
            digests: vec![Digest::Sha256(Sha256Digest::of("one"))],
            size: None,
            published_at: Some(PublishedAt {
                time: "2026-01-01T00:00:00Z".parse().expect("valid"),
                source: TimeSource::Registry,
            }),
            yanked: false,
            provenance: None,
        };
        vouched_for(&entry, Some(&artifact), cutoff.parse().ok())
    }

    #[test]
    fn an_entry_must_have_been_there_with_that_checksum_when_the_release_was_made() {
        assert_eq!(vouched("one", "2026-01-01T00:00:00Z"), Ok(()));
        let late = vouched("one", "2025-12-31T23:59:59Z").expect_err("late");
        assert!(late.contains("published only at"), "{late}");
        let other = vouched("other", "2026-01-01T00:00:00Z").expect_err("other");
        assert!(other.contains("checksum"), "{other}");
    }

    #[test]
    fn an_entry_that_the_index_does_not_know_is_not_vouched_for() {
        let entry = LockEntry {
            name: "dep".into(),
            version: "1.0.0".into(),
            checksum: Sha256Digest::of("one"),
        };
        assert!(vouched_for(&entry, None, None).is_err());
    }
}
