//! Where a repository's root calls a task runner that builds all of its packages, the same for the
//! one that is published: the runner builds what that needs before it, and nothing else. Pure.

use std::collections::BTreeMap;

use super::actions::major;
use super::lists::{Call, List};
use super::manifest::Manifest;
use super::shell::{Purpose, purpose};

/// The runners, each with what calls it for all packages.
const RUNNERS: [(Runner, [&str; 2]); 3] = [
    (Runner::Turbo, ["turbo", "run"]),
    (Runner::Nx, ["nx", "run-many"]),
    (Runner::Lerna, ["lerna", "run"]),
];

/// The file in a package's folder by which Nx knows it (Nx documentation, "Project Configuration").
pub(super) const PROJECT: &str = "project.json";

/// What may stand before a runner.
const BEFORE: [&str; 3] = ["npx", "yarn", "pnpm"];

/// A task runner that is told of a package by an option of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// Turborepo documentation, "Filtering workspaces"; since its 1.2, what comes before it ends
    /// with an error.
    Turbo,
    /// Nx documentation, "nx run-many".
    Nx,
    /// Lerna documentation, "Filter options".
    Lerna,
}

impl Runner {
    /// The options that name packages already, each followed by a value or with one.
    const fn naming(self) -> &'static [&'static str] {
        match self {
            Self::Turbo => &["--filter", "--scope", "-F"],
            Self::Nx => &["--projects", "-p"],
            Self::Lerna => &["--scope"],
        }
    }

    /// Options beside which one package cannot be named: they choose others, or leave it out.
    const fn choosing(self) -> &'static [&'static str] {
        match self {
            Self::Turbo => Self::Turbo.naming(),
            Self::Nx => &["--all", "--exclude"],
            Self::Lerna => &["--ignore", "--since"],
        }
    }
}

/// The package that is published, by the names that runners know it by.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    /// The name of Nx, where a file of its own says one (Nx documentation, "Project
    /// Configuration", `name`).
    pub(super) project: Option<&'a str>,
    /// Whether scripts are run by npm, with what stands around them.
    pub(super) by_npm: bool,
}

/// The folder of the repository's root, below the work folder.
const ROOT: &str = "src";

/// The most commands that are looked at: scripts that call each other multiply.
const MAX_COMMANDS: usize = 300;

/// The most bytes of commands that are: no more can be handed to a shell (execve(2), "Limits on size of
/// arguments and environment").
const MAX_BYTES: usize = 128 << 10;

/// How deep scripts that call scripts are followed.
const MAX_DEPTH: usize = 3;

/// The list for one package, where anything in it is called for all.
pub(super) fn narrowed(list: &List, root: &Manifest, package: &Package<'_>) -> Option<List> {
    if !is_plain(package.name) {
        return None;
    }
    let mut narrowing = Narrowing {
        root,
        package,
        left: MAX_COMMANDS,
        bytes: MAX_BYTES,
    };
    let mut list = List {
        is_narrowed: true,
        ..list.clone()
    };
    let mut is_narrowed = false;
    for call in &mut list.calls {
        let text = match call {
            Call::Command { text, cwd, .. } if cwd == ROOT => narrowing.of_text(text),
            Call::Script { name, alone, cwd } if cwd == ROOT && alone.is_none() => {
                narrowing.of_script(name, 0, package.by_npm)
            }
            Call::Command { .. } | Call::Script { .. } | Call::Version { .. } => None,
        };
        let Some(narrowed) = text else { continue };
        is_narrowed = true;
        match call {
            Call::Command { text, .. } => *text = narrowed,
            Call::Script { .. } | Call::Version { .. } => {
                *call = Call::Command {
                    text: narrowed,
                    env: BTreeMap::new(),
                    cwd: ROOT.to_owned(),
                    why: "the root's script runs it for all packages",
                };
            }
        }
    }
    is_narrowed.then_some(list)
}

/// Whether a name can stand in a command as it is.
fn is_plain(name: &str) -> bool {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "@/._-".contains(one);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain)
}

/// What is narrowed, and how many commands and bytes of such may still be looked at.
struct Narrowing<'a> {
    root: &'a Manifest,
    package: &'a Package<'a>,
    left: usize,
    bytes: usize,
}

