//! A writer that is killed at any moment loses no record that it was told of, leaves
//! none twice, and leaves a log that holds.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use remint::attest::{Bundle, Keyring, Keys, Statement, Subject};
use remint::model::{Sha256Digest, SigningConfig};
use remint::trust::{Folders, Key, Ledger, Reader, Submission, TrustedKeys, audit};

/// What the test passes to itself to become the writer.
const WRITER: &str = "REMINT_TEST_CRASH_WRITER";

fn no_prompt() -> Option<String> {
    None
}

fn keys(data: &Path) -> Arc<Keys> {
    let config = SigningConfig::default();
    let keyring = Keyring::new(&Folders::below(data).keys, &config, &no_prompt);
    Arc::new(keyring.open().expect("keys"))
}

fn digest(number: u64) -> Sha256Digest {
    Sha256Digest::of(number.to_be_bytes())
}

fn submission(number: u64, keys: &Keys) -> Submission {
    let subject = Subject::file("f", &digest(number));
    let statement = Statement::new(subject, "urn:test", serde_json::json!(number));
    Submission {
        bundle: Bundle::sign(&statement, keys.attest.as_ref()).expect("signs"),
        link: None,
        document: None,
    }
}

/// Appends batches of growing numbers until it is killed, and says each number once
/// it is stored.
fn write_until_killed(data: &Path, mut number: u64) {
    let keys = keys(data);
    let ledger = Ledger::open(Folders::below(data), "log.example", keys.clone()).expect("opens");
    println!("ready");
    loop {
        let count = 1 + number % 90;
        let batch = (number..number + count)
            .map(|n| submission(n, &keys))
            .collect();
        ledger.append(batch).expect("stored");
        number += count;
        println!("{number}");
        std::io::stdout().flush().expect("told");
    }
}

/// Runs a writer, kills it after `delay`, and returns the number below which
/// everything was said to be stored.
fn round(data: &Path, from: u64, delay: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "the_writer_process", "--nocapture"])
        .env(WRITER, format!("{from} {}", data.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let ready = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.ends_with("ready"));
    assert!(ready, "the writer did not begin");
    std::thread::sleep(delay);
    child.kill().expect("killed");
    child.wait().expect("ended");
    lines
        .map_while(Result::ok)
        .filter_map(|line| line.parse().ok())
        .last()
        .unwrap_or(from)
}

/// No test of its own: the process that the others kill. Without the variable there
/// is nothing to write, and it ends.
#[test]
fn the_writer_process() {
    if let Ok(order) = std::env::var(WRITER) {
        let (from, data) = order.split_once(' ').expect("number and folder");
        write_until_killed(Path::new(data), from.parse().expect("a number"));
    }
}

fn kill_rounds(rounds: u64) {
    let data = tempfile::tempdir().expect("temp");
    let keys = keys(data.path());
    let folders = Folders::below(data.path());
    let trusted = TrustedKeys::of_folder(&folders.keys).expect("reads");
    let mut told = 0;
    for number in 0..rounds {
        // Anywhere within the first appends, and seldom twice at the same place.
        let delay = Duration::from_micros(number.wrapping_mul(7_919) % 60_000);
        told = round(data.path(), told, delay);
        // Whoever comes next finishes what was left.
        let ledger = Ledger::open(folders.clone(), "log.example", keys.clone()).expect("opens");
        ledger.append(vec![]).expect("recovers");
    }
    let found = audit(&folders, &trusted, &[]).expect("reads");
    assert!(found.is_good(), "{:#?}", found.findings);
    let reader = Reader::open(folders).expect("opens");
    let mut seen = BTreeMap::new();
    for number in 0..told + 200 {
        let count = reader.positions(Key::artifact(&digest(number))).len();
        assert!(
            count == 1 || number >= told,
            "{number} was told of and is there {count} times"
        );
        assert!(count <= 1, "{number} is there {count} times");
        seen.insert(number, count);
    }
    assert!(told > 0, "no round stored anything");
    // Three keys were announced; every other entry is a number that was seen.
    let stored = seen.values().sum::<usize>() as u64;
    assert_eq!(found.size, stored + 3);
}

#[test]
fn a_killed_writer_loses_and_doubles_nothing() {
    kill_rounds(12);
}

#[test]
#[ignore = "the long run: two hundred rounds"]
fn a_writer_that_is_killed_two_hundred_times_loses_and_doubles_nothing() {
    kill_rounds(200);
}
