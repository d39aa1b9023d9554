//! `remint trust`: what is done with the store; the questions to it are in `check`.

mod check;
mod evidence;
mod list;
mod summary;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::out::say;
use super::{Error, Global, Outcome, open};
use crate::model::{Digest, Sha256Digest, printable};
use crate::trust::{self, Checkpoint, Folders, Key, Policy, Reader};

use check::Check;
use evidence::Deploy;
use list::List;
use summary::Summary;

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
    /// Print what is accepted in the form of a package client: pip, cargo-vet, npm
    List(List),
    /// Sign that a policy accepts a file (SLSA VSA), or ask whether that still stands
    #[command(subcommand)]
    Summary(Summary),
    /// Put the statements about a file beside it in an Artifactory (JFrog Evidence)
    DeployEvidence(Deploy),
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

#[derive(Debug, Subcommand)]
enum Log {
    /// Verify every entry, record and checkpoint, and say which was changed
    Verify {
        /// A checkpoint that was kept: the log must still have what it says
        #[arg(long, value_name = "FILE")]
        since: Vec<PathBuf>,
    },
    /// Print the proof that a checkpoint's tree is the beginning of a later one's
    Consistency {
        /// The older checkpoint, as it was kept
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The newer one
        #[arg(value_name = "NEW")]
        new: PathBuf,
    },
}

/// Carries out one action on the trust store.
///
/// # Errors
/// [`Error`] with the file and what to do.
pub fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let data = open::data_dir(global)?;
    match &options.action {
        Action::Check(options) => check::run(&data, options),
        Action::List(options) => list::run(&data, options),
        Action::Summary(action) => summary::run(global, &data, action),
        Action::DeployEvidence(options) => super::on_runtime(evidence::run(&data, options)),
        Action::Log(Log::Verify { since }) => {
            let folders = Folders::below(&data);
            verify_log(&folders, &folders.keys, since)
        }
        Action::Log(Log::Consistency { old, new }) => consistency(&Folders::below(&data), old, new),
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
    let asker = check::asker(data, Policy::default())?;
    let answers = digests
        .iter()
        .map(|(name, digest)| check::file(&asker, name, &Digest::Sha256(*digest), None))
        .collect::<Result<Vec<_>, _>>()?;
    check::print(&answers, false);
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
        policy_of(Some(path))?;
        write(&folder.join("policy.toml"), &text_of(path)?)?;
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

fn consistency(folders: &Folders, old: &Path, new: &Path) -> Result<Outcome, Error> {
    let keys = trust::TrustedKeys::of_folder(&folders.keys).map_err(|e| Error::usage(&e))?;
    let read = |path: &Path| {
        Checkpoint::verify(&text_of(path)?, &keys.log)
            .map_err(|what| Error::Usage(format!("{}: {what}", path.display())))
    };
    let (old, new) = (read(old)?, read(new)?);
    let files = trust::LogFiles::new(&folders.log);
    match trust::consistency(&files, &old, &new).map_err(|e| Error::usage(&e))? {
        Ok(hashes) => {
            let part = |checkpoint: &Checkpoint| serde_json::json!({"size": checkpoint.size, "root": checkpoint.root});
            let proof = serde_json::json!({
                "origin": old.origin.as_str(),
                "old": part(&old),
                "new": part(&new),
                "hashes": hashes,
            });
            say!("{proof:#}");
            Ok(Outcome::Good)
        }
        Err(what) => {
            say!("FAIL  {}", printable(&what, false));
            Ok(Outcome::Bad)
        }
    }
}

/// The policy in a file; the default one without a file.
fn policy_of(path: Option<&Path>) -> Result<Policy, Error> {
    match path {
        Some(path) => Policy::parse(&text_of(path)?, &path.display().to_string())
            .map_err(|e| Error::usage(&e)),
        None => Ok(Policy::default()),
    }
}

fn text_of(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::Usage(format!("cannot read {}: {error}", path.display())))
}
