//! A layout that was checked.

use std::collections::BTreeSet;

use connector::Fault;
use files::LineCut;

use crate::layout::{Field, Fields, Layout, LineType, Test};

/// A layout that was checked: types are known by their position, and what stands inside what is worked out.
#[derive(Debug)]
pub(crate) struct Plan {
    pub types: Vec<Type>,
    /// The type that begins a record.
    pub record: usize,
    /// The column that has the record's number inside what is around it.
    pub number: Option<String>,
    /// The types around it, outermost first.
    pub around: Vec<usize>,
    /// The types inside it, each behind the one that it stands in.
    pub inside: Vec<usize>,
    /// The types that close the record or what is around it, outermost last.
    pub trailers: Vec<usize>,
    pub style: Style,
    pub width: Option<usize>,
    pub cut: LineCut,
    pub section: Option<String>,
    pub preamble: Vec<String>,
    pub ignore: Vec<String>,
}

/// How a line is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// By positions.
    Fixed,
    /// By a character between the values.
    Separated { delimiter: char, quote: Option<char> },
}

/// A type of line.
#[derive(Debug)]
pub(crate) struct Type {
    pub name: String,
    pub starts_with: Option<String>,
    pub when: Vec<Test>,
    pub section: Option<String>,
    pub inside: Option<usize>,
    pub closes: Option<usize>,
    /// The first value of the line that names its fields.
    pub names: Option<String>,
    pub fields: Places,
}

/// Where the fields of a type stand.
#[derive(Debug)]
pub(crate) enum Places {
    /// In order of their positions.
    Positions(Vec<(String, Field)>),
    /// By the number of the value; an empty name leaves a value out.
    Values(Vec<String>),
}

impl Plan {
    /// Checks a layout; `record` goes before the layout's own.
    ///
    /// # Errors
    /// [`Fault::Halt`] names the field that cannot work.
    pub fn new(layout: &Layout, record: Option<&str>) -> Result<Self, Fault> {
        let style = style(layout)?;
        let types = types(layout, style)?;
        let record = record_of(layout, &types, record)?;
        let around = around(&types, record)?;
        let mut inside = Vec::new();
        within(&types, record, &mut inside);
        let closed = |of: usize| types.iter().enumerate().filter(move |(_, found)| found.closes == Some(of));
        let mut trailers = Vec::new();
        for of in std::iter::once(record).chain(around.iter().rev().copied()) {
            let mut found = closed(of).map(|(at, _)| at);
            trailers.extend(found.next());
            if let Some(second) = found.next() {
                let (name, of) = (&types[second].name, &types[of].name);
                return Err(wrong(name, &format!("closes \"{of}\", and so does another type; one of them must go")));
            }
        }
        let number = number_of(layout, &types, record)?;
        let cut = match (layout.line_ends, layout.width) {
            (true, _) => LineCut::LineFeed,
            (false, Some(width)) if width > 0 && style == Style::Fixed => LineCut::Bytes(width),
            _ => return Err(Fault::halt("line_ends = false needs width, and lines of fixed positions")),
        };
        Ok(Plan {
            types,
            record,
            number,
            around,
            inside,
            trailers,
            style,
            width: layout.width,
            cut,
            section: layout.section.clone(),
            preamble: layout.preamble.clone(),
            ignore: layout.ignore.clone(),
        })
    }

    /// The types whose fields are columns, in the order of the columns.
    pub fn with_columns(&self) -> impl Iterator<Item = usize> {
        let record = std::iter::once(&self.record);
        self.around.iter().chain(record).chain(&self.inside).chain(&self.trailers).copied()
    }

    /// The type that closes another.
    pub fn trailer_of(&self, closed: usize) -> Option<usize> {
        self.trailers.iter().copied().find(|trailer| self.types[*trailer].closes == Some(closed))
    }

    /// Whether what a line means depends on lines that stand anywhere before it.
    pub fn is_contextual(&self) -> bool {
        self.section.is_some() || self.types.iter().any(|found| found.names.is_some())
    }
}

fn wrong(name: &str, what: &str) -> Fault {
    Fault::halt(format!("layout.lines.{name}: {what}"))
}

fn style(layout: &Layout) -> Result<Style, Fault> {
    let usable = |character: char| !matches!(character, '\r' | '\n' | '\0');
    match (layout.delimiter, layout.quote) {
        (None, None) => Ok(Style::Fixed),
        (None, Some(_)) => {
            Err(Fault::halt("layout.quote goes with layout.delimiter; lines of fixed positions have none"))
        }
        (Some(delimiter), quote) if usable(delimiter) && quote.is_none_or(usable) && quote != Some(delimiter) => {
            Ok(Style::Separated { delimiter, quote })
        }
        _ => Err(Fault::halt("layout.delimiter and layout.quote must be two different characters, and no line ends")),
    }
}

