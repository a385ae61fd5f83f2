//! Bulk load of customers to one file subscriber on PostgreSQL, beside a bare program that writes the same rows.
//!
//! `cargo bench -p passerelle-tests --bench postgres -- --customers 1000000`
//!
//! Once with the embedded bus and once with RabbitMQ. Every line is JSON: rates, memory, rows written for each customer by
//! table as PostgreSQL counts them, bytes of its log, and what of the processors each part took.

#![allow(clippy::unwrap_used, reason = "a benchmark fails where it cannot go on")]
#![allow(clippy::float_arithmetic, reason = "rates are not money")]

#[path = "postgres/bare.rs"]
mod bare;

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use bus::embedded::{EmbeddedBus, EmbeddedOptions};
use bus::rabbitmq::{RabbitMqBus, RabbitMqOptions};
use passerelle_tests::measure::arguments::{Arguments, Choice};
use passerelle_tests::measure::database::{Database, rows_for_each, statements_for_each};
use passerelle_tests::measure::engines::Engines;
use passerelle_tests::measure::flow;
use passerelle_tests::measure::metered::{MeteredBus, Way};
use passerelle_tests::measure::stages::Stages;
use passerelle_tests::measure::usage::{memory, reset_peak};
use passerelle_tests::measure::{per, rate, rounded, seconds, tell};
use serde_json::json;
use store::postgres::{PostgresOptions, PostgresStore};

const ABOUT: &str = "A bulk load of customers on PostgreSQL, beside a bare program that writes the same rows.";
const CHOICES: &[Choice] = &[
    ("customers", 20_000, "how many customers"),
    ("rounds", 1, "how often everything is measured"),
    ("partitions", 2, "queues of observations"),
    ("bare-rows", 500, "rows in one transaction of the bare program"),
    ("rabbitmq", 1, "0 leaves the run on RabbitMQ out"),
    ("statements", 0, "1 has PostgreSQL count its statements, which takes a few percent itself"),
];

/// Longer than any run should take.
const TIME_MAX: Duration = Duration::from_secs(7_200);

/// The schema that the bare program writes to; the hub's own is that of the default options.
const BARE: &str = "bare";

struct Bench {
    engines: Engines,
    stages: Stages,
    arguments: Arguments,
}

fn main() {
    let arguments = Arguments::read(ABOUT, CHOICES);
    let with_broker = arguments.get("rabbitmq") > 0;
    let Some(engines) = Engines::start(with_broker, arguments.get("statements") > 0) else { return };
    let bench = Bench { engines, stages: Stages::install(), arguments };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let buses: &[&str] = if with_broker { &["embedded", "rabbitmq"] } else { &["embedded"] };
    for round in 0..bench.arguments.get("rounds").max(1) {
        for bus in buses {
            runtime.block_on(bench.load(round, bus));
        }
    }
}

impl Bench {
    /// One load, then the bare program on a copy of the tables.
    async fn load(&self, round: u64, bus_name: &str) {
        let customers = self.arguments.get("customers");
        let counts = self.arguments.get("statements") > 0;
        let url = tokio::task::block_in_place(|| self.engines.database(&format!("{bus_name}{round}"), counts));
        let looking = Database::connect(&url).await.unwrap();
        let house = flow::house(customers).unwrap();
        let mut settings = house.settings();
        settings.limits.partitions = u32::try_from(self.arguments.get("partitions")).unwrap();
        let store = PostgresStore::open(&url, PostgresOptions::default()).await.unwrap();
        let inner: Arc<dyn Bus> = match bus_name {
            "embedded" => Arc::new(EmbeddedBus::open(house.path().join("bus"), EmbeddedOptions::default()).unwrap()),
            _ => Arc::new(RabbitMqBus::new(&self.engines.bus_url(), RabbitMqOptions::default()).unwrap()),
        };
        let bus = Arc::new(MeteredBus::new(inner));
        self.stages.clear();
        let own = std::process::id();
        reset_peak(own);
        let (commits, log) = (looking.commits().await.unwrap(), looking.log_bytes().await.unwrap());
        let run = flow::run(settings, store.clone(), bus.clone(), TIME_MAX).await.unwrap();
        let log = looking.log_bytes().await.unwrap() - log;
        let peak = memory(own).peak;
        flow::check(&house, &*store, customers).await;
        bus.close().await.unwrap();
        drop(store);
        looking.wait_until_alone().await.unwrap();
        let commits = looking.commits().await.unwrap() - commits;
        let written = looking.written(&PostgresOptions::default().schema).await.unwrap();
        tell(&json!({
            "benchmark": "postgres", "part": "hub", "bus": bus_name, "round": round, "customers": customers,
            "seconds": seconds(run.time), "per_second": rate(customers, run.time),
            "reading_seconds": seconds(run.collecting), "memory_peak_bytes": peak,
            "rows_per_customer": rows_for_each(&written, customers), "log_bytes_per_customer": per(log, customers),
            "commits_per_thousand": per(commits * 1_000, customers),
            "processors": run.usage.1.since(&run.usage.0, run.time), "stages": self.stages.told(),
            "observed": bus.traffic(Way::Observed).told(), "delivery": bus.traffic(Way::Delivery).told(),
            "public": bus.traffic(Way::Public).told(),
        }));
        if counts {
            let calls = looking.statement_calls().await.unwrap();
            let statements = looking.statements(30).await.unwrap();
            tell(&json!({
                "benchmark": "postgres", "part": "statements", "bus": bus_name,
                "calls_per_thousand": per(calls * 1_000, customers), "longest": statements_for_each(&statements, customers),
            }));
        }
        self.bare(round, bus_name, &url, &looking, run.time).await;
    }

    async fn bare(&self, round: u64, bus_name: &str, url: &str, looking: &Database, hub: Duration) {
        let customers = self.arguments.get("customers");
        let rows_max = usize::try_from(self.arguments.get("bare-rows")).unwrap();
        let options = PostgresOptions { schema: BARE.to_owned(), ..PostgresOptions::default() };
        drop(PostgresStore::open(url, options).await.unwrap());
        let rewrite = bare::rewrite(url, (&PostgresOptions::default().schema, BARE), rows_max).await.unwrap();
        looking.wait_until_alone().await.unwrap();
        tell(&json!({
            "benchmark": "postgres", "part": "bare", "bus": bus_name, "round": round, "customers": customers,
            "seconds": seconds(rewrite.time), "per_second": rate(customers, rewrite.time),
            "rows_per_customer": per(rewrite.rows, customers), "rows_per_second": rate(rewrite.rows, rewrite.time),
            "rows_per_transaction": rows_max, "log_bytes_per_customer": per(rewrite.log_bytes, customers),
            "tables_left_out": rewrite.left_out,
            "processor_seconds_with_reading": seconds(rewrite.processors),
            "hub_to_bare": rounded(rewrite.time.as_secs_f64() / hub.as_secs_f64()), "goal": 0.5,
        }));
    }
}
