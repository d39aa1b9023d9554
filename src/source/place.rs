//! Where a repository is read from: upstream, or what the operator put in its place.
//!
//! Pure but for looking whether an operator's folder exists. A package can only
//! ever choose an [`Upstream`]; a folder, `git://` or plain http comes from
//! `[source.mirror]` or `--source`, which are the operator's own words.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use url::Url;

use super::Error;
use super::address::{Upstream, clean, is_plain};

/// One place to read a repository from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A repository on this machine; opened where it is, never written to.
    Folder(PathBuf),
    /// An address; fetched into the cache.
    Remote(String),
}

/// A repository, with the places where it can be read, in the order to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// How records name it. Never a path of this machine.
    pub(crate) shown: String,
    /// Its upstream address, where one is known.
    pub(crate) upstream: Option<Upstream>,
    /// Where to read it.
    pub(crate) places: Vec<Place>,
    /// Whether something stands in for upstream.
    pub(crate) mirrored: bool,
}

/// Addresses that an operator may name.
const OPERATOR_SCHEMES: [&str; 3] = ["https", "http", "git"];

/// Finds the places of `upstream`, which a package or its source names: the longest prefix
/// of the source mirror, or upstream itself.
///
/// # Errors
/// [`Error::BadAddress`] where the mirror's location is none, or where a package would have
/// this machine ask itself.
pub(crate) fn target_of(
    mirror: &BTreeMap<String, String>,
    upstream: &Upstream,
) -> Result<Target, Error> {
    let target = target(mirror, upstream)?;
    if !target.mirrored && upstream.is_of_this_machine() {
        return Err(Error::BadAddress {
            text: upstream.to_string(),
            reason: "it is this machine's own, which is asked only where `--source` or [source.mirror] names it".into(),
        });
    }
    Ok(target)
}

fn target(mirror: &BTreeMap<String, String>, upstream: &Upstream) -> Result<Target, Error> {
    let mirrored = longest_prefix(mirror, upstream);
    let places = match mirrored {
        Some((location, rest)) => mirror_places(location, rest, upstream)?,
        None => with_suffix(&Place::Remote(upstream.as_str().to_owned())),
    };
    Ok(Target {
        shown: upstream.to_string(),
        upstream: Some(upstream.clone()),
        mirrored: mirrored.is_some(),
        places,
    })
}

/// Finds the place that the operator named with `--source`.
///
/// # Errors
/// [`Error::BadAddress`] where it is neither a folder nor an address.
pub(crate) fn target_of_operator(
    mirror: &BTreeMap<String, String>,
    text: &str,
) -> Result<Target, Error> {
    if let Some(scheme) = scheme(text) {
        if matches!(scheme, "https" | "http")
            && let Ok(cleaned) = clean(text, false)
            && (scheme == "https" || cleaned.upstream.as_str().starts_with("http:"))
        {
            return target(mirror, &cleaned.upstream);
        }
        let place = location(text)?;
        let shown = match &place {
            Place::Remote(url) => url.trim_end_matches(".git").to_owned(),
            Place::Folder(path) => shown_folder(path),
        };
        return Ok(Target {
            shown,
            upstream: None,
            mirrored: matches!(place, Place::Folder(_)),
            places: vec![place],
        });
    }
    let folder = Path::new(text);
    if folder.is_dir() {
        return Ok(Target {
            shown: shown_folder(folder),
            upstream: None,
            places: vec![Place::Folder(folder.to_path_buf())],
            mirrored: true,
        });
    }
    match clean(text, true) {
        Ok(cleaned) => target(mirror, &cleaned.upstream),
        Err(_) => Err(Error::BadAddress {
            text: text.to_owned(),
            reason: "there is no folder of that name and it is no address".into(),
        }),
    }
}

/// `file:` and the folder's own name: enough for a person, nothing of the machine.
fn shown_folder(path: &Path) -> String {
    let named = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = named
        .components()
        .rev()
        .filter_map(|part| part.as_os_str().to_str())
        .find(|part| *part != ".git" && *part != "/")
        .unwrap_or("repository");
    format!("file:{}", name.trim_end_matches(".git"))
}

