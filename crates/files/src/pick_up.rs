//! Where files are picked up, in which order, and where they go afterwards.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connector::Fault;
use encoding_rs::Encoding;

use crate::checkpoint::Stamp;
use crate::companion::Companion;
use crate::content::FileTaken;
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
    /// How the second file of each drop is called, if there is one.
    companion: Option<Companion>,
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
            companion: None,
            encoding: settings.encoding.as_deref().map(crate::encoding).transpose()?,
        })
    }

    /// Lets a second file belong to each one: a drop is there when both are, and both are put away together.
    ///
    /// # Errors
    /// [`Fault::Halt`] when the second name does not follow from the patterns of the first.
    pub fn with_companion(mut self, second: &str) -> Result<Self, Fault> {
        self.companion = Some(Companion::new(&self.patterns, second)?);
        Ok(self)
    }

    pub(crate) fn watch(&self) -> Watch {
        let (folder, patterns) = (self.folder.clone(), self.patterns.clone());
        let watch = Watch::new(folder, patterns, self.order, self.trigger.clone(), self.settle);
        let own = self.archive.iter().chain([&self.reject]).cloned().collect();
        watch.with_companion(self.companion.clone()).without(own)
    }

    /// Takes the files of a drop, whose first one stands at a path, possibly with something behind its name; `None` when
    /// one of them was changed meanwhile, or is gone.
    pub(crate) fn take(&self, path: &Path, stamp: &Stamp) -> io::Result<Option<FileTaken>> {
        let Some(first) = FileTaken::take(path, stamp, self.file_bytes_max)? else { return Ok(None) };
        let Some(companion) = &self.companion else { return Ok(Some(first)) };
        // Where files are put away, both have the same behind their names.
        let behind = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(&stamp.name));
        let Some(name) = companion.of(&stamp.name) else { return Ok(None) };
        let path = path.with_file_name(format!("{name}{}", behind.unwrap_or_default()));
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let second = FileTaken::take(&path, &Stamp::of(&name, &metadata), self.file_bytes_max)?;
        Ok(second.map(|second| first.with_companion(second)))
    }
}

fn usual_patterns(usual: &[&str]) -> Vec<String> {
    usual
        .iter()
        .flat_map(|pattern| [(*pattern).to_owned(), format!("{pattern}.gz"), format!("{pattern}.zip")])
        .collect()
}
