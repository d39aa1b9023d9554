//! Which of a release's artifacts are verified. Pure; imports `model` alone.

use super::{Error, Request};
use crate::model::{Artifact, ArtifactKind, Release};

/// The artifacts that a request means: the one that it names, or else every file
/// that users install. A source distribution counts among those only where the
/// release has nothing else.
pub(super) fn artifacts<'a>(
    release: &'a Release,
    request: &Request,
) -> Result<Vec<&'a Artifact>, Error> {
    let names = || release.artifacts.iter().map(|a| a.name.clone()).collect();
    if release.artifacts.is_empty() {
        return Err(Error::NoArtifacts {
            purl: release.purl.clone(),
        });
    }
    if let Some(wanted) = &request.artifact {
        let found = release.artifacts.iter().find(|a| a.name == *wanted);
        return found.map(|a| vec![a]).ok_or_else(|| Error::NoSuchArtifact {
            purl: release.purl.clone(),
            wanted: wanted.clone(),
            found: names(),
        });
    }
    let installable = |a: &&Artifact| match a.kind {
        ArtifactKind::Crate
        | ArtifactKind::PureWheel
        | ArtifactKind::PlatformWheel
        | ArtifactKind::NpmTarball => true,
        ArtifactKind::Sdist | ArtifactKind::ZipSdist | ArtifactKind::Other => false,
    };
    let mut chosen: Vec<_> = release.artifacts.iter().filter(installable).collect();
    if chosen.is_empty() {
        let is_sdist = |a: &&Artifact| a.kind == ArtifactKind::Sdist;
        chosen = release.artifacts.iter().filter(is_sdist).collect();
    }
    if chosen.is_empty() {
        chosen = release.artifacts.iter().collect();
    }
    if request.recipe.is_some() && chosen.len() > 1 {
        return Err(Error::RecipeForSeveral {
            purl: release.purl.clone(),
            found: chosen.iter().map(|a| a.name.clone()).collect(),
        });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, Sha256Digest};

    fn release(files: &[&str]) -> Release {
        Release {
            purl: "pkg:pypi/demo@1.0".parse().expect("valid"),
            artifacts: files
                .iter()
                .map(|name| Artifact {
                    name: (*name).into(),
                    kind: ArtifactKind::of_pypi_file(name),
                    url: "http://127.0.0.1/x".parse().expect("valid"),
                    digests: vec![Digest::Sha256(Sha256Digest::of(name))],
                    size: None,
                    published_at: None,
                    yanked: false,
                    provenance: None,
                })
                .collect(),
            repositories: vec![],
            git_head: None,
            publisher_tools: vec![],
        }
    }

    fn request() -> Request {
        Request {
            purl: "pkg:pypi/demo@1.0".parse().expect("valid"),
            artifact: None,
            source: None,
            recipe: None,
            keep: false,
            replay: true,
            recover: true,
        }
    }

    fn names(chosen: &[&Artifact]) -> Vec<String> {
        chosen.iter().map(|a| a.name.clone()).collect()
    }

    const WHEEL: &str = "demo-1.0-py3-none-any.whl";
    const SDIST: &str = "demo-1.0.tar.gz";

    #[test]
    fn wheels_are_chosen_before_the_source_distribution() {
        let release = release(&[SDIST, WHEEL]);
        assert_eq!(
            names(&artifacts(&release, &request()).expect("some")),
            [WHEEL]
        );
    }

    #[test]
    fn a_release_of_a_source_distribution_alone_is_not_passed_over() {
        for files in [&[SDIST][..], &["demo-1.0.zip", SDIST, "demo-1.0.exe"]] {
            let release = release(files);
            assert_eq!(
                names(&artifacts(&release, &request()).expect("some")),
                [SDIST]
            );
        }
        let old = release(&["demo-1.0.zip"]);
        assert_eq!(
            names(&artifacts(&old, &request()).expect("some")),
            ["demo-1.0.zip"]
        );
    }

    #[test]
    fn an_artifact_that_is_not_there_is_named_with_those_that_are() {
        let release = release(&[WHEEL]);
        let asked = Request {
            artifact: Some("other.whl".into()),
            ..request()
        };
        let error = artifacts(&release, &asked).expect_err("absent").to_string();
        assert!(
            error.contains("other.whl") && error.contains(WHEEL),
            "{error}"
        );
    }

    #[test]
    fn a_recipe_for_several_artifacts_is_refused() {
        let release = release(&[WHEEL, "demo-1.0-py2-none-any.whl"]);
        let asked = Request {
            recipe: Some("r.toml".into()),
            ..request()
        };
        assert!(matches!(
            artifacts(&release, &asked),
            Err(Error::RecipeForSeveral { .. })
        ));
    }
}
