//! The walks through a collection, each in its own way to the end.

use connector::Fault;

use crate::checkpoint::{Identity, Position, Progress, WINDOW_COUNT_MAX};
use crate::configuration::Paging;
use crate::paging::{Collection, Entry, NoPage, Step};

/// A cursor or link that is longer makes checkpoints large.
const CURSOR_BYTES_MAX: usize = 4 * 1024;
/// Requests that one step may need to fit pages together; more means that rows move faster than they are read.
const REQUESTS_PER_STEP_MAX: usize = 64;
/// How often a run may start over because its cursor was no longer accepted.
const RESTARTS_MAX: u32 = 3;
/// How often in a row a run may find nothing of what it knows.
const RESTARTS_IN_A_ROW_MAX: u32 = 10;
/// Smaller pages cannot be made to overlap everywhere by choosing their size.
pub(crate) const PAGE_SIZE_MIN: u64 = 20;

/// Rows from a place on.
struct Slice {
    /// How many rows are before the first one.
    start: u64,
    /// How many rows the page could hold, where that is known.
    capacity: Option<u64>,
    entries: Vec<Entry>,
}

impl Collection {
    /// Numbered pages of a size that cannot be chosen. Each is followed by a second look at the page before: what
    /// moved out of the new page before it was read must have moved there. Where even that one starts behind what is
    /// known, reading steps back. A row that moves away and back between two requests can hide from this.
    pub(crate) async fn by_page(
        &self,
        progress: &mut Progress,
        parameter: &str,
        first: u64,
        overlap: bool,
    ) -> Result<Step, Fault> {
        let mut ends = 0;
        for _ in 0..REQUESTS_PER_STEP_MAX {
            let number = match progress.position {
                Position::Page(number) => number,
                _ => first,
            };
            let page = self.numbered(progress, parameter, number).await?;
            let page_len = page.len();
            progress.size = progress.size.max(Some(page_len as u64));
            let mut is_end = page.is_empty();
            let mut is_sure = true;
            let mut entries = Vec::new();
            if overlap && number > first {
                entries = self.numbered(progress, parameter, number - 1).await?;
                if entries.len() > WINDOW_COUNT_MAX {
                    return Err(self.page_too_large(entries.len()));
                }
                if !entries.first().is_some_and(|entry| progress.window.has(entry.identity)) {
                    progress.position = Position::Page(number - 1);
                    if number - 1 == first {
                        self.count_restart(progress)?;
                    }
                    continue;
                }
                progress.restarts = 0;
                // A server that gives its last page again and again has come to its end as well.
                is_end |= same_rows(&entries, &page);
                // A page that is not full is the last one, certainly; behind a full one it is worth a second look.
                is_sure = progress.size > Some(entries.len() as u64);
            }
            progress.position = Position::Page(if page.is_empty() { number } else { number + 1 });
            entries.extend(page);
            let fresh = unread(progress, entries, page_len);
            if !fresh.is_empty() {
                return Ok(Step { fresh, over: false });
            }
            ends = if is_end { ends + 1 } else { 0 };
            if (is_end && (is_sure || ends > 1)) || !overlap {
                return Ok(Step { fresh, over: true });
            }
            if is_end {
                progress.position = Position::Page(number);
            }
        }
        Err(self.moves_too_fast())
    }

    /// Pages that start a few rows before the end of the last one. Where none of its rows is known, rows before it
    /// went away, and reading steps back, ever further, until it finds one.
    pub(crate) async fn by_overlap(&self, progress: &mut Progress, overlap: u64) -> Result<Step, Fault> {
        let position = match progress.position {
            Position::Offset(position) => position,
            _ => 0,
        };
        let mut start = position.saturating_sub(overlap);
        let mut back = 0_u64;
        for _ in 0..REQUESTS_PER_STEP_MAX {
            let mut slice = self.slice(progress, start, overlap).await?;
            start = slice.start;
            let page_len = slice.entries.len();
            let end = start + page_len as u64;
            let Some(anchor) = self.fit(progress, &slice, overlap)? else {
                back = (back * 2).max(page_len as u64).max(overlap);
                start = start.saturating_sub(back);
                continue;
            };
            let mut index = 0;
            // Rows before the anchor were passed long ago, unless they are known and have changed since.
            slice.entries.retain(|entry| {
                index += 1;
                index > anchor || progress.window.knows(entry.identity)
            });
            let fresh = unread(progress, slice.entries, page_len);
            progress.position = Position::Offset(end);
            if !fresh.is_empty() {
                return Ok(Step { fresh, over: false });
            }
            // The end is where nothing follows a row that was asked for with room for more behind it.
            let next = (start + anchor as u64).saturating_sub(overlap);
            let has_room = slice.capacity.map_or(next <= start, |capacity| (page_len as u64) < capacity);
            if page_len == 0 || (anchor == page_len && has_room) {
                return Ok(Step { fresh, over: true });
            }
            start = if next > start { next } else { end.saturating_sub(overlap).max(start + 1) };
        }
        Err(self.moves_too_fast())
    }

