//! The line for one artifact, station by station.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;

use super::{Error, Line, Request, failure, judge, lock, settle, tree};
use crate::attest;
use crate::image;
use crate::mirror::View;
use crate::model::{
    Artifact, ArtifactSummary, Attempt, BuildFailure, BuildStage, Event, FetchedArtifact,
    InputOrigin, Network, PhaseName, PhaseReport, Plan, PlanSource, Recipe, Release, ResultRecord,
    ServedFile, Source, Station, Verdict,
};
use crate::plan::{self, Candidate, Facts, GzipMarks, RegistryTool};
use crate::sandbox::{self, Engine, EngineError, Job};
use crate::source::{self, Sources};
use crate::store::archive::{self, MemberStamp};

/// The image of the container that relays to the mirror and watches the disk.
const RELAY_IMAGE: &str = "relay";

/// What was read out of a published artifact.
pub(super) struct Published {
    pub(super) file: FetchedArtifact,
    pub(super) members: BTreeMap<String, Vec<u8>>,
    pub(super) stamps: Vec<MemberStamp>,
    pub(super) gzip: Option<GzipMarks>,
}

/// A source that is checked out, with the plans that build from it.
struct Prepared {
    source: Source,
    tree: PathBuf,
    candidates: Vec<Candidate>,
}

/// How one try went.
struct Try {
    verdict: Verdict,
    source: Source,
    recipe: Recipe,
    image: Option<String>,
    phases: Vec<PhaseReport>,
    served: Vec<ServedFile>,
    log: Option<PathBuf>,
}

/// A try, or the verdict that stands in for one where it could not be made.
type Tried = Result<Try, Verdict>;

impl Line {
    /// Verifies one artifact. Whatever happens to it is in the record.
    pub(super) async fn verify_artifact(
        &self,
        engine: &Result<Engine, EngineError>,
        release: &Release,
        artifact: &Artifact,
        request: &Request,
    ) -> Result<ResultRecord, Error> {
        let started = Timestamp::now();
        let clock = Instant::now();
        let recipe = self.recipe_for(release, artifact, request)?;
        let mut record = failure::empty_record(&release.purl, started);
        match self.fetch(artifact).await {
            Err(verdict) => record.verdict = verdict,
            Ok(file) => {
                record.artifact = Some(summary(&file));
                match self.read(release, file) {
                    Err(verdict) => record.verdict = verdict,
                    Ok(published) => {
                        let tries = self
                            .try_all(engine, release, &published, request, recipe)
                            .await?;
                        self.settle(&mut record, artifact, tries)?;
                    }
                }
            }
        }
        record.millis = u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.attest(&mut record, artifact)?;
        Ok(record)
    }

    /// Registry: the artifact's bytes, checked.
    pub(super) async fn fetch(&self, artifact: &Artifact) -> Result<FetchedArtifact, Verdict> {
        self.enter(&artifact.name, Station::Registry);
        self.registries
            .fetch(artifact)
            .await
            .map_err(|error| failure::infra(&error))
    }

    /// What inference reads in an artifact of a kind that can be rebuilt.
    pub(super) fn read(
        &self,
        release: &Release,
        file: FetchedArtifact,
    ) -> Result<Published, Verdict> {
        let artifact = &file.artifact;
        plan::supported(artifact).map_err(failure::of_plan)?;
        let ecosystem = release.purl.ecosystem();
        let wanted = |name: &str| {
            plan::wanted_member(ecosystem, name) || source::wanted_member(ecosystem, name)
        };
        let read = || -> Result<_, archive::Error> {
            Ok((
                archive::read_members(&file.path, artifact.kind, &wanted)?,
                archive::member_times(&file.path, artifact.kind)?,
            ))
        };
        let (members, stamps) = read().map_err(|error| failure::unreadable(artifact, &error))?;
        let gzip = tree::head(&file.path).and_then(|head| GzipMarks::read(&head));
        Ok(Published {
            file,
            members,
            stamps,
            gzip,
        })
    }

