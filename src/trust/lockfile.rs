//! Lock files of package clients: which artifacts each entry lets a client install, by
//! the digests that the file names. An entry without a digest has nothing that could
//! be asked for, and says so.

use std::path::Path;

use base64::Engine as _;
use serde::Deserialize;

use crate::model::Digest;

/// The greatest lock file that is read; the largest that are seen have a few megabytes.
const LONGEST: usize = 64 << 20;

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockfileError {
    /// Its name is none of those that are read.
    #[error(
        "{0} is none of the lock files that are read (Cargo.lock, package-lock.json, requirements.txt, uv.lock, poetry.lock)"
    )]
    UnknownName(String),
    /// It cannot be read as what its name says.
    #[error("{origin}: {what}")]
    Malformed {
        /// The file.
        origin: String,
        /// What is wrong with it.
        what: String,
    },
}

/// One package that the file pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name and version, as a person knows it.
    pub name: String,
    /// The digest of every file that a client may take for it.
    pub digests: Vec<Digest>,
    /// Whether it is the person's own (a path, a workspace member), which no registry
    /// publishes.
    pub is_local: bool,
}

/// Reads a lock file by its name.
///
/// # Errors
/// [`LockfileError`].
pub fn read(path: &Path, text: &str) -> Result<Vec<Entry>, LockfileError> {
    let origin = path.display().to_string();
    let malformed = |what: String| LockfileError::Malformed {
        origin: origin.clone(),
        what,
    };
    if text.len() > LONGEST {
        return Err(malformed(format!("it has more than {LONGEST} bytes")));
    }
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("");
    match name {
        "Cargo.lock" => cargo(text),
        "package-lock.json" | "npm-shrinkwrap.json" => npm(text),
        "uv.lock" => uv(text),
        "poetry.lock" => poetry(text),
        _ if name.starts_with("requirements") && name.ends_with(".txt") => requirements(text),
        _ => return Err(LockfileError::UnknownName(origin)),
    }
    .map_err(malformed)
}

/// `sha256:` and hexadecimal digits.
fn prefixed(text: &str) -> Result<Digest, String> {
    match text.split_once(':') {
        Some(("sha256", hex)) => hex.parse().map(Digest::Sha256),
        Some(("sha512", hex)) => hex.parse().map(Digest::Sha512),
        _ => return Err(format!("`{text}` is no SHA-256 or SHA-512 digest")),
    }
    .map_err(|error| error.to_string())
}

/// Cargo.lock: `checksum` of the crate; a package without a source is one's own.
fn cargo(text: &str) -> Result<Vec<Entry>, String> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
        source: Option<String>,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(text).map_err(|error| error.to_string())?;
    lock.package
        .into_iter()
        .map(|package| {
            let digests = match package.checksum {
                Some(hex) => vec![Digest::Sha256(hex.parse().map_err(|e| format!("{e}"))?)],
                None => vec![],
            };
            Ok(Entry {
                name: format!("{} {}", package.name, package.version),
                digests,
                is_local: package.source.is_none(),
            })
        })
        .collect()
}

/// package-lock.json, lockfileVersion 2 and 3: `integrity` of each package; of several
/// hashes of one file the strongest is asked for (W3C SRI, section 3.3.4).
fn npm(text: &str) -> Result<Vec<Entry>, String> {
    #[derive(Deserialize)]
    struct Lock {
        packages: Option<std::collections::BTreeMap<String, Package>>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: Option<String>,
        version: Option<String>,
        integrity: Option<String>,
        resolved: Option<String>,
        #[serde(default)]
        link: bool,
    }
    let lock: Lock = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let packages = lock
        .packages
        .ok_or("it has no `packages`; npm 7 and later write them")?;
    packages
        .into_iter()
        .filter(|(path, package)| !path.is_empty() && !package.link)
        .map(|(path, package)| {
            let installed = path.rsplit("node_modules/").next().unwrap_or(&path);
            let name = package.name.unwrap_or_else(|| installed.to_owned());
            let version = package.version.unwrap_or_default();
            let digests = match &package.integrity {
                Some(integrity) => vec![strongest(integrity)?],
                None => vec![],
            };
            Ok(Entry {
                name: format!("{name} {version}"),
                digests,
                is_local: package.integrity.is_none()
                    && package.resolved.is_none()
                    && !path.contains("node_modules/"),
            })
        })
        .collect()
}

