//! What the command lines of a publisher's scripts and workflows are for: installing,
//! checking, publishing, or something that may make what is published. Lines are told apart by
//! the programs' own words; nothing here runs them. Pure.

/// What a command is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It publishes, from this folder where it names one.
    Publishes(Option<String>),
    /// It runs a program of the repository's own that is named after publishing: that publishes,
    /// and may do anything before.
    Releases,
    /// It calls a script of `package.json`.
    Script(String),
    /// It makes nothing that is packed, as far as its program tells: it installs, checks, or
    /// speaks to others.
    Nothing,
    /// Anything else.
    Other,
}

/// Programs that make nothing of a package.
const IDLE: [&str; 12] = [
    "git", "gh", "echo", "curl", "wget", "sudo", "corepack", "codecov", "sleep", "exit", "true",
    "ls",
];

/// Programs that set the version and write the change log, and commit both (their own
/// documentation, "Usage"): the release's commit has what they made.
const VERSIONERS: [&str; 5] = [
    "bumpp",
    "changelogen",
    "commit-and-tag-version",
    "conventional-changelog",
    "standard-version",
];

/// Programs that do so when they are told to by the word `version`.
const TOLD_TO_SET_VERSION: [&str; 2] = ["changeset", "lerna"];

/// Programs that publish, whatever follows them (their own documentation, "Usage").
const PUBLISHERS: [&str; 4] = ["semantic-release", "np", "release-it", "clean-publish"];

/// Programs that publish when they are told to by this word.
const TOLD_TO_PUBLISH: [&str; 5] = ["npm", "pnpm", "yarn", "lerna", "changeset"];

/// Programs that run a file (their own documentation, "Usage").
const RUNNERS: [&str; 5] = ["esno", "node", "ts-node", "tsx", "zx"];

/// Options of `publish` that are followed by a value (npm documentation, "npm publish";
/// pnpm documentation, "pnpm publish").
const WITH_VALUE: [&str; 8] = [
    "--tag",
    "--access",
    "--otp",
    "--registry",
    "--filter",
    "-F",
    "--workspace",
    "-w",
];

/// What a script's name begins with where it checks or reports, by convention.
const CHECKING: [&str; 10] = [
    "test", "lint", "check", "coverage", "bench", "e2e", "format", "prettier", "type", "size",
];

/// Commands in a line or a block of lines, in their order: what line ends, `&&` and `;` part,
/// outside of quotation marks. None where it has more of a shell's grammar than that.
pub(super) fn commands(block: &str) -> Option<Vec<String>> {
    let block = without_last_group(&block.replace("\\\n", " "));
    let mut found = vec![String::new()];
    let mut quote = None;
    let mut characters = block.chars().peekable();
    while let Some(character) = characters.next() {
        let parts = match (quote, character) {
            (None, '\n' | ';') => true,
            (None, '&') if characters.peek() == Some(&'&') => {
                characters.next();
                true
            }
            _ => false,
        };
        if parts {
            found.push(String::new());
            continue;
        }
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(mark), _) if mark == character => quote = None,
            _ => {}
        }
        if let Some(last) = found.last_mut() {
            last.push(character);
        }
    }
    let found: Vec<String> = found
        .iter()
        .map(|command| command.trim().to_owned())
        .filter(|command| !command.is_empty() && !command.starts_with('#'))
        .collect();
    (quote.is_none() && !found.iter().any(|command| is_compound(command))).then_some(found)
}

/// The same lines, where the last commands are a group of their own and nothing comes after it:
/// what a subshell changes is seen by what is in it alone (POSIX.1-2017, "Shell Command
/// Language", 2.9.4.1).
fn without_last_group(block: &str) -> String {
    let is_group = |inner: &str| !inner.contains(['(', ')', '\'', '"']);
    let starts_command = |before: &str| {
        let before = before.trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with(['\n', ';']) || before.ends_with("&&")
    };
    let parted = block
        .trim_end()
        .strip_suffix(')')
        .and_then(|open| open.rsplit_once('('));
    match parted {
        Some((before, inner)) if is_group(inner) && starts_command(before) => {
            format!("{before}{inner}")
        }
        _ => block.to_owned(),
    }
}

