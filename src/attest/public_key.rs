//! Public keys of those who sign statements: ECDSA over P-256 with SHA-256
//! (FIPS 186-5), the one algorithm that `hashedrekord` 0.0.2 takes everywhere.

use p256::ecdsa::VerifyingKey;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use super::Error;
use crate::model::Sha256Digest;

/// A key that verifies statements. Its identity is the SHA-256 of its SPKI DER form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The point, not compressed (SEC 1, section 2.3.3).
    point: Vec<u8>,
    der: Vec<u8>,
    pem: String,
    id: Sha256Digest,
}

impl PublicKey {
    /// Reads SPKI in PEM.
    ///
    /// # Errors
    /// [`Error::BadPublicKey`].
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let key = VerifyingKey::from_public_key_pem(pem)
            .map_err(|error| Error::BadPublicKey(error.to_string()))?;
        Self::new(key)
    }

    /// Reads SPKI in DER.
    ///
    /// # Errors
    /// [`Error::BadPublicKey`].
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let key = VerifyingKey::from_public_key_der(der)
            .map_err(|error| Error::BadPublicKey(error.to_string()))?;
        Self::new(key)
    }

    /// Reads a point (SEC 1, section 2.3.4), as tokens give it.
    ///
    /// # Errors
    /// [`Error::BadPublicKey`].
    pub fn from_point(point: &[u8]) -> Result<Self, Error> {
        let key = VerifyingKey::from_sec1_bytes(point)
            .map_err(|error| Error::BadPublicKey(error.to_string()))?;
        Self::new(key)
    }

    pub(super) fn new(key: VerifyingKey) -> Result<Self, Error> {
        let bad = |error: p256::pkcs8::spki::Error| Error::BadPublicKey(error.to_string());
        let der = key.to_public_key_der().map_err(bad)?.into_vec();
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(bad)?;
        let id = Sha256Digest::of(&der);
        let point = key.to_sec1_point(false).as_bytes().to_vec();
        Ok(Self {
            point,
            der,
            pem,
            id,
        })
    }

    /// SPKI in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// SPKI in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key's identity, which is a bundle's hint too.
    pub fn id(&self) -> Sha256Digest {
        self.id
    }

    /// Whether `signature` (DER) is by this key over `message`. By ring, which is
    /// several times as fast as `p256`: a store verifies each record that it answers
    /// from.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point)
            .verify(message, signature)
            .is_ok()
    }
}
