//! Why a unit cannot be overridden.

use std::fmt::Write;

use canonical::rules::Finding;
use thiserror::Error;

/// Why a unit cannot be overridden, or its override not be taken back. No message shows a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OverrideError {
    /// A name that there is not.
    #[error("\"{path}\" names nothing: there is no \"{name}\"; there are {}", list(.known))]
    Unknown {
        /// The path as it was given.
        path: String,
        /// The part of it that there is not.
        name: String,
        /// What there is in its place.
        known: Vec<&'static str>,
    },
    /// A part of what wins as a whole.
    #[error("\"{path}\" is a part of \"{unit}\", which wins as a whole; set \"{unit}\" with all that it should say")]
    Part {
        /// The path as it was given.
        path: String,
        /// The unit that it belongs to.
        unit: String,
    },
    /// More than one unit.
    #[error("\"{path}\" is more than one value; name one of them, such as \"{path}.{example}\"")]
    Several {
        /// The path as it was given.
        path: String,
        /// What may follow.
        example: String,
    },
    /// A value of another form.
    #[error("\"{unit}\" takes {wanted}; see the JSON Schema of the document")]
    Shape {
        /// The unit.
        unit: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// A field that the unit does not have.
    #[error("\"{unit}\" has no field \"{name}\"; it has {}", list(.known))]
    UnknownField {
        /// The unit.
        unit: String,
        /// The field.
        name: String,
        /// The fields that it has.
        known: Vec<&'static str>,
    },
    /// A value that the entity's schema or rules do not take.
    #[error("\"{unit}\" cannot say this{}; give a value that is right, or correct it in a source", told(.findings))]
    Wrong {
        /// The unit.
        unit: String,
        /// Everything that is wrong with the value.
        findings: Vec<Finding>,
    },
    /// A value of which nothing is left in normal form.
    #[error("the value for \"{unit}\" says nothing; to decide that it is empty, give null")]
    Nothing {
        /// The unit.
        unit: String,
    },
    /// Nothing was decided about the unit.
    #[error("nothing is overridden at \"{unit}\"; {}", others(.overridden))]
    NotOverridden {
        /// The unit.
        unit: String,
        /// The units that are overridden.
        overridden: Vec<String>,
    },
    /// Too many units.
    #[error(
        "\"{unit}\" would be one more than {} overridden units of one master; take others back first",
        super::OVERRIDE_UNITS_MAX
    )]
    TooMany {
        /// The unit.
        unit: String,
    },
    /// Too many bytes.
    #[error(
        "with \"{unit}\" the overrides of this master would have more than {} bytes; give a shorter value",
        super::OVERRIDE_BYTES_MAX
    )]
    TooLarge {
        /// The unit.
        unit: String,
    },
}

fn list(known: &[&str]) -> String {
    known.join(", ")
}

fn others(units: &[String]) -> String {
    if units.is_empty() {
        "no unit of this master is".to_owned()
    } else {
        format!("overridden are {}", units.join(", "))
    }
}

fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for (index, finding) in findings.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{} {finding}", if index == 0 { ":" } else { ";" });
    }
    text
}
