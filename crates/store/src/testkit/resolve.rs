//! What resolve and relay rely on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use canonical::entity::{Entity, Operation};
use master::MasterId;

use super::Context;
use super::build::{
    TENANT, arc, change, crosswalk, customer, drop_of, local, master, only, outcomes, parked, resolve, source, step,
    waiting,
};
use crate::{
    BacklogRow, Collected, CrosswalkRow, Export, LocalKey, MasterRow, MatchKeysWrite, NewParked, OutboxRow,
    OutboxWrite, ParkedStage, Position, RecordOutcome, Reserved, Resolved, SourceRow, Store, StoreError,
};

type Held = Result<(), StoreError>;

/// Long enough for a slow machine, and only waited for when a case fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub async fn what_was_committed_is_read_back(context: &mut Context) -> Held {
    let gone = MasterRow {
        state: Operation::Redirect,
        redirect: Some(MasterId(1)),
        root: MasterId(1),
        entity: Entity::Invoice,
        ..master(2, 2, "f-2")
    };
    let shadow = CrosswalkRow {
        holds: Some("{\"legal_name\":\"é\"}".into()),
        residue: Some("{}".into()),
        version: 3,
        removed: true,
        ..crosswalk("crm", "42", 1)
    };
    let removed = SourceRow { removed: true, residue: None, ..source("crm", "42", 2, (9, 1 << 40)) };
    let mut writes = customer("erp", "C1", 1, 1, "dupont", (1, 0));
    writes.sources.push(removed.clone());
    writes.crosswalk.push(shadow.clone());
    writes.masters.push(gone.clone());
    resolve(&*context.store(), TENANT, writes.clone()).await?;
    context.reopen().await?;
    let store = context.store();
    let mut read = store.begin_resolve(TENANT).await?;
    let of = read.sources_of(&[MasterId(2), MasterId(9), MasterId(1)]).await?;
    assert_eq!(of, [vec![removed], vec![], vec![writes.sources[0].clone()]]);
    let found = read.crosswalk(&[local("erp", "C1"), local("crm", "42"), local("erp", "C2")]).await?;
    assert_eq!(found, [Some(writes.crosswalk[0].clone()), Some(shadow), None]);
    let found = read.masters(&[MasterId(2), MasterId(7), MasterId(1), MasterId(u64::MAX)]).await?;
    assert_eq!(found, [Some(gone), None, Some(writes.masters[0].clone()), None]);
    Ok(())
}

pub async fn a_second_write_replaces_the_first(context: &mut Context) -> Held {
    let store = context.store();
    resolve(&*store, TENANT, customer("erp", "C1", 1, 1, "dupont", (1, 0))).await?;
    resolve(&*store, TENANT, customer("erp", "C1", 2, 5, "durand", (2, 4))).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.crosswalk(&[local("erp", "C1")]).await?, [Some(crosswalk("erp", "C1", 2))]);
    let of = read.sources_of(&[MasterId(1), MasterId(2)]).await?;
    assert_eq!(of, [vec![], vec![source("erp", "C1", 2, (2, 4))]]);
    drop(read);
    let renamed = Resolved { masters: vec![master(2, 6, "martin")], ..Resolved::default() };
    resolve(&*store, TENANT, renamed).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.masters(&[MasterId(2)]).await?, [Some(master(2, 6, "martin"))]);
    Ok(())
}

pub async fn dropping_a_resolution_changes_nothing(context: &mut Context) -> Held {
    let store = context.store();
    let mut abandoned = store.begin_resolve(TENANT).await?;
    abandoned.reserve(3, 3).await?;
    abandoned.masters(&[MasterId(1)]).await?;
    drop(abandoned);
    assert_eq!(store.outbox(10).await?, []);
    assert_eq!(store.counts(&only(TENANT)).await?.customers, 0);
    // And the next one can begin.
    resolve(&*store, TENANT, customer("erp", "C1", 4, 4, "dupont", (1, 0))).await
}

pub async fn resolutions_come_one_after_another(context: &mut Context) -> Held {
    let store = context.store();
    let key = "customer:siren:552100554".to_owned();
    let one = |store: Arc<dyn Store>, key: String| async move {
        let mut resolution = store.begin_resolve(TENANT).await?;
        let matched = resolution.matches(std::slice::from_ref(&key)).await?;
        let id = match matched[0].first() {
            Some(known) => *known,
            None => resolution.reserve(1, 1).await?.master_id,
        };
        // Whoever decides without seeing the other's decision would make a second master.
        tokio::task::yield_now().await;
        let match_keys = vec![MatchKeysWrite { master_id: id, add: vec![key], remove: Vec::new() }];
        let masters = vec![master(id.0, id.0, "dupont")];
        resolution.commit(Resolved { masters, match_keys, ..Resolved::default() }).await?;
        Ok::<_, StoreError>(id)
    };
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(one(Arc::clone(&store), key.clone()))).collect();
    for task in tasks {
        match task.await {
            Ok(id) => assert_eq!(id?, MasterId(1)),
            Err(error) => panic!("{error}"),
        }
    }
    Ok(())
}

