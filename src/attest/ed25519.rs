//! Ed25519 (RFC 8032): the keys of the log and of links.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use super::{Error, PrivateKeyDer};
use crate::model::Sha256Digest;

/// A private key.
pub struct Ed25519Key(SigningKey);

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed25519PublicKey(VerifyingKey);

impl Ed25519Key {
    /// A new key from the system's random source.
    pub fn generate() -> Self {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).expect("the system gives random bytes");
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads PKCS#8 in DER.
    ///
    /// # Errors
    /// Why it is no such key.
    pub fn from_der(der: &PrivateKeyDer) -> Result<Self, String> {
        SigningKey::from_pkcs8_der(der.as_bytes())
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// PKCS#8 in DER.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn to_der(&self) -> Result<PrivateKeyDer, String> {
        let der = self.0.to_pkcs8_der().map_err(|error| error.to_string())?;
        Ok(PrivateKeyDer::new(der.as_bytes().to_vec()))
    }

    /// Reads PKCS#8 in PEM (RFC 7468, section 10), as `openssl genpkey` writes it too.
    ///
    /// # Errors
    /// Why it is no such key.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        SigningKey::from_pkcs8_pem(pem)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// PKCS#8 in PEM.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn to_pem(&self) -> Result<zeroize::Zeroizing<String>, String> {
        self.0
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| error.to_string())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// Its public half.
    pub fn public_key(&self) -> Ed25519PublicKey {
        Ed25519PublicKey(self.0.verifying_key())
    }
}

impl Ed25519PublicKey {
    /// Reads SPKI in PEM.
    ///
    /// # Errors
    /// [`Error::BadPublicKey`].
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        // rebuilderd writes the algorithm's parameters as an explicit NULL, which
        // RFC 8410, section 3 forbids and its readers ask for; the key is the same.
        if let Some(key) = from_spki_with_null(pem) {
            return key;
        }
        VerifyingKey::from_public_key_pem(pem)
            .map(Self)
            .map_err(|error| Error::BadPublicKey(error.to_string()))
    }

    /// Reads the 32 bytes of RFC 8032, section 5.1.5.
    ///
    /// # Errors
    /// [`Error::BadPublicKey`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        VerifyingKey::from_bytes(bytes)
            .map(Self)
            .map_err(|error| Error::BadPublicKey(error.to_string()))
    }

    /// The 32 bytes of RFC 8032, section 5.1.5.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// SPKI in DER (RFC 8410, section 4).
    pub fn der(&self) -> Vec<u8> {
        let mut der = SPKI_PREFIX.to_vec();
        der.extend_from_slice(self.as_bytes());
        der
    }

    /// SPKI in PEM.
    ///
    /// # Errors
    /// [`Error::BadPublicKey`] where the encoder refuses.
    pub fn pem(&self) -> Result<String, Error> {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .map_err(|error| Error::BadPublicKey(error.to_string()))
    }

    /// SPKI in PEM with the explicit NULL that rebuilderd and its readers use.
    pub fn rebuilderd_pem(&self) -> String {
        use base64::Engine as _;
        let mut der = SPKI_PREFIX_WITH_NULL.to_vec();
        der.extend_from_slice(self.as_bytes());
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// The key's identity: SHA-256 of its SPKI DER form.
    pub fn id(&self) -> Sha256Digest {
        Sha256Digest::of(self.der())
    }

    /// Whether `signature` is by this key over `message`; strict, so that a signature
    /// has one form only (RFC 8032, section 5.1.7).
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// SEQUENCE { SEQUENCE { OID 1.3.101.112 } BIT STRING of 32 bytes } (RFC 8410,
/// section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// The same with a NULL after the OID.
const SPKI_PREFIX_WITH_NULL: [u8; 14] = [
    0x30, 0x2c, 0x30, 0x07, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x05, 0x00, 0x03, 0x21, 0x00,
];

fn from_spki_with_null(pem: &str) -> Option<Result<Ed25519PublicKey, Error>> {
    use base64::Engine as _;
    let body: String = pem
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = base64::engine::general_purpose::STANDARD
        .decode(body)
        .ok()?;
    let raw: &[u8; 32] = der.strip_prefix(&SPKI_PREFIX_WITH_NULL)?.try_into().ok()?;
    Some(Ed25519PublicKey::from_bytes(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_public_key_are_read() {
        let key = Ed25519Key::generate().public_key();
        let plain = key.pem().expect("encodes");
        assert_eq!(Ed25519PublicKey::from_pem(&plain).expect("reads"), key);
        let theirs = key.rebuilderd_pem();
        assert_ne!(plain, theirs);
        assert_eq!(Ed25519PublicKey::from_pem(&theirs).expect("reads"), key);
    }

    #[test]
    fn a_signature_holds_for_its_message_and_key_alone() {
        let key = Ed25519Key::generate();
        let signature = key.sign(b"message");
        assert!(key.public_key().verifies(b"message", &signature));
        assert!(!key.public_key().verifies(b"messagf", &signature));
        let other = Ed25519Key::generate().public_key();
        assert!(!other.verifies(b"message", &signature));
    }
}
