//! What collect relies on.

use roaring::RoaringBitmap;
use serde_json::json;

use super::Context;
use super::build::{accept, at, drop_of, outcomes, published, reject, step, stream, stream_of};
use crate::{
    AbsentRecord, Collected, DropEnd, DropJudgement, Export, Filter, KnownRecord, NewDrop, Outcomes, RecordOutcome,
    Store, StoreError, StreamState,
};

type Held = Result<(), StoreError>;

fn rows(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let bitmap: RoaringBitmap = numbers.iter().collect();
    bitmap.serialize_into(&mut bytes).expect("writing to memory does not fail");
    bytes
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    match RoaringBitmap::deserialize_from(bytes) {
        Ok(bitmap) => bitmap.iter().collect(),
        Err(error) => panic!("not a bitmap: {error}"),
    }
}

async fn judge(store: &dyn Store, drop: NewDrop) -> Result<DropJudgement, StoreError> {
    Ok(store.open_drop(drop).await?.judgement)
}

pub async fn a_stream_that_was_never_read_has_the_default_state(context: &mut Context) -> Held {
    assert_eq!(context.store().stream_state(&stream()).await?, StreamState::default());
    Ok(())
}

pub async fn a_checkpoint_and_a_run_survive_a_restart(context: &mut Context) -> Held {
    let opened = context.store().open_drop(drop_of("a.csv", 1, Export::Full)).await?;
    let checkpoint = Some(json!({"file": "a.csv", "line": 7}));
    let first = Collected { checkpoint: checkpoint.clone(), ..step(opened.number) };
    context.store().commit_collected(first).await?;
    // A step inside a batch leaves the position.
    context.store().commit_collected(step(opened.number)).await?;
    context.store().note_run(&stream(), at(9), None).await?;
    context.store().note_run(&stream(), at(10), Some("the folder is not there")).await?;
    context.reopen().await?;
    let expected = StreamState { checkpoint, open_drop: Some(opened.number), last_run: Some(at(9)) };
    assert_eq!(context.store().stream_state(&stream()).await?, expected);
    let shown = context.store().streams(&Filter::default()).await?;
    assert_eq!(shown[0].fault.as_deref(), Some("the folder is not there"));
    context.store().note_run(&stream(), at(11), None).await?;
    let shown = context.store().streams(&Filter::default()).await?;
    assert_eq!((shown[0].fault.as_deref(), shown[0].last_run), (None, Some(at(11))));
    Ok(())
}

pub async fn drop_numbers_increase_and_are_never_reused(context: &mut Context) -> Held {
    let mut last = 0;
    for round in 0..3 {
        for content in 0..3 {
            let number = accept(&*context.store(), drop_of("a.csv", round * 3 + content, Export::Delta), 1).await?;
            assert!(number > last, "{number} after {last}");
            last = number;
        }
        context.reopen().await?;
    }
    Ok(())
}

pub async fn an_open_drop_goes_on_with_its_number(context: &mut Context) -> Held {
    for (content, export) in [(1, Export::Full), (2, Export::Delta)] {
        let opened = context.store().open_drop(drop_of("a.csv", content, export)).await?;
        assert_eq!(opened.judgement, DropJudgement::New);
        let counted = outcomes(2, 0, &[(RecordOutcome::Unchanged, 2)]);
        let first = Collected { outcomes: counted.clone(), ..step(opened.number) };
        context.store().commit_collected(first).await?;
        context.reopen().await?;
        let later = NewDrop { at: at(7), ..drop_of("a.csv", content, export) };
        let resumed = context.store().open_drop(later).await?;
        assert_eq!((resumed.number, resumed.begun_at), (opened.number, opened.begun_at));
        match resumed.judgement {
            DropJudgement::Resumed { seen, outcomes } => {
                assert_eq!(outcomes, counted);
                assert_eq!(seen.is_empty(), export == Export::Delta, "only a full export remembers what it has shown");
            }
            other => panic!("{other:?}"),
        }
        context.store().commit_collected(Collected { end: Some(DropEnd::Accepted), ..step(opened.number) }).await?;
    }
    Ok(())
}

pub async fn another_drop_ends_the_open_one_as_refused(context: &mut Context) -> Held {
    let store = context.store();
    let first = store.open_drop(drop_of("a.csv", 1, Export::Full)).await?;
    // The same name with other content is another drop.
    let second = store.open_drop(drop_of("a.csv", 2, Export::Full)).await?;
    assert_ne!(first.number, second.number);
    assert_eq!(second.judgement, DropJudgement::New);
    assert_eq!(store.stream_state(&stream()).await?.open_drop, Some(second.number));
    let drops = store.drops(&Filter::default()).await?;
    let ends: Vec<_> = drops.iter().map(|drop| (drop.number, drop.end)).collect();
    assert_eq!(ends, [(second.number, None), (first.number, Some(DropEnd::Refused))]);
    Ok(())
}

