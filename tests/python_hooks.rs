//! What wheels' builds have Python read at its start, and what they have it run beforehand, does
//! what it says, and nothing to what it is not about, on this machine's Python.

use std::path::Path;
use std::process::Command;

use remint::model::Sha256Digest;

const CLOCK: &str = include_str!("../src/plan/pypi/clock.py");
const NAMING: &str = concat!(
    include_str!("../src/plan/pypi/importing.py"),
    include_str!("../src/plan/pypi/naming.py")
);
const DEBIAN: &str = concat!(
    include_str!("../src/plan/pypi/importing.py"),
    include_str!("../src/plan/pypi/debian.py")
);
const LISTING: &str = include_str!("../src/plan/pypi/listing.py");
const PERMISSIONS: &str = include_str!("../src/plan/pypi/permissions.py");
const WINDOWS: &str = include_str!("../src/plan/pypi/windows.py");
const TEXT_METADATA: &str = concat!(
    include_str!("../src/plan/pypi/windows.py"),
    include_str!("../src/plan/pypi/text_metadata.py")
);

/// What a program prints whose Python reads `hook` at its start; `before` is made before
/// the build begins.
fn python(hook: &str, program: &str) -> String {
    let dir = tempfile::tempdir().expect("tempdir");
    let hooks = dir.path().join("hooks");
    std::fs::create_dir(&hooks).expect("a folder");
    std::fs::write(hooks.join("sitecustomize.py"), hook).expect("written");
    let work = dir.path().join("work");
    std::fs::create_dir_all(work.join("x.egg-info")).expect("a folder");
    std::fs::write(work.join("before"), "x").expect("written");
    set_old(&work.join("before"));
    std::fs::write(hooks.join("start"), "").expect("written");
    std::fs::write(hooks.join("listing"), listing()).expect("written");
    let output = Command::new("python3")
        .args(["-c", program])
        .current_dir(&work)
        .env("PYTHONPATH", &hooks)
        .env("NAMED_PYTHON", "3.8")
        .env("BUILD_CLOCK", "1000000100")
        .env("BUILD_CLOCK_BEGAN", "1000000090")
        .env("BUILD_CLOCK_WROTE", "1000000095")
        .env("BUILD_CLOCK_ENDED", "1000000110")
        .output()
        .expect("python3 runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// An order of names as a plan has it: a key, and then keyed digests alone.
fn listing() -> String {
    let key = Sha256Digest::of("an artifact").to_string();
    let names = [
        "pkg",
        "pkg/c.py",
        "pkg/a.py",
        "pkg/sub",
        "pkg/sub/z.py",
        "pkg/sub/y.py",
        "pkg/b.py",
        "top.py",
    ];
    let masked = names.map(|name| {
        let digest = Sha256Digest::of(format!("{key} {name}")).to_string();
        digest[..16].to_owned()
    });
    [key]
        .into_iter()
        .chain(masked)
        .collect::<Vec<_>>()
        .join("\n")
}

fn set_old(path: &Path) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(900_000_000);
    std::fs::File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .expect("a time");
}

#[test]
fn every_file_has_all_permissions_and_nothing_else_changes() {
    let program = "import os, pathlib, zipfile\n\
        info = zipfile.ZipInfo.from_file('before')\n\
        print(oct(info.external_attr >> 16), oct(pathlib.Path('before').stat().st_mode))\n\
        print(oct(os.fstat(os.open('before', os.O_RDONLY)).st_mode))\n\
        found = os.stat('before')\n\
        print(found.st_mtime_ns == int(found.st_mtime * 10**9), found.st_size, found[6])\n\
        print(oct(os.stat('x.egg-info').st_mode & 0o022), os.stat in os.supports_fd)\n\
        os.chmod('before', 0o600)\n\
        print(os.access('before', os.X_OK))";
    let told = python(PERMISSIONS, program);
    assert_eq!(
        told,
        "0o100777 0o100777\n0o100777\nTrue 1 1\n0o0 True\nFalse\n"
    );
}

#[test]
fn a_clock_stands_still_in_each_phase_and_what_was_there_before_keeps_its_time() {
    let told = python(
        CLOCK,
        "import os, shutil, time\n\
         os.mkdir('build')\n\
         for name in 'made', 'build/made', 'x.egg-info/made':\n    open(name, 'w').write('abc')\n\
         for name in 'made', 'build/made', 'x.egg-info/made', 'before':\n    \
             told = os.stat(name)\n    \
             print(int(told.st_mtime), told.st_mtime_ns, told[8], told.st_size, told.st_mode & 0o777 > 0)\n\
         shutil.copytree('x.egg-info', 'x.dist-info')\n\
         print(int(os.stat('x.dist-info/made').st_mtime))\n\
         print(int(time.time()))\n",
    );
    let ns = "000000000";
    assert_eq!(
        told,
        format!(
            "1000000095 1000000095{ns} 1000000095 3 True\n\
             1000000100 1000000100{ns} 1000000100 3 True\n\
             1000000090 1000000090{ns} 1000000090 3 True\n\
             900000000 900000000{ns} 900000000 1 True\n\
             1000000090\n\
             1000000110\n"
        )
    );
}

#[test]
fn texts_and_zips_are_as_on_windows_and_everything_else_is_as_it_was() {
    let told = python(
        WINDOWS,
        "import io, os, pathlib, zipfile\n\
         def shows(name):\n    print(open(name, 'rb').read())\n\
         open('a', 'w').write('one\\ntwo\\n'); shows('a')\n\
         pathlib.Path('a').write_text('x\\n'); shows('a')\n\
         open('a', 'a').write('y\\n'); shows('a')\n\
         print(repr(open('a').read()))\n\
         open('a', 'w', opener=lambda name, flags: os.open(name, flags)).write('z\\n'); shows('a')\n\
         open('a', 'w', newline='\\n').write('x\\n'); shows('a')\n\
         open('a', 'wb').write(b'x\\n'); shows('a')\n\
         open('a', 'r+').write('y'); shows('a')\n\
         os.mkdir('d', 0o700); os.chmod('d', 0o755); os.chmod('a', 0o777)\n\
         print(oct(os.stat('a').st_mode), oct(os.stat('d').st_mode))\n\
         print(zipfile.ZipInfo('x').create_system, zipfile.ZipInfo('x').date_time)\n\
         print([str(p) for p in sorted(map(pathlib.Path, ('b', 'a/z', 'a', 'C', 'a/Y')))])\n",
    );
    assert_eq!(
        told,
        "b'one\\r\\ntwo\\r\\n'\nb'x\\r\\n'\nb'x\\r\\ny\\r\\n'\n'x\\ny\\n'\nb'z\\r\\n'\nb'x\\n'\nb'x\\n'\nb'y\\n'\n0o100666 0o40755\n0 (1980, 1, 1, 0, 0, 0)\n\
         ['a', 'a/Y', 'a/z', 'b', 'C']\n"
    );
}

#[test]
fn metadata_is_written_as_a_text_and_no_other_bytes_are() {
    let told = python(
        TEXT_METADATA,
        "import io, pathlib\n\
         def shows(name):\n    print(open(name, 'rb').read())\n\
         pathlib.Path('x.dist-info').mkdir(); pathlib.Path('data').mkdir()\n\
         with open(pathlib.Path('x.dist-info/METADATA'), 'wb') as out:\n    print(out.write(b'one\\n')); out.write(b'two\\n\\n')\n\
         shows('x.dist-info/METADATA')\n\
         with io.open('data/METADATA', 'wb') as out:\n    out.write(b'one\\n')\n\
         shows('data/METADATA')\n\
         with open('WHEEL', 'wb') as out:\n    out.write(b'one\\n')\n\
         shows('WHEEL')\n\
         open('METADATA', 'w').write('one\\n'); shows('METADATA')\n",
    );
    assert_eq!(
        told,
        "4\nb'one\\r\\ntwo\\r\\n\\r\\n'\nb'one\\n'\nb'one\\n'\nb'one\\r\\n'\n"
    );
}

#[test]
fn folders_are_listed_in_the_publishers_order_and_what_it_does_not_know_by_name() {
    let told = python(
        LISTING,
        "import glob, os, pathlib, shutil\n\
         for name in ('lib/pkg/a.py', 'lib/pkg/b.py', 'lib/pkg/c.py', 'lib/pkg/new.py', 'lib/pkg/more.py',\n\
                      'lib/pkg/sub/y.py', 'lib/pkg/sub/z.py', 'lib/top.py', 'other/c.py', 'other/a.py'):\n    \
             os.makedirs(os.path.dirname(name), exist_ok=True); open(name, 'w').close()\n\
         print(os.listdir('lib'), os.listdir('lib/pkg'), os.listdir('other'))\n\
         print([(d, f) for _, d, f in os.walk('lib')])\n\
         print([p.name for p in pathlib.Path('lib/pkg').glob('*.py')])\n\
         print(sorted(os.listdir(b'other')), len(os.listdir(os.open('lib', os.O_RDONLY))))\n\
         shutil.rmtree('lib'); print(os.path.exists('lib'))\n",
    );
    assert_eq!(
        told,
        "['pkg', 'top.py'] ['c.py', 'a.py', 'sub', 'b.py', 'more.py', 'new.py'] ['a.py', 'c.py']\n\
         [(['pkg'], ['top.py']), (['sub'], ['c.py', 'a.py', 'b.py', 'more.py', 'new.py']), ([], ['z.py', 'y.py'])]\n\
         ['c.py', 'a.py', 'b.py', 'more.py', 'new.py']\n\
         [b'a.py', b'c.py'] 2\n\
         False\n"
    );
}

#[test]
fn a_namespace_packages_file_is_named_after_the_publishers_python() {
    let told = python(
        NAMING,
        r#"
import os, sys
os.makedirs("modules/setuptools")
open("modules/setuptools/__init__.py", "w").close()
with open("modules/setuptools/namespaces.py", "w") as module:
    module.write("""
class Installer:
    def install_namespaces(self):
        print(self._get_target())
class Command(Installer):
    target = "py3.11-egg/demo-1.0-py3.11.egg-info"
    def _get_target(self):
        return self.target
""")
sys.path.insert(0, "modules")
from setuptools import namespaces
namespaces.Command().install_namespaces()
print(namespaces.Command().target)
"#,
    );
    assert_eq!(
        told,
        "py3.11-egg/demo-1.0-py3.8.egg-info\npy3.11-egg/demo-1.0-py3.11.egg-info\n"
    );
}

#[test]
fn a_script_that_is_called_after_the_running_python_is_named_after_the_publishers() {
    let told = python(
        NAMING,
        r#"
import os, sys
os.makedirs("modules/setuptools")
open("modules/setuptools/__init__.py", "w").close()
with open("modules/setuptools/dist.py", "w") as module:
    module.write("""
class Distribution:
    def __init__(self, attrs=None):
        print((attrs or {}).get("entry_points"))
""")
sys.path.insert(0, "modules")
from setuptools.dist import Distribution
running = "{}.{}".format(*sys.version_info)
scripts = ["x=m:f", "x3=m:f", f"x{running}=m:f", f"y-{running} = m:f", f"z=m{running}:f", f"x{running}1=m:f"]
Distribution({"entry_points": {"console_scripts": [s.replace(running, "2.99") for s in scripts]}})
Distribution({"entry_points": {"console_scripts": scripts[:4]}})
Distribution({"entry_points": {"console_scripts": [scripts[4].replace("=m", "=m:"), scripts[5]]}})
Distribution({"entry_points": "[console_scripts]"})
Distribution()
"#,
    );
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].contains("'x2.99=m:f'"), "{told}");
    let named = "{'console_scripts': ['x=m:f', 'x3=m:f', 'x3.8=m:f', 'y-3.8 = m:f']}";
    assert_eq!(lines[1], named);
    assert!(!lines[2].contains("3.8"), "{told}");
    assert_eq!(lines[3..], ["[console_scripts]", "None"]);
}

