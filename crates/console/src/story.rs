//! The story of one master as JSON: what `/api/masters/…` and `passerelle trace --json` show.

use canonical::{Entity, Operation};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use store::{CrosswalkRow, Filter, JournalEntry, MasterStory, MasterSummary, OperateStore, SourceRow, StoreError};

use crate::document::{subtitle, title};

/// Everything about one master.
#[derive(Debug, Serialize)]
pub struct StoryView<'a> {
    /// The master.
    pub master_id: String,
    /// The kind of the document.
    pub entity: &'a Entity,
    /// The version.
    pub version: u64,
    /// Whether it is there, removed, or redirected.
    pub state: Operation,
    /// The master that took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// The customer whose story it belongs to.
    pub root: String,
    /// The golden document, or the current version.
    pub document: &'a RawValue,
    /// What every system shows of it.
    pub sources: Vec<StorySource<'a>>,
    /// What every system was last known to hold of it.
    pub crosswalk: Vec<StoryCrosswalk<'a>>,
    /// The documents that belong to a customer, by id, at most as many as were asked for.
    pub documents: Vec<StoryDocument>,
    /// What happened to it, oldest first.
    pub journal: &'a [JournalEntry],
}

/// An invoice, a payment or another document of a customer, in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoryDocument {
    /// The master, under which its own story is.
    pub master_id: String,
    /// The kind of the document.
    pub entity: Entity,
    /// The version.
    pub version: u64,
    /// Whether it is there, removed, or redirected.
    pub state: Operation,
    /// What people call it: an invoice's number, a payment's amount and date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is about, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl StoryDocument {
    /// At most `count_max` documents of a master, by id; only customers have any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(
        store: &dyn OperateStore,
        tenant: Option<&str>,
        story: &MasterStory,
        count_max: usize,
    ) -> Result<Vec<Self>, StoreError> {
        if story.master.entity != Entity::Customer {
            return Ok(Vec::new());
        }
        let tenant = tenant.map(str::to_owned);
        let customer = Some(story.master.master_id);
        let filter = Filter { tenant, customer, count_max, ..Filter::default() };
        Ok(store.masters(&filter).await?.iter().map(StoryDocument::from).collect())
    }
}

impl From<&MasterSummary> for StoryDocument {
    fn from(master: &MasterSummary) -> Self {
        let document = parsed(master.document.get());
        StoryDocument {
            master_id: master.master_id.to_string(),
            entity: master.entity.clone(),
            version: master.version,
            state: master.state,
            title: title(&master.entity, &document),
            about: subtitle(&master.entity, &document),
        }
    }
}

/// What one stream shows of a master.
#[derive(Debug, Serialize)]
pub struct StorySource<'a> {
    /// The system.
    pub system: &'a str,
    /// The stream.
    pub stream: &'a str,
    /// The system's own key.
    pub key: &'a str,
    /// The document, as the system shows it.
    pub document: &'a RawValue,
    /// Where it was observed.
    pub place: Place,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// Whether the system no longer shows it.
    pub removed: bool,
}

/// Where a document was observed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Place {
    /// The drop.
    pub drop: u64,
    /// The record's position in the drop, counted from 0.
    pub ordinal: u64,
}

/// What one system was last known to hold of a master.
#[derive(Debug, Serialize)]
pub struct StoryCrosswalk<'a> {
    /// The system.
    pub system: &'a str,
    /// The system's own key.
    pub key: &'a str,
    /// The version that was last delivered; 0 when nothing was.
    pub version: u64,
    /// The delivered document; absent when the system has shown its record since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<&'a RawValue>,
    /// Whether the system is known to hold nothing under this key any more.
    pub removed: bool,
}

impl<'a> StoryView<'a> {
    /// The story with the documents of the customer, where it is one.
    #[must_use]
    pub fn new(story: &'a MasterStory, documents: Vec<StoryDocument>) -> Self {
        let master = &story.master;
        StoryView {
            master_id: master.master_id.to_string(),
            entity: &master.entity,
            version: master.version,
            state: master.state,
            redirect: master.redirect.map(|survivor| survivor.to_string()),
            root: master.root.to_string(),
            document: raw(&master.document),
            sources: story.sources.iter().map(source).collect(),
            crosswalk: story.crosswalk.iter().map(crosswalk).collect(),
            documents,
            journal: &story.journal,
        }
    }
}

fn source(row: &SourceRow) -> StorySource<'_> {
    StorySource {
        system: &row.local.system,
        stream: &row.stream,
        key: &row.local.key,
        document: raw(&row.document),
        place: Place { drop: row.position.drop, ordinal: row.position.ordinal },
        observed_at: row.observed_at,
        removed: row.removed,
    }
}

fn crosswalk(row: &CrosswalkRow) -> StoryCrosswalk<'_> {
    StoryCrosswalk {
        system: &row.local.system,
        key: &row.local.key,
        version: row.version,
        holds: row.holds.as_deref().map(raw),
        removed: row.removed,
    }
}

/// Stored JSON as it is. What is stored was written by serde, so `null` stands only for a damaged row.
fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap_or(RawValue::NULL)
}

/// Stored JSON, taken apart.
pub(crate) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}
