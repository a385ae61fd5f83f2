//! The customers that the programs load: rows of 20 columns, 225 bytes each, every customer another one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The header of the files.
pub const COLUMNS: &str = "code,name,trade,siren,vat,line1,line2,postcode,city,country,phone,mobile,email,billing,iban,bic,language,limit,status,changed";

/// Their mapping, for reading and for writing.
pub const MAPPING: &str = r#"
entity = "customer"
format = "csv"
key = "code"

[fields]
legal_name = "name"
trading_name = "trade"
identifiers.siren = "siren"
identifiers.vat = "vat"
addresses.main.line1 = "line1"
addresses.main.line2 = "line2"
addresses.main.postcode = "postcode"
addresses.main.city = "city"
addresses.main.country = "country"
phones.office = "phone"
phones.mobile = "mobile"
emails.main = "email"
emails.billing = "billing"
bank_accounts.main.iban = "iban"
bank_accounts.main.bic = "bic"
language = "language"
credit_limit = { at = "limit", as = "money", currency = "EUR" }
status = "status"
changed_at = { at = "changed", as = "date-time" }
"#;

/// A SIREN that passes its check, made from a number of up to 8 digits.
fn siren(number: u64) -> String {
    let body = format!("{:08}", 10_000_000 + number % 89_999_999);
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0') * if index % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// Writes a full export of so many customers, and one more line after them, which may be empty.
///
/// # Errors
/// What the file system answers.
pub fn write_export(path: &Path, count: u64, last: &str) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{COLUMNS}")?;
    let mut line = String::new();
    for number in 0..count {
        line.clear();
        // Writing to memory does not fail.
        let _ = write_row(&mut line, number);
        writeln!(file, "{line}")?;
    }
    writeln!(file, "{last}")?;
    file.flush()
}

fn write_row(line: &mut String, number: u64) -> std::fmt::Result {
    let siren = siren(number);
    let vat = format!("FR{:02}{siren}", (12 + 3 * (siren.parse::<u64>().unwrap_or_default() % 97)) % 97);
    write!(
        line,
        "C{number:07},Société {number},Enseigne {number},{siren},{vat},{} rue de la Paix,Bâtiment {},{:05},Ville {},FR,\
         +331{:08},+336{:08},contact{number}@exemple.fr,compta{number}@exemple.fr,FR7630006000011234567890189,AGRIFRPP,\
         fr,{}.50,active,2026-03-{:02}T10:00:00Z",
        number % 200,
        number % 30,
        1_000 + number % 95_000,
        number % 3_000,
        number % 100_000_000,
        (number * 7) % 100_000_000,
        number % 50_000,
        1 + number % 28
    )
}
