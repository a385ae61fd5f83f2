//! A small company: an ERP that drops customers and invoices, a CRM that is fed customers, a ledger that is fed both.

use passerelle_tests::directory::Directory;

const ERP: &str = r#"
tenant = "acme"

[connector]
kind = "csv-drop"
[connector.streams.customers]
folder = "in"
files = "customers*.csv"
delimiter = ";"
settle_ms = 0
[connector.streams.invoices]
folder = "in"
files = "invoices*.csv"
delimiter = ";"
settle_ms = 0

[streams.customers]
mapping = "erp/customer"
export = "full"
every = "200ms"
[streams.invoices]
mapping = "erp/invoice"
export = "delta"
every = "200ms"
"#;

const ERP_CUSTOMER: &str = r#"
entity = "customer"
format = "csv"
key = "NO"

[fields]
legal_name = "NAME"
addresses.main.line1 = "STREET"
addresses.main.city = "CITY"
emails.main = "MAIL"
"#;

const ERP_INVOICE: &str = r#"
entity = "invoice"
format = "csv"
key = "NUMBER"

[fields]
completeness = { value = "summary" }
type_code = { value = "380" }
currency = { value = "EUR" }
number = "NUMBER"
issue_date = { at = "DATE", format = "%d/%m/%Y" }
customer = "CUSTOMER"
totals.amount_with_vat = { at = "TOTAL", as = "amount", decimal = "," }
"#;

const CRM: &str = r#"
tenant = "acme"

[connector]
kind = "csv-drop"
[connector.gather]
age_ms_max = 20
[connector.targets.customer]
folder = "out/crm"
file = "customers-{batch}.csv"

[subscriptions.customer]
mapping = "erp/customer"
"#;

const LEDGER: &str = r#"
tenant = "acme"

[connector]
kind = "csv-drop"
[connector.gather]
age_ms_max = 20
[connector.targets.customer]
folder = "out/ledger"
file = "customers-{batch}.csv"
[connector.targets.invoice]
folder = "out/ledger"
file = "invoices-{batch}.csv"

[subscriptions.customer]
mapping = "erp/customer"
[subscriptions.invoice]
mapping = "erp/invoice"
"#;

/// The company's user's directory; nothing was dropped yet.
pub fn directory() -> Directory {
    let directory = Directory::new(&[
        ("passerelle.toml", ""),
        ("systems/erp.toml", ERP),
        ("systems/crm.toml", CRM),
        ("systems/ledger.toml", LEDGER),
        ("mappings/erp/customer.toml", ERP_CUSTOMER),
        ("mappings/erp/invoice.toml", ERP_INVOICE),
    ]);
    std::fs::create_dir_all(directory.path("in")).unwrap();
    directory
}

/// Three customers and three invoices, the last of which cannot be read.
pub fn drop_files(directory: &Directory) {
    directory.write(
        "in/customers-1.csv",
        "NO;NAME;STREET;CITY;MAIL\n\
         C1;Boulangerie Martin;4 place du Marché;Rennes;contact@martin.example\n\
         C2;Menuiserie Le Goff;12 rue des Tanneurs;Quimper;bonjour@legoff.example\n\
         C3;Atelier Dubois;7 quai de Bacalan;Bordeaux;atelier@dubois.example\n",
    );
    directory.write(
        "in/invoices-1.csv",
        "NUMBER;DATE;CUSTOMER;TOTAL\n\
         F-2026-0001;10/02/2026;C1;99,00\n\
         F-2026-0002;11/02/2026;C2;1234,50\n\
         F-2026-0003;12/02/2026;C3;much\n",
    );
}
