//! What one change does to everybody: exactly what it should, and once.

use serde_json::json;

use crate::company::{CREDIT_LIMIT, Company, Footprint, NAME};

/// Holds one change against what it may do: which customer gets one new version, and who takes how many writes.
#[track_caller]
fn check(company: &Company, before: &Footprint, changed: Option<&str>, crm_writes: usize, ledger_rows: u64) {
    let after = company.footprint();
    let versions = |footprint: &Footprint| footprint.versions.clone();
    let different = versions(&after).iter().filter(|(id, version)| before.versions.get(*id) != Some(version)).count();
    assert_eq!(different, usize::from(changed.is_some()), "customers with another version");
    if let Some(name) = changed {
        let highest = before.versions.values().max().unwrap();
        let newer: Vec<u64> = company.history(name).into_iter().filter(|version| version > highest).collect();
        assert_eq!(newer.len(), 1, "new versions of {name}: {newer:?}");
    }
    assert_eq!(after.crm_writes - before.crm_writes, crm_writes, "writes to the CRM");
    assert_eq!(after.ledger_rows - before.ledger_rows, ledger_rows, "rows to the ledger");
    for round in 0..3 {
        company.round();
        assert_eq!(company.footprint(), after, "something moved in round {round} after the change");
    }
}

#[test]
fn one_changed_field_is_one_version_for_those_that_do_not_hold_it() {
    let mut company = Company::settled();
    let before = company.footprint();
    company.export(&[("C001", CREDIT_LIMIT, "14 000,00")]);
    company.round();
    // The CRM has no credit limits, so there is nothing to tell it.
    check(&company, &before, Some("Boulangerie Dupré & Fils"), 0, 1);
    assert_eq!(company.account("Boulangerie Dupré & Fils")["credit_limit"], "14000,00");

    let before = company.footprint();
    company.export(&[("C001", CREDIT_LIMIT, "14 000,00"), ("C002", NAME, "Garage Lemoine et Fils SAS")]);
    company.round();
    check(&company, &before, Some("Garage Lemoine et Fils SAS"), 1, 1);
    let contact = company.contact(101);
    assert_eq!(contact["name"], "Garage Lemoine et Fils SAS");
    // No line of the mapping knows these: they are the CRM's own business.
    assert_eq!((&contact["owner"], &contact["notes"]), (&json!("Sophie"), &json!("Préfère être rappelé le matin.")));
}

#[test]
fn a_change_is_not_told_to_the_system_that_made_it() {
    let company = Company::settled();
    let before = company.footprint();
    company.edit(103, &json!({ "phone": "04 72 00 55 55" }));
    company.round();
    check(&company, &before, Some("Pharmacie Vasseur"), 0, 1);
    assert_eq!(company.account("Pharmacie Vasseur")["phone"], "+33472005555");
    // The CRM knows no credit limit: what it shows does not erase the ERP's.
    assert_eq!(company.account("Pharmacie Vasseur")["credit_limit"], "3000,00");
    assert_eq!(company.contact(103)["phone"], "04 72 00 55 55", "typed by a person, and left as it is");
}

#[test]
fn what_its_owner_clears_is_cleared_everywhere() {
    let mut company = Company::settled();
    let before = company.footprint();
    company.export(&[("C003", CREDIT_LIMIT, "")]);
    company.round();
    check(&company, &before, Some("Hôtel de la Belle Étoile"), 0, 1);
    assert!(company.account("Hôtel de la Belle Étoile").get("credit_limit").is_none());

    // The ERP had an e-mail address of its own here, but the CRM's word counts.
    let before = company.footprint();
    company.edit(101, &json!({ "email": null }));
    company.round();
    check(&company, &before, Some("Garage Lemoine SAS"), 0, 1);
    assert!(company.account("Garage Lemoine SAS").get("email").is_none());
    assert!(company.golden("Garage Lemoine SAS").get("emails").is_none());
}

#[test]
fn a_system_that_loses_a_conflict_is_corrected_once() {
    let company = Company::settled();
    let before = company.footprint();
    company.edit(101, &json!({ "name": "Chez Lemoine" }));
    company.round();
    // The golden document stays what it was; only the CRM is told.
    check(&company, &before, None, 1, 0);
    assert_eq!(company.contact(101)["name"], "Garage Lemoine SAS");
    assert_eq!(company.contact(101)["owner"], "Sophie");
}
