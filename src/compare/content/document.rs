//! JSON and TOML as documents: which values were added, removed or changed (JSON
//! Pointer, RFC 6901), and which packages of a lock file have another version. Says
//! something beside the textual diff, never in its place. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::Cause;

/// Changes that are named; the others are counted.
const NAMED: usize = 20;
/// Changes that are looked for at all.
const LOOKED_FOR: usize = 1_000;
/// The longest value that is shown, in characters.
const SHOWN: usize = 60;

fn parsed(path: &str, a: &str, b: &str) -> Option<(&'static str, Value, Value)> {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok().filter(is_document);
    if let (Some(a), Some(b)) = (json(a), json(b)) {
        return Some(("JSON", a, b));
    }
    // Much text parses as TOML by chance; its name must say so, too.
    let is_toml = path.ends_with(".toml") || path.ends_with(".lock");
    let toml = |text: &str| toml::from_str::<Value>(text).ok();
    match (is_toml, toml(a), toml(b)) {
        (true, Some(a), Some(b)) => Some(("TOML", a, b)),
        _ => None,
    }
}

fn is_document(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// What differs in the structure of two documents, in one line.
pub(super) fn structure(path: &str, published: &str, rebuilt: &str) -> Option<String> {
    let (format, a, b) = parsed(path, published, rebuilt)?;
    let mut changes = Vec::new();
    walk(&a, &b, &mut String::new(), &mut changes);
    if changes.is_empty() {
        // A key that is there twice is seen once by a parser, so no more is claimed.
        return Some(format!(
            "as {format}, a parser reads the same values from both"
        ));
    }
    let more = changes.len().saturating_sub(NAMED);
    changes.truncate(NAMED);
    let mut text = format!("as {format}: {}", changes.join(", "));
    if more > 0 {
        text.push_str(&format!(", and {more} more"));
    }
    Some(text)
}

fn walk(a: &Value, b: &Value, at: &mut String, changes: &mut Vec<String>) {
    if a == b || changes.len() >= LOOKED_FOR {
        return;
    }
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                inside(at, key, |at| match b.get(key) {
                    Some(other) => walk(value, other, at, changes),
                    None => changes.push(format!("{at} only published")),
                });
            }
            for key in b.keys().filter(|key| !a.contains_key(*key)) {
                inside(at, key, |at| changes.push(format!("{at} only rebuilt")));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (value, other)) in a.iter().zip(b).enumerate() {
                inside(at, &index.to_string(), |at| {
                    walk(value, other, at, changes);
                });
            }
        }
        (a, b) => changes.push(format!("{at} published {}, rebuilt {}", shown(a), shown(b))),
    }
}

