//! Plans for pure wheels: the exact build backend that the wheel names, on the
//! simple API as it was when the wheel was uploaded.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::stamps::{Pattern, pattern, zip_time_of};
use super::{Candidate, Error, Facts, zone};
use crate::model::{Limits, Network, Plan, RELAY_PORT, RecoveredFact, Source, Step, WORK_DIR};

/// How long after the upload the mirror still shows new files: publishers upload
/// a build's parts one after another, and clocks differ.
const AFTER_UPLOAD: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn wanted_member(name: &str) -> bool {
    name.split_once('/').is_some_and(|(folder, file)| {
        folder.ends_with(".dist-info") && matches!(file, "WHEEL" | "METADATA")
    })
}

/// A build backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Flit,
    Hatchling,
    Poetry,
    Pdm,
    Setuptools,
    /// `wheel`'s `bdist_wheel` command: setuptools whose version is not recorded.
    BdistWheel,
    UvBuild,
}

impl Backend {
    /// Tells the backend from the tool's name in `Generator`.
    fn of_generator(tool: &str) -> Option<Self> {
        Some(match tool {
            "flit" => Self::Flit,
            "hatchling" => Self::Hatchling,
            "poetry-core" | "poetry" => Self::Poetry,
            "pdm-backend" | "pdm" => Self::Pdm,
            "setuptools" => Self::Setuptools,
            "bdist_wheel" => Self::BdistWheel,
            "uv" => Self::UvBuild,
            _ => return None,
        })
    }

    /// The distribution that the recorded version belongs to.
    const fn distribution(self) -> &'static str {
        match self {
            Self::Flit => "flit-core",
            Self::Hatchling => "hatchling",
            Self::Poetry => "poetry-core",
            Self::Pdm => "pdm-backend",
            Self::Setuptools => "setuptools",
            Self::BdistWheel => "wheel",
            Self::UvBuild => "uv-build",
        }
    }

    /// The time that the backend gives to members when nothing else is set.
    const fn default_time(self) -> Option<i64> {
        match self {
            // 2020-02-02T00:00:00Z
            Self::Hatchling => Some(1_580_601_600),
            // 2016-01-01T00:00:00Z
            Self::Flit | Self::Poetry | Self::Pdm => Some(1_451_606_400),
            Self::Setuptools | Self::BdistWheel | Self::UvBuild => None,
        }
    }

    /// Whether copied members carry their files' modification times.
    const fn copies_times(self) -> bool {
        match self {
            Self::Flit | Self::Pdm | Self::Setuptools | Self::BdistWheel => true,
            Self::Hatchling | Self::Poetry | Self::UvBuild => false,
        }
    }
}

/// The `Generator` line of a `WHEEL` file (binary distribution format, "File
/// contents"): a name and a version, with or without parentheses.
fn generator(facts: &Facts<'_>) -> Result<(String, String), Error> {
    let missing = |what: &str| Error::Incomplete(format!("{}: {what}", facts.artifact.name));
    let wheel = facts
        .members
        .iter()
        .find(|(name, _)| name.ends_with(".dist-info/WHEEL"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes))
        .ok_or_else(|| missing("the wheel has no WHEEL file"))?;
    let line = wheel
        .lines()
        .find_map(|line| line.strip_prefix("Generator:"))
        .ok_or_else(|| missing("the wheel's WHEEL file has no Generator line"))?
        .trim();
    let (tool, version) = line
        .split_once(' ')
        .ok_or_else(|| missing(&format!("the Generator `{line}` names no version")))?;
    let version = version.trim_matches(['(', ')']);
    if version.parse::<pep440_rs::Version>().is_err() {
        return Err(missing(&format!("the Generator `{line}` names no version")));
    }
    Ok((tool.to_owned(), version.to_owned()))
}

