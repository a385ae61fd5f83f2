use super::*;

const CUSTOMERS: &str = "\
Export clients;;;;;;;;;;
Code client;Raison sociale;SIRET;Adresse;Code postal;Ville;Pays;T\u{e9}l\u{e9}phone;Encours;Sommeil;Date cr\u{e9}ation
C001;Dupont SA;73282932000074;12 rue de la Paix;75002;Paris;FR;01 40 20 53 17;1 234,50;0;01/02/2024
C002;Durand;35600000000048;;33000;Bordeaux;FR;01 40 20 53 18;12,00;1;15/03/2024
C003;Martin;;3 place d'Armes;69001;Lyon;BE;;0,00;0;31/12/2023
C004;Petit;;4 quai;69002;Lyon;BE;;0,00;0;30/12/2023
C005;Moreau;;5 cours;69003;Lyon;FR;;0,00;0;29/12/2023
C006;Roux;;6 rue;69004;Lyon;FR;;0,00;1;28/12/2023
";

fn draft(bytes: &[u8], entity: InferredEntity) -> String {
    let text = drafted("sample.csv", bytes, &Told::default(), entity).unwrap();
    ensure_compiles(&text).unwrap();
    text
}

/// A line of the draft without its comment.
fn line<'d>(draft: &'d str, field: &str) -> &'d str {
    let found = draft.lines().find(|line| line.starts_with(&format!("{field} = ")));
    found.unwrap_or_else(|| panic!("{field} is not in\n{draft}")).split("  #").next().unwrap()
}

#[test]
fn a_customer_file_gives_a_draft_with_styles() {
    let bytes: Vec<u8> = CUSTOMERS.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    let draft = draft(&bytes, InferredEntity::Customer);
    assert!(draft.contains("#   encoding  = \"windows-1252\""), "{draft}");
    assert!(draft.contains("#   header    = { line = 2 }"), "{draft}");
    assert!(draft.contains("key    = \"Code client\"  # "), "{draft}");
    for (field, expected) in [
        ("legal_name", "legal_name = \"Raison sociale\""),
        ("identifiers.siret", "identifiers.siret = { at = \"SIRET\", as = \"siret\" }"),
        ("addresses.main.country", "addresses.main.country = { at = \"Pays\", as = \"code\" }"),
        ("phones.office", "phones.office = { at = \"Téléphone\", as = \"phone\", country = \"FR\" }"),
        (
            "credit_limit",
            "credit_limit = { at = \"Encours\", as = \"money\", currency = \"EUR\", decimal = \",\", group = \" \" }",
        ),
        ("status", "status = { at = \"Sommeil\", table = { \"0\" = \"active\", \"1\" = \"inactive\" } }"),
        ("created_at", "created_at = { at = \"Date création\", format = \"%d/%m/%Y\" }"),
    ] {
        assert_eq!(line(&draft, field), expected);
    }
    assert!(draft.contains("33 % of the rows have a value"), "{draft}");
}

#[test]
fn a_status_means_what_its_column_asks() {
    for (column, expected) in [
        ("Blocked", "{ \"No\" = \"active\", \"Yes\" = \"blocked\" }"),
        ("Inactive", "{ \"No\" = \"active\", \"Yes\" = \"inactive\" }"),
        ("Active", "{ \"No\" = \"inactive\", \"Yes\" = \"active\" }"),
    ] {
        let rows = ["No", "Yes", "No", "Yes", "No", "No"].iter().enumerate();
        let rows: String = rows.map(|(number, value)| format!("C{number},London,{value}\n")).collect();
        let draft = draft(format!("Customer No,City,{column}\n{rows}").as_bytes(), InferredEntity::Customer);
        assert_eq!(line(&draft, "status"), format!("status = {{ at = \"{column}\", table = {expected} }}"));
    }
}

#[test]
fn an_invoice_file_gives_amounts_and_references() {
    let text = "InvoiceNumber,InvoiceDate,CustomerID,Currency,Subtotal,Tax,Total,Colour\n\
                F1,2024-02-29,C1,EUR,100.00,20.00,120.00,red\nF2,2024-03-01,C2,USD,\"1,050.00\",0.00,\"1,050.00\",\n";
    let draft = draft(text.as_bytes(), InferredEntity::Invoice);
    for (field, expected) in [
        ("number", "number = \"InvoiceNumber\""),
        ("issue_date", "issue_date = \"InvoiceDate\""),
        ("customer", "customer = \"CustomerID\""),
        (
            "totals.amount_without_vat",
            "totals.amount_without_vat = { at = \"Subtotal\", as = \"amount\", group = \",\" }",
        ),
        ("# extensions.source.field8", "# extensions.source.field8 = \"Colour\""),
    ] {
        assert_eq!(line(&draft, field), expected);
    }
}

#[test]
fn every_draft_compiles() {
    for text in [
        "a\n1\n",
        "x;y\n",
        "\"a\"\"b\\c\";d\n1;2\n",
        "1;2;3\n4;5;6\n",
        ";;NOM\n1;2;3\n",
        "Date;Montant;Libellé;Devise;Mode de paiement\n01/02/2024;1,5;x;EUR;CB\n",
        "ID,ID,Status\n1,2,\n3,4,x\n",
    ] {
        for entity in [InferredEntity::Customer, InferredEntity::Invoice, InferredEntity::Payment] {
            draft(text.as_bytes(), entity);
        }
    }
}

#[test]
fn a_draft_shows_no_value_of_the_sample() {
    let draft = draft(CUSTOMERS.replace('\u{e9}', "e").as_bytes(), InferredEntity::Customer);
    for value in ["Dupont", "C001", "73282932000074", "Paix", "1 234,50"] {
        assert!(!draft.contains(value), "{value} is in\n{draft}");
    }
}
