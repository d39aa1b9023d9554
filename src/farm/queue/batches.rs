//! What people ask of batches: list, progress, records, cancel, retry.

use jiff::Timestamp;
use sqlx::AnyPool;

use super::AtOnce;
use super::report::usage;
use super::{
    Error, JobId, Queue, column, failed, is_batch_name, now_millis, purl_of, record_of, time_of,
};
use crate::farm::input::Settings;
use crate::farm::resource::Usage;
use crate::model::{Purl, ResultRecord, VerdictKind};

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// It has something to do.
    Open,
    /// Everything that it wants has its end.
    Complete,
    /// A person stopped it for good.
    Cancelled,
}

impl BatchState {
    /// The name in the table and in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        [Self::Open, Self::Complete, Self::Cancelled]
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| Error::Row {
                what: "batch".into(),
                reason: format!("`{text}` is no state"),
            })
    }
}

/// A batch as it stands.
#[derive(Clone, Debug)]
pub struct BatchRow {
    /// Its name.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it was complete.
    pub ended: Option<Timestamp>,
    /// Where it stands.
    pub state: BatchState,
    /// Its settings as JSON.
    pub settings: String,
    /// The schedule that it is of.
    pub schedule: Option<String>,
}

/// How far a batch is: jobs by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Progress {
    /// Ready to run.
    pub queued: u64,
    /// In a pause after the farm's fault.
    pub waiting: u64,
    /// Held by a worker.
    pub running: u64,
    /// Ended with records.
    pub done: u64,
    /// Given up: nothing is known of the package.
    pub given_up: u64,
    /// Cancelled before they ran.
    pub cancelled: u64,
}

impl Progress {
    /// Every job.
    pub fn total(&self) -> u64 {
        self.left() + self.ended()
    }

    /// Jobs that have no end yet.
    pub fn left(&self) -> u64 {
        self.queued + self.waiting + self.running
    }

    /// Jobs that have one.
    pub fn ended(&self) -> u64 {
        self.done + self.given_up + self.cancelled
    }
}

/// A job that a worker holds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Running {
    /// The release.
    pub purl: String,
    /// The batch on whose turn it was leased.
    pub batch: String,
    /// The worker's name.
    pub worker: String,
    /// Since when.
    pub since: Timestamp,
}

/// A record with the job that it is of.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The job.
    pub job: JobId,
    /// The record.
    pub record: ResultRecord,
}

const BATCH: &str = "SELECT id, title, created, ended, state, settings, schedule FROM farm_batch";

/// Rows of batches; what has no batch's name is passed over.
fn batches(rows: &[sqlx::any::AnyRow]) -> Result<Vec<BatchRow>, Error> {
    let mut batches = rows.iter().map(batch).collect::<Result<Vec<_>, _>>()?;
    batches.retain(|batch| is_batch_name(&batch.id));
    Ok(batches)
}

fn batch(row: &sqlx::any::AnyRow) -> Result<BatchRow, Error> {
    let time = |millis: i64| time_of(millis, "batch");
    Ok(BatchRow {
        id: column(row, 0)?,
        title: column(row, 1)?,
        created: time(column(row, 2)?)?,
        ended: column::<Option<i64>>(row, 3)?.map(time).transpose()?,
        state: BatchState::parse(&column::<String>(row, 4)?)?,
        settings: column(row, 5)?,
        schedule: column(row, 6)?,
    })
}

impl Queue {
    fn pool(&self) -> &AnyPool {
        self.database.pool()
    }

