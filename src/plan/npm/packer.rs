//! What packs a package: npm, or yarn, pnpm or lerna where the artifact's marks and the source's
//! lock file, or its root, tell so. Each writes members, order and headers of its own. Pure.

use std::collections::BTreeMap;

use super::super::{Facts, GzipMarks};
use super::family::{PORTABLE_TIME, is_change_log};
use super::lerna;
use super::manifest::Manifest;
use super::programs::NO_SHELL_FILE;
use crate::model::WORK_DIR;
use crate::store::archive::MemberStamp;

/// A program that packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packer {
    Npm,
    /// yarn 1.
    Yarn,
    /// yarn 2 and later.
    Berry,
    Pnpm,
    /// lerna 4 and later, by itself.
    Lerna,
}

/// The time that yarn 2 and later gives to every member: 1984-06-22T21:50:00Z (yarn,
/// `constants.ts`, `SAFE_TIME`).
const BERRYS_TIME: i64 = 456_789_000;

/// Scripts that pnpm takes out of the manifest that it packs (pnpm, `exportable-manifest`,
/// `PREPUBLISH_SCRIPTS`).
const TAKEN_OUT: [&str; 6] = [
    "prepublishOnly",
    "prepack",
    "prepare",
    "postpack",
    "publish",
    "postpublish",
];

/// What may have packed the tarball, the likeliest first; never empty. `published` is the
/// manifest in it.
pub(super) fn packers(
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
    tree: &BTreeMap<String, Vec<u8>>,
    published: Option<&Manifest>,
) -> &'static [Packer] {
    let is_lernas = |marks: GzipMarks| marks.xfl == 0 && marks.os == 255;
    if gzip.is_some_and(is_lernas) && !lerna::npms(tree).is_empty() {
        let has_change_log = stamps.iter().any(|stamp| is_change_log(&stamp.name));
        return if has_change_log && lerna::may_be_as_npm_7(tree) {
            &[Packer::Npm, Packer::Lerna]
        } else {
            &[Packer::Lerna, Packer::Npm]
        };
    }
    // npm from 7.10 on compresses at the level that gzip's header marks as the slowest, and
    // the others at zlib's own.
    if gzip.is_none_or(|marks| marks.xfl != 0 || marks.os == 255) {
        return &[Packer::Npm];
    }
    let locks = |name: &str| tree.contains_key(name) || tree.contains_key(&format!("/{name}"));
    let has_publishing_scripts =
        || published.is_some_and(|manifest| TAKEN_OUT.iter().any(|script| manifest.has(script)));
    let all_at = |time| stamps.iter().all(|stamp| stamp.mtime == time);
    let own_times = !all_at(PORTABLE_TIME);
    // yarn 1 leaves the files' own times (yarn 1.22, `cli/commands/pack.js`), and pnpm gives
    // the one that npm does (pnpm, `plugin-commands-publishing`, `pack.ts`).
    if !stamps.is_empty() && all_at(BERRYS_TIME) && locks("yarn.lock") {
        &[Packer::Berry, Packer::Npm]
    } else if own_times && locks("yarn.lock") {
        if has_manifest_first(stamps) {
            &[Packer::Npm, Packer::Yarn]
        } else {
            &[Packer::Yarn, Packer::Npm]
        }
    } else if !own_times && locks("pnpm-lock.yaml") && !has_publishing_scripts() {
        &[Packer::Pnpm, Packer::Npm]
    } else {
        &[Packer::Npm]
    }
}

/// 2019-01-01, ten months after npm had left files' own times out (npm 5.7).
const AFTER_OWN_TIMES: i64 = 1_546_300_800;

/// Whether yarn 1 is likelier to have packed than an npm that was old already, wherever the source
/// has no lock file of yarn's: files have their own times, and the commit is of long after npm left
/// them out.
pub(super) fn is_yarns(gzip: Option<GzipMarks>, stamps: &[MemberStamp], commit_time: i64) -> bool {
    let is_of_zlib = gzip.is_some_and(|marks| marks.xfl == 0 && marks.os != 255);
    let is_none_of = |times: [i64; 3]| stamps.iter().all(|stamp| !times.contains(&stamp.mtime));
    is_of_zlib
        && commit_time >= AFTER_OWN_TIMES
        && !stamps.is_empty()
        && is_none_of([PORTABLE_TIME, BERRYS_TIME, 0])
        && !has_manifest_first(stamps)
}

