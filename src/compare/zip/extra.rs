//! Extra fields (APPNOTE 6.3.10, section 4.5). Pure.

use super::directory::{u16_at, u64_at};

/// What an extra field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Times (sections 4.5.5 and 4.5.7, and Info-ZIP's own).
    Times,
    /// Users and groups (Info-ZIP's own).
    Owners,
    /// zip64 sizes (section 4.5.3), which are compared on their own.
    Sizes,
    /// Anything else: it may change what an installer unpacks.
    Unknown,
}

impl Kind {
    fn of(id: Option<u16>, data: &[u8]) -> Self {
        if data.len() > HARMLESS_LENGTH {
            return Self::Unknown;
        }
        match id {
            // NTFS times, the extended timestamp, and Unix times with an owner.
            Some(0x000a | 0x5455 | 0x5855) => Self::Times,
            // Unix owners, the second and the third form.
            Some(0x7855 | 0x7875) => Self::Owners,
            Some(0x0001) => Self::Sizes,
            _ => Self::Unknown,
        }
    }
}

/// The longest of those that are known, NTFS's, has 32 bytes: in a longer field anything can hide.
const HARMLESS_LENGTH: usize = 32;

/// The fields of an extra block; a block that is no whole number of fields ends
/// with what is left under no identifier.
fn fields(mut extra: &[u8]) -> Vec<(Option<u16>, &[u8])> {
    let mut found = Vec::new();
    while extra.len() >= 4 {
        let length = usize::from(u16_at(extra, 2));
        let Some(data) = extra.get(4..4 + length) else {
            break;
        };
        found.push((Some(u16_at(extra, 0)), data));
        extra = &extra[4 + length..];
    }
    if !extra.is_empty() {
        found.push((None, extra));
    }
    found
}

/// Section 4.5.3: the sizes and the offset that do not fit 32 bits, in a fixed
/// order, each there only if its 32-bit field is all ones.
pub(super) struct Zip64<'a>(&'a [u8]);

impl<'a> Zip64<'a> {
    pub(super) fn of(extra: &'a [u8]) -> Self {
        let field = fields(extra).into_iter().find(|(id, _)| *id == Some(1));
        Self(field.map_or(&[], |(_, data)| data))
    }

    /// The full value of a 32-bit field; the next one must be the next in order.
    pub(super) fn widen(&mut self, narrow: u32) -> u64 {
        if narrow != u32::MAX || self.0.len() < 8 {
            return narrow.into();
        }
        let wide = u64_at(self.0, 0);
        self.0 = &self.0[8..];
        wide
    }
}

/// The worst kind of field in which two unequal extra blocks differ.
pub(super) fn what_differs(published: &[u8], rebuilt: &[u8]) -> Kind {
    let (a, b) = (fields(published), fields(rebuilt));
    let of_kind = |all: &[(Option<u16>, &[u8])], kind: Kind| -> Vec<Vec<u8>> {
        all.iter()
            .filter(|(id, data)| Kind::of(*id, data) == kind)
            .map(|(id, data)| {
                [
                    &[u8::from(id.is_some())][..],
                    &id.unwrap_or(0).to_le_bytes(),
                    data,
                ]
                .concat()
            })
            .collect()
    };
    [Kind::Unknown, Kind::Owners, Kind::Times]
        .into_iter()
        .find(|&kind| of_kind(&a, kind) != of_kind(&b, kind))
        .unwrap_or(Kind::Sizes)
}

/// An extra block for a person: identifiers and sizes.
pub(super) fn describe(extra: &[u8]) -> String {
    /// More than any writer uses.
    const SHOWN: usize = 8;
    let all = fields(extra);
    if all.is_empty() {
        return "none".to_owned();
    }
    let mut text: Vec<String> = all
        .iter()
        .take(SHOWN)
        .map(|(id, data)| match id {
            Some(id) => format!("{id:#06x} {}", short_hex(data)),
            None => format!("malformed {}", short_hex(data)),
        })
        .collect();
    if all.len() > SHOWN {
        text.push("…".to_owned());
    }
    text.join(", ")
}

fn short_hex(data: &[u8]) -> String {
    if data.len() <= 12 {
        format!("({})", hex::encode(data))
    } else {
        format!("({}… {} bytes)", hex::encode(&data[..12]), data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zip64_values_are_taken_in_order_and_only_where_asked_for() {
        let extra = [&[1, 0, 16, 0][..], &7u64.to_le_bytes(), &9u64.to_le_bytes()].concat();
        let mut zip64 = Zip64::of(&extra);
        assert_eq!(zip64.widen(5), 5);
        assert_eq!(zip64.widen(u32::MAX), 7);
        assert_eq!(zip64.widen(u32::MAX), 9);
        assert_eq!(zip64.widen(u32::MAX), u64::from(u32::MAX));
    }

    #[test]
    fn times_are_harmless_and_another_name_is_not() {
        let time = [0x55, 0x54, 1, 0, 3];
        let unicode_path = [0x75, 0x70, 1, 0, 3];
        let cut_short = [0x55, 0x54, 9, 0, 3];
        let stuffed = [&[0x55, 0x54, 33, 0][..], &[7; 33]].concat();
        let owner = [0x75, 0x78, 1, 0, 3];
        assert_eq!(what_differs(&time, &[]), Kind::Times);
        assert_eq!(what_differs(&owner, &[]), Kind::Owners);
        assert_eq!(what_differs(&[time, owner].concat(), &[]), Kind::Owners);
        assert_eq!(what_differs(&stuffed, &[]), Kind::Unknown);
        assert_eq!(what_differs(&unicode_path, &[]), Kind::Unknown);
        assert_eq!(what_differs(&cut_short, &[]), Kind::Unknown);
    }
}
