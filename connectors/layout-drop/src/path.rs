//! Which line stands inside which: rows of one record out of the lines of several types.

use std::sync::Arc;

use canonical::record::{Columns, Rows};

use crate::line::{Scope, Values};
use crate::plan::Plan;

/// Why a record cannot be read: a code and a sentence.
pub(crate) type Trouble = (&'static str, String);

/// A record, or what is left of one.
pub(crate) struct Finished {
    pub offset: u64,
    pub line: u64,
    pub raw: Vec<u8>,
    pub rows: Result<Rows, Trouble>,
}

/// The record that is open.
struct Open {
    offset: u64,
    line: u64,
    raw: Vec<u8>,
    rows: Rows,
    /// Whether the innermost line has no row yet, because lines inside it may follow.
    pending: bool,
    trouble: Option<Trouble>,
    /// Whether the line that closes it was there.
    closed: bool,
}

/// Follows the lines of a file.
pub(crate) struct Path {
    plan: Arc<Plan>,
    columns: Arc<Columns>,
    fields: FieldsOf,
    /// The values of the last line of each type.
    values: Vec<Values>,
    /// Where the open line of each type around the record stands: offset and line.
    around: Vec<Option<(u64, u64)>>,
    /// The record's type and those of the lines inside it, down to the last line.
    path: Vec<usize>,
    record: Option<Open>,
    /// How many records there were inside the open lines around them.
    passed: u64,
    rows_max: usize,
}

/// In place of the number of a field: the record's number.
const NUMBER: usize = usize::MAX;

impl Path {
    pub fn new(plan: Arc<Plan>, rows_max: usize) -> Self {
        let count = plan.types.len();
        Path {
            plan,
            columns: Arc::default(),
            fields: Arc::default(),
            values: vec![Values::default(); count],
            around: vec![None; count],
            path: Vec::new(),
            record: None,
            passed: 0,
            rows_max,
        }
    }

    /// Makes the columns of what the scope knows.
    ///
    /// # Errors
    /// Two fields of one type have the same name.
    pub fn name_columns(&mut self, scope: &Scope) -> Result<(), Trouble> {
        (self.columns, self.fields) = columns(&self.plan, scope)?;
        Ok(())
    }

    pub fn columns(&self) -> &Arc<Columns> {
        &self.columns
    }

    /// Where the values of a line of this type go.
    pub fn values_mut(&mut self, of: usize) -> &mut Values {
        &mut self.values[of]
    }

    /// Where the open record begins.
    pub fn record_start(&self) -> Option<(u64, u64)> {
        self.record.as_ref().map(|open| (open.offset, open.line))
    }

    /// Where the outermost open line around the records stands.
    pub fn outermost(&self) -> Option<(u64, u64)> {
        self.plan.around.iter().find_map(|at| self.around[*at])
    }

    /// Opens a line that stands around records; whether it may stand here.
    pub fn enter(&mut self, of: usize, offset: u64, line: u64) -> bool {
        let depth = self.plan.around.iter().position(|at| *at == of).unwrap_or_default();
        for inner in &self.plan.around[depth..] {
            self.around[*inner] = None;
        }
        self.passed = 0;
        let stands = depth == 0 || self.around[self.plan.around[depth - 1]].is_some();
        if stands {
            self.around[of] = Some((offset, line));
        }
        stands
    }

    /// Closes the line around records that this type ends.
    pub fn leave(&mut self, closed: usize) {
        let depth = self.plan.around.iter().position(|at| *at == closed).unwrap_or_default();
        for inner in &self.plan.around[depth..] {
            self.around[*inner] = None;
        }
    }

    /// Counts a record that was given out before.
    pub fn pass_over(&mut self) {
        self.passed += 1;
    }

    /// Begins a record; its values are there already.
    pub fn begin(&mut self, offset: u64, line: u64, raw: &[u8]) {
        let outer = self.plan.around.last();
        let trouble = outer.filter(|at| self.around[**at].is_none()).map(|at| {
            let (record, outer) = (&self.plan.types[self.plan.record].name, &self.plan.types[*at].name);
            ("layout.misplaced-line", format!("line {line} is a \"{record}\" outside of any \"{outer}\""))
        });
        self.path.clear();
        self.path.push(self.plan.record);
        self.passed += 1;
        let rows = Rows::new(Arc::clone(&self.columns));
        let raw = raw.to_vec();
        self.record = Some(Open { offset, line, raw, rows, pending: true, trouble, closed: false });
    }

    /// Adds a line inside the record; its values are there already. Whether there is an open line that it may stand in.
    pub fn add(&mut self, of: usize, raw: &[u8]) -> bool {
        let parent = self.plan.types[of].inside;
        let depth = self.path.iter().rposition(|at| Some(*at) == parent);
        let (Some(depth), true) = (depth, self.record.is_some()) else { return false };
        if depth + 1 < self.path.len() {
            self.push_pending();
        }
        self.path.truncate(depth + 1);
        self.path.push(of);
        if let Some(open) = &mut self.record {
            open.pending = true;
            self.keep(raw);
        }
        true
    }

    /// Notes what is wrong with the open record; `false` when there is none.
    pub fn spoil(&mut self, raw: &[u8], trouble: Trouble) -> bool {
        let Some(open) = &mut self.record else { return false };
        open.trouble.get_or_insert(trouble);
        self.keep(raw);
        true
    }

    /// Takes the line that closes the record; its values are there already. `false` when no record is open.
    pub fn close(&mut self, raw: &[u8]) -> bool {
        let Some(open) = &mut self.record else { return false };
        open.closed = true;
        self.keep(raw);
        true
    }

    /// Ends the open record.
    pub fn finish(&mut self) -> Option<Finished> {
        self.push_pending();
        let trailer = self.plan.trailer_of(self.plan.record);
        let rows_max = self.rows_max;
        let mut open = self.record.take()?;
        self.path.clear();
        if let Some(trailer) = trailer {
            let name = &self.plan.types[trailer].name;
            if !open.closed {
                open.trouble.get_or_insert_with(|| {
                    (
                        "layout.unended",
                        format!("the record ends without its \"{name}\"; the file was cut off or mixed up"),
                    )
                });
            } else if self.values[trailer].len() > 0 {
                open.rows = self.with_trailer(&open.rows, trailer);
            }
            self.values[trailer].clear();
        }
        if open.rows.len() > rows_max {
            let reason = format!("the record has more than group_rows_max = {rows_max} rows");
            open.trouble = Some(("layout.group-too-large", reason));
        }
        let rows = open.trouble.map_or(Ok(open.rows), Err);
        Some(Finished { offset: open.offset, line: open.line, raw: open.raw, rows })
    }

    /// Keeps the bytes of a line, as long as the record has not too many rows.
    fn keep(&mut self, raw: &[u8]) {
        if let Some(open) = &mut self.record
            && open.rows.len() <= self.rows_max
        {
            open.raw.push(b'\n');
            open.raw.extend_from_slice(raw);
        }
    }

    fn push_pending(&mut self) {
        let Some(open) = &mut self.record else { return };
        if open.pending && open.rows.len() <= self.rows_max && open.trouble.is_none() {
            let (plan, path, values) = (&self.plan, &self.path, &self.values);
            let around = &self.around;
            // What is not open now has no value; a trailer that is still to come has none either.
            let shown = |of: usize| match &plan.types[of] {
                _ if path.contains(&of) || around[of].is_some() => Some(&values[of]),
                found if found.closes.is_some_and(|closed| around[closed].is_some()) => Some(&values[of]),
                _ => None,
            };
            let number = self.passed.to_string();
            let row = self.fields.iter().map(|(of, at)| match *at {
                NUMBER => number.as_str(),
                at => shown(*of).map_or("", |values| values.get(at)),
            });
            if !open.rows.push(row) {
                let reason = "the record is larger than 4 GiB, or its lines have other columns than its first one";
                open.trouble = Some(("layout.group-too-large", reason.to_owned()));
            }
        }
        open.pending = false;
    }

    /// The same rows with the values of the line that closes the record.
    fn with_trailer(&self, rows: &Rows, trailer: usize) -> Rows {
        let mut filled = Rows::new(Arc::clone(rows.columns()));
        for row in 0..rows.len() {
            let known = rows.row(row).zip(self.fields.iter());
            filled.push(known.map(|(value, (of, at))| if *of == trailer { self.values[*of].get(*at) } else { value }));
        }
        filled
    }
}

/// Which type and which of its fields each column is of.
pub(crate) type FieldsOf = Arc<[(usize, usize)]>;

/// The columns of a layout: `TYPE.FIELD`, from the outermost type to the innermost, then those of the trailers.
///
/// # Errors
/// Two fields of one type have the same name.
pub(crate) fn columns(plan: &Plan, scope: &Scope) -> Result<(Arc<Columns>, FieldsOf), Trouble> {
    let (mut names, mut fields) = (Vec::new(), Vec::new());
    for of in plan.with_columns() {
        for (at, field) in scope.fields(plan, of).into_iter().flatten().enumerate() {
            names.push(format!("{}.{field}", plan.types[of].name));
            fields.push((of, at));
        }
    }
    if let Some(number) = &plan.number {
        names.push(format!("{}.{number}", plan.types[plan.record].name));
        fields.push((plan.record, NUMBER));
    }
    let columns = Columns::new(names).map_err(|twice| ("layout.names-twice", format!("{twice}")))?;
    Ok((columns, fields.into()))
}
