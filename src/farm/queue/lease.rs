//! Leases: taken, kept alive, handed back.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use sqlx::{Any, AssertSqlSafe, Transaction};

use super::choose::{AtOnce, Lane, TURN, choose};
use super::{
    Error, Holder, JobId, Leased, Queue, Token, column, failed, is_batch_name, now_millis, purl_of,
    rows,
};
use crate::farm::Reservation;
use crate::farm::credential::Said;
use crate::store::Backend;

/// One lease at a time is given on PostgreSQL: limits that hold on every machine
/// need one view of what runs. A lease whose commit is lost in a crash was never
/// reported on, so it need not be on the disk when the statement returns
/// (PostgreSQL 15 documentation, section 30.4); the report that ends it must be.
const BEGIN_ALONE: &str = "BEGIN; SET LOCAL synchronous_commit = off; \
    SELECT pg_advisory_xact_lock(7236838691747)";

/// Every lane that has work or from which something runs; beside each, the memory of the
/// largest machine whose workers take new jobs.
const LANES: &str = "SELECT l.id, l.batch, l.ecosystem, l.host, l.memory_mib, l.cpu_millis, \
    b.urgency, b.weight, b.served, \
    CASE WHEN b.state = 'open' THEN (SELECT j.rank FROM farm_job j WHERE j.lane = l.id \
        AND j.state = 'queued' AND j.live = 1 ORDER BY j.rank, j.id LIMIT 1) END, \
    (SELECT COUNT(*) FROM farm_lease e WHERE e.lane = l.id), \
    (SELECT COUNT(*) FROM farm_lease e WHERE e.lane = l.id AND e.machine = $1), \
    (SELECT COALESCE(MAX(w.memory_mib), 0) FROM farm_worker w WHERE w.draining = 0) \
    FROM farm_lane l JOIN farm_batch b ON b.id = l.batch \
    WHERE b.state = 'open' OR EXISTS (SELECT 1 FROM farm_lease e WHERE e.lane = l.id)";

/// Ranks of a lane's jobs behind its first. The limit stands in the text, as below: for one
/// that is a parameter PostgreSQL makes a new plan each time, which takes longer than the
/// statement (PostgreSQL 15 documentation, PREPARE: a generic plan that looks dearer).
fn ranks_statement(most: usize) -> String {
    format!(
        "SELECT rank FROM farm_job WHERE lane = $1 AND state = 'queued' AND live = 1 \
         ORDER BY rank, id LIMIT {most} OFFSET 1"
    )
}

fn take_statement(count: usize) -> String {
    format!(
        "UPDATE farm_job SET state = 'leased' WHERE state = 'queued' AND live = 1 AND id IN \
         (SELECT id FROM farm_job WHERE lane = $1 AND state = 'queued' AND live = 1 \
         ORDER BY rank, id LIMIT {count}) RETURNING id, purl"
    )
}

/// Parameters of a lease's row.
const COLUMNS: usize = 8;

/// What a holder hears when it shows that it lives.
#[derive(Clone, Debug)]
pub struct Heard {
    /// The leases that are still its own.
    pub ours: Vec<Token>,
    /// Whether it shall take nothing new.
    pub draining: bool,
}

/// Why no lease is had.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct NotLeased {
    /// What failed.
    #[source]
    pub error: Error,
    /// What was taken all the same, where the answer alone was lost: whether it was is not
    /// known. Its holder does not run it, and its life would keep it for ever, so it goes to
    /// [`Queue::hand_back_unstarted`].
    pub in_doubt: Vec<Leased>,
}

impl From<Error> for NotLeased {
    fn from(error: Error) -> Self {
        Self {
            error,
            in_doubt: Vec::new(),
        }
    }
}

impl Queue {
    /// Takes up to `most` jobs for a holder; of one batch alone where it is named.
    ///
    /// # Errors
    /// [`NotLeased`], with [`Error::Database`] or another of its kind.
    pub async fn lease(
        &self,
        holder: &Holder,
        most: usize,
        only: Option<&str>,
        limits: &AtOnce,
    ) -> Result<Vec<Leased>, NotLeased> {
        let mut transaction = self.begin_alone().await?;
        let leased = self
            .take_within(&mut transaction, holder, most, only, limits)
            .await?;
        match transaction.commit().await.map_err(failed("lease jobs")) {
            Ok(()) => Ok(leased),
            Err(error) => Err(NotLeased {
                error,
                in_doubt: leased,
            }),
        }
    }

