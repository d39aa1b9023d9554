//! Plans for source distributions: the backend that the commit names, in the version that
//! the wheel beside it names, or else the newest of the day. Pure.

use jiff::SignedDuration;

use super::super::{Candidate, Error, Facts};
use super::asked::{Hooks, may_answer};
use super::backend::{Backend, Generator, generator};
use super::debian::distributed;
use super::python::{BEFORE_3_12, pythons};
use super::requirements::{BuildSystem, builds_itself, declared, requirements};
use super::steps::{Base, Product};
use super::time::{Time, times_of_sdist};
use crate::model::{Artifact, ArtifactKind, RecoveredFact, Release};

/// The member that says what the release is (source distribution format, "Source
/// distribution file format").
pub(super) const METADATA: &str = "PKG-INFO";

/// How far apart the files of one build are uploaded.
const ONE_UPLOAD: SignedDuration = SignedDuration::from_hours(1);

/// The largest wheel that is fetched to read a line in it.
const MAX_COMPANION: u64 = 64 << 20;

/// Whether a file is a source distribution in a form that has none today (PEP 527).
pub(in super::super) fn is_old(name: &str) -> bool {
    [".zip", ".tar.bz2", ".tar.xz", ".tar.Z", ".tgz", ".tar"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// The pure wheel that was uploaded with a source distribution, the nearest in time.
pub(in super::super) fn wanted_companion<'a>(
    release: &'a Release,
    artifact: &Artifact,
) -> Option<&'a Artifact> {
    if artifact.kind != ArtifactKind::Sdist {
        return None;
    }
    let uploaded = artifact.published_at?.time;
    let apart = |wheel: &Artifact| {
        let published = wheel.published_at?;
        Some(published.time.duration_since(uploaded).abs())
    };
    release
        .artifacts
        .iter()
        .filter(|wheel| wheel.kind == ArtifactKind::PureWheel)
        .filter(|wheel| wheel.size.is_none_or(|size| size <= MAX_COMPANION))
        .filter_map(|wheel| Some((apart(wheel)?, wheel)))
        .filter(|(apart, _)| *apart <= ONE_UPLOAD)
        .min_by_key(|(apart, _)| *apart)
        .map(|(_, wheel)| wheel)
}

/// A backend in a version, with what that rests on.
struct Tool {
    told: Option<RecoveredFact>,
    why: String,
    requires: Vec<String>,
    /// As a distribution has its parts together.
    as_distributed: Vec<Vec<String>>,
    leaves_own_backend: bool,
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let declared = declared(facts)?;
    let named = Backend::of_object(&declared.build_backend);
    let (tools, backend) = match by_wheel(facts, &declared, named) {
        Some((tool, backend)) => (vec![tool], Some(backend)),
        None => (by_day(facts, &declared, named), named),
    };
    let times: Vec<Time> = times_of_sdist(facts, backend);
    let mut found = Vec::new();
    let by_command = is_by_flits_command(facts, backend);
    for tool in &tools {
        let [first, second] = pythons(facts.published(), &tool.requires);
        let path: &[String] = if tool.leaves_own_backend {
            &[]
        } else {
            &declared.backend_path
        };
        let hooks = Hooks {
            backend: &declared.build_backend,
            path,
        };
        let base = Base {
            facts,
            product: Product::Sdist(hooks),
            told: tool.told.as_ref(),
            why: &tool.why,
            requires: &tool.requires,
            asks: may_answer(facts, &declared).then_some(hooks),
            // The hook is called where it is said to be; the source stays as it is.
            leaves_own_backend: false,
            calls_poetry_core: declared.is_poetrys,
            listing: None,
            is_debians: false,
            environment: None,
        };
        let likeliest = times.first();
        if by_command {
            let of_command = Base {
                product: Product::SdistByFlit,
                requires: &with_flit(tool),
                ..base
            };
            found.extend(times.iter().map(|time| of_command.candidate(first, time)));
        }
        found.extend(times.iter().map(|time| base.candidate(first, time)));
        found.extend(likeliest.map(|time| base.candidate(second, time)));
        let debians = Base {
            is_debians: true,
            ..base
        };
        let distributed = tool
            .as_distributed
            .iter()
            .zip(likeliest.into_iter().cycle());
        found.extend(distributed.map(|(requires, time)| {
            Base {
                requires,
                ..debians
            }
            .candidate(BEFORE_3_12, time)
        }));
    }
    Ok(found)
}

/// Whether flit's own command packed it, which takes every file that git tracks; the hook
/// of flit-core takes no hidden one by itself (flit 3.9, `flit/sdist.py`, `select_files`, and
/// `flit_core/sdist.py`).
fn is_by_flits_command(facts: &Facts<'_>, backend: Option<Backend>) -> bool {
    backend == Some(Backend::Flit) && facts.stamps.iter().any(|stamp| stamp.name.starts_with('.'))
}

/// What is installed for that: the command of the same release, which has the number of
/// flit-core's.
fn with_flit(tool: &Tool) -> Vec<String> {
    let flit = match &tool.told {
        Some(RecoveredFact::Generator { version, .. }) => format!("flit=={version}"),
        _ => "flit".to_owned(),
    };
    tool.requires.iter().cloned().chain([flit]).collect()
}

/// The backend of the wheel that was built with it, where that is the one that the source
/// names.
fn by_wheel(
    facts: &Facts<'_>,
    declared: &BuildSystem,
    named: Option<Backend>,
) -> Option<(Tool, Backend)> {
    let of_wheel = Facts {
        members: facts.companion,
        ..*facts
    };
    let Generator {
        backend,
        tool: name,
        version,
    } = generator(&of_wheel).ok()?;
    if named.is_some_and(|named| !named.is_kin(backend)) {
        return None;
    }
    let requires = requirements(&of_wheel, &declared.requires, backend, &version);
    let tool = Tool {
        as_distributed: distributed(&requires, backend, &version),
        requires,
        why: format!("the Generator of the wheel beside it is {name} {version}"),
        leaves_own_backend: named.is_some() && !builds_itself(facts, backend, &version),
        told: Some(RecoveredFact::Generator { name, version }),
    };
    Some((tool, backend))
}

/// The newest backend as of the upload: first of those that write this metadata, and then of
/// all.
fn by_day(facts: &Facts<'_>, declared: &BuildSystem, named: Option<Backend>) -> Vec<Tool> {
    let newest = Tool {
        told: None,
        why: "no wheel beside it names a backend: the newest as of the upload".into(),
        requires: declared.requires.clone(),
        as_distributed: vec![],
        leaves_own_backend: false,
    };
    let bounded = metadata_version(facts).and_then(|metadata| {
        let backend = named?;
        let bound = backend.last_with_metadata(&metadata)?;
        let name = backend.distribution();
        let mut requires = declared.requires.clone();
        requires.push(format!("{name}{bound}"));
        Some(Tool {
            told: Some(RecoveredFact::Toolchain {
                name: name.to_owned(),
                version: bound.to_owned(),
            }),
            why: format!(
                "no wheel beside it names a backend: the newest {name} as of the upload that writes Metadata-Version {metadata}"
            ),
            requires,
            as_distributed: vec![],
            leaves_own_backend: false,
        })
    });
    bounded.into_iter().chain([newest]).collect()
}

/// The version of the core metadata, which is in its first lines.
fn metadata_version(facts: &Facts<'_>) -> Option<String> {
    let text = String::from_utf8_lossy(facts.members.get(METADATA)?);
    let version = text
        .lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix("Metadata-Version:"))?;
    Some(version.trim().to_owned())
}

#[cfg(test)]
mod tests;
