//! Who is who: what records have shown, by which keys they find each other, and what was decided about them.

use std::sync::Arc;

use canonical::entity::Entity;
use master::MasterId;
use master::matching::{Bits, BlockingKey, Posting, RecordNumber};

use super::build::{TENANT, at, crosswalk, customer, local, master, resolve, source};
use super::{Context, ODD};
use crate::{
    CrosswalkRow, Decision, Delivered, Judgement, JudgementKind, KeptModel, LocalKey, MasterRow, MatchRecord,
    MatchWrites, NewTask, Regrouping, Resolved, Store, StoreError, TaskClosing,
};

type Held = Result<(), StoreError>;

/// Keys whose order differs from that of the numbers in a column, which has a sign.
const KEYS: [BlockingKey; 4] = [BlockingKey(7), BlockingKey(u64::MAX), BlockingKey(1 << 63), BlockingKey(0)];

pub(super) fn match_record(number: RecordNumber, key: &str, master_id: u64) -> MatchRecord {
    MatchRecord {
        number,
        local: local("erp", key),
        master_id: MasterId(master_id),
        home: MasterId(master_id),
        evidence: format!("{{\"emails\":[\"{number}\\u0000\u{fdd0}\"]}}").into(),
        common: Vec::new(),
        links: Vec::new(),
    }
}

/// A judgement of a person, about two records.
pub(super) fn judgement(kind: JudgementKind, pair: [u64; 2], sides: [&[RecordNumber]; 2]) -> Judgement {
    Judgement {
        number: 0,
        at: at(20),
        kind,
        by: Some("anna".to_owned()),
        reason: None,
        model: None,
        master_id: MasterId(pair[0]),
        other: (pair[1] > 0).then_some(MasterId(pair[1])),
        left: sides[0].to_vec(),
        right: sides[1].to_vec(),
        undoes: None,
        is_undone: false,
    }
}

/// One committed resolution that writes nothing else.
pub(super) async fn matched(store: &dyn Store, tenant: &str, matching: MatchWrites) -> Held {
    resolve(store, tenant, Resolved { matching, ..Resolved::default() }).await
}

async fn write(store: &dyn Store, matching: MatchWrites) -> Held {
    matched(store, TENANT, matching).await
}

async fn judge(store: &dyn Store, judgements: Vec<Judgement>) -> Held {
    write(store, MatchWrites { judgements, ..MatchWrites::default() }).await
}

fn by_number(mut records: Vec<MatchRecord>) -> Vec<MatchRecord> {
    records.sort_by_key(|record| record.number);
    records
}

pub async fn what_a_record_has_shown_is_read_back(context: &mut Context) -> Held {
    let store = context.store();
    let full = MatchRecord {
        local: LocalKey { system: "never heard of before".into(), ..local("erp", ODD) },
        home: MasterId(2),
        common: KEYS.to_vec(),
        links: vec![(3, Bits(-4_000)), (1 << 39, Bits(i32::MAX))],
        ..match_record(9, ODD, 1)
    };
    let records = vec![match_record(3, "C1", 1), match_record(1, "C2", 2), full.clone()];
    write(&*store, MatchWrites { records, ..MatchWrites::default() }).await?;
    drop(store);
    context.reopen().await?;
    let store = context.store();
    let (first, other) = (match_record(3, "C1", 1), match_record(1, "C2", 2));
    let mut read = store.begin_resolve(TENANT).await?;
    let found = read.match_records(&[9, 3, 4_711, u64::MAX, 0]).await?;
    assert_eq!(by_number(found), [first.clone(), full.clone()]);
    let found = read.match_records_of(&[MasterId(2), MasterId(9), MasterId(u64::MAX), MasterId(1)]).await?;
    assert_eq!(by_number(found), [other.clone(), first.clone(), full.clone()]);
    assert_eq!((read.match_records(&[]).await?, read.match_records_of(&[]).await?), (vec![], vec![]));
    drop(read);
    let found = store.match_records_of(TENANT, &[MasterId(2), MasterId(1)]).await?;
    assert_eq!(found, [other.clone(), first.clone(), full.clone()], "by number");
    let all = [other, first, full];
    assert_eq!(store.match_records_after(TENANT, 0, 10).await?, all);
    assert_eq!(store.match_records_after(TENANT, 1, 1).await?, all[1..2]);
    assert_eq!(store.match_records_after(TENANT, 3, 10).await?, all[2..]);
    assert_eq!(store.match_records_after(TENANT, 9, 10).await?, []);
    assert_eq!(store.match_records_after("nobody", 0, 10).await?, []);
    Ok(())
}

