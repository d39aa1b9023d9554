//! What build backends write into a source distribution and the commit does not have: a
//! closed list, each told by its place and by what it may hold. Pure. What is on the list
//! is not vouched for; it only runs nothing by itself, and asks for nothing new.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::committed::CommittedFile;
use super::packed::Packed;
use super::{python, settings};
use crate::model::Packer;
use crate::source::pypi::normalized;

/// What is known of the release that a source distribution is of.
#[derive(Debug, Default)]
pub(super) struct Release {
    /// Its name, normalized (PEP 503).
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// What its wheel requires, by normalized names.
    pub(super) requires: BTreeSet<String>,
    /// Its wheel's entry points, each with its group.
    pub(super) entry_points: BTreeSet<String>,
    /// `pyproject.toml`, `setup.cfg` and `setup.py` of the commit, where they are there.
    pub(super) manifests: BTreeMap<&'static str, String>,
}

/// The text files that setuptools and pbr write into `.egg-info` (setuptools, "The
/// Internal Structure of Python Eggs", "Project Metadata"; pbr, `pbr_json.py`).
const EGG_INFO: [&str; 10] = [
    "SOURCES.txt",
    "dependency_links.txt",
    "depends.txt",
    "requires.txt",
    "top_level.txt",
    "namespace_packages.txt",
    "eager_resources.txt",
    "not-zip-safe",
    "zip-safe",
    "pbr.json",
];

/// Who writes this file, whose content is not the commit's; none where nobody does.
pub(super) fn packer_of(
    file: &Packed,
    commit: Option<&CommittedFile>,
    release: &Release,
) -> Option<Packer> {
    let theirs = commit.map(|commit| commit.content.as_slice());
    match file.path.as_str() {
        // Source distribution format, "Source distribution file format".
        "PKG-INFO" => is_metadata(&file.content, release).then_some(Packer::CoreMetadata),
        "setup.cfg" => settings::is_rewritten(&file.content, theirs).then_some(Packer::SetupCfg),
        // poetry puts its own in the place of the commit's.
        "setup.py" if commit.is_none() || is_by_poetry(release) => {
            python::is_literal_setup(&file.content).then_some(Packer::SetupPy)
        }
        "pyproject.toml" => {
            is_rewritten(&file.content, theirs?, release).then_some(Packer::Pyproject)
        }
        // pbr, `git.py`, `generate_authors` and `write_git_changelog`.
        "AUTHORS" | "ChangeLog" => {
            let by_pbr = release.manifests.values().any(|text| text.contains("pbr"));
            (commit.is_none() && by_pbr).then_some(Packer::Pbr)
        }
        path => match path.rsplit_once('/') {
            Some((folder, name)) if is_egg_info(folder, release) => {
                let is_good = match name {
                    "PKG-INFO" => is_metadata(&file.content, release),
                    // setuptools runs what some of them name while it builds.
                    "entry_points.txt" => {
                        entry_points(&file.content).is_subset(&release.entry_points)
                    }
                    name => EGG_INFO.contains(&name),
                };
                is_good.then_some(Packer::EggInfo)
            }
            _ => is_version(file, release).then_some(Packer::VersionFile),
        },
    }
}

/// Whether the commit's build backend is poetry.
fn is_by_poetry(release: &Release) -> bool {
    let manifest = release.manifests.get("pyproject.toml");
    manifest
        .and_then(|text| text.parse::<Table>().ok())
        .and_then(|table| {
            Some(
                table
                    .get("build-system")?
                    .get("build-backend")?
                    .as_str()?
                    .to_owned(),
            )
        })
        .is_some_and(|backend| backend.starts_with("poetry."))
}

/// `.egg-info` of this package, beside `setup.py` or in the one folder that its packages
/// are in (setuptools, `command/egg_info.py`, `egg_base`).
fn is_egg_info(folder: &str, release: &Release) -> bool {
    let mut parts = folder.rsplit('/');
    let stem = parts.next().and_then(|last| last.strip_suffix(".egg-info"));
    stem.is_some_and(|stem| normalized(stem) == release.name) && parts.count() <= 1
}

/// The names that metadata requires (core metadata, "Requires-Dist").
pub(super) fn requirements(metadata: &[u8]) -> BTreeSet<String> {
    String::from_utf8_lossy(metadata)
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("Requires-Dist:"))
        .map(|requirement| {
            let name = requirement.trim_start();
            let end = name
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
                .unwrap_or(name.len());
            normalized(&name[..end])
        })
        .collect()
}

/// Entry points, each with its group before it (entry points specification, "File
/// format"), without spaces.
pub(super) fn entry_points(text: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut group = String::new();
    for line in String::from_utf8_lossy(text).lines() {
        let line = line.replace([' ', '\t'], "");
        if line.starts_with('[') {
            group = line;
        } else if !line.is_empty() {
            found.insert(format!("{group}{line}"));
        }
    }
    found
}

/// Metadata of this release that asks for nothing that its wheel does not: resolvers read
/// requirements out of it.
fn is_metadata(content: &[u8], release: &Release) -> bool {
    let text = String::from_utf8_lossy(content);
    let field = |name: &str| {
        text.lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    let is_same_version = |version: &str| {
        let parse = |text: &str| text.parse::<pep440_rs::Version>().ok();
        version == release.version
            || parse(version).is_some_and(|v| Some(v) == parse(&release.version))
    };
    field("Name:").is_some_and(|name| normalized(name) == release.name)
        && field("Version:").is_some_and(is_same_version)
        && requirements(content).is_subset(&release.requires)
}

/// A version in a file that a manifest of the commit names.
fn is_version(file: &Packed, release: &Release) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let names = |text: &String| {
        text.match_indices(name).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.'))
        })
    };
    let is_named = release.manifests.values().any(names);
    let is_version = || match name.rsplit_once('.') {
        Some((_, "py")) => python::is_version_file(&file.content),
        Some((_, "txt")) | None => file.content.trim_ascii() == release.version.as_bytes(),
        Some(_) => false,
    };
    is_named && is_version()
}

/// The commit's `pyproject.toml` with the version written out and nothing else changed
/// (pdm-backend, `sdist.py`; poetry-dynamic-versioning).
fn is_rewritten(packed: &[u8], committed: &[u8], release: &Release) -> bool {
    let read = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse::<Table>().ok())
    };
    let (Some(mut packed), Some(mut committed)) = (read(packed), read(committed)) else {
        return false;
    };
    let said = [&mut packed, &mut committed].map(take_version);
    said[0]
        .as_ref()
        .is_some_and(|said| *said == release.version)
        && packed == committed
}

/// Takes the version, and that it is dynamic, out of a manifest.
fn take_version(manifest: &mut Table) -> Option<String> {
    let mut said = None;
    if let Some(Value::Table(project)) = manifest.get_mut("project") {
        said = project.remove("version");
        if let Some(Value::Array(dynamic)) = project.get_mut("dynamic") {
            dynamic.retain(|field| field.as_str() != Some("version"));
            if dynamic.is_empty() {
                project.remove("dynamic");
            }
        }
    } else if let Some(Value::Table(tool)) = manifest.get_mut("tool")
        && let Some(Value::Table(poetry)) = tool.get_mut("poetry")
    {
        said = poetry.remove("version");
    }
    said?.as_str().map(str::to_owned)
}
