//! PyPI and registries that speak the simple API as JSON (PEP 691; sizes and
//! upload times by PEP 700).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use pep440_rs::Version;
use serde::Deserialize;
use url::Url;

use super::address::{Lookup, below, required};
use super::http::Http;
use super::{Error, Registry, newest_of, not_found, plain_file_name};
use crate::model::{
    Artifact, ArtifactKind, Digest, Ecosystem, PackageName, PublishedAt, Purl, Release, TimeSource,
};

/// The media type of the simple API's JSON form (PEP 691, "Content Types").
const SIMPLE_JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A Python package registry.
pub struct PypiRegistry {
    http: Arc<Http>,
    root: Lookup,
}

/// One file of a project, with the version that its name carries.
#[derive(Clone, Debug)]
pub struct ProjectFile {
    /// The file.
    pub artifact: Artifact,
    /// Its version; nothing where the name follows no rule.
    pub version: Option<Version>,
    /// What Python versions it asks for, as the registry writes it.
    pub requires_python: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    files: Vec<PageFile>,
}

#[derive(Deserialize)]
struct PageFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    #[serde(rename = "requires-python")]
    requires_python: Option<String>,
    size: Option<u64>,
    #[serde(rename = "upload-time")]
    upload_time: Option<Timestamp>,
    #[serde(default)]
    yanked: Yanked,
    /// PEP 740, "Index changes"; API version 1.3.
    provenance: Option<String>,
}

/// PEP 592: a flag, or a reason.
#[derive(Deserialize)]
#[serde(untagged)]
enum Yanked {
    Flag(bool),
    Reason(#[allow(dead_code, reason = "only that there is one counts")] String),
}

impl Default for Yanked {
    fn default() -> Self {
        Self::Flag(false)
    }
}

impl PypiRegistry {
    pub(super) fn new(http: Arc<Http>, root: Lookup) -> Self {
        Self { http, root }
    }

    /// The simple API's root, where it is known.
    pub(super) fn root(&self) -> Option<&Url> {
        self.root.as_ref().ok()
    }

    /// Every file of a project that carries a digest.
    ///
    /// # Errors
    /// [`Error::Absent`] where there is no such project.
    pub async fn project(&self, name: &PackageName) -> Result<Vec<ProjectFile>, Error> {
        let root = required(Ecosystem::Pypi, &self.root)?;
        let what = format!("the project page of {name}");
        let malformed = |reason: String| Error::Malformed {
            what: what.clone(),
            reason,
        };
        let url = below(root, &format!("{name}/")).map_err(malformed)?;
        let bytes = self.http.metadata(&url, SIMPLE_JSON, &what).await?;
        let page: Page = serde_json::from_slice(&bytes).map_err(|error| {
            malformed(format!(
                "it is not the JSON form of the simple API (PEP 691): {error}"
            ))
        })?;
        page.files
            .into_iter()
            .map(|file| project_file(name.as_str(), &url, file).map_err(malformed))
            .collect()
    }
}

fn project_file(project: &str, page: &Url, file: PageFile) -> Result<ProjectFile, String> {
    let name = plain_file_name(&file.filename)
        .ok_or_else(|| format!("`{}` is no file name", file.filename))?;
    let url = page
        .join(&file.url)
        .map_err(|error| format!("the address of {name} cannot be read: {error}"))?;
    let digests = match file.hashes.get("sha256") {
        Some(text) => vec![Digest::Sha256(
            text.parse().map_err(|error| format!("{name}: {error}"))?,
        )],
        None => vec![],
    };
    let artifact = Artifact {
        kind: ArtifactKind::of_pypi_file(&name),
        url,
        digests,
        size: file.size,
        published_at: file.upload_time.map(|time| PublishedAt {
            time,
            source: TimeSource::Registry,
        }),
        yanked: !matches!(file.yanked, Yanked::Flag(false)),
        provenance: file.provenance.and_then(|at| page.join(&at).ok()),
        name,
    };
    Ok(ProjectFile {
        version: version_in(project, &artifact.name),
        artifact,
        requires_python: file.requires_python,
    })
}

/// The version in a file's name: a wheel's second part (PEP 427, "File name
/// convention"), what follows the project's name in a source distribution.
fn version_in(project: &str, file: &str) -> Option<Version> {
    if let Some(stem) = file.strip_suffix(".whl") {
        return stem.split('-').nth(1)?.parse().ok();
    }
    let stem = [".tar.gz", ".zip", ".tar.bz2", ".egg"]
        .into_iter()
        .find_map(|suffix| file.strip_suffix(suffix))?;
    // Older names hold dashes of their own: take the split whose first part is
    // the project's name.
    stem.match_indices('-').find_map(|(at, _)| {
        let same = Purl::new(Ecosystem::Pypi, &stem[..at], None)
            .is_ok_and(|purl| purl.name().as_str() == project);
        same.then(|| stem[at + 1..].parse().ok()).flatten()
    })
}

#[async_trait]
impl Registry for PypiRegistry {
    async fn release(&self, purl: &Purl) -> Result<Release, Error> {
        let files = self.project(purl.name()).await.map_err(not_found(purl))?;
        let newest = newest_stable(&files);
        let wanted: Version = match purl.version() {
            Some(version) => version.as_str().parse().map_err(|error| Error::Malformed {
                what: purl.to_string(),
                reason: format!("{error}"),
            })?,
            None => newest
                .clone()
                .ok_or_else(|| Error::NoStableVersion { purl: purl.clone() })?,
        };
        let artifacts: Vec<_> = files
            .into_iter()
            .filter(|file| file.version.as_ref() == Some(&wanted))
            .map(|file| file.artifact)
            .collect();
        if artifacts.is_empty() {
            return Err(Error::NotFound {
                purl: purl.clone(),
                hint: newest.map_or(String::new(), |v| {
                    format!("; the newest stable version is {v}")
                }),
            });
        }
        let purl = match purl.version() {
            Some(_) => purl.clone(),
            None => purl
                .at(&wanted.to_string())
                .map_err(|error| Error::Malformed {
                    what: purl.to_string(),
                    reason: error.to_string(),
                })?,
        };
        Ok(Release {
            purl,
            artifacts,
            repositories: vec![],
            git_head: None,
            publisher_tools: vec![],
        })
    }

