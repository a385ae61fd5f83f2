//! Since when a system claims each value, and which values are only echoes.

use std::collections::BTreeMap;

use canonical::entity::Entity;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::covers::is_covered;
use crate::normal::same_value;
use crate::path::{Path, is_within};
use crate::walk::{Choose, Leaf, Unit, walk};
use crate::weight::alike;

/// How many cleared places of one record are remembered; of more, the oldest are forgotten.
/// It bounds what a system can make us keep by inventing ever new selectors.
const CLEARED_MAX: usize = 256;

/// What a system claims about one place of its document.
/// Times are milliseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Claim {
    /// The value is the system's own since then.
    Own(i64),
    /// The system had a value and took it away then.
    Cleared(i64),
    /// The value is what we delivered, seen since then; the system says nothing of its own.
    Echo(i64),
    /// The same, and what we delivered only spelt otherwise what was the system's own: it counts as an echo, but where the
    /// value counts that most systems assert, the system keeps its voice.
    Respelt(i64),
}

/// Since when a system claims each value of the document that it shows, and which values are only echoes.
///
/// A place that is empty and was never anything else claims nothing: the system is silent there.
/// The JSON of the common case, a record whose values are all the system's own since it was first seen, is `{"t":…}`
/// with milliseconds since 1970 in UTC; exceptions are listed by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asserted {
    /// When the record was first seen.
    t: i64,
    /// Whether the record is in the system because we delivered it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    echo: bool,
    /// Whether somebody changed a value there since, so that the record is the system's own business.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    edited: bool,
    /// What is otherwise, for a path and everything below it; the longest path counts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    except: BTreeMap<String, Claim>,
}

/// What a system was last known to hold after a delivery, with the paths that the delivery's mapping writes.
#[derive(Debug, Clone, Copy)]
pub struct Holds<'a> {
    /// The projection that was delivered, in normal form.
    pub document: &'a Value,
    /// What was delivered before that and not shown since: what is read late may show one of these.
    pub earlier: &'a [Value],
    /// What the mapping writes, as `Mapping::writes` says it; about anything else the projection says nothing.
    pub writes: &'a [String],
}

impl Asserted {
    /// Everything that the document says is the system's own since `at`.
    #[must_use]
    pub fn own(at: Timestamp) -> Self {
        Self { t: at.as_millisecond(), echo: false, edited: false, except: BTreeMap::new() }
    }

    /// Whether the record is there only because we delivered it, and nobody changed a value in it since.
    /// Such a record keeps no master alive. A later delivery never makes an echo of a record that was none.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        self.echo && !self.edited
    }

    /// What is claimed about the value at a path; `None` for an empty place at which the system is silent.
    pub(crate) fn claim(&self, path: &str, is_empty: bool) -> Option<Claim> {
        let claim = self.exception(path);
        match claim {
            Some(Claim::Cleared(_)) if is_empty => claim,
            _ if is_empty => None,
            Some(Claim::Own(_) | Claim::Echo(_) | Claim::Respelt(_)) => claim,
            Some(Claim::Cleared(_)) | None => Some(self.default_claim()),
        }
    }

    /// What is claimed about all items of a selector together: the strongest of what is claimed of them.
    pub(crate) fn claim_whole(&self, path: &str, is_empty: bool) -> Option<Claim> {
        let inside = self.except.iter().filter(|(inner, _)| is_within(inner, path)).map(|(_, claim)| *claim);
        let inside = inside.filter(|claim| is_empty == matches!(claim, Claim::Cleared(_)));
        let strength = |claim: &Claim| match claim {
            Claim::Own(at) => (3, *at),
            Claim::Cleared(at) => (2, *at),
            Claim::Respelt(at) => (1, *at),
            Claim::Echo(at) => (0, *at),
        };
        inside.chain(self.claim(path, is_empty)).max_by_key(strength)
    }

    fn default_claim(&self) -> Claim {
        if self.echo { Claim::Echo(self.t) } else { Claim::Own(self.t) }
    }

    /// The exception of the longest path that holds this one.
    fn exception(&self, path: &str) -> Option<Claim> {
        if self.except.is_empty() {
            return None;
        }
        let mut holder = path;
        loop {
            if let Some(claim) = self.except.get(holder) {
                return Some(*claim);
            }
            holder = &holder[..holder.rfind('.')?];
        }
    }

    /// Since when a steward's override says something about a unit; see [`Override`](crate::Override).
    pub(crate) fn overridden_at(&self, unit: &str) -> Option<i64> {
        match self.except.get(unit)? {
            Claim::Own(at) | Claim::Cleared(at) => Some(*at),
            Claim::Echo(_) | Claim::Respelt(_) => None,
        }
    }

    /// The units that an override says something about, in the order of their names.
    pub(crate) fn overridden(&self) -> impl Iterator<Item = &str> {
        self.except.keys().map(String::as_str)
    }

    /// Notes that an override says something about a unit, or, where it is `None`, nothing any more.
    pub(crate) fn put_override(&mut self, unit: &str, claim: Option<Claim>) {
        match claim {
            Some(claim) => drop(self.except.insert(unit.to_owned(), claim)),
            None => drop(self.except.remove(unit)),
        }
    }

    fn forget_oldest_cleared(&mut self) {
        let mut times: Vec<i64> = self.except.values().filter_map(cleared_at).collect();
        let Some(surplus) = times.len().checked_sub(CLEARED_MAX + 1) else { return };
        let (_, newest_forgotten, _) = times.select_nth_unstable(surplus);
        let limit = *newest_forgotten;
        // Several places may have been cleared at the limit itself; the first of them by path go.
        let mut at_limit = surplus + 1 - self.except.values().filter_map(cleared_at).filter(|at| *at < limit).count();
        self.except.retain(|_, claim| match cleared_at(claim) {
            Some(at) if at == limit && at_limit > 0 => {
                at_limit -= 1;
                false
            }
            Some(at) => at >= limit,
            None => true,
        });
    }
}

