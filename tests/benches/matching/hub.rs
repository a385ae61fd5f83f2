//! The same resolutions through a whole hub: a file is read, mapped and published, and every record is resolved in the
//! store. `PASSERELLE_TEST_STORE=postgresql` has it on PostgreSQL, without `PASSERELLE_TEST_STORE` it is SQLite.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use hub::Missing;
use master::matching::Model;
use passerelle_tests::house::{CsvFeed, CsvSystem, House, accounting};
use passerelle_tests::measure::usage::Usage;
use passerelle_tests::measure::{rate, rounded, seconds, tell};
use serde_json::json;
use store::Export;

const MAPPING: &str = include_str!("../../src/matching/customer.toml");

/// Has a hub read all but the last rows of a stream, and then the last; returns how many of these it took in a second. It
/// weighs by this model.
///
/// No system is fed, so that what is measured ends with the resolution. Reading, mapping and the bus are in it, because
/// they run beside it on the same processors.
pub fn measure(stream: &Path, model: &Model, rows: usize, last: usize, first_rate: Option<u64>) -> u64 {
    let feed = CsvFeed { name: "customers", mapping: MAPPING, export: Export::Delta, missing: Missing::Keep };
    let system = CsvSystem { name: "shown", streams: vec![feed], subscriptions: vec![] };
    let house = House::new(vec![system], &["shown"]);
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
    let (store, took, before) = resolve("customers2.csv", last);
    let usage = Usage::of_all().since(&before, took);
    let outcomes = runtime.block_on(accounting(&*store, "shown"));
    let masters =
        runtime.block_on(passerelle_tests::house::masters(&*store, canonical::entity::Entity::Customer)).len();
    let resolved = rate(last as u64, took);
    let first_rate = first_rate.unwrap_or(resolved);
    tell(&json!({
        "benchmark": "resolutions through a hub",
        "store": std::env::var("PASSERELLE_TEST_STORE").unwrap_or_else(|_| "sqlite".to_owned()),
        "customers": masters, "rows": rows, "rows_per_second_before": rate((rows - last) as u64, loading),
        "last": last, "seconds": seconds(took), "per_second": resolved, "goal": 2_000, "processors": usage,
        "slower_than_first": rounded(first_rate as f64 / resolved.max(1) as f64), "slower_goal": 1.5,
        "outcomes": format!("{outcomes:?}"),
    }));
    resolved
}
