//! What gates ask of lock files; the real files of the current tools are among the
//! tests of `farm::input`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;
use crate::model::{Sha256Digest, Sha512Digest};

fn sha256(text: &str) -> Digest {
    Digest::Sha256(Sha256Digest::of(text))
}

/// The entries of a file: a package URL, or else `local` or `elsewhere` with the name,
/// and the digests.
fn entries(kind: Kind, text: &str) -> Vec<(String, Vec<Digest>)> {
    read(kind, text)
        .expect("reads")
        .into_iter()
        .map(|entry| {
            let what = match entry.origin {
                Origin::Registry(purl) => purl.to_string(),
                Origin::Local(_) => format!("local {}", entry.name),
                Origin::Elsewhere(_) => format!("elsewhere {}", entry.name),
            };
            (what, entry.digests)
        })
        .collect()
}

fn one(what: &str, digests: Vec<Digest>) -> (String, Vec<Digest>) {
    (what.to_owned(), digests)
}

#[test]
fn a_cargo_lock_names_each_crate_by_its_checksum() {
    let text = format!(
        "version = 4\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n[[package]]\nname = \"itoa\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\nchecksum = \"{}\"\n[[package]]\nname = \"g\"\nversion = \"2.0.0\"\nsource = \"git+x\"\n",
        Sha256Digest::of("i")
    );
    assert_eq!(
        entries(Kind::Cargo, &text),
        [
            one("local own 0.1.0", vec![]),
            one("pkg:cargo/itoa@1.0.0", vec![sha256("i")]),
            one("elsewhere g 2.0.0", vec![]),
        ]
    );
}

#[test]
fn a_package_lock_names_each_tarball_by_its_strongest_hash() {
    let sha512 = Sha512Digest::of("s");
    let text = format!(
        r#"{{"packages": {{"": {{"name": "own"}}, "packages/mine": {{"version": "1.0.0"}},
        "node_modules/@a/b": {{"version": "1.0.0", "integrity": "sha1-AAAA sha512-{}?x"}},
        "node_modules/git": {{"version": "1.0.0", "resolved": "git+ssh://git.example/x"}},
        "node_modules/mine": {{"link": true}},
        "node_modules/old": {{"version": "1.0.0", "integrity": "sha1-AAAA"}}}}}}"#,
        BASE64.encode(sha512.as_bytes())
    );
    assert_eq!(
        entries(Kind::Npm, &text),
        [
            one("pkg:npm/%40a/b@1.0.0", vec![Digest::Sha512(sha512)]),
            one("elsewhere git 1.0.0", vec![]),
            one("local mine", vec![]),
            one("pkg:npm/old@1.0.0", vec![]),
            one("local packages/mine 1.0.0", vec![]),
        ]
    );
}

/// What is downloaded in the place of a workspace member is not one's own.
#[test]
fn a_folder_that_has_an_address_is_not_local() {
    let text = r#"{"packages": {"packages/x": {"name": "x", "version": "1.0.0", "resolved": "https://x.example/x"}}}"#;
    assert_eq!(entries(Kind::Npm, text), [one("pkg:npm/x@1.0.0", vec![])]);
}

#[test]
fn requirements_keep_every_hash_and_refuse_what_is_elsewhere() {
    let (a, b) = (Sha256Digest::of("a"), Sha256Digest::of("b"));
    let text = format!(
        "# comment\n--require-hashes\nidna==3.1 ; python_version > '3' \\\n    --hash=sha256:{a} \\\n    --hash sha256:{b}  # why\nbare==1.0\n-e ./here\n"
    );
    assert_eq!(
        entries(Kind::Requirements, &text),
        [
            one("pkg:pypi/idna@3.1", vec![sha256("a"), sha256("b")]),
            one("pkg:pypi/bare@1.0", vec![]),
            one("elsewhere -e ./here", vec![]),
        ]
    );
    for text in [
        "-r other.txt\n",
        "-rother.txt\n",
        "--requirement other.txt\n",
        "--requirement=other.txt\n",
        "idna>=3\n",
        "idna==3.1 --hash=md5:00\n",
    ] {
        assert!(read(Kind::Requirements, text).is_err(), "{text}");
    }
}

#[test]
fn uv_and_poetry_locks_name_every_file() {
    let (a, b) = (Sha256Digest::of("a"), Sha256Digest::of("b"));
    let uv = format!(
        "version = 1\n[[package]]\nname = \"own\"\nversion = \"0\"\nsource = {{ editable = \".\" }}\n[[package]]\nname = \"idna\"\nversion = \"3.1\"\nsource = {{ registry = \"x\" }}\nsdist = {{ url = \"x\", hash = \"sha256:{a}\" }}\nwheels = [{{ url = \"x\", hash = \"sha256:{b}\" }}]\n"
    );
    let pinned = one("pkg:pypi/idna@3.1", vec![sha256("a"), sha256("b")]);
    assert_eq!(
        entries(Kind::Uv, &uv),
        [one("local own 0", vec![]), pinned.clone()]
    );
    let poetry = format!(
        "[[package]]\nname = \"idna\"\nversion = \"3.1\"\nfiles = [{{ file = \"a\", hash = \"sha256:{a}\" }}, {{ file = \"b\", hash = \"sha256:{b}\" }}]\n[[package]]\nname = \"g\"\nversion = \"1\"\nfiles = []\n[package.source]\ntype = \"git\"\n"
    );
    assert_eq!(
        entries(Kind::Poetry, &poetry),
        [pinned, one("elsewhere g 1", vec![])]
    );
}

#[test]
fn a_files_name_says_its_kind() {
    let kind = |name: &str| Kind::of(Path::new(name));
    assert_eq!(kind("a/requirements-dev.txt"), Some(Kind::Requirements));
    assert_eq!(kind("a/Cargo.lock"), Some(Kind::Cargo));
    assert_eq!(kind("a/Gemfile.lock"), None);
}
