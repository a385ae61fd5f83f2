//! Reading records: key, document, references, embedded documents, and what no line reads.

use std::borrow::Cow;
use std::sync::Arc;

use canonical::document::{Document, Reference};
use canonical::entity::Entity;
use canonical::record::Body;
use serde::de::DeserializeOwned;

use crate::attachment::Attachment;
use crate::cursor::{Context, Cursor, Resolved};
use crate::error::{DataError, Problem, STRUCTURE_CLASS, class_of};
use crate::leaf::{SHORTENED, is_shortened};
use crate::mapping::{Format, Mapping};
use crate::program::{Key, Variable};
use crate::{read, selection};

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The system's own key.
    pub key: String,
    /// The record as a document.
    pub document: Document,
    /// The documents that this one refers to by key.
    pub references: Vec<ReferenceKey>,
    /// Documents inside the record that are observed on their own, ahead of this one.
    pub embedded: Vec<EmbeddedReading>,
    /// The files that are attached to the document, each once; the document has their hashes.
    pub attachments: Vec<Attachment>,
    /// Places with content that no line reads, sorted; only told by [`Reader::read_with_unmapped`].
    pub unmapped: Vec<String>,
}

/// A reference to another document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceKey {
    /// The field that holds it, such as `customer`.
    pub field: &'static str,
    /// What it refers to.
    pub entity: Entity,
    /// The system whose key it is; `None` for the record's own system.
    pub system: Option<String>,
    /// The key in that system.
    pub key: String,
}

/// A document inside a record.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedReading {
    /// The reference field of the outer document that it fills.
    pub field: Arc<str>,
    /// Its key, if the record has one; else the hub goes by its identity.
    pub key: Option<String>,
    /// The document.
    pub document: Document,
    /// The canonical paths that are read of it.
    pub covers: Arc<[String]>,
}

/// Reads the records of one stream by one mapping.
///
/// Records that share their columns or names are read fastest: places are looked up once for all of them.
#[derive(Debug)]
pub struct Reader {
    mapping: Arc<Mapping>,
    resolved: Resolved,
    embedded: Vec<(Arc<str>, Reader)>,
}

impl Reader {
    pub(crate) fn new(mapping: Arc<Mapping>) -> Self {
        let embedded = mapping
            .embedded()
            .iter()
            .map(|embedded| (Arc::clone(&embedded.field), Reader::new(Arc::clone(&embedded.mapping))))
            .collect();
        Reader { mapping, resolved: Resolved::default(), embedded }
    }

