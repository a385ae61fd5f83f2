//! The way to the broker fails again and again, at moments drawn from a seed: cut, refused, or silent.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{Bus, BusError, Message, Queue};
use test_servers::Proxy;
use tokio::sync::watch;

use crate::broker::{House, message_to};

const SEED: u64 = 20_261_122;
const QUEUES: u32 = 2;
const CUTS: usize = 12;
const REFUSALS: usize = 4;
const SILENCES: usize = 4;
/// How many further messages are confirmed before the next fault.
const PROGRESS_MAX: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

/// Publishes numbers until it is told to stop, each batch until it is confirmed; returns how many.
async fn publish(
    bus: Arc<RabbitMqBus>,
    queue: Queue,
    mut random: fastrand::Rng,
    confirmed: Arc<AtomicUsize>,
    stop: watch::Receiver<bool>,
) -> usize {
    let mut next = 0;
    while !*stop.borrow() {
        let end = next + random.usize(1..6);
        let body = vec![b'x'; random.usize(1..2_000)];
        let batch: Vec<Message> =
            (next..end).map(|number| Message { body: body.clone(), ..message_to(&queue, number) }).collect();
        loop {
            match bus.publish(batch.clone()).await {
                Ok(()) => break,
                Err(BusError::Unreachable(_)) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
        confirmed.fetch_add(end - next, Ordering::SeqCst);
        next = end;
    }
    next
}

/// Receives and acknowledges a part at a time until it has seen every number below the count that it is told in the end;
/// returns the numbers in the order in which each came first.
async fn consume(
    bus: Arc<RabbitMqBus>,
    queue: Queue,
    mut random: fastrand::Rng,
    mut count: watch::Receiver<Option<usize>>,
) -> Vec<usize> {
    let (mut seen, mut known) = (Vec::new(), HashSet::new());
    let mut subscription = loop {
        match bus.subscribe(&queue, 50).await {
            Ok(subscription) => break subscription,
            Err(BusError::Unreachable(_)) => tokio::task::yield_now().await,
            Err(other) => panic!("{other}"),
        }
    };
    while count.borrow().is_none_or(|count| seen.len() < count) {
        let received = tokio::select! {
            received = subscription.receive(random.usize(1..20)) => received,
            _ = count.changed() => continue,
        };
        let mut messages = match received {
            Ok(messages) => messages,
            Err(BusError::Unreachable(_)) => continue,
            Err(other) => panic!("{other}"),
        };
        for message in &messages {
            let number = message.id.parse().unwrap();
            if known.insert(number) {
                seen.push(number);
            }
        }
        random.shuffle(&mut messages);
        let receipts: Vec<_> = messages.iter().map(|message| message.receipt).collect();
        match subscription.acknowledge(&receipts).await {
            Ok(()) | Err(BusError::Unreachable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_confirmed_is_lost_and_no_order_either_whatever_happens_on_the_way() {
    let Some(house) = House::new() else { return };
    let way = Proxy::to(house.broker.port(0)).await;
    let quick = RabbitMqOptions {
        confirm_time_ms_max: 1_000,
        call_time_ms_max: 1_000,
        heartbeat_s: 1,
        unconfirmed_count_max: 4,
        ..RabbitMqOptions::default()
    };
    let bus = Arc::new(RabbitMqBus::new(&house.url_by(way.port()), quick).unwrap());
    let queues: Vec<Queue> = (0..QUEUES).map(Queue::Observed).collect();
    bus.declare(&queues).await.unwrap();
    let mut random = fastrand::Rng::with_seed(SEED);
    let confirmed = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = watch::channel(false);
    let mut tasks = Vec::new();
    for queue in &queues {
        let (count, counted) = watch::channel(None);
        let publisher = publish(bus.clone(), queue.clone(), random.fork(), confirmed.clone(), stopped.clone());
        let consumer = consume(bus.clone(), queue.clone(), random.fork(), counted);
        tasks.push((tokio::spawn(publisher), tokio::spawn(consumer), count));
    }

    let mut faults: Vec<&str> = [vec!["cut"; CUTS], vec!["refuse"; REFUSALS], vec!["swallow"; SILENCES]].concat();
    random.shuffle(&mut faults);
    for fault in faults {
        let until = confirmed.load(Ordering::SeqCst) + random.usize(1..=PROGRESS_MAX);
        let progress = async {
            while confirmed.load(Ordering::SeqCst) < until {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, progress).await.unwrap_or_else(|_| panic!("no progress before: {fault}"));
        match fault {
            "cut" => way.cut(),
            "refuse" => {
                way.refuse().await;
                let refused = bus.depth(&queues[0]).await;
                assert!(matches!(refused, Err(BusError::Unreachable(_))), "{refused:?}");
                way.pass().await;
            }
            _ => {
                way.swallow();
                let silent = bus.depth(&queues[0]).await;
                assert!(matches!(silent, Err(BusError::Unreachable(_))), "{silent:?}");
                way.pass().await;
            }
        }
    }
    stop.send_replace(true);
    for (publisher, consumer, count) in tasks {
        let published = tokio::time::timeout(PATIENCE, publisher).await.expect("the last confirms").unwrap();
        count.send_replace(Some(published));
        let seen = tokio::time::timeout(PATIENCE, consumer).await.expect("everything that was confirmed").unwrap();
        let first_wrong = seen.iter().zip(0..).position(|(seen, number)| *seen != number);
        assert_eq!((seen.len(), first_wrong), (published, None), "seed {SEED}: {seen:?}");
        assert!(published > 50, "{published} messages are no trial");
    }
    assert!(way.counts().cut >= (CUTS / 2) as u64, "{:?}", way.counts());
}
