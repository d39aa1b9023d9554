//! Verification summaries: made of an answer by a policy, and asked whether they still
//! stand. A summary outlives what it rests on, so one that is shown is held to the store
//! as it is now: a replayed one must not say yes to what is refused since.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Error;
use super::asker::{Asker, ReleaseFile};
use super::check::{Considered, Ground};
use super::index::Key;
use super::log::Origin;
use super::records::Record;
use super::verified::{VerifiedRecord, verify_record};
use crate::attest::{
    BIT_FOR_BIT, Bundle, EQUIVALENT, Passed, REPLAYED, Resource, Statement, Subject, Summary,
    SummaryVerifier,
};
use crate::model::{Sha256Digest, VerdictKind};

/// A person let it through in the policy, whatever the records say.
const EXCEPTION: &str = "REMINT_EXCEPTION_OF_POLICY";
/// What a policy is called; its digest says which.
const POLICY: &str = "urn:remint:policy:v1";

/// The statement that a policy accepts a file; none where it does not.
pub fn summarize(
    file: &ReleaseFile,
    policy: Sha256Digest,
    origin: &Origin,
    now: Timestamp,
) -> Option<Statement> {
    let ground = file.answer.ground?;
    let counted: Vec<&Considered> = file
        .answer
        .records
        .iter()
        .filter(|record| record.refused.is_none())
        .collect();
    let level = match ground {
        Ground::Exception => EXCEPTION,
        Ground::Records => weakest(&counted),
    };
    let input = |record: &&Considered| {
        let uri = format!("urn:remint:record:{}:{}", origin.as_str(), record.entry);
        Resource::new(uri, record.statement)
    };
    let summary = Summary {
        verifier: SummaryVerifier {
            id: verifier(origin),
            version: BTreeMap::from([("remint".into(), env!("CARGO_PKG_VERSION").into())]),
        },
        time_verified: now,
        resource_uri: file.purl.to_string(),
        policy: Resource::new(POLICY.into(), policy),
        input_attestations: counted.iter().map(input).collect(),
        verification_result: Passed::Passed,
        verified_levels: vec![level.into()],
    };
    let mut subject = Subject::file(&file.artifact, &file.sha256);
    subject.uri = Some(file.purl.to_string());
    Some(summary.statement(subject))
}

/// A store's name as a verifier.
fn verifier(origin: &Origin) -> String {
    format!("urn:remint:store:{}", origin.as_str())
}

/// The least that the counted records show: a summary must not say more.
fn weakest(counted: &[&Considered]) -> &'static str {
    if counted.iter().any(|r| r.verdict != VerdictKind::Reproduced) {
        EQUIVALENT
    } else if counted.iter().any(|record| record.replayed) {
        REPLAYED
    } else {
        BIT_FOR_BIT
    }
}

/// Why a summary does not stand, as the store is now; empty where it does. `file` is the
/// SHA-256 of the file that it is shown for, where there is one.
///
/// # Errors
/// [`Error`] where the store cannot be read.
pub fn objections(
    bundle: Bundle,
    file: Option<Sha256Digest>,
    asker: &Asker,
) -> Result<Vec<String>, Error> {
    let record = Record {
        bundle,
        link: None,
        document: None,
    };
    let verified = match verify_record(record, asker.reader().keys()) {
        Ok(verified) => verified,
        Err(error) => return Ok(vec![error.to_string()]),
    };
    let summary = match Summary::read(&verified.statement) {
        Ok(Some(summary)) => summary,
        Ok(None) => return Ok(vec!["it is no verification summary".into()]),
        Err(error) => return Ok(vec![error.to_string()]),
    };
    let Some(sha256) = verified.statement.subject.first().and_then(Subject::sha256) else {
        return Ok(vec!["it names no file".into()]);
    };
    let mut objections = Vec::new();
    if file.is_some_and(|file| file != sha256) {
        objections.push(format!("it is about the file {sha256}, not about this one"));
    }
    if summary.policy.digest.sha256 != asker.policy().digest {
        objections.push(format!(
            "it was made by the policy {}, and not by this one",
            summary.policy.digest.sha256
        ));
    }
    objections.extend(
        asker
            .history()
            .objection(&verified, Some(summary.time_verified)),
    );
    objections.extend(replaced(&verified, &summary, &sha256, asker)?);
    objections.extend(refused_now(&verified, &summary, &sha256, asker)?);
    Ok(objections)
}

/// A newer summary of the same file and release takes the place of an older one.
fn replaced(
    shown: &VerifiedRecord,
    summary: &Summary,
    sha256: &Sha256Digest,
    asker: &Asker,
) -> Result<Option<String>, Error> {
    let mut newest = shown.entry;
    for record in asker.reader().find(Key::artifact(sha256))? {
        let other = Summary::read(&record.statement)?;
        if other.is_some_and(|other| other.resource_uri == summary.resource_uri) {
            newest = newest.max(record.entry);
        }
    }
    Ok((newest > shown.entry).then(|| {
        format!(
            "it is an old one: record {} was replaced by record {newest}",
            shown.entry
        )
    }))
}

fn refused_now(
    shown: &VerifiedRecord,
    summary: &Summary,
    sha256: &Sha256Digest,
    asker: &Asker,
) -> Result<Option<String>, Error> {
    let Ok(purl) = summary.resource_uri.parse() else {
        return Ok(Some(format!(
            "`{}` is no package URL",
            summary.resource_uri
        )));
    };
    let digest = crate::model::Digest::Sha256(*sha256);
    let answer = asker.file(&summary.resource_uri, &digest, Some(&purl))?;
    Ok((!answer.trusted).then(|| {
        format!(
            "record {} is a yes of {}, and today it is a no: {}",
            shown.entry, summary.time_verified, answer.reason
        )
    }))
}
