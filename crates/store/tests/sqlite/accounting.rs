//! The accounting adds up, whatever happens in whatever order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use store::sqlite::{Durability, SqliteOptions, SqliteStore};
use store::{
    CollectStore, Collected, DropEnd, DropNumber, Export, Filter, NewDrop, NewParked, OperateStore, Outcomes,
    ParkedStage, Position, RecordOutcome, ResolveStore, Resolved, StreamKey,
};

/// One thing that the hub does.
#[derive(Clone, Debug)]
enum Act {
    Open { stream: usize },
    Collect { read: i64, rejected: i64, unchanged: i64 },
    Resolve { drop: usize, outcome: usize },
    Park { drop: usize },
    Unpark { requeue: bool },
    End { accepted: bool },
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (0..2_usize).prop_map(|stream| Act::Open { stream }),
        5 => (0..50_i64, 0..5_i64, 0..20_i64)
            .prop_map(|(read, rejected, unchanged)| Act::Collect { read, rejected, unchanged }),
        6 => (0..8_usize, 0..RESOLVED.len()).prop_map(|(drop, outcome)| Act::Resolve { drop, outcome }),
        2 => (0..8_usize).prop_map(|drop| Act::Park { drop }),
        2 => any::<bool>().prop_map(|requeue| Act::Unpark { requeue }),
        1 => any::<bool>().prop_map(|accepted| Act::End { accepted }),
        1 => Just(Act::Restart),
    ]
}

const RESOLVED: [RecordOutcome; 5] = [
    RecordOutcome::Created,
    RecordOutcome::Updated,
    RecordOutcome::Removed,
    RecordOutcome::Waiting,
    RecordOutcome::Withheld,
];

fn stream(index: usize) -> StreamKey {
    StreamKey { tenant: "acme".into(), system: format!("system-{index}").into(), stream: "customers".into() }
}

/// What the store should say, kept by hand.
struct Model {
    expected: BTreeMap<DropNumber, Outcomes>,
    /// The open drop, and its stream.
    open: Option<(DropNumber, usize)>,
    opened: usize,
}

impl Model {
    fn nth(&self, index: usize) -> Option<DropNumber> {
        self.expected.keys().copied().nth(index % self.expected.len().max(1))
    }
}

fn step(stream_index: usize, drop: DropNumber, outcomes: Outcomes, end: Option<DropEnd>) -> Collected {
    Collected {
        stream: stream(stream_index),
        drop,
        checkpoint: None,
        published: Vec::new(),
        ordinals: Vec::new(),
        seen: Vec::new(),
        removed: Vec::new(),
        rejects: Vec::new(),
        tasks: Vec::new(),
        outcomes,
        end,
        at: Timestamp::UNIX_EPOCH,
    }
}

async fn open(store: &SqliteStore, model: &mut Model, index: usize) {
    model.opened += 1;
    let drop = NewDrop {
        stream: stream(index),
        name: format!("drop-{}", model.opened),
        fingerprint: None,
        bytes: None,
        export: Export::Delta,
        mapping: "m".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        again: false,
    };
    let number = store.open_drop(drop).await.unwrap().number;
    model.expected.entry(number).or_default();
    model.open = Some((number, index));
}

async fn resolve(
    store: &SqliteStore,
    model: &mut Model,
    drop: DropNumber,
    difference: Outcomes,
    parked: Vec<NewParked>,
) {
    model.expected.entry(drop).or_default().merge(&difference);
    let writes = Resolved { outcomes: BTreeMap::from([(drop, difference)]), parked, ..Resolved::default() };
    store.begin_resolve("acme").await.unwrap().commit(writes).await.unwrap();
}

fn one(outcome: RecordOutcome) -> Outcomes {
    let mut difference = Outcomes { in_flight: -1, ..Outcomes::default() };
    difference.add(outcome, 1);
    difference
}

fn parked(drop: DropNumber) -> NewParked {
    NewParked {
        stage: ParkedStage::Observed,
        system: "system-0".into(),
        key: "k".to_owned(),
        entity: canonical::Entity::Customer,
        master_id: None,
        version: None,
        position: Some(Position { drop, ordinal: 0 }),
        code: "c".to_owned(),
        reason: None,
        needs: None,
        task: None,
        event: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
    }
}

