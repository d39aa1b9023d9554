//! What a source's `setup.py` asks of the publisher's environment, and what it was likely
//! told. Of the artifact nothing is read: names are the source's, values follow from them. Pure.

use std::collections::BTreeMap;

use super::super::Facts;
use super::requirements::source_text;

/// Variables with their values.
pub(super) type Variables = BTreeMap<String, String>;

/// What services that build say (GitHub documentation, "Variables reference", `CI`).
const CI: &str = "CI";

/// What every environment has, or the plan sets, or would say where and not what is built.
const NOT_ASKED: [&str; 13] = [
    "APPDATA",
    "CFLAGS",
    "CXX",
    "CC",
    "HOME",
    "LANG",
    "LDFLAGS",
    "PATH",
    "SHELL",
    "SOURCE_DATE_EPOCH",
    "TMPDIR",
    "TZ",
    "USER",
];
const NOT_ASKED_STARTS: [&str; 4] = ["PIP_", "PYTHON", "VIRTUAL_ENV", "CONDA"];

/// The environments that are worth a try, the likeliest first: that of a service that builds,
/// where it is asked for, and one in which all that is asked for is set.
pub(super) fn asked(facts: &Facts<'_>) -> Vec<Variables> {
    let version = facts
        .release
        .purl
        .version()
        .map_or("", |version| version.as_str());
    let setup = source_text(facts, "setup.py");
    let lines = || setup.lines().filter_map(|line| variable(line, version));
    // Of several lines about one variable, the first counts that holds it against something.
    let held = lines().filter(|asked| asked.is_compared);
    let mut all = Variables::new();
    for asked in held.chain(lines()) {
        all.entry(asked.name).or_insert(asked.value);
    }
    if looks_for_ci(&setup) {
        all.entry(CI.to_owned())
            .or_insert_with(|| "true".to_owned());
    }
    let ci: Variables = all
        .clone()
        .into_iter()
        .filter(|(name, _)| name == CI)
        .collect();
    let mut found = vec![ci];
    if found[0] != all {
        found.push(all);
    }
    found.retain(|variables| !variables.is_empty());
    found
}

/// The longest value: what is longer is none that a person sets.
const LONGEST: usize = 200;

/// Whether `setup.py` names the variable, in whatever way it looks for it.
fn looks_for_ci(setup: &str) -> bool {
    ["'CI'", "\"CI\""].iter().any(|name| setup.contains(name))
}

/// Defaults that say no.
const NO: [&str; 5] = ["", "0", "false", "no", "off"];

/// A variable that is asked for.
struct Asked {
    name: String,
    value: String,
    /// Whether the value is what the source holds it against.
    is_compared: bool,
}

/// The variable that a line asks for, and its value: what the line holds it against, the
/// release's version where its name asks for one, and else `1`. One that is something already
/// where it is not set is not asked for.
fn variable(line: &str, version: &str) -> Option<Asked> {
    let line = line.split('#').next()?;
    if !line.contains("environ") && !line.contains("getenv") {
        return None;
    }
    let name = quoted(line).find(|text| is_name(text))?;
    let compared = line
        .split_once("==")
        .and_then(|(_, other)| quoted(other).next());
    let compared = compared.filter(|value| *value != name && is_plain(value));
    let value = match compared {
        Some(value) => value,
        _ if name.contains("VERSION") || name.ends_with("TAG") => version,
        _ if name == CI => "true",
        _ if has_default(line, name) => return None,
        _ => "1",
    };
    Some(Asked {
        name: name.to_owned(),
        value: value.to_owned(),
        is_compared: compared.is_some(),
    })
}

/// Whether a text follows the name that says more than no, as what there is where it is not set
/// (Python documentation, "os", `getenv`).
fn has_default(line: &str, name: &str) -> bool {
    let after = ['"', '\'']
        .iter()
        .find_map(|mark| Some(line.split_once(&format!("{mark}{name}{mark}"))?.1));
    let default = after.and_then(|after| {
        let value = after.trim_start().strip_prefix(',')?.trim_start();
        let is_text = value.starts_with(['"', '\'']);
        quoted(value).next().filter(|_| is_text)
    });
    default.is_some_and(|text| !NO.contains(&text.to_ascii_lowercase().as_str()))
}

