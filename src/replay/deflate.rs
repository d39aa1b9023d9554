//! Which compressor wrote a deflate stream, and the same compressor over other content.
//! Pure.

use super::zlib::{Reference, Tuning, ZlibRs};
use crate::model::{Compressor, DeflateFamily};

/// One buffer of output; a wrong guess ends at the first that is not the same.
const CHUNK: usize = 16 << 10;

/// What packagers use, the likeliest first: level 9 (cargo, npm), 6 (Python's default) and
/// the others.
const LEVELS: [u8; 9] = [9, 6, 1, 8, 7, 5, 4, 3, 2];

/// What zlib-ng does at level 6 where it is built without strategies of its own: that of
/// level 7 with these bounds (zlib-ng 2.2, `deflate.c`, `configuration_table` under
/// `NO_MEDIUM_STRATEGY`). zlib-rs has the same match finder, so its level 7 is tuned.
const WITHOUT_MEDIUM: (u8, u8, Tuning) = (
    6,
    7,
    Tuning {
        good_length: 8,
        max_lazy: 16,
        nice_length: 128,
        max_chain: 128,
    },
);

/// Every compressor that can be tried.
fn candidates() -> impl Iterator<Item = Compressor> {
    let without_medium = Compressor {
        family: DeflateFamily::ZlibNgWithoutMedium,
        level: WITHOUT_MEDIUM.0,
        mem_level: 8,
    };
    let by_level = LEVELS.into_iter().flat_map(|level| {
        [
            (DeflateFamily::Zlib, 8),
            (DeflateFamily::ZlibRs06, 8),
            (DeflateFamily::ZlibRs05, 8),
            (DeflateFamily::Zlib, 9),
        ]
        .into_iter()
        .map(move |(family, mem_level)| Compressor {
            family,
            level,
            mem_level,
        })
    });
    by_level.chain([without_medium])
}

/// The compressor that makes exactly `stream` of `content`; the likely one is tried first.
/// Several make the same of what is short, so `others` says whether it does for the rest.
pub(super) fn identify(
    content: &[u8],
    stream: &[u8],
    likely: Option<Compressor>,
    others: impl Fn(Compressor) -> bool,
) -> Option<Compressor> {
    likely
        .into_iter()
        .chain(candidates())
        .find(|&compressor| makes(compressor, content, stream) && others(compressor))
}

/// Whether the reference zlib with its usual memory makes exactly `stream` of `content`.
pub(super) fn is_reference(level: u8, content: &[u8], stream: &[u8]) -> bool {
    let compressor = Compressor {
        family: DeflateFamily::Zlib,
        level,
        mem_level: 8,
    };
    makes(compressor, content, stream)
}

/// Whether `compressor` makes exactly `stream` of `content`.
pub(super) fn makes(compressor: Compressor, content: &[u8], stream: &[u8]) -> bool {
    let mut at = 0;
    let agrees = run(compressor, content, &mut |bytes| {
        let same = stream[at..].starts_with(bytes);
        at += bytes.len();
        same
    });
    agrees && at == stream.len()
}

/// `content`, compressed.
pub(super) fn compress(compressor: Compressor, content: &[u8]) -> Option<Vec<u8>> {
    let mut stream = Vec::new();
    run(compressor, content, &mut |bytes| {
        stream.extend_from_slice(bytes);
        true
    })
    .then_some(stream)
}

/// Compresses, and hands on what comes out for as long as it is wanted; whether all came.
fn run(compressor: Compressor, content: &[u8], take: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let Compressor {
        family,
        level,
        mem_level,
    } = compressor;
    match family {
        DeflateFamily::Zlib => Reference::new(level, mem_level, None).is_some_and(|mut deflate| {
            drive(
                &mut |input, output| deflate.step(input, output),
                content,
                take,
            )
        }),
        DeflateFamily::ZlibRs05 => zlib_rs_0_5(compressor, content, take),
        DeflateFamily::ZlibRs06 => zlib_rs_0_6(compressor, content, take),
        DeflateFamily::ZlibNgWithoutMedium => {
            let (at, level_of, tuning) = WITHOUT_MEDIUM;
            level == at
                && ZlibRs::new(level_of, mem_level, Some(tuning)).is_some_and(|mut deflate| {
                    drive(
                        &mut |input, output| deflate.step(input, output),
                        content,
                        take,
                    )
                })
        }
    }
}

