//! Documents in another format, written by the connector of the mapping's format.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canonical::entity::Operation;
use canonical::record::{Body, Record};
use connector::{OpenContext, Outcome, Reference, Rendered, Target};
use mapping::{Attachment, DataError, Format, Mapping};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::configuration::registry;
use crate::failure::Failure;
use crate::output;

/// At most this many records are held before they are written.
const RECORDS_MAX: usize = 1000;

/// Writes records to standard output, a few at a time, so that memory does not grow with the input.
pub struct Writer {
    mapping: Arc<Mapping>,
    /// The layout of the files, where the mapping's pack has one.
    layout: Option<Value>,
    /// What is not written yet, with where it comes from.
    records: Vec<(String, Body)>,
    /// How many records were written before those.
    written: usize,
    /// Whether the header of a CSV file is still to come: it stands once, whatever the number of writes. Every record of
    /// a mapping has the same columns.
    with_header: bool,
    /// Whether something was refused.
    pub has_refused: bool,
}

impl Writer {
    /// A writer for a mapping, with the layout of its pack's files if they have one.
    pub fn new(mapping: Arc<Mapping>, layout: Option<Value>) -> Self {
        Writer { mapping, layout, records: Vec::new(), written: 0, with_header: true, has_refused: false }
    }

    /// Adds a document, which was found at `place`, with the files that are attached to it.
    /// A document without a key of its own, such as the buyer of an invoice, is written without one.
    ///
    /// # Errors
    /// Every value that the format cannot take.
    pub fn add(
        &mut self,
        document: &Value,
        key: Option<&str>,
        attachments: &[Attachment],
        place: &str,
    ) -> Result<(), Vec<DataError>> {
        let find = |hash: &str| {
            let found = attachments.iter().find(|attachment| attachment.hash == *hash);
            found.map(|attachment| attachment.bytes.clone())
        };
        match self.mapping.write_with(document, key, None, &find)? {
            Body::Json(value) => output::json_line(&value),
            body => self.records.push((place.to_owned(), body)),
        }
        Ok(())
    }

    /// Whether it holds as much as it may, so that it must be written before more is added.
    pub fn is_full(&self) -> bool {
        self.records.len() >= RECORDS_MAX
    }

    /// Writes what it holds.
    ///
    /// # Errors
    /// When the working folder cannot be used.
    pub async fn write(&mut self) -> Result<(), Failure> {
        if self.records.is_empty() {
            return Ok(());
        }
        let folder = TempDir::new()
            .map_err(|error| Failure::unreachable("cli.file", format!("a working folder cannot be made: {error}")))?;
        let mut target = self.open(folder.path()).await?;
        let (places, changes): (Vec<String>, Vec<Rendered>) = self.rendered().into_iter().unzip();
        for (result, place) in target.apply("convert", &changes).await.into_iter().zip(&places) {
            match result? {
                Outcome::Applied { .. } => {}
                Outcome::Rejected(reject) => {
                    self.has_refused = true;
                    output::note(format!("{place}: refused: {} [{}]", reject.reason, reject.code));
                }
                Outcome::Unknown => return Err(Failure::bug("a file was written or not, and nobody knows")),
            }
        }
        for path in written(&folder.path().join(FOLDER))? {
            let bytes = fs::read(&path).map_err(|error| Failure::file("cannot be read", &path, &error))?;
            output::raw(&bytes);
            self.with_header = false;
        }
        Ok(())
    }

    /// The records that it holds, as changes; it holds none then.
    fn rendered(&mut self) -> Vec<(String, Rendered)> {
        let first = self.written;
        self.written += self.records.len();
        let entity = self.mapping.entity();
        let change = |(index, (place, body)): (usize, (String, Body))| {
            let reference = Reference {
                entity: entity.clone(),
                master_id: format!("m{}", first + index + 1),
                version: 1,
                // Names of files, so that they are printed in the order of the records.
                local_key: Some(format!("{:010}", first + index)),
            };
            let record = Record::from_body(body);
            (place, Rendered { reference, operation: Operation::Upsert, record, previous: None })
        };
        self.records.drain(..).enumerate().map(change).collect()
    }

    /// The target of the mapping's format, over a folder.
    async fn open(&self, directory: &Path) -> Result<Box<dyn Target>, Failure> {
        let (kind, target) = match self.mapping.format() {
            Format::Csv if self.layout.is_some() => ("layout-drop", self.layout_target()),
            Format::Csv => ("csv-drop", json!({ "folder": FOLDER, "file": "{batch}.csv", "header": self.with_header })),
            // Each document is a file of its own; the mapping's prefixes are what readers are used to.
            Format::Xml => {
                let prefixes = self.mapping.stream_needs().namespaces.iter();
                let written = prefixes.filter_map(|(prefix, uris)| Some((prefix, uris.first()?)));
                // What records get from the elements around them is never written.
                let namespaces: BTreeMap<&String, &String> =
                    written.filter(|(_, uri)| *uri != "urn:passerelle:context").collect();
                ("xml-export", json!({ "folder": FOLDER, "file": "{key}.xml", "namespaces": namespaces }))
            }
            Format::Json => return Err(Failure::bug("JSON records are written at once")),
        };
        let table = json!({ "targets": { self.mapping.entity().name(): target } });
        let configured = registry()
            .configure(kind, table)
            .map_err(|error| Failure::bug(format!("a target for convert cannot be configured: {error}")))?;
        let context =
            OpenContext { system: "convert".to_owned(), directory: directory.to_owned(), ..OpenContext::default() };
        configured.open(&context).await?.target.ok_or_else(|| Failure::bug("a target for convert was not opened"))
    }
}

impl Writer {
    fn layout_target(&self) -> Value {
        let mut target = json!({ "folder": FOLDER, "file": "{batch}.txt", "layout": self.layout });
        if !self.with_header {
            target["layout"]["preamble"] = json!([]);
        }
        if let Some(record) = self.mapping.stream_needs().record_paths.first() {
            target["record"] = json!(record);
        }
        target
    }
}

/// The folder in the working folder that files appear in.
const FOLDER: &str = "out";

/// The files that appeared, by name.
fn written(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| Failure::file("cannot be listed", folder, &error);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).map_err(unreadable)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}
