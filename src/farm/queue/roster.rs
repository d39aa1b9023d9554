//! The workers that live: shown, drained, and known to each other by what their
//! machines have. Which jobs they hold is `lease`'s.

use std::time::Instant;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::watch::Standing;
use super::{Error, Holder, Queue, column, failed, now_millis, small};
use crate::farm::{Reservation, process};

/// A worker that lives.
#[derive(Clone, Debug, serde::Serialize)]
pub struct WorkerRow {
    /// What people call it.
    pub name: String,
    /// Its machine.
    pub machine: String,
    /// How many jobs it runs at once.
    pub slots: u64,
    /// How many it runs now.
    pub running: u64,
    /// What its machine gives.
    pub capacity: Reservation,
    /// When it began.
    pub started: Timestamp,
    /// Whether it takes nothing new.
    pub draining: bool,
}

impl Queue {
    /// Tells workers whom the service believes, in the place of what an earlier one told.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn tell_believed(&self) -> Result<(), Error> {
        let doing = || failed("tell workers who is believed");
        let mut transaction = self.database.write().await?;
        sqlx::query("DELETE FROM farm_believed")
            .execute(&mut *transaction)
            .await
            .map_err(doing())?;
        for (name, key) in self.believed.key_ids() {
            sqlx::query("INSERT INTO farm_believed (name, key) VALUES ($1, $2)")
                .bind(name)
                .bind(key.to_string())
                .execute(&mut *transaction)
                .await
                .map_err(doing())?;
        }
        transaction.commit().await.map_err(doing())
    }

    /// Whether work of this process would count; the service's own does.
    ///
    /// # Errors
    /// [`Error::NotBelieved`] where the service's configuration names others alone.
    pub(in crate::farm) async fn would_count(&self) -> Result<(), Error> {
        let rows = sqlx::query("SELECT name, key FROM farm_believed")
            .fetch_all(self.database.pool())
            .await
            .map_err(failed("look who is believed"))?;
        if rows.is_empty() || !self.believed.is_empty() {
            return Ok(());
        }
        if let Some(credential) = &self.credential {
            let key = credential.key_id().to_string();
            for row in &rows {
                let is_name = column::<String>(row, 0)? == credential.name();
                if is_name && column::<String>(row, 1)? == key {
                    return Ok(());
                }
            }
        }
        let name = self.credential.as_ref().map(|own| own.name().to_owned());
        Err(Error::NotBelieved {
            who: name.map_or_else(
                || "a process without a credential".into(),
                |name| format!("`{name}` with this key"),
            ),
        })
    }

    /// Puts a worker on the roster.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn join(&self, holder: &Holder) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO farm_worker (worker, name, machine, process, memory_mib, cpu_millis, slots, started, \
             beat, draining) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0) ON CONFLICT (worker) DO NOTHING",
        )
        .bind(&holder.worker)
        .bind(&holder.name)
        .bind(&holder.machine)
        .bind(&holder.process)
        .bind(small(holder.capacity.memory_mib))
        .bind(small(holder.capacity.cpu_millis))
        .bind(small(holder.slots as u64))
        .bind(now_millis())
        .execute(self.database.pool())
        .await
        .map_err(failed("put a worker on the roster"))?;
        Ok(())
    }

    /// Takes a worker off the roster.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn leave(&self, holder: &Holder) -> Result<(), Error> {
        self.forget_worker(&holder.worker).await
    }

    /// Shows that a worker lives, whether it holds something or not; whether it shall
    /// take nothing new. One that was taken for lost is put on the roster again.
    pub(super) async fn show_life(&self, holder: &Holder) -> Result<bool, Error> {
        let row = sqlx::query(
            "UPDATE farm_worker SET beat = beat + 1 WHERE worker = $1 RETURNING draining",
        )
        .bind(&holder.worker)
        .fetch_optional(self.database.pool())
        .await
        .map_err(failed("show that a worker lives"))?;
        match row {
            Some(row) => Ok(column::<i64>(&row, 0)? != 0),
            None => self.join(holder).await.map(|()| false),
        }
    }

    /// Asks the workers of a name to finish what they run and to take nothing new; how
    /// many there are.
    ///
    /// # Errors
    /// [`Error::NoWorker`] where there is none of this name.
    pub async fn drain(&self, name: &str) -> Result<u64, Error> {
        let changed = sqlx::query("UPDATE farm_worker SET draining = 1 WHERE name = $1")
            .bind(name)
            .execute(self.database.pool())
            .await
            .map_err(failed("drain a worker"))?;
        match changed.rows_affected() {
            0 => Err(Error::NoWorker {
                name: name.to_owned(),
            }),
            count => Ok(count),
        }
    }

    /// Every worker that lives, by name.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn workers(&self) -> Result<Vec<WorkerRow>, Error> {
        let rows = sqlx::query(
            "SELECT w.name, w.machine, w.slots, (SELECT COUNT(*) FROM farm_lease e WHERE e.worker = w.worker), \
             w.memory_mib, w.cpu_millis, w.started, w.draining FROM farm_worker w ORDER BY w.name, w.started",
        )
        .fetch_all(self.database.pool())
        .await
        .map_err(failed("list workers"))?;
        rows.iter().map(worker).collect()
    }

    /// Takes off the roster who is silent for too long, and whose process is gone.
    pub(super) async fn forget_lost_workers(&self, holder: &Holder) -> Result<(), Error> {
        let rows = sqlx::query("SELECT worker, beat, machine, process FROM farm_worker")
            .fetch_all(self.database.pool())
            .await
            .map_err(failed("look at the workers"))?;
        let (mut standing, mut lost) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            let worker = Standing {
                job: 0,
                token: column(row, 0)?,
                beat: column(row, 1)?,
            };
            let here = column::<String>(row, 2)? == holder.machine;
            if here && !process::lives(&column::<String>(row, 3)?) {
                lost.push(worker);
            } else {
                standing.push(worker);
            }
        }
        lost.extend(
            self.roster_watch
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .observe(standing, self.deadline, Instant::now()),
        );
        for worker in lost {
            self.forget_worker(&worker.token).await?;
        }
        Ok(())
    }

    async fn forget_worker(&self, worker: &str) -> Result<(), Error> {
        sqlx::query("DELETE FROM farm_worker WHERE worker = $1")
            .bind(worker)
            .execute(self.database.pool())
            .await
            .map_err(failed("take a worker off the roster"))?;
        Ok(())
    }
}

fn worker(row: &AnyRow) -> Result<WorkerRow, Error> {
    let amount = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(WorkerRow {
        name: column(row, 0)?,
        machine: column(row, 1)?,
        slots: amount(column(row, 2)?),
        running: amount(column(row, 3)?),
        capacity: Reservation {
            memory_mib: amount(column(row, 4)?),
            cpu_millis: amount(column(row, 5)?),
        },
        started: super::time_of(column(row, 6)?, "worker")?,
        draining: column::<i64>(row, 7)? != 0,
    })
}
