//! `Cargo.lock` (cargo book, "Cargo.toml vs Cargo.lock"; versions 1 to 4 have the
//! same `[[package]]` tables; versions 2 to 4 keep a checksum with each).

use serde::Deserialize;
use toml::Spanned;

use super::{Entry, Origin, Wrong, line_of, packages};
use crate::model::{Digest, Ecosystem, Sha256Digest};

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: String,
    source: Option<String>,
    checksum: Option<Sha256Digest>,
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Wrong> {
    packages(text, entry)
}

fn entry(text: &str, package: Package) -> Result<Entry, Wrong> {
    let line = line_of(text, package.name.span().start);
    let (name, version) = (package.name.into_inner(), package.version);
    let digests = package.checksum.into_iter().map(Digest::Sha256).collect();
    let full = format!("{name} {version}");
    let origin = match package.source.as_deref() {
        // Both forms of a registry's address: a git index and a sparse one.
        Some(source) if source.starts_with("registry+") || source.starts_with("sparse+") => {
            return Entry::of_registry(line, Ecosystem::Cargo, &name, &version, digests);
        }
        Some(_) => Origin::Elsewhere(format!("{full} comes from a git repository")),
        None => Origin::Local(format!("{full} is of the workspace itself")),
    };
    Ok(Entry {
        line,
        name: full,
        origin,
        digests,
    })
}
