use std::path::Path;
use std::time::{Duration, Instant};

use futures::FutureExt;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{Delivered, Receipt};

const QUEUE: Queue = Queue::Observed(0);

fn message(queue: &Queue, id: impl ToString, size: usize) -> Message {
    let route = Route::Queue(queue.clone());
    Message { route, id: id.to_string(), content_type: "application/cloudevents+json", body: vec![b'x'; size] }
}

fn options() -> EmbeddedOptions {
    EmbeddedOptions::default()
}

fn open(directory: &Path) -> EmbeddedBus {
    EmbeddedBus::open(directory, options()).unwrap()
}

/// What opening says, which must be an error of the storage.
fn refusal(directory: &Path) -> String {
    match EmbeddedBus::open(directory, options()) {
        Err(BusError::Storage(reason)) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opened"),
    }
}

fn ids(messages: &[Delivered]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

async fn take(subscription: &mut dyn Subscription, count: usize) -> Vec<Delivered> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(subscription.receive(count - taken.len()).await.unwrap());
    }
    taken
}

async fn acknowledge(subscription: &mut dyn Subscription, messages: &[Delivered]) {
    let receipts: Vec<Receipt> = messages.iter().map(|message| message.receipt).collect();
    subscription.acknowledge(&receipts).await.unwrap();
}

/// Asks until it is so, and fails after a while.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The ledgers must say what the table holds.
fn check_ledgers(directory: &Path) {
    let connection = Connection::open(directory.join("bus.sqlite")).unwrap();
    let differing: i64 = connection
        .query_row(
            "SELECT count(*) FROM queue AS q WHERE (message_count, byte_count) IS NOT (
                 SELECT count(*), coalesce(sum(length(CAST(id AS BLOB)) + length(content_type) + length(body) + 64), 0)
                 FROM message WHERE key >> 44 = q.number)
             OR next_position <= (SELECT coalesce(max(key & 0xFFFFFFFFFFF), 0) FROM message WHERE key >> 44 = q.number)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(differing, 0, "queues whose ledger is wrong");
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn one_process_has_a_directory() {
    let directory = TempDir::new().unwrap();
    let bus = open(directory.path());
    let reason = refusal(directory.path());
    assert!(reason.contains(&directory.path().display().to_string()), "{reason}");
    assert!(reason.contains("is in use by another hub"), "{reason}");
    drop(bus);
    open(directory.path());
}

#[test]
fn a_newer_log_is_refused() {
    let directory = TempDir::new().unwrap();
    drop(open(directory.path()));
    let connection = Connection::open(directory.path().join("bus.sqlite")).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    let reason = refusal(directory.path());
    assert!(reason.contains("newer version of Passerelle (schema 2; this one knows 1)"), "{reason}");
}

#[test]
fn a_strange_file_is_refused_and_not_touched() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("bus.sqlite");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)").unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    assert!(refusal(directory.path()).contains("not the log of a bus"));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::write(&path, b"customers;as;csv\n".repeat(500)).unwrap();
    assert!(refusal(directory.path()).contains("the file is damaged"));
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let reason = refusal(&file.join("bus"));
    assert!(reason.contains("file/bus cannot create the directory"), "{reason}");
}

#[tokio::test]
async fn a_full_delivery_queue_is_named_and_stops_no_other() {
    let directory = TempDir::new().unwrap();
    let (down, up) = (Queue::Delivery("down".into()), Queue::Delivery("up".into()));
    let bus = EmbeddedBus::open(directory.path(), EmbeddedOptions { queue_bytes_max: 10_000, ..options() }).unwrap();
    bus.declare(&[down.clone(), up.clone(), QUEUE]).await.unwrap();
    bus.publish(vec![message(&down, 0, 4000), message(&down, 1, 7000), message(&up, 2, 4000)]).await.unwrap();
    let refused = bus.publish(vec![message(&up, 3, 10), message(&down, 4, 10)]).await;
    assert!(matches!(&refused, Err(BusError::Full(queue)) if *queue == down), "{refused:?}");
    assert_eq!(bus.depth(&up).await.unwrap().0, 1, "nothing of a refused publish is there");
    bus.publish(vec![message(&up, 3, 10)]).await.unwrap();
    // What is observed has no system that could be down: it is bounded by the whole log alone.
    bus.publish((5..9).map(|number| message(&QUEUE, number, 4000)).collect()).await.unwrap();

    let mut subscription = bus.subscribe(&down, 10).await.unwrap();
    let taken = take(subscription.as_mut(), 2).await;
    acknowledge(subscription.as_mut(), &taken).await;
    bus.publish(vec![message(&down, 4, 4000)]).await.unwrap();
}

