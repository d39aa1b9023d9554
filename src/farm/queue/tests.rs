//! The queue's promises, each on SQLite and on PostgreSQL.

use std::time::Duration;

use super::*;
use crate::farm::process;
use crate::farm::retry::{MAX_INFRA_TRIES, MAX_LOSSES, Next};
use crate::farm::testing::{infra, record, unsupported};
use crate::model::ResultRecord;
use crate::store::postgres;

/// So short that a silent holder is lost while a test waits.
const DEADLINE: Duration = Duration::from_millis(200);

struct Farm {
    _folder: tempfile::TempDir,
    queue: Queue,
}

/// A farm on each database.
async fn both() -> [Farm; 2] {
    let address = postgres::server().new_database();
    [farm(None).await, farm(Some(&address)).await]
}

async fn farm(address: Option<&str>) -> Farm {
    let folder = tempfile::tempdir().expect("temp");
    let database = Database::open(folder.path(), address).await.expect("open");
    Farm {
        _folder: folder,
        queue: Queue::open(database, DEADLINE).await.expect("queue"),
    }
}

fn holder(worker: &str) -> Holder {
    Holder {
        worker: worker.into(),
        name: worker.into(),
        machine: "machine".into(),
        process: process::own(),
        capacity: Reservation {
            memory_mib: 100_000,
            cpu_millis: 100_000,
        },
        slots: 1,
    }
}

fn batch(id: &str) -> NewBatch {
    NewBatch {
        id: id.into(),
        title: id.into(),
        created: Timestamp::now(),
        urgency: Urgency::Bulk,
        weight: 1,
        settings: "{}".into(),
    }
}

fn job(purl: &str) -> NewJob {
    NewJob {
        purl: purl.parse().expect("valid"),
        host: String::new(),
        rank: 0,
        reservation: Reservation {
            memory_mib: 1000,
            cpu_millis: 1000,
        },
    }
}

fn jobs(prefix: &str, count: usize) -> Vec<NewJob> {
    (0..count)
        .map(|number| job(&format!("pkg:npm/{prefix}{number}@1.0.0")))
        .collect()
}

impl Farm {
    async fn add(&self, id: &str, jobs: &[NewJob]) {
        self.queue.add(&batch(id), jobs, &[]).await.expect("add");
    }

    async fn lease(&self, worker: &str, most: usize) -> Vec<Leased> {
        self.queue
            .lease(&holder(worker), most, None, &AtOnce::default())
            .await
            .expect("lease")
    }

    async fn one(&self, worker: &str) -> Leased {
        self.lease(worker, 1).await.pop().expect("a job waits")
    }

    async fn finish(&self, leased: &Leased, records: &[ResultRecord]) -> Delivery {
        self.queue
            .finish(leased, records, true, 0.5)
            .await
            .expect("finish")
    }

    async fn done(&self, leased: &Leased) -> Delivery {
        self.finish(leased, &[record(&leased.purl.to_string(), unsupported())])
            .await
    }

    async fn progress(&self, id: &str) -> Progress {
        self.queue.progress(id).await.expect("progress")
    }

    async fn tend(&self) -> Tended {
        self.queue.tend(&holder("tender")).await.expect("tend")
    }

    /// Ends every pause, as time would.
    async fn end_pauses(&self) {
        sqlx::query("UPDATE farm_job SET due = 0 WHERE state = 'waiting'")
            .execute(self.queue.database.pool())
            .await
            .expect("update");
        self.tend().await;
    }
}

#[tokio::test]
async fn every_record_is_handed_over_once_however_many_there_are() {
    for farm in both().await {
        farm.add("night", &jobs("a", 2)).await;
        // More than are read at once, and more than one job's.
        for count in [450, 3] {
            let leased = farm.one("w").await;
            let own = record(&leased.purl.to_string(), unsupported());
            farm.finish(&leased, &vec![own; count]).await;
        }
        let mut seen = 0;
        let mut visit = |body: &str| {
            assert!(body.contains("unsupported"), "{body}");
            seen += 1;
        };
        farm.queue.every_record(&mut visit).await.expect("reads");
        assert_eq!(seen, 453);
    }
}

