//! A P-256 key in an encrypted file.

use std::path::Path;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};

use super::{PrivateKeyDer, Signer};
use crate::attest::{Error, PublicKey};

/// A key that is held in memory once its file was opened.
pub struct KeyFile {
    key: SigningKey,
    public: PublicKey,
}

impl KeyFile {
    /// A new key from the system's random source.
    ///
    /// # Errors
    /// What the encoder of its public half says.
    pub fn generate() -> Result<Self, Error> {
        Self::new(SigningKey::generate())
    }

    /// Reads PKCS#8 in DER; `path` names the file in errors.
    ///
    /// # Errors
    /// [`Error::BadKey`].
    pub fn from_der(der: &PrivateKeyDer, path: &Path) -> Result<Self, Error> {
        let key = SigningKey::from_pkcs8_der(der.as_bytes()).map_err(|error| Error::BadKey {
            path: path.to_owned(),
            reason: format!("it holds no P-256 private key: {error}"),
        })?;
        Self::new(key)
    }

    fn new(key: SigningKey) -> Result<Self, Error> {
        let public = PublicKey::new(VerifyingKey::from(&key))?;
        Ok(Self { key, public })
    }

    /// PKCS#8 in DER.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn to_der(&self) -> Result<PrivateKeyDer, String> {
        let der = self.key.to_pkcs8_der().map_err(|error| error.to_string())?;
        Ok(PrivateKeyDer::new(der.as_bytes().to_vec()))
    }
}

impl Signer for KeyFile {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        // Deterministic (RFC 6979): the same statement gets the same signature.
        let signature: DerSignature = self.key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}
