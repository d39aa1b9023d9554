//! Texts that people, registries and other tools write: package URLs, recipes,
//! configurations, policies, lock files, lists, SBOMs, bundles, records and log entries.
//! What is read and can be written is read again as the same.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use remint::attest::{Bundle, Leaf};
use remint::model::{
    Artifact, ArtifactKind, Config, FetchedArtifact, Purl, Recipe, Sha256Digest, Sha512Digest,
};
use remint::provenance::Attestations;
use remint::registry::PublishedAttestation;
use remint::trust::{Policy, Record};
use remint::{farm, lockfile, plan, registry};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    match first % 16 {
        0 => purl(text),
        1 => recipe(text),
        2 => drop(Config::parse(text, "fuzz")),
        3 => drop(Policy::parse(text, "fuzz")),
        4 => lock_file("Cargo.lock", text),
        5 => lock_file("package-lock.json", text),
        6 => lock_file("requirements.txt", text),
        7 => lock_file("uv.lock", text),
        8 => lock_file("poetry.lock", text),
        9 => batch_input("list", text),
        10 => batch_input("sbom.json", text),
        11 => bundle(text),
        12 => drop(Leaf::parse(rest)),
        13 => record(rest),
        14 => drop(plan::registry_entries(text)),
        _ => index(rest),
    }
});

/// A bundle of remint's own, or a registry's: what nobody trusted has signed names no source.
fn bundle(text: &str) {
    static PUBLIC: LazyLock<Attestations> =
        LazyLock::new(|| Attestations::open(None).expect("the library's own root"));
    drop(Bundle::parse(text));
    let published = PublishedAttestation {
        bundle: text.to_owned(),
        publisher: None,
    };
    let file = FetchedArtifact {
        artifact: Artifact {
            name: "fuzz".into(),
            kind: ArtifactKind::NpmTarball,
            url: "http://127.0.0.1/".parse().expect("valid"),
            digests: vec![],
            size: None,
            published_at: None,
            yanked: false,
            provenance: None,
        },
        sha256: Sha256Digest::of(b""),
        sha512: Sha512Digest::of(b""),
        size: 0,
        path: PathBuf::new(),
    };
    assert_eq!(PUBLIC.examine(&[published], &file).verified, None);
}

fn purl(text: &str) {
    if let Ok(purl) = text.parse::<Purl>() {
        let again: Purl = purl
            .to_string()
            .parse()
            .expect("what was written can be read");
        assert_eq!(purl, again);
    }
}

fn recipe(text: &str) {
    if let Ok(recipe) = Recipe::parse(text, "fuzz") {
        let again = Recipe::parse(&recipe.to_toml(), "fuzz").expect("what was written can be read");
        assert_eq!(recipe.to_toml(), again.to_toml());
    }
}

/// Each entry and each complaint has a line that the file has.
fn lock_file(name: &str, text: &str) {
    let kind = lockfile::Kind::of(Path::new(name)).expect("a name of a lock file");
    let lines = text.split('\n').count();
    match lockfile::read(kind, text) {
        Ok(entries) => assert!(
            entries
                .iter()
                .all(|entry| (1..=lines).contains(&entry.line))
        ),
        Err(wrong) => assert!((1..=lines).contains(&wrong.line), "{wrong}"),
    }
}

fn batch_input(name: &str, text: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    drop(farm::input::read(&[path]));
}

fn record(line: &[u8]) {
    if let Ok(record) = Record::parse(line) {
        let again = Record::parse(&record.to_line()).expect("what was written can be read");
        assert_eq!(record.to_line(), again.to_line());
    }
}

/// A line of a registry's index that is handed on stays one line.
fn index(bytes: &[u8]) {
    let purl: Purl = "pkg:cargo/a@1.0.0".parse().expect("a package URL");
    if let Some(line) = registry::line_as_of(bytes, &purl, None) {
        assert!(!line.contains('\n'));
    }
}
