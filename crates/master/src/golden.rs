//! The golden document: which source's value wins, unit by unit.

use std::borrow::Cow;
use std::ops::Range;

use canonical::entity::Entity;
use canonical::identifier;
use serde_json::Value;

use crate::asserted::{Asserted, Claim};
use crate::covers::is_covered;
use crate::path::Path;
use crate::rank::{Rank, Standing};
use crate::rules::{Rules, Strategy};
use crate::steward::STEWARD;
use crate::walk::{Choose, Leaf, Unit, walk};
use crate::weight::{self, Votes};

/// What one record of one system shows now. Records that a system no longer shows are not given: they assert nothing.
///
/// A source of the system [`STEWARD`] is an [`Override`](crate::Override): what it says of `covers` does not count.
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

impl SourceView<'_> {
    /// Whether it is what stewards decided.
    pub(crate) fn is_override(&self) -> bool {
        self.system == STEWARD
    }
}

/// The golden document of these sources, in normal form; `None` when there is none, because no source is given
/// or every source merely echoes what we delivered. A steward's override keeps no master alive.
///
/// It depends on the sources and the rules alone: not on the order in which they are given, nor on any golden before.
///
/// Every unit goes to the source that ranks first: a steward's override before all others, then by the strategies of the
/// rules ([`Survivorship`](crate::Survivorship)), then by trust, by the time since when it asserts the unit, and by the
/// names of system, stream and key. A source asserts a unit when a value in it is its own, or was its own and is
/// cleared; identifiers that fail their check rank behind valid ones, whatever the rules.
/// Places of the winning unit that the winner neither fills nor covers are filled, each by the source that ranks
/// first there; those of an override are not, because it is taken whole. A unit that nobody asserts keeps what systems
/// echo, the newest echo first.
///
/// The document of a single source is given back as it is, without any work for each field.
#[must_use]
pub fn golden<'a>(entity: &Entity, sources: &[SourceView<'a>], rules: &Rules) -> Option<Cow<'a, Value>> {
    if sources.iter().all(|source| source.is_override() || source.asserted.is_echo()) {
        return None;
    }
    if let [only] = sources {
        return Some(Cow::Borrowed(only.document));
    }
    Some(Cow::Owned(merge(entity, sources, rules)))
}

/// The golden document, made unit by unit even of a single source.
pub(crate) fn merge(entity: &Entity, sources: &[SourceView<'_>], rules: &Rules) -> Value {
    let documents: Vec<&Value> = sources.iter().map(|source| source.document).collect();
    Value::Object(walk(entity, &documents, &mut Survivors { sources, rules }))
}

/// Finds the winner of each unit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Survivors<'s, 'a> {
    pub(crate) sources: &'s [SourceView<'a>],
    pub(crate) rules: &'s Rules,
}

impl<'a> Choose<'a> for Survivors<'_, 'a> {
    fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, chosen: &mut Vec<&'a [Value]>) {
        if unit.is_empty() {
            return;
        }
        let winner = self.winner(path, unit);
        for leaf in 0..unit.leaves.len() {
            let source = self.source_of(path, unit, winner, leaf);
            chosen.push(source.map_or(&[], |source| unit.value(leaf, source)));
        }
    }
}

/// What is decided about: a unit as a whole, or one leaf of it that its winner leaves open.
#[derive(Debug, Clone)]
struct Part {
    leaves: Range<usize>,
    /// The leaf's name; empty for the whole.
    name: &'static str,
}

/// What a source claims about a part.
#[derive(Debug, Clone, Copy)]
struct Stake {
    standing: Standing,
    since: i64,
    /// Whether a value in it is its own, or was until a delivery spelt it otherwise.
    has_voice: bool,
}

