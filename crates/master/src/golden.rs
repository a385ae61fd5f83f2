//! The golden document: which source's value wins, unit by unit.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};

use canonical::entity::Entity;
use canonical::identifier;
use jiff::Timestamp;
use serde_json::Value;

use crate::asserted::{Asserted, Claim};
use crate::covers::is_covered;
use crate::path::Path;
use crate::trust::Trust;
use crate::walk::{Choose, Leaf, Unit, walk};

/// What one record of one system shows now. Records that a system no longer shows are not given: they assert nothing.
#[derive(Debug, Clone, Copy)]
pub struct SourceView<'a> {
    /// The system.
    pub system: &'a str,
    /// The stream that shows the record.
    pub stream: &'a str,
    /// The system's own key of the record; with system and stream it makes the last tie-break definite.
    pub key: &'a str,
    /// The latest document, in normal form.
    pub document: &'a Value,
    /// What its mapping covers.
    pub covers: &'a [String],
    /// Since when the system asserts each value.
    pub asserted: &'a Asserted,
}

/// The golden document of these sources, in normal form; `None` when there is none, because no source is given
/// or every source merely echoes what we delivered.
///
/// It depends on the sources and the trust alone: not on the order in which they are given, nor on any golden before.
///
/// Every unit goes to the source that ranks first: by trust, then by the time since when it asserts the unit, then by
/// the names of system, stream and key. A source asserts a unit when a value in it is its own, or was its own and is
/// cleared; identifiers that fail their check rank behind valid ones, whatever the trust.
/// Places of the winning unit that the winner neither fills nor covers are filled, each by the source that ranks
/// first there. A unit that nobody asserts keeps what systems echo, the newest echo first.
///
/// The document of a single source is given back as it is, without any work for each field.
#[must_use]
pub fn golden<'a>(entity: &Entity, sources: &[SourceView<'a>], trust: &Trust) -> Option<Cow<'a, Value>> {
    if sources.iter().all(|source| source.asserted.is_echo()) {
        return None;
    }
    if let [only] = sources {
        return Some(Cow::Borrowed(only.document));
    }
    Some(Cow::Owned(merge(entity, sources, trust, None)))
}

/// How a source stands to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It has a value of its own.
    Asserts,
    /// It had a value and took it away.
    Clears,
    /// It shows what we delivered.
    Echoes,
}

/// A source that has a say about a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its system.
    pub system: &'a str,
    /// Its stream.
    pub stream: &'a str,
    /// Its key.
    pub key: &'a str,
    /// How it stands.
    pub standing: Standing,
    /// Since when.
    pub since: Timestamp,
    /// Whether it shows an identifier that fails its check, which puts it behind valid ones.
    pub is_invalid: bool,
}

/// Why a unit of the golden document is as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// The unit, as [`crate::units`] names it.
    pub unit: String,
    /// Who has a say, the winner first. Never empty.
    pub candidates: Vec<Candidate<'a>>,
}

/// Who has a say about each unit and who wins, in the order of the document's fields.
/// It covers every unit that a source fills, and every single field that a source cleared.
#[must_use]
pub fn explain<'a>(entity: &Entity, sources: &[SourceView<'a>], trust: &Trust) -> Vec<Explanation<'a>> {
    let mut explanations = Vec::new();
    merge(entity, sources, trust, Some(&mut explanations));
    explanations
}

pub(crate) fn merge<'a>(
    entity: &Entity,
    sources: &[SourceView<'a>],
    trust: &Trust,
    explanations: Option<&mut Vec<Explanation<'a>>>,
) -> Value {
    let documents: Vec<&'a Value> = sources.iter().map(|source| source.document).collect();
    let mut survivorship = Survivorship { sources, trust, explanations };
    Value::Object(walk(entity, &documents, &mut survivorship))
}

struct Survivorship<'s, 'a> {
    sources: &'s [SourceView<'a>],
    trust: &'s Trust,
    explanations: Option<&'s mut Vec<Explanation<'a>>>,
}

impl<'a> Choose<'a> for Survivorship<'_, 'a> {
    fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, chosen: &mut Vec<&'a [Value]>) {
        if self.explanations.is_some() {
            let explanation = self.explanation(path, unit);
            if let Some(explanations) = &mut self.explanations {
                explanations.extend(explanation);
            }
        }
        if unit.is_empty() {
            return;
        }
        let asserting = self.ranked(path, unit).filter(|rank| !rank.is_echo()).min();
        let winner = asserting.map(|rank| rank.source);
        for (index, leaf) in unit.leaves.iter().enumerate() {
            let filled = |source: usize| -> &'a [Value] { unit.value(index, source) };
            let mark = path.field(leaf.name);
            let source = winner
                .filter(|winner| !filled(*winner).is_empty() || self.covers(*winner, path, leaf))
                .or_else(|| self.filler(path, unit, index));
            chosen.push(source.map_or(&[], filled));
            path.back(mark);
        }
    }
}

