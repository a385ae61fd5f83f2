//! What records need from the elements around them.

use canonical::record::{Name, TreeBuilder};

use connector::Fault;

use crate::path::{Namespaces, Path, Step};

/// The namespace of the children that a record gets from the elements around it.
pub const CONTEXT_NAMESPACE: &str = "urn:passerelle:context";

/// A value from around the records: where it stands, and what it was last.
#[derive(Clone, Debug)]
struct Wanted {
    name: Name,
    path: Path,
    steps_below_common: usize,
    value: Option<String>,
    /// The value is forgotten when fewer elements than this are open.
    depth: usize,
}

/// What a record needs from the elements around it.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// A value that stands at a path.
    Path(Path),
    /// The record's number among those in the element around it, counted from 1.
    Position,
}

impl Wish {
    pub fn parse(text: &str, namespaces: &Namespaces) -> Result<Self, Fault> {
        if text.trim() == "position()" { Ok(Wish::Position) } else { Path::parse(text, namespaces).map(Wish::Path) }
    }
}

/// The values that the records at hand are surrounded by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    wanted: Vec<Wanted>,
    /// The names under which records get their position.
    positions: Vec<Name>,
    /// How many records there were in the element around the last one.
    passed: u64,
    /// How many elements are open around the last record.
    around: usize,
    /// The value whose element is open, and how many elements are open inside of which it stands.
    reading: Option<(usize, usize)>,
}

impl Context {
    pub fn new(wishes: Vec<(String, Wish)>, records: &[Path]) -> Self {
        let mut context = Context::default();
        for (name, wish) in wishes {
            let name = Name::new(CONTEXT_NAMESPACE, &name);
            match wish {
                Wish::Position => context.positions.push(name),
                Wish::Path(path) => {
                    let below = records.iter().map(|record| path.steps_below_common(record)).min().unwrap_or(0);
                    context.wanted.push(Wanted { name, path, steps_below_common: below, value: None, depth: 0 });
                }
            }
        }
        context
    }

    /// A record begins; so many elements are open, the record among them.
    pub fn record(&mut self, open: usize) {
        self.around = open - 1;
        self.passed += 1;
    }

    /// An element was opened that is not part of a record.
    pub fn open(&mut self, open: &[Name]) {
        for (at, wanted) in self.wanted.iter_mut().enumerate() {
            if wanted.path.attribute.is_some() || !wanted.path.fits(open) {
                continue;
            }
            wanted.depth = open.len() - wanted.steps_below_common;
            if wanted.path.names {
                wanted.value = open.last().map(|name| name.local.to_string());
            } else {
                wanted.value = Some(String::new());
                self.reading = Some((at, open.len()));
            }
        }
    }

    /// The attributes that are wanted of the innermost open element.
    pub fn attributes<'c>(&'c self, open: &'c [Name]) -> impl Iterator<Item = (usize, &'c Step)> {
        let wanted = self.wanted.iter().enumerate();
        wanted
            .filter(|(_, wanted)| wanted.path.fits(open))
            .filter_map(|(at, wanted)| Some((at, wanted.path.attribute.as_ref()?)))
    }

    pub fn set(&mut self, at: usize, value: &str, open: usize) {
        if let Some(wanted) = self.wanted.get_mut(at) {
            wanted.value = Some(value.to_owned());
            wanted.depth = open - wanted.steps_below_common;
        }
    }

    /// Text outside of records, with so many elements open.
    pub fn text(&mut self, text: &str, open: usize) {
        if let Some((at, depth)) = self.reading
            && depth == open
            && let Some(value) = &mut self.wanted[at].value
        {
            value.push_str(text);
        }
    }

    /// An element was closed; so many are open still.
    pub fn close(&mut self, open: usize) {
        if self.reading.is_some_and(|(_, depth)| depth > open) {
            self.reading = None;
        }
        if self.around > open {
            self.passed = 0;
        }
        for wanted in &mut self.wanted {
            if wanted.depth > open {
                wanted.value = None;
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.positions.is_empty()
    }

    /// Adds the values to a record whose element was opened just now.
    pub fn add_to(&self, builder: &mut TreeBuilder) {
        for (at, wanted) in self.wanted.iter().enumerate() {
            // Of several paths under one name the first that is there counts.
            let is_told = |earlier: &Wanted| earlier.name == wanted.name && earlier.value.is_some();
            if let Some(value) = &wanted.value
                && !self.wanted[..at].iter().any(is_told)
            {
                add(builder, &wanted.name, value.trim());
            }
        }
        let position = self.passed.to_string();
        self.positions.iter().for_each(|name| add(builder, name, &position));
    }
}

fn add(builder: &mut TreeBuilder, name: &Name, text: &str) {
    builder.open(name);
    builder.text(text);
    builder.close();
}
