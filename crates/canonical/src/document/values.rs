//! Values that documents are made of: currency, country and money.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::shape::{Shape, leaf};

/// A text that is no value of the wanted type; it names what is wanted, never the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct ValueError {
    /// What would have been right, in words.
    pub expected: &'static str,
}

/// Reads a value from text; owned and borrowed text alike, without a copy of its own.
pub(crate) struct TextVisitor<F> {
    expected: &'static str,
    read: F,
}

impl<F> TextVisitor<F> {
    pub(crate) fn new<T>(expected: &'static str, read: F) -> Self
    where
        F: FnOnce(&str) -> Result<T, ValueError>,
    {
        Self { expected, read }
    }
}

impl<T, F> de::Visitor<'_> for TextVisitor<F>
where
    F: FnOnce(&str) -> Result<T, ValueError>,
{
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}

/// Declares a code of a fixed number of upper-case ASCII letters, held without allocation.
macro_rules! letters {
    ($(#[$meta:meta])* $name:ident, $length:literal, $expected:literal, $pattern:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            /// The code as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                // The constructor admits ASCII letters only, so this never falls back.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                match <[u8; $length]>::try_from(text.as_bytes()) {
                    Ok(letters) if letters.iter().all(u8::is_ascii_uppercase) => Ok(Self(letters)),
                    _ => Err(ValueError { expected: $expected }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(TextVisitor::new($expected, Self::from_str))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }

        leaf! { $name => Shape::Letters($length) }
    };
}

letters!(
    /// A currency: three upper-case letters of ISO 4217.
    /// A code that the norm does not list survives; the rule `PSR-CURRENCY` reports it.
    Currency,
    3,
    "a currency of three upper-case letters (ISO 4217)",
    "^[A-Z]{3}$"
);

letters!(
    /// A country: two upper-case letters of ISO 3166-1.
    /// A code that the norm does not list survives; the rule `PSR-COUNTRY` reports it.
    Country,
    2,
    "a country of two upper-case letters (ISO 3166-1)",
    "^[A-Z]{2}$"
);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");
}

impl Country {
    /// France.
    pub const FR: Self = Self(*b"FR");
}

/// An exact amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// The amount, an exact decimal written as text.
    pub amount: Decimal,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount of a currency.
    #[must_use]
    pub const fn new(amount: Decimal, currency: Currency) -> Self {
        Self { amount, currency }
    }
}

leaf! { Money => Shape::Money }
