use std::sync::Arc;

use canonical::document::Document;
use canonical::entity::Entity;
use canonical::record::Body;
use serde_json::json;

use super::{csv_of, mapping, messages, rows};
use crate::{Mapping, ReferenceKey};

pub(super) const ERP: &str = r#"
entity = "customer"
format = "csv"
key = "CT_Num"

[fields]
kind                       = { value = "company" }
legal_name                 = "CT_Intitule"
identifiers.siret          = { at = "CT_Siret", as = "siret" }
identifiers.vat            = { at = "CT_Identifiant", as = "vat", optional = true }
addresses.main.line1       = "CT_Adresse"
addresses.main.postcode    = { at = "CT_CodePostal", text = { pad_left = "0", to = 5 } }
addresses.main.city        = "CT_Ville"
addresses.main.country     = { at = "CT_Pays", table = "countries-fr" }
credit_limit               = { at = "CT_Encours", as = "money", currency = "EUR", decimal = ",", group = " " }
status                     = { at = "CT_Sommeil", table = { "0" = "active", "1" = "inactive" } }
phones.office              = { at = ["TEL", "TELEPHONE"], as = "phone", country = "FR" }
created_at                 = { at = "CT_Cree", as = "date-time", format = "%d/%m/%Y %H:%M", zone = "Europe/Paris" }
payment_terms.end_of_month = { at = "FDM", as = "boolean", true = "O", false = "N" }
roles                      = { at = "ROLES", split = "," }
"#;

pub(super) const ROW: &str = "\
CT_Num;CT_Intitule;CT_Siret;CT_Adresse;CT_CodePostal;CT_Ville;CT_Pays;CT_Encours;CT_Sommeil;TEL;TELEPHONE;CT_Cree;FDM;ROLES;MEMO
C001; Dupont SA ;732 829 320 00074;12 rue de la Paix;01000;Bourg;FRANCE;1 234,50;0;;01 40 20 53 17;01/07/2024 12:00;O;supplier,reseller;gold";

#[track_caller]
fn read(mapping: &Arc<Mapping>, body: &Body) -> serde_json::Value {
    match mapping.reader().read(body) {
        Ok(reading) => reading.document.to_json(),
        Err(errors) => panic!("{:?}", messages(&errors)),
    }
}

fn dupont() -> serde_json::Value {
    json!({
        "kind": "company",
        "legal_name": "Dupont SA",
        "identifiers": [{"scheme": "siret", "value": "73282932000074"}],
        "addresses": [{"use": "main", "line1": "12 rue de la Paix", "postcode": "1000", "city": "Bourg", "country": "FR"}],
        "phones": [{"use": "office", "value": "+33140205317"}],
        "payment_terms": {"end_of_month": true},
        "credit_limit": {"amount": "1234.50", "currency": "EUR"},
        "status": "active",
        "roles": ["supplier", "reseller"],
        "created_at": "2024-07-01T10:00:00Z",
    })
}

#[test]
fn a_row_is_read() {
    let erp = mapping(ERP);
    assert_eq!(read(&erp, &rows(ROW)), dupont());
    let mut reader = erp.reader();
    assert_eq!(reader.key(&rows(ROW)).unwrap(), "C001");
    assert_eq!(reader.read_with_unmapped(&rows(ROW)).unwrap().unmapped, ["MEMO"]);
}

#[test]
fn a_mapping_tells_what_it_covers_and_writes() {
    let erp = mapping(ERP);
    let covers = [
        "addresses.main.city",
        "addresses.main.country",
        "addresses.main.line1",
        "addresses.main.postcode",
        "created_at",
        "credit_limit.amount",
        "credit_limit.currency",
        "identifiers.siret.value",
        "identifiers.vat.value",
        "kind",
        "legal_name",
        "payment_terms.end_of_month",
        "phones.office.value",
        "roles",
        "status",
    ];
    assert_eq!(**erp.covers(), covers.map(str::to_owned));
    let writes: Vec<&str> = covers.into_iter().filter(|path| *path != "kind").collect();
    assert_eq!(**erp.writes(), writes[..]);
    assert_eq!(erp.version().len(), 16);
    assert_eq!(erp.version(), mapping(ERP).version());
    assert_ne!(erp.version(), mapping(&format!("{ERP}\ntrading_name = \"X\"")).version());
}

#[test]
fn writing_what_was_read_changes_no_byte() {
    let erp = mapping(ERP);
    let body = rows(ROW);
    let written = erp.write(&dupont(), Some("C001"), Some(&body)).unwrap();
    assert_eq!(written, body);
}

