//! Goes through a document event by event: names resolved, entities decoded, DTDs refused, every limit in place.

use std::io::Read;

use canonical::record::{Name, NameId, Tree, TreeBuilder};
use files::Problem;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader, XmlVersion};

use crate::context::Context;
use crate::naming::Naming;
use crate::path::Path;
use crate::recorder::Recorder;
use crate::split::{Cut, Split, Track};

/// What to look for, and how much to bear.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub records: Vec<Path>,
    pub context: Context,
    pub split: Split,
    pub record_bytes_max: usize,
    pub depth_max: usize,
}

/// A record that was passed.
pub(crate) struct Passed {
    /// Absent when records are only passed over.
    pub tree: Option<Tree>,
    /// Its bytes; empty when records are only passed over.
    pub raw: Vec<u8>,
    pub line: u64,
    /// Whether its element ends with it. A record that is cut into several ends with the last of them.
    pub ends: bool,
}

/// More different names of elements and attributes than any format has; they are kept for the whole file.
const NAMES_MAX: usize = 65_536;

/// Goes through one document.
pub(crate) struct Walker<R: Read> {
    reader: Reader<Recorder<R>>,
    buffer: Vec<u8>,
    plan: Plan,
    naming: Naming,
    /// The open elements outside of records; the last one is a record while `inside` is not 0.
    open: Vec<Name>,
    /// How many elements of a record are open.
    inside: usize,
    builder: TreeBuilder,
    track: Track,
    /// The record that is being given out part by part.
    cut: Option<Cut>,
    /// Whether records are built, not only passed over.
    pub builds: bool,
    had_root: bool,
}

impl<R: Read> Walker<R> {
    pub fn new(content: R, plan: Plan) -> Self {
        Walker {
            reader: Reader::from_reader(Recorder::new(content, plan.record_bytes_max)),
            buffer: Vec::new(),
            plan,
            naming: Naming::default(),
            open: Vec::new(),
            inside: 0,
            builder: TreeBuilder::new(),
            track: Track::default(),
            cut: None,
            builds: true,
            had_root: false,
        }
    }

    pub fn recorder(&self) -> &Recorder<R> {
        self.reader.get_ref()
    }

    /// Goes on behind the next record; `None` at the end of the document.
    pub fn next(&mut self) -> Result<Option<Passed>, Problem> {
        if let Some(passed) = self.next_part() {
            return Ok(Some(passed));
        }
        // The buffer is lent to the events, and everything else stays at hand.
        let mut buffer = std::mem::take(&mut self.buffer);
        let found = self.go_on(&mut buffer);
        self.buffer = buffer;
        found
    }

