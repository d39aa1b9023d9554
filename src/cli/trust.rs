//! `remint trust`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::out::say;
use super::{Error, Global, Outcome, open};
use crate::lockfile::{self, Entry, Origin};
use crate::model::{Digest, Purl, Sha256Digest, printable, printable_json};
use crate::trust::{self, Answer, Folders, Key, KeyHistory, Policy, Reader, judge};

/// Options of `remint trust`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say yes or no to an artifact, with the reason
    Check(Check),
    /// Look after the log
    #[command(subcommand)]
    Log(Log),
    /// Take in other builders' attestations as witnesses
    Import {
        /// The operator, as a [[builder]] of the configuration names it
        #[arg(value_name = "OPERATOR")]
        operator: String,
        /// What it wrote
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Answer over HTTP, read-only
    Serve {
        /// Where to listen
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
        listen: std::net::SocketAddr,
        /// A file for one line a request: who asked what, and when
        #[arg(long, value_name = "FILE")]
        access_log: Option<PathBuf>,
    },
    /// Write a folder that stands for itself: log, records, public keys, policy, reports
    Export {
        /// The folder; it must not be there yet, or be empty
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The policy to put in
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// Folders of batches' reports to put in
        #[arg(long, value_name = "DIR")]
        reports: Vec<PathBuf>,
    },
    /// Verify an exported folder whole, with nothing but what is in it
    Audit {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// A folder of public keys that are trusted, in place of those in the folder
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
        /// A checkpoint that was kept: the log must still have what it says
        #[arg(long, value_name = "FILE")]
        since: Vec<PathBuf>,
    },
}

#[derive(Args, Debug)]
struct Check {
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

#[derive(Debug, Subcommand)]
enum Log {
    /// Verify every entry, record and checkpoint, and say which was changed
    Verify {
        /// A checkpoint that was kept: the log must still have what it says
        #[arg(long, value_name = "FILE")]
        since: Vec<PathBuf>,
    },
}

/// Carries out one action on the trust store.
///
/// # Errors
/// [`Error`] with the file and what to do.
pub fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let data = open::data_dir(global)?;
    match &options.action {
        Action::Check(check) => self::check(&data, check),
        Action::Log(Log::Verify { since }) => {
            let folders = Folders::below(&data);
            verify_log(&folders, &folders.keys, since)
        }
        Action::Import { operator, files } => import(global, &data, operator, files),
        Action::Serve { listen, access_log } => {
            super::on_runtime(serve(&data, *listen, access_log.as_deref()))
        }
        Action::Export {
            folder,
            policy,
            reports,
        } => export(&data, folder, policy.as_deref(), reports),
        Action::Audit {
            folder,
            keys,
            since,
        } => {
            let folders = Folders::below(folder);
            verify_log(&folders, keys.as_ref().unwrap_or(&folders.keys), since)
        }
    }
}

/// Verifies each document, writes down what it says, and answers with what the store
/// then says of the artifact: builders that disagree are an alarm.
fn import(
    global: &Global,
    data: &Path,
    operator: &str,
    files: &[PathBuf],
) -> Result<Outcome, Error> {
    let config = open::config(global, data)?;
    let builders: Vec<_> = config
        .builder
        .iter()
        .filter(|builder| builder.operator == operator)
        .collect();
    if builders.is_empty() || operator == trust::OURSELVES {
        return Err(Error::Usage(format!(
            "the configuration has no [[builder]] with the operator `{operator}` (`self` is this store)"
        )));
    }
    let ledger = open::ledger(&config, data)?;
    let now = Timestamp::now();
    let mut digests = Vec::new();
    for path in files {
        let document = text_of(path)?;
        let known = Reader::open(Folders::below(data))
            .map_err(|e| Error::usage(&e))?
            .positions(Key::document(&Sha256Digest::of(&document)));
        let mut refusals = Vec::new();
        let mut found = None;
        for builder in &builders {
            match trust::witnesses(&document, builder, &text_of(&builder.key)?, now) {
                Ok(witnesses) => found = Some(witnesses),
                Err(error) => refusals.push(error.to_string()),
            }
        }
        let witnesses = found
            .ok_or_else(|| Error::Usage(format!("{}: {}", path.display(), refusals.join("; "))))?;
        for witness in witnesses {
            if known.is_empty() {
                ledger
                    .state(&witness.statement(), Some(document.clone()))
                    .map_err(|e| Error::usage(&e))?;
            }
            digests.push((witness.artifact, witness.sha256));
        }
    }
    let asker = Asker::open(data, Policy::default())?;
    let answers = digests
        .iter()
        .map(|(name, digest)| asker.digest(name, &Digest::Sha256(*digest)))
        .collect::<Result<Vec<_>, _>>()?;
    print(&answers, false);
    Ok(if answers.iter().any(|answer| answer.disagreement) {
        Outcome::Bad
    } else {
        Outcome::Good
    })
}

