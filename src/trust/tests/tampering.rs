//! Whatever is done to the store's files is found, and the finding names it.

use std::path::{Path, PathBuf};

use super::*;
use crate::attest::{KeyEvent, KeyEventKind, KeyRole};
use crate::trust::log::path_of;

const SIZE: u64 = 300;

struct Store {
    data: tempfile::TempDir,
    keys: Arc<Keys>,
}

impl Store {
    fn new() -> Self {
        let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
        let store = ledger(data.path(), &keys);
        for start in (0..SIZE).step_by(100) {
            let numbers = start..start + 100;
            store.append(batch(numbers, &keys)).expect("stored");
        }
        Self { data, keys }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.data.path().join("log").join(name)
    }

    fn records(&self, file: u64) -> PathBuf {
        let name = format!("trust/records/{}.jsonl", path_of(file));
        self.data.path().join(name)
    }

    fn findings_since(&self, older: &[String]) -> String {
        let folders = Folders::below(self.data.path());
        let trusted = TrustedKeys::of_folder(&folders.keys).expect("reads");
        let audit = audit(&folders, &trusted, older).expect("reads");
        audit.findings.join("\n")
    }

    fn findings(&self) -> String {
        self.findings_since(&[])
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.records(0)).expect("read");
        text.lines().map(str::to_owned).collect()
    }

    fn write_lines(&self, lines: &[String]) {
        std::fs::write(self.records(0), lines.join("\n") + "\n").expect("write");
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("read");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("write");
}

#[test]
fn an_untouched_store_holds() {
    let store = Store::new();
    assert_eq!(store.findings(), "");
}

#[test]
fn a_flipped_byte_of_an_entry_is_found_by_number() {
    let store = Store::new();
    // Well inside the first entry's JSON.
    flip(&store.log("tile/entries/000"), 100);
    let findings = store.findings();
    assert!(findings.contains("entry 0 is not the one"), "{findings}");
    assert!(!findings.contains("entry 1 is not the one"), "{findings}");
}

#[test]
fn a_flipped_byte_of_a_tile_is_found_by_entry() {
    let store = Store::new();
    flip(&store.log("tile/0/000"), 32 * 7);
    let findings = store.findings();
    assert!(findings.contains("entry 7 is not the one"), "{findings}");
    assert!(findings.contains("tile 0/0"), "{findings}");
}

#[test]
fn a_cut_tile_is_found() {
    let store = Store::new();
    let path = store.log("tile/0/000");
    let bytes = std::fs::read(&path).expect("read");
    std::fs::write(&path, &bytes[..bytes.len() - 32]).expect("write");
    let findings = store.findings();
    assert!(
        findings.contains("tile 0/0") && findings.contains("damaged"),
        "{findings}"
    );
}

#[test]
fn a_changed_a_dropped_and_a_swapped_record_are_found_by_number() {
    let store = Store::new();
    let good = store.lines();

    let mut changed = good.clone();
    // A character of the signature: still base64, no longer the signature.
    let at = changed[9].find("\"sig\":\"").expect("there") + 30;
    let other = if &changed[9][at..=at] == "A" {
        "B"
    } else {
        "A"
    };
    changed[9].replace_range(at..=at, other);
    store.write_lines(&changed);
    assert!(
        store.findings().contains("record 9:"),
        "{}",
        store.findings()
    );

    let mut dropped = good.clone();
    dropped.remove(20);
    store.write_lines(&dropped);
    let findings = store.findings();
    assert!(
        findings.contains("record 20 is in the place of record 21"),
        "{findings}"
    );
    assert!(findings.contains("record 255 is missing"), "{findings}");

    let mut swapped = good.clone();
    swapped.swap(30, 31);
    store.write_lines(&swapped);
    let findings = store.findings();
    assert!(
        findings.contains("record 30 is in the place of record 31"),
        "{findings}"
    );

    store.write_lines(&good);
    assert_eq!(store.findings(), "");
}