#[test]
fn one_changed_field_changes_one_column() {
    let erp = mapping(ERP);
    let mut document = dupont();
    document["credit_limit"]["amount"] = json!("99");
    document["phones"] = json!([]);
    let written = erp.write(&document, Some("C001"), Some(&rows(ROW))).unwrap();
    let expected = ROW.replace("1 234,50", "99,00").replace("01 40 20 53 17", "");
    assert_eq!(csv_of(&written), expected);
}

#[test]
fn a_new_row_has_the_columns_of_the_mapping() {
    let erp = mapping(ERP);
    let written = erp.write(&dupont(), Some("C9"), None).unwrap();
    assert_eq!(
        csv_of(&written),
        "CT_Num;CT_Intitule;CT_Siret;CT_Identifiant;CT_Adresse;CT_CodePostal;CT_Ville;CT_Pays;CT_Encours;CT_Sommeil;TEL;TELEPHONE;CT_Cree;FDM;ROLES\n\
         C9;Dupont SA;73282932000074;;12 rue de la Paix;01000;Bourg;FRANCE;1234,50;0;+33140205317;+33140205317;01/07/2024 12:00;O;supplier,reseller"
    );
}

#[test]
fn the_residue_is_what_no_line_carries() {
    let erp = mapping(ERP);
    let body = rows(ROW);
    let residue = erp.residue(&body).unwrap();
    assert_eq!(csv_of(&residue), "MEMO\ngold");
    let written = erp.write(&dupont(), Some("C001"), Some(&residue)).unwrap();
    assert!(csv_of(&written).lines().next().unwrap().ends_with(";ROLES;MEMO"));
    assert!(csv_of(&written).ends_with(";gold"));
    assert_eq!(read(&erp, &written), dupont());
    assert_eq!(erp.residue(&rows(&ROW.replace("gold", ""))), None);
}

#[test]
fn all_errors_of_a_row_are_told_without_values() {
    let erp = mapping(ERP);
    let bad = ROW
        .replace("1 234,50", "12,3,4")
        .replace("FRANCE", "Absurdistan")
        .replace("01/07/2024 12:00", "demain")
        .replace("C001", " ");
    let errors = erp.reader().read(&rows(&bad)).unwrap_err();
    assert_eq!(
        messages(&errors),
        [
            "key (column \"CT_Num\", empty): the record has no key; without one nothing can be kept in step",
            "addresses.main.country (column \"CT_Pays\", letters): the table has no entry for this value; add one, or set unknown = \"keep\"",
            "credit_limit.amount (column \"CT_Encours\", digits with several commas): there is more than one decimal separator",
            "created_at (column \"CT_Cree\", letters): it has none of the line's formats, or is no instant",
        ]
    );
}

#[test]
fn values_that_the_types_refuse_are_all_told() {
    let text = "entity = \"customer\"\nformat = \"csv\"\nkey = \"K\"\n[fields]\ncurrency = \"CUR\"\naddresses.main.country = \"PAYS\"\nlegal_name = \"NOM\"\npayment_terms.days = \"J\"\n";
    let errors = mapping(text).reader().read(&rows("K;CUR;PAYS;NOM;J\n1;euro;France;Dupont;99999999999")).unwrap_err();
    let told: Vec<(&str, &str)> = errors.iter().map(|error| (&*error.field, error.code)).collect();
    assert_eq!(
        told,
        [
            ("currency", "mapping.kind"),
            ("addresses.main.country", "mapping.kind"),
            ("payment_terms.days", "mapping.unfit")
        ]
    );
    let shown = messages(&errors).join("\n");
    assert!(!shown.contains("euro") && !shown.contains("France") && !shown.contains("999"), "{shown}");
    assert!(shown.contains("the field takes three upper-case letters"), "{shown}");
}

#[test]
fn a_missing_column_is_told_with_the_nearest() {
    let errors = mapping(ERP).reader().read(&rows(&ROW.replace("CT_Intitule", "CT_Intitulé"))).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].code, "mapping.missing-column");
    assert!(errors[0].to_string().contains(
        "legal_name (column \"CT_Intitule\", missing): the table has no such column; the nearest are \"CT_Intitulé\""
    ));
    let compiled = mapping(ERP);
    let needed = &compiled.stream_needs().columns;
    let of = |field: &str| needed.iter().find(|needed| &*needed.field == field).map(|needed| needed.any_of.join("|"));
    assert_eq!(of("key").as_deref(), Some("CT_Num"));
    assert_eq!(of("legal_name").as_deref(), Some("CT_Intitule"));
    assert_eq!(of("identifiers.vat.value"), None, "an optional column is not needed");
    // One of two alternatives is enough, and identifiers.vat is optional.
    assert!(
        mapping(ERP).reader().read(&rows(&ROW.replace(";TELEPHONE;", ";T2;").replace("TEL;", "TELEPHONE;"))).is_ok()
    );
}