async fn serve(
    data: &Path,
    listen: std::net::SocketAddr,
    access_log: Option<&Path>,
) -> Result<Outcome, Error> {
    let reader = Reader::open(Folders::below(data)).map_err(|e| Error::usage(&e))?;
    let options = trust::serve::Options {
        listen,
        access_log: access_log.map(Path::to_owned),
    };
    let failed = |error: std::io::Error| Error::Farm(format!("cannot serve at {listen}: {error}"));
    let listening = trust::serve::serve(reader, options).await.map_err(failed)?;
    say!("http://{}", listening.address);
    listening.run().await.map_err(failed)?;
    Ok(Outcome::Good)
}

fn export(
    data: &Path,
    folder: &Path,
    policy: Option<&Path>,
    reports: &[PathBuf],
) -> Result<Outcome, Error> {
    trust::export(&Folders::below(data), folder).map_err(|e| Error::usage(&e))?;
    if let Some(path) = policy {
        let text = text_of(path)?;
        Policy::parse(&text, &path.display().to_string()).map_err(|e| Error::usage(&e))?;
        write(&folder.join("policy.toml"), &text)?;
    }
    for path in reports {
        let name = path
            .file_name()
            .ok_or_else(|| Error::Usage(format!("{} is no folder of reports", path.display())))?;
        trust::copy_folder(path, &folder.join("reports").join(name))
            .map_err(|e| Error::usage(&e))?;
    }
    let reader = Reader::open(Folders::below(folder)).map_err(|e| Error::usage(&e))?;
    for (name, text) in trust::public_files(&reader, "").map_err(|e| Error::usage(&e))? {
        write(&folder.join("public").join(name), &text)?;
    }
    say!("verify it with: remint trust audit {}", folder.display());
    Ok(Outcome::Good)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    crate::store::write_durably(path, text.as_bytes()).map_err(|e| Error::usage(&e))
}

fn verify_log(folders: &Folders, keys: &Path, since: &[PathBuf]) -> Result<Outcome, Error> {
    let keys = trust::TrustedKeys::of_folder(keys).map_err(|e| Error::usage(&e))?;
    let older = since
        .iter()
        .map(|path| text_of(path))
        .collect::<Result<Vec<_>, _>>()?;
    let audit = trust::audit(folders, &keys, &older).map_err(|e| Error::usage(&e))?;
    for finding in &audit.findings {
        say!("FAIL  {}", printable(finding, false));
    }
    if audit.omitted > 0 {
        say!("FAIL  and {} more", audit.omitted);
    }
    say!("{} of {} records hold", audit.good, audit.size);
    Ok(if audit.is_good() {
        Outcome::Good
    } else {
        Outcome::Bad
    })
}

fn check(data: &Path, options: &Check) -> Result<Outcome, Error> {
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

fn print(answers: &[Answer], json: bool) {
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

struct Asker {
    reader: Reader,
    history: KeyHistory,
    policy: Policy,
    now: Timestamp,
}

impl Asker {
    fn open(data: &Path, policy: Policy) -> Result<Self, Error> {
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

    fn digest(&self, subject: &str, digest: &Digest) -> Result<Answer, Error> {
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

fn text_of(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))
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
