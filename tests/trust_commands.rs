//! What a repository's admin does with the store, by the program itself: other builders'
//! words are taken in, lists and summaries come of them, and a disagreement undoes both.

#[path = "support/demo.rs"]
mod demo;
#[path = "support/keys.rs"]
mod keys;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use demo::{PURL, different, record, reproduced};
use remint::model::{Sha256Digest, Verdict};
use remint::trust::{Folders, Ledger, proves_consistency};

const NAME: &str = "demo-1.0.0.tgz";
const FILE: &[u8] = b"x";

/// A data folder with two builders in its configuration.
struct Store {
    folder: tempfile::TempDir,
}

impl Store {
    fn new() -> Self {
        let store = Self {
            folder: tempfile::tempdir().expect("temp"),
        };
        let builders: String = ["one", "two"]
            .map(|name| {
                let key = store.path(&format!("{name}.pub"));
                format!("[[builder]]\noperator = \"{name}\"\nformat = \"remint\"\nkey = {key:?}\n")
            })
            .concat();
        std::fs::write(store.path("remint.toml"), builders).expect("written");
        store
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `remint trust ...` on the store.
    fn trust(&self, arguments: &[&str]) -> Answer {
        let output = Command::new(env!("CARGO_BIN_EXE_remint"))
            .arg("--data-dir")
            .arg(self.folder.path())
            .arg("trust")
            .args(arguments)
            .output()
            .expect("remint runs");
        Answer::of(&output)
    }

    /// The bundle that a builder of that name signs of the verdict, as a file, with its
    /// public key where the configuration says.
    fn signed_by(&self, name: &str, verdict: Verdict) -> PathBuf {
        let keys = keys::keys();
        let pem = keys.attest.public_key().pem().to_owned();
        std::fs::write(self.path(&format!("{name}.pub")), pem).expect("written");
        let elsewhere = tempfile::tempdir().expect("temp");
        let ledger = Ledger::open(Folders::below(elsewhere.path()), "log.example", keys);
        let records = ledger
            .expect("opens")
            .attest(&record(NAME, FILE, verdict))
            .expect("stored");
        let file = self.path(&format!("{name}.sigstore.json"));
        std::fs::write(&file, records[0].bundle.to_json()).expect("written");
        file
    }
}

#[derive(Debug)]
struct Answer {
    status: Option<i32>,
    out: String,
    errors: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Ends with that status and says these words.
    fn says(&self, status: i32, words: &str) {
        let said = format!("{}{}", self.out, self.errors);
        assert_eq!(self.status, Some(status), "{said}");
        assert!(said.contains(words), "`{words}` is not in: {said}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[test]
fn another_builders_yes_is_taken_in_and_a_second_ones_no_undoes_what_came_of_it() {
    let store = Store::new();
    let yes = store.signed_by("one", reproduced(FILE));
    let import = store.trust(&["import", "one", text(&yes)]);
    import.says(0, "accepted as built by one");
    store
        .trust(&["check", PURL])
        .says(0, "accepted as built by one");

    let summary = store.trust(&["summary", "issue", PURL]);
    summary.says(0, "verificationMaterial");
    let kept = store.path("summary.json");
    std::fs::write(&kept, &summary.out).expect("written");
    let verify = || store.trust(&["summary", "verify", text(&kept)]);
    verify().says(0, "it stands");

    let no = store.signed_by("two", different(FILE));
    let import = store.trust(&["import", "two", text(&no)]);
    import.says(1, "ALARM: builders disagree");
    store
        .trust(&["check", PURL])
        .says(1, "one reproduced it, two found it different");
    verify().says(1, "today it is a no");
    store
        .trust(&["summary", "issue", PURL])
        .says(1, "no summary of pkg:npm/demo@1.0.0");
    let list = store.trust(&["list", "npm-integrity", PURL]);
    list.says(1, "builders disagree");
    assert_eq!(list.out.trim(), "{}");
    store.trust(&["log", "verify"]).says(0, "records hold");
}

#[test]
fn consistency_is_proven_between_two_kept_checkpoints_and_not_the_other_way_round() {
    let store = Store::new();
    let keep = |name: &str| {
        std::fs::copy(store.path("log/checkpoint"), store.path(name)).expect("copied");
        store.path(name)
    };
    let yes = store.signed_by("one", reproduced(FILE));
    store.trust(&["import", "one", text(&yes)]).says(0, "yes");
    let old = keep("old");
    let again = store.signed_by("two", reproduced(FILE));
    store.trust(&["import", "two", text(&again)]).says(0, "yes");
    let new = keep("new");
    let proof = store.trust(&["log", "consistency", text(&old), text(&new)]);
    proof.says(0, "\"hashes\"");
    let proof: serde_json::Value = serde_json::from_str(&proof.out).expect("JSON");
    let digest = |value: &serde_json::Value| -> Sha256Digest {
        value.as_str().expect("text").parse().expect("a digest")
    };
    let part = |name: &str| {
        let size = proof[name]["size"].as_u64().expect("a number");
        (size, digest(&proof[name]["root"]))
    };
    let hashes: Vec<_> = proof["hashes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(digest)
        .collect();
    let ((old_size, old_root), (new_size, new_root)) = (part("old"), part("new"));
    assert!(old_size < new_size);
    let holds = |root| proves_consistency((old_size, &old_root), (new_size, root), &hashes);
    assert!(holds(&new_root));
    assert!(!holds(&old_root));
    store
        .trust(&["log", "consistency", text(&new), text(&old)])
        .says(1, "name the older one first");
    let other = Store::new();
    let yes = other.signed_by("one", reproduced(FILE));
    other.trust(&["import", "one", text(&yes)]).says(0, "yes");
    let foreign = other.path("log/checkpoint");
    store
        .trust(&["log", "consistency", text(&foreign), text(&new)])
        .says(2, "checkpoint");
}

#[test]
fn a_statement_about_another_file_of_the_same_name_is_no_yes() {
    let store = Store::new();
    let yes = store.signed_by("one", reproduced(FILE));
    store.trust(&["import", "one", text(&yes)]).says(0, "yes");
    let file = store.path(NAME);
    std::fs::write(&file, FILE).expect("written");
    store.trust(&["check", text(&file)]).says(0, "yes");
    std::fs::write(&file, b"other bytes").expect("written");
    store
        .trust(&["check", text(&file)])
        .says(1, "no record is about it");
    let summary = store.trust(&["summary", "issue", PURL]);
    let kept = store.path("summary.json");
    std::fs::write(&kept, &summary.out).expect("written");
    let shown = ["summary", "verify", text(&kept), "--file", text(&file)];
    store.trust(&shown).says(1, "not about this one");
}

#[test]
fn a_document_by_another_key_than_the_configured_one_is_refused() {
    let store = Store::new();
    let yes = store.signed_by("one", reproduced(FILE));
    // The second builder's key takes the place of the first's.
    store.signed_by("two", reproduced(FILE));
    std::fs::copy(store.path("two.pub"), store.path("one.pub")).expect("copied");
    let import = store.trust(&["import", "one", text(&yes)]);
    import.says(2, text(&yes));
    store.trust(&["check", PURL]).says(1, "no record");
    let unknown = store.trust(&["import", "three", text(&yes)]);
    unknown.says(2, "no [[builder]] with the operator `three`");
}

#[test]
fn a_list_has_no_place_for_another_ecosystems_release() {
    let store = Store::new();
    store
        .trust(&["list", "pip-hashes", PURL])
        .says(2, "no place on this list");
    store
        .trust(&["list", "npm-integrity", "pkg:npm/demo"])
        .says(2, "names no version");
    store
        .trust(&["list", "npm-integrity", PURL])
        .says(1, "no record is about it");
}