    /// The mapping that it reads by.
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// The system's own key of a record. The parts of a key of several places are joined by the mapping's separator;
    /// a separator or backslash inside a part gets a backslash before it.
    ///
    /// # Errors
    /// A part of the key that is missing or empty, or a record of another shape.
    pub fn key<'a>(&mut self, body: &'a Body) -> Result<Cow<'a, str>, DataError> {
        self.prepare(body).map_err(|mut errors| errors.swap_remove(0))?;
        let context = Context { program: &self.mapping.program, resolved: &self.resolved, variables: Vec::new() };
        key_of(&context, Cursor::start(body))
    }

    /// Whether the mapping is for this record: it meets the head's `when`. What is not selected is no record of the
    /// stream: it is neither counted nor refused. A record whose places cannot be found is selected, so that reading it
    /// tells what is wrong.
    pub fn selects(&mut self, body: &Body) -> bool {
        self.mapping.program.when.is_none()
            || self.prepare(body).is_err()
            || selection::selects(&self.mapping.program, &self.resolved, body)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Everything that cannot be read, at once.
    pub fn read(&mut self, body: &Body) -> Result<Reading, Vec<DataError>> {
        self.prepare(body)?;
        let entity = self.mapping.entity().clone();
        let context = context(&self.mapping, &self.resolved, body);
        let cursor = Cursor::start(body);
        let key = key_of(&context, cursor).map(Cow::into_owned);
        let document =
            read::build_with_attachments(&context, cursor, |record| Document::deserialize_as(&entity, record));
        let (key, (document, attachments)) = match (key, document) {
            (Ok(key), Ok(document)) => (key, document),
            (Err(error), Ok(_)) => return Err(vec![error]),
            (Ok(_), Err(errors)) => return Err(errors),
            (Err(error), Err(mut errors)) => {
                errors.insert(0, error);
                return Err(errors);
            }
        };
        let references = references(&document);
        let embedded = self.read_embedded(body)?;
        Ok(Reading { key, document, references, embedded, attachments, unmapped: Vec::new() })
    }

    /// Reads a record and tells which places with content no line reads.
    ///
    /// # Errors
    /// Everything that cannot be read, at once.
    pub fn read_with_unmapped(&mut self, body: &Body) -> Result<Reading, Vec<DataError>> {
        let mut reading = self.read(body)?;
        reading.unmapped = crate::residue::unmapped(&self.mapping, body);
        Ok(reading)
    }

    /// Builds any type from a record, without its key: `Customer`, or `serde_json::Value` for what the lines give.
    ///
    /// # Errors
    /// Everything that cannot be read, at once.
    pub fn read_as<T: DeserializeOwned>(&mut self, body: &Body) -> Result<T, Vec<DataError>> {
        self.prepare(body)?;
        let context = context(&self.mapping, &self.resolved, body);
        read::build(&context, Cursor::start(body), |record| T::deserialize(record))
    }

    /// The record as a document, without its key.
    pub(crate) fn document(&mut self, body: &Body) -> Result<Document, Vec<DataError>> {
        self.prepare(body)?;
        let context = context(&self.mapping, &self.resolved, body);
        let entity = self.mapping.entity();
        read::build(&context, Cursor::start(body), |record| Document::deserialize_as(entity, record))
    }

    /// As [`document`](Self::document), with the files that are attached to it.
    pub(crate) fn document_with_attachments(
        &mut self,
        body: &Body,
    ) -> Result<(Document, Vec<Attachment>), Vec<DataError>> {
        self.prepare(body)?;
        let context = context(&self.mapping, &self.resolved, body);
        let entity = self.mapping.entity();
        read::build_with_attachments(&context, Cursor::start(body), |record| Document::deserialize_as(entity, record))
    }

    fn read_embedded(&mut self, body: &Body) -> Result<Vec<EmbeddedReading>, Vec<DataError>> {
        let mut readings = Vec::with_capacity(self.embedded.len());
        for (field, reader) in &mut self.embedded {
            reader.prepare(body)?;
            let context = context(&reader.mapping, &reader.resolved, body);
            let cursor = Cursor::start(body);
            let members = &reader.mapping.program.root.members;
            if !members.iter().any(|member| read::is_present(&context, &member.node, cursor)) {
                continue;
            }
            let entity = reader.mapping.entity();
            let document = read::build(&context, cursor, |record| Document::deserialize_as(entity, record))?;
            // An embedded document without a key is known by its identity instead.
            let key = key_of(&context, cursor).ok().map(Cow::into_owned);
            let covers = Arc::clone(reader.mapping.covers());
            readings.push(EmbeddedReading { field: Arc::clone(field), key, document, covers });
        }
        Ok(readings)
    }

    fn prepare(&mut self, body: &Body) -> Result<(), Vec<DataError>> {
        if !suits(self.mapping.format(), body) {
            return Err(vec![DataError {
                field: "".into(),
                place: "record".into(),
                value_class: "record",
                reason: format!(
                    "the mapping reads {} records, and this is another kind; correct format",
                    self.mapping.format()
                ),
                code: "mapping.shape",
            }]);
        }
        self.resolved.resolve(&self.mapping.program, body);
        let missing = self.resolved.missing();
        if missing.is_empty() { Ok(()) } else { Err(missing.to_vec()) }
    }
}

fn suits(format: Format, body: &Body) -> bool {
    matches!(
        (format, body),
        (Format::Csv, Body::Rows(_)) | (Format::Xml, Body::Element(_)) | (Format::Json, Body::Json(_))
    )
}

