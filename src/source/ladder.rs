//! The ladder of evidence inside one repository: commit, tag, manifest.
//!
//! Reads an open repository and decides. Every rung leaves one entry of
//! evidence, so that a reader sees what the answer rests on; what does not hold
//! is an error and never a guess.

use git2::Oid;

use super::Error;
use super::locate::Candidate;
use super::manifest::{Folders, Found, Manifests};
use super::reach::{MAX_WALK, Reach, reach, reach_of_tree};
use super::repository::Opened;
use super::tagged::{VersionTag, settle_tag, version_tags};
use crate::model::{CommitId, Evidence, EvidenceKind, GitSource, Source, SourceHints, printable};

/// What the ladder found in one repository.
pub(super) struct Settled {
    pub(super) commit: Oid,
    pub(super) tag: Option<String>,
    pub(super) found: Found,
    pub(super) evidence: Vec<Evidence>,
}

pub(super) fn cannot_read(candidate: &Candidate, reason: String) -> Error {
    Error::CannotRead {
        repository: candidate.target.shown.clone(),
        reason,
    }
}

pub(super) fn evidence(kind: EvidenceKind, detail: String) -> Evidence {
    Evidence { kind, detail }
}

pub(super) fn settle(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
) -> Result<Settled, Error> {
    let tags = version_tags(opened, hints)?;
    let Some(provenance) = &hints.provenance else {
        return settle_unattested(opened, hints, at, &tags);
    };
    let kind = EvidenceKind::RegistryProvenance;
    match settle_commit(opened, hints, at, &provenance.commit, kind, &tags) {
        Ok(mut settled) => {
            settled
                .evidence
                .extend(other_words(hints, &provenance.commit, &tags));
            Ok(settled)
        }
        // A workflow may set the version by itself, after the commit that it ran on; then the
        // release is of a later commit, and what else is known must find it.
        Err(error @ (Error::ManifestMismatch { .. } | Error::NoManifest { .. })) => {
            let mut settled = settle_unattested(opened, hints, at, &tags)?;
            settled.evidence.push(evidence(
                EvidenceKind::ProvenanceDoubt,
                format!(
                    "the verified provenance names commit {}, and that is not this release's manifest: {error}",
                    provenance.commit
                ),
            ));
            Ok(settled)
        }
        Err(error) => Err(error),
    }
}

/// What the ladder does where no attestation names a commit.
fn settle_unattested(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    tags: &[VersionTag],
) -> Result<Settled, Error> {
    let Some((commit, kind)) = &hints.commit else {
        return settle_tag(opened, hints, at, tags);
    };
    match settle_commit(opened, hints, at, commit, *kind, tags) {
        Err(Error::CommitMissing { .. }) if is_whole(opened) && is_note(*kind) => {
            let mut settled = settle_tag(opened, hints, at, tags)?;
            settled.evidence.push(evidence(
                *kind,
                format!(
                    "{} names commit {commit}, which is not in the repository: it was never pushed, or history was rewritten",
                    who(*kind)
                ),
            ));
            Ok(settled)
        }
        // A manifest that was published once may carry an old note along; but against the note
        // stands a tag alone, and not what the history says by itself.
        Err(error @ (Error::ManifestMismatch { .. } | Error::NoManifest { .. }))
            if is_note(*kind) =>
        {
            let tagged = settle_tag(opened, hints, at, tags).ok();
            let Some(mut settled) = tagged.filter(|settled| settled.tag.is_some()) else {
                return Err(error);
            };
            settled.evidence.push(evidence(
                *kind,
                format!(
                    "{} names commit {commit}, and that is not this release's manifest: {error}",
                    who(*kind)
                ),
            ));
            Ok(settled)
        }
        // The publisher's word alone would let any old commit pass for the release.
        Ok(noted) if is_note(*kind) && !noted.found.has_version && noted.tag.is_none() => {
            let mut settled = settle_tag(opened, hints, at, tags)?;
            settled.evidence.push(evidence(
                *kind,
                format!(
                    "{} names commit {commit}, where the manifest declares no version, and no tag of the version is that commit",
                    who(*kind)
                ),
            ));
            Ok(settled)
        }
        settled => settled,
    }
}

