//! The commands that build a wheel or a source distribution: a virtual environment with
//! what was pinned, then pip or the backend's own hook, without network. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::checkout::Checkout;
use super::super::{Candidate, Facts};
use super::asked::{self, Hooks};
use super::python::Python;
use super::time::Time;
use super::{debian, listing, naming, windows, zone};
use crate::model::{
    DatedBy, Limits, Network, PackingSystem, Plan, RELAY_PORT, RecoveredFact, Source, Step,
    WORK_DIR,
};

/// How long after the upload the mirror still shows new files: publishers upload
/// a build's parts one after another, and clocks differ.
const AFTER_UPLOAD: SignedDuration = SignedDuration::from_hours(1);

/// Stands the clock of Python still, for the build steps alone.
const CLOCK: &str = include_str!("clock.py");

/// What Python reads at its start, in a folder that the build steps alone know of.
const HOOKS: &str = "hooks";
const HOOKS_FILE: &str = "hooks/sitecustomize.py";
const CLOCK_START: &str = "hooks/start";

/// Calls the hook that builds a source distribution, which pip has no command for.
const FRONT_END: &str = include_str!("build_sdist.py");
const FRONT_END_FILE: &str = "front/build_sdist.py";
const ASKING_FILE: &str = "front/ask.py";

/// What is built.
#[derive(Clone, Copy)]
pub(super) enum Product<'a> {
    /// A wheel.
    Wheel,
    /// A source distribution, by the hook of this object.
    Sdist(Hooks<'a>),
    /// A source distribution, by flit's own command.
    SdistByFlit,
}

#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) product: Product<'a>,
    /// What the artifacts tell of the backend.
    pub(super) told: Option<&'a RecoveredFact>,
    /// Why this backend in this version.
    pub(super) why: &'a str,
    pub(super) requires: &'a [String],
    /// Whose hook is asked what else it needs.
    pub(super) asks: Option<Hooks<'a>>,
    /// The source has a backend of its own, which was not the one that ran.
    pub(super) leaves_own_backend: bool,
    /// The wheel's files as the publisher's file system listed them, where that is replayed
    /// to the build.
    pub(super) listing: Option<&'a str>,
    /// Whether setuptools is as Debian has it.
    pub(super) is_debians: bool,
}