    /// Begins a transaction beside which nobody leases.
    async fn begin_alone(&self) -> Result<Transaction<'static, Any>, Error> {
        match self.database.backend() {
            Backend::Sqlite => Ok(self.database.write().await?),
            Backend::Postgres => self
                .database
                .pool()
                .begin_with(BEGIN_ALONE)
                .await
                .map_err(failed("lease jobs")),
        }
    }

    /// Takes jobs as [`Queue::lease`] says; they are the holder's once the transaction is
    /// committed.
    async fn take_within(
        &self,
        transaction: &mut Transaction<'static, Any>,
        holder: &Holder,
        most: usize,
        only: Option<&str>,
        limits: &AtOnce,
    ) -> Result<Vec<Leased>, Error> {
        let (mut lanes, largest) = lanes(transaction, &holder.machine).await?;
        if let Some(only) = only {
            for lane in lanes.iter_mut().filter(|lane| lane.batch != only) {
                lane.head = None;
            }
        }
        let mut chosen: BTreeMap<i64, Chosen> = BTreeMap::new();
        for number in 0..most {
            let Some(lane) = choose(&lanes, limits, holder.capacity, largest).cloned() else {
                break;
            };
            let left = most - number - 1;
            let of_lane = match chosen.entry(lane.id) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Chosen {
                    lane: lane.clone(),
                    count: 0,
                    behind: ranks(transaction, lane.id, left).await?,
                }),
            };
            of_lane.count += 1;
            let next = of_lane.behind.pop_front();
            for other in lanes.iter_mut().filter(|other| other.id == lane.id) {
                other.head = next;
                other.running += 1;
                other.running_here += 1;
            }
            for other in lanes.iter_mut().filter(|other| other.batch == lane.batch) {
                other.served += TURN / lane.weight.max(1);
            }
        }
        let mut leased: Vec<(i64, Leased)> = Vec::new();
        for of_lane in chosen.values() {
            // What is taken over or cancelled in this moment is not among them any more.
            let jobs = take(transaction, of_lane).await?;
            leased.extend(jobs.into_iter().map(|job| (of_lane.lane.id, job)));
        }
        if !leased.is_empty() {
            self.hold(transaction, holder, &leased).await?;
        }
        let mut turns: BTreeMap<&str, i64> = BTreeMap::new();
        for (_, job) in &leased {
            *turns.entry(&job.batch).or_default() += TURN;
        }
        for (batch, turns) in turns {
            sqlx::query("UPDATE farm_batch SET served = served + $1 / weight WHERE id = $2")
                .bind(turns)
                .bind(batch)
                .execute(&mut **transaction)
                .await
                .map_err(failed("lease jobs"))?;
        }
        Ok(leased.into_iter().map(|(_, job)| job).collect())
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

    /// Notes the leases, each of a lane, with what the worker says of them.
    async fn hold(
        &self,
        transaction: &mut Transaction<'static, Any>,
        holder: &Holder,
        leased: &[(i64, Leased)],
    ) -> Result<(), Error> {
        let values = rows(leased.len(), |number| {
            let first = number * COLUMNS + 1;
            let places: Vec<_> = (first..first + COLUMNS).map(|n| format!("${n}")).collect();
            format!("({}, 0)", places.join(", "))
        });
        // Only numbered parameters are put into the text.
        let statement = format!(
            "INSERT INTO farm_lease (job, token, worker, machine, process, lane, taken, claim, beat) VALUES {values}"
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for (lane, job) in leased {
            let claim = self.credential.as_ref().map(|credential| {
                let said = Said::Claim {
                    job: job.job,
                    token: &job.token,
                };
                credential.sign(said).to_text()
            });
            query = query
                .bind(job.job.0)
                .bind(job.token.as_str())
                .bind(&holder.worker)
                .bind(&holder.machine)
                .bind(&holder.process)
                .bind(lane)
                .bind(now_millis())
                .bind(claim);
        }
        query
            .execute(&mut **transaction)
            .await
            .map_err(failed("lease jobs"))?;
        Ok(())
    }

    /// Gives a job back unfinished; it counts as no failure. Nothing happens where
    /// the lease was lost meanwhile.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn hand_back(&self, leased: &Leased) -> Result<(), Error> {
        let mut transaction = self.database.write().await?;
        queue_again(&mut transaction, leased).await?;
        transaction
            .commit()
            .await
            .map_err(failed("hand a job back"))
    }

    /// Gives back what may have been taken and was never started; it counts as no failure.
    ///
    /// # Errors
    /// [`Error::Database`]; then the same is to be given back again.
    pub async fn hand_back_unstarted(&self, in_doubt: &[Leased]) -> Result<(), Error> {
        // A server may still be at the commit whose answer was lost. Its lock is free once
        // that has taken place, or never will.
        let mut transaction = self.begin_alone().await?;
        for leased in in_doubt {
            queue_again(&mut transaction, leased).await?;
        }
        transaction.commit().await.map_err(failed("hand jobs back"))
    }
}

