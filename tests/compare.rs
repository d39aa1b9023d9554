//! `remint compare` as a person runs it: the real program, on files on disk.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder with files to compare.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A gzipped tar of `members`, each with its content, at `mtime`.
    fn tar(&self, name: &str, mtime: u64, members: &[(&str, &str)]) -> PathBuf {
        let path = self.path(name);
        let file = std::fs::File::create(&path).expect("created");
        let gzip = flate2::GzBuilder::new().write(file, flate2::Compression::default());
        let mut tar = tar::Builder::new(gzip);
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(mtime);
            tar.append_data(&mut header, name, content.as_bytes())
                .expect("appended");
        }
        let gzip = tar.into_inner().expect("a tar");
        gzip.finish().expect("a gzip").flush().expect("written");
        path
    }

    /// A crate and its rebuild that lacks one member and has other text in another.
    fn crates(&self) -> [PathBuf; 2] {
        [
            self.tar(
                "published.crate",
                1,
                &[("x-1/a.rs", "fn a() {}\n"), ("x-1/extra", "!")],
            ),
            self.tar("rebuilt.crate", 0, &[("x-1/a.rs", "fn b() {}\n")]),
        ]
    }

    fn compare(&self, arguments: &[&Path]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_remint"))
            .arg("compare")
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("NO_COLOR")
            .output()
            .expect("remint runs")
    }
}

fn arg(text: &str) -> &Path {
    Path::new(text)
}

fn status(output: &Output) -> i32 {
    output.status.code().expect("an exit status")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn the_same_bytes_are_identical_whatever_their_names_are() {
    let desk = Desk::new();
    let a = desk.tar("a.crate", 0, &[("x-1/a.rs", "fn a() {}\n")]);
    let b = desk.path("copy");
    std::fs::copy(&a, &b).expect("copied");
    let output = desk.compare(&[&a, &b]);
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert!(out(&output).starts_with("identical\n"));
}

#[test]
fn a_difference_is_told_worst_first_with_advice_and_without_colour() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    let output = desk.compare(&[&a, &b]);
    assert_eq!(status(&output), 1, "{}", err(&output));
    let text = out(&output);
    assert!(text.starts_with("differs: payload\n"), "{text}");
    let place = |what: &str| {
        text.find(what)
            .unwrap_or_else(|| panic!("{what} in {text}"))
    };
    assert!(place("extra-member (1)") < place("code-changed (1)"));
    assert!(place("code-changed (1)") < place("timestamp (1)"));
    assert!(place("+fn a() {}") < place("advice: Publish from a clean checkout"));
    assert!(!text.contains('\u{1b}'), "no terminal, no colour");
}

#[test]
fn colour_comes_when_told() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    let coloured = desk.compare(&[&a, &b, arg("--color=always")]);
    assert!(out(&coloured).contains("\u{1b}[1;31mdiffers: payload\u{1b}[0m"));
    let plain = desk.compare(&[&a, &b, arg("--color=never")]);
    assert!(!out(&plain).contains('\u{1b}'));
}

#[test]
fn colour_comes_on_a_terminal_unless_the_person_forbids_it() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    let on_a_terminal = |no_color: &str| {
        // `script` (util-linux) runs a command on a terminal of its own.
        let command = format!(
            "{} compare '{}' '{}'",
            env!("CARGO_BIN_EXE_remint"),
            a.display(),
            b.display()
        );
        let output = Command::new("script")
            .args(["-q", "-c", &command, "/dev/null"])
            .env("NO_COLOR", no_color)
            .env("TERM", "xterm")
            .output()
            .expect("script runs");
        out(&output)
    };
    assert!(on_a_terminal("").contains("\u{1b}[1;31mdiffers: payload"));
    let plain = on_a_terminal("1");
    assert!(
        plain.contains("differs: payload") && !plain.contains('\u{1b}'),
        "{plain}"
    );
}

#[test]
fn reports_are_written_where_they_are_asked_for() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    let output = desk.compare(&[
        &a,
        &b,
        arg("--html"),
        arg("report.html"),
        arg("--markdown=report.md"),
        arg("--json"),
    ]);
    assert_eq!(status(&output), 1, "{}", err(&output));
    let json: serde_json::Value = serde_json::from_str(&out(&output)).expect("json");
    assert_eq!(json["published"]["name"], "published.crate");
    assert_eq!(json["comparison"]["outcome"], "differs");
    let page = std::fs::read_to_string(desk.path("report.html")).expect("written");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("extra-member"));
    let markdown = std::fs::read_to_string(desk.path("report.md")).expect("written");
    assert!(markdown.starts_with("**differs: payload.**"), "{markdown}");
    let printed = desk.compare(&[&a, &b, arg("--markdown")]);
    assert_eq!(out(&printed), markdown);
}

#[test]
fn the_source_tells_whether_it_has_an_extra_member() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    std::fs::create_dir(desk.path("src")).expect("made");
    let text = |desk: &Desk| out(&desk.compare(&[&a, &b, arg("--source"), arg("src")]));
    let without = text(&desk);
    std::fs::write(desk.path("src/other-name"), "!").expect("written");
    assert_ne!(text(&desk), without);
}

#[test]
fn limits_are_obeyed_and_said() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    let listed = desk.compare(&[&a, &b, arg("--limit-listed=1")]);
    assert!(
        out(&listed).contains("counted and not listed"),
        "{}",
        out(&listed)
    );
    let members = desk.compare(&[&a, &b, arg("--limit-members=1")]);
    assert_eq!(status(&members), 1);
    assert!(
        out(&members).contains("more than 1 members"),
        "{}",
        out(&members)
    );
}

#[test]
fn the_kind_can_be_named() {
    let desk = Desk::new();
    for name in ["a", "b"] {
        std::fs::write(desk.path(name), name).expect("written");
    }
    let (a, b) = (desk.path("a"), desk.path("b"));
    let text = out(&desk.compare(&[&a, &b, arg("--kind=crate")]));
    assert!(text.contains("malformed"), "{text}");
    let text = out(&desk.compare(&[&a, &b]));
    assert!(!text.contains("malformed"), "{text}");
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    let published = std::fs::read(&a).expect("read");
    let cases: [(&[&Path], &str); 7] = [
        (
            &[&a, arg("missing.crate")],
            "cannot compare missing.crate: No such file",
        ),
        (&[&a, arg(".")], "it is a folder; name a file in it"),
        (
            &[&a, &b, arg("--source"), arg("nowhere")],
            "there is no folder nowhere",
        ),
        (
            &[&a, &b, arg("--html"), arg("no/folder/x.html")],
            "cannot write the report no/folder/x.html",
        ),
        (
            &[&a, &b, arg("--html"), &a],
            "would overwrite a file that is compared",
        ),
        (
            &[&a, &b, arg("--json"), arg("--markdown")],
            "--json and --markdown both print",
        ),
        (&[&a], "<REBUILT>"),
    ];
    for (arguments, expected) in cases {
        let output = desk.compare(arguments);
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(err(&output).contains(expected), "{}", err(&output));
        assert_eq!(out(&output), "", "{arguments:?}");
    }
    assert_eq!(std::fs::read(&a).expect("read"), published);
}

#[test]
fn a_reader_that_has_enough_is_no_trouble() {
    let desk = Desk::new();
    let [a, b] = desk.crates();
    let mut child = Command::new(env!("CARGO_BIN_EXE_remint"))
        .arg("compare")
        .args([&a, &b])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("remint runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(status(&output), 1, "{}", err(&output));
    assert_eq!(err(&output), "");
}
