//! Progress bars from the line's events. Quiet where standard error is no
//! terminal.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::model::{Event, EventSink, Station, printable};

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(120);

/// One bar for the whole list and one line for each artifact that is worked on.
pub(super) struct Bars {
    all: MultiProgress,
    overall: ProgressBar,
    jobs: Arc<Mutex<HashMap<String, ProgressBar>>>,
}

impl Bars {
    /// Bars for `packages` packages.
    pub(super) fn new(packages: usize) -> Self {
        let all = MultiProgress::new();
        let overall = all.add(ProgressBar::new(packages as u64));
        overall.set_style(style("{bar:24} {pos}/{len} packages, {elapsed}"));
        overall.tick();
        Self {
            all,
            overall,
            jobs: Arc::default(),
        }
    }

    /// Where the line sends its events.
    pub(super) fn sink(&self) -> EventSink {
        let (all, jobs) = (self.all.clone(), self.jobs.clone());
        EventSink::new(move |event| show(&all, &jobs, &event))
    }

    /// One more package is done.
    pub(super) fn advance(&self) {
        self.overall.inc(1);
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

/// A style from a template of ours.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
