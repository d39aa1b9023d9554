//! Where the registries are: remint's configuration, then the package clients'
//! configuration and environment, then the defaults that clients and libraries
//! carry. No address is written in this project.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use url::Url;

use super::Error;
use crate::model::{Ecosystem, RegistryConfig};

/// An address, or why there is none.
pub(super) type Address = Result<Url, String>;

/// An address that is looked up when the registry is first used: a farm for one
/// ecosystem needs no client of another.
pub(super) type Lookup = LazyLock<Address, Box<dyn FnOnce() -> Address + Send>>;

/// A lookup of one ecosystem's address.
pub(super) fn lookup(config: &RegistryConfig, find: fn(&RegistryConfig) -> Address) -> Lookup {
    let config = config.clone();
    LazyLock::new(Box::new(move || find(&config)))
}

/// The address as an error that says what to configure.
pub(super) fn required(ecosystem: Ecosystem, address: &Address) -> Result<&Url, Error> {
    address.as_ref().map_err(|reason| Error::NoAddress {
        ecosystem,
        reason: reason.clone(),
    })
}

/// A document of a registry. Its path is made of a package's name, and must not lead anywhere
/// but below the registry's own address.
pub(super) fn below(root: &Url, path: &str) -> Result<Url, String> {
    let url = root.join(path).map_err(|error| error.to_string())?;
    let is_below = url.origin() == root.origin()
        && url.path().starts_with(root.path())
        && url.query() == root.query()
        && url.fragment().is_none();
    is_below
        .then_some(url)
        .ok_or_else(|| format!("`{path}` leads out of the registry"))
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn home(below: &str) -> Option<PathBuf> {
    Some(PathBuf::from(env("HOME")?).join(below))
}

/// A base address always ends in `/`, so that joining keeps its last part.
fn base(text: &str, origin: &str) -> Address {
    let mut url = Url::parse(text.trim().trim_start_matches("sparse+"))
        .map_err(|error| format!("{origin} holds no address: {error}"))?;
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// Cargo: a sparse index. Source replacement of the default registry is followed
/// (cargo book, "Source Replacement"); a replacement that is no sparse registry
/// is an error, since its metadata cannot be read here.
pub(super) fn cargo(config: &RegistryConfig) -> Address {
    if let Some(url) = &config.cargo {
        return base(url.as_str(), "[registry] cargo");
    }
    let folder = env("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| home(".cargo"));
    let found = folder.and_then(|folder| {
        ["config.toml", "config"]
            .into_iter()
            .find_map(|name| std::fs::read_to_string(folder.join(name)).ok())
    });
    match found.as_deref().and_then(cargo_replacement) {
        Some(address) => base(&address?, "cargo's configuration"),
        None => base(tame_index::CRATES_IO_HTTP_INDEX, "tame-index"),
    }
}

/// The sparse registry that replaces the default one in a cargo configuration.
fn cargo_replacement(text: &str) -> Option<Result<String, String>> {
    let table: toml::Table = text.parse().ok()?;
    let sources = table.get("source")?.as_table()?;
    let mut name = "crates-io".to_owned();
    // Replacements may be chained; each is followed once at most.
    for _ in 0..=sources.len() {
        let source = sources.get(&name)?.as_table()?;
        if let Some(next) = source.get("replace-with").and_then(|v| v.as_str()) {
            name = next.to_owned();
            continue;
        }
        return match source.get("registry").and_then(|v| v.as_str()) {
            Some(url) if url.starts_with("sparse+") => Some(Ok(url.to_owned())),
            _ => Some(Err(format!(
                "cargo's configuration replaces the registry by `{name}`, which is no sparse registry"
            ))),
        };
    }
    None
}

/// pip: the simple API's root.
pub(super) fn pypi(config: &RegistryConfig) -> Address {
    if let Some(url) = &config.pypi {
        return base(url.as_str(), "[registry] pypi");
    }
    for name in ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        if let Some(url) = env(name) {
            return base(&url, name);
        }
    }
    if let Some(url) = pip_configured() {
        return base(&url, "pip's configuration");
    }
    match pip_default() {
        Some(url) => base(&url, "pip"),
        None => Err("pip is not installed, so its default is not known".into()),
    }
}

/// `index-url` of pip's configuration files (pip documentation,
/// "Configuration"): the environment's file, the user's, the machine's.
fn pip_configured() -> Option<String> {
    let files = [
        env("PIP_CONFIG_FILE").map(PathBuf::from),
        home(".config/pip/pip.conf"),
        home(".pip/pip.conf"),
        Some(PathBuf::from("/etc/pip.conf")),
    ];
    files
        .into_iter()
        .flatten()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .find_map(|text| pip_index_url(&text))
}

fn pip_index_url(text: &str) -> Option<String> {
    let mut in_global = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            in_global = line == "[global]";
        } else if in_global
            && let Some((key, value)) = line.split_once(['=', ':'])
            && matches!(key.trim(), "index-url" | "index_url")
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

/// The default that pip carries, as its help prints it.
fn pip_default() -> Option<String> {
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--help"])
        .env("COLUMNS", "400")
        .output()
        .ok()?;
    default_in_help(&String::from_utf8_lossy(&output.stdout))
}

fn default_in_help(help: &str) -> Option<String> {
    let option = &help[help.find("--index-url")?..];
    let default = &option[option.find("(default")? + "(default".len()..];
    let text: String = default[..default.find(')')?].split_whitespace().collect();
    Some(text)
}

/// npm: the registry's root, through the library that reads npm's configuration.
pub(super) fn npm(config: &RegistryConfig) -> Address {
    if let Some(url) = &config.npm {
        return base(url.as_str(), "[registry] npm");
    }
    if let Some(url) = env("npm_config_registry") {
        return base(&url, "npm_config_registry");
    }
    let system = sys_traits::impls::RealSys;
    let default = deno_npmrc::NpmRegistryUrl::for_npm(&system);
    let file = env("npm_config_userconfig")
        .map(PathBuf::from)
        .or_else(|| home(".npmrc"));
    let user = file
        .and_then(|path| std::fs::read_to_string(path).ok())
        .and_then(|text| deno_npmrc::NpmRc::parse(&system, &text).ok())
        .and_then(|npmrc| npmrc.registry);
    match user {
        Some(url) if !default.from_env => base(&url, "npm's configuration"),
        _ => base(default.url.as_str(), "npm"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_below_its_registrys_address_or_there_is_none() {
        let root: Url = "http://127.0.0.1:1/npm/".parse().expect("an address");
        let path = |path: &str| below(&root, path).map(|url| url.path().to_owned());
        assert_eq!(path("demo").as_deref(), Ok("/npm/demo"));
        assert_eq!(path("@s%2fdemo").as_deref(), Ok("/npm/@s%2fdemo"));
        for outside in [
            "https:127.0.0.2/x",
            "http://127.0.0.1:2/x",
            "//127.0.0.2/x",
            "\\\\127.0.0.2/x",
            "/x",
            "../x",
            "%2e%2e/x",
            "demo?x",
            "demo#x",
        ] {
            assert!(path(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn the_configuration_wins_and_gets_its_slash() {
        let config = RegistryConfig {
            cargo: Some("http://127.0.0.1:1/index".parse().expect("valid")),
            pypi: Some("http://127.0.0.1:1/simple/".parse().expect("valid")),
            npm: Some("http://127.0.0.1:1/".parse().expect("valid")),
            ..RegistryConfig::default()
        };
        assert_eq!(cargo(&config).expect("address").path(), "/index/");
        assert_eq!(pypi(&config).expect("address").path(), "/simple/");
        assert_eq!(npm(&config).expect("address").path(), "/");
    }

    #[test]
    fn cargos_source_replacement_is_followed_to_a_sparse_registry() {
        let chained = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\nreplace-with = \"b\"\n[source.b]\nregistry = \"sparse+http://127.0.0.1:1/\"\n";
        assert_eq!(
            cargo_replacement(chained)
                .expect("replaced")
                .expect("sparse"),
            "sparse+http://127.0.0.1:1/"
        );
        let git = "[source.crates-io]\nreplace-with = \"a\"\n[source.a]\ndirectory = \"vendor\"\n";
        assert!(cargo_replacement(git).expect("replaced").is_err());
        let circle = "[source.crates-io]\nreplace-with = \"crates-io\"\n";
        assert!(cargo_replacement(circle).is_none());
        assert!(cargo_replacement("[build]\njobs = 1\n").is_none());
    }

    #[test]
    fn pips_configuration_and_help_are_read() {
        let conf = "[install]\nindex-url = http://127.0.0.1:9/no\n[global]\ntimeout = 3\nindex-url = http://127.0.0.1:1/simple\n";
        assert_eq!(
            pip_index_url(conf).as_deref(),
            Some("http://127.0.0.1:1/simple")
        );
        let help = "  -i, --index-url <url>       Base URL (default\n                              http://127.0.0.1:1/simple). This\n";
        assert_eq!(
            default_in_help(help).as_deref(),
            Some("http://127.0.0.1:1/simple")
        );
        assert_eq!(default_in_help("no such option"), None);
    }

    #[test]
    fn a_missing_address_says_what_to_configure() {
        let error = required(Ecosystem::Pypi, &Err("pip is not installed".into()))
            .expect_err("missing")
            .to_string();
        assert!(
            error.contains("pypi = ") && error.contains("[registry]"),
            "{error}"
        );
    }
}
