//! Files by the SHA-256 of their content, written once.
//!
//! A folder has them; where a fleet has a bucket, the folder is the machine's copy of what
//! was used here, and the bucket has everything. A blob is stored when the bucket has it.
//! One that comes from there is hashed before anything reads it: the bucket is not
//! trusted.

use std::collections::HashSet;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use sha2::Digest as _;

use super::durable::{persist, readable};
use super::{Bucket, Error, Thing, files_below, make_folder, note_use};
use crate::model::{Sha256Digest, Sha512Digest};

/// The largest blob that is fetched from a bucket, in bytes: above every artifact and
/// toolchain, below what fills a disk unnoticed.
const MAX_FETCHED: u64 = 4 << 30;

/// The folder of blobs in a bucket.
const IN_BUCKET: &str = "blobs";

/// A store of blobs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
    bucket: Option<Bucket>,
}

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// SHA-256 of the content, and the blob's name.
    pub sha256: Sha256Digest,
    /// SHA-512 of the content.
    pub sha512: Sha512Digest,
    /// Size in bytes.
    pub size: u64,
    /// Where it is; read-only.
    pub path: PathBuf,
}

impl Blobs {
    /// Opens the store, making its folder if it is missing.
    ///
    /// # Errors
    /// [`Error`] where the folder cannot be made.
    pub fn open(root: &Path) -> Result<Self, Error> {
        make_folder(&root.join("sha256"))?;
        Ok(Self {
            root: root.to_owned(),
            bucket: None,
        })
    }

    /// The same store with a bucket behind it.
    #[must_use]
    pub fn behind(self, bucket: Option<Bucket>) -> Self {
        Self { bucket, ..self }
    }

    /// The bucket behind it.
    pub const fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// A writer for one new blob of at most `limit` bytes; `what` names it in errors.
    ///
    /// # Errors
    /// [`Error`] where no file can be made.
    pub fn writer(&self, what: &str, limit: u64) -> Result<BlobWriter, Error> {
        let file = tempfile::Builder::new()
            .prefix(".incoming-")
            .tempfile_in(&self.root)
            .map_err(|error| Error::io("create a file in", &self.root, error))?;
        Ok(BlobWriter {
            store: self.clone(),
            file,
            sha256: sha2::Sha256::new(),
            sha512: sha2::Sha512::new(),
            size: 0,
            limit,
            what: what.to_owned(),
        })
    }

    /// Stores `bytes`.
    ///
    /// # Errors
    /// [`Error`] where they cannot be written.
    pub async fn put(&self, bytes: &[u8]) -> Result<Blob, Error> {
        let mut writer = self.writer("a blob", u64::MAX)?;
        writer.append(bytes)?;
        writer.finish().await
    }

    /// The file of a blob, where the store has it. Asking for one is using it.
    ///
    /// # Errors
    /// [`Error::Lies`] where the bucket has something else under the digest, and
    /// [`Error`] where it cannot be asked or the file cannot be written. A folder alone
    /// has no errors: what cannot be read there is not there.
    pub async fn get(&self, digest: &Sha256Digest) -> Result<Option<PathBuf>, Error> {
        let path = self.path_of(digest);
        if note_use(&path) {
            return Ok(Some(path));
        }
        match &self.bucket {
            None => Ok(None),
            Some(bucket) => self.fetch(bucket, digest).await,
        }
    }

    /// Whether the store has a blob, wherever.
    ///
    /// # Errors
    /// [`Error::Bucket`] where the bucket cannot be asked.
    pub async fn has(&self, digest: &Sha256Digest) -> Result<bool, Error> {
        if note_use(&self.path_of(digest)) {
            return Ok(true);
        }
        match &self.bucket {
            None => Ok(false),
            Some(bucket) => bucket.has(&[IN_BUCKET, &digest.to_string()]).await,
        }
    }

    /// Every blob that the bucket has, whatever the folder has; none without a bucket.
    ///
    /// # Errors
    /// [`Error::Bucket`] where it cannot be asked.
    pub async fn in_bucket(&self) -> Result<HashSet<Sha256Digest>, Error> {
        let Some(bucket) = &self.bucket else {
            return Ok(HashSet::new());
        };
        let mut found = HashSet::new();
        bucket
            .names_below(&[IN_BUCKET], &mut |name| {
                found.extend(name.parse::<Sha256Digest>())
            })
            .await?;
        Ok(found)
    }

