//! Paging, rows that move, incremental runs.

use canonical::record::{Body, Json};
use connector::{Checkpoint, Fault, Item, Ports, Source};
use serde_json::{Value, json};

use super::open;
use super::server::{Server, Trick, customer};

/// A run as the hub sees it: what was read, in order, and the end of it.
#[derive(Default)]
struct Run {
    ids: Vec<u64>,
    ordinals: Vec<u64>,
    drops: Vec<String>,
    checkpoint: Option<Checkpoint>,
    lasts: usize,
}

async fn source(server: &Server, stream: Value) -> Box<dyn Source> {
    let mut stream = stream;
    stream["path"] = json!("/customers");
    stream["items"] = json!("data.items");
    stream["key"] = json!("id");
    let mut ports: Ports = open(&server.url, json!({"streams": {"customers": stream}})).await.unwrap();
    ports.sources.remove("customers").unwrap()
}

/// Reads until `None`, each time from the last checkpoint.
async fn read(source: &mut dyn Source, after: Option<Checkpoint>) -> Result<Run, Fault> {
    let mut run = Run { checkpoint: after, ..Run::default() };
    while let Some(batch) = source.read(run.checkpoint.as_ref()).await? {
        for item in batch.items {
            let Item::Record(record) = item else { panic!("{item:?}") };
            let Body::Json(body) = &record.body else { panic!("{record:?}") };
            assert_eq!(serde_json::from_slice::<Json>(&record.raw).unwrap(), *body);
            run.ids.push(body.get("id").and_then(Json::as_u64).unwrap());
            run.ordinals.push(record.place.ordinal);
        }
        if run.drops.last() != Some(&batch.drop.name) {
            run.drops.push(batch.drop.name);
        }
        run.lasts += usize::from(batch.last);
        run.checkpoint = Some(batch.checkpoint);
    }
    Ok(run)
}

const PAGINGS: [&str; 5] = [
    r#"{"kind": "page"}"#,
    r#"{"kind": "offset"}"#,
    r#"{"kind": "offset", "overlap": 2}"#,
    r#"{"kind": "cursor", "next": "next"}"#,
    r#"{"kind": "link"}"#,
];

#[tokio::test]
async fn every_paging_reads_everything_once() {
    let server = Server::start().await;
    for paging in PAGINGS.into_iter().chain(WITHOUT_OVERLAP) {
        for count in 0..=10 {
            server.fill(count);
            let stream = json!({"paging": serde_json::from_str::<Value>(paging).unwrap()});
            let mut source = source(&server, stream).await;
            let run = read(&mut *source, None).await.unwrap();
            assert_eq!(run.ids, (1..=count).collect::<Vec<_>>(), "{paging}");
            assert_eq!(run.ordinals, (0..count).collect::<Vec<_>>(), "{paging}");
            assert_eq!((run.drops.as_slice(), run.lasts), (&["customers run 1".to_owned()][..], 1), "{paging}");
            // Once the hub heard that nothing is left, the next read is the next run.
            let run = read(&mut *source, run.checkpoint).await.unwrap();
            assert_eq!((run.drops.as_slice(), run.ids.len() as u64), (&["customers run 2".to_owned()][..], count));
        }
    }
}

#[tokio::test]
async fn pages_whose_size_is_chosen_read_everything_once() {
    let server = Server::start().await;
    let stream = json!({"paging": {"kind": "page", "size_parameter": "per_page", "size": 40}});
    for size_max in [40, 25] {
        server.crm().page_size = size_max;
        for count in [0, 1, 19, 20, 24, 25, 26, 39, 40, 41, 80, 333] {
            server.fill(count);
            let mut source = source(&server, stream.clone()).await;
            let run = read(&mut *source, None).await.unwrap();
            assert_eq!(run.ids, (1..=count).collect::<Vec<_>>());
            assert_eq!(run.ordinals, (0..count).collect::<Vec<_>>());
        }
    }
    // Every page shares a row with the next one, and little more.
    let requests = server.take_calls().len();
    assert!(requests < 120, "{requests} requests");
    server.crm().page_size = 5;
    let mut source = source(&server, stream).await;
    let Err(Fault::Halt { reason }) = read(&mut *source, None).await else { panic!("it must end") };
    assert!(reason.contains("at most 5 rows"), "{reason}");
}

