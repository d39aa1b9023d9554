//! A disk that is full in the middle of a batch.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::batches::{self, Night};
use super::crates::Crates;

const PATIENCE: Duration = Duration::from_secs(180);

/// Mounts the data folder in a mount namespace of its own, so that no root is needed
/// and nothing stays mounted; then becomes remint.
const MOUNT: &str = "mount -t tmpfs -o size=64m tmpfs \"$1\" && shift && exec \"$@\"";

/// A command on a small disk of its own.
fn on_a_small_disk(data: &Path, command: &Command) -> Command {
    let mut small = Command::new("unshare");
    small.args(["--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"]);
    small
        .arg(data)
        .arg(command.get_program())
        .args(command.get_args());
    let set = |(name, value): (&OsStr, Option<&OsStr>)| Some((name.to_owned(), value?.to_owned()));
    small.envs(command.get_envs().filter_map(set));
    small
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_survives_a_full_disk_names_it_and_goes_on_when_there_is_room() {
    let crates = Crates::published(3).await;
    let data = crates.folder.path().join("data");
    std::fs::create_dir(&data).expect("mkdir");
    let mut command = crates.remint("");
    command
        .args(["batch", "run", "--jobs", "1"])
        .arg(crates.list());
    let mut night = Night::start(on_a_small_disk(&data, &command), crates.folder.path());
    night
        .until(PATIENCE, |said| said.contains("reproduced"))
        .await;

    // The disk as the process sees it (proc_pid_root(5)).
    let seen = data.strip_prefix("/").expect("absolute");
    let ballast = Path::new("/proc")
        .join(night.id().to_string())
        .join("root")
        .join(seen)
        .join("ballast");
    let full = std::io::copy(
        &mut std::io::repeat(0),
        &mut std::fs::File::create(&ballast).expect("the process's own disk"),
    );
    assert_eq!(
        full.expect_err("it has an end").kind(),
        std::io::ErrorKind::StorageFull
    );
    let place = data.display().to_string();
    let names_it = |said: &str| {
        said.lines()
            .any(|line| line.contains("no space is left") && line.contains(&place))
    };
    night.until(PATIENCE, names_it).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(night.is_running(), "{}", night.said());
    std::fs::remove_file(&ballast).expect("the disk is there");

    let (status, said) = night.end(PATIENCE).await;
    println!("{said}");
    assert_eq!(status, 0, "{said}");
    assert_eq!(batches::verdicts(&crates, "reproduced"), 3, "{said}");
}
