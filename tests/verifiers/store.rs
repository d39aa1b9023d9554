//! Stores to verify: each with keys of its own.

use std::path::Path;
use std::sync::Arc;

use super::demo::{different, record, reproduced};
use super::keys::keys;
use remint::attest::{Keys, PublicKey};
use remint::model::ResultRecord;
use remint::trust::{Folders, Ledger, Reader, Record, public_files};

/// The file that was reproduced, and the one that was not.
pub const REPRODUCED: &[u8] = b"x";
const DIFFERENT: &[u8] = b"d";

pub struct Store {
    data: tempfile::TempDir,
    pub keys: Arc<Keys>,
    /// Every record of a verdict, with the file that it is about.
    pub records: Vec<(Record, &'static [u8])>,
}

impl Store {
    /// A store with one verdict of each kind that has predicates of its own.
    pub fn new() -> Self {
        let mut store = Self::empty();
        let about = |verdict, artifact| record("demo-1.0.0.tgz", artifact, verdict);
        for (verdict, artifact) in [
            (reproduced(REPRODUCED), REPRODUCED),
            (different(DIFFERENT), DIFFERENT),
        ] {
            let stored = store.attest(&about(verdict, artifact));
            store
                .records
                .extend(stored.into_iter().map(|record| (record, artifact)));
        }
        store
    }

    /// A store of one reproduced file.
    pub fn of(name: &str, artifact: &[u8]) -> Self {
        let store = Self::empty();
        store.attest(&record(name, artifact, reproduced(artifact)));
        store
    }

    fn empty() -> Self {
        let data = tempfile::tempdir().expect("temp");
        let keys = keys();
        let folders = Folders::below(data.path());
        for (name, pem) in [
            ("attest", keys.attest.public_key().pem().to_owned()),
            ("link", keys.link.public_key().pem().expect("encodes")),
            ("log", keys.log.public_key().pem().expect("encodes")),
        ] {
            let path = folders.keys.join(format!("{name}.pub"));
            remint::store::write_durably(&path, pem.as_bytes()).expect("written");
        }
        Self {
            data,
            keys,
            records: vec![],
        }
    }

    fn attest(&self, verdict: &ResultRecord) -> Vec<Record> {
        let folders = Folders::below(self.data.path());
        let ledger = Ledger::open(folders, "log.example", self.keys.clone()).expect("opens");
        ledger.attest(verdict).expect("stored")
    }

    pub fn data(&self) -> &Path {
        self.data.path()
    }

    pub fn trusted_root(&self) -> String {
        let reader = Reader::open(Folders::below(self.data.path())).expect("opens");
        let files = public_files(&reader, "log.example").expect("reads");
        let root = files
            .into_iter()
            .find(|(name, _)| name == "trusted_root.json");
        root.expect("there").1
    }

    pub fn bundles(&self) -> Vec<String> {
        let bundle = |(record, _): &(Record, _)| record.bundle.to_json();
        self.records.iter().map(bundle).collect()
    }

    pub fn key(&self) -> &PublicKey {
        self.keys.attest.public_key()
    }

    pub fn link(&self) -> String {
        let (first, _) = &self.records[0];
        first.link.as_ref().expect("reproduced").to_json()
    }
}
