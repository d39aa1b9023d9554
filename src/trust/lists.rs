//! Accepted artifacts in the forms that package clients and their gates read. Pure:
//! answers in, text out. A file that the policy does not accept is never listed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::json;

use super::asker::ReleaseFile;
use crate::model::{Ecosystem, Purl, Sha512Digest, printable};

/// Which tool a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// A requirements file for `pip install --require-hashes` (pip documentation,
    /// "Secure installs").
    PipHashes,
    /// An `audits.toml` for cargo-vet (cargo-vet book, "Audit Entries").
    CargoVet,
    /// A JSON object from `name@version` to its Subresource Integrity string, as in a
    /// `package-lock.json`'s `integrity` (W3C "Subresource Integrity", section 3.1).
    NpmIntegrity,
}

/// The criterion that cargo-vet's users name in `supply-chain/config.toml`.
const CRITERION: &str = "rebuilt-bit-for-bit";
/// What it means; cargo-vet shows it to who certifies or imports.
const CRITERION_TEXT: &str = "The published crate was rebuilt from the source that it names, in a sandbox, and the policy of the \
list's maker accepts the result. This says where the code comes from, and nothing about what it does.";

/// How cargo-vet's own formatter begins the file; it refuses a store that is written
/// otherwise (cargo-vet 0.10, `cargo vet fmt`).
const AUDITS_HEAD: &str = "\n# cargo-vet audits file\n\n";

/// A list, and what could not be put on it.
#[derive(Debug, PartialEq, Eq)]
pub struct List {
    /// The file's text.
    pub text: String,
    /// Releases on it.
    pub releases: usize,
    /// Accepted files that the form has no place for, each with the reason.
    pub left_out: Vec<String>,
}

impl ListFormat {
    /// The ecosystem whose packages it lists.
    pub const fn ecosystem(self) -> Ecosystem {
        match self {
            Self::PipHashes => Ecosystem::Pypi,
            Self::CargoVet => Ecosystem::Cargo,
            Self::NpmIntegrity => Ecosystem::Npm,
        }
    }

    /// The list of those of `files` that are accepted, in the order of their releases.
    /// `maker` says who answers for it: a log's name.
    pub fn list(self, files: &[ReleaseFile], maker: &str) -> List {
        let mut releases: BTreeMap<&Purl, Vec<&ReleaseFile>> = BTreeMap::new();
        for file in files {
            if file.answer.trusted && file.purl.ecosystem() == self.ecosystem() {
                releases.entry(&file.purl).or_default().push(file);
            }
        }
        match self {
            Self::PipHashes => pip_hashes(&releases, maker),
            Self::CargoVet => cargo_vet(&releases, maker),
            Self::NpmIntegrity => npm_integrity(&releases),
        }
    }
}

type Releases<'a> = BTreeMap<&'a Purl, Vec<&'a ReleaseFile>>;

fn version(purl: &Purl) -> &str {
    purl.version().map_or("", |version| version.as_str())
}

fn pip_hashes(releases: &Releases<'_>, maker: &str) -> List {
    let mut text =
        format!("# Files that {maker} accepts; install with: pip install --require-hashes -r\n");
    for (purl, files) in releases {
        text.push_str(&format!("{}=={}", purl.name().as_str(), version(purl)));
        for file in files {
            text.push_str(&format!(" \\\n    --hash=sha256:{}", file.sha256));
        }
        text.push('\n');
    }
    List {
        text,
        releases: releases.len(),
        left_out: vec![],
    }
}

#[derive(Serialize)]
struct Audits<'a> {
    criteria: BTreeMap<&'static str, Criterion>,
    audits: BTreeMap<&'a str, Vec<Audit<'a>>>,
}

#[derive(Serialize)]
struct Criterion {
    description: &'static str,
}

#[derive(Serialize)]
struct Audit<'a> {
    who: &'a str,
    criteria: &'static str,
    version: &'a str,
    notes: String,
}

/// cargo-vet knows crates by version alone; the digest stands in the notes. The registry
/// never changes what a version is, and cargo holds its index to that by `Cargo.lock`.
fn cargo_vet(releases: &Releases<'_>, maker: &str) -> List {
    let mut audits: BTreeMap<&str, Vec<Audit<'_>>> = BTreeMap::new();
    for (purl, files) in releases {
        for file in files {
            audits.entry(purl.name().as_str()).or_default().push(Audit {
                who: maker,
                criteria: CRITERION,
                version: version(purl),
                notes: printable(
                    &format!(
                        "{} sha256:{}; {}",
                        file.artifact, file.sha256, file.answer.reason
                    ),
                    false,
                ),
            });
        }
    }
    let audits = Audits {
        criteria: BTreeMap::from([(
            CRITERION,
            Criterion {
                description: CRITERION_TEXT,
            },
        )]),
        audits,
    };
    let text = toml::to_string_pretty(&audits).expect("plain data serialises");
    List {
        text: format!("{AUDITS_HEAD}{text}"),
        releases: releases.len(),
        left_out: vec![],
    }
}

