//! The store as a whole: what is appended is found, holds, and survives interruption.

mod summaries;
mod tampering;

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::attest::{Bundle, Ed25519Key, KeyFile, Keys, Statement, Subject};
use crate::model::Sha256Digest;

pub(in crate::trust) fn keys() -> Arc<Keys> {
    Arc::new(Keys {
        attest: Arc::new(KeyFile::generate().expect("key")),
        link: Ed25519Key::generate(),
        log: Ed25519Key::generate(),
    })
}

/// A store whose readers know its keys.
pub(in crate::trust) fn ledger(data: &Path, keys: &Arc<Keys>) -> Ledger {
    let folders = Folders::below(data);
    for (name, pem) in [
        ("attest", keys.attest.public_key().pem().to_owned()),
        ("link", keys.link.public_key().pem().expect("encodes")),
        ("log", keys.log.public_key().pem().expect("encodes")),
    ] {
        let path = folders.keys.join(format!("{name}.pub"));
        crate::store::write_durably(&path, pem.as_bytes()).expect("written");
    }
    Ledger::open(folders, "log.example", keys.clone()).expect("opens")
}

pub(in crate::trust) fn digest(number: u64) -> Sha256Digest {
    Sha256Digest::of(number.to_be_bytes())
}

pub(in crate::trust) fn submission(number: u64, keys: &Keys) -> Submission {
    let subject = Subject {
        uri: Some(format!("pkg:cargo/demo@{number}.0.0")),
        ..Subject::file("demo.crate", &digest(number))
    };
    let statement = Statement::new(subject, "urn:test", json!({"number": number}));
    Submission {
        bundle: Bundle::sign(&statement, keys.attest.as_ref()).expect("signs"),
        link: None,
        document: None,
    }
}

pub(in crate::trust) fn batch(numbers: std::ops::Range<u64>, keys: &Keys) -> Vec<Submission> {
    numbers.map(|number| submission(number, keys)).collect()
}

/// A reproduced npm package.
pub(in crate::trust) fn reproduced() -> crate::model::ResultRecord {
    use crate::model::{ArtifactKind, ArtifactSummary, ResultRecord, Sha512Digest, Verdict};
    ResultRecord {
        artifact: Some(ArtifactSummary {
            name: "demo-1.0.0.tgz".into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(b"x"),
            sha512: Sha512Digest::of(b"x"),
            size: 1,
            published_at: None,
        }),
        millis: 1,
        remint_version: "0".into(),
        ..ResultRecord::new(
            "pkg:npm/demo@1.0.0".parse().expect("valid"),
            Verdict::Reproduced {
                sha256: Sha256Digest::of(b"x"),
                recovered: vec![],
                replayed: vec![],
            },
            "2026-01-01T00:00:00Z".parse().expect("valid"),
        )
    }
}

/// The store announces its three keys before anything else.
const ANNOUNCED: u64 = 3;

#[test]
fn what_is_appended_is_found_by_digest_and_package_and_holds() {
    let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
    let ledger = ledger(data.path(), &keys);
    // Across a tile's edge, in batches that end on both sides of it.
    for numbers in [0..1, 1..250, 250..600] {
        ledger.append(batch(numbers, &keys)).expect("stored");
    }
    let reader = Reader::open(Folders::below(data.path())).expect("opens");
    assert_eq!(
        reader.checkpoint().expect("holds").expect("there").size,
        600 + ANNOUNCED
    );
    for number in [0, 1, 249, 250, 252, 253, 599] {
        let found = reader.find(Key::artifact(&digest(number))).expect("holds");
        assert_eq!(found.len(), 1, "{number}");
        assert_eq!(found[0].entry, number + ANNOUNCED);
        assert_eq!(found[0].statement.predicate["number"], number);
        let purl = Key::purl(&format!("pkg:cargo/demo@{number}.0.0"));
        assert_eq!(reader.find(purl).expect("holds").len(), 1);
    }
    assert!(
        reader
            .find(Key::artifact(&digest(600)))
            .expect("nothing")
            .is_empty()
    );
}

#[test]
fn a_record_is_an_answer_where_the_store_holds_the_same_verdict_on_the_same_file() {
    use crate::model::{ResultRecord, Verdict};
    let folder = tempfile::tempdir().expect("temp");
    let keys = keys();
    let said = reproduced();
    ledger(folder.path(), &keys).attest(&said).expect("stored");
    let reader = Reader::open(Folders::below(folder.path())).expect("opens");
    let says = |record: &ResultRecord| reader.says(record).expect("readable");
    assert!(says(&said));
    let mut other_file = said.clone();
    if let Some(artifact) = &mut other_file.artifact {
        artifact.sha256 = Sha256Digest::of(b"another");
    }
    assert!(!says(&other_file));
    let other_release = ResultRecord {
        purl: "pkg:npm/other@1.0.0".parse().expect("valid"),
        ..said.clone()
    };
    assert!(!says(&other_release));
    let mut other_grade = said.clone();
    if let Verdict::Reproduced { replayed, .. } = &mut other_grade.verdict {
        replayed.push(crate::model::ReplayedFact::MemberOwners { owners: vec![] });
    }
    assert!(!says(&other_grade));
    let verdict = Verdict::Unsupported { reason: "x".into() };
    let other_verdict = ResultRecord { verdict, ..said };
    assert!(!says(&other_verdict));
    let about_nothing = ResultRecord {
        artifact: None,
        ..other_verdict
    };
    assert!(!says(&about_nothing));
}

