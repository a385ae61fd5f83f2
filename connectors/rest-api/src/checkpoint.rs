//! Where a stream is: everything that a run must remember between two batches, small enough for a checkpoint.

use std::collections::{BTreeSet, VecDeque};

use connector::{Checkpoint, Fault};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mark::Mark;

/// The state of a stream after a batch. A run is one drop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// The number of the run, from 1.
    pub(crate) run: u64,
    /// Whether the run is over, so that the next read begins another one.
    #[serde(default)]
    pub(crate) over: bool,
    /// What the run asks for everything since; the system's own way of writing it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// Where the next page starts.
    #[serde(default)]
    pub(crate) position: Position,
    /// How many items and rejects the run has given out: the next ordinal.
    #[serde(default)]
    pub(crate) given: u64,
    /// How many requests for pages the run has made.
    #[serde(default)]
    pub(crate) pages: u64,
    /// How many rows a page has at most, as far as that was learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// How often the run had to start over: because its cursor was no longer accepted, or, in a row, because
    /// nothing that it knew was found again.
    #[serde(default)]
    pub(crate) restarts: u32,
    /// Where the run starts, for the one who writes `since`; only set before its first request.
    #[serde(skip)]
    pub(crate) start: Option<Mark>,
    /// The furthest mark that was known when the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) known: Option<Mark>,
    /// The furthest mark that was ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) furthest: Option<Mark>,
    /// The last mark that the run saw, and whether it ever went back: then the items are not sorted by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_mark: Option<Mark>,
    #[serde(default)]
    pub(crate) unsorted: bool,
    /// The rows that were read last, by which overlapping pages are fitted together.
    #[serde(default, skip_serializing_if = "Window::is_empty")]
    pub(crate) window: Window,
    /// The items with the furthest marks that were given out, in this run and before.
    #[serde(default, skip_serializing_if = "Recent::is_empty")]
    pub(crate) recent: Recent,
}

/// Where the next page starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Position {
    /// At the first page.
    #[default]
    Start,
    /// At this page number.
    Page(u64),
    /// After this many items.
    Offset(u64),
    /// At this cursor.
    Cursor(String),
    /// At this path and query.
    Link(String),
}

impl Progress {
    /// Goes on after a checkpoint: in the middle of its run, or with the next one.
    pub(crate) fn resume(after: Option<&Checkpoint>) -> Result<Self, Fault> {
        let Some(after) = after else { return Ok(Progress { run: 1, ..Progress::default() }) };
        let before: Progress = serde_json::from_value(after.0.clone()).map_err(|error| {
            Fault::halt(format!("the checkpoint of the stream is not one of rest-api ({error}); reset the stream"))
        })?;
        if !before.over {
            return Ok(before);
        }
        Ok(Progress {
            run: before.run + 1,
            // A run that was not sorted may have passed over rows before they changed. What changed meanwhile is
            // further than all that was known when it began; so that is where the next run starts.
            start: if before.unsorted { before.known } else { before.furthest.clone() },
            known: before.furthest.clone(),
            furthest: before.furthest,
            recent: before.recent,
            ..Progress::default()
        })
    }

    /// Takes note of an item's mark.
    pub(crate) fn see(&mut self, mark: &Mark) {
        if self.last_mark.as_ref().is_some_and(|last| mark < last) {
            self.unsorted = true;
        }
        if self.furthest.as_ref().is_none_or(|furthest| furthest < mark) {
            self.furthest = Some(mark.clone());
        }
        self.last_mark = Some(mark.clone());
    }

    /// Starts the run over inside the same drop; what is read again is recognised by its content.
    pub(crate) fn start_over(&mut self) {
        self.position = Position::Start;
        self.window = Window::default();
        self.unsorted = true;
        self.restarts += 1;
    }

    pub(crate) fn checkpoint(&self) -> Result<Checkpoint, Fault> {
        serde_json::to_value(self).map(Checkpoint).map_err(|error| Fault::halt(format!("no checkpoint: {error}")))
    }
}

/// A row by its key and by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) key: u64,
    pub(crate) content: u64,
}

/// The rows that were read last, in the order in which they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window(VecDeque<Identity>);

/// Two pages of most systems, and 26 KB of a checkpoint.
pub(crate) const WINDOW_COUNT_MAX: usize = 800;
const WINDOW_COUNT_MIN: usize = 64;

impl Window {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the row was read in this very state.
    pub(crate) fn has(&self, row: Identity) -> bool {
        self.0.iter().rev().any(|known| *known == row)
    }

