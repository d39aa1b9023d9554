//! Serving the store over HTTP, read-only: by digest, by package, in the forms that
//! npm's, GitHub's and rebuilderd's clients ask for, and the log's static files.
//!
//! It needs public keys alone. Bundles go out as they are kept: whoever asks verifies
//! them, and what this process thinks of them is not asked.

mod answers;
mod held;
mod http;
mod metrics;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use self::answers::Body;
use self::held::Held;
use self::http::Cached;
use self::metrics::Metrics;
use super::{Error, Reader};
use crate::model::Purl;

pub use metrics::OPEN_METRICS;

/// How often the index is looked at for what was added; an answer is never older.
const REFRESH: Duration = Duration::from_millis(500);
/// The API's description.
const OPENAPI: &str = include_str!("../../../docs/trust-api.json");

/// What the server was told.
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where a line for each request goes; nowhere if it is not set.
    pub access_log: Option<PathBuf>,
}

struct Server {
    reader: Reader,
    held: Held,
    metrics: Metrics,
}

/// A server that listens.
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Listening {
    /// Serves until the process ends.
    ///
    /// # Errors
    /// What the socket says.
    pub async fn run(self) -> std::io::Result<()> {
        match self.task.await {
            Ok(result) => result,
            // Only a panic ends the task otherwise; it is passed on, not hidden.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Begins to serve a store.
///
/// # Errors
/// What the socket or the access log says.
pub async fn serve(reader: Reader, options: Options) -> std::io::Result<Listening> {
    let server = Arc::new(Server {
        reader,
        held: Held::default(),
        metrics: Metrics::default(),
    });
    let access = http::AccessLog::open(options.access_log.as_deref())?;
    tokio::spawn(follow(Arc::clone(&server)));
    let listener = tokio::net::TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    let app = router(server.clone())
        .layer(axum::middleware::from_fn_with_state(
            (server, Arc::new(access)),
            http::observe,
        ))
        .into_make_service_with_connect_info::<SocketAddr>();
    let task = tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Listening { address, task })
}

/// Takes in what writers add, and forgets the answers from before.
async fn follow(server: Arc<Server>) {
    loop {
        tokio::time::sleep(REFRESH).await;
        match server.reader.refresh() {
            Ok(true) => server.held.forget(),
            Ok(false) => {}
            Err(error) => tracing::warn!("the index cannot be read: {error}"),
        }
    }
}

fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route(
            "/openapi.json",
            get(async || http::plain("application/json", OPENAPI)),
        )
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .route("/v1/digest/{digest}", get(by_digest))
        .route("/v1/purl/{*purl}", get(by_purl))
        .route("/-/npm/v1/keys", get(npm_keys))
        .route("/-/npm/v1/attestations/{*spec}", get(npm))
        .route(
            "/repos/{owner}/{repo}/attestations/{digest}",
            get(github_repo),
        )
        .route("/users/{owner}/attestations/{digest}", get(github_owner))
        .route("/orgs/{owner}/attestations/{digest}", get(github_owner))
        .route("/api/v1/meta/public-keys", get(rebuilderd_keys))
        .route("/api/v1/packages/binary", get(rebuilderd_search))
        .route(
            "/api/v1/builds/{build}/artifacts/{artifact}/attestation",
            get(rebuilderd_link),
        )
        .fallback(async || {
            http::problem(StatusCode::NOT_FOUND, "no such endpoint; see /openapi.json")
        })
        .with_state(server)
}

type Shared = State<Arc<Server>>;

impl Server {
    /// The answer under a name: the one that is held, or a new one.
    fn answer(
        &self,
        name: String,
        request: &axum::http::HeaderMap,
        make: impl FnOnce(&Reader) -> Result<Option<Body>, Error>,
    ) -> Response {
        let generation = match self.held.get(&name) {
            Ok(held) => return held.respond(request),
            Err(generation) => generation,
        };
        match make(&self.reader) {
            Ok(Some(body)) => {
                let answer = Arc::new(Cached::new(body));
                self.held.keep(&name, &answer, generation);
                answer.respond(request)
            }
            Ok(None) => http::problem(StatusCode::NOT_FOUND, "no record is about it"),
            Err(error) => {
                tracing::error!("{error}");
                http::problem(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the store cannot be read",
                )
            }
        }
    }
}

async fn health(State(server): Shared) -> Response {
    match server.reader.checkpoint() {
        Ok(_) => http::plain("text/plain; charset=utf-8", "ok\n"),
        Err(error) => http::problem(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

async fn metrics(State(server): Shared) -> Response {
    let size = server
        .reader
        .checkpoint()
        .ok()
        .flatten()
        .map_or(0, |c| c.size);
    http::plain(OPEN_METRICS, &server.metrics.text(size))
}

async fn checkpoint(State(server): Shared) -> Response {
    // Mutable, so no cache may keep it (C2SP tlog-tiles, "Checkpoints").
    match server.reader.log().read_checkpoint() {
        Ok(Some(note)) => http::plain("text/plain; charset=utf-8", &note),
        Ok(None) => http::problem(StatusCode::NOT_FOUND, "the log is empty"),
        Err(error) => http::problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn tile(State(server): Shared, Path(path): Path<String>) -> Response {
    match server.reader.log().read_static(&path) {
        Ok(Some(bytes)) => http::immutable(bytes),
        Ok(None) => http::problem(StatusCode::NOT_FOUND, "no such tile"),
        Err(error) => http::problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn by_digest(
    State(server): Shared,
    Path(digest): Path<String>,
    request: axum::http::HeaderMap,
) -> Response {
    match answers::digest_of(&digest) {
        Some(key) => server.answer(format!("digest {digest}"), &request, |r| {
            answers::records(r, key)
        }),
        None => http::problem(
            StatusCode::BAD_REQUEST,
            "write sha256:DIGEST or sha512:DIGEST",
        ),
    }
}

async fn by_purl(
    State(server): Shared,
    Path(purl): Path<String>,
    request: axum::http::HeaderMap,
) -> Response {
    match purl.parse::<Purl>() {
        Ok(purl) => server.answer(format!("purl {purl}"), &request, |r| {
            answers::records(r, super::Key::purl(&purl.to_string()))
        }),
        Err(error) => http::problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn npm_keys(State(server): Shared, request: axum::http::HeaderMap) -> Response {
    server.answer("npm keys".into(), &request, |r| {
        answers::npm_keys(r).map(Some)
    })
}

async fn npm(
    State(server): Shared,
    Path(spec): Path<String>,
    request: axum::http::HeaderMap,
) -> Response {
    match answers::npm_purl(&spec) {
        Some(purl) => server.answer(format!("npm {purl}"), &request, |r| answers::npm(r, &purl)),
        None => http::problem(StatusCode::BAD_REQUEST, "write NAME@VERSION"),
    }
}

async fn github_repo(
    server: Shared,
    Path((owner, _, digest)): Path<(String, String, String)>,
    request: axum::http::HeaderMap,
) -> Response {
    github_owner(server, Path((owner, digest)), request).await
}

async fn github_owner(
    State(server): Shared,
    Path((_, digest)): Path<(String, String)>,
    request: axum::http::HeaderMap,
) -> Response {
    match answers::digest_of(&digest) {
        Some(key) => server.answer(format!("github {digest}"), &request, |r| {
            answers::github(r, key)
        }),
        None => http::problem(StatusCode::BAD_REQUEST, "write sha256:DIGEST"),
    }
}

async fn rebuilderd_keys(State(server): Shared, request: axum::http::HeaderMap) -> Response {
    server.answer("link keys".into(), &request, |r| {
        Ok(Some(answers::link_keys(r)))
    })
}

async fn rebuilderd_search(
    State(server): Shared,
    RawQuery(query): RawQuery,
    request: axum::http::HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    server.answer(format!("search {query}"), &request, |r| {
        answers::search(r, &query).map(Some)
    })
}

async fn rebuilderd_link(
    State(server): Shared,
    Path((build, artifact)): Path<(u64, String)>,
    request: axum::http::HeaderMap,
) -> Response {
    let name = format!("link {build} {artifact}");
    server.answer(name, &request, |r| answers::link(r, build))
}

/// An answer's tag: its length and checksum. That tells apart what one address has
/// been answered with, and costs a tenth of a digest; nobody trusts an answer for it.
fn tag_of(bytes: &[u8]) -> String {
    let mut checksum = flate2::Crc::new();
    checksum.update(bytes);
    format!("\"{:x}-{:08x}\"", bytes.len(), checksum.sum())
}

#[cfg(test)]
mod tests;
