//! Reports that could not be delivered: on disk before the first try, gone after the
//! one that was answered. So a report outlives the process that made it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::queue::{JobId, Leased, Token};
use super::worker::Executed;
use crate::model::ResultRecord;
use crate::store;

/// A report on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    job: i64,
    token: String,
    pub(super) records: Vec<ResultRecord>,
    pub(super) may_repeat: bool,
}

impl Report {
    pub(super) fn new(leased: &Leased, executed: Executed) -> Self {
        Self {
            job: leased.job.0,
            token: leased.token.as_str().to_owned(),
            records: executed.records,
            may_repeat: executed.may_repeat,
        }
    }

    pub(super) fn job(&self) -> JobId {
        JobId(self.job)
    }

    pub(super) fn token(&self) -> Token {
        Token::from_spool(&self.token)
    }
}

/// The folder of reports on their way.
#[derive(Clone, Debug)]
pub(super) struct Spool(PathBuf);

impl Spool {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    fn path(&self, token: &Token) -> PathBuf {
        self.0.join(format!("{}.json", token.file_stem()))
    }

    /// Keeps a report.
    pub(super) fn keep(&self, report: &Report) -> Result<(), store::Error> {
        let path = self.path(&report.token());
        let bytes = serde_json::to_vec(report)
            .map_err(|error| store::Error::io("write", &path, error.into()))?;
        store::write_durably(&path, &bytes)
    }

    /// Forgets a report that was answered.
    pub(super) fn forget(&self, token: &Token) -> Result<(), store::Error> {
        let path = self.path(token);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(store::Error::io("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// Every report that is kept. A file that is none is left where it is, and named.
    pub(super) fn all(&self) -> (Vec<Report>, Vec<PathBuf>) {
        let (mut reports, mut unreadable) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "json") {
                match read(&path) {
                    Some(report) => reports.push(report),
                    None => unreadable.push(path),
                }
            }
        }
        (reports, unreadable)
    }
}

fn read(path: &Path) -> Option<Report> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::Reservation;
    use crate::farm::testing::{record, unsupported};

    #[test]
    fn a_report_is_kept_until_it_is_forgotten_and_a_broken_one_is_named() {
        let folder = tempfile::tempdir().expect("temp");
        let spool = Spool::new(folder.path().join("spool"));
        let leased = Leased {
            job: JobId(7),
            purl: "pkg:npm/a@1.0.0".parse().expect("valid"),
            batch: "b".into(),
            reservation: Reservation::default(),
            token: Token::from_spool("secret"),
        };
        let token = leased.token.clone();
        let records = vec![record("pkg:npm/a@1.0.0", unsupported())];
        let report = Report::new(
            &leased,
            Executed {
                records,
                may_repeat: true,
            },
        );
        spool.keep(&report).expect("keep");
        let (kept, _) = spool.all();
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].job(), kept[0].token()), (JobId(7), token.clone()));
        assert_eq!(kept[0].records, report.records);
        std::fs::write(folder.path().join("spool/broken.json"), "{").expect("write");
        assert_eq!(spool.all().1.len(), 1);
        spool.forget(&token).expect("forget");
        assert!(spool.all().0.is_empty());
        spool.forget(&token).expect("twice is fine");
    }
}
