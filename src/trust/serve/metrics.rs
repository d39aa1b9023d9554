//! Counters in the text form of OpenMetrics, which Prometheus reads (OpenMetrics 1.0.0).

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The name of the form (OpenMetrics 1.0.0, section "Overall Structure").
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The first digit of a status (RFC 9110, section 15), from 2 on.
const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

/// Answers by the class of their status. Each has its counter at hand: one answer is one
/// addition.
#[derive(Default)]
pub(super) struct Metrics([Counter; CLASSES.len()]);

impl Metrics {
    pub(super) fn count(&self, status: u16) {
        let class = usize::from(status / 100).saturating_sub(2);
        self.0[class.min(CLASSES.len() - 1)].inc();
    }

    pub(super) fn text(&self, entries: u64) -> String {
        let requests = Family::<Class, Counter>::default();
        for (class, counter) in CLASSES.into_iter().zip(&self.0) {
            requests
                .get_or_create(&Class { class })
                .inc_by(counter.get());
        }
        let log = Gauge::<i64>::default();
        log.set(i64::try_from(entries).unwrap_or(i64::MAX));
        let mut registry = Registry::with_prefix("remint_trust");
        registry.register("requests", "Answers by class of status", requests);
        registry.register("log_entries", "Entries in the log", log);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}