/// Whether a commit's name is only noted beside the artifact or in its metadata by the
/// publisher's client, as npm's `gitHead`. A crate's own is part of what is rebuilt: from
/// another commit it could not come out the same.
const fn is_note(kind: EvidenceKind) -> bool {
    matches!(
        kind,
        EvidenceKind::RegistryMetadata | EvidenceKind::ArtifactMetadata
    )
}

/// Whether the copy is upstream's present state and all of it, so that what is missing from
/// it is missing there.
pub(super) fn is_whole(opened: &Opened) -> bool {
    opened.fresh && opened.stale.is_none() && !opened.git.is_shallow()
}

/// What names another commit than the verified provenance does.
fn other_words(hints: &SourceHints, attested: &CommitId, tags: &[VersionTag]) -> Vec<Evidence> {
    let other = |who: String, commit: &dyn std::fmt::Display| {
        evidence(
            EvidenceKind::ProvenanceDoubt,
            format!(
                "the verified provenance names commit {attested}, and {who} another one, {commit}: they disagree on what the release was made from"
            ),
        )
    };
    let named = hints
        .commit
        .iter()
        .filter(|(commit, _)| commit != attested)
        .map(|(commit, kind)| other(format!("{} names", who(*kind)), commit));
    let is_tagged = |tag: &VersionTag| super::commit_id(tag.commit) == *attested;
    let moved = tags
        .iter()
        .filter(|_| !tags.iter().any(is_tagged))
        .map(|tag| {
            let name = printable(&tag.name, false);
            other(format!("tag {name} of the version is"), &tag.commit)
        });
    named.chain(moved).collect()
}

/// The commit was named: it must exist, be vouched for, and hold the package.
fn settle_commit(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    named: &CommitId,
    kind: EvidenceKind,
    tags: &[VersionTag],
) -> Result<Settled, Error> {
    let repository = || at.target.shown.clone();
    let commit = Oid::from_str(named.as_str())
        .ok()
        .and_then(|id| opened.git.find_commit(id).ok())
        .ok_or_else(|| Error::CommitMissing {
            repository: repository(),
            commit: named.clone(),
        })?;
    let mut evidence_list = vec![
        evidence(kind, format!("{} names commit {named}", who(kind))),
        evidence(
            EvidenceKind::Reachable,
            vouched(opened, at, commit.id(), wanted_of(kind))?,
        ),
    ];
    if hints.dirty {
        evidence_list.push(evidence(
            kind,
            "the artifact says that its work tree was changed when it was packed".into(),
        ));
    }
    let tag = tags.iter().find(|tag| tag.commit == commit.id());
    for other in tags {
        let name = printable(&other.name, false);
        let detail = if other.commit == commit.id() {
            format!("tag {name} names the version and is that commit")
        } else {
            format!(
                "tag {name} names the version and is another commit, {}: it was moved, or the artifact was not made from it",
                other.commit
            )
        };
        evidence_list.push(evidence(EvidenceKind::TagMatch, detail));
    }
    let found = manifests(opened, hints, at, &commit, Asked::Version)?;
    Ok(Settled {
        commit: commit.id(),
        tag: tag.map(|tag| tag.name.clone()),
        found,
        evidence: evidence_list,
    })
}

/// What a manifest must say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The release's version.
    Version,
    /// Any, where the commit says that publishing writes the release's in.
    VersionOrWriter,
    /// Any: what else the commit holds ties it to the release.
    AnyVersion,
}

pub(super) fn manifests(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    commit: &git2::Commit<'_>,
    asked: Asked,
) -> Result<Found, Error> {
    let folders = Folders {
        certain: hints.directory.as_deref(),
        likely: at.directory.as_deref(),
    };
    let mut manifests = Manifests::at(&opened.git, commit, &at.target.shown, &hints.purl)?;
    match asked {
        Asked::Version => {}
        Asked::VersionOrWriter => manifests = manifests.with_written_versions()?,
        Asked::AnyVersion => manifests = manifests.with_any_version(),
    }
    manifests.find(folders)
}