/// Ends a lease, where it stands, and queues its job.
async fn queue_again(
    transaction: &mut Transaction<'static, Any>,
    leased: &Leased,
) -> Result<(), Error> {
    if end_lease(transaction, leased.job, &leased.token).await? {
        sqlx::query("UPDATE farm_job SET state = 'queued' WHERE id = $1 AND state = 'leased'")
            .bind(leased.job.0)
            .execute(&mut **transaction)
            .await
            .map_err(failed("hand a job back"))?;
    }
    Ok(())
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

/// What is to be taken from a lane.
struct Chosen {
    lane: Lane,
    count: usize,
    /// Ranks of the jobs behind the last that was chosen.
    behind: VecDeque<i64>,
}

/// The ranks of up to `most` jobs behind a lane's first.
async fn ranks(
    transaction: &mut Transaction<'static, Any>,
    lane: i64,
    most: usize,
) -> Result<VecDeque<i64>, Error> {
    if most == 0 {
        return Ok(VecDeque::new());
    }
    // Only a number is put into the text.
    let rows = sqlx::query(AssertSqlSafe(ranks_statement(most)))
        .bind(lane)
        .fetch_all(&mut **transaction)
        .await
        .map_err(failed("list what waits"))?;
    rows.iter().map(|row| column(row, 0)).collect()
}

async fn take(
    transaction: &mut Transaction<'static, Any>,
    chosen: &Chosen,
) -> Result<Vec<Leased>, Error> {
    let rows = sqlx::query(AssertSqlSafe(take_statement(chosen.count)))
        .bind(chosen.lane.id)
        .fetch_all(&mut **transaction)
        .await
        .map_err(failed("take jobs"))?;
    rows.iter()
        .map(|row| {
            Ok(Leased {
                job: JobId(column(row, 0)?),
                purl: purl_of(&column::<String>(row, 1)?)?,
                batch: chosen.lane.batch.clone(),
                reservation: chosen.lane.reservation,
                token: Token::new()?,
            })
        })
        .collect()
}

/// The lanes, and the memory of the largest machine.
async fn lanes(
    transaction: &mut Transaction<'static, Any>,
    machine: &str,
) -> Result<(Vec<Lane>, u64), Error> {
    let rows = sqlx::query(LANES)
        .bind(machine)
        .fetch_all(&mut **transaction)
        .await
        .map_err(failed("list what waits"))?;
    let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let amount = |number: i64| u64::try_from(number).unwrap_or(0);
    let largest = rows.first().map(|row| column(row, 12)).transpose()?;
    let lanes = rows
        .iter()
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
        // A lane of what has no batch's name is passed over.
        .filter(|lane: &Result<Lane, Error>| {
            lane.as_ref()
                .map_or(true, |lane| is_batch_name(&lane.batch))
        })
        .collect::<Result<_, Error>>()?;
    Ok((lanes, amount(largest.unwrap_or(0))))
}
