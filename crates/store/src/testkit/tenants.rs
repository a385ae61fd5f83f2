//! Every query names a tenant: what one sees of another is nothing.

use canonical::attachment::Attachment;
use canonical::entity::Entity;
use master::MasterId;

use super::Context;
use super::build::{
    accept, arc, at, crosswalk, customer, drop_of, entry, local, only, outcomes, parked, published, reject, resolve,
    step, stream_of, waiting,
};
use crate::{
    Attempt, Collected, Delivered, DropNumber, Export, Filter, JournalKind, LocalKey, MatchKeysWrite, NewDrop, NewTask,
    ParkedStage, Position, RecordOutcome, Resolved, Store, StoreError, TargetState,
};

const MINE: &str = "acme";
const OTHER: &str = "globex";
const KEY: &str = "customer:siren:552100554";

/// The same of everything, under the same system, keys and numbers, for one tenant.
async fn fill(store: &dyn Store, tenant: &str, search: &str) -> Result<DropNumber, StoreError> {
    let stream = stream_of(tenant, "erp", "customers");
    let drop = store.open_drop(NewDrop { stream: stream.clone(), ..drop_of("a.csv", 1, Export::Delta) }).await?.number;
    let collected =
        Collected { stream, published: vec![published("C1", 1)], rejects: vec![reject(0, Some("C7"))], ..step(drop) };
    store.commit_collected(collected).await?;
    let mut writes = customer("erp", "C1", 1, 1, search, (drop, 0));
    writes.match_keys = vec![MatchKeysWrite { master_id: MasterId(1), add: vec![KEY.to_owned()], remove: vec![] }];
    writes.waiting = vec![waiting("F1", "C9", 0)];
    writes.parked = vec![parked(ParkedStage::Observed, "erp", "k"), parked(ParkedStage::Delivery, "erp", "m1")];
    resolve(store, tenant, writes).await?;
    let task = NewTask {
        subject: "same".to_owned(),
        code: "c".to_owned(),
        question: tenant.to_owned(),
        system: "erp".into(),
        master_id: None,
        at: at(1),
    };
    let end =
        Delivered { journal: vec![entry(JournalKind::Delivered, "erp", 1)], tasks: vec![task], ..Delivered::default() };
    store.finish_attempt(tenant, "erp", None, end).await?;
    let attempt =
        Attempt { batch: "b".into(), tenant: tenant.into(), system: "erp".into(), members: vec![], at: at(1) };
    store.begin_attempt(&attempt).await?;
    store.set_target_state(tenant, "erp", TargetState::Paused, Some(tenant), at(1)).await?;
    store.save_attachments(tenant, vec![Attachment { hash: "a".to_owned(), bytes: tenant.into() }]).await?;
    let rows: Vec<_> = store.outbox(10).await?.into_iter().filter(|row| *row.tenant == *tenant).collect();
    store.add_to_backlog("erp", &rows).await?;
    Ok(drop)
}

pub async fn nobody_sees_the_rows_of_another(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let other_drop = fill(&*store, OTHER, "globex dupont").await?;
    sees_nothing(&*store, other_drop).await?;
    let drop = fill(&*store, MINE, "acme dupont").await?;
    sees_its_own(&*store, drop).await?;
    changes_its_own(&*store, other_drop).await
}

/// Before the tenant has anything, and although the words are all known.
async fn sees_nothing(store: &dyn Store, other_drop: DropNumber) -> Result<(), StoreError> {
    let mine = only(MINE);
    let stream = stream_of(MINE, "erp", "customers");
    assert_eq!(store.known_records(&stream, &["C1"]).await?, [None]);
    assert_eq!(store.absent_count(&stream, other_drop).await?, (0, 0));
    assert_eq!(store.absent_records(&stream, other_drop, None, 10).await?.len(), 0);
    assert_eq!(store.stream_state(&stream).await?, crate::StreamState::default());
    let mut read = store.begin_resolve(MINE).await?;
    assert_eq!(read.crosswalk(&[local("erp", "C1")]).await?, [None]);
    assert_eq!(read.matches(&[KEY.to_owned()]).await?, [vec![]]);
    assert_eq!(read.masters(&[MasterId(1)]).await?, [None]);
    assert_eq!(read.sources_of(&[MasterId(1)]).await?, [vec![]]);
    assert_eq!(read.waiting_for(&[local("erp", "C9")]).await?, []);
    let invoice = LocalKey { entity: Entity::Invoice, ..local("billing", "F1") };
    assert_eq!(read.waiting_of(&[invoice]).await?, []);
    assert_eq!(read.parked_keys(&[(arc("erp"), "k".to_owned())]).await?, [vec![]]);
    drop(read);
    assert!(store.held(MINE, "erp", &[MasterId(1)]).await?[0].master.is_none());
    assert_eq!(store.local_keys(MINE, "erp", &[MasterId(1)]).await?, [None]);
    assert_eq!(store.open_attempts(MINE, "erp").await?, []);
    assert_eq!(store.target_state(MINE, "erp").await?, TargetState::Up);
    assert_eq!(store.backlog(MINE, "erp", 10).await?, []);
    assert_eq!(store.backlog_count(MINE, "erp").await?, 0);
    assert_eq!(store.attachment(MINE, "a").await?, None);
    assert_eq!(store.streams(&mine).await?, []);
    assert_eq!(store.drops(&mine).await?, []);
    assert_eq!(store.rejects(&mine).await?, []);
    assert_eq!(store.parked(&mine).await?, []);
    assert_eq!(store.waiting(&mine).await?, []);
    assert_eq!(store.tasks(&mine).await?, []);
    assert_eq!(store.targets(&mine).await?, []);
    assert_eq!(store.masters(&mine).await?.len(), 0);
    assert_eq!(store.story(Some(MINE), MasterId(1)).await?, None);
    assert_eq!(store.drop_journal(other_drop, &mine).await?, []);
    for text in ["dupont", "C1", "C7", "F1", "m1", "a.csv", &other_drop.to_string(), "globex/m1/v1"] {
        assert_eq!(store.find(Some(MINE), text).await?.len(), 0, "searching for {text}");
    }
    assert_eq!(store.counts(&mine).await?, crate::Counts::default());
    // An equal drop of another tenant is not a repetition.
    accept(store, NewDrop { stream, ..drop_of("b.csv", 9, Export::Delta) }, 1).await?;
    Ok(())
}

