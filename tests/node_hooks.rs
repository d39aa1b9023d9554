//! What npm's builds run of remint's own does what it says, and nothing to what it is not
//! about, on this machine's Node.js.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use remint::model::Sha256Digest;

const BOOTSTRAP: &str = include_str!("../src/plan/npm/bootstrap.cjs");
const CLOCK: &str = include_str!("../src/plan/npm/clock.cjs");
const DEFLATE: &str = include_str!("../src/plan/npm/deflate.cjs");
const LAYOUT: &str = include_str!("../src/plan/npm/layout.cjs");
const LEAN: &str = include_str!("../src/plan/npm/lean.cjs");
const LERNA: &str = include_str!("../src/plan/npm/lerna.cjs");
const LISTING: &str = include_str!("../src/plan/npm/listing.cjs");
const LINE_ENDS: &str = include_str!("../src/plan/npm/line_ends.cjs");
const MADE: &str = include_str!("../src/plan/npm/made.cjs");
const MEND: &str = include_str!("../src/plan/npm/mend.cjs");
const LOCKS: &str = include_str!("../src/plan/npm/locks.cjs");
const REGISTRY: &str = include_str!("../src/plan/npm/registry.cjs");
const WRITTEN: &str = include_str!("../src/plan/npm/written.cjs");
const SHARED: &str = include_str!("../src/plan/npm/shared.cjs");
const SIBLINGS: &str = include_str!("../src/plan/npm/siblings.cjs");

/// What a program prints whose Node.js reads `hook` first.
fn node(hook: &str, program: &str) -> String {
    node_at(hook, "1000000100", program)
}

/// The same where the clock is told this.
fn node_at(hook: &str, clock: &str, program: &str) -> String {
    let dir = tempfile::tempdir().expect("tempdir");
    let file = dir.path().join("hook.cjs");
    std::fs::write(&file, hook.replace("BUILD_CLOCK", clock)).expect("written");
    let output = Command::new("node")
        .args(["-e", program])
        .env("NODE_OPTIONS", format!("--require {}", file.display()))
        .env("TZ", "UTC")
        .output()
        .expect("node runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn hooks_need_nothing_that_node_before_12_lacks() {
    for hook in [CLOCK, LINE_ENDS] {
        let of_before_12 = format!(
            "const all = global, {{ syncBuiltinESMExports: sync }} = require('module');\n\
             delete all.globalThis; delete require('module').syncBuiltinESMExports;\n\
             {{ {hook} }}\n\
             all.globalThis = all; require('module').syncBuiltinESMExports = sync;\n"
        );
        assert_eq!(node(&of_before_12, "console.log('begun')"), "begun\n");
    }
}

#[test]
fn names_of_the_workspace_take_each_others_places_and_all_else_stays() {
    let dir = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| dir.path().join(name);
    let manifest = r#"{"name":"x","dependencies":{"a":"workspace:*","y":"1","b":"workspace:^","c":"workspace:~"},"z":1}"#;
    let order = r#"{"dependencies":["c","gone","a","b"],"peerDependencies":["q"]}"#;
    for (name, text) in [
        ("order.cjs", include_str!("../src/plan/npm/order.cjs")),
        ("order.json", order),
        ("package.json", manifest),
    ] {
        std::fs::write(at(name), text).expect("written");
    }
    let status = Command::new("node")
        .arg(at("order.cjs"))
        .current_dir(dir.path())
        .status();
    assert!(status.expect("node runs").success());
    let written = read(dir.path(), "package.json");
    let plain: String = written.split_whitespace().collect();
    assert_eq!(
        plain,
        r#"{"name":"x","dependencies":{"c":"workspace:~","y":"1","a":"workspace:*","b":"workspace:^"},"z":1}"#
    );
}

#[test]
fn lernas_packing_gives_npms_libraries_the_list_as_it_is_with_lernas_own_settings() {
    let dir = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| dir.path().join(name);
    for (library, text) in [
        (
            "npm-packlist",
            "module.exports = async ({ path }) => ['./main.js', 'main.js', path.length > 1 ? '@x' : ''];",
        ),
        ("npm-packlist/package.json", r#"{"version":"5.1.1"}"#),
        (
            "tar",
            "exports.create = async (o, files) => require('fs').writeFileSync(o.file, JSON.stringify([o.prefix, o.portable, o.gzip, o.mtime, files]));",
        ),
    ] {
        let file = match library.ends_with(".json") {
            true => at("npm/node_modules").join(library),
            false => at("npm/node_modules").join(library).join("index.js"),
        };
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("written");
    }
    std::fs::write(at("lerna.cjs"), LERNA).expect("written");
    let output = Command::new("node")
        .args([at("lerna.cjs"), at("npm"), at("out")])
        .current_dir(dir.path())
        .output()
        .expect("node runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        std::fs::read_to_string(at("out")).expect("text"),
        r#"["package/",true,true,"1985-10-26T08:15:00.000Z",["././main.js","./main.js","./@x"]]"#
    );
    // Another minimatch than npm's own is found by what needs it, and finds what it needs.
    for (file, text) in [
        (
            "npm/node_modules/minimatch/index.js",
            "module.exports = 'npm';",
        ),
        (
            "npm/node_modules/needed/index.js",
            "module.exports = 'its own';",
        ),
        ("other/index.js", "module.exports = require('needed');"),
        (
            "npm/node_modules/npm-packlist/index.js",
            "module.exports = async () => [require('minimatch')];",
        ),
    ] {
        std::fs::create_dir_all(at(file).parent().expect("a folder")).expect("a folder");
        std::fs::write(at(file), text).expect("written");
    }
    let listed = |other: Option<&str>| {
        let status = Command::new("node")
            .args([at("lerna.cjs"), at("npm"), at("out")])
            .args(other.map(at))
            .status();
        assert!(status.expect("node runs").success());
        std::fs::read_to_string(at("out")).expect("text")
    };
    assert!(listed(None).contains("./npm"));
    assert!(listed(Some("other")).contains("./its own"));
    // What it cannot do is no success.
    let output = Command::new("node")
        .args([at("lerna.cjs"), at("none"), at("out")])
        .output()
        .expect("node runs");
    assert!(!output.status.success());
}

/// A repository with packages, of which `packages/own` asks for others by their places.
fn workspace() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| dir.path().join(name);
    for (folder, manifest) in [
        ("packages/a", r#"{"name":"@s/a","version":"1.2.0"}"#),
        ("packages/deep/b", r#"{"name":"b","version":"2.0.1"}"#),
        // Farther from the root, and before it by name.
        ("copies/of/other/b", r#"{"name":"b","version":"9.9.9"}"#),
        (
            "packages/own",
            "{\n\t\"dependencies\": {\n\t\t\"@s/a\": \"file:../a\",\n\t\t\"b\": \"workspace:^\",\n\t\t\"c\": \"file:../c\",\n\t\t\"other\": \"file:../a\"\n\t},\n\t\"peerDependencies\": {\n\t\t\"b\": \"workspace:>=2\"\n\t}\n}",
        ),
    ] {
        std::fs::create_dir_all(at(folder)).expect("a folder");
        std::fs::write(at(folder).join("package.json"), manifest).expect("written");
    }
    std::fs::write(at("siblings.cjs"), SIBLINGS).expect("written");
    std::fs::write(at("shared.cjs"), SHARED).expect("written");
    dir
}

/// Does it with three of those in `packages/own`.
fn name_siblings(action: &str, root: &std::path::Path) {
    let status = Command::new("node")
        .arg(root.join("siblings.cjs"))
        .arg(action)
        .arg(root)
        .args(["@s/a", "b", "c"])
        .current_dir(root.join("packages/own"))
        .status()
        .expect("node runs");
    assert!(status.success());
}

#[test]
fn packages_of_the_repository_are_linked_where_a_packer_reads_their_versions() {
    let dir = workspace();
    let at = |name: &str| dir.path().join("packages/own").join(name);
    let before = std::fs::read(at("package.json")).expect("text");
    std::fs::create_dir_all(at("node_modules/b")).expect("a folder");
    name_siblings("link", dir.path());
    let linked = std::fs::read_to_string(at("node_modules/@s/a/package.json")).expect("linked");
    assert!(linked.contains("1.2.0"), "{linked}");
    // What is there stays, what is nowhere is not made up, and the manifest is the packer's.
    assert!(!at("node_modules/b/package.json").exists());
    assert!(!at("node_modules/c").exists());
    assert_eq!(std::fs::read(at("package.json")).expect("text"), before);
}

#[test]
fn versions_of_the_repositorys_packages_are_written_where_their_folders_stood() {
    let dir = workspace();
    name_siblings("write", dir.path());
    let written = dir.path().join("packages/own/package.json");
    let written = std::fs::read_to_string(written).expect("text");
    // One that is nowhere and one that is not named stay as they are.
    assert_eq!(
        written,
        "{\n\t\"dependencies\": {\n\t\t\"@s/a\": \"^1.2.0\",\n\t\t\"b\": \"^2.0.1\",\n\t\t\"c\": \"file:../c\",\n\t\t\"other\": \"file:../a\"\n\t},\n\t\"peerDependencies\": {\n\t\t\"b\": \">=2\"\n\t}\n}"
    );
}

#[test]
fn what_is_for_development_and_not_called_is_left_out_while_something_is_installed() {
    let text = "{\n\t\"dependencies\": {\"own\": \"1\"},\n\t\"devDependencies\": {\"called\": \"1\", \"gone\": \"next\"}\n}";
    let programs = [("lean.cjs", LEAN), ("shared.cjs", SHARED)];
    let dir = source(&[&[("package.json", text)], &programs[..]].concat());
    let output = |program: &[&str]| {
        Command::new("node")
            .args(["lean.cjs", "called,other"])
            .args(program)
            .current_dir(dir.path())
            .output()
            .expect("node runs")
    };
    let seen = output(&["cat", "package.json"]);
    let seen = String::from_utf8_lossy(&seen.stdout);
    assert!(
        seen.contains("own") && seen.contains("called") && !seen.contains("gone"),
        "{seen}"
    );
    assert_eq!(output(&["sh", "-c", "exit 7"]).status.code(), Some(7));
    let after = std::fs::read_to_string(dir.path().join("package.json")).expect("read");
    assert_eq!(after, text);
    assert!(is_old(&dir.path().join("package.json")));
}

/// Answers each request with what stands beside the package's path, and all others that there is
/// none; the address.
fn registry(packuments: &'static [(&'static str, &'static str)]) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).expect("a request");
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            let (_, asked) = asked.split_once(' ').expect("a path after the method");
            let is_asked = |path: &str| asked.starts_with(&format!("/npm/{path} "));
            let found = packuments.iter().find(|(path, _)| is_asked(path));
            let status = if found.is_some() {
                "200 OK"
            } else {
                "404 Not Found"
            };
            let body = found.map_or("not found", |(_, packument)| packument);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).expect("sent");
        }
    });
    format!("http://{address}/npm")
}

