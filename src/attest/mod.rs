//! Attestations: in-toto statements for every verdict that says something about a
//! package, each signed as DSSE in a Sigstore bundle of its own, and a link beside
//! them. Imports `compare`, `store` and `model`. It never signs an `infra-error`, and
//! never hands out what it could not verify again itself.

mod bundle;
mod canonical;
mod ed25519;
mod envelopes;
mod keyring;
mod link;
mod passphrase;
mod predicate;
mod public_key;
mod signer;
mod statement;
mod tlog_entry;

use std::path::PathBuf;

use crate::model::{ResultRecord, VerdictKind};
use crate::store;

pub use bundle::{Bundle, Verified, verify};
pub use ed25519::{Ed25519Key, Ed25519PublicKey};
pub use envelopes::verify_envelopes;
pub use keyring::{Keyring, Keys, KnownKey, known_keys, write_private};
pub use link::{Link, LinkClaim, link_key_id, verify_link};
use passphrase::Passphrase;
pub use predicate::{
    BIT_FOR_BIT, Basis, EQUIVALENT, Grounds, KEY_EVENT, KeyEvent, KeyEventKind, KeyRole,
    PROVENANCE, Passed, REBUILD_RESULT, REPLAYED, Resource, ResourceDigest, SVR, Summary,
    SummaryVerifier, TEST_RESULT, VSA, WITNESS, Witness, WitnessFormat, statements,
};
pub use public_key::PublicKey;
pub use signer::{CommandSigner, KeyFile, PrivateKeyDer, Signer, TokenSigner, decrypt, encrypt};
pub use statement::{Statement, Subject};
pub use tlog_entry::{Leaf, Proof, TlogEntry, leaf};

/// Why there is no attestation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A verdict that says nothing about the package.
    #[error("{0} says nothing about the package, so it is not signed")]
    NotSigned(VerdictKind),
    /// The record names no published file that the statement could be about.
    #[error("the record has no published file, so a statement would have no subject")]
    NoSubject,
    /// The key file is no key.
    #[error(
        "the key {path} cannot be used: {reason}; move it away to have a new key made, and tell those who trust the old one"
    )]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Others can read the key.
    #[error(
        "others may read the private key {path} (mode {mode:o}); run `chmod 600 {path}`, and think about `remint key rotate`"
    )]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Nothing says how the key is opened.
    #[error("the key is encrypted, and nothing gives its passphrase or PIN; {0}")]
    NoPassphrase(String),
    /// A public key that is none.
    #[error("the public key cannot be read: {0}")]
    BadPublicKey(String),
    /// A token, a command or the random source.
    #[error("{0}")]
    Signer(String),
    /// A bundle that does not hold.
    #[error("the attestation does not verify: {0}")]
    Invalid(String),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What a record is attested with: its bundles, remint's own first, and the link of
/// a reproduced file.
pub struct Attestation {
    /// One bundle a statement.
    pub bundles: Vec<Bundle>,
    /// The link.
    pub link: Option<Link>,
}

/// Makes and signs the attestation of a record, and verifies it again.
///
/// # Errors
/// [`Error`] where the record must not be signed, or the signer refuses.
pub fn attest(record: &ResultRecord, keys: &Keys) -> Result<Attestation, Error> {
    let mut bundles = Vec::new();
    for statement in statements(record)? {
        let bundle = Bundle::sign(&statement, keys.attest.as_ref())?;
        let read_back = verify(&bundle.to_json(), keys.attest.public_key())?;
        if read_back != statement {
            return Err(Error::Invalid("it does not say what was signed".into()));
        }
        bundles.push(bundle);
    }
    let link = Link::of(record, &keys.link);
    if let Some(link) = &link {
        verify_link(&link.to_json(), &keys.link.public_key())?;
    }
    Ok(Attestation { bundles, link })
}

#[cfg(test)]
mod tests;
