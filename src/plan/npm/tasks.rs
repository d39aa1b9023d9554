//! What builds a package by convention where no script of its `package.json` does: a task
//! runner, which is told from the file that lists its tasks. Pure.

use std::collections::BTreeMap;

/// The files in the package's folder that list tasks, with what runs the task that is called as
/// what builds, or else the one that runs by default (gulp, "JavaScript and Gulpfiles"; grunt,
/// "Getting started", "The Gruntfile"; POSIX.1-2017, "make", "DESCRIPTION").
const RUNNERS: [(&str, &str); 8] = [
    ("gulpfile.js", GULP),
    ("Gulpfile.js", GULP),
    ("gulpfile.babel.js", GULP),
    ("Gruntfile.js", GRUNT),
    ("gruntfile.js", GRUNT),
    ("Gruntfile.coffee", GRUNT),
    ("Makefile", MAKE),
    ("makefile", MAKE),
];

const GULP: &str = "gulp build || gulp";
const GRUNT: &str = "grunt build || grunt";
const MAKE: &str = "make build || make";

/// What runs the tasks that build.
pub(super) fn command(tree: &BTreeMap<String, Vec<u8>>) -> Option<&'static str> {
    let mut runners = RUNNERS.iter();
    let (_, command) = runners.find(|(file, _)| tree.contains_key(*file))?;
    Some(command)
}

/// The task of the repository's root that builds for publishing, by its name, where what builds
/// every day leaves out what publishing does (minifying, older targets).
const FOR_PUBLISHING: &str = "prepublish-build";

/// What runs that, where the root's file of tasks has it.
pub(super) fn for_publishing(tree: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let tasks = String::from_utf8_lossy(tree.get("/Makefile")?);
    let is_it = |line: &str| {
        let rest = line.strip_prefix(FOR_PUBLISHING);
        rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
    };
    let is_there = tasks.lines().any(is_it);
    is_there.then(|| format!("make {FOR_PUBLISHING}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_tasks_is_asked_for() {
        for (file, _) in RUNNERS {
            let wanted = super::super::WANTED_SOURCE_FILES;
            assert!(wanted.contains(&file), "{file}");
        }
    }

    #[test]
    fn the_roots_task_for_publishing_is_told_by_its_line() {
        let of = |name: &str, text: &str| {
            for_publishing(&BTreeMap::from([(name.to_owned(), text.into())]))
        };
        let text = "build:\n\tgulp\n\nprepublish-build: clean\n\tX=1 make build\n";
        assert_eq!(of("/Makefile", text), Some("make prepublish-build".into()));
        assert_eq!(of("Makefile", text), None);
        assert_eq!(of("/Makefile", "prepublish-build-site:\n\tgulp\n"), None);
        assert_eq!(of("/Makefile", "build:\n\tmake prepublish-build\n"), None);
    }

    #[test]
    fn each_file_of_tasks_tells_what_runs_them() {
        let of = |name: &str| command(&BTreeMap::from([(name.to_owned(), Vec::new())]));
        assert_eq!(of("gulpfile.babel.js"), Some("gulp build || gulp"));
        assert_eq!(of("Gulpfile.js"), Some("gulp build || gulp"));
        assert_eq!(of("gruntfile.js"), Some("grunt build || grunt"));
        assert_eq!(of("Gruntfile.coffee"), Some("grunt build || grunt"));
        assert_eq!(of("Makefile"), Some("make build || make"));
        assert_eq!(of("build.js"), None);
        // That of the repository's root is not the package's.
        assert_eq!(of("/Makefile"), None);
    }
}
