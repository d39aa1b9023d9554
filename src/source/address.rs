//! Repository addresses as packages write them, and as remint contacts them.
//!
//! Pure: text in, text out. An [`Upstream`] cannot name anything but a host
//! over https (or http on loopback) and a plain path, so that no package can
//! make remint read a local file, run a transport helper or speak to ssh.

use std::fmt;
use std::net::Ipv4Addr;

use url::{Host, Url};

use super::Error;

/// The cleaned address of an upstream repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Upstream(Url);

/// What an address said: the repository, and the folder that it pointed into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cleaned {
    pub(crate) upstream: Upstream,
    pub(crate) directory: Option<String>,
}

/// The longest address that is looked at; longer ones are no addresses.
const MAX_ADDRESS: usize = 2048;

/// The hosts behind npm's shorthands (npm documentation, package.json,
/// "repository").
const SHORTHANDS: [(&str, &str); 4] = [
    ("github:", "github.com"),
    ("gitlab:", "gitlab.com"),
    ("bitbucket:", "bitbucket.org"),
    ("gist:", "gist.github.com"),
];

/// Path segments that follow a repository's own path in what forges show.
const PAGES: [&str; 18] = [
    "tree",
    "blob",
    "raw",
    "issues",
    "pull",
    "pulls",
    "releases",
    "tags",
    "wiki",
    "commit",
    "commits",
    "actions",
    "discussions",
    "blame",
    "archive",
    "compare",
    "projects",
    "-",
];

/// Where a forge shows what a repository publishes as a site: below a host of its owner's, the repository
/// is the first part of the path (GitHub documentation, "Types of GitHub Pages sites"). At others the
/// path begins with a group, or the host is of one repository by a name of its own.
const SITES: (&str, &str) = (".github.io", "github.com");

/// Hosts where a repository is always `owner/name`, whatever follows.
const TWO_SEGMENT_HOSTS: [&str; 2] = ["github.com", "bitbucket.org"];

