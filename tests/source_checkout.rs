//! Laying a commit out: what builds need, and what no repository may do.

#[path = "support/git.rs"]
mod git;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use git::{Content, Content::Text, TestRepository};
use git2::Oid;
use remint::model::{CrlfCheckout, GitSource, SdistSource, Sha256Digest, Source, SourceConfig};
use remint::source::{Error, Lacks, Sources, Style};

/// A farm whose mirror of `https://git.example/` is a folder.
struct Farm {
    dir: tempfile::TempDir,
    sources: Sources,
    outs: std::cell::Cell<u32>,
}

impl Farm {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let location = dir.path().join("mirror").display().to_string();
        let config = SourceConfig {
            mirror: BTreeMap::from([("https://git.example/".into(), location)]),
        };
        Self {
            sources: Sources::new(&config, dir.path().join("cache")),
            dir,
            outs: Default::default(),
        }
    }

    fn repository(&self, path: &str) -> TestRepository {
        TestRepository::create(&self.dir.path().join("mirror").join(path))
    }

    fn source(&self, path: &str, commit: Oid) -> Source {
        Source::Git {
            git: GitSource {
                repository: format!("https://git.example/{path}"),
                read_from_mirror: true,
                commit: commit.to_string().parse().expect("a commit"),
                commit_time: 0,
                tag: None,
                directory: String::new(),
            },
            evidence: vec![],
        }
    }

    /// The folder of a whole checkout.
    fn checkout(&self, path: &str, commit: Oid) -> Result<PathBuf, Error> {
        let (out, lacks) = self.lay_out(path, commit)?;
        assert_eq!(lacks, Lacks::default());
        Ok(out)
    }

    /// The folder of a checkout, and what it lacks.
    fn lay_out(&self, path: &str, commit: Oid) -> Result<(PathBuf, Lacks), Error> {
        self.outs.set(self.outs.get() + 1);
        let out = self.dir.path().join(format!("out{}", self.outs.get()));
        let lacks = self.sources.checkout(&self.source(path, commit), &out)?;
        Ok((out, lacks))
    }
}

fn run_git(tree: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(tree)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn git_sees_the_commit_its_tags_and_a_clean_tree() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let first = upstream.commit(&[("a.txt", Text("one\n"))]);
    upstream.annotated_tag("v1.0.0", first);
    let second = upstream.commit(&[
        ("b.txt", Text("two\n")),
        ("run", Content::Script("#!/bin/sh\n")),
    ]);
    let third = upstream.commit(&[("c.txt", Text("three\n"))]);
    upstream.tag("v2.0.0", third);

    let out = farm.checkout("o/r", second).expect("checkout");
    assert_eq!(
        run_git(&out, &["describe", "--tags", "--dirty"]),
        format!("v1.0.0-1-g{}", &second.to_string()[..7])
    );
    assert_eq!(run_git(&out, &["rev-parse", "HEAD"]), second.to_string());
    assert_eq!(run_git(&out, &["status", "--porcelain", "--ignored"]), "");
    // Plumbing does not refresh the index, so the index must be right.
    assert_eq!(run_git(&out, &["diff-index", "HEAD"]), "");
    assert_eq!(
        run_git(&out, &["tag"]),
        "v1.0.0",
        "a later tag is no part of this history"
    );
    run_git(&out, &["fsck", "--strict"]);
    assert!(!out.join("c.txt").exists());

    // A copy into another place, as into a container's volume, is clean too.
    let copy = farm.dir.path().join("copy");
    let status = Command::new("cp").arg("-a").args([&out, &copy]).status();
    assert!(status.expect("cp runs").success());
    assert_eq!(run_git(&copy, &["diff-index", "HEAD"]), "");
    fs::write(copy.join("a.txt"), "ONE\n").expect("write");
    assert_ne!(run_git(&copy, &["status", "--porcelain"]), "");
}

#[test]
fn the_repository_of_a_checkout_names_nothing_of_this_machine() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let commit = upstream.commit(&[("a", Text("a"))]);
    fs::create_dir_all(upstream.path.join("hooks")).expect("mkdir");
    fs::write(upstream.path.join("hooks/post-checkout"), "#!/bin/sh\n").expect("write");
    let out = farm.checkout("o/r", commit).expect("checkout");
    let here = farm.dir.path().display().to_string();
    for name in ["config", "HEAD", "packed-refs"] {
        let text = fs::read_to_string(out.join(".git").join(name)).expect("read");
        assert!(
            !text.contains(&here) && !text.contains("remote"),
            "{name}: {text}"
        );
    }
    assert!(!out.join(".git/hooks").exists());
    assert!(!out.join(".git/objects/info/alternates").exists());
    assert!(!out.join(".git/logs").exists());
}

