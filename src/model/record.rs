//! What is kept of one verification, and of a batch of them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ArtifactKind, PhaseReport, PublishedAt, Purl, RecoveredFact, SdistLink, ServedFile, Severity,
    Sha256Digest, Sha512Digest, Source, Verdict, VerdictKind,
};

/// The published artifact that a verdict is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactSummary {
    /// The file's name.
    pub name: String,
    /// What kind of file it is.
    pub kind: ArtifactKind,
    /// SHA-256 of the whole file.
    pub sha256: Sha256Digest,
    /// SHA-512 of the whole file.
    pub sha512: Sha512Digest,
    /// Size in bytes.
    pub size: u64,
    /// When it was published, and who says so.
    pub published_at: Option<PublishedAt>,
}

/// One try of one plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The plan's identity; none where no plan could be made.
    pub plan_hash: Option<Sha256Digest>,
    /// The image's ID.
    pub image: Option<String>,
    /// What it was built from, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What sets the plan apart: the facts that it recovered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recovered: Vec<RecoveredFact>,
    /// How it ended; none where it was stopped because another was exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictKind>,
    /// Why, in one line.
    pub outcome: String,
    /// How far the rebuilt file was from the published one, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<Distance>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub millis: u64,
}

/// Why a plan was not tried: it would have brought nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOut {
    /// What it prepares was prepared in vain before.
    PreparedInVain,
    /// Without scripts every content was right, and they change nothing else.
    AllThere,
    /// Files' own times were replayed, which no plan makes.
    AsNearAsAny,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PreparedInVain => "what they prepare had failed in a plan before",
            Self::AllThere => "every content was right without scripts",
            Self::AsNearAsAny => "files' own times were replayed, which no plan makes",
        })
    }
}

/// How far a rebuilt file is from the published one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distance {
    /// How many differences there are; none in the same bytes.
    pub differences: usize,
    /// How bad the worst is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<Severity>,
}

impl Distance {
    /// The distance that a verdict states; nothing where no file was compared.
    pub fn of(verdict: &Verdict) -> Option<Self> {
        match verdict {
            Verdict::Reproduced { .. } => Some(Self {
                differences: 0,
                worst: None,
            }),
            Verdict::Equivalent { comparison } | Verdict::Different { comparison } => Some(Self {
                differences: comparison.total(),
                worst: Some(comparison.severity()),
            }),
            Verdict::BuildFailed { .. }
            | Verdict::SourceNotFound { .. }
            | Verdict::Unsupported { .. }
            | Verdict::InfraError { .. } => None,
        }
    }
}

/// Everything that is kept of the verification of one artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRecord {
    /// The package with its version, where one was found.
    pub purl: Purl,
    /// The published artifact; none where it could not be fetched.
    pub artifact: Option<ArtifactSummary>,
    /// What remint says of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The source that the plan built from.
    pub source: Option<Source>,
    /// What ties the release's source distribution to a commit, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdist: Option<SdistLink>,
    /// The plan's identity.
    pub plan_hash: Option<Sha256Digest>,
    /// The plan with its source as a recipe (TOML) that can be run again.
    pub recipe: Option<String>,
    /// The image's ID.
    pub image: Option<String>,
    /// How each phase of the run went.
    pub phases: Vec<PhaseReport>,
    /// Every file that the build fetched.
    pub served: Vec<ServedFile>,
    /// Every plan that was tried, in order.
    pub candidates: Vec<Attempt>,
    /// How many more plans there were when the limit of tries or of time was reached.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untried: usize,
    /// Plans that were not tried since they would have brought nothing new, by why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out: BTreeMap<LeftOut, usize>,
    /// When the verification began.
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// remint's version.
    pub remint_version: String,
    /// The build's log, relative to the batch's folder.
    pub log: Option<String>,
    /// The attestation, relative to the data folder.
    pub attestation: Option<String>,
}

impl ResultRecord {
    /// Whether it was built from a source distribution that holds what its commit does not:
    /// the same bytes then are those of somebody's archive, and of no commit.
    pub fn rests_on_broken_sdist(&self) -> bool {
        matches!(self.source, Some(Source::Sdist { .. }))
            && self.sdist.as_ref().is_some_and(SdistLink::is_broken)
    }

