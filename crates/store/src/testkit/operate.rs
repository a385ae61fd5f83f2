//! What operators, stewards and the console rely on.

use canonical::entity::{Entity, Operation};
use master::MasterId;

use super::Context;
use super::build::{
    TENANT, accept, arc, at, change, crosswalk, customer, drop_of, entry, master, only, outcomes, parked, reject,
    resolve, step, stream_of, waiting,
};
use crate::{
    Collected, Command, Counts, CrosswalkRow, Export, Filter, JournalEntry, JournalKind, MasterRow, NewDrop, NewParked,
    ParkedStage, Position, RecordOutcome, Resolved, StoreError,
};

type Held = Result<(), StoreError>;

pub async fn streams_show_their_sum_and_last_drop(context: &mut Context) -> Held {
    let store = context.store();
    accept(&*store, drop_of("a.csv", 1, Export::Delta), 3).await?;
    let last = accept(&*store, drop_of("b.csv", 2, Export::Delta), 4).await?;
    let elsewhere = NewDrop { stream: stream_of(TENANT, "crm", "contacts"), ..drop_of("run", 9, Export::Delta) };
    accept(&*store, elsewhere, 100).await?;
    store.note_run(&stream_of(TENANT, "bank", "statements"), at(1), None).await?;
    let shown = store.streams(&only(TENANT)).await?;
    let names: Vec<_> = shown.iter().map(|status| &*status.stream.system).collect();
    assert_eq!(names, ["bank", "crm", "erp"]);
    assert_eq!(shown[0].last_drop, None);
    assert_eq!(shown[2].total, outcomes(7, 0, &[(RecordOutcome::Unchanged, 7)]));
    assert_eq!(shown[2].last_drop.as_ref().map(|drop| (drop.number, drop.name.as_str())), Some((last, "b.csv")));
    assert_eq!(store.streams(&Filter { system: Some("crm".to_owned()), ..only(TENANT) }).await?.len(), 1);
    Ok(())
}

pub async fn listings_are_narrowed_and_bounded(context: &mut Context) -> Held {
    let store = context.store();
    let opened = store.open_drop(drop_of("a.csv", 1, Export::Delta)).await?;
    let rejects = (0..150).map(|ordinal| reject(ordinal, None)).collect();
    store.commit_collected(Collected { rejects, ..step(opened.number) }).await?;
    assert_eq!(store.rejects(&Filter::default()).await?.len(), 100, "0 means 100");
    // Newest first, and the next page goes on with what is older.
    let page = store.rejects(&Filter { count_max: 2, ..only(TENANT) }).await?;
    assert_eq!(page.iter().map(|reject| reject.line).collect::<Vec<_>>(), [Some(151), Some(150)]);
    let next = store.rejects(&Filter { count_max: 1, after: Some(page[1].number), ..only(TENANT) }).await?;
    assert_eq!(next[0].line, Some(149));
    let narrowed = |system: &str, text: &str| Filter {
        system: Some(system.to_owned()),
        text: Some(text.to_owned()),
        ..Filter::default()
    };
    assert_eq!(store.rejects(&narrowed("erp", "Not a SIRET")).await?.len(), 100);
    assert_eq!(store.rejects(&narrowed("erp", "nothing like it")).await?, []);
    assert_eq!(store.rejects(&narrowed("never", "")).await?, []);
    assert_eq!(store.drops(&narrowed("erp", "A.CSV")).await?.len(), 1);
    Ok(())
}

pub async fn parked_messages_line_up(context: &mut Context) -> Held {
    let store = context.store();
    let behind = NewParked { reason: None, event: b"second".to_vec(), ..parked(ParkedStage::Delivery, "crm", "m1") };
    let rows = vec![
        parked(ParkedStage::Delivery, "crm", "m1"),
        parked(ParkedStage::Delivery, "crm", "m2"),
        parked(ParkedStage::Observed, "crm", "m1"),
        parked(ParkedStage::Delivery, "erp", "m1"),
        behind.clone(),
    ];
    resolve(&*store, TENANT, Resolved { parked: rows, ..Resolved::default() }).await?;
    let all = store.parked(&only(TENANT)).await?;
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by_key(|row| row.number), "oldest first");
    let line = store.parked_behind(all[0].number).await?;
    assert_eq!(line, [all[0].clone(), all[4].clone()]);
    assert_eq!((line[1].reason.as_deref(), line[1].event.clone()), (None, behind.event));
    assert_eq!(store.parked_behind(all[4].number).await?, [all[4].clone()], "what stands before it is not behind it");
    assert_eq!(store.parked_behind(9999).await?, []);
    Ok(())
}

