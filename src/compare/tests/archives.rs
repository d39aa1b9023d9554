//! Archives for tests, made field by field.

use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;

/// A member of a test archive.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub name: String,
    pub content: Vec<u8>,
    pub mode: u32,
    pub mtime: u64,
    pub link: Option<String>,
}

pub(super) fn file(name: &str, content: impl AsRef<[u8]>) -> File {
    File {
        name: name.to_owned(),
        content: content.as_ref().to_vec(),
        mode: 0o644,
        mtime: 1_150_000_000,
        link: None,
    }
}

/// A crate's usual members.
pub(super) fn crate_files() -> Vec<File> {
    vec![
        file(
            "x-1.0.0/.cargo_vcs_info.json",
            r#"{"git":{"sha1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},"path_in_vcs":""}"#,
        ),
        file("x-1.0.0/Cargo.lock", "version = 4\n"),
        file("x-1.0.0/Cargo.toml", "[package]\nname = \"x\"\n"),
        file(
            "x-1.0.0/src/lib.rs",
            "//! x\n\npub fn x() -> u8 {\n    1\n}\n",
        ),
        file("x-1.0.0/data.bin", [0u8, 1, 2, 3, 255, 254].repeat(100)),
    ]
}

/// A wheel's usual members.
pub(super) fn wheel_files() -> Vec<File> {
    vec![
        file("x/__init__.py", "x = 1\n"),
        file("x-1.dist-info/METADATA", "Name: x\nVersion: 1\n"),
        file("x-1.dist-info/WHEEL", "Wheel-Version: 1.0\n"),
        file("x-1.dist-info/RECORD", "x/__init__.py,sha256=,6\n"),
    ]
}

pub(super) fn tar(files: &[File]) -> Vec<u8> {
    try_tar(files).expect("names that tar's writer takes")
}

/// [`tar`], where the writer takes the names (it refuses `..`).
pub(super) fn try_tar(files: &[File]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(file.mode);
        header.set_mtime(file.mtime);
        header.set_uid(0);
        header.set_gid(0);
        match &file.link {
            None => {
                header.set_size(file.content.len() as u64);
                header.set_entry_type(tar::EntryType::Regular);
                builder.append_data(&mut header, &file.name, file.content.as_slice())
            }
            Some(target) => {
                header.set_size(0);
                header.set_entry_type(tar::EntryType::Symlink);
                builder.append_link(&mut header, &file.name, target)
            }
        }?;
    }
    builder.into_inner()
}

pub(super) fn gzip(bytes: &[u8], level: u32) -> Vec<u8> {
    gzip_with(bytes, level, GzBuilder::new())
}

pub(super) fn gzip_with(bytes: &[u8], level: u32, builder: GzBuilder) -> Vec<u8> {
    let mut encoder = builder.write(Vec::new(), Compression::new(level));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

pub(super) fn tgz(files: &[File]) -> Vec<u8> {
    gzip(&tar(files), 6)
}

pub(super) fn zip(files: &[File]) -> Vec<u8> {
    zip_with(files, |options| options, "")
}

pub(super) fn zip_with(
    files: &[File],
    change: impl Fn(SimpleFileOptions) -> SimpleFileOptions,
    comment: &str,
) -> Vec<u8> {
    try_zip(files, change, comment).expect("names that zip's writer takes")
}

/// [`zip_with`], where the writer takes the names (it refuses repeated ones).
pub(super) fn try_zip(
    files: &[File],
    change: impl Fn(SimpleFileOptions) -> SimpleFileOptions,
    comment: &str,
) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for file in files {
        // MS-DOS times have two seconds' resolution; days are enough here.
        let day = u8::try_from(file.mtime / 86_400 % 28).expect("below 28") + 1;
        let time = zip::DateTime::from_date_and_time(2006, 7, day, 0, 0, 0).expect("a date");
        let options = SimpleFileOptions::default()
            .unix_permissions(file.mode)
            .last_modified_time(time);
        match &file.link {
            None => {
                writer.start_file(file.name.as_str(), change(options))?;
                writer.write_all(&file.content)?;
            }
            Some(target) => {
                writer.add_symlink(file.name.as_str(), target.as_str(), change(options))?
            }
        }
    }
    writer.set_comment(comment)?;
    Ok(writer.finish()?.into_inner())
}

/// A folder of two files.
pub(super) struct Pair {
    _folder: tempfile::TempDir,
    pub published: PathBuf,
    pub rebuilt: PathBuf,
}

pub(super) fn on_disk(published: &[u8], rebuilt: &[u8]) -> Pair {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = ["published", "rebuilt"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], published).expect("written");
    std::fs::write(&paths[1], rebuilt).expect("written");
    let [published, rebuilt] = paths;
    Pair {
        _folder: folder,
        published,
        rebuilt,
    }
}
