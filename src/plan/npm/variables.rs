//! What scripts are told of the manifest by npm 6 and before, and by none since: every field of
//! it, as a variable (npm documentation, "scripts", "package.json vars"; npm 7, "CHANGELOG",
//! which keeps but some). Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Facts;
use super::family;

/// The first npm that says but some.
const FIRST_WITHOUT: u64 = 7;

/// How every variable's name begins.
const START: &str = "npm_package_";

/// The longest value: longer ones are no paths, names or numbers.
const LONGEST: usize = 4096;

/// The variables that the manifest's scripts name, where the npm of this version, which packed,
/// would have set them.
pub(super) fn named_by_scripts(facts: &Facts<'_>, npm: &str) -> BTreeMap<String, String> {
    if family::major(npm).is_none_or(|major| major >= FIRST_WITHOUT) {
        return BTreeMap::new();
    }
    let manifest = facts.tree.get("package.json");
    let manifest: Option<Value> = manifest.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let Some(manifest) = manifest else {
        return BTreeMap::new();
    };
    let scripts = manifest["scripts"].as_object().into_iter().flatten();
    let named: Vec<&str> = scripts
        .filter_map(|(_, script)| script.as_str())
        .flat_map(|script| script.split(|one: char| !one.is_ascii_alphanumeric() && one != '_'))
        .filter(|word| word.starts_with(START))
        .collect();
    let mut all = BTreeMap::new();
    if !named.is_empty() {
        flatten(&manifest, START.trim_end_matches('_'), &mut all);
    }
    all.retain(|name, _| named.contains(&name.as_str()));
    all
}

/// The fields of a value, each by the way to it.
fn flatten(value: &Value, name: &str, all: &mut BTreeMap<String, String>) {
    let below = |key: &str| {
        let mut name = format!("{name}_");
        for one in key.chars() {
            // Several that no name may have become one.
            if one.is_ascii_alphanumeric() || one == '_' {
                name.push(one);
            } else if !name.ends_with('_') {
                name.push('_');
            }
        }
        name
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(value, &below(key), all);
            }
        }
        Value::Array(values) => {
            for (nth, value) in values.iter().enumerate() {
                flatten(value, &below(&nth.to_string()), all);
            }
        }
        // None that a program could not be given.
        Value::String(text) if text.len() <= LONGEST && !text.contains(char::is_control) => {
            all.insert(name.to_owned(), text.clone());
        }
        Value::Bool(_) | Value::Number(_) => {
            all.insert(name.to_owned(), value.to_string());
        }
        Value::String(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn named(script: &str, npm: &str) -> String {
        let mut situation = Situation::npm();
        situation.tree_file(
            "package.json",
            &format!(
                r#"{{"name":"demo","nul":"\u0000","react-native":"./a.js","config":{{"port":8,"list":["x"]}},"scripts":{{"build":"{script}"}}}}"#
            ),
        );
        situation.with_facts(|facts| {
            let found = named_by_scripts(facts, npm);
            let all = found.iter().map(|(name, value)| format!("{name}={value}"));
            all.collect::<Vec<_>>().join(" ")
        })
    }

    #[test]
    fn npm_6_tells_scripts_of_every_field_that_they_name() {
        assert_eq!(
            named("cpy x --rename=$npm_package_react_native", "6.14.18"),
            "npm_package_react_native=./a.js"
        );
        assert_eq!(
            named(
                "echo ${npm_package_config_port} $npm_package_config_list_0",
                "6.14.18"
            ),
            "npm_package_config_list_0=x npm_package_config_port=8"
        );
        assert_eq!(named("tsc", "6.14.18"), "");
        assert_eq!(named("echo $npm_package_other", "6.14.18"), "");
        assert_eq!(named("echo $npm_package_nul", "6.14.18"), "");
    }

    #[test]
    fn npm_7_and_later_do_not() {
        assert_eq!(named("echo $npm_package_react_native", "7.0.0"), "");
        assert_eq!(named("echo $npm_package_react_native", "no version"), "");
    }
}
