//! Changes as lines of a file.

use std::sync::Arc;

use canonical::entity::Operation;
use canonical::record::{Body, Columns, Rows};
use connector::Rendered;
use encoding_rs::Encoding;
use files::{Fate, Render, encode};

use crate::layout::{Align, Field};
use crate::plan::{Places, Plan, Style, Type};
use crate::settings::{LineEnd, Removal};

/// Renders changes as lines of several types.
pub(crate) struct LayoutWriter {
    pub plan: Plan,
    pub encoding: &'static Encoding,
    pub line_end: &'static str,
    pub removal: Removal,
}

/// The end of each line of a layout.
pub(crate) fn line_end(plan: &Plan, line_end: LineEnd) -> &'static str {
    match (plan.cut, line_end) {
        (files::LineCut::Bytes(_), _) => "",
        (_, LineEnd::Crlf) => "\r\n",
        (_, LineEnd::Lf) => "\n",
    }
}

/// Which fields the lines of each type have, and the positions of their columns in records.
#[derive(Clone)]
struct FieldsByType {
    columns: Arc<Columns>,
    /// By type: the names of the fields with the column of each, if records have it.
    fields: Vec<Vec<(String, Option<usize>)>>,
}

/// What the next line depends on.
#[derive(Default)]
struct State {
    content: Vec<u8>,
    /// The row with the values around the records, while something around them is open.
    open: Option<(Rows, FieldsByType)>,
    section: Option<String>,
    names: Vec<Option<Vec<String>>>,
}

impl LayoutWriter {
    fn write(&self, change: &Rendered, state: &mut State) -> Fate {
        let Body::Rows(rows) = &change.record.body else {
            let reason = "the mapping writes another shape than rows; give this target a mapping with format = \"csv\"";
            return Fate::Refused("layout.shape", reason.to_owned());
        };
        if change.operation != Operation::Upsert {
            return match self.removal {
                Removal::Ignore => Fate::Nothing,
                Removal::Refuse => {
                    let reason = "this target has no way to remove a record; say removal = \"ignore\" if it keeps them";
                    Fate::Refused("layout.removal", reason.to_owned())
                }
            };
        }
        let (length, section, names) = (state.content.len(), state.section.clone(), state.names.clone());
        match self.write_record(rows, state) {
            Ok(()) => Fate::Written,
            Err(fate) => {
                // Nothing of a batch with a refused change is written; the rest is still looked over for others.
                state.content.truncate(length);
                (state.section, state.names) = (section, names);
                fate
            }
        }
    }

    fn write_record(&self, rows: &Rows, state: &mut State) -> Result<(), Fate> {
        let fields = self.fields(rows.columns());
        self.refuse_unknown(rows, &fields)?;
        self.write_around(rows, &fields, state)?;
        self.write_line(self.plan.record, rows, 0, &fields, state)?;
        for row in 0..rows.len() {
            let filled: Vec<usize> =
                self.plan.inside.iter().copied().filter(|of| is_filled(rows, row, &fields.fields[*of])).collect();
            for (at, of) in filled.iter().enumerate() {
                let is_last = at + 1 == filled.len();
                // A line around the row's own is there already if the row before stands in it too.
                if is_last || row == 0 || !same(rows, row - 1, rows, row, &fields.fields[*of], &fields.fields[*of]) {
                    self.write_line(*of, rows, row, &fields, state)?;
                }
            }
        }
        if let Some(trailer) = self.plan.trailer_of(self.plan.record) {
            self.write_line(trailer, rows, 0, &fields, state)?;
        }
        Ok(())
    }

    /// Closes what is around the record before if it is not around this one, and opens what is.
    fn write_around(&self, rows: &Rows, fields: &FieldsByType, state: &mut State) -> Result<(), Fate> {
        let depth = match &state.open {
            Some((before, known)) => self
                .plan
                .around
                .iter()
                .take_while(|of| same(before, 0, rows, 0, &known.fields[**of], &fields.fields[**of]))
                .count(),
            None => 0,
        };
        if state.open.is_some() && depth == self.plan.around.len() {
            return Ok(());
        }
        self.close_around(depth, state)?;
        for of in &self.plan.around[depth..] {
            self.write_line(*of, rows, 0, fields, state)?;
        }
        let mut first = Rows::new(Arc::clone(rows.columns()));
        first.push(rows.row(0));
        state.open = Some((first, fields.clone()));
        Ok(())
    }

    /// Writes the trailers of what is open from a depth on.
    fn close_around(&self, depth: usize, state: &mut State) -> Result<(), Fate> {
        let Some((row, fields)) = state.open.take() else { return Ok(()) };
        for of in self.plan.around[depth..].iter().rev() {
            if let Some(trailer) = self.plan.trailer_of(*of) {
                self.write_line(trailer, &row, 0, &fields, state)?;
            }
        }
        Ok(())
    }