    async fn newest(&self, package: &Purl, count: usize) -> Result<Vec<Purl>, Error> {
        let found = self.project(package.name()).await;
        let files = found.map_err(not_found(package))?;
        newest_of(package, stable(&files).collect(), count)
    }

    async fn check(&self) -> Result<String, Error> {
        // pip is what this registry's own client is installed from.
        let pip = Purl::new(Ecosystem::Pypi, "pip", None).expect("a name");
        self.project(pip.name()).await?;
        Ok("the simple API answers".into())
    }
}

fn newest_stable(files: &[ProjectFile]) -> Option<Version> {
    stable(files).max()
}

/// The version of every file that is neither of a pre-release nor yanked.
fn stable(files: &[ProjectFile]) -> impl Iterator<Item = Version> {
    files
        .iter()
        .filter(|file| !file.artifact.yanked)
        .filter_map(|file| file.version.clone())
        .filter(|version| !version.any_prerelease())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_every_form_of_name() {
        let version = |project, file| version_in(project, file).map(|v| v.to_string());
        assert_eq!(
            version("idna", "idna-3.10-py3-none-any.whl").as_deref(),
            Some("3.10")
        );
        assert_eq!(version("idna", "idna-3.10.tar.gz").as_deref(), Some("3.10"));
        assert_eq!(
            version("my-pkg", "my-pkg-1.0.tar.gz").as_deref(),
            Some("1.0")
        );
        assert_eq!(version("my-pkg", "My_Pkg-1.0.zip").as_deref(), Some("1.0"));
        assert_eq!(version("idna", "idna-docs-3.10.tar.gz"), None);
        assert_eq!(version("idna", "idna.exe"), None);
    }

    fn file(json: &str) -> Result<ProjectFile, String> {
        let page = "http://127.0.0.1/simple/demo/".parse().expect("valid");
        project_file("demo", &page, serde_json::from_str(json).expect("json"))
    }

    #[test]
    fn a_file_of_the_simple_api_is_read_with_its_time_and_digest() {
        let sha = "a".repeat(64);
        let json = format!(
            r#"{{"filename":"demo-1.0.tar.gz","url":"../../f/demo-1.0.tar.gz","hashes":{{"sha256":"{sha}"}},"size":3,"upload-time":"2026-01-01T00:00:00Z","yanked":"broken"}}"#
        );
        let file = file(&json).expect("reads");
        assert_eq!(file.artifact.url.path(), "/f/demo-1.0.tar.gz");
        assert_eq!(file.artifact.kind, ArtifactKind::Sdist);
        assert_eq!(file.artifact.digests.len(), 1);
        assert!(file.artifact.yanked && file.artifact.published_at.is_some());
    }

    #[test]
    fn a_file_name_that_is_a_path_makes_the_page_unusable() {
        let json = r#"{"filename":"../../etc/passwd","url":"x"}"#;
        assert!(file(json).is_err());
    }

    #[test]
    fn the_newest_stable_version_is_neither_yanked_nor_a_pre_release() {
        let files: Vec<_> = [
            ("1.9", false),
            ("1.10", false),
            ("1.11", true),
            ("2.0rc1", false),
        ]
        .into_iter()
        .map(|(version, yanked)| {
            let json =
                format!(r#"{{"filename":"demo-{version}.tar.gz","url":"x","yanked":{yanked}}}"#);
            file(&json).expect("reads")
        })
        .collect();
        assert_eq!(newest_stable(&files).expect("one").to_string(), "1.10");
    }
}
