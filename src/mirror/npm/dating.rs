//! The earliest day on which each version of a package can have been published, as its own
//! manifest tells: it names tools (`releases`), or parts of its scope that name some, which must
//! have been there before. For registries whose times are a proxy's. Pure.
//!
//! What it tells is a lower bound and often months too early; where a manifest names
//! nothing, it tells nothing. Nothing that is true of a package's past depends on it: it
//! decides which versions a build sees, and what comes of that is compared like any other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use semver::Version;
use serde_json::{Map, Value};

use super::releases::{self, Number};

/// For how many years Definitely Typed holds its packages to a TypeScript (its `README.md`,
/// "Support Window").
const SUPPORT_YEARS: i16 = 2;

/// The earliest days of other packages' versions, by name and version.
pub(super) type Siblings = BTreeMap<String, BTreeMap<String, Date>>;

/// The maps of a manifest in which it names what must have been there before it.
const ASKED: [&str; 2] = ["dependencies", "devDependencies"];

/// The packages of the same scope that versions of a package ask for from some version on: often
/// parts of one repository that are released together, of which one may tell what the others do
/// not. None for what is dated by itself.
pub(super) fn siblings(name: &str, packument: &Value) -> BTreeSet<String> {
    let Some((scope, _)) = name
        .split_once('/')
        .filter(|_| releases::of(name).is_none())
    else {
        return BTreeSet::new();
    };
    let versions = packument["versions"].as_object();
    let manifests = versions.into_iter().flat_map(Map::values);
    let asked =
        manifests.flat_map(|manifest| ASKED.iter().filter_map(|map| manifest[map].as_object()));
    let is_sibling = |other: &str| {
        let of_scope = other.split_once('/').is_some_and(|(of, _)| of == scope);
        of_scope && other != name && releases::of(other).is_none()
    };
    asked
        .flatten()
        .filter(|(other, range)| {
            is_sibling(other) && range.as_str().and_then(begins_with).is_some()
        })
        .map(|(other, _)| other.clone())
        .collect()
}

/// The earliest days, by version; versions that nothing tells of are left out. Within a
/// major version none is earlier than a lower one, and a major version begins no earlier
/// than the one before it.
pub(super) fn earliest<'a>(
    name: &str,
    versions: &'a Map<String, Value>,
    siblings: &Siblings,
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
        let own = told(name, &version, manifest, siblings);
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

/// What one version's manifest tells.
fn told(name: &str, version: &Version, manifest: &Value, siblings: &Siblings) -> Option<Date> {
    // Versions before a release may come before the day of it.
    let itself = version
        .pre
        .is_empty()
        .then_some((version.major, version.minor, version.patch));
    let itself = itself.and_then(|number| day(name, number));
    let asked = ASKED
        .iter()
        .filter_map(|map| manifest[map].as_object())
        .flatten()
        .filter_map(|(name, range)| {
            let number = begins_with(range.as_str()?)?;
            let sibling = || {
                let (major, minor, patch) = number;
                let days = siblings.get(name)?;
                days.get(&format!("{major}.{minor}.{patch}")).copied()
            };
            day(name, number).or_else(sibling)
        })
        .max();
    let engine = manifest["engines"]["node"].as_str().and_then(begins_with);
    let engine = engine.and_then(|(major, ..)| day("node", (major, 0, 0)));
    let held_to = manifest["typeScriptVersion"]
        .as_str()
        .and_then(begins_with)
        .and_then(supported_from);
    [itself, asked, engine, held_to].into_iter().max().flatten()
}

/// The day of a tool's version, where the tool is known.
fn day(tool: &str, number: Number) -> Option<Date> {
    releases::of(tool)?.day(number)
}

/// When Definitely Typed began to hold its packages to this TypeScript at least: when it let
/// go of the one before.
fn supported_from(least: Number) -> Option<Date> {
    releases::of("typescript")?
        .day_before(least)?
        .checked_add(jiff::Span::new().years(SUPPORT_YEARS))
        .ok()
}

