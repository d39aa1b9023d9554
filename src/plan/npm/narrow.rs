//! Where a repository's root calls a task runner that builds all of its packages, the same for the
//! one that is published: the runner builds what that needs before it, and nothing else. Pure.

use super::lists::{Call, List};
use super::manifest::Manifest;
use super::shell::{Purpose, purpose};

/// The runner, and the option that names a package (Turborepo documentation, "Filtering
/// workspaces"; since its 1.2, what comes before it ends with an error).
const RUNNER: &str = "turbo";
const OPTION: &str = "--filter";

/// The folder of the repository's root, below the work folder.
const ROOT: &str = "src";

/// The list for one package, where anything in it is called for all.
pub(super) fn narrowed(list: &List, root: &Manifest, package: &str) -> Option<List> {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "@/._-".contains(one);
    if !package.chars().all(is_plain) {
        return None;
    }
    let mut list = list.clone();
    let mut is_narrowed = false;
    for call in &mut list.calls {
        if let Call::Command { text, cwd, .. } = call
            && cwd == ROOT
        {
            let lines = text.lines().map(|line| of_one(line, root, package));
            let lines: Vec<_> = lines.collect();
            is_narrowed |= lines.iter().any(Option::is_some);
            let text_of = |(line, narrowed): (&str, Option<String>)| {
                narrowed.unwrap_or_else(|| line.to_owned())
            };
            *text = text
                .lines()
                .zip(lines)
                .map(text_of)
                .collect::<Vec<_>>()
                .join("\n");
        }
    }
    is_narrowed.then_some(list)
}

/// A command for one package, where it is one that calls the runner for all.
fn of_one(command: &str, root: &Manifest, package: &str) -> Option<String> {
    let option = format!("{OPTION}={package}");
    if calls_for_all(command) {
        return Some(format!("{command} {option}"));
    }
    let Purpose::Script(name) = purpose(command) else {
        return None;
    };
    if !root.command_of(&name).is_some_and(calls_for_all) {
        return None;
    }
    let mut words = command.split_whitespace();
    let is_npms = words.next() == Some("npm");
    let told: Vec<&str> = words.skip_while(|word| *word != name).skip(1).collect();
    let are_options = |words: &[&str]| {
        let is_option = |word: &&str| word.starts_with("--") && *word != "--";
        words.iter().all(is_option)
    };
    // npm takes options for its own that stand before `--` (npm documentation, "npm run").
    let separator = match &told[..] {
        [] if is_npms => "-- ",
        ["--", rest @ ..] if is_npms && are_options(rest) => "",
        rest if !is_npms && are_options(rest) => "",
        _ => return None,
    };
    Some(format!("{command} {separator}{option}"))
}

/// Whether a command is a call of the runner, and of nothing else, that names no package.
fn calls_for_all(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let begins = match &words[..] {
        ["npx" | "yarn" | "pnpm", first, "run", ..] | [first, "run", ..] => *first == RUNNER,
        _ => false,
    };
    let names_one =
        |word: &&str| word.starts_with(OPTION) || word.starts_with("--scope") || *word == "-F";
    begins
        && !command.contains(['&', '|', ';', '>', '`', '$'])
        && !words.iter().any(names_one)
        && !words.contains(&"--")
}

#[cfg(test)]
mod tests {
    use super::super::manifest::parse;
    use super::*;

    fn narrowed_text(text: &str, cwd: &str) -> Option<String> {
        let scripts = r#"{"scripts":{"build":"turbo run build","stage":"turbo run stage --force","lint":"eslint","both":"turbo run a && b","one":"turbo run a --filter=x"}}"#;
        let root = parse(scripts.as_bytes()).expect("valid");
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
        };
        let found = narrowed(&list, &root, "@s/x")?;
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
            Some("yarn build --filter=@s/x\nyarn lint\nyarn run stage --filter=@s/x")
        );
        assert_eq!(
            of("npm run build").as_deref(),
            Some("npm run build -- --filter=@s/x")
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
        for other in [
            "yarn lint",
            "yarn both",
            "yarn one",
            "yarn build x",
            "npm run build --force",
            "yarn build -- --force",
            "turbo run build | tee log",
            "turbo login",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        // Another folder's scripts are not the root's.
        assert_eq!(narrowed_text("yarn build", "src/packages/x"), None);
    }
}
