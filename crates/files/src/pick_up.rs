//! Where files are picked up, in which order, and where they go afterwards.

use std::path::{Path, PathBuf};
use std::time::Duration;

use connector::Fault;
use encoding_rs::Encoding;

use crate::folder::Watch;
use crate::{Order, Patterns};

/// The configuration fields that all file connectors share; [`pick_up_settings!`](crate::pick_up_settings) documents them.
#[derive(Clone, Debug)]
pub struct PickUpSettings {
    /// The folder that files are dropped in.
    pub folder: PathBuf,
    /// Which names are taken.
    pub files: Option<Patterns>,
    /// The order in which files are read.
    pub order: Order,
    /// The suffix of a second file that says that the first one is complete.
    pub trigger: Option<String>,
    /// How long a file must stand still, in milliseconds.
    pub settle_ms: u64,
    /// Where files go that were read.
    pub archive: Option<PathBuf>,
    /// Where files go that could not be read.
    pub reject: Option<PathBuf>,
    /// The declared encoding.
    pub encoding: Option<String>,
    /// At most this many records in a batch.
    pub batch_records_max: usize,
    /// A batch with this many bytes is full.
    pub batch_bytes_max: usize,
    /// A larger file is refused.
    pub file_bytes_max: u64,
}

/// A folder to pick files up from, its settings checked.
#[derive(Clone, Debug)]
pub struct PickUp {
    pub(crate) folder: PathBuf,
    patterns: Vec<String>,
    order: Order,
    trigger: Option<String>,
    settle: Duration,
    /// `None`: files stay where they are.
    pub(crate) archive: Option<PathBuf>,
    pub(crate) reject: PathBuf,
    pub(crate) batch_records_max: usize,
    pub(crate) batch_bytes_max: usize,
    pub(crate) file_bytes_max: u64,
    /// The declared encoding.
    pub encoding: Option<&'static Encoding>,
}

impl PickUp {
    /// Checks the settings of a stream. Relative folders start at `directory`; `usual` are the connector's own patterns.
    ///
    /// # Errors
    /// [`Fault::Halt`] names the field that cannot work.
    pub fn new(settings: PickUpSettings, directory: &Path, usual: &[&str]) -> Result<Self, Fault> {
        let folder = directory.join(&settings.folder);
        if settings.batch_records_max == 0 || settings.batch_bytes_max == 0 {
            return Err(Fault::halt("batch_records_max and batch_bytes_max must be at least 1"));
        }
        if let Some(trigger) = &settings.trigger
            && (trigger.is_empty() || trigger.contains('/'))
        {
            return Err(Fault::halt("trigger must be a suffix such as \".ok\""));
        }
        let patterns = settings.files.as_ref().map_or_else(|| usual_patterns(usual), Patterns::list);
        if patterns.is_empty() || patterns.iter().any(|pattern| pattern.is_empty() || pattern.contains('/')) {
            return Err(Fault::halt(
                "files must be one or more patterns for names inside the folder, such as \"customers*.csv\"",
            ));
        }
        let archive = match &settings.archive {
            Some(path) if path == Path::new("keep") => None,
            Some(path) => Some(directory.join(path)),
            None => Some(folder.join("archive")),
        };
        let reject = settings.reject.as_ref().map_or_else(|| folder.join("reject"), |path| directory.join(path));
        if archive.as_ref() == Some(&folder) || reject == folder {
            return Err(Fault::halt("archive and reject must be other folders than the one files are dropped in"));
        }
        Ok(PickUp {
            folder,
            patterns,
            order: settings.order,
            trigger: settings.trigger,
            settle: Duration::from_millis(settings.settle_ms),
            archive,
            reject,
            batch_records_max: settings.batch_records_max,
            batch_bytes_max: settings.batch_bytes_max,
            file_bytes_max: settings.file_bytes_max,
            encoding: settings.encoding.as_deref().map(crate::encoding).transpose()?,
        })
    }

    pub(crate) fn watch(&self) -> Watch {
        let (folder, patterns) = (self.folder.clone(), self.patterns.clone());
        Watch::new(folder, patterns, self.order, self.trigger.clone(), self.settle)
    }
}

fn usual_patterns(usual: &[&str]) -> Vec<String> {
    usual
        .iter()
        .flat_map(|pattern| [(*pattern).to_owned(), format!("{pattern}.gz"), format!("{pattern}.zip")])
        .collect()
}
