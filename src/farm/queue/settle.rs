//! Reports of other machines, which the farm checks and attests before they count:
//! whoever signs for the farm is not whoever builds (SLSA v1.1, "Build: Producing
//! artifacts", level 3, keeps signing keys from the builds in the same manner).

use super::report::write_records;
use super::tend::give_up;
use super::{Error, JobId, Queue, Token, column, failed, purl_of, record_of};
use crate::farm::credential::{Believed, Said, Signed};
use crate::farm::retry::MAX_LOSSES;
use crate::model::ResultRecord;

/// A report that waits for the farm.
#[derive(Debug)]
pub struct Unsettled {
    /// The job.
    pub job: JobId,
    /// What was reported, where a believed worker said it; why it is not believed, else.
    pub report: Result<Vec<ResultRecord>, String>,
}

impl Queue {
    /// Reports that wait, the oldest jobs first, each checked against who is believed.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn unsettled(&self, believed: &Believed, most: u32) -> Result<Vec<Unsettled>, Error> {
        let rows = sqlx::query(
            "SELECT id, ended_by, witness FROM farm_job WHERE settled = 0 AND live = 0 ORDER BY id LIMIT $1",
        )
        .bind(i64::from(most))
        .fetch_all(self.database.pool())
        .await
        .map_err(failed("look for reports that wait"))?;
        let mut unsettled = Vec::with_capacity(rows.len());
        for row in &rows {
            let job = JobId(column(row, 0)?);
            let token = Token(column::<Option<String>>(row, 1)?.unwrap_or_default());
            let witness = column::<Option<String>>(row, 2)?;
            let bodies = self.bodies(job).await?;
            let said = Said::Report {
                job,
                token: &token,
                records: &bodies,
            };
            let signed = witness.as_deref().and_then(Signed::parse);
            let report = match believed.check(signed.as_ref(), said) {
                Ok(()) => Ok(bodies
                    .iter()
                    .map(|body| record_of(body))
                    .collect::<Result<_, _>>()?),
                Err(why) => Err(why),
            };
            unsettled.push(Unsettled { job, report });
        }
        Ok(unsettled)
    }

    async fn bodies(&self, job: JobId) -> Result<Vec<String>, Error> {
        let rows = sqlx::query("SELECT body FROM farm_record WHERE job = $1 ORDER BY number")
            .bind(job.0)
            .fetch_all(self.database.pool())
            .await
            .map_err(failed("read a report"))?;
        rows.iter().map(|row| column(row, 0)).collect()
    }

    /// Puts the farm's records in the place of a worker's.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn settle(&self, job: JobId, records: &[ResultRecord]) -> Result<(), Error> {
        let mut transaction = self.database.write().await?;
        let changed = sqlx::query("UPDATE farm_job SET settled = 1 WHERE id = $1 AND settled = 0")
            .bind(job.0)
            .execute(&mut *transaction)
            .await
            .map_err(failed("settle a report"))?;
        if changed.rows_affected() == 1 {
            write_records(&mut transaction, job, records).await?;
        }
        transaction
            .commit()
            .await
            .map_err(failed("settle a report"))
    }

    /// Throws a report away that nobody believed said; the job is queued again, a few
    /// times at most, as after the loss of a worker.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn reject(&self, job: JobId) -> Result<(), Error> {
        let doing = || failed("throw a report away");
        let mut transaction = self.database.write().await?;
        let row = sqlx::query(
            "UPDATE farm_job SET settled = 1, losses = losses + 1 WHERE id = $1 AND settled = 0 \
             RETURNING purl, losses, ended_by",
        )
        .bind(job.0)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(doing())?;
        let Some(row) = row else {
            return Ok(());
        };
        write_records(&mut transaction, job, &[]).await?;
        let (purl, losses): (String, i64) = (column(&row, 0)?, column(&row, 1)?);
        // A release that another batch made live meanwhile is not live twice.
        let queued = if losses < i64::from(MAX_LOSSES) {
            sqlx::query(
                "UPDATE farm_job SET state = 'queued', live = 1, ended = NULL, ended_by = NULL, witness = NULL \
                 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM farm_job o WHERE o.purl = farm_job.purl \
                 AND o.live = 1)",
            )
            .bind(job.0)
            .execute(&mut *transaction)
            .await
            .map_err(doing())?
            .rows_affected()
                == 1
        } else {
            false
        };
        if !queued {
            let token = Token(column::<Option<String>>(&row, 2)?.unwrap_or_default());
            let why = "its reports were signed by nobody whom the farm's configuration names";
            give_up(&mut transaction, job, &token, &purl_of(&purl)?, why).await?;
        }
        transaction.commit().await.map_err(doing())
    }
}
