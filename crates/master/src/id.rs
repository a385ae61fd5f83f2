//! Master ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The permanent id of a master within its tenant, written `m` and a number: `m1042`.
///
/// Ids never change and are never reused; one that lost a merge redirects to the survivor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MasterId(pub u64);

/// Text that is not `m` and a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a master id; they look like m1042")]
pub struct NotAMasterId(pub String);

impl fmt::Display for MasterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "m{}", self.0)
    }
}

impl FromStr for MasterId {
    type Err = NotAMasterId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix('m').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number.and_then(|digits| digits.parse().ok());
        number.map(MasterId).ok_or_else(|| NotAMasterId(text.to_owned()))
    }
}

impl Serialize for MasterId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MasterId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
