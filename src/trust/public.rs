//! What is handed to those who verify: the public keys, and the log's in the form
//! that Sigstore's clients read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::json;

use super::Error;
use super::log::Origin;
use super::reader::Reader;
use crate::attest::KeyRole;

/// The media type (Sigstore protobuf-specs, `sigstore_trustroot.proto`,
/// `TrustedRoot`).
const TRUSTED_ROOT: &str = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/// The files, by name: one a public key, the log's verifier keys, and
/// `trusted_root.json`. `origin` names a log that has no checkpoint yet.
///
/// # Errors
/// [`Error`] where the store cannot be read.
pub fn public_files(reader: &Reader, origin: &str) -> Result<Vec<(String, String)>, Error> {
    let origin = match reader.checkpoint()? {
        Some(checkpoint) => checkpoint.origin,
        None => Origin::new(origin).ok_or_else(|| Error::BadOrigin(origin.to_owned()))?,
    };
    let keys = reader.keys();
    let mut files = Vec::new();
    for (id, state) in reader.history()?.keys() {
        if state.revoked.is_none() {
            let name = match state.role {
                KeyRole::Attest => format!("attest-{id}.pub"),
                KeyRole::Link => format!("link-{id}.pub"),
                KeyRole::Log => format!("log-{id}.pub"),
            };
            files.push((name, state.pem.clone()));
        }
    }
    let verifier_keys: String = keys
        .log
        .iter()
        .map(|key| origin.verifier_key(key) + "\n")
        .collect();
    files.push(("log.vkey".to_owned(), verifier_keys));
    files.push((
        "trusted_root.json".to_owned(),
        trusted_root(reader, &origin)?,
    ));
    Ok(files)
}

/// The log's keys with their times. Its address need not answer: verifiers only look
/// for the log's name in it.
fn trusted_root(reader: &Reader, origin: &Origin) -> Result<String, Error> {
    let history = reader.history()?;
    let mut logs = Vec::new();
    for key in &reader.keys().log {
        let state = history.state(&key.id());
        if state.is_some_and(|state| state.revoked.is_some()) {
            continue;
        }
        let mut valid = json!({
            "start": state.map_or(Timestamp::UNIX_EPOCH, |state| state.made),
        });
        if let Some(end) = state.and_then(|state| state.rotated) {
            valid["end"] = json!(end);
        }
        logs.push(json!({
            "baseUrl": format!("https://{}", origin.as_str()),
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": BASE64.encode(key.der()),
                "keyDetails": "PKIX_ED25519",
                "validFor": valid,
            },
            "logId": {"keyId": BASE64.encode(origin.log_id(key).as_bytes())},
        }));
    }
    let root = json!({
        "mediaType": TRUSTED_ROOT,
        "tlogs": logs,
        "certificateAuthorities": [],
        "ctlogs": [],
        "timestampAuthorities": [],
    });
    Ok(format!("{root:#}\n"))
}