    /// How many rows of a slice lie before what is new; `None` when it does not touch what was read.
    fn fit(&self, progress: &mut Progress, slice: &Slice, overlap: u64) -> Result<Option<usize>, Fault> {
        if overlap == 0 || progress.window.is_empty() || (slice.start == 0 && slice.entries.is_empty()) {
            return Ok(Some(0));
        }
        let rows: Vec<Identity> = slice.entries.iter().map(|entry| entry.identity).collect();
        if let Some(anchor) = progress.window.anchor(&rows) {
            progress.restarts = 0;
            return Ok(Some(anchor + 1));
        }
        if slice.start > 0 {
            return Ok(None);
        }
        self.count_restart(progress)?;
        Ok(Some(0))
    }

    /// Rows from a place on, or from a little before it, where pages cannot start anywhere.
    async fn slice(&self, progress: &mut Progress, start: u64, overlap: u64) -> Result<Slice, Fault> {
        let (parameter, size_parameter, first, size) = match &self.paging {
            Paging::Page { parameter, size_parameter: Some(name), first, size, .. } => (parameter, name, *first, *size),
            Paging::Offset { parameter, .. } => {
                let url = self.url(progress, &[(parameter, start)]);
                return Ok(Slice { start, capacity: None, entries: self.page(progress, url).await?.entries });
            }
            _ => return Err(self.moves_too_fast()),
        };
        let Some((number, size)) = page_at(start, progress.size.unwrap_or(size), overlap) else {
            return Err(self.moves_too_fast());
        };
        let url = self.url(progress, &[(parameter, first + number), (size_parameter, size)]);
        let entries = self.page(progress, url).await?.entries;
        let count = entries.len() as u64;
        if count > size {
            let wrong = format!("answered {count} rows when asked for {size}; check paging.size_parameter");
            return Err(Fault::halt(format!("GET {}: {wrong}", self.path)));
        }
        if progress.size.is_none() && (1..size).contains(&count) {
            // Fewer than asked for: that is all there is, or all that the system gives at once.
            let url = self.url(progress, &[(parameter, first + 1), (size_parameter, size)]);
            let is_all = self.page(progress, url).await?.entries.is_empty();
            if !is_all && count < PAGE_SIZE_MIN {
                let wrong = format!("gives at most {count} rows at once; remove paging.size_parameter");
                return Err(Fault::halt(format!("GET {}: {wrong}", self.path)));
            }
            progress.size = Some(if is_all { size } else { count });
        } else {
            progress.size = progress.size.or(Some(size));
        }
        Ok(Slice { start: number * size, capacity: Some(size), entries })
    }

    async fn numbered(&self, progress: &mut Progress, parameter: &str, number: u64) -> Result<Vec<Entry>, Fault> {
        let mut places = vec![(parameter, number)];
        if let Paging::Page { size_parameter: Some(name), size, .. } = &self.paging {
            places.push((name, *size));
        }
        let url = self.url(progress, &places);
        Ok(self.page(progress, url).await?.entries)
    }