fn scheme(text: &str) -> Option<&str> {
    text.find("://").map(|at| &text[..at])
}

/// The mirror's entry with the longest prefix that ends at a segment's border,
/// and what of the address comes after it.
fn longest_prefix<'m, 'u>(
    mirror: &'m BTreeMap<String, String>,
    upstream: &'u Upstream,
) -> Option<(&'m str, &'u str)> {
    let url = upstream.as_str();
    mirror
        .iter()
        .filter_map(|(prefix, location)| {
            let prefix = prefix.trim_end_matches(".git").trim_end_matches('/');
            let rest = url.strip_prefix(prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| {
                (
                    prefix.len(),
                    location.as_str(),
                    rest.trim_start_matches('/'),
                )
            })
        })
        .max_by_key(|(length, ..)| *length)
        .map(|(_, location, rest)| (location, rest))
}

/// Puts the rest of the upstream path after a mirror's location, or its parts in
/// place of `{owner}` and `{name}`.
fn mirror_places(text: &str, rest: &str, upstream: &Upstream) -> Result<Vec<Place>, Error> {
    let segments = upstream.segments();
    // An `Upstream` holds plain segments only; this is what the folder's safety
    // rests on, so it is asked again here.
    if !segments.iter().all(|segment| is_plain(segment)) {
        return Err(Error::BadAddress {
            text: upstream.to_string(),
            reason: "its path holds characters that no repository's path has".into(),
        });
    }
    if text.contains("{name}") || text.contains("{owner}") {
        let (name, owner) = segments
            .split_last()
            .map_or(("", String::new()), |(n, o)| (*n, o.join("/")));
        let filled = text.replace("{owner}", &owner).replace("{name}", name);
        return Ok(with_suffix(&location(&filled)?));
    }
    let place = match location(text)? {
        place if rest.is_empty() => place,
        Place::Folder(folder) => Place::Folder(folder.join(rest)),
        Place::Remote(url) => Place::Remote(format!("{}/{rest}", url.trim_end_matches('/'))),
    };
    Ok(with_suffix(&place))
}

/// A place and the same with `.git`, since upstream addresses come without.
fn with_suffix(place: &Place) -> Vec<Place> {
    let suffixed = match place {
        Place::Folder(path) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".git");
            Place::Folder(name.into())
        }
        Place::Remote(url) => Place::Remote(format!("{url}.git")),
    };
    vec![place.clone(), suffixed]
}