#[test]
fn each_package_is_installed_as_it_was_newest_a_day_after_its_range_was_written() {
    let dir = tempfile::tempdir().expect("tempdir");
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    };
    put("written.cjs", WRITTEN);
    put(
        "package.json",
        r#"{"dependencies":{"a":"^1","@s/none":"^1","other":"next"},"devDependencies":{"b":"^1","new":"^1","@s/undated":"^1","--a":"^1"}}"#,
    );
    // 2020-01-01 for a, and 2021-01-01 for b.
    let since = r#"{"a":1577836800,"b":1609459200,"@s/none":1,"@s/undated":1,"other":1,"--a":1}"#;
    put("since.json", since);
    // The ranges of this test alone.
    let semver = "exports.validRange = (range) => range.startsWith('^') || null;\n\
                  exports.satisfies = (version) => version.startsWith('1.');\n\
                  exports.minSatisfying = (versions) => versions.sort()[0];\n\
                  exports.maxSatisfying = (versions) => versions.sort().pop() || null;";
    put("npm/node_modules/semver/index.js", semver);
    const DATED: &str = r#"{"versions":{"1.0.0":{},"1.1.0":{},"1.2.0":{}},"time":{"1.1.0":"2020-01-02T00:00:00.000Z","1.2.0":"2020-01-02T00:00:00.001Z"}}"#;
    const UNDATED: &str = r#"{"versions":{"0.9.0":{},"1.1.0":{},"1.2.0":{}},"time":{"0.9.0":"2020-01-02T00:00:00.000Z"}}"#;
    let registry = registry(&[
        ("a", DATED),
        ("b", DATED),
        ("@s%2fundated", UNDATED),
        ("--a", DATED),
    ]);
    let run = |program: &[&str]| {
        Command::new("node")
            .args(["written.cjs", "./npm", "since.json", &registry])
            .args(program)
            .current_dir(dir.path())
            .output()
            .expect("node runs")
    };
    let done = run(&["echo", "install"]);
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(
        said.lines().last(),
        Some("install a@1.1.0 b@1.2.0 @s/undated@1.1.0"),
        "{done:?}"
    );
    assert_eq!(run(&["sh", "-c", "exit 7"]).status.code(), Some(7));
}

/// An order of names as a plan has it: a key, and then keyed digests alone.
fn listing(names: &[&str]) -> String {
    let masked = names.iter().map(|name| {
        let digest = Sha256Digest::of(format!("key {name}")).to_string();
        digest[..16].to_owned()
    });
    let lines = std::iter::once("key".to_owned()).chain(masked);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn folders_are_listed_as_told_and_sorting_leaves_what_is_equal_in_its_place() {
    let dir = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir_all(at("src/lib")).expect("a folder");
    for name in ["z.js", "a.js", "other", "more", "lib/b.js", "lib/a.js"] {
        std::fs::write(at("src").join(name), "").expect("written");
    }
    let order = ["z.js", "lib", "lib/b.js", "lib/a.js", "a.js"];
    std::fs::write(at("listing"), listing(&order)).expect("written");
    std::fs::write(at("hook.cjs"), LISTING).expect("written");
    // As npm 4 does it: by name, and then by rules that leave most as it is.
    let program = "const fs = require('fs');\n\
         const rules = (a, b) => a.endsWith('.js') ? -1 : b.endsWith('.js') ? 1 : 0;\n\
         fs.readdir('.', (_, names) => console.log(names.sort().join(), names.sort(rules).join()));\n\
         console.log(fs.readdirSync('lib').join());\n\
         console.log([3, 1, 2].sort().join(), [3, 1, 2].sort((a, b) => b - a).join());\n";
    let output = Command::new("node")
        .args(["--require", "../hook.cjs", "-e", program])
        .current_dir(at("src"))
        .output()
        .expect("node runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "b.js,a.js\n1,2,3 3,2,1\nz.js,lib,a.js,more,other z.js,a.js,lib,more,other\n",
        "{output:?}"
    );
}

#[test]
fn a_clock_begins_when_the_commit_was_made_and_dates_stay_dates() {
    let told = node(
        CLOCK,
        "const near = (ms) => Math.abs(ms - 1000000100000) < 60000;\n\
         console.log(near(Date.now()), near(new Date().getTime()), near(Date.parse(Date())));\n\
         console.log(new Date().getFullYear(), new Date(0).toISOString(), new Date(2020, 1).getFullYear());\n\
         class Own extends Date { is() { return 'own'; } }\n\
         console.log(new Own().is(), near(+new Own()), new Own() instanceof Date, new Own(5).getTime());\n\
         const date = new Date(7);\n\
         console.log(date instanceof Date, date.constructor === Date, typeof Date, Date.UTC(1970, 0), Date.name);\n\
         const told = require('child_process').execFileSync('node', ['-p', 'new Date().getFullYear()']);\n\
         console.log(String(told).trim());\n\
         const before = Date.now(); setTimeout(() => console.log(Date.now() > before), 20);\n",
    );
    assert_eq!(
        told,
        "true true true\n\
         2001 1970-01-01T00:00:00.000Z 2020\n\
         own true true 5\n\
         true true function 0 Date\n\
         2001\n\
         true\n"
    );
}

#[test]
fn a_clock_that_is_told_to_the_second_stands_still_before_it_goes_on() {
    let program = "const begun = Date.now(); setTimeout(() => console.log(begun, Date.now() - begun > 500), 1500);";
    assert_eq!(
        node_at(CLOCK, "1000000100 300", program),
        "1000000100000 false\n"
    );
    assert_eq!(
        node_at(CLOCK, "1000000100 0.5", program),
        "1000000100000 true\n"
    );
}

#[test]
fn lines_end_as_on_windows_by_what_node_says_alone() {
    let told = node(
        LINE_ENDS,
        "import('os').then((os) => console.log(JSON.stringify([require('os').EOL, os.EOL, process.platform])))",
    );
    assert_eq!(told.trim_end(), r#"["\r\n","\r\n","linux"]"#);
}

/// What stands in for npm and yarn.
const INSTALLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/installer.sh");

/// A folder of a source with these files.
fn source(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("tempdir");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("written");
        set_old(&dir.path().join(name));
    }
    dir
}

/// An installer of the test's own, in the source's folder.
fn installer_of(dir: &Path, name: &str, text: &str) -> PathBuf {
    let script = dir.join(name);
    std::fs::write(&script, text).expect("written");
    let may_run = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, may_run).expect("set");
    script
}

/// When the files of a source were last changed, in seconds since 1970.
const OLD: u64 = 1_500_000_000;

fn set_old(path: &Path) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(OLD);
    let file = std::fs::File::options().write(true).open(path);
    let set = file.and_then(|file| file.set_modified(time));
    set.expect("its time is set");
}

fn is_old(path: &Path) -> bool {
    let time = std::fs::metadata(path).and_then(|found| found.modified());
    let age = time.expect("a time").duration_since(std::time::UNIX_EPOCH);
    age.expect("after 1970").as_secs() == OLD
}

/// Installs in the folder, and returns how it ended and what the installer was asked.
fn mend(dir: &Path, words: &[&str]) -> (Output, String) {
    mend_from("http://127.0.0.1:1/npm", dir, words)
}

/// The same, where a registry may be asked what it has.
fn mend_from(registry: &str, dir: &Path, words: &[&str]) -> (Output, String) {
    mend_by(INSTALLER.as_ref(), registry, dir, words)
}

/// The same by this installer.
fn mend_by(installer: &Path, registry: &str, dir: &Path, words: &[&str]) -> (Output, String) {
    let script = dir.join("mend.cjs");
    for (name, text) in [
        ("mend.cjs", MEND),
        ("locks.cjs", LOCKS),
        ("registry.cjs", REGISTRY),
        ("shared.cjs", SHARED),
    ] {
        std::fs::write(dir.join(name), text).expect("written");
    }
    let output = Command::new("node")
        .arg(&script)
        .arg(installer)
        .args(words)
        .env("npm_config_registry", format!("{registry}/"))
        .current_dir(dir)
        .output()
        .expect("node runs");
    (output, read(dir, "calls"))
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).expect("a file")
}

const MANIFEST: &str =
    r#"{"dependencies": {"kept": "^1.0.0"}, "devDependencies": {"dev-kept": "^1"}}"#;

/// A lock file of npm with a version that the installer can have, and another.
fn npm_lock(other: &str) -> String {
    format!(
        r#"{{"lockfileVersion": 3, "packages": {{
  "": {{"name": "demo"}},
  "node_modules/kept": {{"version": "1.0.0", "resolved": "http://127.0.0.1/npm/kept/-/kept-1.0.0.tgz"}},
  "node_modules/other": {{"version": "{other}", "resolved": "http://127.0.0.1/npm/other/-/other-{other}.tgz"}}
}}}}"#
    )
}

