//! What an item of a repeating group says of itself before it is one of the group's.

use serde_json::Value;

use crate::condition::Test;
use crate::cursor::{Context, Cursor};
use crate::program::{Each, Leaf};
use crate::write::text_at;

/// A demand on a field of an item. It is known both ways: by the field's own line while reading, by the item of the
/// document while writing.
#[derive(Debug, Clone)]
pub(crate) struct ItemCondition {
    /// The field's path from the item.
    pub field: Box<str>,
    /// The line of the field.
    pub leaf: Leaf,
    pub test: Test,
}

impl ItemCondition {
    /// Whether it holds at an item of the record. What cannot be read counts, so that it is reported.
    fn holds(&self, context: &Context<'_>, cursor: Cursor<'_>) -> bool {
        match self.leaf.read(context, cursor) {
            Ok(Some(text)) => self.test.is_met(&self.leaf.normal(&text)),
            Ok(None) => self.test.is_met(""),
            Err(_) => true,
        }
    }

    /// Whether it holds for an item of a document.
    pub(crate) fn holds_for(&self, item: &Value) -> bool {
        let text = text_at(item, &self.field).unwrap_or_default();
        self.test.is_met(&self.leaf.normal(&text))
    }
}

impl Each {
    /// Whether an item of the record is one of the group's. The others are nobody's: they stay as they are.
    pub(crate) fn takes(&self, context: &Context<'_>, cursor: Cursor<'_>) -> bool {
        self.items.iter().all(|condition| condition.holds(context, cursor))
    }

    /// Whether an item of a document is one of the group's.
    pub(crate) fn takes_value(&self, item: &Value) -> bool {
        self.items.iter().all(|condition| condition.holds_for(item))
    }
}
