//! `passerelle trace`: everything that happened to an object, oldest first.

use std::collections::HashMap;

use canonical::entity::Operation;
use console::{StoryDocument, StoryView};
use master::MasterId;
use serde_json::{Value, json};
use store::{
    DropNumber, DropStatus, Filter, Hit, JournalEntry, JournalKind, MasterStory, MasterSummary, OperateStore,
    RecordOutcome, RejectStatus,
};

use super::listings::place;
use crate::cli::Trace;
use crate::failure::{Exit, Failure};
use crate::output::{self, moment};
use crate::session::{everything, store_beside};

/// Lines of a drop's journal that are shown.
const DROP_LINES_MAX: usize = 200;

/// Documents of a customer that are shown.
pub const DOCUMENTS_MAX: usize = 200;

/// Tells the story of everything that carries the key.
///
/// # Errors
/// When there is no store, or nothing carries the key.
pub async fn trace(arguments: &Trace) -> Result<Exit, Failure> {
    let store = store_beside(&arguments.place.dir).await?;
    let tenant = arguments.tenant.as_deref();
    let hits = store.find(tenant, &arguments.key).await?;
    let names = drop_names(&*store).await?;
    if hits.is_empty() {
        let message =
            format!("nothing carries \"{}\": no customer, document, key, file, drop or message", arguments.key);
        return Err(Failure::usage("cli.unknown", message));
    }
    let mut values = Vec::new();
    for (index, hit) in hits.iter().enumerate() {
        if index > 0 && !arguments.json {
            output::line("");
        }
        let value = match hit {
            Hit::Master(summary) => master(&*store, tenant, summary, &names, arguments.json).await?,
            Hit::Drop(drop) => self::drop(&*store, drop, &names, arguments.json).await?,
            Hit::Reject(reject) => {
                if !arguments.json {
                    output::line(reject_line(reject));
                }
                json!({ "reject": reject })
            }
            Hit::Waiting(waiting) => {
                if !arguments.json {
                    output::line(format!(
                        "{} {} of {} waits for its customer {} of {} since {}",
                        waiting.entity,
                        waiting.key,
                        waiting.system,
                        waiting.needs_key,
                        waiting.needs_system,
                        moment(waiting.since)
                    ));
                }
                json!({ "waiting": waiting })
            }
        };
        values.push(value);
    }
    if arguments.json {
        output::json(&values);
    }
    Ok(Exit::Done)
}

async fn master(
    store: &dyn OperateStore,
    tenant: Option<&str>,
    summary: &MasterSummary,
    names: &DropNames,
    json: bool,
) -> Result<Value, Failure> {
    let Some(story) = store.story(tenant, summary.master_id).await? else { return Ok(Value::Null) };
    let documents = StoryDocument::of(store, tenant, &story, DOCUMENTS_MAX).await?;
    if !json {
        output::line(story_text(&story, &documents, names));
    }
    Ok(json!({ "master": StoryView::new(&story, documents) }))
}

/// What people call drops: the names of their files, as far as they are known.
pub type DropNames = HashMap<DropNumber, String>;

/// The names of the newest drops.
///
/// # Errors
/// When the store cannot be read.
pub async fn drop_names(store: &dyn OperateStore) -> Result<DropNames, Failure> {
    Ok(store.drops(&everything()).await?.into_iter().map(|drop| (drop.number, drop.name)).collect())
}

/// Whether a master is there, in words.
pub fn state(operation: Operation, survivor: Option<MasterId>) -> String {
    match (operation, survivor) {
        (Operation::Upsert, _) => "there".to_owned(),
        (Operation::Remove, _) => "removed".to_owned(),
        (Operation::Redirect, Some(survivor)) => format!("one with {survivor}"),
        (Operation::Redirect, None) => "one with another".to_owned(),
    }
}

/// The story of a master as a timeline.
pub fn story_text(story: &MasterStory, documents: &[StoryDocument], names: &DropNames) -> String {
    let master = &story.master;
    let name = name(&serde_json::from_str(&master.document).unwrap_or_default());
    let title = name.map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let state = state(master.state, master.redirect);
    let mut text = format!("{} {}{title}, version {}, {state}", master.entity, master.master_id, master.version);
    for entry in &story.journal {
        text.push_str("\n  ");
        text.push_str(&journal_line(entry, names));
    }
    for row in &story.crosswalk {
        let held = if row.removed { "holds it no more" } else { "holds it" };
        let version = if row.version == 0 { String::new() } else { format!(", version {} delivered", row.version) };
        text.push_str(&format!("\n  {} {held} under the key {}{version}", row.local.system, row.local.key));
    }
    for document in documents {
        let title = document.title.as_ref().map(|title| format!(" \"{title}\"")).unwrap_or_default();
        let state = self::state(document.state, None);
        let StoryDocument { entity, master_id, version, .. } = document;
        text.push_str(&format!("\n  its {entity} {master_id}{title}, version {version}, {state}"));
    }
    if documents.len() == DOCUMENTS_MAX {
        text.push_str(&format!("\n  … only the first {DOCUMENTS_MAX} documents are shown"));
    }
    text
}

