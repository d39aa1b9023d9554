//! One try: a candidate rebuilt in the sandbox and judged. Imports `sandbox`, `mirror`,
//! `plan` and `model`. What it says of the package is its verdict, never an error.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::artifact::Subject;
use super::prepare::Prepared;
use super::{Error, Line, failure, judge, lock, on_a_thread, prepare};
use crate::mirror::View;
use crate::model::{
    Artifact, BuildFailure, BuildStage, Event, EvidenceKind, Learnt, Network, PhaseName,
    PhaseReport, Plan, Rebuild, Recipe, ServedFile, Source, Station, Verdict,
};
use crate::plan::{self, Candidate};
use crate::sandbox::{self, Engine, Job, Scratch};
use crate::source::Style;

/// What one try was made of, and what it left.
pub(super) struct Try {
    pub(super) source: Source,
    pub(super) recipe: Recipe,
    pub(super) image: Option<String>,
    pub(super) phases: Vec<PhaseReport>,
    pub(super) served: Vec<ServedFile>,
    /// Where it failed and how, whatever the verdict is where the copy of the source is not whole.
    pub(super) failed: Option<(BuildStage, BuildFailure)>,
    /// Whether a tarball was asked for that was not to be had.
    pub(super) lacked_a_tarball: bool,
    pub(super) log: Option<PathBuf>,
    /// Steps that failed and were passed over, as the plan allows.
    pub(super) passed_over: Vec<String>,
    pub(super) millis: u64,
}

impl Try {
    /// One that left nothing yet.
    pub(super) const fn of(source: Source, recipe: Recipe) -> Self {
        Self {
            source,
            recipe,
            image: None,
            phases: vec![],
            served: vec![],
            failed: None,
            lacked_a_tarball: false,
            log: None,
            passed_over: vec![],
            millis: 0,
        }
    }
}

/// How a candidate ended.
pub(super) enum Tried {
    /// With a verdict on the package.
    Judged(Box<Try>, Verdict),
    /// It could not be tried; the verdict stands in for one.
    Unmade(Verdict),
    /// It was stopped, so nothing is known of it.
    Stopped(Box<Try>),
}

impl Tried {
    /// The verdict, where there is one.
    pub(super) const fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::Judged(_, verdict) | Self::Unmade(verdict) => Some(verdict),
            Self::Stopped(_) => None,
        }
    }

    /// The try, where one was made.
    pub(super) const fn made(&self) -> Option<&Try> {
        match self {
            Self::Judged(tried, _) | Self::Stopped(tried) => Some(tried),
            Self::Unmade(_) => None,
        }
    }
}

impl Line {
    /// Rebuild and compare one candidate.
    pub(super) async fn try_one(
        &self,
        engine: &Engine,
        subject: Subject<'_>,
        prepared: &Prepared,
        candidate: &Candidate,
        number: usize,
    ) -> Result<Tried, Error> {
        let recipe = prepare::recipe_of(subject, &prepared.source, candidate);
        let mut tried = Box::new(Try::of(prepared.source.clone(), recipe));
        let clock = Instant::now();
        let scratch = Scratch::make()?;
        let outcome = self
            .rebuild(
                engine,
                subject,
                prepared,
                &candidate.plan,
                scratch.path(),
                &mut tried,
            )
            .await;
        let outcome = match outcome {
            Err(stopped) => Err(stopped),
            Ok(rebuild) => {
                tried.log = self.keep_log(subject.artifact(), number, &rebuild.log)?;
                tried.phases = rebuild.phases;
                tried.passed_over = rebuild.passed_over;
                let file = rebuild.file.path;
                self.judge(
                    engine,
                    subject,
                    prepared,
                    &candidate.plan,
                    file,
                    scratch.path(),
                )
                .await
            }
        };
        let millis = || u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        let verdict = match outcome {
            Err(Stopped::Cancelled) => {
                tried.millis = millis();
                return Ok(Tried::Stopped(tried));
            }
            Err(Stopped::Failed {
                stage,
                failure,
                log,
            }) => {
                tried.log = self.keep_log(subject.artifact(), number, &log)?;
                tried.failed = Some((stage, failure.clone()));
                Verdict::BuildFailed { stage, failure }
            }
            Ok(verdict) | Err(Stopped::Decided(verdict)) => verdict,
        };
        tried.millis = millis();
        let verdict = whole_source_or_why_not(&prepared.source, verdict);
        Ok(Tried::Judged(tried, verdict))
    }