impl Base<'_> {
    pub(super) fn candidate(&self, on: Python, time: &Time) -> Candidate {
        let facts = self.facts;
        let python = format!("{WORK_DIR}/venv/bin/python");
        let pip = |args: &[&str]| -> Vec<String> {
            ["python3", "-m", "pip", "--python", &python]
                .iter()
                .chain(args)
                .map(|arg| (*arg).to_owned())
                .collect()
        };
        let step = |run: Vec<String>| Step::new(run, "src".into());
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
                match self.product {
                    Product::Wheel => "where pip writes the wheel",
                    Product::Sdist(_) => "where the backend writes the source distribution",
                    Product::SdistByFlit => "where flit writes the source distribution",
                }
                .to_owned(),
            ),
            (
                "plan.prepare".to_owned(),
                format!(
                    "{}; the rest is what the source declares in build-system.requires",
                    self.why
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
            // Programs that are installed with a backend are found, and hide none of the system.
            (
                "PATH".to_owned(),
                format!("/usr/local/bin:/usr/bin:/bin:{WORK_DIR}/venv/bin"),
            ),
        ]);
        let mut recovered: Vec<RecoveredFact> = self.told.cloned().into_iter().collect();
        let is_from_windows = windows::packed_there(facts);
        // What a source distribution has of modes is that of the checkout.
        let modes_tell = match self.product {
            Product::Wheel => is_from_windows,
            Product::Sdist(_) | Product::SdistByFlit => true,
        };
        let checkout = Checkout::of(facts, modes_tell, &mut recovered, &mut reasons);
        let mut build = Vec::new();
        let mut files = BTreeMap::new();
        let mut hooks: Vec<&str> = Vec::new();
        let mut about_files = Vec::new();
        if is_from_windows {
            recovered.push(RecoveredFact::System {
                system: PackingSystem::Windows,
            });
            hooks.push(windows::HOOK);
            about_files.push("the wheel says that it was packed on Windows");
        }
        if let Some(order) = self.listing {
            files.insert(listing::FILE.to_owned(), order.to_owned());
            hooks.push(listing::HOOK);
            recovered.push(RecoveredFact::ListingOrder {
                files: order.lines().count(),
            });
            about_files
                .push("files of one folder are not sorted in RECORD, as a file system lists them");
        }
        if let Some(version) = naming::python(facts) {
            env.insert(naming::VARIABLE.to_owned(), version.clone());
            hooks.push(naming::HOOK);
            recovered.push(RecoveredFact::NamedPython { version });
            about_files.push("a file of the wheel has the publisher's Python in its name");
        }
        if self.is_debians {
            hooks.push(debian::HOOK);
            recovered.push(RecoveredFact::DebianSetuptools);
            about_files.push("Debian's setuptools writes requirements sorted");
        }
        let posix = zone::of(facts.stamps, facts.source_stamps);
        let touch = |seconds: i64| {
            step(words(&format!(
                "find . -exec touch --no-dereference --date=@{seconds} {{}} +"
            )))
        };
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
                build.push(touch(seconds));
                recovered.push(RecoveredFact::CheckoutTime { seconds });
                reasons.insert("plan.build".into(), why.into());
            }
            Time::Clock {
                clock,
                checkout,
                why,
            } => {
                if let Some(seconds) = checkout.map(|time| zone::instant(posix, time)) {
                    build.push(touch(seconds));
                    recovered.push(RecoveredFact::CheckoutTime { seconds });
                }
                let instant = |time| zone::instant(posix, time);
                let seconds = instant(clock.seconds);
                let (began, ended) = (clock.began.map(instant), clock.ended.map(instant));
                build.push(step(words(&format!("touch {WORK_DIR}/{CLOCK_START}"))));
                hooks.push(CLOCK);
                for (name, time) in [
                    ("BUILD_CLOCK", Some(seconds)),
                    ("BUILD_CLOCK_BEGAN", began),
                    ("BUILD_CLOCK_ENDED", ended),
                ] {
                    env.extend(time.map(|time| (name.to_owned(), time.to_string())));
                }
                recovered.push(RecoveredFact::BuildClock {
                    seconds,
                    began,
                    ended,
                });
                reasons.insert("plan.build".into(), why.into());
            }
        }
        if let Some(posix) = posix {
            env.insert("TZ".into(), posix.into());
            recovered.push(RecoveredFact::TimeZone {
                posix: posix.into(),
            });
            reasons.insert(
                "plan.env.TZ".into(),
                "the wheel has its members' times in this zone, the source distribution has the instants".into(),
            );
        }
        if let Some(asked) = asked_of_bdist_wheel(facts) {
            // The one file that every release of setuptools reads beside the source's own.
            files.insert(
                "home/.pydistutils.cfg".to_owned(),
                format!("[bdist_wheel]\n{asked}\n"),
            );
            about_files.push("the wheel's name has a Python tag that bdist_wheel is asked for");
        }
        if !about_files.is_empty() {
            reasons.insert("plan.files".into(), about_files.join("\n"));
        }
        if self.leaves_own_backend {
            build.push(Step::new(
                words("sed -i /^backend-path/d pyproject.toml"),
                facts.package_dir(),
            ));
        }
        let packed = match self.product {
            Product::Wheel => pip(&[
                "wheel",
                "--no-deps",
                "--no-build-isolation",
                "--no-index",
                "--wheel-dir",
                "/build/out",
                ".",
            ]),
            Product::SdistByFlit => [python.as_str(), "-m", "flit", "build", "--format", "sdist"]
                .map(str::to_owned)
                .to_vec(),
            Product::Sdist(hooks) => {
                files.insert(FRONT_END_FILE.to_owned(), FRONT_END.to_owned());
                let script = format!("{WORK_DIR}/{FRONT_END_FILE}");
                let out = format!("{WORK_DIR}/out");
                [&python, &script, &out, hooks.backend]
                    .map(ToString::to_string)
                    .into_iter()
                    .chain(hooks.path.iter().cloned())
                    .collect()
            }
        };
        let packed = match zone::umask(facts.stamps) {
            None => packed,
            Some((mask, chmod)) => {
                recovered.push(RecoveredFact::Umask { mask });
                // The publisher's checkout was made with it too.
                if let Source::Git { .. } = facts.source {
                    build.push(step(words(&format!("chmod -R {chmod} ."))));
                }
                let with_umask = format!("umask {mask:04o} && exec \"$@\"");
                ["sh", "-c", &with_umask, "sh"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(packed)
                    .collect()
            }
        };
        let packed = if hooks.is_empty() {
            packed
        } else {
            files.insert(HOOKS_FILE.to_owned(), hooks.join("\n\n"));
            ["env".to_owned(), format!("PYTHONPATH={WORK_DIR}/{HOOKS}")]
                .into_iter()
                .chain(packed)
                .collect()
        };
        build.push(Step::new(packed, facts.package_dir()));
        let mut prepare = vec![step(words("python3 -m venv --without-pip /build/venv"))];
        // A backend that builds itself may need nothing else.
        if !self.requires.is_empty() {
            let install: Vec<&str> = ["install"]
                .into_iter()
                .chain(self.requires.iter().map(String::as_str))
                .collect();
            prepare.push(step(pip(&install)));
        }
        if let Some(hooks) = self.asks {
            files.insert(ASKING_FILE.to_owned(), asked::PROGRAM.to_owned());
            prepare.push(self.ask(hooks, &python));
        }
        Candidate {
            plan: Plan {
                image: on.image.into(),
                cutoff: facts.published().and_then(after_upload),
                dated_by: DatedBy::Registry,
                build_network: Network::None,
                output: match self.product {
                    Product::Wheel | Product::Sdist(_) => {
                        format!("out/{}", facts.artifact.name)
                    }
                    // The command has no option for it.
                    Product::SdistByFlit => {
                        format!("{}/dist/{}", facts.package_dir(), facts.artifact.name)
                    }
                },
                prepare,
                build,
                env,
                files,
                inputs: vec![],
                recovered,
                crlf: checkout.crlf,
                plain_modes: checkout.plain_modes,
                limits: Limits::default(),
            },
            reasons,
        }
    }
}

