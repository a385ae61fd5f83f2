//! Every query names a tenant: what one sees of another is nothing.

use canonical::attachment::Attachment;
use canonical::entity::Entity;
use master::MasterId;
use master::matching::{Bits, BlockingKey, Posting};

use super::Context;
use super::build::{
    accept, arc, at, crosswalk, customer, drop_of, entry, local, master, only, outcomes, parked, published, reject,
    resolve, step, stream_of, waiting,
};
use super::matching::{judgement, match_record, matched};
use crate::{
    Attempt, Collected, CrosswalkRow, Decision, Delivered, DropNumber, Export, Filter, JournalKind, Judgement,
    JudgementKind, KeptModel, LocalKey, MasterRow, MatchKeysWrite, MatchRecord, MatchWrites, NewDrop, NewParked,
    NewTask, ParkedStage, Position, RecordOutcome, Regrouping, Resolved, Store, StoreError, TargetState, TaskClosing,
};

const MINE: &str = "acme";
const OTHER: &str = "globex";
const KEY: &str = "customer:siren:552100554";
const PARKED_AT: Position = Position { drop: 1, ordinal: 7 };

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
    let observed = NewParked { position: Some(PARKED_AT), ..parked(ParkedStage::Observed, "erp", "k") };
    writes.parked = vec![observed, parked(ParkedStage::Delivery, "erp", "m1")];
    resolve(store, tenant, writes).await?;
    let task = NewTask {
        subject: "same".to_owned(),
        code: "c".to_owned(),
        question: tenant.to_owned(),
        system: "erp".into(),
        at: at(1),
        ..NewTask::default()
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

/// The numbers of the open tasks of all tenants.
async fn task_numbers(store: &dyn Store) -> Result<Vec<u64>, StoreError> {
    Ok(store.tasks(&Filter::default().into()).await?.iter().map(|task| task.number).collect())
}

fn closing() -> TaskClosing {
    TaskClosing { decision: Decision::Same, reason: "why".to_owned(), by: "anna".to_owned(), at: at(8) }
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
    assert_eq!(read.parked_at(&(arc("erp"), "k".to_owned()), PARKED_AT).await?, None);
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
    assert_eq!(store.tasks(&mine.clone().into()).await?, []);
    assert_eq!(store.task_count(&mine.clone().into()).await?, 0);
    assert_eq!(store.tasks_numbered(Some(MINE), &task_numbers(store).await?).await?, []);
    assert_eq!(store.close_tasks(Some(MINE), &task_numbers(store).await?, &closing()).await?, [0; 0]);
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
    let tasks = store.tasks(&mine.clone().into()).await?;
    assert_eq!(tasks.iter().map(|task| (&*task.tenant, &*task.question)).collect::<Vec<_>>(), [(MINE, MINE)]);
    let all = task_numbers(store).await?;
    assert_eq!((all.len(), store.task_count(&mine.clone().into()).await?), (2, 1));
    assert_eq!(store.tasks_numbered(Some(MINE), &all).await?.len(), 1);
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
    writes.crosswalk.push(CrosswalkRow { local: invoice, ..crosswalk("erp", "C1", 1) });
    writes.unparked = before.0.iter().map(|row| row.number).collect();
    writes.released = before.1.iter().map(|row| row.number).collect();
    writes.match_keys = vec![MatchKeysWrite { master_id: MasterId(1), add: vec![], remove: vec![KEY.to_owned()] }];
    writes.outcomes.insert(other_drop, outcomes(0, -1, &[(RecordOutcome::Created, 1)]));
    resolve(store, MINE, writes).await?;
    store.finish_attempt(MINE, "erp", Some("b"), Delivered::default()).await?;
    store.set_target_state(MINE, "erp", TargetState::Up, None, at(9)).await?;
    let theirs = store.tasks(&others.clone().into()).await?;
    let numbers: Vec<u64> = theirs.iter().map(|task| task.number).collect();
    assert_eq!(store.close_tasks(Some(MINE), &numbers, &closing()).await?, [0; 0]);
    let mut writes = Resolved { tasks_ended: vec!["same".to_owned()], ..Resolved::default() };
    writes.tasks_closed = numbers.iter().map(|number| (*number, closing())).collect();
    resolve(store, MINE, writes).await?;
    assert_eq!(store.tasks(&only(MINE).into()).await?, []);
    assert_eq!(store.tasks(&others.clone().into()).await?, theirs);
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

/// Has one record, and leads to it.
const BLOCKING: BlockingKey = BlockingKey(5);
/// Leads nowhere.
const NOBODYS: BlockingKey = BlockingKey(6);

fn model(tenant: &str) -> String {
    format!("{{\"of\":\"{tenant}\"}}")
}

fn known(tenant: &str) -> MatchRecord {
    MatchRecord { evidence: model(tenant).into(), ..match_record(1, "C1", 1) }
}

/// The same of everything about who is who, under the same keys and numbers, for one tenant.
async fn decide(store: &dyn Store, tenant: &str) -> Result<(), StoreError> {
    let mut writes = customer("erp", "C1", 1, 1, "dupont", (1, 0));
    writes.masters.push(MasterRow { entity: Entity::Invoice, root: MasterId(1), ..master(2, 2, "f1") });
    writes.tasks = vec![NewTask {
        subject: tenant.to_owned(),
        code: "match.doubtful".to_owned(),
        question: "why?".to_owned(),
        system: "erp".into(),
        master_id: Some(MasterId(1)),
        at: at(1),
        ..NewTask::default()
    }];
    writes.matching = MatchWrites {
        records: vec![known(tenant)],
        links: vec![(2, vec![(1, Bits(1))])],
        keys: vec![(BLOCKING, 1)],
        common: vec![NOBODYS],
        judgements: vec![judgement(JudgementKind::Link, [1, 0], [&[1], &[]])],
        regrouped: vec![MasterId(1)],
        regrouping: Vec::new(),
    };
    resolve(store, tenant, writes).await?;
    store.add_match_model(tenant, 1, &model(tenant), at(1)).await
}

/// What a tenant that decided knows: all of it, and nothing of another.
/// All documents of a customer.
const FROM_THE_FIRST: Regrouping = Regrouping { master_id: MasterId(1), after: MasterId(0) };

async fn knows_its_own(store: &dyn Store, tenant: &str, number: u64) -> Result<(), StoreError> {
    let one = [MasterId(1)];
    let judged = [Judgement { number, ..judgement(JudgementKind::Link, [1, 0], [&[1], &[]]) }];
    let mut read = store.begin_resolve(tenant).await?;
    read.lock_matching().await?;
    assert_eq!(read.match_records(&[1]).await?, [known(tenant)]);
    assert_eq!(read.match_records_of(&one).await?, [known(tenant)]);
    assert_eq!(read.postings(&[BLOCKING, NOBODYS], 9).await?, [Posting::Records(vec![1]), Posting::Common]);
    assert_eq!(read.judgements_of(&[1]).await?, judged);
    assert_eq!(read.judgement(number).await?.as_ref(), judged.first());
    assert_eq!(read.crosswalk_of(&one).await?, [(crosswalk("erp", "C1", 1), MasterId(1))]);
    assert_eq!(read.documents_of(&[FROM_THE_FIRST], 9).await?, [[MasterId(2)]]);
    assert_eq!(read.open_tasks("match.doubtful", &one).await?, [tenant]);
    drop(read);
    assert_eq!(store.match_records_of(tenant, &one).await?, [known(tenant)]);
    assert_eq!(store.match_records_after(tenant, 0, 9).await?, [known(tenant)]);
    assert_eq!(store.judgements(tenant, &[], 9).await?, judged);
    assert_eq!(store.judgements(tenant, &one, 9).await?, judged);
    assert_eq!(store.regroupings(tenant, 9).await?.len(), 1);
    assert_eq!(store.match_model(tenant, 0).await?, Some((1, model(tenant).into())));
    let kept = KeptModel { number: 1, at: at(1), model: model(tenant).into() };
    assert_eq!(store.match_models(tenant, 9).await?, [kept]);
    Ok(())
}

pub async fn nobody_learns_who_is_who_elsewhere(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    decide(&*store, OTHER).await?;
    // Before the tenant has anything, although its word is known.
    resolve(&*store, MINE, Resolved::default()).await?;
    let one = [MasterId(1)];
    let mut read = store.begin_resolve(MINE).await?;
    read.lock_matching().await?;
    assert_eq!(read.match_records(&[1]).await?, []);
    assert_eq!(read.match_records_of(&one).await?, []);
    let nobody = Posting::Records(Vec::new());
    assert_eq!(read.postings(&[BLOCKING, NOBODYS], 9).await?, [nobody.clone(), nobody]);
    assert_eq!(read.judgements_of(&[1]).await?, []);
    assert_eq!(read.judgement(1).await?, None);
    assert_eq!(read.crosswalk_of(&one).await?, []);
    assert_eq!(read.documents_of(&[FROM_THE_FIRST], 9).await?, [[]]);
    assert_eq!(read.open_tasks("match.doubtful", &one).await?, [""; 0]);
    drop(read);
    assert_eq!(store.match_records_of(MINE, &one).await?, []);
    assert_eq!(store.match_records_after(MINE, 0, 9).await?, []);
    assert_eq!((store.judgements(MINE, &[], 9).await?, store.judgements(MINE, &one, 9).await?), (vec![], vec![]));
    assert_eq!(store.regroupings(MINE, 9).await?, []);
    assert_eq!(store.match_model(MINE, 0).await?, None);
    assert_eq!(store.match_models(MINE, 9).await?, []);
    decide(&*store, MINE).await?;
    knows_its_own(&*store, MINE, 2).await?;
    // What one writes under the other's numbers leaves the other's rows alone.
    let undo = Judgement { undoes: Some(1), ..judgement(JudgementKind::Undo, [1, 0], [&[1], &[]]) };
    matched(&*store, MINE, MatchWrites { links: vec![(1, vec![(4, Bits(3))])], ..MatchWrites::default() }).await?;
    let changes = MatchWrites {
        records: vec![MatchRecord { master_id: MasterId(3), ..known(MINE) }],
        links: vec![(2, Vec::new())],
        keys: vec![(BLOCKING, 4)],
        common: vec![BLOCKING],
        judgements: vec![undo],
        regrouped: Vec::new(),
        regrouping: vec![(MasterId(1), None)],
    };
    matched(&*store, MINE, changes).await?;
    let moved = Resolved { crosswalk: vec![crosswalk("erp", "C1", 3)], ..Resolved::default() };
    resolve(&*store, MINE, moved).await?;
    knows_its_own(&*store, OTHER, 1).await
}
