//! Package URLs, limited to the ecosystems that remint knows.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use packageurl::PackageUrl;
use serde::{Deserialize, Serialize};

/// An ecosystem, named by its package URL type (PURL specification, types).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ecosystem {
    /// crates.io and registries that speak cargo's index protocol.
    Cargo,
    /// PyPI and registries that speak the simple API.
    Pypi,
    /// npm and registries that speak its packument protocol.
    Npm,
}

impl Ecosystem {
    /// Every ecosystem, in the order in which reports list them.
    pub const ALL: [Self; 3] = [Self::Cargo, Self::Pypi, Self::Npm];

    /// The package URL type.
    pub const fn purl_type(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
        }
    }

    /// The ecosystem's own order of versions; each was parsed when it was made.
    pub fn order(self, one: &Version, other: &Version) -> Ordering {
        match self {
            Self::Cargo | Self::Npm => {
                let parse = |version: &Version| semver::Version::parse(version.as_str()).ok();
                parse(one).cmp(&parse(other))
            }
            Self::Pypi => {
                let parse = |version: &Version| version.as_str().parse::<pep440_rs::Version>().ok();
                parse(one).cmp(&parse(other))
            }
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.purl_type())
    }
}

/// Why a text names no package that remint can work with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PurlError {
    /// Not a package URL at all.
    #[error("`{text}` is not a package URL ({reason}); write it like `pkg:cargo/itoa@1.0.18`")]
    Syntax { text: String, reason: String },
    /// A type that remint does not know.
    #[error(
        "remint does not know the package type `{found}` of `{text}`; it knows cargo, pypi and npm"
    )]
    UnknownType { text: String, found: String },
    /// Qualifiers or a sub-path, which would change what is meant.
    #[error(
        "`{text}` has qualifiers or a sub-path; name the package and its version only, and pick a file with --artifact"
    )]
    Qualified { text: String },
    /// A name or version that the ecosystem itself would refuse.
    #[error("`{text}`: `{part}` is not a {what} of {ecosystem}")]
    BadPart {
        text: String,
        part: String,
        what: &'static str,
        ecosystem: Ecosystem,
    },
}

/// A package's name in the form that its registry uses; npm's scope is part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct PackageName(String);

impl PackageName {
    /// The name, such as `itoa` or `@babel/core`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version as the registry spells it. Safe to use in a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Version(String);

impl Version {
    /// The version's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A package, with or without a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Purl {
    ecosystem: Ecosystem,
    name: PackageName,
    version: Option<Version>,
}

impl Purl {
    /// Builds one from parts that a registry or an artifact gave.
    ///
    /// # Errors
    /// [`PurlError::BadPart`] where the ecosystem would refuse the name or version.
    pub fn new(ecosystem: Ecosystem, name: &str, version: Option<&str>) -> Result<Self, PurlError> {
        let name = match ecosystem {
            Ecosystem::Pypi => normalize_pypi_name(name),
            Ecosystem::Cargo | Ecosystem::Npm => name.to_owned(),
        };
        let bad = |part: &str, what| PurlError::BadPart {
            text: format!("{ecosystem} package {name}"),
            part: part.to_owned(),
            what,
            ecosystem,
        };
        if !is_name(ecosystem, &name) {
            return Err(bad(&name, "package name"));
        }
        if let Some(version) = version
            && !is_version(ecosystem, version)
        {
            return Err(bad(version, "version"));
        }
        Ok(Self {
            ecosystem,
            name: PackageName(name),
            version: version.map(|v| Version(v.to_owned())),
        })
    }

    /// The ecosystem.
    pub fn ecosystem(&self) -> Ecosystem {
        self.ecosystem
    }

    /// The name.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// The version, where one is named.
    pub fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    /// The package, whatever the version.
    #[must_use]
    pub fn package(&self) -> Self {
        Self {
            version: None,
            ..self.clone()
        }
    }

    /// The same package at `version`.
    ///
    /// # Errors
    /// [`PurlError::BadPart`] where the ecosystem would refuse the version.
    pub fn at(&self, version: &str) -> Result<Self, PurlError> {
        Self::new(self.ecosystem, self.name.as_str(), Some(version))
    }

    /// A name for a file or folder: type, name and version, with every character
    /// that is not a letter, digit, `.`, `_`, `-` or `+` turned into `_`.
    pub fn file_stem(&self) -> String {
        let version = self.version.as_ref().map_or("", Version::as_str);
        format!("{}-{}-{version}", self.ecosystem, self.name)
            .chars()
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' | '+' => c,
                _ => '_',
            })
            .collect()
    }
}