fn is_plain(value: &str) -> bool {
    value.len() <= LONGEST && !value.contains(char::is_control)
}

fn is_name(text: &str) -> bool {
    text.len() > 1
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text
            .chars()
            .all(|one| one.is_ascii_uppercase() || one.is_ascii_digit() || one == '_')
        && !NOT_ASKED.contains(&text)
        && !NOT_ASKED_STARTS.iter().any(|start| text.starts_with(start))
}

/// The texts in quotation marks of either kind.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let start = rest.find(['"', '\''])?;
        let mark = char::from(rest.as_bytes()[start]);
        let inside = &rest[start + 1..];
        let (text, after) = inside.split_once(mark)?;
        rest = after;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn tried(setup: &str) -> Vec<String> {
        let mut situation = Situation::pypi();
        situation.tree_file("setup.py", setup);
        situation.with_facts(|facts| {
            let said = |variables: Variables| {
                let all = variables
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"));
                all.collect::<Vec<_>>().join(" ")
            };
            asked(facts).into_iter().map(said).collect()
        })
    }

    #[test]
    fn a_variable_is_set_to_what_it_is_held_against() {
        assert_eq!(
            tried("if os.environ.get('LONG_DESCRIPTION') == 'TRUE':"),
            ["LONG_DESCRIPTION=TRUE"]
        );
        assert_eq!(tried("if os.getenv(\"NO_C\"):"), ["NO_C=1"]);
        assert_eq!(tried("x = 'WITHOUT' in os.environ"), ["WITHOUT=1"]);
        let twice = "if environ.get('EXT') == 'no':\n    x = environ.get('EXT') != 'yes'";
        assert_eq!(tried(twice), ["EXT=no"]);
        let before = "x = environ.get('EXT')\nif environ.get('EXT') == 'no':";
        assert_eq!(tried(before), ["EXT=no"]);
        // What would steer a terminal is no value.
        assert_eq!(tried("os.getenv('AA') == '\u{1b}[2J'"), ["AA=1"]);
    }

    #[test]
    fn a_variable_that_asks_for_a_version_is_told_the_releases() {
        assert_eq!(
            tried("version = os.getenv('VERSION', None)"),
            ["VERSION=1.0"]
        );
        assert_eq!(tried("os.environ['CI_COMMIT_TAG']"), ["CI_COMMIT_TAG=1.0"]);
    }

    #[test]
    fn a_variable_that_is_something_already_is_not_asked_for() {
        for line in [
            "name = os.getenv('PACKAGE_NAME', 'demo')",
            "PACKAGE_NAME = os.environ.get(\"PACKAGE_NAME\" , \"demo\")",
        ] {
            assert!(tried(line).is_empty(), "{line}");
        }
        for default in ["''", "\"0\"", "'False'", "None", "name['a']"] {
            let line = format!("os.environ.get('FAST', {default})");
            assert_eq!(tried(&line), ["FAST=1"], "{line}");
        }
        assert_eq!(
            tried("os.getenv('BUILD_VERSION', 'dev')"),
            ["BUILD_VERSION=1.0"]
        );
        assert_eq!(tried("os.getenv('KIND', 'all') == 'small'"), ["KIND=small"]);
    }

    #[test]
    fn a_service_is_tried_alone_before_all_that_is_asked_for() {
        assert_eq!(
            tried("'CI' in os.environ\nos.environ.get('FAST')"),
            ["CI=true", "CI=true FAST=1"]
        );
        assert_eq!(tried("os.environ.get(\"CI\")"), ["CI=true"]);
    }

    #[test]
    fn what_every_environment_has_is_not_asked_for() {
        for setup in [
            "os.environ['PATH']",
            "os.environ.get('PYTHONPATH')",
            "NAME = 'VERSION'",
            "# os.environ['X_Y']",
            "os.environ['lower']",
            "os.environ[\"OPEN",
        ] {
            assert!(tried(setup).is_empty(), "{setup}");
        }
    }
}