pub async fn a_record_that_shows_more_is_replaced(context: &mut Context) -> Held {
    let store = context.store();
    store.begin_resolve(TENANT).await?.reserve(2, 0).await?;
    let before = MatchRecord { common: KEYS.to_vec(), links: vec![(2, Bits(1))], ..match_record(1, "C1", 1) };
    write(&*store, MatchWrites { records: vec![before, match_record(2, "C2", 2)], ..MatchWrites::default() }).await?;
    // In one transaction, one that is there, one that is new, and one that is told twice.
    let mut resolution = store.begin_resolve(TENANT).await?;
    let new = resolution.reserve(1, 0).await?.master_id.0;
    let moved = MatchRecord { evidence: "{}".into(), home: MasterId(1), ..match_record(1, "C1", 2) };
    let linked = MatchRecord { links: vec![(1, Bits(8))], ..match_record(new, "C3", new) };
    let records = vec![match_record(new, "C3", new), moved.clone(), linked.clone()];
    let matching = MatchWrites { records, ..MatchWrites::default() };
    resolution.commit(Resolved { matching, ..Resolved::default() }).await?;
    let found = store.match_records_after(TENANT, 0, 10).await?;
    assert_eq!(found, [moved.clone(), match_record(2, "C2", 2), linked]);
    assert_eq!(store.match_records_of(TENANT, &[MasterId(1)]).await?, []);
    assert_eq!(store.match_records_of(TENANT, &[MasterId(2)]).await?, [moved.clone(), match_record(2, "C2", 2)]);
    // Whom others resemble changes, and nothing else of them does.
    let few = vec![(new, Bits(-1)), (1 << 39, Bits(i32::MAX))];
    let many: Vec<(u64, Bits)> = (0..1_000).map(|number| (number, Bits(7))).collect();
    for (first, second) in [(few.clone(), vec![]), (vec![], many.clone()), (many, few), (vec![], vec![])] {
        let links = vec![(1, first.clone()), (2, second.clone())];
        write(&*store, MatchWrites { links, ..MatchWrites::default() }).await?;
        let expected = [
            MatchRecord { links: first, ..moved.clone() },
            MatchRecord { links: second, ..match_record(2, "C2", 2) },
            MatchRecord { links: vec![(1, Bits(8))], ..match_record(new, "C3", new) },
        ];
        assert_eq!(store.match_records_after(TENANT, 0, 10).await?, expected);
    }
    // A record that is replaced brings its own.
    let alone = MatchRecord { links: Vec::new(), ..match_record(new, "C3", new) };
    write(&*store, MatchWrites { records: vec![alone.clone()], ..MatchWrites::default() }).await?;
    assert_eq!(store.match_records_after(TENANT, 2, 10).await?, [alone]);
    Ok(())
}

pub async fn keys_lead_to_records(context: &mut Context) -> Held {
    let store = context.store();
    let [key, highest, signed, unused] = KEYS;
    store.begin_resolve(TENANT).await?.reserve(5, 0).await?;
    let keys = vec![(key, 5), (highest, 1), (key, 1), (signed, 2), (key, 5), (key, 3), (highest, (1 << 40) - 1)];
    write(&*store, MatchWrites { keys, ..MatchWrites::default() }).await?;
    // Some are there, and some are of a record that is new.
    let mut resolution = store.begin_resolve(TENANT).await?;
    let new = resolution.reserve(10, 0).await?.master_id.0 + 9;
    let keys = vec![(key, 3), (highest, new), (key, new), (key, new), (signed, 1)];
    resolution
        .commit(Resolved { matching: MatchWrites { keys, ..MatchWrites::default() }, ..Resolved::default() })
        .await?;
    drop(store);
    context.reopen().await?;
    let store = context.store();
    let mut read = store.begin_resolve(TENANT).await?;
    let records = |records: &[RecordNumber]| Posting::Records(records.to_vec());
    let check = [
        (records(&[1, 3, 5, new]), key),
        (records(&[]), unused),
        (records(&[1, 2]), signed),
        (records(&[1, new, (1 << 40) - 1]), highest),
        (records(&[1, 3, 5, new]), key),
    ];
    let (expected, asked): (Vec<_>, Vec<_>) = check.into_iter().unzip();
    assert_eq!(read.postings(&asked, 4).await?, expected, "in order, and each as often as it is asked for");
    assert_eq!(read.postings(&[key, signed], 2).await?, [records(&[1, 3, 5]), records(&[1, 2])], "one more than asked");
    assert_eq!(read.postings(&[key], 0).await?, [records(&[1])]);
    assert_eq!(read.postings(&[key], usize::MAX).await?, [records(&[1, 3, 5, new])]);
    assert_eq!(read.postings(&[], 4).await?, []);
    Ok(())
}

