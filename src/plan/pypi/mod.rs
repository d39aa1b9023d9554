//! Plans for pure wheels and source distributions: the exact build backend that the wheel
//! names, on the simple API as it was when the file was uploaded.

mod asked;
mod backend;
mod debian;
mod draft;
mod front;
mod listing;
mod naming;
mod python;
mod requirements;
mod sdist;
mod stamps;
mod steps;
mod time;
mod windows;
mod zone;

use super::{Candidate, Error, Facts};
use crate::model::{ArtifactKind, RecoveredFact};
use asked::{Hooks, may_answer};
use backend::{Backend, Generator, generator};
use debian::{distributed, sorts_requirements};
use python::{BEFORE_3_12, pythons};
use requirements::{before_own_command, builds_itself, declared, requirements};
pub(super) use sdist::{is_old as is_old_sdist, wanted_companion};
use steps::{Base, Product};
use time::{Time, since_1980, times};

pub(super) fn wanted_member(name: &str) -> bool {
    name == sdist::METADATA
        || name.split_once('/').is_some_and(|(folder, file)| {
            folder.ends_with(".dist-info")
                && matches!(file, "WHEEL" | "METADATA" | "entry_points.txt" | "RECORD")
        })
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    match facts.artifact.kind {
        ArtifactKind::Sdist => sdist::candidates(facts),
        _ => of_wheel(facts),
    }
}

fn of_wheel(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let Generator {
        backend,
        tool,
        version,
    } = generator(facts)?;
    let declared = declared(facts)?;
    let requires = requirements(facts, &declared.requires, backend, &version);
    let why = format!("the wheel's Generator is {tool} {version}");
    let told = RecoveredFact::Generator {
        name: tool,
        version: version.clone(),
    };
    // The Generator says which backend ran; another one of its name in the tree did not.
    // One of another name is the source's own, and calls it.
    let leaves_own_backend = !declared.backend_path.is_empty()
        && Backend::of_object(&declared.build_backend).is_some()
        && !builds_itself(facts, backend, &version);
    let hooks = Hooks {
        backend: &declared.build_backend,
        path: if leaves_own_backend {
            &[]
        } else {
            &declared.backend_path
        },
    };
    let by_pip = Base {
        facts,
        product: Product::Wheel,
        told: Some(&told),
        why: &why,
        requires: &requires,
        asks: may_answer(facts, &declared).then_some(hooks),
        leaves_own_backend,
        listing: None,
        is_debians: false,
    };
    let in_place = front::builds_in_place(facts);
    let base = if in_place {
        Base {
            product: Product::WheelByHook(hooks),
            ..by_pip
        }
    } else {
        by_pip
    };
    let listing = listing::order(facts, backend, &version);
    let times: Vec<Time> = times(facts, backend)
        .into_iter()
        .map(|time| since_1980(facts, time))
        .collect();
    let [first, second] = pythons(facts.published());
    let as_distributed = distributed(&requires, backend, &version);
    let with_its_command = before_own_command(facts, &requires, backend);
    // Setuptools of that age need what Python 3.12 took away.
    let on_distribution = as_distributed.iter().zip(times.first().into_iter().cycle());
    let debians = Base {
        is_debians: true,
        ..base
    };
    let sorts = backend.writes_requirements() && sorts_requirements(facts);
    Ok(times
        .iter()
        .map(|time| base.candidate(first, time))
        .chain(times.first().map(|time| base.candidate(second, time)))
        .chain(
            times
                .first()
                .filter(|_| in_place)
                .map(|time| by_pip.candidate(first, time)),
        )
        .chain(on_distribution.map(|(requires, time)| {
            Base {
                requires,
                ..debians
            }
            .candidate(BEFORE_3_12, time)
        }))
        .chain(
            times
                .iter()
                .filter(|_| sorts)
                .map(|time| debians.candidate(first, time)),
        )
        .chain(with_its_command.iter().flat_map(|requires| {
            let before = Base { requires, ..base };
            times.iter().map(move |time| before.candidate(first, time))
        }))
        .chain(listing.iter().flat_map(|listing| {
            let listed = Base {
                listing: Some(listing),
                ..base
            };
            times.iter().map(move |time| listed.candidate(first, time))
        }))
        .collect())
}

#[cfg(test)]
mod tests;
