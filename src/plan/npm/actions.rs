//! What the actions that a workflow uses say of how a package is published: those that publish
//! it, and the one that brings Node.js. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shell::plain_folder;

/// Whether a job uses an action, of any version.
pub(super) fn uses(job: &Value, action: &str) -> bool {
    let mut steps = job["steps"].as_array().into_iter().flatten();
    steps.any(|step| {
        let used = step["uses"].as_str();
        used.is_some_and(|used| used.starts_with(action))
    })
}

/// The command that stands for an action which publishes (the actions' own documentation).
pub(super) fn published_by(action: &str, with: &Value) -> Option<String> {
    let (name, _) = action.split_once('@').unwrap_or((action, ""));
    match name {
        "JS-DevTools/npm-publish" => {
            let package = with["package"].as_str().unwrap_or("");
            let folder = package.trim_end_matches("package.json");
            Some(format!("npm publish {folder}"))
        }
        "cycjimmy/semantic-release-action" => Some("semantic-release".to_owned()),
        "changesets/action" => with["publish"].as_str().map(str::to_owned),
        _ => None,
    }
}

/// What the name of an action says that has a token of the registry in order to install.
const INSTALLING: [&str; 5] = ["setup", "install", "cache", "prepare", "bootstrap"];

/// Whether a step hands a secret that is named after a token of the registry to an action of which
/// nothing is known: whoever needs that publishes (GitHub documentation, "Using secrets in GitHub
/// Actions").
pub(super) fn is_handed_a_token(step: &Value) -> bool {
    let Some(action) = step["uses"].as_str() else {
        return false;
    };
    let (name, _) = action.split_once('@').unwrap_or((action, ""));
    // It publishes where it is told how alone.
    let is_other = name == "changesets/action" || INSTALLING.iter().any(|word| name.contains(word));
    let is_token = |value: &Value| {
        let secret = value.as_str().and_then(|value| {
            let inner = value.trim().strip_prefix("${{")?.strip_suffix("}}")?;
            inner.trim().strip_prefix("secrets.")
        });
        secret.is_some_and(|name| {
            let name = name.to_ascii_uppercase();
            let is_registrys = ["NPM", "NODE_AUTH"].iter().any(|of| name.starts_with(of));
            is_registrys && name.contains("TOKEN")
        })
    };
    let handed = ["env", "with"].map(|map| step[map].as_object());
    !is_other
        && handed
            .into_iter()
            .flatten()
            .any(|map| map.values().any(is_token))
}

/// The major version that `actions/setup-node` is told (its `README.md`, "Usage").
pub(super) fn node_of(with: &Value, tree: &BTreeMap<String, Vec<u8>>) -> Option<u64> {
    if let Some(version) = with["node-version"].as_str() {
        return major(version);
    }
    let file = plain_folder(with["node-version-file"].as_str()?)?;
    let bytes = tree.get(&format!("/{file}"))?;
    major(&String::from_utf8_lossy(bytes))
}

/// The major version that a text begins with.
pub(super) fn major(text: &str) -> Option<u64> {
    let text = text
        .trim()
        .trim_start_matches(['v', '^', '~', '>', '=', ' ']);
    text.split('.').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_is_handed_a_token_of_the_registry_publishes() {
        let is = |uses: &str, key: &str, value: &str| {
            is_handed_a_token(&serde_json::json!({"uses": uses, key: {"X": "1", "T": value}}))
        };
        let token = "${{ secrets.NPM_TOKEN }}";
        assert!(is("someone/ships@v2", "env", token));
        assert!(is(
            "someone/ships@v2",
            "with",
            "${{secrets.NODE_AUTH_TOKEN}}"
        ));
        assert!(is(
            "./.github/actions/ship",
            "with",
            "${{ secrets.npm_automation_token }}"
        ));
        for installing in [
            "actions/setup-node@v4",
            "./.github/actions/install",
            "changesets/action@v1",
        ] {
            assert!(!is(installing, "env", token), "{installing}");
        }
        assert!(!is(
            "someone/ships@v2",
            "env",
            "${{ secrets.GITHUB_TOKEN }}"
        ));
        assert!(!is("someone/ships@v2", "env", "NPM_TOKEN"));
        // What hands it on to something else builds with it.
        let argument = format!("NPM_TOKEN={token}");
        assert!(!is("docker/builds@v5", "with", &argument));
        assert!(!is("someone/ships@v2", "other", token));
        assert!(!is_handed_a_token(
            &serde_json::json!({"run": "x", "env": {"T": token}})
        ));
    }
}
