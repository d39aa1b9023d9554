//! Rules that tar and zip share: which mode bits matter, how a time is written.
//! May import `model`; pure.

use jiff::Timestamp;

use crate::model::Severity;

/// Set-user-ID, set-group-ID and the three execute bits (POSIX.1-2017,
/// `<sys/stat.h>`): these decide what runs and as whom, so they are content.
const CONTENT_BITS: u32 = 0o6111;
/// Set-user-ID and set-group-ID alone; on a folder the execute bits only say who
/// may enter.
const FOLDER_CONTENT_BITS: u32 = 0o6000;
/// The file type's bits of `st_mode`, which zip stores beside the permissions.
pub(super) const TYPE_BITS: u32 = 0o170000;

/// A mode whose type is not said, as that of the regular file that unpackers make of it.
const fn regular(mode: u32, folder: bool) -> u32 {
    /// `S_IFREG` of `st_mode`.
    const REGULAR: u32 = 0o100_000;
    if mode & TYPE_BITS == 0 && !folder {
        mode | REGULAR
    } else {
        mode
    }
}

/// How much it matters that a member's mode is another.
pub(super) fn mode_severity(published: u32, rebuilt: u32, folder: bool) -> Severity {
    let changed = regular(published, folder) ^ regular(rebuilt, folder);
    let content = if folder {
        FOLDER_CONTENT_BITS
    } else {
        CONTENT_BITS
    };
    if changed & (content | TYPE_BITS) != 0 {
        Severity::Payload
    } else {
        Severity::Metadata
    }
}

/// Seconds since the epoch as a UTC time; the bare number where no calendar
/// reaches it.
pub(super) fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}

/// `field: published A, rebuilt B`.
pub(super) fn pair(
    field: &str,
    published: impl std::fmt::Display,
    rebuilt: impl std::fmt::Display,
) -> String {
    format!("{field}: published {published}, rebuilt {rebuilt}")
}

/// Whether a path that starts in `folder`, a folder of the archive, leads out of where the
/// archive is unpacked.
pub(super) fn leads_out(folder: &[u8], path: &[u8]) -> bool {
    let drive = path.get(1) == Some(&b':');
    if path.starts_with(b"/") || path.starts_with(b"\\") || drive {
        return true;
    }
    let parts = [folder, path]
        .into_iter()
        .flat_map(|p| p.split(|&b| b == b'/'));
    let mut depth = 0i64;
    for part in parts {
        match part {
            b"" | b"." => {}
            b".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_is_told_from_one_that_comes_back() {
        for out in [
            &b"/etc/x"[..],
            b"../x",
            b"a/../../x",
            b"\\x",
            b"C:x",
            b"./..",
        ] {
            assert!(leads_out(b"", out), "{out:?}");
        }
        for inside in [&b"a/x"[..], b"a/../x", b"./x", b"a..b", b""] {
            assert!(!leads_out(b"", inside), "{inside:?}");
        }
        assert!(!leads_out(b"a/b", b"../x"));
        assert!(leads_out(b"a", b"../../x"));
    }

    #[test]
    fn exec_and_setuid_bits_are_content_and_a_umask_is_not() {
        assert_eq!(mode_severity(0o644, 0o664, false), Severity::Metadata);
        assert_eq!(mode_severity(0o644, 0o744, false), Severity::Payload);
        assert_eq!(mode_severity(0o755, 0o4755, false), Severity::Payload);
        assert_eq!(mode_severity(0o755, 0o700, true), Severity::Metadata);
        assert_eq!(mode_severity(0o2755, 0o755, true), Severity::Payload);
        assert_eq!(mode_severity(0o120777, 0o100777, false), Severity::Payload);
        assert_eq!(mode_severity(0o664, 0o100_644, false), Severity::Metadata);
        assert_eq!(mode_severity(0o777, 0o120_777, false), Severity::Payload);
    }
}
