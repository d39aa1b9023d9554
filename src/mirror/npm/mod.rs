//! Packuments and tarballs that npm asks for (npm registry documentation,
//! "Package Metadata"), below `/npm/`.

mod dating;
mod releases;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use self::dating::Siblings;
use super::{Refusal, Reply, Shared, View, inside, metadata, metadata_slot, package};
use crate::model::{Artifact, DatedBy, Ecosystem, PublishedAt, Purl, TimeSource};

/// The most packages of a scope that are asked for, for the sake of one of them.
const MAX_SIBLINGS: usize = 12;

/// What stands between a package's name and its tarball.
const TARBALL: &str = "/-/";

/// The same in lock files that were written beside a registry of another kind (cnpm),
/// which repeats the scope behind it.
const DOWNLOAD: &str = "/download/";

/// The package and the file that a path below the mirror's root asks for, where it asks for
/// a tarball.
fn tarball(path: &str) -> Option<(&str, &str)> {
    // npm takes the root's own last folder for a part of the path that a lock file names where
    // the package is npm itself, and so asks for less (npm, `@npmcli/arborist`, `reify.js`,
    // `registryResolved`).
    if let Some(file) = path.strip_prefix("-/") {
        return Some(("npm", file));
    }
    path.split_once(TARBALL).or_else(|| {
        let (name, file) = path.split_once(DOWNLOAD)?;
        Some((name, file.rsplit('/').next()?))
    })
}

pub(super) async fn answer(shared: &Shared, path: &str) -> Result<Reply, Refusal> {
    match tarball(path) {
        Some((name, file)) => download(shared, name, file).await,
        None => {
            let packument = view(shared, path).await?;
            Ok(metadata(packument.to_string(), "application/json"))
        }
    }
}

async fn view(shared: &Shared, name: &str) -> Result<Value, Refusal> {
    let _slot = metadata_slot(shared).await;
    let packument = packument(shared, name).await?;
    let siblings = match shared.view.dated_by {
        DatedBy::Manifests => siblings(shared, name, &packument).await,
        DatedBy::Registry => Siblings::new(),
    };
    as_of(packument, name, &shared.view, &siblings).ok_or(Refusal::Absent)
}

/// What is known of the days of packages that others of their scope asked for, so that each is
/// read once in a build.
pub(super) type Dated = Mutex<Siblings>;

/// What dates the packages of the same scope that a package asks for. One whose packument is not
/// to be had dates nothing.
async fn siblings(shared: &Shared, name: &str, own: &Value) -> Siblings {
    let wanted = dating::siblings(name, own);
    let mut found = Siblings::new();
    // Most ask for none, and wait for nobody then.
    if wanted.is_empty() {
        return found;
    }
    let mut dated = shared.dated.lock().await;
    for sibling in wanted.into_iter().take(MAX_SIBLINGS) {
        if !dated.contains_key(&sibling) {
            let packument = packument(shared, &sibling).await.unwrap_or_default();
            let versions = packument["versions"].as_object();
            let days = versions.map(|versions| {
                let days = dating::earliest(&sibling, versions, &Siblings::new()).into_iter();
                days.map(|(version, day)| (version.to_owned(), day))
                    .collect()
            });
            dated.insert(sibling.clone(), days.unwrap_or_default());
        }
        found.insert(sibling.clone(), dated[&sibling].clone());
    }
    found
}

async fn packument(shared: &Shared, name: &str) -> Result<Value, Refusal> {
    let package = Purl::new(Ecosystem::Npm, name, None).map_err(|_| Refusal::Absent)?;
    Ok(shared.registries.npm().packument(package.name()).await?)
}

/// Whether a version is shown, by the registry's times.
fn shown_by_time(times: &Value, version: &str, view: &View) -> bool {
    let published = || {
        let time: Timestamp = times[version].as_str()?.parse().ok()?;
        Some(PublishedAt {
            time,
            source: TimeSource::Registry,
        })
    };
    view.dated_by == DatedBy::Manifests || view.shows(published())
}

/// What is said of a version that its own manifest tells to be later than the view.
const LATER: &str = "later than the cut-off, as its manifest tells";

/// The earliest day of each version, as their own manifests tell it, where those date them.
fn told(
    versions: &Map<String, Value>,
    name: &str,
    view: &View,
    siblings: &Siblings,
) -> BTreeMap<String, Date> {
    if view.dated_by != DatedBy::Manifests {
        return BTreeMap::new();
    }
    dating::earliest(name, versions, siblings)
        .into_iter()
        .map(|(version, day)| (version.to_owned(), day))
        .collect()
}

