//! git's smart HTTP protocol over the HTTP client that everything else here uses: one
//! TLS library, one set of trusted certificates, one way to find a proxy.
//!
//! What is said is libgit2's; this carries it. Fetches alone: nothing is ever pushed. No
//! credentials are offered but those that the operator wrote into an address, and no
//! redirect leads to another host.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use git2::{ErrorClass, ErrorCode};
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};

use crate::model::{printable, root_cause};

/// How long a server may stay silent.
const SERVER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest that one fetch may take.
pub(super) const MAX_FETCH_TIME: Duration = Duration::from_secs(1800);

/// The most that a list of branches and tags may have, in bytes: some millions of them.
const MAX_ADVERTISED: u64 = 256 << 20;

/// Redirects that are followed, as many as git follows (git-config(1), `http.followRedirects`,
/// and `CURLOPT_MAXREDIRS` in its `http.c`).
const MAX_REDIRECTS: usize = 20;

/// Forges tell git from browsers by how the name of the client begins.
const USER_AGENT: &str = concat!("git/2.0 (remint ", env!("CARGO_PKG_VERSION"), ")");

/// The service and its media types (gitprotocol-http(5), "Smart Service git-upload-pack").
const LIST: &str = "/info/refs";
const SERVICE: &str = "git-upload-pack";
const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";
const REQUEST: &str = "application/x-git-upload-pack-request";
const RESULT: &str = "application/x-git-upload-pack-result";

/// Lets libgit2 fetch from `http` and `https` addresses through here.
///
/// # Safety
/// No other thread may be using libgit2.
pub(super) unsafe fn register() -> Result<(), git2::Error> {
    for scheme in ["http", "https"] {
        // SAFETY: the caller keeps other threads out.
        unsafe {
            git2::transport::register(scheme, |remote| {
                // Each request of the protocol stands for itself ("rpc").
                Transport::smart(remote, true, Smart::new(client()?))
            })?;
        }
    }
    Ok(())
}

/// The client of all fetches. It is made at the first: most commands fetch nothing.
fn client() -> Result<Client, git2::Error> {
    static CLIENT: OnceLock<Result<Client, String>> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder()
            .user_agent(USER_AGENT)
            .http1_only()
            .no_gzip()
            .connect_timeout(CONNECT_TIMEOUT)
            // Of a blocking client this bounds each wait, not the whole.
            .timeout(SERVER_TIMEOUT)
            .redirect(Policy::custom(|attempt| {
                if may_follow(&attempt) {
                    attempt.follow()
                } else {
                    attempt.stop()
                }
            }))
            .build()
            .map_err(|error| root_cause(&error))
    });
    made.clone()
        .map_err(|reason| failed(ErrorClass::Net, &reason))
}

/// Whether a redirect stays with the host that was asked.
fn may_follow(attempt: &Attempt) -> bool {
    let previous = attempt.previous();
    previous.len() <= MAX_REDIRECTS
        && previous
            .first()
            .is_some_and(|asked| stays(asked, attempt.url()))
}

/// Whether `next` is the server of `asked`, or the same host's protected one.
fn stays(asked: &Url, next: &Url) -> bool {
    let server = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    let protected = ("https".to_owned(), Some(443));
    asked.host() == next.host()
        && (server(next) == server(asked)
            || (asked.scheme() == "http" && server(next) == protected))
}

/// Where a repository is whose list was asked for at one address and found at another;
/// none where that is no list.
fn base(asked: &Url, found: &Url) -> Option<String> {
    let mut base = found.clone();
    base.set_path(found.path().strip_suffix(LIST)?);
    base.set_query(None);
    // The client takes them out of what it asks for.
    base.set_username(asked.username()).ok()?;
    base.set_password(asked.password()).ok()?;
    Some(base.into())
}

/// An error for libgit2, whose messages are C strings.
fn failed(class: ErrorClass, message: &str) -> git2::Error {
    git2::Error::new(ErrorCode::GenericError, class, printable(message, false))
}

/// One fetch.
struct Smart {
    client: Client,
    until: Instant,
    /// Where the repository turned out to be, once its list was read.
    base: Arc<Mutex<Option<String>>>,
}

impl Smart {
    fn new(client: Client) -> Self {
        Self {
            client,
            until: Instant::now() + MAX_FETCH_TIME,
            base: Arc::default(),
        }
    }

    fn list(&self, url: &str) -> Result<Listing, git2::Error> {
        let asked = format!("{}{LIST}?service={SERVICE}", url.trim_end_matches('/'));
        let asked = Url::parse(&asked)
            .map_err(|error| failed(ErrorClass::Net, &format!("no address: {error}")))?;
        let response = send(self.client.get(asked.clone()).header(ACCEPT, ADVERTISEMENT))?;
        check(&response, ADVERTISEMENT)?;
        let base = base(&asked, response.url())
            .ok_or_else(|| failed(ErrorClass::Http, "unexpected redirect"))?;
        *self.base.lock().expect("no holder panics") = Some(base);
        Ok(Listing {
            left: MAX_ADVERTISED,
            body: Body {
                response,
                until: self.until,
            },
        })
    }

