//! The client of every server here: connections that stay open, each asking again as
//! soon as it has its answer, all on one thread. It reads no more of an answer than
//! where it ends, so that what is measured is the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Requests, asked in turn.
pub struct Load(Vec<Vec<u8>>);

impl Load {
    /// Asks for each of these paths.
    pub fn new(paths: impl IntoIterator<Item = String>) -> Self {
        let request = |path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes();
        Self(paths.into_iter().map(request).collect())
    }

    /// Asks for as long as `time`. Returns the number of answers; every one must be a
    /// 200.
    pub fn run(&self, address: SocketAddr, connections: usize, time: Duration) -> u64 {
        let end = Instant::now() + time;
        runtime().block_on(async {
            let share = self.0.len() / connections;
            let asking = (0..connections).map(|number| self.ask(address, number * share, end));
            futures_util::future::join_all(asking)
                .await
                .into_iter()
                .sum()
        })
    }

    async fn ask(&self, address: SocketAddr, from: usize, end: Instant) -> u64 {
        let mut connection = Connection::open(address).await;
        let mut answers = 0;
        for request in self.0.iter().cycle().skip(from) {
            connection.ask(request).await;
            answers += 1;
            if Instant::now() >= end {
                break;
            }
        }
        answers
    }
}

/// The body behind one path.
pub fn body(address: SocketAddr, path: &str) -> Vec<u8> {
    let load = Load::new([path.to_owned()]);
    runtime().block_on(async {
        let mut connection = Connection::open(address).await;
        let body = connection.ask(&load.0[0]).await;
        connection.buffer[body].to_vec()
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.expect("connects");
        socket.set_nodelay(true).expect("set");
        Self {
            socket,
            buffer: vec![0; 1 << 20],
        }
    }

    /// Asks, and returns where the body is in the buffer.
    async fn ask(&mut self, request: &[u8]) -> std::ops::Range<usize> {
        self.socket.write_all(request).await.expect("asks");
        let mut filled = 0;
        let mut body = None;
        loop {
            let read = self.socket.read(&mut self.buffer[filled..]).await;
            let read = read.expect("answers");
            assert!(read > 0, "the server hung up");
            filled += read;
            if body.is_none() {
                body = body_of(&self.buffer[..filled]);
            }
            if let Some(body) = body.clone()
                && filled >= body.end
            {
                assert_eq!(filled, body.end, "more than one answer");
                return body;
            }
        }
    }
}

/// Where the body is, once the whole head is there. The head must be of a 200 and have
/// a length.
fn body_of(bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let start = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..start]).expect("ASCII");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length: usize = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse().ok())
        .expect("a length");
    Some(start..start + length)
}
