//! The commands that build a wheel or a source distribution: a virtual environment with
//! what was pinned, then pip or the backend's own hook, without network. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::checkout::Checkout;
use super::super::listing::Listing;
use super::super::{Candidate, Facts};
use super::asked::{self, Hooks};
use super::draft::{Draft, SOURCE, words};
use super::environment::Variables;
use super::listing;
use super::python::Python;
use super::requirements::{POETRY_CORES, POETRYS, source_text};
use super::time::Time;
use super::{debian, front, naming, permissions, poetry, windows, zone};
use crate::model::{
    DatedBy, Limits, Network, PackingSystem, Plan, RecoveredFact, Source, Step, WORK_DIR, Yanked,
};

/// How long after the upload the mirror still shows new files: publishers upload
/// a build's parts one after another, and clocks differ.
const AFTER_UPLOAD: SignedDuration = SignedDuration::from_hours(1);

/// Calls the hook that builds, for a source distribution, which pip has no command for, or as
/// another front end than pip does.
const FRONT_END: &str = include_str!("build.py");
const FRONT_END_FILE: &str = "front/build.py";
const ASKING_FILE: &str = "front/ask.py";
const LOCKING_FILE: &str = "front/locked.py";

/// What is built.
#[derive(Clone, Copy)]
pub(super) enum Product<'a> {
    /// A wheel, by pip.
    Wheel,
    /// A wheel, by the hook of this object alone.
    WheelByHook(Hooks<'a>),
    /// A wheel, by poetry's own command.
    WheelByPoetry,
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
    /// The source names poetry's object, and poetry-core's is called.
    pub(super) calls_poetry_core: bool,
    /// The wheel's files as the publisher's file system listed them, where that is replayed
    /// to the build.
    pub(super) listing: Option<&'a Listing>,
    /// Whether setuptools is as Debian has it.
    pub(super) is_debians: bool,
    /// What `setup.py` is told where it asks the environment.
    pub(super) environment: Option<&'a Variables>,
}