/// The context in which a record is read: variables are the values of the fields that predicates compare with.
pub(crate) fn context<'a>(mapping: &'a Mapping, resolved: &'a Resolved, body: &'a Body) -> Context<'a> {
    let cursor = Cursor::start(body);
    let mut context = Context { program: &mapping.program, resolved, variables: Vec::new() };
    if mapping.program.variables.is_empty() {
        return context;
    }
    let text = |variable: &'a Variable, context: &Context<'a>| {
        let text = variable.leaf.as_ref()?.read(context, cursor).ok()??;
        Some(text.to_string())
    };
    let all = &mapping.program.variables;
    context.variables = all.iter().map(|variable| text(variable, &context)).collect();
    // A field whose own path has a condition on another field is only right when that other one is known.
    for (index, variable) in all.iter().enumerate().filter(|(_, variable)| variable.asks_others()) {
        context.variables[index] = text(variable, &context);
    }
    context
}

/// The key of a record; borrowed when it is one text of the record.
pub(crate) fn key_of<'a>(context: &Context<'_>, cursor: Cursor<'a>) -> Result<Cow<'a, str>, DataError> {
    let part = |key: &Key| -> Result<Cow<'a, str>, DataError> {
        let error = |problem: Problem, value: &str| DataError {
            field: "key".into(),
            place: Arc::clone(&key.text),
            value_class: class_of(value),
            reason: problem.reason.into_owned(),
            code: problem.code,
        };
        let text = context
            .raw(&key.place, cursor)
            .map_err(|problem| DataError { value_class: STRUCTURE_CLASS, ..error(problem, "") })?;
        let text = text.map(|text| key.canonical(text)).unwrap_or_default();
        if matches!(cursor, Cursor::Row(..)) && is_shortened(&text) {
            return Err(error(Problem::new("mapping.shortened", SHORTENED), &text));
        }
        if text.is_empty() {
            return Err(error(
                Problem::new("mapping.key", "the record has no key; without one nothing can be kept in step"),
                "",
            ));
        }
        Ok(text)
    };
    let program = context.program;
    if let [key] = &program.key[..] {
        return part(key);
    }
    let mut joined = String::new();
    for (index, key) in program.key.iter().enumerate() {
        if index > 0 {
            joined.push_str(&program.key_separator);
        }
        escape(&part(key)?, &program.key_separator, &mut joined);
    }
    if joined.is_empty() {
        return Err(DataError {
            field: "key".into(),
            place: "mapping".into(),
            value_class: "empty",
            reason: "the mapping names no key".to_owned(),
            code: "mapping.key",
        });
    }
    Ok(Cow::Owned(joined))
}

fn escape(part: &str, separator: &str, joined: &mut String) {
    let marked = part.replace('\\', "\\\\");
    joined.push_str(&marked.replace(separator, &format!("\\{separator}")));
}

/// The parts of a joined key.
pub(crate) fn split_key(key: &str, separator: &str, parts: usize) -> Vec<String> {
    if parts <= 1 {
        return vec![key.to_owned()];
    }
    let mut found = vec![String::new()];
    let mut rest = key;
    while let Some(character) = rest.chars().next() {
        let last = found.len() - 1;
        if character == '\\' {
            let escaped = &rest[1..];
            let taken = if escaped.starts_with(separator) {
                separator
            } else {
                &escaped[..escaped.chars().next().map_or(0, char::len_utf8)]
            };
            found[last].push_str(taken);
            rest = &escaped[taken.len()..];
        } else if let Some(after) = rest.strip_prefix(separator) {
            found.push(String::new());
            rest = after;
        } else {
            found[last].push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    found
}

fn references(document: &Document) -> Vec<ReferenceKey> {
    let found: Vec<(&'static str, Entity, &Option<Reference>)> = match document {
        Document::Customer(_) | Document::Declared(_) => Vec::new(),
        Document::Invoice(invoice) => vec![("customer", Entity::Customer, &invoice.customer)],
        Document::Payment(payment) => vec![("customer", Entity::Customer, &payment.customer)],
        Document::Allocation(allocation) => vec![
            ("customer", Entity::Customer, &allocation.customer),
            ("payment", Entity::Payment, &allocation.payment),
            ("credit_note", Entity::Invoice, &allocation.credit_note),
            ("invoice", Entity::Invoice, &allocation.invoice),
            ("reversed_by", Entity::Allocation, &allocation.reversed_by),
        ],
    };
    let with_key = found.into_iter().filter_map(|(field, entity, reference)| {
        let reference = reference.as_ref()?;
        let key = reference.key.clone()?;
        Some(ReferenceKey { field, entity, system: reference.system.clone(), key })
    });
    with_key.collect()
}
