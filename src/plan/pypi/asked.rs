//! Whether a build backend has to be asked for what else it needs (PEP 517,
//! "get_requires_for_build_wheel"), and how. Asking runs code of the source while packages can be
//! installed, so it is done only where the source says that there may be an answer. Pure.

use super::super::Facts;
use super::backend::Backend;
use super::requirements::{BuildSystem, source_text};

/// Asks a backend, and installs what it answers.
pub(super) const PROGRAM: &str = include_str!("ask.py");

/// The object whose hooks are called, and where in the source it is.
#[derive(Clone, Copy)]
pub(super) struct Hooks<'a> {
    /// PEP 517, "build-backend".
    pub(super) backend: &'a str,
    /// PEP 517, "In-tree build backends".
    pub(super) path: &'a [String],
}

/// Whether the backend may answer more than what every release of it needs: setuptools with
/// what `setup()` has as `setup_requires` (setuptools, `build_meta.py`), or with the name of what
/// `setup.py` imports and nobody asks for, hatchling with what
/// its hooks need (hatchling, `build.py`); flit-core, poetry-core, pdm-backend and uv-build
/// answer nothing of the source. Of the source's own backend nothing is known.
pub(super) fn may_answer(facts: &Facts<'_>, declared: &BuildSystem) -> bool {
    let Some(backend) = Backend::of_object(&declared.build_backend) else {
        return true;
    };
    match backend {
        Backend::Setuptools | Backend::BdistWheel => {
            let setup = source_text(facts, "setup.py");
            let settings = source_text(facts, "setup.cfg");
            [&setup, &settings]
                .iter()
                .any(|text| text.contains("setup_requires"))
                || imports_others(&setup)
        }
        Backend::Hatchling => has_hook_with_dependencies(&source_text(facts, "pyproject.toml")),
        // setuptools, where a script of the source's builds (pdm-pep517, `api.py`).
        Backend::PdmPep517 => true,
        Backend::Flit | Backend::Poetry | Backend::Pdm | Backend::UvBuild => false,
    }
}

/// What a `setup.py` imports that is there in any case: the parts of Python's library that they
/// use (Python documentation, "The Python Standard Library"), and setuptools'. To ask for the sake
/// of another part costs some seconds and changes nothing.
const ALWAYS_THERE: [&str; 62] = [
    "__future__",
    "abc",
    "argparse",
    "ast",
    "builtins",
    "codecs",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "ctypes",
    "dataclasses",
    "datetime",
    "distutils",
    "email",
    "enum",
    "errno",
    "fnmatch",
    "functools",
    "getpass",
    "glob",
    "gzip",
    "hashlib",
    "importlib",
    "inspect",
    "io",
    "itertools",
    "json",
    "locale",
    "logging",
    "multiprocessing",
    "operator",
    "optparse",
    "os",
    "pathlib",
    "pickle",
    "pkg_resources",
    "pkgutil",
    "platform",
    "pprint",
    "random",
    "re",
    "runpy",
    "setuptools",
    "shlex",
    "shutil",
    "site",
    "stat",
    "string",
    "struct",
    "subprocess",
    "sys",
    "sysconfig",
    "tempfile",
    "textwrap",
    "time",
    "types",
    "typing",
    "unittest",
    "warnings",
    "zipfile",
];

/// Whether `setup.py` imports anything else: a module of the source, which may import what is
/// needed when it runs, or what the publisher had installed.
fn imports_others(setup: &str) -> bool {
    let imported = |line: &'_ str| -> Vec<String> {
        let line = line.trim();
        let names = if let Some(names) = line.strip_prefix("import ") {
            names.split(',').collect()
        } else if let Some((name, _)) = line
            .strip_prefix("from ")
            .and_then(|rest| rest.split_once(" import "))
        {
            vec![name]
        } else {
            Vec::new()
        };
        let module = |name: &str| {
            let is_part = |one: &char| one.is_ascii_alphanumeric() || *one == '_';
            name.trim().chars().take_while(is_part).collect::<String>()
        };
        names.into_iter().map(module).collect()
    };
    setup
        .lines()
        .flat_map(imported)
        .any(|module| !module.is_empty() && !ALWAYS_THERE.contains(&module.as_str()))
}

