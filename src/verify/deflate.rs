//! The last step of a replay whose stream remint cannot write itself: the Node.js that packed
//! the rebuilt file compresses its tar again, in a container of its own without a network.
//! Imports `sandbox`, `plan` and `model`.
//!
//! Nothing goes in but that tar, which `replay` made of the rebuilt one's content, the Node.js
//! that the plan pins and a program of remint's: neither the published file nor the source is
//! there, so that what comes out is the rebuilt content or nothing.

use std::fs;
use std::path::Path;

use super::artifact::Subject;
use super::judge::Open;
use super::one_try::Stopped;
use super::{Line, failure};
use crate::model::{Plan, Verdict};
use crate::plan;
use crate::sandbox::{self, Engine, Job};
use crate::store;

/// The tar's name in the container.
const CONTENT: &str = "content.tar";

impl Line {
    /// The verdict once the tar was compressed; the one that there was where it cannot be.
    /// `plan` made the rebuilt file.
    pub(super) async fn deflate(
        &self,
        engine: &Engine,
        subject: Subject<'_>,
        plan: &Plan,
        open: Open,
        scratch: &Path,
    ) -> Result<Verdict, Stopped> {
        let ecosystem = subject.release.purl.ecosystem();
        let Some(plan) = plan::deflating(ecosystem, plan, CONTENT, open.tar().level()) else {
            return Ok(open.without());
        };
        let (image, relay) = self.images_of(engine, &plan).await.map_err(Stopped::farm)?;
        let inputs = self
            .inputs(subject, &plan)
            .await
            .map_err(Stopped::Decided)?;
        let (tree, run) = (scratch.join("deflate/tree"), scratch.join("deflate/run"));
        let put = || -> Result<(), store::Error> {
            for folder in [&tree, &run] {
                fs::create_dir_all(folder)
                    .map_err(|error| store::Error::io("create", folder, error))?;
            }
            let file = tree.join(CONTENT);
            fs::write(&file, open.tar().content())
                .map_err(|error| store::Error::io("write", &file, error))
        };
        put().map_err(Stopped::farm)?;
        let outcome = sandbox::run(
            engine,
            Job {
                image,
                relay,
                plan: &plan,
                tree: &tree,
                inputs,
                mirror_socket: None,
                scratch: &run,
                keep: false,
                cancel: self.cancel.clone(),
                on_phase: &|_| {},
                on_keep: &|_| {},
            },
        )
        .await;
        match outcome {
            Ok(made) => {
                let path = &made.file.path;
                let stream = fs::read(path)
                    .map_err(|error| Stopped::farm(store::Error::io("read", path, error)))?;
                Ok(open
                    .with(&stream)
                    .unwrap_or_else(|error| failure::infra(&error)))
            }
            // A recipe's Node.js need not be one: then it says nothing new.
            Err(sandbox::Error::Build { .. }) => Ok(open.without()),
            Err(error) => Err(Stopped::of_sandbox(error)),
        }
    }
}
