//! Which npm and Node.js packed a tarball, told from marks that their releases leave in
//! it: gzip's header, the deflate stream, member times and the members' order. Pure.
//!
//! npm decides what is packed, in which order, and the header's bytes; Node.js brings the
//! zlib that writes the stream. Each family below stands for releases that write the
//! same bytes.

use super::super::{GzipMarks, NodeZlib};
use super::collation;
use crate::store::archive::MemberStamp;

/// The Node.js that stands for those of 18 and later: at either level of packers, 18.20, 20.19,
/// 22.23 and 24.21 write one stream.
pub(super) const FROM_18: &str = "22.23.3";

/// The Node.js that stands for those of 12.17 to 16: so do 12.22, 14.21 and 16.20, which at zlib's
/// own level is neither that nor the reference zlib's.
pub(super) const FROM_12: &str = "14.21.3";

/// A Node.js and an npm that write the same bytes as their whole family.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    pub(super) node: &'static str,
    pub(super) npm: &'static str,
    pub(super) why: &'static str,
}

/// npm from 7.20 on, on a Node.js from 18 on, whose zlib has a match finder of its own.
const MODERN: Family = Family {
    node: "22.23.3",
    npm: "10.9.9",
    why: "the gzip header says npm 7.10 or later, and the stream is not the reference zlib's, as from Node.js 18 on",
};

/// The npm that came with Node.js 18 first, on it.
const MODERN_EIGHT: Family = Family {
    node: "18.20.8",
    npm: "8.19.4",
    why: "as before, with the npm that came with Node.js 18 first",
};

/// npm from 7.20 on, up to Node.js 16: at level 9 its zlib writes what the reference does, but
/// for a few contents.
const SIXTEEN: Family = Family {
    node: "16.20.2",
    npm: "8.19.4",
    why: "the gzip header says npm 7.10 or later, and the stream is the reference zlib's, as up to Node.js 16",
};

/// The same where the stream does not tell it.
const SIXTEEN_AFTER_ALL: Family = Family {
    why: "as the first, but on Node.js 16, whose stream is not always the reference zlib's",
    ..SIXTEEN
};

/// npm 7.10 and 7.11 (npm-packlist 2.1), which pack a change log whatever `files` says.
const SIXTEEN_SEVEN: Family = Family {
    node: "16.20.2",
    npm: "7.11.2",
    why: "as before, with an npm before 7.12, which packs a change log whatever `files` says",
};

/// npm 10.0 to 10.2 (npm-packlist 8.0.0), on a Node.js from 18 on and on one before.
const MODERN_TEN: Family = Family {
    node: "22.23.3",
    npm: "10.1.0",
    why: "the gzip header says npm 7.10 or later, the stream is as from Node.js 18 on, and npm 10.0 to 10.2 packs licences and read-me files of folders whatever `files` says",
};
const SIXTEEN_TEN: Family = Family {
    node: "16.20.2",
    npm: "10.1.0",
    why: "the gzip header says npm 7.10 or later, the stream is the reference zlib's, and npm 10.0 to 10.2 packs licences and read-me files of folders whatever `files` says",
};

/// npm 7.0 to 7.9, on a Node.js whose zlib is its own at level 6 (12.17 to 16).
const EARLY_SEVEN: Family = Family {
    node: "14.21.3",
    npm: "7.5.6",
    why: "the gzip header says npm 7.0 to 7.9",
};

/// The same on a Node.js from 18 on: publishing tools of monorepos pack with that npm's
/// libraries long after it (lerna, `@lerna/pack-directory`).
const EARLY_SEVEN_MODERN: Family = Family {
    node: "22.23.3",
    npm: "7.5.6",
    why: "the gzip header says npm 7.0 to 7.9, or a tool with its libraries, on a Node.js from 18 on",
};

/// The same on a Node.js with the reference zlib.
const EARLY_SEVEN_REFERENCE: Family = Family {
    node: "10.24.1",
    npm: "7.5.6",
    why: "the gzip header says npm 7.0 to 7.9, and the stream is the reference zlib's, as up to Node.js 12",
};

/// npm 6.5 and later, on Node.js 12.17 to 16.
const SIX: Family = Family {
    node: "14.21.3",
    npm: "6.14.18",
    why: "the gzip header names the publisher's system, as npm 6 and before wrote it",
};