#[test]
fn files_have_the_commits_time_and_plain_modes_whatever_the_umask() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let commit = upstream.commit(&[
        ("dir/a", Text("a")),
        ("dir/run", Content::Script("x")),
        ("link", Content::Link("dir/a")),
    ]);
    // SAFETY: umask takes a number and cannot fail. It is the whole process's;
    // no other test here looks at modes that it would change.
    let before = unsafe { libc::umask(0o077) };
    let out = farm.checkout("o/r", commit).expect("checkout");
    unsafe { libc::umask(before) };
    for (path, mode) in [
        ("", 0o755),
        ("dir", 0o755),
        ("dir/a", 0o644),
        ("dir/run", 0o755),
        (".git", 0o755),
        (".git/config", 0o644),
    ] {
        let meta = fs::symlink_metadata(out.join(path)).expect("there");
        assert_eq!(meta.mode() & 0o7777, mode, "{path}");
    }
    for path in ["", "dir", "dir/a", "dir/run", "link"] {
        let meta = fs::symlink_metadata(out.join(path)).expect("there");
        assert_eq!(
            (meta.mtime(), meta.mtime_nsec()),
            (git::FIRST_COMMIT, 0),
            "{path}"
        );
    }
}

#[test]
fn line_endings_follow_gitattributes_and_no_filter_runs() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let mark = farm.dir.path().join("ran");
    let attributes = "*.bat text eol=crlf\n*.txt filter=evil\n";
    let commit = upstream.commit(&[
        // Sorts before .gitattributes.
        ("!first.bat", Text("a\nb\n")),
        (".gitattributes", Text(attributes)),
        ("x.txt", Text("kept\n")),
        ("y.sh", Text("a\nb\n")),
    ]);
    let config = format!(
        "[core]\nrepositoryformatversion=0\nbare=true\n[filter \"evil\"]\nsmudge=touch {0}\nrequired=true\n",
        mark.display()
    );
    fs::write(upstream.path.join("config"), config).expect("write");
    let out = farm.checkout("o/r", commit).expect("checkout");
    let read = |name: &str| fs::read_to_string(out.join(name)).expect("read");
    assert_eq!(read("!first.bat"), "a\r\nb\r\n");
    assert_eq!(read("x.txt"), "kept\n");
    assert_eq!(read("y.sh"), "a\nb\n");
    assert!(!mark.exists(), "a filter of the repository ran");
    assert_eq!(run_git(&out, &["status", "--porcelain"]), "");
}

#[test]
fn links_are_written_as_they_are_and_never_followed() {
    let farm = Farm::new();
    let victim = farm.dir.path().join("victim");
    fs::write(&victim, "before").expect("write");
    let time = fs::metadata(&victim).expect("there").mtime();
    let mut upstream = farm.repository("o/r");
    let target = victim.display().to_string();
    let commit = upstream.commit(&[
        ("link", Content::Link(&target)),
        ("dangling", Content::Link("nowhere")),
    ]);
    let out = farm.checkout("o/r", commit).expect("checkout");
    assert_eq!(fs::read_link(out.join("link")).expect("a link"), victim);
    let after = fs::metadata(&victim).expect("there");
    assert_eq!(after.mtime(), time, "the link's target was touched");
}

