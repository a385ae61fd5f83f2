//! What deliver relies on.

use canonical::entity::{Entity, Operation};
use master::MasterId;

use super::Context;
use super::build::{TENANT, at, crosswalk, customer, entry, master, only, parked, resolve, source};
use crate::{
    Attempt, CrosswalkRow, Delivered, Held, JournalEntry, JournalKind, MasterRow, Member, NewParked, ParkedStage,
    Resolved, SourceRow, StoreError, TargetState,
};

fn attempt(batch: &str, second: i64) -> Attempt {
    let member = Member {
        master_id: MasterId(1),
        root: MasterId(1),
        entity: Entity::Customer,
        version: 3,
        operation: Operation::Upsert,
        local_key: Some("42".to_owned()),
        projection: "{\"name\":\"Dupont\"}".to_owned(),
        residue: None,
    };
    let removal =
        Member { operation: Operation::Remove, residue: Some("{}".to_owned()), local_key: None, ..member.clone() };
    Attempt {
        batch: batch.to_owned(),
        tenant: TENANT.into(),
        system: "crm".into(),
        members: vec![member, removal],
        at: at(second),
    }
}

pub async fn held_tells_all_of_one_system(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let nothing = Held { master: None, crosswalk: vec![], sources: vec![], blocked: false };
    assert_eq!(store.held(TENANT, "crm", &[MasterId(1)]).await?, std::slice::from_ref(&nothing));
    let mut writes = customer("crm", "42", 1, 1, "dupont", (1, 0));
    let second = CrosswalkRow { removed: true, ..crosswalk("crm", "17", 1) };
    writes.crosswalk.extend([second.clone(), crosswalk("erp", "C1", 1), crosswalk("crm", "99", 2)]);
    writes.sources.push(source("erp", "C1", 1, (1, 1)));
    resolve(&*store, TENANT, writes.clone()).await?;
    let held = store.held(TENANT, "crm", &[MasterId(7), MasterId(1)]).await?;
    let of_one = Held {
        master: Some(writes.masters[0].clone()),
        crosswalk: vec![second, writes.crosswalk[0].clone()],
        sources: vec![writes.sources[0].clone()],
        blocked: false,
    };
    assert_eq!(held, [nothing, of_one]);
    let elsewhere = store.held(TENANT, "unheard of", &[MasterId(1)]).await?;
    assert_eq!((elsewhere[0].master.is_some(), elsewhere[0].crosswalk.len()), (true, 0));
    Ok(())
}

pub async fn local_keys_leave_out_what_is_gone(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let gone = CrosswalkRow { removed: true, ..crosswalk("crm", "17", 2) };
    let writes =
        Resolved { crosswalk: vec![crosswalk("crm", "42", 1), gone, crosswalk("erp", "C3", 3)], ..Resolved::default() };
    resolve(&*store, TENANT, writes).await?;
    let keys = store.local_keys(TENANT, "crm", &[MasterId(3), MasterId(2), MasterId(1), MasterId(9)]).await?;
    assert_eq!(keys, [None, None, Some("42".to_owned()), None]);
    assert_eq!(store.local_keys(TENANT, "never", &[MasterId(1)]).await?, [None]);
    Ok(())
}

pub async fn attempts_survive_a_restart(context: &mut Context) -> Result<(), StoreError> {
    // The order is that of beginning, not of names or clocks.
    let attempts = [attempt("b2", 20), attempt("b1", 10)];
    for attempt in &attempts {
        context.store().begin_attempt(attempt).await?;
    }
    context.reopen().await?;
    assert_eq!(context.store().open_attempts(TENANT, "crm").await?, attempts);
    assert_eq!(context.store().open_attempts(TENANT, "erp").await?, []);
    assert_eq!(context.store().counts(&only(TENANT)).await?.attempts, 2);
    Ok(())
}

pub async fn an_attempt_is_begun_once(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let first = attempt("b1", 10);
    store.begin_attempt(&first).await?;
    store.begin_attempt(&Attempt { members: Vec::new(), ..attempt("b1", 99) }).await?;
    assert_eq!(store.open_attempts(TENANT, "crm").await?, [first]);
    Ok(())
}

pub async fn finishing_is_one_step(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    resolve(&*store, TENANT, customer("erp", "C1", 1, 3, "dupont", (1, 0))).await?;
    store.begin_attempt(&attempt("b1", 10)).await?;
    store.begin_attempt(&attempt("b2", 11)).await?;
    let shadow = CrosswalkRow {
        holds: Some("{\"name\":\"Dupont\"}".into()),
        residue: Some("{\"rows\":1}".into()),
        version: 3,
        ..crosswalk("crm", "42", 1)
    };
    // A step with something that cannot be stored changes nothing at all.
    let impossible = JournalEntry { master_id: Some(MasterId(u64::MAX)), ..entry(JournalKind::Delivered, "crm", 1) };
    let broken = Delivered { crosswalk: vec![shadow.clone()], journal: vec![impossible], ..Delivered::default() };
    assert!(store.finish_attempt(TENANT, "crm", Some("b1"), broken).await.is_err());
    assert_eq!(store.open_attempts(TENANT, "crm").await?.len(), 2);
    assert_eq!(store.local_keys(TENANT, "crm", &[MasterId(1)]).await?, [None]);
    let end = Delivered {
        crosswalk: vec![shadow.clone()],
        journal: vec![entry(JournalKind::Delivered, "crm", 1)],
        ..Delivered::default()
    };
    store.finish_attempt(TENANT, "crm", Some("b1"), end).await?;
    assert_eq!(store.open_attempts(TENANT, "crm").await?, [attempt("b2", 11)]);
    let held = store.held(TENANT, "crm", &[MasterId(1)]).await?;
    assert_eq!(held[0].crosswalk, [shadow]);
    // Without a call: a shadow to note. An attempt that is gone is passed over.
    let noted = Delivered { crosswalk: vec![crosswalk("crm", "43", 1)], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, noted).await?;
    store.finish_attempt(TENANT, "crm", Some("b1"), Delivered::default()).await?;
    assert_eq!(store.open_attempts(TENANT, "crm").await?.len(), 1);
    Ok(())
}