pub async fn a_key_that_too_many_have_leads_nowhere(context: &mut Context) -> Held {
    let store = context.store();
    let [key, other, highest, fresh] = KEYS;
    let keys = (1..=60).map(|record| (key, record)).chain([(other, 1), (highest, 2)]).collect();
    write(&*store, MatchWrites { keys, ..MatchWrites::default() }).await?;
    // Who comes to such a key in the same transaction is forgotten as well.
    let keys = vec![(key, 61), (other, 3), (fresh, 4)];
    let common = vec![key, fresh, key];
    write(&*store, MatchWrites { keys, common: common.clone(), ..MatchWrites::default() }).await?;
    // Once more: nothing comes of it.
    write(&*store, MatchWrites { common, ..MatchWrites::default() }).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    let expected = [Posting::Common, Posting::Records(vec![1, 3]), Posting::Records(vec![2]), Posting::Common];
    assert_eq!(read.postings(&[key, other, highest, fresh], 50).await?, expected);
    assert_eq!(read.postings(&[key], 0).await?, [Posting::Common]);
    drop(read);
    write(&*store, MatchWrites { keys: vec![(key, 62)], ..MatchWrites::default() }).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.postings(&[key], 50).await?, [Posting::Common], "for good");
    Ok(())
}

pub async fn dropping_a_resolution_decides_nothing(context: &mut Context) -> Held {
    let store = context.store();
    let mut abandoned = store.begin_resolve(TENANT).await?;
    abandoned.lock_matching().await?;
    abandoned.postings(&KEYS, 10).await?;
    drop(abandoned);
    // And the next one can begin.
    let mut next = store.begin_resolve(TENANT).await?;
    next.lock_matching().await?;
    next.lock_matching().await?;
    next.commit(Resolved::default()).await?;
    assert_eq!(store.match_records_after(TENANT, 0, 10).await?, []);
    assert_eq!(store.judgements(TENANT, &[], 10).await?, []);
    Ok(())
}

/// Shows a record that resembles every other one: it goes to the master of whoever came first.
async fn show(store: Arc<dyn Store>, name: String) -> Result<MasterId, StoreError> {
    let key = BlockingKey(42);
    let mut resolution = store.begin_resolve(TENANT).await?;
    resolution.lock_matching().await?;
    let found = resolution.postings(&[key], 50).await?;
    let Some(Posting::Records(numbers)) = found.first() else { return Err(StoreError::Internal("common".to_owned())) };
    let resembling = resolution.match_records(numbers).await?;
    let number = resolution.reserve(1, 0).await?.master_id.0;
    // Whoever decides without seeing the other's decision would make a second master.
    tokio::task::yield_now().await;
    let master_id = resembling.first().map_or(MasterId(number), |record| record.master_id);
    let matching = MatchWrites {
        records: vec![match_record(number, &name, master_id.0)],
        keys: vec![(key, number)],
        ..MatchWrites::default()
    };
    resolution.commit(Resolved { matching, ..Resolved::default() }).await?;
    Ok(master_id)
}

