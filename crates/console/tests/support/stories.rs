//! One customer that three systems know, and two of its invoices.

use std::collections::BTreeMap;

use canonical::{Entity, Operation};
use master::MasterId;
use serde_json::{Value, json};
use store::{CrosswalkRow, JournalEntry, JournalKind, LocalKey, MasterRow, MasterStory, Position, SourceRow};

use super::ago;

pub fn all() -> Vec<MasterStory> {
    vec![customer(), invoice(42, "F-2026-0042", "1250.00"), invoice(43, "F-2026-0043", "86.40")]
}

fn local(system: &str, entity: Entity, key: &str) -> LocalKey {
    LocalKey { system: system.into(), entity, key: key.into() }
}

fn source(local: LocalKey, stream: &str, master_id: u64, drop: u64, age: i64, document: &Value) -> SourceRow {
    SourceRow {
        local,
        stream: stream.into(),
        master_id: MasterId(master_id),
        document: document.to_string().into(),
        mapping: "generic/customer@1".into(),
        asserted: format!("{{\"t\":{}}}", ago(age).as_millisecond()).into(),
        residue: None,
        position: Position { drop, ordinal: 1_029 },
        observed_at: ago(age),
        removed: false,
    }
}

fn crosswalk(local: LocalKey, master_id: u64, version: u64, holds: Option<&Value>) -> CrosswalkRow {
    let holds = holds.map(|document| document.to_string().into());
    CrosswalkRow {
        local,
        master_id: MasterId(master_id),
        holds,
        residue: None,
        version,
        removed: false,
        earlier: Vec::new(),
    }
}

struct Entry {
    age: i64,
    kind: JournalKind,
    local: LocalKey,
    version: Option<u64>,
    found: Option<(u64, u64)>,
    detail: Option<&'static str>,
}

fn journal(master_id: u64, entries: Vec<Entry>) -> Vec<JournalEntry> {
    entries
        .into_iter()
        .map(|entry| JournalEntry {
            at: ago(entry.age),
            kind: entry.kind,
            system: entry.local.system,
            entity: entry.local.entity,
            key: Some(entry.local.key),
            master_id: Some(MasterId(master_id)),
            version: entry.version,
            position: entry.found.map(|(drop, line)| Position { drop, ordinal: line - 2 }),
            line: entry.found.map(|(_, line)| line),
            detail: entry.detail.map(str::to_owned),
        })
        .collect()
}

fn master(master_id: u64, entity: Entity, version: u64, document: &Value, search: &str) -> MasterRow {
    MasterRow {
        master_id: MasterId(master_id),
        entity,
        document: document.to_string().into(),
        version,
        state: Operation::Upsert,
        redirect: None,
        root: MasterId(12),
        search: search.into(),
    }
}

fn customer() -> MasterStory {
    let golden = json!({
        "kind": "company", "legal_name": "Verrerie Dupont & Fils", "trading_name": "Dupont Verre",
        "identifiers": [{"scheme": "siren", "value": "732829320"}, {"scheme": "vat", "value": "FR44732829320"}],
        "addresses": [
            {"use": "main", "line1": "14 rue des Souffleurs", "postcode": "69007", "city": "Lyon", "country": "FR"},
            {"use": "delivery", "line1": "ZI du Port, quai 3", "postcode": "69200", "city": "Vénissieux", "country": "FR"}],
        "emails": [{"use": "main", "value": "compta@dupont-verre.example"}],
        "phones": [{"use": "office", "value": "+33472000017"}],
        "credit_limit": {"amount": "25000.00", "currency": "EUR"}, "status": "active",
    });
    let erp = json!({
        "legal_name": "Verrerie Dupont & Fils", "identifiers": [{"scheme": "siren", "value": "732829320"}],
        "addresses": [{"use": "main", "line1": "14 rue des Souffleurs", "postcode": "69007", "city": "Lyon", "country": "FR"}],
        "credit_limit": {"amount": "25000.00", "currency": "EUR"}, "status": "active",
    });
    let crm = json!({
        "legal_name": "DUPONT & FILS <Verrerie>", "trading_name": "Dupont Verre",
        "emails": [{"use": "main", "value": "compta@dupont-verre.example"}],
        "phones": [{"use": "office", "value": "+33472000017"}], "status": "prospect",
    });
    let delivered = json!({"legal_name": "Verrerie Dupont et Fils", "addresses": [{"use": "main", "city": "Lyon", "country": "FR"}]});
    let in_erp = || local("erp", Entity::Customer, "C-1030");
    let in_crm = || local("crm", Entity::Customer, "a-77");
    let in_accounting = || local("accounting", Entity::Customer, "411DUPON");
    let entry = |age, kind, local, version, found, detail| Entry { age, kind, local, version, found, detail };
    MasterStory {
        tenant: super::TENANT.into(),
        covers: BTreeMap::new(),
        master: master(12, Entity::Customer, 9_001, &golden, "verrerie dupont & fils dupont verre 732829320"),
        sources: vec![source(in_crm(), "accounts", 12, 45, 40, &crm), source(in_erp(), "customers", 12, 42, 620, &erp)],
        crosswalk: vec![
            crosswalk(in_crm(), 12, 9_001, None),
            crosswalk(in_erp(), 12, 0, None),
            crosswalk(in_accounting(), 12, 8_700, Some(&delivered)),
        ],
        journal: journal(
            12,
            vec![
                entry(90_000, JournalKind::Created, in_erp(), Some(8_700), Some((38, 1_031)), None),
                entry(89_990, JournalKind::Delivered, in_accounting(), Some(8_700), None, Some("batch b-8812")),
                entry(5_000, JournalKind::Linked, in_crm(), Some(8_950), Some((40, 3)), Some("by siren")),
                entry(618, JournalKind::Updated, in_erp(), Some(9_001), Some((42, 1_031)), None),
                entry(610, JournalKind::Delivered, in_crm(), Some(9_001), None, Some("batch b-9120")),
                entry(40, JournalKind::Confirmed, in_crm(), None, Some((45, 12)), None),
            ],
        ),
    }
}

fn invoice(id: u64, number: &str, amount: &str) -> MasterStory {
    let document = json!({
        "number": number, "issue_date": "2026-10-31", "type_code": "380", "currency": "EUR",
        "seller": {"name": "Maison Verre SAS"}, "buyer": {"name": "Verrerie Dupont & Fils"},
        "customer": {"master_id": "m12"}, "totals": {"amount_with_vat": amount, "due_amount": amount},
        "lines": [{"id": "1", "net_amount": amount}],
    });
    let shown = local("billing", Entity::Invoice, number);
    let entry = |age, kind, version, found, detail| Entry { age, kind, local: shown.clone(), version, found, detail };
    let refused = Entry {
        local: local("accounting", Entity::Invoice, number),
        ..entry(900, JournalKind::Refused, Some(9_003), None, Some("422: the period 2026-10 is closed for postings"))
    };
    MasterStory {
        tenant: super::TENANT.into(),
        covers: BTreeMap::new(),
        master: master(id, Entity::Invoice, 8_961 + id, &document, &number.to_lowercase()),
        sources: vec![source(shown.clone(), "invoices", id, 44, 95, &document)],
        crosswalk: vec![crosswalk(shown.clone(), id, 0, None)],
        journal: journal(
            id,
            vec![
                entry(930, JournalKind::Waiting, None, Some((44, 18)), None),
                entry(905, JournalKind::Released, None, None, None),
                entry(904, JournalKind::Created, Some(8_961 + id), Some((44, 18)), None),
                refused,
            ],
        ),
    }
}
