//! Batches on the way in: all of one, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::{Any, AssertSqlSafe, Transaction};

use super::choose::MAX_WEIGHT;
use super::{Error, JobId, Queue, column, failed, purl_of, rows, small, time_of};
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

/// The place of what goes after everything else of a batch.
const RANK_LAST: i64 = i64::MAX;

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

/// A time of a schedule at which its batch is added; by one process alone, however many
/// see that it has come.
#[derive(Clone, Debug)]
pub struct Firing {
    /// The schedule.
    pub schedule: String,
    /// The time.
    pub time: Timestamp,
    /// Jobs of the schedule's earlier batches that give way: a newer version of theirs
    /// is in this one. They go after everything else of it.
    pub superseded: Vec<JobId>,
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
        self.add_fired(batch, jobs, answered, None)
            .await
            .map(|_| ())
    }

    /// Adds a batch as [`add`](Self::add) does; one of a schedule unless another process
    /// added that time's already. Whether it was added.
    ///
    /// # Errors
    /// [`Error::Database`]; then nothing was added, and the time has not been fired.
    pub async fn add_fired(
        &self,
        batch: &NewBatch,
        jobs: &[NewJob],
        answered: &[JobId],
        firing: Option<&Firing>,
    ) -> Result<bool, Error> {
        let mut transaction = self.database.write().await?;
        if let Some(firing) = firing
            && !fire(&mut transaction, firing).await?
        {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO farm_batch (id, title, created, state, urgency, weight, settings, schedule, served) \
             VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, \
             COALESCE((SELECT MIN(served) FROM farm_batch WHERE state = 'open'), 0))",
        )
        .bind(&batch.id)
        .bind(&batch.title)
        .bind(batch.created.as_millisecond())
        .bind(batch.urgency as i64)
        .bind(i64::from(batch.weight).clamp(1, MAX_WEIGHT))
        .bind(&batch.settings)
        .bind(firing.map(|firing| &firing.schedule))
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
                let (mut wanted, known) = add_jobs(&mut transaction, lane, jobs).await?;
                if !known.is_empty() {
                    wanted.extend(live(&mut transaction, &known).await?);
                    take_over(&mut transaction, batch, lane, &known).await?;
                }
                want(&mut transaction, &batch.id, &wanted).await?;
            }
        }
        for jobs in answered.chunks(ROWS) {
            let jobs: Vec<_> = jobs.iter().map(|job| job.0).collect();
            want(&mut transaction, &batch.id, &jobs).await?;
        }
        for job in firing.map_or(&[][..], |firing| &firing.superseded) {
            give_way(&mut transaction, &batch.id, *job).await?;
        }
        transaction.commit().await.map_err(failed("add a batch"))?;
        if jobs.len() >= MANY && self.database.backend() == Backend::Postgres {
            sqlx::raw_sql("ANALYZE farm_job, farm_want, farm_lane")
                .execute(self.database.pool())
                .await
                .map_err(failed("look at its tables"))?;
        }
        Ok(true)
    }

    /// What waits of a schedule's batches.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub async fn waiting_of(&self, schedule: &str) -> Result<Vec<(JobId, Purl)>, Error> {
        let rows = sqlx::query(
            "SELECT j.id, j.purl FROM farm_batch b JOIN farm_lane l ON l.batch = b.id JOIN farm_job j \
             ON j.lane = l.id AND j.live = 1 AND j.state = 'queued' WHERE b.state = 'open' AND b.schedule = $1",
        )
        .bind(schedule)
        .fetch_all(self.database.pool())
        .await
        .map_err(failed("look at what waits"))?;
        let job = |row| Ok((JobId(column(row, 0)?), purl_of(&column::<String>(row, 1)?)?));
        rows.iter().map(job).collect()
    }

    /// When a schedule was fired last. One that nobody knows yet begins now: what came
    /// before it was written down was not missed.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub async fn fired(&self, schedule: &str, now: Timestamp) -> Result<Timestamp, Error> {
        let doing = || failed("look up a schedule");
        sqlx::query(
            "INSERT INTO farm_schedule (name, fired) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        )
        .bind(schedule)
        .bind(now.as_millisecond())
        .execute(self.database.pool())
        .await
        .map_err(doing())?;
        let row = sqlx::query("SELECT fired FROM farm_schedule WHERE name = $1")
            .bind(schedule)
            .fetch_one(self.database.pool())
            .await
            .map_err(doing())?;
        time_of(column(&row, 0)?, "schedule")
    }
}

/// Whether this process fires: a time is fired once, and none before one that was.
async fn fire(transaction: &mut Transaction<'static, Any>, firing: &Firing) -> Result<bool, Error> {
    let fired = sqlx::query(
        "INSERT INTO farm_schedule (name, fired) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE \
         SET fired = $2 WHERE farm_schedule.fired < $2",
    )
    .bind(&firing.schedule)
    .bind(firing.time.as_millisecond())
    .execute(&mut **transaction)
    .await
    .map_err(failed("fire a schedule"))?;
    Ok(fired.rows_affected() == 1)
}

