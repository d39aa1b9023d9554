//! Files of a fleet that are no blobs: logs of builds and copies of attestations. A worker
//! puts what its records name into the bucket before it reports them; whoever writes the
//! batch's report, on whichever machine, fetches what is missing there.

use std::path::{Path, PathBuf};

use crate::model::ResultRecord;
use crate::store::{self, Bucket};

/// The largest of these files that is fetched, in bytes: a log ends at its plan's limit,
/// some megabytes.
const LARGEST: u64 = 256 << 20;

/// The folder of batches in a bucket.
const BATCHES: &str = "batches";

/// Where the files of a batch are on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Outputs<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// The batch in whose folder they are, as the lease names it.
    pub batch: &'a str,
    /// The results folder.
    pub results: &'a Path,
    /// The data folder.
    pub data: &'a Path,
}

impl Outputs<'_> {
    /// Puts what the records name into the bucket, in the place of what an earlier run of the
    /// same job left. A file that is not on this machine is passed over.
    ///
    /// # Errors
    /// [`store::Error`] where a file cannot be read or put.
    pub async fn put(&self, records: &[ResultRecord]) -> Result<(), store::Error> {
        for (name, path) in records.iter().flat_map(|record| self.files_of(record)) {
            if path.is_file() {
                self.bucket.replace(&parts(&name), &path).await?;
            }
        }
        Ok(())
    }

    /// Fetches what the records name and this machine lacks. What the bucket lacks too is
    /// passed over: a report without a log is better than none.
    ///
    /// # Errors
    /// [`store::Error`] where the bucket cannot be read.
    pub async fn fetch(&self, records: &[ResultRecord]) -> Result<(), store::Error> {
        for (name, path) in records.iter().flat_map(|record| self.files_of(record)) {
            if !path.exists() {
                match self.bucket.fetch(&parts(&name), &path, LARGEST).await {
                    // A bucket that is away comes back; what cannot be kept never will be.
                    Err(error @ store::Error::Bucket { .. }) => return Err(error),
                    Err(error) => tracing::warn!("{error}"),
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    }

    /// The files that a record names: each one's name in the bucket, and its place here.
    fn files_of(&self, record: &ResultRecord) -> Vec<(Vec<String>, PathBuf)> {
        let mut files = Vec::new();
        if let Some(log) = record.log_path() {
            let name = vec![BATCHES.to_owned(), self.batch.to_owned(), log.to_owned()];
            files.push((name, self.results.join(self.batch).join(log)));
        }
        if let Some(path) = record.attestation_path() {
            files.push((vec![path.to_owned()], self.data.join(path)));
        }
        files
    }
}

fn parts(name: &[String]) -> Vec<&str> {
    name.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::testing::{record, unsupported};

    fn named(log: &str, attestation: &str) -> ResultRecord {
        let mut record = record("pkg:npm/a@1.0.0", unsupported());
        record.log = Some(log.into());
        record.attestation = Some(attestation.into());
        record
    }

    #[tokio::test]
    async fn what_one_machine_wrote_another_finds_and_an_earlier_run_is_replaced() {
        let bucket = store::bucket_in_memory();
        let [one, other] = [(); 2].map(|()| tempfile::tempdir().expect("temp"));
        let on = |folder: &Path| (folder.join("results"), folder.join("data"));
        let (results, data) = on(one.path());
        let records = [named("logs/a.1.log", "attestations/a/a.sigstore.json")];
        let here = Outputs {
            bucket: &bucket,
            batch: "night",
            results: &results,
            data: &data,
        };
        for text in ["first", "second"] {
            let log = results.join("night/logs/a.1.log");
            store::write_durably(&log, text.as_bytes()).expect("write");
            here.put(&records).await.expect("put");
        }
        let (results, data) = on(other.path());
        let there = Outputs {
            results: &results,
            data: &data,
            ..here
        };
        there.fetch(&records).await.expect("fetch");
        let log = results.join("night/logs/a.1.log");
        assert_eq!(std::fs::read_to_string(&log).expect("fetched"), "second");
        assert!(!data.join("attestations").exists(), "there was none");
        std::fs::write(&log, "this machine's own").expect("write");
        there.fetch(&records).await.expect("fetch");
        let own = std::fs::read_to_string(&log).expect("read");
        assert_eq!(own, "this machine's own");
    }
}
