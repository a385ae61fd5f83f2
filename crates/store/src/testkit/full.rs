//! A store with a row in every table and a value in every column, for tests that move or compare whole stores.

use canonical::attachment::Attachment;
use canonical::entity::{Entity, Operation};
use master::MasterId;
use master::matching::{Bits, BlockingKey};
use roaring::RoaringTreemap;

use super::build::{
    TENANT, arc, at, change, crosswalk, customer, drop_of, entry, master, only, outcomes, parked, published, reject,
    source, step, stream, stream_of, waiting,
};
use super::matching::{judgement, match_record};
use crate::{
    Attempt, Collected, Command, CrosswalkRow, Decision, Delivered, DropEnd, DropNumber, Export, JournalEntry,
    JournalKind, Judgement, JudgementKind, MasterRow, MatchKeysWrite, MatchRecord, MatchWrites, Member, NeededKey,
    NewParked, NewReject, NewTask, OutboxWrite, ParkedStage, Position, RecordOutcome, Resolved, SourceRow, Store,
    StoreError, TargetState, TaskClosing,
};

/// Text that not every engine can hold as it is.
pub const ODD: &str = "a\0b\u{fdd0}0é";

/// A document with such text: raw where JSON allows it, and as an escape.
const ODD_DOCUMENT: &str = "{\"legal_name\":\"\u{fdd0}1 \\u0000 é\"}";

/// The other tenant of a full store; most is of `acme`.
pub const OTHER_TENANT: &str = "globex";

/// Fills an empty store through its contract, as the stages of a hub would.
///
/// There are rows of everything that a hub keeps, some numbers were given out and their rows are gone, and texts hold
/// what an engine may have to write otherwise.
///
/// # Errors
///
/// Those of the store.
pub async fn fill(store: &dyn Store) -> Result<(), StoreError> {
    let drop = collect(store).await?;
    resolve(store, drop).await?;
    decide(store).await?;
    deliver(store, drop).await?;
    operate(store).await?;
    store.save_attachments(TENANT, vec![Attachment { hash: "a".repeat(64), bytes: vec![0, 0xff] }]).await?;
    // As if its bus had been lost.
    store.mark_lost().await?;
    let other = Resolved { masters: vec![master(1, 1, "globex")], ..Resolved::default() };
    let mut resolution = store.begin_resolve(OTHER_TENANT).await?;
    resolution.reserve(1, 1).await?;
    resolution.commit(other).await
}

/// An accepted drop, its repetition, and one that is half read; returns the first.
async fn collect(store: &dyn Store) -> Result<DropNumber, StoreError> {
    let covers = ["legal_name".to_owned(), "siret".to_owned()];
    store.save_mapping_version("mapping-1", ODD, &covers).await?;
    let first = store.open_drop(drop_of("a.csv", 1, Export::Full)).await?.number;
    let odd = NewReject {
        file: Some(ODD.to_owned()),
        code: "mapping.value".to_owned(),
        reason: format!("because of {ODD}"),
        ..reject(2, Some(ODD))
    };
    let read = outcomes(5, 0, &[(RecordOutcome::Created, 3), (RecordOutcome::Rejected, 2)]);
    let accepted = Collected {
        checkpoint: Some(serde_json::json!({"file": "a.csv", "odd": "\u{fdd0}"})),
        published: vec![published("C1", 1), published(ODD, 2), published("", 3)],
        rejects: vec![reject(1, None), odd],
        outcomes: read,
        end: Some(DropEnd::Accepted),
        ..step(first)
    };
    store.commit_collected(accepted).await?;
    store.open_drop(drop_of(ODD, 1, Export::Full)).await?;
    store.note_run(&stream(), at(6), None).await?;
    store.note_run(&stream(), at(7), Some(ODD)).await?;
    store.note_run(&stream_of(TENANT, "crm", "contacts"), at(6), None).await?;
    let open = store.open_drop(drop_of("c.csv", 3, Export::Full)).await?.number;
    let half = Collected {
        published: vec![published("C4", 4), published("C5", 5)],
        ordinals: positions(&[0, 1])?,
        outcomes: outcomes(2, 2, &[]),
        ..step(open)
    };
    let removed = store.commit_collected(half).await?.into_iter().take(1).collect();
    store.commit_collected(Collected { removed, outcomes: outcomes(1, 1, &[]), ..step(open) }).await?;
    Ok(first)
}