#[test]
fn a_document_that_does_not_fit_is_refused_whole() {
    let mut document = dupont();
    document["credit_limit"]["currency"] = json!("USD");
    document["addresses"][0]["country"] = json!("JP");
    let errors = mapping(ERP).write(&document, Some("C1"), None).unwrap_err();
    let told: Vec<(&str, &str)> = errors.iter().map(|error| (&*error.field, error.code)).collect();
    assert_eq!(told, [("addresses.main.country", "mapping.table"), ("credit_limit.currency", "mapping.fixed")]);
}

#[test]
fn projection_decides_whether_to_deliver() {
    let erp = mapping(ERP);
    let mut document = dupont();
    document["identifiers"][0]["value"] = json!("732 829 320 00074");
    document["credit_limit"]["amount"] = json!("1234.5");
    document["created_at"] = json!("2024-07-01T10:00:31Z");
    document["trading_name"] = json!("not mapped");
    document["identifiers"].as_array_mut().unwrap().push(json!({"scheme": "duns", "value": "1"}));
    assert_eq!(erp.project(&document), erp.restrict(&dupont()));
    assert_ne!(erp.restrict(&document), erp.restrict(&dupont()));
    document["legal_name"] = json!("Durand");
    assert_ne!(erp.project(&document), erp.restrict(&dupont()));
}

const GROUPED: &str = r#"
entity = "invoice"
format = "csv"
key = "PIECE"

[fields]
number       = "PIECE"
issue_date   = { at = "DATE", format = ["%d/%m/%Y", "%Y-%m-%d"] }
currency     = { at = "DEV", default = "EUR" }
customer     = { at = "CLIENT", system = "erp" }
completeness = { value = "full" }

[each.lines]
rows = true
key = "id"
[each.lines.fields]
id         = "LIGNE"
item.name  = "DESIGNATION"
quantity   = { at = "QTE", decimal = "," }
net_amount = { debit = "D", credit = "C", decimal = "," }
"#;

const GROUP: &str = "\
PIECE;DATE;DEV;CLIENT;LIGNE;DESIGNATION;QTE;D;C;NOTE
F1;31/12/2024;;C001;1;Vis;10;;12,50;a
;;;;2;Clou;1;3,00;;b";

#[test]
fn grouped_rows_are_one_document() {
    let invoices = mapping(GROUPED);
    assert_eq!(invoices.stream_needs().group_by, ["PIECE"]);
    let reading = invoices.reader().read(&rows(GROUP)).unwrap();
    let reference =
        ReferenceKey { field: "customer", entity: Entity::Customer, system: Some("erp".into()), key: "C001".into() };
    assert_eq!(reading.references, [reference]);
    assert!(matches!(reading.document, Document::Invoice(_)));
    let document = reading.document.to_json();
    assert_eq!(
        document["lines"],
        json!([
            {"id": "1", "quantity": "10", "net_amount": "12.50", "item": {"name": "Vis"}},
            {"id": "2", "quantity": "1", "net_amount": "-3.00", "item": {"name": "Clou"}},
        ])
    );
    assert_eq!(invoices.write(&document, Some("F1"), Some(&rows(GROUP))).unwrap(), rows(GROUP));
}

#[test]
fn rows_follow_their_items_by_key() {
    let invoices = mapping(GROUPED);
    let mut document = invoices.reader().read(&rows(GROUP)).unwrap().document.to_json();
    document["issue_date"] = json!("2025-01-01");
    document["lines"] = json!([
        {"id": "2", "quantity": "5", "net_amount": "-3.00", "item": {"name": "Clou"}},
        {"id": "3", "quantity": "1", "net_amount": "7", "item": {"name": "Rabot"}},
    ]);
    let written = invoices.write(&document, Some("F1"), Some(&rows(GROUP))).unwrap();
    assert_eq!(
        csv_of(&written),
        "PIECE;DATE;DEV;CLIENT;LIGNE;DESIGNATION;QTE;D;C;NOTE\n\
         F1;01/01/2025;;C001;2;Clou;5;3,00;;b\n\
         F1;01/01/2025;;C001;3;Rabot;1;;7;"
    );
}

const BANK: &str = r#"
entity = "payment"
format = "csv"
key = ["COMPTE", "REF"]

