//! What `package.json` says that packing depends on. Pure.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobBuilder;
use serde::Deserialize;

use super::super::{Error, Facts};
use super::shell::{self, Purpose};
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
    #[serde(default)]
    private: serde_json::Value,
    #[serde(default)]
    files: serde_json::Value,
    #[serde(rename = "publishConfig", default)]
    publish_config: serde_json::Value,
    #[serde(default)]
    release: serde_json::Value,
    #[serde(default)]
    workspaces: serde_json::Value,
    #[serde(default)]
    engines: serde_json::Value,
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

/// What semantic-release's plugin for npm is told to publish, among its plugins.
fn package_root(release: &serde_json::Value) -> Option<&str> {
    let plugins = release["plugins"].as_array()?.iter();
    plugins
        .filter_map(|plugin| plugin.as_array())
        .find(|plugin| {
            plugin
                .first()
                .is_some_and(|name| name == "@semantic-release/npm")
        })?
        .get(1)?["pkgRoot"]
        .as_str()
}

/// Whether a character stands between the words of a command, rather than in a script's name.
fn is_between_words(character: char) -> bool {
    character.is_whitespace() || "&|;'\"()".contains(character)
}

/// Whether a script's name can be named on a command line as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_:.".contains(c);
    !name.starts_with('-') && name.chars().all(is_plain)
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

    pub(super) fn has(&self, script: &str) -> bool {
        self.scripts.contains_key(script)
    }

    /// The text of a script that publishing runs by itself, where npm would run others with
    /// it if it were called by name: publishing does not (npm, `libnpmpack` and `pacote`,
    /// which run the one event).
    pub(super) fn alone(&self, script: &str) -> Option<&str> {
        let has_others = self.has(&format!("pre{script}")) || self.has(&format!("post{script}"));
        let is_run = PUBLISHING.contains(&script) && has_others;
        self.scripts.get(script)?.as_str().filter(|_| is_run)
    }

    /// Scripts that publish by their own words; before them those that are called as if they
    /// did, by convention.
    pub(super) fn publishing_scripts(&self) -> impl Iterator<Item = &str> {
        let publishes = |text: &str| {
            let parted = shell::commands(text).unwrap_or_default();
            let mut parted = parted.iter();
            parted.any(|command| matches!(shell::purpose(command), Purpose::Publishes(_)))
        };
        let publishes = move |name: &&str| {
            let text = self.scripts.get(*name).and_then(|text| text.as_str());
            // After a version was set, or before something else is run, is another matter.
            let is_called = !name.starts_with("post") && !PUBLISHING.contains(name);
            is_called && text.is_some_and(publishes)
        };
        let usual = ["release", "publish"];
        let others = self.scripts.keys().map(String::as_str);
        let others = others.filter(move |name| !usual.contains(name));
        usual
            .into_iter()
            .filter(|name| self.has(name))
            .chain(others.filter(publishes))
    }

    /// A script with the one that npm runs before it (npm documentation, "scripts", "Pre &
    /// Post Scripts"), as lines.
    pub(super) fn with_those_before(&self, script: &str) -> Option<String> {
        let text = |name: &str| self.scripts.get(name)?.as_str();
        let own = text(script)?;
        Some(match text(&format!("pre{script}")) {
            Some(before) => format!("{before}\n{own}"),
            None => own.to_owned(),
        })
    }

    /// What a script runs.
    pub(super) fn command_of(&self, script: &str) -> Option<&str> {
        self.scripts.get(script)?.as_str()
    }

    /// Whether this script runs a program of the repository's own.
    pub(super) fn has_own_program(&self, script: &str) -> bool {
        let words: Vec<&str> = self
            .command_of(script)
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        match words[..] {
            ["sh" | "bash" | "node", path, ..] => path.contains(['/', '.']),
            [path, ..] => path.starts_with("./") || path.starts_with("scripts/"),
            [] => false,
        }
    }

    /// The script that hands this word to a program of the repository's own, and does nothing else.
    /// What others do with a file is known: they serve it, say, or remove it.
    pub(super) fn script_that_is_told(&self, word: &str) -> Option<&str> {
        let is_program = |path: &str| {
            let ends = [".js", ".cjs", ".mjs"]
                .iter()
                .any(|end| path.ends_with(end));
            ends && path != word
        };
        let is_told = |command: &serde_json::Value| {
            let mut words = command.as_str().unwrap_or_default().split_whitespace();
            words.next() == Some("node")
                && words.next().is_some_and(is_program)
                && words.clone().all(|word| !word.contains(['&', '|', ';']))
                && words.any(|one| one.trim_matches(['\'', '"']) == word)
        };
        let (name, _) = self
            .scripts
            .iter()
            .find(|(name, command)| !shell::checks(name) && is_told(command))?;
        Some(name)
    }

    /// The folder that is published in the package's place, below it: as pnpm and
    /// semantic-release are told (pnpm documentation, "package.json",
    /// `publishConfig.directory`; `@semantic-release/npm`, `README.md`, `pkgRoot`); or, where
    /// npm would refuse to publish what this manifest is of, the one for which a script
    /// makes another manifest.
    pub(super) fn published_folder(&self) -> Option<String> {
        let is_told = self.publish_config["directory"]
            .as_str()
            .or_else(|| package_root(&self.release));
        let made = || {
            let scripts = self.scripts.values().filter_map(|text| text.as_str());
            scripts
                .flat_map(|text| text.split(is_between_words))
                .filter_map(|word| word.strip_suffix("/package.json"))
                .find(|folder| !folder.contains(['*', '$', '{']) && *folder != ".")
        };
        let folder = is_told.or_else(|| made().filter(|_| self.private == true))?;
        shell::plain_folder(folder).filter(|folder| !folder.is_empty())
    }

    /// A script that makes this folder below the package's, where none of these and of those that
    /// they call does, and which can be named on a command line as it is.
    pub(super) fn makes(&self, folder: &str, running: &[&str]) -> Option<&str> {
        let makes = |text: &str| {
            let commands = shell::commands(text).unwrap_or_default();
            commands.iter().any(|command| shell::makes(command, folder))
        };
        let scripts = self.scripts.iter();
        let makers = scripts.filter(|(_, text)| text.as_str().is_some_and(makes));
        let makers: Vec<&String> = makers.map(|(name, _)| name).collect();
        let called = self.called_by(running);
        if makers.iter().any(|name| called.contains(*name)) {
            return None;
        }
        let mut makers = makers.into_iter();
        makers
            .find(|name| is_plain(name) && !shell::checks(name))
            .map(String::as_str)
    }

    /// What `files` lists.
    pub(super) fn files(&self) -> Vec<&str> {
        let listed = self.files.as_array().into_iter().flatten();
        listed.filter_map(serde_json::Value::as_str).collect()
    }

    /// Whether a folder below is one of its workspaces (yarn documentation, "Workspaces", "How
    /// to use it?"; yarn 1.22, `config.js`, `resolveWorkspaceRoot` and `getWorkspaces`).
    pub(super) fn is_root_of(&self, folder: &str) -> bool {
        let listed = match &self.workspaces {
            serde_json::Value::Object(map) => map.get("packages"),
            listed => Some(listed),
        };
        let patterns = listed.and_then(serde_json::Value::as_array);
        let mut patterns = patterns.into_iter().flatten();
        patterns.any(|pattern| {
            let pattern = pattern.as_str().unwrap_or_default();
            let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
            // Linear in both, which are the source's own.
            let glob = GlobBuilder::new(pattern).literal_separator(true).build();
            glob.is_ok_and(|glob| glob.compile_matcher().is_match(folder))
        })
    }

    /// The range of a package that it depends on.
    pub(super) fn range_of(&self, name: &str) -> Option<&str> {
        let maps = [&self.dev_dependencies, &self.dependencies];
        maps.into_iter().find_map(|map| map[name].as_str())
    }

    /// The script that builds.
    pub(super) fn build(&self) -> Option<&'static str> {
        BUILDING.into_iter().find(|script| self.has(script))
    }

    /// A script of another name that runs a program that builds, which nothing that publishing runs
    /// calls, and which can be named on a command line as it is.
    pub(super) fn runs_a_builder(&self) -> Option<&str> {
        let builds = |text: &str| {
            let commands = shell::commands(text).unwrap_or_default();
            commands.iter().any(|command| shell::builds(command))
        };
        let called = self.called_by(&self.run_by_publishing());
        let mut scripts = self.scripts.iter();
        let (name, _) = scripts.find(|(name, text)| {
            let is_other = !called.contains(*name) && !shell::checks(name);
            is_other && is_plain(name) && text.as_str().is_some_and(builds)
        })?;
        Some(name)
    }

    /// The scripts that publishing runs by itself.
    pub(super) fn run_by_publishing(&self) -> Vec<&'static str> {
        PUBLISHING.into_iter().filter(|s| self.has(s)).collect()
    }

    /// The scripts that run before the package is packed: each a list to try, the likeliest
    /// first. What publishing runs by itself is in each; a script for building comes before it
    /// where nothing of that calls it, and else by itself last.
    pub(super) fn scripts_to_try(&self) -> Vec<Vec<&'static str>> {
        let publishing = self.run_by_publishing();
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

    /// What it needs for development and these scripts call by its name, where that is not all of
    /// it.
    pub(super) fn called_alone(&self, scripts: &[&str]) -> Option<Vec<String>> {
        let needed = self.dev_dependencies.as_object()?;
        let called = self.called_by(scripts);
        let texts = called
            .iter()
            .filter_map(|script| self.scripts.get(script)?.as_str());
        let words: BTreeSet<&str> = texts
            .flat_map(|text| text.split(is_between_words))
            .collect();
        let names = needed.keys().filter(|name| words.contains(name.as_str()));
        let names: Vec<String> = names.cloned().collect();
        (!names.is_empty() && names.len() < needed.len()).then_some(names)
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

    /// Whether something that it asks for is at a git host or another address, which builds do not
    /// reach (npm documentation, "package.json", "dependencies"). What is left out then, the program
    /// that installs says (`mend.cjs`).
    pub(super) fn asks_outside(&self) -> bool {
        let is_outside = |spec: &str| {
            let words = [
                "git+",
                "git:",
                "git@",
                "github:",
                "gitlab:",
                "bitbucket:",
                "gist:",
            ];
            let is_word = |c: char| c.is_alphanumeric() || "_.-".contains(c);
            let place = spec.split('#').next().unwrap_or(spec);
            let is_shorthand = place.split_once('/').is_some_and(|(owner, name)| {
                let are_words = owner.chars().chain(name.chars()).all(is_word);
                !owner.starts_with('.') && !owner.is_empty() && !name.is_empty() && are_words
            });
            let is_address = ["https://", "http://"]
                .iter()
                .any(|scheme| spec.starts_with(scheme));
            is_shorthand || is_address || words.iter().any(|word| spec.starts_with(word))
        };
        let maps = [&self.dependencies, &self.dev_dependencies];
        let mut specs = maps.into_iter().filter_map(|map| map.as_object()).flatten();
        specs.any(|(_, spec)| spec.as_str().is_some_and(is_outside))
    }

    /// Whether a script that is none of publishing's runs one script and then another, as what
    /// tests before a release may build and then format what was built.
    pub(super) fn runs_in_order(&self, first: &str, then: &str) -> bool {
        let texts = self.scripts.iter().filter_map(|(name, text)| {
            let is_publishings = PUBLISHING.contains(&name.as_str());
            text.as_str().filter(|_| !is_publishings)
        });
        texts.into_iter().any(|text| {
            let mut words = text.split(is_between_words);
            words.any(|word| word == first) && words.any(|word| word == then)
        })
    }

    /// Whether a script has this program's name for a word.
    pub(super) fn calls(&self, program: &str) -> bool {
        let mut scripts = self.scripts.values().filter_map(|text| text.as_str());
        scripts.any(|text| text.split(is_between_words).any(|word| word == program))
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

    /// The lowest version of `tool` that `engines` asks for, where that is one range with a lower
    /// end that it has (npm documentation, "package.json", "engines"); numbers that are left out
    /// are zeros.
    pub(super) fn lowest_engine(&self, tool: &str) -> Option<semver::Version> {
        let range = self.engines.get(tool)?.as_str()?.trim();
        let is_open = range.starts_with('>') && !range.starts_with(">=");
        if is_open || range.contains("||") {
            return None;
        }
        let lowest = range.trim_start_matches(['^', '~', '=', 'v', '>', ' ']);
        let lowest = lowest.split_whitespace().next()?;
        let missing = 2_usize.saturating_sub(lowest.matches('.').count());
        semver::Version::parse(&format!("{lowest}{}", ".0".repeat(missing))).ok()
    }
}

/// The source's commit, where the published manifest names exactly it under `gitHead`: publishing
/// tools of monorepos write it in before they pack. What the source has there, if anything, was
/// written for an earlier release and committed then: no commit holds its own name.
pub(super) fn written_commit<'a>(facts: &Facts<'a>) -> Option<&'a CommitId> {
    let Source::Git { git, .. } = facts.source else {
        return None;
    };
    let published = parse(facts.members.get("package.json")?).ok()?;
    let names_it = published.git_head.as_deref() == Some(git.commit.as_str());
    names_it.then_some(&git.commit)
}

