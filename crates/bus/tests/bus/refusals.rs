//! Messages that the broker refuses: its queue is full, has no leader, or belongs to somebody who is full.

use std::time::Duration;

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{Bus, BusError, Message, Queue, Receipt, Route};
use lapin::options::{QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use test_servers::RabbitMq;
use tokio::task::block_in_place;

use crate::broker::{House, QUEUE, ids, in_the_end, message, message_to, options, take};

const BYTES: usize = 1_000;

fn large(queue: &Queue, id: impl ToString) -> Message {
    Message { body: vec![b' '; BYTES], ..message_to(queue, id) }
}

/// Publishes until the queue takes no more; returns how many messages it took.
async fn fill(bus: &RabbitMqBus, queue: &Queue) -> usize {
    for number in 0..1_000 {
        match bus.publish(vec![large(queue, number)]).await {
            Ok(()) => {}
            Err(BusError::Full(full)) if full == *queue => return number,
            Err(other) => panic!("{other}"),
        }
    }
    panic!("{queue} has no bound");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_named_and_stops_no_other() {
    let Some(house) = House::new() else { return };
    let bounds = RabbitMqOptions { queue_bytes_max: 5_000, observed_bytes_max: 10_000, ..options() };
    let bus = house.bus(bounds);
    let (crm, erp) = (Queue::Delivery("crm".into()), Queue::Delivery("erp".into()));
    bus.declare(&[QUEUE, crm.clone(), erp.clone()]).await.unwrap();
    let taken = fill(&bus, &crm).await;
    assert!((5..50).contains(&taken), "{taken} messages of {BYTES} bytes within 5000");
    // What is for others is there, although the call as a whole failed.
    let mixed = bus.publish(vec![message_to(&erp, "e"), large(&crm, "c"), message("o")]).await;
    assert!(matches!(&mixed, Err(BusError::Full(full)) if *full == crm), "{mixed:?}");
    bus.publish(vec![message_to(&erp, "e"), message("o")]).await.unwrap();

    let mut subscription = bus.subscribe(&crm, 1_000).await.unwrap();
    let held = take(subscription.as_mut(), taken).await.unwrap();
    let receipts: Vec<Receipt> = held.iter().map(|message| message.receipt).collect();
    subscription.acknowledge(&receipts).await.unwrap();
    // The broker takes messages again a moment after those that waited went to the consumer.
    let mut room = bus.publish(vec![large(&crm, "room")]).await;
    for _ in 0..100 {
        if !matches!(room, Err(BusError::Full(_))) {
            break;
        }
        room = bus.publish(vec![large(&crm, "room")]).await;
    }
    room.unwrap();
    assert_eq!(ids(&take(subscription.as_mut(), 1).await.unwrap()), ["room"]);

    let observed = fill(&bus, &QUEUE).await;
    assert!(observed >= 9, "{observed} messages of {BYTES} bytes within 10000");
}

/// The queue's only copy stops or starts, as when the node that leads it goes and comes back.
fn lead(house: &House, queue: &Queue, is_led: bool) {
    let call = if is_led { "restart_server" } else { "stop_server" };
    house.control(&["eval", &format!("ra:{call}(quorum_queues, {{'{}_{queue}', node()}}).", house.name)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_without_a_leader_is_waited_for_and_is_never_taken_for_full() {
    let Some(house) = House::new() else { return };
    let crm = Queue::Delivery("crm".into());
    let hasty = RabbitMqOptions { call_time_ms_max: 6_000, confirm_time_ms_max: 2_000, ..options() };
    let impatient = house.bus(hasty);
    let patient = house.bus(RabbitMqOptions { call_time_ms_max: 120_000, ..options() });
    for bus in [&impatient, &patient] {
        bus.declare(std::slice::from_ref(&crm)).await.unwrap();
    }
    impatient.publish(vec![message_to(&crm, 0)]).await.unwrap();
    lead(&house, &crm, false);
    let refused = impatient.publish(vec![message_to(&crm, 1)]).await;
    assert!(matches!(&refused, Err(BusError::Unreachable(_))), "{refused:?}");

    // The first message of this bus's channels meets a queue without a leader.
    let waiting = tokio::spawn({
        let messages = vec![message_to(&crm, 1), message_to(&crm, 2), message_to(&crm, 3)];
        async move { (patient.publish(messages).await, patient) }
    });
    lead(&house, &crm, true);
    let (published, patient) = waiting.await.unwrap();
    published.unwrap();
    patient.publish(vec![message_to(&crm, 4)]).await.unwrap();
    in_the_end(async || impatient.publish(vec![message_to(&crm, 5)]).await).await;
    let mut subscription = patient.subscribe(&crm, 100).await.unwrap();
    let mut seen: Vec<String> = Vec::new();
    while seen.last().is_none_or(|last| last != "5") {
        for message in subscription.receive(100).await.unwrap() {
            if !seen.contains(&message.id) {
                seen.push(message.id);
            }
        }
    }
    assert_eq!(seen, ["0", "1", "2", "3", "4", "5"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_queue_that_is_full_stops_nobody() {
    let Some(house) = House::new() else { return };
    let bus = house.bus(options());
    bus.declare(&[QUEUE]).await.unwrap();
    let foreign = house.foreign().await;
    let mut bound = FieldTable::default();
    bound.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    bound.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let channel = &foreign.channel;
    channel.queue_declare("narrow".into(), QueueDeclareOptions::default(), bound).await.unwrap();
    let bind = QueueBindOptions::default();
    channel
        .queue_bind("narrow".into(), "passerelle.public".into(), "#".into(), bind, FieldTable::default())
        .await
        .unwrap();
    let public = |id: usize| Message { route: Route::Public("acme.customer.upsert".into()), ..message(id) };
    for number in 0..8 {
        bus.publish(vec![public(number), message(number)]).await.unwrap();
    }
    let mut subscription = bus.subscribe(&QUEUE, 100).await.unwrap();
    let taken = take(subscription.as_mut(), 8).await.unwrap();
    assert_eq!(ids(&taken), ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_that_leads_a_queue_dies_and_nothing_is_lost() {
    let Some(mut broker) = block_in_place(RabbitMq::three) else { return };
    let crm = Queue::Delivery("crm".into());
    let first = RabbitMqBus::new(&broker.url(0), options()).unwrap();
    first.declare(std::slice::from_ref(&crm)).await.unwrap();
    let leader = block_in_place(|| broker.leader(&crm.to_string())).unwrap();
    let bus =
        RabbitMqBus::new(&broker.url((leader + 1) % 3), RabbitMqOptions { call_time_ms_max: 60_000, ..options() });
    let bus = bus.unwrap();
    // Their channels are open, and none has sent anything to this queue yet.
    let mut late = Vec::new();
    for node in [leader + 1, leader + 2, leader + 1, leader + 2] {
        let url = broker.url(node % 3);
        let one = RabbitMqBus::new(&url, RabbitMqOptions { call_time_ms_max: 60_000, ..options() }).unwrap();
        one.declare(&[QUEUE, crm.clone()]).await.unwrap();
        one.publish(vec![message("elsewhere")]).await.unwrap();
        late.push(one);
    }
    bus.publish((0..10).map(|number| message_to(&crm, number)).collect()).await.unwrap();
    let publishing = tokio::spawn({
        let crm = crm.clone();
        async move {
            for number in 10..200 {
                while let Err(error) = bus.publish(vec![message_to(&crm, number)]).await {
                    assert!(matches!(error, BusError::Unreachable(_)), "{error}");
                }
            }
            bus
        }
    });
    block_in_place(|| broker.kill(leader));
    let publish_late = |(number, one): (usize, RabbitMqBus)| {
        let message = message_to(&crm, number);
        async move { one.publish(vec![message]).await }
    };
    for published in futures::future::join_all((1_000..).zip(late).map(publish_late)).await {
        published.unwrap();
    }
    let bus = publishing.await.unwrap();
    let mut subscription = bus.subscribe(&crm, 1_000).await.unwrap();
    let mut seen: Vec<usize> = Vec::new();
    while seen.last() != Some(&199) {
        let received = tokio::time::timeout(Duration::from_secs(60), subscription.receive(1_000)).await;
        for message in received.expect("all that was confirmed").unwrap() {
            let number = message.id.parse().unwrap();
            if number < 1_000 && !seen.contains(&number) {
                seen.push(number);
            }
        }
    }
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}
