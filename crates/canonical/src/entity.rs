//! The kinds of documents, and what can happen to one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The kind of a document: one of the four canonical ones, or one that a user declares by a JSON Schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entity {
    /// A company or person that is sold to.
    Customer,
    /// An invoice or credit note, the EN 16931 core.
    Invoice,
    /// Money received or paid, in ISO 20022 terms.
    Payment,
    /// A payment or credit note set against an invoice.
    Allocation,
    /// An entity that the user declares (stock item, employee, ticket, supplier …), by its name.
    Declared(Arc<str>),
}

impl Entity {
    /// The canonical entities, in the order in which one refers to another: a customer comes before its invoices.
    pub const CANONICAL: [Entity; 4] = [Entity::Customer, Entity::Invoice, Entity::Payment, Entity::Allocation];

    /// The name in configuration, event types and listings: lower case, singular.
    pub fn name(&self) -> &str {
        match self {
            Entity::Customer => "customer",
            Entity::Invoice => "invoice",
            Entity::Payment => "payment",
            Entity::Allocation => "allocation",
            Entity::Declared(name) => name,
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// An entity name that is not a lower-case word of at most 64 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an entity; use customer, invoice, payment, allocation, or a declared lower-case name")]
pub struct UnknownEntity(pub String);

impl FromStr for Entity {
    type Err = UnknownEntity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "customer" => Entity::Customer,
            "invoice" => Entity::Invoice,
            "payment" => Entity::Payment,
            "allocation" => Entity::Allocation,
            other => {
                let shaped = !other.is_empty()
                    && other.len() <= 64
                    && other.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
                if !shaped {
                    return Err(UnknownEntity(other.to_owned()));
                }
                Entity::Declared(other.into())
            }
        })
    }
}

impl Serialize for Entity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Entity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What an observation, a change or a delivery does to a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// The document exists and is this.
    #[default]
    Upsert,
    /// The document is no longer there.
    Remove,
    /// The document was one with another; the survivor is named.
    Redirect,
}

impl Operation {
    /// The name in envelopes and listings.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Upsert => "upsert",
            Operation::Remove => "remove",
            Operation::Redirect => "redirect",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
