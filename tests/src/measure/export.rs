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

const TRADES: [&str; 16] = [
    "Garage",
    "Boulangerie",
    "Pharmacie",
    "Menuiserie",
    "Imprimerie",
    "Transports",
    "Cabinet",
    "Librairie",
    "Plomberie",
    "Fleuriste",
    "Hôtel",
    "Atelier",
    "Brasserie",
    "Scierie",
    "Clinique",
    "Auberge",
];

const STREETS: [&str; 20] = [
    "Foch",
    "Mozart",
    "Gambetta",
    "Carnot",
    "Kléber",
    "Voltaire",
    "Pasteur",
    "Victor Hugo",
    "Jean Jaurès",
    "Zola",
    "Lamartine",
    "Diderot",
    "Racine",
    "Molière",
    "Danton",
    "Mirabeau",
    "Balzac",
    "Chopin",
    "Lavoisier",
    "Ampère",
];

/// Towns with their postcodes.
const TOWNS: [(&str, &str); 16] = [
    ("75011", "Paris"),
    ("69003", "Lyon"),
    ("13006", "Marseille"),
    ("31000", "Toulouse"),
    ("44000", "Nantes"),
    ("67000", "Strasbourg"),
    ("33000", "Bordeaux"),
    ("59000", "Lille"),
    ("35000", "Rennes"),
    ("51100", "Reims"),
    ("76600", "Le Havre"),
    ("42000", "Saint-Étienne"),
    ("83000", "Toulon"),
    ("38000", "Grenoble"),
    ("21000", "Dijon"),
    ("49000", "Angers"),
];

const SYLLABLES: [&str; 32] = [
    "ba", "bel", "ber", "bri", "ca", "char", "chau", "cor", "da", "del", "du", "fa", "fon", "ga", "gran", "ha", "la",
    "lan", "mar", "mi", "mon", "no", "per", "quin", "ra", "ri", "ro", "sau", "ta", "tho", "vau", "vil",
];

/// A name that no other number has, up to 1,048,576 of them, and that the next number's does not resemble.
fn family(number: u64) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b1) % 0x10_0000;
    let syllables = (0..4).map(|at| SYLLABLES[usize::try_from(mixed >> (5 * at) & 31).unwrap_or_default()]);
    let name: String = syllables.collect();
    name.split_at(1).0.to_uppercase() + name.split_at(1).1
}

/// An IBAN and the account in it that pass their checks.
fn iban(number: u64) -> String {
    let (bank, branch, account) = (30_006, 1 + number % 90_000, 10_000_000_000 + number * 7_919 % 89_999_999_999);
    let key = 97 - (89 * bank + 15 * branch + 3 * account) % 97;
    let body = format!("{bank:05}{branch:05}{account:011}{key:02}");
    // The letters of the country count as 15 and 27.
    let rest = format!("{body}152700").bytes().fold(0, |rest, digit| (rest * 10 + u64::from(digit - b'0')) % 97);
    format!("FR{:02}{body}", 98 - rest)
}

fn write_row(line: &mut String, number: u64) -> std::fmt::Result {
    let siren = siren(number);
    let vat = format!("FR{:02}{siren}", (12 + 3 * (siren.parse::<u64>().unwrap_or_default() % 97)) % 97);
    let of = |many: usize, spread: u64| usize::try_from(number / spread).unwrap_or_default() % many;
    let (family, trade) = (family(number), TRADES[of(TRADES.len(), 3)]);
    let (postcode, town) = TOWNS[of(TOWNS.len(), 1)];
    let domain = family.to_lowercase();
    write!(
        line,
        "C{number:07},{trade} {family},{family},{siren},{vat},{} rue {},Bâtiment {},{postcode},{town},FR,\
         +331{:08},+336{:08},contact@{domain}.fr,compta@{domain}.fr,{},AGRIFRPP,\
         fr,{}.50,active,2026-03-{:02}T10:00:00Z",
        1 + number / 320 % 200,
        STREETS[of(STREETS.len(), 16)],
        number % 30,
        number % 100_000_000,
        (number * 7) % 100_000_000,
        iban(number),
        number % 50_000,
        1 + number % 28
    )
}
