//! What is installed to build: the backend that ran, and the rest as the source declares it (PEP 517, PEP 518). Pure.

use std::borrow::Cow;
use std::str::FromStr as _;

use pep440_rs::{Operator, VersionSpecifiers};
use serde::Deserialize;

use super::super::{Error, Facts};
use super::backend::{Backend, LEGACY};

#[derive(Default, Deserialize)]
struct PyProject {
    #[serde(rename = "build-system")]
    build_system: Option<BuildSystem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct BuildSystem {
    #[serde(default)]
    pub(super) requires: Vec<String>,
    /// The object whose hooks build (PEP 517, "build-backend").
    #[serde(default = "legacy")]
    pub(super) build_backend: String,
    /// Where in the source the backend itself is (PEP 517, "In-tree build backends").
    #[serde(default)]
    pub(super) backend_path: Vec<String>,
    /// Whether the source names poetry's object, which is poetry-core's under an older name.
    #[serde(skip)]
    pub(super) is_poetrys: bool,
}

/// The object that poetry had before 1.1, and has handed on to poetry-core since (poetry,
/// `masonry/api.py`), and that one's own.
pub(super) const POETRYS: &str = "poetry.masonry.api";
pub(super) const POETRY_CORES: &str = "poetry.core.masonry.api";

impl BuildSystem {
    /// The same with poetry-core in the place of poetry, which needs much that no build does, some
    /// of it compiled for Pythons of its time.
    fn by_poetry_core(mut self) -> Self {
        self.is_poetrys = self.build_backend == POETRYS;
        if self.is_poetrys {
            POETRY_CORES.clone_into(&mut self.build_backend);
            self.requires
                .retain(|requirement| requirement_name(requirement) != "poetry");
        }
        self
    }
}

fn legacy() -> String {
    LEGACY.into()
}

/// A file of the source; empty where it has none of the name.
pub(super) fn source_text<'a>(facts: &Facts<'a>, name: &str) -> Cow<'a, str> {
    let bytes = facts.tree.get(name).map_or(&[][..], Vec::as_slice);
    String::from_utf8_lossy(bytes)
}

/// What the source asks to have installed (PEP 518), with its default for a
/// source without the table.
pub(super) fn declared(facts: &Facts<'_>) -> Result<BuildSystem, Error> {
    let default = || BuildSystem {
        requires: vec!["setuptools".into()],
        build_backend: legacy(),
        backend_path: vec![],
        is_poetrys: false,
    };
    let Some(bytes) = facts.tree.get("pyproject.toml") else {
        return Ok(default());
    };
    let text = String::from_utf8_lossy(bytes);
    let project: PyProject = toml::from_str(&text).map_err(|error| {
        Error::Incomplete(format!(
            "{}: the source's pyproject.toml does not parse: {}",
            facts.artifact.name,
            error.message()
        ))
    })?;
    let declared = project.build_system.unwrap_or_else(default);
    Ok(declared.by_poetry_core())
}