impl Base<'_> {
    pub(super) fn candidate(&self, on: Python, time: &Time) -> Candidate {
        let facts = self.facts;
        let mut draft = Draft::new(self.told);
        // What a source distribution has of modes is that of the checkout.
        let modes_tell = match self.product {
            Product::Wheel | Product::WheelByHook(_) | Product::WheelByPoetry => {
                windows::packed_there(facts)
            }
            Product::Sdist(_) | Product::SdistByFlit => true,
        };
        let (recovered, reasons) = (&mut draft.recovered, &mut draft.reasons);
        let checkout = Checkout::of(facts, modes_tell, recovered, reasons);
        self.unpack(&mut draft);
        self.publishers_output_folder(&mut draft);
        self.publishers_system(&mut draft);
        let posix = zone::of(facts.stamps, facts.source_stamps);
        draft.time(time, posix);
        if let Some(posix) = posix {
            draft.zone(posix);
        }
        if let Some(asked) = asked_of_bdist_wheel(facts) {
            draft.distutils(&asked);
        }
        if self.leaves_own_backend {
            let run = words("sed -i /^backend-path/d pyproject.toml");
            draft.build.push(Step::new(run, facts.package_dir()));
        }
        if let (true, Product::Wheel) = (self.calls_poetry_core, self.product) {
            let rename = format!("s/{POETRYS}/{POETRY_CORES}/");
            let run = ["sed", "-i", &rename, "pyproject.toml"].map(str::to_owned);
            let run = Step::new(run.to_vec(), facts.package_dir());
            draft.build.push(run);
        }
        let packs = self.packs(&mut draft);
        let packs = self.with_umask(packs, &mut draft);
        let packs = draft.hooked(packs);
        let packs = match self.environment {
            Some(variables) => draft.told(packs, variables),
            None => packs,
        };
        draft.build.push(Step::new(packs, facts.package_dir()));
        let prepare = self.prepare(&mut draft);
        draft.reasons.extend(self.reasons(on));
        Candidate {
            plan: Plan {
                image: on.image.into(),
                cutoff: facts.published().and_then(after_upload),
                dated_by: DatedBy::Registry,
                yanked: Yanked::Today,
                build_network: Network::None,
                output: self.output(),
                prepare,
                build: draft.build,
                env: draft.env,
                files: draft.files,
                inputs: vec![],
                recovered: draft.recovered,
                crlf: checkout.crlf,
                plain_modes: checkout.plain_modes,
                limits: Limits::default(),
            },
            reasons: draft.reasons,
        }
    }

    /// Why each part is as it is that every plan has.
    fn reasons(&self, on: Python) -> [(String, String); 5] {
        let written = match self.product {
            Product::Wheel => "where pip writes the wheel",
            Product::WheelByHook(_) => "where the backend writes the wheel",
            Product::WheelByPoetry => "where poetry writes the wheel",
            Product::Sdist(_) => "where the backend writes the source distribution",
            Product::SdistByFlit => "where flit writes the source distribution",
        };
        let installed = format!(
            "{}; the rest is what the source declares in build-system.requires",
            self.why
        );
        [
            ("plan.image", on.why),
            ("plan.cutoff", "an hour after the upload"),
            (
                "plan.build_network",
                "the backend is installed beforehand; building needs no network",
            ),
            ("plan.output", written),
            ("plan.prepare", &installed),
        ]
        .map(|(part, why)| (part.to_owned(), why.to_owned()))
    }

    fn output(&self) -> String {
        let name = &self.facts.artifact.name;
        match self.product {
            Product::Wheel | Product::WheelByHook(_) | Product::Sdist(_) => format!("out/{name}"),
            // The command has no option for it, or had none for long.
            Product::WheelByPoetry | Product::SdistByFlit => {
                format!("{}/dist/{name}", self.facts.package_dir())
            }
        }
    }

    /// Makes the modes of an unpacked source distribution those that the publisher's had.
    fn unpack(&self, draft: &mut Draft) {
        if let Product::WheelByHook(_) = self.product
            && front::is_filtered(self.facts)
        {
            draft.step("chmod -R go-w .");
            draft.recovered.push(RecoveredFact::DataFilter);
        }
    }

    fn publishers_output_folder(&self, draft: &mut Draft) {
        let Product::Wheel = self.product else {
            return;
        };
        if let Some(folder) = front::output_folder(self.facts) {
            let make = words(&format!("mkdir -p {folder}"));
            draft.build.push(Step::new(make, self.facts.package_dir()));
            let name = folder.to_owned();
            draft.recovered.push(RecoveredFact::OutputFolder { name });
        }
    }

    /// What the artifact shows of the system that it was made on.
    fn publishers_system(&self, draft: &mut Draft) {
        if windows::packed_there(self.facts) {
            let system = PackingSystem::Windows;
            draft.hook(
                windows::HOOK,
                RecoveredFact::System { system },
                "the wheel says that it was packed on Windows",
            );
        }
        if windows::packed_there(self.facts) && windows::reads_in_code_page(self.facts) {
            draft.hook(
                windows::CODE_PAGE_HOOK,
                RecoveredFact::CodePage,
                "METADATA has UTF-8 in it that was read in code page 1252",
            );
        }
        if windows::packed_there(self.facts) && windows::writes_metadata_as_text(self.facts) {
            draft.hook(
                windows::TEXT_METADATA_HOOK,
                RecoveredFact::TextMetadata,
                "the lines of METADATA end with CRLF, as Python 2 writes them on Windows",
            );
        }
        if permissions::has_all(self.facts) {
            draft.hook(
                permissions::HOOK,
                RecoveredFact::AllExecutable,
                "every member may be run, as on a drive of Windows under Linux",
            );
        }
        if let Some(order) = self.listing {
            let text = order.text.clone();
            draft.files.insert(listing::FILE.to_owned(), text);
            let files = order.files;
            draft.hook(
                listing::HOOK,
                RecoveredFact::ListingOrder { files },
                "files of one folder are not sorted in RECORD, as a file system lists them",
            );
        }
        if let Some(version) = naming::python(self.facts) {
            let name = naming::VARIABLE.to_owned();
            draft.env.insert(name, version.clone());
            draft.hook(
                naming::HOOK,
                RecoveredFact::NamedPython { version },
                "the wheel has the publisher's Python in a name",
            );
        }
        if self.is_debians {
            draft.hook(
                debian::HOOK,
                RecoveredFact::DebianSetuptools,
                "Debian's setuptools writes requirements sorted",
            );
        }
    }

    /// What is run to pack.
    fn packs(&self, draft: &mut Draft) -> Vec<String> {
        match self.product {
            Product::Wheel => pip(&[
                "wheel",
                "--no-deps",
                "--no-build-isolation",
                "--no-index",
                // The publisher's may be one that the images do not have. It is for who installs
                // the wheel, and what cannot be built without it fails.
                "--ignore-requires-python",
                "--wheel-dir",
                "/build/out",
                ".",
            ]),
            Product::SdistByFlit => {
                let flit = ["-m", "flit", "build", "--format", "sdist"];
                [python()]
                    .into_iter()
                    .chain(flit.map(str::to_owned))
                    .collect()
            }
            Product::WheelByPoetry => self.by_poetry(draft),
            Product::WheelByHook(hooks) => by_hook("build_wheel", hooks, draft),
            Product::Sdist(hooks) => by_hook("build_sdist", hooks, draft),
        }
    }

    /// Runs poetry in the virtual environment that it is installed in; else it would make one more
    /// (poetry, "Configuration", `virtualenvs.create`).
    fn by_poetry(&self, draft: &mut Draft) -> Vec<String> {
        let lock = poetry::LOCK.to_owned();
        draft.files.insert(LOCKING_FILE.to_owned(), lock);
        let locks = vec!["python3".to_owned(), format!("{WORK_DIR}/{LOCKING_FILE}")];
        let locks = Step::new(locks, self.facts.package_dir());
        draft.build.push(locks);
        let poetry = format!("{WORK_DIR}/venv/bin/poetry");
        let alone = ["env", "POETRY_VIRTUALENVS_CREATE=false", &poetry];
        let builds = ["build", "--no-interaction", "--format", "wheel"];
        alone.into_iter().chain(builds).map(str::to_owned).collect()
    }

    /// The same with the publisher's umask, which the checkout was made with too.
    fn with_umask(&self, packs: Vec<String>, draft: &mut Draft) -> Vec<String> {
        let Some((mask, chmod)) = zone::umask(self.facts.stamps) else {
            return packs;
        };
        draft.recovered.push(RecoveredFact::Umask { mask });
        if let Source::Git { .. } = self.facts.source {
            draft.step(&format!("chmod -R {chmod} ."));
        }
        let with_umask = format!("umask {mask:04o} && exec \"$@\"");
        ["sh", "-c", &with_umask, "sh"]
            .map(str::to_owned)
            .into_iter()
            .chain(packs)
            .collect()
    }

    /// The virtual environment, and what is installed in it.
    fn prepare(&self, draft: &mut Draft) -> Vec<Step> {
        let make = words(&format!("python3 -P -m venv --without-pip {WORK_DIR}/venv"));
        let mut prepare = vec![Step::new(make, SOURCE.into())];
        // A backend that builds itself may need nothing else.
        if !self.requires.is_empty() {
            let install: Vec<&str> = ["install", "--"]
                .into_iter()
                .chain(self.requires.iter().map(String::as_str))
                .collect();
            prepare.push(Step::new(pip(&install), SOURCE.into()));
        }
        if let Some(hooks) = self.asks {
            let program = asked::PROGRAM.to_owned();
            draft.files.insert(ASKING_FILE.to_owned(), program);
            prepare.push(self.ask(hooks));
        }
        prepare
    }

    /// Asks the backend what else it needs. Where it cannot answer, the build is tried with what
    /// there is.
    fn ask(&self, hooks: Hooks<'_>) -> Step {
        let hook = match self.product {
            Product::Wheel | Product::WheelByHook(_) | Product::WheelByPoetry => {
                "get_requires_for_build_wheel"
            }
            Product::Sdist(_) | Product::SdistByFlit => "get_requires_for_build_sdist",
        };
        let run = [
            "python3".to_owned(),
            format!("{WORK_DIR}/{ASKING_FILE}"),
            python(),
            format!("{WORK_DIR}/{SOURCE}"),
            hook.to_owned(),
            hooks.backend.to_owned(),
        ]
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

/// The Python of the virtual environment.
fn python() -> String {
    format!("{WORK_DIR}/venv/bin/python")
}

/// Calls one hook of a backend.
fn by_hook(hook: &str, hooks: Hooks<'_>, draft: &mut Draft) -> Vec<String> {
    draft
        .files
        .insert(FRONT_END_FILE.to_owned(), FRONT_END.to_owned());
    [
        python(),
        format!("{WORK_DIR}/{FRONT_END_FILE}"),
        format!("{WORK_DIR}/out"),
        hook.to_owned(),
        hooks.backend.to_owned(),
    ]
    .into_iter()
    .chain(hooks.path.iter().cloned())
    .collect()
}

/// A command of the image's pip, for that Python. It is not looked for in the folder where it
/// runs (Python documentation, "Command line", `-P`), since that is the source's.
fn pip(arguments: &[&str]) -> Vec<String> {
    let python = python();
    ["python3", "-P", "-m", "pip", "--python", &python]
        .iter()
        .chain(arguments)
        .map(|word| (*word).to_owned())
        .collect()
}

/// What setuptools has to be told for the Python tag in the wheel's name, where it is not the
/// one that it takes by itself and the source says nothing of it (wheel, "bdist_wheel"
/// options `universal` and `python-tag`).
fn asked_of_bdist_wheel(facts: &Facts<'_>) -> Option<String> {
    let tag = facts.artifact.name.strip_suffix("-none-any.whl")?;
    let (_, tag) = tag.rsplit_once('-')?;
    let is_set = |option| source_text(facts, "setup.cfg").contains(option);
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
