//! A cargo registry on loopback that serves what a test puts into it, also what no
//! honest registry would. Not every test uses every way to publish.
#![allow(dead_code)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use sha2::Digest as _;

/// How a file is served.
#[derive(Clone)]
enum Served {
    /// As it is.
    Whole(Vec<u8>),
    /// Half of it, although the header promises all.
    CutShort(Vec<u8>),
    /// A status instead.
    Status(u16),
    /// Never; the connection stays open.
    Never,
    /// A byte now and then: always something, and never the whole.
    Drip(Vec<u8>),
}

/// The pause between two bytes of [`Served::Drip`].
const DRIP: std::time::Duration = std::time::Duration::from_millis(200);

type Files = Arc<Mutex<HashMap<String, Served>>>;

/// What the registry holds, and how often it was asked for anything.
#[derive(Clone, Default)]
struct Held {
    files: Files,
    asked: Arc<AtomicUsize>,
}

/// A registry that lives as long as the value.
pub struct FakeRegistry {
    files: Files,
    asked: Arc<AtomicUsize>,
    address: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for FakeRegistry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeRegistry {
    /// Starts an empty registry.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let held = Held::default();
        let router = Router::new().fallback(answer).with_state(held.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("the test's registry serves");
        });
        let registry = Self {
            files: held.files,
            asked: held.asked,
            address,
            task,
        };
        let config = format!(
            "{{\"dl\":\"{}/{{crate}}-{{version}}.crate\"}}",
            registry.address
        );
        registry.put("/index/config.json", Served::Whole(config.into()));
        registry
    }

    /// The index's root.
    pub fn index(&self) -> String {
        format!("{}/index/", self.address)
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The registry's root.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Serves bytes at a path, of whatever protocol.
    pub fn serve(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.put(path, Served::Whole(bytes.into()));
    }

    /// Publishes a crate whose index line tells the truth about it.
    pub fn publish(&self, name: &str, version: &str, bytes: &[u8]) {
        self.index_line(name, version, &hex::encode(sha2::Sha256::digest(bytes)));
        self.put(
            &format!("/{name}-{version}.crate"),
            Served::Whole(bytes.to_vec()),
        );
    }

    /// Publishes a crate that was yanked since.
    pub fn publish_yanked(&self, name: &str, version: &str, bytes: &[u8]) {
        self.publish(name, version, bytes);
        let path = format!("/index/{}", index_path(name));
        let mut files = self.files.lock().expect("no test panics inside");
        if let Some(Served::Whole(line)) = files.get_mut(&path) {
            *line = String::from_utf8_lossy(line)
                .replace("\"yanked\":false", "\"yanked\":true")
                .into_bytes();
        }
    }

    /// Publishes a crate under the digest of something else.
    pub fn publish_with_digest_of(&self, name: &str, version: &str, bytes: &[u8], other: &[u8]) {
        self.publish(name, version, bytes);
        self.index_line(name, version, &hex::encode(sha2::Sha256::digest(other)));
    }

    /// Publishes a crate whose download ends early.
    pub fn publish_cut_short(&self, name: &str, version: &str, bytes: &[u8]) {
        self.publish(name, version, bytes);
        self.put(
            &format!("/{name}-{version}.crate"),
            Served::CutShort(bytes.to_vec()),
        );
    }

    /// Answers for a crate's index with a status.
    pub fn fail_index(&self, name: &str, status: u16) {
        self.put(
            &format!("/index/{}", index_path(name)),
            Served::Status(status),
        );
    }

    /// Never answers for a crate's index.
    pub fn stall_index(&self, name: &str) {
        self.put(&format!("/index/{}", index_path(name)), Served::Never);
    }

    /// Publishes a crate whose download would take hours.
    pub fn publish_slowly(&self, name: &str, version: &str, bytes: &[u8]) {
        self.publish(name, version, bytes);
        self.put(
            &format!("/{name}-{version}.crate"),
            Served::Drip(bytes.to_vec()),
        );
    }

    fn index_line(&self, name: &str, version: &str, checksum: &str) {
        let line = format!(
            "{{\"name\":\"{name}\",\"vers\":\"{version}\",\"deps\":[],\"cksum\":\"{checksum}\",\"features\":{{}},\"yanked\":false,\"pubtime\":\"2026-01-01T00:00:00Z\"}}\n"
        );
        self.put(
            &format!("/index/{}", index_path(name)),
            Served::Whole(line.into()),
        );
    }

    fn put(&self, path: &str, served: Served) {
        self.files
            .lock()
            .expect("no test panics inside")
            .insert(path.to_owned(), served);
    }
}

/// Names of the tests have four letters or more.
fn index_path(name: &str) -> String {
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

async fn answer(State(held): State<Held>, request: Request) -> Response {
    held.asked.fetch_add(1, Ordering::SeqCst);
    let served = held
        .files
        .lock()
        .expect("no test panics inside")
        .get(request.uri().path())
        .cloned();
    let reply = |status: u16, body: Body| {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        response
    };
    match served {
        None => reply(404, Body::empty()),
        Some(Served::Status(status)) => reply(status, Body::empty()),
        Some(Served::Whole(bytes)) => reply(200, Body::from(bytes)),
        Some(Served::Never) => std::future::pending().await,
        Some(Served::Drip(bytes)) => {
            let length = bytes.len();
            let stream = futures_util::stream::unfold(bytes.into_iter(), |mut left| async {
                let byte = left.next()?;
                tokio::time::sleep(DRIP).await;
                Some((
                    Ok::<_, std::io::Error>(bytes::Bytes::from(vec![byte])),
                    left,
                ))
            });
            let mut response = reply(200, Body::from_stream(stream));
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.into());
            response
        }
        Some(Served::CutShort(bytes)) => {
            let half = bytes[..bytes.len() / 2].to_vec();
            // A pause, so that the half is on its way before the connection ends.
            let stream = futures_util::stream::unfold(Some(half), |half| async {
                match half {
                    Some(half) if !half.is_empty() => {
                        Some((Ok(bytes::Bytes::from(half)), Some(Vec::new())))
                    }
                    Some(_) => {
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        Some((Err(std::io::Error::other("cut short")), None))
                    }
                    None => None,
                }
            });
            let mut response = reply(200, Body::from_stream(stream));
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, bytes.len().into());
            response
        }
    }
}
