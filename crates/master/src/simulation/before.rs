//! The choice between sources as it was before there were strategies and overrides: what the default rules must equal.

use canonical::entity::Entity;
use canonical::identifier;
use serde_json::Value;

use crate::asserted::Claim;
use crate::covers::is_covered;
use crate::path::Path;
use crate::walk::{Choose, Unit, walk};
use crate::{SourceView, Trust};

/// The golden document of the time before.
pub(super) fn golden(sources: &[SourceView<'_>], trust: &Trust) -> Option<Value> {
    if sources.iter().all(|source| source.asserted.is_echo()) {
        return None;
    }
    let documents: Vec<&Value> = sources.iter().map(|source| source.document).collect();
    Some(Value::Object(walk(&Entity::Customer, &documents, &mut Before { sources, trust })))
}

struct Before<'s, 'a> {
    sources: &'s [SourceView<'a>],
    trust: &'s Trust,
}

/// Echo or not, invalid or not, trust, newest first, name; of echoes the newest first. The least wins.
type Rank<'a> = (bool, bool, i64, usize, i64, (&'a str, &'a str, &'a str));

impl<'a> Choose<'a> for Before<'_, 'a> {
    fn choose(&mut self, path: &mut Path, unit: &Unit<'a>, chosen: &mut Vec<&'a [Value]>) {
        let whole = || 0..unit.leaves.len();
        let first = |path: &mut Path, leaves: std::ops::Range<usize>, name: &str, echoes: bool| {
            let ranks = (0..self.sources.len())
                .filter_map(|source| Some((self.rank(path, unit, leaves.clone(), name, source)?, source)));
            ranks.filter(|(rank, _)| echoes || !rank.0).min().map(|(_, source)| source)
        };
        let winner = first(path, whole(), "", false);
        for leaf in whole() {
            let name = unit.leaves[leaf].name;
            let mark = path.field(name);
            let settled = winner.filter(|winner| {
                let covers = self.sources[*winner].covers;
                !unit.value(leaf, *winner).is_empty() || is_covered(covers, path, unit.leaves[leaf].item)
            });
            path.back(mark);
            let source = settled.or_else(|| first(path, leaf..leaf + 1, name, true));
            chosen.push(source.map_or(&[], |source| unit.value(leaf, source)));
        }
    }
}

impl<'a> Before<'_, 'a> {
    fn rank(
        &self,
        path: &mut Path,
        unit: &Unit<'a>,
        leaves: std::ops::Range<usize>,
        name: &str,
        source: usize,
    ) -> Option<Rank<'a>> {
        let view = &self.sources[source];
        let (mut own, mut echo) = (None, None);
        for leaf in leaves {
            let (value, leaf) = (unit.value(leaf, source), &unit.leaves[leaf]);
            let mark = path.field(leaf.name);
            let claim = match leaf.item {
                None => view.asserted.claim(path.text(), value.is_empty()),
                Some(_) => view.asserted.claim_whole(path.text(), value.is_empty()),
            };
            match claim {
                Some(Claim::Cleared(_)) if !is_covered(view.covers, path, leaf.item) => {}
                Some(Claim::Own(at) | Claim::Cleared(at)) => own = own.max(Some(at)),
                Some(Claim::Echo(at) | Claim::Respelt(at)) => echo = echo.max(Some(at)),
                None => {}
            }
            path.back(mark);
        }
        let is_echo = own.is_none();
        let since = own.or(echo)?;
        let mark = path.field(name);
        let trust = self.trust.rank(unit.name(path), view.system);
        path.back(mark);
        let is_invalid = !is_echo && is_invalid(unit, source);
        let echo_order = if is_echo { -since } else { 0 };
        Some((is_echo, is_invalid, echo_order, trust, -since, (view.system, view.stream, view.key)))
    }
}

fn is_invalid(unit: &Unit<'_>, source: usize) -> bool {
    let mut values = (0..unit.leaves.len()).flat_map(|leaf| unit.value(leaf, source));
    unit.scheme.is_some_and(|scheme| {
        values.any(|value| {
            let text = value.get("value").unwrap_or(value).as_str().unwrap_or_default();
            identifier::check(scheme, text).is_err()
        })
    })
}
