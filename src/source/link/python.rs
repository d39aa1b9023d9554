//! The two shapes of Python that packers write: a `setup.py` and a file with a version,
//! both of literals alone. A small grammar that knows nothing else, so that what does
//! more is no packer's. Pure.

use std::collections::BTreeSet;

/// What a generated `setup.py` may say (poetry-core 1.0, `masonry/builders/sdist.py`,
/// `SETUP` and `build_setup`; flit-core 3.2, `sdist.py`, `make_setup_py`). Nothing among
/// it runs or fetches anything while the package is built.
const SETUP_WORDS: [&str; 19] = [
    "name",
    "version",
    "description",
    "long_description",
    "author",
    "author_email",
    "maintainer",
    "maintainer_email",
    "url",
    "packages",
    "package_dir",
    "package_data",
    "py_modules",
    "install_requires",
    "extras_require",
    "entry_points",
    "python_requires",
    "scripts",
    "keywords",
];

/// Lines of a version file that are no assignment (setuptools-scm 8 and 9,
/// `_integration/dump_version.py`, `TEMPLATES`; vcs-versioning, which setuptools-scm 10 has
/// them from, `_dump_version.py`; hatch-vcs uses the same).
const VERSION_LINES: [&str; 24] = [
    "__all__ = [",
    "\"__version__\",",
    "\"__version_tuple__\",",
    "\"version\",",
    "\"version_tuple\",",
    "\"__commit_id__\",",
    "\"commit_id\",",
    "]",
    "if TYPE_CHECKING:",
    "else:",
    "from __future__ import annotations",
    "from typing import Tuple",
    "from typing import Union",
    "from typing import Tuple, Union",
    "VERSION_TUPLE = Tuple[Union[int, str], ...]",
    "VERSION_TUPLE = object",
    "COMMIT_ID = Union[str, None]",
    "COMMIT_ID = object",
    "version: str",
    "__version__: str",
    "__version_tuple__: VERSION_TUPLE",
    "version_tuple: VERSION_TUPLE",
    "__version_tuple__: tuple[int | str, ...]",
    "version_tuple: tuple[int | str, ...]",
];

/// More of them, since version 9.
const COMMIT_LINES: [&str; 4] = [
    "commit_id: COMMIT_ID",
    "__commit_id__: COMMIT_ID",
    "commit_id: str | None",
    "__commit_id__: str | None",
];

/// What a version file assigns.
const VERSION_NAMES: [&str; 10] = [
    "version",
    "__version__",
    "VERSION",
    "version_tuple",
    "__version_tuple__",
    "version_info",
    "commit_id",
    "__commit_id__",
    "__all__",
    "TYPE_CHECKING",
];

/// Whether a text is a `setup.py` that hands literals to setuptools and does nothing else.
pub(super) fn is_literal_setup(text: &[u8]) -> bool {
    plain(text)
        .and_then(tokens)
        .and_then(|tokens| Parser::new(&tokens).setup())
        .is_some()
}

/// Whether a text is nothing but a version in Python.
pub(super) fn is_version_file(text: &[u8]) -> bool {
    let Some(text) = plain(text) else {
        return false;
    };
    let is_fixed = |line: &str| {
        line.is_empty()
            || line.starts_with('#')
            || VERSION_LINES.contains(&line)
            || COMMIT_LINES.contains(&line)
    };
    let is_assignment = |line: &str| {
        let tokens = tokens(line);
        tokens.is_some_and(|tokens| Parser::new(&tokens).version().is_some())
    };
    let mut others = text
        .lines()
        .map(str::trim)
        .filter(|line| !is_fixed(line))
        .peekable();
    let says_one = others.peek().is_some();
    says_one && !text.contains('\\') && others.all(is_assignment)
}

/// A text whose lines Python sees as they are here: it ends a line at a lone CR too, and a
/// comment can name another encoding (Python language reference, "Lexical analysis",
/// "Physical lines" and "Encoding declarations"), in which all the rest is something else.
fn plain(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    let lone_cr = text.replace("\r\n", "\n").contains('\r');
    let is_utf8 = |line: &str| {
        !line.contains("coding") || ["# -*- coding: utf-8 -*-", "# coding: utf-8"].contains(&line)
    };
    let declared = text.lines().take(2).all(|line| is_utf8(line.trim_end()));
    (declared && !lone_cr && !text.contains('\0')).then_some(text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    Text(&'a str),
    Number,
    Sign(char),
}

/// The tokens of a text without its comments and line ends, which decide nothing in this
/// grammar; none where there is anything that it does not know.
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\t' | '\r' | '\n' => 1,
            '\\' if rest[1..].starts_with(['\n', '\r']) => 1,
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '\'' | '"' => {
                let length = literal(rest, first)?;
                found.push(Token::Text(&rest[1..length - 1]));
                length
            }
            '0'..='9' => {
                found.push(Token::Number);
                rest.find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len())
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = rest
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                // A name before a quote would be a prefix: `f` runs what is inside.
                if rest[length..].starts_with(['\'', '"']) {
                    return None;
                }
                found.push(Token::Name(&rest[..length]));
                length
            }
            '=' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ':' | '*' | '.' => {
                found.push(Token::Sign(first));
                1
            }
            _ => return None,
        };
        rest = &rest[length..];
    }
    Some(found)
}