/// Whether a command is part of a shell's larger constructs (POSIX.1-2017, "Shell Command
/// Language", 2.9.4), or takes its input from the lines after it (2.7.4).
fn is_compound(command: &str) -> bool {
    let first = command.split_whitespace().next().unwrap_or_default();
    let is_word = ["if", "for", "while", "until", "case", "{", "function"].contains(&first);
    is_word || command.starts_with('(') || command.contains("<<") || command.contains("||")
}

/// Programs that build what is published (their own documentation, "Usage").
const BUILDERS: [&str; 16] = [
    "babel",
    "bunchee",
    "browserify",
    "esbuild",
    "microbundle",
    "ncc",
    "parcel",
    "preconstruct",
    "rollup",
    "swc",
    "tsc",
    "tsdown",
    "tsup",
    "unbuild",
    "vite",
    "webpack",
];

/// Options with which they go on, or write nothing.
const BUILDING_NOTHING: [&str; 4] = ["--watch", "-w", "--noEmit", "--serve"];

/// Programs that make the folder that they name (POSIX.1-2017, "mkdir", "cp", "mv"; their own
/// documentation, "Usage").
const MAKERS: [&str; 8] = [
    "copyfiles",
    "cp",
    "cpx",
    "cpy",
    "mkdir",
    "mkdirp",
    "mv",
    "ncp",
];

