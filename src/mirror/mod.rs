//! The registries as of a time, for builds: on a unix socket, recording every
//! file that it hands out, and refusing the very release that is being rebuilt.
//! Imports `registry` and `model`; it never shows a byte that the registry room
//! did not check, and never an address outside.
//!
//! Who asks is a build, and a build may be hostile: it may ask for anything, as often as it
//! likes. So a name is a package's name before it becomes an address, the release under test is
//! known by its content too, whatever it is called, and what one session takes is bounded.
//!
//! What has no publish time is shown whatever the cut-off is, since nothing says
//! that it was not there; a registry behind a proxy may give the time at which
//! the proxy first saw a file, which hides what was there. A plan may have
//! npm's packages dated by their own manifests instead (`npm/dating.rs`).

mod cargo;
mod npm;
mod pypi;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use tokio::fs::File;
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use crate::model::{
    Artifact, DatedBy, Digest, Ecosystem, PublishedAt, Purl, RELAY_PORT, ServedFile, Sha256Digest,
    Yanked,
};
use crate::registry::{self, Registries};

/// The longest path that is answered, in bytes.
const MAX_PATH: usize = 2048;

/// How many metadata documents are read at once for one session: each may take a hundred
/// megabytes and several times that once it is parsed.
const METADATA_AT_ONCE: usize = 4;

/// The most that is handed out in one session, in bytes: far more than any lock file names, and
/// little enough that one build does not fill the store.
const MAX_SERVED: u64 = 16 << 30;

/// What one build may see.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The instant as of which the registries are shown; the present if none.
    pub cutoff: Option<Timestamp>,
    /// What tells when npm's packages were published.
    pub dated_by: DatedBy,
    /// What cargo is told of yanked versions.
    pub yanked: Yanked,
    /// Releases that are not shown and not handed out.
    pub refuse: Vec<Purl>,
    /// Content that is not handed out under any name: that of the release under test.
    pub refuse_content: Vec<Digest>,
    /// Releases that a lock file names. Of their packages, no other version is shown that
    /// cargo would take in their place.
    pub held: Vec<Purl>,
}

impl View {
    /// Whether something of this publish time is shown.
    fn shows(&self, published: Option<PublishedAt>) -> bool {
        match (published, self.cutoff) {
            (Some(published), Some(cutoff)) => published.time <= cutoff,
            (None, _) | (_, None) => true,
        }
    }

    /// Whether another version, that semantic versioning takes for the same, is held.
    fn holds_another(&self, ecosystem: Ecosystem, name: &str, version: &str) -> bool {
        let Ok(version) = version.parse::<semver::Version>() else {
            return false;
        };
        let mut replaced = false;
        for held in self
            .held
            .iter()
            .filter(|held| held.ecosystem() == ecosystem && held.name().as_str() == name)
        {
            match held.version().and_then(|v| v.as_str().parse().ok()) {
                Some(held) if held == version => return false,
                Some(held) => replaced |= are_compatible(&held, &version),
                None => {}
            }
        }
        replaced
    }

    /// Whether this is a package of which a release must not be handed out.
    fn refuses_some_of(&self, package: &Purl) -> bool {
        self.refuse.iter().any(|purl| purl.package() == *package)
    }

    /// Whether this is a release that must not be handed out.
    fn refuses(&self, ecosystem: Ecosystem, name: &str, version: &str) -> bool {
        self.refuse.iter().any(|purl| {
            purl.ecosystem() == ecosystem
                && Purl::new(ecosystem, name, None).is_ok_and(|p| p.name() == purl.name())
                && purl
                    .version()
                    .is_some_and(|v| same_version(ecosystem, v.as_str(), version))
        })
    }
}

/// Whether cargo takes one version for an update of the other (cargo book, "SemVer
/// Compatibility"): the first number of the two that is not zero is the same.
fn are_compatible(a: &semver::Version, b: &semver::Version) -> bool {
    let class = |v: &semver::Version| match (v.major, v.minor, v.patch) {
        (0, 0, patch) => (0, 0, patch),
        (0, minor, _) => (0, minor, 0),
        (major, _, _) => (major, 0, 0),
    };
    class(a) == class(b)
}