    /// A record with nothing but its verdict, by this remint; the rest is filled in as it
    /// becomes known.
    pub fn new(purl: Purl, verdict: Verdict, started: Timestamp) -> Self {
        Self {
            purl,
            artifact: None,
            verdict,
            source: None,
            sdist: None,
            plan_hash: None,
            recipe: None,
            image: None,
            phases: vec![],
            served: vec![],
            candidates: vec![],
            untried: 0,
            left_out: BTreeMap::new(),
            started,
            millis: 0,
            remint_version: env!("CARGO_PKG_VERSION").to_owned(),
            log: None,
            attestation: None,
        }
    }

    /// The build's log as a path below its batch's folder, where it is one. A record may
    /// be another machine's, and then anything stands there.
    pub fn log_path(&self) -> Option<&str> {
        let name = self.log.as_deref()?.strip_prefix("logs/")?;
        // A browser must never take one for a page, so its name ends as remint's do.
        (is_file_name(name) && name.ends_with(".log")).then_some(self.log.as_deref()?)
    }

    /// The attestation as a path below the data folder, where it is one.
    pub fn attestation_path(&self) -> Option<&str> {
        let attestation = self.attestation.as_deref();
        attestation.filter(|path| is_below(path, ATTESTATIONS))
    }

    /// What makes it no answer about a release, whoever gave it: another release, a file
    /// that has no file's name, or a verdict on other bytes than it says were published.
    pub fn contradiction(&self, asked: &Purl) -> Option<String> {
        if self.purl != *asked {
            return Some(format!("it is about {}, and {asked} was asked", self.purl));
        }
        let Some(artifact) = &self.artifact else {
            let is_signed = self.verdict.kind().is_signed();
            return is_signed.then(|| "its verdict is about no file".to_owned());
        };
        if !is_file_name(&artifact.name) {
            return Some(format!("`{}` is no file's name", artifact.name));
        }
        let about = match &self.verdict {
            Verdict::Reproduced { sha256, .. } => sha256,
            Verdict::Equivalent { comparison } | Verdict::Different { comparison } => {
                &comparison.published
            }
            Verdict::BuildFailed { .. }
            | Verdict::SourceNotFound { .. }
            | Verdict::Unsupported { .. }
            | Verdict::InfraError { .. } => return None,
        };
        (*about != artifact.sha256).then(|| {
            format!(
                "its verdict is on a file of SHA-256 {about}, and {} was published",
                artifact.sha256
            )
        })
    }

    /// Which link the verdict rests on and what is known of the other one, where the
    /// release has a source distribution.
    pub fn basis(&self) -> Option<String> {
        let sdist = self.sdist.as_ref()?;
        let is_rebuilt = |artifact: &ArtifactSummary| artifact.name == sdist.name;
        let is_itself = self.artifact.as_ref().is_some_and(is_rebuilt);
        Some(sdist.basis(self.source.as_ref(), is_itself))
    }

    /// The artifact's name, or the package URL where there is none.
    pub fn subject(&self) -> String {
        self.artifact
            .as_ref()
            .map_or_else(|| self.purl.to_string(), |artifact| artifact.name.clone())
    }
}

/// The folder of attestations in the data folder.
const ATTESTATIONS: &str = "attestations";

/// Whether a text is one plain file's name, and no path to elsewhere.
fn is_file_name(text: &str) -> bool {
    let mut parts = Path::new(text).components();
    matches!(parts.next(), Some(Component::Normal(name)) if name == text) && parts.next().is_none()
}

