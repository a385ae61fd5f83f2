//! Dates and instants.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::{Short, Text};
use crate::error::Problem;

/// Accepted formats of dates; the first is the one written. None: ISO 8601.
#[derive(Debug, Clone, Default)]
pub(crate) struct DateStyle {
    pub formats: Vec<Box<str>>,
}

fn problem(reason: &'static str) -> Problem {
    Problem::new("mapping.date", reason)
}

const NO_FORMAT_FITS: &str = "it has none of the line's formats, or is no day of the calendar";

impl DateStyle {
    /// Reads a date; ISO 8601 text is borrowed.
    pub(crate) fn read<'r>(&self, raw: Cow<'r, str>) -> Result<Text<'r>, Problem> {
        if self.formats.is_empty() {
            let is_plain = raw.len() == 10;
            let date: Date = raw.parse().map_err(|_| problem("it is no date like 2024-02-29"))?;
            return if is_plain { Ok(raw.into()) } else { short(date) };
        }
        let date = self.formats.iter().find_map(|format| Date::strptime(&**format, &*raw).ok());
        short(date.ok_or_else(|| problem(NO_FORMAT_FITS))?)
    }

    /// Writes a date in the first format.
    pub(crate) fn write<'c>(&self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        let Some(format) = self.formats.first() else { return Ok(canonical.into()) };
        let date: Date = canonical.parse().map_err(|_| problem("the document holds no date here"))?;
        Ok(Cow::Owned(written(format, date).ok_or_else(|| problem("the format cannot write a date"))?))
    }

    /// A format is lossy when it cannot tell far dates apart, as a year of two digits.
    pub(crate) fn is_lossy(&self) -> bool {
        self.formats.first().is_some_and(|format| !DATE_SAMPLES.iter().all(|sample| self.keeps(format, *sample)))
    }

    fn keeps(&self, format: &str, sample: Date) -> bool {
        written(format, sample)
            .is_some_and(|text| self.read(Cow::Owned(text)).is_ok_and(|read| *read == *sample.to_string()))
    }

    /// Whether every format can be written, and what it wrote read again.
    pub(crate) fn broken_format(&self) -> Option<&str> {
        self.formats
            .iter()
            .map(|format| &**format)
            .find(|format| written(format, DATE_SAMPLES[0]).is_none_or(|text| Date::strptime(format, &text).is_err()))
    }
}

/// A date as the midnight of UTC, for formats that have a time or an offset too.
fn written(format: &str, date: Date) -> Option<String> {
    let midnight = date.to_zoned(TimeZone::UTC).ok()?;
    jiff::fmt::strtime::format(format, &midnight).ok()
}

const DATE_SAMPLES: [Date; 2] = [jiff::civil::date(2024, 2, 29), jiff::civil::date(1923, 11, 1)];

fn short<'r>(value: impl std::fmt::Display) -> Result<Text<'r>, Problem> {
    Short::of(value).map(Text::from).ok_or_else(|| problem("it is too far away in time"))
}

/// Accepted formats of instants; the first is the one written. None: RFC 3339.
#[derive(Debug, Clone)]
pub(crate) struct TimestampStyle {
    pub formats: Vec<Box<str>>,
    /// The zone of formats without an offset.
    pub zone: TimeZone,
}

impl Default for TimestampStyle {
    fn default() -> Self {
        TimestampStyle { formats: Vec::new(), zone: TimeZone::UTC }
    }
}

impl TimestampStyle {
    /// The zone of a name of the IANA database that comes with the program.
    pub(crate) fn zone(name: &str) -> Option<TimeZone> {
        jiff::tz::TimeZoneDatabase::bundled().get(name).ok()
    }

    /// Reads an instant. Local time that happens twice is taken as the first; local time that never happens moves on.
    pub(crate) fn read(&self, raw: &str) -> Result<Short, Problem> {
        let instant = if self.formats.is_empty() {
            raw.parse::<Timestamp>().ok().or_else(|| self.local(raw.parse().ok()?))
        } else {
            self.formats.iter().find_map(|format| {
                Timestamp::strptime(&**format, raw)
                    .ok()
                    .or_else(|| self.local(DateTime::strptime(&**format, raw).ok()?))
                    .or_else(|| self.local(Date::strptime(&**format, raw).ok()?.into()))
            })
        };
        let instant = instant.ok_or_else(|| problem("it has none of the line's formats, or is no instant"))?;
        Short::of(instant).ok_or_else(|| problem("it is too far away in time"))
    }

    fn local(&self, time: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(time).ok()
    }

    /// Writes an instant in the first format.
    pub(crate) fn write<'c>(&self, canonical: &'c str) -> Result<Cow<'c, str>, Problem> {
        let Some(format) = self.formats.first() else { return Ok(canonical.into()) };
        let instant: Timestamp = canonical.parse().map_err(|_| problem("the document holds no instant here"))?;
        let written = jiff::fmt::strtime::format(&**format, &instant.to_zoned(self.zone.clone()));
        written.map(Cow::Owned).map_err(|_| problem("the format cannot write an instant"))
    }

    pub(crate) fn is_lossy(&self) -> bool {
        true
    }

    /// The first format that cannot be written, or what it wrote read again.
    pub(crate) fn broken_format(&self) -> Option<&str> {
        self.formats.iter().map(|format| &**format).find(|format| {
            let one = TimestampStyle { formats: vec![(*format).into()], zone: self.zone.clone() };
            !one.write("2024-02-29T10:20:30Z").is_ok_and(|text| one.read(&text).is_ok())
        })
    }
}