impl Narrowing<'_> {
    /// Lines for one package, where one of them is for all.
    fn of_text(&mut self, text: &str) -> Option<String> {
        self.of_each(
            &text.lines().collect::<Vec<_>>(),
            "\n",
            |narrowing, line| narrowing.of_chain(line, 0),
        )
    }

    /// Commands that run one after the other, with those for one package that call a runner for all.
    fn of_chain(&mut self, line: &str, depth: usize) -> Option<String> {
        self.bytes = self.bytes.checked_sub(line.len())?;
        let commands: Vec<&str> = line.split("&&").map(str::trim).collect();
        // Quoted, these signs part nothing.
        let is_whole = |command: &&str| is_quoted_to_its_end(command);
        if !commands.iter().all(is_whole) {
            return None;
        }
        self.of_each(&commands, " && ", |narrowing, command| {
            narrowing.of_one(command, depth)
        })
    }

    /// Parts of a text with what they become; nothing where none becomes anything. After one that
    /// goes elsewhere the others are not the root's.
    fn of_each(
        &mut self,
        parts: &[&str],
        between: &str,
        mut narrow: impl FnMut(&mut Self, &str) -> Option<String>,
    ) -> Option<String> {
        let mut is_narrowed = false;
        let mut is_elsewhere = false;
        let mut all = Vec::new();
        for part in parts {
            is_elsewhere |= part
                .split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| ["cd", "pushd"].contains(&word));
            let narrowed = if is_elsewhere {
                None
            } else {
                narrow(self, part)
            };
            is_narrowed |= narrowed.is_some();
            all.push(narrowed.unwrap_or_else(|| (*part).to_owned()));
        }
        is_narrowed.then(|| all.join(between))
    }

    /// A command for one package, where it is one that calls a runner for all.
    fn of_one(&mut self, command: &str, depth: usize) -> Option<String> {
        self.left = self.left.checked_sub(1)?;
        if let Some(narrowed) = self.of_runner(command) {
            return Some(narrowed);
        }
        let Purpose::Script(name) = purpose(command) else {
            return None;
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        let (manager, told) = match &words[..] {
            [manager, "run", called, told @ ..] | [manager, called, told @ ..]
                if *called == name =>
            {
                (*manager, told)
            }
            _ => return None,
        };
        if told.is_empty() {
            return self.of_script(&name, depth, manager == "npm");
        }
        // What is told beside is told Turborepo alone, which takes its own option with it.
        let called = self.root.command_of(&name).and_then(runner);
        if called.is_none_or(|(called, _)| called != Runner::Turbo) {
            return None;
        }
        let are_options = |words: &[&str]| {
            let is_option = |word: &&str| word.starts_with("--") && *word != "--";
            words.iter().all(is_option)
        };
        // npm takes options for its own that stand before `--` (npm documentation, "npm run").
        let is_npms = manager == "npm";
        let is_told = match told {
            ["--", rest @ ..] if is_npms => are_options(rest),
            rest => !is_npms && are_options(rest),
        };
        is_told.then(|| format!("{command} --filter={}", self.package.name))
    }

    /// What a script of the root's runs, for one package, where it runs a runner for all; with what npm
    /// runs around it (npm documentation, "scripts", "Pre & Post Scripts"), which of the others not all run.
    fn of_script(&mut self, name: &str, depth: usize, by_npm: bool) -> Option<String> {
        let root = self.root;
        let has_around = ["pre", "post"].map(|around| root.has(&format!("{around}{name}")));
        if depth == MAX_DEPTH || (!by_npm && has_around.contains(&true)) {
            return None;
        }
        let own = self.of_chain(root.command_of(name)?, depth + 1)?;
        let [before, after] = ["pre", "post"].map(|around| format!("{around}{name}"));
        let mut around = |script: &str| {
            let narrowed = self.of_chain(root.command_of(script)?, depth + 1);
            Some(narrowed.unwrap_or_else(|| format!("npm run {script}")))
        };
        let all = [around(&before), Some(own), around(&after)];
        let all: Vec<String> = all.into_iter().flatten().collect();
        (all.len() == 1 || all.iter().all(|text| is_joinable(text))).then(|| all.join(" && "))
    }

    /// The call of a runner for one package, where it is one for all, or for others.
    fn of_runner(&self, command: &str) -> Option<String> {
        let (runner, _) = runner(command)?;
        let name = self.package.name;
        let option = match runner {
            Runner::Turbo => format!("--filter={name}"),
            Runner::Nx => {
                let project = self.package.project.unwrap_or(name);
                is_plain(project).then(|| format!("--projects={project}"))?
            }
            Runner::Lerna => {
                // Lerna, `CHANGELOG.md`, 3.0.0.
                let needed = match self.root.range_of("lerna").and_then(major) {
                    Some(..=2) => "--include-filtered-dependencies",
                    _ => "--include-dependencies",
                };
                format!("--scope={name} {needed}")
            }
        };
        let mut kept: Vec<&str> = Vec::new();
        let mut words = command.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if !runner.naming().contains(&option_of(word)) {
                kept.push(word);
            } else if !is_quoted_to_its_end(word) {
                return None;
            } else if !word.contains('=') {
                // One value, or several for Nx.
                while let Some(value) = words.next_if(|word| !word.starts_with('-')) {
                    if !is_quoted_to_its_end(value) {
                        return None;
                    }
                    if runner != Runner::Nx {
                        break;
                    }
                }
            }
        }
        Some(format!("{} {option}", kept.join(" ")))
    }
}

