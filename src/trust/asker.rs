//! The store beside a policy: answers on files and on releases. Every record that an
//! answer rests on is verified on the way.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::check::{Answer, is_named, judge};
use super::claim::Claim;
use super::history::KeyHistory;
use super::index::Key;
use super::policy::Policy;
use super::reader::Reader;
use super::{Error, Folders};
use crate::model::{Digest, Purl, Sha256Digest, Sha512Digest};

/// A store that is asked by one policy, as of one time.
pub struct Asker {
    reader: Reader,
    history: KeyHistory,
    policy: Policy,
    now: Timestamp,
}

/// The answer on one artifact of one release.
#[derive(Clone, Debug)]
pub struct ReleaseFile {
    /// The release.
    pub purl: Purl,
    /// The artifact's file name.
    pub artifact: String,
    /// The artifact's SHA-256.
    pub sha256: Sha256Digest,
    /// The artifact's SHA-512, where a result names it: npm's do.
    pub sha512: Option<Sha512Digest>,
    /// Whether the policy accepts it as an artifact of the release, and why.
    pub answer: Answer,
}

/// What tells artifacts of releases apart: one file can be of two releases.
type Named = (Purl, String, Sha256Digest);

impl Asker {
    /// Opens the store in `folders` for questions by `policy` as of `now`.
    ///
    /// # Errors
    /// [`Error`] where keys, index or key events cannot be read or do not hold.
    pub fn open(folders: Folders, policy: Policy, now: Timestamp) -> Result<Self, Error> {
        let reader = Reader::open(folders)?;
        Ok(Self {
            history: reader.history()?,
            reader,
            policy,
            now,
        })
    }

    /// The store that is asked.
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What the log says of keys.
    pub const fn history(&self) -> &KeyHistory {
        &self.history
    }

    /// What is accepted.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// As of when.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The answer on one file; with `wanted`, on it as an artifact of that release.
    ///
    /// # Errors
    /// [`Error`] where a record cannot be read or does not hold.
    pub fn file(
        &self,
        subject: &str,
        digest: &Digest,
        wanted: Option<&Purl>,
    ) -> Result<Answer, Error> {
        let claims = self.claims(digest, wanted)?;
        let sha256 = match digest {
            Digest::Sha256(digest) => Some(*digest),
            Digest::Sha512(_) => claims.first().map(|claim| claim.sha256),
        };
        Ok(judge(subject, sha256, &claims, &self.policy, self.now))
    }

    /// The answer on something that no record can be looked up for.
    pub fn unknown(&self, subject: &str) -> Answer {
        judge(subject, None, &[], &self.policy, self.now)
    }

    /// The answer on a file as an artifact of each release that the store knows it of.
    ///
    /// # Errors
    /// [`Error`] where a record cannot be read or does not hold.
    pub fn releases_of(&self, digest: &Digest) -> Result<Vec<ReleaseFile>, Error> {
        let claims = self.claims(digest, None)?;
        self.files(claims.iter().filter_map(named).collect())
    }

    /// The answer on every artifact of a release that the store knows, by file name.
    ///
    /// # Errors
    /// [`Error`] where a record cannot be read or does not hold.
    pub fn release(&self, purl: &Purl) -> Result<Vec<ReleaseFile>, Error> {
        let claims = self
            .reader
            .claims(Key::purl(&purl.to_string()), &self.history)?;
        self.files(claims.iter().filter_map(named).collect())
    }

    /// The answer on every artifact that the store knows the release of, by release.
    ///
    /// # Errors
    /// [`Error`] where a record cannot be read or does not hold.
    pub fn everything(&self) -> Result<Vec<ReleaseFile>, Error> {
        let mut found = BTreeSet::new();
        self.reader.every(&mut |record| {
            let claim = Claim::read(&record, &self.history)?;
            found.extend(claim.as_ref().and_then(named));
            Ok(())
        })?;
        self.files(found)
    }

    fn files(&self, found: BTreeSet<Named>) -> Result<Vec<ReleaseFile>, Error> {
        found.into_iter().map(|named| self.judged(named)).collect()
    }

    fn judged(&self, (purl, artifact, sha256): Named) -> Result<ReleaseFile, Error> {
        let claims = self.claims(&Digest::Sha256(sha256), Some(&purl))?;
        let subject = format!("{purl} {artifact}");
        let mut answer = judge(&subject, Some(sha256), &claims, &self.policy, self.now);
        if answer.trusted && !is_named(&purl, &claims, &self.policy) {
            answer.refuse("nobody who counts says that it is of this release");
        }
        Ok(ReleaseFile {
            answer,
            sha512: claims.iter().find_map(|claim| claim.sha512),
            purl,
            artifact,
            sha256,
        })
    }

    fn claims(&self, digest: &Digest, wanted: Option<&Purl>) -> Result<Vec<Claim>, Error> {
        let claims = self.reader.claims(Key::digest(digest), &self.history)?;
        Ok(match wanted {
            Some(purl) => claims.into_iter().map(|c| c.held_to(purl)).collect(),
            None => claims,
        })
    }
}

fn named(claim: &Claim) -> Option<Named> {
    Some((claim.purl.clone()?, claim.artifact.clone(), claim.sha256))
}
