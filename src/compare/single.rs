//! One stream that holds no archive: its content is its only member. May import
//! `model`; never holds more of the content than was asked for.

use std::path::Path;

use super::budget::Budget;
use super::findings::Findings;
use super::listing::{Buffer, Member, Meta, Note, Scan, Trouble, Wanted, read_body};
use super::pair::Archive;
use super::stream::{self, Envelope, Stream};

/// A compressed file that is no archive.
pub(super) struct Single;

/// What a stream says of its content beside the envelope: nothing.
#[derive(Debug)]
pub(super) struct Nothing;

impl Meta for Nothing {
    fn differences(&self, _rebuilt: &Self, _same_content: bool) -> Vec<Note> {
        Vec::new()
    }

    fn is_link(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "file".to_owned()
    }
}

/// The name of the only member.
const NAME: &[u8] = b"content";

impl Archive for Single {
    type Meta = Nothing;
    type Around = Envelope;

    fn walk(
        path: &Path,
        budget: &Budget,
        wanted: &Wanted,
        scan: &mut Scan<Nothing, Envelope>,
    ) -> Result<(), Trouble> {
        walk(path, budget, wanted, scan)
    }

    fn around(published: &Envelope, rebuilt: &Envelope, _same: bool, findings: &mut Findings) {
        stream::compare(published, rebuilt, findings);
    }
}

fn walk(
    path: &Path,
    budget: &Budget,
    wanted: &Wanted,
    scan: &mut Scan<Nothing, Envelope>,
) -> Result<(), Trouble> {
    let mut stream = Stream::open(path, budget)?;
    let (body, held) = read_body(&mut stream, &mut Buffer::new(), wanted.get(&0), |_| Ok(()))?;
    let member = Member {
        name: NAME.to_vec(),
        body,
        meta: Nothing,
    };
    scan.take(member, held, wanted);
    scan.wrapping = Some(
        stream
            .finish()
            .ok_or_else(|| Trouble("the compressed stream does not end".into()))?,
    );
    Ok(())
}