fn strongest(integrity: &str) -> Result<Digest, String> {
    let mut hashes = integrity.split_whitespace();
    let found = hashes
        .clone()
        .find(|hash| hash.starts_with("sha512-"))
        .or_else(|| hashes.find(|hash| hash.starts_with("sha256-")))
        .ok_or_else(|| format!("`{integrity}` has no SHA-512 or SHA-256"))?;
    // Options after a question mark say nothing of the bytes (W3C SRI, section 3.1).
    let found = found.split('?').next().unwrap_or(found);
    Digest::from_integrity(found).map_err(|error| error.to_string())
}

/// requirements.txt in pip's hash-checking mode: `--hash=sha256:...` on each entry.
fn requirements(text: &str) -> Result<Vec<Entry>, String> {
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut entries = Vec::new();
    for line in joined.lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("--") {
            continue;
        }
        if line.starts_with('-') {
            return Err(format!(
                "`{line}` points to other files, which are not read; ask for each of them"
            ));
        }
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let digests = line
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("--hash="))
            .map(prefixed)
            .collect::<Result<_, _>>()?;
        entries.push(Entry {
            name,
            digests,
            is_local: false,
        });
    }
    Ok(entries)
}

/// uv.lock: the hash of the source distribution and of each wheel.
fn uv(text: &str) -> Result<Vec<Entry>, String> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: Option<String>,
        source: Option<toml::Table>,
        sdist: Option<File>,
        #[serde(default)]
        wheels: Vec<File>,
    }
    #[derive(Deserialize)]
    struct File {
        hash: Option<String>,
    }
    let lock: Lock = toml::from_str(text).map_err(|error| error.to_string())?;
    lock.package
        .into_iter()
        .map(|package| {
            let is_local = package.source.as_ref().is_some_and(|source| {
                ["editable", "virtual", "directory"]
                    .iter()
                    .any(|kind| source.contains_key(*kind))
            });
            let digests = package
                .sdist
                .iter()
                .chain(&package.wheels)
                .filter_map(|file| file.hash.as_deref())
                .map(prefixed)
                .collect::<Result<_, _>>()?;
            Ok(Entry {
                name: format!("{} {}", package.name, package.version.unwrap_or_default()),
                digests,
                is_local,
            })
        })
        .collect()
}

/// poetry.lock: the hash of each file.
fn poetry(text: &str) -> Result<Vec<Entry>, String> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
        #[serde(default)]
        files: Vec<File>,
        source: Option<PackageSource>,
    }
    #[derive(Deserialize)]
    struct File {
        hash: String,
    }
    #[derive(Deserialize)]
    struct PackageSource {
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let lock: Lock = toml::from_str(text).map_err(|error| error.to_string())?;
    lock.package
        .into_iter()
        .map(|package| {
            let kind = package.source.and_then(|source| source.kind);
            Ok(Entry {
                name: format!("{} {}", package.name, package.version),
                digests: package
                    .files
                    .iter()
                    .map(|file| prefixed(&file.hash))
                    .collect::<Result<_, _>>()?,
                is_local: kind.as_deref() == Some("directory"),
            })
        })
        .collect()
}