pub async fn a_full_export_repeats_the_last_accepted_only(context: &mut Context) -> Held {
    let store = context.store();
    let x = accept(&*store, drop_of("x.csv", 1, Export::Full), 3).await?;
    assert_eq!(
        judge(&*store, drop_of("x-again.csv", 1, Export::Full)).await?,
        DropJudgement::Duplicate { of: x, records: 3 },
        "another name does not make it another content"
    );
    accept(&*store, drop_of("y.csv", 2, Export::Full), 3).await?;
    let third = accept(&*store, drop_of("x.csv", 1, Export::Full), 3).await?;
    assert_eq!(
        judge(&*store, drop_of("x.csv", 1, Export::Full)).await?,
        DropJudgement::Duplicate { of: third, records: 3 }
    );
    Ok(())
}

pub async fn a_delta_repeats_any_earlier_one(context: &mut Context) -> Held {
    let store = context.store();
    let x = accept(&*store, drop_of("x.csv", 1, Export::Delta), 3).await?;
    accept(&*store, drop_of("y.csv", 2, Export::Delta), 4).await?;
    assert_eq!(
        judge(&*store, drop_of("x.csv", 1, Export::Delta)).await?,
        DropJudgement::Duplicate { of: x, records: 3 }
    );
    // Of another stream, and without a fingerprint, nothing can be a repetition.
    let elsewhere = NewDrop { stream: stream_of("acme", "crm", "customers"), ..drop_of("x.csv", 1, Export::Delta) };
    assert_eq!(judge(&*store, elsewhere).await?, DropJudgement::New);
    let unknown = || NewDrop { fingerprint: None, ..drop_of("run", 0, Export::Delta) };
    accept(&*store, unknown(), 1).await?;
    assert_eq!(judge(&*store, unknown()).await?, DropJudgement::New);
    Ok(())
}

pub async fn another_mapping_is_news(context: &mut Context) -> Held {
    let store = context.store();
    for export in [Export::Full, Export::Delta] {
        let content = if export == Export::Full { 1 } else { 2 };
        let with = |mapping: &str| NewDrop { mapping: mapping.to_owned(), ..drop_of("x.csv", content, export) };
        accept(&*store, with("one"), 1).await?;
        let two = accept(&*store, with("two"), 1).await?;
        assert_eq!(judge(&*store, with("two")).await?, DropJudgement::Duplicate { of: two, records: 1 });
        accept(&*store, with("one"), 1).await?;
    }
    Ok(())
}

pub async fn again_reads_a_repeated_drop(context: &mut Context) -> Held {
    let store = context.store();
    accept(&*store, drop_of("x.csv", 1, Export::Delta), 1).await?;
    let again = NewDrop { again: true, ..drop_of("x.csv", 1, Export::Delta) };
    assert_eq!(judge(&*store, again).await?, DropJudgement::New);
    Ok(())
}

pub async fn a_refused_drop_is_not_compared_with(context: &mut Context) -> Held {
    let store = context.store();
    for (content, export) in [(1, Export::Full), (2, Export::Delta)] {
        let opened = store.open_drop(drop_of("x.csv", content, export)).await?;
        store.commit_collected(Collected { end: Some(DropEnd::Refused), ..step(opened.number) }).await?;
        assert_eq!(store.stream_state(&stream()).await?.open_drop, None);
        // Nothing of it counts, so the same content is new.
        accept(&*store, drop_of("x.csv", content, export), 1).await?;
    }
    Ok(())
}

pub async fn a_duplicate_counts_what_the_first_had(context: &mut Context) -> Held {
    let store = context.store();
    let first = store.open_drop(drop_of("x.csv", 1, Export::Full)).await?;
    let known = store
        .commit_collected(Collected {
            published: vec![published("C1", 1), published("C2", 1)],
            outcomes: outcomes(2, 2, &[]),
            ..step(first.number)
        })
        .await?;
    // One record that the export no longer shows: read, yet not a record of the drop.
    store
        .commit_collected(Collected {
            removed: vec![known[1]],
            outcomes: outcomes(1, 1, &[]),
            end: Some(DropEnd::Accepted),
            ..step(first.number)
        })
        .await?;
    let second = store.open_drop(drop_of("x.csv", 1, Export::Full)).await?;
    assert_eq!(second.judgement, DropJudgement::Duplicate { of: first.number, records: 2 });
    let shown = &store.drops(&Filter::default()).await?[0];
    assert_eq!(
        (shown.number, shown.end, shown.duplicate_of),
        (second.number, Some(DropEnd::Duplicate), Some(first.number))
    );
    assert_eq!(shown.outcomes.get(RecordOutcome::Duplicate), 2);
    assert!(shown.outcomes.adds_up(), "{:?}", shown.outcomes);
    assert_eq!(store.stream_state(&stream()).await?.open_drop, None);
    Ok(())
}