#[tokio::test]
async fn a_job_goes_from_the_queue_to_its_record_once() {
    for farm in both().await {
        farm.add("night", &jobs("a", 2)).await;
        assert_eq!(farm.progress("night").await.queued, 2);
        let first = farm.one("w").await;
        assert_eq!(farm.progress("night").await.running, 1);
        assert_eq!(farm.done(&first).await, Delivery::Taken(Next::Done));
        let second = farm.one("w").await;
        assert_ne!(first.job, second.job);
        assert!(farm.lease("w", 1).await.is_empty());
        farm.done(&second).await;
        assert_eq!(farm.tend().await.closed, ["night"]);
        let row = farm.queue.batch("night").await.expect("there");
        assert_eq!(row.state, BatchState::Complete);
        assert_eq!(farm.queue.records("night").await.expect("read").len(), 2);
    }
}

#[tokio::test]
async fn many_workers_at_once_never_hold_the_same_job() {
    for farm in both().await {
        farm.add("night", &jobs("a", 200)).await;
        let takers = (0..8).map(|number| {
            let queue = farm.queue.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                let holder = holder(&format!("w{number}"));
                loop {
                    let leased = queue
                        .lease(&holder, 3, None, &AtOnce::default())
                        .await
                        .expect("lease");
                    if leased.is_empty() {
                        return taken;
                    }
                    for job in &leased {
                        let records = [record(&job.purl.to_string(), unsupported())];
                        let delivery = queue.finish(job, &records, true, 0.5).await;
                        assert_eq!(delivery.expect("finish"), Delivery::Taken(Next::Done));
                    }
                    taken.extend(leased.into_iter().map(|job| job.job));
                }
            })
        });
        let mut all = Vec::new();
        for taker in takers.collect::<Vec<_>>() {
            all.extend(taker.await.expect("no panic"));
        }
        all.sort();
        let count = all.len();
        all.dedup();
        assert_eq!((count, all.len()), (200, 200));
    }
}

#[tokio::test]
async fn only_the_leases_holder_reports_and_only_once() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        let leased = farm.one("w").await;
        let forged = Leased {
            token: Token::new().expect("random"),
            ..leased.clone()
        };
        assert_eq!(farm.done(&forged).await, Delivery::NotHolder);
        assert_eq!(farm.progress("night").await.running, 1);
        assert_eq!(farm.done(&leased).await, Delivery::Taken(Next::Done));
        // The answer was lost on the way, and the holder asks again.
        assert_eq!(farm.done(&leased).await, Delivery::Already);
        assert_eq!(farm.queue.records("night").await.expect("read").len(), 1);
    }
}

#[tokio::test]
async fn a_silent_holder_loses_its_lease_and_its_late_report_is_refused() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        let elsewhere = Holder {
            machine: "other".into(),
            ..holder("silent")
        };
        let leased = farm
            .queue
            .lease(&elsewhere, 1, None, &AtOnce::default())
            .await;
        let leased = leased.expect("lease").pop().expect("a job waits");
        assert!(
            farm.tend().await.requeued.is_empty(),
            "seen for the first time"
        );
        // Only who looks again and again can tell; a machine under load skips looks.
        let mut requeued = Vec::new();
        for _ in 0..1000 {
            tokio::time::sleep(DEADLINE / 20).await;
            requeued = farm.tend().await.requeued;
            if !requeued.is_empty() {
                break;
            }
        }
        assert_eq!(requeued, ["pkg:npm/a0@1.0.0"]);
        let again = farm.one("w").await;
        assert_eq!(farm.done(&leased).await, Delivery::NotHolder);
        assert_eq!(farm.done(&again).await, Delivery::Taken(Next::Done));
    }
}