async fn unpark(store: &SqliteStore, model: &mut Model, requeue: bool) {
    let all = store.parked(&Filter::default()).await.unwrap();
    let Some(first) = all.first() else { return };
    let before: Vec<_> = store.drops(&Filter::default()).await.unwrap();
    store.unpark(&[first.number], requeue, Timestamp::UNIX_EPOCH).await.unwrap();
    // Which drop it was of is seen by what changed; how is known.
    let after = store.drops(&Filter::default()).await.unwrap();
    let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert_eq!(changed.len(), 1);
    let expected = model.expected.get_mut(&changed[0].1.number).unwrap();
    expected.add(RecordOutcome::Parked, -1);
    if requeue {
        expected.in_flight += 1;
    } else {
        expected.add(RecordOutcome::Rejected, 1);
    }
    expected.ended.retain(|_, count| *count != 0);
}

async fn play(acts: Vec<Act>) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("store.sqlite");
    let options = SqliteOptions { durability: Durability::Normal, ..SqliteOptions::default() };
    let mut store = SqliteStore::open(&file, options.clone()).unwrap();
    let mut model = Model { expected: BTreeMap::new(), open: None, opened: 0 };
    for act in acts {
        match act {
            Act::Open { stream } => open(&store, &mut model, stream).await,
            Act::Collect { read, rejected, unchanged } => {
                let Some((drop, index)) = model.open else { continue };
                let mut outcomes = Outcomes { read, rows: read * 2, ..Outcomes::default() };
                outcomes.add(RecordOutcome::Rejected, rejected.min(read));
                outcomes.add(RecordOutcome::Unchanged, unchanged.min(read - rejected.min(read)));
                outcomes.in_flight = read - outcomes.ended.values().sum::<i64>();
                model.expected.entry(drop).or_default().merge(&outcomes);
                store.commit_collected(step(index, drop, outcomes, None)).await.unwrap();
            }
            Act::Resolve { drop, outcome } => {
                let Some(drop) = model.nth(drop) else { continue };
                resolve(&store, &mut model, drop, one(RESOLVED[outcome]), Vec::new()).await;
            }
            Act::Park { drop } => {
                let Some(drop) = model.nth(drop) else { continue };
                resolve(&store, &mut model, drop, one(RecordOutcome::Parked), vec![parked(drop)]).await;
            }
            Act::Unpark { requeue } => unpark(&store, &mut model, requeue).await,
            Act::End { accepted } => {
                let Some((drop, index)) = model.open.take() else { continue };
                let end = if accepted { DropEnd::Accepted } else { DropEnd::Refused };
                store.commit_collected(step(index, drop, Outcomes::default(), Some(end))).await.unwrap();
            }
            Act::Restart => {
                drop(store);
                store = SqliteStore::open(&file, options.clone()).unwrap();
            }
        }
    }
    compare(&store, model).await;
}

async fn compare(store: &SqliteStore, mut model: Model) {
    let everything = Filter { count_max: 10_000, ..Filter::default() };
    let mut sums: BTreeMap<String, Outcomes> = BTreeMap::new();
    for shown in store.drops(&everything).await.unwrap() {
        let mut expected = model.expected.remove(&shown.number).unwrap();
        expected.ended.retain(|_, count| *count != 0);
        // More can be resolved here than was collected: that was read all the same.
        let untold = (-expected.in_flight).max(0);
        expected.read += untold;
        expected.in_flight += untold;
        assert_eq!(shown.outcomes, expected, "drop {}", shown.number);
        let ended: i64 = shown.outcomes.ended.values().sum();
        assert_eq!(shown.outcomes.read, ended + shown.outcomes.in_flight, "drop {}", shown.number);
        assert!(shown.outcomes.in_flight >= 0, "drop {}", shown.number);
        sums.entry(shown.stream.system.to_string()).or_default().merge(&shown.outcomes);
    }
    assert!(model.expected.is_empty(), "drops that are gone: {:?}", model.expected.keys());
    for shown in store.streams(&everything).await.unwrap() {
        let mut expected = sums.remove(&*shown.stream.system).unwrap_or_default();
        expected.ended.retain(|_, count| *count != 0);
        assert_eq!(shown.total, expected, "stream of {}", shown.stream.system);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn outcomes_add_up(acts in prop::collection::vec(act(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(acts));
    }
}
