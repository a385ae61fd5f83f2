//! Why two records are or are not one, for people and for machines.

use serde::Serialize;

use super::compare::{Comparison, Kind, ValueLevel, Veto};
use super::evidence::Evidence;
use super::keys::{KeyKind, blocking_keys};
use super::model::{Alternative, Bits, FIELDS, Model};
use super::name::NameLevel;
use super::place::AddressLevel;
use super::reach::EmailLevel;

/// Why two records are or are not one. It names levels and weights, and no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairExplanation {
    /// What both are.
    pub kind: Kind,
    /// How much speaks for one customer: the sum of what follows.
    pub bits: Bits,
    /// Why they may never be one, whatever the bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub veto: Option<Veto>,
    /// What they would be otherwise; all weights are against that.
    pub against: Alternative,
    /// How many more pairs that are compared are one than are otherwise.
    pub start: Bits,
    /// How much the name's being common or rare changes.
    pub rarity: Bits,
    /// What was compared. What one of them never showed is not among it.
    pub fields: Vec<FieldExplanation>,
    /// The kinds of keys that led from the one to the other.
    pub keys: Vec<KeyKind>,
    /// The number of the model; 0 for the one that is shipped.
    pub model: u32,
}

/// One comparison: what depends on each other is one, not two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldExplanation {
    /// One of [`FIELDS`].
    pub field: &'static str,
    /// How alike.
    pub levels: Vec<Level>,
    /// How much that weighs.
    pub bits: Bits,
}

/// How alike two records are in one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// In name.
    Name(NameLevel),
    /// In e-mail address.
    Email(EmailLevel),
    /// In telephone number.
    Phone(ValueLevel),
    /// In postal address.
    Address(AddressLevel),
    /// In an identifier of one family.
    Identifier(ValueLevel),
    /// In bank account.
    Account(ValueLevel),
    /// In birth date.
    BirthDate(ValueLevel),
}

impl Model {
    /// Why two records are or are not one; `None` where one is a company and the other a person.
    #[must_use]
    pub fn explain_pair(&self, one: &Evidence, other: &Evidence) -> Option<PairExplanation> {
        let (comparison, reasons) = self.explain(one, other)?;
        let levels = levels(&comparison).into_iter();
        let fields = FIELDS.into_iter().zip(levels).zip(reasons.parts).filter(|((_, levels), _)| !levels.is_empty());
        let theirs = blocking_keys(other);
        let shared = blocking_keys(one).into_iter().filter(|key| theirs.binary_search(key).is_ok());
        let mut keys: Vec<KeyKind> = shared.filter_map(|key| key.kind()).collect();
        keys.dedup();
        Some(PairExplanation {
            kind: comparison.kind,
            bits: reasons.score.bits,
            veto: comparison.veto.filter(|_| reasons.score.is_vetoed),
            against: reasons.against,
            start: reasons.start,
            rarity: reasons.common,
            fields: fields.map(|((field, levels), bits)| FieldExplanation { field, levels, bits }).collect(),
            keys,
            model: self.number,
        })
    }
}

/// The levels of each of [`FIELDS`].
fn levels(comparison: &Comparison) -> [Vec<Level>; 5] {
    let of = |levels: [Option<Level>; 2]| levels.into_iter().flatten().collect();
    [
        of([comparison.name.map(Level::Name), comparison.email.map(Level::Email)]),
        of([comparison.phone.map(Level::Phone), comparison.address.map(Level::Address)]),
        of([comparison.identifier.map(Level::Identifier), None]),
        of([comparison.account.map(Level::Account), None]),
        of([comparison.birth_date.map(Level::BirthDate), None]),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_explanation_names_levels_weights_and_keys() {
        let evidence = |name: &str, phone: &str| {
            let shown = json!({"kind": "company", "legal_name": name, "phones": [{"value": phone}]});
            Evidence::of(&serde_json::from_value(shown).unwrap())
        };
        let model = Model::shipped();
        let explained =
            model.explain_pair(&evidence("Garage Hamon", "0279743900"), &evidence("Garage Hamon SA", "0279743900"));
        let explained = explained.unwrap();
        assert_eq!(explained.keys, [KeyKind::Phone, KeyKind::Company, KeyKind::WordPair]);
        let levels: Vec<_> = explained.fields.iter().flat_map(|field| field.levels.iter().copied()).collect();
        assert_eq!(levels, [Level::Name(NameLevel::Exact), Level::Phone(ValueLevel::Same)]);
        let sum: i32 = explained.fields.iter().map(|field| field.bits.0).sum();
        assert_eq!(sum + explained.start.0 + explained.rarity.0, explained.bits.0, "{explained:?}");
        let json = serde_json::to_value(&explained).unwrap();
        assert_eq!(json["fields"][0]["levels"], json!([{"name": "exact"}]));
    }
}