/// What people call a document.
pub fn name(document: &Value) -> Option<String> {
    let field = |name: &str| document.get(name).and_then(Value::as_str);
    let person = || Some(format!("{} {}", field("given_name").unwrap_or_default(), field("family_name")?));
    let name = field("legal_name").or_else(|| field("trading_name")).or_else(|| field("number")).map(str::to_owned);
    name.or_else(person).map(|name| name.trim().to_owned())
}

/// One line of the story.
fn journal_line(entry: &JournalEntry, names: &DropNames) -> String {
    let what = match entry.kind {
        JournalKind::Created => "created from",
        JournalKind::Linked => "linked to a record of",
        JournalKind::Updated => "updated by",
        JournalKind::Confirmed => "confirmed by",
        JournalKind::Removed => "no longer shown by",
        JournalKind::Waiting => "waits for its customer, from",
        JournalKind::Released => "its customer came, from",
        JournalKind::Parked => "parked, at",
        JournalKind::Retried => "tried again, at",
        JournalKind::Discarded => "given up, at",
        JournalKind::Delivered => "delivered to",
        JournalKind::Refused => "refused by",
        JournalKind::LookedUp => "looked up at",
        JournalKind::Moved => "a record moved here from another master, of",
        JournalKind::Merged => "became one with another master, after",
        JournalKind::Split => "is a master of its own again, after",
        JournalKind::Overridden => "a value was decided by a",
    };
    let mut text = format!("{}  {what} {}", moment(entry.at), entry.system);
    if let Some(key) = &entry.key {
        text.push_str(&format!(", key {key}"));
    }
    if let Some(position) = entry.position {
        text.push_str(&found(position.drop, entry.line, names));
    }
    if let Some(version) = entry.version {
        text.push_str(&format!(", version {version}"));
    }
    if let Some(detail) = &entry.detail {
        text.push_str(&format!(" ({detail})"));
    }
    text
}

/// Where a record was found: file and line, and the drop by its number.
fn found(drop: DropNumber, line: Option<u64>, names: &DropNames) -> String {
    let line = line.map(|line| format!(" line {line}")).unwrap_or_default();
    match names.get(&drop) {
        Some(name) => format!(", {name}{line} (drop {drop})"),
        None => format!(", drop {drop}{line}"),
    }
}

fn reject_line(reject: &RejectStatus) -> String {
    let key = reject.key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
    let (system, stream, number, code) = (&reject.stream.system, &reject.stream.stream, reject.number, &reject.code);
    format!("reject {number} of {system}/{stream}, {}{key}: {} [{code}]", place(reject), reject.reason)
}

async fn drop(store: &dyn OperateStore, drop: &DropStatus, names: &DropNames, json: bool) -> Result<Value, Failure> {
    let filter = Filter { count_max: DROP_LINES_MAX, ..Filter::default() };
    let journal = store.drop_journal(drop.number, &filter).await?;
    let of_system =
        Filter { system: Some(drop.stream.system.to_string()), count_max: DROP_LINES_MAX, ..Filter::default() };
    let mut rejects = store.rejects(&of_system).await?;
    rejects.retain(|reject| reject.drop == drop.number);
    if !json {
        output::line(drop_text(drop));
        for reject in rejects.iter().rev() {
            output::line(format!("  {}", reject_line(reject)));
        }
        for entry in &journal {
            output::line(format!("  {}", journal_line(entry, names)));
        }
        if journal.len() == DROP_LINES_MAX {
            output::line(format!("  … only the first {DROP_LINES_MAX} lines are shown"));
        }
    }
    Ok(json!({ "drop": drop, "rejects": rejects, "journal": journal }))
}

fn drop_text(drop: &DropStatus) -> String {
    let ended = match (drop.end, drop.duplicate_of) {
        (_, Some(first)) => format!("repeats drop {first}"),
        (Some(store::DropEnd::Accepted), _) => "accepted".to_owned(),
        (Some(store::DropEnd::Refused), _) => "refused".to_owned(),
        (Some(store::DropEnd::Duplicate), _) => "duplicate".to_owned(),
        (None, _) => "being read".to_owned(),
    };
    let outcomes = &drop.outcomes;
    let parts: Vec<String> = RecordOutcome::ALL
        .into_iter()
        .filter(|outcome| outcomes.get(*outcome) != 0)
        .map(|outcome| format!("{} {}", outcomes.get(outcome), outcome.name()))
        .chain((outcomes.in_flight != 0).then(|| format!("{} in flight", outcomes.in_flight)))
        .collect();
    let sum = if parts.is_empty() { "0".to_owned() } else { parts.join(" + ") };
    let (system, stream) = (&drop.stream.system, &drop.stream.stream);
    format!(
        "drop {} \"{}\" of {system}/{stream}, begun {}, {ended}: {} read = {sum}",
        drop.number,
        drop.name,
        moment(drop.begun_at),
        outcomes.read
    )
}
