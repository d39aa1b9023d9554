//! The tries of one artifact: source by source and plan by plan, each rebuilt in the
//! sandbox and judged, until one is exact. Imports `sandbox`, `mirror`, `plan` and
//! `model`. What a try says of the package is its verdict, never an error.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::artifact::Subject;
use super::prepare::Prepared;
use super::{Error, Line, failure, judge, lock, on_a_thread, prepare, tree};
use crate::mirror::View;
use crate::model::{
    Artifact, BuildFailure, BuildStage, Event, EvidenceKind, Learnt, Network, PhaseName,
    PhaseReport, Plan, Rebuild, Recipe, ServedFile, Source, Station, TryLimits, Verdict,
};
use crate::plan::{self, Candidate};
use crate::sandbox::{self, Engine, EngineError, Job};

/// How one try went.
pub(super) struct Try {
    pub(super) verdict: Verdict,
    pub(super) source: Source,
    pub(super) recipe: Recipe,
    pub(super) image: Option<String>,
    pub(super) phases: Vec<PhaseReport>,
    pub(super) served: Vec<ServedFile>,
    pub(super) log: Option<PathBuf>,
    pub(super) millis: u64,
}

/// A try, or the verdict that stands in for one where it could not be made.
pub(super) type Tried = Result<Try, Verdict>;

/// Every try of one artifact.
#[derive(Default)]
pub(super) struct Tries {
    /// In the order in which they were made.
    pub(super) tried: Vec<Tried>,
    /// Plans that were left when the limit of tries or of time was reached.
    pub(super) untried: usize,
}

impl Tries {
    fn of_one(verdict: Verdict) -> Self {
        Self {
            tried: vec![Err(verdict)],
            untried: 0,
        }
    }

    /// Whether a try that installed nothing has every content right.
    fn replay_as_they_are(&self) -> bool {
        self.tried.iter().flatten().any(|tried| {
            matches!(tried.verdict, Verdict::Reproduced { .. })
                && tried.recipe.plan.prepare.is_empty()
        })
    }

    /// Whether the limits end the tries here. The first plan is always tried.
    fn are_over(&self, limits: TryLimits, begun: Instant) -> bool {
        let made = self.tried.iter().filter(|tried| tried.is_ok()).count();
        made > 0 && (made >= limits.most || begun.elapsed().as_secs() >= limits.seconds)
    }
}