#[test]
fn a_statement_is_stored_once() {
    let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
    let ledger = ledger(data.path(), &keys);
    let first = ledger.append(batch(0..2, &keys)).expect("stored");
    let again = ledger.append(batch(0..3, &keys)).expect("stored");
    assert_eq!(first[..], again[..2]);
    let reader = Reader::open(Folders::below(data.path())).expect("opens");
    assert_eq!(
        reader.checkpoint().expect("holds").expect("there").size,
        3 + ANNOUNCED
    );
}

#[test]
fn a_lost_index_is_made_again() {
    let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
    let store = ledger(data.path(), &keys);
    store.append(batch(0..300, &keys)).expect("stored");
    let index = Folders::below(data.path()).index();
    let before = std::fs::read(&index).expect("read");
    std::fs::write(&index, &before[..before.len() / 2 + 7]).expect("cut");
    let store = ledger(data.path(), &keys);
    store.append(batch(300..301, &keys)).expect("stored");
    let after = std::fs::read(&index).expect("read");
    assert!(
        after[..before.len()] == before,
        "the rows are not what they were"
    );
}

#[test]
fn two_writers_take_turns() {
    let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
    let (one, two) = (ledger(data.path(), &keys), ledger(data.path(), &keys));
    for number in 0..6 {
        let writer = if number % 2 == 0 { &one } else { &two };
        writer
            .append(batch(number..number + 1, &keys))
            .expect("stored");
    }
    let reader = Reader::open(Folders::below(data.path())).expect("opens");
    for number in 0..6 {
        let found = reader.find(Key::artifact(&digest(number))).expect("holds");
        assert_eq!(found[0].entry, number + ANNOUNCED);
    }
}

#[test]
fn another_name_or_key_does_not_open_the_log() {
    let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
    ledger(data.path(), &keys)
        .append(batch(0..1, &keys))
        .expect("stored");
    let folders = Folders::below(data.path());
    let other = Ledger::open(folders.clone(), "other.example", keys.clone()).expect("opens");
    let error = other
        .append(batch(1..2, &keys))
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("log.example") && error.contains("other.example"),
        "{error}"
    );
    let strangers = super::tests::keys();
    let path = folders.keys.join("log.pub");
    let pem = strangers.log.public_key().pem().expect("encodes");
    std::fs::write(path, pem).expect("write");
    let stranger = Ledger::open(folders, "log.example", strangers.clone()).expect("opens");
    let error = stranger
        .append(batch(1..2, &strangers))
        .expect_err("refused")
        .to_string();
    assert!(error.contains("no known key"), "{error}");
}

#[test]
fn an_exported_folder_stands_for_itself_and_has_no_secret() {
    let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
    let store = ledger(data.path(), &keys);
    store.append(batch(0..300, &keys)).expect("stored");
    let folders = Folders::below(data.path());
    for secret in ["attest.key", "passphrase"] {
        std::fs::write(folders.keys.join(secret), "secret").expect("write");
    }
    let away = tempfile::tempdir().expect("temp");
    export(&folders, away.path()).expect("exported");
    data.close().expect("gone");

    let there = Folders::below(away.path());
    let trusted = TrustedKeys::of_folder(&there.keys).expect("reads");
    let found = audit(&there, &trusted, &[]).expect("reads");
    assert!(found.is_good(), "{:#?}", found.findings);
    assert_eq!(found.good, 300 + ANNOUNCED);
    for secret in ["attest.key", "passphrase"] {
        assert!(!there.keys.join(secret).exists(), "{secret}");
    }
    let error = export(&there, away.path())
        .expect_err("refused")
        .to_string();
    assert!(error.contains("not empty"), "{error}");
}

#[test]
fn a_result_answers_yes_and_a_witness_that_disagrees_raises_an_alarm() {
    use crate::attest::{Grounds, Witness, WitnessFormat};
    use crate::model::VerdictKind;
    let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
    let store = ledger(data.path(), &keys);
    store.attest(&reproduced()).expect("stored");
    let sha256 = Sha256Digest::of(b"x");
    let now = jiff::Timestamp::now();
    let ask = |policy: &str| {
        let reader = Reader::open(Folders::below(data.path())).expect("opens");
        let history = reader.history().expect("reads");
        let claims = reader
            .claims(Key::artifact(&sha256), &history)
            .expect("holds");
        let policy = Policy::parse(policy, "policy.toml").expect("reads");
        judge("x", Some(sha256), &claims, &policy, now)
    };
    assert!(ask("").trusted);
    assert!(!ask("builders = 2").trusted);
    let witness = |operator: &str, verdict, document: &str| Witness {
        operator: operator.into(),
        key_id: sha256,
        format: WitnessFormat::OssRebuild,
        document: Sha256Digest::of(document),
        artifact: "demo-1.0.0.tgz".into(),
        sha256,
        purl: None,
        verdict,
        grounds: Grounds::default(),
        imported: now,
    };
    let agrees = witness("a", VerdictKind::Reproduced, "yes");
    store
        .state(&agrees.statement(), Some("yes".into()))
        .expect("stored");
    assert!(ask("builders = 2").trusted);
    let mut leaning = witness("c", VerdictKind::Reproduced, "leaning");
    leaning.grounds.is_replayed = true;
    store
        .state(&leaning.statement(), Some("leaning".into()))
        .expect("stored");
    assert!(ask("builders = 3").trusted);
    assert!(
        !ask("builders = 3\nreplayed = false").trusted,
        "another builder's replayed grade counts as a plain one"
    );
    let disagrees = witness("b", VerdictKind::Different, "no");
    store
        .state(&disagrees.statement(), Some("no".into()))
        .expect("stored");
    let answer = ask("");
    assert!(!answer.trusted && answer.disagreement, "{}", answer.reason);
}