impl Upstream {
    /// The address, without `.git`, query, fragment and trailing slash.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The path's segments.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.0
            .path_segments()
            .map(|s| s.filter(|s| !s.is_empty()).collect())
            .unwrap_or_default()
    }

    /// Whether its host can only be this machine or its own network's services, by how it is
    /// written: loopback and `localhost` (RFC 6761, section 6.3), no address at all, and
    /// link-local ones (RFC 3927; RFC 4291, section 2.5.6), where clouds answer with secrets.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => is_local(ip),
            Some(Host::Ipv6(ip)) => {
                ip.is_loopback()
                    || ip.is_unspecified()
                    || ip.is_unicast_link_local()
                    || ip.to_ipv4().is_some_and(is_local)
            }
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            None => false,
        }
    }

    /// The address that `relative` (`./x` or `../x`) means beside this one
    /// (git-submodule(1), "add": relative to the superproject's own address).
    pub(crate) fn relative(&self, relative: &str) -> Result<Self, Error> {
        let bad = |reason: &str| bad(relative, reason);
        let mut segments: Vec<&str> = self.segments();
        for part in relative.trim_end_matches('/').split('/') {
            match part {
                "." | "" => {}
                ".." => {
                    segments
                        .pop()
                        .ok_or_else(|| bad("it leaves the host's root"))?;
                }
                name => segments.push(name),
            }
        }
        let mut url = self.0.clone();
        url.set_path(&segments.join("/"));
        clean(url.as_str(), false).map(|cleaned| cleaned.upstream)
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn bad(text: &str, reason: &str) -> Error {
    Error::BadAddress {
        text: crate::model::printable(text, false)
            .chars()
            .take(200)
            .collect(),
        reason: reason.to_owned(),
    }
}

/// First parts of paths that are no owner's, where a repository is `owner/name` otherwise.
const NO_OWNERS: [&str; 3] = ["sponsors", "orgs", "apps"];

/// The repository that an address is a page of, where its host alone tells that it is one. A site that
/// one publishes is not: links lead to many of others.
pub(super) fn repository_of_page(address: &str) -> Option<String> {
    if Url::parse(address).is_ok_and(|url| published_by(&url).is_some()) {
        return None;
    }
    let upstream = clean(address, false).ok()?.upstream;
    let host = upstream.0.host_str()?;
    let is_repository = match upstream.segments().as_slice() {
        [owner, _name] => !NO_OWNERS.contains(owner),
        _ => false,
    };
    (TWO_SEGMENT_HOSTS.contains(&host) && is_repository).then(|| upstream.to_string())
}

/// Cleans what a package wrote. `shorthand` allows npm's `owner/name` and
/// `host:owner/name`.
///
/// # Errors
/// [`Error::BadAddress`] for anything that is not, or does not stand for, an
/// https address (http on loopback).
pub(crate) fn clean(text: &str, shorthand: bool) -> Result<Cleaned, Error> {
    let written = text.trim();
    if written.is_empty() || written.len() > MAX_ADDRESS {
        return Err(bad(text, "it is empty or very long"));
    }
    if written.chars().any(|c| c.is_control() || c == '\\') {
        return Err(bad(text, "it holds control characters or backslashes"));
    }
    let expanded = if shorthand { expand(written) } else { None };
    let spelled = expanded.as_deref().unwrap_or(written);
    let spelled = spelled.strip_prefix("git+").unwrap_or(spelled);
    let scheme = spelled
        .split("://")
        .next()
        .filter(|s| s.len() < spelled.len());
    let url = match scheme.map(str::to_ascii_lowercase).as_deref() {
        Some("https" | "http") => Url::parse(spelled).map_err(|e| bad(text, &e.to_string()))?,
        // The two forms that forges serve over https as well.
        Some("git" | "ssh") => as_https(&spelled[spelled.find("://").map_or(0, |at| at + 3)..])
            .ok_or_else(|| bad(text, "it names no host and path"))?,
        Some(other) => {
            return Err(bad(text, &format!("remint does not speak `{other}`")));
        }
        None if spelled.contains("::") => {
            return Err(bad(text, "transport helpers are not run"));
        }
        None => scp_like(spelled).ok_or_else(|| bad(text, "it is no address"))?,
    };
    let (url, directory) = reduce(url).map_err(|reason| bad(text, reason))?;
    Ok(Cleaned {
        upstream: Upstream(url),
        directory,
    })
}

/// npm's shorthands: `github:o/r`, `gitlab:o/r`, `bitbucket:o/r`, `gist:id`, `o/r`.
fn expand(text: &str) -> Option<String> {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let path = text.split('#').next().unwrap_or(text);
    for (prefix, host) in SHORTHANDS {
        if let Some(rest) = path.strip_prefix(prefix) {
            return Some(format!("https://{host}/{rest}"));
        }
    }
    let (owner, name) = path.split_once('/')?;
    (plain(owner) && plain(name)).then(|| format!("https://github.com/{path}"))
}

/// `user@host:path` and `host:path` (git-clone(1), "GIT URLS", scp-like syntax).
fn scp_like(text: &str) -> Option<Url> {
    let (host, path) = text.split_once(':')?;
    if host.contains('/') || path.starts_with('/') || !path.contains('/') {
        return None;
    }
    // A bare word before the colon is a scheme (`file:a/b`), not a host.
    if !host.contains('@') && !host.contains('.') {
        return None;
    }
    as_https(text)
}

/// `[user@]host[:port]/path` or `[user@]host:path`, read over https instead.
fn as_https(rest: &str) -> Option<Url> {
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let end = rest.find([':', '/'])?;
    let (host, path) = rest.split_at(end);
    let path = path.trim_start_matches([':', '/']);
    // A port belongs to the other protocol.
    let path = match path.split_once('/') {
        Some((port, tail)) if rest[end..].starts_with(':') && is_number(port) => tail,
        _ => path,
    };
    Url::parse(&format!("https://{host}/{path}")).ok()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_local(ip: Ipv4Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_link_local()
}

/// Whether a host is this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Takes everything off an address that does not name the repository.
fn reduce(mut url: Url) -> Result<(Url, Option<String>), &'static str> {
    if url.scheme() == "http" && !is_loopback(&url) {
        url.set_scheme("https").map_err(|()| "it has no host")?;
    }
    if url.cannot_be_a_base() || url.host().is_none() {
        return Err("it has no host");
    }
    if let Some(host) = url.host_str().and_then(|h| h.strip_prefix("www.")) {
        let host = host.to_owned();
        url.set_host(Some(&host))
            .map_err(|_| "its host is malformed")?;
    }
    if let Some(repository) = published_by(&url) {
        url = repository;
    }
    url.set_query(None);
    url.set_fragment(None);
    // Credentials in published metadata are never used.
    url.set_username("").map_err(|()| "it has no host")?;
    url.set_password(None).map_err(|()| "it has no host")?;

    let all: Vec<String> = url
        .path_segments()
        .map(|s| s.filter(|s| !s.is_empty()).map(str::to_owned).collect())
        .unwrap_or_default();
    let two = url
        .host_str()
        .is_some_and(|h| TWO_SEGMENT_HOSTS.contains(&h));
    // A page follows at least `owner/name`.
    let page = all
        .iter()
        .skip(2)
        .position(|s| PAGES.contains(&s.as_str()))
        .map(|at| at + 2);
    let end = match page {
        _ if two => all.len().min(2),
        Some(at) => at,
        None => all.len(),
    };
    let directory = page.and_then(|at| folder_of_page(&all[at..]));
    let mut segments = all[..end].to_vec();
    let last = segments
        .last_mut()
        .ok_or("it names a host and no repository")?;
    if let Some(stem) = last.strip_suffix(".git") {
        *last = stem.to_owned();
    }
    if segments.iter().any(|s| !is_plain(s)) {
        return Err("its path holds characters that no repository's path has");
    }
    url.set_path(&segments.join("/"));
    Ok((url, directory))
}

/// The repository that publishes a site which a forge shows.
fn published_by(url: &Url) -> Option<Url> {
    let host = url.host_str()?;
    let (end, forge) = SITES;
    let owner = host.strip_suffix(end)?;
    let name = url.path_segments()?.find(|segment| !segment.is_empty())?;
    // What lies at the owner's own site is no other repository's.
    let is_page = name.ends_with(".html");
    (!is_page && !owner.contains('.'))
        .then(|| Url::parse(&format!("https://{forge}/{owner}/{name}")))?
        .ok()
}

/// The folder in `tree/<ref>/<folder>` (also GitLab's `-/tree/<ref>/<folder>`).
fn folder_of_page(page: &[String]) -> Option<String> {
    let page = match page {
        [dash, rest @ ..] if dash == "-" => rest,
        all => all,
    };
    match page {
        [tree, _reference, folder @ ..] if tree == "tree" && !folder.is_empty() => {
            Some(folder.join("/"))
        }
        _ => None,
    }
}

/// Whether a path segment can be put into an address or below a folder as it is.
pub(crate) fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.~+".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_this_machine_is_told_by_how_it_is_written() {
        let is_local = |text| clean(text, false).map(|c| c.upstream.is_of_this_machine());
        for text in [
            "http://127.0.0.1:8080/o/r",
            "https://127.1/o/r",
            "https://0.0.0.0/o/r",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/o/r",
            "https://git.localhost./o/r",
            "https://[::1]/o/r",
            "https://[::ffff:127.0.0.1]/o/r",
            "https://[fe80::1]/o/r",
        ] {
            assert_eq!(is_local(text).ok(), Some(true), "{text}");
        }
        for text in [
            "https://git.example/o/r",
            "https://10.0.0.1/o/r",
            "https://127.0.0.1.example/o/r",
            "https://localhost.example/o/r",
            "https://[2001:db8::1]/o/r",
        ] {
            assert_eq!(is_local(text).ok(), Some(false), "{text}");
        }
    }

    fn cleaned(text: &str, shorthand: bool) -> String {
        match clean(text, shorthand) {
            Ok(c) => match c.directory {
                Some(d) => format!("{} in {d}", c.upstream),
                None => c.upstream.to_string(),
            },
            Err(_) => "refused".into(),
        }
    }

    #[test]
    fn addresses_in_every_spelling_come_down_to_one() {
        for text in [
            "https://git.example/o/r",
            "https://git.example/o/r/",
            "https://git.example/o/r.git",
            "git+https://git.example/o/r.git",
            "git+https://git.example/o/r.git#v1.0.0",
            "https://git.example/o/r?tab=readme#usage",
            "https://user:secret@git.example/o/r",
            "http://git.example/o/r",
            "git://git.example/o/r.git",
            "git+ssh://git@git.example/o/r.git",
            "ssh://git@git.example:22/o/r.git",
            "ssh://git@git.example:o/r.git",
            "git@git.example:o/r.git",
            "git.example:o/r",
            "https://www.git.example/o/r",
            "https://GIT.example/o/r",
            "https://git.example/o/r/issues",
            "https://git.example/o/r/blob/main/README.md",
            "https://git.example/o/r/-/issues/3",
            "  https://git.example/o/r\n",
        ] {
            assert_eq!(cleaned(text, false), "https://git.example/o/r", "{text}");
        }
    }

    #[test]
    fn a_site_that_a_forge_shows_names_the_repository_that_publishes_it() {
        for (text, expected) in [
            ("http://o.github.io/r/", "https://github.com/o/r"),
            (
                "https://o.github.io/r/guide/a.html#x",
                "https://github.com/o/r",
            ),
            ("https://o.gitlab.io/r", "https://o.gitlab.io/r"),
            // The owner's own site is of no repository that it names.
            ("https://o.github.io/", "refused"),
            (
                "https://o.github.io/index.html",
                "https://o.github.io/index.html",
            ),
            ("https://github.io/r", "https://github.io/r"),
            ("https://a.b.github.io/r", "https://a.b.github.io/r"),
        ] {
            assert_eq!(cleaned(text, false), expected, "{text}");
        }
        assert_eq!(repository_of_page("https://o.github.io/r/"), None);
    }

    #[test]
    fn a_link_into_a_tree_names_its_folder() {
        for (text, expected) in [
            (
                "https://git.example/o/r/tree/main/crates/a",
                "https://git.example/o/r in crates/a",
            ),
            (
                "https://git.example/g/s/r/-/tree/main/a",
                "https://git.example/g/s/r in a",
            ),
            (
                "https://git.example/o/r/tree/main",
                "https://git.example/o/r",
            ),
            // `tree` as a repository's own name is not a page.
            ("https://git.example/o/tree", "https://git.example/o/tree"),
        ] {
            assert_eq!(cleaned(text, false), expected, "{text}");
        }
    }

    #[test]
    fn npm_shorthands_are_addresses_for_npm_only() {
        for (text, expected) in [
            ("github:o/r", "https://github.com/o/r"),
            ("gitlab:o/r#semver:^1", "https://gitlab.com/o/r"),
            ("bitbucket:o/r", "https://bitbucket.org/o/r"),
            ("o/r", "https://github.com/o/r"),
        ] {
            assert_eq!(cleaned(text, true), expected, "{text}");
            assert_eq!(cleaned(text, false), "refused", "{text}");
        }
    }

    #[test]
    fn what_is_not_public_https_is_refused() {
        for text in [
            "",
            "file:///etc/passwd",
            "file:a/b",
            "ext::sh -c touch% x",
            "ext::https://git.example/o/r",
            "/srv/git/r",
            "../r",
            "-upload-pack=x",
            "ftp://git.example/o/r",
            "https://",
            "https://git.example",
            "https://git.example/",
            "https://git.example/o/%2e%2e%2f%2e%2e",
            "https://git.example/o\\r",
            "javascript:alert(1)//x",
            "C:/git/r",
        ] {
            assert_eq!(cleaned(text, true), "refused", "{text}");
        }
    }

    #[test]
    fn http_stays_http_on_loopback_only() {
        assert_eq!(
            cleaned("http://127.0.0.1:8080/o/r", false),
            "http://127.0.0.1:8080/o/r"
        );
        assert_eq!(
            cleaned("http://127.0.0.1.git.example/o/r", false),
            "https://127.0.0.1.git.example/o/r"
        );
    }

    #[test]
    fn a_relative_submodule_address_stays_on_the_host() {
        let base = clean("https://git.example/o/r", false)
            .expect("valid")
            .upstream;
        let relative = |text: &str| base.relative(text).map(|u| u.to_string()).ok();
        assert_eq!(
            relative("../s.git").as_deref(),
            Some("https://git.example/o/s")
        );
        assert_eq!(
            relative("../../p/s").as_deref(),
            Some("https://git.example/p/s")
        );
        assert_eq!(relative("../../../../p/s"), None);
        assert_eq!(relative("../.."), None);
    }
}
