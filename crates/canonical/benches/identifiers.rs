//! What every record pays: identifier checks, rules, and the envelope both ways.

use canonical::document::Customer;
use canonical::entity::Entity;
use canonical::envelope::{self, Event, EventType, Limits, Stage};
use canonical::identifier::{self, Scheme};
use canonical::{Document, rules, schema};
use divan::{Bencher, black_box};
use serde_json::json;

fn main() {
    divan::main();
}

#[divan::bench(args = [
    (Scheme::Siren, "732829320"),
    (Scheme::Siret, "732 829 320 00074"),
    (Scheme::Vat, "FR44732829320"),
    (Scheme::Iban, "FR1420041010050500013M02606"),
    (Scheme::Lei, "969500TJ5KRTCJQWXH05"),
])]
fn check(bencher: Bencher<'_, '_>, (scheme, value): (Scheme, &str)) {
    bencher.bench(|| identifier::check(black_box(scheme), black_box(value)).is_ok());
}

fn customer() -> serde_json::Value {
    json!({
        "kind": "company", "legal_name": "Société Générale d'Exemples", "trading_name": "SGE",
        "identifiers": [
            {"scheme": "siret", "value": "73282932000074"}, {"scheme": "vat", "value": "FR44732829320"}
        ],
        "addresses": [
            {"use": "main", "line1": "29 boulevard Haussmann", "postcode": "75009", "city": "Paris", "country": "FR"}
        ],
        "contacts": [{"role": "accounting", "name": "Mme Durand", "email": "compta@example.org"}],
        "emails": [{"use": "main", "value": "info@example.org"}],
        "phones": [{"use": "office", "value": "+33142140000"}],
        "bank_accounts": [{"use": "main", "iban": "FR1420041010050500013M02606", "bic": "BNPAFRPPXXX"}],
        "language": "fr", "currency": "EUR", "payment_terms": {"code": "30FDM", "days": 30},
        "credit_limit": {"amount": "25000.00", "currency": "EUR"}, "status": "active"
    })
}

fn document() -> Option<Document> {
    serde_json::from_value(customer()).ok().map(|customer: Customer| Document::Customer(Box::new(customer)))
}

fn event() -> Option<Event> {
    let kind = EventType::new(Stage::Observed, Entity::Customer);
    let (tenant, system) = ("acme".into(), "erp".into());
    let mut event =
        Event::new("acme/erp/1".into(), tenant, system, kind, "acme/erp/C1".into(), jiff::Timestamp::UNIX_EPOCH);
    event.record_key = Some("C1".into());
    event.drop = Some(12);
    event.set_document(&document()?).ok()?;
    Some(event)
}

#[divan::bench]
fn findings_of_a_right_customer(bencher: Bencher<'_, '_>) {
    let document = document();
    bencher.bench(|| document.as_ref().map(|document| rules::findings(black_box(document)).len()));
}

#[divan::bench]
fn strong_identifiers(bencher: Bencher<'_, '_>) {
    let document = document();
    bencher.bench(|| match &document {
        Some(Document::Customer(customer)) => identifier::strong(black_box(customer)).len(),
        _ => 0,
    });
}

#[divan::bench]
fn schema_of_a_right_customer(bencher: Bencher<'_, '_>) {
    let json = customer();
    bencher.bench(|| schema::validate(&Entity::Customer, black_box(&json)).len());
}

#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let event = event();
    bencher.bench(|| event.as_ref().map(|event| black_box(event).to_bytes().len()));
}

#[divan::bench]
fn decode_with_document(bencher: Bencher<'_, '_>) {
    let message = event().map(|event| event.to_bytes()).unwrap_or_default();
    bencher.bench(|| {
        let event = envelope::decode(black_box(&message), Limits::default()).ok();
        event.and_then(|event| event.document().ok().flatten()).is_some()
    });
}
