//! The line for one artifact, station by station: fetched, read, tried, settled and
//! attested. What happens at each station is in the file of its name.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;

use super::one_try::Tried;
use super::tries::Tries;
use super::{Error, Line, Request, failure, memory, prepare, settle, tree};
use crate::model::{
    Artifact, ArtifactSummary, Attempt, Digest, Distance, Event, FetchedArtifact, Learnt,
    PackingSystem, ProvenanceFindings, Recipe, Release, ResultRecord, Station, Verdict,
};
use crate::plan::{self, GzipMarks};
use crate::sandbox::{Engine, EngineError, Scratch};
use crate::source;
use crate::store::archive::{self, MemberContent, MemberStamp};
use crate::trust::{self, Ledger};

/// What was read out of a published artifact.
pub(super) struct Published {
    pub(super) file: FetchedArtifact,
    pub(super) members: BTreeMap<String, Vec<u8>>,
    /// Those of the artifact beside it that tells what it does not.
    pub(super) companion: BTreeMap<String, Vec<u8>>,
    pub(super) stamps: Vec<MemberStamp>,
    pub(super) contents: BTreeMap<String, MemberContent>,
    pub(super) gzip: Option<GzipMarks>,
    /// What the registry's provenance attestations of the file came to.
    pub(super) provenance: ProvenanceFindings,
    pub(super) packed_on: Option<PackingSystem>,
}

/// What is verified: the same for every source, plan and try.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) release: &'a Release,
    pub(super) published: &'a Published,
    pub(super) request: &'a Request,
    /// What an earlier version of the package taught.
    pub(super) learnt: Option<&'a Learnt>,
}

impl<'a> Subject<'a> {
    /// The artifact that is rebuilt.
    pub(super) const fn artifact(&self) -> &'a Artifact {
        &self.published.file.artifact
    }

    /// What the release's files are known by.
    pub(super) fn content(&self) -> Vec<Digest> {
        content_of(self.release, &self.published.file)
    }
}

