//! Building a `debian` image with mmdebstrap from a fixed package list and
//! SOURCE_DATE_EPOCH, so that equal package versions give equal bytes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::definition::Definition;
use super::lock::Locked;
use super::{Error, archive};
use crate::store;

/// The keyring of Debian's archive, from its package of the same name; a host
/// that is not Debian does not trust the archive by itself.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is never wanted in a build container.
const NEVER: [&str; 4] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
];

/// Run in the finished tree (`$1`) by mmdebstrap: what would leak the host or
/// differ from run to run goes, and the build user with its folder comes.
const FINISH: &str = r#"set -eu
rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/machine-id" "$1/var/lib/dbus/machine-id"
rm -rf "$1/var/cache/ldconfig/aux-cache" "$1/var/log" "$1/var/lib/apt/lists" "$1/var/cache/apt"
mkdir -p "$1/var/log" "$1/var/lib/apt/lists" "$1/var/cache/apt" "$1/build" "$1/mirror" "$1/watch"
echo 'build:x:1000:1000::/build/home:/bin/sh' >> "$1/etc/passwd"
echo 'build:x:1000:' >> "$1/etc/group"
chown 1000:1000 "$1/build"
chmod 0755 "$1/build"
dpkg-query --admindir="$1/var/lib/dpkg" -W -f '${Package}=${Version}\n' > "$REMINT_PACKAGES"
"#;

/// An image that was built and is not kept yet.
pub(super) struct Built {
    pub(super) locked: Locked,
    archive: tempfile::NamedTempFile,
}

impl Built {
    /// Keeps the archive at `path`.
    pub(super) fn keep(self, path: &Path) -> Result<(), Error> {
        let io = |error| store::Error::io("keep the image archive", path, error);
        self.archive.as_file().sync_all().map_err(io)?;
        self.archive
            .persist(path)
            .map_err(|error| io(error.error))?;
        Ok(())
    }
}

/// Builds an image; its archive is written into `folder`.
pub(super) async fn build(
    name: &str,
    definition: &Definition,
    folder: &Path,
) -> Result<Built, Error> {
    store::make_folder(folder)?;
    let scratch = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(folder)
        .map_err(|error| store::Error::io("create a folder in", folder, error))?;
    let layer = scratch.path().join("layer.tar");
    let packages = scratch.path().join("packages");
    run(name, definition, scratch.path(), &layer, &packages).await?;
    let failed = |error: std::io::Error| Error::Build {
        name: name.to_owned(),
        reason: error.to_string(),
    };
    let mut list: Vec<String> = std::fs::read_to_string(&packages)
        .map_err(failed)?
        .lines()
        .map(str::to_owned)
        .collect();
    list.sort();
    let (digest, _) = store::digest_file(&layer)?;
    let config = archive::config(&digest, definition.epoch);
    let mut file = tempfile::Builder::new()
        .prefix(".archive-")
        .tempfile_in(folder)
        .map_err(|error| store::Error::io("create a file in", folder, error))?;
    archive::write(name, &layer, &digest, &config, file.as_file_mut())
        .map_err(|error| store::Error::io("write an image archive in", folder, error))?;
    Ok(Built {
        locked: Locked {
            id: archive::id_of(&config),
            layer: digest,
            packages: list,
        },
        archive: file,
    })
}

async fn run(
    name: &str,
    definition: &Definition,
    scratch: &Path,
    layer: &Path,
    packages: &Path,
) -> Result<(), Error> {
    let failed = |reason: String| Error::Build {
        name: name.to_owned(),
        reason,
    };
    let hook = scratch.join("finish.sh");
    std::fs::write(&hook, FINISH).map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new("mmdebstrap");
    command
        .env("SOURCE_DATE_EPOCH", definition.epoch.to_string())
        .env("REMINT_PACKAGES", packages)
        .env("TMPDIR", scratch)
        .arg("--variant=minbase")
        // apt's own clean-up leaves a folder whose owner depends on whether apt's
        // user may enter the folder that is built in; FINISH does it instead.
        .arg("--skip=cleanup/apt")
        .arg("--components=main")
        .arg("--architectures=amd64")
        .arg(format!("--include={}", definition.packages.join(",")))
        .arg(format!("--customize-hook=sh {} \"$1\"", hook.display()));
    for path in NEVER
        .iter()
        .copied()
        .chain(definition.exclude.iter().map(String::as_str))
    {
        command.arg(format!("--dpkgopt=path-exclude={path}"));
    }
    if Path::new(KEYRING).exists() {
        command.arg(format!("--keyring={KEYRING}"));
    }
    command.arg(&definition.suite).arg(layer);
    if let Some(address) = archive_address() {
        command.arg(address);
    }
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| {
            failed(format!(
                "{error}; install mmdebstrap (`apt-get install mmdebstrap`)"
            ))
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<_> = said.lines().rev().take(6).collect();
    Err(failed(
        last.into_iter().rev().collect::<Vec<_>>().join("\n"),
    ))
}

/// Where Debian's archive is: the environment, then the host's own apt
/// configuration where that is Debian's; else mmdebstrap's own default.
fn archive_address() -> Option<String> {
    if let Ok(address) = std::env::var("REMINT_DEBIAN_MIRROR")
        && !address.is_empty()
    {
        return Some(address);
    }
    let folder = std::fs::read_dir("/etc/apt/sources.list.d");
    let mut files: Vec<PathBuf> = folder
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    files.sort();
    files.push("/etc/apt/sources.list".into());
    files
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .find_map(|text| debian_address(&text))
}

/// The address of Debian's main archive in apt's sources (sources.list(5)):
/// the first whose path ends in `/debian`.
fn debian_address(text: &str) -> Option<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter(|line| line.starts_with("URIs:") || line.starts_with("deb "))
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.contains("://") && word.ends_with("/debian"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debians_archive_is_found_in_both_forms_of_apts_sources() {
        let deb822 = "Types: deb\n# URIs: http://127.0.0.1/old/debian\nURIs: http://127.0.0.1/debian/\nSuites: x\n";
        assert_eq!(
            debian_address(deb822).as_deref(),
            Some("http://127.0.0.1/debian")
        );
        let list = "deb [arch=amd64] http://127.0.0.1/debian trixie main\n";
        assert_eq!(
            debian_address(list).as_deref(),
            Some("http://127.0.0.1/debian")
        );
        let other = "deb http://127.0.0.1/debian-security trixie main\ndeb http://127.0.0.1/ubuntu x main\n";
        assert_eq!(debian_address(other), None);
    }
}