#[tokio::test]
async fn a_holder_that_beats_keeps_its_lease_whatever_the_wall_clock_says() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        let leased = farm.one("w").await;
        // As if the clock had jumped by a year since.
        sqlx::query("UPDATE farm_lease SET taken = 0")
            .execute(farm.queue.database.pool())
            .await
            .expect("update");
        for _ in 0..6 {
            assert_eq!(farm.tend().await, Tended::default());
            tokio::time::sleep(DEADLINE / 2).await;
            let ours = farm.queue.beat(&holder("w")).await.expect("beat").ours;
            assert_eq!(ours, std::slice::from_ref(&leased.token));
        }
        assert_eq!(farm.done(&leased).await, Delivery::Taken(Next::Done));
    }
}

#[tokio::test]
async fn a_dead_process_of_this_machine_is_not_waited_for() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        let mut dead = std::process::Command::new("true").spawn().expect("true");
        let own = process::own();
        let space = own.split(' ').next().expect("namespace");
        let gone = Holder {
            process: format!("{space} {} 1", dead.id()),
            ..holder("dead")
        };
        dead.wait().expect("wait");
        farm.queue
            .lease(&gone, 1, None, &AtOnce::default())
            .await
            .expect("lease");
        assert_eq!(farm.tend().await.requeued.len(), 1);
    }
}

#[tokio::test]
async fn a_job_that_takes_its_workers_with_it_is_given_up_with_a_record() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        for loss in 1..=MAX_LOSSES {
            farm.one("w").await;
            sqlx::query("UPDATE farm_lease SET process = $1")
                .bind(format!(
                    "{} 1 0",
                    process::own().split(' ').next().expect("one")
                ))
                .execute(farm.queue.database.pool())
                .await
                .expect("update");
            let tended = farm.tend().await;
            assert_eq!(tended.given_up.len(), usize::from(loss == MAX_LOSSES));
        }
        assert_eq!(farm.progress("night").await.given_up, 1);
        let records = farm.queue.records("night").await.expect("read");
        assert!(
            records[0]
                .record
                .verdict
                .reason()
                .contains("workers were lost")
        );
    }
}

#[tokio::test]
async fn the_farms_fault_is_tried_again_after_a_pause_and_given_up_in_the_end() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        for number in 1..=MAX_INFRA_TRIES {
            let leased = farm.one("w").await;
            let next = farm
                .finish(&leased, &[record("pkg:npm/a0@1.0.0", infra())])
                .await;
            if number < MAX_INFRA_TRIES {
                assert!(matches!(next, Delivery::Taken(Next::Again(_))), "{number}");
                assert!(farm.lease("w", 1).await.is_empty(), "the pause holds");
                farm.end_pauses().await;
            } else {
                assert_eq!(next, Delivery::Taken(Next::GiveUp));
            }
        }
        // Twice is like once: one record, not one a try.
        assert_eq!(farm.queue.records("night").await.expect("read").len(), 1);
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_make_a_pause_endless() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        let leased = farm.one("w").await;
        farm.finish(&leased, &[record("pkg:npm/a0@1.0.0", infra())])
            .await;
        // The pause was written by a clock a year ahead.
        sqlx::query("UPDATE farm_job SET due = due + 31536000000")
            .execute(farm.queue.database.pool())
            .await
            .expect("update");
        farm.tend().await;
        assert_eq!(farm.progress("night").await.queued, 1);
    }
}

#[tokio::test]
async fn a_job_that_is_handed_back_is_as_if_it_had_never_run() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        let leased = farm.one("w").await;
        farm.queue.hand_back(&leased).await.expect("hand back");
        assert_eq!(farm.done(&leased).await, Delivery::NotHolder);
        assert_eq!(farm.progress("night").await.queued, 1);
        let again = farm.one("w").await;
        assert_eq!(farm.done(&again).await, Delivery::Taken(Next::Done));
    }
}