#[test]
fn hostile_trees_are_refused_before_anything_is_written() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let blob = upstream.git.blob(b"x").expect("blob");
    let up = upstream.git.blob(b"..").expect("blob");
    let config = upstream.raw_tree(&[("100644", b"config", blob)]);
    let evil = upstream.raw_tree(&[("100644", b"evil", blob)]);
    let cases: Vec<(&str, Oid)> = vec![
        (
            "a .git folder",
            upstream.raw_tree(&[("40000", b".git", config)]),
        ),
        (
            "a .GIT folder",
            upstream.raw_tree(&[("40000", b".GIT", config)]),
        ),
        ("git~1", upstream.raw_tree(&[("40000", b"git~1", config)])),
        ("dot dot", upstream.raw_tree(&[("40000", b"..", evil)])),
        ("dot", upstream.raw_tree(&[("40000", b".", evil)])),
        (
            "a path as a name",
            upstream.raw_tree(&[("100644", b"../evil", blob)]),
        ),
        (
            "an absolute name",
            upstream.raw_tree(&[("100644", b"/evil", blob)]),
        ),
        (
            "a link and a folder of one name",
            upstream.raw_tree(&[("120000", b"a", up), ("40000", b"a", evil)]),
        ),
        (
            "a file twice",
            upstream.raw_tree(&[("100644", b"a", blob), ("100644", b"a", blob)]),
        ),
        (
            ".gitmodules as a link",
            upstream.raw_tree(&[("120000", b".gitmodules", up)]),
        ),
        ("deeper down", {
            let inner = upstream.raw_tree(&[("40000", b".git", config)]);
            upstream.raw_tree(&[("40000", b"sub", inner)])
        }),
    ];
    for (what, tree) in cases {
        let commit = upstream.commit_tree(tree, &[]);
        let before = farm.outs.get();
        let error = farm.checkout("o/r", commit).expect_err(what);
        assert!(matches!(error, Error::UnsafeTree { .. }), "{what}: {error}");
        let out = farm.dir.path().join(format!("out{}", before + 1));
        assert!(!out.exists(), "{what}: something was written");
        assert!(!farm.dir.path().join("evil").exists(), "{what}");
    }
}

#[test]
fn a_tree_that_multiplies_itself_is_stopped_by_the_limit() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let blob = upstream.git.blob(b"x").expect("blob");
    let names: Vec<_> = (b'a'..=b'j').map(|c| [c]).collect();
    let mut tree = upstream.raw_tree(
        &names
            .iter()
            .map(|n| ("100644", &n[..], blob))
            .collect::<Vec<_>>(),
    );
    for _ in 0..9 {
        tree = upstream.raw_tree(
            &names
                .iter()
                .map(|n| ("40000", &n[..], tree))
                .collect::<Vec<_>>(),
        );
    }
    let commit = upstream.commit_tree(tree, &[]);
    let error = farm
        .checkout("o/r", commit)
        .expect_err("ten thousand million files");
    assert!(matches!(error, Error::Limit { .. }), "{error}");
}

#[test]
fn submodules_are_laid_out_at_their_commits_through_the_mirror() {
    let farm = Farm::new();
    let mut leaf = farm.repository("o/leaf.git");
    let leaf_commit = leaf.commit(&[("leaf.txt", Text("leaf\n"))]);
    leaf.commit(&[("leaf.txt", Text("later\n"))]);
    let mut middle = farm.repository("p/middle.git");
    let middle_commit = middle.commit(&[
        (
            ".gitmodules",
            Text("[submodule \"leaf\"]\n\tpath = deep/leaf\n\turl = ../../o/leaf.git\n"),
        ),
        ("deep/leaf", Content::Submodule(leaf_commit)),
    ]);
    let mut upstream = farm.repository("o/r");
    let commit = upstream.commit(&[
        (
            ".gitmodules",
            Text("[submodule \"m\"]\n\tpath = vendor/m\n\turl = git@git.example:p/middle.git\n"),
        ),
        ("vendor/m", Content::Submodule(middle_commit)),
        ("unnamed", Content::Submodule(leaf_commit)),
    ]);
    let out = farm.checkout("o/r", commit).expect("checkout");
    let read = |name: &str| fs::read_to_string(out.join(name)).expect("read");
    assert_eq!(read("vendor/m/deep/leaf/leaf.txt"), "leaf\n");
    assert_eq!(
        run_git(&out.join("vendor/m"), &["rev-parse", "HEAD"]),
        middle_commit.to_string()
    );
    assert_eq!(run_git(&out, &["status", "--porcelain"]), "");
    assert_eq!(
        fs::read_dir(out.join("unnamed")).expect("a folder").count(),
        0
    );
    let time = fs::metadata(out.join("vendor/m/deep/leaf/leaf.txt"))
        .expect("there")
        .mtime();
    assert_eq!(time, git::FIRST_COMMIT, "one time for the whole tree");
}

