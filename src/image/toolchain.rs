//! Cargos that the farm can run: those of the images, the ones of an installed
//! rustup, and those that `remint toolchains` built, with the zlib that it built. All but the
//! first are each packed once as a tarball of one file and kept in the blob store, so that a
//! plan can name it by digest. May import `plan`,
//! `store` and `model`; runs `cargo -V` of what it finds and nothing else.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::Images;
use crate::model::{Digest, Sha256Digest, Tool, Toolchain};
use crate::plan::{CargoHome, CargoToolchain, ZlibToolchain};
use crate::store::{self, Blobs};

/// The list of kept toolchains, in the data folder.
const LIST: &str = "toolchains.json";

/// What is remembered between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct List {
    kept: Vec<Kept>,
    /// Programs that were looked at, so that an unchanged one is not hashed again.
    seen: Vec<Seen>,
}

/// A program as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    path: PathBuf,
    size: u64,
    modified: i64,
}

/// One kept toolchain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// What it is.
    #[serde(default)]
    tool: Tool,
    /// Its release: for an installed cargo, what `cargo -V` named.
    version: semver::Version,
    /// SHA-256 of the program itself.
    program: Sha256Digest,
    /// SHA-256 of the tarball that holds it.
    tarball: Sha256Digest,
}

impl Kept {
    fn is(&self, toolchain: &Toolchain) -> bool {
        self.tool == toolchain.tool && self.version == toolchain.version
    }
}

impl List {
    /// The list, empty where there is none yet: everything in it can be had again.
    fn load(path: &Path) -> Self {
        std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    fn save(&self, path: &Path) -> Result<(), store::Error> {
        let text = serde_json::to_vec_pretty(self).expect("a list of plain data serialises");
        store::write_durably(path, &text)
    }
}

/// The tarball of a kept program, by the program's digest.
///
/// # Errors
/// [`store::Error`] where the blob store cannot be asked.
pub async fn toolchain_file(
    blobs: &Blobs,
    data: &Path,
    program: &Digest,
) -> Result<Option<PathBuf>, store::Error> {
    let Digest::Sha256(program) = program else {
        return Ok(None);
    };
    let list = List::load(&data.join(LIST));
    match list.kept.iter().find(|kept| kept.program == *program) {
        Some(kept) => blobs.get(&kept.tarball).await,
        None => Ok(None),
    }
}

/// The stable cargos that the farm keeps, taking in those of an installed
/// rustup that it does not have yet.
///
/// # Errors
/// [`store::Error`] where the data folder cannot be written.
pub async fn kept_cargos(blobs: &Blobs, data: &Path) -> Result<Vec<CargoToolchain>, store::Error> {
    let path = data.join(LIST);
    let mut list = List::load(&path);
    let before = list.clone();
    list.kept.clear();
    for kept in &before.kept {
        if blobs.has(&kept.tarball).await? {
            list.kept.push(kept.clone());
        }
    }
    if list.kept.len() < before.kept.len() {
        list.seen.clear();
    }
    for program in installed_cargos() {
        let Some(seen) = seen(&program) else {
            continue;
        };
        if !list.seen.contains(&seen) {
            take_in(blobs, &program, &mut list.kept).await?;
            list.seen.retain(|other| other.path != seen.path);
            list.seen.push(seen);
        }
    }
    if list != before {
        list.save(&path)?;
    }
    Ok(list
        .kept
        .into_iter()
        .filter(|kept| kept.tool == Tool::Cargo)
        .map(|k| CargoToolchain {
            version: k.version,
            home: CargoHome::Kept(Digest::Sha256(k.program)),
        })
        .collect())
}

/// The zlibs that the farm keeps.
///
/// # Errors
/// [`store::Error`] where the blob store cannot be asked.
pub async fn kept_zlibs(blobs: &Blobs, data: &Path) -> Result<Vec<ZlibToolchain>, store::Error> {
    let mut found = Vec::new();
    for kept in List::load(&data.join(LIST)).kept {
        if kept.tool == Tool::ZlibRs && blobs.has(&kept.tarball).await? {
            found.push(ZlibToolchain {
                version: kept.version,
                program: Digest::Sha256(kept.program),
            });
        }
    }
    Ok(found)
}

/// Keeps what was built as this toolchain, in the place of one that was kept before; the
/// digest is the program's.
///
/// # Errors
/// [`store::Error`] where it cannot be read or the data folder cannot be written.
pub async fn keep(
    blobs: &Blobs,
    data: &Path,
    toolchain: &Toolchain,
    program: &Path,
) -> Result<Sha256Digest, store::Error> {
    let kept = kept(blobs, toolchain.clone(), program).await?;
    let path = data.join(LIST);
    let mut list = List::load(&path);
    list.kept.retain(|other| !other.is(toolchain));
    let program = kept.program;
    list.kept.push(kept);
    list.save(&path)?;
    Ok(program)
}

fn seen(program: &Path) -> Option<Seen> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(program).ok()?;
    Some(Seen {
        path: program.to_owned(),
        size: metadata.len(),
        modified: metadata.mtime(),
    })
}

async fn take_in(blobs: &Blobs, program: &Path, list: &mut Vec<Kept>) -> Result<(), store::Error> {
    // One cargo a release, and releases only: a nightly of the same number is
    // another program.
    let Some(version) = version_of(program).filter(|version| version.pre.is_empty()) else {
        return Ok(());
    };
    let toolchain = Toolchain {
        tool: Tool::Cargo,
        version,
    };
    if !list.iter().any(|kept| kept.is(&toolchain)) {
        list.push(kept(blobs, toolchain, program).await?);
    }
    Ok(())
}

