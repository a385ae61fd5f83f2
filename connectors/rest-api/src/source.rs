//! A collection as a stream: runs, drops, marks.

use std::sync::Arc;

use async_trait::async_trait;
use canonical::record::{Body, Json, Place, Record};
use connector::{Batch, Checkpoint, DropLabel, Fault, Item, Reject, Source, Split};

use crate::checkpoint::Progress;
use crate::document::Path;
use crate::mark::{Format, Mark};
use crate::paging::{Collection, Entry};

/// Where items tell how far they are.
pub(crate) struct Marks {
    pub(crate) field: Path,
    pub(crate) format: Format,
    pub(crate) overlap: i64,
    pub(crate) from: Option<String>,
}

/// A stream over a collection. One run through it is one drop; a batch is what one page gave.
///
/// After a run has ended, the next read gives `None` once, so that a hub which reads until `None` comes to an end;
/// the read after that begins another run. A source that was opened anew begins another run at once.
pub(crate) struct RestSource {
    pub(crate) name: String,
    pub(crate) collection: Collection,
    pub(crate) marks: Option<Marks>,
    /// Where an item becomes several records.
    pub(crate) split: Option<Split>,
    pub(crate) file: Arc<str>,
    /// The end of the run that was given out last, until it was answered with `None`.
    pub(crate) ended: Option<Checkpoint>,
}

#[async_trait]
impl Source for RestSource {
    async fn read(&mut self, after: Option<&Checkpoint>) -> Result<Option<Batch>, Fault> {
        if self.ended.take().is_some_and(|ended| after == Some(&ended)) {
            return Ok(None);
        }
        let mut progress = Progress::resume(after)?;
        if progress.pages == 0 {
            progress.since = self.since(progress.start.as_ref());
        }
        loop {
            let step = self.collection.step(&mut progress).await?;
            let given = progress.given;
            let items: Vec<Item> = step.fresh.into_iter().flat_map(|entry| self.items(&mut progress, entry)).collect();
            progress.over = step.over;
            if items.is_empty() && !step.over {
                continue;
            }
            // Nothing changed is no news; an empty collection is.
            if items.is_empty() && given == 0 && self.marks.is_some() {
                return Ok(None);
            }
            let checkpoint = progress.checkpoint()?;
            self.ended = step.over.then(|| checkpoint.clone());
            return Ok(Some(Batch { drop: self.label(&progress), items, last: step.over, checkpoint }));
        }
    }

    /// An API keeps nothing for us that could be acknowledged.
    async fn commit(&mut self, _done: &Checkpoint) -> Result<(), Fault> {
        Ok(())
    }
}

impl RestSource {
    /// What the run asks for everything since.
    fn since(&self, start: Option<&Mark>) -> Option<String> {
        let marks = self.marks.as_ref()?;
        match start {
            Some(start) => marks.format.write(&marks.format.before(start, marks.overlap)),
            None => marks.from.clone(),
        }
    }

    fn label(&self, progress: &Progress) -> DropLabel {
        let name = match &progress.since {
            Some(since) => format!("{} run {} since {since}", self.name, progress.run),
            None => format!("{} run {}", self.name, progress.run),
        };
        DropLabel { name, fingerprint: None, bytes: None, bytes_done: None, skip: None }
    }

    /// The item as the hub sees it, which may be several records; none when it was given out in this state before.
    fn items(&self, progress: &mut Progress, entry: Entry) -> Vec<Item> {
        if let (Some(marks), Some(value)) = (&self.marks, &entry.value) {
            let mark = marks.field.get(value).and_then(|value| marks.format.read(value));
            if let Some(mark) = mark {
                progress.see(&mark);
                if !progress.recent.note(&mark, entry.identity.content) {
                    return Vec::new();
                }
            }
        }
        let Some(split) = &self.split else { return vec![self.item(progress, entry.value, entry.raw)] };
        let Some(value) = entry.value else { return vec![self.item(progress, None, entry.raw)] };
        let mut parts = value.parts(&split.at, &split.with).peekable();
        let mut items = Vec::new();
        while let Some(part) = parts.next() {
            let is_whole = items.is_empty() && parts.peek().is_none();
            let raw = if is_whole { entry.raw.clone() } else { part.to_string().into_bytes() };
            items.push(self.item(progress, Some(part), raw));
        }
        items
    }

    fn item(&self, progress: &mut Progress, value: Option<Json>, raw: Vec<u8>) -> Item {
        let place = Place { file: Some(Arc::clone(&self.file)), line: None, ordinal: progress.given };
        progress.given += 1;
        match value {
            Some(body @ Json::Object(_)) => Item::Record(Record { place, body: Body::Json(body), raw }),
            Some(_) => Item::Reject(Reject {
                place,
                code: "rest.item-not-object",
                reason: "the item is not a JSON object; is items the path of the array of records?".to_owned(),
                raw,
            }),
            None => Item::Reject(Reject {
                place,
                code: "rest.item-unreadable",
                reason: "the item cannot be read: it is nested too deeply, or has a text with an escape that stands for no character"
                    .to_owned(),
                raw,
            }),
        }
    }
}
