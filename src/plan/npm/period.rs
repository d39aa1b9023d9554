//! Which Node.js and npm run a package's scripts: those that were usual when its commit was
//! made. What packs the outcome is told by the artifact's marks (`family`); scripts leave no
//! such marks, and what they call works with what there was then. Pure.

use super::{Runner, family};

/// A line of Node.js with long-term support, from when on it was the newest.
struct Line {
    /// Seconds since the Unix epoch.
    from: i64,
    major: u64,
    node: &'static str,
    /// The last before [`CLOSED`], where there was one.
    before_closed: Option<&'static str>,
    /// The last npm of the line that came with it; for those of npm 6 the last that they
    /// run. npm 6 reads lock files of its time alone, fetches what they name for other
    /// systems too, of which a registry may lack some, and takes what does not run on the
    /// Node.js that is there.
    npm: &'static str,
}

/// Lines by the start of their long-term support (Node.js, "Release Working Group",
/// `README.md`, "Release schedule", "Active LTS start"), the newest first. Publishers whose
/// Node.js is newer still can run what works on the one before.
const LINES: [Line; 7] = [
    Line {
        from: 1_761_609_600, // 2025-10-28
        major: 24,
        node: "24.21.0",
        before_closed: None,
        npm: "11.21.2",
    },
    Line {
        from: 1_730_160_000, // 2024-10-29
        major: 22,
        node: "22.23.3",
        before_closed: None,
        npm: "10.9.9",
    },
    Line {
        from: 1_698_105_600, // 2023-10-24
        major: 20,
        node: "20.20.2",
        before_closed: Some("20.5.0"),
        npm: "10.9.9",
    },
    Line {
        from: 1_666_656_000, // 2022-10-25
        major: 18,
        node: "18.20.8",
        before_closed: Some("18.17.0"),
        npm: "10.9.9",
    },
    Line {
        from: 1_635_206_400, // 2021-10-26
        major: 16,
        node: "16.20.2",
        before_closed: Some("16.20.1"),
        npm: "8.19.4",
    },
    Line {
        from: 1_603_756_800, // 2020-10-27
        major: 14,
        node: "14.21.3",
        before_closed: None,
        npm: "8.19.4",
    },
    // Nothing older: it runs what was made for those before.
    Line {
        from: i64::MIN,
        major: 12,
        node: "12.22.12",
        before_closed: None,
        npm: "8.19.4",
    },
];

/// When Node.js made the `constructor` of its modules read-only, in every line that was kept,
/// which programs of before that set it do not survive (ttypescript, say): 2023-08-09 (Node.js,
/// "Wednesday August 9th 2023 Security Releases").
const CLOSED: i64 = 1_691_539_200;

impl Line {
    fn runner(&self, commit_time: i64) -> Runner {
        let before = self.before_closed.filter(|_| commit_time < CLOSED);
        Runner {
            node: before.unwrap_or(self.node).to_owned(),
            npm: self.npm.to_owned(),
        }
    }
}

/// The first Node.js whose npm installed what its packages call their peers (npm 7, which
/// the line of 16 brought).
const FIRST_WITH_PEERS: u64 = 16;

/// What ran the scripts of a commit of this time; `at_least` is the major version of the
/// Node.js that packed, where the artifact's marks tell that.
pub(super) fn runner(commit_time: i64, at_least: u64) -> Runner {
    let line = LINES
        .iter()
        .rev()
        .find(|line| line.major >= at_least && !is_over(line, commit_time))
        .unwrap_or(&LINES[0]);
    line.runner(commit_time)
}

/// The Node.js of this line when a commit of this time was made, with its npm, where it is one
/// of those.
pub(super) fn of_line(major: u64, commit_time: i64) -> Option<Runner> {
    let line = LINES.iter().find(|line| line.major == major)?;
    Some(line.runner(commit_time))
}

/// Whether the npm that came with this Node.js installed what packages call their peers.
pub(super) fn installs_peers(node: &str) -> bool {
    family::major(node).is_none_or(|major| major >= FIRST_WITH_PEERS)
}

/// Whether another line had begun by then.
fn is_over(line: &Line, time: i64) -> bool {
    LINES
        .iter()
        .any(|later| later.major > line.major && later.from <= time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(time: i64, at_least: u64) -> String {
        runner(time, at_least).node
    }

    #[test]
    fn a_line_begins_with_its_long_term_support() {
        assert_eq!(node(1_635_206_399, 0), "14.21.3");
        assert_eq!(node(1_635_206_400, 0), "16.20.1");
        assert_eq!(node(0, 0), "12.22.12");
        assert_eq!(node(i64::MAX, 0), "24.21.0");
    }

    #[test]
    fn the_node_that_packed_ran_the_scripts_where_it_is_newer() {
        assert_eq!(node(1_635_206_400, 18), "18.17.0");
        assert_eq!(node(1_761_609_600, 18), "24.21.0");
        assert_eq!(node(0, 99), "24.21.0");
    }

    #[test]
    fn a_line_is_had_by_its_number() {
        let of = |major, time| of_line(major, time).map(|runner| runner.node);
        assert_eq!(of(18, i64::MAX).as_deref(), Some("18.20.8"));
        assert_eq!(of(17, i64::MAX), None);
    }

    #[test]
    fn a_commit_of_before_modules_were_closed_has_the_last_node_of_then() {
        let of = |major, time| of_line(major, time).map(|runner| runner.node);
        assert_eq!(of(18, CLOSED - 1).as_deref(), Some("18.17.0"));
        assert_eq!(of(18, CLOSED).as_deref(), Some("18.20.8"));
        assert_eq!(of(14, CLOSED - 1).as_deref(), Some("14.21.3"));
    }

    #[test]
    fn peers_are_installed_from_the_npm_of_node_16_on() {
        assert!(!installs_peers("14.21.3"));
        assert!(installs_peers("16.0.0"));
    }
}