    /// Source, plan and rebuild, source by source and plan by plan, until one
    /// try is exact.
    async fn try_all(
        &self,
        engine: &Result<Engine, EngineError>,
        release: &Release,
        published: &Published,
        request: &Request,
        recipe: Option<Recipe>,
    ) -> Result<Vec<Tried>, Error> {
        let engine = match engine {
            Ok(engine) => engine,
            Err(error) => return Ok(vec![Err(failure::infra(error))]),
        };
        let mut tries = Vec::new();
        for origin in tree::origins(release, recipe.as_ref()) {
            let scratch = self.scratch()?;
            let prepared = self
                .prepare(
                    release,
                    published,
                    request,
                    &origin,
                    recipe.as_ref(),
                    scratch.path(),
                )
                .await;
            let prepared = match prepared {
                Ok(prepared) => prepared,
                Err(verdict) => {
                    tries.push(Err(verdict));
                    continue;
                }
            };
            for candidate in &prepared.candidates {
                let number = tries.len();
                let tried = self
                    .try_one(
                        engine, release, published, request, &prepared, candidate, number,
                    )
                    .await?;
                let exact = tried.verdict.is_plainly_reproduced();
                tries.push(Ok(tried));
                if exact {
                    return Ok(tries);
                }
            }
            // A replayed one is not improved on by a source of a lower rank.
            let reproduced = |tried: &Result<Try, Verdict>| {
                tried
                    .as_ref()
                    .is_ok_and(|tried| matches!(tried.verdict, Verdict::Reproduced { .. }))
            };
            if tries.iter().any(reproduced) {
                return Ok(tries);
            }
        }
        Ok(tries)
    }

    /// Source and plan: a checkout and the plans that build from it.
    async fn prepare(
        &self,
        release: &Release,
        published: &Published,
        request: &Request,
        origin: &tree::Origin,
        recipe: Option<&Recipe>,
        scratch: &Path,
    ) -> Result<Prepared, Verdict> {
        let artifact = &published.file.artifact;
        self.enter(&artifact.name, Station::Source);
        let tree = scratch.join("tree");
        let (source, stamps) = match origin {
            tree::Origin::Git => {
                let source = self
                    .git_source(release, published, request, recipe, &tree)
                    .await?;
                (source, Vec::new())
            }
            tree::Origin::Sdist(sdist) => self.sdist_source(sdist, &tree).await?,
        };
        self.enter(&artifact.name, Station::Plan);
        let candidates = match recipe {
            Some(recipe) => vec![Candidate {
                plan: recipe.plan.clone(),
                reasons: BTreeMap::new(),
            }],
            None => {
                let all = self
                    .candidates(release, published, &source, &stamps, &tree)
                    .await?;
                tree::allowed(all, request.recover)?
            }
        };
        Ok(Prepared {
            source,
            tree,
            candidates,
        })
    }

    async fn git_source(
        &self,
        release: &Release,
        published: &Published,
        request: &Request,
        recipe: Option<&Recipe>,
        tree: &Path,
    ) -> Result<Source, Verdict> {
        let mut hints =
            source::hints_from(release, &published.members).map_err(failure::of_source)?;
        if let Some(recipe) = recipe {
            tree::apply_recipe_source(&mut hints, &recipe.source);
        }
        let (sources, place) = (self.sources.clone(), request.source.clone());
        let tree = tree.to_owned();
        on_a_thread(move || {
            let source = Sources::locate(&sources, &hints, place.as_deref())?;
            sources.checkout(&source, &tree)?;
            Ok(source)
        })
        .await
        .map_err(failure::of_source)
    }

    /// The checkout of a source distribution, with what it says of its members.
    async fn sdist_source(
        &self,
        sdist: &Artifact,
        tree: &Path,
    ) -> Result<(Source, Vec<MemberStamp>), Verdict> {
        let file = self
            .registries
            .fetch(sdist)
            .await
            .map_err(|error| failure::infra(&error))?;
        let (path, tree) = (file.path.clone(), tree.to_owned());
        on_a_thread(move || source::unpack_sdist(&path, &tree))
            .await
            .map_err(failure::of_source)?;
        let stamps = archive::member_times(&file.path, sdist.kind)
            .map_err(|error| failure::unreadable(sdist, &error))?;
        Ok((tree::sdist_source(&file), stamps))
    }

