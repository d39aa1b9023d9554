//! What texts name: records, reports, statements. Pure: it is handed the texts.
//!
//! It does not know their formats, so that no field is ever forgotten: any 64
//! hexadecimal digits in a row are a SHA-256 that the text names, also within base64, as
//! DSSE wraps what is signed (DSSE protocol v1.0.0, "Envelope"). It may take what is no
//! digest for one; it never misses one.

use std::collections::{BTreeSet, HashSet};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::model::Sha256Digest;

/// Hexadecimal digits of a SHA-256.
const DIGITS: usize = 64;

/// The fewest characters of base64 that a digest's digits fit into.
const SHORTEST_WRAPPED: usize = 86;

/// How deep base64 is looked into: a statement in its envelope in a bundle in another
/// builder's document, and one to spare.
const DEEPEST: u32 = 3;

/// The folder of a record's log in its batch's (`ResultRecord::log`).
const LOGS: &str = "logs/";

/// A run's end may not be the text's: padding is not asked for, and bits that are left
/// over are of no matter.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Of all the things that are there, those that texts name.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// What is there; of what is not, nothing is kept in memory.
    there: HashSet<Sha256Digest>,
    named: HashSet<Sha256Digest>,
    logs: BTreeSet<String>,
}

impl Live {
    /// Nothing named yet, of what is there.
    pub(super) fn among(there: impl IntoIterator<Item = Sha256Digest>) -> Self {
        Self {
            there: there.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Takes in a text.
    pub(super) fn read(&mut self, text: &[u8]) {
        self.read_digests(text, DEEPEST);
        self.read_logs(text);
    }

    /// Whether a text named the digest.
    pub(super) fn names(&self, digest: &Sha256Digest) -> bool {
        self.named.contains(digest)
    }

    /// Whether a text named a log file of this name, in whichever batch.
    pub(super) fn names_log(&self, file_name: &str) -> bool {
        self.logs.contains(file_name)
    }

    fn read_digests(&mut self, text: &[u8], deeper: u32) {
        for run in text.split(|byte| !byte.is_ascii_hexdigit()) {
            // In a run of more than 64 digits any 64 may be meant.
            for window in run.windows(DIGITS) {
                let mut bytes = [0; DIGITS / 2];
                if hex::decode_to_slice(window, &mut bytes).is_ok() {
                    let digest = Sha256Digest::from_bytes(bytes);
                    if self.there.contains(&digest) {
                        self.named.insert(digest);
                    }
                }
            }
        }
        if deeper == 0 {
            return;
        }
        for run in text.split(|byte| !byte.is_ascii_alphanumeric() && !b"+/".contains(byte)) {
            if run.len() < SHORTEST_WRAPPED {
                continue;
            }
            // One character of four holds no whole byte (RFC 4648, section 4).
            let whole = if run.len() % 4 == 1 {
                &run[..run.len() - 1]
            } else {
                run
            };
            if let Ok(inner) = LENIENT.decode(whole) {
                self.read_digests(&inner, deeper - 1);
            }
        }
    }

    /// Each JSON string that begins with the folder of logs names one. A text that is not
    /// JSON has none.
    fn read_logs(&mut self, text: &[u8]) {
        let opening = format!("\"{LOGS}");
        let mut rest = text;
        while let Some(at) = find(rest, opening.as_bytes()) {
            let mut strings =
                serde_json::Deserializer::from_slice(&rest[at..]).into_iter::<String>();
            if let Some(Ok(path)) = strings.next() {
                self.logs.insert(path[LOGS.len()..].to_owned());
            }
            rest = &rest[at + opening.len()..];
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn named(text: impl AsRef<[u8]>) -> Vec<&'static str> {
        let there = ["one", "two"];
        let mut live = Live::among(there.iter().map(Sha256Digest::of));
        live.read(text.as_ref());
        let mut found: Vec<_> = there
            .into_iter()
            .filter(|name| live.names(&Sha256Digest::of(name)))
            .collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_digest_is_found_in_any_text_and_case_and_beside_other_digits() {
        let one = Sha256Digest::of("one").to_string();
        for text in [
            one.clone(),
            format!("{{\"sha256\":\"{}\"}}", one.to_uppercase()),
            format!("blob sha256:{one}."),
            format!("abc{one}def"),
        ] {
            assert_eq!(named(&text), ["one"], "{text}");
        }
        assert!(named(&one[1..]).is_empty());
        assert!(named(Sha256Digest::of("three").to_string()).is_empty());
    }

    #[test]
    fn a_digest_is_found_in_an_envelope_within_a_document() {
        let statement = format!("{{\"sha256\":\"{}\"}}", Sha256Digest::of("two"));
        let envelope = format!("{{\"payload\":\"{}\"}}", BASE64_STANDARD.encode(statement));
        assert_eq!(named(&envelope), ["two"]);
        let record = serde_json::json!({ "document": envelope }).to_string();
        assert_eq!(named(&record), ["two"]);
        let wrapped = format!("{{\"bundle\":\"{}\"}}", BASE64_STANDARD.encode(record));
        assert_eq!(named(wrapped), ["two"]);
    }

    #[test]
    fn a_log_is_named_by_its_path_as_json_writes_it() {
        let mut live = Live::default();
        live.read(br#"{"log":"logs/a-1.0.crate.1.log","x":["logs/\u00e9\".log", "logs/broken"#);
        assert!(live.names_log("a-1.0.crate.1.log"));
        assert!(live.names_log("é\".log"));
        assert!(!live.names_log("a-1.0.crate.2.log") && !live.names_log("broken"));
    }

    proptest! {
        #[test]
        fn a_digest_is_never_missed(
            before in "[ -~]{0,90}", after in "[ -~]{0,90}", wrapped: bool, upper: bool,
        ) {
            let mut digest = Sha256Digest::of("one").to_string();
            if upper {
                digest.make_ascii_uppercase();
            }
            let mut text = format!("{before}{digest}{after}");
            if wrapped {
                text = format!("{before}\"{}\"{after}", BASE64_STANDARD.encode(text));
            }
            prop_assert_eq!(named(text), ["one"]);
        }
    }
}
