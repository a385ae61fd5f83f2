//! The key of a record that is written.

use canonical::record::Json;

use super::{Slot, Writer, record_error, spread, value};
use crate::cursor::Cursor;
use crate::error::DataError;
use crate::place::Place;
use crate::program::Key;
use crate::reader;

/// The namespace of what XML records get from the elements around them.
const CONTEXT: &str = "urn:passerelle:context";

impl<'a> Writer<'a> {
    /// Puts the parts of a key into their places, unless the base record shows them already.
    pub(super) fn key(&mut self, key: &str, base: Option<Cursor<'a>>, slot: &mut Slot<'_>) {
        let program = self.program();
        // What stands around a record is no part of it: such parts of a key only read.
        let is_own = |key: &&Key| !self.is_context(&key.place);
        let own: Vec<&Key> = program.key.iter().filter(is_own).collect();
        let parts = reader::split_key(key, &program.key_separator, program.key.len());
        let all: Vec<&Key> = program.key.iter().collect();
        // A key that another part of the world gave is one text, for the only place that takes it.
        let (keys, parts) =
            if parts.len() != all.len() && own.len() == 1 { (own, vec![key.to_owned()]) } else { (all, parts) };
        if parts.len() != keys.len() {
            let reason = "the key does not have as many parts as the mapping names";
            self.errors.push(DataError { field: "key".into(), ..record_error("mapping.key", reason) });
            return;
        }
        for (key, part) in keys.into_iter().zip(parts) {
            let place = &key.place;
            if self.is_context(place) {
                continue;
            }
            let held = base.and_then(|base| self.context.raw(place, base).ok().flatten());
            if held.is_some_and(|held| key.canonical(held) == part) {
                if let Slot::Rows(rows, _) = slot {
                    spread(rows, place);
                }
                continue;
            }
            let written = key.written(&part);
            let value = if key.number { value::number(&written) } else { None };
            self.put(place, Some(value.unwrap_or_else(|| Json::from(&*written))), slot);
        }
    }

    /// Whether a place is one that records get from the elements around them.
    fn is_context(&self, place: &Place) -> bool {
        let Place::Path(path) = place else { return false };
        let names = path.steps.first().into_iter().flat_map(|step| &step.names);
        names.filter_map(|slot| self.program().names.names.get(*slot)).flatten().any(|name| *name.namespace == *CONTEXT)
    }
}
