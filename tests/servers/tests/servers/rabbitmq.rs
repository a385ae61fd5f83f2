//! RabbitMQ, alone and as three.

use std::time::Duration;

use test_servers::RabbitMq;
use tokio::task::block_in_place;

use crate::amqp::Client;
use crate::{accepts, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_keeps_what_was_confirmed_through_stop_and_kill() {
    let Some(mut broker) = block_in_place(RabbitMq::one) else { return };
    let client = Client::connect(&broker.url(0)).await;
    client.declare("kept").await;
    client.publish_surely("kept", "before the stop").await;
    block_in_place(|| broker.stop(0));
    assert!(!broker.is_running(0) && !accepts(broker.port(0)));
    block_in_place(|| broker.start(0));
    let client = Client::connect(&broker.url(0)).await;
    client.publish_surely("kept", "before the kill").await;
    block_in_place(|| broker.kill(0));
    assert!(!accepts(broker.port(0)));
    block_in_place(|| broker.start(0));
    let client = Client::connect(&broker.url(0)).await;
    assert_eq!(client.take("kept").await.as_deref(), Some("before the stop"));
    assert_eq!(client.take("kept").await.as_deref(), Some("before the kill"));
    memory_alarm(&broker, &client).await;
}

/// The alarm holds publishers back until it ends, and loses nothing.
async fn memory_alarm(broker: &RabbitMq, client: &Client) {
    block_in_place(|| broker.set_memory_alarm(0, true));
    // The broker tells a connection that it is blocked when it publishes.
    let blocked = client.publish("kept", "while blocked", Duration::from_millis(500)).await;
    assert!(blocked.is_none(), "confirmed in spite of the alarm: {blocked:?}");
    block_in_place(|| until("told that it is blocked", || client.connection.status().blocked()));
    block_in_place(|| broker.set_memory_alarm(0, false));
    block_in_place(|| until("told that it may go on", || !client.connection.status().blocked()));
    client.publish_surely("kept", "afterwards").await;
    assert_eq!(client.take("kept").await.as_deref(), Some("while blocked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_go_on_without_the_leader() {
    let Some(mut broker) = block_in_place(RabbitMq::three) else { return };
    let client = Client::connect(&broker.url(0)).await;
    client.declare("led").await;
    client.publish_surely("led", "before").await;
    let status = block_in_place(|| broker.queues()).into_iter().find(|queue| queue.name == "led").unwrap();
    assert_eq!(status.members.len(), 3, "{status:?}");

    let killed = block_in_place(|| broker.kill_leader("led"));
    assert!(!broker.is_running(killed));
    let other = (killed + 1) % 3;
    let client = Client::connect(&broker.url(other)).await;
    client.publish_surely("led", "without the leader").await;
    let mut leader = killed;
    let mut is_led = || broker.leader("led").inspect(|node| leader = *node).is_some();
    block_in_place(|| until("another leader", &mut is_led));
    assert_ne!(leader, killed);

    block_in_place(|| broker.start(killed));
    let back = Client::connect(&broker.url(killed)).await;
    assert_eq!(back.take("led").await.as_deref(), Some("before"));

    block_in_place(|| broker.kill_all());
    assert!((0..broker.count()).all(|node| !accepts(broker.port(node))));
    block_in_place(|| broker.start_all());
    let client = Client::connect(&broker.url(leader)).await;
    assert_eq!(client.take("led").await.as_deref(), Some("without the leader"));
    block_in_place(|| broker.stop_all());
}
