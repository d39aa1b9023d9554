//! Who signs: bytes in, a DER signature out. A key file, a token and an external
//! command are the same to everyone else.

mod command;
mod cosign;
mod file;
mod pkcs11;

use super::{Error, PublicKey};

pub use command::CommandSigner;
pub use cosign::{PrivateKeyDer, decrypt, encrypt};
pub use file::KeyFile;
pub use pkcs11::TokenSigner;

/// Who signs.
pub trait Signer: Send + Sync {
    /// Signs `message` (ECDSA P-256, SHA-256, DER).
    ///
    /// # Errors
    /// Whatever stands in the way.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error>;

    /// The public half.
    fn public_key(&self) -> &PublicKey;
}

/// A signature from outside is used only where the public key confirms it: a key
/// service that is pointed at another key must not go unnoticed.
fn confirmed(key: &PublicKey, message: &[u8], signature: Vec<u8>) -> Result<Vec<u8>, Error> {
    if key.verifies(message, &signature) {
        Ok(signature)
    } else {
        Err(Error::Signer(format!(
            "what came back is no signature by the key {}; name the public key that belongs to the private one",
            key.id()
        )))
    }
}