    /// The container run.
    async fn rebuild(
        &self,
        engine: &Engine,
        subject: Subject<'_>,
        prepared: &Prepared,
        plan: &Plan,
        scratch: &Path,
        tried: &mut Try,
    ) -> Result<Rebuild, Stopped> {
        let (image, relay) = self.images_of(engine, plan).await.map_err(Stopped::farm)?;
        tried.image = Some(image.to_string());
        let inputs = self
            .inputs(&subject.content(), plan)
            .await
            .map_err(Stopped::Decided)?;
        let tree = self.tree_for(prepared, plan, scratch).await?;
        let session = if reaches_mirror(plan) {
            let view = View {
                cutoff: plan.cutoff,
                dated_by: plan.dated_by,
                yanked: plan.yanked,
                refuse: vec![subject.release.purl.clone()],
                refuse_content: subject.content(),
                held: plan::lock_file_of(plan).map_or_else(Vec::new, plan::locked),
            };
            let socket = scratch.join("mirror.sock");
            Some(
                self.mirror
                    .serve(view, &socket)
                    .await
                    .map_err(Stopped::farm)?,
            )
        } else {
            None
        };
        let name = &subject.artifact().name;
        let outcome = sandbox::run(
            engine,
            Job {
                image,
                relay,
                plan,
                tree: &tree,
                inputs,
                mirror_socket: session.as_ref().map(|s| s.socket()),
                scratch,
                keep: subject.request.keep,
                cancel: self.cancel.clone(),
                on_phase: &|phase| self.enter(name, station_of(phase)),
                on_keep: &|id| {
                    self.events
                        .emit(Event::Notice(format!("kept container {id}")))
                },
            },
        )
        .await;
        if let Some(session) = session {
            tried.served = session.served();
            tried.lacked_a_tarball = session.lacked_a_tarball();
            session.stop().await;
        }
        outcome.map_err(Stopped::of_sandbox)
    }

    /// The checkout that a plan asks for; the usual one where it asks for nothing.
    async fn tree_for(
        &self,
        prepared: &Prepared,
        plan: &Plan,
        scratch: &Path,
    ) -> Result<PathBuf, Stopped> {
        if plan.crlf.is_none() && !plan.plain_modes {
            return Ok(prepared.tree.clone());
        }
        let tree = scratch.join("styled");
        let (crlf, plain_modes) = (plan.crlf.clone(), plan.plain_modes);
        let (sources, source) = (self.sources.clone(), prepared.source.clone());
        let dest = tree.clone();
        on_a_thread(move || {
            let style = Style {
                crlf: crlf.as_ref(),
                plain_modes,
            };
            sources.checkout_with(&source, &dest, style)
        })
        .await
        .map_err(|error| Stopped::Decided(failure::of_source(error)))?;
        Ok(tree)
    }

    /// The verdict on a rebuilt file; what a lock file of the publisher's names is
    /// checked before agreement counts.
    async fn judge(
        &self,
        engine: &Engine,
        subject: Subject<'_>,
        prepared: &Prepared,
        plan: &Plan,
        rebuilt: PathBuf,
        scratch: &Path,
    ) -> Result<Verdict, Stopped> {
        let artifact = subject.artifact();
        self.enter(&artifact.name, Station::Compare);
        let theirs = subject.published.file.path.clone();
        let (kind, tree) = (artifact.kind, prepared.tree.clone());
        let published_at = artifact.published_at.map(|at| at.time);
        let (recovered, may_replay) = (plan.recovered.clone(), subject.request.replay);
        let likely = subject.learnt.and_then(Learnt::compressor);
        let judged = on_a_thread(move || {
            judge::judge(judge::Case {
                published: &theirs,
                rebuilt: &rebuilt,
                kind,
                published_at,
                tree: &tree,
                recovered,
                likely,
                may_replay,
            })
        })
        .await
        .map_err(Stopped::farm)?;
        let verdict = match judged {
            judge::Judged::Settled(verdict) => verdict,
            judge::Judged::Open(open) => {
                self.deflate(engine, subject, plan, *open, scratch).await?
            }
        };
        if let Verdict::Reproduced { .. } | Verdict::Equivalent { .. } = verdict
            && let Some(lock) = plan::lock_file_of(plan)
            && let Err(refused) = lock::check(&self.registries, lock, plan.cutoff).await
        {
            return Ok(refused);
        }
        Ok(verdict)
    }

