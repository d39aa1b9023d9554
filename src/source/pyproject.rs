//! What the files of a Python project declare: name and version.
//!
//! Pure. `pyproject.toml` (PEP 621; Poetry; flit's old table), then `setup.cfg`
//! (setuptools, "Configuring setuptools using setup.cfg files"), then
//! `setup.py`, which is code and is read for a literal name only. Never runs
//! anything.

use std::collections::BTreeMap;

use super::ecosystem::{Declared, DeclaredName, DeclaredVersion};

/// The files, in the order in which they are believed.
pub(crate) const FILES: [&str; 3] = ["pyproject.toml", "setup.cfg", "setup.py"];

/// What the files of one folder declare.
///
/// # Errors
/// A sentence for a person where `pyproject.toml` does not parse.
pub(crate) fn declared(files: &BTreeMap<String, String>) -> Result<Option<Declared>, String> {
    if let Some(text) = files.get("pyproject.toml") {
        let table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| e.message().to_owned())?;
        if let Some(declared) = from_pyproject(&table) {
            return Ok(Some(declared));
        }
    }
    let cfg = files.get("setup.cfg").and_then(|text| from_setup_cfg(text));
    let py = files.get("setup.py").map(|text| from_setup_py(text));
    Ok(match (cfg, py) {
        // `setup.cfg` may leave the name to `setup.py`, and often holds the
        // configuration of other tools only.
        (Some(cfg), _) => Some(cfg),
        (None, py) => py,
    })
}

fn from_pyproject(table: &toml::Table) -> Option<Declared> {
    let tool = |name: &str| table.get("tool").and_then(|t| t.get(name));
    if let Some(project) = table.get("project") {
        let name = project.get("name")?.as_str()?;
        let version = match project.get("version").and_then(toml::Value::as_str) {
            Some(version) => DeclaredVersion::Literal(version.to_owned()),
            None => dynamic("project.dynamic holds `version`"),
        };
        return Some(literal("pyproject.toml", name, version));
    }
    if let Some(poetry) = tool("poetry") {
        let name = poetry.get("name")?.as_str()?;
        let version = match poetry.get("version").and_then(toml::Value::as_str) {
            _ if tool("poetry-dynamic-versioning").is_some() => {
                dynamic("a Poetry plug-in computes it from the tag")
            }
            Some(version) => DeclaredVersion::Literal(version.to_owned()),
            None => dynamic("tool.poetry has no version"),
        };
        return Some(literal("pyproject.toml", name, version));
    }
    let metadata = tool("flit")?.get("metadata")?;
    let name = metadata
        .get("dist-name")
        .or_else(|| metadata.get("module"))?;
    let version = dynamic("flit reads it from the module");
    Some(literal("pyproject.toml", name.as_str()?, version))
}