    /// Plan: the facts, gathered, and the inference over them.
    async fn candidates(
        &self,
        release: &Release,
        published: &Published,
        source: &Source,
        source_stamps: &[MemberStamp],
        tree: &Path,
    ) -> Result<Vec<Candidate>, Verdict> {
        let mut tools = Vec::new();
        for purl in plan::wanted_tools(release, published.gzip, &published.stamps) {
            match self.tool(&purl).await {
                Ok(tool) => tools.push(tool),
                Err(error) if error.is_upstream_fault() => return Err(failure::infra(&error)),
                // A tool that does not exist is a fact; inference says what it lacks.
                Err(error) => self.events.emit(Event::Notice(error.to_string())),
            }
        }
        let files = tree::wanted_files(source, tree, release.purl.ecosystem());
        let facts = Facts {
            release,
            artifact: &published.file.artifact,
            members: &published.members,
            stamps: &published.stamps,
            source_stamps,
            gzip: published.gzip,
            source,
            tree: &files,
            cargos: &self.cargos,
            tools: &tools,
        };
        let mut candidates = plan::candidates(&facts).map_err(failure::of_plan)?;
        for candidate in &mut candidates {
            candidate.plan.limits = self.limits;
        }
        Ok(candidates)
    }

    async fn tool(
        &self,
        purl: &crate::model::Purl,
    ) -> Result<RegistryTool, crate::registry::Error> {
        let release = self.registries.of(purl.ecosystem()).release(purl).await?;
        let artifact = release
            .artifacts
            .into_iter()
            .next()
            .and_then(|a| a.digests.first().copied().map(|digest| (a.name, digest)));
        let (name, digest) = artifact.ok_or_else(|| crate::registry::Error::no_files(purl))?;
        Ok(RegistryTool {
            purl: release.purl,
            name,
            digest,
        })
    }

