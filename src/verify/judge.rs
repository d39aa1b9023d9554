//! From a rebuilt file to a verdict: compared as it is, and where nothing but metadata
//! differs, once more with the published metadata replayed. The only place that hands
//! replayed facts to [`Verdict::of`], and only beside the comparison of the very file
//! that they were put on. Reads files; imports `replay`, `compare` and `model`.

use std::io::Write as _;
use std::path::Path;

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

/// The verdict on a rebuilt file.
pub(super) fn judge(case: Case<'_>) -> Result<Verdict, Error> {
    let comparison = compare::compare(&Request {
        source: Some(case.tree),
        ..Request::new(case.published, case.rebuilt, case.kind)
    })?;
    let only_metadata = comparison
        .differs()
        .is_some_and(|differs| differs.severity() == Severity::Metadata);
    if case.may_replay && only_metadata {
        let replayed = replay::replay(
            case.published,
            case.rebuilt,
            case.kind,
            case.published_at,
            case.likely,
        )?;
        if let Some(replay::Replayed { bytes, facts }) = replayed {
            let mut file = NamedTempFile::new()?;
            file.write_all(&bytes)?;
            let again = compare::compare(&Request::new(case.published, file.path(), case.kind))?;
            if let Comparison::Identical { .. } = again {
                return Ok(Verdict::of(again, case.recovered, facts));
            }
        }
    }
    Ok(Verdict::of(comparison, case.recovered, Vec::new()))
}
