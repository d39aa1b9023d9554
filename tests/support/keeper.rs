//! A server of a test's own, kept by a shell that outlives the test if it must: the
//! kernel closes the shell's input when the test process is gone, killed or not, and
//! then server and folder go too. Not every server is stopped by its test.
#![allow(dead_code)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs a command until standard input ends. A line `stop` ends the server with the
/// signal, `start` starts it again. What the server mounted below the folder goes first.
const KEEP: &str = r#"
trap '' INT TERM
folder=$1 signal=$2
shift 2
start() {
  "$@" >>"$folder/log" 2>&1 </dev/null &
  server=$!
}
start "$@"
while read -r word; do
  case $word in
    stop) kill "-$signal" "$server"; wait "$server" ;;
    start) start "$@" ;;
  esac
done
kill "-$signal" "$server"
wait "$server"
grep -o " $folder/[^ ]*" /proc/mounts | xargs -r umount -l
rm -rf "$folder"
"#;

/// The shell. The server ends with the value.
pub struct Keeper(Child);

impl Keeper {
    /// Starts a server; what it says goes to `log` in the folder, which is the server's
    /// alone. `dress` changes the shell's command, and with it the server's user.
    pub fn start(
        folder: &Path,
        signal: &str,
        server: &Command,
        dress: impl FnOnce(Command) -> Command,
    ) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", KEEP, "sh"]).arg(folder).arg(signal);
        shell.arg(server.get_program()).args(server.get_args());
        shell.current_dir("/").stdin(Stdio::piped());
        Self(dress(shell).spawn().expect("sh runs"))
    }

    /// Has the server stopped, or started again.
    pub fn tell(&mut self, word: &str) {
        let input = self.0.stdin.as_mut().expect("piped");
        writeln!(input, "{word}").expect("the shell reads");
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It may be gone already.
        let _ = self.0.wait();
    }
}
