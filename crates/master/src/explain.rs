//! Why each value won: provenance of the golden document, and what other rules would change.

use canonical::entity::Entity;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::golden::{SourceView, Survivors};
use crate::normal::same_value;
use crate::path::Path;
use crate::rank::{Rank, Reason, Standing};
use crate::rules::{Rules, Strategy};
use crate::walk::{Choose, Unit, walk};

/// A record of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SourceName<'a> {
    /// Its system.
    pub system: &'a str,
    /// The stream that shows it.
    pub stream: &'a str,
    /// The system's own key.
    pub key: &'a str,
}

/// A source that has a say about a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate<'a> {
    /// Whose say it is.
    #[serde(flatten)]
    pub source: SourceName<'a>,
    /// How it stands.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Whether it shows an identifier that fails its check, which puts it behind valid ones.
    pub is_invalid: bool,
    /// What it says; `None` for an empty unit.
    pub value: Option<Value>,
    /// Whether the golden document says the same.
    pub agrees: bool,
    /// What put it behind the winner; `None` for the winner itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_by: Option<Reason>,
}

/// A place that the winner of a unit leaves open, and whose value stands there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filled<'a> {
    /// The place within the unit: `country`.
    pub place: &'static str,
    /// Whose value it is.
    #[serde(flatten)]
    pub source: SourceName<'a>,
}

/// Why a unit of the golden document is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation<'a> {
    /// The unit, as [`crate::units`] names it.
    pub unit: String,
    /// What the golden document says; `None` for an empty unit.
    pub value: Option<Value>,
    /// What put the winner before the next one.
    pub decided_by: Reason,
    /// Who wins. Where it echoes, nobody asserts the unit.
    pub winner: Candidate<'a>,
    /// Who else has a say, in the order in which they would win.
    pub losers: Vec<Candidate<'a>>,
    /// Places that the winner leaves open and others fill.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filled: Vec<Filled<'a>>,
}

/// A unit that other rules would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference<'a> {
    /// Why it is as it is.
    pub before: Explanation<'a>,
    /// Why it would be as it would be.
    pub after: Explanation<'a>,
}

/// Who has a say about each unit and who wins, and why, in the order of the document's fields.
/// It covers every unit that a source fills, and every single field that a source cleared.
#[must_use]
pub fn explain<'a>(entity: &Entity, sources: &[SourceView<'a>], rules: &Rules) -> Vec<Explanation<'a>> {
    let mut told = Told { survivors: Survivors { sources, rules }, explanations: Vec::new() };
    walk(entity, &documents(sources), &mut told);
    told.explanations
}

/// The units that would say something else if `after` were the rules instead of `before`, in the order of the document's
/// fields. There are none exactly when the golden documents mean the same.
#[must_use]
pub fn what_if<'a>(entity: &Entity, sources: &[SourceView<'a>], before: &Rules, after: &Rules) -> Vec<Difference<'a>> {
    let (before, after) = (Survivors { sources, rules: before }, Survivors { sources, rules: after });
    let mut compared = Compared { before, after, differences: Vec::new() };
    walk(entity, &documents(sources), &mut compared);
    compared.differences
}

fn documents<'a>(sources: &[SourceView<'a>]) -> Vec<&'a Value> {
    sources.iter().map(|source| source.document).collect()
}

/// Explains every unit.
struct Told<'s, 'a> {
    survivors: Survivors<'s, 'a>,
    explanations: Vec<Explanation<'a>>,
}

impl<'a> Choose<'a> for Told<'_, 'a> {
    fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, _: &mut Vec<&'a [Value]>) {
        self.explanations.extend(explanation(&self.survivors, path, unit));
    }
}

/// Explains the units that two sets of rules see differently.
struct Compared<'s, 'a> {
    before: Survivors<'s, 'a>,
    after: Survivors<'s, 'a>,
    differences: Vec<Difference<'a>>,
}

impl<'a> Choose<'a> for Compared<'_, 'a> {
    fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, _: &mut Vec<&'a [Value]>) {
        let mut chosen = |mut survivors: Survivors<'_, 'a>| {
            let mut chosen = Vec::with_capacity(unit.leaves.len());
            survivors.choose(path, unit, &mut chosen);
            chosen
        };
        if is_same(unit, &chosen(self.before), &chosen(self.after)) {
            return;
        }
        let before = explanation(&self.before, path, unit);
        let after = explanation(&self.after, path, unit);
        let both = before.zip(after);
        self.differences.extend(both.map(|(before, after)| Difference { before, after }));
    }
}

