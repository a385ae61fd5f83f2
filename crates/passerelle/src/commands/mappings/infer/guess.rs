//! Which column is which field, and how sure that is.

use canonical::identifier::Scheme;

use super::nature::Nature;
use super::vocabulary::{Entry, Takes};

/// A column with what is known about it.
pub struct Column {
    /// Its name in the file.
    pub name: String,
    /// What its values are.
    pub nature: Nature,
    /// Whether every row has a value, and no value stands twice.
    pub is_unique: bool,
    /// How many of a hundred rows have a value.
    pub filled: usize,
}

/// A guess: a column is a field.
#[derive(Clone, Copy)]
pub struct Guess<'v> {
    /// The number of the column.
    pub column: usize,
    /// The field.
    pub entry: &'v Entry,
    /// How sure it is, of a hundred.
    pub confidence: usize,
    /// What speaks for it.
    pub reason: &'static str,
}

/// Less sure guesses are not told at all.
const CONFIDENCE_MIN: usize = 35;

/// A guess that the values speak against is never surer than this: it stays a comment.
const POOR_MAX: usize = 45;

/// Every column gets one field at most, and every field one column: the surest guesses first.
pub fn guesses<'v>(columns: &[Column], entries: &'v [Entry]) -> Vec<Guess<'v>> {
    let mut all: Vec<Guess<'v>> = Vec::new();
    for (number, column) in columns.iter().enumerate() {
        let guesses = entries.iter().filter_map(|entry| guess(number, column, entry));
        all.extend(guesses.filter(|guess| guess.confidence >= CONFIDENCE_MIN));
    }
    all.sort_by_key(|guess| std::cmp::Reverse(guess.confidence));
    let mut chosen: Vec<Guess<'v>> = Vec::new();
    for guess in all {
        // A key may also be a field, such as the number of an invoice.
        let is_key = |guess: &Guess<'_>| guess.entry.takes == Takes::Key;
        let is_taken = |other: &Guess<'v>| {
            other.entry.field == guess.entry.field || (other.column == guess.column && is_key(other) == is_key(&guess))
        };
        if !chosen.iter().any(is_taken) {
            chosen.push(guess);
        }
    }
    chosen
}

fn guess<'v>(number: usize, column: &Column, entry: &'v Entry) -> Option<Guess<'v>> {
    let (by_name, reason) = name_score(&column.name, entry.names);
    let (confidence, reason) = match (fit(&column.nature, entry.takes), by_name) {
        (Fit::Certain, 0) => (75, "by its values alone"),
        (Fit::Certain, score) => ((score + 15).min(99), reason),
        (Fit::Good, score) => ((score + 5).min(97), reason),
        (Fit::Open, score) => (score, reason),
        (Fit::Poor, score) => {
            (score.saturating_sub(35).min(POOR_MAX), "by its name, but its values look like something else")
        }
    };
    let is_bare_key = entry.takes == Takes::Key && !column.is_unique;
    let confidence = if is_bare_key { confidence.saturating_sub(25) } else { confidence };
    (by_name > 0 || confidence == 75).then_some(Guess { column: number, entry, confidence, reason })
}

enum Fit {
    /// The values alone tell the field.
    Certain,
    Good,
    /// Nothing speaks against it.
    Open,
    Poor,
}

fn fit(nature: &Nature, takes: Takes) -> Fit {
    match (takes, nature) {
        (_, Nature::Empty) => Fit::Open,
        (Takes::Identifier(scheme), Nature::Identifier(found)) if found.name() == scheme => Fit::Certain,
        (Takes::Identifier(_), Nature::Date(_) | Nature::DateTime(_) | Nature::Number { .. } | Nature::Email) => {
            Fit::Poor
        }
        (Takes::Identifier(_), _) => Fit::Open,
        (Takes::Email, Nature::Email) => Fit::Certain,
        (Takes::Phone, Nature::Phone) => Fit::Good,
        (Takes::Email | Takes::Phone, Nature::Text | Nature::Digits | Nature::Choice(_)) => Fit::Open,
        (Takes::Date | Takes::Instant, Nature::Date(_) | Nature::DateTime(_)) => Fit::Good,
        (Takes::Money | Takes::Amount, Nature::Number { .. } | Nature::Digits) => Fit::Good,
        (Takes::Count, Nature::Digits) => Fit::Good,
        (Takes::Country, Nature::TwoLetters | Nature::ThreeLetters) => Fit::Good,
        (Takes::Country, Nature::Text | Nature::Choice(_)) => Fit::Open,
        (Takes::Currency, Nature::ThreeLetters) => Fit::Good,
        (Takes::Status, Nature::Choice(_)) => Fit::Good,
        (Takes::Status, Nature::Digits | Nature::TwoLetters) => Fit::Open,
        (Takes::Key | Takes::Reference, Nature::Digits | Nature::Text | Nature::Choice(_)) => Fit::Open,
        (Takes::Key, Nature::Identifier(Scheme::Siret | Scheme::Siren)) => Fit::Open,
        (Takes::Text, Nature::Date(_) | Nature::DateTime(_) | Nature::Number { .. } | Nature::Email) => Fit::Poor,
        (Takes::Text, Nature::Identifier(_) | Nature::Phone) => Fit::Poor,
        (Takes::Text, _) => Fit::Open,
        _ => Fit::Poor,
    }
}

