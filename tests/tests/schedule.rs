//! When streams are read: by interval, by cron, on command, and never twice at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use hub::{Mode, Schedule};
use jiff::{SignedDuration, Timestamp};
use passerelle_tests::scripted::records::{CUSTOMER, customer};
use passerelle_tests::scripted::world::{Feed, Part, TENANT, World};
use store::{Command, StreamKey, TargetState};

fn world(schedule: Schedule) -> World {
    let erp = Part::new("erp").shows(Feed { schedule, ..Feed::new("customers", CUSTOMER) });
    World::new(vec![erp, Part::new("crm").takes(canonical::entity::Entity::Customer, CUSTOMER)])
}

fn reads(world: &World) -> u32 {
    world.on("erp", |script| script.reads.get("customers").copied().unwrap_or_default())
}

fn key() -> StreamKey {
    StreamKey { tenant: TENANT.into(), system: "erp".into(), stream: "customers".into() }
}

fn collect() -> Command {
    Command::Collect { system: "erp".to_owned(), stream: Some("customers".to_owned()), again: false }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interval_reads_again_and_again_and_never_twice_at_once() {
    let world = world(Schedule::Every(Duration::from_millis(1)));
    let hub = world.start_in(Mode::Scheduled).await;
    // Whoever demands more does not get two at once.
    let (first, second) = tokio::join!(hub.command(collect()), hub.command(collect()));
    assert_eq!((first.as_deref(), second.as_deref()), (Ok("1 stream read"), Ok("1 stream read")));
    hub.until("some reads", async || reads(&world) >= 20).await;
    assert_eq!(world.on("erp", |script| script.reading["customers"].1), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_interval_reads_is_delivered_and_a_fault_is_told_and_passes() {
    let world = world(Schedule::Every(Duration::from_millis(5)));
    world.on("erp", |script| script.failing_reads = 3);
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    let hub = world.start_in(Mode::Scheduled).await;
    hub.until("the customer", async || !world.on("crm", |script| script.effects.is_empty())).await;
    hub.until("no fault", async || {
        let streams = hub.store.streams(&store::Filter::default()).await.unwrap();
        streams.iter().all(|stream| stream.fault.is_none() && stream.last_run.is_some())
    })
    .await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_run_of_a_cron_stream_is_caught_up_once() {
    let world = world(Schedule::cron("0 4 * * *", "Europe/Paris").unwrap());
    let hub = world.start().await;
    let days_ago = Timestamp::now() - SignedDuration::from_hours(72);
    hub.store.note_run(&key(), days_ago, None).await.unwrap();
    hub.stop().await;
    let hub = world.start_in(Mode::Scheduled).await;
    hub.until("the run", async || {
        let state = hub.store.stream_state(&key()).await.unwrap();
        state.last_run.is_some_and(|last| last > days_ago)
    })
    .await;
    hub.until("the next run", async || hub.hub.next_runs().of("erp", "customers") > Some(Timestamp::now())).await;
    // One run ends with one read that finds nothing.
    assert_eq!(reads(&world), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cron_stream_that_was_never_read_waits_for_its_time() {
    let world = world(Schedule::cron("0 4 * * *", "Europe/Paris").unwrap());
    let hub = world.start_in(Mode::Scheduled).await;
    hub.until("the next run", async || hub.hub.next_runs().of("erp", "customers") > Some(Timestamp::now())).await;
    assert_eq!(reads(&world), 0);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_read_now_by_command_and_a_long_reading_holds_up_no_other_command() {
    let world = world(Schedule::Manual);
    let hub = world.start_in(Mode::Scheduled).await;
    world.on("erp", |script| script.holds_reads = true);
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    let number = hub.store.submit(&collect(), Timestamp::now()).await.unwrap();
    hub.until("the reading", async || hub.hub.next_runs().is_collecting("erp", "customers")).await;
    hub.command(Command::Pause { system: "crm".to_owned() }).await.unwrap();
    assert_eq!(hub.target("crm").await.state, TargetState::Paused);
    assert_eq!(hub.store.answer_of(number).await.unwrap(), None);
    hub.command(Command::Resume { system: "crm".to_owned() }).await.unwrap();
    world.on("erp", |script| script.holds_reads = false);
    hub.until("the answer", async || hub.store.answer_of(number).await.unwrap().is_some()).await;
    hub.quiet().await;
    assert_eq!(world.on("crm", |script| script.effects.len()), 1);
    let unknown = Command::Collect { system: "erp".to_owned(), stream: Some("nothing".to_owned()), again: false };
    assert_eq!(hub.command(unknown).await, Err("there is no stream erp/nothing".to_owned()));
    hub.stop().await;
}
