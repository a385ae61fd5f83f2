//! What columns are called, in French, English and German, and which canonical field that is.

mod customer;

pub use customer::CUSTOMER;

/// What a field takes, and so which values of a column speak for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Any text.
    Text,
    /// An identifier with a check, by the name of its scheme.
    Identifier(&'static str),
    /// A country.
    Country,
    /// A currency.
    Currency,
    /// An amount with its currency.
    Money,
    /// An amount in the document's currency.
    Amount,
    /// A date.
    Date,
    /// An instant.
    Instant,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A whole number.
    Count,
    /// Whether a customer is active.
    Status,
    /// A reference to the customer, by its key.
    Reference,
    /// The record's own key.
    Key,
}

/// A field and what columns for it are called; words are in lower case, without accents.
pub struct Entry {
    /// The canonical path.
    pub field: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// The names of columns, the more usual first.
    pub names: &'static [&'static str],
}

const fn entry(field: &'static str, takes: Takes, names: &'static [&'static str]) -> Entry {
    Entry { field, takes, names }
}

/// Fields of invoices.
pub const INVOICE: &[Entry] = &[
    entry(
        "key",
        Takes::Key,
        &[
            "piece",
            "no piece",
            "numero piece",
            "numero facture",
            "no facture",
            "n facture",
            "num facture",
            "facture",
            "invoice number",
            "invoice no",
            "invoice id",
            "document",
            "document number",
            "id",
            "numero",
            "ref",
            "belegnummer",
            "rechnungsnr",
        ],
    ),
    entry(
        "number",
        Takes::Text,
        &[
            "numero facture",
            "no facture",
            "n facture",
            "num facture",
            "facture",
            "invoice number",
            "invoice no",
            "number",
            "numero de piece",
            "reference",
            "rechnungsnummer",
            "rechnungsnr",
        ],
    ),
    entry(
        "issue_date",
        Takes::Date,
        &[
            "date facture",
            "date de facture",
            "date",
            "date piece",
            "date emission",
            "invoice date",
            "issue date",
            "date de piece",
            "rechnungsdatum",
            "belegdatum",
        ],
    ),
    entry(
        "due_date",
        Takes::Date,
        &["date echeance", "echeance", "date d echeance", "due date", "payment due", "falligkeit", "fallig am"],
    ),
    entry("type_code", Takes::Text, &["type", "type piece", "type facture", "invoice type", "document type", "nature"]),
    entry("currency", Takes::Currency, &["devise", "currency", "monnaie", "code devise", "wahrung"]),
    entry(
        "customer",
        Takes::Reference,
        &[
            "code client",
            "client",
            "num client",
            "numero client",
            "ref client",
            "compte tiers",
            "customer id",
            "customer",
            "customer number",
            "account",
            "compte",
            "code tiers",
            "kundennr",
            "kundennummer",
        ],
    ),
    entry(
        "buyer.name",
        Takes::Text,
        &["nom client", "raison sociale", "nom", "customer name", "contact name", "bill to", "tiers"],
    ),
    entry(
        "buyer.vat_identifier",
        Takes::Identifier("vat"),
        &["tva intracommunautaire", "no tva client", "vat number", "customer vat"],
    ),
    entry(
        "purchase_order_reference",
        Takes::Text,
        &["commande", "no commande", "numero commande", "order number", "purchase order", "po number"],
    ),
    entry(
        "buyer_reference",
        Takes::Text,
        &["votre reference", "reference client", "buyer reference", "your reference"],
    ),
    entry("payment_terms", Takes::Text, &["conditions de paiement", "condition reglement", "payment terms", "terms"]),
    entry("notes.1.text", Takes::Text, &["libelle", "commentaire", "note", "notes", "description", "objet", "memo"]),
    entry(
        "totals.amount_without_vat",
        Takes::Amount,
        &[
            "montant ht",
            "total ht",
            "ht",
            "net",
            "net amount",
            "subtotal",
            "amount excl vat",
            "total net",
            "netto",
            "nettobetrag",
        ],
    ),
    entry(
        "totals.vat_amount",
        Takes::Amount,
        &[
            "montant tva",
            "total tva",
            "tva",
            "vat",
            "vat amount",
            "tax",
            "tax amount",
            "taxes",
            "total tax",
            "mwst",
            "ust",
        ],
    ),
    entry(
        "totals.amount_with_vat",
        Takes::Amount,
        &[
            "montant ttc",
            "total ttc",
            "ttc",
            "montant",
            "gross",
            "total",
            "gross amount",
            "amount",
            "total amount",
            "amount incl vat",
            "brutto",
            "bruttobetrag",
        ],
    ),
    entry(
        "totals.paid_amount",
        Takes::Amount,
        &["paye", "montant paye", "acompte", "regle", "paid", "amount paid", "deposit"],
    ),
    entry(
        "totals.due_amount",
        Takes::Amount,
        &["solde", "reste a payer", "net a payer", "restant du", "due", "amount due", "balance", "outstanding balance"],
    ),
];

/// Fields of payments.
pub const PAYMENT: &[Entry] = &[
    entry(
        "key",
        Takes::Key,
        &[
            "id",
            "reference",
            "ref",
            "numero",
            "no mouvement",
            "mouvement",
            "transaction id",
            "payment id",
            "movement",
            "numero de reglement",
            "reglement",
            "payment number",
            "transaction reference",
        ],
    ),
    entry(
        "references.account_servicer_reference",
        Takes::Text,
        &["reference banque", "ref banque", "bank reference", "transaction reference"],
    ),
    entry(
        "references.end_to_end_id",
        Takes::Text,
        &["end to end id", "end to end", "reference de bout en bout", "customer reference"],
    ),
    entry(
        "booking_date",
        Takes::Date,
        &[
            "date comptable",
            "date operation",
            "date d operation",
            "date",
            "booking date",
            "transaction date",
            "buchungstag",
            "date reglement",
            "payment date",
            "posting date",
        ],
    ),
    entry("value_date", Takes::Date, &["date valeur", "date de valeur", "valeur", "value date", "wert", "valutadatum"]),
    entry(
        "amount",
        Takes::Money,
        &[
            "montant",
            "montant reglement",
            "amount",
            "betrag",
            "umsatz",
            "gross",
            "montant operation",
            "transaction amount",
        ],
    ),
    entry("account.iban", Takes::Identifier("iban"), &["compte", "iban", "iban compte", "account", "account iban"]),
    entry(
        "customer",
        Takes::Reference,
        &["code client", "client", "compte tiers", "customer id", "customer", "code tiers"],
    ),
    entry(
        "debtor.name",
        Takes::Text,
        &["payeur", "donneur d ordre", "debiteur", "payer", "debtor", "nom client", "tiers", "nom", "name"],
    ),
    entry(
        "debtor.account.iban",
        Takes::Identifier("iban"),
        &["iban payeur", "iban debiteur", "debtor iban", "counterparty iban"],
    ),
    entry("creditor.name", Takes::Text, &["beneficiaire", "crediteur", "payee", "creditor", "beneficiary"]),
    entry(
        "method",
        Takes::Text,
        &["mode reglement", "mode de paiement", "moyen de paiement", "payment method", "method", "type"],
    ),
    entry(
        "remittance.unstructured",
        Takes::Text,
        &[
            "libelle",
            "libelle operation",
            "communication",
            "motif",
            "description",
            "details",
            "memo",
            "narrative",
            "verwendungszweck",
        ],
    ),
];
