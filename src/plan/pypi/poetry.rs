//! Poetry's own command, where a plugin of it has a say in what the wheel declares. A hook of the
//! backend knows of no plugin. Pure.

use super::super::Facts;
use super::backend::Backend;
use super::requirements::source_text;
use crate::model::Source;

/// The plugin that writes named requirements where a source has folders of its repository, and
/// the table of `pyproject.toml` that turns it on (`poetry-plugin-mono-repo-deps`,
/// `plugin.py`, "activate").
const PLUGIN: &str = "poetry-plugin-mono-repo-deps";
const TABLE: [&str; 2] = ["poetry-monorepo", "deps"];

/// Writes the lock file from which the plugin reads versions.
pub(super) const LOCK: &str = include_str!("locked.py");

/// What is installed beside the rest to build by poetry's command; none where no plugin takes
/// part. A source distribution has been through the plugin already.
pub(super) fn with_plugin(
    facts: &Facts<'_>,
    backend: Backend,
    requires: &[String],
) -> Option<Vec<String>> {
    let (Source::Git { .. }, Backend::Poetry) = (facts.source, backend) else {
        return None;
    };
    let manifest: toml::Table = source_text(facts, "pyproject.toml").parse().ok()?;
    let tools = manifest.get("tool")?;
    let added = ["poetry", PLUGIN].map(str::to_owned);
    (is_on(tools) == Some(true) && needs_a_folder(tools) == Some(true))
        .then(|| requires.iter().cloned().chain(added).collect())
}

/// Whether the plugin is turned on.
fn is_on(tools: &toml::Value) -> Option<bool> {
    let [tool, table] = TABLE;
    tools.get(tool)?.get(table)?.get("enabled")?.as_bool()
}

/// Whether the source needs a folder of its repository, so that there is something to write.
fn needs_a_folder(tools: &toml::Value) -> Option<bool> {
    let needed = tools.get("poetry")?.get("dependencies")?.as_table()?;
    Some(needed.values().any(|asked| asked.get("path").is_some()))
}