    /// Every batch, the newest first.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn batches(&self) -> Result<Vec<BatchRow>, Error> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{BATCH} ORDER BY created DESC, id DESC"
        )))
        .fetch_all(self.pool())
        .await
        .map_err(failed("list batches"))?;
        batches(&rows)
    }

    /// The newest batches.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn newest_batches(&self, most: u32) -> Result<Vec<BatchRow>, Error> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{BATCH} ORDER BY created DESC, id DESC LIMIT $1"
        )))
        .bind(i64::from(most))
        .fetch_all(self.pool())
        .await
        .map_err(failed("list batches"))?;
        batches(&rows)
    }

    /// Batches that have ended and have everything settled, and whose reports are not
    /// written yet.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn unreported(&self) -> Result<Vec<BatchRow>, Error> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{BATCH} WHERE state <> 'open' AND reported IS NULL AND NOT EXISTS (SELECT 1 FROM farm_want w \
             JOIN farm_job j ON j.id = w.job AND j.settled = 0 WHERE w.batch = farm_batch.id) ORDER BY ended"
        )))
        .fetch_all(self.pool())
        .await
        .map_err(failed("list batches without reports"))?;
        batches(&rows)
    }

    /// Notes that the reports of a batch that has ended are written.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn reported(&self, id: &str) -> Result<(), Error> {
        sqlx::query("UPDATE farm_batch SET reported = $1 WHERE id = $2 AND state <> 'open'")
            .bind(now_millis())
            .bind(id)
            .execute(self.pool())
            .await
            .map_err(failed("note that reports are written"))?;
        Ok(())
    }

    /// How many jobs are queued, in a pause and leased, over all batches.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn live(&self) -> Result<Progress, Error> {
        let rows =
            sqlx::query("SELECT state, COUNT(*) FROM farm_job WHERE live = 1 GROUP BY state")
                .fetch_all(self.pool())
                .await
                .map_err(failed("count jobs"))?;
        progress_of(&rows)
    }

    /// What runs now, the longest first.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub async fn running(&self) -> Result<Vec<Running>, Error> {
        let rows = sqlx::query(
            "SELECT j.purl, l.batch, COALESCE(w.name, e.worker), e.taken FROM farm_lease e \
             JOIN farm_job j ON j.id = e.job JOIN farm_lane l ON l.id = e.lane \
             LEFT JOIN farm_worker w ON w.worker = e.worker ORDER BY e.taken, e.job",
        )
        .fetch_all(self.pool())
        .await
        .map_err(failed("list what runs"))?;
        let running = |row| {
            Ok(Running {
                purl: column(row, 0)?,
                batch: column(row, 1)?,
                worker: column(row, 2)?,
                since: time_of(column(row, 3)?, "lease")?,
            })
        };
        rows.iter().map(running).collect()
    }

    /// The limits that the open batches ask for: the lowest of each ecosystem.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn limits(&self) -> Result<AtOnce, Error> {
        let rows = sqlx::query("SELECT settings FROM farm_batch WHERE state = 'open'")
            .fetch_all(self.pool())
            .await
            .map_err(failed("read the batches' limits"))?;
        let mut limits = AtOnce::default();
        for row in &rows {
            // What another remint wrote and this one cannot read has no limits here.
            if let Ok(settings) = serde_json::from_str::<Settings>(&column::<String>(row, 0)?) {
                let asked = settings.limits.into_iter();
                limits.lower_to(asked.map(|(ecosystem, most)| (ecosystem.to_string(), most)));
            }
        }
        Ok(limits)
    }

    /// One batch.
    ///
    /// # Errors
    /// [`Error::NoBatch`] where there is none of this name.
    pub async fn batch(&self, id: &str) -> Result<BatchRow, Error> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{BATCH} WHERE id = $1")))
            .bind(id)
            .fetch_optional(self.pool())
            .await
            .map_err(failed("look a batch up"))?;
        row.as_ref()
            .filter(|_| is_batch_name(id))
            .map(batch)
            .ok_or_else(|| Error::NoBatch { id: id.to_owned() })?
    }

    /// How far a batch is.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub async fn progress(&self, id: &str) -> Result<Progress, Error> {
        let rows = sqlx::query(
            "SELECT j.state, COUNT(*) FROM farm_want w JOIN farm_job j ON j.id = w.job \
             WHERE w.batch = $1 GROUP BY j.state",
        )
        .bind(id)
        .fetch_all(self.pool())
        .await
        .map_err(failed("count a batch's jobs"))?;
        progress_of(&rows)
    }

    /// Every record of a batch, in the order of its jobs. Records of jobs that are
    /// still to be tried again are among them: they are what is known so far.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn records(&self, id: &str) -> Result<Vec<Ended>, Error> {
        let rows = sqlx::query(
            "SELECT r.job, r.body FROM farm_want w JOIN farm_record r ON r.job = w.job \
             WHERE w.batch = $1 ORDER BY r.purl, r.job, r.number",
        )
        .bind(id)
        .fetch_all(self.pool())
        .await
        .map_err(failed("read a batch's records"))?;
        rows.iter().map(ended).collect()
    }

    /// The records of a release's newest job that has its end and says something
    /// about the package; none where there is none.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn answer(&self, purl: &Purl) -> Result<Vec<Ended>, Error> {
        let rows = sqlx::query(
            "SELECT r.job, r.body FROM farm_record r WHERE r.job = (SELECT MAX(x.job) FROM farm_record x \
             JOIN farm_job j ON j.id = x.job WHERE x.purl = $1 AND j.state = 'done') ORDER BY r.number",
        )
        .bind(purl.to_string())
        .fetch_all(self.pool())
        .await
        .map_err(failed("look for an earlier record"))?;
        rows.iter().map(ended).collect()
    }

    /// What a package's earlier jobs used.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub async fn usage(&self, package: &Purl) -> Result<Option<Usage>, Error> {
        usage(self.pool(), &package.package().to_string()).await
    }

    /// The verdicts that were there before a batch, in the order in which their jobs
    /// were added.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn earlier(&self, batch: &BatchRow) -> Result<Vec<(Purl, VerdictKind)>, Error> {
        let rows = sqlx::query(
            "SELECT r.purl, r.verdict FROM farm_record r JOIN farm_job j ON j.id = r.job \
             WHERE j.ended < $1 ORDER BY r.job, r.number",
        )
        .bind(batch.created.as_millisecond())
        .fetch_all(self.pool())
        .await
        .map_err(failed("read earlier verdicts"))?;
        rows.iter()
            .map(|row| {
                let name: String = column(row, 1)?;
                let kind = VerdictKind::ALL
                    .into_iter()
                    .find(|kind| kind.name() == name);
                let kind = kind.ok_or_else(|| Error::Row {
                    what: "record".into(),
                    reason: format!("`{name}` is no verdict"),
                })?;
                Ok((purl_of(&column::<String>(row, 0)?)?, kind))
            })
            .collect()
    }

    /// Stops a batch for good. What another open batch wants too goes on in that
    /// batch's turn; what runs for this one alone loses its lease, and its holder
    /// stops at the next beat.
    ///
    /// # Errors
    /// [`Error::NoBatch`] where there is no open batch of this name.
    pub async fn cancel(&self, id: &str) -> Result<(), Error> {
        let doing = || failed("cancel a batch");
        let mut transaction = self.database.write().await?;
        let changed = sqlx::query(
            "UPDATE farm_batch SET state = 'cancelled', ended = $1 WHERE id = $2 AND state = 'open'",
        )
        .bind(now_millis())
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(doing())?;
        if changed.rows_affected() == 0 {
            return Err(Error::NoBatch { id: id.to_owned() });
        }
        // A lane of another open batch that wants the job: its lowest number, since
        // any of them will do.
        sqlx::query(
            "UPDATE farm_job SET lane = (SELECT MIN(l.id) FROM farm_want w \
               JOIN farm_batch b ON b.id = w.batch AND b.state = 'open' \
               JOIN farm_lane l ON l.batch = b.id WHERE w.job = farm_job.id) \
             WHERE live = 1 AND lane IN (SELECT id FROM farm_lane WHERE batch = $1) AND EXISTS \
               (SELECT 1 FROM farm_want w JOIN farm_batch b ON b.id = w.batch AND b.state = 'open' \
                JOIN farm_lane l ON l.batch = b.id WHERE w.job = farm_job.id)",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(doing())?;
        sqlx::query(
            "DELETE FROM farm_lease WHERE job IN (SELECT id FROM farm_job WHERE live = 1 AND lane IN \
             (SELECT id FROM farm_lane WHERE batch = $1))",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(doing())?;
        sqlx::query(
            "UPDATE farm_job SET state = 'cancelled', live = 0, ended = $1 WHERE live = 1 AND lane IN \
             (SELECT id FROM farm_lane WHERE batch = $2)",
        )
        .bind(now_millis())
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(doing())?;
        transaction.commit().await.map_err(doing())
    }

    /// Queues again what a batch could not decide: jobs that were given up or
    /// cancelled. Jobs in a pause go at once. The batch is open again.
    ///
    /// # Errors
    /// [`Error::NoBatch`] where there is none of this name.
    pub async fn retry(&self, id: &str) -> Result<u64, Error> {
        let doing = || failed("queue a batch's jobs again");
        self.batch(id).await?;
        let mut transaction = self.database.write().await?;
        // A release that became another batch's live job since is not made live twice.
        let changed = sqlx::query(
            "UPDATE farm_job SET state = 'queued', live = 1, failures = 0, losses = 0, ended = NULL, \
             ended_by = NULL WHERE state IN ('given-up', 'cancelled', 'waiting') \
             AND id IN (SELECT job FROM farm_want WHERE batch = $1) \
             AND lane IN (SELECT id FROM farm_lane WHERE batch = $1) \
             AND NOT EXISTS (SELECT 1 FROM farm_job o WHERE o.purl = farm_job.purl AND o.live = 1 AND o.id <> farm_job.id)",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await
        .map_err(doing())?;
        if changed.rows_affected() > 0 {
            sqlx::query(
                "UPDATE farm_batch SET state = 'open', ended = NULL, reported = NULL WHERE id = $1",
            )
            .bind(id)
            .execute(&mut *transaction)
            .await
            .map_err(doing())?;
        }
        transaction.commit().await.map_err(doing())?;
        Ok(changed.rows_affected())
    }
}

/// Rows of a state and how many jobs are in it.
fn progress_of(rows: &[sqlx::any::AnyRow]) -> Result<Progress, Error> {
    let mut progress = Progress::default();
    for row in rows {
        let count = u64::try_from(column::<i64>(row, 1)?).unwrap_or(0);
        let state: String = column(row, 0)?;
        let place = match state.as_str() {
            "queued" => &mut progress.queued,
            "waiting" => &mut progress.waiting,
            "leased" => &mut progress.running,
            "done" => &mut progress.done,
            "given-up" => &mut progress.given_up,
            "cancelled" => &mut progress.cancelled,
            other => {
                return Err(Error::Row {
                    what: "job".into(),
                    reason: format!("`{other}` is no state"),
                });
            }
        };
        *place += count;
    }
    Ok(progress)
}

/// A row of a job's number and a record's text.
fn ended(row: &sqlx::any::AnyRow) -> Result<Ended, Error> {
    Ok(Ended {
        job: JobId(column(row, 0)?),
        record: record_of(&column::<String>(row, 1)?)?,
    })
}
