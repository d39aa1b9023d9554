//! A plan under way: what the toolchain and each recovered input add to its environment, files
//! and steps. Pure.

use std::collections::BTreeMap;

use super::super::checkout::Checkout;
use super::super::{Candidate, CargoHome, CargoToolchain, Facts};
use super::age::Age;
use super::lock::PublishedLock;
use super::{command, names, permissions, zlib};
use crate::model::{
    DatedBy, Input, InputOrigin, Limits, Network, Plan, RELAY_PORT, RecoveredFact, Sha256Digest,
    Step, WORK_DIR, Yanked,
};

/// The first minor release that reads sparse indexes (cargo changelog, 1.68). Those
/// before are given a local registry of the packages that the lock files name.
pub(super) const FIRST_SPARSE: u64 = 68;

/// Where the local registry lies, below the work folder.
const LOCAL_REGISTRY: &str = "registry";

/// The image for a cargo that is kept as a tarball: it needs the C library only.
const BASE_IMAGE: &str = "node";

pub(super) struct Draft<'a> {
    facts: &'a Facts<'a>,
    cargo: &'a CargoToolchain,
    env: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    inputs: Vec<Input>,
    build: Vec<Step>,
    yanked: Yanked,
    recovered: Vec<RecoveredFact>,
    reasons: BTreeMap<String, String>,
}

impl<'a> Draft<'a> {
    /// What every plan with this cargo has.
    pub(super) fn new(facts: &'a Facts<'a>, cargo: &'a CargoToolchain, age: &Age) -> Self {
        let env = [
            ("CARGO_HOME", format!("{WORK_DIR}/home/.cargo")),
            ("CARGO_TARGET_DIR", format!("{WORK_DIR}/target")),
            ("RUSTC", format!("{WORK_DIR}/tools/rustc")),
        ];
        let mut draft = Self {
            facts,
            cargo,
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            files: BTreeMap::new(),
            inputs: vec![],
            build: vec![],
            yanked: Yanked::Today,
            recovered: vec![RecoveredFact::Toolchain {
                name: "cargo".into(),
                version: cargo.version.to_string(),
            }],
            reasons: BTreeMap::new(),
        };
        draft.toolchain(age);
        draft.registry();
        draft.because("plan.output", "where cargo writes packages");
        draft
    }

    /// One more reason why this part of the plan is as it is.
    fn because(&mut self, part: &str, why: &str) {
        let reason = self.reasons.entry(part.to_owned()).or_default();
        if !reason.is_empty() {
            reason.push('\n');
        }
        reason.push_str(why);
    }

    fn toolchain(&mut self, age: &Age) {
        let version = &self.cargo.version;
        let stub = rustc_stub(version);
        let why = if age.admits(version) {
            format!("cargo {version}: {age}")
        } else {
            format!(
                "cargo {version} is the nearest that the farm has: {age}\n(`remint toolchains lock VERSION` builds another)"
            )
        };
        if let CargoHome::Kept(digest) = self.cargo.home {
            self.inputs.push(Input {
                origin: InputOrigin::Toolchain {
                    name: "cargo".into(),
                    version: version.to_string(),
                },
                digest,
                unpack_to: "tools/cargo".into(),
            });
        }
        self.files.insert("tools/rustc".into(), stub);
        self.because("plan.image", &why);
    }

    const fn is_sparse(&self) -> bool {
        self.cargo.version.minor >= FIRST_SPARSE
    }

    /// What cargo resolves dependencies on.
    fn registry(&mut self) {
        let config = cargo_config(self.is_sparse());
        self.files.insert("home/.cargo/config.toml".into(), config);
        let why = if self.is_sparse() {
            "cargo resolves dependencies while it packages, on the mirror's index"
        } else {
            self.files.extend(local_registry(self.facts));
            "this cargo reads no sparse index: it is given the lines of the packages that the lock files name"
        };
        self.because("plan.cutoff", "the release's publish time");
        self.because("plan.build_network", why);
    }

    /// The publisher's lock file.
    pub(super) fn lock(&mut self, lock: &PublishedLock) {
        self.files.insert(lock.path.clone(), lock.text.clone());
        // To the publisher's git it was no change: cargo wrote it while it packed, or a
        // list of the publisher's own left it out.
        self.files
            .insert("src/.git/info/exclude".into(), "Cargo.lock\n".into());
        self.recovered.push(RecoveredFact::LockFile {
            sha256: Sha256Digest::of(&lock.text),
            entries: lock.entries,
        });
        self.because(
            "plan.files",
            "the source tracks no Cargo.lock and the published crate holds one: it is the publisher's,\nand each entry is checked against the index as of the release",
        );
    }

    /// Every version is to be had that was published in time. A local registry always holds
    /// its versions so ([`line_as_of`](crate::registry::line_as_of)).
    pub(super) fn restore_yanked(&mut self) {
        if self.is_sparse() {
            self.yanked = Yanked::Restored;
            self.because(
                "plan.yanked",
                "what was yanked after the release was to be had then, and other members of the workspace may\nneed it; nothing of the crate hangs on which versions they take",
            );
        }
    }