const WITHOUT_OVERLAP: [&str; 2] = [r#"{"kind": "page", "overlap": false}"#, r#"{"kind": "offset", "overlap": 0}"#];

/// Rows that were there all the time are read, whatever goes and comes between the pages.
#[tokio::test]
async fn rows_that_move_between_pages_lose_nothing() {
    type Move = fn(usize, &mut Vec<Value>);
    let moves: [(&str, Move); 7] = [
        ("the first row goes before every page", |_, rows| drop(rows.remove(0))),
        ("a row comes in front before every page", |list, rows| rows.insert(0, customer(1_000 + list as u64))),
        ("five rows go at once", |list, rows| {
            if list == 2 {
                rows.drain(..5);
            }
        }),
        ("seven rows come at once", |list, rows| {
            if list == 2 {
                (0..7).for_each(|number| rows.insert(0, customer(2_000 + number)));
            }
        }),
        ("the row that was read last goes", |list, rows| {
            if list == 1 {
                rows.remove(2);
            }
        }),
        ("the row that was read last changes and moves to the end", |list, rows| {
            if list == 1 {
                let mut row = rows.remove(2);
                row["name"] = json!("Changed");
                rows.push(row);
            }
        }),
        ("everything that was read goes", |list, rows| {
            if list == 3 {
                rows.drain(..6);
            }
        }),
    ];
    let server = Server::start().await;
    let mut lost_without_overlap = 0;
    for (name, movement) in moves {
        for paging in PAGINGS[..3].iter().chain(&WITHOUT_OVERLAP) {
            server.fill(20);
            let mut lists = 0;
            server.crm().before_list = Some(Box::new(move |_, rows| {
                // A collection that grew faster than it is read, for ever, could not be read by anybody.
                if lists < 15 {
                    movement(lists, rows);
                }
                lists += 1;
            }));
            let stream = json!({"paging": serde_json::from_str::<Value>(paging).unwrap()});
            let mut source = source(&server, stream).await;
            let run = read(&mut *source, None).await.unwrap();
            server.crm().before_list = None;
            let left: Vec<u64> = server.crm().rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
            let lost: Vec<&u64> = left.iter().filter(|id| **id <= 20 && !run.ids.contains(id)).collect();
            if WITHOUT_OVERLAP.contains(paging) {
                lost_without_overlap += lost.len();
                continue;
            }
            assert!(lost.is_empty(), "{name}, {paging}: lost {lost:?} of {:?}", run.ids);
            let mut ordinals = run.ordinals.clone();
            ordinals.dedup();
            assert_eq!(ordinals, (0..run.ids.len() as u64).collect::<Vec<_>>(), "{name}, {paging}");
        }
    }
    assert!(lost_without_overlap > 0, "the rows did not move enough to prove anything");
}

/// The same with movements that nobody thought of; the seed of a failure is in its message.
#[tokio::test]
async fn rows_that_move_at_random_lose_nothing() {
    let server = Server::start().await;
    let check = async |seed: u64, paging: &str, kinds: &'static [u8], rows: u64, page_size: usize| {
        let mut random = fastrand::Rng::with_seed(seed);
        server.fill(random.u64(0..rows));
        server.crm().page_size = page_size;
        let mut movements = 25;
        server.crm().before_list = Some(Box::new(move |_, rows| {
            for _ in 0..random.usize(0..4) {
                if movements > 0 {
                    movements -= 1;
                    move_at_random(&mut random, kinds, rows, 1_000 + movements);
                }
            }
        }));
        let first = server.crm().rows.clone();
        let stream = json!({"paging": serde_json::from_str::<Value>(paging).unwrap()});
        let mut source = source(&server, stream).await;
        let run = read(&mut *source, None).await.unwrap();
        server.crm().before_list = None;
        let crm = server.crm();
        let stayed = first.iter().map(|row| row["id"].as_u64().unwrap());
        let stayed = stayed.filter(|id| crm.rows.iter().any(|row| row["id"] == *id));
        let lost: Vec<u64> = stayed.filter(|id| !run.ids.contains(id)).collect();
        assert!(lost.is_empty(), "seed {seed}, {paging}: lost {lost:?} of {:?}", run.ids);
    };
    for seed in 0..60 {
        let page_size = 3 + usize::try_from(seed % 4).unwrap();
        check(seed, r#"{"kind": "offset"}"#, &ALL_KINDS, 30, page_size).await;
        check(seed, r#"{"kind": "offset", "overlap": 2}"#, &ALL_KINDS, 30, page_size).await;
        // One server gives as many rows as it is asked for, the other fewer.
        let sized = r#"{"kind": "page", "size_parameter": "per_page", "size": 40}"#;
        check(seed, sized, &ALL_KINDS, 150, if seed % 2 == 0 { 40 } else { 25 }).await;
        // Pages of a fixed size are safe as long as rows do not move to and fro at once.
        check(seed, r#"{"kind": "page"}"#, &[1, 2, 3], 30, page_size).await;
        check(seed, r#"{"kind": "page"}"#, &[0, 2], 30, page_size).await;
    }
}

const ALL_KINDS: [u8; 4] = [0, 1, 2, 3];

fn move_at_random(random: &mut fastrand::Rng, kinds: &[u8], rows: &mut Vec<Value>, new: u64) {
    let position = random.usize(0..=rows.len());
    match kinds[random.usize(0..kinds.len())] {
        0 => rows.insert(position, customer(new)),
        _ if position == rows.len() => {}
        1 => drop(rows.remove(position)),
        2 => rows[position]["name"] = json!(format!("Changed {new}")),
        // What sorting by the time of the last change does to a row that changes.
        _ => {
            let mut row = rows.remove(position);
            row["name"] = json!(format!("Moved {new}"));
            rows.push(row);
        }
    }
}

#[tokio::test]
async fn rows_that_never_look_the_same_halt() {
    let server = Server::start().await;
    for paging in &PAGINGS[..3] {
        server.fill(10);
        server.crm().before_list = Some(Box::new(|list, rows| {
            rows.iter_mut().for_each(|row| row["read_at"] = json!(list));
        }));
        let stream = json!({"paging": serde_json::from_str::<Value>(paging).unwrap()});
        let mut source = source(&server, stream).await;
        let Err(Fault::Halt { reason }) = read(&mut *source, None).await else { panic!("it must end") };
        assert!(reason.contains("stable sort"), "{reason}");
    }
}

#[tokio::test]
async fn a_link_in_the_body_is_followed() {
    let server = Server::start().await;
    server.fill(5);
    let next = r#"{"data": {"items": [{"id": 7}]}, "links": {"next": "customers?cursor=3"}}"#;
    server.trick([Trick::body("application/json", next)]);
    let mut source = source(&server, json!({"paging": {"kind": "link", "next": "links.next"}})).await;
    let run = read(&mut *source, None).await.unwrap();
    assert_eq!(run.ids, [7, 4, 5]);
}

#[tokio::test]
async fn incremental_runs_read_what_changed_and_nothing_else() {
    for paging in PAGINGS {
        let server = Server::start().await;
        server.fill(7);
        let stream = || {
            json!({
                "paging": serde_json::from_str::<Value>(paging).unwrap(),
                "since": {"parameter": "updated_since", "field": "updated_at", "overlap": 2},
            })
        };
        let mut source = source(&server, stream()).await;
        let first = read(&mut *source, None).await.unwrap();
        assert_eq!(first.ids, [1, 2, 3, 4, 5, 6, 7], "{paging}");
        server.take_calls();
        // Nothing changed: the overlap is read and recognised, by a source that remembers nothing.
        let mut source = self::source(&server, stream()).await;
        let second = read(&mut *source, first.checkpoint.clone()).await.unwrap();
        assert_eq!((second.ids.len(), &second.checkpoint), (0, &first.checkpoint), "{paging}");
        let calls = server.take_calls();
        assert!(calls[0].contains("updated_since=2026-01-01T00%3A00%3A05Z"), "{calls:?}");
        // One row changes twice in the same second, and one is new.
        for name in ["A", "B"] {
            {
                let mut crm = server.crm();
                crm.rows[6]["name"] = json!(name);
                crm.rows.truncate(7);
                crm.rows.push(customer(8));
            }
            let third = read(&mut *source, first.checkpoint.clone()).await.unwrap();
            assert_eq!(third.ids, [7, 8], "{paging}");
            assert_eq!(third.drops, ["customers run 2 since 2026-01-01T00:00:05Z"]);
            source = self::source(&server, stream()).await;
        }
    }
}

/// A row that changes behind the reader's back, while a later one was changed later still, is not missed.
#[tokio::test]
async fn an_unsorted_collection_misses_no_change() {
    let server = Server::start().await;
    server.fill(6);
    let stream = json!({
        "paging": {"kind": "cursor", "next": "next"},
        "since": {"parameter": "updated_since", "field": "updated_at"},
    });
    let mut source = source(&server, stream).await;
    server.crm().before_list = Some(Box::new(|list, rows| {
        if list == 1 {
            rows[0] = json!({"id": 1, "name": "Changed", "updated_at": "2026-02-01T00:00:00Z"});
            rows[3]["updated_at"] = json!("2026-02-02T00:00:00Z");
        }
    }));
    let first = read(&mut *source, None).await.unwrap();
    assert_eq!(first.ids, [1, 2, 3, 4, 5, 6]);
    server.crm().before_list = None;
    let second = read(&mut *source, first.checkpoint).await.unwrap();
    assert!(second.ids.contains(&1), "{:?}", second.ids);
    // From then on, it is quiet.
    let third = read(&mut *source, second.checkpoint).await.unwrap();
    let fourth = read(&mut *source, third.checkpoint).await.unwrap();
    assert_eq!(fourth.ids, [0; 0]);
}

#[tokio::test]
async fn a_run_goes_on_in_the_middle_after_a_crash() {
    for paging in PAGINGS {
        let server = Server::start().await;
        server.fill(10);
        let stream = json!({"paging": serde_json::from_str::<Value>(paging).unwrap()});
        let mut source = source(&server, stream.clone()).await;
        let first = source.read(None).await.unwrap().unwrap();
        let again = source.read(None).await.unwrap().unwrap();
        assert_eq!(first, again, "{paging}");
        let mut source = self::source(&server, stream).await;
        let rest = read(&mut *source, Some(first.checkpoint)).await.unwrap();
        assert_eq!(rest.ids, [4, 5, 6, 7, 8, 9, 10], "{paging}");
        assert_eq!((rest.ordinals[0], rest.drops.as_slice()), (3, &[first.drop.name][..]), "{paging}");
    }
}

#[tokio::test]
async fn an_expired_cursor_starts_the_run_over() {
    let server = Server::start().await;
    server.fill(5);
    let mut source = source(&server, json!({"paging": {"kind": "cursor", "next": "next"}})).await;
    let first = source.read(None).await.unwrap().unwrap();
    server.trick([Trick::status(410)]);
    let rest = read(&mut *source, Some(first.checkpoint)).await.unwrap();
    assert_eq!(rest.ids, [1, 2, 3, 4, 5]);
    assert_eq!(rest.ordinals, [3, 4, 5, 6, 7]);
    assert_eq!(rest.drops, [first.drop.name]);
}

#[tokio::test]
async fn what_is_no_object_is_rejected_and_the_rest_is_read() {
    let server = Server::start().await;
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let body = format!(r#"{{"data": {{"items": [{{"id": 1}}, 7, {deep}, {{"id": 2}}]}}}}"#);
    server.trick([Trick::body("application/json", &body)]);
    let mut source = source(&server, json!({})).await;
    let batch = source.read(None).await.unwrap().unwrap();
    let seen: Vec<(u64, &str)> = batch
        .items
        .iter()
        .map(|item| match item {
            Item::Record(record) => (record.place.ordinal, "record"),
            Item::Reject(reject) => (reject.place.ordinal, reject.code),
        })
        .collect();
    assert_eq!(seen, [(0, "record"), (1, "rest.item-not-object"), (2, "rest.item-unreadable"), (3, "record")]);
}

#[tokio::test]
async fn a_foreign_checkpoint_or_an_endless_collection_halts() {
    let server = Server::start().await;
    server.fill(9);
    let stream = json!({"paging": {"kind": "offset"}, "pages_max": 2});
    let mut source = source(&server, stream).await;
    let Err(Fault::Halt { reason }) = read(&mut *source, None).await else { panic!("it must end") };
    assert!(reason.contains("pages_max"), "{reason}");
    let foreign = Checkpoint(json!({"file": "customers.csv"}));
    assert!(matches!(source.read(Some(&foreign)).await, Err(Fault::Halt { .. })));
}
