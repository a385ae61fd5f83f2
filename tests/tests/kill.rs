//! `kill -9` at any moment: nothing is lost, nothing is delivered twice, and the accounting holds.
//!
//! `PASSERELLE_KILL_ROWS` sets the number of customers (10,000), `PASSERELLE_KILL_SEED` the seed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "the seed must be heard")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use passerelle_tests::directory::{Directory, Stream, Subscription, System};
use passerelle_tests::house::accounting;
use passerelle_tests::mappings::{
    CUSTOMER_CSV as CUSTOMER, CUSTOMER_CSV_HEADER, INVOICE_CSV as INVOICE, INVOICE_CSV_HEADER,
};
use passerelle_tests::process::Running;
use store::sqlite::SqliteStore;

/// Where the hub is killed: after this stage and, to count, before that one.
const MOMENTS: [(&str, &str, &str); 5] = [
    ("in collect", "collect.read", "collect.published"),
    ("between publish and checkpoint", "collect.published", "collect.saved"),
    ("in resolve", "resolve.begun", "resolve.committed"),
    ("in relay", "relay.published", "relay.done"),
    ("around apply", "deliver.attempting", "deliver.finished"),
];

/// How often at least at each moment.
const KILLS: usize = 5;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A directory with an ERP that drops customers and invoices, and a ledger that is fed both.
fn directory() -> Directory {
    let stream = |name, files, mapping, export| {
        // Small batches make many moments to be killed at.
        Stream { name, files, mapping, export, every: "100ms", settings: "batch_records_max = 100" }
    };
    let fed = |entity, mapping| Subscription { entity, folder: "ledger", mapping };
    let erp = [
        stream("customers", "erp/in/customers*.csv", "own/customer", "full"),
        stream("invoices", "erp/in/invoices*.csv", "own/invoice", "delta"),
    ];
    let ledger = [fed("customer", "own/customer"), fed("invoice", "own/invoice")];
    let systems = [
        System { name: "erp", kind: "csv-drop", streams: &erp, subscriptions: &[] },
        System { name: "ledger", kind: "csv-drop", streams: &[], subscriptions: &ledger },
    ];
    Directory::of(&systems, &[("own/customer", CUSTOMER), ("own/invoice", INVOICE)])
}

/// What one round drops: customers (in the second round every tenth has moved) and invoices of its own.
struct Round {
    customers: u64,
    number: u64,
}

impl Round {
    fn city(&self, customer: u64) -> String {
        let moved = self.number > 1 && customer.is_multiple_of(10);
        format!("Ville {}", customer % 97 + if moved { 1_000 * self.number } else { 0 })
    }

    fn drop_into(&self, directory: &Directory) {
        let mut customers = CUSTOMER_CSV_HEADER.to_owned();
        for customer in 0..self.customers {
            writeln!(customers, "C{customer},Client {customer},,c{customer}@exemple.fr,{}", self.city(customer))
                .unwrap();
        }
        let mut invoices = INVOICE_CSV_HEADER.to_owned();
        for (number, customer) in self.invoices() {
            writeln!(invoices, "{number},2026-03-01,C{customer},{}.50", customer % 900).unwrap();
        }
        for (name, content) in [("customers", customers), ("invoices", invoices)] {
            directory.write(&format!("erp/in/{name}{}.csv", self.number), content);
        }
    }

    fn invoices(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        (0..self.customers / 4)
            .map(|index| (format!("F{}-{index}", self.number), (index * 4 + self.number) % self.customers))
    }
}

/// What the ledger was fed, by the files that it got: customers as name → cities in order, invoices as number → customers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fed {
    customers: BTreeMap<String, Vec<String>>,
    invoices: BTreeMap<String, Vec<String>>,
}

fn fed(directory: &Directory) -> Fed {
    let mut fed = Fed::default();
    let mut names = BTreeMap::new();
    // Alphabetical order reads the customers first, and each kind in the order of time.
    for path in directory.files("ledger") {
        let mut reader = csv::Reader::from_path(&path).unwrap();
        for row in reader.records().map(Result::unwrap) {
            if path.file_name().unwrap().to_string_lossy().starts_with("customer") {
                names.insert(row[0].to_owned(), row[1].to_owned());
                fed.customers.entry(row[1].to_owned()).or_default().push(row[4].to_owned());
            } else {
                let customer = names.get(&row[2]).cloned().unwrap_or_else(|| format!("unknown key {}", &row[2]));
                fed.invoices.entry(row[0].to_owned()).or_default().push(customer);
            }
        }
    }
    fed
}