/// Reads a location that an operator wrote.
fn location(text: &str) -> Result<Place, Error> {
    let bad = |reason: String| Error::BadAddress {
        text: text.to_owned(),
        reason,
    };
    match scheme(text) {
        None if text.contains("::") => Err(bad("transport helpers are not run".into())),
        None => Ok(Place::Folder(text.into())),
        Some("file") => Url::parse(text)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .map(Place::Folder)
            .ok_or_else(|| bad("it names no folder of this machine".into())),
        Some(scheme) if OPERATOR_SCHEMES.contains(&scheme) => {
            let mut url = Url::parse(text).map_err(|e| bad(e.to_string()))?;
            // remint holds no credentials for git hosts and writes addresses
            // into records.
            if url.set_username("").is_err() || url.set_password(None).is_err() {
                return Err(bad("it has no host".into()));
            }
            Ok(Place::Remote(url.as_str().trim_end_matches('/').to_owned()))
        }
        Some(other) => Err(bad(format!("remint does not speak `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn first_place(entries: &[(&str, &str)], upstream: &str) -> String {
        let upstream = clean(upstream, false).expect("an address").upstream;
        match &target_of(&mirror(entries), &upstream)
            .expect("a target")
            .places[0]
        {
            Place::Folder(path) => path.display().to_string(),
            Place::Remote(url) => url.clone(),
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_segment() {
        let entries = [
            ("https://git.example/", "/srv/all"),
            ("https://git.example/o", "/srv/o/"),
            ("https://git.example/o/r.git", "/srv/r"),
            ("https://other.example/", "git://127.0.0.1:9418/m"),
        ];
        for (upstream, expected) in [
            ("https://git.example/p/q", "/srv/all/p/q"),
            ("https://git.example/o/q", "/srv/o/q"),
            ("https://git.example/o/r", "/srv/r"),
            ("https://git.example/o2/r", "/srv/all/o2/r"),
            ("https://git.example.org/o/r", "https://git.example.org/o/r"),
            ("https://other.example/a/b", "git://127.0.0.1:9418/m/a/b"),
        ] {
            assert_eq!(first_place(&entries, upstream), expected, "{upstream}");
        }
    }

    #[test]
    fn placeholders_take_the_parts_of_the_path() {
        let entries = [("https://git.example/", "/srv/{owner}+{name}/repo")];
        assert_eq!(
            first_place(&entries, "https://git.example/o/r"),
            "/srv/o+r/repo"
        );
        assert_eq!(
            first_place(&entries, "https://git.example/r"),
            "/srv/+r/repo"
        );
    }

    #[test]
    fn every_place_is_tried_with_and_without_git_at_the_end() {
        let upstream = clean("https://git.example/o/r", false)
            .expect("valid")
            .upstream;
        let target = target_of(&mirror(&[("https://git.example", "/srv")]), &upstream).expect("ok");
        assert_eq!(
            target.places,
            [
                Place::Folder("/srv/o/r".into()),
                Place::Folder("/srv/o/r.git".into())
            ]
        );
        assert!(target.mirrored);
    }

    #[test]
    fn this_machine_is_asked_for_a_package_only_where_the_operator_names_it() {
        let own = "http://127.0.0.1:8080/o/r";
        let upstream = clean(own, false).expect("an address").upstream;
        let error = target_of(&mirror(&[]), &upstream).expect_err("refused");
        assert!(error.to_string().contains("[source.mirror]"), "{error}");
        let named = [("http://127.0.0.1:8080/", "http://127.0.0.1:8080/")];
        assert_eq!(first_place(&named, own), own);
        let target = target_of_operator(&mirror(&[]), own).expect("named");
        assert_eq!(target.places, with_suffix(&Place::Remote(own.to_owned())));
    }

    #[test]
    fn an_operators_word_is_a_folder_or_an_address_and_shows_no_path() {
        let dir = tempfile::tempdir().expect("tempdir");
        let folder = dir.path().join("itoa.git");
        std::fs::create_dir(&folder).expect("mkdir");
        let of = |text: &str| target_of_operator(&BTreeMap::new(), text);
        let local = of(folder.to_str().expect("utf-8")).expect("a folder");
        assert_eq!(local.shown, "file:itoa");
        assert!(local.mirrored);
        let file = of(&format!("file://{}", folder.display())).expect("a folder");
        assert_eq!(file.shown, "file:itoa");
        let remote = of("git://user:secret@127.0.0.1:9418/o/r.git").expect("an address");
        assert_eq!(remote.shown, "git://127.0.0.1:9418/o/r");
        assert!(!remote.mirrored);
        for text in [
            "ext::sh -c x",
            "ssh://git.example/o/r",
            "/no/such/folder/at/all",
        ] {
            assert!(matches!(of(text), Err(Error::BadAddress { .. })), "{text}");
        }
    }

    #[test]
    fn a_mirror_location_that_is_no_place_is_refused() {
        let upstream = clean("https://git.example/o/r", false)
            .expect("valid")
            .upstream;
        for location in ["ext::sh -c x", "ssh://git@mirror.example/x"] {
            let entries = mirror(&[("https://git.example", location)]);
            assert!(matches!(
                target_of(&entries, &upstream),
                Err(Error::BadAddress { .. })
            ));
        }
    }
}
