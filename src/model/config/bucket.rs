//! The bucket that the machines of a fleet share.

use std::fmt;

use serde::Deserialize;
use url::Url;

/// The scheme of a bucket's address.
const SCHEME: &str = "s3";

/// Where files are kept beside the data folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Lines")]
pub struct StoreConfig {
    /// The bucket of the fleet; without it, the data folder has everything.
    pub bucket: Option<BucketConfig>,
}

/// An S3-compatible bucket, and how to reach it. Who may is in the environment, in the
/// AWS_* variables that every such tool reads, and never in a file of remint's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketConfig {
    /// Which bucket.
    pub address: BucketAddress,
    /// The server, where it is not that of the region.
    pub endpoint: Option<Url>,
    /// The region; the environment's without it.
    pub region: Option<String>,
    /// Whether the bucket's name is in the path of each address and not in its host's name.
    pub path_style: bool,
    /// Whether the server may be spoken to without TLS.
    pub allow_http: bool,
}

/// A bucket's name, and what every name in it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketAddress {
    name: String,
    prefix: String,
}

impl BucketAddress {
    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the names of its objects begin with; empty, or without a slash at either end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            Err(format!(
                "`{text}` {what}; write s3://NAME or s3://NAME/PREFIX"
            ))
        };
        let Ok(url) = Url::parse(text) else {
            return wrong("is no bucket's address");
        };
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if url.scheme() != SCHEME || !is_plain {
            return wrong("is no bucket's address");
        }
        let name = url.host_str().unwrap_or_default();
        // Amazon S3 user guide, "Bucket naming rules".
        let fits = (3..=63).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
        if !fits {
            return wrong("does not name a bucket");
        }
        let prefix = url.path().trim_matches('/');
        if prefix.split('/').any(str::is_empty) && !prefix.is_empty() {
            return wrong("has an empty part in its prefix");
        }
        Ok(Self {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for BucketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}://{}", self.name)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

/// The lines of `[store]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Lines {
    bucket: Option<String>,
    endpoint: Option<Url>,
    region: Option<String>,
    path_style: bool,
    allow_http: bool,
}

impl Default for Lines {
    /// Servers of one's own seldom have a host name for each bucket.
    fn default() -> Self {
        Self {
            bucket: None,
            endpoint: None,
            region: None,
            path_style: true,
            allow_http: false,
        }
    }
}

impl TryFrom<Lines> for StoreConfig {
    type Error = String;

    fn try_from(lines: Lines) -> Result<Self, String> {
        let Some(address) = lines.bucket else {
            if lines.endpoint.is_some() || lines.region.is_some() {
                return Err(
                    "[store] names a server and no bucket; add `bucket = \"s3://NAME\"`".into(),
                );
            }
            return Ok(Self::default());
        };
        let is_open = lines
            .endpoint
            .as_ref()
            .is_some_and(|url| url.scheme() == "http");
        if is_open && !lines.allow_http {
            return Err(
                "the endpoint of [store] is spoken to without TLS; write https, or set `allow_http = true`"
                    .into(),
            );
        }
        Ok(Self {
            bucket: Some(BucketConfig {
                address: BucketAddress::parse(&address)?,
                endpoint: lines.endpoint,
                region: lines.region,
                path_style: lines.path_style,
                allow_http: lines.allow_http,
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;

    fn parsed(lines: &str) -> Result<StoreConfig, String> {
        Config::parse(&format!("[store]\n{lines}\n"), "remint.toml")
            .map(|config| config.store)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_is_named_with_or_without_a_prefix() {
        for (text, name, prefix) in [
            ("s3://farm-blobs", "farm-blobs", ""),
            ("s3://farm-blobs/", "farm-blobs", ""),
            ("s3://farm/remint/one/", "farm", "remint/one"),
        ] {
            let bucket = parsed(&format!("bucket = \"{text}\"")).expect(text).bucket;
            let bucket = bucket.expect("a bucket");
            assert_eq!(
                (bucket.address.name(), bucket.address.prefix()),
                (name, prefix)
            );
            assert!(bucket.path_style && !bucket.allow_http);
        }
        assert_eq!(parsed("").expect("no bucket").bucket, None);
    }

    #[test]
    fn what_is_no_bucket_is_refused_with_what_to_write() {
        for (lines, says) in [
            ("bucket = \"farm\"", "s3://NAME"),
            ("bucket = \"https://store.example/farm\"", "s3://NAME"),
            ("bucket = \"s3://key:secret@farm\"", "s3://NAME"),
            ("bucket = \"s3://Farm_1\"", "s3://NAME"),
            ("bucket = \"s3://farm/a//b\"", "empty part"),
            ("endpoint = \"https://store.example\"", "bucket ="),
            (
                "bucket = \"s3://farm\"\nendpoint = \"http://store.example\"",
                "allow_http",
            ),
            ("bucket = \"s3://farm\"\nsecret = \"x\"", "secret"),
        ] {
            let error = parsed(lines).expect_err(lines);
            assert!(
                error.contains("remint.toml") && error.contains(says),
                "{error}"
            );
        }
    }
}
