//! The trust store as it grows: how fast it takes records, how fast it answers, how
//! many look-ups a second it serves beside nginx, and what a record costs on the disk.
//!
//!     cargo bench --bench trust -- [--records 10000,100000,1000000] [--folder DIR]
//!
//! Signatures, proofs and files are real; the verdicts' content is made up. One store
//! grows from size to size, through what a user of the library has.

mod load;
mod made;
mod servers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use clap::Parser;
use jiff::Timestamp;
use remint::attest::Keys;
use remint::trust::{Folders, Key, Ledger, Policy, Reader, Submission, judge};

use load::Load;
use servers::Server;

/// Records of one verdict, all under the same digest.
const RECORDS_A_VERDICT: u64 = 3;
/// Verdicts that are appended one by one, each a batch of its own.
const SINGLE: u64 = 100;
/// Look-ups that are timed one by one.
const CHECKS: u64 = 20_000;
/// Connections that ask at once.
const CONNECTIONS: usize = 32;
/// Times that the servers are asked in turn, so that what else the machine does hits
/// all of them; the middle one counts.
const ROUNDS: usize = 3;

#[derive(Parser)]
struct Options {
    /// Sizes, in records
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    records: Vec<u64>,
    /// Verdicts a batch
    #[arg(long, default_value_t = 64)]
    batch: u64,
    /// Where the store is made; it is left there, and one that is there is measured as
    /// it is. Without it, a temporary folder
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Seconds that each server is asked, a round
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let data = options.folder.as_deref().unwrap_or(temporary.path());
    let measure = |verdicts| {
        disk(data);
        checks(data, verdicts);
        serve(data, verdicts, Duration::from_secs(options.seconds));
    };
    let there = size(data);
    if there > 0 {
        println!("\n## {there} records, which were there\n");
        return measure(there / RECORDS_A_VERDICT - 1);
    }
    let keys = made::keys(data);
    let mut verdicts = 0;
    for size in &options.records {
        println!("\n## {size} records\n");
        verdicts = grow(data, &keys, verdicts, *size, options.batch);
        measure(verdicts);
    }
}

/// Records in the store; the first three say which keys it has.
fn size(data: &Path) -> u64 {
    let reader = Reader::open(Folders::below(data)).expect("opens");
    let checkpoint = reader.checkpoint().expect("holds");
    checkpoint.map_or(0, |checkpoint| checkpoint.size)
}

/// Appends until there are `size` records, the last verdicts one by one. Returns how
/// many verdicts there are then.
fn grow(data: &Path, keys: &Arc<Keys>, from: u64, size: u64, batch: u64) -> u64 {
    let end = size / RECORDS_A_VERDICT;
    let batched = end.saturating_sub(SINGLE).max(from);
    let ledger = Ledger::open(Folders::below(data), "log.example", keys.clone()).expect("opens");
    // The first append reads the store; later ones find it in memory.
    ledger.append(vec![]).expect("opens");
    let (mut took, mut signing) = (Duration::ZERO, Duration::ZERO);
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel::<Vec<Submission>>(2);
        let signer = scope.spawn(move || {
            let mut signing = Duration::ZERO;
            let mut next = from;
            while next < batched {
                let until = batched.min(next + batch);
                let begin = Instant::now();
                let signed = (next..until).flat_map(|n| made::signed(n, keys)).collect();
                signing += begin.elapsed();
                sender.send(signed).expect("somebody appends");
                next = until;
            }
            signing
        });
        for batch in batches {
            let begin = Instant::now();
            ledger.append(batch).expect("stored");
            took += begin.elapsed();
        }
        signing += signer.join().expect("signs");
    });
    let records = (batched - from) * RECORDS_A_VERDICT;
    println!(
        "append, {batch} verdicts a batch: {:.0} records/s ({records} in {:.1} s); signing them on another core {:.1} s",
        rate(records, took),
        took.as_secs_f64(),
        signing.as_secs_f64(),
    );
    let begin = Instant::now();
    for number in batched..end {
        ledger.attest(&made::verdict(number)).expect("stored");
    }
    println!(
        "append, one verdict a batch, signing included: {:.0} verdicts/s",
        rate(end - batched, begin.elapsed()),
    );
    end
}

