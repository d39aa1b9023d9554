//! Image definitions: `images/<name>.toml`, what a person writes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Error;

/// One definition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Definition {
    /// The Debian suite.
    pub(super) suite: String,
    /// SOURCE_DATE_EPOCH of the build, in seconds.
    pub(super) epoch: u64,
    /// Packages beyond the smallest system.
    pub(super) packages: Vec<String>,
    /// Paths that are not unpacked (dpkg(1), `path-exclude`).
    #[serde(default)]
    pub(super) exclude: Vec<String>,
    /// Whether it is left out unless named: its suite moves every day, say.
    #[serde(default)]
    pub(super) optional: bool,
}

/// Reads every definition of a folder.
pub(super) fn load_all(folder: &Path) -> Result<BTreeMap<String, Definition>, Error> {
    let unreadable = |error| Error::Folder {
        path: folder.to_owned(),
        error,
    };
    let mut definitions = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
            .to_owned();
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let definition = parse(&text).map_err(|reason| Error::Shape {
            path: path.clone(),
            reason,
        })?;
        definitions.insert(name, definition);
    }
    if definitions.is_empty() {
        return Err(unreadable(std::io::Error::other(
            "it holds no definition (*.toml)",
        )));
    }
    Ok(definitions)
}

fn parse(text: &str) -> Result<Definition, String> {
    let definition: Definition = toml::from_str(text).map_err(|error| error.to_string())?;
    // Both become arguments of mmdebstrap; a name that is none must not become an option.
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match std::iter::once(&definition.suite)
        .chain(&definition.packages)
        .find(|n| !is_name(n))
    {
        Some(name) => Err(format!("`{name}` is not the name of a suite or package")),
        None => Ok(definition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_with_an_option_for_a_package_is_refused() {
        let good = "suite = \"trixie\"\nepoch = 1\npackages = [\"libstdc++6\"]\n";
        assert!(parse(good).is_ok());
        let evil = good.replace("libstdc++6", "--hook-dir=/x");
        assert!(parse(&evil).expect_err("an option").contains("--hook-dir"));
        assert!(parse("suite = \"trixie\"\n").is_err());
    }

    #[test]
    fn a_folder_without_definitions_says_what_to_do() {
        let folder = tempfile::tempdir().expect("temp");
        let error = load_all(folder.path()).expect_err("empty").to_string();
        assert!(error.contains("--images-dir"), "{error}");
    }
}