/// The `[metadata]` section of an INI file: `name` and `version`.
fn from_setup_cfg(text: &str) -> Option<Declared> {
    let (mut in_metadata, mut name, mut version) = (false, None, None);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if trimmed.starts_with('[') {
            in_metadata = trimmed == "[metadata]";
            continue;
        }
        // Indented lines continue the value before them.
        if !in_metadata || line.starts_with([' ', '\t']) {
            continue;
        }
        if let Some((key, value)) = trimmed.split_once(['=', ':']) {
            match key.trim() {
                "name" => name = Some(value.trim().to_owned()),
                "version" => version = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    let version = match version {
        Some(v) if v.starts_with("attr:") || v.starts_with("file:") => {
            dynamic("setup.cfg reads it from another file")
        }
        Some(v) => DeclaredVersion::Literal(v),
        None => dynamic("setup.cfg has no version"),
    };
    Some(literal("setup.cfg", &name?, version))
}

/// The literal `name="..."` that `setup` is called with, or, where that call has none of its own, as
/// when it takes a dictionary, the first anywhere.
fn from_setup_py(text: &str) -> Declared {
    let name = match setup_arguments(text).and_then(|text| argument(text, "name")) {
        Some(value) => literal_text(value).or_else(|| assigned_text(text, value)),
        None => names(text).find_map(literal_text),
    };
    Declared {
        file: "setup.py",
        name: match name {
            Some(name) => DeclaredName::Literal(name),
            None => DeclaredName::Dynamic("setup.py computes it".into()),
        },
        version: dynamic("setup.py is code and is not run"),
    }
}

/// What follows each word `name` and `=`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let found = text.match_indices("name");
    found.filter_map(|(at, word)| {
        let is_within = |c: char| c.is_alphanumeric() || "_.\"'".contains(c);
        if text[..at].chars().next_back().is_some_and(is_within) {
            return None;
        }
        text[at + word.len()..].trim_start().strip_prefix('=')
    })
}

/// The text from the first argument of the last call of `setup` on.
fn setup_arguments(text: &str) -> Option<&str> {
    let calls = text.match_indices("setup(").filter(|(at, _)| {
        let before = &text[..*at];
        let is_whole = |c: char| !c.is_alphanumeric() && c != '_';
        let is_defined = before.trim_end().ends_with("def");
        before.chars().next_back().is_none_or(is_whole) && !is_defined
    });
    let (at, call) = calls.last()?;
    Some(&text[at + call.len()..])
}

/// What follows `name=` among the arguments themselves, and not within one: an extension module has
/// a name too.
fn argument<'t>(arguments: &'t str, name: &str) -> Option<&'t str> {
    let (mut depth, mut rest) = (0_usize, arguments);
    let mut is_word_before = false;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let value = rest.strip_prefix(name).and_then(|after| {
            let value = after.trim_start().strip_prefix('=')?;
            (!value.starts_with('=')).then_some(value)
        });
        if let Some(value) = value.filter(|_| depth == 0 && !is_word_before) {
            return Some(value);
        }
        is_word_before = c.is_alphanumeric() || c == '_';
        rest = match c {
            '#' => after.find('\n').map_or("", |end| &after[end..]),
            '"' | '\'' => after_text(rest, c),
            '(' | '[' | '{' => {
                depth += 1;
                after
            }
            ')' | ']' | '}' => {
                depth = depth.checked_sub(1)?;
                after
            }
            _ => after,
        };
    }
    None
}

/// What follows a text that begins here (Python language reference, "String literals").
fn after_text(text: &str, quote: char) -> &str {
    let thrice = quote.to_string().repeat(3);
    let ends = if text.starts_with(&thrice) {
        thrice
    } else {
        quote.to_string()
    };
    let mut rest = &text[ends.len()..];
    while !rest.is_empty() && !rest.starts_with(&ends) {
        let escaped = rest.starts_with('\\');
        let mut chars = rest.chars();
        chars.next();
        if escaped {
            chars.next();
        }
        rest = chars.as_str();
    }
    rest.strip_prefix(&ends).unwrap_or(rest)
}