/// Whether a text says the same with another before it and after it.
fn is_joinable(text: &str) -> bool {
    let goes_elsewhere = |word: &str| ["cd", "pushd"].contains(&word);
    !text.replace("&&", "").contains(['#', ';', '&', '\n'])
        && !text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(goes_elsewhere)
}

/// Whether no quote is left open.
fn is_quoted_to_its_end(text: &str) -> bool {
    ['\'', '"']
        .iter()
        .all(|quote| text.matches(*quote).count() % 2 == 0)
}

/// The runner that a command calls for all packages, and the words after that.
fn runner(command: &str) -> Option<(Runner, Vec<&str>)> {
    if command.contains(['&', '|', ';', '<', '>', '`', '$', '(', ')', '#', '\n']) {
        return None;
    }
    let mut words: Vec<&str> = command.split_whitespace().collect();
    if words.first().is_some_and(|first| BEFORE.contains(first)) {
        words.remove(0);
    }
    let (found, called) = RUNNERS
        .iter()
        .find(|(_, called)| words.starts_with(called))?;
    let told = words.split_off(called.len());
    let has = |option: &&str| told.iter().any(|word| option_of(word) == *option);
    let is_all = !found.choosing().iter().any(has) && !told.contains(&"--");
    is_all.then_some((*found, told))
}

/// The option of a word, without its value.
fn option_of(word: &str) -> &str {
    word.split_once('=').map_or(word, |(option, _)| option)
}

#[cfg(test)]
mod tests {
    use super::super::manifest::parse;
    use super::*;

    fn narrowed_text(text: &str, cwd: &str) -> Option<String> {
        let scripts = r#"{"scripts":{"build":"turbo run build","stage":"turbo run stage --force","lint":"eslint","both":"turbo run a && b","one":"turbo run a --filter=x","round":"yarn round","many":"MANY"}}"#;
        let calls = vec!["yarn many"; 20].join(" && ");
        let scripts = &scripts.replace("MANY", &calls);
        narrowed_by(scripts, text, cwd, None)
    }

