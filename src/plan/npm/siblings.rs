//! What publishing tools of monorepos write into `package.json` for packages of the same
//! repository: the version of each, in place of where it is (lerna, "@lerna/publish",
//! `resolveLocalDependencyLinks`, which puts `^` before it; pnpm, "Workspace", "Publishing
//! workspace packages"). pnpm reads them below `node_modules`, which is empty where nothing is
//! installed. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::Facts;
use super::programs::run_by_node;
use crate::model::WORK_DIR;

/// What writes or links them, and where that is below the work folder.
pub(super) const PROGRAM: (&str, &str) = ("siblings.cjs", include_str!("siblings.cjs"));

/// Where `package.json` names what it depends on.
const MAPS: [&str; 4] = [
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
];

/// What a place in the same repository begins with (npm documentation, "package.json", "Local
/// Paths"; Yarn documentation, "Protocols").
const PLACES: [&str; 3] = ["file:", "link:", "workspace:"];

/// The packages that the source's manifest asks for by their place, and the published one
/// otherwise.
pub(super) fn told(facts: &Facts<'_>) -> BTreeSet<String> {
    let json = |bytes: Option<&Vec<u8>>| serde_json::from_slice::<Value>(bytes?).ok();
    let (Some(source), Some(published)) = (
        json(facts.tree.get("package.json")),
        json(facts.members.get("package.json")),
    ) else {
        return BTreeSet::new();
    };
    let mut found = BTreeSet::new();
    for map in MAPS {
        for (name, spec) in source[map].as_object().into_iter().flatten() {
            let other = published[map][name].as_str();
            let is_written = other.is_some_and(|other| !is_placed(other));
            // Node.js would take it for an option.
            let is_name = !name.starts_with('-');
            if is_written && is_name && spec.as_str().is_some_and(is_placed) {
                found.insert(name.clone());
            }
        }
    }
    found
}

/// Whether something that the source's manifest asks for may be in the same repository: it is
/// asked for by its place there, or is of the same npm scope, or, without one, of a name that begins
/// with the same word, or is that word.
pub(super) fn may_be_needed(facts: &Facts<'_>) -> bool {
    let manifest = facts.tree.get("package.json");
    let Some(source) = manifest.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok())
    else {
        return false;
    };
    let family = |name: &str| {
        let part = name.split_once('/').or_else(|| name.split_once('-'));
        part.map_or(name, |(part, _)| part).to_owned()
    };
    let own = source["name"].as_str().map(family);
    let maps = MAPS.iter().filter_map(|map| source[map].as_object());
    maps.flatten().any(|(name, spec)| {
        let is_kin = own.as_deref() == Some(&family(name));
        is_kin || spec.as_str().is_some_and(is_placed)
    })
}

fn is_placed(spec: &str) -> bool {
    PLACES.iter().any(|place| spec.starts_with(place))
}

/// What is done with the packages of the same repository.
#[derive(Clone, Copy)]
pub(super) enum Action {
    /// Their versions are written into the manifest.
    Write,
    /// They are linked below `node_modules`.
    Link,
}

/// The command, in the folder of the manifest.
pub(super) fn command(action: Action, names: BTreeSet<String>) -> Vec<String> {
    let action = match action {
        Action::Write => "write",
        Action::Link => "link",
    };
    let told = [action.to_owned(), format!("{WORK_DIR}/src")];
    run_by_node(PROGRAM, told.into_iter().chain(names))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    #[test]
    fn what_the_source_asks_for_by_its_place_and_the_published_manifest_by_a_version_is_told() {
        let of = |published: &str| {
            let mut situation = Situation::npm();
            let source = r#"{"dependencies":{"a":"file:../a","b":"^1.0.0"},"peerDependencies":{"c":"workspace:*"}}"#;
            situation.tree_file("package.json", source);
            situation.member("package.json", published);
            situation.with_facts(told).into_iter().collect::<Vec<_>>()
        };
        let both =
            r#"{"dependencies":{"a":"^1.2.0","b":"^1.1.0"},"peerDependencies":{"c":"2.0.0"}}"#;
        assert_eq!(of(both), ["a", "c"]);
        // Published as it is, or not at all.
        assert_eq!(of(r#"{"dependencies":{"a":"file:../a"}}"#), [""; 0]);
        assert_eq!(of("{}"), [""; 0]);
    }

    #[test]
    fn what_is_asked_for_by_its_place_or_of_the_same_scope_may_be_in_the_repository() {
        let of = |source: &str| {
            let mut situation = Situation::npm();
            situation.tree_file("package.json", source);
            situation.with_facts(may_be_needed)
        };
        assert!(of(r#"{"dependencies":{"a":"workspace:*"}}"#));
        assert!(of(r#"{"name":"@s/b","devDependencies":{"@s/a":"1"}}"#));
        assert!(!of(
            r#"{"name":"@s/b","dependencies":{"@t/a":"1","a":"1"}}"#
        ));
        assert!(!of(r#"{"name":"b","dependencies":{"@t/a":"1","a":"1"}}"#));
        assert!(of(r#"{"name":"x-b","dependencies":{"x-a":"1"}}"#));
        assert!(of(r#"{"name":"x","dependencies":{"x-a":"1"}}"#));
        assert!(!of(r#"{"name":"x","dependencies":{"xa":"1"}}"#));
        assert!(!of(
            r#"{"name":"x-b","dependencies":{"y-b":"1","@x/a":"1"}}"#
        ));
        assert!(!of("{}"));
    }
}
