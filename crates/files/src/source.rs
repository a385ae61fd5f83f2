//! A folder as a stream of drops.

mod again;

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use canonical::record::{Body, Place, Record};
use connector::{Again, Batch, Checkpoint, DropLabel, Fault, Item, PastDrop, Reject, Source};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::archive::put_away;
use crate::checkpoint::{Current, FINISHED_MAX, Finished, FolderPosition, KEPT_MAX, Stamp};
use crate::content::FileTaken;
use crate::folder::{Candidate, Watch};
use crate::{PickUp, Problem};

/// What a file connector knows about its files.
pub trait Format: Clone + Send + Sync + 'static {
    /// Where in a file a record ends.
    type Position: Clone + Default + Send + Serialize + DeserializeOwned + 'static;
    /// What reads a file.
    type Records: Records<Position = Self::Position>;

    /// Looks a file over before anything of it is given out, so that nothing of a broken file is applied.
    ///
    /// # Errors
    /// Why the whole file is refused.
    fn inspect(&self, file: &FileTaken) -> Result<(), Problem>;

    /// Opens a file at a position that an earlier reading of the same content gave.
    ///
    /// # Errors
    /// Why the whole file is refused.
    fn open(&self, file: &FileTaken, position: &Self::Position) -> Result<Self::Records, Problem>;
}

/// A record or reject whose place but for the line is known to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct Unplaced {
    /// The line, counted from 1, of its first byte.
    pub line: u64,
    /// The bytes as they came.
    pub raw: Vec<u8>,
    /// The record, or the code and the reason of a reject.
    pub body: Result<Body, (&'static str, String)>,
}

/// The records of one file, in order.
pub trait Records: Send + 'static {
    /// Where in a file a record ends.
    type Position;

    /// The next record or reject; `None` at the end.
    ///
    /// # Errors
    /// Why the rest of the file cannot be read.
    fn next(&mut self) -> Result<Option<Unplaced>, Problem>;

    /// The position behind everything that was given; `None` while a group of rows is open.
    fn position(&self) -> Option<Self::Position>;

    /// Counts the bytes of the file, as it is on disk, that were read so far.
    fn consumed(&self) -> Arc<AtomicU64>;
}

/// A folder as a stream of drops: each file is one.
///
/// Guarantees beyond [`Source`]'s: a file that is refused becomes one reject, and nothing else of it is given out;
/// a file that is changed while it is being read ends its drop with a reject and begins a new one;
/// nothing in the archive is overwritten. Memory is bounded by one batch and the format's longest record.
pub struct FileSource<F: Format> {
    pick_up: PickUp,
    format: F,
    /// Absent while a call runs, and after a call was abandoned; it is then made afresh.
    folder: Option<Box<Folder<F>>>,
}

impl<F: Format> FileSource<F> {
    /// A stream of the files in a folder.
    pub fn new(pick_up: PickUp, format: F) -> Self {
        FileSource { pick_up, format, folder: None }
    }

    /// Runs a call on a thread that may block.
    async fn run<T, C>(&mut self, call: C) -> Result<T, Fault>
    where
        T: Send + 'static,
        C: FnOnce(&mut Folder<F>) -> Result<T, Fault> + Send + 'static,
    {
        let mut folder =
            self.folder.take().unwrap_or_else(|| Box::new(Folder::new(self.pick_up.clone(), self.format.clone())));
        let finished = tokio::task::spawn_blocking(move || {
            let result = call(&mut folder);
            (folder, result)
        });
        let (folder, result) =
            finished.await.map_err(|error| Fault::retry(format!("reading a file was interrupted: {error}")))?;
        self.folder = Some(folder);
        result
    }
}

#[async_trait]
impl<F: Format> Source for FileSource<F> {
    async fn read(&mut self, after: Option<&Checkpoint>) -> Result<Option<Batch>, Fault> {
        let after = after.cloned();
        self.run(move |folder| folder.read(after.as_ref())).await
    }

    async fn commit(&mut self, done: &Checkpoint) -> Result<(), Fault> {
        let done = done.clone();
        self.run(move |folder| folder.commit(&done)).await
    }

    async fn again(&mut self, drop: &PastDrop) -> Result<Again, Fault> {
        let drop = drop.clone();
        self.run(move |folder| again::find(folder, &drop)).await
    }
}

/// A file that is open in the middle of its drop.
struct OpenFile<F: Format> {
    file: FileTaken,
    records: F::Records,
    name: Arc<str>,
    ordinal: u64,
    /// The checkpoint that the next read must come with for the file to be read on without being opened again.
    after: Option<Checkpoint>,
}