    fn narrowed_by(root: &str, text: &str, cwd: &str, project: Option<&str>) -> Option<String> {
        let root = parse(root.as_bytes()).expect("valid");
        let list = List {
            calls: vec![Call::Command {
                text: text.into(),
                env: Default::default(),
                cwd: cwd.into(),
                why: "",
            }],
            folder: None,
            is_made: false,
            said_by: None,
            is_workflow: true,
            is_narrowed: false,
        };
        let name = "@s/x";
        let found = narrowed(
            &list,
            &root,
            &Package {
                name,
                project,
                by_npm: true,
            },
        )?;
        match &found.calls[..] {
            [Call::Command { text, .. }] => Some(text.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scripts_that_build_all_by_the_runner_build_one_and_what_it_needs() {
        let of = |text: &str| narrowed_text(text, "src");
        assert_eq!(
            of("yarn build\nyarn lint\nyarn run stage").as_deref(),
            Some("turbo run build --filter=@s/x\nyarn lint\nturbo run stage --force --filter=@s/x")
        );
        assert_eq!(
            of("npm run build").as_deref(),
            Some("turbo run build --filter=@s/x")
        );
        assert_eq!(
            of("yarn build --concurrency=1").as_deref(),
            Some("yarn build --concurrency=1 --filter=@s/x")
        );
        assert_eq!(
            of("npm run build -- --force").as_deref(),
            Some("npm run build -- --force --filter=@s/x")
        );
        assert_eq!(
            of("npx turbo run build").as_deref(),
            Some("npx turbo run build --filter=@s/x")
        );
        assert_eq!(
            of("yarn lint && yarn both").as_deref(),
            Some("yarn lint && turbo run a --filter=@s/x && b")
        );
        for other in [
            "yarn lint",
            "yarn both --force",
            "yarn one",
            "yarn build x",
            "npm run build --force",
            "yarn build -- --force",
            "turbo run build | tee log",
            "turbo login",
            "yarn round",
            "NODE_ENV=production yarn build",
            "npm run -w other build",
            "cd packages/a && yarn build",
            "cd packages/a\nyarn build",
            "yarn lint && (turbo run build)",
            "yarn many",
            "sh -c \"a && turbo run build\"",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        // More than a shell can be handed is not made of it.
        let long = "x".repeat(MAX_BYTES / 20);
        let calls = ["yarn long"; 30].join(" && ");
        let scripts = format!(
            r#"{{"scripts":{{"long":"turbo run build && echo {long}","longer":"{calls}"}}}}"#
        );
        let of = |text| narrowed_by(&scripts, text, "src", None).map(|text| text.len());
        assert!(of("yarn long").is_some());
        assert!(of("yarn longer").is_none_or(|length| length <= MAX_BYTES));
        // Another folder's scripts are not the root's.
        assert_eq!(narrowed_text("yarn build", "src/packages/x"), None);
    }

    #[test]
    fn nx_is_told_of_one_project_and_lerna_of_one_package() {
        let nx = |text: &str, project| narrowed_by("{}", text, "src", project);
        assert_eq!(
            nx("nx run-many -t compile", None).as_deref(),
            Some("nx run-many -t compile --projects=@s/x")
        );
        assert_eq!(
            nx(
                "npx nx run-many --targets=build --projects=tag:type:pkg -p a",
                Some("x")
            )
            .as_deref(),
            Some("npx nx run-many --targets=build --projects=x")
        );
        for other in [
            "nx run-many --target=build --all",
            "nx run-many -t build --exclude='*,!tag:x'",
            "nx affected -t build",
        ] {
            assert_eq!(nx(other, None), None, "{other}");
        }
        let lerna = |range: &str, text: &str| {
            let root = format!(
                r#"{{"devDependencies":{{"lerna":"{range}"}},"scripts":{{"build":"lerna run --scope a --scope=b build","around":"lerna run x","postaround":"y","prearound":"npm run y","y":"lerna run y"}}}}"#
            );
            narrowed_by(&root, text, "src", None)
        };
        assert_eq!(
            lerna("^3.22.1", "npm run build").as_deref(),
            Some("lerna run build --scope=@s/x --include-dependencies")
        );
        assert_eq!(
            lerna("~2.11.0", "yarn lerna run build --stream").as_deref(),
            Some("yarn lerna run build --stream --scope=@s/x --include-filtered-dependencies")
        );
        assert_eq!(lerna("4", "lerna run build --since main"), None);
        assert_eq!(
            nx("nx run-many -p a b -t build", None).as_deref(),
            Some("nx run-many -t build --projects=@s/x")
        );
        assert_eq!(nx("nx run-many -t build --projects=\"a, b\"", None), None);
        // What npm runs around a script stays around its text; others may run none of it.
        assert_eq!(
            lerna("4", "npm run around").as_deref(),
            Some(
                "lerna run y --scope=@s/x --include-dependencies && \
                 lerna run x --scope=@s/x --include-dependencies && npm run postaround"
            )
        );
        assert_eq!(lerna("4", "yarn around"), None);
        for before in ["cd docs && x", "x;", "x &", "x # all"] {
            let root =
                format!(r#"{{"scripts":{{"build":"lerna run b && {before}","prebuild":"y"}}}}"#);
            assert_eq!(narrowed_by(&root, "npm run build", "src", None), None);
        }
        // Nor is a project's name an option.
        assert_eq!(nx("nx run-many -t build", Some("--all")), None);
    }

    #[test]
    fn the_roots_script_that_builds_all_is_narrowed_too() {
        let root =
            parse(br#"{"scripts":{"build":"nx run-many -t build","one":"tsc"}}"#).expect("valid");
        let of = |name: &'static str, alone: Option<&str>, cwd: &str| {
            let list = List {
                calls: vec![Call::Script {
                    name,
                    alone: alone.map(str::to_owned),
                    cwd: cwd.into(),
                }],
                folder: None,
                is_made: false,
                said_by: None,
                is_workflow: false,
                is_narrowed: false,
            };
            let package = Package {
                by_npm: true,
                name: "x",
                project: None,
            };
            narrowed(&list, &root, &package).map(|list| list.calls)
        };
        let narrowed = of("build", None, "src").expect("narrowed");
        assert!(
            matches!(&narrowed[..], [Call::Command { text, cwd, .. }] if text == "nx run-many -t build --projects=x" && cwd == "src")
        );
        assert_eq!(of("one", None, "src"), None);
        assert_eq!(of("build", None, "src/packages/x"), None);
        assert_eq!(of("build", Some("nx run-many -t build"), "src"), None);
    }
}
