//! An observation that no transaction can take in, because the store is damaged: through the real binary.

use passerelle_tests::directory::{Directory, Stream, Subscription, System};
use passerelle_tests::house::accounting;
use serde_json::Value;
use store::RecordOutcome;
use store::sqlite::SqliteStore;

const CUSTOMER: &str = r#"
entity = "customer"
format = "csv"
key = "code"

[fields]
legal_name = "name"
addresses.main.city = "city"
"#;

/// An ERP that drops customers, and a ledger that is fed them.
fn directory() -> Directory {
    let customers = Stream {
        name: "customers",
        files: "erp/*.csv",
        mapping: "own/customer",
        export: "delta",
        every: "1s",
        settings: "",
    };
    let fed = Subscription { entity: "customer", folder: "ledger", mapping: "own/customer" };
    let systems = [
        System { name: "erp", kind: "csv-drop", streams: &[customers], subscriptions: &[] },
        System { name: "ledger", kind: "csv-drop", streams: &[], subscriptions: &[fed] },
    ];
    Directory::of(&systems, &[("own/customer", CUSTOMER)])
}

/// Drops three customers who live in this city, and runs the hub to its end, which tells this exit code.
#[track_caller]
fn drop_all(directory: &Directory, city: &str, code: i32) {
    let row = |number| format!("C{number},Client {number},{city}\n");
    let rows: String = (1..=3).map(row).collect();
    directory.write(&format!("erp/{city}.csv"), format!("code,name,city\n{rows}"));
    directory.run(&["run", "--once"]).with(code);
}

/// Who was fed to the ledger with this city, in alphabetical order.
fn fed(directory: &Directory, city: &str) -> Vec<String> {
    let rows = directory.column("ledger", "name").into_iter().zip(directory.column("ledger", "city"));
    let mut names: Vec<String> = rows.filter(|(_, of)| of == city).map(|(name, _)| name).collect();
    names.sort();
    names
}

/// What is parked, as (code, key).
fn parked(directory: &Directory) -> Vec<(String, String)> {
    let listed = directory.run(&["parked", "list", "--json"]).with(0).json();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    listed.as_array().unwrap().iter().map(|one| (text(one, "code"), text(one, "key"))).collect()
}

fn with_store(directory: &Directory, statement: &str) {
    let store = rusqlite::Connection::open(directory.path("data/store.db")).unwrap();
    store.execute_batch(statement).unwrap();
}

/// Damages the store so that nothing can be taken in of the second customer, who then moves like all others: he is set
/// aside whole and blocks nobody, and after a repair he is where he moved to.
#[track_caller]
fn check(damage: &str, repair: &str, reason: &str) {
    let directory = directory();
    drop_all(&directory, "Lyon", 0);
    assert_eq!(fed(&directory, "Lyon"), ["Client 1", "Client 2", "Client 3"]);
    with_store(&directory, damage);
    drop_all(&directory, "Nice", 1);
    assert_eq!(fed(&directory, "Nice"), ["Client 1", "Client 3"], "the others go on");
    let internal = || ("resolve.internal".to_owned(), "customer/C2".to_owned());
    assert_eq!(parked(&directory), [internal()]);
    let number = directory.run(&["parked", "list", "--json"]).json()[0]["number"].to_string();
    let shown = directory.run(&["parked", "show", &number]).with(0).out;
    for part in ["resolve.internal", reason, "Client 2", "Nice"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    // As long as the damage is there a retry changes nothing, and says why.
    let refused = directory.run(&["parked", "retry", &number]);
    assert!(refused.code != Some(0) && refused.err.contains(reason), "{:?} {}", refused.code, refused.err);
    assert_eq!(parked(&directory), [internal()]);
    with_store(&directory, repair);
    directory.run(&["parked", "retry", &number]).with(0);
    directory.run(&["run", "--once"]).with(0);
    assert_eq!(parked(&directory), []);
    assert_eq!(fed(&directory, "Nice"), ["Client 1", "Client 2", "Client 3"]);
    let store = SqliteStore::open_beside(&directory.path("data/store.db")).unwrap();
    let outcomes = tokio::runtime::Runtime::new().unwrap().block_on(accounting(&*store, "erp"));
    let expected = [(RecordOutcome::Created, 3), (RecordOutcome::Updated, 3)];
    assert_eq!((outcomes.read, outcomes.in_flight, outcomes.ended), (6, 0, expected.into()));
}

#[test]
fn an_observation_that_meets_a_row_that_cannot_be_read() {
    // No state of a record has this number.
    let masters = "UPDATE masters SET state = STATE WHERE json_extract(document, '$.legal_name') = 'Client 2'";
    check(&masters.replace("STATE", "77"), &masters.replace("STATE", "0"), "no code 77");
}

#[test]
fn an_observation_whose_rows_cannot_be_written() {
    let damage = "CREATE TRIGGER damage BEFORE UPDATE ON sources WHEN NEW.key = 'C2' \
                  BEGIN SELECT RAISE(ABORT, 'this page is damaged'); END";
    check(damage, "DROP TRIGGER damage", "this page is damaged");
}
