//! One pass over a tar. May import `model`; holds one block, one
//! extended header and what was asked for, never a whole member.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::header::{BLOCK, Field, Header, type_name};
use super::{Around, Records, TarMeta};
use crate::compare::budget::{Budget, Walk};
use crate::compare::listing::{
    Body, Buffer, Held, Member, Scan, Stray, StrayHasher, Trouble, Want, Wanted, fill, read_body,
    show,
};
use crate::compare::stream::Stream;

/// The largest extended header or long name: names are limited to 4,096 bytes
/// by common systems, extended attributes to 64 KiB each.
const MAX_EXTENSION: u64 = 1 << 20;

/// Walks the file at `path`.
pub(super) fn walk(
    path: &Path,
    budget: &Budget,
    wanted: &Wanted,
    scan: &mut Scan<TarMeta, Around>,
) -> Result<(), Trouble> {
    let mut stream = Stream::open(path, budget)?;
    let mut budget = budget.for_walk();
    let mut globals = Globals::default();
    let mut extension = Extension::default();
    let mut buffer = Buffer::new();
    let tail = loop {
        let mut block = [0; BLOCK];
        match fill(&mut stream, &mut block)? {
            0 => break Stray::read(&mut std::io::empty())?,
            BLOCK => {}
            _ => return Err(Trouble("the tar ends within a header (truncated)".into())),
        }
        let header = Header(block);
        if header.is_zero() {
            break Stray::read(&mut (&block[..]).chain(&mut stream))?;
        }
        if !header.checksum_holds() {
            return Err(Trouble(format!(
                "the tar header of member {} is damaged, or this is not a tar (its checksum is wrong)",
                scan.next_index() + 1
            )));
        }
        if extension.take(&header, &mut stream, &mut globals, &mut budget)? {
            continue;
        }
        let index = scan.next_index();
        let before = std::mem::take(&mut extension);
        let merged = Merged::new(&header, &before, &globals)?;
        budget.list(index, merged.size_in_memory())?;
        let (body, held, padding) = content(&merged, &mut stream, &mut buffer, wanted.get(&index))?;
        let member = merged.into_member(&header, before, body, padding);
        scan.take(member, held, wanted);
    };
    scan.wrapping = Some(Around {
        tail,
        globals: globals.all,
        dangling: extension.raw.finish(),
        envelope: stream
            .finish()
            .ok_or_else(|| Trouble("the compressed stream does not end".into()))?,
    });
    Ok(())
}

/// Reads a member's content and what fills its last block.
fn content(
    merged: &Merged,
    stream: &mut Stream,
    buffer: &mut Buffer,
    wanted: Option<&Want>,
) -> Result<(Body, Held, Stray), Trouble> {
    let early = || {
        Trouble(format!(
            "it ends within member {} (truncated)",
            show(&merged.name)
        ))
    };
    let mut limited = Read::take(&mut *stream, merged.size);
    let (body, held) = read_body(&mut limited, buffer, wanted, |_| Ok(()))?;
    if body.size != merged.size {
        return Err(early());
    }
    let padding_size = fill_up(merged.size) - merged.size;
    let padding = Stray::read(&mut Read::take(&mut *stream, padding_size))?;
    if padding.bytes != padding_size {
        return Err(early());
    }
    Ok((body, held, padding))
}

/// A size with what fills the last block.
fn fill_up(size: u64) -> u64 {
    size.saturating_add(BLOCK as u64 - 1) / BLOCK as u64 * BLOCK as u64
}

/// What a keyword and its value need in memory, with the two allocations.
fn record_cost(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + 96
}