/// RFC 6901, section 3: `~` and `/` are escaped.
fn inside(at: &mut String, key: &str, then: impl FnOnce(&mut String)) {
    let length = at.len();
    at.push('/');
    at.push_str(&key.replace('~', "~0").replace('/', "~1"));
    then(at);
    at.truncate(length);
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(members) => format!("an object of {}", members.len()),
        plain => {
            let text = plain.to_string();
            match text.char_indices().nth(SHOWN) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

/// Lock files, by name, of Cargo, Poetry, uv, PDM and npm.
const LOCKS: [&str; 6] = [
    "Cargo.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
];

/// The packages of two lock files that have not the same version, with the cause that
/// this proves.
pub(super) fn dependencies(path: &str, published: &str, rebuilt: &str) -> Option<(Cause, String)> {
    let file = path.rsplit('/').next()?;
    if !LOCKS.contains(&file) {
        return None;
    }
    let (_, a, b) = parsed(path, published, rebuilt)?;
    let (a, b) = (packages(&a), packages(&b));
    // A package of the same version with another checksum or source is no mere choice
    // of versions.
    let agree = |key: &(String, String)| match (a.get(key), b.get(key)) {
        (Some(x), Some(y)) => without_edges(x) == without_edges(y),
        _ => true,
    };
    if !a.keys().all(agree) {
        return None;
    }
    let (a, b) = (versions(&a), versions(&b));
    let mut changed: Vec<String> = Vec::new();
    for name in a
        .keys()
        .chain(b.keys().filter(|name| !a.contains_key(*name)))
    {
        let of = |side: &BTreeMap<String, Vec<String>>| {
            side.get(name)
                .map_or("none".to_owned(), |v| v.join(" and "))
        };
        if of(&a) != of(&b) {
            changed.push(format!("{name} published {}, rebuilt {}", of(&a), of(&b)));
        }
    }
    let more = changed.len().saturating_sub(NAMED);
    changed.truncate(NAMED);
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    (!changed.is_empty()).then(|| {
        (
            Cause::DependencyVersion,
            format!("{}{more}", changed.join(", ")),
        )
    })
}

/// Manifests, by name, of Cargo and npm.
const MANIFESTS: [&str; 3] = ["Cargo.toml", "Cargo.toml.orig", "package.json"];

/// Whether nothing but what two manifests say about dependencies that both have differs, as
/// a parser reads them.
pub(super) fn only_dependencies(path: &str, published: &str, rebuilt: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    if !MANIFESTS.contains(&file) {
        return false;
    }
    // Cargo's copy of the manifest as it was written has an ending of its own.
    let path = path.strip_suffix(".orig").unwrap_or(path);
    let Some((_, mut a, mut b)) = parsed(path, published, rebuilt) else {
        return false;
    };
    take_versions(&mut a);
    take_versions(&mut b);
    a == b
}

/// Takes the versions out of every table of dependencies: a text, or the text `version` of a
/// table.
fn take_versions(value: &mut Value) {
    let Some(members) = value.as_object_mut() else {
        return;
    };
    for (key, member) in members {
        if !key.to_ascii_lowercase().ends_with("dependencies") {
            take_versions(member);
            continue;
        }
        let wanted = member.as_object_mut().into_iter().flatten();
        for (_, dependency) in wanted {
            let version = match dependency {
                Value::Object(fields) => fields.get_mut("version"),
                plain => Some(plain),
            };
            if let Some(version) = version.filter(|version| version.is_string()) {
                *version = Value::Null;
            }
        }
    }
}

/// Each package of a lock file by name and version.
fn packages(lock: &Value) -> BTreeMap<(String, String), &Value> {
    let version = |package: &Value| {
        package
            .get("version")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    // `[[package]]` of TOML lock files.
    let listed = lock
        .get("package")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let listed = listed.filter_map(|package| {
        let name = package.get("name").and_then(Value::as_str)?.to_owned();
        Some(((name, version(package)?), package))
    });
    // `packages` of npm's, by place.
    let placed = lock
        .get("packages")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let placed = placed.filter_map(|(place, package)| {
        let name = place.trim_start_matches("node_modules/").to_owned();
        Some(((name, version(package)?), package))
    });
    listed.chain(placed).collect()
}

/// A package without what it depends on, which follows the versions of others.
fn without_edges(package: &Value) -> Value {
    let mut package = package.clone();
    if let Some(fields) = package.as_object_mut() {
        fields.retain(|key, _| !key.to_ascii_lowercase().contains("dependencies"));
    }
    package
}

/// Each package with its versions.
fn versions(packages: &BTreeMap<(String, String), &Value>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in packages.keys() {
        found.entry(name.clone()).or_default().push(version.clone());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_values_are_named_by_their_pointers() {
        let said = |a, b| structure("x.json", a, b);
        assert_eq!(
            said(r#"{"a/b":[1,2],"c":1}"#, r#"{"a/b":[1,3],"d":1}"#).as_deref(),
            Some("as JSON: /a~1b/1 published 2, rebuilt 3, /c only published, /d only rebuilt")
        );
        assert_eq!(
            said(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#).as_deref(),
            Some("as JSON, a parser reads the same values from both")
        );
        assert_eq!(said("no json", "{}"), None);
        assert_eq!(said("1", "2"), None);
        assert_eq!(
            structure("x/Cargo.toml", "a = 1\n", "a = 2\n").as_deref(),
            Some("as TOML: /a published 1, rebuilt 2")
        );
        assert_eq!(structure("x.txt", "a = 1\n", "a = 2\n"), None);
    }

    #[test]
    fn a_manifest_whose_dependencies_alone_changed_is_told_from_another() {
        let npm = |version: &str, main: &str| {
            format!(r#"{{"main":"{main}","devDependencies":{{"a":"{version}"}}}}"#)
        };
        let is = |a: &str, b: &str| only_dependencies("package/package.json", a, b);
        assert!(is(&npm("^1.0.0", "x"), &npm("^1.0.1", "x")));
        assert!(!is(&npm("^1.0.0", "x"), &npm("^1.0.1", "y")));
        let cargo = |version: &str, path: &str| {
            format!("[dependencies.a]\nversion = \"{version}\"\npath = \"{path}\"\n")
        };
        let is = |a: &str, b: &str| only_dependencies("a-1/Cargo.toml", a, b);
        assert!(is(&cargo("1", "p"), &cargo("2", "p")));
        assert!(!is(&cargo("1", "p"), &cargo("2", "q")));
    }

    #[test]
    fn packages_of_a_lock_file_are_named_with_both_versions() {
        let lock = |version: &str| {
            format!("version = 4\n[[package]]\nname = \"a\"\nversion = \"{version}\"\n")
        };
        assert_eq!(
            dependencies("x/Cargo.lock", &lock("1.0.1"), &lock("1.0.2")),
            Some((
                Cause::DependencyVersion,
                "a published 1.0.1, rebuilt 1.0.2".to_owned()
            ))
        );
        assert_eq!(dependencies("x/Cargo.toml", &lock("1"), &lock("2")), None);
        let same = lock("1") + "\n";
        assert_eq!(dependencies("x/Cargo.lock", &lock("1"), &same), None);
        // Beside another version, a checksum that changed under the same one.
        let with = |a: &str, checksum: &str| {
            lock(a)
                + &format!(
                    "[[package]]\nname = \"b\"\nversion = \"1\"\nchecksum = \"{checksum}\"\n"
                )
        };
        assert!(dependencies("x/Cargo.lock", &with("1", "x"), &with("2", "x")).is_some());
        assert_eq!(
            dependencies("x/Cargo.lock", &with("1", "x"), &with("2", "y")),
            None
        );
    }
}
