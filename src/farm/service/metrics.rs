//! The farm's metrics, in the text form of OpenMetrics, which Prometheus reads
//! (OpenMetrics 1.0.0). Names end with their unit; what is counted began with this
//! process.

use std::collections::BTreeMap;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::farm::disk;
use crate::model::ResultRecord;
use crate::report::farm::Status;

/// The bounds of the histogram of times, in seconds: from a wheel to the limit of a
/// large build.
const BOUNDS: [f64; 10] = [
    2.0, 5.0, 10.0, 20.0, 45.0, 90.0, 180.0, 420.0, 900.0, 1800.0,
];

/// What is told apart of verdicts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct Verdicts {
    ecosystem: String,
    verdict: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    schedule: String,
}

/// What this process counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    verdicts: BTreeMap<Verdicts, u64>,
    retried: u64,
    troubles: u64,
    times: Option<Histogram>,
}

impl Counts {
    pub(super) fn ended(&mut self, records: &[ResultRecord], is_final: bool) {
        if !is_final {
            self.retried += 1;
            return;
        }
        let times = self.times.get_or_insert_with(|| Histogram::new(BOUNDS));
        for record in records {
            let labels = Verdicts {
                ecosystem: record.purl.ecosystem().to_string(),
                verdict: record.verdict.kind().name().to_owned(),
            };
            *self.verdicts.entry(labels).or_default() += 1;
            times.observe(std::time::Duration::from_millis(record.millis).as_secs_f64());
        }
    }

    pub(super) fn trouble(&mut self) {
        self.troubles += 1;
    }

    #[cfg(test)]
    pub(super) const fn troubles(&self) -> u64 {
        self.troubles
    }
}

/// The text that a scrape gets.
pub(super) fn text(counts: &Counts, disks: &[disk::Outcome], status: &Status) -> String {
    let mut registry = Registry::with_prefix("remint_farm");
    let verdicts = Family::<Verdicts, Counter>::default();
    for (labels, count) in &counts.verdicts {
        verdicts.get_or_create(labels).inc_by(*count);
    }
    registry.register("verdicts", "Artifacts that got a verdict", verdicts);
    register_counter(
        &mut registry,
        "retries",
        "Jobs that will be tried again",
        counts.retried,
    );
    register_counter(
        &mut registry,
        "troubles",
        "What a person should look at",
        counts.troubles,
    );
    if let Some(times) = &counts.times {
        registry.register_with_unit(
            "artifact",
            "How long an artifact took",
            Unit::Seconds,
            times.clone(),
        );
    }
    let jobs = Family::<State, Gauge>::default();
    let running = status.running.len() as u64;
    for (state, count) in [
        ("queued", status.queued),
        ("waiting", status.waiting),
        ("running", running),
    ] {
        jobs.get_or_create(&State { state }).set(amount(count));
    }
    registry.register("jobs", "Jobs that have no end yet", jobs);
    let workers = Family::<State, Gauge>::default();
    let draining = status
        .workers
        .iter()
        .filter(|worker| worker.draining)
        .count() as u64;
    for (state, count) in [
        ("taking", status.workers.len() as u64 - draining),
        ("draining", draining),
    ] {
        workers.get_or_create(&State { state }).set(amount(count));
    }
    registry.register("workers", "Workers that live", workers);
    let slots = Gauge::<i64>::default();
    slots.set(amount(
        status.workers.iter().map(|worker| worker.slots).sum(),
    ));
    registry.register(
        "slots",
        "Jobs that all workers together can run at once",
        slots,
    );
    schedules(&mut registry, status);
    kept(&mut registry, disks);
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

fn schedules(registry: &mut Registry, status: &Status) {
    let last = Family::<Name, Gauge>::default();
    let next = Family::<Name, Gauge>::default();
    let failing = Family::<Name, Gauge>::default();
    for schedule in &status.schedules {
        let name = Name {
            schedule: schedule.name.clone(),
        };
        last.get_or_create(&name).set(schedule.last.as_second());
        if let Some(time) = schedule.next {
            next.get_or_create(&name).set(time.as_second());
        }
        failing
            .get_or_create(&name)
            .set(i64::from(schedule.trouble.is_some()));
    }
    let unit = || Unit::Other("timestamp_seconds".into());
    registry.register_with_unit("schedule_last", "When it was fired last", unit(), last);
    registry.register_with_unit("schedule_next", "When it is fired next", unit(), next);
    registry.register(
        "schedule_failing",
        "1 while its batch cannot be added",
        failing,
    );
}

/// What the last look at the disks left.
fn kept(registry: &mut Registry, disks: &[disk::Outcome]) {
    let there = Family::<Kind, Gauge>::default();
    let limits = Family::<Kind, Gauge>::default();
    for outcome in disks {
        let kind = Kind {
            kind: outcome.kind.name(),
        };
        let left = outcome.there.bytes.saturating_sub(outcome.freed.bytes);
        there.get_or_create(&kind).set(amount(left));
        if let Some(limit) = outcome.limit {
            limits.get_or_create(&kind).set(amount(limit));
        }
    }
    registry.register_with_unit("disk", "What is kept", Unit::Bytes, there);
    registry.register_with_unit("disk_limit", "What may be kept", Unit::Bytes, limits);
}

fn register_counter(registry: &mut Registry, name: &str, help: &str, count: u64) {
    let counter = Counter::<u64>::default();
    counter.inc_by(count);
    registry.register(name, help, counter);
}

fn amount(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