pub async fn who_is_who_is_decided_one_after_another(context: &mut Context) -> Held {
    let store = context.store();
    let tasks: Vec<_> = (0..8).map(|one| tokio::spawn(show(Arc::clone(&store), format!("C{one}")))).collect();
    for task in tasks {
        match task.await {
            Ok(id) => assert_eq!(id?, MasterId(1)),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(store.match_records_of(TENANT, &[MasterId(1)]).await?.len(), 8);
    Ok(())
}

pub async fn judgements_are_kept_in_order(context: &mut Context) -> Held {
    let store = context.store();
    let merge = Judgement {
        by: None,
        model: Some(u32::MAX),
        reason: Some("bits=21".to_owned()),
        ..judgement(JudgementKind::Merge, [1, 2], [&[1, 4], &[2]])
    };
    let odd = Judgement {
        at: at(21),
        by: Some(ODD.to_owned()),
        reason: Some(ODD.to_owned()),
        ..judgement(JudgementKind::NotTheSame, [3, 1], [&[3], &[1]])
    };
    judge(&*store, vec![merge.clone(), odd.clone()]).await?;
    let all = JudgementKind::ALL.map(|kind| judgement(kind, [5, 0], [&[5], &[]]));
    judge(&*store, all.to_vec()).await?;
    drop(store);
    context.reopen().await?;
    let store = context.store();
    let told = store.judgements(TENANT, &[], 100).await?;
    let numbers: Vec<u64> = told.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [8, 7, 6, 5, 4, 3, 2, 1], "the newest first, and in the order in which they were written");
    let expected = all.into_iter().rev().chain([odd, merge]).zip(&numbers);
    let expected: Vec<_> = expected.map(|(one, number)| Judgement { number: *number, ..one }).collect();
    assert_eq!(told, expected);
    assert_eq!(store.judgements(TENANT, &[], 3).await?, expected[..3]);
    let about = |ids: &[u64]| ids.iter().map(|id| MasterId(*id)).collect::<Vec<_>>();
    assert_eq!(store.judgements(TENANT, &about(&[1]), 100).await?, expected[6..], "on either side");
    assert_eq!(store.judgements(TENANT, &about(&[1, 3, 2]), 100).await?, expected[6..], "each once");
    assert_eq!(store.judgements(TENANT, &about(&[1, 3]), 1).await?, expected[6..7]);
    assert_eq!(store.judgements(TENANT, &about(&[9, u64::MAX]), 100).await?, []);
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.judgement(2).await?.as_ref(), Some(&expected[6]));
    assert_eq!((read.judgement(9).await?, read.judgement(u64::MAX).await?), (None, None));
    Ok(())
}

pub async fn only_people_bind_and_only_until_it_is_undone(context: &mut Context) -> Held {
    let store = context.store();
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.judgements_of(&[1, 2]).await?, [], "as long as nobody judged anything");
    drop(read);
    let own = Judgement { by: None, ..judgement(JudgementKind::Merge, [1, 2], [&[1], &[2]]) };
    let apart = judgement(JudgementKind::NotTheSame, [1, 3], [&[1, 2], &[3, 2]]);
    let together = judgement(JudgementKind::Link, [1, 4], [&[4], &[1]]);
    judge(&*store, vec![own, apart, together]).await?;
    let bound = async |records: &[RecordNumber]| {
        let mut read = store.begin_resolve(TENANT).await?;
        let found = read.judgements_of(records).await?;
        assert!(found.iter().all(|one| !one.is_undone && one.by.is_some()), "{found:?}");
        Ok::<_, StoreError>(found.iter().map(|one| one.number).collect::<Vec<_>>())
    };
    assert_eq!(bound(&[4, 1, 2, 3, 1]).await?, [2, 3], "the oldest first, and each once");
    assert_eq!(bound(&[3]).await?, [2], "on the right");
    assert_eq!(bound(&[5, u64::MAX]).await?, [0; 0]);
    let undo = Judgement { undoes: Some(2), ..judgement(JudgementKind::Undo, [1, 3], [&[1, 2], &[3]]) };
    judge(&*store, vec![undo.clone()]).await?;
    assert_eq!(bound(&[1, 2, 3, 4]).await?, [3]);
    assert_eq!(bound(&[3]).await?, [0; 0]);
    let mut read = store.begin_resolve(TENANT).await?;
    assert!(read.judgement(2).await?.is_some_and(|one| one.is_undone));
    assert_eq!(read.judgement(4).await?, Some(Judgement { number: 4, ..undo }), "it is no judgement about records");
    drop(read);
    let told = store.judgements(TENANT, &[], 10).await?;
    assert_eq!(
        told.iter().map(|one| (one.number, one.is_undone)).collect::<Vec<_>>(),
        [(4, false), (3, false), (2, true), (1, false)]
    );
    Ok(())
}