#[derive(Default, Deserialize)]
struct PyProject {
    #[serde(rename = "build-system")]
    build_system: Option<BuildSystem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildSystem {
    #[serde(default)]
    requires: Vec<String>,
    /// Where in the source the backend itself is (PEP 517, "In-tree build backends").
    #[serde(default)]
    backend_path: Vec<String>,
}

/// What the source asks to have installed (PEP 518), with its default for a
/// source without the table.
fn declared(facts: &Facts<'_>) -> Result<BuildSystem, Error> {
    let default = || BuildSystem {
        requires: vec!["setuptools".into()],
        backend_path: vec![],
    };
    let Some(bytes) = facts.tree.get("pyproject.toml") else {
        return Ok(default());
    };
    let text = String::from_utf8_lossy(bytes);
    let project: PyProject = toml::from_str(&text).map_err(|error| {
        Error::Incomplete(format!(
            "{}: the source's pyproject.toml does not parse: {}",
            facts.artifact.name,
            error.message()
        ))
    })?;
    Ok(project.build_system.unwrap_or_else(default))
}

/// The name at the start of a requirement (PEP 508), normalized (PEP 503).
fn requirement_name(requirement: &str) -> String {
    requirement
        .trim()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .map(|c| match c {
            '_' | '.' => '-',
            c => c.to_ascii_lowercase(),
        })
        .collect()
}

/// What is installed: the backend that the wheel names in exactly that version, and
/// everything else that the source asks for. A backend that builds itself is in its
/// own source, and in no registry yet.
fn requirements(
    facts: &Facts<'_>,
    declared: &[String],
    backend: Backend,
    version: &str,
) -> Vec<String> {
    let pinned = backend.distribution();
    let mut requirements: Vec<String> = declared
        .iter()
        .filter(|requirement| requirement_name(requirement) != pinned)
        .cloned()
        .collect();
    if !builds_itself(facts, backend, version) {
        requirements.push(format!("{pinned}=={version}"));
    }
    if backend == Backend::BdistWheel
        && !requirements
            .iter()
            .any(|r| requirement_name(r) == "setuptools")
    {
        requirements.push("setuptools".into());
    }
    requirements.extend(old_setuptools(facts, backend).map(str::to_owned));
    requirements
}

/// Whether the release is the backend itself: of this version, or of one that was
/// only ever in its source.
fn builds_itself(facts: &Facts<'_>, backend: Backend, version: &str) -> bool {
    let purl = &facts.release.purl;
    let same_name = requirement_name(purl.name().as_str()) == backend.distribution();
    let same_version = purl.version().is_some_and(|own| own.as_str() == version);
    same_name && (same_version || version.contains('+'))
}

/// What the METADATA of a wheel tells of the setuptools that wrote it: "Platform: UNKNOWN"
/// where nothing else was said, before it was left out; "License-File" for each licence,
/// since it was put in.
fn old_setuptools(facts: &Facts<'_>, backend: Backend) -> Option<&'static str> {
    if backend != Backend::BdistWheel {
        return None;
    }
    let (_, text) = facts
        .members
        .iter()
        .find(|(name, _)| name.ends_with(".dist-info/METADATA"))?;
    let text = String::from_utf8_lossy(text);
    let header = || text.lines().take_while(|line| !line.is_empty());
    if !header().any(|line| line == "Platform: UNKNOWN") {
        return None;
    }
    if header().any(|line| line.starts_with("License-File:")) {
        Some("setuptools<60")
    } else {
        Some("setuptools<56")
    }
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let (tool, version) = generator(facts)?;
    let Some(backend) = Backend::of_generator(&tool) else {
        return Err(Error::Unsupported(format!(
            "{}: remint has no plan for the build backend `{tool}` yet",
            facts.artifact.name
        )));
    };
    let declared = declared(facts)?;
    let requires = requirements(facts, &declared.requires, backend, &version);
    let base = Base {
        facts,
        tool: &tool,
        version: &version,
        requires: &requires,
        // The Generator says which backend ran; another one in the tree did not.
        leaves_own_backend: !declared.backend_path.is_empty()
            && !builds_itself(facts, backend, &version),
    };
    let times: Vec<Time> = times(facts, backend)
        .into_iter()
        .map(|time| since_1980(facts, time))
        .collect();
    let [first, second] = pythons(facts.published());
    Ok(times
        .iter()
        .map(|time| base.candidate(first, time))
        .chain(times.first().map(|time| base.candidate(second, time)))
        .collect())
}

/// A Python that builds run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Python {
    image: &'static str,
    why: &'static str,
}

/// Today's Python.
const CURRENT: Python = Python {
    image: "python",
    why: "a pure wheel seldom depends on the Python that builds it",
};

/// The last Python with distutils and pkgutil.ImpImporter, which the setuptools of
/// its time imports (What's New in Python 3.12, "Removed").
const BEFORE_3_12: Python = Python {
    image: "python-3.11",
    why: "build backends of the time before Python 3.12 need what it took away",
};

/// When Python 3.12.0 came out: 2023-10-02.
const PYTHON_3_12: i64 = 1_696_204_800;

/// The Pythons to build on, the likelier first.
fn pythons(published: Option<Timestamp>) -> [Python; 2] {
    if published.is_some_and(|time| time.as_second() < PYTHON_3_12) {
        [BEFORE_3_12, CURRENT]
    } else {
        [CURRENT, BEFORE_3_12]
    }
}

/// How a candidate gets the members' times right.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Time {
    /// Nothing is set.
    Unset { why: &'static str },
    /// SOURCE_DATE_EPOCH is set.
    Epoch { seconds: i64, why: &'static str },
    /// Every source file has this modification time.
    Checkout { seconds: i64, why: &'static str },
}

fn times(facts: &Facts<'_>, backend: Backend) -> Vec<Time> {
    let commit_time = match facts.source {
        Source::Git { git, .. } => Some(git.commit_time),
        Source::Sdist { .. } => None,
    };
    let epoch = |stamp| match commit_time {
        Some(time) if zip_time_of(time, stamp) => Time::Epoch {
            seconds: time,
            why: "every member has the commit's time",
        },
        _ => Time::Epoch {
            seconds: stamp,
            why: "every member has this time",
        },
    };
    let unset = |why| Time::Unset { why };
    match pattern(facts.stamps, backend.default_time()) {
        Pattern::One(stamp) if Some(stamp) == backend.default_time() => {
            vec![unset("every member has the backend's own default time")]
        }
        Pattern::One(stamp) => vec![epoch(stamp), unset("the times may come with the source")],
        Pattern::CopiedAndDefault { copied } if backend.copies_times() => {
            let touched = Time::Checkout {
                seconds: copied,
                why: "copied members have one time, which was the publisher's checkout time",
            };
            match facts.source {
                Source::Git { .. } => vec![touched],
                Source::Sdist { .. } => vec![
                    unset("copied members have the times of the source distribution"),
                    touched,
                ],
            }
        }
        Pattern::CopiedAndDefault { .. } | Pattern::Mixed | Pattern::Empty => {
            vec![unset("the members have several times")]
        }
    }
}

/// A source whose files are older than a zip can say (APPNOTE 6.3.10, section 4.4.6) is
/// given a time that the wheel has.
fn since_1980(facts: &Facts<'_>, time: Time) -> Time {
    /// 1980-01-01T00:00:00Z, and a day for zones.
    const FIRST: i64 = 315_532_800 + 86_400;
    let too_old = facts.source_stamps.iter().any(|stamp| stamp.mtime < FIRST);
    match (time, facts.stamps.iter().map(|stamp| stamp.mtime).max()) {
        (Time::Unset { .. }, Some(seconds)) if too_old => Time::Checkout {
            seconds,
            why: "the source distribution's times are from before 1980, which a zip cannot say",
        },
        (time, _) => time,
    }
}

struct Base<'a> {
    facts: &'a Facts<'a>,
    tool: &'a str,
    version: &'a str,
    requires: &'a [String],
    /// The source has a backend of its own, which was not the one that ran.
    leaves_own_backend: bool,
}

impl Base<'_> {
    fn candidate(&self, on: Python, time: &Time) -> Candidate {
        let facts = self.facts;
        let python = format!("{WORK_DIR}/venv/bin/python");
        let pip = |args: &[&str]| -> Vec<String> {
            ["python3", "-m", "pip", "--python", &python]
                .iter()
                .chain(args)
                .map(|arg| (*arg).to_owned())
                .collect()
        };
        let step = |run: Vec<String>| Step {
            run,
            cwd: "src".into(),
        };
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut reasons = BTreeMap::from([
            ("plan.image".to_owned(), on.why.to_owned()),
            (
                "plan.cutoff".to_owned(),
                "an hour after the upload".to_owned(),
            ),
            (
                "plan.build_network".to_owned(),
                "the backend is installed beforehand; building needs no network".to_owned(),
            ),
            (
                "plan.output".to_owned(),
                "where pip writes the wheel".to_owned(),
            ),
            (
                "plan.prepare".to_owned(),
                format!(
                    "the wheel's Generator is {} {}; the rest is what the source declares in build-system.requires",
                    self.tool, self.version
                ),
            ),
        ]);
        let mut env = BTreeMap::from([
            (
                "PIP_INDEX_URL".to_owned(),
                format!("http://127.0.0.1:{RELAY_PORT}/pypi/simple/"),
            ),
            ("PIP_DISABLE_PIP_VERSION_CHECK".to_owned(), "1".to_owned()),
            ("PIP_NO_CACHE_DIR".to_owned(), "1".to_owned()),
            ("PIP_NO_INPUT".to_owned(), "1".to_owned()),
        ]);
        let mut recovered = vec![RecoveredFact::Generator {
            name: self.tool.to_owned(),
            version: self.version.to_owned(),
        }];
        let mut build = Vec::new();
        match *time {
            Time::Unset { why } => {
                reasons.insert("plan.build".into(), why.into());
            }
            Time::Epoch { seconds, why } => {
                env.insert("SOURCE_DATE_EPOCH".into(), seconds.to_string());
                recovered.push(RecoveredFact::SourceDateEpoch { seconds });
                reasons.insert("plan.env.SOURCE_DATE_EPOCH".into(), why.into());
            }
            Time::Checkout { seconds, why } => {
                build.push(step(words(&format!(
                    "find . -exec touch --no-dereference --date=@{seconds} {{}} +"
                ))));
                recovered.push(RecoveredFact::CheckoutTime { seconds });
                reasons.insert("plan.build".into(), why.into());
            }
        }
        if let Some(posix) = zone::of(facts.stamps, facts.source_stamps) {
            env.insert("TZ".into(), posix.into());
            recovered.push(RecoveredFact::TimeZone {
                posix: posix.into(),
            });
            reasons.insert(
                "plan.env.TZ".into(),
                "the wheel has its members' times in this zone, the source distribution has the instants".into(),
            );
        }
        let mut files = BTreeMap::new();
        if is_universal(facts) {
            // The one file that every release of setuptools reads beside the source's own.
            files.insert(
                "home/.pydistutils.cfg".to_owned(),
                "[bdist_wheel]\nuniversal = 1\n".to_owned(),
            );
            reasons.insert(
                "plan.files".into(),
                "the wheel's name says py2.py3, which the publisher asked bdist_wheel for".into(),
            );
        }
        if self.leaves_own_backend {
            build.push(Step {
                run: words("sed -i /^backend-path/d pyproject.toml"),
                cwd: facts.package_dir(),
            });
        }
        let wheel = pip(&[
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--wheel-dir",
            "/build/out",
            ".",
        ]);
        let wheel = match zone::umask(facts.stamps) {
            None => wheel,
            Some(mask) => {
                recovered.push(RecoveredFact::Umask { mask });
                let with_umask = format!("umask {mask:04o} && exec \"$@\"");
                ["sh", "-c", &with_umask, "sh"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(wheel)
                    .collect()
            }
        };
        build.push(Step {
            run: wheel,
            cwd: facts.package_dir(),
        });
        let mut prepare = vec![step(words("python3 -m venv --without-pip /build/venv"))];
        // A backend that builds itself may need nothing else.
        if !self.requires.is_empty() {
            let install: Vec<&str> = ["install"]
                .into_iter()
                .chain(self.requires.iter().map(String::as_str))
                .collect();
            prepare.push(step(pip(&install)));
        }
        Candidate {
            plan: Plan {
                image: on.image.into(),
                cutoff: facts.published().and_then(after_upload),
                build_network: Network::None,
                output: format!("out/{}", facts.artifact.name),
                prepare,
                build,
                env,
                files,
                inputs: vec![],
                recovered,
                crlf: None,
                limits: Limits::default(),
            },
            reasons,
        }
    }
}

/// Whether the wheel is for Python 2 as well, which setuptools has to be told.
fn is_universal(facts: &Facts<'_>) -> bool {
    let said = |name: &str| {
        facts
            .tree
            .get(name)
            .is_some_and(|text| String::from_utf8_lossy(text).contains("universal"))
    };
    facts.artifact.name.ends_with("-py2.py3-none-any.whl") && !said("setup.cfg")
}

fn after_upload(uploaded: Timestamp) -> Option<Timestamp> {
    uploaded.checked_add(AFTER_UPLOAD).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Situation;
    use super::*;

    /// Each way of setting times is tried on one Python, the first on the other too.
    const PYTHONS: usize = 2;
    const FLIT_DEFAULT: i64 = 1_451_606_400;

    fn situation(generator: &str) -> Situation {
        let mut situation = Situation::pypi();
        situation.member(
            "demo-1.0.dist-info/WHEEL",
            &format!("Wheel-Version: 1.0\nGenerator: {generator}\nTag: py3-none-any\n"),
        );
        situation.tree_file(
            "pyproject.toml",
            "[build-system]\nrequires = [\"flit_core >=3.2,<4\", \"Extra.Thing\"]\n",
        );
        situation.stamp_all(&[FLIT_DEFAULT]);
        situation
    }

    #[test]
    fn the_generator_pins_its_backend_and_the_rest_stays_as_declared() {
        let found = situation("flit 3.12.0").candidates().expect("plans");
        let install = &found[0].plan.prepare[1].run;
        assert!(
            install.contains(&"flit-core==3.12.0".to_owned()),
            "{install:?}"
        );
        assert!(install.contains(&"Extra.Thing".to_owned()), "{install:?}");
        assert!(
            !install.iter().any(|word| word.contains("<4")),
            "{install:?}"
        );
    }

    #[test]
    fn a_wheel_from_before_python_3_12_is_built_on_the_python_of_its_time_first() {
        let at = |second| Timestamp::from_second(second).ok();
        assert_eq!(pythons(at(PYTHON_3_12 - 1)), [BEFORE_3_12, CURRENT]);
        assert_eq!(pythons(at(PYTHON_3_12)), [CURRENT, BEFORE_3_12]);
        assert_eq!(pythons(None), [CURRENT, BEFORE_3_12]);
    }

    #[test]
    fn a_source_from_before_1980_is_given_a_time_that_a_zip_can_say() {
        let mut situation = situation("flit 3.12.0");
        let touches = |situation: &Situation| {
            let plan = situation.candidates().expect("plans")[0].plan.clone();
            plan.build[0].run[0] == "find"
        };
        assert!(!touches(&situation));
        situation.source_stamps = situation.stamps.clone();
        situation.source_stamps[0].mtime = 315_619_200;
        assert!(!touches(&situation));
        situation.source_stamps[0].mtime -= 1;
        assert!(touches(&situation));
    }

    #[test]
    fn metadata_tells_an_old_setuptools() {
        let with = |generator: &str, metadata: &str| {
            let mut situation = situation(generator);
            situation.member("demo-1.0.dist-info/METADATA", metadata);
            situation.candidates().expect("plans")[0].plan.prepare[1]
                .run
                .clone()
        };
        let asks = |run: Vec<String>, what: &str| run.iter().any(|word| word == what);
        let unknown = "Name: demo\nPlatform: UNKNOWN\n";
        assert!(asks(with("bdist_wheel (0.37.0)", unknown), "setuptools<56"));
        let licensed = "Platform: UNKNOWN\nLicense-File: LICENSE\n";
        assert!(asks(
            with("bdist_wheel (0.37.0)", licensed),
            "setuptools<60"
        ));
        let body = "Name: demo\n\nPlatform: UNKNOWN\n";
        assert!(!asks(with("bdist_wheel (0.37.0)", body), "setuptools<56"));
        assert!(!asks(with("setuptools (80.0.0)", unknown), "setuptools<56"));
    }

    #[test]
    fn a_backend_that_builds_itself_is_taken_from_its_source() {
        let mut situation = situation("hatchling 1.0");
        situation.release.purl = "pkg:pypi/hatchling@1.0".parse().expect("valid");
        situation.tree_file(
            "pyproject.toml",
            "[build-system]\nrequires = []\nbackend-path = [\"src\"]\n",
        );
        let plan = &situation.candidates().expect("plans")[0].plan;
        assert_eq!(plan.prepare.len(), 1);
        assert_eq!(plan.build.len(), 1);
        // Another release of it did run, so the one in the tree is left out.
        situation.release.purl = "pkg:pypi/hatchling@1.1".parse().expect("valid");
        let plan = &situation.candidates().expect("plans")[0].plan;
        assert!(plan.prepare[1].run.contains(&"hatchling==1.0".to_owned()));
        assert_eq!(plan.build[0].run[0], "sed");
    }

    #[test]
    fn both_spellings_of_a_generator_are_read() {
        for (line, pin) in [
            ("bdist_wheel (0.43.0)", "wheel==0.43.0"),
            ("setuptools (80.9.0)", "setuptools==80.9.0"),
            ("hatchling 1.29.0", "hatchling==1.29.0"),
        ] {
            let found = situation(line).candidates().expect(line);
            assert!(
                found[0].plan.prepare[1].run.contains(&pin.to_owned()),
                "{line}"
            );
        }
    }

    #[test]
    fn a_forged_generator_cannot_name_anything_but_a_known_backend_and_a_version() {
        let unknown = situation("evil-backend 1.0")
            .candidates()
            .expect_err("unknown");
        assert!(matches!(unknown, Error::Unsupported(_)), "{unknown}");
        let injected = situation("flit 1.0 --index-url=http://127.0.0.1")
            .candidates()
            .expect_err("no version");
        assert!(matches!(injected, Error::Incomplete(_)), "{injected}");
    }

    #[test]
    fn the_epoch_is_the_commit_time_only_within_a_zip_times_two_seconds() {
        for (stamp, expected) in [
            (1_700_000_000, 1_700_000_001),
            (1_700_000_002, 1_700_000_002),
        ] {
            let mut situation = situation("flit 3.12.0");
            situation.commit_time(1_700_000_001);
            situation.stamp_all(&[stamp]);
            let found = situation.candidates().expect("plans");
            assert_eq!(
                found[0].plan.env["SOURCE_DATE_EPOCH"],
                expected.to_string(),
                "stamp {stamp}"
            );
        }
    }

    #[test]
    fn the_backends_own_time_leaves_the_epoch_unset() {
        let found = situation("flit 3.12.0").candidates().expect("plans");
        assert_eq!(found.len(), PYTHONS);
        assert!(!found[0].plan.env.contains_key("SOURCE_DATE_EPOCH"));
    }

    #[test]
    fn one_copied_time_becomes_the_checkouts_time() {
        let mut situation = situation("flit 3.12.0");
        situation.stamp_all(&[FLIT_DEFAULT, 1_700_000_000]);
        let plan = &situation.candidates().expect("plans")[0].plan;
        assert!(plan.recovered.contains(&RecoveredFact::CheckoutTime {
            seconds: 1_700_000_000
        }));
        assert!(plan.build[0].run.contains(&"--date=@1700000000".to_owned()));
    }

    #[test]
    fn the_index_is_shown_as_of_an_hour_after_the_upload() {
        let situation = situation("flit 3.12.0");
        let plan = &situation.candidates().expect("plans")[0].plan;
        assert_eq!(
            plan.cutoff,
            Some("2026-01-01T01:00:00Z".parse().expect("valid"))
        );
    }

    #[test]
    fn a_wheel_without_a_generator_is_said_to_lack_it() {
        let mut situation = situation("flit 3.12.0");
        situation.member("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n");
        let error = situation
            .candidates()
            .expect_err("no generator")
            .to_string();
        assert!(error.contains("Generator"), "{error}");
    }
}
