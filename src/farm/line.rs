//! The executor of real jobs: the line.

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::outputs::Outputs;
use super::queue::Leased;
use super::worker::{Executed, Executor, Interrupted};
use crate::model::{Event, EventSink, ResultRecord};
use crate::sandbox::Engine;
use crate::verify::{self, Line};

/// Runs each job through the line, with its log in its batch's folder.
pub struct LineExecutor {
    line: Line,
    results: PathBuf,
}

impl LineExecutor {
    /// Takes the line that each job gets a copy of.
    pub fn new(line: Line, results: PathBuf) -> Self {
        Self { line, results }
    }
}

impl LineExecutor {
    /// Puts what the records name where the rest of a fleet finds it. A log that cannot be
    /// put is no reason to lose what a build came to.
    async fn share(&self, line: &Line, batch: &str, records: &[ResultRecord]) {
        let Some(bucket) = line.blobs.bucket() else {
            return;
        };
        let outputs = Outputs {
            bucket,
            batch,
            results: &self.results,
            data: &line.folders.data,
        };
        if let Err(error) = outputs.put(records).await {
            line.events.emit(Event::Notice(error.to_string()));
        }
    }
}

/// One subject a job, whichever of its artifacts is at which station; its end is the
/// worker's to tell.
fn events_of(events: &EventSink, subject: String) -> EventSink {
    let events = events.clone();
    EventSink::new(move |event| match event {
        Event::Entered { station, .. } => events.emit(Event::Entered {
            subject: subject.clone(),
            station,
        }),
        Event::Finished { .. } => {}
        Event::Notice(_) => events.emit(event),
    })
}

#[async_trait]
impl Executor for LineExecutor {
    async fn ready(&self) -> Result<(), String> {
        let engine = Engine::connect().await;
        engine.map(|_| ()).map_err(|error| error.to_string())
    }

    async fn run(&self, job: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted> {
        let started = Timestamp::now();
        let mut line = self.line.clone();
        line.folders.logs = self.results.join(&job.batch).join("logs");
        line.cancel = cancel;
        line.events = events_of(&self.line.events, job.purl.to_string());
        let request = verify::Request::of(job.purl.clone());
        match line.verify(&request).await {
            Ok(records) => {
                self.share(&line, &job.batch, &records).await;
                Ok(Executed {
                    records,
                    may_repeat: true,
                })
            }
            Err(verify::Error::Cancelled) => Err(Interrupted),
            // One name that does not exist must not lose a night's work, nor be asked
            // for again and again.
            Err(error) => Ok(Executed {
                may_repeat: error.is_farm_fault(),
                records: vec![verify::undecided(&job.purl, started, &error)],
            }),
        }
    }
}