/// The blocking half of a [`FileSource`].
struct Folder<F: Format> {
    pick_up: PickUp,
    format: F,
    watch: Watch,
    open: Option<OpenFile<F>>,
}

/// What became of taking a file.
enum Taking<F: Format> {
    Open(Box<OpenFile<F>>),
    Refused(Box<Finished>, Reject),
    NotYet,
}

impl<F: Format> Folder<F> {
    fn new(pick_up: PickUp, format: F) -> Self {
        let watch = pick_up.watch();
        Folder { pick_up, format, watch, open: None }
    }

    fn fault(&self, error: &io::Error) -> Fault {
        let folder = self.pick_up.folder.display();
        match error.kind() {
            io::ErrorKind::NotADirectory => {
                Fault::halt(format!("{folder} is not a folder; let the stream's folder name one"))
            }
            // The folder may be on a share that is mounted later.
            io::ErrorKind::NotFound => {
                Fault::retry(format!("{folder}: there is no such folder; make it, or correct the stream's folder"))
            }
            _ => Problem::fault(&folder, error),
        }
    }

    fn read(&mut self, after: Option<&Checkpoint>) -> Result<Option<Batch>, Fault> {
        let mut position = FolderPosition::<F::Position>::load(after)?;
        let current = position.current.take();
        if let Some(open) = self.open.take()
            && after.is_some()
            && open.after.as_ref() == after
        {
            return self.fill(open, position).map(Some);
        }
        if let Some(current) = current {
            return match self.take_again(&current)? {
                Some(open) => self.fill(open, position).map(Some),
                None => self.lost(&current, position).map(Some),
            };
        }
        self.prune(&mut position)?;
        let next = self.watch.next(|stamp| position.is_done(stamp)).map_err(|error| self.fault(&error))?;
        let Some(candidate) = next else { return Ok(None) };
        match self.take(&candidate)? {
            Taking::Open(open) => self.fill(*open, position).map(Some),
            Taking::Refused(finished, reject) => self.refused(*finished, reject, position).map(Some),
            Taking::NotYet => {
                self.watch.forget();
                Ok(None)
            }
        }
    }

    /// Forgets files that are put away, or were replaced by others.
    fn prune(&self, position: &mut FolderPosition<F::Position>) -> Result<(), Fault> {
        let stamp_of = |name: &str| {
            std::fs::metadata(self.pick_up.folder.join(name)).ok().map(|metadata| Stamp::of(name, &metadata))
        };
        position.finished.retain(|finished| stamp_of(&finished.stamp.name).as_ref() == Some(&finished.stamp));
        if position.finished.len() >= FINISHED_MAX {
            let (count, folder) = (position.finished.len(), self.pick_up.folder.display());
            return Err(Fault::halt(format!(
                "{folder}: {count} files that were read cannot be archived; look at the rights and the disk"
            )));
        }
        if position.kept.len() >= KEPT_MAX {
            let entries = std::fs::read_dir(&self.pick_up.folder).map_err(|error| self.fault(&error))?;
            let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let present: std::collections::HashSet<String> =
                names.filter_map(|name| stamp_of(&name)).map(|stamp| stamp.mark()).collect();
            position.kept.retain(|mark| present.contains(mark));
        }
        if position.kept.len() >= KEPT_MAX {
            let folder = self.pick_up.folder.display();
            return Err(Fault::halt(format!(
                "{folder}: {KEPT_MAX} files are kept; move some away, or give the stream an archive"
            )));
        }
        Ok(())
    }

