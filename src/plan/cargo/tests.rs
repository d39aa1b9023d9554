//! Which plans a crate gets.

use super::super::testing::Situation;
use super::super::{CargoHome, FileModes};
use super::marks::FIXED_TIME;
use super::*;
use crate::model::{Network, RecoveredFact, Sha256Digest, Yanked};

fn cargos(versions: &[&str]) -> Vec<CargoToolchain> {
    versions
        .iter()
        .map(|v| CargoToolchain {
            version: v.parse().expect("valid"),
            home: CargoHome::Kept(crate::model::Digest::Sha256(Sha256Digest::of(v))),
        })
        .collect()
}

fn cargo_of(candidate: &Candidate) -> String {
    candidate
        .plan
        .recovered
        .iter()
        .find_map(|fact| match fact {
            RecoveredFact::Toolchain { version, .. } => Some(version.clone()),
            _ => None,
        })
        .expect("a toolchain is recovered")
}

#[test]
fn a_cargo_of_the_artifacts_era_is_chosen_before_a_newer_one() {
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.95.0", "1.85.0"]);
    situation.stamp_all(&[FIXED_TIME, 1]);
    let found = situation.candidates().expect("plans");
    assert_eq!(found.len(), 1);
    assert_eq!(cargo_of(&found[0]), "1.85.0");
}

#[test]
fn without_a_cargo_of_the_era_the_newest_is_tried_and_says_so() {
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.85.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    let found = situation.candidates().expect("plans");
    assert_eq!(cargo_of(&found[0]), "1.85.0");
    assert!(found[0].reasons["plan.image"].contains("nearest"));
}

#[test]
fn the_published_lock_is_used_only_where_the_source_tracks_none() {
    let lock = "version = 4\n[[package]]\nname = \"demo\"\nversion = \"1.0.0\"\n";
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.95.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    situation.member("Cargo.lock", lock);
    let found = situation.candidates().expect("plans");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].plan.files["src/Cargo.lock"], lock);
    assert!(!found[1].plan.files.contains_key("src/Cargo.lock"));

    situation.tree_file("/Cargo.lock", "version = 4\n");
    let found = situation.candidates().expect("plans");
    assert_eq!(found.len(), 1);
    assert!(!found[0].plan.files.contains_key("src/Cargo.lock"));
}

#[test]
fn what_was_yanked_since_is_to_be_had_where_the_crate_does_not_show_what_cargo_took() {
    let lock = "version = 4\n[[package]]\nname = \"demo\"\nversion = \"1.0.0\"\n";
    let yanked = |situation: &Situation| -> Vec<Yanked> {
        let found = situation.candidates().expect("plans");
        found.iter().map(|found| found.plan.yanked).collect()
    };
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.95.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    assert_eq!(yanked(&situation), [Yanked::Restored], "no lock file in it");
    situation.tree_file("/Cargo.lock", lock);
    assert_eq!(yanked(&situation), [Yanked::Restored], "nor the source's");
    situation.member("Cargo.lock", lock);
    assert_eq!(yanked(&situation), [Yanked::Today], "the source's");

    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.95.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    situation.member("Cargo.lock", lock);
    assert_eq!(
        yanked(&situation),
        [Yanked::Restored, Yanked::Today],
        "the publisher's, which names them; then what cargo takes"
    );
}

#[test]
fn a_lock_file_that_leaves_the_registry_is_not_used() {
    let foreign = "version = 4\n[[package]]\nname = \"evil\"\nversion = \"1.0.0\"\nsource = \"git+https://git.example/evil#0\"\n";
    assert!(matches!(
        registry_entries(foreign),
        Err(LockError::ForeignSource { .. })
    ));
    let unchecked = "version = 4\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"registry+https://registry.example\"\n";
    assert!(matches!(
        registry_entries(unchecked),
        Err(LockError::NoChecksum { .. })
    ));

    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.95.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    situation.member("Cargo.lock", foreign);
    let found = situation.candidates().expect("plans");
    assert_eq!(found.len(), 1);
    assert!(!found[0].plan.files.contains_key("src/Cargo.lock"));
}

