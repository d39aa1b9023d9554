//! The npm registry and those that speak its packument protocol (npm registry
//! documentation, "Package Metadata").

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::address::{Lookup, below, required};
use super::http::Http;
use super::{Error, Registry, newest_of, not_found, plain_file_name};
use crate::model::{
    Artifact, ArtifactKind, Digest, Ecosystem, EvidenceKind, PackageName, PublishedAt, Purl,
    Release, RepositoryHint, TimeSource,
};

/// An npm registry.
pub struct NpmRegistry {
    http: Arc<Http>,
    root: Lookup,
}

impl NpmRegistry {
    pub(super) fn new(http: Arc<Http>, root: Lookup) -> Self {
        Self { http, root }
    }

    /// A package's metadata document, whole.
    ///
    /// # Errors
    /// [`Error::Absent`] where there is no such package.
    pub async fn packument(&self, name: &PackageName) -> Result<Value, Error> {
        let root = required(Ecosystem::Npm, &self.root)?;
        let what = format!("the packument of {name}");
        let malformed = |reason: String| Error::Malformed {
            what: what.clone(),
            reason,
        };
        // A scope's slash is escaped, as npm itself asks for it.
        let url = below(root, &name.as_str().replace('/', "%2f")).map_err(malformed)?;
        let bytes = self.http.metadata(&url, "application/json", &what).await?;
        // Read by code of that library's own, which is optimised whatever this is built for:
        // the document may have many megabytes, and each tarball that is asked for reads one.
        let text = std::str::from_utf8(&bytes).map_err(|error| malformed(error.to_string()))?;
        text.parse()
            .map_err(|error: serde_json::Error| malformed(error.to_string()))
    }

    /// The registry's root, where it is known.
    pub(super) fn root(&self) -> Option<&url::Url> {
        self.root.as_ref().ok()
    }

    /// The artifact of one version of a packument.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the version's `dist` cannot be used.
    pub fn artifact(&self, packument: &Value, version: &str) -> Result<Artifact, Error> {
        artifact(packument, version)
    }
}

fn artifact(packument: &Value, version: &str) -> Result<Artifact, Error> {
    let name = packument["name"].as_str().unwrap_or_default();
    let malformed = |reason: &str| Error::Malformed {
        what: format!("{name} {version}"),
        reason: reason.to_owned(),
    };
    let entry = &packument["versions"][version];
    let dist = &entry["dist"];
    let url: url::Url = dist["tarball"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed("its dist.tarball is no address"))?;
    let file = url
        .path_segments()
        .and_then(|mut parts| parts.next_back())
        .and_then(plain_file_name)
        .ok_or_else(|| malformed("its dist.tarball names no file"))?;
    // `integrity` may hold several hashes (Subresource Integrity); those of
    // algorithms that are not accepted are left out, SHA-1 among them.
    let digests: Vec<_> = dist["integrity"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|text| Digest::from_integrity(text).ok())
        .collect();
    if digests.is_empty() {
        return Err(malformed(
            "it has no integrity that can be checked (SHA-1 alone is not enough)",
        ));
    }
    let time: Option<Timestamp> = packument["time"][version]
        .as_str()
        .and_then(|text| text.parse().ok());
    Ok(Artifact {
        name: file,
        kind: ArtifactKind::NpmTarball,
        url,
        digests,
        size: None,
        published_at: time.map(|time| PublishedAt {
            time,
            source: TimeSource::Registry,
        }),
        yanked: entry["deprecated"].is_string(),
        provenance: dist["attestations"]["url"]
            .as_str()
            .and_then(|text| text.parse().ok()),
    })
}

fn release(purl: &Purl, packument: &Value) -> Result<Release, Error> {
    let version = match purl.version() {
        Some(version) => version.as_str().to_owned(),
        None => {
            newest_stable(packument).ok_or_else(|| Error::NoStableVersion { purl: purl.clone() })?
        }
    };
    let entry = &packument["versions"][version.as_str()];
    if !entry.is_object() {
        return Err(Error::NotFound {
            purl: purl.clone(),
            hint: newest_stable(packument).map_or(String::new(), |v| {
                format!("; the newest stable version is {v}")
            }),
        });
    }
    let tools = [("npm", "_npmVersion"), ("node", "_nodeVersion")]
        .into_iter()
        .filter_map(|(tool, key)| Some((tool.to_owned(), entry[key].as_str()?.to_owned())))
        .collect();
    Ok(Release {
        purl: purl.at(&version).map_err(|error| Error::Malformed {
            what: purl.to_string(),
            reason: error.to_string(),
        })?,
        artifacts: vec![artifact(packument, &version)?],
        repositories: repository(entry)
            .or_else(|| repository_of_newest(packument))
            .into_iter()
            .collect(),
        git_head: entry["gitHead"].as_str().and_then(|text| text.parse().ok()),
        publisher_tools: tools,
    })
}

/// `repository` is a text or an object with `url` and `directory` (npm
/// documentation, "package.json").
fn repository(entry: &Value) -> Option<RepositoryHint> {
    let field = &entry["repository"];
    let url = field.as_str().or_else(|| field["url"].as_str())?;
    Some(RepositoryHint {
        url: url.to_owned(),
        directory: field["directory"].as_str().map(str::to_owned),
        kind: EvidenceKind::RegistryMetadata,
        detail: "the packument's `repository`".into(),
        is_claim: true,
    })
}

/// The one that the newest stable version names, for a version that names none: the package's
/// owners say so, though not of this version, so it claims nothing and only a tag or a manifest
/// there can tie the two.
fn repository_of_newest(packument: &Value) -> Option<RepositoryHint> {
    let newest = newest_stable(packument)?;
    let hint = repository(&packument["versions"][newest.as_str()])?;
    Some(RepositoryHint {
        detail: format!("{} of {newest}, since this version has none", hint.detail),
        is_claim: false,
        ..hint
    })
}