    fn take(&self, candidate: &Candidate) -> Result<Taking<F>, Fault> {
        let stamp = &candidate.stamp;
        if candidate.irregular {
            let problem = Problem::refused(
                "file.irregular",
                "this is a folder or a device, not a file; it is moved out of the way",
            );
            return self.refuse(Finished::refused(stamp, String::new()), problem);
        }
        let file = match self.pick_up.take(&candidate.path, stamp) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Taking::NotYet),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Taking::NotYet),
            Err(error) => return Err(Problem::fault(&candidate.path.display(), &error)),
        };
        let compressed = file.compression() != crate::Compression::None;
        let inspected = file.inspect().and_then(|()| self.format.inspect(&file));
        let records = inspected.and_then(|()| self.format.open(&file, &F::Position::default()));
        match records.map_err(|problem| problem.of_compressed(compressed)) {
            Ok(records) => Ok(Taking::Open(Box::new(OpenFile {
                name: file.name().into(),
                records,
                file,
                ordinal: 0,
                after: None,
            }))),
            Err(problem) => self.refuse(Finished { refused: true, ..finished_of(&file) }, problem),
        }
    }

    fn refuse(&self, finished: Finished, problem: Problem) -> Result<Taking<F>, Fault> {
        let stamp = &finished.stamp;
        match problem {
            Problem::Refused { code, reason } => {
                let place = Place { file: Some(stamp.name.as_str().into()), line: None, ordinal: 0 };
                Ok(Taking::Refused(Box::new(finished), Reject { place, code, reason, raw: Vec::new() }))
            }
            Problem::Io(error) => Err(Problem::fault(&self.pick_up.folder.join(&stamp.name).display(), &error)),
        }
    }

    /// Opens the file of a checkpoint again, if it is still the same.
    fn take_again(&self, current: &Current<F::Position>) -> Result<Option<OpenFile<F>>, Fault> {
        let path = self.pick_up.folder.join(&current.stamp.name);
        let fault = |error: &io::Error| Problem::fault(&path.display(), error);
        match std::fs::metadata(&path) {
            Ok(metadata) if Stamp::of(&current.stamp.name, &metadata) == current.stamp => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault(&error)),
        }
        let taken = self.pick_up.take(&path, &current.stamp).map_err(|error| fault(&error))?;
        let Some(file) = taken.filter(|file| file.fingerprint.to_string() == current.fingerprint) else {
            return Ok(None);
        };
        let records = match self.format.open(&file, &current.position) {
            Ok(records) => records,
            Err(Problem::Io(error)) => return Err(fault(&error)),
            // It was opened once with other settings: what is left of it cannot be read with these.
            Err(Problem::Refused { reason, .. }) => {
                return Err(Fault::halt(format!("{}: cannot be read on: {reason}", path.display())));
            }
        };
        let name = current.stamp.name.as_str().into();
        Ok(Some(OpenFile { name, records, file, ordinal: current.ordinal, after: None }))
    }

    /// Reads one batch of an open file.
    fn fill(&mut self, mut open: OpenFile<F>, position: FolderPosition<F::Position>) -> Result<Batch, Fault> {
        let (mut items, mut bytes) = (Vec::new(), 0);
        let compressed = open.file.compression() != crate::Compression::None;
        let mut finished = finished_of(&open.file);
        let current = loop {
            let next = open.records.next().map_err(|problem| problem.of_compressed(compressed));
            match next {
                Ok(Some(unplaced)) => {
                    bytes += unplaced.raw.len();
                    items.push(open.place(unplaced));
                }
                Ok(None) => break None,
                Err(Problem::Refused { code, reason }) => {
                    finished.refused = true;
                    items.push(open.reject(code, reason));
                    break None;
                }
                Err(Problem::Io(error)) => return Err(Problem::fault(&open.file.path.display(), &error)),
            }
            let full = items.len() >= self.pick_up.batch_records_max || bytes >= self.pick_up.batch_bytes_max;
            if full && let Some(position) = open.records.position() {
                let (stamp, fingerprint) = (finished.stamp.clone(), finished.fingerprint.clone());
                break Some(Current { stamp, fingerprint, ordinal: open.ordinal, position });
            }
        };
        let label = self.label(&finished, Some(open.file.fingerprint), &position)?;
        let label = DropLabel { bytes_done: Some(open.records.consumed().load(Ordering::Relaxed)), ..label };
        if open.file.was_changed() {
            let first = open.ordinal - items.len() as u64;
            let reject = changed(&open.name, first);
            return self.batch(label, vec![Item::Reject(reject)], position, None);
        }
        match current {
            Some(current) => {
                let checkpoint = FolderPosition { current: Some(current), ..position }.save()?;
                open.after = Some(checkpoint.clone());
                self.open = Some(open);
                Ok(Batch { drop: label, items, last: false, checkpoint })
            }
            None => self.batch(label, items, position, Some(finished)),
        }
    }

    /// The last batch of a drop.
    fn batch(
        &mut self,
        drop: DropLabel,
        items: Vec<Item>,
        position: FolderPosition<F::Position>,
        finished: Option<Finished>,
    ) -> Result<Batch, Fault> {
        let checkpoint = self.behind(position, finished).save()?;
        Ok(Batch { drop, items, last: true, checkpoint })
    }

    /// The position behind a file.
    fn behind(
        &self,
        mut position: FolderPosition<F::Position>,
        finished: Option<Finished>,
    ) -> FolderPosition<F::Position> {
        match finished {
            Some(finished) if self.pick_up.archive.is_none() && !finished.refused => {
                position.kept.push(finished.stamp.mark())
            }
            Some(finished) => position.finished.push(finished),
            None => {}
        }
        position
    }

    fn label(
        &self,
        finished: &Finished,
        hash: Option<canonical::record::ContentHash>,
        position: &FolderPosition<F::Position>,
    ) -> Result<DropLabel, Fault> {
        let start = FolderPosition { current: None, finished: position.finished.clone(), kept: position.kept.clone() };
        let skip = self.behind(start, Some(Finished { refused: false, ..finished.clone() })).save()?;
        let (name, bytes) = (finished.stamp.name.clone(), Some(finished.stamp.bytes));
        Ok(DropLabel { name, fingerprint: hash, bytes, bytes_done: bytes, skip: Some(skip) })
    }

    /// A file that was refused as a whole is a drop of one reject.
    fn refused(
        &mut self,
        finished: Finished,
        reject: Reject,
        position: FolderPosition<F::Position>,
    ) -> Result<Batch, Fault> {
        let hash = hash_of(&finished.fingerprint);
        let label = self.label(&finished, hash, &position)?;
        self.batch(label, vec![Item::Reject(reject)], position, Some(finished))
    }

    /// A file that was taken away or replaced in the middle of its drop: the drop ends here.
    fn lost(&mut self, current: &Current<F::Position>, position: FolderPosition<F::Position>) -> Result<Batch, Fault> {
        let hash = hash_of(&current.fingerprint);
        let finished = Finished::refused(&current.stamp, current.fingerprint.clone());
        let label = self.label(&finished, hash, &position)?;
        let reject = changed(&current.stamp.name.as_str().into(), current.ordinal);
        self.batch(label, vec![Item::Reject(reject)], position, None)
    }

    fn commit(&mut self, done: &Checkpoint) -> Result<(), Fault> {
        let position = FolderPosition::<F::Position>::load(Some(done))?;
        for finished in &position.finished {
            let path = self.pick_up.folder.join(&finished.stamp.name);
            let fault = |error: &io::Error, into: &dyn Display| Problem::fault(&format_args!("{into}"), error);
            // The trigger goes first: if it stayed alone it would let the next file of this name in too early.
            let same =
                std::fs::metadata(&path).is_ok_and(|found| Stamp::of(&finished.stamp.name, &found) == finished.stamp);
            if same && let Some(trigger) = self.watch.trigger_of(&path) {
                match std::fs::remove_file(&trigger) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(fault(&error, &trigger.display()));
                    }
                    _ => {}
                }
            }
            let archive = self.pick_up.archive.as_ref().filter(|_| !finished.refused);
            let into = archive.unwrap_or(&self.pick_up.reject);
            for file in finished.files() {
                put_away(&self.pick_up.folder, into, &file).map_err(|error| fault(&error, &into.display()))?;
            }
        }
        Ok(())
    }
}

