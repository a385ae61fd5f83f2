//! One line: which type it is of, and the values in it.

use crate::plan::{Places, Plan, Style, Type};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Blank, left out by the layout, or the preamble.
    Nothing,
    /// It names the fields of a type, or begins a section; the [`Scope`] knows it now.
    Scope,
    /// A line of this type.
    Of(usize),
    /// No type of the layout fits it.
    Unknown,
}

/// What lines before this one say about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    section: Option<String>,
    /// The names of a type's fields, for each type that is named by the file itself.
    names: Vec<Option<Vec<String>>>,
    /// How often names were given: columns that were made of others are not those of today.
    pub renamed: usize,
}

impl Scope {
    /// The names of a type's fields in order; `None` when a line must still say them.
    pub fn fields<'a>(&'a self, plan: &'a Plan, of: usize) -> Option<Box<dyn Iterator<Item = &'a str> + 'a>> {
        let named = |names: &'a [String]| names.iter().map(String::as_str).filter(|name| !name.is_empty());
        match &plan.types[of].fields {
            Places::Positions(fields) => Some(Box::new(fields.iter().map(|(name, _)| name.as_str()))),
            Places::Values(_) if plan.types[of].names.is_some() => {
                let names = self.names.get(of)?.as_deref()?;
                Some(Box::new(named(names)))
            }
            Places::Values(names) => Some(Box::new(named(names))),
        }
    }
}

/// The values of one line in the order of its type's fields. It is reused from line to line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    text: String,
    ends: Vec<usize>,
}

impl Values {
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn push(&mut self, value: &str) {
        self.text.push_str(value.trim());
        self.ends.push(self.text.len());
    }

    fn end(&mut self) {
        self.ends.push(self.text.len());
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The value at a position, counted from 0; blank where there is none.
    pub fn get(&self, at: usize) -> &str {
        let Some(end) = self.ends.get(at) else { return "" };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..*end]
    }
}

/// Takes lines apart, with room that is reused from line to line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cutter {
    /// The values of a separated line, as they stand there.
    split: Values,
    /// Where the characters of a line begin, if one of them has more than one byte.
    starts: Vec<usize>,
}

impl Cutter {
    /// Tells what a line is; what it says about lines behind it goes into the scope.
    pub fn classify(&mut self, plan: &Plan, scope: &mut Scope, line: &str) -> Kind {
        let blank = line.trim_matches(|character: char| character.is_whitespace() || character == '\u{1a}').is_empty();
        let starts = |prefix: &String| !prefix.is_empty() && line.starts_with(prefix.as_str());
        if blank || plan.preamble.iter().any(|known| known == line) {
            return Kind::Nothing;
        }
        self.cut(plan, line);
        if let Style::Separated { .. } = plan.style
            && self.is_scope(plan, scope)
        {
            return Kind::Scope;
        }
        let weigh = |(at, found): (usize, &Type)| Some((self.weight(plan, scope, found, line)?, at));
        // The one told by most text counts, and of equals the one that is named first.
        let best = plan.types.iter().enumerate().filter_map(weigh).min_by_key(|(weight, at)| (-weight, *at));
        match best {
            Some((_, at)) => Kind::Of(at),
            None if plan.ignore.iter().any(starts) => Kind::Nothing,
            None => Kind::Unknown,
        }
    }

    /// Makes the parts of a line known.
    fn cut(&mut self, plan: &Plan, line: &str) {
        match plan.style {
            Style::Fixed => {
                self.starts.clear();
                if !line.is_ascii() {
                    self.starts.extend(line.char_indices().map(|(at, _)| at));
                }
            }
            Style::Separated { delimiter, quote } => split(line, delimiter, quote, &mut self.split),
        }
    }

    fn is_scope(&self, plan: &Plan, scope: &mut Scope) -> bool {
        let first = self.split.get(0);
        if plan.section.as_deref() == Some(first) {
            scope.section = Some(self.split.get(1).to_owned());
            return true;
        }
        let Some(at) = plan.types.iter().position(|found| found.names.as_deref() == Some(first)) else { return false };
        // The first name stands for what tells the type, which the record need not have.
        let names = (0..self.split.len()).map(|at| if at == 0 { String::new() } else { self.split.get(at).to_owned() });
        let names: Vec<String> = names.collect();
        scope.names.resize(plan.types.len(), None);
        if scope.names[at].as_ref() != Some(&names) {
            scope.names[at] = Some(names);
            scope.renamed += 1;
        }
        true
    }