fn same_version(ecosystem: Ecosystem, a: &str, b: &str) -> bool {
    let parsed = |text: &str| text.parse::<pep440_rs::Version>().ok();
    a == b || (ecosystem == Ecosystem::Pypi && parsed(a).is_some() && parsed(a) == parsed(b))
}

/// Why the mirror could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket cannot be made.
    #[error(
        "cannot listen on {path}: {error}; check that the temporary folder can be written and that its path is short"
    )]
    Listen {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// The mirror; each build gets a session of its own.
#[derive(Clone)]
pub struct Mirror {
    registries: Arc<Registries>,
}

impl Mirror {
    /// A mirror of these registries.
    pub fn new(registries: Arc<Registries>) -> Self {
        Self { registries }
    }

    /// Serves a view on a unix socket until the session is stopped.
    ///
    /// # Errors
    /// [`Error::Listen`] where the socket cannot be made.
    pub async fn serve(&self, view: View, socket: &Path) -> Result<MirrorSession, Error> {
        let listen = |error| Error::Listen {
            path: socket.to_owned(),
            error,
        };
        let listener = UnixListener::bind(socket).map_err(listen)?;
        open_to_relay(socket).map_err(listen)?;
        let shared = Arc::new(Shared {
            registries: self.registries.clone(),
            view,
            log: Mutex::default(),
            metadata: Semaphore::new(METADATA_AT_ONCE),
            dated: npm::Dated::default(),
        });
        let stop = CancellationToken::new();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(stopped.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::warn!(%error, "the mirror stopped");
            }
        });
        Ok(MirrorSession {
            shared,
            stop,
            task,
            socket: socket.to_owned(),
        })
    }
}

/// The relay runs as another user; the folder that holds the socket is private,
/// so opening the socket itself lets nobody else in.
fn open_to_relay(socket: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666))
}

/// One build's view, while it is served.
pub struct MirrorSession {
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    socket: PathBuf,
}

impl MirrorSession {
    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Every file that was handed out so far, sorted, without repeats.
    pub fn served(&self) -> Vec<ServedFile> {
        self.shared.log().served.iter().cloned().collect()
    }

    /// The paths that were refused because they are the release under test.
    pub fn refused(&self) -> Vec<String> {
        self.shared.log().refused.iter().cloned().collect()
    }

    /// Whether a tarball of npm's was asked for that the registry does not have, or did not as of
    /// the cut-off: what needs it fails on it, whoever installs it.
    pub fn lacked_a_tarball(&self) -> bool {
        self.shared.log().lacked_a_tarball
    }