fn finished_of(file: &FileTaken) -> Finished {
    Finished {
        stamp: file.stamp.clone(),
        fingerprint: file.fingerprint.to_string(),
        refused: false,
        companion: file.companion().map(|companion| companion.stamp.clone()),
    }
}

fn changed(name: &Arc<str>, ordinal: u64) -> Reject {
    Reject {
        place: Place { file: Some(Arc::clone(name)), line: None, ordinal },
        code: "file.changed",
        reason: "the file was changed or taken away while it was being read; what is there now is read as a new drop. \
                 Let the system write under another name and rename"
            .to_owned(),
        raw: Vec::new(),
    }
}

fn hash_of(fingerprint: &str) -> Option<canonical::record::ContentHash> {
    let mut hash = [0; 16];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(fingerprint.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(canonical::record::ContentHash(hash))
}

impl<F: Format> OpenFile<F> {
    fn place(&mut self, unplaced: Unplaced) -> Item {
        let place = Place { file: Some(Arc::clone(&self.name)), line: Some(unplaced.line), ordinal: self.ordinal };
        self.ordinal += 1;
        match unplaced.body {
            Ok(body) => Item::Record(Record { place, body, raw: unplaced.raw }),
            Err((code, reason)) => Item::Reject(Reject { place, code, reason, raw: unplaced.raw }),
        }
    }

    fn reject(&mut self, code: &'static str, reason: String) -> Item {
        let place = Place { file: Some(Arc::clone(&self.name)), line: None, ordinal: self.ordinal };
        self.ordinal += 1;
        Item::Reject(Reject { place, code, reason, raw: Vec::new() })
    }
}
