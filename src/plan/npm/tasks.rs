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

/// The tasks that publish, by their names, and those before them that build, the likeliest first.
const PUBLISHING: [&str; 2] = ["publish", "release"];
const BUILDING: [&str; 4] = ["build", "dist", "compile", "all"];

/// What runs the first, where the root's file of tasks has it.
pub(super) fn for_publishing(tree: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let rules = rules_of(&roots_text(tree));
    let is_there = rules.iter().any(|rule| rule.is_of(FOR_PUBLISHING));
    is_there.then(|| format!("make {FOR_PUBLISHING}"))
}

/// How a line begins that is for make itself, and part of no rule (GNU make manual, "Syntax of
/// Conditionals").
const CONDITIONS: [&str; 4] = ["ifeq", "ifneq", "ifdef", "ifndef"];

/// The most commands that are taken of a rule: none that publishes does more in between.
const MOST_BETWEEN: usize = 10;

/// What the first rule that has something there runs between the task that builds for publishing (or the
/// one that this is a part of, by its name) and a command that publishes.
pub(super) fn before_publishing(tree: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let builds = |command: &str| {
        let mut words = command.split_whitespace();
        let is_make = words.any(|word| ["$(MAKE)", "${MAKE}", "make"].contains(&word));
        is_make && words.next_back().is_some_and(is_of_publishing)
    };
    let publishes = |command: &str| command.split_whitespace().any(|word| word == "publish");
    let mut after: Option<Vec<&str>> = None;
    let mut conditions = 0_usize;
    let text = roots_text(tree);
    for line in text.lines() {
        let Some(command) = line.strip_prefix('\t') else {
            match line.split_whitespace().next() {
                // Which of two is run is not known.
                Some("else") => after = None,
                Some("endif") => conditions = conditions.saturating_sub(1),
                Some(word) if CONDITIONS.contains(&word) => conditions += 1,
                Some(word) if word.starts_with('#') => {}
                _ if line.contains(':') => {
                    let asks = line.split_whitespace().skip(1).any(is_of_publishing);
                    after = asks.then(Vec::new);
                }
                _ => {}
            }
            continue;
        };
        // How make is told what to print and to go on after ("Makefile Execution").
        let command = command.trim_start_matches(['@', '-', '+']).trim();
        let says = command.starts_with("echo ") && !command.contains('>');
        // Nor is it known whether what stands in a condition is run.
        if says || command.starts_with('#') || (conditions > 0 && !publishes(command)) {
            continue;
        }
        if builds(command) {
            after = Some(Vec::new());
        } else if publishes(command) {
            if let Some(after) = after.take().filter(|after| !after.is_empty()) {
                // What make's variables are is not known.
                let known = after.iter().filter(|command| !command.contains('$'));
                return known.map(|command| (*command).to_owned()).collect();
            }
        } else if let Some(after) = &mut after
            && after.len() < MOST_BETWEEN
        {
            after.push(command);
        }
    }
    Vec::new()
}

/// Whether a task builds for publishing, or has that among what it does, by its name.
fn is_of_publishing(task: &str) -> bool {
    task == FOR_PUBLISHING || task == "prepublish"
}

/// What runs the task of the root that builds: the one that what publishes asks for, or else the one that is
/// called so.
pub(super) fn of_root(tree: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let text = roots_text(tree);
    let rules = rules_of(&text);
    let publishes = |rule: &&Rule| PUBLISHING.iter().any(|name| rule.is_of(name));
    let asked: Vec<&String> = rules
        .iter()
        .filter(publishes)
        .flat_map(|rule| &rule.prerequisites)
        .collect();
    let is_asked = |name: &&&str| asked.iter().any(|asked| asked == *name);
    let is_there = |name: &&&str| rules.iter().any(|rule| rule.is_of(name));
    let [build, ..] = &BUILDING;
    let name = BUILDING
        .iter()
        .find(is_asked)
        .or_else(|| Some(build).filter(is_there))?;
    Some(format!("make {name}"))
}

/// A rule's head: what it makes, and what is made before that (POSIX.1-2017, "make", "Target Rules").
struct Rule {
    targets: Vec<String>,
    prerequisites: Vec<String>,
}

impl Rule {
    fn is_of(&self, name: &str) -> bool {
        self.targets.iter().any(|target| target == name)
    }
}

/// The Makefile at the repository's root; nothing where there is none.
fn roots_text(tree: &BTreeMap<String, Vec<u8>>) -> String {
    let bytes = tree.get("/Makefile").map_or(&[][..], Vec::as_slice);
    // A line that ends so goes on ("Makefile Syntax").
    String::from_utf8_lossy(bytes).replace("\\\n", " ")
}