/// Positions in a drop, as collect writes them.
fn positions(positions: &[u64]) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let written = positions.iter().collect::<RoaringTreemap>().serialize_into(&mut bytes);
    written.map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(bytes)
}

async fn resolve(store: &dyn Store, drop: DropNumber) -> Result<(), StoreError> {
    let mut resolution = store.begin_resolve(TENANT).await?;
    resolution.reserve(7, 9).await?;
    let mut writes = customer("erp", "C1", 1, 1, &format!("dupont {ODD}"), (drop, 0));
    // Within JSON, what some engines cannot hold is an escape already.
    writes.masters[0].document = ODD_DOCUMENT.into();
    writes.sources.push(SourceRow { document: ODD_DOCUMENT.into(), ..source("erp", ODD, 2, (drop, 1)) });
    writes.crosswalk.push(CrosswalkRow { version: 2, residue: Some(ODD_DOCUMENT.into()), ..crosswalk("erp", ODD, 2) });
    let invoice =
        MasterRow { entity: Entity::Invoice, root: MasterId(1), document: ODD_DOCUMENT.into(), ..master(3, 3, "f1") };
    let supplier = MasterRow { entity: Entity::Declared(arc("supplier")), ..master(4, 4, "supplier") };
    let redirected =
        MasterRow { state: Operation::Redirect, redirect: Some(MasterId(1)), ..master(5, 5, "dupont old") };
    writes.masters.extend([master(2, 2, "durand"), invoice, supplier, redirected]);
    let key = |id, key: &str| MatchKeysWrite { master_id: MasterId(id), add: vec![key.to_owned()], remove: vec![] };
    writes.match_keys = vec![key(1, "customer:siren:552100554"), key(2, ODD), key(2, "customer:siren:552100554")];
    writes.outbox.extend([change(2, 2), OutboxWrite { system: Some(arc("crm")), ..change(3, 3) }]);
    writes.journal.push(JournalEntry {
        key: Some(ODD.to_owned()),
        detail: Some(ODD.to_owned()),
        position: Some(Position { drop, ordinal: 1 }),
        line: Some(3),
        ..entry(JournalKind::Linked, "erp", 2)
    });
    writes.waiting = vec![waiting("F1", "C9", 2), waiting(ODD, ODD, 3)];
    let position = Some(Position { drop, ordinal: 4 });
    writes.parked = vec![NewParked { position, ..parked(ParkedStage::Observed, "erp", ODD) }];
    resolution.commit(writes).await
}

/// Who is who: two records, one of which moved, what was decided about them, and a key that leads nowhere.
async fn decide(store: &dyn Store) -> Result<(), StoreError> {
    let odd = MatchRecord {
        evidence: ODD_DOCUMENT.into(),
        common: vec![BlockingKey(u64::MAX)],
        links: vec![(7, Bits(-1))],
        ..match_record(6, ODD, 2)
    };
    let merge = Judgement { by: None, model: Some(1), ..judgement(JudgementKind::Merge, [1, 2], [&[6], &[7]]) };
    let apart = Judgement {
        by: Some(ODD.to_owned()),
        reason: Some(ODD.to_owned()),
        ..judgement(JudgementKind::Split, [1, 2], [&[6], &[7]])
    };
    let undo = Judgement { undoes: Some(1), ..judgement(JudgementKind::Undo, [1, 0], [&[6], &[]]) };
    let matching = MatchWrites {
        records: vec![odd, match_record(7, "C1", 1)],
        links: vec![(8, vec![(6, Bits(i32::MIN))])],
        keys: vec![(BlockingKey(1 << 63), 6), (BlockingKey(1 << 63), 7), (BlockingKey(1), 7)],
        common: vec![BlockingKey(u64::MAX)],
        judgements: vec![merge, apart, undo],
        regrouped: vec![MasterId(1), MasterId(2)],
        regrouping: Vec::new(),
    };
    let moved = CrosswalkRow { version: 2, residue: Some(ODD_DOCUMENT.into()), ..crosswalk("erp", ODD, 1) };
    let first = Resolved { crosswalk: vec![moved.clone()], matching, ..Resolved::default() };
    super::build::resolve(store, TENANT, first).await?;
    let regrouping = vec![(MasterId(1), Some(MasterId(3)))];
    let matching = MatchWrites { regrouping, ..MatchWrites::default() };
    let back = CrosswalkRow { master_id: MasterId(2), ..moved };
    super::build::resolve(store, TENANT, Resolved { crosswalk: vec![back], matching, ..Resolved::default() }).await?;
    store.add_match_model(TENANT, 1, ODD_DOCUMENT, at(7)).await
}

