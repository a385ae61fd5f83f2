//! Records that are cut at the repeated elements inside them: each of those makes a record that sees all the rest.

use std::ops::Range;

use canonical::record::{Name, NameId, Parts, Tree, TreeBuilder};
use connector::Fault;
use memchr::memchr_iter;

use crate::path::{Namespaces, Step};

/// Where records are cut: the steps from the record down to the repeated elements. Without steps nothing is cut.
#[derive(Clone, Debug, Default)]
pub(crate) struct Split {
    pub steps: Vec<Step>,
    /// Paths from such an element down, of which each of them must have one; nothing is asked where there is no path.
    with: Vec<Vec<Step>>,
}

impl Split {
    pub fn parse(split: &connector::Split, namespaces: &Namespaces) -> Result<Self, Fault> {
        let with = split.with.iter().map(|path| Step::relative(path, namespaces));
        Ok(Split { steps: Step::relative(&split.at, namespaces)?, with: with.collect::<Result<_, _>>()? })
    }

    /// Cuts a record that is there.
    fn parts(&self, tree: Tree) -> Parts {
        Parts::of(tree, self.steps.len(), |step, name| self.steps.get(step).is_some_and(|step| step.fits(name)))
    }
}

/// Follows a record event by event, and remembers where its repeated elements stand: they count also where records are
/// only passed over.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// How many steps the open elements have gone.
    gone: usize,
    /// Where the repeated element that is open begins.
    begun: usize,
    /// How many steps the elements inside it have gone on each of the paths of which it must have one.
    gone_inside: Vec<usize>,
    /// Whether it has one.
    has: bool,
    /// Whether a repeated element had none, so that the record stays whole.
    lacks: bool,
    /// The bytes of the record that each repeated element has.
    ranges: Vec<Range<usize>>,
}

impl Track {
    /// A record begins.
    pub fn begin(&mut self) {
        (self.gone, self.lacks) = (0, false);
        self.ranges.clear();
    }

    /// An element begins, so many steps below the record, at this byte of it.
    pub fn open(&mut self, split: &Split, depth: usize, name: &Name, at: usize) {
        if depth == self.gone + 1 && split.steps.get(self.gone).is_some_and(|step| step.fits(name)) {
            (self.gone, self.begun, self.has) = (depth, at, split.with.is_empty());
            self.gone_inside.clear();
            self.gone_inside.resize(split.with.len(), 0);
        } else if self.gone == split.steps.len() && depth > self.gone && !self.has {
            let inside = depth - self.gone;
            for (steps, gone) in split.with.iter().zip(&mut self.gone_inside) {
                if inside == *gone + 1 && steps.get(*gone).is_some_and(|step| step.fits(name)) {
                    *gone = inside;
                    self.has |= inside == steps.len();
                }
            }
        }
    }

    /// An element has ended, so many steps below the record, before this byte of it.
    pub fn close(&mut self, split: &Split, depth: usize, at: usize) {
        if depth == self.gone && depth > 0 {
            if depth == split.steps.len() {
                self.ranges.push(self.begun..at);
                self.lacks |= !self.has;
            }
            self.gone = depth - 1;
        } else if self.gone == split.steps.len() && depth > self.gone {
            let inside = depth - self.gone;
            self.gone_inside.iter_mut().filter(|gone| **gone == inside).for_each(|gone| *gone -= 1);
        }
    }

    /// The bytes of the repeated elements, where there are several and the record is to be cut.
    pub fn take(&mut self) -> Option<Vec<Range<usize>>> {
        (self.ranges.len() > 1 && !self.lacks).then(|| std::mem::take(&mut self.ranges))
    }
}

/// What the records that a cut record becomes are told apart by.
pub(crate) struct Numbering {
    /// The names under which a record has its position, and what that is for the whole.
    pub positions: Vec<NameId>,
    pub position: u64,
    /// The names under which a record has its number among its siblings.
    pub numbers: Vec<NameId>,
}

impl Numbering {
    fn marks(&self, number: usize) -> Vec<(NameId, String)> {
        let positions = self.positions.iter().map(|name| (*name, format!("{}.{number}", self.position)));
        positions.chain(self.numbers.iter().map(|name| (*name, number.to_string()))).collect()
    }
}

/// A record that is being given out part by part.
pub(crate) struct Cut {
    /// Absent when records are only passed over.
    whole: Option<(Parts, Numbering, Vec<u8>)>,
    ranges: Vec<Range<usize>>,
    /// How many parts were given out.
    given: usize,
    /// The line of the byte at `counted` of the whole.
    line: u64,
    counted: usize,
}

impl Cut {
    /// A record of which only the number of parts counts.
    pub fn passed_over(ranges: Vec<Range<usize>>, line: u64) -> Self {
        Cut { whole: None, ranges, given: 0, line, counted: 0 }
    }

    /// A record with its bytes, whose first byte is in this line.
    pub fn of(
        split: &Split,
        tree: Tree,
        numbering: Numbering,
        raw: Vec<u8>,
        ranges: Vec<Range<usize>>,
        line: u64,
    ) -> Self {
        Cut { whole: Some((split.parts(tree), numbering, raw)), ranges, given: 0, line, counted: 0 }
    }

    /// Whether all parts were given out.
    pub fn is_done(&self) -> bool {
        self.given >= self.ranges.len()
    }

    /// The next part: its tree, its bytes and its line.
    ///
    /// Its bytes are those of the record without the other repeated elements and what stands between them, so that the
    /// bytes of all parts are not the square of the record's.
    pub fn next(&mut self, builder: &mut TreeBuilder) -> (Option<Tree>, Vec<u8>, u64) {
        let (number, range) = (self.given, self.ranges.get(self.given).cloned().unwrap_or_default());
        self.given += 1;
        let Some((parts, numbering, whole)) = &self.whole else { return (None, Vec::new(), self.line) };
        let slice = |range: Range<usize>| whole.get(range).unwrap_or_default();
        self.line += memchr_iter(b'\n', slice(self.counted..range.start)).count() as u64;
        self.counted = range.start;
        let first = self.ranges.first().map_or(0, |first| first.start);
        let last = self.ranges.last().map_or(0, |last| last.end);
        let raw = [slice(0..first), slice(range), slice(last..whole.len())].concat();
        (parts.build(number, &numbering.marks(number + 1), builder), raw, self.line)
    }
}
