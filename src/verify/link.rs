//! The link from a release's source distribution to the commit that its tag names: held
//! beside the tries, whatever came of them. It changes no verdict. Imports `source`,
//! `registry` and `model`.

use super::artifact::Subject;
use super::{Line, on_a_thread, tree};
use crate::model::{
    ArtifactKind, CommitLink, FetchedArtifact, GitSource, HeldFiles, Recipe, SdistLink, Source,
    Station,
};
use crate::sandbox::Scratch;
use crate::source;

impl Line {
    /// Holds the release's source distribution against its commit, which `known` is where a
    /// try has found it; none where the release has no source distribution.
    pub(super) async fn link(
        &self,
        subject: Subject<'_>,
        recipe: Option<&Recipe>,
        known: Option<&Source>,
    ) -> Option<SdistLink> {
        let sdist = tree::sdist_of(subject.release, None)?;
        self.enter(&subject.artifact().name, Station::Source);
        let not_held = |reason: String| CommitLink::NotHeld { reason };
        let (sha256, link) = match self.registries.fetch(sdist).await {
            Err(error) => (None, not_held(error.to_string())),
            Ok(file) => {
                let held = self.hold(subject, recipe, known, &file).await;
                let link = held.map_or_else(not_held, |held| CommitLink::Held(Box::new(held)));
                (Some(file.sha256), link)
            }
        };
        Some(SdistLink {
            name: sdist.name.clone(),
            sha256,
            link,
        })
    }

    async fn hold(
        &self,
        subject: Subject<'_>,
        recipe: Option<&Recipe>,
        known: Option<&Source>,
        sdist: &FetchedArtifact,
    ) -> Result<HeldFiles, String> {
        let git = match known {
            Some(Source::Git { git, .. }) => git.clone(),
            Some(Source::Sdist { .. }) | None => self.commit_of(subject, recipe).await?,
        };
        // What a source distribution asks for is held against its wheel, not against itself.
        let members = match (subject.artifact().kind, &subject.published.companion) {
            (ArtifactKind::Sdist, wheel) if wheel.is_empty() => {
                return Err("no wheel was published with it that says what it may require".into());
            }
            (ArtifactKind::Sdist, wheel) => wheel.clone(),
            _ => subject.published.members.clone(),
        };
        let scratch = Scratch::make().map_err(|error| error.to_string())?;
        let (sources, purl) = (self.sources.clone(), subject.release.purl.clone());
        let archive = sdist.path.clone();
        on_a_thread(move || sources.hold(&purl, &git, &archive, &members, scratch.path()))
            .await
            .map_err(|error| error.to_string())
    }

    /// The commit of a release whose tries found none, or rest on another source.
    async fn commit_of(
        &self,
        subject: Subject<'_>,
        recipe: Option<&Recipe>,
    ) -> Result<GitSource, String> {
        let located = self.located(subject, recipe).await;
        let source = located.map_err(|error: source::Error| error.to_string())?;
        match source {
            Source::Git { git, .. } => Ok(git),
            Source::Sdist { sdist, .. } => Err(format!("{} is no commit", sdist.name)),
        }
    }
}