/// A line of parked deliveries, what was delivered before and after, and a call whose end nobody knows.
async fn deliver(store: &dyn Store, drop: DropNumber) -> Result<(), StoreError> {
    let attempt = |batch: &str| Attempt {
        batch: batch.to_owned(),
        tenant: TENANT.into(),
        system: "crm".into(),
        members: vec![Member {
            master_id: MasterId(1),
            root: MasterId(1),
            entity: Entity::Customer,
            version: 1,
            operation: Operation::Upsert,
            local_key: Some(ODD.to_owned()),
            projection: ODD_DOCUMENT.to_owned(),
            residue: None,
        }],
        at: at(8),
    };
    let held = |holds: &str| CrosswalkRow { holds: Some(holds.into()), version: 1, ..crosswalk("crm", "42", 1) };
    for (batch, holds) in [("b1", "{\"n\":1}"), ("b2", ODD_DOCUMENT)] {
        store.begin_attempt(&attempt(batch)).await?;
        let delivered = JournalEntry { at: at(9), ..entry(JournalKind::Delivered, "crm", 1) };
        let end =
            Delivered { crosswalk: vec![held(holds)], is_read: true, journal: vec![delivered], ..Delivered::default() };
        store.finish_attempt(TENANT, "crm", Some(batch), end).await?;
    }
    store.begin_attempt(&attempt("b3")).await?;
    // The last number of these goes to one whose row does not stay.
    store.begin_attempt(&attempt("b4")).await?;
    store.finish_attempt(TENANT, "crm", Some("b4"), Delivered::default()).await?;
    let task = |subject: &str| NewTask {
        subject: subject.to_owned(),
        code: "delivery.refused".to_owned(),
        question: ODD.to_owned(),
        system: "crm".into(),
        master_id: Some(MasterId(3)),
        other: Some(MasterId(2)),
        rank: 1,
        detail: Some(ODD.to_owned()),
        at: at(10),
        ..NewTask::default()
    };
    let refused = |id, task: &str| NewParked {
        master_id: Some(MasterId(id)),
        version: Some(id),
        reason: Some(ODD.to_owned()),
        task: Some(task.to_owned()),
        event: task.as_bytes().to_vec(),
        ..parked(ParkedStage::Delivery, "crm", "m2")
    };
    let needing = NewParked {
        needs: Some(NeededKey { system: arc("bank"), master_id: MasterId(2) }),
        position: Some(Position { drop, ordinal: 1 }),
        ..parked(ParkedStage::Delivery, "crm", "m1")
    };
    let behind = NewParked { reason: None, ..refused(3, "behind") };
    let end = Delivered {
        parked: vec![refused(2, ODD), behind, needing, refused(4, "for a moment")],
        tasks: vec![task(ODD), task("answered"), task("for a moment")],
        journal: vec![entry(JournalKind::Refused, "crm", 3)],
        ..Delivered::default()
    };
    store.finish_attempt(TENANT, "crm", None, end).await?;
    let momentary = store.parked(&only(TENANT)).await?;
    let momentary: Vec<u64> =
        momentary.iter().filter(|row| row.master_id == Some(MasterId(4))).map(|row| row.number).collect();
    store.unpark(&momentary, false, at(11)).await?;
    let tasks = store.tasks(&only(TENANT).into()).await?;
    let answered = tasks.iter().find(|task| task.subject == "answered").map(|task| task.number);
    let (reason, by) = (ODD.to_owned(), ODD.to_owned());
    let closing = TaskClosing { decision: Decision::NotTheSame, reason, by, at: at(11) };
    store.close_tasks(None, answered.as_slice(), &closing).await?;
    store.set_target_state(TENANT, "crm", TargetState::Halted, Some(ODD), at(11)).await?;
    let on_its_way = store.outbox(2).await?;
    store.add_to_backlog("crm", &on_its_way).await?;
    store.add_to_backlog("crm", &on_its_way[..1]).await
}

async fn operate(store: &dyn Store) -> Result<(), StoreError> {
    let pause = |system: &str| Command::Pause { system: system.to_owned() };
    let first = store.submit(&pause("crm"), at(12)).await?;
    store.submit(&pause("\u{fdd0}"), at(13)).await?;
    store.answer(first, Err(ODD)).await
}