/// npm 6.5 and later, on a Node.js with the reference zlib.
const SIX_REFERENCE: Family = Family {
    node: "10.24.1",
    npm: "6.14.18",
    why: "the gzip header names the publisher's system, as npm 6 and before wrote it, and the stream is the reference zlib's, as up to Node.js 12",
};

/// npm 6.5 and later, on the first Node.js from 18 on, which is nearest to what it was made for.
const SIX_MODERN: Family = Family {
    node: "18.20.8",
    npm: "6.14.18",
    why: "the gzip header names the publisher's system, as npm 6 and before wrote it, and the stream is that of Node.js from 18 on",
};

/// npm 5.8 to 6.4: package.json comes before all other members.
const EARLY_SIX: Family = Family {
    node: "10.24.1",
    npm: "6.4.1",
    why: "the gzip header names the publisher's system and package.json comes first, as up to npm 6.4",
};

/// npm 4 and before: package.json comes first and the others as the folder lists them.
const FOUR: Family = Family {
    node: "10.24.1",
    npm: "4.6.1",
    why: "members have their files' own times and package.json comes first, as in npm 4 and before",
};

/// The npm that packs files as folders list them.
pub(super) const LISTS_FOLDERS: &str = FOUR.npm;

/// npm 5.0 to 5.6: the members' own times, and package.json first too.
const FIVE: Family = Family {
    node: "10.24.1",
    npm: "5.6.0",
    why: "members have their files' own times, as up to npm 5.6",
};

/// npm 5.7.0 and 5.7.1, which leave the time out (npm 5.8.0, "CHANGELOG.md").
const FIVE_SEVEN: Family = Family {
    node: "10.24.1",
    npm: "5.7.1",
    why: "the gzip header names the publisher's system and members have no time, as in npm 5.7",
};

/// The first Node.js whose streams tell that nothing older wrote them.
pub(super) const TOLD_FROM: u64 = 18;

/// The time that npm from 5.8 on gives to every member: 1985-10-26T08:15:00Z.
pub(super) const PORTABLE_TIME: i64 = 499_162_500;

impl Family {
    /// Whether its Node.js is one from 18 on.
    pub(super) fn is_told(&self) -> bool {
        major(self.node).is_some_and(|major| major >= TOLD_FROM)
    }
}

/// Whose zlib a Node.js has, where the line of its version tells.
pub(super) fn zlib_of(node: &str) -> Option<NodeZlib> {
    match major(node)? {
        ..=12 => None,
        13..TOLD_FROM => Some(NodeZlib::Of12To16),
        _ => Some(NodeZlib::From18),
    }
}

/// The line of a version of Node.js.
pub(super) fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

/// Families that may have packed the tarball, the likeliest first; never empty.
/// `files` is what the manifest lists under that name.
pub(super) fn families(
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
    files: &[&str],
) -> &'static [&'static Family] {
    let unlisted = |what: fn(&str) -> bool| {
        let mut unlisted = stamps.iter().filter(|stamp| !is_listed(&stamp.name, files));
        !files.is_empty() && unlisted.any(|stamp| what(&stamp.name))
    };
    let own_times = stamps.iter().any(|stamp| stamp.mtime != PORTABLE_TIME);
    // Of two members or more: one alone is first in any order.
    let manifest_first =
        stamps.len() > 1 && stamps.first().is_some_and(|s| s.name == "package.json");
    let no_times = stamps.iter().all(|stamp| stamp.mtime == 0);
    match gzip {
        Some(GzipMarks {
            xfl: 2,
            os: 255,
            reference_level: Some(9),
            ..
        }) => {
            if unlisted(is_of_a_folder) {
                &[&SIXTEEN_TEN, &SIXTEEN, &SIXTEEN_SEVEN]
            } else if unlisted(is_change_log) {
                &[&SIXTEEN_SEVEN, &SIXTEEN]
            } else {
                &[&SIXTEEN, &SIXTEEN_SEVEN]
            }
        }
        Some(GzipMarks {
            xfl: 2, os: 255, ..
        }) if unlisted(is_of_a_folder) => {
            &[&MODERN_TEN, &MODERN, &MODERN_EIGHT, &SIXTEEN_AFTER_ALL]
        }
        Some(GzipMarks {
            xfl: 2, os: 255, ..
        })
        | None => &[&MODERN, &MODERN_EIGHT, &SIXTEEN_AFTER_ALL],
        Some(GzipMarks {
            os: 255,
            reference_level: Some(_),
            ..
        }) => &[&EARLY_SEVEN_REFERENCE],
        Some(GzipMarks {
            os: 255,
            node_zlib: Some(NodeZlib::From18),
            ..
        }) => &[&EARLY_SEVEN_MODERN, &EARLY_SEVEN],
        Some(GzipMarks { os: 255, .. }) => &[&EARLY_SEVEN, &EARLY_SEVEN_MODERN],
        Some(_) if no_times && manifest_first => &[&FIVE_SEVEN, &FIVE, &FOUR],
        Some(_) if own_times && manifest_first && collation::is_of_npm_5(stamps) => &[&FIVE, &FOUR],
        Some(_) if own_times && manifest_first => &[&FOUR, &FIVE],
        Some(_) if manifest_first => &[&EARLY_SIX],
        Some(GzipMarks {
            reference_level: Some(_),
            ..
        }) => &[&SIX_REFERENCE],
        Some(GzipMarks {
            node_zlib: Some(NodeZlib::From18),
            ..
        }) => &[&SIX_MODERN, &SIX],
        Some(_) => &[&SIX],
    }
}

