//! Why a customer is as it is: what `/api/masters/…/why` and `passerelle customers why --json` show.

use std::sync::Arc;

use canonical::Operation;
use master::{Asserted, Explanation, Rules, SourceView};
use serde::Serialize;
use serde_json::Value;
use store::{MasterStory, SourceRow};

use crate::story::parsed;

/// What the sources of a customer say, read from its story. Records that a system no longer shows are left out.
pub struct Sources<'s>(Vec<Source<'s>>);

struct Source<'s> {
    row: &'s SourceRow,
    document: Value,
    asserted: Asserted,
    covers: Arc<[String]>,
}

impl<'s> Sources<'s> {
    /// The sources of a story.
    #[must_use]
    pub fn of(story: &'s MasterStory) -> Self {
        let shown = story.sources.iter().filter(|row| !row.removed);
        Self(shown.filter_map(|row| Source::read(story, row)).collect())
    }

    /// The same as `master` takes them.
    #[must_use]
    pub fn views(&self) -> Vec<SourceView<'_>> {
        self.0.iter().map(Source::view).collect()
    }
}

impl<'s> Source<'s> {
    /// `None` for a damaged row, which counts for nothing in the hub either.
    fn read(story: &MasterStory, row: &'s SourceRow) -> Option<Self> {
        let document = serde_json::from_str(&row.document).ok()?;
        let asserted = serde_json::from_str(&row.asserted).ok()?;
        let saved = story.covers.get(&row.mapping).cloned();
        // A customer that was embedded in another document has no mapping of its own: it speaks of what it holds.
        let covers = saved.unwrap_or_else(|| master::units(&story.master.entity, &document).into());
        Some(Self { row, document, asserted, covers })
    }

    fn view(&self) -> SourceView<'_> {
        SourceView {
            system: &self.row.local.system,
            stream: &self.row.stream,
            key: &self.row.local.key,
            document: &self.document,
            covers: &self.covers,
            asserted: &self.asserted,
        }
    }
}

/// Why each value of a customer is as it is.
#[derive(Debug, Serialize)]
pub struct Why<'a> {
    /// The customer.
    pub master_id: String,
    /// Its version.
    pub version: u64,
    /// Whether these rules make of the sources what is stored. They do not after the rules were changed, until a source of
    /// the customer is observed again.
    pub is_current: bool,
    /// Its units, in the order of its fields.
    pub units: Vec<Explanation<'a>>,
}

impl<'a> Why<'a> {
    /// Why a customer is as these rules make it.
    #[must_use]
    pub fn new(story: &MasterStory, sources: &'a Sources<'_>, rules: &Rules) -> Self {
        let (entity, views) = (&story.master.entity, sources.views());
        let golden = master::golden(entity, &views, rules);
        let is_current = match golden {
            Some(golden) => {
                story.master.state == Operation::Upsert
                    && master::same(entity, &golden, &parsed(&story.master.document))
            }
            None => story.master.state == Operation::Remove,
        };
        Why {
            master_id: story.master.master_id.to_string(),
            version: story.master.version,
            is_current,
            units: master::explain(entity, &views, rules),
        }
    }
}
