//! From a rebuilt file to a verdict: compared as it is, and where nothing but metadata
//! differs, once more with the published metadata replayed, which may first have to be
//! compressed elsewhere (`deflate`). The only place that hands
//! replayed facts to [`Verdict::of`], and only beside the comparison of the very file
//! that they were put on. Reads files; imports `replay`, `compare` and `model`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::NamedTempFile;

use crate::compare::{self, Request};
use crate::model::{ArtifactKind, Comparison, Compressor, RecoveredFact, Severity, Verdict};
use crate::replay;

/// What is judged.
pub(super) struct Case<'a> {
    pub(super) published: &'a Path,
    pub(super) rebuilt: &'a Path,
    pub(super) kind: ArtifactKind,
    pub(super) published_at: Option<Timestamp>,
    /// The folder of the source.
    pub(super) tree: &'a Path,
    /// Facts that steered the build.
    pub(super) recovered: Vec<RecoveredFact>,
    /// The compressor of an earlier version.
    pub(super) likely: Option<Compressor>,
    /// Whether metadata may be replayed.
    pub(super) may_replay: bool,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The files could not be compared.
    #[error(transparent)]
    Compare(#[from] compare::Error),
    /// The replayed file could not be made.
    #[error(
        "cannot put the published metadata on the rebuilt file: {0}; check the disk of the temporary folder"
    )]
    Replay(#[from] std::io::Error),
}

/// What a rebuilt file comes to.
pub(super) enum Judged {
    /// The verdict.
    Settled(Verdict),
    /// The verdict, unless a tar of the rebuilt file's comes to the published bytes.
    Open(Box<Open>),
}

/// A verdict that stands where a tar with replayed metadata, compressed by what packed the
/// rebuilt file, does not come to the published bytes.
pub(super) struct Open {
    verdict: Verdict,
    tar: replay::Uncompressed,
    published: PathBuf,
    kind: ArtifactKind,
    recovered: Vec<RecoveredFact>,
}

impl Open {
    /// The tar.
    pub(super) const fn tar(&self) -> &replay::Uncompressed {
        &self.tar
    }

    /// The verdict where it could not be compressed.
    pub(super) fn without(self) -> Verdict {
        self.verdict
    }

    /// The verdict where this is its stream.
    pub(super) fn with(self, stream: &[u8]) -> Result<Verdict, Error> {
        let exact = match self.tar.with(stream) {
            Some(replayed) => exact(&self.published, replayed, self.kind, &self.recovered)?,
            None => None,
        };
        Ok(exact.unwrap_or(self.verdict))
    }
}

/// The verdict on a rebuilt file.
pub(super) fn judge(case: Case<'_>) -> Result<Judged, Error> {
    let comparison = compare::compare(&Request {
        source: Some(case.tree),
        ..Request::new(case.published, case.rebuilt, case.kind)
    })?;
    let only_metadata = comparison
        .differs()
        .is_some_and(|differs| differs.severity() == Severity::Metadata);
    let mut left = None;
    if case.may_replay && only_metadata {
        let outcome = replay::replay(
            case.published,
            case.rebuilt,
            case.kind,
            case.published_at,
            case.likely,
        )?;
        match outcome {
            None => {}
            Some(replay::Outcome::Uncompressed(tar)) => left = Some(tar),
            Some(replay::Outcome::Whole(replayed)) => {
                let exact = exact(case.published, replayed, case.kind, &case.recovered)?;
                if let Some(verdict) = exact {
                    return Ok(Judged::Settled(verdict));
                }
            }
        }
    }
    let verdict = Verdict::of(comparison, case.recovered.clone(), Vec::new());
    Ok(match left {
        None => Judged::Settled(verdict),
        Some(tar) => Judged::Open(Box::new(Open {
            verdict,
            tar,
            published: case.published.to_owned(),
            kind: case.kind,
            recovered: case.recovered,
        })),
    })
}

/// The verdict on a replayed file that is the published one; none where it is not.
fn exact(
    published: &Path,
    replayed: replay::Replayed,
    kind: ArtifactKind,
    recovered: &[RecoveredFact],
) -> Result<Option<Verdict>, Error> {
    let mut file = NamedTempFile::new()?;
    file.write_all(&replayed.bytes)?;
    let again = compare::compare(&Request::new(published, file.path(), kind))?;
    Ok(match again {
        Comparison::Identical { .. } => {
            Some(Verdict::of(again, recovered.to_vec(), replayed.facts))
        }
        Comparison::Differs(_) => None,
    })
}
