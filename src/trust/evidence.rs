//! Handing signed statements to JFrog's Evidence service, which keeps them beside the file
//! in the repository (JFrog REST APIs, "Deploy Evidence"; JFrog
//! Artifactory Documentation, "Evidence Envelope").

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use url::Url;

use crate::attest::Bundle;

/// How long one request may take: an envelope has some kilobytes.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How much of an answer is read, in bytes; a real one has a kilobyte.
const LONGEST: usize = 64 << 10;
/// How much of a refusal's text is shown, in characters.
const SHOWN: usize = 300;

/// Why evidence was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// An address that nothing can be asked of.
    #[error("`{0}` is no http or https address of an Artifactory")]
    Address(String),
    /// The service was not reached.
    #[error("{url} was not reached: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The service said no.
    #[error("{url} answered {status}: {hint}{said}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The status.
        status: StatusCode,
        /// What that means there.
        hint: &'static str,
        /// What it said itself, cut short.
        said: String,
    },
}

/// An Artifactory that takes evidence.
pub struct Evidence {
    client: Client,
    base: Url,
    token: Option<String>,
}

/// What the service answers of evidence that it took; it says more.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Deployed {
    /// Where it is kept.
    pub uri: String,
}

impl Evidence {
    /// The service at `base`; `token` is an access token with leave to read and annotate.
    ///
    /// # Errors
    /// [`EvidenceError::Address`].
    pub fn open(base: &str, token: Option<String>) -> Result<Self, EvidenceError> {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = || EvidenceError::Address(base.to_owned());
        let url = Url::parse(base).map_err(|_| address())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(address());
        }
        let client = Client::builder()
            .user_agent(concat!("remint/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .build()
            .map_err(|_| address())?;
        Ok(Self {
            client,
            base: url,
            token,
        })
    }

    /// Deploys one statement for the file at `path` (`repository/folder/file`). `key_name`
    /// is what the service knows the public key as.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub async fn deploy(
        &self,
        path: &str,
        bundle: &Bundle,
        key_name: &str,
    ) -> Result<Deployed, EvidenceError> {
        let url = self.subject(path)?;
        let unreachable = |error: reqwest::Error| EvidenceError::Unreachable {
            url: url.to_string(),
            reason: error.without_url().to_string(),
        };
        let mut request = self
            .client
            .post(url.clone())
            .json(&bundle.envelope_as(key_name));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = beginning(response).await.map_err(unreachable)?;
        let refused = |hint, said: &str| EvidenceError::Refused {
            url: url.to_string(),
            status,
            hint,
            said: said.chars().take(SHOWN).collect(),
        };
        match status {
            StatusCode::CREATED => serde_json::from_str(&text)
                .map_err(|_| refused("this is not what the Evidence service answers: ", &text)),
            StatusCode::UNAUTHORIZED => Err(refused("the token is missing or not a good one", "")),
            StatusCode::FORBIDDEN => {
                Err(refused("the token may not read and annotate that path", ""))
            }
            StatusCode::NOT_FOUND => Err(refused("there is no such file or no such service", "")),
            _ => Err(refused("", &text)),
        }
    }

    fn subject(&self, path: &str) -> Result<Url, EvidenceError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| EvidenceError::Address(self.base.to_string()))?
            .pop_if_empty()
            .extend(["evidence", "api", "v1", "subject"])
            .extend(path.split('/').filter(|part| !part.is_empty()));
        Ok(url)
    }
}

/// The beginning of an answer's text: all of a real one.
async fn beginning(mut response: Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while bytes.len() < LONGEST
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(LONGEST);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::{Request, State};
    use axum::response::IntoResponse as _;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde_json::{Value, json};

    use super::*;
    use crate::trust::tests::{keys, submission};

    /// What a request brought: method and path, authorization, body.
    type Seen = Arc<Mutex<Vec<(String, Option<String>, Value)>>>;

    /// Answers as the service is documented to: evidence with a good token is taken.
    async fn service(State(seen): State<Seen>, request: Request) -> axum::response::Response {
        let (head, body) = request.into_parts();
        let token = head.headers.get("authorization");
        let token = token.map(|value| value.to_str().expect("text").to_owned());
        let body = axum::body::to_bytes(body, 1 << 20).await.expect("read");
        let body = serde_json::from_slice(&body).expect("JSON");
        let line = format!("{} {}", head.method, head.uri.path());
        let status = match token.as_deref() {
            None => 401,
            Some("Bearer good") => 201,
            Some(_) => 403,
        };
        seen.lock().expect("held").push((line, token, body));
        let answer = json!({"repository": "r", "name": "n.json", "uri": "r/.evidence/n.json"});
        (
            StatusCode::from_u16(status).expect("valid"),
            answer.to_string(),
        )
            .into_response()
    }

    async fn serve() -> (String, Seen) {
        let seen = Seen::default();
        let app = Router::new().fallback(service).with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("bound");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move { axum::serve(listener, app).await });
        (format!("http://{address}/artifactory-host/"), seen)
    }

    fn bundle() -> Bundle {
        submission(1, &keys()).bundle
    }

    #[tokio::test]
    async fn a_statement_is_posted_as_the_envelope_that_the_service_documents() {
        let (base, seen) = serve().await;
        let evidence = Evidence::open(&base, Some("good".into())).expect("opens");
        let deployed = evidence
            .deploy("npm-local/demo/-/demo 1.tgz", &bundle(), "remint")
            .await
            .expect("taken");
        assert_eq!(deployed.uri, "r/.evidence/n.json");
        let seen = seen.lock().expect("held");
        let (line, _, body) = &seen[0];
        assert_eq!(
            line,
            "POST /artifactory-host/evidence/api/v1/subject/npm-local/demo/-/demo%201.tgz"
        );
        assert_eq!(body["payloadType"], "application/vnd.in-toto+json");
        assert_eq!(body["signatures"][0]["keyid"], "remint");
        let decode = |value: &Value| {
            BASE64
                .decode(value.as_str().expect("text"))
                .expect("base64")
        };
        let statement: Value = serde_json::from_slice(&decode(&body["payload"])).expect("JSON");
        assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
        assert!(!decode(&body["signatures"][0]["sig"]).is_empty());
    }

    #[tokio::test]
    async fn a_refusal_says_what_is_wrong_with_the_token() {
        let (base, _) = serve().await;
        for (token, words) in [(None, "token is missing"), (Some("bad"), "annotate")] {
            let evidence = Evidence::open(&base, token.map(str::to_owned)).expect("opens");
            let error = evidence
                .deploy("r/f", &bundle(), "remint")
                .await
                .expect_err("refused")
                .to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(Evidence::open("ftp://a.example", None).is_err());
    }

    #[tokio::test]
    async fn a_service_that_is_not_there_is_named() {
        let evidence = Evidence::open("http://127.0.0.1:1/", None).expect("opens");
        let error = evidence
            .deploy("r/f", &bundle(), "k")
            .await
            .expect_err("refused");
        assert!(
            matches!(error, EvidenceError::Unreachable { .. }),
            "{error}"
        );
    }
}
