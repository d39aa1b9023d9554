//! Reading `.gitmodules` without believing it.
//!
//! Pure. The file is in git's configuration format (git-config(1), "Syntax"),
//! of which only the `submodule` sections with `path` and `url` are read:
//! includes and every other key are passed over.

use std::collections::BTreeMap;

use super::Error;
use super::address::{Upstream, clean};

/// The largest `.gitmodules` that is read.
pub(super) const MAX_GITMODULES: usize = 1 << 20;

/// The addresses in `.gitmodules`, by path below the root.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (mut path, mut url) = (None, None);
    let mut inside = false;
    for line in text.lines().map(str::trim).chain(["["]) {
        if line.starts_with('[') {
            if let (Some(path), Some(url)) = (path.take(), url.take()) {
                found.insert(path, url);
            }
            inside = line
                .trim_start_matches('[')
                .trim_start()
                .to_ascii_lowercase()
                .starts_with("submodule \"");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else {
            continue;
        };
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => path = Some(unquote(value)),
            "url" => url = Some(unquote(value)),
            _ => {}
        }
    }
    found
}

/// A value: quotes go, `\"` and `\\` become what they stand for, and a comment
/// outside quotes ends it.
fn unquote(value: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut characters = value.trim().chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => out.extend(characters.next()),
            '#' | ';' if !quoted => break,
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}

/// The upstream address that a submodule's `url` means: https, or relative to
/// the address of the repository that holds it.
///
/// # Errors
/// [`Error::BadAddress`] for local files, transport helpers, absolute paths and
/// a relative address where the repository's own is not known.
pub(super) fn resolve(url: &str, holder: Option<&Upstream>) -> Result<Upstream, Error> {
    if url.starts_with("./") || url.starts_with("../") {
        let holder = holder.ok_or_else(|| Error::BadAddress {
            text: crate::model::printable(url, false),
            reason: "it is relative to an upstream address, and the repository was read from one that remint cannot resolve against".into(),
        })?;
        return holder.relative(url);
    }
    clean(url, false).map(|cleaned| cleaned.upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_read_and_nothing_else() {
        let text = "\
# a comment
[include]
\tpath = /etc/passwd
\turl = https://git.example/include
[submodule \"one\"]
\tpath = vendor/one
\turl = https://git.example/o/one.git ; why
\tupdate = !touch x
[ SUBMODULE \"two\" ]
\turl = \"../two \\\"x\\\"\"
\tpath = \"a # b\"
[submodule \"no url\"]
\tpath = z
";
        let found = parse(text);
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [
                ("a # b".into(), "../two \"x\"".into()),
                ("vendor/one".into(), "https://git.example/o/one.git".into()),
            ]
        );
    }

    #[test]
    fn only_https_and_relative_addresses_resolve() {
        let holder = clean("https://git.example/o/r", false)
            .expect("valid")
            .upstream;
        let of = |url: &str| resolve(url, Some(&holder)).map(|u| u.to_string()).ok();
        assert_eq!(of("../s").as_deref(), Some("https://git.example/o/s"));
        assert_eq!(
            of("git@git.example:p/s.git").as_deref(),
            Some("https://git.example/p/s")
        );
        for url in [
            "file:///srv/s",
            "ext::sh -c x",
            "/srv/s",
            "../../../../s",
            "..",
            "--upload-pack=x",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
        assert!(resolve("../s", None).is_err());
    }
}