/// Prints what the store takes on the disk.
fn disk(data: &Path) {
    let folders = Folders::below(data);
    let size = size(data);
    let mut all = 0;
    for (name, path) in [
        ("log", folders.log.clone()),
        ("records", folders.trust.join("records")),
        ("index", folders.trust.join("index")),
    ] {
        let (bytes, files) = weigh(&path);
        all += bytes;
        println!(
            "disk, {name}: {} bytes a record in {files} file{}",
            bytes / size,
            if files == 1 { "" } else { "s" }
        );
    }
    println!("disk, all: {} bytes a record, {} MB", all / size, all >> 20);
}

/// Bytes that a file, or every file below a folder, takes, and how many there are.
fn weigh(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).expect("there");
    if metadata.is_file() {
        // In blocks of 512 bytes (stat(2)).
        return (metadata.blocks() * 512, 1);
    }
    let entries = std::fs::read_dir(path).expect("a folder");
    entries.fold((0, 0), |(bytes, files), entry| {
        let below = weigh(&entry.expect("an entry").path());
        (bytes + below.0, files + below.1)
    })
}

/// Times the answer by digest, as `remint trust check` makes it.
fn checks(data: &Path, verdicts: u64) {
    let begin = Instant::now();
    let reader = Reader::open(Folders::below(data)).expect("opens");
    let history = reader.history().expect("reads");
    println!("open a reader: {:.0} ms", millis(begin.elapsed()));
    let (policy, now) = (Policy::default(), Timestamp::now());
    let ask = |number: u64| {
        let digest = made::digest(number);
        let begin = Instant::now();
        let claims = reader.claims(Key::artifact(&digest), &history);
        let answer = judge("x", Some(digest), &claims.expect("holds"), &policy, now);
        let took = begin.elapsed();
        assert_eq!(answer.trusted, number < verdicts, "{}", answer.reason);
        took
    };
    let mut known: Vec<_> = made::scattered(CHECKS, verdicts).map(ask).collect();
    println!("check by digest, known: {}", spread(&mut known));
    let mut unknown: Vec<_> = (verdicts..verdicts + CHECKS).map(ask).collect();
    println!("check by digest, unknown: {}", spread(&mut unknown));
}

/// Asks the store's server and nginx in turn, with the same client.
fn serve(data: &Path, verdicts: u64, time: Duration) {
    let path = |number| format!("/v1/digest/sha256:{}", made::digest(number));
    let store = Server::remint(data);
    let body = load::body(store.address, &path(0));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let nginx = Server::nginx(folder.path(), &body);
    let mut kinds = vec![
        (
            "remint, any digest",
            &store,
            Load::new(made::scattered(100_000, verdicts).map(path)),
        ),
        ("remint, one digest", &store, Load::new([path(0)])),
    ];
    if let Some(nginx) = &nginx {
        kinds.push((
            "nginx, a static file",
            nginx,
            Load::new(["/file".to_owned()]),
        ));
    } else {
        println!("nginx is not installed, so nothing is beside the store");
    }
    let mut found = vec![vec![]; kinds.len()];
    for _ in 0..ROUNDS {
        for ((_, server, load), found) in kinds.iter().zip(&mut found) {
            let before = server.cpu();
            let answers = load.run(server.address, CONNECTIONS, time);
            let cpu = server.cpu() - before;
            found.push((
                rate(answers, time),
                cpu.as_secs_f64() * 1e6 / answers as f64,
            ));
        }
    }
    println!(
        "an answer has {} bytes; {CONNECTIONS} connections, kept open",
        body.len()
    );
    for ((name, ..), mut rounds) in kinds.iter().zip(found) {
        rounds.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (rate, cpu) = rounds[ROUNDS / 2];
        let (least, most) = (rounds[0].0, rounds[ROUNDS - 1].0);
        println!(
            "{name}: {rate:.0} answers/s ({least:.0} to {most:.0}), {cpu:.1} us of the server's CPU time each"
        );
    }
}

fn rate(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |part: f64| millis(times[(times.len() as f64 * part) as usize]);
    format!(
        "p50 {:.3} ms, p99 {:.3} ms, p99.9 {:.3} ms",
        at(0.5),
        at(0.99),
        at(0.999)
    )
}
