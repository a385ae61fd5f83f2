//! Collect: reads a stream from its checkpoint, maps, publishes, and only then remembers.

mod again;
mod step;

use std::sync::Arc;

use canonical::envelope::Covers;
use connector::{Batch, Checkpoint, DropLabel, Source};
use jiff::Timestamp;
use mapping::Control;
use roaring::RoaringBitmap;
use store::{Collected, DropEnd, DropJudgement, DropNumber, Export, NewDrop, Outcomes, RecordOutcome, StreamKey};

use crate::context::Context;
use crate::fault::HubError;
use crate::partitions::Spread;
use crate::settings::{Stream, System};
use step::Step;

/// Reads one stream. It lives as long as its source is open.
pub(crate) struct Collector {
    context: Arc<Context>,
    stream: Arc<Stream>,
    key: StreamKey,
    source: Box<dyn Source>,
    reader: mapping::Reader,
    covers: Covers,
    mapping_version: Arc<str>,
    mapping_saved: bool,
    spread: Spread,
    /// Whether what was lost of this stream, if anything was, is published again.
    is_made_up: bool,
}

/// How far a pick-up is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// What people call the drop.
    pub drop_name: String,
    /// Its number.
    pub drop: DropNumber,
    /// Its size, where known.
    pub bytes: Option<u64>,
    /// How much of it is done, where known.
    pub bytes_done: Option<u64>,
    /// Its accounting so far, as collect sees it.
    pub outcomes: Outcomes,
}

/// A drop that is being read.
struct OpenDrop {
    number: DropNumber,
    name: String,
    fingerprint: Option<canonical::record::ContentHash>,
    /// Rows that a full export has shown.
    seen: RoaringBitmap,
    /// Whether something could not even be told by key: then nothing may be taken as gone.
    nameless_rejects: bool,
    /// Whether hashes tell what was last published.
    doubt: Doubt,
    /// When its records were read, where its content is one for good: all of them when it was begun. Then a record that
    /// is published once more, after an interruption, is the same event, and no newer state of another place in the drop.
    read_at: Option<Timestamp>,
    outcomes: Outcomes,
    /// Holds its records against the totals that it states; `None` when it states none, or was begun before an
    /// interruption: then nobody remembers the records until there.
    control: Option<Control>,
}

/// Whether hashes tell what was last published of a record. After an interruption they may not: a batch can be on the
/// bus of which nothing was saved, and a source that is read again may show an older state than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// They do.
    None,
    /// Not for what the next batch shows: it was begun before.
    NextBatch,
    /// Not for anything that this drop shows: it comes in the place of another one that was begun and is gone.
    WholeDrop,
}

/// Who and what a collector reads.
pub(crate) fn stream_key(system: &System, stream: &Arc<str>) -> StreamKey {
    StreamKey { tenant: system.tenant.clone(), system: system.name.clone(), stream: stream.clone() }
}

/// Tells of every step.
pub(crate) type Tell = Option<Box<dyn FnMut(Progress) + Send>>;

impl Collector {
    pub fn new(
        context: Arc<Context>,
        system: &System,
        name: &Arc<str>,
        stream: Arc<Stream>,
        source: Box<dyn Source>,
        spread: Spread,
    ) -> Self {
        let key = stream_key(system, name);
        let reader = stream.mapping.reader();
        let covers = Covers::new(stream.mapping.covers().iter().map(String::as_str));
        let mapping_version = stream.mapping.version().into();
        let (mapping_saved, is_made_up) = (false, false);
        Collector { context, stream, key, source, reader, covers, mapping_version, mapping_saved, spread, is_made_up }
    }

    /// Reads until there is nothing new; with `again`, repeated drops too.
    /// What was read is durable when this returns, also in error.
    pub async fn run(&mut self, again: bool, mut tell: Tell) -> Result<(), HubError> {
        self.save_mapping_version().await?;
        self.make_up().await?;
        let state = self.context.store.stream_state(&self.key).await?;
        let mut after = state.checkpoint.map(Checkpoint);
        if let Some(checkpoint) = &after {
            // The hub may have stopped between saving this checkpoint and telling the source.
            self.source.commit(checkpoint).await?;
        }
        let mut interrupted = state.open_drop;
        let mut open: Option<OpenDrop> = None;
        let mut next = self.source.read(after.as_ref()).await?;
        while let Some(batch) = next.take() {
            if self.context.stop.is_cancelled() {
                return Ok(());
            }
            if let Some(skip) = self.open_drop(&mut open, &batch.drop, again, &mut interrupted).await? {
                self.source.commit(&skip).await?;
                next = self.source.read(Some(&skip)).await?;
                after = Some(skip);
                continue;
            }
            let Some(drop) = open.as_mut() else { continue };
            next = self.step(drop, &batch, &mut tell).await?;
            if batch.last {
                open = None;
            }
            after = Some(batch.checkpoint);
        }
        tracing::debug!(system = %self.key.system, stream = %self.key.stream, at = ?after.is_some(), "nothing new");
        self.context.store.note_run(&self.key, self.context.now(), None).await?;
        Ok(())
    }

    async fn save_mapping_version(&mut self) -> Result<(), HubError> {
        if self.mapping_saved {
            return Ok(());
        }
        let own = std::iter::once(&self.stream.mapping);
        for mapping in own.chain(self.stream.mapping.embedded().iter().map(|embedded| &embedded.mapping)) {
            self.context.store.save_mapping_version(mapping.version(), mapping.name(), mapping.covers()).await?;
        }
        self.mapping_saved = true;
        Ok(())
    }

