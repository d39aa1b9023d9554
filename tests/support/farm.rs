//! Small jobs in a queue, and workers for them: what the farm's tests and its
//! benchmark share. Not every one uses every helper.
#![allow(dead_code)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use remint::farm::queue::{AtOnce, Holder, Leased, NewBatch, NewJob, Queue, Urgency};
use remint::farm::{Executed, Reservation, Worker, WorkerEvent, process};
use remint::model::{ResultRecord, Verdict};
use remint::store::Database;
use tokio_util::sync::CancellationToken;

/// The batch that all jobs are of.
pub const BATCH: &str = "night";

/// Opens a queue: PostgreSQL at the address, or SQLite in the folder.
pub async fn queue(folder: &Path, address: Option<&str>, deadline: Duration) -> Queue {
    let database = Database::open(folder, address).await.expect("open");
    Queue::open(database, deadline).await.expect("queue")
}

/// The batch.
pub fn batch() -> NewBatch {
    NewBatch {
        id: BATCH.into(),
        title: BATCH.into(),
        created: Timestamp::now(),
        urgency: Urgency::Bulk,
        weight: 1,
        settings: "{}".into(),
    }
}

/// Jobs that no two have in common, and that need next to nothing.
pub fn jobs(count: usize) -> Vec<NewJob> {
    (0..count)
        .map(|number| NewJob {
            purl: format!("pkg:npm/p{number}@1.0.0").parse().expect("valid"),
            host: String::new(),
            rank: 0,
            reservation: Reservation {
                memory_mib: 1,
                cpu_millis: 1,
            },
        })
        .collect()
}

/// Who leases here; the machine has room for any number of small jobs.
pub fn holder(worker: String) -> Holder {
    Holder {
        worker,
        name: process::host(),
        machine: process::machine(),
        process: process::own(),
        capacity: Reservation {
            memory_mib: 1 << 20,
            cpu_millis: 1 << 20,
        },
        slots: 2,
    }
}

/// A worker of this process that says what troubles it.
pub fn worker<E>(queue: &Queue, executor: E, slots: usize, folder: &Path) -> Worker<E> {
    Worker {
        queue: queue.clone(),
        holder: holder(process::own()),
        executor: Arc::new(executor),
        slots,
        limits: AtOnce::default(),
        spool: folder.join("spool"),
        watcher: Arc::new(|event| {
            if let WorkerEvent::Trouble(text) = event {
                eprintln!("{text}");
            }
        }),
        stop: CancellationToken::new(),
        drain: CancellationToken::new(),
    }
}

/// What a job comes to that had nothing to do.
pub fn nothing(job: &Leased) -> Executed {
    let verdict = Verdict::Unsupported {
        reason: "only a test".into(),
    };
    Executed {
        records: vec![ResultRecord::new(
            job.purl.clone(),
            verdict,
            Timestamp::now(),
        )],
        may_repeat: true,
    }
}
