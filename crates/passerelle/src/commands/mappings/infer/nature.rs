//! What the values of a column are: dates, numbers and in which style, identifiers, codes.

use std::collections::BTreeSet;

use canonical::identifier::{self, Scheme};
use jiff::civil::Date;

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nature {
    /// No value at all.
    Empty,
    /// Dates, in the formats that all values have; the first is the likely one.
    Date(Vec<&'static str>),
    /// Dates with times.
    DateTime(&'static str),
    /// Numbers with these signs for decimals and groups.
    Number {
        /// The decimal sign.
        decimal: char,
        /// The sign between groups of three digits.
        group: Option<char>,
    },
    /// Digits only: a count or a code.
    Digits,
    /// Identifiers that pass the check of a scheme.
    Identifier(Scheme),
    /// E-mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// Codes of two capital letters.
    TwoLetters,
    /// Codes of three capital letters.
    ThreeLetters,
    /// A few different values that come again and again.
    Choice(Vec<String>),
    /// Any text.
    Text,
}

/// Of every ten values so many must pass a check; real files have mistakes.
const TENTHS_MIN: usize = 8;

/// At most so many different values are a choice.
const CHOICES_MAX: usize = 8;

/// Formats of dates; where several fit, the earlier is more likely.
const DATES: [&str; 8] = ["%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m/%d/%Y", "%Y%m%d", "%d/%m/%y", "%d%m%Y"];

const DATE_TIMES: [&str; 6] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%d %H:%M",
];

/// The styles of numbers, with the sign for decimals and that between groups; the earlier is more likely.
const STYLES: [(char, Option<char>); 6] =
    [('.', None), (',', None), (',', Some(' ')), (',', Some('.')), ('.', Some(',')), ('.', Some('\''))];

/// The schemes whose check is strict enough to tell their identifiers from other text.
const SCHEMES: [Scheme; 6] = [Scheme::Siret, Scheme::Siren, Scheme::Iban, Scheme::Vat, Scheme::Lei, Scheme::Gln];

impl Nature {
    /// What the values of a column are; `values` are trimmed and not empty.
    pub fn of<'v>(values: impl Iterator<Item = &'v str>) -> Self {
        let values: Vec<&str> = values.collect();
        if values.is_empty() {
            return Nature::Empty;
        }
        let all = |check: fn(&str) -> bool| values.iter().all(|value| check(value));
        let most = |check: &dyn Fn(&str) -> bool| {
            values.iter().filter(|value| check(value)).count() * 10 >= values.len() * TENTHS_MIN
        };
        let passes = |scheme: Scheme| move |value: &str| identifier::check(scheme, value).is_ok();
        if let Some(scheme) = SCHEMES.into_iter().find(|scheme| most(&passes(*scheme))) {
            return Nature::Identifier(scheme);
        }
        if let Some(dates) = dates(&values) {
            return dates;
        }
        if most(&is_email) {
            return Nature::Email;
        }
        if all(|value| value.bytes().all(|byte| byte.is_ascii_digit())) {
            return if most(&is_national_phone) { Nature::Phone } else { Nature::Digits };
        }
        if let Some((decimal, group)) =
            STYLES.into_iter().find(|style| values.iter().all(|value| is_number(value, *style)))
        {
            return Nature::Number { decimal, group };
        }
        if most(&is_phone) {
            return Nature::Phone;
        }
        text(&values)
    }
}

fn dates(values: &[&str]) -> Option<Nature> {
    let fit: Vec<&'static str> =
        DATES.into_iter().filter(|format| values.iter().all(|value| is_date(format, value))).collect();
    if !fit.is_empty() {
        return Some(Nature::Date(fit));
    }
    let is_instant = |format: &str, value: &str| jiff::civil::DateTime::strptime(format, value).is_ok();
    DATE_TIMES.into_iter().find(|format| values.iter().all(|value| is_instant(format, value))).map(Nature::DateTime)
}

