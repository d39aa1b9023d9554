//! Progress bars from the line's events. Quiet where standard error is no
//! terminal.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::model::{Event, EventSink, Station, printable};

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// One bar for the whole list and one line for each artifact that is worked on.
pub(super) struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    jobs: Arc<Mutex<HashMap<String, ProgressBar>>>,
    begun: Instant,
    /// What was done before this run: it says nothing of this run's speed.
    skipped: AtomicU64,
}

impl Bars {
    /// Bars for `packages` packages.
    pub(super) fn new(packages: usize) -> Self {
        let all = MultiProgress::new();
        let overall = all.add(ProgressBar::new(packages as u64));
        overall.set_style(style("{bar:24} {pos}/{len} packages, {elapsed}{msg}"));
        overall.tick();
        Self {
            all,
            overall,
            jobs: Arc::default(),
            begun: Instant::now(),
            skipped: AtomicU64::new(0),
        }
    }

    /// Where the line sends its events.
    pub(super) fn sink(&self) -> EventSink {
        let (all, jobs) = (self.all.clone(), self.jobs.clone());
        EventSink::new(move |event| show(&all, &jobs, &event))
    }

    /// So many were done before.
    pub(super) fn skip(&self, done: u64) {
        self.skipped.store(done, Ordering::Relaxed);
        self.overall.set_position(done);
    }

    /// One more package is done.
    pub(super) fn advance(&self) {
        self.overall.inc(1);
        let (done, skipped) = (
            self.overall.position(),
            self.skipped.load(Ordering::Relaxed),
        );
        let left = self.overall.length().unwrap_or(done).saturating_sub(done);
        let took = self.begun.elapsed();
        self.overall
            .set_message(match remaining(done.saturating_sub(skipped), took, left) {
                Some(time) => format!(", about {} left", rough(time)),
                None => String::new(),
            });
    }

    /// A package is not worked on any more.
    pub(super) fn leave(&self, subject: &str) {
        let mut jobs = self
            .jobs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bar) = jobs.remove(subject) {
            bar.finish_and_clear();
        }
    }

    /// A line above the bars.
    pub(super) fn say(&self, line: &str) {
        if self.all.is_hidden() {
            eprintln!("{line}");
        } else {
            // Printing fails only where the terminal has gone.
            let _ = self.all.println(line);
        }
    }

    /// A line that a person must see, with or without a terminal.
    pub(super) fn warn(&self, text: &str) {
        self.all
            .suspend(|| eprintln!("remint: {}", printable(text, true)));
    }

    /// Takes the bars off the screen.
    pub(super) fn finish(&self) {
        // A failing clear means that there is no terminal to clear.
        let _ = self.all.clear();
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.finish();
    }
}

fn show(all: &MultiProgress, jobs: &Mutex<HashMap<String, ProgressBar>>, event: &Event) {
    // A poisoned lock still holds bars that can be drawn.
    let mut jobs = jobs
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    match event {
        Event::Entered { subject, station } => {
            let bar = jobs.entry(subject.clone()).or_insert_with(|| {
                let bar = all.add(ProgressBar::new(Station::ALL.len() as u64));
                bar.set_style(style("{spinner} {pos}/{len} {msg}"));
                bar.enable_steady_tick(TICK);
                bar
            });
            let place = Station::ALL.iter().position(|s| s == station).unwrap_or(0);
            bar.set_position(place as u64 + 1);
            bar.set_message(format!("{}: {}", printable(subject, false), station.name()));
        }
        Event::Finished { subject, verdict } => {
            if let Some(bar) = jobs.remove(subject) {
                bar.finish_and_clear();
            }
            // Printing fails only where there is no terminal; the summary follows.
            let _ = all.println(format!("{verdict:17} {}", printable(subject, false)));
        }
        Event::Notice(text) => all.suspend(|| eprintln!("remint: {}", printable(text, true))),
    }
}

/// Packages from which on their time says something of the others'.
const ENOUGH: u64 = 3;

/// The time that is left, as fast as it went so far; none while too few are done to
/// say anything.
fn remaining(done: u64, took: Duration, left: u64) -> Option<Duration> {
    (done >= ENOUGH).then(|| took.div_f64(done as f64).mul_f64(left as f64))
}

/// A time as people say it, no finer than it is known.
fn rough(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..90 => format!("{seconds} s"),
        seconds @ 90..5400 => format!("{} min", seconds / 60),
        seconds => format!("{}.{} h", seconds / 3600, seconds % 3600 / 360),
    }
}

/// A style from a template of ours.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_not_guessed_from_too_little_nor_told_too_finely() {
        let took = Duration::from_secs(60);
        assert_eq!(remaining(2, took, 100), None);
        assert_eq!(remaining(6, took, 12), Some(Duration::from_secs(120)));
        assert_eq!(rough(Duration::from_secs(89)), "89 s");
        assert_eq!(rough(Duration::from_secs(125)), "2 min");
        assert_eq!(rough(Duration::from_secs(3600 * 2 + 1800)), "2.5 h");
    }
}