/// Whether `tool.hatch.build` or a table in it names dependencies (Hatch documentation, "Build
/// configuration", "Dependencies" and "Runtime dependencies"; "Build hook plugins").
fn has_hook_with_dependencies(pyproject: &str) -> bool {
    fn names_any(value: &toml::Value) -> bool {
        value.as_table().is_some_and(|table| {
            table.iter().any(|(key, value)| {
                key == "dependencies" || key.starts_with("require-runtime-") || names_any(value)
            })
        })
    }
    let Ok(project) = toml::from_str::<toml::Value>(pyproject) else {
        return false;
    };
    let hatch = project.get("tool").and_then(|tool| tool.get("hatch"));
    hatch
        .and_then(|hatch| hatch.get("build"))
        .is_some_and(names_any)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use crate::model::Step;

    const HATCH: &str = "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n\
                         [project]\ndependencies = [\"x\"]\n";

    fn asking(generator: &str, files: &[(&str, &str)]) -> Option<Step> {
        let mut situation = Situation::pypi();
        situation.member(
            "demo-1.0.dist-info/WHEEL",
            &format!("Wheel-Version: 1.0\nGenerator: {generator}\nTag: py3-none-any\n"),
        );
        for (name, text) in files {
            situation.tree_file(name, text);
        }
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let asks = |step: &Step| step.run.iter().any(|word| word.ends_with("ask.py"));
        assert!(!plan.build.iter().any(asks));
        let step = plan.prepare.last().filter(|step| asks(step)).cloned();
        assert_eq!(plan.files.contains_key("front/ask.py"), step.is_some());
        step
    }

    #[test]
    fn setuptools_is_asked_where_setup_may_require_something() {
        let wheel = "bdist_wheel (0.37.1)";
        let step = asking(wheel, &[("setup.py", "setup(setup_requires=['pbr'])")]);
        let step = step.expect("a step");
        assert!(step.may_fail);
        let words: Vec<&str> = step.run.iter().map(String::as_str).collect();
        assert_eq!(
            words[4..7],
            [
                "get_requires_for_build_wheel",
                "setuptools.build_meta:__legacy__",
                "--"
            ]
        );
        assert!(words[7..].contains(&"wheel==0.37.1"), "{words:?}");
        let in_settings = [("setup.py", "setup()"), ("setup.cfg", "setup_requires = x")];
        assert!(asking(wheel, &in_settings).is_some());
        assert_eq!(asking(wheel, &[("setup.py", "setup()")]), None);
    }

    #[test]
    fn setuptools_is_asked_where_setup_py_imports_what_may_not_be_there() {
        let asks = |setup: &str| asking("bdist_wheel (0.37.1)", &[("setup.py", setup)]).is_some();
        assert!(asks("import semver\n"));
        assert!(asks("import os, numpy as np\n"));
        assert!(asks("    from demo.version import __version__\n"));
        for there in [
            "import os, sys\nfrom setuptools.command.sdist import sdist\n",
            "from . import x\n",
            "from os.path import (join,\n    exists)\n",
            "important = 1\n",
            "from the first line of a text\n",
        ] {
            assert!(!asks(there), "{there}");
        }
    }

    #[test]
    fn hatchling_is_asked_where_a_hook_of_its_build_has_dependencies() {
        let hook = |table: &str| format!("{HATCH}[{table}]\ndependencies = [\"y\"]\n");
        let asks = |text: &str| asking("hatchling 1.25.0", &[("pyproject.toml", text)]).is_some();
        assert!(!asks(HATCH));
        assert!(asks(&hook("tool.hatch.build.hooks.custom")));
        assert!(asks(&hook("tool.hatch.build.targets.wheel.hooks.custom")));
        assert!(!asks(&hook("tool.hatch.envs.default")));
    }

    #[test]
    fn a_backend_of_the_sources_own_is_asked_unless_it_is_left() {
        let own = |name: &str| {
            format!(
                "[build-system]\nrequires = []\nbuild-backend = \"{name}\"\nbackend-path = [\"tools\"]\n"
            )
        };
        let asks = |generator: &str, text: &str| asking(generator, &[("pyproject.toml", text)]);
        let step = asks("setuptools (75.0.0)", &own("mine")).expect("a step");
        assert!(step.run.contains(&"mine".to_owned()) && step.run.contains(&"tools".to_owned()));
        assert_eq!(asks("flit 3.9.0", &own("flit_core.buildapi")), None);
        assert_eq!(
            asks(
                "flit 3.9.0",
                "[build-system]\nrequires = []\nbuild-backend = \"flit_core.buildapi\"\n"
            ),
            None
        );
    }
}