/// A digest as `npm` writes it (W3C SRI, section 3.1).
pub fn integrity(digest: &crate::model::Sha512Digest) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(digest.as_bytes());
    format!("sha512-{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sha256Digest, Sha512Digest};

    fn sha256(text: &str) -> Digest {
        Digest::Sha256(Sha256Digest::of(text))
    }

    fn entry(name: &str, digests: Vec<Digest>, is_local: bool) -> Entry {
        Entry {
            name: name.into(),
            digests,
            is_local,
        }
    }

    fn entries(name: &str, text: &str) -> Vec<Entry> {
        read(Path::new(name), text).expect("reads")
    }

    #[test]
    fn a_cargo_lock_names_each_crate_by_its_checksum() {
        let text = format!(
            "version = 4\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n[[package]]\nname = \"itoa\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\nchecksum = \"{}\"\n[[package]]\nname = \"g\"\nversion = \"2.0.0\"\nsource = \"git+x\"\n",
            Sha256Digest::of("i")
        );
        assert_eq!(
            entries("Cargo.lock", &text),
            [
                entry("own 0.1.0", vec![], true),
                entry("itoa 1.0.0", vec![sha256("i")], false),
                entry("g 2.0.0", vec![], false),
            ]
        );
    }

    #[test]
    fn a_package_lock_names_each_tarball_by_its_strongest_hash() {
        let sha512 = Sha512Digest::of("s");
        let text = format!(
            r#"{{"packages": {{"": {{"name": "own"}}, "packages/mine": {{"version": "1.0.0"}},
            "node_modules/@a/b": {{"version": "1.0.0", "integrity": "sha1-AAAA {}?x"}},
            "node_modules/mine": {{"link": true}}}}}}"#,
            integrity(&sha512)
        );
        assert_eq!(
            entries("package-lock.json", &text),
            [
                entry("@a/b 1.0.0", vec![Digest::Sha512(sha512)], false),
                entry("packages/mine 1.0.0", vec![], true),
            ]
        );
        assert!(read(Path::new("package-lock.json"), "{}").is_err());
    }

    #[test]
    fn requirements_keep_every_hash_and_refuse_what_is_elsewhere() {
        let text = format!(
            "# comment\n--require-hashes\nidna==3.1 \\\n    --hash=sha256:{} \\\n    --hash=sha256:{}  # why\nbare==1.0\n",
            Sha256Digest::of("a"),
            Sha256Digest::of("b")
        );
        assert_eq!(
            entries("requirements.txt", &text),
            [
                entry("idna==3.1", vec![sha256("a"), sha256("b")], false),
                entry("bare==1.0", vec![], false),
            ]
        );
        assert!(read(Path::new("requirements.txt"), "-r other.txt\n").is_err());
    }

    #[test]
    fn uv_and_poetry_locks_name_every_file() {
        let (a, b) = (Sha256Digest::of("a"), Sha256Digest::of("b"));
        let uv = format!(
            "version = 1\n[[package]]\nname = \"own\"\nversion = \"0\"\nsource = {{ editable = \".\" }}\n[[package]]\nname = \"idna\"\nversion = \"3.1\"\nsource = {{ registry = \"x\" }}\nsdist = {{ url = \"x\", hash = \"sha256:{a}\" }}\nwheels = [{{ url = \"x\", hash = \"sha256:{b}\" }}]\n"
        );
        let pinned = entry("idna 3.1", vec![sha256("a"), sha256("b")], false);
        assert_eq!(
            entries("uv.lock", &uv),
            [entry("own 0", vec![], true), pinned.clone()]
        );
        let poetry = format!(
            "[[package]]\nname = \"idna\"\nversion = \"3.1\"\nfiles = [{{ file = \"a\", hash = \"sha256:{a}\" }}, {{ file = \"b\", hash = \"sha256:{b}\" }}]\n"
        );
        assert_eq!(entries("poetry.lock", &poetry), [pinned]);
    }

    #[test]
    fn another_name_and_a_weak_hash_are_refused() {
        assert!(read(Path::new("Gemfile.lock"), "").is_err());
        let weak = "idna==3.1 --hash=md5:00\n";
        assert!(read(Path::new("requirements.txt"), weak).is_err());
    }
}
