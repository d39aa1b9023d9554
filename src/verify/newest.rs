//! Where a release names no repository, or none of those that it names has its source: what the
//! newest release of its package names, since a package moves, or is a fork whose first releases
//! name what they forked. npm's metadata says it; Python's lies in each release's own files. It
//! counts as no claim of the release, and what is found there must be tied to the release as ever.
//! Imports `registry`, `source` and `model`.

use super::Line;
use super::artifact::Subject;
use super::on_a_thread;
use crate::model::{
    Artifact, ArtifactKind, Ecosystem, Event, ProvenanceFindings, Purl, Recipe, Release,
    RepositoryHint, Source, SourceHints,
};
use crate::source;
use crate::store::archive;

/// The largest file that is fetched to read its metadata, in bytes.
const MAX_SIZE: u64 = 64 << 20;

/// Why the newest release is asked.
#[derive(Clone, Copy)]
enum Why {
    /// The release names no repository.
    NamesNone,
    /// None that it names has its source.
    HasNone,
}

impl Line {
    /// The commit that a release was made from.
    pub(super) async fn located(
        &self,
        subject: Subject<'_>,
        recipe: Option<&Recipe>,
    ) -> Result<Source, source::Error> {
        let hints = self.all_hints(subject, recipe).await?;
        let place = subject.request.source.clone();
        let found = self.locate(hints.clone(), place.clone()).await;
        let error = match found {
            Err(error) if place.is_none() && !error.is_conclusive() => error,
            found => return found,
        };
        let named: Vec<_> = hints.repositories.iter().map(|hint| &hint.url).collect();
        let mut newest = self.of_newest(&hints.purl, Why::HasNone).await;
        newest.retain(|hint| !named.contains(&&hint.url));
        if newest.is_empty() {
            return Err(error);
        }
        let hints = SourceHints {
            repositories: newest,
            ..hints
        };
        // What the release itself names is what a person has to look into.
        self.locate(hints, None).await.map_err(|_| error)
    }

    async fn locate(
        &self,
        hints: SourceHints,
        place: Option<String>,
    ) -> Result<Source, source::Error> {
        let sources = self.sources.clone();
        on_a_thread(move || sources.locate(&hints, place.as_deref())).await
    }

    /// Everything that points to the release's source, and where it names no repository, those
    /// that its package's newest release names.
    async fn all_hints(
        &self,
        subject: Subject<'_>,
        recipe: Option<&Recipe>,
    ) -> Result<SourceHints, source::Error> {
        let mut hints = self.hints(subject, recipe)?;
        if subject.request.source.is_none() && !source::names_repository(&hints) {
            let purl = &subject.release.purl;
            hints
                .repositories
                .extend(self.of_newest(purl, Why::NamesNone).await);
        }
        Ok(hints)
    }

    /// What cannot be read names none, which is told where it was to be had.
    async fn of_newest(&self, purl: &Purl, why: Why) -> Vec<RepositoryHint> {
        if purl.ecosystem() == Ecosystem::Cargo {
            return Vec::new();
        }
        let registry = self.registries.of(purl.ecosystem());
        let newest = match registry.release(&purl.package()).await {
            Ok(newest) if newest.purl != *purl => newest,
            Ok(_) => return Vec::new(),
            Err(error) => {
                self.events.emit(Event::Notice(error.to_string()));
                return Vec::new();
            }
        };
        let of = |hint: RepositoryHint| of(&newest.purl, hint, why);
        if purl.ecosystem() == Ecosystem::Npm {
            return newest.repositories.iter().cloned().map(of).collect();
        }
        let Some(artifact) = smallest(&newest) else {
            return Vec::new();
        };
        match self.registries.fetch(artifact).await {
            Ok(file) => {
                let wanted = |name: &str| source::wanted_member(purl.ecosystem(), name);
                let members = archive::read_members(&file.path, artifact.kind, &wanted);
                let nothing = ProvenanceFindings::default();
                let hints = source::hints_from(&newest, &members.unwrap_or_default(), &nothing);
                let named = hints.map(|hints| hints.repositories).unwrap_or_default();
                named.into_iter().map(of).collect()
            }
            Err(error) => {
                self.events.emit(Event::Notice(error.to_string()));
                Vec::new()
            }
        }
    }
}

/// The same hint, as another release's.
fn of(newest: &Purl, hint: RepositoryHint, why: Why) -> RepositoryHint {
    let why = match why {
        Why::NamesNone => "since the release names none",
        Why::HasNone => "since none that the release names has its source",
    };
    RepositoryHint {
        detail: format!("{} of {newest}, {why},", hint.detail),
        is_claim: false,
        ..hint
    }
}

/// The smallest file of a release that has metadata in it.
fn smallest(release: &Release) -> Option<&Artifact> {
    let has_metadata = |artifact: &&Artifact| match artifact.kind {
        ArtifactKind::PureWheel
        | ArtifactKind::PlatformWheel
        | ArtifactKind::Sdist
        | ArtifactKind::ZipSdist => true,
        ArtifactKind::Crate | ArtifactKind::NpmTarball | ArtifactKind::Other => false,
    };
    let size = |artifact: &Artifact| artifact.size.unwrap_or(MAX_SIZE);
    release
        .artifacts
        .iter()
        .filter(has_metadata)
        .filter(|artifact| size(artifact) <= MAX_SIZE)
        .min_by_key(|artifact| size(artifact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, EvidenceKind, Sha256Digest};

    fn release(files: &[(&str, Option<u64>)]) -> Release {
        let artifact = |(name, size): &(&str, Option<u64>)| Artifact {
            name: (*name).to_owned(),
            kind: ArtifactKind::of_pypi_file(name),
            url: "http://127.0.0.1/x".parse().expect("valid"),
            digests: vec![Digest::Sha256(Sha256Digest::of(name))],
            size: *size,
            published_at: None,
            yanked: false,
            provenance: None,
        };
        Release {
            purl: "pkg:pypi/demo@2.0".parse().expect("valid"),
            artifacts: files.iter().map(artifact).collect(),
            repositories: vec![],
            git_head: None,
            publisher_tools: vec![],
        }
    }

    #[test]
    fn the_smallest_file_with_metadata_is_read_and_none_that_is_too_large() {
        let chosen = |files: &[(&str, Option<u64>)]| {
            smallest(&release(files)).map(|artifact| artifact.name.clone())
        };
        let (wheel, sdist) = ("demo-2.0-py3-none-any.whl", "demo-2.0.tar.gz");
        let both = [(wheel, Some(20)), (sdist, Some(10)), ("demo.exe", Some(1))];
        assert_eq!(chosen(&both).as_deref(), Some(sdist));
        assert_eq!(chosen(&[(wheel, Some(MAX_SIZE + 1))]), None);
        assert_eq!(chosen(&[(wheel, None)]).as_deref(), Some(wheel));
    }

    #[test]
    fn what_another_release_names_is_no_claim_of_this_one() {
        let hint = RepositoryHint {
            url: "https://git.example/o/r".into(),
            directory: None,
            kind: EvidenceKind::ArtifactMetadata,
            detail: "Project-URL: Source in the published METADATA".into(),
            is_claim: true,
        };
        for why in [Why::NamesNone, Why::HasNone] {
            let told = of(&release(&[]).purl, hint.clone(), why);
            assert!(!told.is_claim);
            assert!(told.detail.contains("pkg:pypi/demo@2.0"), "{}", told.detail);
        }
    }
}