/// What a release's files, of which this is one, are known by, whatever they are called.
pub(super) fn content_of(release: &Release, file: &FetchedArtifact) -> Vec<Digest> {
    let promised = release.artifacts.iter().flat_map(|a| &a.digests);
    [Digest::Sha256(file.sha256), Digest::Sha512(file.sha512)]
        .into_iter()
        .chain(promised.copied())
        .collect()
}

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
        let nothing = Verdict::InfraError {
            reason: "nothing was tried".into(),
        };
        let mut record = ResultRecord::new(release.purl.clone(), nothing, started);
        match self.fetch(artifact).await {
            Err(verdict) => record.verdict = verdict,
            Ok(file) => {
                record.artifact = Some(summary(&file));
                match self.read(release, file).await {
                    Err(verdict) => record.verdict = verdict,
                    Ok(mut published) => {
                        let is_inferred = recipe.is_none();
                        if is_inferred
                            && let Ok(engine) = engine
                            && let Some(zlib) = self.node_zlib(engine, release, &published).await?
                            && let Some(marks) = &mut published.gzip
                        {
                            marks.node_zlib = Some(zlib);
                        }
                        let learnt = self.learnt(release, request);
                        let subject = Subject {
                            release,
                            published: &published,
                            request,
                            learnt: learnt.as_ref(),
                        };
                        let tries = self.try_all(engine, subject, recipe.clone()).await?;
                        record.sdist = self.link(subject, recipe.as_ref(), tries.commit()).await;
                        self.settle(&mut record, artifact, tries)?;
                        if is_inferred {
                            memory::keep(&self.folders.data, &record)?;
                        }
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

    /// What inference reads in an artifact of a kind that can be rebuilt, and what the
    /// registry's provenance attestations say of it.
    pub(super) async fn read(
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
                archive::member_contents(&file.path, artifact.kind)?,
                archive::zip_system(&file.path, artifact.kind)?,
            ))
        };
        let (members, stamps, contents, system) =
            read().map_err(|error| failure::unreadable(artifact, &error))?;
        let gzip = tree::gzip_marks(&file);
        Ok(Published {
            provenance: self.provenance(&file).await,
            companion: self.companion(release, artifact).await?,
            file,
            members,
            stamps,
            contents,
            gzip,
            packed_on: system.and_then(PackingSystem::of_zip),
        })
    }

    /// What inference reads in the artifact beside this one, where it asks for one. One that
    /// cannot be read tells nothing.
    async fn companion(
        &self,
        release: &Release,
        artifact: &Artifact,
    ) -> Result<BTreeMap<String, Vec<u8>>, Verdict> {
        let Some(beside) = plan::wanted_companion(release, artifact) else {
            return Ok(BTreeMap::new());
        };
        let file = match self.registries.fetch(beside).await {
            Ok(file) => file,
            Err(error) if error.is_upstream_fault() => return Err(failure::infra(&error)),
            Err(error) => {
                self.events.emit(Event::Notice(error.to_string()));
                return Ok(BTreeMap::new());
            }
        };
        let ecosystem = release.purl.ecosystem();
        let wanted = |name: &str| plan::wanted_member(ecosystem, name);
        Ok(archive::read_members(&file.path, beside.kind, &wanted).unwrap_or_default())
    }

    /// What the registry's provenance attestations of a file come to. Whatever is wrong with
    /// them is told and stops nothing: without them the file is verified all the same.
    async fn provenance(&self, file: &FetchedArtifact) -> ProvenanceFindings {
        let findings = match self.registries.provenance(&file.artifact).await {
            Ok(published) => self.attestations.examine(&published, file),
            Err(error) => ProvenanceFindings::unreadable(&error),
        };
        for doubt in &findings.doubts {
            let name = &file.artifact.name;
            self.events.emit(Event::Notice(format!("{name}: {doubt}")));
        }
        findings
    }

    /// What an earlier version taught, where facts of artifacts may steer builds.
    fn learnt(&self, release: &Release, request: &Request) -> Option<Learnt> {
        request
            .recover
            .then(|| memory::recall(&self.folders.data, &release.purl))
            .flatten()
    }

    fn settle(
        &self,
        record: &mut ResultRecord,
        artifact: &Artifact,
        tries: Tries,
    ) -> Result<(), Error> {
        record.untried = tries.untried;
        record.left_out.clone_from(&tries.left_out);
        let tried = tries.into_ordered();
        let verdicts: Vec<_> = tried.iter().map(Tried::verdict).collect();
        let chosen = settle::nearest(&verdicts);
        record.candidates = tried.iter().map(|tried| attempt(tried, chosen)).collect();
        let from_git = settle::best_of_git(
            tried
                .iter()
                .filter_map(|tried| Some((&tried.made()?.source, tried.verdict()?))),
        );
        match chosen.and_then(|index| tried.into_iter().nth(index)) {
            // One that was stopped has no verdict, so it is never chosen.
            None | Some(Tried::Stopped(_)) => {
                record.verdict = Verdict::SourceNotFound {
                    reason: format!("{}: {}", artifact.name, tree::no_origin(artifact)),
                };
            }
            Some(Tried::Unmade(verdict)) => record.verdict = verdict,
            Some(Tried::Judged(tried, verdict)) => {
                record.verdict = verdict;
                record.plan_hash = Some(tried.recipe.plan.hash());
                record.recipe = Some(tried.recipe.to_toml());
                record.source = Some(settle::with_link(tried.source, from_git));
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
        let Some(ledger) = &self.ledger else {
            return Ok(());
        };
        self.enter(&artifact.name, Station::Attest);
        attest(record, ledger, &self.folders.data)
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
        let no_plan = |verdict: Verdict| Error::NoPlan(verdict.reason());
        let file = self.fetch(artifact).await.map_err(no_plan)?;
        let published = self.read(release, file).await.map_err(no_plan)?;
        let learnt = self.learnt(release, request);
        let subject = Subject {
            release,
            published: &published,
            request,
            learnt: learnt.as_ref(),
        };
        let scratch = Scratch::make()?;
        let mut reasons = Vec::new();
        for (number, origin) in tree::origins(release, artifact, None)
            .into_iter()
            .enumerate()
        {
            let folder = scratch.path().join(number.to_string());
            match self.prepare(subject, &origin, None, &folder).await {
                Ok(prepared) => {
                    if let Some(candidate) = prepared.candidates.first() {
                        return Ok(prepare::recipe_of(subject, &prepared.source, candidate));
                    }
                }
                Err(verdict) => reasons.push(verdict.reason()),
            }
        }
        Err(Error::NoPlan(reasons.join("; ")))
    }
}

/// Signs what a record says, where it says something, and stores it.
pub(super) fn attest(record: &mut ResultRecord, ledger: &Ledger, data: &Path) -> Result<(), Error> {
    record.attestation = None;
    if record.verdict.kind().is_signed() && record.artifact.is_some() {
        let stored = ledger.attest(record)?;
        record.attestation = Some(trust::keep_copies(record, &stored, data)?);
    }
    Ok(())
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

/// One try as the record tells it; `chosen` is the number of the one that counts.
fn attempt(tried: &Tried, chosen: Option<usize>) -> Attempt {
    let verdict = tried.verdict();
    let stopped = || match chosen {
        Some(exact) => format!("stopped, because try {} is exact", exact + 1),
        None => "stopped".to_owned(),
    };
    let mut attempt = Attempt {
        plan_hash: None,
        image: None,
        source: None,
        recovered: vec![],
        verdict: verdict.map(Verdict::kind),
        outcome: verdict.map_or_else(stopped, Verdict::reason),
        distance: verdict.and_then(Distance::of),
        millis: 0,
    };
    if let Some(made) = tried.made() {
        attempt.plan_hash = Some(made.recipe.plan.hash());
        attempt.image.clone_from(&made.image);
        attempt.source = Some(made.source.summary());
        attempt.recovered.clone_from(&made.recipe.plan.recovered);
        attempt.millis = made.millis;
        if !made.passed_over.is_empty() {
            attempt.outcome = format!("{}; {}", attempt.outcome, made.passed_over.join("; "));
        }
    }
    attempt
}