/// Global extended headers: all of them for comparing, and what they say about
/// every member that follows.
#[derive(Default)]
struct Globals {
    all: Vec<Records>,
    /// Only keywords that [`Merged::apply`] knows, so that a file cannot make
    /// each member cost more than the last.
    effective: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Globals {
    fn add(&mut self, records: Records) {
        let known = records.iter().filter(|(key, _)| is_value_keyword(key));
        self.effective.extend(known.cloned());
        self.all.push(records);
    }
}

/// Extension headers that come before a member: long names (GNU, types `L` and
/// `K`) and extended headers (POSIX, types `x` and `g`).
#[derive(Default)]
struct Extension {
    seen: bool,
    raw: StrayHasher,
    hidden: bool,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Records,
}

impl Extension {
    /// Reads the extension that `header` begins; `false` where it begins a member.
    fn take(
        &mut self,
        header: &Header,
        stream: &mut Stream,
        globals: &mut Globals,
        budget: &mut Walk,
    ) -> Result<bool, Trouble> {
        let kind = header.kind();
        if !matches!(kind, b'L' | b'K' | b'x' | b'g') {
            return Ok(false);
        }
        let size = size_of_content(header)?;
        if size > MAX_EXTENSION {
            return Err(Trouble(format!(
                "an extended header has {size} bytes, more than the {MAX_EXTENSION} that are read"
            )));
        }
        let mut data = Vec::new();
        Read::take(&mut *stream, fill_up(size)).read_to_end(&mut data)?;
        if data.len() as u64 != fill_up(size) {
            return Err(Trouble(
                "it ends within an extended header (truncated)".into(),
            ));
        }
        self.seen = true;
        self.raw.update(&header.0);
        self.raw.update(&data);
        let (content, padding) = data.split_at(size as usize);
        self.hidden |= header.hides_bytes() || padding.iter().any(|&byte| byte != 0);
        match kind {
            b'L' => self.name = Some(self.until_nul(content)),
            b'K' => self.link = Some(self.until_nul(content)),
            b'x' => self.records.extend(parse_records(content, budget)?),
            _ => globals.add(parse_records(content, budget)?),
        }
        Ok(true)
    }

    fn until_nul(&mut self, content: &[u8]) -> Vec<u8> {
        let end = content.iter().position(|&byte| byte == 0);
        let end = end.unwrap_or(content.len());
        self.hidden |= content[end..].iter().any(|&byte| byte != 0);
        content[..end].to_vec()
    }
}

/// A header with what its extensions say put in place.
struct Merged {
    name: Vec<u8>,
    link: Vec<u8>,
    uname: Vec<u8>,
    gname: Vec<u8>,
    uid: Option<i64>,
    gid: Option<i64>,
    mtime: Option<i64>,
    size: u64,
    rest: Records,
}

impl Merged {
    /// "pax Extended Header": a local record wins over a global one, and both
    /// win over the header; of equal keywords the last one counts.
    fn new(header: &Header, extension: &Extension, globals: &Globals) -> Result<Self, Trouble> {
        let mut merged = Self {
            name: extension.name.clone().unwrap_or_else(|| header.name()),
            link: extension
                .link
                .clone()
                .unwrap_or_else(|| header.text(Field::LinkName).to_vec()),
            uname: header.text(Field::Uname).to_vec(),
            gname: header.text(Field::Gname).to_vec(),
            uid: header.number(Field::Uid),
            gid: header.number(Field::Gid),
            mtime: header.number(Field::Mtime),
            size: size_of_content(header)?,
            rest: Vec::new(),
        };
        for (key, value) in &globals.effective {
            merged.apply(key, value)?;
        }
        for (key, value) in &extension.records {
            if !merged.apply(key, value)? {
                merged.rest.push((key.clone(), value.clone()));
            }
        }
        if header.kind() == b'S' {
            return Err(merged.sparse());
        }
        // Some readers skip such content, others take it for the next header.
        if matches!(header.kind(), b'1'..=b'6') && merged.size != 0 {
            return Err(Trouble(format!(
                "member {} is a {} with content, which tools read in different ways",
                show(&merged.name),
                type_name(header.kind())
            )));
        }
        Ok(merged)
    }

    fn sparse(&self) -> Trouble {
        Trouble(format!(
            "member {} is a sparse file, which is not read",
            show(&self.name)
        ))
    }

    fn size_in_memory(&self) -> usize {
        let texts = [&self.name, &self.link, &self.uname, &self.gname];
        let rest = self.rest.iter().map(|(k, v)| record_cost(k, v));
        size_of::<Member<TarMeta>>()
            + texts.map(|t| t.len()).iter().sum::<usize>()
            + rest.sum::<usize>()
    }

