//! npm's `@sigstore/verify`. It asks for a key and a place in the log, and not for a
//! file: what a bundle is about is for its caller to read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use remint::attest::{KeyFile, PublicKey, Signer as _};
use serde_json::{Value, json};

use crate::store::Store;
use crate::{assert_refused, changed_entries, changed_envelopes, run, verifiers};

fn ask(cases: Vec<Value>) -> Vec<String> {
    run("node", "npm.cjs", &verifiers(), &cases)
}

#[test]
fn npms_verifier_takes_every_bundle_and_refuses_what_was_changed() {
    let store = Store::new();
    let root = store.trusted_root();
    let case = |bundle: &str, root: &str, key: &PublicKey| {
        json!({
            "bundle": bundle,
            "root": root,
            "key": BASE64.encode(key.der()),
            // The hint that the bundle carries, whatever key stands behind it.
            "keyId": store.key().id(),
        })
    };
    let plain = |bundle: &String| case(bundle, &root, store.key());
    let bundles = store.bundles();
    let good = ask(bundles.iter().map(plain).collect());
    assert_eq!(good, vec!["ok"; bundles.len()]);

    for changed in [changed_envelopes, changed_entries] {
        let changed: Vec<String> = bundles.iter().flat_map(|b| changed(b)).collect();
        assert_refused(&ask(changed.iter().map(plain).collect()), "a changed byte");
    }

    let stranger = KeyFile::generate().expect("key");
    let wrong_key = bundles
        .iter()
        .map(|bundle| case(bundle, &root, stranger.public_key()))
        .collect();
    assert_refused(&ask(wrong_key), "another key");

    // Each bundle with the log entry of the next: about another statement.
    let records: Vec<_> = store.records.iter().map(|(record, _)| record).collect();
    let next = records.iter().cycle().skip(1);
    let crossed = records
        .iter()
        .zip(next)
        .map(|(record, next)| {
            let entry = next.bundle.entries()[0].clone();
            plain(&record.bundle.clone().with_entry(entry).to_json())
        })
        .collect();
    assert_refused(&ask(crossed), "another's log entry");

    let other_log = Store::new().trusted_root();
    let wrong_log = bundles
        .iter()
        .map(|bundle| case(bundle, &other_log, store.key()))
        .collect();
    assert_refused(&ask(wrong_log), "another log's key");
}