/// Moves a record of the ERP to a master, as resolve does.
async fn move_to(store: &dyn Store, row: CrosswalkRow) -> Held {
    resolve(store, TENANT, Resolved { crosswalk: vec![row], ..Resolved::default() }).await
}

pub async fn a_record_that_moved_is_found_under_its_first_master(context: &mut Context) -> Held {
    let store = context.store();
    resolve(&*store, TENANT, customer("erp", "C1", 1, 1, "dupont", (1, 0))).await?;
    resolve(&*store, TENANT, customer("erp", "C2", 2, 2, "durand", (1, 1))).await?;
    let keys = async |ids: &[u64]| {
        let mut read = store.begin_resolve(TENANT).await?;
        let ids: Vec<MasterId> = ids.iter().map(|id| MasterId(*id)).collect();
        let mut rows = read.crosswalk_of(&ids).await?;
        rows.sort_by(|(one, _), (other, _)| one.local.cmp(&other.local));
        let told = |(row, first): &(CrosswalkRow, MasterId)| format!("{}:{first}:{}", row.local.key, row.master_id);
        Ok::<_, StoreError>(rows.iter().map(told).collect::<Vec<_>>())
    };
    assert_eq!(keys(&[1]).await?, ["C1:m1:m1"]);
    assert_eq!(keys(&[2, 9, 1, 2, u64::MAX]).await?, ["C1:m1:m1", "C2:m2:m2"]);
    move_to(&*store, CrosswalkRow { version: 3, ..crosswalk("erp", "C2", 1) }).await?;
    assert_eq!(keys(&[1]).await?, ["C1:m1:m1", "C2:m2:m1"]);
    assert_eq!(keys(&[2]).await?, ["C2:m2:m1"], "it led there first");
    assert_eq!(keys(&[1, 2]).await?, ["C1:m1:m1", "C2:m2:m1"], "each once");
    move_to(&*store, crosswalk("erp", "C2", 3)).await?;
    assert_eq!((keys(&[1]).await?, keys(&[2]).await?, keys(&[3]).await?), {
        (vec!["C1:m1:m1".to_owned()], vec!["C2:m2:m3".to_owned()], vec!["C2:m2:m3".to_owned()])
    });
    // A write that moves nothing leaves it, and so does the end of a delivery.
    let held = CrosswalkRow { holds: Some("{\"n\":1}".into()), version: 4, ..crosswalk("erp", "C2", 3) };
    let end = Delivered { crosswalk: vec![held.clone()], is_read: true, ..Delivered::default() };
    store.finish_attempt(TENANT, "erp", None, end).await?;
    // The call was for the master that the record left meanwhile.
    let late = CrosswalkRow { version: 5, ..crosswalk("erp", "C2", 1) };
    let end = Delivered { crosswalk: vec![late.clone()], ..Delivered::default() };
    store.finish_attempt(TENANT, "erp", None, end).await?;
    let held = CrosswalkRow { master_id: MasterId(3), earlier: vec![], ..late };
    let mut read = store.begin_resolve(TENANT).await?;
    let found = read.crosswalk_of(&[MasterId(2)]).await?.into_iter();
    let found: Vec<_> = found.map(|(row, first)| (CrosswalkRow { earlier: vec![], ..row }, first)).collect();
    assert_eq!(found, [(held, MasterId(2))]);
    assert_eq!(read.crosswalk_of(&[]).await?, []);
    drop(read);
    move_to(&*store, crosswalk("erp", "C2", 2)).await?;
    assert_eq!((keys(&[2]).await?, keys(&[3]).await?, keys(&[1]).await?), {
        (vec!["C2:m2:m2".to_owned()], vec![], vec!["C1:m1:m1".to_owned()])
    });
    Ok(())
}

