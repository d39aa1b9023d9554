//! Rust's `sigstore-verify`: a bundle, a key, the log's key, and the file that the
//! bundle has to be about.

use remint::attest::{KeyFile, PublicKey, Signer as _};
use remint::provenance::use_ring;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle, DerPublicKey};
use sigstore_verify::{PublicKeyVerificationPolicy, Verifier};

use crate::store::Store;
use crate::{changed_entries, changed_envelopes};

fn verify(root: &str, key: &PublicKey, bundle: &str, file: &[u8]) -> Result<(), String> {
    // Hashes and signatures are ring's, as remint has them; everything above is its own.
    use_ring();
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
