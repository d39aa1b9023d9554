//! Toolchains that a plan names and the farm does not keep yet: built from their pins
//! when they are needed, once. Imports `toolchain`, `image` and `model`. It never
//! builds what nothing pins, and one that failed is not tried again in this run.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Error, Line};
use crate::image;
use crate::model::{Digest, Event, Input, InputOrigin, Plan, Toolchain, Verdict};
use crate::sandbox::{self, Engine};
use crate::toolchain::{self, Workshop};

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

    /// Whether every toolchain of a plan is kept, so that it can begin at once.
    pub(super) async fn is_ready(&self, plan: &Plan) -> Result<bool, Error> {
        for input in &plan.inputs {
            if let InputOrigin::Toolchain { .. } = input.origin
                && !self.keeps(input).await?
            {
                return Ok(false);
            }
        }
        Ok(true)
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
