//! What holds of the command line as such, whichever the subcommand.

use std::process::{Command, Stdio};

#[test]
fn a_reader_that_has_seen_enough_ends_remint_quietly() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_remint"));
    command
        .args(["images", "list"])
        .env("REMINT_DATA_DIR", folder.path())
        .env(
            "REMINT_IMAGES_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/images"),
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("remint runs");
    // The reader goes away before the first line is written.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("remint ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "");
    // As a shell says of what SIGPIPE ended: 128 and the signal's number.
    assert_eq!(output.status.code(), Some(141));
}
