//! Which things go. Pure: no disk, no clock.

use std::time::SystemTime;

/// What is known of a thing when it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// What it takes of the disk, in bytes.
    pub(super) size: u64,
    /// When it was last used.
    pub(super) used: SystemTime,
    /// Whether it must stay whatever the limit: a record refers to it, say.
    pub(super) live: bool,
}

/// The places of the things that go, the longest unused first: as many as it takes to
/// come down to the limit, and no more. What is live, or was used after `since`, stays,
/// even where that leaves more than the limit.
pub(super) fn choose(things: &[Judged], limit: u64, since: SystemTime) -> Vec<usize> {
    let mut total: u64 = things.iter().map(|thing| thing.size).sum();
    let mut unused: Vec<usize> = (0..things.len())
        .filter(|&at| !things[at].live && things[at].used < since)
        .collect();
    unused.sort_by_key(|&at| (things[at].used, at));
    let mut going = Vec::new();
    for at in unused {
        if total <= limit {
            break;
        }
        total -= things[at].size;
        going.push(at);
    }
    going
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn things() -> impl Strategy<Value = Vec<Judged>> {
        let thing = (0..1000_u64, 0..50_u64, any::<bool>());
        prop::collection::vec(thing, 0..40).prop_map(|things| {
            let judged = |(size, used, live)| Judged {
                size,
                used: at(used),
                live,
            };
            things.into_iter().map(judged).collect()
        })
    }

    #[test]
    fn the_longest_unused_goes_first_and_the_rest_stays() {
        let thing = |size, used, live| Judged {
            size,
            used: at(used),
            live,
        };
        let things = [
            thing(10, 30, false),
            thing(10, 10, true),
            thing(10, 20, false),
            thing(10, 90, false),
        ];
        assert_eq!(choose(&things, 40, at(50)), [] as [usize; 0]);
        assert_eq!(choose(&things, 39, at(50)), [2]);
        assert_eq!(choose(&things, 20, at(50)), [2, 0]);
        assert_eq!(choose(&things, 0, at(50)), [2, 0], "the rest must stay");
    }

    proptest! {
        #[test]
        fn nothing_live_and_nothing_in_use_ever_goes(things in things(), limit: u16, since in 0..50_u64) {
            for going in choose(&things, limit.into(), at(since)) {
                prop_assert!(!things[going].live && things[going].used < at(since));
            }
        }

        #[test]
        fn the_limit_is_kept_where_it_can_be_and_nothing_goes_without_need(
            things in things(), limit: u16, since in 0..50_u64,
        ) {
            let limit = u64::from(limit);
            let total: u64 = things.iter().map(|thing| thing.size).sum();
            let going = choose(&things, limit, at(since));
            let freed: u64 = going.iter().map(|&at| things[at].size).sum();
            let may_go = things.iter().filter(|t| !t.live && t.used < at(since)).count();
            prop_assert!(total - freed <= limit || going.len() == may_go);
            if let Some(&last) = going.last() {
                prop_assert!(total - freed + things[last].size > limit);
            }
        }

        #[test]
        fn what_goes_was_used_before_all_that_could_go_and_stays(things in things(), limit: u16, since in 0..50_u64) {
            let going = choose(&things, limit.into(), at(since));
            let newest = going.iter().map(|&at| things[at].used).max();
            for (place, thing) in things.iter().enumerate() {
                if !going.contains(&place) && !thing.live && thing.used < at(since) {
                    prop_assert!(newest.is_none_or(|newest| newest <= thing.used));
                }
            }
        }
    }
}
