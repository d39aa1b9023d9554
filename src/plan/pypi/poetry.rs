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
    let [tool, table] = TABLE;
    let is_on = manifest
        .get("tool")
        .and_then(|tools| tools.get(tool)?.get(table)?.get("enabled")?.as_bool());
    let added = ["poetry", PLUGIN].map(str::to_owned);
    (is_on == Some(true)).then(|| requires.iter().cloned().chain(added).collect())
}
