use std::sync::Arc;

use canonical::entity::Entity;
use jiff::Timestamp;
use mapping::{Table, Tables};
use store::{LocalKey, Position};

use super::*;
use crate::filter::Filter;

const MAPPING: &str = r#"
entity = "customer"
format = "csv"
key = "id"

[fields]
legal_name = "name"
addresses.main.city = "city"
"#;

struct NoTables;

impl Tables for NoTables {
    fn table(&self, _: &str) -> Option<Arc<Table>> {
        None
    }
}

fn document(city: &str) -> String {
    format!(r#"{{"legal_name":"Durand","addresses":[{{"use":"main","city":"{city}"}}]}}"#)
}

/// Whether the system is called when the master has `Lyon`, the system showed `shown` last, and holds this by our calls.
#[track_caller]
fn check(shown: &str, holds: Option<&str>, earlier: &[&str], is_called: bool) {
    let local = LocalKey { system: "crm".into(), entity: Entity::Customer, key: "C1".into() };
    let text = |city: &str| document(city).into_boxed_str();
    let master = MasterRow {
        master_id: MasterId(1),
        entity: Entity::Customer,
        version: 7,
        state: Operation::Upsert,
        redirect: None,
        root: MasterId(1),
        search: "".into(),
        document: text("Lyon"),
    };
    let source = SourceRow {
        local: local.clone(),
        stream: "customers".into(),
        master_id: MasterId(1),
        document: text(shown),
        mapping: "m".into(),
        asserted: "{}".into(),
        residue: None,
        position: Position::default(),
        observed_at: Timestamp::UNIX_EPOCH,
        removed: false,
    };
    let crosswalk = CrosswalkRow {
        local,
        master_id: MasterId(1),
        holds: holds.map(text),
        residue: None,
        version: 3,
        removed: false,
        earlier: earlier.iter().map(|city| text(city)).collect(),
    };
    let held = Held { master: Some(master.clone()), crosswalk: vec![crosswalk], sources: vec![source], blocked: false };
    let mapping = Arc::new(Mapping::compile("test", MAPPING, &NoTables).unwrap());
    let subscription = Subscription { mapping, filter: Filter::default(), surplus: Surplus::default() };
    let document = serde_json::from_str(&master.document).unwrap();
    let planned = plan(
        &Localised { held: &held, master: &master, document, attachments: HashMap::new(), oldest: None },
        &subscription,
        false,
    );
    assert_eq!(matches!(planned, Plan::Deliver(_)), is_called, "shown {shown}, holds {holds:?}, earlier {earlier:?}");
}

#[test]
fn a_system_is_called_unless_it_surely_holds_what_it_should() {
    check("Lyon", None, &[], false);
    check("Nice", None, &[], true);
    check("Nice", Some("Lyon"), &[], false);
    check("Lyon", Some("Nice"), &[], true);
    check("Nice", Some("Lyon"), &["Nice"], false);
    // What it shows was read before or after our last call: nobody knows.
    check("Lyon", None, &["Nice"], true);
    check("Lyon", None, &["Nice", "Lyon"], false);
}