/// The versions whose own manifests tell that they are later than the view.
fn later(told: &BTreeMap<String, Date>, view: &View) -> BTreeSet<String> {
    let Some(cutoff) = view.cutoff else {
        return BTreeSet::new();
    };
    let day = cutoff.to_zoned(TimeZone::UTC).date();
    told.iter()
        .filter(|(_, earliest)| **earliest > day)
        .map(|(version, _)| version.clone())
        .collect()
}

/// The times of a packument: those of the versions that are left, or, where manifests date
/// them, the days that these tell.
fn set_times(packument: &mut Value, left: &[String], told: Option<&BTreeMap<String, Date>>) {
    if let Some(told) = told {
        let day = |day: &Date| Value::String(format!("{day}T00:00:00.000Z"));
        packument["time"] = told
            .iter()
            .map(|(version, at)| (version.clone(), day(at)))
            .collect();
    } else if let Some(times) = packument.get_mut("time").and_then(Value::as_object_mut) {
        times.retain(|version, _| left.iter().any(|l| l == version));
    }
}

/// The packument as of the view: versions published later and the release under
/// test are left out, `latest` points to the newest stable one that is left, and
/// tarballs are on the mirror. Nothing where no version is left.
///
/// Versions that are later by their manifests stay, as deprecated ones: npm takes those where
/// nothing else will do (npm-pick-manifest, `README.md`, "Algorithm"). What is not known to
/// be later may ask for what is.
fn as_of(mut packument: Value, name: &str, view: &View, siblings: &Siblings) -> Option<Value> {
    let times = packument["time"].clone();
    let versions = packument.get_mut("versions")?.as_object_mut()?;
    versions.retain(|version, _| {
        shown_by_time(&times, version, view) && !view.refuses(Ecosystem::Npm, name, version)
    });
    let told = told(versions, name, view, siblings);
    let later = later(&told, view);
    for version in &later {
        versions[version.as_str()]["deprecated"] = Value::String(LATER.into());
    }
    for (version, entry) in versions.iter_mut() {
        let file = entry["dist"]["tarball"]
            .as_str()
            .and_then(|url| url.rsplit('/').next())
            .map_or_else(|| format!("{version}.tgz"), str::to_owned);
        entry["dist"]["tarball"] = Value::String(inside(&format!("/npm/{name}{TARBALL}{file}")));
    }
    let left: Vec<String> = versions.keys().cloned().collect();
    let latest = left
        .iter()
        .filter_map(|text| Some((!later.contains(text), semver::Version::parse(text).ok()?)))
        .max_by(|(a_then, a), (b_then, b)| {
            (a_then, a.pre.is_empty(), a).cmp(&(b_then, b.pre.is_empty(), b))
        })
        .map(|(_, version)| version)?;
    let by_manifests = view.dated_by == DatedBy::Manifests;
    set_times(&mut packument, &left, by_manifests.then_some(&told));
    if let Some(tags) = packument
        .get_mut("dist-tags")
        .and_then(Value::as_object_mut)
    {
        tags.retain(|_, version| {
            version
                .as_str()
                .is_some_and(|v| left.iter().any(|l| l == v) && !later.contains(v))
        });
        let still = tags.get("latest").is_some();
        if !still {
            tags.insert("latest".into(), Value::String(latest.to_string()));
        }
    }
    Some(packument)
}

async fn download(shared: &Shared, name: &str, file: &str) -> Result<Reply, Refusal> {
    let artifact = shown_artifact(shared, name, file).await?;
    package(shared, &artifact).await
}

