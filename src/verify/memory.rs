//! What was learnt of a package's publisher, kept below the data folder as
//! `learnt/<type>/<name>.json`. Reads and writes those files; imports `store` and
//! `model`. A file that is lost or damaged costs a few tries and nothing else.

use std::path::{Path, PathBuf};

use crate::model::{Learnt, Purl, ResultRecord, Verdict};
use crate::store;

/// The largest file that is read: facts are few and short.
const MAX_SIZE: u64 = 1 << 20;

fn place(data: &Path, purl: &Purl) -> PathBuf {
    data.join("learnt")
        .join(purl.ecosystem().purl_type())
        .join(format!("{}.json", purl.name()))
}

/// What is known of a package, where anything is.
pub(super) fn recall(data: &Path, purl: &Purl) -> Option<Learnt> {
    let path = place(data, purl);
    if std::fs::metadata(&path).ok()?.len() > MAX_SIZE {
        return None;
    }
    let learnt: Learnt = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
    // A file that was moved by hand teaches nothing of another package.
    (learnt.purl.name() == purl.name()).then_some(learnt)
}

/// Keeps what an exact rebuild taught, unless a later version has taught more.
pub(super) fn keep(data: &Path, record: &ResultRecord) -> Result<(), store::Error> {
    let Verdict::Reproduced {
        recovered,
        replayed,
        ..
    } = &record.verdict
    else {
        return Ok(());
    };
    let learnt = Learnt {
        purl: record.purl.clone(),
        published_at: record
            .artifact
            .as_ref()
            .and_then(|artifact| artifact.published_at)
            .map(|published| published.time),
        recovered: recovered.clone(),
        replayed: replayed.clone(),
    };
    let known = recall(data, &record.purl);
    if known.is_some_and(|known| known.published_at > learnt.published_at) {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&learnt).expect("facts are plain data and serialise");
    store::write_durably(&place(data, &record.purl), &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ArtifactKind, ArtifactSummary, PublishedAt, RecoveredFact, Sha256Digest, Sha512Digest,
        TimeSource,
    };

    fn record(version: &str, published: &str, verdict: Verdict) -> ResultRecord {
        let purl: Purl = format!("pkg:npm/%40s/x@{version}").parse().expect("valid");
        let time = published.parse().expect("valid");
        let mut record = ResultRecord::new(purl, verdict, time);
        record.artifact = Some(ArtifactSummary {
            name: "x".into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(b""),
            sha512: Sha512Digest::of(b""),
            size: 0,
            published_at: Some(PublishedAt {
                time,
                source: TimeSource::Registry,
            }),
        });
        record
    }

    fn exact(umask: u32) -> Verdict {
        Verdict::Reproduced {
            sha256: Sha256Digest::of(b""),
            recovered: vec![RecoveredFact::Umask { mask: umask }],
            replayed: vec![],
        }
    }

    #[test]
    fn the_latest_exact_version_teaches_and_nothing_else_does() {
        let folder = tempfile::tempdir().expect("temp");
        let data = folder.path();
        let known = || {
            let purl = "pkg:npm/%40s/x@9.0.0".parse().expect("valid");
            recall(data, &purl).map(|learnt| learnt.recovered)
        };
        let failed = Verdict::SourceNotFound { reason: "x".into() };
        keep(data, &record("1.0.0", "2026-01-01T00:00:00Z", failed)).expect("kept");
        assert_eq!(known(), None);
        keep(data, &record("1.1.0", "2026-01-02T00:00:00Z", exact(0o022))).expect("kept");
        keep(data, &record("1.2.0", "2026-01-03T00:00:00Z", exact(0o002))).expect("kept");
        // A nightly batch may look at an old version last.
        keep(data, &record("1.0.1", "2026-01-01T12:00:00Z", exact(0o077))).expect("kept");
        assert_eq!(known(), Some(vec![RecoveredFact::Umask { mask: 0o002 }]));
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().expect("temp");
        let purl: Purl = "pkg:cargo/demo@1.0.0".parse().expect("valid");
        store::write_durably(&place(folder.path(), &purl), b"{").expect("written");
        assert_eq!(recall(folder.path(), &purl), None);
    }
}