#[tokio::test]
async fn a_persons_batch_goes_first_and_takes_over_what_the_night_waits_for() {
    for farm in both().await {
        farm.add("night", &jobs("a", 3)).await;
        let person = NewBatch {
            urgency: Urgency::Person,
            ..batch("person")
        };
        let wanted = [job("pkg:npm/a2@1.0.0"), job("pkg:npm/b@1.0.0")];
        farm.queue.add(&person, &wanted, &[]).await.expect("add");
        let mut first: Vec<_> = farm
            .lease("w", 2)
            .await
            .iter()
            .map(|j| j.purl.to_string())
            .collect();
        first.sort();
        assert_eq!(first, ["pkg:npm/a2@1.0.0", "pkg:npm/b@1.0.0"]);
        // One release is one job, whoever wants it.
        assert_eq!(farm.progress("night").await.total(), 3);
        assert_eq!(farm.lease("w", 9).await.len(), 2);
    }
}

#[tokio::test]
async fn two_batches_of_one_urgency_take_turns() {
    for farm in both().await {
        farm.add("large", &jobs("a", 50)).await;
        for _ in 0..5 {
            farm.one("w").await;
        }
        farm.add("small", &jobs("b", 5)).await;
        let next = farm.lease("w", 10).await;
        let small = next.iter().filter(|job| job.batch == "small").count();
        assert_eq!(small, 5, "a late batch is not behind all of an early one");
    }
}

#[tokio::test]
async fn limits_hold_over_all_workers_and_machines_hold_what_they_have() {
    for farm in both().await {
        farm.add("night", &jobs("a", 10)).await;
        let two = AtOnce {
            ecosystem: [("npm".into(), 2)].into(),
            ..AtOnce::default()
        };
        for worker in ["v", "w"] {
            let leased = farm.queue.lease(&holder(worker), 5, None, &two).await;
            assert_eq!(
                leased.expect("lease").len(),
                if worker == "v" { 2 } else { 0 }
            );
        }
        let little = Holder {
            machine: "little".into(),
            capacity: Reservation {
                memory_mib: 3500,
                cpu_millis: 100_000,
            },
            ..holder("x")
        };
        let leased = farm.queue.lease(&little, 9, None, &AtOnce::default()).await;
        assert_eq!(
            leased.expect("lease").len(),
            3,
            "3 of 1000 MiB fit into 3500"
        );
    }
}

#[tokio::test]
async fn what_may_have_been_leased_goes_back_whether_it_was_or_not() {
    for farm in both().await {
        farm.add("night", &jobs("a", 3)).await;
        let mut in_doubt = farm.lease("w", 2).await;
        // Another's since: its former token ends nothing.
        let another = in_doubt.remove(0);
        farm.queue.hand_back(&another).await.expect("hand back");
        let again = farm.lease("w", 1).await;
        assert_eq!(again[0].job, another.job);
        in_doubt.push(another);
        for _ in 0..2 {
            let handed = farm.queue.hand_back_unstarted(&in_doubt).await;
            handed.expect("hand back");
        }
        let ours = farm.queue.beat(&holder("w")).await.expect("beat").ours;
        assert_eq!(ours, [again[0].token.clone()]);
        assert_eq!(farm.lease("v", 9).await.len(), 2);
    }
}

#[tokio::test]
async fn a_cancelled_batch_ends_and_what_others_want_goes_on() {
    for farm in both().await {
        farm.add("first", &jobs("a", 3)).await;
        farm.add("second", &jobs("a", 1)).await;
        let running = farm.lease("w", 2).await;
        farm.queue.cancel("first").await.expect("cancel");
        let ours = farm.queue.beat(&holder("w")).await.expect("beat").ours;
        assert_eq!(ours.len(), 1, "what the second batch wants runs on");
        let (kept, lost): (Vec<_>, Vec<_>) =
            running.iter().partition(|job| ours.contains(&job.token));
        assert_eq!(farm.done(lost[0]).await, Delivery::NotHolder);
        assert_eq!(farm.done(kept[0]).await, Delivery::Taken(Next::Done));
        assert_eq!(farm.progress("first").await.left(), 0);
        assert_eq!(farm.tend().await.closed, ["second"]);
        assert!(matches!(
            farm.queue.cancel("first").await,
            Err(Error::NoBatch { .. })
        ));
    }
}

