//! Leases: taken, kept alive, handed back.

use std::collections::BTreeMap;

use sqlx::{Any, Transaction};

use super::choose::{AtOnce, Lane, TURN, choose};
use super::{Error, Holder, JobId, Leased, Queue, Token, column, failed, now_millis, purl_of};
use crate::farm::Reservation;
use crate::farm::credential::Said;
use crate::store::Backend;

/// One lease at a time is given on PostgreSQL: limits that hold on every machine
/// need one view of what runs. A lease whose commit is lost in a crash was never
/// reported on, so it need not be on the disk when the statement returns
/// (PostgreSQL 15 documentation, section 30.4); the report that ends it must be.
const GUARD: &str = "SELECT set_config('synchronous_commit', 'off', true) \
    FROM (SELECT pg_advisory_xact_lock(7236838691747)) AS alone";

/// Every lane that has work or from which something runs.
const LANES: &str = "SELECT l.id, l.batch, l.ecosystem, l.host, l.memory_mib, l.cpu_millis, \
    b.urgency, b.weight, b.served, \
    CASE WHEN b.state = 'open' THEN (SELECT j.rank FROM farm_job j WHERE j.lane = l.id \
        AND j.state = 'queued' AND j.live = 1 ORDER BY j.rank, j.id LIMIT 1) END, \
    (SELECT COUNT(*) FROM farm_lease e WHERE e.lane = l.id), \
    (SELECT COUNT(*) FROM farm_lease e WHERE e.lane = l.id AND e.machine = $1) \
    FROM farm_lane l JOIN farm_batch b ON b.id = l.batch \
    WHERE b.state = 'open' OR l.id IN (SELECT lane FROM farm_lease)";

const TAKE: &str = "UPDATE farm_job SET state = 'leased' WHERE state = 'queued' AND live = 1 AND id IN \
    (SELECT id FROM farm_job WHERE lane = $1 AND state = 'queued' AND live = 1 ORDER BY rank, id LIMIT 1) \
    RETURNING id, purl";

/// What a holder hears when it shows that it lives.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The leases that are still its own.
    pub ours: Vec<Token>,
    /// Whether it shall take nothing new.
    pub draining: bool,
}

impl Queue {
    /// Takes up to `most` jobs for a holder; of one batch alone where it is named.
    ///
    /// # Errors
    /// [`Error::Database`]; then nothing was taken.
    pub async fn lease(
        &self,
        holder: &Holder,
        most: usize,
        only: Option<&str>,
        limits: &AtOnce,
    ) -> Result<Vec<Leased>, Error> {
        let mut transaction = self.database.write().await?;
        if self.database.backend() == Backend::Postgres {
            sqlx::query(GUARD)
                .execute(&mut *transaction)
                .await
                .map_err(failed("lease jobs"))?;
        }
        let mut lanes = lanes(&mut transaction, &holder.machine).await?;
        let largest = largest_machine(&mut transaction).await?;
        if let Some(only) = only {
            for lane in lanes.iter_mut().filter(|lane| lane.batch != only) {
                lane.head = None;
            }
        }
        let mut leased: Vec<Leased> = Vec::new();
        while leased.len() < most {
            let Some(lane) = choose(&lanes, limits, holder.capacity, largest).cloned() else {
                break;
            };
            let Some(job) = self.take(&mut transaction, holder, &lane).await? else {
                // Its head was seen, so only a job that is taken over or cancelled in
                // this moment leads here.
                mark(&mut lanes, &lane, |lane| lane.head = None);
                continue;
            };
            leased.push(job);
            let next = next_head(&mut transaction, lane.id).await?;
            mark(&mut lanes, &lane, |lane| {
                lane.head = next;
                lane.running += 1;
                lane.running_here += 1;
            });
            for other in lanes.iter_mut().filter(|other| other.batch == lane.batch) {
                other.served += TURN / lane.weight.max(1);
            }
        }
        let mut turns: BTreeMap<&str, i64> = BTreeMap::new();
        for job in &leased {
            *turns.entry(&job.batch).or_default() += TURN;
        }
        for (batch, turns) in turns {
            sqlx::query("UPDATE farm_batch SET served = served + $1 / weight WHERE id = $2")
                .bind(turns)
                .bind(batch)
                .execute(&mut *transaction)
                .await
                .map_err(failed("lease jobs"))?;
        }
        transaction.commit().await.map_err(failed("lease jobs"))?;
        Ok(leased)
    }

