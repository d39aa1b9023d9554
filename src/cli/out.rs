//! Standard output. A reader that has seen enough (`remint batch list | head`) ends
//! remint quietly, as it ends other tools; `println!` would panic.

use std::fmt;
use std::io::{self, Write as _};

/// How a process ends that nobody reads any more: as a shell reports SIGPIPE (13)
/// (POSIX.1-2017, Shell Command Language, section 2.8.2).
const NOBODY_READS: i32 = 128 + 13;

/// How it ends where its output cannot be written: the farm's own trouble.
const CANNOT_WRITE: i32 = 3;

/// Prints a line, as `println!` does.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::out::write(format_args!("{}\n", format_args!($($words)*)))
    };
}

/// Prints a text as it is, as `print!` does.
macro_rules! say_as_is {
    ($($words:tt)*) => {
        $crate::cli::out::write(format_args!($($words)*))
    };
}

pub(super) use {say, say_as_is};

/// Writes to standard output, or ends the process where that cannot be.
pub(super) fn write(text: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    let Err(error) = out.write_fmt(text).and_then(|()| out.flush()) else {
        return;
    };
    if error.kind() != io::ErrorKind::BrokenPipe {
        eprintln!("remint: cannot write to standard output: {error}");
        std::process::exit(CANNOT_WRITE);
    }
    std::process::exit(NOBODY_READS);
}
