//! Source and plan: from a release to a checkout and the plans that build from it.
//! Reads what inference asks for; imports `source`, `plan`, `registry` and `model`.
//! It runs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::artifact::Subject;
use super::{Line, failure, made, on_a_thread, tree};
use crate::model::{
    Artifact, ArtifactKind, BlobId, Ecosystem, Event, Evidence, EvidenceKind, PlanSource, Purl,
    Recipe, Source, SourceHints, Station, Verdict,
};
use crate::plan::{self, Candidate, Facts, IndexLine, RegistryTool};
use crate::registry;
use crate::source;
use crate::store::archive::{self, MemberStamp};

/// A source that is checked out, with the plans that build from it.
pub(super) struct Prepared {
    pub(super) source: Source,
    pub(super) tree: PathBuf,
    pub(super) candidates: Vec<Candidate>,
}

impl Line {
    /// Source and plan: a checkout and the plans that build from it.
    pub(super) async fn prepare(
        &self,
        subject: Subject<'_>,
        origin: &tree::Origin,
        recipe: Option<&Recipe>,
        scratch: &Path,
    ) -> Result<Prepared, Verdict> {
        let artifact = subject.artifact();
        self.enter(&artifact.name, Station::Source);
        let tree = scratch.join("tree");
        let (source, stamps) = match origin {
            tree::Origin::Git => {
                let source = self.git_source(subject, recipe, &tree).await;
                (
                    source.map_err(|verdict| by_commit_alone(artifact, verdict))?,
                    Vec::new(),
                )
            }
            tree::Origin::Sdist(sdist) => {
                let (mut source, stamps) = self.sdist_source(sdist, &tree).await?;
                for told in subject.published.provenance.evidence() {
                    source.add_evidence(told);
                }
                (source, stamps)
            }
        };
        self.enter(&artifact.name, Station::Plan);
        let candidates = match recipe {
            Some(recipe) => vec![Candidate {
                plan: recipe.plan.clone(),
                reasons: BTreeMap::new(),
            }],
            None => {
                let all = self.candidates(subject, &source, &stamps, &tree).await?;
                tree::allowed(all, subject.request.recover)?
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
        subject: Subject<'_>,
        recipe: Option<&Recipe>,
        tree: &Path,
    ) -> Result<Source, Verdict> {
        let published = subject.published;
        let of_source = |error| failure::of_attested_source(error, &published.provenance);
        let mut source = self.located(subject, recipe).await.map_err(of_source)?;
        let sources = self.sources.clone();
        let tree = tree.to_owned();
        let source = on_a_thread(move || {
            let lacks = sources.checkout(&source, &tree)?;
            if let Some(first) = lacks.unread.first() {
                source.add_evidence(Evidence {
                    kind: EvidenceKind::PartialCopy,
                    detail: format!(
                        "the copy that was read lacks {} file(s) or submodule(s) of the commit, such as {first}",
                        lacks.unread.len()
                    ),
                });
            }
            for detail in lacks.gone {
                source.add_evidence(Evidence {
                    kind: EvidenceKind::PartialSource,
                    detail,
                });
            }
            Ok(source)
        })
        .await
        .map_err(of_source)?;
        let doubts = source.evidence().iter().filter(|told| told.kind.is_doubt());
        // Those of the attestations by themselves were told when they were read.
        for told in doubts.filter(|told| !published.provenance.doubts.contains(&told.detail)) {
            let name = &subject.artifact().name;
            self.events
                .emit(Event::Notice(format!("{name}: {}", told.detail)));
        }
        Ok(source)
    }

    /// Everything that points to the release's source.
    pub(super) fn hints(
        &self,
        subject: Subject<'_>,
        recipe: Option<&Recipe>,
    ) -> Result<SourceHints, source::Error> {
        let published = subject.published;
        let mut hints =
            source::hints_from(subject.release, &published.members, &published.provenance)?;
        hints.files = source_files(subject);
        hints.manifest = plan::copied_manifest(subject.release.purl.ecosystem())
            .and_then(|name| Some(published.contents.get(name)?.blob));
        if let Some(recipe) = recipe {
            tree::apply_recipe_source(&mut hints, &recipe.source);
        }
        Ok(hints)
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
        subject: Subject<'_>,
        source: &Source,
        source_stamps: &[MemberStamp],
        tree: &Path,
    ) -> Result<Vec<Candidate>, Verdict> {
        let Subject {
            release, published, ..
        } = subject;
        let files = tree::wanted_files(source, tree, release.purl.ecosystem());
        let mut tools = Vec::new();
        for purl in plan::wanted_tools(release, source, published.gzip, &published.stamps, &files) {
            match self.tool(&purl).await {
                Ok(tool) => tools.push(tool),
                Err(error) if error.is_upstream_fault() => return Err(failure::infra(&error)),
                // A tool that does not exist is a fact; inference says what it lacks.
                Err(error) => self.events.emit(Event::Notice(error.to_string())),
            }
        }
        let ends = tree::file_ends(source, tree, release.purl.ecosystem(), &published.contents);
        let ranges_since = self
            .ranges_since(release.purl.ecosystem(), source, &files)
            .await?;
        let modes = tree::file_modes(source, tree, release.purl.ecosystem(), &published.stamps);
        let ecosystem = release.purl.ecosystem();
        let beside = made::Beside {
            source,
            tree,
            ecosystem,
            published: &published.contents,
        };
        let mut facts = Facts {
            release,
            artifact: subject.artifact(),
            members: &published.members,
            companion: &published.companion,
            stamps: &published.stamps,
            source_stamps,
            gzip: published.gzip,
            packed_on: published.packed_on,
            source,
            tree: &files,
            ends: &ends,
            made: beside.files(),
            made_with_crlf: beside.with_crlf(),
            made_with_year: beside.with_year(),
            made_at: beside.at(),
            ranges_since: &ranges_since,
            modes: &modes,
            index: &[],
            learnt: subject.learnt,
            cargos: &self.cargos,
            zlibs: &self.zlibs,
            tools: &tools,
        };
        let index = self
            .index_lines(&plan::wanted_index(&facts), facts.artifact)
            .await?;
        facts.index = &index;
        let mut candidates = plan::candidates(&facts).map_err(failure::of_plan)?;
        for candidate in &mut candidates {
            candidate.plan.limits = self.limits;
        }
        Ok(candidates)
    }

    /// Since when the manifest has asked for what it asks for, where inference wants to know.
    async fn ranges_since(
        &self,
        ecosystem: Ecosystem,
        source: &Source,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, i64>, Verdict> {
        let Some(folder) = plan::wanted_history(ecosystem, source, files) else {
            return Ok(BTreeMap::new());
        };
        let (sources, source) = (self.sources.clone(), source.clone());
        on_a_thread(move || sources.ranges_since(&source, &folder))
            .await
            .map_err(failure::of_source)
    }

    /// Lines of cargo's index as of the artifact's release. One that did not exist then is
    /// left out: a build that needs it must fail.
    async fn index_lines(
        &self,
        wanted: &[Purl],
        artifact: &Artifact,
    ) -> Result<Vec<IndexLine>, Verdict> {
        let cutoff = artifact.published_at.map(|published| published.time);
        let mut lines = Vec::with_capacity(wanted.len());
        for purl in wanted {
            let index = match self.registries.cargo().index_of(purl.name()).await {
                Ok(index) => index,
                Err(error) if error.is_upstream_fault() => return Err(failure::infra(&error)),
                Err(_) => continue,
            };
            lines.extend(
                registry::line_as_of(&index, purl, cutoff).map(|line| IndexLine {
                    file: registry::index_path(purl.name().as_str()),
                    line,
                }),
            );
        }
        Ok(lines)
    }

    pub(super) async fn tool(&self, purl: &Purl) -> Result<RegistryTool, registry::Error> {
        let release = self.registries.of(purl.ecosystem()).release(purl).await?;
        let artifact = release
            .artifacts
            .into_iter()
            .next()
            .and_then(|a| a.digests.first().copied().map(|digest| (a.name, digest)));
        let (name, digest) = artifact.ok_or_else(|| registry::Error::no_files(purl))?;
        Ok(RegistryTool {
            purl: release.purl,
            name,
            digest,
        })
    }
}

/// Says of a source distribution without a commit why nothing else is tried.
fn by_commit_alone(artifact: &Artifact, verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::SourceNotFound { reason } if artifact.kind == ArtifactKind::Sdist => {
            Verdict::SourceNotFound {
                reason: format!("{reason}; {}", tree::NOT_ITS_OWN),
            }
        }
        other => other,
    }
}

/// The artifact's files that may be copies of the source's.
fn source_files(subject: Subject<'_>) -> BTreeSet<BlobId> {
    let ecosystem = subject.release.purl.ecosystem();
    subject
        .published
        .contents
        .iter()
        .filter(|(member, _)| plan::source_of_member(ecosystem, member).is_some())
        .map(|(_, content)| content.blob)
        .collect()
}

/// A candidate as a recipe, with what ties its source to the release.
pub(super) fn recipe_of(subject: Subject<'_>, source: &Source, candidate: &Candidate) -> Recipe {
    let mut reasons = candidate.reasons.clone();
    let why: Vec<_> = source.evidence().iter().map(|e| e.detail.clone()).collect();
    reasons.insert("source".into(), why.join("\n"));
    Recipe {
        recipe: Recipe::VERSION,
        purl: subject.release.purl.clone(),
        artifact: subject.artifact().name.clone(),
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
