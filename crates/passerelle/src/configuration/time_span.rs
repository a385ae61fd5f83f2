//! Lengths of time as people write them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time: a whole number and a unit, such as `200ms`, `10s`, `5m`, `2h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSpan(pub Duration);

/// The `format` of a [`TimeSpan`] in a schema.
pub const TIME_SPAN_FORMAT: &str = "time-span";

/// Units from the largest to the smallest, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A text that is no length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a length of time is a whole number with a unit: 200ms, 10s, 5m, 2h, 1d")]
pub struct NotATimeSpan;

impl FromStr for TimeSpan {
    type Err = NotATimeSpan;

    fn from_str(text: &str) -> Result<Self, NotATimeSpan> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| NotATimeSpan)?;
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(NotATimeSpan)?;
        number.checked_mul(*scale).map(|milliseconds| TimeSpan(Duration::from_millis(milliseconds))).ok_or(NotATimeSpan)
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let whole = |(_, scale): &&(&str, u64)| milliseconds != 0 && milliseconds.is_multiple_of(*scale);
        match UNITS.iter().find(whole) {
            Some((unit, scale)) => write!(formatter, "{}{unit}", milliseconds / scale),
            None => write!(formatter, "{milliseconds}ms"),
        }
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for TimeSpan {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": TIME_SPAN_FORMAT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_and_shows_the_largest_whole_unit() {
        let check = |text: &str, milliseconds: u64, shown: &str| {
            let span: TimeSpan = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(milliseconds), "{text}");
            assert_eq!(span.to_string(), shown, "{text}");
        };
        check("200ms", 200, "200ms");
        check("60s", 60_000, "1m");
        check("90s", 90_000, "90s");
        check("1d", 86_400_000, "1d");
        check("0s", 0, "0ms");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "10sec", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(text.parse::<TimeSpan>(), Err(NotATimeSpan), "{text}");
        }
    }
}
