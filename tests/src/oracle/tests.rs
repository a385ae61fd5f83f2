#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use super::shape::Shape;
use super::*;

#[test]
fn what_is_drawn_depends_on_the_seed_alone_and_is_valid_in_its_turn() {
    let families = family::all(&[("FR".to_owned(), "5!n5!n11!c2!n".to_owned())]);
    for family in &families {
        let drawn = numbers::draw(family, 600, &mut Rng::with_seed(7));
        assert_eq!(drawn, numbers::draw(family, 600, &mut Rng::with_seed(7)), "{}", family.name);
        let valid = drawn.iter().filter(|number| check(family.scheme, number).is_ok()).count();
        assert!(valid * 100 >= drawn.len() * VALID_PERCENT_MIN, "{}: {valid} valid of {}", family.name, drawn.len());
        assert!(valid < drawn.len(), "{}: nothing is damaged", family.name);
    }
}

#[test]
fn a_shape_is_drawn_as_it_is_written() {
    let number = Shape::parse("FR[AB]nak(0)").arbitrary(&mut Rng::with_seed(1));
    let [b'F', b'R', b'A' | b'B', b'0'..=b'9', b'A'..=b'Z', b'0'..=b'9', b'(', b'0', b')'] = number.as_slice() else {
        panic!("{number:?}");
    };
    assert_eq!(Shape::of_iban("XX", "4!n2!a1!c"), Shape::parse("XXppnnnnaac"));
}

#[test]
fn a_difference_is_seen_and_explained_by_a_norm_only_where_there_is_one() {
    let mut outcome = Outcome::default();
    outcome.take(Scheme::Siren, "732829320", "732829320");
    outcome.take(Scheme::Siren, "732829321", "-");
    assert!((outcome.numbers, outcome.valid, outcome.is_equal()) == (2, 1, true), "{outcome:?}");
    outcome.take(Scheme::Lei, "969500TJ5KRTCJQWXH0", "969500TJ5KRTCJQWXH0");
    assert!(outcome.explained.len() == 1 && outcome.is_equal(), "{outcome:?}");
    outcome.take(Scheme::Siren, "732829321", "732829321");
    outcome.take(Scheme::Siren, "732829320", "-");
    outcome.take(Scheme::Vat, "GR094259216", "GR094259216");
    assert!(outcome.differences.len() == 3 && !outcome.is_equal(), "{outcome:?}");
}

#[test]
fn the_command_line_is_read() {
    let read = |line: &str| Options::read(line.split_whitespace().map(str::to_owned));
    let options = read("--python p --numbers 5 --each-country --seed 9").unwrap();
    assert_eq!(options, Options { python: "p".into(), numbers: 5, each_country: true, seed: 9 });
    for (line, reason) in
        [("", "--python is missing"), ("--python p --numbers x", "a number"), ("--other 1", "unknown")]
    {
        let found = read(line).unwrap_err();
        assert!(found.contains(reason), "{line}: {found}");
    }
}
