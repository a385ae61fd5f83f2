//! Map: from a record to its observation, or to a reject that keeps its bytes.

use std::sync::Arc;

use canonical::attachment::Attachment;
use canonical::document::Document;
use canonical::entity::{Entity, Operation};
use canonical::envelope::Covers;
use canonical::identity;
use canonical::record::{Body, Record};
use canonical::rules::{self, Finding};
use jiff::Timestamp;
use mapping::{DataError, EmbeddedReading, Mapping, Reader, Reading};
use serde_json::value::RawValue;
use store::{NewReject, Position, StreamKey};

use crate::observation::{Observation, partition};

/// The mapping version of documents that came embedded in others: what they hold is what they cover.
pub(crate) const EMBEDDED: &str = "embedded";

/// Where a record comes from, and how its documents are treated.
pub(crate) struct Origin<'a> {
    pub key: &'a StreamKey,
    pub position: Position,
    pub line: Option<u64>,
    pub at: Timestamp,
    pub partitions: u32,
    /// Where the last state of the record went: this one goes there too, also when it names another customer by now.
    /// Else it could be resolved before the last one.
    pub partition: Option<u32>,
    pub refuse_fatal: bool,
    pub covers: &'a Covers,
    pub mapping_version: &'a Arc<str>,
    /// The longest key that can be kept.
    pub key_bytes_max: usize,
}

/// Why a record is no observation.
pub(crate) enum Unreadable {
    /// Values that cannot be mapped.
    Data(Vec<DataError>),
    /// Rules that the document breaks.
    Findings(Vec<Finding>),
    /// A document that has no JSON form.
    Json(String),
    /// A key of so many bytes, and how many it may have.
    Key { bytes: usize, bytes_max: usize },
}

impl Unreadable {
    pub fn into_reject(self, record: &Record, key: &str) -> NewReject {
        let (code, reason) = match self {
            Unreadable::Data(errors) => return reject(record, Some(key), &errors),
            Unreadable::Findings(findings) => ("map.rule", list(findings.iter())),
            Unreadable::Json(reason) => ("map.json", reason),
            Unreadable::Key { bytes, bytes_max } => (KEY_TOO_LONG, too_long(bytes, bytes_max)),
        };
        NewReject { reason, ..refusal(record, Some(key), code) }
    }
}

/// The code of a record whose key cannot be kept.
const KEY_TOO_LONG: &str = "collect.key-too-long";

fn too_long(bytes: usize, bytes_max: usize) -> String {
    format!(
        "the key has {bytes} bytes, and {bytes_max} are kept; is it the right column? Shorten it at its source, or raise \
         key_bytes_max in [limits]"
    )
}

/// How many rows or elements a record was made of.
pub(crate) fn rows(record: &Record) -> i64 {
    match &record.body {
        Body::Rows(rows) => i64::try_from(rows.len()).unwrap_or(i64::MAX),
        Body::Element(_) | Body::Json(_) => 1,
    }
}

/// A reject of a record for values that cannot be mapped.
pub(crate) fn reject(record: &Record, key: Option<&str>, errors: &[DataError]) -> NewReject {
    let code = errors.first().map_or("map.data", |error| error.code);
    NewReject { reason: list(errors.iter()), ..refusal(record, key, code) }
}

/// A reject of a record whose event the bus would refuse: everything behind it would wait for it for ever.
pub(crate) fn too_large(record: &Record, key: &str, bytes: usize, limit: usize) -> NewReject {
    let reason = format!(
        "too large: the event of this record has {bytes} bytes, and a message of the bus {limit} at most; let the system \
         show less of it, or raise bus.message_bytes_max, and have it shown again"
    );
    NewReject { reason, ..refusal(record, Some(key), "collect.too-large") }
}

/// A reject of a record, without its reason.
pub(crate) fn refusal(record: &Record, key: Option<&str>, code: &str) -> NewReject {
    NewReject {
        ordinal: record.place.ordinal,
        file: record.place.file.as_deref().map(str::to_owned),
        line: record.place.line,
        key: key.map(str::to_owned),
        code: code.to_owned(),
        reason: String::new(),
        raw: record.raw.clone(),
    }
}

fn list<T: ToString>(reasons: impl Iterator<Item = T>) -> String {
    reasons.map(|reason| reason.to_string()).collect::<Vec<_>>().join("; ")
}

/// What a record comes to.
pub(crate) struct Observed {
    /// The record's observation, preceded by that of the customer that it embeds.
    pub observations: Vec<Observation>,
    /// The files that are attached to its document. They must be kept before the observation is published.
    pub attachments: Vec<Attachment>,
}

