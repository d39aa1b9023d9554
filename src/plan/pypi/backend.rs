//! Which build backend made a wheel, told from its `WHEEL` file; and what is known of
//! each. Pure.

use pep440_rs::Version;

use super::super::{Error, Facts};

/// A build backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Flit,
    Hatchling,
    Poetry,
    Pdm,
    Setuptools,
    /// `wheel`'s `bdist_wheel` command: setuptools whose version is not recorded.
    BdistWheel,
    UvBuild,
}

impl Backend {
    /// Tells the backend from the tool's name in `Generator`.
    pub(super) fn of_generator(tool: &str) -> Option<Self> {
        Some(match tool {
            "flit" => Self::Flit,
            "hatchling" => Self::Hatchling,
            "poetry-core" | "poetry" => Self::Poetry,
            "pdm-backend" | "pdm" => Self::Pdm,
            "setuptools" => Self::Setuptools,
            "bdist_wheel" => Self::BdistWheel,
            "uv" => Self::UvBuild,
            _ => return None,
        })
    }

    /// The distribution that the recorded version belongs to.
    pub(super) const fn distribution(self) -> &'static str {
        match self {
            Self::Flit => "flit-core",
            Self::Hatchling => "hatchling",
            Self::Poetry => "poetry-core",
            Self::Pdm => "pdm-backend",
            Self::Setuptools => "setuptools",
            Self::BdistWheel => "wheel",
            Self::UvBuild => "uv-build",
        }
    }

    /// The time that the backend gives to members when nothing else is set.
    pub(super) const fn default_time(self) -> Option<i64> {
        match self {
            // 2020-02-02T00:00:00Z
            Self::Hatchling => Some(1_580_601_600),
            // 2016-01-01T00:00:00Z
            Self::Flit | Self::Poetry | Self::Pdm => Some(1_451_606_400),
            Self::Setuptools | Self::BdistWheel | Self::UvBuild => None,
        }
    }

    /// Whether copied members carry their files' modification times.
    pub(super) const fn copies_times(self) -> bool {
        match self {
            Self::Flit | Self::Pdm | Self::Setuptools | Self::BdistWheel => true,
            Self::Hatchling | Self::Poetry | Self::UvBuild => false,
        }
    }

    /// Whether this version packs the folder that it writes anew in the order in which the
    /// file system lists it: poetry-core did so until 1.5 (its `wheel.py`).
    pub(super) fn lists_metadata(self, version: &str) -> bool {
        const SORTED_SINCE: [u64; 2] = [1, 5];
        self == Self::Poetry
            && version
                .parse::<Version>()
                .is_ok_and(|version| version < Version::new(SORTED_SINCE))
    }

    /// Whether members that the backend writes anew get the time at which it ran.
    pub(super) const fn stamps_by_clock(self) -> bool {
        match self {
            Self::Setuptools | Self::BdistWheel => true,
            Self::Flit | Self::Hatchling | Self::Poetry | Self::Pdm | Self::UvBuild => false,
        }
    }
}

/// The `Generator` line of a `WHEEL` file (binary distribution format, "File
/// contents"): a name and a version, with or without parentheses.
pub(super) fn generator(facts: &Facts<'_>) -> Result<(String, String), Error> {
    let missing = |what: &str| Error::Incomplete(format!("{}: {what}", facts.artifact.name));
    let wheel = facts
        .members
        .iter()
        .find(|(name, _)| name.ends_with(".dist-info/WHEEL"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .ok_or_else(|| missing("the wheel has no WHEEL file"))?;
    let line = wheel
        .lines()
        .find_map(|line| line.strip_prefix("Generator:"))
        .ok_or_else(|| missing("the wheel's WHEEL file has no Generator line"))?
        .trim();
    let (tool, version) = line
        .split_once(' ')
        .ok_or_else(|| missing(&format!("the Generator `{line}` names no version")))?;
    let version = version.trim_matches(['(', ')']);
    if version.parse::<pep440_rs::Version>().is_err() {
        return Err(missing(&format!("the Generator `{line}` names no version")));
    }
    Ok((tool.to_owned(), version.to_owned()))
}
