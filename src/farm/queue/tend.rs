//! What any process does from time to time for all: jobs whose pause is over are
//! queued, lost leases end, batches that have everything are closed.

use std::time::Instant;

use sqlx::{Any, Transaction};

use super::report::write_records;
use super::watch::Standing;
use super::{Error, Holder, JobId, Queue, Token, column, failed, now_millis, purl_of};
use crate::farm::credential::{Said, Signed};
use crate::farm::process;
use crate::farm::retry::{MAX_LOSSES, MAX_PAUSE};
use crate::model::Purl;
use crate::verify;

/// What was tended to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// Jobs whose holder was lost and that are queued again.
    pub requeued: Vec<String>,
    /// Jobs that were taken by somebody whom the configuration does not name, and that
    /// are queued again.
    pub unbelieved: Vec<String>,
    /// Jobs that took too many workers with them.
    pub given_up: Vec<String>,
    /// Batches that have everything.
    pub closed: Vec<String>,
}

/// Why a lease ends that nobody ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Its holder is gone.
    Lost,
    /// No believed worker signed for it.
    Unbelieved,
}

impl Queue {
    /// Tends to the whole queue. Any number of processes may do so at once.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn tend(&self, holder: &Holder) -> Result<Tended, Error> {
        self.wake_up().await?;
        self.forget_lost_workers(holder).await?;
        let mut tended = Tended::default();
        let (lost, unbelieved) = self.lost(holder).await?;
        for lease in lost {
            self.revoke(&lease, Ended::Lost, &mut tended).await?;
        }
        // A worker whose key nobody knows must not use up the losses of what it touches.
        for lease in unbelieved {
            self.revoke(&lease, Ended::Unbelieved, &mut tended).await?;
        }
        tended.closed = self.close_batches().await?;
        Ok(tended)
    }

    /// A pause is over when its time has come, or when it lies further ahead than any
    /// pause can: then a clock was set back.
    async fn wake_up(&self) -> Result<(), Error> {
        let longest = i64::try_from(MAX_PAUSE.as_millis()).unwrap_or(i64::MAX);
        sqlx::query(
            "UPDATE farm_job SET state = 'queued' WHERE state = 'waiting' AND (due <= $1 OR due > $2)",
        )
        .bind(now_millis())
        .bind(now_millis().saturating_add(longest))
        .execute(self.database.pool())
        .await
        .map_err(failed("queue jobs again"))?;
        Ok(())
    }

    /// Leases whose holder is silent for too long, and those of processes of this machine
    /// that are gone; then those that no believed worker signed for.
    async fn lost(&self, holder: &Holder) -> Result<(Vec<Standing>, Vec<Standing>), Error> {
        let rows =
            sqlx::query("SELECT job, token, beat, machine, process, worker, claim FROM farm_lease")
                .fetch_all(self.database.pool())
                .await
                .map_err(failed("look at the leases"))?;
        let mut standing = Vec::with_capacity(rows.len());
        let (mut lost, mut unbelieved) = (Vec::new(), Vec::new());
        for row in &rows {
            let lease = Standing {
                job: column(row, 0)?,
                token: column(row, 1)?,
                beat: column(row, 2)?,
            };
            let here = column::<String>(row, 3)? == holder.machine;
            let is_dead = here && !process::lives(&column::<String>(row, 4)?);
            let is_own = column::<String>(row, 5)? == holder.worker;
            let claim = column::<Option<String>>(row, 6)?;
            if is_dead {
                lost.push(lease);
            } else if !is_own && !self.believes_claim(&lease, claim.as_deref()) {
                unbelieved.push(lease);
            } else {
                standing.push(lease);
            }
        }
        let mut watch = self
            .watch
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        lost.extend(watch.observe(standing, self.deadline, Instant::now()));
        Ok((lost, unbelieved))
    }

    fn believes_claim(&self, lease: &Standing, claim: Option<&str>) -> bool {
        let said = Said::Claim {
            job: JobId(lease.job),
            token: &Token(lease.token.clone()),
        };
        let signed = claim.and_then(Signed::parse);
        self.believed.is_empty() || self.believed.check(signed.as_ref(), said).is_ok()
    }

    async fn revoke(&self, lease: &Standing, why: Ended, tended: &mut Tended) -> Result<(), Error> {
        let mut transaction = self.database.write().await?;
        // Only as it was seen: a holder that beats again keeps its lease.
        let ended =
            sqlx::query("DELETE FROM farm_lease WHERE job = $1 AND token = $2 AND beat = $3")
                .bind(lease.job)
                .bind(&lease.token)
                .bind(lease.beat)
                .execute(&mut *transaction)
                .await
                .map_err(failed("end a lost lease"))?;
        if ended.rows_affected() == 0 {
            return Ok(());
        }
        let row = sqlx::query(
            "UPDATE farm_job SET state = 'queued', losses = losses + $2 WHERE id = $1 RETURNING purl, losses",
        )
        .bind(lease.job)
        .bind(i64::from(why == Ended::Lost))
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed("queue a lost job again"))?;
        let (purl, losses): (String, i64) = (column(&row, 0)?, column(&row, 1)?);
        if losses >= i64::from(MAX_LOSSES) {
            let why = format!("{MAX_LOSSES} workers were lost while they ran it");
            give_up(
                &mut transaction,
                JobId(lease.job),
                &Token(lease.token.clone()),
                &purl_of(&purl)?,
                &why,
            )
            .await?;
            tended.given_up.push(purl);
        } else if why == Ended::Unbelieved {
            tended.unbelieved.push(purl);
        } else {
            tended.requeued.push(purl);
        }
        transaction
            .commit()
            .await
            .map_err(failed("end a lost lease"))
    }

    /// A batch is closed when nothing that it wants is live. The cheap question, by
    /// the batch's own lanes, comes first.
    async fn close_batches(&self) -> Result<Vec<String>, Error> {
        let rows = sqlx::query(
            "UPDATE farm_batch SET state = 'complete', ended = $1 WHERE state = 'open' AND NOT EXISTS \
             (SELECT 1 FROM farm_lane l JOIN farm_job j ON j.lane = l.id AND j.live = 1 \
              WHERE l.batch = farm_batch.id) AND NOT EXISTS \
             (SELECT 1 FROM farm_want w JOIN farm_job j ON j.id = w.job AND j.live = 1 \
              WHERE w.batch = farm_batch.id) AND NOT EXISTS \
             (SELECT 1 FROM farm_want w JOIN farm_job j ON j.id = w.job AND j.settled = 0 \
              WHERE w.batch = farm_batch.id) RETURNING id",
        )
        .bind(now_millis())
        .fetch_all(self.database.pool())
        .await
        .map_err(failed("close batches"))?;
        rows.iter().map(|row| column(row, 0)).collect()
    }
}

/// A job that no worker comes back from ends with a record that says so.
pub(super) async fn give_up(
    transaction: &mut Transaction<'static, Any>,
    job: JobId,
    token: &Token,
    purl: &Purl,
    why: &str,
) -> Result<(), Error> {
    let reason = format!("{why}; look at the workers' logs, then `remint batch retry`");
    let record = verify::given_up(purl, &reason);
    write_records(transaction, job, &[record]).await?;
    sqlx::query(
        "UPDATE farm_job SET state = 'given-up', live = 0, settled = 1, ended = $1, ended_by = $2, detail = $3 WHERE id = $4",
    )
    .bind(now_millis())
    .bind(token.as_str())
    .bind(reason)
    .bind(job.0)
    .execute(&mut **transaction)
    .await
    .map_err(failed("give a job up"))?;
    Ok(())
}