pub async fn documents_of_a_customer_are_turned_page_by_page(context: &mut Context) -> Held {
    let store = context.store();
    let document =
        |id: u64, root: u64| MasterRow { entity: Entity::Invoice, root: MasterId(root), ..master(id, id, "f") };
    let masters =
        vec![master(1, 1, "dupont"), document(2, 1), document(3, 9), document(8, 1), document(5, 1), document(6, 6)];
    resolve(&*store, TENANT, Resolved { masters, ..Resolved::default() }).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    let customer = |root: u64, after: u64| Regrouping { master_id: MasterId(root), after: MasterId(after) };
    let several = [customer(9, 0), customer(4, 0), customer(1, 2), customer(1, u64::MAX)];
    assert_eq!(read.documents_of(&several, 1).await?, [vec![MasterId(3)], vec![], vec![MasterId(5)], vec![]]);
    assert_eq!(read.documents_of(&[], 1).await?, [[]; 0]);
    let mut page = async |root: u64, after: u64, count_max: usize| {
        let found = read.documents_of(&[customer(root, after)], count_max).await?;
        Ok::<_, StoreError>(found.iter().flatten().map(|id| id.0).collect::<Vec<_>>())
    };
    assert_eq!(page(1, 0, 2).await?, [2, 5]);
    assert_eq!(page(1, 5, 2).await?, [8]);
    assert_eq!(page(1, 8, 2).await?, [0; 0]);
    assert_eq!(page(1, 0, usize::MAX).await?, [2, 5, 8], "and not the customer");
    assert_eq!(page(9, 0, 10).await?, [3], "also of a customer who is not there");
    assert_eq!(page(6, 0, 10).await?, [0; 0]);
    assert_eq!(page(1, u64::MAX, 10).await?, [0; 0]);
    Ok(())
}

pub async fn questions_about_a_master_are_known(context: &mut Context) -> Held {
    let store = context.store();
    let question = |subject: &str, code: &str, pair: [Option<u64>; 2]| NewTask {
        subject: subject.to_owned(),
        code: code.to_owned(),
        question: "why?".to_owned(),
        system: "erp".into(),
        master_id: pair[0].map(MasterId),
        other: pair[1].map(MasterId),
        at: at(30),
        ..NewTask::default()
    };
    let tasks = vec![
        question("a", "match.doubtful", [Some(1), Some(2)]),
        question(ODD, "match.doubtful", [Some(3), Some(1)]),
        question("c", "match.doubtful", [Some(2), Some(3)]),
        question("d", "match.flips", [Some(1), None]),
        question("e", "match.doubtful", [None, None]),
    ];
    resolve(&*store, TENANT, Resolved { tasks, ..Resolved::default() }).await?;
    let open = async |code: &str, ids: &[u64]| {
        let ids: Vec<MasterId> = ids.iter().map(|id| MasterId(*id)).collect();
        let mut found = store.begin_resolve(TENANT).await?.open_tasks(code, &ids).await?;
        found.sort_unstable();
        Ok::<_, StoreError>(found)
    };
    assert_eq!(open("match.doubtful", &[1]).await?, ["a", ODD]);
    assert_eq!(open("match.doubtful", &[3, 1, 2]).await?, ["a", ODD, "c"], "each once");
    assert_eq!(open("match.flips", &[2, 1]).await?, ["d"]);
    assert_eq!(open("match", &[1]).await?, [""; 0]);
    assert_eq!(open("match.doubtful", &[4, u64::MAX]).await?, [""; 0]);
    assert_eq!(open("match.doubtful", &[]).await?, [""; 0]);
    let closing = TaskClosing { decision: Decision::Same, reason: String::new(), by: "anna".to_owned(), at: at(31) };
    let all = store.tasks(&crate::TaskFilter::default()).await?;
    let numbers: Vec<u64> = all.iter().filter(|task| task.subject == "a").map(|task| task.number).collect();
    store.close_tasks(Some(TENANT), &numbers, &closing).await?;
    assert_eq!(open("match.doubtful", &[1]).await?, [ODD], "it was answered");
    Ok(())
}