fn expected(rounds: &[Round]) -> Fed {
    let mut fed = Fed::default();
    for round in rounds {
        for customer in 0..round.customers {
            let cities = fed.customers.entry(format!("Client {customer}")).or_default();
            if cities.last() != Some(&round.city(customer)) {
                cities.push(round.city(customer));
            }
        }
        for (number, customer) in round.invoices() {
            fed.invoices.insert(number, vec![format!("Client {customer}")]);
        }
    }
    fed
}

/// Ends everything that is under way, undisturbed.
fn finish(directory: &Directory) {
    directory.run(&["run", "--once"]).with(0);
}

/// Runs the hub again and again, killing it at each kind of moment in turn, until each was hit often enough.
fn kill_again_and_again(directory: &Directory, random: &mut fastrand::Rng) -> BTreeMap<&'static str, usize> {
    let mut hits: BTreeMap<&str, usize> = MOMENTS.iter().map(|(name, ..)| (*name, 0)).collect();
    let mut idle = BTreeSet::new();
    while idle.len() < MOMENTS.len() && hits.values().any(|hits| *hits < KILLS) {
        for (name, after, before) in MOMENTS.iter().filter(|(name, ..)| !idle.contains(name)).collect::<Vec<_>>() {
            let hub = Running::start(directory.root());
            if !hub.wait_for(after, random.usize(1..=2), Duration::from_secs(5)) {
                idle.insert(*name);
                hub.kill();
                continue;
            }
            std::thread::sleep(Duration::from_micros(random.u64(0..300)));
            let later = hub.kill();
            if !later.iter().any(|stage| stage == before) {
                *hits.entry(name).or_default() += 1;
            }
        }
    }
    hits
}

#[test]
fn killed_at_any_moment_the_hub_loses_nothing_and_repeats_nothing() {
    let seed = setting("PASSERELLE_KILL_SEED", 20_260_321);
    let customers = setting("PASSERELLE_KILL_ROWS", 10_000);
    eprintln!("kill test: seed {seed}, {customers} customers");
    let mut random = fastrand::Rng::with_seed(seed);
    let disturbed = directory();
    let mut rounds = Vec::new();
    let mut hits: BTreeMap<&str, usize> = BTreeMap::new();
    for number in 1..=4 {
        let round = Round { customers, number };
        round.drop_into(&disturbed);
        rounds.push(round);
        for (name, count) in kill_again_and_again(&disturbed, &mut random) {
            *hits.entry(name).or_default() += count;
        }
        finish(&disturbed);
        if number > 1 && hits.values().all(|hits| *hits >= KILLS) {
            break;
        }
    }
    eprintln!("kill test: {hits:?} over {} rounds", rounds.len());
    assert!(hits.values().all(|hits| *hits >= KILLS), "{hits:?}");

    let calm = directory();
    for round in &rounds {
        round.drop_into(&calm);
        finish(&calm);
    }
    let (fed_disturbed, fed_calm) = (fed(&disturbed), fed(&calm));
    compare(&fed_calm, &expected(&rounds));
    compare(&fed_disturbed, &fed_calm);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let totals = [&disturbed, &calm].map(|directory| {
        let store = SqliteStore::open_beside(&directory.path("data/store.db")).unwrap();
        runtime.block_on(accounting(&*store, "erp"))
    });
    assert_eq!(totals[0], totals[1]);
    assert_eq!(totals[0].in_flight, 0);
}

#[track_caller]
fn compare(got: &Fed, wanted: &Fed) {
    let differs = |got: &BTreeMap<String, Vec<String>>, wanted: &BTreeMap<String, Vec<String>>| -> Vec<String> {
        let keys: BTreeSet<_> = got.keys().chain(wanted.keys()).collect();
        let differing = keys.into_iter().filter(|key| got.get(*key) != wanted.get(*key));
        differing.take(10).map(|key| format!("{key}: {:?} instead of {:?}", got.get(key), wanted.get(key))).collect()
    };
    let wrong = [differs(&got.customers, &wanted.customers), differs(&got.invoices, &wanted.invoices)].concat();
    assert!(wrong.is_empty(), "lost, doubled or out of order: {wrong:#?}");
}
