use std::borrow::Cow;

use canonical::identifier::Scheme;

use super::boolean::BooleanStyle;
use super::date::{DateStyle, TimestampStyle};
use super::identifier::{CallingCode, IdentifierStyle};
use super::number::{self, Negative, NumberStyle, SignWords};
use super::text::TextVerb;

fn french() -> NumberStyle {
    NumberStyle { decimal: ',', group: Some(' '), decimals_min: 2, ..NumberStyle::default() }
}

fn swiss() -> NumberStyle {
    NumberStyle { group: Some('\''), write_groups: true, ..NumberStyle::default() }
}

fn german() -> NumberStyle {
    NumberStyle { decimal: ',', group: Some('.'), write_groups: true, decimals: Some(2), ..NumberStyle::default() }
}

#[test]
fn numbers_are_read() {
    let check = |style: NumberStyle, raw: &str, expected: Result<&str, &str>| {
        let read = style.read(raw);
        let read = read.as_deref().map_err(|problem| &*problem.reason);
        match (read, expected) {
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{raw}: {reason}"),
            (read, expected) => assert_eq!(read, expected, "{raw}"),
        }
    };
    check(french(), "1 234,50", Ok("1234.50"));
    check(french(), "1\u{a0}234,5", Ok("1234.5"));
    check(french(), "12\u{202f}345\u{202f}678,90", Ok("12345678.90"));
    check(french(), "-12,00", Ok("-12.00"));
    check(french(), "12,00-", Ok("-12.00"));
    check(french(), "(12,00)", Ok("-12.00"));
    check(french(), "\u{2212}12", Ok("-12"));
    check(french(), "+7", Ok("7"));
    check(french(), "007,5", Ok("7.5"));
    check(french(), ",5", Ok("0.5"));
    check(french(), "5,", Ok("5"));
    check(french(), "0,00-", Ok("0.00"));
    check(french(), "12 34,00", Err("does not have three"));
    check(french(), "1 234 5,00", Err("does not have three"));
    check(french(), "12.50", Err("there is a point"));
    check(french(), "1,2,3", Err("more than one decimal separator"));
    check(french(), "-", Err("no digit"));
    check(french(), "douze", Err("does not belong"));
    check(NumberStyle::default(), "1,5", Err("there is a comma"));
    check(NumberStyle::default(), "1 500", Err("there is a space"));
    check(NumberStyle::default(), "1.5e3", Err("scientific"));
    check(NumberStyle::default(), "1E2", Err("scientific"));
    check(NumberStyle::default(), &"9".repeat(28), Ok(&"9".repeat(28)));
    check(NumberStyle::default(), &"9".repeat(29), Err("28 digits"));
    check(swiss(), "1'234.50", Ok("1234.50"));
    check(swiss(), "1\u{2019}234", Ok("1234"));
    check(german(), "1.234.567,8", Ok("1234567.8"));
    check(NumberStyle { integer: true, ..french() }, "30,00", Ok("30"));
    check(NumberStyle { integer: true, ..french() }, "30,5", Err("whole number"));
    check(NumberStyle { implied_decimals: 2, ..NumberStyle::default() }, "00012345", Ok("123.45"));
}

#[test]
fn numbers_are_written() {
    let check = |style: NumberStyle, canonical: &str, expected: &str| {
        assert_eq!(style.write(canonical).unwrap(), expected, "{canonical}");
    };
    check(french(), "1234.5", "1234,50");
    check(french(), "-1234.567", "-1234,567");
    check(swiss(), "1234567", "1'234'567");
    check(german(), "1234.565", "1.234,57");
    check(german(), "-0.001", "0,00");
    check(NumberStyle { negative: Negative::Trailing, ..french() }, "-3", "3,00-");
    check(NumberStyle { negative: Negative::Parentheses, ..french() }, "-3", "(3,00)");
    check(NumberStyle { implied_decimals: 2, ..NumberStyle::default() }, "123.45", "12345");
    check(NumberStyle { integer: true, ..NumberStyle::default() }, "30.0", "30");
    assert!(NumberStyle { integer: true, ..NumberStyle::default() }.write("30.5").is_err());
}

#[test]
fn numbers_have_a_normal_form() {
    for (canonical, expected) in
        [("1.50", "1.5"), ("1.00", "1"), ("100", "100"), ("0.0", "0"), ("-0.00", "0"), ("x", "x")]
    {
        assert_eq!(number::normal(canonical), expected, "{canonical}");
    }
}

