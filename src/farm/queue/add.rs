//! Batches on the way in: all of one, or nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{Any, AssertSqlSafe, Transaction};

use super::choose::MAX_WEIGHT;
use super::{Error, JobId, Queue, column, failed, small};
use crate::farm::Reservation;
use crate::model::Purl;
use crate::store::Backend;

/// Rows of one statement. Each has [`COLUMNS`] parameters, and SQLite takes 32766
/// (<https://sqlite.org/limits.html>, number 9).
const ROWS: usize = 1_000;

/// Parameters of a job's row.
const COLUMNS: usize = 3;

/// Added jobs from which on PostgreSQL is asked to look at its tables again: a plan
/// made for an empty table reads all of a full one.
const MANY: usize = 1_000;

/// Who waits for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody: the night's bulk.
    Bulk = 0,
    /// A person.
    Person = 1,
}

/// A batch to be added.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// Its name, and its folder's.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// Who waits for it.
    pub urgency: Urgency,
    /// Its share beside other batches of the same urgency: 1 to 16.
    pub weight: u8,
    /// What the report needs of the batch's settings, as JSON.
    pub settings: String,
}

/// A release to be verified.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The release.
    pub purl: Purl,
    /// The upstream host that its source comes from, where an earlier run told it.
    pub host: String,
    /// Its place in the batch: lower goes first.
    pub rank: i64,
    /// What it may use.
    pub reservation: Reservation,
}

type LaneKey = (&'static str, String, Reservation);

impl Queue {
    /// Adds a batch: `jobs` to run, and `answered` jobs of earlier batches whose
    /// records stand. A release that another batch already waits for is not queued
    /// twice; it moves to this batch where this one is more urgent.
    ///
    /// # Errors
    /// [`Error::Database`]; then nothing was added.
    pub async fn add(
        &self,
        batch: &NewBatch,
        jobs: &[NewJob],
        answered: &[JobId],
    ) -> Result<(), Error> {
        let mut transaction = self.database.write().await?;
        sqlx::query(
            "INSERT INTO farm_batch (id, title, created, state, urgency, weight, settings, served) \
             VALUES ($1, $2, $3, 'open', $4, $5, $6, \
             COALESCE((SELECT MIN(served) FROM farm_batch WHERE state = 'open'), 0))",
        )
        .bind(&batch.id)
        .bind(&batch.title)
        .bind(batch.created.as_millisecond())
        .bind(batch.urgency as i64)
        .bind(i64::from(batch.weight).clamp(1, MAX_WEIGHT))
        .bind(&batch.settings)
        .execute(&mut *transaction)
        .await
        .map_err(failed("add a batch"))?;
        let lanes = lanes(&mut transaction, &batch.id, jobs).await?;
        let mut by_lane: BTreeMap<i64, Vec<&NewJob>> = BTreeMap::new();
        for job in jobs {
            by_lane.entry(lanes[&key(job)]).or_default().push(job);
        }
        for (lane, jobs) in by_lane {
            for jobs in jobs.chunks(ROWS) {
                add_jobs(&mut transaction, lane, jobs).await?;
                want(&mut transaction, batch, lane, jobs).await?;
            }
        }
        for job in answered {
            sqlx::query(
                "INSERT INTO farm_want (batch, job) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(&batch.id)
            .bind(job.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("add an answered job"))?;
        }
        transaction.commit().await.map_err(failed("add a batch"))?;
        if jobs.len() >= MANY && self.database.backend() == Backend::Postgres {
            sqlx::raw_sql("ANALYZE farm_job, farm_want, farm_lane")
                .execute(self.database.pool())
                .await
                .map_err(failed("look at its tables"))?;
        }
        Ok(())
    }
}

fn key(job: &NewJob) -> LaneKey {
    (
        job.purl.ecosystem().purl_type(),
        job.host.clone(),
        job.reservation,
    )
}

/// The lanes of a batch, made where they are missing.
async fn lanes(
    transaction: &mut Transaction<'static, Any>,
    batch: &str,
    jobs: &[NewJob],
) -> Result<BTreeMap<LaneKey, i64>, Error> {
    let mut lanes = BTreeMap::new();
    for job in jobs {
        let key = key(job);
        if lanes.contains_key(&key) {
            continue;
        }
        let row = sqlx::query(
            "INSERT INTO farm_lane (batch, ecosystem, host, memory_mib, cpu_millis) \
             VALUES ($1, $2, $3, $4, $5) RETURNING id",
        )
        .bind(batch)
        .bind(key.0)
        .bind(&key.1)
        .bind(small(key.2.memory_mib))
        .bind(small(key.2.cpu_millis))
        .fetch_one(&mut **transaction)
        .await
        .map_err(failed("add a lane"))?;
        lanes.insert(key, column(&row, 0)?);
    }
    Ok(lanes)
}

/// `($1, ...), ($4, ...)`: as many rows as there are jobs.
fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    let rows: Vec<_> = (0..count).map(row).collect();
    rows.join(", ")
}

async fn add_jobs(
    transaction: &mut Transaction<'static, Any>,
    lane: i64,
    jobs: &[&NewJob],
) -> Result<(), Error> {
    let values = rows(jobs.len(), |number| {
        let first = number * COLUMNS + 1;
        format!(
            "(${first}, ${}, ${}, 'queued', 1, 0, 0, 0, '')",
            first + 1,
            first + 2
        )
    });
    // Only numbered parameters are put into the text.
    let statement = format!(
        "INSERT INTO farm_job (purl, lane, rank, state, live, failures, losses, due, detail) \
         VALUES {values} ON CONFLICT (purl) WHERE live = 1 DO NOTHING"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for job in jobs {
        query = query.bind(job.purl.to_string()).bind(lane).bind(job.rank);
    }
    query
        .execute(&mut **transaction)
        .await
        .map_err(failed("add jobs"))?;
    Ok(())
}

/// Notes that the batch wants these releases, and takes over those that wait for a
/// less urgent batch.
async fn want(
    transaction: &mut Transaction<'static, Any>,
    batch: &NewBatch,
    lane: i64,
    jobs: &[&NewJob],
) -> Result<(), Error> {
    let purls = rows(jobs.len(), |number| format!("${}", number + 3));
    let wants = format!(
        "INSERT INTO farm_want (batch, job) SELECT $1, id FROM farm_job \
         WHERE live = 1 AND $2 = $2 AND purl IN ({purls}) ON CONFLICT DO NOTHING"
    );
    let takes = format!(
        "UPDATE farm_job SET lane = $1 WHERE live = 1 AND state = 'queued' AND purl IN ({purls}) AND lane IN \
         (SELECT l.id FROM farm_lane l JOIN farm_batch b ON b.id = l.batch WHERE b.state = 'open' AND b.urgency < $2)"
    );
    let mut query = sqlx::query(AssertSqlSafe(wants))
        .bind(&batch.id)
        .bind(0_i64);
    for job in jobs {
        query = query.bind(job.purl.to_string());
    }
    query
        .execute(&mut **transaction)
        .await
        .map_err(failed("add a batch's jobs"))?;
    if batch.urgency > Urgency::Bulk {
        let mut query = sqlx::query(AssertSqlSafe(takes))
            .bind(lane)
            .bind(batch.urgency as i64);
        for job in jobs {
            query = query.bind(job.purl.to_string());
        }
        query
            .execute(&mut **transaction)
            .await
            .map_err(failed("move waiting jobs to a more urgent batch"))?;
    }
    Ok(())
}
