//! The settings that a zstd stream tells (RFC 8878). Walks from header to header
//! without decoding, so that frames which decoders skip are seen.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::framed::{Setting, Settings};
use crate::compare::listing::StrayHasher;

/// What the headers of the file at `path` tell.
pub(super) fn settings(path: &Path) -> io::Result<Settings> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut skipped = StrayHasher::default();
    let mut frames = 0u64;
    let mut first = None;
    loop {
        let mut magic = [0; 4];
        if crate::compare::listing::fill(&mut reader, &mut magic)? < 4 {
            break;
        }
        match magic {
            // Section 3.1.1.
            [0x28, 0xb5, 0x2f, 0xfd] => {
                let frame = frame(&mut reader)?;
                frames += 1;
                first.get_or_insert(frame);
            }
            // Section 3.1.2: skippable frames.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let size = read(&mut reader)?;
                skipped.update(&magic);
                skipped.update(&size);
                let mut content = (&mut reader).take(u32::from_le_bytes(size).into());
                let mut buffer = [0; 4096];
                loop {
                    match crate::compare::listing::fill(&mut content, &mut buffer)? {
                        0 => break,
                        count => skipped.update(&buffer[..count]),
                    }
                }
            }
            // The decoder says what is wrong with it.
            _ => break,
        }
    }
    let mut settings = vec![Setting::new("zstd frames", frames)];
    settings.extend(first.into_iter().flatten());
    Ok(Settings {
        settings,
        skipped: skipped.finish(),
    })
}

/// Sections 3.1.1.1 (frame header) and 3.1.1.2 (blocks): what the header says, with
/// the reader left behind the frame.
fn frame(reader: &mut impl Read) -> io::Result<Vec<Setting>> {
    let [descriptor] = read(reader)?;
    let single = descriptor & 0x20 != 0;
    let checksum = descriptor & 4 != 0;
    let window = if single {
        "the whole content".to_owned()
    } else {
        let [byte] = read(reader)?;
        let base = 1u64 << (10 + (byte >> 3));
        format!("{} bytes", base + base / 8 * u64::from(byte & 7))
    };
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_size = match (descriptor >> 6, single) {
        (0, false) => 0,
        (0, true) => 1,
        (1, _) => 2,
        (2, _) => 4,
        _ => 8,
    };
    skip(reader, dictionary + content_size)?;
    loop {
        let [a, b, c] = read(reader)?;
        let header = u32::from_le_bytes([a, b, c, 0]);
        // Block types: raw, RLE (one byte), compressed.
        let size = match header >> 1 & 3 {
            1 => 1,
            _ => u64::from(header >> 3),
        };
        skip(reader, size)?;
        if header & 1 != 0 {
            break;
        }
    }
    if checksum {
        skip(reader, 4)?;
    }
    Ok(vec![
        Setting::new("zstd window", window),
        Setting::new("zstd checksum", if checksum { "yes" } else { "no" }),
        Setting::new(
            "zstd content size in the header",
            if content_size > 0 { "yes" } else { "no" },
        ),
    ])
}

fn read<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(reader: &mut impl Read, count: u64) -> io::Result<()> {
    let copied = io::copy(&mut reader.take(count), &mut io::sink())?;
    if copied < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
