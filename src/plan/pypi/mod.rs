//! Plans for pure wheels and source distributions: the exact build backend that the wheel
//! names, on the simple API as it was when the file was uploaded.

mod asked;
mod backend;
mod debian;
mod draft;
mod environment;
mod front;
mod listing;
mod naming;
mod permissions;
mod poetry;
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
use backend::{Backend, Generator, LEGACY, generator};
use debian::{distributed, sorts_requirements};
use python::{BEFORE_3_12, pythons};
use requirements::{BuildSystem, before_own_command, builds_itself, declared, requirements};
pub(super) use sdist::{is_old as is_old_sdist, wanted_companion};
use steps::{Base, Product};
use time::{Time, since_1980, times};

pub(super) fn wanted_member(name: &str) -> bool {
    name == sdist::METADATA
        || name.split_once('/').is_some_and(|(folder, file)| {
            folder.ends_with(".dist-info")
                && matches!(
                    file,
                    "WHEEL" | "METADATA" | "entry_points.txt" | "top_level.txt" | "RECORD"
                )
        })
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    match facts.artifact.kind {
        ArtifactKind::Sdist => sdist::candidates(facts),
        _ => of_wheel(facts),
    }
}

fn of_wheel(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let told = Told::of(facts)?;
    let times: Vec<Time> = times(facts, told.backend)
        .into_iter()
        .map(|time| since_1980(facts, time))
        .collect();
    Ok(told.tries(facts, &times))
}

/// What a wheel and its source tell of the backend that ran.
struct Told {
    backend: Backend,
    version: String,
    fact: RecoveredFact,
    why: String,
    declared: BuildSystem,
    requires: Vec<String>,
    /// Another backend ran than the one that the source names, or that pip takes where it names
    /// none.
    ran_another: bool,
    /// The Generator says which backend ran; another one of its name in the tree did not. One of
    /// another name is the source's own, and calls it.
    leaves_own_backend: bool,
}

impl Told {
    fn of(facts: &Facts<'_>) -> Result<Self, Error> {
        let Generator {
            backend,
            tool,
            version,
        } = generator(facts)?;
        let mut declared = declared(facts)?;
        let named = Backend::of_object(&declared.build_backend);
        let other = backend
            .object()
            .or_else(|| facts.tree.contains_key("setup.py").then_some(LEGACY))
            .filter(|_| named.is_some_and(|named| !named.is_kin(backend)));
        if let Some(object) = other {
            object.clone_into(&mut declared.build_backend);
        }
        if other == Some(LEGACY) {
            // Running setup.py asks for nothing that the source declares.
            declared.requires = vec!["setuptools".to_owned()];
        }
        Ok(Self {
            ran_another: other.is_some(),
            requires: requirements(facts, &declared.requires, backend, &version),
            leaves_own_backend: !declared.backend_path.is_empty()
                && Backend::of_object(&declared.build_backend).is_some()
                && !builds_itself(facts, backend, &version),
            why: format!("the wheel's Generator is {tool} {version}"),
            fact: RecoveredFact::Generator {
                name: tool,
                version: version.clone(),
            },
            declared,
            backend,
            version,
        })
    }

    fn hooks(&self) -> Hooks<'_> {
        Hooks {
            backend: &self.declared.build_backend,
            path: if self.leaves_own_backend {
                &[]
            } else {
                &self.declared.backend_path
            },
        }
    }

    /// A build by pip, with nothing else told.
    fn by_pip<'a>(&'a self, facts: &'a Facts<'a>) -> Base<'a> {
        Base {
            facts,
            product: Product::Wheel,
            told: Some(&self.fact),
            why: &self.why,
            requires: &self.requires,
            asks: may_answer(facts, &self.declared).then_some(self.hooks()),
            leaves_own_backend: self.leaves_own_backend,
            calls_poetry_core: self.declared.is_poetrys,
            listing: None,
            is_debians: false,
            environment: None,
        }
    }

    /// What is tried, the likeliest first: each way to come by the times on one Python, and the
    /// first of them with whatever else may have been otherwise.
    fn tries(&self, facts: &Facts<'_>, times: &[Time]) -> Vec<Candidate> {
        let [first, second] = pythons(facts.published(), &self.requires);
        let by_pip = self.by_pip(facts);
        let with_plugin = poetry::with_plugin(facts, self.backend, &self.requires);
        let by_poetry = with_plugin.as_deref().map(|requires| Base {
            product: Product::WheelByPoetry,
            requires,
            ..by_pip
        });
        let calls_hook = self.ran_another
            || front::builds_in_place(facts)
            || self.backend.copies_metadata() && front::prepares_no_metadata(facts);
        let in_place = calls_hook.then(|| Base {
            product: Product::WheelByHook(self.hooks()),
            ..by_pip
        });
        let base = by_poetry.or(in_place).unwrap_or(by_pip);
        let likeliest = times.first();
        let each = |base: Base<'_>| -> Vec<Candidate> {
            let with = |time| base.candidate(first, time);
            times.iter().map(with).collect()
        };
        let mut found = each(base);
        found.extend(likeliest.map(|time| base.candidate(second, time)));
        if in_place.is_some() && !self.ran_another {
            found.extend(likeliest.map(|time| by_pip.candidate(first, time)));
        }
        let debians = Base {
            is_debians: true,
            ..base
        };
        let as_distributed = distributed(&self.requires, self.backend, &self.version);
        for (requires, time) in as_distributed.iter().zip(likeliest.into_iter().cycle()) {
            // Setuptools of that age need what Python 3.12 took away.
            let distributed = Base {
                requires,
                ..debians
            };
            found.push(distributed.candidate(BEFORE_3_12, time));
        }
        if self.backend.writes_requirements() && sorts_requirements(facts) {
            found.extend(each(debians));
        }
        if let Some(requires) = &before_own_command(facts, &self.requires, self.backend) {
            found.extend(each(Base { requires, ..base }));
        }
        if let Some(listing) = &listing::order(facts, self.backend, &self.version) {
            found.extend(each(Base {
                listing: Some(listing),
                ..base
            }));
        }
        for variables in &environment::asked(facts) {
            found.extend(each(Base {
                environment: Some(variables),
                ..base
            }));
        }
        found
    }
}

#[cfg(test)]
mod tests;