#[test]
fn a_submodule_that_cannot_be_read_is_left_empty_and_said_to_be_missing() {
    let farm = Farm::new();
    let elsewhere = Oid::from_str(&"ab".repeat(20)).expect("id");
    let mut upstream = farm.repository("o/r");
    let modules = "[submodule \"s\"]\n\tpath = s\n\turl = ../not-copied\n";
    let commit = upstream.commit(&[
        (".gitmodules", Text(modules)),
        ("s", Content::Submodule(elsewhere)),
        ("own", Text("own")),
    ]);
    let (out, lacks) = farm.lay_out("o/r", commit).expect("the rest is laid out");
    assert_eq!((lacks.unread.len(), lacks.gone.len()), (1, 0), "{lacks:?}");
    assert!(lacks.unread[0].contains("`s`") && lacks.unread[0].contains("not-copied"));
    assert!(out.join("own").is_file());
    assert_eq!(fs::read_dir(out.join("s")).expect("a folder").count(), 0);
}

#[test]
fn submodules_that_reach_for_this_machine_are_refused() {
    let farm = Farm::new();
    let mut secret = TestRepository::create(&farm.dir.path().join("secret.git"));
    let secret_commit = secret.commit(&[("secret", Text("s"))]);
    let path = secret.path.display().to_string();
    let mut upstream = farm.repository("o/r");
    for url in [
        path.clone(),
        format!("file://{path}"),
        "../../../secret.git".into(),
        "ext::sh -c true".into(),
        "--upload-pack=true".into(),
        "https://git.example/../secret".into(),
        "https://git.example/%2e%2e/secret".into(),
        "https://git.example/..%2fsecret".into(),
    ] {
        let modules = format!("[submodule \"s\"]\n\tpath = s\n\turl = {url}\n");
        let commit = upstream.commit(&[
            (".gitmodules", Text(&modules)),
            ("s", Content::Submodule(secret_commit)),
        ]);
        let told = match farm.lay_out("o/r", commit) {
            Err(error) => {
                assert!(matches!(error, Error::Submodule { .. }), "{url}: {error}");
                error.to_string()
            }
            // It stays on the host, which has no such repository.
            Ok((out, lacks)) => {
                assert_eq!(fs::read_dir(out.join("s")).expect("a folder").count(), 0);
                let told = lacks.unread[0].clone();
                assert!(
                    told.contains("could not read https://git.example/"),
                    "{told}"
                );
                told
            }
        };
        assert!(told.contains("`s`"), "{told}");
    }
}

#[test]
fn a_submodule_that_is_gone_or_too_deep_is_told() {
    let farm = Farm::new();
    let mut leaf = farm.repository("o/leaf");
    leaf.commit(&[("a", Text("a"))]);
    let gone = Oid::from_str(&"ab".repeat(20)).expect("id");
    let mut upstream = farm.repository("o/r");
    let modules = "[submodule \"s\"]\n\tpath = s\n\turl = ../leaf\n";
    let commit = upstream.commit(&[
        (".gitmodules", Text(modules)),
        ("s", Content::Submodule(gone)),
    ]);
    let (_, lacks) = farm.lay_out("o/r", commit).expect("the rest is laid out");
    assert_eq!((lacks.unread.len(), lacks.gone.len()), (0, 1), "{lacks:?}");
    assert!(lacks.gone[0].contains("`s`") && lacks.gone[0].contains(&gone.to_string()));

    // Ten levels deep: each repository holds the one before.
    let mut inner = leaf.commit(&[("a", Text("b"))]);
    let mut name = "leaf".to_owned();
    for level in 0..10 {
        let mut repository = farm.repository(&format!("o/l{level}"));
        let modules = format!("[submodule \"s\"]\n\tpath = s\n\turl = ../{name}\n");
        inner = repository.commit(&[
            (".gitmodules", Text(&modules)),
            ("s", Content::Submodule(inner)),
        ]);
        name = format!("l{level}");
    }
    let mut error = &farm.checkout("o/l9", inner).expect_err("too deep");
    while let Error::Submodule { cause, .. } = error {
        error = cause;
    }
    assert!(matches!(error, Error::Limit { .. }), "{error}");
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let commit = upstream.commit(&[("a", Text("a"))]);
    let out = farm.dir.path().join("out1");
    fs::create_dir(&out).expect("mkdir");
    fs::write(out.join("a"), "mine").expect("write");
    let error = farm.checkout("o/r", commit).expect_err("not empty");
    assert!(matches!(error, Error::Io { .. }), "{error}");
    assert_eq!(fs::read_to_string(out.join("a")).expect("read"), "mine");
}

