//! Which document is which: readable keys that are the same whoever shows the document.
//!
//! Keys are parts joined by `/`; a part's own `/`, `%` and U+0000 are written `%2F`, `%25` and `%00`, so that keys never
//! collide. A key that would have more than [`BYTES_MAX`] bytes is its beginning, `%:`, and a hash of the whole: whatever a
//! source shows as a number or a reference, an index can take it.
//! Each starts with its entity and tenant. They may hold personal data (a seller's number, an account), so they belong
//! in the store and on the bus, not in logs.

use std::fmt::Write;

use crate::document::invoice::Party;
use crate::document::payment::Direction;
use crate::document::shape::Shaped;
use crate::document::{Allocation, Customer, Identifier, Invoice, Payment, Reference};
use crate::identifier::{Scheme, StrongIdentifier, check, strong};

/// The longest key, in bytes.
pub const BYTES_MAX: usize = 1_000;

/// A part that the document lacks.
const ABSENT: &str = "-";

fn key(parts: &[&str]) -> String {
    let mut key = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            key.push('/');
        }
        for character in part.chars() {
            match character {
                '/' => key.push_str("%2F"),
                '%' => key.push_str("%25"),
                '\0' => key.push_str("%00"),
                other => key.push(other),
            }
        }
    }
    bounded(key)
}

/// What stands before the hash of a key that was too long; no part can write it.
const HASHED: &str = "%:";

fn bounded(mut key: String) -> String {
    if key.len() <= BYTES_MAX {
        return key;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes());
    let mut end = BYTES_MAX - HASHED.len() - HASH_DIGITS;
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    key.truncate(end);
    key.push_str(HASHED);
    push_hash(&mut key, &hasher);
    key
}

/// How many hexadecimal digits of a hash a key has.
const HASH_DIGITS: usize = 32;

fn push_hash(key: &mut String, hasher: &blake3::Hasher) {
    for byte in &hasher.finalize().as_bytes()[..HASH_DIGITS / 2] {
        // Writing to a string cannot fail.
        let _ = write!(key, "{byte:02x}");
    }
}

/// An invoice's identity: tenant, seller, number, issue year and type code.
///
/// The seller is its strongest identifier, else its name's hash; a source that names no seller shows its own tenant's
/// invoices, and the tenant stands for it.
/// `None` without a number or an issue date: the rules BR-02 and BR-03 refuse such an invoice.
#[must_use]
pub fn invoice(tenant: &str, invoice: &Invoice) -> Option<String> {
    let number = invoice.number.as_deref()?.trim();
    let year = invoice.issue_date?.year().to_string();
    let seller = party(&invoice.seller).unwrap_or_else(|| "tenant".to_owned());
    Some(key(&["invoice", tenant, &seller, number, &year, invoice.type_code.as_deref().unwrap_or(ABSENT)]))
}

/// A payment's identity: account and the bank's reference, else account, booking date, amount, EndToEndId and which of
/// several alike it is.
///
/// `occurrence` counts payments that are alike in all of that within one statement, from 0.
/// The kind of report has no part in it, so a 052 or 054 entry and its 053 one are one payment.
/// `None` without the bank's reference and without a booking date or an amount.
#[must_use]
pub fn payment(tenant: &str, payment: &Payment, occurrence: u32) -> Option<String> {
    let account = account(payment);
    if let Some(reference) = payment.references.account_servicer_reference.as_deref() {
        // One entry may hold several transactions; those without a reference of their own share the entry's.
        let occurrence = occurrence.to_string();
        let parts = ["payment", tenant, &account, reference, &occurrence];
        return Some(key(if occurrence == "0" { &parts[..4] } else { &parts }));
    }
    let amount = payment.amount?;
    let date = payment.booking_date?.to_string();
    let sign = match payment.direction {
        Some(Direction::Debit) => "-",
        _ => "",
    };
    let amount = format!("{sign}{} {}", amount.amount.normalize(), amount.currency);
    let end_to_end = payment.references.end_to_end_id.as_deref().unwrap_or(ABSENT);
    Some(key(&["payment", tenant, &account, &date, &amount, end_to_end, &occurrence.to_string()]))
}

fn account(payment: &Payment) -> String {
    let account = &payment.account;
    match (account.iban.as_deref(), account.account_number.as_deref()) {
        (Some(iban), _) => check(Scheme::Iban, iban).map_or_else(|_| iban.to_owned(), std::borrow::Cow::into_owned),
        (None, Some(number)) => number.to_owned(),
        (None, None) => ABSENT.to_owned(),
    }
}