/// Whether a value is a date in a format, and of our time: eight digits may be anything.
fn is_date(format: &str, value: &str) -> bool {
    let years = 1900..2100;
    let is_written_so = |date: &Date| date.strftime(format).to_string().len() == value.len();
    Date::strptime(format, value).is_ok_and(|date| years.contains(&date.year()) && is_written_so(&date))
}

fn is_number(value: &str, (decimal, group): (char, Option<char>)) -> bool {
    let value = value.trim_start_matches(['-', '+', '(']).trim_end_matches(['-', ')']);
    let (whole, fraction) = value.split_once(decimal).unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_group = |character: char| match group {
        Some(' ') => matches!(character, ' ' | '\u{a0}' | '\u{202f}'),
        Some(group) => character == group,
        None => false,
    };
    let mut parts = whole.split(is_group);
    let first = parts.next().unwrap_or_default();
    let whole_fits = digits(first) && parts.all(|part| part.len() == 3 && digits(part));
    whole_fits && digits(fraction) && !(first.is_empty() && fraction.is_empty())
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains(' '))
}

fn is_national_phone(value: &str) -> bool {
    value.len() == 10 && value.starts_with('0')
}

fn is_phone(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let others = value.chars().all(|character| character.is_ascii_digit() || " .-/()+".contains(character));
    others && (9..=15).contains(&digits) && value.starts_with(['0', '+', '('])
}

fn text(values: &[&str]) -> Nature {
    let capitals = |length: usize| {
        values.iter().all(|value| value.len() == length && value.bytes().all(|byte| byte.is_ascii_uppercase()))
    };
    if capitals(2) {
        return Nature::TwoLetters;
    }
    if capitals(3) {
        return Nature::ThreeLetters;
    }
    let different: BTreeSet<&str> = values.iter().copied().collect();
    if different.len() <= CHOICES_MAX && different.len() * 3 <= values.len() {
        return Nature::Choice(different.into_iter().map(str::to_owned).collect());
    }
    Nature::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nature_of_a_column_is_told_by_its_values() {
        let check = |values: &[&str], expected: Nature| {
            assert_eq!(Nature::of(values.iter().copied()), expected, "{values:?}");
        };
        check(&[], Nature::Empty);
        check(&["01/02/2024", "28/02/2024"], Nature::Date(vec!["%d/%m/%Y"]));
        check(&["01/02/2024", "02/03/2024"], Nature::Date(vec!["%d/%m/%Y", "%m/%d/%Y"]));
        check(&["20240131", "20231201"], Nature::Date(vec!["%Y%m%d"]));
        check(&["01/02/2024 10:20"], Nature::DateTime("%d/%m/%Y %H:%M"));
        check(&["1 234,50", "12,00", "-3,5"], Nature::Number { decimal: ',', group: Some(' ') });
        check(&["1.234,50", "12,00"], Nature::Number { decimal: ',', group: Some('.') });
        check(&["1,234.50", "12.00"], Nature::Number { decimal: '.', group: Some(',') });
        check(&["1'234.50"], Nature::Number { decimal: '.', group: Some('\'') });
        check(&["12.50", "13"], Nature::Number { decimal: '.', group: None });
        check(&["12", "0013"], Nature::Digits);
        check(&["732 829 320 00074", "73282932000074"], Nature::Identifier(Scheme::Siret));
        check(&["FR14 2004 1010 0505 0001 3M02 606"], Nature::Identifier(Scheme::Iban));
        check(&["a@b.fr", "c@d.com"], Nature::Email);
        check(&["01 40 20 53 17", "+33 6 12 34 56 78"], Nature::Phone);
        check(&["0140205317"], Nature::Phone);
        check(&["FR", "DE"], Nature::TwoLetters);
        check(&["EUR", "USD"], Nature::ThreeLetters);
        check(&["Oui", "Non", "Oui", "Oui", "Non", "Oui"], Nature::Choice(vec!["Non".into(), "Oui".into()]));
        check(&["Dupont SA", "Durand"], Nature::Text);
    }
}
