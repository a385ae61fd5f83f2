//! What every fuzz target does with its input, and what must hold whatever the input is.
//!
//! A target gives how much of the input meant something to it, so that the replay of a corpus can tell that its files
//! still reach what they were written for.

mod documents;
mod reading;
mod texts;

pub use documents::{camt, envelope};
pub use reading::{csv, fixed, xml};
pub use texts::mapping;

/// What takes an input, and tells how much of it meant something.
pub type Target = fn(&[u8]) -> usize;

/// The targets by name.
pub const TARGETS: [(&str, Target); 6] =
    [("camt", camt), ("csv", csv), ("envelope", envelope), ("fixed", fixed), ("mapping", mapping), ("xml", xml)];