/// An allocation's identity: what settles, what is settled, the date, and which of several alike it is, from 0.
///
/// `None` when it does not name both sides.
#[must_use]
pub fn allocation(tenant: &str, allocation: &Allocation, occurrence: u32) -> Option<String> {
    let (kind, source) = match (&allocation.payment, &allocation.credit_note) {
        (Some(payment), None) => ("payment", payment),
        (None, Some(credit_note)) => ("credit-note", credit_note),
        _ => return None,
    };
    let source = reference(source)?;
    let invoice = reference(allocation.invoice.as_ref()?)?;
    let date = allocation.date.map_or_else(|| ABSENT.to_owned(), |date| date.to_string());
    Some(key(&["allocation", tenant, kind, &source, &invoice, &date, &occurrence.to_string()]))
}

/// What a reference points at, in one part: master id, else system and key, else number.
/// `None` when it points at nothing.
#[must_use]
pub fn reference(reference: &Reference) -> Option<String> {
    if let Some(master) = &reference.master_id {
        return Some(format!("master:{master}"));
    }
    if let Some(key) = &reference.key {
        return Some(format!("{}:{key}", reference.system.as_deref().unwrap_or_default()));
    }
    reference.number.as_ref().map(|number| format!("number:{number}"))
}

/// The key of a customer that a document embeds and its source gives no key for: the strongest identifier,
/// else a hash of normalised name and postcode. `None` for a party that has neither.
#[must_use]
pub fn party(party: &Party) -> Option<String> {
    embedded(&customer(party))
}

/// The same for a customer.
#[must_use]
pub fn embedded(customer: &Customer) -> Option<String> {
    if let Some(strongest) = strong(customer).first() {
        return Some(StrongIdentifier::to_string(strongest));
    }
    let person = || {
        let names = [customer.given_name.as_deref(), customer.family_name.as_deref()];
        names.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let given = customer.legal_name.as_deref().or(customer.trading_name.as_deref()).map_or_else(person, str::to_owned);
    let name = normal_name(&given);
    if name.is_empty() {
        return None;
    }
    let postcode = customer.addresses.iter().find_map(|address| address.postcode.as_deref()).unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes());
    hasher.update(&[0]);
    hasher.update(normal_name(postcode).replace(' ', "").as_bytes());
    let mut key = "name:".to_owned();
    push_hash(&mut key, &hasher);
    Some(key)
}

/// A party of an invoice as a customer: what a document that embeds its customer says about it.
#[must_use]
pub fn customer(party: &Party) -> Customer {
    let mut identifiers = party.identifiers.clone();
    if party.legal_registration.value.is_some() {
        identifiers.push(party.legal_registration.clone());
    }
    if let Some(vat) = &party.vat_identifier {
        identifiers.push(Identifier { scheme: Some(Scheme::Vat.name().to_owned()), value: Some(vat.clone()) });
    }
    for identifier in &mut identifiers {
        // One scheme has one name in a customer, so that identifiers of several sources can be united.
        if let Some(scheme) = identifier.scheme.as_deref().and_then(Scheme::from_text) {
            identifier.scheme = Some(scheme.name().to_owned());
        }
    }
    let mut unique: Vec<Identifier> = Vec::with_capacity(identifiers.len());
    for identifier in identifiers {
        if !unique.contains(&identifier) {
            unique.push(identifier);
        }
    }
    Customer {
        legal_name: party.name.clone(),
        trading_name: party.trading_name.clone(),
        identifiers: unique,
        electronic_address: party.electronic_address.clone(),
        addresses: vec_of(&party.address),
        contacts: vec_of(&party.contact),
        ..Customer::default()
    }
}

fn vec_of<T: Shaped + Clone>(item: &T) -> Vec<T> {
    if item.is_empty() { Vec::new() } else { vec![item.clone()] }
}

/// A name without case, accents and punctuation, its words parted by one blank.
#[must_use]
pub fn normal_name(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.chars().flat_map(char::to_lowercase) {
        match plain(character) {
            Some(text) => normal.push_str(text),
            None if character.is_alphanumeric() => normal.push(character),
            None if is_combining(character) || matches!(character, '\'' | '’' | '.') => {}
            None if !normal.is_empty() && !normal.ends_with(' ') => normal.push(' '),
            None => {}
        }
    }
    normal.truncate(normal.trim_end().len());
    normal
}

/// Accents that are written as characters of their own.
fn is_combining(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

/// The plain form of an accented lower-case letter of the languages of Europe.
fn plain(character: char) -> Option<&'static str> {
    Some(match character {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
