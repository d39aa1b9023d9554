//! Certificates in DER (X.690), the few parts of RFC 5280 and RFC 6962 that Sigstore's
//! certificates have.

use jiff::Timestamp;
use remint::attest::{KeyFile, Signer as _};
use sha2::{Digest as _, Sha256};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
/// RFC 5280, section 4.2.1.6: a name that is a URI.
const URI: u8 = 0x86;

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(length as u8),
        0x80..0x100 => out.extend([0x81, length as u8]),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(content);
    out
}

fn all(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(tag, &parts.concat())
}

fn oid(text: &str) -> Vec<u8> {
    let numbers: Vec<u64> = text
        .split('.')
        .map(|n| n.parse().expect("a number"))
        .collect();
    let mut content = vec![(numbers[0] * 40 + numbers[1]) as u8];
    for number in &numbers[2..] {
        let groups = (0..10).rev().map(|group| (number >> (7 * group)) & 0x7f);
        let used: Vec<u64> = groups.skip_while(|group| *group == 0).collect();
        let last = used.len().saturating_sub(1);
        content.extend(used.iter().enumerate().map(|(index, group)| {
            let more = if index < last { 0x80 } else { 0 };
            *group as u8 | more
        }));
        if used.is_empty() {
            content.push(0);
        }
    }
    tlv(OID, &content)
}

fn time(at: Timestamp) -> Vec<u8> {
    tlv(
        UTC_TIME,
        at.strftime("%y%m%d%H%M%SZ").to_string().as_bytes(),
    )
}

/// `id-at-commonName`.
fn name(common: &str) -> Vec<u8> {
    let attribute = all(SEQUENCE, &[oid("2.5.4.3"), tlv(UTF8, common.as_bytes())]);
    all(SEQUENCE, &[tlv(SET, &attribute)])
}

fn extension(id: &str, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if is_critical {
        parts.push(vec![0x01, 0x01, 0xff]);
    }
    parts.push(tlv(OCTET_STRING, value));
    all(SEQUENCE, &parts)
}

/// `ecdsa-with-SHA256`.
fn algorithm() -> Vec<u8> {
    all(SEQUENCE, &[oid("1.2.840.10045.4.3.2")])
}

fn to_be_signed(
    subject: Vec<u8>,
    key: &[u8],
    valid: [Timestamp; 2],
    extensions: &[Vec<u8>],
) -> Vec<u8> {
    all(
        SEQUENCE,
        &[
            tlv(0xa0, &tlv(INTEGER, &[2])),
            tlv(INTEGER, &[1]),
            algorithm(),
            name("authority"),
            all(SEQUENCE, &valid.map(time)),
            subject,
            key.to_vec(),
            tlv(0xa3, &all(SEQUENCE, extensions)),
        ],
    )
}

fn certificate(to_be_signed: Vec<u8>, issuer: &KeyFile) -> Vec<u8> {
    let mut signature = vec![0];
    signature.extend(issuer.sign(&to_be_signed).expect("signs"));
    all(
        SEQUENCE,
        &[to_be_signed, algorithm(), tlv(BIT_STRING, &signature)],
    )
}

/// The certificate authority's own certificate.
pub fn authority(key: &KeyFile, from: Timestamp) -> Vec<u8> {
    let day = jiff::ToSpan::hours(24 * 365);
    let may_issue = tlv(SEQUENCE, &[0x01, 0x01, 0xff]);
    let extensions = [
        extension("2.5.29.19", true, &may_issue),
        extension("2.5.29.15", true, &tlv(BIT_STRING, &[1, 0x06])),
    ];
    let inner = to_be_signed(
        name("authority"),
        key.public_key().der(),
        [from, from + day],
        &extensions,
    );
    certificate(inner, key)
}

/// A build's certificate, to be signed.
pub struct Leaf<'a> {
    pub key: &'a [u8],
    pub subject: &'a str,
    /// Fulcio's extensions, by the last number of their OID.
    pub claims: &'a [(u32, &'a str)],
    pub issued: Timestamp,
    pub expires: Timestamp,
}

impl Leaf<'_> {
    /// The certificate with its place in the log of certificates.
    pub fn sign(&self, authority: &KeyFile, log: &KeyFile) -> Vec<u8> {
        let mut extensions = vec![
            // digitalSignature; codeSigning.
            extension("2.5.29.15", true, &tlv(BIT_STRING, &[7, 0x80])),
            extension(
                "2.5.29.37",
                false,
                &all(SEQUENCE, &[oid("1.3.6.1.5.5.7.3.3")]),
            ),
            extension(
                "2.5.29.17",
                true,
                &all(SEQUENCE, &[tlv(URI, self.subject.as_bytes())]),
            ),
        ];
        extensions.extend(self.claims.iter().map(|(number, value)| {
            let id = format!("1.3.6.1.4.1.57264.1.{number}");
            // Fulcio, `docs/oid-info.md`: bare text up to .6, UTF8String from .8 on.
            if *number < 8 {
                extension(&id, false, value.as_bytes())
            } else {
                extension(&id, false, &tlv(UTF8, value.as_bytes()))
            }
        }));
        let inner = |extensions: &[Vec<u8>]| {
            to_be_signed(
                tlv(SEQUENCE, &[]),
                self.key,
                [self.issued, self.expires],
                extensions,
            )
        };
        // RFC 6962, section 3.2: the log signs what the certificate will be without this.
        let promise = promised(&inner(&extensions), authority, log, self.issued);
        extensions.push(extension(
            "1.3.6.1.4.1.11129.2.4.2",
            false,
            &tlv(OCTET_STRING, &promise),
        ));
        certificate(inner(&extensions), authority)
    }
}

/// RFC 6962, sections 3.2 and 3.3: a list of one signed certificate timestamp.
fn promised(inner: &[u8], authority: &KeyFile, log: &KeyFile, at: Timestamp) -> Vec<u8> {
    let hash = |bytes: &[u8]| -> [u8; 32] { Sha256::digest(bytes).into() };
    let millis = at.as_millisecond().to_be_bytes();
    let mut message = vec![0, 0];
    message.extend(millis);
    message.extend([0, 1]);
    message.extend(hash(authority.public_key().der()));
    message.extend(&(inner.len() as u32).to_be_bytes()[1..]);
    message.extend(inner);
    message.extend([0, 0]);
    let signature = log.sign(&message).expect("signs");

    let mut timestamp = vec![0];
    timestamp.extend(hash(log.public_key().der()));
    timestamp.extend(millis);
    // No extensions; SHA-256 with ECDSA (RFC 5246, section 7.4.1.4.1).
    timestamp.extend([0, 0, 4, 3]);
    timestamp.extend((signature.len() as u16).to_be_bytes());
    timestamp.extend(signature);
    let mut list = (timestamp.len() as u16 + 2).to_be_bytes().to_vec();
    list.extend((timestamp.len() as u16).to_be_bytes());
    list.extend(timestamp);
    list
}
