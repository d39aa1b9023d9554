//! What a plan puts into its container: its images by their IDs, and tarballs, each
//! held against its digest. Imports `image`, `registry` and `model`.

use std::path::PathBuf;

use super::{Line, failure, toolchains};
use crate::image;
use crate::model::{
    BuildFailure, BuildStage, Digest, FetchedArtifact, InputOrigin, Plan, Purl, Verdict,
};
use crate::sandbox::Engine;

/// The image of the container that relays to the mirror and watches the disk.
const RELAY_IMAGE: &str = "relay";

impl Line {
    /// The IDs of a plan's image and of the relay's.
    pub(super) async fn images_of(
        &self,
        engine: &Engine,
        plan: &Plan,
    ) -> Result<(image::ImageId, image::ImageId), image::Error> {
        Ok((
            self.images.ensure(engine, &plan.image).await?,
            self.images.ensure(engine, RELAY_IMAGE).await?,
        ))
    }

    /// The tarballs that a plan puts into the container, each by its digest. None is a
    /// file of the release under test, which `release` names: a rebuild may not start from its own
    /// result.
    pub(super) async fn inputs(
        &self,
        release: &[Digest],
        plan: &Plan,
    ) -> Result<Vec<(PathBuf, String)>, Verdict> {
        let mut found = Vec::with_capacity(plan.inputs.len());
        for input in &plan.inputs {
            let path = match &input.origin {
                InputOrigin::Package { purl, name } => {
                    let file = self.package_input(purl, name, &input.digest).await?;
                    if file.is_one_of(release) {
                        return Err(no_plan(format!(
                            "the plan's input {name} is the very release that is rebuilt"
                        )));
                    }
                    file.path
                }
                InputOrigin::Toolchain { name, version } => {
                    image::toolchain_file(&self.blobs, &self.folders.data, &input.digest)
                        .await
                        .map_err(|error| failure::infra(&error))?
                        .ok_or_else(|| toolchains::not_kept(name, version, &input.digest))?
                }
            };
            found.push((path, input.unpack_to.clone()));
        }
        Ok(found)
    }

    async fn package_input(
        &self,
        purl: &Purl,
        name: &str,
        digest: &Digest,
    ) -> Result<FetchedArtifact, Verdict> {
        let registry = self.registries.of(purl.ecosystem());
        let release = registry
            .release(purl)
            .await
            .map_err(|e| failure::infra(&e))?;
        let mut artifact = release
            .artifacts
            .into_iter()
            .find(|a| a.name == *name)
            .ok_or_else(|| no_plan(format!("the plan's input {name} is no file of {purl}")))?;
        // The plan's digest must hold, whatever the registry says today.
        artifact.digests = vec![*digest];
        self.registries
            .fetch(&artifact)
            .await
            .map_err(|e| failure::infra(&e))
    }
}

fn no_plan(reason: String) -> Verdict {
    Verdict::BuildFailed {
        stage: BuildStage::Plan,
        failure: BuildFailure::NoPlan { reason },
    }
}
