//! What an operator may configure, parsed from TOML and checked whole.

mod bucket;
mod disk;
mod farm;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::Limits;

pub use bucket::{BucketAddress, BucketConfig, StoreConfig};
pub use disk::DiskConfig;
pub use farm::{CredentialConfig, FarmConfig, FarmLimits, ScheduleConfig, WorkerConfig};

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
    /// Whose provenance attestations are believed.
    pub provenance: ProvenanceConfig,
    /// What a build may use.
    pub limits: Limits,
    /// How long one artifact is tried.
    pub tries: TryLimits,
    /// Who signs.
    pub signing: SigningConfig,
    /// The log of what was signed.
    pub log: LogConfig,
    /// Other builders, whose attestations count as witnesses.
    pub builder: Vec<BuilderConfig>,
    /// Where rows are kept.
    pub database: DatabaseConfig,
    /// Toolchains of other releases than the farm has.
    pub toolchains: ToolchainConfig,
    /// The bucket of a fleet.
    pub store: StoreConfig,
    /// How much of the disk may be used.
    pub disk: DiskConfig,
    /// The long-running service.
    pub farm: FarmConfig,
}

/// What is done for a toolchain that is pinned and not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ToolchainConfig {
    /// Whether it is built when a plan needs it: some minutes, once for each release.
    pub on_demand: bool,
}

impl Default for ToolchainConfig {
    fn default() -> Self {
        Self { on_demand: true }
    }
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

/// Where rows are kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// The address of a PostgreSQL database; a file in the data folder without it.
    pub url: Option<String>,
}

/// Addresses of the registries, and the patience with them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// Root of a sparse cargo index (without `sparse+`).
    pub cargo: Option<Url>,
    /// Root of a simple API (PEP 503, PEP 691).
    pub pypi: Option<Url>,
    /// Root of an npm registry.
    pub npm: Option<Url>,
    /// How long the next bytes of an answer may take.
    pub stall_seconds: u64,
    /// How long a whole answer may take, however steadily it comes.
    pub longest_seconds: u64,
}

impl Default for RegistryConfig {
    /// A minute of nothing is a dead connection; half an hour is enough for the largest
    /// file that is fetched, a gigabyte, at 5 megabits a second.
    fn default() -> Self {
        Self {
            cargo: None,
            pypi: None,
            npm: None,
            stall_seconds: 60,
            longest_seconds: 30 * 60,
        }
    }
}

/// Where sources are read from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// Upstream prefixes and the git locations (addresses or folders of bare
    /// repositories) that stand in for them. The longest prefix wins.
    pub mirror: BTreeMap<String, String>,
}

/// Whose provenance attestations are believed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProvenanceConfig {
    /// A file with the keys and certificates of another Sigstore (protobuf-specs,
    /// `TrustedRoot` in JSON) than the public one, whose root the library carries.
    pub trusted_root: Option<PathBuf>,
}

/// Who signs statements. A key file in the data folder where nothing is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SigningConfig {
    /// A file that holds the passphrase of the key files.
    pub passphrase_file: Option<PathBuf>,
    /// A key in a token.
    pub pkcs11: Option<TokenConfig>,
    /// A command that signs.
    pub command: Option<CommandConfig>,
}

/// A key in a token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The token's library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's label.
    pub key: String,
    /// A file that holds the PIN; else it is in the environment.
    pub pin_file: Option<PathBuf>,
}

/// A command that signs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// The public half of the key that it signs with (SPKI PEM).
    pub public_key: PathBuf,
}

/// Another builder. One operator may have several: k of n counts operators.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuilderConfig {
    /// Who runs it.
    pub operator: String,
    /// What it writes.
    pub format: BuilderFormat,
    /// Its public key (SPKI PEM).
    pub key: PathBuf,
}

/// What another builder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuilderFormat {
    /// Another remint's bundles of its own results.
    Remint,
    /// OSS Rebuild's `rebuild.intoto.jsonl`.
    OssRebuild,
    /// rebuilderd's signed links.
    Rebuilderd,
}

/// The log of what was signed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// The log's name: a bare host name of the operator's choosing. It is fixed with
    /// the first entry.
    pub origin: String,
}

impl Default for LogConfig {
    /// A name below the domain that is reserved for private use, so that it is
    /// nobody else's.
    fn default() -> Self {
        Self {
            origin: "log.remint.internal".into(),
        }
    }
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
