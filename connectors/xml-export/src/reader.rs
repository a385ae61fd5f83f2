//! Records from a file.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use canonical::record::Body;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use files::{FileTaken, Format, Problem, Records, Text, Unplaced};
use serde::{Deserialize, Serialize};

use crate::walker::{Plan, Walker};

/// How the files of one stream are read.
#[derive(Clone, Debug)]
pub(crate) struct XmlFormat {
    pub plan: Plan,
    pub encoding: Option<&'static Encoding>,
    pub verify: bool,
}

/// Where a record ends. A document cannot be entered in its middle, so that reading on passes over what was given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct XmlPosition {
    records: u64,
}

impl XmlFormat {
    fn walker(&self, file: &FileTaken) -> Result<XmlRecords, Problem> {
        let head = file.head()?;
        let text = Text::detect(&head, self.encoding.map_or_else(|| declared(&head), |encoding| Ok(Some(encoding)))?)?;
        let content = file.open(text.mark as u64)?;
        let consumed = content.consumed();
        let content: Box<dyn Read + Send> =
            if text.encoding == UTF_8 { Box::new(content) } else { text.transcode(Box::new(content)) };
        Ok(XmlRecords { walker: Walker::new(content, self.plan.clone()), records: 0, consumed })
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

    fn inspect(&self, file: &FileTaken) -> Result<(), Problem> {
        let mut records = self.walker(file)?;
        if !self.verify {
            return Ok(());
        }
        records.walker.builds = false;
        while records.walker.next()?.is_some() {}
        Ok(())
    }

    fn open(&self, file: &FileTaken, position: &XmlPosition) -> Result<XmlRecords, Problem> {
        let mut records = self.walker(file)?;
        records.walker.builds = false;
        while records.records < position.records {
            if records.walker.next()?.is_none() {
                return Err(Problem::refused("file.changed", "the file ends before the stored position"));
            }
            records.records += 1;
        }
        records.walker.builds = true;
        Ok(records)
    }
}

/// The records of one file, in order.
pub(crate) struct XmlRecords {
    walker: Walker<Box<dyn Read + Send>>,
    records: u64,
    consumed: Arc<AtomicU64>,
}

impl Records for XmlRecords {
    type Position = XmlPosition;

    fn next(&mut self) -> Result<Option<Unplaced>, Problem> {
        let Some(passed) = self.walker.next()? else { return Ok(None) };
        self.records += 1;
        let raw = self.walker.recorder().kept().to_vec();
        let body = match passed.tree {
            Some(tree) => Ok(Body::Element(tree)),
            None => Err(("xml.empty", "the element could not be built".to_owned())),
        };
        Ok(Some(Unplaced { line: passed.line, raw, body }))
    }

    fn position(&self) -> Option<XmlPosition> {
        Some(XmlPosition { records: self.records })
    }

    fn consumed(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.consumed)
    }
}
