//! What `package.json` says that packing depends on. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{Error, Facts};
use crate::model::{CommitId, Source};

/// The parts of `package.json` that are read.
#[derive(Default, Deserialize)]
pub(super) struct Manifest {
    version: Option<String>,
    #[serde(default)]
    scripts: BTreeMap<String, serde_json::Value>,
    #[serde(rename = "packageManager")]
    package_manager: Option<String>,
    #[serde(rename = "gitHead")]
    git_head: Option<String>,
}

/// Life-cycle scripts that `npm pack` runs (npm documentation, "Life Cycle
/// Operation Order").
const PACK_SCRIPTS: [&str; 3] = ["prepack", "prepare", "postpack"];

/// What `npm publish` runs before it packs, by its names then and now.
const PUBLISH_SCRIPTS: [&str; 2] = ["prepublishOnly", "prepublish"];

/// What publishers run by hand before they publish, by convention.
const BUILD_SCRIPT: &str = "build";

/// The source's manifest.
///
/// # Errors
/// [`Error::Incomplete`] where there is none, or it does not parse.
pub(super) fn of_source(tree: &BTreeMap<String, Vec<u8>>) -> Result<Manifest, Error> {
    let Some(bytes) = tree.get("package.json") else {
        return Err(Error::Incomplete(
            "the source has no package.json in the package's folder".into(),
        ));
    };
    parse(bytes).map_err(|error| {
        Error::Incomplete(format!("the source's package.json does not parse: {error}"))
    })
}

fn parse(bytes: &[u8]) -> Result<Manifest, serde_json::Error> {
    serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

impl Manifest {
    /// Whether publishing wrote `version` in: the source has none, or another one. That
    /// it may have is the source room's to say.
    pub(super) fn leaves_open(&self, version: &str) -> bool {
        // npm takes these away (semver, "parse").
        let bare = |text: &str| text.trim().trim_start_matches(['=', 'v']).to_owned();
        self.version.as_deref().map(bare) != Some(bare(version))
    }

    fn has(&self, script: &str) -> bool {
        self.scripts.contains_key(script)
    }

    /// Whether `npm pack` runs a script.
    pub(super) fn runs_on_packing(&self) -> bool {
        PACK_SCRIPTS.iter().any(|script| self.has(script))
    }

    /// The script that publishing runs and packing does not.
    pub(super) fn publish_script(&self) -> Option<&'static str> {
        PUBLISH_SCRIPTS.into_iter().find(|script| self.has(script))
    }

    /// The script that publishers run by hand.
    pub(super) fn build_script(&self) -> Option<&'static str> {
        self.has(BUILD_SCRIPT).then_some(BUILD_SCRIPT)
    }

    /// The version of `tool` in `packageManager` (Node.js documentation, "Packages",
    /// `packageManager`), without the digest after a `+`.
    pub(super) fn manager_version(&self, tool: &str) -> Option<&str> {
        let version = self
            .package_manager
            .as_deref()?
            .strip_prefix(tool)?
            .strip_prefix('@')?
            .split('+')
            .next()?;
        semver::Version::parse(version).is_ok().then_some(version)
    }
}

/// The source's commit, where the published manifest names exactly it under `gitHead`
/// and the source's does not: publishing tools of monorepos write it in before they pack.
pub(super) fn written_commit<'a>(facts: &Facts<'a>, manifest: &Manifest) -> Option<&'a CommitId> {
    let Source::Git { git, .. } = facts.source else {
        return None;
    };
    let published = parse(facts.members.get("package.json")?).ok()?;
    let names_it = published.git_head.as_deref() == Some(git.commit.as_str());
    (names_it && manifest.git_head.is_none()).then_some(&git.commit)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn manifest(json: &str) -> Manifest {
        parse(json.as_bytes()).expect("valid")
    }

    #[test]
    fn scripts_of_packing_publishing_and_building_are_told_apart() {
        let prepare = manifest(r#"{"scripts":{"prepare":"x"}}"#);
        assert!(prepare.runs_on_packing() && prepare.publish_script().is_none());
        let publish = manifest(r#"{"scripts":{"prepublishOnly":"x"}}"#);
        assert!(!publish.runs_on_packing());
        assert_eq!(publish.publish_script(), Some("prepublishOnly"));
        let build = manifest(r#"{"scripts":{"build":"x","test":"y"}}"#);
        assert!(!build.runs_on_packing() && build.publish_script().is_none());
        assert_eq!(build.build_script(), Some("build"));
        assert!(manifest("{}").build_script().is_none());
    }

    #[test]
    fn a_version_that_the_source_leaves_open_is_written_in() {
        assert!(manifest(r#"{"version":"0.0.0-development"}"#).leaves_open("1.0.0"));
        assert!(manifest("{}").leaves_open("1.0.0"));
        assert!(!manifest(r#"{"version":"1.0.0"}"#).leaves_open("1.0.0"));
        assert!(!manifest(r#"{"version":"v1.0.0"}"#).leaves_open("1.0.0"));
    }

    #[test]
    fn a_package_manager_is_named_with_a_whole_version_or_not_at_all() {
        let named = manifest(r#"{"packageManager":"pnpm@9.1.0+sha512.abc"}"#);
        assert_eq!(named.manager_version("pnpm"), Some("9.1.0"));
        assert_eq!(named.manager_version("yarn"), None);
        let odd = manifest(r#"{"packageManager":"pnpm@latest"}"#);
        assert_eq!(odd.manager_version("pnpm"), None);
    }

    #[test]
    fn a_commit_is_written_only_where_it_is_the_sources_own() {
        let written = |published: &str, source: &str| {
            let mut situation = Situation::npm();
            situation.member("package.json", published);
            let source = manifest(source);
            situation.with_facts(|facts| written_commit(facts, &source).cloned())
        };
        let own = format!(r#"{{"gitHead":"{}"}}"#, "a".repeat(40));
        let other = format!(r#"{{"gitHead":"{}"}}"#, "b".repeat(40));
        assert!(written(&own, "{}").is_some());
        assert!(written(&other, "{}").is_none());
        assert!(written("{}", "{}").is_none());
        assert!(written(&own, &own).is_none());
    }
}