/// Whether a command makes a folder, or one that it lies in.
pub(super) fn makes(command: &str, folder: &str) -> bool {
    let is_in = |outer: &str| {
        let rest = folder.strip_prefix(outer);
        !outer.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    program(command).is_some_and(|(program, mut words)| {
        let is_named = words.any(|word| plain_folder(word).is_some_and(|word| is_in(&word)));
        MAKERS.contains(&program) && is_named
    })
}

/// The program of a command, and what follows it.
fn program(command: &str) -> Option<(&str, impl Iterator<Item = &str>)> {
    let mut words = command
        .split_whitespace()
        .skip_while(|word| is_assignment(word) || is_launcher(word));
    let program = words.next()?;
    Some((program, words))
}

/// Whether a command runs a program that builds.
pub(super) fn builds(command: &str) -> bool {
    program(command).is_some_and(|(program, mut words)| {
        BUILDERS.contains(&program) && !words.any(|word| BUILDING_NOTHING.contains(&word))
    })
}

/// What one command is for.
pub(super) fn purpose(command: &str) -> Purpose {
    let Some((program, words)) = program(command) else {
        return Purpose::Nothing;
    };
    let is_manager = ["npm", "pnpm", "yarn"].contains(&program);
    if PUBLISHERS.contains(&program) {
        return Purpose::Publishes(None);
    }
    if IDLE.contains(&program) || VERSIONERS.contains(&program) {
        return Purpose::Nothing;
    }
    let rest = plain_words(words);
    let Some((first, after)) = rest.split_first() else {
        // `yarn` by itself installs.
        return if is_manager {
            Purpose::Nothing
        } else {
            Purpose::Other
        };
    };
    // `yarn npm publish`, of yarn 2 and later.
    let (first, after) = match after.split_first() {
        Some((second, after)) if program == "yarn" && *first == "npm" => (second, after),
        _ => (first, after),
    };
    if TOLD_TO_PUBLISH.contains(&program) && *first == "publish" {
        // The others publish a whole repository, and are told which versions (lerna
        // documentation, "lerna publish", "Positionals").
        let folder = after.first().filter(|_| is_manager);
        return Purpose::Publishes(folder.and_then(|folder| plain_folder(folder)));
    }
    if TOLD_TO_SET_VERSION.contains(&program) && *first == "version" {
        return Purpose::Nothing;
    }
    if RUNNERS.contains(&program) && is_named_after_publishing(first) {
        return Purpose::Releases;
    }
    if !is_manager {
        return Purpose::Other;
    }
    match (program, *first) {
        (_, "run" | "run-script") => script(after.first().copied()),
        ("npm", "test" | "t" | "tst") => Purpose::Nothing,
        ("npm", "exec") | ("pnpm" | "yarn", "exec" | "dlx") => Purpose::Other,
        // The others of npm install, ask the registry or set something.
        ("npm", _) => Purpose::Nothing,
        (_, "install" | "i" | "add" | "config" | "set" | "version" | "audit" | "global") => {
            Purpose::Nothing
        }
        (_, name) if PUBLISHERS.contains(&name) => Purpose::Publishes(None),
        ("yarn" | "pnpm", name) if ["lerna", "changeset"].contains(&name) => {
            purpose(&rest.join(" "))
        }
        (_, name) => script(Some(name)),
    }
}

/// Whether a file is a program with a name that says that it publishes.
fn is_named_after_publishing(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_some_and(|(stem, kind)| {
        let kind = kind.strip_prefix(['c', 'm']).unwrap_or(kind);
        ["js", "ts"].contains(&kind) && ["publish", "release"].contains(&stem)
    })
}

/// The call of a script, where it is not one that checks.
fn script(name: Option<&str>) -> Purpose {
    match name {
        Some(name) if !checks(name) => Purpose::Script(name.to_owned()),
        _ => Purpose::Nothing,
    }
}

/// Whether a script of this name checks or reports, and makes nothing.
pub(super) fn checks(name: &str) -> bool {
    CHECKING.iter().any(|check| name.starts_with(check))
}

/// Whether a command that publishes writes the version into the manifest by itself, from tags and
/// commits (semantic-release, `README.md`, "How does it work?").
pub(super) fn writes_version(command: &str) -> bool {
    command
        .split_whitespace()
        .any(|word| word.starts_with("semantic-release"))
}

/// Words without options and their values.
fn plain_words<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut plain = Vec::new();
    let mut is_value = false;
    for word in words {
        let was_value = std::mem::replace(&mut is_value, WITH_VALUE.contains(&word));
        if !was_value && !word.starts_with('-') {
            plain.push(word);
        }
    }
    plain
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Whether what follows the word is the program.
fn is_launcher(word: &str) -> bool {
    ["npx", "cross-env", "env"].contains(&word)
}

/// A folder below the working directory, without `./` and slashes at the ends; empty for the
/// working directory itself, none where it is no such folder.
pub(super) fn plain_folder(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@".contains(c);
    let parts: Vec<&str> = text
        .trim_matches(['"', '\''])
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let is_file = parts.last().is_some_and(|last| last.ends_with(".tgz"));
    let is_below = !text.starts_with('/') && !parts.contains(&"..");
    (is_below && !is_file && parts.iter().all(|part| part.chars().all(is_plain)))
        .then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publishes(folder: &str) -> Purpose {
        Purpose::Publishes(Some(folder.to_owned()))
    }

    #[test]
    fn a_command_makes_a_folder_that_it_names_or_that_lies_in_what_it_names() {
        for command in [
            "mkdir .release",
            "cp -r src ./.release/package/",
            "mkdirp .release/package",
        ] {
            assert!(makes(command, ".release/package"), "{command}");
        }
        for command in [
            "rimraf ./.release",
            "mkdir .rel",
            "mkdir .release/package/deep",
            "mkdir ..",
            "serve .release",
            "mkdir",
            "",
        ] {
            assert!(!makes(command, ".release/package"), "{command}");
        }
    }

    #[test]
    fn a_block_is_parted_outside_of_quotation_marks_and_not_at_all_where_it_is_a_program() {
        let parted = |block| commands(block).map(|found| found.join("|"));
        let text = "npm ci\n# note\na 'b && c; d' && e \\\nf; g\n";
        assert_eq!(parted(text).as_deref(), Some("npm ci|a 'b && c; d'|e  f|g"));
        for program in [
            "if a; then b; fi",
            "for a in b; do c; done",
            "a <<E\nb\nE",
            "a 'b",
            "(a) && b",
            "(a 'b)')",
            "a || b",
        ] {
            assert_eq!(parted(program), None, "{program}");
        }
    }

    #[test]
    fn a_command_builds_by_its_program_and_where_it_comes_to_an_end() {
        for builds_it in [
            "tsup",
            "npx tsup",
            "A=1 cross-env B=2 rollup -c",
            "tsc -p .",
        ] {
            assert!(builds(builds_it), "{builds_it}");
        }
        for other in [
            "",
            "npx",
            "tsc --noEmit",
            "tsup --watch",
            "mocha",
            "rm -rf tsup",
        ] {
            assert!(!builds(other), "{other}");
        }
    }

    #[test]
    fn a_group_that_comes_last_is_parted_as_what_is_in_it() {
        let parted = |block| commands(block).map(|found| found.join("|"));
        assert_eq!(parted("a && (cd b && c)\n").as_deref(), Some("a|cd b|c"));
        assert_eq!(parted("(a)").as_deref(), Some("a"));
        // Not a group, but what a command prints, and one within another.
        assert_eq!(parted("a $(b)").as_deref(), Some("a $(b)"));
        assert_eq!(parted("a; (b; (c))"), None);
    }

    #[test]
    fn publishing_is_told_with_its_folder() {
        assert_eq!(purpose("npm publish"), Purpose::Publishes(None));
        assert_eq!(
            purpose("npm publish ./build/ --access public"),
            publishes("build")
        );
        assert_eq!(purpose("pnpm publish --tag next dist"), publishes("dist"));
        assert_eq!(purpose("A=1 yarn npm publish"), Purpose::Publishes(None));
        assert_eq!(
            purpose("npx semantic-release --branches x"),
            Purpose::Publishes(None)
        );
        assert_eq!(purpose("yarn semantic-release"), Purpose::Publishes(None));
        assert_eq!(purpose("pnpm changeset publish"), Purpose::Publishes(None));
        for of in [
            "npx lerna publish from-package --yes",
            "lerna publish minor",
            "yarn lerna publish from-git",
        ] {
            assert_eq!(purpose(of), Purpose::Publishes(None), "{of}");
        }
        assert_eq!(
            purpose("npm publish demo-1.0.0.tgz"),
            Purpose::Publishes(None)
        );
        assert_eq!(purpose("npm publish ../other"), Purpose::Publishes(None));
        assert_ne!(purpose("changeset version"), Purpose::Publishes(None));
    }

    #[test]
    fn a_program_of_the_repositorys_own_releases_where_its_name_says_so() {
        for releases in [
            "node ./scripts/npm/release.mjs --channel=latest",
            "tsx scripts/publish.ts",
            "npx zx release.js",
        ] {
            assert_eq!(purpose(releases), Purpose::Releases, "{releases}");
        }
        for other in [
            "node scripts/prepare-release.mjs",
            "node release",
            "cat scripts/publish.js",
            "node build.js publish.js",
            "node scripts/release.json",
        ] {
            assert_eq!(purpose(other), Purpose::Other, "{other}");
        }
    }

    #[test]
    fn what_sets_the_version_was_run_before_the_releases_commit() {
        for sets_it in [
            "changelogen --release",
            "npx bumpp --commit --push --tag",
            "standard-version",
            "npx changeset version",
            "pnpm changeset version",
            "lerna version patch",
        ] {
            assert_eq!(purpose(sets_it), Purpose::Nothing, "{sets_it}");
        }
        assert_eq!(purpose("node bumpp"), Purpose::Other);
        assert_eq!(purpose("lerna run version"), Purpose::Other);
    }

    #[test]
    fn a_call_of_a_script_is_told_from_what_installs_and_checks() {
        let build = Purpose::Script("build".into());
        for call in [
            "npm run build",
            "yarn build",
            "pnpm run build",
            "npm run --silent build",
        ] {
            assert_eq!(purpose(call), build, "{call}");
        }
        for idle in [
            "npm ci",
            "npm i -g x",
            "yarn",
            "yarn install",
            "npm test",
            "npm run lint:js",
            "git push",
            "yarn test:ci",
            "npm config set x",
        ] {
            assert_eq!(purpose(idle), Purpose::Nothing, "{idle}");
        }
        for other in ["cp LICENSE build", "tsc -p .", "npx tsc", "npm exec tsc"] {
            assert_eq!(purpose(other), Purpose::Other, "{other}");
        }
    }

    #[test]
    fn a_folder_stays_below_where_it_is_named() {
        assert_eq!(plain_folder("./a/b/").as_deref(), Some("a/b"));
        assert_eq!(plain_folder(".").as_deref(), Some(""));
        for no in ["../a", "/a", "a/../../b", "$DIR", "a b", "x.tgz"] {
            assert_eq!(plain_folder(no), None, "{no}");
        }
    }
}