pub async fn numbers_begin_at_one_and_never_repeat(context: &mut Context) -> Held {
    let reserved = |master_id: u64, version: u64| Reserved { master_id: MasterId(master_id), version };
    let mut first = context.store().begin_resolve(TENANT).await?;
    assert_eq!(first.reserve(2, 5).await?, reserved(1, 1));
    assert_eq!(first.reserve(0, 1).await?, reserved(3, 6));
    assert_eq!(first.reserve(1, 0).await?, reserved(3, 7));
    first.commit(customer("erp", "C1", 1, 1, "dupont", (1, 0))).await?;
    let mut lost = context.store().begin_resolve(TENANT).await?;
    assert_eq!(lost.reserve(10, 10).await?, reserved(4, 7));
    drop(lost);
    let mut other = context.store().begin_resolve("globex").await?;
    assert_eq!(other.reserve(1, 1).await?, reserved(1, 1), "each tenant has its own");
    drop(other);
    let mut next = context.store().begin_resolve(TENANT).await?;
    assert_eq!(next.reserve(1, 1).await?, reserved(14, 17), "numbers of a dropped resolution are lost");
    next.commit(Resolved::default()).await?;
    context.reopen().await?;
    let mut after = context.store().begin_resolve(TENANT).await?;
    let numbers = after.reserve(1, 1).await?;
    assert!(numbers.master_id.0 >= 15 && numbers.version >= 18, "{numbers:?}");
    Ok(())
}

pub async fn keys_that_nobody_has_lead_nowhere(context: &mut Context) -> Held {
    let store = context.store();
    let mut read = store.begin_resolve("a tenant that was never heard of").await?;
    assert_eq!(read.crosswalk(&[local("erp", "C1"), local("erp", "C2")]).await?, [None, None]);
    assert_eq!(read.matches(&["customer:vat:FR1".to_owned()]).await?, [vec![]]);
    assert_eq!(read.masters(&[MasterId(1)]).await?, [None]);
    assert_eq!(read.sources_of(&[MasterId(1), MasterId(2)]).await?, [vec![], vec![]]);
    assert_eq!(read.waiting_for(&[local("erp", "C1")]).await?, []);
    assert_eq!(read.parked_keys(&[(arc("erp"), "k".to_owned())]).await?, [vec![]]);
    Ok(())
}

pub async fn match_keys_come_and_go(context: &mut Context) -> Held {
    let store = context.store();
    let key = |name: &str| format!("customer:{name}");
    let write = |id: u64, add: &[&str], remove: &[&str]| MatchKeysWrite {
        master_id: MasterId(id),
        add: add.iter().map(|name| key(name)).collect(),
        remove: remove.iter().map(|name| key(name)).collect(),
    };
    let both = vec![write(1, &["a", "b", "b"], &[]), write(2, &["b"], &[])];
    resolve(&*store, TENANT, Resolved { match_keys: both, ..Resolved::default() }).await?;
    // A key that is taken away and added in one write is there.
    let moved = vec![write(1, &["c", "b"], &["a", "b", "never"]), write(2, &[], &["b"])];
    resolve(&*store, TENANT, Resolved { match_keys: moved, ..Resolved::default() }).await?;
    let many = (100..200).map(|id| write(id, &["many"], &[])).collect();
    resolve(&*store, TENANT, Resolved { match_keys: many, ..Resolved::default() }).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    let found = read.matches(&[key("b"), key("a"), key("c"), key("many")]).await?;
    assert_eq!(found[..3], [vec![MasterId(1)], vec![], vec![MasterId(1)]]);
    assert_eq!(found[3].len(), 64, "more are cut off");
    Ok(())
}

