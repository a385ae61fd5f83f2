//! A small company: an ERP that drops customers and invoices, a CRM that is fed customers, a ledger that is fed both.

use passerelle_tests::directory::{Directory, Stream, Subscription, System};

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

/// The company's user's directory; nothing was dropped yet.
pub fn directory() -> Directory {
    let stream = |name, files, mapping, export| {
        let settings = "delimiter = \";\"";
        Stream { name, files, mapping, export, every: "200ms", settings }
    };
    let fed = |entity, folder, mapping| Subscription { entity, folder, mapping };
    let erp = [
        stream("customers", "in/customers*.csv", "erp/customer", "full"),
        stream("invoices", "in/invoices*.csv", "erp/invoice", "delta"),
    ];
    let crm = [fed("customer", "out/crm", "erp/customer")];
    let ledger = [fed("customer", "out/ledger", "erp/customer"), fed("invoice", "out/ledger", "erp/invoice")];
    let systems = [
        System { name: "erp", kind: "csv-drop", streams: &erp, subscriptions: &[] },
        System { name: "crm", kind: "csv-drop", streams: &[], subscriptions: &crm },
        System { name: "ledger", kind: "csv-drop", streams: &[], subscriptions: &ledger },
    ];
    Directory::of(&systems, &[("erp/customer", ERP_CUSTOMER), ("erp/invoice", ERP_INVOICE)])
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