#[tokio::test]
async fn the_log_is_bounded_and_goes_on_when_consumed() {
    let directory = TempDir::new().unwrap();
    let bus = EmbeddedBus::open(directory.path(), EmbeddedOptions { bytes_max: 10_000, ..options() }).unwrap();
    bus.declare(&[QUEUE, Queue::Observed(1)]).await.unwrap();
    bus.publish(vec![message(&QUEUE, 0, 4000), message(&QUEUE, 1, 4000)]).await.unwrap();
    let refused = bus.publish(vec![message(&Queue::Observed(1), 2, 10), message(&QUEUE, 3, 4000)]).await;
    let Err(BusError::Storage(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("would pass the limit of 10000 (bus.bytes_max)"), "{reason}");
    assert_eq!(bus.depth(&Queue::Observed(1)).await.unwrap().0, 0, "nothing of a refused publish is there");

    let mut subscription = bus.subscribe(&QUEUE, 10).await.unwrap();
    let taken = take(subscription.as_mut(), 2).await;
    acknowledge(subscription.as_mut(), &taken[..1]).await;
    // The acknowledgement travels with the publish that needs its room.
    bus.publish(vec![message(&QUEUE, 4, 4000)]).await.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 1).await), ["4"]);
    drop((subscription, bus));
    check_ledgers(directory.path());
}

/// SQLite answers exactly as on a full disk when its file may not grow.
#[tokio::test]
async fn a_full_disk_loses_nothing_and_is_left_behind() {
    let directory = TempDir::new().unwrap();
    let file = schema::open(directory.path(), Durability::Full).unwrap();
    file.writing.pragma_update(None, "max_page_count", 40).unwrap();
    let bus = EmbeddedBus::start(directory.path(), file, options()).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    let mut confirmed: Vec<String> = Vec::new();
    let reason = loop {
        match bus.publish(vec![message(&QUEUE, confirmed.len(), 20_000)]).await {
            Ok(()) => confirmed.push(confirmed.len().to_string()),
            Err(BusError::Storage(reason)) => break reason,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(reason.contains("the disk is full; free some space"), "{reason}");
    assert!(reason.contains(&directory.path().display().to_string()), "{reason}");
    assert!(confirmed.len() > 5, "{confirmed:?}");

    // Consuming makes space, and the same publisher succeeds.
    let mut subscription = bus.subscribe(&QUEUE, 100).await.unwrap();
    let taken = take(subscription.as_mut(), confirmed.len()).await;
    assert_eq!(ids(&taken), confirmed);
    assert!(bus.publish(vec![message(&QUEUE, "still full", 20_000)]).await.is_err());
    acknowledge(subscription.as_mut(), &taken[..3]).await;
    bus.publish(vec![message(&QUEUE, "after", 20_000)]).await.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 1).await), ["after"]);
    drop((subscription, bus));
    check_ledgers(directory.path());
}

#[tokio::test]
async fn an_orderly_end_writes_the_acknowledgements() {
    let directory = TempDir::new().unwrap();
    let slow = EmbeddedOptions { acknowledge_delay_ms_max: 3_600_000, ..options() };
    for is_closed in [true, false] {
        let bus = EmbeddedBus::open(directory.path(), slow.clone()).unwrap();
        bus.declare(&[QUEUE]).await.unwrap();
        bus.publish((0..10).map(|id| message(&QUEUE, id, 10)).collect()).await.unwrap();
        let mut subscription = bus.subscribe(&QUEUE, 10).await.unwrap();
        let taken = take(subscription.as_mut(), 10).await;
        acknowledge(subscription.as_mut(), &taken).await;
        if is_closed {
            bus.close().await.unwrap();
            assert!(matches!(subscription.receive(1).await, Err(BusError::Ended(_))));
            assert!(matches!(subscription.acknowledge(&[]).await, Err(BusError::Ended(_))));
            assert!(matches!(bus.publish(vec![message(&QUEUE, "late", 1)]).await, Err(BusError::Ended(_))));
            assert!(matches!(bus.declare(&[QUEUE]).await, Err(BusError::Ended(_))));
            assert!(matches!(bus.depth(&QUEUE).await, Err(BusError::Ended(_))));
        }
        drop((subscription, bus));
        check_ledgers(directory.path());
        let bus = open(directory.path());
        assert_eq!(bus.depth(&QUEUE).await.unwrap(), (0, None), "closed: {is_closed}");
    }
}

