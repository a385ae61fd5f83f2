//! Observations that are given up: the same content is taken again when it is shown again.

use canonical::entity::Entity;
use canonical::envelope::{Event, EventType, Stage};
use canonical::record::Place;
use serde_json::value::RawValue;

use super::Context;
use super::build::*;
use crate::{
    Collected, DropEnd, DropJudgement, DropNumber, Export, JournalEntry, JournalKind, NewDrop, NewParked, ParkedStage,
    Position, Resolved, Store, StoreError,
};

type Held = Result<(), StoreError>;

/// A parked observation of a record at the first place of a drop.
fn observed(drop: DropNumber, entity: Entity, key: &str, derived: bool) -> NewParked {
    let kind = EventType::new(Stage::Observed, entity.clone());
    let mut event = Event::new(format!("of-{key}"), TENANT.into(), "erp".into(), kind, "0".to_owned(), at(2));
    event.stream = Some(stream().stream);
    event.drop = Some(drop);
    event.place = Some(Place { file: None, line: None, ordinal: 0 });
    event.record_key = Some(key.to_owned());
    event.mapping = Some("mapping-1".into());
    event.derived = derived;
    event.data = RawValue::from_string("{}".to_owned()).ok();
    NewParked {
        entity,
        position: (!derived).then_some(Position { drop, ordinal: 0 }),
        event: event.to_bytes(),
        ..parked(ParkedStage::Observed, "erp", key)
    }
}

/// A drop that has published K1 and K2.
async fn collected(store: &dyn Store, drop: NewDrop) -> Result<DropNumber, StoreError> {
    let number = store.open_drop(drop).await?.number;
    let records = vec![published("K1", 1), published("K2", 2)];
    store.commit_collected(Collected { published: records, end: Some(DropEnd::Accepted), ..step(number) }).await?;
    Ok(number)
}

/// Whether the store would tell K1 and K2 to be unchanged.
async fn known(store: &dyn Store) -> Result<Vec<bool>, StoreError> {
    let known = store.known_records(&stream(), &["K1", "K2"]).await?;
    let told = known
        .iter()
        .zip([1, 2])
        .map(|(known, content)| known.as_ref().is_some_and(|known| known.hash == [content; 16]));
    Ok(told.collect())
}

async fn park_and_end(store: &dyn Store, parked: NewParked, requeue: bool) -> Held {
    resolve(store, TENANT, Resolved { parked: vec![parked], ..Resolved::default() }).await?;
    let number = store.parked(&crate::Filter::default()).await?[0].number;
    store.unpark(&[number], requeue, at(8)).await
}

pub async fn what_was_given_up_is_taken_again(context: &mut Context) -> Held {
    let store = context.store();
    let drop = collected(&*store, drop_of("a.csv", 1, Export::Full)).await?;
    park_and_end(&*store, observed(drop, Entity::Customer, "K1", false), true).await?;
    assert_eq!(known(&*store).await?, [true, true], "what is tried again is not forgotten");
    let repeated = store.open_drop(drop_of("b.csv", 1, Export::Full)).await?;
    assert_eq!(repeated.judgement, DropJudgement::Duplicate { of: drop, records: 0 });
    let before = store.known_records(&stream(), &["K1"]).await?[0];
    park_and_end(&*store, observed(drop, Entity::Customer, "K1", false), false).await?;
    assert_eq!(known(&*store).await?, [false, true]);
    let after = store.known_records(&stream(), &["K1"]).await?[0];
    assert_eq!(
        after.map(|known| (known.row, known.partition)),
        before.map(|known| (known.row, known.partition)),
        "it stays known, so that its removal is told"
    );
    let again = store.open_drop(drop_of("c.csv", 1, Export::Full)).await?;
    assert_eq!(again.judgement, DropJudgement::New, "the same full export shows it again");
    Ok(())
}

pub async fn a_delta_with_what_was_given_up_stays_a_duplicate(context: &mut Context) -> Held {
    let store = context.store();
    let drop = collected(&*store, drop_of("a.csv", 1, Export::Delta)).await?;
    park_and_end(&*store, observed(drop, Entity::Customer, "K1", false), false).await?;
    assert_eq!(known(&*store).await?, [false, true]);
    let repeated = store.open_drop(drop_of("b.csv", 1, Export::Delta)).await?;
    assert_eq!(repeated.judgement, DropJudgement::Duplicate { of: drop, records: 0 });
    let again = store.open_drop(NewDrop { again: true, ..drop_of("b.csv", 1, Export::Delta) }).await?;
    assert_eq!(again.judgement, DropJudgement::New);
    Ok(())
}

pub async fn an_embedded_document_that_was_given_up_comes_with_its_record(context: &mut Context) -> Held {
    let store = context.store();
    let drop = collected(&*store, drop_of("a.csv", 1, Export::Delta)).await?;
    let position = Some(Position { drop, ordinal: 0 });
    let waits = JournalEntry {
        key: Some("K2".to_owned()),
        position,
        master_id: None,
        version: None,
        ..entry(JournalKind::Waiting, "erp", 1)
    };
    resolve(&*store, TENANT, Resolved { journal: vec![waits], ..Resolved::default() }).await?;
    park_and_end(&*store, observed(drop, Entity::Customer, "buyer", true), false).await?;
    assert_eq!(known(&*store).await?, [true, false], "the record around it is published again");
    Ok(())
}
