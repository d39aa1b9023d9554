//! The end of a job: records and end in one transaction, by the lease's holder, once.

use std::time::Duration;

use sqlx::{Any, Transaction};

use super::lease::end_lease;
use super::{Error, JobId, Leased, Queue, Token, column, failed, now_millis, small};
use crate::farm::credential::Said;
use crate::farm::resource::Usage;
use crate::farm::retry::{self, Next};
use crate::model::ResultRecord;

/// What became of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken, and this follows.
    Taken(Next),
    /// The same report was taken before: its answer had been lost on the way.
    Already,
    /// The lease was lost meanwhile; another holder reports.
    NotHolder,
}

impl Queue {
    /// Reports a job's records. Where it `may_repeat`, the rules of `retry` decide
    /// what follows; `chance`, between 0 and 1, spreads what is tried again. Safe to repeat until an answer arrives.
    ///
    /// # Errors
    /// [`Error::Database`]; then nothing was taken, or the answer was lost.
    pub async fn report(
        &self,
        job: JobId,
        token: &Token,
        records: &[ResultRecord],
        may_repeat: bool,
        chance: f64,
    ) -> Result<Delivery, Error> {
        let mut transaction = self.database.write().await?;
        if !end_lease(&mut transaction, job, token).await? {
            return was_taken(&mut transaction, job, token).await;
        }
        let row = sqlx::query("SELECT failures FROM farm_job WHERE id = $1")
            .bind(job.0)
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed("report a job"))?;
        let failures: i64 = column(&row, 0)?;
        let failures = u32::try_from(failures).unwrap_or(u32::MAX);
        let next = match retry::after(records, failures, chance) {
            Next::Again(_) if !may_repeat => Next::GiveUp,
            next => next,
        };
        let bodies = write_records(&mut transaction, job, records).await?;
        end_job(&mut transaction, job, token, &next, &why(records)).await?;
        self.leave_to_the_farm(&mut transaction, job, token, &bodies)
            .await?;
        learn(&mut transaction, records).await?;
        transaction.commit().await.map_err(failed("report a job"))?;
        Ok(Delivery::Taken(next))
    }

    /// Signs a report; where the farm is to attest it, it waits for that.
    async fn leave_to_the_farm(
        &self,
        transaction: &mut Transaction<'static, Any>,
        job: JobId,
        token: &Token,
        bodies: &[String],
    ) -> Result<(), Error> {
        let Some(credential) = &self.credential else {
            return Ok(());
        };
        let said = Said::Report {
            job,
            token,
            records: bodies,
        };
        sqlx::query(
            "UPDATE farm_job SET witness = $1, settled = CASE WHEN live = 0 THEN $2 ELSE 1 END WHERE id = $3",
        )
        .bind(credential.sign(said).to_text())
        .bind(i64::from(!self.defers))
        .bind(job.0)
        .execute(&mut **transaction)
        .await
        .map_err(failed("sign a report"))?;
        Ok(())
    }

    /// Reports a lease's records.
    ///
    /// # Errors
    /// As [`report`](Self::report).
    pub async fn finish(
        &self,
        leased: &Leased,
        records: &[ResultRecord],
        may_repeat: bool,
        chance: f64,
    ) -> Result<Delivery, Error> {
        self.report(leased.job, &leased.token, records, may_repeat, chance)
            .await
    }
}

async fn was_taken(
    transaction: &mut Transaction<'static, Any>,
    job: JobId,
    token: &Token,
) -> Result<Delivery, Error> {
    let row = sqlx::query("SELECT 1 FROM farm_job WHERE id = $1 AND ended_by = $2")
        .bind(job.0)
        .bind(token.as_str())
        .fetch_optional(&mut **transaction)
        .await
        .map_err(failed("report a job"))?;
    Ok(match row {
        Some(_) => Delivery::Already,
        None => Delivery::NotHolder,
    })
}