/// The highest version that one of a range's alternatives begins with (node-semver, "Ranges");
/// upper ends and prereleases count for nothing.
fn begins_with(range: &str) -> Option<Number> {
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
        let mut next = || parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        highest = highest.max(Some((major, next(), next())));
    }
    highest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn days(name: &str, versions: Value) -> BTreeMap<String, String> {
        let versions = versions.as_object().expect("versions");
        earliest(name, versions, &Siblings::new())
            .into_iter()
            .map(|(version, day)| (version.to_owned(), day.to_string()))
            .collect()
    }

    #[test]
    fn a_manifest_tells_by_the_tools_that_it_names() {
        let one = |manifest: Value| days("demo", json!({"1.0.0": manifest})).remove("1.0.0");
        let told = |manifest| one(manifest).unwrap_or_default();
        assert_eq!(
            told(json!({"devDependencies": {"typescript": "^4.2.3"}})),
            "2021-02-23"
        );
        assert_eq!(told(json!({"engines": {"node": ">=16"}})), "2021-04-20");
        // Definitely Typed let go of 3.9 two years after it came out.
        assert_eq!(told(json!({"typeScriptVersion": "4.0"})), "2022-05-12");
        assert_eq!(
            told(json!({"devDependencies": {"prettier": "^2.1.0", "tape": "^4.0.0"}})),
            "2020-08-24"
        );
        assert_eq!(told(json!({"dependencies": {"eslint": "latest"}})), "");
        assert_eq!(told(json!({})), "");
        // What users may have says nothing of when it was there.
        assert_eq!(
            told(json!({"peerDependencies": {"typescript": "^4.2.3"}})),
            ""
        );
    }

    #[test]
    fn a_range_tells_what_it_begins_with_and_not_where_it_ends() {
        assert_eq!(begins_with("^4.2.3"), Some((4, 2, 3)));
        assert_eq!(begins_with(">= 4.2 < 5.1"), Some((4, 2, 0)));
        assert_eq!(begins_with(">=4.2 <5.1"), Some((4, 2, 0)));
        assert_eq!(begins_with("^12.20.0||^14||>=16"), Some((16, 0, 0)));
        assert_eq!(begins_with("~5"), Some((5, 0, 0)));
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
        assert_eq!(own["99.0.0"], "2023-03-16");
        // It begins no earlier than the major version before.
        assert_eq!(own["5.0.0-dev.20221108"], "2022-11-15");
        let types = days("@types/node", json!({"18.0.1": {}}));
        assert_eq!(types["18.0.1"], "2022-04-19");
        assert!(days("demo", json!({"4.9.5": {}})).is_empty());
    }

    #[test]
    fn a_part_of_a_scope_is_no_earlier_than_another_that_it_asks_for() {
        let core = json!({
            "1.6.0": {"dependencies": {"@s/hooking": "1.6.0"}},
            "1.7.0": {"dependencies": {"@s/hooking": "^1.7.0", "@s/any": "*", "other": "1.0.0", "@babel/core": "^7.0.0"}},
        });
        let packument = json!({"versions": core});
        let wanted = siblings("@s/core", &packument);
        assert_eq!(wanted.into_iter().collect::<Vec<_>>(), ["@s/hooking"]);
        assert!(siblings("core", &packument).is_empty());
        let hooking = json!({"1.7.0": {"dependencies": {"typescript": "^4.2.3"}}});
        let days_of = |versions: &Value, siblings: &Siblings| -> BTreeMap<String, Date> {
            let versions = versions.as_object().expect("versions");
            let found = earliest("@s/x", versions, siblings).into_iter();
            found
                .map(|(version, day)| (version.to_owned(), day))
                .collect()
        };
        let of_hooking = days_of(&hooking, &Siblings::new());
        let siblings = Siblings::from([("@s/hooking".to_owned(), of_hooking)]);
        let found = days_of(&core, &siblings);
        assert_eq!(found["1.7.0"].to_string(), "2021-02-23");
        let alone = days_of(&core, &Siblings::new());
        assert_ne!(alone["1.7.0"], found["1.7.0"]);
        assert!(!found.contains_key("1.6.0"));
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
