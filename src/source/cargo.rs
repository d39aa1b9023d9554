//! Where a crate says that its source is, and what `Cargo.toml` declares.
//!
//! Pure. Rules: The Cargo Book, "cargo package" (`.cargo_vcs_info.json`) and
//! "The Manifest Format".

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::EvidenceKind;

use super::Error;
use super::ecosystem::{
    ArtifactHints, Declared, DeclaredName, DeclaredVersion, Packaging, artifact_hint,
};

const VCS_INFO: &str = ".cargo_vcs_info.json";
const MANIFEST: &str = "Cargo.toml";

/// Crates.
pub(crate) struct Cargo;

/// The Cargo Book, "cargo package": what cargo writes about the repository.
#[derive(Deserialize)]
struct VcsInfo {
    git: Option<GitInfo>,
    #[serde(default)]
    path_in_vcs: Option<String>,
}

#[derive(Deserialize)]
struct GitInfo {
    sha1: Option<String>,
    #[serde(default)]
    dirty: bool,
}

impl Packaging for Cargo {
    fn is_wanted_member(&self, name: &str) -> bool {
        matches!(name, VCS_INFO | MANIFEST)
    }

    fn hints(&self, members: &BTreeMap<String, Vec<u8>>) -> Result<ArtifactHints, Error> {
        let mut hints = ArtifactHints::default();
        if let Some(bytes) = members.get(VCS_INFO) {
            read_vcs_info(bytes, &mut hints).map_err(|reason| malformed(VCS_INFO, reason))?;
        }
        if let Some(bytes) = members.get(MANIFEST) {
            let text = String::from_utf8_lossy(bytes);
            let manifest: toml::Table = text
                .parse()
                .map_err(|e: toml::de::Error| malformed(MANIFEST, e.message().to_owned()))?;
            for (key, is_claim) in [("repository", true), ("homepage", false)] {
                if let Some(url) = field(&manifest, "package", key).and_then(|v| v.as_str()) {
                    let detail = format!("package.{key} of the published {MANIFEST}");
                    hints
                        .repositories
                        .push(artifact_hint(url, None, detail, is_claim));
                }
            }
        }
        Ok(hints)
    }

    fn manifests(&self) -> &'static [&'static str] {
        &[MANIFEST]
    }

    fn declared(&self, files: &BTreeMap<String, String>) -> Result<Option<Declared>, String> {
        let Some(text) = files.get(MANIFEST) else {
            return Ok(None);
        };
        let manifest: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| e.message().to_owned())?;
        let Some(name) = field(&manifest, "package", "name").and_then(|v| v.as_str()) else {
            return Ok(None);
        };
        let version = match field(&manifest, "package", "version") {
            Some(toml::Value::String(version)) => DeclaredVersion::Literal(version.clone()),
            Some(toml::Value::Table(t)) if t.get("workspace") == Some(&true.into()) => {
                DeclaredVersion::Inherited
            }
            // The Manifest Format, "version": defaults to 0.0.0.
            None => DeclaredVersion::Literal("0.0.0".into()),
            Some(_) => return Err("package.version is neither text nor inherited".into()),
        };
        Ok(Some(Declared {
            file: MANIFEST,
            name: DeclaredName::Literal(name.to_owned()),
            version,
        }))
    }

    /// The Cargo Book, "Workspaces", `workspace.package`.
    fn inherited_version(&self, files: &BTreeMap<String, String>) -> Option<String> {
        let manifest: toml::Table = files.get(MANIFEST)?.parse().ok()?;
        manifest
            .get("workspace")?
            .get("package")?
            .get("version")?
            .as_str()
            .map(str::to_owned)
    }

    fn tag_words(&self) -> &'static [&'static str] {
        &["rust", "rs", "crate", "cargo"]
    }
}

fn malformed(member: &str, reason: String) -> Error {
    Error::MalformedMember {
        member: member.into(),
        reason,
    }
}