/// How well a column's name is one of these, of a hundred, and why; 0 when it is none.
fn name_score(column: &str, names: &[&str]) -> (usize, &'static str) {
    let words = words(column);
    let joined: String = words.concat();
    let mut best = (0, "");
    for (index, name) in names.iter().enumerate() {
        let wanted: Vec<&str> = name.split(' ').collect();
        // The usual names stand first; a rare one that fits as well is a weaker sign.
        let rank = index.min(10);
        let score = if joined == wanted.concat() {
            (92 - rank, "by its name")
        } else if let Some(others) = others(&words, &wanted) {
            match others.iter().all(|other| says_nothing(other)) {
                true => (85 - rank, "by its name"),
                false => (42 + 20 * wanted.len() / words.len() - rank, "by a part of its name"),
            }
        } else if is_nearly(&joined, &wanted.concat()) {
            (65 - rank, "by a name that is nearly the same")
        } else {
            continue;
        };
        if score.0 > best.0 {
            best = score;
        }
    }
    best
}

/// Whether two names differ by a slip or an ending; one that only begins with the other is another name.
fn is_nearly(name: &str, wanted: &str) -> bool {
    name.len() > 4 && name.len().abs_diff(wanted.len()) <= 2 && strsim::jaro_winkler(name, wanted) > 0.93
}

/// The other words of a name that starts or ends with the wanted ones.
fn others<'w>(words: &'w [String], wanted: &[&str]) -> Option<&'w [String]> {
    let equal = |part: &[String]| part.iter().map(String::as_str).eq(wanted.iter().copied());
    let split = words.len().checked_sub(wanted.len()).filter(|split| *split > 0)?;
    if equal(&words[split..]) {
        return Some(&words[..split]);
    }
    equal(&words[..wanted.len()]).then(|| &words[wanted.len()..])
}

/// Words that only say whose field it is, which the file as a whole says already; and the prefixes of products.
fn says_nothing(word: &str) -> bool {
    const WHOSE: [&str; 9] =
        ["client", "customer", "tiers", "default", "address", "billing", "principal", "main", "company"];
    word.len() <= 3 || WHOSE.contains(&word)
}

/// The words of a name in lower case, without accents: `CT_CodePostal` is `ct`, `code`, `postal`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (was_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        was_lower = character.is_lowercase();
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase().map(without_accent));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn without_accent(character: char) -> char {
    match character {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        '°' | 'º' => 'o',
        'ß' => 's',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::{CUSTOMER, INVOICE};
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for (name, expected) in [
            ("CT_CodePostal", "ct code postal"),
            ("N° TVA", "n tva"),
            ("Date d'échéance", "date d echeance"),
            ("*InvoiceNumber", "invoice number"),
            ("Raison sociale", "raison sociale"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }

    fn column(name: &str, nature: Nature) -> Column {
        Column { name: name.to_owned(), nature, is_unique: true, filled: 100 }
    }

    #[track_caller]
    fn check(entries: &'static [Entry], columns: &[Column], expected: &[(&str, &str)]) {
        let guesses = guesses(columns, entries);
        let mut found: Vec<(&str, &str)> = guesses
            .iter()
            .filter(|guess| guess.confidence >= 50)
            .map(|guess| (&*columns[guess.column].name, guess.entry.field))
            .collect();
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn columns_find_their_fields_in_three_languages() {
        let text = || Nature::Text;
        check(
            CUSTOMER,
            &[
                column("CT_Num", text()),
                column("CT_Intitule", text()),
                column("CT_CodePostal", Nature::Digits),
                column("CT_Ville", text()),
                column("CT_Siret", Nature::Identifier(Scheme::Siret)),
                column("X17", Nature::Email),
                column("MEMO", text()),
            ],
            &[
                ("CT_Num", "key"),
                ("CT_Intitule", "legal_name"),
                ("CT_CodePostal", "addresses.main.postcode"),
                ("CT_Ville", "addresses.main.city"),
                ("CT_Siret", "identifiers.siret"),
                ("X17", "emails.main"),
            ],
        );
        check(
            CUSTOMER,
            &[
                column("Kundennr", Nature::Digits),
                column("Firma", text()),
                column("USt-IdNr", Nature::Identifier(Scheme::Vat)),
                column("Straße", text()),
                column("PLZ", Nature::Digits),
                column("Ort", text()),
                column("Land", Nature::TwoLetters),
            ],
            &[
                ("Kundennr", "key"),
                ("Firma", "legal_name"),
                ("USt-IdNr", "identifiers.vat"),
                ("Straße", "addresses.main.line1"),
                ("PLZ", "addresses.main.postcode"),
                ("Ort", "addresses.main.city"),
                ("Land", "addresses.main.country"),
            ],
        );
        // A number is no VAT number, although "numero tva" begins with it.
        check(CUSTOMER, &[column("Numéro", text())], &[("Numéro", "key")]);
        check(
            INVOICE,
            &[
                column("*InvoiceNumber", text()),
                column("*InvoiceDate", Nature::Date(vec!["%d/%m/%Y"])),
                column("*DueDate", Nature::Date(vec!["%d/%m/%Y"])),
                column("Total", Nature::Number { decimal: '.', group: None }),
                column("TaxAmount", Nature::Number { decimal: '.', group: None }),
                column("Currency", Nature::ThreeLetters),
            ],
            &[
                ("*InvoiceNumber", "key"),
                ("*InvoiceNumber", "number"),
                ("*InvoiceDate", "issue_date"),
                ("*DueDate", "due_date"),
                ("Total", "totals.amount_with_vat"),
                ("TaxAmount", "totals.vat_amount"),
                ("Currency", "currency"),
            ],
        );
    }

    #[test]
    fn values_that_look_like_something_else_speak_against_a_name() {
        check(CUSTOMER, &[column("Nom", Nature::Date(vec!["%Y%m%d"]))], &[]);
        check(INVOICE, &[column("Date facture", Nature::Text)], &[]);
    }
}
