//! Records from a file.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use canonical::record::Body;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use files::{FileTaken, Format, Problem, Records, Text, Unplaced};
use serde::{Deserialize, Serialize};

use crate::walker::{Passed, Plan, Walker};

/// How the files of one stream are read.
#[derive(Clone, Debug)]
pub struct XmlFormat {
    pub(crate) plan: Plan,
    pub(crate) encoding: Option<&'static Encoding>,
    /// Files are read through before anything of them is given out.
    pub(crate) verify: bool,
    /// A verified file with no more records and bytes than this is not read a second time.
    pub(crate) held_max: (usize, usize),
}

/// Where a record ends. A document cannot be entered in its middle, so that reading on passes over what was given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct XmlPosition {
    records: u64,
    /// How many parts of the next record were given, where records are cut into several.
    #[serde(default, skip_serializing_if = "is_nothing")]
    parts: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_nothing(parts: &u64) -> bool {
    *parts == 0
}

impl XmlFormat {
    fn begin(&self, file: &FileTaken) -> Result<XmlRecords, Problem> {
        let head = file.head()?;
        let text = Text::detect(&head, self.encoding.map_or_else(|| declared(&head), |encoding| Ok(Some(encoding)))?)?;
        let content = file.open(text.mark as u64)?;
        let consumed = content.consumed();
        let content: Box<dyn Read + Send> =
            if text.encoding == UTF_8 { Box::new(content) } else { text.transcode(Box::new(content)) };
        let walker = Walker::new(content, self.plan.clone());
        Ok(XmlRecords { walker, position: XmlPosition::default(), held: VecDeque::new(), consumed })
    }

    /// Reads a file through; its records are there already unless they are too many to hold.
    fn verified(&self, file: &FileTaken) -> Result<Option<XmlRecords>, Problem> {
        let (records_max, bytes_max) = self.held_max;
        let (mut records, mut bytes) = (self.begin(file)?, 0);
        while let Some(passed) = records.walker.next()? {
            if !records.walker.builds {
                continue;
            }
            let (unplaced, ends) = unplaced(passed);
            bytes += unplaced.raw.len();
            records.held.push_back((unplaced, ends));
            if records.held.len() > records_max || bytes > bytes_max {
                records.held = VecDeque::new();
                records.walker.builds = false;
            }
        }
        Ok(Some(records).filter(|records| records.walker.builds))
    }
}

/// The encoding that a document declares, as far as the bytes can be read for that.
fn declared(head: &[u8]) -> Result<Option<&'static Encoding>, Problem> {
    if head.starts_with(b"<\0") {
        return Ok(Some(UTF_16LE));
    }
    if head.starts_with(b"\0<") {
        return Ok(Some(UTF_16BE));
    }
    let head = String::from_utf8_lossy(&head[..head.len().min(256)]);
    let declaration = head.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(inside, _)| inside);
    let value = declaration.and_then(|inside| inside.split_once("encoding")).map(|(_, rest)| rest.trim_start());
    let Some(value) = value.and_then(|rest| rest.strip_prefix('=')).map(str::trim_start) else { return Ok(None) };
    let label = value.split(['"', '\'']).nth(1).unwrap_or_default();
    Encoding::for_label(label.as_bytes()).map(Some).ok_or_else(|| {
        let reason = format!(
            "the file declares the encoding \"{label}\", which is unknown; say which one it is with encoding = …"
        );
        Problem::refused("file.encoding", reason)
    })
}

impl Format for XmlFormat {
    type Position = XmlPosition;
    type Records = XmlRecords;

    /// Opening a file verifies it: what is read for that need not be read again.
    fn inspect(&self, _file: &FileTaken) -> Result<(), Problem> {
        Ok(())
    }

    fn open(&self, file: &FileTaken, position: &XmlPosition) -> Result<XmlRecords, Problem> {
        if self.verify
            && *position == XmlPosition::default()
            && let Some(records) = self.verified(file)?
        {
            return Ok(records);
        }
        let mut records = self.begin(file)?;
        records.walker.builds = false;
        while records.position.records < position.records {
            records.pass_over()?;
        }
        // The record that the position is inside of is built, so that the rest of its parts can be.
        records.walker.builds = true;
        while records.position.parts < position.parts {
            records.pass_over()?;
        }
        Ok(records)
    }
}

/// The records of one file, in order.
pub struct XmlRecords {
    walker: Walker<Box<dyn Read + Send>>,
    /// Behind what was given out or passed over.
    position: XmlPosition,
    /// Records of a file that was read through already, each with whether its element ends with it.
    held: VecDeque<(Unplaced, bool)>,
    consumed: Arc<AtomicU64>,
}

fn unplaced(passed: Passed) -> (Unplaced, bool) {
    let body = match passed.tree {
        Some(tree) => Ok(Body::Element(tree)),
        None => Err(("xml.empty", "the element could not be built".to_owned())),
    };
    (Unplaced { line: passed.line, raw: passed.raw, body }, passed.ends)
}

impl XmlRecords {
    fn pass_over(&mut self) -> Result<(), Problem> {
        match self.walker.next()? {
            Some(passed) => self.went_on(passed.ends),
            None => return Err(Problem::refused("file.changed", "the file ends before the stored position")),
        }
        Ok(())
    }

    /// A record was given out or passed over; its element may go on.
    fn went_on(&mut self, ends: bool) {
        self.position = match ends {
            true => XmlPosition { records: self.position.records + 1, parts: 0 },
            false => XmlPosition { parts: self.position.parts + 1, ..self.position },
        };
    }
}

impl Records for XmlRecords {
    type Position = XmlPosition;

    fn next(&mut self) -> Result<Option<Unplaced>, Problem> {
        let next = match self.held.pop_front() {
            Some(held) => Some(held),
            None => self.walker.next()?.map(unplaced),
        };
        Ok(next.map(|(unplaced, ends)| {
            self.went_on(ends);
            unplaced
        }))
    }

    fn position(&self) -> Option<XmlPosition> {
        Some(self.position.clone())
    }

    fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }
}