/// Reads a record.
pub(crate) fn observe(
    origin: &Origin<'_>,
    mapping: &Mapping,
    reader: &mut Reader,
    record: &Record,
) -> Result<Observed, Unreadable> {
    let reading = reader.read(&record.body).map_err(Unreadable::Data)?;
    let Reading { key, mut document, embedded, attachments, .. } = reading;
    let findings = rules::findings(&document);
    if origin.refuse_fatal && findings.iter().any(Finding::is_fatal) {
        return Err(Unreadable::Findings(findings.into_iter().filter(Finding::is_fatal).collect()));
    }
    let embedded = match embedded.into_iter().find(|embedded| &*embedded.field == "customer") {
        Some(embedded) => declared_customer(mapping, embedded, &mut document),
        None => buyer(&mut document),
    };
    let partition = match origin.partition {
        Some(partition) => partition % origin.partitions.max(1),
        None => {
            let customer_key = customer_key(&document).unwrap_or(&key);
            partition(&origin.key.tenant, &origin.key.system, customer_key, origin.partitions)
        }
    };
    for key in embedded.iter().map(|customer| &customer.key).chain([&key]) {
        let (bytes, bytes_max) = (store::key_bytes(key), origin.key_bytes_max);
        if bytes > bytes_max {
            return Err(Unreadable::Key { bytes, bytes_max });
        }
    }
    let mut observations = Vec::with_capacity(2);
    if let Some(customer) = embedded {
        let EmbeddedCustomer { key, document, mapping, covers } = customer;
        let observation = origin.observation(partition, Entity::Customer, key, mapping, &document)?;
        observations.push(Observation { derived: true, covers, ..observation });
    }
    let entity = mapping.entity().clone();
    let mut observation = origin.observation(partition, entity, key, origin.mapping_version.clone(), &document)?;
    observation.residue = mapping.residue(&record.body).and_then(|residue| serde_json::to_string(&residue).ok());
    observations.push(observation);
    Ok(Observed { observations, attachments })
}

impl Origin<'_> {
    fn observation(
        &self,
        partition: u32,
        entity: Entity,
        key: String,
        mapping: Arc<str>,
        document: &Document,
    ) -> Result<Observation, Unreadable> {
        let json = serde_json::to_string(document).and_then(RawValue::from_string);
        Ok(Observation {
            stream: self.key.clone(),
            partition,
            entity,
            key,
            operation: Operation::Upsert,
            position: self.position,
            derived: false,
            line: self.line,
            at: self.at,
            mapping,
            covers: Some(self.covers.clone()),
            document: Some(json.map_err(|error| Unreadable::Json(error.to_string()))?),
            residue: None,
        })
    }
}

/// A customer inside another document, under the key that the document then refers to.
struct EmbeddedCustomer {
    key: String,
    document: Document,
    mapping: Arc<str>,
    covers: Option<Covers>,
}

/// The customer that the mapping declares to be embedded.
fn declared_customer(mapping: &Mapping, embedded: EmbeddedReading, outer: &mut Document) -> Option<EmbeddedCustomer> {
    let declared = mapping.embedded().iter().find(|declared| declared.field == embedded.field)?;
    let identity = match &embedded.document {
        Document::Customer(customer) => identity::embedded(customer),
        _ => None,
    };
    let key = embedded.key.or(identity)?;
    refer(outer, &key);
    let covers = Some(Covers::new(embedded.covers.iter().map(String::as_str)));
    Some(EmbeddedCustomer { key, document: embedded.document, mapping: declared.mapping.version().into(), covers })
}

/// The buyer of an invoice that names its customer by no key. `None` when there is a key, or nothing to tell the buyer by.
fn buyer(document: &mut Document) -> Option<EmbeddedCustomer> {
    let Document::Invoice(invoice) = &*document else { return None };
    if invoice.customer.as_ref().is_some_and(|reference| reference.key.is_some()) {
        return None;
    }
    let customer = identity::customer(&invoice.buyer);
    let key = identity::embedded(&customer)?;
    refer(document, &key);
    let document = Document::Customer(Box::new(customer));
    Some(EmbeddedCustomer { key, document, mapping: EMBEDDED.into(), covers: None })
}

/// Makes a document refer to its embedded customer, unless it refers to one by a key of its own.
fn refer(document: &mut Document, key: &str) {
    let reference = match document {
        Document::Invoice(invoice) => &mut invoice.customer,
        Document::Payment(payment) => &mut payment.customer,
        Document::Allocation(allocation) => &mut allocation.customer,
        Document::Customer(_) | Document::Declared(_) => return,
    };
    let reference = reference.get_or_insert_default();
    if reference.key.is_none() {
        reference.key = Some(key.to_owned());
    }
}

/// The key by which the record names its customer.
fn customer_key(document: &Document) -> Option<&str> {
    let reference = match document {
        Document::Invoice(invoice) => invoice.customer.as_ref(),
        Document::Payment(payment) => payment.customer.as_ref(),
        Document::Allocation(allocation) => allocation.customer.as_ref(),
        Document::Customer(_) | Document::Declared(_) => None,
    };
    reference?.key.as_deref()
}
