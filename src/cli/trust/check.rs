//! `remint trust check`: a yes or a no for files, digests, package URLs and every entry
//! of a lock file.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::super::out::say;
use super::super::{Error, Outcome};
use super::text_of;
use crate::lockfile::{self, Entry, Origin};
use crate::model::{Digest, Purl, Sha256Digest, printable, printable_json};
use crate::trust::{Answer, Folders, Key, KeyHistory, Policy, Reader, judge};

#[derive(Args, Debug)]
pub(super) struct Check {
    /// A file, sha256:DIGEST, sha512:DIGEST or a package URL
    #[arg(value_name = "FILE|DIGEST|PURL", required_unless_present = "lockfile")]
    subjects: Vec<String>,
    /// What is accepted; without it, a reproduction by one builder
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Ask for every entry of a lock file
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,
    /// Print the answers as JSON
    #[arg(long)]
    json: bool,
}

/// Answers every question.
pub(super) fn run(data: &Path, options: &Check) -> Result<Outcome, Error> {
    let policy = match &options.policy {
        Some(path) => Policy::parse(&text_of(path)?, &path.display().to_string())
            .map_err(|e| Error::usage(&e))?,
        None => Policy::default(),
    };
    let asker = Asker::open(data, policy)?;
    let mut answers = Vec::new();
    for subject in &options.subjects {
        answers.extend(asker.subject(subject)?);
    }
    if let Some(path) = &options.lockfile {
        for entry in entries(path)? {
            answers.push(asker.entry(&entry)?);
        }
    }
    print(&answers, options.json);
    Ok(if answers.iter().all(|answer| answer.trusted) {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

/// What a lock file pins. One that pins nothing has no answer to give.
fn entries(path: &Path) -> Result<Vec<Entry>, Error> {
    let shown = path.display();
    let kind = lockfile::Kind::of(path).ok_or_else(|| {
        Error::Usage(format!(
            "{shown} is none of the lock files that are read (Cargo.lock, package-lock.json, requirements.txt, uv.lock, poetry.lock)"
        ))
    })?;
    let found = lockfile::read(kind, &text_of(path)?)
        .map_err(|wrong| Error::Usage(format!("{shown}, {wrong}")))?;
    if found.is_empty() {
        return Err(Error::Usage(format!("{shown} pins nothing")));
    }
    Ok(found)
}

/// Prints answers, for a person or a machine.
pub(super) fn print(answers: &[Answer], json: bool) {
    if json {
        let text = serde_json::json!(answers);
        say!("{}", printable_json(&format!("{text:#}")));
        return;
    }
    for answer in answers {
        let word = if answer.trusted { "yes" } else { "NO " };
        say!(
            "{word}  {}: {}",
            printable(&answer.subject, false),
            printable(&answer.reason, false)
        );
        for record in &answer.records {
            let grade = if record.replayed { " (replayed)" } else { "" };
            say!(
                "     record {}: {} by {} at {}{grade}",
                record.entry,
                record.verdict,
                printable(&record.operator, false),
                record.at
            );
        }
    }
}

/// The store beside what is accepted.
pub(super) struct Asker {
    reader: Reader,
    history: KeyHistory,
    policy: Policy,
    now: Timestamp,
}

impl Asker {
    pub(super) fn open(data: &Path, policy: Policy) -> Result<Self, Error> {
        let reader = Reader::open(Folders::below(data)).map_err(|e| Error::usage(&e))?;
        Ok(Self {
            history: reader.history().map_err(|e| Error::usage(&e))?,
            reader,
            policy,
            now: Timestamp::now(),
        })
    }

    fn subject(&self, text: &str) -> Result<Vec<Answer>, Error> {
        if text.starts_with("pkg:") {
            let purl: Purl = text.parse().map_err(|e| Error::usage(&e))?;
            return self.purl(&purl);
        }
        let digest = match text.split_once(':') {
            Some(("sha256", hex)) => Digest::Sha256(hex.parse().map_err(|e| Error::usage(&e))?),
            Some(("sha512", hex)) => Digest::Sha512(hex.parse().map_err(|e| Error::usage(&e))?),
            _ => Digest::Sha256(digest_of(Path::new(text))?),
        };
        Ok(vec![self.digest(text, &digest)?])
    }

    /// Every artifact of a release that the store knows; without any, a no.
    fn purl(&self, purl: &Purl) -> Result<Vec<Answer>, Error> {
        if purl.version().is_none() {
            return Err(Error::Usage(format!(
                "{purl} names no version; which one is asked for?"
            )));
        }
        let text = purl.to_string();
        let claims = self
            .reader
            .claims(Key::purl(&text), &self.history)
            .map_err(|e| Error::usage(&e))?;
        let mut files: Vec<(&str, Sha256Digest)> = claims
            .iter()
            .map(|claim| (claim.artifact.as_str(), claim.sha256))
            .collect();
        files.sort_unstable();
        files.dedup();
        if files.is_empty() {
            return Ok(vec![judge(&text, None, &[], &self.policy, self.now)]);
        }
        files
            .into_iter()
            .map(|(name, digest)| self.digest(&format!("{text} {name}"), &Digest::Sha256(digest)))
            .collect()
    }

    pub(super) fn digest(&self, subject: &str, digest: &Digest) -> Result<Answer, Error> {
        self.file(subject, digest, None)
    }

    /// One file, where one is wanted as an artifact of that release.
    fn file(&self, subject: &str, digest: &Digest, wanted: Option<&Purl>) -> Result<Answer, Error> {
        let mut claims = self
            .reader
            .claims(Key::digest(digest), &self.history)
            .map_err(|e| Error::usage(&e))?;
        if let Some(purl) = wanted {
            claims = claims.into_iter().map(|c| c.held_to(purl)).collect();
        }
        let sha256 = match digest {
            Digest::Sha256(digest) => Some(*digest),
            Digest::Sha512(_) => claims.first().map(|claim| claim.sha256),
        };
        Ok(judge(subject, sha256, &claims, &self.policy, self.now))
    }

    /// One answer for an entry: a client may install any file that it lists, so each
    /// has to be a yes, and of the release that the entry names.
    fn entry(&self, entry: &Entry) -> Result<Answer, Error> {
        let wanted = match &entry.origin {
            Origin::Registry(purl) => Some(purl),
            Origin::Local(_) | Origin::Elsewhere(_) => None,
        };
        let mut answers = entry
            .digests
            .iter()
            .map(|digest| self.file(&entry.name, digest, wanted))
            .collect::<Result<Vec<_>, _>>()?;
        let (count, refused) = (answers.len(), answers.iter().position(|a| !a.trusted));
        if let Some(index) = refused {
            let mut answer = answers.swap_remove(index);
            if count > 1 {
                answer.reason = format!("{} ({})", answer.reason, entry.digests[index]);
            }
            return Ok(answer);
        }
        if let Some(mut answer) = answers.pop() {
            if count > 1 {
                answer.reason = format!("all {count} files: {}", answer.reason);
            }
            return Ok(answer);
        }
        let mut answer = judge(&entry.name, None, &[], &self.policy, self.now);
        answer.reason = match &entry.origin {
            Origin::Local(why) => {
                answer.trusted = true;
                format!("one's own, which no registry publishes: {why}")
            }
            Origin::Elsewhere(why) => format!("nothing to ask for: {why}"),
            Origin::Registry(_) => {
                "the lock file names no digest, so there is nothing to ask for".into()
            }
        };
        Ok(answer)
    }
}

fn digest_of(path: &Path) -> Result<Sha256Digest, Error> {
    if !path.is_file() {
        return Err(Error::Usage(format!(
            "{} is no file, and begins with none of `sha256:`, `sha512:` and `pkg:`",
            path.display()
        )));
    }
    let (digest, _) = crate::store::digest_file(path).map_err(|e| Error::usage(&e))?;
    Ok(digest)
}
