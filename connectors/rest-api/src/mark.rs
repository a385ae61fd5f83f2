//! The values by which a stream is read incrementally: order, steps back, and how the system writes them.

use canonical::record::Json;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

/// How far an item is, in an order that the system keeps: microseconds, days or a count; or a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Mark {
    Number(i64),
    Text(String),
}

/// What the system's values look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Timestamp,
    Date,
    Seconds,
    Milliseconds,
    Number,
    Text,
    Pattern(String),
}

/// Longer texts are no marks; checkpoints stay small.
const TEXT_BYTES_MAX: usize = 64;
const MICROSECONDS: i64 = 1_000_000;

impl Format {
    /// The format of this name; the error says which there are.
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        Ok(match name {
            "timestamp" => Format::Timestamp,
            "date" => Format::Date,
            "seconds" => Format::Seconds,
            "milliseconds" => Format::Milliseconds,
            "number" => Format::Number,
            "text" => Format::Text,
            pattern if pattern.contains('%') => {
                let format = Format::Pattern(pattern.to_owned());
                // What was written must be readable again, and mean the same second.
                let sample = Mark::Number(1_790_000_000 * MICROSECONDS);
                if format.write(&sample).and_then(|text| format.read_text(&text)) != Some(sample) {
                    return Err(format!("the pattern \"{pattern}\" does not tell a moment to the second"));
                }
                format
            }
            other => {
                return Err(format!(
                    "there is no format \"{other}\"; use timestamp, date, seconds, milliseconds, number, text, \
                     or a pattern such as \"%Y-%m-%d %H:%M:%S\""
                ));
            }
        })
    }

    /// The mark that a value tells; `None` when it does not have this format.
    pub(crate) fn read(&self, value: &Json) -> Option<Mark> {
        match value {
            Json::String(text) => self.read_text(text),
            Json::Number(number) => self.read_text(&number.plain()),
            _ => None,
        }
    }

    pub(crate) fn read_text(&self, text: &str) -> Option<Mark> {
        let number = match self {
            Format::Timestamp => microseconds(timestamp(text)?)?,
            Format::Date => days(text.get(..10)?.parse().ok()?)?,
            // Fractions are cut off: going back too far only reads a row again.
            Format::Seconds => whole(text)?.checked_mul(MICROSECONDS)?,
            Format::Milliseconds => whole(text)?.checked_mul(1_000)?,
            Format::Number => text.parse().ok()?,
            Format::Text if text.len() <= TEXT_BYTES_MAX => return Some(Mark::Text(text.to_owned())),
            Format::Text => return None,
            Format::Pattern(pattern) => microseconds(by_pattern(pattern, text)?)?,
        };
        Some(Mark::Number(number))
    }

    /// The mark as the system writes it.
    pub(crate) fn write(&self, mark: &Mark) -> Option<String> {
        let number = match mark {
            Mark::Text(text) => return Some(text.clone()),
            Mark::Number(number) => *number,
        };
        Some(match self {
            Format::Timestamp => Timestamp::from_microsecond(number).ok()?.to_string(),
            Format::Date => EPOCH.checked_add(number.days()).ok()?.to_string(),
            Format::Seconds => number.div_euclid(MICROSECONDS).to_string(),
            Format::Milliseconds => number.div_euclid(1_000).to_string(),
            Format::Number | Format::Text => number.to_string(),
            Format::Pattern(pattern) => {
                let moment = Timestamp::from_microsecond(number).ok()?.to_zoned(TimeZone::UTC);
                jiff::fmt::strtime::format(pattern, &moment).ok()?
            }
        })
    }

    /// The mark that lies this far before another: days, a count or seconds, as the format goes.
    pub(crate) fn before(&self, mark: &Mark, overlap: i64) -> Mark {
        match (self, mark) {
            (_, Mark::Text(_)) => mark.clone(),
            (Format::Date | Format::Number, Mark::Number(number)) => Mark::Number(number.saturating_sub(overlap)),
            (_, Mark::Number(number)) => Mark::Number(number.saturating_sub(overlap.saturating_mul(MICROSECONDS))),
        }
    }
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

fn days(date: Date) -> Option<i64> {
    Some(i64::from(EPOCH.until(date).ok()?.get_days()))
}

fn microseconds(timestamp: Timestamp) -> Option<i64> {
    i64::try_from(timestamp.as_nanosecond().div_euclid(1_000)).ok()
}

fn whole(text: &str) -> Option<i64> {
    text.split_once('.').map_or(text, |(whole, _)| whole).parse().ok()
}

fn timestamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| utc(text.parse().ok()?))
}

fn by_pattern(pattern: &str, text: &str) -> Option<Timestamp> {
    if pattern.contains("%z") || pattern.contains("%:z") {
        return Zoned::strptime(pattern, text)
            .map(|zoned| zoned.timestamp())
            .ok()
            .or_else(|| Timestamp::strptime(pattern, text).ok());
    }
    utc(DateTime::strptime(pattern, text).ok()?)
}

fn utc(moment: DateTime) -> Option<Timestamp> {
    moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn marks_are_read_stepped_back_and_written() {
        let check = |format: &str, value: Value, overlap: i64, expected: &str| {
            let format = Format::new(format).unwrap();
            let mark = format.read(&Json::from(value.clone())).unwrap();
            assert_eq!(format.write(&format.before(&mark, overlap)).as_deref(), Some(expected), "{format:?} {value}");
        };
        check("timestamp", json!("2026-03-01T00:00:30+01:00"), 60, "2026-02-28T22:59:30Z");
        check("timestamp", json!("2026-03-01T10:00:00.123456789"), 0, "2026-03-01T10:00:00.123456Z");
        check("date", json!("2026-03-01"), 1, "2026-02-28");
        check("date", json!("2026-03-01T09:00:00"), 0, "2026-03-01");
        check("seconds", json!(1_700_000_000), 10, "1699999990");
        check("seconds", json!(1_700_000_000.75), 0, "1700000000");
        check("milliseconds", json!("1700000000123"), 1, "1699999999123");
        check("number", json!(42), 2, "40");
        check("text", json!("0A1B"), 0, "0A1B");
        check("%d/%m/%Y %H:%M:%S", json!("01/03/2026 00:00:10"), 20, "28/02/2026 23:59:50");
        check("%Y-%m-%dT%H:%M:%S%z", json!("2026-03-01T01:00:00+0100"), 0, "2026-03-01T00:00:00+0000");
    }

    #[test]
    fn what_is_no_mark_is_none() {
        let check = |format: &str, value: Value| {
            assert_eq!(Format::new(format).unwrap().read(&Json::from(value.clone())), None, "{value}");
        };
        check("timestamp", json!("yesterday"));
        check("timestamp", json!(null));
        check("date", json!("01/03/2026"));
        check("number", json!(1.5));
        check("text", json!("x".repeat(65)));
        assert!(Format::new("rfc3339").is_err());
        assert!(Format::new("%H:%M").is_err());
    }
}
