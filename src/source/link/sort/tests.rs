//! Source distributions with one thing wrong, each beside the one that has it right.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A release whose commit has a few files and whose manifest names a version file.
fn release() -> Release {
    Release {
        name: "demo-x".into(),
        version: "1.0".into(),
        requires: BTreeSet::from(["idna".into()]),
        entry_points: BTreeSet::from(["[console_scripts]demo=demo:main".into()]),
        manifests: BTreeMap::from([(
            "pyproject.toml",
            "[tool.setuptools_scm]\nwrite_to = \"src/demo/_version.py\"\n".into(),
        )]),
    }
}

fn packed(path: &str, content: &str, form: Form) -> Packed {
    Packed {
        path: path.into(),
        content: content.into(),
        form,
    }
}

fn committed(content: &str, form: Form) -> CommittedFile {
    CommittedFile {
        content: content.into(),
        form,
        link: None,
    }
}

/// A plain file that the commit does not have.
fn new(path: &str, content: &str) -> Kin {
    sort(&packed(path, content, Form::Plain), None, &release())
}

/// A plain file beside the commit's.
fn beside(path: &str, content: &str, theirs: &str) -> Kin {
    let theirs = committed(theirs, Form::Plain);
    sort(
        &packed(path, content, Form::Plain),
        Some(&theirs),
        &release(),
    )
}

#[test]
fn a_file_with_the_commits_bytes_is_the_commits_and_one_byte_more_is_not() {
    for path in ["demo.py", "m4/host.m4", "tests/files/bad.lzma"] {
        assert_eq!(beside(path, "a\n", "a\n"), Kin::Same);
        assert_eq!(beside(path, "a\nb\n", "a\n"), Kin::Changed);
        assert_eq!(beside(path, "", "a\n"), Kin::Changed);
    }
}

#[test]
fn a_file_that_the_commit_does_not_have_is_said_wherever_it_lies() {
    for path in [
        "tests/files/bad-3-corrupt_lzma2.xz",
        "m4/build-to-host.m4",
        "conftest.py",
        "sitecustomize.py",
        "src/PKG-INFO",
        "docs/ChangeLog",
        "ChangeLog",
        "setup.py",
    ] {
        assert_eq!(new(path, "payload\n"), Kin::Unknown, "{path}");
    }
}

#[test]
fn line_ends_alone_are_told_from_other_content() {
    assert_eq!(beside("a.py", "a\r\nb\r\n", "a\nb\n"), Kin::LineEnds);
    assert_eq!(beside("a.py", "a\nb\n", "a\r\nb\r\n"), Kin::LineEnds);
    assert_eq!(beside("a.py", "a\r\nc\r\n", "a\nb\n"), Kin::Changed);
    assert_eq!(beside("a.py", "a\rb\n", "ab\n"), Kin::Changed);
    assert_eq!(beside("a.bin", "\0\r\n", "\0\n"), Kin::Changed);
}

#[test]
fn an_executable_bit_that_the_commit_lacks_is_said_and_a_lost_one_is_not() {
    let of = |ours, theirs| {
        let file = packed("configure", "#!/bin/sh\n", ours);
        sort(&file, Some(&committed("#!/bin/sh\n", theirs)), &release())
    };
    assert_eq!(of(Form::Executable, Form::Plain), Kin::MadeExecutable);
    assert_eq!(of(Form::Executable, Form::Executable), Kin::Same);
    assert_eq!(of(Form::Plain, Form::Executable), Kin::Same);
    let on_windows = |path| {
        let theirs = committed("echo\n", Form::Plain);
        sort(
            &packed(path, "echo\n", Form::Executable),
            Some(&theirs),
            &release(),
        )
    };
    assert_eq!(on_windows("docs/make.bat"), Kin::Same);
    assert_eq!(on_windows("docs/make.bat.sh"), Kin::MadeExecutable);
}

#[test]
fn a_link_is_the_commits_only_with_the_commits_target() {
    let theirs = CommittedFile {
        link: Some("real.py".into()),
        ..committed("x = 1\n", Form::Plain)
    };
    let of = |content: &str, form| {
        sort(
            &packed("alias.py", content, form),
            Some(&theirs),
            &release(),
        )
    };
    assert_eq!(of("real.py", Form::Link), Kin::Same);
    assert_eq!(of("evil.py", Form::Link), Kin::Changed);
    // Packers put the file in its place.
    assert_eq!(of("x = 1\n", Form::Plain), Kin::Same);
    assert_eq!(of("x = 2\n", Form::Plain), Kin::Changed);
    assert_eq!(
        of("real.py", Form::Plain),
        Kin::Same,
        "core.symlinks = false"
    );
    assert_eq!(of("real.py", Form::Executable), Kin::MadeExecutable);
    let link = packed("new", "demo.py", Form::Link);
    assert_eq!(sort(&link, None, &release()), Kin::Unknown);
}

const METADATA: &str = "Metadata-Version: 2.4\nName: Demo_X\nVersion: 1.0\nRequires-Dist: IDNA>=2\n\nRequires-Dist: text\n";

#[test]
fn metadata_is_the_packers_only_of_this_release_and_with_the_wheels_requirements() {
    let by = Kin::Generated(Packer::CoreMetadata);
    assert_eq!(new("PKG-INFO", METADATA), by);
    for evil in [
        METADATA.replace("Requires-Dist: IDNA", "Requires-Dist: evil"),
        METADATA.replace("Version: 1.0", "Version: 1.1"),
        METADATA.replace("Name: Demo_X", "Name: other"),
        String::new(),
    ] {
        assert_eq!(new("PKG-INFO", &evil), Kin::Unknown, "{evil}");
        assert_eq!(new("demo_x.egg-info/PKG-INFO", &evil), Kin::Unknown);
    }
}

