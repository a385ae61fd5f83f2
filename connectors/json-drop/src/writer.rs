//! Changes as JSON.

use canonical::entity::Operation;
use canonical::record::Body;
use connector::Rendered;
use encoding_rs::Encoding;
use files::{Fate, Render, encode};

use crate::settings::Removal;

/// Renders changes as the items of a list, or as lines.
pub(crate) struct JsonWriter {
    pub lines: bool,
    pub removal: Removal,
    pub encoding: &'static Encoding,
}

impl JsonWriter {
    fn write(&self, change: &Rendered, is_first: bool, content: &mut Vec<u8>) -> Fate {
        let Body::Json(value) = &change.record.body else {
            let reason =
                "the mapping writes another shape than JSON; give this target a mapping with format = \"json\"";
            return Fate::Refused("json.shape", reason.to_owned());
        };
        if change.operation != Operation::Upsert {
            return match self.removal {
                Removal::Ignore => Fate::Nothing,
                Removal::Refuse => {
                    let reason = "this target has no way to remove a record; say removal = \"ignore\" if it keeps them";
                    Fate::Refused("json.removal", reason.to_owned())
                }
            };
        }
        let separator = match (self.lines, is_first) {
            (true, _) => "",
            (false, true) => "\n",
            (false, false) => ",\n",
        };
        let text = format!("{separator}{value}{}", if self.lines { "\n" } else { "" });
        match encode(self.encoding, &text) {
            Ok(bytes) => {
                content.extend_from_slice(&bytes);
                Fate::Written
            }
            Err(character) => {
                let (point, name) = (u32::from(character), self.encoding.name());
                let reason = format!("a value contains U+{point:04X}, which {name} cannot express; write utf-8");
                Fate::Refused("json.encoding", reason)
            }
        }
    }
}

impl Render for JsonWriter {
    fn render(&self, changes: &[&Rendered]) -> (Vec<u8>, Vec<Fate>) {
        // Brackets and line ends are of every encoding.
        let around = |text: &str| encode(self.encoding, text).unwrap_or_default().into_owned();
        let mut content = if self.lines { Vec::new() } else { around("[") };
        let mut is_first = true;
        let mut fates = Vec::with_capacity(changes.len());
        for change in changes {
            let fate = self.write(change, is_first, &mut content);
            is_first &= fate != Fate::Written;
            fates.push(fate);
        }
        if !self.lines {
            content.extend_from_slice(&around("\n]\n"));
        }
        (content, fates)
    }
}