/// The name at the start of a requirement (PEP 508), normalized (PEP 503).
fn requirement_name(requirement: &str) -> String {
    requirement
        .trim()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .map(|c| match c {
            '_' | '.' => '-',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

/// What is installed: the backend that the wheel names in exactly that version, and
/// everything else that the source asks for. A backend that builds itself is in its
/// own source, and in no registry yet.
pub(super) fn requirements(
    facts: &Facts<'_>,
    declared: &[String],
    backend: Backend,
    version: &str,
) -> Vec<String> {
    let pinned = backend.distribution();
    let mut requirements: Vec<String> = declared
        .iter()
        .filter(|requirement| requirement_name(requirement) != pinned)
        .cloned()
        .collect();
    if !builds_itself(facts, backend, version) {
        requirements.push(format!("{pinned}=={version}"));
    }
    if backend == Backend::Setuptools
        && let Some(wheel) = wheel_beside(facts, version)
    {
        requirements.retain(|requirement| requirement_name(requirement) != "wheel");
        requirements.push(wheel.into());
    }
    let is_setuptools = |requirement: &String| requirement_name(requirement) == "setuptools";
    if let Some(old) = old_setuptools(facts, backend) {
        // What the wheel tells of the one that ran comes before what the source asks for:
        // running setup.py asks for nothing.
        requirements.retain(|requirement| !is_setuptools(requirement));
        requirements.push(old.into());
    } else if backend == Backend::BdistWheel {
        if has_no_command_of_its_own(facts, &requirements) {
            requirements.push(BEFORE_OWN_COMMAND.into());
        } else if !requirements.iter().any(is_setuptools) {
            requirements.push("setuptools".into());
        }
    }
    requirements
}

/// Since 70.1 setuptools has a `bdist_wheel` of its own, which goes before that of wheel
/// and names itself as the Generator (setuptools, "History", v70.1.0).
const BEFORE_OWN_COMMAND: &str = "setuptools<70.1";
const LAST_BEFORE: &str = "70.0.0";

/// The headers of the wheel's METADATA, without the description that follows them (core
/// metadata specifications, "Description").
pub(super) fn metadata(facts: &Facts<'_>) -> Option<String> {
    let mut members = facts.members.iter();
    let (_, bytes) = members.find(|(name, _)| name.ends_with(".dist-info/METADATA"))?;
    let text = String::from_utf8_lossy(bytes);
    let headers: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    Some(headers.join("\n"))
}

/// Until 0.41.0 wheel wrote a requirement's versions in parentheses, and since 0.41.3 at the
/// latest it does not (wheel, `metadata.py`, `requires_to_requires_dist`).
const BEFORE_BARE_VERSIONS: &str = "wheel<=0.41.0";

/// Since 0.44 wheel writes no space before a requirement's versions (wheel, "Release Notes").
const SINCE_NO_SPACE: &str = "wheel>=0.44";

/// The first setuptools whose `bdist_wheel` writes METADATA by itself; those before it took what
/// does from wheel where that was installed, and elsewhere from their own copy, which was 0.43
/// (its `command/bdist_wheel.py` and `_vendor`, read in 70.1 to 75.8).
const WRITES_METADATA_ITSELF: [u64; 2] = [75, 6];

/// The wheel that was installed beside setuptools, as far as METADATA tells of it.
fn wheel_beside(facts: &Facts<'_>, setuptools: &str) -> Option<&'static str> {
    let headers = metadata(facts)?;
    let any = |is_so: fn(&str) -> bool| {
        headers
            .lines()
            .filter_map(|line| line.strip_prefix("Requires-Dist: "))
            .filter_map(|requirement| requirement.split(';').next())
            .any(is_so)
    };
    let setuptools: pep440_rs::Version = setuptools.parse().ok()?;
    let asks_wheel = setuptools < pep440_rs::Version::new(WRITES_METADATA_ITSELF);
    if any(|requirement| requirement.trim_end().ends_with(')')) {
        Some(BEFORE_BARE_VERSIONS)
    } else if asks_wheel && any(has_versions_without_space) {
        Some(SINCE_NO_SPACE)
    } else {
        None
    }
}

/// Whether a version follows the name, or its extras, at once.
fn has_versions_without_space(requirement: &str) -> bool {
    requirement
        .find(['<', '>', '=', '!', '~'])
        .is_some_and(|at| !requirement[..at].ends_with(' '))
}

/// When setuptools 70.1.0 was uploaded: 2024-06-19T12:54:40Z.
const OWN_COMMAND_SINCE: i64 = 1_718_801_680;

/// The same requirements with the last setuptools that has no `bdist_wheel` of its own, where
/// the first try takes a later one: the environment may have been an older one.
pub(super) fn before_own_command(
    facts: &Facts<'_>,
    requirements: &[String],
    backend: Backend,
) -> Option<Vec<String>> {
    let is_later = facts
        .published()
        .is_some_and(|published| published.as_second() >= OWN_COMMAND_SINCE);
    let taken = || requirements.iter().any(|one| one == BEFORE_OWN_COMMAND);
    (backend == Backend::BdistWheel && is_later && !taken())
        .then(|| with_setuptools(requirements, BEFORE_OWN_COMMAND))
}

/// Requirements with this setuptools in place of any other.
pub(super) fn with_setuptools(requirements: &[String], setuptools: &str) -> Vec<String> {
    requirements
        .iter()
        .filter(|requirement| requirement_name(requirement) != "setuptools")
        .cloned()
        .chain([setuptools.to_owned()])
        .collect()
}

/// Whether the `bdist_wheel` of wheel can only have run with a setuptools that has none:
/// `setup.py` does not take it from there by name, and the source asks for no later one.
fn has_no_command_of_its_own(facts: &Facts<'_>, requirements: &[String]) -> bool {
    let by_name = source_text(facts, "setup.py").contains("bdist_wheel");
    let last: pep440_rs::Version = LAST_BEFORE.parse().expect("a constant version parses");
    let allows_it = |requirement: &String| {
        specifiers(requirement).is_some_and(|specifiers| specifiers.contains(&last))
    };
    !by_name && requirements.iter().filter(is_setuptools).all(allows_it)
}

fn is_setuptools(requirement: &&String) -> bool {
    requirement_name(requirement) == "setuptools"
}

/// The versions that a requirement allows (PEP 508), all where it says nothing; none where that
/// cannot be read.
fn specifiers(requirement: &str) -> Option<VersionSpecifiers> {
    let text = requirement.split(';').next().unwrap_or_default().trim();
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        .unwrap_or(text.len());
    VersionSpecifiers::from_str(text[end..].trim()).ok()
}

/// The first setuptools that runs on Python 3.12 (setuptools, "History", v66.1.0): those before
/// import `pkgutil.ImpImporter`, and before 60 `distutils` too.
const ON_PYTHON_3_12: &str = "66.1.0";

/// Whether only a setuptools is asked for that needs what Python 3.12 took away.
pub(super) fn are_before_python_3_12(requirements: &[String]) -> bool {
    let first: pep440_rs::Version = ON_PYTHON_3_12.parse().expect("a constant version parses");
    let ends_before = |specifier: &pep440_rs::VersionSpecifier| match specifier.operator() {
        Operator::LessThan => *specifier.version() <= first,
        Operator::LessThanEqual
        | Operator::Equal
        | Operator::EqualStar
        | Operator::ExactEqual
        | Operator::TildeEqual => *specifier.version() < first,
        Operator::NotEqual
        | Operator::NotEqualStar
        | Operator::GreaterThan
        | Operator::GreaterThanEqual => false,
    };
    requirements
        .iter()
        .filter(is_setuptools)
        .filter_map(|requirement| specifiers(requirement))
        .any(|specifiers| specifiers.iter().any(ends_before))
}

/// Whether the release is the backend itself: of this version, or of one that was
/// only ever in its source.
pub(super) fn builds_itself(facts: &Facts<'_>, backend: Backend, version: &str) -> bool {
    let purl = &facts.release.purl;
    let same_name = requirement_name(purl.name().as_str()) == backend.distribution();
    let same_version = purl.version().is_some_and(|own| own.as_str() == version);
    same_name && (same_version || version.contains('+'))
}

/// What the METADATA of a wheel tells of the setuptools that wrote it: "Platform: UNKNOWN"
/// where nothing else was said, before it was left out; "License-File" for each licence,
/// since it was put in.
fn old_setuptools(facts: &Facts<'_>, backend: Backend) -> Option<&'static str> {
    if backend != Backend::BdistWheel {
        return None;
    }
    let headers = metadata(facts)?;
    let names_licences = headers
        .lines()
        .any(|line| line.starts_with("License-File:"));
    let platform = headers
        .lines()
        .find_map(|line| line.strip_prefix("Platform: "))?;
    match (platform == "UNKNOWN", names_licences) {
        // 62.1 is the last that was seen to write the platform.
        (true, true) => Some(if has_rendered_entry_points(facts) {
            "setuptools<62.2"
        } else {
            "setuptools<60"
        }),
        (true, false) => Some(if has_python_requires_as_set(facts, &headers) {
            "setuptools<41.4"
        } else {
            "setuptools<56"
        }),
        (false, false) if could_name_licences(facts) && has_licence(facts) => {
            Some(BEFORE_LICENCE_FILES)
        }
        (false, _) => None,
    }
}

/// Since 57.0 setuptools writes "License-File" (its `dist.py`), and was uploaded at
/// 2021-05-23T03:54:57Z; wheel puts licences into the wheel by itself.
const BEFORE_LICENCE_FILES: &str = "setuptools<57";
const LICENCE_FILES_SINCE: i64 = 1_621_742_097;

/// Whether a setuptools that would have named them was there.
fn could_name_licences(facts: &Facts<'_>) -> bool {
    let published = facts.published();
    published.is_some_and(|published| published.as_second() >= LICENCE_FILES_SINCE)
}

/// Whether the wheel has a licence where wheel puts those that it finds by their names (wheel,
/// `bdist_wheel.py`, `license_paths`).
fn has_licence(facts: &Facts<'_>) -> bool {
    const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS"];
    facts.stamps.iter().any(|stamp| {
        stamp.name.split_once('/').is_some_and(|(folder, file)| {
            folder.ends_with(".dist-info") && NAMES.iter().any(|name| file.starts_with(name))
        })
    })
}

/// Whether `Requires-Python` is what `setup.cfg` says as it stands, with spaces that are no part of
/// a set of specifiers: since 41.4 setuptools reads one, and writes it without (its `config.py`,
/// "python_requires").
fn has_python_requires_as_set(facts: &Facts<'_>, headers: &str) -> bool {
    let written = headers
        .lines()
        .find_map(|line| line.strip_prefix("Requires-Python: "));
    let settings = source_text(facts, "setup.cfg");
    let set = settings.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == "python_requires").then(|| value.trim())
    });
    written.is_some_and(|written| written.contains(' ') && set == Some(written))
}

/// Whether entry points are written as setuptools does since 60.9 at the latest (its
/// `_entry_points.py`, `render`): the last line ends, and none is empty after it, as there
/// is one in 60.5 and before (`command/egg_info.py`, `write_entries`).
fn has_rendered_entry_points(facts: &Facts<'_>) -> bool {
    let written = facts
        .members
        .iter()
        .find(|(name, _)| name.ends_with(".dist-info/entry_points.txt"));
    written.is_some_and(|(_, text)| text.ends_with(b"\n") && !text.ends_with(b"\n\n"))
}
