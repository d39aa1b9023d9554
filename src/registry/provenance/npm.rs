//! npm's attestations (npm documentation, "Generating provenance statements"; npm's RFC
//! "Link npm packages to the originating source code repository and build"):
//! `{"attestations": [{"predicateType", "bundle"}]}`.

use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::{PublishedAttestation, is_same_place};

pub(super) const ACCEPT: &str = "application/json";

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    attestations: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    bundle: &'a RawValue,
}

/// Where to ask: always the registry that is configured, whatever host the packument
/// names, as npm's own client does (pacote, `registry.js`, "Always fetch attestations from
/// the configured registry"). A proxy often leaves upstream's address in it.
pub(super) fn address(named: &Url, root: &Url) -> Option<Url> {
    if is_same_place(named, root) {
        return Some(named.clone());
    }
    let mut url = root.clone();
    let path = format!("{}{}", root.path(), named.path().trim_start_matches('/'));
    url.set_path(&path);
    Some(url)
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<PublishedAttestation>, String> {
    let document: Document<'_> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let entries = document.attestations.into_iter();
    Ok(entries
        .map(|entry| PublishedAttestation {
            bundle: entry.bundle.get().to_owned(),
            publisher: None,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("valid")
    }

    #[test]
    fn the_configured_registry_is_asked_whatever_host_is_named() {
        let root = url("https://registry.example/npm/");
        let own = url("https://registry.example/npm/-/npm/v1/attestations/demo@1.0.0");
        assert_eq!(address(&own, &root), Some(own.clone()));
        let foreign = url("https://evil.example/-/npm/v1/attestations/demo@1.0.0");
        assert_eq!(address(&foreign, &root), Some(own.clone()));
        let other_port = url("https://registry.example:8443/-/npm/v1/attestations/demo@1.0.0");
        assert_eq!(address(&other_port, &root), Some(own));
    }

    #[test]
    fn each_bundle_is_handed_on_as_it_is_written() {
        let text = r#"{"attestations":[{"predicateType":"p","bundle":{"a": 1 }},{"predicateType":"q","bundle":{}}]}"#;
        let read = read(text.as_bytes()).expect("reads");
        assert_eq!((read.len(), read[0].bundle.as_str()), (2, r#"{"a": 1 }"#));
        for hostile in ["", "[]", "{}", r#"{"attestations":[{}]}"#, "\u{0}"] {
            assert!(super::read(hostile.as_bytes()).is_err(), "{hostile}");
        }
    }
}