fn npm_integrity(releases: &Releases<'_>) -> List {
    let mut listed = BTreeMap::new();
    let mut left_out = Vec::new();
    for (purl, files) in releases {
        for file in files {
            let name = format!("{}@{}", purl.name().as_str(), version(purl));
            match &file.sha512 {
                Some(digest) => drop(listed.insert(name, integrity(digest))),
                None => left_out.push(format!("{name}: no record names its SHA-512")),
            }
        }
    }
    List {
        releases: listed.len(),
        text: format!("{:#}\n", json!(listed)),
        left_out,
    }
}

fn integrity(digest: &Sha512Digest) -> String {
    format!("sha512-{}", BASE64.encode(digest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha256Digest;
    use crate::trust::{Answer, Ground};

    fn file(purl: &str, artifact: &str, trusted: bool) -> ReleaseFile {
        ReleaseFile {
            purl: purl.parse().expect("valid"),
            artifact: artifact.into(),
            sha256: Sha256Digest::of(artifact),
            sha512: Some(Sha512Digest::of(artifact)),
            answer: Answer {
                subject: purl.into(),
                sha256: Some(Sha256Digest::of(artifact)),
                trusted,
                reason: "accepted as built by \"self\"".into(),
                ground: trusted.then_some(Ground::Records),
                disagreement: false,
                records: vec![],
            },
        }
    }

    #[test]
    fn only_what_is_accepted_is_listed_and_only_of_the_tools_ecosystem() {
        let files = [
            file("pkg:pypi/a@1.0", "a-1.0.tar.gz", true),
            file("pkg:pypi/a@1.0", "a-1.0-py3-none-any.whl", false),
            file("pkg:pypi/b@1.0", "b-1.0.tar.gz", false),
            file("pkg:npm/c@1.0.0", "c-1.0.0.tgz", true),
            file("pkg:cargo/d@1.0.0", "d-1.0.0.crate", true),
        ];
        for (format, listed) in [
            (ListFormat::PipHashes, "a-1.0.tar.gz"),
            (ListFormat::CargoVet, "d-1.0.0.crate"),
            (ListFormat::NpmIntegrity, "c-1.0.0.tgz"),
        ] {
            let list = format.list(&files, "log.example");
            assert_eq!(
                (list.releases, list.left_out.len()),
                (1, 0),
                "{}",
                list.text
            );
            for file in &files {
                let digests = [
                    file.sha256.to_string(),
                    integrity(&Sha512Digest::of(&file.artifact)),
                ];
                assert_eq!(
                    digests.iter().any(|digest| list.text.contains(digest)),
                    file.artifact == listed,
                    "{} in {}",
                    file.artifact,
                    list.text
                );
            }
        }
    }

    #[test]
    fn every_accepted_file_of_a_release_stands_on_its_line_for_pip() {
        let files = [
            file("pkg:pypi/a-b@1.0", "a_b-1.0-py3-none-any.whl", true),
            file("pkg:pypi/a-b@1.0", "a_b-1.0.tar.gz", true),
        ];
        let text = ListFormat::PipHashes.list(&files, "log.example").text;
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(lines[0], "a-b==1.0 \\");
        assert!(
            lines[1].ends_with(" \\") && !lines[2].ends_with('\\'),
            "{text}"
        );
    }

    #[test]
    fn an_npm_file_without_a_sha512_is_told_and_not_listed() {
        let mut unsaid = file("pkg:npm/%40a/b@1.0.0", "b-1.0.0.tgz", true);
        unsaid.sha512 = None;
        let list = ListFormat::NpmIntegrity.list(&[unsaid], "log.example");
        assert_eq!(list.releases, 0);
        assert!(list.left_out[0].starts_with("@a/b@1.0.0"), "{list:?}");
    }

    #[test]
    fn what_stands_in_an_audit_cannot_leave_its_string() {
        let mut evil = file("pkg:cargo/a@1.0.0", "a-1.0.0.crate", true);
        evil.artifact = "a\u{202e}\u{1b}[2J.crate".into();
        evil.answer.reason = "x\"\n[[audits.b]]\nversion = \"9\"".into();
        let text = ListFormat::CargoVet.list(&[evil], "log.example").text;
        let read: toml::Table = text.parse().expect("TOML");
        let audits = read["audits"].as_table().expect("a table");
        assert_eq!(audits.len(), 1, "{text}");
        assert_eq!(audits["a"][0]["criteria"].as_str(), Some(CRITERION));
        assert!(!text.contains(['\u{202e}', '\u{1b}']), "{text}");
    }
}