pub async fn sources_of_a_master_are_complete(context: &mut Context) -> Held {
    let store = context.store();
    let in_stream = |stream: &str, row: SourceRow| SourceRow { stream: stream.into(), ..row };
    let rows = vec![
        in_stream("z", source("crm", "9", 1, (1, 1))),
        in_stream("a", source("erp", "C1", 1, (1, 2))),
        SourceRow { removed: true, ..in_stream("m", source("erp", "C1", 1, (1, 3))) },
        in_stream("a", source("erp", "C2", 2, (1, 4))),
    ];
    resolve(&*store, TENANT, Resolved { sources: rows.clone(), ..Resolved::default() }).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    let found = read.sources_of(&[MasterId(2), MasterId(3), MasterId(1)]).await?;
    let of_one = vec![rows[1].clone(), rows[2].clone(), rows[0].clone()];
    assert_eq!(found, [vec![rows[3].clone()], vec![], of_one]);
    Ok(())
}

pub async fn waiting_documents_keep_their_order(context: &mut Context) -> Held {
    let rows = vec![waiting("F1", "C1", 0), waiting("F2", "C2", 1), waiting("F3", "C1", 2)];
    resolve(&*context.store(), TENANT, Resolved { waiting: rows, ..Resolved::default() }).await?;
    let later = vec![waiting("F4", "C1", 3)];
    resolve(&*context.store(), TENANT, Resolved { waiting: later, ..Resolved::default() }).await?;
    context.reopen().await?;
    let store = context.store();
    let mut read = store.begin_resolve(TENANT).await?;
    let found =
        read.waiting_for(&[local("erp", "C2"), local("erp", "C1"), local("crm", "C1"), local("erp", "C1")]).await?;
    let keys: Vec<_> = found.iter().map(|row| row.local.key.as_str()).collect();
    assert_eq!(keys, ["F1", "F2", "F3", "F4"]);
    assert!(found.is_sorted_by_key(|row| row.number));
    let mut expected = waiting("F1", "C1", 0);
    expected.number = found[0].number;
    assert_eq!(found[0], expected);
    let released = vec![found[0].number, found[2].number, 9999];
    read.commit(Resolved { released, ..Resolved::default() }).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    let left = read.waiting_for(&[local("erp", "C1"), local("erp", "C2")]).await?;
    let keys: Vec<_> = left.iter().map(|row| row.local.key.as_str()).collect();
    assert_eq!(keys, ["F2", "F4"]);
    let records: Vec<_> = found.iter().map(|row| row.local.clone()).collect();
    let of_records = read.waiting_of(&records).await?;
    assert_eq!(of_records, [found[1].clone(), found[3].clone()]);
    assert_eq!(read.waiting_of(&[local("erp", "C1")]).await?, []);
    Ok(())
}

pub async fn parked_keys_block(context: &mut Context) -> Held {
    let store = context.store();
    let at = Some(Position { drop: 4, ordinal: 7 });
    let first = NewParked { position: at, ..parked(ParkedStage::Observed, "erp", "k1") };
    let newer = NewParked { event: b"newer".to_vec(), ..first.clone() };
    let rows = vec![first, newer, parked(ParkedStage::Delivery, "erp", "k2")];
    resolve(&*store, TENANT, Resolved { parked: rows, ..Resolved::default() }).await?;
    let asked = [(arc("erp"), "k1".to_owned()), (arc("erp"), "k2".to_owned()), (arc("crm"), "k1".to_owned())];
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.parked_keys(&asked).await?, [vec![at, at], vec![], vec![]]);
    let here = Position { drop: 4, ordinal: 7 };
    assert_eq!(read.parked_at(&asked[0], here).await?, Some(b"newer".to_vec()));
    assert_eq!(read.parked_at(&asked[0], Position { ordinal: 8, ..here }).await?, None);
    assert_eq!(read.parked_at(&asked[2], here).await?, None);
    drop(read);
    let parked = store.parked(&only(TENANT)).await?;
    let unparked = parked.iter().filter(|one| one.stage == ParkedStage::Observed).map(|one| one.number).collect();
    resolve(&*store, TENANT, Resolved { unparked, ..Resolved::default() }).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.parked_keys(&asked).await?, [vec![], vec![], vec![]]);
    assert_eq!(read.parked_at(&asked[0], here).await?, None);
    Ok(())
}

