//! Workers on one PostgreSQL store and one broker: what one holds the others know, and nobody calls while another may.

use std::time::Duration;

use canonical::entity::Entity;
use hub::{Mode, Role, Schedule};
use passerelle_tests::engine::Place;
use passerelle_tests::scripted::Answer;
use passerelle_tests::scripted::records::{CUSTOMER, customer};
use passerelle_tests::scripted::world::{Feed, Part, World};
use passerelle_tests::servers::{Proxy, RabbitMq};
use store::Command;
use tokio::task::block_in_place;

/// An ERP and a CRM around hubs that share PostgreSQL and a broker; `None`, said aloud, where these are missing.
fn world(crm: Part) -> Option<(World, RabbitMq)> {
    let place = block_in_place(Place::server)?;
    let broker = block_in_place(RabbitMq::one)?;
    let erp = Part::new("erp").shows(Feed { schedule: Schedule::Manual, ..Feed::new("customers", CUSTOMER) });
    let world = World::new(vec![erp, crm.takes(Entity::Customer, CUSTOMER)]).shared(place, broker.url(0));
    Some((world, broker))
}

fn told(world: &World) -> Vec<String> {
    world.on("crm", |script| script.told(&Entity::Customer, "name"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_with_its_lease_and_the_next_worker_calls_only_then() {
    let Some((world, _broker)) = world(Part::new("crm")) else { return };
    let proxy = Proxy::to(Place::port().unwrap()).await;
    let Place::Server(url) = &world.place else { unreachable!() };
    let (_, database) = url.rsplit_once('/').unwrap();
    let by_proxy = Place::Server(format!("postgres://hub@127.0.0.1:{}/{database}", proxy.port()));
    let first = world.start_on(&by_proxy, Mode::OnDemand, &Role::ALL).await;
    world.on("crm", |script| script.next(&[Answer::Late]));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    first.collect().await;
    first.until("a call", async || world.on("crm", |script| script.calling.0) == 1).await;

    // Its store does not answer any more: it cannot know whether the work is still its own.
    proxy.swallow();
    let second = world.start().await;
    second.until("the change is taken", async || !told(&world).is_empty()).await;
    // The system answers the first call now, if anybody still listens.
    world.on("crm", |script| script.releases = true);
    second.quiet().await;
    let (most, sent) = world.on("crm", |script| (script.calling.1, script.sent.len()));
    assert_eq!((most, sent, told(&world)), (1, 2, vec!["Dupont".to_owned()]), "two workers called at once");
    assert!(world.on("crm", |script| script.looked_up) >= 1, "nobody asked what became of the first call");
    second.stop().await;
    first.crash();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_worker_holds_is_on_its_way() {
    // A change stays with the worker for a while, and nobody but that worker knows of it.
    let Some((world, _broker)) = world(Part { age_ms: 700, ..Part::new("crm") }) else { return };
    let feeding = world.start_as(Mode::OnDemand, &[Role::Deliver]).await;
    let resolving = world.start_as(Mode::OnDemand, &[Role::Resolve]).await;
    let reading = world.start_as(Mode::OnDemand, &[Role::Collect]).await;
    for round in 0..3 {
        world.show("erp", "customers", vec![customer("C1", &format!("Dupont {round}"), "Lyon")]);
        reading.settle().await;
        assert_eq!(told(&world).len(), round + 1, "quiet before the change was taken");
    }
    // An operator's command waits for the same.
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    reading.collect().await;
    let settled = reading.command(Command::Settle { patience_ms: 20_000 }).await.unwrap();
    assert_eq!(told(&world).len(), 4, "settled before the change was taken: {settled}");

    // The same by who does what.
    let status = reading.hub.status().await.unwrap();
    let works: Vec<usize> = status.workers.iter().map(|worker| worker.works.len()).collect();
    assert_eq!((status.workers.len(), works.iter().sum::<usize>(), status.idle.len()), (3, 6, 0), "{status:?}");
    assert!(status.pending.is_quiet() && status.bus_blocked.is_none(), "{status:?}");
    // A worker that is gone is no part of it, and nobody waits for its answer.
    feeding.stop().await;
    let status = reading.hub.status().await.unwrap();
    assert_eq!((status.workers.len(), &status.idle[..]), (2, &["delivery/crm".into()][..]));
    reading.stop().await;
    resolving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_has_no_stream_has_it_read_by_who_has() {
    let Some((world, broker)) = world(Part::new("crm")) else { return };
    let working = world.start_in(Mode::Scheduled).await;
    // It may only resolve: the streams stay with the other.
    let asking = world.start_as(Mode::OnDemand, &[Role::Resolve]).await;
    for round in 0..3 {
        world.show("erp", "customers", vec![customer("C1", &format!("Dupont {round}"), "Lyon")]);
        asking.settle().await;
        assert_eq!(told(&world).len(), round + 1);
    }
    let unknown = asking.hub.collect(&("erp".into(), "nothing".into()), false, None).await;
    assert!(unknown.unwrap_err().to_string().contains("there is no stream erp/nothing"));

    // When the other has gone in the middle of it, whoever has the stream next carries the command out.
    world.on("erp", |script| script.holds_reads = true);
    let (submitted, number) = (jiff::Timestamp::now(), &asking.store);
    let command = Command::Collect { system: "erp".to_owned(), stream: None, again: false };
    let number = number.submit(&command, submitted).await.unwrap();
    working.until("it reads", async || world.on("erp", |script| script.reading["customers"].0) == 1).await;
    working.crash();
    let next = world.start_as(Mode::OnDemand, &[Role::Collect, Role::Deliver]).await;
    world.on("erp", |script| script.holds_reads = false);
    next.until("an answer", async || next.store.answer_of(number).await.unwrap().is_some()).await;
    assert_eq!(next.store.answer_of(number).await.unwrap(), Some(Ok("1 stream read".to_owned())));
    assert!(next.store.workers().await.unwrap().len() >= 2);

    // What the broker says of itself is told by whoever heard of it.
    block_in_place(|| broker.set_memory_alarm(0, true));
    world.show("erp", "customers", vec![customer("C1", "Durand", "Lyon")]);
    let stream = next.hub.streams("erp", None).remove(0);
    let begun = std::time::Instant::now();
    while asking.hub.status().await.unwrap().bus_blocked.is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody heard that the broker takes nothing");
        let _ = tokio::time::timeout(Duration::from_millis(500), next.hub.collect(&stream, false, None)).await;
    }
    block_in_place(|| broker.set_memory_alarm(0, false));
    next.crash();
    asking.crash();
}