impl Line {
    /// Source, plan and rebuild, source by source and plan by plan, until one
    /// try is exact.
    pub(super) async fn try_all(
        &self,
        engine: &Result<Engine, EngineError>,
        subject: Subject<'_>,
        recipe: Option<Recipe>,
    ) -> Result<Tries, Error> {
        let engine = match engine {
            Ok(engine) => engine,
            Err(error) => return Ok(Tries::of_one(failure::infra(error))),
        };
        let mut begun = Instant::now();
        let mut tries = Tries::default();
        for origin in tree::origins(subject.release, recipe.as_ref()) {
            let scratch = self.scratch()?;
            let prepared = self
                .prepare(subject, &origin, recipe.as_ref(), scratch.path())
                .await;
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(verdict) => {
                    tries.tried.push(Err(verdict));
                    continue;
                }
            };
            for (nth, candidate) in prepared.candidates.iter().enumerate() {
                if tries.are_over(self.tries, begun) {
                    tries.untried += prepared.candidates.len() - nth;
                    return Ok(tries);
                }
                // What scripts would make is all there already, and they change no metadata.
                if tries.replay_as_they_are() && !candidate.plan.prepare.is_empty() {
                    continue;
                }
                let asked = Instant::now();
                let ready = self.make_ready(engine, &candidate.plan).await?;
                // It is built once, and not for this artifact alone.
                begun += asked.elapsed();
                if let Err(verdict) = ready {
                    tries.tried.push(Err(verdict));
                    continue;
                }
                let number = tries.tried.len();
                let tried = self
                    .try_one(engine, subject, &prepared, candidate, number)
                    .await?;
                let exact = tried.verdict.is_plainly_reproduced();
                tries.tried.push(Ok(tried));
                if exact {
                    return Ok(tries);
                }
            }
            // A replayed one may still come plainly from a source of a lower rank; the record
            // then says what each source gave.
        }
        Ok(tries)
    }

    /// Rebuild and compare one candidate.
    async fn try_one(
        &self,
        engine: &Engine,
        subject: Subject<'_>,
        prepared: &Prepared,
        candidate: &Candidate,
        number: usize,
    ) -> Result<Try, Error> {
        let mut tried = Try {
            verdict: Verdict::InfraError {
                reason: String::new(),
            },
            source: prepared.source.clone(),
            recipe: prepare::recipe_of(subject, &prepared.source, candidate),
            image: None,
            phases: vec![],
            served: vec![],
            log: None,
            millis: 0,
        };
        let clock = Instant::now();
        let scratch = self.scratch()?;
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
        match outcome {
            Err(Stopped::Cancelled) => return Err(Error::Cancelled),
            Err(Stopped::Decided(verdict)) => tried.verdict = verdict,
            Err(Stopped::Failed {
                stage,
                failure,
                log,
            }) => {
                tried.log = self.keep_log(subject.artifact(), number, &log)?;
                tried.verdict = Verdict::BuildFailed { stage, failure };
            }
            Ok(rebuild) => {
                tried.log = self.keep_log(subject.artifact(), number, &rebuild.log)?;
                tried.phases = rebuild.phases;
                tried.verdict = self
                    .judge(subject, prepared, &candidate.plan, rebuild.file.path)
                    .await;
            }
        }
        if let Some(lacks) = what_is_missing(&prepared.source)
            && !matches!(tried.verdict, Verdict::Reproduced { .. })
        {
            tried.verdict = Verdict::InfraError {
                reason: format!(
                    "{lacks}, and without them the rebuild is not exact: {}; map a whole copy in [source.mirror], or name one with --source",
                    tried.verdict.reason()
                ),
            };
        }
        tried.millis = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(tried)
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
        let inputs = self.inputs(plan).await.map_err(Stopped::Decided)?;
        let tree = self.tree_for(prepared, plan).await?;
        let session = if reaches_mirror(plan) {
            let view = View {
                cutoff: plan.cutoff,
                refuse: vec![subject.release.purl.clone()],
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
            session.stop().await;
        }
        outcome.map_err(Stopped::of_sandbox)
    }

    /// The checkout that a plan asks for; the usual one where it asks for nothing.
    async fn tree_for(&self, prepared: &Prepared, plan: &Plan) -> Result<PathBuf, Stopped> {
        let Some(crlf) = plan.crlf.clone() else {
            return Ok(prepared.tree.clone());
        };
        let tree = prepared.tree.with_extension("crlf");
        // The plans of one source differ in the toolchain, and rarely in this.
        if tree.exists() {
            std::fs::remove_dir_all(&tree)
                .map_err(|error| Stopped::farm(crate::store::Error::io("remove", &tree, error)))?;
        }
        let (sources, source) = (self.sources.clone(), prepared.source.clone());
        let dest = tree.clone();
        on_a_thread(move || sources.checkout_with(&source, &dest, &crlf))
            .await
            .map_err(|error| Stopped::Decided(failure::of_source(error)))?;
        Ok(tree)
    }

    /// The verdict on a rebuilt file; what a lock file of the publisher's names is
    /// checked before agreement counts.
    async fn judge(
        &self,
        subject: Subject<'_>,
        prepared: &Prepared,
        plan: &Plan,
        rebuilt: PathBuf,
    ) -> Verdict {
        let artifact = subject.artifact();
        self.enter(&artifact.name, Station::Compare);
        let theirs = subject.published.file.path.clone();
        let (kind, tree) = (artifact.kind, prepared.tree.clone());
        let published_at = artifact.published_at.map(|at| at.time);
        let (recovered, may_replay) = (plan.recovered.clone(), subject.request.replay);
        let likely = subject.learnt.and_then(Learnt::compressor);
        let verdict = on_a_thread(move || {
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
        .unwrap_or_else(|error| failure::infra(&error));
        if let Verdict::Reproduced { .. } | Verdict::Equivalent { .. } = verdict
            && let Some(lock) = plan::lock_file_of(plan)
            && let Err(refused) = lock::check(&self.registries, lock, plan.cutoff).await
        {
            return refused;
        }
        verdict
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

    pub(super) fn scratch(&self) -> Result<tempfile::TempDir, Error> {
        tree::scratch().map_err(Error::from)
    }
}

/// Why a run left no rebuilt file.
enum Stopped {
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
    fn farm(error: impl std::error::Error) -> Self {
        Self::Decided(failure::infra(&error))
    }

    fn of_sandbox(error: sandbox::Error) -> Self {
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

/// What the copy of the repository lacked, in words. It is the farm's copy: without the
/// files, nothing but the same bytes says anything of the package.
fn what_is_missing(source: &Source) -> Option<&str> {
    source
        .evidence()
        .iter()
        .find(|evidence| evidence.kind == EvidenceKind::PartialCopy)
        .map(|evidence| evidence.detail.as_str())
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

    #[test]
    fn a_time_that_is_up_ends_the_tries_but_never_before_the_first() {
        let limits = TryLimits {
            most: 9,
            seconds: 0,
        };
        let mut tries = Tries::default();
        let now = Instant::now();
        assert!(!tries.are_over(limits, now));
        // A source that could not be had is no try of a plan.
        tries
            .tried
            .push(Err(Verdict::SourceNotFound { reason: "x".into() }));
        assert!(!tries.are_over(limits, now));
    }
}