#[test]
fn what_is_gone_of_npms_lock_file_is_resolved_anew_and_the_file_is_put_back() {
    let lock = npm_lock("9.0.0");
    let dir = source(&[("package.json", MANIFEST), ("package-lock.json", &lock)]);
    let (done, calls) = mend(dir.path(), &["ci", "--force"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        calls,
        "call ci --force\nkept-1.0.0.tgz\nother-9.0.0.tgz\n\"dev-kept\"\n\
         call install --no-save --force\nkept-1.0.0.tgz\n\"dev-kept\"\n"
    );
    assert_eq!(read(dir.path(), "package-lock.json"), lock);
    assert!(is_old(&dir.path().join("package-lock.json")));
}

#[test]
fn what_is_gone_of_npms_lock_file_has_the_version_nearest_to_it_stand_in() {
    const VERSIONS: &str =
        r#"{"versions": {"9.0.2": {}, "9.0.1": {"dist": {"integrity": "sha512-x"}}, "9.1.0": {}}}"#;
    const OTHERS: &str = r#"{"versions": {"9.1.0": {}, "8.0.0": {}}}"#;
    // What asks for it is left as it is.
    let manifest =
        r#"{"dependencies": {"other": "^9.0.0"}, "devDependencies": {"dev-kept": "^1"}}"#;
    let dir_of = |lock: &str| source(&[("package.json", manifest), ("package-lock.json", lock)]);
    let lock = npm_lock("9.0.0");
    let dir = dir_of(&lock);
    let (done, calls) = mend_from(&registry(&[("other", VERSIONS)]), dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    // By what is locked still, and nothing else.
    let (_, again) = calls.split_once("\"dev-kept\"\n").expect("two calls");
    assert_eq!(
        again,
        "call ci\nkept-1.0.0.tgz\nother-9.0.1.tgz\n\"dev-kept\"\n"
    );
    assert_eq!(read(dir.path(), "package-lock.json"), lock);

    // Another minor version is left to npm.
    let dir = dir_of(&lock);
    let (done, calls) = mend_from(&registry(&[("other", OTHERS)]), dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    let (_, again) = calls.split_once("\"dev-kept\"\n").expect("two calls");
    assert_eq!(
        again,
        "call install --no-save\nkept-1.0.0.tgz\n\"dev-kept\"\n"
    );
}

#[test]
fn what_an_old_npm_looks_for_by_its_version_has_another_version_stand_in() {
    const VERSIONS: &str = r#"{"versions": {"9.0.1": {}}}"#;
    // An installer that says so until this is locked, and what is locked at each of its calls.
    let locked = |asked: &str, until: &str, said: &str| {
        let lock = npm_lock("9.0.0").replace("\"version\": \"9.0.0\"", asked);
        let manifest = r#"{"dependencies": {"other": "^9.0.0"}}"#;
        let dir = source(&[("package.json", manifest), ("package-lock.json", &lock)]);
        let text = format!(
            "#!/bin/sh\necho $* $(grep -o -E '(npm:other@|\")9[^,]*' package-lock.json) >> calls\n\
             grep -q '{until}' package-lock.json && exit 0\necho '{said}' >&2\nexit 1\n"
        );
        let npm = installer_of(dir.path(), "npm", &text);
        let served = registry(&[("other", VERSIONS)]);
        let (done, calls) = mend_by(&npm, &served, dir.path(), &["ci"]);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(read(dir.path(), "package.json"), manifest);
        calls
    };
    let own = "\"version\": \"9.0.0\"";
    // As npm 6 says it, also of one by another name.
    let said = "npm ERR! notarget No matching version found for other@9.0.0.";
    let calls = locked(own, "other-9.0.1", said);
    assert_eq!(calls, "ci \"9.0.0\"\nci \"9.0.1\"\n");
    let alias = "\"version\": \"npm:other@9.0.0\"";
    let calls = locked(alias, "other-9.0.1", said);
    assert_eq!(calls, "ci npm:other@9.0.0\"\nci npm:other@9.0.1\"\n");
    // It looks so for what stands in where the registry lists what it has no more, too.
    let gone = "npm ERR! 404 Not Found - GET http://127.0.0.1/npm/other/-/other-9.0.0.tgz";
    let calls = locked(own, "\"9.0.1\"", gone);
    assert_eq!(calls, "ci \"9.0.0\"\nci \"9.0.0\"\nci \"9.0.1\"\n");
    // Later ones say so by the way, and install what is locked by its place.
    let by_the_way = format!(
        "npm WARN old lockfile   notarget No matching version found for other@9.0.0.\n{gone}"
    );
    let calls = locked(own, "other-9.0.1", &by_the_way);
    assert_eq!(calls, "ci \"9.0.0\"\nci \"9.0.0\"\n");
}

#[test]
fn what_an_old_npm_does_not_find_and_nothing_stands_in_for_is_resolved_anew() {
    const VERSIONS: &str = r#"{"versions": {"9.1.0": {}}}"#;
    // Another installer's lock file beside it changes nothing.
    let yarns = "# yarn lockfile v1\n\n\nother@^9.0.0:\n  version \"9.0.0\"\n  resolved \"http://127.0.0.1/npm/other/-/other-9.0.0.tgz#0\"\n";
    let lock = npm_lock("9.0.0");
    let files = [
        ("package.json", MANIFEST),
        ("package-lock.json", &lock),
        ("yarn.lock", yarns),
    ];
    let dir = source(&files);
    let text = "#!/bin/sh\necho $* >> calls\ngrep -q other-9 package-lock.json || exit 0\n\
        echo 'npm ERR! notarget No matching version found for other@9.0.0.' >&2\nexit 1\n";
    let npm = installer_of(dir.path(), "npm", text);
    let served = registry(&[("other", VERSIONS)]);
    let (done, calls) = mend_by(&npm, &served, dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(calls, "ci\ninstall --no-save\n");
    assert_eq!(read(dir.path(), "package-lock.json"), lock);
    assert_eq!(read(dir.path(), "yarn.lock"), yarns);
}

#[test]
fn a_scope_with_a_registry_of_its_own_is_looked_for_where_all_else_is() {
    let rc = "package-lock = false\n@s:registry=https://other.example/\n# @t:registry=x\n";
    let lacking = "#!/bin/sh\ncp .npmrc calls\n! grep -q '^@s:' .npmrc\n";
    let dir = source(&[("package.json", MANIFEST), (".npmrc", rc)]);
    let npm = installer_of(dir.path(), "npm", lacking);
    let (done, told) = mend_by(&npm, "http://127.0.0.1:1/npm", dir.path(), &["install"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(told, "package-lock = false\n\n# @t:registry=x\n");
    assert_eq!(read(dir.path(), ".npmrc"), rc);

    // What is locked is installed so where it could not be before; else nothing is.
    let lock = npm_lock("1.0.0");
    let found = "#!/bin/sh\ncp .npmrc calls\n";
    for (rc, npm, is_mended) in [
        (rc, lacking, true),
        (rc, found, false),
        ("registry=x\n", lacking, false),
    ] {
        let dir = source(&[
            ("package.json", MANIFEST),
            (".npmrc", rc),
            ("package-lock.json", &lock),
        ]);
        let npm = installer_of(dir.path(), "npm", npm);
        let (done, _) = mend_by(&npm, "http://127.0.0.1:1/npm", dir.path(), &["ci"]);
        assert_eq!(done.status.success(), is_mended, "{rc}");
    }
}

#[test]
fn what_is_gone_of_yarns_lock_file_has_the_version_nearest_to_it_stand_in() {
    const VERSIONS: &str = r#"{"versions": {"8.0.0": {}, "9.0.0": {}, "9.0.2": {}, "9.0.1-rc.1": {}, "9.1.0": {},
  "9.0.1": {"dependencies": {"dev-need": "^1", "dev-mac": "^2"}, "optionalDependencies": {"dev-mac": "^2"}}}}"#;
    const OTHERS: &str = r#"{"versions": {"8.0.0": {}, "9.1.0": {}, "10.0.0": {}}}"#;
    let lock = "# yarn lockfile v1\n\n\n\"@s/other@^9.0.0\":\n  version \"9.0.0\"\n  resolved \"http://127.0.0.1/npm/@s/other/-/other-9.0.0.tgz#0\"\n  integrity x\n";
    let calls = |served: &'static [(&'static str, &'static str)]| {
        let dir = source(&[("package.json", MANIFEST), ("yarn.lock", lock)]);
        let words = ["install", "--frozen-lockfile"];
        let (done, calls) = mend_from(&registry(served), dir.path(), &words);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(read(dir.path(), "yarn.lock"), lock);
        let again = calls.rsplit_once("call install --pure-lockfile\n");
        again.expect("again").1.to_owned()
    };
    assert_eq!(
        calls(&[("@s%2fother", VERSIONS)]),
        "other-9.0.1.tgz\n\"dev-kept\"\n    \"dev-need\" \"^1\"\n    \"dev-mac\" \"^2\"\n"
    );
    // Another minor version is left to yarn, and so is all where the registry says nothing.
    assert_eq!(calls(&[("@s%2fother", OTHERS)]), "\"dev-kept\"\n");
    for nothing in ["{}", "null", "{\"versions\": null}", "no JSON"] {
        let served: &'static [_] = vec![("@s%2fother", nothing)].leak();
        assert_eq!(calls(served), "\"dev-kept\"\n", "{nothing}");
    }
    // What stands in may be gone too.
    const GONE_TOO: &str = r#"{"versions": {"9.0.0": {}}}"#;
    assert_eq!(calls(&[("@s%2fother", GONE_TOO)]), "\"dev-kept\"\n");
    // What is no version is none, and a manifest of nothing asks for nothing.
    const ODD: &str = r#"{"versions": {"9.0.1\n  resolved x": {}, "9.0.2": null}}"#;
    let odd = calls(&[("@s%2fother", ODD)]);
    assert_eq!(odd, "other-9.0.2.tgz\n\"dev-kept\"\n");
}

#[test]
fn what_stands_in_for_a_version_that_is_asked_for_exactly_is_taken_for_it_by_yarn_1() {
    const VERSIONS: &str =
        r#"{"versions": {"9.0.1": {}, "9.0.2": {"dist": {"integrity": "sha512-x"}}}}"#;
    let lock = "# yarn lockfile v1\n\n\nother@9.0.0:\n  version \"9.0.0\"\n  resolved \"http://127.0.0.1/npm/other/-/other-9.0.0.tgz#0\"\n";
    let dir = source(&[("package.json", MANIFEST), ("yarn.lock", lock)]);
    // Nor is the first that stands in to be had.
    let text = "#!/bin/sh\ncp yarn.lock calls\ngone=$(grep -o -E 'other-9\\.0\\.[01]\\.tgz' calls) || exit 0\n\
        echo \"error http://127.0.0.1/npm/other/-/$gone: Request failed \\\"404 Not Found\\\"\"\nexit 1\n";
    let yarn = installer_of(dir.path(), "yarn", text);
    let served = registry(&[("other", VERSIONS)]);
    let (done, locked) = mend_by(
        &yarn,
        &served,
        dir.path(),
        &["install", "--frozen-lockfile"],
    );
    assert!(done.status.success(), "{done:?}");
    let entry = "other@9.0.0:\n  version \"9.0.0\"\n  resolved \"http://127.0.0.1/npm/other/-/other-9.0.2.tgz\"\n  integrity sha512-x\n";
    assert!(locked.contains(entry), "{locked}");
}

#[test]
fn what_is_gone_of_a_later_yarns_lock_file_is_stood_in_for_in_its_own_words() {
    const VERSIONS: &str = r#"{"versions": {"9.0.3": {
  "dependencies": {"dev-need": "^1", "dev-alias": "npm:other@1"}, "optionalDependencies": {"dev-mac": "^2"},
  "peerDependencies": {"dev-peer": "*"}, "peerDependenciesMeta": {"dev-peer": {"optional": true}},
  "bin": "./run.js"}}}"#;
    // Each call leaves the lock file as it was told, for the test alone.
    let installer = |dir: &Path| {
        let text = "#!/bin/sh\nif grep -q 'npm:9.0.0' yarn.lock; then\n  echo '➤ YN0035: │   Response Code: 404 (Not Found)'\n  \
                    echo '➤ YN0035: │   Request URL: http://127.0.0.1/npm/x/-/other-9.0.0.tgz'\n  exit 1\nfi\ncp yarn.lock calls\n";
        installer_of(dir, "keeping.sh", text)
    };
    let mended = |range: &str| {
        let lock = format!(
            "__metadata:\n  version: 8\n\n\"@s/other@npm:^9.0.0\":\n  version: 9.0.0\n  resolution: \"@s/other@npm:9.0.0\"\n  \
             conditions: os=linux\n  checksum: x\n  languageName: node\n  linkType: hard\n\n\
             \"kept@npm:^1\":\n  version: 1.0.0\n  resolution: \"kept@npm:1.0.0\"\n  dependencies:\n    need: \"{range}\"\n"
        );
        let dir = source(&[("package.json", MANIFEST), ("yarn.lock", &lock)]);
        let installer = installer(dir.path());
        let served = registry(&[("@s%2fother", VERSIONS)]);
        let (done, kept) = mend_by(&installer, &served, dir.path(), &["install", "--immutable"]);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(read(dir.path(), "yarn.lock"), lock);
        let (_, entry) = kept.split_once("@npm:^9.0.0\":\n").expect("its entry");
        entry.split_once("\"kept@").expect("another").0.to_owned()
    };
    let entry = |of_npm: &str| {
        format!(
            "  version: 9.0.3\n  resolution: \"@s/other@npm:9.0.3\"\n  dependencies:\n    \"dev-need\": \"{of_npm}^1\"\n    \
             \"dev-alias\": \"npm:other@1\"\n    \"dev-mac\": \"{of_npm}^2\"\n  peerDependencies:\n    \"dev-peer\": \"*\"\n  \
             dependenciesMeta:\n    \"dev-mac\":\n      optional: true\n  peerDependenciesMeta:\n    \"dev-peer\":\n      optional: true\n  \
             bin:\n    \"other\": \"./run.js\"\n  conditions: os=linux\n  languageName: node\n  linkType: hard\n\n"
        )
    };
    assert_eq!(mended("npm:^1"), entry("npm:"));
    assert_eq!(mended("^1"), entry(""));
}

