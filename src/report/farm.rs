//! The status of a farm as a page for people. A pure function over [`Status`], which is
//! also what machines get as JSON (`docs/farm.md` describes it).

use jiff::Timestamp;
use serde::Serialize;

use super::page::{page, text};
use super::seconds;

/// How a farm stands.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// remint's version.
    pub version: &'static str,
    /// Of which moment this is.
    pub at: Timestamp,
    /// Jobs that are ready to run.
    pub queued: u64,
    /// Jobs in a pause after the farm's fault.
    pub waiting: u64,
    /// Jobs that run, the longest first.
    pub running: Vec<Running>,
    /// Workers that live.
    pub workers: Vec<WorkerStatus>,
    /// What is run when.
    pub schedules: Vec<ScheduleStatus>,
    /// The newest batches.
    pub batches: Vec<BatchStatus>,
    /// What happened in this process, the newest first.
    pub happened: Vec<Happened>,
}

/// A job that runs.
#[derive(Clone, Debug, Serialize)]
pub struct Running {
    /// The release.
    pub purl: String,
    /// Its batch.
    pub batch: String,
    /// The worker's name.
    pub worker: String,
    /// Since when.
    pub since: Timestamp,
    /// Where it is on the line; known of this process's own jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub station: Option<&'static str>,
}

/// A worker that lives.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerStatus {
    /// What people call it.
    pub name: String,
    /// Its machine.
    pub machine: String,
    /// How many jobs it runs at once.
    pub slots: u64,
    /// How many it runs now.
    pub running: u64,
    /// What builds may reserve there, in MiB.
    pub memory_mib: u64,
    /// Since when.
    pub started: Timestamp,
    /// Whether it takes nothing new.
    pub draining: bool,
}

