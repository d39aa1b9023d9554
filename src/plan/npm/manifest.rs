//! What `package.json` says that packing depends on. Pure.

use std::collections::{BTreeMap, BTreeSet};

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
    // Maps, where they are what npm takes.
    #[serde(default)]
    dependencies: serde_json::Value,
    #[serde(rename = "devDependencies", default)]
    dev_dependencies: serde_json::Value,
    #[serde(rename = "gitHead")]
    git_head: Option<String>,
}

/// Life-cycle scripts that run before a publisher's package is packed, in npm's order (npm
/// documentation, "Life Cycle Operation Order"); the first is one that later releases run
/// when they install, which comes before.
const PUBLISHING: [&str; 4] = ["prepublish", "prepublishOnly", "prepack", "prepare"];

/// What publishers run by hand before they publish, by convention: what builds all, then
/// what builds.
const BUILDING: [&str; 8] = [
    "build:all",
    "build-all",
    "build",
    "build:prod",
    "dist",
    "compile",
    "bundle",
    "transpile",
];

/// How scripts are called that test and make nothing, by convention: they take long.
const CHECKING: [&str; 4] = ["test", "lint", "check", "coverage"];

/// How many scripts for building are tried.
const MOST_BUILDS: usize = 2;

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

/// Whether a character stands between the words of a command, rather than in a script's name.
fn is_between_words(character: char) -> bool {
    character.is_whitespace() || "&|;'\"()".contains(character)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, serde_json::Error> {
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

    /// The scripts that run before the package is packed: each a list to try, the likeliest
    /// first. What publishing runs by itself is in each; a script for building comes before it
    /// where nothing of that calls it, and else by itself last.
    pub(super) fn scripts_to_try(&self) -> Vec<Vec<&'static str>> {
        let publishing: Vec<_> = PUBLISHING.into_iter().filter(|s| self.has(s)).collect();
        let called = self.called_by(&publishing);
        let checks = |name: &String| CHECKING.iter().any(|check| name.starts_with(check));
        let has_checks = called.iter().any(checks);
        if let Some(build) = BUILDING.into_iter().find(|script| called.contains(*script)) {
            // What is called before it may fail where it is not the publisher's machine, and
            // then it does not come to the build.
            let calls_others = called.len() > publishing.len() + 1;
            return match (calls_others, has_checks) {
                (false, _) => vec![publishing],
                (true, false) => vec![publishing, vec![build]],
                (true, true) => vec![vec![build], publishing],
            };
        }
        let builds = BUILDING.into_iter().filter(|script| self.has(script));
        let mut lists: Vec<Vec<_>> = builds
            .take(MOST_BUILDS)
            .map(|build| std::iter::once(build).chain(publishing.clone()).collect())
            .collect();
        if has_checks && let Some(first) = lists.first_mut() {
            first.truncate(1);
        }
        if !publishing.is_empty() {
            lists.push(publishing);
        }
        lists
    }

    /// Scripts of these names, with every script that is named in what they run: a word of
    /// a command that is a script's name is taken for a call of it.
    fn called_by(&self, scripts: &[&str]) -> BTreeSet<String> {
        let mut called: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = scripts.iter().map(|&name| name.to_owned()).collect();
        while let Some(name) = open.pop() {
            let Some(command) = self.scripts.get(&name).and_then(|value| value.as_str()) else {
                continue;
            };
            if called.insert(name.clone()) {
                // npm runs these with it (npm documentation, "scripts", "Pre & Post Scripts").
                open.extend([format!("pre{name}"), format!("post{name}")]);
                open.extend(command.split(is_between_words).map(str::to_owned));
            }
        }
        called
    }

    /// What it depends on at the versions that its ranges begin with, where those say more
    /// than a minor version's first release: then the author raised them to what was new.
    pub(super) fn at_their_lowest(&self) -> Vec<String> {
        [&self.dependencies, &self.dev_dependencies]
            .into_iter()
            .filter_map(|map| map.as_object())
            .flatten()
            // npm would take it for an option.
            .filter(|(name, _)| !name.starts_with('-'))
            .filter_map(|(name, range)| {
                let range = range.as_str()?;
                let lowest = range.trim_start_matches(['^', '~', '=', 'v', ' ']);
                let version = semver::Version::parse(lowest).ok()?;
                match (version.minor, version.patch) {
                    (0, 0) => None,
                    // Some packages skip a minor version's first release.
                    (_, 0) => Some(format!("{name}@~{version}")),
                    (_, _) => Some(format!("{name}@{version}")),
                }
            })
            .collect()
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
    fn what_publishing_runs_is_in_every_list_and_a_build_that_nothing_calls_before_it() {
        let lists = |scripts: &str| {
            manifest(&format!(r#"{{"scripts":{{{scripts}}}}}"#))
                .scripts_to_try()
                .iter()
                .map(|list| list.join(" "))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            lists(r#""prepare":"tsc","prepublishOnly":"x""#),
            ["prepublishOnly prepare"]
        );
        assert_eq!(lists(r#""build":"x","test":"y""#), ["build"]);
        assert_eq!(
            lists(r#""build":"x","prepare":"husky install""#),
            ["build prepare", "prepare"]
        );
        assert_eq!(
            lists(r#""build":"x","prepack":"yarn build && y""#),
            ["prepack"]
        );
        // By way of another, and by what npm runs with it. The build alone is tried too
        // where something else could keep it from running.
        assert_eq!(
            lists(r#""build":"x","prepare":"run-s all","preall":"npm run build","all":"y""#),
            ["prepare", "build"]
        );
        // Without the tests first, since nothing of them is packed.
        assert_eq!(
            lists(r#""build":"x","test":"y","prepare":"npm test && npm run build""#),
            ["build", "prepare"]
        );
        assert_eq!(
            lists(r#""build":"x","lint:js":"y","prepublishOnly":"npm run lint:js""#),
            ["build", "prepublishOnly"]
        );
        // A part of a word is no call.
        assert_eq!(
            lists(r#""build":"x","prepare":"build-things""#),
            ["build prepare", "prepare"]
        );
        assert_eq!(
            lists(r#""build-all":"x","build":"tsc","dist":"y""#),
            ["build-all", "build"]
        );
        assert!(lists(r#""test":"x""#).is_empty());
    }

    #[test]
    fn scripts_that_call_each_other_come_to_an_end() {
        let round = manifest(r#"{"scripts":{"prepare":"npm run a","a":"npm run prepare"}}"#);
        assert_eq!(round.scripts_to_try(), [["prepare"]]);
    }

    #[test]
    fn a_version_that_the_source_leaves_open_is_written_in() {
        assert!(manifest(r#"{"version":"0.0.0-development"}"#).leaves_open("1.0.0"));
        assert!(manifest("{}").leaves_open("1.0.0"));
        assert!(!manifest(r#"{"version":"1.0.0"}"#).leaves_open("1.0.0"));
        assert!(!manifest(r#"{"version":"v1.0.0"}"#).leaves_open("1.0.0"));
    }

    #[test]
    fn a_range_that_was_raised_is_taken_at_its_lowest() {
        let lowest = |range: &str| {
            manifest(&format!(r#"{{"devDependencies":{{"a":"{range}"}}}}"#)).at_their_lowest()
        };
        assert_eq!(lowest("^4.2.3"), ["a@4.2.3"]);
        assert_eq!(lowest("~4.0.1"), ["a@4.0.1"]);
        assert_eq!(lowest("^4.1.0"), ["a@~4.1.0"]);
        for other in ["^4.0.0", "^4", "*", ">=4.2.0 <5", "next", "file:../a"] {
            assert!(lowest(other).is_empty(), "{other}");
        }
        let option = manifest(r#"{"dependencies":{"--prefix=/x":"^1.2.3"}}"#);
        assert!(option.at_their_lowest().is_empty());
        let own = manifest(r#"{"dependencies":{"a":"^1.2.0"},"devDependencies":{"b":1}}"#);
        assert_eq!(own.at_their_lowest(), ["a@~1.2.0"]);
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
