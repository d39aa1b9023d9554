//! A container engine of a test's own: dockerd in a temporary folder, on a socket
//! there, without a bridge and without touching the firewall. So it can be stopped and
//! started while others go on. It ends when the process does, however it does.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::postgres::keeper::Keeper;

/// An engine. It stops when the value, or the process, is gone.
pub struct OwnEngine {
    folder: PathBuf,
    keeper: Keeper,
}

impl OwnEngine {
    /// Starts one without any image.
    pub fn start() -> Self {
        // A socket's path has a limit of about 100 bytes (unix(7)), so not deeper.
        let folder = tempfile::Builder::new()
            .prefix("remint-engine-")
            .tempdir_in("/tmp")
            .expect("a temporary folder")
            .keep();
        let mut command = Command::new("dockerd");
        for (option, name) in [
            ("--data-root", "data"),
            ("--exec-root", "exec"),
            ("--pidfile", "pid"),
        ] {
            command.arg(option).arg(folder.join(name));
        }
        command.arg("--host").arg(address(&folder));
        command.args(["--bridge=none", "--iptables=false"]);
        let keeper = Keeper::start(&folder, "TERM", &command, |mut shell| {
            // A user's PATH may lack the folder of daemons.
            let path = std::env::var("PATH").unwrap_or_default();
            shell.env("PATH", format!("{path}:/usr/sbin:/sbin"));
            shell
        });
        let engine = Self { folder, keeper };
        engine.wait(true);
        engine
    }

    /// What `DOCKER_HOST` is to say.
    pub fn address(&self) -> String {
        address(&self.folder)
    }

    /// Hands images over from the engine that everybody uses.
    pub fn take(&self, images: &[String]) {
        let mut save = Command::new("docker")
            .arg("save")
            .args(images)
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker runs");
        let images = save.stdout.take().expect("piped");
        let mut load = self.docker(&["load", "-q"]);
        let loaded = load.stdin(images).stdout(Stdio::null()).status();
        assert!(loaded.expect("docker runs").success(), "docker load");
        assert!(save.wait().expect("docker ends").success(), "docker save");
    }

    /// Ends it in order: what runs in it ends too.
    pub fn stop(&mut self) {
        self.keeper.tell("stop");
        self.wait(false);
    }

    /// Starts it again with what it had.
    pub fn start_again(&mut self) {
        self.keeper.tell("start");
        self.wait(true);
    }

    /// What a command of its client prints.
    pub fn says(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments).output().expect("docker runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Network namespaces of containers that it keeps: each is mounted below its folder
    /// (libnetwork).
    pub fn network_namespaces(&self) -> usize {
        let place = self.folder.join("exec/netns").display().to_string();
        let mounts = std::fs::read_to_string("/proc/mounts").expect("proc is mounted");
        mounts.lines().filter(|line| line.contains(&place)).count()
    }

    fn docker(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("--host").arg(self.address()).args(arguments);
        command
    }

    fn wait(&self, answers: bool) {
        for _ in 0..600 {
            let mut version = self.docker(&["version"]);
            let asked = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
            if asked.expect("docker runs; .ci/setup installs it").success() == answers {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        panic!("dockerd must run as root, and {answers} was waited for: {log}");
    }
}

fn address(folder: &Path) -> String {
    format!("unix://{}", folder.join("socket").display())
}
