//! When widely used tools were released, as `releases.toml` says: what a manifest that names
//! one of them cannot have come before. Pure.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::Date;

/// A major, a minor and a patch version.
pub(super) type Number = (u64, u64, u64);

/// What the file holds: by a tool's name, the day of each version; of a minor version without a
/// patch, that of its first release.
const FILE: &str = include_str!("releases.toml");

static TOOLS: LazyLock<BTreeMap<String, Releases>> = LazyLock::new(|| read(FILE));

/// What a tool's parts are called that have its version numbers: the start of their names (an
/// npm scope), and the tool.
const SCOPES: [(&str, &str); 5] = [
    ("@babel/", "@babel/core"),
    ("@jest/", "jest"),
    ("@lerna/", "lerna"),
    ("@typescript-eslint/", "@typescript-eslint/parser"),
    ("@vitest/", "vitest"),
];

/// Other names of what has a tool's version numbers.
const ALIASES: [(&str, &str); 22] = [
    ("@types/node", "node"),
    ("@vue/compiler-core", "vue"),
    ("@vue/compiler-dom", "vue"),
    ("@vue/compiler-sfc", "vue"),
    ("@vue/compiler-ssr", "vue"),
    ("@vue/reactivity", "vue"),
    ("@vue/runtime-core", "vue"),
    ("@vue/runtime-dom", "vue"),
    ("@vue/shared", "vue"),
    ("babel-cli", "@babel/core"),
    ("babel-core", "@babel/core"),
    ("babel-generator", "@babel/core"),
    ("babel-register", "@babel/core"),
    ("babel-runtime", "@babel/core"),
    ("babel-traverse", "@babel/core"),
    ("babel-types", "@babel/core"),
    ("babel-jest", "jest"),
    ("jest-cli", "jest"),
    ("jest-environment-jsdom", "jest"),
    ("core-js-compat", "core-js"),
    ("core-js-pure", "core-js"),
    ("type-coverage-core", "type-coverage"),
];

/// The releases of one tool, by version.
#[derive(Debug)]
pub(super) struct Releases(BTreeMap<Number, Date>);

impl Releases {
    /// The day before which a version cannot have been there: its own, or that of the last
    /// known one before it in its line, or, of a line that is not known, when the line before
    /// began.
    pub(super) fn day(&self, number: Number) -> Option<Date> {
        let begin = (number.0, 0, 0);
        if let Some((_, day)) = self.0.range(begin..=number).last() {
            return Some(*day);
        }
        let ((before, ..), _) = self.0.range(..begin).next_back()?;
        let mut line = self.0.range((*before, 0, 0)..);
        line.next().map(|(_, day)| *day)
    }

    /// The day of the release before this one, where this is one.
    pub(super) fn day_before(&self, number: Number) -> Option<Date> {
        self.0.get(&number)?;
        self.0.range(..number).next_back().map(|(_, day)| *day)
    }
}

/// The tool of this name, or the one whose part it is.
pub(super) fn of(name: &str) -> Option<&'static Releases> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let scope = || SCOPES.iter().find(|(start, _)| name.starts_with(start));
    let tool = alias.or_else(scope).map_or(name, |(_, tool)| *tool);
    TOOLS.get(tool)
}

/// What the file says; of a line that cannot be read, nothing.
fn read(file: &str) -> BTreeMap<String, Releases> {
    let tools: BTreeMap<String, BTreeMap<String, toml::value::Datetime>> =
        toml::from_str(file).unwrap_or_default();
    tools
        .into_iter()
        .map(|(tool, days)| {
            let days = days
                .iter()
                .filter_map(|(number, day)| Some((parse(number)?, day.to_string().parse().ok()?)));
            (tool, Releases(days.collect()))
        })
        .collect()
}

fn parse(number: &str) -> Option<Number> {
    let mut parts = number.split('.').map(str::parse);
    let mut next = || parts.next();
    let number = (next()?.ok()?, next()?.ok()?, next().unwrap_or(Ok(0)).ok()?);
    parts.next().is_none().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(name: &str, (major, minor): (u64, u64)) -> String {
        let day = of(name).and_then(|tool| tool.day((major, minor, 0)));
        day.map(|day| day.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_line_of_the_file_is_read() {
        let lines = FILE.lines().filter(|line| line.starts_with('"')).count();
        let read: usize = TOOLS.values().map(|tool| tool.0.len()).sum();
        assert_eq!(read, lines);
        assert!(TOOLS.len() > 40 && TOOLS.values().all(|tool| !tool.0.is_empty()));
    }

    #[test]
    fn within_a_line_no_release_is_earlier_than_the_one_before() {
        for (name, tool) in TOOLS.iter() {
            let pairs = tool.0.iter().zip(tool.0.iter().skip(1));
            for ((a, earlier), (b, later)) in pairs {
                assert!(a.0 != b.0 || earlier <= later, "{name} {a:?} {b:?}");
            }
        }
    }

    #[test]
    fn a_version_is_no_earlier_than_the_last_known_one_before_it_in_its_line() {
        assert_eq!(day("typescript", (4, 9)), "2022-11-15");
        assert_eq!(day("typescript", (4, 10)), "2022-11-15");
        assert_eq!(day("typescript", (5, 0)), "2023-03-16");
        // A line that is not known begins after the one before does.
        assert_eq!(day("typescript", (99, 3)), "2023-03-16");
        assert_eq!(day("typescript", (1, 0)), "");
        assert_eq!(day("demo", (1, 0)), "");
    }

    #[test]
    fn a_patch_that_came_long_after_its_minor_version_has_a_day_of_its_own() {
        let patch = |patch| {
            let tool = of("insert-module-globals").expect("a tool");
            tool.day((7, 2, patch)).map(|day| day.to_string())
        };
        assert_eq!(patch(0).as_deref(), Some("2018-06-15"));
        assert_eq!(patch(1).as_deref(), Some("2020-10-09"));
        assert_eq!(patch(2), patch(1));
        assert_eq!(parse("7.2.1.0"), None);
    }

    #[test]
    fn parts_of_a_tool_have_its_days() {
        assert_eq!(
            day("@babel/preset-env", (7, 12)),
            day("@babel/core", (7, 12))
        );
        assert_eq!(day("babel-cli", (6, 26)), day("@babel/core", (6, 26)));
        assert_eq!(day("@types/node", (18, 11)), "2022-04-19");
        assert_eq!(day("@types/node-fetch", (18, 0)), "");
    }
}
