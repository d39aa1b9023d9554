//! crates.io and registries that speak cargo's sparse index protocol (cargo book,
//! "Registry Index").

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::address::{Lookup, below, required};
use super::http::Http;
use super::{Error, Registry, newest_of, not_found};
use crate::model::{
    Artifact, ArtifactKind, Digest, Ecosystem, PackageName, PublishedAt, Purl, Release,
    Sha256Digest, TimeSource,
};

/// A cargo registry.
pub struct CargoRegistry {
    http: Arc<Http>,
    index: Lookup,
}

/// One line of the index, as far as it is read here.
#[derive(Clone, Debug, Deserialize)]
pub struct IndexEntry {
    /// The crate's name.
    pub name: String,
    /// The version.
    pub vers: String,
    /// SHA-256 of the `.crate` file.
    pub cksum: Sha256Digest,
    /// Whether the version is yanked.
    #[serde(default)]
    pub yanked: bool,
    /// When it was published; older registries do not say.
    pub pubtime: Option<Timestamp>,
}

#[derive(Deserialize)]
struct IndexConfig {
    dl: String,
}

impl CargoRegistry {
    pub(super) fn new(http: Arc<Http>, index: Lookup) -> Self {
        Self { http, index }
    }

    async fn index_file(&self, path: &str, what: &str) -> Result<Bytes, Error> {
        let index = required(Ecosystem::Cargo, &self.index)?;
        let url = below(index, path).map_err(|reason| Error::Malformed {
            what: what.to_owned(),
            reason,
        })?;
        self.http.metadata(&url, "*/*", what).await
    }

    /// The index file of a crate as it came: one JSON document a line.
    ///
    /// # Errors
    /// [`Error::Absent`] where there is no such crate.
    pub async fn index_of(&self, name: &PackageName) -> Result<Bytes, Error> {
        self.index_file(&index_path(name.as_str()), &format!("the index of {name}"))
            .await
    }

    /// The artifact of an index line.
    ///
    /// # Errors
    /// [`Error`] where the index's configuration cannot be read.
    pub async fn artifact(&self, entry: &IndexEntry) -> Result<Artifact, Error> {
        let malformed = |reason: String| Error::Malformed {
            what: "the index's config.json".into(),
            reason,
        };
        let bytes = self
            .index_file("config.json", "the index's config.json")
            .await?;
        let config: IndexConfig =
            serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        let url = download_url(&config.dl, entry).map_err(|error| malformed(error.to_string()))?;
        Ok(Artifact {
            name: format!("{}-{}.crate", entry.name, entry.vers),
            kind: ArtifactKind::Crate,
            url,
            digests: vec![Digest::Sha256(entry.cksum)],
            size: None,
            published_at: entry.pubtime.map(|time| PublishedAt {
                time,
                source: TimeSource::Registry,
            }),
            yanked: entry.yanked,
            provenance: None,
        })
    }
}

/// Reads an index file; a line that is none is an error, never passed over.
pub(crate) fn parse_index(name: &str, bytes: &[u8]) -> Result<Vec<IndexEntry>, Error> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line).map_err(|error| Error::Malformed {
                what: format!("the index of {name}"),
                reason: error.to_string(),
            })
        })
        .collect()
}

/// The line of one version in an index file, where it was published no later than `cutoff`.
/// A line that does not say when is taken to be old enough. It is given as not yanked: who
/// asks has a lock file that was made while it was not, and the index keeps no history of it.
pub fn line_as_of(index: &[u8], purl: &Purl, cutoff: Option<Timestamp>) -> Option<String> {
    let version = purl.version()?.as_str();
    index
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let entry = serde_json::from_slice::<IndexEntry>(line).ok()?;
            (entry.vers == version).then_some((line, entry.pubtime))
        })
        .find(|(_, published)| match (published, cutoff) {
            (Some(published), Some(cutoff)) => *published <= cutoff,
            _ => true,
        })
        .and_then(|(line, _)| restored(line))
}

/// A line of the index as it was before its version was yanked; none if it says nothing of that.
pub(crate) fn restored(line: &[u8]) -> Option<String> {
    let mut entry: serde_json::Value = serde_json::from_slice(line).ok()?;
    *entry.get_mut("yanked")? = false.into();
    Some(entry.to_string())
}

/// Where a crate's file lies in the index (cargo book, "Index files").
pub(crate) fn index_path(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    format!("{}/{lower}", prefix(&lower))
}

fn prefix(name: &str) -> String {
    let part = |from: usize, to: usize| name.get(from..to).unwrap_or_default();
    match name.len() {
        1 => "1".into(),
        2 => "2".into(),
        3 => format!("3/{}", part(0, 1)),
        _ => format!("{}/{}", part(0, 2), part(2, 4)),
    }
}

/// The download address (cargo book, "Index Configuration", key `dl`): with
/// markers, or with `/{crate}/{version}/download` added.
fn download_url(dl: &str, entry: &IndexEntry) -> Result<Url, url::ParseError> {
    let (name, version) = (&entry.name, &entry.vers);
    let markers = [
        ("{crate}", name.clone()),
        ("{version}", version.clone()),
        ("{prefix}", prefix(name)),
        ("{lowerprefix}", prefix(&name.to_ascii_lowercase())),
        ("{sha256-checksum}", entry.cksum.to_string()),
    ];
    let mut text = dl.to_owned();
    if markers.iter().any(|(marker, _)| dl.contains(marker)) {
        for (marker, value) in markers {
            text = text.replace(marker, &value);
        }
    } else {
        text = format!("{}/{name}/{version}/download", dl.trim_end_matches('/'));
    }
    Url::parse(&text)
}

