//! Answers on the wire: tags, compression, and the line that is written about each
//! request.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Body as Wire;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;

use super::answers::Body;
use super::{Server, tag_of};

/// Below this a body is sent as it is: gzip's own frame would eat the gain.
const SMALL: usize = 512;

/// An answer, ready to send.
pub(super) struct Cached {
    content_type: &'static str,
    tag: HeaderValue,
    plain: Bytes,
    /// Made when the first client asks for it: packing takes longer than all else that
    /// an answer needs.
    gzip: OnceLock<Bytes>,
}

impl Cached {
    pub(super) fn new(body: Body) -> Self {
        let tag = HeaderValue::from_str(&tag_of(&body.bytes)).expect("ASCII in quotes");
        Self {
            content_type: body.content_type,
            tag,
            gzip: OnceLock::new(),
            plain: body.bytes.into(),
        }
    }

    /// What it may come to hold: packed it is no larger than it is plain.
    pub(super) fn size(&self) -> usize {
        2 * self.plain.len()
    }

    /// The response to a request: nothing new, compressed, or plain (RFC 9110, sections
    /// 13.1.2 and 12.5.3).
    pub(super) fn respond(&self, request: &HeaderMap) -> Response {
        let mut response = Response::new(Wire::empty());
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(known) = request.get(header::IF_NONE_MATCH)
            && names(known, &self.tag)
        {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type),
        );
        let body = if self.plain.len() >= SMALL && takes_gzip(request) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.gzip.get_or_init(|| gzip(&self.plain))
        } else {
            &self.plain
        };
        *response.body_mut() = Wire::from(body.clone());
        response
    }
}

fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else {
        return false;
    };
    known
        .split(',')
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == tag || one == "*")
}

fn takes_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get(header::ACCEPT_ENCODING);
    accepted
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            value.split(',').any(|coding| {
                let mut parts = coding.trim().split(';');
                parts.next() == Some("gzip") && !parts.any(|weight| weight.trim() == "q=0")
            })
        })
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("memory takes every byte")
        .into()
}

/// A body that is made for each request.
pub(super) fn plain(content_type: &'static str, text: &str) -> Response {
    let mut response = Response::new(Wire::from(text.to_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A tile: it never changes (C2SP tlog-tiles, "Merkle Tree").
pub(super) fn immutable(bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Wire::from(bytes));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    response
}

/// What is wrong, for a person and a program.
pub(super) fn problem(status: StatusCode, what: &str) -> Response {
    let mut response = plain(
        "application/json",
        &serde_json::json!({"error": what}).to_string(),
    );
    *response.status_mut() = status;
    response
}

/// Where a line for each request goes.
pub(super) struct AccessLog(Option<Mutex<std::fs::File>>);

impl AccessLog {
    pub(super) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let file = path
            .map(|path| {
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)
            })
            .transpose()?;
        Ok(Self(file.map(Mutex::new)))
    }

    fn write(&self, line: &serde_json::Value) {
        if let Some(file) = &self.0 {
            let text = format!("{line}\n");
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(text.as_bytes()) {
                tracing::error!("the access log cannot be written: {error}");
            }
        }
    }

    fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

/// Counts each request, and writes down who asked what and when.
pub(super) async fn observe(
    State((server, log)): State<(Arc<Server>, Arc<AccessLog>)>,
    request: Request,
    next: Next,
) -> Response {
    let asked = log.is_on().then(|| {
        let from = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip().to_string());
        let agent = request
            .headers()
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .map(str::to_owned);
        (
            from,
            agent,
            request.method().to_string(),
            request.uri().to_string(),
        )
    });
    let response = next.run(request).await;
    server.metrics.count(response.status().as_u16());
    if let Some((from, agent, method, uri)) = asked {
        log.write(&serde_json::json!({
            "at": jiff::Timestamp::now(),
            "from": from,
            "agent": agent,
            "method": method,
            "uri": uri,
            "status": response.status().as_u16(),
        }));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("valid"));
        headers
    }

    fn answer(size: usize) -> Cached {
        Cached::new(Body {
            content_type: "application/json",
            bytes: vec![b'x'; size],
        })
    }

    #[test]
    fn a_known_tag_gets_no_body() {
        let answer = answer(3);
        let tag = answer.tag.to_str().expect("ASCII").to_owned();
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let response = answer.respond(&request(header::IF_NONE_MATCH, &known));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        let response = answer.respond(&request(header::IF_NONE_MATCH, "\"other\""));
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[test]
    fn a_body_is_compressed_for_those_who_take_it() {
        let encoding = |size, accepted| {
            let response = answer(size).respond(&request(header::ACCEPT_ENCODING, accepted));
            response.headers().get(header::CONTENT_ENCODING).cloned()
        };
        assert!(encoding(SMALL, "br, gzip;q=0.5").is_some());
        assert!(encoding(SMALL - 1, "gzip").is_none());
        assert!(encoding(SMALL, "gzip;q=0").is_none());
        assert!(encoding(SMALL, "identity").is_none());
    }
}
