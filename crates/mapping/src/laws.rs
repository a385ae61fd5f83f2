//! The two laws that every mapping obeys, as functions for tests and for `passerelle mapping test`.

use std::sync::Arc;

use canonical::record::Body;
use serde_json::Value;

use crate::error::DataError;
use crate::mapping::Mapping;
use crate::project;

/// A law that a mapping breaks. It names fields, and holds no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A record could not be read.
    #[error("the record cannot be read: {}", list(.0))]
    Unread(Vec<DataError>),
    /// A document could not be written.
    #[error("the document cannot be written: {}", list(.0))]
    Unwritten(Vec<DataError>),
    /// What was written reads as something else.
    #[error("these fields read back as something else after they were written: {}", .0.join(", "))]
    Changed(Vec<String>),
    /// What is left of a record without its mapped places does not suffice to write it again.
    #[error("written onto what the mapping does not carry, these fields read back as something else: {}", .0.join(", "))]
    Residue(Vec<String>),
}

fn list(errors: &[DataError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// How much of a record stays when what was read is written onto it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The record is the same, to the last byte.
    Bytes,
    /// The record means the same; constants or one-way lines changed places of it.
    Meaning,
}

/// A document made up for a mapping, with values that its lines can hold. The same seed gives the same document.
/// Its values obey the lines' conversions, not the rules of documents; attached files are not among them.
pub fn generated(mapping: &Mapping, seed: u64) -> Value {
    crate::generate::document(mapping, seed)
}

/// A key that a mapping can write: as many parts as it names, in digits.
pub fn generated_key(mapping: &Mapping, seed: u64) -> String {
    let parts = (0..mapping.program.key.len() as u64).map(|part| (seed % 100_000 + 1 + part).to_string());
    parts.collect::<Vec<_>>().join(&mapping.program.key_separator)
}

/// The first law: reading what was written gives the document back, on the fields that the mapping writes,
/// each as [`Mapping::project`] says that it will read.
///
/// Attached files are left out: their bytes are not in the document.
///
/// # Errors
/// The fields that change, or why nothing could be written or read.
pub fn read_after_write(mapping: &Arc<Mapping>, document: &Value) -> Result<(), Breach> {
    let document = &project::without_attachments(mapping, document);
    let body = mapping.write(document, None, None).map_err(Breach::Unwritten)?;
    let read = mapping.reader().document(&body).map_err(Breach::Unread)?.to_json();
    let differences = project::differences(&mapping.project(document), &mapping.restrict(&read));
    if differences.is_empty() { Ok(()) } else { Err(Breach::Changed(differences)) }
}

/// The second law: writing what was read, read again, means the same;
/// also when it is written onto the [residue](Mapping::residue) of the record alone.
///
/// # Errors
/// The fields that change, or why nothing could be written or read.
pub fn write_after_read(mapping: &Arc<Mapping>, body: &Body) -> Result<Kept, Breach> {
    let mut reader = mapping.reader();
    let key = reader.key(body).map_err(|error| Breach::Unread(vec![error]))?.into_owned();
    let (document, attachments) = reader.document_with_attachments(body).map_err(Breach::Unread)?;
    let document = document.to_json();
    let find = |hash: &str| attachments.iter().find(|file| file.hash == *hash).map(|file| file.bytes.clone());
    let meaning = mapping.restrict(&document);
    let again = mapping.write(&document, Some(&key), Some(body)).map_err(Breach::Unwritten)?;
    let read = reader.document(&again).map_err(Breach::Unread)?.to_json();
    let differences = project::differences(&meaning, &mapping.restrict(&read));
    if !differences.is_empty() {
        return Err(Breach::Changed(differences));
    }
    let residue = mapping.residue(body);
    let rebuilt = mapping.write_with(&document, Some(&key), residue.as_ref(), &find).map_err(Breach::Unwritten)?;
    let read = reader.document(&rebuilt).map_err(Breach::Unread)?.to_json();
    let differences = project::differences(&mapping.project(&document), &mapping.restrict(&read));
    if !differences.is_empty() {
        return Err(Breach::Residue(differences));
    }
    Ok(if again == *body { Kept::Bytes } else { Kept::Meaning })
}