pub async fn documents_that_are_to_be_looked_at_again_are_remembered(context: &mut Context) -> Held {
    let store = context.store();
    let ids = |ids: &[u64]| ids.iter().map(|id| MasterId(*id)).collect::<Vec<_>>();
    write(&*store, MatchWrites { regrouped: ids(&[5, 1, 5, 9]), ..MatchWrites::default() }).await?;
    let told = async |store: &dyn Store, count_max: usize| {
        let told = store.regroupings(TENANT, count_max).await?;
        Ok::<_, StoreError>(told.iter().map(|one| (one.master_id.0, one.after.0)).collect::<Vec<_>>())
    };
    assert_eq!(told(&*store, 10).await?, [(1, 0), (5, 0), (9, 0)]);
    assert_eq!(store.regroupings(TENANT, 1).await?, [Regrouping { master_id: MasterId(1), after: MasterId(0) }]);
    // One goes on, one is done, and one that nobody knows of stays unknown.
    let regrouping = vec![
        (MasterId(1), Some(MasterId(500))),
        (MasterId(9), None),
        (MasterId(7), Some(MasterId(3))),
        (MasterId(8), None),
    ];
    write(&*store, MatchWrites { regrouping, ..MatchWrites::default() }).await?;
    drop(store);
    context.reopen().await?;
    let store = context.store();
    assert_eq!(told(&*store, 10).await?, [(1, 500), (5, 0)]);
    // Who moves again while it is under way is begun again, also when this very transaction went on with him.
    let regrouping = vec![(MasterId(1), Some(MasterId(600))), (MasterId(5), None)];
    write(&*store, MatchWrites { regrouped: ids(&[1, 5]), regrouping, ..MatchWrites::default() }).await?;
    assert_eq!(told(&*store, 10).await?, [(1, 0), (5, 0)]);
    Ok(())
}

pub async fn a_model_never_changes(context: &mut Context) -> Held {
    let store = context.store();
    assert_eq!(store.match_model(TENANT, 0).await?, None);
    store.add_match_model(TENANT, 2, "{\"second\":\"\\u0000\u{fdd0}\"}", at(40)).await?;
    store.add_match_model(TENANT, 1, "{\"first\":1}", at(41)).await?;
    let again = store.add_match_model(TENANT, 2, "{\"other\":1}", at(42)).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    for above in [0, 1] {
        let (number, model) = store.match_model(TENANT, above).await?.unwrap_or_default();
        assert_eq!((number, &*model), (2, "{\"second\":\"\\u0000\u{fdd0}\"}"), "the highest number, as it was");
    }
    assert_eq!(store.match_model(TENANT, 2).await?, None, "none is newer");
    store.add_match_model(TENANT, u32::MAX, "{}", at(43)).await?;
    assert_eq!(store.match_model(TENANT, 2).await?.map(|(number, _)| number), Some(u32::MAX));
    assert_eq!(store.match_model(TENANT, u32::MAX).await?, None);
    let told = |models: Vec<KeptModel>| models.into_iter().map(|kept| (kept.number, kept.at)).collect::<Vec<_>>();
    assert_eq!(told(store.match_models(TENANT, 9).await?), [(u32::MAX, at(43)), (2, at(40)), (1, at(41))]);
    assert_eq!(told(store.match_models(TENANT, 2).await?), [(u32::MAX, at(43)), (2, at(40))], "the newest");
    assert_eq!(&*store.match_models(TENANT, 9).await?[2].model, "{\"first\":1}");
    Ok(())
}

pub async fn what_is_decided_is_written_with_the_rest(context: &mut Context) -> Held {
    let store = context.store();
    let decided = MatchWrites {
        records: vec![match_record(1, "C1", 1)],
        keys: vec![(KEYS[0], 1)],
        judgements: vec![judgement(JudgementKind::Link, [1, 0], [&[1], &[]])],
        ..MatchWrites::default()
    };
    // A key that no engine can keep refuses all of it.
    let long = "k".repeat(crate::KEY_BYTES_MAX + 1);
    let refused =
        Resolved { sources: vec![source("erp", &long, 1, (1, 0))], matching: decided.clone(), ..Resolved::default() };
    assert!(resolve(&*store, TENANT, refused).await.is_err());
    assert_eq!(store.match_records_after(TENANT, 0, 10).await?, []);
    assert_eq!(store.judgements(TENANT, &[], 10).await?, []);
    let longest = MatchRecord { local: local("erp", &long[1..]), ..match_record(2, "", 1) };
    let records = vec![match_record(1, "C1", 1), longest.clone()];
    let matching = MatchWrites { records, ..decided };
    let writes = Resolved { matching, ..customer("erp", "C1", 1, 1, "dupont", (1, 0)) };
    resolve(&*store, TENANT, writes).await?;
    let mut read = store.begin_resolve(TENANT).await?;
    assert_eq!(read.postings(&[KEYS[0]], 10).await?, [Posting::Records(vec![1])]);
    assert_eq!(read.judgements_of(&[1]).await?.len(), 1);
    assert_eq!(read.match_records(&[2]).await?, [longest]);
    assert!(read.masters(&[MasterId(1)]).await?[0].is_some());
    Ok(())
}