pub async fn known_records_are_told_in_order(context: &mut Context) -> Held {
    let store = context.store();
    assert_eq!(store.known_records(&stream(), &["C1", "C2"]).await?, [None, None]);
    let opened = store.open_drop(drop_of("x.csv", 1, Export::Delta)).await?;
    let records = vec![published("C1", 1), published("C2", 2), published("é\u{202f}3", 3)];
    let rows = store.commit_collected(Collected { published: records, ..step(opened.number) }).await?;
    let of = |index: usize, content: u8| {
        Some(KnownRecord { row: rows[index], hash: [content; 16], partition: content.into() })
    };
    let known = store.known_records(&stream(), &["é\u{202f}3", "absent", "C1", "", "C1"]).await?;
    assert_eq!(known, [of(2, 3), None, of(0, 1), None, of(0, 1)]);
    assert_eq!(store.known_records(&stream(), &[]).await?, []);
    let elsewhere = stream_of("acme", "erp", "suppliers");
    assert_eq!(store.known_records(&elsewhere, &["C1"]).await?, [None]);
    Ok(())
}

pub async fn rows_are_dense_and_stay(context: &mut Context) -> Held {
    let opened = context.store().open_drop(drop_of("x.csv", 1, Export::Delta)).await?;
    let first = Collected { published: vec![published("C1", 1), published("C2", 1)], ..step(opened.number) };
    let before = context.store().commit_collected(first).await?;
    context.reopen().await?;
    let records = vec![published("C2", 2), published("C3", 2), published("C2", 3)];
    let second = Collected { published: records, ..step(opened.number) };
    let after = context.store().commit_collected(second).await?;
    assert_eq!([after[0], after[2]], [before[1]; 2], "a record keeps its row");
    let mut all = vec![before[0], before[1], after[1]];
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 3);
    assert!(all[2] < 8, "rows are dense: {all:?}");
    let known = context.store().known_records(&stream(), &["C2"]).await?;
    assert_eq!(known, [Some(KnownRecord { row: before[1], hash: [3; 16], partition: 3 })], "the last hash counts");
    Ok(())
}

pub async fn a_forgotten_record_is_new(context: &mut Context) -> Held {
    let store = context.store();
    let opened = store.open_drop(drop_of("x.csv", 1, Export::Full)).await?;
    let first = Collected { published: vec![published("C1", 1), published("C2", 1)], ..step(opened.number) };
    let rows = store.commit_collected(first).await?;
    store.commit_collected(Collected { removed: vec![rows[0]], ..step(opened.number) }).await?;
    let known = store.known_records(&stream(), &["C1", "C2"]).await?;
    assert_eq!(known, [None, Some(KnownRecord { row: rows[1], hash: [1; 16], partition: 1 })]);
    let back = Collected { published: vec![published("C1", 4)], ..step(opened.number) };
    let again = store.commit_collected(back).await?;
    assert_ne!(again[0], rows[1]);
    Ok(())
}

pub async fn a_full_export_tells_what_it_has_not_shown(context: &mut Context) -> Held {
    let store = context.store();
    let keys = ["C1", "C2", "C3", "C4", "C5"];
    let first = store.open_drop(drop_of("x.csv", 1, Export::Full)).await?;
    let all = keys.iter().map(|key| published(key, 7)).collect();
    let end = Some(DropEnd::Accepted);
    let known = store.commit_collected(Collected { published: all, end, ..step(first.number) }).await?;
    let second = store.open_drop(drop_of("y.csv", 2, Export::Full)).await?;
    // C1 unchanged, C2 changed, a new one; C3, C4 and C5 are not shown.
    let published = vec![published("C2", 8), published("C6", 8)];
    let seen = rows(&[known[0]]);
    store.commit_collected(Collected { seen, published, ..step(second.number) }).await?;
    assert_eq!(store.absent_count(&stream(), second.number).await?, (6, 3));
    let absent = |index: usize| AbsentRecord { row: known[index], key: keys[index].to_owned(), partition: 7 };
    let page = store.absent_records(&stream(), second.number, None, 2).await?;
    assert_eq!(page, [absent(2), absent(3)]);
    let rest = store.absent_records(&stream(), second.number, Some(known[3]), 2).await?;
    assert_eq!(rest, [absent(4)]);
    let done = store.absent_records(&stream(), second.number, Some(known[4]), 2).await?;
    assert_eq!(done, []);
    assert_eq!(store.absent_count(&stream_of("acme", "erp", "other"), second.number).await?, (0, 0));
    Ok(())
}

