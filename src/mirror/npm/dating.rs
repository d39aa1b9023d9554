//! The earliest day on which each version of a package can have been published, as its own
//! manifest tells: it names a TypeScript or a Node.js that must have been there before. For
//! registries whose times are a proxy's. Pure.
//!
//! What it tells is a lower bound and often months too early; where a manifest names
//! nothing, it tells nothing. Nothing that is true of a package's past depends on it: it
//! decides which versions a build sees, and what comes of that is compared like any other.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use semver::Version;
use serde_json::{Map, Value};

/// First stable releases of TypeScript (TypeScript, "Release Notes" and the posts that
/// announce them), by minor version.
const TYPESCRIPT: [((u64, u64), Date); 40] = [
    ((2, 0), date(2016, 9, 22)),
    ((2, 1), date(2016, 12, 7)),
    ((2, 2), date(2017, 2, 22)),
    ((2, 3), date(2017, 4, 27)),
    ((2, 4), date(2017, 6, 27)),
    ((2, 5), date(2017, 8, 31)),
    ((2, 6), date(2017, 10, 31)),
    ((2, 7), date(2018, 1, 31)),
    ((2, 8), date(2018, 3, 27)),
    ((2, 9), date(2018, 5, 31)),
    ((3, 0), date(2018, 7, 30)),
    ((3, 1), date(2018, 9, 27)),
    ((3, 2), date(2018, 11, 29)),
    ((3, 3), date(2019, 1, 31)),
    ((3, 4), date(2019, 3, 29)),
    ((3, 5), date(2019, 5, 29)),
    ((3, 6), date(2019, 8, 28)),
    ((3, 7), date(2019, 11, 5)),
    ((3, 8), date(2020, 2, 20)),
    ((3, 9), date(2020, 5, 12)),
    ((4, 0), date(2020, 8, 20)),
    ((4, 1), date(2020, 11, 19)),
    ((4, 2), date(2021, 2, 23)),
    ((4, 3), date(2021, 5, 26)),
    ((4, 4), date(2021, 8, 26)),
    ((4, 5), date(2021, 11, 17)),
    ((4, 6), date(2022, 2, 28)),
    ((4, 7), date(2022, 5, 24)),
    ((4, 8), date(2022, 8, 25)),
    ((4, 9), date(2022, 11, 15)),
    ((5, 0), date(2023, 3, 16)),
    ((5, 1), date(2023, 6, 1)),
    ((5, 2), date(2023, 8, 24)),
    ((5, 3), date(2023, 11, 20)),
    ((5, 4), date(2024, 3, 6)),
    ((5, 5), date(2024, 6, 20)),
    ((5, 6), date(2024, 9, 9)),
    ((5, 7), date(2024, 11, 22)),
    ((5, 8), date(2025, 2, 28)),
    ((5, 9), date(2025, 8, 1)),
];

/// First releases of Node.js (Node.js, "Release Working Group", `README.md`, "Release
/// schedule"), by major version.
const NODE: [(u64, Date); 18] = [
    (8, date(2017, 5, 30)),
    (9, date(2017, 10, 31)),
    (10, date(2018, 4, 24)),
    (11, date(2018, 10, 23)),
    (12, date(2019, 4, 23)),
    (13, date(2019, 10, 22)),
    (14, date(2020, 4, 21)),
    (15, date(2020, 10, 20)),
    (16, date(2021, 4, 20)),
    (17, date(2021, 10, 19)),
    (18, date(2022, 4, 19)),
    (19, date(2022, 10, 18)),
    (20, date(2023, 4, 18)),
    (21, date(2023, 10, 17)),
    (22, date(2024, 4, 24)),
    (23, date(2024, 10, 16)),
    (24, date(2025, 5, 6)),
    (25, date(2025, 10, 15)),
];

/// For how many years Definitely Typed holds its packages to a TypeScript (its `README.md`,
/// "Support Window").
const SUPPORT_YEARS: i16 = 2;

/// The earliest days, by version; versions that nothing tells of are left out. Within a
/// major version none is earlier than a lower one, and a major version begins no earlier
/// than the one before it.
pub(super) fn earliest<'a>(
    name: &str,
    versions: &'a Map<String, Value>,
) -> BTreeMap<&'a str, Date> {
    let mut ordered: Vec<(Version, &str, &Value)> = versions
        .iter()
        .filter_map(|(text, manifest)| Some((Version::parse(text).ok()?, text.as_str(), manifest)))
        .collect();
    ordered.sort_by(|a, b| a.0.cmp(&b.0));
    let mut found = BTreeMap::new();
    let mut line: Option<(u64, Option<Date>)> = None;
    let mut begun = None;
    for (version, text, manifest) in ordered {
        let own = told(name, &version, manifest);
        let before = match line {
            Some((major, latest)) if major == version.major => latest,
            _ => begun,
        };
        let latest = own.max(before);
        if line.is_none_or(|(major, _)| major != version.major) {
            begun = latest;
        }
        line = Some((version.major, latest));
        if let Some(day) = latest {
            found.insert(text, day);
        }
    }
    found
}

/// What one version's manifest tells by itself.
fn told(name: &str, version: &Version, manifest: &Value) -> Option<Date> {
    let itself = match name {
        // Nightly builds come before the release that they are named for.
        "typescript" if version.pre.is_empty() => typescript((version.major, version.minor)),
        "@types/node" => node(version.major),
        _ => None,
    };
    let asked = ["dependencies", "devDependencies"]
        .iter()
        .filter_map(|map| manifest[map]["typescript"].as_str())
        .filter_map(begins_with)
        .filter_map(typescript)
        .max();
    let engine = manifest["engines"]["node"]
        .as_str()
        .and_then(begins_with)
        .and_then(|(major, _)| node(major));
    let held_to = manifest["typeScriptVersion"]
        .as_str()
        .and_then(begins_with)
        .and_then(supported_from);
    [itself, asked, engine, held_to].into_iter().max().flatten()
}

