//! What a broker lacks or has in another form is told before a hub starts, and nothing of it is changed.

use bus::rabbitmq::{Difference, RabbitMqBus, RabbitMqOptions};
use bus::{Bus, BusError, Queue};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};

use crate::broker::{Foreign, House, QUEUE, message, options};

fn crm() -> Queue {
    Queue::Delivery("crm".into())
}

async fn lines(bus: &RabbitMqBus, queues: &[Queue]) -> Vec<String> {
    bus.check(queues).await.unwrap().iter().map(Difference::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_broker_lacks_everything_and_a_furnished_one_nothing() {
    let Some(house) = House::new() else { return };
    let bus = house.bus(options());
    let queues = [QUEUE, crm()];
    // Twice: looking made nothing.
    for _ in 0..2 {
        let missing = lines(&bus, &queues).await;
        assert_eq!(missing.len(), 5, "{missing:?}");
        assert!(
            missing.iter().all(|line| line.ends_with("is not there; a hub makes it when it starts")),
            "{missing:?}"
        );
    }
    bus.declare(&queues).await.unwrap();
    bus.publish(vec![message(0)]).await.unwrap();
    assert_eq!(lines(&bus, &queues).await, Vec::<String>::new());
    assert_eq!(bus.depth(&QUEUE).await.unwrap().0, 1);
}

async fn declare(foreign: &Foreign, arguments: &[(&str, AMQPValue)]) {
    let name = crm().to_string();
    foreign.channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    foreign.channel.queue_declare(name.into(), options, table).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_differs_is_told_and_only_bounds_are_tolerated() {
    let Some(house) = House::new() else { return };
    let foreign = house.foreign().await;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let own = || {
        vec![
            ("x-queue-type", text("quorum")),
            ("x-single-active-consumer", AMQPValue::Boolean(true)),
            ("x-overflow", text("reject-publish")),
            ("x-max-length-bytes", AMQPValue::LongInt(7_000)),
            ("x-dead-letter-exchange", text("passerelle.dead")),
            ("x-dead-letter-strategy", text("at-least-once")),
        ]
    };
    let bus = || house.bus(RabbitMqOptions { queue_bytes_max: 5_000, delivery_count_max: 9, ..options() });
    bus().declare(&[]).await.unwrap();

    declare(&foreign, &own()).await;
    let found = lines(&bus(), &[crm()]).await;
    let bound =
        "the queue passerelle.delivery.crm has x-max-length-bytes 7000, and 5000 is configured; the hub keeps to it";
    // RabbitMQ 3.10 does not compare the limit of deliveries; later ones do.
    assert!(found.iter().any(|line| line == bound), "{found:?}");
    assert!(found.iter().all(|line| line == bound || line.contains("x-delivery-limit")), "{found:?}");
    bus().declare(&[crm()]).await.unwrap();

    let mut other = own();
    other[4].1 = text("elsewhere");
    other[5].1 = text("at-most-once");
    declare(&foreign, &other).await;
    let found = lines(&bus(), &[crm()]).await;
    for part in [
        "x-dead-letter-exchange elsewhere, and passerelle.dead",
        "x-dead-letter-strategy at-most-once, and at-least-once",
        "x-max-length-bytes 7000, and 5000",
    ] {
        assert!(found.iter().any(|line| line.contains(part)), "{found:?}");
    }
    let refused = bus().declare(&[crm()]).await;
    assert!(
        matches!(&refused, Err(BusError::Topology(reason)) if reason.contains("passerelle.delivery.crm")),
        "{refused:?}"
    );

    foreign.channel.queue_delete(crm().to_string().into(), QueueDeleteOptions::default()).await.unwrap();
    let transient = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    foreign.channel.queue_declare(crm().to_string().into(), transient, FieldTable::default()).await.unwrap();
    let found = bus().check(&[crm()]).await.unwrap();
    assert!(found.len() == 1 && !found[0].is_tolerable(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_not_let_in_hears_why() {
    let Some(house) = House::new() else { return };
    let port = house.broker.port(0);
    let user = format!("user-{}", house.name);
    house.control(&["add_user", &user, "sesame"]);
    let check = async |url: String, expected: &str| {
        let refused = RabbitMqBus::new(&url, options()).unwrap().check(&[QUEUE]).await;
        let told = matches!(&refused, Err(BusError::Refused(reason)) if reason.contains(expected) && !reason.contains("sesame"));
        assert!(told, "{expected}: {refused:?}");
    };
    let url = |password: &str, vhost: &str| format!("amqp://{user}:{password}@127.0.0.1:{port}/{vhost}");
    check(url("sesame-street", &house.name), "the password of bus.url").await;
    check(url("sesame", "nowhere"), "rabbitmqctl add_vhost").await;
    check(url("sesame", &house.name), "rabbitmqctl set_permissions").await;
    let ours = r"^passerelle\..*$";
    let rights = [("", ours, ours), (ours, ours, ""), (ours, ours, ours)];
    for (configure, write, read) in rights {
        house.control(&["set_permissions", "-p", &house.name, &user, configure, write, read]);
        check(url("sesame", &house.name), "deploy/rabbitmq/definitions.json").await;
    }
    let write = r"^(passerelle\..*|amq\.default)$";
    house.control(&["set_permissions", "-p", &house.name, &user, ours, write, ours]);
    let bus = RabbitMqBus::with_password(&url("wrong", &house.name), Some("sesame"), options()).unwrap();
    assert_eq!(bus.check(&[QUEUE]).await.unwrap().len(), 4);
    bus.declare(&[QUEUE]).await.unwrap();
    bus.publish(vec![message(0)]).await.unwrap();
}