/// What upstream must have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The commit itself.
    Commit,
    /// The commit, or one of the very same files.
    Files,
}

/// A crate names the commit and holds nothing else of it: packing one runs no code, which
/// could read a message, an author or a date that are a fork's.
const fn wanted_of(kind: EvidenceKind) -> Wanted {
    match kind {
        EvidenceKind::ArtifactVcsInfo => Wanted::Files,
        _ => Wanted::Commit,
    }
}

/// What leads to the commit, for a person.
pub(super) fn vouched(
    opened: &Opened,
    at: &Candidate,
    commit: Oid,
    wanted: Wanted,
) -> Result<String, Error> {
    let mut reached = reach(&opened.git, commit);
    if matches!(
        (&reached, wanted),
        (Ok(Some(Reach::Nothing)), Wanted::Files)
    ) {
        reached = reach_of_tree(&opened.git, commit);
    }
    let reached = reached.map_err(|e| cannot_read(at, e.message().to_owned()))?;
    let by = match reached {
        Some(Reach::Branch) => "a branch leads to the commit".to_owned(),
        Some(Reach::TagOnly) => "a tag leads to the commit, and no branch does".to_owned(),
        Some(Reach::Tag) => "a tag leads to the commit".to_owned(),
        Some(Reach::Twin(twin)) => {
            format!(
                "no branch and no tag leads to the commit, and one leads to {twin}, whose files are the same, all of them"
            )
        }
        Some(Reach::Nothing) => {
            return Err(Error::Unreachable {
                repository: at.target.shown.clone(),
                commit: super::commit_id(commit),
            });
        }
        None => {
            return Err(Error::Limit {
                what: format!("walking the history of {}", at.target.shown),
                limit: format!("{} minutes", MAX_WALK.as_secs() / 60),
            });
        }
    };
    Ok(match &opened.stale {
        Some(reason) => format!("{by}, in an older copy ({reason})"),
        None => by,
    })
}

fn who(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::Operator => "the operator",
        EvidenceKind::RegistryProvenance => "the registry's verified provenance",
        EvidenceKind::RegistryMetadata => "the registry's metadata",
        EvidenceKind::ArtifactVcsInfo => "the artifact's version control information",
        EvidenceKind::ArtifactMetadata => "the artifact's metadata",
        EvidenceKind::ProvenanceDoubt
        | EvidenceKind::TagMatch
        | EvidenceKind::ManifestHistory
        | EvidenceKind::BlobMatch
        | EvidenceKind::ManifestMatch
        | EvidenceKind::Reachable
        | EvidenceKind::SourceDistribution
        | EvidenceKind::PartialCopy
        | EvidenceKind::PartialSource => "the source",
    }
}

pub(super) fn finish(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    settled: Settled,
) -> Result<Source, Error> {
    let commit = opened
        .git
        .find_commit(settled.commit)
        .map_err(Error::git("reading a commit"))?;
    let mut list = hints.told.clone();
    list.extend(at.evidence.iter().cloned());
    list.extend(settled.evidence);
    list.push(evidence(EvidenceKind::ManifestMatch, settled.found.detail));
    if let Some(certain) = &hints.directory {
        list.push(evidence(
            EvidenceKind::ArtifactVcsInfo,
            format!("the artifact names folder {}", printable(certain, false)),
        ));
    }
    // Stable: within a kind the order of the ladder stays.
    list.sort_by_key(|entry| entry.kind);
    Ok(Source::Git {
        git: GitSource {
            repository: at.target.shown.clone(),
            read_from_mirror: at.target.mirrored,
            commit: super::commit_id(settled.commit),
            commit_time: commit.time().seconds(),
            tag: settled.tag,
            directory: settled.found.directory,
        },
        evidence: list,
    })
}
