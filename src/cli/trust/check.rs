//! `remint trust check`: a yes or a no for files, digests, package URLs and every entry
//! of a lock file.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::super::out::say;
use super::super::{Error, Outcome};
use super::{policy_of, text_of};
use crate::lockfile::{self, Entry, Origin};
use crate::model::{Digest, Purl, Sha256Digest, printable, printable_json};
use crate::trust::{Answer, Asker, Folders, Policy};

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
    let asker = asker(data, policy_of(options.policy.as_deref())?)?;
    let mut answers = Vec::new();
    for text in &options.subjects {
        answers.extend(subject(&asker, text)?);
    }
    if let Some(path) = &options.lockfile {
        for pinned in entries(path)? {
            answers.push(entry(&asker, &pinned)?);
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

/// The store in a data folder, asked by a policy as of now.
pub(super) fn asker(data: &Path, policy: Policy) -> Result<Asker, Error> {
    Asker::open(Folders::below(data), policy, Timestamp::now()).map_err(|e| Error::usage(&e))
}

fn subject(asker: &Asker, text: &str) -> Result<Vec<Answer>, Error> {
    match Subject::of(text)? {
        Subject::Release(purl) => release(asker, &purl),
        Subject::File(digest) => file(asker, text, &digest, None).map(|answer| vec![answer]),
    }
}

/// What can be asked about.
pub(super) enum Subject {
    /// Every artifact of a release.
    Release(Purl),
    /// One file.
    File(Digest),
}

impl Subject {
    /// Reads a package URL with a version, a digest, or the name of a file.
    pub(super) fn of(text: &str) -> Result<Self, Error> {
        if text.starts_with("pkg:") {
            let purl = text.parse().map_err(|e| Error::usage(&e))?;
            check_version(&purl)?;
            return Ok(Self::Release(purl));
        }
        let digest = match text.split_once(':') {
            Some(("sha256", hex)) => Digest::Sha256(hex.parse().map_err(|e| Error::usage(&e))?),
            Some(("sha512", hex)) => Digest::Sha512(hex.parse().map_err(|e| Error::usage(&e))?),
            _ => Digest::Sha256(digest_of(Path::new(text))?),
        };
        Ok(Self::File(digest))
    }
}

/// Every artifact of a release that the store knows; without any, a no.
fn release(asker: &Asker, purl: &Purl) -> Result<Vec<Answer>, Error> {
    let files = asker.release(purl).map_err(|e| Error::usage(&e))?;
    if files.is_empty() {
        return Ok(vec![asker.unknown(&purl.to_string())]);
    }
    Ok(files.into_iter().map(|file| file.answer).collect())
}

/// A release has a version.
pub(super) fn check_version(purl: &Purl) -> Result<(), Error> {
    match purl.version() {
        Some(_) => Ok(()),
        None => Err(Error::Usage(format!(
            "{purl} names no version; which one is asked for?"
        ))),
    }
}

pub(super) fn file(
    asker: &Asker,
    subject: &str,
    digest: &Digest,
    wanted: Option<&Purl>,
) -> Result<Answer, Error> {
    asker
        .file(subject, digest, wanted)
        .map_err(|e| Error::usage(&e))
}

/// One answer for an entry: a client may install any file that it lists, so each
/// has to be a yes, and of the release that the entry names.
fn entry(asker: &Asker, entry: &Entry) -> Result<Answer, Error> {
    let wanted = match &entry.origin {
        Origin::Registry(purl) => Some(purl),
        Origin::Local(_) | Origin::Elsewhere(_) => None,
    };
    let mut answers = entry
        .digests
        .iter()
        .map(|digest| file(asker, &entry.name, digest, wanted))
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
    let mut answer = asker.unknown(&entry.name);
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

pub(super) fn digest_of(path: &Path) -> Result<Sha256Digest, Error> {
    if !path.is_file() {
        return Err(Error::Usage(format!(
            "{} is no file, and begins with none of `sha256:`, `sha512:` and `pkg:`",
            path.display()
        )));
    }
    let (digest, _) = crate::store::digest_file(path).map_err(|e| Error::usage(&e))?;
    Ok(digest)
}
