//! Counters in the text form that Prometheus reads (Prometheus documentation,
//! "Exposition formats").

use std::sync::atomic::{AtomicU64, Ordering};

/// Answers by the first digit of their status.
#[derive(Default)]
pub(super) struct Metrics([AtomicU64; 6]);

impl Metrics {
    pub(super) fn count(&self, status: u16) {
        let class = usize::from(status / 100).min(5);
        self.0[class].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn text(&self, entries: u64) -> String {
        let mut text = String::from(
            "# HELP remint_trust_requests_total Answers by class of status.\n# TYPE remint_trust_requests_total counter\n",
        );
        for (class, count) in self.0.iter().enumerate().skip(2) {
            let count = count.load(Ordering::Relaxed);
            text.push_str(&format!(
                "remint_trust_requests_total{{class=\"{class}xx\"}} {count}\n"
            ));
        }
        text.push_str(&format!(
            "# HELP remint_trust_log_entries Entries in the log.\n# TYPE remint_trust_log_entries gauge\nremint_trust_log_entries {entries}\n"
        ));
        text
    }
}