#[test]
fn dates_are_read_and_written() {
    let style = |formats: &[&str]| DateStyle {
        formats: formats.iter().map(|format| (*format).into()).collect(),
        ..DateStyle::default()
    };
    let check = |formats: &[&str], raw: &str, expected: Option<&str>| {
        let style = style(formats);
        assert_eq!(style.read(Cow::Borrowed(raw)).ok().as_deref(), expected, "{raw}");
    };
    check(&[], "2024-02-29", Some("2024-02-29"));
    check(&[], "2023-02-29", None);
    check(&[], "2024-02-29Z", Some("2024-02-29"));
    check(&[], "2024-02-29+01:00", Some("2024-02-29"));
    check(&[], "2024-02-29-14:00", Some("2024-02-29"));
    for wrong in
        ["2023-02-29Z", "2024-02-29z", "2024-02-29+1:00", "2024-02-29+15:00", "2024-02-29+01:60", "2024-02-29+0é:0"]
    {
        check(&[], wrong, None);
    }
    check(&["%d/%m/%Y"], "29/02/2024", Some("2024-02-29"));
    check(&["%d/%m/%Y"], "31/02/2024", None);
    check(&["%d/%m/%Y", "%Y%m%d"], "20240229", Some("2024-02-29"));
    check(&["%d/%m/%Y %H:%M:%S"], "29/02/2024 00:00:00", Some("2024-02-29"));
    assert_eq!(style(&["%d.%m.%Y", "%Y%m%d"]).write("2024-02-29").unwrap(), "29.02.2024");
    assert!(!style(&["%d/%m/%Y"]).is_lossy());
    assert!(style(&["%d/%m/%y"]).is_lossy());
    assert_eq!(style(&["%d/%m/%Y", "%Q nonsense"]).broken_format(), Some("%Q nonsense"));
}

#[test]
fn instants_are_read_in_their_zone() {
    let paris =
        TimestampStyle { formats: vec!["%d/%m/%Y %H:%M".into()], zone: TimestampStyle::zone("Europe/Paris").unwrap() };
    let check = |style: &TimestampStyle, raw: &str, expected: Option<&str>| {
        assert_eq!(style.read(raw).ok().as_deref(), expected, "{raw}");
    };
    check(&paris, "01/07/2024 12:00", Some("2024-07-01T10:00:00Z"));
    check(&paris, "01/01/2024 12:00", Some("2024-01-01T11:00:00Z"));
    check(&paris, "27/10/2024 02:30", Some("2024-10-27T00:30:00Z"));
    check(&TimestampStyle::default(), "2024-07-01T12:00:00+02:00", Some("2024-07-01T10:00:00Z"));
    check(&TimestampStyle::default(), "yesterday", None);
    assert_eq!(paris.write("2024-07-01T10:00:00Z").unwrap(), "01/07/2024 12:00");
    assert!(TimestampStyle::zone("Europe/Lutece").is_none());
}

#[test]
fn booleans_have_words() {
    let style = BooleanStyle { truths: vec!["O".into(), "Oui".into()], falsehoods: vec!["N".into()] };
    for (raw, expected) in [("O", Some("true")), ("oui", Some("true")), ("n", Some("false")), ("X", None)] {
        assert_eq!(style.read(raw).ok(), expected, "{raw}");
    }
    assert_eq!(style.write("true").unwrap(), "O");
    assert!(!style.is_lossy());
    assert!(BooleanStyle { truths: vec!["X".into()], falsehoods: vec!["".into()] }.is_lossy());
}

#[test]
fn identifiers_are_read_in_normal_form() {
    let check = |style: IdentifierStyle, raw: &str, expected: &str| {
        assert_eq!(style.read(Cow::Borrowed(raw)), expected, "{raw}");
    };
    let france = IdentifierStyle::Phone(CallingCode::of("FR"));
    check(IdentifierStyle::Scheme(Scheme::Siret), "732 829 320 00074", "73282932000074");
    check(IdentifierStyle::Scheme(Scheme::Iban), "fr14 2004 1010 0505 0001 3m02 606", "FR1420041010050500013M02606");
    // What fails its check stays as the source has it.
    check(IdentifierStyle::Scheme(Scheme::Siret), "732 829 320 00075", "732 829 320 00075");
    check(france, "01 40 20 53 17", "+33140205317");
    check(france, "+33 (0)1.40.20.53.17", "+33140205317");
    check(france, "0033 1 40 20 53 17", "+33140205317");
    check(france, "poste 12", "poste 12");
    check(IdentifierStyle::Phone(None), "01 40 20 53 17", "01 40 20 53 17");
    check(IdentifierStyle::Phone(CallingCode::of("IT")), "06 6982 1234", "+390669821234");
}

#[test]
fn text_verbs_go_both_ways() {
    let check = |verb: TextVerb, raw: &str, read: &str, written: &str| {
        assert_eq!(verb.read(Cow::Borrowed(raw)), read, "{verb:?}");
        assert_eq!(verb.write(Cow::Owned(read.to_owned())), written, "{verb:?}");
    };
    check(TextVerb::Upper, "Dupont", "DUPONT", "DUPONT");
    check(TextVerb::Lower, "Dupont", "dupont", "dupont");
    check(TextVerb::Collapse, "rue  de\tla Paix", "rue de la Paix", "rue de la Paix");
    check(TextVerb::Digits, "C-0012", "0012", "0012");
    check(TextVerb::Apostrophe, "'01234", "01234", "01234");
    check(TextVerb::Prefix("C-".into()), "C-0012", "0012", "C-0012");
    check(TextVerb::Suffix(" EUR".into()), "12 EUR", "12", "12 EUR");
    check(TextVerb::PadLeft('0', 6), "000042", "42", "000042");
    check(TextVerb::PadLeft('0', 3), "000", "0", "000");
    check(TextVerb::PadRight(' ', 4), "ab  ", "ab", "ab  ");
    check(TextVerb::Replace(";".into(), ", ".into()), "a;b", "a, b", "a;b");
    check(TextVerb::Truncate(4), "abcdef", "abcdef", "abcd");
}

