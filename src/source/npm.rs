//! Where an npm package says that its source is, and what `package.json` declares.
//!
//! Pure. Rules: npm documentation, "package.json", `repository`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::EvidenceKind;

use super::Error;
use super::ecosystem::{
    ArtifactHints, Declared, DeclaredName, DeclaredVersion, Packaging, artifact_hint,
};

const MANIFEST: &str = "package.json";

/// What stands for the version in a source whose workflow writes it in when it publishes
/// (semantic-release, "FAQ", "Why is the package.json's version not updated in my
/// repository?", the names that its documentation used before, and the lowest version that
/// there is, which others take).
const PLACEHOLDERS: [&str; 4] = [
    "0.0.0",
    "0.0.0-development",
    "0.0.0-semantically-released",
    "0.0.0-semantic-release",
];

/// Programs that write the version into the manifest while they publish, and leave it so to
/// the tag alone (semantic-release, "FAQ"; npm documentation, "npm version").
const WRITERS: [&str; 2] = ["semantic-release", "npm version"];

/// Where what publishes is configured: workflows, and the configuration of semantic-release
/// (its documentation, "Configuration") and of services that run it.
const RELEASE_FILES: [&str; 7] = [
    "package.json",
    ".github/workflows/*",
    ".releaserc",
    ".releaserc.json",
    "circle.yml",
    ".circleci/config.yml",
    ".travis.yml",
];

/// npm packages.
pub(crate) struct Npm;

impl Packaging for Npm {
    fn is_wanted_member(&self, name: &str) -> bool {
        name == MANIFEST
    }

    fn hints(&self, members: &BTreeMap<String, Vec<u8>>) -> Result<ArtifactHints, Error> {
        let mut hints = ArtifactHints::default();
        let Some(bytes) = members.get(MANIFEST) else {
            return Ok(hints);
        };
        let manifest = parse(bytes).map_err(|reason| Error::MalformedMember {
            member: MANIFEST.into(),
            reason,
        })?;
        let directory = manifest.pointer("/repository/directory");
        for (pointer, detail, is_claim) in [
            ("/repository", "repository", true),
            ("/repository/url", "repository.url", true),
            ("/homepage", "homepage", false),
            ("/bugs/url", "bugs.url", false),
        ] {
            if let Some(url) = manifest.pointer(pointer).and_then(Value::as_str) {
                let directory = directory
                    .filter(|_| pointer == "/repository/url")
                    .and_then(Value::as_str);
                let detail = format!("{detail} of the published {MANIFEST}");
                hints
                    .repositories
                    .push(artifact_hint(url, directory, detail, is_claim));
            }
        }
        // Old clients wrote the publisher's commit into the file itself. It is
        // a convention and not a promise, so what is no commit is passed over.
        hints.commit = manifest
            .get("gitHead")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .map(|commit| (commit, EvidenceKind::ArtifactMetadata));
        Ok(hints)
    }

    fn manifests(&self) -> &'static [&'static str] {
        &[MANIFEST]
    }

    fn declared(&self, files: &BTreeMap<String, String>) -> Result<Option<Declared>, String> {
        let Some(text) = files.get(MANIFEST) else {
            return Ok(None);
        };
        let manifest = parse(text.as_bytes())?;
        let text = |key| manifest.get(key).and_then(Value::as_str);
        Ok(text("name").map(|name| Declared {
            file: MANIFEST,
            name: DeclaredName::Literal(name.to_owned()),
            version: text("version").map_or_else(
                || DeclaredVersion::Dynamic("there is no version in it".into()),
                |version| {
                    // What is private is never published (npm documentation, "package.json",
                    // `private`): the root of a monorepo, mostly.
                    if PLACEHOLDERS.contains(&version) && manifest["private"] != true {
                        let how = format!("{version} stands for what publishing writes in");
                        return DeclaredVersion::Dynamic(how);
                    }
                    DeclaredVersion::Literal(version.to_owned())
                },
            ),
        }))
    }

    fn release_files(&self) -> &'static [&'static str] {
        &RELEASE_FILES
    }

    fn writes_version(&self, text: &str) -> Option<&'static str> {
        WRITERS.into_iter().find(|writer| text.contains(writer))
    }

    /// npm strips what semver allows before a version (`v1.2.3`, `=1.2.3`).
    fn is_same_version(&self, a: &str, b: &str) -> bool {
        let bare = |v: &str| v.trim().trim_start_matches(['=', 'v']).to_owned();
        bare(a) == bare(b)
    }

    fn tag_words(&self) -> &'static [&'static str] {
        &["js", "node", "npm", "javascript", "typescript", "ts"]
    }

    fn has_shorthands(&self) -> bool {
        true
    }
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(json: &str) -> ArtifactHints {
        let members = BTreeMap::from([(MANIFEST.to_owned(), json.as_bytes().to_vec())]);
        Npm.hints(&members).expect("valid")
    }

    #[test]
    fn a_repository_is_a_text_or_an_object_with_a_folder() {
        let text = hints(r#"{"repository":"o/r"}"#);
        assert_eq!(text.repositories[0].url, "o/r");
        let object = hints(
            r#"{"repository":{"type":"git","url":"git+https://git.example/o/r.git","directory":"packages/a"}}"#,
        );
        assert_eq!(
            object.repositories[0].url,
            "git+https://git.example/o/r.git"
        );
        assert_eq!(
            object.repositories[0].directory.as_deref(),
            Some("packages/a")
        );
    }

    #[test]
    fn a_commit_inside_the_file_is_the_artifacts_own_word() {
        let named = hints(&format!(r#"{{"gitHead":"{}"}}"#, "b".repeat(40)));
        assert_eq!(
            named.commit.map(|(_, kind)| kind),
            Some(EvidenceKind::ArtifactMetadata)
        );
        assert!(hints(r#"{"gitHead":"main"}"#).commit.is_none());
    }

    #[test]
    fn what_writes_a_version_is_named_by_what_publishes() {
        assert_eq!(
            Npm.writes_version("run: npx semantic-release\n"),
            Some("semantic-release")
        );
        assert_eq!(
            Npm.writes_version("run: npm version $TAG\n"),
            Some("npm version")
        );
        assert_eq!(Npm.writes_version("run: npm publish\n"), None);
    }

    #[test]
    fn the_manifest_declares_name_and_version() {
        let declared = |text: &str| Npm.declared(&BTreeMap::from([(MANIFEST.into(), text.into())]));
        let full = declared("\u{feff}{\"name\":\"@s/a\",\"version\":\"1.0.0\"}").expect("parses");
        assert_eq!(
            full.expect("a package").version,
            DeclaredVersion::Literal("1.0.0".into())
        );
        let left_open = declared(r#"{"name":"a","version":"0.0.0-development"}"#).expect("parses");
        assert!(matches!(
            left_open.expect("a package").version,
            DeclaredVersion::Dynamic(how) if how.contains("0.0.0-development")
        ));
        let a_root = declared(r#"{"name":"a","version":"0.0.0","private":true}"#).expect("parses");
        assert_eq!(
            a_root.expect("a package").version,
            DeclaredVersion::Literal("0.0.0".into())
        );
        let a_prerelease = declared(r#"{"name":"a","version":"0.0.0-dev"}"#).expect("parses");
        assert_eq!(
            a_prerelease.expect("a package").version,
            DeclaredVersion::Literal("0.0.0-dev".into())
        );
        assert_eq!(declared(r#"{"private":true}"#), Ok(None));
        assert!(declared("{").is_err());
    }
}