/// A schedule.
#[derive(Clone, Debug, Serialize)]
pub struct ScheduleStatus {
    /// Its name.
    pub name: String,
    /// When.
    pub cron: String,
    /// In which zone.
    pub time_zone: String,
    /// The last time that was fired, or when the farm first knew it.
    pub last: Timestamp,
    /// The next.
    pub next: Option<Timestamp>,
    /// Why its batch could not be added, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A batch.
#[derive(Clone, Debug, Serialize)]
pub struct BatchStatus {
    /// Its name.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// `open`, `complete` or `cancelled`.
    pub state: &'static str,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it was complete.
    pub ended: Option<Timestamp>,
    /// Jobs.
    pub total: u64,
    /// Of them, with records.
    pub done: u64,
    /// Of them, given up.
    pub given_up: u64,
    /// Of them, held by a worker.
    pub running: u64,
    /// Of them, without an end.
    pub left: u64,
    /// Whether `results/<batch>/` holds its report.
    pub is_reported: bool,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
}

/// The page.
pub fn to_status(status: &Status) -> String {
    let mut body = format!(
        "<h1>remint farm</h1>\n<p class=\"faint\">remint {}, as of {}. Reload for a newer view; \
         <a href=\"status.json\">JSON</a>, <a href=\"metrics\">metrics</a>.</p>\n\
         <p><span class=\"tag\">{} running</span> <span class=\"tag\">{} queued</span> <span class=\"tag\">{} in a pause</span></p>\n",
        status.version,
        minute(status.at),
        status.running.len(),
        status.queued,
        status.waiting
    );
    for schedule in &status.schedules {
        if let Some(trouble) = &schedule.trouble {
            body.push_str(&format!(
                "<section class=\"alarm\"><h2>The schedule {} could not be run</h2>\n<p>{}</p></section>\n",
                text(&schedule.name),
                text(trouble)
            ));
        }
    }
    running(&mut body, status);
    batches(&mut body, status);
    schedules(&mut body, status);
    workers(&mut body, status);
    happened(&mut body, status);
    page("remint farm", &body)
}

fn running(body: &mut String, status: &Status) {
    let rows = status.running.iter().map(|job| {
        let millis = status.at.as_millisecond() - job.since.as_millisecond();
        vec![
            text(&job.purl),
            job.station.unwrap_or("").to_owned(),
            seconds(u64::try_from(millis).unwrap_or(0)),
            text(&job.worker),
            text(&job.batch),
        ]
    });
    table(
        body,
        "Running now",
        &["Package", "Station", "For", "Worker", "Batch"],
        rows,
    );
}

fn batches(body: &mut String, status: &Status) {
    let rows = status.batches.iter().map(|batch| {
        vec![
            format!(
                "{}<br><span class=\"faint\">{}</span>",
                text(&batch.title),
                report_of(batch)
            ),
            batch.state.to_owned(),
            format!("{} of {}", batch.total - batch.left, batch.total),
            batch.given_up.to_string(),
            minute(batch.created),
            batch.ended.map(minute).unwrap_or_default(),
        ]
    });
    table(
        body,
        "Batches",
        &["Batch", "State", "Done", "Given up", "Begun", "Ended"],
        rows,
    );
}

/// The batch's name, which leads to its report once that is written.
fn report_of(batch: &BatchStatus) -> String {
    let id = text(&batch.id);
    if batch.is_reported {
        format!("<a href=\"results/{id}/index.html\">{id}</a>")
    } else {
        id
    }
}

fn schedules(body: &mut String, status: &Status) {
    let rows = status.schedules.iter().map(|schedule| {
        vec![
            text(&schedule.name),
            format!(
                "<code>{}</code> {}",
                text(&schedule.cron),
                text(&schedule.time_zone)
            ),
            minute(schedule.last),
            schedule.next.map(minute).unwrap_or_default(),
        ]
    });
    table(
        body,
        "Schedules",
        &["Schedule", "When", "Last", "Next"],
        rows,
    );
}

fn workers(body: &mut String, status: &Status) {
    let rows = status.workers.iter().map(|worker| {
        vec![
            text(&worker.name),
            if worker.draining {
                "draining"
            } else {
                "takes jobs"
            }
            .to_owned(),
            format!("{} of {}", worker.running, worker.slots),
            format!("{} MiB", worker.memory_mib),
            minute(worker.started),
        ]
    });
    table(
        body,
        "Workers",
        &["Worker", "State", "Running", "Memory", "Since"],
        rows,
    );
}

fn happened(body: &mut String, status: &Status) {
    let rows = status
        .happened
        .iter()
        .map(|happened| vec![minute(happened.at), text(&happened.what)]);
    table(body, "Lately", &["When", "What"], rows);
}

/// A table whose cells are HTML already; a line where it has no rows. The first column
/// names the row.
fn table(
    body: &mut String,
    title: &str,
    columns: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let rows: Vec<String> = rows
        .map(|cells| {
            let cells = cells
                .iter()
                .zip(columns)
                .enumerate()
                .map(|(number, (cell, name))| {
                    if number == 0 {
                        format!("<th scope=\"row\" class=\"name\">{cell}</th>")
                    } else {
                        format!("<td data-name=\"{name}\">{cell}</td>")
                    }
                });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    body.push_str(&format!("<h2>{title}</h2>\n"));
    if rows.is_empty() {
        body.push_str("<p class=\"faint\">Nothing.</p>\n");
        return;
    }
    let head: String = columns
        .iter()
        .map(|name| format!("<th scope=\"col\">{name}</th>"))
        .collect();
    body.push_str(&format!(
        "<table class=\"cards rows\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        rows.concat()
    ));
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn status() -> Status {
        Status {
            version: "0.0.0",
            at: at("2026-01-02T03:04:05Z"),
            queued: 7,
            waiting: 1,
            running: vec![Running {
                purl: "pkg:npm/%40<b>/a@1.0.0".into(),
                batch: "20260102T020000Z-night".into(),
                worker: "build-1".into(),
                since: at("2026-01-02T03:03:00Z"),
                station: Some("rebuild"),
            }],
            workers: vec![WorkerStatus {
                name: "build-1".into(),
                machine: "m".into(),
                slots: 2,
                running: 1,
                memory_mib: 4096,
                started: at("2026-01-01T00:00:00Z"),
                draining: true,
            }],
            schedules: vec![ScheduleStatus {
                name: "night".into(),
                cron: "0 2 * * *".into(),
                time_zone: "UTC".into(),
                last: at("2026-01-02T02:00:00Z"),
                next: Some(at("2026-01-03T02:00:00Z")),
                trouble: Some("<script>".into()),
            }],
            batches: vec![BatchStatus {
                id: "20260102T020000Z-night".into(),
                title: "the night".into(),
                state: "open",
                created: at("2026-01-02T02:00:00Z"),
                ended: None,
                total: 10,
                done: 2,
                given_up: 0,
                running: 1,
                left: 8,
                is_reported: true,
            }],
            happened: vec![Happened {
                at: at("2026-01-02T03:00:00Z"),
                what: "the schedule night was fired".into(),
            }],
        }
    }

    #[test]
    fn the_page_shows_everything_and_lets_no_markup_through() {
        insta::assert_snapshot!(body(&to_status(&status())));
    }

    /// What is between the style sheet and the end.
    fn body(page: &str) -> &str {
        page.split_once("<main>").expect("a page").1
    }

    #[test]
    fn an_empty_farm_has_a_page_too() {
        let empty = Status {
            running: vec![],
            workers: vec![],
            schedules: vec![],
            batches: vec![],
            happened: vec![],
            ..status()
        };
        assert_eq!(to_status(&empty).matches("Nothing.").count(), 5);
    }
}
