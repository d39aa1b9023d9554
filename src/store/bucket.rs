//! A bucket of a fleet: files by name, on any server that speaks S3.
//!
//! It takes and gives files; what they mean is others' to say, and what comes out is
//! theirs to check. It never deletes anything, and never replaces what it is asked to
//! create. Memory does not grow with a file's size.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::path::{Path as Key, PathPart};
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, PutMode, RetryConfig,
    WriteMultipart,
};
use tokio::io::AsyncReadExt as _;

use super::Error;
use crate::model::{BucketAddress, BucketConfig, printable, root_cause};

/// Larger files go up in parts of this size. A part is held in memory and must be through
/// within [`SILENCE`]; the smallest that S3 takes is 5 MiB (Amazon S3 user guide,
/// "Multipart upload limits").
const PART: usize = 8 << 20;

/// Parts of one file that are under way at once.
const PARTS_AT_ONCE: usize = 4;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the server may stay silent.
const SILENCE: Duration = Duration::from_secs(60);

/// A request that failed is tried again so often, after a tenth of a second, two tenths
/// and so on: a server that restarts is waited for, and one that is gone costs a job
/// seconds. What is longer is the queue's to try again.
const RETRIES: usize = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);

/// The longest reason that is kept of what a server answers.
const LONGEST_REASON: usize = 300;

/// An open bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    address: BucketAddress,
}

/// A file's content on its way down, in chunks.
pub(super) type Download = BoxStream<'static, Result<Bytes, Error>>;

impl Bucket {
    /// Opens a bucket; nothing is asked of it yet. Of `variables`, the environment's, those
    /// that begin with `AWS_` say who may (AWS SDKs and tools reference guide,
    /// "Environment variables").
    ///
    /// # Errors
    /// [`Error::Bucket`] where the settings do not fit.
    pub fn open(
        config: &BucketConfig,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = AmazonS3Builder::new();
        for (name, value) in variables {
            if name.starts_with("AWS_")
                && let Ok(key) = name.to_ascii_lowercase().parse()
            {
                builder = builder.with_config(key, value);
            }
        }
        builder = builder
            .with_bucket_name(config.address.name())
            .with_virtual_hosted_style_request(!config.path_style)
            .with_client_options(
                ClientOptions::new()
                    .with_allow_http(config.allow_http)
                    .with_connect_timeout(CONNECT_TIMEOUT)
                    .with_read_timeout(SILENCE)
                    // A large file may take long, as long as something comes.
                    .with_timeout_disabled(),
            )
            .with_retry(RetryConfig {
                backoff: BackoffConfig {
                    init_backoff: FIRST_PAUSE,
                    max_backoff: LONGEST_PAUSE,
                    base: 2.0,
                },
                max_retries: RETRIES,
                retry_timeout: RETRY_TIMEOUT,
            });
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        if let Some(region) = &config.region {
            builder = builder.with_region(region);
        }
        let address = config.address.clone();
        match builder.build() {
            Ok(store) => Ok(Self {
                store: Arc::new(store),
                address,
            }),
            Err(error) => Err(failed(&address, "open", "it", &error)),
        }
    }

    /// Which bucket it is.
    pub fn address(&self) -> &BucketAddress {
        &self.address
    }

