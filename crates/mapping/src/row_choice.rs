//! Which row of a record a line reads, where it is not the first.

use crate::cursor::{Context, Cursor};
use crate::place::Place;

/// The rows in which a column has one of some texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowChoice {
    pub column: Place,
    pub texts: Vec<Box<str>>,
}

impl RowChoice {
    /// The rows, in their order; nothing for what has no rows.
    pub(crate) fn all<'a>(&self, context: &Context<'_>, cursor: Cursor<'a>) -> impl Iterator<Item = Cursor<'a>> {
        let rows = match cursor {
            Cursor::Row(rows, _) => Some(rows),
            Cursor::Element(_) | Cursor::Json(_) => None,
        };
        let every = rows.into_iter().flat_map(|rows| (0..rows.len()).map(move |row| Cursor::Row(rows, row)));
        every.filter(|row| {
            let text = context.text(&self.column, *row).unwrap_or_default().trim();
            self.texts.iter().any(|wanted| **wanted == *text)
        })
    }

    /// The first of them.
    pub(crate) fn first<'a>(&self, context: &Context<'_>, cursor: Cursor<'a>) -> Option<Cursor<'a>> {
        self.all(context, cursor).next()
    }
}
