//! The answers that are held in memory, so that what many ask for is made once. Knows
//! nothing of the store: whoever sees it change says so.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::http::Cached;

/// Bytes of answers that are held; a few thousand of the usual ones.
const HELD: usize = 64 << 20;

/// Names that are remembered as asked for. Half a megabyte; a name that another has
/// pushed out is only held a time later.
const REMEMBERED: usize = 65_536;

/// The answers, each from the second time on that it is asked for: one that nobody
/// asks for again would only push others out.
pub(super) struct Held {
    inner: RwLock<Inner>,
    /// Hashes of names, each in the place that it names itself.
    asked: Box<[AtomicU64]>,
}

/// The state of the store that an answer was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generation(u64);

#[derive(Default)]
struct Inner {
    answers: HashMap<Arc<str>, Arc<Cached>>,
    /// Their names, the oldest first.
    order: VecDeque<Arc<str>>,
    bytes: usize,
    generation: Generation,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            inner: RwLock::default(),
            asked: (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Held {
    /// The answer under a name, and otherwise what has to be known before another is
    /// made.
    pub(super) fn get(&self, name: &str) -> Result<Arc<Cached>, Generation> {
        let held = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        held.answers
            .get(name)
            .map(Arc::clone)
            .ok_or(held.generation)
    }

    /// Keeps an answer if it was asked for before, and lets go of the oldest where
    /// there is no room. One that was made from a store that has changed since is not
    /// kept.
    pub(super) fn keep(&self, name: &str, answer: &Arc<Cached>, made: Generation) {
        let size = answer.size() + name.len();
        if !self.was_asked_for(name) || size > HELD {
            return;
        }
        // Dropped after the lock is.
        let mut gone = Vec::new();
        let mut held = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if held.generation != made || held.answers.contains_key(name) {
            return;
        }
        while held.bytes + size > HELD {
            let Some(oldest) = held.order.pop_front() else {
                break;
            };
            if let Some(answer) = held.answers.remove(&oldest) {
                held.bytes -= answer.size() + oldest.len();
                gone.push(answer);
            }
        }
        let name: Arc<str> = name.into();
        held.bytes += size;
        held.order.push_back(Arc::clone(&name));
        held.answers.insert(name, Arc::clone(answer));
        drop(held);
    }

    /// Whether the name is remembered; from now on it is.
    fn was_asked_for(&self, name: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let hash = hasher.finish();
        let place = &self.asked[hash as usize % REMEMBERED];
        place.swap(hash, Ordering::Relaxed) == hash
    }

    /// Lets go of every answer: the store has changed.
    pub(super) fn forget(&self) {
        let mut held = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let generation = Generation(held.generation.0 + 1);
        *held = Inner {
            generation,
            ..Inner::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::Body;
    use super::*;

    fn answer(size: usize) -> Arc<Cached> {
        Arc::new(Cached::new(Body {
            content_type: "application/json",
            bytes: vec![b'x'; size],
        }))
    }

    /// Asks twice, since the first time is only remembered.
    fn keep(held: &Held, name: &str, size: usize, made: Generation) {
        for _ in 0..2 {
            held.keep(name, &answer(size), made);
        }
    }

    #[test]
    fn what_is_asked_for_once_is_not_kept() {
        let held = Held::default();
        for kept in [false, true] {
            held.keep("a", &answer(1), Generation::default());
            assert_eq!(held.get("a").is_ok(), kept);
        }
    }

    #[test]
    fn the_oldest_answers_make_room_and_a_huge_one_is_not_kept() {
        let held = Held::default();
        let now = Generation::default();
        // Three take more than there is room for.
        for name in ["a", "b", "c"] {
            keep(&held, name, HELD / 5, now);
        }
        assert!(held.get("a").is_err());
        assert!(held.get("b").is_ok() && held.get("c").is_ok());
        keep(&held, "huge", HELD, now);
        assert!(held.get("huge").is_err());
        assert!(held.get("b").is_ok() && held.get("c").is_ok());
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_kept() {
        let held = Held::default();
        let before = held.get("a").err().expect("nothing is held");
        held.forget();
        keep(&held, "a", 1, before);
        let after = held.get("a").err().expect("it was made too early");
        keep(&held, "a", 1, after);
        assert!(held.get("a").is_ok());
        held.forget();
        assert!(held.get("a").is_err());
    }
}