    fn keep_log(
        &self,
        artifact: &Artifact,
        number: usize,
        log: &Path,
    ) -> Result<Option<PathBuf>, Error> {
        if !log.exists() {
            return Ok(None);
        }
        let kept = self
            .folders
            .logs
            .join(format!("{}.{}.log", artifact.name, number + 1));
        let bytes =
            std::fs::read(log).map_err(|error| crate::store::Error::io("read", log, error))?;
        crate::store::write_durably(&kept, &bytes)?;
        Ok(Some(kept))
    }
}

/// Why a run left no rebuilt file, or none that was judged.
pub(super) enum Stopped {
    /// On request.
    Cancelled,
    /// A step failed; its log is to be kept.
    Failed {
        stage: BuildStage,
        failure: BuildFailure,
        log: PathBuf,
    },
    /// It could not begin, or the farm failed it.
    Decided(Verdict),
}

impl Stopped {
    pub(super) fn farm(error: impl std::error::Error) -> Self {
        Self::Decided(failure::infra(&error))
    }

    pub(super) fn of_sandbox(error: sandbox::Error) -> Self {
        match error {
            sandbox::Error::Cancelled => Self::Cancelled,
            sandbox::Error::Build {
                stage,
                failure,
                log,
            } => Self::Failed {
                stage,
                failure,
                log,
            },
            error => Self::farm(error),
        }
    }
}

/// A copy of the repository that lacks files is the farm's fault, and a submodule that is
/// gone leaves no source: without them, nothing but the same bytes says anything of the
/// package.
fn whole_source_or_why_not(source: &Source, verdict: Verdict) -> Verdict {
    if matches!(verdict, Verdict::Reproduced { .. }) {
        return verdict;
    }
    let lacks = |kind| {
        let evidence = source.evidence().iter();
        evidence.into_iter().find(|one| one.kind == kind)
    };
    if let Some(lacks) = lacks(EvidenceKind::PartialCopy) {
        Verdict::InfraError {
            reason: format!(
                "{}, and without them the rebuild is not exact: {}; map a whole copy in [source.mirror], or name one with --source",
                lacks.detail,
                verdict.reason()
            ),
        }
    } else if let Some(gone) = lacks(EvidenceKind::PartialSource) {
        Verdict::SourceNotFound {
            reason: format!(
                "{}; without it the rebuild is not exact: {}",
                gone.detail,
                verdict.reason()
            ),
        }
    } else {
        verdict
    }
}

fn reaches_mirror(plan: &Plan) -> bool {
    !plan.prepare.is_empty() || plan.build_network == Network::Mirror
}

const fn station_of(phase: PhaseName) -> Station {
    match phase {
        PhaseName::Prepare => Station::Prepare,
        PhaseName::Build => Station::Build,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Comparison, Evidence, SdistSource, Sha256Digest, VerdictKind};

    fn judged(lacks: &[EvidenceKind], exact: bool) -> VerdictKind {
        let sha256 = Sha256Digest::of("x");
        let source = Source::Sdist {
            sdist: SdistSource {
                name: "demo".into(),
                sha256,
            },
            evidence: lacks
                .iter()
                .map(|&kind| Evidence {
                    kind,
                    detail: "lacks something".into(),
                })
                .collect(),
        };
        let verdict = if exact {
            Verdict::of(Comparison::Identical { sha256 }, vec![], vec![])
        } else {
            Verdict::Unsupported { reason: "x".into() }
        };
        whole_source_or_why_not(&source, verdict).kind()
    }

    #[test]
    fn a_source_that_is_not_whole_is_believed_for_the_same_bytes_alone() {
        use EvidenceKind::{PartialCopy, PartialSource, TagMatch};
        for (lacks, otherwise) in [
            (&[TagMatch][..], VerdictKind::Unsupported),
            (&[PartialSource], VerdictKind::SourceNotFound),
            (&[PartialCopy], VerdictKind::InfraError),
            // The farm's own fault is not the package's.
            (&[PartialSource, PartialCopy], VerdictKind::InfraError),
        ] {
            assert_eq!(judged(lacks, true), VerdictKind::Reproduced);
            assert_eq!(judged(lacks, false), otherwise, "{lacks:?}");
        }
    }
}
