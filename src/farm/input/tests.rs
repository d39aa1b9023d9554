//! Real files, made by the current tools (cargo 1.95, npm 11, uv, pip-compile,
//! poetry 2.5, cyclonedx-py), and what bad ones get. Only hosts were replaced.

use std::path::PathBuf;

use super::*;
use crate::model::Ecosystem;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/farm/input/fixtures")
        .join(name)
}

fn purls(input: &Input) -> Vec<String> {
    let mut all: Vec<_> = input
        .wanted
        .iter()
        .map(|wanted| match wanted {
            Wanted::Package(purl) => purl.to_string(),
            Wanted::Newest { package, count } => format!("newest {count} of {package}"),
        })
        .collect();
    all.sort();
    all
}

fn read_fixture(name: &str) -> Input {
    read(&[fixture(name)]).expect(name)
}

/// Reads a file of this name and content.
fn read_text(name: &str, text: &str) -> Result<Input, Error> {
    let folder = tempfile::tempdir().expect("temp");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("write");
    read(&[path])
}

/// The line and the whole text of the error that a file gets.
fn refused(name: &str, text: &str) -> (usize, String) {
    match read_text(name, text).expect_err("it is wrong") {
        error @ Error::Line { line, .. } => (line, error.to_string()),
        other => panic!("no line: {other}"),
    }
}

#[test]
fn cargos_lock_file_gives_what_registries_published_and_leaves_the_workspace_out() {
    let input = read_fixture("Cargo.lock");
    let all = purls(&input);
    assert!(all.contains(&"pkg:cargo/itoa@0.4.8".into()), "{all:?}");
    assert!(
        all.iter().any(|p| p.starts_with("pkg:cargo/itoa@1.")),
        "{all:?}"
    );
    assert!(!all.iter().any(|p| p.contains("sample")), "{all:?}");
    assert_eq!(input.left_out.len(), 1);
    assert!(
        input.left_out[0].why.contains("sample"),
        "{:?}",
        input.left_out
    );
}

#[test]
fn npms_lock_file_gives_scopes_and_aliases_by_their_real_names() {
    assert_eq!(
        purls(&read_fixture("package-lock.json")),
        [
            "pkg:npm/%40sindresorhus/is@7.0.2",
            "pkg:npm/debug@4.4.1",
            "pkg:npm/ms@2.0.0",
            "pkg:npm/ms@2.1.3",
            "pkg:npm/semver@7.7.2",
        ]
    );
}

#[test]
fn every_tool_of_python_gives_the_same_packages() {
    let locked = [
        "pkg:pypi/attrs@26.1.0",
        "pkg:pypi/colorama@0.4.6",
        "pkg:pypi/idna@3.10",
    ];
    for name in ["uv.lock", "poetry.lock", "uv-requirements.txt"] {
        assert_eq!(purls(&read_fixture(name)), locked, "{name}");
    }
    for name in ["pip-compile-requirements.txt", "python.cdx.json"] {
        assert_eq!(purls(&read_fixture(name)), [locked[0], locked[2]], "{name}");
    }
}

#[test]
fn both_forms_of_sbom_give_the_same_packages() {
    let one = purls(&read_fixture("npm.cdx.json"));
    let mut other = purls(&read_fixture("npm.spdx.json"));
    // SPDX lists the project itself among its packages.
    other.retain(|purl| !purl.starts_with("pkg:npm/sample@"));
    assert_eq!(one, other);
    assert!(
        one.contains(&"pkg:npm/%40sindresorhus/is@7.0.2".into()),
        "{one:?}"
    );
}

#[test]
fn a_batch_file_has_packages_patterns_other_files_limits_and_a_policy() {
    let folder = tempfile::tempdir().expect("temp");
    std::fs::write(folder.path().join("list"), "pkg:npm/ms@2.1.3\n").expect("write");
    let path = folder.path().join("night.toml");
    let text = "title = \"night\"\nagain = true\npackages = [\"pkg:cargo/itoa@1.0.18\"]\nfiles = [\"list\"]\n\
                [[newest]]\ncount = 3\npackages = [\"pkg:pypi/idna\"]\n\
                [limits]\nnpm = 2\n[policy]\necosystems = [\"npm\", \"pypi\"]\nrefuse-replayed = true\n";
    std::fs::write(&path, text).expect("write");
    let input = read(&[path]).expect("valid");
    // The policy takes only two ecosystems.
    assert_eq!(
        purls(&input),
        ["newest 3 of pkg:pypi/idna", "pkg:npm/ms@2.1.3"]
    );
    assert_eq!(input.settings.title.as_deref(), Some("night"));
    assert!(input.settings.again && input.settings.policy.refuse_replayed);
    assert_eq!(input.settings.limits[&Ecosystem::Npm], 2);
}