pub async fn outcomes_of_several_drops_are_added(context: &mut Context) -> Held {
    let store = context.store();
    let first = store.open_drop(drop_of("a", 1, Export::Delta)).await?.number;
    store.commit_collected(Collected { outcomes: outcomes(5, 5, &[]), ..step(first) }).await?;
    let second = store.open_drop(drop_of("b", 2, Export::Delta)).await?.number;
    store.commit_collected(Collected { outcomes: outcomes(1, 1, &[]), ..step(second) }).await?;
    let created = outcomes(0, -2, &[(RecordOutcome::Created, 2)]);
    let waits = outcomes(0, -1, &[(RecordOutcome::Waiting, 1)]);
    let both = BTreeMap::from([(first, created), (second, waits)]);
    resolve(&*store, TENANT, Resolved { outcomes: both, ..Resolved::default() }).await?;
    // A released one was waiting and is created.
    let released = outcomes(0, 0, &[(RecordOutcome::Waiting, -1), (RecordOutcome::Created, 1)]);
    resolve(&*store, TENANT, Resolved { outcomes: BTreeMap::from([(second, released)]), ..Resolved::default() })
        .await?;
    let drops = store.drops(&only(TENANT)).await?;
    assert_eq!(drops[1].outcomes, outcomes(5, 3, &[(RecordOutcome::Created, 2)]));
    assert_eq!(drops[0].outcomes, outcomes(1, 0, &[(RecordOutcome::Created, 1)]));
    Ok(())
}

pub async fn outcomes_may_come_before_the_step(context: &mut Context) -> Held {
    let store = context.store();
    let drop = store.open_drop(drop_of("a", 1, Export::Delta)).await?.number;
    let updated = BTreeMap::from([(drop, outcomes(0, -3, &[(RecordOutcome::Updated, 3)]))]);
    resolve(&*store, TENANT, Resolved { outcomes: updated, ..Resolved::default() }).await?;
    store.commit_collected(Collected { outcomes: outcomes(3, 3, &[]), ..step(drop) }).await?;
    let shown = &store.drops(&only(TENANT)).await?[0];
    assert_eq!(shown.outcomes, outcomes(3, 0, &[(RecordOutcome::Updated, 3)]));
    assert!(shown.outcomes.adds_up());
    Ok(())
}

fn ids(rows: &[OutboxRow]) -> Vec<(u64, u64)> {
    rows.iter().map(|row| (row.master.master_id.0, row.master.version)).collect()
}

pub async fn a_backlog_is_in_order_and_coalesced(context: &mut Context) -> Held {
    let store = context.store();
    for (id, version) in [(3, 1), (1, 2), (2, 3)] {
        let writes = Resolved {
            masters: vec![master(id, version, "x")],
            outbox: vec![change(id, version)],
            ..Resolved::default()
        };
        resolve(&*store, TENANT, writes).await?;
    }
    let rows = store.outbox(10).await?;
    let places = |rows: &[BacklogRow]| rows.iter().map(|row| row.change.master.master_id.0).collect::<Vec<_>>();
    store.add_to_backlog("crm", &rows[..2]).await?;
    store.add_to_backlog("erp", &rows[2..]).await?;
    store.add_to_backlog("crm", &rows).await?;
    let read = store.backlog(TENANT, "crm", 10).await?;
    assert_eq!(places(&read), [3, 1, 2]);
    assert_eq!(read[0].change.systems.as_deref(), Some(&["crm".into()][..]));
    assert_eq!(read[0].change.master, rows[0].master);
    assert_eq!(places(&store.backlog(TENANT, "crm", 2).await?), [3, 1]);
    assert_eq!(places(&store.backlog(TENANT, "erp", 2).await?), [2]);
    assert_eq!(store.backlog("another", "crm", 2).await?, []);
    // One that is noted again after it was read stays.
    store.add_to_backlog("crm", &rows[1..2]).await?;
    store.backlog_done(&read).await?;
    assert_eq!(
        (places(&store.backlog(TENANT, "crm", 10).await?), store.backlog_count(TENANT, "crm").await?),
        (vec![1], 1)
    );
    store.backlog_done(&store.backlog(TENANT, "crm", 10).await?).await?;
    assert_eq!((store.backlog_count(TENANT, "crm").await?, store.backlog_count(TENANT, "erp").await?), (0, 1));
    Ok(())
}

pub async fn the_outbox_is_in_order_and_coalesced(context: &mut Context) -> Held {
    for (id, version) in [(3, 1), (1, 2), (2, 3), (1, 4)] {
        let writes = Resolved {
            masters: vec![master(id, version, "x")],
            outbox: vec![change(id, version)],
            ..Resolved::default()
        };
        resolve(&*context.store(), TENANT, writes).await?;
    }
    context.reopen().await?;
    let store = context.store();
    let rows = store.outbox(10).await?;
    assert_eq!(ids(&rows), [(3, 1), (1, 4), (2, 3)], "one message per master, at the place of its oldest change");
    assert_eq!(rows[1].master, master(1, 4, "x"));
    assert_eq!((&*rows[0].tenant, &rows[0].systems), (TENANT, &None));
    assert_eq!(ids(&store.outbox(2).await?), [(3, 1), (1, 4)]);
    store.outbox_done(&rows[..2]).await?;
    assert_eq!(ids(&store.outbox(10).await?), [(2, 3)]);
    store.outbox_done(&rows).await?;
    store.outbox_done(&rows).await?;
    assert_eq!(store.outbox(10).await?, []);
    Ok(())
}

