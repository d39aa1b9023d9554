//! `remint compare`: two files on disk, no registry, no build, no container.

use std::io::{IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Error, Outcome};
use crate::compare::{self, Limits, Request};
use crate::model::{ArtifactKind, Comparison};
use crate::report::comparison::{
    ComparedFile, ComparedFiles, to_html, to_json, to_markdown, to_terminal,
};

/// Longest time that may be asked for: a year, so that no clock overflows.
const LONGEST: u64 = 365 * 24 * 60 * 60;

/// Options of `remint compare`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 the same bytes; 1 not the same bytes (equivalent too); \
                        2 the files could not be compared, or a report not be written."
)]
pub struct Options {
    /// The published file
    #[arg(value_name = "PUBLISHED")]
    published: PathBuf,
    /// The rebuilt file
    #[arg(value_name = "REBUILT")]
    rebuilt: PathBuf,
    /// Print the comparison as JSON (docs/comparison.schema.json)
    #[arg(long)]
    json: bool,
    /// Write a report as one HTML file without scripts
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print a report as Markdown, fit for an issue, or write it to FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    markdown: Option<Option<PathBuf>>,
    /// The source's folder: says of a file that only PUBLISHED has whether the source has it
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// What both files are; by default told from the file name's ending
    #[arg(long, value_name = "KIND")]
    kind: Option<Kind>,
    /// When to colour what is printed
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    #[command(flatten)]
    limits: LimitOptions,
}

/// How much is read. What goes beyond is reported, never passed over.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitOptions {
    /// Stop after inflating this many bytes, of both files together
    #[arg(long = "limit-inflated", value_name = "BYTES", default_value_t = Limits::default().inflated)]
    inflated: u64,
    /// Stop reading an archive after this many members
    #[arg(long = "limit-members", value_name = "N", default_value_t = Limits::default().members)]
    members: usize,
    /// Look into archives within archives this deep
    #[arg(long = "limit-depth", value_name = "N", default_value_t = Limits::default().depth)]
    depth: usize,
    /// Stop after this time
    #[arg(long = "limit-time", value_name = "SECONDS", default_value_t = Limits::default().time.as_secs(),
          value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    time: u64,
    /// List this many differences, and count the others
    #[arg(long = "limit-listed", value_name = "N", default_value_t = listed_by_default())]
    listed: NonZeroUsize,
}

fn listed_by_default() -> NonZeroUsize {
    NonZeroUsize::new(Limits::default().listed).unwrap_or(NonZeroUsize::MIN)
}

/// What a file is, as `--kind` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A crate: gzip over tar
    Crate,
    /// A Python wheel
    Wheel,
    /// An npm tarball
    Npm,
    /// A Python source distribution
    Sdist,
    /// Any other file or archive
    Other,
}

impl From<Kind> for ArtifactKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Crate => Self::Crate,
            Kind::Wheel => Self::PureWheel,
            Kind::Npm => Self::NpmTarball,
            Kind::Sdist => Self::Sdist,
            Kind::Other => Self::Other,
        }
    }
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    fn wanted(self) -> bool {
        let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => std::io::stdout().is_terminal() && !forbidden,
        }
    }
}

/// Compares, writes the reports that were asked for and prints one.
///
/// # Errors
/// [`Error::Usage`] where a file cannot be read or a report cannot be written.
pub fn run(options: &Options) -> Result<Outcome, Error> {
    if options.json && matches!(options.markdown, Some(None)) {
        return Err(Error::Usage(
            "--json and --markdown both print; name a file for one, as in --markdown=FILE".into(),
        ));
    }
    let files = ComparedFiles {
        published: look_at(&options.published)?,
        rebuilt: look_at(&options.rebuilt)?,
    };
    let reports = [options.html.as_deref(), markdown_file(options)];
    for report in reports.into_iter().flatten() {
        refuse_to_overwrite(options, report)?;
    }
    if let Some(folder) = options.source.as_deref().filter(|path| !path.is_dir()) {
        return Err(Error::Usage(format!(
            "there is no folder {}; name the source's folder with --source",
            folder.display()
        )));
    }
    let comparison = compare::compare(&request(options)).map_err(|e| Error::usage(&e))?;
    answer(options, &files, &comparison)?;
    Ok(match comparison {
        Comparison::Identical { .. } => Outcome::Good,
        Comparison::Differs(_) => Outcome::Bad,
    })
}

