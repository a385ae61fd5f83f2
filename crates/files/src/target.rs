//! Folders as a target: each batch of changes becomes one file per entity, or one file per change.
//!
//! A batch of which something is refused is not written: the changes that are left come again in the next one. When a
//! file cannot be written, those behind it are not either.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use canonical::entity::Entity;
use canonical::record::Place;
use connector::{BatchId, Fault, Found, Outcome, Reference, Reject, Rendered, Target};

use crate::publish::NotPublished;
use crate::{NewFile, Problem, Publisher};

/// What becomes of a change when a file is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It is in the file.
    Written,
    /// There is nothing to write for it: it counts as applied.
    Nothing,
    /// The format cannot express it: a stable code and one sentence without values. Then no file of the batch is written.
    Refused(&'static str, String),
}

/// What makes the content of a file.
pub trait Render: Send + Sync + 'static {
    /// One file with these changes, in order; one fate per change.
    fn render(&self, changes: &[&Rendered]) -> (Vec<u8>, Vec<Fate>);
}

/// The files of one entity.
pub struct EntityFiles {
    publisher: Publisher,
    name: String,
    one_file_per_record: bool,
    render: Box<dyn Render>,
}

impl EntityFiles {
    /// Files with names made from a template with `{batch}`, `{entity}`, and for one file per record `{key}` and `{version}`.
    ///
    /// # Errors
    /// [`Fault::Halt`] when two files could get one name.
    pub fn new(
        publisher: Publisher,
        name: String,
        one_file_per_record: bool,
        render: Box<dyn Render>,
    ) -> Result<Self, Fault> {
        let distinct = name.contains(if one_file_per_record { "{key}" } else { "{batch}" });
        if !distinct || name.contains('/') || name.starts_with('.') {
            let needed = if one_file_per_record { "{key}" } else { "{batch}" };
            return Err(Fault::halt(format!("file = \"{name}\" must be a name without \"/\" that contains {needed}")));
        }
        Ok(EntityFiles { publisher, name, one_file_per_record, render })
    }

    fn id(&self, batch: &BatchId, reference: &Reference) -> String {
        let mut id = format!("{}.{}", escape_name(batch), reference.entity.name());
        if self.one_file_per_record {
            let _ = write!(id, ".{}", escape_name(&reference.idempotency_key()));
        }
        id
    }

    fn file_name(&self, batch: &BatchId, reference: &Reference) -> String {
        let name = self.name.replace("{batch}", &escape_name(batch)).replace("{entity}", reference.entity.name());
        if !self.one_file_per_record {
            return name;
        }
        let key = reference.local_key.as_deref().unwrap_or(&reference.master_id);
        name.replace("{version}", &reference.version.to_string()).replace("{key}", &escape_name(key))
    }
}

/// Makes any text fit a file's name: letters, digits, `-`, `_` and inner `.` stay, other bytes become `%` and two digits.
/// Different texts stay different; a very long one ends in its hash.
pub fn escape_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || (byte == b'.' && at > 0) {
            name.push(byte as char);
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    if name.len() > 120 {
        name.truncate(100);
        name.push_str(&blake3::hash(text.as_bytes()).to_hex()[..16]);
    }
    name
}

/// Folders as a target. Each entity has a folder of its own, or shares one under other names.
pub struct FileTarget {
    entities: Arc<BTreeMap<Entity, EntityFiles>>,
}

impl FileTarget {
    /// A target for these entities; changes of other entities are refused.
    pub fn new(entities: BTreeMap<Entity, EntityFiles>) -> Self {
        FileTarget { entities: Arc::new(entities) }
    }
}

type Outcomes = Vec<Result<Outcome, Fault>>;

/// Tells the thread that does the work that nobody waits for it any more.
struct AbandonedOnDrop(Arc<AtomicBool>);

impl Drop for AbandonedOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Target for FileTarget {
    async fn apply(&mut self, batch: &BatchId, changes: &[Rendered]) -> Outcomes {
        let (entities, batch, changes) = (Arc::clone(&self.entities), batch.to_owned(), changes.to_vec());
        let count = changes.len();
        let guard = AbandonedOnDrop(Arc::default());
        let abandoned = Arc::clone(&guard.0);
        let applied = tokio::task::spawn_blocking(move || apply(&entities, &batch, &changes, &abandoned)).await;
        applied.unwrap_or_else(|_| (0..count).map(|_| Ok(Outcome::Unknown)).collect())
    }

    async fn find(&mut self, batch: &BatchId, references: &[Reference]) -> Vec<Result<Found, Fault>> {
        let (entities, batch, references) = (Arc::clone(&self.entities), batch.to_owned(), references.to_vec());
        let count = references.len();
        let found = tokio::task::spawn_blocking(move || find(&entities, &batch, &references)).await;
        let interrupted = || Err(Fault::retry("looking into the folder was interrupted"));
        found.unwrap_or_else(|_| (0..count).map(|_| interrupted()).collect())
    }
}

