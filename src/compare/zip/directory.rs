//! The end record and the central directory (APPNOTE 6.3.10, sections 4.3.12 to
//! 4.3.16). May import `model`; reads within fixed bounds.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::extra;
use crate::compare::budget::Walk;
use crate::compare::listing::Trouble;

/// Section 4.3.16: the record without its comment, whose length has 16 bits.
const END_SIZE: u64 = 22;
const MAX_COMMENT: u64 = u16::MAX as u64;
/// Section 4.3.15: the zip64 locator.
const LOCATOR_SIZE: u64 = 20;
/// Section 4.3.14: the zip64 end record without extensible data.
const END64_SIZE: u64 = 56;
/// Section 4.3.12: an entry without its three texts.
const ENTRY_SIZE: usize = 46;
/// The largest central directory that is read; 200,000 usual entries need 20 MiB.
const MAX_DIRECTORY: u64 = 64 << 20;

/// What the end records say.
#[derive(Debug)]
pub(super) struct End {
    pub comment: Vec<u8>,
    /// "Version made by" and "version needed" of the zip64 record.
    pub zip64: Option<(u16, u16)>,
    /// Where the records contradict themselves or the archive.
    pub odd: Vec<String>,
}

/// Where things are in the file.
pub(super) struct Layout {
    pub end: End,
    /// Where the central directory begins.
    pub directory: u64,
    directory_size: u64,
    /// What is to be added to every offset that the archive gives: bytes put
    /// before it later. Python's `zipfile` works it out in the same way.
    pub shift: u64,
    entries: u64,
    /// Where the first end record begins.
    pub end_start: u64,
    /// Where the last end record ends, its comment included.
    pub end_stop: u64,
    /// Extensible data of the zip64 record, as a range of the file.
    pub extensible: std::ops::Range<u64>,
}

/// An entry of the central directory (section 4.3.12).
#[derive(Debug)]
pub(in crate::compare) struct Entry {
    pub name: Vec<u8>,
    pub made_by: u16,
    pub needed: u16,
    pub flags: u16,
    pub method: u16,
    pub time: u16,
    pub date: u16,
    pub crc: u32,
    pub compressed: u64,
    pub size: u64,
    pub internal: u16,
    pub external: u32,
    pub extra: Vec<u8>,
    pub comment: Vec<u8>,
    /// Offset of the local header, as the archive gives it.
    pub offset: u64,
}

/// Little-endian numbers of a slice whose length was checked.
pub(in crate::compare) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(in crate::compare) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

fn trouble<T>(what: &str) -> Result<T, Trouble> {
    Err(Trouble(what.to_owned()))
}

fn read_at(file: &mut File, at: u64, size: u64) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

impl Layout {
    /// Finds the end record, as readers do: from the file's end backwards.
    pub(super) fn read(file: &mut File) -> Result<Self, Trouble> {
        let length = file.seek(SeekFrom::End(0))?;
        let window_start = length.saturating_sub(END_SIZE + MAX_COMMENT);
        let window = read_at(file, window_start, length - window_start)?;
        let Some(at) = find_end(&window) else {
            return trouble("it is not a zip, or it is truncated (no end record)");
        };
        let record = &window[at..];
        let comment_length = usize::from(u16_at(record, 20)).min(record.len() - END_SIZE as usize);
        let end_at = window_start + at as u64;
        let mut layout = Self {
            end: End {
                comment: record[END_SIZE as usize..][..comment_length].to_vec(),
                zip64: None,
                odd: Vec::new(),
            },
            directory: 0,
            directory_size: u32_at(record, 12).into(),
            shift: 0,
            entries: u16_at(record, 10).into(),
            end_start: end_at,
            end_stop: end_at + END_SIZE + comment_length as u64,
            extensible: 0..0,
        };
        let mut offset = u64::from(u32_at(record, 16));
        let disks = [u16_at(record, 4), u16_at(record, 6)];
        if disks != [0, 0] {
            layout.end.odd.push(format!("disk numbers {disks:?}"));
        }
        if u16_at(record, 8) != u16_at(record, 10) {
            layout.end.odd.push("two entry counts".to_owned());
        }
        if comment_length != usize::from(u16_at(record, 20)) {
            layout.end.odd.push("comment cut off".to_owned());
        }
        if let Some(start) = layout.read_zip64(file, end_at, &mut offset)? {
            layout.end_start = start;
        }
        layout.place(offset)?;
        Ok(layout)
    }