#[tokio::test]
async fn acknowledgements_are_written_after_the_delay_or_when_many() {
    for (delay_ms, count_max) in [(1, 1000), (3_600_000, 5)] {
        let directory = TempDir::new().unwrap();
        let options =
            EmbeddedOptions { acknowledge_delay_ms_max: delay_ms, acknowledge_count_max: count_max, ..options() };
        let bus = EmbeddedBus::open(directory.path(), options).unwrap();
        bus.declare(&[QUEUE]).await.unwrap();
        bus.publish((0..5).map(|id| message(&QUEUE, id, 10)).collect()).await.unwrap();
        let mut subscription = bus.subscribe(&QUEUE, 10).await.unwrap();
        let taken = take(subscription.as_mut(), 5).await;
        acknowledge(subscription.as_mut(), &taken).await;
        let beside = Connection::open(directory.path().join("bus.sqlite")).unwrap();
        let left = || beside.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0)).unwrap();
        until("the messages are still in the file", || left() == 0).await;
    }
}

#[tokio::test]
async fn a_waiting_consumer_and_publisher_learn_the_end() {
    let directory = TempDir::new().unwrap();
    let bus = open(directory.path());
    bus.declare(&[QUEUE]).await.unwrap();
    let mut subscription = bus.subscribe(&QUEUE, 10).await.unwrap();
    let waiting = tokio::spawn(async move { subscription.receive(1).await });
    tokio::task::yield_now().await;
    drop(bus);
    assert!(matches!(waiting.await.unwrap(), Err(BusError::Ended(_))));
}

#[tokio::test]
async fn free_space_is_used_again_and_given_back() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("bus.sqlite");
    let size = || std::fs::metadata(&path).unwrap().len();
    let bus = EmbeddedBus::open(directory.path(), EmbeddedOptions { free_bytes_max: 1 << 20, ..options() }).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    let mut subscription = bus.subscribe(&QUEUE, 100).await.unwrap();
    // A log that is consumed as it is filled stays small, however much passes through it.
    for round in 0..60 {
        bus.publish((0..10).map(|id| message(&QUEUE, round * 10 + id, 100_000)).collect()).await.unwrap();
        let taken = take(subscription.as_mut(), 10).await;
        acknowledge(subscription.as_mut(), &taken).await;
    }
    assert!(size() < 8 << 20, "{} bytes after 60 MB passed through", size());
    // A backlog makes it large; when it is gone, the space comes back by itself.
    for _ in 0..4 {
        bus.publish((0..100).map(|id| message(&QUEUE, id, 100_000)).collect()).await.unwrap();
    }
    bus.publish((0..200).map(|id| message(&QUEUE, id, 100_000)).collect()).await.unwrap();
    assert!(size() > 20 << 20, "{} bytes with 60 MB waiting", size());
    for _ in 0..6 {
        let taken = take(subscription.as_mut(), 100).await;
        acknowledge(subscription.as_mut(), &taken).await;
    }
    until("the file stays large", || size() < 4 << 20).await;
    drop((subscription, bus));
    check_ledgers(directory.path());
}