    /// The fields of every type: those of the layout, or what the records have where the file itself names them.
    fn fields(&self, columns: &Arc<Columns>) -> FieldsByType {
        let of_type = |found: &Type| {
            let column = |field: &str| (field.to_owned(), columns.position(&format!("{}.{field}", found.name)));
            match &found.fields {
                Places::Positions(fields) => fields.iter().map(|(name, _)| column(name)).collect(),
                Places::Values(names) if found.names.is_none() => names.iter().map(|name| column(name)).collect(),
                Places::Values(_) => {
                    let own = |name: &str| Some(name.strip_prefix(&found.name)?.strip_prefix('.')?.to_owned());
                    columns.names().enumerate().filter_map(|(at, name)| Some((own(name)?, Some(at)))).collect()
                }
            }
        };
        FieldsByType { columns: Arc::clone(columns), fields: self.plan.types.iter().map(of_type).collect() }
    }

    /// Refuses content for which the layout has no place.
    fn refuse_unknown(&self, rows: &Rows, fields: &FieldsByType) -> Result<(), Fate> {
        let mut known = vec![false; fields.columns.len()];
        self.plan
            .with_columns()
            .flat_map(|of| &fields.fields[of])
            .filter_map(|(_, at)| *at)
            .for_each(|at| known[at] = true);
        let stray = (0..known.len())
            .find(|at| !known[*at] && (0..rows.len()).any(|row| !rows.value(row, *at).unwrap_or_default().is_empty()));
        let Some(at) = stray else { return Ok(()) };
        let name = fields.columns.names().nth(at).unwrap_or_default();
        let reason = format!("the record has content in \"{name}\", for which the layout has no place (TYPE.FIELD)");
        Err(Fate::Refused("layout.column", reason))
    }

    fn write_line(
        &self,
        of: usize,
        rows: &Rows,
        row: usize,
        fields: &FieldsByType,
        state: &mut State,
    ) -> Result<(), Fate> {
        let found = &self.plan.types[of];
        self.write_scope(of, found, &fields.fields[of], state)?;
        let value = |at: Option<usize>| at.and_then(|at| rows.value(row, at)).unwrap_or_default();
        let line = match (&found.fields, self.plan.style) {
            (Places::Positions(places), _) => {
                let values = fields.fields[of].iter().map(|(_, at)| value(*at));
                fixed(found, places, values, self.plan.width)?
            }
            (_, Style::Separated { delimiter, quote }) => {
                let mut values: Vec<&str> = fields.fields[of].iter().map(|(_, at)| value(*at)).collect();
                if found.names.is_some() {
                    values.insert(0, "");
                }
                place_told(found, &mut values);
                separated(&values, delimiter, quote, &found.name)?
            }
            // A checked layout has no such type.
            (Places::Values(_), Style::Fixed) => String::new(),
        };
        self.push(&line, &found.name, state)
    }

    /// Writes what says how the next line is to be understood, unless it was said already.
    fn write_scope(
        &self,
        of: usize,
        found: &Type,
        fields: &[(String, Option<usize>)],
        state: &mut State,
    ) -> Result<(), Fate> {
        let Style::Separated { delimiter, quote } = self.plan.style else { return Ok(()) };
        if let (Some(section), Some(marker)) = (&found.section, &self.plan.section)
            && state.section.as_ref() != Some(section)
        {
            let line = separated(&[marker, section], delimiter, quote, &found.name)?;
            self.push(&line, &found.name, state)?;
            state.section = Some(section.clone());
        }
        if let Some(marker) = &found.names {
            let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
            state.names.resize(self.plan.types.len(), None);
            if state.names[of].as_ref() != Some(&names) {
                let texts: Vec<&str> = std::iter::once(marker).chain(&names).map(String::as_str).collect();
                let line = separated(&texts, delimiter, quote, &found.name)?;
                self.push(&line, &found.name, state)?;
                state.names[of] = Some(names);
            }
        }
        Ok(())
    }

    fn push(&self, line: &str, name: &str, state: &mut State) -> Result<(), Fate> {
        let bytes = encode(self.encoding, line).map_err(|character| {
            let (point, encoding) = (u32::from(character), self.encoding.name());
            let reason = format!("a value of \"{name}\" contains U+{point:04X}, which {encoding} cannot express");
            Fate::Refused("layout.encoding", reason)
        })?;
        state.content.extend_from_slice(&bytes);
        // A line end is of every encoding.
        state.content.extend_from_slice(&encode(self.encoding, self.line_end).unwrap_or_default());
        Ok(())
    }
}

fn is_filled(rows: &Rows, row: usize, fields: &[(String, Option<usize>)]) -> bool {
    fields.iter().filter_map(|(_, at)| *at).any(|at| !rows.value(row, at).unwrap_or_default().is_empty())
}

