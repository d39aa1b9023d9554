//! Toolchains that a plan names and the farm does not keep yet: built from their pins
//! when they are needed, once. Imports `toolchain`, `image` and `model`. It never
//! builds what nothing pins, and one that failed is not tried again in this run.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Error, Line};
use crate::image;
use crate::model::{Digest, Event, Input, InputOrigin, Plan, Tool, Toolchain, Verdict};
use crate::sandbox::{self, Engine};
use crate::toolchain::{self, Workshop};

/// What a plan waits for, the shortest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    /// Nothing.
    None,
    /// A library that is built in less than a minute.
    Library,
    /// A program that is built in some minutes.
    Program,
}

impl Wait {
    /// For a toolchain of this name.
    fn for_one(name: &str) -> Self {
        if name == Tool::ZlibRs.name() {
            Self::Library
        } else {
            Self::Program
        }
    }
}

/// Whether toolchains are built on demand, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Toolchains {
    on_demand: bool,
    /// Why a release could not be built. The lock is held while one is built, so that
    /// two packages do not build the same one, or two at once.
    failed: Arc<Mutex<BTreeMap<Toolchain, String>>>,
}

impl Toolchains {
    /// `on_demand` says whether any is built.
    pub fn new(on_demand: bool) -> Self {
        Self {
            on_demand,
            failed: Arc::default(),
        }
    }
}

/// The verdict on a plan whose toolchain is not there.
pub(super) fn not_kept(name: &str, version: &str, digest: &Digest) -> Verdict {
    let argument = Toolchain::named(name, version)
        .map_or_else(|| version.to_owned(), |toolchain| toolchain.argument());
    Verdict::InfraError {
        reason: format!(
            "the farm does not keep {name} {version} ({digest}); `remint toolchains add {argument}` builds it where toolchains.lock pins it"
        ),
    }
}

impl Line {
    /// Builds the toolchains of a plan that are pinned and not kept; the inner error
    /// is the verdict on a plan that has to go without.
    pub(super) async fn make_ready(
        &self,
        engine: &Engine,
        plan: &Plan,
    ) -> Result<Result<(), Verdict>, Error> {
        for input in &plan.inputs {
            if let InputOrigin::Toolchain { name, version } = &input.origin
                && let Err(verdict) = self.keep(engine, input, name, version).await?
            {
                return Ok(Err(verdict));
            }
        }
        Ok(Ok(()))
    }

    /// What must be built before a plan can begin: its toolchains that are not kept.
    pub(super) async fn wait_of(&self, plan: &Plan) -> Result<Wait, Error> {
        let mut longest = Wait::None;
        for input in &plan.inputs {
            if let InputOrigin::Toolchain { name, .. } = &input.origin
                && !self.keeps(input).await?
            {
                longest = longest.max(Wait::for_one(name));
            }
        }
        Ok(longest)
    }

    async fn keeps(&self, input: &Input) -> Result<bool, Error> {
        let file = image::toolchain_file(&self.blobs, &self.folders.data, &input.digest).await?;
        Ok(file.is_some())
    }

    async fn keep(
        &self,
        engine: &Engine,
        input: &Input,
        name: &str,
        version: &str,
    ) -> Result<Result<(), Verdict>, Error> {
        let is_kept = || self.keeps(input);
        let missing = || Ok(Err(not_kept(name, version, &input.digest)));
        if is_kept().await? {
            return Ok(Ok(()));
        }
        let Some(toolchain) = Toolchain::named(name, version) else {
            return missing();
        };
        let mut failed = self.toolchains.failed.lock().await;
        if is_kept().await? {
            return Ok(Ok(()));
        }
        if !self.toolchains.on_demand {
            return missing();
        }
        if let Some(reason) = failed.get(&toolchain) {
            return Ok(Err(Verdict::InfraError {
                reason: reason.clone(),
            }));
        }
        self.events.emit(Event::Notice(format!(
            "building {name} {version} as toolchains.lock pins it; this takes some minutes, once"
        )));
        match self.workshop().add(engine, &toolchain).await {
            // What is pinned may be another program than the plan (a recipe's) names.
            Ok(_) if is_kept().await? => Ok(Ok(())),
            Ok(_) => missing(),
            Err(toolchain::Error::Sandbox(sandbox::Error::Cancelled)) => Err(Error::Cancelled),
            Err(error) => {
                let reason = error.to_string();
                failed.insert(toolchain, reason.clone());
                Ok(Err(Verdict::InfraError { reason }))
            }
        }
    }

    /// Where toolchains are built for this line.
    pub fn workshop(&self) -> Workshop<'_> {
        Workshop {
            registries: &self.registries,
            mirror: &self.mirror,
            images: &self.images,
            blobs: &self.blobs,
            data: &self.folders.data,
            logs: &self.folders.logs,
            cancel: self.cancel.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_waits_as_long_as_for_what_takes_longest() {
        assert_eq!(Wait::for_one("zlib-rs"), Wait::Library);
        assert_eq!(Wait::for_one("cargo"), Wait::Program);
        assert_eq!(Wait::Library.max(Wait::Program), Wait::Program);
        assert_eq!(Wait::None.max(Wait::Library), Wait::Library);
    }
}
