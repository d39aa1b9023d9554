//! Soundness: whatever is done to a real artifact, unequal bytes are never called
//! identical, the list is never empty, a changed payload is never called less than that and
//! never equivalent, and the cause that is named is the one that was put there.

mod artifact;
mod mutation;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;

use proptest::prelude::*;

use self::artifact::{split, unwrapped};
use self::mutation::{Mutation, mutation};
use super::*;

/// How many mutants the ordinary run makes at least, and the long one below.
const MUTANTS: u32 = 2_000;
const MANY_MUTANTS: u32 = 100_000;

/// How often the right cause must be named, of a hundred.
const RIGHT: usize = 95;

/// What other readers than ours unpack: for each place its kind, the bits that decide what
/// runs, its link and its content.
type Unpacked = BTreeMap<String, (bool, u32, String, Vec<u8>)>;

/// None where it cannot be unpacked whole.
fn unpacked(bytes: &[u8]) -> Option<Unpacked> {
    let (deb, stream) = split(bytes);
    let mut found = match unwrapped(stream) {
        Some(tar) => unpacked_tar(&tar)?,
        None if bytes.starts_with(b"PK") => unpacked_zip(bytes)?,
        None => unpacked_tar(bytes)?,
    };
    if !deb.is_empty() {
        let rest = (true, 0, String::new(), deb.to_vec());
        found.insert("the rest of the package".to_owned(), rest);
    }
    match found.remove("pool/inner") {
        Some((_, _, _, inner)) => unpacked(&inner),
        None => Some(found),
    }
}

fn unpacked_tar(bytes: &[u8]) -> Option<Unpacked> {
    let mut found = Unpacked::new();
    let mut archive = ::tar::Archive::new(bytes);
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let link = entry.link_name_bytes().unwrap_or_default();
        let link = String::from_utf8_lossy(&link).into_owned();
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().ok()?;
        let matters = if kind.is_dir() { 0o6000 } else { 0o6111 };
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        found.insert(name, (kind.is_file(), mode & matters, link, content));
    }
    Some(found)
}

fn unpacked_zip(bytes: &[u8]) -> Option<Unpacked> {
    let mut found = Unpacked::new();
    let mut archive = ::zip::ZipArchive::new(std::io::Cursor::new(bytes)).ok()?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).ok()?;
        let name = entry.name().ok()?.into_owned();
        let matters = if entry.is_dir() { 0o176_000 } else { 0o176_111 };
        let mode = entry.unix_mode().unwrap_or(0) & matters;
        let is_file = entry.is_file();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        found.insert(name, (is_file, mode, String::new(), content));
    }
    Some(found)
}

/// How many mutants there were of each kind, how often the right cause was named, and what
/// was named in its place.
#[derive(Default)]
struct Tally {
    mutants: BTreeMap<&'static str, usize>,
    right: usize,
    judged: usize,
    equivalent: usize,
    confusions: BTreeMap<String, usize>,
}

fn sound(mutation: &Mutation, published_is_mutant: bool, tally: &mut Tally) {
    let Some([original, mutant]) = mutation.apply() else {
        return;
    };
    let (a, b) = if published_is_mutant {
        (&mutant, &original)
    } else {
        (&original, &mutant)
    };
    let differs = match held_against(a, b, mutation.kind()) {
        Comparison::Identical { .. } => {
            assert_eq!(a, b, "unequal bytes are called identical");
            return;
        }
        Comparison::Differs(differs) => differs,
    };
    assert_ne!(a, b, "equal bytes are called different");
    let listed = &differs.differences;
    assert!(!listed.is_empty(), "nothing is said about unequal bytes");
    assert!(listed.iter().all(|d| !d.detail.is_empty()), "{listed:#?}");
    *tally.mutants.entry(mutation.change.name()).or_default() += 1;
    if differs.equivalence.is_some() {
        tally.equivalent += 1;
        assert!(
            unpacked(a).is_some() && unpacked(a) == unpacked(b),
            "a payload that changed is called equivalent: {listed:#?}"
        );
    }
    if mutation.is_payload() == Some(true) {
        assert!(
            differs.severity() != Severity::Metadata && differs.equivalence.is_none(),
            "a payload that changed is called wrapping: {listed:#?}"
        );
    }
    let Some(causes) = mutation.causes() else {
        return;
    };
    tally.judged += 1;
    let named: Vec<Cause> = differs.causes.iter().map(|c| c.cause).collect();
    let too_bad = mutation.is_payload() == Some(false) && differs.severity() != Severity::Metadata;
    if causes.iter().any(|c| named.contains(c)) && !too_bad {
        tally.right += 1;
    } else {
        let names: Vec<&str> = named.iter().map(|c| c.name()).collect();
        let line = format!(
            "{} ({:?} in {:?}): {} {}",
            mutation.change.name(),
            mutation.artifact().kind,
            mutation.nest,
            differs.severity().name(),
            names.join(", ")
        );
        *tally.confusions.entry(line).or_default() += 1;
    }
}

fn run(least: u32) {
    let config = ProptestConfig {
        // A change that changes nothing of its artifact makes no mutant.
        cases: least + least / 4,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let tally = RefCell::new(Tally::default());
    proptest!(config, |(mutation in mutation(), turn: bool)| {
        sound(&mutation, turn, &mut tally.borrow_mut());
    });
    let tally = tally.into_inner();
    let mutants: usize = tally.mutants.values().sum();
    println!("{mutants} mutants, {} of them equivalent", tally.equivalent);
    assert!(mutants >= least as usize, "only {mutants} mutants");
    for (name, count) in &tally.mutants {
        println!("{count:6} {name}");
    }
    println!("{} of {} causes are right", tally.right, tally.judged);
    for (confusion, count) in &tally.confusions {
        println!("{count:6} {confusion}");
    }
    assert!(
        tally.right * 100 >= tally.judged * RIGHT,
        "{} of {}: {:#?}",
        tally.right,
        tally.judged,
        tally.confusions
    );
}

#[test]
fn no_mutant_is_called_identical_or_wrongly_equivalent_and_its_cause_is_named() {
    run(MUTANTS);
}

#[test]
#[ignore = "the long run: more than 100,000 mutants, in a release build"]
fn no_mutant_of_many_is_called_identical_or_wrongly_equivalent() {
    run(MANY_MUTANTS);
}