    /// Rebuild and compare one candidate.
    #[expect(
        clippy::too_many_arguments,
        reason = "one try is all of these, and nothing holds them together but the try"
    )]
    async fn try_one(
        &self,
        engine: &Engine,
        release: &Release,
        published: &Published,
        request: &Request,
        prepared: &Prepared,
        candidate: &Candidate,
        number: usize,
    ) -> Result<Try, Error> {
        let artifact = &published.file.artifact;
        let mut tried = Try {
            verdict: Verdict::InfraError {
                reason: String::new(),
            },
            source: prepared.source.clone(),
            recipe: recipe_of(release, artifact, &prepared.source, candidate),
            image: None,
            phases: vec![],
            served: vec![],
            log: None,
        };
        let plan = &candidate.plan;
        let (image, relay) = match self.images_of(engine, plan).await {
            Ok(ids) => ids,
            Err(error) => {
                tried.verdict = failure::infra(&error);
                return Ok(tried);
            }
        };
        tried.image = Some(image.to_string());
        let scratch = self.scratch()?;
        let inputs = match self.inputs(plan).await {
            Ok(inputs) => inputs,
            Err(verdict) => {
                tried.verdict = verdict;
                return Ok(tried);
            }
        };
        let session = if reaches_mirror(plan) {
            let view = View {
                cutoff: plan.cutoff,
                refuse: vec![release.purl.clone()],
            };
            match self
                .mirror
                .serve(view, &scratch.path().join("mirror.sock"))
                .await
            {
                Ok(session) => Some(session),
                Err(error) => {
                    tried.verdict = failure::infra(&error);
                    return Ok(tried);
                }
            }
        } else {
            None
        };
        let name = artifact.name.clone();
        let outcome = sandbox::run(
            engine,
            Job {
                image,
                relay,
                plan,
                tree: &prepared.tree,
                inputs,
                mirror_socket: session.as_ref().map(|s| s.socket()),
                scratch: scratch.path(),
                keep: request.keep,
                cancel: self.cancel.clone(),
                on_phase: &|phase| {
                    self.enter(
                        &name,
                        match phase {
                            PhaseName::Prepare => Station::Prepare,
                            PhaseName::Build => Station::Build,
                        },
                    );
                },
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
        let rebuild = match outcome {
            Ok(rebuild) => rebuild,
            Err(sandbox::Error::Cancelled) => return Err(Error::Cancelled),
            Err(sandbox::Error::Build {
                stage,
                failure,
                log,
            }) => {
                tried.log = self.keep_log(artifact, number, &log)?;
                tried.verdict = Verdict::BuildFailed { stage, failure };
                return Ok(tried);
            }
            Err(error) => {
                tried.verdict = failure::infra(&error);
                return Ok(tried);
            }
        };
        tried.log = self.keep_log(artifact, number, &rebuild.log)?;
        tried.phases = rebuild.phases;
        self.enter(&artifact.name, Station::Compare);
        let (theirs, ours) = (published.file.path.clone(), rebuild.file.path);
        let (kind, tree) = (artifact.kind, prepared.tree.clone());
        let published_at = artifact.published_at.map(|at| at.time);
        let (recovered, may_replay) = (plan.recovered.clone(), request.replay);
        let verdict = on_a_thread(move || {
            judge::judge(judge::Case {
                published: &theirs,
                rebuilt: &ours,
                kind,
                published_at,
                tree: &tree,
                recovered,
                may_replay,
            })
        })
        .await;
        tried.verdict = verdict.unwrap_or_else(|error| failure::infra(&error));
        if let Verdict::Reproduced { .. } | Verdict::Equivalent { .. } = tried.verdict
            && let Some(lock) = plan::lock_file_of(plan)
            && let Err(verdict) = lock::check(&self.registries, lock, plan.cutoff).await
        {
            tried.verdict = verdict;
        }
        Ok(tried)
    }

    async fn images_of(
        &self,
        engine: &Engine,
        plan: &Plan,
    ) -> Result<(image::ImageId, image::ImageId), image::Error> {
        Ok((
            self.images.ensure(engine, &plan.image).await?,
            self.images.ensure(engine, RELAY_IMAGE).await?,
        ))
    }

    /// The tarballs that a plan puts into the container, each by its digest.
    async fn inputs(&self, plan: &Plan) -> Result<Vec<(PathBuf, String)>, Verdict> {
        let mut found = Vec::with_capacity(plan.inputs.len());
        for input in &plan.inputs {
            let path = match &input.origin {
                InputOrigin::Package { purl, name } => {
                    self.package_input(purl, name, &input.digest).await?
                }
                InputOrigin::Toolchain { name, version } => image::toolchain_file(&self.blobs, &input.digest)
                    .ok_or_else(|| Verdict::InfraError {
                        reason: format!(
                            "the farm does not keep {name} {version} ({}); `remint doctor` lists the toolchains that it has",
                            input.digest
                        ),
                    })?,
            };
            found.push((path, input.unpack_to.clone()));
        }
        Ok(found)
    }

    async fn package_input(
        &self,
        purl: &crate::model::Purl,
        name: &str,
        digest: &crate::model::Digest,
    ) -> Result<PathBuf, Verdict> {
        let no_such = |what: String| Verdict::BuildFailed {
            stage: BuildStage::Plan,
            failure: BuildFailure::NoPlan { reason: what },
        };
        let registry = self.registries.of(purl.ecosystem());
        let release = registry
            .release(purl)
            .await
            .map_err(|e| failure::infra(&e))?;
        let mut artifact = release
            .artifacts
            .into_iter()
            .find(|a| a.name == *name)
            .ok_or_else(|| no_such(format!("the plan's input {name} is no file of {purl}")))?;
        // The plan's digest must hold, whatever the registry says today.
        artifact.digests = vec![*digest];
        let file = self
            .registries
            .fetch(&artifact)
            .await
            .map_err(|e| failure::infra(&e))?;
        Ok(file.path)
    }

    fn settle(
        &self,
        record: &mut ResultRecord,
        artifact: &Artifact,
        tries: Vec<Tried>,
    ) -> Result<(), Error> {
        let verdicts = tries
            .iter()
            .map(|tried| match tried {
                Ok(tried) => tried.verdict.clone(),
                Err(verdict) => verdict.clone(),
            })
            .collect();
        record.candidates = tries.iter().map(attempt).collect();
        let chosen = settle::nearest(verdicts).and_then(|index| tries.into_iter().nth(index));
        match chosen {
            None => {
                record.verdict = Verdict::SourceNotFound {
                    reason: format!(
                        "{}: nothing names a source, and there is no source distribution",
                        artifact.name
                    ),
                };
            }
            Some(Err(verdict)) => record.verdict = verdict,
            Some(Ok(tried)) => {
                record.verdict = tried.verdict;
                record.plan_hash = Some(tried.recipe.plan.hash());
                record.recipe = Some(tried.recipe.to_toml());
                record.source = Some(tried.source);
                record.image = tried.image;
                record.phases = tried.phases;
                record.served = tried.served;
                record.log = tried
                    .log
                    .and_then(|path| Some(format!("logs/{}", path.file_name()?.to_str()?)));
            }
        }
        Ok(())
    }

    /// Attest: a signed statement for every verdict that says something.
    fn attest(&self, record: &mut ResultRecord, artifact: &Artifact) -> Result<(), Error> {
        if !record.verdict.kind().is_signed() || record.artifact.is_none() {
            return Ok(());
        }
        self.enter(&artifact.name, Station::Attest);
        let path = attest::attest(record, self.signer.as_ref(), &self.folders.data)?;
        record.attestation = Some(path);
        Ok(())
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

    fn scratch(&self) -> Result<tempfile::TempDir, Error> {
        tree::scratch().map_err(Error::from)
    }

    /// The first recipe that the line would run for an artifact.
    pub(super) async fn first_recipe(
        &self,
        release: &Release,
        artifact: &Artifact,
        request: &Request,
    ) -> Result<Recipe, Error> {
        if let Some(recipe) = self.recipe_for(release, artifact, request)? {
            return Ok(recipe);
        }
        let published = self
            .fetch(artifact)
            .await
            .and_then(|file| self.read(release, file))
            .map_err(|verdict| Error::NoPlan(verdict.reason()))?;
        let scratch = self.scratch()?;
        let mut reasons = Vec::new();
        for (number, origin) in tree::origins(release, None).into_iter().enumerate() {
            let folder = scratch.path().join(number.to_string());
            match self
                .prepare(release, &published, request, &origin, None, &folder)
                .await
            {
                Ok(prepared) => {
                    if let Some(candidate) = prepared.candidates.first() {
                        return Ok(recipe_of(release, artifact, &prepared.source, candidate));
                    }
                }
                Err(verdict) => reasons.push(verdict.reason()),
            }
        }
        Err(Error::NoPlan(reasons.join("; ")))
    }
}

fn reaches_mirror(plan: &Plan) -> bool {
    !plan.prepare.is_empty() || plan.build_network == Network::Mirror
}

fn summary(file: &FetchedArtifact) -> ArtifactSummary {
    ArtifactSummary {
        name: file.artifact.name.clone(),
        kind: file.artifact.kind,
        sha256: file.sha256,
        sha512: file.sha512,
        size: file.size,
        published_at: file.artifact.published_at,
    }
}

fn attempt(tried: &Tried) -> Attempt {
    match tried {
        Ok(tried) => Attempt {
            plan_hash: Some(tried.recipe.plan.hash()),
            image: tried.image.clone(),
            verdict: tried.verdict.kind(),
            outcome: tried.verdict.reason(),
        },
        Err(verdict) => Attempt {
            plan_hash: None,
            image: None,
            verdict: verdict.kind(),
            outcome: verdict.reason(),
        },
    }
}

fn recipe_of(
    release: &Release,
    artifact: &Artifact,
    source: &Source,
    candidate: &Candidate,
) -> Recipe {
    let mut reasons = candidate.reasons.clone();
    let why: Vec<_> = source.evidence().iter().map(|e| e.detail.clone()).collect();
    reasons.insert("source".into(), why.join("\n"));
    Recipe {
        recipe: Recipe::VERSION,
        purl: release.purl.clone(),
        artifact: artifact.name.clone(),
        source: match source {
            Source::Git { git, .. } => PlanSource::Git {
                repository: git.repository.clone(),
                commit: git.commit.clone(),
                directory: git.directory.clone(),
            },
            Source::Sdist { sdist, .. } => PlanSource::Sdist {
                name: sdist.name.clone(),
                sha256: sdist.sha256,
            },
        },
        plan: candidate.plan.clone(),
        reasons,
    }
}

/// Runs blocking work (git, unpacking, hashing) off the async threads.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // Only a panic in `work` gets here; it is passed on, not hidden.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