    /// How much tells that a line is of a type; `None` when it is not.
    fn weight(&self, plan: &Plan, scope: &Scope, of: &Type, line: &str) -> Option<i64> {
        if of.section.is_some() && of.section != scope.section {
            return None;
        }
        let mut weight = i64::from(of.section.is_some());
        if let Some(start) = &of.starts_with {
            let fits = match plan.style {
                Style::Fixed => line.starts_with(start.as_str()),
                Style::Separated { .. } => self.split.get(0) == start,
            };
            weight += fits.then_some(start.len() as i64 * 2)?;
        }
        for test in &of.when {
            let fits = |text: &&String| match plan.style {
                Style::Fixed => self.rest(line, test.at).starts_with(text.as_str()),
                Style::Separated { .. } => self.split.get(test.at - 1) == text.as_str(),
            };
            weight += test.is.iter().find(fits)?.len() as i64 * 2;
        }
        Some(weight)
    }

    /// The part of a fixed line from a position on, counted from 1.
    fn rest<'l>(&self, line: &'l str, at: usize) -> &'l str {
        let start = if line.is_ascii() { Some(at - 1) } else { self.starts.get(at - 1).copied() };
        start.and_then(|start| line.get(start..)).unwrap_or("")
    }

    /// The values of the line that was classified last, as one of a type.
    ///
    /// # Errors
    /// The code and the reason why it cannot be read.
    pub fn take(
        &self,
        plan: &Plan,
        scope: &Scope,
        of: usize,
        line: &str,
        into: &mut Values,
    ) -> Result<(), (&'static str, String)> {
        into.clear();
        let found = &plan.types[of];
        let names = match &found.fields {
            Places::Positions(fields) => {
                if let Some(width) = plan.width
                    && !self.rest(line, width + 1).trim().is_empty()
                {
                    let reason = format!("the line has text behind its width of {width} characters");
                    return Err(("layout.line-width", reason));
                }
                for (_, field) in fields {
                    let rest = self.rest(line, field.at);
                    let end = rest.char_indices().nth(field.length).map_or(rest.len(), |(at, _)| at);
                    into.push(&rest[..end]);
                }
                return Ok(());
            }
            Places::Values(names) if found.names.is_none() => names,
            Places::Values(_) => scope.names.get(of).and_then(Option::as_ref).ok_or_else(|| {
                let reason = format!(
                    "no line \"{}\" before it names the fields of lines \"{}\"",
                    found.names.as_deref().unwrap_or_default(),
                    found.name
                );
                ("layout.no-names", reason)
            })?,
        };
        if (names.len().max(1)..self.split.len()).any(|at| !self.split.get(at).is_empty()) {
            let reason = format!(
                "the line has {} values, but lines \"{}\" have {}; does a value contain the delimiter?",
                self.split.len(),
                found.name,
                names.len()
            );
            return Err(("layout.surplus-value", reason));
        }
        for (at, _) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            into.push(self.split.get(at));
        }
        Ok(())
    }
}

/// Splits a line at its delimiters; a value that begins with a quote goes on to the closing one.
fn split(line: &str, delimiter: char, quote: Option<char>, into: &mut Values) {
    into.clear();
    let mut rest = line;
    loop {
        let quoted = quote.and_then(|quote| Some((quote, rest.strip_prefix(quote)?)));
        let Some((quote, mut inner)) = quoted else {
            let (value, behind) = rest.split_once(delimiter).map_or((rest, None), |(value, rest)| (value, Some(rest)));
            into.push(value);
            match behind {
                Some(behind) => rest = behind,
                None => return,
            }
            continue;
        };
        loop {
            let (part, behind) = inner.split_once(quote).unwrap_or((inner, ""));
            into.text.push_str(part);
            match behind.strip_prefix(quote) {
                Some(more) => {
                    into.text.push(quote);
                    inner = more;
                }
                None => {
                    rest = behind;
                    break;
                }
            }
        }
        // What stands behind the closing quote belongs to the value: nothing is passed over.
        let (tail, behind) = rest.split_once(delimiter).map_or((rest, None), |(tail, behind)| (tail, Some(behind)));
        into.text.push_str(tail);
        into.end();
        match behind {
            Some(behind) => rest = behind,
            None => return,
        }
    }
}