fn apply(
    entities: &BTreeMap<Entity, EntityFiles>,
    batch: &BatchId,
    changes: &[Rendered],
    abandoned: &AtomicBool,
) -> Outcomes {
    let mut outcomes: Vec<Option<Result<Outcome, Fault>>> = (0..changes.len()).map(|_| None).collect();
    let groups = groups(entities, batch, changes, &mut outcomes);
    // What can be refused is known before anything is written, so that nothing overtakes a change that is refused.
    let mut rendered: Vec<Rendering<'_>> = groups.into_iter().map(|group| group.render(changes)).collect();
    for rendering in &rendered {
        rendering.tell_refused(&mut outcomes);
    }
    if outcomes.iter().any(Option::is_some) {
        return outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(not_yet()))).collect();
    }
    for rendering in &mut rendered {
        let published = rendering.publish(batch, changes, abandoned);
        rendering.tell_published(changes, &published, &mut outcomes);
        if published.is_err() {
            break;
        }
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(not_yet()))).collect()
}

/// The changes by the file that they go into, in the order of their first change.
fn groups<'a>(
    entities: &'a BTreeMap<Entity, EntityFiles>,
    batch: &BatchId,
    changes: &[Rendered],
    outcomes: &mut [Option<Result<Outcome, Fault>>],
) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, change) in changes.iter().enumerate() {
        let Some(files) = entities.get(&change.reference.entity) else {
            let reason = format!("the system takes no {}; configure a target for it", change.reference.entity);
            outcomes[at] = Some(Ok(refused("file.no-target", reason)));
            continue;
        };
        let id = files.id(batch, &change.reference);
        let group = *known.entry(id.clone()).or_insert_with(|| {
            groups.push(Group { id, files, members: Vec::new() });
            groups.len() - 1
        });
        groups[group].members.push(at);
    }
    groups
}

/// The changes that go into one file.
struct Group<'a> {
    id: String,
    files: &'a EntityFiles,
    members: Vec<usize>,
}

impl<'a> Group<'a> {
    fn render(self, changes: &[Rendered]) -> Rendering<'a> {
        let group: Vec<&Rendered> = self.members.iter().map(|at| &changes[*at]).collect();
        let (content, fates) = self.files.render.render(&group);
        Rendering { group: self, content, fates }
    }
}

/// The content of one file, and what becomes of each of its changes.
struct Rendering<'a> {
    group: Group<'a>,
    content: Vec<u8>,
    fates: Vec<Fate>,
}

impl Rendering<'_> {
    fn members(&self) -> impl Iterator<Item = (usize, &Fate)> {
        self.group.members.iter().copied().zip(&self.fates)
    }

    fn tell_refused(&self, outcomes: &mut [Option<Result<Outcome, Fault>>]) {
        for (at, fate) in self.members() {
            if let Fate::Refused(code, reason) = fate {
                outcomes[at] = Some(Ok(refused(code, reason.clone())));
            }
        }
    }

    fn publish(&mut self, batch: &BatchId, changes: &[Rendered], abandoned: &AtomicBool) -> Result<(), NotPublished> {
        let content = std::mem::take(&mut self.content);
        let Group { id, files, .. } = &self.group;
        let written =
            || self.members().filter(|(_, fate)| **fate == Fate::Written).map(|(at, _)| &changes[at].reference);
        let Some(first) = written().next() else { return Ok(()) };
        let name = files.file_name(batch, first);
        let members = written().map(Reference::idempotency_key).collect();
        files.publisher.publish(&NewFile { id: id.clone(), name, content, members }, abandoned)
    }

    fn tell_published(
        &self,
        changes: &[Rendered],
        published: &Result<(), NotPublished>,
        outcomes: &mut [Option<Result<Outcome, Fault>>],
    ) {
        for (at, fate) in self.members() {
            let local_key = changes[at].reference.local_key.clone();
            outcomes[at] = Some(match (fate, published) {
                (Fate::Written, Err(error)) if error.certain => {
                    Err(Problem::fault(&error.path.display(), &error.error))
                }
                (Fate::Written, Err(_)) => Ok(Outcome::Unknown),
                _ => Ok(Outcome::Applied { local_key, holds: None }),
            });
        }
    }
}

/// The fault of a change that was not written because of one before it.
fn not_yet() -> Fault {
    Fault::Retry {
        reason: "an earlier change was not written; this one follows".to_owned(),
        after: Some(Duration::ZERO),
    }
}

fn refused(code: &'static str, reason: String) -> Outcome {
    Outcome::Rejected(Reject { place: Place::default(), code, reason, raw: Vec::new() })
}

fn find(
    entities: &BTreeMap<Entity, EntityFiles>,
    batch: &BatchId,
    references: &[Reference],
) -> Vec<Result<Found, Fault>> {
    let mut known: HashMap<String, Option<HashSet<String>>> = HashMap::new();
    let mut look = |reference: &Reference| {
        let not_applied = Found::NotApplied { local_key: reference.local_key.clone() };
        let Some(files) = entities.get(&reference.entity) else { return Ok(not_applied) };
        let id = files.id(batch, reference);
        if !known.contains_key(&id) {
            let members = files.publisher.members(&id);
            known.insert(
                id.clone(),
                members.map_err(|error| Problem::fault(&files.publisher.folder().display(), &error))?,
            );
        }
        let sent = known.get(&id).and_then(Option::as_ref);
        Ok(if sent.is_some_and(|members| members.contains(&reference.idempotency_key())) {
            Found::Applied { local_key: reference.local_key.clone(), holds: None }
        } else {
            not_applied
        })
    };
    references.iter().map(&mut look).collect()
}

#[cfg(test)]
mod tests;