fn read_vcs_info(bytes: &[u8], hints: &mut ArtifactHints) -> Result<(), String> {
    let info: VcsInfo = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    hints.directory = info.path_in_vcs.filter(|path| !path.is_empty());
    if let Some(git) = info.git {
        hints.dirty = git.dirty;
        if let Some(sha1) = git.sha1 {
            let commit = sha1.parse().map_err(|e| format!("{e}"))?;
            hints.commit = Some((commit, EvidenceKind::ArtifactVcsInfo));
        }
    }
    Ok(())
}

/// `[project]` was an early name of `[package]` and is still read by cargo.
fn field<'t>(manifest: &'t toml::Table, table: &str, key: &str) -> Option<&'t toml::Value> {
    let table = match (table, manifest.get(table)) {
        ("package", None) => manifest.get("project"),
        (_, found) => found,
    };
    table?.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(members: &[(&str, &str)]) -> Result<ArtifactHints, Error> {
        let members = members
            .iter()
            .map(|(n, t)| ((*n).to_owned(), t.as_bytes().to_vec()))
            .collect();
        Cargo.hints(&members)
    }

    fn declared(text: &str) -> Result<Option<Declared>, String> {
        Cargo.declared(&BTreeMap::from([(MANIFEST.into(), text.into())]))
    }

    #[test]
    fn vcs_info_names_commit_folder_and_dirtiness() {
        let sha = "a".repeat(40);
        let json = format!(r#"{{"git":{{"sha1":"{sha}","dirty":true}},"path_in_vcs":"crates/x"}}"#);
        let hints = hints(&[(VCS_INFO, &json)]).expect("valid");
        let (commit, kind) = hints.commit.expect("named");
        assert_eq!(
            (commit.as_str(), kind),
            (sha.as_str(), EvidenceKind::ArtifactVcsInfo)
        );
        assert_eq!(hints.directory.as_deref(), Some("crates/x"));
        assert!(hints.dirty);
    }

    #[test]
    fn vcs_info_of_the_root_names_no_folder() {
        let json = format!(
            r#"{{"git":{{"sha1":"{}"}},"path_in_vcs":""}}"#,
            "a".repeat(40)
        );
        let hints = hints(&[(VCS_INFO, &json)]).expect("valid");
        assert_eq!(hints.directory, None);
        assert!(!hints.dirty);
    }

    #[test]
    fn a_crate_without_vcs_info_names_its_repository_only() {
        let toml = "[package]\nname='x'\nrepository='https://git.example/o/r'\nhomepage='https://x.example/y'\n";
        let hints = hints(&[(MANIFEST, toml)]).expect("valid");
        assert!(hints.commit.is_none());
        let urls: Vec<_> = hints.repositories.iter().map(|r| r.url.as_str()).collect();
        assert_eq!(urls, ["https://git.example/o/r", "https://x.example/y"]);
    }

    #[test]
    fn a_forged_commit_is_an_error_and_not_ignored() {
        let json = r#"{"git":{"sha1":"--upload-pack=x"}}"#;
        assert!(matches!(
            hints(&[(VCS_INFO, json)]),
            Err(Error::MalformedMember { .. })
        ));
        assert!(matches!(
            hints(&[(VCS_INFO, "{")]),
            Err(Error::MalformedMember { .. })
        ));
    }

    #[test]
    fn the_manifest_declares_a_literal_or_an_inherited_version() {
        let version = |text: &str| declared(text).expect("parses").map(|d| d.version);
        assert_eq!(
            version("[package]\nname='x'\nversion='1.0.0'"),
            Some(DeclaredVersion::Literal("1.0.0".into()))
        );
        assert_eq!(
            version("[package]\nname='x'\nversion.workspace=true"),
            Some(DeclaredVersion::Inherited)
        );
        assert_eq!(
            version("[package]\nname='x'"),
            Some(DeclaredVersion::Literal("0.0.0".into()))
        );
        assert_eq!(version("[workspace]\nmembers=['x']"), None);
        assert!(declared("[package").is_err());
    }
}
