//! Streams that remint cannot write itself: a Node.js compresses a tar, in a container of its own
//! without a network. Imports `sandbox`, `plan`, `replay` and `model`.
//!
//! It is the last step of a replay: the Node.js that packed the rebuilt file compresses its tar
//! again. Nothing goes in but that tar, which `replay` made of the rebuilt one's content, the
//! Node.js that the plan pins and a program of remint's: neither the published file nor the source
//! is there, so that what comes out is the rebuilt content or nothing.
//!
//! And before anything is built, it tells which Node.js wrote the published stream: one of each
//! family compresses the published tar. Of what those make nothing is kept but which of them made
//! the published stream.

use std::fs;
use std::path::Path;

use super::artifact::{Published, Subject, content_of};
use super::judge::Open;
use super::one_try::Stopped;
use super::{Error, Line, failure, on_a_thread};
use crate::model::{Digest, Event, Plan, Release, Verdict};
use crate::plan::{self, NodeZlib, ZlibProbe};
use crate::replay;
use crate::sandbox::{self, Engine, Job, Scratch};
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
        let made = self
            .compress(
                engine,
                &subject.content(),
                &plan,
                open.tar().content(),
                scratch,
            )
            .await?;
        Ok(match made {
            Some(stream) => open
                .with(&stream)
                .unwrap_or_else(|error| failure::infra(&error)),
            // A recipe's Node.js need not be one: then it says nothing new.
            None => open.without(),
        })
    }

    /// Whose zlib wrote the published stream, where that is open and one of those that are asked
    /// did. Whatever stands in the way is told and stops nothing: then it is not known.
    pub(super) async fn node_zlib(
        &self,
        engine: &Engine,
        release: &Release,
        published: &Published,
    ) -> Result<Option<NodeZlib>, Error> {
        let probes = plan::zlib_probes(release.purl.ecosystem(), published.gzip);
        if probes.is_empty() {
            return Ok(None);
        }
        let path = published.file.path.clone();
        let Ok(Some(theirs)) = on_a_thread(move || replay::deflated(&path)).await else {
            return Ok(None);
        };
        let release = content_of(release, &published.file);
        for probe in probes {
            let scratch = Scratch::make()?;
            let made = self.probe(engine, &release, &probe, &theirs.content, &scratch);
            match made.await {
                Ok(Some(stream)) if stream == theirs.stream => return Ok(Some(probe.zlib)),
                Ok(_) | Err(Stopped::Failed { .. }) => {}
                Err(Stopped::Cancelled) => return Err(Error::Cancelled),
                Err(Stopped::Decided(verdict)) => self.events.emit(Event::Notice(format!(
                    "{}: whether {} compressed it is not known: {}",
                    published.file.artifact.name,
                    probe.node,
                    verdict.reason()
                ))),
            }
        }
        Ok(None)
    }

    /// What a probe's Node.js makes of a content.
    async fn probe(
        &self,
        engine: &Engine,
        release: &[Digest],
        probe: &ZlibProbe,
        content: &[u8],
        scratch: &Scratch,
    ) -> Result<Option<Vec<u8>>, Stopped> {
        let tool = self.tool(&probe.node).await.map_err(Stopped::farm)?;
        let plan = plan::probing(&tool, CONTENT);
        self.compress(engine, release, &plan, content, scratch.path())
            .await
    }

    /// What the program of `plan` makes of a content; none where it fails. `release` is what the
    /// release's files are known by.
    async fn compress(
        &self,
        engine: &Engine,
        release: &[Digest],
        plan: &Plan,
        content: &[u8],
        scratch: &Path,
    ) -> Result<Option<Vec<u8>>, Stopped> {
        let (image, relay) = self.images_of(engine, plan).await.map_err(Stopped::farm)?;
        let inputs = self.inputs(release, plan).await.map_err(Stopped::Decided)?;
        let (tree, run) = (scratch.join("deflate/tree"), scratch.join("deflate/run"));
        let put = || -> Result<(), store::Error> {
            for folder in [&tree, &run] {
                fs::create_dir_all(folder)
                    .map_err(|error| store::Error::io("create", folder, error))?;
            }
            let file = tree.join(CONTENT);
            fs::write(&file, content).map_err(|error| store::Error::io("write", &file, error))
        };
        put().map_err(Stopped::farm)?;
        let outcome = sandbox::run(
            engine,
            Job {
                image,
                relay,
                plan,
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
                Ok(Some(stream))
            }
            Err(sandbox::Error::Build { .. }) => Ok(None),
            Err(error) => Err(Stopped::of_sandbox(error)),
        }
    }
}