#[tokio::test]
async fn retry_queues_what_could_not_be_decided_and_leaves_the_rest() {
    for farm in both().await {
        farm.add("night", &jobs("a", 2)).await;
        let (one, other) = (farm.one("w").await, farm.one("w").await);
        farm.done(&one).await;
        let records = [record(&other.purl.to_string(), infra())];
        let given = farm.queue.finish(&other, &records, false, 0.5).await;
        assert_eq!(given.expect("finish"), Delivery::Taken(Next::GiveUp));
        assert_eq!(farm.tend().await.closed, ["night"]);
        assert_eq!(farm.queue.retry("night").await.expect("retry"), 1);
        let again = farm.one("w").await;
        assert_eq!(again.job, other.job);
        farm.done(&again).await;
        assert_eq!(farm.tend().await.closed, ["night"]);
        assert_eq!(farm.queue.retry("night").await.expect("retry"), 0);
    }
}

#[tokio::test]
async fn an_answer_is_found_and_an_undecided_one_is_none() {
    for farm in both().await {
        farm.add("night", &jobs("a", 2)).await;
        let (one, other) = (farm.one("w").await, farm.one("w").await);
        farm.done(&one).await;
        farm.finish(&other, &[record(&other.purl.to_string(), infra())])
            .await;
        assert_eq!(farm.queue.answer(&one.purl).await.expect("read").len(), 1);
        assert!(
            farm.queue
                .answer(&other.purl)
                .await
                .expect("read")
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_batch_of_one_name_is_added_once_and_wholly() {
    for farm in both().await {
        farm.add("night", &jobs("a", 2500)).await;
        assert_eq!(farm.progress("night").await.queued, 2500);
        assert!(
            farm.queue
                .add(&batch("night"), &jobs("b", 1), &[])
                .await
                .is_err()
        );
        assert_eq!(farm.progress("night").await.total(), 2500);
    }
}

#[tokio::test]
async fn a_lost_or_drained_worker_is_known_on_the_roster() {
    for farm in both().await {
        let (live, silent) = (
            holder("live"),
            Holder {
                process: "x 0 0".into(),
                ..holder("silent")
            },
        );
        for worker in [&live, &silent] {
            farm.queue.join(worker).await.expect("join");
        }
        let names = async || -> Vec<String> {
            let rows = farm.queue.workers().await.expect("read");
            rows.into_iter().map(|row| row.name).collect()
        };
        assert_eq!(names().await, ["live", "silent"]);
        assert!(!farm.queue.beat(&live).await.expect("beat").draining);
        assert_eq!(farm.queue.drain("live").await.expect("drain"), 1);
        assert!(farm.queue.beat(&live).await.expect("beat").draining);
        let error = farm.queue.drain("nobody").await.expect_err("none");
        assert!(error.to_string().contains("remint farm workers"), "{error}");

        // Looked at more often than the deadline, as a tender does; where a busy machine
        // makes it less often, a look counts for nothing and more are needed.
        for _ in 0..200 {
            farm.queue.beat(&live).await.expect("beat");
            farm.tend().await;
            if names().await == ["live"] {
                break;
            }
            tokio::time::sleep(DEADLINE / 4).await;
        }
        assert_eq!(names().await, ["live"]);
        farm.queue.leave(&live).await.expect("leave");
        assert!(names().await.is_empty());
        farm.queue.beat(&live).await.expect("beat");
        assert_eq!(names().await, ["live"], "who beats is there");
    }
}

#[tokio::test]
async fn a_time_of_a_schedule_is_fired_by_one_process_alone() {
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    for farm in both().await {
        let start = at("2026-01-01T00:00:00Z");
        let fired = async || {
            farm.queue
                .fired("night", at("2026-02-01T00:00:00Z"))
                .await
                .expect("read")
        };
        assert_eq!(farm.queue.fired("night", start).await.expect("read"), start);
        let firing = |time: &str| Firing {
            schedule: "night".into(),
            time: at(time),
            superseded: vec![],
        };
        let add = async |id: &str, time: &str| {
            farm.queue
                .add_fired(&batch(id), &jobs(id, 1), &[], Some(&firing(time)))
                .await
                .expect("add")
        };
        assert!(add("one", "2026-01-02T00:00:00Z").await);
        assert!(!add("two", "2026-01-02T00:00:00Z").await, "the same time");
        assert!(
            !add("three", "2026-01-01T12:00:00Z").await,
            "an earlier time"
        );
        assert!(
            farm.queue.batch("two").await.is_err(),
            "nothing of it is there"
        );
        assert_eq!(fired().await, at("2026-01-02T00:00:00Z"));
        assert!(add("four", "2026-01-03T00:00:00Z").await);
        let row = farm.queue.batch("four").await.expect("there");
        assert_eq!(row.schedule.as_deref(), Some("night"));
    }
}

#[tokio::test]
async fn a_superseded_job_goes_after_everything_of_the_newer_batch() {
    for farm in both().await {
        let firing = |time: &str, superseded| Firing {
            schedule: "night".into(),
            time: time.parse().expect("a time"),
            superseded,
        };
        let first = firing("2026-01-01T00:00:00Z", vec![]);
        let old = [job("pkg:npm/a@1.0.0"), job("pkg:npm/b@1.0.0")];
        farm.queue
            .add_fired(&batch("first"), &old, &[], Some(&first))
            .await
            .expect("add");
        let waiting = farm.queue.waiting_of("night").await.expect("read");
        assert_eq!(waiting.len(), 2);
        let superseded = waiting
            .iter()
            .filter(|(_, purl)| purl.name().as_str() == "a");
        let superseded = superseded.map(|(job, _)| *job).collect();
        let second = firing("2026-01-02T00:00:00Z", superseded);
        let new = [job("pkg:npm/a@2.0.0"), job("pkg:npm/c@1.0.0")];
        farm.queue
            .add_fired(&batch("second"), &new, &[], Some(&second))
            .await
            .expect("add");
        let mut order = Vec::new();
        for _ in 0..4 {
            let job = farm.one("w").await;
            order.push(job.purl.to_string());
            farm.done(&job).await;
        }
        assert_eq!(
            order.last().map(String::as_str),
            Some("pkg:npm/a@1.0.0"),
            "{order:?}"
        );
        farm.tend().await;
        for id in ["first", "second"] {
            assert_eq!(
                farm.queue.batch(id).await.expect("there").state,
                BatchState::Complete,
                "{id}"
            );
        }
        assert_eq!(farm.queue.records("first").await.expect("read").len(), 2);
    }
}

#[tokio::test]
async fn what_a_job_used_is_kept_for_the_packages_next_version() {
    use crate::model::{PhaseName, PhaseReport};
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        let job = farm.one("w").await;
        let mut measured = record("pkg:npm/a0@1.0.0", unsupported());
        measured.phases.push(PhaseReport {
            phase: PhaseName::Build,
            exit_code: 0,
            out_of_memory: false,
            peak_memory_mib: Some(700),
            millis: 5,
        });
        farm.finish(&job, &[measured]).await;
        let usage = farm
            .queue
            .usage(&"pkg:npm/a0@2.0.0".parse().expect("valid"))
            .await
            .expect("read");
        assert_eq!(usage.expect("known").memory_mib, 700);
        let other = farm
            .queue
            .usage(&"pkg:npm/a1@2.0.0".parse().expect("valid"))
            .await
            .expect("read");
        assert_eq!(other, None);
    }
}

/// A farm whose worker is believed, the worker's own view of its queue, and who is
/// believed.
async fn signed(address: Option<&str>) -> (Farm, Queue, Arc<Believed>) {
    let mut farm = farm(address).await;
    let key = farm._folder.path().join("worker.key");
    let public = farm._folder.path().join("worker.pub");
    std::fs::write(&public, Credential::make(&key).expect("make")).expect("write");
    let credential = Credential::read("build-1", &key).expect("read");
    let mut believed = Believed::default();
    believed.add("build-1", &public).expect("a key");
    let believed = Arc::new(believed);
    let worker = farm
        .queue
        .clone()
        .with_credential(Arc::new(credential))
        .deferring();
    farm.queue = farm.queue.clone().believing(believed.clone());
    (farm, worker, believed)
}

#[tokio::test]
async fn a_report_of_a_believed_worker_counts_when_the_farm_has_settled_it() {
    let address = postgres::server().new_database();
    for address in [None, Some(address.as_str())] {
        let (farm, queue, believed) = signed(address).await;
        farm.add("night", &jobs("a", 1)).await;
        let job = queue
            .lease(&holder("w"), 1, None, &AtOnce::default())
            .await
            .expect("lease");
        assert_eq!(
            farm.tend().await,
            Tended::default(),
            "its claim is believed"
        );
        let said = record("pkg:npm/a0@1.0.0", unsupported());
        queue
            .finish(&job[0], std::slice::from_ref(&said), true, 0.5)
            .await
            .expect("finish");
        assert!(
            farm.tend().await.closed.is_empty(),
            "the farm has not signed it yet"
        );
        let waiting = farm
            .queue
            .unsettled(&believed, None, 10)
            .await
            .expect("read");
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].report.as_deref(), Ok(&[said.clone()][..]));
        let attested = ResultRecord {
            attestation: Some("attestations/x".into()),
            ..said
        };
        farm.queue
            .settle(waiting[0].job, std::slice::from_ref(&attested))
            .await
            .expect("settle");
        assert_eq!(farm.tend().await.closed, ["night"]);
        let records = farm.queue.records("night").await.expect("read");
        assert_eq!(records[0].record, attested);
        assert!(
            farm.queue
                .unsettled(&believed, None, 10)
                .await
                .expect("read")
                .is_empty()
        );
    }
}