#[test]
fn a_record_of_another_statement_under_a_good_proof_is_found() {
    let store = Store::new();
    let mut lines = store.lines();
    let foreign = submission(9_999, &store.keys);
    let record = Record::parse(lines[12].as_bytes()).expect("reads");
    let entry = record.bundle.entries()[0].clone();
    let forged = Record {
        bundle: foreign.bundle.with_entry(entry),
        link: None,
        document: None,
    };
    lines[12] = String::from_utf8(forged.to_line()).expect("UTF-8");
    store.write_lines(&lines);
    let findings = store.findings();
    assert!(
        findings.contains("record 12:") && findings.contains("another statement"),
        "{findings}"
    );
}

#[test]
fn a_rolled_back_checkpoint_is_found() {
    let store = Store::new();
    let path = store.log("checkpoint");
    let old = std::fs::read(&path).expect("read");
    let more = ledger(store.data.path(), &store.keys);
    more.append(batch(SIZE..SIZE + 5, &store.keys))
        .expect("stored");
    let kept = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, old).expect("write");
    let findings = store.findings();
    assert!(findings.contains("rolled back"), "{findings}");
    // And where whoever did it removed the records too, by a checkpoint that was kept.
    let file = store.records((SIZE + 3) / 256);
    let text = std::fs::read_to_string(&file).expect("read");
    let lines: Vec<_> = text.lines().collect();
    std::fs::write(&file, lines[..lines.len() - 5].join("\n") + "\n").expect("write");
    assert!(
        !store.findings().contains("rolled back: it"),
        "{}",
        store.findings()
    );
    let findings = store.findings_since(&[kept]);
    assert!(findings.contains("checkpoint that was kept"), "{findings}");
}

#[test]
fn another_log_under_the_same_name_and_key_is_found() {
    let store = Store::new();
    let kept = std::fs::read_to_string(store.log("checkpoint")).expect("read");
    let (other, keys) = (tempfile::tempdir().expect("temp"), &store.keys);
    ledger(other.path(), keys)
        .append(batch(1_000..1_000 + SIZE + 10, keys))
        .expect("stored");
    let other = Store {
        data: other,
        keys: store.keys.clone(),
    };
    assert_eq!(other.findings(), "");
    let findings = other.findings_since(&[kept]);
    assert!(findings.contains("have another"), "{findings}");
}

#[test]
fn a_checkpoint_by_another_key_is_found() {
    let store = Store::new();
    let folders = Folders::below(store.data.path());
    let pem = Ed25519Key::generate().public_key().pem().expect("encodes");
    std::fs::write(folders.keys.join("log.pub"), pem).expect("write");
    let findings = store.findings();
    assert!(findings.contains("no known key"), "{findings}");
}

#[test]
fn a_record_that_is_signed_with_a_revoked_key_is_found_and_refused() {
    let store = Store::new();
    let attest = store.keys.attest.public_key();
    let now = jiff::Timestamp::now();
    let event = KeyEvent {
        event: KeyEventKind::Revoked,
        role: KeyRole::Attest,
        key_id: attest.id(),
        public_key: attest.pem().to_owned(),
        at: now,
        since: now,
        reason: "lost".into(),
    };
    let open = ledger(store.data.path(), &store.keys);
    open.state(&event.statement(), None).expect("stored");
    // A writer that has not heard of it yet: the audit does.
    open.append(batch(500..501, &store.keys)).expect("stored");
    let findings = store.findings();
    assert!(findings.contains("revokes (lost)"), "{findings}");
    // And whoever opens the store from now on refuses to sign.
    let again = ledger(store.data.path(), &store.keys);
    let error = again
        .append(batch(501..502, &store.keys))
        .expect_err("refused")
        .to_string();
    assert!(error.contains("revoked"), "{error}");
    let reader = Reader::open(Folders::below(store.data.path())).expect("opens");
    let record = reader
        .find(Key::artifact(&digest(500)))
        .expect("holds")
        .remove(0);
    let objection = reader
        .history()
        .expect("reads")
        .objection(&record, Some(now));
    assert!(objection.is_some_and(|text| text.contains("lost")));
}

#[test]
fn a_row_that_is_missing_from_the_index_is_found() {
    let store = Store::new();
    let index = Folders::below(store.data.path()).index();
    let mut bytes = std::fs::read(&index).expect("read");
    // One row's key is another's: its record is hidden.
    bytes[32 * 40] ^= 1;
    std::fs::write(&index, bytes).expect("write");
    let findings = store.findings();
    assert!(
        findings.contains("not found through the index"),
        "{findings}"
    );
}