#[test]
fn a_name_that_imitates_a_generated_one_is_no_packers() {
    let by = Kin::Generated(Packer::EggInfo);
    assert_eq!(new("Demo_X.egg-info/SOURCES.txt", "a\n"), by);
    assert_eq!(new("src/demo_x.egg-info/PKG-INFO", METADATA), by);
    for path in [
        "demo_x.egg-info/evil.py",
        "demo_x.egg-info/SOURCES.txt.py",
        "demo_x.egg-info/sub/SOURCES.txt",
        "other.egg-info/SOURCES.txt",
        "a/b/demo_x.egg-info/SOURCES.txt",
        "egg-info/SOURCES.txt",
        "demo_x.egg-info",
    ] {
        assert_eq!(new(path, "a\n"), Kin::Unknown, "{path}");
    }
    let run = packed("demo_x.egg-info/SOURCES.txt", "a\n", Form::Executable);
    assert_eq!(sort(&run, None, &release()), Kin::Unknown);
    let link = packed("PKG-INFO", METADATA, Form::Link);
    assert_eq!(sort(&link, None, &release()), Kin::Unknown);
}

#[test]
fn entry_points_are_the_packers_only_where_the_wheel_has_them_too() {
    let path = "demo_x.egg-info/entry_points.txt";
    let text = "[console_scripts]\ndemo = demo:main\n\n";
    assert_eq!(new(path, text), Kin::Generated(Packer::EggInfo));
    let group = "[setuptools.finalize_distribution_options]";
    for evil in [
        format!("{text}{group}\nx = demo:evil\n"),
        text.replace("[console_scripts]", group),
        text.replace("demo:main", "demo:evil"),
    ] {
        assert_eq!(new(path, &evil), Kin::Unknown, "{evil}");
    }
}

#[test]
fn setup_cfg_is_the_packers_only_with_the_commits_settings() {
    let section = "[egg_info]\ntag_build = \ntag_date = 0\n\n";
    let by = Kin::Generated(Packer::SetupCfg);
    assert_eq!(new("setup.cfg", section), by);
    let theirs = "[metadata]\nname = x\n";
    assert_eq!(
        beside("setup.cfg", &format!("{theirs}\n{section}"), theirs),
        by
    );
    let evil = format!("{theirs}\n[options]\nsetup_requires = evil\n{section}");
    assert_eq!(beside("setup.cfg", &evil, theirs), Kin::Changed);
}

#[test]
fn a_setup_py_is_the_packers_only_of_literals_and_where_the_commit_has_none() {
    let text = "from setuptools import setup\n\nsetup_kwargs = {\n    'name': 'demo',\n}\n\nsetup(**setup_kwargs)\n";
    assert_eq!(new("setup.py", text), Kin::Generated(Packer::SetupPy));
    assert_eq!(new("sub/setup.py", text), Kin::Unknown);
    assert_eq!(
        beside("setup.py", text, "import setuptools\n"),
        Kin::Changed
    );
    let mut by_poetry = release();
    let manifest = "[build-system]\nbuild-backend = 'poetry.core.masonry.api'\n";
    by_poetry
        .manifests
        .insert("pyproject.toml", manifest.into());
    let file = packed("setup.py", text, Form::Plain);
    let theirs = committed("import setuptools\n", Form::Plain);
    assert_eq!(
        sort(&file, Some(&theirs), &by_poetry),
        Kin::Generated(Packer::SetupPy)
    );
    let evil = format!("{text}__import__('os').system('x')\n");
    assert_eq!(new("setup.py", &evil), Kin::Unknown);
}

#[test]
fn a_version_file_is_the_packers_only_where_the_commit_names_it_and_with_a_version_alone() {
    let text = "__version__ = version = '1.0'\n";
    let by = Kin::Generated(Packer::VersionFile);
    assert_eq!(new("src/demo/_version.py", text), by);
    assert_eq!(
        beside("src/demo/_version.py", text, "__version__ = '0'\n"),
        by
    );
    assert_eq!(new("src/demo/version.py", text), Kin::Unknown);
    let evil = format!("{text}import evil\n");
    assert_eq!(new("src/demo/_version.py", &evil), Kin::Unknown);
}

#[test]
fn a_manifest_is_the_packers_only_with_nothing_but_its_version_changed() {
    let theirs = "# why\n[project]\nname = 'demo'\ndynamic = ['version']\n[build-system]\nrequires = ['pdm-backend']\n";
    let text = "[project]\nname = \"demo\"\nversion = \"1.0\"\n[build-system]\nrequires = [\"pdm-backend\"]\n";
    assert_eq!(
        beside("pyproject.toml", text, theirs),
        Kin::Generated(Packer::Pyproject)
    );
    for evil in [
        text.replace("pdm-backend", "evil"),
        text.replace("1.0", "1.1"),
        format!("{text}backend-path = [\".\"]\n"),
    ] {
        assert_eq!(
            beside("pyproject.toml", &evil, theirs),
            Kin::Changed,
            "{evil}"
        );
    }
    assert_eq!(new("pyproject.toml", text), Kin::Unknown);
}

#[test]
fn pbrs_lists_are_the_packers_only_where_the_commit_uses_it() {
    let mut by_pbr = release();
    by_pbr
        .manifests
        .insert("setup.py", "setup(pbr=True)".into());
    let file = packed("AUTHORS", "A. Person\n", Form::Plain);
    assert_eq!(sort(&file, None, &by_pbr), Kin::Generated(Packer::Pbr));
    assert_eq!(sort(&file, None, &release()), Kin::Unknown);
    let theirs = committed("B. Person\n", Form::Plain);
    assert_eq!(sort(&file, Some(&theirs), &by_pbr), Kin::Changed);
}
