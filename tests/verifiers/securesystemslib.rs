//! `securesystemslib` from PyPI: an envelope and a key, and nothing else.

use remint::attest::{KeyFile, PublicKey, Signer as _};
use serde_json::{Value, json};

use crate::store::Store;
use crate::{assert_refused, changed_envelopes, run, verifiers};

#[test]
fn securesystemslib_takes_every_envelope_and_refuses_what_was_changed() {
    let store = Store::new();
    let modules = verifiers().join("python");
    let ask = |cases: Vec<Value>| run("python3", "python.py", &modules, &cases);
    let case = |bundle: &str, key: &PublicKey| json!({"bundle": bundle, "key": key.pem()});
    let bundles = store.bundles();
    let good = ask(bundles.iter().map(|b| case(b, store.key())).collect());
    assert_eq!(good, vec!["ok"; bundles.len()]);
    let changed = bundles
        .iter()
        .flat_map(|bundle| changed_envelopes(bundle))
        .map(|bundle| case(&bundle, store.key()))
        .collect();
    assert_refused(&ask(changed), "a changed byte");
    let stranger = KeyFile::generate().expect("key");
    let wrong_key = bundles
        .iter()
        .map(|b| case(b, stranger.public_key()))
        .collect();
    assert_refused(&ask(wrong_key), "another key");
}
