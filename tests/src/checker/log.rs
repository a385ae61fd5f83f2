//! What a subscriber writes down of what happens to it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One thing that happened to one record of a subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// `customer`, `invoice` or `payment`.
    pub entity: String,
    /// The subscriber's own key.
    pub key: String,
    /// Whether the record was taken away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// The fields that it has since, as text.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

/// An append-only file of effects: one line of JSON each, in the order in which they happened.
pub struct Log {
    file: BufWriter<File>,
}

impl Log {
    /// Opens a log, and makes it when it is not there.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Log { file: BufWriter::new(File::options().create(true).append(true).open(path)?) })
    }

    /// Appends effects; they are in the file on return.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn append<'e>(&mut self, effects: impl IntoIterator<Item = &'e Effect>) -> io::Result<()> {
        for effect in effects {
            serde_json::to_writer(&mut self.file, effect)?;
            self.file.write_all(b"\n")?;
        }
        self.file.flush()
    }

    /// Reads a log, one effect after the other.
    ///
    /// # Errors
    /// What the file system answers; each line that is no effect is an error of its own.
    pub fn read(path: &Path) -> io::Result<impl Iterator<Item = io::Result<Effect>>> {
        let lines = BufReader::new(File::open(path)?).lines();
        Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
    }
}