#[test]
fn what_is_gone_is_stood_in_for_under_its_own_name_and_in_its_own_scope() {
    const VERSIONS: &str = r#"{"versions": {"9.0.3": {}}}"#;
    let entry = |head: &str, path: &str| {
        format!(
            "{head}:\n  version \"9.0.0\"\n  resolved \"http://127.0.0.1/npm/{path}/-/other-9.0.0.tgz#0\"\n"
        )
    };
    let mended = |entries: &[String], served: &'static [(&'static str, &'static str)]| {
        let lock = format!("# yarn lockfile v1\n\n\n{}", entries.join("\n"));
        let dir = source(&[("package.json", MANIFEST), ("yarn.lock", &lock)]);
        let words = ["install", "--frozen-lockfile"];
        mend_from(&registry(served), dir.path(), &words).1
    };
    // An alias is another package's.
    let alias = [entry("\"dev-alias@npm:@s/other@^9.0.0\"", "@s/other")];
    let calls = mended(&alias, &[("dev-alias", "{}"), ("@s%2fother", VERSIONS)]);
    assert!(
        calls.ends_with("other-9.0.3.tgz\n\"dev-kept\"\n"),
        "{calls}"
    );
    // Of two tarballs of one name that which is served stays (this installer can have neither).
    let both = [
        entry("\"@s/other@^9.0.0\"", "@s/other"),
        entry("other@^9.0.0", "other"),
    ];
    let calls = mended(
        &both,
        &[
            ("@s%2fother/-/other-9.0.0.tgz", ""),
            ("@s%2fother", VERSIONS),
            ("other", VERSIONS),
        ],
    );
    let second = calls.split("call ").nth(2).expect("a second call");
    assert!(
        second.contains("other-9.0.0.tgz\nother-9.0.3.tgz"),
        "{calls}"
    );
}

