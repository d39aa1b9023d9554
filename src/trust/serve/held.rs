//! The answers that are held in memory, so that what many ask for is made once. Knows
//! nothing of the store: whoever sees it change says so.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use super::http::Cached;

/// Bytes of answers that are held; a few thousand of the usual ones.
const HELD: usize = 64 << 20;

/// The answers.
#[derive(Default)]
pub(super) struct Held(RwLock<Inner>);

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

impl Held {
    /// The answer under a name, and otherwise what has to be known before another is
    /// made.
    pub(super) fn get(&self, name: &str) -> Result<Arc<Cached>, Generation> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.answers
            .get(name)
            .map(Arc::clone)
            .ok_or(held.generation)
    }

    /// Keeps an answer, and lets go of the oldest where there is no room. One that was
    /// made from a store that has changed since is not kept.
    pub(super) fn keep(&self, name: &str, answer: &Arc<Cached>, made: Generation) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.generation != made || held.answers.contains_key(name) {
            return;
        }
        let size = answer.size() + name.len();
        while held.bytes + size > HELD {
            let Some(oldest) = held.order.pop_front() else {
                return;
            };
            if let Some(gone) = held.answers.remove(&oldest) {
                held.bytes -= gone.size() + oldest.len();
            }
        }
        let name: Arc<str> = name.into();
        held.bytes += size;
        held.order.push_back(Arc::clone(&name));
        held.answers.insert(name, Arc::clone(answer));
    }

    /// Lets go of every answer: the store has changed.
    pub(super) fn forget(&self) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
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

    #[test]
    fn the_oldest_answers_make_room_and_a_huge_one_is_not_kept() {
        let held = Held::default();
        let now = Generation::default();
        // Three take more than there is room for.
        let third = answer(HELD / 5);
        for name in ["a", "b", "c"] {
            held.keep(name, &third, now);
        }
        assert!(held.get("a").is_err());
        assert!(held.get("b").is_ok() && held.get("c").is_ok());
        held.keep("huge", &answer(HELD), now);
        assert!(held.get("huge").is_err());
    }

    #[test]
    fn an_answer_from_before_a_change_is_not_kept() {
        let held = Held::default();
        let before = held.get("a").err().expect("nothing is held");
        held.forget();
        held.keep("a", &answer(1), before);
        let after = held.get("a").err().expect("it was made too early");
        held.keep("a", &answer(1), after);
        assert!(held.get("a").is_ok());
        held.forget();
        assert!(held.get("a").is_err());
    }
}