#[test]
fn requirements_are_written_sorted_as_debians_setuptools_does() {
    let told = python(
        DEBIAN,
        r#"
import io, os, sys
os.makedirs("modules/setuptools/command")
for package in "modules/setuptools", "modules/setuptools/command":
    open(package + "/__init__.py", "w").close()
with open("modules/setuptools/command/egg_info.py", "w") as module:
    module.write("""
def yield_lines(requirements):
    yield from requirements
def _write_requirements(stream, requirements):
    stream.writelines(line + " " for line in yield_lines(requirements or ()))
def write_requirements(stream):
    _write_requirements(stream, ["b>=1", "a", "B"])
    _write_requirements(stream, None)
""")
sys.path.insert(0, "modules")
from setuptools.command import egg_info
written = io.StringIO()
egg_info.write_requirements(written)
print(written.getvalue())
"#,
    );
    assert_eq!(told, "B a b>=1 \n");
}

/// What asking a backend for more prints, whose hook has this body; a pip that prints what it is
/// told, and has `lacking_one` and `lacking_two`, stands in for the real one. Nothing may be left in
/// the source.
fn asked(hook: &str) -> (bool, String) {
    let dir = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| dir.path().join(name);
    for folder in ["source/package", "source/tools", "programs/pip"] {
        std::fs::create_dir_all(at(folder)).expect("a folder");
    }
    let body = format!("import os\nclass Hooks:\n    def get_requires():\n        {hook}\n");
    for (name, text) in [
        ("ask.py", include_str!("../src/plan/pypi/ask.py")),
        ("programs/pip/__init__.py", ""),
        (
            "programs/pip/__main__.py",
            "import pathlib, sys\n\
             print(*sys.argv[3:], flush=True)\n\
             for name in {'lacking_one', 'lacking_two'} & {*sys.argv}:\n    \
                 pathlib.Path(__file__).parents[1].joinpath(name + '.py').touch()\n",
        ),
        ("source/package/a.txt", "a"),
        (
            "source/package/tools.py",
            "raise SystemExit('the source itself')",
        ),
        ("source/tools/mine.py", &body),
    ] {
        std::fs::write(at(name), text).expect("written");
    }
    let output = Command::new("python3")
        .arg(at("ask.py"))
        .arg("python3")
        .arg(at("source"))
        .args(["get_requires", "mine:Hooks", "../tools", "--", "held==1"])
        .current_dir(at("source/package"))
        .env("PYTHONPATH", at("programs"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python3 runs");
    let mut left: Vec<_> = ["source", "source/package", "source/tools"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(at(folder)).expect("a folder"))
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["a.txt", "mine.py", "package", "tools", "tools.py"]);
    let told = String::from_utf8(output.stdout).expect("text");
    (output.status.success(), told)
}

#[test]
fn what_a_backend_asks_for_is_installed_beside_what_is_held() {
    let (well, told) = asked("open('made', 'w').close(); return ['b>=2', 'c']");
    assert!(well);
    assert_eq!(
        told.lines().collect::<std::collections::BTreeSet<_>>(),
        ["the backend asks for: b>=2, c", "install -- held==1 b>=2 c"].into()
    );
    let (well, told) =
        asked("return [open('a.txt').read()] if os.path.exists('../tools/mine.py') else []");
    assert!(well && told.contains("asks for: a\n"), "{told}");
    assert_eq!(
        asked("return []"),
        (true, "the backend asks for: nothing\n".into())
    );
}

#[test]
fn what_a_source_imports_and_does_not_ask_for_is_installed_before_it_is_asked() {
    let (well, told) = asked("import lacking_one, lacking_two; return ['b']");
    assert!(well, "{told}");
    let lines: std::collections::BTreeSet<_> = told.lines().collect();
    assert_eq!(
        lines,
        [
            "the source imports what it does not ask for: lacking_one",
            "install -- held==1 lacking_one",
            "the source imports what it does not ask for: lacking_two",
            "install -- held==1 lacking_one lacking_two",
            "the backend asks for: b",
            "install -- held==1 lacking_one lacking_two b",
        ]
        .into()
    );
    // What the source itself has is not taken from elsewhere.
    let (well, told) = asked("import tools");
    assert!(!well && !told.contains("install"), "{told}");
    // What is said in another encoding is no error.
    let (well, told) = asked("os.write(2, bytes([0xe9])); return ['b']");
    assert!(well && told.contains("asks for: b"), "{told}");
    // What pip cannot make importable ends it, once.
    let (well, told) = asked("import lacking_for_ever");
    assert!(!well);
    assert_eq!(told.matches("install -- ").count(), 1, "{told}");
}

/// The versions that the lock file names which is written for a source with this manifest, and
/// what a plugin of poetry reads from it; a tracked lock file may be there.
fn locked(manifest: &str, tracked: Option<&str>) -> (bool, String) {
    let dir = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| dir.path().join(name);
    for folder in ["a", "new", "old"] {
        std::fs::create_dir(at(folder)).expect("a folder");
    }
    for (name, text) in [
        ("locked.py", include_str!("../src/plan/pypi/locked.py")),
        ("a/pyproject.toml", manifest),
        ("new/pyproject.toml", "[project]\nversion = \"2.0\"\n"),
        ("old/pyproject.toml", "[tool.poetry]\nversion = \"1.0\"\n"),
    ] {
        std::fs::write(at(name), text).expect("written");
    }
    if let Some(tracked) = tracked {
        std::fs::write(at("a/poetry.lock"), tracked).expect("written");
    }
    let output = Command::new("python3")
        .arg(at("locked.py"))
        .current_dir(at("a"))
        .output()
        .expect("python3 runs");
    let lock = std::fs::read_to_string(at("a/poetry.lock")).unwrap_or_default();
    (output.status.success(), lock)
}

#[test]
fn folders_of_a_repository_are_locked_with_the_version_that_each_declares() {
    let manifest = "[tool.poetry.dependencies]\npython = \">=3.9\"\nx = {path = \"../new\", develop = true}\ny = {path = \"../old\"}\nz = {version = \"3\"}\n";
    let (well, lock) = locked(manifest, None);
    assert!(well, "{lock}");
    let lock: toml::Table = lock.parse().expect("TOML");
    let said: Vec<_> = lock["package"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let text = |value: &toml::Value| value.as_str().expect("text").to_owned();
            let url = text(&package["source"]["url"]);
            (text(&package["name"]), text(&package["version"]), url)
        })
        .collect();
    let expected = [("x", "2.0", "../new"), ("y", "1.0", "../old")]
        .map(|(name, version, url)| (name.to_owned(), version.to_owned(), url.to_owned()));
    assert_eq!(said, expected);
    // The publisher's own stays as it is.
    assert_eq!(locked(manifest, Some("mine")), (true, "mine".into()));
    // A folder that is not there is an error, and no version of nothing.
    let missing = "[tool.poetry.dependencies]\nx = {path = \"../gone\"}\n";
    assert!(!locked(missing, None).0);
}

#[test]
fn a_backend_that_cannot_answer_is_an_error() {
    let (well, told) = asked("raise ValueError('no')");
    assert!(!well && told.is_empty(), "{told}");
}