impl<'a> Survivorship<'_, 'a> {
    /// Every source that has a say about a unit, with its rank.
    fn ranked<'u>(&'u self, path: &'u mut Path, unit: &'u Unit<'a>) -> impl Iterator<Item = Rank<'a>> + 'u {
        (0..self.sources.len()).filter_map(move |source| {
            let claim = self.claim(path, unit, source)?;
            Some(self.rank(unit.name(path), claim, is_invalid(unit, source), source))
        })
    }

    /// The source that ranks first for a place that the unit's winner leaves open.
    fn filler(&self, path: &Path, unit: &Unit<'a>, leaf: usize) -> Option<usize> {
        let ranks = (0..self.sources.len()).filter_map(|source| {
            let claim = match self.claim_of_leaf(path, &unit.leaves[leaf], unit.value(leaf, source), source)? {
                Claim::Own(at) => (Standing::Asserts, at),
                Claim::Cleared(at) => (Standing::Clears, at),
                Claim::Echo(at) => (Standing::Echoes, at),
            };
            Some(self.rank(unit.name(path), claim, is_invalid(unit, source), source))
        });
        ranks.min().map(|rank| rank.source)
    }

    /// What a source claims about a unit: since the newest of what is its own or was cleared by it, else an echo.
    fn claim(&self, path: &mut Path, unit: &Unit<'a>, source: usize) -> Option<(Standing, i64)> {
        let (mut asserted, mut echoed, mut is_filled) = (None, None, false);
        for (index, leaf) in unit.leaves.iter().enumerate() {
            let value = unit.value(index, source);
            let mark = path.field(leaf.name);
            let claim = self.claim_of_leaf(path, leaf, value, source);
            path.back(mark);
            is_filled |= !value.is_empty();
            match claim {
                Some(Claim::Own(at) | Claim::Cleared(at)) => asserted = asserted.max(Some(at)),
                Some(Claim::Echo(at)) => echoed = echoed.max(Some(at)),
                None => {}
            }
        }
        let standing = if is_filled { Standing::Asserts } else { Standing::Clears };
        asserted.map(|at| (standing, at)).or(echoed.map(|at| (Standing::Echoes, at)))
    }

    fn claim_of_leaf(&self, path: &Path, leaf: &Leaf, value: &[Value], source: usize) -> Option<Claim> {
        let asserted = self.sources[source].asserted;
        let claim = match leaf.item {
            None => asserted.claim(path.text(), value.is_empty()),
            Some(_) => asserted.claim_whole(path.text(), value.is_empty()),
        };
        // What a mapping has stopped to cover is not cleared any more.
        claim.filter(|claim| !matches!(claim, Claim::Cleared(_)) || self.covers(source, path, leaf))
    }

    fn covers(&self, source: usize, path: &Path, leaf: &Leaf) -> bool {
        is_covered(self.sources[source].covers, path, leaf.item)
    }

    fn rank(&self, unit: &str, claim: (Standing, i64), is_invalid: bool, source: usize) -> Rank<'a> {
        let view = &self.sources[source];
        let trust = self.trust.rank(unit, view.system);
        let (standing, since) = claim;
        Rank { standing, is_invalid, trust, since, name: (view.system, view.stream, view.key), source }
    }

    fn explanation(&self, path: &mut Path, unit: &Unit<'a>) -> Option<Explanation<'a>> {
        let mut ranks: Vec<Rank<'a>> = self.ranked(path, unit).collect();
        if ranks.is_empty() {
            return None;
        }
        ranks.sort();
        let candidates = ranks.iter().map(Rank::candidate).collect();
        Some(Explanation { unit: unit.name(path).to_owned(), candidates })
    }
}

/// Whether a source shows an identifier that fails its check. An empty place does not.
fn is_invalid(unit: &Unit<'_>, source: usize) -> bool {
    let Some(scheme) = unit.scheme else { return false };
    let texts = (0..unit.leaves.len()).flat_map(|leaf| unit.value(leaf, source)).map(|value| match value {
        Value::Object(item) => item.get("value").and_then(Value::as_str).unwrap_or_default(),
        value => value.as_str().unwrap_or_default(),
    });
    texts.into_iter().any(|text| identifier::check(scheme, text).is_err())
}

/// Where a source ranks; the least wins. The order is total over sources of different names.
#[derive(Debug, PartialEq, Eq)]
struct Rank<'a> {
    standing: Standing,
    is_invalid: bool,
    trust: usize,
    since: i64,
    name: (&'a str, &'a str, &'a str),
    source: usize,
}

impl<'a> Rank<'a> {
    fn is_echo(&self) -> bool {
        self.standing == Standing::Echoes
    }

    fn candidate(&self) -> Candidate<'a> {
        let (system, stream, key) = self.name;
        // Every time was a timestamp once, so that this never falls back.
        let since = Timestamp::from_millisecond(self.since).unwrap_or(Timestamp::UNIX_EPOCH);
        Candidate { system, stream, key, standing: self.standing, since, is_invalid: self.is_invalid }
    }
}

impl Ord for Rank<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let newest = Reverse(self.since).cmp(&Reverse(other.since));
        let believed = self.trust.cmp(&other.trust);
        let ranked = match (self.is_echo(), other.is_echo()) {
            (false, false) => self.is_invalid.cmp(&other.is_invalid).then(believed).then(newest),
            // The newest echo repeats the newest golden document; whose echo it is says nothing.
            (true, true) => newest.then(believed),
            (one, two) => one.cmp(&two),
        };
        ranked.then(self.name.cmp(&other.name))
    }
}

impl PartialOrd for Rank<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