#[tokio::test]
async fn who_is_not_believed_loses_the_lease_and_its_reports_are_thrown_away() {
    let address = postgres::server().new_database();
    for address in [None, Some(address.as_str())] {
        let (farm, queue, believed) = signed(address).await;
        farm.add("night", &jobs("a", 1)).await;
        // However often a stranger takes it: the job is none the worse for it.
        for _ in 0..2 * MAX_LOSSES {
            farm.one("stranger").await;
            let tended = farm.tend().await;
            assert_eq!(
                tended.unbelieved,
                ["pkg:npm/a0@1.0.0"],
                "no claim, no lease"
            );
        }
        // What a worker signed, and somebody changed in the database.
        for _ in 0..2 * MAX_LOSSES {
            let (job, refused) = reported(&farm, &queue, &believed, "pkg:npm/a0@1.0.0", true).await;
            assert!(
                matches!(&refused, Refused::Unbelieved(why) if why.contains("build-1")),
                "{refused}"
            );
            farm.queue.reject(job, &refused).await.expect("reject");
            assert_eq!(farm.progress("night").await.queued, 1);
        }
    }
}

/// What the farm says of a believed worker's report on this release, whose row somebody
/// changed or not.
async fn reported(
    farm: &Farm,
    queue: &Queue,
    believed: &Believed,
    purl: &str,
    is_changed: bool,
) -> (JobId, Refused) {
    let leased = queue.lease(&holder("w"), 1, None, &AtOnce::default()).await;
    let job = leased.expect("lease").remove(0);
    let said = record(purl, unsupported());
    queue
        .finish(&job, &[said], true, 0.5)
        .await
        .expect("finish");
    if is_changed {
        sqlx::query(
            "UPDATE farm_record SET body = REPLACE(body, 'unsupported', 'source-not-found')",
        )
        .execute(farm.queue.database.pool())
        .await
        .expect("update");
    }
    let mut waiting = farm
        .queue
        .unsettled(believed, None, 10)
        .await
        .expect("read");
    let waiting = waiting.remove(0);
    (waiting.job, waiting.report.expect_err("refused"))
}