    /// The order of names, where git saw them without regard to case.
    pub(super) fn names(&mut self) {
        let Some(fact) = names::recovered(self.facts) else {
            return;
        };
        let (path, text) = names::GIT_CONFIG;
        self.files.insert(path.into(), text.into());
        self.recovered.push(fact);
        self.because(
            "plan.files",
            "the published files stand in order without regard to case: so git did on Windows and macOS",
        );
    }

    /// What files may be run, where the publisher's file system said that of all.
    pub(super) fn permissions(&mut self) {
        let Some(fact) = permissions::recovered(self.facts) else {
            return;
        };
        for command in permissions::COMMANDS {
            let run = command.iter().map(|word| (*word).to_owned()).collect();
            self.build.push(Step::new(run, "src".into()));
        }
        self.recovered.push(fact);
        self.because(
            "plan.build",
            "every published file may be run and not every one of the source: so a drive of Windows says under Linux",
        );
    }

    /// Another zlib in the place of the one that this cargo is linked with.
    pub(super) fn zlib(&mut self) {
        let Some(zlib) = zlib::of(self.facts, self.cargo) else {
            return;
        };
        let (input, (name, value), fact) = zlib::given(zlib);
        self.inputs.push(input);
        self.env.insert(name, value);
        self.recovered.push(fact);
        self.because(
            "plan.inputs",
            "the published file was compressed by a zlib that this cargo has not: a distribution put\nanother in its place",
        );
    }

    /// What is run to pack.
    pub(super) fn package(&mut self) {
        let mut run: Vec<String> = vec![self.program(), "package".into(), "--no-verify".into()];
        if let Some(reason) = command::allow_dirty(self.facts, &self.cargo.version) {
            run.push("--allow-dirty".into());
            self.because("plan.build", reason);
        }
        if command::leaves_the_registry(self.facts) {
            let remove = vec!["rm".into(), "Cargo.lock".into()];
            self.build.push(Step::new(remove, "src".into()));
            self.because(
                "plan.build",
                "the workspace's lock file names packages from git, which no build reaches; cargo reads it\nwhere there is one, and this crate holds none",
            );
        }
        self.build.push(Step::new(run, self.facts.package_dir()));
    }

    fn program(&self) -> String {
        match self.cargo.home {
            CargoHome::Image(_) => "cargo".to_owned(),
            CargoHome::Kept(_) => format!("{WORK_DIR}/tools/cargo/bin/cargo"),
        }
    }

    pub(super) fn finish(mut self) -> Candidate {
        let checkout = Checkout::of(self.facts, true, &mut self.recovered, &mut self.reasons);
        let build_network = if self.is_sparse() {
            Network::Mirror
        } else {
            Network::None
        };
        let purl = &self.facts.release.purl;
        let version = purl.version().map_or("", |version| version.as_str());
        let plan = Plan {
            image: match &self.cargo.home {
                CargoHome::Image(image) => image.clone(),
                CargoHome::Kept(_) => BASE_IMAGE.to_owned(),
            },
            cutoff: self.facts.published(),
            dated_by: DatedBy::Registry,
            yanked: self.yanked,
            build_network,
            output: format!("target/package/{}-{version}.crate", purl.name().as_str()),
            prepare: vec![],
            build: self.build,
            env: self.env,
            files: self.files,
            inputs: self.inputs,
            recovered: self.recovered,
            crlf: checkout.crlf,
            plain_modes: checkout.plain_modes,
            limits: Limits::default(),
        };
        Candidate {
            plan,
            reasons: self.reasons,
        }
    }
}

/// Source replacement (cargo book, "Source Replacement"): the mirror's sparse index, or
/// a local registry, stands in for crates.io.
fn cargo_config(sparse: bool) -> String {
    let place = if sparse {
        format!("registry = \"sparse+http://127.0.0.1:{RELAY_PORT}/cargo/index/\"")
    } else {
        format!("local-registry = \"{WORK_DIR}/{LOCAL_REGISTRY}\"")
    };
    format!("[source.crates-io]\nreplace-with = \"remint\"\n\n[source.remint]\n{place}\n")
}

/// The files of a local registry's index (cargo book, "Source Replacement", "Local
/// Registry Sources"). Packaging opens no package of it, so it holds none.
fn local_registry(facts: &Facts<'_>) -> BTreeMap<String, String> {
    // The folder must be there, whatever is in it.
    let mut files = BTreeMap::from([(format!("{LOCAL_REGISTRY}/index/.empty"), String::new())]);
    for line in facts.index {
        let file = files
            .entry(format!("{LOCAL_REGISTRY}/index/{}", line.file))
            .or_default();
        file.push_str(&line.line);
        file.push('\n');
    }
    files
}

/// Packaging asks the compiler for its version only (`rustc -vV`), so a script
/// that answers as the release of the same number is all that is needed.
fn rustc_stub(version: &semver::Version) -> String {
    format!(
        "#!/bin/sh\n# Answers `rustc -vV`, the only question that packaging asks.\ncat <<'END'\nrustc {version}\nbinary: rustc\ncommit-hash: unknown\ncommit-date: unknown\nhost: x86_64-unknown-linux-gnu\nrelease: {version}\nLLVM version: 0.0\nEND\n"
    )
}
