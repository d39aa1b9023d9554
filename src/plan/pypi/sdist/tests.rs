//! Inference of source distributions, each rule on both sides of its boundary.

use super::super::super::testing::Situation;
use super::super::super::{GzipMarks, supported};
use super::*;
use crate::model::{PublishedAt, TimeSource};

const COMMIT_TIME: i64 = 1_700_000_000;

fn situation(requires: &str, backend: &str) -> Situation {
    let mut situation = Situation::sdist();
    situation.tree_file(
        "pyproject.toml",
        &format!("[build-system]\nrequires = [{requires:?}]\nbuild-backend = {backend:?}\n"),
    );
    situation.stamp_all(&[COMMIT_TIME]);
    situation
}

fn flit() -> Situation {
    situation("flit_core >=3.2,<4", "flit_core.buildapi")
}

fn beside(situation: &mut Situation, generator: &str) {
    let wheel = format!("Wheel-Version: 1.0\nGenerator: {generator}\n");
    situation
        .companion
        .insert("demo-1.0.dist-info/WHEEL".into(), wheel.into());
}

fn installed(candidate: &Candidate) -> Vec<&str> {
    let install = &candidate.plan.prepare[1].run;
    let words = install.iter().skip_while(|word| *word != "install");
    words.skip(2).map(String::as_str).collect()
}

fn gzip_time(situation: &mut Situation, mtime: i64) {
    situation.gzip = Some(GzipMarks {
        mtime: u32::try_from(mtime).expect("a time"),
        xfl: 2,
        os: 255,
        reference_level: None,
        cargo_zlib: None,
        node_zlib: None,
    });
}

#[test]
fn the_wheel_beside_it_pins_the_backend_whose_hook_is_called() {
    let mut situation = flit();
    beside(&mut situation, "flit 3.9.0");
    let found = situation.candidates().expect("plans");
    assert_eq!(installed(&found[0]), ["flit-core==3.9.0"]);
    let plan = &found[0].plan;
    let told = RecoveredFact::Generator {
        name: "flit".into(),
        version: "3.9.0".into(),
    };
    assert!(plan.recovered.contains(&told));
    assert_eq!(plan.output, "out/demo-1.0.tar.gz");
    assert_eq!(
        plan.build[0].run,
        [
            "/build/venv/bin/python",
            "/build/front/build.py",
            "/build/out",
            "build_sdist",
            "flit_core.buildapi"
        ]
    );
    assert!(plan.files.contains_key("front/build.py"));
}

#[test]
fn hidden_files_are_packed_by_flits_own_command_and_by_no_other() {
    let first = |situation: &Situation| {
        let found = situation.candidates().expect("plans");
        let told: Vec<String> = installed(&found[0])
            .iter()
            .map(ToString::to_string)
            .collect();
        (told, found[0].plan.clone())
    };
    let mut tracked = flit();
    tracked.stamp("src/.hidden", COMMIT_TIME);
    beside(&mut tracked, "flit 3.9.0");
    assert_eq!(first(&tracked).0, ["flit-core==3.9.0"]);
    tracked.stamp(".gitignore", COMMIT_TIME);
    let (told, plan) = first(&tracked);
    assert_eq!(told, ["flit-core==3.9.0", "flit==3.9.0"]);
    assert_eq!(plan.build[0].run[1..4], ["-m", "flit", "build"]);
    assert_eq!(plan.output, "src/dist/demo-1.0.tar.gz");
    let mut other = situation("hatchling", "hatchling.build");
    other.stamp(".gitignore", COMMIT_TIME);
    assert_eq!(first(&other).0, ["hatchling"]);
}

#[test]
fn a_wheel_of_another_backend_tells_nothing_and_one_of_setuptools_old_command_does() {
    let mut situation = flit();
    beside(&mut situation, "hatchling 1.25.0");
    let found = situation.candidates().expect("plans");
    assert_eq!(installed(&found[0]), ["flit_core >=3.2,<4"]);
    let mut situation = self::situation("setuptools>=61", "setuptools.build_meta");
    beside(&mut situation, "bdist_wheel (0.43.0)");
    let found = situation.candidates().expect("plans");
    let told = installed(&found[0]);
    assert!(told.contains(&"wheel==0.43.0"), "{told:?}");
    assert!(told.contains(&"setuptools<70.1"), "{told:?}");
}

#[test]
fn without_a_wheel_the_newest_that_writes_this_metadata_is_tried_and_then_the_newest() {
    let mut situation = flit();
    let tools = |situation: &Situation| -> Vec<Vec<String>> {
        let found = situation.candidates().expect("plans");
        let mut tools: Vec<Vec<String>> = found
            .iter()
            .map(|one| installed(one).iter().map(ToString::to_string).collect())
            .collect();
        tools.dedup();
        tools
    };
    let newest = vec!["flit_core >=3.2,<4".to_owned()];
    situation.member("PKG-INFO", "Metadata-Version: 2.4\nName: demo\n");
    assert_eq!(tools(&situation), std::slice::from_ref(&newest));
    situation.member("PKG-INFO", "Metadata-Version: 2.3\nName: demo\n");
    let bounded = vec![newest[0].clone(), "flit-core<3.11".to_owned()];
    assert_eq!(tools(&situation), [bounded, newest.clone()]);
    let found = situation.candidates().expect("plans");
    assert!(matches!(
        &found[0].plan.recovered[..],
        [RecoveredFact::Toolchain { name, version }, ..] if name == "flit-core" && version == "<3.11"
    ));
    // What is no header says nothing.
    situation.member("PKG-INFO", "Name: demo\n\nMetadata-Version: 2.1\n");
    assert_eq!(tools(&situation), [newest]);
}