    /// Stops serving and takes the socket away.
    pub async fn stop(self) {
        self.stop.cancel();
        // A connection that a build left open must not hold up the farm.
        self.task.abort();
        let _ = self.task.await;
        // The folder goes with the try in any case.
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[derive(Default)]
struct Log {
    served: BTreeSet<ServedFile>,
    refused: BTreeSet<String>,
    lacked_a_tarball: bool,
    /// How much was handed out, in bytes.
    taken: u64,
}

struct Shared {
    registries: Arc<Registries>,
    view: View,
    log: Mutex<Log>,
    metadata: Semaphore,
    dated: npm::Dated,
}

impl Shared {
    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        // The log is two sets; a panic elsewhere leaves them whole.
        self.log
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// An answer before it becomes HTTP.
enum Reply {
    /// A document that was made for this view.
    Metadata {
        body: Vec<u8>,
        content_type: &'static str,
    },
    /// A file of the store, open to be read.
    Package {
        file: File,
        sha256: Sha256Digest,
        size: u64,
    },
}

impl Reply {
    fn size(&self) -> u64 {
        match self {
            Self::Metadata { body, .. } => body.len() as u64,
            Self::Package { size, .. } => *size,
        }
    }

    fn sha256(&self) -> Sha256Digest {
        match self {
            Self::Metadata { body, .. } => Sha256Digest::of(body),
            Self::Package { sha256, .. } => *sha256,
        }
    }
}

/// Why there is no answer.
enum Refusal {
    /// No such thing, or not yet at the cut-off.
    Absent,
    /// The release under test.
    UnderTest,
    /// The session has taken all that it may.
    Spent,
    /// The registry failed.
    Upstream(registry::Error),
}

impl From<registry::Error> for Refusal {
    fn from(error: registry::Error) -> Self {
        if error.is_upstream_fault() {
            Self::Upstream(error)
        } else {
            Self::Absent
        }
    }
}

/// An address inside the build container.
fn inside(path: &str) -> String {
    format!("http://127.0.0.1:{RELAY_PORT}{path}")
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let accept = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    match within_budget(&shared, &path, &accept).await {
        Ok(reply) => {
            let served = ServedFile {
                path,
                sha256: reply.sha256(),
                is_package: matches!(reply, Reply::Package { .. }),
            };
            shared.log().served.insert(served);
            handed_out(reply)
        }
        Err(Refusal::Absent) => {
            shared.log().lacked_a_tarball |= path.starts_with("/npm/") && path.ends_with(".tgz");
            text(StatusCode::NOT_FOUND, "not there as of the cut-off time")
        }
        Err(Refusal::UnderTest) => {
            shared.log().refused.insert(path);
            text(
                StatusCode::FORBIDDEN,
                "this is the release that is being rebuilt; a rebuild may not start from its own result",
            )
        }
        Err(Refusal::Spent) => text(
            StatusCode::INSUFFICIENT_STORAGE,
            "this build has taken all that one build may take",
        ),
        Err(Refusal::Upstream(error)) => {
            tracing::warn!(%error, path, "the mirror could not answer");
            text(StatusCode::BAD_GATEWAY, "the registry could not be read")
        }
    }
}

/// The answer, where the session may still take as much.
async fn within_budget(shared: &Shared, path: &str, accept: &str) -> Result<Reply, Refusal> {
    if shared.log().taken >= MAX_SERVED {
        return Err(Refusal::Spent);
    }
    let reply = route(shared, path, accept).await?;
    shared.log().taken += reply.size();
    Ok(reply)
}

async fn route(shared: &Shared, path: &str, accept: &str) -> Result<Reply, Refusal> {
    if path.len() > MAX_PATH {
        return Err(Refusal::Absent);
    }
    let decoded = percent_decoded(path).ok_or(Refusal::Absent)?;
    let mut parts = decoded.trim_start_matches('/').splitn(2, '/');
    match (parts.next(), parts.next()) {
        (Some("cargo"), Some(rest)) => cargo::answer(shared, rest).await,
        (Some("pypi"), Some(rest)) => pypi::answer(shared, rest, accept).await,
        (Some("npm"), Some(rest)) => npm::answer(shared, rest).await,
        _ => Err(Refusal::Absent),
    }
}

/// Percent-decoding (RFC 3986, section 2.1); nothing where it is malformed or
/// no UTF-8.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let pair = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Waits until another metadata document may be read.
async fn metadata_slot(shared: &Shared) -> SemaphorePermit<'_> {
    shared
        .metadata
        .acquire()
        .await
        .expect("the semaphore is never closed")
}

/// The bytes of an artifact that the registry room has checked, unless they are those of the
/// release under test under another name.
async fn package(shared: &Shared, artifact: &Artifact) -> Result<Reply, Refusal> {
    let fetched = shared.registries.fetch(artifact).await?;
    if fetched.is_one_of(&shared.view.refuse_content) {
        return Err(Refusal::UnderTest);
    }
    let file = File::open(&fetched.path).await.map_err(|error| {
        Refusal::Upstream(crate::store::Error::io("read", &fetched.path, error).into())
    })?;
    Ok(Reply::Package {
        file,
        sha256: fetched.sha256,
        size: fetched.size,
    })
}

fn metadata(body: impl Into<Vec<u8>>, content_type: &'static str) -> Reply {
    Reply::Metadata {
        body: body.into(),
        content_type,
    }
}

fn handed_out(reply: Reply) -> Response {
    match reply {
        Reply::Metadata { body, content_type } => response(StatusCode::OK, content_type, body),
        Reply::Package { file, size, .. } => {
            let body = Body::from_stream(ReaderStream::new(file));
            let mut response = response(StatusCode::OK, "application/octet-stream", body);
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, size.into());
            response
        }
    }
}

fn text(status: StatusCode, body: &'static str) -> Response {
    response(status, "text/plain; charset=utf-8", body)
}

fn response(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TimeSource;

    fn view(refuse: &str) -> View {
        View {
            cutoff: Some("2026-01-01T00:00:00Z".parse().expect("valid")),
            dated_by: DatedBy::Registry,
            yanked: Yanked::Today,
            refuse: vec![refuse.parse().expect("valid")],
            ..View::default()
        }
    }

    #[test]
    fn what_was_published_at_the_cut_off_is_shown_and_a_second_later_is_not() {
        let view = view("pkg:cargo/demo@1.0.0");
        let at = |time: &str| {
            Some(PublishedAt {
                time: time.parse().expect("valid"),
                source: TimeSource::Registry,
            })
        };
        assert!(view.shows(at("2026-01-01T00:00:00Z")));
        assert!(!view.shows(at("2026-01-01T00:00:01Z")));
        assert!(view.shows(None));
    }

    #[test]
    fn the_release_under_test_is_refused_in_every_spelling_and_others_are_not() {
        let cargo = view("pkg:cargo/demo@1.0.0");
        assert!(cargo.refuses(Ecosystem::Cargo, "demo", "1.0.0"));
        assert!(!cargo.refuses(Ecosystem::Cargo, "demo", "1.0.1"));
        assert!(!cargo.refuses(Ecosystem::Npm, "demo", "1.0.0"));
        let pypi = view("pkg:pypi/my-demo@1.0");
        assert!(pypi.refuses(Ecosystem::Pypi, "My_Demo", "1.0.0"));
        assert!(!pypi.refuses(Ecosystem::Pypi, "My_Demo", "1.0.1"));
    }

    #[test]
    fn what_would_take_the_place_of_a_held_release_is_hidden_and_nothing_else() {
        let mut view = view("pkg:cargo/demo@1.0.0");
        let held = |purl: &str| purl.parse().expect("valid");
        view.held = vec![
            held("pkg:cargo/quote@1.0.37"),
            held("pkg:cargo/rand@0.8.5"),
            held("pkg:cargo/zero@0.0.3"),
            held("pkg:cargo/twice@2.1.0"),
            held("pkg:cargo/twice@2.3.0"),
        ];
        let hidden = |name, version| view.holds_another(Ecosystem::Cargo, name, version);
        for (name, version, expected) in [
            ("quote", "1.0.37", false),
            ("quote", "1.0.38", true),
            ("quote", "1.0.36", true),
            ("quote", "2.0.0", false),
            ("quote", "0.6.13", false),
            ("rand", "0.8.6", true),
            ("rand", "0.9.0", false),
            ("zero", "0.0.4", false),
            ("twice", "2.1.0", false),
            ("twice", "2.2.0", true),
            ("twice", "2.3.0", false),
            ("other", "1.0.0", false),
            ("quote", "no version", false),
        ] {
            assert_eq!(hidden(name, version), expected, "{name} {version}");
        }
        assert!(!view.holds_another(Ecosystem::Npm, "quote", "1.0.38"));
    }

    #[test]
    fn a_malformed_path_is_no_path() {
        assert_eq!(percent_decoded("/npm/@a%2fb").as_deref(), Some("/npm/@a/b"));
        assert!(percent_decoded("/%").is_none());
        assert!(percent_decoded("/%zz").is_none());
        assert!(percent_decoded("/%ff").is_none());
    }
}
