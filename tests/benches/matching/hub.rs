//! The same resolutions through a whole hub: a file is read, mapped and published, and every record is resolved in the
//! store. `PASSERELLE_TEST_STORE=postgresql` has it on a PostgreSQL server of its own, with the settings of the compose
//! file; without `PASSERELLE_TEST_STORE` it is SQLite.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use hub::Missing;
use master::matching::Model;
use passerelle_tests::engine::{Place, SWITCH};
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting};
use passerelle_tests::measure::database::{Database, statements_for_each};
use passerelle_tests::measure::engines::{Engines, delivered_settings};
use passerelle_tests::measure::usage::Usage;
use passerelle_tests::measure::{rate, rounded, seconds, tell};
use serde_json::json;
use store::Export;

const MAPPING: &str = include_str!("../../src/matching/customer.toml");

/// The database of a run on PostgreSQL.
struct Server {
    engines: Engines,
    url: String,
    counts_statements: bool,
}

impl Server {
    /// `None` where the switch does not ask for one.
    fn new(counts_statements: bool) -> Option<Self> {
        if std::env::var(SWITCH).as_deref() != Ok("postgresql") {
            return None;
        }
        let engines = Engines::start_with(false, counts_statements, &delivered_settings()).expect("PostgreSQL");
        let url = engines.database("resolved", counts_statements);
        Some(Server { engines, url, counts_statements })
    }

    /// Forgets what the statements took until now.
    fn reset(&self) {
        if self.counts_statements {
            self.engines.server.execute("resolved", "SELECT pg_stat_statements_reset()");
        }
    }

    /// What the statements took, for each of so many rows.
    async fn tell(&self, rows: u64) {
        if self.counts_statements {
            let statements = Database::connect(&self.url).await.unwrap().statements(30).await.unwrap();
            tell(&json!({"part": "statements", "longest": statements_for_each(&statements, rows)}));
        }
    }
}

/// Has a hub read all but the last rows of a stream, and then the last; returns how many of these it took in a second. It
/// weighs by this model.
///
/// No system is fed, so that what is measured ends with the resolution. Reading, mapping and the bus are in it, because
/// they run beside it on the same processors.
pub fn measure(
    stream: &Path,
    model: &Model,
    (rows, last): (usize, usize),
    first_rate: Option<u64>,
    counts_statements: bool,
) -> u64 {
    let feed = CsvFeed { name: "customers", mapping: MAPPING, export: Export::Delta, missing: Missing::Keep };
    let system = CsvSystem { name: "shown", streams: vec![feed], subscriptions: vec![] };
    let server = Server::new(counts_statements);
    let house = House::new_at(vec![system], &["shown"], |folder| match &server {
        Some(server) => Place::Server(server.url.clone()),
        None => Place::new(folder),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let text = serde_json::to_string(model).unwrap();
        house.store().await.add_match_model("acme", model.number, &text, jiff::Timestamp::now()).await.unwrap();
    });
    let mut lines = BufReader::new(File::open(stream).unwrap()).lines();
    let header = lines.next().unwrap().unwrap();
    let mut resolve = |name: &str, count: usize| {
        let path = house.path().join("shown/in").join(name);
        let mut file = BufWriter::new(File::create(&path).unwrap());
        writeln!(file, "{header}").unwrap();
        lines.by_ref().take(count).for_each(|line| writeln!(file, "{}", line.unwrap()).unwrap());
        file.into_inner().unwrap();
        let (before, begun) = (Usage::of_all(), Instant::now());
        let store = runtime.block_on(house.settle_within(Duration::from_secs(7_200)));
        (store, begun.elapsed(), before)
    };
    let (_, loading, _) = resolve("customers1.csv", rows - last);
    server.iter().for_each(Server::reset);
    let (store, took, before) = resolve("customers2.csv", last);
    let usage = Usage::of_all().since(&before, took);
    if let Some(server) = &server {
        runtime.block_on(server.tell(last as u64));
    }
    let outcomes = runtime.block_on(accounting(&*store, "shown"));
    let masters =
        runtime.block_on(passerelle_tests::house::masters(&*store, canonical::entity::Entity::Customer)).len();
    let resolved = rate(last as u64, took);
    let first_rate = first_rate.unwrap_or(resolved);
    tell(&json!({
        "benchmark": "resolutions through a hub",
        "store": std::env::var(SWITCH).unwrap_or_else(|_| "sqlite".to_owned()),
        "customers": masters, "rows": rows, "rows_per_second_before": rate((rows - last) as u64, loading),
        "last": last, "seconds": seconds(took), "per_second": resolved, "goal": 2_000, "processors": usage,
        "slower_than_first": rounded(first_rate as f64 / resolved.max(1) as f64), "slower_goal": 1.5,
        "outcomes": format!("{outcomes:?}"),
    }));
    resolved
}
