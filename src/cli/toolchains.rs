//! `remint toolchains`.

use clap::{Args, Subcommand};

use super::out::say;
use super::{Error, Global, Outcome, open};
use crate::image;
use crate::model::{Digest, EventSink, Tool, Toolchain};
use crate::plan::CargoHome;
use crate::sandbox::Engine;
use crate::toolchain::{self, Precise, PreciseVersion};
use crate::verify::Line;

/// Options of `remint toolchains`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show each cargo that crates can be packed with, each zlib, and where they are
    List,
    /// Build what toolchains.lock pins, in the sandbox, and keep it
    Add(Versions),
    /// Build toolchains in the sandbox, keep them and pin what came out in toolchains.lock
    Lock(Lock),
}

#[derive(Args, Debug)]
struct Versions {
    /// Releases of cargo, such as 1.82.0, or of zlib-rs, such as zlib-rs@0.6.8
    #[arg(required = true, value_name = "VERSION")]
    versions: Vec<Toolchain>,
}

#[derive(Args, Debug)]
struct Lock {
    #[command(flatten)]
    versions: Versions,
    /// Build with this version of a dependency in place of the one in the crate's lock file,
    /// such as tar@0.4.33
    #[arg(long, value_name = "NAME@VERSION")]
    precise: Vec<PreciseVersion>,
}

/// Carries out one action on the toolchains.
///
/// # Errors
/// [`Error`] where a release cannot be built or is not what is pinned, or the
/// engine, the registry or the data folder cannot be used.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let farm = open::open(global, "toolchains", EventSink::silent()).await?;
    let line = &farm.line;
    let (versions, pin) = match &options.action {
        Action::List => {
            let mut cargos = line.cargos.clone();
            cargos.sort_by(|a, b| a.version.cmp(&b.version));
            for cargo in cargos {
                let home = match cargo.home {
                    CargoHome::Image(name) => format!("in the image {name}"),
                    CargoHome::Kept(digest) => home_of(line, &digest).await?,
                };
                say!("cargo {:8} {home}", cargo.version.to_string());
            }
            for zlib in &line.zlibs {
                let home = home_of(line, &zlib.program).await?;
                say!(
                    "{} {:6} {home}",
                    Tool::ZlibRs.name(),
                    zlib.version.to_string()
                );
            }
            return Ok(Outcome::Good);
        }
        Action::Add(versions) => (&versions.versions, None),
        Action::Lock(lock) => {
            let precise: Precise = lock.precise.iter().cloned().collect();
            (&lock.versions.versions, Some(precise))
        }
    };
    let engine = Engine::connect().await.map_err(|e| Error::farm(&e))?;
    let workshop = line.workshop();
    for toolchain in versions {
        eprintln!("building {toolchain} from its crate");
        let kept = match &pin {
            Some(precise) => workshop.lock(&engine, toolchain, precise).await,
            None => workshop.add(&engine, toolchain).await,
        };
        let kept = kept.map_err(|error| of_toolchain(&error))?;
        say!("{toolchain} kept as sha256:{kept}");
    }
    Ok(Outcome::Good)
}

/// Where a program is that no image holds.
async fn home_of(line: &Line, program: &Digest) -> Result<String, Error> {
    let kept = image::toolchain_file(&line.blobs, &line.folders.data, program)
        .await
        .map_err(|e| Error::farm(&e))?;
    let how = if kept.is_some() {
        "kept"
    } else {
        "pinned, built when it is needed"
    };
    Ok(format!("{how}: {program}"))
}

fn of_toolchain(error: &toolchain::Error) -> Error {
    match error {
        toolchain::Error::Sandbox(crate::sandbox::Error::Cancelled) => Error::Stopped,
        error if error.is_configuration() => Error::usage(error),
        error => Error::farm(error),
    }
}