#[async_trait]
impl Registry for CargoRegistry {
    async fn release(&self, purl: &Purl) -> Result<Release, Error> {
        let name = purl.name().as_str();
        let bytes = self.index_of(purl.name()).await.map_err(not_found(purl))?;
        let entries = parse_index(name, &bytes)?;
        let entry = match purl.version() {
            Some(version) => entries
                .iter()
                .find(|entry| entry.vers == version.as_str())
                .ok_or_else(|| Error::NotFound {
                    purl: purl.clone(),
                    hint: newest_hint(&entries),
                })?,
            None => newest_stable(&entries)
                .ok_or_else(|| Error::NoStableVersion { purl: purl.clone() })?,
        };
        let found =
            Purl::new(Ecosystem::Cargo, &entry.name, Some(&entry.vers)).map_err(|error| {
                Error::Malformed {
                    what: format!("the index of {name}"),
                    reason: error.to_string(),
                }
            })?;
        Ok(Release {
            purl: found,
            artifacts: vec![self.artifact(entry).await?],
            repositories: vec![],
            git_head: None,
            publisher_tools: vec![],
        })
    }

    async fn newest(&self, package: &Purl, count: usize) -> Result<Vec<Purl>, Error> {
        let name = package.name().as_str();
        let bytes = self
            .index_of(package.name())
            .await
            .map_err(not_found(package))?;
        let entries = parse_index(name, &bytes)?;
        let versions = stable(&entries).map(|(version, _)| version).collect();
        newest_of(package, versions, count)
    }

    async fn check(&self) -> Result<String, Error> {
        self.index_file("config.json", "the index's config.json")
            .await?;
        Ok("the index answers".into())
    }
}

/// Versions that are neither pre-releases nor yanked.
fn stable(entries: &[IndexEntry]) -> impl Iterator<Item = (semver::Version, &IndexEntry)> {
    entries
        .iter()
        .filter(|entry| !entry.yanked)
        .filter_map(|entry| Some((semver::Version::parse(&entry.vers).ok()?, entry)))
        .filter(|(version, _)| version.pre.is_empty())
}

fn newest_stable(entries: &[IndexEntry]) -> Option<&IndexEntry> {
    stable(entries)
        .max_by(|(a, _), (b, _)| a.cmp(b))
        .map(|(_, entry)| entry)
}

fn newest_hint(entries: &[IndexEntry]) -> String {
    newest_stable(entries).map_or(String::new(), |entry| {
        format!("; the newest stable version is {}", entry.vers)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(vers: &str, yanked: bool) -> IndexEntry {
        IndexEntry {
            name: "Demo".into(),
            vers: vers.into(),
            cksum: Sha256Digest::of(vers),
            yanked,
            pubtime: None,
        }
    }

    #[test]
    fn index_paths_follow_the_length_of_the_name() {
        for (name, path) in [
            ("a", "1/a"),
            ("ab", "2/ab"),
            ("abc", "3/a/abc"),
            ("Itoa", "it/oa/itoa"),
            ("serde_json", "se/rd/serde_json"),
        ] {
            assert_eq!(index_path(name), path);
        }
    }

    #[test]
    fn the_download_address_is_made_from_markers_or_from_the_default_form() {
        let entry = entry("1.0.0", false);
        let url = |dl| download_url(dl, &entry).expect("an address").to_string();
        assert_eq!(
            url("http://127.0.0.1/dl"),
            "http://127.0.0.1/dl/Demo/1.0.0/download"
        );
        assert_eq!(
            url("http://127.0.0.1/{lowerprefix}/{crate}-{version}.crate"),
            "http://127.0.0.1/de/mo/Demo-1.0.0.crate"
        );
        assert!(url("http://127.0.0.1/{sha256-checksum}").ends_with(&entry.cksum.to_string()));
    }

    #[test]
    fn the_newest_stable_version_is_neither_yanked_nor_a_pre_release() {
        let entries = [
            entry("1.2.0", false),
            entry("1.10.0", false),
            entry("1.11.0", true),
            entry("2.0.0-rc.1", false),
        ];
        assert_eq!(newest_stable(&entries).expect("one").vers, "1.10.0");
        assert!(newest_stable(&entries[2..]).is_none());
    }

    #[test]
    fn a_line_of_the_index_is_there_from_its_own_second_on() {
        let line = "{\"name\":\"demo\",\"vers\":\"1.0.0\",\"cksum\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"yanked\":true,\"pubtime\":\"2026-01-01T00:00:00Z\"}";
        let index = format!("{line}\n");
        let purl: Purl = "pkg:cargo/demo@1.0.0".parse().expect("valid");
        let at = |time: &str| line_as_of(index.as_bytes(), &purl, time.parse().ok());
        let shown = line.replace("true", "false");
        assert_eq!(at("2026-01-01T00:00:00Z"), Some(shown.clone()));
        assert_eq!(at("2025-12-31T23:59:59Z"), None);
        assert_eq!(line_as_of(index.as_bytes(), &purl, None), Some(shown));
        let other: Purl = "pkg:cargo/demo@1.0.1".parse().expect("valid");
        assert_eq!(line_as_of(index.as_bytes(), &other, None), None);
    }

    #[test]
    fn a_broken_index_line_is_an_error() {
        assert!(parse_index("demo", b"{\"name\":\"demo\"}\n").is_err());
        assert!(parse_index("demo", b"").expect("empty").is_empty());
    }
}