    /// Whether the row was read, in whatever state.
    pub(crate) fn knows(&self, row: Identity) -> bool {
        self.0.iter().rev().any(|known| known.key == row.key)
    }

    /// Where a page continues what was read: the index of its row that was read last of all.
    /// A row that changed since says nothing, because it may have moved.
    pub(crate) fn anchor(&self, page: &[Identity]) -> Option<usize> {
        self.0.iter().rev().find_map(|known| page.iter().position(|row| row == known))
    }

    /// Adds rows, and forgets those that are further back than two of the largest pages so far.
    pub(crate) fn extend(&mut self, rows: impl ExactSizeIterator<Item = Identity>, page_len: usize) {
        let count_max = (page_len * 2).max(self.0.len()).clamp(WINDOW_COUNT_MIN, WINDOW_COUNT_MAX);
        self.0.extend(rows);
        self.0.drain(..self.0.len().saturating_sub(count_max));
    }
}

impl Serialize for Window {
    /// One text of hexadecimal digits: an array of numbers would be half as large again.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().map(|row| format!("{:016x}{:016x}", row.key, row.content)).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = |start: usize| {
            let digits = text.get(start..start + 16).ok_or("a row is cut off")?;
            u64::from_str_radix(digits, 16).map_err(|_| "a row is not hexadecimal")
        };
        (0..text.len())
            .step_by(32)
            .map(|start| Ok(Identity { key: number(start)?, content: number(start + 16)? }))
            .collect::<Result<_, &str>>()
            .map(Window)
            .map_err(serde::de::Error::custom)
    }
}

/// Items that were given out, by mark and content: those that the next run's overlap reads again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Recent(BTreeSet<(Mark, u64)>);

/// More than this are forgotten, the furthest back first: they are then given out twice, which does no harm.
const RECENT_COUNT_MAX: usize = 250;

impl Recent {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes an item; `false` when it is there already.
    pub(crate) fn note(&mut self, mark: &Mark, content: u64) -> bool {
        let new = self.0.insert((mark.clone(), content));
        if self.0.len() > RECENT_COUNT_MAX {
            self.0.pop_first();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(numbers: impl IntoIterator<Item = u64>) -> Vec<Identity> {
        numbers.into_iter().map(|number| Identity { key: number, content: number * 10 }).collect()
    }

    #[test]
    fn a_window_finds_where_a_page_continues() {
        let mut window = Window::default();
        window.extend(rows(1..=5).into_iter(), 5);
        let check =
            |page: Vec<Identity>, expected: Option<usize>| assert_eq!(window.anchor(&page), expected, "{page:?}");
        check(rows([5, 6, 7]), Some(0));
        check(rows([4, 6]), Some(0));
        check(rows([6, 7]), None);
        check(rows([]), None);
        // Row 5 changed and moved behind the others: they must not be passed over.
        check(vec![rows([4])[0], rows([6])[0], Identity { key: 5, content: 1 }], Some(0));
        check(vec![rows([6])[0], Identity { key: 5, content: 1 }], None);
    }

    #[test]
    fn a_full_checkpoint_is_small_and_survives() {
        let mut progress = Progress { run: 3, position: Position::Cursor("c".repeat(4096)), ..Progress::default() };
        progress.window.extend(rows((0..2_000).map(|number| u64::MAX / 10 - number)).into_iter(), 2_000);
        for number in 0..1_000 {
            let mark = Mark::Text(format!("{number:064}"));
            progress.see(&mark);
            assert!(progress.recent.note(&mark, u64::MAX - number));
            assert!(!progress.recent.note(&mark, u64::MAX - number));
        }
        let checkpoint = progress.checkpoint().unwrap();
        let text = checkpoint.0.to_string();
        assert!(text.len() < 60 * 1024, "{}", text.len());
        let stored = Checkpoint(serde_json::from_str(&text).unwrap());
        assert_eq!(Progress::resume(Some(&stored)).unwrap(), progress);
    }

    #[test]
    fn the_next_run_starts_where_it_misses_nothing() {
        let check = |marks: &[i64], expected: i64| {
            let mut progress = Progress { known: Some(Mark::Number(5)), ..Progress::default() };
            marks.iter().for_each(|mark| progress.see(&Mark::Number(*mark)));
            progress.over = true;
            let next = Progress::resume(Some(&progress.checkpoint().unwrap())).unwrap();
            assert_eq!(next.start, Some(Mark::Number(expected)), "{marks:?}");
            assert_eq!(next.known, Some(Mark::Number(9)), "{marks:?}");
        };
        check(&[6, 7, 7, 9], 9);
        check(&[6, 9, 7], 5);
    }
}