pub async fn parked_deliveries_are_tried_again(context: &mut Context) -> Held {
    let store = context.store();
    let of = |id: u64| NewParked {
        master_id: Some(MasterId(id)),
        version: Some(id),
        ..parked(ParkedStage::Delivery, "crm", &format!("m{id}"))
    };
    let masters = vec![master(1, 5, "dupont"), master(2, 2, "durand")];
    resolve(&*store, TENANT, Resolved { masters, parked: vec![of(1), of(2)], ..Resolved::default() }).await?;
    let numbers: Vec<_> = store.parked(&only(TENANT)).await?.iter().map(|row| row.number).collect();
    store.unpark(&numbers[..1], true, at(8)).await?;
    store.unpark(&[numbers[1], 9999], false, at(9)).await?;
    assert_eq!(store.parked(&only(TENANT)).await?, []);
    let rows = store.outbox(10).await?;
    assert_eq!(rows.len(), 1, "what was given up does not go out");
    assert_eq!((rows[0].master.clone(), rows[0].systems.clone()), (master(1, 5, "dupont"), Some(vec![arc("crm")])));
    for (id, kind, time) in [(1, JournalKind::Retried, at(8)), (2, JournalKind::Discarded, at(9))] {
        let told = store.story(Some(TENANT), MasterId(id)).await?.map(|story| story.journal).unwrap_or_default();
        assert_eq!(told.iter().map(|entry| (entry.kind, entry.at)).collect::<Vec<_>>(), [(kind, time)]);
    }
    Ok(())
}

pub async fn parked_observations_are_accounted_for(context: &mut Context) -> Held {
    let store = context.store();
    let drop = store.open_drop(drop_of("a.csv", 1, Export::Delta)).await?.number;
    let counted = outcomes(2, 0, &[(RecordOutcome::Parked, 2)]);
    store.commit_collected(Collected { outcomes: counted, ..step(drop) }).await?;
    let of = |ordinal: u64| NewParked {
        position: Some(Position { drop, ordinal }),
        ..parked(ParkedStage::Observed, "erp", "k")
    };
    resolve(&*store, TENANT, Resolved { parked: vec![of(0), of(1)], ..Resolved::default() }).await?;
    let numbers: Vec<_> = store.parked(&only(TENANT)).await?.iter().map(|row| row.number).collect();
    store.unpark(&numbers[..1], true, at(8)).await?;
    // Twice is once.
    store.unpark(&numbers[..1], true, at(8)).await?;
    store.unpark(&numbers[1..], false, at(9)).await?;
    let shown = &store.drops(&only(TENANT)).await?[0];
    assert_eq!(shown.outcomes, outcomes(2, 1, &[(RecordOutcome::Rejected, 1)]));
    assert_eq!(store.outbox(10).await?, []);
    Ok(())
}

