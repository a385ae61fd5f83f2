//! What lines of parked deliveries, and the tasks about them, rely on.

use canonical::entity::Entity;
use master::MasterId;

use super::Context;
use super::build::{TENANT, arc, at, crosswalk, master, only, parked, resolve};
use crate::{
    CrosswalkRow, Delivered, JournalKind, MasterRow, NeededKey, NewParked, NewTask, ParkedStage, Resolved, Store,
    StoreError,
};

/// The customer m1 with an invoice m2 and a payment m3, and the customer m9.
async fn company(store: &dyn Store) -> Result<(), StoreError> {
    let of = |id, entity| MasterRow { entity, root: MasterId(1), ..master(id, id, "x") };
    let masters = vec![master(1, 1, "dupont"), of(2, Entity::Invoice), of(3, Entity::Payment), master(9, 9, "durand")];
    resolve(store, TENANT, Resolved { masters, ..Resolved::default() }).await
}

/// A delivery to the CRM that is for a person to deal with, in the line of m1.
fn refused(id: u64) -> NewParked {
    let (master_id, event) = (Some(MasterId(id)), format!("event {id}").into_bytes());
    NewParked { master_id, version: Some(id), event, ..parked(ParkedStage::Delivery, "crm", "m1") }
}

/// One that only stands behind another.
fn behind(id: u64) -> NewParked {
    NewParked { reason: None, ..refused(id) }
}

/// One that needs the key of a master in the CRM.
fn needing(id: u64, needed: u64) -> NewParked {
    NewParked { needs: Some(NeededKey { system: arc("crm"), master_id: MasterId(needed) }), ..refused(id) }
}

async fn park(store: &dyn Store, parked: Vec<NewParked>) -> Result<(), StoreError> {
    store.finish_attempt(TENANT, "crm", None, Delivered { parked, ..Delivered::default() }).await
}

/// Tells the store that the CRM has these masters.
async fn has(store: &dyn Store, rows: &[CrosswalkRow]) -> Result<(), StoreError> {
    store.finish_attempt(TENANT, "crm", None, Delivered { crosswalk: rows.to_vec(), ..Delivered::default() }).await
}

/// The masters of what is parked, oldest first, and of what is on its way to the CRM, in order.
async fn standing(store: &dyn Store) -> Result<(Vec<u64>, Vec<u64>), StoreError> {
    let parked = store.parked(&only(TENANT)).await?;
    let outbox = store.outbox(10).await?;
    assert!(outbox.iter().all(|row| row.systems == Some(vec![arc("crm")])), "only to the system that lacks it");
    let parked = parked.iter().filter_map(|row| Some(row.master_id?.0)).collect();
    Ok((parked, outbox.iter().map(|row| row.master.master_id.0).collect()))
}

/// A line that needs the key of m1, which nothing has told yet.
async fn needs_a_key(store: &dyn Store) -> Result<(), StoreError> {
    company(store).await?;
    park(store, vec![needing(2, 1), behind(3)]).await?;
    // Another master, another system, and a record that is gone.
    let gone = CrosswalkRow { removed: true, ..crosswalk("crm", "41", 1) };
    has(store, &[crosswalk("crm", "90", 9), crosswalk("erp", "C1", 1), gone]).await?;
    assert_eq!(standing(store).await?, (vec![2, 3], vec![]));
    Ok(())
}

async fn all_went(store: &dyn Store) -> Result<(), StoreError> {
    assert_eq!(standing(store).await?, (vec![], vec![2, 3]));
    for id in [2, 3] {
        let story = store.story(Some(TENANT), MasterId(id)).await?.map(|story| story.journal).unwrap_or_default();
        assert_eq!(story.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [JournalKind::Released]);
    }
    Ok(())
}

pub async fn a_delivery_goes_when_another_makes_its_key_known(context: &mut Context) -> Result<(), StoreError> {
    needs_a_key(&*context.store()).await?;
    // What is parked remembers what it needs.
    context.reopen().await?;
    let store = context.store();
    has(&*store, &[crosswalk("crm", "42", 1)]).await?;
    all_went(&*store).await
}

pub async fn a_delivery_goes_when_its_system_shows_the_key(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    needs_a_key(&*store).await?;
    let shown = Resolved { crosswalk: vec![crosswalk("crm", "42", 1)], ..Resolved::default() };
    resolve(&*store, TENANT, shown).await?;
    all_went(&*store).await
}

pub async fn a_need_that_is_met_already_is_not_waited_for(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    company(&*store).await?;
    has(&*store, &[crosswalk("crm", "42", 1)]).await?;
    park(&*store, vec![needing(2, 1)]).await?;
    assert_eq!(standing(&*store).await?, (vec![], vec![2]));
    // Nor does anything stand behind what left just before.
    park(&*store, vec![behind(3)]).await?;
    assert_eq!(standing(&*store).await?, (vec![], vec![2, 3]));
    Ok(())
}