/// Whether a path is one of a file in a folder, whatever the folder is in.
fn is_below(path: &str, folder: &str) -> bool {
    let mut components = Path::new(path).components();
    components.next() == Some(Component::Normal(folder.as_ref()))
        && components.clone().next().is_some()
        && components.all(|component| matches!(component, Component::Normal(_)))
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field by reference"
)]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One call of `remint verify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The format's version; this is [`Batch::FORMAT`].
    pub format: u32,
    /// The batch's name: sortable, and safe as a folder's name.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// One record an artifact.
    pub results: Vec<ResultRecord>,
}

impl Batch {
    /// The version of the format of `results.json`.
    pub const FORMAT: u32 = 1;

    /// An empty batch, named by the time at which it begins and by the process,
    /// so that two of one second do not share a folder.
    pub fn begin(started: Timestamp) -> Self {
        let time = started.strftime("%Y%m%dT%H%M%SZ");
        Self {
            format: Self::FORMAT,
            id: format!("{time}-{}", std::process::id()),
            started,
            finished: started,
            results: vec![],
        }
    }
}

#[cfg(test)]
impl ResultRecord {
    /// The same, built from a source distribution that has a file which its commit has not.
    pub fn on_broken_sdist(mut self) -> Self {
        let name = "demo-1.0.tar.gz".to_owned();
        let sha256 = Sha256Digest::of("an archive");
        let mut held = super::HeldFiles::against(&super::GitSource {
            repository: "https://git.example/o/demo".into(),
            read_from_mirror: false,
            commit: "a".repeat(40).parse().expect("valid"),
            commit_time: 0,
            tag: Some("v1.0".into()),
            directory: String::new(),
        });
        held.unknown.add(super::StrayFile {
            path: "demo/added.py".into(),
            sha256: Sha256Digest::of("added"),
        });
        self.sdist = Some(SdistLink {
            name: name.clone(),
            sha256: Some(sha256),
            link: super::CommitLink::Held(Box::new(held)),
        });
        self.source = Some(Source::Sdist {
            sdist: super::SdistSource { name, sha256 },
            evidence: vec![],
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_survives_json() {
        let mut batch = Batch::begin("2026-01-02T03:04:05Z".parse().expect("valid"));
        assert!(batch.id.starts_with("20260102T030405Z-"), "{}", batch.id);
        let purl = "pkg:cargo/itoa@1.0.18".parse().expect("valid");
        let verdict = Verdict::SourceNotFound { reason: "x".into() };
        let record = ResultRecord::new(purl, verdict, batch.started);
        batch.results.push(record);
        let text = serde_json::to_string(&batch).expect("json");
        assert_eq!(
            serde_json::from_str::<Batch>(&text).expect("reads back"),
            batch
        );
        assert!(text.contains("\"verdict\":\"source-not-found\""), "{text}");
    }

    fn record() -> ResultRecord {
        let file = b"published";
        let verdict = Verdict::Reproduced {
            sha256: Sha256Digest::of(file),
            recovered: vec![],
            replayed: vec![],
        };
        let started = "2026-01-02T03:04:05Z".parse().expect("valid");
        let mut record =
            ResultRecord::new("pkg:npm/a@1.0.0".parse().expect("valid"), verdict, started);
        record.artifact = Some(ArtifactSummary {
            name: "a-1.0.0.tgz".into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(file),
            sha512: Sha512Digest::of(file),
            size: 9,
            published_at: None,
        });
        record
    }

    #[test]
    fn a_path_that_leads_out_of_its_folder_is_none() {
        let mut record = record();
        record.log = Some("logs/a-1.0.0.tgz.1.log".into());
        assert_eq!(record.log_path(), record.log.as_deref());
        record.attestation = Some("attestations/a/b.json".into());
        assert_eq!(record.attestation_path(), record.attestation.as_deref());
        for path in [
            "logs/index.html",
            "logs/deep/a.log",
            "logs",
            "logs/../a",
            "../logs/a",
            "/logs/a",
            "keys/passphrase",
            "",
        ] {
            record.log = Some(path.into());
            record.attestation = Some(path.into());
            assert_eq!(
                (record.log_path(), record.attestation_path()),
                (None, None),
                "{path}"
            );
        }
    }

    #[test]
    fn a_record_is_no_answer_about_another_release_another_file_or_with_a_path_for_a_name() {
        let asked: Purl = "pkg:npm/a@1.0.0".parse().expect("valid");
        assert_eq!(record().contradiction(&asked), None);
        let other = "pkg:npm/a@1.0.1".parse().expect("valid");
        assert!(record().contradiction(&other).is_some());
        let with = |change: &dyn Fn(&mut ArtifactSummary)| {
            let mut record = record();
            record.artifact.as_mut().map(change);
            record.contradiction(&asked)
        };
        assert!(with(&|artifact| artifact.sha256 = Sha256Digest::of(b"rebuilt")).is_some());
        for name in ["../a", "/a", "a/b", "a/", ".", "..", ""] {
            assert!(
                with(&|artifact| artifact.name = name.into()).is_some(),
                "{name}"
            );
        }
    }
}