/// The text that this expression begins with, where it can be a name.
fn literal_text(value: &str) -> Option<String> {
    let value = value.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = value[1..].split_once(quote)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

/// The text that the variable which this expression begins with is given at the file's top, and no
/// other.
fn assigned_text(text: &str, value: &str) -> Option<String> {
    let value = value.trim_start();
    let end = value.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let (variable, after) = value.split_at(end);
    if variable.is_empty() || !after.trim_start().starts_with([',', ')']) {
        return None;
    }
    let assigned = text.lines().filter_map(|line| {
        let value = line.strip_prefix(variable)?.trim_start();
        value.strip_prefix('=')
    });
    let mut texts: Vec<_> = assigned.map(literal_text).collect();
    texts.dedup();
    match texts.as_mut_slice() {
        [only] => only.take(),
        _ => None,
    }
}

fn dynamic(how: &str) -> DeclaredVersion {
    DeclaredVersion::Dynamic(how.to_owned())
}

fn literal(file: &'static str, name: &str, version: DeclaredVersion) -> Declared {
    Declared {
        file,
        name: DeclaredName::Literal(name.to_owned()),
        version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Option<(String, String)> {
        let files = files
            .iter()
            .map(|(n, t)| ((*n).to_owned(), (*t).to_owned()))
            .collect();
        declared(&files).expect("parses").map(|d| {
            let name = match d.name {
                DeclaredName::Literal(name) => name,
                DeclaredName::Dynamic(_) => "dynamic".into(),
            };
            let version = match d.version {
                DeclaredVersion::Literal(version) => version,
                DeclaredVersion::Inherited | DeclaredVersion::Dynamic(_) => "dynamic".into(),
            };
            (name, version)
        })
    }

    fn pair(name: &str, version: &str) -> Option<(String, String)> {
        Some((name.into(), version.into()))
    }

    #[test]
    fn each_kind_of_project_declares_its_name_and_version() {
        let pyproject = |text| read(&[("pyproject.toml", text)]);
        assert_eq!(
            pyproject("[project]\nname='x'\nversion='1.0'"),
            pair("x", "1.0")
        );
        assert_eq!(
            pyproject("[project]\nname='x'\ndynamic=['version']"),
            pair("x", "dynamic")
        );
        assert_eq!(
            pyproject("[tool.poetry]\nname='x'\nversion='1.0'"),
            pair("x", "1.0")
        );
        assert_eq!(
            pyproject(
                "[tool.poetry]\nname='x'\nversion='0.0.0'\n[tool.poetry-dynamic-versioning]\nenable=true"
            ),
            pair("x", "dynamic")
        );
        assert_eq!(
            pyproject("[tool.flit.metadata]\nmodule='x'"),
            pair("x", "dynamic")
        );
        assert_eq!(pyproject("[tool.black]\nline-length=100"), None);
    }

    #[test]
    fn setup_cfg_is_read_below_a_pyproject_that_declares_nothing() {
        let cfg = "[flake8]\nname = wrong\n[metadata]\nname = x\nversion: 1.0\ndescription = a\n  name = y\n";
        assert_eq!(
            read(&[
                ("pyproject.toml", "[build-system]\nrequires=[]"),
                ("setup.cfg", cfg)
            ]),
            pair("x", "1.0")
        );
        assert_eq!(
            read(&[(
                "setup.cfg",
                "[metadata]\nname=x\nversion=attr: x.__version__\n"
            )]),
            pair("x", "dynamic")
        );
    }

    #[test]
    fn setup_py_gives_a_literal_name_and_never_a_version() {
        let py = |text| {
            read(&[
                ("setup.cfg", "[bdist_wheel]\nuniversal=1\n"),
                ("setup.py", text),
            ])
        };
        assert_eq!(
            py("setup(\n  py_name='z', name = \"x\", version='9')"),
            pair("x", "dynamic")
        );
        assert_eq!(py("setup(name=NAME)"), pair("dynamic", "dynamic"));
        assert_eq!(py("setup(name='x%s' % y)"), pair("dynamic", "dynamic"));
    }

    #[test]
    fn the_name_in_setup_py_is_that_of_the_call_and_of_nothing_within_it() {
        let py = |text: &str| read(&[("setup.py", text)]).expect("a package").0;
        let before = "def setup(name='w'): pass\ne = Extension(name='x._c')\n";
        assert_eq!(
            py(&format!(
                "{before}setup(description=\"it's (\", ext_modules=[Extension(name='y')],  # name='z'\n name='x')"
            )),
            "x"
        );
        assert_eq!(
            py(&format!("{before}setuptools.setup(name=NAME)")),
            "dynamic"
        );
        let with = |assigned: &str| py(&format!("{assigned}\nsetup(name=NAME, version=V)"));
        assert_eq!(with("NAME = 'x'\nNAME_2 = 'y'"), "x");
        assert_eq!(with("NAME = 'x'\nNAME = 'y'"), "dynamic");
        assert_eq!(with("NAME = f()"), "dynamic");
        assert_eq!(py("NAME = 'x'\nsetup(name=NAME + 'y')"), "dynamic");
        // Taken from elsewhere.
        assert_eq!(py("kwargs = dict(name='x')\nsetup(**kwargs)"), "x");
        assert_eq!(py("s = \"\"\"\nsetup(name='x')"), "x");
        assert_eq!(py("setup('"), "dynamic");
    }
}