fn types(layout: &Layout, style: Style) -> Result<Vec<Type>, Fault> {
    let position = |name: &String, field: &str, wanted: &Option<String>| {
        let Some(wanted) = wanted else { return Ok(None) };
        let found = layout.lines.keys().position(|known| known == wanted);
        found.map(Some).ok_or_else(|| wrong(name, &format!("{field} = \"{wanted}\" is no type of line of this layout")))
    };
    let build = |(name, line): (&String, &LineType)| {
        if name.is_empty() || name.contains('.') {
            return Err(wrong(name, "the name of a type is not empty and has no point in it"));
        }
        if line.when.iter().any(|test| test.at == 0 || test.is.iter().any(String::is_empty) || test.is.is_empty()) {
            return Err(wrong(
                name,
                "when = [{ at = POSITION, is = [\"TEXT\"] }] counts from 1 and compares with texts",
            ));
        }
        if line.section.is_some() && layout.section.is_none() {
            return Err(wrong(name, "section needs the layout's section = \"…\", which says what begins one"));
        }
        let (inside, closes) = (position(name, "inside", &line.inside)?, position(name, "closes", &line.closes)?);
        if inside.is_some() && closes.is_some() {
            return Err(wrong(name, "a type stands inside another or closes it, not both"));
        }
        Ok(Type {
            name: name.clone(),
            starts_with: line.starts_with.clone(),
            when: line.when.clone(),
            section: line.section.clone(),
            inside,
            closes,
            names: line.names.clone(),
            fields: places(name, line, style, layout.width)?,
        })
    };
    let types: Vec<Type> = layout.lines.iter().map(build).collect::<Result<_, _>>()?;
    if let Some(name) = types.iter().find(|found| found.closes.is_some_and(|of| types[of].closes.is_some())) {
        return Err(wrong(&name.name, "a type that closes another cannot be closed itself"));
    }
    Ok(types)
}

fn places(name: &str, line: &LineType, style: Style, width: Option<usize>) -> Result<Places, Fault> {
    match (&line.fields, style) {
        (Fields::Names(names), _) if names.is_empty() && style == Style::Fixed => match line.names {
            None => Ok(Places::Positions(Vec::new())),
            Some(_) => Err(wrong(name, "names goes with separated lines; fixed positions need fields")),
        },
        (Fields::Names(names), Style::Separated { .. }) => {
            if line.names.is_some() && !names.is_empty() {
                return Err(wrong(name, "names reads the fields from the file; remove it or fields"));
            }
            let mut known = BTreeSet::new();
            match names.iter().find(|field| !field.is_empty() && !known.insert(field.as_str())) {
                Some(field) => Err(wrong(name, &format!("the field \"{field}\" stands twice"))),
                None => Ok(Places::Values(names.clone())),
            }
        }
        (Fields::Positions(fields), Style::Fixed) => {
            let mut fields: Vec<(String, Field)> =
                fields.iter().map(|(name, choice)| (name.clone(), choice.field())).collect();
            fields.sort_by_key(|(_, field)| field.at);
            let mut free = 1;
            for (field, at) in &fields {
                let end = at.at.saturating_add(at.length);
                if field.is_empty() || at.at < free || at.length == 0 || width.is_some_and(|width| end > width + 1) {
                    let what = format!("fields.{field}: it overlaps another, is empty, or goes beyond the width");
                    return Err(wrong(name, &what));
                }
                free = end;
            }
            Ok(Places::Positions(fields))
        }
        (Fields::Names(_), Style::Fixed) => {
            Err(wrong(name, "fields must be { NAME = [POSITION, LENGTH] }, or give the layout a delimiter"))
        }
        (Fields::Positions(_), Style::Separated { .. }) => {
            Err(wrong(name, "fields of a separated line are a list of names: fields = [\"…\", \"…\"]"))
        }
    }
}

fn record_of(layout: &Layout, types: &[Type], record: Option<&str>) -> Result<usize, Fault> {
    let names = || types.iter().map(|found| found.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = record.or(layout.record.as_deref()) {
        let found = types.iter().position(|found| found.name == wanted);
        let found = found.filter(|at| types[*at].closes.is_none());
        return found.ok_or_else(|| {
            Fault::halt(format!(
                "record = \"{wanted}\" must be a type of line that closes no other; there are {}",
                names()
            ))
        });
    }
    let mut outer = types.iter().enumerate().filter(|(_, found)| found.inside.is_none() && found.closes.is_none());
    match (outer.next(), outer.next()) {
        (Some((at, _)), None) => Ok(at),
        _ => Err(Fault::halt(format!("say which type of line begins a record: record = \"…\"; there are {}", names()))),
    }
}

/// The column of the record's number.
fn number_of(layout: &Layout, types: &[Type], record: usize) -> Result<Option<String>, Fault> {
    let mut numbered = layout.lines.iter().enumerate().filter_map(|(at, (_, line))| Some((at, line.number.as_ref()?)));
    match numbered.find(|(at, _)| *at != record || types[*at].inside.is_none()) {
        Some((at, _)) => {
            Err(wrong(&types[at].name, "number is for the type that begins a record, inside another type"))
        }
        None => Ok(layout.lines.values().nth(record).and_then(|line| line.number.clone())),
    }
}

/// What is around a type, outermost first.
fn around(types: &[Type], of: usize) -> Result<Vec<usize>, Fault> {
    let mut found = Vec::new();
    let mut at = of;
    while let Some(outer) = types[at].inside {
        if found.len() >= types.len() || types[outer].closes.is_some() {
            return Err(wrong(&types[of].name, "inside leads round in a circle, or into a type that closes another"));
        }
        found.push(outer);
        at = outer;
    }
    found.reverse();
    Ok(found)
}

/// What is inside a type, each behind the one that it stands in. A circle cannot be reached from outside of it.
fn within(types: &[Type], of: usize, into: &mut Vec<usize>) {
    for (at, _) in types.iter().enumerate().filter(|(_, found)| found.inside == Some(of)) {
        into.push(at);
        within(types, at, into);
    }
}

#[cfg(test)]
mod tests;