/// Whether two rows have the same values in the fields of one type.
fn same(
    left: &Rows,
    left_row: usize,
    right: &Rows,
    right_row: usize,
    left_fields: &[(String, Option<usize>)],
    right_fields: &[(String, Option<usize>)],
) -> bool {
    let value = |rows: &Rows, row: usize, at: Option<usize>| {
        at.and_then(|at| rows.value(row, at)).unwrap_or_default().to_owned()
    };
    left_fields.len() == right_fields.len()
        && left_fields
            .iter()
            .zip(right_fields)
            .all(|(one, other)| value(left, left_row, one.1) == value(right, right_row, other.1))
}

/// Puts what tells the type into the values, where records have nothing else there.
fn place_told<'v>(found: &'v Type, values: &mut Vec<&'v str>) {
    let starts = found.starts_with.iter().map(|text| (1, text));
    let told = found.when.iter().filter_map(|test| Some((test.at, test.is.first()?)));
    for (at, text) in starts.chain(told) {
        if values.len() < at {
            values.resize(at, "");
        }
        if values[at - 1].is_empty() {
            values[at - 1] = text;
        }
    }
}

fn separated(values: &[&str], delimiter: char, quote: Option<char>, name: &str) -> Result<String, Fate> {
    let mut line = String::new();
    for (at, value) in values.iter().enumerate() {
        if at > 0 {
            line.push(delimiter);
        }
        let breaks = value.contains(['\r', '\n']);
        let structural = value.contains(delimiter) || quote.is_some_and(|quote| value.starts_with(quote));
        match quote {
            Some(quote) if structural && !breaks => {
                let mark = quote.to_string();
                line.push(quote);
                line.push_str(&value.replace(quote, &mark.repeat(2)));
                line.push(quote);
            }
            _ if breaks || value.contains(delimiter) => {
                let reason =
                    format!("value {} of \"{name}\" contains a delimiter or line end, which has no place", at + 1);
                return Err(Fate::Refused("layout.value", reason));
            }
            _ => line.push_str(value),
        }
    }
    Ok(line)
}

/// A line of fixed positions.
fn fixed<'v>(
    found: &Type,
    places: &[(String, Field)],
    values: impl Iterator<Item = &'v str>,
    width: Option<usize>,
) -> Result<String, Fate> {
    let mut line: Vec<char> = vec![' '; width.unwrap_or(0)];
    let mut put = |at: usize, text: &mut dyn Iterator<Item = char>| {
        for (at, character) in text.enumerate().map(|(offset, character)| (at - 1 + offset, character)) {
            if line.len() <= at {
                line.resize(at + 1, ' ');
            }
            line[at] = character;
        }
    };
    for (place, value) in places.iter().zip(values) {
        let (name, field) = place;
        let value = if value.is_empty() { field.default.as_deref().unwrap_or_default() } else { value };
        let count = value.chars().count();
        if count > field.length || value.contains(['\r', '\n']) {
            let (of, most) = (&found.name, field.length);
            let reason = format!(
                "the value of \"{of}.{name}\" has a line end or more than its {most} characters; shorten it in the mapping \
                 with text = {{ truncate = {most} }}"
            );
            return Err(Fate::Refused("layout.value", reason));
        }
        let fill = field.fill.filter(|_| count > 0).unwrap_or(' ');
        let missing = std::iter::repeat_n(fill, field.length - count);
        match field.align {
            Align::Left => put(field.at, &mut value.chars().chain(missing)),
            Align::Right => put(field.at, &mut missing.chain(value.chars())),
        }
    }
    let starts = found.starts_with.iter().map(|text| (1, text));
    let told = found.when.iter().filter_map(|test| Some((test.at, test.is.first()?)));
    for (at, text) in starts.chain(told) {
        let blank = line.iter().skip(at - 1).take(text.chars().count()).all(|character| *character == ' ');
        if blank {
            if line.len() < at - 1 + text.chars().count() {
                line.resize(at - 1 + text.chars().count(), ' ');
            }
            line.splice(at - 1..at - 1 + text.chars().count(), text.chars());
        }
    }
    Ok(line.into_iter().collect())
}

impl Render for LayoutWriter {
    fn render(&self, changes: &[&Rendered]) -> (Vec<u8>, Vec<Fate>) {
        let mut state = State::default();
        for line in &self.plan.preamble {
            if let Err(fate) = self.push(line, "preamble", &mut state) {
                return (state.content, changes.iter().map(|_| fate.clone()).collect());
            }
        }
        let mut fates: Vec<Fate> = changes.iter().map(|change| self.write(change, &mut state)).collect();
        if let (Err(fate), Some(last)) = (self.close_around(0, &mut state), fates.last_mut()) {
            *last = fate;
        }
        (state.content, fates)
    }
}
