//! Checks a lock file that a plan took from the published artifact: every
//! registry package that it names must be in the index, with the checksum that
//! it claims, and no later than the release. Without this check a recovered
//! lock file could carry what no independent build would choose.

use jiff::Timestamp;

use super::failure;
use crate::model::{BuildFailure, BuildStage, Digest, Ecosystem, Purl, Verdict};
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
    let artifact = release.artifacts.first();
    let vouched = artifact.is_some_and(|a| a.digests.contains(&Digest::Sha256(entry.checksum)));
    if !vouched {
        return Err(refused(format!(
            "it claims a checksum for {name} {version} that the index does not have"
        )));
    }
    let published = artifact.and_then(|a| a.published_at).map(|p| p.time);
    match (published, cutoff) {
        (Some(published), Some(cutoff)) if published > cutoff => Err(refused(format!(
            "it names {name} {version}, which was published only at {published}"
        ))),
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
