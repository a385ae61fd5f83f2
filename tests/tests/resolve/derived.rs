//! Documents inside documents, and documents that are alike.

use canonical::entity::Entity;
use passerelle_tests::scripted::records::{CUSTOMER, PAYMENT, company};
use passerelle_tests::scripted::world::{Feed, Part, World, document};
use serde_json::{Value, json};
use store::RecordOutcome;

/// Invoices that name their buyer, not a customer's key.
const BILL: &str = r#"
entity = "invoice"
format = "json"
key = "id"

[fields]
number = "number"
issue_date = { at = "date", as = "date" }
type_code = { value = "380" }
completeness = { value = "summary" }
currency = { value = "EUR" }
buyer.name = "buyer"
buyer.legal_registration.scheme = { value = "0002" }
buyer.legal_registration.value = "siren"
totals.amount_with_vat = { at = "total", as = "decimal" }
"#;

fn bill(number: &str, buyer: &str, siren: Option<&str>) -> Value {
    json!({"id": number, "number": number, "date": "2026-03-01", "buyer": buyer, "siren": siren, "total": "12.00"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_buyer_of_an_invoice_is_a_customer_and_only_the_invoice_is_counted() {
    let erp = Part::new("erp").shows(Feed::new("customers", CUSTOMER));
    let world = World::new(vec![erp, Part::new("billing").shows(Feed::new("invoices", BILL))]);
    let hub = world.start().await;
    world.show("erp", "customers", vec![company("C1", "Dupont", "552100554")]);
    hub.settle().await;
    let known = bill("F1", "DUPONT SA", Some("552100554"));
    world.show("billing", "invoices", vec![known, bill("F2", "Nouveau", None), bill("F3", "Nouveau", None)]);
    hub.settle().await;
    let outcomes = hub.accounting("billing").await;
    assert_eq!((outcomes.read, outcomes.get(RecordOutcome::Created), outcomes.in_flight), (3, 3, 0));
    assert_eq!(hub.masters(Entity::Customer).await.len(), 2);
    let (dupont, new) = (
        hub.master(Entity::Customer, "legal_name", "Dupont").await,
        hub.master(Entity::Customer, "legal_name", "Nouveau").await,
    );
    for (number, customer) in [("F1", &dupont), ("F2", &new), ("F3", &new)] {
        let invoice = hub.master(Entity::Invoice, "number", number).await;
        assert_eq!(invoice.root, customer.master_id, "{number}");
        assert_eq!(document(&invoice)["customer"]["master_id"], customer.master_id.to_string());
    }
    hub.stop().await;
}

fn payment(id: &str, amount: &str) -> Value {
    json!({"id": id, "direction": "credit", "date": "2026-03-02", "amount": amount, "iban": "FR7630006000011234567890189"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_that_are_alike_are_several_and_the_same_statement_again_makes_none_new() {
    let bank = Part::new("bank").shows(Feed { is_file: false, ..Feed::new("payments", PAYMENT) });
    let world = World::new(vec![bank, Part::new("ledger").takes(Entity::Payment, PAYMENT)]);
    let hub = world.start().await;
    let statement = vec![payment("S1/1", "10.00"), payment("S1/2", "10.00"), payment("S1/3", "20.00")];
    for round in 0..3 {
        world.show("bank", "payments", statement.clone());
        hub.settle().await;
        assert_eq!(hub.masters(Entity::Payment).await.len(), 3, "round {round}");
        assert_eq!(world.on("ledger", |script| script.effects.len()), 3, "round {round}");
    }
    let outcomes = hub.accounting("bank").await;
    assert_eq!((outcomes.get(RecordOutcome::Created), outcomes.get(RecordOutcome::Unchanged)), (3, 6));
    hub.stop().await;
}