    fn ask(&self, url: &str) -> Question {
        let known = self.base.lock().expect("no holder panics").clone();
        let base = known.unwrap_or_else(|| url.to_owned());
        Question {
            request: Some(
                self.client
                    .post(format!("{}/{SERVICE}", base.trim_end_matches('/')))
                    .header(CONTENT_TYPE, REQUEST)
                    .header(ACCEPT, RESULT),
            ),
            said: Vec::new(),
            until: self.until,
            answer: None,
        }
    }
}

impl SmartSubtransport for Smart {
    fn action(
        &self,
        url: &str,
        action: Service,
    ) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        match action {
            Service::UploadPackLs => Ok(Box::new(self.list(url)?)),
            Service::UploadPack => Ok(Box::new(self.ask(url))),
            Service::ReceivePackLs | Service::ReceivePack => {
                Err(failed(ErrorClass::Net, "nothing is pushed from here"))
            }
        }
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

fn send(request: RequestBuilder) -> Result<Response, git2::Error> {
    request
        .send()
        .map_err(|error| failed(ErrorClass::Net, &root_cause(&error)))
}

/// Whether the server answers, and as a git server does. The messages are libgit2's own
/// (1.9, `transports/http.c`), by which its errors are told apart.
fn check(response: &Response, kind: &str) -> Result<(), git2::Error> {
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        let message = "remote authentication required but no callback set";
        return Err(git2::Error::new(ErrorCode::Auth, ErrorClass::Http, message));
    }
    if status.is_redirection() {
        return Err(failed(ErrorClass::Http, "unexpected redirect"));
    }
    if status != StatusCode::OK {
        let message = format!("unexpected http status code: {}", status.as_u16());
        return Err(failed(ErrorClass::Http, &message));
    }
    let said = response.headers().get(CONTENT_TYPE);
    let said = said.map(|value| String::from_utf8_lossy(value.as_bytes()));
    match said {
        Some(said) if said == kind => Ok(()),
        said => Err(failed(
            ErrorClass::Http,
            &format!("invalid content-type: {}", said.unwrap_or_default()),
        )),
    }
}

/// What went wrong on the way, as libgit2's binding wants it.
fn broken(reason: &str) -> io::Error {
    io::Error::other(printable(reason, false))
}

/// What a server sends, for as long as the fetch may take: libgit2 tells of progress only
/// while it receives objects.
struct Body {
    response: Response,
    until: Instant,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            let minutes = MAX_FETCH_TIME.as_secs() / 60;
            return Err(broken(&format!(
                "the fetch took longer than {minutes} minutes"
            )));
        }
        self.response
            .read(into)
            .map_err(|error| broken(&root_cause(&error)))
    }
}

/// The branches and tags that a server has.
struct Listing {
    body: Body,
    left: u64,
}

impl Read for Listing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(into)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            broken(&format!(
                "the list of branches and tags has more than {} MiB",
                MAX_ADVERTISED >> 20
            ))
        })?;
        Ok(read)
    }
}

impl Write for Listing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(broken("a list is only read"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One request that is written, and then its answer, which is read.
struct Question {
    /// Until it is sent.
    request: Option<RequestBuilder>,
    said: Vec<u8>,
    until: Instant,
    answer: Option<Body>,
}

impl Read for Question {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(request) = self.request.take() {
            let said = std::mem::take(&mut self.said);
            let tell = |error: git2::Error| broken(error.message());
            let response = send(request.body(said)).map_err(tell)?;
            check(&response, RESULT).map_err(tell)?;
            self.answer = Some(Body {
                response,
                until: self.until,
            });
        }
        match &mut self.answer {
            Some(body) => body.read(into),
            None => Err(broken("the request failed before")),
        }
    }
}

impl Write for Question {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.request.is_none() {
            return Err(broken("the request is sent already"));
        }
        self.said.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    #[test]
    fn a_redirect_stays_with_its_host_and_its_protection() {
        let asked = url("https://git.example/o/r/info/refs");
        assert!(stays(&asked, &url("https://git.example/o/new/info/refs")));
        assert!(!stays(&asked, &url("https://evil.example/o/r/info/refs")));
        assert!(!stays(&asked, &url("http://git.example/o/r/info/refs")));
        assert!(!stays(&asked, &url("https://git.example:8443/o/r")));
        let plain = url("http://git.example/o/r");
        assert!(stays(&plain, &url("https://git.example/o/r")));
        assert!(!stays(&plain, &url("https://git.example:8443/o/r")));
        assert!(!stays(&plain, &url("http://git.example:8080/o/r")));
    }

    #[test]
    fn a_body_is_read_no_longer_than_the_fetch_may_take() {
        let body = |until| Body {
            response: axum::http::Response::new("list").into(),
            until,
        };
        let mut said = String::new();
        let begun = Instant::now();
        let read = body(begun + MAX_FETCH_TIME).read_to_string(&mut said);
        assert_eq!((read.expect("in time"), said.as_str()), (4, "list"));
        let late = body(begun).read_to_string(&mut said).expect_err("late");
        assert!(late.to_string().contains("30 minutes"), "{late}");
    }

    #[test]
    fn a_repository_is_where_its_list_was_found() {
        let asked = url("https://u:s@git.example/o/old/info/refs?service=git-upload-pack");
        let moved = url("https://git.example/o/new/info/refs?service=git-upload-pack");
        assert_eq!(
            base(&asked, &moved).as_deref(),
            Some("https://u:s@git.example/o/new")
        );
        assert_eq!(base(&asked, &url("https://git.example/sign-in")), None);
    }
}
