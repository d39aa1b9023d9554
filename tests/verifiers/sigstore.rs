//! Rust's `sigstore-verify`: a bundle, a key, the log's key, and the file that the
//! bundle has to be about.

use remint::attest::{KeyFile, PublicKey, Signer as _};
use ring::digest::{self, Context};
use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use sigstore_verify::crypto::{
    CryptoProvider, Error, HashContext, Result, SigningScheme, install_default_provider,
};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle, DerPublicKey, HashAlgorithm};
use sigstore_verify::{PublicKeyVerificationPolicy, Verifier};

use crate::store::Store;
use crate::{changed_entries, changed_envelopes};

/// Its hashes and signatures by ring, since the default's C library would take longer
/// to build than all else that it needs. Everything above them is its own.
#[derive(Debug)]
struct Ring;

struct Hash(Context);

impl HashContext for Hash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finish().as_ref().to_vec()
    }
}

impl CryptoProvider for Ring {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>> {
        let algorithm = match algorithm {
            HashAlgorithm::Sha2256 => &digest::SHA256,
            HashAlgorithm::Sha2512 => &digest::SHA512,
            other => return Err(Error::UnsupportedAlgorithm(other.to_string())),
        };
        Ok(Box::new(Hash(Context::new(algorithm))))
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let algorithm: &dyn VerificationAlgorithm = match scheme {
            SigningScheme::EcdsaP256Sha256 => &ECDSA_P256_SHA256_ASN1,
            SigningScheme::Ed25519 => &ED25519,
            other => return Err(Error::UnsupportedAlgorithm(other.name().into())),
        };
        UnparsedPublicKey::new(algorithm, key)
            .verify(data, signature)
            .map_err(|_| Error::Verification("the signature does not hold".into()))
    }

    fn verify_prehashed(&self, scheme: SigningScheme, _: &[u8], _: &[u8], _: &[u8]) -> Result<()> {
        // Only for what is signed by its digest, which an envelope is not.
        Err(Error::UnsupportedAlgorithm(scheme.name().into()))
    }
}

fn verify(
    root: &str,
    key: &PublicKey,
    bundle: &str,
    file: &[u8],
) -> std::result::Result<(), String> {
    // Another test of this process may have done it; it is the same.
    let _ = install_default_provider(&Ring);
    let root = TrustedRoot::from_json(root).expect("reads");
    let verifier = Verifier::new(&root).expect("takes the log's key");
    let bundle = Bundle::from_json(bundle).map_err(|error| error.to_string())?;
    let policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(key.der().to_vec()));
    let result = verifier
        .verify(file, &bundle, &policy)
        .map_err(|error| error.to_string())?;
    assert!(
        result.tlog_verified(),
        "the place in the log was not looked at"
    );
    Ok(())
}

#[test]
fn sigstores_rust_verifier_takes_every_bundle_and_refuses_what_was_changed() {
    let store = Store::new();
    let root = store.trusted_root();
    let stranger = KeyFile::generate().expect("key");
    let other_log = Store::new().trusted_root();
    for (record, file) in &store.records {
        let bundle = record.bundle.to_json();
        assert_eq!(verify(&root, store.key(), &bundle, file), Ok(()));
        for changed in [changed_envelopes(&bundle), changed_entries(&bundle)].concat() {
            verify(&root, store.key(), &changed, file).expect_err("a changed byte");
        }
        verify(&root, stranger.public_key(), &bundle, file).expect_err("another key");
        verify(&root, store.key(), &bundle, b"another").expect_err("another file");
        verify(&other_log, store.key(), &bundle, file).expect_err("another log's key");
    }
}
