//! Names in all alphabets, names that are none, and fields without end.

use std::collections::BTreeSet;

use canonical::document::Customer;
use serde_json::{Value, json};

use super::name::{CompanyName, PersonName};
use super::text::CHARACTERS_MAX;
use super::{Comparison, Evidence, NameLevel, blocking_keys};

fn evidence(json: Value) -> Evidence {
    Evidence::of(&serde_json::from_value::<Customer>(json).unwrap())
}

#[track_caller]
fn person(own: (&str, &str), latin: (&str, &str), expected: NameLevel) {
    let [own, latin] = [own, latin].map(|(given, family)| PersonName::new(given, family).unwrap());
    assert_eq!(own.level(&own), NameLevel::Exact, "{own:?}");
    assert_eq!((own.level(&latin), latin.level(&own)), (expected, expected), "{own:?} {latin:?}");
}

#[track_caller]
fn company(own: &str, latin: &str, expected: NameLevel) {
    let [own, latin] = [own, latin].map(|name| CompanyName::new(name).unwrap());
    assert_eq!(own.level(&own), NameLevel::Exact, "{own:?}");
    assert_eq!((own.level(&latin), latin.level(&own)), (expected, expected), "{own:?} {latin:?}");
}

#[test]
fn names_match_what_their_bearers_write_in_latin_letters() {
    person(("Αλέξανδρος", "Παπαδόπουλος"), ("Alexandros", "Papadopoulos"), NameLevel::Exact);
    person(("Νίκος", "Παπαδόπουλος"), ("Nikos", "Papadopoulos"), NameLevel::Exact);
    person(("Анна", "Иванова"), ("Anna", "Ivanova"), NameLevel::Exact);
    person(("Дмитрий", "Кузьмин"), ("Dmitri", "Kuzmin"), NameLevel::Close);
    person(("伟", "王"), ("Wei", "Wang"), NameLevel::Exact);
    person(("秀英", "杨"), ("Xiuying", "Yang"), NameLevel::Exact);
    company("北京贸易", "Beijing Maoyi", NameLevel::Exact);
    company("ООО Балтика Трейд", "OOO Baltika Treyd", NameLevel::Close);
    company("Ελληνικά Τρόφιμα", "Ellinika Trofima", NameLevel::Close);
    company("Щербаков", "Scherbakov", NameLevel::Close);
    // Arabic leaves short vowels out: nothing tells which ones.
    person(("محمد", "حداد"), ("Mohamed", "Haddad"), NameLevel::Different);
}

const PEOPLE: &[(&str, &str)] = &[
    ("Νίκος", "Παπαδόπουλος"),
    ("Ελένη", "Γεωργίου"),
    ("Дмитрий", "Иванов"),
    ("Ольга", "Смирнова"),
    ("محمد", "حداد"),
    ("ليلى", "المنصوري"),
    ("伟", "王"),
    ("静", "陈"),
    ("ก้อง", "สมบูรณ์"),
    ("한결", "김"),
    ("さくら", "田中"),
    ("אורי", "כהן"),
];

#[test]
fn people_of_one_alphabet_are_not_one() {
    for (at, one) in PEOPLE.iter().enumerate() {
        for other in &PEOPLE[at + 1..] {
            let [one, other] = [one, other]
                .map(|(given, family)| evidence(json!({"kind": "person", "given_name": given, "family_name": family})));
            let level = Comparison::of(&one, &other).and_then(|comparison| comparison.name);
            assert!(level > Some(NameLevel::Initial), "{one} {other} {level:?}");
            let keys = |evidence| blocking_keys(evidence).into_iter().collect::<BTreeSet<_>>();
            assert!(keys(&one).is_disjoint(&keys(&other)), "{one} {other}");
        }
    }
}

/// A name that nobody can read is no evidence and leads nowhere: else all such records were one.
#[track_caller]
fn nothing(name: &str) {
    for shown in [
        json!({"kind": "company", "legal_name": name}),
        json!({"kind": "person", "legal_name": name}),
        json!({"kind": "person", "given_name": name, "family_name": name}),
    ] {
        let evidence = evidence(shown);
        assert_eq!(blocking_keys(&evidence), [], "{name:?}");
        let level = Comparison::of(&evidence, &evidence).and_then(|comparison| comparison.name);
        assert_eq!(level, None, "{name:?}");
    }
}

#[test]
fn what_cannot_be_read_is_no_name() {
    for name in
        ["😀", "🚀 🌸", "✨✨✨", "", "   ", "---", "?!", "\u{200b}", "\u{301}", "\u{e000}\u{e001}", "𓀀𓀁", "..."]
    {
        nothing(name);
    }
}

#[test]
fn pictures_beside_a_name_change_nothing() {
    company("Garage Hamon 🚀", "Garage Hamon", NameLevel::Exact);
    person(("Marie 🌸", "Durand"), ("Marie", "Durand"), NameLevel::Exact);
}

/// Whatever stands behind the first characters of a field is neither looked at nor kept.
#[track_caller]
fn bounded(field: &str, unit: &str, shown: impl Fn(&str) -> Value) {
    let endless = unit.repeat(1_000_000 / unit.len());
    let beginning: String = endless.chars().take(CHARACTERS_MAX).collect();
    let (all, first) = (evidence(shown(&endless)), evidence(shown(&beginning)));
    assert_eq!(all, first, "{field}");
    assert_eq!(blocking_keys(&all), blocking_keys(&first), "{field}");
    assert!(blocking_keys(&all).len() <= 64, "{field}: {} keys", blocking_keys(&all).len());
    assert!(all.to_string().len() <= 16 * CHARACTERS_MAX, "{field}: {}", all.to_string().len());
}

#[test]
fn a_field_without_end_costs_as_much_as_its_beginning() {
    for unit in ["x", "ab ", "é", "北", "م", "a.b.", "1", "-", "😀", "société anonyme "] {
        bounded("a company's name", unit, |text| json!({"kind": "company", "legal_name": text}));
        bounded("a person's name", unit, |text| json!({"kind": "person", "given_name": text, "family_name": text}));
        bounded("a whole name", unit, |text| json!({"kind": "person", "legal_name": text}));
        bounded("a telephone number", unit, |text| json!({"phones": [{"value": text}]}));
        bounded("an e-mail address", unit, |text| json!({"emails": [{"value": text}]}));
        bounded("an address", unit, |text| json!({"addresses": [{"line1": text, "postcode": text, "city": text}]}));
        bounded("an account", unit, |text| json!({"bank_accounts": [{"account_number": text}]}));
        bounded("an identifier", unit, |text| json!({"identifiers": [{"scheme": "club", "value": text}]}));
    }
}