/// The length of a string literal of one line, with its quotes; none for one in three.
fn literal(text: &str, quote: char) -> Option<usize> {
    if text.chars().take(3).filter(|c| *c == quote).count() == 3 {
        return None;
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// How deep literals may lie in each other.
const MAX_DEPTH: usize = 16;

struct Parser<'a> {
    tokens: &'a [Token<'a>],
    assigned: BTreeSet<&'a str>,
}

impl<'a> Parser<'a> {
    fn new(tokens: &'a [Token<'a>]) -> Self {
        Self {
            tokens,
            assigned: BTreeSet::new(),
        }
    }

    fn next(&mut self) -> Option<Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*first)
    }

    fn takes(&mut self, token: Token<'_>) -> bool {
        let is_next = self.tokens.first() == Some(&token);
        if is_next {
            self.tokens = &self.tokens[1..];
        }
        is_next
    }

    fn take(&mut self, token: Token<'_>) -> Option<()> {
        self.takes(token).then_some(())
    }

    /// `from setuptools import setup`, assignments, and one call.
    fn setup(&mut self) -> Option<()> {
        use Token::{Name, Sign};
        self.take(Name("from"))?;
        if !self.takes(Name("setuptools")) {
            self.take(Name("distutils"))?;
            self.take(Sign('.'))?;
            self.take(Name("core"))?;
        }
        for word in ["import", "setup"] {
            self.take(Name(word))?;
        }
        loop {
            let Name(name) = self.next()? else {
                return None;
            };
            if name == "setup" {
                break;
            }
            self.take(Sign('='))?;
            // The words that are handed on are checked, wherever they stand.
            if name == "setup_kwargs" {
                self.keywords('{', Sign(':'), '}')?;
            } else {
                self.value(0)?;
            }
            self.assigned.insert(name);
        }
        if self.tokens.starts_with(&[Sign('('), Sign('*'), Sign('*')]) {
            self.tokens = &self.tokens[3..];
            self.take(Name("setup_kwargs"))?;
            self.take(Sign(')'))?;
        } else {
            self.keywords('(', Sign('='), ')')?;
        }
        self.tokens.is_empty().then_some(())
    }

    /// Names of what setuptools is told, each with its value.
    fn keywords(&mut self, open: char, between: Token<'_>, close: char) -> Option<()> {
        self.take(Token::Sign(open))?;
        while !self.takes(Token::Sign(close)) {
            let (Token::Name(word) | Token::Text(word)) = self.next()? else {
                return None;
            };
            if !SETUP_WORDS.contains(&word) {
                return None;
            }
            self.take(between)?;
            self.value(0)?;
            if !self.takes(Token::Sign(',')) {
                self.take(Token::Sign(close))?;
                break;
            }
        }
        Some(())
    }

    /// `version = __version__ = '1.0'` and its like.
    fn version(&mut self) -> Option<()> {
        let mut names = 0;
        while let [Token::Name(name), Token::Sign('='), ..] = self.tokens {
            if !VERSION_NAMES.contains(name) {
                return None;
            }
            self.tokens = &self.tokens[2..];
            names += 1;
        }
        self.value(0)?;
        (names > 0 && self.tokens.is_empty()).then_some(())
    }

    /// A literal, or a name that a literal was assigned to.
    fn value(&mut self, depth: usize) -> Option<()> {
        use Token::{Name, Number, Sign, Text};
        if depth > MAX_DEPTH {
            return None;
        }
        match self.next()? {
            Number => Some(()),
            // Literals beside each other are one.
            Text(_) => {
                while let Some(Text(_)) = self.tokens.first() {
                    self.tokens = &self.tokens[1..];
                }
                Some(())
            }
            Name("True" | "False" | "None") => Some(()),
            Name(name) => self.assigned.contains(name).then_some(()),
            Sign(open) => {
                let close = match open {
                    '[' => ']',
                    '(' => ')',
                    '{' => '}',
                    _ => return None,
                };
                while !self.takes(Sign(close)) {
                    self.value(depth + 1)?;
                    if open == '{' && self.takes(Sign(':')) {
                        self.value(depth + 1)?;
                    }
                    if !self.takes(Sign(',')) {
                        self.take(Sign(close))?;
                        break;
                    }
                }
                Some(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z_=(){}\\[\\],:*'\"#\\\\\r\n éf0]{0,60}") {
            is_literal_setup(text.as_bytes());
            is_version_file(text.as_bytes());
        }

        #[test]
        fn a_call_in_a_version_file_is_never_a_packers(name in "[a-z]{1,8}", args in "[a-z ]{0,8}") {
            let text = format!("__version__ = '1'\n{name}({args})\n");
            proptest::prop_assert!(!is_version_file(text.as_bytes()));
        }
    }

    const POETRY: &str = "# -*- coding: utf-8 -*-\nfrom setuptools import setup\n\npackage_dir = \\\n{'': 'src'}\n\npackages = \\\n['demo']\n\nsetup_kwargs = {\n    'name': 'demo',\n    'long_description': 'it\\'s \"x\"\\n',\n    'maintainer': None,\n    'package_dir': package_dir,\n    'packages': packages,\n    'python_requires': '>=3.6',\n}\n\n\nsetup(**setup_kwargs)\n";
    const FLIT: &str = "#!/usr/bin/env python\n# setup.py generated by flit for tools that don't yet use PEP 517\n\nfrom distutils.core import setup\n\npackages = \\\n['demo']\n\nsetup(name='demo',\n      version='1.0',\n      description='one '\n                  'two',\n      packages=packages,\n     )\n";

    #[test]
    fn a_setup_of_literals_alone_is_told() {
        for text in [POETRY, FLIT] {
            assert!(is_literal_setup(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_setup_that_does_anything_else_is_no_packers() {
        for text in [POETRY, FLIT] {
            for evil in [
                text.replace("['demo']", "[open('x')]"),
                text.replace("['demo']", "[f'{exit()}']"),
                text.replace("['demo']", "evil"),
                text.replace("['demo']", "[].append"),
                text.replace("packages = ", "setup = "),
                text.replace("import setup", "import *"),
                format!("{text}import os\n"),
                format!("{text}# a comment\rimport os\n"),
                format!("# coding: utf-7\n{text}"),
                format!("#\n# vim: fileencoding=utf-7\n{text}"),
                text.replace("['demo']", "'''demo'''"),
                format!("{text}setup()\n"),
                format!("import os\n{text}"),
                text.replace("'demo',", "'demo', 'cmdclass': {},"),
                text.replace("name='demo',", "name='demo', cmdclass={},"),
                text.replace("'maintainer'", "'setup_requires'"),
                text.replace("description=", "setup_requires="),
            ] {
                // Not every change fits both texts.
                assert!(evil == text || !is_literal_setup(evil.as_bytes()), "{evil}");
            }
        }
    }

    #[test]
    fn a_version_file_says_a_version_and_nothing_else() {
        let scm = "# file generated by setuptools-scm\n\nTYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Tuple\n    VERSION_TUPLE = Tuple[Union[int, str], ...]\nelse:\n    VERSION_TUPLE = object\n\nversion: str\n\n__version__ = version = '1.2.3'\n__version_tuple__ = version_tuple = (1, 2, 3)\n__commit_id__ = commit_id = None\n";
        let later = "from __future__ import annotations\n\nversion: str\n__version_tuple__: tuple[int | str, ...]\nversion_tuple: tuple[int | str, ...]\ncommit_id: str | None\n__commit_id__: str | None\n\n__version__ = version = '1.2.3'\n__commit_id__ = commit_id = 'gf00d'\n";
        assert!(is_version_file(scm.as_bytes()));
        assert!(is_version_file(later.as_bytes()));
        assert!(is_version_file(b"__version__ = \"1.0\"\n"));
        assert!(is_version_file(b"# coding: utf-8\n__version__ = \"1.0\"\n"));
        assert!(!is_version_file(
            b"# coding: utf-7\n__version__ = \"1.0\"\n"
        ));
        for nothing in ["", "# a comment\n", "version: str\n"] {
            assert!(!is_version_file(nothing.as_bytes()), "{nothing}");
        }
        for evil in [
            "import os\n",
            "__version__ = evil()\n",
            "__version__ = f'{evil()}'\n",
            "__version__ = '1'; evil()\n",
            "__builtins__ = None\n",
            "print('x')\n",
            "# a comment\rprint('x')\n",
            "version = '''\n",
            "version = '1' \\\n",
            "'only a text'\n",
        ] {
            assert!(
                !is_version_file(format!("{scm}{evil}").as_bytes()),
                "{evil}"
            );
        }
    }
}
