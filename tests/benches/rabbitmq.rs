//! Events per second through observed, resolved and delivered on RabbitMQ and PostgreSQL, beside a bare lapin program.
//!
//! `cargo bench -p passerelle-tests --bench rabbitmq -- --events 100000 --rounds 3`
//!
//! An event is a new customer: read from a CSV drop, published as an observation, resolved, published as a change, and
//! delivered to one system that is fed by files. The bare program sends messages of the same size over the same hops, in
//! the same batches, with the same confirmations; see `bare`. Every line is JSON.

#![allow(clippy::unwrap_used, reason = "a benchmark fails where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

#[path = "rabbitmq/bare.rs"]
mod bare;
#[path = "rabbitmq/same_rows.rs"]
mod same_rows;

use std::sync::Arc;
use std::time::Duration;

use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use passerelle_tests::measure::arguments::{Arguments, Choice};
use passerelle_tests::measure::database::{Database, statements_for_each};
use passerelle_tests::measure::engines::Engines;
use passerelle_tests::measure::flow;
use passerelle_tests::measure::metered::{MeteredBus, Traffic, Way};
use passerelle_tests::measure::stages::Stages;
use passerelle_tests::measure::{per, rate, rounded, seconds, tell};
use serde_json::{Value, json};
use store::postgres::{PostgresOptions, PostgresStore};

use bare::{Bare, Lane, Rows, Shape};
use same_rows::SameRows;

const ABOUT: &str = "Events through a hub on RabbitMQ and PostgreSQL, beside a bare program on the same servers.";
const CHOICES: &[Choice] = &[
    ("events", 20_000, "how many customers go through"),
    ("rounds", 1, "how often hub and bare program are measured, in turns"),
    ("partitions", 2, "queues of observations"),
    ("events-per-message", 500, "events in one message of the bus at most; 1 sends each alone"),
    ("statements", 0, "1 has PostgreSQL count its statements, which takes a few percent itself"),
];

/// How much of a bare program's speed the hub should have.
const GOAL: f64 = 0.8;

/// Longer than any run should take.
const TIME_MAX: Duration = Duration::from_secs(3_600);

struct Bench {
    engines: Engines,
    stages: Stages,
    arguments: Arguments,
}

/// A run of the hub, and what the bare program must imitate.
struct HubRun {
    cost: Cost,
    shape: Shape,
    /// Where it left its rows.
    url: String,
}

/// What a run of a program took.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    /// Processor time of the program and its servers.
    processors: Duration,
}

impl Cost {
    /// How much of this program's speed another one has: by time, and by processor time.
    fn ratio(self, other: Cost) -> [f64; 2] {
        let of = |own: Duration, other: Duration| own.as_secs_f64() / other.as_secs_f64().max(f64::MIN_POSITIVE);
        [of(self.time, other.time), of(self.processors, other.processors)]
    }
}

/// The bare programs: one that writes the hub's own rows, one that writes a row for each event, and the same one that also
/// publishes each change for the public.
const FLOORS: [&str; 3] = ["bare_same_rows", "bare_one_row", "bare_one_row_public"];

/// How much of the speed of each bare program the hub has, by time and by processor time.
type Ratios = [[f64; 2]; FLOORS.len()];

fn told(ratios: &Ratios) -> Value {
    let of = |[time, processors]: [f64; 2]| json!({"by_time": rounded(time), "by_processor_time": rounded(processors)});
    Value::Object(FLOORS.iter().zip(ratios).map(|(floor, ratio)| ((*floor).to_owned(), of(*ratio))).collect())
}

/// The middle one of several rounds, figure by figure.
fn median(rounds: &[Ratios]) -> Ratios {
    let mut median = Ratios::default();
    for (floor, ratio) in median.iter_mut().enumerate() {
        for (kind, figure) in ratio.iter_mut().enumerate() {
            let mut all: Vec<f64> = rounds.iter().map(|round| round[floor][kind]).collect();
            all.sort_by(f64::total_cmp);
            *figure = all[all.len() / 2];
        }
    }
    median
}

fn main() {
    let arguments = Arguments::read(ABOUT, CHOICES);
    let Some(engines) = Engines::start(true, arguments.get("statements") > 0) else { return };
    let bench = Bench { engines, stages: Stages::install(), arguments };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut rounds = Vec::new();
    for round in 0..bench.arguments.get("rounds").max(1) {
        let hub = runtime.block_on(bench.hub(round));
        let same = runtime.block_on(SameRows::read(&hub.url, &hub.shape)).unwrap();
        let with_public = Shape { is_public: true, ..hub.shape.clone() };
        let floors =
            [(&hub.shape, Rows::Same(same)), (&hub.shape, Rows::OnePerEvent), (&with_public, Rows::OnePerEvent)];
        let mut ratios = Ratios::default();
        for (at, (shape, rows)) in floors.iter().enumerate() {
            let bare = runtime.block_on(bench.bare(round, FLOORS[at], shape, rows));
            ratios[at] = bare.ratio(hub.cost);
        }
        tell(&json!({
            "benchmark": "rabbitmq", "part": "ratio", "round": round, "hub_to": told(&ratios), "goal": GOAL,
        }));
        rounds.push(ratios);
    }
    tell(&json!({
        "benchmark": "rabbitmq", "part": "median of all rounds", "hub_to": told(&median(&rounds)), "goal": GOAL,
    }));
}

