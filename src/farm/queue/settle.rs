//! Reports of other machines, which the farm checks and attests before they count:
//! whoever signs for the farm is not whoever builds (SLSA v1.1, "Build: Producing
//! artifacts", level 3, keeps signing keys from the builds in the same manner).

use super::report::write_records;
use super::tend::give_up;
use super::{Error, JobId, Queue, Token, column, failed, purl_of, record_of};
use crate::farm::credential::{Believed, Said, Signed};
use crate::farm::retry::MAX_LOSSES;
use crate::model::{Ecosystem, Purl, ResultRecord};

/// A report that waits for the farm.
#[derive(Debug)]
pub struct Unsettled {
    /// The job.
    pub job: JobId,
    /// Whose registry has its release.
    pub ecosystem: Ecosystem,
    /// What was reported, where it holds.
    pub report: Result<Vec<ResultRecord>, Refused>,
}

/// Why a report does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No believed worker said it. The job is none the worse for it.
    Unbelieved(String),
    /// A believed worker said what cannot be. It counts as the loss of a worker.
    Wrong(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Unbelieved(why) | Self::Wrong(why)) = self;
        f.write_str(why)
    }
}

/// A record that is an answer about the release that was leased.
fn answer(body: &str, asked: &Purl) -> Result<ResultRecord, Refused> {
    let record = record_of(body).map_err(|error| Refused::Wrong(error.to_string()))?;
    match record.contradiction(asked) {
        None => Ok(record),
        Some(why) => Err(Refused::Wrong(why)),
    }
}

impl Queue {
    /// Reports that wait, the oldest jobs first and those behind `after` alone, each
    /// checked against who is believed.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn unsettled(
        &self,
        believed: &Believed,
        after: Option<JobId>,
        most: u32,
    ) -> Result<Vec<Unsettled>, Error> {
        let rows = sqlx::query(
            "SELECT id, ended_by, witness, purl FROM farm_job WHERE settled = 0 AND live = 0 AND id > $1 \
             ORDER BY id LIMIT $2",
        )
        .bind(after.map_or(i64::MIN, |after| after.0))
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
            let asked = purl_of(&column::<String>(row, 3)?)?;
            let report = believed
                .check(signed.as_ref(), said)
                .map_err(Refused::Unbelieved)
                .and_then(|()| bodies.iter().map(|body| answer(body, &asked)).collect());
            unsettled.push(Unsettled {
                job,
                ecosystem: asked.ecosystem(),
                report,
            });
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

    /// Throws a report away; the job is queued again where a batch still waits for it. What
    /// believed workers say wrongly, they say a few times at most.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn reject(&self, job: JobId, why: &Refused) -> Result<(), Error> {
        let doing = || failed("throw a report away");
        let mut transaction = self.database.write().await?;
        let row = sqlx::query(
            "UPDATE farm_job SET settled = 1, losses = losses + $2 WHERE id = $1 AND settled = 0 \
             RETURNING purl, losses, ended_by",
        )
        .bind(job.0)
        .bind(i64::from(matches!(why, Refused::Wrong(_))))
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
                 AND o.live = 1) AND EXISTS (SELECT 1 FROM farm_lane l JOIN farm_batch b ON b.id = l.batch \
                 WHERE l.id = farm_job.lane AND b.state = 'open')",
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
            let why = format!("its report was thrown away: {why}");
            give_up(&mut transaction, job, &token, &purl_of(&purl)?, &why).await?;
        }
        transaction.commit().await.map_err(doing())
    }
}