/// The artifact of that file name, where the view shows it.
async fn shown_artifact(shared: &Shared, name: &str, file: &str) -> Result<Artifact, Refusal> {
    let _slot = metadata_slot(shared).await;
    let packument = packument(shared, name).await?;
    let versions = packument["versions"].as_object().ok_or(Refusal::Absent)?;
    let may_be_it = |entry: &Value| {
        let place = entry["dist"]["tarball"].as_str();
        place.is_some_and(|place| place.contains(file))
    };
    let artifact = versions
        .iter()
        .filter(|(_, entry)| may_be_it(entry))
        .filter_map(|(version, _)| {
            let artifact = shared.registries.npm().artifact(&packument, version).ok()?;
            (artifact.name == file).then_some((version, artifact))
        })
        .next();
    let (version, artifact) = artifact.ok_or(Refusal::Absent)?;
    if shared.view.refuses(Ecosystem::Npm, name, version) {
        return Err(Refusal::UnderTest);
    }
    if !shown_by_time(&packument["time"], version, &shared.view) {
        return Err(Refusal::Absent);
    }
    Ok(artifact)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packument() -> Value {
        let dist = |v: &str| json!({"dist": {"tarball": format!("http://127.0.0.1:1/demo/-/demo-{v}.tgz")}});
        json!({
            "name": "demo",
            "dist-tags": {"latest": "3.0.0", "next": "4.0.0-rc.1"},
            "versions": {"1.0.0": dist("1.0.0"), "2.0.0": dist("2.0.0"), "3.0.0": dist("3.0.0"), "4.0.0-rc.1": dist("4.0.0-rc.1")},
            "time": {"1.0.0": "2026-01-01T00:00:00Z", "2.0.0": "2026-02-01T00:00:00Z", "3.0.0": "2026-03-01T00:00:00Z"}
        })
    }

    fn seen(cutoff: &str, refuse: &str) -> Option<Value> {
        let view = View {
            cutoff: Some(cutoff.parse().expect("valid")),
            dated_by: DatedBy::Registry,
            refuse: vec![refuse.parse().expect("valid")],
            ..View::default()
        };
        as_of(packument(), "demo", &view, &Siblings::new())
    }

    #[test]
    fn later_versions_are_left_out_and_latest_follows() {
        let packument = seen("2026-02-01T00:00:00Z", "pkg:npm/other@1.0.0").expect("some left");
        let versions = packument["versions"].as_object().expect("versions");
        assert!(versions.contains_key("2.0.0") && !versions.contains_key("3.0.0"));
        assert_eq!(packument["dist-tags"]["latest"], "2.0.0");
        assert!(packument["time"]["3.0.0"].is_null());
    }

    #[test]
    fn npm_itself_is_served_where_npm_asks_for_it() {
        assert_eq!(tarball("-/npm-10.9.3.tgz"), Some(("npm", "npm-10.9.3.tgz")));
        assert_eq!(
            tarball("npm/-/npm-1.0.0.tgz"),
            Some(("npm", "npm-1.0.0.tgz"))
        );
        assert_eq!(
            tarball("@s/demo/-/demo-1.0.0.tgz"),
            Some(("@s/demo", "demo-1.0.0.tgz"))
        );
        assert_eq!(tarball("demo"), None);
    }

    #[test]
    fn a_tarball_is_served_where_a_registry_of_another_kind_has_it() {
        let asked = "@s/demo/download/@s/demo-1.0.0.tgz";
        assert_eq!(tarball(asked), Some(("@s/demo", "demo-1.0.0.tgz")));
        let own = "download/-/download-1.0.0.tgz";
        assert_eq!(tarball(own), Some(("download", "download-1.0.0.tgz")));
        assert_eq!(tarball("download"), None);
    }

    #[test]
    fn the_release_under_test_is_not_listed() {
        let packument = seen("2026-02-01T00:00:00Z", "pkg:npm/demo@2.0.0").expect("some left");
        assert!(packument["versions"]["2.0.0"].is_null());
        assert_eq!(packument["dist-tags"]["latest"], "1.0.0");
    }

    #[test]
    fn manifests_date_versions_where_the_registrys_times_are_passed_over() {
        let mut packument = packument();
        packument["versions"]["3.0.0"]["devDependencies"] = json!({"typescript": "^4.2.0"});
        let latest = |cutoff: &str| {
            let view = View {
                cutoff: Some(cutoff.parse().expect("valid")),
                dated_by: DatedBy::Manifests,
                ..View::default()
            };
            let packument =
                as_of(packument.clone(), "demo", &view, &Siblings::new()).expect("some left");
            let versions = packument["versions"].as_object().expect("versions");
            // All stay, since what is shown may ask for them.
            assert_eq!(versions.len(), 4);
            assert!(versions["2.0.0"]["deprecated"].is_null());
            assert_eq!(
                packument["time"],
                json!({"3.0.0": "2021-02-23T00:00:00.000Z", "4.0.0-rc.1": "2021-02-23T00:00:00.000Z"})
            );
            (
                packument["dist-tags"]["latest"].to_string(),
                versions["3.0.0"]["deprecated"].is_string(),
            )
        };
        assert_eq!(
            latest("2021-02-22T23:59:59Z"),
            ("\"2.0.0\"".to_owned(), true)
        );
        assert_eq!(
            latest("2021-02-23T00:00:00Z"),
            ("\"3.0.0\"".to_owned(), false)
        );
    }

    #[test]
    fn tarballs_are_on_the_mirror() {
        let packument = seen("2026-02-01T00:00:00Z", "pkg:npm/other@1.0.0").expect("some left");
        let tarball = packument["versions"]["1.0.0"]["dist"]["tarball"]
            .as_str()
            .expect("text");
        assert!(tarball.ends_with("/npm/demo/-/demo-1.0.0.tgz"), "{tarball}");
        assert!(!tarball.contains("127.0.0.1:1/"), "{tarball}");
    }
}
