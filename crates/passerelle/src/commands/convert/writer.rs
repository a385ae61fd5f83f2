//! Documents in another format, written by the connector of the mapping's format.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use canonical::entity::Operation;
use canonical::record::{Body, Record};
use connector::{Fault, OpenContext, Outcome, Reference, Rendered, Target};
use mapping::{Attachment, DataError, Format, Mapping};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::reader::kind_of;
use crate::configuration::{PackFiles, Way, registry};
use crate::failure::Failure;
use crate::output;

/// At most this many records are held before they are written.
const RECORDS_MAX: usize = 1000;

/// What the user says about the files that are written, and what the pack of their mapping says.
#[derive(Default)]
pub struct Form {
    /// The encoding; the pack's, else UTF-8, when absent.
    pub encoding: Option<String>,
    /// The delimiter; the pack's, else a comma, when absent.
    pub delimiter: Option<char>,
    /// The layout of the files, which comes with the pack.
    pub layout: Option<Value>,
    /// What else the pack says about its files.
    pub files: PackFiles,
}

/// Writes records to standard output, a few at a time, so that memory does not grow with the input.
pub struct Writer {
    mapping: Arc<Mapping>,
    /// The kind of the connector that writes.
    kind: &'static str,
    /// The settings of its target, but for the folder and the names of files.
    settings: Map<String, Value>,
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
    /// A writer for a mapping.
    ///
    /// # Errors
    /// Options that do not fit the format of the mapping.
    pub fn new(mapping: Arc<Mapping>, form: &Form) -> Result<Self, Failure> {
        let kind = kind_of(mapping.format(), form.layout.is_some());
        if form.delimiter.is_some() && kind != "csv-drop" {
            return Err(misfit(&format!("--to-delimiter is for CSV files, and {} writes none", mapping.name())));
        }
        if form.encoding.is_some() && mapping.format() == Format::Json {
            return Err(misfit(&format!("{} writes JSON, which is UTF-8; leave --to-encoding out", mapping.name())));
        }
        let mut settings = form.files.settings(kind, Way::Write);
        let told = form.encoding.iter().map(|encoding| ("encoding".to_owned(), json!(encoding)));
        settings.extend(told.chain(form.delimiter.map(|delimiter| ("delimiter".to_owned(), json!(delimiter)))));
        if let Some(layout) = form.layout.as_ref().filter(|_| kind == "layout-drop") {
            settings.insert("layout".to_owned(), layout.clone());
        }
        let (records, written, with_header, has_refused) = (Vec::new(), 0, true, false);
        Ok(Writer { mapping, kind, settings, records, written, with_header, has_refused })
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
        let table = json!({ "targets": { self.mapping.entity().name(): self.target()? } });
        let configured = registry().configure(self.kind, table).map_err(|error| misfit(&error.to_string()))?;
        let context =
            OpenContext { system: "convert".to_owned(), directory: directory.to_owned(), ..OpenContext::default() };
        let ports = configured.open(&context).await.map_err(|fault| match fault {
            Fault::Halt { reason } => {
                let table = format!("targets.{}: ", self.mapping.entity());
                misfit(reason.strip_prefix(&*table).unwrap_or(&reason))
            }
            fault => fault.into(),
        })?;
        ports.target.ok_or_else(|| Failure::bug("a target for convert was not opened"))
    }

    /// The settings of the target.
    fn target(&self) -> Result<Value, Failure> {
        let mut target = json!(self.settings);
        target["folder"] = json!(FOLDER);
        match self.mapping.format() {
            Format::Csv if self.kind == "layout-drop" => {
                target["file"] = json!("{batch}.txt");
                if !self.with_header {
                    target["layout"]["preamble"] = json!([]);
                }
                if let Some(record) = self.mapping.stream_needs().record_paths.first() {
                    target["record"] = json!(record);
                }
            }
            Format::Csv => {
                target["file"] = json!("{batch}.csv");
                if !self.with_header {
                    target["header"] = json!(false);
                    target["byte_order_mark"] = json!(false);
                }
            }
            // Each document is a file of its own; the mapping's prefixes are what readers are used to.
            Format::Xml => {
                let prefixes = self.mapping.stream_needs().namespaces.iter();
                let written = prefixes.filter_map(|(prefix, uris)| Some((prefix, uris.first()?)));
                // What records get from the elements around them is never written.
                let namespaces: BTreeMap<&String, &String> =
                    written.filter(|(_, uri)| *uri != "urn:passerelle:context").collect();
                target["file"] = json!("{key}.xml");
                target["namespaces"] = json!(namespaces);
            }
            Format::Json => return Err(Failure::bug("JSON records are written at once")),
        }
        Ok(target)
    }
}

/// What the user or the pack says of the written files does not fit.
fn misfit(reason: &str) -> Failure {
    Failure::usage("cli.dialect", format!("the options of what is written do not fit: {reason}"))
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
