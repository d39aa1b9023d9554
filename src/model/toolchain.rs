//! The toolchains that the farm builds itself. Plain data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What is built.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// cargo, which packs crates.
    #[default]
    Cargo,
    /// zlib-rs as the system's zlib, which a cargo that is linked to that compresses with.
    ZlibRs,
}

impl Tool {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Cargo, Self::ZlibRs];

    /// Its name in plans, records and lock files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::ZlibRs => "zlib-rs",
        }
    }
}

/// One release of a tool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Toolchain {
    /// The tool.
    pub tool: Tool,
    /// Its release.
    pub version: semver::Version,
}

/// A text that names no toolchain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is neither a release of cargo, such as 1.82.0, nor one of zlib-rs, such as zlib-rs@0.6.8"
)]
pub struct NotAToolchain(String);

impl Toolchain {
    /// The toolchain that a plan names; none where the farm builds no such.
    pub fn named(name: &str, version: &str) -> Option<Self> {
        Some(Self {
            tool: Tool::ALL.into_iter().find(|tool| tool.name() == name)?,
            version: version.parse().ok()?,
        })
    }

    /// How `remint toolchains` takes it.
    pub fn argument(&self) -> String {
        match self.tool {
            Tool::Cargo => self.version.to_string(),
            tool => format!("{}@{}", tool.name(), self.version),
        }
    }
}

/// As `remint toolchains` takes it: a bare version is cargo's.
impl FromStr for Toolchain {
    type Err = NotAToolchain;

    fn from_str(text: &str) -> Result<Self, NotAToolchain> {
        let (name, version) = text.split_once('@').unwrap_or((Tool::Cargo.name(), text));
        Self::named(name, version).ok_or_else(|| NotAToolchain(text.to_owned()))
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tool.name(), self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_named_as_it_is_asked_for() {
        for text in ["1.82.0", "zlib-rs@0.6.8"] {
            let toolchain: Toolchain = text.parse().expect("valid");
            assert_eq!(toolchain.argument(), text);
        }
        let cargo: Toolchain = "cargo@1.82.0".parse().expect("valid");
        assert_eq!(cargo.argument(), "1.82.0");
        for bad in ["", "1.82", "zlib@1.3.1", "zlib-rs", "zlib-rs@"] {
            assert!(bad.parse::<Toolchain>().is_err(), "{bad}");
        }
    }
}
