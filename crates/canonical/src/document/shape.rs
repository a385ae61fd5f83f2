//! What a document is made of, told by its types: which fields, of which nature, and which list has which selector.
//!
//! The mapping compiler checks target paths against this, and generic code (what does this mapping cover,
//! which value wins) walks it, so neither repeats the list of fields.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

/// The nature of one place in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Free text, or a code of an open list.
    Text,
    /// A code with well-known values; when `open`, any other text survives as it is.
    Code {
        /// The well-known values, as they are written in JSON.
        values: &'static [&'static str],
        /// Whether other values are allowed.
        open: bool,
    },
    /// A code of exactly so many upper-case ASCII letters.
    Letters(usize),
    /// An exact decimal, written as text in JSON.
    Decimal,
    /// A group of an amount and its currency, both of them required.
    Money,
    /// A whole number that is not negative.
    Integer,
    /// True or false.
    Boolean,
    /// A calendar date, `YYYY-MM-DD`.
    Date,
    /// An instant, RFC 3339.
    Timestamp,
    /// Any JSON: the inside of `extensions`.
    Any,
    /// A group of named fields.
    Group(&'static [Field]),
    /// A list of like items.
    List {
        /// The item's field that the mapping language matches the path segment after the list with.
        selector: Option<&'static str>,
        /// The nature of every item.
        item: &'static Shape,
    },
}

/// One named field of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The field's name, as it is written in JSON.
    pub name: &'static str,
    /// The field's nature.
    pub shape: Shape,
}

/// What money is made of.
const MONEY: &[Field] =
    &[Field { name: "amount", shape: Shape::Decimal }, Field { name: "currency", shape: Shape::Letters(3) }];

impl Shape {
    /// The field `name` of a group; `None` when there is none, or when this is no group.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        let fields = match self {
            Self::Group(fields) => fields,
            Self::Money => MONEY,
            _ => return None,
        };
        fields.iter().find(|field| field.name == name)
    }

    /// The shape at a dotted path of field names without selectors, such as `lines.allowances.amount`.
    /// Lists are stepped into.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<Self> {
        path.split('.').try_fold(*self, |shape, name| {
            let inside = match shape {
                Self::List { item, .. } => *item,
                other => other,
            };
            inside.field(name).map(|field| field.shape)
        })
    }
}

/// A type that has a place in a document.
pub trait Shaped {
    /// Its nature.
    const SHAPE: Shape;
    /// The field that tells items of a list of this type apart.
    const SELECTOR: Option<&'static str> = None;

    /// Whether it says nothing, so that it vanishes from JSON.
    fn is_empty(&self) -> bool;
}

impl<T: Shaped> Shaped for Option<T> {
    const SHAPE: Shape = T::SHAPE;

    fn is_empty(&self) -> bool {
        self.as_ref().is_none_or(Shaped::is_empty)
    }
}

impl<T: Shaped> Shaped for Vec<T> {
    const SHAPE: Shape = Shape::List { selector: T::SELECTOR, item: &T::SHAPE };

    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

impl Shaped for BTreeMap<String, Value> {
    const SHAPE: Shape = Shape::Any;

    fn is_empty(&self) -> bool {
        BTreeMap::is_empty(self)
    }
}

/// Gives a leaf type its shape; a leaf is never empty by itself, only its `Option` is.
macro_rules! leaf {
    ($($type:ty => $shape:expr),+ $(,)?) => {
        $(impl $crate::document::shape::Shaped for $type {
            const SHAPE: $crate::document::shape::Shape = $shape;

            fn is_empty(&self) -> bool {
                false
            }
        })+
    };
}
pub(crate) use leaf;

leaf! {
    String => Shape::Text,
    Decimal => Shape::Decimal,
    u32 => Shape::Integer,
    bool => Shape::Boolean,
    jiff::civil::Date => Shape::Date,
    jiff::Timestamp => Shape::Timestamp,
}

/// The JSON name of a field whose Rust name may be a raw identifier.
pub(crate) const fn field_name(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Declares groups of a document: every field may be missing and vanishes from JSON when it is empty,
/// unknown fields are tolerated, and the shape follows the fields.
/// `[name]` after the group's name declares the field that selects an item where groups form a list.
macro_rules! group {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident $([$selector:literal])? {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )+
        }
    )+) => { $(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Default, PartialEq, Eq,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(skip_serializing_if = "crate::document::shape::Shaped::is_empty")]
                pub $field: $type,
            )+
        }

        impl $crate::document::shape::Shaped for $name {
            const SHAPE: $crate::document::shape::Shape = $crate::document::shape::Shape::Group(&[
                $( $crate::document::shape::Field {
                    name: $crate::document::shape::field_name(stringify!($field)),
                    shape: <$type as $crate::document::shape::Shaped>::SHAPE,
                } ),+
            ]);
            $(const SELECTOR: Option<&'static str> = Some($selector);)?

            fn is_empty(&self) -> bool {
                $( $crate::document::shape::Shaped::is_empty(&self.$field) )&&+
            }
        }
    )+ };
}
pub(crate) use group;

/// Declares a code whose well-known values have names and whose other values survive as text.
macro_rules! open_code {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$value_meta:meta])* $value:ident = $text:literal, )+ }
    )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $( $(#[$value_meta])* $value, )+
            /// A value outside the well-known ones, kept as it came.
            Other(String),
        }

        impl $name {
            /// The value as it is written in JSON.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$value => $text, )+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$value, )+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::document::values::TextVisitor::new(
                    "a code", |text| Ok(Self::from(text)),
                ))
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "examples": [$($text),+] })
            }
        }

        $crate::document::shape::leaf! {
            $name => $crate::document::shape::Shape::Code { values: &[$($text),+], open: true },
        }
    )+ };
}
pub(crate) use open_code;

/// Declares a code whose values are closed: any other text is an error.
macro_rules! closed_code {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$value_meta:meta])* $value:ident = $text:literal, )+ }
    )+) => { $(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        #[schemars(inline)]
        pub enum $name {
            $( $(#[$value_meta])* #[serde(rename = $text)] $value, )+
        }

        impl $name {
            /// The value as it is written in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$value => $text, )+ }
            }
        }

        $crate::document::shape::leaf! {
            $name => $crate::document::shape::Shape::Code { values: &[$($text),+], open: false },
        }
    )+ };
}
pub(crate) use closed_code;
