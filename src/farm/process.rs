//! Who this process is, so that the next one on this machine can tell whether it
//! still lives without waiting for any deadline.

use std::fs;

/// The machine's name.
pub fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The machine, for as long as it runs: its name and the kernel's boot
/// (proc_sys_kernel(5), `random/boot_id`), which no two machines share.
pub fn machine() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{} {}", host(), boot.trim())
}

/// This process: its number, when it was started and in which PID namespace, since
/// numbers are used again and each namespace has its own.
pub fn own() -> String {
    let pid = std::process::id();
    format!(
        "{} {pid} {}",
        namespace(),
        start_time(pid).unwrap_or_default()
    )
}

/// The machine's memory in MiB (proc_meminfo(5)).
pub fn memory_mib() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024)
}

/// Whether a process of this machine lives. One that cannot be told from here, such
/// as one of another container, is taken to live: its heartbeat decides.
pub(super) fn lives(process: &str) -> bool {
    let mut parts = process.split(' ');
    let (Some(space), Some(pid), Some(started)) = (parts.next(), parts.next(), parts.next()) else {
        return true;
    };
    let Ok(pid) = pid.parse() else {
        return true;
    };
    space != namespace() || space.is_empty() || start_time(pid).as_deref() == Some(started)
}

fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.display().to_string()
}

/// proc_pid_stat(5), field 22. The name before it, in brackets, may hold anything. A
/// process that is dead and only waits for its parent (state Z or X) has none.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // The state is field 3, and 18 lie between it and field 22.
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_it_ends_and_its_number_alone_is_not_enough() {
        assert!(lives(&own()));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("sleep");
        let id = format!(
            "{} {} {}",
            namespace(),
            child.id(),
            start_time(child.id()).expect("runs")
        );
        assert!(lives(&id));
        child.kill().expect("kill");
        assert!(lives(&own()));
        child.wait().expect("wait");
        assert!(!lives(&id));
        let other = format!("{} {} 1", namespace(), std::process::id());
        assert!(!lives(&other), "the same number, started at another time");
        assert!(lives("pid:[1] 1 1"), "another namespace cannot be told");
    }
}