#[test]
fn a_dirty_crate_is_packed_with_allow_dirty_and_a_clean_one_without() {
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.95.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    situation.member(".cargo_vcs_info.json", r#"{"git":{"sha1":"x"}}"#);
    let flags = |s: &Situation| s.candidates().expect("plans")[0].plan.build[0].run.clone();
    assert!(!flags(&situation).contains(&"--allow-dirty".to_owned()));
    situation.member(
        ".cargo_vcs_info.json",
        r#"{"git":{"sha1":"x","dirty":true}}"#,
    );
    assert!(flags(&situation).contains(&"--allow-dirty".to_owned()));
}

#[test]
fn a_cargo_that_reads_no_sparse_index_is_given_a_local_registry_and_no_network() {
    let lock = "[[package]]\nname = \"log\"\nversion = \"0.4.8\"\nsource = \"registry+https://registry.example\"\n";
    for (version, sparse) in [("1.46.0", false), ("1.67.0", false), ("1.68.0", true)] {
        let mut situation = Situation::cargo();
        situation.cargos = cargos(&[version]);
        situation.stamp_all(&[FIXED_TIME, 1]);
        situation.tree_file("/Cargo.lock", lock);
        let wanted = situation.with_facts(wanted_index);
        assert_eq!(wanted.is_empty(), sparse, "{version}");
        situation.index = vec![crate::plan::IndexLine {
            file: "3/l/log".into(),
            line: "{}".into(),
        }];
        let plan = &situation.candidates().expect("plans")[0].plan;
        assert_eq!(plan.build_network == Network::Mirror, sparse, "{version}");
        assert_eq!(
            plan.files.contains_key("registry/index/3/l/log"),
            !sparse,
            "{version}"
        );
    }
}

#[test]
fn a_crate_without_vcs_info_was_packed_with_allow_dirty_while_cargo_left_it_out_then() {
    for (version, allowed) in [("1.79.0", true), ("1.80.0", false)] {
        let mut situation = Situation::cargo();
        situation.cargos = cargos(&[version]);
        situation.stamp_all(&[FIXED_TIME, 1]);
        let plan = &situation.candidates().expect("plans")[0].plan;
        let flag = plan.build[0].run.contains(&"--allow-dirty".to_owned());
        assert_eq!(flag, allowed, "{version}");
    }
}

#[test]
fn a_workspaces_lock_file_that_names_git_is_taken_away_where_the_crate_holds_none() {
    let git = "[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"git+https://git.example/x#0\"\n";
    let registry = git.replace("git+", "registry+");
    let first_step = |situation: &Situation| {
        let plans = situation.candidates().expect("plans");
        plans[0].plan.build[0].run[0].clone()
    };
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.78.0"]);
    situation.stamp_all(&[FIXED_TIME, 1]);
    situation.tree_file("/Cargo.lock", git);
    // The package's own: git would call it deleted.
    assert_ne!(first_step(&situation), "rm");
    situation.directory("member");
    assert_eq!(first_step(&situation), "rm");
    situation.tree_file("/Cargo.lock", &registry);
    assert_ne!(first_step(&situation), "rm");
    situation.tree_file("/Cargo.lock", git);
    situation.member("Cargo.lock", "version = 4\n");
    assert_ne!(first_step(&situation), "rm");
}

#[test]
fn a_lock_file_of_the_publishers_is_no_change_of_the_work_tree() {
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.95.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    situation.member("Cargo.lock", "version = 4\n");
    let plans = situation.candidates().expect("plans");
    let excluded = |nth: usize| plans[nth].plan.files.contains_key("src/.git/info/exclude");
    assert_eq!((excluded(0), excluded(1)), (true, false));
}

#[test]
fn without_any_cargo_the_error_says_what_to_do() {
    let situation = Situation::cargo();
    let error = situation.candidates().expect_err("no cargo").to_string();
    assert!(error.contains("remint images build"), "{error}");
}

#[test]
fn a_git_that_took_names_without_regard_to_case_is_set_up_so_again() {
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.42.0"]);
    let config = |situation: &Situation| {
        let found = situation.candidates().expect("plans");
        found[0].plan.files.get("home/.gitconfig").cloned()
    };
    for name in ["Cargo.toml.orig", "Cargo.toml", "LICENSE"] {
        situation.stamp(name, 1_580_000_000);
    }
    assert_eq!(config(&situation), None);
    situation.stamps[0].name = "build.rs".into();
    situation.stamps.push(situation.stamps[0].clone());
    situation.stamps[0].name = "appveyor.yml".into();
    assert_eq!(config(&situation), None, "`build.rs` after `LICENSE`");
    situation.stamps[3].name = "src/lib.rs".into();
    let config = config(&situation).expect("git is set up");
    assert!(config.contains("ignorecase = true"));
}

#[test]
fn files_that_may_all_be_run_tell_a_drive_of_windows_and_one_that_may_not_tells_against_it() {
    let mut situation = Situation::cargo();
    situation.cargos = cargos(&["1.65.0"]);
    situation.stamp_all(&[FIXED_TIME]);
    let mut told = |modes: &[(bool, bool)]| {
        let modes = modes.iter();
        situation.modes = modes
            .map(|&(source, published)| FileModes { published, source })
            .collect();
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let runs = |program: &str| plan.build.iter().any(|step| step.run[0] == program);
        let is_told = plan.recovered.contains(&RecoveredFact::AllExecutable);
        assert_eq!((runs("chmod"), runs("sh")), (is_told, is_told));
        // Cargo finds the checkout so, and packs last.
        assert_eq!(plan.build.last().expect("a step").run[1], "package");
        is_told
    };
    assert!(told(&[(false, true), (true, true)]));
    assert!(!told(&[(false, true), (false, false)]));
    assert!(!told(&[(true, true)]), "as in the source");
    assert!(!told(&[]));
}
