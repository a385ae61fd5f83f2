//! Records from a file.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use canonical::record::{Body, Columns};
use connector::NeededColumn;
use files::{Content, FileTaken, Format, GroupCodes, Line, Lines, Problem, Records, RowGroup, Text, Unplaced};
use serde::{Deserialize, Serialize};

use crate::line::{Cutter, Kind, Scope};
use crate::path::{Finished, Path, Trouble, columns};
use crate::plan::Plan;
use crate::trailer::{Ahead, verify};

const CODES: GroupCodes = GroupCodes { broken: "layout.group-broken", too_large: "layout.group-too-large" };

/// How the files of one stream are read.
#[derive(Clone, Debug)]
pub struct LayoutFormat {
    pub(crate) plan: Arc<Plan>,
    pub(crate) encoding: Option<&'static encoding_rs::Encoding>,
    pub(crate) line_bytes_max: usize,
    pub(crate) group_rows_max: usize,
    pub(crate) group_by: Vec<String>,
    /// The columns without which no record can be read.
    pub(crate) needed: Vec<NeededColumn>,
}

/// Where a record ends. Line 0 stands for the beginning of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayoutPosition {
    offset: u64,
    line: u64,
    /// Where reading must begin so that all around the next record is known: an offset and a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<(u64, u64)>,
}

impl LayoutFormat {
    fn lines(&self, file: &FileTaken, text: &Text, offset: u64, line: u64) -> Result<Lines<Content>, Problem> {
        let content = file.open_text(text, offset)?;
        let bytes_max = self.plan.width.unwrap_or(0).max(self.line_bytes_max);
        Ok(Lines::new(content, self.plan.cut, bytes_max, offset, line.max(1)))
    }

    /// Refuses columns that lack one that is needed.
    ///
    /// # Errors
    /// One sentence that names what lacks and the nearest there is.
    pub(crate) fn check_columns(&self, columns: &Columns) -> Result<(), String> {
        let lacks = |need: &&NeededColumn| need.any_of.iter().all(|name| columns.position(name).is_none());
        let group_by = self.group_by.iter().find(|name| columns.position(name).is_none());
        let lacking = self.needed.iter().find(lacks).map(|need| (need.any_of.join("\" or \""), need.field.as_str()));
        let Some((name, field)) = lacking.or_else(|| group_by.map(|name| (name.clone(), "group_by"))) else {
            return Ok(());
        };
        let near = columns.names().min_by_key(|column| strsim::damerau_levenshtein(column, &name));
        let near = near.map_or_else(String::new, |near| format!("; the nearest is \"{near}\""));
        Err(format!("the layout has no column \"{name}\" for {field}{near}; a column is called TYPE.FIELD"))
    }
}

impl Format for LayoutFormat {
    type Position = LayoutPosition;
    type Records = LayoutRecords;

    fn inspect(&self, file: &FileTaken) -> Result<(), Problem> {
        let text = Text::detect(&file.head()?, self.encoding)?;
        let scope = verify(&self.plan, &mut self.lines(file, &text, 0, 1)?, text)?;
        if self.plan.is_contextual() {
            let (columns, _) = columns(&self.plan, &scope).map_err(|(code, reason)| Problem::refused(code, reason))?;
            self.check_columns(&columns).map_err(|reason| Problem::refused("layout.column-missing", reason))?;
        }
        Ok(())
    }

    fn open(&self, file: &FileTaken, position: &LayoutPosition) -> Result<LayoutRecords, Problem> {
        let text = Text::detect(&file.head()?, self.encoding)?;
        let (offset, line) = position.from.unwrap_or((position.offset, position.line));
        let mut records = LayoutRecords {
            lines: self.lines(file, &text, offset, line)?,
            text,
            format: self.clone(),
            file: file.clone(),
            from: (offset, line),
            skip_to: position.offset,
            cutter: Cutter::default(),
            scope: Scope::default(),
            path: Path::new(Arc::clone(&self.plan), self.group_rows_max),
            renamed: 0,
            ahead: Vec::new(),
            group_by: Vec::new(),
            group: None,
            spoils_next: None,
            ready: VecDeque::new(),
            ended: false,
        };
        records.ahead.resize_with(self.plan.types.len(), || None);
        records.name_columns().map_err(|(code, reason)| Problem::refused(code, reason))?;
        Ok(records)
    }
}

/// The records of one file.
pub struct LayoutRecords {
    lines: Lines<Content>,
    text: Text,
    format: LayoutFormat,
    file: FileTaken,
    /// Where reading of it began.
    from: (u64, u64),
    /// Up to here only what is around records matters: the rest was given before.
    skip_to: u64,
    cutter: Cutter,
    scope: Scope,
    path: Path,
    /// Which names of the scope the columns are made of.
    renamed: usize,
    /// What looks for the trailers of each type.
    ahead: Vec<Option<Ahead<Content>>>,
    group_by: Vec<usize>,
    group: Option<RowGroup>,
    /// The line of something unreadable that may belong to the next group.
    spoils_next: Option<u64>,
    ready: VecDeque<Unplaced>,
    ended: bool,
}