pub async fn masters_are_listed_by_id(context: &mut Context) -> Held {
    let store = context.store();
    let mut writes = Resolved::default();
    for id in [3, 1, 4, 2] {
        let (entity, root) = if id == 4 { (Entity::Invoice, MasterId(2)) } else { (Entity::Customer, MasterId(id)) };
        writes.masters.push(MasterRow { entity, root, ..master(id, id, &format!("c{id} société dupont")) });
    }
    writes.crosswalk = vec![
        crosswalk("erp", "K2", 2),
        crosswalk("crm", "x2", 2),
        CrosswalkRow { removed: true, ..crosswalk("erp", "K3", 3) },
    ];
    resolve(&*store, TENANT, writes).await?;
    let listed = |filter: Filter| {
        let store = context.store();
        async move {
            let found = store.masters(&filter).await?;
            Ok::<_, StoreError>(found.iter().map(|summary| summary.master_id.0).collect::<Vec<_>>())
        }
    };
    assert_eq!(listed(only(TENANT)).await?, [1, 2, 3, 4]);
    assert_eq!(listed(Filter { after: Some(1), count_max: 2, ..only(TENANT) }).await?, [2, 3]);
    assert_eq!(listed(Filter { entity: Some(Entity::Invoice), ..only(TENANT) }).await?, [4]);
    assert_eq!(listed(Filter { system: Some("erp".to_owned()), ..only(TENANT) }).await?, [2], "who knows it still");
    let of = |id: u64| Filter { customer: Some(MasterId(id)), ..only(TENANT) };
    assert_eq!(listed(of(2)).await?, [4], "documents of a customer, without itself");
    assert_eq!(listed(of(3)).await?, Vec::<u64>::new());
    assert_eq!(listed(Filter { entity: Some(Entity::Payment), ..of(2) }).await?, Vec::<u64>::new());
    assert_eq!(listed(Filter { after: Some(4), ..of(2) }).await?, Vec::<u64>::new());
    assert_eq!(listed(Filter { tenant: None, ..of(2) }).await?, [4]);
    let text = |text: &str| Filter { text: Some(text.to_owned()), ..only(TENANT) };
    assert_eq!(listed(text("SOCIÉTÉ c3")).await?, [3], "all words, in any order");
    assert_eq!(listed(text("upon")).await?, [1, 2, 3, 4]);
    assert_eq!(listed(text("K2")).await?, [2], "a system's own key");
    assert_eq!(listed(text("nobody")).await?, Vec::<u64>::new());
    let found = store.masters(&text("K2")).await?;
    assert_eq!(found[0].systems, [(arc("crm"), "x2".to_owned()), (arc("erp"), "K2".to_owned())]);
    assert_eq!((found[0].version, found[0].state, found[0].root), (2, Operation::Upsert, MasterId(2)));
    assert_eq!(found[0].document.get(), &*master(2, 2, "c2 société dupont").document);
    Ok(())
}

pub async fn a_story_is_complete(context: &mut Context) -> Held {
    let store = context.store();
    assert!(store.story(Some(TENANT), MasterId(1)).await?.is_none());
    let mut writes = customer("erp", "C1", 1, 1, "dupont", (1, 0));
    let told = JournalEntry {
        line: Some(12),
        detail: Some("batch-7".to_owned()),
        key: Some("C1".to_owned()),
        position: Some(Position { drop: 3, ordinal: 9 }),
        ..entry(JournalKind::Updated, "erp", 1)
    };
    writes.journal.push(told);
    writes.journal.push(entry(JournalKind::Created, "erp", 2));
    let (mapping, covers) = (writes.sources[0].mapping.clone(), ["legal_name".to_owned(), "addresses".to_owned()]);
    store.save_mapping_version(&mapping, "erp/customer", &covers).await?;
    resolve(&*store, TENANT, writes.clone()).await?;
    let Some(story) = store.story(Some(TENANT), MasterId(1)).await? else { panic!("no story") };
    assert_eq!((&*story.tenant, &story.master), (TENANT, &writes.masters[0]));
    assert_eq!(story.sources, writes.sources);
    assert_eq!(story.covers, [(mapping, covers.into())].into());
    assert_eq!(story.crosswalk, writes.crosswalk);
    assert_eq!(story.journal, writes.journal[..2]);
    assert_eq!(store.story(None, MasterId(1)).await?, Some(story));
    let long = (0..600).map(|second| JournalEntry { at: at(second), ..entry(JournalKind::Confirmed, "erp", 1) });
    resolve(&*store, TENANT, Resolved { journal: long.collect(), ..Resolved::default() }).await?;
    let Some(story) = store.story(Some(TENANT), MasterId(1)).await? else { panic!("no story") };
    let times: Vec<_> = story.journal.iter().map(|entry| entry.at).collect();
    assert_eq!((times.len(), times[0], times[499]), (500, at(100), at(599)), "the newest, oldest of them first");
    Ok(())
}

