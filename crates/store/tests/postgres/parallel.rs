//! Several hubs on one store, at the same time: two stores in this process share nothing but the server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use canonical::entity::{Entity, Operation};
use jiff::Timestamp;
use master::MasterId;
use store::postgres::PostgresStore;
use store::{
    CrosswalkRow, DeliverStore, Delivered, Filter, LocalKey, MasterRow, MatchKeysWrite, NeededKey, NewParked,
    OperateStore, OutboxWrite, ParkedStage, Position, ResolveStore, Resolved, SourceRow, Store, StoreError, WaitingRow,
};

use super::server::{Server, server};

pub const TENANT: &str = "acme";
const PATIENCE: Duration = Duration::from_secs(30);

/// Two hubs on one store.
pub async fn hubs(server: &Server) -> [Arc<PostgresStore>; 2] {
    let options = server.options();
    let open = || async { PostgresStore::open(&server.url(), options.clone()).await.unwrap() };
    [open().await, open().await]
}

pub fn local(system: &str, key: &str) -> LocalKey {
    LocalKey { system: system.into(), entity: Entity::Customer, key: key.to_owned() }
}

pub fn master(id: MasterId, version: u64) -> MasterRow {
    MasterRow {
        master_id: id,
        entity: Entity::Customer,
        document: format!("{{\"version\":{version}}}").into(),
        version,
        state: Operation::Upsert,
        redirect: None,
        root: id,
        search: "dupont".into(),
    }
}

pub fn crosswalk(local: LocalKey, master_id: MasterId) -> CrosswalkRow {
    CrosswalkRow { local, master_id, holds: None, earlier: Vec::new(), residue: None, version: 0, removed: false }
}

fn source(local: LocalKey, master_id: MasterId, ordinal: u64) -> SourceRow {
    SourceRow {
        local,
        stream: "customers".into(),
        master_id,
        document: "{}".into(),
        mapping: "mapping-1".into(),
        asserted: "{}".into(),
        residue: None,
        position: Position { drop: 1, ordinal },
        observed_at: Timestamp::UNIX_EPOCH,
        removed: false,
    }
}

/// What one resolution did for one customer.
#[derive(Debug)]
struct Done {
    master_id: MasterId,
    version: u64,
    created: bool,
    conflicts: u32,
}

/// Resolves what one system shows of the customer of a round, with the calls of the hub in the hub's order.
async fn resolve_once(store: &dyn Store, system: &str, round: u64) -> Result<Done, StoreError> {
    let here = local(system, &format!("C{round}"));
    let mut resolution = store.begin_resolve(TENANT).await?;
    let known = resolution.crosswalk(std::slice::from_ref(&here)).await?;
    let key = format!("customer:siren:{round}");
    let matched = resolution.matches(std::slice::from_ref(&key)).await?;
    let mut ids: Vec<MasterId> = known.iter().flatten().map(|row| row.master_id).chain(matched[0].clone()).collect();
    ids.sort_unstable();
    ids.dedup();
    let masters = resolution.masters(&ids).await?;
    let sources = resolution.sources_of(&ids).await?;
    let blocked = resolution.parked_keys(&[(here.system.clone(), format!("customer/{}", here.key))]).await?;
    assert_eq!(blocked, [vec![]]);
    resolution.waiting_of(std::slice::from_ref(&here)).await?;
    resolution.waiting_for(std::slice::from_ref(&here)).await?;
    let reserved = resolution.reserve(1, 1).await?;
    // Whoever decides without seeing the other's decision makes a second master.
    tokio::task::yield_now().await;
    let before = masters.into_iter().flatten().next();
    let created = before.is_none();
    let master_id = before.as_ref().map_or(reserved.master_id, |row| row.master_id);
    if let Some(before) = &before {
        assert!(before.version < reserved.version, "a version went back");
        assert!(!sources[0].is_empty(), "a master is seen without its sources");
    }
    let mut writes = Resolved {
        masters: vec![master(master_id, reserved.version)],
        sources: vec![source(here.clone(), master_id, round)],
        crosswalk: vec![crosswalk(here, master_id)],
        outbox: vec![OutboxWrite { master_id, version: reserved.version, system: None }],
        ..Resolved::default()
    };
    if created {
        writes.match_keys.push(MatchKeysWrite { master_id, add: vec![key], remove: Vec::new() });
    }
    resolution.commit(writes).await?;
    Ok(Done { master_id, version: reserved.version, created, conflicts: 0 })
}

