//! Finding the next file in a folder: patterns, settling, triggers, order.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checkpoint::Stamp;
use crate::companion::Companion;

/// The order in which the files of a folder are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By name, byte by byte.
    #[default]
    Name,
    /// By the time of the last change, then by name.
    Modified,
}

/// One pattern, or several, that a file's name must match.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Patterns {
    /// One pattern.
    One(String),
    /// A name must match one of these.
    Many(Vec<String>),
}

impl Patterns {
    /// The patterns as a list.
    pub fn list(&self) -> Vec<String> {
        match self {
            Patterns::One(pattern) => vec![pattern.clone()],
            Patterns::Many(patterns) => patterns.clone(),
        }
    }
}

/// Names that programs give to files that they are still writing.
const UNFINISHED: [&str; 4] = [".tmp", ".part", ".filepart", ".crdownload"];

/// Whether a name matches a pattern of characters, `*` and `?`, upper and lower case being the same.
pub(crate) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut pattern_at) = (0, 0);
    // Where to go on when the part after the last star did not fit: one character further into the name.
    let mut retry: Option<(usize, usize)> = None;
    while at < name.len() {
        match pattern.get(pattern_at) {
            Some(b'*') => {
                retry = Some((pattern_at, at));
                pattern_at += 1;
            }
            Some(expected) if *expected == b'?' || expected.eq_ignore_ascii_case(&name[at]) => {
                at += 1;
                pattern_at += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (pattern_at, at) = (star + 1, from + 1);
            }
        }
    }
    pattern[pattern_at.min(pattern.len())..].iter().all(|rest| *rest == b'*')
}

/// A file that is ready to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub path: PathBuf,
    pub stamp: Stamp,
    /// A folder, a pipe or a device where a file should be.
    pub irregular: bool,
}

/// Looks into a folder, and remembers between two looks what stood still.
#[derive(Debug)]
pub(crate) struct Watch {
    folder: PathBuf,
    patterns: Vec<String>,
    order: Order,
    trigger: Option<String>,
    settle: Duration,
    companion: Option<Companion>,
    /// The folders inside it that files are put away in; they are no files of it, whatever the patterns.
    own: Vec<PathBuf>,
    /// Since when a file that is not settled yet has looked like this.
    seen: HashMap<String, (Stamp, Instant)>,
    queue: VecDeque<Candidate>,
}

impl Watch {
    pub fn new(
        folder: PathBuf,
        patterns: Vec<String>,
        order: Order,
        trigger: Option<String>,
        settle: Duration,
    ) -> Self {
        let (seen, queue) = (HashMap::new(), VecDeque::new());
        Watch { folder, patterns, order, trigger, settle, companion: None, own: Vec::new(), seen, queue }
    }

    /// Leaves these folders alone.
    pub fn without(mut self, own: Vec<PathBuf>) -> Self {
        self.own = own;
        self
    }

    /// Waits for a second file with each one.
    pub fn with_companion(mut self, companion: Option<Companion>) -> Self {
        self.companion = companion;
        self
    }

    /// The first file in order that is ready and not `done`. Folders with many files are listed once, not once per file.
    pub fn next(&mut self, done: impl Fn(&Stamp) -> bool) -> io::Result<Option<Candidate>> {
        if let Some(candidate) = self.next_queued(&done) {
            return Ok(Some(candidate));
        }
        self.scan()?;
        Ok(self.next_queued(&done))
    }

    /// Forgets the listing, so that the next look starts at the first file again.
    pub fn forget(&mut self) {
        self.queue.clear();
    }

    fn next_queued(&mut self, done: &impl Fn(&Stamp) -> bool) -> Option<Candidate> {
        while let Some(candidate) = self.queue.front() {
            // Time has passed since the listing: the file may be gone, or be another one.
            let unchanged = fs::metadata(&candidate.path)
                .is_ok_and(|metadata| Stamp::of(&candidate.stamp.name, &metadata) == candidate.stamp);
            if unchanged && !done(&candidate.stamp) {
                return Some(candidate.clone());
            }
            self.queue.pop_front();
        }
        None
    }

    fn scan(&mut self) -> io::Result<()> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                tracing::warn!(folder = %self.folder.display(), "a file is left alone because its name is not UTF-8");
                continue;
            };
            if !self.wants(&name) {
                continue;
            }
            // Gone since it was listed, or a link to nowhere: there is nothing to read.
            let Ok(metadata) = fs::metadata(entry.path()) else { continue };
            if metadata.is_dir() && self.own.contains(&entry.path()) {
                continue;
            }
            found.push((entry.path(), Stamp::of(&name, &metadata), metadata));
        }
        match self.order {
            Order::Name => found.sort_by(|left, right| left.1.name.cmp(&right.1.name)),
            Order::Modified => {
                found.sort_by(|left, right| (left.1.modified, &left.1.name).cmp(&(right.1.modified, &right.1.name)))
            }
        }
        let companion = self.companion.clone();
        let is_second = |name: &str| companion.as_ref().is_some_and(|companion| companion.is_second(name));
        self.seen.retain(|name, _| is_second(name) || found.iter().any(|(_, stamp, _)| stamp.name == *name));
        self.queue.clear();
        for (path, stamp, metadata) in found {
            if self.trigger.is_some() {
                if self.trigger_of(&path).is_none() {
                    continue;
                }
            } else if !self.is_settled(&stamp, &metadata) {
                // Later files must not overtake one that is still being written.
                break;
            }
            // Nor one whose second file is.
            if let Some(second) = companion.as_ref().and_then(|companion| companion.of(&stamp.name))
                && !self.is_second_there(&second)
            {
                break;
            }
            self.queue.push_back(Candidate { path, stamp, irregular: !metadata.is_file() });
        }
        Ok(())
    }

    fn is_second_there(&mut self, name: &str) -> bool {
        let Ok(metadata) = fs::metadata(self.folder.join(name)) else { return false };
        self.trigger.is_some() || self.is_settled(&Stamp::of(name, &metadata), &metadata)
    }

    fn wants(&self, name: &str) -> bool {
        let unfinished = name.starts_with('.')
            || UNFINISHED.iter().any(|suffix| matches(format!("*{suffix}").as_bytes(), name.as_bytes()))
            || self.trigger.as_ref().is_some_and(|suffix| name.ends_with(suffix.as_str()))
            || self.companion.as_ref().is_some_and(|companion| companion.is_second(name));
        !unfinished && self.patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
    }

    /// The trigger file that is there for a file: the whole name with the suffix, or the suffix instead of the extension.
    pub fn trigger_of(&self, path: &Path) -> Option<PathBuf> {
        let suffix = self.trigger.as_ref()?;
        let added = PathBuf::from(format!("{}{suffix}", path.display()));
        let replaced = PathBuf::from(format!("{}{suffix}", path.with_extension("").display()));
        [added, replaced].into_iter().find(|trigger| trigger != path && trigger.exists())
    }

    /// A file stood still when its time of change is old enough by the clock, or when we have watched it for long enough
    /// (the clock of a file server may run ahead of ours).
    fn is_settled(&mut self, stamp: &Stamp, metadata: &Metadata) -> bool {
        let age = metadata.modified().ok().and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if self.settle.is_zero() || age.is_some_and(|age| age >= self.settle) {
            self.seen.remove(&stamp.name);
            return true;
        }
        match self.seen.get(&stamp.name) {
            Some((known, since)) if known == stamp => since.elapsed() >= self.settle,
            _ => {
                self.seen.insert(stamp.name.clone(), (stamp.clone(), Instant::now()));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