[fields]
amount                        = { at = "MONTANT", decimal = ",", group = ".", currency_at = "DEV", direction = "direction" }
booking_date                  = { at = "DATE", format = "%d/%m/%y" }
account.iban                  = { at = "COMPTE", as = "iban", only = "read" }
debtor.name                   = { at = "TIERS", split = "/", part = 1 }
debtor.address.city           = { at = "TIERS", split = "/", part = 2 }
remittance.unstructured       = ["L1", "L2"]
statement.entry               = { at = "POS", as = "integer" }
reversal                      = { at = "EXT", as = "boolean", true = "X", false = "" }
"#;

const MOVEMENT: &str =
    "COMPTE;REF;MONTANT;DEV;DATE;TIERS;L1;L2;POS;EXT\nFR76|1;R\\9;1.234,50-;EUR;02/01/24;Martin / Lyon;FACT 1;;007;X";

#[test]
fn signs_parts_and_lists_of_columns_are_read() {
    let bank = mapping(BANK);
    let mut reader = bank.reader();
    let reading = reader.read(&rows(MOVEMENT)).unwrap();
    assert_eq!(reading.key, "FR76\\|1|R\\\\9");
    let document = reading.document.to_json();
    assert_eq!(
        document,
        json!({
            "direction": "debit",
            "amount": {"amount": "1234.50", "currency": "EUR"},
            "booking_date": "2024-01-02",
            "account": {"iban": "FR76|1"},
            "debtor": {"name": "Martin", "address": {"city": "Lyon"}},
            "remittance": {"unstructured": ["FACT 1"]},
            "reversal": true,
            "statement": {"entry": 7},
        })
    );
    let written = bank.write(&document, Some(&reading.key), None).unwrap();
    assert_eq!(
        csv_of(&written),
        "COMPTE;REF;MONTANT;DEV;DATE;TIERS;L1;L2;POS;EXT\nFR76|1;R\\9;-1234,50;EUR;02/01/24;Martin/Lyon;FACT 1;;7;X"
    );
    let mut credit = document;
    credit["direction"] = json!("credit");
    credit["debtor"]["address"] = json!({});
    let written = csv_of(&bank.write(&credit, Some(&reading.key), Some(&rows(MOVEMENT))).unwrap());
    assert!(written.contains(";1234,50;EUR;02/01/24;Martin;"), "{written}");
}

#[test]
fn a_record_of_another_shape_is_refused() {
    let errors = mapping(ERP).reader().read(&Body::Json(json!({}).into())).unwrap_err();
    assert_eq!(errors[0].code, "mapping.shape");
}

#[test]
fn declared_entities_have_any_field() {
    let text = "entity = \"stock-item\"\nformat = \"csv\"\nkey = \"REF\"\n[fields]\nname = \"NOM\"\nstock.quantity = { at = \"QTE\", as = \"decimal\" }\nstock.minimum = { at = \"MIN\", as = \"integer\" }\nactive = { at = \"A\", as = \"boolean\" }\ntags = { at = \"TAGS\", split = \",\" }\n";
    let stock = mapping(text);
    let body = rows("REF;NOM;QTE;MIN;A;TAGS\nr1;Vis;10.50;3;1;a, b");
    let expected =
        json!({"name": "Vis", "stock": {"quantity": "10.50", "minimum": 3}, "active": true, "tags": ["a", "b"]});
    assert_eq!(read(&stock, &body), expected);
    assert_eq!(
        csv_of(&stock.write(&expected, Some("r1"), None).unwrap()),
        "REF;NOM;QTE;MIN;A;TAGS\nr1;Vis;10.50;3;true;a,b"
    );
}

#[test]
fn bases_with_other_columns_than_the_first_one_are_written_at_their_own() {
    let mapping = mapping("entity = \"customer\"\nformat = \"csv\"\nkey = \"K\"\n[fields]\nlegal_name = \"N\"\n");
    let document = json!({"legal_name": "Durand"});
    for (base, expected) in [
        ("K;N;MEMO\nC1;Dupont;gold", "K;N;MEMO\nC1;Durand;gold"),
        ("MEMO;N;K\nsilver;Dupont;C1", "MEMO;N;K\nsilver;Durand;C1"),
        ("K;N;MEMO\nC1;Dupont;gold", "K;N;MEMO\nC1;Durand;gold"),
        ("MEMO;K\nsilver;C1", "K;N;MEMO\nC1;Durand;silver"),
    ] {
        let written = mapping.write(&document, None, Some(&rows(base))).unwrap();
        assert_eq!(csv_of(&written).trim_end(), expected);
    }
    assert_eq!(csv_of(&mapping.write(&document, Some("C2"), None).unwrap()).trim_end(), "K;N\nC2;Durand");
}