async fn sees_its_own(store: &dyn Store, drop: DropNumber) -> Result<(), StoreError> {
    let mine = only(MINE);
    let mut read = store.begin_resolve(MINE).await?;
    let row = &read.masters(&[MasterId(1)]).await?[0];
    assert_eq!(row.as_ref().map(|row| &*row.search), Some("acme dupont"));
    assert_eq!(read.matches(&[KEY.to_owned()]).await?, [vec![MasterId(1)]]);
    assert_eq!(read.waiting_for(&[local("erp", "C9")]).await?.len(), 1);
    std::mem::drop(read);
    assert_eq!(store.tasks(&mine).await?.iter().map(|task| task.question.as_str()).collect::<Vec<_>>(), [MINE]);
    assert_eq!(store.targets(&mine).await?[0].delivered, 1);
    assert_eq!(store.attachment(MINE, "a").await?.as_deref(), Some(MINE.as_bytes()));
    assert_eq!(store.parked(&mine).await?.len(), 2);
    assert_eq!(store.drop_journal(drop, &mine).await?.len(), 1);
    assert_eq!(store.find(Some(MINE), "dupont").await?.len(), 1);
    assert_eq!(store.find(None, "dupont").await?.len(), 2);
    assert_eq!(store.masters(&Filter::default()).await?.len(), 2, "without a tenant, all of them");
    assert_eq!(store.outbox(10).await?.iter().map(|row| &*row.tenant).collect::<Vec<_>>(), [OTHER, MINE]);
    let backlog = store.backlog(MINE, "erp", 10).await?;
    assert_eq!(backlog.iter().map(|row| &*row.change.tenant).collect::<Vec<_>>(), [MINE]);
    assert_eq!(store.backlog_count(MINE, "erp").await?, 1);
    let counts = store.counts(&mine).await?;
    assert_eq!((counts.customers, counts.outbox, counts.rejects, counts.tasks), (1, 1, 1, 1));
    Ok(())
}

/// Writes under one tenant leave the other's equal rows alone, even when they name its numbers.
async fn changes_its_own(store: &dyn Store, other_drop: DropNumber) -> Result<(), StoreError> {
    let others = only(OTHER);
    let before = (store.parked(&others).await?, store.waiting(&others).await?, store.drops(&others).await?);
    let invoice = LocalKey { entity: Entity::Invoice, ..local("erp", "C1") };
    let mut writes = customer("erp", "C1", 1, 2, "acme durand", (other_drop, 0));
    writes.crosswalk.push(crate::CrosswalkRow { local: invoice, ..crosswalk("erp", "C1", 1) });
    writes.unparked = before.0.iter().map(|row| row.number).collect();
    writes.released = before.1.iter().map(|row| row.number).collect();
    writes.match_keys = vec![MatchKeysWrite { master_id: MasterId(1), add: vec![], remove: vec![KEY.to_owned()] }];
    writes.outcomes.insert(other_drop, outcomes(0, -1, &[(RecordOutcome::Created, 1)]));
    resolve(store, MINE, writes).await?;
    store.finish_attempt(MINE, "erp", Some("b"), Delivered::default()).await?;
    store.set_target_state(MINE, "erp", TargetState::Up, None, at(9)).await?;
    let after = (store.parked(&others).await?, store.waiting(&others).await?, store.drops(&others).await?);
    assert_eq!(after, before);
    assert_eq!(store.open_attempts(OTHER, "erp").await?.len(), 1);
    assert_eq!(store.target_state(OTHER, "erp").await?, TargetState::Paused);
    let mut read = store.begin_resolve(OTHER).await?;
    assert_eq!(read.masters(&[MasterId(1)]).await?[0].as_ref().map(|row| &*row.search), Some("globex dupont"));
    assert_eq!(read.matches(&[KEY.to_owned()]).await?, [vec![MasterId(1)]]);
    let sources = read.sources_of(&[MasterId(1)]).await?;
    assert_eq!(sources[0][0].position, Position { drop: other_drop, ordinal: 0 });
    let none: Resolved = Resolved::default();
    read.commit(none).await
}