#[test]
fn an_installer_that_a_signal_ends_is_no_success() {
    let dir = source(&[
        ("package.json", MANIFEST),
        ("package-lock.json", &npm_lock("9.0.0")),
    ]);
    let installer = dir.path().join("ends.sh");
    let text = "#!/bin/sh\nif [ -e calls ]; then kill -9 $$; fi\ntouch calls\n\
                echo 'npm error 404 Not Found - GET http://127.0.0.1/npm/x/-/other-9.0.0.tgz - Not found'\nexit 1\n";
    std::fs::write(&installer, text).expect("written");
    let may_run = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&installer, may_run).expect("set");
    let (done, _) = mend_by(&installer, "http://127.0.0.1:1/npm", dir.path(), &["ci"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
}

#[test]
fn what_a_failed_install_left_is_removed_and_never_what_the_source_has() {
    let lock = npm_lock("9.0.0");
    let files = [("package.json", MANIFEST), ("package-lock.json", &lock)];
    let dir = source(&files);
    let (_, calls) = mend(dir.path(), &["ci"]);
    assert!(!calls.contains("over what was left"), "{calls}");

    let dir = source(&files);
    std::fs::create_dir(dir.path().join("node_modules")).expect("a folder");
    std::fs::write(dir.path().join("node_modules/own.js"), "").expect("a file");
    let (done, calls) = mend(dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    assert!(calls.contains("over what was left"), "{calls}");
    assert!(dir.path().join("node_modules/own.js").exists());

    // A link of the source's that leads to what is not installed yet stays too.
    let dir = source(&files);
    let below = dir.path().join("below");
    std::fs::create_dir(&below).expect("a folder");
    std::fs::write(
        below.join("package.json"),
        r#"{"name": "b", "version": "1.0.0"}"#,
    )
    .expect("a file");
    let link = below.join("node_modules");
    std::os::unix::fs::symlink("../not-there", &link).expect("a link");
    let (done, _) = mend(dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    assert!(link.is_symlink());
}

#[test]
fn what_is_gone_of_yarns_lock_file_is_resolved_anew_and_the_file_is_put_back() {
    let block = |name: &str, version: &str| {
        format!(
            "{name}@^1.0.0:\n  version \"{version}\"\n  resolved \"http://127.0.0.1/npm/{name}/-/{name}-{version}.tgz#0\"\n"
        )
    };
    let lock = format!(
        "# yarn lockfile v1\n\n\n{}\n{}",
        block("kept", "1.0.0"),
        block("other", "9.0.0")
    );
    let dir = source(&[("package.json", MANIFEST), ("yarn.lock", &lock)]);
    let (done, calls) = mend(dir.path(), &["install", "--frozen-lockfile"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        calls,
        "call install --frozen-lockfile\nkept-1.0.0.tgz\nother-9.0.0.tgz\n\"dev-kept\"\n\
         call install --pure-lockfile\nkept-1.0.0.tgz\n\"dev-kept\"\n"
    );
    assert_eq!(read(dir.path(), "yarn.lock"), lock);
}

#[test]
fn what_is_gone_of_a_lock_file_of_yarn_2_is_resolved_anew_at_once() {
    let block = |name: &str, version: &str| {
        format!(
            "\"{name}@npm:^1\":\n  version: {version}\n  resolution: \"{name}@npm:{version}\"\n"
        )
    };
    let blocks = [("@s/other", "9.0.0"), ("kept", "1.0.0"), ("third", "9.0.0")];
    let lock = blocks
        .map(|(name, version)| block(name, version))
        .join("\n");
    let dir = source(&[("package.json", MANIFEST), ("yarn.lock", &lock)]);
    let (done, calls) = mend(dir.path(), &["install", "--immutable"]);
    assert!(done.status.success(), "{done:?}");
    let called: Vec<_> = calls
        .lines()
        .filter(|line| line.starts_with("call"))
        .collect();
    assert_eq!(
        called,
        ["call install --immutable", "call install --no-immutable"]
    );
    assert_eq!(read(dir.path(), "yarn.lock"), lock);
    assert!(is_old(&dir.path().join("yarn.lock")));
}

#[test]
fn what_is_gone_of_pnpms_lock_file_is_resolved_anew_and_the_file_is_put_back() {
    let formats = [
        // 5, 6 and 9, with peers or without.
        ["  /@s/other/9.0.0:", "  /kept/1.0.0_peer@1.0.0:"],
        ["  /@s/other@9.0.0(peer@1.0.0):", "  /kept@1.0.0:"],
        ["  '@s/other@9.0.0':", "  kept@1.0.0:"],
    ];
    for [other, kept] in formats {
        let lock = format!(
            "lockfileVersion: 1\n\npackages:\n\n{other}\n    resolution: {{}}\n\n{kept}\n    resolution: {{}}\n\n\
             snapshots:\n\n{other}\n    dependencies:\n      kept: 1.0.0\n"
        );
        let dir = source(&[("package.json", MANIFEST), ("pnpm-lock.yaml", &lock)]);
        let pnpm = dir.path().join("pnpm");
        std::os::unix::fs::symlink(INSTALLER, &pnpm).expect("a link");
        let words = ["install", "--frozen-lockfile", "--ignore-scripts"];
        let (done, calls) = mend_by(&pnpm, "http://127.0.0.1:1/npm", dir.path(), &words);
        assert!(done.status.success(), "{done:?}");
        let (_, again) = calls.split_once("\"dev-kept\"\n").expect("two calls");
        assert!(
            again
                .starts_with("call install --no-frozen-lockfile --fix-lockfile --ignore-scripts\n"),
            "{again}"
        );
        assert!(
            again.contains("kept") && !again.contains("other"),
            "{again}"
        );
        assert_eq!(read(dir.path(), "pnpm-lock.yaml"), lock);
    }
}

#[test]
fn what_is_gone_of_pnpms_lock_file_has_the_version_nearest_to_it_stand_in_where_it_is_locked() {
    const VERSIONS: &str = r#"{"versions": {"9.0.1": {"dist": {"integrity": "sha512-x"}}}}"#;
    const WIDE: &str = r#"{"versions": {"8.0.0": {}, "9.2.0": {}, "9.4.0": {}, "10.0.0": {}}}"#;
    const OTHERS: &str = r#"{"versions": {"8.0.0": {}, "10.0.0": {}}}"#;
    let again = |served: &'static [(&'static str, &'static str)], resolution: &str| {
        let lock = format!(
            "lockfileVersion: 1\n\npackages:\n\n  '@s/other@9.0.0':\n    resolution:{resolution}\n    hasBin: true\n\n\
             snapshots:\n\n  '@s/other@9.0.0(peer@1.0.0)':\n    dependencies:\n      kept: 1.0.0\n"
        );
        let dir = source(&[("package.json", MANIFEST), ("pnpm-lock.yaml", &lock)]);
        let pnpm = dir.path().join("pnpm");
        std::os::unix::fs::symlink(INSTALLER, &pnpm).expect("a link");
        let words = ["install", "--frozen-lockfile"];
        let (_, calls) = mend_by(&pnpm, &registry(served), dir.path(), &words);
        assert_eq!(read(dir.path(), "pnpm-lock.yaml"), lock);
        let last = &calls[calls.rfind("call install").expect("a call")..];
        let (again, told) = last.split_once("\"dev-kept\"\n").expect("a whole call");
        assert_ne!(last, calls, "it is called once more");
        (again.to_owned(), told.to_owned())
    };
    const FROZEN: &str = "call install --frozen-lockfile\n  '@s/other@9.0.0\n  '@s/other@9.0.0\n";
    for resolution in [
        " {integrity: sha512-y}",
        " {integrity: sha512-y, tarball: http://127.0.0.1/npm/@s/other/-/other-9.0.0.tgz}",
        "\n      integrity: sha512-y\n      tarball: x",
    ] {
        let (again, told) = again(&[("@s%2fother", VERSIONS)], resolution);
        assert_eq!(again, FROZEN);
        assert_eq!(
            told, "integrity: sha512-x, tarball: @s%2fother/-/other-9.0.1.tgz}\n",
            "{resolution}"
        );
    }
    // Of the same major version, the nearest; of another one, none.
    let (kept, told) = again(&[("@s%2fother", WIDE)], " {integrity: sha512-y}");
    assert_eq!(kept, FROZEN);
    assert_eq!(told, "tarball: @s%2fother/-/other-9.2.0.tgz}\n");
    let (loose, told) = again(&[("@s%2fother", OTHERS)], " {integrity: sha512-y}");
    assert_eq!(loose, "call install --no-frozen-lockfile --fix-lockfile\n");
    assert_eq!(told, "");
}

#[test]
fn what_fails_by_what_stands_in_is_tried_without_holding_to_it_once() {
    // Refuses what stands in, and one whose file no lock file names.
    let text = "#!/bin/sh\necho \"call $*\" >>calls\ncase \"$*\" in *--no-frozen*) exit 0 ;; esac\n\
        grep -q tarball pnpm-lock.yaml && echo ERR_PNPM_UNEXPECTED_PKG_CONTENT_IN_STORE && exit 1\n\
        echo ' ERR_PNPM_FETCH_404  GET http://127.0.0.1/npm/other/-/other-9.0.0.tgz: Not Found - 404'\nexit 1\n";
    for key in ["other@9.0.0", "127.0.0.2/other/9.0.0"] {
        let lock = format!("lockfileVersion: 1\n\npackages:\n\n  {key}:\n    resolution: {{}}\n");
        let dir = source(&[("package.json", MANIFEST), ("pnpm-lock.yaml", &lock)]);
        let pnpm = installer_of(dir.path(), "pnpm", text);
        let served = registry(&[("other", r#"{"versions": {"9.0.1": {}}}"#)]);
        let words = ["install", "--frozen-lockfile"];
        let (done, calls) = mend_by(&pnpm, &served, dir.path(), &words);
        assert!(done.status.success(), "{done:?}");
        let frozen = calls.matches("call install --frozen-lockfile\n").count();
        let loose = calls.matches("call install --no-frozen-lockfile").count();
        let is_named = usize::from(key.starts_with("other"));
        assert_eq!((frozen, loose), (1 + is_named, 1), "{calls}");
    }
}

#[test]
fn what_no_lock_file_names_is_not_looked_for_for_ever() {
    let text = "#!/bin/sh\necho called >>calls\necho ' ERR_PNPM_FETCH_404  GET http://127.0.0.1/npm/x/-/x-9.0.0.tgz: Not Found - 404'\nexit 1\n";
    let lock = "lockfileVersion: 1\n\npackages:\n\n  kept@1.0.0:\n    resolution: {}\n";
    let dir = source(&[("package.json", MANIFEST), ("pnpm-lock.yaml", lock)]);
    let pnpm = installer_of(dir.path(), "pnpm", text);
    let words = ["install", "--frozen-lockfile"];
    let (done, calls) = mend_by(&pnpm, "http://127.0.0.1:1/npm", dir.path(), &words);
    assert!(!done.status.success());
    assert_eq!(calls, "called\ncalled\n");
}

#[test]
fn of_packages_whose_tarballs_have_one_name_only_what_is_gone_is_replaced() {
    const VERSIONS: &str = r#"{"versions": {"9.0.1": {}}}"#;
    let served = || {
        registry(&[
            ("@s%2fother", VERSIONS),
            ("other", VERSIONS),
            ("other/-/other-9.0.0.tgz", ""),
        ])
    };
    let lock = r#"{"packages": {
  "node_modules/@s/other": {"version": "9.0.0", "resolved": "http://127.0.0.1/npm/@s%2fother/-/other-9.0.0.tgz"},
  "node_modules/other": {"version": "9.0.0", "resolved": "http://127.0.0.1/npm/other/-/other-9.0.0.tgz"}}}"#;
    let text = "#!/bin/sh\ncp package-lock.json calls\ngrep -q other-9.0.1 calls && exit 0\necho 'npm error 404 Not Found - GET http://127.0.0.1/npm/@s/other/-/other-9.0.0.tgz'\nexit 1\n";
    let dir = source(&[("package.json", MANIFEST), ("package-lock.json", lock)]);
    let npm = installer_of(dir.path(), "npm", text);
    let (done, locked) = mend_by(&npm, &served(), dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    let locked: serde_json::Value = serde_json::from_str(&locked).expect("JSON");
    let told = |place: &str, what: &str| {
        let text = locked["packages"][place][what].as_str();
        text.expect("text").to_owned()
    };
    assert!(told("node_modules/@s/other", "resolved").ends_with("/other-9.0.1.tgz"));
    assert!(told("node_modules/other", "resolved").ends_with("/other-9.0.0.tgz"));
    // Whoever asks for exactly the version that is locked has it so.
    assert_eq!(told("node_modules/@s/other", "version"), "9.0.0");

    let blocks = ["@s/other@9.0.0", "other@9.0.0"]
        .map(|name| format!("  '{name}':\n    resolution: {{integrity: x}}\n"))
        .join("\n");
    let lock = format!("lockfileVersion: 1\n\npackages:\n\n{blocks}");
    let dir = source(&[("package.json", MANIFEST), ("pnpm-lock.yaml", &lock)]);
    let text = "#!/bin/sh\ncp pnpm-lock.yaml calls\ngrep -q other-9.0.1 calls && exit 0\necho ' ERR_PNPM_FETCH_404  GET http://127.0.0.1/npm/@s%2fother/-/other-9.0.0.tgz: Not Found - 404'\nexit 1\n";
    let pnpm = installer_of(dir.path(), "pnpm", text);
    let (done, locked) = mend_by(&pnpm, &served(), dir.path(), &["install"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(locked.matches("other-9.0.1.tgz").count(), 1, "{locked}");
    assert!(locked.ends_with("{integrity: x}\n"), "{locked}");
}

#[test]
fn what_was_released_with_what_is_gone_is_looked_for_at_once() {
    const VERSIONS: &str = r#"{"versions": {"9.0.0": {}, "9.0.1": {}}}"#;
    let blocks = ["@s/other@9.0.0", "@s/third@9.0.0", "served@9.0.0"]
        .map(|name| format!("  '{name}':\n    resolution: {{integrity: x}}\n"))
        .join("\n");
    let lock = format!("lockfileVersion: 1\n\npackages:\n\n{blocks}");
    let dir = source(&[("package.json", MANIFEST), ("pnpm-lock.yaml", &lock)]);
    let pnpm = dir.path().join("pnpm");
    std::os::unix::fs::symlink(INSTALLER, &pnpm).expect("a link");
    let served = registry(&[
        ("@s%2fother", VERSIONS),
        ("@s%2fthird", VERSIONS),
        ("served", VERSIONS),
        ("served/-/served-9.0.0.tgz", ""),
    ]);
    let words = ["install", "--frozen-lockfile"];
    let (done, calls) = mend_by(&pnpm, &served, dir.path(), &words);
    assert!(done.status.success(), "{done:?}");
    let told: Vec<_> = calls
        .lines()
        .filter(|line| line.starts_with("call") || line.starts_with("tarball"))
        .collect();
    assert_eq!(
        told,
        [
            "call install --frozen-lockfile",
            "call install --frozen-lockfile",
            "tarball: @s%2fother/-/other-9.0.1.tgz}",
            "tarball: @s%2fthird/-/third-9.0.1.tgz}",
        ]
    );
}

#[test]
fn what_no_build_reaches_is_left_out_where_nothing_is_locked() {
    let manifest = r#"{"devDependencies": {"dev-kept": "^1", "dev-outside": "https://git.example/o/r#v1", "dev-short": "o/r"}}"#;
    let dir = source(&[("package.json", manifest)]);
    let (done, calls) = mend(dir.path(), &["install", "--no-save"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(calls, "call install --no-save\n\"dev-kept\"\n");
    assert_eq!(read(dir.path(), "package.json"), manifest);
    assert!(is_old(&dir.path().join("package.json")));

    // What is there is installed as it is.
    let dir = source(&[("package.json", MANIFEST)]);
    let (done, calls) = mend(dir.path(), &["install"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(calls, "call install\n\"dev-kept\"\n");
}

#[test]
fn what_no_version_is_left_of_is_left_out_of_every_manifest_that_asks_for_it() {
    let manifest = r#"{"devDependencies": {"dev-kept": "^1", "lacking": "^0.2.2"}}"#;
    let below =
        r#"{"name": "b", "version": "1.0.0", "dependencies": {"lacking": "^0.2.2", "kept": "1"}}"#;
    let ways = [
        (
            "yarn.lock",
            "__metadata:\n  version: 4\n",
            "install --immutable",
            "install --no-immutable",
        ),
        (
            "yarn.lock",
            "# yarn lockfile v1\n",
            "install --frozen-lockfile",
            "install --pure-lockfile",
        ),
        ("package-lock.json", "{}", "ci", "install --no-save"),
        (
            "package-lock.json",
            "{}",
            "ci --force",
            "install --no-save --force",
        ),
        // A byte order mark is none of its text.
        ("package-lock.json", "\u{feff}{}", "ci", "install --no-save"),
    ];
    for (lock, text, asked, again) in ways {
        let dir = source(&[("package.json", manifest), (lock, text)]);
        std::fs::create_dir(dir.path().join("below")).expect("made");
        std::fs::write(dir.path().join("below/package.json"), below).expect("written");
        let words: Vec<&str> = asked.split(' ').collect();
        let (done, calls) = mend(dir.path(), &words);
        assert!(done.status.success(), "{done:?}");
        let last = format!("call {again}\n\"dev-kept\"\n");
        assert!(calls.ends_with(&last), "{calls}");
        assert_eq!(read(dir.path(), "package.json"), manifest);
        assert!(is_old(&dir.path().join("package.json")));
        assert_eq!(read(dir.path(), "below/package.json"), below);
    }
}

#[test]
fn where_no_version_of_a_range_is_left_the_nearest_is_taken_of_its_major_version_first() {
    let taken = |asked: &str, below: &str, served: &'static [(&'static str, &'static str)]| {
        let manifest = format!(r#"{{"devDependencies": {{"lacking": "{asked}"}}}}"#);
        let lock = "__metadata:\n  version: 8\n";
        let dir = source(&[("package.json", &manifest), ("yarn.lock", lock)]);
        std::fs::create_dir(dir.path().join("below")).expect("made");
        let below = format!(
            r#"{{"name": "b", "version": "1.0.0", "dependencies": {{"lacking": "{below}"}}}}"#
        );
        std::fs::write(dir.path().join("below/package.json"), &below).expect("written");
        let words = ["install", "--immutable"];
        let (done, calls) = mend_from(&registry(served), dir.path(), &words);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(read(dir.path(), "package.json"), manifest);
        assert_eq!(read(dir.path(), "below/package.json"), below);
        let (_, last) = calls
            .rsplit_once("call install --no-immutable\n")
            .expect("again");
        last.to_owned()
    };
    const VERSIONS: &str = r#"{"versions": {"0.9.0": {}, "2.1.0": {}, "2.0.10": {}, "2.0.9": {}, "2.0.11-rc.1": {}, "2.0.0-beta.10": {}, "2.0.0-beta.9": {}, "3.0.0": {}}}"#;
    const SERVED: &[(&str, &str)] = &[("lacking", VERSIONS)];
    let one = |version: &str| format!("\"lacking\": \"{version}\"\n");
    let own = one("workspace:^");
    // The first after it, as numbers are ordered, and no prerelease unless one is asked for.
    assert_eq!(taken("~2.0.2", "workspace:^", SERVED), one("2.0.9") + &own);
    let by_a_prerelease = one("2.0.0-beta.9") + &own;
    assert_eq!(
        taken("^2.0.0-beta.3", "workspace:^", SERVED),
        by_a_prerelease
    );
    let after_it = one("2.0.0-beta.10") + &own;
    assert_eq!(taken("^2.0.0-beta.9.1", "workspace:^", SERVED), after_it);
    // Else the last before it; where its major version has none, of all; and where nothing is
    // served, nothing, but what is the repository's own.
    assert_eq!(taken("^2.5.0", "workspace:^", SERVED), one("2.1.0") + &own);
    assert_eq!(taken("^1.0.0", "workspace:^", SERVED), one("2.0.9") + &own);
    assert_eq!(taken("^4.1.0", "workspace:^", SERVED), one("3.0.0") + &own);
    assert_eq!(taken("^2.0.1", "^2.0.10", &[]), "");
    // Parts that a range leaves out are zeros; what has no lower end, or is no range, tells nothing.
    assert_eq!(taken("~2.0", "workspace:^", SERVED), one("2.0.9") + &own);
    for other in [
        "<2.0.0",
        "patch:lacking@npm:2.0.9",
        "git+https://git.example/x.git#v2.0.9",
    ] {
        assert_eq!(taken(other, "workspace:^", SERVED), own, "{other}");
    }
    // An answer that is cut off tells nothing either.
    const CUT: &[(&str, &str)] = &[("lacking", "{\"versions\": {\"2.0.9\"")];
    assert_eq!(taken("~2.0.2", "workspace:^", CUT), own);
}

#[test]
fn what_is_gone_is_asked_for_where_yarn_2_does_not_say_what() {
    let lock = "__metadata:\n  version: 4\n  cacheKey: 7\n\n\
                \"@s/other@npm:^1\":\n  version: 9.0.0\n  resolution: \"@s/other@npm:9.0.0\"\n\n\
                \"kept@npm:^1\":\n  version: 1.0.0\n  resolution: \"kept@npm:1.0.0\"\n";
    // It has what is kept, and not what is of version 9.0.0.
    let served = registry(&[("kept/-/kept-1.0.0.tgz", "")]);
    let dir = source(&[("package.json", MANIFEST), ("yarn.lock", lock)]);
    let (done, calls) = mend_from(&served, dir.path(), &["install", "--immutable"]);
    assert!(done.status.success(), "{done:?}");
    assert!(
        calls.ends_with("call install --no-immutable\n\"dev-kept\"\n"),
        "{calls}"
    );
    assert_eq!(read(dir.path(), "yarn.lock"), lock);

    // Where all of it is there, or nobody answers, nothing is taken to be gone.
    let all = registry(&[
        ("kept/-/kept-1.0.0.tgz", ""),
        ("@s%2fother/-/other-9.0.0.tgz", ""),
    ]);
    for registry in [all.as_str(), "http://127.0.0.1:1/npm"] {
        let dir = source(&[("package.json", MANIFEST), ("yarn.lock", lock)]);
        let (done, calls) = mend_from(registry, dir.path(), &["install", "--immutable"]);
        assert!(!done.status.success());
        assert_eq!(calls, "call install --immutable\n\"dev-kept\"\n");
    }
}

#[test]
fn what_the_manifest_asks_for_and_no_lock_file_has_is_resolved_anew() {
    let manifest = r#"{"dependencies": {"unlocked": "^1.0.0"}}"#;
    let lock = npm_lock("8.0.0");
    let dir = source(&[("package.json", manifest), ("package-lock.json", &lock)]);
    let (done, calls) = mend(dir.path(), &["ci", "--force"]);
    assert!(done.status.success(), "{done:?}");
    let locked = "kept-1.0.0.tgz\nother-8.0.0.tgz\n";
    assert_eq!(
        calls,
        format!("call ci --force\n{locked}call install --no-save --force\n{locked}")
    );
    assert_eq!(read(dir.path(), "package-lock.json"), lock);

    let files = [
        ("package.json", manifest),
        ("yarn.lock", "# yarn lockfile v1\n"),
    ];
    for (strict, loose) in [
        ("--frozen-lockfile", "--pure-lockfile"),
        ("--immutable", "--no-immutable"),
    ] {
        let dir = source(&files);
        let (done, calls) = mend(dir.path(), &["install", strict]);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(
            calls,
            format!("call install {strict}\ncall install {loose}\n")
        );
    }
}

#[test]
fn where_nothing_is_gone_the_plan_without_it_would_come_to_the_same() {
    let dir = source(&[
        ("package.json", MANIFEST),
        ("package-lock.json", &npm_lock("8.0.0")),
    ]);
    let (done, calls) = mend(dir.path(), &["ci"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stderr).contains("nothing is gone"));
    assert_eq!(calls.matches("call").count(), 1);
}

#[test]
fn what_leads_to_a_git_host_is_left_out_and_nothing_else() {
    let manifest = r#"{
  "dependencies": {"own": "github:x/own", "kept": "^1"},
  "devDependencies": {"dev-foreign": "^1", "dev-leading": "^1", "dev-kept": "^1", "dev-named": "github:x/y"}
}"#;
    let lock = r#"{"lockfileVersion": 3, "packages": {
  "": {"name": "demo"},
  "node_modules/dev-foreign": {"version": "1.0.0", "resolved": "git+ssh://git@git.example/x/y.git#0"},
  "node_modules/dev-leading": {"version": "1.0.0", "resolved": "http://127.0.0.1/npm/l/-/leading-1.0.0.tgz", "dependencies": {"dev-foreign": "^1"}},
  "node_modules/dev-kept": {"version": "1.0.0", "resolved": "http://127.0.0.1/npm/k/-/kept-1.0.0.tgz"}
}}"#;
    let dir = source(&[("package.json", manifest), ("package-lock.json", lock)]);
    let (done, calls) = mend(dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        calls,
        "call install --no-save\nleading-1.0.0.tgz\nkept-1.0.0.tgz\n\"dev-kept\"\n"
    );
    let said = String::from_utf8_lossy(&done.stdout);
    let left = "no registry has: own, dev-foreign, dev-leading, dev-named\n";
    assert!(said.contains(left), "{said}");
    assert_eq!(read(dir.path(), "package.json"), manifest);
    assert_eq!(read(dir.path(), "package-lock.json"), lock);
}

#[test]
fn what_is_forced_to_come_from_a_git_host_is_forced_no_more() {
    let manifest = r#"{"dependencies": {"dev-forced": "^1"},
  "resolutions": {"dev-forced": "https://git.example/x/y.git#z", "dev-plain": "1.0.0"},
  "overrides": {"dev-nested": {"dev-deep": "x/y"}}}"#;
    let lock = npm_lock("1.0.0");
    let dir = source(&[("package.json", manifest), ("package-lock.json", &lock)]);
    let (done, calls) = mend(dir.path(), &["ci"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        calls,
        "call install --no-save\nkept-1.0.0.tgz\nother-1.0.0.tgz\n\"dev-forced\"\n\"dev-plain\"\n\"dev-nested\"\n"
    );
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        said.contains("no registry has: dev-forced, dev-deep\n"),
        "{said}"
    );
    assert_eq!(read(dir.path(), "package.json"), manifest);
}

#[test]
fn what_needs_a_package_that_is_only_forced_to_a_git_host_is_installed_all_the_same() {
    for (key, range) in [
        ("dev-forced", "https://git.example/x/y.git#z"),
        ("**/dev-forced", "x/y#z"),
        ("dev-user/dev-forced@npm:1.0.0", "gitlab:x/y"),
    ] {
        is_installed_where_it_is_forced(key, range);
    }
}

fn is_installed_where_it_is_forced(key: &str, range: &str) {
    let manifest = format!(
        r#"{{"dependencies": {{"dev-user": "^1"}}, "resolutions": {{"{key}": "{range}"}}}}"#
    );
    let user = "dev-user@^1:\n  version \"1.0.0\"\n  resolved \"http://127.0.0.1/npm/user/-/user-1.0.0.tgz#0\"\n  dependencies:\n    dev-forced \"1.0.0\"\n";
    let forced = format!(
        "dev-forced@1.0.0, \"dev-forced@{range}\":\n  version \"1.0.0\"\n  resolved \"https://git.example/x/y.git#9\"\n"
    );
    let lock = format!("# yarn lockfile v1\n\n\n{forced}\n{user}");
    let dir = source(&[("package.json", &manifest), ("yarn.lock", &lock)]);
    let (done, calls) = mend(dir.path(), &["install", "--frozen-lockfile"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(
        calls,
        "call install --pure-lockfile\nuser-1.0.0.tgz\n\"dev-user\"\n"
    );
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        said.contains("no registry has: ") && said.contains(&format!("{key}\n")),
        "{said}"
    );
    assert_eq!(read(dir.path(), "yarn.lock"), lock);
}

#[test]
fn what_yarn_locked_from_elsewhere_is_had_from_the_registry() {
    let manifest = r#"{"dependencies": {"dev-there": "^1"}}"#;
    let lock = "# yarn lockfile v1\n\n\ndev-there@^1:\n  version \"1.0.0\"\n  resolved \"https://there.example/dev-there-1.0.0.tgz#0\"\n";
    let dir = source(&[("package.json", manifest), ("yarn.lock", lock)]);
    let (done, calls) = mend(dir.path(), &["install", "--frozen-lockfile"]);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(calls, "call install --pure-lockfile\n\"dev-there\"\n");
    assert_eq!(read(dir.path(), "yarn.lock"), lock);
}

#[test]
fn what_yarn_locks_is_installed_without_what_is_from_a_git_host_of_all_that_it_needs() {
    let of_yarn_1 = "# yarn lockfile v1\n\n\n\
        user@^1:\n  version \"1.0.0\"\n  resolved \"http://127.0.0.1/npm/user/-/user-1.0.0.tgz#0\"\n  \
        dependencies:\n    kept \"^1\"\n  optionalDependencies:\n    \"dev-out\" \"git+https://git.example/x/y.git\"\n\n\
        \"dev-out@git+https://git.example/x/y.git\":\n  version \"2.0.0\"\n  resolved \"git+https://git.example/x/y.git#9\"\n\n\
        \"dev-own@o/r\":\n  version \"2.0.0\"\n  resolved \"https://code.example/o/r/tar.gz/9\"\n";
    let of_yarn_2 = "__metadata:\n  version: 8\n\n\
        \"user@npm:^1\":\n  version: 1.0.0\n  resolution: \"user@npm:1.0.0\"\n  \
        dependencies:\n    \"dev-out\": \"git+https://git.example/x/y.git\"\n  languageName: node\n\n\
        \"dev-out@git+https://git.example/x/y.git\":\n  version: 2.0.0\n  resolution: \"dev-out@https://git.example/x/y.git#commit=9\"\n\n\
        \"dev-own@o/r\":\n  version: 2.0.0\n  resolution: \"dev-own@https://git.example/o/r.git#commit=9\"\n";
    let below =
        r#"{"name": "b", "version": "1.0.0", "devDependencies": {"dev-own": "o/r", "kept": "^1"}}"#;
    let other =
        r#"{"name": "fixture", "version": "1.0.0", "devDependencies": {"dev-other": "o/other"}}"#;
    // Each call leaves what it finds, for the test alone.
    let text = "#!/bin/sh\nmkdir -p found\ncp yarn.lock below/package.json found\ncp fixture/package.json found/fixture\necho called >calls\n";
    let of_windows = of_yarn_1.replace('\n', "\r\n");
    for lock in [of_yarn_1, of_yarn_2, &of_windows] {
        let dir = source(&[("package.json", MANIFEST), ("yarn.lock", lock)]);
        for (folder, manifest) in [("below", below), ("fixture", other)] {
            std::fs::create_dir(dir.path().join(folder)).expect("a folder");
            std::fs::write(dir.path().join(folder).join("package.json"), manifest)
                .expect("written");
        }
        let script = installer_of(dir.path(), "finding.sh", text);
        let words = ["install", "--pure-lockfile"];
        let (done, _) = mend_by(&script, "http://127.0.0.1:1/npm", dir.path(), &words);
        assert!(done.status.success(), "{done:?}");
        let found = |name: &str| read(&dir.path().join("found"), name);
        let locked = found("yarn.lock");
        assert!(locked.contains("user-1.0.0") || locked.contains("npm:1.0.0"));
        assert!(!locked.contains("dev-out") && !locked.contains("dev-own"));
        // A head with nothing below it is no lock file's.
        assert!(!locked.contains("optionalDependencies:"), "{locked}");
        assert_eq!(
            locked.contains("dependencies:"),
            lock != of_yarn_2,
            "{locked}"
        );
        let manifest = found("package.json");
        assert!(
            manifest.contains("kept") && !manifest.contains("dev-own"),
            "{manifest}"
        );
        // What the lock file is not of is none of the workspace's.
        assert_eq!(found("fixture"), other);
        assert_eq!(read(dir.path(), "yarn.lock"), lock);
        assert_eq!(read(dir.path(), "below/package.json"), below);
    }
}

/// Looks for the folder that a build made among these manifests; what is moved then.
fn made(manifests: &[(&str, &str)]) -> Option<String> {
    let dir = tempfile::tempdir().expect("tempdir");
    let own = dir.path().join("src/packages/own");
    for (folder, text) in manifests {
        let folder = dir.path().join("src").join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("package.json"), text).expect("written");
        std::fs::write(
            folder.join("of"),
            folder.file_name().expect("a name").as_encoded_bytes(),
        )
        .expect("written");
    }
    let script = dir.path().join("made.cjs");
    std::fs::write(&script, MADE).expect("written");
    let into = dir.path().join("made");
    let output = Command::new("node")
        .arg(&script)
        .args(["demo", "1.0.0"])
        .args([&into, &own, &dir.path().join("src")])
        .output()
        .expect("node runs");
    assert_eq!(output.status.success(), into.is_dir(), "{output:?}");
    into.is_dir().then(|| read(&into, "of"))
}

#[test]
fn the_folder_that_a_build_made_is_the_nearest_with_the_packages_name_and_version() {
    let it = r#"{"name": "demo", "version": "1.0.0"}"#;
    let own = ("packages/own", it);
    let of = |folders: &[(&str, &str)]| {
        let all: Vec<_> = std::iter::once(own)
            .chain(folders.iter().copied())
            .collect();
        made(&all)
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[("packages/own/dist", it)]).as_deref(), Some("dist"));
    let deeper = [("packages/own/a/deep", it), ("packages/own/near", it)];
    assert_eq!(of(&deeper).as_deref(), Some("near"));
    // Below the repository's root where the package's own folder has none, and not itself.
    assert_eq!(of(&[("dist/packages/out", it)]).as_deref(), Some("out"));
    let other = r#"{"name": "demo", "version": "1.0.1"}"#;
    for (folder, text) in [
        ("packages/own/dist", other),
        ("packages/own/dist", "{"),
        ("packages/own/node_modules/demo", it),
        ("a/b/c/d", it),
    ] {
        assert_eq!(of(&[(folder, text)]), None, "{folder} {text}");
    }
}

#[test]
fn a_manifest_is_laid_out_as_it_is_told_and_stays_else_what_it_was() {
    let laid_out = |text: &str, told: &[&str]| {
        let dir = source(&[("package.json", text), ("layout.cjs", LAYOUT)]);
        let status = Command::new("node")
            .arg("layout.cjs")
            .args(told)
            .current_dir(dir.path())
            .status();
        assert!(status.expect("node runs").success());
        read(dir.path(), "package.json")
    };
    for text in ["{ }", "{ }\n"] {
        assert_eq!(laid_out(text, &["newline"]), "{ }\n");
        assert_eq!(laid_out(text, &["no-newline"]), "{ }");
        assert_eq!(laid_out(text, &["one-line", "newline"]), "{}\n");
    }
    let marked = "\u{feff}{}\r\n\n";
    assert_eq!(laid_out(marked, &["no-newline"]), "\u{feff}{}\r\n");
    let of_lines = "{\n  \"b\": [1],\n  \"a\": \"\u{e9} \"\n}\n";
    let joined = "{\"b\":[1],\"a\":\"\u{e9} \"}";
    assert_eq!(laid_out(of_lines, &["one-line", "no-newline"]), joined);
    assert_eq!(laid_out(of_lines, &["one-line"]), format!("{joined}\n"));
}

#[test]
fn a_file_is_compressed_at_the_level_that_is_named_and_without_a_header() {
    // Enough of it that a level shows.
    let text: String = (0..40_000u32)
        .map(|i| format!("{} ", i.wrapping_mul(2_654_435_761) >> 12))
        .collect();
    let dir = source(&[("deflate.cjs", DEFLATE), ("from", &text)]);
    let stream = |level: &str| {
        let status = Command::new("node")
            .args(["deflate.cjs", "from", "to", level])
            .current_dir(dir.path())
            .status();
        assert!(status.expect("node runs").success());
        std::fs::read(dir.path().join("to")).expect("a stream")
    };
    let (slow, quick) = (stream("9"), stream("1"));
    assert!(slow.len() < quick.len());
    for stream in [slow, quick] {
        let mut inflated = String::new();
        let mut decoder = flate2::read::DeflateDecoder::new(stream.as_slice());
        std::io::Read::read_to_string(&mut decoder, &mut inflated).expect("a raw stream");
        assert_eq!(inflated, text);
    }
}

#[test]
fn bootstrapping_installs_what_a_package_needs_of_its_repository_before_it_without_each_other() {
    let dir = tempfile::tempdir().expect("tempdir");
    let at = |name: &str| dir.path().join(name);
    // An installer that says where it is called and for what, of which one fails.
    let installer = "#!/bin/sh\n\
        echo \"${0##*/} $* in ${PWD##*/}: $(tr -d '\\n ' <package.json)\" >>\"$LOG\"\n\
        if grep -qs /gone- yarn.lock; then echo 'error http://127.0.0.1/-/gone-1.0.0.tgz: Request failed \"404\"'; exit 1; fi\n\
        [ \"$1 ${PWD##*/}\" != 'ci c' ]\n";
    let a = r#"{"name":"a","version":"1.0.0","dependencies":{"b":"^1.0.0","x":"1"},"devDependencies":{"far":"^1.0.0"}}"#;
    for (name, text) in [
        ("bootstrap.cjs", BOOTSTRAP),
        ("shared.cjs", SHARED),
        ("mend.cjs", MEND),
        ("locks.cjs", LOCKS),
        ("registry.cjs", REGISTRY),
        (
            "npm/node_modules/semver/index.js",
            "exports.satisfies = (version, range) => range === `^${version}`;",
        ),
        ("bin/npm", installer),
        ("bin/yarn", installer),
        ("repo/package.json", r#"{"devDependencies":{"tool":"1"}}"#),
        ("repo/packages/a/package.json", a),
        (
            "repo/packages/b/package.json",
            r#"{"name":"b","version":"1.0.0","bin":"run.js","dependencies":{"@s/c":"file:../c","y":"1"},"scripts":{"build":"b","prepare":"p"}}"#,
        ),
        (
            "repo/packages/b/yarn.lock",
            "gone@1:\n  resolved \"https://registry.example/gone/-/gone-1.0.0.tgz\"\n\ny@1:\n  resolved \"https://registry.example/y/-/y-1.0.0.tgz\"\n",
        ),
        (
            "repo/packages/c/package.json",
            r#"{"name":"@s/c","version":"2.0.0","dependencies":{"z":"1"},"scripts":{"build":"b"}}"#,
        ),
        ("repo/packages/c/package-lock.json", "{}"),
        // The version that is asked for is another.
        (
            "repo/packages/far/package.json",
            r#"{"name":"far","version":"2.0.0","scripts":{"build":"b"}}"#,
        ),
    ] {
        std::fs::create_dir_all(at(name).parent().expect("a folder")).expect("made");
        std::fs::write(at(name), text).expect("written");
    }
    for program in ["bin/npm", "bin/yarn"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(at(program), mode).expect("a program");
    }
    let path = format!("{}:{}", at("bin").display(), env!("PATH"));
    let run = |action: &str, told: &[&str]| {
        let log = at(&format!("{action}.log"));
        let output = Command::new("node")
            .arg(at("bootstrap.cjs"))
            .arg(action)
            .args([at("repo"), at("npm")])
            .args(told)
            .current_dir(at("repo/packages/a"))
            .env("PATH", &path)
            .env("LOG", &log)
            .output()
            .expect("node runs");
        assert!(output.status.success(), "{output:?}");
        std::fs::read_to_string(log).expect("a log")
    };
    let flags = "--ignore-scripts --force --legacy-peer-deps";
    let c = r#"{"name":"@s/c","version":"2.0.0","dependencies":{"z":"1"},"scripts":{"build":"b"}}"#;
    // What is locked, the same again, and then without what is gone.
    let b = r#"yarn install --pure-lockfile --ignore-scripts --non-interactive --ignore-engines in b: {"name":"b","version":"1.0.0","bin":"run.js","dependencies":{"y":"1"},"scripts":{"build":"b","prepare":"p"}}"#;
    let installed = [
        format!(
            r#"npm install --no-package-lock --no-save {flags} in repo: {{"devDependencies":{{"tool":"1"}}}}"#
        ),
        format!("npm ci {flags} in c: {c}"),
        format!("npm install --no-save {flags} in c: {c}"),
        b.to_owned(),
        b.to_owned(),
        b.to_owned(),
        format!(
            r#"npm install --no-package-lock --no-save {flags} in a: {{"name":"a","version":"1.0.0","dependencies":{{"x":"1"}},"devDependencies":{{"far":"^1.0.0"}}}}"#
        ),
    ];
    assert_eq!(
        run(
            "install",
            &["http://mirror.example/npm", "--legacy-peer-deps"]
        ),
        installed.join("\n") + "\n"
    );
    let linked = |link: &str| std::fs::read_link(at("repo/packages").join(link)).ok();
    assert_eq!(linked("a/node_modules/b"), Some("../../b".into()));
    assert_eq!(
        linked("a/node_modules/.bin/b"),
        Some("../../../b/run.js".into())
    );
    assert_eq!(linked("b/node_modules/@s/c"), Some("../../../c".into()));
    assert_eq!(linked("a/node_modules/far"), None);
    let now = std::fs::read_to_string(at("repo/packages/a/package.json"));
    assert_eq!(now.expect("read"), a);
    let lock = std::fs::read_to_string(at("repo/packages/b/yarn.lock"));
    assert!(lock.expect("read").contains("registry.example"));
    let built = run("build", &["npm"]);
    let called: Vec<_> = built
        .lines()
        .filter_map(|line| line.split(": ").next())
        .collect();
    assert_eq!(called, ["npm run build in c", "npm run prepare in b"]);
}
