//! What a call can come to: down, unknown, hung, crashed, answered with something else.

use canonical::entity::Entity;
use passerelle_tests::scripted::records::{CUSTOMER, customer};
use passerelle_tests::scripted::world::{Feed, Part, World};
use passerelle_tests::scripted::{Answer, LookUp};
use serde_json::json;
use store::{Command, JournalKind, TargetState};

fn world() -> World {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let crm = Part::new("crm").takes(Entity::Customer, CUSTOMER);
    World::new(vec![erp, crm])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_is_down_gets_everything_once_in_order_and_in_its_newest_state_when_it_is_up_again() {
    let world = world();
    let hub = world.start().await;
    world.on("crm", |script| script.always(Answer::Down));
    for city in ["Lyon", "Nantes", "Nice"] {
        world.show("erp", "customers", vec![customer("C1", "Dupont", city), customer("C2", "Durand", city)]);
        hub.collect().await;
    }
    hub.until("several tries", async || world.on("crm", |script| script.sent.len()) >= 5).await;
    hub.until("nothing before the system", async || {
        let pending = hub.hub.pending().await.unwrap();
        (pending.observed, pending.outbox) == (0, 0)
    })
    .await;
    let target = hub.target("crm").await;
    assert_eq!((target.state, target.reason.as_deref()), (TargetState::Down, Some("the scripted system is down")));
    assert!(hub.parked().await.is_empty());
    assert!(hub.hub.pending().await.unwrap().deliveries > 0);
    world.on("crm", |script| script.always(Answer::Apply));
    hub.quiet().await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "city")), ["Nice", "Nice"]);
    assert_eq!(hub.target("crm").await.state, TargetState::Up);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tries_back_off() {
    let mut world = world();
    world.limits.retry_delay_min = std::time::Duration::from_millis(100);
    world.limits.retry_delay_max = std::time::Duration::from_secs(60);
    let hub = world.start().await;
    world.on("crm", |script| script.always(Answer::Down));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.collect().await;
    let begun = std::time::Instant::now();
    hub.until("four tries", async || world.on("crm", |script| script.sent.len()) >= 4).await;
    // At least half of 100 + 200 + 400 ms: the pauses double.
    assert!(begun.elapsed() >= std::time::Duration::from_millis(350), "{:?}", begun.elapsed());
    hub.stop().await;
}

