//! The processes of the benchmark: this very program, told what to be, and asked
//! through its standard input and output, a line each.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::ValueEnum;
use remint::farm::queue::{AtOnce, Leased, Queue};
use remint::farm::{Executed, Executor, Interrupted, Until};
use tokio_util::sync::CancellationToken;

use super::{DEADLINE, farm};

/// What each worker runs at once.
pub const SLOTS: usize = 4;

/// What a process is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Role {
    /// Adds as many jobs as it is told, and says how many seconds that took
    Add,
    /// Leases as many as it is told, one at a time or several, then ends them
    Lease,
    /// Works with jobs of so many milliseconds until `stop`; then says how many jobs it
    /// ran, for how many milliseconds in all, and for how many it had slots
    Work,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Lease => "lease",
            Self::Work => "work",
        }
    }
}

/// A process of this benchmark. It ends with the value.
pub struct Child {
    process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub fn start(role: Role, folder: &Path, address: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--child", role.name(), "--folder"]);
        command.arg(folder);
        if let Some(address) = address {
            command.args(["--address", address]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("starts");
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut child = Self {
            input: input.expect("piped"),
            output: BufReader::new(output.expect("piped")),
            process,
        };
        // It is connected then, so that no measurement holds its start.
        assert_eq!(child.hear(), "ready");
        child
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it reads");
    }

    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it writes");
        line.trim_end().to_owned()
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }

    /// The most memory that it had (`VmHWM`, proc_pid_status(5)).
    pub fn peak_mib(&self) -> u64 {
        let file = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(file).expect("it runs");
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.expect("VmHWM").trim().trim_end_matches(" kB");
        kib.parse::<u64>().expect("a number") / 1024
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Whatever it does, nothing of it is wanted any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A new folder for a database, below the one that is named.
pub fn folder(below: Option<&Path>) -> tempfile::TempDir {
    let made = match below {
        Some(below) => tempfile::tempdir_in(below),
        None => tempfile::tempdir(),
    };
    made.expect("a temporary folder")
}

/// What a process of its own does.
pub async fn run(role: Role, folder: &Path, address: Option<&str>) {
    let queue = farm::queue(folder, address, DEADLINE).await;
    say("ready");
    match role {
        Role::Add => {
            let count = read().await.parse().expect("how many");
            let jobs = farm::jobs(count);
            let begin = Instant::now();
            let added = queue.add(&farm::batch(), &jobs, &[]).await;
            added.expect("adds");
            say(&begin.elapsed().as_secs_f64().to_string());
            read().await;
        }
        Role::Lease => lease(&queue).await,
        Role::Work => work(&queue, folder).await,
    }
}

async fn lease(queue: &Queue) {
    let holder = farm::holder(std::process::id().to_string());
    loop {
        let line = read().await;
        let (count, at_once) = line.split_once(' ').expect("two numbers");
        let count: usize = count.parse().expect("how many");
        let at_once: usize = at_once.parse().expect("how many at once");
        let mut held = Vec::with_capacity(count);
        while held.len() < count {
            let most = at_once.min(count - held.len());
            let leased = queue.lease(&holder, most, None, &AtOnce::default()).await;
            let leased = leased.expect("leases");
            assert!(
                !leased.is_empty(),
                "the jobs are used up; give more with --jobs"
            );
            held.extend(leased);
        }
        say("leased");
        read().await;
        for job in &held {
            let executed = farm::nothing(job);
            let ended = queue.finish(job, &executed.records, true, 0.5).await;
            ended.expect("ends");
        }
        say("ended");
    }
}

/// Waits, and counts.
struct Simulated {
    length: Duration,
    done: Arc<Done>,
}

/// What a process's jobs did, on its own clock.
struct Done {
    origin: Instant,
    jobs: AtomicI64,
    running: AtomicI64,
    /// Ends, less beginnings, of all jobs in microseconds: the time that they ran, once
    /// those that run have `now` for an end.
    micros: AtomicI64,
}

impl Done {
    fn now(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_micros()).expect("fits")
    }

    fn begin(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_sub(self.now(), Ordering::Relaxed);
    }

    fn end(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.micros.fetch_add(self.now(), Ordering::Relaxed);
        self.jobs.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Executor for Simulated {
    async fn run(&self, job: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted> {
        self.done.begin();
        if !self.length.is_zero() {
            tokio::select! {
                () = cancel.cancelled() => return Err(Interrupted),
                () = tokio::time::sleep(self.length) => {}
            }
        }
        self.done.end();
        Ok(farm::nothing(job))
    }
}

async fn work(queue: &Queue, folder: &Path) {
    let millis = read().await.parse().expect("milliseconds");
    let done = Arc::new(Done {
        origin: Instant::now(),
        jobs: AtomicI64::new(0),
        running: AtomicI64::new(0),
        micros: AtomicI64::new(0),
    });
    let simulated = Simulated {
        length: Duration::from_millis(millis),
        done: done.clone(),
    };
    let mut worker = farm::worker(queue, simulated, SLOTS, folder);
    worker.spool = folder.join(format!("spool-{}", std::process::id()));
    let stop = worker.stop.clone();
    let working = tokio::spawn(async move { worker.run(&Until::Stopped).await });
    read().await;
    let now = done.now();
    let running = done.running.load(Ordering::Relaxed);
    let busy = done.micros.load(Ordering::Relaxed) + running * now;
    let jobs = done.jobs.load(Ordering::Relaxed);
    stop.cancel();
    working.await.expect("no panic").expect("stops");
    let had = now * i64::try_from(SLOTS).expect("few");
    say(&format!("{jobs} {} {}", busy / 1000, had / 1000));
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("somebody reads");
}

/// The next line of whoever started this process; where there is none, it is over.
async fn read() -> String {
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        read.is_ok_and(|count| count > 0).then_some(line)
    });
    match line.await.expect("no panic") {
        Some(line) => line.trim_end().to_owned(),
        None => std::process::exit(0),
    }
}