    /// Gives a drop that begins here its number. Returns where to go on when the drop is not to be read.
    /// `interrupted` is a drop that was begun in an earlier run and has not ended.
    async fn open_drop(
        &mut self,
        open: &mut Option<OpenDrop>,
        label: &DropLabel,
        again: bool,
        interrupted: &mut Option<DropNumber>,
    ) -> Result<Option<Checkpoint>, HubError> {
        if open.as_ref().is_some_and(|drop| drop.name == label.name && drop.fingerprint == label.fingerprint) {
            return Ok(None);
        }
        let mut opened = self.context.store.open_drop(self.new_drop(label, again)).await?;
        let replaces = interrupted.take().is_some_and(|number| number != opened.number);
        if replaces && matches!(opened.judgement, DropJudgement::Duplicate { .. }) {
            // It equals the one before the interrupted one, and so differs from what may have been published since.
            opened = self.context.store.open_drop(self.new_drop(label, true)).await?;
        }
        let is_whole = !matches!(opened.judgement, DropJudgement::Resumed { .. });
        let mut doubt = if replaces { Doubt::WholeDrop } else { Doubt::None };
        let (seen, outcomes) = match opened.judgement {
            DropJudgement::New => (RoaringBitmap::new(), Outcomes::default()),
            DropJudgement::Resumed { seen, outcomes } => {
                doubt = Doubt::NextBatch;
                (read_bitmap(&seen)?, outcomes)
            }
            DropJudgement::Duplicate { of, records } => {
                tracing::info!(system = %self.key.system, stream = %self.key.stream, drop = opened.number, of, records, "a repeated drop");
                match &label.skip {
                    Some(skip) => {
                        let mut step = self.empty_step(opened.number);
                        step.checkpoint = Some(skip.0.clone());
                        step.end = Some(DropEnd::Duplicate);
                        self.context.store.commit_collected(step).await?;
                        return Ok(Some(skip.clone()));
                    }
                    // The source cannot skip: its records will be found unchanged one by one.
                    None => (RoaringBitmap::new(), Outcomes::default()),
                }
            }
        };
        // Nobody remembers whether what was rejected before an interruption had a key.
        let nameless_rejects = outcomes.get(RecordOutcome::Rejected) > 0;
        let (name, fingerprint) = (label.name.clone(), label.fingerprint);
        let read_at = fingerprint.map(|_| opened.begun_at);
        let number = opened.number;
        let control = is_whole.then(|| self.stream.mapping.control(mapping::GROUPS_MAX)).flatten();
        *open = Some(OpenDrop { number, name, fingerprint, seen, nameless_rejects, doubt, read_at, outcomes, control });
        Ok(None)
    }

    fn new_drop(&self, label: &DropLabel, again: bool) -> NewDrop {
        NewDrop {
            stream: self.key.clone(),
            name: label.name.clone(),
            fingerprint: label.fingerprint,
            bytes: label.bytes,
            export: self.stream.export,
            mapping: self.stream.mapping.version().to_owned(),
            at: self.context.now(),
            again,
        }
    }

    fn empty_step(&self, drop: DropNumber) -> Collected {
        Collected {
            stream: self.key.clone(),
            drop,
            checkpoint: None,
            published: Vec::new(),
            ordinals: Vec::new(),
            seen: Vec::new(),
            removed: Vec::new(),
            rejects: Vec::new(),
            tasks: Vec::new(),
            outcomes: Outcomes::default(),
            end: None,
            at: self.context.now(),
        }
    }

    /// A step on one batch.
    fn begin_step(&mut self) -> Step<'_> {
        Step {
            context: &self.context,
            stream: &self.stream,
            key: &self.key,
            reader: &mut self.reader,
            covers: &self.covers,
            mapping_version: &self.mapping_version,
            spread: self.spread,
        }
    }

    /// Maps, publishes and saves one batch while the source reads the next one, which is returned.
    async fn step(&mut self, drop: &mut OpenDrop, batch: &Batch, tell: &mut Tell) -> Result<Option<Batch>, HubError> {
        let look_ahead = !batch.last;
        let step = Step {
            context: &self.context,
            stream: &self.stream,
            key: &self.key,
            reader: &mut self.reader,
            covers: &self.covers,
            mapping_version: &self.mapping_version,
            spread: self.spread,
        };
        let work = step.run(drop, batch);
        let next = if look_ahead {
            let (next, done) = tokio::join!(self.source.read(Some(&batch.checkpoint)), work);
            done?;
            Some(next)
        } else {
            work.await?;
            None
        };
        if let Some(tell) = tell {
            tell(Progress {
                drop_name: drop.name.clone(),
                drop: drop.number,
                bytes: batch.drop.bytes,
                bytes_done: batch.drop.bytes_done,
                outcomes: drop.outcomes.clone(),
            });
        }
        self.source.commit(&batch.checkpoint).await?;
        match next {
            Some(next) => Ok(next?),
            None => Ok(self.source.read(Some(&batch.checkpoint)).await?),
        }
    }
}

fn read_bitmap(bytes: &[u8]) -> Result<RoaringBitmap, HubError> {
    if bytes.is_empty() {
        return Ok(RoaringBitmap::new());
    }
    RoaringBitmap::deserialize_from(bytes).map_err(|error| HubError::Damaged(format!("a set of seen records: {error}")))
}

fn write_bitmap(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    // Writing to memory does not fail.
    let _ = bitmap.serialize_into(&mut bytes);
    bytes
}

/// Whether a drop of this kind has to tell what it did not show.
fn is_full(stream: &Stream) -> bool {
    stream.export == Export::Full
}