pub async fn a_line_with_something_for_a_person_stays(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    company(&*store).await?;
    park(&*store, vec![needing(2, 1), refused(3)]).await?;
    has(&*store, &[crosswalk("crm", "42", 1)]).await?;
    assert_eq!(standing(&*store).await?, (vec![2, 3], vec![]));
    // When the person has dealt with it, nothing else is needed.
    let number = store.parked(&only(TENANT)).await?[1].number;
    store.unpark(&[number], false, at(8)).await?;
    assert_eq!(standing(&*store).await?, (vec![], vec![2]));
    Ok(())
}

async fn is_blocked(store: &dyn Store, id: u64) -> Result<bool, StoreError> {
    Ok(store.held(TENANT, "crm", &[MasterId(id)]).await?[0].blocked)
}

pub async fn what_is_needed_is_let_past(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    company(&*store).await?;
    let blocked = |id| is_blocked(&*store, id);
    park(&*store, vec![needing(3, 2), needing(2, 1)]).await?;
    assert_eq!((blocked(1).await?, blocked(2).await?, blocked(3).await?), (false, false, true));
    // One by one: the customer leads to the invoice, the invoice to the payment.
    has(&*store, &[crosswalk("crm", "42", 1)]).await?;
    assert_eq!(standing(&*store).await?, (vec![3], vec![2]));
    assert_eq!((blocked(1).await?, blocked(2).await?), (true, false));
    has(&*store, &[crosswalk("crm", "F2", 2)]).await?;
    assert_eq!(standing(&*store).await?, (vec![], vec![2, 3]));
    assert!(!blocked(3).await?);
    // Nothing is let past what a person must deal with.
    park(&*store, vec![refused(2), needing(3, 7)]).await?;
    assert!(blocked(1).await? && blocked(2).await?);
    Ok(())
}

pub async fn what_is_needed_and_stands_behind_is_sent_ahead(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    company(&*store).await?;
    // The customer lined up when nobody knew that the payment needs it.
    park(&*store, vec![needing(2, 3), behind(1)]).await?;
    assert_eq!(standing(&*store).await?, (vec![2, 1], vec![]));
    park(&*store, vec![needing(3, 1)]).await?;
    assert_eq!(standing(&*store).await?, (vec![2, 3], vec![1]));
    Ok(())
}

pub async fn what_stood_behind_something_that_was_given_up_goes(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    company(&*store).await?;
    park(&*store, vec![refused(1), behind(2), behind(3)]).await?;
    let number = store.parked(&only(TENANT)).await?[0].number;
    store.unpark(&[number], false, at(8)).await?;
    assert_eq!(standing(&*store).await?, (vec![], vec![2, 3]));
    Ok(())
}

/// The masters that open tasks are about, oldest first.
async fn open_tasks(store: &dyn Store) -> Result<Vec<u64>, StoreError> {
    let tasks = store.tasks(&only(TENANT).into()).await?;
    Ok(tasks.iter().filter_map(|task| Some(task.master_id?.0)).collect())
}

pub async fn a_task_ends_with_what_it_asks_about(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    company(&*store).await?;
    let task = |id: u64| NewTask {
        subject: format!("delivery/{id}"),
        code: "delivery.unknown".to_owned(),
        question: "did it take it?".to_owned(),
        system: arc("crm"),
        master_id: Some(MasterId(id)),
        at: at(6),
        ..NewTask::default()
    };
    let ids = [1, 2, 3];
    let asking = |id: &u64| NewParked { task: Some(task(*id).subject), ..refused(*id) };
    let (parked, tasks) = (ids.iter().map(asking).collect(), [1, 2, 3, 9].map(task).to_vec());
    store.finish_attempt(TENANT, "crm", None, Delivered { parked, tasks, ..Delivered::default() }).await?;
    let open = || open_tasks(&*store);
    assert_eq!(open().await?, [1, 2, 3, 9]);
    let numbers: Vec<_> = store.parked(&only(TENANT)).await?.iter().map(|row| row.number).collect();
    store.unpark(&numbers[..1], true, at(8)).await?;
    assert_eq!(open().await?, [2, 3, 9], "tried again");
    store.unpark(&numbers[1..2], false, at(8)).await?;
    assert_eq!(open().await?, [3, 9], "given up");
    let end = Delivered { unparked: vec![numbers[2]], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, end).await?;
    assert_eq!(open().await?, [9], "done");
    Ok(())
}
