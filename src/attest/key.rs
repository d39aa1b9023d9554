//! Signing keys: ECDSA over P-256 with SHA-256 (FIPS 186-5). The key file is not
//! encrypted; its folder and mode keep others out, and encryption, tokens and
//! key services come with the trust store.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use super::Error;
use crate::model::Sha256Digest;
use crate::store;

/// The private key's file.
const PRIVATE: &str = "attest.pem";
/// The public key's file, for those who verify.
const PUBLIC: &str = "attest.pub.pem";

/// Who signs: bytes in, a DER signature out.
pub trait Signer: Send + Sync {
    /// Signs `message` (ECDSA P-256, SHA-256, DER).
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error>;

    /// The public key (SPKI PEM).
    fn public_key_pem(&self) -> String;

    /// SHA-256 of the public key (SPKI DER) in hexadecimal.
    fn key_id(&self) -> String;
}

/// A key in a file.
pub struct KeyFile {
    key: SigningKey,
    public_pem: String,
    id: String,
}

impl KeyFile {
    /// Opens the key in `folder`, making one on first use. A file that is there
    /// is never overwritten.
    ///
    /// # Errors
    /// [`Error::BadKey`], [`Error::OpenKey`], or the file system's.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(PRIVATE);
        if !path.exists() {
            make(folder, &path)?;
        }
        let metadata =
            std::fs::metadata(&path).map_err(|error| store::Error::io("read", &path, error))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::OpenKey { path, mode });
        }
        let pem = std::fs::read_to_string(&path)
            .map_err(|error| store::Error::io("read", &path, error))?;
        let bad = |reason: String| Error::BadKey {
            path: path.clone(),
            reason,
        };
        let key = SigningKey::from_pkcs8_pem(&pem).map_err(|error| bad(error.to_string()))?;
        let public = VerifyingKey::from(&key);
        let der = public
            .to_public_key_der()
            .map_err(|error| bad(error.to_string()))?;
        let public_pem = public
            .to_public_key_pem(LineEnding::LF)
            .map_err(|error| bad(error.to_string()))?;
        Ok(Self {
            key,
            public_pem,
            id: Sha256Digest::of(der.as_bytes()).to_string(),
        })
    }
}

fn make(folder: &Path, path: &Path) -> Result<(), Error> {
    store::make_folder(folder)?;
    let io = |error| store::Error::io("write", path, error);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(io)?;
    let key = SigningKey::generate();
    let bad = |reason: String| Error::BadKey {
        path: path.to_owned(),
        reason,
    };
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| bad(error.to_string()))?;
    // Readable by nobody else from the first byte on.
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(io)?;
    file.write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(io)?;
    let public = VerifyingKey::from(&key)
        .to_public_key_pem(LineEnding::LF)
        .map_err(|error| bad(error.to_string()))?;
    store::write_durably(&folder.join(PUBLIC), public.as_bytes())?;
    Ok(())
}

impl Signer for KeyFile {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: DerSignature = self.key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn public_key_pem(&self) -> String {
        self.public_pem.clone()
    }

    fn key_id(&self) -> String {
        self.id.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_private() {
        let folder = tempfile::tempdir().expect("temp");
        let first = KeyFile::open(folder.path()).expect("made").key_id();
        assert_eq!(KeyFile::open(folder.path()).expect("read").key_id(), first);
        let mode = std::fs::metadata(folder.path().join(PRIVATE))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("temp");
        KeyFile::open(folder.path()).expect("made");
        let path = folder.path().join(PRIVATE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        let error = KeyFile::open(folder.path())
            .err()
            .expect("refused")
            .to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_broken_key_is_named_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("temp");
        KeyFile::open(folder.path()).expect("made");
        let path = folder.path().join(PRIVATE);
        std::fs::write(&path, "broken").expect("write");
        assert!(matches!(
            KeyFile::open(folder.path()),
            Err(Error::BadKey { .. })
        ));
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "broken");
    }
}