impl Records for LayoutRecords {
    type Position = LayoutPosition;

    fn next(&mut self) -> Result<Option<Unplaced>, Problem> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.ended {
                return Ok(None);
            }
            match self.lines.next_line()? {
                Some(found) => self.take(&found)?,
                None => {
                    self.finish_record();
                    self.close_group();
                    self.ended = true;
                }
            }
        }
    }

    fn position(&self) -> Option<LayoutPosition> {
        if !self.ready.is_empty() {
            return None;
        }
        let (offset, line) = match (&self.group, self.path.record_start()) {
            (Some(group), _) => group.start()?,
            (None, _) if self.spoils_next.is_some() => return None,
            (None, Some(start)) => start,
            (None, None) => self.lines.position(),
        };
        let from = if self.format.plan.is_contextual() { Some((0, 1)) } else { self.path.outermost() };
        Some(LayoutPosition { offset, line, from })
    }

    fn consumed(&self) -> Arc<AtomicU64> {
        self.lines.content().consumed()
    }
}

impl LayoutRecords {
    fn take(&mut self, found: &Line) -> Result<(), Problem> {
        let raw = self.lines.bytes(found).to_vec();
        let line = match readable(&self.text, found, &raw, self.format.line_bytes_max) {
            Ok(line) => line,
            Err(trouble) => {
                self.broken(found, &raw, trouble);
                return Ok(());
            }
        };
        let plan = Arc::clone(&self.format.plan);
        match self.cutter.classify(&plan, &mut self.scope, &line) {
            Kind::Nothing => Ok(()),
            Kind::Scope => {
                self.rename(found, &raw);
                Ok(())
            }
            Kind::Unknown => {
                let reason =
                    "no type of line of the layout fits it; correct the layout, or name its beginning in ignore";
                self.broken(found, &raw, ("layout.unknown-line", reason.to_owned()));
                Ok(())
            }
            Kind::Of(of) => self.take_line(&plan, of, found, &line, &raw),
        }
    }

    /// Takes a line of a known type.
    fn take_line(&mut self, plan: &Plan, of: usize, found: &Line, line: &str, raw: &[u8]) -> Result<(), Problem> {
        let closes = plan.types[of].closes;
        let skips = found.offset < self.skip_to;
        if plan.around.contains(&of) {
            self.finish_record();
            self.close_group();
            // What stands in front of a new part of the file belongs to no record of it.
            self.spoils_next = None;
            if let Err(trouble) = self.values(plan, of, line) {
                self.path.leave(of);
                self.broken(found, raw, trouble);
            } else if !self.path.enter(of, found.offset, found.number) {
                self.broken(found, raw, misplaced(plan, of));
            } else if let Some(trailer) = plan.trailer_of(of) {
                self.look_ahead(plan, trailer, found.offset)?;
            }
        } else if closes == Some(plan.record) {
            if skips {
                return Ok(());
            }
            let trouble = self.values(plan, of, line).err();
            let was_open = self.path.close(raw);
            match trouble {
                Some(trouble) => self.broken(found, raw, trouble),
                None if !was_open => self.broken(found, raw, misplaced(plan, of)),
                None => {}
            }
            self.finish_record();
        } else if let Some(closed) = closes.filter(|closed| plan.around.contains(closed)) {
            self.finish_record();
            self.close_group();
            self.path.leave(closed);
        } else if of == plan.record {
            self.finish_record();
            if skips {
                self.path.pass_over();
            } else {
                let trouble = self.values(plan, of, line).err();
                self.path.begin(found.offset, found.number, raw);
                if let Some(trouble) = trouble {
                    self.path.spoil(&[], trouble);
                }
            }
        } else if plan.inside.contains(&of) {
            if skips {
                return Ok(());
            }
            // The last line inside may still wait for its row, and must be in it before its values go.
            let trouble = self.path_values(plan, of, line, raw);
            if let Some(trouble) = trouble {
                self.broken(found, raw, trouble);
            }
        } else {
            // A record of another stream over the same files.
            self.finish_record();
        }
        Ok(())
    }

    fn values(&mut self, plan: &Plan, of: usize, line: &str) -> Result<(), Trouble> {
        self.cutter.take(plan, &self.scope, of, line, self.path.values_mut(of))
    }

    /// Adds a line inside the open record.
    fn path_values(&mut self, plan: &Plan, of: usize, line: &str, raw: &[u8]) -> Option<Trouble> {
        if !self.path.add(of, raw) {
            return Some(misplaced(plan, of));
        }
        self.values(plan, of, line).err()
    }