pub async fn a_drop_tells_its_journal(context: &mut Context) -> Held {
    let store = context.store();
    for (id, drop) in [(1, 5), (2, 6), (3, 5)] {
        resolve(&*store, TENANT, customer("erp", &format!("C{id}"), id, id, "x", (drop, id))).await?;
    }
    let told = store.drop_journal(5, &only(TENANT)).await?;
    let ids: Vec<_> = told.iter().filter_map(|entry| entry.master_id).collect();
    assert_eq!(ids, [MasterId(1), MasterId(3)]);
    assert_eq!(store.drop_journal(5, &Filter { count_max: 1, ..only(TENANT) }).await?, told[..1]);
    assert_eq!(store.drop_journal(5, &Filter { after: Some(1), ..only(TENANT) }).await?, told[1..]);
    assert_eq!(store.drop_journal(7, &only(TENANT)).await?, []);
    Ok(())
}

pub async fn everything_is_counted(context: &mut Context) -> Held {
    let store = context.store();
    assert_eq!(store.counts(&Filter::default()).await?, Counts::default());
    let opened = store.open_drop(drop_of("a.csv", 1, Export::Delta)).await?;
    store.commit_collected(Collected { rejects: vec![reject(0, None)], ..step(opened.number) }).await?;
    let invoice = MasterRow { entity: Entity::Invoice, ..master(3, 3, "f1") };
    let writes = Resolved {
        masters: vec![master(1, 1, "a"), master(2, 2, "b"), invoice.clone()],
        outbox: vec![change(1, 1), change(2, 2)],
        waiting: vec![waiting("F1", "C9", 0)],
        parked: vec![parked(ParkedStage::Delivery, "crm", "m1")],
        ..Resolved::default()
    };
    resolve(&*store, TENANT, writes).await?;
    // A master that is gone, came back, or is written again is not counted twice.
    let gone = MasterRow { state: Operation::Remove, ..master(2, 4, "b") };
    let again = vec![gone.clone(), invoice.clone(), gone, MasterRow { version: 5, ..invoice }];
    resolve(&*store, TENANT, Resolved { masters: again, ..Resolved::default() }).await?;
    let counts = store.counts(&only(TENANT)).await?;
    assert!(counts.outbox_oldest.is_some());
    assert_eq!(store.outbox_count().await?, (2, counts.outbox_oldest));
    let expected = Counts {
        rejects: 1,
        parked: 1,
        waiting: 1,
        outbox: 2,
        outbox_oldest: counts.outbox_oldest,
        customers: 1,
        documents: 1,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    let back = Resolved { masters: vec![master(2, 6, "b")], ..Resolved::default() };
    resolve(&*store, TENANT, back).await?;
    assert_eq!(store.counts(&Filter::default()).await?.customers, 2);
    let of_crm = store.counts(&Filter { system: Some("crm".to_owned()), ..only(TENANT) }).await?;
    assert_eq!((of_crm.parked, of_crm.rejects, of_crm.waiting), (1, 0, 0));
    Ok(())
}

pub async fn commands_are_answered_once(context: &mut Context) -> Held {
    let collect = Command::Collect { system: "erp".to_owned(), stream: None, again: false };
    let pause = Command::Pause { system: "crm".to_owned() };
    let first = context.store().submit(&collect, at(1)).await?;
    let second = context.store().submit(&pause, at(2)).await?;
    assert!(second > first);
    context.reopen().await?;
    let store = context.store();
    assert_eq!(store.pending().await?, [(first, collect), (second, pause.clone())]);
    assert_eq!(store.answer_of(first).await?, None);
    store.answer(first, Ok("2 files")).await?;
    store.answer(first, Err("too late")).await?;
    assert_eq!(store.pending().await?, [(second, pause)]);
    store.answer(second, Err("no such system")).await?;
    assert_eq!(store.answer_of(first).await?, Some(Ok("2 files".to_owned())));
    assert_eq!(store.answer_of(second).await?, Some(Err("no such system".to_owned())));
    assert_eq!(store.answer_of(9999).await?, None);
    Ok(())
}
