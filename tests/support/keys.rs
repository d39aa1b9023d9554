//! Keys of a builder or of a store, made for one test.

use std::sync::Arc;

use remint::attest::{Ed25519Key, KeyFile, Keys};

/// New ones.
pub fn keys() -> Arc<Keys> {
    Arc::new(Keys {
        attest: Arc::new(KeyFile::generate().expect("key")),
        link: Ed25519Key::generate(),
        log: Ed25519Key::generate(),
    })
}