/// A version that is no pre-release.
fn stable(text: &str) -> Option<semver::Version> {
    let version = semver::Version::parse(text).ok()?;
    version.pre.is_empty().then_some(version)
}

/// The version that `latest` points to, where it is stable; else the highest.
fn newest_stable(packument: &Value) -> Option<String> {
    let versions = packument["versions"].as_object()?;
    if let Some(latest) = packument["dist-tags"]["latest"].as_str()
        && stable(latest).is_some()
        && versions.contains_key(latest)
    {
        return Some(latest.to_owned());
    }
    kept(packument).max().map(|version| version.to_string())
}

/// Versions that are neither pre-releases nor deprecated.
fn kept(packument: &Value) -> impl Iterator<Item = semver::Version> {
    let versions = packument["versions"].as_object().into_iter().flatten();
    versions
        .filter(|(_, entry)| !entry["deprecated"].is_string())
        .filter_map(|(text, _)| stable(text))
}

#[async_trait]
impl Registry for NpmRegistry {
    async fn release(&self, purl: &Purl) -> Result<Release, Error> {
        let found = self.packument(purl.name()).await;
        release(purl, &found.map_err(not_found(purl))?)
    }

    async fn newest(&self, package: &Purl, count: usize) -> Result<Vec<Purl>, Error> {
        let found = self.packument(package.name()).await;
        let packument = found.map_err(not_found(package))?;
        newest_of(package, kept(&packument).collect(), count)
    }

    async fn check(&self) -> Result<String, Error> {
        // npm is what this registry's own client is installed from.
        let npm = Purl::new(Ecosystem::Npm, "npm", None).expect("a name");
        self.packument(npm.name()).await?;
        Ok("the registry answers".into())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::*;
    use crate::model::Sha512Digest;

    fn integrity() -> String {
        let raw = Sha512Digest::of(b"x");
        format!(
            "sha512-{}",
            base64::engine::general_purpose::STANDARD.encode(raw.as_bytes())
        )
    }

    fn packument() -> Value {
        json!({
            "name": "demo",
            "dist-tags": {"latest": "1.1.0"},
            "versions": {
                "1.0.0": {"dist": {"tarball": "http://127.0.0.1/demo/-/demo-1.0.0.tgz", "integrity": integrity()}},
                "1.1.0": {
                    "dist": {"tarball": "http://127.0.0.1/demo/-/demo-1.1.0.tgz", "integrity": integrity()},
                    "gitHead": "a".repeat(40), "_npmVersion": "10.1.0", "_nodeVersion": "20.0.0",
                    "repository": {"type": "git", "url": "git+https://git.example/o/demo.git", "directory": "packages/demo"}
                },
                "2.0.0-rc.1": {"dist": {}}
            },
            "time": {"1.1.0": "2026-01-01T00:00:00.000Z"}
        })
    }

    #[test]
    fn a_packument_with_the_publishers_facts_gives_them() {
        let release =
            release(&"pkg:npm/demo".parse().expect("valid"), &packument()).expect("reads");
        assert_eq!(release.purl.to_string(), "pkg:npm/demo@1.1.0");
        assert_eq!(release.git_head.expect("named").as_str(), "a".repeat(40));
        assert_eq!(release.publisher_tools.len(), 2);
        assert_eq!(
            release.repositories[0].directory.as_deref(),
            Some("packages/demo")
        );
        assert!(release.artifacts[0].published_at.is_some());
    }

    #[test]
    fn a_packument_without_them_does_too() {
        let purl = "pkg:npm/demo@1.0.0".parse().expect("valid");
        let release = release(&purl, &packument()).expect("reads");
        assert!(release.git_head.is_none() && release.publisher_tools.is_empty());
        assert!(release.artifacts[0].published_at.is_none());
        assert_eq!(release.artifacts[0].name, "demo-1.0.0.tgz");
    }

    #[test]
    fn a_version_that_names_no_repository_has_the_newest_ones_which_claims_nothing() {
        let hints = |version: &str, packument: &Value| {
            let purl = format!("pkg:npm/demo@{version}").parse().expect("valid");
            release(&purl, packument).expect("reads").repositories
        };
        let own = &hints("1.1.0", &packument())[0];
        assert!(own.is_claim && !own.detail.contains("1.1.0"));
        let newest = &hints("1.0.0", &packument())[0];
        assert_eq!(newest.url, own.url);
        assert!(!newest.is_claim && newest.detail.contains("of 1.1.0"));
        let mut without = packument();
        without["versions"]["1.1.0"]["repository"] = Value::Null;
        assert!(hints("1.0.0", &without).is_empty());
    }

    #[test]
    fn a_version_that_is_not_there_is_named_with_the_newest() {
        let purl = "pkg:npm/demo@9.0.0".parse().expect("valid");
        let error = release(&purl, &packument())
            .expect_err("absent")
            .to_string();
        assert!(
            error.contains("9.0.0") && error.contains("1.1.0"),
            "{error}"
        );
    }

    #[test]
    fn an_artifact_with_sha1_alone_is_refused() {
        let mut packument = packument();
        packument["versions"]["1.0.0"]["dist"] =
            json!({"tarball": "http://127.0.0.1/demo-1.0.0.tgz", "shasum": "a".repeat(40)});
        let error = artifact(&packument, "1.0.0")
            .expect_err("no digest")
            .to_string();
        assert!(error.contains("integrity"), "{error}");
    }
}