#[tokio::test]
async fn publishers_wait_for_room_in_memory_and_all_succeed() {
    let directory = TempDir::new().unwrap();
    let options = EmbeddedOptions { publish_bytes_max: 10_000, transaction_bytes_max: 5_000, ..options() };
    let bus = Arc::new(EmbeddedBus::open(directory.path(), options).unwrap());
    bus.declare(&[QUEUE]).await.unwrap();
    let publishers: Vec<_> = (0..50)
        .map(|id| {
            let bus = Arc::clone(&bus);
            // Every fifth is larger than the room by itself.
            let size = if id % 5 == 0 { 30_000 } else { 3_000 };
            tokio::spawn(async move { bus.publish(vec![message(&QUEUE, id, size)]).await })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap().unwrap();
    }
    assert_eq!(bus.depth(&QUEUE).await.unwrap().0, 50);
}

#[tokio::test]
async fn depth_tells_the_age_of_the_oldest_that_counts() {
    let directory = TempDir::new().unwrap();
    let slow = EmbeddedOptions { acknowledge_delay_ms_max: 3_600_000, ..options() };
    let bus = EmbeddedBus::open(directory.path(), slow).unwrap();
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish(vec![message(&QUEUE, 0, 1)]).await.unwrap();
    let (_, first) = bus.depth(&QUEUE).await.unwrap();
    let is_later = || now_ms() > first.unwrap();
    until("the clock stands still", is_later).await;
    bus.publish(vec![message(&QUEUE, 1, 1)]).await.unwrap();
    assert_eq!(bus.depth(&QUEUE).await.unwrap(), (2, first));
    let mut subscription = bus.subscribe(&QUEUE, 10).await.unwrap();
    let taken = take(subscription.as_mut(), 1).await;
    // The acknowledged one is still in the file; it does not count any more.
    acknowledge(subscription.as_mut(), &taken).await;
    let (count, second) = bus.depth(&QUEUE).await.unwrap();
    assert_eq!(count, 1);
    assert!(second > first, "{second:?} {first:?}");
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// What a queue must hold: the ids that are not acknowledged, in order.
#[derive(Default)]
struct Model {
    waiting: Vec<String>,
    held: Vec<Delivered>,
    subscription: Option<Box<dyn Subscription>>,
}

impl Model {
    /// Takes the subscription, making one when there is none; what an old one held comes again.
    async fn subscription(&mut self, bus: &EmbeddedBus, queue: &Queue, prefetch: usize) -> &mut dyn Subscription {
        if self.subscription.is_none() {
            self.subscription = Some(bus.subscribe(queue, prefetch).await.unwrap());
        }
        self.subscription.as_mut().unwrap().as_mut()
    }

    /// Ends the subscription.
    fn let_go(&mut self) {
        self.subscription = None;
        self.held.clear();
    }

    async fn receive(&mut self, bus: &EmbeddedBus, queue: &Queue, random: &mut fastrand::Rng) {
        if self.held.len() == self.waiting.len() {
            let subscription = self.subscription(bus, queue, 7).await;
            assert!(subscription.receive(1).now_or_never().is_none(), "more came than was published");
            return;
        }
        if self.subscription.is_some() && self.held.len() >= 7 {
            return;
        }
        let count_max = random.usize(1..6);
        let received = self.subscription(bus, queue, 7).await.receive(count_max).await.unwrap();
        let held: Vec<&String> = self.held.iter().map(|message| &message.id).collect();
        let expected: Vec<&String> = self.waiting.iter().filter(|id| !held.contains(id)).take(received.len()).collect();
        assert_eq!(received.iter().map(|message| &message.id).collect::<Vec<_>>(), expected);
        self.held.extend(received);
    }

    async fn acknowledge(&mut self, random: &mut fastrand::Rng) {
        let Some(subscription) = &mut self.subscription else { return };
        random.shuffle(&mut self.held);
        let chosen = self.held.split_off(self.held.len() - random.usize(0..=self.held.len()));
        acknowledge(subscription.as_mut(), &chosen).await;
        self.waiting.retain(|id| chosen.iter().all(|message| message.id != *id));
    }
}

/// Random histories against a model that is a list.
#[tokio::test]
async fn any_history_is_that_of_a_list() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let directory = TempDir::new().unwrap();
        let options = EmbeddedOptions {
            read_ahead_bytes_max: 3_000,
            transaction_bytes_max: 4_000,
            acknowledge_delay_ms_max: random.u64(0..4),
            durability: Durability::Normal,
            ..options()
        };
        let queues = [QUEUE, Queue::Delivery("erp".into())];
        let mut models = [Model::default(), Model::default()];
        let mut bus = EmbeddedBus::open(directory.path(), options.clone()).unwrap();
        bus.declare(&queues).await.unwrap();
        let mut published = 0;
        for _ in 0..300 {
            let at = random.usize(0..2);
            match random.u32(0..20) {
                0..6 => {
                    let mut messages = Vec::new();
                    for _ in 0..random.usize(1..8) {
                        let at = random.usize(0..2);
                        messages.push(message(&queues[at], published, random.usize(0..1_000)));
                        models[at].waiting.push(published.to_string());
                        published += 1;
                    }
                    bus.publish(messages).await.unwrap();
                }
                6..13 => models[at].receive(&bus, &queues[at], &mut random).await,
                13..18 => models[at].acknowledge(&mut random).await,
                18 => models[at].let_go(),
                _ => {
                    models.iter_mut().for_each(Model::let_go);
                    drop(bus);
                    check_ledgers(directory.path());
                    bus = EmbeddedBus::open(directory.path(), options.clone()).unwrap();
                }
            }
            let (count, oldest) = bus.depth(&queues[at]).await.unwrap();
            assert_eq!(count, models[at].waiting.len() as u64, "seed {seed}");
            assert_eq!(oldest.is_some(), count > 0, "seed {seed}");
        }
    }
}