    /// Sections 4.3.14 and 4.3.15: the locator right before the end record.
    fn read_zip64(
        &mut self,
        file: &mut File,
        end_at: u64,
        offset: &mut u64,
    ) -> Result<Option<u64>, Trouble> {
        let Some(locator_at) = end_at.checked_sub(LOCATOR_SIZE) else {
            return Ok(None);
        };
        let locator = read_at(file, locator_at, LOCATOR_SIZE)?;
        if !locator.starts_with(b"PK\x06\x07") {
            return Ok(None);
        }
        if (u32_at(&locator, 4), u32_at(&locator, 16)) != (0, 1) {
            self.end.odd.push("zip64 locator's disk numbers".to_owned());
        }
        // The place that the locator names, or the usual one where bytes were
        // put before the archive.
        let usual = locator_at.saturating_sub(END64_SIZE);
        let named = u64_at(&locator, 8);
        let is_record = |bytes: &[u8]| bytes.starts_with(b"PK\x06\x06");
        let within = |at: u64| at <= usual;
        let start = if within(named) && is_record(&read_at(file, named, 4)?) {
            named
        } else if is_record(&read_at(file, usual, 4)?) {
            if named > usual {
                self.end
                    .odd
                    .push("zip64 locator points elsewhere".to_owned());
            }
            usual
        } else {
            return trouble("the zip64 end record is not where its locator says");
        };
        let record = read_at(file, start, END64_SIZE)?;
        self.end.zip64 = Some((u16_at(&record, 12), u16_at(&record, 14)));
        if (u32_at(&record, 16), u32_at(&record, 20)) != (0, 0) {
            self.end.odd.push("zip64 disk numbers".to_owned());
        }
        if u64_at(&record, 24) != u64_at(&record, 32) {
            self.end.odd.push("two zip64 entry counts".to_owned());
        }
        self.entries = u64_at(&record, 32);
        self.directory_size = u64_at(&record, 40);
        *offset = u64_at(&record, 48);
        self.extensible = start + END64_SIZE..locator_at;
        Ok(Some(start))
    }

    /// Where the directory really begins: right before the first end record.
    fn place(&mut self, offset: u64) -> Result<(), Trouble> {
        if self.directory_size > MAX_DIRECTORY {
            return Err(Trouble(format!(
                "its central directory has {} bytes, more than the {MAX_DIRECTORY} that are read",
                self.directory_size
            )));
        }
        let start = self.end_start.checked_sub(self.directory_size);
        let placed = start.and_then(|start| Some((start, start.checked_sub(offset)?)));
        let Some((directory, shift)) = placed else {
            return trouble("its central directory would begin before the file");
        };
        self.directory = directory;
        self.shift = shift;
        Ok(())
    }

    /// Reads every entry; what the directory holds after them comes second.
    pub(super) fn entries(
        &mut self,
        file: &mut File,
        budget: &mut Walk,
    ) -> Result<(Vec<Entry>, Vec<u8>), Trouble> {
        let bytes = read_at(file, self.directory, self.directory_size)?;
        let mut rest = bytes.as_slice();
        let mut entries = Vec::new();
        while rest.starts_with(b"PK\x01\x02") {
            let (entry, length) = Entry::parse(rest)?;
            budget.list(
                entries.len(),
                size_of::<super::meta::ZipMeta>() + size_of::<Entry>() + 2 * length,
            )?;
            entries.push(entry);
            rest = &rest[length..];
        }
        // Without zip64 the count has 16 bits and may have wrapped.
        let counted = entries.len() as u64;
        let agrees = match self.end.zip64 {
            Some(_) => counted == self.entries,
            None => counted & 0xffff == self.entries,
        };
        if !agrees {
            self.end
                .odd
                .push(format!("{} entries said, {counted} found", self.entries));
        }
        Ok((entries, rest.to_vec()))
    }
}

/// The last end record whose comment ends with the file; failing that, the last
/// signature.
fn find_end(window: &[u8]) -> Option<usize> {
    let last_start = window.len().checked_sub(END_SIZE as usize)?;
    let candidates = || {
        (0..=last_start)
            .rev()
            .filter(|&at| window[at..].starts_with(b"PK\x05\x06"))
    };
    candidates()
        .find(|&at| at + END_SIZE as usize + usize::from(u16_at(window, at + 20)) == window.len())
        .or_else(|| candidates().next())
}

impl Entry {
    fn parse(bytes: &[u8]) -> Result<(Self, usize), Trouble> {
        if bytes.len() < ENTRY_SIZE {
            return trouble("its central directory ends within an entry");
        }
        let name_end = ENTRY_SIZE + usize::from(u16_at(bytes, 28));
        let extra_end = name_end + usize::from(u16_at(bytes, 30));
        let end = extra_end + usize::from(u16_at(bytes, 32));
        if bytes.len() < end {
            return trouble("its central directory ends within an entry");
        }
        let extra = bytes[name_end..extra_end].to_vec();
        let mut sizes = extra::Zip64::of(&extra);
        let size = sizes.widen(u32_at(bytes, 24));
        let compressed = sizes.widen(u32_at(bytes, 20));
        let offset = sizes.widen(u32_at(bytes, 42));
        if u16_at(bytes, 34) != 0 {
            return trouble("it says that it is spread over several disks");
        }
        let entry = Self {
            name: bytes[ENTRY_SIZE..name_end].to_vec(),
            made_by: u16_at(bytes, 4),
            needed: u16_at(bytes, 6),
            flags: u16_at(bytes, 8),
            method: u16_at(bytes, 10),
            time: u16_at(bytes, 12),
            date: u16_at(bytes, 14),
            crc: u32_at(bytes, 16),
            compressed,
            size,
            internal: u16_at(bytes, 36),
            external: u32_at(bytes, 38),
            extra,
            comment: bytes[extra_end..end].to_vec(),
            offset,
        };
        Ok((entry, end))
    }
}