/// The script that writes into the source's manifest what the published one says instead: one that
/// hands a file which that names, where the source names another, to a program of the repository's
/// own.
pub(super) fn script_that_edits<'a>(facts: &Facts<'_>, source: &'a Manifest) -> Option<&'a str> {
    let maps = [
        facts.members.get("package.json")?,
        facts.tree.get("package.json")?,
    ]
    .map(|bytes| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).ok());
    let [published, written] = maps;
    let (published, written) = (published?, written?);
    let is_file = |text: &&str| text.contains('/') && !text.contains("://");
    // What pnpm writes by itself needs no script (pnpm documentation, "package.json",
    // `publishConfig`).
    let overrides = written.get("publishConfig").cloned().unwrap_or_default();
    let is_edited = |(key, value): &(&String, &serde_json::Value)| {
        written.get(*key).is_some_and(|before| before != *value) && overrides[*key] != **value
    };
    published
        .iter()
        .filter(is_edited)
        .filter_map(|(_, value)| value.as_str().filter(is_file))
        .find_map(|file| source.script_that_is_told(file))
        .filter(|name| is_plain(name))
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
    fn what_publishing_runs_is_run_alone_where_npm_would_run_others_with_it() {
        let found = manifest(
            r#"{"scripts":{"prepare":"a","postprepare":"b","prepack":"c","build":"d","prebuild":"e"}}"#,
        );
        assert_eq!(found.alone("prepare"), Some("a"));
        assert_eq!(found.alone("prepack"), None);
        assert_eq!(found.alone("build"), None);
    }

    #[test]
    fn scripts_that_publish_are_told_by_their_words() {
        let found = manifest(
            r#"{"scripts":{"ship":"npm publish","postversion":"npm publish","release":"npm run ship","prepublish":"npm publish","build":"npm-publish"}}"#,
        );
        let names: Vec<_> = found.publishing_scripts().collect();
        assert_eq!(names, ["release", "ship"]);
    }

    #[test]
    fn another_folder_is_published_where_that_is_said_or_nothing_else_can_be() {
        let folder = |json: &str| manifest(json).published_folder();
        let told = r#"{"publishConfig":{"directory":"./dist"}}"#;
        assert_eq!(folder(told).as_deref(), Some("dist"));
        let plugin = |name: &str| {
            folder(&format!(
                r#"{{"release":{{"plugins":["x",["{name}",{{"pkgRoot":"lib"}}]]}}}}"#
            ))
        };
        assert_eq!(plugin("@semantic-release/npm").as_deref(), Some("lib"));
        assert_eq!(plugin("@semantic-release/git"), None);
        let made = |private: &str, path: &str| {
            folder(&format!(
                r#"{{"private":{private},"scripts":{{"copy":"json -I -f {path} -e x"}}}}"#
            ))
        };
        assert_eq!(made("true", "dist/package.json").as_deref(), Some("dist"));
        assert_eq!(made("false", "dist/package.json"), None);
        assert_eq!(made("true", "../package.json"), None);
        assert_eq!(made("true", "./package.json"), None);
    }

    #[test]
    fn what_makes_a_folder_is_a_script_that_nothing_that_runs_calls() {
        let found = |build: &str, stage: &str| {
            let scripts = format!(
                r#"{{"scripts":{{"build":"{build}","clean":"rm -r out","stage":"{stage}","test":"mkdir out"}}}}"#
            );
            manifest(&scripts)
                .makes("out", &["build"])
                .map(str::to_owned)
        };
        assert_eq!(
            found("tsc", "rm -r out && mkdir out").as_deref(),
            Some("stage")
        );
        assert_eq!(found("tsc && cp a out", "mkdir out"), None);
        assert_eq!(found("npm run stage", "mkdir out"), None);
        assert_eq!(found("tsc", "rm -r out"), None);
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
    fn what_scripts_call_by_its_name_is_told_from_what_else_is_for_development() {
        let alone = |scripts: &str, needed: &str| {
            let text = format!(r#"{{"scripts":{{{scripts}}},"devDependencies":{{{needed}}}}}"#);
            manifest(&text).called_alone(&["prepack"])
        };
        let scripts = r#""prepack":"npm run own && first --auto","own":"second","test":"third""#;
        let all = r#""first":"1","second":"1","third":"1""#;
        let both = vec!["first".to_owned(), "second".to_owned()];
        assert_eq!(alone(scripts, all), Some(both));
        assert_eq!(alone(scripts, r#""first":"1","second":"1""#), None);
        assert_eq!(alone(scripts, r#""third":"1""#), None);
        assert_eq!(alone(r#""prepack":"first-other""#, all), None);
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
    fn the_lowest_version_of_an_engine_is_told_where_its_range_begins_with_one() {
        let lowest = |range: &str| {
            let found = manifest(&format!(r#"{{"engines":{{"pnpm":"{range}"}}}}"#));
            found.lowest_engine("pnpm").map(|found| found.to_string())
        };
        for range in [
            ">=10.0.0",
            "^10.0.0",
            ">= 10.0.0 <12",
            "10.0.0",
            ">=10",
            "10.0",
        ] {
            assert_eq!(lowest(range).as_deref(), Some("10.0.0"), "{range}");
        }
        for other in ["*", "<11.0.0", ">10.0.0", "^10.0.0 || ^9.0.0", "10.x", ""] {
            assert_eq!(lowest(other), None, "{other}");
        }
        assert_eq!(manifest("{}").lowest_engine("pnpm"), None);
    }

    #[test]
    fn a_commit_is_written_only_where_it_is_the_sources_own() {
        let written = |published: &str| {
            let mut situation = Situation::npm();
            situation.member("package.json", published);
            situation.with_facts(|facts| written_commit(facts).cloned())
        };
        let of = |commit: &str| format!(r#"{{"gitHead":"{}"}}"#, commit.repeat(40));
        assert!(written(&of("a")).is_some());
        assert!(written(&of("b")).is_none());
        assert!(written("{}").is_none());
    }

    #[test]
    fn workspaces_are_told_by_their_patterns_in_no_more_time_than_those_take_to_read() {
        let is_root = |pattern: &str, folder: &str| {
            let text = format!(r#"{{"workspaces":["{pattern}"]}}"#);
            manifest(&text).is_root_of(folder)
        };
        assert!(is_root("packages/*", "packages/a"));
        assert!(is_root("./packages/a/", "packages/a"));
        assert!(is_root("{apps,packages}/*", "packages/a"));
        assert!(is_root("packages/**", "packages/a/b"));
        assert!(!is_root("packages/*", "packages/a/b"));
        assert!(!is_root("packages/[", "packages/["));
        let hostile = format!("{}/", "*a".repeat(40));
        assert!(!is_root(&hostile, &format!("{}/b", "a".repeat(200))));
    }
}