    fn into_member(
        self,
        header: &Header,
        extension: Extension,
        body: Body,
        padding: Stray,
    ) -> Member<TarMeta> {
        Member {
            name: self.name,
            body,
            meta: TarMeta {
                kind: header.kind(),
                mode: header.number(Field::Mode),
                uid: self.uid,
                gid: self.gid,
                mtime: self.mtime,
                link: self.link,
                uname: self.uname,
                gname: self.gname,
                pax: self.rest,
                fields: header.sums(),
                hidden: header.hides_bytes() || extension.hidden,
                extension: extension.seen.then(|| extension.raw.finish()),
                padding,
            },
        }
    }

    /// Puts a record's value in place; `false` where it is no plain value.
    fn apply(&mut self, key: &[u8], value: &[u8]) -> Result<bool, Trouble> {
        let number = || std::str::from_utf8(value).ok()?.parse::<i64>().ok();
        match key {
            b"path" => self.name = value.to_vec(),
            b"linkpath" => self.link = value.to_vec(),
            b"uname" => self.uname = value.to_vec(),
            b"gname" => self.gname = value.to_vec(),
            b"uid" => self.uid = number(),
            b"gid" => self.gid = number(),
            b"size" => {
                self.size = number()
                    .and_then(|size| u64::try_from(size).ok())
                    .ok_or_else(|| {
                        Trouble(format!(
                            "an extended header gives the size `{}`",
                            show(value)
                        ))
                    })?;
            }
            // A whole number of seconds is the time itself; a fraction stays a
            // record as well, so that it is compared to the last digit.
            b"mtime" => {
                let text = std::str::from_utf8(value).unwrap_or_default();
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                self.mtime = whole.parse().ok();
                return Ok(fraction.is_empty() && number().is_some());
            }
            key if key.starts_with(b"GNU.sparse.") => {
                return Err(self.sparse());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Keywords that [`Merged::apply`] gives a meaning.
fn is_value_keyword(key: &[u8]) -> bool {
    matches!(
        key,
        b"path" | b"linkpath" | b"uname" | b"gname" | b"uid" | b"gid" | b"size" | b"mtime"
    ) || key.starts_with(b"GNU.sparse.")
}

/// The size that a header gives.
fn size_of_content(header: &Header) -> Result<u64, Trouble> {
    header
        .number(Field::Size)
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(|| {
            Trouble(format!(
                "the tar header of {} has no readable size",
                show(&header.name())
            ))
        })
}

/// "pax Extended Header": records of the form `length keyword=value\n`.
fn parse_records(mut content: &[u8], budget: &mut Walk) -> Result<Records, Trouble> {
    let malformed = || Trouble("an extended header's records are malformed".to_owned());
    let mut records = Vec::new();
    while !content.is_empty() {
        let space = content
            .iter()
            .take(20)
            .position(|&byte| byte == b' ')
            .ok_or_else(malformed)?;
        let length = std::str::from_utf8(&content[..space])
            .ok()
            .and_then(|digits| digits.parse::<usize>().ok())
            .filter(|&length| length > space + 1 && length <= content.len())
            .ok_or_else(malformed)?;
        let (record, rest) = content.split_at(length);
        let record = record[space + 1..]
            .strip_suffix(b"\n")
            .ok_or_else(malformed)?;
        let equals = record
            .iter()
            .position(|&byte| byte == b'=')
            .ok_or_else(malformed)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        budget.list(0, record_cost(key, value))?;
        records.push((key.to_vec(), value.to_vec()));
        content = rest;
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_header_records_are_read_and_malformed_ones_refused() {
        let parse = |content| {
            parse_records(
                content,
                &mut Budget::new(&crate::compare::Limits::default()).for_walk(),
            )
        };
        let read = parse(b"11 path=ab\n14 comment=a=\n").expect("well-formed");
        assert_eq!(read[0], (b"path".to_vec(), b"ab".to_vec()));
        assert_eq!(read[1], (b"comment".to_vec(), b"a=".to_vec()));
        for bad in [
            &b"99 path=ab\n"[..],
            b"0 \n",
            b"path=ab\n",
            b"10 path=ab\n",
            b"8 pathab\n",
            b"18446744073709551616 a=b\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
