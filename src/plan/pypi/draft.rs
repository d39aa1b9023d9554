//! A plan under way: what each recovered input adds to its environment, files and steps. Pure.

use std::collections::BTreeMap;

use super::environment::Variables;
use super::time::{Clock, Time};
use super::zone;
use crate::model::{RELAY_PORT, RecoveredFact, Step, WORK_DIR};

/// Where the source is, below the working directory.
pub(super) const SOURCE: &str = "src";

/// Stands the clock of Python still, for the build steps alone.
const CLOCK: &str = include_str!("clock.py");

/// What Python reads at its start, in a folder that the build steps alone know of.
const HOOKS: &str = "hooks";
const HOOKS_FILE: &str = "hooks/sitecustomize.py";
const CLOCK_START: &str = "hooks/start";

/// The one file that every release of setuptools reads beside the source's own.
const DISTUTILS_FILE: &str = "home/.pydistutils.cfg";

pub(super) struct Draft {
    pub(super) env: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, String>,
    pub(super) build: Vec<Step>,
    pub(super) recovered: Vec<RecoveredFact>,
    pub(super) reasons: BTreeMap<String, String>,
    hooks: Vec<&'static str>,
    about_files: Vec<&'static str>,
}

impl Draft {
    /// Nothing but what every plan has, and what the artifacts tell of the backend.
    pub(super) fn new(told: Option<&RecoveredFact>) -> Self {
        let index = format!("http://127.0.0.1:{RELAY_PORT}/pypi/simple/");
        // Programs that are installed with a backend are found, and hide none of the system.
        let path = format!("/usr/local/bin:/usr/bin:/bin:{WORK_DIR}/venv/bin");
        let env = [
            ("PIP_INDEX_URL", index.as_str()),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
            ("PIP_NO_CACHE_DIR", "1"),
            ("PIP_NO_INPUT", "1"),
            // A setup.py that imports its own package, and lists all files of it as data, would
            // pack the bytecode of the Python that it runs on.
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PATH", &path),
        ];
        Self {
            env: env
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            files: BTreeMap::new(),
            build: Vec::new(),
            recovered: told.cloned().into_iter().collect(),
            reasons: BTreeMap::new(),
            hooks: Vec::new(),
            about_files: Vec::new(),
        }
    }

    /// A step of the build, in the source's folder.
    pub(super) fn step(&mut self, command: &str) {
        let step = Step::new(words(command), SOURCE.into());
        self.build.push(step);
    }

    /// What Python reads at its start for this fact.
    pub(super) fn hook(&mut self, hook: &'static str, fact: RecoveredFact, why: &'static str) {
        self.hooks.push(hook);
        self.recovered.push(fact);
        self.about_files.push(why);
    }

    /// The command that packs, told what `setup.py` asks of the publisher's environment: it
    /// alone, since with what the source chose nothing is installed.
    pub(super) fn told(&mut self, packs: Vec<String>, variables: &Variables) -> Vec<String> {
        let reason = self.reasons.entry("plan.build".into()).or_default();
        if !reason.is_empty() {
            reason.push('\n');
        }
        reason
            .push_str("setup.py asks the environment, as what it does without may be done already");
        let set = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        std::iter::once("env".to_owned())
            .chain(set)
            .chain(packs)
            .collect()
    }

    /// Options of setuptools' `bdist_wheel`.
    pub(super) fn distutils(&mut self, options: &str) {
        let text = format!("[bdist_wheel]\n{options}\n");
        self.files.insert(DISTUTILS_FILE.to_owned(), text);
        self.about_files
            .push("the wheel's name has a Python tag that bdist_wheel is asked for");
    }

    /// How members come to their times.
    pub(super) fn time(&mut self, time: &Time, posix: Option<&str>) {
        let (part, why) = match *time {
            Time::Unset { why } => ("plan.build", why),
            Time::Epoch { seconds, why } => {
                let name = "SOURCE_DATE_EPOCH".to_owned();
                self.env.insert(name, seconds.to_string());
                self.recovered
                    .push(RecoveredFact::SourceDateEpoch { seconds });
                ("plan.env.SOURCE_DATE_EPOCH", why)
            }
            Time::Checkout { seconds, why } => {
                self.checkout_time(seconds);
                ("plan.build", why)
            }
            Time::Clock {
                clock,
                checkout,
                why,
            } => {
                if let Some(time) = checkout {
                    self.checkout_time(zone::instant(posix, time));
                }
                self.clock(clock, posix);
                ("plan.build", why)
            }
        };
        self.reasons.insert(part.into(), why.into());
    }

    fn checkout_time(&mut self, seconds: i64) {
        self.step(&format!(
            "find . -exec touch --no-dereference --date=@{seconds} {{}} +"
        ));
        self.recovered.push(RecoveredFact::CheckoutTime { seconds });
    }

    fn clock(&mut self, clock: Clock, posix: Option<&str>) {
        let instant = |time| zone::instant(posix, time);
        let seconds = instant(clock.seconds);
        let [began, ended, wrote] =
            [clock.began, clock.ended, clock.wrote].map(|time| time.map(instant));
        self.step(&format!("touch {WORK_DIR}/{CLOCK_START}"));
        self.hooks.push(CLOCK);
        for (name, time) in [
            ("BUILD_CLOCK", Some(seconds)),
            ("BUILD_CLOCK_BEGAN", began),
            ("BUILD_CLOCK_ENDED", ended),
            ("BUILD_CLOCK_WROTE", wrote),
        ] {
            self.env
                .extend(time.map(|time| (name.to_owned(), time.to_string())));
        }
        self.recovered.push(RecoveredFact::BuildClock {
            seconds,
            began,
            ended,
            wrote,
        });
    }

    /// The zone of the publisher's clock.
    pub(super) fn zone(&mut self, posix: &str) {
        self.env.insert("TZ".into(), posix.into());
        self.recovered.push(RecoveredFact::TimeZone {
            posix: posix.into(),
        });
        self.reasons.insert(
            "plan.env.TZ".into(),
            "the wheel has its members' times in this zone, the source distribution has the instants".into(),
        );
    }

    /// A command that reads the hooks, where there are any. The last that needs any of them.
    pub(super) fn hooked(&mut self, command: Vec<String>) -> Vec<String> {
        if !self.about_files.is_empty() {
            let why = self.about_files.join("\n");
            self.reasons.insert("plan.files".into(), why);
        }
        if self.hooks.is_empty() {
            return command;
        }
        self.files
            .insert(HOOKS_FILE.to_owned(), self.hooks.join("\n\n"));
        ["env".to_owned(), format!("PYTHONPATH={WORK_DIR}/{HOOKS}")]
            .into_iter()
            .chain(command)
            .collect()
    }
}

/// A command without quotes, in words.
pub(super) fn words(command: &str) -> Vec<String> {
    command.split(' ').map(str::to_owned).collect()
}
