//! The bodies of answers, each in the form that its client asks for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::model::{Digest, Purl};
use crate::trust::{Error, Key, Reader, Record};

/// A body and its type.
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl Body {
    fn json(value: &Value) -> Self {
        Self {
            content_type: "application/json",
            bytes: value.to_string().into_bytes(),
        }
    }
}

/// The key of `sha256:...` or `sha512:...`.
pub(super) fn digest_of(text: &str) -> Option<Key> {
    let digest = match text.split_once(':')? {
        ("sha256", hex) => Digest::Sha256(hex.parse().ok()?),
        ("sha512", hex) => Digest::Sha512(hex.parse().ok()?),
        _ => return None,
    };
    Some(Key::digest(&digest))
}

/// Every record as it is kept. None where there is none: no record is a 404, so that
/// nobody takes an empty list for a yes.
pub(super) fn records(reader: &Reader, key: Key) -> Result<Option<Body>, Error> {
    let positions = reader.positions(key);
    if positions.is_empty() {
        return Ok(None);
    }
    // The lines are JSON already; they are put side by side without being read.
    const BEFORE: &[u8] = b"{\"records\":[";
    const AFTER: &[u8] = b"]}";
    let lines: u64 = positions.iter().map(|p| u64::from(p.length) + 1).sum();
    let mut bytes = Vec::with_capacity(BEFORE.len() + lines as usize + AFTER.len());
    bytes.extend_from_slice(BEFORE);
    for end in reader.lines_onto(&positions, &mut bytes)? {
        bytes[end - 1] = b',';
    }
    bytes.pop();
    bytes.extend_from_slice(AFTER);
    Ok(Some(Body {
        content_type: "application/json",
        bytes,
    }))
}

fn parsed(reader: &Reader, key: Key) -> Result<Vec<(u64, Record)>, Error> {
    let positions = reader.positions(key);
    let lines = reader.lines(&positions)?;
    positions
        .into_iter()
        .zip(lines.iter())
        .map(|(position, line)| {
            let record = Record::parse(line).map_err(|what| reader.damaged(position, what))?;
            Ok((position.entry, record))
        })
        .collect()
}

/// The package of `NAME@VERSION`, as npm's client writes it.
pub(super) fn npm_purl(spec: &str) -> Option<Purl> {
    let (name, version) = spec.rsplit_once('@').filter(|(name, _)| !name.is_empty())?;
    Purl::new(crate::model::Ecosystem::Npm, name, Some(version)).ok()
}

/// npm's attestations of a version (npm registry API, `/-/npm/v1/attestations`).
pub(super) fn npm(reader: &Reader, purl: &Purl) -> Result<Option<Body>, Error> {
    let found = parsed(reader, Key::purl(&purl.to_string()))?;
    if found.is_empty() {
        return Ok(None);
    }
    let attestations = found
        .into_iter()
        .map(|(_, record)| {
            let predicate_type = record.bundle.statement()?.predicate_type;
            Ok(json!({"predicateType": predicate_type, "bundle": record.bundle}))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(Some(Body::json(&json!({"attestations": attestations}))))
}

/// The keys in npm's form (npm registry API, `/-/npm/v1/keys`).
pub(super) fn npm_keys(reader: &Reader) -> Result<Body, Error> {
    let history = reader.history()?;
    let keys: Vec<_> = reader
        .keys()
        .statements()
        .iter()
        .filter(|key| {
            let state = history.state(&key.id());
            state.is_none_or(|state| state.revoked.is_none())
        })
        .map(|key| {
            let rotated = history.state(&key.id()).and_then(|state| state.rotated);
            json!({
                "expires": rotated,
                "keyid": key.id(),
                "keytype": "ecdsa-sha2-nistp256",
                "scheme": "ecdsa-sha2-nistp256",
                "key": BASE64.encode(key.der()),
            })
        })
        .collect();
    Ok(Body::json(&json!({"keys": keys})))
}

/// The attestations of a digest in the form of GitHub's REST API ("List attestations").
pub(super) fn github(reader: &Reader, key: Key) -> Result<Option<Body>, Error> {
    let found = parsed(reader, key)?;
    if found.is_empty() {
        return Ok(None);
    }
    let attestations: Vec<_> = found
        .into_iter()
        .map(|(_, record)| json!({"bundle": record.bundle}))
        .collect();
    Ok(Some(Body::json(&json!({"attestations": attestations}))))
}

/// The keys of links as rebuilderd hands them out (rebuilderd,
/// `daemon/src/api/v1/meta.rs`).
pub(super) fn link_keys(reader: &Reader) -> Body {
    let keys: Vec<_> = reader
        .keys()
        .link
        .iter()
        .map(|key| key.rebuilderd_pem())
        .collect();
    Body::json(&json!({"current": keys}))
}

/// The rebuilds of a package by name and version (rebuilderd,
/// `daemon/src/api/v1/package.rs`). Its clients read `build_id` and `artifact_id` and
/// ask for the link under them; here both are the record's number.
pub(super) fn search(reader: &Reader, query: &str) -> Result<Body, Error> {
    let mut found = Vec::new();
    let value = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    if let (Some(name), Some(version)) = (value("name"), value("version")) {
        for ecosystem in crate::model::Ecosystem::ALL {
            let Ok(purl) = Purl::new(ecosystem, &name, Some(&version)) else {
                continue;
            };
            for (entry, record) in parsed(reader, Key::purl(&purl.to_string()))? {
                if record.link.is_some() {
                    found.push(json!({
                        "name": name,
                        "version": version,
                        "status": "GOOD",
                        "build_id": entry,
                        "artifact_id": entry,
                    }));
                }
            }
        }
    }
    Ok(Body::json(&json!({"total": found.len(), "records": found})))
}

/// The link of a record; none where it has none.
pub(super) fn link(reader: &Reader, entry: u64) -> Result<Option<Body>, Error> {
    let Some(line) = reader.line_of(entry)? else {
        return Ok(None);
    };
    let record = Record::parse(&line.1).map_err(|what| reader.damaged(line.0, what))?;
    Ok(record.link.map(|link| Body {
        content_type: "application/json",
        bytes: link.to_json().into_bytes(),
    }))
}
