use proptest::prelude::*;

use super::*;
use crate::document::{Customer, Identifier};

fn expect(scheme: Scheme, value: &str, expected: Result<&str, Reason>) {
    let found = check(scheme, value).map_err(|error| error.reason);
    assert_eq!(found.as_deref(), expected.as_ref().map(|normal| *normal), "{scheme} {value:?}");
}

fn customer(identifiers: &[(&str, &str)]) -> Customer {
    let identifier =
        |(scheme, value): &(&str, &str)| Identifier { scheme: Some((*scheme).into()), value: Some((*value).into()) };
    Customer { identifiers: identifiers.iter().map(identifier).collect(), ..Customer::default() }
}

#[test]
fn verdicts_equal_those_of_python_stdnum() {
    let mut schemes = [0_usize; Scheme::ALL.len()];
    let vectors = include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#'));
    let wrong: Vec<_> = vectors
        .filter_map(|line| {
            let mut parts = line.split(';');
            let (Some(scheme), Some(value), Some(normal)) = (parts.next(), parts.next(), parts.next()) else {
                panic!("a vector has three parts: {line}");
            };
            let scheme = Scheme::from_text(scheme).unwrap();
            schemes[scheme as usize] += 1;
            let found = check(scheme, value);
            let expected = Some(normal).filter(|normal| *normal != "-");
            (found.as_deref().ok() != expected).then(|| format!("{line} but found {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(schemes.iter().all(|count| *count > 0), "a scheme has no vector: {schemes:?}");
}

#[test]
fn each_reason_has_its_case() {
    use Reason::{Character, Checksum, Country, Empty, Length, Unassigned};
    let cases = [
        (Scheme::Siren, " ", Err(Empty)),
        (Scheme::Siren, "73282932O", Err(Character)),
        (Scheme::Siren, "7328293", Err(Length)),
        (Scheme::Siren, "732829321", Err(Checksum)),
        (Scheme::Siren, "000000000", Err(Unassigned)),
        (Scheme::Siren, "732\u{a0}829\u{202f}320", Ok("732829320")),
        (Scheme::Siret, "35600000000048", Ok("35600000000048")),
        // Digit sum 15, a multiple of 5, and no Luhn sum.
        (Scheme::Siret, "35600000000001", Ok("35600000000001")),
        (Scheme::Siret, "35600000000002", Err(Checksum)),
        (Scheme::Vat, "732829320", Err(Country)),
        (Scheme::Vat, "US123456789", Err(Country)),
        (Scheme::Vat, "FR", Err(Length)),
        (Scheme::Vat, "FR00000000000", Err(Unassigned)),
        (Scheme::Vat, "be 403.019.261", Ok("BE0403019261")),
        (Scheme::Vat, "CHE-100.155.212 TVA", Ok("CHE100155212")),
        (Scheme::Iban, "FR14 2004 1010 0505 0001 3M02 606", Ok("FR1420041010050500013M02606")),
        (Scheme::Iban, "ZZ1420041010050500013M02606", Err(Country)),
        (Scheme::Iban, "FR1420041010050500013M0260", Err(Length)),
        (Scheme::Iban, "FR1420041010050500013M0260A", Err(Character)),
        (Scheme::Bic, "bnpafrppxxx", Ok("BNPAFRPPXXX")),
        (Scheme::Bic, "BNPAZZPP", Err(Country)),
        (Scheme::CreditorReference, "RF18 5390 0754 7034", Ok("RF18539007547034")),
        (Scheme::CreditorReference, "RF19 5390 0754 7034", Err(Checksum)),
        (Scheme::Gln, "4012345000009", Ok("4012345000009")),
        (Scheme::Duns, "15-048-3782", Ok("150483782")),
        (Scheme::Duns, "15048378", Err(Length)),
        (Scheme::Lei, "969500TJ5KRTCJQWXH", Err(Length)),
    ];
    for (scheme, value, expected) in cases {
        expect(scheme, value, expected);
    }
}

#[test]
fn a_value_in_normal_form_is_not_copied() {
    assert!(matches!(check(Scheme::Siren, "732829320"), Ok(Cow::Borrowed(_))));
    assert!(matches!(check(Scheme::Siren, "732 829 320"), Ok(Cow::Owned(_))));
}

#[test]
fn a_message_shows_no_value() {
    let message = check(Scheme::Vat, "FR12345678901").unwrap_err().to_string();
    assert_eq!(
        message,
        "no valid vat (11 digits, 2 letters, 0 others): its check digits do not fit; correct it in its source"
    );
}

#[test]
fn schemes_have_names_and_codes() {
    for scheme in Scheme::ALL {
        assert_eq!(Scheme::from_text(scheme.name()), Some(scheme));
        assert!(scheme.icd().is_none_or(|code| Scheme::from_text(code) == Some(scheme)));
    }
    assert_eq!(Scheme::from_text("SIRET"), Some(Scheme::Siret));
    assert_eq!(Scheme::from_text("0184"), None);
}

#[test]
fn strong_identifiers_are_valid_normal_sorted_and_unique() {
    let expected = |customer: &Customer, expected: &[&str]| {
        let found: Vec<_> = strong(customer).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{:?}", customer.identifiers);
    };
    expected(
        &customer(&[
            ("lei", "969500TJ5KRTCJQWXH05"),
            ("vat", "DE136695976"),
            ("0009", "732 829 320 00074"),
            ("vat", "FR44732829320"),
            ("siren", "732829320"),
        ]),
        &["siren:732829320", "vat:DE136695976", "lei:969500TJ5KRTCJQWXH05"],
    );
    expected(
        &customer(&[("siret", "73282932000075"), ("vat", "FR00000000000"), ("gln", "4012345000009"), ("other", "1")]),
        &[],
    );
    // A number of Monaco holds no SIREN.
    let monaco = (0..97).map(|key| format!("FR{key:02}000012346")).find(|number| check(Scheme::Vat, number).is_ok());
    let monaco = monaco.unwrap();
    expected(&customer(&[("vat", &monaco)]), &[&format!("vat:{monaco}")]);
}

proptest! {
    #[test]
    fn no_text_makes_a_check_panic_and_a_normal_form_is_its_own(value in "\\PC{0,45}") {
        for scheme in Scheme::ALL {
            if let Ok(normal) = check(scheme, &value) {
                let normal = normal.into_owned();
                prop_assert_eq!(check(scheme, &normal).unwrap(), normal.as_str());
            }
        }
    }

    #[test]
    fn a_wrong_digit_of_a_luhn_number_is_seen(number in "[1-9][0-9]{8}", place in 0_usize..9, step in 1_u8..10) {
        if check(Scheme::Siren, &number).is_ok() {
            let mut bytes = number.into_bytes();
            bytes[place] = b'0' + (bytes[place] - b'0' + step) % 10;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(check(Scheme::Siren, &changed).is_err());
        }
    }
}