#[test]
fn a_package_that_several_files_name_is_verified_once() {
    let both = read(&[fixture("npm.cdx.json"), fixture("package-lock.json")]).expect("valid");
    assert_eq!(purls(&both), purls(&read_fixture("package-lock.json")));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (name, text, line, says) in [
        (
            "list",
            "# small\npkg:cargo/itoa@1.0.18 # a number\nnothing\n",
            3,
            "pkg:cargo/itoa@1.0.18",
        ),
        (
            "Cargo.lock",
            "version = 4\n[[package]]\nname = \"a b\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\n",
            3,
            "a b",
        ),
        ("Cargo.lock", "version = 4\n[[package]\n", 2, "Cargo.lock"),
        (
            "package-lock.json",
            "{\"lockfileVersion\": 3, \"packages\": {\n\"node_modules/ms\": {\"version\": \"x\"}}}",
            2,
            "version",
        ),
        (
            "package-lock.json",
            "{\"lockfileVersion\": 3,\n \"packages\": [}\n",
            2,
            "package-lock.json",
        ),
        (
            "requirements.txt",
            "idna==3.10\nattrs>=25\n",
            2,
            "NAME==VERSION",
        ),
        (
            "requirements.txt",
            "a==1 \\\n  --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000\nidna==3.*\n",
            3,
            "single version",
        ),
        ("requirements.txt", "-r other.txt\n", 1, "beside this one"),
        (
            "uv.lock",
            "version = 1\n\n[[package]]\nname = \"a\"\nsource = { registry = \"x\" }\n",
            4,
            "no version",
        ),
        (
            "bom.json",
            "{\"bomFormat\": \"CycloneDX\", \"components\": [\n {\"name\": \"x\", \"purl\": \"pkg:npm/ms@not a version\"}]}",
            2,
            "ms",
        ),
        (
            "bom.json",
            "{\"some\": \"thing\"}",
            1,
            "neither CycloneDX nor SPDX",
        ),
        ("night.toml", "title = \"x\"\npakages = []\n", 2, "pakages"),
        (
            "night.toml",
            "packages = [\n \"pkg:cargo/itoa@1.0.18\",\n \"itoa\",\n]\n",
            3,
            "itoa",
        ),
        (
            "night.toml",
            "[[newest]]\ncount = 0\npackages = [\"pkg:cargo/itoa\"]\n",
            2,
            "count",
        ),
        (
            "night.toml",
            "[[newest]]\ncount = 2\npackages = [\"pkg:cargo/itoa@1.0.0\"]\n",
            3,
            "already",
        ),
        (
            "night.toml",
            "packages = [\"pkg:cargo/itoa\"]\n[limits]\ncargo = 0\n",
            3,
            "cargo",
        ),
        ("night.toml", "files = [\"night.toml\"]\n", 1, "deep"),
    ] {
        let (at, error) = refused(name, text);
        assert_eq!(at, line, "{name}: {error}");
        assert!(error.contains(says), "{name}: {error}");
    }
}

#[test]
fn what_no_registry_published_is_left_out_with_the_reason() {
    let input = read_text(
        "requirements.txt",
        "-e ./here\nidna==3.10 ; python_version > '3'\nthing @ https://files.example/thing.whl\n./local.whl\n",
    )
    .expect("valid");
    assert_eq!(purls(&input), ["pkg:pypi/idna@3.10"]);
    let lines: Vec<_> = input.left_out.iter().map(|out| out.line).collect();
    assert_eq!(lines, [1, 3, 4]);
    let error = read_text(
        "Cargo.lock",
        "version = 4\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n",
    )
    .expect_err("nothing to do");
    assert!(error.to_string().contains("own 1.0.0"), "{error}");
}

#[test]
fn old_lock_files_of_npm_are_read_too() {
    let input = read_text(
        "package-lock.json",
        "{\"lockfileVersion\": 1, \"dependencies\": {\"debug\": {\"version\": \"4.4.1\", \"dependencies\": \
         {\"ms\": {\"version\": \"npm:ms@2.1.3\"}}}, \"own\": {\"version\": \"file:../own\"}}}",
    )
    .expect("valid");
    assert_eq!(purls(&input), ["pkg:npm/debug@4.4.1", "pkg:npm/ms@2.1.3"]);
    assert_eq!(input.left_out.len(), 1);
}

#[test]
fn files_that_are_no_text_or_not_there_say_so() {
    let folder = tempfile::tempdir().expect("temp");
    let path = folder.path().join("list");
    std::fs::write(&path, b"pkg:npm/ms@2.1.3\n\xff\n").expect("write");
    let error = read(std::slice::from_ref(&path))
        .expect_err("not UTF-8")
        .to_string();
    assert!(
        error.contains("line 2") && error.contains("UTF-8"),
        "{error}"
    );
    let error = read(&[folder.path().join("absent")])
        .expect_err("absent")
        .to_string();
    assert!(error.contains("absent"), "{error}");
    let error = read_text("empty", "# nothing\n")
        .expect_err("empty")
        .to_string();
    assert!(error.contains("pkg:cargo/itoa@1.0.18"), "{error}");
}

proptest::proptest! {
    /// Nothing that a file can hold makes a panic, whatever it is called.
    #[test]
    fn no_text_makes_a_reader_fall_over(text in "[\\[\\]{}\"=:,@/a-z0-9.\\n #-]{0,200}", which in 0_usize..7) {
        let name = ["list", "Cargo.lock", "package-lock.json", "requirements.txt", "uv.lock", "b.toml", "s.json"][which];
        // An answer or an error with a place: both are fine.
        let _ = read_text(name, &text);
    }
}