/// Whether `files` of a manifest lists a member or a folder above it; patterns are taken to.
fn is_listed(member: &str, files: &[&str]) -> bool {
    files.iter().any(|entry| {
        let entry = entry.trim_start_matches(['.', '/']).trim_end_matches('/');
        let rest = member.strip_prefix(entry);
        entry.contains(['*', '!']) || rest.is_some_and(|r| r.is_empty() || r.starts_with('/'))
    })
}

/// A licence or a read-me file that is not the package's own.
fn is_of_a_folder(member: &str) -> bool {
    let file = member.rsplit_once('/').map(|(_, file)| file.to_lowercase());
    let begins = |file: String| {
        ["license", "licence", "readme"]
            .iter()
            .any(|w| file.starts_with(w))
    };
    file.is_some_and(begins)
}

/// What npm took for a change log (npm-packlist 2, `README.md`).
pub(super) fn is_change_log(member: &str) -> bool {
    let member = member.to_lowercase();
    let words = ["changelog", "changes", "history"];
    !member.contains('/') && words.iter().any(|word| member.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::marks;
    use super::*;

    fn first(
        xfl: u8,
        os: u8,
        reference_level: Option<u8>,
        stamps: &[MemberStamp],
    ) -> &'static Family {
        let marks = marks(xfl, os, reference_level);
        families(Some(marks), stamps, &[])[0]
    }

    fn members(names: &[&str], mtime: i64) -> Vec<MemberStamp> {
        names
            .iter()
            .map(|name| MemberStamp {
                name: (*name).into(),
                mtime,
                mode: 0o644,
            })
            .collect()
    }

    #[test]
    fn the_gzip_header_tells_npm_apart_on_both_sides() {
        assert_eq!(first(2, 255, None, &[]), &MODERN);
        assert_eq!(first(0, 255, None, &[]), &EARLY_SEVEN);
        assert_eq!(first(0, 3, None, &[]), &SIX);
        assert_eq!(first(0, 0x13, None, &[]), &SIX);
        assert_eq!(families(None, &[], &[])[0], &MODERN);
    }

    #[test]
    fn the_stream_tells_node_apart_on_both_sides() {
        assert_eq!(first(2, 255, Some(9), &[]), &SIXTEEN);
        assert_eq!(first(2, 255, Some(6), &[]), &MODERN);
        assert_eq!(first(0, 255, Some(6), &[]), &EARLY_SEVEN_REFERENCE);
        assert_eq!(first(0, 3, Some(6), &[]), &SIX_REFERENCE);
    }

    #[test]
    fn the_node_that_wrote_the_stream_tells_what_the_header_leaves_open() {
        let of = |os, reference_level, node_zlib| {
            let marks = GzipMarks {
                node_zlib,
                ..marks(0, os, reference_level)
            };
            families(Some(marks), &[], &[])
        };
        let (early, late) = (Some(NodeZlib::Of12To16), Some(NodeZlib::From18));
        assert_eq!(of(255, None, late), [&EARLY_SEVEN_MODERN, &EARLY_SEVEN]);
        assert_eq!(of(255, None, early), [&EARLY_SEVEN, &EARLY_SEVEN_MODERN]);
        assert_eq!(of(255, None, None), of(255, None, early));
        assert_eq!(of(3, None, late), [&SIX_MODERN, &SIX]);
        assert_eq!(of(3, None, early), [&SIX]);
        assert_eq!(of(3, Some(6), None), [&SIX_REFERENCE]);
    }

    #[test]
    fn a_node_has_the_zlib_of_its_line() {
        assert_eq!(zlib_of("12.22.12"), None);
        assert_eq!(zlib_of(FROM_12), Some(NodeZlib::Of12To16));
        assert_eq!(zlib_of("16.20.2"), Some(NodeZlib::Of12To16));
        assert_eq!(zlib_of("18.20.8"), Some(NodeZlib::From18));
        assert_eq!(zlib_of(FROM_18), Some(NodeZlib::From18));
    }

    #[test]
    fn what_the_stream_does_not_tell_may_be_of_an_earlier_node_all_the_same() {
        let of = |reference_level| {
            let marks = marks(2, 255, reference_level);
            families(Some(marks), &[], &[]).contains(&&SIXTEEN_AFTER_ALL)
        };
        assert!(of(None));
        assert!(!of(Some(9)));
    }

    #[test]
    fn members_that_files_does_not_list_tell_the_npms_that_pack_them_all_the_same() {
        let of = |reference_level, member: &str, files: &[&str]| {
            let marks = marks(2, 255, reference_level);
            families(Some(marks), &members(&["a", member], PORTABLE_TIME), files)[0]
        };
        let reference = Some(9);
        assert_eq!(of(reference, "sub/LICENSE", &["sub/a"]), &SIXTEEN_TEN);
        assert_eq!(of(None, "sub/README.md", &["sub/a"]), &MODERN_TEN);
        assert_eq!(of(reference, "CHANGELOG.md", &["sub"]), &SIXTEEN_SEVEN);
        for listed in ["sub", "./sub/", "sub/LICENSE", "**/x"] {
            assert_eq!(
                of(reference, "sub/LICENSE", &[listed]),
                &SIXTEEN,
                "{listed}"
            );
        }
        assert_eq!(of(reference, "sub/LICENSE", &[]), &SIXTEEN);
        assert_eq!(of(reference, "LICENSE", &["sub"]), &SIXTEEN);
        assert_eq!(of(reference, "CHANGELOG.md", &["CHANGELOG.md"]), &SIXTEEN);
        assert_eq!(of(None, "CHANGELOG.md", &["sub"]), &MODERN);
    }

    #[test]
    fn package_json_first_tells_an_early_npm_6() {
        let of = |names: &[&str]| first(0, 3, Some(6), &members(names, PORTABLE_TIME));
        assert_eq!(of(&["package.json", "a"]), &EARLY_SIX);
        assert_eq!(of(&["a", "package.json"]), &SIX_REFERENCE);
        assert_eq!(of(&["package.json"]), &SIX_REFERENCE);
        let modern = first(
            2,
            255,
            None,
            &members(&["package.json", "a"], PORTABLE_TIME),
        );
        assert_eq!(modern, &MODERN);
    }

    #[test]
    fn times_of_their_own_tell_an_npm_before_5_7() {
        let of = |time| first(0, 3, Some(6), &members(&["package.json", "b", "a"], time));
        assert_eq!(of(PORTABLE_TIME), &EARLY_SIX);
        assert_eq!(of(PORTABLE_TIME + 1), &FOUR);
        assert_eq!(of(0), &FIVE_SEVEN);
        let unordered = first(0, 3, Some(6), &members(&["a", "package.json"], 1));
        assert_eq!(unordered, &SIX_REFERENCE);
    }

    #[test]
    fn the_order_of_members_with_times_of_their_own_tells_npm_5_from_those_before() {
        let of = |names: &[&str]| {
            let marks = marks(0, 3, Some(6));
            families(Some(marks), &members(names, 1), &[])
        };
        let sorted = of(&["package.json", "b", "C", "a/x"]);
        assert_eq!(sorted, [&FIVE, &FOUR]);
        let as_listed = of(&["package.json", "a/x", "b", "C"]);
        assert_eq!(as_listed, [&FOUR, &FIVE]);
    }
}