impl<'a> Survivors<'_, 'a> {
    /// The strategies of the unit at `path`.
    pub(crate) fn strategies(&self, path: &Path, unit: &Unit<'a>) -> &[Strategy] {
        self.rules.survivorship.of(unit.name(path))
    }

    /// The source that wins a unit; `None` when nobody asserts it.
    pub(crate) fn winner(&self, path: &mut Path, unit: &Unit<'a>) -> Option<usize> {
        let by = self.strategies(path, unit);
        let ranks = self.ranks(path, unit, by);
        let first = ranks.filter(|rank| !rank.is_echo()).min_by(|one, other| one.against(other, by).0);
        first.map(|rank| rank.source)
    }

    /// Every source that has a say about a unit, with its rank.
    pub(crate) fn ranks<'u>(
        &'u self,
        path: &'u mut Path,
        unit: &'u Unit<'a>,
        by: &'u [Strategy],
    ) -> impl Iterator<Item = Rank<'a>> + 'u {
        self.ranks_of(path, unit, Part { leaves: 0..unit.leaves.len(), name: "" }, by)
    }

    fn ranks_of<'u>(
        &'u self,
        path: &'u mut Path,
        unit: &'u Unit<'a>,
        part: Part,
        by: &'u [Strategy],
    ) -> impl Iterator<Item = Rank<'a>> + 'u {
        let votes = by.contains(&Strategy::MostFrequent).then(|| self.votes(path, unit, &part));
        let counts_places = by.contains(&Strategy::MostComplete);
        (0..self.sources.len()).filter_map(move |source| {
            let view = &self.sources[source];
            let Stake { standing, since, .. } = self.stake(path, unit, &part, source)?;
            let voices = |votes: &Votes<'a>| votes.voices(&weight::normalised(unit, part.leaves.clone(), source));
            let places = if counts_places { self.places(path, unit, &part, source) } else { 0 };
            let mark = path.field(part.name);
            let trust = self.rules.trust.rank(unit.name(path), view.system);
            path.back(mark);
            Some(Rank {
                is_override: view.is_override(),
                standing,
                is_invalid: is_invalid(unit, source),
                trust,
                since,
                places,
                voices: votes.as_ref().map_or(0, voices),
                name: (view.system, view.stream, view.key),
                source,
            })
        })
    }

    /// Whose value stands at a leaf of the unit: the winner's, unless it neither fills nor covers it. An override comes
    /// first at each of its leaves, also where it is empty, and so is taken whole.
    pub(crate) fn source_of(
        &self,
        path: &mut Path,
        unit: &Unit<'a>,
        winner: Option<usize>,
        leaf: usize,
    ) -> Option<usize> {
        let name = unit.leaves[leaf].name;
        let mark = path.field(name);
        let is_settled =
            |winner: &usize| !unit.value(leaf, *winner).is_empty() || self.covers(*winner, path, &unit.leaves[leaf]);
        let settled = winner.filter(is_settled);
        path.back(mark);
        settled.or_else(|| {
            let by = self.strategies(path, unit);
            let ranks = self.ranks_of(path, unit, Part { leaves: leaf..leaf + 1, name }, by);
            ranks.min_by(|one, other| one.against(other, by).0).map(|rank| rank.source)
        })
    }

    /// What a source claims about a part: since the newest of what is its own or was cleared by it, else an echo.
    fn stake(&self, path: &mut Path, unit: &Unit<'a>, part: &Part, source: usize) -> Option<Stake> {
        let view = &self.sources[source];
        let is_filled = || part.leaves.clone().any(|leaf| !unit.value(leaf, source).is_empty());
        let asserts = || if is_filled() { Standing::Asserts } else { Standing::Clears };
        if view.is_override() {
            let since = view.asserted.overridden_at(unit.name(path))?;
            return Some(Stake { standing: asserts(), since, has_voice: false });
        }
        let (mut asserted, mut echoed, mut has_voice) = (None, None, false);
        for leaf in part.leaves.clone() {
            match self.claim(path, unit, leaf, source) {
                Some(Claim::Own(at) | Claim::Cleared(at)) => asserted = asserted.max(Some(at)),
                Some(Claim::Echo(at)) => echoed = echoed.max(Some(at)),
                Some(Claim::Respelt(at)) => (echoed, has_voice) = (echoed.max(Some(at)), true),
                None => {}
            }
        }
        let (standing, since) = match (asserted, echoed) {
            (Some(at), _) => (asserts(), at),
            (None, at) => (Standing::Echoes, at?),
        };
        Some(Stake { standing, since, has_voice: has_voice || asserted.is_some() })
    }

    /// Who asserts which value of a part. What is an echo of the whole has no voice: it only repeats what we delivered.
    fn votes(&self, path: &mut Path, unit: &Unit<'a>, part: &Part) -> Votes<'a> {
        let mut votes = Votes::default();
        for (source, view) in self.sources.iter().enumerate() {
            if self.stake(path, unit, part, source).is_some_and(|stake| stake.has_voice) {
                votes.cast(weight::normalised(unit, part.leaves.clone(), source), view.system);
            }
        }
        votes
    }

    /// How many places of a part a source fills with values of its own. What we filled makes nobody more complete.
    fn places(&self, path: &mut Path, unit: &Unit<'a>, part: &Part, source: usize) -> usize {
        let own = part
            .leaves
            .clone()
            .filter(|leaf| matches!(self.claim(path, unit, *leaf, source), Some(Claim::Own(_) | Claim::Respelt(_))));
        own.map(|leaf| weight::places(unit.value(leaf, source))).sum()
    }

    /// What a source claims about a leaf of the unit at `path`.
    fn claim(&self, path: &mut Path, unit: &Unit<'a>, leaf: usize, source: usize) -> Option<Claim> {
        let asserted = self.sources[source].asserted;
        let is_empty = unit.value(leaf, source).is_empty();
        let leaf = &unit.leaves[leaf];
        let mark = path.field(leaf.name);
        let claim = match leaf.item {
            None => asserted.claim(path.text(), is_empty),
            Some(_) => asserted.claim_whole(path.text(), is_empty),
        };
        // What a mapping has stopped to cover is not cleared any more.
        let claim = claim.filter(|claim| !matches!(claim, Claim::Cleared(_)) || self.covers(source, path, leaf));
        path.back(mark);
        claim
    }

    fn covers(&self, source: usize, path: &Path, leaf: &Leaf) -> bool {
        is_covered(self.sources[source].covers, path, leaf.item)
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

#[cfg(test)]
mod tests;