    /// Shows that a holder lives, and tells which leases are still its own and whether
    /// it shall take nothing new.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn beat(&self, holder: &Holder) -> Result<Heard, Error> {
        let draining = self.show_life(holder).await?;
        let rows =
            sqlx::query("UPDATE farm_lease SET beat = beat + 1 WHERE worker = $1 RETURNING token")
                .bind(&holder.worker)
                .fetch_all(self.database.pool())
                .await
                .map_err(failed("keep leases"))?;
        let ours = rows.iter().map(|row| Ok(Token(column(row, 0)?)));
        Ok(Heard {
            ours: ours.collect::<Result<_, Error>>()?,
            draining,
        })
    }

    async fn take(
        &self,
        transaction: &mut Transaction<'static, Any>,
        holder: &Holder,
        lane: &Lane,
    ) -> Result<Option<Leased>, Error> {
        let row = sqlx::query(TAKE)
            .bind(lane.id)
            .fetch_optional(&mut **transaction)
            .await
            .map_err(failed("take a job"))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let leased = Leased {
            job: JobId(column(&row, 0)?),
            purl: purl_of(&column::<String>(&row, 1)?)?,
            batch: lane.batch.clone(),
            reservation: lane.reservation,
            token: Token::new()?,
        };
        let claim = self.credential.as_ref().map(|credential| {
            let said = Said::Claim {
                job: leased.job,
                token: &leased.token,
            };
            credential.sign(said).to_text()
        });
        sqlx::query(
            "INSERT INTO farm_lease (job, token, worker, machine, process, lane, beat, taken, claim) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)",
        )
        .bind(leased.job.0)
        .bind(leased.token.as_str())
        .bind(&holder.worker)
        .bind(&holder.machine)
        .bind(&holder.process)
        .bind(lane.id)
        .bind(now_millis())
        .bind(claim)
        .execute(&mut **transaction)
        .await
        .map_err(failed("lease a job"))?;
        Ok(Some(leased))
    }

    /// Gives a job back unfinished; it counts as no failure. Nothing happens where
    /// the lease was lost meanwhile.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn hand_back(&self, leased: &Leased) -> Result<(), Error> {
        let mut transaction = self.database.write().await?;
        if end_lease(&mut transaction, leased.job, &leased.token).await? {
            sqlx::query("UPDATE farm_job SET state = 'queued' WHERE id = $1 AND state = 'leased'")
                .bind(leased.job.0)
                .execute(&mut *transaction)
                .await
                .map_err(failed("hand a job back"))?;
        }
        transaction
            .commit()
            .await
            .map_err(failed("hand a job back"))
    }
}

/// Ends a lease; whether it stood.
pub(super) async fn end_lease(
    transaction: &mut Transaction<'static, Any>,
    job: JobId,
    token: &Token,
) -> Result<bool, Error> {
    let ended = sqlx::query("DELETE FROM farm_lease WHERE job = $1 AND token = $2")
        .bind(job.0)
        .bind(token.as_str())
        .execute(&mut **transaction)
        .await
        .map_err(failed("end a lease"))?;
    Ok(ended.rows_affected() == 1)
}

fn mark(lanes: &mut [Lane], which: &Lane, change: impl Fn(&mut Lane)) {
    lanes
        .iter_mut()
        .filter(|lane| lane.id == which.id)
        .for_each(change);
}

async fn lanes(
    transaction: &mut Transaction<'static, Any>,
    machine: &str,
) -> Result<Vec<Lane>, Error> {
    let rows = sqlx::query(LANES)
        .bind(machine)
        .fetch_all(&mut **transaction)
        .await
        .map_err(failed("list what waits"))?;
    let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let amount = |number: i64| u64::try_from(number).unwrap_or(0);
    rows.iter()
        .map(|row| {
            Ok(Lane {
                id: column(row, 0)?,
                batch: column(row, 1)?,
                ecosystem: column(row, 2)?,
                host: column(row, 3)?,
                reservation: Reservation {
                    memory_mib: amount(column(row, 4)?),
                    cpu_millis: amount(column(row, 5)?),
                },
                urgency: column(row, 6)?,
                weight: column(row, 7)?,
                served: column(row, 8)?,
                head: column(row, 9)?,
                running: count(column(row, 10)?),
                running_here: count(column(row, 11)?),
            })
        })
        .collect()
}

async fn next_head(
    transaction: &mut Transaction<'static, Any>,
    lane: i64,
) -> Result<Option<i64>, Error> {
    let row = sqlx::query(
        "SELECT rank FROM farm_job WHERE lane = $1 AND state = 'queued' AND live = 1 \
         ORDER BY rank, id LIMIT 1",
    )
    .bind(lane)
    .fetch_optional(&mut **transaction)
    .await
    .map_err(failed("list what waits"))?;
    row.map(|row| column(&row, 0)).transpose()
}

/// The memory of the largest machine whose workers take new jobs.
async fn largest_machine(transaction: &mut Transaction<'static, Any>) -> Result<u64, Error> {
    let row =
        sqlx::query("SELECT COALESCE(MAX(memory_mib), 0) FROM farm_worker WHERE draining = 0")
            .fetch_one(&mut **transaction)
            .await
            .map_err(failed("look at the workers"))?;
    Ok(u64::try_from(column::<i64>(&row, 0)?).unwrap_or(0))
}
