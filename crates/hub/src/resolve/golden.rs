//! The golden document after an observation, and whether it is a new version.

use std::borrow::Cow;
use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use master::{MasterId, SourceView, Trust};
use serde_json::Value;
use store::MasterRow;

use super::working::{Shown, SourceKey, Working};
use crate::references;

/// What became of the golden document.
pub(super) enum Golden {
    /// A new version.
    Changed(u64),
    /// The same as before, and the same as what was observed.
    Same(u64),
    /// The same as before; the observing system shows something else.
    Differs(u64),
}

/// What the sources come to.
struct Outcome {
    state: Operation,
    /// The document's JSON; `None` when no source is left.
    text: Option<Box<str>>,
    document: Option<Value>,
    differs: bool,
}

/// A source in the terms that all systems share.
struct Shared<'a> {
    shown: &'a Shown,
    document: Cow<'a, Value>,
    covers: Arc<[String]>,
}

impl Working<'_> {
    /// Recomputes the golden document from the sources, and takes a new version if and only if it changed.
    /// `observed` is the source that was just observed, if one was.
    pub(super) fn recompute(&mut self, master_id: MasterId, entity: &Entity, observed: Option<&SourceKey>) -> Golden {
        let outcome = self.golden(master_id, entity, observed);
        let before = self.known(master_id).row.as_ref();
        if let Some(row) = before.filter(|row| is_same(row, entity, &outcome)) {
            return if outcome.differs { Golden::Differs(row.version) } else { Golden::Same(row.version) };
        }
        // A master that no source shows any more keeps its last document.
        let last = || before.map_or_else(|| "null".into(), |row| row.document.clone());
        let text = outcome.text.unwrap_or_else(last);
        let document = outcome.document.or_else(|| serde_json::from_str(&text).ok()).unwrap_or(Value::Null);
        let version = self.new_version();
        self.put_master(MasterRow {
            master_id,
            entity: entity.clone(),
            version,
            state: outcome.state,
            redirect: None,
            root: self.root(master_id, &document),
            search: master::search_text(entity, &document).into_boxed_str(),
            document: text,
        });
        Golden::Changed(version)
    }

    fn golden(&self, master_id: MasterId, entity: &Entity, observed: Option<&SourceKey>) -> Outcome {
        let sources = self.sources_of(master_id).iter().filter(|shown| !shown.row.removed);
        let shared: Vec<Shared<'_>> = sources.map(|shown| self.share(shown, entity)).collect();
        let views: Vec<SourceView<'_>> = shared.iter().map(Shared::view).collect();
        let nobody = Trust::default();
        let trust = self.context.settings.trust.get(&self.tenant).unwrap_or(&nobody);
        let Some(golden) = master::golden(entity, &views, trust) else {
            // Who shows it all the same holds what it should not.
            let differs = observed.is_some();
            return Outcome { state: Operation::Remove, text: None, document: None, differs };
        };
        let mine = observed.and_then(|key| shared.iter().find(|shared| shared.shown.is(key)));
        // The document of a single source is taken as it is: its text is there already.
        let text = match (&*shared, &golden) {
            ([only], Cow::Borrowed(_)) if matches!(only.document, Cow::Borrowed(_)) => only.shown.row.document.clone(),
            _ => golden.to_string().into_boxed_str(),
        };
        let differs = shared.len() > 1 && mine.is_some_and(|mine| !master::same(entity, &golden, &mine.document));
        Outcome { state: Operation::Upsert, text: Some(text), document: Some(golden.into_owned()), differs }
    }

    fn share<'a>(&self, shown: &'a Shown, entity: &Entity) -> Shared<'a> {
        let document = self.globalise(&shown.document, entity);
        let covers = self.covers_of(&shown.row.mapping, entity, &document);
        Shared { shown, document, covers }
    }

    /// Puts references in the terms that all systems share: the master id, and nothing of the system's own.
    fn globalise<'a>(&self, document: &'a Value, entity: &Entity) -> Cow<'a, Value> {
        let mut document = Cow::Borrowed(document);
        for field in references::fields(entity) {
            let master_id = references::member(&document, field.name, "master_id").and_then(|id| id.parse().ok());
            if let Some(master_id) = master_id {
                let survivor = self.survivor(master_id).to_string();
                references::replace(document.to_mut(), field.name, &[("master_id", &survivor)]);
            }
        }
        document
    }

    /// The customer whose story a document belongs to.
    fn root(&self, master_id: MasterId, document: &Value) -> MasterId {
        let customer = references::member(document, "customer", "master_id").and_then(|id| id.parse().ok());
        customer.map_or(master_id, |customer| self.root_of(customer))
    }
}

impl Shared<'_> {
    fn view(&self) -> SourceView<'_> {
        SourceView {
            system: &self.shown.row.local.system,
            stream: &self.shown.row.stream,
            key: &self.shown.row.local.key,
            document: &self.document,
            covers: &self.covers,
            asserted: &self.shown.asserted,
        }
    }
}

/// Whether a master is already what its sources come to.
fn is_same(row: &MasterRow, entity: &Entity, outcome: &Outcome) -> bool {
    let (Some(text), Some(document)) = (&outcome.text, &outcome.document) else { return row.state == outcome.state };
    row.state == outcome.state
        && (row.document == *text
            || serde_json::from_str(&row.document).is_ok_and(|before| master::same(entity, document, &before)))
}
