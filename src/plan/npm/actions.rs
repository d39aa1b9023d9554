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