    fn look_ahead(&mut self, plan: &Plan, trailer: usize, behind: u64) -> Result<(), Problem> {
        let ahead = match &mut self.ahead[trailer] {
            Some(ahead) => ahead,
            none => {
                let lines = self.format.lines(&self.file, &self.text, self.from.0, self.from.1)?;
                none.insert(Ahead::new(lines))
            }
        };
        ahead.next(plan, trailer, self.text, behind, self.path.values_mut(trailer))
    }

    /// A line named fields anew: what is open has the columns of before.
    fn rename(&mut self, found: &Line, raw: &[u8]) {
        self.finish_record();
        if self.renamed != self.scope.renamed {
            self.close_group();
            if let Err(trouble) = self.name_columns() {
                self.broken(found, raw, trouble);
            }
        }
    }

    fn name_columns(&mut self) -> Result<(), Trouble> {
        self.renamed = self.scope.renamed;
        self.path.name_columns(&self.scope)?;
        let columns = self.path.columns();
        // A record without a column that groups is one of its own; the file was looked over for them already.
        self.group_by = self.format.group_by.iter().filter_map(|name| columns.position(name)).collect();
        Ok(())
    }

    /// A line that cannot be read spoils the record that it may belong to; else it is rejected by itself.
    fn broken(&mut self, found: &Line, raw: &[u8], trouble: Trouble) {
        if found.offset < self.skip_to {
            return;
        }
        let told = (trouble.0, format!("line {}: {}", found.number, trouble.1));
        if !self.path.spoil(raw, told) {
            let reject = Unplaced { line: found.number, raw: raw.to_vec(), body: Err(trouble) };
            self.reject(found.number, reject);
        }
    }

    fn finish_record(&mut self) {
        let Some(finished) = self.path.finish() else { return };
        let Finished { offset, line, raw, rows } = finished;
        match rows {
            Ok(rows) if self.format.group_by.is_empty() => {
                self.ready.push_back(Unplaced { line, raw, body: Ok(Body::Rows(rows)) });
            }
            Ok(rows) => self.gather(offset, line, &raw, &rows),
            Err(trouble) => self.reject(line, Unplaced { line, raw, body: Err(trouble) }),
        }
    }

    /// Adds a record to the open group, or begins the next one with it.
    fn gather(&mut self, offset: u64, line: u64, raw: &[u8], rows: &canonical::record::Rows) {
        let key = |at: &usize| rows.value(0, *at).unwrap_or_default();
        if let Some(group) = &mut self.group
            && group.continues(self.group_by.iter().map(key))
        {
            if self.group_by.iter().map(key).any(|value| !value.trim().is_empty()) {
                // The group goes on: what could not be read before stood in the middle of it.
                self.spoils_next = None;
            }
            return group.add(rows, raw, self.format.group_rows_max);
        }
        let mut group = RowGroup::new(CODES, offset, line, self.group_by.iter().map(|at| key(at).to_owned()).collect());
        if let Some(line) = self.spoils_next.take() {
            group.spoil_before(line);
        }
        group.add(rows, raw, self.format.group_rows_max);
        self.close_group();
        self.group = Some(group);
    }

    fn reject(&mut self, line: u64, reject: Unplaced) {
        match &mut self.group {
            Some(group) => group.spoil(line, Some(reject), self.format.group_rows_max),
            None => self.ready.push_back(reject),
        }
        if !self.format.group_by.is_empty() {
            self.spoils_next = Some(line);
        }
    }

    fn close_group(&mut self) {
        if let Some(group) = self.group.take() {
            group.finish(&mut self.ready, self.format.group_rows_max);
        }
    }
}

fn misplaced(plan: &Plan, of: usize) -> Trouble {
    let found = &plan.types[of];
    let around = found.inside.or(found.closes).map_or("", |at| plan.types[at].name.as_str());
    ("layout.misplaced-line", format!("a \"{}\" stands here without a \"{around}\" before it", found.name))
}

/// The text of a line.
fn readable<'r>(
    text: &Text,
    found: &Line,
    raw: &'r [u8],
    bytes_max: usize,
) -> Result<std::borrow::Cow<'r, str>, Trouble> {
    if !found.whole {
        let reason = format!("the line is longer than line_bytes_max = {bytes_max}; only its beginning is kept here");
        return Err(("layout.line-too-long", reason));
    }
    let name = text.encoding.name();
    let line = text.decode(raw).map_err(|at| {
        let reason = format!("the line is not {name} at its byte {at}; say encoding = \"…\", often windows-1252");
        ("layout.encoding", reason)
    })?;
    if line.contains('\0') || (!text.is_direct() && line.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(("layout.encoding", format!("the line is not {name} throughout; look at how it was written")));
    }
    Ok(line)
}