/// One change that is answered like this, with look-ups like that; what the system took and was sent, and what is parked.
async fn check(answer: Answer, look_up: LookUp, expected: (usize, usize, usize)) {
    let mut world = world();
    world.limits.retry_delay_min = std::time::Duration::from_millis(2);
    let hub = world.start().await;
    world.on("crm", |script| {
        script.next(std::slice::from_ref(&answer));
        script.look_up = look_up;
    });
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    let (taken, sent) = world.on("crm", |script| (script.effects.len(), script.sent.len()));
    assert_eq!((taken, sent, hub.parked().await.len()), expected, "{answer:?}, {look_up:?}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_outcome_is_looked_up_before_anything_is_tried_again() {
    check(Answer::Unknown { applied: true }, LookUp::Truth, (1, 1, 0)).await;
    check(Answer::Unknown { applied: false }, LookUp::Truth, (1, 2, 0)).await;
    check(Answer::Unknown { applied: true }, LookUp::Down(3), (1, 1, 0)).await;
    check(Answer::Unknown { applied: false }, LookUp::Down(3), (1, 2, 0)).await;
    check(Answer::Unknown { applied: true }, LookUp::CannotTell, (1, 1, 1)).await;
    check(Answer::Unknown { applied: false }, LookUp::CannotTell, (0, 1, 1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_cannot_tell_makes_a_task() {
    let world = world();
    let hub = world.start().await;
    world.on("crm", |script| {
        script.next(&[Answer::Unknown { applied: true }]);
        script.look_up = LookUp::CannotTell;
    });
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    let tasks = hub.store.tasks(&store::TaskFilter::default()).await.unwrap();
    assert_eq!(
        tasks.iter().map(|task| (&*task.code, &*task.system)).collect::<Vec<_>>(),
        [("delivery.unknown", "crm")]
    );
    assert_eq!(hub.parked().await[0].code, "delivery.unknown");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_never_answers_is_looked_up_when_its_time_is_over_and_holds_up_nobody() {
    let crm = Part { timeout_ms: 1, ..Part::new("crm").takes(Entity::Customer, CUSTOMER) };
    let world = World::new(vec![Part::new("erp").shows(Feed::new("customers", CUSTOMER)), crm]);
    let hub = world.start().await;
    world.on("crm", |script| script.when("name", "Poison", Answer::Hang { applied: false }));
    world.show("erp", "customers", vec![customer("C1", "Poison", "Lyon"), customer("C2", "Durand", "Nice")]);
    hub.collect().await;
    hub.until("the other customer", async || !world.on("crm", |script| script.effects.is_empty())).await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Durand"]);
    // It answers look-ups, so it is not down: what it never answers is set aside in the end.
    hub.quiet().await;
    let parked = hub.parked().await;
    assert_eq!(parked.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["delivery.no-answer"]);
    world.on("crm", |script| script.always(Answer::Apply));
    hub.command(Command::RetryParked { number: parked[0].number }).await.unwrap();
    hub.quiet().await;
    assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name")), ["Durand", "Poison"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_call_and_end_repeats_nothing_that_was_applied_and_forgets_nothing_that_was_not() {
    for applied in [true, false] {
        let mut world = world();
        world.limits.partitions = 1;
        let hub = world.start().await;
        world.on("crm", |script| script.next(&[Answer::Hang { applied }]));
        world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon"), customer("C2", "Durand", "Nice")]);
        hub.collect().await;
        hub.until("the call", async || !world.on("crm", |script| script.sent.is_empty())).await;
        hub.crash();
        let hub = world.start().await;
        hub.quiet().await;
        assert_eq!(world.on("crm", |script| script.told(&Entity::Customer, "name").len()), 2, "applied: {applied}");
        assert_eq!(world.on("crm", |script| script.looked_up), 2);
        let dupont = hub.master(Entity::Customer, "legal_name", "Dupont").await;
        assert_eq!(hub.happened(&dupont, JournalKind::Delivered).await, 1);
        hub.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_holds_something_else_than_it_was_sent_is_not_sent_it_again() {
    let world = world();
    let hub = world.start().await;
    world.on("crm", |script| script.always(Answer::ApplyAs(json!({"name": "DUPONT", "city": "LYON"}))));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.settle().await;
    hub.crash();
    let hub = world.start().await;
    hub.quiet().await;
    assert_eq!(world.on("crm", |script| script.sent.len()), 1);
    let dupont = hub.master(Entity::Customer, "legal_name", "Dupont").await;
    assert!(hub.crosswalk(&dupont, "crm").await[0].holds.as_deref().unwrap().contains("DUPONT"));
    // A new version is news, whatever the system made of the last one.
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Nice")]);
    hub.settle().await;
    assert_eq!(world.on("crm", |script| script.sent.len()), 2);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halted_system_says_why_and_goes_on_when_somebody_has_acted() {
    let world = world();
    let hub = world.start().await;
    world.on("crm", |script| script.always(Answer::Halt));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.collect().await;
    hub.until("it is halted", async || {
        let targets = hub.store.targets(&store::Filter::default()).await.unwrap();
        targets.iter().any(|target| target.state == TargetState::Halted)
    })
    .await;
    assert_eq!(hub.target("crm").await.reason.as_deref(), Some("the scripted system wants another password"));
    world.on("crm", |script| script.always(Answer::Apply));
    hub.until("it is up", async || hub.target("crm").await.state == TargetState::Up).await;
    assert_eq!(world.on("crm", |script| script.effects.len()), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_outlasts_a_call_that_fails_or_succeeds_meanwhile_and_a_resume_is_heard_at_once() {
    let mut world = world();
    // So long that only the command can end the wait.
    (world.limits.retry_delay_min, world.limits.retry_delay_max) =
        (std::time::Duration::from_secs(600), std::time::Duration::from_secs(600));
    let hub = world.start().await;
    world.on("crm", |script| script.always(Answer::Down));
    world.show("erp", "customers", vec![customer("C1", "Dupont", "Lyon")]);
    hub.collect().await;
    hub.until("a try", async || !world.on("crm", |script| script.sent.is_empty())).await;
    hub.until("it is down", async || {
        let targets = hub.store.targets(&store::Filter::default()).await.unwrap();
        targets.iter().any(|target| target.state == TargetState::Down)
    })
    .await;
    hub.command(Command::Pause { system: "crm".to_owned() }).await.unwrap();
    assert_eq!(hub.target("crm").await.state, TargetState::Paused);
    world.on("crm", |script| script.always(Answer::Apply));
    hub.command(Command::Resume { system: "crm".to_owned() }).await.unwrap();
    hub.quiet().await;
    assert_eq!(world.on("crm", |script| script.effects.len()), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_waits_for_the_call_under_way_and_begins_no_other() {
    let crm = Part { count_max: 1, ..Part::new("crm").takes(Entity::Customer, CUSTOMER) };
    let mut world = World::new(vec![Part::new("erp").shows(Feed::new("customers", CUSTOMER)), crm]);
    world.limits.partitions = 1;
    let hub = world.start().await;
    world.on("crm", |script| script.next(&[Answer::Late]));
    let rows = (0..9).map(|number| customer(&format!("C{number}"), &format!("Client {number}"), "Lyon")).collect();
    world.show("erp", "customers", rows);
    hub.collect().await;
    hub.until("a call", async || world.on("crm", |script| script.calling.0) == 1).await;
    // The stop is said before the call may end.
    tokio::join!(biased; hub.stop(), async { world.on("crm", |script| script.releases = true) });
    assert_eq!(world.on("crm", |script| script.effects.len()), 1);
    let hub = world.start().await;
    hub.quiet().await;
    assert_eq!(world.on("crm", |script| script.effects.len()), 9);
    hub.stop().await;
}