/// What a step of a compressor took and gave, and whether the stream is complete.
type Step<'a> = dyn FnMut(&[u8], &mut [u8]) -> Option<(usize, usize, bool)> + 'a;

fn drive(step: &mut Step<'_>, content: &[u8], take: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let mut output = vec![0; CHUNK];
    let mut at = 0;
    loop {
        let Some((taken, given, ended)) = step(&content[at..], &mut output) else {
            return false;
        };
        at += taken;
        if !take(&output[..given]) {
            return false;
        }
        if ended {
            return true;
        }
        // Neither read nor written: it would never end.
        if taken == 0 && given == 0 {
            return false;
        }
    }
}

/// The same loop over two releases of one library, whose types are not the same.
macro_rules! with_zlib_rs {
    ($name:ident, $library:ident) => {
        fn $name(
            compressor: Compressor,
            content: &[u8],
            take: &mut dyn FnMut(&[u8]) -> bool,
        ) -> bool {
            // Raw deflate with the largest window and the usual memory level.
            let mut deflate = $library::Deflate::new(compressor.level.into(), false, 15);
            let mut output = vec![0; CHUNK];
            loop {
                let (taken, given) = (deflate.total_in(), deflate.total_out());
                let input = &content[taken as usize..];
                let Ok(status) =
                    deflate.compress(input, &mut output, $library::DeflateFlush::Finish)
                else {
                    return false;
                };
                let count = (deflate.total_out() - given) as usize;
                if !take(&output[..count]) {
                    return false;
                }
                match status {
                    $library::Status::StreamEnd => return true,
                    // Neither read nor written: it would never end.
                    _ if count == 0 && deflate.total_in() == taken => return false,
                    _ => {}
                }
            }
        }
    };
}

with_zlib_rs!(zlib_rs_0_5, zlib_rs_0_5);
with_zlib_rs!(zlib_rs_0_6, zlib_rs);

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Vec<u8> {
        (0..40_000u32)
            .flat_map(|i| format!("{} {}\n", i % 977, i % 31).into_bytes())
            .collect()
    }

    #[test]
    fn each_compressor_is_told_from_the_others_by_its_output() {
        let content = text();
        for compressor in candidates().filter(|c| matches!(c.level, 1 | 6 | 9)) {
            let stream = compress(compressor, &content).expect("compresses");
            let found = identify(&content, &stream, None, |_| true).expect("is found");
            assert_eq!(compress(found, &content), Some(stream), "{compressor:?}");
        }
    }

    #[test]
    fn the_reference_is_told_at_its_level_alone() {
        let content = text();
        let made = |family| {
            let compressor = Compressor {
                family,
                level: 9,
                mem_level: 8,
            };
            compress(compressor, &content).expect("compresses")
        };
        let reference = made(DeflateFamily::Zlib);
        assert!(is_reference(9, &content, &reference));
        assert!(!is_reference(6, &content, &reference));
        assert!(!is_reference(9, &content, &made(DeflateFamily::ZlibRs06)));
    }

    #[test]
    fn zlib_ng_without_its_strategies_is_told_at_level_6_alone() {
        let content = text();
        let with = |family, level| {
            let compressor = Compressor {
                family,
                level,
                mem_level: 8,
            };
            compress(compressor, &content)
        };
        let made = with(DeflateFamily::ZlibNgWithoutMedium, 6).expect("compresses");
        let found = identify(&content, &made, None, |_| true).expect("is found");
        assert_eq!(found.family, DeflateFamily::ZlibNgWithoutMedium);
        for family in [DeflateFamily::Zlib, DeflateFamily::ZlibRs06] {
            assert_ne!(with(family, 6).as_ref(), Some(&made));
            assert_ne!(with(family, 7).as_ref(), Some(&made));
        }
        assert_eq!(with(DeflateFamily::ZlibNgWithoutMedium, 9), None);
    }

    #[test]
    fn a_stream_of_another_compressor_or_of_other_content_is_not_told() {
        let content = text();
        let compressor = Compressor {
            family: DeflateFamily::Zlib,
            level: 9,
            mem_level: 8,
        };
        let mut stream = compress(compressor, &content).expect("compresses");
        assert_eq!(
            identify(&content[1..], &stream, Some(compressor), |_| true),
            None
        );
        stream.push(0);
        assert_eq!(identify(&content, &stream, None, |_| true), None);
        assert_eq!(identify(&content, &[], None, |_| true), None);
    }
}