pub async fn what_was_seen_survives_a_restart(context: &mut Context) -> Held {
    let first = context.store().open_drop(drop_of("x.csv", 1, Export::Full)).await?;
    let all = (0..100).map(|number| published(&format!("C{number}"), 1)).collect();
    let end = Some(DropEnd::Accepted);
    let known = context.store().commit_collected(Collected { published: all, end, ..step(first.number) }).await?;
    let second = context.store().open_drop(drop_of("y.csv", 2, Export::Full)).await?;
    for seen in [rows(&known[..40]), rows(&known[30..60]), Vec::new()] {
        context.store().commit_collected(Collected { seen, ..step(second.number) }).await?;
    }
    let more = vec![published("C70", 2), published("new", 2)];
    let added = context.store().commit_collected(Collected { published: more, ..step(second.number) }).await?;
    context.reopen().await?;
    let resumed = context.store().open_drop(drop_of("y.csv", 2, Export::Full)).await?;
    let DropJudgement::Resumed { seen, .. } = resumed.judgement else { panic!("{:?}", resumed.judgement) };
    let mut expected: Vec<u32> = known[..60].to_vec();
    expected.extend(&added);
    expected.sort_unstable();
    assert_eq!(numbers(&seen), expected);
    assert_eq!(context.store().absent_count(&stream(), second.number).await?, (101, 39));
    Ok(())
}

pub async fn rejects_are_stored_once(context: &mut Context) -> Held {
    let store = context.store();
    let opened = store.open_drop(drop_of("x.csv", 1, Export::Delta)).await?;
    for rejects in [vec![reject(3, Some("C3")), reject(4, None)], vec![reject(4, None), reject(5, None)]] {
        store.commit_collected(Collected { rejects, ..step(opened.number) }).await?;
    }
    let shown = store.rejects(&Filter::default()).await?;
    let lines: Vec<_> = shown.iter().map(|reject| (reject.drop, reject.line, reject.key.as_deref())).collect();
    let number = opened.number;
    assert_eq!(lines, [(number, Some(7), None), (number, Some(6), None), (number, Some(5), Some("C3"))]);
    assert_eq!(shown[0].raw, reject(0, None).raw, "the bytes as they came");
    assert_eq!(shown[0].stream, stream());
    Ok(())
}

pub async fn a_step_of_an_unknown_drop_changes_nothing(context: &mut Context) -> Held {
    let store = context.store();
    let lost = Collected { published: vec![published("C1", 1)], rejects: vec![reject(1, None)], ..step(77) };
    assert!(store.commit_collected(lost).await.is_err());
    assert_eq!(store.known_records(&stream(), &["C1"]).await?, [None]);
    assert_eq!(store.rejects(&Filter::default()).await?, []);
    let opened = store.open_drop(drop_of("x.csv", 1, Export::Delta)).await?;
    let counted =
        Collected { outcomes: Outcomes { read: 1, in_flight: 1, ..Outcomes::default() }, ..step(opened.number) };
    store.commit_collected(counted).await?;
    assert_eq!(store.drops(&Filter::default()).await?[0].outcomes.read, 1, "the store goes on after a refusal");
    Ok(())
}

pub async fn mapping_versions_are_remembered(context: &mut Context) -> Held {
    assert_eq!(context.store().mapping_covers("v1").await?, None);
    let covers = vec!["legal_name".to_owned(), "addresses.main".to_owned()];
    context.store().save_mapping_version("v1", "sage/customer", &covers).await?;
    context.store().save_mapping_version("v1", "sage/customer", &covers).await?;
    context.store().save_mapping_version("v2", "sage/customer", &[]).await?;
    for _ in 0..2 {
        assert_eq!(context.store().mapping_covers("v1").await?.as_deref(), Some(covers.as_slice()));
        assert_eq!(context.store().mapping_covers("v2").await?.as_deref(), Some([].as_slice()));
        assert_eq!(context.store().mapping_covers("v3").await?, None);
        context.reopen().await?;
    }
    Ok(())
}