/// Moves a job of an earlier batch to the end of this one, in a lane of the same kind.
async fn give_way(
    transaction: &mut Transaction<'static, Any>,
    batch: &str,
    job: JobId,
) -> Result<(), Error> {
    let doing = || failed("let a superseded job give way");
    sqlx::query(
        "INSERT INTO farm_lane (batch, ecosystem, host, memory_mib, cpu_millis) \
         SELECT $1, o.ecosystem, o.host, o.memory_mib, o.cpu_millis FROM farm_lane o JOIN farm_job j \
         ON j.lane = o.id WHERE j.id = $2 ON CONFLICT DO NOTHING",
    )
    .bind(batch)
    .bind(job.0)
    .execute(&mut **transaction)
    .await
    .map_err(doing())?;
    sqlx::query(
        "UPDATE farm_job SET rank = $1, lane = (SELECT n.id FROM farm_lane n JOIN farm_lane o \
         ON n.ecosystem = o.ecosystem AND n.host = o.host AND n.memory_mib = o.memory_mib \
         AND n.cpu_millis = o.cpu_millis WHERE o.id = farm_job.lane AND n.batch = $2) \
         WHERE id = $3 AND state = 'queued' AND live = 1",
    )
    .bind(RANK_LAST)
    .bind(batch)
    .bind(job.0)
    .execute(&mut **transaction)
    .await
    .map_err(doing())?;
    Ok(())
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

/// Adds those that are not live yet. Returns the numbers of what was added, and the
/// releases that were live before.
async fn add_jobs(
    transaction: &mut Transaction<'static, Any>,
    lane: i64,
    jobs: &[&NewJob],
) -> Result<(Vec<i64>, Vec<String>), Error> {
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
         VALUES {values} ON CONFLICT (purl) WHERE live = 1 DO NOTHING RETURNING id, purl"
    );
    let purls: Vec<_> = jobs.iter().map(|job| job.purl.to_string()).collect();
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for (job, purl) in jobs.iter().zip(&purls) {
        query = query.bind(purl).bind(lane).bind(job.rank);
    }
    let rows = query
        .fetch_all(&mut **transaction)
        .await
        .map_err(failed("add jobs"))?;
    let mut numbers = Vec::with_capacity(rows.len());
    let mut added = BTreeSet::new();
    for row in &rows {
        numbers.push(column(row, 0)?);
        added.insert(column::<String>(row, 1)?);
    }
    let known = purls.into_iter().filter(|purl| !added.contains(purl));
    Ok((numbers, known.collect()))
}

/// The jobs of releases that are live.
async fn live(
    transaction: &mut Transaction<'static, Any>,
    purls: &[String],
) -> Result<Vec<i64>, Error> {
    let places = rows(purls.len(), |number| format!("${}", number + 1));
    let statement = format!("SELECT id FROM farm_job WHERE live = 1 AND purl IN ({places})");
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for purl in purls {
        query = query.bind(purl);
    }
    let rows = query
        .fetch_all(&mut **transaction)
        .await
        .map_err(failed("find jobs that wait already"))?;
    rows.iter().map(|row| column(row, 0)).collect()
}

/// Takes over what waits for a less urgent batch.
async fn take_over(
    transaction: &mut Transaction<'static, Any>,
    batch: &NewBatch,
    lane: i64,
    purls: &[String],
) -> Result<(), Error> {
    if batch.urgency == Urgency::Bulk {
        return Ok(());
    }
    let places = rows(purls.len(), |number| format!("${}", number + 3));
    let statement = format!(
        "UPDATE farm_job SET lane = $1 WHERE live = 1 AND state = 'queued' AND purl IN ({places}) AND lane IN \
         (SELECT l.id FROM farm_lane l JOIN farm_batch b ON b.id = l.batch WHERE b.state = 'open' AND b.urgency < $2)"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement))
        .bind(lane)
        .bind(batch.urgency as i64);
    for purl in purls {
        query = query.bind(purl);
    }
    query
        .execute(&mut **transaction)
        .await
        .map_err(failed("move waiting jobs to a more urgent batch"))?;
    Ok(())
}

/// Notes that the batch wants these jobs. By their numbers: a database that has not yet
/// looked at a table that is being filled searches all of it for names.
async fn want(
    transaction: &mut Transaction<'static, Any>,
    batch: &str,
    jobs: &[i64],
) -> Result<(), Error> {
    if jobs.is_empty() {
        return Ok(());
    }
    let values = rows(jobs.len(), |number| format!("($1, ${})", number + 2));
    let statement =
        format!("INSERT INTO farm_want (batch, job) VALUES {values} ON CONFLICT DO NOTHING");
    let mut query = sqlx::query(AssertSqlSafe(statement)).bind(batch);
    for job in jobs {
        query = query.bind(job);
    }
    query
        .execute(&mut **transaction)
        .await
        .map_err(failed("add a batch's jobs"))?;
    Ok(())
}
