//! Requests to registries: time-outs, bounded bodies, retries, and a cache of
//! metadata whose every answer is kept in the blob store by its digest.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Error;
use crate::model::{Digest, RegistryConfig, Sha256Digest, Sha512Digest, root_cause};
use crate::store::{self, Blob, Blobs};

/// The largest metadata document, in bytes: the largest packuments have some
/// tens of megabytes.
const MAX_METADATA: u64 = 128 << 20;
/// How long a metadata answer is used without asking again, in seconds. One
/// verification asks for the same documents several times.
const FRESH_SECONDS: i64 = 300;
/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Tries of one request, with the pauses between them doubling from this.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// The client that all registries share.
pub(super) struct Http {
    client: Client,
    blobs: Blobs,
    cache: PathBuf,
    /// SHA-512 of blobs that came in under it, to find them again.
    by_sha512: Mutex<HashMap<Sha512Digest, Sha256Digest>>,
}

/// What is remembered of a metadata answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Remembered {
    /// The body, in the blob store.
    body: Sha256Digest,
    etag: Option<String>,
    last_modified: Option<String>,
    /// When it was last asked for.
    asked: Timestamp,
}

impl Http {
    pub(super) fn open(blobs: Blobs, cache: &Path, config: &RegistryConfig) -> Result<Self, Error> {
        store::make_folder(cache)?;
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("remint/", env!("CARGO_PKG_VERSION")))
            // The bucket's client brings HTTP/2 into the same library; what is known of
            // registries that stall or cut short was learnt without it.
            .http1_only()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(Duration::from_secs(config.stall_seconds))
            .timeout(Duration::from_secs(config.longest_seconds))
            .build()
            .map_err(|error| Error::Client(error.to_string()))?;
        Ok(Self {
            client,
            blobs,
            cache: cache.to_owned(),
            by_sha512: Mutex::default(),
        })
    }

    /// A metadata document, from the cache while it is fresh, else asked for
    /// again. A document that is gone is [`Error::Absent`].
    pub(super) async fn metadata(
        &self,
        url: &Url,
        accept: &str,
        what: &str,
    ) -> Result<Bytes, Error> {
        self.metadata_within(MAX_METADATA, url, accept, what).await
    }

    /// A metadata document of so many bytes at most.
    pub(super) async fn metadata_within(
        &self,
        limit: u64,
        url: &Url,
        accept: &str,
        what: &str,
    ) -> Result<Bytes, Error> {
        let place = self.place(url, accept);
        let remembered = self.remembered(&place).await?;
        if let Some((remembered, body)) = &remembered
            && is_fresh(remembered.asked, Timestamp::now())
        {
            return Ok(body.clone());
        }
        let (mut entry, body) = self
            .retrying(|| self.ask(limit, url, accept, what, remembered.as_ref()))
            .await?;
        entry.asked = Timestamp::now();
        let text = serde_json::to_vec(&entry).expect("plain data serialises");
        store::write_durably(&place, &text)?;
        Ok(body)
    }

    fn place(&self, url: &Url, accept: &str) -> PathBuf {
        self.cache.join(format!(
            "{}.json",
            Sha256Digest::of(format!("{accept} {url}"))
        ))
    }

    async fn remembered(&self, place: &Path) -> Result<Option<(Remembered, Bytes)>, Error> {
        let read = std::fs::read(place).ok();
        let entry = read.and_then(|text| serde_json::from_slice::<Remembered>(&text).ok());
        let Some(entry) = entry else {
            return Ok(None);
        };
        let blob = self.blobs.get(&entry.body).await?;
        let body = blob.and_then(|path| std::fs::read(path).ok());
        // A blob that was damaged on disk is asked for again.
        let whole = body.filter(|body| Sha256Digest::of(body) == entry.body);
        Ok(whole.map(|body| (entry, Bytes::from(body))))
    }

    async fn ask(
        &self,
        limit: u64,
        url: &Url,
        accept: &str,
        what: &str,
        remembered: Option<&(Remembered, Bytes)>,
    ) -> Result<(Remembered, Bytes), Error> {
        let mut request = self.client.get(url.clone()).header(ACCEPT, accept);
        if let Some((entry, _)) = remembered {
            if let Some(etag) = &entry.etag {
                request = request.header(IF_NONE_MATCH, etag);
            }
            if let Some(date) = &entry.last_modified {
                request = request.header(IF_MODIFIED_SINCE, date);
            }
        }
        let response = request
            .send()
            .await
            .map_err(|error| connect(what, &error))?;
        if response.status() == StatusCode::NOT_MODIFIED
            && let Some((entry, body)) = remembered
        {
            return Ok((entry.clone(), body.clone()));
        }
        let response = success(response, what)?;
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok())
                .map(str::to_owned)
        };
        let (etag, last_modified) = (header(ETAG), header(LAST_MODIFIED));
        let blob = self.body(response, what, limit).await?;
        let blob = blob.finish().await?;
        let body = std::fs::read(&blob.path)
            .map_err(|error| store::Error::io("read", &blob.path, error))?;
        let entry = Remembered {
            body: blob.sha256,
            etag,
            last_modified,
            asked: Timestamp::now(),
        };
        Ok((entry, Bytes::from(body)))
    }

    /// Downloads a file into the blob store; what does not have every one of
    /// `digests` is not kept.
    pub(super) async fn download(
        &self,
        url: &Url,
        name: &str,
        limit: u64,
        digests: &[Digest],
    ) -> Result<Blob, Error> {
        let blob = self
            .retrying(|| async {
                let response = self
                    .client
                    .get(url.clone())
                    .send()
                    .await
                    .map_err(|error| connect(name, &error))?;
                let writer = self.body(success(response, name)?, name, limit).await?;
                let (sha256, sha512) = writer.digests();
                let preview = Blob {
                    sha256,
                    sha512,
                    size: writer.size(),
                    path: PathBuf::new(),
                };
                super::check(name, digests, &preview)?;
                Ok(writer.finish().await?)
            })
            .await?;
        self.remember_sha512(&blob)?;
        Ok(blob)
    }

    /// The blob that one of the digests names, where the store has it.
    pub(super) async fn known(&self, digests: &[Digest]) -> Result<Option<Blob>, Error> {
        for digest in digests {
            let sha256 = match digest {
                Digest::Sha256(sha256) => Some(*sha256),
                Digest::Sha512(sha512) => self.sha256_of(sha512),
            };
            if let Some(sha256) = sha256
                && let Some(path) = self.blobs.get(&sha256).await?
            {
                return read_blob(&path).map(Some);
            }
        }
        Ok(None)
    }

    fn sha512_place(&self, digest: &Sha512Digest) -> PathBuf {
        self.cache.join("sha512").join(digest.to_string())
    }

    fn sha256_of(&self, digest: &Sha512Digest) -> Option<Sha256Digest> {
        let mut known = lock(&self.by_sha512);
        if let Some(found) = known.get(digest) {
            return Some(*found);
        }
        let place = self.sha512_place(digest);
        let text = std::fs::read_to_string(&place).ok()?;
        store::note_use(&place);
        let found = text.trim().parse().ok()?;
        known.insert(*digest, found);
        Some(found)
    }

    /// Notes under which SHA-256 a blob with this SHA-512 lies. Only an aid to
    /// find it: what is found is hashed again before it is used.
    fn remember_sha512(&self, blob: &Blob) -> Result<(), Error> {
        lock(&self.by_sha512).insert(blob.sha512, blob.sha256);
        store::write_durably(
            &self.sha512_place(&blob.sha512),
            blob.sha256.to_string().as_bytes(),
        )?;
        Ok(())
    }

    /// Reads a body into a blob that is not finished yet.
    async fn body(
        &self,
        response: Response,
        what: &str,
        limit: u64,
    ) -> Result<store::BlobWriter, Error> {
        let promised = response.content_length();
        let mut writer = self.blobs.writer(what, limit)?;
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| Error::Truncated {
                what: what.to_owned(),
                reason: root_cause(&error),
            })?;
            writer.append(&chunk).map_err(|error| match error {
                store::Error::TooLarge { what, limit } => Error::TooLarge { what, limit },
                other => other.into(),
            })?;
        }
        match promised {
            Some(promised) if promised != writer.size() => Err(Error::Truncated {
                what: what.to_owned(),
                reason: format!("{} of {promised} bytes came", writer.size()),
            }),
            _ => Ok(writer),
        }
    }

    async fn retrying<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match attempt().await {
                Err(error) if error.is_passing() => {
                    tracing::debug!(%error, ?pause, "trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        attempt().await
    }
}

/// Whether an answer may be used without asking again. One from the future is not: the
/// clock was set back, and nobody knows how old it is.
fn is_fresh(asked: Timestamp, now: Timestamp) -> bool {
    (0..FRESH_SECONDS).contains(&(now.as_second() - asked.as_second()))
}

/// A blob on disk, hashed again.
fn read_blob(path: &Path) -> Result<Blob, Error> {
    let bytes = std::fs::read(path).map_err(|error| store::Error::io("read", path, error))?;
    Ok(Blob {
        sha256: Sha256Digest::of(&bytes),
        sha512: Sha512Digest::of(&bytes),
        size: bytes.len() as u64,
        path: path.to_owned(),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What a panicking thread left is only an aid to find blobs.
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn success(response: Response, what: &str) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        Ok(response)
    } else if matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
        // Object stores behind some indexes answer so for what is not there.
        || status == StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS
    {
        Err(Error::Absent {
            what: what.to_owned(),
        })
    } else {
        Err(Error::Status {
            what: what.to_owned(),
            status: status.as_u16(),
        })
    }
}

fn connect(what: &str, error: &reqwest::Error) -> Error {
    Error::Connect {
        what: what.to_owned(),
        reason: root_cause(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_used_again_for_some_minutes_and_never_one_from_the_future() {
        let now = Timestamp::from_second(1_000_000).expect("in range");
        let asked = |second| Timestamp::from_second(second).expect("in range");
        assert!(is_fresh(asked(1_000_000), now));
        assert!(is_fresh(asked(1_000_001 - FRESH_SECONDS), now));
        assert!(!is_fresh(asked(1_000_000 - FRESH_SECONDS), now));
        assert!(!is_fresh(asked(1_000_001), now));
    }
}