/// Records replace those of an earlier run of the same job; as they are kept.
pub(super) async fn write_records(
    transaction: &mut Transaction<'static, Any>,
    job: JobId,
    records: &[ResultRecord],
) -> Result<Vec<String>, Error> {
    let mut bodies = Vec::with_capacity(records.len());
    sqlx::query("DELETE FROM farm_record WHERE job = $1")
        .bind(job.0)
        .execute(&mut **transaction)
        .await
        .map_err(failed("replace records"))?;
    for (number, record) in (0_i64..).zip(records) {
        let body = serde_json::to_string(record).map_err(|error| Error::Row {
            what: "record".into(),
            reason: error.to_string(),
        })?;
        sqlx::query(
            "INSERT INTO farm_record (job, number, purl, verdict, remint_version, body) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(job.0)
        .bind(number)
        .bind(record.purl.to_string())
        .bind(record.verdict.kind().name())
        .bind(&record.remint_version)
        .bind(&body)
        .execute(&mut **transaction)
        .await
        .map_err(failed("write a record"))?;
        bodies.push(body);
    }
    Ok(bodies)
}

/// Keeps what the job used, for the package's next one.
async fn learn(
    transaction: &mut Transaction<'static, Any>,
    records: &[ResultRecord],
) -> Result<(), Error> {
    let (Some(used), Some(record)) = (Usage::of(records), records.first()) else {
        return Ok(());
    };
    let package = record.purl.package().to_string();
    let known = usage(&mut **transaction, &package).await?;
    let kept = known.map_or(used, |known| known.after(used));
    sqlx::query(
        "INSERT INTO farm_usage (package, memory_mib, seconds) VALUES ($1, $2, $3) \
         ON CONFLICT (package) DO UPDATE SET memory_mib = $2, seconds = $3",
    )
    .bind(package)
    .bind(small(kept.memory_mib))
    .bind(small(kept.seconds))
    .execute(&mut **transaction)
    .await
    .map_err(failed("keep what a job used"))?;
    Ok(())
}

/// What a package's earlier jobs used.
pub(super) async fn usage<'c>(
    executor: impl sqlx::Executor<'c, Database = Any>,
    package: &str,
) -> Result<Option<Usage>, Error> {
    let row = sqlx::query("SELECT memory_mib, seconds FROM farm_usage WHERE package = $1")
        .bind(package)
        .fetch_optional(executor)
        .await
        .map_err(failed("look up what a package used"))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let amount = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(Some(Usage {
        memory_mib: amount(column(&row, 0)?),
        seconds: amount(column(&row, 1)?),
    }))
}

async fn end_job(
    transaction: &mut Transaction<'static, Any>,
    job: JobId,
    token: &Token,
    next: &Next,
    detail: &str,
) -> Result<(), Error> {
    let (state, live, failed_more, pause) = match next {
        Next::Done => ("done", 0_i64, 0_i64, Duration::ZERO),
        Next::GiveUp => ("given-up", 0, 1, Duration::ZERO),
        Next::Again(pause) => ("waiting", 1, 1, *pause),
    };
    let due = now_millis().saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX));
    sqlx::query(
        "UPDATE farm_job SET state = $1, live = $2, failures = failures + $3, due = $4, \
         ended = $5, ended_by = $6, detail = $7 WHERE id = $8",
    )
    .bind(state)
    .bind(live)
    .bind(failed_more)
    .bind(due)
    .bind((live == 0).then(now_millis))
    .bind(token.as_str())
    .bind(detail)
    .bind(job.0)
    .execute(&mut **transaction)
    .await
    .map_err(failed("end a job"))?;
    Ok(())
}

/// One line for whoever looks at the table.
fn why(records: &[ResultRecord]) -> String {
    let reasons: Vec<_> = records
        .iter()
        .map(|record| record.verdict.reason())
        .collect();
    crate::model::printable(&reasons.join("; "), false)
}
