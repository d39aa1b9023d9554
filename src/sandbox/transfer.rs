//! What goes into a container and what comes out, as tar archives.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bollard::errors::Error as ApiError;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;

use super::container::Container;
use super::{EngineError, Error, Job};
use crate::model::WORK_DIR;
use crate::store;

/// The user that owns everything that goes in.
const OWNER: u64 = 1000;
/// What one input tarball may hold when it is inflated, in bytes: toolchains have
/// some hundreds of megabytes.
const MAX_INPUT: u64 = 2 << 30;
/// The largest output that is taken, in bytes: as large as the largest artifact.
const MAX_OUTPUT: u64 = 1 << 30;

/// Writes the archive that is unpacked in the work folder: source, files, inputs.
pub(super) fn pack(job: &Job<'_>, to: &Path) -> Result<(), Error> {
    let failed = |error| store::Error::io("pack the source into", to, error);
    let mut tar = tar::Builder::new(BufWriter::new(File::create(to).map_err(failed)?));
    for folder in ["home", "out"] {
        folder_entry(&mut tar, folder).map_err(failed)?;
    }
    tree(&mut tar, job.tree, "src", &job.plan.output).map_err(failed)?;
    for (path, text) in &job.plan.files {
        file(&mut tar, path, text).map_err(failed)?;
    }
    for (tarball, folder) in &job.inputs {
        input(&mut tar, tarball, folder).map_err(|error| Error::Input {
            unpack_to: folder.clone(),
            reason: error.to_string(),
        })?;
    }
    tar.into_inner()
        .and_then(|mut inner| inner.flush())
        .map_err(failed)?;
    Ok(())
}

fn header(kind: tar::EntryType, mode: u32, mtime: u64, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(mtime);
    header.set_size(size);
    header.set_uid(OWNER);
    header.set_gid(OWNER);
    header
}

fn folder_entry(tar: &mut tar::Builder<impl Write>, path: &str) -> io::Result<()> {
    let mut header = header(tar::EntryType::Directory, 0o755, 0, 0);
    tar.append_data(&mut header, format!("{path}/"), io::empty())
}

/// A small file of the plan, with the folders above it. One that begins with `#!`
/// is executable.
fn file(tar: &mut tar::Builder<impl Write>, path: &str, text: &str) -> io::Result<()> {
    let parts: Vec<_> = path.split('/').collect();
    for end in 1..parts.len() {
        let folder = parts[..end].join("/");
        // The source's own folders are there already, with their own times.
        if parts[0] != "src" {
            folder_entry(tar, &folder)?;
        }
    }
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    let mut header = header(tar::EntryType::Regular, mode, 0, text.len() as u64);
    tar.append_data(&mut header, path, text.as_bytes())
}

/// A tree with its modes and times; what is no file, folder or link is left out, and so is
/// what lies where the output will be: a source that holds the very file that it publishes
/// must not pass for a build of it.
fn tree(
    tar: &mut tar::Builder<impl Write>,
    folder: &Path,
    name: &str,
    output: &str,
) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(folder)?;
    let mtime = u64::try_from(metadata.mtime()).unwrap_or(0);
    let mode = metadata.permissions().mode() & 0o777;
    let mut head = header(tar::EntryType::Directory, mode, mtime, 0);
    tar.append_data(&mut head, format!("{name}/"), io::empty())?;
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let inside = Path::new(name).join(entry.file_name());
        let metadata = std::fs::symlink_metadata(&path)?;
        let mtime = u64::try_from(metadata.mtime()).unwrap_or(0);
        let mode = metadata.permissions().mode() & 0o777;
        let kind = metadata.file_type();
        if kind.is_dir() {
            let inside = inside.to_str().ok_or_else(|| not_utf8(&inside))?.to_owned();
            tree(tar, &path, &inside, output)?;
        } else if Path::new(output).starts_with(&inside) {
            // The file itself, or a link that would lead to it.
        } else if kind.is_symlink() {
            let mut head = header(tar::EntryType::Symlink, 0o777, mtime, 0);
            tar.append_link(&mut head, &inside, std::fs::read_link(&path)?)?;
        } else if kind.is_file() {
            let mut head = header(tar::EntryType::Regular, mode, mtime, metadata.len());
            tar.append_data(&mut head, &inside, File::open(&path)?)?;
        }
    }
    Ok(())
}

fn not_utf8(path: &Path) -> io::Error {
    io::Error::other(format!(
        "the folder {} has a name that is not UTF-8",
        path.display()
    ))
}

