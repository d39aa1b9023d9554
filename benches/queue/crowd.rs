//! How rates grow with the number of workers, each a process, on PostgreSQL.

use std::time::{Duration, Instant};

use super::child::{self, Child, Role, SLOTS};
use super::{Options, median, postgres, rate};

/// Leases of all workers together, so many times, of which the middle one counts. As
/// few as one round's leases, because real ones end: a farm holds hundreds.
const LEASES: usize = 960;
const ROUNDS: usize = 5;

/// How long a simulated job takes where idle slots are looked for: short beside any
/// build, so that what goes wrong between two jobs weighs more than it ever would.
const MILLIS: u64 = 100;

/// Measures each number of workers on one database.
pub async fn measure(server: &postgres::Server, options: &Options) {
    println!("\n## Workers on PostgreSQL, {} jobs queued\n", options.jobs);
    println!(
        "| workers | leased a second, one at a time | leased a second, {SLOTS} at once | ended a second | whole jobs a second, of no length | idle, jobs of {MILLIS} ms |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    let address = server.new_database();
    let folder = child::folder(options.folder.as_deref());
    let mut adder = Child::start(Role::Add, folder.path(), Some(&address));
    adder.ask(&options.jobs.to_string());
    drop(adder);
    let time = Duration::from_secs(options.seconds);
    for &count in &options.workers {
        let start = |role| -> Vec<Child> {
            (0..count)
                .map(|_| Child::start(role, folder.path(), Some(&address)))
                .collect()
        };
        let mut crowd = start(Role::Lease);
        let (single, ended) = leases(&mut crowd, 1);
        let (several, _) = leases(&mut crowd, SLOTS);
        drop(crowd);
        let whole = work(&mut start(Role::Work), 0, time);
        let idle = work(&mut start(Role::Work), MILLIS, time);
        println!(
            "| {count} | {single:.0} | {several:.0} | {ended:.0} | {:.0} | {:.1} % |",
            whole.rate, idle.idle
        );
    }
}

/// How many leases a second all together take, and how many they end.
fn leases(crowd: &mut [Child], at_once: usize) -> (f64, f64) {
    let each = LEASES / crowd.len();
    let all = each * crowd.len();
    let (mut leasing, mut ending) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (line, rates) in [
            (format!("{each} {at_once}"), &mut leasing),
            ("end".to_owned(), &mut ending),
        ] {
            let begin = Instant::now();
            crowd.iter_mut().for_each(|child| child.say(&line));
            crowd.iter_mut().for_each(|child| {
                child.hear();
            });
            rates.push(rate(all, begin.elapsed()));
        }
    }
    (median(&mut leasing), median(&mut ending))
}

/// What whole workers did.
struct Worked {
    rate: f64,
    /// Of a hundred of what their slots could have done.
    idle: f64,
}

fn work(crowd: &mut [Child], millis: u64, time: Duration) -> Worked {
    let begin = Instant::now();
    for child in crowd.iter_mut() {
        child.say(&millis.to_string());
    }
    std::thread::sleep(time);
    for child in crowd.iter_mut() {
        child.say("stop");
    }
    let took = begin.elapsed();
    let (mut jobs, mut busy, mut had) = (0, 0.0, 0.0);
    for child in crowd {
        let line = child.hear();
        let numbers: Vec<u32> = line
            .split(' ')
            .map(|n| n.parse().expect("a number"))
            .collect();
        jobs += numbers[0];
        busy += f64::from(numbers[1]);
        had += f64::from(numbers[2]);
    }
    Worked {
        rate: f64::from(jobs) / took.as_secs_f64(),
        idle: (1.0 - busy / had) * 100.0,
    }
}