impl Packer {
    /// What Node.js runs, below the work folder; `npm` is where npm is there.
    pub(super) fn program(self, npm: &str) -> String {
        match self {
            Self::Npm => format!("{npm}/bin/npm-cli.js"),
            Self::Yarn | Self::Berry => "tools/yarn/bin/yarn.js".to_owned(),
            Self::Pnpm => "tools/pnpm/bin/pnpm.cjs".to_owned(),
            Self::Lerna => lerna::PROGRAM.0.to_owned(),
        }
    }

    /// Whether it is what installs, too.
    pub(super) const fn is_installer(self) -> bool {
        matches!(self, Self::Yarn | Self::Berry | Self::Pnpm)
    }

    /// Whether it runs the package's own scripts for packing itself, and cannot be told not to:
    /// yarn 2 and later runs `prepack` and `postpack` (yarn, `packUtils.ts`, `prepareForPack`).
    pub(super) const fn runs_scripts(self) -> bool {
        matches!(self, Self::Berry)
    }

    /// What packs the working folder and runs none of its scripts, unless it
    /// [always does](Self::runs_scripts); into the folder for
    /// output, where the packer can write there. What the source's own `.npmrc` could say
    /// against either goes behind what is said here (npm documentation, "config", "Command Line
    /// Flags"; pnpm documentation, "CLI", `--config`).
    pub(super) fn arguments(self, writes_out: bool, npm: &str, name: &str) -> Vec<String> {
        let shell = format!("{WORK_DIR}/{NO_SHELL_FILE}");
        let (text, out) = match self {
            Self::Lerna => return lerna::arguments(npm, name),
            Self::Npm => (
                format!("pack --ignore-scripts --script-shell={shell} --dry-run=false"),
                format!("--pack-destination {WORK_DIR}/out"),
            ),
            Self::Yarn => (
                "pack --ignore-scripts --non-interactive".to_owned(),
                format!("--filename {WORK_DIR}/out/{name}"),
            ),
            Self::Berry => ("pack".to_owned(), format!("--out {WORK_DIR}/out/{name}")),
            Self::Pnpm => (
                format!(
                    "pack --config.ignore-scripts=true --config.script-shell={shell} --config.dry-run=false"
                ),
                format!("--pack-destination {WORK_DIR}/out"),
            ),
        };
        let out = if writes_out { out } else { String::new() };
        text.split(' ')
            .chain(out.split(' '))
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// Whether `package.json` comes before files that sort before it, as npm with files' own times
/// packs it and yarn, which sorts, does not (yarn 1.22, `cli/commands/pack.js`, `sort`).
fn has_manifest_first(stamps: &[MemberStamp]) -> bool {
    let manifest = "package.json";
    let is_before = |stamp: &MemberStamp| !stamp.name.contains('/') && *stamp.name < *manifest;
    stamps.first().is_some_and(|first| first.name == manifest) && stamps.iter().any(is_before)
}

/// What tells pnpm 6 to put no readme into the manifest that it packs, as those before 6.28 did
/// not and later ones do not (pnpm's changelog, 6.28.0 and 7.0.0, `embed-readme`): a lock file
/// names no more than the line.
pub(super) const WITHOUT_README: &str = "--config.embed-readme=false";

/// Whether the published manifest has no readme in it.
pub(super) fn is_without_readme(facts: &Facts<'_>) -> bool {
    let published = facts.members.get("package.json");
    let published = published.and_then(|bytes| serde_json::from_slice(bytes).ok());
    published.is_some_and(|published: serde_json::Value| published.get("readme").is_none())
}

/// The name that `npm pack` gives (npm documentation, "npm pack"): the scope's
/// `@` goes and its `/` becomes `-`. pnpm gives the same, and yarn the one that it is told.
pub(super) fn packed_name(facts: &Facts<'_>) -> String {
    let purl = &facts.release.purl;
    let name = purl
        .name()
        .as_str()
        .trim_start_matches('@')
        .replace('/', "-");
    let version = purl.version().map_or("", |v| v.as_str());
    format!("{name}-{version}.tgz")
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::marks;
    use super::super::manifest;
    use super::*;

    fn first(xfl: u8, os: u8, mtime: i64, lock: &str) -> Packer {
        let marks = marks(xfl, os, None);
        let stamps = [MemberStamp {
            name: "a".into(),
            mtime,
            mode: 0o644,
        }];
        let tree = BTreeMap::from([(lock.to_owned(), Vec::new())]);
        let published = manifest::parse(br#"{"scripts":{"build":"x"}}"#).expect("valid");
        packers(Some(marks), &stamps, &tree, Some(&published))[0]
    }

    #[test]
    fn pnpm_packs_no_script_of_publishing() {
        let marks = marks(0, 3, None);
        let stamps = [MemberStamp {
            name: "a".into(),
            mtime: PORTABLE_TIME,
            mode: 0o644,
        }];
        let tree = BTreeMap::from([("pnpm-lock.yaml".to_owned(), Vec::new())]);
        let of = |manifest: &str| {
            let published = manifest::parse(manifest.as_bytes()).expect("valid");
            packers(Some(marks), &stamps, &tree, Some(&published))[0]
        };
        assert_eq!(of(r#"{"scripts":{"prepublishOnly":"x"}}"#), Packer::Npm);
        assert_eq!(of(r#"{"scripts":{"postbuild":"x"}}"#), Packer::Pnpm);
        assert_eq!(packers(Some(marks), &stamps, &tree, None)[0], Packer::Pnpm);
    }

    #[test]
    fn yarn_is_told_by_times_of_their_own_and_its_lock_file() {
        let time = PORTABLE_TIME + 1;
        assert_eq!(first(0, 3, time, "yarn.lock"), Packer::Yarn);
        assert_eq!(first(0, 0x13, time, "/yarn.lock"), Packer::Yarn);
        assert_eq!(first(0, 3, PORTABLE_TIME, "yarn.lock"), Packer::Npm);
        assert_eq!(first(0, 3, time, "package-lock.json"), Packer::Npm);
    }

    #[test]
    fn npm_is_told_from_yarn_by_the_manifest_that_it_puts_first() {
        let of = |names: &[&str]| {
            let stamp = |name: &&str| MemberStamp {
                name: (*name).to_owned(),
                mtime: PORTABLE_TIME + 1,
                mode: 0o644,
            };
            let stamps: Vec<_> = names.iter().map(stamp).collect();
            let tree = BTreeMap::from([("yarn.lock".to_owned(), Vec::new())]);
            packers(Some(marks(0, 3, None)), &stamps, &tree, None)
        };
        let both = of(&["package.json", "README.md", "dist/a.js"]);
        assert_eq!(both, [Packer::Npm, Packer::Yarn]);
        // Sorted, it may come first too.
        let sorted = of(&["package.json", "src/a.js", "dist/a.js"]);
        assert_eq!(sorted, [Packer::Yarn, Packer::Npm]);
        assert_eq!(of(&["README.md", "package.json"]), sorted);
    }

    #[test]
    fn yarn_is_told_without_a_lock_file_by_times_long_after_npm_left_them_out() {
        let of = |os, times: [i64; 2], commit_time| {
            let names = ["LICENSE", "package.json"];
            let stamps = names.iter().zip(times).map(|(name, mtime)| MemberStamp {
                name: (*name).into(),
                mtime,
                mode: 0o644,
            });
            is_yarns(
                Some(marks(0, os, None)),
                &stamps.collect::<Vec<_>>(),
                commit_time,
            )
        };
        let own = [AFTER_OWN_TIMES, AFTER_OWN_TIMES + 9];
        assert!(of(3, own, AFTER_OWN_TIMES));
        assert!(!of(3, own, AFTER_OWN_TIMES - 1));
        assert!(!of(255, own, AFTER_OWN_TIMES));
        assert!(!of(3, [PORTABLE_TIME, PORTABLE_TIME], AFTER_OWN_TIMES));
        assert!(!is_yarns(Some(marks(0, 3, None)), &[], AFTER_OWN_TIMES));
    }

    #[test]
    fn lerna_is_told_by_the_header_of_npm_7s_libraries_and_the_repositorys_root() {
        let of = |xfl, os, range: &str| {
            let marks = marks(xfl, os, None);
            let root = format!(r#"{{"devDependencies":{{"lerna":"{range}"}}}}"#);
            let tree = BTreeMap::from([("/package.json".to_owned(), root.into_bytes())]);
            packers(Some(marks), &[], &tree, None)[0]
        };
        assert_eq!(of(0, 255, "^6.0.0"), Packer::Lerna);
        assert_eq!(of(0, 255, "^4.0.0"), Packer::Lerna);
        assert_eq!(of(0, 255, "^3.22.1"), Packer::Npm);
        assert_eq!(of(2, 255, "^6.0.0"), Packer::Npm);
        assert_eq!(of(0, 3, "^6.0.0"), Packer::Npm);
    }

    #[test]
    fn yarn_2_and_later_is_told_by_its_one_time_and_its_lock_file() {
        assert_eq!(first(0, 3, BERRYS_TIME, "/yarn.lock"), Packer::Berry);
        assert_eq!(first(0, 3, BERRYS_TIME + 1, "/yarn.lock"), Packer::Yarn);
        assert_eq!(first(0, 3, BERRYS_TIME, "package-lock.json"), Packer::Npm);
        assert_eq!(first(2, 255, BERRYS_TIME, "yarn.lock"), Packer::Npm);
    }

    #[test]
    fn pnpm_is_told_by_npms_time_and_its_lock_file_under_an_old_header() {
        let of = |xfl, os, lock| first(xfl, os, PORTABLE_TIME, lock);
        assert_eq!(of(0, 3, "pnpm-lock.yaml"), Packer::Pnpm);
        assert_eq!(of(0, 3, "/pnpm-lock.yaml"), Packer::Pnpm);
        assert_eq!(of(2, 3, "pnpm-lock.yaml"), Packer::Npm);
        assert_eq!(of(0, 255, "pnpm-lock.yaml"), Packer::Npm);
        assert_eq!(of(0, 3, "package-lock.json"), Packer::Npm);
        assert_eq!(first(0, 3, 1, "pnpm-lock.yaml"), Packer::Npm);
    }

    #[test]
    fn a_packer_runs_no_script_of_the_package() {
        for packer in [Packer::Npm, Packer::Yarn, Packer::Pnpm] {
            let said = packer
                .arguments(true, "tools/npm", "demo-1.0.0.tgz")
                .join(" ");
            assert!(
                said.contains("ignore-scripts") && said.contains("/out"),
                "{said}"
            );
            if packer != Packer::Yarn {
                let shell = format!("script-shell={WORK_DIR}/{NO_SHELL_FILE}");
                assert!(
                    said.contains(&shell) && said.contains("dry-run=false"),
                    "{said}"
                );
            }
            let plain = packer
                .arguments(false, "tools/npm", "demo-1.0.0.tgz")
                .join(" ");
            assert!(!plain.contains("/out"), "{plain}");
        }
    }

    #[test]
    fn what_a_sources_npmrc_says_of_scripts_and_dry_runs_is_not_heard() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("tempdir");
        let at = |name: &str| dir.path().join(name);
        for folder in ["src", "out", "no-scripts"] {
            std::fs::create_dir(at(folder)).expect("a folder");
        }
        for (name, text) in [
            (
                "src/package.json",
                r#"{"name":"demo","version":"1.0.0","scripts":{"prepare":"touch ran"}}"#,
            ),
            (
                "src/.npmrc",
                "script-shell=/bin/sh\ndry-run=true\nignore-scripts=false\n",
            ),
            ("src/index.js", "1\n"),
            (NO_SHELL_FILE, "#!/bin/true\n"),
        ] {
            std::fs::write(at(name), text).expect("written");
        }
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(at(NO_SHELL_FILE), executable).expect("a mode");
        let here = dir.path().to_str().expect("text");
        let arguments = Packer::Npm.arguments(true, "tools/npm", "demo-1.0.0.tgz");
        let output = std::process::Command::new("npm")
            .args(arguments.iter().map(|word| word.replace(WORK_DIR, here)))
            .env("HOME", dir.path())
            .current_dir(at("src"))
            .output()
            .expect("npm runs");
        assert!(output.status.success(), "{output:?}");
        assert!(at("out/demo-1.0.0.tgz").exists(), "{output:?}");
        assert!(!at("src/ran").exists(), "{output:?}");
    }
}