    /// Asks for something small, for `doctor`.
    ///
    /// # Errors
    /// [`Error::Bucket`] with what stood in the way.
    pub async fn check(&self) -> Result<(), Error> {
        let key = self.key(&["blobs"]);
        match self.store.list(Some(&key)).next().await {
            Some(Err(error)) => Err(failed(&self.address, "list", "objects", &error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    /// Whether it has a file of this name.
    ///
    /// # Errors
    /// [`Error::Bucket`] where it cannot be asked.
    pub async fn has(&self, name: &[&str]) -> Result<bool, Error> {
        let key = self.key(name);
        let found = self.exists(&key).await;
        found.map_err(|error| failed(&self.address, "look for", key.as_ref(), &error))
    }

    /// Puts a file there unless there is one of its name, which then stays.
    ///
    /// # Errors
    /// [`Error::Bucket`] where it cannot be put, [`Error::Io`] where it cannot be read.
    pub async fn create(&self, name: &[&str], file: &Path) -> Result<(), Error> {
        self.put(name, file, PutMode::Create).await
    }

    /// Puts a file there, in the place of one of its name.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn replace(&self, name: &[&str], file: &Path) -> Result<(), Error> {
        self.put(name, file, PutMode::Overwrite).await
    }

    async fn put(&self, name: &[&str], path: &Path, mode: PutMode) -> Result<(), Error> {
        let key = self.key(name);
        let unreadable = |error| Error::io("read", path, error);
        let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let size = file.metadata().await.map_err(unreadable)?.len();
        if size > PART as u64 {
            return self.put_in_parts(&key, file, path, mode).await;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.map_err(unreadable)?;
        match self.store.put_opts(&key, bytes.into(), mode.into()).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(failed(&self.address, "store", key.as_ref(), &error)),
        }
    }

    /// The parts are nothing's content until the last request names them all. No such
    /// request has a condition here, so what must not replace anything looks once more
    /// before it; who comes in between has the same content under the same name.
    async fn put_in_parts(
        &self,
        key: &Key,
        mut file: tokio::fs::File,
        path: &Path,
        mode: PutMode,
    ) -> Result<(), Error> {
        let creates = mode == PutMode::Create;
        let failed = |error| failed(&self.address, "store", key.as_ref(), &error);
        if creates && self.exists(key).await.map_err(failed)? {
            return Ok(());
        }
        let upload = self.store.put_multipart(key).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let sent = async {
            let mut buffer = vec![0; PART];
            loop {
                match file.read(&mut buffer).await {
                    Ok(0) => break,
                    Ok(count) => upload.write(&buffer[..count]),
                    Err(error) => return Err(Error::io("read", path, error)),
                }
                // A part under way is in memory, so few are.
                upload
                    .wait_for_capacity(PARTS_AT_ONCE)
                    .await
                    .map_err(failed)?;
            }
            Ok(creates && self.exists(key).await.map_err(failed)?)
        }
        .await;
        match sent {
            Ok(false) => upload.finish().await.map(drop).map_err(failed),
            given_up => {
                // Where this fails too, the bucket's own rule for uploads that were left ends it.
                let _ = upload.abort().await;
                given_up.map(drop)
            }
        }
    }

    async fn exists(&self, key: &Key) -> object_store::Result<bool> {
        match self.store.head(key).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A file's content; none where there is no such file.
    ///
    /// # Errors
    /// [`Error::Bucket`] where it cannot be read.
    pub(super) async fn get(&self, name: &[&str]) -> Result<Option<Download>, Error> {
        let key = self.key(name);
        let got = match self.store.get(&key).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&self.address, "read", key.as_ref(), &error)),
        };
        let address = self.address.clone();
        let chunks = got.into_stream();
        Ok(Some(
            chunks
                .map_err(move |error| failed(&address, "read", key.as_ref(), &error))
                .boxed(),
        ))
    }

    /// Fetches a small file into its place; returns whether there was one.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past `limit`, [`Error::Bucket`] and what the disk says.
    pub async fn fetch(&self, name: &[&str], to: &Path, limit: u64) -> Result<bool, Error> {
        let Some(mut download) = self.get(name).await? else {
            return Ok(false);
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = download.try_next().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                return Err(Error::TooLarge {
                    what: name.join("/"),
                    limit,
                });
            }
        }
        super::write_durably(to, &bytes)?;
        Ok(true)
    }

    /// Hands over the last part of every name below a folder.
    ///
    /// # Errors
    /// [`Error::Bucket`] where they cannot be listed.
    pub(super) async fn names_below(
        &self,
        folder: &[&str],
        visit: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Error> {
        let key = self.key(folder);
        let mut objects = self.store.list(Some(&key));
        loop {
            match objects.try_next().await {
                Ok(Some(object)) => visit(object.location.filename().unwrap_or_default()),
                Ok(None) => return Ok(()),
                Err(error) => return Err(failed(&self.address, "list", key.as_ref(), &error)),
            }
        }
    }

    /// The bucket's name of a file. What a name must not hold is encoded.
    fn key(&self, name: &[&str]) -> Key {
        let prefix = self
            .address
            .prefix()
            .split('/')
            .filter(|part| !part.is_empty());
        prefix
            .chain(name.iter().flat_map(|part| part.split('/')))
            .map(PathPart::from)
            .collect()
    }
}

/// A bucket in memory.
#[cfg(test)]
pub(crate) fn in_memory() -> Bucket {
    let text = "[store]\nbucket = \"s3://in-memory/prefix\"\n";
    let config = crate::model::Config::parse(text, "test").expect("valid");
    Bucket {
        store: Arc::new(object_store::memory::InMemory::new()),
        address: config.store.bucket.expect("a bucket").address,
    }
}

/// The innermost cause, without the server's address: records name packages, not places.
fn failed(
    address: &BucketAddress,
    action: &'static str,
    what: &str,
    error: &object_store::Error,
) -> Error {
    let mut reason = printable(&root_cause(error), false);
    if let Some((end, _)) = reason.char_indices().nth(LONGEST_REASON) {
        reason.truncate(end);
    }
    Error::Bucket {
        action,
        what: what.to_owned(),
        bucket: address.to_string(),
        reason,
    }
}