/// A gzipped tarball, unpacked on the way without its first path component.
fn input(tar: &mut tar::Builder<impl Write>, tarball: &Path, folder: &str) -> io::Result<()> {
    let inflated = MultiGzDecoder::new(BufReader::new(File::open(tarball)?)).take(MAX_INPUT);
    let mut archive = tar::Archive::new(inflated);
    let mut above = String::new();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        above = if above.is_empty() {
            part.to_owned()
        } else {
            format!("{above}/{part}")
        };
        folder_entry(tar, &above)?;
    }
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let below: PathBuf = path.components().skip(1).collect();
        let plain = below
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        if below.as_os_str().is_empty() {
            continue;
        }
        if !plain {
            return Err(io::Error::other(format!(
                "`{}` leaves its folder",
                path.display()
            )));
        }
        let to = Path::new(folder).join(below);
        let mode = entry.header().mode()? & 0o777;
        match entry.header().entry_type() {
            tar::EntryType::Regular => {
                let mut head = header(tar::EntryType::Regular, mode, 0, entry.size());
                tar.append_data(&mut head, to, &mut entry)?;
            }
            tar::EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default().into_owned();
                let mut head = header(tar::EntryType::Symlink, 0o777, 0, 0);
                tar.append_link(&mut head, to, target)?;
            }
            tar::EntryType::Directory => {
                let mut head = header(tar::EntryType::Directory, mode | 0o700, 0, 0);
                tar.append_data(&mut head, to, io::empty())?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes one regular file out of a container; nothing where it is not there or is
/// no regular file.
pub(super) async fn download(
    container: &Container,
    path: &str,
    scratch: &Path,
) -> Result<Option<PathBuf>, Error> {
    let archive = scratch.join("output.tar");
    let options = DownloadFromContainerOptionsBuilder::new()
        .path(&format!("{WORK_DIR}/{path}"))
        .build();
    let stream = container
        .engine()
        .docker()
        .download_from_container(container.id(), Some(options));
    let mut stream = std::pin::pin!(stream);
    let failed = |error| store::Error::io("write", &archive, error);
    let mut file = BufWriter::new(File::create(&archive).map_err(failed)?);
    let mut size = 0u64;
    while let Some(chunk) = stream.next().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(ApiError::DockerResponseServerError {
                status_code: 404, ..
            }) => return Ok(None),
            Err(error) => {
                return Err(EngineError::api("copy the output out of a container")(error).into());
            }
        };
        size += chunk.len() as u64;
        if size > MAX_OUTPUT {
            return Ok(None);
        }
        file.write_all(&chunk).map_err(failed)?;
    }
    file.flush().map_err(failed)?;
    drop(file);
    take_file(&archive, &scratch.join("output")).map_err(|error| failed(error).into())
}

/// The one regular file of an archive, written to `to`.
fn take_file(archive: &Path, to: &Path) -> io::Result<Option<PathBuf>> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(archive)?));
    let mut entries = archive.entries()?;
    let Some(mut entry) = entries.next().transpose()? else {
        return Ok(None);
    };
    if entry.header().entry_type() != tar::EntryType::Regular {
        return Ok(None);
    }
    io::copy(&mut entry, &mut File::create(to)?)?;
    Ok(Some(to.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_a_link_or_a_folder_is_not_taken() {
        let folder = tempfile::tempdir().expect("temp");
        for (kind, taken) in [
            (tar::EntryType::Symlink, false),
            (tar::EntryType::Directory, false),
            (tar::EntryType::Regular, true),
        ] {
            let path = folder.path().join("a.tar");
            let mut tar = tar::Builder::new(File::create(&path).expect("create"));
            let mut head = header(kind, 0o644, 0, 0);
            if kind == tar::EntryType::Symlink {
                tar.append_link(&mut head, "x", "/etc/passwd")
                    .expect("append");
            } else {
                tar.append_data(&mut head, "x", io::empty())
                    .expect("append");
            }
            tar.finish().expect("finish");
            let found = take_file(&path, &folder.path().join("out")).expect("reads");
            assert_eq!(found.is_some(), taken, "{kind:?}");
        }
    }

    #[test]
    fn what_the_source_has_where_the_output_will_be_does_not_go_in() {
        let source = tempfile::tempdir().expect("temp");
        let at = |path: &str| source.path().join(path);
        std::fs::create_dir_all(at("dist/x-1.tgz.d")).expect("mkdir");
        for path in ["dist/x-1.tgz", "dist/x-1.tgz.d/y", "dist/y.tgz"] {
            std::fs::write(at(path), "published").expect("write");
        }
        std::os::unix::fs::symlink("dist", at("link")).expect("link");
        let packed = |output: &str| {
            let mut tar = tar::Builder::new(Vec::new());
            tree(&mut tar, source.path(), "src", output).expect("packs");
            let bytes = tar.into_inner().expect("tar");
            let mut archive = tar::Archive::new(&bytes[..]);
            let entries = archive.entries().expect("entries");
            let path = |entry: io::Result<tar::Entry<'_, _>>| {
                let entry = entry.expect("an entry");
                entry.path().expect("a path").display().to_string()
            };
            entries.map(path).collect::<Vec<_>>()
        };
        let all = packed("out/x-1.tgz");
        assert!(all.contains(&"src/dist/x-1.tgz".to_owned()), "{all:?}");
        let others = |left_out: &str| {
            let kept = all.iter().filter(|path| *path != left_out);
            kept.cloned().collect::<Vec<_>>()
        };
        assert_eq!(packed("src/dist/x-1.tgz"), others("src/dist/x-1.tgz"));
        // A link that would lead to it is none of the way.
        assert_eq!(packed("src/link/x-1.tgz"), others("src/link"));
    }

    #[test]
    fn an_input_that_leaves_its_folder_is_refused() {
        let mut inner = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::fast(),
        ));
        let mut head = header(tar::EntryType::Regular, 0o644, 0, 1);
        let name = b"package/../../evil";
        head.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name);
        head.set_cksum();
        inner.append(&head, &b"x"[..]).expect("append");
        let bytes = inner.into_inner().expect("tar").finish().expect("gzip");
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("evil.tgz");
        std::fs::write(&path, bytes).expect("write");
        let mut out = tar::Builder::new(Vec::new());
        let error = input(&mut out, &path, "tools/x")
            .expect_err("refused")
            .to_string();
        assert!(error.contains("leaves its folder"), "{error}");
    }
}
