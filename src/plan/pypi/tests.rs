//! Inference of wheels, each rule on both sides of its boundary.

use jiff::Timestamp;

use super::super::testing::Situation;
use super::super::{Candidate, Error, FileEnds, FileModes};
use super::python::{BEFORE_3_12, CURRENT, PYTHON_3_12, pythons};
use crate::model::{PackingSystem, Plan, RecoveredFact};
use crate::store::archive::{LineEnds, MemberStamp};

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

/// A text of the wheel whose lines end in LF in the commit.
fn ends(path: &str, published: LineEnds) -> FileEnds {
    FileEnds {
        path: path.into(),
        published,
        source: LineEnds::Lf,
    }
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
    let (before, since) = ([BEFORE_3_12, CURRENT], [CURRENT, BEFORE_3_12]);
    assert_eq!(pythons(at(PYTHON_3_12 - 1), &[]), before);
    assert_eq!(pythons(at(PYTHON_3_12), &[]), since);
    assert_eq!(pythons(None, &[]), since);
    // A publisher may have had an older setuptools, which runs on no later one.
    let with = |setuptools: &str| {
        let asked = ["wheel==0.38.4", setuptools].map(str::to_owned);
        pythons(at(PYTHON_3_12), &asked)
    };
    for old in [
        "setuptools<60",
        "setuptools <66.1",
        "setuptools==66.0.*",
        "setuptools>=40,<=58.5",
    ] {
        assert_eq!(with(old), before, "{old}");
    }
    for new in [
        "setuptools",
        "setuptools<70.1",
        "setuptools==66.1.0",
        "setuptools>=40",
        "setuptools!=50",
        "other<60",
    ] {
        assert_eq!(with(new), since, "{new}");
    }
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
fn a_wheel_that_says_it_was_packed_on_windows_is_built_as_there_and_no_other_is() {
    let mut situation = situation("bdist_wheel (0.42.0)");
    situation.ends = vec![
        ends("demo/a.py", LineEnds::Crlf),
        ends("LICENSE", LineEnds::Lf),
    ];
    situation.modes = vec![FileModes {
        published: false,
        source: true,
    }];
    let plan = |situation: &Situation| situation.candidates().expect("plans")[0].plan.clone();
    let elsewhere = plan(&situation);
    let system = RecoveredFact::System {
        system: PackingSystem::Windows,
    };
    let line_ends = RecoveredFact::LineEndings { crlf: 1, lf: 1 };
    // Line ends are the checkout's, which any system can have.
    assert!(elsewhere.recovered.contains(&line_ends));
    assert!(elsewhere.files.is_empty() && !elsewhere.plain_modes);
    assert!(!elsewhere.recovered.contains(&system));
    situation.packed_on = Some(PackingSystem::Windows);
    let there = plan(&situation);
    assert!(there.recovered.contains(&system) && there.plain_modes);
    assert!(there.recovered.contains(&line_ends));
    let except = there.crlf.expect("a checkout with CRLF").except;
    assert_eq!(except.into_iter().collect::<Vec<_>>(), ["LICENSE"]);
    assert!(there.files["hooks/sitecustomize.py"].contains("create_system = 0"));
    let run = &there.build.last().expect("a step").run;
    assert!(
        run.contains(&"PYTHONPATH=/build/hooks".to_owned()),
        "{run:?}"
    );
    // A number in a zip is no system that a gzip file can have.
    situation.packed_on = Some(PackingSystem::Darwin);
    assert!(plan(&situation).files.is_empty());
}

#[test]
fn metadata_that_was_written_as_a_text_on_windows_is_told_by_its_first_line() {
    let is_told = |packed_on, metadata: &str| {
        let mut situation = situation("bdist_wheel (0.37.1)");
        situation.packed_on = packed_on;
        situation.member("demo-1.0.dist-info/METADATA", metadata);
        let found = situation.candidates().expect("plans");
        let fact = RecoveredFact::TextMetadata;
        found[0].plan.recovered.contains(&fact)
    };
    let windows = Some(PackingSystem::Windows);
    assert!(is_told(windows, "Metadata-Version: 2.1\r\nName: demo\r\n"));
    // The description's own lines tell nothing, and no other system writes so.
    assert!(!is_told(
        windows,
        "Metadata-Version: 2.1\nName: demo\n\nA\r\n"
    ));
    assert!(!is_told(None, "Metadata-Version: 2.1\r\nName: demo\r\n"));
}

#[test]
fn a_clock_that_stands_still_and_windows_go_into_one_hook() {
    let mut situation = situation("bdist_wheel (0.42.0)");
    situation.packed_on = Some(PackingSystem::Windows);
    situation.stamps.clear();
    for (name, time) in [
        ("demo/a.py", 1_700_000_000),
        ("demo-1.0.dist-info/METADATA", 1_700_000_100),
        ("demo-1.0.dist-info/RECORD", 1_700_000_100),
    ] {
        situation.stamp(name, time);
    }
    let plan = &situation.candidates().expect("plans")[0].plan;
    let hook = &plan.files["hooks/sitecustomize.py"];
    assert!(hook.contains("create_system = 0") && hook.contains("BUILD_CLOCK"));
}

fn is_listed(found: &[Candidate]) -> bool {
    let mut plans = found.iter().map(|candidate| &candidate.plan);
    plans.any(|plan| plan.files.contains_key("hooks/listing"))
}

#[test]
fn files_that_were_listed_by_a_file_system_are_listed_so_for_the_last_tries() {
    let with_record = |record: &str| {
        let mut situation = situation("flit 2.0");
        for name in ["demo/b.py", "demo/a.py", "demo-1.0.dist-info/RECORD"] {
            situation.stamp(name, 1_700_000_000);
        }
        situation.member("demo-1.0.dist-info/RECORD", record);
        situation.candidates().expect("plans")
    };
    let listed = with_record("demo/b.py,,\ndemo/a.py,,\ndemo-1.0.dist-info/RECORD,,\n");
    let (last, before) = listed.split_last().expect("some");
    // A key; two files of a folder, and one of another.
    assert_eq!(last.plan.files["hooks/listing"].lines().count(), 1 + 3 + 2);
    let order = RecoveredFact::ListingOrder { files: 3 };
    assert!(last.plan.recovered.contains(&order));
    assert!(!before[0].plan.recovered.contains(&order));

    assert!(!is_listed(&with_record("demo/a.py,,\ndemo/b.py,,\n")));
    // A name that is no file of the wheel is a message to the build.
    assert!(!is_listed(&with_record(
        "demo/b.py,,\nmessage,,\ndemo/a.py,,\n"
    )));
}

#[test]
fn poetry_core_is_installed_and_called_where_the_source_names_poetry() {
    let of = |object: &str| {
        let mut situation = situation("poetry 1.0.2");
        let text = format!(
            "[build-system]\nrequires = [\"poetry>=0.12\", \"other\"]\nbuild-backend = \"{object}\"\n"
        );
        situation.tree_file("pyproject.toml", &text);
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let installs = plan.prepare[1].run.join(" ");
        let renames = plan.build.iter().any(|step| step.run[0] == "sed");
        (installs.contains("poetry>=0.12"), renames, installs)
    };
    let (poetry, renames, installs) = of("poetry.masonry.api");
    assert!(!poetry && renames, "{installs}");
    assert!(
        installs.ends_with("-- other poetry-core==1.0.2"),
        "{installs}"
    );
    // What else asks for poetry may need it.
    let (poetry, renames, installs) = of("poetry.core.masonry.api");
    assert!(poetry && !renames, "{installs}");
}

#[test]
fn poetry_itself_builds_where_its_plugin_writes_versions_for_folders_of_the_repository() {
    const FOLDER: &str = "{path = \"../other\"}";
    let built = |enabled: &str, other: &str, from_git: bool| {
        let mut situation = situation("poetry-core 2.2.1");
        let text = format!(
            "[tool.poetry.dependencies]\nother = {other}\n[tool.poetry-monorepo.deps]\nenabled = {enabled}\n"
        );
        situation.tree_file("pyproject.toml", &text);
        if !from_git {
            situation.use_sdist();
        }
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let packs = plan.build.last().expect("a step").run.join(" ");
        let installs = plan.prepare[1].run.join(" ");
        let has_plugin = installs.contains("poetry-plugin-mono-repo-deps");
        // What reads the lock file comes after what writes it.
        let locks = plan.build[0].run.join(" ").ends_with("locked.py");
        assert_eq!(
            (has_plugin, locks),
            (packs.contains("bin/poetry"), has_plugin)
        );
        if has_plugin {
            assert!(installs.contains("poetry-core==2.2.1"), "{installs}");
            assert!(plan.output.contains("/dist/"), "{}", plan.output);
        }
        has_plugin
    };
    assert!(built("true", FOLDER, true));
    assert!(!built("false", FOLDER, true));
    assert!(!built("\"true\"", FOLDER, true));
    // There is nothing to write, and pip will do.
    assert!(!built("true", "\"^1.0\"", true));
    // The source distribution has named versions already.
    assert!(!built("true", FOLDER, false));
}

#[test]
fn a_wheel_file_that_may_be_run_tells_a_drive_of_windows() {
    let of = |mode: u32| {
        let mut situation = situation("bdist_wheel (0.31.1)");
        situation.stamps = vec![MemberStamp {
            name: "demo-1.0.dist-info/WHEEL".into(),
            mtime: 1_700_000_000,
            mode: 0o100_000 | mode,
        }];
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let told = plan.recovered.contains(&RecoveredFact::AllExecutable);
        let hook = plan.files.get("hooks/sitecustomize.py");
        assert_eq!(told, hook.is_some_and(|hook| hook.contains("_permitting")));
        told
    };
    assert!(of(0o777));
    assert!(!of(0o755) && !of(0o666) && !of(0o644));
}

#[test]
fn a_wheel_whose_metadata_was_never_a_file_is_built_by_the_backends_hook() {
    let of = |generator: &str, object: &str, mode: u32| {
        let mut situation = situation(generator);
        let project = format!("[build-system]\nrequires = []\nbuild-backend = \"{object}\"\n");
        situation.tree_file("pyproject.toml", &project);
        situation.stamps = vec![MemberStamp {
            name: "demo-1.0.dist-info/WHEEL".into(),
            mtime: 1_700_000_000,
            mode,
        }];
        let plan = situation.candidates().expect("plans").remove(0).plan;
        plan.files.contains_key("front/build.py")
    };
    assert!(of("pdm-pep517 1.0.6", "pdm.pep517.api", 0o600));
    assert!(!of("pdm-pep517 1.0.6", "pdm.pep517.api", 0o100_644));
    assert!(!of("flit 3.9.0", "flit_core.buildapi", 0o600));
}

#[test]
fn a_source_that_does_not_name_the_wheels_backend_is_built_by_it_all_the_same() {
    let hook = |generator: &str, project: &str| {
        let mut situation = situation(generator);
        situation.tree_file("pyproject.toml", project);
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let last = plan.build.last().expect("a build").run.join(" ");
        let (_, called) = last.split_once("build.py ")?;
        Some(called.to_owned())
    };
    let table = "[tool.poetry]\nname = \"demo\"\n";
    assert_eq!(
        hook("poetry-core 1.8.1", table).as_deref(),
        Some("/build/out build_wheel poetry.core.masonry.api")
    );
    assert_eq!(
        hook("hatchling 1.27.0", "").as_deref(),
        Some("/build/out build_wheel hatchling.build")
    );
    let named = |object| format!("[build-system]\nrequires = []\nbuild-backend = \"{object}\"\n");
    assert!(hook("poetry-core 1.8.1", &named("setuptools.build_meta")).is_some());
    // One with a setup.py is by running that, which asks for nothing that the source declares.
    let by_setup = |generator: &str, object: &str| {
        let mut situation = situation(generator);
        situation.tree_file("setup.py", "setup()");
        let project = format!(
            "[build-system]\nrequires = [\"poetry_core<2\"]\nbuild-backend = \"{object}\"\n"
        );
        situation.tree_file("pyproject.toml", &project);
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let called = plan.build.last().expect("a build").run.join(" ");
        let is_legacys = called.ends_with("build_wheel setuptools.build_meta:__legacy__");
        let asked = format!("{:?}", plan.prepare).contains("poetry");
        (is_legacys, asked)
    };
    for generator in ["bdist_wheel (0.37.1)", "setuptools (75.0.0)"] {
        let of = |object| by_setup(generator, object);
        assert_eq!(of("poetry.core.masonry.api"), (true, false), "{generator}");
        assert_eq!(of("setuptools.build_meta"), (false, true), "{generator}");
    }
    let no_setup = hook("bdist_wheel (0.37.1)", &named("poetry.core.masonry.api"));
    assert_eq!(no_setup, None);
    // What pip takes by itself, or is told, it builds with; and one of the source's own may call
    // any.
    assert_eq!(hook("setuptools (75.0.0)", ""), None);
    assert_eq!(hook("bdist_wheel (0.38.0)", table), None);
    let poetrys = named("poetry.core.masonry.api");
    assert_eq!(hook("poetry-core 1.8.1", &poetrys), None);
    assert_eq!(hook("poetry-core 1.8.1", &named("own.backend")), None);
}

#[test]
fn a_wheel_of_before_0_26_lists_its_own_folder_in_the_record_wherever_the_archive_has_it() {
    let of = |wheel: &str| {
        let mut situation = situation(&format!("bdist_wheel ({wheel})"));
        let names = ["demo/a.py", "demo-1.0.dist-info/RECORD"];
        for name in names {
            situation.stamp(name, 1_700_000_000);
        }
        let record = "demo-1.0.dist-info/RECORD,,\ndemo/a.py,,\n";
        situation.member("demo-1.0.dist-info/RECORD", record);
        situation.candidates().expect("plans")
    };
    assert!(is_listed(&of("0.24.0")));
    assert!(!is_listed(&of("0.26.0")));
}

#[test]
fn a_wheel_of_before_0_30_has_its_own_order_beside_a_sorted_record() {
    let of = |wheel: &str, names: [&str; 2]| {
        let mut situation = situation(&format!("bdist_wheel ({wheel})"));
        for name in names {
            situation.stamp(name, 1_700_000_000);
        }
        situation.member("demo-1.0.dist-info/RECORD", "demo/a.py,,\ndemo/b.py,,\n");
        situation.candidates().expect("plans")
    };
    assert!(is_listed(&of("0.29.0", ["demo/b.py", "demo/a.py"])));
    assert!(!is_listed(&of("0.29.0", ["demo/a.py", "demo/b.py"])));
    assert!(!is_listed(&of("0.30.0", ["demo/b.py", "demo/a.py"])));
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
fn a_licence_that_metadata_does_not_name_tells_an_old_setuptools_beside_a_platform() {
    let asks = |published: &str, metadata: &str, file: &str| {
        let mut situation = situation("bdist_wheel (0.37.1)");
        situation.published(published);
        situation.member("demo-1.0.dist-info/METADATA", metadata);
        situation.stamp(&format!("demo-1.0.dist-info/{file}"), 1_700_000_000);
        let run = &situation.candidates().expect("plans")[0].plan.prepare[1].run;
        run.contains(&"setuptools<57".to_owned())
    };
    let (later, any) = ("2021-05-23T03:54:57Z", "Name: demo\nPlatform: any\n");
    assert!(asks(later, any, "LICENSE"));
    assert!(asks(later, any, "COPYING.txt"));
    assert!(!asks("2021-05-23T03:54:56Z", any, "LICENSE"));
    assert!(!asks(later, any, "pbr.json"));
    assert!(!asks(later, "Name: demo\n", "LICENSE"));
    let named = format!("{any}License-File: LICENSE\n");
    assert!(!asks(later, &named, "LICENSE"));
}

#[test]
fn specifiers_as_the_settings_have_them_tell_a_setuptools_that_does_not_read_them() {
    let pinned = |written: &str, set: &str| {
        let mut situation = situation("bdist_wheel (0.34.2)");
        let metadata = format!("Name: demo\nPlatform: UNKNOWN\nRequires-Python: {written}\n");
        situation.member("demo-1.0.dist-info/METADATA", &metadata);
        let settings = format!("[options]\npython_requires = {set}\n");
        situation.tree_file("setup.cfg", &settings);
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let words = plan.prepare[1].run.iter();
        let setuptools = |word: &&String| word.starts_with("setuptools<");
        words.filter(setuptools).cloned().collect::<Vec<_>>()
    };
    let spaced = ">=2.7, !=3.0.*";
    assert_eq!(pinned(spaced, spaced), ["setuptools<41.4"]);
    assert_eq!(pinned("!=3.0.*,>=2.7", spaced), ["setuptools<56"]);
    assert_eq!(pinned(">=2.7", ">=2.7"), ["setuptools<56"]);
    assert_eq!(pinned(spaced, ">=3"), ["setuptools<56"]);
}

#[test]
fn entry_points_tell_a_setuptools_that_renders_them_anew() {
    let asks = |entry_points: &str| {
        let mut situation = situation("bdist_wheel (0.37.1)");
        let metadata = "Platform: UNKNOWN\nLicense-File: LICENSE\n";
        situation.member("demo-1.0.dist-info/METADATA", metadata);
        situation.member("demo-1.0.dist-info/entry_points.txt", entry_points);
        let run = &situation.candidates().expect("plans")[0].plan.prepare[1].run;
        run.iter()
            .find(|word| word.starts_with("setuptools"))
            .cloned()
    };
    let text = "[console_scripts]\ndemo = demo:main\n";
    assert_eq!(asks(text).as_deref(), Some("setuptools<62.2"));
    assert_eq!(asks(&format!("{text}\n")).as_deref(), Some("setuptools<60"));
}

#[test]
fn wheels_own_command_tells_a_setuptools_that_has_none() {
    let asks = |generator: &str, requires: &str, setup: &str| {
        let mut situation = situation(generator);
        let manifest = format!("[build-system]\nrequires = [\"{requires}\"]\n");
        situation.tree_file("pyproject.toml", &manifest);
        situation.tree_file("setup.py", setup);
        let run = &situation.candidates().expect("plans")[0].plan.prepare[1].run;
        run.contains(&"setuptools<70.1".to_owned())
    };
    let wheel = "bdist_wheel (0.37.1)";
    assert!(asks(wheel, "setuptools>=61", "setup()"));
    assert!(asks(wheel, "setuptools", "setup()"));
    assert!(asks(wheel, "other", "setup()"));
    assert!(!asks(wheel, "setuptools>=70.1", "setup()"));
    assert!(!asks(
        wheel,
        "setuptools==75.0 ; python_version > '3'",
        "setup()"
    ));
    assert!(!asks(
        wheel,
        "setuptools",
        "from wheel.bdist_wheel import bdist_wheel"
    ));
    assert!(!asks("setuptools (75.8.2)", "setuptools>=61", "setup()"));
}

#[test]
fn where_another_setuptools_may_have_run_the_last_without_a_command_of_its_own_is_tried_too() {
    let asks = |published: &str, setup: &str| {
        let mut situation = situation("bdist_wheel (0.43.0)");
        situation.published(published);
        situation.tree_file("setup.py", setup);
        let plans = situation.candidates().expect("plans");
        let of = |plan: &Candidate| {
            let run = &plan.plan.prepare[1].run;
            run.contains(&"setuptools<70.1".to_owned())
        };
        (of(&plans[0]), plans.iter().any(of))
    };
    let by_name = "sdist = 'bdist_wheel' in argv";
    assert_eq!(asks("2024-06-19T12:54:40Z", by_name), (false, true));
    assert_eq!(asks("2024-06-19T12:54:39Z", by_name), (false, false));
    assert_eq!(asks("2024-06-19T12:54:40Z", "setup()"), (true, true));
}

#[test]
fn a_setup_that_asks_whether_a_service_builds_is_told_so_in_a_try_of_its_own() {
    let told = |setup: &str| {
        let mut situation = situation("bdist_wheel (0.37.1)");
        situation.tree_file("setup.py", setup);
        let plans = situation.candidates().expect("plans");
        let is_told = |plan: &Candidate| {
            assert!(
                !plan.plan.env.contains_key("CI"),
                "it is told while it is built alone"
            );
            let packs = &plan.plan.build.last().expect("a step").run;
            packs.starts_with(&["env".to_owned(), "CI=true".to_owned()])
        };
        (is_told(&plans[0]), plans.iter().any(is_told))
    };
    assert_eq!(told("if not 'CI' in os.environ: make()"), (false, true));
    assert_eq!(told("os.environ.get(\"CI\")"), (false, true));
    assert_eq!(told("CI = 1"), (false, false));
}

#[test]
fn the_way_versions_are_written_tells_the_wheel_beside_setuptools() {
    let asks = |generator: &str, requirement: &str| {
        let mut situation = situation(generator);
        let metadata = format!("Requires-Dist: {requirement}\n\nRequires-Dist: x (>=1)\n");
        situation.member("demo-1.0.dist-info/METADATA", &metadata);
        let run = &situation.candidates().expect("plans")[0].plan.prepare[1].run;
        let wheel = run.iter().find(|word| word.starts_with("wheel"));
        wheel.cloned().unwrap_or_default()
    };
    let setuptools = "setuptools (75.1.0)";
    let older = "wheel<=0.41.0";
    assert_eq!(asks(setuptools, "botocore (<1.36.0,>=1.35.73)"), older);
    assert_eq!(asks(setuptools, "x (>=1) ; extra == 'y'"), older);
    assert_eq!(asks(setuptools, "botocore <1.36.0,>=1.35.73"), "");
    assert_eq!(asks(setuptools, "x ; (extra == 'y')"), "");
    assert_eq!(asks("hatchling 1.27.0", "x (>=1)"), "");
    let later = "wheel>=0.44";
    assert_eq!(asks(setuptools, "x[y]<3,>=1; extra == 'y'"), later);
    assert_eq!(asks("setuptools (75.5.0)", "x!=2"), later);
    assert_eq!(asks("setuptools (75.6.0)", "x!=2"), "");
    assert_eq!(asks(setuptools, "x; python_version < '3'"), "");
    assert_eq!(asks("hatchling 1.27.0", "x>=1"), "");
}

#[test]
fn a_backend_of_the_sources_own_that_calls_the_named_one_is_left_in_place() {
    let steps = |backend: &str| {
        let mut situation = situation("setuptools (82.0.1)");
        let manifest = format!(
            "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"{backend}\"\nbackend-path = [\"own\"]\n"
        );
        situation.tree_file("pyproject.toml", &manifest);
        let plan = situation.candidates().expect("plans")[0].plan.clone();
        plan.build.iter().any(|step| step.run[0] == "sed")
    };
    assert!(steps("setuptools.build_meta"));
    assert!(!steps("backend"));
}

#[test]
fn the_setuptools_that_ran_comes_before_the_one_that_the_source_asks_for() {
    let installs = |metadata: &str| {
        let mut situation = situation("bdist_wheel (0.45.1)");
        situation.member("demo-1.0.dist-info/METADATA", metadata);
        situation.tree_file(
            "pyproject.toml",
            "[build-system]\nrequires = [\"setuptools >= 60\"]\n",
        );
        situation.candidates().expect("plans")[0].plan.prepare[1]
            .run
            .clone()
    };
    let old = installs("Platform: UNKNOWN\nLicense-File: LICENSE\n");
    assert!(old.contains(&"setuptools<60".to_owned()));
    assert!(!old.contains(&"setuptools >= 60".to_owned()));
    assert!(installs("Name: demo\n").contains(&"setuptools >= 60".to_owned()));
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
fn the_forerunner_of_pdm_backend_is_a_distribution_of_its_own() {
    let install = |generator: &str| {
        let plan = situation(generator).candidates().expect("plans").remove(0);
        plan.plan.prepare[1].run.clone()
    };
    assert!(install("pdm-pep517 0.12.3").contains(&"pdm-pep517==0.12.3".to_owned()));
    assert!(install("pdm-backend 2.1.0").contains(&"pdm-backend==2.1.0".to_owned()));
}

#[test]
fn both_spellings_of_a_generator_are_read() {
    for (line, pin) in [
        ("bdist_wheel (0.43.0)", "wheel==0.43.0"),
        ("setuptools (80.9.0)", "setuptools==80.9.0"),
        ("hatchling 1.29.0", "hatchling==1.29.0"),
        ("hatch 0.21.0", "hatchling==0.21.0"),
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
    let unversioned = situation("builder {version}").candidates().unwrap_err();
    assert!(
        matches!(unversioned, Error::Unsupported(_)),
        "{unversioned}"
    );
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

const COPIED: i64 = 1_700_000_000;
const MADE: i64 = 1_700_000_020;

/// A wheel of setuptools with these times of what was copied, and of what was written.
fn stamped(copied: &[i64], made: &[i64]) -> Situation {
    let mut situation = situation("setuptools (80.9.0)");
    situation.stamps.clear();
    for &time in copied {
        situation.stamp("demo/a.py", time);
    }
    for &time in made {
        situation.stamp("demo-1.0.dist-info/RECORD", time);
    }
    situation
}

fn clock_of(plan: &crate::model::Plan) -> Option<i64> {
    plan.recovered.iter().find_map(|fact| match fact {
        RecoveredFact::BuildClock { seconds, .. } => Some(*seconds),
        _ => None,
    })
}

#[test]
fn one_time_of_all_that_was_written_is_the_builds_clock() {
    let plan = &stamped(&[COPIED, COPIED], &[MADE, MADE])
        .candidates()
        .expect("plans")[0]
        .plan;
    assert_eq!(clock_of(plan), Some(MADE));
    assert!(
        plan.recovered
            .contains(&RecoveredFact::CheckoutTime { seconds: COPIED })
    );
    let several = &stamped(&[COPIED], &[MADE, MADE + 2])
        .candidates()
        .expect("plans")[0]
        .plan;
    assert_eq!(clock_of(several), None);
}

#[test]
fn what_the_build_wrote_among_the_copied_does_not_hide_the_checkouts_time() {
    let checkout = |copied: &[i64]| {
        let plan = stamped(copied, &[MADE, MADE]).candidates().expect("plans");
        let mut times = plan[0].plan.recovered.iter().filter_map(|fact| match fact {
            RecoveredFact::CheckoutTime { seconds } => Some(*seconds),
            _ => None,
        });
        times.next_back()
    };
    assert_eq!(checkout(&[COPIED, MADE, COPIED]), Some(COPIED));
    assert_eq!(checkout(&[COPIED, MADE + 2, COPIED]), None);
    assert_eq!(checkout(&[COPIED, COPIED + 2, MADE]), None);
}

#[test]
fn a_file_that_the_build_wrote_anew_into_the_source_has_a_second_of_its_own() {
    let wrote = |copied: &[(&str, i64)], came: &[(&str, i64)]| {
        let mut situation = stamped(&[], &[MADE, MADE]);
        situation.use_sdist();
        for (name, time) in copied {
            situation.stamp(name, *time);
        }
        let source = |(name, mtime): &(&str, i64)| MemberStamp {
            name: (*name).into(),
            mtime: *mtime,
            mode: 0o644,
        };
        situation.source_stamps = came.iter().map(source).collect();
        let plans = situation.candidates().expect("plans");
        let mut facts = plans[0].plan.recovered.iter();
        facts.find_map(|fact| match fact {
            RecoveredFact::BuildClock { wrote, .. } => Some(*wrote),
            _ => None,
        })
    };
    let (module, version) = ("demo/a.py", "demo/_version.py");
    let came = [(module, COPIED), ("src/demo/_version.py", COPIED)];
    let of = |time| wrote(&[(module, COPIED), (version, time)], &came);
    assert_eq!(of(MADE - 2), Some(Some(MADE - 2)));
    assert_eq!(of(MADE - 60), Some(Some(MADE - 60)));
    assert_eq!(of(MADE - 62), Some(None));
    assert_eq!(of(MADE), Some(None));
    assert_eq!(of(COPIED), Some(None));
    let two = [(module, MADE - 4), (version, MADE - 2)];
    assert_eq!(wrote(&two, &came), Some(None));
}

#[test]
fn what_flit_found_written_into_the_source_has_the_builds_clock_and_the_rest_the_checkouts() {
    let mut flit = situation("flit 3.9.0");
    flit.stamp("demo/a.py", COPIED);
    flit.stamp("demo/_version.py", COPIED + 6);
    let plan = flit.candidates().expect("plans").remove(0).plan;
    assert_eq!(clock_of(&plan), Some(COPIED + 6));
    let checkout = RecoveredFact::CheckoutTime { seconds: COPIED };
    assert!(plan.recovered.contains(&checkout));
    // A backend that gives every member one time has none to tell.
    let mut hatchling = situation("hatchling 1.25.0");
    hatchling.stamps.clear();
    for time in [1_580_601_600, COPIED, COPIED + 6] {
        hatchling.stamp("demo/a.py", time);
    }
    let plan = hatchling.candidates().expect("plans").remove(0).plan;
    assert_eq!(clock_of(&plan), None);
}

#[test]
fn several_times_of_copied_files_come_with_a_source_distribution_alone() {
    let mut situation = stamped(&[COPIED, COPIED + 2], &[MADE]);
    assert_eq!(
        clock_of(&situation.candidates().expect("plans")[0].plan),
        None
    );
    situation.use_sdist();
    let plan = &situation.candidates().expect("plans")[0].plan;
    assert_eq!(clock_of(plan), Some(MADE));
    assert!(
        !plan
            .recovered
            .iter()
            .any(|fact| matches!(fact, RecoveredFact::CheckoutTime { .. }))
    );
}

#[test]
fn the_phases_of_a_build_may_lie_in_seconds_of_their_own_and_no_further_apart() {
    let clock = |early: i64, last: i64| {
        let mut situation = stamped(&[COPIED], &[]);
        for (name, time) in [
            ("METADATA", MADE),
            ("WHEEL", MADE),
            ("top_level.txt", early),
            ("RECORD", last),
        ] {
            situation.stamp(&format!("demo-1.0.dist-info/{name}"), time);
        }
        let plan = situation.candidates().expect("plans").remove(0).plan;
        plan.recovered.iter().find_map(|fact| match fact {
            RecoveredFact::BuildClock { began, ended, .. } => Some((*began, *ended)),
            _ => None,
        })
    };
    assert_eq!(clock(MADE, MADE), Some((None, None)));
    assert_eq!(
        clock(MADE - 60, MADE + 60),
        Some((Some(MADE - 60), Some(MADE + 60)))
    );
    assert_eq!(clock(MADE - 62, MADE), None);
    assert_eq!(clock(MADE, MADE + 62), None);
    assert_eq!(clock(MADE + 2, MADE + 2), None);
    assert_eq!(clock(MADE, MADE - 2), None);
}

#[test]
fn an_older_file_that_the_source_distribution_brings_along_does_not_hide_the_clock() {
    let mut situation = stamped(&[COPIED, COPIED + 2], &[MADE]);
    situation.stamp("demo-1.0.dist-info/zip-safe", MADE - 300);
    situation.use_sdist();
    let clock = |situation: &Situation| {
        let plan = &situation.candidates().expect("plans")[0].plan;
        clock_of(plan)
    };
    assert_eq!(clock(&situation), None);
    situation.source_stamps = vec![MemberStamp {
        name: "demo.egg-info/zip-safe".into(),
        mtime: MADE - 300,
        mode: 0o644,
    }];
    assert_eq!(clock(&situation), Some(MADE));
}

#[test]
fn a_backend_with_times_of_its_own_needs_no_clock() {
    let mut situation = stamped(&[COPIED, COPIED + 2], &[MADE]);
    situation.member(
        "demo-1.0.dist-info/WHEEL",
        "Wheel-Version: 1.0\nGenerator: hatchling 1.29.0\n",
    );
    assert_eq!(
        clock_of(&situation.candidates().expect("plans")[0].plan),
        None
    );
}

#[test]
fn the_clock_runs_for_the_build_and_not_for_what_prepares_it() {
    let plan = &stamped(&[COPIED], &[MADE]).candidates().expect("plans")[0].plan;
    assert!(!plan.env.contains_key("PYTHONPATH"));
    let last = &plan.build.last().expect("a step").run;
    assert!(last[1].starts_with("PYTHONPATH="), "{last:?}");
}

#[test]
fn a_wheel_of_a_distribution_is_tried_with_its_setuptools_last() {
    let last = |generator: &str| {
        let found = situation(generator).candidates().expect("plans");
        found.last().expect("plans").plan.prepare[1].run.clone()
    };
    let pinned = "setuptools==59.6.0".to_owned();
    assert!(last("bdist_wheel (0.37.1)").contains(&pinned));
    assert!(!last("bdist_wheel (0.37.0)").contains(&pinned));
    assert!(!last("setuptools (59.0.0)").contains(&pinned));
    let found = situation("bdist_wheel (0.37.1)")
        .candidates()
        .expect("plans");
    assert_eq!(found.last().expect("plans").plan.image, BEFORE_3_12.image);
}

#[test]
fn a_python_tag_that_setuptools_would_not_take_by_itself_is_asked_for() {
    let asked = |tag: &str, settings: &str| {
        let mut situation = situation("bdist_wheel (0.34.2)");
        situation.release.artifacts[0].name = format!("demo-1.0-{tag}-none-any.whl");
        situation.tree_file("setup.cfg", settings);
        let plan = situation.candidates().expect("plans").remove(0).plan;
        plan.files.get("home/.pydistutils.cfg").cloned()
    };
    let options = |line: &str| Some(format!("[bdist_wheel]\n{line}\n"));
    assert_eq!(asked("py3", ""), None);
    assert_eq!(asked("py2.py3", ""), options("universal = 1"));
    assert_eq!(asked("py2.py3", "[bdist_wheel]\nuniversal = 1\n"), None);
    assert_eq!(asked("py2", ""), options("python-tag = py2"));
    assert_eq!(asked("py37", ""), options("python-tag = py37"));
    for odd in ["cp37", "py", "py3.py2", "py3x", "py3000"] {
        assert_eq!(asked(odd, ""), None, "{odd}");
    }
}

#[test]
fn a_python_in_a_files_name_is_named_again() {
    let mut situation = situation("bdist_wheel (0.34.2)");
    let fact = RecoveredFact::NamedPython {
        version: "3.8".into(),
    };
    let plan = |situation: &Situation| situation.candidates().expect("plans").remove(0).plan;
    assert!(!plan(&situation).recovered.contains(&fact));
    situation.stamps[0].name = "demo-1.0-py3.8-nspkg.pth".into();
    let named = plan(&situation);
    assert!(named.recovered.contains(&fact));
    assert_eq!(named.env["NAMED_PYTHON"], "3.8");
    assert!(named.files["hooks/sitecustomize.py"].contains("_name_python"));
}

#[test]
fn a_wheel_for_a_python_that_no_image_has_is_built_all_the_same() {
    let found = situation("bdist_wheel (0.37.0)")
        .candidates()
        .expect("plans");
    let packs = found[0].plan.build.last().expect("a step that packs");
    let is_told = packs
        .run
        .iter()
        .any(|word| word == "--ignore-requires-python");
    assert!(is_told, "{packs:?}");
}

#[test]
fn no_build_leaves_bytecode_of_the_python_that_it_runs_on_among_the_sources_files() {
    let found = situation("bdist_wheel (0.37.0)")
        .candidates()
        .expect("plans");
    assert!(!found.is_empty());
    for candidate in &found {
        assert_eq!(candidate.plan.env["PYTHONDONTWRITEBYTECODE"], "1");
    }
}

#[test]
fn a_backends_own_program_is_found_and_hides_none_of_the_system() {
    let plan = situation("uv 0.9.0")
        .candidates()
        .expect("plans")
        .remove(0)
        .plan;
    let path: Vec<&str> = plan.env["PATH"].split(':').collect();
    assert_eq!(path.last(), Some(&"/build/venv/bin"));
    assert!(path.contains(&"/usr/bin"));
}

#[test]
fn a_wheel_that_was_built_in_the_unpacked_source_is_built_by_the_hook_alone_and_then_by_pip() {
    let mut situation = stamped(&[COPIED], &[MADE]);
    situation.use_sdist();
    let hooks = |situation: &Situation| -> Vec<bool> {
        let calls = |plan: &Plan| {
            let packs = plan.build.last().expect("a step");
            packs.run.iter().any(|word| word == "build_wheel")
        };
        let found = situation.candidates().expect("plans");
        found.iter().map(|found| calls(&found.plan)).collect()
    };
    assert!(!hooks(&situation).contains(&true));
    situation.stamp("demo-1.0.dist-info/pbr.json", MADE - 4);
    situation.source_stamps = vec![MemberStamp {
        name: "demo.egg-info/pbr.json".into(),
        mtime: MADE - 4,
        mode: 0o644,
    }];
    let found = hooks(&situation);
    assert!(found[0] && found.contains(&false), "{found:?}");
    // The file kept its time, and tells nothing of the clock.
    let plan = &situation.candidates().expect("plans")[0].plan;
    assert_eq!(clock_of(plan), Some(MADE));
    assert!(!plan.env.contains_key("BUILD_CLOCK_BEGAN"));
}

#[test]
fn what_python_unpacks_without_write_permission_is_built_so() {
    let mut situation = stamped(&[COPIED], &[MADE]);
    situation.use_sdist();
    situation.stamp("demo/data.txt", COPIED);
    let filters = |situation: &Situation| {
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let is_told = plan.recovered.contains(&RecoveredFact::DataFilter);
        let chmod = ["chmod", "-R", "go-w", "."].map(str::to_owned);
        assert_eq!(is_told, plan.build[0].run == chmod);
        is_told
    };
    let mut source = |mode| {
        situation.source_stamps = vec![MemberStamp {
            name: "demo/data.txt".into(),
            mtime: COPIED,
            mode,
        }];
        filters(&situation)
    };
    assert!(source(0o664));
    assert!(!source(0o644));
}

#[test]
fn a_folder_for_the_output_is_made_in_the_packages_folder_before_anything_is_built() {
    let mut situation = stamped(&[COPIED], &[MADE]);
    let makes = |situation: &Situation| {
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let name = "wheelhouse".to_owned();
        let is_told = plan
            .recovered
            .contains(&RecoveredFact::OutputFolder { name });
        let mkdir = ["mkdir", "-p", "wheelhouse"].map(str::to_owned);
        let made = plan.build.iter().position(|step| step.run == mkdir);
        assert_eq!(is_told, made.is_some());
        made.is_some_and(|nth| nth + 1 < plan.build.len())
    };
    assert!(!makes(&situation));
    situation.member("demo-1.0.dist-info/top_level.txt", "demo\nwheelhouse\n");
    assert!(makes(&situation));
}