fn request(options: &Options) -> Request<'_> {
    let limits = &options.limits;
    Request {
        published: &options.published,
        rebuilt: &options.rebuilt,
        kind: options.kind.map_or_else(
            || kind_of(&options.published, &options.rebuilt),
            ArtifactKind::from,
        ),
        limits: Limits {
            inflated: limits.inflated,
            members: limits.members,
            depth: limits.depth,
            time: Duration::from_secs(limits.time),
            listed: limits.listed.get(),
            ..Limits::default()
        },
        source: options.source.as_deref(),
    }
}

/// The kind that both names agree on. It decides which rules of layout hold, so a
/// name alone must not make of a file what the other name denies.
fn kind_of(published: &Path, rebuilt: &Path) -> ArtifactKind {
    let [one, other] = [published, rebuilt].map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".crate") {
            Kind::Crate
        } else if name.ends_with(".whl") {
            Kind::Wheel
        } else if name.ends_with(".tgz") {
            Kind::Npm
        } else if name.ends_with(".tar.gz") {
            Kind::Sdist
        } else {
            Kind::Other
        }
    });
    if one == other { one } else { Kind::Other }.into()
}

/// A file's name and size, where it is one that can be read twice.
fn look_at(path: &Path) -> Result<ComparedFile, Error> {
    let trouble = |what: String| Error::Usage(format!("cannot compare {}: {what}", path.display()));
    let metadata = std::fs::metadata(path)
        .map_err(|error| trouble(format!("{error}; check the name, and that you may read it")))?;
    if metadata.is_dir() {
        return Err(trouble("it is a folder; name a file in it".into()));
    }
    if !metadata.is_file() {
        return Err(trouble(
            "it is no regular file, and it is read twice; save it to a file first".into(),
        ));
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(ComparedFile {
        name: name.to_string_lossy().into_owned(),
        size: metadata.len(),
    })
}

fn markdown_file(options: &Options) -> Option<&Path> {
    options.markdown.as_ref()?.as_deref()
}

/// A report must not take the place of what it is about.
fn refuse_to_overwrite(options: &Options, report: &Path) -> Result<(), Error> {
    let Ok(report_itself) = report.canonicalize() else {
        return Ok(());
    };
    for input in [&options.published, &options.rebuilt] {
        if input.canonicalize().is_ok_and(|path| path == report_itself) {
            return Err(Error::Usage(format!(
                "the report {} would overwrite a file that is compared; name another",
                report.display()
            )));
        }
    }
    Ok(())
}

/// Writes and prints.
fn answer(options: &Options, files: &ComparedFiles, comparison: &Comparison) -> Result<(), Error> {
    if let Some(path) = &options.html {
        write(path, &to_html(files, comparison))?;
    }
    if let Some(path) = markdown_file(options) {
        write(path, &to_markdown(files, comparison))?;
    }
    if options.json {
        return print(&format!("{}\n", to_json(files, comparison)));
    }
    if let Some(None) = &options.markdown {
        return print(&to_markdown(files, comparison));
    }
    print(&to_terminal(files, comparison, options.color.wanted()))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|error| {
        Error::Usage(format!(
            "cannot write the report {}: {error}; name a file in a folder that exists and is yours",
            path.display()
        ))
    })
}

/// Prints to standard output. A reader that has enough and closes its end, as
/// `head` does, is no trouble.
fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Error::Usage(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(()),
    }
}
