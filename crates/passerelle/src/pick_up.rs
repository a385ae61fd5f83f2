//! Where file connectors pick their files up: putting a file there, and waiting until what is there has settled.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use files::Companion;

use crate::failure::Failure;
use crate::output;

/// Waits until the files that are in the pick-up folders now have settled, so that a run on command does not pass
/// over a file only because it came a moment ago. It takes at most the longest settling time.
pub async fn settled<'s>(directory: &Path, streams: impl IntoIterator<Item = (&'s hub::System, &'s str)>) {
    let unsettled =
        streams.into_iter().filter_map(|(system, stream)| Some(PickUp::of(directory, system, stream)?.unsettled()));
    let longest = unsettled.max().unwrap_or_default();
    if !longest.is_zero() {
        // A little more, because a file system may round its times.
        tokio::time::sleep(longest + Duration::from_millis(20)).await;
    }
}

/// Where a stream picks its files up.
pub struct PickUp {
    /// The folder.
    pub folder: PathBuf,
    /// The patterns of names, as they are configured.
    pub files: Option<serde_json::Value>,
    trigger: Option<String>,
    settle: Duration,
    /// How the files of a drop are called that has two.
    companion: Option<Companion>,
}

impl PickUp {
    /// From the connector's own table, as all file connectors have it; `None` for a stream that reads no files.
    pub fn of(directory: &Path, system: &hub::System, stream: &str) -> Option<Self> {
        let table = system.connector.get("streams")?.get(stream)?;
        let folder = table.get("folder")?.as_str()?;
        let settle_ms = table.get("settle_ms").and_then(serde_json::Value::as_u64);
        Some(PickUp {
            folder: directory.join(folder),
            files: table.get("files").cloned(),
            trigger: table.get("trigger").and_then(serde_json::Value::as_str).map(str::to_owned),
            settle: Duration::from_millis(settle_ms.unwrap_or_else(files::settings::settle_ms)),
            companion: companion(table),
        })
    }

    /// The names of which one must still come, when a file of this name is there and is only a part of a drop.
    pub fn waits_for(&self, name: &str) -> Option<Vec<String>> {
        let partners = self.companion.as_ref()?.partners(name);
        let is_there = |name: &String| self.folder.join(name).exists();
        (!partners.is_empty() && !partners.iter().any(is_there)).then_some(partners)
    }

    /// The names that a drop with this file may have: that of its first file.
    pub fn drop_names(&self, name: &str) -> Vec<String> {
        match &self.companion {
            Some(companion) if companion.is_second(name) => companion.partners(name),
            _ => vec![name.to_owned()],
        }
    }

    /// How long it takes until every file that is in the folder now has settled; at most the settling time.
    fn unsettled(&self) -> Duration {
        if self.trigger.is_some() {
            return Duration::ZERO;
        }
        let now = SystemTime::now();
        let ages = fs::read_dir(&self.folder).into_iter().flatten().filter_map(|entry| {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            // A file from the future is as new as can be.
            (metadata.is_file() && !is_hidden)
                .then(|| now.duration_since(metadata.modified().ok()?).ok())
                .map(Option::unwrap_or_default)
        });
        ages.min().map_or(Duration::ZERO, |youngest| self.settle.saturating_sub(youngest))
    }

    /// Makes a copy of a file appear in the folder at once and whole.
    ///
    /// # Errors
    /// A file that cannot be read, or a folder that cannot be written or holds such a file already.
    pub fn place(&self, file: &Path) -> Result<Placed, Failure> {
        let metadata = fs::metadata(file).map_err(|error| Failure::file("cannot be read", file, &error))?;
        if !metadata.is_file() {
            let kind = if metadata.is_dir() { "is a directory" } else { "is no ordinary file" };
            return Err(Failure::usage("cli.file", format!("{}: {kind}; name a file", file.display())));
        }
        let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
            return Err(Failure::usage("cli.file", format!("{}: the name is not UTF-8", file.display())));
        };
        fs::create_dir_all(&self.folder).map_err(|error| Failure::file("cannot be made", &self.folder, &error))?;
        let path = self.folder.join(name);
        if path.exists() {
            let message = format!("{} is there already and waits to be read; move it away first", path.display());
            return Err(Failure::usage("ingest.in-the-way", message));
        }
        let partial = self.folder.join(format!(".{name}.{}.part", std::process::id()));
        // A trigger belongs to the first file of a drop.
        let is_second = self.companion.as_ref().is_some_and(|companion| companion.is_second(name));
        let trigger = self.trigger.as_ref().filter(|_| !is_second);
        let trigger = trigger.map(|suffix| self.folder.join(format!("{name}{suffix}")));
        let placed = Placed { name: name.to_owned(), trigger, path };
        let written = self.write(file, &partial, &placed);
        if written.is_err() {
            // What was begun is of no use to anybody; the error that matters is the first.
            let _ = fs::remove_file(&partial);
        }
        written.map_err(|error| Failure::file("cannot be written", &placed.path, &error))?;
        Ok(placed)
    }

    fn write(&self, file: &Path, partial: &Path, placed: &Placed) -> io::Result<()> {
        let mut from = File::open(file)?;
        let mut to = File::create(partial)?;
        io::copy(&mut from, &mut to)?;
        // The file is whole, so the stream need not wait until it has settled.
        let settled = SystemTime::now() - self.settle - Duration::from_secs(1);
        to.set_modified(settled)?;
        to.sync_all()?;
        fs::rename(partial, &placed.path)?;
        placed.trigger.as_ref().map_or(Ok(()), |trigger| File::create(trigger).map(drop))
    }
}

/// How the two files of a drop are called, from the connector's own table; `None` where a drop is one file.
pub fn companion(table: &serde_json::Value) -> Option<Companion> {
    let second = table.get("join")?.get("file")?.as_str()?;
    let firsts: Vec<String> = match table.get("files") {
        Some(serde_json::Value::Array(patterns)) => {
            patterns.iter().filter_map(|pattern| Some(pattern.as_str()?.to_owned())).collect()
        }
        Some(pattern) => vec![pattern.as_str()?.to_owned()],
        None => {
            <csv_drop::settings::CsvStream as files::StreamSettings>::FILES.iter().map(ToString::to_string).collect()
        }
    };
    // What cannot be meant is told by the connector when it opens.
    Companion::new(&firsts, second).ok()
}

/// A file that was put into a pick-up folder.
pub struct Placed {
    /// Its name within the folder.
    pub name: String,
    path: PathBuf,
    trigger: Option<PathBuf>,
}

impl Placed {
    /// Whether nobody has taken it.
    pub fn is_still_there(&self) -> bool {
        self.path.exists()
    }

    /// Removes it again; the file that it was copied from is untouched.
    pub fn take_back(&self) {
        for path in self.trigger.iter().chain([&self.path]) {
            if let Err(error) = fs::remove_file(path) {
                output::note(format!("passerelle: {}: cannot be taken back: {error} [cli.file]", path.display()));
            }
        }
    }
}