#[test]
fn a_source_distribution_has_no_commit_to_check_out() {
    let farm = Farm::new();
    let source = Source::Sdist {
        sdist: SdistSource {
            name: "x-1.tar.gz".into(),
            sha256: Sha256Digest::of(b""),
        },
        evidence: vec![],
    };
    let error = farm.sources.checkout(&source, &farm.dir.path().join("out"));
    assert!(matches!(error, Err(Error::NotGit { .. })));
}

#[test]
fn a_second_checkout_is_the_same_tree_and_history() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    upstream.commit(&[("a", Text("a"))]);
    let commit = upstream.commit(&[("a", Text("b"))]);
    let (one, two) = (
        farm.checkout("o/r", commit).expect("one"),
        farm.checkout("o/r", commit).expect("two"),
    );
    for name in [".git/index", ".git/packed-refs", ".git/config", "a"] {
        assert_eq!(
            fs::read(one.join(name)).expect("one"),
            fs::read(two.join(name)).expect("two"),
            "{name}"
        );
    }
    assert_eq!(run_git(&two, &["rev-list", "--count", "HEAD"]), "2");
}

#[test]
fn a_file_that_the_copy_lacks_is_left_out_and_named() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let commit = upstream.commit(&[("d/a", Text("something")), ("b", Text("else"))]);
    let blob = upstream.git.blob(b"something").expect("blob").to_string();
    let object = format!("objects/{}/{}", &blob[..2], &blob[2..]);
    fs::remove_file(upstream.path.join(object)).expect("remove");
    let (out, lacks) = farm.lay_out("o/r", commit).expect("checkout");
    assert_eq!(lacks.unread, ["d/a"]);
    assert!(!out.join("d/a").exists());
    assert_eq!(fs::read_to_string(out.join("b")).expect("b"), "else");
}

#[test]
fn crlf_is_written_as_git_writes_it_and_git_sees_no_change() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let commit = upstream.commit(&[
        (".gitattributes", Text("kept text eol=lf\n")),
        ("a", Text("1\n2\n")),
        ("excepted", Text("1\n")),
        ("kept", Text("1\n")),
        ("binary", Text("1\n\0")),
    ]);
    let crlf = CrlfCheckout {
        except: BTreeSet::from(["excepted".to_owned(), "absent".to_owned()]),
    };
    let style = Style {
        crlf: Some(&crlf),
        plain_modes: false,
    };
    let out = farm.dir.path().join("crlf");
    farm.sources
        .checkout_with(&farm.source("o/r", commit), &out, style)
        .expect("checkout");
    let read = |name: &str| fs::read_to_string(out.join(name)).expect("a file");
    assert_eq!(read("a"), "1\r\n2\r\n");
    assert_eq!(read("excepted"), "1\n");
    assert_eq!(read("kept"), "1\n");
    assert_eq!(read("binary"), "1\n\0");
    let made = git2::Repository::open(&out).expect("a repository");
    let statuses = made.statuses(None).expect("statuses");
    assert!(statuses.is_empty(), "{} changed", statuses.len());
}

#[test]
fn a_checkout_as_on_windows_has_no_executable_bits_and_git_sees_no_change() {
    let farm = Farm::new();
    let mut upstream = farm.repository("o/r");
    let commit = upstream.commit(&[
        ("run", Content::Script("#!/bin/sh\n")),
        ("plain", Text("1\n")),
    ]);
    let mode_of = |plain_modes: bool| {
        let out = farm.dir.path().join(format!("modes-{plain_modes}"));
        let style = Style {
            crlf: None,
            plain_modes,
        };
        farm.sources
            .checkout_with(&farm.source("o/r", commit), &out, style)
            .expect("checkout");
        let made = git2::Repository::open(&out).expect("a repository");
        let statuses = made.statuses(None).expect("statuses");
        assert!(statuses.is_empty(), "{} changed", statuses.len());
        fs::metadata(out.join("run"))
            .expect("a file")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode_of(false), 0o755);
    assert_eq!(mode_of(true), 0o644);
}