#[tokio::test]
async fn a_believed_workers_report_on_another_release_is_thrown_away_a_few_times_at_most() {
    let (farm, queue, believed) = signed(None).await;
    farm.add("night", &jobs("a", 1)).await;
    for _ in 0..MAX_LOSSES {
        assert_eq!(farm.progress("night").await.queued, 1);
        let (job, refused) = reported(&farm, &queue, &believed, "pkg:npm/other@1.0.0", false).await;
        assert!(
            matches!(&refused, Refused::Wrong(why) if why.contains("pkg:npm/a0@1.0.0 was asked")),
            "{refused}"
        );
        farm.queue.reject(job, &refused).await.expect("reject");
    }
    farm.tend().await;
    let progress = farm.progress("night").await;
    assert_eq!((progress.left(), progress.given_up), (0, 1), "{progress:?}");
    let records = farm.queue.records("night").await.expect("read");
    assert!(records[0].record.verdict.reason().contains("thrown away"));
}

#[tokio::test]
async fn a_refused_report_of_a_cancelled_batch_leaves_nothing_live() {
    let (farm, queue, believed) = signed(None).await;
    farm.add("night", &jobs("a", 1)).await;
    farm.add("other", &jobs("b", 1)).await;
    let leased = queue.lease(&holder("w"), 2, None, &AtOnce::default()).await;
    for job in leased.expect("lease") {
        let said = record("pkg:npm/other@1.0.0", unsupported());
        queue
            .finish(&job, &[said], true, 0.5)
            .await
            .expect("finish");
    }
    farm.queue.cancel("night").await.expect("cancel");
    assert!(
        farm.queue.unreported().await.expect("read").is_empty(),
        "nothing is settled"
    );
    for waiting in farm
        .queue
        .unsettled(&believed, None, 10)
        .await
        .expect("read")
    {
        let refused = waiting.report.expect_err("another release");
        farm.queue
            .reject(waiting.job, &refused)
            .await
            .expect("reject");
    }
    assert_eq!(farm.progress("night").await.left(), 0);
    assert_eq!(farm.progress("other").await.queued, 1);
}

#[tokio::test]
async fn a_worker_that_would_work_in_vain_is_told_so() {
    let (farm, queue, _) = signed(None).await;
    let stranger = Queue::open(farm.queue.database.clone(), DEADLINE)
        .await
        .expect("queue");
    stranger.would_count().await.expect("nobody is named yet");
    farm.queue.tell_believed().await.expect("tell");
    queue.would_count().await.expect("it is named");
    farm.queue.would_count().await.expect("the service itself");
    let error = stranger.would_count().await.expect_err("it is not");
    assert!(error.to_string().contains("[[farm.worker]]"), "{error}");
}

#[tokio::test]
async fn a_row_that_is_no_batch_hides_no_other_and_gives_no_lease() {
    for farm in both().await {
        farm.add("night", &jobs("a", 1)).await;
        farm.add("../../night", &jobs("b", 1)).await;
        let batches = farm.queue.batches().await.expect("read");
        assert_eq!(batches.len(), 1);
        assert!(farm.queue.batch("../../night").await.is_err());
        let leased = farm.lease("w", 2).await;
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].batch, "night");
    }
}