impl Base<'_> {
    /// Asks the backend what else it needs. Where it cannot answer, the build is tried with what
    /// there is.
    fn ask(&self, hooks: Hooks<'_>, python: &str) -> Step {
        let hook = match self.product {
            Product::Wheel => "get_requires_for_build_wheel",
            Product::Sdist(_) | Product::SdistByFlit => "get_requires_for_build_sdist",
        };
        let program = format!("{WORK_DIR}/{ASKING_FILE}");
        let source = format!("{WORK_DIR}/src");
        let run = ["python3", &program, python, &source, hook, hooks.backend]
            .map(str::to_owned)
            .into_iter()
            .chain(hooks.path.iter().cloned())
            .chain(["--".to_owned()])
            .chain(self.requires.iter().cloned())
            .collect();
        Step {
            may_fail: true,
            ..Step::new(run, self.facts.package_dir())
        }
    }
}

/// What setuptools has to be told for the Python tag in the wheel's name, where it is not the
/// one that it takes by itself and the source says nothing of it (wheel, "bdist_wheel"
/// options `universal` and `python-tag`).
fn asked_of_bdist_wheel(facts: &Facts<'_>) -> Option<String> {
    let tag = facts.artifact.name.strip_suffix("-none-any.whl")?;
    let (_, tag) = tag.rsplit_once('-')?;
    let settings = facts.tree.get("setup.cfg").map_or(&[][..], Vec::as_slice);
    let is_set = |option| String::from_utf8_lossy(settings).contains(option);
    match tag {
        "py3" => None,
        "py2.py3" => (!is_set("universal")).then(|| "universal = 1".to_owned()),
        _ => is_one_python(tag).then(|| format!("python-tag = {tag}")),
    }
}

/// Whether a tag is that of one Python (binary distribution format, "Platform compatibility
/// tags"): `py2`, `py37`.
fn is_one_python(tag: &str) -> bool {
    tag.strip_prefix("py").is_some_and(|number| {
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn after_upload(uploaded: Timestamp) -> Option<Timestamp> {
    uploaded.checked_add(AFTER_UPLOAD).ok()
}
