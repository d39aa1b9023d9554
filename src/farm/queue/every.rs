//! Every record as it lies in the table, for whoever must know what records refer to.

use super::{Error, Queue, column, failed};

/// Records that are read at once: some megabytes.
const PAGE: i64 = 200;

impl Queue {
    /// Hands over the text of every record of every job.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read.
    pub async fn every_record(&self, visit: &mut (dyn FnMut(&str) + Send)) -> Result<(), Error> {
        let (mut job, mut number) = (-1_i64, -1_i64);
        loop {
            let rows = sqlx::query(
                "SELECT job, number, body FROM farm_record WHERE job > $1 OR (job = $1 AND number > $2) \
                 ORDER BY job, number LIMIT $3",
            )
            .bind(job)
            .bind(number)
            .bind(PAGE)
            .fetch_all(self.database.pool())
            .await
            .map_err(failed("read every record"))?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            (job, number) = (column(last, 0)?, column(last, 1)?);
            for row in &rows {
                visit(&column::<String>(row, 2)?);
            }
        }
    }
}