/// As the hub does: what came second is done again.
async fn resolve(store: Arc<PostgresStore>, system: String, round: u64) -> Done {
    let mut conflicts = 0;
    loop {
        match resolve_once(&*store, &system, round).await {
            Ok(done) => return Done { conflicts, ..done },
            Err(StoreError::Conflict(_)) => conflicts += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_customer_from_many_systems_is_one_master() {
    let Some(server) = server() else { return };
    let hubs = hubs(server).await;
    let mut conflicts = 0;
    for round in 1..=200 {
        let tasks: Vec<_> = (0..8)
            .map(|one| tokio::spawn(resolve(Arc::clone(&hubs[one % 2]), format!("system-{one}"), round)))
            .collect();
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.unwrap());
        }
        let masters: BTreeSet<MasterId> = done.iter().map(|one| one.master_id).collect();
        let created = done.iter().filter(|one| one.created).count();
        assert_eq!((masters.len(), created), (1, 1), "round {round}: {done:?}");
        let versions: BTreeSet<u64> = done.iter().map(|one| one.version).collect();
        assert_eq!(versions.len(), 8, "a version was given twice: {done:?}");
        let story = hubs[0].story(Some(TENANT), done[0].master_id).await.unwrap().unwrap();
        assert_eq!(Some(story.master.version), versions.last().copied(), "the newest version is the last");
        assert_eq!((story.sources.len(), story.crosswalk.len()), (8, 8));
        conflicts += done.iter().map(|one| one.conflicts).sum::<u32>();
    }
    println!("{conflicts} of 1600 resolutions were done again");
    let counts = hubs[1].counts(&Filter::default()).await.unwrap();
    assert_eq!((counts.customers, counts.outbox), (200, 200));
    // Places follow the order in which the customers came.
    let outbox = hubs[0].outbox(1_000).await.unwrap();
    assert!(outbox.is_sorted_by_key(|row| row.master.master_id), "rounds came one after another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_overlap_in_any_order_come_through() {
    let Some(server) = server() else { return };
    let hubs = hubs(server).await;
    let batch = |(task, step): (usize, u64)| {
        let store = Arc::clone(&hubs[task % 2]);
        async move {
            let mut conflicts = 0_u32;
            loop {
                let records: Vec<LocalKey> =
                    (0..100).map(|index| local("erp", &format!("C{}", (index * step) % 100))).collect();
                let again = async {
                    let mut resolution = store.begin_resolve(TENANT).await?;
                    let found = resolution.crosswalk(&records).await?;
                    let known: Vec<MasterId> = found.iter().flatten().map(|row| row.master_id).collect();
                    resolution.masters(&known).await?;
                    let reserved = resolution.reserve(100, 100).await?;
                    let mut writes = Resolved::default();
                    for (index, (record, found)) in (0..).zip(records.iter().zip(&found)) {
                        let id = found.as_ref().map_or(MasterId(reserved.master_id.0 + index), |row| row.master_id);
                        writes.masters.push(master(id, reserved.version + index));
                        writes.crosswalk.push(crosswalk(record.clone(), id));
                        writes.outbox.push(OutboxWrite {
                            master_id: id,
                            version: reserved.version + index,
                            system: None,
                        });
                    }
                    resolution.commit(writes).await
                };
                match again.await {
                    Ok(()) => return conflicts,
                    Err(StoreError::Conflict(_)) => conflicts += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    };
    let confirming = {
        let store = Arc::clone(&hubs[0]);
        tokio::spawn(async move {
            let mut confirmed = 0;
            while confirmed < 100 {
                let mut rows = store.outbox(1_000).await.unwrap();
                rows.reverse();
                store.outbox_done(&rows).await.unwrap();
                confirmed += rows.len();
                store.outbox_changed().await;
            }
        })
    };
    // Steps that share no factor with 100: each goes over all records, and over each once.
    let steps = [1, 3, 7, 9, 11, 13, 17, 19];
    let tasks: Vec<_> = steps.into_iter().enumerate().map(|step| tokio::spawn(batch(step))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    match tokio::time::timeout(PATIENCE, confirming).await {
        Ok(confirmed) => confirmed.unwrap(),
        Err(_) => panic!("the relay sleeps on: {}", what_the_server_does(server)),
    }
    assert_eq!(hubs[0].counts(&Filter::default()).await.unwrap().customers, 100);
}

/// Who waits for what, for a test that waited in vain.
fn what_the_server_does(server: &Server) -> String {
    server.query(
        "hub",
        "SELECT string_agg(concat_ws(' ', pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), left(query, 60)), '; ')
         FROM pg_stat_activity WHERE application_name = 'passerelle'",
    )
}

/// Runs two at once, on different hubs, each again when it came second.
pub async fn race<A, B>(first: impl Fn() -> A, second: impl Fn() -> B)
where
    A: Future<Output = Result<(), StoreError>>,
    B: Future<Output = Result<(), StoreError>>,
{
    let again = async |outcome: Result<(), StoreError>| match outcome {
        Err(StoreError::Conflict(_)) => true,
        outcome => {
            outcome.unwrap();
            false
        }
    };
    let one = async { while again(first().await).await {} };
    let other = async { while again(second().await).await {} };
    tokio::join!(one, other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_waits_for_a_record_that_comes_at_the_same_moment() {
    let Some(server) = server() else { return };
    let [invoices, customers] = hubs(server).await;
    for round in 0..200_u64 {
        let customer = local("erp", &format!("C{round}"));
        let invoice = LocalKey { entity: Entity::Invoice, ..local("billing", &format!("F{round}")) };
        let linked = |id: u64| Resolved {
            crosswalk: vec![crosswalk(customer.clone(), MasterId(id))],
            masters: vec![master(MasterId(id), id)],
            ..Resolved::default()
        };
        let waits = async || {
            let mut resolution = invoices.begin_resolve(TENANT).await?;
            if resolution.crosswalk(&[customer.clone(), invoice.clone()]).await?[0].is_some() {
                return Ok(());
            }
            tokio::task::yield_now().await;
            let waiting = WaitingRow {
                number: 0,
                needs: customer.clone(),
                local: invoice.clone(),
                stream: "invoices".into(),
                position: Position { drop: 1, ordinal: round },
                event: Vec::new(),
                since: Timestamp::UNIX_EPOCH,
            };
            resolution.commit(Resolved { waiting: vec![waiting], ..Resolved::default() }).await
        };
        let comes = async || {
            // As a resolution, or as the end of a delivery that gave the record its key.
            if round % 2 == 0 {
                let mut resolution = customers.begin_resolve(TENANT).await?;
                resolution.crosswalk(std::slice::from_ref(&customer)).await?;
                let waiting = resolution.waiting_for(std::slice::from_ref(&customer)).await?;
                tokio::task::yield_now().await;
                let released = waiting.iter().map(|row| row.number).collect();
                return resolution.commit(Resolved { released, ..linked(round + 1) }).await;
            }
            let crosswalk = linked(round + 1).crosswalk;
            customers.finish_attempt(TENANT, "erp", None, Delivered { crosswalk, ..Delivered::default() }).await?;
            let mut resolution = customers.begin_resolve(TENANT).await?;
            resolution.crosswalk(std::slice::from_ref(&customer)).await?;
            let waiting = resolution.waiting_for(std::slice::from_ref(&customer)).await?;
            let released = waiting.iter().map(|row| row.number).collect();
            resolution.commit(Resolved { released, ..Resolved::default() }).await
        };
        race(&waits, &comes).await;
        let left = customers.waiting(&Filter::default()).await.unwrap();
        assert!(left.is_empty(), "round {round}: {} waits for what is there", left[0].key);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_delivery_stays_parked_for_a_key_that_comes_at_the_same_moment() {
    let Some(server) = server() else { return };
    let [parking, showing] = hubs(server).await;
    for round in 1..=200_u64 {
        let id = MasterId(round);
        let seed = Resolved { masters: vec![master(id, round)], ..Resolved::default() };
        parking.begin_resolve(TENANT).await.unwrap().commit(seed).await.unwrap();
        let record = local("crm", &format!("{round}"));
        let parks = async || {
            let parked = NewParked {
                stage: ParkedStage::Delivery,
                system: "crm".into(),
                key: id.to_string(),
                entity: Entity::Invoice,
                master_id: Some(id),
                version: Some(round),
                position: None,
                code: "deliver.reference".to_owned(),
                reason: Some("its customer has no key there".to_owned()),
                event: b"event".to_vec(),
                needs: Some(NeededKey { system: "crm".into(), master_id: id }),
                task: None,
                at: Timestamp::UNIX_EPOCH,
            };
            parking
                .finish_attempt(TENANT, "crm", None, Delivered { parked: vec![parked], ..Delivered::default() })
                .await
        };
        let shows = async || {
            let crosswalk = vec![crosswalk(record.clone(), id)];
            if round % 2 == 0 {
                let end = Delivered { crosswalk, ..Delivered::default() };
                return showing.finish_attempt(TENANT, "crm", None, end).await;
            }
            let mut resolution = showing.begin_resolve(TENANT).await?;
            resolution.crosswalk(std::slice::from_ref(&record)).await?;
            resolution.masters(&[id]).await?;
            resolution.commit(Resolved { crosswalk, ..Resolved::default() }).await
        };
        race(&parks, &shows).await;
        let left = showing.parked(&Filter::default()).await.unwrap();
        assert!(left.is_empty(), "round {round}: it stays parked although its key is known");
    }
    assert_eq!(showing.counts(&Filter::default()).await.unwrap().outbox, 200);
}

/// Each resolution counts one up in the document that it read.
async fn count_up(store: &dyn Store, system: &str, id: MasterId) -> Result<(), StoreError> {
    let mut resolution = store.begin_resolve(TENANT).await?;
    resolution.crosswalk(&[local(system, "C1")]).await?;
    let read = resolution.masters(&[id]).await?.remove(0);
    let count: u64 = read.map_or(0, |row| row.search.parse().unwrap());
    let reserved = resolution.reserve(0, 1).await?;
    tokio::task::yield_now().await;
    let masters = vec![MasterRow { search: (count + 1).to_string().into(), ..master(id, reserved.version) }];
    resolution.commit(Resolved { masters, ..Resolved::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_two_systems_say_of_one_master_is_not_lost() {
    let Some(server) = server() else { return };
    let hubs = hubs(server).await;
    let id = MasterId(1);
    hubs[0].begin_resolve(TENANT).await.unwrap().reserve(1, 1).await.unwrap();
    let seed = Resolved { masters: vec![MasterRow { search: "0".into(), ..master(id, 1) }], ..Resolved::default() };
    hubs[0].begin_resolve(TENANT).await.unwrap().commit(seed).await.unwrap();
    for _ in 0..100 {
        race(|| count_up(&*hubs[0], "erp", id), || count_up(&*hubs[1], "crm", id)).await;
    }
    let counted = hubs[0].story(Some(TENANT), id).await.unwrap().unwrap().master.search;
    assert_eq!(&*counted, "200");
}

#[tokio::test]
async fn a_version_never_goes_back() {
    let Some(server) = server() else { return };
    let [slow, quick] = hubs(server).await;
    let id = MasterId(1);
    let write = |version: u64| Resolved { masters: vec![master(id, version)], ..Resolved::default() };
    let mut first = quick.begin_resolve(TENANT).await.unwrap();
    let reserved = first.reserve(1, 1).await.unwrap();
    first.commit(write(reserved.version)).await.unwrap();
    // It takes its numbers, and comes to this master only after another has taken later ones.
    let mut late = slow.begin_resolve(TENANT).await.unwrap();
    let early = late.reserve(0, 1).await.unwrap();
    let mut other = quick.begin_resolve(TENANT).await.unwrap();
    other.masters(&[id]).await.unwrap();
    let later = other.reserve(0, 1).await.unwrap();
    assert!(early.version < later.version);
    other.commit(write(later.version)).await.unwrap();
    let outcome = late.masters(&[id]).await;
    assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{outcome:?}");
    drop(late);
    let mut again = slow.begin_resolve(TENANT).await.unwrap();
    assert_eq!(again.masters(&[id]).await.unwrap()[0].as_ref().map(|row| row.version), Some(later.version));
    assert!(again.reserve(0, 1).await.unwrap().version > later.version);
}

#[tokio::test]
async fn what_was_taken_for_new_and_is_there_is_done_again() {
    let Some(server) = server() else { return };
    let [first, other] = hubs(server).await;
    let record = local("erp", "C1");
    for round in 0..3 {
        let mut resolution = first.begin_resolve(TENANT).await.unwrap();
        let known = resolution.crosswalk(std::slice::from_ref(&record)).await.unwrap();
        let reserved = resolution.reserve(1, 1).await.unwrap();
        let writes = Resolved {
            masters: vec![master(reserved.master_id, reserved.version)],
            crosswalk: vec![crosswalk(record.clone(), reserved.master_id)],
            ..Resolved::default()
        };
        if round == 0 {
            // Somebody who asks nobody.
            let past = Resolved { crosswalk: vec![crosswalk(record.clone(), MasterId(77))], ..Resolved::default() };
            other.begin_resolve(TENANT).await.unwrap().commit(past).await.unwrap();
        }
        let outcome = resolution.commit(writes).await;
        match round {
            0 => assert!(known[0].is_none() && matches!(outcome, Err(StoreError::Conflict(_))), "{outcome:?}"),
            _ => assert!(known[0].is_some() && outcome.is_ok(), "{outcome:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_hears_of_changes_that_another_hub_makes() {
    let Some(server) = server() else { return };
    let mut options = server.options();
    // Not by looking again.
    options.poll_ms = 600_000;
    let open = || async { PostgresStore::open(&server.url(), options.clone()).await.unwrap() };
    let (relaying, resolving) = (open().await, open().await);
    for round in 1..=20_u64 {
        let relay = Arc::clone(&relaying);
        let waiting = tokio::spawn(async move {
            while relay.outbox(1).await.unwrap().is_empty() {
                relay.outbox_changed().await;
            }
        });
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let id = MasterId(round);
        let outbox = vec![OutboxWrite { master_id: id, version: round, system: None }];
        let writes = Resolved { masters: vec![master(id, round)], outbox, ..Resolved::default() };
        resolving.begin_resolve(TENANT).await.unwrap().commit(writes).await.unwrap();
        tokio::time::timeout(PATIENCE, waiting).await.expect("the relay sleeps on").unwrap();
        relaying.outbox_done(&relaying.outbox(10).await.unwrap()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_that_start_at_once_make_one_store() {
    let Some(server) = server() else { return };
    let options = server.options();
    let opening = (0..6).map(|_| {
        let (url, options) = (server.url(), options.clone());
        tokio::spawn(async move { PostgresStore::open(&url, options).await.map(|store| store.place().to_owned()) })
    });
    let mut places = BTreeMap::new();
    for opened in opening.collect::<Vec<_>>() {
        *places.entry(opened.await.unwrap().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(places.into_values().collect::<Vec<_>>(), [6]);
}
