//! A PostgreSQL server for tests: one a process, in a temporary folder, on a socket
//! there, without the network. It ends when the process does, however it does.
#![allow(dead_code)]

#[path = "keeper.rs"]
pub mod keeper;

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use keeper::Keeper;

/// Where Debian keeps a folder for each of PostgreSQL's versions; they are not on PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The user that servers and clients are, inside the server.
const USER: &str = "remint";

/// A server. It stops when the value, or the process, is gone.
pub struct Server {
    folder: PathBuf,
    bin: PathBuf,
    keeper: Keeper,
    databases: AtomicUsize,
}

impl Server {
    /// Makes and starts one. It does not wait for the disk: no test outlives a crash
    /// of the machine.
    pub fn start() -> Self {
        Self::start_with_fsync("off")
    }

    /// Makes and starts one that keeps what it was told, as a real one does.
    pub fn start_durable() -> Self {
        Self::start_with_fsync("on")
    }

    fn start_with_fsync(fsync: &str) -> Self {
        let bin = programs();
        // A socket's path has a limit of about 100 bytes (unix(7)), so not deeper.
        let folder = tempfile::Builder::new()
            .prefix("remint-pg-")
            .tempdir_in("/tmp")
            .expect("a temporary folder")
            .keep();
        let user = ordinary_user();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("own the folder");
        }
        let made = as_user(Command::new(bin.join("initdb")), user)
            .args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"])
            .arg(format!("--username={USER}"))
            .arg("-D")
            .arg(folder.join("data"))
            .current_dir("/")
            .output()
            .expect("initdb runs; .ci/setup installs PostgreSQL");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let mut command = Command::new(bin.join("postgres"));
        command.arg("-D").arg(folder.join("data"));
        command.arg("-k").arg(&folder);
        for setting in ["listen_addresses=", "max_connections=200"] {
            command.args(["-c", setting]);
        }
        command.arg("-c").arg(format!("fsync={fsync}"));
        // An immediate shutdown, as a crash would be (PostgreSQL 15 documentation,
        // section 19.5).
        let keeper = Keeper::start(&folder, "QUIT", &command, |shell| as_user(shell, user));
        let server = Self {
            folder,
            bin,
            keeper,
            databases: AtomicUsize::new(0),
        };
        server.wait_until_it_answers();
        server
    }

    /// The address of a new, empty database.
    pub fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test{number}");
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.address(&name)
    }

    /// The address of a database.
    pub fn address(&self, name: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{folder}/{name}")
    }

    /// Cuts every connection but its own.
    pub fn cut_connections(&self) {
        self.sql(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
    }

    /// Ends the server as a crash would, and leaves its data.
    pub fn stop(&mut self) {
        self.keeper.tell("stop");
        for _ in 0..600 {
            if !self.answers() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the server goes on");
    }

    /// Starts the server again on its data.
    pub fn start_again(&mut self) {
        self.keeper.tell("start");
        self.wait_until_it_answers();
    }

    /// Runs a statement with the server's own client.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"))
            .args([
                "-XqAt",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                USER,
                "-d",
                database,
                "-h",
            ])
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql runs");
        psql.stdin
            .take()
            .expect("piped")
            .write_all(statement.as_bytes())
            .expect("psql reads");
        let done = psql.wait_with_output().expect("psql ends");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn wait_until_it_answers(&self) {
        for _ in 0..600 {
            if self.answers() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("the server does not answer: {log}");
    }

    fn answers(&self) -> bool {
        let mut ready = Command::new(self.bin.join("pg_isready"));
        let ready = ready.args(["-q", "-h"]).arg(&self.folder).status();
        ready.expect("pg_isready runs").success()
    }
}

/// The process's server, started by the first test that asks.
pub fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir(Path::new(DEBIAN)).into_iter().flatten();
    let debian = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists())
        .expect("initdb is on PATH; .ci/setup installs PostgreSQL")
}

/// PostgreSQL refuses to run as root; then it runs as `nobody`.
fn ordinary_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self")
        .expect("proc is mounted")
        .uid();
    (own == 0).then_some((65_534, 65_534))
}

fn as_user(mut command: Command, user: Option<(u32, u32)>) -> Command {
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}