    async fn fetch(
        &self,
        bucket: &Bucket,
        digest: &Sha256Digest,
    ) -> Result<Option<PathBuf>, Error> {
        let name = digest.to_string();
        let Some(mut download) = bucket.get(&[IN_BUCKET, &name]).await? else {
            return Ok(None);
        };
        let mut writer = self.writer(&name, MAX_FETCHED)?;
        while let Some(chunk) = download.try_next().await? {
            writer.append(&chunk)?;
        }
        let (found, _) = writer.digests();
        if found != *digest {
            return Err(Error::Lies {
                key: format!("{IN_BUCKET}/{name}"),
                bucket: bucket.address().to_string(),
                found: format!("the SHA-256 {found} ({} bytes)", writer.size()),
            });
        }
        writer.keep(digest).map(Some)
    }

    /// Every file of the store with the digest that it has for a name; what a killed
    /// writer left has none.
    ///
    /// # Errors
    /// [`Error`] where the folder cannot be read.
    pub fn things(&self) -> Result<Vec<(Thing, Option<Sha256Digest>)>, Error> {
        let things = files_below(&self.root)?;
        Ok(things
            .into_iter()
            .map(|thing| {
                let digest = digest_of(&thing.path);
                (thing, digest)
            })
            .collect())
    }

    fn path_of(&self, digest: &Sha256Digest) -> PathBuf {
        let name = digest.to_string();
        // Two levels keep each folder small enough to list.
        self.root.join("sha256").join(&name[..2]).join(&name[2..])
    }
}

/// A blob that is being written; without [`finish`](Self::finish) nothing stays.
pub struct BlobWriter {
    store: Blobs,
    file: tempfile::NamedTempFile,
    sha256: sha2::Sha256,
    sha512: sha2::Sha512,
    size: u64,
    limit: u64,
    what: String,
}

impl BlobWriter {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past the limit, [`Error::Full`] and [`Error::Io`] from the disk.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.limit {
            return Err(Error::TooLarge {
                what: self.what.clone(),
                limit: self.limit,
            });
        }
        self.sha256.update(bytes);
        self.sha512.update(bytes);
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io("write a blob in", &self.store.root, error))
    }

    /// What was written so far, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digests of what was written so far.
    pub fn digests(&self) -> (Sha256Digest, Sha512Digest) {
        (
            Sha256Digest::from_bytes(self.sha256.clone().finalize().into()),
            Sha512Digest::from_bytes(self.sha512.clone().finalize().into()),
        )
    }

    /// Puts the blob in its place, durably. A blob that is there already stays as it is: its
    /// name is its content. Where there is a bucket it goes there first, so that what the
    /// folder has after this is in the bucket too, whatever ends in between.
    ///
    /// # Errors
    /// [`Error`] from the disk or the bucket; then nothing was stored, or the bucket alone
    /// has it.
    pub async fn finish(self) -> Result<Blob, Error> {
        let (sha256, sha512) = self.digests();
        let size = self.size;
        if let Some(bucket) = &self.store.bucket {
            let name = sha256.to_string();
            let name = [IN_BUCKET, &name];
            let is_known = note_use(&self.store.path_of(&sha256)) && bucket.has(&name).await?;
            if !is_known {
                bucket.create(&name, self.file.path()).await?;
            }
        }
        let path = self.keep(&sha256)?;
        Ok(Blob {
            sha256,
            sha512,
            size,
            path,
        })
    }

    /// Puts the file in its place in the folder.
    fn keep(self, sha256: &Sha256Digest) -> Result<PathBuf, Error> {
        let path = self.store.path_of(sha256);
        if !note_use(&path) {
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
            readable(self.file.as_file(), 0o444)
                .map_err(|error| Error::io("set the mode of", &path, error))?;
            persist(self.file, &path)?;
        }
        Ok(path)
    }
}

/// The digest that a blob's path names.
fn digest_of(path: &Path) -> Option<Sha256Digest> {
    let head = path.parent()?.file_name()?.to_str()?;
    format!("{head}{}", path.file_name()?.to_str()?)
        .parse()
        .ok()
}