/// The release day of a TypeScript; of a later one than the table has, the last day.
fn typescript(minor: (u64, u64)) -> Option<Date> {
    TYPESCRIPT
        .iter()
        .rev()
        .find(|(known, _)| *known <= minor)
        .map(|(_, day)| *day)
}

fn node(major: u64) -> Option<Date> {
    NODE.iter()
        .rev()
        .find(|(known, _)| *known <= major)
        .map(|(_, day)| *day)
}

/// When Definitely Typed began to hold its packages to this TypeScript at least: when it let
/// go of the one before.
fn supported_from(minor: (u64, u64)) -> Option<Date> {
    let at = TYPESCRIPT.iter().position(|(known, _)| *known == minor)?;
    let (_, released) = TYPESCRIPT.get(at.checked_sub(1)?)?;
    released
        .checked_add(jiff::Span::new().years(SUPPORT_YEARS))
        .ok()
}

/// The highest version that one of a range's alternatives begins with, as major and minor
/// (node-semver, "Ranges"); upper ends and prereleases count for nothing.
fn begins_with(range: &str) -> Option<(u64, u64)> {
    if range.contains(" - ") {
        return None;
    }
    let mut highest = None;
    let mut is_upper = false;
    for word in range.split([' ', '|', ',']).filter(|word| !word.is_empty()) {
        let was_upper = std::mem::take(&mut is_upper);
        if word.starts_with('<') {
            is_upper = word.trim_start_matches(['<', '=']).is_empty();
            continue;
        }
        let version = word.trim_start_matches(['^', '~', '>', '=', 'v']);
        if was_upper || version.contains('-') {
            continue;
        }
        let mut parts = version.split('.');
        let Some(major) = parts.next().and_then(|part| part.parse().ok()) else {
            continue;
        };
        let minor = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        highest = highest.max(Some((major, minor)));
    }
    highest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn days(name: &str, versions: Value) -> BTreeMap<String, String> {
        let versions = versions.as_object().expect("versions");
        earliest(name, versions)
            .into_iter()
            .map(|(version, day)| (version.to_owned(), day.to_string()))
            .collect()
    }

    #[test]
    fn a_manifest_tells_by_the_typescript_and_the_node_that_it_names() {
        let one = |manifest: Value| days("demo", json!({"1.0.0": manifest})).remove("1.0.0");
        let told = |manifest| one(manifest).unwrap_or_default();
        assert_eq!(
            told(json!({"devDependencies": {"typescript": "^4.2.3"}})),
            "2021-02-23"
        );
        assert_eq!(told(json!({"engines": {"node": ">=16"}})), "2021-04-20");
        // Definitely Typed let go of 3.9 two years after it came out.
        assert_eq!(told(json!({"typeScriptVersion": "4.0"})), "2022-05-12");
        assert_eq!(told(json!({})), "");
        // What users may have says nothing of when it was there.
        assert_eq!(
            told(json!({"peerDependencies": {"typescript": "^4.2.3"}})),
            ""
        );
    }

    #[test]
    fn a_range_tells_what_it_begins_with_and_not_where_it_ends() {
        assert_eq!(begins_with("^4.2.3"), Some((4, 2)));
        assert_eq!(begins_with(">= 4.2 < 5.1"), Some((4, 2)));
        assert_eq!(begins_with(">=4.2 <5.1"), Some((4, 2)));
        assert_eq!(begins_with("^12.20.0||^14||>=16"), Some((16, 0)));
        assert_eq!(begins_with("~5"), Some((5, 0)));
        for nothing in ["*", "<5", "4.0 - 5.0", "5.0.0-beta", "next", "npm:a@1", ""] {
            assert_eq!(begins_with(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn typescript_tells_of_itself_and_node_of_its_types() {
        let own = days(
            "typescript",
            json!({"4.9.5": {}, "5.0.0-dev.20221108": {}, "99.0.0": {}}),
        );
        assert_eq!(own["4.9.5"], "2022-11-15");
        assert_eq!(own["99.0.0"], "2025-08-01");
        // It begins no earlier than the major version before.
        assert_eq!(own["5.0.0-dev.20221108"], "2022-11-15");
        let types = days("@types/node", json!({"18.0.1": {}}));
        assert_eq!(types["18.0.1"], "2022-04-19");
        assert!(days("demo", json!({"4.9.5": {}})).is_empty());
    }

    #[test]
    fn what_one_version_tells_holds_for_those_after_it_in_its_line_and_for_later_lines() {
        let told = json!({"devDependencies": {"typescript": "4.2.3"}});
        let found = days(
            "demo",
            json!({"1.9.0": {}, "1.10.0": told, "1.11.0": {}, "2.0.0": {}, "1.8.0": {}}),
        );
        assert!(!found.contains_key("1.8.0") && !found.contains_key("1.9.0"));
        assert_eq!(found["1.11.0"], "2021-02-23");
        // The line of 1 began before anything told, and so may 2 have.
        assert!(!found.contains_key("2.0.0"));
        let found = days("demo", json!({"1.0.0": told, "2.0.0": {}}));
        assert_eq!(found["2.0.0"], "2021-02-23");
    }
}
