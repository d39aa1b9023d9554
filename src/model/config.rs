//! What an operator may configure, parsed from TOML and checked whole.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::Limits;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or not the shape of a configuration.
    #[error("{origin}: {message}")]
    Shape {
        /// The file.
        origin: String,
        /// What the parser says, with line and column.
        message: String,
    },
}

/// The configuration file. Every line is optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The registries' addresses; the package clients' own are used where a
    /// line is missing.
    pub registry: RegistryConfig,
    /// Where sources are read from.
    pub source: SourceConfig,
    /// What a build may use.
    pub limits: Limits,
    /// How long one artifact is tried.
    pub tries: TryLimits,
}

/// When the line stops trying further plans for one artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TryLimits {
    /// Plans that are rebuilt at most. Of what a first dozen could not do, more has not
    /// been seen to come.
    pub most: usize,
    /// No further plan is begun after so many seconds: an artifact of a nightly batch
    /// must not cost the others their night.
    pub seconds: u64,
}

impl Default for TryLimits {
    fn default() -> Self {
        Self {
            most: 12,
            seconds: 1800,
        }
    }
}

/// Addresses of the registries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// Root of a sparse cargo index (without `sparse+`).
    pub cargo: Option<Url>,
    /// Root of a simple API (PEP 503, PEP 691).
    pub pypi: Option<Url>,
    /// Root of an npm registry.
    pub npm: Option<Url>,
}

/// Where sources are read from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// Upstream prefixes and the git locations (addresses or folders of bare
    /// repositories) that stand in for them. The longest prefix wins.
    pub mirror: BTreeMap<String, String>,
}

impl Config {
    /// Reads a configuration; `origin` names the file in errors.
    ///
    /// # Errors
    /// [`ConfigError::Shape`] with the place in the file.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Shape {
            origin: origin.to_owned(),
            message: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_configuration_is_one() {
        assert!(Config::parse("", "x").is_ok());
    }

    #[test]
    fn a_misspelt_line_is_named_with_its_place() {
        let error = Config::parse("[registry]\ncrago = \"x\"\n", "remint.toml")
            .expect_err("unknown line")
            .to_string();
        assert!(
            error.contains("remint.toml") && error.contains("crago"),
            "{error}"
        );
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn each_limit_of_tries_can_be_set_by_itself() {
        let config = Config::parse("[tries]\nmost = 3\n", "x").expect("valid");
        assert_eq!(config.tries.most, 3);
        assert_eq!(config.tries.seconds, TryLimits::default().seconds);
    }

    #[test]
    fn a_source_mirror_maps_prefixes() {
        let config = Config::parse(
            "[source.mirror]\n\"https://git.example/\" = \"/srv/git/\"\n",
            "x",
        )
        .expect("valid");
        assert_eq!(config.source.mirror["https://git.example/"], "/srv/git/");
    }
}
