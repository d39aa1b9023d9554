//! Files by the SHA-256 of their content, written once.

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use super::durable::{persist, readable};
use super::{Error, Thing, files_below, make_folder, note_use};
use crate::model::{Sha256Digest, Sha512Digest};

/// A store of blobs in one folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
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
        })
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
    pub fn put(&self, bytes: &[u8]) -> Result<Blob, Error> {
        let mut writer = self.writer("a blob", u64::MAX)?;
        writer.append(bytes)?;
        writer.finish()
    }

    /// The file of a blob, where the store has it. Asking for one is using it.
    pub fn get(&self, digest: &Sha256Digest) -> Option<PathBuf> {
        let path = self.path_of(digest);
        note_use(&path).then_some(path)
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

    /// Puts the blob in its place, durably. A blob that is there already stays as
    /// it is: its name is its content.
    ///
    /// # Errors
    /// [`Error`] from the disk.
    pub fn finish(self) -> Result<Blob, Error> {
        let (sha256, sha512) = self.digests();
        let path = self.store.path_of(&sha256);
        if !note_use(&path) {
            if let Some(folder) = path.parent() {
                make_folder(folder)?;
            }
            readable(self.file.as_file(), 0o444)
                .map_err(|error| Error::io("set the mode of", &path, error))?;
            persist(self.file, &path)?;
        }
        Ok(Blob {
            sha256,
            sha512,
            size: self.size,
            path,
        })
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

    #[test]
    fn a_blob_is_found_by_its_digest_and_written_once() {
        let folder = tempfile::tempdir().expect("temp");
        let blobs = Blobs::open(folder.path()).expect("open");
        let first = blobs.put(b"abc").expect("put");
        let second = blobs.put(b"abc").expect("put again");
        assert_eq!(first, second);
        assert_eq!(first.sha256, Sha256Digest::of(b"abc"));
        assert_eq!(first.sha512, Sha512Digest::of(b"abc"));
        let read_back = digest_file(&first.path).expect("reads");
        assert_eq!(read_back, (first.sha256, first.size));
        assert_eq!(
            blobs.get(&first.sha256).as_deref(),
            Some(first.path.as_path())
        );
        assert!(
            std::fs::metadata(&first.path)
                .expect("there")
                .permissions()
                .readonly()
        );
        assert!(blobs.get(&Sha256Digest::of(b"other")).is_none());
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
}
