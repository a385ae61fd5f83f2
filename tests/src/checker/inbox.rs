//! A subscriber that is fed by files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::kind_of;
use super::log::{Effect, Log};

/// A folder of CSV files `ENTITY-BATCH.csv`, which are picked up in the order of their batches and then removed.
pub struct Inbox {
    folder: PathBuf,
    key: &'static str,
    log: Log,
}

/// What orders the files: the batch, and within it the entity, because documents refer to customers.
fn order(path: &Path) -> Option<(String, usize)> {
    if path.extension()? != "csv" {
        return None;
    }
    let (entity, batch) = path.file_stem()?.to_str()?.split_once('-')?;
    Some((batch.to_owned(), kind_of(entity)?))
}

impl Inbox {
    /// An inbox over a folder that writes its log here; `key` is the column with the subscriber's own key.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn new(folder: PathBuf, key: &'static str, log: &Path) -> io::Result<Self> {
        Ok(Inbox { folder, key, log: Log::open(log)? })
    }

    /// Picks up what is there now; returns the number of rows.
    ///
    /// # Errors
    /// When a file cannot be read or removed, or the log not be written.
    pub fn pick_up(&mut self) -> io::Result<usize> {
        let mut files: Vec<((String, usize), PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            files.extend(order(&path).map(|order| (order, path)));
        }
        files.sort();
        let mut count = 0;
        for ((_, kind), path) in files {
            let effects = self.read(super::KINDS[kind].entity, &path)?;
            self.log.append(&effects)?;
            std::fs::remove_file(&path)?;
            count += effects.len();
        }
        Ok(count)
    }

    fn read(&self, entity: &str, path: &Path) -> io::Result<Vec<Effect>> {
        let mut reader = csv::Reader::from_path(path)?;
        let headers = reader.headers()?.clone();
        let mut effects = Vec::new();
        for row in reader.records() {
            let row = row?;
            let cells = headers.iter().zip(row.iter()).map(|(name, value)| (name.to_owned(), value.to_owned()));
            let mut fields: BTreeMap<String, String> = cells.collect();
            let key = fields.remove(self.key).unwrap_or_default();
            effects.push(Effect { entity: entity.to_owned(), key, removed: false, fields });
        }
        Ok(effects)
    }
}
