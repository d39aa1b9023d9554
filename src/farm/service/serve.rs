//! The service's answers over HTTP, read-only: the status page, the same as JSON, the
//! metrics, and whether it is well.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use tokio::sync::Mutex;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeader;

use super::board::Board;
use super::checked::Planned;
use super::metrics;
use crate::farm::queue::{self, Queue};
use crate::report::farm::{Status, to_status};
use crate::trust::serve::OPEN_METRICS;

/// How long an answer is given again: many who look cost the database no more than one.
const FRESH: Duration = Duration::from_secs(1);

/// Styles of the page's own, and nothing that runs (Content Security Policy Level 3,
/// section 6.1).
const NOTHING_ACTIVE: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

/// What answers are made of.
pub(super) struct Desk {
    pub(super) queue: Queue,
    pub(super) schedules: Vec<Planned>,
    pub(super) board: Arc<Board>,
    /// Where the reports are.
    pub(super) results: PathBuf,
    pub(super) last: Mutex<Option<(Instant, Arc<Status>)>>,
}

impl Desk {
    async fn status(&self) -> Result<Arc<Status>, queue::Error> {
        let mut last = self.last.lock().await;
        if let Some((since, status)) = &*last
            && since.elapsed() < FRESH
        {
            return Ok(status.clone());
        }
        let status = Arc::new(
            self.board
                .status(&self.queue, &self.schedules, &self.results)
                .await?,
        );
        *last = Some((Instant::now(), status.clone()));
        Ok(status)
    }
}

type Shared = State<Arc<Desk>>;

pub(super) fn router(desk: Arc<Desk>) -> Router {
    // What builds printed is among the files, under names that no browser takes for pages.
    let reports = ServeDir::new(&desk.results).append_index_html_on_directories(false);
    let reports = SetResponseHeader::overriding(
        reports,
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let reports = SetResponseHeader::overriding(
        reports,
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(NOTHING_ACTIVE),
    );
    Router::new()
        .route("/", get(index))
        .route("/status.json", get(json))
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .nest_service("/results", reports)
        .with_state(desk)
}

async fn index(State(desk): Shared) -> Response {
    answer(&desk, |status| Html(to_status(status)).into_response()).await
}

async fn json(State(desk): Shared) -> Response {
    answer(&desk, |status| axum::Json(status).into_response()).await
}

async fn scrape(State(desk): Shared) -> Response {
    answer(&desk, |status| {
        let text = metrics::text(&desk.board.counts(), &desk.board.last_disks(), status);
        ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
    })
    .await
}

/// Whether the queue answers: without it a farm does nothing.
async fn ready(State(desk): Shared) -> Response {
    answer(&desk, |_| "ready\n".into_response()).await
}

async fn answer(desk: &Desk, make: impl FnOnce(&Status) -> Response) -> Response {
    match desk.status().await {
        Ok(status) => {
            let mut response = make(&status);
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}
