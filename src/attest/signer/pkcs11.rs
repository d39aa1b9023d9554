//! A key in a token (PKCS #11 v3.0): the private half never leaves it. The token's
//! library is loaded when one is configured, and not before.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Pkcs11Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use p256::ecdsa::Signature;

use super::{Signer, confirmed};
use crate::attest::{Error, PublicKey};
use crate::model::Sha256Digest;

/// A P-256 key in a token.
pub struct TokenSigner {
    // A session belongs to one thread at a time (PKCS #11 v3.0, section 5.6).
    session: Mutex<Session>,
    key: ObjectHandle,
    public: PublicKey,
}

impl TokenSigner {
    /// Opens the key with the label `key` in the token with the label `token`.
    ///
    /// # Errors
    /// [`Error::Signer`] with what the library says, and what was being done.
    pub fn open(module: &Path, token: &str, key: &str, pin: String) -> Result<Self, Error> {
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            Error::Signer(format!(
                "cannot {what} with the PKCS #11 library {}: {error}",
                module.display()
            ))
        };
        let library = Pkcs11::new(module).map_err(|error| failed("begin", &error))?;
        match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Once a process, whoever did it.
            Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed("begin", &error)),
        }
        let slots = library
            .get_slots_with_token()
            .map_err(|error| failed("list tokens", &error))?;
        let slot = slots
            .into_iter()
            .find(|slot| {
                library
                    .get_token_info(*slot)
                    .is_ok_and(|info| info.label() == token)
            })
            .ok_or_else(|| failed("find a token", &format!("none has the label `{token}`")))?;
        let session = library
            .open_ro_session(slot)
            .map_err(|error| failed("open a session", &error))?;
        session
            .login(UserType::User, Some(&AuthPin::new(pin.into())))
            .map_err(|error| failed("log in (is the PIN right?)", &error))?;
        let find = |class: ObjectClass| {
            let template = [
                Attribute::Class(class),
                Attribute::KeyType(KeyType::EC),
                Attribute::Label(key.as_bytes().to_vec()),
            ];
            let found = session
                .find_objects(&template)
                .map_err(|error| failed("find a key", &error))?;
            match found[..] {
                [one] => Ok(one),
                _ => Err(failed(
                    "find a key",
                    &format!(
                        "{} EC keys have the label `{key}`; one is wanted",
                        found.len()
                    ),
                )),
            }
        };
        let private = find(ObjectClass::PRIVATE_KEY)?;
        let attributes = session
            .get_attributes(find(ObjectClass::PUBLIC_KEY)?, &[AttributeType::EcPoint])
            .map_err(|error| failed("read the public key", &error))?;
        let point = attributes.iter().find_map(|attribute| match attribute {
            Attribute::EcPoint(bytes) => Some(bytes.as_slice()),
            _ => None,
        });
        let public = PublicKey::from_point(bare(point.unwrap_or_default()))?;
        Ok(Self {
            session: Mutex::new(session),
            key: private,
            public,
        })
    }
}

/// CKA_EC_POINT is an OCTET STRING around the point (PKCS #11 v3.0, section 6.3.3),
/// and in some tokens the bare point. An uncompressed one has 65 bytes, so the
/// string's length fits one byte.
fn bare(point: &[u8]) -> &[u8] {
    match point {
        [0x04, 65, inner @ ..] if inner.len() == 65 => inner,
        _ => point,
    }
}

impl Signer for TokenSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        // CKM_ECDSA takes the digest; not every token can hash by itself.
        let digest = Sha256Digest::of(message);
        let raw = session
            .sign(&Mechanism::Ecdsa, self.key, digest.as_bytes())
            .map_err(|error| Error::Signer(format!("the token did not sign: {error}")))?;
        // r and s side by side (PKCS #11 v3.0, section 6.3.1).
        let signature = Signature::from_slice(&raw)
            .map_err(|error| Error::Signer(format!("the token's signature is none: {error}")))?;
        confirmed(
            &self.public,
            message,
            signature.to_der().as_bytes().to_vec(),
        )
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}