async fn kept(blobs: &Blobs, toolchain: Toolchain, program: &Path) -> Result<Kept, store::Error> {
    let read = |error| store::Error::io("read", program, error);
    let bytes = std::fs::read(program).map_err(read)?;
    let tarball = pack(toolchain.tool, &bytes).map_err(read)?;
    Ok(Kept {
        tool: toolchain.tool,
        version: toolchain.version,
        program: Sha256Digest::of(&bytes),
        tarball: blobs.put(&tarball).await?.sha256,
    })
}

/// The cargo programs of an installed rustup (rustup book, "Toolchains": one
/// folder each below `RUSTUP_HOME/toolchains`).
fn installed_cargos() -> Vec<PathBuf> {
    let home = std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup")));
    let Some(folder) = home.and_then(|home| std::fs::read_dir(home.join("toolchains")).ok()) else {
        return vec![];
    };
    let mut programs: Vec<_> = folder
        .flatten()
        .map(|entry| entry.path().join("bin/cargo"))
        .filter(|path| path.is_file())
        .collect();
    programs.sort();
    programs
}

/// What `cargo -V` says: `cargo 1.95.0 (…)`.
fn version_of(program: &Path) -> Option<semver::Version> {
    let output = Command::new(program).arg("-V").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

/// Where the one file of a tarball is, as programs look for it. A program that is linked to
/// zlib asks for this name (zlib, `Makefile.in`, SHAREDLIBM).
const fn place(tool: Tool) -> &'static str {
    match tool {
        Tool::Cargo => "cargo/bin/cargo",
        Tool::ZlibRs => "zlib-rs/lib/libz.so.1",
    }
}

/// A tarball of one program, the same for the same bytes.
fn pack(tool: Tool, program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    header.set_mtime(1);
    header.set_entry_type(tar::EntryType::Regular);
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    tar.append_data(&mut header, place(tool), program)?;
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

/// The Debian packages that bring a cargo: its own, and the newer one that stable
/// suites carry for browsers.
const CARGO_PACKAGES: [&str; 2] = ["cargo", "cargo-web"];

/// The cargos of the images, told from the lock file's package versions. An optional
/// image that is not built counts only where it may be built when a plan names it.
pub fn cargos_of_images(images: &Images, on_demand: bool) -> Vec<CargoToolchain> {
    CARGO_PACKAGES
        .into_iter()
        .flat_map(|package| images.locked_packages(package))
        .filter(|(image, _)| on_demand || images.is_at_hand(image))
        .filter_map(|(image, version)| {
            Some(CargoToolchain {
                version: cargo_release(&version)?,
                home: CargoHome::Image(image),
            })
        })
        .collect()
}

/// The cargo release of a Debian package version: what stands before the first
/// `+`, `~` or `-`. Up to 0.66 Debian counted as the cargo crate does, which is
/// one minor number ahead of the release.
fn cargo_release(package: &str) -> Option<semver::Version> {
    let upstream = package.split(['+', '~', '-']).next()?;
    let version: semver::Version = upstream.parse().ok()?;
    Some(match version.major {
        0 => semver::Version::new(1, version.minor.checked_sub(1)?, version.patch),
        _ => version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debian_version_names_the_cargo_release() {
        let release = |text| cargo_release(text).map(|v| v.to_string());
        assert_eq!(release("1.85.0+dfsg3-1").as_deref(), Some("1.85.0"));
        assert_eq!(release("0.66.0+ds1-1").as_deref(), Some("1.65.0"));
        assert_eq!(release("0.47.0-3+b1").as_deref(), Some("1.46.0"));
        assert_eq!(
            release("1.96.0+dfsg1-1~deb13u1+b1").as_deref(),
            Some("1.96.0")
        );
        assert_eq!(release("nonsense"), None);
    }

    #[tokio::test]
    async fn a_cargo_that_was_built_is_kept_once_a_release() {
        let folder = tempfile::tempdir().expect("temp");
        let blobs = Blobs::open(&folder.path().join("blobs")).expect("blobs");
        let program = folder.path().join("cargo");
        let keep = async |toolchain: &str, bytes: &[u8]| {
            std::fs::write(&program, bytes).expect("write");
            let toolchain = toolchain.parse().expect("valid");
            let kept = keep(&blobs, folder.path(), &toolchain, &program).await;
            kept.expect("kept")
        };
        let first = keep("1.82.0", b"x").await;
        let second = keep("1.82.0", b"y").await;
        assert_ne!(first, second);
        let list = List::load(&folder.path().join(LIST));
        assert_eq!(list.kept.len(), 1);
        assert_eq!(list.kept[0].program, second);
        let zlib = Digest::Sha256(keep("zlib-rs@0.6.8", b"z").await);
        let zlibs = kept_zlibs(&blobs, folder.path()).await.expect("kept");
        assert_eq!(zlibs.len(), 1);
        assert_eq!(zlibs[0].program, zlib);
        let file = async |program| {
            let found = toolchain_file(&blobs, folder.path(), &Digest::Sha256(program)).await;
            found.expect("no bucket")
        };
        assert!(file(second).await.is_some());
        assert!(
            file(first).await.is_none(),
            "another program was put in its place"
        );
    }

    #[test]
    fn the_same_program_packs_to_the_same_tarball() {
        let pack = |bytes: &[u8]| pack(Tool::Cargo, bytes).expect("packs");
        assert_eq!(pack(b"x"), pack(b"x"));
        assert_ne!(pack(b"x"), pack(b"y"));
    }
}