fn cleared_at(claim: &Claim) -> Option<i64> {
    match claim {
        Claim::Cleared(at) => Some(*at),
        _ => None,
    }
}

/// What a system claims after an observation.
///
/// `previous` is what the same record of the same stream showed before, with what it claimed then; `None` at first.
/// `covers` is what the mapping of this observation reads.
/// `holds` is what the system was last delivered, as long as no observation has shown it.
/// Documents are in normal form.
///
/// - A value that did not change keeps its claim: an own value stays own when we deliver the same one.
/// - A value that changed to what we delivered is an echo; one that we emptied leaves the system silent.
///   An echo that only spells otherwise what was the system's own is noted as such.
///   That also goes for what we delivered earlier and the system has not shown since: its export may be older than the
///   last delivery. A value that it goes back to after it has shown the newer one is its own.
/// - Any other change is the system's own since `at`; a value that it took away itself is cleared since `at`.
/// - A place that the mapping does not cover any more is silent.
/// - A place that was never seen filled is silent, also when we delivered something there:
///   a system that passes over a field must not empty it elsewhere.
#[must_use]
pub fn assert(
    entity: &Entity,
    previous: Option<(&Value, &Asserted)>,
    observed: &Value,
    covers: &[String],
    holds: Option<Holds<'_>>,
    at: Timestamp,
) -> Asserted {
    let now = at.as_millisecond();
    let before = match (previous, holds) {
        (None, None) => return Asserted::own(at),
        (Some((_, before)), _) => before.clone(),
        (None, Some(_)) => Asserted { t: now, echo: true, edited: false, except: BTreeMap::new() },
    };
    let nothing = Value::Null;
    let shown = previous.map_or(&nothing, |(document, _)| document);
    let held = holds.map_or(&nothing, |holds| holds.document);
    let after = Asserted { t: before.t, echo: before.echo, edited: before.edited, except: BTreeMap::new() };
    let cleared = before.except.iter().filter(|(_, claim)| cleared_at(claim).is_some());
    let cleared = cleared.map(|(path, claim)| (path.clone(), *claim)).collect();
    let writes = holds.map(|holds| holds.writes);
    let mut claims = Claims { before: &before, after, cleared, covers, writes, documents: HELD + 1, now };
    let earlier = holds.map_or(&[][..], |holds| holds.earlier);
    claims.documents += earlier.len();
    let documents: Vec<&Value> = [shown, observed, held].into_iter().chain(earlier).collect();
    walk(entity, &documents, &mut claims);
    claims.finish()
}

