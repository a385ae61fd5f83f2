//! A broker that is low on memory: it takes nothing until it has room again, and consumers make room meanwhile.

use std::time::Duration;

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use bus::{Bus, BusError};
use test_servers::RabbitMq;
use tokio::task::block_in_place;

use crate::broker::{QUEUE, ids, message, options, take};

/// Longer than every limit for an answer, so that a wait of this length was not taken for silence.
const MOMENT: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_memory_holds_publishers_back_and_consumers_not() {
    // One of its own: the alarm concerns everybody.
    let Some(broker) = block_in_place(RabbitMq::one) else { return };
    let quick = RabbitMqOptions { confirm_time_ms_max: 1_000, call_time_ms_max: 1_000, ..options() };
    let hasty =
        RabbitMqBus::new(&broker.url(0), RabbitMqOptions { blocked_time_ms_max: 200, ..quick.clone() }).unwrap();
    let patient = RabbitMqBus::new(&broker.url(0), RabbitMqOptions { blocked_time_ms_max: 600_000, ..quick }).unwrap();
    hasty.declare(&[QUEUE]).await.unwrap();
    hasty.publish((0..3).map(message).collect()).await.unwrap();
    patient.publish(vec![message(3)]).await.unwrap();
    let mut subscription = hasty.subscribe(&QUEUE, 10).await.unwrap();
    assert_eq!(hasty.blocked(), None);

    block_in_place(|| broker.set_memory_alarm(0, true));
    for _ in 0..3 {
        let refused = hasty.publish(vec![message("again and again")]).await;
        assert!(matches!(&refused, Err(BusError::Blocked(reason)) if reason.contains("memory")), "{refused:?}");
        assert!(hasty.blocked().is_some_and(|reason| reason.contains("memory")));
    }
    let mut waiting = tokio::spawn(async move {
        let published = patient.publish(vec![message(4)]).await;
        (published, patient)
    });
    // What was published before is consumed, and acknowledged for good.
    let taken = take(subscription.as_mut(), 4).await.unwrap();
    assert_eq!(ids(&taken), ["0", "1", "2", "3"]);
    subscription.acknowledge(&taken.iter().map(|message| message.receipt).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(hasty.depth(&QUEUE).await.unwrap().0, 0);
    assert!(tokio::time::timeout(MOMENT, &mut waiting).await.is_err(), "published in spite of the alarm");

    block_in_place(|| broker.set_memory_alarm(0, false));
    let (published, patient) = waiting.await.unwrap();
    published.unwrap();
    assert_eq!(patient.blocked(), None);
    let mut last = hasty.publish(vec![message(5)]).await;
    while matches!(last, Err(BusError::Blocked(_))) {
        last = hasty.publish(vec![message(5)]).await;
    }
    last.unwrap();
    let mut seen: Vec<String> = Vec::new();
    while !["4", "5"].iter().all(|wanted| seen.iter().any(|id| id == wanted)) {
        seen.extend(subscription.receive(10).await.unwrap().into_iter().map(|message| message.id));
    }
    // Of a publish that failed, nobody knows; but it was tried once, and not again and again.
    assert!(seen.iter().filter(|id| *id == "again and again").count() <= 1, "{seen:?}");
}