#[test]
fn a_source_without_a_build_system_is_setuptools_as_its_first_version_was_called() {
    let mut situation = Situation::sdist();
    situation.stamp_all(&[COMMIT_TIME]);
    let found = situation.candidates().expect("plans");
    assert_eq!(installed(&found[0]), ["setuptools"]);
    assert_eq!(
        found[0].plan.build[0].run.last().map(String::as_str),
        Some("setuptools.build_meta:__legacy__")
    );
}

#[test]
fn a_backend_of_the_sources_own_is_called_where_it_lies() {
    let build = |backend: &str, generator: Option<&str>| {
        let mut situation = Situation::sdist();
        situation.stamp_all(&[COMMIT_TIME]);
        situation.tree_file(
            "pyproject.toml",
            &format!(
                "[build-system]\nrequires = []\nbuild-backend = {backend:?}\nbackend-path = [\"back\"]\n"
            ),
        );
        if let Some(generator) = generator {
            beside(&mut situation, generator);
        }
        let found = situation.candidates().expect("plans");
        let last = found[0].plan.build.last().expect("a step");
        assert!(found[0].plan.build.iter().all(|step| step.run[0] != "sed"));
        last.run.last().cloned()
    };
    assert_eq!(build("own", None).as_deref(), Some("back"));
    assert_eq!(
        build("own", Some("setuptools (70.0.0)")).as_deref(),
        Some("back")
    );
    // The wheel names a release of the known one, which is in the registry.
    assert_eq!(
        build("flit_core.buildapi", Some("flit 3.9.0")).as_deref(),
        Some("flit_core.buildapi")
    );
}

#[test]
fn one_time_is_an_epoch_where_the_backend_would_have_given_it() {
    let epochs = |situation: &Situation| -> Vec<Option<String>> {
        let found = situation.candidates().expect("plans");
        let mut seen: Vec<_> = found
            .iter()
            .map(|one| one.plan.env.get("SOURCE_DATE_EPOCH").cloned())
            .collect();
        seen.dedup();
        seen
    };
    let at = |time: i64| Some(time.to_string());
    let mut flit = flit();
    gzip_time(&mut flit, COMMIT_TIME);
    assert_eq!(epochs(&flit)[0], at(COMMIT_TIME));
    // A member that the backend wrote without a file has no time.
    flit.stamp("PKG-INFO", 0);
    assert_eq!(epochs(&flit)[0], at(COMMIT_TIME));
    gzip_time(&mut flit, COMMIT_TIME + 1);
    assert_eq!(epochs(&flit), [None]);
    gzip_time(&mut flit, COMMIT_TIME);
    flit.stamp("m", COMMIT_TIME + 1);
    assert_eq!(epochs(&flit), [None]);

    let mut hatchling = situation("hatchling", "hatchling.build");
    gzip_time(&mut hatchling, COMMIT_TIME);
    assert_eq!(epochs(&hatchling)[0], at(COMMIT_TIME));
    hatchling.stamp_all(&[1_580_601_600]);
    gzip_time(&mut hatchling, 1_580_601_600);
    assert_eq!(epochs(&hatchling), [None]);

    let mut poetry = situation("poetry-core", "poetry.core.masonry.api");
    gzip_time(&mut poetry, 0);
    assert_eq!(epochs(&poetry)[0], at(COMMIT_TIME));
    let mut setuptools = situation("setuptools", "setuptools.build_meta");
    gzip_time(&mut setuptools, COMMIT_TIME);
    assert_eq!(epochs(&setuptools), [None]);
}

#[test]
fn of_wheels_the_nearest_in_time_is_read_and_none_of_another_day() {
    let mut situation = Situation::sdist();
    let mut add = |name: &str, time: &str, size: u64| {
        let mut wheel = situation.release.artifacts[0].clone();
        wheel.name = name.into();
        wheel.kind = ArtifactKind::of_pypi_file(name);
        wheel.size = Some(size);
        wheel.published_at = Some(PublishedAt {
            time: time.parse().expect("valid"),
            source: TimeSource::Registry,
        });
        situation.release.artifacts.push(wheel);
        let release = &situation.release;
        wanted_companion(release, &release.artifacts[0]).map(|wheel| wheel.name.clone())
    };
    assert_eq!(
        add("late-1.0-py3-none-any.whl", "2026-01-01T01:00:01Z", 1),
        None
    );
    assert_eq!(
        add("demo-1.0-cp311-cp311-win32.whl", "2026-01-01T00:00:00Z", 1),
        None
    );
    let large = MAX_COMPANION + 1;
    assert_eq!(
        add("huge-1.0-py3-none-any.whl", "2026-01-01T00:00:00Z", large),
        None
    );
    let far = "far-1.0-py3-none-any.whl";
    assert_eq!(add(far, "2025-12-31T23:00:00Z", 1).as_deref(), Some(far));
    let near = "near-1.0-py3-none-any.whl";
    assert_eq!(add(near, "2026-01-01T00:01:00Z", 1).as_deref(), Some(near));
    // A wheel needs none.
    let release = &situation.release;
    assert!(wanted_companion(release, &release.artifacts[1]).is_none());
}

#[test]
fn old_forms_of_source_distributions_are_unsupported_and_said_to_be_old() {
    let mut artifact = Situation::sdist().release.artifacts[0].clone();
    assert!(supported(&artifact).is_ok());
    for (name, said) in [
        ("demo-1.0.zip", ".tar.gz"),
        ("demo-1.0.tar.bz2", ".tar.gz"),
        ("demo-1.0.exe", "kind of file"),
    ] {
        artifact.name = name.into();
        artifact.kind = ArtifactKind::of_pypi_file(name);
        let error = supported(&artifact).expect_err(name).to_string();
        assert!(error.contains(said) && error.contains(name), "{error}");
    }
}