    /// By cursor or link: the system itself keeps track.
    pub(crate) async fn by_successor(&self, progress: &mut Progress) -> Result<Step, Fault> {
        loop {
            let url = match (&progress.position, &self.paging) {
                (Position::Cursor(cursor), Paging::Cursor { parameter, .. }) => {
                    let mut url = self.url(progress, &[]);
                    url.query_pairs_mut().append_pair(parameter, cursor);
                    url
                }
                (Position::Link(link), _) => self.linked(&self.client.base, link)?,
                _ => self.url(progress, &[]),
            };
            let page = match self.fetch(progress, url.clone()).await {
                Ok(page) => page,
                Err(NoPage::Fault(fault)) => return Err(fault),
                Err(NoPage::Expired(reason)) if progress.restarts >= RESTARTS_MAX => return Err(Fault::halt(reason)),
                Err(NoPage::Expired(reason)) => {
                    tracing::warn!(reason, "the cursor is no longer accepted: the run starts over");
                    progress.start_over();
                    continue;
                }
            };
            let Some(next) = page.next else { return Ok(Step { fresh: page.entries, over: true }) };
            if next.len() > CURSOR_BYTES_MAX {
                let what = format!("a cursor or link of more than {CURSOR_BYTES_MAX} bytes");
                return Err(Fault::halt(format!("GET {}: answered {what}", url.path())));
            }
            let next = match self.paging {
                Paging::Cursor { .. } => Position::Cursor(next),
                _ => {
                    let next = self.linked(&url, &next)?;
                    Position::Link(next[url::Position::BeforePath..].to_owned())
                }
            };
            if next == progress.position {
                return Err(Fault::retry(format!("GET {}: the next page is the same page", url.path())));
            }
            progress.position = next;
            return Ok(Step { fresh: page.entries, over: false });
        }
    }

    /// Counts a run that found nothing of what it knew, and reads from the first row on. Now and then that happens;
    /// when it happens every time, the items never look the same twice.
    fn count_restart(&self, progress: &mut Progress) -> Result<(), Fault> {
        progress.restarts += 1;
        if progress.restarts <= RESTARTS_IN_A_ROW_MAX {
            return Ok(());
        }
        Err(Fault::halt(format!(
            "GET {}: no row is ever found again as it was read; ask for a stable sort and for fields that do not change \
             by themselves in query, or turn the overlap off",
            self.path
        )))
    }

    fn page_too_large(&self, count: usize) -> Fault {
        Fault::halt(format!(
            "GET {}: a page has {count} rows, and overlapping pages at most {WINDOW_COUNT_MAX}; \
             ask for smaller pages in query, or set overlap = false",
            self.path
        ))
    }

    fn moves_too_fast(&self) -> Fault {
        Fault::retry(format!(
            "GET {}: rows move faster than they can be read; does the query ask for a stable sort?",
            self.path
        ))
    }
}

/// The number, from 0, and the size of the page that holds the row at `start` and reaches furthest behind it;
/// `None` when none reaches further than the overlap, which needs collections of many million rows.
fn page_at(start: u64, size_max: u64, overlap: u64) -> Option<(u64, u64)> {
    (size_max.div_ceil(2)..=size_max)
        .map(|size| (start / size, size))
        .max_by_key(|(number, size)| (number + 1) * size)
        .filter(|(number, size)| (number + 1) * size > start + overlap)
}

/// What was not read in this state, in order; it is remembered as read.
fn unread(progress: &mut Progress, mut entries: Vec<Entry>, page_len: usize) -> Vec<Entry> {
    entries.retain(|entry| !progress.window.has(entry.identity));
    let rows: Vec<Identity> = entries.iter().map(|entry| entry.identity).collect();
    progress.window.extend(rows.into_iter(), page_len);
    entries
}

fn same_rows(left: &[Entry], right: &[Entry]) -> bool {
    left.iter().map(|entry| entry.identity).eq(right.iter().map(|entry| entry.identity))
}

#[cfg(test)]
mod tests {
    use super::{PAGE_SIZE_MIN, page_at};

    #[test]
    fn pages_of_many_sizes_overlap_everywhere() {
        for size_max in [PAGE_SIZE_MIN, 100, 800] {
            let mut start = 0;
            let mut requests = 0;
            while start < 100_000 {
                let (number, size) = page_at(start, size_max, 1).unwrap();
                assert!(size <= size_max && number * size <= start && (number + 1) * size > start + 1);
                start = (number + 1) * size - 1;
                requests += 1;
            }
            assert!(requests * size_max < 100_000 * 3 / 2, "{requests} requests of {size_max}");
        }
    }
}
