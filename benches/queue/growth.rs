//! How rates and memory grow with the number of queued jobs.

use std::path::Path;
use std::time::Instant;

use super::child::{self, Child, Role};
use super::{DEADLINE, Options, farm, median, postgres, rate};
use remint::farm::queue::{AtOnce, Queue};

/// Jobs that are leased, and then ended, one by one; so many times, of which the
/// middle one counts.
const SOME: usize = 300;
const ROUNDS: usize = 5;

/// Rates at one size, in jobs a second.
struct Rates {
    size: usize,
    add: f64,
    lease: f64,
    finish: f64,
}

/// Measures each size on a new database, and how the last differs from the first.
pub async fn measure(name: &str, server: Option<&postgres::Server>, options: &Options) {
    println!("\n## {name}\n");
    println!(
        "| queued | added a second | leased a second | ended a second | memory: adding | memory: working |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut found = Vec::new();
    for &size in &options.sizes {
        let folder = child::folder(options.folder.as_deref());
        let address = server.map(postgres::Server::new_database);
        let address = address.as_deref();
        // In a process of its own, so that its memory is known.
        let mut adder = Child::start(Role::Add, folder.path(), address);
        let seconds: f64 = adder.ask(&size.to_string()).parse().expect("seconds");
        let adding = adder.peak_mib();
        drop(adder);
        let queue = farm::queue(folder.path(), address, DEADLINE).await;
        let (lease, finish) = one_by_one(&queue).await;
        let working = work(folder.path(), address, options.seconds);
        let rates = Rates {
            size,
            add: size as f64 / seconds,
            lease,
            finish,
        };
        println!(
            "| {size} | {:.0} | {lease:.0} | {finish:.0} | {adding} MiB | {working} MiB |",
            rates.add
        );
        found.push(rates);
    }
    if let [first, .., last] = found.as_slice() {
        println!(
            "\nfrom {} to {}: adding {:+.0} %, leasing {:+.0} %, ending {:+.0} %",
            first.size,
            last.size,
            change(first.add, last.add),
            change(first.lease, last.lease),
            change(first.finish, last.finish),
        );
    }
}

fn change(first: f64, last: f64) -> f64 {
    (last / first - 1.0) * 100.0
}

async fn one_by_one(queue: &Queue) -> (f64, f64) {
    let holder = farm::holder("bench".into());
    let (mut leasing, mut ending) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut held = Vec::with_capacity(SOME);
        let begin = Instant::now();
        while held.len() < SOME {
            let leased = queue.lease(&holder, 1, None, &AtOnce::default()).await;
            held.extend(leased.expect("leases"));
        }
        leasing.push(rate(SOME, begin.elapsed()));
        let begin = Instant::now();
        for job in &held {
            let executed = farm::nothing(job);
            let ended = queue.finish(job, &executed.records, true, 0.5).await;
            ended.expect("ends");
        }
        ending.push(rate(SOME, begin.elapsed()));
    }
    (median(&mut leasing), median(&mut ending))
}

/// The peak memory of a process that works and tends for some seconds.
fn work(folder: &Path, address: Option<&str>, seconds: u64) -> u64 {
    let mut worker = Child::start(Role::Work, folder, address);
    worker.say("0");
    std::thread::sleep(std::time::Duration::from_secs(seconds));
    let peak = worker.peak_mib();
    worker.ask("stop");
    peak
}
