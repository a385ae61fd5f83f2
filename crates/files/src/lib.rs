//! What file connectors share: pick-up, settling, archive, encodings, compression, atomic writing.
//!
//! A file connector describes its [`Format`], and how its configuration leads to it ([`StreamSettings`],
//! [`TargetSettings`]); [`open_ports`] does the rest. [`FileSource`] turns a folder into a stream of drops:
//! it waits until a file has settled, looks it over once before anything of it is given out,
//! reads it in bounded batches from any checkpoint, and puts it away when the hub has everything.
//! The other way, a [`Publisher`] makes files appear whole and exactly once.

mod archive;
mod checkpoint;
mod clearing;
mod companion;
mod content;
mod folder;
mod group;
mod lines;
mod pdf;
mod pick_up;
mod ports;
mod problem;
mod publish;
#[doc(hidden)]
pub mod settings;
mod source;
mod target;
mod text;

pub use clearing::{Clearable, ClearableRecords};
pub use companion::Companion;
pub use content::{Compression, Content, FileTaken, unpacked_bytes};
pub use folder::{Order, Patterns};
pub use group::{GroupCodes, RowGroup};
pub use lines::{Line, LineCut, Lines};
pub use pick_up::{PickUp, PickUpSettings};
pub use ports::{PickUpFields, PublisherFields, StreamSettings, TargetSettings, open_ports};
pub use problem::Problem;
pub use publish::{NewFile, NotPublished, Publisher, PublisherSettings};
pub use source::{FileSource, Format, Records, Unplaced};
pub use target::{EntityFiles, Fate, FileTarget, Render, escape_name};
pub use text::{Text, encode, encoding};
