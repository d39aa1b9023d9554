//! A summary stands while its policy still accepts its file, and not a moment longer.

use jiff::{Timestamp, ToSpan as _};

use super::*;
use crate::attest::{
    BIT_FOR_BIT, KeyEvent, KeyEventKind, KeyRole, REPLAYED, Statement, Summary, VSA,
};
use crate::model::{Differs, ReplayedFact, ResultRecord, Verdict};

struct Store {
    data: tempfile::TempDir,
    keys: Arc<Keys>,
    ledger: Ledger,
}

impl Store {
    /// With one verdict.
    fn of(record: &ResultRecord) -> Self {
        let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
        let ledger = ledger(data.path(), &keys);
        ledger.attest(record).expect("stored");
        Self { data, keys, ledger }
    }

    fn asker(&self, policy: &str) -> Asker {
        let policy = Policy::parse(policy, "policy.toml").expect("reads");
        let folders = Folders::below(self.data.path());
        Asker::open(folders, policy, now()).expect("opens")
    }

    fn statement(&self, policy: &str, at: Timestamp) -> Option<Statement> {
        let asker = self.asker(policy);
        let files = asker.release(&reproduced().purl).expect("holds");
        let origin = Origin::new("log.example").expect("a name");
        summarize(&files[0], asker.policy().digest, &origin, at)
    }

    fn issue(&self, policy: &str, at: Timestamp) -> Bundle {
        let statement = self.statement(policy, at).expect("accepted");
        self.ledger.state(&statement, None).expect("stored").bundle
    }

    fn objections(&self, bundle: &Bundle, policy: &str) -> Vec<String> {
        objections(bundle.clone(), None, &self.asker(policy)).expect("reads")
    }
}

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().expect("valid")
}

fn different() -> ResultRecord {
    let comparison = Differs {
        published: Sha256Digest::of(b"x"),
        rebuilt: Sha256Digest::of(b"y"),
        differences: vec![],
        omitted: 1,
        causes: vec![],
        equivalence: None,
    };
    ResultRecord {
        verdict: Verdict::Different {
            comparison: Box::new(comparison),
        },
        ..reproduced()
    }
}

fn replayed() -> ResultRecord {
    ResultRecord {
        verdict: Verdict::Reproduced {
            sha256: Sha256Digest::of(b"x"),
            recovered: vec![],
            replayed: vec![ReplayedFact::GzipHeader {
                mtime: 0,
                xfl: 2,
                os: 3,
            }],
        },
        ..reproduced()
    }
}

/// Exactly one objection, with these words in it.
fn assert_one(objections: &[String], words: &str) {
    assert_eq!(objections.len(), 1, "{objections:?}");
    assert!(objections[0].contains(words), "{objections:?}");
}

#[test]
fn a_fresh_summary_stands_and_names_what_it_rests_on() {
    let store = Store::of(&reproduced());
    let bundle = store.issue("", now());
    assert_eq!(store.objections(&bundle, ""), Vec::<String>::new());
    let statement = store.statement("", now()).expect("accepted");
    assert_eq!(statement.predicate_type, VSA);
    let summary = Summary::read(&statement).expect("reads").expect("one");
    assert_eq!(summary.verified_levels, [BIT_FOR_BIT]);
    assert_eq!(summary.resource_uri, reproduced().purl.to_string());
    // After the three announced keys comes the result itself.
    assert_eq!(
        summary.input_attestations[0].uri,
        format!("urn:remint:record:log.example:{ANNOUNCED}")
    );
}

#[test]
fn what_a_policy_refuses_gets_no_summary_at_all() {
    assert_eq!(Store::of(&different()).statement("", now()), None);
    let store = Store::of(&replayed());
    assert_eq!(store.statement("replayed = false", now()), None);
    let statement = store.statement("", now()).expect("accepted");
    let summary = Summary::read(&statement).expect("reads").expect("one");
    assert_eq!(summary.verified_levels, [REPLAYED]);
}

#[test]
fn an_exception_is_told_as_one() {
    let policy = format!(
        "[[exception]]\nsha256 = \"{}\"\nreason = \"read\"\nperson = \"A\"\nuntil = \"2026-12-31\"\n",
        Sha256Digest::of(b"x")
    );
    let statement = Store::of(&different()).statement(&policy, now());
    let summary = Summary::read(&statement.expect("excepted"))
        .expect("reads")
        .expect("one");
    assert_eq!(summary.verified_levels, ["REMINT_EXCEPTION_OF_POLICY"]);
    assert_eq!(summary.input_attestations, []);
}

#[test]
fn an_old_summary_that_is_shown_again_is_found_out() {
    let store = Store::of(&reproduced());
    let old = store.issue("", now());
    store.ledger.attest(&different()).expect("stored");
    let objections = store.objections(&old, "");
    assert_one(&objections, "today it is a no");
    assert!(
        objections[0].contains("found it different") || objections[0].contains("says different"),
        "{objections:?}"
    );
}

#[test]
fn a_summary_that_a_newer_one_replaced_is_named_with_both_records() {
    let store = Store::of(&reproduced());
    let old = store.issue("", now());
    let new = store.issue("", now().checked_add(1.hours()).expect("in range"));
    assert_one(&store.objections(&old, ""), "was replaced by record");
    assert_eq!(store.objections(&new, ""), Vec::<String>::new());
}

#[test]
fn a_summary_of_another_policy_or_another_file_is_refused() {
    let store = Store::of(&reproduced());
    let bundle = store.issue("", now());
    let strict = "replayed = false";
    assert_one(&store.objections(&bundle, strict), "not by this one");
    let other = Some(Sha256Digest::of(b"another file"));
    let objections = objections(bundle, other, &store.asker("")).expect("reads");
    assert_one(&objections, "not about this one");
}

#[test]
fn a_summary_by_a_revoked_key_or_with_a_changed_word_is_refused() {
    let store = Store::of(&reproduced());
    let bundle = store.issue("", now());
    let key = store.keys.attest.public_key();
    let revoked = KeyEvent {
        event: KeyEventKind::Revoked,
        role: KeyRole::Attest,
        key_id: key.id(),
        public_key: key.pem().into(),
        at: now(),
        since: now(),
        reason: "lost".into(),
    };
    store
        .ledger
        .state(&revoked.statement(), None)
        .expect("stored");
    let found = store.objections(&bundle, "").join("\n");
    assert!(found.contains("is revoked"), "{found}");

    let fresh = Store::of(&reproduced());
    let foreign = fresh.objections(&bundle, "").join("\n");
    assert!(foreign.contains("not a known one"), "{foreign}");
}
