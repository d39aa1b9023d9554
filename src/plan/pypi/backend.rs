//! Which build backend made a wheel, told from its `WHEEL` file, or makes a source
//! distribution, told from what the source declares; and what is known of each. Pure.

use pep440_rs::Version;

use super::super::{Error, Facts};
use super::requirements::{POETRY_CORES, POETRYS};

/// The first wheel that sorts `RECORD` (its `bdist_wheel.py`, `write_record`).
const SORTED_RECORD: [u64; 2] = [0, 26];

/// The backend of a source that declares none (PEP 517, "Source trees").
pub(super) const LEGACY: &str = "setuptools.build_meta:__legacy__";

/// A build backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Flit,
    Hatchling,
    Poetry,
    Pdm,
    /// pdm-backend's forerunner, under a name of its own.
    PdmPep517,
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
            // Up to 0.22 it gives itself its front end's name (`builders/wheel.py`).
            "hatchling" | "hatch" => Self::Hatchling,
            "poetry-core" | "poetry" => Self::Poetry,
            "pdm-backend" | "pdm" => Self::Pdm,
            "pdm-pep517" => Self::PdmPep517,
            "setuptools" => Self::Setuptools,
            "bdist_wheel" => Self::BdistWheel,
            "uv" => Self::UvBuild,
            _ => return None,
        })
    }

    /// Tells the backend from what a source declares as `build-backend` (PEP 517); none
    /// where that is another one, or the source's own.
    pub(super) fn of_object(reference: &str) -> Option<Self> {
        Some(match reference {
            "flit_core.buildapi" | "flit.buildapi" | "flit_scm:buildapi" => Self::Flit,
            "hatchling.build" => Self::Hatchling,
            POETRY_CORES | POETRYS => Self::Poetry,
            "pdm.backend" => Self::Pdm,
            "pdm.pep517.api" => Self::PdmPep517,
            "setuptools.build_meta" | LEGACY => Self::Setuptools,
            "uv_build" => Self::UvBuild,
            _ => return None,
        })
    }

    /// The object whose hooks build with it, where any source that does not name it may be built by it
    /// all the same: each but setuptools, for which that takes a `setup.py`, comes with a command of its
    /// own, or of its project, and not all of them look at what the source names (poetry 1, `poetry
    /// build`).
    pub(super) const fn object(self) -> Option<&'static str> {
        Some(match self {
            Self::Flit => "flit_core.buildapi",
            Self::Hatchling => "hatchling.build",
            Self::Poetry => POETRY_CORES,
            Self::Pdm => "pdm.backend",
            Self::PdmPep517 => "pdm.pep517.api",
            Self::UvBuild => "uv_build",
            Self::Setuptools | Self::BdistWheel => return None,
        })
    }

    /// Whether a wheel of this backend comes with a source distribution of the other one.
    pub(super) fn is_kin(self, other: Self) -> bool {
        let kin = |backend| match backend {
            Self::BdistWheel => Self::Setuptools,
            other => other,
        };
        kin(self) == kin(other)
    }

    /// Up to which release the backend writes this version of the core metadata where
    /// nothing else is asked for, and what comes after writes a later one: read in
    /// setuptools' `_core_metadata.py` (75.8, 77.0), hatchling's `metadata/spec.py` (1.22,
    /// 1.27), flit-core's `common.py` (3.10, 3.11) and poetry-core's `metadata.py` (2.0, 2.2).
    pub(super) const fn last_with_metadata(self, version: &str) -> Option<&'static str> {
        let metadata = match version.as_bytes() {
            b"2.1" => 1,
            b"2.2" => 2,
            b"2.3" => 3,
            _ => return None,
        };
        Some(match (self, metadata) {
            (Self::Setuptools | Self::BdistWheel, 1) => "<75.8",
            (Self::Setuptools, 2) => "<77",
            (Self::Hatchling, 1) => "<1.22",
            (Self::Hatchling, 3) => "<1.27",
            (Self::Flit, 1) => "<3.10",
            (Self::Flit, 3) => "<3.11",
            (Self::Poetry, 1) => "<2",
            (Self::Poetry, 3) => "<2.2",
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
            Self::PdmPep517 => "pdm-pep517",
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
            Self::Flit | Self::Poetry | Self::Pdm | Self::PdmPep517 => Some(1_451_606_400),
            Self::Setuptools | Self::BdistWheel | Self::UvBuild => None,
        }
    }

    /// Whether this backend copies the metadata that the front end had it prepare, and writes it into
    /// the archive without modes otherwise (pdm-pep517 1.0, `wheel.py`, `_copy_metadata`).
    pub(super) fn copies_metadata(self) -> bool {
        self == Self::PdmPep517
    }

    /// Whether copied members carry their files' modification times.
    pub(super) const fn copies_times(self) -> bool {
        match self {
            Self::Flit | Self::Pdm | Self::PdmPep517 | Self::Setuptools | Self::BdistWheel => true,
            Self::Hatchling | Self::Poetry | Self::UvBuild => false,
        }
    }

    /// Whether this version writes the folder that it writes anew into `RECORD` in the order in which
    /// the file system lists it: poetry-core did so until 1.5 (its `wheel.py`), and wheel until 0.26
    /// (its `bdist_wheel.py`, `write_record`).
    pub(super) fn lists_metadata(self, version: &str) -> bool {
        match self {
            Self::Poetry => is_before(version, [1, 5]),
            Self::BdistWheel => is_before(version, SORTED_RECORD),
            Self::Flit
            | Self::Hatchling
            | Self::Pdm
            | Self::PdmPep517
            | Self::Setuptools
            | Self::UvBuild => false,
        }
    }

    /// Whether this version packs files in the order in which folders list them, and sorts
    /// `RECORD`: wheel did the first until 0.30 (its `archive.py`, `make_wheelfile_inner`), and
    /// the other since 0.26.
    pub(super) fn lists_archive(self, version: &str) -> bool {
        self == Self::BdistWheel
            && is_before(version, [0, 30])
            && !is_before(version, SORTED_RECORD)
    }

    /// Whether a source distribution's gzip header has the time that SOURCE_DATE_EPOCH
    /// gives its members (flit-core 3.9, `sdist.py`; hatchling 1.25, `builders/sdist.py`).
    pub(super) const fn stamps_gzip(self) -> bool {
        match self {
            Self::Flit | Self::Hatchling => true,
            Self::Poetry
            | Self::Pdm
            | Self::PdmPep517
            | Self::Setuptools
            | Self::BdistWheel
            | Self::UvBuild => false,
        }
    }

    /// Whether a source distribution follows SOURCE_DATE_EPOCH at all: setuptools takes the
    /// files as they are, and uv has one time of its own.
    pub(super) const fn dates_sdists(self) -> bool {
        match self {
            Self::Flit | Self::Hatchling | Self::Poetry | Self::Pdm => true,
            Self::PdmPep517 | Self::Setuptools | Self::BdistWheel | Self::UvBuild => false,
        }
    }

    /// Whether it takes requirements from a file that setuptools writes.
    pub(super) const fn writes_requirements(self) -> bool {
        matches!(self, Self::Setuptools | Self::BdistWheel)
    }

    /// Whether members that the backend writes anew get the time at which it ran.
    pub(super) const fn stamps_by_clock(self) -> bool {
        match self {
            Self::Setuptools | Self::BdistWheel => true,
            Self::Flit
            | Self::Hatchling
            | Self::Poetry
            | Self::Pdm
            | Self::PdmPep517
            | Self::UvBuild => false,
        }
    }
}

fn is_before(version: &str, first: [u64; 2]) -> bool {
    version
        .parse::<Version>()
        .is_ok_and(|version| version < Version::new(first))
}

/// What made a wheel.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Generator {
    pub(super) backend: Backend,
    /// The tool's own name for itself.
    pub(super) tool: String,
    pub(super) version: String,
}

/// The `Generator` line of a `WHEEL` file (binary distribution format, "File
/// contents"): a name and a version, with or without parentheses.
pub(super) fn generator(facts: &Facts<'_>) -> Result<Generator, Error> {
    let name = &facts.artifact.name;
    let missing = |what: &str| Error::Incomplete(format!("{name}: {what}"));
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
    let (tool, version) = line.split_once(' ').unwrap_or((line, ""));
    let backend = Backend::of_generator(tool).ok_or_else(|| {
        Error::Unsupported(format!(
            "{name}: remint has no plan for the build backend `{tool}` yet"
        ))
    })?;
    let version = version.trim_matches(['(', ')']);
    if version.parse::<Version>().is_err() {
        return Err(missing(&format!("the Generator `{line}` names no version")));
    }
    Ok(Generator {
        backend,
        tool: tool.to_owned(),
        version: version.to_owned(),
    })
}