impl Bench {
    /// The hub: everything from the file to the subscriber's files.
    async fn hub(&self, round: u64) -> HubRun {
        let events = self.arguments.get("events");
        let counts = self.arguments.get("statements") > 0;
        let name = format!("hub{round}");
        let url = tokio::task::block_in_place(|| self.engines.database(&name, counts));
        let looking = Database::connect(&url).await.unwrap();
        let house = flow::house(events).unwrap();
        let mut settings = house.settings();
        settings.limits.partitions = u32::try_from(self.arguments.get("partitions")).unwrap();
        settings.limits.message_events_max = usize::try_from(self.arguments.get("events-per-message")).unwrap();
        let partitions = settings.limits.partitions;
        let store = PostgresStore::open(&url, PostgresOptions::default()).await.unwrap();
        let broker = RabbitMqBus::new(&self.engines.bus_url(), RabbitMqOptions::default()).unwrap();
        let bus = Arc::new(MeteredBus::new(Arc::new(broker)));
        let (commits, log) = (looking.commits().await.unwrap(), looking.log_bytes().await.unwrap());
        self.stages.clear();
        let run = flow::run(settings, store.clone(), bus.clone(), TIME_MAX).await.unwrap();
        let log = looking.log_bytes().await.unwrap() - log;
        flow::check(&house, &*store, events).await;
        drop(store);
        looking.wait_until_alone().await.unwrap();
        let commits = looking.commits().await.unwrap() - commits;
        let [observed, delivery, public] = [Way::Observed, Way::Delivery, Way::Public].map(|way| bus.traffic(way));
        tell(&json!({
            "benchmark": "rabbitmq", "part": "hub", "round": round, "events": events, "seconds": seconds(run.time),
            "per_second": rate(events, run.time), "reading_seconds": seconds(run.collecting),
            "processors": run.usage.1.since(&run.usage.0, run.time), "stages": self.stages.told(),
            "observed": observed.told(), "delivery": delivery.told(), "public": public.told(),
            "commits_per_thousand": per(commits * 1_000, events), "log_bytes_per_event": per(log, events),
        }));
        if counts {
            let calls = looking.statement_calls().await.unwrap();
            let statements = looking.statements(30).await.unwrap();
            tell(&json!({
                "benchmark": "rabbitmq", "part": "statements", "calls_per_thousand": per(calls * 1_000, events),
                "longest": statements_for_each(&statements, events),
            }));
        }
        let lane = |traffic: &Traffic| Lane::of(events, traffic);
        let batches = |step: &str| events.div_ceil(self.stages.count(step).max(1));
        let shape = Shape {
            events,
            partitions,
            observed: lane(&observed),
            delivery: lane(&delivery),
            public_bytes: usize::try_from(public.bytes / public.messages.max(1)).unwrap(),
            is_public: false,
            messages_per_publish: observed.messages.div_ceil(observed.calls.max(1)),
            events_per_resolution: batches("resolve.committed"),
            events_per_delivery: batches("deliver.finished"),
        };
        let cost = Cost { time: run.time, processors: run.usage.1.all_since(&run.usage.0) };
        HubRun { cost, shape, url }
    }

    /// The bare program on the same servers.
    async fn bare(&self, round: u64, part: &str, shape: &Shape, rows: &Rows) -> Cost {
        let name = format!("{part}{round}");
        let url = tokio::task::block_in_place(|| self.engines.database(&name, false));
        let looking = Database::connect(&url).await.unwrap();
        if matches!(rows, Rows::Same(_)) {
            // The tables, and nothing in them.
            drop(PostgresStore::open(&url, PostgresOptions::default()).await.unwrap());
        }
        let bare = Bare::prepare(&self.engines.bus_url(), &url, shape, rows).await;
        let log = looking.log_bytes().await.unwrap();
        let run = bare.run().await;
        // As if it had taken the hub's number of events: its last messages are full ones.
        let share = shape.events as f64 / run.events as f64;
        let cost =
            Cost { time: run.time.mul_f64(share), processors: run.usage.1.all_since(&run.usage.0).mul_f64(share) };
        looking.wait_until_alone().await.unwrap();
        let log = looking.log_bytes().await.unwrap() - log;
        tell(&json!({
            "benchmark": "rabbitmq", "part": part, "round": round, "events": run.events, "seconds": seconds(run.time),
            "per_second": rate(run.events, run.time), "processors": run.usage.1.since(&run.usage.0, run.time),
            "transactions_per_thousand": per(run.transactions * 1_000, run.events),
            "rows_per_event": per(run.rows, run.events), "log_bytes_per_event": per(log, run.events), "shape": shape.told(),
        }));
        cost
    }
}
