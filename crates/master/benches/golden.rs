//! What a golden document costs: of one source, of two, and what the claims of a changed record cost.
#![allow(clippy::unwrap_used, missing_docs)]

use canonical::entity::Entity;
use jiff::Timestamp;
use master::{Asserted, Holds, Rules, SourceView, Trust, assert, golden, match_keys, normal};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

fn customer(name: &str) -> Value {
    json!({
        "kind": "company", "legal_name": name, "trading_name": "Durand",
        "identifiers": [{"scheme": "siret", "value": "55210055400013"}, {"scheme": "vat", "value": "BE0403019261"}],
        "addresses": [
            {"use": "billing", "line1": "1 rue A", "postcode": "75001", "city": "Paris", "country": "FR"},
            {"use": "main", "line1": "2 rue B", "postcode": "69001", "city": "Lyon", "country": "FR"},
        ],
        "emails": [{"use": "main", "value": "contact@durand.example"}],
        "phones": [{"use": "office", "value": "+33140205317"}],
        "payment_terms": {"code": "30J", "days": 30},
        "credit_limit": {"amount": "5000.00", "currency": "EUR"},
        "status": "active",
    })
}

fn covers() -> Vec<String> {
    let paths = [
        "kind",
        "legal_name",
        "trading_name",
        "identifiers.siret.value",
        "identifiers.vat.value",
        "addresses.billing.line1",
        "addresses.billing.postcode",
        "addresses.billing.city",
        "addresses.billing.country",
        "addresses.main.line1",
        "addresses.main.postcode",
        "addresses.main.city",
        "addresses.main.country",
        "emails.main.value",
        "phones.office.value",
        "payment_terms.code",
        "payment_terms.days",
        "credit_limit.amount",
        "status",
    ];
    paths.map(str::to_owned).to_vec()
}

#[divan::bench(args = [1, 2, 4])]
fn golden_of(bencher: divan::Bencher<'_, '_>, count: usize) {
    let names = ["crm", "erp", "billing", "shop"];
    let documents: Vec<Value> = names[..count].iter().map(|name| customer(name)).collect();
    let (covers, asserted) = (covers(), Asserted::own(Timestamp::UNIX_EPOCH));
    let trust = Trust { order: vec!["erp".to_owned(), "crm".to_owned()], ..Trust::default() };
    let rules = Rules::from(trust);
    let views: Vec<SourceView<'_>> = names
        .iter()
        .zip(&documents)
        .map(|(system, document)| SourceView {
            system,
            stream: "customers",
            key: "1",
            document,
            covers: &covers,
            asserted: &asserted,
        })
        .collect();
    bencher.bench(|| golden(&Entity::Customer, &views, &rules).map(|golden| golden.is_object()));
}

#[divan::bench]
fn assert_changed(bencher: divan::Bencher<'_, '_>) {
    let (before, after, covers) = (customer("before"), customer("after"), covers());
    let asserted = Asserted::own(Timestamp::UNIX_EPOCH);
    bencher
        .bench(|| assert(&Entity::Customer, Some((&before, &asserted)), &after, &covers, None, Timestamp::UNIX_EPOCH));
}

#[divan::bench]
fn assert_first_echo(bencher: divan::Bencher<'_, '_>) {
    let (document, covers) = (customer("same"), covers());
    let holds = Holds { document: &document, earlier: &[], writes: &covers };
    bencher.bench(|| assert(&Entity::Customer, None, &document, &covers, Some(holds), Timestamp::UNIX_EPOCH));
}

#[divan::bench]
fn normal_already(bencher: divan::Bencher<'_, '_>) {
    let document = customer("A");
    bencher.with_inputs(|| document.clone()).bench_refs(|document| normal(&Entity::Customer, document));
}

#[divan::bench]
fn keys(bencher: divan::Bencher<'_, '_>) {
    let document = customer("A");
    bencher.bench(|| match_keys("acme", &Entity::Customer, &document, 0).unwrap());
}

#[divan::bench]
fn baseline_clone(bencher: divan::Bencher<'_, '_>) {
    let document = customer("A");
    bencher.bench(|| document.clone());
}

#[divan::bench]
fn baseline_to_text(bencher: divan::Bencher<'_, '_>) {
    let document = customer("A");
    bencher.bench(|| document.to_string());
}