    fn go_on(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Passed>, Problem> {
        loop {
            if self.inside == 0 {
                self.reader.get_mut().mark();
            }
            buffer.clear();
            let at = self.recorder().taken();
            let step = match self.reader.read_event_into(buffer) {
                Ok(event) => self.handle(&event, at)?,
                Err(error) => return Err(self.problem(error)),
            };
            match step {
                Step::On => {}
                Step::Record => return Ok(Some(self.record())),
                Step::End => return Ok(None),
            }
        }
    }

    /// The record that was passed just now, or the first of several that it is cut into.
    fn record(&mut self) -> Passed {
        let line = self.recorder().marked_line();
        let tree = if self.builds { self.builder.close() } else { None };
        let raw = if tree.is_some() { self.recorder().kept() } else { Vec::new() };
        let Some(ranges) = self.track.take() else { return Passed { tree, raw, line, ends: true } };
        self.cut = Some(match tree {
            Some(tree) => {
                let numbering = self.plan.context.numbering(&mut self.builder);
                Cut::of(&self.plan.split, tree, numbering, raw, ranges, line)
            }
            None => Cut::passed_over(ranges, line),
        });
        self.next_part().unwrap_or(Passed { tree: None, raw: Vec::new(), line, ends: true })
    }

    /// The next of the records that one is cut into.
    fn next_part(&mut self) -> Option<Passed> {
        let cut = self.cut.as_mut()?;
        let (tree, raw, line) = cut.next(&mut self.builder);
        let ends = cut.is_done();
        if ends {
            self.cut = None;
        }
        Some(Passed { tree, raw, line, ends })
    }

    fn handle(&mut self, event: &Event<'_>, at: usize) -> Result<Step, Problem> {
        match event {
            Event::Start(start) => self.start(start, at)?,
            Event::Empty(start) => {
                self.start(start, at)?;
                return Ok(self.end());
            }
            Event::End(_) => return Ok(self.end()),
            // What is passed over needs no ends of lines made alike.
            Event::Text(_) | Event::CData(_) if self.inside > 0 && !self.builds => {}
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => self.reference(reference)?,
            Event::DocType(_) => {
                return Err(self.refused(
                    "xml.dtd",
                    "the file has a DTD, which is refused: it can name other files and blow up memory",
                ));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return self.end_of_file(),
        }
        Ok(Step::On)
    }

    /// An element begins, at this byte of the record around it.
    fn start(&mut self, start: &BytesStart<'_>, at: usize) -> Result<(), Problem> {
        let depth = self.depth();
        if depth >= self.plan.depth_max {
            let reason = format!("elements are nested more than depth_max = {} deep", self.plan.depth_max);
            return Err(self.refused("xml.too-deep", &reason));
        }
        if self.naming.len().max(self.builder.names().len()) > NAMES_MAX {
            let reason = format!("there are more than {NAMES_MAX} different names; this is no export of records");
            return Err(self.refused("xml.too-many-names", &reason));
        }
        self.naming.open(start, depth).map_err(|error| self.problem(error))?;
        let name = match self.naming.element(start.name(), &mut self.builder) {
            Ok(name) => name,
            Err(prefix) => {
                let reason = format!("the prefix \"{prefix}\" is not declared");
                return Err(self.refused("xml.prefix", &reason));
            }
        };
        if self.inside == 0 {
            return self.start_outside(name, start);
        }
        if !self.plan.split.steps.is_empty() {
            self.track.open(&self.plan.split, self.inside, self.builder.names().name(name), at);
        }
        self.inside += 1;
        if self.builds {
            self.builder.open_numbered(name);
        }
        self.attributes(start, false)
    }

    /// How many elements are open.
    fn depth(&self) -> usize {
        // The record itself counts among both.
        self.open.len() + self.inside.saturating_sub(1)
    }

    /// An element outside of records: it may be one, or hold what records need.
    fn start_outside(&mut self, name: NameId, start: &BytesStart<'_>) -> Result<(), Problem> {
        let spelled = self.builder.names().name(name).clone();
        if self.open.is_empty() {
            self.check_root(&spelled)?;
        }
        self.open.push(spelled);
        let is_record = self.plan.records.iter().any(|path| path.fits(&self.open));
        if !is_record {
            self.plan.context.open(&self.open);
            return self.attributes(start, true);
        }
        self.inside = 1;
        self.track.begin();
        self.plan.context.record(self.open.len());
        if self.builds {
            self.builder.open_numbered(name);
        }
        self.attributes(start, false)?;
        if self.builds && !self.plan.context.is_empty() {
            self.plan.context.add_to(&mut self.builder);
        }
        Ok(())
    }

    fn check_root(&mut self, root: &Name) -> Result<(), Problem> {
        if self.had_root {
            return Err(
                self.refused("xml.ill-formed", "a second root element follows the first; a file holds one document")
            );
        }
        self.had_root = true;
        if self.plan.records.iter().any(|path| path.allows_root(root)) {
            return Ok(());
        }
        let expected: Vec<String> = self.plan.records.iter().map(ToString::to_string).collect();
        let reason = format!(
            "the root element is {} in namespace \"{}\", so there cannot be any {}",
            root.local,
            root.namespace,
            expected.join(" or ")
        );
        Err(self.refused("xml.root", &reason))
    }

    /// Checks the attributes of an element, and adds them to the record or to its context.
    fn attributes(&mut self, start: &BytesStart<'_>, outside: bool) -> Result<(), Problem> {
        let written = start.attributes_raw();
        if written.is_empty() {
            return Ok(());
        }
        // A single attribute cannot stand twice, and looking for that costs memory.
        let several = memchr::memchr_iter(b'=', written.as_bytes()).nth(1).is_some();
        for attribute in start.attributes().with_checks(several) {
            let attribute = attribute.map_err(|error| self.problem(Error::InvalidAttr(error)))?;
            if attribute.key.as_namespace_binding().is_none() {
                self.attribute(&attribute, outside)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, attribute: &Attribute<'_>, outside: bool) -> Result<(), Problem> {
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| self.problem(error))?;
        if outside && self.plan.context.is_empty() || !outside && !self.builds {
            return Ok(());
        }
        let name = self.naming.attribute(attribute.key, &mut self.builder);
        if !outside {
            self.builder.attribute_numbered(name, &value);
            return Ok(());
        }
        self.plan.context.attribute(self.builder.names().name(name), &value, &self.open);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        if self.inside > 0 {
            if self.builds {
                self.builder.text(text);
            }
        } else if self.open.is_empty() {
            if !text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() {
                return Err(self.refused(
                    "xml.ill-formed",
                    "there is text outside of the root element; this is not an XML document",
                ));
            }
        } else {
            self.plan.context.text(text, self.open.len());
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Problem> {
        if reference.is_char_ref() {
            let character = reference.resolve_char_ref().map_err(|error| self.problem(error))?;
            return self.text(character.unwrap_or_default().encode_utf8(&mut [0; 4]));
        }
        match quick_xml::escape::resolve_xml_entity(reference) {
            Some(text) => self.text(text),
            None => Err(self.refused("xml.entity", ENTITY)),
        }
    }

    fn end(&mut self) -> Step {
        self.naming.close(self.depth().saturating_sub(1));
        if self.inside > 1 {
            self.inside -= 1;
            if !self.plan.split.steps.is_empty() {
                let at = self.recorder().taken();
                self.track.close(&self.plan.split, self.inside, at);
            }
            if self.builds {
                self.builder.close();
            }
            return Step::On;
        }
        let is_record = self.inside == 1;
        self.inside = 0;
        self.open.pop();
        self.plan.context.close(self.open.len());
        if is_record { Step::Record } else { Step::On }
    }

    fn end_of_file(&self) -> Result<Step, Problem> {
        if let Some(name) = self.open.first() {
            let reason =
                format!("the file ends before its root element {} does: it was cut off; ask for it again", name.local);
            return Err(self.refused("xml.cut-off", &reason));
        }
        if !self.had_root {
            return Err(self.refused("xml.ill-formed", "there is no element in the file"));
        }
        Ok(Step::End)
    }

    fn refused(&self, code: &'static str, reason: &str) -> Problem {
        Problem::refused(code, format!("line {}: {reason}", self.recorder().line()))
    }

    /// Says what the parser found, without showing content.
    fn problem(&self, error: Error) -> Problem {
        match error {
            Error::Io(_) if self.recorder().exceeded() => {
                let reason = format!(
                    "a record, tag or text is larger than record_bytes_max = {}; raise it if that is right",
                    self.plan.record_bytes_max
                );
                self.refused("xml.record-too-large", &reason)
            }
            Error::Io(error) => Problem::Io(std::io::Error::new(error.kind(), error.to_string())),
            Error::Encoding(_) => {
                self.refused("file.encoding", "the text is not UTF-8; say encoding = \"windows-1252\" if it is that")
            }
            Error::Escape(_) => self.refused("xml.entity", ENTITY),
            Error::Syntax(_) => self.refused(
                "xml.cut-off",
                "a tag or comment is not closed: the file was cut off, or is no XML; ask for it again",
            ),
            Error::IllFormed(error) => {
                self.refused("xml.ill-formed", &format!("{error}; the file is no well-formed XML"))
            }
            Error::InvalidAttr(_) => self.refused("xml.ill-formed", "an element has broken or repeated attributes"),
            Error::Namespace(error) => self.refused("xml.prefix", &error.to_string()),
        }
    }
}

const ENTITY: &str = "an entity or character reference is unknown; only the five predefined ones and numbers are known";

enum Step {
    On,
    /// A record was passed; its tree is still to be closed.
    Record,
    End,
}
