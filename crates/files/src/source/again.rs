//! A file that was read before, once more: from where it was put away, or where it still is.

use std::path::Path;

use async_trait::async_trait;
use connector::{Again, Batch, Checkpoint, Fault, PastDrop, Source};

use super::{Folder, Format, OpenFile};
use crate::Problem;
use crate::archive::put_away_as;
use crate::checkpoint::{FolderPosition, Stamp};

/// One file, from its beginning to its end. It moves nothing and is never told what is done.
struct PastFile<F: Format> {
    /// Absent when the file was read to its end, and after a call that failed or was abandoned.
    reading: Option<(Box<Folder<F>>, OpenFile<F>)>,
}

#[async_trait]
impl<F: Format> Source for PastFile<F> {
    async fn read(&mut self, _: Option<&Checkpoint>) -> Result<Option<Batch>, Fault> {
        let Some((mut folder, file)) = self.reading.take() else { return Ok(None) };
        let finished = tokio::task::spawn_blocking(move || {
            let batch = FolderPosition::load(None).and_then(|start| folder.fill(file, start));
            (folder, batch)
        });
        let (mut folder, batch) =
            finished.await.map_err(|error| Fault::retry(format!("reading a file was interrupted: {error}")))?;
        let batch = batch?;
        self.reading = folder.open.take().map(|file| (folder, file));
        Ok(Some(batch))
    }

    async fn commit(&mut self, _: &Checkpoint) -> Result<(), Fault> {
        Ok(())
    }
}

/// Looks for the file of a drop.
pub(super) fn find<F: Format>(folder: &Folder<F>, drop: &PastDrop) -> Result<Again, Fault> {
    let pick_up = &folder.pick_up;
    let fingerprint = drop.fingerprint.map(|fingerprint| fingerprint.to_string()).unwrap_or_default();
    let mut places = vec![pick_up.folder.join(&drop.name)];
    if let Some(archive) = &pick_up.archive {
        places.extend(put_away_as(archive, &drop.name, &fingerprint));
    }
    // A file that could be read in part only was put there.
    places.extend(put_away_as(&pick_up.reject, &drop.name, &fingerprint));
    for path in &places {
        if let Some(open) = open(folder, path, drop)? {
            let again = Folder::new(pick_up.clone(), folder.format.clone());
            return Ok(Again::Drop(Box::new(PastFile { reading: Some((Box::new(again), open)) })));
        }
    }
    let looked = pick_up.archive.as_ref().unwrap_or(&pick_up.folder).display();
    Ok(Again::Gone(format!(
        "the file {} is not in {looked} any more; hand it in again with `passerelle ingest`, unless a later file of the \
         stream shows the same records",
        drop.name
    )))
}

/// Opens a file, if it is the one of the drop.
fn open<F: Format>(folder: &Folder<F>, path: &Path, drop: &PastDrop) -> Result<Option<OpenFile<F>>, Fault> {
    let fault = |error: &std::io::Error| Problem::fault(&path.display(), error);
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(&error)),
    };
    // Under the name that it was dropped with, which tells how it is compressed.
    let stamp = Stamp::of(&drop.name, &metadata);
    let taken = folder.pick_up.take(path, &stamp).map_err(|error| fault(&error))?;
    let Some(file) = taken.filter(|file| Some(file.fingerprint) == drop.fingerprint) else { return Ok(None) };
    match folder.format.open(&file, &F::Position::default()) {
        Ok(records) => Ok(Some(OpenFile { name: drop.name.as_str().into(), records, file, ordinal: 0, after: None })),
        Err(Problem::Io(error)) => Err(fault(&error)),
        // It was read once with other settings: with these it cannot be.
        Err(Problem::Refused { .. }) => Ok(None),
    }
}
