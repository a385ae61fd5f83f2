//! What makes up for a lost bus, and what is known of the bus.

use std::time::Duration;

use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use roaring::RoaringTreemap;

use super::Context;
use super::build::{
    TENANT, accept, at, crosswalk, drop_of, entry, master, only, outcomes, parked, published, reject, resolve, source,
    step, stream,
};
use crate::{
    AbsentRecord, Collected, CrosswalkRow, Delivered, DropEnd, DropJudgement, DropNumber, Export, GivenUp,
    Installation, InstallationStep, JournalEntry, JournalKind, LostDrop, MasterRow, NewParked, Outcomes, ParkedStage,
    Position, PublishedOfDrop, RecordOutcome, Resolved, Store, StoreError, Worker,
};

type Held = Result<(), StoreError>;

fn places(places: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = places.iter().copied().collect::<RoaringTreemap>().serialize_into(&mut bytes);
    written.unwrap_or_else(|error| panic!("writing to memory: {error}"));
    bytes
}

/// A delta that ended, of which so many records are in flight, published in two steps.
async fn in_flight(store: &dyn Store, name: &str, content: u8, count: i64) -> Result<DropNumber, StoreError> {
    let opened = store.open_drop(drop_of(name, content, Export::Delta)).await?;
    let all: Vec<u64> = (0..count.unsigned_abs()).collect();
    let (first, second) = all.split_at(all.len() / 2);
    let flying = outcomes(count, count, &[]);
    let one = Collected { published: vec![published("C1", 1)], ordinals: places(first), ..step(opened.number) };
    store.commit_collected(one).await?;
    let end = Some(DropEnd::Accepted);
    let two = Collected { ordinals: places(second), outcomes: flying, end, ..step(opened.number) };
    store.commit_collected(two).await?;
    Ok(opened.number)
}

fn numbers(lost: &[LostDrop]) -> Vec<(DropNumber, u64)> {
    lost.iter().map(|lost| (lost.number, lost.in_flight)).collect()
}

pub async fn what_was_published_is_kept_until_it_is_resolved(context: &mut Context) -> Held {
    let store = context.store();
    let drop = in_flight(&*store, "one.csv", 1, 5).await?;
    assert_eq!(store.published_of(drop).await?.ordinals, places(&[0, 1, 2, 3, 4]));
    // The next drop of the stream does not take it away while anything is in flight.
    let second = in_flight(&*store, "two.csv", 2, 1).await?;
    assert_eq!(store.published_of(drop).await?.ordinals, places(&[0, 1, 2, 3, 4]));
    let resolved = Outcomes { in_flight: -5, ..outcomes(0, 0, &[(RecordOutcome::Created, 5)]) };
    resolve(&*store, TENANT, Resolved { outcomes: [(drop, resolved)].into(), ..Resolved::default() }).await?;
    accept(&*store, drop_of("three.csv", 3, Export::Delta), 1).await?;
    assert_eq!(store.published_of(drop).await?, PublishedOfDrop::default());
    assert_eq!(store.published_of(second).await?.ordinals, places(&[0]));
    Ok(())
}