/// PEP 503, "Normalized Names": runs of `-`, `_` and `.` become one `-`, lower case.
fn normalize_pypi_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '-' | '_' | '.') {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.push(c.to_ascii_lowercase());
        }
    }
    normal
}

/// The longest name or version that is accepted, in bytes: npm's limit of 214
/// for names is the largest of the three registries.
const MAX_PART: usize = 214;

fn is_name(ecosystem: Ecosystem, name: &str) -> bool {
    let plain = |part: &str, extra: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c) || extra.contains(c))
    };
    name.len() <= MAX_PART
        && match ecosystem {
            Ecosystem::Cargo => plain(name, ""),
            Ecosystem::Pypi => plain(name, ".") && !name.starts_with('-') && !name.ends_with('-'),
            // Old npm names may hold upper case and a few marks; dots never lead.
            Ecosystem::Npm => match name.strip_prefix('@') {
                Some(scoped) => scoped
                    .split_once('/')
                    .is_some_and(|(scope, rest)| plain(scope, ".~") && plain(rest, ".~!'()*")),
                None => plain(name, ".~!'()*") && !name.starts_with('.'),
            },
        }
}

fn is_version(ecosystem: Ecosystem, version: &str) -> bool {
    version.len() <= MAX_PART
        && match ecosystem {
            Ecosystem::Cargo | Ecosystem::Npm => semver::Version::parse(version).is_ok(),
            Ecosystem::Pypi => version.parse::<pep440_rs::Version>().is_ok(),
        }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        let parsed = PackageUrl::from_str(text).map_err(|error| PurlError::Syntax {
            text: text.to_owned(),
            reason: error.to_string(),
        })?;
        let ecosystem = Ecosystem::ALL
            .into_iter()
            .find(|e| e.purl_type() == parsed.ty())
            .ok_or_else(|| PurlError::UnknownType {
                text: text.to_owned(),
                found: parsed.ty().to_owned(),
            })?;
        if !parsed.qualifiers().is_empty() || parsed.subpath().is_some() {
            return Err(PurlError::Qualified {
                text: text.to_owned(),
            });
        }
        let name = match parsed.namespace() {
            Some(namespace) => format!("{namespace}/{}", parsed.name()),
            None => parsed.name().to_owned(),
        };
        Self::new(ecosystem, &name, parsed.version())
    }
}

impl fmt::Display for Purl {
    /// The canonical form: npm's `@` is percent-encoded (PURL specification, npm).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_str();
        let encoded = match name.strip_prefix('@') {
            Some(scoped) => format!("%40{scoped}"),
            None => name.to_owned(),
        };
        write!(f, "pkg:{}/{encoded}", self.ecosystem)?;
        if let Some(version) = &self.version {
            write!(f, "@{}", version.as_str().replace('+', "%2B"))?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Purl {
    type Error = PurlError;

    fn try_from(text: String) -> Result<Self, PurlError> {
        text.parse()
    }
}

impl From<Purl> for String {
    fn from(purl: Purl) -> String {
        purl.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_survives_text_in_every_ecosystem() {
        for text in [
            "pkg:cargo/itoa@1.0.18",
            "pkg:pypi/idna@3.10",
            "pkg:npm/ms@2.1.3",
            "pkg:npm/%40babel/core@7.0.0",
            "pkg:cargo/itoa",
            "pkg:cargo/zstd-sys@2.0.15%2Bzstd.1.5.7",
        ] {
            let purl: Purl = text.parse().expect(text);
            assert_eq!(purl.to_string(), text);
        }
    }

    #[test]
    fn pypi_names_are_normalized() {
        let purl: Purl = "pkg:pypi/Foo__Bar.baz@1".parse().expect("valid");
        assert_eq!(purl.name().as_str(), "foo-bar-baz");
    }

    #[test]
    fn names_that_could_leave_a_folder_are_refused() {
        for text in [
            "pkg:cargo/..@1.0.0",
            "pkg:cargo/a%2Fb@1.0.0",
            "pkg:npm/..%2Fms@2.1.3",
            "pkg:pypi/idna@3/../4",
            "pkg:cargo/itoa@not-a-version",
            "pkg:npm/ms@2.1.3?arch=x64",
            "pkg:gem/rails@7.0.0",
            "itoa",
        ] {
            assert!(text.parse::<Purl>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn an_error_says_what_to_write_instead() {
        let error = "itoa".parse::<Purl>().expect_err("no package URL");
        assert!(
            error.to_string().contains("pkg:cargo/itoa@1.0.18"),
            "{error}"
        );
    }
}