/// The rules of a Makefile. Variables are left as they stand.
fn rules_of(text: &str) -> Vec<Rule> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    text.lines()
        // What begins with a tab is a command.
        .filter(|line| !line.starts_with(['\t', '#']))
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(targets, rest)| {
            let rest = rest.split(['#', ';']).next()?;
            // A rule may have two colons; and for a target a variable may be set.
            let rest = rest.trim_start_matches(':');
            (!sets_a_variable(rest) && !targets.contains('=')).then_some((targets, rest))
        })
        .map(|(targets, prerequisites)| Rule {
            targets: words(targets),
            prerequisites: words(prerequisites),
        })
        .collect()
}

/// What may stand before a variable that is set (GNU make manual, "Target-specific Variable Values",
/// "Suppressing Inheritance").
const HOW: [&str; 4] = ["private", "export", "unexport", "override"];

/// Whether what follows a target sets a variable for it (GNU make manual, "Target-specific Variable
/// Values").
fn sets_a_variable(rest: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let Some((name, _)) = rest.split_once('=') else {
        return false;
    };
    let name = name.trim_end_matches([':', '+', '?', '!']).trim();
    let name = HOW.iter().fold(name, |name, how| {
        let rest = name.strip_prefix(how).filter(|rest| rest.starts_with(' '));
        rest.map_or(name, str::trim_start)
    });
    name.chars().all(is_part)
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
        for (file, text) in [
            ("Makefile", text),
            ("/Makefile", "prepublish-build-site:\n\tgulp\n"),
            ("/Makefile", "build:\n\tmake prepublish-build\n"),
        ] {
            assert_eq!(of(file, text), None, "{text}");
        }
    }

    #[test]
    fn what_runs_between_building_for_publishing_and_that_runs_after_it() {
        let of = |rules: &str| {
            let text = format!("prepublish-build:\n\tx\n\n{rules}");
            let tree = BTreeMap::from([("/Makefile".to_owned(), text.into())]);
            before_publishing(&tree).join("; ")
        };
        let with = |build: &str, between: &str, publish: &str| {
            of(&format!(
                "try:\nifneq (A, B)\n\texit 1\nendif\n\t{build}\n{between}\t{publish}\n\tmake clean\n"
            ))
        };
        let publish = "REGISTRY=x $(YARN) tool publish --yes";
        for build in ["$(MAKE) prepublish-build", "@IS=1 $(MAKE) prepublish"] {
            assert_eq!(
                with(build, "\t-node set.js clean\n", publish),
                "node set.js clean"
            );
        }
        let build = "$(MAKE) prepublish-build";
        assert_eq!(with(build, "", publish), "");
        assert_eq!(with(build, "\tnode $(SET)\n\tb\n", publish), "b");
        // Neither after another task, nor in another rule, nor where nothing is published.
        assert_eq!(with("$(MAKE) prepublish-site", "\ta\n", publish), "");
        assert_eq!(with(build, "\ta\nother:\n", publish), "");
        assert_eq!(with(build, "\ta\n", "tool version"), "");
        // A remark is none, and of two branches neither is taken.
        let remarked = "# first: clean up\n\t@echo publish it\n\ta\n";
        assert_eq!(with(build, remarked, publish), "a");
        assert_eq!(with(build, "ifdef X\n\ta\nelse\n\tb\nendif\n", publish), "");
        assert_eq!(with(build, "ifdef X\n\texit 1\nendif\n\ta\n", publish), "a");
        assert_eq!(with(build, "\techo x > y\n", publish), "echo x > y");
        let asked = format!("go: lint prepublish-build\n\ta\n\t{publish}\n");
        assert_eq!(of(&asked), "a");
    }

    #[test]
    fn the_roots_task_that_builds_is_what_publishing_asks_for_or_called_so() {
        let of = |text: &str| of_root(&BTreeMap::from([("/Makefile".to_owned(), text.into())]));
        let text = "publish: lint dist # all of it\n\tyarn publish\n\ndist:\n\tparcel build\n";
        assert_eq!(of(text), Some("make dist".into()));
        assert_eq!(of(&format!("{text}build:\n")), Some("make dist".into()));
        assert_eq!(of("clean build:\n\trollup -c\n"), Some("make build".into()));
        assert_eq!(
            of("publish: lint \\\n  dist\n\tyarn publish\n"),
            Some("make dist".into())
        );
        assert_eq!(of("build:: lint\n"), Some("make build".into()));
        for set in [
            "FOLDER = dist",
            "X:=dist",
            "X := dist",
            "X ?= dist",
            "export X += dist",
        ] {
            assert_eq!(of(&format!("release: {set}\n")), None, "{set}");
        }
        assert_eq!(
            of("publish: dist $(FILES:%.ts=%.js)\n"),
            Some("make dist".into())
        );
        assert_eq!(of("publish: lint\n\tlerna publish\n"), None);
        assert_eq!(of("publish-nightly: dist\n\tlerna publish\n"), None);
        // Neither a command, nor a variable, nor a part of a name.
        for none in [
            "clean:\n\tbuild: x\n",
            "build := 1\n",
            "build ::= 1\n",
            "x = build: y\n",
            "build-docs:\n",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(of_root(&BTreeMap::new()), None);
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
