//! The golden document after an observation, and whether it is a new version.

use std::borrow::Cow;
use std::sync::Arc;

use canonical::entity::{Entity, Operation};
use master::{MasterId, Rules, SourceView};
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
enum Outcome {
    /// What the master is already.
    Same { version: u64, differs: bool },
    /// Something else: the row, without its version.
    Changed(Box<MasterRow>),
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
        match self.golden(master_id, entity, observed) {
            Outcome::Same { version, differs: true } => Golden::Differs(version),
            Outcome::Same { version, differs: false } => Golden::Same(version),
            Outcome::Changed(row) => {
                let version = self.new_version();
                self.put_master(MasterRow { version, ..*row });
                Golden::Changed(version)
            }
        }
    }

    fn golden(&self, master_id: MasterId, entity: &Entity, observed: Option<&SourceKey>) -> Outcome {
        let before = self.row_of(master_id);
        let sources = self.sources_of(master_id).iter().filter(|shown| !shown.row.removed);
        let shared: Vec<Shared<'_>> = sources.map(|shown| self.share(shown, entity)).collect();
        let views: Vec<SourceView<'_>> = shared.iter().map(Shared::view).collect();
        let none = Rules::default();
        let rules = self.context.settings.rules.get(&self.tenant).unwrap_or(&none);
        let Some(golden) = master::golden(entity, &views, rules) else {
            // Who shows it all the same holds what it should not.
            return self.gone(master_id, entity, before, observed.is_some());
        };
        // The document of a single source is taken as it is: its text is there already.
        let text = match (&*shared, &golden) {
            ([only], Cow::Borrowed(_)) if matches!(only.document, Cow::Borrowed(_)) => only.shown.row.document.clone(),
            _ => golden.to_string().into_boxed_str(),
        };
        if let Some(row) = before.filter(|row| row.state == Operation::Upsert && is_same(row, entity, &text, &golden)) {
            let mine = observed.and_then(|key| shared.iter().find(|shared| shared.shown.is(key)));
            let differs = shared.len() > 1 && mine.is_some_and(|mine| !master::same(entity, &golden, &mine.document));
            return Outcome::Same { version: row.version, differs };
        }
        self.changed(master_id, entity, Operation::Upsert, text, &golden)
    }

    /// What a master comes to that no source shows any more: it keeps its last document.
    fn gone(&self, master_id: MasterId, entity: &Entity, before: Option<&MasterRow>, differs: bool) -> Outcome {
        if let Some(row) = before.filter(|row| row.state == Operation::Remove) {
            return Outcome::Same { version: row.version, differs };
        }
        let text = before.map_or_else(|| "null".into(), |row| row.document.clone());
        let document = serde_json::from_str(&text).unwrap_or(Value::Null);
        self.changed(master_id, entity, Operation::Remove, text, &document)
    }

    fn changed(
        &self,
        master_id: MasterId,
        entity: &Entity,
        state: Operation,
        text: Box<str>,
        document: &Value,
    ) -> Outcome {
        Outcome::Changed(Box::new(MasterRow {
            master_id,
            entity: entity.clone(),
            version: 0,
            state,
            redirect: None,
            root: self.root(master_id, document),
            search: master::search_text(entity, document).into_boxed_str(),
            document: text,
        }))
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

/// Whether a master already has this document.
fn is_same(row: &MasterRow, entity: &Entity, text: &str, document: &Value) -> bool {
    *row.document == *text
        || serde_json::from_str(&row.document).is_ok_and(|before| master::same(entity, document, &before))
}
