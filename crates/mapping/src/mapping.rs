//! A compiled mapping and what it tells about itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use canonical::entity::Entity;
use canonical::record::{Body, Clearing, Columns};
use serde_json::Value;

use crate::attachment::FindAttachment;
use crate::compile;
use crate::control::Control;
use crate::describe::LineInWords;
use crate::diagnostic::Diagnostic;
use crate::error::DataError;
use crate::program::{Leaf, Program, Source};
use crate::reader::Reader;
use crate::table::Tables;
use crate::xml::XmlOutline;

/// The shape of the records that a mapping is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Rows under named columns.
    Csv,
    /// XML elements.
    Xml,
    /// JSON values.
    Json,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Format::Csv => "csv",
            Format::Xml => "xml",
            Format::Json => "json",
        })
    }
}

/// What a connector must know to cut a stream into the records of a mapping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamNeeds {
    /// Consecutive rows with equal values in these columns form one record; empty when every row is one.
    pub group_by: Vec<String>,
    /// The paths of the element or value that is one record, as the mapping writes them; any of them starts a record.
    pub record_paths: Vec<String>,
    /// Namespace prefixes used by the paths, each with the URIs that it stands for.
    /// The empty prefix stands for names without one.
    pub namespaces: BTreeMap<String, Vec<String>>,
    /// What an XML record needs from the elements around it: by name the paths of which the first that is there counts.
    /// Records show them as children in the namespace `urn:passerelle:context`.
    pub context: BTreeMap<String, Vec<String>>,
    /// Where one record of an XML or JSON file becomes several.
    pub split: Option<Split>,
    /// The records are pairs of rows that clear each other; `columns` are those of the table all the same.
    pub clearing: Option<Clearing>,
    /// The columns that a table must have for its rows to be read, those of embedded documents included.
    /// Optional ones are not among them.
    pub columns: Vec<ColumnNeed>,
}

/// Elements that repeat inside a record: one record of the file becomes one for each of them, which sees the whole record
/// with only that one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// The path from the record down to them, as the mapping writes it.
    pub at: String,
    /// Paths from such an element down: a record becomes several only if each of the elements has something at one of
    /// them. Empty: it always does.
    pub with: Vec<String>,
}

/// A column that a table must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnNeed {
    /// The canonical path of the field that is read there; `key` for the record's key.
    pub field: Arc<str>,
    /// The names of the column, any of which will do.
    pub any_of: Vec<Box<str>>,
}

/// The columns that a program, and the documents that it embeds, cannot do without.
fn needed_columns(program: &Program, embedded: &[Embedded]) -> Vec<ColumnNeed> {
    let own = program.needed.iter().map(|needed| ColumnNeed {
        field: Arc::clone(&needed.field),
        any_of: needed.slots.iter().filter_map(|slot| program.columns.names.get(*slot)).cloned().collect(),
    });
    own.chain(embedded.iter().flat_map(|embedded| embedded.mapping.stream.columns.iter().cloned())).collect()
}

/// A document inside the record that is observed on its own, ahead of the record's document.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The reference field of the record's document that it fills, such as `customer`.
    pub field: Arc<str>,
    /// How it is read. It is never written: the record's own lines write the same places.
    pub mapping: Arc<Mapping>,
}

/// A mapping file, compiled. It never changes, so one in an `Arc` serves all threads.
#[derive(Debug)]
pub struct Mapping {
    name: String,
    entity: Entity,
    format: Format,
    version: String,
    covers: Arc<[String]>,
    writes: Arc<[String]>,
    lossy: Vec<String>,
    stream: StreamNeeds,
    embedded: Vec<Embedded>,
    warnings: Vec<Diagnostic>,
    pub(crate) program: Program,
    pub(crate) outline: XmlOutline,
}

impl Mapping {
    /// Compiles a mapping file. `file_name` is only used in messages and as the mapping's name.
    ///
    /// # Errors
    /// Everything that is wrong in the file, each with line, column and a suggestion. Files are limited to 1 MiB.
    pub fn compile(file_name: &str, text: &str, tables: &dyn Tables) -> Result<Self, Vec<Diagnostic>> {
        compile::compile(file_name, text, tables)
    }

    #[expect(clippy::too_many_arguments, reason = "the one place where a compiled mapping is put together")]
    pub(crate) fn new(
        name: &str,
        entity: Entity,
        format: Format,
        version: String,
        program: Program,
        outline: XmlOutline,
        stream: StreamNeeds,
        embedded: Vec<Embedded>,
    ) -> Self {
        let paths = |wanted: fn(&Leaf) -> bool| -> Vec<String> {
            let mut paths = BTreeSet::new();
            program.leaves(&mut |leaf| {
                if wanted(leaf) && !matches!(leaf.source, Source::Selector(_)) {
                    paths.insert(leaf.path.to_string());
                }
            });
            paths.into_iter().collect()
        };
        let columns = needed_columns(&program, &embedded);
        let columns = match &stream.clearing {
            Some(clearing) => compile::table_columns(clearing, columns),
            None => columns,
        };
        Mapping {
            name: name.to_owned(),
            entity,
            format,
            version,
            covers: paths(|leaf| leaf.direction.reads()).into(),
            writes: paths(Leaf::is_two_way).into(),
            lossy: paths(|leaf| leaf.lossy && leaf.is_two_way()),
            stream: StreamNeeds { columns, ..stream },
            embedded,
            warnings: Vec::new(),
            program,
            outline,
        }
    }

