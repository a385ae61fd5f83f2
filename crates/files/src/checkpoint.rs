//! The position in a folder: which file, where in it, and what was read but not put away yet.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use connector::{Checkpoint, Fault};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What tells one file from another of the same name without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub name: String,
    pub bytes: u64,
    /// Nanoseconds since 1970.
    pub modified: u64,
}

impl Stamp {
    pub fn of(name: &str, metadata: &Metadata) -> Self {
        let since = metadata.modified().ok().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        let modified = since.and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0);
        let bytes = if metadata.is_file() { metadata.len() } else { 0 };
        Stamp { name: name.to_owned(), bytes, modified }
    }

    /// A short form for files that are kept in place: thousands of them must fit a checkpoint.
    pub fn mark(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.bytes.to_le_bytes());
        hasher.update(&self.modified.to_le_bytes());
        hasher.update(self.name.as_bytes());
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// A file that is being read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Current<P> {
    pub stamp: Stamp,
    /// The hash of the whole file, in hexadecimal.
    pub fingerprint: String,
    /// How many records and rejects of it were given.
    pub ordinal: u64,
    /// The format's own position.
    pub position: P,
}

/// A file that was read to its end and waits for being put away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finished {
    pub stamp: Stamp,
    pub fingerprint: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// The second file of the drop, which goes where this one goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub companion: Option<Stamp>,
}

impl Finished {
    /// A file that nothing is read of.
    pub fn refused(stamp: &Stamp, fingerprint: String) -> Self {
        Finished { stamp: stamp.clone(), fingerprint, refused: true, companion: None }
    }

    /// The files to put away; the one that the position knows by goes last.
    pub fn files(&self) -> impl Iterator<Item = Finished> {
        let of = |stamp: &Stamp| Finished { stamp: stamp.clone(), companion: None, ..self.clone() };
        self.companion.iter().chain([&self.stamp]).map(of).collect::<Vec<_>>().into_iter()
    }
}

/// The position in a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FolderPosition<P> {
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub current: Option<Current<P>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<Finished>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}

fn none<P>() -> Option<P> {
    None
}

/// So many files may wait for being put away before somebody must look why they are not.
pub(crate) const FINISHED_MAX: usize = 100;
/// So many files may be kept in place: their marks must fit a checkpoint of 64 KiB.
pub(crate) const KEPT_MAX: usize = 2_000;

impl<P: Serialize + DeserializeOwned> FolderPosition<P> {
    pub fn start() -> Self {
        FolderPosition { current: None, finished: Vec::new(), kept: Vec::new() }
    }

    pub fn load(checkpoint: Option<&Checkpoint>) -> Result<Self, Fault> {
        let Some(Checkpoint(value)) = checkpoint else { return Ok(Self::start()) };
        Self::deserialize(value).map_err(|error| {
            Fault::halt(format!("the stored checkpoint is not one of this connector ({error}); reset the stream"))
        })
    }

    pub fn save(&self) -> Result<Checkpoint, Fault> {
        let value =
            serde_json::to_value(self).map_err(|error| Fault::halt(format!("cannot make a checkpoint: {error}")))?;
        Ok(Checkpoint(value))
    }

    pub fn is_done(&self, stamp: &Stamp) -> bool {
        self.finished.iter().any(|finished| finished.stamp == *stamp)
            || (!self.kept.is_empty() && self.kept.contains(&stamp.mark()))
    }
}
