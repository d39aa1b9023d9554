//! The queue's tables.

use crate::store::{Migration, Schema};

/// Every table of the farm.
pub(super) const SCHEMA: Schema = Schema {
    room: "farm",
    migrations: &[
        Migration {
            version: 1,
            name: "batches, lanes, jobs, leases and records",
            sql: FIRST,
        },
        Migration {
            version: 2,
            name: "workers, schedules, what jobs used, reports that wait for the farm's signature",
            sql: SECOND,
        },
        Migration {
            version: 3,
            name: "leases by lane",
            sql: THIRD,
        },
        Migration {
            version: 4,
            name: "whom the service believes",
            sql: FOURTH,
        },
    ],
};

/// `live` is 1 until a job has its end, so that the indexes that leasing reads hold
/// what is left to do and not what was ever done: the millionth lease costs what
/// the first did. A *lane* is what the jobs of a batch have in common when one is
/// chosen; there are few, however many jobs there are. Times are milliseconds of
/// the Unix epoch, and only ever shown or used for back-off: leases do not depend
/// on any clock (see `watch`).
const FIRST: &str = "
CREATE TABLE farm_batch (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT,
    state TEXT NOT NULL,
    urgency BIGINT NOT NULL,
    weight BIGINT NOT NULL,
    served BIGINT NOT NULL,
    settings TEXT NOT NULL
);
CREATE INDEX farm_batch_open ON farm_batch (state) WHERE state = 'open';
CREATE TABLE farm_lane (
    id SERIAL_KEY,
    batch TEXT NOT NULL REFERENCES farm_batch (id),
    ecosystem TEXT NOT NULL,
    host TEXT NOT NULL,
    memory_mib BIGINT NOT NULL,
    cpu_millis BIGINT NOT NULL,
    UNIQUE (batch, ecosystem, host, memory_mib, cpu_millis)
);
CREATE TABLE farm_job (
    id SERIAL_KEY,
    purl TEXT NOT NULL,
    lane BIGINT NOT NULL,
    rank BIGINT NOT NULL,
    state TEXT NOT NULL,
    live BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    losses BIGINT NOT NULL,
    due BIGINT NOT NULL,
    ended BIGINT,
    ended_by TEXT,
    detail TEXT NOT NULL
);
CREATE UNIQUE INDEX farm_job_once ON farm_job (purl) WHERE live = 1;
CREATE INDEX farm_job_next ON farm_job (lane, state, rank, id) WHERE live = 1;
CREATE INDEX farm_job_due ON farm_job (due) WHERE state = 'waiting';
CREATE TABLE farm_want (
    batch TEXT NOT NULL REFERENCES farm_batch (id),
    job BIGINT NOT NULL REFERENCES farm_job (id),
    PRIMARY KEY (batch, job)
);
CREATE INDEX farm_want_job ON farm_want (job);
CREATE TABLE farm_lease (
    job BIGINT PRIMARY KEY REFERENCES farm_job (id),
    token TEXT NOT NULL,
    worker TEXT NOT NULL,
    machine TEXT NOT NULL,
    process TEXT NOT NULL,
    lane BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    taken BIGINT NOT NULL
);
CREATE INDEX farm_lease_worker ON farm_lease (worker);
CREATE TABLE farm_record (
    job BIGINT NOT NULL REFERENCES farm_job (id),
    number BIGINT NOT NULL,
    purl TEXT NOT NULL,
    verdict TEXT NOT NULL,
    remint_version TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (job, number)
);
CREATE INDEX farm_record_purl ON farm_record (purl);
";

/// `settled` is 0 while a report of another machine waits for the farm to check it and
/// to attest what it says; `witness` and `claim` are the worker's signatures. `usage` is
/// by package, whatever the version.
const SECOND: &str = "
ALTER TABLE farm_batch ADD COLUMN schedule TEXT;
ALTER TABLE farm_batch ADD COLUMN reported BIGINT;
UPDATE farm_batch SET reported = 0 WHERE state <> 'open';
ALTER TABLE farm_job ADD COLUMN settled BIGINT NOT NULL DEFAULT 1;
ALTER TABLE farm_job ADD COLUMN witness TEXT;
CREATE INDEX farm_job_unsettled ON farm_job (id) WHERE settled = 0;
ALTER TABLE farm_lease ADD COLUMN claim TEXT;
CREATE TABLE farm_schedule (
    name TEXT PRIMARY KEY,
    fired BIGINT NOT NULL
);
CREATE TABLE farm_worker (
    worker TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    machine TEXT NOT NULL,
    process TEXT NOT NULL,
    memory_mib BIGINT NOT NULL,
    cpu_millis BIGINT NOT NULL,
    slots BIGINT NOT NULL,
    started BIGINT NOT NULL,
    beat BIGINT NOT NULL,
    draining BIGINT NOT NULL
);
CREATE TABLE farm_usage (
    package TEXT PRIMARY KEY,
    memory_mib BIGINT NOT NULL,
    seconds BIGINT NOT NULL
);
";

/// Leases come and go by the thousand, and what went is in the table until the database
/// clears it up: who counts those of a lane must not read it all.
const THIRD: &str = "
CREATE INDEX farm_lease_lane ON farm_lease (lane, machine);
";

/// What the service's configuration says, for those who would work in vain. What counts
/// is the configuration.
const FOURTH: &str = "
CREATE TABLE farm_believed (
    name TEXT PRIMARY KEY,
    key TEXT NOT NULL
);
";