/// Compares what was shown, what is shown and what was delivered.
struct Claims<'b> {
    before: &'b Asserted,
    after: Asserted,
    /// What was cleared before and is still empty.
    cleared: BTreeMap<String, Claim>,
    covers: &'b [String],
    writes: Option<&'b [String]>,
    /// How many documents are compared: those from [`HELD`] on were delivered.
    documents: usize,
    now: i64,
}

const SHOWN: usize = 0;
const OBSERVED: usize = 1;
const HELD: usize = 2;

impl<'a> Choose<'a> for Claims<'_> {
    fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, _: &mut Vec<&'a [Value]>) {
        for (index, leaf) in unit.leaves.iter().enumerate() {
            let mark = path.field(leaf.name);
            self.leaf(path, leaf, &|document| unit.value(index, document));
            path.back(mark);
        }
    }
}

impl Claims<'_> {
    /// `value` tells what each document has there.
    fn leaf<'v>(&mut self, path: &Path, leaf: &Leaf, value: &dyn Fn(usize) -> &'v [Value]) {
        let empty = value(OBSERVED).is_empty();
        if same_values(leaf, value(SHOWN), value(OBSERVED)) {
            if !empty {
                self.keep(path, leaf);
            }
            return;
        }
        if !empty {
            self.cleared.retain(|place, _| !is_within(place, path.text()) && !is_within(path.text(), place));
        }
        if self.is_delivered(path, leaf, value) {
            if !empty {
                let respells = self.is_respelt(path, leaf, value);
                self.note(path, if respells { Claim::Respelt(self.now) } else { Claim::Echo(self.now) });
            }
        } else if !empty {
            self.edit(path, Claim::Own(self.now));
        } else if is_covered(self.covers, path, leaf.item) {
            self.edit(path, Claim::Cleared(self.now));
        }
    }

    /// Whether the observed value is the delivered one. An empty place was delivered only if the mapping writes it.
    fn is_delivered<'v>(&self, path: &Path, leaf: &Leaf, value: &dyn Fn(usize) -> &'v [Value]) -> bool {
        let Some(writes) = self.writes else { return false };
        (HELD..self.documents).any(|held| same_values(leaf, value(held), value(OBSERVED)))
            && (!value(OBSERVED).is_empty() || is_covered(writes, path, leaf.item))
    }

    /// Whether what was delivered only spells otherwise what was the system's own.
    fn is_respelt<'v>(&self, path: &Path, leaf: &Leaf, value: &dyn Fn(usize) -> &'v [Value]) -> bool {
        let shown = value(SHOWN);
        let claim = match leaf.item {
            None => self.before.claim(path.text(), shown.is_empty()),
            Some(_) => self.before.claim_whole(path.text(), shown.is_empty()),
        };
        matches!(claim, Some(Claim::Own(_) | Claim::Respelt(_))) && alike(leaf.shape, shown, value(OBSERVED))
    }

    /// A value that did not change keeps its claim.
    fn keep(&mut self, path: &Path, leaf: &Leaf) {
        if self.before.except.is_empty() {
            return;
        }
        if leaf.item.is_some() {
            let inside = self.before.except.iter().filter(|(inner, _)| is_within(inner, path.text()));
            self.after.except.extend(inside.map(|(inner, claim)| (inner.clone(), *claim)));
        } else if let Some(claim) = self.before.claim(path.text(), false) {
            self.note(path, claim);
        }
    }

    /// Somebody changed the value in the system.
    fn edit(&mut self, path: &Path, claim: Claim) {
        self.after.edited |= self.after.echo;
        self.note(path, claim);
    }

    fn note(&mut self, path: &Path, claim: Claim) {
        if claim != self.before.default_claim() {
            self.after.except.insert(path.text().to_owned(), claim);
        }
    }

    fn finish(mut self) -> Asserted {
        self.after.except.append(&mut self.cleared);
        self.after.forget_oldest_cleared();
        self.after
    }
}

fn same_values(leaf: &Leaf, one: &[Value], other: &[Value]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_value(leaf.shape, one, other))
}

#[cfg(test)]
mod tests;
