//! Canonical documents: customer, invoice, payment, allocation, and entities that a user declares.
//!
//! Every field may be missing: a document says what its source says, and presence is a matter of rules,
//! so that all findings are reported at once.

pub mod allocation;
pub mod customer;
pub mod invoice;
pub mod lists;
pub mod party;
pub mod payment;
pub mod shape;
mod unknown;
pub mod values;

use std::sync::Arc;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub use allocation::Allocation;
pub use customer::Customer;
pub use invoice::Invoice;
pub use party::{Address, BankAccount, Contact, ElectronicAddress, Email, Identifier, Phone, Reference};
pub use payment::Payment;
pub use values::{Country, Currency, Money, ValueError};

use crate::entity::Entity;

/// A document of any entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// A customer.
    Customer(Box<Customer>),
    /// An invoice or credit note.
    Invoice(Box<Invoice>),
    /// A payment.
    Payment(Box<Payment>),
    /// An allocation.
    Allocation(Box<Allocation>),
    /// A document of an entity that a user declares.
    Declared(Declared),
}

/// A document of an entity that a user declares by a JSON Schema of his own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The entity's name.
    pub name: Arc<str>,
    /// The document, as it is.
    pub fields: Map<String, Value>,
}

/// JSON that does not have the types of its entity.
///
/// The message holds no value of the document; validate by schema first to learn every place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this JSON is no {entity}: {reason}; validate it by the entity's schema to see every place")]
pub struct DocumentError {
    /// The entity that was wanted.
    pub entity: Entity,
    /// What is wrong, without any value.
    pub reason: &'static str,
}

impl DocumentError {
    fn new(entity: &Entity, error: &serde_json::Error) -> Self {
        let reason = match error.classify() {
            serde_json::error::Category::Io => "it cannot be read",
            serde_json::error::Category::Syntax => "it is malformed",
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Data => "a value has the wrong type or form",
        };
        Self { entity: entity.clone(), reason }
    }
}

impl Document {
    /// The document's entity.
    #[must_use]
    pub fn entity(&self) -> Entity {
        match self {
            Self::Customer(_) => Entity::Customer,
            Self::Invoice(_) => Entity::Invoice,
            Self::Payment(_) => Entity::Payment,
            Self::Allocation(_) => Entity::Allocation,
            Self::Declared(declared) => Entity::Declared(Arc::clone(&declared.name)),
        }
    }

    /// Reads a document from whatever serde can read, without anything in between; unknown fields are passed over.
    ///
    /// # Errors
    /// The deserializer's own, when a value has the wrong type or form.
    pub fn deserialize_as<'de, D: Deserializer<'de>>(entity: &Entity, deserializer: D) -> Result<Self, D::Error> {
        Ok(match entity {
            Entity::Customer => Self::Customer(Box::deserialize(deserializer)?),
            Entity::Invoice => Self::Invoice(Box::deserialize(deserializer)?),
            Entity::Payment => Self::Payment(Box::deserialize(deserializer)?),
            Entity::Allocation => Self::Allocation(Box::deserialize(deserializer)?),
            Entity::Declared(name) => {
                Self::Declared(Declared { name: Arc::clone(name), fields: Map::deserialize(deserializer)? })
            }
        })
    }

    /// Reads a document from JSON text, such as the `data` of an envelope; unknown fields are passed over.
    ///
    /// # Errors
    /// [`DocumentError`], when the text is malformed or a value has the wrong type or form.
    pub fn from_slice(entity: &Entity, json: &[u8]) -> Result<Self, DocumentError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        Self::deserialize_as(entity, &mut deserializer)
            .and_then(|document| deserializer.end().map(|()| document))
            .map_err(|error| DocumentError::new(entity, &error))
    }

    /// Reads a document that was made elsewhere: fields that this version does not know survive,
    /// each under its path, in `extensions.unknown`.
    ///
    /// # Errors
    /// [`DocumentError`], when a value has the wrong type or form.
    pub fn from_json(entity: &Entity, json: Value) -> Result<Self, DocumentError> {
        if !json.is_object() {
            return Err(DocumentError { entity: entity.clone(), reason: "it is no object" });
        }
        let mut document = Self::deserialize_as(entity, &json).map_err(|error| DocumentError::new(entity, &error))?;
        if let Some(extensions) = document.extensions_mut() {
            unknown::keep(json, entity, extensions);
        }
        Ok(document)
    }

    /// The document as JSON; fields that say nothing are left out.
    #[must_use]
    pub fn to_json(&self) -> Value {
        // Documents hold text, decimals, dates and lists only, which always have a JSON form.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What the model has no field for; `None` for a declared entity, which holds everything as it is.
    pub fn extensions_mut(&mut self) -> Option<&mut std::collections::BTreeMap<String, Value>> {
        match self {
            Self::Customer(customer) => Some(&mut customer.extensions),
            Self::Invoice(invoice) => Some(&mut invoice.extensions),
            Self::Payment(payment) => Some(&mut payment.extensions),
            Self::Allocation(allocation) => Some(&mut allocation.extensions),
            Self::Declared(_) => None,
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Customer(customer) => customer.serialize(serializer),
            Self::Invoice(invoice) => invoice.serialize(serializer),
            Self::Payment(payment) => payment.serialize(serializer),
            Self::Allocation(allocation) => allocation.serialize(serializer),
            Self::Declared(declared) => declared.fields.serialize(serializer),
        }
    }
}

/// An entity is the seed of its documents, for deserializers that are handed seeds.
impl<'de> DeserializeSeed<'de> for &Entity {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document, D::Error> {
        Document::deserialize_as(self, deserializer)
    }
}

#[cfg(test)]
pub(crate) mod generated;
#[cfg(test)]
mod tests;
