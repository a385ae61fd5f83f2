//! What records need from the elements around them.

use canonical::record::{Name, TreeBuilder};

use crate::path::{Path, Step};

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

/// The values that the records at hand are surrounded by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    wanted: Vec<Wanted>,
    /// The value whose element is open, and how many elements are open inside of which it stands.
    reading: Option<(usize, usize)>,
}

impl Context {
    pub fn new(paths: Vec<(String, Path)>, records: &[Path]) -> Self {
        let wanted = paths.into_iter().map(|(name, path)| {
            let below = records.iter().map(|record| path.steps_below_common(record)).min().unwrap_or(0);
            let name = Name::new(CONTEXT_NAMESPACE, &name);
            Wanted { name, path, steps_below_common: below, value: None, depth: 0 }
        });
        Context { wanted: wanted.collect(), reading: None }
    }

    /// An element was opened that is not part of a record.
    pub fn open(&mut self, open: &[Name]) {
        for (at, wanted) in self.wanted.iter_mut().enumerate() {
            if wanted.path.attribute.is_none() && wanted.path.fits(open) {
                wanted.value = Some(String::new());
                wanted.depth = open.len() - wanted.steps_below_common;
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
        for wanted in &mut self.wanted {
            if wanted.depth > open {
                wanted.value = None;
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// Adds the values to a record whose element was opened just now.
    pub fn add_to(&self, builder: &mut TreeBuilder) {
        for wanted in &self.wanted {
            if let Some(value) = &wanted.value {
                builder.open(&wanted.name);
                builder.text(value.trim());
                builder.close();
            }
        }
    }
}