pub async fn removals_are_kept_with_who_they_were(context: &mut Context) -> Held {
    let store = context.store();
    let first = store.open_drop(drop_of("one.csv", 1, Export::Full)).await?.number;
    let shown = vec![published("C1", 1), published("odd \0 key", 2)];
    store.commit_collected(Collected { published: shown, end: Some(DropEnd::Accepted), ..step(first) }).await?;
    let second = store.open_drop(drop_of("two.csv", 2, Export::Full)).await?.number;
    let flying = outcomes(2, 2, &[]);
    store.commit_collected(Collected { removed: vec![1, 0], outcomes: flying, ..step(second) }).await?;
    let removal = |row, key: &str, partition| AbsentRecord { row, key: key.to_owned(), partition };
    let expected = [removal(0, "C1", 1), removal(1, "odd \0 key", 2)];
    assert_eq!(store.published_of(second).await?.removals, expected);
    // Given up, they are known again, so that the next export can miss them.
    let lost = store.mark_lost().await?;
    assert_eq!(numbers(&lost), [(second, 2)]);
    let lost = lost.into_iter().next().unwrap_or_else(|| panic!("a lost drop"));
    store.give_up(GivenUp { lost, reject: None, from_the_beginning: false }).await?;
    let known = store.known_records(&stream(), &["C1", "odd \0 key"]).await?;
    assert_eq!(known.iter().flatten().map(|known| known.row).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(store.drops(&only(TENANT)).await?[0].outcomes.in_flight, 0);
    Ok(())
}

pub async fn drops_with_something_in_flight_are_marked(context: &mut Context) -> Held {
    let store = context.store();
    accept(&*store, drop_of("zero.csv", 9, Export::Delta), 4).await?;
    let ended = in_flight(&*store, "one.csv", 1, 5).await?;
    assert_eq!(store.lost_drops(&stream()).await?, []);
    let open = store.open_drop(drop_of("two.csv", 2, Export::Delta)).await?.number;
    store.commit_collected(Collected { ordinals: places(&[0]), ..step(open) }).await?;
    let marked = store.mark_lost().await?;
    // What an open drop has in flight is not certain: some of it may be resolved that was not saved.
    assert_eq!(numbers(&marked), [(ended, 5), (open, 0)]);
    let lost = marked.first().unwrap_or_else(|| panic!("a lost drop"));
    assert_eq!((&*lost.name, lost.begun_at, &lost.stream), ("one.csv", at(0), &stream()));
    assert_eq!(store.lost_drops(&stream()).await?, marked);
    assert_eq!(store.mark_lost().await?, marked);
    store.found_again(ended).await?;
    assert_eq!(numbers(&store.lost_drops(&stream()).await?), [(open, 0)]);
    Ok(())
}

pub async fn what_was_resolved_parked_or_given_up_is_told_from_the_rest(context: &mut Context) -> Held {
    let store = context.store();
    let drop = in_flight(&*store, "one.csv", 1, 6).await?;
    let later = in_flight(&*store, "two.csv", 2, 1).await?;
    let position = Some(Position { drop, ordinal: 3 });
    let set_aside = NewParked { position, ..parked(ParkedStage::Observed, "erp", "customer/parked") };
    let told = JournalEntry {
        key: Some("discarded".to_owned()),
        position: Some(Position { drop, ordinal: 4 }),
        ..entry(JournalKind::Discarded, "erp", 1)
    };
    let rows = [source("erp", "resolved", 1, (drop, 0)), source("erp", "later", 1, (later, 0))];
    let older = source("erp", "older", 1, (drop - 1, 9));
    let written = Resolved {
        sources: rows.into_iter().chain([older]).collect(),
        masters: vec![master(1, 1, "dupont")],
        parked: vec![set_aside],
        journal: vec![told],
        ..Resolved::default()
    };
    resolve(&*store, TENANT, written).await?;
    let records =
        [("resolved", 0), ("later", 1), ("older", 2), ("parked", 3), ("discarded", 4), ("strange", 5), ("resolved", 5)];
    let open = store.unresolved(&stream(), &Entity::Customer, drop, &records).await?;
    assert_eq!(open, [false, false, true, false, false, true, true]);
    let others = store.unresolved(&stream(), &Entity::Invoice, drop, &records[..1]).await?;
    assert_eq!(others, [true]);
    Ok(())
}

pub async fn a_drop_that_is_given_up_adds_up_and_is_taken_again(context: &mut Context) -> Held {
    let store = context.store();
    let checkpoint = Some(serde_json::json!({"at": 7}));
    let drop = in_flight(&*store, "one.csv", 1, 5).await?;
    let step = Collected { checkpoint, ..step(drop) };
    store.commit_collected(step).await?;
    let lost = store.mark_lost().await?.into_iter().next().unwrap_or_else(|| panic!("a lost drop"));
    let given_up = |reject, from_the_beginning| GivenUp { lost: lost.clone(), reject, from_the_beginning };
    store.give_up(given_up(Some(reject(1 << 62, None)), false)).await?;
    let outcomes = &store.drops(&only(TENANT)).await?[0].outcomes;
    assert_eq!((outcomes.read, outcomes.in_flight, outcomes.get(RecordOutcome::Rejected)), (1, 0, 1));
    assert!(outcomes.adds_up());
    assert_eq!(store.rejects(&only(TENANT)).await?.len(), 1);
    assert_eq!(store.lost_drops(&stream()).await?, []);
    let known = store.known_records(&stream(), &["C1"]).await?;
    assert_eq!(known[0].map(|known| known.hash), Some([0; 16]));
    assert!(store.stream_state(&stream()).await?.checkpoint.is_some());
    let again = store.open_drop(drop_of("one.csv", 1, Export::Delta)).await?;
    assert_eq!(again.judgement, DropJudgement::New, "a drop that was given up is no earlier one");
    store.give_up(given_up(None, true)).await?;
    assert_eq!(store.stream_state(&stream()).await?.checkpoint, None);
    Ok(())
}

pub async fn what_a_system_may_lack_is_delivered_again(context: &mut Context) -> Held {
    let store = context.store();
    let row = |id: u64, version, holds: Option<&str>, removed| CrosswalkRow {
        version,
        holds: holds.map(Into::into),
        removed,
        ..crosswalk("crm", &format!("C{id}"), id)
    };
    let gone = |id| MasterRow { state: Operation::Remove, ..master(id, 5, "gone") };
    let there = |id| master(id, 5, "there");
    let masters = (1..=5).map(there).chain([gone(6), gone(7), there(8), there(9)]);
    let held = vec![
        row(1, 5, Some("{}"), false),
        row(2, 4, Some("{}"), false),
        row(3, 5, None, false),
        row(4, 5, Some("{}"), true),
        row(6, 5, Some("{}"), false),
        row(7, 5, Some("{}"), true),
    ];
    let set_aside = |id, version| NewParked {
        master_id: Some(MasterId(id)),
        version: Some(version),
        ..parked(ParkedStage::Delivery, "crm", &format!("m{id}"))
    };
    let written = Resolved { masters: masters.collect(), crosswalk: held, ..Resolved::default() };
    resolve(&*store, TENANT, written).await?;
    let end = Delivered { parked: vec![set_aside(8, 5), set_aside(9, 4)], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, end).await?;
    let entities = [Entity::Customer];
    assert_eq!(store.deliver_again(TENANT, "crm", &[Entity::Invoice], None, 100).await?, (None, 0));
    let (mut after, mut count) = (None, 0);
    loop {
        let (last, added) = store.deliver_again(TENANT, "crm", &entities, after, 2).await?;
        (after, count) = (last, count + added);
        if after.is_none() {
            break;
        }
    }
    let backlog = store.backlog(TENANT, "crm", 100).await?;
    let ids: Vec<u64> = backlog.iter().map(|row| row.change.master.master_id.0).collect();
    // Delivered: 1. An older version: 2. Shown by itself since: 3. Removed before: 4. Never: 5, 9. To be removed: 6.
    assert_eq!((ids, count), (vec![2, 3, 4, 5, 6, 9], 6));
    assert_eq!(store.deliver_again(TENANT, "crm", &entities, None, 100).await?, (None, 0));
    Ok(())
}

pub async fn what_is_known_of_the_bus_survives_a_restart(context: &mut Context) -> Held {
    let store = context.store();
    assert_eq!(store.installation().await?, Installation::default());
    let begin = InstallationStep::Begin { fresh_mark: "one".to_owned(), configured: 4 };
    let begun = store.take_step(&begin).await?;
    assert_eq!(begun.partitions.as_ref().map(|partitions| partitions.in_force), Some(4));
    let later = InstallationStep::Begin { fresh_mark: "two".to_owned(), configured: 8 };
    assert_eq!(store.take_step(&later).await?, begun);
    drop(store);
    context.reopen().await?;
    assert_eq!(context.store().installation().await?, begun);
    Ok(())
}

pub async fn reading_is_closed_when_nobody_reads(context: &mut Context) -> Held {
    const LONG: Duration = Duration::from_secs(600);
    let store = context.store();
    let worker = Worker { name: "one".into(), kinds: vec!["collect".into()] };
    store.take_step(&InstallationStep::Begin { fresh_mark: "one".to_owned(), configured: 4 }).await?;
    store.take_step(&InstallationStep::Want { wanted: 2 }).await?;
    let close = InstallationStep::Close { change: 1, kind: "collect".to_owned() };
    let is_closed = |known: Installation| {
        known.partitions.and_then(|partitions| partitions.change).is_some_and(|change| change.is_closed)
    };
    let reading = store.take(&worker, &["collect/erp".into()], 1, LONG).await?;
    let other = store.take(&worker, &["collector/erp".into()], 1, LONG).await?;
    assert!(!is_closed(store.take_step(&close).await?), "somebody reads");
    store.give_back(&reading).await?;
    assert!(is_closed(store.take_step(&close).await?));
    // Who read before is fenced off, although nobody else has the work.
    let late = store.fenced(&reading[0]).note_run(&stream(), Timestamp::UNIX_EPOCH, None).await;
    assert!(matches!(late, Err(StoreError::Fenced(_))), "{late:?}");
    store.fenced(&other[0]).note_run(&stream(), Timestamp::UNIX_EPOCH, None).await?;
    Ok(())
}
