//! The servers, each a process of its own: the store's, and nginx with a file.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server that runs until it is dropped.
pub struct Server {
    process: Child,
    pub address: SocketAddr,
}

impl Server {
    /// `remint trust serve` over the store in `data`.
    pub fn remint(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_remint"))
            .arg("--data-dir")
            .arg(data)
            .args(["trust", "serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("says where it listens");
        let address = line.trim().strip_prefix("http://").expect("an address");
        Self {
            address: address.parse().expect("an address"),
            process,
        }
    }

    /// nginx with two workers and `body` as its only file; none where it is not
    /// installed. No line is written about a request, as at the other server.
    pub fn nginx(folder: &Path, body: &[u8]) -> Option<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        drop(listener);
        std::fs::write(folder.join("file"), body).expect("written");
        let root = folder.display();
        let config = format!(
            "daemon off; user root; worker_processes 2; pid {root}/pid; error_log stderr crit;
             events {{ worker_connections 1024; }}
             http {{
                 access_log off; sendfile on; tcp_nopush on; open_file_cache max=16;
                 keepalive_requests 1000000000; default_type application/json;
                 client_body_temp_path {root}/a; proxy_temp_path {root}/b;
                 fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d; scgi_temp_path {root}/e;
                 server {{ listen {address}; root {root}; }}
             }}"
        );
        let path = folder.join("nginx.conf");
        std::fs::write(&path, config).expect("written");
        let process = ["nginx", "/usr/sbin/nginx"].into_iter().find_map(|name| {
            Command::new(name)
                .arg("-c")
                .arg(&path)
                .stderr(Stdio::null())
                .spawn()
                .ok()
        })?;
        let server = Self { process, address };
        while TcpStream::connect(address).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    /// The CPU time of the process and its children (proc(5), `/proc/pid/stat`).
    pub fn cpu(&self) -> Duration {
        let own = self.process.id();
        let children = format!("/proc/{own}/task/{own}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let ticks: u64 = children
            .split_whitespace()
            .map(str::to_owned)
            .chain([own.to_string()])
            .map(|process| ticks(&process))
            .sum();
        // A tick has been 10 ms on Linux, whatever the kernel's own clock (proc(5)).
        Duration::from_millis(ticks * 10)
    }
}

fn ticks(process: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("runs");
    // The name in parentheses may hold anything; utime and stime are the twelfth and
    // thirteenth fields after it.
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let number = |field: &str| field.parse::<u64>().expect("a number");
    fields.split(' ').skip(11).take(2).map(number).sum()
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx's workers end with their master only where it is asked to end.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}