pub async fn a_parked_delivery_blocks_its_root(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let invoice = MasterRow { entity: Entity::Invoice, root: MasterId(1), ..master(2, 2, "f-1") };
    let writes =
        Resolved { masters: vec![master(1, 1, "dupont"), invoice, master(3, 3, "durand")], ..Resolved::default() };
    resolve(&*store, TENANT, writes).await?;
    let blocks = parked(ParkedStage::Delivery, "crm", "m1");
    let end = Delivered { parked: vec![blocks, parked(ParkedStage::Observed, "crm", "m3")], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, end).await?;
    let all = [MasterId(1), MasterId(2), MasterId(3)];
    let blocked = |held: Vec<Held>| held.iter().map(|held| held.blocked).collect::<Vec<_>>();
    assert_eq!(blocked(store.held(TENANT, "crm", &all).await?), [true, true, false]);
    assert_eq!(blocked(store.held(TENANT, "erp", &all).await?), [false, false, false]);
    let number = store.parked(&only(TENANT)).await?[0].number;
    let end = Delivered { unparked: vec![number], ..Delivered::default() };
    store.finish_attempt(TENANT, "crm", None, end).await?;
    assert_eq!(blocked(store.held(TENANT, "crm", &all).await?), [false, false, false]);
    Ok(())
}

pub async fn what_a_system_shows_during_a_call_speaks_for_itself(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let shown = |key: &str, second| SourceRow { observed_at: at(second), ..source("crm", key, 1, (1, 0)) };
    let removed = SourceRow { removed: true, ..shown("44", 11) };
    let sources = vec![shown("42", 9), shown("43", 10), removed];
    resolve(&*store, TENANT, Resolved { sources, masters: vec![master(1, 1, "dupont")], ..Resolved::default() })
        .await?;
    store.begin_attempt(&attempt("b1", 10)).await?;
    let delivered = |key: &str| CrosswalkRow { holds: Some("{}".into()), version: 3, ..crosswalk("crm", key, 1) };
    let crosswalk = ["42", "43", "44"].map(delivered).to_vec();
    store.finish_attempt(TENANT, "crm", Some("b1"), Delivered { crosswalk, ..Delivered::default() }).await?;
    let held = store.held(TENANT, "crm", &[MasterId(1)]).await?;
    let shadows: Vec<_> = held[0].crosswalk.iter().map(|row| (&*row.local.key, row.holds.is_some())).collect();
    assert_eq!(shadows, [("42", true), ("43", false), ("44", true)]);
    Ok(())
}

pub async fn a_delivery_that_comes_again_is_parked_once(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let one = NewParked { position: None, ..parked(ParkedStage::Delivery, "crm", "m1") };
    let later = NewParked { event: b"later".to_vec(), version: Some(99), ..one.clone() };
    for parked in [vec![one.clone()], vec![one.clone(), later], vec![one]] {
        store.finish_attempt(TENANT, "crm", None, Delivered { parked, ..Delivered::default() }).await?;
    }
    assert_eq!(store.parked(&only(TENANT)).await?.len(), 2);
    Ok(())
}

pub async fn targets_have_a_state(context: &mut Context) -> Result<(), StoreError> {
    assert_eq!(context.store().target_state(TENANT, "crm").await?, TargetState::Up);
    let down = TargetState::Down;
    context.store().set_target_state(TENANT, "crm", down, Some("connection refused"), at(1)).await?;
    context.store().set_target_state(TENANT, "crm", down, Some("HTTP 503"), at(2)).await?;
    context.reopen().await?;
    let store = context.store();
    assert_eq!(store.target_state(TENANT, "crm").await?, down);
    assert_eq!(store.target_state(TENANT, "erp").await?, TargetState::Up);
    let shown = &store.targets(&only(TENANT)).await?[0];
    assert_eq!((shown.reason.as_deref(), shown.since), (Some("HTTP 503"), Some(at(1))), "since when it is down");
    store.set_target_state(TENANT, "crm", TargetState::Up, None, at(3)).await?;
    let shown = &store.targets(&only(TENANT)).await?[0];
    assert_eq!((shown.state, shown.reason.as_deref(), shown.since), (TargetState::Up, None, Some(at(3))));
    Ok(())
}

pub async fn deliveries_are_counted(context: &mut Context) -> Result<(), StoreError> {
    let store = context.store();
    let at_second = |kind, second| JournalEntry { at: at(second), ..entry(kind, "crm", 1) };
    let batches = [
        vec![at_second(JournalKind::Refused, 9)],
        vec![at_second(JournalKind::Delivered, 8), at_second(JournalKind::Delivered, 7)],
        vec![at_second(JournalKind::LookedUp, 20), at_second(JournalKind::Delivered, 5)],
        vec![at_second(JournalKind::Refused, 21)],
    ];
    for journal in batches {
        store.finish_attempt(TENANT, "crm", None, Delivered { journal, ..Delivered::default() }).await?;
    }
    let shown = &store.targets(&only(TENANT)).await?[0];
    assert_eq!((shown.delivered, shown.refused, shown.last_delivery), (3, 2, Some(at(8))));
    assert_eq!((&*shown.system, shown.state), ("crm", TargetState::Up));
    Ok(())
}