/// SHA-256 and size in bytes of a file, read as a stream.
///
/// # Errors
/// [`Error::Io`] where it cannot be read.
pub fn digest_file(path: &Path) -> Result<(Sha256Digest, u64), Error> {
    let failed = |error| Error::io("read", path, error);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size = 0;
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok((Sha256Digest::from_bytes(hasher.finalize().into()), size)),
            count => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::bucket_in_memory;

    #[tokio::test]
    async fn a_blob_is_found_by_its_digest_and_written_once() {
        let folder = tempfile::tempdir().expect("temp");
        let blobs = Blobs::open(folder.path()).expect("open");
        let first = blobs.put(b"abc").await.expect("put");
        let second = blobs.put(b"abc").await.expect("put again");
        assert_eq!(first, second);
        assert_eq!(first.sha256, Sha256Digest::of(b"abc"));
        assert_eq!(first.sha512, Sha512Digest::of(b"abc"));
        let read_back = digest_file(&first.path).expect("reads");
        assert_eq!(read_back, (first.sha256, first.size));
        let found = blobs.get(&first.sha256).await.expect("no bucket");
        assert_eq!(found.as_ref(), Some(&first.path));
        assert!(
            std::fs::metadata(&first.path)
                .expect("there")
                .permissions()
                .readonly()
        );
        let other = Sha256Digest::of(b"other");
        assert_eq!(blobs.get(&other).await.expect("no bucket"), None);
    }

    #[test]
    fn an_unfinished_or_oversized_blob_leaves_nothing() {
        let folder = tempfile::tempdir().expect("temp");
        let blobs = Blobs::open(folder.path()).expect("open");
        let mut writer = blobs.writer("demo.crate", 4).expect("writer");
        writer.append(b"abcd").expect("at the limit");
        let error = writer.append(b"e").expect_err("past the limit");
        assert!(error.to_string().contains("demo.crate"), "{error}");
        drop(writer);
        let files = std::fs::read_dir(folder.path()).expect("list").count();
        assert_eq!(files, 1, "only the sha256 folder");
    }

    /// Two machines of a fleet.
    fn fleet() -> (tempfile::TempDir, Bucket, [Blobs; 2]) {
        let folder = tempfile::tempdir().expect("temp");
        let bucket = bucket_in_memory();
        let blobs = ["one", "other"].map(|name| {
            let blobs = Blobs::open(&folder.path().join(name)).expect("open");
            blobs.behind(Some(bucket.clone()))
        });
        (folder, bucket, blobs)
    }

    #[tokio::test]
    async fn what_one_machine_stores_another_has_and_keeps() {
        let (_folder, _, [one, other]) = fleet();
        let stored = one.put(b"abc").await.expect("put");
        assert!(other.has(&stored.sha256).await.expect("asks"));
        let found = other.get(&stored.sha256).await.expect("gets");
        let path = found.expect("there");
        assert_ne!(path, stored.path);
        assert_eq!(std::fs::read(&path).expect("read"), b"abc");
        let here = other.things().expect("lists");
        assert_eq!(here[0].1, Some(stored.sha256));
        let unknown = Sha256Digest::of(b"unknown");
        assert_eq!(other.get(&unknown).await.expect("asks"), None);
        assert!(!other.has(&unknown).await.expect("asks"));
        let everything = other.in_bucket().await.expect("lists");
        assert_eq!(everything, HashSet::from([stored.sha256]));
    }

    #[tokio::test]
    async fn a_bucket_that_lies_is_named_and_nothing_is_kept_of_it() {
        let (folder, bucket, [one, other]) = fleet();
        let digest = Sha256Digest::of(b"abc");
        let wrong = folder.path().join("wrong");
        std::fs::write(&wrong, b"abd").expect("write");
        let name = digest.to_string();
        bucket
            .create(&[IN_BUCKET, &name], &wrong)
            .await
            .expect("put");
        let error = other.get(&digest).await.expect_err("a lie").to_string();
        assert!(error.contains(&format!("blobs/{name}")), "{error}");
        assert!(error.contains("s3://in-memory/prefix"), "{error}");
        assert!(other.things().expect("lists").is_empty());
        // Who has the right content does not replace what is there: it is for a person.
        one.put(b"abc").await.expect("put");
        assert!(other.get(&digest).await.is_err());
    }
}