#[test]
fn counts_of_days_and_seconds_are_dates() {
    let paris = || TimestampStyle::zone("Europe/Paris").unwrap();
    let check = |format: &str, raw: &str, expected: Option<&str>| {
        let style = DateStyle { formats: vec![format.into()], zone: paris() };
        assert_eq!(style.read(Cow::Borrowed(raw)).ok().as_deref(), expected, "{format} {raw}");
        assert!(!style.is_lossy(), "{format}");
    };
    check("excel", "45351", Some("2024-02-29"));
    check("excel", "45351.75", Some("2024-02-29"));
    check("excel", "1", Some("1900-01-01"));
    check("excel", "59", Some("1900-02-28"));
    check("excel", "60", None);
    check("excel", "61", Some("1900-03-01"));
    check("excel", "-1", None);
    check("excel", "29/02/2024", None);
    check("excel-1904", "43889", Some("2024-02-29"));
    check("epoch-seconds", "1709161200", Some("2024-02-29"));
    check("epoch-milliseconds", "1709161200000", Some("2024-02-29"));
    let check_written = |format: &str, date: &str, written: &str| {
        let style = DateStyle { formats: vec![format.into()], zone: paris() };
        assert_eq!(style.write(date).unwrap(), written, "{format} {date}");
    };
    check_written("excel", "2024-02-29", "45351");
    check_written("excel", "1900-02-28", "59");
    check_written("excel", "1900-03-01", "61");
    check_written("excel-1904", "2024-02-29", "43889");
    check_written("epoch-seconds", "2024-02-29", "1709161200");
}

#[test]
fn counts_of_days_and_seconds_are_instants() {
    let check = |format: &str, raw: &str, instant: &str| {
        let style = TimestampStyle { formats: vec![format.into()], ..TimestampStyle::default() };
        assert_eq!(style.read(raw).ok().as_deref(), Some(instant), "{format}");
        assert_eq!(style.write(instant).unwrap(), raw, "{format}");
    };
    check("excel", "45351.4305555556", "2024-02-29T10:20:00Z");
    check("epoch-seconds", "1709202000", "2024-02-29T10:20:00Z");
    check("epoch-seconds", "1709202000.5", "2024-02-29T10:20:00.5Z");
    check("epoch-milliseconds", "1709202000500", "2024-02-29T10:20:00.5Z");
}

#[test]
fn the_last_digit_can_carry_the_sign() {
    let style = NumberStyle { overpunch: true, implied_decimals: 2, ..NumberStyle::default() };
    let check = |raw: &str, canonical: &str, written: &str| {
        assert_eq!(style.read(raw).ok().as_deref(), Some(canonical), "{raw}");
        assert_eq!(style.write(canonical).unwrap(), written, "{canonical}");
    };
    check("0000000001234E", "123.45", "1234E");
    check("00000000012340}", "-1234.00", "12340}");
    check("1234N", "-123.45", "1234N");
    check("00000{", "0", "{");
    check("12345", "123.45", "1234E");
    assert!(style.read("12A4").is_err());
    assert!(style.read("é").is_err());
}

#[test]
fn words_beside_a_number_tell_its_sign() {
    let words = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    let signs = Some(Box::new(SignWords { minus: words(&["DR", "D"]), plus: words(&["CR"]) }));
    let style = NumberStyle { signs, ..french() };
    let check = |raw: &str, expected: Option<&str>| assert_eq!(style.read(raw).ok().as_deref(), expected, "{raw}");
    check("1 234,50 DR", Some("-1234.50"));
    check("1 234,50D", Some("-1234.50"));
    check("CR 12,00", Some("12.00"));
    check("0,00 DR", Some("0.00"));
    check("12,00", None);
    assert_eq!(style.write("-12.5").unwrap(), "12,50 DR");
    assert_eq!(style.write("12.5").unwrap(), "12,50 CR");
}

#[test]
fn shortened_numbers_are_told_from_others() {
    for (text, expected) in [
        ("3,56E+13", true),
        ("3.56217E+13", true),
        ("1E+05", true),
        ("-2,1E-10", true),
        ("3,56", false),
        ("12E+05", false),
        ("1E", false),
        ("1E+5", false),
        ("3 E+13", false),
        ("1EB+13", false),
    ] {
        assert_eq!(crate::leaf::is_shortened(text), expected, "{text}");
    }
}