/// Why a unit is as it is; `None` where nobody has a say.
fn explanation<'a>(survivors: &Survivors<'_, 'a>, path: &mut Path, unit: &Unit<'a>) -> Option<Explanation<'a>> {
    let by = survivors.strategies(path, unit);
    let mut ranks: Vec<Rank<'a>> = survivors.ranks(path, unit, by).collect();
    ranks.sort_by(|one, other| one.against(other, by).0);
    let (first, rest) = ranks.split_first()?;
    let winner = (!first.is_echo()).then_some(first.source);
    let whose: Vec<Option<usize>> =
        (0..unit.leaves.len()).map(|leaf| survivors.source_of(path, unit, winner, leaf)).collect();
    let golden: Vec<&'a [Value]> = whose
        .iter()
        .enumerate()
        .map(|(leaf, source)| source.map_or(&[] as &[Value], |source| unit.value(leaf, source)))
        .collect();
    let open = whose.iter().enumerate().filter_map(|(leaf, source)| {
        let source = source.filter(|source| *source != first.source && !unit.value(leaf, *source).is_empty())?;
        Some(Filled { place: unit.leaves[leaf].name, source: name(survivors, source) })
    });
    Some(Explanation {
        unit: unit.name(path).to_owned(),
        value: value(unit, &golden),
        decided_by: decided_by(first, rest, by),
        winner: candidate(survivors, unit, &golden, first, None),
        losers: rest
            .iter()
            .map(|rank| candidate(survivors, unit, &golden, rank, Some(first.against(rank, by).1)))
            .collect(),
        filled: open.collect(),
    })
}

/// What put the winner before the next one. A steward's word is told as such also where nobody contradicts it.
fn decided_by(first: &Rank<'_>, rest: &[Rank<'_>], by: &[Strategy]) -> Reason {
    match rest.first() {
        _ if first.is_override => Reason::Override,
        Some(next) => first.against(next, by).1,
        None => Reason::Only,
    }
}

fn candidate<'a>(
    survivors: &Survivors<'_, 'a>,
    unit: &Unit<'a>,
    golden: &[&'a [Value]],
    rank: &Rank<'a>,
    lost_by: Option<Reason>,
) -> Candidate<'a> {
    let says: Vec<&'a [Value]> = (0..unit.leaves.len()).map(|leaf| unit.value(leaf, rank.source)).collect();
    Candidate {
        source: name(survivors, rank.source),
        standing: rank.standing,
        since: rank.moment(),
        is_invalid: rank.is_invalid,
        value: value(unit, &says),
        agrees: is_same(unit, &says, golden),
        lost_by,
    }
}

fn name<'a>(survivors: &Survivors<'_, 'a>, source: usize) -> SourceName<'a> {
    let SourceView { system, stream, key, .. } = survivors.sources[source];
    SourceName { system, stream, key }
}

/// Whether two choices for the leaves of a unit mean the same. None at all is an empty choice.
fn is_same(unit: &Unit<'_>, one: &[&[Value]], other: &[&[Value]]) -> bool {
    unit.leaves.iter().enumerate().all(|(index, leaf)| {
        let (one, other) = (said(one, index), said(other, index));
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(leaf.shape, one, other))
    })
}

fn said<'v>(choice: &[&'v [Value]], leaf: usize) -> &'v [Value] {
    choice.get(leaf).copied().unwrap_or_default()
}

/// The value of a unit: of a single value that, of a group an object, of several items a list.
fn value(unit: &Unit<'_>, choice: &[&[Value]]) -> Option<Value> {
    let filled = || choice.iter().any(|values| !values.is_empty());
    match &unit.leaves[..] {
        _ if !filled() => None,
        [leaf] if leaf.item.is_some() => Some(Value::Array(said(choice, 0).to_vec())),
        [leaf] if leaf.name.is_empty() => said(choice, 0).first().cloned(),
        leaves => {
            let members = leaves.iter().zip(choice);
            let members = members.filter_map(|(leaf, values)| Some((leaf.name.to_owned(), values.first()?.clone())));
            Some(Value::Object(members.collect::<Map<_, _>>()))
        }
    }
}

#[cfg(test)]
mod tests;