pub async fn a_confirmation_of_an_older_change_keeps_the_newer(context: &mut Context) -> Held {
    let store = context.store();
    let write = |version: u64| Resolved {
        masters: vec![master(1, version, "x")],
        outbox: vec![change(1, version)],
        ..Resolved::default()
    };
    resolve(&*store, TENANT, write(1)).await?;
    let old = store.outbox(10).await?;
    resolve(&*store, TENANT, write(2)).await?;
    store.outbox_done(&old).await?;
    let new = store.outbox(10).await?;
    assert_eq!(ids(&new), [(1, 2)]);
    store.outbox_done(&new).await?;
    // A change that comes after everything was done is not taken for the one that was.
    resolve(&*store, TENANT, write(2)).await?;
    store.outbox_done(&old).await?;
    store.outbox_done(&new).await?;
    assert_eq!(ids(&store.outbox(10).await?), [(1, 2)]);
    Ok(())
}

pub async fn changes_for_one_system_are_united(context: &mut Context) -> Held {
    let store = context.store();
    let to = |id: u64, system: Option<&str>| OutboxWrite { system: system.map(arc), ..change(id, 1) };
    let outbox = vec![
        to(1, Some("crm")),
        to(1, Some("billing")),
        to(1, Some("crm")),
        to(2, Some("crm")),
        to(2, None),
        to(3, None),
        to(3, Some("crm")),
    ];
    let masters = vec![master(1, 1, "x"), master(2, 1, "x"), master(3, 1, "x")];
    resolve(&*store, TENANT, Resolved { outbox, masters, ..Resolved::default() }).await?;
    let mut rows = store.outbox(10).await?;
    if let Some(systems) = &mut rows[0].systems {
        systems.sort();
    }
    let systems: Vec<_> = rows.iter().map(|row| row.systems.clone()).collect();
    assert_eq!(systems, [Some(vec![arc("billing"), arc("crm")]), None, None]);
    // A system that is added while the message is on its way is not lost with the confirmation.
    let later = Resolved { outbox: vec![to(1, Some("erp"))], ..Resolved::default() };
    resolve(&*store, TENANT, later).await?;
    store.outbox_done(&rows).await?;
    let left = store.outbox(10).await?;
    assert_eq!(ids(&left), [(1, 1)]);
    assert!(left[0].systems.iter().flatten().any(|system| **system == *"erp"));
    Ok(())
}

pub async fn the_outbox_wakes_the_relay(context: &mut Context) -> Held {
    let store = context.store();
    // Whether the change comes before or during the wait.
    for id in [1, 2] {
        let relay = Arc::clone(&store);
        let wait = tokio::spawn(async move {
            while relay.outbox(1).await?.is_empty() {
                relay.outbox_changed().await;
            }
            Ok::<_, StoreError>(())
        });
        if id == 2 {
            tokio::task::yield_now().await;
        }
        resolve(&*store, TENANT, customer("erp", "C", id, id, "x", (1, id))).await?;
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(Ok(outcome)) => outcome?,
            other => panic!("the relay sleeps on: {other:?}"),
        }
        store.outbox_done(&store.outbox(10).await?).await?;
    }
    Ok(())
}

pub async fn declared_entities_are_kept(context: &mut Context) -> Held {
    let entity = Entity::Declared("stock-item".into());
    let item = LocalKey { entity: entity.clone(), ..local("wms", "A1") };
    let writes = Resolved {
        crosswalk: vec![CrosswalkRow { local: item.clone(), ..crosswalk("wms", "A1", 1) }],
        masters: vec![MasterRow { entity, ..master(1, 1, "bolt") }],
        ..Resolved::default()
    };
    resolve(&*context.store(), TENANT, writes.clone()).await?;
    context.reopen().await?;
    let store = context.store();
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.crosswalk(&[item, local("wms", "A1")]).await?, [Some(writes.crosswalk[0].clone()), None]);
    assert_eq!(read.masters(&[MasterId(1)]).await?, [Some(writes.masters[0].clone())]);
    drop(read);
    let counts = store.counts(&only(TENANT)).await?;
    assert_eq!((counts.customers, counts.documents), (0, 1));
    Ok(())
}
