//! Short ways to the values that cases are made of.

use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use canonical::record::ContentHash;
use jiff::Timestamp;
use master::MasterId;

use crate::{
    Collected, CrosswalkRow, DropEnd, DropJudgement, DropNumber, Export, Filter, JournalEntry, JournalKind, LocalKey,
    MasterRow, NewDrop, NewParked, NewReject, OutboxWrite, Outcomes, ParkedStage, Position, PublishedRecord,
    RecordOutcome, Resolved, SourceRow, Store, StoreError, StreamKey, WaitingRow,
};

/// The tenant of most cases.
pub const TENANT: &str = "acme";

/// Seconds after a fixed time, with a few nanoseconds, so that a backend that rounds is found out.
pub fn at(second: i64) -> Timestamp {
    Timestamp::new(1_790_000_000 + second, 123_456_789).unwrap_or(Timestamp::UNIX_EPOCH)
}

pub fn stream() -> StreamKey {
    stream_of(TENANT, "erp", "customers")
}

pub fn stream_of(tenant: &str, system: &str, stream: &str) -> StreamKey {
    StreamKey { tenant: tenant.into(), system: system.into(), stream: stream.into() }
}

/// A drop of [`stream`] whose content is told apart by one byte.
pub fn drop_of(name: &str, content: u8, export: Export) -> NewDrop {
    NewDrop {
        stream: stream(),
        name: name.to_owned(),
        fingerprint: Some(ContentHash([content; 16])),
        bytes: Some(1000),
        export,
        mapping: "mapping-1".to_owned(),
        at: at(0),
        again: false,
    }
}

/// A step with nothing in it.
pub fn step(drop: DropNumber) -> Collected {
    Collected {
        stream: stream(),
        drop,
        checkpoint: None,
        published: Vec::new(),
        ordinals: Vec::new(),
        seen: Vec::new(),
        removed: Vec::new(),
        rejects: Vec::new(),
        tasks: Vec::new(),
        outcomes: Outcomes::default(),
        end: None,
        at: at(1),
    }
}

/// Opens a drop and accepts it at once with this many unchanged records.
pub async fn accept(store: &dyn Store, drop: NewDrop, records: i64) -> Result<DropNumber, StoreError> {
    let stream = drop.stream.clone();
    let opened = store.open_drop(drop).await?;
    assert_eq!(opened.judgement, DropJudgement::New, "a drop that should be new");
    let mut outcomes = Outcomes { read: records, rows: records, ..Outcomes::default() };
    outcomes.add(RecordOutcome::Unchanged, records);
    let end = Some(DropEnd::Accepted);
    store.commit_collected(Collected { stream, outcomes, end, ..step(opened.number) }).await?;
    Ok(opened.number)
}

pub fn published(key: &str, content: u8) -> PublishedRecord {
    PublishedRecord { key: key.to_owned(), hash: [content; 16], partition: u32::from(content) }
}

pub fn reject(ordinal: u64, key: Option<&str>) -> NewReject {
    NewReject {
        ordinal,
        file: Some("customers.csv".to_owned()),
        line: Some(ordinal + 2),
        key: key.map(str::to_owned),
        code: "mapping.value".to_owned(),
        reason: "siret: not a SIRET".to_owned(),
        raw: b"C1;Dupont;\xe9\x00".to_vec(),
    }
}

pub fn local(system: &str, key: &str) -> LocalKey {
    LocalKey { system: system.into(), entity: Entity::Customer, key: key.to_owned() }
}

pub fn source(system: &str, key: &str, master_id: u64, position: (DropNumber, u64)) -> SourceRow {
    SourceRow {
        local: local(system, key),
        stream: "customers".into(),
        master_id: MasterId(master_id),
        document: format!("{{\"legal_name\":\"{key} at {system}\"}}").into(),
        mapping: "mapping-1".into(),
        asserted: "{}".into(),
        residue: Some("{\"json\":{\"fax\":\"0\"}}".into()),
        position: Position { drop: position.0, ordinal: position.1 },
        observed_at: at(2),
        removed: false,
    }
}

pub fn crosswalk(system: &str, key: &str, master_id: u64) -> CrosswalkRow {
    CrosswalkRow {
        local: local(system, key),
        master_id: MasterId(master_id),
        holds: None,
        residue: None,
        version: 0,
        removed: false,
        earlier: Vec::new(),
    }
}

pub fn master(id: u64, version: u64, search: &str) -> MasterRow {
    MasterRow {
        master_id: MasterId(id),
        entity: Entity::Customer,
        document: format!("{{\"legal_name\":\"{search}\",\"version\":{version}}}").into(),
        version,
        state: Operation::Upsert,
        redirect: None,
        root: MasterId(id),
        search: search.into(),
    }
}

/// A change for all subscribers.
pub fn change(id: u64, version: u64) -> OutboxWrite {
    OutboxWrite { master_id: MasterId(id), version, system: None }
}

pub fn entry(kind: JournalKind, system: &str, master_id: u64) -> JournalEntry {
    JournalEntry {
        at: at(3),
        kind,
        system: system.into(),
        entity: Entity::Customer,
        key: None,
        master_id: Some(MasterId(master_id)),
        version: Some(1),
        position: None,
        line: None,
        detail: None,
    }
}

/// An invoice that waits for a customer of the ERP.
pub fn waiting(key: &str, needs: &str, ordinal: u64) -> WaitingRow {
    WaitingRow {
        number: 0,
        needs: local("erp", needs),
        local: LocalKey { system: "billing".into(), entity: Entity::Invoice, key: key.to_owned() },
        stream: "invoices".into(),
        position: Position { drop: 1, ordinal },
        event: key.as_bytes().to_vec(),
        since: at(4),
    }
}

pub fn parked(stage: ParkedStage, system: &str, key: &str) -> NewParked {
    NewParked {
        stage,
        system: system.into(),
        key: key.to_owned(),
        entity: Entity::Customer,
        master_id: None,
        version: None,
        position: None,
        code: "refused".to_owned(),
        reason: Some("the document is refused".to_owned()),
        needs: None,
        task: None,
        event: b"event".to_vec(),
        at: at(5),
    }
}

/// One committed resolution of a tenant.
pub async fn resolve(store: &dyn Store, tenant: &str, writes: Resolved) -> Result<(), StoreError> {
    store.begin_resolve(tenant).await?.commit(writes).await
}

/// A customer of one system with everything that resolve writes for it.
pub fn customer(system: &str, key: &str, id: u64, version: u64, search: &str, position: (DropNumber, u64)) -> Resolved {
    let created = JournalEntry {
        key: Some(key.to_owned()),
        version: Some(version),
        position: Some(Position { drop: position.0, ordinal: position.1 }),
        line: Some(position.1 + 2),
        ..entry(JournalKind::Created, system, id)
    };
    Resolved {
        sources: vec![source(system, key, id, position)],
        crosswalk: vec![crosswalk(system, key, id)],
        masters: vec![master(id, version, search)],
        outbox: vec![change(id, version)],
        journal: vec![created],
        ..Resolved::default()
    }
}

pub fn outcomes(read: i64, in_flight: i64, ended: &[(RecordOutcome, i64)]) -> Outcomes {
    let mut outcomes = Outcomes { read, rows: read, in_flight, ..Outcomes::default() };
    for (outcome, count) in ended {
        outcomes.add(*outcome, *count);
    }
    outcomes
}

pub fn only(tenant: &str) -> Filter {
    Filter { tenant: Some(tenant.to_owned()), ..Filter::default() }
}

pub fn arc(text: &str) -> Arc<str> {
    text.into()
}
