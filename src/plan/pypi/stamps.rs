//! What the times of an archive's members tell about the build that made it.
//! Pure; imports `model` and the shape of a stamp from `store`.

use crate::store::archive::MemberStamp;

/// How long after a checkout a build of it is taken to run, in seconds: a workflow installs
/// its tools in between.
const SOON: i64 = 600;

/// The pattern of member times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// Every member has this time.
    One(i64),
    /// One time for the members that were copied, the default of the build
    /// backend for those that it generated.
    CopiedAndDefault {
        /// The time of the copied members.
        copied: i64,
    },
    /// The same, but that some of those that lie among the copied are a little later: the build
    /// wrote them into the source's folder first, as flit-scm writes a file with the version.
    WrittenToo {
        /// The time of the copied members.
        copied: i64,
        /// The time of those that were written.
        written: i64,
    },
    /// Several times.
    Mixed,
    /// No members.
    Empty,
}

/// Tells the pattern, where `default` is the backend's own fixed time.
pub(super) fn pattern(stamps: &[MemberStamp], default: Option<i64>) -> Pattern {
    let mut times: Vec<i64> = stamps.iter().map(|s| s.mtime).collect();
    times.sort_unstable();
    times.dedup();
    match times[..] {
        [] => Pattern::Empty,
        [only] => Pattern::One(only),
        [first, second] if Some(first) == default => Pattern::CopiedAndDefault { copied: second },
        [first, second] if Some(second) == default => Pattern::CopiedAndDefault { copied: first },
        [first, copied, written] if Some(first) == default && written - copied <= SOON => {
            Pattern::WrittenToo { copied, written }
        }
        _ => Pattern::Mixed,
    }
}

/// Whether an exact time could have been written as this zip time, which counts
/// in steps of two seconds (ZIP application note, section 4.4.6).
pub(super) fn zip_time_of(exact: i64, stamp: i64) -> bool {
    exact - exact.rem_euclid(2) == stamp
}

/// The name of a file of the wheel's metadata, in its folder (binary distribution format, "The
/// .dist-info directory").
pub(super) fn metadata_file(stamp: &MemberStamp) -> Option<&str> {
    let (folder, file) = stamp.name.split_once('/')?;
    folder.ends_with(".dist-info").then_some(file)
}

/// The permissions of `WHEEL`, which every backend writes anew and nobody would make a program.
pub(super) fn wheel_mode(stamps: &[MemberStamp]) -> Option<u32> {
    let mut stamps = stamps.iter();
    let wheel = stamps.find(|stamp| metadata_file(stamp) == Some("WHEEL"))?;
    Some(wheel.mode & 0o777)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(times: &[i64]) -> Vec<MemberStamp> {
        times
            .iter()
            .map(|&mtime| MemberStamp {
                name: "m".into(),
                mtime,
                mode: 0o644,
            })
            .collect()
    }

    #[test]
    fn one_time_two_times_and_many_are_told_apart() {
        assert_eq!(pattern(&stamps(&[]), None), Pattern::Empty);
        assert_eq!(pattern(&stamps(&[5, 5]), None), Pattern::One(5));
        assert_eq!(
            pattern(&stamps(&[9, 5, 9]), Some(5)),
            Pattern::CopiedAndDefault { copied: 9 }
        );
        assert_eq!(
            pattern(&stamps(&[3, 5]), Some(5)),
            Pattern::CopiedAndDefault { copied: 3 }
        );
        assert_eq!(pattern(&stamps(&[9, 5]), None), Pattern::Mixed);
        assert_eq!(pattern(&stamps(&[9, 5, 7]), Some(9)), Pattern::Mixed);
    }

    #[test]
    fn a_zip_time_is_the_even_second_at_or_before() {
        assert!(zip_time_of(1001, 1000));
        assert!(zip_time_of(1000, 1000));
        assert!(!zip_time_of(1002, 1000));
        assert!(!zip_time_of(999, 1000));
    }

    #[test]
    fn what_a_build_wrote_among_the_copied_is_a_little_later() {
        let told = |times: &[i64]| pattern(&stamps(times), Some(7));
        let (copied, written) = (1000, 1000 + SOON);
        let both = Pattern::WrittenToo { copied, written };
        assert_eq!(told(&[copied, written, 7, copied]), both);
        assert_eq!(told(&[copied, written + 1, 7]), Pattern::Mixed);
        assert_eq!(told(&[copied, written, 8]), Pattern::Mixed);
        assert_eq!(told(&[copied, copied + 1, written, 7]), Pattern::Mixed);
    }
}