    pub(crate) fn with_warnings(mut self, findings: Vec<Diagnostic>) -> Self {
        self.warnings = compile::warnings(findings);
        self
    }

    /// The file's name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its documents are.
    pub fn entity(&self) -> &Entity {
        &self.entity
    }

    /// The shape of its records.
    pub fn format(&self) -> Format {
        self.format
    }

    /// A hash of the file and of the named tables that it uses, 16 hexadecimal digits.
    /// Equal versions read and write the same.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The canonical paths that it reads, sorted: down to the last field, with selectors (`addresses.main.line1`,
    /// `identifiers.siret.value`, `credit_limit.amount`) and without positions in repeating groups (`lines.net_amount`).
    pub fn covers(&self) -> &Arc<[String]> {
        &self.covers
    }

    /// The canonical paths that it writes and reads back, sorted.
    pub fn writes(&self) -> &Arc<[String]> {
        &self.writes
    }

    /// Whether no line of it writes, so that nothing can be delivered by it.
    pub fn only_reads(&self) -> bool {
        let mut writes = false;
        self.program
            .leaves(&mut |leaf| writes |= leaf.direction.writes() && !matches!(leaf.source, Source::Selector(_)));
        !writes
    }

    /// The paths of its two-way lines that may change a value, so that it does not come back as it was, sorted.
    pub fn lossy(&self) -> &[String] {
        &self.lossy
    }

    /// The system whose key a reference field holds (`buyer = { at = "CustomerID", system = "erp" }`);
    /// `None` when it is the record's own system, or when no line maps the field.
    pub fn reference_system(&self, field: &str) -> Option<&str> {
        let path = format!("{field}.system");
        let mut system = None;
        self.program.leaves(&mut |leaf| {
            if let (Source::Fixed(text), true) = (&leaf.source, *leaf.path == *path) {
                system = Some(&**text);
            }
        });
        system
    }

    /// What a connector must know to cut a stream into its records.
    pub fn stream_needs(&self) -> &StreamNeeds {
        &self.stream
    }

    /// The documents inside its records that are observed on their own.
    pub fn embedded(&self) -> &[Embedded] {
        &self.embedded
    }

    /// What deserves a look and does not stop the mapping from being used.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Every line in words, in the order of the file, for people who sign the mapping off.
    pub fn lines(&self) -> Vec<LineInWords> {
        crate::describe::lines(self)
    }

    /// The places of the record's own key, as the file names them.
    pub fn key_in_words(&self) -> String {
        crate::describe::key(&self.program)
    }

    /// The canonical fields that no line reads or writes, by their names alone: without selectors, in the order of the
    /// schema. What is inside of extensions is not among them.
    pub fn untouched_fields(&self) -> Vec<String> {
        crate::coverage::untouched_fields(self)
    }

    /// The columns of a table that the mapping does not name at all, in the order of the table.
    pub fn untouched_columns(&self, columns: &Columns) -> Vec<String> {
        crate::coverage::untouched_columns(self, columns)
    }

    /// A reader. It remembers where columns and names are, so keep it for as long as the stream is read.
    pub fn reader(self: &Arc<Self>) -> Reader {
        Reader::new(Arc::clone(self))
    }

    /// What holds the records of a drop against the totals that it states, at most `groups_max` statements at once;
    /// `None` when the mapping has no `[control]`.
    pub fn control(self: &Arc<Self>, groups_max: usize) -> Option<Control> {
        let places = self.program.control.as_ref()?;
        Some(Control::new(Arc::clone(self), Arc::clone(places), groups_max))
    }

    /// Puts a document into a record: into a copy of `base`, so that everything the mapping does not know survives,
    /// or into a new record. A value that the base record already shows is left as it is written there.
    /// A field that the document does not have is cleared. `key` is the system's own key;
    /// without one the base record keeps its own.
    ///
    /// # Errors
    /// Every value that the record cannot take, at once.
    pub fn write(&self, document: &Value, key: Option<&str>, base: Option<&Body>) -> Result<Body, Vec<DataError>> {
        self.write_with(document, key, base, &crate::attachment::none)
    }

    /// As [`write`](Self::write), for documents with attached files, whose bytes `find` gives by their hashes.
    /// A file that the base record shows already is left as it is, and not asked for.
    ///
    /// # Errors
    /// Every value that the record cannot take, and every file whose bytes are not at hand, at once.
    pub fn write_with(
        &self,
        document: &Value,
        key: Option<&str>,
        base: Option<&Body>,
        find: &FindAttachment<'_>,
    ) -> Result<Body, Vec<DataError>> {
        let body = crate::write::write(self, document, key, base, find)?;
        crate::selection::check_written(self, &body)?;
        Ok(body)
    }

    /// What the system would show of a document after it was written: only the fields in [`writes`](Self::writes),
    /// each as it would read back. A value that cannot be written stays as it is, so that the difference is seen.
    ///
    /// The form is normal: equal meaning is equal JSON, so `==` decides, also against [`restrict`](Self::restrict).
    pub fn project(&self, document: &Value) -> Value {
        crate::project::project(self, document)
    }

    /// Only the fields in [`writes`](Self::writes), in the same normal form as [`project`](Self::project).
    pub fn restrict(&self, document: &Value) -> Value {
        crate::project::restrict(self, document)
    }

    /// What of a record the mapping does not write: enough of it that [`write`](Self::write), with it as base,
    /// gives a record that means the same. `None` when the mapping carries everything that has content.
    pub fn residue(&self, body: &Body) -> Option<Body> {
        crate::residue::residue(self, body)
    }
}
