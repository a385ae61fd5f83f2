//! What records need from the elements around them.

use canonical::record::{Name, NameId, TreeBuilder};

use connector::Fault;

use crate::path::{Namespaces, Path};
use crate::split::Numbering;

/// The namespace of the children that a record gets from the elements around it.
pub const CONTEXT_NAMESPACE: &str = "urn:passerelle:context";

/// What a record needs from the elements around it.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    /// A value that stands at a path.
    Path(Path),
    /// The record's number among those in the element around it, counted from 1.
    Position,
    /// The record's number among those that one element was cut into, counted from 1.
    Part,
}

impl Wish {
    pub fn parse(text: &str, namespaces: &Namespaces) -> Result<Self, Fault> {
        match text.trim() {
            "position()" => Ok(Wish::Position),
            "part()" => Ok(Wish::Part),
            path => Path::parse(path, namespaces).map(Wish::Path),
        }
    }
}

/// A text, and how many elements are open while it is read.
#[derive(Clone, Debug, Default)]
struct Reading {
    text: Option<String>,
    depth: Option<usize>,
}

impl Reading {
    fn begin(&mut self, depth: usize) {
        *self = Reading { text: Some(String::new()), depth: Some(depth) };
    }

    fn add(&mut self, text: &str, open: usize) {
        if let (Some(known), true) = (&mut self.text, self.depth == Some(open)) {
            known.push_str(text);
        }
    }

    /// Ends with its element; so many are open still.
    fn close(&mut self, open: usize) {
        if self.depth.is_some_and(|depth| depth > open) {
            self.depth = None;
        }
    }
}

/// A value from around the records: where it stands, and what it was last.
#[derive(Clone, Debug)]
struct Wanted {
    name: Name,
    path: Path,
    steps_below_common: usize,
    value: Reading,
    /// The value is forgotten when fewer elements than this are open.
    forgotten_below: usize,
    /// What the path's condition asks for, and the value while that is not known yet.
    test: Reading,
    held: Reading,
    /// The element that the condition is about is open, and so are so many elements.
    tested: Option<usize>,
}

impl Wanted {
    fn new(name: Name, path: Path, steps_below_common: usize) -> Self {
        Wanted {
            name,
            path,
            steps_below_common,
            value: Reading::default(),
            forgotten_below: 0,
            test: Reading::default(),
            held: Reading::default(),
            tested: None,
        }
    }

    /// An element was opened.
    fn open(&mut self, open: &[Name]) {
        if let Some(condition) = &self.path.condition {
            if self.path.fits_until(condition.step, open) {
                (self.test, self.held, self.tested) = (Reading::default(), Reading::default(), Some(open.len()));
            }
            if let Some(tested) = self.tested
                && condition.fits(open.get(tested..).unwrap_or_default())
            {
                self.test.begin(open.len());
            }
        }
        if self.path.attribute.is_some() || !self.path.fits(open) {
            return;
        }
        let name = open.last().filter(|_| self.path.names).map(|name| name.local.to_string());
        let reading = self.begin(open.len());
        match name {
            Some(name) => *reading = Reading { text: Some(name), depth: None },
            None => reading.begin(open.len()),
        }
    }

    /// A value begins, with so many elements open: it is read to the value at once, unless it depends on a condition.
    fn begin(&mut self, open: usize) -> &mut Reading {
        if self.path.condition.is_some() {
            return &mut self.held;
        }
        self.forgotten_below = open.saturating_sub(self.steps_below_common);
        &mut self.value
    }

    fn attribute(&mut self, name: &Name, value: &str, open: &[Name]) {
        let is_wanted = self.path.attribute.as_ref().is_some_and(|step| step.fits(name));
        if is_wanted && self.path.fits(open) {
            *self.begin(open.len()) = Reading { text: Some(value.to_owned()), depth: None };
        }
    }

    fn text(&mut self, text: &str, open: usize) {
        self.value.add(text, open);
        self.held.add(text, open);
        self.test.add(text, open);
    }

    /// An element was closed; so many are open still.
    fn close(&mut self, open: usize) {
        self.value.close(open);
        self.held.close(open);
        self.test.close(open);
        if let Some(tested) = self.tested.filter(|tested| *tested > open) {
            self.tested = None;
            let held = std::mem::take(&mut self.held);
            let found = self.test.text.as_deref().map(str::trim);
            let is_met = self.path.condition.as_ref().is_some_and(|condition| condition.is_met(found));
            if is_met && held.text.is_some() {
                self.value = held;
                // As many elements were open at the value as the path has steps below the one that was tested.
                let below = self.path.steps_below_condition();
                self.forgotten_below = (tested + below).saturating_sub(self.steps_below_common);
            }
        }
        if self.forgotten_below > open {
            self.value = Reading::default();
        }
    }
}

/// The values that the records at hand are surrounded by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    wanted: Vec<Wanted>,
    /// The names under which records get their position.
    positions: Vec<Name>,
    /// The names under which records that one element was cut into get their number.
    parts: Vec<Name>,
    /// How many records there were in the element around the last one.
    passed: u64,
    /// How many elements are open around the last record.
    around: usize,
}

impl Context {
    pub fn new(wishes: Vec<(String, Wish)>, records: &[Path]) -> Self {
        let mut context = Context::default();
        for (name, wish) in wishes {
            let name = Name::new(CONTEXT_NAMESPACE, &name);
            match wish {
                Wish::Position => context.positions.push(name),
                Wish::Part => context.parts.push(name),
                Wish::Path(path) => {
                    let below = records.iter().map(|record| path.steps_below_common(record)).min().unwrap_or(0);
                    context.wanted.push(Wanted::new(name, path, below));
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
        self.wanted.iter_mut().for_each(|wanted| wanted.open(open));
    }

    /// An attribute of the innermost open element.
    pub fn attribute(&mut self, name: &Name, value: &str, open: &[Name]) {
        self.wanted.iter_mut().for_each(|wanted| wanted.attribute(name, value, open));
    }

    /// Text outside of records, with so many elements open.
    pub fn text(&mut self, text: &str, open: usize) {
        self.wanted.iter_mut().for_each(|wanted| wanted.text(text, open));
    }

    /// An element was closed; so many are open still.
    pub fn close(&mut self, open: usize) {
        if self.around > open {
            self.passed = 0;
        }
        self.wanted.iter_mut().for_each(|wanted| wanted.close(open));
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.positions.is_empty()
    }

    /// Adds the values to a record whose element was opened just now.
    pub fn add_to(&self, builder: &mut TreeBuilder) {
        for (at, wanted) in self.wanted.iter().enumerate() {
            // Of several paths under one name the first that is there counts.
            let is_told = |earlier: &Wanted| earlier.name == wanted.name && earlier.value.text.is_some();
            if let Some(value) = &wanted.value.text
                && !self.wanted[..at].iter().any(is_told)
            {
                add(builder, &wanted.name, value.trim());
            }
        }
        let position = self.passed.to_string();
        self.positions.iter().for_each(|name| add(builder, name, &position));
    }

    /// How the records are told apart that the last one is cut into.
    pub fn numbering(&self, builder: &mut TreeBuilder) -> Numbering {
        let mut numbered =
            |names: &[Name]| names.iter().map(|name| builder.number(&name.namespace, &name.local)).collect();
        let (positions, numbers): (Vec<NameId>, Vec<NameId>) = (numbered(&self.positions), numbered(&self.parts));
        Numbering { positions, position: self.passed, numbers }
    }
}

fn add(builder: &mut TreeBuilder, name: &Name, text: &str) {
    builder.open(name);
    builder.text(text);
    builder.close();
}
